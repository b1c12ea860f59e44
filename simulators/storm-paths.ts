import type { SwitchKind } from '../src/grid/tables.ts'
import type { PlainGrid, Positions } from './plain-grid.ts'

const PROTECTS: ReadonlySet<SwitchKind> = new Set<SwitchKind>(['fuse', 'recloser', 'breaker'])

/** The row of the nearest device that can clear a fault at `node`, on the way the supply comes; undefined where there is none. */
export function protectionOf(
  grid: PlainGrid,
  positions: Positions,
  node: number,
  phase: number,
): number | undefined {
  // Searched from the fault outwards: each node remembers the nearest device on its way to the fault.
  const nearest = new Map<number, number | undefined>([[node, undefined]])
  const queue = [node]
  const sources = new Set(
    grid.sources.filter((one) => (one.phases & phase) !== 0).map((one) => one.node),
  )
  for (let next = 0; next < queue.length; next++) {
    const here = queue[next]!
    if (sources.has(here)) return nearest.get(here)
    for (const branch of grid.branches[here]!) {
      const carries =
        branch.switchRow < 0 ? branch.phases : branch.phases & positions[branch.switchRow]!
      if ((carries & phase) === 0 || nearest.has(branch.to)) continue
      const protects =
        branch.switchRow >= 0 && PROTECTS.has(grid.tables.switches[branch.switchRow]!.kind)
      nearest.set(branch.to, nearest.get(here) ?? (protects ? branch.switchRow : undefined))
      queue.push(branch.to)
    }
  }
  return undefined
}

/** The nodes that hang together with this one without a switch between. */
export function zoneOf(grid: PlainGrid, node: number): Set<number> {
  const zone = new Set([node])
  // A set is walked in the order in which it grows.
  for (const here of zone) {
    for (const branch of grid.branches[here]!) if (branch.switchRow < 0) zone.add(branch.to)
  }
  return zone
}

/** The rows of the switches with an end in the zone. */
export function bars(grid: PlainGrid, zone: ReadonlySet<number>): Set<number> {
  const found = new Set<number>()
  for (const node of zone) {
    for (const branch of grid.branches[node]!) {
      if (branch.switchRow >= 0) found.add(branch.switchRow)
    }
  }
  return found
}
