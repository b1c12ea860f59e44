import {
  DAY_H,
  ERROR_ORIGINS,
  FORECAST_HOURS_MAX,
  LEAD_DAYS,
  PastErrors,
  type ErrorPct,
  type Method,
} from './forecast-errors.ts'
import { fitRidge, predictRidge, type RidgeFit } from './regression.ts'

/** Hourly loads of a feeder or substation without a hole in time; NaN where nothing was measured. */
export type HourlySeries = {
  readonly values: Float64Array
  /** Local hour of the week of `values[0]`; 0 is Monday from 00:00 to 01:00. */
  readonly startHourOfWeek: number
  /** 1 for local days that live like a Sunday, by hour; null: weekends only. */
  readonly holiday: Uint8Array | null
  /** Null: not given. */
  readonly temperature: Temperature | null
}

/**
 * Degrees Celsius of an hour (index of `values`, and beyond them) as they were known at an origin: as measured before it, after it as forecast by then;
 * NaN where nothing was known. A forecast must not be judged by a temperature that nobody could know.
 */
export type Temperature = (hour: number, origin: number) => number

const WEEK_H = 168
/** The model is fitted again this often as the origin moves on. */
export const REFIT_DAYS = 7
/** Hours of history below which there is nothing to learn from. */
export const HISTORY_H_MIN = 8 * WEEK_H

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
  readonly errorPct: ErrorPct
  readonly hours: readonly ForecastHour[]
}

/**
 * Forecasts from daily origins, each from what was known there and then: fitted on the past only, its band from the errors that its own
 * earlier forecasts turned out to have, and the seasonal-naive method in its place wherever that erred less. Where temperatures are given a second model
 * is told them, and takes over where it has erred least, with the temperatures as they were forecast then. Yields one forecast for each origin
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
  let models: Models = { regression: null, temperature: null }
  let fittedAt = -Infinity
  for (let origin = warmUpFrom; origin <= last; origin += DAY_H) {
    if (origin < HISTORY_H_MIN) {
      const none = { regression: null, temperature: null }
      if (origin >= from) yield withBand(known, past, { origin, hours, models: none })
      continue
    }
    if (only !== 'seasonalNaive' && origin - fittedAt >= REFIT_DAYS * DAY_H) {
      models = {
        regression: yield* fitDays(known, origin, null),
        temperature: series.temperature && (yield* fitDays(known, origin, series.temperature)),
      }
      fittedAt = origin
    }
    past.learnUntil(origin)
    if (origin >= from) yield withBand(known, past, { origin, hours, models, only })
    past.remember(origin, saidOf(known, origin, FORECAST_HOURS_MAX, models))
  }
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
    models,
    only,
  }: {
    origin: number
    hours: number
    models: Models
    only?: Method | undefined
  },
): Forecast {
  const said = saidOf(known, origin, hours, models)
  const errorPct = past.errorPct()
  const better =
    errorPct.regression !== null &&
    errorPct.seasonalNaive !== null &&
    errorPct.regression < errorPct.seasonalNaive
  const blind: Method = said.regression !== null && better ? 'regression' : 'seasonalNaive'
  const told = said.temperature !== null && past.isTemperatureBetter()
  const method: Method = only ?? (told ? 'temperature' : blind)
  return {
    origin,
    method,
    errorPct,
    hours: Array.from({ length: hours }, (_, ahead) => {
      const plain = orNull(said.seasonalNaive?.[ahead])
      // Where no temperature is forecast any more the model that is told none has to do, and where a gap in the past leaves it without its
      // features, last week.
      for (const each of only === undefined ? ([method, blind] as const) : [method]) {
        const value = orNull(said[each]?.[ahead])
        if (value === null) continue
        return { ahead, value, quantiles: past.band(each, origin, ahead, value), naive: plain }
      }
      const quantiles = plain === null ? null : past.band(method, origin, ahead, plain)
      return { ahead, value: plain, quantiles, naive: plain }
    }),
  }
}

/** Models by method; null where there is not enough to learn from. */
type Models = { readonly regression: DayModel[] | null; readonly temperature: DayModel[] | null }

function saidOf(known: Known, origin: number, hours: number, models: Models) {
  const { temperature } = known.series
  const told = temperature === null ? null : models.temperature
  return {
    regression: models.regression && regress(known, origin, hours, models.regression, null),
    temperature: told && regress(known, origin, hours, told, temperature),
    seasonalNaive: naive(known.series, origin, hours),
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

/** Above the one loads rise with warmth, below the other with cold. */
const WARM_C = 18
const COLD_C = 16
/** Half-life of what the past teaches. */
const HALF_LIFE_H = 120 * DAY_H
const RIDGE = 1e-3

function* fitDays(
  known: Known,
  origin: number,
  temperature: Temperature | null,
): Generator<null, DayModel[] | null> {
  const models: DayModel[] = []
  const atOrigin = knownAt(temperature, origin)
  for (let day = 1; day <= LEAD_DAYS; day++) {
    yield null
    const rows: number[][] = []
    const targets: number[] = []
    const weights: number[] = []
    const hours: number[] = []
    for (let hour = 3 * WEEK_H; hour < origin; hour++) {
      const features = featuresOf(known, hour, day, atOrigin)
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
function featuresOf(
  { series, running }: Known,
  hour: number,
  day: number,
  temperature: ((hour: number) => number) | null,
): number[] | null {
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
  if (temperature !== null) {
    // Also of the hours whose loads are features: what warmth has done to those is not expected again.
    for (const each of [hour, hour - lag, hour - WEEK_H]) {
      const celsius = temperature(each)
      features.push(Math.max(0, celsius - WARM_C), Math.max(0, COLD_C - celsius))
    }
  }
  return features.some(Number.isNaN) ? null : features
}

const knownAt = (temperature: Temperature | null, origin: number) =>
  temperature === null ? null : (hour: number) => temperature(hour, origin)

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
  temperature: Temperature | null,
): Float64Array {
  const first = models[0] as DayModel
  const atOrigin = knownAt(temperature, origin)
  const lastKnown = featuresOf(known, origin - 1, 1, atOrigin)
  const lastError =
    lastKnown === null ? 0 : valueAt(known.series, origin - 1) - predictRidge(first.fit, lastKnown)
  return Float64Array.from({ length: hours }, (_, ahead) => {
    const day = Math.floor(ahead / DAY_H)
    const model = models[day] as DayModel
    const features = featuresOf(known, origin + ahead, day + 1, atOrigin)
    if (features === null) return NaN
    const carried = Number.isNaN(lastError) ? 0 : (model.carry?.[ahead] ?? 0) * lastError
    return predictRidge(model.fit, features) + carried
  })
}
