import { sql } from 'kysely'
import { buildNetwork, type Network } from '../grid/network.ts'
import type { NetworkTables } from '../grid/tables.ts'
import { groupCode, type GroupCode } from '../ledger/facts.ts'
import { isOutside, type CauseDetail } from '../reliability/cause-detail.ts'
import { dayStart, localDayOf, type LocalDay } from '../reliability/calendar.ts'
import type { GroupLoad, Interruption, Weigh } from '../reliability/reckoning.ts'
import { servedBook, type NetworkStatement, type ServedBook } from '../reliability/served.ts'
import { MS_PER_DAY, type EpochMs } from '../time.ts'
import type { Database, Tx } from './database.ts'
import { loadPointNumbers, loadRevision } from './networks.ts'
import { readApproved, type Approved } from './approved.ts'
import type { ReliabilityTables } from './reliability-tables.ts'

// Two reports at once must not both count a revision.
const SERVED_LOCK = 7_310_010
const ROWS_A_FETCH = 10_000
const ROWS_AN_INSERT = 5_000

/** Null as soon as one of several is unknown. */
const plus = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? null : a + b

/**
 * Keeps what a network revision serves, by feeder and by supply group; belongs into the transaction that saves the revision.
 * `loadPointNumber` is the number that a load point keeps for ever (table load_point).
 */
export async function saveServed(
  tx: Tx,
  revision: number,
  network: Network,
  tables: NetworkTables,
  loadPointNumber: (id: string) => number,
): Promise<void> {
  const groups = network.groupLoadPoint.length
  const kva: (number | null)[] = Array.from({ length: groups }, () => 0)
  const kw: (number | null)[] = Array.from({ length: groups }, () => 0)
  tables.servicePoints.forEach((point, i) => {
    const group = network.servicePointGroup[i] ?? -1
    kva[group] = plus(kva[group] ?? null, point.connectedKva)
    kw[group] = plus(kw[group] ?? null, point.averageKw)
  })
  type Served = ReliabilityTables['served_feeder']
  const feeders = new Map<number, Served>()
  const points = new Set<number>()
  const groupRows: ReliabilityTables['supply_group'][] = []
  for (let group = 0; group < groups; group += 1) {
    const point = network.groupLoadPoint[group] ?? -1
    const customers = network.groupCustomers[group] ?? 0
    const feeder = network.loadPointFeeder[point] ?? -1
    const substation = network.substations[network.feederSubstation[feeder] ?? -1]
    const row = feeders.get(feeder) ?? {
      revision,
      feeder: network.feeders[feeder]?.id ?? null,
      substation: network.feeders[feeder]?.substation ?? null,
      area: substation?.area ?? null,
      customers: 0,
      load_points: 0,
      connected_kva: 0,
      average_kw: 0,
    }
    row.customers += customers
    row.load_points += points.has(point) ? 0 : 1
    row.connected_kva = plus(row.connected_kva, kva[group] ?? null)
    row.average_kw = plus(row.average_kw, kw[group] ?? null)
    points.add(point)
    feeders.set(feeder, row)
    groupRows.push({
      revision,
      code: groupCode(
        loadPointNumber(network.loadPointIds[point] ?? ''),
        network.groupPhases[group] ?? 0,
      ),
      customers,
      connected_kva: kva[group] ?? null,
      average_kw: kw[group] ?? null,
    })
  }
  await tx.deleteFrom('served_feeder').where('revision', '=', revision).execute()
  await tx.deleteFrom('supply_group').where('revision', '=', revision).execute()
  // A revision without load points is known too, so that nobody counts it again.
  const nothing: Served = {
    revision,
    feeder: null,
    substation: null,
    area: null,
    customers: 0,
    load_points: 0,
    connected_kva: 0,
    average_kw: 0,
  }
  const feederRows = feeders.size === 0 ? [nothing] : [...feeders.values()]
  for (let i = 0; i < feederRows.length; i += ROWS_AN_INSERT)
    await tx
      .insertInto('served_feeder')
      .values(feederRows.slice(i, i + ROWS_AN_INSERT))
      .execute()
  await sql`insert into supply_group
    select ${revision}, code, customers, kva, kw from unnest(
      ${groupRows.map((row) => row.code)}::int[], ${groupRows.map((row) => row.customers)}::int[],
      ${groupRows.map((row) => row.connected_kva)}::float8[], ${groupRows.map((row) => row.average_kw)}::float8[]
    ) as g (code, customers, kva, kw)`.execute(tx)
}

