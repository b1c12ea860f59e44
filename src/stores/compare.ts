import { hoursBetween } from '../reliability/calendar.ts'
import { headlineFilter } from '../reliability/indices.ts'
import { sumWhere } from '../reliability/reckoning.ts'
import type { Rulebook, RulebookSettings } from '../reliability/rulebook.ts'
import { ruleName, ruleValue, type Words } from '../reliability/rule-words.ts'
import { MS_PER_MIN } from '../time.ts'
import type { Database } from './database.ts'
import { majorDaysLeftOut, majorDaysOfPeriod } from './major-days.ts'
import {
  EXCLUSIONS,
  reckon,
  servedOf,
  withCountableUnit,
  type Exclusion,
  type ReportQuestion,
} from './report-question.ts'
import { ensureServed, readServedBook } from './reliability.ts'

/** The headline of a rulebook over some interruptions: its units, how often and how long they were out. */
export type Headline = {
  readonly unitsServed: number | null
  readonly interruptions: number
  readonly unitMinutes: number
  /** The same in milliseconds, where whole units are whole numbers: these add up exactly. */
  readonly unitMs: number
  readonly saifi: number | null
  readonly saidiMin: number | null
}

/** A rulebook and what is left out under it. */
export type Side = Pick<ReportQuestion, 'rulebook' | 'exclude'>

export type Comparison = {
  readonly from: string
  readonly to: string
  readonly first: ComparedSide
  readonly second: ComparedSide
  /** From the first to the second, one rule after the other; their shares add up to the difference. */
  readonly steps: readonly ComparisonStep[]
  readonly saidiMinDifference: number | null
  readonly saifiDifference: number | null
  readonly interruptionsDifference: number
  readonly unitMsDifference: number
}

export type ComparedSide = {
  readonly rulebook: string
  readonly exclude: readonly Exclusion[]
  readonly headline: Headline
}

export type ComparisonStep = {
  /** A setting of the rulebooks, `shortInHeadline`, or `exclude:` and what is left out on one side only. */
  readonly setting: string
  readonly first: string
  readonly second: string
  /** The same for people. */
  readonly name: Words
  readonly firstInWords: Words
  readonly secondInWords: Words
  readonly after: Headline
  readonly saidiMinChange: number | null
  readonly saifiChange: number | null
  readonly interruptionsChange: number
  readonly unitMsChange: number
}

type Setting = string | number | boolean | null
const counts = (does: boolean): string => (does ? 'counted' : 'left out')

// In this order: what is counted, then how long it must last, then how it is told apart.
const SETTINGS = [
  'unit',
  'shortUpToS',
  'shortIncludesLimit',
  'reinterruptionMergeMin',
] as const satisfies readonly (keyof RulebookSettings)[]
/** What planned work may become that went beyond what was approved, or told. */
const PLANNED_SETTINGS = ['plannedOverrun', 'plannedUntold'] as const

/**
 * Why two rulebooks, or two filters, give two figures for the same interruptions of one place: each rule that differs, and what it makes of
 * them when it is changed after those before it.
 */
