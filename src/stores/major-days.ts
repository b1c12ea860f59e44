import { addDays, type LocalDay } from '../reliability/calendar.ts'
import {
  historyMonths,
  historyOf,
  majorDaysOf,
  majorDayThreshold,
  MAJOR_DAY_SETTINGS,
  type DailySaidi,
} from '../reliability/major-days.ts'
import { sumWhere } from '../reliability/reckoning.ts'
import type { Rulebook } from '../reliability/rulebook.ts'
import { IEEE_1366 } from '../reliability/rulebooks.ts'
import type { ServedBook } from '../reliability/served.ts'
import { MS_PER_MIN, toIso, type EpochMs } from '../time.ts'
import type { Database } from './database.ts'
import { ensureServed, firstDay, readServedBook } from './reliability.ts'
import {
  reckon,
  servedOf,
  withCountableUnit,
  type Exclusion,
  type LeftOutAsMajor,
  type ReportQuestion,
} from './report-question.ts'
import { rolledUpDays, rollupsCanTell } from './rollups.ts'

export type MajorDays = {
  readonly year: number
  readonly area: string | null
  readonly alpha: number | null
  readonly beta: number | null
  readonly thresholdMin: number | null
  readonly historyDays: number
  /** Months before the year that it rests on: 60 where the record reaches back far enough; null where it has fewer than 12, and no threshold. */
  readonly historyMonths: number | null
  /** When the threshold was fixed for its year; null while it still follows the ledger. */
  readonly frozenAt: string | null
  readonly days: readonly { readonly date: LocalDay; readonly saidiMin: number }[]
}

/**
 * The 2.5 beta method for a year, in the whole system or one area. Planned interruptions are left out unless `exclude` says otherwise: the
 * threshold must rest on the same interruptions as the index that it is compared with.
 */
export async function majorDays(
  db: Database,
  question: {
    readonly year: number
    readonly area: string | null
    readonly rulebook: Rulebook
    readonly exclude?: readonly Exclusion[]
    readonly now: EpochMs
    readonly timeZone: string
  },
  book?: ServedBook,
): Promise<MajorDays> {
  const { year, area, rulebook } = question
  await ensureServed(db)
  const exclude = exclusionsOf(question.exclude)
  const frozen = await db
    .selectFrom('major_day_threshold')
    .selectAll()
    .where('year', '=', year)
    .where('area', '=', area ?? '')
    .where('rulebook', '=', rulebook.id)
    .where('exclude', '=', exclude.join(','))
    .executeTakeFirst()
  const daily = await dailyFor(db, { ...question, exclude }, frozen !== undefined, book)
  const threshold =
    frozen === undefined
      ? majorDayThreshold(daily.history, MAJOR_DAY_SETTINGS)
      : {
          alpha: frozen.alpha,
          beta: frozen.beta,
          thresholdMin: frozen.threshold_min,
          historyDays: frozen.history_days,
        }
  const first = frozen === undefined ? await firstDay(db) : (frozen.history[0]?.[0] ?? null)
  return {
    year,
    area,
    ...threshold,
    historyMonths: historyMonths(historyOf(year, first)),
    frozenAt: frozen === undefined ? null : toIso(frozen.frozen_at),
    days: majorDaysOf(daily.inYear, threshold.thresholdMin).map(({ day, saidiMin }) => ({
      date: day,
      saidiMin,
    })),
  }
}

/** What is left out of the thresholds that are frozen: planned work, and nothing. */
const FROZEN_WITHOUT: readonly (readonly Exclusion[])[] = [['planned'], []]

/** Fixes the thresholds of a year, of the system and of each area, as IEEE 1366 has it, with planned work left out and with it; once. */
export async function freezeThresholds(
  db: Database,
  {
    year,
    now,
    timeZone,
  }: { readonly year: number; readonly now: EpochMs; readonly timeZone: string },
): Promise<void> {
  const book = await readServedBook(db, timeZone)
  const areas = book.places(dayInYear(year), dayInYear(year + 1), 'area')
  for (const area of [null, ...areas.filter((id) => id !== null)]) {
    for (const without of FROZEN_WITHOUT) {
      const exclude = exclusionsOf(without)
      const question = { year, area, rulebook: IEEE_1366, exclude, now, timeZone }
      const { history } = await dailyFor(db, question, false, book)
      const { alpha, beta, thresholdMin, historyDays } = majorDayThreshold(history)
      if (alpha === null || beta === null || thresholdMin === null) continue
      await db
        .insertInto('major_day_threshold')
        .values({
          year,
          area: area ?? '',
          rulebook: IEEE_1366.id,
          exclude: exclude.join(','),
          alpha,
          beta,
          threshold_min: thresholdMin,
          history_days: historyDays,
          history: JSON.stringify(history.map(({ day, saidiMin }) => [day, saidiMin])),
          frozen_at: toIso(now),
        })
        .onConflict((on) => on.doNothing())
        .execute()
    }
  }
}

