import { formatPhases } from '../grid/phases.ts'
import { loadPointOf, phasesOf } from '../ledger/facts.ts'
import { hoursBetween } from '../reliability/calendar.ts'
import { longUnits, repeatedUnits } from '../reliability/indices.ts'
import type { RulebookSettings } from '../reliability/rulebook.ts'
import { emptySums, supplyGroupOf, type Sums } from '../reliability/reckoning.ts'
import { MS_PER_H, MS_PER_MIN, toIso, type EpochMs } from '../time.ts'
import type { Database } from './database.ts'
import { majorDaysLeftOut, majorDaysOfPeriod, type MajorDays } from './major-days.ts'
import { ensureServed, readServedBook } from './reliability.ts'
import { reckon, servedOf, withCountableUnit, type ReportQuestion } from './report-question.ts'

/** CEMI-n is told for n up to this. */
export const REPEATED_MAX = 10

export type CustomerThresholds = {
  /** Sustained interruptions from which on someone is listed (CEMI-n). */
  readonly repeated: number
  /** Hours of one interruption, and of all together (CELID). */
  readonly longSingleH: number
  readonly longTotalH: number
}

export type ListedReason = 'repeated' | 'longSingle' | 'longTotal'

/** Customers of one load point that share their phases, or one user where the rulebook counts users. */
export type ListedCustomers = {
  readonly loadPoint: string
  /** Null where the load point counts as one user. */
  readonly phases: string | null
  readonly feeder: string | null
  readonly area: string | null
  /** Customers, or users where the rulebook counts those. */
  readonly units: number
  readonly interruptions: number
  readonly momentaryEvents: number
  readonly totalMin: number
  readonly longestMin: number
  readonly lastAt: string
  readonly reasons: readonly ListedReason[]
  /** The supply group; null where the load point counts as one user. */
  readonly group: number | null
}

export type UnitCount = { readonly units: number; readonly share: number | null }

export type CustomerList = {
  readonly question: ReportQuestion
  readonly majorDays: readonly MajorDays[]
  readonly unitsServed: number | null
  readonly repeated: readonly (UnitCount & { readonly n: number })[]
  readonly longSingle: UnitCount
  readonly longTotal: UnitCount
  /** Customers of imported records that name no load point: counted above where one interruption is enough, and not listed. */
  readonly nameless: number
  readonly rows: readonly ListedCustomers[]
}

type Known = { feeder: string | null; area: string | null; lastAt: EpochMs }

/** Who had many or long interruptions in a period, by the same sums as CEMI-n and CELID: the customers listed add up to them. */
export async function listCustomers(
  db: Database,
  asked: Omit<ReportQuestion, 'by'>,
  thresholds: CustomerThresholds,
): Promise<CustomerList> {
  await ensureServed(db)
  const book = await readServedBook(db, asked.timeZone)
  const { longSingleH, longTotalH } = thresholds
  const settings = { ...asked.rulebook.settings, longSingleH, longTotalH }
  const rulebook = { ...asked.rulebook, settings }
  const question = await withCountableUnit(db, { ...asked, by: 'system' as const, rulebook }, book)
  const majorDays = await majorDaysOfPeriod(db, question, book)
  const known = new Map<number, Known>()
  const { cells } = await reckon(db, question, majorDaysLeftOut(majorDays), {
    onCounted({ unit, first: { feeder, area, from } }) {
      if (unit === null) return
      const before = known.get(unit)
      if (before === undefined) known.set(unit, { feeder, area, lastAt: from })
      else if (from >= before.lastAt) Object.assign(before, { feeder, area, lastAt: from })
    },
  })
  const sums = cells.get('') ?? emptySums()
  const hours = hoursBetween(question.from, question.to, question.timeZone)
  const { units: served } = servedOf(question, book, 'system', hours)
  const count = (units: number): UnitCount => ({
    units,
    share: served === null || served <= 0 ? null : units / served,
  })
  return {
    question,
    majorDays,
    unitsServed: served,
    repeated: Array.from({ length: REPEATED_MAX }, (_, i) => ({
      n: i + 1,
      ...count(repeatedUnits(sums, question.rulebook.settings, i + 1, false)),
    })),
    longSingle: count(longUnits(sums, question.rulebook.settings, 'single')),
    longTotal: count(longUnits(sums, question.rulebook.settings, 'total')),
    nameless: sums.nameless.any,
    rows: await rowsOf(db, question, sums, known, thresholds.repeated),
  }
}

async function rowsOf(
  db: Database,
  { rulebook: { settings } }: ReportQuestion,
  sums: Sums,
  known: ReadonlyMap<number, Known>,
  repeated: number,
): Promise<ListedCustomers[]> {
  const least = settings.repeatedCompare === 'atLeast' ? repeated : repeated + 1
  const found: Omit<ListedCustomers, 'loadPoint'>[] = []
  const points: number[] = []
  for (const [unit, tally] of sums.tallies) {
    const reasons: ListedReason[] = []
    if (tally.long >= least) reasons.push('repeated')
    if (tally.longestMs >= settings.longSingleH * MS_PER_H) reasons.push('longSingle')
    if (tally.longMs >= settings.longTotalH * MS_PER_H) reasons.push('longTotal')
    if (reasons.length === 0) continue
    const about = known.get(unit)
    if (about === undefined) throw new Error(`nobody was counted as ${unit}`)
    const { point, phases, group } = whoIs(unit, settings)
    points.push(point)
    found.push({
      phases,
      feeder: about.feeder,
      area: about.area,
      units: tally.units,
      interruptions: tally.long,
      momentaryEvents: tally.events,
      totalMin: tally.longMs / MS_PER_MIN,
      longestMin: tally.longestMs / MS_PER_MIN,
      lastAt: toIso(about.lastAt),
      reasons,
      group,
    })
  }
  const names = await loadPointNames(db, points)
  return found
    .map((row, i) => ({ loadPoint: names.get(points[i] ?? -1) ?? `no. ${points[i]}`, ...row }))
    .sort(
      (a, b) =>
        b.interruptions - a.interruptions ||
        b.totalMin - a.totalMin ||
        (a.loadPoint < b.loadPoint ? -1 : 1),
    )
}

/** The load point of a unit that was counted, and its supply group with its phases, both null where a rulebook counts the whole as one user. */
export function whoIs(
  unit: number,
  { unit: counted }: RulebookSettings,
): { point: number; group: number | null; phases: string | null } {
  const group = supplyGroupOf(unit)
  return counted === 'medium_voltage_user'
    ? { point: group, group: null, phases: null }
    : { point: loadPointOf(group), group, phases: formatPhases(phasesOf(group)) }
}

/** The utility's own names of load points by their numbers. */
export async function loadPointNames(
  db: Database,
  numbers: readonly number[],
): Promise<Map<number, string>> {
  if (numbers.length === 0) return new Map()
  const rows = await db
    .selectFrom('load_point')
    .select(['ix', 'id'])
    .where((where) => where('ix', '=', where.fn.any(where.val([...new Set(numbers)]))))
    .execute()
  return new Map(rows.map(({ ix, id }) => [ix, id]))
}
