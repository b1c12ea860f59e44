import { signal } from '@preact/signals'
import { send } from './api.ts'
import { pageTime } from './page-clock.ts'

const RETRY_FIRST_MS = 500
const RETRY_MAX_MS = 10_000
const PING_EVERY_MS = 15_000
/** Nothing heard for this long, pings included: the connection is dead, whatever the browser thinks. */
const SILENCE_MAX_MS = 40_000

export type LiveNotice = {
  readonly seq: number
  readonly at: string
  readonly topic: string
  readonly data: {
    readonly kind: string
    readonly outage: string | null
    readonly servicePoints?: readonly string[]
    readonly text: { readonly en: string; readonly 'zh-CN': string }
  }
}

type Frame =
  | { readonly type: 'subscribed'; readonly seq: number }
  | ({ readonly type: 'notice' } & LiveNotice)
  | { readonly type: 'resync' }
  | { readonly type: 'bye'; readonly retryAfterMs: number }
  | { readonly type: 'pong' | 'error' }

/** `open`: what the page shows follows the service. Otherwise it shows the past, and must say so. */
export const connection = signal<'connecting' | 'open' | 'lost'>('connecting')
export const lastHeardAt = signal(pageTime())

type Listener = {
  readonly topics: readonly string[]
  /** Each notice once, in order, also those that were missed while away. */
  readonly onNotice: (notice: LiveNotice) => void
  /** What is on the screen may have holes: read it again over HTTP. Also called at the very first connection. */
  readonly onResync: () => void
}

/** Follows the stream for as long as the page lives; resumes by number after every interruption. */
export function followLive(listener: Listener): void {
  let since: number | null = null
  let retryMs = RETRY_FIRST_MS

  const retry = (afterMs: number) => {
    connection.value = 'lost'
    setTimeout(() => void open(), afterMs * (0.75 + Math.random() / 2))
    retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)
  }

  const hear = (frame: Frame, first: boolean): number | null => {
    lastHeardAt.value = pageTime()
    switch (frame.type) {
      case 'subscribed':
        connection.value = 'open'
        retryMs = RETRY_FIRST_MS
        if (first) {
          since = frame.seq
          listener.onResync()
        }
        return null
      case 'notice':
        since = frame.seq
        listener.onNotice(frame)
        return null
      case 'resync':
        listener.onResync()
        return null
      case 'bye':
        return frame.retryAfterMs
      case 'pong':
      case 'error':
        return null
    }
  }

  const open = async (): Promise<void> => {
    const answer = await send<{ ticket: string }>('/api/v1/live/ticket', {})
    if (!answer.ok) return retry(retryMs)
    const first = since === null
    const address = new URL('/live', location.href)
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
    address.searchParams.set('ticket', answer.value.ticket)
    const socket = new WebSocket(address)
    let byeMs: number | null = null
    let heardAt = pageTime()
    const ping = setInterval(() => {
      if (pageTime() - heardAt > SILENCE_MAX_MS) socket.close()
      else if (socket.readyState === WebSocket.OPEN) socket.send('{"op":"ping"}')
    }, PING_EVERY_MS)
    socket.addEventListener('open', () => {
      const subscribe = { op: 'subscribe', topics: listener.topics }
      socket.send(JSON.stringify(first ? subscribe : { ...subscribe, since }))
    })
    socket.addEventListener('message', (event: MessageEvent<string>) => {
      heardAt = pageTime()
      byeMs = hear(JSON.parse(event.data) as Frame, first) ?? byeMs
    })
    socket.addEventListener('close', () => {
      clearInterval(ping)
      retry(byeMs ?? retryMs)
    })
  }

  void open()
}
