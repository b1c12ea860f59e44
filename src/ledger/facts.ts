import type { Phases } from '../grid/phases.ts'
import type { EpochMs } from '../time.ts'
import type { Observation } from './observation.ts'

/**
 * The name of an outage, given at first sight and kept while it is still the same event. Safe in URLs and MQTT topics.
 */
export type OutageId = string

/**
 * A supply group: the service points of one load point that use the same phases. `loadPoint * 8 + phases`, where `loadPoint` is the
 * number that the load point keeps for ever (table load_point). Customers are told and counted by group.
 */
export type GroupCode = number

export const groupCode = (loadPoint: number, phases: Phases): GroupCode => loadPoint * 8 + phases
export const loadPointOf = (group: GroupCode): number => Math.floor(group / 8)
export const phasesOf = (group: GroupCode): Phases => group % 8

/**
 * A set of supply groups of one feeder that lost supply in the same instant and got it back in the same instant: the atom of every
 * index. Half-open `[from, until)`; `until` is null while they are out. A group is out while any phase that it uses is dead.
 */
export type InterruptionSet = {
  readonly from: EpochMs
  readonly until: EpochMs | null
  readonly area: string | null
  readonly substation: string | null
  readonly feeder: string | null
  /** The phases that were lost. */
  readonly phases: Phases
  readonly customers: number
  readonly connectedKva: number | null
  readonly members: readonly GroupCode[]
}

/** A distinct instant at which some interruptions of an outage ended. */
export type RestorationStep = {
  readonly at: EpochMs
  /** The switch whose closing brought them back; null where a change of the network did. */
  readonly device: string | null
  readonly customersRestored: number
}

/** What the observations say about one outage. A value: the next change makes a new one. */
export type OutageFacts = {
  readonly id: OutageId
  /** The switch whose opening began it; null where a new network revision left points without supply. */
  readonly device: string | null
  /** The first opening of the reclosing sequence: with `device` it says which event this is. */
  readonly anchorAt: EpochMs
  /** The first word about the device was that it is open: it may have opened earlier. */
  readonly startUncertain: boolean
  /** The protection has given up: no reclosing will follow by itself. */
  readonly lockedOut: boolean
  readonly phases: Phases
  /** Of the interrupted load points; null where they have several. */
  readonly area: string | null
  readonly substation: string | null
  readonly feeder: string | null
  readonly startedAt: EpochMs
  /** The last end of an interruption; null while anyone is out. */
  readonly restoredAt: EpochMs | null
  readonly customersOut: number
  /** Distinct customers that were interrupted by it. */
  readonly customersInterrupted: number
  /** Of the interruptions that have ended: Σ customers × milliseconds. */
  readonly closedCustomerMs: number
  readonly steps: readonly RestorationStep[]
  readonly sets: readonly InterruptionSet[]
}

/** What an outage follows from, whatever name it was given: the device, and when it first opened. */
export const eventOf = ({ device, anchorAt }: Pick<OutageFacts, 'device' | 'anchorAt'>): string =>
  `${device ?? ''}@${anchorAt}`

/** What one batch of observations did to one outage. */
export type OutageChange = {
  /** As last saved; null where it is new. */
  readonly before: OutageFacts | null
  /** As it is now. With no sets left it never was: a correction withdrew it. */
  readonly after: OutageFacts
  /** A statement about the past changed: not mere progress. */
  readonly corrected: boolean
  /** The observations that made the correction; empty otherwise. */
  readonly why: readonly Observation[]
}

/** A switch now stands otherwise than believed. */
export type Transition = {
  readonly switch: string
  readonly closedPhases: Phases
  readonly at: EpochMs
  readonly gateway: string
  readonly reason: string | null
}

/** What follows from one batch; nothing of it is told before it is saved. */
export type LedgerChange = {
  readonly outages: readonly OutageChange[]
  readonly transitions: readonly Transition[]
  /** Words that have the identity of another one and other content. */
  readonly conflicts: readonly Observation[]
}

/** Customer-milliseconds of an outage up to `at`, momentary included. */
export function customerMs(facts: OutageFacts, at: EpochMs): number {
  let total = facts.closedCustomerMs
  for (const set of facts.sets) {
    if (set.until === null) total += set.customers * Math.max(0, at - set.from)
  }
  return total
}
