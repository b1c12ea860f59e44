// The whole service on a real Mosquitto and a real PostgreSQL beside the least that could stand in its place, in turns within one run:
// a subscriber that only acknowledges, and a bare MQTT → one commit → WebSocket echo. One JSON line a figure.
//   DATABASE_URL=postgres://… node --import=tsx test/bench/engine.ts [messages] [rounds]
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import mqtt from 'mqtt'
import pg, { type PoolConfig } from 'pg'
import pino from 'pino'
import { WebSocket, WebSocketServer } from 'ws'
import { makeTown } from '../../simulators/town.ts'
import type { NetworkTables } from '../../src/grid/tables.ts'
import { openEmbeddedBroker } from '../../src/feeds/embedded-broker.ts'
import type { TakeMessage } from '../../src/feeds/feed.ts'
import { openMqttSession } from '../../src/feeds/mqtt-session.ts'
import { reopenLedger } from '../../src/control-room/from-record.ts'
import { issueToken } from '../../src/http/auth.ts'
import { DEFAULT_SETTINGS } from '../../src/ledger/state.ts'
import { startService } from '../../src/service.ts'
import { readSettings } from '../../src/settings.ts'
import { openDatabase } from '../../src/stores/database.ts'
import { startEmbeddedPostgres } from '../../src/stores/embedded-postgres.ts'
import { migrate } from '../../src/stores/migrate.ts'
import { saveRevision } from '../../src/stores/networks.ts'
import { NO_MOSQUITTO, startMosquitto, until } from '../support/broker.ts'
import { messagesWithin, PAST_MS, publishBurst, type Words } from './field-publisher.ts'
import { median, quantile, report } from './figure.ts'
import { openScratchDatabase } from './scratch-database.ts'

const BENCH = 'engine'
const CUSTOMERS = 10_000
const MESSAGES = Number(process.argv[2] ?? 40_000)
const ROUNDS = Number(process.argv[3] ?? 3)
/** Come first, and are measured apart: a process that has just started compiles its code beside what it does. */
const WARM_UP = MESSAGES >> 1
const BURST = WARM_UP + MESSAGES
/** The limits of issue 3. */
const TURNING_RATIO_MIN = 0.4
const REPEATING_RATIO_MIN = 0.75
const REDERIVED_RATIO_MIN = 2
const P50_RATIO_MAX = 2
const P99_RATIO_MAX = 3

const FIGURES = [
  ['mosquitto', 'turning', 'switch observations that change supply', TURNING_RATIO_MIN],
  ['mosquitto', 'repeating', 'status repeats that change nothing', REPEATING_RATIO_MIN],
  ['embedded', 'turning', 'switch observations that change supply', TURNING_RATIO_MIN],
  ['embedded', 'repeating', 'status repeats that change nothing', REPEATING_RATIO_MIN],
] as const

const LATENCY_ROUNDS = 2
/** Half of them open a fuse, the others close it again: only openings are timed. */
const LATENCY_MESSAGES = 440
const LATENCY_WARM_UP = 60
const LATENCY_PER_S = 50
const LOOK_EVERY_MS = 50
const DRAIN_MS_MAX = 120_000
const SECRET = 'the bench keeps its secrets to itself'
const wallMs = () => performance.timeOrigin + performance.now()

/** Of a burst: how many came in before the machine was warm, and when all had. */
type Told =
  | { readonly ready: string; readonly mqtt?: string }
  | { readonly warmMs: number; readonly doneMs: number }

// ── the children

const tell = (told: Told): void => void process.send?.(told)

async function serve(): Promise<void> {
  const read = readSettings(process.env)
  if (!read.ok) throw new Error(JSON.stringify(read.faults))
  const logger = pino({ level: process.env['LOG_LEVEL'] ?? 'error' })
  const service = await startService(read.settings, 'all', logger)
  process.on('message', () => void service.close().then(() => process.exit()))
  tell({ ready: service.http, mqtt: service.mqtt ?? '' })
}

/** Our own session, which writes its PUBACKs many at a time: a harder peer than mqtt.js as it comes. Or the embedded broker. */
async function acknowledge(): Promise<void> {
  let count = 0
  let warmMs = 0
  const take: TakeMessage = (message) => {
    message.acknowledge()
    count++
    if (count === WARM_UP) warmMs = wallMs()
    if (count === BURST) tell({ warmMs, doneMs: wallMs() })
  }
  const url = process.env['MQTT_URL']
  const feed =
    url === undefined
      ? await openEmbeddedBroker({ port: 0 }, take)
      : openMqttSession({ url, clientId: 'bench-acknowledge' }, take)
  process.on('message', () => void feed.close().then(() => process.exit()))
  await until(() => feed.connected(), 'connected')
  tell({ ready: '', mqtt: feed.url })
}

