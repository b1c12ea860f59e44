import type { FastifyRequest } from 'fastify'
import { badField, type ProblemPart } from './problem.ts'

/**
 * Throws the problem where a request holds text that no text column takes: U+0000, or half of a character written as an escape.
 */
export async function refuseUnstorable({ params, query, body }: FastifyRequest): Promise<void> {
  for (const [place, value] of [
    ['params', params],
    ['query', query],
    ['body', body],
  ] as const) {
    const at = unstorableIn(value)
    if (at !== undefined) throw badField({ ...where(place, at), says: SAYS })
  }
}

const SAYS = 'must not hold U+0000 or half a character'
const where = (place: ProblemPart['in'], at: string) => ({ in: place, at })

/** JSON pointer of the first text (or key) that cannot be stored; the JSON parser has refused what is nested without end. */
function unstorableIn(value: unknown): string | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : ''
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, part] of Object.entries(value)) {
    if (!isStorable(key)) return ''
    const at = unstorableIn(part)
    if (at !== undefined) return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}${at}`
  }
  return undefined
}

/** Whole pairs are one character to this expression; only halves are left to be surrogates. */
const UNSTORABLE = /\0|\p{Surrogate}/u
const isStorable = (text: string): boolean => !UNSTORABLE.test(text)
