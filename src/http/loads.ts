import { Type } from 'typebox'
import {
  balanceOf,
  BALANCE_LEVELS,
  loadPointRows,
  type Balance,
  type BalanceRow,
} from '../balance/balance.ts'
import {
  capacityRatio,
  DLT_2016_RANGES,
  QGDW_2020_RANGES,
  transformerLoss,
  URBAN_RANGES,
} from '../balance/capacity.ts'
import { forecastFrom, FORECAST_HOURS_MAX, QUANTILES } from '../balance/forecast.ts'
import { ALARM_RULES, loadEpisodes } from '../balance/load-states.ts'
import { tieCapabilities } from '../balance/ties.ts'
import { feederLoss } from '../balance/transfer.ts'
import { cutIntoZones } from '../balance/zones.ts'
import { localDayOf } from '../reliability/calendar.ts'
import { daysOf, hoursOf, quartersOf, type LoadQuarter } from '../stores/loads.ts'
import { MS_PER_DAY, MS_PER_H, toIso, type EpochMs } from '../time.ts'
import { hourOfWeek, loadsOfMoment, ratedOf, type LoadsOfMoment } from './load-room.ts'
import type { NetworkView } from './network-in-force.ts'
import { inForce } from './network.ts'
import { Id, IdParams, PAGE_SIZE, PAGE_SIZE_MAX, WhenText, whenOf } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField, notFound } from './problem.ts'

const tags = ['planner']

/** Guide ranges of the capacity-to-load ratio by name; a utility picks the one that it answers to. */
const GUIDES = { urban: URBAN_RANGES, dlt2016: DLT_2016_RANGES, qgdw2020: QGDW_2020_RANGES }
type Guide = keyof typeof GUIDES

/** Quarters, hours and days that one question may ask for. */
const SPAN_MAX_MS = { quarter: 93 * MS_PER_DAY, hour: 731 * MS_PER_DAY, day: 20 * 366 * MS_PER_DAY }
const FORECAST_HISTORY_MS = 400 * MS_PER_DAY

