import { hash } from 'node:crypto'
import { sql, type Selectable } from 'kysely'
import type { LoadReading } from '../ledger/observation.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN, toIso, type EpochMs } from '../time.ts'
import { instant, type Database, type Tx } from './database.ts'
import type { LoadTables } from './load-tables.ts'
import type { LocalDay } from './schema.ts'

export const QUARTER_MS = 15 * MS_PER_MIN
/**
 * A reading keeps the time its source gave it, also one that is ahead of us: its place must follow from its identity alone. Further
 * ahead than this the clock is broken and the reading says nothing.
 */
export const LOAD_AHEAD_MAX_MS = MS_PER_DAY
const MONTHS_BEGIN = Date.UTC(2020, 0, 1)

export const quarterOf = (at: EpochMs): EpochMs => Math.floor(at / QUARTER_MS) * QUARTER_MS

export type LoadsSaved = {
  readonly saved: number
  /** Readings that were there before, or twice in this batch. */
  readonly duplicates: number
  /** Readings from further in the future than `LOAD_AHEAD_MAX_MS`; not kept. */
  readonly ahead: number
}

/**
 * Adds readings to their quarters of an hour, in the transaction of the batch they came in. Any order, any number of repetitions and any
 * cut into batches give the same rows. For the one writer: two transactions that save the same quarter at once would count twice.
 */
export async function saveLoads(tx: Tx, readings: readonly LoadReading[]): Promise<LoadsSaved> {
  const fresh = new Map<string, LoadReading>()
  let ahead = 0
  for (const reading of readings) {
    if (reading.at > reading.receivedAt + LOAD_AHEAD_MAX_MS) ahead++
    else fresh.set(keyOf(reading), reading)
  }
  if (fresh.size === 0) return { saved: 0, duplicates: readings.length - ahead, ahead }
  const kept = [...fresh.values()]
  await makeMonths(tx, kept)
  const result = await sql<{ saved: number }>`
    with said as (
      select * from unnest(
        ${kept.map((r) => r.point)}::text[],
        ${kept.map((r) => toIso(quarterOf(r.at)))}::timestamptz[],
        ${[...fresh.keys()]}::bigint[],
        ${kept.map((r) => Math.round(r.kw * 1000))}::bigint[],
        ${kept.map((r) => (r.kvar === null ? null : Math.round(r.kvar * 1000)))}::bigint[],
        ${kept.map((r) => milliamps(r, 0))}::bigint[],
        ${kept.map((r) => milliamps(r, 1))}::bigint[],
        ${kept.map((r) => milliamps(r, 2))}::bigint[],
        ${kept.map((r) => (r.kv === null ? null : Math.round(r.kv * 1000)))}::bigint[],
        ${kept.map((r) => isLate(r))}::boolean[]
      ) as s (point, at, key, w, var, ma_a, ma_b, ma_c, v, late)
    ), fresh as materialized (
      -- A subquery of one value is always a look-up by key; a join might read the whole month.
      select * from said s where (
        select s.key <> all (q.keys) from load_quarter q where q.point = s.point and q.at = s.at
      ) is not false
    ), touched as (
      insert into load_touched (at)
      select distinct date_trunc('hour', at, 'UTC') from fresh
      on conflict (at) do update set times = load_touched.times + 1
    ), added as (
      insert into load_quarter as q (
        point, at, keys, readings, sum_w, min_w, max_w, var_readings, sum_var,
        amp_readings, sum_ma_a, sum_ma_b, sum_ma_c, max_ma, kv_readings, sum_v, late_readings
      )
      select point, at, array_agg(key), count(*), sum(w), min(w), max(w),
        count(var), coalesce(sum(var), 0), count(ma_a), coalesce(sum(ma_a), 0),
        coalesce(sum(ma_b), 0), coalesce(sum(ma_c), 0),
        coalesce(max(greatest(ma_a, ma_b, ma_c)), 0), count(v), coalesce(sum(v), 0),
        count(*) filter (where late)
      from fresh group by point, at
      on conflict (point, at) do update set
        keys = q.keys || excluded.keys,
        readings = q.readings + excluded.readings,
        sum_w = q.sum_w + excluded.sum_w,
        min_w = least(q.min_w, excluded.min_w),
        max_w = greatest(q.max_w, excluded.max_w),
        var_readings = q.var_readings + excluded.var_readings,
        sum_var = q.sum_var + excluded.sum_var,
        amp_readings = q.amp_readings + excluded.amp_readings,
        sum_ma_a = q.sum_ma_a + excluded.sum_ma_a,
        sum_ma_b = q.sum_ma_b + excluded.sum_ma_b,
        sum_ma_c = q.sum_ma_c + excluded.sum_ma_c,
        max_ma = greatest(q.max_ma, excluded.max_ma),
        kv_readings = q.kv_readings + excluded.kv_readings,
        sum_v = q.sum_v + excluded.sum_v,
        late_readings = q.late_readings + excluded.late_readings
    )
    select count(*)::int as saved from fresh`.execute(tx)
  const saved = result.rows[0]?.saved ?? 0
  return { saved, duplicates: readings.length - ahead - saved, ahead }
}

