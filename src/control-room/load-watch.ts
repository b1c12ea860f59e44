import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { phaseUnbalance } from '../balance/capacity.ts'
import { rateOf, type LoadRules } from '../balance/load-states.ts'
import {
  calmAt,
  isCalm,
  UNBALANCE_RULE,
  watchEnd,
  watchNext,
  watchSilence,
  type Watched,
  type WatchSample,
  type WatchState,
} from '../balance/load-watch.ts'
import { rateNetwork, supplyTree } from '../balance/supply-tree.ts'
import { at, NONE, type Network } from '../grid/network.ts'
import { PHASE_INDICES } from '../grid/phases.ts'
import type { NetworkTables } from '../grid/tables.ts'
import { composeLoad, type LoadNews } from '../notices/load.ts'
import type { Draft } from '../notices/notice.ts'
import { readWatch, saveAlarms, saveWatch } from '../stores/load-alarms.ts'
import type { Database, Tx } from '../stores/database.ts'
import { JUDGED_AFTER_MS, pointsOfQuarter, QUARTER_MS, quarterOf } from '../stores/loads.ts'
import { ALARM_WORDINGS, readPlanning } from '../stores/planning.ts'
import { MS_PER_DAY, MS_PER_S, type EpochMs } from '../time.ts'

/** How often it is looked whether a quarter is over. */
const LOOK_EVERY_MS = 15 * MS_PER_S
/** After a start, what was missed is looked at so soon. */
const FIRST_LOOK_MS = MS_PER_S
/** Quarters that were missed while the service was away are judged as far back as this. */
export const CATCH_UP_MAX_MS = MS_PER_DAY
/** Points judged in one go; then the rest of the service has its turn. */
const PAGE = 1000

export type LoadWatchParts = {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  readonly timeZone: string
  readonly network: () => { readonly network: Network; readonly tables: NetworkTables } | null
  /** Through the one writer: notices and what they tell in one transaction. */
  readonly announce: (drafts: readonly Draft[], also: (tx: Tx) => Promise<void>) => Promise<void>
}

export type LoadWatch = {
  /** Judges every quarter that is over and has not been judged. */
  look(): Promise<void>
  close(): Promise<void>
}

type Place = {
  readonly ratedKva: number
  readonly feeder: string | null
  /** Phases that it has; unevenness means something over all three. */
  readonly phases: readonly number[]
}

/**
 * Judges each quarter of an hour once, `JUDGED_AFTER_MS` after its end, and tells transitions only. What it remembers is saved with what
 * it tells, so that a restart goes on where it was and says nothing twice.
 */