/** What comes in goes out to every socket after one INSERT of its own. */
async function echo(): Promise<void> {
  const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 1 })
  await pool.query('create table if not exists echo (seq bigserial primary key, said text)')
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await once(server, 'listening')
  const client = await mqtt.connectAsync(process.env['MQTT_URL'] as string, { clean: true })
  client.on('message', (_topic, payload) => {
    const text = payload.toString()
    const query = { name: 'echo', text: 'insert into echo (said) values ($1)', values: [text] }
    void pool.query(query).then(() => {
      for (const socket of server.clients) socket.send(text)
    })
  })
  await client.subscribeAsync('grid/v1/#', { qos: 1 })
  process.on('message', () => process.exit())
  tell({ ready: `http://127.0.0.1:${(server.address() as { port: number }).port}` })
}

// ── the bench

const closers: (() => unknown)[] = []
const scope = { teardown: (close: () => unknown) => void closers.unshift(close) }

type Child = {
  readonly url: string
  /** The broker it has within, where it has one. */
  readonly mqtt: string
  done(): Promise<{ warmMs: number; doneMs: number }>
  stop(): Promise<void>
}

async function start(role: string, env: Record<string, string | undefined>): Promise<Child> {
  const profile = process.env['BENCH_PROFILE']
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
    env: { ...process.env, ...env, ENGINE_ROLE: role },
    execArgv: [
      ...process.execArgv,
      // As `npm start` does it, and the peers alike.
      '--max-semi-space-size=32',
      ...(profile === role ? ['--cpu-prof', '--cpu-prof-dir', os.tmpdir()] : []),
    ],
  })
  const gone = once(child, 'exit')
  const told: Told[] = []
  child.on('message', (message) => told.push(message as Told))
  const hear = async <T extends Told>(
    isIt: (one: Told) => one is T,
    what: string,
    withinMs: number,
  ): Promise<T> => {
    let found: T | undefined
    await until(
      () => {
        if (child.exitCode !== null) throw new Error(`${role} ended with ${child.exitCode}`)
        return (found = told.find(isIt)) !== undefined
      },
      `${role} says ${what}`,
      withinMs,
    )
    return found as T
  }
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.send('stop')
    const impatience = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await gone
    clearTimeout(impatience)
  }
  scope.teardown(() => child.kill('SIGKILL'))
  const { ready, mqtt = '' } = await hear((one) => 'ready' in one, 'that it is ready', 60_000)
  const done = () => hear((one) => 'doneMs' in one, 'that all came in', DRAIN_MS_MAX)
  return { url: ready, mqtt, done, stop }
}

type Town = { readonly url: string; drop(): Promise<void> }

async function fill(config: PoolConfig, tables: NetworkTables): Promise<void> {
  const { db, pool } = openDatabase(config)
  await migrate(db, fileURLToPath(new URL('../../sql', import.meta.url)))
  const about = { validFrom: 0, importedAt: 0, format: 'folder' as const, report: [] }
  await saveRevision(pool, tables, about)
  await db.destroy()
}

/** A migrated database of one's own with the town in force. */
async function openTown(tables: NetworkTables): Promise<Town> {
  const { url, drop } = await openScratchDatabase()
  scope.teardown(drop)
  await fill({ connectionString: url }, tables)
  return { url, drop }
}

/** A data folder of the embedded default with the town in force. */
async function openTownFolder(tables: NetworkTables): Promise<string> {
  const folder = dataDir()
  const embedded = await startEmbeddedPostgres({ dataDir: folder })
  try {
    await fill(embedded.config, tables)
  } finally {
    await embedded.stop()
  }
  return folder
}

const BROKER = 'allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000'
const startBroker = () => startMosquitto(scope, { config: BROKER })
const portOf = (url: string): number => Number(new URL(url).port)

