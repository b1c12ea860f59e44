import { fitRidge, predictRidge, type RidgeFit } from './regression.ts'

/** Hourly loads of a feeder or substation without a hole in time; NaN where nothing was measured. */
export type HourlySeries = {
  readonly values: Float64Array
  /** Local hour of the week of `values[0]`; 0 is Monday from 00:00 to 01:00. */
  readonly startHourOfWeek: number
  /** 1 for local days that live like a Sunday, by hour; null: weekends only. */
  readonly holiday: Uint8Array | null
  /** Degrees Celsius by hour, as measured and, after the origin, as forecast; null: not given. At least as long as what is asked. */
  readonly temperatureC: Float64Array | null
}

export const QUANTILES = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95] as const
export const FORECAST_HOURS_MAX = 168
const DAY_H = 24
const WEEK_H = 168
const LEAD_DAYS = FORECAST_HOURS_MAX / DAY_H
/** The model is fitted again this often as the origin moves on. */
export const REFIT_DAYS = 7
/** Errors of so many past origins make the quantiles and decide between the methods. */
export const ERROR_ORIGINS = 56
/** Hours of history below which there is nothing to learn from. */
export const HISTORY_H_MIN = 8 * WEEK_H

export type Method = 'regression' | 'seasonalNaive'

export type ForecastHour = {
  /** Hours after the origin, from 0. */
  readonly ahead: number
  /** Most likely value of the method in use; null where not even last week is known. */
  readonly value: number | null
  /** One a level of QUANTILES; null where there are no past errors to say it from. */
  readonly quantiles: readonly number[] | null
  /** What the seasonal-naive method says, for comparison. */
  readonly naive: number | null
}

export type Forecast = {
  /** Index of the first hour that is not known. */
  readonly origin: number
  readonly method: Method
  /** Mean absolute error of past forecasts over the mean load, in per cent; null without any. */
  readonly errorPct: { readonly regression: number | null; readonly seasonalNaive: number | null }
  readonly hours: readonly ForecastHour[]
}

/**
 * Forecasts from daily origins, each from what was known there and then: fitted on the past only, its band from the errors that its own
 * earlier forecasts turned out to have, and the seasonal-naive method in its place wherever that erred less. Yields one forecast for each origin
 * from `from` up to `last`, a day apart. What is asked for the present is the last of them: the method judges itself on the way.
 */
export function* rollingForecasts(series: HourlySeries, asked: Origins): Generator<Forecast> {
  for (const step of forecastSteps(series, asked)) if (step !== null) yield step
}

export type Origins = {
  readonly from: number
  readonly last: number
  readonly hours?: number
  /** This method, whether or not it erred less: to compare the two. */
  readonly only?: Method
}

/** The same in pieces of some milliseconds: yields null where a service that has other work may do it. */
export function* forecastSteps(
  series: HourlySeries,
  { from, last, hours = FORECAST_HOURS_MAX, only }: Origins,
): Generator<Forecast | null> {
  if (hours > FORECAST_HOURS_MAX) throw new Error(`at most ${FORECAST_HOURS_MAX} hours ahead`)
  const past = new PastErrors(series.values)
  const known: Known = { series, running: runningSums(series.values) }
  const warmUpFrom = from - (ERROR_ORIGINS + LEAD_DAYS) * DAY_H
  let model: DayModel[] | null = null
  let fittedAt = -Infinity
  for (let origin = warmUpFrom; origin <= last; origin += DAY_H) {
    if (origin < HISTORY_H_MIN) {
      if (origin >= from) yield withBand(known, past, { origin, hours, model: null })
      continue
    }
    if (only !== 'seasonalNaive' && origin - fittedAt >= REFIT_DAYS * DAY_H) {
      model = yield* fitDays(known, origin)
      fittedAt = origin
    }
    past.learnUntil(origin)
    if (origin >= from) yield withBand(known, past, { origin, hours, model, only })
    const said = model === null ? null : regress(known, origin, FORECAST_HOURS_MAX, model)
    past.remember(origin, said, naive(series, origin, FORECAST_HOURS_MAX))
  }
}

