import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import v8 from 'node:v8'
import vm from 'node:vm'
import pino from 'pino'
import t from 'tap'
import { WebSocket } from 'ws'
import { issueToken } from '../src/http/auth.ts'
import { MESSAGES_PER_WINDOW_MAX } from '../src/live/rooms.ts'
import { startService, type Role } from '../src/service.ts'
import { readSettings } from '../src/settings.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { openFront, openReader, tokenFor, TOWN } from './support/people.ts'
import { environmentOf, openGateway, openTestService, SECRET } from './support/service.ts'

v8.setFlagsFromString('--expose-gc')
const collectGarbage = vm.runInNewContext('gc') as () => void

const OPENING =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** What is refused, each in another place: by the route, the guard, the router, `ws`, and before any of them. */
const refusals = (good: string): [name: string, status: number, head: string][] => [
  ['no token', 401, `GET /live HTTP/1.1\r\nHost: x\r\n${OPENING}`],
  [
    'a bad token',
    401,
    `GET /live HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x.y.z\r\n${OPENING}`,
  ],
  ['an unknown ticket', 401, `GET /live?ticket=none HTTP/1.1\r\nHost: x\r\n${OPENING}`],
  [
    'a foreign origin',
    403,
    `GET /live HTTP/1.1\r\nHost: x\r\nOrigin: https://y.example\r\nAuthorization: Bearer ${good}\r\n${OPENING}`,
  ],
  ['a route that asks for a role', 400, `GET /api/v1/outages HTTP/1.1\r\nHost: x\r\n${OPENING}`],
  ['a route for anyone', 400, `GET /health/live HTTP/1.1\r\nHost: x\r\n${OPENING}`],
  ['no route', 404, `GET /nothing HTTP/1.1\r\nHost: x\r\n${OPENING}`],
  ['a path that cannot be read', 400, `GET /%zz HTTP/1.1\r\nHost: x\r\n${OPENING}`],
  [
    'an act with a body',
    400,
    `POST /api/v1/outages/x/note HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n${OPENING}`,
  ],
]

/** Sends a head over a connection of its own, and never closes it: the status, once the other side has ended it. */
async function knock(url: string, head: string): Promise<{ status: number; text: string }> {
  const socket = net.connect({ port: Number(new URL(url).port), host: '127.0.0.1' })
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => undefined)
  socket.write(`${head}\r\n`)
  const late = AbortSignal.timeout(20_000)
  try {
    await once(socket, 'close', { signal: late })
  } finally {
    socket.destroy()
  }
  const text = Buffer.concat(chunks).toString()
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text }
}

/** A number from the service's own metrics, over a connection that is not kept. */
async function measured(url: string, name: string): Promise<number> {
  const text = await new Promise<string>((resolve, reject) => {
    http
      .get(`${url}/metrics`, { agent: false }, (answer) => {
        let body = ''
        answer.on('data', (chunk) => (body += chunk)).on('end', () => resolve(body))
      })
      .on('error', reject)
  })
  const line = text.split('\n').find((one) => one.startsWith(`${name} `))
  return line === undefined ? 0 : Number(line.slice(name.length + 1))
}

async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`never: ${what}`)
    await sleep(50)
  }
}

const heapBytes = (): number => {
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}

/** A process of its own kind beside the test's engine, on the same database. */
async function openBeside(
  t: { teardown(fn: () => unknown): void },
  database: TestDatabase,
  role: Role,
  env: Record<string, string>,
  log: object[] = [],
) {
  const read = readSettings({ ...environmentOf(database), PORT: '0', ...env })
  if (!read.ok) throw new Error(JSON.stringify(read.faults))
  const write = (line: string): void => void log.push(JSON.parse(line) as object)
  const service = await startService(read.settings, role, pino({ level: 'info' }, { write }))
  t.teardown(() => service.close())
  return service
}

const customer = (subject: string, points: string[] = ['P1']): Promise<string> =>
  issueToken({ role: 'customer', subject, servicePoints: points, ttlS: 3600 }, SECRET, Date.now())

const listen = (url: string, token: string) =>
  openReader(
    new WebSocket(`${url.replace('http', 'ws')}/live`, {
      headers: { authorization: `Bearer ${token}` },
    }),
  )

t.test(
  'an opening that is refused is answered and its connection closed, wherever it is refused',
  async (t) => {
    const database = await openTestDatabase(t)
    const front = await openFront(t, database)
    const open = 'relight_http_connections'
    const before = await measured(front.url, open)
    for (const [name, status, head] of refusals(await tokenFor('customer', ['P1']))) {
      t.equal((await knock(front.url, head)).status, status, name)
    }
    t.equal(await measured(front.url, open), before, 'no connection is left')
  },
)

