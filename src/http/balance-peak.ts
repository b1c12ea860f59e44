import { Type } from 'typebox'
import { balanceOf, type Balance, type BalanceRow } from '../balance/balance.ts'
import { apparentKva } from '../balance/capacity.ts'
import { POWER_FACTOR_ASSUMED } from '../balance/load-states.ts'
import { supplyTree } from '../balance/supply-tree.ts'
import { NONE } from '../grid/network.ts'
import { addDays, dayNumber, isDay, localDayOf, type LocalDay } from '../reliability/calendar.ts'
import { coincidentPeaks, ownPeaks, type LoadGroup, type OwnPeak } from '../stores/load-peaks.ts'
import { toIso } from '../time.ts'
import { PeakBalanceAnswer } from './balance-schemas.ts'
import {
  aboutMoment,
  BalanceQuery,
  capacityByArea,
  guideOf,
  loadPointPage,
  rowsOf,
} from './balance.ts'
import { loadsOfMoment, ratedOf } from './load-room.ts'
import type { NetworkView } from './network-in-force.ts'
import { inForce } from './network.ts'
import type { App, HttpParts } from './parts.ts'
import { badField } from './problem.ts'

const tags = ['planner']
/** Days that one question may ask for: ten years and a bit. */
export const PEAK_DAYS_MAX = 3_660
/** Areas whose own peak moments are looked at; more of them are shown at the peak of all. */
export const AREAS_MAX = 40

const Day = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'local day YYYY-MM-DD' })

/** The balance at the highest load of a day, a year or any days, with each row's own peak beside it. */
export async function balancePeakRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings

  app.get(
    '/api/v1/balance/peak',
    {
      schema: {
        tags,
        summary:
          'Balance at the peak of a day, a year or [from, to), and when each row had its own',
        querystring: Type.Object({
          day: Type.Optional(Day),
          year: Type.Optional(Type.Integer({ minimum: 2000, maximum: 2200 })),
          from: Type.Optional(Day),
          to: Type.Optional(Type.String({ ...Day, description: 'local day, exclusive' })),
          ...BalanceQuery,
        }),
        response: { 200: PeakBalanceAnswer },
      },
    },
    async ({ query }) => {
      const view = await inForce(parts)
      const span = spanOf(query, localDayOf(clock(), timeZone))
      const days = { ...span, timeZone }
      const { tops, groups } = groupsOf(view)
      const peaks = await coincidentPeaks(db, groups, days)
      const all = peaks.get(ALL)
      const about = { from: span.from, to: span.to }
      if (all === undefined) {
        return {
          ...about,
          at: null,
          says: 'nothing was measured at any feeder head in these days',
          areas: [],
          substations: [],
          units: [],
          feeders: [],
          capacity: [],
          coincidence: null,
        }
      }
      const moment = await loadsOfMoment(parts, view, { at: all.at })
      const balance = balanceOf(moment.input)
      const whole = { ...about, ...aboutMoment(all.at, moment), exact: all.exact }
      const { level } = query
      if (level === 'loadPoint') {
        const { rows, nextCursor } = loadPointPage(view, moment, balance, query)
        const own = await ownPeaks(
          db,
          rows.map((row) => row.id),
          span,
        )
        return {
          ...whole,
          rows: rows.map((row) => ({ ...row, own: ownOf(row, own.get(row.id)) })),
          nextCursor,
        }
      }
      const heads = view.network.feeders.flatMap((row) => [row.head, row.id])
      const unitIds = ratedOf(view).rated.units.map((unit) => unit.id)
      const own = await ownPeaks(db, [...heads, ...unitIds], span)
      const feeders = balance.feeders.map((row, i) => {
        const { head, id } = view.network.feeders[i] as { head: string; id: string }
        return { ...row, own: ownOf(row, own.get(head) ?? own.get(id)) }
      })
      const units = balance.units.map((row) => ({ ...row, own: ownOf(row, own.get(row.id)) }))
      const grouped = (prefix: string) => (row: BalanceRow) => {
        const peak = peaks.get(`${prefix}${row.id}`)
        if (peak === undefined) return { ...row, own: null }
        const kva = peak.kw / moment.input.expected.assumptions.powerFactor
        return {
          ...row,
          own: {
            at: toIso(peak.at),
            kw: peak.kw,
            kva,
            rate: row.ratedKva === null || row.ratedKva <= 0 ? null : kva / row.ratedKva,
            marginKva: row.ratedKva === null ? null : row.ratedKva - kva,
            exact: peak.exact,
          },
        }
      }
      const substations = balance.substations.map(grouped(STATION))
      const areas = balance.areas.map(grouped(AREA))
      const rows = { areas, substations, units, feeders }
      if (level !== undefined) return { ...whole, rows: rowsOf({ ...balance, ...rows }, level) }
      const guide = {
        ranges: await guideOf(parts, query.guide),
        growthPct: query.growthPct ?? null,
      }
      const ownKw = tops.reduce((sum, feeder) => sum + (feeders[feeder]?.own?.kw ?? 0), 0)
      return {
        ...whole,
        ...rows,
        // The capacity of an area is held against the area's own coincident maximum.
        capacity: await capacityAtPeaks(parts, view, { balance, peaks, guide }),
        /** Peak of all over the sum of the feeders' own peaks (同时率). */
        coincidence: ownKw > 0 ? all.kw / ownKw : null,
      }
    },
  )
}