const METHODS = ['regression', 'seasonalNaive'] as const
/** The bands that the quantiles are the ends of, as shares, narrow ones first. */
const BANDS = [0.5, 0.8, 0.9] as const
const ERRORS_MIN = 20
/** An error that is a month old weighs half. */
const ERROR_HALF_LIFE_H = 30 * DAY_H
/** How fast a band that holds too seldom or too often is drawn wider or narrower, by hour. */
const ADAPT = 0.005
/** Beyond 1: wider than the largest error so far, by this factor at most. */
const REACH_MAX = 1.5
type Said = {
  readonly origin: number
  readonly regression: Float64Array | null
  readonly naive: Float64Array
  learnt: number
  readonly widths: ReadonlyMap<string, readonly number[]>
}
type PastError = {
  readonly key: string
  readonly method: Method
  readonly hour: number
  readonly relative: number
  readonly absolute: number
}

type Known = { readonly series: HourlySeries; readonly running: Running }

/** The forecast from one origin, which need not be a whole day after anything. */
export function forecastFrom(series: HourlySeries, origin: number, hours: number): Forecast {
  for (const forecast of rollingForecasts(series, { from: origin, last: origin, hours })) {
    return forecast
  }
  throw new Error('an origin always has a forecast')
}

function withBand(
  known: Known,
  past: PastErrors,
  {
    origin,
    hours,
    model,
    only,
  }: {
    origin: number
    hours: number
    model: readonly DayModel[] | null
    only?: Method | undefined
  },
): Forecast {
  const plain = naive(known.series, origin, hours)
  const errorPct = past.errorPct()
  const better =
    errorPct.regression !== null &&
    errorPct.seasonalNaive !== null &&
    errorPct.regression < errorPct.seasonalNaive
  const method: Method = only ?? (model !== null && better ? 'regression' : 'seasonalNaive')
  const values =
    method === 'regression' && model !== null ? regress(known, origin, hours, model) : plain
  return {
    origin,
    method,
    errorPct,
    hours: Array.from({ length: hours }, (_, ahead) => {
      // Where a gap in the past leaves the model without its features, last week has to do.
      const value = orNull(values[ahead]) ?? orNull(plain[ahead])
      return {
        ahead,
        value,
        quantiles: value === null ? null : past.band(method, origin, ahead, value),
        naive: orNull(plain[ahead]),
      }
    }),
  }
}

const orNull = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : value

/** The same hour a week before, or the last week in which it is known. */
function naive(series: HourlySeries, origin: number, hours: number): Float64Array {
  const values = new Float64Array(hours).fill(NaN)
  for (let ahead = 0; ahead < hours; ahead++) {
    for (let weeks = 1; weeks <= 4 && Number.isNaN(values[ahead]); weeks++) {
      values[ahead] = valueAt(series, origin + ahead - weeks * WEEK_H)
    }
  }
  return values
}

const valueAt = (series: HourlySeries, hour: number): number =>
  hour < 0 ? NaN : (series.values[hour] ?? NaN)

/** One fit a day ahead, and how much of the error at the origin is left so many hours later (first day only). */
type DayModel = { readonly fit: RidgeFit; readonly carry: Float64Array | null }

/** Half-life of what the past teaches. */
const HALF_LIFE_H = 120 * DAY_H
const RIDGE = 1e-3

