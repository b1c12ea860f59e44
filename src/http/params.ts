import { Type } from 'typebox'
import { dayStart, isDay } from '../reliability/calendar.ts'
import type { EpochMs } from '../time.ts'
import { badField, type ProblemPart } from './problem.ts'

export const ID_CHARS_MAX = 128
export const PAGE_SIZE = 100
export const PAGE_SIZE_MAX = 500

/** An identifier of the utility's own: up to 128 characters, none of them a control character. */
export const Id = Type.String({
  minLength: 1,
  maxLength: ID_CHARS_MAX,
  pattern: '^[^\\u0000-\\u001f\\u007f]+$',
})
/** One line that people type: no control characters. */
export const LineText = (maxLength: number) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f]+$' })
export const IdParams = Type.Object({ id: Id })
export const InstantText = Type.String({ format: 'date-time', description: 'RFC 3339' })
/** In a query a whole local day will do: it means its first instant. */
export const WhenText = Type.String({
  maxLength: 40,
  description: 'RFC 3339, or a local day YYYY-MM-DD, which means its first instant',
})
export const Limit = Type.Integer({ minimum: 1, maximum: PAGE_SIZE_MAX, default: PAGE_SIZE })
export const Cursor = Type.String({
  maxLength: 600,
  description: '`nextCursor` of the page before',
})

const INSTANT = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/

/** The instant that a parameter means; a fault in the parameter throws the problem. */
export function whenOf(
  part: Pick<ProblemPart, 'in' | 'at'>,
  text: string,
  timeZone: string,
): EpochMs {
  // A plus sign that was not escaped arrives as a blank.
  const unescaped = text.replace(/ (\d\d:\d\d)$/, '+$1')
  const at = isDay(text)
    ? dayStart(text, timeZone)
    : INSTANT.test(unescaped)
      ? Date.parse(unescaped)
      : NaN
  if (!(at >= FIRST_ASKED && at <= LAST_INSTANT)) {
    throw badField({
      ...part,
      says: 'must be an instant with offset (RFC 3339) or a day YYYY-MM-DD, from 1800 to 9999',
    })
  }
  return at
}

/** The instant of a parameter of the query that may be left out. */
export const queryWhen = (
  name: string,
  text: string | undefined,
  timeZone: string,
): EpochMs | undefined =>
  text === undefined ? undefined : whenOf({ in: 'query', at: `/${name}` }, text, timeZone)

/** The instant of a body's field; a time of day that no clock shows, or one outside of what a clock can mean, throws the problem. */
export function instantOf(at: string, text: string): EpochMs {
  const when = Date.parse(text)
  if (Number.isNaN(when) || when < FIRST_INSTANT || when > LAST_INSTANT) {
    const says = 'must be an instant from 2001 to 9999, with a time of day that exists'
    throw badField({ in: 'body', at, says })
  }
  return when
}
/** A record may reach far back; the calendar of the database does not begin with the year 1. */
const FIRST_ASKED = Date.UTC(1800, 0)
const FIRST_INSTANT = Date.UTC(2001, 0)
const LAST_INSTANT = Date.UTC(9999, 11, 31)

/** A place in an ordered list as opaque text. */
export const encodeCursor = (place: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify(place)).toString('base64url')

/** The place that a cursor of ours stands for; anything else throws the problem. */
export function decodeCursor(text: string, kinds: readonly ('string' | 'number')[]): unknown[] {
  let place: unknown
  try {
    place = JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    place = undefined
  }
  if (
    !Array.isArray(place) ||
    place.length !== kinds.length ||
    !place.every((part, i) => typeof part === kinds[i])
  ) {
    throw badField({ in: 'query', at: '/cursor', says: 'must be the nextCursor of an answer' })
  }
  return place as unknown[]
}
