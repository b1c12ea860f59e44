import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type { Clock } from '../clock.ts'
import type { FieldMessage } from '../feeds/feed.ts'
import type { Act, ActAnswer, Actor } from '../ledger/acts.ts'
import type { OutageId } from '../ledger/facts.ts'
import type { LedgerSettings } from '../ledger/state.ts'
import type { Draft, Notice } from '../notices/notice.ts'
import type { NoticeSettings } from '../notices/standing.ts'
import type { Database, Tx } from '../stores/database.ts'
import { latestRevision } from '../stores/networks.ts'
import type { Statement } from '../stores/statement.ts'
import type { Writer } from '../stores/writer.ts'
import { MS_PER_S } from '../time.ts'
import { openActs } from './acts.ts'
import { ANSWER_MS_MAX, askFor } from './asking.ts'
import { openDeadlines } from './deadlines.ts'
import { openDeriving } from './deriving.ts'
import { openIntake, type DoorRefusal, type Taken } from './intake.ts'
import { emptyMemory, hasNetwork, openRecollection, remember } from './memory.ts'
import { countEngine } from './metrics.ts'
import { openQuarantine } from './quarantine.ts'
import { PARALLEL_ALERT_MS } from './parallel.ts'
import { openPassingTime } from './passing-time.ts'
import { isOfOneMessage, isPassing, isRefusedData, openPatience } from './patience.ts'
import { NO_CHANGE, nothingAt } from './piece.ts'
import { openRulings } from './rulings.ts'
import { openSaving } from './saving.ts'
import { readWorks } from './works.ts'

/** Messages committed together at most: half of what the broker sends without a PUBACK, so that the next half is derived meanwhile. */
export const BATCH_MAX = 2000
/** Fewer are worth waiting for more: they are not derived ahead of a running commit. */
export const AHEAD_MIN = 500
/** At opening, what fell due meanwhile waits this long for the first of what the broker has kept. */
const LISTEN_FIRST_MS = 2 * MS_PER_S

export type ControlRoomParts = {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Registry
  readonly settings: {
    readonly notices: NoticeSettings
    readonly ledger: LedgerSettings
    /** Feeders that run in parallel for longer are an alarm; `PARALLEL_ALERT_MS` where nothing is said. */
    readonly parallelAlertMs?: number
    /** How long whoever asks for an act waits for its answer; `ANSWER_MS_MAX` where nothing is said. */
    readonly answerMsMax?: number
  }
  /** The engine's own way of writing; reading goes through `db`. */
  readonly writer: Writer
  /** As `EngineLock.fence`. */
  readonly fence: (write: number) => Statement
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
  /** The broker let something of a gateway not even in: counted and logged with what is refused here. */
  refused(reason: DoorRefusal, topic: string, detail: string): void
  /** Throws `GivenUp` where the answer takes too long. */
  act(act: Act, actor: Actor): Promise<ActAnswer>
  /** Numbers and stores notices that follow from something else than the ledger; `also` runs in the same transaction. */
  announce(drafts: readonly Draft[], also?: (tx: Tx) => Promise<void>): Promise<void>
  /** The same for somebody who waits for the answer, and not for ever (`GivenUp`). */
  announceFor(drafts: readonly Draft[], also?: (tx: Tx) => Promise<void>): Promise<void>
  /** Another network revision may be in force. */
  reviseNetwork(): void
  /** Why nothing is committed at the moment; empty when all is well. */
  troubles(): string[]
  /** What is not as it should be although all goes on. */
  weaknesses(): string[]
  hasNetwork(): boolean
  backlog(): number
  /** Finishes what was taken, and stops. */
  close(): Promise<void>
}

type MessageJob = Taken & { readonly job: 'message' }
/** Whatever else the one writer is asked; `answer` does it, and lets whoever asked know. */
type Job = MessageJob | { readonly job: 'other'; readonly answer: () => Promise<void> }

/**
 * The one writer. Field messages and people's acts go through one queue; what follows from them is derived, saved in one transaction,
 * and only then believed outside: acknowledged, told, published. When idle it commits at once; what arrives while a commit runs is
 * committed together next.
 */
