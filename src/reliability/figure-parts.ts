import type { OutageId } from '../ledger/facts.ts'
import { amount, figureOf, isCounted, outageCounts, type Served } from './indices.ts'
import {
  classOf,
  emptySums,
  type Counted,
  type CountedEvent,
  type Sums,
  type Tally,
} from './reckoning.ts'
import type { IndexRule, Quantity, RulebookSettings } from './rulebook.ts'

/** One part of a quantity: what an outage, or a unit by all of its outages, adds to it. */
export type FigurePart = {
  /** The supply group or user; null where it is an outage that adds, or where nobody was named. */
  readonly unit: number | null
  readonly outages: readonly OutageId[]
  readonly value: number
}

/** A quantity above or below the line. `parts` add up to `value`; null where it is given and not a sum over interruptions. */
export type FigureQuantity = {
  readonly quantity: Quantity
  readonly value: number | null
  readonly parts: readonly FigurePart[] | null
}

/** `ratio`: scale × top ÷ bottom (÷ nothing where there is none); else a share of unit-hours: 1 − top ÷ bottom, or what is missing from it. */
export type FigureParts = {
  readonly form: 'ratio' | 'availability' | 'unavailability'
  readonly scale: number
  readonly value: number | null
  readonly top: FigureQuantity
  /** Of an availability: the users served, whose hours are `periodHours` each. */
  readonly bottom: FigureQuantity | null
  readonly periodHours: number
}

type Nameless = { readonly outage: OutageId; readonly tally: Tally }

/** Listens to a reckoning and keeps, for one cell, what each outage and each unit adds. */
export type FigureBook = {
  onCounted(counted: Counted): void
  onEvent(event: CountedEvent): void
  /** `sums` of the same cell, when the reckoning is finished. */
  partsOf(rule: IndexRule, sums: Sums, served: Served): FigureParts
}

export function openFigureBook(cell: string, settings: RulebookSettings): FigureBook {
  const byOutage = new Map<OutageId, Sums>()
  const ofUnit = new Map<number, Set<OutageId>>()
  const nameless: Nameless[] = []
  const sumsOf = (outage: OutageId): Sums => {
    let sums = byOutage.get(outage)
    if (sums === undefined) byOutage.set(outage, (sums = emptySums()))
    return sums
  }
  const noteUnit = (unit: number, outage: OutageId): void => {
    const outages = ofUnit.get(unit)
    if (outages === undefined) ofUnit.set(unit, new Set([outage]))
    else outages.add(outage)
  }

  function parts(quantity: Quantity, sums: Sums, served: Served): FigurePart[] | null {
    switch (quantity.of) {
      case 'interruptions':
      case 'unitTime':
      case 'kva':
      case 'kvaTime':
      case 'energyKwh':
      case 'momentaryEvents':
        return [...byOutage].flatMap(([outage, own]) => {
          const value = amount(quantity, own, served, settings) ?? 0
          return value === 0 ? [] : [{ unit: null, outages: [outage], value }]
        })
      case 'distinctUnits':
      case 'repeatedUnits':
      case 'longUnits': {
        const found: FigurePart[] = []
        for (const [unit, tally] of sums.tallies) {
          if (!isCounted(quantity, tally, settings)) continue
          found.push({ unit, outages: [...(ofUnit.get(unit) ?? [])], value: tally.units })
        }
        for (const { outage, tally } of nameless) {
          if (isCounted(quantity, tally, settings))
            found.push({ unit: null, outages: [outage], value: tally.units })
        }
        return found
      }
      case 'outages':
      case 'outageTime':
        return [...sums.outages].flatMap(([outage, own]) => {
          const value = outageCounts(quantity, own)
          return value === null ? [] : [{ unit: null, outages: [outage], value }]
        })
      case 'servedUnits':
      case 'servedKva':
      case 'servedAverageKw':
      case 'periodHours':
        return null
    }
  }

  return {
    onCounted(counted) {
      if (counted.cell !== cell) return
      const { first, length, units, ms, interruptions, unit } = counted
      const own = sumsOf(first.outage)
      const bits = classOf(first, length === 'short')
      const bump = (into: Float64Array, by: number): void => {
        into[bits] = (into[bits] ?? 0) + by
      }
      bump(own.interruptions, interruptions)
      bump(own.unitMs, units * ms)
      bump(own.kva, counted.kva)
      bump(own.kvaMs, counted.kvaMs)
      bump(own.kwMs, counted.kwMs)
      if (unit !== null) noteUnit(unit, first.outage)
      else if (interruptions > 0) {
        const isLong = length === 'long'
        const longMs = isLong ? counted.longestMs : 0
        const [long, events] = isLong ? [1, 0] : [0, 1]
        const tally = { units, any: 1, long, events, longMs, longestMs: longMs }
        nameless.push({ outage: first.outage, tally })
      }
    },
    onEvent(event) {
      if (event.cell !== cell) return
      sumsOf(event.outage).momentaryEvents += event.units
      if (event.unit !== null) noteUnit(event.unit, event.outage)
    },
    partsOf(rule, sums, served) {
      const part = (quantity: Quantity): FigureQuantity => {
        const value = amount(quantity, sums, served, settings)
        // Where the whole cannot be known, its parts make nothing.
        return { quantity, value, parts: value === null ? null : parts(quantity, sums, served) }
      }
      const isShare = 'availability' in rule
      const bottom: Quantity | undefined = isShare ? { of: 'servedUnits' } : rule.bottom
      return {
        form: !isShare ? 'ratio' : rule.lost === true ? 'unavailability' : 'availability',
        scale: rule.scale ?? 1,
        value: figureOf(rule, sums, served, settings),
        top: part(isShare ? rule.availability : rule.top),
        bottom: bottom === undefined ? null : part(bottom),
        periodHours: served.periodHours,
      }
    },
  }
}
