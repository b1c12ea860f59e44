import type { FastifyRequest } from 'fastify'
import type { Identity } from '../stores/identity.ts'
import { Problem } from './problem.ts'

/** Whoever asks; the guard has let nobody else in. */
export function identified(request: FastifyRequest): Identity {
  if (request.identity === null) throw new Problem(401, 'no-token', 'a token is needed')
  return request.identity
}

/** Whoever asks, if the service point is theirs; whether a foreign one exists is not said. */
export function ownerOf(request: FastifyRequest, servicePoint: string): Identity {
  const identity = identified(request)
  if (!identity.servicePoints.includes(servicePoint)) {
    throw new Problem(403, 'not-yours', `the service point ${servicePoint} is not one of yours`)
  }
  return identity
}
