import t from 'tap'
import { forecastFrom, rollingForecasts, type Temperature } from '../src/balance/forecast.ts'
import {
  NO_FEEDER_YEARS,
  readFeederYears,
  score,
  seriesOf,
  type Score,
} from './support/feeder-years.ts'
import { seeded } from './support/seeded.ts'
import { forecastPeaks } from '../src/balance/yearly-peak.ts'

await t.test(
  'on real feeder years the model errs less than the same hour last week',
  { skip: NO_FEEDER_YEARS },
  async (t) => {
    for (const { circuit, name, series } of readFeederYears()) {
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

const SEED = 20261125

/**
 * Half a year of a feeder whose load follows a known law: the week, 4 kW for each degree above 18, and noise. Degrees wander from day to day, so that last
 * week says little of them. Forecasts of them are made at each hour: the truth, and an error of `errorC` for each day ahead.
 */
function warmTown(errorC: number) {
  const random = seeded(SEED)
  const hours = 168 * 26
  const degrees: number[] = []
  let level = 22
  for (let hour = 0; hour < hours + 168; hour++) {
    if (hour % 24 === 0) level += 0.3 * (22 - level) + 8 * (random() - 0.5)
    degrees.push(level + 5 * Math.sin((2 * Math.PI * (hour - 8)) / 24))
  }
  const offs = Array.from({ length: hours + 168 }, () => 2 * (random() - 0.5))
  const load = degrees.map((c, hour) => week(hour) + 4 * Math.max(0, c - 18) + 4 * random())
  const temperature: Temperature = (hour, origin) => {
    const truth = degrees[hour] ?? NaN
    const daysAhead = (hour - origin) / 24
    return hour < origin
      ? truth
      : truth + errorC * daysAhead * (offs[(hour + 7 * origin) % hours] ?? 0)
  }
  const known = load.map((value, hour) => (hour < hours ? value : NaN)).slice(0, hours)
  const from = 168 * 22
  /** Mean absolute error of daily forecasts over the last weeks, and what was used. */
  const judge = (given: Temperature | null) => {
    const score = { kw: 0, hours: 0, covered: 0, methods: new Set<string>(), temperaturePct: 0 }
    const series = { ...seriesOf(known), temperature: given }
    for (const forecast of rollingForecasts(series, { from, last: hours - 168 })) {
      score.methods.add(forecast.method)
      score.temperaturePct = forecast.errorPct.temperature ?? NaN
      for (const { ahead, value, quantiles } of forecast.hours) {
        const came = load[forecast.origin + ahead] as number
        if (value === null || quantiles === null) throw new Error('every hour has a band here')
        score.kw += Math.abs(came - value)
        score.hours++
        if (came >= (quantiles[1] as number) && came <= (quantiles[5] as number)) score.covered++
      }
    }
    return { ...score, kw: score.kw / score.hours, covered: score.covered / score.hours }
  }
  return { judge, temperature, known, hours }
}

await t.test('a temperature that is forecast well halves the error', async (t) => {
  const { judge, temperature } = warmTown(0.2)
  const [told, blind] = [judge(temperature), judge(null)]
  t.comment(`${told.kw.toFixed(2)} kW told, ${blind.kw.toFixed(2)} kW not told (seed ${SEED})`)
  t.strictSame([...told.methods], ['temperature'])
  t.ok(told.kw < blind.kw / 2, `${told.kw} against ${blind.kw}`)
  t.ok(told.covered > 0.72 && told.covered < 0.88, `80 % band covers ${told.covered.toFixed(3)}`)
  t.notOk(blind.methods.has('temperature'))
})

await t.test('a temperature that is forecast badly is left out', async (t) => {
  // As measured it says all; as forecast, nothing: a backtest with measured temperatures would fall for it.
  const { judge, temperature } = warmTown(40)
  const [told, blind] = [judge(temperature), judge(null)]
  t.notOk(told.methods.has('temperature'), [...told.methods].join())
  t.equal(told.kw, blind.kw, 'and does no harm')
  t.ok(told.temperaturePct > 0, 'its error is shown all the same')
})

await t.test(
  'measured temperatures alone, without a forecast of them, change nothing',
  async (t) => {
    const { temperature, known, hours } = warmTown(0.2)
    const measured: Temperature = (hour, origin) =>
      hour < origin ? temperature(hour, origin) : NaN
    const plain = forecastFrom(seriesOf(known), hours, 168)
    const told = forecastFrom({ ...seriesOf(known), temperature: measured }, hours, 168)
    t.strictSame(told, plain)
    t.equal(told.errorPct.temperature, null)
  },
)

await t.test('hours beyond the forecast of temperature are forecast without it', async (t) => {
  const { temperature, known, hours } = warmTown(0.2)
  const twoDays: Temperature = (hour, origin) =>
    hour < origin + 48 ? temperature(hour, origin) : NaN
  const plain = forecastFrom(seriesOf(known), hours, 168)
  const told = forecastFrom({ ...seriesOf(known), temperature: twoDays }, hours, 168)
  t.equal(told.method, 'temperature')
  t.strictSame(told.hours.slice(48), plain.hours.slice(48))
  t.ok(told.hours.slice(0, 48).every((hour, i) => hour.value !== plain.hours[i]?.value))
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
