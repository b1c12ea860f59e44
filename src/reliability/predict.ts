import { LOAD_ASSUMPTIONS } from '../balance/allocation.ts'
import { buildNetwork, NONE, type Network } from '../grid/network.ts'
import type { NetworkTables, SwitchKind } from '../grid/tables.ts'
import { tieLimits, type TieLimits, type TransferLoad, type ZoneLink } from './tie-limits.ts'

export const LEFT_OUT = ['fuses', 'isolators', 'ties'] as const
export type LeftOut = (typeof LEFT_OUT)[number]

export const PREDICTION_GROUPINGS = ['system', 'feeder', 'load_point'] as const
export type PredictionGrouping = (typeof PREDICTION_GROUPINGS)[number]

export type PredictionOptions = {
  /** Equipment to reckon without: it conducts, but neither protects nor isolates nor transfers. */
  readonly without?: readonly LeftOut[]
  /** Hours to replace a distribution transformer instead of its own repair time. */
  readonly transformerH?: number
  /** Hours to isolate a fault and supply the rest from elsewhere. */
  readonly switchingH?: number
  readonly by?: PredictionGrouping
  /** How often a fuse does its work; else the next device upstream trips. */
  readonly fuseProbability?: number
  /** How often a transfer through a tie is possible. */
  readonly tieProbability?: number
  /** Hours for a line or transformer that says how often it fails but not how long its repair takes. */
  readonly repairH?: number
  /** Transfer only what ratings allow; what does not fit stays out until the repair. */
  readonly tieLimits?: boolean
  /** The load that must fit; nothing without `tieLimits`. */
  readonly transferLoad?: TransferLoad
  /** Of that load. */
  readonly powerFactor?: number
}

export const SWITCHING_H = 1
export const REPAIR_H = 5
export const HOURS_A_YEAR = 8760

/** What to expect of one load point, feeder or the system. For a load point SAIFI is λ, SAIDI is U and CAIDI is r. */
export type PredictionRow = {
  readonly group: string | null
  readonly customersServed: number
  readonly indices: {
    readonly SAIFI: number | null
    readonly SAIDI: number | null
    readonly CAIDI: number | null
    readonly ASAI: number | null
    readonly ASUI: number | null
    /** Null where a service point does not say its average load. */
    readonly ENS: number | null
    readonly AENS: number | null
  }
  readonly units: Readonly<Record<string, string>>
}

export type Prediction = {
  readonly rows: readonly PredictionRow[]
  readonly settings: Required<Omit<PredictionOptions, 'transformerH' | 'by'>> & {
    readonly transformerH: number | null
  }
  /** What was not known, in whole sentences. */
  readonly notes: readonly string[]
}

export const PREDICTION_UNITS: Readonly<Record<string, string>> = {
  SAIFI: '1/a',
  SAIDI: 'h/a',
  CAIDI: 'h',
  ASAI: '1',
  ASUI: '1',
  ENS: 'MWh/a',
  AENS: 'kWh/a',
}

const PROTECTIVE: readonly SwitchKind[] = ['breaker', 'recloser', 'fuse']
const ISOLATORS: readonly SwitchKind[] = ['disconnector', 'load_break', 'sectionaliser', 'jumper']

/**
 * Failure-mode analysis of a network that runs radially: each fault trips the nearest protection upstream; the zone around it, up to the
 * next switches, is out for the repair; the rest comes back after switching where a way to a source avoids the zone. What the failure
 * data of lines and transformers lead one to expect, with protection and switches that themselves never fail.
 *
 * The three phases share their fate; a power transformer keeps its own repair time.
 */
export function predict(tables: NetworkTables, options: PredictionOptions = {}): Prediction {
  const turns = predictInTurns(buildNetwork(tables), tables, options)
  for (;;) {
    const turn = turns.next()
    if (turn.done === true) return turn.value
  }
}

/** Zones that are looked at in one turn; a search for ways within ratings looks at each of them many times. */
const ZONES_A_TURN = 4000
const ZONES_A_TURN_WITH_LIMITS = 100

