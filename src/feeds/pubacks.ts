import type { Writable } from 'node:stream'

/** A QoS 1 message without its PUBACK. */
export type Held = { readonly messageId: number; acknowledged: boolean }

/** So many that are done are kept at most in front of those that are not. */
const DONE_MAX = 10_000

/**
 * The PUBACKs of one connection: in the order in which the messages came, many in one piece, and none any more when the connection is
 * gone; then the messages come again, and the same observation twice is one.
 */
export class Pubacks {
  readonly #stream: Pick<Writable, 'write'>
  readonly #isGone: () => boolean
  readonly #held: Held[] = []
  /** The first that is not acknowledged. */
  #head = 0
  #flushing = false

  constructor(stream: Pick<Writable, 'write'>, isGone: () => boolean) {
    this.#stream = stream
    this.#isGone = isGone
  }

  hold(messageId: number): Held {
    const held = { messageId, acknowledged: false }
    this.#held.push(held)
    return held
  }

  /** It is written with all others that are acknowledged in the same go. */
  acknowledge(held: Held): void {
    held.acknowledged = true
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => this.flush())
  }

  /** Writes now what may be written. */
  flush(): void {
    this.#flushing = false
    if (this.#isGone()) return
    const held = this.#held
    const from = this.#head
    while (held[this.#head]?.acknowledged === true) this.#head++
    if (this.#head === from) return
    this.#stream.write(encodePubacks(held, from, this.#head))
    if (this.#head === held.length) {
      held.length = 0
      this.#head = 0
    } else if (this.#head >= DONE_MAX) {
      held.splice(0, this.#head)
      this.#head = 0
    }
  }
}

/** PUBACK is the same four bytes in MQTT 3.1.1 and, for success, in 5. */
function encodePubacks(held: readonly Held[], from: number, until: number): Buffer {
  const bytes = Buffer.allocUnsafe((until - from) * 4)
  for (let i = from, at = 0; i < until; i++, at += 4) {
    const messageId = held[i]?.messageId ?? 0
    bytes[at] = 0x40
    bytes[at + 1] = 0x02
    bytes[at + 2] = messageId >> 8
    bytes[at + 3] = messageId & 0xff
  }
  return bytes
}
