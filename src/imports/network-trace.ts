import type { NetworkTables } from '../grid/tables.ts'
import type { Graph } from './network-graph.ts'

/** No supply comes here. */
const UNFED = -2
/** Supply begins here. */
const AT_SOURCE = -1

/** How supply flows under normal positions, phase by phase: the entry of node n and phase p stands at `p * nodeCount + n`. */
export type NormalTrace = {
  /** The branch through which supply comes, AT_SOURCE or UNFED. */
  readonly parent: Int32Array
  /** Branches between here and the source. */
  readonly depth: Int32Array
  /** Which source it comes from. */
  readonly source: Int32Array
  /** The feeder whose head it came through last, -1 for none. */
  readonly feeder: Int32Array
  /** Phases on which each node is fed. */
  readonly fed: Uint8Array
  /** Closed branches that lead back to what is fed already: each ends a loop, or joins two sources. */
  readonly closing: readonly { readonly branch: number; readonly phase: number }[]
}

/** Traces from every source at once, nearest first, so that a loop is found where its two ways meet. */
export function traceNormal(tables: NetworkTables, graph: Graph): NormalTrace {
  const { nodeCount, from, to } = graph
  const normal = normalPhases(tables, graph)
  const at = branchesAt(graph, normal)
  const headOf = new Map<string, number>()
  for (const [index, feeder] of tables.feeders.entries()) headOf.set(feeder.head, index)
  const feederOfHead = new Int32Array(graph.switchCount).fill(-1)
  for (const [index, row] of tables.switches.entries()) {
    feederOfHead[index] = headOf.get(row.id) ?? -1
  }
  const parent = new Int32Array(nodeCount * 3).fill(UNFED)
  const depth = new Int32Array(nodeCount * 3)
  const source = new Int32Array(nodeCount * 3)
  const feeder = new Int32Array(nodeCount * 3).fill(-1)
  const fed = new Uint8Array(nodeCount)
  const closing: { branch: number; phase: number }[] = []
  const isClosing = new Uint8Array(graph.branchCount)
  const queue = new Int32Array(nodeCount)
  for (let phase = 0; phase < 3; phase++) {
    const bit = 1 << phase
    const base = phase * nodeCount
    let filled = 0
    for (const [index, row] of tables.sources.entries()) {
      const node = graph.nodeIndex.get(row.node)
      if (node === undefined || (row.phases & bit) === 0 || parent[base + node] !== UNFED) continue
      parent[base + node] = AT_SOURCE
      source[base + node] = index
      queue[filled++] = node
    }
    for (let head = 0; head < filled; head++) {
      const node = queue[head]!
      fed[node]! |= bit
      for (let i = at.start[node]!; i < at.start[node + 1]!; i++) {
        const branch = at.branches[i]!
        if ((normal[branch]! & bit) === 0 || parent[base + node] === branch) continue
        const other = from[branch] === node ? to[branch]! : from[branch]!
        if (other === node) continue
        if (parent[base + other] !== UNFED) {
          if (isClosing[branch] === 0 && parent[base + other] !== branch) {
            isClosing[branch] = 1
            closing.push({ branch, phase })
          }
          continue
        }
        parent[base + other] = branch
        depth[base + other] = depth[base + node]! + 1
        source[base + other] = source[base + node]!
        const own = branch < graph.switchCount ? feederOfHead[branch]! : -1
        feeder[base + other] = own >= 0 ? own : feeder[base + node]!
        queue[filled++] = other
      }
    }
  }
  return { parent, depth, source, feeder, fed, closing }
}

/** Branches of the loop that a branch closes, the branch itself first; at most `most` of them. */
export function loopOf(
  graph: Graph,
  trace: NormalTrace,
  { branch, phase }: { readonly branch: number; readonly phase: number },
  most: number,
): number[] {
  const base = phase * graph.nodeCount
  const loop = [branch]
  let one = graph.from[branch]!
  let other = graph.to[branch]!
  while (one !== other && loop.length < most) {
    const oneIsDeeper = trace.depth[base + one]! >= trace.depth[base + other]!
    const node = oneIsDeeper ? one : other
    const up = trace.parent[base + node]!
    if (up < 0) break
    loop.push(up)
    const next = graph.from[up] === node ? graph.to[up]! : graph.from[up]!
    if (oneIsDeeper) one = next
    else other = next
  }
  return loop
}

/** The phases that each branch passes in its normal position. */
function normalPhases(tables: NetworkTables, graph: Graph): Uint8Array {
  const phases = graph.phases.slice()
  for (const [index, row] of tables.switches.entries()) {
    if (!row.normallyClosed) phases[index] = 0
  }
  return phases
}

export type BranchesAt = { readonly start: Int32Array; readonly branches: Int32Array }

/** The branches at each node that pass any of `phases`. */
export function branchesAt(graph: Graph, phases: Uint8Array): BranchesAt {
  const { nodeCount, branchCount, from, to } = graph
  const start = new Int32Array(nodeCount + 1)
  const count = (node: number): void => void (start[node + 1]! += 1)
  for (let branch = 0; branch < branchCount; branch++) {
    if (phases[branch] === 0) continue
    count(from[branch]!)
    if (from[branch] !== to[branch]) count(to[branch]!)
  }
  for (let node = 0; node < nodeCount; node++) start[node + 1]! += start[node]!
  const next = start.slice()
  const branches = new Int32Array(start[nodeCount] ?? 0)
  for (let branch = 0; branch < branchCount; branch++) {
    if (phases[branch] === 0) continue
    branches[next[from[branch]!]!++] = branch
    if (from[branch] !== to[branch]) branches[next[to[branch]!]!++] = branch
  }
  return { start, branches }
}
