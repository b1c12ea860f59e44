import { sql } from 'kysely'
import { worded } from '../notices/data.ts'
import { asItLeaves } from '../notices/fresh.ts'
import { isUrgent, messageOf, type Message } from '../notices/message.ts'
import { NO_LETTER_OF, NOTICE_KINDS, type NoticeData, type NoticeKind } from '../notices/notice.ts'
import { NO_PHONES, type Phones } from '../notices/safety.ts'
import { quietUntil } from '../notices/quiet.ts'
import type { Language } from '../notices/words.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN, toIso, type EpochMs } from '../time.ts'
import { instant, type Database, type Tx } from './database.ts'
import { dropOvertaken, knownNow, supersede } from './outbox-truth.ts'

export type DeliveryChannel = 'email' | 'sms' | 'push' | 'webhook'
export type DeliveryState = 'waiting' | 'sent' | 'superseded' | 'expired' | 'dead'

/** Notices spread over recipients in one transaction. */
export const SPREAD_BATCH = 200
/** One address gets at most this many notices that are neither loss nor restoration in the window, over all outages. */
export const ADDRESS_BUDGET = 4
export const ADDRESS_WINDOW_MIN = 30
/** A parcel that was taken and of which nothing was heard is sent again after this time. */
export const LEASE_S = 60
/** Old news does harm: what could not be sent by then is not sent. */
export const EXPIRES_H = 12
export const PLANNED_EXPIRES_DAYS = 7
/** A program wants the whole story, and is not woken by it: no word is too old, too many, or overtaken before that. */
export const WEBHOOK_EXPIRES_DAYS = 7

/** One message on its way. `id` is the same in every attempt. */
export type OutboxParcel = {
  readonly id: string
  readonly channel: DeliveryChannel
  readonly address: string
  readonly secret: string | null
  readonly language: Language
  readonly outage: string | null
  readonly urgent: boolean
  readonly message: Message
  readonly data: NoticeData
  readonly seq: number
}

/** The durable outbox over the committed stream of notices; any number of processes may work on it at once. */
export function openOutbox(db: Database, timeZone: string, phones: Phones = NO_PHONES) {
  return {
    async spread(now: EpochMs): Promise<number> {
      let total = 0
      for (;;) {
        const { notices, parcels } = await db
          .transaction()
          .execute((tx) => spreadSome(tx, timeZone, now))
        total += parcels
        if (notices < SPREAD_BATCH) return total
      }
    },
    take: (now: EpochMs, limit: number) => take(db, { timeZone, phones }, now, limit),
    async sent(id: string, receipt: string | null, now: EpochMs): Promise<void> {
      await done(db, id, { state: 'sent', receipt, last_error: null, done_at: new Date(now) })
    },
    async later(id: string, says: string, nextAt: EpochMs): Promise<void> {
      await done(db, id, { last_error: says, next_at: new Date(nextAt) })
    },
    async dead(id: string, says: string, now: EpochMs): Promise<void> {
      await done(db, id, { state: 'dead', last_error: says, done_at: new Date(now) })
    },
  }
}