export async function openControlRoom(parts: ControlRoomParts): Promise<ControlRoom> {
  const { db, clock, logger, settings } = parts
  const { notices, answerMsMax = ANSWER_MS_MAX } = settings
  const queue: Job[] = []
  const metrics = countEngine(parts.metrics, () => queue.length)
  const memory = emptyMemory(settings.ledger)
  const patience = openPatience(logger, metrics)
  const recollection = openRecollection(db, memory, patience)
  const deadlines = openDeadlines(clock, () =>
    push({ job: 'other', answer: () => passTime(clock()) }),
  )
  const saving = await openSaving(
    { ...parts, metrics, notices },
    memory,
    recollection,
    deadlines,
    patience,
  )
  const derive = openDeriving(
    { ...parts, settings: settings.ledger },
    memory,
    recollection,
    patience,
    () => saving.settled(),
  )
  const intake = openIntake(logger, metrics)
  const rule = openRulings(
    { ...parts, settings: settings.ledger },
    memory,
    recollection,
    saving,
    patience,
  )
  const perform = openActs(clock, notices, memory, recollection, derive, saving, deadlines, rule)
  const passTime = openPassingTime(
    {
      ...parts,
      notices,
      parallelAlertMs: settings.parallelAlertMs ?? PARALLEL_ALERT_MS,
      onMinute: () => intake.logAgain(),
    },
    memory,
    recollection,
    deadlines,
    saving,
    patience,
  )
  const quarantine = await openQuarantine(db, clock, logger, metrics, saving)
  /** Batches that were derived and are not known to be saved, the oldest first. */
  const inHand = new Set<readonly MessageJob[]>()
  let running: Promise<void> | undefined
  /** Whoever waits for a commit goes on when so many are in the queue. */
  let awaited: { readonly count: number; readonly goOn: () => void } | undefined
  let closing = false
  let dead = false

  await openFromRecord()
  deadlines.set()
  for (const taken of quarantine.former) push({ job: 'message', ...taken })

  async function openFromRecord(): Promise<void> {
    const now = clock()
    const changes = await remember(db, memory, settings.ledger, now)
    if (changes === undefined) return
    parts.networkOpened()
    const { board } = memory
    const open = [...board].filter(([, entry]) => entry.closedAt === null).map(([id]) => id)
    const recalled = await recollection.recall(open)
    if (changes.length > 0) {
      logger.warn({ outages: changes.length, msg: 'the saved ledger was brought up to the record' })
    }
    const change = { ...NO_CHANGE, outages: changes }
    await saving.commit({ ...nothingAt(now), change, recalled })
    parts.changed([...board.keys()])
    // What fell due while nobody was here is told after what the broker kept for us, which may say that it is over.
    const soon = now + LISTEN_FIRST_MS
    for (const id of open) {
      deadlines.holds.set(id, soon)
      const facts = memory.ledger.record.byId.get(id)?.told
      if (facts?.restoredAt === null && board.get(id)?.etr === null) {
        deadlines.estimates.set(id, soon)
      }
    }
    deadlines.set()
  }

  // ── the loop

  function push(job: Job): void {
    queue.push(job)
    if (awaited !== undefined && queue.length >= awaited.count) awaited.goOn()
    wake()
  }

  /**
   * Lets the one writer answer in its turn. What goes wrong is told to whoever asked, unless `mend` throws: then the engine dies of it. Whoever
   * has waited too long hears that (`GivenUp`).
   */
  function ask<T>(
    answer: () => Promise<T>,
    answerMsMax: number,
    mend: (error: unknown) => Promise<void> = () => Promise.resolve(),
  ): Promise<T> {
    const asked = askFor(answer, mend, answerMsMax)
    push({ job: 'other', answer: asked.begin })
    return asked.answer
  }

  function wake(): void {
    if (running !== undefined || dead) return
    running = loop().then(
      () => {
        running = undefined
        if (hasWork()) wake()
      },
      (error: unknown) => {
        dead = true
        deadlines.stop()
        // At the end of the service a database that is away is waited for no longer: what is not acknowledged comes again.
        if (!(closing && isPassing(error))) parts.died(error)
      },
    )
  }

  /** Before there is a network the field's words wait: nothing can be judged, and the broker keeps them. */
  function hasWork(): boolean {
    return hasNetwork(memory) ? queue.length > 0 : firstOther() >= 0
  }

  async function loop(): Promise<void> {
    while (hasWork()) {
      if (queue[0]?.job === 'message' && hasNetwork(memory)) await takeBatch().catch(mend)
      else {
        await saving.settled().catch(mend)
        const [job] = queue.splice(Math.max(0, firstOther()), 1)
        if (job?.job === 'other') await job.answer()
      }
      if (!hasWork()) await settledOrEnough().catch(mend)
    }
  }

  async function takeBatch(): Promise<void> {
    await settledOrEnough()
    const jobs = takeMessages()
    metrics.batchSize.observe(jobs.length)
    metrics.messages.inc(jobs.length)
    await handleMessages(jobs)
  }

  /**
   * The running commit is waited for, until as much waits as it saves: that is derived ahead. A smaller batch grows meanwhile. Who sends
   * no more than so many messages without a PUBACK would else never have one half saved while the other is derived.
   */
  async function settledOrEnough(): Promise<void> {
    let saved = 0
    for (const jobs of inHand) saved += jobs.length
    const count = Math.min(BATCH_MAX, Math.max(AHEAD_MIN, saved))
    if (queue.length >= count) return
    const enough = new Promise<void>((goOn) => (awaited = { count, goOn }))
    try {
      await Promise.race([saving.settled(), enough])
    } finally {
      awaited = undefined
    }
  }

  /** A batch failed that no waiting mends: what is in hand is saved again in smaller and smaller parts, up to the message at fault. */
  async function mend(failure: unknown): Promise<void> {
    // The one before may still be on its way.
    await saving.settled().catch(() => undefined)
    if (!isOfOneMessage(failure) || inHand.size === 0) throw failure
    logger.error({ err: failure, msg: 'a batch failed: looking for the message' })
    const jobs = [...inHand].flat()
    await forgetInHand()
    await saveApart(jobs)
  }

  /** Memory is ahead of a record that did not take what is in hand: it is opened again from there. */
  async function forgetInHand(): Promise<void> {
    inHand.clear()
    saving.abandon()
    await patience.retry('opening the record', openFromRecord)
  }

  async function saveApart(jobs: readonly MessageJob[]): Promise<void> {
    try {
      await handleMessages(jobs)
      await saving.settled()
    } catch (error) {
      if (!isOfOneMessage(error)) throw error
      await forgetInHand()
      const [first] = jobs
      if (jobs.length === 1 && first !== undefined) {
        await quarantine.keep(first, error)
        first.message.acknowledge()
        return
      }
      const half = jobs.length >> 1
      await saveApart(jobs.slice(0, half))
      await saveApart(jobs.slice(half))
    }
  }

  const firstOther = (): number => queue.findIndex((job) => job.job !== 'message')

  function takeMessages(): MessageJob[] {
    let count = 0
    while (count < queue.length && count < BATCH_MAX && queue[count]?.job === 'message') count++
    return queue.splice(0, count) as MessageJob[]
  }

  // ── what it is asked

  async function handleMessages(jobs: readonly MessageJob[]): Promise<void> {
    const stop = metrics.commitSeconds.startTimer()
    inHand.add(jobs)
    const piece = await derive(intake.read(jobs, memory.room, clock()))
    await saving.commitAhead(piece, async () => {
      inHand.delete(jobs)
      for (const { message } of jobs) message.acknowledge()
      intake.count(piece)
      stop()
      if (quarantine.count() > 0) for (const job of jobs) await quarantine.release(job)
    })
  }

  /**
   * What the database refuses for good is refused to whoever asked. Memory has it already, so it is opened again from the record, which
   * has not.
   */
  async function afterRefusal(error: unknown): Promise<void> {
    if (!isRefusedData(error)) throw error
    await patience.retry('opening the record', openFromRecord)
  }

  async function announce(
    drafts: readonly Draft[],
    also: ((tx: Tx) => Promise<void>) | undefined,
  ): Promise<void> {
    await saving.commit({
      ...nothingAt(clock()),
      drafts,
      also: also === undefined ? [] : [also],
    })
    memory.works = await patience.retry('reading the works', () => readWorks(db, clock()))
  }

  async function reviseNetwork(): Promise<void> {
    await patience.retry('opening a network', async () => {
      if ((await latestRevision(db))?.revision !== memory.room.revision) await openFromRecord()
    })
  }

  return {
    take: (message) => push({ job: 'message', message, receivedAt: clock() }),
    refused: (reason, topic, detail) => intake.refuse(reason, topic, detail),
    act: (act, actor) => ask(() => perform(act, actor), answerMsMax, afterRefusal),
    announce: (drafts, also) => ask(() => announce(drafts, also), Infinity),
    announceFor: (drafts, also) => ask(() => announce(drafts, also), answerMsMax),
    reviseNetwork: () => push({ job: 'other', answer: reviseNetwork }),
    troubles: () => {
      const trouble = patience.trouble()
      return trouble === undefined ? [] : [trouble]
    },
    weaknesses: () =>
      quarantine.count() === 0 ? [] : [`messages in quarantine: ${quarantine.count()}`],
    hasNetwork: () => hasNetwork(memory),
    backlog: () => queue.length,
    async close() {
      closing = true
      patience.end()
      deadlines.stop()
      await running?.catch(() => undefined)
    },
  }
}
