import type { Generated } from 'kysely'
import type { Instant, InstantOrNull, Json } from './schema.ts'

/** The tables of sql/0030_customers.sql. */
export type CustomerTables = {
  recipient: {
    id: Generated<number>
    subject: string
    channel: string
    address: string
    secret: string | null
    language: string
    service_points: string[]
    groups: number[]
    audience: Generated<string>
    kinds: string[] | null
    quiet_from_min: number | null
    quiet_until_min: number | null
    created_at: Instant
  }
  outbox: {
    id: Generated<number>
    recipient: number
    notice_seq: number
    kind: string
    outage: string | null
    order_key: string
    urgent: boolean
    data: Json<unknown>
    state: Generated<string>
    attempts: Generated<number>
    next_at: Instant
    expires_at: Instant
    created_at: Instant
    done_at: InstantOrNull
    last_error: string | null
    receipt: string | null
  }
  outbox_progress: { one: Generated<boolean>; notice_seq: number }
  preference: { subject: string; language: string; updated_at: Instant }
  calendar_key: { key: string; subject: string; service_point: string; created_at: Instant }
  customer_report: {
    id: Generated<number>
    service_point: string
    group: number | null
    kind: string
    first_at: Instant
    last_at: Instant
    times: Generated<number>
    hazard: Generated<boolean>
    words: string | null
    outage: string | null
    by_subject: string
    closed_at: InstantOrNull
  }
  satisfaction: {
    outage: string
    service_point: string
    subject: string
    score: number
    words: string | null
    at: Instant
  }
  complaint: {
    id: Generated<number>
    service_point: string
    subject: string
    outage: string | null
    words: string
    at: Instant
    owner: string | null
    due_at: Instant
    answer: string | null
    answered_at: InstantOrNull
    answered_by: string | null
  }
}
