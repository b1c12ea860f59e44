import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { Clock } from '../clock.ts'
import { decode } from '../feeds/decode.ts'
import type { FieldMessage } from '../feeds/feed.ts'
import type { Act, ActAnswer, Actor } from '../ledger/acts.ts'
import type {
  LedgerChange,
  OutageChange,
  OutageFacts,
  OutageId,
  Transition,
} from '../ledger/facts.ts'
import { applyObservations, effectiveAt, missingFor, refill } from '../ledger/ledger.ts'
import type { GatewayState, LoadReading, Observation } from '../ledger/observation.ts'
import { openLedger, positionsAtHorizon, pruneLedger } from '../ledger/open.ts'
import { closedNow } from '../ledger/positions.ts'
import type { Ledger, LedgerSettings } from '../ledger/state.ts'
import { composeNotices } from '../notices/compose.ts'
import type { Draft, Notice } from '../notices/notice.ts'
import type { DeskChange, NoticeSettings } from '../notices/standing.ts'
import { localDayOf } from '../reliability/calendar.ts'
import { writeAudit, type AuditEntry } from '../stores/accounts.ts'
import {
  readBoard,
  readBoardRow,
  readBoardRows,
  restoredUnclosed,
  saveBoard,
  saveGatewayStates,
  saveHeard,
  saveOutageEvents,
  type BoardRow,
  type OutageEvent,
} from '../stores/board.ts'
import type { Database, Tx } from '../stores/database.ts'
import { writesSoFar } from '../stores/engine-lock.ts'
import { saveLoads } from '../stores/loads.ts'
import { latestRevision } from '../stores/networks.ts'
import { appendNotices, lastNoticeSeq } from '../stores/notices.ts'
import { observationsOfSwitch, saveObservations } from '../stores/observations.ts'
import {
  dropCheckpointsAfter,
  readOutageFacts,
  saveCheckpoint,
  saveCorrections,
  saveOutages,
  saveTransitions,
} from '../stores/outages.ts'
import { MS_PER_H, MS_PER_MIN, MS_PER_S, type EpochMs } from '../time.ts'
import type { Work } from '../work/work.ts'
import { entryFor, entryOf, openBoard, rowOf, standingOf, type Board, type Entry } from './board.ts'
import { ruleOutage, rulePosition, type Ruling } from './desk.ts'
import {
  ESTIMATE_AFTER_S,
  estimateFor,
  learn,
  readExperience,
  type Experience,
} from './estimates.ts'
import { recorded, reopenLedger } from './from-record.ts'
import { countEngine } from './metrics.ts'
import { NO_NETWORK, type NetworkRoom } from './network-room.ts'
import { natureOf, readWorks, worksDue } from './works.ts'

/** Messages committed together at most: half of what the broker sends without a PUBACK, so that the next half is derived meanwhile. */
export const BATCH_MAX = 2000
/** Between two tries of a commit. */
const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 5000
/** How often "I heard from this gateway" is written. */
const HEARD_EVERY_MS = 5 * MS_PER_S
const HOUSEKEEPING_EVERY_MS = MS_PER_MIN
/** The ledger keeps at least this much of the past in memory, and at most twice as much. */
const MEMORY_MS = 24 * MS_PER_H
/** An outage that everyone is back from, and which nobody closed, is closed by the service. */
const AUTO_CLOSE_MS = 24 * MS_PER_H
/** Of those, in one go. */
const CLOSED_AT_ONCE_MAX = 500
/** A closed outage stays on the broker and on the board for so long. */
const CLOSED_KEPT_MS = 24 * MS_PER_H
/** Estimates made in one go: each looks through the past. */
const ESTIMATES_MAX = 20
/** Refusals written to the log, per reason and minute. */
const REFUSALS_LOGGED_MAX = 5

/** The service itself, where it acts without being asked. */
const SERVICE: Actor = { subject: 'relight', role: 'service' }

