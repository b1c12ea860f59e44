import type { EpochMs } from '../src/time.ts'
import type { PlainGrid } from './plain-grid.ts'
import { livePhases, normalPositions } from './plain-grid.ts'
import type { Move } from './storm-world.ts'

/** Half-open; null while it is still dark. */
export type Interval = { readonly from: EpochMs; until: EpochMs | null }

export type LoadPointTruth = {
  /** The distribution transformer, or the node that serves points directly. */
  readonly id: string
  readonly node: number
  /** Of its service points. */
  readonly phases: number
  /** For A, B and C; empty for a phase that nobody uses. */
  readonly dark: readonly [Interval[], Interval[], Interval[]]
}

export type Truth = {
  readonly loadPoints: readonly LoadPointTruth[]
  /** By row of the service points: when one of its phases was dark. */
  readonly points: readonly Interval[][]
  /** Σ customers × milliseconds up to `until`, and how often a customer was interrupted. */
  customerMs(until: EpochMs): number
  readonly customerInterruptions: number
}

/**
 * Who was dark when: all the moves of an instant are made, then the whole network is searched again on each phase. Slow and plain. `moves`
 * carry the times by which the world is to be judged.
 */
export function reckonTruth(grid: PlainGrid, moves: readonly Move[]): Truth {
  const loadPoints = findLoadPoints(grid)
  const points: Interval[][] = grid.tables.servicePoints.map(() => [])
  const positions = normalPositions(grid)
  const inOrder = moves.toSorted((a, b) => a.at - b.at)
  for (let next = 0; next < inOrder.length;) {
    const { at } = inOrder[next]!
    for (; next < inOrder.length && inOrder[next]!.at === at; next++) {
      const { row, position, phases } = inOrder[next]!
      positions[row] = position === 'closed' ? positions[row]! | phases : positions[row]! & ~phases
    }
    const live = livePhases(grid, positions)
    for (const loadPoint of loadPoints) {
      for (let index = 0; index < 3; index++) {
        if ((loadPoint.phases & (1 << index)) === 0) continue
        note(loadPoint.dark[index]!, at, (live[loadPoint.node]! & (1 << index)) !== 0)
      }
    }
    grid.tables.servicePoints.forEach((point, row) => {
      note(points[row]!, at, (live[grid.pointNode[row]!]! & point.phases) === point.phases)
    })
  }
  const customers = grid.tables.servicePoints.map((point) => point.customers)
  return {
    loadPoints,
    points,
    customerMs: (until) => {
      let sum = 0
      points.forEach((intervals, row) => {
        for (const dark of intervals) {
          sum += customers[row]! * Math.max(0, Math.min(dark.until ?? until, until) - dark.from)
        }
      })
      return sum
    },
    customerInterruptions: points.reduce(
      (sum, intervals, row) => sum + intervals.length * customers[row]!,
      0,
    ),
  }
}

function note(intervals: Interval[], at: EpochMs, hasSupply: boolean): void {
  const last = intervals[intervals.length - 1]
  const isDark = last !== undefined && last.until === null
  if (hasSupply && isDark) last.until = at
  else if (!hasSupply && !isDark) intervals.push({ from: at, until: null })
}

function findLoadPoints(grid: PlainGrid): LoadPointTruth[] {
  const { tables } = grid
  const transformerAt = new Map<number, string>()
  for (const one of tables.transformers) {
    if (one.kind === 'distribution') transformerAt.set(grid.nodeOf.get(one.to)!, one.id)
  }
  const phasesAt = new Map<number, number>()
  tables.servicePoints.forEach((point, row) => {
    const node = grid.pointNode[row]!
    phasesAt.set(node, (phasesAt.get(node) ?? 0) | point.phases)
  })
  return [...phasesAt].map(([node, phases]) => ({
    id: transformerAt.get(node) ?? tables.nodes[node]!.id,
    node,
    phases,
    dark: [[], [], []],
  }))
}
