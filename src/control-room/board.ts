import type { Crew, Etr } from '../ledger/acts.ts'
import type { OutageFacts, OutageId } from '../ledger/facts.ts'
import type { Ledger } from '../ledger/state.ts'
import type { CauseDetail } from '../reliability/cause-detail.ts'
import type { OutageStanding } from '../notices/standing.ts'
import { stormOver, type Storm } from '../notices/storm.ts'
import { NOTHING_TOLD, readTold, type Told } from '../notices/told.ts'
import type { BoardRow } from '../stores/board.ts'
import type { EpochMs } from '../time.ts'

/** What is known of an outage beside its facts. */
export type Entry = {
  planned: boolean
  etr: Etr | null
  crew: Crew | null
  cause: string | null
  causeDetail: CauseDetail | null
  closedAt: EpochMs | null
  told: Told
}

/** The standing of every outage that may still change: open ones, restored ones, and those closed a while ago. */
export type Board = Map<OutageId, Entry>

export const openBoard = (rows: readonly BoardRow[]): Board =>
  new Map(rows.map((row) => [row.id, entryOf(row)]))

export const entryOf = (row: BoardRow): Entry => ({
  planned: row.kind === 'planned',
  etr: row.etr,
  crew: row.crew,
  cause: row.cause,
  causeDetail: row.causeDetail,
  closedAt: row.closedAt,
  told: readTold(row.told),
})

export function entryFor(board: Board, id: OutageId): Entry {
  let entry = board.get(id)
  if (entry === undefined) {
    entry = {
      planned: false,
      etr: null,
      crew: null,
      cause: null,
      causeDetail: null,
      closedAt: null,
      told: NOTHING_TOLD,
    }
    board.set(id, entry)
  }
  return entry
}

/** The standing of an outage that the ledger has in memory; undefined where it is gone from there. */
export function standingOf(
  ledger: Ledger,
  board: Board,
  storms: readonly Storm[],
  id: OutageId,
  fresh: ReadonlyMap<OutageId, OutageFacts>,
): OutageStanding | undefined {
  const facts = fresh.get(id) ?? ledger.record.byId.get(id)?.told ?? null
  if (facts === null) return undefined
  const entry = entryFor(board, id)
  return { facts, ...entry, storm: stormOver(storms, facts.area) !== null }
}

export const rowOf = (id: OutageId, entry: Entry): BoardRow => ({
  id,
  kind: entry.planned ? 'planned' : 'unplanned',
  cause: entry.cause,
  causeDetail: entry.causeDetail,
  crew: entry.crew,
  etr: entry.etr,
  closedAt: entry.closedAt,
  told: entry.told,
})
