import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { localDayOf } from '../reliability/calendar.ts'
import type { RecordServed, RecordStep } from '../reliability/record.ts'
import { toIso, type EpochMs } from '../time.ts'
import { jsonOrNull } from './columns.ts'
import type { Tx } from './database.ts'
import { ensureServedIn } from './reliability.ts'

/** What the import of a record hands over. */
export type RecordToStore = {
  readonly customersServed: readonly RecordServed[]
  /** Each row is an outage of its own; equal rows are told apart by their number. */
  readonly outagePerRow: boolean
  /** Whether each area numbers its own outages; undefined: nobody says, and a name that is on record in another area is refused. */
  readonly namesByArea?: boolean | undefined
  steps(): AsyncIterable<readonly RecordStep[]>
}

export type StoredRecord =
  | {
      readonly outcome: 'stored'
      readonly rows: number
      /** Outages that are new, that said something else before, and that said the same. */
      readonly added: number
      readonly changed: number
      readonly same: number
      /** Local days that the ledger now says something new about. */
      readonly days: readonly string[]
    }
  /** Outages of these names are on record at another time of year: the names are used again. */
  | { readonly outcome: 'names-used-again'; readonly outages: readonly string[] }
  /** Outages of these names are on record at that time in other areas: the same ones corrected, or others? */
  | { readonly outcome: 'names-in-other-areas'; readonly outages: readonly string[] }

/** An outage of the same name that began further away than this is another outage. */
const SAME_OUTAGE_DAYS = 31
const NAMES_SHOWN_MAX = 20

/**
 * Puts a record into the ledger; belongs into one transaction. The same record twice is the record once; a record that says something
 * else about an outage replaces what was said about it before.
 */
export async function storeInterruptionRecord(
  tx: Tx,
  record: RecordToStore,
  { timeZone, now }: { readonly timeZone: string; readonly now: EpochMs },
): Promise<StoredRecord> {
  await sql`create temporary table record_step (
    outage text, area text, substation text, feeder text, load_point text, from_at timestamptz, until_at timestamptz,
    customers int, connected_kva float8, local_day date, nature text, cause text, external boolean,
    source_shortage boolean, temporary boolean, planned_until timestamptz, cause_detail jsonb, name text, members int[]
  ) on commit drop`.execute(tx)
  let rows = 0
  for await (const steps of record.steps()) {
    await insertSteps(tx, steps, timeZone)
    rows += steps.length
  }
  if (record.outagePerRow) {
    await sql`update record_step s set outage = s.outage || '.' || n.n
      from (select ctid, row_number() over (partition by outage order by ctid) as n from record_step) n
      where s.ctid = n.ctid and n.n > 1`.execute(tx)
  } else if (record.namesByArea !== true) {
    // Rows of one name are one outage, also where it took several areas.
    await sql`with whole as (select name, min(outage collate "C") as outage from record_step group by name having count(distinct outage) > 1)
      update record_step s set outage = whole.outage from whole
      where s.name = whole.name and s.outage <> whole.outage`.execute(tx)
  }
  await sql`create index on record_step (outage)`.execute(tx)
  await sql`analyze record_step`.execute(tx)

  await ensureServedIn(tx)
  await placeOnNetwork(tx)
  const elsewhere = record.namesByArea === true ? [] : await keepNames(tx, record.namesByArea)
  if (elsewhere.length > 0) {
    await sql`drop table record_step`.execute(tx)
    return { outcome: 'names-in-other-areas', outages: elsewhere }
  }
  const { rows: reused } = await sql<{ outage: string }>`
    select s.outage from (select outage, min(from_at) as began from record_step group by outage) s
    join outage o on o.id = s.outage
    where abs(extract(epoch from o.started_at - s.began)) > ${SAME_OUTAGE_DAYS * 86_400}
    order by 1 limit ${NAMES_SHOWN_MAX}`.execute(tx)
  if (reused.length > 0) {
    await sql`drop table record_step`.execute(tx)
    return { outcome: 'names-used-again', outages: reused.map(({ outage }) => outage) }
  }

  await nameLoadPoints(tx)
  const counts = await replaceChanged(tx, now)
  await noteInexactDays(tx, timeZone)
  for (const { area, fromDay, customers } of record.customersServed) {
    await tx
      .insertInto('customers_served')
      .values({ area, from_day: fromDay, customers })
      .onConflict((on) => on.columns(['area', 'from_day']).doUpdateSet({ customers }))
      .execute()
  }
  await sql`drop table record_step`.execute(tx)
  return { outcome: 'stored', rows, ...counts }
}

