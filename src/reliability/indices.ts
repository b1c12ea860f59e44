import { MS_PER_H, MS_PER_MIN } from '../time.ts'
import { sumWhere, type Sums } from './reckoning.ts'
import type { IndexRule, Quantity, Rulebook, RulebookSettings } from './rulebook.ts'

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
    indices[rule.symbol] = evaluate(rule, sums, served, rulebook.settings)
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

function evaluate(
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
function amount(
  quantity: Quantity,
  sums: Sums,
  served: Served,
  settings: RulebookSettings,
): number | null {
  switch (quantity.of) {
    case 'interruptions':
      return sumWhere(sums.interruptions, quantity.where)
    case 'unitTime':
      return sumWhere(sums.unitMs, quantity.where) / msPer(quantity.in)
    case 'kva':
      return sums.kvaUnknown ? null : sumWhere(sums.kva, quantity.where)
    case 'kvaTime':
      return sums.kvaUnknown ? null : sumWhere(sums.kvaMs, quantity.where) / msPer(quantity.in)
    case 'energyKwh':
      return sums.kwUnknown ? null : sumWhere(sums.kwMs, quantity.where) / MS_PER_H
    case 'momentaryEvents':
      return sums.momentaryEvents
    case 'distinctUnits':
      return distinctUnits(sums, quantity.length === 'long')
    case 'repeatedUnits':
      return repeatedUnits(sums, settings, quantity.n, quantity.momentary)
    case 'longUnits':
      return longUnits(sums, settings, quantity.by)
    case 'outages':
      return outagesWhere(sums, quantity.where.nature).count
    case 'outageTime':
      return outagesWhere(sums, quantity.where.nature).ms / msPer(quantity.in)
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

const msPer = (unit: 'min' | 'h'): number => (unit === 'min' ? MS_PER_MIN : MS_PER_H)

function distinctUnits(sums: Sums, long: boolean): number {
  let total = long ? sums.nameless.long : sums.nameless.any
  for (const tally of sums.tallies.values()) {
    if ((long ? tally.long : tally.any) > 0) total += tally.units
  }
  return total
}

/** Units with n or more (or more than n) sustained interruptions; `momentary` counts momentary events as well. */
export function repeatedUnits(
  sums: Sums,
  settings: RulebookSettings,
  n: number,
  momentary: boolean,
): number {
  const least = settings.repeatedCompare === 'atLeast' ? n : n + 1
  // Those without a name are known to have had one each, no more.
  let total = least <= 1 ? (momentary ? sums.nameless.any : sums.nameless.long) : 0
  for (const tally of sums.tallies.values()) {
    if (tally.long + (momentary ? tally.events : 0) >= least) total += tally.units
  }
  return total
}

/** Units with one interruption, or a total, of the hours that the settings name. */
export function longUnits(sums: Sums, settings: RulebookSettings, by: 'single' | 'total'): number {
  let total = by === 'single' ? sums.nameless.longSingle : sums.nameless.longTotal
  for (const tally of sums.tallies.values()) {
    const long =
      by === 'single'
        ? tally.longestMs >= settings.longSingleH * MS_PER_H
        : tally.longMs >= settings.longTotalH * MS_PER_H
    if (long) total += tally.units
  }
  return total
}

function outagesWhere(
  sums: Sums,
  nature: 'planned' | 'unplanned' | undefined,
): { count: number; ms: number } {
  let count = 0
  let ms = 0
  for (const outage of sums.outages.values()) {
    if (nature !== undefined && outage.planned !== (nature === 'planned')) continue
    count += 1
    ms += outage.until - outage.from - (nature === 'planned' ? outage.overrunMs : 0)
  }
  return { count, ms }
}

/** Whether a rulebook has indices per outage, for which a reckoning must keep outages apart. */
export const countsOutages = (rulebook: Rulebook): boolean =>
  rulebook.indices.some(
    (rule) => 'top' in rule && (rule.top.of === 'outages' || rule.bottom?.of === 'outages'),
  )
