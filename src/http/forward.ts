import type { FastifyReply, FastifyRequest } from 'fastify'
import type { HttpParts } from './parts.ts'
import { OUTCOME_OPEN, Problem } from './problem.ts'

const FORWARD_TIMEOUT_MS = 10_000

/** Passes acts on to the process that has the engine, with the token they came with, and its answers back. */
export function openForward({
  engineUrl,
  logger,
}: Pick<HttpParts, 'engineUrl' | 'logger'>): typeof forward {
  // Said when it changes: a storm of acts while the engine is away would fill the log.
  let away = false
  async function forward(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    if (engineUrl === undefined) {
      throw new Problem(503, 'no-engine', 'this gateway cannot change the record; ask the engine')
    }
    let answer: Response
    try {
      answer = await fetch(new URL(request.url, engineUrl), {
        method: request.method,
        headers: {
          authorization: request.headers.authorization ?? '',
          // On a way of its own: of one kept open nobody could say whether it was gone before the act was heard.
          connection: 'close',
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
      if (!away) logger.warn({ err: error, msg: 'engine does not answer' })
      away = true
      if (!isUnheard(error)) throw new Problem(503, 'outcome-open', OUTCOME_OPEN)
      throw new Problem(503, 'engine-away', 'the engine does not answer; try again in a moment')
    }
    if (away) logger.info({ msg: 'engine answers again' })
    away = false
    return reply
      .code(answer.status)
      .type(answer.headers.get('content-type') ?? 'application/json')
      .send(await answer.text())
  }
  return forward
}

const UNHEARD = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** The engine was not reached at all: it has not heard of the act, and will not do it. */
const isUnheard = (error: unknown): boolean =>
  UNHEARD.has(((error as Error).cause as { code?: string } | undefined)?.code ?? '')
