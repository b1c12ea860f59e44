import { spawn, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import mqtt from 'mqtt'
import t from 'tap'
import { openEmbeddedBroker } from '../src/feeds/embedded-broker.ts'
import {
  PACKET_BYTES_MAX,
  PUBLISH_QUEUE_MAX,
  UNACKNOWLEDGED_BYTES_MAX,
  UNACKNOWLEDGED_MAX,
  type FeedEvent,
  type FieldMessage,
  type TakeMessage,
} from '../src/feeds/feed.ts'
import { hashGatewayPassword, openGatewayAccounts } from '../src/feeds/gateway-accounts.ts'
import { openMqttSession } from '../src/feeds/mqtt-session.ts'
import { freePort, NO_MOSQUITTO, openTestBroker, startMosquitto, until } from './support/broker.ts'
import { CONNECT, DISCONNECT, openRawBroker, SUBSCRIBE } from './support/raw-broker.ts'

type Test = { teardown(fn: () => unknown): void }
/** Long enough for what must not happen to have happened. */
const QUIET_MS = 60
const text = (message: FieldMessage | undefined): string =>
  message === undefined ? '' : Buffer.from(message.payload).toString()

/** Takes and keeps, until the test acknowledges. */
function holder(): { held: FieldMessage[]; take: TakeMessage } {
  const held: FieldMessage[] = []
  return { held, take: (message) => void held.push(message) }
}

async function openRaw(t: Test, options: Parameters<typeof openRawBroker>[0] = {}) {
  const broker = await openRawBroker(options)
  t.teardown(() => broker.close())
  return broker
}

function openSession(t: Test, url: string, take: TakeMessage) {
  const events: FeedEvent[] = []
  const listener = (event: FeedEvent) => void events.push(event)
  const feed = openMqttSession({ url, clientId: 'relight-test', listener }, take)
  t.teardown(() => feed.close())
  return { feed, events }
}

async function openDevice(t: Test, url: string, options: mqtt.IClientOptions = {}) {
  const device = await mqtt.connectAsync(url, { protocolVersion: 4, ...options })
  device.on('error', () => undefined)
  t.teardown(() => device.endAsync(true))
  return device
}

// ── the session

for (const version of [4, 5]) {
  t.test(`no PUBACK leaves before acknowledge, nor out of order (MQTT ${version})`, async (t) => {
    const broker = await openRaw(t, { versions: [version] })
    const { held, take } = holder()
    const { feed } = openSession(t, broker.url, take)
    await until(() => feed.connected(), 'connected')
    const connection = broker.connections[0]
    if (connection === undefined) return t.fail('no connection')
    t.equal(connection.version, version)
    const ids = [11, 12, 513, 14]
    for (const id of ids) connection.publish(id, 'grid/v1/g/switch/S', `message ${id}`)
    await until(() => held.length === 4, 'all are in hand')
    await sleep(QUIET_MS)
    t.same(connection.pubacks(), [], 'none is acknowledged by itself')
    held[2]?.acknowledge()
    held[1]?.acknowledge()
    await sleep(QUIET_MS)
    t.same(connection.pubacks(), [], 'the first is still in hand')
    held[0]?.acknowledge()
    held[0]?.acknowledge()
    await until(() => connection.pubacks().length === 3, 'three are acknowledged')
    held[3]?.acknowledge()
    await until(() => connection.pubacks().length === 4, 'the last too')
    t.same(connection.pubacks(), ids, 'each once, in the order of arrival')
  })
}

t.test('an acknowledgement does not cross connections', async (t) => {
  const broker = await openRaw(t)
  const { held, take } = holder()
  const { feed, events } = openSession(t, broker.url, take)
  await until(() => feed.connected(), 'connected')
  broker.connections[0]?.publish(1, 'grid/v1/g/switch/S', 'first')
  broker.connections[0]?.publish(2, 'grid/v1/g/switch/S', 'second')
  await until(() => held.length === 2, 'both are in hand')
  broker.connections[0]?.drop()
  await until(() => broker.connections.length === 2 && feed.connected(), 'connected again')
  for (const message of held) message.acknowledge()
  const again = broker.connections[1]
  again?.publish(1, 'grid/v1/g/switch/S', 'first', true)
  await until(() => held.length === 3, 'the broker sends again')
  await sleep(QUIET_MS)
  t.same(again?.pubacks(), [], 'what was said about the old connection is nothing here')
  held[2]?.acknowledge()
  await until(() => again?.pubacks().length === 1, 'acknowledged')
  t.same(again?.pubacks(), [1])
  t.same(
    events.map(({ event }) => event),
    ['connected', 'disconnected', 'connected'],
  )
})

t.test('the session is persistent, and asks for the field', async (t) => {
  const broker = await openRaw(t)
  const { feed } = openSession(t, broker.url, () => undefined)
  await until(() => feed.connected(), 'connected')
  const [connect, subscribe] = broker.connections[0]?.packets ?? []
  t.equal(connect?.type, CONNECT)
  t.equal((connect?.body[7] ?? 0xff) & 2, 0, 'clean start is off')
  t.match(connect?.body.toString('latin1'), /relight-test$/)
  // Property 0x11, session expiry interval: without it an MQTT 5 session ends with the connection.
  t.ok(connect?.body.includes(Buffer.from([0x11, 0, 9, 0x3a, 0x80])), 'kept for seven days')
  t.equal(subscribe?.type, SUBSCRIBE)
  t.match(subscribe?.body.toString('latin1'), /grid\/v1\/#/)
})

t.test('past the limits nothing more is taken, until something is acknowledged', async (t) => {
  const broker = await openRaw(t, { versions: [4] })
  const { held, take } = holder()
  const { feed } = openSession(t, broker.url, take)
  await until(() => feed.connected(), 'connected')
  const connection = broker.connections[0]
  const sent = UNACKNOWLEDGED_MAX + 500
  for (let i = 1; i <= sent; i++) connection?.publish(i, 'grid/v1/g/switch/S', 'x')
  await until(() => held.length === UNACKNOWLEDGED_MAX, 'as many as the limit')
  await sleep(QUIET_MS)
  t.equal(held.length, UNACKNOWLEDGED_MAX)
  for (const message of held) message.acknowledge()
  await until(() => held.length === sent, 'the rest')
  for (const message of held) message.acknowledge()
  await until(() => connection?.pubacks().length === sent, 'all are acknowledged')
  const inOrder = connection?.pubacks().every((id, i) => id === i + 1)
  t.ok(inOrder, 'in order')

  held.length = 0
  const large = 'x'.repeat(PACKET_BYTES_MAX / 2)
  const fit = Math.ceil(UNACKNOWLEDGED_BYTES_MAX / large.length)
  for (let i = 1; i <= fit + 10; i++) connection?.publish(i, 'grid/v1/g/switch/S', large)
  await until(() => held.length >= fit - 1, 'as many bytes as the limit')
  await sleep(QUIET_MS)
  t.ok(held.length <= fit, `${held.length} of ${fit + 10} large ones`)
  for (let i = 0; i < fit + 10; i++) {
    await until(() => held.length > i, 'one more')
    held[i]?.acknowledge()
  }
})

t.test('a broker that is away is waited for, and says why only once', async (t) => {
  const port = await freePort()
  const { held, take } = holder()
  const { feed, events } = openSession(t, `mqtt://127.0.0.1:${port}`, take)
  t.equal(feed.connected(), false)
  const published = feed.publish('relight/v1/outages/1', 'waits', { retain: true })
  await sleep(700)
  t.same(
    events.map(({ event }) => event),
    ['disconnected'],
  )
  t.match(events[0], { why: /ECONNREFUSED/ })
  const broker = await openRaw(t, { port })
  await until(() => feed.connected(), 'connected')
  await published
  t.same(broker.connections[0]?.published(), [
    { topic: 'relight/v1/outages/1', payload: 'waits', retain: true },
  ])
  t.same(held, [])
})

t.test('what waits for the broker is bounded; of retained ones the last counts', async (t) => {
  const port = await freePort()
  const { feed } = openSession(t, `mqtt://127.0.0.1:${port}`, () => undefined)
  const outage = (id: number) => `relight/v1/outages/${id}`
  const first = feed.publish(outage(0), 'out', { retain: true })
  const last = feed.publish(outage(0), 'back', { retain: true })
  const more = Array.from({ length: PUBLISH_QUEUE_MAX - 1 }, (_, i) =>
    feed.publish(outage(i + 1), 'out', { retain: true }),
  )
  await t.rejects(feed.publish(outage(-1), 'out', { retain: true }), /wait already/)
  const broker = await openRaw(t, { port })
  await Promise.all([first, last, ...more])
  const arrived = broker.connections.flatMap((connection) => connection.published())
  t.equal(arrived.length, PUBLISH_QUEUE_MAX)
  t.same(arrived[0], { topic: outage(0), payload: 'back', retain: true })
  await feed.close()
  await t.rejects(feed.publish(outage(0), 'late', { retain: true }), /closed/)
})

t.test('an unconfirmed publish is sent again on the next connection', async (t) => {
  const port = await freePort()
  const deaf = await openRawBroker({ port, confirm: false })
  const { feed } = openSession(t, `mqtt://127.0.0.1:${port}`, () => undefined)
  await until(() => feed.connected(), 'connected')
  const published = feed.publish('relight/v1/outages/1', 'out', { retain: true })
  await until(() => deaf.connections[0]?.published().length === 1, 'it was sent')
  await deaf.close()
  const broker = await openRaw(t, { port })
  await published
  t.match(broker.connections.at(-1)?.published(), [{ payload: 'out', retain: true }])
})

t.test('close waits for what is in hand and leaves the rest to the broker', async (t) => {
  const broker = await openRaw(t)
  const { held, take } = holder()
  const { feed } = openSession(t, broker.url, take)
  await until(() => feed.connected(), 'connected')
  const connection = broker.connections[0]
  connection?.publish(1, 'grid/v1/g/switch/S', 'in hand')
  await until(() => held.length === 1, 'in hand')
  let closed = false
  const closing = feed.close().then(() => (closed = true))
  connection?.publish(2, 'grid/v1/g/switch/S', 'too late')
  await sleep(QUIET_MS)
  t.equal(closed, false)
  held[0]?.acknowledge()
  await closing
  t.same(connection?.pubacks(), [1])
  t.equal(held.length, 1, 'nothing is taken while closing')
  t.equal(connection?.packets.at(-1)?.type, DISCONNECT, 'it says good-bye')
})

t.test('a URL that cannot be used is refused without its password', async (t) => {
  const open = (url: string) => () => openMqttSession({ url, clientId: 'x' }, () => undefined)
  t.throws(open('http://user:secret@x'), { message: /http:/ })
  t.throws(open('secret'), { message: /^MQTT_URL is not a URL$/ })
})

// ── the real Mosquitto, as docker-compose.yml sets it up

const composed = (name: string): string =>
  fileURLToPath(new URL(`../.docker/${name}`, import.meta.url))

/** The configuration that production uses; only the places differ. */
function composedConfig(): string {
  return fs
    .readFileSync(composed('mosquitto.conf'), 'utf8')
    .replace(/^listener .*$/m, '')
    .replace('/mosquitto/run/passwords', '%DIR%/passwords')
    .replace('/mosquitto/config/acl', composed('mosquitto.acl'))
    .replace('/mosquitto/data/', '%DIR%/')
}
const accounts = { relight: 'r%40/:pw', north: 'n', south: 's' }
const as = (name: string, password: string) => ({ username: name, password })

t.test(
  'on Mosquitto a gateway publishes below its own name only',
  { skip: NO_MOSQUITTO },
  async (t) => {
    const { url } = await startMosquitto(t, { config: composedConfig(), accounts })
    const { held, take } = holder()
    const withPassword = url.replace('//', `//relight:${encodeURIComponent(accounts.relight)}@`)
    const { feed } = openSession(t, withPassword, take)
    await until(() => feed.connected(), 'connected with the credentials of the URL')
    t.equal(feed.url, url, 'which are not shown')

    const north = await openDevice(t, url, as('north', 'n'))
    await north.publishAsync('grid/v1/south/switch/S', 'foreign', { qos: 1 })
    await north.publishAsync('grid/v1/northern/switch/S', 'foreign', { qos: 1 })
    await north.publishAsync('relight/v1/outages/1', 'forged', { qos: 1, retain: true })
    await north.publishAsync('grid/v1/north/switch/S', 'own', { qos: 1 })
    await until(() => held.length > 0, 'its own comes through')
    await sleep(QUIET_MS)
    t.same(held.map(text), ['own'])
    for (const message of held) message.acknowledge()

    const heard: string[] = []
    const south = await openDevice(t, url, as('south', 's'))
    south.on('message', (topic, payload) => heard.push(`${topic} ${String(payload)}`))
    await south.subscribeAsync(['relight/v1/#', 'grid/v1/#', '#'], { qos: 1 })
    await feed.publish('relight/v1/outages/7', 'out', { retain: true })
    await north.publishAsync('grid/v1/north/switch/S', 'not for south', { qos: 1 })
    await until(() => held.length === 2 && heard.length > 0, 'both arrive')
    held[1]?.acknowledge()
    await sleep(QUIET_MS)
    t.same([...new Set(heard)], ['relight/v1/outages/7 out'], 'outages, and nothing of the others')

    const wrong = mqtt.connectAsync(url, { ...as('north', 'x'), protocolVersion: 4 }, false)
    await t.rejects(wrong, /[Nn]ot authorized/)
    await t.rejects(mqtt.connectAsync(url, { protocolVersion: 4 }, false), /[Nn]ot authorized/)
  },
)

t.test(
  'what waited on Mosquitto while we were away arrives, over a restart and a crash of it',
  { skip: NO_MOSQUITTO },
  async (t) => {
    const mosquitto = await startMosquitto(t, { config: composedConfig(), accounts })
    const url = mosquitto.url.replace('//', `//relight:${encodeURIComponent(accounts.relight)}@`)
    const first = openMqttSession({ url, clientId: 'relight-away' }, () => undefined)
    await until(() => first.connected(), 'connected')
    await first.close()

    const half = 1500 // above the 1,000 that Mosquitto keeps unless it is told otherwise
    const sendHalf = async (from: number): Promise<void> => {
      const north = await openDevice(t, mosquitto.url, as('north', 'n'))
      const numbers = Array.from({ length: half }, (_, i) => String(from + i))
      const sent = numbers.map((n) => north.publishAsync('grid/v1/north/switch/S', n, { qos: 1 }))
      await Promise.all(sent)
      await north.endAsync()
    }
    await sendHalf(0)
    await mosquitto.stop('SIGTERM')
    await mosquitto.start()
    await sendHalf(half)
    const file = path.join(mosquitto.dir, 'mosquitto.db')
    const sentAtMs = Date.now()
    await until(() => fs.statSync(file).mtimeMs > sentAtMs, 'it has written since')
    await mosquitto.stop('SIGKILL')
    await mosquitto.start()

    const { held, take } = holder()
    const feed = openMqttSession({ url, clientId: 'relight-away' }, take)
    t.teardown(() => feed.close())
    const all = Array.from({ length: 2 * half }, (_, i) => String(i))
    await until(() => new Set(held.map(text)).size === all.length, `all ${all.length}`)
    t.same(held.map(text), all, 'in order, each once')
    for (const message of held) message.acknowledge()
  },
)

// ── the broker in the process

t.test('a device gets its PUBACK after acknowledge, at every quality of service', async (t) => {
  const { held, take } = holder()
  const feed = await openEmbeddedBroker({ port: 0 }, take)
  t.teardown(() => feed.close())
  const device = await openDevice(t, feed.url)
  let pubacks = 0
  device.on('packetreceive', ({ cmd }) => (pubacks += cmd === 'puback' || cmd === 'pubrec' ? 1 : 0))
  const once = device.publishAsync('grid/v1/g/switch/S', 'one', { qos: 1 })
  const twice = device.publishAsync('grid/v1/g/switch/S', 'two', { qos: 2 })
  await device.publishAsync('grid/v1/g/switch/S', 'zero', { qos: 0 })
  await until(() => held.length === 3, 'all are in hand')
  await sleep(QUIET_MS)
  t.equal(pubacks, 0)
  t.same(held.map(text), ['one', 'two', 'zero'])
  for (const message of held) message.acknowledge()
  await Promise.all([once, twice])
  t.equal(held.length, 3)
})

/** A device of bytes: what it sends is not held back by a window of its own. */
async function openRawDevice(t: Test, url: string) {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1')
  t.teardown(() => socket.destroy())
  let answers = Buffer.alloc(0)
  socket.on('error', () => undefined)
  socket.on('data', (data) => (answers = Buffer.concat([answers, data])))
  socket.write(Buffer.from([0x10, 13, 0, 4, ...Buffer.from('MQTT'), 4, 2, 0, 0, 0, 1, 0x67]))
  await until(() => answers.length >= 4, 'CONNACK')
  return {
    publish(id: number, topic: string, payload: string) {
      const length = 2 + topic.length + 2 + payload.length
      const head = [0x32, (length & 127) | 128, length >> 7, topic.length >> 8, topic.length & 255]
      socket.write(
        Buffer.concat([
          Buffer.from(head),
          Buffer.from(topic),
          Buffer.from([id >> 8, id & 255]),
          Buffer.from(payload),
        ]),
      )
    },
    /** Packet ids, in the order in which they were acknowledged. */
    pubacks(): number[] {
      const ids: number[] = []
      for (let at = 4; at + 4 <= answers.length; at += 4) ids.push(answers.readUInt16BE(at + 2))
      return ids
    },
  }
}

t.test(
  'a device is read on while its words are being stored, up to the limit of all',
  async (t) => {
    const { held, take } = holder()
    const events: FeedEvent[] = []
    const listener = (event: FeedEvent) => void events.push(event)
    const feed = await openEmbeddedBroker({ port: 0, listener }, take)
    t.teardown(() => feed.close())
    const device = await openRawDevice(t, feed.url)
    const payload = 'x'.repeat(200)
    const READ_BYTES = 65_536
    const first = 2000
    for (let id = 1; id <= first; id++) {
      device.publish(id, id === 7 ? 'elsewhere' : 'grid/v1/g/switch/S', payload)
    }
    t.ok(first * payload.length > 4 * READ_BYTES, 'many reads')
    await until(() => held.length === first - 1, 'all of it is in hand')
    t.match(events.at(-1), { event: 'refused', act: 'publish', topic: 'elsewhere' })
    for (const message of held.slice(5).reverse()) message.acknowledge()
    await sleep(QUIET_MS)
    t.same(device.pubacks(), [], 'nothing before the first, nor what was refused')
    for (const message of held.slice(0, 5)) message.acknowledge()
    await until(() => device.pubacks().length === first, 'all are acknowledged')
    t.ok(
      device.pubacks().every((id, i) => id === i + 1),
      'in order',
    )

    held.length = 0
    const sent = UNACKNOWLEDGED_MAX + 2000
    for (let id = 1; id <= sent; id++) device.publish(id, 'grid/v1/g/switch/S', payload)
    await until(() => held.length >= UNACKNOWLEDGED_MAX, 'as many as the limit')
    await sleep(QUIET_MS)
    const read = READ_BYTES / payload.length
    t.ok(held.length < UNACKNOWLEDGED_MAX + read, `${held.length}: at most one more read`)
    for (let i = 0; i < sent; i++) {
      await until(() => held.length > i, 'one more')
      held[i]?.acknowledge()
    }
    await until(() => device.pubacks().length === first + sent, 'nothing was lost, none twice')
  },
)

t.test(
  'what the field says reaches a reader after it is stored, acknowledged or not',
  async (t) => {
    const { held, take } = holder()
    const feed = await openEmbeddedBroker({ port: 0 }, take)
    t.teardown(() => feed.close())
    const device = await openRawDevice(t, feed.url)
    device.publish(1, 'grid/v1/g/switch/S', 'before')
    await until(() => held.length === 1, 'what nobody reads')
    const reader = await openDevice(t, feed.url)
    const heard: string[] = []
    reader.on('message', (_topic, payload) => heard.push(String(payload)))
    await reader.subscribeAsync('grid/v1/#', { qos: 1 })
    device.publish(2, 'grid/v1/g/switch/S', 'after')
    await until(() => held.length === 2, 'and what somebody does')
    await sleep(QUIET_MS)
    t.same([heard, device.pubacks()], [[], []])
    for (const message of held) message.acknowledge()
    await until(() => heard.length === 1, 'told once it is stored')
    t.same([heard, device.pubacks()], [['after'], [1, 2]])
  },
)

t.test('a gateway that is gone says so by its Will, through the same gate', async (t) => {
  const { held, take } = holder()
  const feed = await openEmbeddedBroker({ port: 0 }, take)
  t.teardown(() => feed.close())
  const topic = 'grid/v1/g/state'
  const will = { topic, payload: Buffer.from('{"online":false}'), qos: 1 as const, retain: true }
  const gateway = await openDevice(t, feed.url, { will, reconnectPeriod: 0 })
  gateway.stream.destroy()
  await until(() => held.length === 1, 'the Will')
  t.equal(held[0]?.topic, topic)
  held[0]?.acknowledge()
  const reader = await openDevice(t, feed.url)
  const kept: string[] = []
  reader.on('message', (topic, payload, { retain }) =>
    kept.push(`${topic} ${String(payload)} ${retain}`),
  )
  await reader.subscribeAsync('grid/v1/+/state', { qos: 1 })
  await until(() => kept.length === 1, 'kept for those who come later')
  t.same(kept, [`${topic} {"online":false} true`])
})

t.test('what a device publishes elsewhere is acknowledged, told, and goes nowhere', async (t) => {
  const events: FeedEvent[] = []
  const { held, take } = holder()
  const listener = (event: FeedEvent) => void events.push(event)
  const feed = await openEmbeddedBroker({ port: 0, listener }, take)
  t.teardown(() => feed.close())
  const device = await openDevice(t, feed.url, { reconnectPeriod: 0 })
  for (const topic of ['relight/v1/outages/1', 'other', '$SYS/x', 'grid/v2/g/switch/S']) {
    for (const qos of [1, 2] as const) {
      await device.publishAsync(topic, 'forged', { qos, retain: true })
      t.match(events.at(-1), { event: 'refused', act: 'publish', gateway: null, topic })
    }
  }
  t.same(held, [])
  // One wrong topic does not hold up what the same device has to say.
  void device.publishAsync('grid/v1/g/switch/S', 'own', { qos: 1 })
  await until(() => held.length === 1, 'what belongs here')
  held.shift()?.acknowledge()
  const reader = await openDevice(t, feed.url)
  const heard: string[] = []
  reader.on('message', (topic) => heard.push(topic))
  await reader.subscribeAsync('#', { qos: 1 })
  await feed.publish('relight/v1/outages/2', 'out', { retain: true })
  await until(() => heard.length === 1, 'ours')
  t.same(heard, ['relight/v1/outages/2'], 'and none of theirs')
})

t.test('with a gateways file each publishes below its own name only', async (t) => {
  const file = path.join(t.testdir({}), 'gateways')
  const line = async (name: string, password: string) =>
    `${name}:${await hashGatewayPassword(password)}`
  const lines = ['# gateways', await line('north', 'pw of north'), await line('south', 'ø')]
  fs.writeFileSync(file, lines.join('\n'))
  const events: FeedEvent[] = []
  const { held, take } = holder()
  const listener = (event: FeedEvent) => void events.push(event)
  const options = { port: 0, host: '127.0.0.1', gatewaysFile: file, listener }
  const feed = await openEmbeddedBroker(options, (message) => {
    take(message)
    message.acknowledge()
  })
  t.teardown(() => feed.close())

  const refused: [string, mqtt.IClientOptions][] = [
    ['no name', {}],
    ['no password', { username: 'north' }],
    ['a wrong one', as('north', 'pw of south')],
    ['an unknown name', as('west', 'pw of north')],
    ['an inherited name', as('__proto__', 'x')],
  ]
  for (const [what, who] of refused) {
    await t.rejects(mqtt.connectAsync(feed.url, { ...who, protocolVersion: 4 }, false), what)
  }
  t.equal(events.filter(({ event }) => event === 'refused').length, refused.length)

  const north = await openDevice(t, feed.url, { ...as('north', 'pw of north'), clientId: 'same' })
  const south = await openDevice(t, feed.url, { ...as('south', 'ø'), clientId: 'same' })
  await north.publishAsync('grid/v1/north/switch/S', 'own', { qos: 1 })
  await south.publishAsync('grid/v1/south/switch/S', 'own', { qos: 1 })
  t.equal(held.length, 2, 'one client id at two gateways is two clients')

  const heard: string[] = []
  south.on('message', (topic) => heard.push(topic))
  const granted = await south.subscribeAsync('relight/v1/#', { qos: 1 })
  t.equal(granted[0]?.qos, 1)
  for (const topic of ['#', 'grid/v1/#', 'grid/v1/north/#', 'grid/v1/+/switch/S', '$SYS/#']) {
    await t.rejects(south.subscribeAsync(topic, { qos: 1 }), topic)
  }
  await feed.publish('relight/v1/outages/1', 'out', { retain: true })
  await north.publishAsync('grid/v1/north/switch/S', 'not for south', { qos: 1 })
  await until(() => heard.length > 0, 'the outage')
  await sleep(QUIET_MS)
  t.same(heard, ['relight/v1/outages/1'])

  for (const topic of ['grid/v1/south/switch/S', 'grid/v1/northern/switch/S', 'grid/v1/north']) {
    await north.publishAsync(topic, 'foreign', { qos: 1 })
    t.match(events.at(-1), { event: 'refused', act: 'publish', gateway: 'north', topic })
  }
  const will = { topic: 'grid/v1/south/state', payload: Buffer.from('{}'), qos: 1 as const }
  const liar = await openDevice(t, feed.url, {
    ...as('north', 'pw of north'),
    will: { ...will, retain: true },
    reconnectPeriod: 0,
  })
  liar.stream.destroy()
  await until(() => events.at(-1)?.event === 'refused', 'a Will in the name of another')
  await sleep(QUIET_MS)
  t.same(
    held.map(({ topic }) => topic),
    ['grid/v1/north/switch/S', 'grid/v1/south/switch/S', 'grid/v1/north/switch/S'],
  )
})

t.test('the gateways file: every fault at once, and changes while we run', async (t) => {
  const file = path.join(t.testdir({}), 'gateways')
  const hash = await hashGatewayPassword('right')
  fs.writeFileSync(file, `north:plain\nno line\nsouth:${hash}\nsouth:${hash}\na/b:${hash}\n`)
  await t.rejects(openGatewayAccounts(file), {
    message: /line 1: north .*; line 2: .*; line 4: south is there twice; line 5/,
  })
  await t.rejects(openGatewayAccounts(`${file}.missing`), { message: /cannot be read/ })

  fs.writeFileSync(file, `north:${hash}\n`)
  const accounts = await openGatewayAccounts(file)
  const verify = (name: string, password: string) => accounts.verify(name, Buffer.from(password))
  t.equal(await verify('north', 'right'), true)
  t.equal(await verify('north', 'right'), true, 'known by now')
  t.equal(await verify('north', 'wrong'), false)
  t.equal(await verify('south', 'right'), false)
  t.equal(await verify('north', 'x'.repeat(5000)), false)

  fs.writeFileSync(file, `north:${await hashGatewayPassword('new')}\nsouth:${hash}\n`)
  fs.utimesSync(file, 1, 1)
  t.equal(await verify('north', 'right'), false, 'the old password is over, known or not')
  t.equal(await verify('north', 'new'), true)
  t.equal(await verify('south', 'right'), true)
  fs.writeFileSync(file, 'half a li')
  t.equal(await verify('south', 'right'), true, 'a broken file changes nothing')
})

t.test('the embedded broker takes another port, and no foreign address', async (t) => {
  const taken = net.createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => new Promise((resolve) => taken.close(resolve)))
  const { port } = taken.address() as net.AddressInfo
  const feed = await openEmbeddedBroker({ port, host: '0.0.0.0' }, () => undefined)
  t.teardown(() => feed.close())
  const own = Number(new URL(feed.url).port)
  t.not(own, port)
  // All of 127.0.0.0/8 is this machine: only a listener on every address answers at 127.0.0.2.
  const elsewhere = new Promise((resolve) => {
    const socket = net.connect(own, '127.0.0.2')
    socket.once('connect', () => resolve('connected'))
    socket.once('error', () => resolve('refused'))
  })
  t.equal(await elsewhere, 'refused')
})

t.test('bytes that are no MQTT, and packets without end, cost only their sender', async (t) => {
  const { held, take } = holder()
  const feed = await openEmbeddedBroker({ port: 0 }, take)
  t.teardown(() => feed.close())
  const port = Number(new URL(feed.url).port)
  const send = (bytes: Buffer) =>
    new Promise<void>((resolve) => {
      const socket = net.connect(port, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.once('close', () => resolve())
      socket.write(bytes)
    })
  await send(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  await send(Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0xff]))
  const connect = Buffer.from('100d00044d5154540402003c000141', 'hex')
  const endless = Buffer.concat([connect, Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f])])
  // It announces 256 MB: cut off long before.
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  let sent = 0
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write(endless)
  const pump = setInterval(() => {
    if (socket.writable) socket.write(Buffer.alloc(65_536))
    sent += 65_536
  }, 1)
  await gone
  clearInterval(pump)
  t.ok(sent < 64 * PACKET_BYTES_MAX, `cut off after ${sent} bytes`)

  const device = await openDevice(t, feed.url)
  const large = 'x'.repeat(PACKET_BYTES_MAX - 100)
  const published = device.publishAsync('grid/v1/g/switch/S', large, { qos: 1 })
  await until(() => held.length === 1, 'one below the limit is taken (and refused when it is read)')
  held[0]?.acknowledge()
  await published
})

