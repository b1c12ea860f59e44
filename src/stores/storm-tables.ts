import type { Generated } from 'kysely'
import type { Instant, InstantOrNull, Json } from './schema.ts'

/** The tables of sql/0120_storms.sql. */
export type StormTables = {
  storm: {
    id: Generated<number>
    area: string | null
    declared_at: Instant
    declared_by: string
    reason: string | null
    etr: Json<unknown> | null
    alarmed_at: InstantOrNull
    ended_at: InstantOrNull
    ended_by: string | null
  }
  storm_event: {
    id: Generated<number>
    storm: number
    at: Instant
    kind: string
    data: Json<unknown>
    by_subject: string
  }
}
