import { at, NONE } from '../grid/network.ts'
import { flowsUp, supplyTree, upNode, type RatedNetwork, type SupplyTree } from './supply-tree.ts'
import type { Zones } from './zones.ts'

/** What one side of a tie can give to the other. */
export type TieSide = {
  /** Feeder that supplies this side; null on a bus. */
  readonly feeder: string | null
  /** Unit and station that supply it; null where the way ends at none. */
  readonly unit: string | null
  readonly substation: string | null
  /** The most that can be added at the tie within ratings along the whole way to the source; null where nothing there has a rating. */
  readonly capabilityKva: number | null
  /** The branch that allows no more; null where it is the source or nothing is rated. */
  readonly bottleneck: string | null
}
export type Tie = { readonly id: string; readonly sides: readonly [TieSide, TieSide] }

/** Every open operable switch between two parts that have supply from different feeders or units, with what it could carry each way. */
export function tieCapabilities(zones: Zones): Tie[] {
  const { rated, tree } = zones
  const { network } = rated
  const ties: Tie[] = []
  for (let device = 0; device < network.switchCount; device++) {
    if (rated.operable[device] === 0 || zones.closed[device] !== 0) continue
    const from = at(network.branchFrom, device)
    const to = at(network.branchTo, device)
    if (tree.fed[from] === 0 || tree.fed[to] === 0) continue
    const same = tree.feeder[from] === tree.feeder[to] && tree.unit[from] === tree.unit[to]
    if (same) continue
    ties.push({
      id: network.branchIds[device] as string,
      sides: [tieSide(zones, device, from), tieSide(zones, device, to)],
    })
  }
  return ties
}

function tieSide(zones: Zones, device: number, from: number): TieSide {
  const { rated, tree } = zones
  const { network } = rated
  let leastVa = at(zones.branchLimitVa, device)
  let bottleneck = Number.isFinite(leastVa) ? device : NONE
  for (let node = from; node !== NONE; node = upNode(network, tree, node)) {
    const branch = at(tree.parent, node)
    const limitVa = branch === NONE ? at(zones.nodeLimitVa, node) : at(zones.branchLimitVa, branch)
    const marginVa = limitVa - at(zones.nodeFlowVa, node)
    if (marginVa >= leastVa) continue
    leastVa = marginVa
    bottleneck = branch
  }
  const feeder = at(tree.feeder, from)
  const unit = rated.units[at(tree.unit, from)]
  const substation =
    unit?.substation ?? (feeder === NONE ? NONE : at(network.feederSubstation, feeder))
  return {
    feeder: feeder === NONE ? null : (network.feeders[feeder]?.id ?? null),
    unit: unit?.id ?? null,
    substation: network.substations[substation]?.id ?? null,
    capabilityKva: Number.isFinite(leastVa) ? leastVa / 1000 : null,
    bottleneck: bottleneck === NONE ? null : (network.branchIds[bottleneck] ?? null),
  }
}

export type LoadMove = {
  readonly feeder: string
  readonly beforeKva: number
  readonly afterKva: number
  readonly ratedKva: number | null
}
export type PassedLimit = {
  readonly branch: string
  readonly beforeKva: number
  readonly afterKva: number
  readonly ratedKva: number
}

/** What switching would do, before anyone does it. Nothing is refused here: a person decides. */
export type SwitchingEffect = {
  /** Feeders whose load changes. */
  readonly feeders: readonly LoadMove[]
  /** Branches that would carry more than their rating and more than now. */
  readonly limitsPassed: readonly PassedLimit[]
  /** Closings that join two parts with supply: the feeders (or null for a bus) that run in parallel until the next opening. */
  readonly parallels: readonly {
    readonly switch: string
    readonly feeders: readonly [string | null, string | null]
  }[]
  /** Load points that have supply now and would have none. */
  readonly lostPoints: readonly number[]
  /** Load points that have no supply now and would have it. */
  readonly regainedPoints: readonly number[]
  /** Load points with supply before and after, and without it between two steps. */
  readonly interruptedPoints: readonly number[]
  /** Transformers of stations, or sources in their place, that would carry more than their rating and more than now. */
  readonly unitsPassed: readonly {
    readonly unit: string
    readonly beforeKva: number
    readonly afterKva: number
    readonly ratedKva: number
  }[]
}