t.test(
  'limits on openings say which they are and when to try again, and are counted',
  async (t) => {
    const database = await openTestDatabase(t)
    const front = await openFront(t, database, {
      settings: { openingsPerAddressPerMin: 8 },
      socketsPerIdentity: 3,
    })
    const token = await tokenFor('customer', ['P1'])
    const readers: Awaited<ReturnType<typeof front.listen>>[] = []
    for (let i = 0; i < 3; i++) readers.push(await front.listen(token))
    t.same(
      readers.map((reader) => reader.refused()),
      [undefined, undefined, undefined],
    )
    const head = (bearer: string): string =>
      `GET /live HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bearer}\r\n${OPENING}`
    const full = await knock(front.url, head(token))
    t.equal(full.status, 429)
    t.match(full.text, /retry-after: 40\r\n/i)
    t.match(full.text, /"code":"too-many-requests"/)
    t.match(full.text, /"limit":"sockets-by-identity","retryAfterS":40/)
    t.match(full.text, /this identity has 3 sockets, and may have no more; try again in 40 s/)
    const other = await front.listen(await tokenFor('dispatcher'))
    t.equal(other.refused(), undefined, 'another identity has its place')
    readers[0]?.socket.close()
    await readers[0]?.until('the end', () => readers[0]?.ended() !== undefined)
    await until('the place is free', () => front.live.sockets() === 3)
    const again = await front.listen(token)
    t.equal(again.refused(), undefined, 'one that leaves makes place for another')

    t.equal((await knock(front.url, head('x.y.z'))).status, 401, 'a refused opening counts, too')
    t.equal((await knock(front.url, head('x.y.z'))).status, 401)
    const often = await knock(front.url, head(await tokenFor('planner')))
    t.equal(often.status, 429)
    t.match(often.text, /retry-after: \d+\r\n/i)
    t.match(often.text, /"limit":"openings-by-address","retryAfterS":\d+/)
    t.match(
      often.text,
      /more than 8 openings of sockets a minute from one address; try again in \d+ s/,
    )
    t.equal(
      (await front.ask('GET', '/api/v1/outages', await tokenFor('planner'))).status,
      200,
      'requests are counted apart',
    )
    const limited = (limit: string) =>
      measured(front.url, `relight_http_limited_total{limit="${limit}"}`)
    t.equal(await limited('sockets-by-identity'), 1)
    t.equal(await limited('openings-by-address'), 1)
    await again.settle()
  },
)

t.test('openings that come together get no more places than there are', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, { socketsPerIdentity: 5 })
  const token = await tokenFor('customer', ['P1'])
  const readers = await Promise.all([...Array(40)].map(() => front.listen(token)))
  await until('the others are gone', () => front.live.sockets() <= 5)
  const open = readers.filter(
    (reader) => reader.refused() === undefined && reader.ended() === undefined,
  )
  await sleep(100)
  t.equal(front.live.sockets(), 5)
  t.equal(open.filter((reader) => reader.ended() === undefined).length, 5)
})

t.test('frames that are refused are counted by reason, and a flood is cut off', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  const token = await tokenFor('customer', ['P1'])
  const reader = await front.listen(token)
  reader.say('{"op":')
  reader.say({ op: 'shout' })
  reader.say({ op: 'subscribe', topics: 'P1' })
  reader.socket.send(Buffer.from('{"op":"ping"}'), { binary: true })
  await reader.settle()
  const huge = await front.listen(token)
  huge.say('x'.repeat(70_000))
  await huge.until('the end', () => huge.ended() !== undefined)
  t.equal(huge.ended()?.code, 1009)
  const pinging = await front.listen(token)
  // Faster than the answers leave, `ws` itself hangs up.
  for (let i = 0; i < 2 * MESSAGES_PER_WINDOW_MAX && pinging.ended() === undefined; i++) {
    if (pinging.socket.readyState === WebSocket.OPEN) pinging.socket.ping()
    if (i % 4 === 0) await sleep(2)
  }
  await pinging.until('the end', () => pinging.ended() !== undefined)
  t.equal(pinging.ended()?.code, 1008, 'pings count like all frames')
  const refused = (reason: string) =>
    measured(front.url, `relight_live_refused_frames_total{reason="${reason}"}`)
  for (const reason of ['not-json', 'unknown-op', 'bad-field', 'not-text', 'too-large', 'too-many'])
    t.equal(await refused(reason), 1, reason)
  t.equal(await measured(front.url, 'relight_live_cut_total{why="flood"}'), 1)
  await reader.settle()
})

