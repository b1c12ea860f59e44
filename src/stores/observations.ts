import { hash } from 'node:crypto'
import { sql } from 'kysely'
import type {
  Observation,
  Quality,
  SwitchObservation,
  SwitchReason,
} from '../ledger/observation.ts'
import type { EpochMs } from '../time.ts'
import { lines } from './columns.ts'
import { instant, type Database } from './database.ts'
import { constant, type Statement } from './statement.ts'

/** Rows of the record read at once. */
export const OBSERVATIONS_PAGE = 5000

/**
 * Appends to the record, in the transaction of what follows. What is there already (same identity, same content) stays as it is: doing
 * it twice is doing it once. The same identity with other content is kept beside it.
 */
export function toSaveObservations(
  observations: readonly Observation[],
  isClamped: (said: Observation) => boolean,
): Statement[] {
  if (observations.length === 0) return []
  const columns = {
    key: [] as string[],
    gateway: [] as string[],
    kind: [] as string[],
    point: [] as string[],
    seq: [] as number[],
    at: [] as number[],
    receivedAt: [] as number[],
    value: [] as string[],
    phases: [] as (number | null)[],
    reason: [] as (string | null)[],
    quality: [] as string[],
    bySubject: [] as (string | null)[],
    clamped: [] as boolean[],
  }
  for (const said of observations) {
    columns.key.push(observationKey(said))
    columns.gateway.push(said.gateway)
    columns.kind.push(said.kind)
    columns.point.push(said.point)
    columns.seq.push(said.seq)
    columns.at.push(said.at)
    columns.receivedAt.push(said.receivedAt)
    columns.value.push(said.kind === 'meter' ? said.event : said.position)
    columns.phases.push(said.kind === 'meter' ? null : said.phases)
    columns.reason.push(said.kind === 'meter' ? null : said.reason)
    columns.quality.push(said.kind === 'meter' ? 'good' : said.quality)
    columns.bySubject.push(said.kind === 'meter' ? null : said.bySubject)
    columns.clamped.push(isClamped(said))
  }
  const append = sql`
    insert into observation (key, gateway, kind, point, seq, at, received_at, value, phases, reason, quality, by_subject, clamped)
    select key::uuid, gateway, kind, point, seq::bigint, to_timestamp(at::float8 / 1000), to_timestamp(received_at::float8 / 1000), value,
      phases::smallint, reason, quality, by_subject, clamped::boolean
    from rows from (
      ${lines(columns.key)}, ${lines(columns.gateway)}, ${lines(columns.kind)}, ${lines(columns.point)}, ${lines(columns.seq)},
      ${lines(columns.at)}, ${lines(columns.receivedAt)}, ${lines(columns.value)}, ${lines(columns.phases)},
      ${lines(columns.reason)}, ${lines(columns.quality)}, unnest(${columns.bySubject}::text[]), ${lines(columns.clamped)}
    ) as said (key, gateway, kind, point, seq, at, received_at, value, phases, reason, quality, by_subject, clamped)
    on conflict (key) do nothing`
  return [constant(append)]
}

/** 48 bits of the source's time, then a digest of identity and content: in the order of time, and the same for the same word. */
export function observationKey(said: Observation): string {
  const content =
    said.kind === 'meter'
      ? said.event
      : `${said.position}\0${said.phases ?? ''}\0${said.reason ?? ''}\0${said.quality}`
  const digest = hash(
    'md5',
    `${said.gateway}\0${said.kind}\0${said.point}\0${said.seq}\0${content}`,
  )
  return timePrefix(said.at) + digest.slice(0, 20)
}

/** The smallest key that a word from this instant can have. */
export const firstKeyAt = (at: EpochMs): string => timePrefix(at) + '0'.repeat(20)

/** No word has a key as large as this. */
const LAST_KEY = 'f'.repeat(32)

const timePrefix = (at: EpochMs): string =>
  Math.max(0, Math.min(at, 0xffff_ffff_ffff)).toString(16).padStart(12, '0')

export type ObservationRow = {
  gateway: string
  kind: string
  point: string
  seq: number
  at: EpochMs
  received_at: EpochMs
  value: string
  phases: number | null
  reason: string | null
  quality: string
  by_subject: string | null
}

