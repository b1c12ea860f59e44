import { sql } from 'kysely'
import { addDays, dayStart } from '../reliability/calendar.ts'
import { toIso, type EpochMs } from '../time.ts'
import type { Database, Tx } from './database.ts'
import { type LoadNow, withAmps, type MeansRow } from './loads.ts'
import type { LocalDay } from './schema.ts'

/** Points whose loads add up, and what they are called together. */
export type LoadGroup = { readonly key: string; readonly points: readonly string[] }

export type CoincidentPeak = {
  /** The quarter in which the sum was highest. */
  readonly at: EpochMs
  readonly kw: number
  /** False where more days would have had to be looked at than `DAYS_LOOKED_AT_MAX`: then it is the highest of those. */
  readonly exact: boolean
}

const DAYS_IN_ONE_GO = 4
export const DAYS_LOOKED_AT_MAX = 120

type Days = { readonly from: LocalDay; readonly to: LocalDay; readonly timeZone: string }

/**
 * The highest sum of the quarters of each group in the local days `[from, to)`, to the quarter. A day whose single peaks do not add up to more than
 * what was found on another is not read: of a year of quarters few days are. Groups without any value are absent.
 */
export async function coincidentPeaks(
  db: Database | Tx,
  groups: readonly LoadGroup[],
  { from, to, timeZone }: Days,
): Promise<Map<string, CoincidentPeak>> {
  const keys = groups.flatMap((group) => group.points.map(() => group.key))
  const points = groups.flatMap((group) => group.points)
  const { rows: bounds } = await sql<{ key: string; day: LocalDay; bound: number }>`
    select m.key, d.day, sum(d.peak_w)::float8 as bound
    from unnest(${keys}::text[], ${points}::text[]) as m (key, point)
      join load_day d on d.point = m.point
    where d.day >= ${from}::date and d.day < ${to}::date
    group by m.key, d.day order by bound desc, d.day`.execute(db)
  const waiting = new Map<string, { day: LocalDay; bound: number }[]>()
  for (const { key, ...day } of bounds) {
    const days = waiting.get(key)
    if (days === undefined) waiting.set(key, [day])
    else days.push(day)
  }
  const best = new Map<string, { at: EpochMs; w: number }>()
  for (let looked = 0; waiting.size > 0 && looked < DAYS_LOOKED_AT_MAX; looked += DAYS_IN_ONE_GO) {
    const asked: { key: string; day: LocalDay }[] = []
    for (const [key, days] of waiting) {
      const least = best.get(key)?.w ?? -Infinity
      const next = days.splice(0, DAYS_IN_ONE_GO).filter(({ bound }) => bound > least)
      if (next.length === 0) waiting.delete(key)
      else asked.push(...next.map(({ day }) => ({ key, day })))
    }
    if (asked.length === 0) break
    const { rows } = await sql<{ key: string; at: EpochMs; w: number }>`
      select distinct on (key) key, at, w from (
        select a.key, q.at, sum(round(q.sum_w::numeric / q.readings))::float8 as w
        from unnest(
            ${asked.map((one) => one.key)}::text[],
            ${asked.map(({ day }) => toIso(dayStart(day, timeZone)))}::timestamptz[],
            ${asked.map(({ day }) => toIso(dayStart(addDays(day, 1), timeZone)))}::timestamptz[]
          ) as a (key, from_at, until_at)
          join unnest(${keys}::text[], ${points}::text[]) as m (key, point) on m.key = a.key
          join load_quarter q on q.point = m.point and q.at >= a.from_at and q.at < a.until_at
        group by a.key, q.at
      ) as sums order by key, w desc, at`.execute(db)
    for (const { key, at, w } of rows) {
      const known = best.get(key)
      if (known === undefined || w > known.w || (w === known.w && at < known.at)) {
        best.set(key, { at, w })
      }
    }
  }
  return new Map(
    [...best].map(([key, { at, w }]) => {
      const left = waiting.get(key)?.[0]
      return [key, { at, kw: w / 1000, exact: left === undefined || left.bound <= w }]
    }),
  )
}

export type OwnPeak = LoadNow & {
  /** Local days on which power flowed back at some time. */
  readonly reverseDays: number
  readonly days: number
}

/** The highest quarter of each point by itself in the local days `[from, to)`, with all that was measured in it. */
export async function ownPeaks(
  db: Database | Tx,
  points: readonly string[],
  { from, to }: Omit<Days, 'timeZone'>,
): Promise<Map<string, OwnPeak>> {
  if (points.length === 0) return new Map()
  const { rows } = await sql<MeansRow & { reverseDays: number; days: number }>`
    with peak as (
      select distinct on (d.point) d.point, d.peak_w, d.peak_at,
        count(*) filter (where d.min_w < 0) over (partition by d.point) as reverse_days,
        count(*) over (partition by d.point) as days
      from unnest(${[...points]}::text[]) as m (point) join load_day d on d.point = m.point
      where d.day >= ${from}::date and d.day < ${to}::date
      order by d.point, d.peak_w desc, d.peak_at
    )
    select p.point, p.peak_at as at, p.peak_w::float8 / 1000 as kw,
      q.sum_var::float8 / nullif(q.var_readings, 0) / 1000 as kvar,
      q.sum_ma_a::float8 / nullif(q.amp_readings, 0) / 1000 as a,
      q.sum_ma_b::float8 / nullif(q.amp_readings, 0) / 1000 as b,
      q.sum_ma_c::float8 / nullif(q.amp_readings, 0) / 1000 as c,
      q.sum_v::float8 / nullif(q.kv_readings, 0) / 1000 as kv,
      p.reverse_days::int as "reverseDays", p.days::int
    from peak p left join load_quarter q on q.point = p.point and q.at = p.peak_at`.execute(db)
  return new Map(rows.map((row) => [row.point, withAmps(row)]))
}

export type YearPeak = {
  readonly year: number
  readonly kw: number
  readonly at: EpochMs
  /** Local days with a value. */
  readonly days: number
}

/** The highest coincident quarter of some points in each local year that has values, oldest first. */
export async function yearlyPeaks(
  db: Database | Tx,
  points: readonly string[],
  timeZone: string,
): Promise<YearPeak[]> {
  const { rows } = await sql<{ year: number; days: number }>`
    select extract(year from day)::int as year, count(distinct day)::int as days
    from load_day where point = any(${[...points]}::text[]) group by 1 order by 1`.execute(db)
  const peaks: YearPeak[] = []
  for (const { year, days } of rows) {
    const range = { from: `${year}-01-01`, to: `${year + 1}-01-01`, timeZone }
    const peak = (await coincidentPeaks(db, [{ key: 'all', points }], range)).get('all')
    if (peak !== undefined) peaks.push({ year, kw: peak.kw, at: peak.at, days })
  }
  return peaks
}
