import { hash } from 'node:crypto'
import { sql } from 'kysely'
import type {
  MeterObservation,
  Observation,
  Quality,
  SwitchObservation,
  SwitchReason,
} from '../ledger/observation.ts'
import type { EpochMs } from '../time.ts'
import { lines } from './columns.ts'
import { instant, type Database, type Tx } from './database.ts'

/** Rows of the record read at once. */
export const OBSERVATIONS_PAGE = 5000

/**
 * Appends to the record, in the transaction of what follows. What is there already (same identity, same content) stays as it is: doing
 * it twice is doing it once. The same identity with other content is kept beside it.
 */
export async function saveObservations(
  tx: Tx,
  observations: readonly Observation[],
  isClamped: (said: Observation) => boolean,
): Promise<void> {
  if (observations.length === 0) return
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
  await sql`
    insert into observation (key, gateway, kind, point, seq, at, received_at, value, phases, reason, quality, by_subject, clamped)
    select key::uuid, gateway, kind, point, seq::bigint, to_timestamp(at::float8 / 1000), to_timestamp(received_at::float8 / 1000), value,
      phases::smallint, reason, quality, by_subject, clamped::boolean
    from rows from (
      ${lines(columns.key)}, ${lines(columns.gateway)}, ${lines(columns.kind)}, ${lines(columns.point)}, ${lines(columns.seq)},
      ${lines(columns.at)}, ${lines(columns.receivedAt)}, ${lines(columns.value)}, ${lines(columns.phases)},
      ${lines(columns.reason)}, ${lines(columns.quality)}, unnest(${columns.bySubject}::text[]), ${lines(columns.clamped)}
    ) as said (key, gateway, kind, point, seq, at, received_at, value, phases, reason, quality, by_subject, clamped)
    on conflict (key) do nothing`.execute(tx)
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

const timePrefix = (at: EpochMs): string =>
  Math.max(0, Math.min(at, 0xffff_ffff_ffff)).toString(16).padStart(12, '0')

type ObservationRow = {
  key: string
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

export function readObservation(row: ObservationRow): Observation {
  const said = {
    gateway: row.gateway,
    point: row.point,
    seq: row.seq,
    at: row.at,
    receivedAt: row.received_at,
  }
  if (row.kind === 'meter') {
    return { ...said, kind: 'meter', event: row.value as MeterObservation['event'] }
  }
  return {
    ...said,
    kind: row.kind as SwitchObservation['kind'],
    position: row.value as SwitchObservation['position'],
    phases: row.phases,
    reason: row.reason as SwitchReason | null,
    quality: row.quality as Quality,
    bySubject: row.by_subject,
  }
}

/** Words about switches from an instant on by the source's clock, in the order of time, in pages. */
export async function* switchObservations(
  db: Database,
  from: EpochMs,
  until: EpochMs = Number.POSITIVE_INFINITY,
): AsyncGenerator<SwitchObservation[]> {
  let after: string | undefined
  const first = firstKeyAt(from)
  const end = Number.isFinite(until) ? firstKeyAt(until) : undefined
  for (;;) {
    let query = db
      .selectFrom('observation')
      .selectAll()
      .where('kind', 'in', ['switch', 'manual'])
      .orderBy('key')
      .limit(OBSERVATIONS_PAGE)
    query = after === undefined ? query.where('key', '>=', first) : query.where('key', '>', after)
    if (end !== undefined) query = query.where('key', '<', end)
    const rows = await query.execute()
    if (rows.length === 0) return
    yield rows.map((row) => readObservation(row) as SwitchObservation)
    if (rows.length < OBSERVATIONS_PAGE) return
    after = rows.at(-1)?.key
  }
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
  return rows.map((row) => readObservation(row) as SwitchObservation)
}
