import { sql } from 'kysely'
import type { EpochMs } from '../time.ts'
import { isClosed, type FindingState, type Severity } from '../work/finding.ts'
import { instant, type Database, type Tx } from './database.ts'
import type { LocalDay } from './schema.ts'

export type NewPatrol = {
  readonly title: string
  readonly owner: string
  readonly assets: readonly string[]
  readonly dueOn: LocalDay
}
export type Patrol = NewPatrol & {
  readonly id: number
  readonly createdBy: string
  readonly createdAt: EpochMs
  readonly doneAt: EpochMs | null
  readonly doneBy: string | null
  /** Assets that somebody has been at, with when and who. */
  readonly visits: readonly {
    readonly asset: string
    readonly at: EpochMs
    readonly by: string
  }[]
  readonly openFindings: number
}

export type NewFinding = {
  readonly patrol: number | null
  readonly asset: string
  readonly severity: Severity
  readonly says: string
  /** Where the picture is kept; never the picture. */
  readonly photo: string | null
  readonly owner: string
  readonly dueOn: LocalDay
}
export type Finding = NewFinding & {
  readonly id: number
  readonly state: FindingState
  readonly work: string | null
  readonly foundBy: string
  readonly foundAt: EpochMs
  readonly closedAt: EpochMs | null
  readonly closedBy: string | null
}
export type FindingEvent = {
  readonly at: EpochMs
  readonly by: string
  readonly from: FindingState | null
  readonly to: FindingState
  readonly note: string | null
}

type Who = { readonly by: string; readonly at: EpochMs }

