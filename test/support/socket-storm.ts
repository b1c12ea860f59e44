import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import type { Pool } from 'pg'
import type { NetworkTables } from '../../src/grid/tables.ts'
import { issueToken } from '../../src/http/auth.ts'
import type { Role } from '../../src/stores/identity.ts'
import { saveRevision } from '../../src/stores/networks.ts'
import { serviceProcess, type ServiceProcess } from '../../simulators/storm-service.ts'
import { makeTown } from '../../simulators/town.ts'
import { freePort, NO_MOSQUITTO, startMosquitto, until } from './broker.ts'
import { buildService } from './built-service.ts'
import { openCuttable } from './cuttable.ts'
import type { TestDatabase } from './database.ts'
import { openLiveReader, type LiveReader } from './live-reader.ts'
import { compareWithRecord, lastHeard } from './notice-oracle.ts'
import { seeded } from './seeded.ts'
import { SECRET } from './service.ts'

/** What is taken away while notices are told. */
export const BLOWS = [
  'engine killed',
  'gateway killed',
  'gateway stopped',
  'broker killed',
  'broker stopped',
  'way to the database cut',
  'database killed',
] as const
export type Blow = (typeof BLOWS)[number]

export type SocketStorm = {
  readonly seed: number
  /** One after the other; gateways join, and none leaves for good. */
  readonly rounds: readonly { readonly gateways: number; readonly blows: readonly Blow[] }[]
  /** Notices that are heard between one blow and the next. */
  readonly noticesBetween: number
  readonly readers: number
  readonly say: (line: string) => void
}

export type SocketStormOutcome = {
  /** What differs from the promises of the contract; empty when nothing does. */
  readonly differences: readonly string[]
  readonly notices: number
  readonly heard: number
  readonly sockets: number
  readonly resyncs: number
  readonly byes: number
  readonly refusals: number
}

type Teardown = { teardown(fn: () => unknown): void }

const NEXT_WITHIN_MS = 60_000
const PACE_MS = 30
const AWAY_MS_MAX = 1500

/**
 * One engine and gateways as processes of their own, as in docker-compose.yml; a field that publishes, people who act, and readers that
 * move between the gateways, while one after the other is taken away.
 */
export async function runSocketStorm(
  test: Teardown,
  database: TestDatabase,
  storm: SocketStorm,
): Promise<SocketStormOutcome> {
  const random = seeded(storm.seed)
  const town = makeTown({ seed: storm.seed, customers: 300, customersPerFeeder: 100 })
  await saveRevision(database.pool, town, {
    validFrom: 0,
    importedAt: 0,
    format: 'town',
    report: [],
  })
  const ground = await openGround(test, database)
  await ground.engine.start()
  await ground.join(storm.rounds[0]?.gateways ?? 1)
  storm.say('an engine and its first gateway are ready')

  const field = openField(ground.brokerUrl, town, random)
  const people = openPeople(ground.ports, random)
  const readers = await openReaders(storm.readers, town, ground.ports, random)
  let stopped = false
  const stop = async (): Promise<void> => {
    if (stopped) return
    stopped = true
    await Promise.all([field.stop(), people.stop(), ...readers.map((reader) => reader.stop())])
  }
  test.teardown(stop)

  const more = async (after: string): Promise<void> => {
    const from = lastHeard(readers)
    await until(
      () => lastHeard(readers) >= from + storm.noticesBetween,
      `${storm.noticesBetween} more notices after: ${after}`,
      NEXT_WITHIN_MS,
    )
  }
  await more('the start')
  for (const { gateways, blows } of storm.rounds) {
    await ground.join(gateways)
    for (const blow of blows) {
      storm.say(`${gateways} gateways, ${lastHeard(readers)} heard: ${blow}`)
      await ground.strike(blow, random)
      await more(blow)
    }
  }

  await field.stop()
  await people.stop()
  // Everyone is given what is still theirs; who is not given it is named.
  let differences = await compareWithRecord(database.pool, town, readers)
  const giveUpAt = performance.now() + NEXT_WITHIN_MS
  let settled = await lastCommitted(database.pool)
  for (let quiet = 0; quiet < 3 && performance.now() < giveUpAt;) {
    await sleep(200)
    differences = await compareWithRecord(database.pool, town, readers)
    const last = await lastCommitted(database.pool)
    quiet = last === settled && differences.length === 0 ? quiet + 1 : 0
    settled = last
  }
  await stop()
  const sum = (of: (reader: LiveReader) => number): number =>
    readers.reduce((total, reader) => total + of(reader), 0)
  const { rows } = await database.pool.query<{ count: number }>(
    'select count(*) as count from notice',
  )
  return {
    differences: [...ground.deaths, ...differences],
    notices: rows[0]?.count ?? 0,
    heard: sum(({ heard }) => heard.length),
    sockets: sum(({ counted }) => counted.sockets),
    resyncs: sum(({ counted }) => counted.resyncs),
    byes: sum(({ counted }) => counted.byes),
    refusals: sum(({ counted }) => counted.refusals),
  }
}

