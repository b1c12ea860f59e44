import { sql, type Selectable } from 'kysely'
import type {
  InterruptionSet,
  OutageChange,
  OutageFacts,
  OutageId,
  RestorationStep,
  Transition,
} from '../ledger/facts.ts'
import { sameSet } from '../ledger/outages.ts'
import type { EventName } from '../ledger/rulings.ts'
import type { EpochMs } from '../time.ts'
import type { BoardRow } from './board.ts'
import { jsonOrNull, lines } from './columns.ts'
import { instant, type Database, type Tx } from './database.ts'
import type { CoreTables, LocalDay } from './schema.ts'
import { build, constant, oneOff, type Statement, text } from './statement.ts'

/** How an outage is to be saved: its facts, with what people and machines added to it as the writer knows it. */
export type OutageSaving = {
  readonly at: EpochMs
  readonly localDay: (at: EpochMs) => LocalDay
  readonly board: (outage: OutageId) => BoardRow
}

/** Makes the stored outages say what the ledger and the board say now. */
export function toSaveOutages(changes: readonly OutageChange[], about: OutageSaving): Statement[] {
  if (changes.length === 0) return []
  const rows = changes.map(({ after }) => ({ facts: after, board: about.board(after.id) }))
  const pick = (read: (facts: OutageFacts) => string | number | boolean | null) =>
    lines(rows.map(({ facts }) => read(facts)))
  const added = (read: (board: BoardRow) => string | number | null) =>
    lines(rows.map(({ board }) => read(board)))
  const upsert = text`
    insert into outage as known (id, device, anchor_at, start_uncertain, locked_out, phases, area, substation, feeder, started_at,
      restored_at, customers_out, customers_interrupted, closed_customer_ms, steps, kind, cause, cause_detail, crew, etr, closed_at, told, revision,
      updated_at)
    select id, device, to_timestamp(anchor_at::float8 / 1000), start_uncertain::boolean, locked_out::boolean, phases::smallint, area,
      substation, feeder, to_timestamp(started_at::float8 / 1000), to_timestamp(restored_at::float8 / 1000), customers_out::int,
      customers_interrupted::int, closed_customer_ms::bigint, steps::jsonb, kind, cause, cause_detail::jsonb, crew::jsonb, etr::jsonb,
      to_timestamp(closed_at::float8 / 1000), told::jsonb, 1, ${new Date(about.at)}::timestamptz
    from rows from (
      ${pick((o) => o.id)}, ${pick((o) => o.device)}, ${pick((o) => o.anchorAt)}, ${pick((o) => o.startUncertain)},
      ${pick((o) => o.lockedOut)}, ${pick((o) => o.phases)}, unnest(${rows.map(({ facts }) => facts.area)}::text[]),
      ${pick((o) => o.substation)}, ${pick((o) => o.feeder)}, ${pick((o) => o.startedAt)}, ${pick((o) => o.restoredAt)},
      ${pick((o) => o.customersOut)}, ${pick((o) => o.customersInterrupted)}, ${pick((o) => o.closedCustomerMs)},
      ${pick((o) => JSON.stringify(o.steps))}, ${added((b) => b.kind)}, unnest(${rows.map(({ board }) => board.cause)}::text[]),
      ${added((b) => jsonOrNull(b.causeDetail))},
      ${added((b) => jsonOrNull(b.crew))}, ${added((b) => jsonOrNull(b.etr))}, ${added((b) => b.closedAt)},
      ${added((b) => jsonOrNull(b.told))}
    ) as said (id, device, anchor_at, start_uncertain, locked_out, phases, area, substation, feeder, started_at, restored_at,
      customers_out, customers_interrupted, closed_customer_ms, steps, kind, cause, cause_detail, crew, etr, closed_at, told)
    on conflict (id) do update set
      device = excluded.device, anchor_at = excluded.anchor_at, start_uncertain = excluded.start_uncertain,
      locked_out = excluded.locked_out, phases = excluded.phases, area = excluded.area, substation = excluded.substation,
      feeder = excluded.feeder, started_at = excluded.started_at, restored_at = excluded.restored_at,
      customers_out = excluded.customers_out, customers_interrupted = excluded.customers_interrupted,
      closed_customer_ms = excluded.closed_customer_ms, steps = excluded.steps, kind = excluded.kind, cause = excluded.cause,
      cause_detail = excluded.cause_detail,
      crew = excluded.crew, etr = excluded.etr, closed_at = excluded.closed_at, told = excluded.told,
      revision = known.revision + 1, updated_at = excluded.updated_at`
  return [constant(upsert), ...toReplaceSets(changes, about)]
}

