import { createReadStream } from 'node:fs'
import { open, readdir, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Unzip, UnzipInflate } from 'fflate'
import type { NetworkTables } from '../grid/tables.ts'
import { createCsvReader, RECORD_CHARS_MAX, type CsvFault, type CsvReader } from './csv-records.ts'
import { createFaultList, type FaultList } from './fault-list.ts'
import { FOLDER_COLUMNS, FOLDER_FILES, isFolderFile, type FolderFile } from './network-columns.ts'
import { noRows, rowReader, tablesOf, type FolderRows, type RowSet } from './network-rows.ts'
import type { Fault } from './report.ts'

/** A zip that unfolds to more than this is refused: a network of ten million rows is below it. */
const UNZIPPED_BYTES_MAX = 2 * 1024 ** 3
const ZIP_ENTRIES_MAX = 1000

export type ReadNetwork = { readonly tables: NetworkTables; readonly faults: Fault[] }

/**
 * Reads a network folder (contract.md) or a zip of one. Every fault is listed, with file and line; where one of them
 * is an error the tables are incomplete and must not be stored.
 */
export async function readNetworkFolder(
  path: string,
  { unzippedBytesMax = UNZIPPED_BYTES_MAX }: { unzippedBytesMax?: number } = {},
): Promise<ReadNetwork> {
  const faults = createFaultList()
  const rows = noRows()
  const seen = new Set<FolderFile>()
  let whole = true
  try {
    if ((await stat(path)).isDirectory()) await readFolder(path, rows, seen, faults)
    else whole = await readZip(path, rows, seen, faults, unzippedBytesMax)
  } catch (error) {
    if (!isFileTrouble(error)) throw error
    faults.add({
      severity: 'error',
      component: 'file',
      code: 'unreadable',
      says: `cannot be read (${error.code})`,
      where: path,
    })
    whole = false
  }
  // What was not read to its end may have all that would be missed.
  if (!whole) return { tables: tablesOf(rows), faults: faults.faults() }
  for (const file of FOLDER_FILES) {
    if (seen.has(file)) continue
    const { needed, component } = FOLDER_COLUMNS[file]
    faults.add({
      severity: needed ? 'error' : 'warning',
      component: 'file',
      code: 'missing-file',
      says: needed ? 'is missing' : `is missing; the network is read without any ${component}`,
      ids: [file],
    })
  }
  checkReferences(rows, faults)
  return { tables: tablesOf(rows), faults: faults.faults() }
}

async function readFolder(
  path: string,
  rows: FolderRows,
  seen: Set<FolderFile>,
  faults: FaultList,
): Promise<void> {
  for (const name of (await readdir(path)).sort()) {
    if (!isFolderFile(name)) {
      if (name.endsWith('.csv')) unknownFile(name, faults)
      continue
    }
    seen.add(name)
    const reader = fileReader(name, rows, faults)
    for await (const chunk of createReadStream(join(path, name), { highWaterMark: 1 << 18 })) {
      reader.push(chunk as Uint8Array)
    }
    reader.end()
  }
}

/** False where the zip could not be read to its end. */
async function readZip(
  path: string,
  rows: FolderRows,
  seen: Set<FolderFile>,
  faults: FaultList,
  unzippedBytesMax: number,
): Promise<boolean> {
  const refuse = (code: string, says: string, ids: readonly string[] = []): void =>
    faults.add({ severity: 'error', component: 'file', code, says, ids, where: path })
  let entries = 0
  let bytes = 0
  let stopped = false
  const unfinished = new Set<string>()
  const folders = new Set<string>()
  const stop = (code: string, says: string): void => {
    if (!stopped) refuse(code, says)
    stopped = true
  }

  const unzip = new Unzip((entry) => {
    entries += 1
    if (entries > ZIP_ENTRIES_MAX) return stop('zip-entries', `has over ${ZIP_ENTRIES_MAX} files`)
    const parts = entry.name.split('/')
    const name = parts.at(-1) ?? ''
    if (name === '' || parts[0] === '__MACOSX' || name.startsWith('._')) return
    if (/^[/\\]|\\|^[a-z]:/i.test(entry.name) || parts.includes('..')) {
      return refuse('zip-path', 'points out of the zip', [entry.name])
    }
    if (!isFolderFile(name)) {
      if (name.endsWith('.csv')) unknownFile(entry.name, faults)
      return
    }
    folders.add(parts.slice(0, -1).join('/'))
    if (seen.has(name) || folders.size > 1) {
      return refuse('duplicate-file', 'stands in the zip more than once, or in another folder', [
        entry.name,
      ])
    }
    seen.add(name)
    unfinished.add(name)
    const reader = fileReader(name, rows, faults)
    entry.ondata = (error, chunk, final) => {
      if (stopped) return
      if (error !== null) return stop('bad-zip', `is no sound zip (${error.message})`)
      bytes += chunk.length
      if (bytes > unzippedBytesMax) {
        return stop('zip-size', `unfolds to more than ${unzippedBytesMax} bytes`)
      }
      reader.push(chunk)
      if (!final) return
      reader.end()
      unfinished.delete(name)
    }
    entry.start()
  })
  unzip.register(UnzipInflate)

  const file = await open(path)
  try {
    const head = Buffer.alloc(4)
    await file.read(head, 0, 4, 0)
    if (head.readUInt32LE(0) !== 0x04034b50) {
      stop('bad-zip', 'is neither a folder nor a zip of one')
      return false
    }
    if (!(await hasDirectory(file))) {
      stop('bad-zip', 'ends before its table of contents')
      return false
    }
    // Small pieces: what one of them unfolds to is in memory before it can be counted.
    for await (const chunk of file.createReadStream({ start: 0, highWaterMark: 1 << 14 })) {
      if (stopped) break
      try {
        unzip.push(chunk as Uint8Array)
      } catch (error) {
        stop('bad-zip', `is no sound zip (${error instanceof Error ? error.message : 'unknown'})`)
      }
    }
  } finally {
    await file.close().catch(() => undefined)
  }
  if (!stopped && unfinished.size > 0) {
    refuse('bad-zip', 'ends in the middle of a file', [...unfinished])
    return false
  }
  return !stopped
}

