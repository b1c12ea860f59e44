import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'

export type HeardNotice = {
  readonly seq: number
  readonly at: string
  readonly topic: string
  readonly data: Record<string, unknown>
}

export type ReaderPlan = {
  readonly name: string
  readonly token: string
  /** What it may hear. */
  readonly topics: readonly string[]
  /** What it asks for besides, and must be refused. */
  readonly foreign: readonly string[]
}

export type LiveReader = ReaderPlan & {
  /** What it was told, over all its sockets, as it came. */
  readonly heard: readonly HeardNotice[]
  /** The number from which on it was promised everything; undefined before its first subscription. */
  since(): number | undefined
  /** What no client should see. */
  readonly faults: readonly string[]
  readonly counted: { sockets: number; resyncs: number; byes: number; refusals: number }
  /** It leaves and does not come back. */
  stop(): Promise<void>
}

const BACK_AFTER_MS_MAX = 200

/**
 * A client as the contract wants them: it comes back after every loss, to whichever gateway, with the number of the last notice that it
 * heard, and believes what it is told. It leaves by itself now and then. It keeps everything, to be judged later.
 */
export function openLiveReader(
  plan: ReaderPlan,
  parts: {
    /** Ports to choose from. */
    readonly ports: readonly number[]
    readonly random: () => number
    /** It leaves after as many notices, on average. */
    readonly leavesAfter: number
  },
): LiveReader {
  const heard: HeardNotice[] = []
  const faults: string[] = []
  const counted = { sockets: 0, resyncs: 0, byes: 0, refusals: 0 }
  let since: number | undefined
  let stopped = false
  let socket: WebSocket | undefined

  const live = (async () => {
    while (!stopped) {
      await oneSocket(parts.ports[Math.floor(parts.random() * parts.ports.length)] as number)
      await sleep(parts.random() * BACK_AFTER_MS_MAX)
    }
  })()

  function oneSocket(port: number): Promise<void> {
    const stays = Math.ceil(-Math.log(1 - parts.random()) * parts.leavesAfter)
    let here = 0
    const own = new WebSocket(`ws://127.0.0.1:${port}/live`, {
      headers: { authorization: `Bearer ${plan.token}` },
    })
    socket = own
    own.on('open', () => {
      counted.sockets++
      const from = heard.at(-1)?.seq ?? since
      const topics = [...plan.topics, ...plan.foreign]
      own.send(
        JSON.stringify({ op: 'subscribe', topics, ...(from === undefined ? {} : { since: from }) }),
      )
    })
    own.on('message', (bytes: Buffer) => {
      // What was on its way when it left is not heard.
      if (own !== socket || own.readyState !== WebSocket.OPEN) return
      const frame = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>
      switch (frame['type']) {
        case 'subscribed':
          since ??= frame['seq'] as number
          break
        case 'notice': {
          const notice = frame as unknown as HeardNotice
          const last = heard.at(-1)?.seq ?? since ?? Infinity
          if (notice.seq <= last) faults.push(`heard ${notice.seq} after ${last}`)
          heard.push(notice)
          if (++here === stays && !stopped) own.terminate()
          break
        }
        case 'error': {
          counted.refusals++
          const refused = (frame['topics'] ?? []) as string[]
          const own = refused.filter((topic) => !plan.foreign.includes(topic))
          if (frame['code'] !== 'forbidden-topic' || own.length > 0)
            faults.push(`refused: ${JSON.stringify(frame)}`)
          break
        }
        case 'resync':
          // The number still stands: coming back with it is one way to read again.
          counted.resyncs++
          own.terminate()
          break
        case 'bye':
          counted.byes++
          break
        default:
          faults.push(`said: ${JSON.stringify(frame)}`)
      }
    })
    return new Promise((resolve) => {
      own.on('error', () => undefined)
      own.on('close', () => resolve())
    })
  }

  return {
    ...plan,
    heard,
    faults,
    counted,
    since: () => since,
    async stop() {
      stopped = true
      socket?.terminate()
      await live
    },
  }
}
