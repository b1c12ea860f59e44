import { sql } from 'kysely'
import type { Crew, Etr } from '../ledger/acts.ts'
import type { OutageId } from '../ledger/facts.ts'
import type { GatewayState } from '../ledger/observation.ts'
import type { EpochMs } from '../time.ts'
import { lines } from './columns.ts'
import { instant, type Database, type Tx } from './database.ts'

/** What people and machines added to an outage, and what customers were told of it. */
export type BoardRow = {
  readonly id: OutageId
  readonly kind: string
  readonly cause: string | null
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
  db.selectFrom('outage').select(['id', 'kind', 'cause', 'crew', 'etr', 'closed_at', 'told'])

const readRow = (row: {
  id: string
  kind: string
  cause: string | null
  crew: unknown
  etr: unknown
  closed_at: EpochMs | null
  told: unknown
}): BoardRow => ({
  id: row.id,
  kind: row.kind,
  cause: row.cause,
  crew: row.crew as Crew | null,
  etr: row.etr as Etr | null,
  closedAt: row.closed_at,
  told: row.told,
})

/** Writes what was added; the outage itself must have been saved. `raise` makes its revision grow where the facts did not. */
export async function saveBoard(
  tx: Tx,
  rows: readonly (BoardRow & { readonly raise: boolean })[],
  at: EpochMs,
): Promise<void> {
  if (rows.length === 0) return
  await sql`
    update outage set
      kind = said.kind, cause = said.cause, crew = said.crew::jsonb, etr = said.etr::jsonb,
      closed_at = to_timestamp(said.closed_at::float8 / 1000), told = said.told::jsonb,
      revision = revision + said.raise::int, updated_at = ${new Date(at)}
    from rows from (
      ${lines(rows.map((row) => row.id))}, ${lines(rows.map((row) => row.kind))}, unnest(${rows.map((row) => row.cause)}::text[]),
      ${lines(rows.map((row) => jsonOrNull(row.crew)))}, ${lines(rows.map((row) => jsonOrNull(row.etr)))},
      ${lines(rows.map((row) => row.closedAt))}, ${lines(rows.map((row) => jsonOrNull(row.told)))},
      ${lines(rows.map((row) => (row.raise ? 1 : 0)))}
    ) as said (id, kind, cause, crew, etr, closed_at, told, raise)
    where outage.id = said.id`.execute(tx)
}

const jsonOrNull = (value: unknown): string | null =>
  value === null || value === undefined ? null : JSON.stringify(value)

export type OutageEvent = {
  readonly outage: OutageId
  readonly at: EpochMs
  readonly kind: string
  readonly data: unknown
  readonly bySubject: string | null
}

export async function saveOutageEvents(tx: Tx, events: readonly OutageEvent[]): Promise<void> {
  if (events.length === 0) return
  await tx
    .insertInto('outage_event')
    .values(
      events.map((event) => ({
        outage: event.outage,
        at: new Date(event.at),
        kind: event.kind,
        data: JSON.stringify(event.data),
        by_subject: event.bySubject,
      })),
    )
    .execute()
}

/**
 * The last word of each gateway about itself, in the order in which the broker gave them: a Will was written when the gateway
 * connected, and so bears an earlier time than the `online` that it ends.
 */
export async function saveGatewayStates(tx: Tx, states: readonly GatewayState[]): Promise<void> {
  const last = new Map<string, GatewayState>()
  for (const state of states) last.set(state.gateway, state)
  for (const state of last.values()) {
    await tx
      .insertInto('gateway')
      .values({
        id: state.gateway,
        online: state.online,
        at: new Date(state.at),
        heard_at: new Date(state.receivedAt),
      })
      .onConflict((conflict) =>
        conflict.column('id').doUpdateSet({
          online: sql`excluded.online`,
          at: sql`greatest(excluded.at, gateway.at)`,
          heard_at: sql`greatest(excluded.heard_at, gateway.heard_at)`,
        }),
      )
      .execute()
  }
}

/** Gateways that said anything else: they are there. Their own word about being online stays theirs. */
export async function saveHeard(tx: Tx, heard: ReadonlyMap<string, EpochMs>): Promise<void> {
  if (heard.size === 0) return
  const gateways = [...heard.keys()]
  const times = [...heard.values()]
  await sql`
    insert into gateway (id, online, at, heard_at)
    select id, true, to_timestamp(heard_at / 1000), to_timestamp(heard_at / 1000)
    from unnest(${gateways}::text[], ${times}::float8[]) as said (id, heard_at)
    on conflict (id) do update set heard_at = greatest(excluded.heard_at, gateway.heard_at)`.execute(
    tx,
  )
}