function* fitDays(known: Known, origin: number): Generator<null, DayModel[] | null> {
  const models: DayModel[] = []
  for (let day = 1; day <= LEAD_DAYS; day++) {
    yield null
    const rows: number[][] = []
    const targets: number[] = []
    const weights: number[] = []
    const hours: number[] = []
    for (let hour = 3 * WEEK_H; hour < origin; hour++) {
      const features = featuresOf(known, hour, day)
      const target = valueAt(known.series, hour)
      if (features === null || Number.isNaN(target)) continue
      rows.push(features)
      targets.push(target)
      weights.push(2 ** ((hour - origin) / HALF_LIFE_H))
      hours.push(hour)
    }
    const fit = fitRidge(rows, targets, { weights, ridge: RIDGE })
    if (fit === null) return null
    models.push({ fit, carry: day === 1 ? carryOver(fit, rows, targets, hours) : null })
  }
  return models
}

/** Slope of the error on the error `ahead + 1` hours before, for the hours of the first day. */
function carryOver(
  fit: RidgeFit,
  rows: readonly number[][],
  targets: readonly number[],
  hours: readonly number[],
): Float64Array {
  const errors = new Map<number, number>()
  rows.forEach((row, i) => {
    errors.set(hours[i] as number, (targets[i] as number) - predictRidge(fit, row))
  })
  const carry = new Float64Array(DAY_H)
  for (let ahead = 0; ahead < DAY_H; ahead++) {
    let [cross, square] = [0, 0]
    for (const [hour, error] of errors) {
      const before = errors.get(hour - ahead - 1)
      if (before === undefined) continue
      cross += error * before
      square += before * before
    }
    carry[ahead] = square === 0 ? 0 : Math.max(0, Math.min(1, cross / square))
  }
  return carry
}

/**
 * What is known `day` days before an hour: the same hour then, a week and two weeks before, the level of the last day and week, the clock and the
 * calendar, and the temperature where it is given.
 */
function featuresOf({ series, running }: Known, hour: number, day: number): number[] | null {
  const lag = day * DAY_H
  const same = valueAt(series, hour - lag)
  const week = valueAt(series, hour - WEEK_H)
  const twoWeeks = valueAt(series, hour - 2 * WEEK_H)
  const dayLevel = meanOf(running, hour - lag - DAY_H + 1, hour - lag)
  const weekDayLevel = meanOf(running, hour - WEEK_H - DAY_H + 1, hour - WEEK_H)
  const weekLevel = meanOf(running, hour - lag - WEEK_H + 1, hour - lag)
  const off = dayOff(series, hour)
  const otherDay = off === dayOff(series, hour - lag) ? 0 : 1
  const angle = (2 * Math.PI * (series.startHourOfWeek + hour)) / DAY_H
  const features = [
    1,
    same,
    week,
    twoWeeks,
    dayLevel,
    weekDayLevel,
    weekLevel,
    otherDay * same,
    otherDay * week,
    off,
    Math.sin(angle),
    Math.cos(angle),
    Math.sin(2 * angle),
    Math.cos(2 * angle),
    off * Math.sin(angle),
    off * Math.cos(angle),
  ]
  if (series.temperatureC !== null) {
    const now = series.temperatureC[hour] ?? NaN
    const then = series.temperatureC[hour - lag] ?? NaN
    const heat = Math.max(0, now - 18) - Math.max(0, then - 18)
    const cold = Math.max(0, 16 - now) - Math.max(0, 16 - then)
    features.push(heat, cold, now - then)
  }
  return features.some(Number.isNaN) ? null : features
}

function dayOff(series: HourlySeries, hour: number): 0 | 1 {
  if (series.holiday?.[hour] === 1) return 1
  const ofWeek = (((series.startHourOfWeek + hour) % WEEK_H) + WEEK_H) % WEEK_H
  return ofWeek >= 5 * DAY_H ? 1 : 0
}

/** Running sums and counts of what is known: any mean in two look-ups. */
type Running = { readonly sum: Float64Array; readonly count: Int32Array }