const ALL = 'all'
const AREA = 'area '
const STATION = 'station '

/** Heads that add up: all of them, by area and by station; a feeder behind another's head is in that one's load already. */
function groupsOf(view: NetworkView): { tops: number[]; groups: LoadGroup[] } {
  const { network } = view
  const { rated } = ratedOf(view)
  const behind = (feeder: number): boolean => {
    const up = rated.headUpNode[feeder] ?? NONE
    return up === NONE || isBehindAnother(view, up)
  }
  const tops = [...network.feeders.keys()].filter((feeder) => !behind(feeder))
  const members = new Map<string, string[]>([[ALL, []]])
  for (const feeder of tops) {
    const row = network.feeders[feeder] as { head: string; id: string }
    const station = network.substations[network.feederSubstation[feeder] as number]
    const keys = [ALL]
    if (station !== undefined) keys.push(`${STATION}${station.id}`, `${AREA}${station.area ?? ''}`)
    for (const key of keys) {
      const points = members.get(key)
      // A head is measured under its own id or under its feeder's; nobody reports both.
      if (points === undefined) members.set(key, [row.head, row.id])
      else points.push(row.head, row.id)
    }
  }
  return { tops, groups: [...members].map(([key, points]) => ({ key, points })) }
}

/** The upstream side of a head hangs on another feeder under normal positions. */
function isBehindAnother(view: NetworkView, up: number): boolean {
  return normalFeeders(view)[up] !== NONE
}

const normals = new WeakMap<object, Int32Array>()
function normalFeeders(view: NetworkView): Int32Array {
  let known = normals.get(view.network)
  if (known === undefined) {
    known = supplyTree(ratedOf(view).rated, view.network.switchNormal).feeder
    normals.set(view.network, known)
  }
  return known
}

async function capacityAtPeaks(
  parts: HttpParts,
  view: NetworkView,
  {
    balance,
    peaks,
    guide,
  }: {
    balance: Balance
    peaks: Awaited<ReturnType<typeof coincidentPeaks>>
    guide: Parameters<typeof capacityByArea>[2]
  },
) {
  const rows = capacityByArea(view, balance, guide)
  const areas = [...new Set(rows.map((row) => row.area))].slice(0, AREAS_MAX)
  const found = new Map<string, { at: number; rows: typeof rows }>()
  for (const area of areas) {
    const peak = peaks.get(`${AREA}${area}`)
    if (peak === undefined) continue
    const moment = await loadsOfMoment(parts, view, { at: peak.at })
    const own = capacityByArea(view, balanceOf(moment.input), guide)
    found.set(area, { at: peak.at, rows: own.filter((row) => row.area === area) })
    await new Promise((go) => setImmediate(go))
  }
  return rows.map((row) => {
    const own = found.get(row.area)
    const same = own?.rows.find((each) => each.kv === row.kv)
    return { ...(same ?? row), peakAt: own === undefined ? null : toIso(own.at) }
  })
}

/** The row's own highest quarter against its rating; null where it was not measured. */
function ownOf(row: BalanceRow, peak: OwnPeak | undefined) {
  if (peak === undefined) return null
  const kva =
    apparentKva({ ...peak, powerFactor: POWER_FACTOR_ASSUMED }) ??
    Math.abs(peak.kw) / POWER_FACTOR_ASSUMED
  return {
    at: toIso(peak.at),
    kw: peak.kw,
    kva,
    rate: row.ratedKva === null || row.ratedKva <= 0 ? null : kva / row.ratedKva,
    marginKva: row.ratedKva === null ? null : row.ratedKva - kva,
    reverseDays: peak.reverseDays,
    days: peak.days,
  }
}

/** The local days that are asked for: one day, one year, or from and to; yesterday where none is named. */
function spanOf(
  query: {
    day?: string | undefined
    year?: number | undefined
    from?: string | undefined
    to?: string | undefined
  },
  today: LocalDay,
): { from: LocalDay; to: LocalDay } {
  const named = [query.day, query.year, query.from ?? query.to].filter((one) => one !== undefined)
  if (named.length > 1) {
    throw badField({ in: 'query', at: '/day', says: 'name a day, a year, or from and to' })
  }
  for (const name of ['day', 'from', 'to'] as const) {
    const text = query[name]
    if (text !== undefined && !isDay(text)) {
      throw badField({ in: 'query', at: `/${name}`, says: 'must be a day that exists' })
    }
  }
  if (query.year !== undefined) {
    return { from: `${query.year}-01-01`, to: `${query.year + 1}-01-01` }
  }
  if (query.from === undefined && query.to === undefined) {
    const day = query.day ?? addDays(today, -1)
    return { from: day, to: addDays(day, 1) }
  }
  const to = query.to ?? addDays(today, 1)
  const from = query.from ?? addDays(to, -1)
  if (to <= from) throw badField({ in: 'query', at: '/to', says: 'must be after from' })
  if (dayNumber(to) - dayNumber(from) > PEAK_DAYS_MAX) {
    const says = `must be at most ${PEAK_DAYS_MAX} days after from`
    throw badField({ in: 'query', at: '/to', says })
  }
  return { from, to }
}
