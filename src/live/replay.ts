import type { WebSocket } from '@fastify/websocket'
import type { Database } from '../stores/database.ts'
import { firstNoticeSeq, lastNoticeSeq, readNotices, type NoticeFilter } from '../stores/notices.ts'
import { concerns, wrap, type Parcel } from './frames.ts'
import type { Recent } from './recent.ts'
import type { Session, Subscription } from './session.ts'

/** A reader who missed more than this reads again over HTTP, which is cheaper for everyone. */
export const REPLAY_NOTICES_MAX = 5_000
/** Replays that read the database at the same time; the rest wait their turn, so that a herd does not take every connection. */
export const REPLAYS_AT_ONCE_MAX = 3
export const REPLAYS_WAITING_MAX = 20_000
export const REPLAY_PAGE = 500
/** Before the next page, what is under way to the reader must be less than this… */
export const REPLAY_BACKLOG_BYTES = 262_144
/** …within this time. */
export const REPLAY_STALL_MS = 10_000
const STALL_LOOK_MS = 20
const SCANNED_IN_ONE_GO = 2_000

/** A subscription, and the last number that it has not been told: beyond it the reader was listening. */
export type Missed = { readonly subscription: Subscription; readonly upTo: number }

export type ReplayOutcome =
  | 'told'
  /** Too old, too many, not to be had: read again over HTTP. */
  | 'resync'
  /** The reader does not take what it is sent. */
  | 'stalled'
  | 'left'

export type Replays = {
  /** Sends what `missed` missed after `since`, each notice once, in order. */
  tell(
    session: Session,
    since: number,
    missed: readonly Missed[],
    send: (parcel: Parcel, hits: readonly Subscription[]) => void,
  ): Promise<ReplayOutcome>
}

export function openReplays(parts: {
  db: Database
  recent: () => Recent
  head: () => number
}): Replays {
  const { db } = parts
  let running = 0
  const queue: (() => void)[] = []

  async function inTurn(work: () => Promise<ReplayOutcome>): Promise<ReplayOutcome> {
    if (running >= REPLAYS_AT_ONCE_MAX) {
      if (queue.length >= REPLAYS_WAITING_MAX) return 'resync'
      await new Promise<void>((go) => queue.push(go))
    }
    running++
    try {
      return await work()
    } catch {
      // The database cannot say what was missed; the reader is not left to believe that nothing was.
      return 'resync'
    } finally {
      running--
      queue.shift()?.()
    }
  }

  async function* stored(since: number, upTo: number, filter: NoticeFilter) {
    let after = since
    while (after < upTo) {
      const page = await readNotices(db, { after, upTo, limit: REPLAY_PAGE }, filter)
      for (const notice of page) yield wrap(notice)
      if (page.length < REPLAY_PAGE) return
      after = page.at(-1)?.seq ?? upTo
    }
  }

  return {
    async tell(session, since, missed, send) {
      if (missed.length === 0 && since <= parts.head()) return 'told'
      if (since > parts.head()) {
        return inTurn(async () => {
          // The reader has been told more than we have heard of: by a gateway that is ahead of us, or by another database.
          return since <= (await lastNoticeSeq(db)) ? 'told' : 'resync'
        })
      }
      const upTo = Math.max(...missed.map((one) => one.upTo))
      const recent = parts.recent()
      if (since >= recent.floor()) {
        return tellAll(recent.between(since, upTo), session, missed, send)
      }
      return inTurn(async () => {
        const first = await firstNoticeSeq(db)
        if (first === undefined || since < first - 1) return 'resync'
        return tellAll(stored(since, upTo, filterOf(missed)), session, missed, send)
      })
    },
  }
}

async function tellAll(
  parcels: Iterable<Parcel> | AsyncIterable<Parcel>,
  session: Session,
  missed: readonly Missed[],
  send: (parcel: Parcel, hits: readonly Subscription[]) => void,
): Promise<ReplayOutcome> {
  const untold = new Map(missed.map((one) => [one.subscription, one.upTo]))
  let told = 0
  let scanned = 0
  for await (const parcel of parcels) {
    if (++scanned % SCANNED_IN_ONE_GO === 0) await new Promise((go) => setImmediate(go))
    if (session.phase.is === 'over') return 'left'
    const hits: Subscription[] = []
    for (const { subscription, upTo } of missed) {
      if (parcel.seq <= upTo && fits(subscription, parcel)) hits.push(subscription)
    }
    if (hits.length === 0 || heardAlready(session, untold, parcel)) continue
    if (++told > REPLAY_NOTICES_MAX) return 'resync'
    send(parcel, hits)
    if (told % REPLAY_PAGE === 0 && !(await drained(session.socket))) return 'stalled'
  }
  return 'told'
}

/** Through another topic of the same socket, before this one was asked for. */
function heardAlready(
  session: Session,
  untold: ReadonlyMap<Subscription, number>,
  parcel: Parcel,
): boolean {
  for (const subscription of session.topics) {
    const from = untold.get(subscription) ?? subscription.fromSeq
    if (parcel.seq > from && fits(subscription, parcel)) return true
  }
  return false
}

export function fits({ topic, group }: Subscription, parcel: Parcel): boolean {
  switch (topic.kind) {
    case 'outages':
      return parcel.audience === 'staff'
    case 'feeder':
      return parcel.audience === 'staff' && parcel.feeders.includes(topic.id)
    case 'servicePoint':
      return (
        parcel.audience === 'customer' &&
        group !== null &&
        concerns(parcel, group) &&
        parcel.points?.has(topic.id) !== false
      )
    case 'public':
      return parcel.audience === 'public'
    case 'load':
      return parcel.audience === 'load'
  }
}

function filterOf(missed: readonly Missed[]): NoticeFilter {
  const feeders: string[] = []
  const groups: number[] = []
  let allStaff = false
  let everyone = false
  let load = false
  for (const { subscription } of missed) {
    const { topic, group } = subscription
    if (topic.kind === 'outages') allStaff = true
    if (topic.kind === 'public') everyone = true
    if (topic.kind === 'load') load = true
    if (topic.kind === 'feeder') feeders.push(topic.id)
    if (topic.kind === 'servicePoint' && group !== null) groups.push(group)
  }
  return { allStaff, feeders, groups, public: everyone, load }
}

async function drained(socket: WebSocket): Promise<boolean> {
  for (let waitedMs = 0; socket.bufferedAmount > REPLAY_BACKLOG_BYTES; waitedMs += STALL_LOOK_MS) {
    if (waitedMs >= REPLAY_STALL_MS) return false
    await new Promise((go) => setTimeout(go, STALL_LOOK_MS))
  }
  return true
}
