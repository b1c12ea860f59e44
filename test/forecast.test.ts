import fs from 'node:fs'
import t from 'tap'
import {
  forecastFrom,
  QUANTILES,
  rollingForecasts,
  type HourlySeries,
} from '../src/balance/forecast.ts'
import { forecastPeaks } from '../src/balance/yearly-peak.ts'

const PROFILES = new URL('../../shared/data/load_profiles/', import.meta.url)
const skip = fs.existsSync(PROFILES) ? false : 'no ../shared/data'
const YEAR_H = 8760
/** The first of January of the year behind the profiles is a Friday: its second and third day live like a weekend. */
const FRIDAY_H = 4 * 24

const seriesOf = (values: readonly number[]): HourlySeries => ({
  values: Float64Array.from(values),
  startHourOfWeek: FRIDAY_H,
  holiday: null,
  temperatureC: null,
})

function readSeries(): { circuit: string; name: string; series: HourlySeries }[] {
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

type Score = { hours: number; mape: number; pinball: number; covered: number }

/** Daily origins over the last three months of the year: what was said against what came. */
function score(series: HourlySeries, only?: 'seasonalNaive'): Score {
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

await t.test(
  'on real feeder years the model errs less than the same hour last week',
  { skip },
  async (t) => {
    for (const { circuit, name, series } of readSeries()) {
      const ours = score(series)
      const naive = score(series, 'seasonalNaive')
      const pct = (value: number, { hours }: Score) => ((value / hours) * 100).toFixed(2)
      t.comment(
        `${circuit} ${name}: MAPE ${pct(ours.mape, ours)} % (naive ${pct(naive.mape, naive)} %), ` +
          `pinball ${pct(ours.pinball, ours)} (naive ${pct(naive.pinball, naive)}), ` +
          `80 % band covers ${pct(ours.covered, ours)} %`,
      )
      t.ok(ours.mape < naive.mape, `${name}: MAPE`)
      t.ok(ours.pinball < naive.pinball, `${name}: pinball loss`)
      const share = ours.covered / ours.hours
      t.ok(share >= 0.72 && share <= 0.88, `${name}: the 80 % band covers ${share.toFixed(3)}`)
    }
  },
)

const week = (hour: number) =>
  100 + 30 * Math.sin((2 * Math.PI * hour) / 24) + (hour % 168 < 48 ? -20 : 0)

await t.test(
  'what repeats exactly every week is left to the naive method, which is exact',
  async (t) => {
    const series = seriesOf(Array.from({ length: 168 * 24 }, (_, hour) => week(hour)))
    const forecast = forecastFrom(series, 168 * 22, 168)
    forecast.hours.forEach((hour) => {
      t.ok(Math.abs((hour.value as number) - week(168 * 22 + hour.ahead)) < 0.5)
      t.ok(Math.abs((hour.naive as number) - week(168 * 22 + hour.ahead)) < 1e-6)
    })
  },
)

await t.test('a forecast knows nothing of what comes after its origin', async (t) => {
  const known = Array.from({ length: 168 * 24 }, (_, hour) => week(hour) + ((hour * 7919) % 13))
  const origin = 168 * 20 + 5
  const spoilt = known.map((value, hour) => (hour >= origin ? value * 10 + 7 : value))
  t.strictSame(
    forecastFrom(seriesOf(spoilt), origin, 72),
    forecastFrom(seriesOf(known), origin, 72),
  )
})

await t.test('quantiles stand in order and hold the value in their middle', async (t) => {
  const noisy = Array.from({ length: 168 * 24 }, (_, hour) => week(hour) + ((hour * 7919) % 31))
  for (const hour of forecastFrom(seriesOf(noisy), 168 * 23, 168).hours) {
    const quantiles = hour.quantiles as readonly number[]
    t.strictSame(
      [...quantiles].sort((a, b) => a - b),
      quantiles,
    )
    t.equal(quantiles[3], hour.value)
  }
})

await t.test('gaps and short histories are answered by what is known, never by 0', async (t) => {
  const holes = Array.from({ length: 168 * 24 }, (_, hour) =>
    hour % 97 < 9 || (hour > 3000 && hour < 3200) ? NaN : week(hour) + ((hour * 7919) % 13),
  )
  const hours = forecastFrom(seriesOf(holes), 168 * 23, 168).hours
  for (const hour of hours) t.ok(hour.value === null || hour.value > 50, `hour ${hour.ahead}`)
  t.ok(hours.filter((hour) => hour.value !== null).length > 150)

  const short = forecastFrom(
    seriesOf(Array.from({ length: 200 }, (_, hour) => week(hour))),
    200,
    24,
  )
  t.equal(short.method, 'seasonalNaive')
  t.equal(short.hours[0]?.value, week(32), 'a week and a day suffice for last week')
  t.equal(short.hours[0]?.quantiles, null, 'but no band without past errors')
  const none = forecastFrom(seriesOf([5, 6]), 2, 3)
  t.strictSame(
    none.hours.map((hour) => hour.value),
    [null, null, null],
  )
  t.throws(() => forecastFrom(seriesOf([1]), 1, 169), /at most 168/)
})

await t.test('a temperature that is given is used', async (t) => {
  const random = (hour: number) => ((hour * 7919) % 101) / 101
  const temperature = Array.from(
    { length: 168 * 24 },
    (_, hour) => 25 + 10 * (random(Math.floor(hour / 24)) - 0.5),
  )
  const load = temperature.map((c, hour) => week(hour) + 4 * Math.max(0, c - 18))
  const origin = 168 * 22
  const errorWith = (temperatureC: Float64Array | null) =>
    forecastFrom({ ...seriesOf(load), temperatureC }, origin, 168).hours.reduce(
      (sum, hour) => sum + Math.abs((hour.value as number) - (load[origin + hour.ahead] as number)),
      0,
    )
  const [blind, told] = [errorWith(null), errorWith(Float64Array.from(temperature))]
  t.ok(told < blind / 2, `${told} against ${blind}`)
})

await t.test(
  'yearly peaks: growth, band, pipeline and the year that a limit is passed',
  async (t) => {
    const peaks = [2021, 2022, 2023, 2024, 2025].map((year, i) => ({ year, kw: 1000 * 1.05 ** i }))
    const base = { peaks, assumedGrowthPct: 2, pipeline: [], years: 6, limitKw: 1400 }
    const grown = forecastPeaks(base)
    t.equal(grown.growthPct.toFixed(6), '5.000000')
    t.equal(grown.basis, 'history')
    t.equal(grown.years[0]?.baseKw.toFixed(3), (1000 * 1.05 ** 5).toFixed(3))
    t.strictSame(grown.passes, { low: 2029, base: 2028, high: 2028 }, '1.05^7 = 1.407')
    for (const year of grown.years) t.ok(year.lowKw < year.baseKw && year.baseKw < year.highKw)

    const pipeline = [
      { id: 'mill', kw: 400, year: 2026, coincidence: 0.5 },
      { id: 'there already', kw: 999, year: 2025, coincidence: 1 },
      { id: 'later', kw: 100, year: 2028, coincidence: 1 },
    ]
    const more = forecastPeaks({ ...base, pipeline })
    t.strictSame(
      more.years.map((year) => year.pipelineKw),
      [200, 200, 300, 300, 300, 300],
    )
    t.equal(more.passes.base, 2026)
    const short = forecastPeaks({ ...base, peaks: peaks.slice(0, 2) })
    t.match(short, { basis: 'assumed' })
    t.equal(short.years[0]?.baseKw.toFixed(3), '1071.000', '2 % as assumed')
    t.strictSame(forecastPeaks({ ...base, peaks: [] }).years, [], 'nothing from nothing')
  },
)
