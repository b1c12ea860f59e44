import type { CrewState, Etr } from '../ledger/acts.ts'
import type { GroupCode } from '../ledger/facts.ts'
import type { EpochMs } from '../time.ts'

/**
 * What people were told about one outage so far: kept beside the outage as JSON, written in the transaction of the notices it speaks
 * of. From it and the facts follows what is still to be told, so telling twice is telling once, also after a crash.
 */
export type Told = {
  readonly version: 1
  /** Out, but not told yet: the hold runs since we learned of it, by our clock. */
  readonly pending: readonly Pending[]
  /** Customers who were told the same. No group stands in two circles. */
  readonly circles: readonly Circle[]
  readonly public: PublicTold | null
  /** The estimates (their instants) for which the control room was alarmed: about to pass, passed. */
  readonly expiringAt: EpochMs | null
  readonly passedAt: EpochMs | null
}

export type Pending = { readonly members: readonly GroupCode[]; readonly since: EpochMs }

export type Circle = {
  readonly members: readonly GroupCode[]
  /** They were told that their power is out since then. */
  readonly lostAt: EpochMs
  /** They were told that it is back since then; null: they believe themselves out. */
  readonly backAt: EpochMs | null
  readonly etr: EtrTold
  readonly crew: CrewTold
  /** When they were sent what counts against their budget: within the last window, in a storm also the one before. */
  readonly sentAt: readonly EpochMs[]
  /** They were told that this is a storm. Of estimates they then hear what they would act on, and less often. */
  readonly storm?: true
}

export type PublicTold = {
  readonly lostAt: EpochMs
  readonly backAt: EpochMs | null
  readonly customersOut: number
  readonly etr: EtrTold
  readonly crew: CrewTold
  readonly closed: boolean
  readonly sentAt: readonly EpochMs[]
}

export type EtrTold =
  | { readonly etr: 'none' }
  | {
      readonly etr: 'given'
      readonly at: EpochMs
      readonly latest: EpochMs | null
      readonly byPerson: boolean
    }
  /** It passed or was withdrawn; `nextBy` is when we promised to speak again. */
  | {
      readonly etr: 'reassessing'
      readonly was: EpochMs
      readonly nextBy: EpochMs
      readonly times: number
    }

/** What of a crew's progress customers hear. */
export type CrewTold = 'none' | 'coming' | 'onSite' | 'suspended'

export const NOTHING_TOLD: Told = {
  version: 1,
  pending: [],
  circles: [],
  public: null,
  expiringAt: null,
  passedAt: null,
}

/** Null (an outage from before there were notices) reads as nothing told; anything else that is not ours throws. */
export function readTold(json: unknown): Told {
  if (json === null || json === undefined) return NOTHING_TOLD
  const told = (typeof json === 'string' ? JSON.parse(json) : json) as Partial<Told>
  if (told.version !== 1 || !Array.isArray(told.pending) || !Array.isArray(told.circles)) {
    throw new Error('what customers were told is not in a form this version knows')
  }
  return { ...NOTHING_TOLD, ...told }
}

/** How long customers who wait for a new estimate wait for the next word: longer each time. */
export const NEXT_WORD_MIN = [30, 60, 120, 240, 480, 960] as const
/** And never sooner than this share of the time that they have been out. */
export const NEXT_WORD_SHARE = 0.25

/** Moves smaller than this are not pushed to customers. */
export const SMALL_MOVE_MIN = 15
/** Nor those smaller than this share of what was still to wait: of two days, four hours. */
export const SMALL_MOVE_SHARE = 0.1
/** In a storm, where everything moves all the time, a quarter of it: what another plan is made for. */
export const STORM_MOVE_SHARE = 0.25

/** The estimate as it may be shown at an instant: never one that lies in the past. */
export type ShownEtr =
  | { readonly etr: 'none' }
  /** `late`: the most likely time has passed, the range that was given has not; `at` is then the end of the range. */
  | { readonly etr: 'given'; readonly value: Etr; readonly late: boolean }
  | { readonly etr: 'passed'; readonly was: EpochMs }

export function shownEtr(etr: Etr | null, at: EpochMs): ShownEtr {
  if (etr === null) return { etr: 'none' }
  const latest = etr.latest !== null && etr.latest > etr.at ? etr.latest : null
  const until = latest ?? etr.at
  if (until <= at) return { etr: 'passed', was: until }
  // Whoever was given a range was not let down before it is over.
  if (etr.at <= at)
    return { etr: 'given', value: { ...etr, at: until, earliest: null, latest }, late: true }
  // A bound that has passed says nothing any more.
  const earliest = etr.earliest !== null && etr.earliest > at ? etr.earliest : null
  return { etr: 'given', value: { ...etr, earliest, latest }, late: false }
}

export const isByPerson = (etr: Pick<Etr, 'source'>): boolean =>
  etr.source === 'crew' || etr.source === 'dispatcher' || etr.source === 'zone'

export function crewTold(state: CrewState | null): CrewTold {
  switch (state) {
    case 'assigned':
    case 'enRoute':
      return 'coming'
    case 'onSite':
    case 'working':
      return 'onSite'
    case 'suspended':
      return 'suspended'
    case 'done':
    case null:
      return 'none'
  }
}
