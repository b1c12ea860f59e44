import { instantOfLocal } from '../reliability/calendar.ts'
import type { EpochMs } from '../time.ts'

/** How the text of an instant is read; undefined where it is none. */
export type ReadInstant = (text: string) => InstantRead | undefined
export type InstantRead =
  | { readonly at: EpochMs; readonly note?: 'skipped' | 'twice'; readonly wall?: EpochMs }
  | { readonly noZone: true }

const RFC_3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(Z|z|[+-]\d{2}:?\d{2})?$/

const TOKENS: Readonly<Record<string, string>> = {
  YYYY: '(?<year>\\d{4})',
  YY: '(?<year>\\d{2})',
  MM: '(?<month>\\d{2})',
  M: '(?<month>\\d{1,2})',
  DD: '(?<day>\\d{2})',
  D: '(?<day>\\d{1,2})',
  HH: '(?<hour>\\d{2})',
  H: '(?<hour>\\d{1,2})',
  hh: '(?<hour>\\d{2})',
  h: '(?<hour>\\d{1,2})',
  mm: '(?<minute>\\d{2})',
  m: '(?<minute>\\d{1,2})',
  ss: '(?<second>\\d{2})',
  s: '(?<second>\\d{1,2})',
  SSS: '(?<fraction>\\d{1,9})',
  A: '(?<half>[AaPp]\\.?[Mm]\\.?)',
  Z: '(?<offset>Z|[+-]\\d{2}:?\\d{2})',
}
const TOKEN = /YYYY|YY|MM|M|DD|D|HH|H|hh|h|mm|m|ss|s|SSS|A|Z/g

/**
 * Reads RFC 3339, also with a space and without an offset, or the given forms (`M/D/YYYY H:mm:ss`) one after the other. What has no
 * offset is local time of `timeZone`; without a zone it is refused.
 */
export function instantReader(forms: readonly string[], timeZone: string | undefined): ReadInstant {
  const patterns = forms.length === 0 ? [RFC_3339] : forms.map(patternOf)
  return (text) => {
    for (const pattern of patterns) {
      const match = pattern.exec(text)
      if (match === null) continue
      return pattern === RFC_3339
        ? assemble(
            {
              year: match[1],
              month: match[2],
              day: match[3],
              hour: match[4],
              minute: match[5],
              second: match[6],
              fraction: match[7],
              offset: match[8],
            },
            timeZone,
          )
        : assemble(match.groups ?? {}, timeZone)
    }
    return undefined
  }
}

/** Throws where a form names no year, month and day, or one of them twice. */
export function patternOf(form: string): RegExp {
  const seen = new Set<string>()
  const source = form
    .split(TOKEN)
    .map((between) => between.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'))
    .reduce((text, between, i) => {
      const token = [...form.matchAll(TOKEN)][i - 1]?.[0] ?? ''
      const group = TOKENS[token] ?? ''
      const name = /<(\w+)>/.exec(group)?.[1] ?? ''
      if (seen.has(name)) throw new RangeError(`"${form}" says the ${name} twice`)
      seen.add(name)
      return text + group + between
    })
  for (const needed of ['year', 'month', 'day']) {
    if (!seen.has(needed)) throw new RangeError(`"${form}" does not say the ${needed}`)
  }
  return new RegExp(`^${source}$`)
}

type Parts = { readonly [part: string]: string | undefined }

function assemble(parts: Parts, timeZone: string | undefined): InstantRead | undefined {
  const number = (part: string): number => Number(parts[part] ?? 0)
  const year = number('year') + (parts['year']?.length === 2 ? 2000 : 0)
  const month = number('month')
  const day = number('day')
  const hour = hourOf(number('hour'), parts['half'])
  const minute = number('minute')
  const second = number('second')
  if (hour === undefined || hour > 23 || minute > 59 || second > 59) return undefined
  const ms = Math.floor(Number(`0.${parts['fraction'] ?? 0}`) * 1000 + 1e-6)
  const wall = Date.UTC(year, month - 1, day, hour, minute, second, ms)
  const date = new Date(wall)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const { offset } = parts
  if (offset !== undefined) {
    const ahead = offsetMinutes(offset)
    return ahead === undefined ? undefined : { at: wall - ahead * 60_000 }
  }
  if (timeZone === undefined) return { noZone: true }
  const { at, skipped, twice } = instantOfLocal(wall, timeZone)
  return skipped ? { at, note: 'skipped' } : twice ? { at, note: 'twice', wall } : { at }
}

function hourOf(hour: number, half: string | undefined): number | undefined {
  if (half === undefined) return hour
  if (hour < 1 || hour > 12) return undefined
  return (hour % 12) + (half.toLowerCase().startsWith('p') ? 12 : 0)
}

function offsetMinutes(offset: string): number | undefined {
  if (offset === 'Z' || offset === 'z') return 0
  const hours = Number(offset.slice(1, 3))
  const minutes = Number(offset.slice(-2))
  if (hours > 23 || minutes > 59) return undefined
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}
