import { at, NONE, type Network } from '../grid/network.ts'
import { ALL_PHASES, NO_PHASES, PHASE_INDICES } from '../grid/phases.ts'
import type { NetworkTables, SwitchKind } from '../grid/tables.ts'

/** Switches that a crew or the control room opens and closes at will; a fuse or a jumper takes a line gang. */
export const OPERABLE_KINDS: readonly SwitchKind[] = [
  'breaker',
  'recloser',
  'sectionaliser',
  'load_break',
  'disconnector',
]

/** What feeds a station: its power transformers (three of one phase each are one bank, under the id of the first), or, where it has none, the sources at its bus. */
export type SupplyUnit = {
  readonly id: string
  /** Branch of the transformer; NONE for a source. */
  readonly branch: number
  /** Node of the source, or secondary of the transformer. */
  readonly node: number
  readonly ratedKva: number | null
  /** Primary voltage, which says the level that the capacity counts for. */
  readonly kv: number | null
  readonly substation: number
}

/** The network with what it can carry. Built once a revision. */
export type RatedNetwork = {
  readonly network: Network
  /** Phase to phase; NaN where neither the node nor its surroundings say it. */
  readonly nodeKv: Float64Array
  /**
   * What each branch carries at most, in kVA; NaN where it has no rating or no voltage. Branches of one phase each between the same two nodes are a
   * bank, and each has the rating of the whole: a tree lets the load of all phases go over one of them.
   */
  readonly branchRatedKva: Float64Array
  /** 1 for distribution transformers: their load does not change by switching. */
  readonly branchDistribution: Uint8Array
  readonly operable: Uint8Array
  readonly sourceNodes: Int32Array
  readonly units: readonly SupplyUnit[]
  /** Unit by branch of its transformer, or NONE. */
  readonly unitOfBranch: Int32Array
  /** Unit by source, where the source itself is one. */
  readonly unitOfSource: Int32Array
  readonly feederOfHead: ReadonlyMap<number, number>
  /** Node of each head that is nearer to the source under normal positions. */
  readonly headUpNode: Int32Array
  readonly feederRatedKva: Float64Array
}

/** Which branch feeds each node, as a forest from the sources. */
export type SupplyTree = {
  /** Nodes with supply, each after the one that feeds it. */
  readonly order: Int32Array
  /** Branch towards the source; NONE at a source and at nodes without supply. */
  readonly parent: Int32Array
  /** The feeder whose head was passed last on the way; NONE on a bus and without supply. */
  readonly feeder: Int32Array
  readonly unit: Int32Array
  readonly fed: Uint8Array
}

/**
 * The forest of supply under these switch positions (closed phases of each switch). A switch conducts here when any of its phases is
 * closed; where nodes are fed from two sides, all the load counts on the shorter way.
 */
export function supplyTree(rated: RatedNetwork, closed: Uint8Array): SupplyTree {
  const { network } = rated
  const nodes = network.nodeIds.length
  const order = new Int32Array(nodes)
  const parent = new Int32Array(nodes).fill(NONE)
  const feeder = new Int32Array(nodes).fill(NONE)
  const unit = new Int32Array(nodes).fill(NONE)
  const fed = new Uint8Array(nodes)
  let count = 0
  rated.sourceNodes.forEach((node, source) => {
    if (fed[node] === 1) return
    fed[node] = 1
    unit[node] = at(rated.unitOfSource, source)
    order[count++] = node
  })
  for (let head = 0; head < count; head++) {
    const node = at(order, head)
    const until = at(network.nodeBranchStart, node + 1)
    for (let i = at(network.nodeBranchStart, node); i < until; i++) {
      const branch = at(network.nodeBranches, i)
      if (branch < network.switchCount && closed[branch] === 0) continue
      const from = at(network.branchFrom, branch)
      const other = from === node ? at(network.branchTo, branch) : from
      if (fed[other] === 1) continue
      fed[other] = 1
      parent[other] = branch
      order[count++] = other
      feeder[other] = at(feeder, node)
      unit[other] = at(unit, node)
      if (branch < network.switchCount) {
        const passed = rated.feederOfHead.get(branch)
        // A bus that is fed backwards through a head stays with the feeder that feeds it.
        if (passed !== undefined && rated.headUpNode[passed] === node) feeder[other] = passed
      } else if (rated.unitOfBranch[branch] !== NONE) {
        unit[other] = at(rated.unitOfBranch, branch)
      }
    }
  }
  return { order: order.subarray(0, count), parent, feeder, unit, fed }
}

