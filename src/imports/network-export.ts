import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { formatPhases } from '../grid/phases.ts'
import type { NetworkTables } from '../grid/tables.ts'
import { FOLDER_COLUMNS, FOLDER_FILES, type FolderFile } from './network-columns.ts'

type Cell = string | number | boolean | null

/** Rows joined into one write; a file is never whole in memory. */
const ROWS_PER_WRITE = 2000

/** Writes a network folder (contract.md) that `readNetworkFolder` reads back to the same tables. Files that are there are replaced. */
export async function writeNetworkFolder(tables: NetworkTables, path: string): Promise<void> {
  await mkdir(path, { recursive: true })
  const rows = folderRows(tables)
  for (const name of FOLDER_FILES) {
    const { required, optional } = FOLDER_COLUMNS[name]
    const file = await open(join(path, name), 'w')
    try {
      let text = `${[...required, ...optional].join(',')}\n`
      let held = 0
      for (const row of rows[name]()) {
        text += `${row.map(formatCell).join(',')}\n`
        held += 1
        if (held < ROWS_PER_WRITE) continue
        await file.write(text)
        text = ''
        held = 0
      }
      await file.write(text)
    } finally {
      await file.close()
    }
  }
}

/** The cells of every file, in the order of its columns: first the required ones, then the optional ones. */
function folderRows(tables: NetworkTables): Record<FolderFile, () => Iterable<Cell[]>> {
  const phases = formatPhases
  return {
    'sources.csv': () => each(tables.sources, (r) => [r.id, r.node, phases(r.phases), r.ratedKva]),
    'substations.csv': () => each(tables.substations, (r) => [r.id, r.name, r.area, r.lon, r.lat]),
    'feeders.csv': () =>
      each(tables.feeders, (r) => [r.id, r.name, r.substation, r.head, r.ratedA, r.ratedKva]),
    'nodes.csv': () => each(tables.nodes, (r) => [r.id, r.kv, r.lon, r.lat]),
    'switches.csv': () =>
      each(tables.switches, (r) => [
        r.id,
        r.from,
        r.to,
        r.kind,
        phases(r.phases),
        r.normallyClosed ? 'closed' : 'open',
        r.ratedA,
        r.telemetered,
        r.name,
      ]),
    'lines.csv': () =>
      each(tables.lines, (r) => [
        r.id,
        r.from,
        r.to,
        phases(r.phases),
        r.lengthM,
        r.ratedA,
        r.overhead,
        r.failuresPerKmYear,
        r.repairH,
      ]),
    'transformers.csv': () =>
      each(tables.transformers, (r) => [
        r.id,
        r.from,
        r.to,
        phases(r.phases),
        r.kind,
        r.ratedKva,
        r.name,
        r.failuresPerYear,
        r.repairH,
      ]),
    'service_points.csv': () =>
      each(tables.servicePoints, (r) => [
        r.id,
        r.node,
        phases(r.phases),
        r.customers,
        r.connectedKva,
        r.class,
        r.averageKw,
        r.peakKw,
        r.priority,
        r.lon,
        r.lat,
      ]),
  }
}

function* each<Row>(rows: readonly Row[], cells: (row: Row) => Cell[]): Iterable<Cell[]> {
  for (const row of rows) yield cells(row)
}

function formatCell(cell: Cell): string {
  if (cell === null) return ''
  if (typeof cell === 'boolean') return cell ? '1' : '0'
  if (typeof cell === 'number') return String(cell)
  return /[",\r\n]/.test(cell) || cell !== cell.trim() ? `"${cell.replaceAll('"', '""')}"` : cell
}
