import type { Generated } from 'kysely'
import type { Instant, InstantOrNull, LocalDay } from './schema.ts'

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
  }
}
