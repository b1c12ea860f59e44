import type { AddressInfo } from 'node:net'
import pino from 'pino'
import { Registry } from 'prom-client'
import { WebSocket } from 'ws'
import type { NetworkTables } from '../../src/grid/tables.ts'
import { issueToken, openAuth, type AuthSettings } from '../../src/http/auth.ts'
import { openNetworkInForce } from '../../src/http/network-in-force.ts'
import type { HttpParts, HttpSettings } from '../../src/http/parts.ts'
import { buildServer } from '../../src/http/server.ts'
import { openRooms } from '../../src/live/rooms.ts'
import { openStream } from '../../src/live/stream.ts'
import type { Notice } from '../../src/notices/notice.ts'
import type { Role } from '../../src/stores/identity.ts'
import { latestRevision, loadPointNumbers, saveRevision } from '../../src/stores/networks.ts'
import { toAppendNotices } from '../../src/stores/notices.ts'
import { runIn } from '../../src/stores/statement.ts'
import { openAnswers, type Document } from './answers.ts'
import type { TestDatabase } from './database.ts'

export const SECRET = 'a secret that only this test knows, long enough'
export const NOW = Date.parse('2026-03-10T12:00:00Z')

/**
 *   src ──[H1]── n1 ──[S1]── n2 ──[T]── n3 ──[H2]── src2        T is open: a tie
 *                P1:120 A    P2:3 ABC   P4:200
 *                            P3:80 ABC
 * Feeders F1 (head H1) and F2 (head H2); load points are the nodes n1, n2, n3 with the numbers 0, 1, 2.
 */
export const TOWN: NetworkTables = {
  sources: [
    { id: 'g1', node: 'src', phases: 7, ratedKva: null },
    { id: 'g2', node: 'src2', phases: 7, ratedKva: null },
  ],
  substations: [
    { id: 'W', name: 'West', area: 'west', lon: 10, lat: 50 },
    { id: 'E', name: 'East', area: 'east', lon: 11, lat: 50 },
  ],
  feeders: [
    { id: 'F1', name: 'Mill', substation: 'W', head: 'H1', ratedA: null, ratedKva: null },
    { id: 'F2', name: 'Quay', substation: 'E', head: 'H2', ratedA: null, ratedKva: null },
  ],
  nodes: ['src', 'n1', 'n2', 'n3', 'src2'].map((id, i) => ({
    id,
    kv: 10,
    lon: 10 + i / 100,
    lat: 50,
  })),
  switches: [
    ['H1', 'src', 'n1', true],
    ['S1', 'n1', 'n2', true],
    ['T', 'n2', 'n3', false],
    ['H2', 'src2', 'n3', true],
  ].map(([id, from, to, closed]) => ({
    id: id as string,
    from: from as string,
    to: to as string,
    kind: 'breaker' as const,
    phases: 7,
    normallyClosed: closed as boolean,
    ratedA: null,
    telemetered: true,
    name: null,
  })),
  lines: [],
  transformers: [],
  servicePoints: [
    ['P1', 'n1', 1, 120],
    ['P2', 'n2', 7, 3],
    ['P3', 'n2', 7, 80],
    ['P4', 'n3', 7, 200],
  ].map(([id, node, phases, customers]) => ({
    id: id as string,
    node: node as string,
    phases: phases as number,
    customers: customers as number,
    connectedKva: null,
    class: null,
    averageKw: null,
    peakKw: null,
    priority: null,
    lon: null,
    lat: null,
  })),
}
export const GROUP = { P1: 1, P2: 1 * 8 + 7, P3: 1 * 8 + 7, P4: 2 * 8 + 7 }

