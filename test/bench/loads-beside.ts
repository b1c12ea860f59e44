// The outage path beside load messages: published → the dispatcher's socket, at a quiet pace, in turns without and with 100,000 load
// messages a minute, each a PUBLISH of its own with QoS 1 that is acknowledged when it is saved. One JSON line a figure; `limit` is the issue's.
//   DATABASE_URL=… node --import=tsx test/bench/loads-beside.ts [customers] [seconds a phase] [rounds]
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import mqtt from 'mqtt'
import pino from 'pino'
import { WebSocket } from 'ws'
import { makeTown } from '../../simulators/town.ts'
import { issueToken } from '../../src/http/auth.ts'
import { startService } from '../../src/service.ts'
import { readSettings } from '../../src/settings.ts'
import { openDatabase } from '../../src/stores/database.ts'
import { migrate } from '../../src/stores/migrate.ts'
import { saveRevision } from '../../src/stores/networks.ts'
import { until } from '../support/broker.ts'
import { quantile, report } from './figure.ts'
import { openScratchDatabase } from './scratch-database.ts'

const CUSTOMERS = Number(process.argv[2] ?? 60_000)
const PHASE_S = Number(process.argv[3] ?? 12)
const ROUNDS = Number(process.argv[4] ?? 2)
const LOADS_PER_MIN = 100_000
const P99_RATIO_MAX = 1.5
const WORDS_PER_S = 30
const WARM_UP_S = 2
/** Load messages go out in so many heaps a second, as devices that report on the same tick do. */
const HEAPS_PER_S = 10
const SECRET = 'the bench keeps its secrets to itself'

type Told =
  | { readonly http: string; readonly mqtt: string }
  | { readonly saved: number; readonly seconds: number }
const tell = (told: Told): void => void process.send?.(told)

async function serve(): Promise<void> {
  const read = readSettings(process.env)
  if (!read.ok) throw new Error(JSON.stringify(read.faults))
  const service = await startService(read.settings, 'all', pino({ level: 'error' }))
  process.on('message', () => void service.close().then(() => process.exit()))
  tell({ http: service.http, mqtt: service.mqtt as string })
}

/** Publishes loads at the pace until told to stop, then says how many were acknowledged, in how many seconds. */
async function publishLoads(): Promise<void> {
  const ids = JSON.parse(fs.readFileSync(process.env['BENCH_IDS'] as string, 'utf8')) as string[]
  const client = await mqtt.connectAsync(process.env['BENCH_MQTT'] as string, {
    protocolVersion: 4,
    reconnectPeriod: 0,
  })
  let [seq, acknowledged, running] = [0, 0, true]
  process.on('message', () => (running = false))
  const startMs = performance.now()
  for (let heap = 0; running; heap++) {
    await sleep(Math.max(0, startMs + (heap * 1000) / HEAPS_PER_S - performance.now()))
    const due = Math.floor(((heap + 1) * LOADS_PER_MIN) / 60 / HEAPS_PER_S)
    for (; seq < due; seq++) {
      const id = ids[seq % ids.length] as string
      const kw = 10 + (seq % 40)
      const said = { at: new Date().toISOString(), seq, kw, kvar: 3, amps: [20, 21, 22], kv: 0.4 }
      client.publish(`grid/v1/loads/load/${id}`, JSON.stringify(said), { qos: 1 }, (error) => {
        if (error == null) acknowledged++
      })
    }
  }
  await client.endAsync()
  tell({ saved: acknowledged, seconds: (performance.now() - startMs) / 1000 })
  process.exit()
}

const children: ChildProcess[] = []
function start(role: string, env: Record<string, string>): ChildProcess {
  const child = fork(fileURLToPath(import.meta.url), [], {
    env: { ...process.env, ...env, BESIDE_ROLE: role },
  })
  children.push(child)
  return child
}

async function hear<T extends Told>(child: ChildProcess): Promise<T> {
  const [told] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`a child ended with ${code}`))),
  ])
  return told as T
}

/** A fuse opens once in the whole run: again within the reclosing window it would be the same outage, and no news. */
let opened = 0

