import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import mqtt from 'mqtt'
import t from 'tap'
import { reopenLedger } from '../src/control-room/from-record.ts'
import { exportLedger } from '../src/ledger/export.ts'
import { DEFAULT_SETTINGS } from '../src/ledger/state.ts'
import { packageRoot } from '../src/root.ts'
import { saveRevision } from '../src/stores/networks.ts'
import { MS_PER_MIN } from '../src/time.ts'
import { makeTown } from '../simulators/town.ts'
import { startMosquitto, until } from './support/broker.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { environmentOf, openGateway, openTestService } from './support/service.ts'

const SEED = Number(process.env['CRASH_SEED'] ?? 1)
const KILLS = 4
const MESSAGES = 500

function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
}

const TOWN = makeTown({ seed: SEED, customers: 300 })

/** Openings and closings of random switches, some late, some of one phase. */
function words(next: () => number, count: number, from: number) {
  return Array.from({ length: count }, (_, seq) => {
    const device = TOWN.switches[Math.floor(next() * TOWN.switches.length)]
    const late = next() < 0.1 ? Math.floor(next() * 20) * MS_PER_MIN : 0
    return {
      id: device?.id as string,
      payload: {
        at: new Date(from + seq * 1000 - late).toISOString(),
        seq,
        position: next() < 0.5 ? 'open' : 'closed',
      },
    }
  })
}

t.test(
  `after any message, a service that died there opens with the ledger that it had (seed ${SEED})`,
  async (t) => {
    const database = await openTestDatabase(t)
    const service = await openTestService(t, database, { tables: TOWN })
    const gateway = await openGateway(t, service.broker)
    const next = random(SEED)
    const settings = { ...DEFAULT_SETTINGS, thinRepeats: true }
    let before = ''
    let moved = 0
    let astray = 0
    let published = 0
    for (const { id, payload } of words(next, 60, Date.now() - 60 * MS_PER_MIN)) {
      await gateway.publish('switch', id, payload)
      // A broker in between acknowledges before the service does.
      published++
      await until(async () => (await recorded(database.db)) === published, 'the word is on record')
      // Acknowledged: whoever opens the record now must find everything that follows from it.
      const reopened = await reopenLedger(database.db, settings, Number.POSITIVE_INFINITY)
      if (reopened === undefined) return t.fail('there is a network')
      if (reopened.changes.length > 0) astray++
      const now = exportLedger(reopened.ledger)
      if (now !== before) moved++
      before = now
    }
    t.equal(astray, 0, 'nothing saved differs from what follows from the record')
    t.ok(moved > 10, `the ledger moved ${moved} times`)
  },
)

async function recorded(db: TestDatabase['db']): Promise<number> {
  const { count } = await db
    .selectFrom('observation')
    .select((select) => select.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return count
}

type Child = { process: ChildProcess; mqtt: string; exited: Promise<unknown> }

async function startChild(env: Record<string, string>): Promise<Child> {
  const child = spawn(
    process.execPath,
    ['--import=tsx', path.join(packageRoot, 'src/main.ts'), 'serve'],
    { env: { ...process.env, ...env }, cwd: packageRoot, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const exited = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.includes('"msg":"ready"')) continue
    child.stdout.resume()
    return { process: child, mqtt: (JSON.parse(line) as { mqtt: string }).mqtt, exited }
  }
  throw new Error('the service ended before it was ready')
}

t.test(
  `kill -9 between any two messages: nothing acknowledged is lost, nothing counts twice (seed ${SEED})`,
  { timeout: 240_000 },
  async (t) => {
    const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-crash-'))
    t.teardown(() =>
      fs.rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 }),
    )
    const database = await openTestDatabase(t)
    const about = { validFrom: 0, importedAt: 0, format: 'town' as const, report: [] }
    await saveRevision(database.pool, TOWN, about)
    const mosquitto =
      process.env['RELIGHT_TEST_MOSQUITTO'] === '1' ? await startMosquitto(t) : undefined
    const env = {
      ...environmentOf(database),
      ...(mosquitto === undefined ? {} : { MQTT_URL: mosquitto.url }),
      RELIGHT_MQTT_PORT: '0',
      RELIGHT_DATA_DIR: dataDir,
      PORT: '0',
      LOG_LEVEL: 'info',
    }
    const next = random(SEED + 1)
    const all = words(next, MESSAGES, Date.now() - 60 * MS_PER_MIN)
    const unacknowledged = new Set(all)
    let service = await startChild(env)
    t.teardown(() => service.process.kill('SIGKILL'))
    for (let life = 0; life <= KILLS; life++) {
      const client = await mqtt.connectAsync(service.mqtt, {
        protocolVersion: 4,
        reconnectPeriod: 0,
      })
      const dieAfter = life === KILLS ? Infinity : Math.floor(next() * (MESSAGES / KILLS))
      let acknowledged = 0
      // A publish whose connection died is never answered.
      const gone = new Promise<never>((_, reject) => {
        client.once('close', () => reject(new Error('the connection died')))
      })
      gone.catch(() => undefined)
      // As a gateway with a buffer: what was not acknowledged is said again in the next life.
      await Promise.all(
        [...unacknowledged].map(async (word) => {
          try {
            await Promise.race([
              gone,
              client.publishAsync(`grid/v1/gw/switch/${word.id}`, JSON.stringify(word.payload), {
                qos: 1,
              }),
            ])
            unacknowledged.delete(word)
            acknowledged++
            if (acknowledged === dieAfter) service.process.kill('SIGKILL')
          } catch {
            // The connection died with the service.
          }
        }),
      )
      await client.endAsync(true).catch(() => undefined)
      if (life === KILLS) break
      service.process.kill('SIGKILL')
      await service.exited
      service = await startChild(env)
    }
    t.equal(unacknowledged.size, 0, 'everything was acknowledged in the end')
    // With a broker in between, what it has acknowledged may still be on its way to the service.
    for (let wait = 0; wait < 100; wait++) {
      const { count } = await database.db
        .selectFrom('observation')
        .select((select) => select.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      if (count === MESSAGES) break
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    service.process.kill('SIGTERM')
    const [code] = (await service.exited) as [number]
    t.equal(code, 0, 'SIGTERM ends it with 0')
    const { count } = await database.db
      .selectFrom('observation')
      .select((select) => select.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    t.equal(count, MESSAGES, 'every message is on record once')
    const verify = spawn(
      process.execPath,
      ['--import=tsx', path.join(packageRoot, 'src/main.ts'), 'verify'],
      { env: { ...process.env, ...env }, cwd: packageRoot, stdio: ['ignore', 'pipe', 'inherit'] },
    )
    let said = ''
    verify.stdout.on('data', (text) => (said += String(text)))
    const [verdict] = (await once(verify, 'exit')) as [number]
    t.equal(verdict, 0, `relight verify: ${said.slice(-400)}`)
  },
)
