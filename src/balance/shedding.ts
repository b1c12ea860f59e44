import { at, type Network } from '../grid/network.ts'
import type { NetworkTables } from '../grid/tables.ts'

/** Service points that must not be without supply, by load point. */
export type PriorityPoints = {
  readonly lifeSupport: Int32Array
  readonly critical: Int32Array
}

export function priorityPoints(network: Network, tables: NetworkTables): PriorityPoints {
  const lifeSupport = new Int32Array(network.loadPointIds.length)
  const critical = new Int32Array(network.loadPointIds.length)
  tables.servicePoints.forEach(({ priority }, i) => {
    if (priority === null) return
    const point = at(network.groupLoadPoint, at(network.servicePointGroup, i))
    ;(priority === 'life_support' ? lifeSupport : critical)[point]!++
  })
  return { lifeSupport, critical }
}

/** A load point that could be shed: whole watts and volt-amperes above 0. */
export type Sheddable = {
  readonly point: number
  readonly w: number
  readonly va: number
  readonly customers: number
  /** 2: somebody's life support hangs on it; 1: a critical point does; 0: neither. */
  readonly priority: 0 | 1 | 2
}

/**
 * Which load points go, so that at least `neededVa` goes. They go whole, in this order: those without priority, then those with a critical point, last
 * those with life support; among them the most volt-amperes a customer first, so that few are hit; then in the order of the network. Whoever it goes
 * without in the end, looked at from the last taken to the first, is left on: of those that are shed none could be spared.
 */
export function shed(points: readonly Sheddable[], neededVa: number): Sheddable[] {
  const taken: Sheddable[] = []
  let sumVa = 0
  const each = ({ va, customers }: Sheddable): number => va / customers
  const order = points
    .filter((point) => point.va > 0)
    .sort((a, b) => a.priority - b.priority || compare(each(b), each(a)) || a.point - b.point)
  for (const point of order) {
    if (sumVa >= neededVa) break
    taken.push(point)
    sumVa += point.va
  }
  const kept: Sheddable[] = []
  for (const point of taken.reverse()) {
    if (sumVa - point.va >= neededVa) sumVa -= point.va
    else kept.push(point)
  }
  return kept.reverse()
}

/** By size; two without customers (infinite) are equal, which their difference is not. */
const compare = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : 0)
