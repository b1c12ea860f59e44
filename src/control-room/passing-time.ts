import type { Logger } from 'pino'
import type { Actor } from '../ledger/acts.ts'
import type { OutageFacts, OutageId } from '../ledger/facts.ts'
import { positionsAtHorizon, pruneLedger } from '../ledger/open.ts'
import { renewalAgain, settleEtr } from '../notices/etr.ts'
import type { DeskChange, NoticeSettings } from '../notices/standing.ts'
import { composeStormAlarm, etrInStorm, isStormAlarmDue, stormOver } from '../notices/storm.ts'
import { saveStormAlarm } from '../stores/storms.ts'
import { restoredUnclosed, type OutageEvent } from '../stores/board.ts'
import type { Database } from '../stores/database.ts'
import { toSaveCheckpoint } from '../stores/outages.ts'
import { MS_PER_H, type EpochMs } from '../time.ts'
import { entryFor, type Entry } from './board.ts'
import { isByPerson } from '../notices/told.ts'
import type { Deadlines } from './deadlines.ts'
import { estimateFor } from './estimates.ts'
import { CLOSED_KEPT_MS, hasNetwork, type Memory, type Recollection } from './memory.ts'
import { parallelsDue } from './parallel.ts'
import { probablesDue } from './probables.ts'
import { isRefusedData, type Patience } from './patience.ts'
import { nothingAt } from './piece.ts'
import type { Saving } from './saving.ts'
import { readWorks, worksDue } from './works.ts'

/** The ledger keeps at least this much of the past in memory, and at most twice as much. */
const MEMORY_MS = 24 * MS_PER_H
/** An outage that everyone is back from, and which nobody closed, is closed by the service. */
const AUTO_CLOSE_MS = 24 * MS_PER_H
/** Of those, in one go. */
const CLOSED_AT_ONCE_MAX = 500
/** Estimates made in one go: each looks through the past. */
const ESTIMATES_MAX = 20

/** The service itself, where it acts without being asked. */
const SERVICE: Actor = { subject: 'relight', role: 'service' }

/** Does what time alone brings: holds that ran out, first estimates, and each minute what is to be closed, forgotten and reminded of. */
export type PassTime = (now: EpochMs) => Promise<void>

