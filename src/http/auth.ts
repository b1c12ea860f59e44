import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createRemoteJWKSet,
  errors,
  jwtVerify,
  SignJWT,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose'
import type { Clock } from '../clock.ts'
import { ROLES, type Identity, type Role } from '../stores/identity.ts'
import { readRevokedTokens } from '../stores/accounts.ts'
import type { Database } from '../stores/database.ts'
import { MS_PER_MIN, MS_PER_S, type EpochMs } from '../time.ts'

export const OWN_ISSUER = 'relight'
export const OWN_AUDIENCE = 'relight'
/** A verified token is not verified again while it is remembered: HMAC and ECDSA cost 0.1 ms each. */
export const TOKENS_REMEMBERED_MAX = 20_000
/** However long a token lives, its key is looked at again after this. */
export const TOKEN_REMEMBERED_MIN = 5
/** A revocation on one gateway is known on all others after this. */
export const REVOCATIONS_REFRESH_S = 5
/** A request waits so long to hear of the newest ones. */
const REVOCATIONS_WAIT_MS = 1_000
const TOKEN_CHARS_MAX = 16_384
const SERVICE_POINTS_MAX = 1_000
const ID_CHARS_MAX = 128
/** An issuer's keys are asked for again at most this often, however many unknown key ids come along. */
const JWKS_COOLDOWN_MS = 5 * MS_PER_S
const DISCOVERY_TIMEOUT_MS = 5 * MS_PER_S

// Only what the issuer signs with a private key: a token "signed" with its public key as an HMAC secret is refused before any key is looked at.
const OIDC_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA']

export type AuthSettings =
  | { readonly kind: 'secret'; readonly secret: string }
  | { readonly kind: 'oidc'; readonly issuer: string; readonly audience: string }

export type Verified =
  | { readonly ok: true; readonly identity: Identity }
  | {
      readonly ok: false
      readonly code: 'invalid-token' | 'expired-token' | 'revoked-token' | 'issuer-unreachable'
      readonly says: string
    }

export type Auth = {
  /** Never throws for a bad token: says what is wrong with it. */
  verify(token: string): Promise<Verified>
  /** True where the token of this identity has been revoked, as far as this process knows. */
  isRevoked(identity: Identity): boolean
  /** Refuses a token in this process at once, before the table is read again. */
  forget(jti: string): void
}

export type TokenClaims = {
  readonly role: Role
  readonly subject: string
  readonly servicePoints: readonly string[]
  readonly ttlS: number
}

/** A token signed with our own secret, with a `jti` by which it can be revoked. */
export async function issueToken(
  claims: TokenClaims,
  secret: string,
  now: EpochMs,
): Promise<string> {
  const issuedAtS = Math.floor(now / MS_PER_S)
  return new SignJWT({ role: claims.role, service_points: [...claims.servicePoints] })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(claims.subject)
    .setIssuer(OWN_ISSUER)
    .setAudience(OWN_AUDIENCE)
    .setIssuedAt(issuedAtS)
    .setExpirationTime(issuedAtS + claims.ttlS)
    .setJti(randomUUID())
    .sign(new TextEncoder().encode(secret))
}

