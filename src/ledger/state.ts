import type { Energization } from '../grid/energization.ts'
import type { Network } from '../grid/network.ts'
import type { Phases } from '../grid/phases.ts'
import { MS_PER_MIN, type EpochMs } from '../time.ts'
import type { InterruptionSet, OutageFacts, OutageId, RestorationStep } from './facts.ts'
import type { History } from './positions.ts'
import type { Rulings } from './rulings.ts'

export type LedgerSettings = {
  /** Openings of one device within this time of the first are one outage. */
  readonly recloseWindowMs: number
  /** Timestamps further ahead than this are clamped to `receivedAt`. */
  readonly futureToleranceMs: number
  /** Repeats that can be read again from the record are let go in memory. */
  readonly thinRepeats: boolean
}

export const DEFAULT_SETTINGS: LedgerSettings = {
  recloseWindowMs: 5 * MS_PER_MIN,
  futureToleranceMs: 60_000,
  thinRepeats: false,
}

/**
 * The ledger in memory, from a horizon on: what was said, where every switch stands, who has supply, and the outages that follow. All of
 * it is a function of the set of observations since the horizon and of how things stood there.
 */
export type Ledger = {
  readonly network: Network
  readonly energization: Energization
  readonly settings: LedgerSettings
  /** What dispatchers ruled, as far as it concerns what is in memory. */
  rulings: Rulings
  /** Nothing older can be judged in memory. */
  horizon: EpochMs
  /** The last instant at which anything turned. */
  head: EpochMs
  readonly histories: Map<number, History>
  /** When which switch turned, in the order of time. Entries that a correction made void do no harm: it may only list too much. */
  readonly journal: { at: EpochMs; device: number }[]
  readonly record: LedgerRecord
}

/** A supply group without supply, `[from, until)`: one of its phases at least is dead all the while. */
export type Spell = {
  /** NONE in an opening whose interruptions are past: it only says that the device opened then. */
  readonly group: number
  readonly from: EpochMs
  until: EpochMs | null
  /** The switch that began it. */
  readonly device: number
  restoredBy: number
  phases: Phases
}

/** An outage in memory: openings of one device within the reclosing window of the first. A ruling may join it to another one. */
export type Outage = {
  id: OutageId
  readonly device: number
  anchorAt: EpochMs
  openings: readonly EpochMs[]
  /** Openings from before the horizon: they stay in the outage that they were in, whatever device of it they were of. */
  readonly pinned: ReadonlySet<EpochMs>
  /** What had ended before the horizon, as the network in force then told it: no later drawing counts it anew. */
  readonly past: OutagePast
  /** As last told; null before the first time. */
  told: OutageFacts | null
}

export type OutagePast = {
  readonly sets: readonly InterruptionSet[]
  readonly steps: readonly RestorationStep[]
}

export const NO_PAST: OutagePast = { sets: [], steps: [] }

export type OutageBook = {
  /** What each opening of a device interrupted: device → instant → spells. */
  readonly openings: Map<number, Map<EpochMs, Set<Spell>>>
  readonly outages: Map<number, Outage[]>
  readonly byId: Map<OutageId, Outage>
  /** By a ruling the first is part of the second, which tells its interruptions, too. */
  joined: ReadonlyMap<Outage, Outage>
  /** Openings whose spells changed since the book was last settled. */
  readonly touched: Map<number, Set<EpochMs>>
  /** Switches that outages began with and that are no longer drawn; as devices they have the numbers -2, -3, … */
  readonly gone: string[]
  /** The number that each load point keeps for ever, by its index in this network. */
  readonly loadPointNumber: Int32Array
}

/** A section of one phase without supply, `[from, until)`. */
export type Dark = {
  readonly from: EpochMs
  until: EpochMs | null
  /** The switch that cut it off; NONE where a network revision did. */
  readonly device: number
  /** The switch that brought it back; NONE while dark, or where a network revision did. */
  restoredBy: number
}

/** What is known of the dark since the horizon. */
export type LedgerRecord = OutageBook & {
  /** By section, in the order of time. */
  readonly darks: Map<number, Dark[]>
  /** By supply group, in the order of time. */
  readonly spells: Map<number, Spell[]>
}
