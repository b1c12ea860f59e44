import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import type {
  LineRow,
  NetworkTables,
  NodeRow,
  SwitchKind,
  SwitchRow,
  TransformerRow,
} from '../src/grid/tables.ts'

/**
 * The synthetic utility "Sisyphean Power & Light" (140,459 customers, see SOURCE.txt beside its files) as network tables.
 *
 * What its files say and these tables keep: substations, feeders, 21,545 single transformers with a fuse each, which phases they use,
 * which customers they serve, lengths, ratings, overhead or not, coordinates, 14 tie switches that are open.
 *
 * What is invented, because they do not say it:
 * - the grid supply and one power transformer a substation, of its rated capacity (they name the bus only, at its upper voltage);
 * - a secondary node behind each transformer, where its customers are;
 * - that a device drawn as a node (feeder breaker, sectionalizer, recloser, fuse) is a switch in line with the edge that leads to it:
 *   the node is split in two, `…` on the side of supply and `…-OUT` behind it;
 * - that the end of a feeder stands open only at its tie switch: the edges between a tail and its tie are lines, and the tie switch is
 *   one switch; a tail without a tie hangs on an open switch `OPEN-…`, and a tail with one is joined to its feeder;
 * - that all but the fuses report their position; each customer's peak, as the share of the contracted demand in the feeder's peak,
 *   and the average as 45 % of it; failure rates are left out.
 * A transformer marked `failed` and a substation marked `planned` serve customers in the files, and do so here.
 */
export function readSpl140k(directory: string): NetworkTables {
  const substations = readRows(directory, 'substations.csv')
  const feeders = readRows(directory, 'feeders.csv')
  const points = readRows(directory, 'network_nodes.csv.gz')
  const edges = readRows(directory, 'network_edges.csv.gz')
  const customers = readRows(directory, 'customers.csv.gz')
  const transformers = readRows(directory, 'transformers.csv.gz')

  const drawing: Drawing = { nodes: [], switches: [], lines: [], transformers: [] }
  const deviceAt = splitNodes(drawing, points)
  const lowSide = new Map(substations.map((row) => [row['substation_id']!, row]))
  for (const row of substations) addSubstation(drawing, row)
  addEdges(drawing, edges, deviceAt, new Set(lowSide.keys()))
  for (const row of transformers) addTransformer(drawing, row)
  return {
    ...drawing,
    sources: substations.map((row) => ({
      id: `GRID-${row['substation_id']!}`,
      node: `${row['substation_id']!}-HV`,
      phases: ABC,
      ratedKva: null,
    })),
    substations: substations.map((row) => ({
      id: row['substation_id']!,
      name: row['name']!,
      area: null,
      lon: numberOf(row['longitude']),
      lat: numberOf(row['latitude']),
    })),
    feeders: feeders.map((row) => ({
      id: row['feeder_id']!,
      name: row['name']!,
      substation: row['substation_id']!,
      head: `BRK-${row['feeder_id']!}`,
      ratedA: null,
      ratedKva: scaled(row['rated_capacity_mw'], 1000),
    })),
    servicePoints: servicePoints(customers, transformers, feeders),
  }
}

type Row = Readonly<Record<string, string>>
type Drawing = {
  nodes: NodeRow[]
  switches: SwitchRow[]
  lines: LineRow[]
  transformers: TransformerRow[]
}

const ABC = 7
const FEET_PER_M = 1 / 0.3048
const LOAD_FACTOR = 0.45

/** What stands in line at a node of the files; the kinds that split it. */
const DEVICE_KINDS: Readonly<Record<string, { kind: SwitchKind; prefix: string }>> = {
  breaker: { kind: 'breaker', prefix: 'BRK-' },
  recloser: { kind: 'recloser', prefix: 'RCL-' },
  sectionalizer: { kind: 'sectionaliser', prefix: 'SEC-' },
  fuse: { kind: 'fuse', prefix: '' },
}

/** Adds the nodes, each device as a switch between two of them, and tells where what lies behind a device begins. */
function splitNodes(drawing: Drawing, points: readonly Row[]): ReadonlyMap<string, string> {
  const behind = new Map<string, string>()
  for (const row of points) {
    const id = row['node_id']!
    const place = {
      kv: numberOf(row['nominal_voltage_kv']),
      lon: numberOf(row['longitude']),
      lat: numberOf(row['latitude']),
    }
    if (row['node_type'] === 'substation_bus') continue
    drawing.nodes.push({ id, ...place })
    const device = DEVICE_KINDS[row['equipment_class']!]
    if (device === undefined) continue
    drawing.nodes.push({ id: `${id}-OUT`, ...place })
    behind.set(id, `${id}-OUT`)
    drawing.switches.push({
      id: `${device.prefix}${device.kind === 'breaker' ? row['feeder_id']! : id}`,
      from: id,
      to: `${id}-OUT`,
      kind: device.kind,
      phases: phasesOf(row),
      normallyClosed: true,
      ratedA: null,
      telemetered: device.kind !== 'fuse',
      name: null,
    })
  }
  return behind
}

function addSubstation(drawing: Drawing, row: Row): void {
  const id = row['substation_id']!
  const place = { lon: numberOf(row['longitude']), lat: numberOf(row['latitude']) }
  drawing.nodes.push({ id: `${id}-HV`, kv: numberOf(row['voltage_high_kv']), ...place })
  drawing.nodes.push({ id, kv: numberOf(row['voltage_low_kv']), ...place })
  drawing.transformers.push({
    id: `TR-${id}`,
    from: `${id}-HV`,
    to: id,
    phases: ABC,
    kind: 'power',
    ratedKva: scaled(row['rated_capacity_mva'], 1000),
    name: `${row['name']!} transformer`,
    failuresPerYear: null,
    repairH: null,
  })
}