/** Everything towards people, over a database of the test's own: what one process has, without an engine unless `act` is given. */
export async function openFront(
  test: { teardown(fn: () => unknown): void },
  { db, pool, config }: TestDatabase,
  more: Partial<Pick<HttpParts, 'act' | 'announce' | 'engineUrl' | 'health'>> & {
    readonly settings?: Partial<HttpSettings>
    readonly auth?: AuthSettings
    /** As a gateway, which learns of notices through the database alone. */
    readonly follow?: boolean
    readonly socketsPerIdentity?: number
    readonly clock?: () => number
  } = {},
) {
  const clock = more.clock ?? (() => NOW)
  const logger = pino({ level: process.env['LOG_LEVEL'] ?? 'silent' })
  const metrics = new Registry()
  if ((await latestRevision(db)) === undefined) {
    const about = { validFrom: 0, importedAt: 0, format: 'folder', report: [] } as const
    await saveRevision(pool, TOWN, about)
    await db.transaction().execute((tx) => loadPointNumbers(tx, ['n1', 'n2', 'n3']))
  }
  const auth = openAuth({ settings: more.auth ?? { kind: 'secret', secret: SECRET }, db, clock })
  const network = await openNetworkInForce({
    db,
    clock,
    onChange: () => undefined,
  })
  const live = openRooms({
    db,
    clock,
    metrics,
    points: { groupOf: (id) => network.current()?.groupOf(id) ?? null },
    isRevoked: (identity) => auth.isRevoked(identity),
    socketsPerIdentity: more.socketsPerIdentity,
  })
  const stream = await openStream({
    db,
    rooms: live,
    logger,
    follow: more.follow === true ? config : null,
  })
  const app = await buildServer({
    db,
    clock,
    auth,
    network,
    live,
    act: more.act,
    ...(more.announce === undefined ? {} : { announce: more.announce }),
    engineUrl: more.engineUrl,
    health: more.health ?? (() => ({ ready: true, reasons: [] })),
    metrics,
    settings: { timeZone: 'Europe/Berlin', allowedOrigins: [], ...more.settings },
    logger,
  })
  let faultsOf: ReturnType<typeof openAnswers> | undefined
  const opened: WebSocket[] = []
  let closed = false
  async function close(): Promise<void> {
    if (closed) return
    closed = true
    await app.close()
    await stream.close()
    network.close()
    for (const socket of opened) socket.terminate()
  }
  test.teardown(close)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo

  return {
    app,
    live,
    stream,
    metrics,
    port,
    close,
    url: `http://127.0.0.1:${port}`,
    /** A request with a token of this role; the answer must be as the published description has it. */
    async ask(method: string, url: string, token?: string, payload?: object) {
      const answer = await app.inject({
        method: method as 'GET',
        url,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        ...(payload === undefined ? {} : { payload }),
      })
      const mediaType = String(answer.headers['content-type'] ?? '').replace(/;.*/, '')
      if (answer.headers['content-encoding'] === undefined) {
        faultsOf ??= openAnswers(app.swagger() as unknown as Document)
        const said = { status: answer.statusCode, mediaType, text: answer.body }
        const faults = faultsOf(method, url, said)
        if (faults.length > 0) throw new Error(`not as it is described: ${faults.join('; ')}`)
      }
      const isJson =
        /json/.test(String(answer.headers['content-type'])) &&
        answer.headers['content-encoding'] === undefined
      const json: Answer = isJson && answer.body !== '' ? answer.json() : undefined
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: json,
        text: answer.body,
      }
    },
    listen: (token: string, options: { query?: string; headers?: Record<string, string> } = {}) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/live${options.query ?? ''}`, {
        headers: {
          ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
          ...options.headers,
        },
      })
      opened.push(socket)
      return openReader(socket)
    },
  }
}

// Answers are looked into by tests that know what to expect.
// oxlint-disable-next-line typescript/no-explicit-any
export type Answer = any

export const tokenFor = (role: Role, servicePoints: readonly string[] = [], now = NOW) =>
  issueToken({ role, subject: `${role} of the test`, servicePoints, ttlS: 3600 }, SECRET, now)

/** A socket that keeps what it hears. */
export async function openReader(socket: WebSocket) {
  const frames: Answer[] = []
  const hooks = new Set<() => void>()
  let ended: { code: number; reason: string } | undefined
  let refused: number | undefined
  socket.on('message', (data) => {
    frames.push(JSON.parse((data as Buffer).toString()))
    for (const hook of hooks) hook()
  })
  await new Promise<void>((resolve) => {
    socket.on('open', resolve)
    socket.on('unexpected-response', (_request, response) => {
      refused = response.statusCode ?? 0
      response.destroy()
      resolve()
    })
    socket.on('error', () => resolve())
    socket.on('close', (code, reason) => {
      ended = { code, reason: String(reason) }
      for (const hook of hooks) hook()
      resolve()
    })
  })
  const until = (what: string, isThere: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        hooks.delete(look)
        reject(new Error(`${what} never came; heard ${JSON.stringify(frames).slice(0, 2000)}`))
      }, 10_000)
      function look(): void {
        if (!isThere()) return
        clearTimeout(timer)
        hooks.delete(look)
        resolve()
      }
      hooks.add(look)
      look()
    })
  return {
    socket,
    frames,
    refused: () => refused,
    ended: () => ended,
    until,
    notices: () => frames.filter((frame) => frame.type === 'notice'),
    say: (message: unknown) =>
      socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    /** Subscribes and waits for the answer. */
    async subscribe(topics: readonly string[], since?: number) {
      const before = frames.filter((frame) => frame.type === 'subscribed').length
      socket.send(
        JSON.stringify({ op: 'subscribe', topics, ...(since === undefined ? {} : { since }) }),
      )
      await until('subscribed', () => frames.filter((f) => f.type === 'subscribed').length > before)
    },
    /** Everything that was said to this socket before now has been heard when this resolves. */
    async settle() {
      const before = frames.filter((frame) => frame.type === 'pong').length
      socket.send('{"op":"ping"}')
      await until('pong', () => frames.filter((frame) => frame.type === 'pong').length > before)
    },
  }
}

export const notice = (seq: number, more: Partial<Notice> = {}): Notice => ({
  seq,
  at: NOW,
  audience: 'staff',
  kind: 'supplyLost',
  outage: 'o1',
  feeders: ['F1'],
  members: null,
  data: {
    kind: 'supplyLost',
    outage: 'o1',
    startedAt: '2026-03-10T11:00:00.000Z',
    etr: null,
    customersOut: 7,
    text: { en: `notice ${seq}`, 'zh-CN': `通知 ${seq}` },
  },
  ...more,
})

/** Commits notices as the engine does. */
export const commit = (db: TestDatabase['db'], notices: readonly Notice[]): Promise<void> =>
  db.transaction().execute((tx) => runIn(tx, toAppendNotices(notices)))
