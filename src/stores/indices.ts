import { addDays, hoursBetween, monthOf, type LocalDay } from '../reliability/calendar.ts'
import { countsOutages, indexRow, type IndexRow, type Served } from '../reliability/indices.ts'
import {
  historyOf,
  majorDaysOf,
  majorDayThreshold,
  MAJOR_DAY_SETTINGS,
  type DailySaidi,
} from '../reliability/major-days.ts'
import {
  emptySums,
  openReckoning,
  sumWhere,
  type Counted,
  type Interruption,
  type Sums,
} from '../reliability/reckoning.ts'
import type { Rulebook, RulebookSettings } from '../reliability/rulebook.ts'
import { daysOf, type ServedBook, type ServedPlace } from '../reliability/served.ts'
import { IEEE_1366 } from '../reliability/rulebooks.ts'
import { MS_PER_MIN, toIso, type EpochMs } from '../time.ts'
import type { Database } from './database.ts'
import { rolledUpDays, rollupsCanTell } from './rollups.ts'
import {
  ensureServed,
  firstDay,
  readInterruptions,
  readServedBook,
  readWeights,
} from './reliability.ts'

export const GROUPINGS = [
  'system',
  'area',
  'substation',
  'feeder',
  'cause',
  'nature',
  'month',
  'day',
] as const
export type Grouping = (typeof GROUPINGS)[number]

export const EXCLUSIONS = ['planned', 'major', 'external', 'source_shortage'] as const
export type Exclusion = (typeof EXCLUSIONS)[number]

/** Restricts a report to one place. */
export type Within = {
  readonly area?: string
  readonly substation?: string
  readonly feeder?: string
}

export type ReportQuestion = {
  /** Local days; `to` is exclusive. */
  readonly from: LocalDay
  readonly to: LocalDay
  readonly by: Grouping
  readonly rulebook: Rulebook
  readonly exclude: readonly Exclusion[]
  readonly within?: Within
  /** Open interruptions count until here. */
  readonly now: EpochMs
  readonly timeZone: string
}

export type IndicesReport = {
  readonly rulebook: {
    readonly id: string
    readonly name: string
    readonly settings: RulebookSettings
  }
  readonly from: LocalDay
  readonly to: LocalDay
  readonly by: Grouping
  readonly exclude: readonly Exclusion[]
  readonly timeZone: string
  /** The days left out as major, and their thresholds. */
  readonly majorDays: readonly MajorDays[]
  /** What the reader must know to compare: whole sentences. */
  readonly notes: readonly string[]
  readonly rows: readonly IndexRow[]
}

export type MajorDays = {
  readonly year: number
  readonly area: string | null
  readonly alpha: number | null
  readonly beta: number | null
  readonly thresholdMin: number | null
  readonly historyDays: number
  /** When the threshold was fixed for its year; null while it still follows the ledger. */
  readonly frozenAt: string | null
  readonly days: readonly { readonly date: LocalDay; readonly saidiMin: number }[]
}

/** Days in a report by day, groups in any report. */
export const REPORT_DAYS_MAX = 366 * 20

/** The indices of a period under one rulebook, by group; what `relight indices` prints and `GET indices` answers. */
export async function indicesReport(
  db: Database,
  question: ReportQuestion,
): Promise<IndicesReport> {
  const { rulebook, from, to, by, timeZone } = question
  await ensureServed(db)
  const book = await readServedBook(db, timeZone)
  const majorDays = question.exclude.includes('major')
    ? await majorDaysOfPeriod(db, question, book)
    : []
  const { cells, namelessRows } = await reckon(db, question, daysIn(majorDays))
  const hours = hoursBetween(from, to, timeZone)
  const rows = groupsOf(question, book, cells).map((key) => {
    const group = key === '' && by !== 'system' ? null : key
    const served = servedOf(question, book, group, hours)
    return indexRow(
      rulebook,
      by === 'system' ? 'system' : group,
      cells.get(key) ?? emptySums(),
      served,
    )
  })
  return {
    rulebook: { id: rulebook.id, name: rulebook.name.en, settings: rulebook.settings },
    from,
    to,
    by,
    exclude: question.exclude,
    timeZone,
    majorDays,
    notes: notesOf(question, namelessRows),
    rows,
  }
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
  return {
    year,
    area,
    ...threshold,
    frozenAt: frozen === undefined ? null : toIso(frozen.frozen_at),
    days: majorDaysOf(daily.inYear, threshold.thresholdMin).map(({ day, saidiMin }) => ({
      date: day,
      saidiMin,
    })),
  }
}

