// All sockets cut at once come back with the number of the last they heard, while notices go on: beside bare `ws`, which keeps a list and looks
// through it, in turns within one run. Each socket then has heard all that is its own, once, in order, or is counted. One JSON line a figure.
//   node --import=tsx test/bench/reconnect.ts [sockets] [rounds]
import { fork, type ChildProcess } from 'node:child_process'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocketServer, type WebSocket } from 'ws'
import { issueToken } from '../../src/http/auth.ts'
import type { Notice } from '../../src/notices/notice.ts'
import { median, report } from './figure.ts'
import { groupOf, SECRET, startLiveServer } from './live-server.ts'
import { openReader } from './raw-sockets.ts'

const SOCKETS = Number(process.argv[2] ?? 10_000)
const ROUNDS = Number(process.argv[3] ?? 3)
/** Of every so many points one is concerned by a notice, in turns. */
const EVERY = 20
const NOTICE_EVERY_MS = 50
const OPENING_AT_ONCE = 200
/** Notices that go on before the sockets are cut, so that each has heard of something, and while they are away. */
const STORM_BEFORE_MS = 1_500
const AWAY_MS = 500
const CAUGHT_UP_MS = 60_000
const TOKENS = 100

type Order = { do: 'open'; port: number } | { do: 'cut' | 'back' | 'check'; upTo: number } | Storm
type Storm = { do: 'storm'; on: boolean }
type Told = { port?: number; done?: number; faults?: Faults }
type Faults = { lost: number; doubled: number; foreign: number; resync: number; heard: number }

/** The points that a notice concerns: those whose number leaves the same rest. */
const isOf = (point: number, seq: number): boolean => point % EVERY === seq % EVERY
const pointsOf = (seq: number): number[] => {
  const points: number[] = []
  for (let point = seq % EVERY; point < SOCKETS; point += EVERY) points.push(point)
  return points
}
const noticeOf = (seq: number): Notice => ({
  seq,
  at: Date.parse('2026-03-10T12:00:00Z'),
  audience: 'customer',
  kind: 'supplyLost',
  outage: 'B4711-20260310T120000Z',
  feeders: ['F12'],
  members: pointsOf(seq).map((point) => groupOf(`P${point}`)),
  data: {
    kind: 'supplyLost',
    outage: 'B4711-20260310T120000Z',
    startedAt: '2026-03-10T11:58:12.000Z',
    etr: null,
    customersOut: 500,
    text: {
      en: 'Your power went out at 12:58. We know about it; a crew is on its way. Next word by 13:30.',
      'zh-CN': '您的供电于 12:58 中断。我们已知悉,抢修人员正在赶往现场。13:30 前将再次通知。',
    },
  },
})

const tell = (told: Told): void => void process.send?.(told)

/** Every so often a notice, from an order to begin until one to stop; told then: the number of the last. */
function onStorm(deliver: (seq: number) => void): void {
  let seq = 0
  let timer: NodeJS.Timeout | undefined
  process.on('message', (order: Order) => {
    if (order.do !== 'storm') return
    clearInterval(timer)
    if (order.on) timer = setInterval(() => deliver(++seq), NOTICE_EVERY_MS)
    else tell({ done: seq })
  })
}

function serveBare(): void {
  const server: WebSocketServer = new WebSocketServer(
    { port: 0, host: '127.0.0.1', perMessageDeflate: false },
    () => tell({ port: (server.address() as AddressInfo).port }),
  )
  const sent: { seq: number; bytes: Buffer }[] = []
  const sockets = new Map<number, WebSocket>()
  server.on('connection', (socket) =>
    socket.on('message', (text) => {
      const { topics, since = 0 } = JSON.parse((text as Buffer).toString()) as {
        topics: [string]
        since?: number
      }
      const point = Number(topics[0].replace('servicePoint:P', ''))
      sockets.set(point, socket)
      socket.send(JSON.stringify({ v: 1, type: 'subscribed', topics, seq: sent.length }))
      for (const { seq, bytes } of sent) {
        if (seq > since && isOf(point, seq)) socket.send(bytes, { binary: false })
      }
    }),
  )
  onStorm((seq) => {
    const { data, at } = noticeOf(seq)
    const topic = 'servicePoint:P5000'
    const told = { ...data, servicePoints: ['P5000'] }
    const when = new Date(at).toISOString()
    const bytes = Buffer.from(
      JSON.stringify({ v: 1, type: 'notice', seq, at: when, topic, data: told }),
    )
    sent.push({ seq, bytes })
    for (const point of pointsOf(seq)) sockets.get(point)?.send(bytes, { binary: false })
  })
}

async function serveOurs(): Promise<void> {
  const { live, port } = await startLiveServer()
  onStorm((seq) => live.deliver(noticeOf(seq)))
  tell({ port })
}