type SetOf = { readonly outage: OutageId; readonly set: InterruptionSet }

/** Only what changed is written: an outage of a hundred steps does not write a hundred rows at its next one. */
function toReplaceSets(changes: readonly OutageChange[], about: OutageSaving): Statement[] {
  const statements: Statement[] = []
  const gone: SetOf[] = []
  const fresh: SetOf[] = []
  for (const { before, after } of changes) {
    const old = before?.sets ?? []
    for (const set of old) {
      if (!after.sets.some((other) => sameSet(set, other))) gone.push({ outage: after.id, set })
    }
    for (const set of after.sets) {
      if (!old.some((other) => sameSet(set, other))) fresh.push({ outage: after.id, set })
    }
  }
  if (gone.length > 0) {
    const remove = text`
      delete from interruption using unnest(
        ${gone.map((one) => one.outage)}::text[], ${gone.map((one) => one.set.from)}::float8[],
        ${gone.map((one) => one.set.until)}::float8[], ${gone.map((one) => one.set.feeder)}::text[],
        ${gone.map((one) => one.set.phases)}::smallint[]
      ) as gone (outage, from_at, until_at, feeder, phases)
      where interruption.outage = gone.outage
        and interruption.from_at = to_timestamp(gone.from_at / 1000)
        and interruption.until_at is not distinct from to_timestamp(gone.until_at / 1000)
        and interruption.feeder is not distinct from gone.feeder
        and interruption.phases = gone.phases`
    statements.push(constant(remove))
  }
  if (fresh.length > 0) {
    const pick = (read: (outage: OutageId, set: InterruptionSet) => string | number | null) =>
      lines(fresh.map(({ outage, set }) => read(outage, set)))
    const insert = text`
      insert into interruption (outage, from_at, until_at, area, substation, feeder, phases, customers, connected_kva, members, local_day, nature)
      select outage, to_timestamp(from_at::float8 / 1000), to_timestamp(until_at::float8 / 1000), area, substation, feeder,
        phases::smallint, customers::int, connected_kva::float8, members::int[], local_day::date, nature
      from rows from (
        ${pick((outage) => outage)}, ${pick((_, set) => set.from)}, ${pick((_, set) => set.until)},
        unnest(${fresh.map((one) => one.set.area)}::text[]), ${pick((_, set) => set.substation)}, ${pick((_, set) => set.feeder)},
        ${pick((_, set) => set.phases)}, ${pick((_, set) => set.customers)}, ${pick((_, set) => set.connectedKva)},
        ${pick((_, set) => `{${set.members.join(',')}}`)}, ${pick((_, set) => about.localDay(set.from))},
        ${pick((outage) => about.board(outage).kind)}
      ) as said (outage, from_at, until_at, area, substation, feeder, phases, customers, connected_kva, members, local_day, nature)`
    statements.push(constant(insert))
  }
  return statements
}

/** What the ledger said before, what it says now, why, and since when we know. */
export function toSaveCorrections(changes: readonly OutageChange[], at: EpochMs): Statement[] {
  const rows = changes.flatMap(({ before, after, corrected, why }) =>
    corrected && before !== null
      ? [
          {
            outage: after.id,
            known_at: new Date(at),
            why: JSON.stringify(why.slice(0, WHY_MAX)),
            before: JSON.stringify(summary(before)),
            after: JSON.stringify(summary(after)),
          },
        ]
      : [],
  )
  return rows.length === 0 ? [] : [oneOff(build.insertInto('correction').values(rows))]
}

/** Observations named in one correction; a gateway's buffer may bring thousands at once. */
export const WHY_MAX = 50