/** Keeps what each network revision serves where that has not been done; costs nothing once it has. */
export async function ensureServed(db: Database): Promise<void> {
  if ((await notKept(db)).length > 0) await db.transaction().execute(ensureServedIn)
}

/** The same within a transaction, for what goes by the network that is in force. */
export async function ensureServedIn(tx: Tx): Promise<void> {
  if ((await notKept(tx)).length === 0) return
  await sql`select pg_advisory_xact_lock(${SERVED_LOCK})`.execute(tx)
  for (const { revision } of await notKept(tx)) {
    const tables = await loadRevision(tx, revision)
    const network = buildNetwork(tables)
    const numbers = await loadPointNumbers(tx, network.loadPointIds)
    await saveServed(tx, revision, network, tables, (id) => numbers.get(id) ?? -1)
  }
}

const notKept = (db: Database): Promise<{ revision: number }[]> =>
  db
    .selectFrom('network_revision as r')
    .select('r.revision')
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('served_feeder as f')
            .select('f.revision')
            .whereRef('f.revision', '=', 'r.revision'),
        ),
      ),
    )
    .execute()

/** What was served on every day, by the network revisions and the records of the past together. */
export async function readServedBook(db: Database, timeZone: string): Promise<ServedBook> {
  const revisions = await db
    .selectFrom('network_revision')
    .select(['revision', 'valid_from'])
    .orderBy('revision')
    .execute()
  const feeders = await db.selectFrom('served_feeder').selectAll().execute()
  const records = await db.selectFrom('customers_served').selectAll().execute()
  const networks: NetworkStatement[] = revisions.map(({ revision, valid_from }) => ({
    fromDay: localDayOf(valid_from, timeZone),
    feeders: feeders
      .filter((row) => row.revision === revision)
      .map((row) => ({
        feeder: row.feeder,
        substation: row.substation,
        area: row.area,
        customers: row.customers,
        loadPoints: row.load_points,
        connectedKva: row.connected_kva,
        averageKw: row.average_kw,
      })),
  }))
  return servedBook(
    networks.filter((network) => network.feeders.length > 0),
    records.map(({ area, from_day, customers }) => ({ area, fromDay: from_day, customers })),
  )
}

/** What hangs on each supply group, by the revision in force at an instant. */
export async function readWeights(db: Database, from: EpochMs, to: EpochMs): Promise<Weigh> {
  const revisions = await db
    .selectFrom('network_revision')
    .select(['revision', 'valid_from'])
    .orderBy('valid_from')
    .orderBy('revision')
    .execute()
  const inForce = revisions.filter(
    ({ valid_from }, i) => valid_from < to && (revisions[i + 1]?.valid_from ?? Infinity) > from,
  )
  const wanted = inForce.length > 0 ? inForce : revisions.slice(0, 1)
  const books: { from: EpochMs; loads: Map<GroupCode, GroupLoad> }[] = []
  for (const { revision, valid_from } of wanted) {
    const rows = await db
      .selectFrom('supply_group')
      .selectAll()
      .where('revision', '=', revision)
      .execute()
    const loads = new Map<GroupCode, GroupLoad>()
    for (const row of rows)
      loads.set(row.code, {
        customers: row.customers,
        connectedKva: row.connected_kva,
        averageKw: row.average_kw,
      })
    books.push({ from: valid_from, loads })
  }
  return (group, at) => {
    let book = books[0]
    for (const later of books) if (later.from <= at) book = later
    return book?.loads.get(group)
  }
}

