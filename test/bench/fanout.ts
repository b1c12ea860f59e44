// One committed notice to all whom it concerns, beside a bare `ws` broadcast of the same bytes to as many sockets: two servers and two
// readers, each a process of its own, in turns within one run. One JSON line a figure; `ratio` is ours to bare.
//   node --import=tsx test/bench/fanout.ts [sockets] [rounds]
import { fork, type ChildProcess } from 'node:child_process'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { Registry } from 'prom-client'
import { WebSocketServer } from 'ws'
import { issueToken, openAuth } from '../../src/http/auth.ts'
import { buildServer } from '../../src/http/server.ts'
import { openRooms } from '../../src/live/rooms.ts'
import type { Notice } from '../../src/notices/notice.ts'
import { openDatabase } from '../../src/stores/database.ts'
import { report } from './figure.ts'

const SOCKETS = Number(process.argv[2] ?? 10_000)
const ROUNDS = Number(process.argv[3] ?? 9)
/** The limits of issue 6. */
const LAST_SOCKET_RATIO_MAX = 1.25
const MEMORY_RATIO_MAX = 1.5
const SLOW_RATIO_MAX = 1.1
const SLOW_SHARE = 0.2

const SECRET = 'the bench keeps its secrets to itself'
const POINTS_A_TOKEN = 2
const OPENING_AT_ONCE = 200
const wallMs = () => performance.timeOrigin + performance.now()

type Order =
  | { do: 'open'; port: number; sockets: number; topic: 'none' | 'outages' | 'points' }
  | { do: 'expect'; frames: number }
  | { do: 'pause'; sockets: number }
  | { do: 'send'; seq: number; kind: 'staff' | 'customer' }
  | { do: 'memory' }
type Told = {
  port?: number
  opened?: true
  lastMs?: number
  sentMs?: number
  cpuUs?: number
  rssBytes?: number
}

const noticeOf = (seq: number, kind: 'staff' | 'customer'): Notice => ({
  seq,
  at: Date.parse('2026-03-10T12:00:00Z'),
  audience: kind,
  kind: 'supplyLost',
  outage: 'B4711-20260310T120000Z',
  feeders: ['F12'],
  members: kind === 'staff' ? null : [...Array(SOCKETS)].map((_, point) => point * 8 + 7),
  data: {
    kind: 'supplyLost',
    outage: 'B4711-20260310T120000Z',
    startedAt: '2026-03-10T11:58:12.000Z',
    etr: null,
    customersOut: SOCKETS,
    text: {
      en: 'Your power went out at 12:58. We know about it; a crew is on its way. Next word by 13:30.',
      'zh-CN': '您的供电于 12:58 中断。我们已知悉,抢修人员正在赶往现场。13:30 前将再次通知。',
    },
  },
})

/** What one reader of each kind is sent: the bare server sends these very bytes. */
const frameBytes = (seq: number, kind: 'staff' | 'customer'): Buffer => {
  const { data, at } = noticeOf(seq, kind)
  const topic = kind === 'staff' ? 'outages' : 'servicePoint:P5000'
  const told = kind === 'staff' ? data : { ...data, servicePoints: ['P5000'] }
  return Buffer.from(
    JSON.stringify({
      v: 1,
      type: 'notice',
      seq,
      at: new Date(at).toISOString(),
      topic,
      data: told,
    }),
  )
}

function tell(told: Told): void {
  process.send?.(told)
}

async function timed(work: () => Promise<void> | void): Promise<void> {
  const cpu = process.cpuUsage()
  const sentMs = wallMs()
  await work()
  const used = process.cpuUsage(cpu)
  // What is written is not yet sent: the sockets' own work belongs to it.
  await sleep(50)
  const later = process.cpuUsage(cpu)
  tell({ sentMs, cpuUs: Math.max(used.user + used.system, later.user + later.system) })
}

const memory = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await sleep(100)
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  if (process.env['FANOUT_HEAP']) console.error(process.env['FANOUT_ROLE'], heapUsed, external)
  tell({ rssBytes: rss })
}

function serveBare(): void {
  const server: WebSocketServer = new WebSocketServer(
    { port: 0, host: '127.0.0.1', perMessageDeflate: false },
    () => tell({ port: (server.address() as AddressInfo).port }),
  )
  server.on('connection', (socket) => socket.on('message', () => undefined))
  process.on('message', (order: Order) => {
    if (order.do === 'memory') void memory()
    if (order.do !== 'send') return
    void timed(() => {
      const bytes = frameBytes(order.seq, order.kind)
      for (const socket of server.clients) socket.send(bytes, { binary: false })
    })
  })
}

