import { Type } from 'typebox'
import {
  balanceOf,
  BALANCE_LEVELS,
  loadPointRows,
  type Balance,
  type BalanceLevel,
  type BalanceRow,
} from '../balance/balance.ts'
import {
  capacityRatio,
  DLT_2016_RANGES,
  QGDW_2020_RANGES,
  transformerLoss,
  URBAN_RANGES,
  type CapacityRange,
} from '../balance/capacity.ts'
import { stationLosses, type StationLoss } from '../balance/station-loss.ts'
import { switchingEffect, tieCapabilities, type SwitchStep } from '../balance/ties.ts'
import { feederLoss, type FeederLoss, type SectionLoss } from '../balance/transfer.ts'
import { at } from '../grid/network.ts'
import { readPlanning } from '../stores/planning.ts'
import { toIso, type EpochMs } from '../time.ts'
import {
  BalanceAnswer,
  FeederLossAnswer,
  FeederLossesAnswer,
  StationLossesAnswer,
  TiesAnswer,
  TransferAnswer,
} from './balance-schemas.ts'
import { loadsOfMoment, ratedOf, zonesOf, type LoadsOfMoment } from './load-room.ts'
import type { NetworkView } from './network-in-force.ts'
import { inForce } from './network.ts'
import {
  Cursor,
  decodeCursor,
  encodeCursor,
  Id,
  IdParams,
  PAGE_SIZE,
  PAGE_SIZE_MAX,
  WhenText,
  whenOf,
} from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField, notFound } from './problem.ts'

const tags = ['planner']

/** Guide ranges of the capacity-to-load ratio by name; `own` are those that the utility has set itself (PUT planning). */
const GUIDES = { urban: URBAN_RANGES, dlt2016: DLT_2016_RANGES, qgdw2020: QGDW_2020_RANGES }
export const GUIDE_NAMES = ['urban', 'dlt2016', 'qgdw2020', 'own'] as const
type GuideName = (typeof GUIDE_NAMES)[number]

/** Feeders whose losses one answer searches through. */
export const LOSSES_PAGE = 20
/** Ids listed one by one; counts are always whole. */
const LISTED_MAX = 500

export const BalanceQuery = {
  level: Type.Optional(Type.Enum(BALANCE_LEVELS)),
  feeder: Type.Optional(Id),
  guide: Type.Optional(Type.Enum(GUIDE_NAMES, { default: 'urban' })),
  growthPct: Type.Optional(Type.Number({ minimum: -50, maximum: 100 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_SIZE_MAX })),
  cursor: Type.Optional(Cursor),
}

