import { sql } from 'kysely'
import type { LocalDay } from '../reliability/calendar.ts'
import { OUTSIDE_SYSTEMS } from '../reliability/cause-detail.ts'
import { CAUSES, DESK_CAUSES, treeCauseOf } from '../reliability/causes.ts'
import type { RulebookSettings } from '../reliability/rulebook.ts'
import type { Database, Tx } from './database.ts'

export type RollupQuestion = {
  /** Local days; `to` is exclusive. */
  readonly from: LocalDay
  readonly to: LocalDay
  readonly settings: RulebookSettings
  readonly leaveOut: {
    readonly planned: boolean
    readonly external: boolean
    readonly sourceShortage: boolean
  }
}

/** Of the long interruptions; what is momentary hangs on settings that the roll-ups do not know. */
export type RolledUp = {
  readonly ci: number
  readonly customerMs: number
}

const OUTSIDE_CAUSES = [...CAUSES.map(({ code }) => code), ...Object.keys(DESK_CAUSES)].filter(
  (word) => treeCauseOf(word)?.external === true,
)

/**
 * Whether the roll-ups can answer for these days: the rulebook tells long from short where they do and merges nothing, everything has
 * ended, no record has interruptions that overlap, no live outage was declared planned as a whole, and (where the question leaves out what
 * came from outside) none was said to come from there.
 */
export async function rollupsCanTell(db: Database, question: RollupQuestion): Promise<boolean> {
  const { settings, from, to } = question
  if (settings.unit !== 'customer' || settings.reinterruptionMergeMin !== null) return false
  if (!settings.shortIncludesLimit || ![180, 300].includes(settings.shortUpToS)) return false
  // What came from outside by a cause that was named of the outage is not in the rows.
  const named = sql`
    union all
    (select 1 from outage o join interruption i on i.outage = o.id where i.cause is null and not i.external
      and (o.cause = any(${OUTSIDE_CAUSES}) or split_part(o.cause, '/', 1) = any(${OUTSIDE_CAUSES})
        or coalesce(i.cause_detail, o.cause_detail) ->> 'responsibleSystem' = any(${OUTSIDE_SYSTEMS}))
      and i.local_day >= ${from}::date and i.local_day < ${to}::date limit 1)`
  const { rows } = await sql`
    (select 1 from rollup_inexact where local_day >= ${from}::date and local_day < ${to}::date limit 1)
    union all
    (select 1 from interruption where until_at is null and local_day >= ${from}::date and local_day < ${to}::date limit 1)
    union all
    (select 1 from outage where origin = 'live' and kind = 'planned'
      and started_at >= ${from}::date - 2 and started_at < ${to}::date + 2 limit 1)
    ${question.leaveOut.external ? named : sql``}`.execute(db)
  return rows.length === 0
}

const longSums = (settings: RulebookSettings) =>
  settings.shortUpToS === 300
    ? sql`sum(n) as ci, sum(ms) as customer_ms`
    : sql`sum(n + n300) as ci, sum(ms + ms300) as customer_ms`

const flagsLeft = ({ planned, external, sourceShortage }: RollupQuestion['leaveOut']) =>
  sql`(flags & ${sql.lit((planned ? 1 : 0) | (external ? 2 : 0) | (sourceShortage ? 4 : 0))}) = 0`

type Sums = { ci: number; customer_ms: number }
const rolledUp = (row: Sums): RolledUp => ({ ci: row.ci, customerMs: row.customer_ms })

/** Sums of each day that has any, in the whole system or in one area. */
export async function rolledUpDays(
  db: Database | Tx,
  question: RollupQuestion & { readonly area?: string },
): Promise<Map<LocalDay, RolledUp>> {
  const { from, to, settings, leaveOut, area } = question
  const { rows } = await sql<Sums & { local_day: LocalDay }>`
    select local_day, ${longSums(settings)} from rollup_area_day
    where local_day >= ${from}::date and local_day < ${to}::date and ${flagsLeft(leaveOut)}
      ${area === undefined ? sql`` : sql`and area = ${area}`}
    group by local_day order by local_day`.execute(db)
  return new Map(rows.map((row) => [row.local_day, rolledUp(row)]))
}

/** Sums by feeder and month; `from` and `to` are first days of months. */
export async function rolledUpFeederMonths(
  db: Database | Tx,
  question: RollupQuestion,
): Promise<(RolledUp & { feeder: string | null; month: string })[]> {
  const { from, to, settings, leaveOut } = question
  const { rows } = await sql<Sums & { feeder: string; month: LocalDay }>`
    select feeder, month, ${longSums(settings)} from rollup_feeder_month
    where month >= ${from}::date and month < ${to}::date and ${flagsLeft(leaveOut)}
    group by feeder, month order by feeder, month`.execute(db)
  return rows.map((row) => ({
    ...rolledUp(row),
    feeder: row.feeder === '' ? null : row.feeder,
    month: row.month.slice(0, 7),
  }))
}

/**
 * Customers with `repeated` and more interruptions of over 300 s in a calendar year, and with one of 8 h and more. Interruptions that
 * name nobody are not in it.
 */
export async function rolledUpRepeated(
  db: Database | Tx,
  year: number,
  repeated: number,
): Promise<{ repeatedCustomers: number; longCustomers: number }> {
  await sql`select relight_rollup_fold()`.execute(db)
  const { rows } = await sql<{ repeated: number | null; long: number | null }>`
    select sum(customers) filter (where interruptions >= ${repeated}) as repeated,
      sum(customers) filter (where over_8h > 0) as long
    from rollup_group_year where year = ${year}`.execute(db)
  return { repeatedCustomers: rows[0]?.repeated ?? 0, longCustomers: rows[0]?.long ?? 0 }
}

/** All roll-ups again from the interruptions. */
export async function recomputeRollups(db: Database | Tx): Promise<void> {
  await sql`select relight_rollups_recompute()`.execute(db)
}
