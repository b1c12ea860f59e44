import type { LocalDay } from './calendar.ts'

export type DailySaidi = { readonly day: LocalDay; readonly saidiMin: number }

export type MajorDaySettings = {
  /** Complete years before the year under report. */
  readonly yearsMax: number
  /** With less history than this no threshold is published. */
  readonly monthsMin: number
  readonly betas: number
}

export const MAJOR_DAY_SETTINGS: MajorDaySettings = { yearsMax: 5, monthsMin: 12, betas: 2.5 }

export type Threshold = {
  /** Mean and sample deviation of the natural logarithms of daily SAIDI in minutes; null where there is too little history. */
  readonly alpha: number | null
  readonly beta: number | null
  readonly thresholdMin: number | null
  /** Days with interruptions, the only ones that have a logarithm. */
  readonly historyDays: number
}

/**
 * IEEE Std 1366, 2.5 beta method: T_MED = exp(α + 2.5 β) of the daily SAIDI before the year. Days without interruption have no logarithm
 * and are dropped; fewer than two days give no deviation.
 */
export function majorDayThreshold(
  history: readonly DailySaidi[],
  settings: MajorDaySettings = MAJOR_DAY_SETTINGS,
): Threshold {
  const logs = history
    .filter(({ saidiMin }) => saidiMin > 0)
    .map(({ saidiMin }) => Math.log(saidiMin))
  if (logs.length < 2)
    return { alpha: null, beta: null, thresholdMin: null, historyDays: logs.length }
  const alpha = logs.reduce((sum, x) => sum + x, 0) / logs.length
  const squares = logs.reduce((sum, x) => sum + (x - alpha) ** 2, 0)
  const beta = Math.sqrt(squares / (logs.length - 1))
  return {
    alpha,
    beta,
    thresholdMin: Math.exp(alpha + settings.betas * beta),
    historyDays: logs.length,
  }
}

/** The days above the threshold; a day exactly at it is none. */
export const majorDaysOf = (
  days: readonly DailySaidi[],
  thresholdMin: number | null,
): DailySaidi[] =>
  thresholdMin === null ? [] : days.filter(({ saidiMin }) => saidiMin > thresholdMin)

/**
 * The local days that a threshold for `year` rests on: up to five calendar years before it, from the month of the first interruption on
 * record. Null where that is less than the least history.
 */
export function historyOf(
  year: number,
  firstDay: LocalDay | null,
  settings: MajorDaySettings = MAJOR_DAY_SETTINGS,
): { from: LocalDay; to: LocalDay } | null {
  if (firstDay === null) return null
  const to = `${String(year).padStart(4, '0')}-01-01`
  const earliest = `${String(year - settings.yearsMax).padStart(4, '0')}-01-01`
  const firstMonth = `${firstDay.slice(0, 7)}-01`
  const from = firstMonth > earliest ? firstMonth : earliest
  const months = (year - Number(from.slice(0, 4))) * 12 - (Number(from.slice(5, 7)) - 1)
  return months < settings.monthsMin ? null : { from, to }
}

/** Months that a history covers: at most 60, and fewer where the record begins later; null without a history. */
export const historyMonths = (history: { from: LocalDay; to: LocalDay } | null): number | null =>
  history === null
    ? null
    : (Number(history.to.slice(0, 4)) - Number(history.from.slice(0, 4))) * 12 +
      Number(history.to.slice(5, 7)) -
      Number(history.from.slice(5, 7))