/** Milliseconds from publishing an opening to its word on the socket, for so many seconds. */
async function latencies(
  service: { http: string; mqtt: string },
  switches: readonly string[],
): Promise<number[]> {
  const token = await issueToken(
    { role: 'dispatcher', subject: 'bench', servicePoints: [], ttlS: 3600 },
    SECRET,
    Date.now(),
  )
  const socket = new WebSocket(`${service.http.replace('http', 'ws')}/live`, {
    headers: { authorization: `Bearer ${token}` },
  })
  await once(socket, 'open')
  socket.send(JSON.stringify({ op: 'subscribe', topics: ['outages'] }))
  await once(socket, 'message')
  const sentMs = new Map<string, number>()
  const took: number[] = []
  socket.on('message', (data: Buffer) => {
    const key = /"startedAt":"([^"]+)"/.exec(data.toString())?.[1] ?? ''
    const sent = sentMs.get(key)
    if (sent === undefined) return
    sentMs.delete(key)
    took.push(performance.now() - sent)
  })
  const client = await mqtt.connectAsync(service.mqtt, { protocolVersion: 4, reconnectPeriod: 0 })
  const startMs = performance.now()
  const firstAt = Date.now()
  const words = PHASE_S * WORDS_PER_S
  for (let i = 0; i < words; i++) {
    await sleep(Math.max(0, startMs + (i * 1000) / WORDS_PER_S - performance.now()))
    const at = new Date(firstAt + i * 7).toISOString()
    const position = i % 2 === 0 ? 'open' : 'closed'
    if (position === 'open') {
      sentMs.set(at, performance.now())
      opened++
    }
    const device = switches[opened - 1]
    if (device === undefined) throw new Error(`${switches.length} fuses are too few`)
    client.publish(
      `grid/v1/bench/switch/${device}`,
      JSON.stringify({ at, seq: firstAt + i, position, quality: 'good' }),
      { qos: 1 },
    )
  }
  await until(() => sentMs.size === 0, 'every word reaches the socket', 60_000)
  await client.endAsync()
  socket.terminate()
  return took.slice((WARM_UP_S * WORDS_PER_S) / 2)
}

async function main(): Promise<void> {
  const { url, drop } = await openScratchDatabase()
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-bench-'))
  try {
    const tables = makeTown({ seed: 5, customers: CUSTOMERS })
    const { db, pool } = openDatabase({ connectionString: url })
    await migrate(db, fileURLToPath(new URL('../../sql', import.meta.url)))
    await saveRevision(pool, tables, { validFrom: 0, importedAt: 0, format: 'folder', report: [] })
    const ids = tables.transformers.map((row) => row.id)
    const idsFile = path.join(folder, 'ids.json')
    fs.writeFileSync(idsFile, JSON.stringify(ids))
    const engine = start('serve', {
      DATABASE_URL: url,
      RELIGHT_AUTH_SECRET: SECRET,
      RELIGHT_DATA_DIR: folder,
      RELIGHT_MQTT_PORT: '0',
      PORT: '0',
    })
    const service = await hear<{ http: string; mqtt: string }>(engine)
    const fuses = tables.switches.filter((row) => row.kind === 'fuse' && row.normallyClosed)
    const switches = fuses.map((row) => row.id)
    const quiet: number[] = []
    const beside: number[] = []
    let [saved, seconds] = [0, 0]
    for (let round = 0; round < ROUNDS; round++) {
      quiet.push(...(await latencies(service, switches)))
      const loads = start('loads', { BENCH_IDS: idsFile, BENCH_MQTT: service.mqtt })
      await sleep(WARM_UP_S * 1000)
      beside.push(...(await latencies(service, switches)))
      loads.send('stop')
      const told = await hear<{ saved: number; seconds: number }>(loads)
      saved += told.saved
      seconds += told.seconds
    }
    const kept = await db
      .selectFrom('load_quarter')
      .select((sum) => sum.fn.sum<number>('readings').as('readings'))
      .executeTakeFirstOrThrow()
    if (kept.readings < saved) {
      throw new Error(`${saved} were acknowledged, and ${kept.readings} are kept`)
    }
    await db.destroy()
    report({
      bench: 'loads-beside',
      figure: 'load messages a minute, saved and acknowledged beside the outage path',
      value: (saved / seconds) * 60,
      unit: '1/min',
      peer: { name: 'asked for', value: LOADS_PER_MIN },
      limit: { atLeast: 0.95 },
      points: ids.length,
    })
    for (const [share, figure] of [
      [0.5, 'p50'],
      [0.99, 'p99'],
    ] as const) {
      report({
        bench: 'loads-beside',
        figure: `published to the dispatcher's socket beside the loads, ${figure}`,
        value: quantile(beside, share),
        unit: 'ms',
        peer: { name: 'the same without loads, in turns', value: quantile(quiet, share) },
        ...(share === 0.99 ? { limit: { atMost: P99_RATIO_MAX } } : {}),
        samples: beside.length,
        load: Number(os.loadavg()[0]?.toFixed(1)),
      })
    }
    engine.send('stop')
    await once(engine, 'exit')
  } finally {
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
    await drop()
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

process.on('disconnect', () => process.exit())

switch (process.env['BESIDE_ROLE']) {
  case 'serve':
    await serve()
    break
  case 'loads':
    await publishLoads()
    break
  case undefined:
  default:
    await main()
}