t.test('the embedded broker closes when what it took is stored', async (t) => {
  const { held, take } = holder()
  const feed = await openEmbeddedBroker({ port: 0 }, take)
  const will = { topic: 'grid/v1/g/state', payload: Buffer.from('{}'), qos: 1 as const }
  const device = await openDevice(t, feed.url, {
    reconnectPeriod: 0,
    will: { ...will, retain: true },
  })
  const published = device.publishAsync('grid/v1/g/switch/S', 'in hand', { qos: 1 })
  await until(() => held.length === 1, 'in hand')
  let closed = false
  const closing = feed.close().then(() => (closed = true))
  await sleep(QUIET_MS)
  t.equal(closed, false)
  held[0]?.acknowledge()
  await published
  await closing
  t.equal(feed.connected(), false)
  await sleep(QUIET_MS)
  t.equal(held.length, 1, 'gateways that we cut off did not go offline')
  await t.rejects(feed.publish('relight/v1/outages/1', 'late', { retain: true }), /closed/)
})

// ── either, as others use it

t.test('a message goes in, and an outage out, over whichever broker this run has', async (t) => {
  const { held, take } = holder()
  const { feed, url, gateway } = await openTestBroker(t, take)
  const device = await openDevice(t, url)
  const heard: string[] = []
  device.on('message', (topic, payload) => heard.push(`${topic} ${String(payload)}`))
  await device.subscribeAsync(`relight/v1/outages/${gateway}`, { qos: 1 })
  const published = device.publishAsync(`grid/v1/${gateway}/switch/S`, 'in', { qos: 1 })
  await until(() => held.length === 1, 'in')
  held[0]?.acknowledge()
  await published
  await feed.publish(`relight/v1/outages/${gateway}`, 'out', { retain: true })
  await until(() => heard.length === 1, 'out')
  t.same(heard, [`relight/v1/outages/${gateway} out`])
  await feed.publish(`relight/v1/outages/${gateway}`, '', { retain: true })
})

