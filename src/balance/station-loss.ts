import { at } from '../grid/network.ts'
import type { AllocatedLoads } from './allocation.ts'
import type { Balance } from './balance.ts'
import { transformerLoss, type UnitLoss } from './capacity.ts'
import { shed, type PriorityPoints, type Sheddable } from './shedding.ts'
import { transferToOthers } from './station-transfer.ts'
import type { Zones } from './zones.ts'

export type StationLoss = {
  readonly substation: string
  readonly units: number
  readonly loadKva: number
  /** What other stations can take, in kVA: whole sections with their own loads, within ratings along the whole way (see `transferToOthers`). */
  readonly transferKva: number
  /** Open switches that would be closed for it. */
  readonly ties: readonly string[]
  /** Every way to transfer was looked at, feeder by feeder; else more might be possible. */
  readonly complete: boolean
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

/** Loss of the largest unit of every station: what other stations and the other units cannot carry is shed by load points, in the order of `shed`. */
export function stationLosses(
  zones: Zones,
  { substations, loads }: Pick<Balance, 'substations' | 'loads'>,
  { shortTimeFactor, points }: { readonly shortTimeFactor: number; readonly points: PointsToShed },
): StationLoss[] {
  const { rated } = zones
  return substations.map((row, substation) => {
    const units = rated.units.filter((unit) => unit.substation === substation)
    const donorScale = scale(zones, units, row.kva)
    const transfer = transferToOthers(zones, substation)
    const transferKva = Math.min(row.kva, (donorScale * transfer.va) / 1000)
    const about = {
      substation: row.id,
      units: units.length,
      loadKva: row.kva,
      transferKva,
      ties: transfer.close.map((device) => rated.network.branchIds[device] as string),
      complete: transfer.complete,
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
      : remainsOf(
          shed(pointsOf(zones, substation, transfer.zones, { loads, points }), neededVa),
          points,
        )
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

/** Everything that the units of a station supply now, that takes power, and that is not carried elsewhere. */
function pointsOf(
  { rated, tree, zoneOf }: Zones,
  substation: number,
  gone: ReadonlySet<number>,
  { loads, points }: { loads: AllocatedLoads; points: PointsToShed },
): Sheddable[] {
  const found: Sheddable[] = []
  rated.network.loadPointNode.forEach((node, point) => {
    const unit = rated.units[at(tree.unit, node)]
    const w = at(loads.pointW, point)
    if (unit?.substation !== substation || tree.fed[node] === 0 || w <= 0) return
    if (gone.has(at(zoneOf, node))) return
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