/** The same of a network that was built from these tables, with a pause wherever others may have their turn. */
export function* predictInTurns(
  network: Network,
  tables: NetworkTables,
  options: PredictionOptions = {},
): Generator<undefined, Prediction> {
  const settings = {
    without: options.without ?? [],
    transformerH: options.transformerH ?? null,
    switchingH: options.switchingH ?? SWITCHING_H,
    fuseProbability: options.fuseProbability ?? 1,
    tieProbability: options.tieProbability ?? 1,
    repairH: options.repairH ?? REPAIR_H,
    tieLimits: options.tieLimits ?? false,
    transferLoad: options.transferLoad ?? 'average',
    powerFactor: options.powerFactor ?? LOAD_ASSUMPTIONS.powerFactor,
  }
  const zones = cutIntoZones(network, tables, settings.without)
  yield
  const { faults, notes } = faultsByZone(tables, zones, settings)
  yield
  const { transferLoad: load, powerFactor } = settings
  const limits = settings.tieLimits
    ? tieLimits(network, tables, zones, { load, powerFactor })
    : undefined
  if (limits !== undefined) yield
  const points = pointsOf(network, tables)
  const pointsAt = new Map<number, number[]>()
  points.forEach((_, i) => {
    const zone = zones.ofNode[network.loadPointNode[i] ?? -1] ?? NONE
    const list = pointsAt.get(zone)
    if (list === undefined) pointsAt.set(zone, [i])
    else list.push(i)
  })
  const failures = new Float64Array(points.length)
  const hours = new Float64Array(points.length)
  const strike = (zone: number, often: number, hoursAYear: number): void => {
    for (const point of pointsAt.get(zone) ?? []) {
      failures[point] = (failures[point] ?? 0) + often
      hours[point] = (hours[point] ?? 0) + hoursAYear
    }
  }
  yield
  const zonesATurn = limits === undefined ? ZONES_A_TURN : ZONES_A_TURN_WITH_LIMITS
  let looked = 0
  for (const [zone, list] of faults) {
    if (zones.reached[zone] !== 1) continue
    for (const trip of tripsOf(zones, zone, settings.fuseProbability)) {
      const way = waysBack(zones, zone, trip.below, limits)
      looked += way.size
      if (looked >= zonesATurn) {
        looked = 0
        yield
      }
      for (const [struck, back] of way) {
        let often = 0
        let lasts = 0
        for (const { perYear, repairH } of list) {
          const switched = Math.min(settings.switchingH, repairH)
          const expected =
            back === 'never'
              ? repairH
              : back === 'tree'
                ? switched
                : settings.tieProbability * switched + (1 - settings.tieProbability) * repairH
          often += perYear * trip.probability
          lasts += perYear * trip.probability * expected
        }
        strike(struck, often, lasts)
      }
    }
  }
  const unfed = points.filter((_, i) => {
    const zone = zones.ofNode[network.loadPointNode[i] ?? -1] ?? NONE
    return zones.reached[zone] !== 1
  }).length
  if (unfed > 0)
    notes.push(
      `${unfed} load points are not fed under normal positions and count as never failing.`,
    )
  return { rows: rowsOf(options.by ?? 'system', network, points, failures, hours), settings, notes }
}

type Point = { readonly customers: number; readonly averageKw: number | null }

function pointsOf(network: Network, tables: NetworkTables): Point[] {
  const points = network.loadPointIds.map(() => ({ customers: 0, averageKw: 0 as number | null }))
  tables.servicePoints.forEach((row, i) => {
    const point = points[network.groupLoadPoint[network.servicePointGroup[i] ?? -1] ?? -1]
    if (point === undefined) return
    point.customers += row.customers
    point.averageKw =
      point.averageKw === null || row.averageKw === null ? null : point.averageKw + row.averageKw
  })
  return points
}

type Zones = {
  readonly ofNode: Int32Array
  readonly reached: Uint8Array
  /** The zone upstream and the kind of switch towards it; NONE and null at a source. */
  readonly parent: Int32Array
  readonly parentKind: readonly (SwitchKind | null)[]
  readonly children: readonly (readonly number[])[]
  /** Ways other than the tree: open ties, and closed switches that make a loop. */
  readonly others: readonly (readonly { readonly zone: number; readonly tie: boolean }[])[]
  /** All switches between zones. */
  readonly links: readonly (readonly ZoneLink[])[]
}