// ── kill -9

const KILLS = 4
const SENT = 4000
/** As many as a device has under way. */
const WINDOW = 100
/** The default drops what waits above 1,000. */
const UNBOUNDED = 'allow_anonymous true\nmax_queued_messages 0'

for (const mode of ['embedded', 'session'] as const) {
  const skip = mode === 'session' ? NO_MOSQUITTO : false
  t.test(
    `kill -9 of one that takes messages loses nothing acknowledged (${mode})`,
    { skip },
    async (t) => {
      const file = path.join(t.testdir({}), 'stored')
      fs.writeFileSync(file, '')
      const url =
        mode === 'session'
          ? (await startMosquitto(t, { config: UNBOUNDED })).url
          : `mqtt://127.0.0.1:${await freePort()}`
      const where = mode === 'session' ? url : new URL(url).port
      let child = await startTaker(t, mode, where, file)
      const device = await openDevice(t, url, {
        clean: false,
        clientId: 'device',
        reconnectPeriod: 50,
      })
      const acknowledged: number[] = []
      const all: Promise<unknown>[] = []
      let kills = 0
      for (let i = 0; i < SENT; i++) {
        const sent = device.publishAsync('grid/v1/g/switch/S', String(i), { qos: 1 })
        all.push(sent.then(() => acknowledged.push(i)))
        while (all.length - acknowledged.length >= WINDOW) await sleep(1)
        if (acknowledged.length > (SENT / (KILLS + 1)) * (kills + 1)) {
          kills++
          child.kill('SIGKILL')
          const before = acknowledged.length
          const stored = new Set(fs.readFileSync(file, 'utf8').split('\n'))
          if (mode === 'embedded') {
            t.ok(
              acknowledged.slice(0, before).every((n) => stored.has(String(n))),
              `kill ${kills}: what the device holds for done (${before}) is stored`,
            )
          }
          child = await startTaker(t, mode, where, file)
        }
      }
      await Promise.all(all)
      const stored = (): Set<string> => new Set(fs.readFileSync(file, 'utf8').trim().split('\n'))
      await until(() => stored().size >= SENT, `all ${SENT} are stored`)
      t.equal(stored().size, SENT)
      t.equal(kills, KILLS)
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      t.equal(await gone, 0, 'and TERM is an orderly end')
    },
  )
}

async function startTaker(t: Test, mode: string, where: string, file: string) {
  const program = fileURLToPath(new URL('support/taking-child.ts', import.meta.url))
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import=tsx', program, mode, where, file],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.teardown(() => child.kill('SIGKILL'))
  await new Promise((resolve) => child.stdout?.once('data', resolve))
  return child
}
