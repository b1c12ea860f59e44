import { at, NONE } from '../grid/network.ts'
import {
  allocateLoads,
  measuredHead,
  sourceOfLoad,
  type AllocatedLoads,
  type ExpectedLoads,
  type LoadSource,
  type MeasuredLoad,
  type MeasuredLoads,
} from './allocation.ts'
import { apparentKva, phaseUnbalance } from './capacity.ts'
import type { RatedNetwork, SupplyTree } from './supply-tree.ts'

export const BALANCE_LEVELS = ['area', 'substation', 'unit', 'feeder', 'loadPoint'] as const
export type BalanceLevel = (typeof BALANCE_LEVELS)[number]

/** Where a load lies between nothing and its rating, at this moment; the timed states are in load-states.ts. */
export type LoadBand = 'normal' | 'heavy' | 'overload' | 'unknown'

export type BalanceRow = {
  readonly level: BalanceLevel
  readonly id: string
  readonly name: string
  /** Id on the level above, as supplied now; null where there is none. */
  readonly parent: string | null
  readonly customers: number
  readonly kw: number
  readonly kvar: number
  /** The larger of the totals and the sum of the measured phases. */
  readonly kva: number
  readonly source: LoadSource
  /** Part of `kw` that is on none of the rows below: losses, and what the meters disagree about. */
  readonly unaccountedKw: number
  readonly ratedKva: number | null
  readonly rate: number | null
  readonly marginKva: number | null
  readonly band: LoadBand
  /** Power flows back towards the source. */
  readonly reverse: boolean
  /** (Imax − Imin) / Imax; null without measured currents. */
  readonly unbalance: number | null
}

/** The balance of one moment: sums for the upper levels; load points in arrays until someone asks for them. */
export type Balance = {
  readonly areas: readonly BalanceRow[]
  readonly substations: readonly BalanceRow[]
  readonly units: readonly BalanceRow[]
  readonly feeders: readonly BalanceRow[]
  readonly loads: AllocatedLoads
}

/** Everything that the balance of one moment is made from. */
export type BalanceInput = {
  readonly rated: RatedNetwork
  readonly tree: SupplyTree
  readonly expected: ExpectedLoads
  readonly measured: MeasuredLoads
  /** In the utility's local time; 0 is Monday from 00:00 to 01:00. */
  readonly hourOfWeek: number
  /** For the bands. */
  readonly heavyAbove: number
  readonly overloadAbove: number
}

type Sum = { w: number; var: number; unaccountedW: number; customers: number; fed: boolean }
const nothing = (): Sum => ({ w: 0, var: 0, unaccountedW: 0, customers: 0, fed: false })

/**
 * Load against capacity on every level. Load points add up to feeders, feeders and what a bus serves itself to units, units to
 * substations and substations to areas; what is missing in a sum stands in its `unaccountedKw`, so that every level has the same total.
 */
