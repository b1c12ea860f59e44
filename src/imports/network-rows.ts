import {
  PRIORITIES,
  SWITCH_KINDS,
  TRANSFORMER_KINDS,
  type FeederRow,
  type LineRow,
  type NetworkTables,
  type NodeRow,
  type ServicePointRow,
  type SourceRow,
  type SubstationRow,
  type SwitchRow,
  type TransformerRow,
} from '../grid/tables.ts'
import type { FaultList } from './fault-list.ts'
import { createCells } from './network-cells.ts'
import { idFault, POSITIONS, telemeteredByDefault, type FolderFile } from './network-columns.ts'

/** The rows of a folder as they come in, each with its line. */
export type RowSet<Row> = {
  readonly rows: Row[]
  readonly lines: number[]
  readonly ids: Set<string>
}

export type FolderRows = {
  'sources.csv': RowSet<SourceRow>
  'substations.csv': RowSet<SubstationRow>
  'feeders.csv': RowSet<FeederRow>
  'nodes.csv': RowSet<NodeRow>
  'switches.csv': RowSet<SwitchRow>
  'lines.csv': RowSet<LineRow>
  'transformers.csv': RowSet<TransformerRow>
  'service_points.csv': RowSet<ServicePointRow>
}

export function noRows(): FolderRows {
  const empty = <Row>(): RowSet<Row> => ({ rows: [], lines: [], ids: new Set() })
  return {
    'sources.csv': empty(),
    'substations.csv': empty(),
    'feeders.csv': empty(),
    'nodes.csv': empty(),
    'switches.csv': empty(),
    'lines.csv': empty(),
    'transformers.csv': empty(),
    'service_points.csv': empty(),
  }
}

export const tablesOf = (rows: FolderRows): NetworkTables => ({
  sources: rows['sources.csv'].rows,
  substations: rows['substations.csv'].rows,
  feeders: rows['feeders.csv'].rows,
  nodes: rows['nodes.csv'].rows,
  switches: rows['switches.csv'].rows,
  lines: rows['lines.csv'].rows,
  transformers: rows['transformers.csv'].rows,
  servicePoints: rows['service_points.csv'].rows,
})

/**
 * Reads the records below a header into rows. A faulty value is named and stands in as unknown, so that what refers
 * to its row is not named as well.
 */
export function rowReader(
  file: FolderFile,
  column: ReadonlyMap<string, number>,
  into: FolderRows,
  faults: FaultList,
): (fields: readonly string[], line: number) => void {
  const cells = createCells(file, column, faults)

  const reading =
    <Row>(set: RowSet<Row>, read: (id: string) => Row) =>
    (fields: readonly string[], line: number): void => {
      const id = cells.step(fields, line)
      const fault = idFault(id)
      if (fault !== undefined) cells.wrong('id', id === '' ? 'missing-value' : 'bad-id', fault)
      const known = set.ids.size
      set.ids.add(id)
      if (set.ids.size === known && fault === undefined) {
        cells.wrong('id', 'duplicate-id', 'stands in more than one row')
      }
      set.rows.push(read(id))
      set.lines.push(line)
    }

  const from = cells.reference('from')
  const to = cells.reference('to')
  const node = cells.reference('node')
  const name = cells.text('name')
  const phases = cells.phases()
  const ratedA = cells.amount('rated_a')
  const ratedKva = cells.amount('rated_kva')
  const repairH = cells.amount('repair_h')
  const lon = cells.degrees('lon', 180)
  const lat = cells.degrees('lat', 90)
  const readers: Record<FolderFile, () => (fields: readonly string[], line: number) => void> = {
    'sources.csv': () => {
      return reading(into['sources.csv'], (id) => ({
        id,
        node: node(),
        phases: phases(),
        ratedKva: ratedKva(),
      }))
    },
    'substations.csv': () => {
      const area = cells.text('area')
      return reading(into['substations.csv'], (id) => ({
        id,
        name: name() ?? id,
        area: area(),
        lon: lon(),
        lat: lat(),
      }))
    },
    'feeders.csv': () => {
      const substation = cells.reference('substation')
      const head = cells.reference('head')
      return reading(into['feeders.csv'], (id) => ({
        id,
        name: name() ?? id,
        substation: substation(),
        head: head(),
        ratedA: ratedA(),
        ratedKva: ratedKva(),
      }))
    },
    'nodes.csv': () => {
      const kv = cells.amount('kv')
      return reading(into['nodes.csv'], (id) => ({ id, kv: kv(), lon: lon(), lat: lat() }))
    },
    'switches.csv': () => {
      const kind = cells.needed('kind', SWITCH_KINDS)
      const normal = cells.needed('normal', POSITIONS)
      const telemetered = cells.flag('telemetered')
      return reading(into['switches.csv'], (id) => {
        const isKind = kind()
        return {
          id,
          from: from(),
          to: to(),
          kind: isKind,
          phases: phases(),
          normallyClosed: normal() === 'closed',
          ratedA: ratedA(),
          telemetered: telemetered() ?? telemeteredByDefault(isKind),
          name: name(),
        }
      })
    },
    'lines.csv': () => {
      const lengthM = cells.amount('length_m')
      const overhead = cells.flag('overhead')
      const failuresPerKmYear = cells.amount('failures_per_km_year')
      return reading(into['lines.csv'], (id) => ({
        id,
        from: from(),
        to: to(),
        phases: phases(),
        lengthM: lengthM(),
        ratedA: ratedA(),
        overhead: overhead(),
        failuresPerKmYear: failuresPerKmYear(),
        repairH: repairH(),
      }))
    },
    'transformers.csv': () => {
      const kind = cells.needed('kind', TRANSFORMER_KINDS)
      const failuresPerYear = cells.amount('failures_per_year')
      return reading(into['transformers.csv'], (id) => ({
        id,
        from: from(),
        to: to(),
        phases: phases(),
        kind: kind(),
        ratedKva: ratedKva(),
        name: name(),
        failuresPerYear: failuresPerYear(),
        repairH: repairH(),
      }))
    },
    'service_points.csv': () => {
      const customers = cells.whole('customers')
      const connectedKva = cells.amount('connected_kva')
      const customerClass = cells.text('class')
      const averageKw = cells.amount('average_kw')
      const peakKw = cells.amount('peak_kw')
      const priority = cells.word('priority', PRIORITIES)
      return reading(into['service_points.csv'], (id) => ({
        id,
        node: node(),
        phases: phases(),
        customers: customers(),
        connectedKva: connectedKva(),
        class: customerClass(),
        averageKw: averageKw(),
        peakKw: peakKw(),
        priority: priority() ?? null,
        lon: lon(),
        lat: lat(),
      }))
    },
  }
  return readers[file]()
}