/** The node at the other end of the branch that feeds `node`. */
export function upNode(network: Network, tree: SupplyTree, node: number): number {
  const branch = at(tree.parent, node)
  if (branch === NONE) return NONE
  const from = at(network.branchFrom, branch)
  return from === node ? at(network.branchTo, branch) : from
}

/** Sums `nodeLoad` up the tree: what each node takes together with all that it feeds. */
export function flowsUp(network: Network, tree: SupplyTree, nodeLoad: Float64Array): Float64Array {
  const flow = nodeLoad.slice()
  for (let i = tree.order.length - 1; i >= 0; i--) {
    const node = at(tree.order, i)
    const up = upNode(network, tree, node)
    if (up !== NONE) flow[up]! += at(flow, node)
  }
  return flow
}

/** Ratings in kVA from amperes and voltages, and the units of every station. */
export function rateNetwork(network: Network, tables: NetworkTables): RatedNetwork {
  const nodeKv = spreadVoltage(network, tables)
  const branches = network.branchIds.length
  const branchRatedKva = new Float64Array(branches).fill(NaN)
  const branchDistribution = new Uint8Array(branches)
  tables.switches.forEach((row, i) => {
    branchRatedKva[i] = carriedKva(network, nodeKv, i, row.ratedA)
  })
  tables.lines.forEach((row, i) => {
    const branch = network.switchCount + i
    branchRatedKva[branch] = carriedKva(network, nodeKv, branch, row.ratedA)
  })
  const firstTransformer = network.switchCount + network.lineCount
  tables.transformers.forEach((row, i) => {
    branchRatedKva[firstTransformer + i] = row.ratedKva ?? NaN
    if (row.kind === 'distribution') branchDistribution[firstTransformer + i] = 1
  })
  addUpBanks(network, branchRatedKva, branchDistribution)
  const nodeIndex = new Map(network.nodeIds.map((id, index) => [id, index]))
  const sourceNodes = Int32Array.from(tables.sources, (row) => nodeIndex.get(row.node) ?? NONE)
  const feederOfHead = new Map<number, number>()
  network.feederHead.forEach((head, feeder) => {
    if (head !== NONE) feederOfHead.set(head, feeder)
  })
  const bare: RatedNetwork = {
    network,
    nodeKv,
    branchRatedKva,
    branchDistribution,
    operable: Uint8Array.from(tables.switches, (row) =>
      OPERABLE_KINDS.includes(row.kind) ? 1 : 0,
    ),
    sourceNodes,
    units: [],
    unitOfBranch: new Int32Array(branches).fill(NONE),
    unitOfSource: new Int32Array(sourceNodes.length).fill(NONE),
    feederOfHead,
    headUpNode: new Int32Array(network.feeders.length).fill(NONE),
    feederRatedKva: new Float64Array(network.feeders.length).fill(NaN),
  }
  const normal = supplyTree(bare, network.switchNormal)
  network.feederHead.forEach((head, feeder) => {
    if (head === NONE) return
    const from = at(network.branchFrom, head)
    const to = at(network.branchTo, head)
    bare.headUpNode[feeder] = normal.parent[from] === head ? to : from
    const row = tables.feeders[feeder]
    bare.feederRatedKva[feeder] =
      row?.ratedKva ??
      (row?.ratedA === null || row === undefined
        ? at(branchRatedKva, head)
        : carriedKva(network, nodeKv, head, row.ratedA))
  })
  return { ...bare, units: findUnits(bare, tables) }
}

/** A node without a voltage has that of what it is joined to by lines and switches. */
function spreadVoltage(network: Network, tables: NetworkTables): Float64Array {
  const kv = Float64Array.from(tables.nodes, (row) => row.kv ?? NaN)
  const queue: number[] = []
  for (let node = 0; node < kv.length; node++) if (!Number.isNaN(kv[node])) queue.push(node)
  if (queue.length === kv.length) return kv
  const firstTransformer = network.switchCount + network.lineCount
  for (let head = 0; head < queue.length; head++) {
    const node = queue[head] as number
    const until = at(network.nodeBranchStart, node + 1)
    for (let i = at(network.nodeBranchStart, node); i < until; i++) {
      const branch = at(network.nodeBranches, i)
      if (branch >= firstTransformer) continue
      const from = at(network.branchFrom, branch)
      const other = from === node ? at(network.branchTo, branch) : from
      if (!Number.isNaN(kv[other])) continue
      kv[other] = at(kv, node)
      queue.push(other)
    }
  }
  return kv
}