export function balanceOf(input: BalanceInput): Balance {
  const { rated, tree, measured } = input
  const { network } = rated
  const loads = allocateLoads(rated, tree, input.expected, input)
  const feeders = network.feeders.map(nothing)
  const units = rated.units.map(nothing)
  /** What no unit supplies, by substation of the feeder's row; the last is for what has no substation either. */
  const substations = network.substations.map(nothing)
  const elsewhere = nothing()

  for (let point = 0; point < network.loadPointIds.length; point++) {
    const node = at(network.loadPointNode, point)
    if (tree.fed[node] === 0) continue
    const feeder = at(tree.feeder, node)
    const customers = at(input.expected.customers, point)
    if (feeder !== NONE) {
      // Customers of a feeder that lies behind another's head are counted there only.
      feeders[feeder]!.customers += customers
      continue
    }
    const unit = at(tree.unit, node)
    const bus = unit === NONE ? elsewhere : (units[unit] as Sum)
    bus.customers += customers
    bus.w += at(loads.pointW, point)
    bus.var += at(loads.pointVar, point)
    bus.fed = true
  }
  const feederUnit = network.feeders.map((_, feeder) => {
    const up = at(rated.headUpNode, feeder)
    return up === NONE ? NONE : at(tree.unit, up)
  })
  network.feeders.forEach((_, feeder) => {
    const sum = feeders[feeder] as Sum
    sum.w = at(loads.feederW, feeder)
    sum.var = at(loads.feederVar, feeder)
    sum.fed = loads.feederSource[feeder] !== 0
    for (let each = feeder; each !== NONE; each = at(loads.feederBehind, each)) {
      feeders[each]!.unaccountedW += at(loads.feederUnaccountedW, feeder)
    }
  })
  network.feeders.forEach((_, feeder) => {
    const sum = feeders[feeder] as Sum
    const behind = at(loads.feederBehind, feeder)
    const unit = feederUnit[feeder] as number
    const substation = at(network.feederSubstation, feeder)
    const above =
      unit !== NONE ? units[unit] : substation !== NONE ? substations[substation] : elsewhere
    add(above as Sum, sum, behind === NONE)
  })
  rated.units.forEach((unit, i) => {
    const sum = units[i] as Sum
    const said = measured.get(unit.id)
    if (said !== undefined && sum.fed) {
      const w = Math.round(said.kw * 1000)
      sum.unaccountedW += w - sum.w
      sum.w = w
      if (said.kvar !== null) sum.var = Math.round(said.kvar * 1000)
    }
    add(substations[unit.substation] as Sum, sum, true)
  })

  const substationIds = network.substations.map((row) => row.id)
  const areaSums = new Map<string, { sum: Sum; ratedKva: number | null }>()
  const stationRatedKva = network.substations.map((_, substation) =>
    sumRatings(rated.units.filter((unit) => unit.substation === substation)),
  )
  network.substations.forEach((row, substation) => {
    const name = row.area ?? ''
    const area = areaSums.get(name)
    const ratedKva = stationRatedKva[substation] ?? null
    if (area === undefined) {
      const sum = nothing()
      add(sum, substations[substation] as Sum, true)
      areaSums.set(name, { sum, ratedKva })
    } else {
      add(area.sum, substations[substation] as Sum, true)
      area.ratedKva = area.ratedKva === null || ratedKva === null ? null : area.ratedKva + ratedKva
    }
  })
  const row = (
    level: BalanceLevel,
    id: string,
    name: string,
    parent: string | null,
    figures: Figures,
  ) => balanceRow(input, { level, id, name, parent }, figures)
  return {
    areas: [...areaSums].map(([name, { sum, ratedKva }]) =>
      row('area', name, name, null, { sum, ratedKva, source: 'estimated' }),
    ),
    substations: network.substations.map((station, i) =>
      row('substation', station.id, station.name, station.area, {
        sum: substations[i] as Sum,
        ratedKva: stationRatedKva[i] ?? null,
        source: 'estimated',
      }),
    ),
    units: rated.units.map((unit, i) =>
      row('unit', unit.id, unit.id, substationIds[unit.substation] ?? null, {
        sum: units[i] as Sum,
        ratedKva: unit.ratedKva,
        said: measured.get(unit.id),
        source: measured.has(unit.id) ? 'measured' : 'estimated',
      }),
    ),
    feeders: network.feeders.map((feeder, i) =>
      row('feeder', feeder.id, feeder.name, parentOfFeeder(input, feederUnit[i] ?? NONE, i), {
        sum: feeders[i] as Sum,
        ratedKva: known(at(rated.feederRatedKva, i)),
        said: measuredHead(rated, i, measured),
        source: sourceOfLoad(loads.feederSource[i]),
      }),
    ),
    loads,
  }
}

