import { setImmediate as turn } from 'node:timers/promises'
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt'
import {
  CLOSE_WAIT_MS,
  FIELD_TOPICS,
  PACKET_BYTES_MAX,
  UNACKNOWLEDGED_BYTES_MAX,
  UNACKNOWLEDGED_MAX,
  type Feed,
  type FeedListener,
  type TakeMessage,
} from './feed.ts'
import { Pubacks } from './pubacks.ts'
import { openPublishQueue, type PublishQueue } from './publish-queue.ts'

export type MqttSessionOptions = {
  /** `mqtt:`, `mqtts:`, `ws:` or `wss:`, with user name and password where the broker asks for them. */
  readonly url: string
  /** The broker keeps our session under this name: one process at a time, and always the same. */
  readonly clientId: string
  readonly tls?: Pick<IClientOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'>
  readonly listener?: FeedListener
}

const PROTOCOLS: ReadonlySet<string> = new Set(['mqtt:', 'mqtts:', 'ws:', 'wss:'])
const KEEPALIVE_S = 30
const CONNECT_TIMEOUT_MS = 10_000
const LEAVE_WAIT_MS = 1000
const RECONNECT_AFTER_MS_MIN = 200
const RECONNECT_AFTER_MS_MAX = 10_000
/** How long the broker keeps for us what we missed. */
const SESSION_EXPIRY_S = 7 * 86_400
// Below our own limit, which stops the reading and with it the answers to our pings.
const RECEIVE_MAX = UNACKNOWLEDGED_MAX * 0.8
const PUBLISH_IN_FLIGHT_MAX = 100
// MQTT 3.1.1 §3.2.2.3 and MQTT 5 §3.2.2.2: the broker does not speak this version.
const WRONG_VERSION_CODES: ReadonlySet<unknown> = new Set([1, 132])
const NOT_NOW = new Error('held until it is stored')

/**
 * Opens one persistent session that gives every message of the field to `take` and sends its PUBACK only after `acknowledge()`,
 * in the order of arrival. Does not wait for the broker: it connects, and reconnects for ever, by itself. MQTT 5 where the
 * broker speaks it, else 3.1.1. Throws only for a URL it cannot use.
 */
export function openMqttSession(options: MqttSessionOptions, take: TakeMessage): Feed {
  const { listener = () => undefined } = options
  const address = parseAddress(options.url)
  const client = mqtt.connect(address.href, {
    ...options.tls,
    clientId: options.clientId,
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    clean: false,
    keepalive: KEEPALIVE_S,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod: RECONNECT_AFTER_MS_MIN,
    reconnectOnConnackError: true,
    resubscribe: false,
    queueQoSZero: false,
    ...VERSION_5,
  })
  const hand = holdMessages(client, take)
  const queue = openPublishQueue((topic, payload, retain, done) => {
    client.publish(topic, payload, { qos: 1, retain }, (error) => done(error ?? undefined))
  })
  const connection = keepConnected(client, queue, listener)

  const close = async (): Promise<void> => {
    await hand.drain()
    const drained = await queue.drain(client.connected ? CLOSE_WAIT_MS : 0)
    connection.stop()
    queue.close()
    await leave(client, { politely: client.connected && drained })
  }
  let closing: Promise<void> | undefined
  return {
    url: address.shown,
    connected: connection.connected,
    publish: queue.publish,
    close: () => (closing ??= close()),
  }
}

/** A broker that does not hang up (or has, at this very moment) is left after LEAVE_WAIT_MS. */
function leave(client: MqttClient, { politely }: { politely: boolean }): Promise<void> {
  return new Promise((resolve) => {
    const gone = (): void => {
      clearTimeout(impatience)
      client.stream.destroy()
      resolve()
    }
    const impatience = setTimeout(gone, LEAVE_WAIT_MS)
    client.end(!politely, gone)
  })
}

const VERSION_5: IClientOptions = {
  protocolVersion: 5,
  properties: {
    sessionExpiryInterval: SESSION_EXPIRY_S,
    // The broker itself stops at this many without a PUBACK, and its pings go on meanwhile.
    receiveMaximum: RECEIVE_MAX,
    maximumPacketSize: PACKET_BYTES_MAX,
  },
}

function parseAddress(text: string): {
  href: string
  shown: string
  username: string | undefined
  password: string | undefined
} {
  // The text may hold a password, so it is not repeated.
  if (!URL.canParse(text)) throw new Error('MQTT_URL is not a URL')
  const url = new URL(text)
  if (!PROTOCOLS.has(url.protocol)) {
    throw new Error(`MQTT_URL begins with ${url.protocol}, not with mqtt:, mqtts:, ws: or wss:`)
  }
  const given = (part: string): string | undefined =>
    part === '' ? undefined : decodeURIComponent(part)
  const username = given(url.username)
  const password = given(url.password)
  url.username = ''
  url.password = ''
  return { href: url.href, shown: url.href, username, password }
}

