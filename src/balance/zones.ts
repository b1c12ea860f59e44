import { at, NONE } from '../grid/network.ts'
import { NO_PHASES, type Phases } from '../grid/phases.ts'
import type { AllocatedLoads } from './allocation.ts'
import { flowsUp, upNode, type RatedNetwork, type SupplyTree } from './supply-tree.ts'

/**
 * The network as the control room can cut it: nodes that stay together whatever operable switches do. Loads in whole VA; what exports counts
 * as nothing, because a transfer must hold when the sun does not shine.
 */
export type Zones = {
  readonly rated: RatedNetwork
  readonly tree: SupplyTree
  readonly closed: Uint8Array
  readonly zoneOf: Int32Array
  readonly nodesOf: readonly (readonly number[])[]
  readonly va: Float64Array
  readonly w: Float64Array
  readonly customers: Int32Array
  /** Phases that the zone's load points use. */
  readonly phases: Uint8Array
  readonly feeder: Int32Array
  /** Operable switches at each zone. */
  readonly switchesOf: readonly (readonly number[])[]
  /** Zones fed through each zone. */
  readonly below: readonly (readonly number[])[]
  readonly nodeVa: Float64Array
  /** What goes through the branch that feeds a node now, in VA; at a source: what the source gives. */
  readonly nodeFlowVa: Float64Array
  /** The most that may go there: the rating, or what goes there already where that is more. Infinity: no rating. */
  readonly branchLimitVa: Float64Array
  /** The same for a source's own rating, by node. */
  readonly nodeLimitVa: Float64Array
}

export function cutIntoZones(
  rated: RatedNetwork,
  tree: SupplyTree,
  closed: Uint8Array,
  { loads, customers }: { loads: AllocatedLoads; customers: Int32Array },
): Zones {
  const { network } = rated
  const nodes = network.nodeIds.length
  const zoneOf = new Int32Array(nodes).fill(NONE)
  const nodesOf: number[][] = []
  for (let start = 0; start < nodes; start++) {
    if (zoneOf[start] !== NONE) continue
    const zone = nodesOf.length
    const members = [start]
    zoneOf[start] = zone
    for (let head = 0; head < members.length; head++) {
      const node = members[head] as number
      eachJoined(rated, closed, node, (other) => {
        if (zoneOf[other] !== NONE) return
        zoneOf[other] = zone
        members.push(other)
      })
    }
    nodesOf.push(members)
  }

  const count = nodesOf.length
  const nodeVa = new Float64Array(nodes)
  const va = new Float64Array(count)
  const w = new Float64Array(count)
  const zoneCustomers = new Int32Array(count)
  const phases = new Uint8Array(count)
  for (let point = 0; point < network.loadPointIds.length; point++) {
    const node = at(network.loadPointNode, point)
    const zone = at(zoneOf, node)
    const pointW = Math.max(0, at(loads.pointW, point))
    const pointVa = pointW > 0 ? Math.round(Math.hypot(pointW, at(loads.pointVar, point))) : 0
    nodeVa[node]! += pointVa
    va[zone]! += pointVa
    w[zone]! += pointW
    zoneCustomers[zone]! += at(customers, point)
    phases[zone]! |= at(network.loadPointPhases, point)
  }
  const nodeFlowVa = flowsUp(network, tree, nodeVa)

  const switchesOf: number[][] = nodesOf.map(() => [])
  const below: number[][] = nodesOf.map(() => [])
  const feeder = new Int32Array(count).fill(NONE)
  for (let device = 0; device < network.switchCount; device++) {
    if (rated.operable[device] === 0) continue
    const from = at(zoneOf, at(network.branchFrom, device))
    const to = at(zoneOf, at(network.branchTo, device))
    if (from === to) continue
    ;(switchesOf[from] as number[]).push(device)
    ;(switchesOf[to] as number[]).push(device)
  }
  for (const node of tree.order) {
    const zone = at(zoneOf, node)
    if (feeder[zone] === NONE) feeder[zone] = at(tree.feeder, node)
    const up = upNode(network, tree, node)
    if (up !== NONE && zoneOf[up] !== zone) (below[at(zoneOf, up)] as number[]).push(zone)
  }
  return {
    rated,
    tree,
    closed,
    zoneOf,
    nodesOf,
    va,
    w,
    customers: zoneCustomers,
    phases,
    feeder,
    switchesOf,
    below,
    nodeVa,
    nodeFlowVa,
    ...limits(rated, tree, nodeFlowVa),
  }
}

/** Neighbours of a node within its zone: over lines, transformers and what only a line gang opens. */
export function eachJoined(
  rated: RatedNetwork,
  closed: Uint8Array,
  node: number,
  visit: (other: number, branch: number) => void,
): void {
  const { network } = rated
  const until = at(network.nodeBranchStart, node + 1)
  for (let i = at(network.nodeBranchStart, node); i < until; i++) {
    const branch = at(network.nodeBranches, i)
    if (branch < network.switchCount && (rated.operable[branch] === 1 || closed[branch] === 0)) {
      continue
    }
    const from = at(network.branchFrom, branch)
    visit(from === node ? at(network.branchTo, branch) : from, branch)
  }
}

function limits(rated: RatedNetwork, tree: SupplyTree, nodeFlowVa: Float64Array) {
  const { network } = rated
  const branchLimitVa = new Float64Array(network.branchIds.length)
  for (let branch = 0; branch < branchLimitVa.length; branch++) {
    const kva = at(rated.branchRatedKva, branch)
    const free = Number.isNaN(kva) || rated.branchDistribution[branch] === 1
    branchLimitVa[branch] = free ? Infinity : kva * 1000
  }
  network.feederHead.forEach((head, feeder) => {
    const kva = at(rated.feederRatedKva, feeder)
    if (head !== NONE && !Number.isNaN(kva)) {
      branchLimitVa[head] = Math.min(at(branchLimitVa, head), kva * 1000)
    }
  })
  const nodeLimitVa = new Float64Array(network.nodeIds.length).fill(Infinity)
  for (const unit of rated.units) {
    if (unit.branch === NONE && unit.ratedKva !== null) {
      nodeLimitVa[unit.node] = Math.max(unit.ratedKva * 1000, at(nodeFlowVa, unit.node))
    }
  }
  for (const node of tree.order) {
    const branch = at(tree.parent, node)
    if (branch !== NONE) {
      branchLimitVa[branch] = Math.max(at(branchLimitVa, branch), at(nodeFlowVa, node))
    }
  }
  return { branchLimitVa, nodeLimitVa }
}

/** Phases that supply can take through a switch, given those that reach it. */
export const throughPhases = (rated: RatedNetwork, device: number, reaching: Phases): Phases =>
  at(rated.network.branchPhases, device) & reaching

/** The zone has all the phases that its load points use. */
export const suffices = (phases: Phases, needed: Phases): boolean =>
  (needed & ~phases) === NO_PHASES
