import { Type } from 'typebox'
import { FORECAST_HOURS_MAX, QUANTILES } from '../balance/forecast-errors.ts'
import {
  loadEpisodes,
  POWER_FACTOR_ASSUMED,
  rateOf,
  type LoadRules,
} from '../balance/load-states.ts'
import { forecastPeaks } from '../balance/yearly-peak.ts'
import { localDayOf } from '../reliability/calendar.ts'
import { yearlyPeaks } from '../stores/load-peaks.ts'
import { daysOf, hoursOf, quartersOf, type LoadQuarter } from '../stores/loads.ts'
import { ALARM_WORDINGS, listConnections, readPlanning } from '../stores/planning.ts'
import { MS_PER_DAY, MS_PER_H, toIso, type EpochMs } from '../time.ts'
import { forecastOf } from './forecasts.ts'
import { loadPlace, measuredPoint } from './load-place.ts'
import { ForecastAnswer, LoadAnswer, PeaksAnswer } from './load-schemas.ts'
import { inForce } from './network.ts'
import { IdParams, WhenText, queryWhen } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField } from './problem.ts'

const tags = ['planner']

/** Quarters, hours and days that one question may ask for. */
const SPAN_MAX_MS = { quarter: 93 * MS_PER_DAY, hour: 731 * MS_PER_DAY, day: 20 * 366 * MS_PER_DAY }
/** A year with fewer measured days than this says nothing sure about its peak. */
const WHOLE_YEAR_DAYS = 330
const PEAK_YEARS_MAX = 30
const CONNECTIONS_MAX = 500