/** Keeps mqtt.js reconnecting with back-off, tells what changes, and falls back to MQTT 3.1.1 for a broker that has no 5. */
function keepConnected(
  client: MqttClient,
  queue: PublishQueue,
  listener: FeedListener,
): { connected: () => boolean; stop: () => void } {
  let subscribed = false
  let spoken = false
  let stopped = false
  let lastTold: string | undefined

  const tellDisconnected = (why: string): void => {
    if (stopped || lastTold === why) return
    lastTold = why
    listener({ event: 'disconnected', why })
  }

  client.on('connect', (connack) => {
    spoken = true
    client.options.reconnectPeriod = RECONNECT_AFTER_MS_MIN
    const window = connack.properties?.receiveMaximum ?? PUBLISH_IN_FLIGHT_MAX
    queue.resume(Math.min(window, PUBLISH_IN_FLIGHT_MAX))
    // Asked each time: a broker that lost our session, or whose rights changed, is found out. `rh: 1` spares the repetition of retained ones.
    client.subscribe(FIELD_TOPICS, { qos: 1, rh: 1 }, (error, granted) => {
      const refused = granted?.some(({ qos }) => qos >= 128) === true
      if (!error && !refused) {
        subscribed = true
        lastTold = undefined
        listener({ event: 'connected' })
      } else if (client.connected) {
        tellDisconnected(`the subscription of ${FIELD_TOPICS} was refused`)
        client.options.reconnectPeriod = RECONNECT_AFTER_MS_MAX
        client.stream.destroy()
      }
    })
  })
  client.on('reconnect', () => {
    const next = (client.options.reconnectPeriod ?? RECONNECT_AFTER_MS_MIN) * 2
    client.options.reconnectPeriod = Math.min(next, RECONNECT_AFTER_MS_MAX)
  })
  client.on('close', () => {
    queue.pause()
    if (subscribed) tellDisconnected('the connection was closed')
    subscribed = false
  })
  client.on('error', (error) => {
    const code = 'code' in error ? (error.code as unknown) : undefined
    if (!spoken && client.options.protocolVersion === 5 && WRONG_VERSION_CODES.has(code)) {
      client.options.protocolVersion = 4
      delete client.options.properties
      return
    }
    tellDisconnected(error.message === '' && typeof code === 'string' ? code : error.message)
  })
  return { connected: () => subscribed, stop: () => void (stopped = true) }
}

// ── PUBACK after acknowledge

type Hand = {
  /** Takes no more, and waits until nothing is in hand. */
  drain(): Promise<void>
}

/** One connection after the other. */
type Connection = { readonly stream: MqttClient['stream']; readonly pubacks: Pubacks }

/**
 * mqtt.js sends no PUBACK when its message handler answers with an error, and goes on reading: so that is what it always
 * gets, and PUBACKs are written here, many in one piece. Those of a connection that is gone are dropped: the broker sends
 * the messages again, and the same observation twice is one.
 */
function holdMessages(client: MqttClient, take: TakeMessage): Hand {
  let connection = newConnection(client)
  let count = 0
  let bytes = 0
  let draining = false
  let resumeReading: (() => void) | undefined
  let onEmpty: (() => void) | undefined

  const isFull = (): boolean => count >= UNACKNOWLEDGED_MAX || bytes >= UNACKNOWLEDGED_BYTES_MAX

  const letGo = (size: number): void => {
    count--
    bytes -= size
    if (resumeReading !== undefined && !isFull()) {
      const resume = resumeReading
      resumeReading = undefined
      resume()
    }
    if (count === 0) onEmpty?.()
  }

  client.handleMessage = (packet: IPublishPacket, done) => {
    const goOn = (): void => done(NOT_NOW)
    if (draining) return goOn() // left without PUBACK: it comes again in the next session
    const payload = packet.payload as Uint8Array
    const size = payload.byteLength + packet.topic.length
    if (connection.stream !== client.stream) connection = newConnection(client)
    const { pubacks } = connection
    const held = packet.qos === 1 ? pubacks.hold(packet.messageId ?? 0) : undefined
    count++
    bytes += size
    let acknowledged = false
    take({
      topic: packet.topic,
      payload,
      retained: packet.retain,
      acknowledge: () => {
        if (acknowledged) return
        acknowledged = true
        if (held !== undefined) pubacks.acknowledge(held)
        letGo(size)
      },
    })
    if (isFull()) resumeReading = goOn
    else goOn()
  }

  // A reader that waits on a connection that is gone is forgotten with it.
  client.on('close', () => (resumeReading = undefined))
  return {
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
      // What is said after the last acknowledgement still goes out: the PUBACKs, and what the taker publishes.
      await turn()
    },
  }
}

function newConnection(client: MqttClient): Connection {
  const { stream } = client
  return {
    stream,
    pubacks: new Pubacks(stream, () => stream !== client.stream || stream.destroyed),
  }
}
