import { at, NONE } from '../grid/network.ts'
import type { AllocatedLoads } from './allocation.ts'
import type { Balance } from './balance.ts'
import { transformerLoss, type UnitLoss } from './capacity.ts'
import { shed, type PriorityPoints, type Sheddable } from './shedding.ts'
import { tieCapabilities, type Tie, type TieSide } from './ties.ts'
import type { Zones } from './zones.ts'

export type StationLoss = {
  readonly substation: string
  readonly units: number
  readonly loadKva: number
  /** What ties can bring to other stations within their ratings, in kVA; no tie gives more than the feeder behind it carries. */
  readonly transferKva: number
  /** Ties to other stations. */
  readonly ties: readonly string[]
  /** Null where a unit has no rating: then nothing can be said. */
  readonly loss: UnitLoss | null
  /** The load points that would have to be shed; null where nothing can be said. */
  readonly remains: Remains | null
}

export type Remains = {
  /** Of the load points themselves, in kW. */
  readonly kw: number
  readonly customers: number
  /** Service points among them. */
  readonly lifeSupport: number
  readonly critical: number
  readonly loadPoints: readonly number[]
}

/** What there is to know of load points for shedding: customers of each, and whose supply must not go. */
export type PointsToShed = PriorityPoints & { readonly customers: Int32Array }

/** Loss of the largest unit of every station: what ties and the other units cannot carry is shed by load points, in the order of `shed`. */
export function stationLosses(
  zones: Zones,
  { substations, loads }: Pick<Balance, 'substations' | 'loads'>,
  { shortTimeFactor, points }: { readonly shortTimeFactor: number; readonly points: PointsToShed },
): StationLoss[] {
  const { rated } = zones
  const ties = tieCapabilities(zones)
  return substations.map((row, substation) => {
    const units = rated.units.filter((unit) => unit.substation === substation)
    const outward = ties.flatMap((tie) => outwardOf(tie, row.id))
    const donorScale = scale(zones, units, row.kva)
    const transferKva = Math.min(row.kva, transferable(zones, outward, donorScale))
    const about = {
      substation: row.id,
      units: units.length,
      loadKva: row.kva,
      transferKva,
      ties: outward.map(({ tie }) => tie),
    }
    if (units.length === 0 || units.some((unit) => unit.ratedKva === null)) {
      return { ...about, loss: null, remains: null }
    }
    const loss = transformerLoss({
      unitsKva: units.map((unit) => unit.ratedKva ?? 0),
      loadKva: row.kva,
      transferKva,
      shortTimeFactor,
    })
    const neededVa = (-loss.marginKva * 1000) / donorScale
    const remains = loss.passes
      ? NOTHING_REMAINS
      : remainsOf(shed(pointsOf(zones, substation, { loads, points }), neededVa), points)
    return { ...about, loss, remains }
  })
}

const NOTHING_REMAINS: Remains = {
  kw: 0,
  customers: 0,
  lifeSupport: 0,
  critical: 0,
  loadPoints: [],
}

function remainsOf(gone: readonly Sheddable[], points: PointsToShed): Remains {
  const total = (of: Int32Array) => gone.reduce((sum, { point }) => sum + at(of, point), 0)
  return {
    kw: gone.reduce((sum, { w }) => sum + w, 0) / 1000,
    customers: total(points.customers),
    lifeSupport: total(points.lifeSupport),
    critical: total(points.critical),
    loadPoints: gone.map(({ point }) => point),
  }
}

/** Everything that the units of a station supply now and that takes power. */
function pointsOf(
  { rated, tree }: Zones,
  substation: number,
  { loads, points }: { loads: AllocatedLoads; points: PointsToShed },
): Sheddable[] {
  const found: Sheddable[] = []
  rated.network.loadPointNode.forEach((node, point) => {
    const unit = rated.units[at(tree.unit, node)]
    const w = at(loads.pointW, point)
    if (unit?.substation !== substation || tree.fed[node] === 0 || w <= 0) return
    const va = Math.round(Math.hypot(w, at(loads.pointVar, point)))
    const customers = at(points.customers, point)
    const priority = at(points.lifeSupport, point) > 0 ? 2 : at(points.critical, point) > 0 ? 1 : 0
    found.push({ point, w, va, customers, priority })
  })
  return found
}

