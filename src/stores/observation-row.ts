import { hash } from 'node:crypto'
import { sql } from 'kysely'
import type {
  Observation,
  Quality,
  SwitchObservation,
  SwitchReason,
} from '../ledger/observation.ts'
import type { EpochMs } from '../time.ts'

/** A word of the record as it is stored. `key` is a uuid as PostgreSQL prints it: text compares as the database does. */
export type ObservationRow = {
  readonly key: string
  readonly gateway: string
  readonly kind: string
  readonly point: string
  readonly seq: number
  readonly at: EpochMs
  readonly received_at: EpochMs
  readonly value: string
  readonly phases: number | null
  readonly reason: string | null
  readonly quality: string
  readonly by_subject: string | null
}

/** Its columns, instants in milliseconds. */
export const OBSERVATION_COLUMNS = sql`key, gateway, kind, point, seq, (extract(epoch from at) * 1000)::int8 as at,
  (extract(epoch from received_at) * 1000)::int8 as received_at, value, phases, reason, quality, by_subject`

/**
 * 48 bits of the source's time, then a digest of identity and content: in the order of time, and the same for the same word. In hex digits
 * alone: a uuid that PostgreSQL takes.
 */
export function observationKey(said: Observation): string {
  return said.kind === 'meter'
    ? keyOf(said, said.event)
    : keyOf(said, contentOf(said.position, said.phases, said.reason, said.quality))
}

/** The key of a stored word as it should be. */
export const keyOfRow = (row: Omit<ObservationRow, 'key'>): string =>
  asUuid(
    keyOf(
      row,
      row.kind === 'meter' ? row.value : contentOf(row.value, row.phases, row.reason, row.quality),
    ),
  )

const contentOf = (
  position: string,
  phases: number | null,
  reason: string | null,
  quality: string,
): string => `${position}\0${phases ?? ''}\0${reason ?? ''}\0${quality}`

function keyOf(
  said: Pick<ObservationRow, 'gateway' | 'kind' | 'point' | 'seq' | 'at'>,
  content: string,
): string {
  const digest = hash(
    'md5',
    `${said.gateway}\0${said.kind}\0${said.point}\0${said.seq}\0${content}`,
  )
  return timePrefix(said.at) + digest.slice(0, 20)
}

/** The smallest key that a word from this instant can have. */
export const firstKeyAt = (at: EpochMs): string => timePrefix(at) + '0'.repeat(20)

/** No word has a key as large as this. */
export const LAST_KEY = 'f'.repeat(32)

/** The instant in the key of a row. */
export const instantOfKey = (key: string): EpochMs =>
  Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16)

/** The key of a row as `observationKey` gives it. */
export const hexOfKey = (key: string): string => key.replaceAll('-', '')

const timePrefix = (at: EpochMs): string =>
  Math.max(0, Math.min(at, 0xffff_ffff_ffff)).toString(16).padStart(12, '0')

function asUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

export const readSwitching = (row: ObservationRow): SwitchObservation => ({
  gateway: row.gateway,
  point: row.point,
  seq: row.seq,
  at: row.at,
  receivedAt: row.received_at,
  kind: row.kind as SwitchObservation['kind'],
  position: row.value as SwitchObservation['position'],
  phases: row.phases,
  reason: row.reason as SwitchReason | null,
  quality: row.quality as Quality,
  bySubject: row.by_subject,
})
