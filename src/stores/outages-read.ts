import { sql } from 'kysely'
import { formatPhases } from '../grid/phases.ts'
import type { EtrSource } from '../ledger/acts.ts'
import type { GroupCode } from '../ledger/facts.ts'
import { worded } from '../notices/data.ts'
import type { CauseDetail } from '../reliability/cause-detail.ts'
import { MS_PER_MIN, toIso, type EpochMs } from '../time.ts'
import { instant, type Database } from './database.ts'
import { firstKeyAt, OBSERVATION_COLUMNS, type ObservationRow } from './observation-row.ts'
import { archivedRows } from './archive.ts'
import type { About } from './archive-tables.ts'
import { mergeRuns } from './merged.ts'

export const OUTAGE_STATES = ['active', 'restored', 'closed', 'all'] as const
export type OutageState = (typeof OUTAGE_STATES)[number]

export type OutageStatus = 'confirmed' | 'partiallyRestored' | 'restored' | 'closed'

/** An outage as people and programs read it (contract.md); instants are RFC 3339. */
export type OutageView = {
  readonly id: string
  readonly status: OutageStatus
  readonly kind: string
  readonly feeder: string | null
  readonly substation: string | null
  readonly area: string | null
  readonly device: string | null
  readonly phases: string
  readonly startedAt: string
  readonly startUncertain: boolean
  readonly restoredAt: string | null
  readonly closedAt: string | null
  readonly customersOut: number
  readonly customersInterrupted: number
  /** All time without supply up to now, momentary included. */
  readonly customerMinutes: number
  readonly cause: string | null
  /** Sub-cause, equipment, weather and responsible system, each apart; null where nothing was said beside the cause. */
  readonly causeDetail: CauseDetail | null
  readonly crew: { readonly name: string; readonly state: string; readonly at: string } | null
  readonly etr: EtrView | null
  readonly steps: readonly { at: string; device: string | null; customersRestored: number }[]
  /** The outage that it is part of since a dispatcher said so; then it has no interruptions of its own. */
  readonly mergedInto: string | null
  readonly revision: number
}

export type EtrView = {
  readonly at: string
  readonly earliest: string | null
  readonly latest: string | null
  readonly source: EtrSource
  readonly issuedAt: string
}

export type OutageQuestion = {
  readonly state: OutageState
  readonly feeder: string | undefined
  /** Outages with any moment in `[from, to)`. */
  readonly from: EpochMs | undefined
  readonly to: EpochMs | undefined
  /** The last outage of the page before. */
  readonly after: OutageCursor | undefined
  readonly limit: number
  /** Open outages count until here. */
  readonly now: EpochMs
}

/** Newest first; the place in that order survives outages that come and go meanwhile. */
export type OutageCursor = { readonly startedAt: EpochMs; readonly id: string }

