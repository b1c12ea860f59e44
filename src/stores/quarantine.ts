import { hash } from 'node:crypto'
import { sql } from 'kysely'
import type { EpochMs } from '../time.ts'
import type { Database } from './database.ts'
import { constant, type Statement, text } from './statement.ts'

/** More than these are not kept: so many are no mistake about a message, and acknowledging them would lose the field's words. */
export const QUARANTINE_MAX = 1000
/** Characters of an error that are kept. */
const ERROR_MAX = 2000

export type Kept = {
  readonly key: string
  readonly topic: string
  readonly payload: Uint8Array
  readonly receivedAt: EpochMs
}

/** Doing it twice is doing it once: the same message again counts up. */
export function toKeep(
  message: { readonly topic: string; readonly payload: Uint8Array; readonly receivedAt: EpochMs },
  error: string,
  now: EpochMs,
): Statement[] {
  const { topic, payload } = message
  // What cannot be stored as text must not stop what is to keep it.
  const says = error.replaceAll('\0', '').slice(0, ERROR_MAX)
  const insert = text`
    insert into quarantine (key, topic, payload, received_at, error, failed_at)
    values (${keyOf(message)}, ${topic.replaceAll('\0', '')}, ${payload}, to_timestamp(${message.receivedAt}::float8 / 1000),
      ${says}, to_timestamp(${now}::float8 / 1000))
    on conflict (key) do update set
      error = excluded.error, failed_at = excluded.failed_at, times = quarantine.times + 1`
  return [constant(insert)]
}

export const toRelease = (key: string): Statement[] => [
  constant(text`delete from quarantine where key = ${key}`),
]

/** In the order in which they came. */
export async function readQuarantine(db: Database): Promise<Kept[]> {
  const { rows } = await sql<{
    key: string
    topic: string
    payload: Uint8Array
    received_at: EpochMs
  }>`
    select key, topic, payload, received_at from quarantine order by received_at, key limit ${QUARANTINE_MAX}`.execute(
    db,
  )
  return rows.map((row) => ({
    key: row.key,
    topic: row.topic,
    payload: row.payload,
    receivedAt: row.received_at,
  }))
}

export const keyOf = (message: { readonly topic: string; readonly payload: Uint8Array }): string =>
  hash('md5', Buffer.concat([Buffer.from(`${message.topic}\n`), message.payload]))
