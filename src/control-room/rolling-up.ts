import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Database } from '../stores/database.ts'
import { rollUpLoads } from '../stores/loads.ts'
import { MS_PER_MIN } from '../time.ts'

const ROLL_UP_EVERY_MS = MS_PER_MIN

/** Beside the engine: measured loads become hours and days, a minute after they came; what fails is tried again with the next. */
export function openRollingUp(parts: {
  /** One whose questions have an end: a round that waits for ever would be the last. */
  readonly db: Database
  readonly clock: Clock
  readonly timeZone: string
  readonly logger: Logger
  readonly everyMs?: number
}): { close(): Promise<void> } {
  const { db, clock, timeZone, logger } = parts
  let rolling: Promise<void> | undefined
  let stopped = false
  const roll = async (): Promise<void> => {
    try {
      for (let more = true; more && !stopped;) {
        const { hours } = await rollUpLoads(db, { until: clock(), timeZone })
        more = hours > 0
      }
    } catch (error) {
      logger.warn({ err: error, msg: 'loads are not rolled up' })
    }
  }
  const timer = setInterval(() => {
    rolling ??= roll().finally(() => {
      rolling = undefined
    })
  }, parts.everyMs ?? ROLL_UP_EVERY_MS)
  timer.unref()
  return {
    async close() {
      stopped = true
      clearInterval(timer)
      await rolling
    },
  }
}
