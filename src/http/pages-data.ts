import { gzip } from 'node:zlib'
import { promisify } from 'node:util'
import { Type } from 'typebox'
import { switchingEffect } from '../balance/ties.ts'
import { energize } from '../grid/energization.ts'
import { at } from '../grid/network.ts'
import {
  readFieldHeardAt,
  readGateways,
  readLoadPointNumbers,
  readSetsBack,
  readSetsOut,
  readSwitchStates,
} from '../stores/standing-read.ts'
import { lastAlarmWords } from '../stores/alarm-words.ts'
import { listAlarms, type SavedAlarm } from '../stores/load-alarms.ts'
import { openParallels, parallelsAt, type ParallelAlarm } from '../stores/parallels.ts'
import { positionsAt } from '../stores/positions-read.ts'
import { unapprovedWorks, type SavedWork } from '../stores/works.ts'
import { MS_PER_DAY, MS_PER_H, toIso, type EpochMs } from '../time.ts'
import { changedSinceApproval, UNAPPROVED_NEAR_H } from '../work/unapproved.ts'
import {
  drawNetwork,
  partsBack,
  partsOut,
  placeGroups,
  switchEffect,
  traceFromSwitch,
  type GroupPlaces,
} from './drawing.ts'
import { alarmWordView } from './alarms.ts'
import { loadsOfMoment, zonesOf } from './load-room.ts'
import {
  NetworkMapAnswer,
  NetworkStateAnswer,
  SwitchEffectAnswer,
  SwitchTraceAnswer,
} from './network-schemas.ts'
import { inForce } from './network.ts'
import type { NetworkView } from './network-in-force.ts'
import { IdParams, WhenText, whenOf } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { notFound } from './problem.ts'
import { UnchangedAnswer } from './schemas.ts'

/** Supply that came back within this time is still shown as such. */
const BACK_SHOWN_MS = MS_PER_DAY
/** Load alarms told at once; a network with more of them open has another problem. */
const LOAD_ALARMS_MAX = 200
/** An acknowledgement lapses after this: what has stood for a week is worth another look. */
const ALARM_WORDS_KEPT_MS = 7 * MS_PER_DAY
const ALARM_WORDS_MAX = 1_000
/** The state of the network is worked out at most this often, however many screens ask. */
const STATE_AGE_MS = 400

const tags = ['pages']
const compress = promisify(gzip)