/** Load against capacity of a moment, what is lost with a transformer, a feeder or a section, and transfers before they are made. */
export async function balanceRoutes(app: App, parts: HttpParts): Promise<void> {
  const { clock } = parts
  const { timeZone } = parts.settings
  const momentOf = (text: string | undefined): EpochMs =>
    text === undefined ? clock() : whenOf({ in: 'query', at: '/at' }, text, timeZone)

  app.get(
    '/api/v1/balance',
    {
      schema: {
        tags,
        summary: 'Load against capacity of a moment, by area, substation, unit and feeder',
        querystring: Type.Object({ at: Type.Optional(WhenText), ...BalanceQuery }),
        response: { 200: BalanceAnswer },
      },
    },
    async ({ query }) => {
      const view = await inForce(parts)
      const at = momentOf(query.at)
      const moment = await loadsOfMoment(parts, view, { at })
      const balance = balanceOf(moment.input)
      const about = aboutMoment(at, moment)
      const { level } = query
      if (level === 'loadPoint') {
        return { ...about, ...loadPointPage(view, moment, balance, query) }
      }
      if (level !== undefined) return { ...about, rows: rowsOf(balance, level) }
      const ranges = await guideOf(parts, query.guide)
      const guide = { ranges, growthPct: query.growthPct ?? null }
      return {
        ...about,
        areas: balance.areas,
        substations: balance.substations,
        units: balance.units,
        feeders: balance.feeders,
        capacity: capacityByArea(view, balance, guide),
        transformerLoss: lossesAlone(view, balance),
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
        response: { 200: FeederLossAnswer },
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
        response: { 200: TiesAnswer },
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
    '/api/v1/balance/losses/transformers',
    {
      schema: {
        tags,
        summary:
          'N-1 of every station: loss of its largest unit, with what ties can bring elsewhere',
        querystring: Type.Object({
          at: Type.Optional(WhenText),
          shortTimeFactor: Type.Optional(
            Type.Number({
              minimum: 1,
              maximum: 2,
              default: 1,
              description: 'load that what is left may carry for a short time, over its rating',
            }),
          ),
        }),
        response: { 200: StationLossesAnswer },
      },
    },
    async ({ query }) => {
      const view = await inForce(parts)
      const at = momentOf(query.at)
      const shortTimeFactor = query.shortTimeFactor ?? 1
      const moment = await loadsOfMoment(parts, view, { at })
      const { priority, expected } = ratedOf(view)
      const points = { ...priority, customers: expected.customers }
      const asked = { shortTimeFactor, points }
      const stations = stationLosses(zonesOf(moment), balanceOf(moment.input), asked)
      return {
        ...aboutMoment(at, moment),
        shortTimeFactor,
        stations: stations.map((station) => stationView(view, station)),
      }
    },
  )

  app.get(
    '/api/v1/balance/losses/feeders',
    {
      schema: {
        tags,
        summary: 'N-1 of feeders: for the worst section of each, what the ties cannot take',
        querystring: Type.Object({
          at: Type.Optional(WhenText),
          substation: Type.Optional(Id),
          cursor: Type.Optional(Cursor),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LOSSES_PAGE })),
        }),
        response: { 200: FeederLossesAnswer },
      },
    },
    async ({ query }) => {
      const view = await inForce(parts)
      const at = momentOf(query.at)
      const limit = query.limit ?? LOSSES_PAGE
      const [after] = query.cursor === undefined ? [-1] : decodeCursor(query.cursor, ['number'])
      const wanted = feedersOf(view, query.substation).filter((feeder) => feeder > Number(after))
      const moment = await loadsOfMoment(parts, view, { at })
      const zones = zonesOf(moment)
      const feeders = []
      for (const feeder of wanted.slice(0, limit)) {
        feeders.push(lossSummary(view, feeder, feederLoss(zones, feeder)))
        // A search may take its time; others have theirs between two.
        await new Promise((go) => setImmediate(go))
      }
      const last = wanted[limit - 1]
      return {
        ...aboutMoment(at, moment),
        feeders,
        nextCursor: wanted.length > limit && last !== undefined ? encodeCursor([last]) : null,
      }
    },
  )

  app.get(
    '/api/v1/balance/transfer',
    {
      schema: {
        tags,
        summary: 'What closing one switch and opening another would do, before anyone does it',
        querystring: Type.Object({
          close: Type.Optional(Id),
          open: Type.Optional(Id),
          order: Type.Optional(
            Type.Enum(['closeFirst', 'openFirst'], {
              default: 'closeFirst',
              description: 'closing first nobody is without supply, and both sides run in parallel',
            }),
          ),
          at: Type.Optional(WhenText),
        }),
        response: { 200: TransferAnswer },
      },
    },
    async ({ query }) => {
      const view = await inForce(parts)
      const at = momentOf(query.at)
      if (query.close === undefined && query.open === undefined) {
        throw badField({ in: 'query', at: '/close', says: 'name a switch to close or to open' })
      }
      const closing = stepOf(view, '/close', query.close, true)
      if (query.close === query.open) {
        throw badField({ in: 'query', at: '/open', says: 'must be another switch than close' })
      }
      const opening = stepOf(view, '/open', query.open, false)
      const steps =
        query.order === 'openFirst' ? [...opening, ...closing] : [...closing, ...opening]
      const moment = await loadsOfMoment(parts, view, { at })
      return { ...aboutMoment(at, moment), ...transferView(view, moment, steps) }
    },
  )
}