type MajorDaysQuestion = {
  readonly year: number
  readonly area: string | null
  readonly rulebook: Rulebook
  readonly exclude: readonly Exclusion[]
  readonly now: EpochMs
  readonly timeZone: string
}

const exclusionsOf = (exclude: readonly Exclusion[] | undefined): Exclusion[] =>
  [...new Set<Exclusion>(exclude ?? ['planned'])].filter((what) => what !== 'major').sort()

/** Daily SAIDI of the year, and of the history before it unless its threshold is frozen. */
async function dailyFor(
  db: Database,
  question: MajorDaysQuestion,
  frozen: boolean,
  book: ServedBook | undefined,
): Promise<{ history: DailySaidi[]; inYear: DailySaidi[] }> {
  const { year, area, exclude, now, timeZone } = question
  const history = frozen ? null : historyOf(year, await firstDay(db))
  const yearFrom = dayInYear(year)
  const served = book ?? (await readServedBook(db, timeZone))
  const days: ReportQuestion = {
    from: history?.from ?? yearFrom,
    to: dayInYear(year + 1),
    by: 'day',
    rulebook: question.rulebook,
    exclude,
    ...(area === null ? {} : { within: { area } }),
    now,
    timeZone,
  }
  const daily = await dailySaidi(db, await withCountableUnit(db, days, served), served)
  return {
    history: daily.filter(({ day }) => day < yearFrom),
    inYear: daily.filter(({ day }) => day >= yearFrom),
  }
}

const dayInYear = (year: number): LocalDay => `${String(year).padStart(4, '0')}-01-01`

/**
 * The days that a report leaves out as major: none unless it asks. Each year has its own threshold, and a report by area each area its
 * own beside that of the system, which serves what is in no area.
 */
export async function majorDaysOfPeriod(
  db: Database,
  question: ReportQuestion,
  book: ServedBook,
): Promise<MajorDays[]> {
  const { rulebook, exclude, now, timeZone, within } = question
  if (!exclude.includes('major')) return []
  const years: MajorDays[] = []
  const areas =
    question.by === 'area' && within === undefined
      ? [null, ...book.places(question.from, question.to, 'area').filter((id) => id !== null)]
      : [within?.area ?? null]
  const last = Number(addDays(question.to, -1).slice(0, 4))
  for (let year = Number(question.from.slice(0, 4)); year <= last; year += 1)
    for (const area of areas)
      years.push(await majorDays(db, { year, area, rulebook, exclude, now, timeZone }, book))
  return years
}

export function majorDaysLeftOut(majorDays: readonly MajorDays[]): LeftOutAsMajor {
  const days = new Map<string | null, Set<LocalDay>>()
  for (const { area, days: found } of majorDays) {
    const set = days.get(area) ?? new Set()
    for (const { date } of found) set.add(date)
    days.set(area, set)
  }
  const [only] = days.size === 1 ? days.values() : []
  return (day, area) => (only ?? days.get(area) ?? days.get(null))?.has(day) === true
}

/** SAIDI of each day that has any, by that day's own count of customers. */
async function dailySaidi(
  db: Database,
  question: ReportQuestion,
  book: ServedBook,
): Promise<DailySaidi[]> {
  const daily: DailySaidi[] = []
  for (const [day, unitMs] of await dailyUnitMs(db, question)) {
    const { units } = servedOf(question, book, day, 24)
    if (units !== null && units > 0) daily.push({ day, saidiMin: unitMs / MS_PER_MIN / units })
  }
  return daily.sort((a, b) => (a.day < b.day ? -1 : 1))
}

/** From the roll-ups where they can tell, else from the rows. */
async function dailyUnitMs(db: Database, question: ReportQuestion): Promise<Map<LocalDay, number>> {
  const { from, to, rulebook, exclude, within } = question
  const rollup = {
    from,
    to,
    settings: rulebook.settings,
    leaveOut: {
      planned: exclude.includes('planned'),
      external: exclude.includes('external'),
      sourceShortage: exclude.includes('source_shortage'),
    },
    ...(within?.area === undefined ? {} : { area: within.area }),
  }
  const byArea = within?.substation === undefined && within?.feeder === undefined
  // Whose plant it was is not in the roll-ups.
  const isRolledUp = byArea && !exclude.includes('customer')
  if (isRolledUp && (await rollupsCanTell(db, rollup))) {
    const days = await rolledUpDays(db, rollup)
    return new Map([...days].map(([day, sums]) => [day, sums.customerMs]))
  }
  const { cells } = await reckon(db, question, () => false, { perUnit: false })
  return new Map([...cells].map(([day, sums]) => [day, sumWhere(sums.unitMs, { length: 'long' })]))
}
