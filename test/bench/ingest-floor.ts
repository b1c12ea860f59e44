// What taking messages costs at least: a subscriber that only acknowledges, beside one that acknowledges after a bare batch
// commit (one insert of arrays, nothing derived), on the same broker with the same publishers, and beside one commit a message.
// One JSON line a figure; `ratio` is against acknowledging only, in the same run. Seconds: BENCH_S (default 4) a figure.
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool, PoolConfig } from 'pg'
import { decode } from '../../src/feeds/decode.ts'
import { openEmbeddedBroker } from '../../src/feeds/embedded-broker.ts'
import type { Feed, FieldMessage, TakeMessage } from '../../src/feeds/feed.ts'
import { openMqttSession } from '../../src/feeds/mqtt-session.ts'
import { openDatabase } from '../../src/stores/database.ts'
import { startEmbeddedPostgres } from '../../src/stores/embedded-postgres.ts'
import { NO_MOSQUITTO, startMosquitto, until } from '../support/broker.ts'
import { report } from './figure.ts'

const BENCH_MS = Number(process.env['BENCH_S'] ?? 4) * 1000
const PUBLISHERS = 4
const WINDOW = 1000
const ROUNDS = 2
const BATCH_MAX = 1000
const WARM_UP_MS = 500

type Commit = (batch: readonly FieldMessage[]) => Promise<void>
/** How a subscriber takes messages; `finish` lets go of what is left. */
type Taker = { readonly take: TakeMessage; counted(): number; finish(): void }

/**
 * Group commit: at once when idle, and while one is running the next is collected, up to `batchMax`. Without a commit it only
 * acknowledges.
 */
function openTaker(commit: Commit | null, batchMax: number): Taker {
  let waiting: FieldMessage[] = []
  let committing = false
  let finished = false
  let count = 0
  const acknowledge = (message: FieldMessage): void => {
    count++
    message.acknowledge()
  }
  const flush = async (commit: Commit): Promise<void> => {
    committing = true
    while (waiting.length > 0) {
      const batch = batchMax < waiting.length ? waiting.splice(0, batchMax) : waiting
      if (batch === waiting) waiting = []
      if (!finished) await commit(batch)
      for (const message of batch) acknowledge(message)
    }
    committing = false
  }
  return {
    counted: () => count,
    finish: () => (finished = true),
    take: (message) => {
      if (commit === null) return acknowledge(message)
      waiting.push(message)
      if (!committing) void flush(commit)
    },
  }
}

function storing(pool: Pool): Commit {
  const name = 'insert'
  const text = `insert into floor_event (point, seq, at, value)
    select * from unnest($1::text[], $2::bigint[], $3::float8[], $4::text[]) on conflict do nothing`
  return async (messages) => {
    const points: string[] = []
    const seqs: number[] = []
    const ats: number[] = []
    const values: string[] = []
    for (const { topic, payload } of messages) {
      for (const report of decode(topic, payload, 0).reports) {
        if (report.kind !== 'switch') continue
        points.push(report.point)
        seqs.push(report.seq)
        ats.push(report.at)
        values.push(report.position)
      }
    }
    await pool.query({ name, text, values: [points, seqs, ats, values] })
  }
}

// ── publishers of bytes: they must not be what is measured

