import net from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { Aedes, type AedesOptions, type Client, type PublishPacket } from 'aedes'
import {
  CLOSE_WAIT_MS,
  PACKET_BYTES_MAX,
  PUBLISH_QUEUE_MAX,
  type Feed,
  type FeedListener,
  type TakeMessage,
} from './feed.ts'
import { openGatewayAccounts, type GatewayAccounts } from './gateway-accounts.ts'

export type EmbeddedBrokerOptions = {
  /** 0, or one that is taken: any free one. */
  readonly port: number
  /** Where it listens when there is a gateways file; without one it is always loopback. */
  readonly host?: string
  /** See `openGatewayAccounts`. Without it everyone on this machine may publish for every gateway. */
  readonly gatewaysFile?: string
  readonly listener?: FeedListener
}

export const LOOPBACK = '127.0.0.1'
/** Devices at once. Each has at most one read (64 KiB, or one packet) in hand: that bounds what we hold. */
export const CONNECTIONS_MAX = 4096
/** Gateways whose last `state` the broker keeps for those who subscribe later. */
export const STATES_KEPT_MAX = 10_000

const LIMITS: AedesOptions = {
  concurrency: 1000,
  queueLimit: 1000,
  connectTimeout: 10_000,
  drainTimeout: 30_000,
  maxInflightInbound: 1000,
}
const OUTAGE_TOPICS = 'relight/v1/'
const FIELD = 'grid/v1/'
/** Nobody's subscription reaches a topic that begins with a dollar sign unless it names it, and ours may not. */
const NOWHERE = '$relight/nowhere'

/**
 * An MQTT 3.1.1 broker in this process, for the embedded default. A device gets its PUBACK only after `acknowledge()`, as with
 * a session on a real broker. Devices publish below `grid/v1/` (with a gateways file: below their own name) and nowhere else;
 * what one says elsewhere is acknowledged, goes nowhere, and is told to `listener`. The broker keeps nothing over a restart.
 */
export async function openEmbeddedBroker(
  options: EmbeddedBrokerOptions,
  take: TakeMessage,
): Promise<Feed> {
  const { listener = () => undefined } = options
  const accounts =
    options.gatewaysFile === undefined ? null : await openGatewayAccounts(options.gatewaysFile)
  const names = new WeakMap<object, string>()
  const gate = holdPublishes(take)
  const statesKept = new Set<string>()

  const refuse = (act: 'publish' | 'subscribe', client: Client | null, topic: string): void =>
    listener({ event: 'refused', act, gateway: nameOf(client), topic })
  const nameOf = (client: Client | null): string | null =>
    (client === null ? undefined : names.get(client)) ?? null

  const broker = await Aedes.createBroker({
    ...LIMITS,
    authenticate: (client, username, password, done) => {
      if (accounts === null) return done(null, true)
      void admit(accounts, username, password, (name) => {
        if (name === undefined) {
          listener({ event: 'refused', act: 'connect', gateway: username ?? null, topic: null })
          return done(null, false)
        }
        names.set(client, name)
        // Sessions go by client id: a gateway's are its own, whatever another one calls itself.
        ;(client as { id: string }).id = `${name}/${client.id}`
        return done(null, true)
      })
    },
    authorizePublish: (client, packet, done) => {
      const name = nameOf(client)
      const own = name === null ? FIELD : `${FIELD}${name}/`
      const known = accounts === null || name !== null
      if (!known || !packet.topic.startsWith(own)) {
        refuse('publish', client, packet.topic)
        return discard(packet, done)
      }
      if (packet.retain && !mayKeep(statesKept, packet.topic)) packet.retain = false
      gate.hold(packet, done)
    },
    authorizeSubscribe: (client, subscription, done) => {
      const name = nameOf(client)
      const { topic } = subscription
      const open = [OUTAGE_TOPICS, ...(name === null ? [] : [`${FIELD}${name}/`])]
      if (accounts === null || open.some((prefix) => topic.startsWith(prefix))) {
        return done(null, subscription)
      }
      refuse('subscribe', client, topic)
      return done(null, null)
    },
  })
  // What a client did wrong ends that client, not us.
  broker.on('clientError', () => undefined)
  broker.on('connectionError', () => undefined)
  ;(broker as NodeJS.EventEmitter).on('error', (error: Error) =>
    listener({ event: 'disconnected', why: error.message }),
  )

  const server = net.createServer((socket) =>
    accept(broker, socket, (client) =>
      listener({ event: 'refused', act: 'packet', gateway: nameOf(client), topic: null }),
    ),
  )
  server.maxConnections = CONNECTIONS_MAX
  const host = accounts === null ? LOOPBACK : (options.host ?? '0.0.0.0')
  const port = await listen(server, host, options.port)
  let open = true
  let publishing = 0
  listener({ event: 'connected' })

  const close = async (): Promise<void> => {
    server.close()
    await gate.drain()
    open = false
    await new Promise<void>((resolve) => broker.close(resolve))
  }
  let closing: Promise<void> | undefined
  return {
    url: `mqtt://${host === '0.0.0.0' || host === '::' ? LOOPBACK : host}:${port}`,
    connected: () => open,
    publish: (topic, payload, { retain }) =>
      new Promise((resolve, reject) => {
        const fail = (why: string): void => reject(new Error(`not published on ${topic}: ${why}`))
        if (!open) return fail('the feed is closed')
        if (publishing >= PUBLISH_QUEUE_MAX) return fail(`${publishing} messages wait already`)
        publishing++
        const bytes = typeof payload === 'string' ? payload : Buffer.from(payload)
        const packet = {
          cmd: 'publish',
          topic,
          payload: bytes,
          qos: 1,
          retain,
          dup: false,
        } as const
        broker.publish(packet, (error) => {
          publishing--
          if (error) fail(error.message)
          else resolve()
        })
      }),
    close: () => (closing ??= close()),
  }
}