export function openPassingTime(
  parts: {
    readonly db: Database
    readonly logger: Logger
    readonly notices: NoticeSettings
    readonly parallelAlertMs: number
    /** These were closed long enough ago to be forgotten outside. */
    readonly cleared: (outages: readonly OutageId[]) => void
    readonly onMinute: () => void
  },
  memory: Memory,
  recollection: Recollection,
  deadlines: Deadlines,
  saving: Saving,
  patience: Patience,
): PassTime {
  const { db, logger } = parts

  type Decide = (id: OutageId, next: Partial<Entry>, change: DeskChange, data: unknown) => void

  function estimateDue(now: EpochMs, decide: Decide): void {
    const { ledger, board, experience, room } = memory
    const dues = [...deadlines.estimates].filter(([, due]) => due <= now)
    // Holds wake us as well, many a second in a storm: how much else is open is counted for estimates alone.
    if (dues.length === 0) return
    let made = 0
    const open: OutageFacts[] = []
    for (const { told } of ledger.record.byId.values()) {
      if (told !== null && told.restoredAt === null) open.push(told)
    }
    for (const [id] of dues) {
      if (made >= ESTIMATES_MAX) break
      deadlines.estimates.delete(id)
      const facts = ledger.record.byId.get(id)?.told
      const entry = entryFor(board, id)
      if (facts?.restoredAt !== null || facts.customersOut === 0 || entry.planned) continue
      const storm = stormOver(memory.storms, facts.area)
      if (storm !== null) {
        // No machine speaks in a storm; what a person said for the area holds for who comes late, too.
        const etr = etrInStorm(entry.etr, storm)
        if (etr !== null && etr.at > now && etr !== entry.etr)
          decide(id, { etr }, { desk: 'etr', outage: id, etr }, etr)
        continue
      }
      const { timeZone } = parts.notices
      const about = { cause: entry.cause, open, at: now, timeZone }
      const etr = settleEtr(entry.etr, estimateFor(experience, room, facts, about))
      if (etr === null) continue
      if (etr !== entry.etr) decide(id, { etr }, { desk: 'etr', outage: id, etr }, etr)
      else if (!isByPerson(etr) && renewalAgain(etr) > now)
        deadlines.estimates.set(id, renewalAgain(etr))
      made++
    }
  }

  /** Also those that are no longer in memory: the record says who is back since when. */
  async function closeForgotten(now: EpochMs, decide: Decide): Promise<void> {
    const over = await patience.retry('reading the board', () =>
      restoredUnclosed(db, now - AUTO_CLOSE_MS, CLOSED_AT_ONCE_MAX),
    )
    await recollection.bringBack(over)
    for (const id of over) decide(id, { closedAt: now }, { desk: 'closed', outage: id }, {})
  }

  async function forget(now: EpochMs): Promise<void> {
    const { board, ledger } = memory
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
    await saving.write('saving a checkpoint', toSaveCheckpoint(horizon, positions))
  }

  async function tendWorks(now: EpochMs): Promise<void> {
    if (!hasNetwork(memory)) return
    const due = await patience.retry('reading the works', () =>
      worksDue(db, memory.room, now, parts.notices),
    )
    if (due !== undefined) {
      const piece = { ...nothingAt(now), drafts: due.drafts, also: [due.save] }
      await saving.commit(piece).catch((error: unknown) => {
        if (!isRefusedData(error)) throw error
        // Nothing in memory rests on it, and the next minute asks again.
        logger.error({ err: error, msg: 'works cannot be saved' })
      })
    }
    memory.works = await patience.retry('reading the works', () => readWorks(db, now))
  }

  async function tendParallels(now: EpochMs): Promise<void> {
    if (!hasNetwork(memory)) return
    const { parallelAlertMs: alertMs, notices } = parts
    const due = await patience.retry('reading parallel feeders', () =>
      parallelsDue(db, memory, now, { alertMs, notices }),
    )
    if (due === undefined) return
    await saving.commit({ ...nothingAt(now), drafts: due.drafts, also: [due.save] })
  }

  async function tendProbables(now: EpochMs): Promise<void> {
    if (!hasNetwork(memory)) return
    const due = await patience.retry('reading what is probable', () =>
      probablesDue(db, memory, now, parts.notices),
    )
    if (due === undefined) return
    await saving.commit({ ...nothingAt(now), drafts: due.drafts, also: [due.save] })
  }

  return async (now) => {
    const due = [...deadlines.holds].filter(([, at]) => at <= now).map(([id]) => id)
    const desk: DeskChange[] = []
    const entries = new Map<OutageId, Entry>()
    const events: OutageEvent[] = []
    const decide: Decide = (id, next, change, data) => {
      entries.set(id, { ...entryFor(memory.board, id), ...next })
      desk.push(change)
      events.push({ outage: id, at: now, kind: change.desk, data, bySubject: SERVICE.subject })
    }
    estimateDue(now, decide)
    if (deadlines.isHousekeepingDue(now)) {
      parts.onMinute()
      await closeForgotten(now, decide)
      await forget(now)
      await tendWorks(now)
      await tendParallels(now)
      await tendProbables(now)
    }
    const alarmed = memory.storms.filter((storm) => isStormAlarmDue(storm, now))
    if (alarmed.length > 0) {
      memory.storms = memory.storms.map((storm) =>
        alarmed.includes(storm) ? { ...storm, alarmedAt: storm.etr?.at ?? null } : storm,
      )
      await saving.commit({
        ...nothingAt(now),
        drafts: alarmed.map((storm) =>
          composeStormAlarm(storm, { at: now, settings: parts.notices }),
        ),
        also: alarmed.map((storm) => (tx) => saveStormAlarm(tx, storm)),
      })
    }
    if (due.length + desk.length > 0) {
      const recalled = await recollection.recall([...due, ...entries.keys()])
      await saving.commit({ ...nothingAt(now), due, desk, entries, events, recalled })
    }
    deadlines.set()
  }
}