export async function loadRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings
  const momentOf = (text: string | undefined): EpochMs =>
    text === undefined ? clock() : whenOf({ in: 'query', at: '/at' }, text, timeZone)

  app.get(
    '/api/v1/balance',
    {
      schema: {
        tags,
        summary: 'Load against capacity of a moment, by area, substation, unit and feeder',
        querystring: Type.Object({
          at: Type.Optional(WhenText),
          level: Type.Optional(Type.Enum(BALANCE_LEVELS)),
          feeder: Type.Optional(Id),
          guide: Type.Optional(Type.Enum(Object.keys(GUIDES) as Guide[], { default: 'urban' })),
          growthPct: Type.Optional(Type.Number({ minimum: -50, maximum: 100 })),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_SIZE_MAX })),
        }),
      },
    },
    async ({ query }) => {
      const view = await inForce(parts)
      const at = momentOf(query.at)
      const moment = await loadsOfMoment(parts, view, { at })
      const balance = balanceOf(moment.input)
      const about = {
        at: toIso(at),
        positions: moment.positions,
        measuredPoints: moment.measuredPoints,
      }
      const { level } = query
      if (level === 'loadPoint') {
        const feeder = query.feeder === undefined ? null : feederNamed(view, query.feeder)
        const limit = query.limit ?? PAGE_SIZE
        return { ...about, rows: loadPointRows(moment.input, balance.loads, { feeder, limit }) }
      }
      if (level !== undefined) return { ...about, rows: rowsOf(balance, level) }
      const ranges = GUIDES[query.guide ?? 'urban']
      const guide = { ranges, growthPct: query.growthPct ?? null }
      return {
        ...about,
        areas: balance.areas,
        substations: balance.substations,
        units: balance.units,
        feeders: balance.feeders,
        capacity: capacityByArea(view, balance, guide),
        transformerLoss: losses(view, balance),
      }
    },
  )

  app.get(
    '/api/v1/balance/feeders/:id/loss',
    {
      schema: {
        tags,
        summary: 'Loss of the head and of each section of a feeder: what the ties can take',
        params: IdParams,
        querystring: Type.Object({ at: Type.Optional(WhenText) }),
      },
    },
    async ({ params, query }) => {
      const view = await inForce(parts)
      const feeder = feederNamed(view, params.id)
      const at = momentOf(query.at)
      const moment = await loadsOfMoment(parts, view, { at })
      return { at: toIso(at), ...feederLoss(zonesOf(moment), feeder) }
    },
  )

  app.get(
    '/api/v1/balance/ties',
    {
      schema: {
        tags,
        summary: 'Every tie, and what each side could give to the other',
        querystring: Type.Object({ at: Type.Optional(WhenText) }),
      },
    },
    async ({ query }) => {
      const view = await inForce(parts)
      const at = momentOf(query.at)
      const moment = await loadsOfMoment(parts, view, { at })
      return { at: toIso(at), ties: tieCapabilities(zonesOf(moment)) }
    },
  )

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
      },
    },
    async ({ params, query }) => {
      const view = await inForce(parts)
      const ratedKva = ratingOf(view, params.id)
      const resolution = query.resolution ?? 'quarter'
      const until =
        query.to === undefined ? clock() : whenOf({ in: 'query', at: '/to' }, query.to, timeZone)
      const from =
        query.from === undefined
          ? until - MS_PER_DAY
          : whenOf({ in: 'query', at: '/from' }, query.from, timeZone)
      if (until <= from) throw badField({ in: 'query', at: '/to', says: 'must be after from' })
      if (until - from > SPAN_MAX_MS[resolution]) {
        const days = SPAN_MAX_MS[resolution] / MS_PER_DAY
        const says = `must be at most ${days} days after from for a resolution of one ${resolution}`
        throw badField({ in: 'query', at: '/to', says })
      }
      const about = { id: params.id, from: toIso(from), to: toIso(until), resolution, ratedKva }
      if (resolution === 'day') {
        const days = { from: localDayOf(from, timeZone), to: localDayOf(until - 1, timeZone) }
        const values = (await daysOf(db, params.id, days)).map(({ peakAt, ...day }) => ({
          ...day,
          peakAt: toIso(peakAt),
        }))
        return { ...about, values }
      }
      if (resolution === 'hour') {
        const values = (await hoursOf(db, params.id, { from, until })).map(withIso)
        return { ...about, values }
      }
      const quarters = await quartersOf(db, params.id, { from, until })
      const states = ratedKva === null ? [] : statesOf(quarters, ratedKva, Math.min(until, clock()))
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
      },
    },
    async ({ params, query }) => {
      const view = await inForce(parts)
      const ratedKva = ratingOf(view, params.id)
      const until = Math.floor(clock() / MS_PER_H) * MS_PER_H
      const from = until - FORECAST_HISTORY_MS
      const known = await hoursOf(db, params.id, { from, until })
      const first = known[0]?.at ?? until
      const values = new Float64Array(Math.round((until - first) / MS_PER_H)).fill(NaN)
      for (const hour of known) values[Math.round((hour.at - first) / MS_PER_H)] = hour.meanKw
      const series = {
        values,
        startHourOfWeek: hourOfWeek(first, timeZone),
        holiday: null,
        temperatureC: null,
      }
      const forecast = forecastFrom(series, values.length, query.hours ?? 72)
      return {
        id: params.id,
        ratedKva,
        issuedAt: toIso(until),
        historyHours: known.length,
        method: forecast.method,
        errorPct: forecast.errorPct,
        levels: QUANTILES,
        hours: forecast.hours.map(({ ahead, value, quantiles, naive }) => ({
          at: toIso(until + ahead * MS_PER_H),
          kw: value,
          quantilesKw: quantiles,
          naiveKw: naive,
        })),
      }
    },
  )
}

