import type { IndexRow } from './indices.ts'
import { HOURS_A_YEAR, type PredictionRow } from './predict.ts'

/** SAIFI 1/a, SAIDI h/a, CAIDI h, ASAI, ENS MWh/a: what a prediction and a record can both say. */
export type YearlyFigures = {
  readonly SAIFI: number | null
  readonly SAIDI: number | null
  readonly CAIDI: number | null
  readonly ASAI: number | null
  readonly ENS: number | null
}

export type BesideRow = {
  readonly group: string | null
  /** In the network that is in force. */
  readonly customersServed: number | null
  readonly predicted: YearlyFigures
  /** Of the period, as if it went on for a year. */
  readonly recorded: YearlyFigures
  readonly provisional: boolean
}

const NOTHING: YearlyFigures = { SAIFI: null, SAIDI: null, CAIDI: null, ASAI: null, ENS: null }

/**
 * What to expect beside what was, group by group. `recorded` are rows of a report under IEEE 1366; what one side does not have is null
 * there: a feeder that is no more has no prediction.
 */
export function besideRecorded(
  predicted: readonly PredictionRow[],
  recorded: readonly IndexRow[],
  periodHours: number,
): BesideRow[] {
  const expected = new Map(predicted.map((row) => [row.group, row]))
  const happened = new Map(recorded.map((row) => [row.group, row]))
  const groups = new Set([...expected.keys(), ...happened.keys()])
  const years = periodHours / HOURS_A_YEAR
  return [...groups].map((group) => {
    const will = expected.get(group)
    const was = happened.get(group)
    return {
      group,
      customersServed: will?.customersServed ?? null,
      predicted: will === undefined ? NOTHING : yearlyOf(will.indices),
      recorded: was === undefined ? NOTHING : recordedYearly(was, years),
      provisional: was?.provisional ?? false,
    }
  })
}

const yearlyOf = ({ SAIFI, SAIDI, CAIDI, ASAI, ENS }: YearlyFigures): YearlyFigures => ({
  SAIFI,
  SAIDI,
  CAIDI,
  ASAI,
  ENS,
})

function recordedYearly({ indices }: IndexRow, years: number): YearlyFigures {
  const over = (value: number | null | undefined, by: number): number | null =>
    value === null || value === undefined ? null : value / by
  return {
    SAIFI: over(indices['SAIFI'], years),
    SAIDI: over(indices['SAIDI'], 60 * years),
    CAIDI: over(indices['CAIDI'], 60),
    ASAI: indices['ASAI'] ?? null,
    ENS: over(indices['ENS'], 1000 * years),
  }
}