/**
 * What the units give, over what their zones add up to. It is more where the units' meters see more than the feeders do (losses, rounding
 * of each load point to whole VA): then each feeder that is carried elsewhere takes its share of that with it.
 */
function scale(
  { nodeFlowVa }: Zones,
  units: readonly { readonly node: number }[],
  loadKva: number,
): number {
  const flowKva = units.reduce((sum, unit) => sum + at(nodeFlowVa, unit.node), 0) / 1000
  return flowKva > 0 ? Math.max(1, loadKva / flowKva) : 1
}

type Outward = { readonly tie: string; readonly from: TieSide; readonly to: TieSide }

function outwardOf({ id, sides: [a, b] }: Tie, substation: string): Outward[] {
  if (a.substation === substation && b.substation !== substation)
    return [{ tie: id, from: a, to: b }]
  if (b.substation === substation && a.substation !== substation)
    return [{ tie: id, from: b, to: a }]
  return []
}

/**
 * The best ties first, each up to what is left of the feeder behind it and of the receiving feeder's and unit's margins: no way is counted
 * twice, so that the sum can really be carried at once.
 */
function transferable(zones: Zones, outward: readonly Outward[], donorScale: number): number {
  const { rated } = zones
  const { network } = rated
  const left = new Map<string, number>()
  const take = (key: string, have: () => number): number => {
    const known = left.get(key) ?? Math.max(0, have())
    left.set(key, known)
    return known
  }
  const feederIndex = new Map(network.feeders.map((row, index) => [row.id, index]))
  const unitIndex = new Map(rated.units.map((row, index) => [row.id, index]))
  const headFlowKva = (feeder: number): number => {
    const head = at(network.feederHead, feeder)
    if (head === NONE) return 0
    const from = at(network.branchFrom, head)
    const down = zones.tree.parent[from] === head ? from : at(network.branchTo, head)
    return zones.tree.parent[down] === head ? at(zones.nodeFlowVa, down) / 1000 : 0
  }
  const capability = ({ to }: Outward): number => to.capabilityKva ?? Infinity
  let total = 0
  for (const one of [...outward].sort((a, b) => capability(b) - capability(a))) {
    const donor = one.from.feeder
    const donorIndex = donor === null ? undefined : feederIndex.get(donor)
    if (donorIndex === undefined) continue
    const limits: [string, number][] = [
      [`donor ${donor}`, take(`donor ${donor}`, () => donorScale * headFlowKva(donorIndex))],
    ]
    const receiver = one.to.feeder
    const receiverIndex = receiver === null ? undefined : feederIndex.get(receiver)
    if (receiverIndex !== undefined) {
      const ratedKva = at(rated.feederRatedKva, receiverIndex)
      const margin = (): number =>
        Number.isNaN(ratedKva) ? Infinity : ratedKva - headFlowKva(receiverIndex)
      limits.push([`feeder ${receiver}`, take(`feeder ${receiver}`, margin)])
    }
    const unit = one.to.unit === null ? undefined : unitIndex.get(one.to.unit)
    if (unit !== undefined) {
      const { ratedKva, node } = rated.units[unit] as (typeof rated.units)[number]
      const margin = (): number =>
        ratedKva === null ? Infinity : ratedKva - at(zones.nodeFlowVa, node) / 1000
      limits.push([`unit ${one.to.unit}`, take(`unit ${one.to.unit}`, margin)])
    }
    const given = Math.max(0, Math.min(capability(one), ...limits.map(([, kva]) => kva)))
    if (!Number.isFinite(given)) continue
    for (const [key, kva] of limits) left.set(key, kva - given)
    total += given
  }
  return total
}
