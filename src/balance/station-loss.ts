import { at, NONE } from '../grid/network.ts'
import type { BalanceRow } from './balance.ts'
import { transformerLoss, type UnitLoss } from './capacity.ts'
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
  /** What would have to be shed, in kW and customers, at the station's own power factor and mean load; null where nothing can be said. */
  readonly remains: { readonly kw: number; readonly customers: number } | null
}

/** Loss of the largest unit of every station. */
export function stationLosses(
  zones: Zones,
  substations: readonly BalanceRow[],
  { shortTimeFactor }: { readonly shortTimeFactor: number },
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
    const share = row.kva > 0 ? Math.min(1, Math.max(0, -loss.marginKva) / row.kva) : 0
    const remains = {
      kw: Math.max(0, row.kw) * share,
      // Whole customers: who is half without supply is without supply.
      customers: Math.ceil(row.customers * share - 1e-9),
    }
    return { ...about, loss, remains }
  })
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