/** A quarter is judged for alarms so long after its end: readings may come that late and still count. */
export const JUDGED_AFTER_MS = 2 * MS_PER_MIN

/** Came after its quarter was judged: kept and counted, and no alarm is changed by it. */
const isLate = ({ at, receivedAt }: LoadReading): boolean =>
  receivedAt > quarterOf(at) + QUARTER_MS + JUDGED_AFTER_MS

/** Identity and content: the same identity with another content is kept beside it, as with every observation. */
function keyOf(r: LoadReading): string {
  const said = [r.gateway, r.point, r.seq, r.at, r.kw, r.kvar, r.amps?.join(','), r.kv].join('\n')
  return hash('sha1', said, 'buffer').readBigInt64BE(0).toString()
}

const milliamps = (r: LoadReading, phase: 0 | 1 | 2): number | null =>
  r.amps === null ? null : Math.round(r.amps[phase] * 1000)

/** Makes the partitions that these readings need; in all but the first batch of a month there is nothing to make. */
async function makeMonths(tx: Tx, readings: readonly LoadReading[]): Promise<void> {
  const months = new Map<string, { from: EpochMs; until: EpochMs }>()
  for (const { at } of readings) {
    if (at < MONTHS_BEGIN) continue
    const day = new Date(at)
    const [year, month] = [day.getUTCFullYear(), day.getUTCMonth()]
    const name = `load_quarter_${year}_${String(month + 1).padStart(2, '0')}`
    if (!months.has(name)) {
      months.set(name, { from: Date.UTC(year, month), until: Date.UTC(year, month + 1) })
    }
  }
  if (months.size === 0) return
  const missing = await sql<{ name: string }>`
    select name from unnest(${[...months.keys()]}::text[]) as n (name)
    where to_regclass(name) is null`.execute(tx)
  for (const { name } of missing.rows) {
    const month = months.get(name)
    if (month === undefined) continue
    // Rows grow while their quarter lasts: room in the page keeps the updates out of the indexes.
    await sql`
      create table if not exists ${sql.id(name)} partition of load_quarter
      for values from (${sql.lit(toIso(month.from))}) to (${sql.lit(toIso(month.until))})
      with (fillfactor = 60)`.execute(tx)
  }
}

/** A quarter of an hour as measured: means over its readings; null where no reading said it. */
export type LoadQuarter = {
  readonly at: EpochMs
  readonly readings: number
  readonly meanKw: number
  readonly minKw: number
  readonly maxKw: number
  readonly meanKvar: number | null
  readonly meanA: readonly [number, number, number] | null
  readonly maxA: number | null
  readonly meanKv: number | null
  /** Readings that came after the quarter was judged for alarms. */
  readonly lateReadings: number
}

export const LOAD_ROWS_MAX = 40_000

/** The quarters of a point in `[from, until)`, by time; quarters without a reading are absent. At most `LOAD_ROWS_MAX`. */
export async function quartersOf(
  db: Database | Tx,
  point: string,
  { from, until }: { from: EpochMs; until: EpochMs },
): Promise<LoadQuarter[]> {
  const rows = await db
    .selectFrom('load_quarter')
    .selectAll()
    .where('point', '=', point)
    .where('at', '>=', instant(from))
    .where('at', '<', instant(until))
    .orderBy('at')
    .limit(LOAD_ROWS_MAX)
    .execute()
  return rows.map(quarterView)
}

