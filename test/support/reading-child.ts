/** Reads the interruption record that is named, all of it twice, and prints what it found. For a process with little memory. */
import { readInterruptionRecord } from '../../src/imports/interruption-record.ts'
import type { ReadByChild } from './huge-record.ts'

const [, , file = ''] = process.argv
const start = performance.now()
const record = await readInterruptionRecord(file, { skipBad: true })
let steps = 0
for await (const piece of record.steps()) steps += piece.length
const found: ReadByChild = {
  rows: record.rows,
  refusedRows: record.refusedRows,
  storable: record.storable,
  steps,
  faults: record.faults.length,
  codes: [...new Set(record.faults.map(({ code }) => code))],
  peakMb: Math.round(process.resourceUsage().maxRSS / 1024),
  ms: Math.round(performance.now() - start),
}
console.log(JSON.stringify(found))
