import type { Logger } from 'pino'
import type { OutageId } from '../ledger/facts.ts'
import type { Database } from '../stores/database.ts'
import { readOutages } from '../stores/outages-read.ts'
import type { Clock } from '../clock.ts'

export const OUTAGE_TOPIC = 'relight/v1/outages'
/** Outages read and published at once. */
const PAGE = 200
const AGAIN_AFTER_MS = 1000

export type Publisher = {
  /** The outages changed and the change is committed. Many changes of one outage while the broker is busy go out as the last one. */
  changed(ids: Iterable<OutageId>): void
  /** Nothing is retained about these any more. */
  cleared(ids: Iterable<OutageId>): void
  close(): Promise<void>
}

/** Keeps `relight/v1/outages/{id}` on the broker in step with the committed record. */
export function openPublisher(parts: {
  readonly db: Database
  readonly clock: Clock
  readonly logger: Logger
  readonly publish: (
    topic: string,
    payload: string,
    options: { readonly retain: boolean },
  ) => Promise<void>
}): Publisher {
  const waiting = new Map<OutageId, 'changed' | 'cleared'>()
  let running: Promise<void> | undefined
  let closed = false

  const run = async (): Promise<void> => {
    while (waiting.size > 0 && !closed) {
      const page = [...waiting].slice(0, PAGE)
      for (const [id] of page) waiting.delete(id)
      try {
        await publishPage(page)
      } catch (error) {
        for (const [id, what] of page) if (!waiting.has(id)) waiting.set(id, what)
        parts.logger.warn({ err: error, msg: 'outages wait to be published' })
        await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS).unref())
      }
    }
  }
  const publishPage = async (
    page: readonly (readonly [OutageId, 'changed' | 'cleared'])[],
  ): Promise<void> => {
    const ids = page.filter(([, what]) => what === 'changed').map(([id]) => id)
    const views = await readOutages(parts.db, ids, parts.clock())
    await Promise.all(
      page.map(([id]) => {
        const view = views.get(id)
        // One that was withdrawn never was: who reads what is retained must not believe in it.
        const isThere = view !== undefined && view.customersInterrupted > 0
        const payload = isThere ? JSON.stringify(view) : ''
        return parts.publish(`${OUTAGE_TOPIC}/${id}`, payload, { retain: true })
      }),
    )
  }
  const add = (ids: Iterable<OutageId>, what: 'changed' | 'cleared'): void => {
    for (const id of ids) waiting.set(id, what)
    if (running !== undefined || closed) return
    running = run().finally(() => {
      running = undefined
      if (waiting.size > 0) add([], what)
    })
  }
  return {
    changed: (ids) => add(ids, 'changed'),
    cleared: (ids) => add(ids, 'cleared'),
    async close() {
      closed = true
      await running
    },
  }
}