/** Points of one quarter in the order of their ids after `after`, at most `limit`: for who goes through all of them. */
export async function pointsOfQuarter(
  db: Database | Tx,
  at: EpochMs,
  { after, limit }: { after: string; limit: number },
): Promise<(LoadQuarter & { readonly point: string })[]> {
  const rows = await db
    .selectFrom('load_quarter')
    .selectAll()
    .where('at', '=', instant(at))
    .where('point', '>', after)
    .orderBy('point')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ point: row.point, ...quarterView(row) }))
}

const quarterView = (row: Selectable<LoadTables['load_quarter']>): LoadQuarter => ({
  at: row.at,
  readings: row.readings,
  meanKw: row.sum_w / row.readings / 1000,
  minKw: row.min_w / 1000,
  maxKw: row.max_w / 1000,
  meanKvar: row.var_readings === 0 ? null : row.sum_var / row.var_readings / 1000,
  meanA:
    row.amp_readings === 0
      ? null
      : [
          row.sum_ma_a / row.amp_readings / 1000,
          row.sum_ma_b / row.amp_readings / 1000,
          row.sum_ma_c / row.amp_readings / 1000,
        ],
  maxA: row.amp_readings === 0 ? null : row.max_ma / 1000,
  meanKv: row.kv_readings === 0 ? null : row.sum_v / row.kv_readings / 1000,
  lateReadings: row.late_readings,
})

export type RolledUp = { readonly hours: number; readonly days: number }

/** Hours that one call rolls up; the rest waits for the next. */
export const ROLL_HOURS_MAX = 48

/**
 * Makes the hours and days again whose quarters have changed and which were over by `until`. Late readings make their hour and day
 * again; nothing is added to, everything is made from the quarters. Call again while it answers more than 0 hours. Runs beside the one writer, and
 * holds no lock that the writer waits for: an hour that is touched meanwhile stays touched.
 */
export async function rollUpLoads(
  db: Database,
  { until, timeZone }: { until: EpochMs; timeZone: string },
): Promise<RolledUp> {
  const touched = await db
    .selectFrom('load_touched')
    .selectAll()
    .where('at', '<=', instant(until - MS_PER_H))
    .orderBy('at')
    .limit(ROLL_HOURS_MAX)
    .execute()
  const hours = touched.map((row) => row.at)
  for (const hour of hours) {
    const [from, to] = [toIso(hour), toIso(hour + MS_PER_H)]
    await sql`
      insert into load_hour (point, at, quarters, mean_w, peak_w, min_w, mean_var)
      select point, ${from}::timestamptz, count(*), round(avg(sum_w::numeric / readings)),
        round(max(sum_w::numeric / readings)), min(min_w), round(avg(sum_var::numeric / nullif(var_readings, 0)))
      from load_quarter where at >= ${from}::timestamptz and at < ${to}::timestamptz group by point
      on conflict (point, at) do update set quarters = excluded.quarters, mean_w = excluded.mean_w,
        peak_w = excluded.peak_w, min_w = excluded.min_w, mean_var = excluded.mean_var`.execute(db)
  }
  const days = await sql<{ day: LocalDay }>`
    select distinct (at at time zone ${timeZone})::date as day
    from unnest(${hours.map((hour) => toIso(hour))}::timestamptz[]) as h (at)
    union select distinct ((at + interval '45 minutes') at time zone ${timeZone})::date
    from unnest(${hours.map((hour) => toIso(hour))}::timestamptz[]) as h (at)`.execute(db)
  for (const { day } of days.rows) {
    await sql`
      insert into load_day (point, day, quarters, mean_w, peak_w, peak_at, min_w)
      select point, ${day}::date, count(*), round(avg(mean)), round(max(mean)),
        (array_agg(at order by mean desc, at))[1], min(min_w)
      from (
        select point, at, min_w, sum_w::numeric / readings as mean from load_quarter
        where at >= ${day}::date::timestamp at time zone ${timeZone}
          and at < (${day}::date + 1)::timestamp at time zone ${timeZone}
      ) as quarters group by point
      on conflict (point, day) do update set quarters = excluded.quarters, mean_w = excluded.mean_w,
        peak_w = excluded.peak_w, peak_at = excluded.peak_at, min_w = excluded.min_w`.execute(db)
  }
  for (const { at, times } of touched) {
    await db
      .deleteFrom('load_touched')
      .where('at', '=', instant(at))
      .where('times', '=', times)
      .execute()
  }
  return { hours: hours.length, days: days.rows.length }
}

