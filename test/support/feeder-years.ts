import fs from 'node:fs'
import { QUANTILES } from '../../src/balance/forecast-errors.ts'
import { rollingForecasts, type HourlySeries } from '../../src/balance/forecast.ts'

const PROFILES = new URL('../../../shared/data/load_profiles/', import.meta.url)
/** Why there are no real years, or false. */
export const NO_FEEDER_YEARS = fs.existsSync(PROFILES) ? false : 'no ../shared/data'
const YEAR_H = 8760
/** The first of January of the year behind the profiles is a Friday: its second and third day live like a weekend. */
const FRIDAY_H = 4 * 24

export const seriesOf = (values: readonly number[]): HourlySeries => ({
  values: Float64Array.from(values),
  startHourOfWeek: FRIDAY_H,
  holiday: null,
  temperature: null,
})

/** Five measured years of two feeders (EPRI ckt24 and ckt5), hour by hour. */
export function readFeederYears(): { circuit: string; name: string; series: HourlySeries }[] {
  const read = (file: string) => fs.readFileSync(new URL(file, PROFILES), 'utf8').trim()
  const heads = ['LS_ThreePhase', 'Other_Bus_Load'].map((name) => ({
    circuit: 'ckt24',
    name,
    series: seriesOf(read(`epri_ckt24_${name}.txt`).split(/\s+/).map(Number)),
  }))
  const [header, ...rows] = read('epri_ckt5_classes_8760.csv').split(/\r?\n/)
  const classes = (header ?? '').split(',').slice(1)
  return [
    ...heads,
    ...classes.map((name, column) => ({
      circuit: 'ckt5',
      name,
      series: seriesOf(rows.map((row) => Number(row.split(',')[column + 1]))),
    })),
  ]
}

/** Sums over `hours`: relative errors, pinball losses (shares of the peak, as the years are), hours within the 80 % band. */
export type Score = { hours: number; mape: number; pinball: number; covered: number }

/** Daily origins over the last three months of the year: what was said against what came. */
export function score(series: HourlySeries, only?: 'seasonalNaive'): Score {
  const total: Score = { hours: 0, mape: 0, pinball: 0, covered: 0 }
  const window = {
    from: YEAR_H - 92 * 24,
    last: YEAR_H - 168,
    ...(only === undefined ? {} : { only }),
  }
  for (const forecast of rollingForecasts(series, window)) {
    for (const hour of forecast.hours) {
      const came = series.values[forecast.origin + hour.ahead] as number
      if (hour.value === null || hour.quantiles === null)
        throw new Error('every hour has a band here')
      total.hours++
      total.mape += Math.abs(came - hour.value) / came
      QUANTILES.forEach((level, i) => {
        const off = came - (hour.quantiles?.[i] as number)
        total.pinball += Math.max(level * off, (level - 1) * off) / QUANTILES.length
      })
      const [low, high] = [hour.quantiles[1] as number, hour.quantiles[5] as number]
      if (came >= low && came <= high) total.covered++
    }
  }
  return total
}