async function insertSteps(tx: Tx, steps: readonly RecordStep[], timeZone: string): Promise<void> {
  const column = <T>(of: (step: RecordStep) => T): T[] => steps.map(of)
  await sql`insert into record_step
    select * from unnest(
      ${column((s) => outageIdOf(s.area, s.outage))}::text[],
      ${column((s) => s.area)}::text[], ${column((s) => s.substation)}::text[], ${column((s) => s.feeder)}::text[],
      ${column((s) => s.loadPoint)}::text[],
      ${column((s) => toIso(s.from))}::timestamptz[],
      ${column((s) => (s.until === null ? null : toIso(s.until)))}::timestamptz[],
      ${column((s) => s.customers)}::int[], ${column((s) => s.connectedKva)}::float8[],
      ${column((s) => localDayOf(s.from, timeZone))}::date[],
      ${column((s) => s.nature)}::text[], ${column((s) => s.cause)}::text[],
      ${column((s) => s.external)}::boolean[], ${column((s) => s.sourceShortage)}::boolean[],
      ${column((s) => s.temporary)}::boolean[],
      ${column((s) => (s.plannedUntil === null ? null : toIso(s.plannedUntil)))}::timestamptz[],
      ${column((s) => jsonOrNull(s.causeDetail))}::text[]::jsonb[], ${column((s) => s.outage)}::text[])`.execute(
    tx,
  )
}

/** The supply groups of named load points; a name that no network has had gets a number of its own, for ever. */
async function nameLoadPoints(tx: Tx): Promise<void> {
  await sql`lock table load_point in share row exclusive mode`.execute(tx)
  await sql`insert into load_point (ix, id)
    select (select coalesce(max(ix), -1) from load_point) + row_number() over (order by id), id
    from (select distinct load_point as id from record_step where load_point is not null) s
    where not exists (select from load_point l where l.id = s.id)`.execute(tx)
  await sql`with last as (select max(revision) as revision from supply_group)
    update record_step s set members = coalesce(
      (select array_agg(g.code order by g.code) from supply_group g, last
        where g.revision = last.revision and g.code between l.ix * 8 and l.ix * 8 + 7),
      array[l.ix * 8 + 7])
    from load_point l where l.id = s.load_point`.execute(tx)
}

/** Where a row names its feeder only, the network in force knows its substation and area. */
async function placeOnNetwork(tx: Tx): Promise<void> {
  await sql`update record_step s
    set substation = coalesce(s.substation, f.substation), area = coalesce(s.area, f.area)
    from served_feeder f
    where f.revision = (select max(revision) from served_feeder) and f.feeder = s.feeder
      and (s.substation is null or s.area is null)`.execute(tx)
}

/**
 * An outage of a name that is on record at that time is that outage, whatever areas were said of it before, if only some area is the same
 * or none was said. Gives the names that are on record in other areas alone, unless those areas are known to be wrong.
 */
