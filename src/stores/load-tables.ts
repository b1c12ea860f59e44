import type { Generated } from 'kysely'
import type { WatchState } from '../balance/load-watch.ts'
import type { Instant, InstantOrNull, Json, LocalDay } from './schema.ts'

/** The tables of sql/0020_loads.sql. */
export type LoadTables = {
  load_quarter: {
    point: string
    at: Instant
    keys: number[]
    readings: number
    sum_w: number
    min_w: number
    max_w: number
    var_readings: number
    sum_var: number
    amp_readings: number
    sum_ma_a: number
    sum_ma_b: number
    sum_ma_c: number
    max_ma: number
    kv_readings: number
    sum_v: number
    late_readings: Generated<number>
  }
  load_touched: { at: Instant; times: Generated<number> }
  load_hour: {
    point: string
    at: Instant
    quarters: number
    mean_w: number
    peak_w: number
    min_w: number
    mean_var: number | null
  }
  load_day: {
    point: string
    day: LocalDay
    quarters: number
    mean_w: number
    peak_w: number
    peak_at: Instant
    min_w: number
  }
  load_alarm: {
    id: Generated<number>
    point: string
    kind: string
    from_at: Instant
    confirmed_at: Instant
    until_at: InstantOrNull
    peak_rate: number
    rule: string
    rated_kva: number | null
    feeder: string | null
    ended_by: string | null
    acknowledged_at: InstantOrNull
    acknowledged_by: string | null
  }
  load_watch: { one: Generated<boolean>; judged_at: Instant }
  load_watch_point: { point: string; state: Json<WatchState> }
}
