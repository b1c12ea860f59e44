import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Identity } from '../stores/identity.ts'
import { HEARTBEAT_S } from '../live/rooms.ts'
import { issueTicket, redeemTicket, TICKET_TTL_S } from '../stores/accounts.ts'
import { toIso } from '../time.ts'
import { bearerOf, unidentified } from './guard.ts'
import type { App, HttpParts } from './parts.ts'
import { Problem } from './problem.ts'

/** A socket that does not answer has been let go by then, and its place is free. */
const PLACE_FREE_AFTER_S = 2 * HEARTBEAT_S

/** Who comes in to the rooms: asked before the upgrade, so that a refusal is an ordinary answer. */
export async function liveRoutes(app: App, parts: HttpParts): Promise<void> {
  app.post(
    '/api/v1/live/ticket',
    {
      schema: {
        tags: ['live'],
        summary: `A ticket for /live: single use, ${TICKET_TTL_S} s`,
        response: {
          200: Type.Object({ ticket: Type.String(), expiresAt: Type.String() }),
        },
      },
    },
    async (request) => {
      const identity = identified(request)
      const { ticket, expiresAt } = await issueTicket(parts.db, identity, parts.clock())
      return { ticket, expiresAt: toIso(expiresAt) }
    },
  )

  /** By the token that came along, or by a ticket; refused where there is neither. */
  async function identify(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (request.identity !== null) return
    const { ticket } = request.query as { ticket?: unknown }
    if (typeof ticket === 'string') {
      request.identity = (await redeemTicket(parts.db, ticket, parts.clock())) ?? null
      if (request.identity !== null && !parts.auth.isRevoked(request.identity)) return
      throw new Problem(401, 'invalid-ticket', 'the ticket is unknown, used or too old')
    }
    const token = bearerOf(request)
    throw unidentified(reply, token === undefined ? undefined : await parts.auth.verify(token))
  }

  app.get(
    '/live',
    {
      websocket: true,
      preValidation: async (request, reply) => {
        if (!request.ws) {
          void reply.header('upgrade', 'websocket')
          throw new Problem(426, 'upgrade-required', 'this is a WebSocket')
        }
        if (!isOwnOrigin(request, parts.settings.allowedOrigins)) {
          throw new Problem(403, 'foreign-origin', 'pages of this origin may not listen here')
        }
        await identify(request, reply)
        const place = parts.live.place(identified(request))
        if (place.free) return
        const says = `this identity has ${place.max} sockets, and may have no more`
        throw app.tooMany(reply, 'sockets-by-identity', PLACE_FREE_AFTER_S, says)
      },
      preHandler: async (request, reply) => {
        // What answers from here on is the socket; the response that is not sent would live, and hold the request, as long as it.
        reply.raw.detachSocket(request.raw.socket)
      },
    },
    (socket, request) => {
      // The plugin's own listener holds the request for as long as the socket lives: that is most of what a socket would cost.
      socket.removeAllListeners('error')
      app.opened(request.raw.socket)
      parts.live.join(socket, request.raw.socket, identified(request))
    },
  )
}

function identified(request: FastifyRequest): Identity {
  if (request.identity === null) throw new Problem(401, 'no-token', 'a token is needed')
  return request.identity
}

/**
 * Browsers name the page that opens a socket, and send along nothing that proves it wanted to: other sites are refused. Programs that
 * are no browser name none.
 */
export function isOwnOrigin(request: FastifyRequest, allowed: readonly string[]): boolean {
  const { origin, host } = request.headers
  if (origin === undefined || allowed.includes(origin)) return true
  return URL.canParse(origin) && new URL(origin).host === host
}