async function keepNames(tx: Tx, namesByArea: boolean | undefined): Promise<string[]> {
  await sql`create temporary table record_known on commit drop as
    select distinct on (s.outage) s.outage, s.name, o.id as known, coalesce(not (s.areas && k.areas), false) as elsewhere
    from (select outage, name, min(from_at) as began, array_agg(distinct area) filter (where area is not null) as areas
      from record_step group by outage, name) s
    join outage o on o.record_name = s.name and o.id <> s.outage
      and abs(extract(epoch from o.started_at - s.began)) <= ${SAME_OUTAGE_DAYS * 86_400}
    cross join lateral (select array_agg(distinct area) filter (where area is not null) as areas
      from interruption where outage = o.id) k
    where not exists (select from outage where id = s.outage)
    order by s.outage, elsewhere, o.id`.execute(tx)
  const { rows } = await sql<{ name: string }>`select name from record_known where elsewhere
    order by name limit ${NAMES_SHOWN_MAX}`.execute(tx)
  if (rows.length === 0 || namesByArea === false)
    await sql`update record_step s set outage = k.known from record_known k where k.outage = s.outage`.execute(
      tx,
    )
  await sql`drop table record_known`.execute(tx)
  return namesByArea === false ? [] : rows.map(({ name }) => name)
}

async function replaceChanged(
  tx: Tx,
  now: EpochMs,
): Promise<{ added: number; changed: number; same: number; days: string[] }> {
  const said = sql`md5(string_agg(concat_ws('|', extract(epoch from from_at), extract(epoch from until_at),
    coalesce(area, ''), coalesce(substation, ''), coalesce(feeder, ''), customers, coalesce(connected_kva::text, ''),
    members, nature, coalesce(cause, ''), external, source_shortage, temporary, coalesce(planned_until::text, ''), cause_detail::text), ',' order by from_at, until_at, customers, members))`
  await sql`create temporary table record_outage on commit drop as
    select s.outage, o.id is not null as known, false as same
    from (select distinct outage from record_step) s left join outage o on o.id = s.outage`.execute(
    tx,
  )
  await sql`create unique index on record_outage (outage)`.execute(tx)
  await sql`analyze record_outage`.execute(tx)
  const saidIn = (table: 'record_step' | 'interruption') =>
    sql`(select outage, ${said} as said from ${sql.table(table)} join record_outage using (outage) where known group by outage)`
  await sql`update record_outage o set same = true
    from ${saidIn('record_step')} now_said join ${saidIn('interruption')} before using (outage, said)
    where now_said.outage = o.outage`.execute(tx)
  const { rows: days } = await sql<{ day: string }>`
    select local_day as day from record_step join record_outage using (outage) where not same
    union select i.local_day from interruption i join record_outage o using (outage) where known and not same
    order by 1`.execute(tx)
  await sql`delete from interruption i using record_outage o where o.outage = i.outage and known and not same`.execute(
    tx,
  )
  await sql`insert into interruption (outage, from_at, until_at, area, substation, feeder, phases, customers, connected_kva, members,
      local_day, nature, cause, external, source_shortage, temporary, planned_until, cause_detail)
    select outage, from_at, until_at, area, substation, feeder, 7, customers, connected_kva, members,
      local_day, nature, cause, external, source_shortage, temporary, planned_until, cause_detail
    from record_step join record_outage using (outage) where not same`.execute(tx)
  await sql`insert into outage (id, origin, kind, device, anchor_at, phases, area, substation, feeder, started_at, restored_at,
      closed_at, customers_out, customers_interrupted, closed_customer_ms, steps, cause, cause_detail, revision, updated_at, record_name)
    select outage, 'imported', case when bool_and(nature = 'planned') then 'planned' else 'unplanned' end, null, min(from_at), 7,
      case when count(distinct area) = 1 then min(area) end,
      case when count(distinct substation) = 1 then min(substation) end,
      case when count(distinct feeder) = 1 then min(feeder) end,
      min(from_at), case when bool_and(until_at is not null) then max(until_at) end,
      case when bool_and(until_at is not null) then max(until_at) end,
      sum(case when until_at is null then customers else 0 end), sum(customers),
      round(sum(customers * extract(epoch from coalesce(until_at, from_at) - from_at) * 1000)),
      (select coalesce(jsonb_agg(jsonb_build_object('at', round(extract(epoch from t.until_at) * 1000), 'device', null,
          'customersRestored', t.customers) order by t.until_at), '[]')
        from (select until_at, sum(customers) as customers from record_step u
          where u.outage = s.outage and until_at is not null group by until_at) t),
      (array_agg(cause order by from_at, until_at))[1], (array_agg(cause_detail order by from_at, until_at))[1], 1, ${toIso(now)}::timestamptz,
      min(name)
    from record_step s join record_outage using (outage) where not same
    group by outage
    on conflict (id) do update set kind = excluded.kind, anchor_at = excluded.anchor_at, area = excluded.area,
      substation = excluded.substation, feeder = excluded.feeder, started_at = excluded.started_at,
      restored_at = excluded.restored_at, closed_at = excluded.closed_at, customers_out = excluded.customers_out,
      customers_interrupted = excluded.customers_interrupted, closed_customer_ms = excluded.closed_customer_ms,
      steps = excluded.steps, cause = excluded.cause, cause_detail = excluded.cause_detail, revision = outage.revision + 1, updated_at = excluded.updated_at,
      record_name = excluded.record_name`.execute(tx)
  const { rows } = await sql<{ added: number; changed: number; same: number }>`
    select count(*) filter (where not known) as added, count(*) filter (where known and not same) as changed,
      count(*) filter (where same) as same from record_outage`.execute(tx)
  await sql`drop table record_outage`.execute(tx)
  const { added = 0, changed = 0, same = 0 } = rows[0] ?? {}
  return { added, changed, same, days: days.map(({ day }) => day) }
}

