/** A connection that was asked for and is not there yet. */
export type PipelineRequest = {
  readonly id: string
  readonly kw: number
  /** First year in which it is there at the time of the peak. */
  readonly year: number
  /** How much of it meets the peak, 0 to 1. */
  readonly coincidence: number
}

export type PeakYear = {
  readonly year: number
  readonly lowKw: number
  readonly baseKw: number
  readonly highKw: number
  readonly pipelineKw: number
}

export type PeakForecast = {
  /** Growth of the base case without the pipeline, in per cent a year. */
  readonly growthPct: number
  readonly basis: 'history' | 'assumed'
  readonly years: readonly PeakYear[]
  /** First year in which each case is above the limit; null: not within the years asked. */
  readonly passes: {
    readonly low: number | null
    readonly base: number | null
    readonly high: number | null
  }
}

/** Of the 80 % band of a normal error. */
const BAND = 1.2816
/** No band is narrower than this each year, whatever a short history says. */
const GROWTH_SPREAD_MIN = 0.005
const YEARS_MIN = 3

/**
 * Yearly peaks to come: exponential growth as the past peaks show it (least squares on their logarithms, at least three of them; else as assumed),
 * an 80 % band that widens with time, and the connections in the pipeline on top.
 */
export function forecastPeaks(past: {
  readonly peaks: readonly { readonly year: number; readonly kw: number }[]
  readonly assumedGrowthPct: number
  readonly pipeline: readonly PipelineRequest[]
  readonly years: number
  readonly limitKw: number | null
}): PeakForecast {
  const peaks = past.peaks.filter((peak) => peak.kw > 0).sort((a, b) => a.year - b.year)
  const last = peaks.at(-1)
  if (last === undefined) return noHistory(past.assumedGrowthPct)
  const trend = peaks.length >= YEARS_MIN ? fitTrend(peaks) : null
  const slope = trend?.slope ?? Math.log(1 + past.assumedGrowthPct / 100)
  const years: PeakYear[] = []
  for (let ahead = 1; ahead <= past.years; ahead++) {
    const year = last.year + ahead
    const log = trend === null ? Math.log(last.kw) + slope * ahead : trend.at(year)
    const spread = Math.max(
      BAND * (trend?.errorAt(year) ?? 0),
      Math.log(1 + GROWTH_SPREAD_MIN) * ahead * BAND,
    )
    let pipelineKw = 0
    for (const request of past.pipeline) {
      if (request.year <= year && request.year > last.year) {
        pipelineKw += request.kw * request.coincidence
      }
    }
    years.push({
      year,
      lowKw: Math.exp(log - spread) + pipelineKw,
      baseKw: Math.exp(log) + pipelineKw,
      highKw: Math.exp(log + spread) + pipelineKw,
      pipelineKw,
    })
  }
  const firstAbove = (kw: (year: PeakYear) => number): number | null => {
    const { limitKw } = past
    return limitKw === null ? null : (years.find((year) => kw(year) > limitKw)?.year ?? null)
  }
  return {
    growthPct: (Math.exp(slope) - 1) * 100,
    basis: trend === null ? 'assumed' : 'history',
    years,
    passes: {
      low: firstAbove((year) => year.lowKw),
      base: firstAbove((year) => year.baseKw),
      high: firstAbove((year) => year.highKw),
    },
  }
}

const noHistory = (growthPct: number): PeakForecast => ({
  growthPct,
  basis: 'assumed',
  years: [],
  passes: { low: null, base: null, high: null },
})

/** Straight line through the logarithms, with the standard error of a new year's value. */
function fitTrend(peaks: readonly { readonly year: number; readonly kw: number }[]) {
  const n = peaks.length
  const meanYear = peaks.reduce((sum, peak) => sum + peak.year, 0) / n
  const meanLog = peaks.reduce((sum, peak) => sum + Math.log(peak.kw), 0) / n
  let [square, cross] = [0, 0]
  for (const { year, kw } of peaks) {
    square += (year - meanYear) ** 2
    cross += (year - meanYear) * (Math.log(kw) - meanLog)
  }
  const slope = square === 0 ? 0 : cross / square
  const at = (year: number) => meanLog + slope * (year - meanYear)
  const residual = peaks.reduce((sum, { year, kw }) => sum + (Math.log(kw) - at(year)) ** 2, 0)
  const variance = residual / (n - 2)
  const errorAt = (year: number) =>
    Math.sqrt(variance * (1 + 1 / n + (year - meanYear) ** 2 / square))
  return { slope, at, errorAt }
}
