import { createReadStream } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import { isDay } from '../reliability/calendar.ts'
import type { RecordServed, RecordStep } from '../reliability/record.ts'
import { createCsvReader, type CsvFault } from './csv-records.ts'
import { createFaultList, type FaultList } from './fault-list.ts'
import { decoderOf, parseMapping, type RecordMapping } from './interruption-record-mapping.ts'
import { ID_CHARS_MAX, openRowReader, type RowReader } from './interruption-record-rows.ts'
import { hasErrors, type Fault } from './report.ts'

export type ReadRecordOptions = {
  /** How to read a record with other columns, dates and words. */
  readonly mapping?: RecordMapping
  /** Store what is right although something is wrong. */
  readonly skipBad?: boolean
  /** IANA zone of dates without an offset. */
  readonly timeZone?: string
  /** Feeders of the loaded networks: any other is refused. Undefined: there is no network to ask. */
  readonly knownFeeders?: ReadonlySet<string>
}

export type InterruptionRecord = {
  readonly file: string
  readonly faults: readonly Fault[]
  /** Rows that can be stored, refused, and left out because the mapping says so. */
  readonly rows: number
  readonly refusedRows: number
  readonly leftOutRows: number
  /** Nothing is wrong, or `skipBad` was asked for and something is right. */
  readonly storable: boolean
  readonly customersServed: readonly RecordServed[]
  /** Each row is an outage of its own, named by a digest of it; equal rows are told apart when they are stored. */
  readonly outagePerRow: boolean
  /** Whether each area numbers its own outages; undefined: the mapping does not say. */
  readonly namesByArea: boolean | undefined
  /** Reads the file again, in pieces of up to `STEPS_A_PIECE`. Throws where the file has changed since. */
  steps(): AsyncIterable<readonly RecordStep[]>
}

export const STEPS_A_PIECE = 10_000
const CUSTOMERS_FILE_BYTES_MAX = 16 * 1024 * 1024
const READ_BYTES = 1024 * 1024
const ENDS: Readonly<Record<CsvFault, string>> = {
  'record-too-long': 'is a row of more than 65,536 characters',
  'bad-quote': 'has a quotation mark that is not closed or stands in the middle of a field',
  'invalid-utf8': 'is not UTF-8; a mapping may name another encoding, but one for the whole file',
}

/**
 * Looks through a whole interruption record and `customers.csv` beside it, in bounded memory, and lists every fault. What is right is read
 * again by `steps()`; a file that cannot be opened throws.
 */
export async function readInterruptionRecord(
  file: string,
  options: ReadRecordOptions = {},
): Promise<InterruptionRecord> {
  const faults = createFaultList()
  const before = await fs.stat(file)
  let rows = 0
  const seen: Seen = { refused: 0, leftOut: 0 }
  for await (const piece of readSteps(file, options, faults, seen)) rows += piece.length
  const customersServed = await readCustomersServed(file, options, faults)
  const found = faults.faults()
  return {
    file,
    faults: found,
    rows,
    refusedRows: seen.refused,
    leftOutRows: seen.leftOut,
    storable: rows > 0 && (!hasErrors(found) || (options.skipBad === true && !seen.broken)),
    customersServed,
    outagePerRow: options.mapping?.outagePerRow === true,
    namesByArea: options.mapping?.namesByArea,
    async *steps() {
      const now = await fs.stat(file)
      if (now.size !== before.size || now.mtimeMs !== before.mtimeMs)
        throw new Error(`${file} has changed while it was read`)
      yield* readSteps(file, options, createFaultList(), { refused: 0, leftOut: 0 })
    },
  }
}

/** Reads the mapping file that a command names; a file that cannot be opened throws. */
export async function readMapping(
  file: string,
): Promise<{ ok: true; mapping: RecordMapping } | { ok: false; faults: Fault[] }> {
  const { size } = await fs.stat(file)
  if (size > CUSTOMERS_FILE_BYTES_MAX) throw new Error(`${file} is too large for a mapping`)
  return parseMapping(await fs.readFile(file, 'utf8'), path.basename(file))
}

type Seen = { refused: number; leftOut: number; broken?: true }

