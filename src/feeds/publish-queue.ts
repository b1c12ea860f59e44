import { PUBLISH_QUEUE_MAX, type Feed } from './feed.ts'

type Payload = string | Buffer
type Waiting = {
  readonly topic: string
  payload: Payload
  readonly retain: boolean
  /** Shared by everyone whose message this one is, or replaced. */
  readonly answer: Promise<void>
  readonly settle: (error?: Error) => void
}
type Send = (
  topic: string,
  payload: Payload,
  retain: boolean,
  done: (error?: Error) => void,
) => void

export type PublishQueue = {
  readonly publish: Feed['publish']
  /** Sends, with at most `inFlightMax` that the broker has not confirmed. */
  resume(inFlightMax: number): void
  pause(): void
  /** True when nothing waits any more, false when something still does after that time. */
  drain(waitMs: number): Promise<boolean>
  /** Rejects what is left. */
  close(): void
}

/** What waits for the broker: bounded, in order, and of retained messages on one topic only the last. */
export function openPublishQueue(send: Send): PublishQueue {
  const waiting = new Map<string | symbol, Waiting>()
  const sent = new Set<Waiting>()
  let inFlightMax = 0
  let closed = false
  let onEmpty: (() => void) | undefined

  const pump = (): void => {
    for (const [key, message] of waiting) {
      if (sent.size >= inFlightMax) return
      waiting.delete(key)
      sent.add(message)
      send(message.topic, message.payload, message.retain, (error) => {
        sent.delete(message)
        message.settle(error)
        pump()
      })
    }
    if (sent.size === 0) onEmpty?.()
  }

  return {
    publish: (topic, payload, { retain }) => {
      if (closed) return Promise.reject(new Error(`not published on ${topic}: the feed is closed`))
      const bytes = typeof payload === 'string' ? payload : Buffer.from(payload)
      const before = retain ? waiting.get(topic) : undefined
      if (before !== undefined) {
        before.payload = bytes
        return before.answer
      }
      if (waiting.size >= PUBLISH_QUEUE_MAX) {
        const why = `not published on ${topic}: ${waiting.size} messages wait already`
        return Promise.reject(new Error(why))
      }
      const message = { topic, payload: bytes, retain, ...promise() }
      waiting.set(retain ? topic : Symbol(topic), message)
      pump()
      return message.answer
    },
    resume: (max) => {
      inFlightMax = max
      pump()
    },
    pause: () => {
      inFlightMax = 0
    },
    drain: (waitMs) =>
      waiting.size + sent.size === 0
        ? Promise.resolve(true)
        : new Promise((resolve) => {
            const impatience = setTimeout(() => resolve(false), waitMs)
            onEmpty = () => {
              clearTimeout(impatience)
              resolve(true)
            }
          }),
    close: () => {
      closed = true
      const left = [...sent, ...waiting.values()]
      sent.clear()
      waiting.clear()
      for (const { topic, settle } of left) {
        settle(new Error(`not published on ${topic}: the feed is closed`))
      }
    },
  }
}

function promise(): Pick<Waiting, 'answer' | 'settle'> {
  let settle: Waiting['settle'] = () => undefined
  const answer = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error))
  })
  return { answer, settle }
}
