/**
 * What a rulebook is: named settings that decide how interruptions are classified, and a list of indices, each a ratio of two
 * quantities out of one set of sums. `rulebooks.ts` holds the rulebooks that we know.
 */
export type Rulebook = {
  readonly id: string
  /** The document that it follows. */
  readonly name: { readonly en: string; readonly zh: string }
  readonly settings: RulebookSettings
  readonly indices: readonly IndexRule[]
}

/** Printed with every report: two figures compare only where these agree. */
export type RulebookSettings = {
  /** An interruption this long or shorter is short (momentary); see `shortIncludesLimit`. */
  readonly shortUpToS: number
  /** Whether one of exactly `shortUpToS` is still short. */
  readonly shortIncludesLimit: boolean
  /**
   * One this short is a reclosing or a transfer that went through at once, and no interruption; absent in reports that were filed before
   * there was a choice: 0, all count.
   */
  readonly immediateUpToS?: number
  /** What is counted: the customers behind a load point, or the load point itself as one user. */
  readonly unit: 'customer' | 'medium_voltage_user'
  /** Short interruptions that begin within this of the first are one momentary event. */
  readonly eventWindowS: number
  /** In the same outage, one that begins this soon after the restoration adds time but no new interruption; null: never so. */
  readonly reinterruptionMergeMin: number | null
  /** CEMI-n and CEMSMI-n count `atLeast` n, or (edition of 2003) `moreThan` n. */
  readonly repeatedCompare: 'atLeast' | 'moreThan'
  readonly longSingleH: number
  readonly longTotalH: number
  /** What a planned interruption becomes that outlasts the end that was approved. */
  readonly plannedOverrun: PlannedOverrun
  /** What planned work is to customers whom nobody had told of it. */
  readonly plannedUntold: 'planned' | 'fault'
  /** What a planned interruption counts in figures that are weighted; absent in reports that were filed before there was a choice: 1. */
  readonly plannedWeight?: number
}

/**
 * - `planned`: it stays planned to its end.
 * - `faultTime`: the time beyond counts as a fault, and the interruption stays the one planned interruption that customers saw.
 * - `faultInterruption`: the time beyond is recorded as a fault of its own, and counts once more.
 */
export type PlannedOverrun = 'planned' | 'faultTime' | 'faultInterruption'

/** Which interruptions a sum is over; what is not named does not matter. */
export type InterruptionFilter = {
  readonly length?: 'short' | 'long'
  readonly nature?: 'planned' | 'unplanned'
  readonly external?: boolean
  readonly sourceShortage?: boolean
}

export type Quantity =
  /** `weighted`: planned ones by the `plannedWeight` of the rulebook. */
  | { readonly of: 'interruptions'; readonly where: InterruptionFilter; readonly weighted?: true }
  /** Units × time without supply; `weighted` as above. */
  | {
      readonly of: 'unitTime'
      readonly where: InterruptionFilter
      readonly in: 'min' | 'h'
      readonly weighted?: true
    }
  | { readonly of: 'kva'; readonly where: InterruptionFilter }
  | { readonly of: 'kvaTime'; readonly where: InterruptionFilter; readonly in: 'min' | 'h' }
  /** Energy not served, by the average load of the interrupted points. */
  | { readonly of: 'energyKwh'; readonly where: InterruptionFilter }
  | { readonly of: 'momentaryEvents' }
  /** Distinct units with at least one such interruption. */
  | { readonly of: 'distinctUnits'; readonly length?: 'long' }
  /** Distinct units with n or more long ones; `momentary` adds momentary events to the count. */
  | { readonly of: 'repeatedUnits'; readonly n: number; readonly momentary: boolean }
  /** Distinct units with one interruption, or a total, of so many hours. */
  | { readonly of: 'longUnits'; readonly by: 'single' | 'total' }
  /** Outages (incidents) and the sum of their durations. */
  | { readonly of: 'outages'; readonly where: InterruptionFilter }
  | { readonly of: 'outageTime'; readonly where: InterruptionFilter; readonly in: 'min' | 'h' }
  | { readonly of: 'servedUnits' }
  | { readonly of: 'servedKva' }
  | { readonly of: 'servedAverageKw' }
  | { readonly of: 'periodHours' }

export type IndexRule = {
  readonly symbol: string
  readonly unit: string
  readonly name: { readonly en: string; readonly zh: string }
} & (
  | { readonly top: Quantity; readonly bottom?: Quantity; readonly scale?: number }
  /** 1 − unit-hours lost ÷ (units × hours of the period), times `scale`; `lost` gives the share that is missing. */
  | { readonly availability: Quantity; readonly lost?: boolean; readonly scale?: number }
)
