import type { parseArgs } from 'node:util'
import type { EpochMs } from '../time.ts'
import type { Environment } from '../settings.ts'
import { wordsOf, type Options } from './words.ts'

/** Where a command reads and prints. Results go to `out`, progress and faults to `err`. */
export type Io = {
  readonly env: Environment
  readonly out: (line: string) => void
  readonly err: (line: string) => void
  /** Text without a line end of its own. */
  readonly write: (text: string) => void
  readonly now: () => EpochMs
  /** Aborted by SIGINT or SIGTERM. */
  readonly signal: AbortSignal
}

export type Command = {
  readonly help: string
  /** Gives the exit status: 0 done, 1 a finding, 2 wrong use. */
  readonly run: (argv: readonly string[], io: Io) => Promise<number>
}

/** The command was used wrongly; the message says how. */
export class WrongUse extends Error {}

type Given<T extends Options> = {
  readonly values: ReturnType<
    typeof parseArgs<{ options: T; strict: true; allowPositionals: true }>
  >['values']
  readonly positionals: readonly string[]
}

/**
 * What a command line says, each part read by its own function; or WrongUse with every fault in it. A reader may give several parts, and
 * throws WrongUse for a fault of its own.
 */
export function parse<T extends Options, R>(
  argv: readonly string[],
  options: T,
  positionals: { readonly least: number; readonly most: number; readonly names: string },
  read: (given: Given<T>) => { readonly [K in keyof R]: () => R[K] },
): R {
  const words = wordsOf(argv, options)
  const faults = [...words.faults]
  const count = words.positionals.length
  if (count < positionals.least || count > positionals.most)
    faults.push(
      positionals.most === 0
        ? `takes options only, not ${words.positionals[0]}`
        : `takes ${positionals.names}`,
    )
  // The faults are told before anyone looks at what is missing here.
  while (words.positionals.length < positionals.least) words.positionals.push('')
  const values = words.values as object as Given<T>['values']
  return allOf(read({ values, positionals: words.positionals }), faults)
}

/** Every part, or WrongUse with the faults of all of them. */
export function allOf<R>(
  readers: { readonly [K in keyof R]: () => R[K] },
  faults: string[] = [],
): R {
  const parts: Partial<R> = {}
  for (const name of Object.keys(readers) as (keyof R)[]) {
    try {
      parts[name] = readers[name]()
    } catch (error) {
      if (!(error instanceof WrongUse)) throw error
      faults.push(error.message)
    }
  }
  if (faults.length > 0) throw new WrongUse(faults.join('\n  '))
  return parts as R
}

/** The text of an option that must be there, or WrongUse. */
export function needed(name: string, text: string | undefined): string {
  if (text === undefined) throw new WrongUse(`--${name} is missing`)
  return text
}

/** Words of a list, separated by commas; or WrongUse with each that is not known. */
export function someOf<T extends string>(name: string, list: string, words: readonly T[]): T[] {
  const given = list
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
  return Object.values(
    allOf<Record<string, T>>(
      Object.fromEntries(given.map((word, i) => [i, () => oneOf(name, word, words)])),
    ),
  )
}

/** One of a list of words, or WrongUse. */
export function oneOf<T extends string>(name: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => word === text)
  if (found === undefined)
    throw new WrongUse(`--${name} is one of ${words.join(', ')}, not ${text}`)
  return found
}

export function aNumber(name: string, text: string, least = 0): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value < least) {
    throw new WrongUse(`--${name} is a number of at least ${least}, not ${text}`)
  }
  return value
}

export function aWhole(name: string, text: string, least = 0): number {
  const value = aNumber(name, text, least)
  if (!Number.isSafeInteger(value)) throw new WrongUse(`--${name} is a whole number, not ${text}`)
  return value
}

/** `YYYY-MM-DD`, a day that exists. */
export function aDay(name: string, text: string): string {
  const date = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined
  const good =
    date !== undefined && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
  if (!good) throw new WrongUse(`--${name} is a day such as 2026-11-24, not ${text}`)
  return text
}

/** `90s`, `15m`, `1h`, `7d` → seconds. */
export function aDuration(name: string, text: string): number {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? []
  if (amount === undefined || unit === undefined || Number(amount) === 0) {
    throw new WrongUse(`--${name} is a duration such as 90s, 15m, 1h or 7d, not ${text}`)
  }
  return Number(amount) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's' | 'm' | 'h' | 'd']
}

/** RFC 3339 with offset, or a day (its beginning in UTC), → milliseconds. */
export function anInstant(name: string, text: string): EpochMs {
  const day = /^\d{4}-\d\d-\d\d$/.test(text)
  const full = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text)
  const at = day || full ? Date.parse(text) : NaN
  if (Number.isNaN(at)) {
    throw new WrongUse(`--${name} is an instant such as 2026-11-24T03:12:00+01:00, not ${text}`)
  }
  return at
}