/** What the dispatcher's drawing needs beyond lists: shapes, and only what is not normal about them. */
export async function pagesDataRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings
  const drawn = new WeakMap<NetworkView, Promise<Buffer>>()
  const placed = new WeakMap<NetworkView, GroupPlaces>()
  let latest: { view: NetworkView; at: EpochMs; state: Promise<unknown> } | undefined

  const drawingOf = (view: NetworkView): Promise<Buffer> => {
    const known = drawn.get(view) ?? compress(JSON.stringify(drawNetwork(view)))
    drawn.set(view, known)
    return known
  }
  async function placesOf(view: NetworkView): Promise<GroupPlaces> {
    const known = placed.get(view)
    if (known !== undefined) return known
    const numbers = await readLoadPointNumbers(db)
    const places = placeGroups(view, numbers)
    // The engine numbers new load points when it takes a revision; until then what is known is not all.
    if (view.network.loadPointIds.every((id) => numbers.has(id))) placed.set(view, places)
    return places
  }

  async function stateNow(view: NetworkView) {
    const now = clock()
    const [
      places,
      sets,
      back,
      states,
      gateways,
      fieldHeardAt,
      loadAlarms,
      parallels,
      alarmWords,
      unapproved,
    ] = await Promise.all([
      placesOf(view),
      readSetsOut(db),
      readSetsBack(db, now - BACK_SHOWN_MS),
      readSwitchStates(db),
      readGateways(db),
      readFieldHeardAt(db),
      listAlarms(db, { state: 'open', limit: LOAD_ALARMS_MAX }),
      openParallels(db),
      lastAlarmWords(db, { since: now - ALARM_WORDS_KEPT_MS, limit: ALARM_WORDS_MAX }),
      unapprovedWorks(db, now + UNAPPROVED_NEAR_H * MS_PER_H),
    ])
    const { network, standing } = view
    const gone = new Set(gateways.filter(({ online }) => !online).map(({ id }) => id))
    const abnormal = []
    const silent: number[] = []
    for (const state of states) {
      const device = network.switchIndex.get(state.switch)
      if (device === undefined) continue
      if (gone.has(state.gateway)) silent.push(device)
      // As the record has it in this very answer; the standing network may be a moment older.
      const closedPhases = state.closed_phases & at(network.branchPhases, device)
      if (closedPhases === at(network.switchNormal, device)) continue
      abnormal.push({
        switch: device,
        closedPhases,
        at: toIso(state.at),
        gateway: state.gateway,
      })
    }
    return {
      revision: view.revision,
      at: toIso(now),
      abnormal,
      silent,
      gateways: gateways.map(({ id, online, heard_at }) => ({
        id,
        online,
        heardAt: toIso(heard_at),
      })),
      fieldHeardAt: fieldHeardAt === null ? null : toIso(fieldHeardAt),
      parts: [...partsOut(view, places, sets, standing), ...partsBack(view, places, back)],
      ...limitsPassed(view, loadAlarms, parallels),
      alarmWords: alarmWords.map(alarmWordView),
      unapprovedWorks: unapproved.flatMap((saved) => unapprovedView(saved, now)),
    }
  }

  /** As the record has it by now for an instant of the past, in today's drawing. Which gateways were silent then is not kept. */
  async function stateThen(view: NetworkView, then: EpochMs) {
    const [places, sets, closed, loadAlarms, parallels] = await Promise.all([
      placesOf(view),
      readSetsOut(db, then),
      positionsAt(db, view.network, then),
      listAlarms(db, { state: 'all', from: then, until: then + 1, limit: LOAD_ALARMS_MAX }),
      parallelsAt(db, then),
    ])
    const { switchNormal } = view.network
    return {
      revision: view.revision,
      at: toIso(then),
      abnormal: [...closed].flatMap((closedPhases, device) =>
        closedPhases === at(switchNormal, device) ? [] : [{ switch: device, closedPhases }],
      ),
      silent: [],
      gateways: [],
      fieldHeardAt: null,
      parts: partsOut(view, places, sets, energize(view.network, closed)),
      ...limitsPassed(view, loadAlarms, parallels),
      alarmWords: [],
      unapprovedWorks: [],
    }
  }

  app.get(
    '/api/v1/network/map',
    {
      schema: {
        tags,
        summary: 'The network in force as columns for drawing; changes only with its revision',
        response: { 200: NetworkMapAnswer, 304: UnchangedAnswer },
      },
    },
    async (request, reply) => {
      const view = await inForce(parts)
      const etag = `"network-${view.revision}"`
      void reply.header('etag', etag).header('cache-control', 'private, no-cache')
      if (request.headers['if-none-match'] === etag) return reply.code(304).send()
      return reply
        .type('application/json; charset=utf-8')
        .header('content-encoding', 'gzip')
        .send(await drawingOf(view))
    },
  )

  app.get(
    '/api/v1/network/state',
    {
      schema: {
        tags,
        summary:
          'What is not normal in the network now, or what was not at an instant of the past: who was out, which switches stood otherwise, which limits were passed',
        querystring: Type.Object({ at: Type.Optional(WhenText) }),
        response: { 200: NetworkStateAnswer },
      },
    },
    async ({ query }) => {
      const view = await inForce(parts)
      if (query.at !== undefined) {
        return stateThen(view, whenOf({ in: 'query', at: '/at' }, query.at, timeZone))
      }
      const now = clock()
      if (latest === undefined || latest.view !== view || now - latest.at > STATE_AGE_MS) {
        latest = { view, at: now, state: stateNow(view) }
        latest.state.catch(() => {
          latest = undefined
        })
      }
      return latest.state
    },
  )

  const deviceNamed = (view: NetworkView, id: string): number => {
    const device = view.network.switchIndex.get(id)
    if (device === undefined) {
      throw notFound('unknown-switch', `no switch ${id} in the network in force`)
    }
    return device
  }

  app.get(
    '/api/v1/switches/:id/effect',
    {
      schema: {
        tags,
        summary: 'Who would get supply and who would lose it if the switch stood otherwise',
        params: IdParams,
        querystring: Type.Object({ position: Type.Enum(['open', 'closed']) }),
        response: { 200: SwitchEffectAnswer },
      },
    },
    async ({ params, query }) => {
      const view = await inForce(parts, { ageMaxMs: 0 })
      const device = deviceNamed(view, params.id)
      const moment = await loadsOfMoment(parts, view, { at: clock() })
      const steps = [{ device, closed: query.position === 'closed' }]
      const { rated } = moment.input
      const { feeders, limitsPassed, parallels } = switchingEffect(
        rated,
        moment.closed,
        zonesOf(moment).nodeVa,
        steps,
      )
      return {
        ...switchEffect(view, await placesOf(view), device, query.position),
        feeders,
        limitsPassed,
        parallels,
      }
    },
  )

  app.get(
    '/api/v1/switches/:id/trace',
    {
      schema: {
        tags,
        summary: 'Lines from a switch to its source, to all behind it, or to the ties at its edge',
        params: IdParams,
        querystring: Type.Object({ direction: Type.Enum(['up', 'down', 'ties']) }),
        response: { 200: SwitchTraceAnswer },
      },
    },
    async ({ params, query }) => {
      const view = await inForce(parts, { ageMaxMs: 0 })
      return traceFromSwitch(view, deviceNamed(view, params.id), query.direction)
    },
  )
}