/** The statements that people rely on; not the members, which are many. */
const summary = (facts: OutageFacts) => ({
  device: facts.device,
  startedAt: facts.startedAt,
  startUncertain: facts.startUncertain,
  restoredAt: facts.restoredAt,
  customersOut: facts.customersOut,
  customersInterrupted: facts.customersInterrupted,
  closedCustomerMs: facts.closedCustomerMs,
  steps: facts.steps,
})

/** Where switches stand now; the last word of a batch about each. */
export function toSaveTransitions(transitions: readonly Transition[]): Statement[] {
  if (transitions.length === 0) return []
  const last = [...new Map(transitions.map((one) => [one.switch, one])).values()]
  const upsert = text`
    insert into switch_state (switch, closed_phases, at, gateway, reason)
    select switch, closed_phases, to_timestamp(at / 1000), gateway, reason
    from unnest(
      ${last.map((one) => one.switch)}::text[], ${last.map((one) => one.closedPhases)}::smallint[],
      ${last.map((one) => one.at)}::float8[], ${last.map((one) => one.gateway)}::text[], ${last.map((one) => one.reason)}::text[]
    ) as said (switch, closed_phases, at, gateway, reason)
    on conflict (switch) do update set
      closed_phases = excluded.closed_phases, at = excluded.at, gateway = excluded.gateway, reason = excluded.reason`
  return [constant(upsert)]
}

/** The latest checkpoint at or before an instant; undefined where derivation has to begin at the beginning. */
export async function checkpointBefore(
  db: Database,
  at: EpochMs,
): Promise<{ at: EpochMs; positions: Map<string, number> } | undefined> {
  if (at === Number.NEGATIVE_INFINITY) return undefined
  let query = db.selectFrom('checkpoint').selectAll().orderBy('at', 'desc').limit(1)
  if (Number.isFinite(at)) query = query.where('at', '<=', instant(at))
  const row = await query.executeTakeFirst()
  if (row === undefined) return undefined
  return { at: row.at, positions: new Map(Object.entries(row.positions)) }
}

export function toSaveCheckpoint(at: EpochMs, positions: ReadonlyMap<string, number>): Statement[] {
  const json = JSON.stringify(Object.fromEntries(positions))
  const upsert = build
    .insertInto('checkpoint')
    .values({ at: new Date(at), positions: json })
    .onConflict((conflict) => conflict.column('at').doUpdateSet({ positions: json }))
  return [oneOff(upsert)]
}

/** A word from before a checkpoint makes it void. */
export async function dropCheckpointsAfter(tx: Tx, at: EpochMs): Promise<void> {
  await tx.deleteFrom('checkpoint').where('at', '>', instant(at)).execute()
}

/** Live outages, with their sets, that had not ended by an instant. */
export async function outagesReaching(db: Database, from: EpochMs): Promise<OutageFacts[]> {
  let query = db.selectFrom('outage').select(FACT_COLUMNS).where('origin', '=', 'live')
  if (Number.isFinite(from)) {
    query = query.where((where) =>
      where.or([where('restored_at', 'is', null), where('restored_at', '>=', instant(from))]),
    )
  }
  return factsOfRows(db, await query.orderBy('anchor_at').execute())
}

/** Of those the ones that an instant found under way, or that a reclosing might still have joined then. */
export async function outagesStanding(
  db: Database,
  horizon: EpochMs,
  from: EpochMs,
): Promise<OutageFacts[]> {
  const rows = await db
    .selectFrom('outage')
    .select(FACT_COLUMNS)
    .where('origin', '=', 'live')
    .where('anchor_at', '<', instant(horizon))
    .where((where) =>
      where.or([where('restored_at', 'is', null), where('restored_at', '>=', instant(from))]),
    )
    .orderBy('anchor_at')
    .execute()
  return factsOfRows(db, rows)
}