/**
 * Days whose roll-ups cannot be trusted, because rows of the record that overlap or touch are one interruption: of a load point, or of one
 * outage where a row was cut at midnight.
 */
async function noteInexactDays(tx: Tx, timeZone: string): Promise<void> {
  await sql`insert into rollup_inexact (local_day)
    select unnest(array[local_day, before_day]) from (
      select local_day, from_at, lag(local_day) over w as before_day, max(until_at) over (w rows between unbounded preceding and 1 preceding) as last_end
      from record_step where load_point is not null window w as (partition by load_point order by from_at, until_at)
    ) s where last_end >= from_at
    union
    select unnest(array[local_day, before_day]) from (
      select local_day, from_at, lag(local_day) over w as before_day, lag(until_at) over w as last_end
      from record_step where load_point is null
      window w as (partition by outage, area, substation, feeder, customers order by from_at, until_at)
    ) s where last_end = from_at and from_at at time zone ${timeZone} = local_day
    on conflict do nothing`.execute(tx)
}

const PLAIN = /^[A-Za-z0-9._-]*$/
const PART_CHARS_MAX = 48

/**
 * The name of an outage of a record: its area and its own name, safe in addresses and topics. `r~` keeps it apart from those that the
 * ledger names. What cannot stand as it is gets a digest.
 */
export function outageIdOf(area: string | null, outage: string): string {
  const plain = (text: string): string =>
    text.replace(/[^A-Za-z0-9._-]+/g, '_').slice(0, PART_CHARS_MAX)
  const parts = area === null ? [outage] : [area, outage]
  const id = `r~${parts.map(plain).join('~')}`
  if (parts.every((part) => PLAIN.test(part) && part.length <= PART_CHARS_MAX)) return id
  const digest = createHash('sha1').update(JSON.stringify(parts)).digest('hex').slice(0, 12)
  return `${id}~${digest}`
}

/** The feeders of all network revisions; undefined where no network is loaded. */
export async function knownFeeders(db: Pick<Tx, 'selectFrom'>): Promise<Set<string> | undefined> {
  const rows = await db.selectFrom('network_feeder').select('id').distinct().execute()
  return rows.length === 0 ? undefined : new Set(rows.map(({ id }) => id))
}