function runningSums(values: Float64Array): Running {
  const sum = new Float64Array(values.length + 1)
  const count = new Int32Array(values.length + 1)
  values.forEach((value, hour) => {
    const isKnown = !Number.isNaN(value)
    sum[hour + 1] = (sum[hour] as number) + (isKnown ? value : 0)
    count[hour + 1] = (count[hour] as number) + (isKnown ? 1 : 0)
  })
  return { sum, count }
}

/** Mean of what is known in `[first, last]`; NaN where less than half of it is. */
function meanOf({ sum, count }: Running, first: number, last: number): number {
  if (first < 0 || last + 1 >= sum.length) return NaN
  const known = (count[last + 1] as number) - (count[first] as number)
  if (known * 2 < last - first + 1) return NaN
  return ((sum[last + 1] as number) - (sum[first] as number)) / known
}

function regress(
  known: Known,
  origin: number,
  hours: number,
  models: readonly DayModel[],
): Float64Array {
  const first = models[0] as DayModel
  const lastKnown = featuresOf(known, origin - 1, 1)
  const lastError =
    lastKnown === null ? 0 : valueAt(known.series, origin - 1) - predictRidge(first.fit, lastKnown)
  return Float64Array.from({ length: hours }, (_, ahead) => {
    const day = Math.floor(ahead / DAY_H)
    const model = models[day] as DayModel
    const features = featuresOf(known, origin + ahead, day + 1)
    if (features === null) return NaN
    const carried = Number.isNaN(lastError) ? 0 : (model.carry?.[ahead] ?? 0) * lastError
    return predictRidge(model.fit, features) + carried
  })
}

/**
 * What earlier forecasts turned out to be wrong by, relative to what they said, by day ahead and quarter of the day. An hour's error is known as soon as
 * the hour is over, and weighs the less the older it is. Beside them runs a book of how often each band held what came: where a band held too seldom it is
 * drawn from a higher quantile until it holds as often as it says (conformal inference that adapts, Gibbs and Candès 2021).
 */
class PastErrors {
  private readonly values: Float64Array
  private readonly waiting: Said[] = []
  private readonly known: PastError[] = []
  private readonly sorted = new Map<string, { relative: number; weight: number }[]>()
  /** By method, group and band: the quantile it is drawn from now. */
  private readonly reach = new Map<string, number>()
  private at = 0

  constructor(values: Float64Array) {
    this.values = values
  }

  remember(origin: number, regression: Float64Array | null, plain: Float64Array): void {
    const widths = new Map<string, number[]>()
    for (const method of METHODS) {
      for (let ahead = 0; ahead < FORECAST_HOURS_MAX; ahead++) {
        const key = `${method} ${groupOf(origin, ahead)}`
        if (!widths.has(key)) widths.set(key, this.widths(method, origin, ahead) ?? [])
      }
    }
    this.waiting.push({ origin, regression, naive: plain, learnt: 0, widths })
  }

  /** Turns what was said before into errors, as far as `origin` knows what came. */
  learnUntil(origin: number): void {
    this.at = origin
    for (const said of this.waiting) {
      const until = Math.min(FORECAST_HOURS_MAX, origin - said.origin)
      for (; said.learnt < until; said.learnt++) this.learn(said, said.learnt)
    }
    while (this.waiting[0] !== undefined && this.waiting[0].learnt >= FORECAST_HOURS_MAX) {
      this.waiting.shift()
    }
    const oldest = origin - (ERROR_ORIGINS + LEAD_DAYS) * DAY_H
    let gone = 0
    while ((this.known[gone]?.hour ?? Infinity) < oldest) gone++
    this.known.splice(0, gone)
    this.sorted.clear()
  }

