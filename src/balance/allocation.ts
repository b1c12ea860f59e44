import { at, NONE } from '../grid/network.ts'
import type { NetworkTables } from '../grid/tables.ts'
import { classFactor, LOAD_CLASSES, loadClass } from './class-curves.ts'
import type { RatedNetwork, SupplyTree } from './supply-tree.ts'

/** What a meter says about a head, a transformer or a load point. Kilowatts may be negative: power flowed back. */
export type MeasuredLoad = {
  readonly kw: number
  readonly kvar: number | null
  readonly amps: readonly [number, number, number] | null
  readonly kv: number | null
}
/** By the id of the feeder's head, the transformer or the load point. */
export type MeasuredLoads = ReadonlyMap<string, MeasuredLoad>

/** Assumed where nothing better is known; each may be set. */
export type LoadAssumptions = {
  /** Mean load of a service point over its connected kVA. */
  readonly kwPerConnectedKva: number
  /** Mean load of a service point over its peak. */
  readonly kwPerPeakKw: number
  readonly kwPerCustomer: number
  readonly powerFactor: number
}
export const LOAD_ASSUMPTIONS: LoadAssumptions = {
  kwPerConnectedKva: 0.25,
  kwPerPeakKw: 0.45,
  kwPerCustomer: 1,
  powerFactor: 0.95,
}

/** Mean load that each load point is expected to have, by class: `meanKw[point * LOAD_CLASSES.length + class]`. */
export type ExpectedLoads = {
  readonly meanKw: Float64Array
  readonly customers: Int32Array
  readonly assumptions: LoadAssumptions
}

/** From average load, else peak, else connected kVA, else customers; a load point without any of them: the transformer's rating. */
export function expectLoads(
  rated: RatedNetwork,
  tables: NetworkTables,
  assumptions: LoadAssumptions = LOAD_ASSUMPTIONS,
): ExpectedLoads {
  const { network } = rated
  const classes = LOAD_CLASSES.length
  const meanKw = new Float64Array(network.loadPointIds.length * classes)
  const customers = new Int32Array(network.loadPointIds.length)
  const known = new Uint8Array(network.loadPointIds.length)
  tables.servicePoints.forEach((row, i) => {
    const point = at(network.groupLoadPoint, at(network.servicePointGroup, i))
    const kw =
      row.averageKw ??
      (row.peakKw !== null
        ? row.peakKw * assumptions.kwPerPeakKw
        : row.connectedKva !== null
          ? row.connectedKva * assumptions.kwPerConnectedKva
          : row.customers * assumptions.kwPerCustomer)
    meanKw[point * classes + LOAD_CLASSES.indexOf(loadClass(row.class))]! += kw
    customers[point]! += row.customers
    known[point] = 1
  })
  const firstTransformer = network.switchCount + network.lineCount
  const byId = new Map(network.loadPointIds.map((id, point) => [id, point]))
  tables.transformers.forEach((row, i) => {
    const point = row.kind === 'distribution' ? byId.get(row.id) : undefined
    if (point === undefined || known[point] === 1) return
    const kva = at(rated.branchRatedKva, firstTransformer + i)
    if (!Number.isNaN(kva)) {
      meanKw[point * classes + LOAD_CLASSES.indexOf('flat')] = kva * assumptions.kwPerConnectedKva
    }
  })
  return { meanKw, customers, assumptions }
}

/** Where a load figure comes from. */
export const LOAD_SOURCES = ['none', 'measured', 'allocated', 'estimated'] as const
export type LoadSource = (typeof LOAD_SOURCES)[number]
const [NO_LOAD, MEASURED, ALLOCATED, ESTIMATED] = [0, 1, 2, 3]

/** Whole watts and vars, so that parts add up to their sum exactly at every level. */
export type AllocatedLoads = {
  readonly pointW: Float64Array
  readonly pointVar: Float64Array
  /** Index into LOAD_SOURCES. */
  readonly pointSource: Uint8Array
  readonly feederW: Float64Array
  readonly feederVar: Float64Array
  readonly feederSource: Uint8Array
  /** Head less its points and the feeders behind it: losses, where every point is measured; else 0. */
  readonly feederUnaccountedW: Float64Array
  readonly feederUnaccountedVar: Float64Array
  /** The feeder whose points lie before this one's head, or NONE. */
  readonly feederBehind: Int32Array
}

/**
 * Divides what the heads measure among the load points that the feeders feed now. What is measured below stays as measured; the rest
 * goes by expected load at this hour of the week. Points, feeders behind and unaccounted always add up to the measured head, also when power flows
 * back. Without a measured head the points have what is expected of them.
 */
