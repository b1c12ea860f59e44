import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type ClientConfig } from 'pg'

/** After a connection that listened is lost, a new one is tried this much later, again and again. */
export const LISTEN_AGAIN_MS = 1_000
const GOOD_BYE_MS_MAX = 1_000

/**
 * Hears what is announced on a channel of PostgreSQL, on a connection of its own that is replaced whenever it is lost. `listening` is
 * called each time that it listens anew: what was announced meanwhile is gone, and has to be asked for. Resolves after the first try.
 */
export async function listenTo(parts: {
  readonly config: ClientConfig
  readonly channel: string
  readonly heard: (payload: string) => void
  readonly listening: () => void
  /** Cannot listen for now; told once for each loss. */
  readonly failed: (error: unknown) => void
}): Promise<{ close(): Promise<void> }> {
  let client: Client | undefined
  let again: NodeJS.Timeout | undefined
  let closed = false
  let told = false

  async function listen(): Promise<void> {
    const next = new Client({ keepAlive: true, ...parts.config })
    let gone = false
    const lost = (error: unknown): void => {
      if (gone) return
      gone = true
      if (client === next) client = undefined
      if (closed) return
      if (!told) parts.failed(error)
      told = true
      void letGo(next)
      again = setTimeout(() => void listen(), LISTEN_AGAIN_MS).unref()
    }
    next.on('error', lost)
    next.on('end', () => lost(new Error('the connection ended')))
    next.on('notification', ({ payload }) => parts.heard(payload ?? ''))
    try {
      await next.connect()
      client = next
      await next.query(`listen ${parts.channel}`)
      told = false
      parts.listening()
    } catch (error) {
      lost(error)
    }
  }

  await listen()
  return {
    close: async () => {
      closed = true
      clearTimeout(again)
      if (client !== undefined) await letGo(client)
    },
  }
}

async function letGo(client: Client): Promise<void> {
  try {
    await Promise.race([client.end(), sleep(GOOD_BYE_MS_MAX, undefined, { ref: false })])
  } catch {
    // It was gone already.
  }
  // Where nobody is left to answer, the connection would keep this process alive.
  client.connection.stream.destroy()
}