/** One notice over its recipients, in the order of the stream; another process at it: nothing to do here. */
async function spreadSome(
  tx: Tx,
  timeZone: string,
  now: EpochMs,
): Promise<{ notices: number; parcels: number }> {
  const progress = await tx
    .selectFrom('outbox_progress')
    .select('notice_seq')
    .forUpdate()
    .skipLocked()
    .executeTakeFirst()
  if (progress === undefined) return { notices: 0, parcels: 0 }
  const { last } = await tx
    .selectFrom('notice')
    .select(sql<number | null>`max(seq)`.as('last'))
    .executeTakeFirstOrThrow()
  if (last === null || last <= progress.notice_seq) return { notices: 0, parcels: 0 }
  // What nobody asked for is passed over at once: most rows are for staff, and few programs listen to those.
  const audiences = await tx.selectFrom('recipient').select('audience').distinct().execute()
  const notices =
    audiences.length === 0
      ? []
      : await tx
          .selectFrom('notice')
          .selectAll()
          .where('seq', '>', progress.notice_seq)
          .where('seq', '<=', last)
          .where('kind', 'not in', NO_LETTER_OF)
          .where(
            'audience',
            'in',
            audiences.map(({ audience }) => audience),
          )
          .orderBy('seq')
          .limit(SPREAD_BATCH)
          .execute()

  let parcels = 0
  for (const notice of notices) {
    const kind = NOTICE_KINDS.find((known) => known === notice.kind)
    if (kind === undefined) continue
    const data = worded(notice.data)
    const recipients = await recipientsOf(tx, notice)
    if (recipients.length === 0) continue
    const orderKey = orderKeyOf({ ...notice, data })
    const ids = recipients.map(({ id }) => id)
    await supersede(tx, { ...notice, kind, orderKey }, ids, now)
    const urgent = isUrgent(kind)
    const full = urgent ? new Map<number, EpochMs>() : await budgetFullUntil(tx, ids, now)
    await tx
      .insertInto('outbox')
      .values(
        recipients.map((recipient) => ({
          recipient: recipient.id,
          notice_seq: notice.seq,
          kind,
          outage: notice.outage,
          order_key: orderKey,
          urgent,
          data: JSON.stringify(data),
          next_at: new Date(
            recipient.channel === 'webhook' || (urgent && kind !== 'plannedCancelled')
              ? now
              : kind === 'plannedCancelled'
                ? whileUseful(recipient, data, now, timeZone)
                : notBefore(recipient, full.get(recipient.id) ?? now, timeZone),
          ),
          expires_at: new Date(
            recipient.channel === 'webhook'
              ? now + WEBHOOK_EXPIRES_DAYS * MS_PER_DAY
              : expiryOf(kind, data, now),
          ),
          created_at: new Date(now),
        })),
      )
      .onConflict((conflict) => conflict.columns(['recipient', 'notice_seq']).doNothing())
      .execute()
    parcels += recipients.length
  }
  const spreadUpTo = notices.length < SPREAD_BATCH ? last : (notices.at(-1)?.seq ?? last)
  await tx.updateTable('outbox_progress').set({ notice_seq: spreadUpTo }).execute()
  return { notices: notices.length, parcels }
}

type SpreadNotice = {
  readonly seq: number
  readonly outage: string | null
  readonly data: NoticeData
}

type SpreadRecipient = {
  readonly id: number
  readonly channel: string
  readonly quiet_from_min: number | null
  readonly quiet_until_min: number | null
}

/** Exactly those whom it concerns: customers by their supply groups; programs of the utility by audience. */
async function recipientsOf(
  tx: Tx,
  notice: { at: EpochMs; audience: string; kind: string; members: number[] | null },
): Promise<SpreadRecipient[]> {
  let query = tx
    .selectFrom('recipient')
    .select(['id', 'channel', 'quiet_from_min', 'quiet_until_min'])
    .where('audience', '=', notice.audience)
    .where('created_at', '<=', instant(notice.at))
    .where((where) =>
      where.or([where('kinds', 'is', null), sql<boolean>`${notice.kind} = any (kinds)`]),
    )
    .orderBy('id')
  if (notice.audience === 'customer') {
    if (notice.members === null) return []
    query = query.where(sql<boolean>`groups && ${notice.members}::int[]`)
  }
  return query.execute()
}

/** Who has had enough for now, and until when. */
async function budgetFullUntil(
  tx: Tx,
  recipients: readonly number[],
  now: EpochMs,
): Promise<Map<number, EpochMs>> {
  const windowMs = ADDRESS_WINDOW_MIN * MS_PER_MIN
  const rows = await tx
    .selectFrom('outbox')
    .select(['recipient', sql<number>`min(created_at)`.as('oldest'), sql<number>`count(*)`.as('n')])
    .where('recipient', 'in', [...recipients])
    .where('created_at', '>', instant(now - windowMs))
    .where('urgent', '=', false)
    .where('state', 'in', ['waiting', 'sent'])
    .groupBy('recipient')
    .execute()
  return new Map(
    rows
      .filter(({ n }) => n >= ADDRESS_BUDGET)
      .map((row) => [row.recipient, row.oldest + windowMs]),
  )
}