async function lastCommitted(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ seq: number }>('select max(seq) as seq from notice')
  return rows[0]?.seq ?? 0
}

type Ground = {
  readonly engine: ServiceProcess
  /** Of the gateways; those who join are added. */
  readonly ports: readonly number[]
  readonly brokerUrl: string
  /** Who ended without being told to. */
  readonly deaths: readonly string[]
  /** As many gateways as that, all of them ready. */
  join(gateways: number): Promise<void>
  /** Takes it away and brings it back. */
  strike(blow: Blow, random: () => number): Promise<void>
}

async function openGround(test: Teardown, database: TestDatabase): Promise<Ground> {
  const main = await buildService(test)
  const { host, port = 5432, user, password, database: name } = database.config
  const way = await openCuttable(
    host?.startsWith('/') === true
      ? { path: path.join(host, `.s.PGSQL.${port}`) }
      : { host: host ?? '127.0.0.1', port },
  )
  test.teardown(() => way.close())
  const url = new URL(`postgres://127.0.0.1:${way.port}/${name}`)
  url.username = user ?? 'postgres'
  if (typeof password === 'string') url.password = password
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relight-sockets-'))
  test.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const mosquitto =
    NO_MOSQUITTO === false
      ? await startMosquitto(test, {
          config:
            'allow_anonymous true\npersistence true\npersistence_location %DIR%/\nmax_queued_messages 0',
        })
      : undefined
  const brokerPort = mosquitto === undefined ? await freePort() : 0
  const enginePort = await freePort()
  const environment = {
    DATABASE_URL: url.href,
    RELIGHT_AUTH_SECRET: SECRET,
    RELIGHT_DATA_DIR: dir,
    MQTT_URL: mosquitto?.url ?? '',
    RELIGHT_MQTT_PORT: String(brokerPort),
    RELIGHT_ENGINE_URL: `http://127.0.0.1:${enginePort}`,
    NOTICE_HOLD_S: '0',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
  }
  const deaths: string[] = []
  const open = (role: 'engine' | 'gateway', httpPort: number): ServiceProcess => {
    const child = serviceProcess({
      role,
      environment: { ...environment, PORT: String(httpPort) },
      main,
      logFile: process.env['SOCKETS_LOG'],
      onDeath: (lastWords) => deaths.push(`${role}: ${lastWords}`),
    })
    test.teardown(() => child.end())
    return child
  }
  const engine = open('engine', enginePort)
  const gateways: ServiceProcess[] = []
  const ports: number[] = []
  const killDatabase = await databaseKiller(database.pool)

  return {
    engine,
    ports,
    brokerUrl: mosquitto?.url ?? `mqtt://127.0.0.1:${brokerPort}`,
    deaths,
    async join(count) {
      const joining: Promise<void>[] = []
      while (gateways.length < count) {
        const httpPort = await freePort()
        const gateway = open('gateway', httpPort)
        gateways.push(gateway)
        joining.push(gateway.start().then(() => void ports.push(httpPort)))
      }
      await Promise.all(joining)
    },
    async strike(blow, random) {
      const gateway = gateways[Math.floor(random() * gateways.length)]
      const away = (): Promise<void> => sleep(random() * AWAY_MS_MAX)
      switch (blow) {
        case 'engine killed':
          await engine.kill()
          await engine.start()
          break
        case 'gateway killed':
          await gateway?.kill()
          await gateway?.start()
          break
        case 'gateway stopped': {
          const code = await gateway?.stop()
          if (code !== 0) deaths.push(`on SIGTERM a gateway ended with ${code}`)
          await gateway?.start()
          break
        }
        case 'broker killed':
        case 'broker stopped':
          // Without a Mosquitto the broker lives and dies with the engine.
          await mosquitto?.stop(blow === 'broker killed' ? 'SIGKILL' : 'SIGTERM')
          await away()
          await mosquitto?.start()
          break
        case 'way to the database cut':
          await way.cut()
          await away()
          await way.mend()
          break
        case 'database killed':
          if (killDatabase !== undefined) await killDatabase()
          break
      }
    },
  }
}

