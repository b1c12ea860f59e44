import type { LedgerChange, OutageFacts, OutageId } from '../ledger/facts.ts'
import type { GatewayState, LoadReading, Observation } from '../ledger/observation.ts'
import type { Draft } from '../notices/notice.ts'
import type { DeskChange } from '../notices/standing.ts'
import type { AuditEntry } from '../stores/accounts.ts'
import type { OutageEvent } from '../stores/board.ts'
import type { Tx } from '../stores/database.ts'
import type { EpochMs } from '../time.ts'
import type { Entry } from './board.ts'

/** Everything that one transaction writes. */
export type Piece = {
  readonly at: EpochMs
  readonly observations: readonly Observation[]
  readonly loads: readonly LoadReading[]
  readonly states: readonly GatewayState[]
  readonly heard: ReadonlyMap<string, EpochMs>
  readonly change: LedgerChange
  readonly desk: readonly DeskChange[]
  /** Entries of the board to be written, beside those whose telling changes. */
  readonly entries: ReadonlyMap<OutageId, Entry>
  readonly events: readonly OutageEvent[]
  readonly audits: readonly AuditEntry[]
  readonly drafts: readonly Draft[]
  readonly due: readonly OutageId[]
  /** Facts of outages that the ledger has not in memory. */
  readonly recalled: ReadonlyMap<OutageId, OutageFacts>
  readonly also: readonly ((tx: Tx) => Promise<void>)[]
}

export const NO_CHANGE: LedgerChange = { outages: [], transitions: [], conflicts: [] }

/** A piece that writes nothing yet. */
export const nothingAt = (at: EpochMs): Piece => ({
  at,
  observations: [],
  loads: [],
  states: [],
  heard: new Map(),
  change: NO_CHANGE,
  desk: [],
  entries: new Map(),
  events: [],
  audits: [],
  drafts: [],
  due: [],
  recalled: new Map(),
  also: [],
})