function addEdges(
  drawing: Drawing,
  edges: readonly Row[],
  behind: ReadonlyMap<string, string>,
  substations: ReadonlySet<string>,
): void {
  const tiedTails = new Set(
    edges
      .filter((row) => row['edge_type'] === 'tie')
      .flatMap((row) => [row['from_node_id']!, row['to_node_id']!]),
  )
  for (const row of edges) {
    const id = row['edge_id']!
    const to = row['to_node_id']!
    const from = behind.get(row['from_node_id']!) ?? row['from_node_id']!
    const openSwitch = (name: string, near: string) =>
      drawing.switches.push({
        id: name,
        from: near,
        to,
        kind: 'load_break',
        phases: phasesOf(row),
        normallyClosed: false,
        ratedA: numberOf(row['rated_amps']),
        telemetered: true,
        name: null,
      })
    if (row['status'] === 'open' && row['edge_type'] !== 'tie' && !tiedTails.has(to)) {
      openSwitch(`OPEN-${to}`, from)
      continue
    }
    if (row['edge_type'] === 'tie' && from.startsWith('TIE-')) {
      // The second half of a tie begins with its switch.
      openSwitch(from.replace('TIE-', 'TIE-SW-'), from)
      continue
    }
    if (row['edge_type'] === 'bus_tie' && !substations.has(from)) {
      throw new Error(`edge ${id}: a bus tie that does not begin at a substation, but at ${from}`)
    }
    drawing.lines.push({
      id,
      from,
      to,
      phases: phasesOf(row),
      lengthM: scaled(row['length_ft'], 1 / FEET_PER_M),
      ratedA: numberOf(row['rated_amps']),
      overhead: row['is_overhead'] === '1',
      failuresPerKmYear: null,
      repairH: null,
    })
  }
}

function addTransformer(drawing: Drawing, row: Row): void {
  const id = row['transformer_id']!
  const volts = numberOf(row['secondary_voltage_v'])
  drawing.nodes.push({
    id: `${id}-LV`,
    kv: volts === null ? null : volts / 1000,
    lon: numberOf(row['longitude']),
    lat: numberOf(row['latitude']),
  })
  drawing.transformers.push({
    id,
    from: id,
    to: `${id}-LV`,
    phases: phasesOf(row),
    kind: 'distribution',
    ratedKva: numberOf(row['kva_rating']),
    name: null,
    failuresPerYear: null,
    repairH: null,
  })
}

function servicePoints(
  customers: readonly Row[],
  transformers: readonly Row[],
  feeders: readonly Row[],
): NetworkTables['servicePoints'] {
  const phasesAt = new Map(transformers.map((row) => [row['transformer_id']!, phasesOf(row)]))
  const contractedKw = new Map<string, number>()
  for (const row of customers) {
    const feeder = row['feeder_id']!
    const kw = numberOf(row['contracted_demand_kw']) ?? 0
    contractedKw.set(feeder, (contractedKw.get(feeder) ?? 0) + kw)
  }
  const peakPart = new Map(
    feeders.map((row) => {
      const id = row['feeder_id']!
      return [id, (Number(row['peak_load_mw']) * 1000) / (contractedKw.get(id) || 1)]
    }),
  )
  return customers.map((row) => {
    const transformer = row['transformer_id']!
    const phases = phasesAt.get(transformer)
    const part = peakPart.get(row['feeder_id']!)
    if (phases === undefined || part === undefined) {
      throw new Error(`customer ${row['customer_id']!}: no transformer ${transformer} or no feeder`)
    }
    const contracted = numberOf(row['contracted_demand_kw'])
    const peakKw = contracted === null ? null : round(contracted * part)
    return {
      id: row['customer_id']!,
      node: `${transformer}-LV`,
      phases,
      customers: 1,
      connectedKva: contracted === 0 ? null : contracted,
      class: row['customer_type']!,
      averageKw: peakKw === null ? null : round(peakKw * LOAD_FACTOR),
      peakKw,
      priority: null,
      lon: numberOf(row['longitude']),
      lat: numberOf(row['latitude']),
    }
  })
}

function readRows(directory: string, name: string): Row[] {
  const bytes = readFileSync(join(directory, name))
  const text = name.endsWith('.gz') ? gunzipSync(bytes) : bytes
  return parse<Row>(text, { columns: true, skip_empty_lines: true })
}

function phasesOf(row: Row): number {
  let phases = 0
  for (const letter of row['phase'] ?? '') phases |= 1 << 'ABC'.indexOf(letter)
  if (phases < 1 || phases > 7) throw new Error(`not phases: ${JSON.stringify(row)}`)
  return phases
}

/** Null for an empty cell; throws for what is no number. */
function numberOf(cell: string | undefined): number | null {
  if (cell === undefined || cell === '') return null
  const value = Number(cell)
  if (!Number.isFinite(value)) throw new Error(`not a number: ${cell}`)
  return value
}

function scaled(cell: string | undefined, factor: number): number | null {
  const value = numberOf(cell)
  return value === null ? null : round(value * factor)
}

const round = (x: number) => Math.round(x * 1000) / 1000
