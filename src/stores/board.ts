import { sql } from 'kysely'
import type { Crew, Etr } from '../ledger/acts.ts'
import type { OutageId } from '../ledger/facts.ts'
import type { GatewayState } from '../ledger/observation.ts'
import type { CauseDetail } from '../reliability/cause-detail.ts'
import type { EpochMs } from '../time.ts'
import { jsonOrNull, lines } from './columns.ts'
import { instant, type Database } from './database.ts'
import { build, constant, oneOff, type Statement, text } from './statement.ts'

/** What people and machines added to an outage, and what customers were told of it. */
export type BoardRow = {
  readonly id: OutageId
  readonly kind: string
  readonly cause: string | null
  readonly causeDetail: CauseDetail | null
  readonly crew: Crew | null
  readonly etr: Etr | null
  readonly closedAt: EpochMs | null
  /** As notices/told.ts reads it. */
  readonly told: unknown
}

/** Outages that are not closed, and those closed since an instant. */
export async function readBoard(db: Database, closedSince: EpochMs): Promise<BoardRow[]> {
  const rows = await boardRows(db)
    .where((where) =>
      where.or([where('closed_at', 'is', null), where('closed_at', '>=', instant(closedSince))]),
    )
    .where('origin', '=', 'live')
    .execute()
  return rows.map(readRow)
}

export async function readBoardRow(db: Database, id: OutageId): Promise<BoardRow | undefined> {
  return (await readBoardRows(db, [id]))[0]
}

/** What is known beside the facts of some outages, whenever they were closed. */
export async function readBoardRows(db: Database, ids: readonly OutageId[]): Promise<BoardRow[]> {
  if (ids.length === 0) return []
  const rows = await boardRows(db)
    .where(sql<boolean>`id = any(${[...ids]}::text[])`)
    .execute()
  return rows.map(readRow)
}

/** Outages that everyone is back from since before an instant, and which nobody closed; the oldest first. */
export async function restoredUnclosed(
  db: Database,
  before: EpochMs,
  limit: number,
): Promise<OutageId[]> {
  const rows = await db
    .selectFrom('outage')
    .select('id')
    .where('closed_at', 'is', null)
    .where('origin', '=', 'live')
    .where('restored_at', '<', instant(before))
    .orderBy('restored_at')
    .limit(limit)
    .execute()
  return rows.map((row) => row.id)
}

const boardRows = (db: Database) =>
  db
    .selectFrom('outage')
    .select(['id', 'kind', 'cause', 'cause_detail', 'crew', 'etr', 'closed_at', 'told'])

const readRow = (row: {
  id: string
  kind: string
  cause: string | null
  cause_detail: CauseDetail | null
  crew: unknown
  etr: unknown
  closed_at: EpochMs | null
  told: unknown
}): BoardRow => ({
  id: row.id,
  kind: row.kind,
  cause: row.cause,
  causeDetail: row.cause_detail,
  crew: row.crew as Crew | null,
  etr: row.etr as Etr | null,
  closedAt: row.closed_at,
  told: row.told,
})

/** Writes what was added; the outage itself must have been saved. `raise` makes its revision grow where the facts did not. */
export function toSaveBoard(
  rows: readonly (BoardRow & { readonly raise: boolean })[],
  at: EpochMs,
): Statement[] {
  if (rows.length === 0) return []
  const update = text`
    update outage set
      kind = said.kind, cause = said.cause, cause_detail = said.cause_detail::jsonb, crew = said.crew::jsonb, etr = said.etr::jsonb,
      closed_at = to_timestamp(said.closed_at::float8 / 1000), told = said.told::jsonb,
      revision = revision + said.raise::int, updated_at = ${new Date(at)}
    from rows from (
      ${lines(rows.map((row) => row.id))}, ${lines(rows.map((row) => row.kind))}, unnest(${rows.map((row) => row.cause)}::text[]),
      ${lines(rows.map((row) => jsonOrNull(row.causeDetail)))},
      ${lines(rows.map((row) => jsonOrNull(row.crew)))}, ${lines(rows.map((row) => jsonOrNull(row.etr)))},
      ${lines(rows.map((row) => row.closedAt))}, ${lines(rows.map((row) => jsonOrNull(row.told)))},
      ${lines(rows.map((row) => (row.raise ? 1 : 0)))}
    ) as said (id, kind, cause, cause_detail, crew, etr, closed_at, told, raise)
    where outage.id = said.id`
  return [constant(update)]
}

export type OutageEvent = {
  readonly outage: OutageId
  readonly at: EpochMs
  readonly kind: string
  readonly data: unknown
  readonly bySubject: string | null
}

export function toSaveOutageEvents(events: readonly OutageEvent[]): Statement[] {
  if (events.length === 0) return []
  const rows = events.map((event) => ({
    outage: event.outage,
    at: new Date(event.at),
    kind: event.kind,
    data: JSON.stringify(event.data),
    by_subject: event.bySubject,
  }))
  return [oneOff(build.insertInto('outage_event').values(rows))]
}

/**
 * The last word of each gateway about itself, in the order in which the broker gave them: a Will was written when the gateway
 * connected, and so bears an earlier time than the `online` that it ends.
 */
export function toSaveGatewayStates(states: readonly GatewayState[]): Statement[] {
  if (states.length === 0) return []
  const last = [...new Map(states.map((state) => [state.gateway, state])).values()]
  const upsert = text`
    insert into gateway (id, online, at, heard_at)
    select id, online, to_timestamp(at / 1000), to_timestamp(heard_at / 1000)
    from unnest(
      ${last.map((state) => state.gateway)}::text[], ${last.map((state) => state.online)}::boolean[],
      ${last.map((state) => state.at)}::float8[], ${last.map((state) => state.receivedAt)}::float8[]
    ) as said (id, online, at, heard_at)
    on conflict (id) do update set
      online = excluded.online, at = greatest(excluded.at, gateway.at), heard_at = greatest(excluded.heard_at, gateway.heard_at)`
  return [constant(upsert)]
}

/** Gateways that said anything else: they are there. Their own word about being online stays theirs. */
export function toSaveHeard(heard: ReadonlyMap<string, EpochMs>): Statement[] {
  if (heard.size === 0) return []
  const upsert = text`
    insert into gateway (id, online, at, heard_at)
    select id, true, to_timestamp(heard_at / 1000), to_timestamp(heard_at / 1000)
    from unnest(${[...heard.keys()]}::text[], ${[...heard.values()]}::float8[]) as said (id, heard_at)
    on conflict (id) do update set heard_at = greatest(excluded.heard_at, gateway.heard_at)`
  return [constant(upsert)]
}