/** kill -9 of a server that is ours and starts again by itself; undefined where it is somebody else's. */
async function databaseKiller(pool: Pool): Promise<(() => Promise<void>) | undefined> {
  if ((process.env['DATABASE_URL'] ?? '') !== '') return undefined
  const { rows } = await pool.query<{ data_directory: string }>('show data_directory')
  const file = path.join(rows[0]?.data_directory ?? '', 'postmaster.pid')
  return async () => {
    const pid = existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0
    if (pid > 1) process.kill(pid, 'SIGKILL')
    await until(
      async () => {
        try {
          await pool.query('select 1')
          return true
        } catch {
          return false
        }
      },
      'the database is back',
      30_000,
    )
  }
}

/** Switches of the town open and close, for as long as it is not stopped; what the broker does not take is lost. */
function openField(url: string, town: NetworkTables, random: () => number) {
  const { hostname, port } = new URL(url)
  const client = new mqtt.MqttClient(() => net.connect(Number(port), hostname), {
    clientId: 'field',
    protocolVersion: 4,
    reconnectPeriod: 100,
    queueQoSZero: false,
  })
  client.on('error', () => undefined)
  const open = new Set<string>()
  let seq = 0
  let stopped = false
  const running = (async () => {
    while (!stopped) {
      await sleep(PACE_MS)
      if (!client.connected) continue
      const device = town.switches[Math.floor(random() * town.switches.length)]
      if (device === undefined) continue
      const position = open.has(device.id) ? 'closed' : 'open'
      if (position === 'open') open.add(device.id)
      else open.delete(device.id)
      const payload = { at: new Date().toISOString(), seq: seq++, position }
      // A word that was lost makes the next one a repeat, no more.
      client.publish(`grid/v1/field/switch/${device.id}`, JSON.stringify(payload), { qos: 1 })
    }
    await client.endAsync(true)
  })()
  return {
    async stop() {
      stopped = true
      await running
    },
  }
}

/** Dispatchers give estimates, through whichever gateway answers. */
function openPeople(ports: readonly number[], random: () => number) {
  let stopped = false
  const stopping = new AbortController()
  const running = (async () => {
    const authorization = `Bearer ${await tokenOf('dispatcher', [])}`
    while (!stopped) {
      await sleep(PACE_MS * 10)
      const port = ports[Math.floor(random() * ports.length)] as number
      const api = `http://127.0.0.1:${port}/api/v1/outages`
      try {
        const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(5_000)])
        const list = await fetch(`${api}?state=active`, { headers: { authorization }, signal })
        const { outages = [] } = (await list.json()) as { outages?: { id: string }[] }
        const outage = outages[Math.floor(random() * outages.length)]
        if (outage === undefined) continue
        const at = Date.now() + (1 + random() * 5) * 3_600_000
        await fetch(`${api}/${encodeURIComponent(outage.id)}/etr`, {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body: JSON.stringify({ at: new Date(at).toISOString() }),
          signal,
        })
      } catch {
        // Whoever was to answer is away.
      }
    }
  })()
  return {
    async stop() {
      stopped = true
      stopping.abort()
      await running
    },
  }
}

const tokenOf = (role: Role, servicePoints: readonly string[]): Promise<string> =>
  issueToken(
    { role, subject: `${role} of the storm`, servicePoints, ttlS: 36_000 },
    SECRET,
    Date.now(),
  )

/** Staff of several kinds first, then customers with a few points each, who all ask for a neighbour's as well. */
async function openReaders(
  count: number,
  town: NetworkTables,
  ports: readonly number[],
  random: () => number,
): Promise<LiveReader[]> {
  const point = (): string =>
    town.servicePoints[Math.floor(random() * town.servicePoints.length)]?.id as string
  const feeders = town.feeders.map(({ id }) => `feeder:${id}`)
  const readers: LiveReader[] = []
  for (let i = 0; i < count; i++) {
    const points = Array.from({ length: 1 + Math.floor(random() * 3) }, point)
    const own = [...new Set(points)].map((id) => `servicePoint:${id}`)
    const neighbours = [0, 1].map(point).filter((id) => !points.includes(id))
    const theirs = neighbours.map((id) => `servicePoint:${id}`)
    const [role, topics, foreign] =
      (
        [
          ['dispatcher', ['outages'], []],
          ['dispatcher', [...feeders.slice(0, 2), ...own], []],
          ['planner', ['public', 'load', ...feeders.slice(-1)], own],
        ] as const
      )[i] ??
      (['customer', i % 2 === 0 ? own : [...own, 'public'], ['outages', ...theirs]] as const)
    const token = await tokenOf(role, role === 'customer' ? points : [])
    const plan = { name: `${role} ${i}`, token, topics, foreign }
    readers.push(openLiveReader(plan, { ports, random, leavesAfter: 40 }))
  }
  return readers
}