/** Answers with the gateway's name when the password is right. */
async function admit(
  accounts: GatewayAccounts,
  username: string | undefined,
  password: Uint8Array | undefined,
  answer: (name: string | undefined) => void,
): Promise<void> {
  let right = false
  try {
    right =
      username !== undefined &&
      password !== undefined &&
      (await accounts.verify(username, password))
  } catch {
    // too many wait at the door: this one comes back
  }
  answer(right ? username : undefined)
}

/**
 * MQTT 3.1.1 has no answer for a publish without a right to it: it is acknowledged, as Mosquitto does, or the connection ends. A gateway
 * that is cut off sends the same message first when it is back, and nothing after it would ever arrive.
 */
function discard(packet: PublishPacket, done: (error?: Error | null) => void): void {
  packet.topic = NOWHERE
  packet.payload = ''
  packet.retain = false
  done(null)
}

/** Only the last state of a gateway is worth keeping; other retained messages are taken, and not kept. */
function mayKeep(statesKept: Set<string>, topic: string): boolean {
  if (topic.split('/').length !== 4 || !topic.endsWith('/state')) return false
  if (statesKept.size < STATES_KEPT_MAX) statesKept.add(topic)
  return statesKept.has(topic)
}

// ── PUBACK after acknowledge

/**
 * aedes acknowledges a publish once it is authorised, and reads on from a device when it has dealt with what it read: so the
 * authorisation is held until the message is stored, which holds the device back too.
 */
function holdPublishes(take: TakeMessage): {
  hold(packet: PublishPacket, done: (error?: Error | null) => void): void
  drain(): Promise<void>
} {
  let count = 0
  let draining = false
  let onEmpty: (() => void) | undefined
  return {
    hold: (packet, done) => {
      // Neither taken nor acknowledged: the device sends it again. The Wills of gateways that we cut off ourselves end here too.
      if (draining) return
      count++
      let acknowledged = false
      take({
        topic: packet.topic,
        payload: packet.payload as Buffer,
        retained: false,
        acknowledge: () => {
          if (acknowledged) return
          acknowledged = true
          done(null)
          if (--count === 0) onEmpty?.()
        },
      })
    },
    drain: async () => {
      draining = true
      if (count > 0) {
        await new Promise<void>((resolve) => {
          const impatience = setTimeout(resolve, CLOSE_WAIT_MS)
          onEmpty = () => {
            clearTimeout(impatience)
            resolve()
          }
        })
      }
      // The last PUBACKs are on their way to the sockets.
      await turn()
      await turn()
    },
  }
}

// ── sockets

function accept(broker: Aedes, socket: net.Socket, onTooLarge: (client: Client) => void): void {
  socket.setNoDelay(true)
  const client = broker.handle(socket)
  // aedes collects a packet of any announced size; the parser knows that size after the first bytes.
  const { _parser: parser } = client as unknown as { _parser: { packet: { length: number } } }
  socket.on('readable', () => {
    if (socket.destroyed || parser.packet.length <= PACKET_BYTES_MAX) return
    socket.destroy()
    onTooLarge(client)
  })
}

async function listen(server: net.Server, host: string, port: number): Promise<number> {
  const attempt = (wanted: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(wanted, host, () => {
        server.removeListener('error', reject)
        resolve()
      })
    })
  try {
    await attempt(port)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error
    await attempt(0)
  }
  return (server.address() as net.AddressInfo).port
}