export type ControlRoomParts = {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Registry
  readonly settings: { readonly notices: NoticeSettings; readonly ledger: LedgerSettings }
  /** As `EngineLock.fence`; throws where another engine has taken over: then nothing may be written any more. */
  readonly fence: (tx: Tx, write: number) => Promise<'open' | 'saved'>
  /** Notices up to a number are committed. */
  readonly tell: (upTo: number, notices: readonly Notice[]) => void
  /** These outages changed, and the change is committed. */
  readonly changed: (outages: readonly OutageId[]) => void
  /** A network revision is in force in the engine, and its load points have their numbers. */
  readonly networkOpened: () => void
  /** These were closed long enough ago to be forgotten outside. */
  readonly cleared: (outages: readonly OutageId[]) => void
  /**
   * Something happened that no waiting mends: our own mistake, or another engine writes. Memory may be ahead of the record; nothing more
   * is taken up, and what is in hand is not acknowledged. The process should end and open the record anew.
   */
  readonly died: (error: unknown) => void
}

export type ControlRoom = {
  /** Takes a message from the field; it is acknowledged when what follows from it is committed. */
  take(message: FieldMessage): void
  act(act: Act, actor: Actor): Promise<ActAnswer>
  /** Numbers and stores notices that follow from something else than the ledger; `also` runs in the same transaction. */
  announce(drafts: readonly Draft[], also?: (tx: Tx) => Promise<void>): Promise<void>
  /** Another network revision may be in force. */
  reviseNetwork(): void
  /** Why nothing is committed at the moment; empty when all is well. */
  troubles(): string[]
  hasNetwork(): boolean
  backlog(): number
  /** Finishes what was taken, and stops. */
  close(): Promise<void>
}

type Job =
  | { readonly job: 'message'; readonly message: FieldMessage; readonly receivedAt: EpochMs }
  | {
      readonly job: 'act'
      readonly act: Act
      readonly actor: Actor
      readonly done: (answer: ActAnswer) => void
      readonly failed: (error: unknown) => void
    }
  | {
      readonly job: 'announce'
      readonly drafts: readonly Draft[]
      readonly also: ((tx: Tx) => Promise<void>) | undefined
      readonly done: () => void
      readonly failed: (error: unknown) => void
    }
  | { readonly job: 'network' }
  | { readonly job: 'time' }

/** Everything that one transaction writes. */
type Piece = {
  readonly at: EpochMs
  readonly observations: readonly Observation[]
  readonly loads: readonly LoadReading[]
  readonly states: readonly GatewayState[]
  readonly heard: ReadonlyMap<string, EpochMs>
  readonly change: LedgerChange
  readonly desk: readonly DeskChange[]
  /** Entries of the board to be written, beside those whose telling changes. */
  readonly entries: ReadonlyMap<OutageId, Entry>
  readonly events: readonly OutageEvent[]
  readonly audits: readonly AuditEntry[]
  readonly drafts: readonly Draft[]
  readonly due: readonly OutageId[]
  /** Facts of outages that the ledger has not in memory. */
  readonly recalled: ReadonlyMap<OutageId, OutageFacts>
  readonly also: readonly ((tx: Tx) => Promise<void>)[]
}

const NO_CHANGE: LedgerChange = { outages: [], transitions: [], conflicts: [] }

/**
 * The one writer. Field messages and people's acts go through one queue; what follows from them is derived, saved in one transaction,
 * and only then believed outside: acknowledged, told, published. When idle it commits at once; what arrives while a commit runs is
 * committed together next.
 */