async function* readSteps(
  file: string,
  options: ReadRecordOptions,
  faults: FaultList,
  seen: Seen,
): AsyncGenerator<readonly RecordStep[]> {
  const mapping = options.mapping ?? {}
  const name = path.basename(file)
  // Undefined before the header, null where there is nothing to read by.
  const by: { reader?: RowReader | null } = {}
  let piece: RecordStep[] = []
  const csv = createCsvReader({
    record(fields, line) {
      if (by.reader === undefined) {
        by.reader = openRowReader(fields, {
          mapping,
          timeZone: options.timeZone,
          knownFeeders: options.knownFeeders,
          file: name,
          faults,
        })
        return
      }
      if (by.reader === null) return
      const left = by.reader.leftOut()
      const step = by.reader.row(fields, line)
      if (step !== null) piece.push(step)
      else if (by.reader.leftOut() === left) seen.refused += 1
    },
    fault(code, line) {
      if (by.reader === null) return
      seen.refused += 1
      faults.add({
        severity: 'error',
        component: 'row',
        where: `${name}:${line}`,
        says: ENDS[code],
        code,
      })
      by.reader ??= null
    },
  })
  const broken = (says: string, code: string): void => {
    seen.broken = true
    faults.add({ severity: 'error', component: 'file', where: name, says, code })
  }
  const decoder = mapping.encoding === undefined ? undefined : decoderOf(mapping.encoding)
  let first = true
  for await (const chunk of createReadStream(file, { highWaterMark: READ_BYTES })) {
    const bytes = chunk as Buffer
    if (first && decoder === undefined && isUtf16(bytes)) {
      broken('is UTF-16; save it as UTF-8, or name the encoding in a mapping', 'encoding')
      return
    }
    first = false
    csv.push(decoder === undefined ? bytes : Buffer.from(decoder.decode(bytes, { stream: true })))
    if (by.reader === null) break
    while (piece.length >= STEPS_A_PIECE) {
      yield piece.slice(0, STEPS_A_PIECE)
      piece = piece.slice(STEPS_A_PIECE)
    }
  }
  if (by.reader !== null) csv.end()
  if (by.reader === undefined) broken('is empty', 'empty')
  else if (by.reader === null) seen.broken = true
  else seen.leftOut = by.reader.leftOut()
  if (piece.length > 0) yield piece
}

const isUtf16 = (bytes: Buffer): boolean =>
  (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)

/** `customers.csv` beside the record: area, from, customers. Without it the network says who is served. */
async function readCustomersServed(
  file: string,
  options: ReadRecordOptions,
  faults: FaultList,
): Promise<RecordServed[]> {
  const served = (options.mapping?.customersServed ?? []).map(({ area, from, customers }) => ({
    area,
    fromDay: from,
    customers,
  }))
  const beside = path.join(path.dirname(file), 'customers.csv')
  const stat = await fs.stat(beside).catch(() => undefined)
  if (stat === undefined || path.resolve(beside) === path.resolve(file)) return served
  const refuse = (
    line: number,
    field: string | null,
    code: string,
    says: string,
    ids: string[] = [],
  ): void =>
    faults.add({
      severity: 'error',
      component: 'customers',
      field,
      where: `customers.csv:${line}`,
      says,
      ids,
      code,
    })
  if (stat.size > CUSTOMERS_FILE_BYTES_MAX) {
    refuse(1, null, 'too-large', `is larger than ${CUSTOMERS_FILE_BYTES_MAX} bytes`)
    return served
  }
  let places: { area: number; from: number; customers: number } | null = null
  const keys = new Set(served.map(({ area, fromDay }) => `${area}\n${fromDay}`))
  const csv = createCsvReader({
    record(fields, line) {
      if (places === null) {
        const [area = -1, from = -1, customers = -1] = ['area', 'from', 'customers'].map((title) =>
          fields.indexOf(title),
        )
        places = { area, from, customers }
        if (from < 0 || customers < 0)
          refuse(line, 'from, customers', 'missing-column', 'is missing in the header')
        return
      }
      if (places.from < 0 || places.customers < 0) return
      const area = fields[places.area] ?? ''
      const from = fields[places.from] ?? ''
      const count = fields[places.customers] ?? ''
      if (area.length > ID_CHARS_MAX) refuse(line, 'area', 'too-long', 'is too long', [area])
      else if (!isDay(from)) refuse(line, 'from', 'bad-date', 'is no day YYYY-MM-DD', [from])
      else if (!/^\d{1,9}$/.test(count))
        refuse(line, 'customers', 'bad-customers', 'is no number of customers', [count])
      else if (keys.has(`${area}\n${from}`))
        refuse(line, 'area', 'duplicate-id', 'is stated twice for the same day', [area])
      else {
        keys.add(`${area}\n${from}`)
        served.push({ area, fromDay: from, customers: Number(count) })
      }
    },
    fault: (code, line) => refuse(line, null, code, ENDS[code]),
  })
  csv.push(await fs.readFile(beside))
  csv.end()
  return served
}
