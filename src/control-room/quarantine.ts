import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Database } from '../stores/database.ts'
import { keyOf, QUARANTINE_MAX, readQuarantine, toKeep, toRelease } from '../stores/quarantine.ts'
import type { Taken } from './intake.ts'
import type { EngineMetrics } from './metrics.ts'
import { sqlStateOf } from './patience.ts'
import type { Saving } from './saving.ts'

/** Where a message waits that a mistake of ours keeps out of the record, while the others go on. */
export type Quarantine = {
  /** Throws the error where there are too many for them to be exceptions. */
  keep(taken: Taken, error: unknown): Promise<void>
  /** Something could be saved that may have been kept before. */
  release(taken: Taken): Promise<void>
  /** Those of former times, to be tried again. */
  readonly former: readonly Taken[]
  count(): number
}

export async function openQuarantine(
  db: Database,
  clock: Clock,
  logger: Logger,
  metrics: EngineMetrics,
  saving: Saving,
): Promise<Quarantine> {
  const former = await readQuarantine(db)
  const kept = new Set(former.map(({ key }) => key))
  metrics.quarantined.set(kept.size)
  return {
    async keep({ message, receivedAt }, error) {
      const key = keyOf(message)
      if (!kept.has(key) && kept.size >= QUARANTINE_MAX) throw error
      const { topic, payload } = message
      const says = error instanceof Error ? (error.stack ?? error.message) : String(error)
      await saving.write('keeping a message', toKeep({ topic, payload, receivedAt }, says, clock()))
      kept.add(key)
      metrics.quarantined.set(kept.size)
      // The kind alone: the last level may name a customer's meter.
      const kind = topic.split('/').slice(0, 4).join('/')
      logger.error({ kind, code: sqlStateOf(error), msg: 'a message is in quarantine' })
    },
    async release({ message }) {
      const key = keyOf(message)
      if (!kept.has(key)) return
      await saving.write('releasing a message', toRelease(key))
      kept.delete(key)
      metrics.quarantined.set(kept.size)
      logger.info({ msg: 'a message has left the quarantine' })
    },
    former: former.map(({ topic, payload, receivedAt }) => ({
      message: { topic, payload, retained: false, acknowledge: () => undefined },
      receivedAt,
    })),
    count: () => kept.size,
  }
}
