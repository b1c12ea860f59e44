import type { Instant } from './schema.ts'

/** The table of sql/0180_targets.sql. */
export type TargetTables = {
  reliability_target: {
    year: number
    rulebook: string
    index: string
    value: number
    set_by: string
    set_at: Instant
  }
}