/** The table of contents comes last: without it some of the files may have been cut off, and none of those would be missed. */
async function hasDirectory(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat()
  const tail = Buffer.alloc(Math.min(size, ZIP_TAIL_BYTES_MAX))
  await file.read(tail, 0, tail.length, size - tail.length)
  return tail.includes(ZIP_DIRECTORY_END)
}

/** The last record of a zip, and the comment behind it. */
const ZIP_TAIL_BYTES_MAX = 22 + 65_535
const ZIP_DIRECTORY_END = Buffer.from([0x50, 0x4b, 5, 6])

function unknownFile(name: string, faults: FaultList): void {
  faults.add({
    severity: 'warning',
    component: 'file',
    code: 'unknown-file',
    says: 'is no file of a network folder and was not read',
    ids: [name],
  })
}

const SAYS: Readonly<Record<CsvFault, string>> = {
  'record-too-long': `is longer than ${RECORD_CHARS_MAX} characters`,
  'bad-quote': 'has a quote where none may be, or one that is never closed',
  'invalid-utf8': 'is not UTF-8',
}

function fileReader(file: FolderFile, rows: FolderRows, faults: FaultList): CsvReader {
  const wrong = (
    severity: Fault['severity'],
    code: string,
    says: string,
    line: number,
    ids?: string[],
  ) =>
    faults.add({
      severity,
      component: ids === undefined ? 'row' : 'file',
      code,
      says,
      where: `${file}:${line}`,
      ids: ids ?? [],
    })
  let width = 0
  let read: ((fields: readonly string[], line: number) => void) | undefined

  function header(fields: readonly string[], line: number): void {
    const { required, optional } = FOLDER_COLUMNS[file]
    const column = new Map<string, number>()
    for (const [index, field] of fields.entries()) {
      const name = field.toLowerCase()
      if (column.has(name)) wrong('error', 'duplicate-column', 'has a column twice', line, [name])
      else if (required.includes(name) || optional.includes(name)) column.set(name, index)
      else wrong('warning', 'unknown-column', 'has a column that is not read', line, [field])
    }
    const missing = required.filter((name) => !column.has(name))
    if (missing.length > 0) wrong('error', 'missing-column', 'lacks a column', line, missing)
    width = fields.length
    read = rowReader(file, column, rows, faults)
    // Without the columns nothing below can be right; one fault says it, not one per row.
    if (missing.length > 0) read = () => undefined
  }

  const reader = createCsvReader({
    record(fields, line) {
      if (read === undefined) return header(fields, line)
      if (fields.length !== width) {
        const says = `has ${fields.length} fields where the header has ${width}`
        return wrong('error', 'field-count', says, line)
      }
      read(fields, line)
    },
    fault: (code, line) => wrong('error', code, SAYS[code], line),
  })
  return {
    push: (bytes) => reader.push(bytes),
    end() {
      reader.end()
      if (read === undefined) wrong('error', 'missing-header', 'has no header', 1, [file])
    },
  }
}

function checkReferences(rows: FolderRows, faults: FaultList): void {
  const refer = <Row extends { readonly id: string }>(
    file: FolderFile,
    set: RowSet<Row>,
    field: string,
    target: ReadonlySet<string>,
    what: string,
    of: (row: Row) => string,
  ): void => {
    for (let i = 0; i < set.rows.length; i++) {
      const row = set.rows[i]!
      const reference = of(row)
      if (reference === '' || target.has(reference)) continue
      faults.add({
        severity: 'error',
        component: FOLDER_COLUMNS[file].component,
        field,
        code: `unknown-${what.replace(' ', '-')}`,
        says: `names a ${what} that is not there, "${reference.slice(0, 128)}"`,
        ids: [row.id],
        where: `${file}:${set.lines[i]}`,
      })
    }
  }
  const nodes = rows['nodes.csv'].ids
  refer('sources.csv', rows['sources.csv'], 'node', nodes, 'node', (row) => row.node)
  refer('service_points.csv', rows['service_points.csv'], 'node', nodes, 'node', (row) => row.node)
  for (const file of ['switches.csv', 'lines.csv', 'transformers.csv'] as const) {
    const set: RowSet<{ id: string; from: string; to: string }> = rows[file]
    refer(file, set, 'from', nodes, 'node', (row) => row.from)
    refer(file, set, 'to', nodes, 'node', (row) => row.to)
  }
  const feeders = rows['feeders.csv']
  const substations = rows['substations.csv'].ids
  refer('feeders.csv', feeders, 'substation', substations, 'substation', (row) => row.substation)
  refer('feeders.csv', feeders, 'head', rows['switches.csv'].ids, 'switch', (row) => row.head)
  if (rows['sources.csv'].rows.length > 0) return
  faults.add({
    severity: 'error',
    component: 'source',
    code: 'no-source',
    says: 'there is none; a network needs at least one',
    where: 'sources.csv',
  })
}

const isFileTrouble = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'code' in error && 'syscall' in error
