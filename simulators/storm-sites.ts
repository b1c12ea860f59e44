import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'pg'

/** Where a storm is run: what the service stands on, and how to take it away for a while. */
export type Site = {
  readonly environment: Readonly<Record<string, string>>
  /** Undefined: the service's own broker, wherever it listens. */
  readonly mqttUrl: string | undefined
  /** The database goes away and comes back. */
  cutDatabase(): Promise<void>
  /** The broker ends in good order and comes back; undefined where it lives and dies with the service. */
  readonly restartBroker: (() => Promise<void>) | undefined
  /** Ends and removes all of it. */
  close(): Promise<void>
}

/** Nothing but the service: its packaged database and its broker, in a folder of its own. */
export async function embeddedSite(): Promise<Site> {
  const dir = mkdtempSync(join(tmpdir(), 'relight-storm-'))
  const dataDir = join(dir, 'data')
  const environment = {
    ...(await common()),
    RELIGHT_DATA_DIR: dataDir,
    // A fixed port: those who publish must find it again after a kill.
    RELIGHT_MQTT_PORT: String(await freePort()),
    DATABASE_URL: '',
    MQTT_URL: '',
  }
  return {
    environment,
    mqttUrl: undefined,
    restartBroker: undefined,
    async cutDatabase() {
      const file = join(dataDir, 'postgres', 'postmaster.pid')
      if (!existsSync(file)) return
      const pid = Number(readFileSync(file, 'utf8').split('\n')[0])
      if (pid > 1) process.kill(pid, 'SIGKILL')
    },
    async close() {
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

const MOSQUITTO = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto'].find((file) =>
  existsSync(file),
)
const BROKER_CONF = `
allow_anonymous true
persistence true
max_queued_messages 0
max_inflight_messages 1000
set_tcp_nodelay true
`

/** A database of its own on the server at `adminUrl`, and a Mosquitto of its own. */
export async function productionSite(adminUrl: string): Promise<Site> {
  if (MOSQUITTO === undefined) throw new Error('mosquitto is not installed')
  const program = MOSQUITTO
  const dir = mkdtempSync(join(tmpdir(), 'relight-storm-'))
  const port = await freePort()
  const conf = join(dir, 'mosquitto.conf')
  // As root Mosquitto would become another user, who could not read this folder.
  const user = process.getuid?.() === 0 ? 'user root\n' : ''
  writeFileSync(
    conf,
    `${user}listener ${port} 127.0.0.1\npersistence_location ${dir}/${BROKER_CONF}`,
  )
  let broker: ChildProcess
  const startBroker = async () => {
    broker = spawn(program, ['-c', conf], { stdio: 'ignore' })
    while (!(await isListening(port))) await sleep(20)
  }
  const stopBroker = () =>
    new Promise<void>((resolve) => {
      broker.once('exit', () => resolve())
      broker.kill('SIGTERM')
    })

  const name = `relight_storm_${randomBytes(4).toString('hex')}`
  const admin = new Pool({ connectionString: adminUrl, max: 1 })
  await admin.query(`create database ${name}`)
  await startBroker()
  const databaseUrl = new URL(adminUrl)
  databaseUrl.pathname = `/${name}`
  const mqttUrl = `mqtt://127.0.0.1:${port}`
  return {
    environment: { ...(await common()), DATABASE_URL: databaseUrl.href, MQTT_URL: mqttUrl },
    mqttUrl,
    async cutDatabase() {
      await admin.query(`alter database ${name} with allow_connections false`)
      await admin.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
        [name],
      )
      await sleep(500 + Math.random() * 2000)
      await admin.query(`alter database ${name} with allow_connections true`)
    },
    async restartBroker() {
      await stopBroker()
      await sleep(Math.random() * 1500)
      await startBroker()
    },
    async close() {
      await stopBroker()
      await admin.query(`drop database if exists ${name} with (force)`)
      await admin.end()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function common(): Promise<Record<string, string>> {
  return {
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'info',
    RELIGHT_TIME_ZONE: 'UTC',
    RELIGHT_AUTH_SECRET: randomBytes(32).toString('hex'),
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
    socket.once('connect', () => socket.end())
  })
}
