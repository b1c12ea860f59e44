import type { FastifyReply, FastifyRequest } from 'fastify'
import { Counter } from 'prom-client'
import { accessOf, mayUse, type Access } from './access.ts'
import type { Verified } from './auth.ts'
import { openForward } from './forward.ts'
import type { App, HttpParts } from './parts.ts'
import { Problem } from './problem.ts'

export const PER_IDENTITY_PER_MIN = 3_000
/** A whole office, or a mobile operator, may stand behind one address. */
export const PER_ADDRESS_PER_MIN = 12_000
/** Sockets opened from one address: a city behind the one address of its carrier comes back within minutes. */
export const OPENINGS_PER_ADDRESS_PER_MIN = 12_000
/** Tokens that turn out bad, from one address. */
export const BAD_TOKENS_PER_MIN = 300
/** Who is refused because the database is away may try again after so long. */
const AWAY_RETRY_S = 5
/** Identities and addresses counted at once; beyond it the oldest count is forgotten. */
export const COUNTED_MAX = 50_000

/** Routes added from here on must stand in the table of access, or adding them throws. */
export function refuseUndecided(app: Pick<App, 'addHook'>): void {
  app.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) {
      if (accessOf(method, route.url) !== undefined) continue
      throw new Error(`nobody has decided who may use ${method} ${route.url} (src/http/access.ts)`)
    }
  })
}

declare module 'fastify' {
  interface FastifyInstance {
    /** A refusal that says which limit was reached and when to try again; counted by limit. */
    tooMany(reply: FastifyReply, limit: Limit, retryAfterS: number, says: string): Problem
  }
}

export type Limit =
  | 'requests-by-identity'
  | 'requests-by-address'
  | 'bad-tokens-by-address'
  | 'openings-by-address'
  | 'sockets-by-identity'

/** Who is it, not too often, and may they: before anything of the request is read. */
export function guard(app: App, parts: HttpParts): void {
  const { settings } = parts
  const forward = openForward(parts)
  const limited = new Counter({
    name: 'relight_http_limited_total',
    help: 'Requests and openings of sockets beyond a limit, by limit',
    labelNames: ['limit'],
    registers: [parts.metrics],
  })
  app.decorate('tooMany', (reply, limit, retryAfterS, says) => {
    limited.inc({ limit })
    void reply.header('retry-after', String(retryAfterS))
    const told = `${says}; try again in ${retryAfterS} s`
    return new Problem(429, 'too-many-requests', told, { extra: { limit, retryAfterS } })
  })
  const aMinute = (
    limit: Limit,
    max: number,
    what: string,
    keyOf: (request: FastifyRequest) => string,
  ) => {
    // The plugin takes what is not finite for its own default of 1,000.
    const most = Math.min(max, Number.MAX_SAFE_INTEGER)
    const counts = app.createRateLimit({
      max: most,
      timeWindow: '1 minute',
      keyGenerator: keyOf,
    })
    return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      const counted = await counts(request)
      if (counted.isAllowed || !counted.isExceeded) return
      const retryAfterS = Math.max(1, Math.ceil(counted.ttl / 1000))
      throw app.tooMany(reply, limit, retryAfterS, `more than ${max} ${what}`)
    }
  }
  const countIdentity = aMinute(
    'requests-by-identity',
    settings.perIdentityPerMin ?? PER_IDENTITY_PER_MIN,
    'requests a minute by one identity',
    (request) => `who:${request.identity?.subject ?? ''}`,
  )
  const countAddress = aMinute(
    'requests-by-address',
    settings.perAddressPerMin ?? PER_ADDRESS_PER_MIN,
    'requests a minute from one address',
    (request) => `from:${request.ip}`,
  )
  const countBadToken = aMinute(
    'bad-tokens-by-address',
    BAD_TOKENS_PER_MIN,
    'bad tokens a minute from one address',
    (request) => `bad:${request.ip}`,
  )
  const countOpening = aMinute(
    'openings-by-address',
    settings.openingsPerAddressPerMin ?? OPENINGS_PER_ADDRESS_PER_MIN,
    'openings of sockets a minute from one address',
    (request) => `opens:${request.ip}`,
  )

  app.addHook('onRequest', async (request, reply) => {
    // A path without a route is answered 404, and counted all the same.
    const url = request.routeOptions.url
    const access = url === undefined ? NOBODY_HOME : accessOf(request.method, url)
    if (access === undefined) throw new Problem(403, 'not-allowed', 'nobody may use this')
    if (request.ws && url !== undefined && access.opens !== true) {
      throw new Problem(400, 'no-socket-here', 'sockets are opened at /live')
    }
    const isRequest = access.unlimited !== true && access.opens !== true
    if (access.opens === true) await countOpening(request, reply)
    if (isRequest) await countAddress(request, reply)
    const token = bearerOf(request)
    const verified = token === undefined ? undefined : await parts.auth.verify(token)
    if (verified?.ok === true) request.identity = verified.identity
    if (isRequest && verified?.ok === true) await countIdentity(request, reply)
    if (isRequest && verified?.ok === false) await countBadToken(request, reply)
    if (access.who === 'anyone') return
    const { identity } = request
    if (identity === null) throw unidentified(reply, verified)
    if (!mayUse(access, identity.role)) {
      throw new Problem(403, 'not-allowed', `the role ${identity.role} may not do this`)
    }
    if (parts.databaseAnswers?.() === false) throw databaseAway(reply)
  })

  app.addHook('preHandler', async (request, reply) => {
    const access = accessOf(request.method, request.routeOptions.url ?? '')
    if (access?.engine === true && parts.act === undefined) {
      return forward(request, reply)
    }
    return undefined
  })
}

/** What is kept for everyone answers without it; what is somebody's own does not. */
function databaseAway(reply: FastifyReply): Problem {
  void reply.header('retry-after', String(AWAY_RETRY_S))
  return new Problem(503, 'database-away', 'the database does not answer; try again in a moment')
}

const NOBODY_HOME: Access = { who: 'anyone' }

/** The token of the Authorization header; undefined where there is none of our kind. */
export function bearerOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization
  return header === undefined ? undefined : (/^bearer +(\S+)$/i.exec(header)?.[1] ?? '')
}

/** Why nobody is there, as the problem to throw; the header says how to be somebody (RFC 6750). */
export function unidentified(reply: FastifyReply, verified: Verified | undefined): Problem {
  if (verified === undefined || verified.ok) {
    void reply.header('www-authenticate', 'Bearer realm="relight"')
    return new Problem(401, 'no-token', 'a token is needed: Authorization: Bearer …')
  }
  if (verified.code === 'issuer-unreachable') return new Problem(503, verified.code, verified.says)
  void reply.header('www-authenticate', 'Bearer realm="relight", error="invalid_token"')
  return new Problem(401, verified.code, verified.says)
}