const dataDir = (): string => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-bench-'))
  scope.teardown(() => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

const serviceEnv = (databaseUrl: string, mqttUrl: string) => ({
  DATABASE_URL: databaseUrl,
  MQTT_URL: mqttUrl,
  RELIGHT_AUTH_SECRET: SECRET,
  RELIGHT_DATA_DIR: dataDir(),
  PORT: '0',
})

async function committed(http: string): Promise<number> {
  const text = await (await fetch(`${http}/metrics`)).text()
  return Number(/relight_observations_total\{kind="switch"\} (\d+)/.exec(text)?.[1] ?? 0)
}

/** Messages a second: warm, and of the first ones. */
type Rate = { readonly warmPerS: number; readonly coldPerS: number }

const rateOf = (startedMs: number, warmMs: number, warm: number, doneMs: number): Rate => ({
  warmPerS: ((BURST - warm) / (doneMs - warmMs)) * 1000,
  coldPerS: (warm / (warmMs - startedMs)) * 1000,
})

const burstTo = (mqttUrl: string, switches: readonly string[], words: Words) =>
  publishBurst({
    port: portOf(mqttUrl),
    gateway: 'bench',
    switches,
    words,
    messages: BURST,
    firstAt: Date.now() - PAST_MS,
  })

type Place = 'mosquitto' | 'embedded'

/** From the first published to the last acknowledged, on a broker of its own that has nothing else to do. */
async function peerRate(place: Place, switches: readonly string[], words: Words): Promise<Rate> {
  const broker = place === 'mosquitto' ? await startBroker() : undefined
  const child = await start('acknowledge', { MQTT_URL: broker?.url })
  const { startedMs, done } = await burstTo(broker?.url ?? child.mqtt, switches, words)
  const { warmMs, doneMs } = await child.done()
  await done
  await child.stop()
  await broker?.stop()
  return rateOf(startedMs, warmMs, WARM_UP, doneMs)
}

/** Observations a second that are derived again from the record, as `verify` and every start do it. */
async function rederivedRate(databaseUrl: string): Promise<number> {
  const { db } = openDatabase({ connectionString: databaseUrl })
  try {
    const settings = { ...DEFAULT_SETTINGS, thinRepeats: true }
    const start = performance.now()
    const reopened = await reopenLedger(db, settings, Number.POSITIVE_INFINITY)
    const seconds = (performance.now() - start) / 1000
    if (reopened === undefined || reopened.changes.length > 0) {
      throw new Error('the record tells another story than the saved ledger')
    }
    return reopened.observations / seconds
  } finally {
    await db.destroy()
  }
}

async function serviceRate(
  place: Place,
  tables: NetworkTables,
  switches: readonly string[],
  words: Words,
): Promise<{ live: Rate; rederivedPerS: number | null }> {
  const broker = place === 'mosquitto' ? await startBroker() : undefined
  const town = place === 'mosquitto' ? await openTown(tables) : undefined
  const child = await start(
    'serve',
    broker === undefined || town === undefined
      ? {
          DATABASE_URL: undefined,
          RELIGHT_DATA_DIR: await openTownFolder(tables),
          RELIGHT_MQTT_PORT: '0',
          PORT: '0',
        }
      : serviceEnv(town.url, broker.url),
  )
  const { startedMs, done } = await burstTo(broker?.url ?? child.mqtt, switches, words)
  let doneMs = startedMs
  let warm = { count: 0, ms: startedMs }
  for (let count = 0; count < BURST;) {
    await sleep(LOOK_EVERY_MS)
    count = await committed(child.url)
    doneMs = wallMs()
    if (warm.count === 0 && count >= WARM_UP) warm = { count, ms: doneMs }
    if (doneMs - startedMs > DRAIN_MS_MAX) throw new Error(`only ${count} of ${BURST} came in`)
  }
  await done
  await child.stop()
  await broker?.stop()
  const rederivedPerS = town === undefined ? null : await rederivedRate(town.url)
  await town?.drop()
  return { live: rateOf(startedMs, warm.ms, warm.count, doneMs), rederivedPerS }
}

/** Milliseconds from publishing to the word on a socket, one at a time at a quiet pace; the first warm up and are not counted. */
async function latencies(
  brokerUrl: string,
  socketUrl: string,
  token: string | undefined,
  switches: readonly string[],
  firstAt: number,
): Promise<number[]> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const socket = new WebSocket(`${socketUrl.replace('http', 'ws')}/live`, { headers })
  await once(socket, 'open')
  if (token !== undefined) {
    socket.send(JSON.stringify({ op: 'subscribe', topics: ['outages'] }))
    await once(socket, 'message')
  }
  const sentMs = new Map<string, number>()
  const took: number[] = []
  socket.on('message', (data: Buffer) => {
    const now = performance.now()
    const text = data.toString()
    // The instant that a word tells is what it is known by: here as it came, there as the beginning of an outage.
    const key = (/"startedAt":"([^"]+)"/.exec(text) ?? /"at":"([^"]+)"/.exec(text))?.[1] ?? ''
    const sent = sentMs.get(key)
    if (sent === undefined) return
    sentMs.delete(key)
    took.push(now - sent)
  })
  const client = await mqtt.connectAsync(brokerUrl, { protocolVersion: 4, reconnectPeriod: 0 })
  const startMs = performance.now()
  for (let i = 0; i < LATENCY_MESSAGES; i++) {
    const due = startMs + (i * 1000) / LATENCY_PER_S
    await sleep(Math.max(0, due - performance.now()))
    const at = new Date(firstAt + i * 7).toISOString()
    const position = i % 2 === 0 ? 'open' : 'closed'
    if (position === 'open') sentMs.set(at, performance.now())
    client.publish(
      `grid/v1/bench/switch/${switches[(i >> 1) % switches.length]}`,
      JSON.stringify({ at, seq: firstAt + i, position, quality: 'good' }),
      { qos: 1 },
    )
  }
  await until(() => sentMs.size === 0, 'every word reaches the socket')
  await client.endAsync()
  socket.terminate()
  return took.slice(LATENCY_WARM_UP)
}