export const aboutMoment = (at: EpochMs, moment: LoadsOfMoment) => ({
  at: toIso(at),
  positions: moment.positions,
  measuredPoints: moment.measuredPoints,
})

/** The guide ranges of a name; an unset `own` throws the problem. */
export async function guideOf(
  { db }: HttpParts,
  name: GuideName | undefined,
): Promise<readonly CapacityRange[]> {
  if (name !== 'own') return GUIDES[name ?? 'urban']
  const { guide } = await readPlanning(db)
  if (guide !== null) return guide
  throw badField({ in: 'query', at: '/guide', says: 'no ranges of its own are set (PUT planning)' })
}

export const rowsOf = (balance: Balance, level: Exclude<BalanceLevel, 'loadPoint'>) =>
  ({
    area: balance.areas,
    substation: balance.substations,
    unit: balance.units,
    feeder: balance.feeders,
  })[level]

/** What is shed by name: counts are whole, ids at most `LISTED_MAX`, in the order in which they go. */
const stationView = ({ network }: NetworkView, { remains, ...station }: StationLoss) => ({
  ...station,
  remains:
    remains === null
      ? null
      : {
          ...remains,
          loadPoints: remains.loadPoints.length,
          ids: remains.loadPoints.slice(0, LISTED_MAX).map((point) => network.loadPointIds[point]),
        },
})

/** A page of load points, the highest load rate first; name the moment to read the pages of one and the same. */
export function loadPointPage(
  view: NetworkView,
  moment: LoadsOfMoment,
  balance: Balance,
  query: { readonly feeder?: string; readonly limit?: number; readonly cursor?: string },
) {
  const feeder = query.feeder === undefined ? null : feederNamed(view, query.feeder)
  const limit = query.limit ?? PAGE_SIZE
  const [begin] = query.cursor === undefined ? [0] : decodeCursor(query.cursor, ['number'])
  const after = Math.max(0, Math.floor(Number(begin)))
  const asked = { feeder, limit: after + limit + 1 }
  const rows = loadPointRows(moment.input, balance.loads, asked).slice(after)
  return {
    rows: rows.slice(0, limit),
    nextCursor: rows.length > limit ? encodeCursor([after + limit]) : null,
  }
}

/** A switch that is to move; one that is unknown, or stands there already, throws the problem. */
function stepOf(
  view: NetworkView,
  place: '/close' | '/open',
  id: string | undefined,
  closed: boolean,
): SwitchStep[] {
  if (id === undefined) return []
  const device = view.network.switchIndex.get(id)
  if (device === undefined) {
    throw badField({ in: 'query', at: place, says: `no switch ${id} in the network in force` })
  }
  const phases = at(view.network.branchPhases, device)
  const stands = at(view.standing.closed, device)
  if (stands === (closed ? phases : 0)) {
    const says = `${id} is ${closed ? 'closed' : 'open'} already`
    throw badField({ in: 'query', at: place, says })
  }
  return [{ device, closed }]
}

function transferView(view: NetworkView, moment: LoadsOfMoment, steps: readonly SwitchStep[]) {
  const { network } = view
  const { rated } = moment.input
  const zones = zonesOf(moment)
  // A transfer is about what stands now, whatever the loads it is asked for.
  const closed = view.standing.closed
  const effect = switchingEffect(rated, closed, zones.nodeVa, steps)
  const people = (points: readonly number[]) => ({
    loadPoints: points.length,
    customers: points.reduce((sum, point) => sum + at(moment.input.expected.customers, point), 0),
    ids: points.slice(0, LISTED_MAX).map((point) => network.loadPointIds[point]),
  })
  const { lostPoints, regainedPoints, interruptedPoints, ...rest } = effect
  return {
    steps: steps.map((step) => ({
      switch: network.branchIds[step.device],
      position: step.closed ? 'closed' : 'open',
      operable: rated.operable[step.device] === 1,
    })),
    ...rest,
    lost: people(lostPoints),
    regained: people(regainedPoints),
    /** Without supply between two steps only. */
    interrupted: people(interruptedPoints),
    movedKva: effect.feeders.reduce(
      (sum, move) => sum + Math.max(0, move.afterKva - move.beforeKva),
      0,
    ),
    /** Nothing is refused here: a person decides, and sees what speaks against it. */
    clear:
      effect.limitsPassed.length === 0 &&
      effect.unitsPassed.length === 0 &&
      lostPoints.length === 0 &&
      effect.feeders.every(
        (move) =>
          move.ratedKva === null || move.afterKva <= Math.max(move.ratedKva, move.beforeKva),
      ),
  }
}

