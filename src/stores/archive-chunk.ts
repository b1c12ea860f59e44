import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { toIso } from '../time.ts'
import type { About } from './archive-tables.ts'
import { instantOfKey, keyOfRow, type ObservationRow } from './observation-row.ts'

const compress = promisify(gzip)
const decompress = promisify(gunzip)

/** What a chunk says of itself; with the digest of the chunk before and the payload it is what the digest is over. */
export type ChunkHeader = {
  readonly number: number
  readonly about: About
  readonly first_key: string
  readonly last_key: string
  readonly words: number
}

export type Chunk = ChunkHeader & {
  readonly previous: Buffer
  readonly digest: Buffer
  readonly payload: Buffer
}

/** A chunk of the archive is not what was written: nothing may be derived from it. */
export class DamagedChunk extends Error {
  constructor(chunk: ChunkHeader, says: string) {
    super(`archive chunk ${nameOf(chunk)}: ${says}`)
  }
}

export const nameOf = ({ number, first_key: first, last_key: last }: ChunkHeader): string =>
  `${number} (${toIso(instantOfKey(first))} to ${toIso(instantOfKey(last))})`

/**
 * The words of a chunk, column by column: what repeats is a number into `texts`, instants and sequence numbers are steps from the word
 * before (of the same gateway), so that some five bytes a word remain. The key follows from the word; where it does not, it is named.
 */
type Payload = {
  readonly texts: readonly string[]
  readonly gateway: readonly number[]
  readonly kind: readonly number[]
  readonly point: readonly number[]
  readonly value: readonly number[]
  readonly reason: readonly number[]
  readonly quality: readonly number[]
  readonly by: readonly number[]
  readonly phases: readonly (number | null)[]
  readonly at: readonly number[]
  readonly seq: readonly number[]
  /** After `at`. */
  readonly received: readonly number[]
  readonly keys: Readonly<Record<number, string>>
}

/** Null among the numbers of texts. */
const NO_TEXT = -1

export async function encodeWords(rows: readonly ObservationRow[]): Promise<Buffer> {
  const texts = new Map<string, number>()
  const numberOf = (text: string | null): number => {
    if (text === null) return NO_TEXT
    const known = texts.get(text)
    if (known !== undefined) return known
    texts.set(text, texts.size)
    return texts.size - 1
  }
  const keys: Record<number, string> = {}
  for (const [i, row] of rows.entries()) if (keyOfRow(row) !== row.key) keys[i] = row.key
  const payload: Omit<Payload, 'texts'> = {
    gateway: rows.map((row) => numberOf(row.gateway)),
    kind: rows.map((row) => numberOf(row.kind)),
    point: rows.map((row) => numberOf(row.point)),
    value: rows.map((row) => numberOf(row.value)),
    reason: rows.map((row) => numberOf(row.reason)),
    quality: rows.map((row) => numberOf(row.quality)),
    by: rows.map((row) => numberOf(row.by_subject)),
    phases: rows.map((row) => row.phases),
    at: rows.map((row, i) => row.at - (rows[i - 1]?.at ?? 0)),
    seq: stepsOf(rows),
    received: rows.map((row) => row.received_at - row.at),
    keys,
  }
  const whole: Payload = { texts: [...texts.keys()], ...payload }
  return compress(JSON.stringify(whole), { level: 9 })
}

function stepsOf(rows: readonly ObservationRow[]): number[] {
  const last = new Map<string, number>()
  return rows.map(({ gateway, seq }) => {
    const step = seq - (last.get(gateway) ?? 0)
    last.set(gateway, seq)
    return step
  })
}

/** The words of a chunk in the order of their keys. Throws `DamagedChunk` where it is not what was written. */
export async function decodeChunk(chunk: Chunk): Promise<ObservationRow[]> {
  if (!digestOf(chunk).equals(chunk.digest)) {
    throw new DamagedChunk(chunk, 'its content is not what was archived')
  }
  const payload = JSON.parse((await decompress(chunk.payload)).toString('utf8')) as Payload
  const textAt = (number: number | undefined): string | null =>
    number === undefined || number === NO_TEXT ? null : (payload.texts[number] ?? null)
  const rows: ObservationRow[] = []
  const lastSeq = new Map<string, number>()
  let at = 0
  for (let i = 0; i < chunk.words; i++) {
    const gateway = textAt(payload.gateway[i]) ?? ''
    at += payload.at[i] ?? 0
    const seq = (lastSeq.get(gateway) ?? 0) + (payload.seq[i] ?? 0)
    lastSeq.set(gateway, seq)
    const row = {
      gateway,
      kind: textAt(payload.kind[i]) ?? '',
      point: textAt(payload.point[i]) ?? '',
      seq,
      at,
      received_at: at + (payload.received[i] ?? 0),
      value: textAt(payload.value[i]) ?? '',
      phases: payload.phases[i] ?? null,
      reason: textAt(payload.reason[i]),
      quality: textAt(payload.quality[i]) ?? '',
      by_subject: textAt(payload.by[i]),
    }
    rows.push({ key: payload.keys[i] ?? keyOfRow(row), ...row })
  }
  return rows
}

export function digestOf(chunk: Omit<Chunk, 'digest'>): Buffer {
  const { number, about, first_key: first, last_key: last, words } = chunk
  return createHash('sha256')
    .update(chunk.previous)
    .update(JSON.stringify([number, about, first, last, words]))
    .update(chunk.payload)
    .digest()
}
