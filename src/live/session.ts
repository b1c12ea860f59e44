import type { Socket } from 'node:net'
import type { WebSocket } from '@fastify/websocket'
import type { GroupCode } from '../ledger/facts.ts'
import type { Identity } from '../stores/identity.ts'
import type { Parcel } from './frames.ts'
import type { Topic } from './topics.ts'

export type Subscription = {
  readonly session: Session
  readonly topic: Topic
  readonly text: string
  /** Everything after this number has been sent or will be: what is asked for again is sent once all the same. */
  fromSeq: number
  /** Supply group of a service point; null for other topics, and for a point that the network in force has not. */
  group: GroupCode | null
}

/** What a socket is in the middle of. */
export type Phase =
  | { readonly is: 'live' }
  /** It is being told what it missed; what happens meanwhile waits here, so that order holds. */
  | Replaying
  /** Nothing more is sent: it was too slow, misbehaved, or left. */
  | { readonly is: 'over' }

export type Replaying = {
  readonly is: 'replaying'
  readonly waiting: { parcel: Parcel; hits: readonly Subscription[] }[]
  /** Replays asked for and not yet over; they follow one another. */
  turns: number
  last: Promise<void>
}

/** Nobody has been found yet. */
export const NO_HITS: Subscription[] = []

export const LIVE: Phase = { is: 'live' }
export const OVER: Phase = { is: 'over' }

export type Session = {
  readonly socket: WebSocket
  /** What the socket runs over: notices, which are framed already, go there as they are. */
  readonly wire: Pick<Socket, 'write'>
  readonly identity: Identity
  readonly topics: Topics
  phase: Phase
  /** It said something, or answered a ping, since the last heartbeat. */
  heard: boolean
  windowStartMs: number
  messagesInWindow: number
  /** Scratch of one delivery: the subscriptions that the notice fits. */
  hits: Subscription[]
}

/** What a socket listens to. Nearly every one is a customer's with one supply, who needs no map for it: there may be very many. */
export class Topics {
  #first: Subscription | undefined
  #others: Map<string, Subscription> | undefined

  get size(): number {
    return (this.#first === undefined ? 0 : 1) + (this.#others?.size ?? 0)
  }

  get(text: string): Subscription | undefined {
    return this.#first?.text === text ? this.#first : this.#others?.get(text)
  }

  add(subscription: Subscription): void {
    if (this.#first === undefined) this.#first = subscription
    else (this.#others ??= new Map()).set(subscription.text, subscription)
  }

  delete(text: string): void {
    if (this.#first?.text === text) this.#first = undefined
    else this.#others?.delete(text)
  }

  clear(): void {
    this.#first = undefined
    this.#others = undefined
  }

  *[Symbol.iterator](): Generator<Subscription> {
    if (this.#first !== undefined) yield this.#first
    if (this.#others !== undefined) yield* this.#others.values()
  }
}

/** A client's message, checked. */
export type Message =
  | {
      readonly op: 'subscribe'
      readonly topics: readonly string[]
      readonly since: number | undefined
    }
  | { readonly op: 'unsubscribe'; readonly topics: readonly string[] }
  | { readonly op: 'ping' }

export const TOPICS_PER_SOCKET_MAX = 2_000
const TOPIC_CHARS_MAX = 160

export type Refused = {
  readonly reason: 'not-json' | 'unknown-op' | 'bad-field'
  readonly wrong: string
}

/** The message that a frame holds, or what is wrong with it. */
export function decodeMessage(text: string): Message | Refused {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { reason: 'not-json', wrong: 'a frame is one JSON object' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { reason: 'not-json', wrong: 'a frame is one JSON object' }
  }
  const { op, topics, since } = value as Record<string, unknown>
  if (op === 'ping') return { op }
  if (op !== 'subscribe' && op !== 'unsubscribe') {
    return { reason: 'unknown-op', wrong: 'op: must be one of subscribe, unsubscribe, ping' }
  }
  if (!Array.isArray(topics) || topics.length === 0 || topics.length > TOPICS_PER_SOCKET_MAX) {
    return {
      reason: 'bad-field',
      wrong: `topics: must be a list of 1 to ${TOPICS_PER_SOCKET_MAX} topics`,
    }
  }
  if (!topics.every((topic) => typeof topic === 'string' && topic.length <= TOPIC_CHARS_MAX)) {
    return {
      reason: 'bad-field',
      wrong: `topics: each must be text of at most ${TOPIC_CHARS_MAX} characters`,
    }
  }
  const names = [...new Set(topics as string[])]
  if (op === 'unsubscribe') return { op, topics: names }
  if (since === undefined || since === null) return { op, topics: names, since: undefined }
  if (typeof since !== 'number' || !Number.isSafeInteger(since) || since < 0) {
    return { reason: 'bad-field', wrong: 'since: must be the seq of a notice' }
  }
  return { op, topics: names, since }
}
