import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import pino from 'pino'
import { WebSocket } from 'ws'
import type { NetworkTables } from '../../src/grid/tables.ts'
import { issueToken } from '../../src/http/auth.ts'
import { startService, type Service } from '../../src/service.ts'
import { readSettings } from '../../src/settings.ts'
import type { Role } from '../../src/stores/identity.ts'
import { saveRevision } from '../../src/stores/networks.ts'
import { startMosquitto } from './broker.ts'
import type { TestDatabase } from './database.ts'

export const SECRET = 'a secret that only this test knows, long enough'

export type TestService = Service & {
  /** Where devices connect. */
  readonly broker: string
  get<T>(path: string, role?: Role, servicePoints?: readonly string[]): Promise<T>
  post(path: string, body: unknown, role?: Role): Promise<Response>
  put(path: string, body: unknown, role?: Role): Promise<Response>
  token(role: Role, servicePoints?: readonly string[]): Promise<string>
}

/** An environment for a service or a command on a test database. */
export function environmentOf(database: TestDatabase): Record<string, string> {
  const { host, port, user, password, database: name } = database.config
  const url = new URL(`postgres://localhost/${name}`)
  url.username = user ?? 'postgres'
  if (typeof password === 'string') url.password = password
  if (host?.startsWith('/')) url.searchParams.set('host', host)
  else url.hostname = host ?? 'localhost'
  if (port !== undefined && !host?.startsWith('/')) url.port = String(port)
  return { DATABASE_URL: url.href, RELIGHT_AUTH_SECRET: SECRET }
}

/**
 * The whole service in this process, on a database of the test's own: its own broker, or with RELIGHT_TEST_MOSQUITTO=1 a Mosquitto of the
 * test's own. Closed when the test ends.
 */
export async function openTestService(
  test: { teardown(fn: () => unknown): void },
  database: TestDatabase,
  {
    tables,
    validFrom = 0,
    env = {},
  }: {
    readonly tables?: NetworkTables
    readonly validFrom?: number
    readonly env?: Readonly<Record<string, string>>
  } = {},
): Promise<TestService> {
  if (tables !== undefined) {
    const about = { validFrom, importedAt: validFrom, format: 'folder' as const, report: [] }
    await saveRevision(database.pool, tables, about)
  }
  const mosquitto =
    process.env['RELIGHT_TEST_MOSQUITTO'] === '1' ? await startMosquitto(test) : undefined
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-service-'))
  test.teardown(() => fs.rmSync(dataDir, { recursive: true, force: true }))
  const read = readSettings({
    ...environmentOf(database),
    ...(mosquitto === undefined ? {} : { MQTT_URL: mosquitto.url }),
    RELIGHT_MQTT_PORT: '0',
    RELIGHT_DATA_DIR: dataDir,
    PORT: '0',
    ...env,
  })
  if (!read.ok) throw new Error(JSON.stringify(read.faults))
  const service = await startService(
    read.settings,
    'all',
    pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'fatal' }),
  )
  test.teardown(() => service.close())
  const token = (role: Role, servicePoints: readonly string[] = []): Promise<string> =>
    issueToken({ role, subject: `test-${role}`, servicePoints, ttlS: 3600 }, SECRET, Date.now())
  const send = async (method: 'POST' | 'PUT', route: string, body: unknown, role: Role = 'admin') =>
    fetch(`${service.http}/api/v1/${route}`, {
      method,
      headers: {
        authorization: `Bearer ${await token(role)}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    })
  return {
    ...service,
    broker: service.mqtt as string,
    token,
    async get<T>(route: string, role: Role = 'admin', servicePoints: readonly string[] = []) {
      const authorization = `Bearer ${await token(role, servicePoints)}`
      const answer = await fetch(`${service.http}/api/v1/${route}`, { headers: { authorization } })
      if (!answer.ok) throw new Error(`${route}: ${answer.status} ${await answer.text()}`)
      return (await answer.json()) as T
    },
    post: (route, body, role) => send('POST', route, body, role),
    put: (route, body, role) => send('PUT', route, body, role),
  }
}

/** A gateway in the field that waits for each acknowledgement. */
export type Gateway = {
  readonly client: MqttClient
  switch(
    id: string,
    position: 'open' | 'closed',
    at: number,
    more?: Readonly<Record<string, unknown>>,
  ): Promise<void>
  publish(kind: string, id: string, payload: unknown): Promise<void>
}

export async function openGateway(
  test: { teardown(fn: () => unknown): void },
  url: string,
  name = 'gw',
): Promise<Gateway> {
  const client = await mqtt.connectAsync(url, { protocolVersion: 4, reconnectPeriod: 0 })
  test.teardown(() => client.endAsync(true))
  let seq = 0
  const publish = async (kind: string, id: string, payload: unknown): Promise<void> => {
    await client.publishAsync(`grid/v1/${name}/${kind}/${id}`, JSON.stringify(payload), { qos: 1 })
  }
  return {
    client,
    publish,
    switch: (id, position, at, more = {}) =>
      publish('switch', id, { at: new Date(at).toISOString(), seq: seq++, position, ...more }),
  }
}

export type Listener = {
  /** Every frame so far. */
  readonly frames: Record<string, unknown>[]
  /** Notices so far. */
  notices(): { seq: number; topic: string; data: Record<string, unknown> }[]
  close(): void
}

/** A socket that has subscribed. */
export async function listen(
  test: { teardown(fn: () => unknown): void },
  service: TestService,
  topics: readonly string[],
  {
    role = 'dispatcher',
    servicePoints = [],
    since,
  }: { role?: Role; servicePoints?: readonly string[]; since?: number } = {},
): Promise<Listener> {
  const socket = new WebSocket(`${service.http.replace('http', 'ws')}/live`, {
    headers: { authorization: `Bearer ${await service.token(role, servicePoints)}` },
  })
  test.teardown(() => socket.terminate())
  const frames: Record<string, unknown>[] = []
  const subscribed = new Promise<void>((resolve) => {
    socket.on('message', (bytes: Buffer) => {
      const frame = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>
      frames.push(frame)
      if (frame['type'] === 'subscribed') resolve()
    })
  })
  await once(socket, 'open')
  socket.send(
    JSON.stringify({ op: 'subscribe', topics, ...(since === undefined ? {} : { since }) }),
  )
  await subscribed
  return {
    frames,
    notices: () =>
      frames.filter((frame) => frame['type'] === 'notice') as ReturnType<Listener['notices']>,
    close: () => socket.close(),
  }
}
