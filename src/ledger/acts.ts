import type { Phases } from '../grid/phases.ts'
import type { EpochMs } from '../time.ts'
import type { OutageId } from './facts.ts'

export const CREW_STATES = [
  'assigned',
  'enRoute',
  'onSite',
  'working',
  'suspended',
  'done',
] as const
export type CrewState = (typeof CREW_STATES)[number]
export type Crew = { readonly name: string; readonly state: CrewState; readonly at: EpochMs }

/** `storm`: a machine's, cautious because much is out at once. `zone`: a dispatcher gave it for a whole area in a storm. */
export const ETR_SOURCES = ['history', 'rule', 'storm', 'crew', 'dispatcher', 'zone'] as const
export type EtrSource = (typeof ETR_SOURCES)[number]
/** Estimated time of restoration: most likely (of `storm`: the time by which most are back), and the range around it. */
export type Etr = {
  readonly at: EpochMs
  readonly earliest: EpochMs | null
  readonly latest: EpochMs | null
  readonly source: EtrSource
  readonly issuedAt: EpochMs
}

/** What a person may do to the record; every one goes through the one writer. Times are checked at the door. */
export type Act =
  | {
      readonly act: 'position'
      readonly switch: string
      readonly position: 'open' | 'closed'
      readonly phases: Phases | null
      /** When it happened; null: now. */
      readonly at: EpochMs | null
      readonly reason: 'manual' | 'planned' | null
    }
  | {
      readonly act: 'etr'
      readonly outage: OutageId
      readonly at: EpochMs
      readonly earliest: EpochMs | null
      readonly latest: EpochMs | null
      readonly source: 'crew' | 'dispatcher'
    }
  | {
      readonly act: 'crew'
      readonly outage: OutageId
      readonly name: string
      readonly state: CrewState
    }
  | {
      readonly act: 'cause'
      readonly outage: OutageId
      readonly cause: string
      readonly detail: Readonly<Record<string, string>>
    }
  | { readonly act: 'note'; readonly outage: OutageId; readonly text: string }
  | { readonly act: 'close'; readonly outage: OutageId }
  /** Two outages are one. The one that began first keeps its name. */
  | { readonly act: 'merge'; readonly outage: OutageId; readonly with: OutageId }
  /** One is several: what was merged into it goes out again, or what its device did from an instant on is another one. */
  | {
      readonly act: 'split'
      readonly outage: OutageId
      readonly part: OutageId
      readonly at: null
    }
  | { readonly act: 'split'; readonly outage: OutageId; readonly part: null; readonly at: EpochMs }
  | StormAct

/** Storm mode of an area (null: everywhere): one estimate for all of it, or none, until it is ended. */
export type StormAct = {
  readonly act: 'storm'
  readonly area: string | null
  readonly does: 'declare' | 'estimate' | 'end'
  readonly etr: Pick<Etr, 'at' | 'earliest' | 'latest'> | null
  readonly reason: string | null
}

export type Actor = { readonly subject: string; readonly role: string }

export type ActAnswer =
  | { readonly outcome: 'done'; readonly outages: readonly OutageId[] }
  | { readonly outcome: 'unknown-switch' }
  | { readonly outcome: 'unknown-outage' }
  /** An outage is closed only after everyone has supply again. */
  | { readonly outcome: 'still-out'; readonly customersOut: number }
  | { readonly outcome: 'already-closed' }
  | { readonly outcome: 'already-declared' }
  | { readonly outcome: 'not-declared' }
  | { readonly outcome: 'wrong-phases'; readonly says: string }
  /** Outages cannot be merged or split like that. */
  | { readonly outcome: 'cannot-rule'; readonly says: string }
