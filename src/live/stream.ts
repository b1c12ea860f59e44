import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientConfig } from 'pg'
import type { Logger } from 'pino'
import type { Notice } from '../notices/notice.ts'
import type { Database } from '../stores/database.ts'
import { listenTo } from '../stores/listen.ts'
import { lastNoticeSeq, NOTICE_CHANNEL, readNotices, seqBeforeLast } from '../stores/notices.ts'
import type { LiveRooms } from './rooms.ts'

/** Notices read from the table at once. */
export const STREAM_PAGE = 500
/** Notices that the engine handed over and that have not been told yet; beyond it they are read from the table when their turn comes. */
export const STREAM_WAITING_MAX = 5_000
/** Of the past, kept for readers who come back after a restart. */
export const REMEMBERED_AT_START = 5_000
/** Announcements can be lost; nothing waits longer than this. */
export const POLL_MS = 2_000
const CLOSE_MS_MAX = 2_000

export type Stream = {
  /**
   * Notices up to `upTo` are committed; the engine in this process hands them over, all of that commit in order, and so spares
   * reading them back. Without them they are read from the table.
   */
  committed(upTo: number, notices?: readonly Notice[]): void
  /** Resolves when everything that has been announced has been told. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** The committed notices, in the order of their numbers, each once, to the rooms of this process. */
export async function openStream(parts: {
  readonly db: Database
  readonly rooms: Pick<LiveRooms, 'begin' | 'deliver' | 'head'>
  readonly logger: Logger
  /** Gateways follow the engine through the database; null in the engine's own process. */
  readonly follow: ClientConfig | null
}): Promise<Stream> {
  const { db, rooms, logger } = parts
  const head = await lastNoticeSeq(db)
  const after = await seqBeforeLast(db, REMEMBERED_AT_START)
  const past = await readNotices(db, { after, upTo: head, limit: REMEMBERED_AT_START })
  rooms.begin(head, past)

  let announced = head
  let handed: Notice[] = []
  /** `handed` has every notice between `rooms.head()` and `announced`; otherwise the table has to be read. */
  let complete = true
  let telling: Promise<void> | undefined
  let closed = false

  async function tell(): Promise<void> {
    while (!closed) {
      if (complete && handed.length === 0) return
      const batch = handed
      handed = []
      if (complete) {
        for (const notice of batch) await rooms.deliver(notice)
        continue
      }
      // What is handed over from here on comes after all that the table is asked for.
      complete = true
      const upTo = announced
      for (let more = true; more && !closed;) {
        const page = await readNotices(db, { after: rooms.head(), upTo, limit: STREAM_PAGE })
        for (const notice of page) await rooms.deliver(notice)
        more = page.length === STREAM_PAGE
      }
    }
  }

  function wake(): void {
    if (telling !== undefined || closed) return
    telling = tell().then(
      () => {
        telling = undefined
        // Something was announced after the last look and before this line.
        if (!complete || handed.length > 0) wake()
      },
      (error: unknown) => {
        // Tried again by the poll.
        telling = undefined
        complete = false
        logger.warn({ err: error, msg: 'notices cannot be read' })
      },
    )
  }

  function committed(upTo: number, notices?: readonly Notice[]): void {
    if (upTo <= announced) return
    announced = upTo
    if (!complete || notices === undefined || handed.length + notices.length > STREAM_WAITING_MAX) {
      complete = false
      handed = []
    } else {
      handed.push(...notices)
    }
    wake()
  }

  const following = parts.follow === null ? undefined : await follow(parts.follow)
  const poll = setInterval(() => {
    if (!complete) wake()
    if (parts.follow === null) return
    lastNoticeSeq(db).then(
      (last) => committed(last),
      () => undefined,
    )
  }, POLL_MS)
  poll.unref()

  /** Announcements come on a connection of our own; what was announced while nobody listened is asked for. */
  function follow(config: ClientConfig): Promise<{ close(): Promise<void> }> {
    return listenTo({
      config,
      channel: NOTICE_CHANNEL,
      heard: (payload) => {
        const seq = Number(payload)
        if (Number.isSafeInteger(seq)) committed(seq)
      },
      listening: () => {
        lastNoticeSeq(db).then(
          (last) => committed(last),
          () => undefined,
        )
      },
      failed: (error) => logger.warn({ err: error, msg: 'notices are polled: cannot listen' }),
    })
  }

  return {
    committed,
    async idle() {
      while (telling !== undefined) await telling
    },
    async close() {
      closed = true
      clearInterval(poll)
      await following?.close()
      // A database that hangs is not waited for: nobody is left to be told.
      await Promise.race([telling, sleep(CLOSE_MS_MAX, undefined, { ref: false })])
    },
  }
}