type InterruptionRow = {
  outage: string
  from_at: EpochMs
  until_at: EpochMs | null
  area: string | null
  substation: string | null
  feeder: string | null
  customers: number
  connected_kva: number | null
  members: number[] | null
  local_day: LocalDay
  nature: string
  cause: string | null
  cause_detail: CauseDetail | null
  /** The row itself names no cause: what is said of its outage holds. */
  cause_of_outage: boolean
  temporary: boolean
  external: boolean
  source_shortage: boolean
  planned_until: EpochMs | null
}

/**
 * The interruptions that a period `[from, to)` of local days needs, in the order of start and in pieces: those that begin in it, those
 * before that still ran into it, and then, as long as `more` names a later instant, those that begin until then.
 */
export async function* readInterruptions(
  tx: Tx,
  period: { from: LocalDay; to: LocalDay; timeZone: string },
  more: () => EpochMs,
): AsyncGenerator<Interruption[]> {
  const start = dayStart(period.from, period.timeZone)
  const approved = await readApproved(
    tx,
    start - MS_PER_DAY,
    dayStart(period.to, period.timeZone) + MS_PER_DAY,
  )
  let from = new Date(start - MS_PER_DAY)
  // A day beyond the end: windows of momentary events reach over it.
  let to = new Date(dayStart(period.to, period.timeZone) + MS_PER_DAY)
  let early = sql`or (i.from_at < ${from} and (i.until_at is null or i.until_at - i.from_at > interval '1 day')
    and (i.until_at is null or i.until_at >= ${new Date(start - MS_PER_DAY)}))`
  for (;;) {
    await sql`declare interruptions no scroll cursor for
      select i.outage, i.from_at, i.until_at, i.area, i.substation, i.feeder, i.customers, i.connected_kva, i.members,
        i.local_day, case o.kind when 'planned' then 'planned' else i.nature end as nature,
        coalesce(i.cause, o.cause) as cause,
        case when i.cause is null then coalesce(i.cause_detail, o.cause_detail) else i.cause_detail end as cause_detail,
        i.cause is null as cause_of_outage, i.temporary, i.external, i.source_shortage, i.planned_until
      from interruption i left join outage o on o.id = i.outage
      where (i.from_at >= ${from} and i.from_at < ${to}) ${early}
      order by i.from_at, i.outage collate "C", i.until_at nulls last, i.feeder collate "C", i.customers, i.members[1]`.execute(
      tx,
    )
    for (;;) {
      const { rows } =
        await sql<InterruptionRow>`fetch forward ${sql.lit(ROWS_A_FETCH)} from interruptions`.execute(
          tx,
        )
      if (rows.length > 0) yield rows.map((row) => interruptionOf(row, approved))
      if (rows.length < ROWS_A_FETCH) break
    }
    await sql`close interruptions`.execute(tx)
    const next = new Date(more() + 1)
    if (!(next > to)) return
    from = to
    to = next
    early = sql``
  }
}

const interruptionOf = (
  row: InterruptionRow,
  approved: ReadonlyMap<string, Approved>,
): Interruption => ({
  outage: row.outage,
  from: row.from_at,
  until: row.until_at,
  area: row.area,
  substation: row.substation,
  feeder: row.feeder,
  day: row.local_day,
  customers: row.customers,
  connectedKva: row.connected_kva,
  members: row.members,
  nature: row.nature === 'planned' ? 'planned' : 'unplanned',
  plannedUntil: row.planned_until ?? approved.get(row.outage)?.until ?? null,
  plannedTold: approved.get(row.outage)?.told ?? null,
  cause: row.cause,
  causeDetail: row.cause_detail,
  temporary: row.temporary || (approved.get(row.outage)?.temporary ?? false),
  // A record was asked when it was read; a cause that someone named later tells it now.
  external: row.external || (row.cause_of_outage && isOutside(row.cause, row.cause_detail)),
  sourceShortage: row.source_shortage,
})

/** The first local day of the record, null where there is none yet. */
export async function firstDay(db: Database): Promise<LocalDay | null> {
  const row = await db
    .selectFrom('interruption')
    .select((eb) => eb.fn.min('local_day').as('day'))
    .executeTakeFirst()
  return row?.day ?? null
}
