import type { Message } from '../notices/message.ts'
import type { NoticeData } from '../notices/notice.ts'
import type { Language } from '../notices/words.ts'

export const CHANNEL_NAMES = ['email', 'sms', 'push', 'webhook'] as const
export type ChannelName = (typeof CHANNEL_NAMES)[number]

/** One message for one recipient. `id` stays the same over all attempts, so that a receiver can tell a repetition. */
export type Parcel = {
  readonly id: string
  readonly channel: ChannelName
  readonly address: string
  readonly secret: string | null
  readonly language: Language
  /** Notices of one outage are thread and order to the receiver; null where it is about none. */
  readonly outage: string | null
  readonly urgent: boolean
  readonly message: Message
  readonly data: NoticeData
  readonly seq: number
}

export type Sent =
  | { readonly outcome: 'sent'; readonly receipt: string | null }
  /** Try again, not before `afterS` where the receiver asked for it. */
  | { readonly outcome: 'later'; readonly says: string; readonly afterS: number | null }
  /** It will never work: wrong address, refused. */
  | { readonly outcome: 'refused'; readonly says: string }

/** A way out of the house. Never throws for what a receiver does. */
export type Channel = {
  readonly name: ChannelName
  send(parcel: Parcel): Promise<Sent>
  close(): void
}

/** No receiver may hold a sender up longer. */
export const SEND_TIMEOUT_MS = 10_000
/** Of what a receiver answers only so much is kept: enough to see why. */
export const SAYS_CHARS_MAX = 200

export const shortly = (words: unknown): string =>
  (words instanceof Error ? words.message : String(words))
    .replace(/\s+/g, ' ')
    .slice(0, SAYS_CHARS_MAX)
