import type { GroupCode, OutageId } from '../ledger/facts.ts'
import type { EpochMs } from '../time.ts'

export const NOTICE_KINDS = [
  'supplyLost',
  'etrChanged',
  'crewChanged',
  'partlyRestored',
  'supplyRestored',
  'outageClosed',
  'outageCorrected',
  'plannedAnnounced',
  'plannedChanged',
  'plannedCancelled',
  // For staff only: the estimate is about to pass or has passed, and the cause was entered or changed.
  'etrExpiring',
  'causeChanged',
  // For staff only: feeders run in parallel for longer than a transfer takes, and do no more.
  'parallelRaised',
  'parallelCleared',
  // For staff: meters and reports make an outage probable, and do so no more.
  'probableRaised',
  'probableCleared',
  // To the customers of whom it was heard, on sockets alone: their supply is probably off; that it is, is confirmed or withdrawn.
  'probablyOff',
  'probablyOffEnded',
  // For staff only: a dispatcher has seen an alarm, put it aside or taken it back.
  'alarmAcknowledged',
  'alarmShelved',
  'alarmUnshelved',
  // On `load`: a load alarm begins, ends, was seen by a dispatcher.
  'loadRaised',
  'loadCleared',
  'loadAcknowledged',
  // For staff and everyone: storm mode of an area.
  'stormDeclared',
  'stormChanged',
  'stormEnded',
] as const
export type NoticeKind = (typeof NOTICE_KINDS)[number]

/** A guess is worth a line on a page that is open, and no letter. */
export const NO_LETTER_OF = ['probablyOff', 'probablyOffEnded'] as const satisfies NoticeKind[]

/** Staff hear on `outages` and `feeder:ID`, customers on `servicePoint:ID`, everyone on `public`, who watches loads on `load`. */
export type Audience = 'staff' | 'customer' | 'public' | 'load'

export type NoticeData = {
  readonly kind: NoticeKind
  readonly outage: OutageId | null
  /** RFC 3339. */
  readonly startedAt: string
  readonly etr: {
    readonly at: string
    readonly earliest: string | null
    readonly latest: string | null
    readonly source: string
    readonly issuedAt: string
  } | null
  /** Counts below 5 are masked for the public. */
  readonly customersOut: number | { readonly max: number }
  readonly text: { readonly en: string; readonly 'zh-CN': string }
  /** More for staff (device, feeder, crew…); nothing that names a customer. */
  readonly [more: string]: unknown
}

/** A notice before the writer has given it its number. */
export type Draft = {
  readonly at: EpochMs
  readonly audience: Audience
  readonly kind: NoticeKind
  readonly outage: OutageId | null
  readonly feeders: readonly string[]
  /** The supply groups it concerns; null where no load point is meant. */
  readonly members: readonly GroupCode[] | null
  /** Of these, only the service points named; all of them where nothing is said. */
  readonly points?: readonly string[]
  readonly data: NoticeData
}

export type Notice = Draft & { readonly seq: number }

const JSON_TEXT = Symbol('json')

/**
 * The data as one line of JSON as it is saved, made once; `wordedJson` makes of it what is sent. It is kept on the data itself, where a copy does not take it
 * along; a weak map of all that a storm says would be looked through at every collection of garbage.
 */
export function jsonOf(data: NoticeData & { readonly [JSON_TEXT]?: string }): string {
  let json = data[JSON_TEXT]
  if (json === undefined) {
    json = JSON.stringify(data)
    Object.defineProperty(data, JSON_TEXT, { value: json, enumerable: false })
  }
  return json
}
