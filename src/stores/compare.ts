import { headlineFilter } from '../reliability/indices.ts'
import { sumWhere } from '../reliability/reckoning.ts'
import type { Rulebook, RulebookSettings } from '../reliability/rulebook.ts'
import { hoursBetween } from '../reliability/calendar.ts'
import { MS_PER_MIN } from '../time.ts'
import type { Database } from './database.ts'
import { daysIn, majorDaysOfPeriod, reckon, servedOf, type ReportQuestion } from './indices.ts'
import { ensureServed, readServedBook } from './reliability.ts'

/** The headline of a rulebook over some interruptions: its units, how often and how long they were out. */
export type Headline = {
  readonly unitsServed: number | null
  readonly interruptions: number
  readonly unitMinutes: number
  readonly saifi: number | null
  readonly saidiMin: number | null
}

export type Comparison = {
  readonly from: string
  readonly to: string
  readonly first: { readonly rulebook: string; readonly headline: Headline }
  readonly second: { readonly rulebook: string; readonly headline: Headline }
  /** From the first to the second, one setting after the other; the differences add up. */
  readonly steps: readonly {
    readonly setting: string
    readonly first: string
    readonly second: string
    readonly after: Headline
    readonly saidiMinChange: number | null
    readonly saifiChange: number | null
  }[]
}

type Setting = string | number | boolean | null

// In this order: what is counted, then how long it must last, then how it is told apart.
const SETTINGS = [
  'unit',
  'shortUpToS',
  'shortIncludesLimit',
  'reinterruptionMergeMin',
] as const satisfies readonly (keyof RulebookSettings)[]

/** Why two rulebooks give two figures for the same interruptions of the whole system: each setting that differs, and what it makes of them. */
export async function compareRulebooks(
  db: Database,
  question: Omit<ReportQuestion, 'by' | 'rulebook'>,
  first: Rulebook,
  second: Rulebook,
): Promise<Comparison> {
  await ensureServed(db)
  const book = await readServedBook(db, question.timeZone)
  const hours = hoursBetween(question.from, question.to, question.timeZone)
  const headlineOf = async (
    settings: RulebookSettings,
    countsShort: boolean,
  ): Promise<Headline> => {
    const asked: ReportQuestion = { ...question, by: 'system', rulebook: { ...first, settings } }
    const major = question.exclude.includes('major')
      ? daysIn(await majorDaysOfPeriod(db, asked, book))
      : new Set<string>()
    const { cells } = await reckon(db, asked, major, { perUnit: false })
    const sums = cells.get('')
    const where = countsShort ? {} : { length: 'long' as const }
    const interruptions = sums === undefined ? 0 : sumWhere(sums.interruptions, where)
    const unitMinutes = sums === undefined ? 0 : sumWhere(sums.unitMs, where) / MS_PER_MIN
    const { units } = servedOf(asked, book, 'system', hours)
    const over = (value: number) => (units === null || units <= 0 ? null : value / units)
    return {
      unitsServed: units,
      interruptions,
      unitMinutes,
      saifi: over(interruptions),
      saidiMin: over(unitMinutes),
    }
  }
  const countsShort = (rulebook: Rulebook) => headlineFilter(rulebook).length === undefined
  let settings = first.settings
  let short = countsShort(first)
  const start = await headlineOf(settings, short)
  let before = start
  const steps: Comparison['steps'][number][] = []
  const step = (setting: string, was: Setting, is: Setting, after: Headline): void => {
    const change = (a: number | null, b: number | null) => (a === null || b === null ? null : b - a)
    steps.push({
      setting,
      first: String(was ?? 'none'),
      second: String(is ?? 'none'),
      after,
      saidiMinChange: change(before.saidiMin, after.saidiMin),
      saifiChange: change(before.saifi, after.saifi),
    })
    before = after
  }
  for (const name of SETTINGS) {
    const [was, is] = [first.settings[name], second.settings[name]]
    if (was === is) continue
    settings = { ...settings, [name]: is }
    step(name, was, is, await headlineOf(settings, short))
  }
  if (short !== countsShort(second)) {
    short = !short
    const say = (counts: boolean) => (counts ? 'counted' : 'left out')
    step('shortInHeadline', say(!short), say(short), await headlineOf(settings, short))
  }
  return {
    from: question.from,
    to: question.to,
    first: { rulebook: first.id, headline: start },
    second: { rulebook: second.id, headline: before },
    steps,
  }
}