  private learn(said: Said, ahead: number): void {
    const value = this.values[said.origin + ahead] ?? NaN
    for (const method of METHODS) {
      const guess = (method === 'regression' ? said.regression : said.naive)?.[ahead] ?? NaN
      const absolute = value - guess
      if (Number.isNaN(absolute) || guess === 0) continue
      const key = `${method} ${groupOf(said.origin, ahead)}`
      const relative = Math.abs(absolute / guess)
      this.known.push({ key, method, hour: said.origin + ahead, relative, absolute })
      const widths = said.widths.get(key) ?? []
      BANDS.forEach((band, i) => {
        const width = widths[i]
        if (width === undefined) return
        const place = `${key} ${band}`
        const held = relative <= width ? 1 : 0
        const now = (this.reach.get(place) ?? band) + ADAPT * (band - held)
        this.reach.set(place, Math.max(0, Math.min(REACH_MAX, now)))
      })
    }
  }

  errorPct(): Forecast['errorPct'] {
    const sums = { regression: [0, 0], seasonalNaive: [0, 0], load: [0, 0] }
    for (const { method, absolute, hour } of this.known) {
      sums[method][0]! += Math.abs(absolute)
      sums[method][1]!++
      sums.load[0]! += Math.abs(this.values[hour] ?? 0)
      sums.load[1]!++
    }
    const load = sums.load[1] === 0 ? 0 : (sums.load[0] as number) / (sums.load[1] as number)
    const share = ([sum, count]: number[]) =>
      count === 0 || load === 0 ? null : ((sum as number) / (count as number) / load) * 100
    return { regression: share(sums.regression), seasonalNaive: share(sums.seasonalNaive) }
  }

  band(method: Method, origin: number, ahead: number, value: number): number[] | null {
    const widths = this.widths(method, origin, ahead)
    if (widths === null) return null
    // Alike to both sides: which side past errors lay on turns with the season, their size does not.
    return QUANTILES.map((level) => {
      const band = BANDS.findIndex((each) => Math.abs(each - Math.abs(2 * level - 1)) < 1e-9)
      return value + Math.sign(level - 0.5) * Math.abs(value) * (widths[band] ?? 0)
    })
  }

  /** Half the width of each band over the value, narrow ones first; a wider band is never the narrower one. */
  private widths(method: Method, origin: number, ahead: number): number[] | null {
    const key = `${method} ${groupOf(origin, ahead)}`
    const errors = this.errorsLike(key)
    if (errors.length < ERRORS_MIN) return null
    let least = 0
    return BANDS.map((band) => {
      least = Math.max(least, quantileOf(errors, this.reach.get(`${key} ${band}`) ?? band))
      return least
    })
  }

  private errorsLike(key: string): { relative: number; weight: number }[] {
    if (this.sorted.size === 0) {
      for (const { key: of, relative, hour } of this.known) {
        const weight = 2 ** ((hour - this.at) / ERROR_HALF_LIFE_H)
        const like = this.sorted.get(of)
        if (like === undefined) this.sorted.set(of, [{ relative, weight }])
        else like.push({ relative, weight })
      }
      for (const like of this.sorted.values()) like.sort((a, b) => a.relative - b.relative)
    }
    return this.sorted.get(key) ?? []
  }
}

/** Errors are alike on the same day ahead in the same six hours of the day. */
const groupOf = (origin: number, ahead: number): number =>
  Math.floor(ahead / DAY_H) * 4 + Math.floor(((origin + ahead) % DAY_H) / 6)

/** Weighted, linear between the middles of the weights; beyond the last the largest error, and a little more where more is asked than there is. */
function quantileOf(
  sorted: readonly { readonly relative: number; readonly weight: number }[],
  level: number,
): number {
  let total = 0
  for (const { weight } of sorted) total += weight
  const wanted = level * total
  let [below, before] = [0, 0]
  let last = 0
  for (const { relative, weight } of sorted) {
    const middle = below + weight / 2
    if (middle >= wanted) {
      const share = middle === before ? 1 : (wanted - before) / (middle - before)
      return last + Math.max(0, Math.min(1, share)) * (relative - last)
    }
    before = middle
    last = relative
    below += weight
  }
  return last * (1 + Math.max(0, level - 1))
}
