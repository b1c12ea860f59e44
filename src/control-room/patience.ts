import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { DamagedChunk } from '../stores/archive-chunk.ts'
import type { EngineMetrics } from './metrics.ts'

/** Between two tries of what the database could not do. */
const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 5000

/** How the engine waits for a database that is away. */
export type Patience = {
  /**
   * What cannot be done now is tried until it can; meanwhile the broker is the buffer. Throws what no waiting mends, and where the service
   * is closed meanwhile.
   */
  retry<T>(what: string, attempt: () => Promise<T>): Promise<T>
  /** What is waited for at the moment. */
  trouble(): string | undefined
  /** From now on nothing is tried twice. */
  end(): void
}

export function openPatience(logger: Logger, metrics: EngineMetrics): Patience {
  let trouble: string | undefined
  let ended = false
  return {
    async retry(what, attempt) {
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
          if (ended) throw error
          await sleep(waitMs)
        }
      }
    },
    trouble: () => trouble,
    end: () => void (ended = true),
  }
}

/**
 * Trouble of the database that passes: no connection, no rights or no such database yet, read only, no resources, shutting down, a
 * conflict with another transaction, a broken disk (SQLSTATE classes 08, 25, 28, 3D, 40, 53, 55, 57, 58, XX, and what the network says).
 */
export function isPassing(error: unknown): boolean {
  const code = sqlStateOf(error)
  if (code === undefined) return error instanceof Error && /connect/i.test(error.message)
  return /^(08|25|28|3D|40|53|55|57|58|XX)...$/.test(code) || /^E[A-Z]+$/.test(code)
}

/** The database does not take these data (SQLSTATE classes 22 and 23), or the part of the record that they speak of is damaged. */
export const isRefusedData = (error: unknown): boolean =>
  /^2[23]...$/.test(sqlStateOf(error) ?? '') || error instanceof DamagedChunk

/**
 * One message may have brought it about: our code threw, or the database refused data (22, 23) or a rule of ours (P0). Not where tables
 * are not as this version knows them (42): that is nobody's message.
 */
export function isOfOneMessage(error: unknown): boolean {
  const code = sqlStateOf(error)
  return !isPassing(error) && (code === undefined || /^(22|23|P0)...$/.test(code))
}

export function sqlStateOf(error: unknown): string | undefined {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}