/** The rows of the load points, of one feeder where one is named; at most `limit`, the highest load rate first. */
export function loadPointRows(
  input: BalanceInput,
  loads: AllocatedLoads,
  { feeder, limit }: { feeder: number | null; limit: number },
): BalanceRow[] {
  const { rated, tree } = input
  const { network } = rated
  const firstTransformer = network.switchCount + network.lineCount
  const branchById = new Map<string, number>()
  for (let branch = firstTransformer; branch < network.branchIds.length; branch++) {
    branchById.set(network.branchIds[branch] as string, branch)
  }
  const rows: BalanceRow[] = []
  network.loadPointIds.forEach((id, point) => {
    const supplies = at(tree.feeder, at(network.loadPointNode, point))
    const home = at(network.loadPointFeeder, point)
    if (feeder !== null && supplies !== feeder && !(supplies === NONE && home === feeder)) return
    const branch = branchById.get(id)
    const shown = supplies === NONE ? home : supplies
    const sum: Sum = {
      w: at(loads.pointW, point),
      var: at(loads.pointVar, point),
      unaccountedW: 0,
      customers: at(input.expected.customers, point),
      fed: loads.pointSource[point] !== 0,
    }
    rows.push(
      balanceRow(
        input,
        { level: 'loadPoint', id, name: id, parent: network.feeders[shown]?.id ?? null },
        {
          sum,
          ratedKva: branch === undefined ? null : known(at(rated.branchRatedKva, branch)),
          said: input.measured.get(id),
          source: sourceOfLoad(loads.pointSource[point]),
        },
      ),
    )
  })
  return rows.sort((a, b) => (b.rate ?? -1) - (a.rate ?? -1)).slice(0, limit)
}

type Figures = {
  sum: Sum
  ratedKva: number | null
  said?: MeasuredLoad | undefined
  source: LoadSource
}

function balanceRow(
  input: BalanceInput,
  who: Pick<BalanceRow, 'level' | 'id' | 'name' | 'parent'>,
  { sum, ratedKva, said, source }: Figures,
): BalanceRow {
  const kw = sum.w / 1000
  const kvar = sum.var / 1000
  const kva =
    apparentKva({
      kw,
      kvar,
      powerFactor: input.expected.assumptions.powerFactor,
      amps: said?.amps ?? null,
      kv: said?.kv ?? null,
    }) ?? 0
  const rate = ratedKva === null || ratedKva <= 0 ? null : kva / ratedKva
  return {
    ...who,
    customers: sum.customers,
    kw,
    kvar,
    kva,
    source: sum.fed ? source : 'none',
    unaccountedKw: sum.unaccountedW / 1000,
    ratedKva,
    rate,
    marginKva: ratedKva === null ? null : ratedKva - kva,
    band:
      rate === null
        ? 'unknown'
        : rate > input.overloadAbove
          ? 'overload'
          : rate > input.heavyAbove
            ? 'heavy'
            : 'normal',
    reverse: kw < 0,
    unbalance: said?.amps === undefined || said.amps === null ? null : phaseUnbalance(said.amps),
  }
}

function add(into: Sum, part: Sum, withLoad: boolean): void {
  into.customers += part.customers
  into.fed ||= part.fed
  if (!withLoad) return
  into.w += part.w
  into.var += part.var
  into.unaccountedW += part.unaccountedW
}

function parentOfFeeder(input: BalanceInput, unit: number, feeder: number): string | null {
  const row = input.rated.units[unit]
  const { network } = input.rated
  // A feeder that no unit supplies hangs on its substation.
  return row?.id ?? network.substations[at(network.feederSubstation, feeder)]?.id ?? null
}

const known = (kva: number): number | null => (Number.isNaN(kva) ? null : kva)

/** Null where a unit has no rating: a sum that leaves one out would look like capacity that is not there. */
function sumRatings(units: readonly { readonly ratedKva: number | null }[]): number | null {
  let total = 0
  for (const { ratedKva } of units) {
    if (ratedKva === null) return null
    total += ratedKva
  }
  return units.length === 0 ? null : total
}
