import { sql } from 'kysely'
import type { GroupCode } from '../ledger/facts.ts'
import { worded } from '../notices/data.ts'
import { jsonOf, type Audience, type Notice, type NoticeKind } from '../notices/notice.ts'
import { lines } from './columns.ts'
import type { Database } from './database.ts'
import { constant, type Statement, text } from './statement.ts'

/** Committed notices are announced on this channel of PostgreSQL, with the last number as payload. */
export const NOTICE_CHANNEL = 'relight_notice'

/**
 * Appends to the one numbered stream, in the transaction of the facts that the notices tell, and announces it: the announcement goes
 * out with the commit, or not at all. Only the single writer may call this: it numbers, so the order of numbers is that of commits.
 */
export function toAppendNotices(notices: readonly Notice[]): Statement[] {
  const last = notices.at(-1)
  if (last === undefined) return []
  // One statement: the number that is announced is that of the last row, and a batch of a thousand rows is not parsed as a text.
  const append = text`
    with added as (
      insert into notice (seq, at, audience, kind, outage, feeders, members, points, data)
      select seq::bigint, to_timestamp(at::float8 / 1000), audience, kind, outage, feeders::text[], members::int[], points::text[], data::json
      from rows from (
        ${lines(notices.map((one) => one.seq))}, ${lines(notices.map((one) => one.at))},
        ${lines(notices.map((one) => one.audience))}, ${lines(notices.map((one) => one.kind))},
        ${lines(notices.map((one) => one.outage))}, ${lines(notices.map((one) => arrayText(one.feeders)))},
        ${lines(notices.map((one) => one.members && `{${one.members.join(',')}}`))},
        ${lines(notices.map((one) => (one.points === undefined ? null : arrayText(one.points))))},
        ${lines(notices.map((one) => jsonOf(one.data)))}
      ) as said (seq, at, audience, kind, outage, feeders, members, points, data)
    )
    select pg_notify(${NOTICE_CHANNEL}, ${String(last.seq)})`
  return [constant(append)]
}

/** A list as PostgreSQL writes an array of texts. */
const arrayText = (texts: readonly string[]): string =>
  `{${texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`

/** The number of the last committed notice; 0 before the first. */
export async function lastNoticeSeq(db: Database): Promise<number> {
  const row = await db
    .selectFrom('notice')
    .select('seq')
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.seq ?? 0
}

/** The number of the oldest notice that is still kept; undefined where none is. */
export async function firstNoticeSeq(db: Database): Promise<number | undefined> {
  const row = await db.selectFrom('notice').select('seq').orderBy('seq').limit(1).executeTakeFirst()
  return row?.seq
}

/** The number of the last notice before the newest `count`; 0 where there are not that many. */
export async function seqBeforeLast(db: Database, count: number): Promise<number> {
  const row = await db
    .selectFrom('notice')
    .select('seq')
    .orderBy('seq', 'desc')
    .offset(count)
    .limit(1)
    .executeTakeFirst()
  return row?.seq ?? 0
}

/** Whom a reader is interested in; a notice that fits any of it is theirs. */
export type NoticeFilter = {
  readonly allStaff: boolean
  readonly feeders: readonly string[]
  readonly groups: readonly GroupCode[]
  readonly public: boolean
  readonly load: boolean
}

/** Committed notices after `after`, in order, at most `limit`; with `upTo`, none beyond it; with a filter, only what fits it. */
export async function readNotices(
  db: Database,
  range: { after: number; upTo?: number; limit: number },
  filter?: NoticeFilter,
): Promise<Notice[]> {
  let query = db
    .selectFrom('notice')
    .selectAll()
    .where('seq', '>', range.after)
    .orderBy('seq')
    .limit(range.limit)
  if (range.upTo !== undefined) query = query.where('seq', '<=', range.upTo)
  if (filter !== undefined) {
    query = query.where((where) =>
      where.or([
        ...(filter.allStaff ? [where('audience', '=', 'staff')] : []),
        ...(filter.feeders.length > 0
          ? [
              where.and([
                where('audience', '=', 'staff'),
                sql<boolean>`feeders && ${[...filter.feeders]}::text[]`,
              ]),
            ]
          : []),
        ...(filter.groups.length > 0
          ? [
              where.and([
                where('audience', '=', 'customer'),
                sql<boolean>`members && ${[...filter.groups]}::int[]`,
              ]),
            ]
          : []),
        ...(filter.public ? [where('audience', '=', 'public')] : []),
        ...(filter.load ? [where('audience', '=', 'load')] : []),
      ]),
    )
  }
  const rows = await query.execute()
  return rows.map((row) => ({
    seq: row.seq,
    at: row.at,
    audience: row.audience as Audience,
    kind: row.kind as NoticeKind,
    outage: row.outage,
    feeders: row.feeders,
    members: row.members,
    ...(row.points === null ? {} : { points: row.points }),
    data: worded(row.data),
  }))
}
