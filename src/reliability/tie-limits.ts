import { expectLoads, LOAD_ASSUMPTIONS } from '../balance/allocation.ts'
import { LOAD_CLASSES } from '../balance/class-curves.ts'
import { flowsUp, rateNetwork, supplyTree } from '../balance/supply-tree.ts'
import { at, NONE, type Network } from '../grid/network.ts'
import type { NetworkTables } from '../grid/tables.ts'

export const TRANSFER_LOADS = ['average', 'peak'] as const
/** Which load must find room where it is transferred to. */
export type TransferLoad = (typeof TRANSFER_LOADS)[number]

export type WayBack = 'tree' | 'tie'

/** A switch between two zones, seen from one of them. */
export type ZoneLink = { readonly zone: number; readonly branch: number; readonly closed: boolean }

export type TieLimits = {
  /**
   * Which of the zones below a fault find another way within ratings, and what kind of way. The zone whose way has the most to spare is
   * picked up first, with its whole load, and then is a way for the next; what does not fit stays out.
   */
  restore(faulted: number, below: readonly number[]): Map<number, WayBack>
}

type Way = {
  readonly link: ZoneLink
  readonly zone: number
  readonly way: WayBack
  readonly spare: number
}

/** Loads and ratings in kVA, by the balance's rules: lines, switches, feeders, power transformers and sources; distribution transformers are free. */
export function tieLimits(
  network: Network,
  tables: NetworkTables,
  zones: {
    readonly ofNode: Int32Array
    readonly reached: Uint8Array
    readonly links: readonly (readonly ZoneLink[])[]
  },
  { load, powerFactor }: { readonly load: TransferLoad; readonly powerFactor: number },
): TieLimits {
  const rated = rateNetwork(network, tables)
  const tree = supplyTree(rated, network.switchNormal)
  const nodes = network.nodeIds.length
  const nodeKva = new Float64Array(nodes)
  const pointKw = load === 'peak' ? peakKw(network, tables) : averageKw(network, tables)
  pointKw.forEach((kw, point) => {
    nodeKva[at(network.loadPointNode, point)]! += kw / powerFactor
  })
  const flow = flowsUp(network, tree, nodeKva)
  const nodesOf = new Map<number, number[]>()
  zones.ofNode.forEach((zone, node) => {
    const list = nodesOf.get(zone)
    if (list === undefined) nodesOf.set(zone, [node])
    else list.push(node)
  })
  const limit = branchLimits()
  const sourceLimit = sourceLimits()

  function averageKw(net: Network, of: NetworkTables): Float64Array {
    const { meanKw } = expectLoads(rated, of)
    const classes = LOAD_CLASSES.length
    return Float64Array.from(net.loadPointIds, (_, point) =>
      meanKw.subarray(point * classes, (point + 1) * classes).reduce((sum, kw) => sum + kw, 0),
    )
  }
  function peakKw(net: Network, of: NetworkTables): Float64Array {
    const mean = averageKw(net, of)
    const peak = new Float64Array(mean.length)
    const unknown = new Uint8Array(mean.length)
    of.servicePoints.forEach((row, i) => {
      const point = at(net.groupLoadPoint, at(net.servicePointGroup, i))
      if (row.peakKw === null) unknown[point] = 1
      else peak[point]! += row.peakKw
    })
    return peak.map((kw, point) =>
      unknown[point] === 1 || kw === 0 ? at(mean, point) / LOAD_ASSUMPTIONS.kwPerPeakKw : kw,
    )
  }
  function branchLimits(): Float64Array {
    const limits = Float64Array.from(network.branchIds, (_, branch) => {
      const kva = at(rated.branchRatedKva, branch)
      return Number.isNaN(kva) || rated.branchDistribution[branch] === 1 ? Infinity : kva
    })
    network.feederHead.forEach((head, feeder) => {
      const kva = at(rated.feederRatedKva, feeder)
      if (head !== NONE && !Number.isNaN(kva)) limits[head] = Math.min(at(limits, head), kva)
    })
    return limits
  }
  function sourceLimits(): Map<number, number> {
    const limits = new Map<number, number>()
    rated.sourceNodes.forEach((node, source) => {
      const kva = tables.sources[source]?.ratedKva
      if (kva != null) limits.set(node, (limits.get(node) ?? 0) + kva)
    })
    return limits
  }
  const otherEnd = (branch: number, node: number): number => {
    const from = at(network.branchFrom, branch)
    return from === node ? at(network.branchTo, branch) : from
  }

  return {
    restore(faulted, below) {
      const pending = new Set(below)
      const found = new Map<number, WayBack>()
      /** Towards the source as it will be, for nodes of zones that were picked up. */
      const parent = new Map<number, number>()
      /** What goes through the branch that feeds a node, beyond or short of the flow of before. */
      const change = new Map<number, number>()
      const add = (node: number, kva: number): void => {
        change.set(node, (change.get(node) ?? 0) + kva)
      }
      const moved = (node: number): boolean => parent.has(node)
      const feeds = (node: number): number => parent.get(node) ?? at(tree.parent, node)
      const flowAt = (node: number): number =>
        (moved(node) ? 0 : at(flow, node)) + (change.get(node) ?? 0)
      const spareAt = (node: number): number => {
        const branch = feeds(node)
        const most = branch === NONE ? (sourceLimit.get(node) ?? Infinity) : at(limit, branch)
        return most - flowAt(node)
      }
      const upOf = (node: number): number => {
        const branch = feeds(node)
        return branch === NONE ? NONE : otherEnd(branch, node)
      }
      // What was fed through the faulted zone no longer burdens the way to it.
      const entry = entryOf(faulted)
      if (entry !== NONE) {
        const lost = at(flow, entry)
        for (let node = entry; node !== NONE; node = upOf(node)) add(node, -lost)
      }

      /** The zone hung to the other side of a link: its nodes by the branches that will feed them, each after the one above. */
      const hang = (zone: number, link: ZoneLink): { order: number[]; by: Map<number, number> } => {
        const inside = at(zones.ofNode, at(network.branchFrom, link.branch)) === zone
        const first = at(inside ? network.branchFrom : network.branchTo, link.branch)
        const by = new Map([[first, link.branch]])
        const order = [first]
        for (const node of order) {
          const until = at(network.nodeBranchStart, node + 1)
          for (let i = at(network.nodeBranchStart, node); i < until; i += 1) {
            const branch = at(network.nodeBranches, i)
            const other = otherEnd(branch, node)
            if (zones.ofNode[other] !== zone || by.has(other)) continue
            if (branch < network.switchCount && network.switchNormal[branch] === 0) continue
            by.set(other, branch)
            order.push(other)
          }
        }
        return { order, by }
      }
      const hungFlows = (order: readonly number[], by: ReadonlyMap<number, number>) => {
        const flows = new Map(order.map((node) => [node, at(nodeKva, node)]))
        for (const node of [...order].reverse()) {
          const up = otherEnd(by.get(node) ?? NONE, node)
          const here = flows.get(up)
          if (here !== undefined && node !== order[0]) flows.set(up, here + (flows.get(node) ?? 0))
        }
        return flows
      }
      /** What is left along the way when the zone is picked up; negative where it does not fit. */
      const tryLink = (zone: number, link: ZoneLink): number => {
        const { order, by } = hang(zone, link)
        const flows = hungFlows(order, by)
        let spare = Infinity
        for (const node of order)
          spare = Math.min(spare, at(limit, by.get(node) ?? NONE) - (flows.get(node) ?? 0))
        const [first = NONE] = order
        const all = flows.get(first) ?? 0
        for (let node = otherEnd(link.branch, first); node !== NONE; node = upOf(node))
          spare = Math.min(spare, spareAt(node) - all)
        return spare
      }
      const pickUp = (zone: number, link: ZoneLink): void => {
        const { order, by } = hang(zone, link)
        const flows = hungFlows(order, by)
        const [first = NONE] = order
        const all = flows.get(first) ?? 0
        for (let node = otherEnd(link.branch, first); node !== NONE; node = upOf(node))
          add(node, all)
        for (const node of order) {
          parent.set(node, by.get(node) ?? NONE)
          change.set(node, flows.get(node) ?? 0)
        }
      }

      for (;;) {
        let best: Way | undefined
        for (const zone of pending) {
          for (const link of zones.links[zone] ?? []) {
            if (link.zone === faulted || pending.has(link.zone)) continue
            if (zones.reached[link.zone] !== 1) continue
            const there = found.get(link.zone) ?? 'tree'
            const way = link.closed ? there : 'tie'
            if (best?.way === 'tree' && way === 'tie') continue
            const spare = tryLink(zone, link)
            // A rounding is no overload.
            if (spare < -ROUNDING_KVA) continue
            if (best === undefined || best.way !== way || spare > best.spare)
              best = { link, zone, way, spare }
          }
        }
        if (best === undefined) return found
        pickUp(best.zone, best.link)
        pending.delete(best.zone)
        found.set(best.zone, best.way)
      }
    },
  }

  /** The node at which supply enters a zone. */
  function entryOf(zone: number): number {
    for (const node of nodesOf.get(zone) ?? []) {
      const branch = at(tree.parent, node)
      if (branch === NONE ? tree.fed[node] === 1 : zones.ofNode[otherEnd(branch, node)] !== zone)
        return node
    }
    return NONE
  }
}

const ROUNDING_KVA = 1e-6