export function openLoadWatch(parts: LoadWatchParts): LoadWatch {
  const { db, clock, logger } = parts
  let judgedAt: EpochMs | null = null
  let states: Map<string, WatchState> | null = null
  let placesOf: { network: Network; places: ReadonlyMap<string, Place> } | null = null
  let looking: Promise<void> | undefined
  let closed = false

  function places(): ReadonlyMap<string, Place> | null {
    const view = parts.network()
    if (view === null) return null
    if (placesOf?.network !== view.network) {
      placesOf = { network: view.network, places: watchedPlaces(view.network, view.tables) }
    }
    return placesOf.places
  }

  async function look(): Promise<void> {
    const watched = places()
    if (watched === null || closed) return
    const rules = ALARM_WORDINGS[(await readPlanning(db)).alarms]
    const last = quarterOf(clock() - JUDGED_AFTER_MS) - QUARTER_MS
    if (states === null) {
      const record = await readWatch(db)
      states = new Map(record.states)
      judgedAt = record.judgedAt
      if (judgedAt !== null) await rememberCalm(states, watched, judgedAt)
    }
    const from = Math.max(judgedAt ?? last - QUARTER_MS, last - CATCH_UP_MAX_MS)
    for (let quarter = from + QUARTER_MS; quarter <= last && !closed; quarter += QUARTER_MS) {
      await judge(states, watched, { quarter, rules })
      judgedAt = quarter
    }
  }

  /** Where points without a run stood when they were last judged: their next crossing is reckoned from there. */
  async function rememberCalm(
    known: Map<string, WatchState>,
    watched: ReadonlyMap<string, Place>,
    quarter: EpochMs,
  ): Promise<void> {
    for await (const row of allPoints(quarter)) {
      const place = watched.get(row.point)
      if (place !== undefined && !known.has(row.point)) {
        known.set(row.point, calmAt(sampleOf(row, place)))
      }
    }
  }

  async function judge(
    known: Map<string, WatchState>,
    watched: ReadonlyMap<string, Place>,
    { quarter, rules }: { quarter: EpochMs; rules: LoadRules },
  ): Promise<void> {
    const next = new Map<string, WatchState>()
    const news: LoadNews[] = []
    const note = (point: string, { state, raised, cleared }: Watched): void => {
      const place = watched.get(point)
      const where = { point, feeder: place?.feeder ?? null, ratedKva: place?.ratedKva ?? null }
      next.set(point, state)
      for (const alarm of cleared) news.push({ ...where, is: 'cleared', alarm })
      for (const alarm of raised) news.push({ ...where, is: 'raised', alarm })
    }
    for await (const row of allPoints(quarter)) {
      const place = watched.get(row.point)
      if (place === undefined) continue
      note(row.point, watchNext(known.get(row.point) ?? null, sampleOf(row, place), rules))
    }
    for (const [point, state] of known) {
      if (next.has(point)) continue
      if (!watched.has(point)) {
        const cleared = watchEnd(state, quarter, rules)
        note(point, { state: calmAt(state.last), raised: [], cleared })
        continue
      }
      const silent = watchSilence(state, quarter, rules)
      if (silent !== null) note(point, silent)
    }
    const running = new Map([...next].filter(([, state]) => !isCalm(state)))
    const calm = [...next.keys()].filter((point) => {
      const before = known.get(point)
      return !running.has(point) && before !== undefined && !isCalm(before)
    })
    const raised = news.flatMap((one) => (one.is === 'raised' ? [{ ...one, ...one.alarm }] : []))
    const cleared = news.flatMap((one) => (one.is === 'cleared' ? [{ ...one, ...one.alarm }] : []))
    const settings = { noticeHoldS: 0, timeZone: parts.timeZone }
    await parts.announce(composeLoad(news, { at: clock(), settings }), async (tx) => {
      await saveAlarms(tx, { raised, cleared })
      await saveWatch(tx, quarter, { running, calm })
    })
    for (const [point, state] of next) {
      if (watched.has(point)) known.set(point, state)
      else known.delete(point)
    }
  }

  async function* allPoints(quarter: EpochMs) {
    let after = ''
    for (;;) {
      const rows = await pointsOfQuarter(db, quarter, { after, limit: PAGE })
      yield* rows
      after = rows.at(-1)?.point ?? after
      if (rows.length < PAGE || closed) return
      await new Promise((go) => setImmediate(go))
    }
  }

  const lookSafely = (): Promise<void> => {
    looking ??= look()
      .catch((error: unknown) => {
        // Memory may be ahead of the record: the next look begins from the record.
        states = null
        logger.warn({ err: error, msg: 'loads are not judged' })
      })
      .finally(() => {
        looking = undefined
      })
    return looking
  }
  const timer = setInterval(() => void lookSafely(), LOOK_EVERY_MS)
  timer.unref()
  const first = setTimeout(() => void lookSafely(), FIRST_LOOK_MS)
  first.unref()
  return {
    look: lookSafely,
    async close() {
      closed = true
      clearInterval(timer)
      clearTimeout(first)
      await looking
    },
  }
}

type Quarter = Awaited<ReturnType<typeof pointsOfQuarter>>[number]

function sampleOf(quarter: Quarter, { ratedKva, phases }: Place): WatchSample {
  const rate = rateOf(quarter, ratedKva)
  const amps = quarter.meanA
  const isSaid = amps !== null && phases.length === PHASE_INDICES.length
  return {
    at: quarter.at,
    rate,
    unbalance: isSaid && rate >= UNBALANCE_RULE.loadMin ? (phaseUnbalance(amps) ?? 0) : 0,
    reverse: -quarter.meanKw / ratedKva,
  }
}

/** What has a rating and may be measured: heads (also under their feeder's id), transformers, sources that are units. */
function watchedPlaces(network: Network, tables: NetworkTables): Map<string, Place> {
  const rated = rateNetwork(network, tables)
  const tree = supplyTree(rated, network.switchNormal)
  const places = new Map<string, Place>()
  const phasesOf = (branch: number): number[] =>
    PHASE_INDICES.filter((phase) => (at(network.branchPhases, branch) & (1 << phase)) !== 0)
  const first = network.switchCount + network.lineCount
  for (let branch = first; branch < network.branchIds.length; branch++) {
    const ratedKva = at(rated.branchRatedKva, branch)
    if (!(ratedKva > 0)) continue
    const feeder = at(tree.feeder, at(network.branchTo, branch))
    places.set(network.branchIds[branch] as string, {
      ratedKva,
      feeder: feeder === NONE ? null : (network.feeders[feeder]?.id ?? null),
      phases: phasesOf(branch),
    })
  }
  for (const { id, ratedKva, branch } of rated.units) {
    if (branch !== NONE || ratedKva === null || !(ratedKva > 0)) continue
    places.set(id, { ratedKva, feeder: null, phases: [...PHASE_INDICES] })
  }
  network.feeders.forEach(({ id, head }, feeder) => {
    const ratedKva = at(rated.feederRatedKva, feeder)
    const branch = at(network.feederHead, feeder)
    if (branch === NONE || !(ratedKva > 0)) return
    const place = { ratedKva, feeder: id, phases: phasesOf(branch) }
    places.set(head, place)
    if (!places.has(id)) places.set(id, place)
  })
  return places
}
