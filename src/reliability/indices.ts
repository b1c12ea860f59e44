import { MS_PER_H, MS_PER_MIN } from '../time.ts'
import { sumWhere, type OutageSpans, type Sums, type Tally } from './reckoning.ts'
import type {
  IndexRule,
  InterruptionFilter,
  Quantity,
  Rulebook,
  RulebookSettings,
} from './rulebook.ts'

/** What there was to serve, averaged over the days of the period; null where nobody has said. */
export type Served = {
  /** Customers, or users where the rulebook counts those. */
  readonly units: number | null
  readonly kva: number | null
  readonly averageKw: number | null
  readonly periodHours: number
}

/** One row of a report, as contract.md says it. Unknown is null, never 0. */
export type IndexRow = {
  readonly group: string | null
  readonly customersServed: number | null
  /** Interruptions of units that are long by the rulebook (all of them where its first index counts all), and their minutes. */
  readonly ci: number
  readonly cmi: number
  readonly indices: Readonly<Record<string, number | null>>
  readonly units: Readonly<Record<string, string>>
  readonly provisional: boolean
}

export function indexRow(
  rulebook: Rulebook,
  group: string | null,
  sums: Sums,
  served: Served,
): IndexRow {
  const indices: Record<string, number | null> = {}
  const units: Record<string, string> = {}
  for (const rule of rulebook.indices) {
    indices[rule.symbol] = figureOf(rule, sums, served, rulebook.settings)
    units[rule.symbol] = rule.unit
  }
  const where = headlineFilter(rulebook)
  return {
    group,
    customersServed: served.units,
    ci: sumWhere(sums.interruptions, where),
    cmi: sumWhere(sums.unitMs, where) / MS_PER_MIN,
    indices,
    units,
    provisional: sums.provisional,
  }
}

/** What `ci` and `cmi` count: the long ones, except in a rulebook whose headline is over all of them (DL/T 836, "-1"). */
export function headlineFilter(rulebook: Rulebook): { length?: 'long' } {
  const first = rulebook.indices[0]
  const all =
    first !== undefined && 'top' in first && 'where' in first.top && !first.top.where.length
  return all ? {} : { length: 'long' }
}

/** The figure of an index; null where it cannot be known. */
export function figureOf(
  rule: IndexRule,
  sums: Sums,
  served: Served,
  settings: RulebookSettings,
): number | null {
  const scale = rule.scale ?? 1
  if ('availability' in rule) {
    const lostH = amount(rule.availability, sums, served, settings)
    if (lostH === null || served.units === null) return null
    const unitHours = served.units * served.periodHours
    if (unitHours <= 0) return null
    return ((rule.lost === true ? lostH : unitHours - lostH) / unitHours) * scale
  }
  const top = amount(rule.top, sums, served, settings)
  if (top === null) return null
  if (rule.bottom === undefined) return top * scale
  const bottom = amount(rule.bottom, sums, served, settings)
  return bottom === null || bottom <= 0 ? null : (top / bottom) * scale
}

/** A quantity out of the sums; null where it cannot be known. */
export function amount(
  quantity: Quantity,
  sums: Sums,
  served: Served,
  settings: RulebookSettings,
): number | null {
  switch (quantity.of) {
    case 'interruptions':
      return weighed(sums.interruptions, quantity, settings)
    case 'unitTime':
      return weighed(sums.unitMs, quantity, settings) / msPer(quantity.in)
    case 'kva':
      return sums.kvaUnknown ? null : sumWhere(sums.kva, quantity.where)
    case 'kvaTime':
      return sums.kvaUnknown ? null : sumWhere(sums.kvaMs, quantity.where) / msPer(quantity.in)
    case 'energyKwh':
      return sums.kwUnknown ? null : sumWhere(sums.kwMs, quantity.where) / MS_PER_H
    case 'momentaryEvents':
      return sums.momentaryEvents
    case 'distinctUnits':
      return distinctUnits(sums, quantity, settings)
    case 'repeatedUnits':
      return repeatedUnits(sums, settings, quantity.n, quantity.momentary)
    case 'longUnits':
      return longUnits(sums, settings, quantity.by)
    case 'outages':
    case 'outageTime':
      return outagesWhere(sums, quantity)
    case 'servedUnits':
      return served.units
    case 'servedKva':
      return served.kva
    case 'servedAverageKw':
      return served.averageKw
    case 'periodHours':
      return served.periodHours
  }
}

