import type { Generated } from 'kysely'
import type { FindingState, Severity } from '../work/finding.ts'
import type { Instant, InstantOrNull, LocalDay } from './schema.ts'

/** The tables of sql/0021_works.sql and sql/0112_findings.sql that hold rounds and what they found. */
export type PatrolTables = {
  patrol: {
    id: Generated<number>
    title: string
    owner: string
    assets: string[]
    due_on: LocalDay
    created_by: string
    created_at: Instant
    done_at: InstantOrNull
    done_by: string | null
  }
  patrol_visit: { patrol: number; asset: string; at: Instant; by_subject: string }
  finding: {
    id: Generated<number>
    patrol: number | null
    asset: string
    severity: Severity
    says: string
    photo: string | null
    owner: string
    due_on: LocalDay
    found_by: string
    found_at: Instant
    closed_at: InstantOrNull
    closed_by: string | null
    closed_note: string | null
    state: Generated<FindingState>
    work: string | null
  }
  finding_event: {
    id: Generated<number>
    finding: number
    at: Instant
    by_subject: string
    from_state: FindingState | null
    to_state: FindingState
    note: string | null
  }
  outage_finding: {
    outage: string
    finding: number
    contributed: boolean
    answered_by: string
    answered_at: Instant
  }
}