async function benchLatency(tables: NetworkTables, switches: readonly string[]): Promise<void> {
  const broker = await startBroker()
  const town = await openTown(tables)
  const ours: number[] = []
  const bare: number[] = []
  const token = await issueToken(
    { role: 'dispatcher', subject: 'bench', servicePoints: [], ttlS: 3600 },
    SECRET,
    Date.now(),
  )
  // In turns, on one broker, never both at once.
  for (let round = 0; round < LATENCY_ROUNDS; round++) {
    const echo = await start('echo', { DATABASE_URL: town.url, MQTT_URL: broker.url })
    bare.push(...(await latencies(broker.url, echo.url, undefined, switches, Date.now())))
    await echo.stop()
    const fresh = await startBroker()
    const own = await openTown(tables)
    const service = await start('serve', serviceEnv(own.url, fresh.url))
    ours.push(...(await latencies(fresh.url, service.url, token, switches, Date.now())))
    await service.stop()
    await fresh.stop()
    await own.drop()
  }
  await town.drop()
  for (const [share, name, atMost] of [
    [0.5, 'p50', P50_RATIO_MAX],
    [0.99, 'p99', P99_RATIO_MAX],
  ] as const) {
    report({
      bench: BENCH,
      figure: `published to the dispatcher's socket, ${name} at ${LATENCY_PER_S}/s`,
      value: quantile(ours, share),
      unit: 'ms',
      peer: { name: 'bare MQTT, one commit, WebSocket echo', value: quantile(bare, share) },
      limit: { atMost },
    })
  }
}

async function main(): Promise<void> {
  if (NO_MOSQUITTO !== false) throw new Error(NO_MOSQUITTO)
  const tables = makeTown({ seed: 3, customers: CUSTOMERS })
  const fuses = tables.switches.filter((row) => row.kind === 'fuse' && row.normallyClosed)
  const switches = fuses.map((row) => row.id)
  if (messagesWithin(PAST_MS, switches.length) < BURST) {
    throw new Error(`${BURST} messages of ${switches.length} fuses reach into the future`)
  }
  const only = process.env['BENCH_ONLY']
  for (const [place, words, figure, atLeast] of FIGURES) {
    const name = place === 'embedded' ? `embedded-${words}` : words
    if (only !== undefined && only !== name) continue
    const ours: Rate[] = []
    const bare: Rate[] = []
    const rederived: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      bare.push(await peerRate(place, switches, words))
      const { live, rederivedPerS } = await serviceRate(place, tables, switches, words)
      ours.push(live)
      if (rederivedPerS !== null) rederived.push(rederivedPerS)
    }
    const ratios = (part: keyof Rate) =>
      ours.map((rate, i) => Number((rate[part] / (bare[i] as Rate)[part]).toFixed(3)))
    const live = median(ours.map((rate) => rate.warmPerS))
    report({
      bench: BENCH,
      figure: `durable, ${place}: ${figure}`,
      value: live,
      unit: '1/s',
      peer: {
        name: 'a subscriber that only acknowledges',
        value: median(bare.map((rate) => rate.warmPerS)),
      },
      limit: { atLeast },
      rounds: ratios('warmPerS'),
      fromCold: ratios('coldPerS'),
      fuses: switches.length,
      load: Number(os.loadavg()[0]?.toFixed(1)),
    })
    if (words === 'repeating' || rederived.length === 0) continue
    report({
      bench: BENCH,
      figure: 'derived again from the record, as verify does it',
      value: median(rederived),
      unit: '1/s',
      peer: { name: 'taken in live', value: live },
      limit: { atLeast: REDERIVED_RATIO_MIN },
    })
  }
  if (only === undefined || only === 'latency') await benchLatency(tables, switches)
}

// A child outlives nobody who started it.
process.on('disconnect', () => process.exit())

switch (process.env['ENGINE_ROLE']) {
  case 'serve':
    await serve()
    break
  case 'acknowledge':
    await acknowledge()
    break
  case 'echo':
    await echo()
    break
  case undefined:
  default:
    try {
      await main()
    } finally {
      for (const close of closers) await close()
    }
}