export async function listOutages(
  db: Database,
  question: OutageQuestion,
): Promise<{ outages: OutageView[]; next: OutageCursor | null }> {
  const { state, feeder, from, to, after, limit } = question
  let query = db
    .selectFrom('outage')
    .selectAll()
    // What a later word took all interruptions from is known by its name only: which of those there were depends on who spoke first.
    .where((where) => where.or([where('phases', '<>', 0), where('origin', '<>', 'live')]))
    .orderBy('started_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
  if (state === 'active')
    query = query.where('restored_at', 'is', null).where('closed_at', 'is', null)
  if (state === 'restored') {
    query = query.where('restored_at', 'is not', null).where('closed_at', 'is', null)
  }
  if (state === 'closed') query = query.where('closed_at', 'is not', null)
  if (feeder !== undefined) {
    // An outage of several feeders names none itself; its interruptions do.
    query = query.where((where) =>
      where.or([
        where('feeder', '=', feeder),
        where.and([
          where('feeder', 'is', null),
          where.exists(
            where
              .selectFrom('interruption')
              .select('interruption.outage')
              .whereRef('interruption.outage', '=', 'outage.id')
              .where('interruption.feeder', '=', feeder),
          ),
        ]),
      ]),
    )
  }
  if (to !== undefined) query = query.where('started_at', '<', instant(to))
  if (from !== undefined) {
    query = query.where((where) =>
      where.or([where('restored_at', 'is', null), where('restored_at', '>', instant(from))]),
    )
  }
  if (after !== undefined) {
    query = query.where(sql<boolean>`(started_at, id) < (${instant(after.startedAt)}, ${after.id})`)
  }
  const rows = await query.execute()
  const page = rows.slice(0, limit)
  const open = await openCustomers(
    db,
    page.filter((row) => row.restored_at === null).map((row) => row.id),
  )
  const last = rows.length > limit ? page.at(-1) : undefined
  return {
    outages: page.map((row) => viewOf(row, open.get(row.id), question.now)),
    next: last === undefined ? null : { startedAt: last.started_at, id: last.id },
  }
}

export async function readOutage(
  db: Database,
  id: string,
  now: EpochMs,
): Promise<OutageView | undefined> {
  const row = await db.selectFrom('outage').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) return undefined
  return viewOf(row, (await openCustomers(db, [id])).get(id), now)
}

/** The outages that dispatchers merged into one. */
export async function readMerged(db: Database, id: string): Promise<string[]> {
  const rows = await db
    .selectFrom('outage')
    .select('id')
    .where('merged_into', '=', id)
    .orderBy('id')
    .execute()
  return rows.map((row) => row.id)
}

/** Several outages by id; those that are not there are missing. */
export async function readOutages(
  db: Database,
  ids: readonly string[],
  now: EpochMs,
): Promise<Map<string, OutageView>> {
  if (ids.length === 0) return new Map()
  const rows = await db.selectFrom('outage').selectAll().where('id', 'in', ids).execute()
  const open = await openCustomers(db, ids)
  return new Map(rows.map((row) => [row.id, viewOf(row, open.get(row.id), now)]))
}

type OutageRow = {
  id: string
  kind: string
  device: string | null
  start_uncertain: boolean
  phases: number
  area: string | null
  substation: string | null
  feeder: string | null
  started_at: EpochMs
  restored_at: EpochMs | null
  closed_at: EpochMs | null
  customers_out: number
  customers_interrupted: number
  closed_customer_ms: number
  steps: readonly { at: EpochMs; device: string | null; customersRestored: number }[]
  cause: string | null
  cause_detail: CauseDetail | null
  crew: unknown
  etr: unknown
  merged_into: string | null
  revision: number
}

function viewOf(row: OutageRow, open: OpenSets | undefined, now: EpochMs): OutageView {
  const openMs = open === undefined ? 0 : Math.max(0, open.customers * now - open.customerFromMs)
  return {
    id: row.id,
    status: statusOf(row),
    kind: row.kind,
    feeder: row.feeder,
    substation: row.substation,
    area: row.area,
    device: row.device,
    phases: formatPhases(row.phases),
    startedAt: toIso(row.started_at),
    startUncertain: row.start_uncertain,
    restoredAt: isoOrNull(row.restored_at),
    closedAt: isoOrNull(row.closed_at),
    customersOut: row.customers_out,
    customersInterrupted: row.customers_interrupted,
    customerMinutes: (row.closed_customer_ms + openMs) / MS_PER_MIN,
    cause: row.cause,
    causeDetail: row.cause_detail,
    crew: inIso(row.crew) as OutageView['crew'],
    etr: inIso(row.etr) as OutageView['etr'],
    steps: row.steps.map((step) => ({
      at: toIso(step.at),
      device: step.device,
      customersRestored: step.customersRestored,
    })),
    mergedInto: row.merged_into,
    revision: row.revision,
  }
}

