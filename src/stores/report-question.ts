import { sql } from 'kysely'
import { addDays, hoursBetween, monthOf, type LocalDay } from '../reliability/calendar.ts'
import { subCauseOf } from '../reliability/cause-detail.ts'
import { dltNatureOf } from '../reliability/causes.ts'
import { countsOutages, type Served } from '../reliability/indices.ts'
import {
  openReckoning,
  type Counted,
  type CountedEvent,
  type Interruption,
  type Sums,
} from '../reliability/reckoning.ts'
import type { Rulebook } from '../reliability/rulebook.ts'
import type { ServedBook, ServedPlace } from '../reliability/served.ts'
import type { EpochMs } from '../time.ts'
import type { Database } from './database.ts'
import { readInterruptions, readWeights } from './reliability.ts'

export const GROUPINGS = [
  'system',
  'area',
  'substation',
  'feeder',
  'cause',
  'sub_cause',
  'equipment',
  'weather',
  'responsible_system',
  'nature',
  'dlt_nature',
  'month',
  'day',
] as const
export type Grouping = (typeof GROUPINGS)[number]

export const EXCLUSIONS = ['planned', 'major', 'external', 'source_shortage', 'customer'] as const
export type Exclusion = (typeof EXCLUSIONS)[number]

/** Restricts a report to one place. */
export type Within = {
  readonly area?: string
  readonly substation?: string
  readonly feeder?: string
}

/** The place that a question names; none: the whole system. */
export function withinOf(named: { area?: string; substation?: string; feeder?: string }): {
  within?: Within
} {
  const { area, substation, feeder } = named
  const within = {
    ...(area === undefined ? {} : { area }),
    ...(substation === undefined ? {} : { substation }),
    ...(feeder === undefined ? {} : { feeder }),
  }
  return Object.keys(within).length === 0 ? {} : { within }
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

/** Days in a report by day, groups in any report. */
export const REPORT_DAYS_MAX = 366 * 20

/** Whether a day is left out as major, for what is in an area. */
export type LeftOutAsMajor = (day: LocalDay, area: string | null) => boolean

/** Reads the period once and sums it by group. */
export async function reckon(
  db: Database,
  question: ReportQuestion,
  isMajor: LeftOutAsMajor,
  keep: {
    perUnit?: boolean
    onCounted?: (counted: Counted) => void
    onEvent?: (event: CountedEvent) => void
  } = {},
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
        cellOf: (row) => cellOf(row, question, isMajor),
        perUnit: keep.perUnit ?? true,
        perOutage: (keep.perUnit ?? true) && countsOutages(rulebook),
        ...(keep.onCounted === undefined ? {} : { onCounted: keep.onCounted }),
        ...(keep.onEvent === undefined ? {} : { onEvent: keep.onEvent }),
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
  isMajor: LeftOutAsMajor,
): string | undefined {
  const { from, to, exclude, within } = question
  if (row.day < from || row.day >= to || isMajor(row.day, row.area)) return undefined
  if (within?.area !== undefined && row.area !== within.area) return undefined
  if (within?.substation !== undefined && row.substation !== within.substation) return undefined
  if (within?.feeder !== undefined && row.feeder !== within.feeder) return undefined
  for (const what of exclude) {
    if (what === 'planned' && row.nature === 'planned') return undefined
    if (what === 'external' && row.external) return undefined
    if (what === 'customer' && row.causeDetail?.responsibleSystem === 'customer') return undefined
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
    case 'sub_cause':
      return subCauseOf(row.cause, row.causeDetail ?? null) ?? ''
    case 'equipment':
      return row.causeDetail?.equipment ?? ''
    case 'weather':
      return row.causeDetail?.weather ?? ''
    case 'responsible_system':
      return row.causeDetail?.responsibleSystem ?? ''
    case 'nature':
      return row.nature
    case 'dlt_nature':
      return dltNatureOf({ ...row, cause: plannedCauseOf(row) })
    case 'month':
      return monthOf(row.day)
    case 'day':
      return row.day
  }
}

/** Planned work says its reason in words of its own; one that is called as in the tree stands there. */
const plannedCauseOf = ({ cause, causeDetail }: Interruption): string | null =>
  subCauseOf(cause, causeDetail ?? null) ?? subCauseOf(`PLANNED/${cause?.toLowerCase()}`, null)

/**
 * The question with a unit that can be counted above and below the line: where a rulebook counts medium-voltage users, but nobody has said
 * how many there are or an interruption of the period names none, customers are counted for both.
 */
export async function withCountableUnit<Q extends ReportQuestion>(
  db: Database,
  question: Q,
  book: ServedBook,
): Promise<Q> {
  const { rulebook, from, to, within } = question
  if (rulebook.settings.unit === 'customer') return question
  const served = book.average(from, to, placeOf(within))
  const { rows } = await sql`select 1 from interruption
    where local_day >= ${from}::date and local_day < ${to}::date and members is null
      ${within?.area === undefined ? sql`` : sql`and area = ${within.area}`}
      ${within?.substation === undefined ? sql`` : sql`and substation = ${within.substation}`}
      ${within?.feeder === undefined ? sql`` : sql`and feeder = ${within.feeder}`}
    limit 1`.execute(db)
  if (served !== null && served.loadPoints !== null && rows.length === 0) return question
  return {
    ...question,
    rulebook: { ...rulebook, settings: { ...rulebook.settings, unit: 'customer' } },
  }
}

/** What a question's place is counted as. */
export function placeOf(within: Within | undefined): ServedPlace {
  if (within?.feeder !== undefined) return { kind: 'feeder', id: within.feeder }
  if (within?.substation !== undefined) return { kind: 'substation', id: within.substation }
  if (within?.area !== undefined) return { kind: 'area', id: within.area }
  return { kind: 'system' }
}

export function servedOf(
  question: ReportQuestion,
  book: ServedBook,
  group: string | null,
  periodHours: number,
): Served {
  const { by, within, rulebook, timeZone } = question
  let { from, to } = question
  let place = placeOf(within)
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
