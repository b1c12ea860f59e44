import type { Instant, Json } from './schema.ts'

export const CONNECTION_STATES = ['asked', 'approved', 'connected', 'withdrawn'] as const
export type ConnectionState = (typeof CONNECTION_STATES)[number]

/** The tables of sql/0111_planning.sql. */
export type PlanningTables = {
  planning_setting: { subject: string; value: Json<unknown>; set_by: string; set_at: Instant }
  connection_request: {
    id: string
    point: string
    kw: number
    year: number
    coincidence: number
    class: string | null
    note: string | null
    state: ConnectionState
    asked_by: string
    asked_at: Instant
    changed_at: Instant
  }
}