export type SwitchStep = { readonly device: number; readonly closed: boolean }

/** The effect of switching steps in their order, from the positions and loads of now. */
export function switchingEffect(
  rated: RatedNetwork,
  closed: Uint8Array,
  nodeVa: Float64Array,
  steps: readonly SwitchStep[],
): SwitchingEffect {
  const { network } = rated
  const before = supplyTree(rated, closed)
  const positions = closed.slice()
  const dark = new Set<number>()
  const parallels: SwitchingEffect['parallels'][number][] = []
  let now = before
  for (const step of steps) {
    const from = at(network.branchFrom, step.device)
    const to = at(network.branchTo, step.device)
    const joins = step.closed && positions[step.device] === 0
    if (joins && now.fed[from] === 1 && now.fed[to] === 1) {
      parallels.push({
        switch: network.branchIds[step.device] as string,
        feeders: [feederAt(rated, now, from), feederAt(rated, now, to)],
      })
    }
    positions[step.device] = step.closed ? at(network.branchPhases, step.device) : 0
    now = supplyTree(rated, positions)
    network.loadPointNode.forEach((node, point) => {
      if (before.fed[node] === 1 && now.fed[node] === 0) dark.add(point)
    })
  }
  const { branchVa: flowBefore, nodeVa: nodeBefore } = branchFlows(rated, before, nodeVa)
  const { branchVa: flowAfter, nodeVa: nodeAfter } = branchFlows(rated, now, nodeVa)
  const unitsPassed = rated.units.flatMap(({ id, node, ratedKva }) => {
    const [beforeKva, afterKva] = [at(nodeBefore, node) / 1000, at(nodeAfter, node) / 1000]
    if (ratedKva === null || afterKva <= ratedKva || afterKva <= beforeKva) return []
    return [{ unit: id, beforeKva, afterKva, ratedKva }]
  })

  const limitsPassed: PassedLimit[] = []
  for (let branch = 0; branch < flowAfter.length; branch++) {
    const ratedKva = at(rated.branchRatedKva, branch)
    const afterKva = at(flowAfter, branch) / 1000
    const beforeKva = at(flowBefore, branch) / 1000
    if (afterKva > ratedKva && afterKva > beforeKva) {
      limitsPassed.push({
        branch: network.branchIds[branch] as string,
        beforeKva,
        afterKva,
        ratedKva,
      })
    }
  }
  const feeders: LoadMove[] = []
  network.feederHead.forEach((head, feeder) => {
    if (head === NONE || flowBefore[head] === flowAfter[head]) return
    const ratedKva = at(rated.feederRatedKva, feeder)
    feeders.push({
      feeder: network.feeders[feeder]?.id ?? '',
      beforeKva: at(flowBefore, head) / 1000,
      afterKva: at(flowAfter, head) / 1000,
      ratedKva: Number.isNaN(ratedKva) ? null : ratedKva,
    })
  })
  const lostPoints: number[] = []
  const regainedPoints: number[] = []
  network.loadPointNode.forEach((node, point) => {
    if (before.fed[node] === now.fed[node]) return
    ;(before.fed[node] === 1 ? lostPoints : regainedPoints).push(point)
  })
  const lost = new Set(lostPoints)
  const interruptedPoints = [...dark].filter((point) => !lost.has(point)).sort((a, b) => a - b)
  return {
    feeders,
    limitsPassed,
    parallels,
    lostPoints,
    regainedPoints,
    interruptedPoints,
    unitsPassed,
  }
}

function branchFlows(rated: RatedNetwork, tree: SupplyTree, nodeVa: Float64Array) {
  const live = nodeVa.slice()
  for (let node = 0; node < live.length; node++) if (tree.fed[node] === 0) live[node] = 0
  const flow = flowsUp(rated.network, tree, live)
  const branchVa = new Float64Array(rated.network.branchIds.length)
  for (const node of tree.order) {
    const branch = at(tree.parent, node)
    if (branch !== NONE) branchVa[branch] = at(flow, node)
  }
  return { branchVa, nodeVa: flow }
}

function feederAt(rated: RatedNetwork, tree: SupplyTree, node: number): string | null {
  const feeder = at(tree.feeder, node)
  return feeder === NONE ? null : (rated.network.feeders[feeder]?.id ?? null)
}
