import type { FeederRow, NetworkTables, SubstationRow } from '../grid/tables.ts'
import type { FaultList } from './fault-list.ts'
import { createGraph, createUnion } from './network-graph.ts'

/** Distribution begins below this. */
const DISTRIBUTION_KV_MAX = 35

/**
 * Substations and feeders of a network that does not name any.
 *
 * A substation is where supply comes down to distribution voltage: the zone (all that is joined without a switch) on the lower side of
 * the transformers that step down to 35 kV or less from above; in a network without such, the zone of each source. The heads
 * of its feeders are the closed switches that lead out of this zone to service points, but not those that lead into the zone of another
 * substation: these are ties. Where service points lie in the zone itself, or no head leads out of it, the closed
 * switch through which supply comes to the transformers is the head instead, if there is one. A network folder is the place to say otherwise.
 */
export function inferFeeders(
  tables: Omit<NetworkTables, 'substations' | 'feeders'>,
  faults: FaultList,
): { substations: SubstationRow[]; feeders: FeederRow[] } {
  const graph = createGraph(tables)
  const { nodeCount, switchCount, from, to } = graph
  const kv = tables.nodes.map((node) => node.kv)
  const stepsDown = tables.transformers.map((_, index) => {
    const branch = graph.firstTransformer + index
    const high = kv[from[branch]!] ?? 0
    const low = kv[to[branch]!] ?? Number.POSITIVE_INFINITY
    return high > DISTRIBUTION_KV_MAX && low <= DISTRIBUTION_KV_MAX
  })
  const zones = createUnion(nodeCount)
  for (let branch = switchCount; branch < graph.branchCount; branch++) {
    const isStep = branch >= graph.firstTransformer && stepsDown[branch - graph.firstTransformer]
    if (isStep !== true) zones.join(from[branch]!, to[branch]!)
  }
  const served = new Int32Array(nodeCount)
  for (const point of tables.servicePoints) {
    const node = graph.nodeIndex.get(point.node)
    if (node !== undefined) served[zones.find(node)]! += 1
  }
  const starts = findStarts()
  const exits = zoneExits()
  const before = supplySwitches()
  const substations: SubstationRow[] = []
  const feeders: FeederRow[] = []
  const taken = new Set<number>()
  const withoutHead: string[] = []
  for (const [zone, start] of starts) {
    const id = uniqueId('substation', start.name, substations)
    const place = tables.nodes[start.node]
    substations.push({
      id,
      name: start.name,
      area: null,
      lon: place?.lon ?? null,
      lat: place?.lat ?? null,
    })
    const leading = (exits.get(zone) ?? []).filter((index) => leadsToPoints(index, zone))
    const above =
      start.transformer === undefined ? undefined : before[zones.find(from[start.transformer]!)]
    const useAbove =
      above !== undefined && above >= 0 && (served[zone]! > 0 || leading.length === 0)
    if (!useAbove && served[zone]! > 0) withoutHead.push(start.name)
    for (const head of useAbove ? [above] : leading) {
      const row = tables.switches[head]
      if (row === undefined || taken.has(head)) continue
      taken.add(head)
      const name = row.id.slice(row.id.indexOf('.') + 1)
      feeders.push({
        id: uniqueId('feeder', name, feeders),
        name,
        substation: id,
        head: row.id,
        ratedA: row.ratedA,
        ratedKva: null,
      })
    }
  }
  faults.add({
    severity: 'warning',
    component: 'feeder',
    code: 'inferred-feeders',
    says: 'the file names no feeders; these heads were found where supply leaves the substations',
    ids: feeders.map((feeder) => feeder.head),
  })
  if (withoutHead.length > 0) {
    faults.add({
      severity: 'warning',
      component: 'feeder',
      code: 'no-head',
      says: 'has service points before any switch; they belong to no feeder',
      ids: withoutHead,
    })
  }
  return { substations, feeders }

  /** By zone: where it begins, and the transformer that feeds it. */
  function findStarts(): Map<
    number,
    { name: string; node: number; transformer: number | undefined }
  > {
    const found = new Map<number, { name: string; node: number; transformer: number | undefined }>()
    for (const [index, row] of tables.transformers.entries()) {
      const transformer = graph.firstTransformer + index
      const node = to[transformer]!
      if (stepsDown[index] !== true || found.has(zones.find(node))) continue
      found.set(zones.find(node), { name: row.name ?? bare(row.id), node, transformer })
    }
    const hasSteps = found.size > 0
    for (const source of tables.sources) {
      const node = graph.nodeIndex.get(source.node)
      if (node === undefined || found.has(zones.find(node))) continue
      if (hasSteps && (kv[node] ?? Number.POSITIVE_INFINITY) > DISTRIBUTION_KV_MAX) continue
      found.set(zones.find(node), { name: source.node, node, transformer: undefined })
    }
    return found
  }

  /** Closed switches by the zones on their two sides. */
  function zoneExits(): Map<number, number[]> {
    const found = new Map<number, number[]>()
    for (let index = 0; index < switchCount; index++) {
      if (!tables.switches[index]!.normallyClosed) continue
      const sides = new Set([zones.find(from[index]!), zones.find(to[index]!)])
      if (sides.size < 2) continue
      for (const zone of sides) {
        const list = found.get(zone)
        if (list === undefined) found.set(zone, [index])
        else list.push(index)
      }
    }
    return found
  }

  /** By zone: the closed switch through which supply from the sources first comes to it; -1 for none. */
  function supplySwitches(): Int32Array {
    const parent = new Int32Array(nodeCount).fill(-2)
    const steps = new Map<number, number[]>()
    for (const [index, isStep] of stepsDown.entries()) {
      if (!isStep) continue
      const branch = graph.firstTransformer + index
      const high = zones.find(from[branch]!)
      steps.set(high, [...(steps.get(high) ?? []), zones.find(to[branch]!)])
    }
    const queue: number[] = []
    for (const source of tables.sources) {
      const node = graph.nodeIndex.get(source.node)
      if (node === undefined || parent[zones.find(node)] !== -2) continue
      parent[zones.find(node)] = -1
      queue.push(zones.find(node))
    }
    for (let at = 0; at < queue.length; at++) {
      const zone = queue[at]!
      for (const index of exits.get(zone) ?? []) {
        const one = zones.find(from[index]!)
        const other = one === zone ? zones.find(to[index]!) : one
        if (parent[other] !== -2) continue
        parent[other] = index
        queue.push(other)
      }
      for (const low of steps.get(zone) ?? []) {
        if (parent[low] !== -2) continue
        parent[low] = parent[zone]!
        queue.push(low)
      }
    }
    return parent
  }

  /** Whether service points lie behind a switch that leads out of a zone, without passing another substation. */
  function leadsToPoints(index: number, zone: number): boolean {
    const one = zones.find(from[index]!)
    const other = one === zone ? zones.find(to[index]!) : one
    if (starts.has(other) || before[zone] === index) return false
    const seen = new Set([zone, other])
    const queue = [other]
    for (let at = 0; at < queue.length; at++) {
      const here = queue[at]!
      if (served[here]! > 0) return true
      for (const exit of exits.get(here) ?? []) {
        for (const next of [zones.find(from[exit]!), zones.find(to[exit]!)]) {
          if (seen.has(next) || starts.has(next)) continue
          seen.add(next)
          queue.push(next)
        }
      }
    }
    return false
  }
}

const bare = (id: string): string => id.slice(id.indexOf('.') + 1)

function uniqueId(kind: string, name: string, taken: readonly { readonly id: string }[]): string {
  const id = `${kind}.${name.toLowerCase()}`
  return taken.some((each) => each.id === id) ? `${id}#${taken.length + 1}` : id
}
