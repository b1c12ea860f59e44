import { STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'

/** What was wrong with one part of a request: where it stands and what it must be. */
export type ProblemPart = {
  readonly in: 'body' | 'query' | 'params' | 'headers'
  /** JSON pointer within that part: `/at`. */
  readonly at: string
  readonly says: string
}

/** How a refusal looks, for the description of the interface. */
export const ProblemAnswer = {
  description: 'Refused, or our mistake: application/problem+json (RFC 9457)',
  content: {
    'application/problem+json': {
      schema: Type.Object(
        {
          type: Type.String(),
          title: Type.String(),
          status: Type.Integer(),
          code: Type.String({ description: 'a stable word for programs' }),
          detail: Type.String(),
          errors: Type.Optional(
            Type.Array(
              Type.Object({
                in: Type.Enum(['body', 'query', 'params', 'headers']),
                at: Type.String({ description: 'JSON pointer within that part' }),
                says: Type.String(),
              }),
            ),
          ),
        },
        {
          additionalProperties: true,
          description: 'some kinds say more: `customersOut`, `retryAfterS`',
        },
      ),
    },
  },
}

/** An expected refusal, thrown by a handler and answered as problem+json (RFC 9457). */
export class Problem extends Error {
  readonly status: number
  /** A stable word for programs: `unknown-outage`, `still-out`, `not-yours`. */
  readonly code: string
  readonly parts: readonly ProblemPart[]
  readonly more: Readonly<Record<string, unknown>>

  constructor(
    status: number,
    code: string,
    detail: string,
    more: { parts?: readonly ProblemPart[]; extra?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(detail)
    this.status = status
    this.code = code
    this.parts = more.parts ?? []
    this.more = more.extra ?? {}
  }
}

/** What whoever acted is told when the answer does not come: nobody knows yet. */
export const OUTCOME_OPEN =
  'no answer came in time: it may have been done, or be done yet; look before you try again'

export const notFound = (code: string, detail: string): Problem => new Problem(404, code, detail)

/** A fault in one field that only the handler can see; answered like a schema fault. */
export const badField = (part: ProblemPart): Problem => badFields([part])

/** Several of them, all told at once. */
export const badFields = (parts: readonly ProblemPart[]): Problem =>
  new Problem(400, 'invalid', inWords(parts), { parts })

const inWords = (parts: readonly ProblemPart[]): string =>
  parts.map(({ in: place, at, says }) => `${place}${at}: ${says}`).join('; ')

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .type('application/problem+json; charset=utf-8')
    .send(
      JSON.stringify({
        type: 'about:blank',
        title: STATUS_CODES[problem.status] ?? 'Error',
        status: problem.status,
        code: problem.code,
        detail: problem.message,
        ...(problem.parts.length > 0 ? { errors: problem.parts } : {}),
        ...problem.more,
      }),
    )
}
