import { sql } from 'kysely'
import type { GroupCode } from '../ledger/facts.ts'
import type { EpochMs } from '../time.ts'
import type { ActualSet } from '../work/actual.ts'
import type { ToldSet, Work, WorkEvent, WorkId, WorkState } from '../work/work.ts'
import { instant, type Database, type Tx } from './database.ts'
import type { Document } from './work-tables.ts'

export type SavedWork = { readonly work: Work; readonly revision: number }

/** `W-0001` and on; numbers are never given twice, and some may be missing. */
export async function nextWorkId(tx: Tx): Promise<WorkId> {
  const { rows } = await sql<{ n: number }>`select nextval('work_number') as n`.execute(tx)
  return `W-${String(rows[0]?.n ?? 0).padStart(4, '0')}`
}

/** A new work, with what has happened to it so far. */
export async function insertWork(tx: Tx, work: Work, at: EpochMs): Promise<void> {
  await tx
    .insertInto('work')
    .values({ id: work.id, ...columnsOf(work, at), revision: 1 })
    .execute()
  await insertEvents(tx, work.id, work.history)
}

/**
 * Saves what became of a work since `known` was read, its new events and whom it takes off. False where somebody else changed it meanwhile: then nothing
 * is written.
 */
export async function saveWork(
  tx: Tx,
  known: SavedWork,
  work: Work,
  at: EpochMs,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('work')
    .set({ ...columnsOf(work, at), revision: known.revision + 1 })
    .where('id', '=', work.id)
    .where('revision', '=', known.revision)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) return false
  await insertEvents(tx, work.id, work.history.slice(known.work.history.length))
  if (work.told !== known.work.told) {
    await tx.deleteFrom('work_told').where('work', '=', work.id).execute()
    if (work.told.length > 0) {
      await tx
        .insertInto('work_told')
        .values(
          work.told.map((set) => ({
            work: work.id,
            from_at: new Date(set.from),
            until_at: new Date(set.until),
            members: [...set.members],
          })),
        )
        .execute()
    }
  }
  return true
}

const columnsOf = (work: Work, at: EpochMs) => {
  const { history: _history, told: _told, ...document } = work
  return {
    state: work.state,
    window_from: new Date(work.window.from),
    window_until: new Date(work.window.until),
    crew: work.crew,
    document: JSON.stringify(document),
    updated_at: new Date(at),
  }
}

async function insertEvents(tx: Tx, work: WorkId, events: readonly WorkEvent[]): Promise<void> {
  if (events.length === 0) return
  await tx
    .insertInto('work_event')
    .values(
      events.map((event) => ({
        work,
        at: new Date(event.at),
        by_subject: event.by,
        act: event.act,
        from_state: event.from,
        to_state: event.to,
        note: event.note,
      })),
    )
    .execute()
}

export async function readWork(db: Database | Tx, id: WorkId): Promise<SavedWork | undefined> {
  const row = await db.selectFrom('work').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : (await completed(db, [row]))[0]
}

export type WorkFilter = {
  readonly states?: readonly WorkState[]
  /** Windows that touch `[from, until)`. */
  readonly from?: EpochMs
  readonly until?: EpochMs
  readonly limit: number
  /** Begin behind this one. */
  readonly after?: { readonly from: EpochMs; readonly id: WorkId }
}

/** Works by the beginning of their window. */
export async function listWorks(db: Database | Tx, filter: WorkFilter): Promise<SavedWork[]> {
  let query = db.selectFrom('work').selectAll().orderBy('window_from').orderBy('id')
  if (filter.states !== undefined) query = query.where('state', 'in', [...filter.states])
  if (filter.from !== undefined) query = query.where('window_until', '>', instant(filter.from))
  if (filter.until !== undefined) query = query.where('window_from', '<', instant(filter.until))
  const { after } = filter
  if (after !== undefined) {
    query = query.where(sql<boolean>`(window_from, id) > (${instant(after.from)}, ${after.id})`)
  }
  return completed(db, await query.limit(filter.limit).execute())
}

/** Works that bind or will bind crews and switches. */
export const LIVE_STATES: readonly WorkState[] = [
  'draft',
  'submitted',
  'approved',
  'inProgress',
  'overdue',
]
/** Works considered together; a utility plans far fewer at a time. */
export const LIVE_WORKS_MAX = 1000

/** With `until` after `from`, where it is given. */
export const readLiveWorks = (
  db: Database | Tx,
  states = LIVE_STATES,
  from?: EpochMs,
): Promise<SavedWork[]> =>
  listWorks(db, { states, ...(from === undefined ? {} : { from }), limit: LIVE_WORKS_MAX })

/**
 * Plans that customers were told of, and that were changed since without a new approval, of those that customers expect to begin before `until`: the
 * soonest first, as many as `UNAPPROVED_MAX`.
 */
export async function unapprovedWorks(db: Database | Tx, until: EpochMs): Promise<SavedWork[]> {
  const expectedAt = sql<number>`(document->'announced'->>'from')::double precision`
  const rows = await db
    .selectFrom('work')
    .selectAll()
    .where('state', 'in', ['draft', 'submitted'])
    .where(sql<boolean>`${expectedAt} < ${until}`)
    .orderBy(expectedAt)
    .orderBy('id')
    .limit(UNAPPROVED_MAX)
    .execute()
  return completed(db, rows)
}
const UNAPPROVED_MAX = 100

