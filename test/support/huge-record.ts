import fs from 'node:fs/promises'
import { Readable } from 'node:stream'

/** What `reading-child.ts` prints. */
export type ReadByChild = {
  readonly rows: number
  readonly refusedRows: number
  readonly storable: boolean
  /** Rows that were given out on the second reading. */
  readonly steps: number
  readonly faults: number
  readonly codes: readonly string[]
  readonly peakMb: number
  readonly ms: number
}

const ROWS_A_PIECE = 10_000
const LONG_ROW_CHARS = 1_000_000

/** An interruption record of about so many bytes: good rows, now and then one of a million characters, and some in another encoding. */
export async function writeHugeRecord(
  file: string,
  bytes: number,
): Promise<{ rows: number; long: number; latin1: number }> {
  const written = { rows: 0, long: 0, latin1: 0 }
  function* pieces(): Generator<Buffer> {
    let size = 0
    yield Buffer.from('outage,started_at,ended_at,customers,cause\n')
    for (let piece = 0; size < bytes; piece += 1) {
      let text = ''
      for (let row = 0; row < ROWS_A_PIECE; row += 1) {
        const minute = String(row % 60).padStart(2, '0')
        text += `o${written.rows},2024-01-${String((piece % 28) + 1).padStart(2, '0')}T08:${minute}:00Z,2024-01-29T09:00:00Z,${row % 100},Tree\n`
        written.rows += 1
      }
      const parts = [Buffer.from(text)]
      if (piece % 20 === 0) {
        parts.push(Buffer.from(`long,${'9'.repeat(LONG_ROW_CHARS)}\n`))
        written.long += 1
      }
      // Böe, as Windows wrote it.
      parts.push(Buffer.from('x,2024-01-01T08:00:00Z,2024-01-01T09:00:00Z,1,B\xf6e\n', 'latin1'))
      written.latin1 += 1
      const all = Buffer.concat(parts)
      size += all.length
      yield all
    }
  }
  await fs.writeFile(file, Readable.from(pieces()))
  return written
}
