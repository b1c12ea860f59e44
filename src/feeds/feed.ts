/** One message from the field, in hand until it is acknowledged. */
export type FieldMessage = {
  readonly topic: string
  readonly payload: Uint8Array
  /** The broker kept it from before we listened: it says how things stand, not that they changed. */
  readonly retained: boolean
  /**
   * Says that what follows from the message is stored; only now the sender may forget it. Does nothing the second time, and
   * nothing when the connection it came on is gone: then it comes again.
   */
  acknowledge(): void
}

/** Called once per message, in the order of arrival; must not throw. */
export type TakeMessage = (message: FieldMessage) => void

export type FeedEvent =
  | { readonly event: 'connected' }
  /** It goes on trying by itself. */
  | { readonly event: 'disconnected'; readonly why: string }
  /** A gateway did what it has no right to (or what no gateway has); `packet`: it announced one over PACKET_BYTES_MAX and was cut off. */
  | {
      readonly event: 'refused'
      readonly act: 'connect' | 'publish' | 'subscribe' | 'packet'
      readonly gateway: string | null
      readonly topic: string | null
    }

export type FeedListener = (event: FeedEvent) => void

/** The field over MQTT, whoever runs the broker. */
export type Feed = {
  /** Where it is, without user name and password. */
  readonly url: string
  /** True while messages of the field reach us. */
  connected(): boolean
  /**
   * Publishes with QoS 1; resolves when the broker has it. Waits through an outage of the broker; of several waiting messages
   * that are retained on one topic only the last is sent. Rejects where PUBLISH_QUEUE_MAX are waiting, and after `close`.
   */
  publish(
    topic: string,
    payload: string | Uint8Array,
    options: { readonly retain: boolean },
  ): Promise<void>
  /** Takes no more, waits (up to CLOSE_WAIT_MS) until what is in hand is acknowledged and published, and leaves. */
  close(): Promise<void>
}

export const FIELD_TOPICS = 'grid/v1/#'
/** Messages in hand; past it nothing more is read, and the broker keeps the rest. */
export const UNACKNOWLEDGED_MAX = 10_000
export const UNACKNOWLEDGED_BYTES_MAX = 67_108_864
/** Messages of ours that wait for the broker. */
export const PUBLISH_QUEUE_MAX = 20_000
/** Well above what `decode` takes, so that a refusal is counted; well below what would hurt. */
export const PACKET_BYTES_MAX = 1_048_576
export const CLOSE_WAIT_MS = 10_000