/** Zones: what hangs together without a switch that could part it. Joined to a tree by the normal way of supply. */
function cutIntoZones(network: Network, tables: NetworkTables, without: readonly LeftOut[]): Zones {
  const nodes = network.nodeIds.length
  const root = Int32Array.from({ length: nodes }, (_, i) => i)
  const find = (node: number): number => {
    let top = node
    while (root[top] !== top) {
      root[top] = root[root[top] ?? 0] ?? 0
      top = root[top] ?? 0
    }
    return top
  }
  const solid = (kind: SwitchKind): boolean =>
    (without.includes('fuses') && kind === 'fuse') ||
    (without.includes('isolators') && ISOLATORS.includes(kind))
  const parts: { from: number; to: number; branch: number; kind: SwitchKind; closed: boolean }[] =
    []
  for (let branch = 0; branch < network.branchFrom.length; branch += 1) {
    const from = network.branchFrom[branch] ?? 0
    const to = network.branchTo[branch] ?? 0
    const row = tables.switches[branch]
    if (row === undefined || (row.normallyClosed && solid(row.kind))) root[find(from)] = find(to)
    else if (row.normallyClosed || !without.includes('ties'))
      parts.push({ from, to, branch, kind: row.kind, closed: row.normallyClosed })
  }
  const numbers = new Map<number, number>()
  const ofNode = Int32Array.from({ length: nodes }, (_, node) => {
    const top = find(node)
    const known = numbers.get(top) ?? numbers.size
    numbers.set(top, known)
    return known
  })
  const count = numbers.size
  type Link = ZoneLink & { readonly part: number; readonly kind: SwitchKind }
  const links: Link[][] = Array.from({ length: count }, () => [])
  parts.forEach(({ from, to, branch, kind, closed }, part) => {
    const a = ofNode[from] ?? NONE
    const b = ofNode[to] ?? NONE
    if (a === b) return
    links[a]?.push({ zone: b, part, branch, kind, closed })
    links[b]?.push({ zone: a, part, branch, kind, closed })
  })

  const reached = new Uint8Array(count)
  const parent = new Int32Array(count).fill(NONE)
  const parentKind: (SwitchKind | null)[] = Array.from({ length: count }, () => null)
  const children: number[][] = Array.from({ length: count }, () => [])
  const inTree = new Set<number>()
  const nodeIndex = new Map(network.nodeIds.map((id, i) => [id, i]))
  const queue: number[] = []
  for (const source of tables.sources) {
    const zone = ofNode[nodeIndex.get(source.node) ?? -1] ?? NONE
    if (zone === NONE || reached[zone] === 1) continue
    reached[zone] = 1
    queue.push(zone)
  }
  for (let head = 0; head < queue.length; head += 1) {
    const zone = queue[head] ?? 0
    for (const link of links[zone] ?? []) {
      if (!link.closed || reached[link.zone] === 1) continue
      reached[link.zone] = 1
      parent[link.zone] = zone
      parentKind[link.zone] = link.kind
      children[zone]?.push(link.zone)
      inTree.add(link.part)
      queue.push(link.zone)
    }
  }
  const others = links.map((list) =>
    list
      .filter(({ part }) => !inTree.has(part))
      .map(({ zone, closed }) => ({ zone, tie: !closed })),
  )
  return { ofNode, reached, parent, parentKind, children, others, links }
}

type ZoneFault = { readonly perYear: number; readonly repairH: number }

function faultsByZone(
  tables: NetworkTables,
  zones: Zones,
  settings: { readonly transformerH: number | null; readonly repairH: number },
): { faults: Map<number, ZoneFault[]>; notes: string[] } {
  const nodeIndex = new Map(tables.nodes.map((node, i) => [node.id, i]))
  const faults = new Map<number, ZoneFault[]>()
  let unknown = 0
  let assumed = 0
  const add = (node: string, perYear: number | null, repairH: number | null): void => {
    if (perYear === null) {
      unknown += 1
      return
    }
    if (perYear === 0) return
    if (repairH === null) assumed += 1
    const zone = zones.ofNode[nodeIndex.get(node) ?? -1] ?? NONE
    const fault = { perYear, repairH: repairH ?? settings.repairH }
    const list = faults.get(zone)
    if (list === undefined) faults.set(zone, [fault])
    else list.push(fault)
  }
  for (const line of tables.lines) {
    const known = line.failuresPerKmYear !== null && line.lengthM !== null
    const perYear = known ? ((line.failuresPerKmYear ?? 0) * (line.lengthM ?? 0)) / 1000 : null
    add(line.from, perYear, line.repairH)
  }
  for (const transformer of tables.transformers) {
    const replaced = transformer.kind === 'distribution' ? settings.transformerH : null
    add(transformer.from, transformer.failuresPerYear, replaced ?? transformer.repairH)
  }
  const notes: string[] = []
  if (unknown > 0)
    notes.push(
      `${unknown} lines and transformers do not say how often they fail and count as never failing.`,
    )
  if (assumed > 0)
    notes.push(
      `${assumed} lines and transformers do not say how long a repair takes: ${settings.repairH} h is taken.`,
    )
  return { faults, notes }
}

