import type { FastifyRequest } from 'fastify'
import { badField, type ProblemPart } from './problem.ts'

/**
 * Throws the problem where a request holds text that no text column takes (U+0000, or half of a character written as an escape), or a
 * number without end: `1e309` in a query is read as one after its limits were looked at.
 */
export async function refuseUnstorable({ params, query, body }: FastifyRequest): Promise<void> {
  for (const [place, value] of [
    ['params', params],
    ['query', query],
    ['body', body],
  ] as const) {
    const fault = unstorableIn(value)
    if (fault !== undefined) throw badField({ ...where(place, fault.at), says: fault.says })
  }
}

const TEXT = 'must not hold U+0000 or half a character'
const NUMBER = 'must be a number that has an end'
const where = (place: ProblemPart['in'], at: string) => ({ in: place, at })

type Fault = { readonly at: string; readonly says: string }

/** The first text (or key) or number that cannot be stored, by its JSON pointer; the JSON parser has refused what is nested without end. */
function unstorableIn(value: unknown): Fault | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : { at: '', says: TEXT }
  if (typeof value === 'number')
    return Number.isFinite(value) ? undefined : { at: '', says: NUMBER }
  if (typeof value !== 'object' || value === null) return undefined
  for (const [key, part] of Object.entries(value)) {
    if (!isStorable(key)) return { at: '', says: TEXT }
    const fault = unstorableIn(part)
    if (fault === undefined) continue
    return { ...fault, at: `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}${fault.at}` }
  }
  return undefined
}

/** Whole pairs are one character to this expression; only halves are left to be surrogates. */
const UNSTORABLE = /\0|\p{Surrogate}/u
const isStorable = (text: string): boolean => !UNSTORABLE.test(text)