export const zonesOf = ({ input, closed }: LoadsOfMoment) =>
  cutIntoZones(input.rated, input.tree, closed, {
    loads: balanceOf(input).loads,
    customers: input.expected.customers,
  })

const withIso = <Row extends { readonly at: EpochMs }>(row: Row) => ({ ...row, at: toIso(row.at) })

const rowsOf = (balance: Balance, level: 'area' | 'substation' | 'unit' | 'feeder') =>
  ({
    area: balance.areas,
    substation: balance.substations,
    unit: balance.units,
    feeder: balance.feeders,
  })[level]

function statesOf(quarters: readonly LoadQuarter[], ratedKva: number, asOf: EpochMs) {
  const samples = quarters.map((quarter) => ({
    at: quarter.at,
    rate: Math.hypot(quarter.meanKw, quarter.meanKvar ?? 0) / ratedKva,
  }))
  return loadEpisodes(samples, { rules: ALARM_RULES, asOf }).map((episode) => ({
    ...episode,
    from: toIso(episode.from),
    confirmedAt: toIso(episode.confirmedAt),
    until: episode.until === null ? null : toIso(episode.until),
  }))
}

function feederNamed(view: NetworkView, id: string): number {
  const feeder = view.network.feeders.findIndex((row) => row.id === id)
  if (feeder < 0) throw notFound('unknown-feeder', `no feeder ${id} in the network in force`)
  return feeder
}

/** Rating of what may be measured; null where it has none. An id that is nothing of the kind throws the problem. */
function ratingOf(view: NetworkView, id: string): number | null {
  const { network } = view
  const { rated } = ratedOf(view)
  const known = (kva: number | undefined) => (kva === undefined || Number.isNaN(kva) ? null : kva)
  const feeder = network.feeders.findIndex((row) => row.id === id || row.head === id)
  if (feeder >= 0) return known(rated.feederRatedKva[feeder])
  const branch = network.branchIds.indexOf(id)
  if (branch >= network.switchCount + network.lineCount) return known(rated.branchRatedKva[branch])
  if (network.loadPointIds.includes(id) || rated.units.some((unit) => unit.id === id)) return null
  throw notFound('unknown-point', `${id} is no feeder, head, transformer or load point`)
}

/** Installed capacity over load by area and voltage; `MVA / MW` of this moment, which is the ratio where it is the yearly peak. */
function capacityByArea(
  view: NetworkView,
  balance: Balance,
  guide: { ranges: (typeof GUIDES)[Guide]; growthPct: number | null },
) {
  const { rated } = ratedOf(view)
  const sums = new Map<string, { area: string; kv: number | null; mva: number; mw: number }>()
  rated.units.forEach((unit, i) => {
    const area = view.network.substations[unit.substation]?.area ?? ''
    const key = `${area}\n${unit.kv}`
    const sum = sums.get(key) ?? { area, kv: unit.kv, mva: 0, mw: 0 }
    sum.mva += (unit.ratedKva ?? 0) / 1000
    sum.mw += ((balance.units[i] as BalanceRow).kw ?? 0) / 1000
    sums.set(key, sum)
  })
  return [...sums.values()].map(({ area, kv, mva, mw }) => ({
    area,
    kv,
    installedMva: mva,
    loadMw: mw,
    ...capacityRatio({ installedMva: mva, peakMw: mw }, { ...guide, kv }),
  }))
}

/** Loss of the largest unit of each station, without help from others. */
function losses(view: NetworkView, balance: Balance) {
  const { rated } = ratedOf(view)
  return balance.substations.map((row, substation) => {
    const units = rated.units.filter((unit) => unit.substation === substation)
    const isKnown = units.length > 0 && units.every((unit) => unit.ratedKva !== null)
    const loss = transformerLoss({
      unitsKva: units.map((unit) => unit.ratedKva ?? 0),
      loadKva: row.kva,
      transferKva: 0,
      shortTimeFactor: 1,
    })
    return { substation: row.id, units: units.length, loss: isKnown ? loss : null }
  })
}