/** What trips for a fault in a zone: the zone below the device, and how likely it is that this device it is. */
function tripsOf(
  zones: Zones,
  zone: number,
  fuseProbability: number,
): { below: number; probability: number }[] {
  const trips: { below: number; probability: number }[] = []
  let rest = 1
  for (let below = zone; ; below = zones.parent[below] ?? NONE) {
    const kind = zones.parentKind[below] ?? null
    // Above the last device is the source: what it feeds is lost together.
    if (kind === null) return [...trips, { below, probability: rest }]
    if (!PROTECTIVE.includes(kind)) continue
    if (kind !== 'fuse' || fuseProbability >= 1) return [...trips, { below, probability: rest }]
    trips.push({ below, probability: rest * fuseProbability })
    rest *= 1 - fuseProbability
  }
}

/** How each zone below the tripped device comes back while the faulted zone is repaired. */
function waysBack(
  zones: Zones,
  faulted: number,
  below: number,
  limits: TieLimits | undefined,
): Map<number, 'never' | 'tree' | 'tie'> {
  const ways = new Map<number, 'never' | 'tree' | 'tie'>()
  const walk = (top: number, way: 'never' | 'tree'): void => {
    const stack = [top]
    for (let zone = stack.pop(); zone !== undefined; zone = stack.pop()) {
      ways.set(zone, way)
      for (const child of zones.children[zone] ?? []) if (child !== faulted) stack.push(child)
    }
  }
  if (below !== faulted) walk(below, 'tree')
  ways.set(faulted, 'never')
  if (limits !== undefined) {
    const members = membersBelow(zones, faulted)
    const restored = limits.restore(faulted, members)
    for (const zone of members) ways.set(zone, restored.get(zone) ?? 'never')
    return ways
  }
  // Below the fault, each branch needs a way of its own: a loop or a tie to what is fed without the fault.
  const branches = (zones.children[faulted] ?? []).map((child) => [
    child,
    ...membersBelow(zones, child),
  ])
  const branchOf = new Map(branches.flatMap((members, i) => members.map((zone) => [zone, i])))
  const best = branches.map((): 'never' | 'tree' | 'tie' => 'never')
  for (let changed = true; changed;) {
    changed = false
    branches.forEach((members, i) => {
      for (const zone of members) {
        for (const other of zones.others[zone] ?? []) {
          if (other.zone === faulted || zones.reached[other.zone] !== 1) continue
          const there = branchOf.get(other.zone)
          if (there === i) continue
          const from = there === undefined ? 'tree' : (best[there] ?? 'never')
          const way = from === 'never' ? 'never' : other.tie ? 'tie' : from
          if (rank(way) > rank(best[i] ?? 'never')) {
            best[i] = way
            changed = true
          }
        }
      }
    })
  }
  branches.forEach((members, i) => {
    for (const zone of members) ways.set(zone, best[i] ?? 'never')
  })
  return ways
}

/** Every zone fed through this one. */
function membersBelow(zones: Zones, top: number): number[] {
  const members: number[] = [...(zones.children[top] ?? [])]
  for (const zone of members) members.push(...(zones.children[zone] ?? []))
  return members
}

const rank = (way: 'never' | 'tree' | 'tie'): number => ['never', 'tie', 'tree'].indexOf(way)

function rowsOf(
  by: PredictionGrouping,
  network: Network,
  points: readonly Point[],
  failures: Float64Array,
  hours: Float64Array,
): PredictionRow[] {
  const groups = new Map<string | null, number[]>()
  const put = (group: string | null, point: number): void => {
    const list = groups.get(group)
    if (list === undefined) groups.set(group, [point])
    else list.push(point)
  }
  points.forEach((_, point) => {
    if (by === 'system') put('system', point)
    else if (by === 'load_point') put(network.loadPointIds[point] ?? null, point)
    else put(network.feeders[network.loadPointFeeder[point] ?? NONE]?.id ?? null, point)
  })
  return [...groups].map(([group, members]) => {
    let customers = 0
    let ci = 0
    let customerH = 0
    let kwh: number | null = 0
    for (const point of members) {
      const { customers: here = 0, averageKw = null } = points[point] ?? {}
      customers += here
      ci += here * (failures[point] ?? 0)
      customerH += here * (hours[point] ?? 0)
      kwh = kwh === null || averageKw === null ? null : kwh + averageKw * (hours[point] ?? 0)
    }
    const saidi = customers > 0 ? customerH / customers : null
    return {
      group,
      customersServed: customers,
      indices: {
        SAIFI: customers > 0 ? ci / customers : null,
        SAIDI: saidi,
        CAIDI: ci > 0 ? customerH / ci : null,
        ASAI: saidi === null ? null : 1 - saidi / HOURS_A_YEAR,
        ASUI: saidi === null ? null : saidi / HOURS_A_YEAR,
        ENS: kwh === null ? null : kwh / 1000,
        AENS: kwh === null || customers === 0 ? null : kwh / customers,
      },
      units: PREDICTION_UNITS,
    }
  })
}
