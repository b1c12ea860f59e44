import net from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { Aedes, type AedesOptions, type Client, type PublishPacket } from 'aedes'
import {
  CLOSE_WAIT_MS,
  PACKET_BYTES_MAX,
  PUBLISH_QUEUE_MAX,
  UNACKNOWLEDGED_BYTES_MAX,
  UNACKNOWLEDGED_MAX,
  type Feed,
  type FeedListener,
  type TakeMessage,
} from './feed.ts'
import { openGatewayAccounts, type GatewayAccounts } from './gateway-accounts.ts'
import { Pubacks } from './pubacks.ts'

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
/**
 * Devices at once. Past UNACKNOWLEDGED_MAX messages of all of them each has at most one more read (64 KiB, or one packet) in hand: that
 * bounds what we hold.
 */
export const CONNECTIONS_MAX = 4096
/** PUBACKs that a device has not read, in bytes; one that sends and never reads is cut off. */
const UNREAD_BYTES_MAX = 65_536
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
  /** Somebody subscribed to what the field says: it is passed on from now on. */
  let heard = false
  const gate = holdPublishes(take, () => heard)
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
        return gate.discard(client, packet, done)
      }
      if (packet.retain && !mayKeep(statesKept, packet.topic)) packet.retain = false
      gate.hold(client, packet, done)
    },
    authorizeSubscribe: (client, subscription, done) => {
      const name = nameOf(client)
      const { topic } = subscription
      const open = [OUTAGE_TOPICS, ...(name === null ? [] : [`${FIELD}${name}/`])]
      if (accounts === null || open.some((prefix) => topic.startsWith(prefix))) {
        if (!topic.startsWith(OUTAGE_TOPICS)) heard = true
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

/** Only the last state of a gateway is worth keeping; other retained messages are taken, and not kept. */
function mayKeep(statesKept: Set<string>, topic: string): boolean {
  if (topic.split('/').length !== 4 || !topic.endsWith('/state')) return false
  if (statesKept.size < STATES_KEPT_MAX) statesKept.add(topic)
  return statesKept.has(topic)
}

// ── PUBACK after acknowledge

type Done = (error?: Error | null) => void

type Gate = {
  hold(client: Client | null, packet: PublishPacket, done: Done): void
  /** Acknowledges what is not taken. */
  discard(client: Client | null, packet: PublishPacket, done: Done): void
  drain(): Promise<void>
}

/**
 * aedes acknowledges a publish once it is authorised, and reads on from a device when it has dealt with all that it read: held until it is
 * stored, one message would hold back all that its device has to say meanwhile. So what nobody but us hears is dealt with at once as far
 * as aedes knows (it goes nowhere, unacknowledged), and its PUBACK is written here. What others hear or the broker keeps is held: it
 * reaches them after it is stored.
 */
function holdPublishes(take: TakeMessage, isHeard: () => boolean): Gate {
  const pubacksOf = new WeakMap<Client, Pubacks>()
  let count = 0
  let bytes = 0
  /** Devices that are read on when there is room. */
  let waiting: Done[] = []
  let draining = false
  let onEmpty: (() => void) | undefined

  const isFull = (): boolean => count >= UNACKNOWLEDGED_MAX || bytes >= UNACKNOWLEDGED_BYTES_MAX

  const letGo = (size: number): void => {
    count--
    bytes -= size
    if (waiting.length > 0 && !isFull()) {
      const resumed = waiting
      waiting = []
      for (const done of resumed) done(null)
    }
    if (count === 0) onEmpty?.()
  }

  const pubacksFor = (client: Client): Pubacks => {
    let pubacks = pubacksOf.get(client)
    if (pubacks === undefined) {
      pubacks = new Pubacks(client.conn, () => isGone(client))
      pubacksOf.set(client, pubacks)
    }
    return pubacks
  }

  return {
    hold: (client, packet, done) => {
      // Neither taken nor acknowledged: the device sends it again. The Wills of gateways that we cut off ourselves end here too.
      if (draining) return
      const { topic } = packet
      const payload = packet.payload as Buffer
      const size = topic.length + payload.length
      const messageId = packet.retain || isHeard() ? undefined : ownAnswer(client, packet)
      const pubacks = client === null ? undefined : pubacksFor(client)
      const held = messageId === undefined ? undefined : pubacks?.hold(messageId)
      count++
      bytes += size
      let acknowledged = false
      take({
        topic,
        payload,
        retained: false,
        acknowledge: () => {
          if (acknowledged) return
          acknowledged = true
          if (held !== undefined) pubacks?.acknowledge(held)
          else {
            // aedes answers at once: not before what came before.
            pubacks?.flush()
            done(null)
          }
          letGo(size)
        },
      })
      if (held === undefined) return
      goNowhere(packet)
      if (isFull()) waiting.push(done)
      else done(null)
    },
    // MQTT 3.1.1 has no answer for a publish without a right to it: it is acknowledged, as Mosquitto does, or the connection ends. A gateway
    // that is cut off sends the same message first when it is back, and nothing after it would ever arrive.
    discard: (client, packet, done) => {
      const messageId = ownAnswer(client, packet)
      if (client !== null && messageId !== undefined) {
        const pubacks = pubacksFor(client)
        pubacks.acknowledge(pubacks.hold(messageId))
      }
      goNowhere(packet)
      done(null)
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

/** The number under which we acknowledge it ourselves; undefined where aedes does, or nobody. */
function ownAnswer(client: Client | null, { qos, messageId }: PublishPacket): number | undefined {
  return client === null || qos !== 1 ? undefined : messageId
}

/** What goes nowhere is not acknowledged by aedes, unless it was to come exactly once. */
function goNowhere(packet: PublishPacket): void {
  packet.topic = NOWHERE
  packet.payload = ''
  packet.retain = false
  if (packet.qos === 1) packet.qos = 0
}

function isGone({ conn }: Client): boolean {
  if (!conn.destroyed && conn.writableLength > UNREAD_BYTES_MAX) conn.destroy()
  return conn.destroyed
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
