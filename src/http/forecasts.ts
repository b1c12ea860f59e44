import { ERROR_ORIGINS, FORECAST_HOURS_MAX, LEAD_DAYS } from '../balance/forecast-errors.ts'
import { forecastSteps, type Forecast, type Temperature } from '../balance/forecast.ts'
import { hoursOf } from '../stores/loads.ts'
import {
  placeWithTemperature,
  temperatureForecasts,
  temperaturesOf,
} from '../stores/temperatures.ts'
import { MS_PER_DAY, MS_PER_H, type EpochMs } from '../time.ts'
import { measuredPoint, type LoadPlace } from './load-place.ts'
import { hourOfWeek } from './load-room.ts'
import type { HttpParts } from './parts.ts'

const HISTORY_MS = 400 * MS_PER_DAY
/** Forecasts kept; each is good until the hour ends. */
export const FORECASTS_KEPT_MAX = 500
/** A point counts in a sum where it has values in at least this share of the last weeks: one that is never measured leaves no hole. */
const MEASURED_SHARE_MIN = 0.5
const RECENT_MS = 28 * MS_PER_DAY
/** Forecasts of temperature from so far back are looked at: the method judges itself by them. */
const FORECASTS_JUDGED_MS = (ERROR_ORIGINS + LEAD_DAYS + 1) * MS_PER_DAY

export type KnownForecast = {
  readonly forecast: Forecast
  /** The beginning of the first hour ahead. */
  readonly issuedAt: EpochMs
  /** Hours of history with a value. */
  readonly historyHours: number
  /** Ids whose measured loads were added up. */
  readonly points: readonly string[]
}

type Kept = { readonly issuedAt: EpochMs; readonly known: Promise<KnownForecast> }
const keptOf = new WeakMap<object, Map<string, Kept>>()
const queueOf = new WeakMap<object, Promise<unknown>>()

/**
 * The hourly forecast of a place for a whole week, made once an hour and one at a time, in steps of some milliseconds: whoever waits for the
 * control room waits no longer for it.
 */
export function forecastOf(parts: HttpParts, place: LoadPlace, id: string): Promise<KnownForecast> {
  const issuedAt = Math.floor(parts.clock() / MS_PER_H) * MS_PER_H
  const kept = keptOf.get(parts.db) ?? new Map<string, Kept>()
  keptOf.set(parts.db, kept)
  const found = kept.get(id)
  if (found?.issuedAt === issuedAt) return found.known
  const before = queueOf.get(parts.db) ?? Promise.resolve()
  const known = before.then(() => makeForecast(parts, place, { id, issuedAt }))
  queueOf.set(
    parts.db,
    known.catch(() => undefined),
  )
  kept.delete(id)
  kept.set(id, { issuedAt, known })
  known.catch(() => kept.delete(id))
  const [oldest] = kept.keys()
  if (kept.size > FORECASTS_KEPT_MAX && oldest !== undefined) kept.delete(oldest)
  return known
}

async function makeForecast(
  parts: HttpParts,
  place: LoadPlace,
  { id, issuedAt }: { id: string; issuedAt: EpochMs },
): Promise<KnownForecast> {
  const from = issuedAt - HISTORY_MS
  const slots = HISTORY_MS / MS_PER_H
  const points: string[] = []
  const series: Float64Array[] = []
  for (const head of place.points) {
    const point = await measuredPoint(parts.db, { ...place, points: [head] }, id)
    const values = new Float64Array(slots).fill(NaN)
    let recent = 0
    for (const hour of await hoursOf(parts.db, point, { from, until: issuedAt })) {
      values[Math.round((hour.at - from) / MS_PER_H)] = hour.meanKw
      if (hour.at >= issuedAt - RECENT_MS) recent++
    }
    if (place.points.length > 1 && recent * MS_PER_H < RECENT_MS * MEASURED_SHARE_MIN) continue
    points.push(point)
    series.push(values)
  }
  // An hour in which one of them is missing is no hour of the sum.
  const sum = new Float64Array(slots).fill(series.length === 0 ? NaN : 0)
  for (const values of series) for (let i = 0; i < slots; i++) sum[i]! += values[i] as number
  const first = sum.findIndex((value) => !Number.isNaN(value))
  const start = first < 0 ? slots : first
  const values = sum.slice(start)
  const hourly = {
    values,
    startHourOfWeek: hourOfWeek(from + start * MS_PER_H, parts.settings.timeZone),
    holiday: null,
    temperature: await temperatureOf(parts, place, { begin: from + start * MS_PER_H, issuedAt }),
  }
  const origins = { from: values.length, last: values.length, hours: FORECAST_HOURS_MAX }
  for (const step of forecastSteps(hourly, origins)) {
    if (step === null) {
      await new Promise((go) => setImmediate(go))
      continue
    }
    const historyHours = values.reduce((count, value) => count + (Number.isNaN(value) ? 0 : 1), 0)
    return { forecast: step, issuedAt, historyHours, points }
  }
  throw new Error('an origin always has a forecast')
}

/** Forecasts that rest on what has changed are made again. */
export function forgetForecasts({ db }: Pick<HttpParts, 'db'>): void {
  keptOf.delete(db)
}

/**
 * Temperature by hour since `begin`, as it was known at each origin: up to it the newest word, beyond it the newest forecast that had been issued by
 * then. Null where nobody gave any.
 */
async function temperatureOf(
  { db }: HttpParts,
  { weather }: LoadPlace,
  { begin, issuedAt }: { begin: EpochMs; issuedAt: EpochMs },
): Promise<Temperature | null> {
  const place = weather.length === 0 ? null : await placeWithTemperature(db, weather)
  if (place === null) return null
  const hourOf = (at: EpochMs) => Math.round((at - begin) / MS_PER_H)
  const slots = Math.max(0, hourOf(issuedAt))
  const known = new Float64Array(slots).fill(NaN)
  for (const { at, celsius } of await temperaturesOf(db, place, { from: begin, until: issuedAt })) {
    known[hourOf(at)] = celsius
  }
  const judgedFrom = Math.max(begin, issuedAt - FORECASTS_JUDGED_MS)
  const forecasts = new Map<number, { issued: number; celsius: number }[]>()
  for (const word of await temperatureForecasts(db, place, judgedFrom)) {
    const hour = hourOf(word.at)
    const said = forecasts.get(hour) ?? []
    said.push({ issued: (word.issuedAt - begin) / MS_PER_H, celsius: word.celsius })
    forecasts.set(hour, said)
  }
  return (hour, origin) => {
    if (hour < origin) return known[hour] ?? NaN
    // At the last origin, which is the present hour, all that is there is known.
    const isKnown = ({ issued }: { issued: number }) => issued <= origin || origin >= slots
    return forecasts.get(hour)?.findLast(isKnown)?.celsius ?? NaN
  }
}