function read(): void {
  const sockets: Socket[] = []
  const heard: number[][] = Array.from({ length: SOCKETS }, () => [])
  let resync = 0
  let port = 0
  let tokens: string[] = []

  async function join(point: number): Promise<void> {
    const list = heard[point] as number[]
    const topics = [`servicePoint:P${point}`]
    const hello = { op: 'subscribe', topics, since: list.at(-1) ?? 0 }
    sockets[point] = await openReader(port, tokens[point % TOKENS] as string, hello, (start) => {
      const text = start.toString('latin1')
      const seq = /^\{"v":1,"type":"notice","seq":(\d+)/.exec(text)?.[1]
      if (seq !== undefined) list.push(Number(seq))
      else if (text.includes('"resync"')) resync++
    })
  }
  async function joinAll(): Promise<void> {
    for (let next = 0; next < SOCKETS; next += OPENING_AT_ONCE) {
      const many = Math.min(OPENING_AT_ONCE, SOCKETS - next)
      await Promise.all(Array.from({ length: many }, (_, i) => join(next + i)))
    }
  }
  async function open(to: number): Promise<void> {
    port = to
    tokens = await Promise.all(
      Array.from({ length: TOKENS }, (_, token) => {
        const points: string[] = []
        for (let point = token; point < SOCKETS; point += TOKENS) points.push(`P${point}`)
        const claims = { role: 'customer', subject: `bench ${token}`, ttlS: 3600 } as const
        return issueToken({ ...claims, servicePoints: points }, SECRET, Date.now())
      }),
    )
    await joinAll()
  }
  async function check(upTo: number): Promise<Faults> {
    const owed = (point: number): number[] =>
      Array.from({ length: upTo }, (_, i) => i + 1).filter((seq) => isOf(point, seq))
    const wanted = Array.from({ length: EVERY }, (_, rest) => owed(rest))
    const patience = Date.now() + CAUGHT_UP_MS
    const isBehind = (list: readonly number[], point: number): boolean =>
      list.length < (wanted[point % EVERY] as number[]).length
    while (heard.some(isBehind) && Date.now() < patience) await sleep(50)
    await sleep(500)
    const faults = { lost: 0, doubled: 0, foreign: 0, resync, heard: 0 }
    for (const [point, list] of heard.entries()) {
      const once = new Set(list)
      faults.heard += list.length
      faults.doubled += list.length - once.size
      faults.foreign += list.filter(
        (seq, i) => !isOf(point, seq) || seq < (list[i - 1] ?? 0),
      ).length
      faults.lost += (wanted[point % EVERY] as number[]).filter((seq) => !once.has(seq)).length
    }
    return faults
  }

  process.on('message', (order: Order) => {
    const work = async (): Promise<void> => {
      const began = performance.now()
      if (order.do === 'open') await open(order.port)
      if (order.do === 'cut') for (const socket of sockets) socket.destroy()
      if (order.do === 'back') await joinAll()
      if (order.do === 'check') tell({ faults: await check(order.upTo) })
      else tell({ done: performance.now() - began })
    }
    work().catch((error: unknown) => {
      console.error(error)
      process.exit(1)
    })
  })
}

async function main(): Promise<void> {
  const children: ChildProcess[] = []
  const start = (role: string): ChildProcess => {
    const child = fork(fileURLToPath(import.meta.url), [String(SOCKETS), String(ROUNDS)], {
      env: { ...process.env, RECONNECT_ROLE: role },
      execArgv: process.execArgv,
    })
    children.push(child)
    child.on('exit', (code) => code !== null && code > 0 && process.exit(code))
    return child
  }
  const heard = <K extends keyof Told>(
    child: ChildProcess,
    part: K,
  ): Promise<NonNullable<Told[K]>> =>
    new Promise((resolve) => {
      const hear = (told: Told): void => {
        const value = told[part]
        if (value === undefined) return
        child.off('message', hear)
        resolve(value)
      }
      child.on('message', hear)
    })
  const ask = (child: ChildProcess, order: Order): Promise<number> => {
    const answer = heard(child, 'done')
    child.send(order)
    return answer
  }
  const storm = (server: ChildProcess, on: boolean): void =>
    void server.send({ do: 'storm', on } satisfies Storm)

  try {
    const sides: { server: ChildProcess; reader: ChildProcess; took: number[] }[] = []
    for (const name of ['bare', 'ours']) {
      const server = start(name)
      const port = await heard(server, 'port')
      const reader = start('read')
      await ask(reader, { do: 'open', port })
      sides.push({ server, reader, took: [] })
    }
    const faults: Faults[] = []
    for (let round = 0; round < ROUNDS; round++) {
      for (const { server, reader, took } of sides) {
        storm(server, true)
        await sleep(STORM_BEFORE_MS)
        await ask(reader, { do: 'cut', upTo: 0 })
        await sleep(AWAY_MS)
        took.push(await ask(reader, { do: 'back', upTo: 0 }))
        const upTo = await ask(server, { do: 'storm', on: false })
        const found = heard(reader, 'faults')
        reader.send({ do: 'check', upTo } satisfies Order)
        if (server === sides[1]?.server) faults.push(await found)
        else await found
      }
    }
    const [bare, ours] = sides.map(({ took }) => median(took)) as [number, number]
    const last = faults.at(-1) as Faults
    const about = { bench: 'reconnect', sockets: SOCKETS }
    report({
      ...about,
      figure: 'all cut and back with `since` while notices go on, until the last is answered',
      value: ours,
      unit: 'ms',
      peer: { name: 'bare ws', value: bare },
    })
    for (const fault of ['lost', 'doubled', 'foreign', 'resync'] as const) {
      report({
        ...about,
        figure: `the same: notices ${fault}`,
        value: last[fault],
        unit: 'of all heard',
        limit: { atMost: 0 },
        heard: last.heard,
      })
    }
  } finally {
    for (const child of children) child.kill()
  }
}

// A child outlives nobody who started it.
process.on('disconnect', () => process.exit())

switch (process.env['RECONNECT_ROLE']) {
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
