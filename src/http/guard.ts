import type { FastifyReply, FastifyRequest } from 'fastify'
import { accessOf, mayUse, type Access } from './access.ts'
import type { Verified } from './auth.ts'
import { forward } from './forward.ts'
import type { App, HttpParts } from './parts.ts'
import { Problem } from './problem.ts'

export const PER_IDENTITY_PER_MIN = 3_000
/** A whole office, or a mobile operator, may stand behind one address. */
export const PER_ADDRESS_PER_MIN = 12_000
/** Tokens that turn out bad, from one address. */
export const BAD_TOKENS_PER_MIN = 300
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

/** Who is it, not too often, and may they: before anything of the request is read. */
export function guard(app: App, parts: HttpParts): void {
  const { settings } = parts
  const timeWindow = '1 minute'
  const limits = {
    identity: app.createRateLimit({
      max: settings.perIdentityPerMin ?? PER_IDENTITY_PER_MIN,
      timeWindow,
      keyGenerator: (request) => `who:${request.identity?.subject ?? ''}`,
    }),
    address: app.createRateLimit({
      max: settings.perAddressPerMin ?? PER_ADDRESS_PER_MIN,
      timeWindow,
      keyGenerator: (request) => `from:${request.ip}`,
    }),
    badTokens: app.createRateLimit({
      max: BAD_TOKENS_PER_MIN,
      timeWindow,
      keyGenerator: (request) => `bad:${request.ip}`,
    }),
  }

  async function count(
    limit: (typeof limits)['identity'],
    request: FastifyRequest,
    reply: FastifyReply,
  ) {
    const counted = await limit(request)
    if (counted.isAllowed || !counted.isExceeded) return
    const retryAfterS = Math.max(1, Math.ceil(counted.ttl / 1000))
    void reply.header('retry-after', String(retryAfterS))
    throw new Problem(429, 'too-many-requests', `try again in ${retryAfterS} s`)
  }

  app.addHook('onRequest', async (request, reply) => {
    // A path without a route is answered 404, and counted all the same.
    const url = request.routeOptions.url
    const access = url === undefined ? NOBODY_HOME : accessOf(request.method, url)
    if (access === undefined) throw new Problem(403, 'not-allowed', 'nobody may use this')
    if (access.unlimited !== true) await count(limits.address, request, reply)
    const token = bearerOf(request)
    const verified = token === undefined ? undefined : await parts.auth.verify(token)
    if (verified?.ok === true) request.identity = verified.identity
    if (access.unlimited !== true) {
      if (verified?.ok === true) await count(limits.identity, request, reply)
      if (verified?.ok === false) await count(limits.badTokens, request, reply)
    }
    if (access.who === 'anyone') return
    const { identity } = request
    if (identity === null) throw unidentified(reply, verified)
    if (!mayUse(access, identity.role)) {
      throw new Problem(403, 'not-allowed', `the role ${identity.role} may not do this`)
    }
  })

  app.addHook('preHandler', async (request, reply) => {
    const access = accessOf(request.method, request.routeOptions.url ?? '')
    if (access?.engine === true && parts.act === undefined) {
      return forward(request, reply, parts.engineUrl)
    }
    return undefined
  })
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
