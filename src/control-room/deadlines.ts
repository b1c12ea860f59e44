import type { Clock } from '../clock.ts'
import type { OutageId } from '../ledger/facts.ts'
import { MS_PER_H, MS_PER_MIN, type EpochMs } from '../time.ts'

const HOUSEKEEPING_EVERY_MS = MS_PER_MIN

/** What time alone will bring, and one timer for the next of it. */
export type Deadlines = {
  /** When something about an outage is to be told for the mere passing of time. */
  readonly holds: Map<OutageId, EpochMs>
  /** When an outage is due its first estimate. */
  readonly estimates: Map<OutageId, EpochMs>
  /** Whether a minute has passed since the last time that this was true. */
  isHousekeepingDue(now: EpochMs): boolean
  /** After anything was added or done. */
  set(): void
  stop(): void
}

export function openDeadlines(clock: Clock, onDue: () => void): Deadlines {
  const holds = new Map<OutageId, EpochMs>()
  const estimates = new Map<OutageId, EpochMs>()
  let housekeptAt = clock()
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  return {
    holds,
    estimates,
    isHousekeepingDue(now) {
      if (now - housekeptAt < HOUSEKEEPING_EVERY_MS) return false
      housekeptAt = now
      return true
    },
    set() {
      clearTimeout(timer)
      if (stopped) return
      let next = housekeptAt + HOUSEKEEPING_EVERY_MS
      // A storm holds more of them than a call takes arguments.
      for (const dues of [holds, estimates]) {
        for (const due of dues.values()) if (due < next) next = due
      }
      const wait = Math.min(MS_PER_H, Math.max(1, next - clock()))
      timer = setTimeout(onDue, wait)
      timer.unref()
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
