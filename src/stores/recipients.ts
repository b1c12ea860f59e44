import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import type { GroupCode } from '../ledger/facts.ts'
import type { NoticeKind } from '../notices/notice.ts'
import type { QuietHours } from '../notices/quiet.ts'
import type { Language } from '../notices/words.ts'
import type { EpochMs } from '../time.ts'
import { instant, type Database, type Tx } from './database.ts'
import type { DeliveryChannel } from './outbox.ts'

/** How a customer wants to be told. */
export type Preferences = {
  readonly language: Language
  readonly channels: readonly ChannelPreference[]
}

export type ChannelPreference = {
  readonly channel: Exclude<DeliveryChannel, 'webhook'>
  readonly address: string
  /** Of which points; each is the customer's own. */
  readonly servicePoints: readonly string[]
  /** Null: every kind. */
  readonly kinds: readonly NoticeKind[] | null
  readonly quiet: QuietHours | null
}

/** No supply group: a point that no network knows is told nothing, and keeps its place. */
const NO_GROUP = -1

export async function readPreferences(db: Database | Tx, subject: string): Promise<Preferences> {
  const [own, channels] = await Promise.all([
    db
      .selectFrom('preference')
      .select('language')
      .where('subject', '=', subject)
      .executeTakeFirst(),
    db
      .selectFrom('recipient')
      .selectAll()
      .where('subject', '=', subject)
      .where('audience', '=', 'customer')
      .orderBy('id')
      .execute(),
  ])
  return {
    language: (own?.language ?? 'en') as Language,
    channels: channels.map((row) => ({
      channel: row.channel as ChannelPreference['channel'],
      address: row.address,
      servicePoints: row.service_points,
      kinds: row.kinds as NoticeKind[] | null,
      quiet:
        row.quiet_from_min === null || row.quiet_until_min === null
          ? null
          : { fromMin: row.quiet_from_min, untilMin: row.quiet_until_min },
    })),
  }
}

/** Puts these in place of whatever was: an address that is not named any more gets nothing any more, not even what is on its way. */
export async function savePreferences(
  tx: Tx,
  subject: string,
  preferences: Preferences,
  groupOf: (servicePoint: string) => GroupCode | null,
  now: EpochMs,
): Promise<void> {
  const { language, channels } = preferences
  await tx
    .insertInto('preference')
    .values({ subject, language, updated_at: new Date(now) })
    .onConflict((conflict) =>
      conflict.column('subject').doUpdateSet({ language, updated_at: new Date(now) }),
    )
    .execute()
  const kept: number[] = []
  for (const one of channels) {
    const row = {
      secret: null,
      language,
      service_points: [...one.servicePoints],
      groups: one.servicePoints.map((point) => groupOf(point) ?? NO_GROUP),
      kinds: one.kinds === null ? null : [...one.kinds],
      quiet_from_min: one.quiet?.fromMin ?? null,
      quiet_until_min: one.quiet?.untilMin ?? null,
    }
    const { id } = await tx
      .insertInto('recipient')
      .values({
        subject,
        channel: one.channel,
        address: one.address,
        created_at: new Date(now),
        ...row,
      })
      .onConflict((conflict) =>
        conflict.columns(['subject', 'channel', 'address']).doUpdateSet(row),
      )
      .returning('id')
      .executeTakeFirstOrThrow()
    kept.push(id)
  }
  let gone = tx
    .deleteFrom('recipient')
    .where('subject', '=', subject)
    .where('audience', '=', 'customer')
  if (kept.length > 0) gone = gone.where('id', 'not in', kept)
  await gone.execute()
}

/** After another network has come into force the points belong to other supply groups. Returns how many recipients changed. */
export async function regroupRecipients(
  db: Database,
  groupOf: (servicePoint: string) => GroupCode | null,
): Promise<number> {
  const rows = await db
    .selectFrom('recipient')
    .select(['id', 'service_points', 'groups'])
    .where('audience', '=', 'customer')
    .execute()
  let changed = 0
  for (const row of rows) {
    const groups = row.service_points.map((point) => groupOf(point) ?? NO_GROUP)
    if (groups.length === row.groups.length && groups.every((group, i) => group === row.groups[i]))
      continue
    await db.updateTable('recipient').set({ groups }).where('id', '=', row.id).execute()
    changed += 1
  }
  return changed
}

/** A program of the utility's own that is told everything of one audience. */
export type Webhook = {
  readonly id: number
  readonly url: string
  readonly audience: 'staff' | 'public'
  readonly kinds: readonly string[] | null
}

const SECRET_BYTES = 32

/** The secret is shown once, here. The same URL again gets a new one. */
export async function saveWebhook(
  tx: Tx,
  webhook: Omit<Webhook, 'id'> & { readonly bySubject: string },
  now: EpochMs,
): Promise<{ id: number; secret: string }> {
  const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
  const row = {
    secret,
    audience: webhook.audience,
    kinds: webhook.kinds === null ? null : [...webhook.kinds],
  }
  const { id } = await tx
    .insertInto('recipient')
    .values({
      subject: webhook.bySubject,
      channel: 'webhook',
      address: webhook.url,
      language: 'en',
      service_points: [],
      groups: [],
      quiet_from_min: null,
      quiet_until_min: null,
      created_at: new Date(now),
      ...row,
    })
    .onConflict((conflict) => conflict.columns(['subject', 'channel', 'address']).doUpdateSet(row))
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id, secret }
}

export async function listWebhooks(db: Database): Promise<Webhook[]> {
  const rows = await db
    .selectFrom('recipient')
    .select(['id', 'address', 'audience', 'kinds'])
    .where('channel', '=', 'webhook')
    .orderBy('id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    url: row.address,
    audience: row.audience as Webhook['audience'],
    kinds: row.kinds,
  }))
}

/** What is gone; undefined where there was none of that number. */
export async function deleteWebhook(
  tx: Tx,
  id: number,
): Promise<{ url: string; audience: string | null } | undefined> {
  return tx
    .deleteFrom('recipient')
    .where('id', '=', id)
    .where('channel', '=', 'webhook')
    .returning(['address as url', 'audience'])
    .executeTakeFirst()
}

/** The secret part of a calendar's URL, the same at every call. */
export async function calendarKey(
  db: Database,
  subject: string,
  servicePoint: string,
  now: EpochMs,
): Promise<string> {
  const key = randomBytes(24).toString('base64url')
  const { rows } = await sql<{ key: string }>`
    insert into calendar_key (key, subject, service_point, created_at)
    values (${key}, ${subject}, ${servicePoint}, ${instant(now)})
    on conflict (subject, service_point) do update set key = calendar_key.key
    returning key`.execute(db)
  return rows[0]?.key ?? key
}

export async function pointOfCalendar(db: Database, key: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('calendar_key')
    .select('service_point')
    .where('key', '=', key)
    .executeTakeFirst()
  return row?.service_point
}