export const readSwitching = (row: ObservationRow): SwitchObservation => ({
  gateway: row.gateway,
  point: row.point,
  seq: row.seq,
  at: row.at,
  receivedAt: row.received_at,
  kind: row.kind as SwitchObservation['kind'],
  position: row.value as SwitchObservation['position'],
  phases: row.phases,
  reason: row.reason as SwitchReason | null,
  quality: row.quality as Quality,
  bySubject: row.by_subject,
})

/**
 * Words about switches from an instant on by the source's clock, in the order of time, in pages; without those whose clock ran too far
 * ahead. `db` is one view of the record (`readingRecord`). The next page is read while this one is worked on.
 */
export async function* switchObservations(
  db: Database,
  from: EpochMs,
  until: EpochMs = Number.POSITIVE_INFINITY,
): AsyncGenerator<SwitchObservation[]> {
  const end = Number.isFinite(until) ? firstKeyAt(until) : LAST_KEY
  const read = async (after: string | undefined) => {
    const { rows } = await sql<ObservationRow & { key: string }>`
      select key, gateway, kind, point, seq, (extract(epoch from at) * 1000)::int8 as at,
        (extract(epoch from received_at) * 1000)::int8 as received_at, value, phases, reason, quality, by_subject
      from observation
      where key ${after === undefined ? sql`>=` : sql`>`} ${after ?? firstKeyAt(from)}::uuid and key < ${end}::uuid
        and kind in ('switch', 'manual') and not clamped
      order by key limit ${OBSERVATIONS_PAGE}`.execute(db)
    return rows
  }
  let next = read(undefined)
  for (;;) {
    const rows = await next
    if (rows.length === OBSERVATIONS_PAGE) {
      next = read(rows.at(-1)?.key)
      // Whoever stops reading asks for it no more.
      next.catch(() => undefined)
    }
    if (rows.length > 0) yield rows.map(readSwitching)
    if (rows.length < OBSERVATIONS_PAGE) return
  }
}

/** Words about switches whose clock ran too far ahead, in the order in which they were received, from an instant on, in pages. */
export async function* clampedObservations(
  db: Database,
  from: EpochMs,
): AsyncGenerator<SwitchObservation[]> {
  let after: { at: EpochMs; key: string } | undefined
  for (;;) {
    let query = db
      .selectFrom('observation')
      .selectAll()
      .where('clamped', '=', true)
      .where('kind', 'in', ['switch', 'manual'])
      .orderBy('received_at')
      .orderBy('key')
      .limit(OBSERVATIONS_PAGE)
    if (Number.isFinite(from)) query = query.where('received_at', '>=', instant(from))
    if (after !== undefined) {
      query = query.where(
        sql<boolean>`(received_at, key) > (${instant(after.at)}, ${after.key}::uuid)`,
      )
    }
    const rows = await query.execute()
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows.map(readSwitching)
    if (rows.length < OBSERVATIONS_PAGE) return
    after = { at: last.received_at, key: last.key }
  }
}

/** Of some keys those that the record has. */
export async function recordedKeys(db: Database, keys: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ key: string }>`
    select replace(key::text, '-', '') as key from observation where key = any(${keys}::uuid[])`.execute(
    db,
  )
  return new Set(rows.map((row) => row.key))
}

/** Words about one switch strictly between two instants, by the source's clock or, where that ran ahead, by ours. */
export async function observationsOfSwitch(
  db: Database,
  point: string,
  after: EpochMs,
  before: EpochMs,
): Promise<SwitchObservation[]> {
  const rows = await db
    .selectFrom('observation')
    .selectAll()
    .where('point', '=', point)
    .where('kind', 'in', ['switch', 'manual'])
    .where((where) =>
      where.or([
        where.and([
          where('key', '>=', firstKeyAt(after + 1)),
          where('key', '<', firstKeyAt(before)),
        ]),
        where.and([
          where('clamped', '=', true),
          where('received_at', '>', instant(Math.max(after, 0))),
          where('received_at', '<', instant(before)),
        ]),
      ]),
    )
    .orderBy('key')
    .execute()
  return rows.map(readSwitching)
}