function carriedKva(
  network: Network,
  nodeKv: Float64Array,
  branch: number,
  ratedA: number | null,
): number {
  if (ratedA === null) return NaN
  const phases = PHASE_INDICES.filter(
    (phase) => (at(network.branchPhases, branch) & (1 << phase)) !== 0,
  ).length
  const kv = at(nodeKv, at(network.branchFrom, branch))
  return (phases * kv * ratedA) / Math.sqrt(3)
}

/** Sets the rating of branches side by side that share no phase (three regulators, three poles of a switch) to their sum. */
function addUpBanks(network: Network, ratedKva: Float64Array, distribution: Uint8Array): void {
  const between = new Map<string, number[]>()
  for (let branch = 0; branch < ratedKva.length; branch++) {
    if (at(network.branchPhases, branch) === ALL_PHASES || distribution[branch] === 1) continue
    const [from, to] = [at(network.branchFrom, branch), at(network.branchTo, branch)]
    const key = `${Math.min(from, to)} ${Math.max(from, to)}`
    const known = between.get(key)
    if (known === undefined) between.set(key, [branch])
    else known.push(branch)
  }
  for (const bank of between.values()) {
    let phases = NO_PHASES
    let kva = 0
    let isBank = bank.length > 1
    for (const branch of bank) {
      const own = at(network.branchPhases, branch)
      if ((phases & own) !== NO_PHASES) isBank = false
      phases |= own
      kva += at(ratedKva, branch)
    }
    if (isBank) for (const branch of bank) ratedKva[branch] = kva
  }
}

/** A regulator has the same voltage on both sides: it belongs to the bars, and carries what the transformer before it gives. */
function isRegulator({ nodeKv, network }: RatedNetwork, branch: number): boolean {
  return at(nodeKv, at(network.branchFrom, branch)) === at(nodeKv, at(network.branchTo, branch))
}

/** The other phases of the same bank. */
const isBesides = (network: Network, a: number, b: number): boolean =>
  network.branchFrom[a] === network.branchFrom[b] &&
  (at(network.branchPhases, a) & at(network.branchPhases, b)) === NO_PHASES

/** From the upstream side of every head through the station's bars to its transformers, whatever the positions. */
function findUnits(rated: RatedNetwork, tables: NetworkTables): SupplyUnit[] {
  const { network } = rated
  const substationOf = new Int32Array(network.nodeIds.length).fill(NONE)
  const queue: number[] = []
  rated.headUpNode.forEach((node, feeder) => {
    if (node === NONE || substationOf[node] !== NONE) return
    const substation = at(network.feederSubstation, feeder)
    if (substation === NONE) return
    substationOf[node] = substation
    queue.push(node)
  })
  const firstTransformer = network.switchCount + network.lineCount
  const units: SupplyUnit[] = []
  for (let head = 0; head < queue.length; head++) {
    const node = queue[head] as number
    const substation = at(substationOf, node)
    const until = at(network.nodeBranchStart, node + 1)
    for (let i = at(network.nodeBranchStart, node); i < until; i++) {
      const branch = at(network.nodeBranches, i)
      if (branch < network.switchCount && rated.feederOfHead.has(branch)) continue
      const from = at(network.branchFrom, branch)
      const row = tables.transformers[branch - firstTransformer]
      if (row !== undefined && (row.kind !== 'power' || !isRegulator(rated, branch))) {
        const isSecondary = network.branchTo[branch] === node
        if (row.kind !== 'power' || !isSecondary || rated.unitOfBranch[branch] !== NONE) continue
        const bank = units.findIndex(
          (unit) => unit.node === node && isBesides(network, unit.branch, branch),
        )
        rated.unitOfBranch[branch] = bank < 0 ? units.length : bank
        if (bank >= 0) continue
        const kv = at(rated.nodeKv, from)
        const ratedKva = at(rated.branchRatedKva, branch)
        units.push({
          id: row.id,
          branch,
          node,
          ratedKva: Number.isNaN(ratedKva) ? null : ratedKva,
          kv: Number.isNaN(kv) ? null : kv,
          substation,
        })
        continue
      }
      const other = from === node ? at(network.branchTo, branch) : from
      if (substationOf[other] !== NONE) continue
      substationOf[other] = substation
      queue.push(other)
    }
  }
  const withTransformer = new Set(units.map((unit) => unit.substation))
  rated.sourceNodes.forEach((node, source) => {
    const substation = at(substationOf, node)
    const row = tables.sources[source]
    if (substation === NONE || row === undefined || withTransformer.has(substation)) return
    const kv = at(rated.nodeKv, node)
    rated.unitOfSource[source] = units.length
    units.push({
      id: row.id,
      branch: NONE,
      node,
      ratedKva: row.ratedKva,
      kv: Number.isNaN(kv) ? null : kv,
      substation,
    })
  })
  return units
}
