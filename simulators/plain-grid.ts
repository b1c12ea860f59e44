import type { NetworkTables } from '../src/grid/tables.ts'

/**
 * The simulators' own picture of a network, plain on purpose: it judges the product and shares no code with it. A node has supply on a
 * phase when a closed path of branches that carry this phase joins it to a source.
 */
export type PlainGrid = {
  readonly tables: NetworkTables
  readonly nodeOf: ReadonlyMap<string, number>
  readonly switchOf: ReadonlyMap<string, number>
  /** By node: the branches that end there. */
  readonly branches: readonly (readonly Branch[])[]
  readonly sources: readonly { readonly node: number; readonly phases: number }[]
  /** By row of `tables.servicePoints`. */
  readonly pointNode: Int32Array
}

export type Branch = {
  readonly to: number
  readonly phases: number
  /** Row of `tables.switches`; -1 for lines and transformers, which are always closed. */
  readonly switchRow: number
}

/** By row of `tables.switches`: the phases on which it is closed. */
export type Positions = Uint8Array

export function plainGrid(tables: NetworkTables): PlainGrid {
  const nodeOf = new Map(tables.nodes.map((node, index) => [node.id, index]))
  const node = (id: string) => {
    const index = nodeOf.get(id)
    if (index === undefined) throw new Error(`no node ${id}`)
    return index
  }
  const branches: Branch[][] = tables.nodes.map(() => [])
  const join = (from: string, to: string, phases: number, switchRow: number) => {
    branches[node(from)]!.push({ to: node(to), phases, switchRow })
    branches[node(to)]!.push({ to: node(from), phases, switchRow })
  }
  for (const line of tables.lines) join(line.from, line.to, line.phases, -1)
  for (const one of tables.transformers) join(one.from, one.to, one.phases, -1)
  tables.switches.forEach((one, row) => join(one.from, one.to, one.phases, row))
  return {
    tables,
    nodeOf,
    switchOf: new Map(tables.switches.map((one, row) => [one.id, row])),
    branches,
    sources: tables.sources.map((source) => ({ node: node(source.node), phases: source.phases })),
    pointNode: Int32Array.from(tables.servicePoints, (point) => node(point.node)),
  }
}

export function normalPositions(grid: PlainGrid): Positions {
  return Uint8Array.from(grid.tables.switches, (one) => (one.normallyClosed ? one.phases : 0))
}

/** By node: the phases on which it has supply. A full search for each phase. */
export function livePhases(grid: PlainGrid, positions: Positions): Uint8Array {
  const live = new Uint8Array(grid.branches.length)
  for (const phase of [1, 2, 4]) {
    const queue: number[] = []
    const reach = (node: number) => {
      if ((live[node]! & phase) !== 0) return
      live[node]! |= phase
      queue.push(node)
    }
    for (const source of grid.sources) if ((source.phases & phase) !== 0) reach(source.node)
    while (queue.length > 0) {
      for (const branch of grid.branches[queue.pop()!]!) {
        const carries =
          branch.switchRow < 0 ? branch.phases : branch.phases & positions[branch.switchRow]!
        if ((carries & phase) !== 0) reach(branch.to)
      }
    }
  }
  return live
}

/** Rows of the service points that lack a phase which they use. */
export function darkPoints(grid: PlainGrid, live: Uint8Array): Set<number> {
  const dark = new Set<number>()
  grid.tables.servicePoints.forEach((point, row) => {
    if ((live[grid.pointNode[row]!]! & point.phases) !== point.phases) dark.add(row)
  })
  return dark
}

/**
 * By node: the row of the feeder whose head supplies it on any phase, -1 where none does. Where two feeders are in parallel the one
 * listed first has it.
 */
export function feederOfNodes(grid: PlainGrid, positions: Positions): Int32Array {
  const heads = new Set(grid.tables.feeders.map((feeder) => grid.switchOf.get(feeder.head)))
  const feederOf = new Int32Array(grid.branches.length).fill(-1)
  const live = livePhases(grid, positions)
  const behindSources = reachWithout(grid, positions, heads)
  grid.tables.feeders.forEach((feeder, row) => {
    const headRow = grid.switchOf.get(feeder.head)
    if (headRow === undefined || positions[headRow] === 0) return
    const head = grid.tables.switches[headRow]!
    const ends = [grid.nodeOf.get(head.from)!, grid.nodeOf.get(head.to)!]
    const queue = ends.filter((end) => behindSources[end] === 0)
    for (const end of queue) if (feederOf[end] === -1) feederOf[end] = row
    while (queue.length > 0) {
      for (const branch of grid.branches[queue.pop()!]!) {
        if (branch.switchRow >= 0 && positions[branch.switchRow] === 0) continue
        if (heads.has(branch.switchRow)) continue
        if (feederOf[branch.to] !== -1 || behindSources[branch.to] !== 0) continue
        if (live[branch.to] === 0) continue
        feederOf[branch.to] = row
        queue.push(branch.to)
      }
    }
  })
  return feederOf
}

/** By node: 1 where a source reaches it without passing one of the switches `barred`. */
function reachWithout(
  grid: PlainGrid,
  positions: Positions,
  barred: ReadonlySet<number | undefined>,
): Uint8Array {
  const reached = new Uint8Array(grid.branches.length)
  const queue = grid.sources.map((source) => source.node)
  for (const node of queue) reached[node] = 1
  while (queue.length > 0) {
    for (const branch of grid.branches[queue.pop()!]!) {
      if (branch.switchRow >= 0) {
        if (positions[branch.switchRow] === 0 || barred.has(branch.switchRow)) continue
      }
      if (reached[branch.to] === 1) continue
      reached[branch.to] = 1
      queue.push(branch.to)
    }
  }
  return reached
}

/**
 * By node: the gateway that speaks for what is there, by its name in topics. Each substation has one. What lies behind a head belongs
 * to its substation; the rest (bus couplers, ties between two) to the nearest that has one.
 */
export function gatewayOfNodes(grid: PlainGrid): string[] {
  const feederOf = feederOfNodes(grid, normalPositions(grid))
  const owner: (string | undefined)[] = Array.from(feederOf, (row) =>
    row < 0 ? undefined : grid.tables.feeders[row]!.substation,
  )
  for (const feeder of grid.tables.feeders) {
    const head = grid.tables.switches[grid.switchOf.get(feeder.head) ?? -1]
    if (head === undefined) continue
    for (const end of [head.from, head.to]) owner[grid.nodeOf.get(end)!] ??= feeder.substation
  }
  const queue: number[] = []
  owner.forEach((substation, node) => {
    if (substation !== undefined) queue.push(node)
  })
  for (let next = 0; next < queue.length; next++) {
    const substation = owner[queue[next]!]!
    for (const branch of grid.branches[queue[next]!]!) {
      if (owner[branch.to] !== undefined) continue
      owner[branch.to] = substation
      queue.push(branch.to)
    }
  }
  const fallback = grid.tables.substations[0]?.id ?? 'field'
  return owner.map((substation) => gatewayOf(substation ?? fallback))
}

const gatewayOf = (substation: string): string =>
  `gw-${substation.replace(/[/+#\s]/g, '-').toLowerCase()}`
