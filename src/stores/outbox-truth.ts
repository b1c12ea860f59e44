import { sql } from 'kysely'
import type { Crew, Etr } from '../ledger/acts.ts'
import { FRESH_MIN, type KnownNow } from '../notices/fresh.ts'
import { supersedes } from '../notices/message.ts'
import type { NoticeKind } from '../notices/notice.ts'
import { MS_PER_MIN, type EpochMs } from '../time.ts'
import { instant, type Database, type Tx } from './database.ts'

/**
 * What waits unsent and says less than this notice needs not be sent any more, where it is about no supply of the recipient's that this
 * one is silent on. Programs are told every word. A word about many outages at once takes the place of those about each of them, and the next about one of them its.
 */
export async function supersede(
  tx: Tx,
  notice: {
    kind: NoticeKind
    outage: string | null
    orderKey: string
    members: number[] | null
  },
  recipients: readonly number[],
  now: EpochMs,
): Promise<void> {
  const { kind, outage, orderKey, members } = notice
  const isOfOutages = members !== null && !kind.startsWith('planned')
  await sql`
    update outbox as one set state = 'superseded', done_at = ${new Date(now)}
    from recipient
    where recipient.id = one.recipient and one.recipient = any(${[...recipients]}::bigint[])
      and recipient.channel <> 'webhook'
      and one.state = 'waiting' and one.attempts = 0 and one.kind = any(${[...supersedes(kind)]}::text[])
      and (one.order_key = ${orderKey} or (${isOfOutages} and (one.outage is null or ${outage === null})))
      and not exists (
        select from notice as said, unnest(recipient.groups) as mine
        where said.seq = one.notice_seq and mine = any(said.members) and mine <> all(${members}::int[]))`.execute(
    tx,
  )
}

/**
 * A word about an outage that could not be sent for a while, to someone for whose supplies there is a later one that makes it untrue: it
 * is back, or it never was off. Who never heard that it was off hears of no correction either.
 */
export async function dropOvertaken(db: Database, now: EpochMs): Promise<void> {
  const stale = instant(now - FRESH_MIN * MS_PER_MIN)
  const neverOut = sql`later.kind = 'outageCorrected' and later.data ->> 'restoredAt' is null and later.data ->> 'estimate' is null`
  const { numAffectedRows } = await sql`
    update outbox as one set state = 'superseded', done_at = ${new Date(now)}
    from recipient, notice as said
    where recipient.id = one.recipient and recipient.audience = 'customer' and said.seq = one.notice_seq
      and one.state = 'waiting' and one.next_at <= ${instant(now)} and said.at < ${stale}
      and one.kind in ('supplyLost', 'etrChanged', 'crewChanged', 'outageCorrected') and one.data ->> 'restoredAt' is null
      and exists (
        select from outbox as later join notice as says on says.seq = later.notice_seq
        where later.recipient = one.recipient and later.order_key = one.order_key and later.id > one.id
          and later.state in ('waiting', 'sent') and (later.kind = 'supplyRestored' or ${neverOut})
          and not exists (
            select from unnest(recipient.groups) as mine where mine = any(said.members) and mine <> all(says.members)))`.execute(
    db,
  )
  // The first word will say, when it leaves, all that those behind it would.
  await sql`
    update outbox as one set state = 'superseded', done_at = ${new Date(now)}
    from recipient, notice as said
    where recipient.id = one.recipient and recipient.audience = 'customer' and said.seq = one.notice_seq
      and one.state = 'waiting' and one.attempts = 0 and one.next_at <= ${instant(now)}
      and one.kind in ('etrChanged', 'crewChanged')
      and exists (
        select from outbox as lost join notice as says on says.seq = lost.notice_seq
        where lost.recipient = one.recipient and lost.order_key = one.order_key and lost.id < one.id
          and lost.state = 'waiting' and lost.kind = 'supplyLost' and says.at < ${stale}
          and not exists (
            select from unnest(recipient.groups) as mine where mine = any(said.members) and mine <> all(says.members)))`.execute(
    db,
  )
  if (numAffectedRows === 0n) return
  await sql`
    update outbox as later set state = 'superseded', done_at = ${new Date(now)}
    where later.state = 'waiting' and later.next_at <= ${instant(now)} and ${neverOut}
      and exists (
        select from outbox as lost where lost.recipient = later.recipient and lost.order_key = later.order_key
          and lost.kind = 'supplyLost' and lost.state = 'superseded')
      and not exists (
        select from outbox as heard where heard.recipient = later.recipient and heard.order_key = later.order_key
          and heard.kind = 'supplyLost' and heard.state <> 'superseded')`.execute(db)
}

/** What is known of these outages, as it is committed. */
export async function knownNow(
  db: Database,
  outages: readonly string[],
): Promise<Map<string, KnownNow>> {
  const ids = [...new Set(outages)]
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('outage')
    .select(['id', 'etr', 'crew', 'cause'])
    .where(sql<boolean>`id = any(${ids}::text[])`)
    .execute()
  return new Map(
    rows.map(({ id, etr, crew, cause }) => [
      id,
      { etr: etr as Etr | null, crew: crew as Crew | null, cause },
    ]),
  )
}