/** Works that may explain an outage that began in `[from, until]`: approved ones, also when they are over. */
export const worksAround = (
  db: Database | Tx,
  { from, until }: { from: EpochMs; until: EpochMs },
): Promise<SavedWork[]> =>
  listWorks(db, {
    states: ['approved', 'inProgress', 'overdue', 'finished'],
    from: from - LATE_FINISH_MS,
    until: until + LATE_FINISH_MS,
    limit: LIVE_WORKS_MAX,
  })
/** Work that overruns its window may still open switches for so long. */
const LATE_FINISH_MS = 86_400_000

async function completed(
  db: Database | Tx,
  rows: readonly { id: string; document: Document; revision: number }[],
): Promise<SavedWork[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.id)
  const [events, told] = await Promise.all([
    db.selectFrom('work_event').selectAll().where('work', 'in', ids).orderBy('id').execute(),
    db.selectFrom('work_told').selectAll().where('work', 'in', ids).execute(),
  ])
  const history = new Map<WorkId, WorkEvent[]>(ids.map((id) => [id, []]))
  for (const row of events) {
    history.get(row.work)?.push({
      at: row.at,
      by: row.by_subject,
      act: row.act as WorkEvent['act'],
      from: row.from_state as WorkState | null,
      to: row.to_state as WorkState,
      note: row.note,
    })
  }
  const sets = new Map<WorkId, ToldSet[]>(ids.map((id) => [id, []]))
  for (const row of told) {
    const { from_at: from, until_at: until, members } = row
    sets.get(row.work)?.push({ from, until, members })
  }
  return rows.map((row) => ({
    work: {
      ...row.document,
      history: history.get(row.id) ?? [],
      told: sets.get(row.id) ?? [],
    },
    revision: row.revision,
  }))
}

export type PlannedAtPoint = {
  readonly work: WorkId
  readonly title: string
  readonly reason: string
  readonly state: WorkState
  readonly from: EpochMs
  readonly until: EpochMs
  readonly members: readonly GroupCode[]
}

/** Announced work that is not over at `at`, at any of these supply groups: what a customer sees as planned. */
export async function plannedAt(
  db: Database | Tx,
  groups: readonly GroupCode[],
  at: EpochMs,
): Promise<PlannedAtPoint[]> {
  if (groups.length === 0) return []
  const rows = await db
    .selectFrom('work_told')
    .innerJoin('work', 'work.id', 'work_told.work')
    .select(['work.id', 'work.state', 'work.document', 'from_at', 'until_at', 'members'])
    .where('until_at', '>', instant(at))
    .where(sql<boolean>`members && ${[...groups]}::int[]`)
    .orderBy('from_at')
    .execute()
  const asked = new Set(groups)
  return rows.map((row) => ({
    work: row.id,
    title: row.document.title,
    reason: row.document.reason,
    state: row.state as WorkState,
    from: row.from_at,
    until: row.until_at,
    members: row.members.filter((group) => asked.has(group)),
  }))
}

/** Interruptions of each of these groups that began since `since`. */
export async function interruptionsSince(
  db: Database | Tx,
  groups: readonly GroupCode[],
  since: EpochMs,
): Promise<Map<GroupCode, number>> {
  if (groups.length === 0) return new Map()
  const { rows } = await sql<{ member: number; n: number }>`
    select member, count(*)::int as n from (
      select unnest(members) as member from interruption
      where from_at >= ${instant(since)} and members && ${[...groups]}::int[]
    ) as hit where member = any(${[...groups]}::int[]) group by member`.execute(db)
  return new Map(rows.map((row) => [row.member, row.n]))
}

/** Service points that any channel reaches. */
export async function reachablePoints(db: Database | Tx): Promise<Set<string>> {
  const { rows } = await sql<{ point: string }>`
    select distinct unnest(service_points) as point from recipient where audience = 'customer'`.execute(
    db,
  )
  return new Set(rows.map((row) => row.point))
}

export async function ongoingOutages(
  db: Database | Tx,
): Promise<{ id: string; feeder: string | null }[]> {
  return db.selectFrom('outage').select(['id', 'feeder']).where('restored_at', 'is', null).execute()
}

/**
 * What the ledger says of the planned outages that began at any of these devices in `[from, until)`, and of those that were told too late to count as
 * planned but bear the work's reason: who was off, and when.
 */
export async function setsBegunAt(
  db: Database | Tx,
  devices: readonly string[],
  { from, until, reason }: { from: EpochMs; until: EpochMs; reason: string },
): Promise<ActualSet[]> {
  if (devices.length === 0) return []
  const rows = await db
    .selectFrom('outage')
    .innerJoin('interruption', 'interruption.outage', 'outage.id')
    .select(['outage.id', 'from_at', 'until_at', 'members'])
    .where(sql<boolean>`outage.device = any(${[...devices]}::text[])`)
    .where('outage.started_at', '>=', instant(from))
    .where('outage.started_at', '<', instant(until))
    .where((where) =>
      where.or([where('outage.kind', '=', 'planned'), where('outage.cause', '=', reason)]),
    )
    .orderBy('from_at')
    .execute()
  return rows.map((row) => ({
    outage: row.id,
    from: row.from_at,
    until: row.until_at,
    members: row.members ?? [],
  }))
}
