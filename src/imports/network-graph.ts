import type { NetworkTables } from '../grid/tables.ts'

/** A network as a graph of numbers: branches in the order switches, lines, transformers. */
export type Graph = {
  readonly nodeCount: number
  readonly branchCount: number
  readonly switchCount: number
  readonly firstTransformer: number
  readonly nodeIndex: ReadonlyMap<string, number>
  readonly from: Int32Array
  readonly to: Int32Array
  readonly phases: Uint8Array
}

/** A branch to a node that is not there stands as a loop at node 0: the readers have named it, and nothing must fall over it. */
export function createGraph(
  tables: Pick<NetworkTables, 'nodes' | 'switches' | 'lines' | 'transformers'>,
): Graph {
  const nodeIndex = new Map<string, number>()
  for (const [index, node] of tables.nodes.entries()) nodeIndex.set(node.id, index)
  const switchCount = tables.switches.length
  const firstTransformer = switchCount + tables.lines.length
  const branchCount = firstTransformer + tables.transformers.length
  const from = new Int32Array(branchCount)
  const to = new Int32Array(branchCount)
  const phases = new Uint8Array(branchCount)
  let at = 0
  for (const rows of [tables.switches, tables.lines, tables.transformers]) {
    for (const row of rows) {
      const one = nodeIndex.get(row.from)
      const other = nodeIndex.get(row.to)
      if (one !== undefined && other !== undefined) {
        from[at] = one
        to[at] = other
        phases[at] = row.phases
      }
      at += 1
    }
  }
  return {
    nodeCount: tables.nodes.length,
    branchCount,
    switchCount,
    firstTransformer,
    nodeIndex,
    from,
    to,
    phases,
  }
}

/** Disjoint sets of numbers. `join` says whether the two were apart before. */
export type Union = {
  find(index: number): number
  join(one: number, other: number): boolean
}

export function createUnion(count: number): Union {
  const parent = new Int32Array(count)
  for (let i = 0; i < count; i++) parent[i] = i
  const find = (index: number): number => {
    let at = index
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!
      at = parent[at]!
    }
    return at
  }
  return {
    find,
    join(one, other) {
      const a = find(one)
      const b = find(other)
      if (a === b) return false
      if (a < b) parent[b] = a
      else parent[a] = b
      return true
    },
  }
}
