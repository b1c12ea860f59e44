import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import { openEmbeddedBroker } from '../../src/feeds/embedded-broker.ts'
import type { Feed, FeedListener, TakeMessage } from '../../src/feeds/feed.ts'
import { openMqttSession } from '../../src/feeds/mqtt-session.ts'

type Teardown = { teardown(fn: () => unknown): void }

export type TestBroker = {
  readonly feed: Feed
  /** Where devices connect. */
  readonly url: string
  /** A gateway name of this test's own (the prefix of more, if one is not enough): on a shared broker the topics are shared too. */
  readonly gateway: string
}

/**
 * A broker, and the feed from it, closed when the test `t` ends. With MQTT_URL: a persistent session of its own on that broker, which
 * passes on only what gateways of this test say; with RELIGHT_TEST_MOSQUITTO=1: a session on a Mosquitto of its own; else the
 * broker in the process.
 */
export async function openTestBroker(
  test: Teardown,
  take: TakeMessage,
  { listener }: { readonly listener?: FeedListener } = {},
): Promise<TestBroker> {
  const gateway = `test-${randomUUID().slice(0, 8)}`
  const shared = process.env['MQTT_URL'] ?? ''
  const own = shared === '' && process.env['RELIGHT_TEST_MOSQUITTO'] === '1'
  if (shared === '' && !own) {
    const feed = await openEmbeddedBroker({ port: 0, ...(listener && { listener }) }, take)
    test.teardown(() => feed.close())
    return { feed, url: feed.url, gateway }
  }
  const url = own ? (await startMosquitto(test)).url : shared
  const clientId = `relight-${gateway}`
  const takeOwn: TakeMessage = (message) =>
    message.topic.startsWith(`grid/v1/${gateway}`) ? take(message) : message.acknowledge()
  const feed = openMqttSession({ url, clientId, ...(listener && { listener }) }, takeOwn)
  test.teardown(async () => {
    await feed.close()
    if (!own) await forgetSession(url, clientId)
  })
  await until(() => feed.connected(), 'the feed is connected')
  return { feed, url, gateway }
}

/** A session that nobody comes back to would collect messages for ever. */
async function forgetSession(url: string, clientId: string): Promise<void> {
  const client = await mqtt.connectAsync(url, { clientId, clean: true })
  await client.endAsync()
}

/** Waits for what must come; throws `what` after ten seconds. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 10_000,
): Promise<void> {
  const giveUpAt = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(`never: ${what}`)
    await sleep(5)
  }
}

export async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

// ── a Mosquitto of one's own

const MOSQUITTO = [
  '/usr/sbin/mosquitto',
  '/usr/local/sbin/mosquitto',
  '/opt/homebrew/sbin/mosquitto',
]

/** Why a test with the real Mosquitto is skipped, or false: `t.test(name, { skip: NO_MOSQUITTO }, …)`. */
export const NO_MOSQUITTO: string | false = MOSQUITTO.some((file) => fs.existsSync(file))
  ? false
  : 'mosquitto is not installed'

export type Mosquitto = {
  readonly url: string
  readonly dir: string
  /** TERM, or KILL for a crash; resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Again on the same port, with what it kept. */
  start(): Promise<void>
}

export type MosquittoOptions = {
  /** Lines of mosquitto.conf that replace the anonymous, forgetful default. `%DIR%` is a folder of its own. */
  readonly config?: string
  /** name → password, in `%DIR%/passwords`. */
  readonly accounts?: Readonly<Record<string, string>>
}

export async function startMosquitto(
  test: Teardown,
  { config = 'allow_anonymous true', accounts = {} }: MosquittoOptions = {},
): Promise<Mosquitto> {
  const program = MOSQUITTO.find((file) => fs.existsSync(file))
  if (program === undefined) throw new Error('mosquitto is not installed')
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-mosquitto-'))
  const port = await freePort()
  const passwords = path.join(dir, 'passwords')
  fs.writeFileSync(passwords, '', { mode: 0o600 })
  for (const [name, password] of Object.entries(accounts)) {
    spawnSync('mosquitto_passwd', ['-b', passwords, name, password])
  }
  const file = path.join(dir, 'mosquitto.conf')
  // As root Mosquitto becomes another user, who could not read this folder.
  const user = process.getuid?.() === 0 ? 'user root\n' : ''
  fs.writeFileSync(file, `${user}listener ${port} 127.0.0.1\n${config.replaceAll('%DIR%', dir)}\n`)
  let child: ChildProcess | undefined
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child?.once('exit', resolve))
    child.kill(signal)
    await gone
  }
  const start = async (): Promise<void> => {
    child = spawn(program, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr?.on('data', (data) => (said += String(data)))
    await until(async () => {
      if (child?.exitCode !== null) throw new Error(`mosquitto ended: ${said}`)
      return isListening(port)
    }, 'mosquitto listens')
  }
  test.teardown(async () => {
    await stop('SIGKILL')
    fs.rmSync(dir, { recursive: true, force: true })
  })
  await start()
  return { url: `mqtt://127.0.0.1:${port}`, dir, stop, start }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