/** The real server, door, rooms and all; only the database is not there, and is not asked. */
async function serveOurs(): Promise<void> {
  const clock = Date.now
  const metrics = new Registry()
  const { db } = openDatabase({ host: '127.0.0.1', port: 1 })
  const auth = openAuth({ settings: { kind: 'secret', secret: SECRET }, db, clock })
  const live = openRooms({
    db,
    clock,
    metrics,
    points: { groupOf: (point) => Number(point.slice(1)) * 8 + 7 },
    isRevoked: () => false,
  })
  const app = await buildServer({
    db,
    clock,
    auth,
    network: {
      current: () => null,
      asItStands: async () => null,
      refresh: async () => false,
      close: () => undefined,
    },
    live,
    act: undefined,
    engineUrl: undefined,
    health: () => ({ ready: true, reasons: [] }),
    metrics,
    settings: { timeZone: 'UTC', allowedOrigins: [] },
    logger: pino({ level: 'silent' }),
  })
  process.on('message', (order: Order) => {
    if (order.do === 'memory') void memory()
    if (order.do === 'send') void timed(() => live.deliver(noticeOf(order.seq, order.kind)))
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  tell({ port: (app.server.address() as AddressInfo).port })
}

/** Sockets as cheap as they can be, so that the reader is not what is measured. */
function read(): void {
  const sockets: net.Socket[] = []
  let frames = 0
  let wanted = Infinity
  const count = (): void => {
    if (++frames === wanted) tell({ lastMs: wallMs() })
  }

  async function open(port: number, first: number, count: number, topic: string): Promise<void> {
    const tokens: string[] = []
    for (let from = 0; from < count; from += POINTS_A_TOKEN) {
      tokens.push(
        await issueToken(
          {
            role: topic === 'outages' ? 'dispatcher' : 'customer',
            subject: `bench ${first + from}`,
            servicePoints:
              topic === 'points'
                ? [...Array(POINTS_A_TOKEN)].map((_, i) => `P${first + from + i}`)
                : [],
            ttlS: 3600,
          },
          SECRET,
          Date.now(),
        ),
      )
    }
    for (let next = 0; next < count; next += OPENING_AT_ONCE) {
      await Promise.all(
        [...Array(Math.min(OPENING_AT_ONCE, count - next))].map((_, i) => {
          const token = tokens[Math.floor((next + i) / POINTS_A_TOKEN)] ?? ''
          const name = topic === 'outages' ? 'outages' : `servicePoint:P${first + next + i}`
          return connect(port, token, topic === 'none' ? null : name)
        }),
      )
    }
  }

  function connect(port: number, token: string, topic: string | null): Promise<void> {
    return new Promise((ready, fail) => {
      const socket = net.connect(port, '127.0.0.1')
      sockets.push(socket)
      socket.on('error', fail)
      socket.write(
        `GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n` +
          `Authorization: Bearer ${token}\r\n\r\n`,
      )
      let text = ''
      const onHead = (chunk: Buffer): void => {
        text += chunk.toString('latin1')
        if (!text.includes('\r\n\r\n')) return
        if (!text.startsWith('HTTP/1.1 101')) fail(new Error(text.slice(0, 200)))
        socket.off('data', onHead)
        const follow = (): void => {
          follower(socket)
          ready()
        }
        if (topic === null) return follow()
        socket.write(masked(JSON.stringify({ op: 'subscribe', topics: [topic] })))
        socket.once('data', follow)
      }
      socket.on('data', onHead)
    })
  }

  function follower(socket: net.Socket): void {
    let missing = 0
    socket.on('data', (chunk: Buffer) => {
      let at = 0
      while (at < chunk.length) {
        if (missing > 0) {
          const step = Math.min(missing, chunk.length - at)
          missing -= step
          at += step
          if (missing === 0) count()
          continue
        }
        const short = (chunk[at + 1] as number) & 0x7f
        missing = short === 126 ? chunk.readUInt16BE(at + 2) : short
        at += short === 126 ? 4 : 2
      }
    })
  }

  process.on('message', (order: Order) => {
    if (order.do === 'expect') {
      frames = 0
      wanted = order.frames
    }
    if (order.do === 'pause') for (const socket of sockets.slice(0, order.sockets)) socket.pause()
    if (order.do !== 'open') return
    open(order.port, sockets.length, order.sockets, order.topic).then(
      () => tell({ opened: true }),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
}

function masked(text: string): Buffer {
  const payload = Buffer.from(text)
  const head =
    payload.length < 126
      ? [0x81, 0x80 | payload.length]
      : [0x81, 0xfe, payload.length >> 8, payload.length & 255]
  // A mask of zeros is a mask.
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload])
}

type Side = { name: string; server: ChildProcess; reader: ChildProcess; port: number }

async function main(): Promise<void> {
  const children: ChildProcess[] = []
  const start = (role: string): ChildProcess => {
    const child = fork(fileURLToPath(import.meta.url), [String(SOCKETS), String(ROUNDS)], {
      env: { ...process.env, FANOUT_ROLE: role },
      execArgv: [...process.execArgv, '--expose-gc'],
    })
    children.push(child)
    child.on('exit', (code) => code !== null && code > 0 && process.exit(code))
    return child
  }
  const heard = (child: ChildProcess, part: keyof Told): Promise<number> =>
    new Promise((resolve) => {
      const hear = (told: Told): void => {
        if (told[part] === undefined) return
        child.off('message', hear)
        resolve(Number(told[part]))
      }
      child.on('message', hear)
    })
  const ask = async (child: ChildProcess, order: Order, part: keyof Told): Promise<number> => {
    const answer = heard(child, part)
    child.send(order)
    return answer
  }
  const side = async (name: string): Promise<Side> => {
    const server = start(name)
    const port = await heard(server, 'port')
    return { name, server, reader: start('read'), port }
  }
  const connect = async ({ name, server, reader, port }: Side, topic: 'outages' | 'points') => {
    const before = await ask(server, { do: 'memory' }, 'rssBytes')
    const about = name === 'bare' ? 'none' : topic
    await ask(reader, { do: 'open', port, sockets: SOCKETS, topic: about }, 'opened')
    const after = await ask(server, { do: 'memory' }, 'rssBytes')
    return (after - before) / SOCKETS
  }
  let seq = 0
  const once = async ({ server, reader }: Side, kind: 'staff' | 'customer', readers = SOCKETS) => {
    reader.send({ do: 'expect', frames: readers } satisfies Order)
    const last = heard(reader, 'lastMs')
    const cpu = heard(server, 'cpuUs')
    const sent = await ask(server, { do: 'send', seq: ++seq, kind }, 'sentMs')
    return { ms: (await last) - sent, cpuUs: (await cpu) / readers }
  }
  const middle = (values: readonly number[]) =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
  const figure = (name: string, ours: number, bare: number, unit: string, max?: number): void => {
    report({
      bench: 'fanout',
      figure: name,
      value: ours,
      unit,
      peer: { name: 'bare', value: bare },
      ...(max === undefined ? {} : { limit: { atMost: max } }),
      sockets: SOCKETS,
    })
  }

  try {
    for (const [topic, kind] of [
      ['points', 'customer'],
      ['outages', 'staff'],
    ] as const) {
      const bare = await side('bare')
      const ours = await side('ours')
      const bareBytes = await connect(bare, topic)
      const oursBytes = await connect(ours, topic)
      const ms: [number[], number[]] = [[], []]
      const cpu: [number[], number[]] = [[], []]
      for (let round = -2; round < ROUNDS; round++) {
        for (const [i, which] of [bare, ours].entries()) {
          const { ms: took, cpuUs } = await once(which, kind)
          if (round < 0) continue
          ms[i as 0 | 1].push(took)
          cpu[i as 0 | 1].push(cpuUs)
        }
      }
      figure(
        `fanout ${kind}, published to last socket`,
        middle(ms[1]),
        middle(ms[0]),
        'ms',
        LAST_SOCKET_RATIO_MAX,
      )
      figure(`fanout ${kind}, server CPU a socket`, middle(cpu[1]), middle(cpu[0]), 'us')
      figure(
        `memory a socket, ${topic}`,
        oursBytes / 1024,
        bareBytes / 1024,
        'KiB',
        MEMORY_RATIO_MAX,
      )
      if (topic === 'points') {
        const paused = Math.floor(SOCKETS * SLOW_SHARE)
        const all = middle(ms[1]) / SOCKETS
        ours.reader.send({ do: 'pause', sockets: paused } satisfies Order)
        const slow: number[] = []
        for (let round = 0; round < ROUNDS; round++) {
          slow.push((await once(ours, kind, SOCKETS - paused)).ms / (SOCKETS - paused))
        }
        figure(
          '20 % slow readers, time a quick reader',
          middle(slow) * 1000,
          all * 1000,
          'us',
          SLOW_RATIO_MAX,
        )
      }
      for (const child of children.splice(0)) child.kill()
    }
  } finally {
    for (const child of children) child.kill()
  }
}

// A child outlives nobody who started it.
process.on('disconnect', () => process.exit())

switch (process.env['FANOUT_ROLE']) {
  case 'bare':
    serveBare()
    break
  case 'ours':
    await serveOurs()
    break
  case 'read':
    read()
    break
  case undefined:
  default:
    await main()
}
