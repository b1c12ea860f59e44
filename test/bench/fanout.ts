// One committed notice to all whom it concerns, beside a bare `ws` broadcast of the same bytes to as many sockets: two servers and two
// readers, each a process of its own, in turns within one run. One JSON line a figure; `ratio` is ours to bare.
//   node --import=tsx test/bench/fanout.ts [sockets] [rounds]
import { fork, type ChildProcess } from 'node:child_process'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import { issueToken } from '../../src/http/auth.ts'
import type { Notice } from '../../src/notices/notice.ts'
import { report } from './figure.ts'
import { groupOf, SECRET, startLiveServer } from './live-server.ts'
import { openReader } from './raw-sockets.ts'

const SOCKETS = Number(process.argv[2] ?? 10_000)
const ROUNDS = Number(process.argv[3] ?? 9)
/** The limits of issue 6. */
const LAST_SOCKET_RATIO_MAX = 1.25
const MEMORY_RATIO_MAX = 1.5
const SLOW_RATIO_MAX = 1.1
const SLOW_SHARE = 0.2
/** What the first sockets cost once (code, pools, a heap that grows) is not what a socket costs. */
const WARM_SHARE = 0.3

const POINTS_A_TOKEN = 2
const OPENING_AT_ONCE = 200
/** What the slow ones were sent is taken before the next round. */
const SETTLE_MS = 300
const wallMs = () => performance.timeOrigin + performance.now()

type Order =
  | { do: 'open'; port: number; sockets: number; topic: 'none' | 'outages' | 'points' }
  /** Frames of the sockets from the `after`-th on. */
  | { do: 'expect'; frames: number; after: number }
  | { do: 'pause' | 'resume'; sockets: number }
  | { do: 'send'; seq: number; kind: 'staff' | 'customer' }
  | { do: 'memory' }
type Told = {
  port?: number
  opened?: true
  lastMs?: number
  sentMs?: number
  cpuUs?: number
  rssBytes?: number
  heapBytes?: number
}

const noticeOf = (seq: number, kind: 'staff' | 'customer'): Notice => ({
  seq,
  at: Date.parse('2026-03-10T12:00:00Z'),
  audience: kind,
  kind: 'supplyLost',
  outage: 'B4711-20260310T120000Z',
  feeders: ['F12'],
  members: kind === 'staff' ? null : [...Array(SOCKETS)].map((_, i) => groupOf(`P${i}`)),
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
  tell({ rssBytes: rss, heapBytes: heapUsed + external })
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

async function serveOurs(): Promise<void> {
  const { live, port } = await startLiveServer()
  process.on('message', (order: Order) => {
    if (order.do === 'memory') void memory()
    if (order.do === 'send') void timed(() => live.deliver(noticeOf(order.seq, order.kind)))
  })
  tell({ port })
}

function read(): void {
  const sockets: Socket[] = []
  let asked = 0
  let frames = 0
  let wanted = Infinity
  let after = 0

  async function open(port: number, count: number, topic: string): Promise<void> {
    const first = asked
    asked += count
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
        [...Array(Math.min(OPENING_AT_ONCE, count - next))].map(async (_, i) => {
          const number = first + next + i
          const token = tokens[Math.floor((next + i) / POINTS_A_TOKEN)] ?? ''
          const name = topic === 'outages' ? 'outages' : `servicePoint:P${number}`
          const hello = topic === 'none' ? null : { op: 'subscribe', topics: [name] }
          sockets[number] = await openReader(port, token, hello, () => {
            if (number >= after && ++frames === wanted) tell({ lastMs: wallMs() })
          })
        }),
      )
    }
  }

  process.on('message', (order: Order) => {
    if (order.do === 'expect') {
      frames = 0
      wanted = order.frames
      after = order.after
    }
    if (order.do === 'pause') for (const socket of sockets.slice(0, order.sockets)) socket.pause()
    if (order.do === 'resume') for (const socket of sockets.slice(0, order.sockets)) socket.resume()
    if (order.do !== 'open') return
    open(order.port, order.sockets, order.topic).then(
      () => tell({ opened: true }),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
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
  const weigh = async (server: ChildProcess): Promise<{ rss: number; heap: number }> => {
    const heap = heard(server, 'heapBytes')
    return { rss: await ask(server, { do: 'memory' }, 'rssBytes'), heap: await heap }
  }
  const connect = async ({ name, server, reader, port }: Side, topic: 'outages' | 'points') => {
    const about = name === 'bare' ? 'none' : topic
    const warm = Math.floor(SOCKETS * WARM_SHARE)
    await ask(reader, { do: 'open', port, sockets: warm, topic: about }, 'opened')
    const before = await weigh(server)
    await ask(reader, { do: 'open', port, sockets: SOCKETS - warm, topic: about }, 'opened')
    const after = await weigh(server)
    const more = SOCKETS - warm
    return { rss: (after.rss - before.rss) / more, heap: (after.heap - before.heap) / more }
  }
  let seq = 0
  const once = async ({ server, reader }: Side, kind: 'staff' | 'customer', after = 0) => {
    const readers = SOCKETS - after
    reader.send({ do: 'expect', frames: readers, after } satisfies Order)
    const last = heard(reader, 'lastMs')
    const cpu = heard(server, 'cpuUs')
    const sent = await ask(server, { do: 'send', seq: ++seq, kind }, 'sentMs')
    return { ms: (await last) - sent, cpuUs: (await cpu) / SOCKETS }
  }
  const middle = (values: readonly number[]) =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number
  const figure = (
    name: string,
    ours: number,
    bare: number,
    unit: string,
    max?: number,
    peer = 'bare',
  ): void => {
    report({
      bench: 'fanout',
      figure: name,
      value: ours,
      unit,
      peer: { name: peer, value: bare },
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
      for (const part of ['rss', 'heap'] as const) {
        figure(
          `memory a socket, ${topic}, ${part}`,
          oursBytes[part] / 1024,
          bareBytes[part] / 1024,
          'KiB',
          MEMORY_RATIO_MAX,
        )
      }
      if (topic === 'points') {
        // The same quick readers in both, in turns: when the last of them has the notice.
        const slow = Math.floor(SOCKETS * SLOW_SHARE)
        const beside: number[] = []
        const without: number[] = []
        for (let round = 0; round < ROUNDS; round++) {
          without.push((await once(ours, kind, slow)).ms)
          ours.reader.send({ do: 'pause', sockets: slow } satisfies Order)
          beside.push((await once(ours, kind, slow)).ms)
          ours.reader.send({ do: 'resume', sockets: slow } satisfies Order)
          await sleep(SETTLE_MS)
        }
        figure(
          '20 % slow readers, published to the last of the others',
          middle(beside),
          middle(without),
          'ms',
          SLOW_RATIO_MAX,
          'all quick',
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
