import type { Instant, Json, LocalDay } from './schema.ts'

/** The tables of sql/0010_reliability.sql. */
export type ReliabilityTables = {
  served_feeder: {
    revision: number
    feeder: string | null
    substation: string | null
    area: string | null
    customers: number
    load_points: number
    connected_kva: number | null
    average_kw: number | null
  }
  supply_group: {
    revision: number
    code: number
    customers: number
    connected_kva: number | null
    average_kw: number | null
  }
}

/** The tables of sql/0011_rollups.sql that are read from here. */
export type RollupTables = {
  rollup_inexact: { local_day: LocalDay }
}

/** The tables of sql/0012_periods.sql. */
export type PeriodTables = {
  period_closed: {
    month: string
    rulebook: string
    by_group: string
    closed_at: Instant
    by_subject: string
    time_zone: string
    report: Json<unknown>
  }
  major_day_threshold: {
    year: number
    area: string
    rulebook: string
    exclude: string
    alpha: number
    beta: number
    threshold_min: number
    history_days: number
    history: Json<readonly (readonly [LocalDay, number])[]>
    frozen_at: Instant
  }
}