/** Quarters older than this say nothing about the load of a moment. */
export const LOAD_AGE_MAX_MS = 2 * QUARTER_MS

export type LoadNow = {
  readonly point: string
  readonly at: EpochMs
  readonly kw: number
  readonly kvar: number | null
  readonly amps: readonly [number, number, number] | null
  readonly kv: number | null
}

/** Of every measured point its newest quarter that began at or before `at`, none older than `LOAD_AGE_MAX_MS`: means of that quarter. */
export async function loadsAt(db: Database | Tx, at: EpochMs): Promise<LoadNow[]> {
  const { rows } = await sql<MeansRow>`
    select distinct on (point) point, at,
      sum_w::float8 / readings / 1000 as kw,
      sum_var::float8 / nullif(var_readings, 0) / 1000 as kvar,
      sum_ma_a::float8 / nullif(amp_readings, 0) / 1000 as a,
      sum_ma_b::float8 / nullif(amp_readings, 0) / 1000 as b,
      sum_ma_c::float8 / nullif(amp_readings, 0) / 1000 as c,
      sum_v::float8 / nullif(kv_readings, 0) / 1000 as kv
    from load_quarter
    where at > ${instant(at - LOAD_AGE_MAX_MS)} and at <= ${instant(at)}
    order by point, at desc`.execute(db)
  return rows.map(withAmps)
}

/** Means of a quarter as they are selected, a current a column. */
export type MeansRow = Omit<LoadNow, 'amps'> & {
  readonly a: number | null
  readonly b: number | null
  readonly c: number | null
}

/** Currents are known of all three phases or of none. */
export const withAmps = <Row extends MeansRow>({ a, b, c, ...row }: Row) => ({
  ...row,
  amps: a === null || b === null || c === null ? null : ([a, b, c] as const),
})

export type LoadHour = {
  readonly at: EpochMs
  readonly quarters: number
  readonly meanKw: number
  readonly peakKw: number
  readonly minKw: number
}

/** The hours of a point in `[from, until)` as they were rolled up, by time; at most `LOAD_ROWS_MAX`. */
export async function hoursOf(
  db: Database | Tx,
  point: string,
  { from, until }: { from: EpochMs; until: EpochMs },
): Promise<LoadHour[]> {
  const rows = await db
    .selectFrom('load_hour')
    .selectAll()
    .where('point', '=', point)
    .where('at', '>=', instant(from))
    .where('at', '<', instant(until))
    .orderBy('at')
    .limit(LOAD_ROWS_MAX)
    .execute()
  return rows.map((row) => ({
    at: row.at,
    quarters: row.quarters,
    meanKw: row.mean_w / 1000,
    peakKw: row.peak_w / 1000,
    minKw: row.min_w / 1000,
  }))
}

export type LoadDay = {
  readonly day: LocalDay
  readonly quarters: number
  readonly meanKw: number
  readonly peakKw: number
  readonly peakAt: EpochMs
  readonly minKw: number
}

/** The local days of a point from `from` to `to`, the last one included; at most `LOAD_ROWS_MAX`. */
export async function daysOf(
  db: Database | Tx,
  point: string,
  { from, to }: { from: LocalDay; to: LocalDay },
): Promise<LoadDay[]> {
  const rows = await db
    .selectFrom('load_day')
    .selectAll()
    .where('point', '=', point)
    .where('day', '>=', from)
    .where('day', '<=', to)
    .orderBy('day')
    .limit(LOAD_ROWS_MAX)
    .execute()
  return rows.map((row) => ({
    day: row.day,
    quarters: row.quarters,
    meanKw: row.mean_w / 1000,
    peakKw: row.peak_w / 1000,
    peakAt: row.peak_at,
    minKw: row.min_w / 1000,
  }))
}
