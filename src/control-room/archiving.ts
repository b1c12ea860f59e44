import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { archivableBefore, archiveNext } from '../stores/archive.ts'
import type { Database } from '../stores/database.ts'
import { MS_PER_DAY, MS_PER_MIN, type EpochMs } from '../time.ts'

const LOOK_EVERY_MS = MS_PER_MIN
/** The engine's own work goes first; so long it is given between two chunks, and as long again as the last one took. */
const PAUSE_MS = 20
/** So long it is left alone while messages wait, and then looked at again. */
const BUSY_MS = 200

export type ArchivedInAll = {
  readonly words: number
  readonly chunks: number
  readonly bytes: number
  /** Words from here on were left where they are; undefined where there is no checkpoint, and nothing could be archived. */
  readonly until: EpochMs | undefined
}

/** Archives what is older than an instant and than the last checkpoint, chunk by chunk, until nothing is left or `goOn` says no. */
export async function archiveBefore(
  db: Database,
  question: {
    readonly before: EpochMs
    readonly clock: Clock
    readonly goOn: () => boolean
    readonly between: (tookMs: number) => Promise<unknown>
  },
): Promise<ArchivedInAll> {
  const { before, clock, goOn, between } = question
  let [words, chunks, bytes] = [0, 0, 0]
  let until: EpochMs | undefined
  while (goOn()) {
    // A late word may have made it void since.
    const checkpoint = await archivableBefore(db)
    if (checkpoint === undefined) break
    until = Math.min(before, checkpoint)
    const began = performance.now()
    const archived = await archiveNext(db, { before: until, now: clock() })
    if (archived === undefined) break
    words += archived.words
    bytes += archived.bytes
    // Words that had come again after they were archived make no chunk.
    if (archived.bytes > 0) chunks++
    await between(performance.now() - began)
  }
  return { words, chunks, bytes, until }
}

/** Beside the engine: what has become old is archived, slowly, and not while messages wait. */
export function openArchiving(parts: {
  /** One whose questions have an end: a round that waits for ever would be the last. */
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  readonly afterDays: number
  readonly isBusy: () => boolean
  readonly everyMs?: number
}): { close(): Promise<void> } {
  const { db, clock, logger } = parts
  const stopped = new AbortController()
  let archiving: Promise<void> | undefined

  const pause = (ms: number): Promise<unknown> =>
    sleep(ms, undefined, { signal: stopped.signal }).catch(() => undefined)

  async function untilIdle(): Promise<void> {
    while (parts.isBusy() && !stopped.signal.aborted) await pause(BUSY_MS)
  }

  async function archive(): Promise<void> {
    try {
      await untilIdle()
      const done = await archiveBefore(db, {
        before: clock() - parts.afterDays * MS_PER_DAY,
        clock,
        goOn: () => !stopped.signal.aborted,
        between: async (tookMs) => {
          await pause(PAUSE_MS + tookMs)
          await untilIdle()
        },
      })
      if (done.words > 0) logger.info({ ...done, msg: 'observations archived' })
    } catch (error) {
      // Nothing is lost by it, and the next minute tries again.
      logger.warn({ err: error, msg: 'observations are not archived' })
    }
  }

  const look = (): void => {
    archiving ??= archive().finally(() => (archiving = undefined))
  }
  look()
  const timer = setInterval(look, parts.everyMs ?? LOOK_EVERY_MS)
  timer.unref()
  return {
    async close() {
      stopped.abort()
      clearInterval(timer)
      await archiving
    },
  }
}