function statusOf(row: OutageRow): OutageStatus {
  if (row.closed_at !== null) return 'closed'
  if (row.restored_at !== null) return 'restored'
  return row.steps.length > 0 && row.customers_out < row.customers_interrupted
    ? 'partiallyRestored'
    : 'confirmed'
}

const isoOrNull = (at: EpochMs | null): string | null => (at === null ? null : toIso(at))

/** What the record keeps in milliseconds under these names is told as text. */
const INSTANTS = new Set([
  'anchorAt',
  'at',
  'earliest',
  'from',
  'issuedAt',
  'latest',
  'receivedAt',
  'restoredAt',
  'startedAt',
  'until',
])

function inIso(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inIso)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      typeof part === 'number' && INSTANTS.has(name) ? toIso(part) : inIso(part),
    ]),
  )
}

/** Of the interruptions that have not ended: customers, and Σ customers × start in milliseconds. */
type OpenSets = { readonly customers: number; readonly customerFromMs: number }

async function openCustomers(
  db: Database,
  outages: readonly string[],
): Promise<Map<string, OpenSets>> {
  if (outages.length === 0) return new Map()
  const rows = await db
    .selectFrom('interruption')
    .select((select) => [
      'outage',
      select.fn.sum<number>('customers').as('customers'),
      sql<number>`sum(customers * (extract(epoch from from_at) * 1000))`.as('customer_from_ms'),
    ])
    .where('until_at', 'is', null)
    .where('outage', 'in', outages)
    .groupBy('outage')
    .execute()
  return new Map(
    rows.map((row) => [
      row.outage,
      { customers: row.customers, customerFromMs: row.customer_from_ms },
    ]),
  )
}

/** What stands behind an outage. Each list holds at most this many, the newest. */
export const STORY_ROWS_MAX = 500

export async function readStory(db: Database, outage: string) {
  const [events, notices, corrections, sets] = await Promise.all([
    db
      .selectFrom('outage_event')
      .selectAll()
      .where('outage', '=', outage)
      .orderBy('id', 'desc')
      .limit(STORY_ROWS_MAX)
      .execute(),
    db
      .selectFrom('notice')
      .select(['seq', 'at', 'audience', 'kind', 'data'])
      .where('outage', '=', outage)
      .orderBy('seq', 'desc')
      .limit(STORY_ROWS_MAX)
      .execute(),
    db
      .selectFrom('correction')
      .selectAll()
      .where('outage', '=', outage)
      .orderBy('id', 'desc')
      .limit(STORY_ROWS_MAX)
      .execute(),
    db
      .selectFrom('interruption')
      .select(['from_at', 'until_at', 'feeder', 'phases', 'customers', 'nature', 'members'])
      .where('outage', '=', outage)
      .orderBy('from_at')
      .limit(STORY_ROWS_MAX)
      .execute(),
  ])
  return {
    timeline: events.reverse().map((event) => ({
      at: toIso(event.at),
      kind: event.kind,
      data: inIso(event.data),
      by: event.by_subject,
    })),
    notices: notices.reverse().map(({ seq, at, audience, kind, data: saved }) => {
      const data = worded(saved)
      return { seq, at: toIso(at), audience, kind, text: data.text, data }
    }),
    corrections: corrections.reverse().map((correction) => ({
      knownAt: toIso(correction.known_at),
      why: inIso(correction.why),
      before: inIso(correction.before),
      after: inIso(correction.after),
    })),
    interruptions: sets.map((set) => ({
      from: toIso(set.from_at),
      until: isoOrNull(set.until_at),
      feeder: set.feeder,
      phases: formatPhases(set.phases),
      customers: set.customers,
      nature: set.nature,
    })),
    members: [...new Set(sets.flatMap((set) => set.members ?? []))],
  }
}

export const EVIDENCE_ROWS_MAX = 500