export function allocateLoads(
  rated: RatedNetwork,
  tree: SupplyTree,
  expected: ExpectedLoads,
  { measured, hourOfWeek }: { measured: MeasuredLoads; hourOfWeek: number },
): AllocatedLoads {
  const { network } = rated
  const points = network.loadPointIds.length
  const feeders = network.feeders.length
  const factors = LOAD_CLASSES.map((kind) => classFactor(kind, hourOfWeek))
  const varPerW = Math.tan(Math.acos(expected.assumptions.powerFactor))
  const pointW = new Float64Array(points)
  const pointVar = new Float64Array(points)
  const pointSource = new Uint8Array(points)
  const weight = new Float64Array(points)
  const open = Array.from({ length: feeders }, () => ({ w: 0, var: 0, weight: 0, points: 0 }))

  // In the loops over all points arrays are read as they are: `at` sees every kind of array, and costs it.
  for (let point = 0; point < points; point++) {
    const node = network.loadPointNode[point] as number
    if (tree.fed[node] === 0) continue
    const feeder = tree.feeder[node] as number
    const said = measured.get(network.loadPointIds[point] as string)
    const sum = feeder === NONE ? undefined : open[feeder]
    if (said !== undefined) {
      pointSource[point] = MEASURED
      pointW[point] = Math.round(said.kw * 1000)
      pointVar[point] = Math.round(said.kvar === null ? said.kw * 1000 * varPerW : said.kvar * 1000)
      if (sum !== undefined) {
        sum.w += pointW[point] as number
        sum.var += pointVar[point] as number
      }
      continue
    }
    let kw = 0
    for (let kind = 0; kind < factors.length; kind++) {
      kw += (expected.meanKw[point * factors.length + kind] as number) * (factors[kind] as number)
    }
    weight[point] = kw
    pointSource[point] = ESTIMATED
    if (sum !== undefined) {
      sum.weight += kw
      sum.points++
    }
  }

  const feederW = new Float64Array(feeders)
  const feederVar = new Float64Array(feeders)
  const feederSource = new Uint8Array(feeders)
  const feederUnaccountedW = new Float64Array(feeders)
  const feederUnaccountedVar = new Float64Array(feeders)
  const feederBehind = new Int32Array(feeders).fill(NONE)
  /** What is left to divide: watts, vars, and the share that is given out so far. */
  const rest: { w: number; var: number; given: number; wGiven: number; varGiven: number }[] = []
  for (const feeder of deepestFirst(rated, tree, feederBehind)) {
    const sum = open[feeder] as { w: number; var: number; weight: number; points: number }
    const head = measuredHead(rated, feeder, measured)
    const isFed = tree.fed[at(rated.headUpNode, feeder)] === 1 && isClosedHead(rated, tree, feeder)
    let restW = Math.round(sum.weight * 1000)
    let restVar = Math.round(sum.weight * 1000 * varPerW)
    if (head !== undefined && isFed) {
      feederSource[feeder] = MEASURED
      const headW = Math.round(head.kw * 1000)
      const headVar = Math.round(head.kvar === null ? head.kw * 1000 * varPerW : head.kvar * 1000)
      restW = headW - sum.w
      restVar = headVar - sum.var
      feederW[feeder] = headW
      feederVar[feeder] = headVar
      if (sum.points === 0) {
        feederUnaccountedW[feeder] = restW
        feederUnaccountedVar[feeder] = restVar
      }
    } else if (isFed) {
      feederSource[feeder] = ESTIMATED
      feederW[feeder] = sum.w + restW
      feederVar[feeder] = sum.var + restVar
    }
    rest[feeder] = { w: restW, var: restVar, given: 0, wGiven: 0, varGiven: 0 }
    const behind = at(feederBehind, feeder)
    if (behind !== NONE) {
      const upstream = open[behind] as { w: number; var: number }
      upstream.w += at(feederW, feeder)
      upstream.var += at(feederVar, feeder)
    }
  }

  for (let point = 0; point < points; point++) {
    if (pointSource[point] !== ESTIMATED) continue
    const feeder = at(tree.feeder, network.loadPointNode[point] as number)
    if (feeder === NONE) {
      pointW[point] = Math.round((weight[point] as number) * 1000)
      pointVar[point] = Math.round((weight[point] as number) * 1000 * varPerW)
      continue
    }
    if (feederSource[feeder] === MEASURED) pointSource[point] = ALLOCATED
    const sum = open[feeder] as { weight: number; points: number }
    const share = rest[feeder] as (typeof rest)[number]
    // Rounding the running sum, not the parts: the last point brings it to the total exactly.
    share.given += sum.weight > 0 ? (weight[point] as number) / sum.weight : 1 / sum.points
    const wGiven = Math.round(share.w * Math.min(1, share.given))
    const varGiven = Math.round(share.var * Math.min(1, share.given))
    pointW[point] = wGiven - share.wGiven
    pointVar[point] = varGiven - share.varGiven
    share.wGiven = wGiven
    share.varGiven = varGiven
  }
  return {
    pointW,
    pointVar,
    pointSource,
    feederW,
    feederVar,
    feederSource,
    feederUnaccountedW,
    feederUnaccountedVar,
    feederBehind,
  }
}

export const sourceOfLoad = (index: number | undefined): LoadSource =>
  LOAD_SOURCES[index ?? NO_LOAD] ?? 'none'

/** A head is measured under its own id or under the feeder's. */
export function measuredHead(
  rated: RatedNetwork,
  feeder: number,
  measured: MeasuredLoads,
): MeasuredLoad | undefined {
  const row = rated.network.feeders[feeder]
  return row === undefined ? undefined : (measured.get(row.head) ?? measured.get(row.id))
}

/** The head conducts and supply goes out through it. */
function isClosedHead(rated: RatedNetwork, tree: SupplyTree, feeder: number): boolean {
  const head = at(rated.network.feederHead, feeder)
  const up = at(rated.headUpNode, feeder)
  const from = at(rated.network.branchFrom, head)
  const down = from === up ? at(rated.network.branchTo, head) : from
  return tree.parent[down] === head
}

/** Feeders so that those behind another's head come before it; notes which lies behind which. */
function deepestFirst(rated: RatedNetwork, tree: SupplyTree, feederBehind: Int32Array): number[] {
  const depth = new Int32Array(feederBehind.length)
  rated.headUpNode.forEach((up, feeder) => {
    if (up !== NONE) feederBehind[feeder] = at(tree.feeder, up)
  })
  feederBehind.forEach((_, feeder) => {
    for (let up = at(feederBehind, feeder); up !== NONE; up = at(feederBehind, up)) {
      depth[feeder]!++
      if (depth[feeder] === feederBehind.length) break
    }
  })
  return [...feederBehind.keys()].sort((a, b) => at(depth, b) - at(depth, a))
}