export async function loadRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings

  app.get(
    '/api/v1/loads/:id',
    {
      schema: {
        tags,
        summary: 'Measured load of a head, transformer or load point, and its timed states',
        params: IdParams,
        querystring: Type.Object({
          from: Type.Optional(WhenText),
          to: Type.Optional(WhenText),
          resolution: Type.Optional(Type.Enum(['quarter', 'hour', 'day'], { default: 'quarter' })),
        }),
        response: { 200: LoadAnswer },
      },
    },
    async ({ params, query }) => {
      const view = await inForce(parts)
      const place = loadPlace(view, params.id)
      const { ratedKva } = place
      const point = await measuredPoint(db, place, params.id)
      const resolution = query.resolution ?? 'quarter'
      const until = queryWhen('to', query.to, timeZone) ?? clock()
      const from = queryWhen('from', query.from, timeZone) ?? until - MS_PER_DAY
      if (until <= from) throw badField({ in: 'query', at: '/to', says: 'must be after from' })
      if (until - from > SPAN_MAX_MS[resolution]) {
        const days = SPAN_MAX_MS[resolution] / MS_PER_DAY
        const says = `must be at most ${days} days after from for a resolution of one ${resolution}`
        throw badField({ in: 'query', at: '/to', says })
      }
      const about = {
        id: params.id,
        point,
        from: toIso(from),
        to: toIso(until),
        resolution,
        ratedKva,
      }
      if (resolution === 'day') {
        const days = { from: localDayOf(from, timeZone), to: localDayOf(until - 1, timeZone) }
        const values = (await daysOf(db, point, days)).map(({ peakAt, ...day }) => ({
          ...day,
          peakAt: toIso(peakAt),
        }))
        return { ...about, values }
      }
      if (resolution === 'hour') {
        const values = (await hoursOf(db, point, { from, until })).map(withIso)
        return { ...about, values }
      }
      const quarters = await quartersOf(db, point, { from, until })
      const { alarms } = await readPlanning(db)
      const asOf = Math.min(until, clock())
      const states =
        ratedKva === null
          ? []
          : statesOf(quarters, { ratedKva, rules: ALARM_WORDINGS[alarms], asOf })
      return { ...about, values: quarters.map(withIso), states }
    },
  )

  app.get(
    '/api/v1/loads/:id/forecast',
    {
      schema: {
        tags,
        summary: 'Hourly forecast with its band, and what past forecasts erred by',
        params: IdParams,
        querystring: Type.Object({
          hours: Type.Optional(
            Type.Integer({ minimum: 1, maximum: FORECAST_HOURS_MAX, default: 72 }),
          ),
        }),
        response: { 200: ForecastAnswer },
      },
    },
    async ({ params, query }) => {
      const view = await inForce(parts)
      const place = loadPlace(view, params.id)
      const { forecast, issuedAt, historyHours, points } = await forecastOf(parts, place, params.id)
      return {
        id: params.id,
        points,
        ratedKva: place.ratedKva,
        issuedAt: toIso(issuedAt),
        historyHours,
        method: forecast.method,
        errorPct: forecast.errorPct,
        levels: QUANTILES,
        hours: forecast.hours.slice(0, query.hours ?? 72).map((hour) => ({
          at: toIso(issuedAt + hour.ahead * MS_PER_H),
          kw: hour.value,
          quantilesKw: hour.quantiles,
          naiveKw: hour.naive,
        })),
      }
    },
  )

  app.get(
    '/api/v1/loads/:id/peaks',
    {
      schema: {
        tags,
        summary:
          'Yearly peaks as measured and as forecast: low, base, high, and the year a limit is passed',
        params: IdParams,
        querystring: Type.Object({
          years: Type.Optional(Type.Integer({ minimum: 1, maximum: PEAK_YEARS_MAX, default: 5 })),
          growthPct: Type.Optional(
            Type.Number({
              minimum: -20,
              maximum: 50,
              default: 2,
              description: 'assumed where fewer than three whole years are known',
            }),
          ),
        }),
        response: { 200: PeaksAnswer },
      },
    },
    async ({ params, query }) => {
      const view = await inForce(parts)
      const place = loadPlace(view, params.id)
      const points = await Promise.all(
        place.points.map((point) => measuredPoint(db, { ...place, points: [point] }, point)),
      )
      const [measured, pipeline] = await Promise.all([
        yearlyPeaks(db, points, timeZone),
        listConnections(db, {
          points: place.connections,
          states: ['asked', 'approved'],
          limit: CONNECTIONS_MAX,
        }),
      ])
      const thisYear = Number(localDayOf(clock(), timeZone).slice(0, 4))
      const whole = measured.filter(
        (peak) => peak.days >= WHOLE_YEAR_DAYS || peak.year === thisYear,
      )
      // The year that goes on may still rise above what it has seen.
      const known = whole.filter((peak) => peak.year < thisYear || peak.days >= WHOLE_YEAR_DAYS)
      const limitKw = place.ratedKva === null ? null : place.ratedKva * POWER_FACTOR_ASSUMED
      const basis = known.length > 0 ? known : measured.slice(-1)
      const forecast = forecastPeaks({
        peaks: basis,
        assumedGrowthPct: query.growthPct ?? 2,
        pipeline,
        years: query.years ?? 5,
        limitKw,
      })
      return {
        id: params.id,
        points,
        ratedKva: place.ratedKva,
        limitKw,
        measured: measured.map(({ at, ...peak }) => ({
          ...peak,
          at: toIso(at),
          whole: peak.days >= WHOLE_YEAR_DAYS,
          inTrend: basis.some((each) => each.year === peak.year),
        })),
        pipeline: pipeline.map(({ id, kw, year, coincidence, state }) => ({
          id,
          kw,
          year,
          coincidence,
          state,
        })),
        ...forecast,
      }
    },
  )
}

const withIso = <Row extends { readonly at: EpochMs }>(row: Row) => ({ ...row, at: toIso(row.at) })

function statesOf(
  quarters: readonly LoadQuarter[],
  { ratedKva, ...about }: { ratedKva: number; rules: LoadRules; asOf: EpochMs },
) {
  const samples = quarters.map((quarter) => ({ at: quarter.at, rate: rateOf(quarter, ratedKva) }))
  return loadEpisodes(samples, about).map((episode) => ({
    ...episode,
    from: toIso(episode.from),
    confirmedAt: toIso(episode.confirmedAt),
    until: episode.until === null ? null : toIso(episode.until),
  }))
}
