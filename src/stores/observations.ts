import { setImmediate as turn } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Observation, SwitchObservation } from '../ledger/observation.ts'
import type { EpochMs } from '../time.ts'
import { archivedRows, archivedTouching } from './archive.ts'
import { lines } from './columns.ts'
import { instant, type Database } from './database.ts'
import { mergedByKey } from './merged.ts'
import {
  firstKeyAt,
  hexOfKey,
  LAST_KEY,
  OBSERVATION_COLUMNS,
  observationKey,
  readSwitching,
  type ObservationRow,
} from './observation-row.ts'
import { constant, type Statement, text } from './statement.ts'

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
  const append = text`
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

/**
 * Words about switches from an instant on by the source's clock, in the order of time, in pages, archived or not; without those whose clock
 * ran too far ahead. `db` is one view of the record (`readingRecord`). The next page is read while this one is worked on.
 */
export async function* switchObservations(
  db: Database,
  from: EpochMs,
  until: EpochMs = Number.POSITIVE_INFINITY,
): AsyncGenerator<SwitchObservation[]> {
  const span = {
    low: firstKeyAt(from),
    high: Number.isFinite(until) ? firstKeyAt(until) : LAST_KEY,
  }
  const words = mergedByKey(hotRows(db, span), archivedRows(db, 'switching', span))
  for await (const page of words) yield page.map(readSwitching)
}

async function* hotRows(
  db: Database,
  { low, high }: { readonly low: string; readonly high: string },
): AsyncGenerator<ObservationRow[]> {
  const read = async (after: string | undefined) => {
    const { rows } = await sql<ObservationRow>`
      select ${OBSERVATION_COLUMNS} from observation
      where key ${after === undefined ? sql`>=` : sql`>`} ${after ?? low}::uuid and key < ${high}::uuid
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
      // It is asked for before what has come keeps us busy, not after.
      await turn()
    }
    if (rows.length > 0) yield rows
    if (rows.length < OBSERVATIONS_PAGE) return
  }
}

/**
 * Words about switches whose clock ran too far ahead, in the order in which they were received, from an instant on, in pages. They are
 * never archived.
 */
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

/** Of some keys those that the record has, archived or not. */
export async function recordedKeys(db: Database, keys: readonly string[]): Promise<Set<string>> {
  const { rows } = await sql<{ key: string }>`
    select key from observation where key = any(${keys}::uuid[])`.execute(db)
  const found = new Set(rows.map((row) => hexOfKey(row.key)))
  const wanted = new Set(keys.filter((key) => !found.has(key)))
  const spans = [...wanted].map((key) => ({ low: key, high: key }))
  for await (const words of archivedTouching(db, ['switching', 'metering'], spans)) {
    for (const { key } of words) if (wanted.has(hexOfKey(key))) found.add(hexOfKey(key))
  }
  return found
}

/** Words about one switch strictly between two instants, by the source's clock or, where that ran ahead, by ours; archived or not. */
export async function observationsOfSwitch(
  db: Database,
  point: string,
  after: EpochMs,
  before: EpochMs,
): Promise<SwitchObservation[]> {
  const span = { low: firstKeyAt(after + 1), high: firstKeyAt(before) }
  const rows = await db
    .selectFrom('observation')
    .selectAll()
    .where('point', '=', point)
    .where('kind', 'in', ['switch', 'manual'])
    .where((where) =>
      where.or([
        where.and([where('key', '>=', span.low), where('key', '<', span.high)]),
        where.and([
          where('clamped', '=', true),
          where('received_at', '>', instant(Math.max(after, 0))),
          where('received_at', '<', instant(before)),
        ]),
      ]),
    )
    .orderBy('key')
    .execute()
  const byKey = new Map<string, ObservationRow>(rows.map((row) => [row.key, row]))
  for await (const words of archivedRows(db, 'switching', span)) {
    for (const row of words) if (row.point === point) byKey.set(row.key, row)
  }
  return [...byKey.values()].map(readSwitching)
}

/** What some points said at some instants by the source's clock, archived or not, in the order of time. */
export async function observationsAt(
  db: Database,
  events: readonly { readonly point: string; readonly at: EpochMs }[],
): Promise<ObservationRow[]> {
  const spans = events.map(({ at }) => ({ low: firstKeyAt(at), high: firstKeyAt(at + 1) }))
  // The key of an observation begins with its instant, so that the primary key finds it.
  const { rows } = await sql<ObservationRow>`
    select ${OBSERVATION_COLUMNS}
    from unnest(
      ${events.map(({ point }) => point)}::text[], ${spans.map(({ low }) => low)}::uuid[], ${spans.map(({ high }) => high)}::uuid[]
    ) as event (whose, low, high)
    join observation on key >= low and key < high and point = whose`.execute(db)
  const found = new Map(rows.map((row) => [row.key, row]))
  const wanted = new Set(events.map(({ point, at }) => `${point}@${at}`))
  for await (const words of archivedTouching(db, ['switching'], spans)) {
    for (const row of words) if (wanted.has(`${row.point}@${row.at}`)) found.set(row.key, row)
  }
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}