/** Live outages of some events, as people point at them: within a time of when they first opened. */
export async function outagesNamed(
  db: Database,
  events: readonly EventName[],
  withinMs: number,
): Promise<OutageFacts[]> {
  if (events.length === 0) return []
  const { rows } = await sql<{ id: string }>`
    select distinct o.id from unnest(
      ${events.map(({ device }) => device)}::text[], ${events.map(({ at }) => at - withinMs)}::float8[],
      ${events.map(({ at }) => at + withinMs)}::float8[]
    ) as event (device, low, high)
    join outage o on o.origin = 'live' and o.device is not distinct from event.device
      and o.anchor_at between to_timestamp(event.low / 1000) and to_timestamp(event.high / 1000)`.execute(
    db,
  )
  const ids = rows.map(({ id }) => id)
  const found = await db
    .selectFrom('outage')
    .select(FACT_COLUMNS)
    .where(sql<boolean>`id = any(${ids}::text[])`)
    .orderBy('anchor_at')
    .execute()
  return (await factsOfRows(db, found)).filter(({ sets }) => sets.length > 0)
}

/** Live outages with their sets that began in `[from, until)`. */
export async function outagesStarted(
  db: Database,
  from: EpochMs,
  until: EpochMs,
): Promise<OutageFacts[]> {
  let query = db.selectFrom('outage').select(FACT_COLUMNS).where('origin', '=', 'live')
  if (Number.isFinite(from)) query = query.where('started_at', '>=', instant(from))
  if (Number.isFinite(until)) query = query.where('started_at', '<', instant(until))
  return factsOfRows(db, await query.execute())
}

/** One outage as it was saved, whatever its origin. */
export async function readOutageFacts(
  db: Database,
  id: OutageId,
): Promise<OutageFacts | undefined> {
  const rows = await db.selectFrom('outage').select(FACT_COLUMNS).where('id', '=', id).execute()
  return (await factsOfRows(db, rows))[0]
}

/** What people added (told, etr, crew) can be long, and is no fact. */
const FACT_COLUMNS = [
  'id',
  'device',
  'anchor_at',
  'start_uncertain',
  'locked_out',
  'phases',
  'area',
  'substation',
  'feeder',
  'started_at',
  'restored_at',
  'customers_out',
  'customers_interrupted',
  'closed_customer_ms',
  'steps',
] as const satisfies readonly (keyof CoreTables['outage'])[]

async function factsOfRows(
  db: Database,
  rows: readonly Pick<Selectable<CoreTables['outage']>, (typeof FACT_COLUMNS)[number]>[],
): Promise<OutageFacts[]> {
  const sets = await setsOf(
    db,
    rows.map((row) => row.id),
  )
  return rows.map((row) => ({
    id: row.id,
    device: row.device,
    anchorAt: row.anchor_at,
    startUncertain: row.start_uncertain,
    lockedOut: row.locked_out,
    phases: row.phases,
    area: row.area,
    substation: row.substation,
    feeder: row.feeder,
    startedAt: row.started_at,
    restoredAt: row.restored_at,
    customersOut: row.customers_out,
    customersInterrupted: row.customers_interrupted,
    closedCustomerMs: row.closed_customer_ms,
    steps: row.steps as RestorationStep[],
    sets: sets.get(row.id) ?? [],
  }))
}

async function setsOf(
  db: Database,
  outages: readonly OutageId[],
): Promise<Map<OutageId, InterruptionSet[]>> {
  const byOutage = new Map<OutageId, InterruptionSet[]>()
  if (outages.length === 0) return byOutage
  const rows = await db
    .selectFrom('interruption')
    .select(['outage', 'from_at', 'until_at', 'area', 'substation', 'feeder', 'phases'])
    .select(['customers', 'connected_kva', 'members'])
    .where(sql<boolean>`outage = any(${outages as string[]}::text[])`)
    .orderBy('outage')
    .orderBy('from_at')
    .orderBy(sql`until_at nulls last`)
    .orderBy('phases')
    .orderBy(sql`coalesce(feeder, '') collate "C"`)
    .execute()
  for (const row of rows) {
    const set: InterruptionSet = {
      from: row.from_at,
      until: row.until_at,
      area: row.area,
      substation: row.substation,
      feeder: row.feeder,
      phases: row.phases,
      customers: row.customers,
      connectedKva: row.connected_kva,
      members: row.members ?? [],
    }
    const others = byOutage.get(row.outage)
    if (others === undefined) byOutage.set(row.outage, [set])
    else others.push(set)
  }
  return byOutage
}