export async function insertPatrol(tx: Tx, patrol: NewPatrol, { by, at }: Who): Promise<number> {
  const { id } = await tx
    .insertInto('patrol')
    .values({
      title: patrol.title,
      owner: patrol.owner,
      assets: [...patrol.assets],
      due_on: patrol.dueOn,
      created_by: by,
      created_at: new Date(at),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** Notes that somebody was at an asset; the first time counts. */
/** False where somebody was there before. */
export async function saveVisit(
  tx: Tx,
  patrol: number,
  asset: string,
  { by, at }: Who,
): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('patrol_visit')
    .values({ patrol, asset, at: new Date(at), by_subject: by })
    .onConflict((conflict) => conflict.columns(['patrol', 'asset']).doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 1n
}

/** False where it was done before. */
export async function finishPatrol(tx: Tx, patrol: number, { by, at }: Who): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('patrol')
    .set({ done_at: new Date(at), done_by: by })
    .where('id', '=', patrol)
    .where('done_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** A place in a list by due day. */
type DuePlace = { readonly dueOn: LocalDay; readonly id: number }

const isDueAfter = ({ dueOn, id }: DuePlace) => sql<boolean>`(due_on, id) > (${dueOn}::date, ${id})`

export type PatrolFilter = {
  readonly state: 'open' | 'done' | 'overdue' | 'all'
  readonly owner?: string | undefined
  /** The local day of now: what is due before it and not done is overdue. */
  readonly today: LocalDay
  readonly after?: DuePlace | undefined
  readonly limit: number
}

/** Rounds by the day that they are due on. */
export async function listPatrols(db: Database | Tx, filter: PatrolFilter): Promise<Patrol[]> {
  let query = db.selectFrom('patrol').selectAll().orderBy('due_on').orderBy('id')
  if (filter.state === 'done') query = query.where('done_at', 'is not', null)
  if (filter.state === 'open' || filter.state === 'overdue') {
    query = query.where('done_at', 'is', null)
  }
  if (filter.state === 'overdue') query = query.where('due_on', '<', filter.today)
  if (filter.owner !== undefined) query = query.where('owner', '=', filter.owner)
  if (filter.after !== undefined) query = query.where(isDueAfter(filter.after))
  return withVisits(db, await query.limit(filter.limit).execute())
}

export async function readPatrol(db: Database | Tx, id: number): Promise<Patrol | undefined> {
  const rows = await db.selectFrom('patrol').selectAll().where('id', '=', id).execute()
  return (await withVisits(db, rows))[0]
}

type PatrolRow = {
  id: number
  title: string
  owner: string
  assets: string[]
  due_on: LocalDay
  created_by: string
  created_at: EpochMs
  done_at: EpochMs | null
  done_by: string | null
}

async function withVisits(db: Database | Tx, rows: readonly PatrolRow[]): Promise<Patrol[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.id)
  const [visits, findings] = await Promise.all([
    db.selectFrom('patrol_visit').selectAll().where('patrol', 'in', ids).orderBy('at').execute(),
    db
      .selectFrom('finding')
      .select(['patrol', (count) => count.fn.countAll<number>().as('many')])
      .where('patrol', 'in', ids)
      .where('closed_at', 'is', null)
      .groupBy('patrol')
      .execute(),
  ])
  const open = new Map(findings.map((row) => [row.patrol, row.many]))
  return rows.map((row) => ({
    id: row.id,
    title: row.title,
    owner: row.owner,
    assets: row.assets,
    dueOn: row.due_on,
    createdBy: row.created_by,
    createdAt: row.created_at,
    doneAt: row.done_at,
    doneBy: row.done_by,
    visits: visits
      .filter((visit) => visit.patrol === row.id)
      .map((visit) => ({ asset: visit.asset, at: visit.at, by: visit.by_subject })),
    openFindings: open.get(row.id) ?? 0,
  }))
}

export async function insertFinding(tx: Tx, finding: NewFinding, { by, at }: Who): Promise<number> {
  const { id } = await tx
    .insertInto('finding')
    .values({
      patrol: finding.patrol,
      asset: finding.asset,
      severity: finding.severity,
      says: finding.says,
      photo: finding.photo,
      owner: finding.owner,
      due_on: finding.dueOn,
      found_by: by,
      found_at: new Date(at),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await insertEvent(tx, id, { at, by, from: null, to: 'open', note: null })
  return id
}

/** Moves a finding on; false where it is not in `from` any more: then nothing is written. */
export async function moveFinding(
  tx: Tx,
  finding: number,
  move: FindingEvent & { readonly from: FindingState; readonly work?: string | null },
): Promise<boolean> {
  const closed = isClosed(move.to)
  const { numUpdatedRows } = await tx
    .updateTable('finding')
    .set({
      state: move.to,
      ...(move.work === undefined ? {} : { work: move.work }),
      closed_at: closed ? new Date(move.at) : null,
      closed_by: closed ? move.by : null,
      closed_note: closed ? move.note : null,
    })
    .where('id', '=', finding)
    .where('state', '=', move.from)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) return false
  await insertEvent(tx, finding, move)
  return true
}

async function insertEvent(tx: Tx, finding: number, event: FindingEvent): Promise<void> {
  await tx
    .insertInto('finding_event')
    .values({
      finding,
      at: new Date(event.at),
      by_subject: event.by,
      from_state: event.from,
      to_state: event.to,
      note: event.note,
    })
    .execute()
}

export type FindingFilter = {
  readonly state: 'open' | 'closed' | 'overdue' | 'all'
  readonly severity?: Severity | undefined
  readonly owner?: string | undefined
  readonly asset?: string | undefined
  readonly patrol?: number | undefined
  readonly today: LocalDay
  readonly after?: DuePlace | undefined
  readonly limit: number
}

/** Findings by the day that something must be done about them. */
export async function listFindings(db: Database | Tx, filter: FindingFilter): Promise<Finding[]> {
  let query = db.selectFrom('finding').selectAll().orderBy('due_on').orderBy('id')
  if (filter.state === 'closed') query = query.where('closed_at', 'is not', null)
  if (filter.state === 'open' || filter.state === 'overdue') {
    query = query.where('closed_at', 'is', null)
  }
  if (filter.state === 'overdue') query = query.where('due_on', '<', filter.today)
  if (filter.severity !== undefined) query = query.where('severity', '=', filter.severity)
  if (filter.owner !== undefined) query = query.where('owner', '=', filter.owner)
  if (filter.asset !== undefined) query = query.where('asset', '=', filter.asset)
  if (filter.patrol !== undefined) query = query.where('patrol', '=', filter.patrol)
  if (filter.after !== undefined) query = query.where(isDueAfter(filter.after))
  return (await query.limit(filter.limit).execute()).map(findingOf)
}

export async function readFinding(
  db: Database | Tx,
  id: number,
): Promise<(Finding & { readonly history: readonly FindingEvent[] }) | undefined> {
  const row = await db.selectFrom('finding').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) return undefined
  const events = await db
    .selectFrom('finding_event')
    .selectAll()
    .where('finding', '=', id)
    .orderBy('id')
    .execute()
  return {
    ...findingOf(row),
    history: events.map((event) => ({
      at: event.at,
      by: event.by_subject,
      from: event.from_state,
      to: event.to_state,
      note: event.note,
    })),
  }
}

/** Findings that were open at an instant on any of these assets; the gravest first. At most `limit`. */
export async function findingsOpenAt(
  db: Database | Tx,
  assets: readonly string[],
  { at, limit }: { at: EpochMs; limit: number },
): Promise<Finding[]> {
  if (assets.length === 0) return []
  const rows = await db
    .selectFrom('finding')
    .selectAll()
    .where(sql<boolean>`asset = any(${[...assets]}::text[])`)
    .where('found_at', '<=', instant(at))
    .where((where) =>
      where.or([where('closed_at', 'is', null), where('closed_at', '>', instant(at))]),
    )
    .orderBy(sql`array_position(array['critical', 'major', 'minor'], severity)`)
    .orderBy('due_on')
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(findingOf)
}

/** What people said about findings that were open where an outage was; the last word of each counts. */
export async function answerFinding(
  tx: Tx,
  answer: { outage: string; finding: number; contributed: boolean },
  { by, at }: Who,
): Promise<void> {
  const said = { contributed: answer.contributed, answered_by: by, answered_at: new Date(at) }
  await tx
    .insertInto('outage_finding')
    .values({ outage: answer.outage, finding: answer.finding, ...said })
    .onConflict((conflict) => conflict.columns(['outage', 'finding']).doUpdateSet(said))
    .execute()
}

export async function answersOf(
  db: Database | Tx,
  outage: string,
): Promise<Map<number, { contributed: boolean; by: string; at: EpochMs }>> {
  const rows = await db
    .selectFrom('outage_finding')
    .selectAll()
    .where('outage', '=', outage)
    .execute()
  return new Map(
    rows.map((row) => [
      row.finding,
      { contributed: row.contributed, by: row.answered_by, at: row.answered_at },
    ]),
  )
}

function findingOf(row: {
  id: number
  patrol: number | null
  asset: string
  severity: Severity
  says: string
  photo: string | null
  owner: string
  due_on: LocalDay
  found_by: string
  found_at: EpochMs
  closed_at: EpochMs | null
  closed_by: string | null
  state: FindingState
  work: string | null
}): Finding {
  return {
    id: row.id,
    patrol: row.patrol,
    asset: row.asset,
    severity: row.severity,
    says: row.says,
    photo: row.photo,
    owner: row.owner,
    dueOn: row.due_on,
    state: row.state,
    work: row.work,
    foundBy: row.found_by,
    foundAt: row.found_at,
    closedAt: row.closed_at,
    closedBy: row.closed_by,
  }
}
