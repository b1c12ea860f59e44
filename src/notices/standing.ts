import type { Crew, Etr } from '../ledger/acts.ts'
import type { OutageFacts, OutageId } from '../ledger/facts.ts'
import type { EpochMs } from '../time.ts'
import type { Draft } from './notice.ts'
import type { Told } from './told.ts'

/** Something was decided beside the facts, by a person or a machine. The board already knows it. */
export type DeskChange =
  | {
      readonly desk: 'etr'
      readonly outage: OutageId
      readonly etr: Etr | null
      /** Decided for a whole area: staff and everyone hear of it once, not once for every outage. */
      readonly zone?: true
    }
  | { readonly desk: 'crew'; readonly outage: OutageId; readonly crew: Crew | null }
  | { readonly desk: 'cause'; readonly outage: OutageId; readonly cause: string | null }
  | { readonly desk: 'closed'; readonly outage: OutageId }
  /** A dispatcher ruled that it is one with another, or no more; it says itself what became of its facts by that. */
  | {
      readonly desk: 'took' | 'joined' | 'gave' | 'parted'
      readonly outage: OutageId
      readonly other: Pick<OutageFacts, 'id' | 'device' | 'startedAt'>
    }

/** Everything known about one outage, as it is to be after this transaction, and what people were told before it. */
export type OutageStanding = {
  readonly facts: OutageFacts
  readonly planned: boolean
  readonly etr: Etr | null
  readonly crew: Crew | null
  readonly cause: string | null
  readonly closedAt: EpochMs | null
  /** It lies in an area in storm mode, where no machine estimates. */
  readonly storm: boolean
  readonly told: Told
}

export type NoticeSettings = {
  /** Customers and the public hear of a loss only when it has lasted this long since we learned of it. */
  readonly noticeHoldS: number
  /** The utility's own. */
  readonly timeZone: string
}

/** A part of what is told: its drafts, what to remember, and when time alone makes news (Infinity: never). */
export type Telling<Part> = {
  readonly drafts: readonly Draft[]
  readonly told: Part
  readonly due: EpochMs
}

export type Moment = { readonly at: EpochMs; readonly settings: NoticeSettings }