/** QoS 1 publishes from one socket, WINDOW of them without a PUBACK; the answer stops it. */
function publish(port: number, gateway: string): () => void {
  const socket = net.connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  const name = Buffer.from(gateway)
  socket.write(
    Buffer.concat([
      Buffer.from([0x10, 12 + name.length, 0, 4]),
      Buffer.from('MQTT'),
      Buffer.from([4, 2, 0, 0, 0, name.length]),
      name,
    ]),
  )
  let sent = 0
  let confirmed = -1 // the answer to CONNECT is four bytes too
  let bytes = 0
  const send = (): void => {
    const packets: Buffer[] = []
    for (; sent - confirmed < WINDOW; sent++) {
      const topic = Buffer.from(`grid/v1/${gateway}/switch/S${sent % 997}`)
      const at = new Date(1_790_000_000_000 + sent).toISOString()
      const payload = Buffer.from(
        `{"at":"${at}","seq":${sent},"position":"${sent % 2 === 0 ? 'open' : 'closed'}","phases":"ABC","reason":"trip","quality":"good"}`,
      )
      const id = (sent % 65_535) + 1
      const length = 2 + topic.length + 2 + payload.length
      packets.push(
        Buffer.from([
          0x32,
          (length & 127) | 128,
          length >> 7,
          topic.length >> 8,
          topic.length & 255,
        ]),
        topic,
        Buffer.from([id >> 8, id & 255]),
        payload,
      )
    }
    if (packets.length > 0) socket.write(Buffer.concat(packets))
  }
  socket.on('error', () => undefined)
  socket.on('data', (data) => {
    bytes += data.length
    confirmed = (bytes >> 2) - 1
    send()
  })
  return () => void socket.destroy()
}

async function measure(feed: Feed, taker: Taker): Promise<number> {
  await until(() => feed.connected(), 'connected')
  const port = Number(new URL(feed.url).port)
  const gateways = Array.from({ length: PUBLISHERS }, (_, i) => `bench${i}`)
  const stops = gateways.map((gateway) => publish(port, gateway))
  await sleep(WARM_UP_MS)
  const from = taker.counted()
  const fromMs = performance.now()
  await sleep(BENCH_MS)
  const perS = ((taker.counted() - from) / (performance.now() - fromMs)) * 1000
  taker.finish()
  for (const stop of stops) stop()
  await feed.close()
  return perS
}

const closers: (() => unknown)[] = []
const scope = { teardown: (close: () => unknown) => void closers.unshift(close) }

/** DATABASE_URL, else an embedded server as the service has it (fsync on). */
async function openServer(): Promise<PoolConfig> {
  const url = process.env['DATABASE_URL'] ?? ''
  if (url !== '') return { connectionString: url }
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-bench-'))
  const server = await startEmbeddedPostgres({ dataDir })
  scope.teardown(async () => {
    await server.stop()
    fs.rmSync(dataDir, { recursive: true, force: true })
  })
  return server.config
}

const { db, pool } = openDatabase(await openServer())
await pool.query(
  'create table if not exists floor_event (point text, seq bigint, at float8, value text, primary key (point, seq, at))',
)
const store = storing(pool)
const takers: Record<string, () => Taker> = {
  'acknowledge-only': () => openTaker(null, 1),
  batch: () => openTaker(store, BATCH_MAX),
  single: () => openTaker(store, 1),
}

const feeds: Record<string, (take: TakeMessage) => Promise<Feed> | Feed> = {
  embedded: (take) => openEmbeddedBroker({ port: 0 }, take),
}
if (NO_MOSQUITTO === false) {
  const config = 'allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000'
  // A broker of its own each time: one that remembers the last session would collect messages for it.
  feeds['session'] = async (take) => {
    const { url } = await startMosquitto(scope, { config })
    return openMqttSession({ url, clientId: 'bench' }, take)
  }
}
for (const [name, open] of Object.entries(feeds)) {
  const best: Record<string, number> = {}
  // Interleaved: what else the machine does hits all of them.
  for (let round = 0; round < ROUNDS; round++) {
    for (const [kind, openOne] of Object.entries(takers)) {
      await pool.query('truncate floor_event')
      const taker = openOne()
      const perS = await measure(await open(taker.take), taker)
      best[kind] = Math.max(best[kind] ?? 0, perS)
    }
  }
  for (const [kind, perS] of Object.entries(best)) {
    report({
      bench: 'ingest-floor',
      figure: `${name}: ${kind}`,
      value: perS,
      unit: '1/s',
      peer: { name: 'acknowledge-only', value: best['acknowledge-only'] ?? perS },
    })
  }
}
await pool.query('drop table floor_event')
await db.destroy()
for (const close of closers) await close()