export function openAuth(parts: { settings: AuthSettings; db: Database; clock: Clock }): Auth {
  const { settings, db, clock } = parts
  const key = settings.kind === 'secret' ? secretKey(settings.secret) : issuerKeys(settings.issuer)
  const expected =
    settings.kind === 'secret'
      ? { issuer: OWN_ISSUER, audience: OWN_AUDIENCE, algorithms: ['HS256'] }
      : { issuer: settings.issuer, audience: settings.audience, algorithms: OIDC_ALGORITHMS }
  const remembered = new Map<string, { identity: Identity; untilAt: EpochMs }>()
  let revoked = new Set<string>()
  /** Or asked for, without an answer. */
  let revokedReadAt = -Infinity
  let reading: Promise<void> | undefined

  async function refreshRevoked(now: EpochMs): Promise<void> {
    if (now - revokedReadAt < REVOCATIONS_REFRESH_S * MS_PER_S) return
    reading ??= readRevokedTokens(db, now)
      .then((list) => {
        revoked = new Set(list)
        revokedReadAt = now
      })
      // The database is away: what was known last still holds, and tokens prove themselves without it.
      .catch(() => {
        revokedReadAt = now
      })
      .finally(() => {
        reading = undefined
      })
    // Tokens of people who are there are not kept waiting for a database that is slow to say which ones are not.
    await Promise.race([reading, sleep(REVOCATIONS_WAIT_MS, undefined, { ref: false })])
    revokedReadAt = Math.max(revokedReadAt, now)
  }

  async function check(token: string, now: EpochMs): Promise<Verified> {
    const known = remembered.get(token)
    if (known !== undefined && known.untilAt > now) return { ok: true, identity: known.identity }
    remembered.delete(token)
    let payload: JWTPayload
    try {
      const verified = await jwtVerify(token, key, {
        ...expected,
        currentDate: new Date(now),
        requiredClaims: ['exp', 'sub'],
      })
      payload = verified.payload
    } catch (error) {
      return refusal(error)
    }
    const identity = identityOf(payload)
    if (typeof identity === 'string') return { ok: false, code: 'invalid-token', says: identity }
    if (remembered.size >= TOKENS_REMEMBERED_MAX) {
      const [oldest] = remembered.keys()
      if (oldest !== undefined) remembered.delete(oldest)
    }
    const untilAt = Math.min(identity.expiresAt, now + TOKEN_REMEMBERED_MIN * MS_PER_MIN)
    remembered.set(token, { identity, untilAt })
    return { ok: true, identity }
  }

  const isRevoked = (identity: Identity) => identity.jti !== null && revoked.has(identity.jti)

  return {
    async verify(token) {
      const now = clock()
      if (token.length > TOKEN_CHARS_MAX) {
        return { ok: false, code: 'invalid-token', says: 'the token is too long' }
      }
      const verified = await check(token, now)
      if (!verified.ok) return verified
      await refreshRevoked(now)
      if (isRevoked(verified.identity)) {
        return { ok: false, code: 'revoked-token', says: 'the token has been revoked' }
      }
      return verified
    },
    isRevoked,
    forget: (jti) => void revoked.add(jti),
  }
}

function secretKey(secret: string): JWTVerifyGetKey {
  const bytes = new TextEncoder().encode(secret)
  return () => Promise.resolve(bytes)
}

/** The issuer's keys, found by discovery at the first token and again after a failure; new keys are fetched when they are first used. */
function issuerKeys(issuer: string): JWTVerifyGetKey {
  let keys: Promise<JWTVerifyGetKey> | undefined
  return async (header, token) => {
    keys ??= discover(issuer).catch((error: unknown) => {
      keys = undefined
      throw error
    })
    return (await keys)(header, token)
  }
}

async function discover(issuer: string): Promise<JWTVerifyGetKey> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
  const answer = await fetch(url, { signal: AbortSignal.timeout(DISCOVERY_TIMEOUT_MS) })
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
  const found = (await answer.json()) as { issuer?: unknown; jwks_uri?: unknown }
  if (found.issuer !== issuer) throw new Error(`${url} speaks for another issuer`)
  if (typeof found.jwks_uri !== 'string') throw new Error(`${url} names no jwks_uri`)
  return createRemoteJWKSet(new URL(found.jwks_uri), { cooldownDuration: JWKS_COOLDOWN_MS })
}

function refusal(error: unknown): Verified {
  if (error instanceof errors.JWTExpired) {
    return { ok: false, code: 'expired-token', says: 'the token has expired' }
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return { ok: false, code: 'invalid-token', says: `the token's ${error.claim} is not accepted` }
  }
  if (
    error instanceof errors.JWKSTimeout ||
    !(error instanceof errors.JOSEError) ||
    error.code === 'ERR_JOSE_GENERIC'
  ) {
    return { ok: false, code: 'issuer-unreachable', says: 'the keys of the issuer cannot be read' }
  }
  return { ok: false, code: 'invalid-token', says: 'the token is not one of ours' }
}

/** The identity that the claims of a verified token give, or what is wrong with them. */
function identityOf(claims: JWTPayload): Identity | string {
  const { sub, exp, jti } = claims
  const role = ROLES.find((known) => known === claims['role'])
  if (role === undefined) return `the token's role is not one of ${ROLES.join(', ')}`
  if (sub === undefined || !isId(sub)) return "the token's sub is not a name"
  if (exp === undefined) return 'the token has no exp'
  const points = claims['service_points'] ?? []
  if (!Array.isArray(points) || points.length > SERVICE_POINTS_MAX || !points.every(isId)) {
    return `the token's service_points is not a list of at most ${SERVICE_POINTS_MAX} ids`
  }
  return {
    subject: sub,
    role,
    servicePoints: [...new Set(points)],
    jti: typeof jti === 'string' ? jti : null,
    expiresAt: exp * MS_PER_S,
  }
}

function isId(value: unknown): value is string {
  // oxlint-disable-next-line no-control-regex -- that is what is looked for
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= ID_CHARS_MAX &&
    !hasControls(value)
  )
}

function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code === 0x7f) return true
  }
  return false
}
