import { sql } from 'kysely'
import { monthsBefore, type LocalDay } from '../reliability/calendar.ts'
import { toIso, type EpochMs } from '../time.ts'
import { loadPointNames, whoIs } from './customer-list.ts'
import type { Database } from './database.ts'
import { ensureServed } from './reliability.ts'
import { reckon, type ReportQuestion } from './report-question.ts'

/** So many sustained interruptions in so many months before a day. */
export type FrequentRule = { readonly atLeast: number; readonly months: number }

// The usual rule of Chinese utilities for a transformer area; no national standard fixes the numbers.
export const FREQUENT_RULES: readonly FrequentRule[] = [
  { atLeast: 3, months: 2 },
  { atLeast: 10, months: 12 },
]
export const FREQUENT_MONTHS_MAX = 36
/** Counts are told for these windows whatever the rules. */
const TOLD_MONTHS = [1, 2, 3, 6, 12]

export type OftenInterrupted = {
  readonly loadPoint: string
  /** Null where the load point counts as one user. */
  readonly phases: string | null
  readonly feeder: string | null
  readonly area: string | null
  /** By the network in force; null where it has no such load point. */
  readonly customers: number | null
  /** Sustained interruptions of the months before, by how many months. */
  readonly counts: Readonly<Record<string, number>>
  readonly lastAt: string
  readonly meets: readonly FrequentRule[]
}

export type FrequentList = {
  readonly from: LocalDay
  readonly months: readonly number[]
  readonly rows: readonly OftenInterrupted[]
  /** Interruptions of imported records that name no load point, which nobody can count by customer. */
  readonly namelessRows: number
}

type History = {
  days: LocalDay[]
  feeder: string | null
  area: string | null
  lastAt: EpochMs
}

/** Load points that were interrupted often in the months before the local day `until` (exclusive). */
export async function frequentlyInterrupted(
  db: Database,
  asked: Omit<ReportQuestion, 'by' | 'from' | 'to'> & { readonly until: LocalDay },
  rules: readonly FrequentRule[] = FREQUENT_RULES,
): Promise<FrequentList> {
  await ensureServed(db)
  const { until, ...rest } = asked
  const longest = Math.max(...TOLD_MONTHS, ...rules.map(({ months }) => months))
  const from = monthsBefore(until, longest)
  const question: ReportQuestion = { ...rest, by: 'system', from, to: until }
  const histories = new Map<number, History>()
  const { namelessRows } = await reckon(db, question, () => false, {
    perUnit: false,
    onCounted({ unit, first, length, interruptions }) {
      if (unit === null || length !== 'long' || interruptions === 0) return
      const { feeder, area, day, from: lastAt } = first
      const history = histories.get(unit)
      if (history === undefined) histories.set(unit, { days: [day], feeder, area, lastAt })
      else {
        history.days.push(day)
        Object.assign(history, { feeder, area, lastAt })
      }
    },
  })
  const months = [...new Set([...TOLD_MONTHS, ...rules.map((rule) => rule.months)])].sort(
    (a, b) => a - b,
  )
  const starts = new Map(months.map((many) => [many, monthsBefore(until, many)]))
  const countIn = (history: History, many: number): number => {
    const start = starts.get(many) ?? until
    return history.days.filter((day) => day >= start).length
  }
  const found: [unit: number, history: History, meets: FrequentRule[]][] = []
  for (const [unit, history] of histories) {
    const meets = rules.filter((rule) => countIn(history, rule.months) >= rule.atLeast)
    if (meets.length > 0) found.push([unit, history, meets])
  }
  const who = found.map(([unit]) => whoIs(unit, question.rulebook.settings))
  const points = who.map(({ point }) => point)
  const names = await loadPointNames(db, points)
  const customers = await customersBehind(
    db,
    points,
    question.rulebook.settings.unit === 'medium_voltage_user',
  )
  const [shortest = 1] = months
  const rows = found.map(([, history, meets], i) => {
    const { point, group, phases } = who[i] as (typeof who)[number]
    return {
      loadPoint: names.get(point) ?? `no. ${point}`,
      phases,
      feeder: history.feeder,
      area: history.area,
      customers: customers.get(group ?? point) ?? null,
      counts: Object.fromEntries(months.map((many) => [String(many), countIn(history, many)])),
      lastAt: toIso(history.lastAt),
      meets,
    }
  })
  const worst = (row: OftenInterrupted): number => row.counts[String(longest)] ?? 0
  const lately = (row: OftenInterrupted): number => row.counts[String(shortest)] ?? 0
  rows.sort(
    (a, b) => worst(b) - worst(a) || lately(b) - lately(a) || (a.loadPoint < b.loadPoint ? -1 : 1),
  )
  return { from, months, rows, namelessRows }
}

/** Customers by load point, or by supply group, in the network in force. */
async function customersBehind(
  db: Database,
  points: readonly number[],
  whole: boolean,
): Promise<Map<number, number>> {
  if (points.length === 0) return new Map()
  const { rows } = await sql<{ key: number; customers: number }>`
    select ${whole ? sql`code / 8` : sql`code`} as key, sum(customers) as customers from supply_group
    where revision = (select max(revision) from supply_group) and code / 8 = any(${[...new Set(points)]}::int[])
    group by 1`.execute(db)
  return new Map(rows.map(({ key, customers }) => [key, customers]))
}
