import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from './problem.ts'

const FORWARD_TIMEOUT_MS = 10_000

/** Passes an act on to the process that has the engine, with the token it came with, and its answer back. */
export async function forward(
  request: FastifyRequest,
  reply: FastifyReply,
  engineUrl: string | undefined,
): Promise<FastifyReply> {
  if (engineUrl === undefined) {
    throw new Problem(503, 'no-engine', 'this gateway cannot change the record; ask the engine')
  }
  let answer: Response
  try {
    answer = await fetch(new URL(request.url, engineUrl), {
      method: request.method,
      headers: {
        authorization: request.headers.authorization ?? '',
        ...(request.body === undefined || request.body === null
          ? {}
          : { 'content-type': 'application/json' }),
      },
      body:
        request.body === undefined || request.body === null ? null : JSON.stringify(request.body),
      signal: AbortSignal.timeout(FORWARD_TIMEOUT_MS),
      redirect: 'error',
    })
  } catch (error) {
    request.log.warn({ err: error, msg: 'engine does not answer' })
    throw new Problem(503, 'engine-away', 'the engine does not answer; try again in a moment')
  }
  return reply
    .code(answer.status)
    .type(answer.headers.get('content-type') ?? 'application/json')
    .send(await answer.text())
}
