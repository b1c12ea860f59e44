import type { Generated } from 'kysely'
import type { Work } from '../work/work.ts'
import type { Instant, Json } from './schema.ts'

/** A work as it is kept: its events and whom it takes off have tables of their own. */
export type Document = Omit<Work, 'history' | 'told'>

/** The tables of sql/0021_works.sql that hold works; patrols and findings are in patrols.ts. */
export type WorkTables = {
  work: {
    id: string
    state: string
    window_from: Instant
    window_until: Instant
    crew: string | null
    document: Json<Document>
    revision: number
    updated_at: Instant
  }
  work_event: {
    id: Generated<number>
    work: string
    at: Instant
    by_subject: string
    act: string
    from_state: string | null
    to_state: string
    note: string | null
  }
  work_told: { work: string; from_at: Instant; until_at: Instant; members: number[] }
}