export async function compareReports(
  db: Database,
  asked: Omit<ReportQuestion, 'by' | 'rulebook' | 'exclude'>,
  first: Side,
  second: Side,
): Promise<Comparison> {
  await ensureServed(db)
  const book = await readServedBook(db, asked.timeZone)
  const hours = hoursBetween(asked.from, asked.to, asked.timeZone)
  const countable = async ({ rulebook, exclude }: Side): Promise<Side> =>
    await withCountableUnit(db, { ...asked, by: 'system' as const, rulebook, exclude }, book)
  const [from, to] = [await countable(first), await countable(second)]

  const headlineOf = async (side: Side, countsShort: boolean): Promise<Headline> => {
    // Thresholds are frozen for rulebooks as they are; on the way from one to the other there are none.
    const known = [from, to].find((end) => sameSettings(end.rulebook, side.rulebook))
    const id = known?.rulebook.id ?? `${from.rulebook.id} to ${to.rulebook.id}`
    const question: ReportQuestion = {
      ...asked,
      exclude: side.exclude,
      rulebook: { ...side.rulebook, id },
      by: 'system',
    }
    const major = majorDaysLeftOut(await majorDaysOfPeriod(db, question, book))
    const { cells } = await reckon(db, question, major, { perUnit: false })
    const sums = cells.get('')
    const where = countsShort ? {} : { length: 'long' as const }
    const interruptions = sums === undefined ? 0 : sumWhere(sums.interruptions, where)
    const unitMs = sums === undefined ? 0 : sumWhere(sums.unitMs, where)
    const unitMinutes = unitMs / MS_PER_MIN
    const { units } = servedOf(question, book, 'system', hours)
    const over = (value: number) => (units === null || units <= 0 ? null : value / units)
    return {
      unitsServed: units,
      interruptions,
      unitMinutes,
      unitMs,
      saifi: over(interruptions),
      saidiMin: over(unitMinutes),
    }
  }
  const countsShort = ({ rulebook }: Side) => headlineFilter(rulebook).length === undefined
  let side: Side = { rulebook: from.rulebook, exclude: from.exclude }
  let short = countsShort(from)
  const start = await headlineOf(side, short)
  let before = start
  const steps: ComparisonStep[] = []
  const step = async (setting: string, was: Setting, is: Setting): Promise<void> => {
    const after = await headlineOf(side, short)
    steps.push({
      setting,
      first: String(was ?? 'none'),
      second: String(is ?? 'none'),
      name: ruleName(setting),
      firstInWords: ruleValue(setting, was),
      secondInWords: ruleValue(setting, is),
      after,
      ...changes(before, after),
    })
    before = after
  }
  for (const name of SETTINGS) {
    const [was, is] = [from.rulebook.settings[name], to.rulebook.settings[name]]
    if (was === is) continue
    side = withSettings(side, { [name]: is })
    await step(name, was, is)
  }
  if (short !== countsShort(to)) {
    short = !short
    await step('shortInHeadline', counts(!short), counts(short))
  }
  // Those are short; so after it is settled whether short ones count.
  const [immediate, immediateThen] = [immediateOf(from.rulebook), immediateOf(to.rulebook)]
  if (immediate !== immediateThen) {
    side = withSettings(side, { immediateUpToS: immediateThen })
    await step('immediateUpToS', immediate, immediateThen)
  }
  for (const what of EXCLUSIONS) {
    const [was, is] = [from.exclude.includes(what), to.exclude.includes(what)]
    if (was === is) continue
    const exclude = is ? [...side.exclude, what] : side.exclude.filter((one) => one !== what)
    side = { ...side, exclude }
    await step(`exclude:${what}`, counts(!was), counts(!is))
  }
  // Only what is left out and counted as a fault all the same shows in a headline; so after the filters.
  for (const name of PLANNED_SETTINGS) {
    const [was, is] = [
      from.rulebook.settings[name] ?? 'planned',
      to.rulebook.settings[name] ?? 'planned',
    ]
    if (was === is) continue
    side = withSettings(side, { [name]: is })
    await step(name, was, is)
  }
  const told = ({ rulebook, exclude }: Side, headline: Headline): ComparedSide => ({
    rulebook: rulebook.id,
    exclude,
    headline,
  })
  return {
    from: asked.from,
    to: asked.to,
    first: told(from, start),
    second: told(to, before),
    steps,
    saidiMinDifference: changes(start, before).saidiMinChange,
    saifiDifference: changes(start, before).saifiChange,
    interruptionsDifference: before.interruptions - start.interruptions,
    unitMsDifference: before.unitMs - start.unitMs,
  }
}

const immediateOf = ({ settings }: Rulebook): number => settings.immediateUpToS ?? 0

const sameSettings = (a: Rulebook, b: Rulebook): boolean =>
  immediateOf(a) === immediateOf(b) &&
  SETTINGS.every((name) => a.settings[name] === b.settings[name]) &&
  PLANNED_SETTINGS.every(
    (name) => (a.settings[name] ?? 'planned') === (b.settings[name] ?? 'planned'),
  )

const withSettings = (side: Side, settings: Partial<RulebookSettings>): Side => ({
  ...side,
  rulebook: { ...side.rulebook, settings: { ...side.rulebook.settings, ...settings } },
})

/** From the sums where the same units are served: 0.4 is then 0.4, and not the difference of two rounded numbers. */
function changes(
  a: Headline,
  b: Headline,
): Pick<ComparisonStep, 'saidiMinChange' | 'saifiChange' | 'interruptionsChange' | 'unitMsChange'> {
  const units = a.unitsServed === b.unitsServed ? a.unitsServed : null
  const change = (was: number | null, is: number | null, more: number): number | null =>
    was === null || is === null ? null : units === null ? is - was : more / units
  return {
    saidiMinChange: change(a.saidiMin, b.saidiMin, b.unitMinutes - a.unitMinutes),
    saifiChange: change(a.saifi, b.saifi, b.interruptions - a.interruptions),
    interruptionsChange: b.interruptions - a.interruptions,
    unitMsChange: b.unitMs - a.unitMs,
  }
}