function feedersOf({ network }: NetworkView, substation: string | undefined): number[] {
  const all = [...network.feeders.keys()]
  if (substation === undefined) return all
  const index = network.substations.findIndex((row) => row.id === substation)
  if (index < 0) {
    throw notFound('unknown-substation', `no substation ${substation} in the network in force`)
  }
  return all.filter((feeder) => network.feederSubstation[feeder] === index)
}

/** The head's loss, and of the sections the one after which most stays without supply. */
function lossSummary({ network }: NetworkView, feeder: number, loss: FeederLoss) {
  const [head] = loss.sections.filter((section) => section.section === null)
  const sections = loss.sections.filter((section) => section.section !== null)
  const worst = sections.reduce<SectionLoss | null>(
    (most, section) =>
      most === null ||
      section.remainsKw > most.remainsKw ||
      (section.remainsKw === most.remainsKw && section.remainsCustomers > most.remainsCustomers)
        ? section
        : most,
    null,
  )
  return {
    feeder: loss.feeder,
    name: network.feeders[feeder]?.name ?? loss.feeder,
    substation: network.substations[at(network.feederSubstation, feeder)]?.id ?? null,
    ties: loss.ties,
    passes: loss.passes,
    transferableShare: loss.transferableShare,
    sections: sections.length,
    head: head ?? null,
    worst,
    complete: loss.sections.every((section) => section.complete),
  }
}

export function feederNamed(view: NetworkView, id: string): number {
  const feeder = view.network.feeders.findIndex((row) => row.id === id)
  if (feeder < 0) throw notFound('unknown-feeder', `no feeder ${id} in the network in force`)
  return feeder
}

/** Installed capacity over load by area and voltage; `MVA / MW` of this moment, which is the ratio where it is the yearly peak. */
export function capacityByArea(
  view: NetworkView,
  balance: Balance,
  guide: { ranges: readonly CapacityRange[]; growthPct: number | null },
) {
  const { rated } = ratedOf(view)
  type Sum = { area: string; kv: number | null; mva: number | null; mw: number }
  const sums = new Map<string, Sum>()
  rated.units.forEach((unit, i) => {
    const area = view.network.substations[unit.substation]?.area ?? ''
    const key = `${area}\n${unit.kv}`
    const sum: Sum = sums.get(key) ?? { area, kv: unit.kv, mva: 0, mw: 0 }
    // One unit without a rating leaves the sum unknown: it is not 0.
    sum.mva = sum.mva === null || unit.ratedKva === null ? null : sum.mva + unit.ratedKva / 1000
    sum.mw += ((balance.units[i] as BalanceRow).kw ?? 0) / 1000
    sums.set(key, sum)
  })
  return [...sums.values()].map(({ area, kv, mva, mw }) => ({
    area,
    kv,
    installedMva: mva,
    loadMw: mw,
    ...(mva === null
      ? { ratio: null, range: null, verdict: 'unknown' as const }
      : capacityRatio({ installedMva: mva, peakMw: mw }, { ...guide, kv })),
  }))
}

/** Loss of the largest unit of each station, without help from others. */
function lossesAlone(view: NetworkView, balance: Balance) {
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