t.test(
  'refused openings by the thousand, floods of frames and slow openers: a customer gets their notice, and everything comes back',
  { timeout: 180_000 },
  async (t) => {
    const database = await openTestDatabase(t)
    const engine = await openTestService(t, database, { tables: TOWN, env: { NOTICE_HOLD_S: '0' } })
    const gateway = await openBeside(t, database, 'gateway', { RELIGHT_ENGINE_URL: engine.http })
    const field = await openGateway(t, engine.broker)
    const open = 'relight_http_connections'
    const heads = refusals(await customer('a stranger'))
    const storm = async (url: string, count: number): Promise<number> => {
      let wrong = 0
      for (let sent = 0; sent < count; sent += 100) {
        const some = await Promise.all(
          [...Array(100)].map(async (_, i) => {
            const [, status, head] = heads[i % heads.length] as (typeof heads)[number]
            return (await knock(url, head)).status === status
          }),
        )
        wrong += some.filter((right) => !right).length
      }
      return wrong
    }
    const processes = [engine.http, gateway.http]
    const readers = await Promise.all(
      processes.map(async (url) => {
        const reader = await listen(url, await customer(`the reader of ${url}`))
        await reader.subscribe(['servicePoint:P1'])
        return reader
      }),
    )
    // What is made once is made before anything is measured.
    for (const url of processes) await storm(url, 500)
    const before = await Promise.all(processes.map((url) => measured(url, open)))
    const heapBefore = heapBytes()

    const slow = processes.flatMap((url) =>
      [...Array(100)].map(() => {
        const socket = net.connect({ port: Number(new URL(url).port), host: '127.0.0.1' })
        socket.on('error', () => undefined).resume()
        socket.write('GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upg')
        return socket
      }),
    )
    t.teardown(() => slow.forEach((socket) => socket.destroy()))
    const floods = processes.map(async (url) => {
      const flooding = await listen(url, await customer(`a flood at ${url}`))
      const frame = `{"op":"subscribe","topics":["${'x'.repeat(20_000)}"]}`
      for (let i = 0; i < 2_000 && flooding.ended() === undefined; i++) {
        flooding.socket.send(frame, () => undefined)
        if (i % 50 === 0) await sleep(1)
      }
      await flooding.until('the end', () => flooding.ended() !== undefined)
      return flooding.ended()?.code
    })
    const refusing = Promise.all(processes.map((url) => storm(url, 1_000)))
    const startedAt = Date.now()
    await field.switch('H1', 'open', Date.now())
    const told = Promise.all(
      readers.map((reader) =>
        reader.until('the notice', () =>
          reader.notices().some(({ data }) => data.kind === 'supplyLost'),
        ),
      ),
    )
    await told
    const toldAfterMs = Date.now() - startedAt
    t.ok(toldAfterMs < 5_000, `told after ${toldAfterMs} ms, in the middle of it`)
    t.same(await refusing, [0, 0], '2,000 openings are refused, each as it should')
    t.same(await Promise.all(floods), [1008, 1008], 'whoever floods is cut off, and told why')
    await until('slow openers are let go', () => slow.every((socket) => socket.closed))
    for (const [i, url] of processes.entries()) {
      await until('connections are back', async () => (await measured(url, open)) <= before[i]!)
      t.equal(await measured(url, 'relight_live_sockets'), 1, 'the reader is still there')
      t.equal(await measured(url, 'relight_live_cut_total{why="flood"}'), 1)
    }
    await sleep(200)
    const grownBytes = heapBytes() - heapBefore
    t.ok(grownBytes < 4 * 1_048_576, `the heap has grown by ${grownBytes} bytes`)
    t.comment(`told after ${toldAfterMs} ms; heap +${Math.round(grownBytes / 1024)} KiB`)
    for (const reader of readers) {
      await reader.settle()
      t.equal(reader.notices().filter(({ data }) => data.kind === 'supplyLost').length, 1)
      t.equal(reader.ended(), undefined)
    }
  },
)

t.test('an engine that is away is said once, and its return once', async (t) => {
  const database = await openTestDatabase(t)
  const engine = await openFront(t, database, {
    act: async () => ({ outcome: 'unknown-outage' }),
  })
  const log: { msg?: string }[] = []
  const door = net.createServer((near) => {
    const far = net.connect(engine.port, '127.0.0.1')
    near.pipe(far).pipe(near)
    near.on('error', () => far.destroy()).on('close', () => far.destroy())
    far.on('error', () => near.destroy()).on('close', () => near.destroy())
    const shut = (): void => void near.destroy()
    shutters.add(shut)
    near.on('close', () => shutters.delete(shut))
  })
  const shutters = new Set<() => void>()
  t.teardown(() => door.close())
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  const { port } = door.address() as net.AddressInfo
  const gateway = await openBeside(
    t,
    database,
    'gateway',
    { RELIGHT_ENGINE_URL: `http://127.0.0.1:${port}` },
    log,
  )
  const token = await issueToken(
    { role: 'dispatcher', subject: 'd', servicePoints: [], ttlS: 3600 },
    SECRET,
    Date.now(),
  )
  const act = async (): Promise<number> => {
    const answer = await fetch(`${gateway.http}/api/v1/outages/x/note`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"text":"tree on line"}',
    })
    await answer.text()
    return answer.status
  }
  const said = (msg: string): number => log.filter((line) => line.msg === msg).length
  const away = 'engine does not answer'
  const back = 'engine answers again'
  for (let round = 1; round <= 2; round++) {
    t.not(await act(), 503)
    t.same([said(away), said(back)], [round - 1, round - 1])
    door.close()
    for (const shut of shutters) shut()
    for (let i = 0; i < 10; i++) t.equal(await act(), 503)
    t.same([said(away), said(back)], [round, round - 1])
    door.listen(port, '127.0.0.1')
    await once(door, 'listening')
    for (let i = 0; i < 5; i++) t.not(await act(), 503)
    t.same([said(away), said(back)], [round, round])
  }
})