export async function openControlRoom(parts: ControlRoomParts): Promise<ControlRoom> {
  const { db, clock, logger, settings } = parts
  const { timeZone } = settings.notices
  const queue: Job[] = []
  const metrics = countEngine(parts.metrics, () => queue.length)
  const localDay = (at: EpochMs) => localDayOf(at, timeZone)

  let room: NetworkRoom = NO_NETWORK
  let ledger: Ledger = openLedger(room.network, room.loadPointNumber, settings.ledger)
  let board: Board = new Map()
  let experience: Experience = []
  let works: readonly Work[] = []
  let lastSeq = await lastNoticeSeq(db)
  let manualSeq = 0
  const holds = new Map<OutageId, EpochMs>()
  const estimates = new Map<OutageId, EpochMs>()
  const heard = new Map<string, EpochMs>()
  let heardSavedAt = 0
  let housekeptAt = clock()
  let trouble: string | undefined
  let running: Promise<void> | undefined
  /** The commit that is under way while the next batch is already derived; `settled` waits for it. */
  let saving: Promise<void> = Promise.resolve()
  let closing = false
  let dead = false
  /** Number of the last write; see `EngineLock.fence`. */
  let writes = await writesSoFar(db)
  let timer: NodeJS.Timeout | undefined
  const refusalsLogged = new Map<string, number>()

  await openFromRecord()

  // ── opening

  async function openFromRecord(): Promise<void> {
    const reopened = await reopenLedger(db, settings.ledger, Number.POSITIVE_INFINITY)
    board = openBoard(await readBoard(db, clock() - CLOSED_KEPT_MS))
    if (reopened === undefined) return
    room = reopened.room
    ledger = reopened.ledger
    experience = await readExperience(db, room)
    works = await readWorks(db, clock())
    parts.networkOpened()
    const open = [...board].filter(([, entry]) => entry.closedAt === null).map(([id]) => id)
    const recalled = await recall(open)
    if (reopened.changes.length > 0) {
      logger.warn({
        outages: reopened.changes.length,
        msg: 'the saved ledger was brought up to the record',
      })
    }
    await commit({
      ...nothingAt(clock()),
      change: { ...NO_CHANGE, outages: reopened.changes },
      due: open,
      recalled,
    })
    parts.changed([...board.keys()])
    for (const id of open) {
      const facts = ledger.record.byId.get(id)?.told
      if (facts?.restoredAt === null && board.get(id)?.etr === null) estimates.set(id, clock())
    }
    setTimer()
  }

  /** The facts of outages that the ledger does not keep in memory any more. */
  async function recall(ids: readonly OutageId[]): Promise<Map<OutageId, OutageFacts>> {
    const recalled = new Map<OutageId, OutageFacts>()
    for (const id of ids) {
      if (ledger.record.byId.get(id)?.told != null) continue
      const facts = await withRetry('reading an outage', () => readOutageFacts(db, id))
      if (facts !== undefined) recalled.set(id, facts)
    }
    return recalled
  }

  function nothingAt(at: EpochMs): Piece {
    return {
      at,
      observations: [],
      loads: [],
      states: [],
      heard: new Map(),
      change: NO_CHANGE,
      desk: [],
      entries: new Map(),
      events: [],
      audits: [],
      drafts: [],
      due: [],
      recalled: new Map(),
      also: [],
    }
  }

  // ── the loop

  function wake(): void {
    if (running !== undefined || dead) return
    running = loop().then(
      () => {
        running = undefined
        if (hasWork()) wake()
      },
      (error: unknown) => {
        dead = true
        clearTimeout(timer)
        // At the end of the service a database that is away is waited for no longer: what is not acknowledged comes again.
        if (!(closing && isPassing(error))) parts.died(error)
      },
    )
  }

  /** Before there is a network the field's words wait: nothing can be judged, and the broker keeps them. */
  function hasWork(): boolean {
    return hasNetwork() ? queue.length > 0 : queue.some((job) => job.job !== 'message')
  }

  async function loop(): Promise<void> {
    while (hasWork()) {
      const first = queue[0] as Job
      if (first.job === 'message' && hasNetwork()) {
        // Ahead of the running commit only with a full batch: a smaller one grows while it waits.
        if (queue.length < BATCH_MAX) await settled()
        await handleMessages(takeMessages())
      } else {
        await settled()
        const index = first.job === 'message' ? firstOther() : 0
        if (index >= 0) await handle(queue.splice(index, 1)[0] as Job)
      }
      if (!hasWork()) await settled()
    }
  }

  /** Everything that was derived is committed. Throws where the service was closed before it could be. */
  async function settled(): Promise<void> {
    await saving
  }

  const firstOther = (): number => queue.findIndex((job) => job.job !== 'message')

  function takeMessages(): (Job & { job: 'message' })[] {
    let count = 0
    while (count < queue.length && count < BATCH_MAX && queue[count]?.job === 'message') count++
    return queue.splice(0, count) as (Job & { job: 'message' })[]
  }

  async function handle(job: Job): Promise<void> {
    switch (job.job) {
      case 'message':
        return handleMessages([job])
      case 'act':
        return handleAct(job).catch((error: unknown) => refuseAct(job, error))
      case 'announce':
        return handleAnnounce(job).then(job.done, job.failed)
      case 'network':
        await withRetry('opening a network', async () => {
          if ((await latestRevision(db))?.revision !== room.revision) await openFromRecord()
        })
        return
      case 'time':
        return handleTime()
    }
  }

  async function handleMessages(jobs: readonly (Job & { job: 'message' })[]): Promise<void> {
    const stop = metrics.commitSeconds.startTimer()
    metrics.batchSize.observe(jobs.length)
    metrics.messages.inc(jobs.length)
    const now = clock()
    const observations: Observation[] = []
    const loads: LoadReading[] = []
    const states: GatewayState[] = []
    for (const { message, receivedAt } of jobs) {
      const { reports, refused } = decode(message.topic, message.payload, receivedAt)
      for (const { reason, detail } of refused) refuse(reason, message.topic, detail)
      for (const report of reports) {
        heard.set(report.gateway, receivedAt)
        switch (report.kind) {
          case 'state':
            states.push(report)
            break
          case 'load':
            if (room.loadIds.has(report.point)) loads.push(report)
            else refuse('unknown-id', message.topic, report.point)
            break
          case 'meter':
            if (room.servicePoints.has(report.point)) observations.push(report)
            else refuse('unknown-id', message.topic, report.point)
            break
          case 'switch':
          case 'manual':
            if (room.network.switchIndex.has(report.point)) observations.push(report)
            else refuse('unknown-id', message.topic, report.point)
            break
        }
      }
    }
    const work = await derive({ ...nothingAt(now), observations, loads, states })
    await bringBack(changedBefore(work.change))
    const save = prepare({ ...work, heard: heardToSave(now) })
    await settled()
    saving = save().then(() => {
      for (const { message } of jobs) message.acknowledge()
      count(observations, loads)
      stop()
    })
    // Whoever waits for it hears of the failure.
    saving.catch(() => undefined)
  }

  function count(observations: readonly Observation[], loads: readonly LoadReading[]): void {
    const byKind = { switch: 0, manual: 0, meter: 0 }
    for (const { kind } of observations) byKind[kind]++
    for (const [kind, many] of Object.entries({ ...byKind, load: loads.length })) {
      if (many > 0) metrics.observations.inc({ kind }, many)
    }
  }

  function refuse(reason: string, topic: string, detail: string): void {
    metrics.refused.inc({ reason })
    const logged = refusalsLogged.get(reason) ?? 0
    refusalsLogged.set(reason, logged + 1)
    if (logged < REFUSALS_LOGGED_MAX) {
      logger.warn({
        topic: topic.slice(0, 200),
        reason,
        detail: detail.slice(0, 200),
        msg: 'report refused',
      })
    }
  }

  function heardToSave(now: EpochMs): Map<string, EpochMs> {
    if (heard.size === 0 || now - heardSavedAt < HEARD_EVERY_MS) return new Map()
    heardSavedAt = now
    const saved = new Map(heard)
    heard.clear()
    return saved
  }

  /** What follows from the observations of a piece of work; reads the record first where memory does not reach. */
  async function derive(work: Piece): Promise<Piece> {
    let { observations } = work
    let missing = missingFor(ledger, observations)
    if (missing.some((one) => one.what === 'horizon')) {
      observations = await withoutKnown(observations)
      missing = missingFor(ledger, observations)
      if (missing.some((one) => one.what === 'horizon')) {
        return deriveFromRecord({ ...work, observations })
      }
    }
    for (const one of missing) {
      if (one.what !== 'repeats') continue
      await settled()
      const read = await withRetry('reading the record', () =>
        observationsOfSwitch(db, one.switch, one.after, one.before),
      )
      refill(ledger, one, read)
    }
    // The observations of one batch are one set: their order in it means nothing.
    if (observations.length > 1) observations = observations.toSorted((a, b) => a.at - b.at)
    return { ...work, observations, change: applyObservations(ledger, observations) }
  }

  /** A retained message, or one that comes again, may be older than memory and yet no news: the record has it already. */
  async function withoutKnown(observations: readonly Observation[]): Promise<Observation[]> {
    await settled()
    const older = observations.filter((said) => effectiveAt(ledger, said) < ledger.horizon)
    const known = await withRetry('reading the record', () => recorded(db, older))
    return observations.filter((said) => !known.has(said))
  }

  /** Something is older than memory: all of it is judged again from an earlier checkpoint. */
  async function deriveFromRecord(work: Piece): Promise<Piece> {
    await settled()
    const switching = work.observations.filter((said) => said.kind !== 'meter')
    const oldest = Math.min(...switching.map((said) => effectiveAt(ledger, said)))
    logger.info({
      from: new Date(oldest).toISOString(),
      msg: 'a late word is judged from the record',
    })
    const reopened = await withRetry('reading the record', () =>
      reopenLedger(db, settings.ledger, oldest, switching),
    )
    if (reopened === undefined) return work
    const isNew = reopened.room.revision !== room.revision
    ledger = reopened.ledger
    room = reopened.room
    // The word was faster than the announcement of the network, which then finds nothing to do.
    if (isNew) parts.networkOpened()
    const changes = reopened.changes.map((change) => ({
      ...change,
      why: change.corrected ? switching : [],
    }))
    const recalled = await recall(changes.map((change) => change.after.id))
    return {
      ...work,
      change: { ...NO_CHANGE, outages: changes, transitions: standingsAfter(switching) },
      recalled,
      also: [...work.also, (tx) => dropCheckpointsAfter(tx, oldest)],
    }
  }

  /** Where the switches of some words stand after all that is known. */
  function standingsAfter(said: readonly Observation[]): Transition[] {
    const standings: Transition[] = []
    for (const one of new Map(said.map((word) => [word.point, word])).values()) {
      const device = room.network.switchIndex.get(one.point)
      const history = device === undefined ? undefined : ledger.histories.get(device)
      if (history === undefined || one.kind === 'meter') continue
      // A network that came into force since knows where it stands, but not who said it.
      const last = history.statements.at(-1)
      const { gateway, reason } = last?.observation ?? one
      const when = last?.at ?? effectiveAt(ledger, one)
      const closedPhases = closedNow(history)
      standings.push({ switch: one.point, closedPhases, at: when, gateway, reason })
    }
    return standings
  }

  // ── people

  async function handleAct(job: Job & { job: 'act' }): Promise<void> {
    const now = clock()
    const { act, actor } = job
    let ruling: Ruling
    let recalled = new Map<OutageId, OutageFacts>()
    if (act.act === 'position') {
      manualSeq = Math.max(manualSeq + 1, now)
      ruling = rulePosition(act, actor, room, now, manualSeq)
    } else {
      recalled = await recall([act.outage])
      const facts = recalled.get(act.outage) ?? ledger.record.byId.get(act.outage)?.told
      const entry = await entryKnown(act.outage)
      ruling =
        facts == null || entry === undefined
          ? { is: 'answered', answer: { outcome: 'unknown-outage' } }
          : ruleOutage(act, actor, facts, entry, now)
    }
    if (ruling.is === 'answered') {
      job.done(ruling.answer)
      return
    }
    const audit = {
      at: now,
      subject: actor.subject,
      role: actor.role,
      act: act.act,
      target: act.act === 'position' ? act.switch : act.outage,
      before: null,
      after: act,
    }
    if (ruling.is === 'observed') {
      const work = await derive({
        ...nothingAt(now),
        observations: [ruling.observation],
        audits: [audit],
      })
      await commit(work)
      job.done({ outcome: 'done', outages: work.change.outages.map(({ after }) => after.id) })
      return
    }
    await commit({
      ...nothingAt(now),
      desk: ruling.desk === null ? [] : [ruling.desk],
      entries: new Map([[ruling.outage, ruling.entry]]),
      events: [ruling.event],
      audits: [audit],
      recalled,
    })
    if (act.act === 'cause') {
      const facts = recalled.get(act.outage) ?? ledger.record.byId.get(act.outage)?.told
      if (facts?.restoredAt != null) learn(experience, room, facts, act.cause)
    }
    job.done({ outcome: 'done', outages: [ruling.outage] })
  }

  /**
   * What the database refuses for good is refused to whoever asked. Memory has it already, so it is opened again from the record, which
   * has not.
   */
  async function refuseAct(job: Job & { job: 'act' }, error: unknown): Promise<void> {
    if (!isRefusedData(error)) throw error
    await withRetry('opening the record', openFromRecord)
    job.failed(error)
  }

  async function handleAnnounce(job: Job & { job: 'announce' }): Promise<void> {
    const also = job.also === undefined ? [] : [job.also]
    await commit({ ...nothingAt(clock()), drafts: job.drafts, also })
    works = await withRetry('reading the works', () => readWorks(db, clock()))
  }

  async function entryKnown(id: OutageId): Promise<Entry | undefined> {
    const known = board.get(id)
    if (known !== undefined) return known
    const row = await withRetry('reading an outage', () => readBoardRow(db, id))
    return row === undefined ? undefined : entryOf(row)
  }

  // ── the passing of time

  async function handleTime(): Promise<void> {
    const now = clock()
    const due = [...holds].filter(([, at]) => at <= now).map(([id]) => id)
    const desk: DeskChange[] = []
    const entries = new Map<OutageId, Entry>()
    const events: OutageEvent[] = []
    const decide = (
      id: OutageId,
      next: Partial<Entry>,
      change: DeskChange,
      data: unknown,
    ): void => {
      entries.set(id, { ...entryFor(board, id), ...next })
      desk.push(change)
      events.push({ outage: id, at: now, kind: change.desk, data, bySubject: SERVICE.subject })
    }
    estimateDue(now, decide)
    if (now - housekeptAt >= HOUSEKEEPING_EVERY_MS) {
      housekeptAt = now
      refusalsLogged.clear()
      await closeForgotten(now, decide)
      await forget(now)
      await tendWorks(now)
    }
    if (due.length + desk.length > 0) {
      const recalled = await recall([...due, ...entries.keys()])
      await commit({ ...nothingAt(now), due, desk, entries, events, recalled })
    }
    setTimer()
  }

  type Decide = (id: OutageId, next: Partial<Entry>, change: DeskChange, data: unknown) => void

  function estimateDue(now: EpochMs, decide: Decide): void {
    let made = 0
    const openOutages = [...ledger.record.byId.values()].filter(
      (outage) => outage.told?.restoredAt === null,
    ).length
    for (const [id, due] of estimates) {
      if (due > now || made >= ESTIMATES_MAX) continue
      estimates.delete(id)
      const facts = ledger.record.byId.get(id)?.told
      const entry = entryFor(board, id)
      if (facts?.restoredAt !== null || entry.etr !== null || entry.planned) continue
      if (facts.customersOut === 0) continue
      const { cause } = entry
      const etr = estimateFor(experience, room, facts, { cause, openOutages, at: now, timeZone })
      decide(id, { etr }, { desk: 'etr', outage: id, etr }, etr)
      made++
    }
  }

  /** Also those that are no longer in memory: the record says who is back since when. */
  async function closeForgotten(now: EpochMs, decide: Decide): Promise<void> {
    const over = await withRetry('reading the board', () =>
      restoredUnclosed(db, now - AUTO_CLOSE_MS, CLOSED_AT_ONCE_MAX),
    )
    await bringBack(over)
    for (const id of over) decide(id, { closedAt: now }, { desk: 'closed', outage: id }, {})
  }

  /** Puts on the board again what had left it: an entry that began empty would take away what people had said. */
  async function bringBack(ids: readonly OutageId[]): Promise<void> {
    const gone = ids.filter((id) => !board.has(id))
    if (gone.length === 0) return
    const rows = await withRetry('reading the board', () => readBoardRows(db, gone))
    for (const row of rows) board.set(row.id, entryOf(row))
  }

  async function forget(now: EpochMs): Promise<void> {
    const gone: OutageId[] = []
    for (const [id, entry] of board) {
      if (entry.closedAt !== null && entry.closedAt < now - CLOSED_KEPT_MS) gone.push(id)
    }
    for (const id of gone) board.delete(id)
    if (gone.length > 0) parts.cleared(gone)
    const firstWord = ledger.journal[0]?.at ?? now
    const from = Number.isFinite(ledger.horizon) ? ledger.horizon : firstWord
    if (now - from < 2 * MEMORY_MS) return
    const horizon = now - MEMORY_MS
    pruneLedger(ledger, horizon)
    const positions = positionsAtHorizon(ledger)
    const write = ++writes
    await withRetry('saving a checkpoint', () =>
      db.transaction().execute(async (tx) => {
        if ((await parts.fence(tx, write)) === 'open') await saveCheckpoint(tx, horizon, positions)
      }),
    )
  }

  async function tendWorks(now: EpochMs): Promise<void> {
    if (!hasNetwork()) return
    const due = await withRetry('reading the works', () =>
      worksDue(db, room, now, settings.notices),
    )
    if (due !== undefined) {
      const piece = { ...nothingAt(now), drafts: due.drafts, also: [due.save] }
      await commit(piece).catch((error: unknown) => {
        if (!isRefusedData(error)) throw error
        // Nothing in memory rests on it, and the next minute asks again.
        logger.error({ err: error, msg: 'works cannot be saved' })
      })
    }
    works = await withRetry('reading the works', () => readWorks(db, now))
  }

  /** One timer for the next thing that time alone brings. */
  function setTimer(): void {
    clearTimeout(timer)
    if (closing) return
    const next = Math.min(
      ...holds.values(),
      ...estimates.values(),
      housekeptAt + HOUSEKEEPING_EVERY_MS,
    )
    const wait = Math.min(MS_PER_H, Math.max(1, next - clock()))
    timer = setTimeout(() => {
      queue.push({ job: 'time' })
      wake()
    }, wait)
    timer.unref()
  }

  // ── saving

  /** Tried until it is saved; throws what the database refuses for good. */
  async function commit(work: Piece): Promise<void> {
    await settled()
    await bringBack(changedBefore(work.change))
    await prepare(work)()
  }

  /** Derives what is to be told, and answers with what saves the piece and then tells it. In the order of preparing they are to be saved. */
  function prepare(work: Piece): () => Promise<void> {
    const { at, change } = work
    const fresh = new Map(change.outages.map(({ after }) => [after.id, after]))
    for (const [id, facts] of work.recalled) if (!fresh.has(id)) fresh.set(id, facts)
    for (const [id, entry] of work.entries) board.set(id, entry)
    const explained = explainByWorks(change.outages)
    const composed = composeNotices({
      changes: change.outages,
      desk: work.desk,
      due: work.due.filter((id) => standingOf(ledger, board, id, fresh) !== undefined),
      board: (id) => {
        const standing = standingOf(ledger, board, id, fresh)
        if (standing === undefined) throw new Error(`outage ${id} is not known`)
        return standing
      },
      at,
      settings: settings.notices,
    })
    const rows = new Map<OutageId, BoardRow & { raise: boolean }>()
    for (const [id, entry] of work.entries) {
      rows.set(id, {
        ...rowOf(id, entry),
        raise: !change.outages.some((one) => one.after.id === id),
      })
    }
    for (const id of explained) rows.set(id, { ...rowOf(id, entryFor(board, id)), raise: false })
    for (const [id, told] of composed.told) {
      const entry = entryFor(board, id)
      entry.told = told
      rows.set(id, { ...rowOf(id, entry), raise: rows.get(id)?.raise ?? false })
    }
    reopenClosed(change.outages, rows)
    const notices = [...work.drafts, ...composed.drafts].map((draft): Notice => ({
      ...draft,
      seq: ++lastSeq,
    }))
    const write = ++writes
    const save = (): Promise<void> =>
      db.transaction().execute(async (tx) => {
        if ((await parts.fence(tx, write)) === 'saved') return
        await saveObservations(tx, work.observations, isClamped)
        if (work.loads.length > 0) await saveLoads(tx, work.loads)
        await saveGatewayStates(tx, work.states)
        await saveHeard(tx, work.heard)
        await saveTransitions(tx, change.transitions)
        await saveOutages(tx, change.outages, { at, localDay, isPlanned })
        await saveCorrections(tx, change.outages, at)
        await saveBoard(tx, [...rows.values()], at)
        await saveOutageEvents(tx, work.events)
        for (const audit of work.audits) await writeAudit(tx, audit)
        for (const also of work.also) await also(tx)
        await appendNotices(tx, notices)
      })
    return async () => {
      await withRetry('saving', save)
      tellOutside(work, notices, composed.holds)
    }
  }

  /** What approved work explains is planned, with its reason; its customers were told before. */
  function explainByWorks(changes: readonly OutageChange[]): OutageId[] {
    const explained: OutageId[] = []
    for (const { before, after } of changes) {
      if (before !== null && before.anchorAt === after.anchorAt) continue
      const nature = natureOf(works, ledger, after)
      if (nature === null) continue
      const entry = entryFor(board, after.id)
      entry.planned = nature.nature === 'planned'
      entry.cause ??= nature.cause
      explained.push(after.id)
    }
    return explained
  }

  function isPlanned(id: OutageId): boolean {
    return board.get(id)?.planned === true
  }

  function isClamped(said: Observation): boolean {
    return effectiveAt(ledger, said) !== said.at
  }

  /** Who was out again after it was closed, or whose past was told anew, is open to people again (saveOutages did the same). */
  function reopenClosed(
    changes: readonly OutageChange[],
    rows: Map<OutageId, BoardRow & { raise: boolean }>,
  ): void {
    for (const { after } of changes) {
      const entry = entryFor(board, after.id)
      if (after.restoredAt !== null || entry.closedAt === null) continue
      entry.closedAt = null
      const row = rows.get(after.id)
      if (row !== undefined) rows.set(after.id, { ...row, closedAt: null })
    }
  }

  /** Everything is committed: now it may be known. */
  function tellOutside(
    work: Piece,
    notices: readonly Notice[],
    composedHolds: readonly { outage: OutageId; due: EpochMs }[],
  ): void {
    const { change } = work
    for (const id of [
      ...work.due,
      ...change.outages.map(({ after }) => after.id),
      ...work.entries.keys(),
    ]) {
      holds.delete(id)
    }
    for (const { outage, due } of composedHolds) holds.set(outage, due)
    for (const { before, after, corrected } of change.outages) {
      const entry = entryFor(board, after.id)
      if (corrected) metrics.corrections.inc()
      if (after.restoredAt === null) {
        if (before === null && entry.etr === null) {
          estimates.set(after.id, work.at + ESTIMATE_AFTER_S * MS_PER_S)
        }
      } else {
        estimates.delete(after.id)
        if (before?.restoredAt === null) learn(experience, room, after, entry.cause)
      }
    }
    for (const conflict of change.conflicts) {
      metrics.conflicts.inc()
      logger.warn({
        gateway: conflict.gateway,
        point: conflict.point,
        seq: conflict.seq,
        msg: 'conflict',
      })
    }
    const last = notices.at(-1)
    if (last !== undefined) parts.tell(last.seq, notices)
    const changed = new Set([
      ...change.outages.map(({ after }) => after.id),
      ...work.entries.keys(),
    ])
    if (changed.size > 0) parts.changed([...changed])
    if (composedHolds.length > 0 || change.outages.length > 0) setTimer()
  }

  /**
   * What cannot be done now is tried until it can; meanwhile the broker is the buffer. Throws what no waiting mends, and where the service
   * is closed meanwhile.
   */
  async function withRetry<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    for (let waitMs = RETRY_MS_MIN; ; waitMs = Math.min(waitMs * 2, RETRY_MS_MAX)) {
      try {
        const result = await attempt()
        if (trouble !== undefined) logger.info({ msg: 'recovered' })
        trouble = undefined
        return result
      } catch (error) {
        if (!isPassing(error)) throw error
        const why = error instanceof Error ? error.message : String(error)
        if (trouble === undefined) logger.error({ err: error, msg: `${what} failed` })
        trouble = `${what} failed: ${why}`
        metrics.commitRetries.inc()
        if (closing) throw error
        await new Promise((resolve) => setTimeout(resolve, waitMs))
      }
    }
  }

  const hasNetwork = (): boolean => room !== NO_NETWORK

  const push = (job: Job): void => {
    queue.push(job)
    wake()
  }

  setTimer()
  return {
    take: (message) => push({ job: 'message', message, receivedAt: clock() }),
    act: (act, actor) =>
      new Promise((done, failed) => push({ job: 'act', act, actor, done, failed })),
    announce: (drafts, also) =>
      new Promise((done, failed) => push({ job: 'announce', drafts, also, done, failed })),
    reviseNetwork: () => push({ job: 'network' }),
    troubles: () => (trouble === undefined ? [] : [trouble]),
    hasNetwork,
    backlog: () => queue.length,
    async close() {
      closing = true
      clearTimeout(timer)
      await running?.catch(() => undefined)
    },
  }
}

/** Outages that were known before: they may have left the board. */
const changedBefore = (change: LedgerChange): OutageId[] =>
  change.outages.flatMap(({ before, after }) => (before === null ? [] : [after.id]))

/**
 * Trouble of the database that passes: no connection, no rights or no such database yet, read only, no resources, shutting down, a
 * conflict with another transaction, a broken disk (SQLSTATE classes 08, 25, 28, 3D, 40, 53, 55, 57, 58, XX, and what the network says).
 */
function isPassing(error: unknown): boolean {
  const code = codeOf(error)
  if (code === undefined) return error instanceof Error && /connect/i.test(error.message)
  return /^(08|25|28|3D|40|53|55|57|58|XX)...$/.test(code) || /^E[A-Z]+$/.test(code)
}

/** The database does not take these data: SQLSTATE classes 22 and 23. */
const isRefusedData = (error: unknown): boolean => /^2[23]...$/.test(codeOf(error) ?? '')

function codeOf(error: unknown): string | undefined {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}