/** Fixes the thresholds of a year, of the system and of each area, as IEEE 1366 has it and with planned work left out; once. */
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
    const exclude = exclusionsOf(undefined)
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
  const { year, area, rulebook, exclude, now, timeZone } = question
  const history = frozen ? null : historyOf(year, await firstDay(db))
  const yearFrom = dayInYear(year)
  const daily = await dailySaidi(
    db,
    {
      from: history?.from ?? yearFrom,
      to: dayInYear(year + 1),
      by: 'day',
      rulebook,
      exclude,
      ...(area === null ? {} : { within: { area } }),
      now,
      timeZone,
    },
    book ?? (await readServedBook(db, timeZone)),
  )
  return {
    history: daily.filter(({ day }) => day < yearFrom),
    inYear: daily.filter(({ day }) => day >= yearFrom),
  }
}

const dayInYear = (year: number): LocalDay => `${String(year).padStart(4, '0')}-01-01`

export async function majorDaysOfPeriod(
  db: Database,
  question: ReportQuestion,
  book: ServedBook,
): Promise<MajorDays[]> {
  const { rulebook, exclude, now, timeZone, within } = question
  const years: MajorDays[] = []
  const last = Number(addDays(question.to, -1).slice(0, 4))
  for (let year = Number(question.from.slice(0, 4)); year <= last; year += 1) {
    const area = within?.area ?? null
    years.push(await majorDays(db, { year, area, rulebook, exclude, now, timeZone }, book))
  }
  return years
}

export const daysIn = (years: readonly MajorDays[]): ReadonlySet<LocalDay> =>
  new Set(years.flatMap(({ days }) => days.map(({ date }) => date)))

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
  if (byArea && (await rollupsCanTell(db, rollup))) {
    const days = await rolledUpDays(db, rollup)
    return new Map([...days].map(([day, sums]) => [day, sums.customerMs]))
  }
  const { cells } = await reckon(db, question, new Set(), { perUnit: false })
  return new Map([...cells].map(([day, sums]) => [day, sumWhere(sums.unitMs, { length: 'long' })]))
}

/** Reads the period once and sums it by group. */
export async function reckon(
  db: Database,
  question: ReportQuestion,
  majorDays: ReadonlySet<LocalDay>,
  keep: { perUnit?: boolean; onCounted?: (counted: Counted) => void } = {},
): Promise<{ cells: Map<string, Sums>; namelessRows: number }> {
  const { rulebook, timeZone, now, from, to } = question
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (tx) => {
      const weigh = await readWeights(tx, Date.parse(from), Date.parse(to))
      const reckoning = openReckoning({
        settings: rulebook.settings,
        timeZone,
        now,
        weigh,
        cellOf: (row) => cellOf(row, question, majorDays),
        perUnit: keep.perUnit ?? true,
        perOutage: (keep.perUnit ?? true) && countsOutages(rulebook),
        ...(keep.onCounted === undefined ? {} : { onCounted: keep.onCounted }),
      })
      let namelessRows = 0
      for await (const rows of readInterruptions(tx, question, () => reckoning.runningUntil())) {
        for (const row of rows) {
          if (row.members === null && row.day >= from && row.day < to) namelessRows += 1
          reckoning.add(row)
        }
      }
      return { cells: reckoning.finish(), namelessRows }
    })
}