function notBefore(recipient: SpreadRecipient, at: EpochMs, timeZone: string): EpochMs {
  const { quiet_from_min: fromMin, quiet_until_min: untilMin } = recipient
  const quiet = fromMin === null || untilMin === null ? null : { fromMin, untilMin }
  return quietUntil(at, quiet, timeZone) ?? at
}

/** That power stays on wakes nobody, unless it was to go off before they wake. */
function whileUseful(
  recipient: SpreadRecipient,
  data: NoticeData,
  now: EpochMs,
  timeZone: string,
): EpochMs {
  const morning = notBefore(recipient, now, timeZone)
  return morning < Date.parse(String(data['from'])) ? morning : now
}

/** Letters about one outage, or one work, are told in their order. */
const orderKeyOf = ({ outage, data, seq }: SpreadNotice): string => {
  const work = data['work']
  return outage ?? (typeof work === 'string' ? `work ${work}` : `notice ${seq}`)
}

/** Old news does harm; what is announced is no news once it has begun, nor that it is cancelled once it would be over. */
function expiryOf(kind: NoticeKind, data: NoticeData, now: EpochMs): EpochMs {
  if (!kind.startsWith('planned')) return now + EXPIRES_H * MS_PER_H
  const end = Date.parse(String(data[kind === 'plannedCancelled' ? 'until' : 'from']))
  const latest = now + PLANNED_EXPIRES_DAYS * MS_PER_DAY
  return Number.isNaN(end) ? latest : Math.min(latest, end)
}

/** Takes the oldest of each recipient and outage that is due; it comes again after the lease if nothing is heard of it. */
async function take(
  db: Database,
  { timeZone, phones }: { readonly timeZone: string; readonly phones: Phones },
  now: EpochMs,
  limit: number,
): Promise<{ parcel: OutboxParcel; attempt: number }[]> {
  await dropOvertaken(db, now)
  await db
    .updateTable('outbox')
    .set({ state: 'expired', done_at: new Date(now) })
    .where('state', '=', 'waiting')
    .where('next_at', '<=', instant(now))
    .where('expires_at', '<=', instant(now))
    .execute()
  const { rows } = await sql<{
    id: number
    attempts: number
    channel: DeliveryChannel
    address: string
    secret: string | null
    language: Language
    service_points: string[]
    groups: number[]
    audience: string
    members: number[] | null
    written_at: EpochMs | null
    outage: string | null
    urgent: boolean
    data: NoticeData
    notice_seq: number
    recipient: number
  }>`
    with due as (
      select id from outbox as one
      where state = 'waiting' and next_at <= ${instant(now)}
        and not exists (
          select from outbox as before
          where before.recipient = one.recipient and before.order_key = one.order_key
            and before.state = 'waiting' and before.id < one.id)
      order by urgent desc, next_at, id
      limit ${limit}
      for update skip locked
    ), taken as (
      update outbox set attempts = attempts + 1, next_at = ${instant(now + LEASE_S * 1000)}
      from due where outbox.id = due.id
      returning outbox.*
    )
    select taken.id, taken.attempts, taken.outage, taken.urgent, taken.data, taken.notice_seq, taken.recipient,
      recipient.channel, recipient.address, recipient.secret, recipient.language, recipient.service_points, recipient.groups,
      recipient.audience, notice.members, notice.at as written_at
    from taken
    join recipient on recipient.id = taken.recipient
    left join notice on notice.seq = taken.notice_seq
    order by taken.urgent desc, taken.id`.execute(db)
  const known = await knownNow(
    db,
    rows.flatMap(({ audience, outage }) =>
      audience === 'customer' && outage !== null ? [outage] : [],
    ),
  )
  return rows.map((row) => {
    const members = new Set(row.members ?? [])
    const points = row.service_points.filter((_, i) => members.has(row.groups[i] ?? -1))
    const said =
      row.audience === 'customer' && row.written_at !== null
        ? asItLeaves(row.data, {
            writtenAt: row.written_at,
            at: now,
            timeZone,
            known: (row.outage === null ? undefined : known.get(row.outage)) ?? null,
          })
        : row.data
    const data = points.length === 0 ? said : { ...said, servicePoints: points }
    return {
      attempt: row.attempts,
      parcel: {
        id: `relight-${row.notice_seq}-${row.recipient}`,
        channel: row.channel,
        address: row.address,
        secret: row.secret,
        language: row.language,
        outage: row.outage,
        urgent: row.urgent,
        // Whoever has one supply knows which is meant.
        message: messageOf(data, row.language, row.service_points.length > 1 ? points : [], phones),
        data,
        seq: row.notice_seq,
      },
    }
  })
}

