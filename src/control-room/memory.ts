import type { LedgerChange, OutageChange, OutageFacts, OutageId } from '../ledger/facts.ts'
import { openLedger } from '../ledger/open.ts'
import type { Ledger, LedgerSettings } from '../ledger/state.ts'
import { readBoard, readBoardRow, readBoardRows } from '../stores/board.ts'
import type { Database } from '../stores/database.ts'
import { readOutageFacts } from '../stores/outages.ts'
import { MS_PER_H, type EpochMs } from '../time.ts'
import { readStorms } from '../stores/storms.ts'
import type { Storm } from '../notices/storm.ts'
import type { Work } from '../work/work.ts'
import { entryOf, openBoard, type Board, type Entry } from './board.ts'
import { readExperience, type Experience } from './estimates.ts'
import { reopenLedger } from './from-record.ts'
import { NO_NETWORK, type NetworkRoom } from './network-room.ts'
import type { Patience } from './patience.ts'
import { readWorks } from './works.ts'

/** A closed outage stays on the broker and on the board for so long. */
export const CLOSED_KEPT_MS = 24 * MS_PER_H

/** What the one writer knows. It may run ahead of the record by what is being saved, and by nothing else. */
export type Memory = {
  room: NetworkRoom
  ledger: Ledger
  board: Board
  experience: Experience
  works: readonly Work[]
  /** Declared and not ended. */
  storms: readonly Storm[]
}

export const emptyMemory = (settings: LedgerSettings): Memory => ({
  room: NO_NETWORK,
  ledger: openLedger(NO_NETWORK.network, NO_NETWORK.loadPointNumber, settings),
  board: new Map(),
  experience: [],
  works: [],
  storms: [],
})

export const hasNetwork = (memory: Memory): boolean => memory.room !== NO_NETWORK

/**
 * Makes memory what follows from the record. Answers with where the saved ledger differs from it (which is still to be saved);
 * undefined where there is no network yet.
 */
export async function remember(
  db: Database,
  memory: Memory,
  settings: LedgerSettings,
  now: EpochMs,
): Promise<readonly OutageChange[] | undefined> {
  const reopened = await reopenLedger(db, settings, Number.POSITIVE_INFINITY)
  memory.board = openBoard(await readBoard(db, now - CLOSED_KEPT_MS))
  memory.storms = await readStorms(db)
  if (reopened === undefined) return undefined
  memory.room = reopened.room
  memory.ledger = reopened.ledger
  memory.experience = await readExperience(db, reopened.room)
  memory.works = await readWorks(db, now)
  return reopened.changes
}

/** What is not in memory any more, and is looked up where someone speaks of it again. */
export type Recollection = {
  /** The facts of outages that the ledger does not keep in memory any more. */
  recall(ids: readonly OutageId[]): Promise<Map<OutageId, OutageFacts>>
  /** Puts on the board again what had left it: an entry that began empty would take away what people had said. */
  bringBack(ids: readonly OutageId[]): Promise<void>
  entryKnown(id: OutageId): Promise<Entry | undefined>
}

export function openRecollection(db: Database, memory: Memory, patience: Patience): Recollection {
  return {
    async recall(ids) {
      const recalled = new Map<OutageId, OutageFacts>()
      for (const id of ids) {
        if (memory.ledger.record.byId.get(id)?.told != null) continue
        const facts = await patience.retry('reading an outage', () => readOutageFacts(db, id))
        if (facts !== undefined) recalled.set(id, facts)
      }
      return recalled
    },
    async bringBack(ids) {
      const gone = ids.filter((id) => !memory.board.has(id))
      if (gone.length === 0) return
      const rows = await patience.retry('reading the board', () => readBoardRows(db, gone))
      for (const row of rows) memory.board.set(row.id, entryOf(row))
    },
    async entryKnown(id) {
      const known = memory.board.get(id)
      if (known !== undefined) return known
      const row = await patience.retry('reading an outage', () => readBoardRow(db, id))
      return row === undefined ? undefined : entryOf(row)
    },
  }
}

/** Outages that were known before a change: they may have left the board. */
export const changedBefore = (change: LedgerChange): OutageId[] =>
  change.outages.flatMap(({ before, after }) => (before === null ? [] : [after.id]))
