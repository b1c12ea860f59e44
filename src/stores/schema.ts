import type { ColumnType, Generated } from 'kysely'
import type { CauseDetail } from '../reliability/cause-detail.ts'
import type { EpochMs } from '../time.ts'

/** timestamptz: read as milliseconds since 1970 (see `openDatabase`), written as a Date or RFC 3339 text. */
export type Instant = ColumnType<EpochMs, Date | string, Date | string>
export type InstantOrNull = ColumnType<EpochMs | null, Date | string | null, Date | string | null>
/** jsonb: read parsed, written as JSON text. */
export type Json<T> = ColumnType<T, string, string>
/** The same where it may be missing. */
export type JsonOrNull<T> = ColumnType<T | null, string | null | undefined, string | null>
/** date: read and written as `YYYY-MM-DD`. */
export type LocalDay = string

/** The tables of sql/0001_core.sql. Other rooms add theirs in `database.ts`. */
export type CoreTables = {
  network_revision: {
    revision: number
    valid_from: Instant
    imported_at: Instant
    format: string
    report: Json<unknown>
  }
  network_source: {
    revision: number
    id: string
    node: string
    phases: number
    rated_kva: number | null
  }
  network_substation: {
    revision: number
    id: string
    name: string
    area: string | null
    lon: number | null
    lat: number | null
  }
  network_feeder: {
    revision: number
    id: string
    name: string
    substation: string
    head: string
    rated_a: number | null
    rated_kva: number | null
  }
  network_node: {
    revision: number
    ix: number
    id: string
    kv: number | null
    lon: number | null
    lat: number | null
  }
  network_switch: {
    revision: number
    ix: number
    id: string
    from_ix: number
    to_ix: number
    kind: string
    phases: number
    normally_closed: boolean
    rated_a: number | null
    telemetered: boolean
    name: string | null
  }
  network_line: {
    revision: number
    ix: number
    id: string
    from_ix: number
    to_ix: number
    phases: number
    length_m: number | null
    rated_a: number | null
    overhead: boolean | null
    failures_per_km_year: number | null
    repair_h: number | null
  }
  network_transformer: {
    revision: number
    ix: number
    id: string
    from_ix: number
    to_ix: number
    phases: number
    kind: string
    rated_kva: number | null
    name: string | null
    failures_per_year: number | null
    repair_h: number | null
  }
  network_service_point: {
    revision: number
    ix: number
    id: string
    node_ix: number
    phases: number
    customers: number
    connected_kva: number | null
    class: string | null
    average_kw: number | null
    peak_kw: number | null
    priority: string | null
    lon: number | null
    lat: number | null
  }
  load_point: { ix: number; id: string }
  observation: {
    key: string
    gateway: string
    kind: string
    point: string
    seq: number
    at: Instant
    received_at: Instant
    value: string
    phases: number | null
    reason: string | null
    quality: string
    by_subject: string | null
    clamped: Generated<boolean>
  }
  checkpoint: { at: Instant; positions: Json<Record<string, number>> }
  switch_state: {
    switch: string
    closed_phases: number
    at: Instant
    gateway: string
    reason: string | null
  }
  outage: {
    id: string
    origin: string
    kind: string
    device: string | null
    anchor_at: Instant
    start_uncertain: boolean
    locked_out: Generated<boolean>
    phases: number
    area: string | null
    substation: string | null
    feeder: string | null
    started_at: Instant
    restored_at: InstantOrNull
    closed_at: InstantOrNull
    customers_out: number
    customers_interrupted: number
    closed_customer_ms: number
    steps: Json<readonly { at: EpochMs; device: string | null; customersRestored: number }[]>
    cause: string | null
    cause_detail: JsonOrNull<CauseDetail>
    crew: Json<unknown> | null
    etr: Json<unknown> | null
    told: Json<unknown> | null
    revision: number
    updated_at: Instant
    merged_into: ColumnType<string | null, string | null | undefined, string | null>
  }
  probable_outage: {
    key: string
    device: string | null
    feeder: string | null
    load_points: string[]
    customers: number
    since_at: Instant
    raised_at: Instant
  }
  probable_point: { service_point: string; kind: string; since_at: Instant; told_at: Instant }
  parallel_alarm: {
    id: Generated<number>
    pair: string
    tie: string
    feeders: string[]
    since_at: Instant
    raised_at: Instant
    until_at: ColumnType<EpochMs | null, Date | string | null | undefined, Date | string | null>
  }
  alarm_word: {
    id: Generated<number>
    alarm: string
    at: Instant
    kind: 'acknowledged' | 'shelved' | 'unshelved'
    until_at: InstantOrNull
    reason: string | null
    by_subject: string
  }
  outage_ruling: {
    number: Generated<number>
    at: Instant
    by_subject: string
    rules: 'joint' | 'apart' | 'boundary'
    device: string | null
    event_at: Instant
    other_device: string | null
    other_at: InstantOrNull
  }
  interruption: {
    outage: string
    from_at: Instant
    until_at: InstantOrNull
    area: string | null
    substation: string | null
    feeder: string | null
    phases: number
    customers: number
    connected_kva: number | null
    members: number[] | null
    local_day: LocalDay
    nature: Generated<string>
    cause: string | null
    cause_detail: JsonOrNull<CauseDetail>
    external: Generated<boolean>
    source_shortage: Generated<boolean>
    temporary: Generated<boolean>
    planned_until: ColumnType<
      EpochMs | null,
      Date | string | null | undefined,
      Date | string | null
    >
  }
  outage_event: {
    id: Generated<number>
    outage: string
    at: Instant
    kind: string
    data: Json<unknown>
    by_subject: string | null
  }
  correction: {
    id: Generated<number>
    outage: string
    known_at: Instant
    why: Json<unknown>
    before: Json<unknown>
    after: Json<unknown>
  }
  notice: {
    seq: number
    at: Instant
    audience: string
    kind: string
    outage: string | null
    feeders: string[]
    members: number[] | null
    points: string[] | null
    data: Json<unknown>
  }
  gateway: { id: string; online: boolean; at: Instant; heard_at: Instant }
  engine_term: { one: Generated<boolean>; term: number; writes: Generated<number> }
  customers_served: { area: string; from_day: LocalDay; customers: number }
  audit: {
    id: Generated<number>
    at: Instant
    subject: string
    role: string
    act: string
    target: string | null
    before: Json<unknown> | null
    after: Json<unknown> | null
  }
}