/** A plan that customers expect as they were told, which is another one by now that nobody approved. */
function unapprovedView({ work }: SavedWork, now: EpochMs) {
  const changed = changedSinceApproval(work, now)
  if (changed === null || changed.told === null) return []
  const { changedAt, changedBy, told } = changed
  return [
    {
      work: work.id,
      title: work.title,
      changedAt: toIso(changedAt),
      changedBy,
      toldFrom: toIso(told.from),
      toldUntil: toIso(told.until),
    },
  ]
}

/** What stands over a limit: loads, and feeders that are in parallel for too long. */
function limitsPassed(
  view: NetworkView,
  loadAlarms: readonly SavedAlarm[],
  parallels: readonly ParallelAlarm[],
) {
  return {
    loadAlarms: loadAlarms.map((alarm) => ({
      id: alarm.id,
      point: alarm.point,
      name: nameOfLoad(view, alarm.point),
      feeder: alarm.feeder,
      kind: alarm.kind,
      from: toIso(alarm.from),
      peakRate: alarm.peak,
      ratedKva: alarm.ratedKva,
      nodes: nodesOfLoad(view, alarm.point),
      acknowledgedAt: alarm.acknowledgedAt === null ? null : toIso(alarm.acknowledgedAt),
    })),
    parallels: parallels.map(({ id, tie, feeders, sinceAt }) => ({
      id,
      tie,
      feeders,
      since: toIso(sinceAt),
    })),
  }
}

/** Where the point of a load lies in the drawing, by number of node: a switch or transformer between two, a load point at one. */
function nodesOfLoad({ network, nodeIndex }: NetworkView, point: string): number[] {
  const head = network.feeders.findIndex(({ id }) => id === point)
  const device = head >= 0 ? at(network.feederHead, head) : network.switchIndex.get(point)
  const branch = device ?? network.branchIds.indexOf(point, network.switchCount + network.lineCount)
  if (branch >= 0) return [at(network.branchFrom, branch), at(network.branchTo, branch)]
  const loadPoint = network.loadPointIds.indexOf(point)
  const node = loadPoint >= 0 ? at(network.loadPointNode, loadPoint) : nodeIndex.get(point)
  return node === undefined ? [] : [node]
}

/** What people call the point of a load: the feeder that it heads, a transformer, or its id. */
function nameOfLoad({ network, tables }: NetworkView, point: string): string {
  const headed = network.feeders.findIndex(({ id, head }) => head === point || id === point)
  if (headed >= 0) return tables.feeders[headed]?.name ?? point
  return tables.transformers.find(({ id }) => id === point)?.name ?? point
}