/** Observations about any of `points` in `[from, to]`, archived or not, in the order of time: the first ones where there are many. */
export async function readEvidence(
  db: Database,
  { points, from, to }: { points: readonly string[]; from: EpochMs; to: EpochMs },
) {
  const span = { low: firstKeyAt(from), high: firstKeyAt(to + 1) }
  const { rows: hot } = await sql<ObservationRow>`
    select ${OBSERVATION_COLUMNS} from observation
    where key >= ${span.low}::uuid and key < ${span.high}::uuid and point = any(${[...points]}::text[])
    order by key limit ${EVIDENCE_ROWS_MAX}`.execute(db)
  const wanted = new Set(points)
  const archived = async (about: About): Promise<ObservationRow[]> => {
    const found: ObservationRow[] = []
    for await (const words of archivedRows(db, about, span)) {
      found.push(...words.filter(({ point }) => wanted.has(point)))
      if (found.length >= EVIDENCE_ROWS_MAX) break
    }
    return found
  }
  const rows = mergeRuns(
    mergeRuns(hot, await archived('switching')),
    await archived('metering'),
  ).slice(0, EVIDENCE_ROWS_MAX)
  return rows.map((row) => ({
    at: toIso(row.at),
    receivedAt: toIso(row.received_at),
    gateway: row.gateway,
    kind: row.kind,
    point: row.point,
    seq: row.seq,
    value: row.value,
    phases: row.phases === null ? null : formatPhases(row.phases),
    reason: row.reason,
    quality: row.quality,
    by: row.by_subject,
  }))
}

export type OpenInterruption = {
  readonly outage: string
  readonly from: EpochMs
  readonly members: readonly GroupCode[]
}

/** Open interruptions of these supply groups. */
export async function readOpenInterruptions(
  db: Database,
  groups: readonly GroupCode[],
): Promise<OpenInterruption[]> {
  if (groups.length === 0) return []
  const rows = await db
    .selectFrom('interruption')
    .select(['outage', 'from_at', 'members'])
    .where('until_at', 'is', null)
    .where(sql<boolean>`members && ${[...groups]}::int[]`)
    .orderBy('from_at')
    .execute()
  return rows.map((row) => ({ outage: row.outage, from: row.from_at, members: row.members ?? [] }))
}

export type PastInterruption = OpenInterruption & {
  readonly until: EpochMs
  readonly nature: string
  readonly cause: string | null
}

export const HISTORY_ROWS_MAX = 1_000

/** Interruptions of these supply groups that have ended and began after `since`, newest first. */
export async function readPastInterruptions(
  db: Database,
  groups: readonly GroupCode[],
  since: EpochMs,
): Promise<PastInterruption[]> {
  if (groups.length === 0) return []
  const rows = await db
    .selectFrom('interruption')
    .select(['outage', 'from_at', 'until_at', 'nature', 'cause', 'members'])
    .where('until_at', 'is not', null)
    .where(sql<boolean>`members && ${[...groups]}::int[]`)
    .where('from_at', '>=', instant(since))
    .orderBy('from_at', 'desc')
    .limit(HISTORY_ROWS_MAX)
    .execute()
  return rows.map((row) => ({
    outage: row.outage,
    from: row.from_at,
    until: row.until_at ?? row.from_at,
    nature: row.nature,
    cause: row.cause,
    members: row.members ?? [],
  }))
}

/** Customers without supply now, by area; null collects what lies in no area. */
export async function readOutByArea(
  db: Database,
): Promise<{ area: string | null; customers: number; outages: number; since: EpochMs }[]> {
  const rows = await db
    .selectFrom('interruption')
    .select((select) => [
      sql<string | null>`coalesce(area, substation)`.as('place'),
      select.fn.sum<number>('customers').as('customers'),
      sql<number>`count(distinct outage)`.as('outages'),
      sql<EpochMs>`min(from_at)`.as('since'),
    ])
    .where('until_at', 'is', null)
    .groupBy('place')
    .orderBy('place')
    .execute()
  return rows.map((row) => ({
    area: row.place,
    customers: row.customers,
    outages: row.outages,
    since: row.since,
  }))
}