function cellOf(
  row: Interruption,
  question: ReportQuestion,
  majorDays: ReadonlySet<LocalDay>,
): string | undefined {
  const { from, to, exclude, within } = question
  if (row.day < from || row.day >= to || majorDays.has(row.day)) return undefined
  if (within?.area !== undefined && row.area !== within.area) return undefined
  if (within?.substation !== undefined && row.substation !== within.substation) return undefined
  if (within?.feeder !== undefined && row.feeder !== within.feeder) return undefined
  for (const what of exclude) {
    if (what === 'planned' && row.nature === 'planned') return undefined
    if (what === 'external' && row.external) return undefined
    if (what === 'source_shortage' && row.sourceShortage) return undefined
  }
  switch (question.by) {
    case 'system':
      return ''
    case 'area':
      return row.area ?? ''
    case 'substation':
      return row.substation ?? ''
    case 'feeder':
      return row.feeder ?? ''
    case 'cause':
      return row.cause ?? ''
    case 'nature':
      return row.nature
    case 'month':
      return monthOf(row.day)
    case 'day':
      return row.day
  }
}

/** Every group that there is to tell of, also those without an interruption. */
function groupsOf(
  question: ReportQuestion,
  book: ServedBook,
  cells: ReadonlyMap<string, Sums>,
): string[] {
  const { from, to, by, within } = question
  const keys = new Set(cells.keys())
  switch (by) {
    case 'system':
      keys.add('')
      break
    case 'area':
    case 'substation':
    case 'feeder':
      if (within === undefined) for (const id of book.places(from, to, by)) keys.add(id ?? '')
      break
    case 'month':
      for (const day of daysOf(from, to)) keys.add(monthOf(day))
      break
    case 'day':
      for (const day of daysOf(from, to)) keys.add(day)
      break
    case 'nature':
      keys.add('planned').add('unplanned')
      break
    case 'cause':
      break
  }
  return [...keys].sort()
}

export function servedOf(
  question: ReportQuestion,
  book: ServedBook,
  group: string | null,
  periodHours: number,
): Served {
  const { by, within, rulebook, timeZone } = question
  let { from, to } = question
  let place: ServedPlace = { kind: 'system' }
  if (within?.feeder !== undefined) place = { kind: 'feeder', id: within.feeder }
  else if (within?.substation !== undefined) place = { kind: 'substation', id: within.substation }
  else if (within?.area !== undefined) place = { kind: 'area', id: within.area }
  let hours = periodHours
  if (by === 'area' || by === 'substation' || by === 'feeder') place = { kind: by, id: group }
  else if (by === 'day' && group !== null) {
    from = group
    to = addDays(group, 1)
    hours = hoursBetween(from, to, timeZone)
  } else if (by === 'month' && group !== null) {
    const next = addDays(`${group}-28`, 4).slice(0, 7)
    from = `${group}-01` > from ? `${group}-01` : from
    to = `${next}-01` < to ? `${next}-01` : to
    hours = hoursBetween(from, to, timeZone)
  }
  const count = book.average(from, to, place)
  return {
    units:
      rulebook.settings.unit === 'customer'
        ? (count?.customers ?? null)
        : (count?.loadPoints ?? count?.customers ?? null),
    kva: count?.connectedKva ?? null,
    averageKw: count?.averageKw ?? null,
    periodHours: hours,
  }
}

function notesOf(question: ReportQuestion, namelessRows: number): string[] {
  const notes: string[] = []
  if (namelessRows > 0) {
    notes.push(
      `${namelessRows} restoration steps of imported records name no load point: each counts as customers of its own, so indices per ` +
        `interrupted customer (CAIFI, CTAIDI, CEMI, CELID, CEMSMI, MAIFI-E) are lower bounds of repetition.`,
    )
    if (question.rulebook.settings.unit === 'medium_voltage_user')
      notes.push('Steps without a load point count their customers as users.')
  }
  if (question.exclude.includes('major'))
    notes.push(
      'Major days are those of the same interruptions otherwise counted here, by the threshold of their own year.',
    )
  return notes
}