/** Σ over what a quantity is over; where it is weighted, planned interruptions count by the weight of the rulebook. */
function weighed(
  byClass: Float64Array,
  { where, weighted }: { readonly where: InterruptionFilter; readonly weighted?: true },
  { plannedWeight = 1 }: RulebookSettings,
): number {
  if (weighted !== true) return sumWhere(byClass, where)
  const of = (nature: 'planned' | 'unplanned'): number =>
    where.nature === undefined || where.nature === nature
      ? sumWhere(byClass, { ...where, nature })
      : 0
  return of('unplanned') + plannedWeight * of('planned')
}

const msPer = (unit: 'min' | 'h'): number => (unit === 'min' ? MS_PER_MIN : MS_PER_H)

/** A quantity that counts units, each by what it went through. */
export type UnitQuantity = Extract<
  Quantity,
  { of: 'distinctUnits' | 'repeatedUnits' | 'longUnits' }
>

/** Whether a unit that went through this is one of those that a quantity counts. */
export function isCounted(
  quantity: UnitQuantity,
  tally: Tally,
  settings: RulebookSettings,
): boolean {
  switch (quantity.of) {
    case 'distinctUnits':
      return (quantity.length === 'long' ? tally.long : tally.any) > 0
    case 'repeatedUnits':
      return (
        tally.long + (quantity.momentary ? tally.events : 0) >= leastRepeats(settings, quantity.n)
      )
    case 'longUnits':
      return quantity.by === 'single'
        ? tally.longestMs >= settings.longSingleH * MS_PER_H
        : tally.longMs >= settings.longTotalH * MS_PER_H
  }
}

const leastRepeats = (settings: RulebookSettings, n: number): number =>
  settings.repeatedCompare === 'atLeast' ? n : n + 1

function namedUnits(sums: Sums, quantity: UnitQuantity, settings: RulebookSettings): number {
  let total = 0
  for (const tally of sums.tallies.values())
    if (isCounted(quantity, tally, settings)) total += tally.units
  return total
}

function distinctUnits(
  sums: Sums,
  quantity: Extract<Quantity, { of: 'distinctUnits' }>,
  settings: RulebookSettings,
): number {
  const nameless = quantity.length === 'long' ? sums.nameless.long : sums.nameless.any
  return nameless + namedUnits(sums, quantity, settings)
}

/** Units with n or more (or more than n) sustained interruptions; `momentary` counts momentary events as well. */
export function repeatedUnits(
  sums: Sums,
  settings: RulebookSettings,
  n: number,
  momentary: boolean,
): number {
  // Those without a name are known to have had one each, no more.
  const nameless = momentary ? sums.nameless.any : sums.nameless.long
  return (
    (leastRepeats(settings, n) <= 1 ? nameless : 0) +
    namedUnits(sums, { of: 'repeatedUnits', n, momentary }, settings)
  )
}

/** Units with one interruption, or a total, of the hours that the settings name. */
export function longUnits(sums: Sums, settings: RulebookSettings, by: 'single' | 'total'): number {
  const nameless = by === 'single' ? sums.nameless.longSingle : sums.nameless.longTotal
  return nameless + namedUnits(sums, { of: 'longUnits', by }, settings)
}

type OutageQuantity = Extract<Quantity, { of: 'outages' | 'outageTime' }>

/** What one outage adds to a quantity that counts outages; null where it interrupted nobody of that nature. */
export function outageCounts(quantity: OutageQuantity, spans: OutageSpans): number | null {
  const { where } = quantity
  const asked =
    where.nature === undefined ? [spans.planned, spans.unplanned] : [spans[where.nature]]
  const found = asked.filter((span) => span !== null)
  if (!found.some(({ interrupts }) => interrupts)) return null
  if (quantity.of === 'outages') return 1
  const from = Math.min(...found.map((span) => span.from))
  const until = Math.max(...found.map((span) => span.until))
  return (until - from) / msPer(quantity.in)
}

function outagesWhere(sums: Sums, quantity: OutageQuantity): number {
  let total = 0
  for (const outage of sums.outages.values()) total += outageCounts(quantity, outage) ?? 0
  return total
}

/** Whether a rulebook has indices per outage, for which a reckoning must keep outages apart. */
export const countsOutages = (rulebook: Rulebook): boolean =>
  rulebook.indices.some(
    (rule) => 'top' in rule && (rule.top.of === 'outages' || rule.bottom?.of === 'outages'),
  )