type Outcome = {
  state?: DeliveryState
  receipt?: string | null
  last_error?: string | null
  next_at?: Date
  done_at?: Date
}

async function done(db: Database, id: string, outcome: Outcome): Promise<void> {
  const [, seq, recipient] = id.split('-')
  await db
    .updateTable('outbox')
    .set(outcome)
    .where('notice_seq', '=', Number(seq))
    .where('recipient', '=', Number(recipient))
    .where('state', '=', 'waiting')
    .execute()
}

/** What became of messages, for whoever may see them; never an address. */
export type DeliveryView = {
  readonly id: number
  readonly channel: string
  readonly kind: string
  readonly outage: string | null
  readonly state: string
  readonly attempts: number
  readonly createdAt: string
  readonly nextAt: string | null
  readonly doneAt: string | null
  readonly lastError: string | null
}

export async function listDeliveries(
  db: Database,
  question: {
    readonly subject?: string | undefined
    readonly state?: DeliveryState | undefined
    readonly outage?: string | undefined
    readonly before?: number | undefined
    readonly limit: number
  },
): Promise<DeliveryView[]> {
  let query = db
    .selectFrom('outbox')
    .innerJoin('recipient', 'recipient.id', 'outbox.recipient')
    .select([
      'outbox.id',
      'recipient.channel',
      'outbox.kind',
      'outbox.outage',
      'outbox.state',
      'outbox.attempts',
      'outbox.created_at',
      'outbox.next_at',
      'outbox.done_at',
      'outbox.last_error',
    ])
    .orderBy('outbox.id', 'desc')
    .limit(question.limit)
  if (question.subject !== undefined)
    query = query.where('recipient.subject', '=', question.subject)
  if (question.state !== undefined) query = query.where('outbox.state', '=', question.state)
  if (question.outage !== undefined) query = query.where('outbox.outage', '=', question.outage)
  if (question.before !== undefined) query = query.where('outbox.id', '<', question.before)
  const rows = await query.execute()
  return rows.map((row) => ({
    id: row.id,
    channel: row.channel,
    kind: row.kind,
    outage: row.outage,
    state: row.state,
    attempts: row.attempts,
    createdAt: toIso(row.created_at),
    nextAt: row.state === 'waiting' ? toIso(row.next_at) : null,
    doneAt: row.done_at === null ? null : toIso(row.done_at),
    lastError: row.last_error,
  }))
}

/** Gives a dead letter another life; false where there is no such dead letter. */
export async function reviveDelivery(tx: Tx, id: number, now: EpochMs): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('outbox')
    .set({
      state: 'waiting',
      attempts: 0,
      next_at: new Date(now),
      expires_at: new Date(now + EXPIRES_H * MS_PER_H),
      done_at: null,
    })
    .where('id', '=', id)
    .where('state', '=', 'dead')
    .executeTakeFirst()
  return numUpdatedRows > 0n
}
