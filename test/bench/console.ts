// The dispatcher's console before 100,000 lines and 2,000 live outages: how long a frame takes while a hand drags, while the wheel turns and
// while changes arrive, and what an hour of storm leaves in memory. The page is the built one in headless chromium; what it is told comes from
// a stand-in of the service in this process, because the service itself would compete for the same cores.
import { readFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { chromium, type CDPSession, type Page } from 'playwright-core'
import { WebSocketServer, type WebSocket } from 'ws'
import { randomFrom } from '../../simulators/random.ts'
import { makeTown } from '../../simulators/town.ts'
import { buildNetwork } from '../../src/grid/network.ts'
import { drawNetwork } from '../../src/http/drawing.ts'
import type { NetworkView } from '../../src/http/network-in-force.ts'
import { buildPages, CHROMIUM } from '../support/browser.ts'
import { quantile, report } from './figure.ts'

const CUSTOMERS = 900_000
const OUTAGES = Number(process.argv[2] ?? 2_000)
const LINES_AN_OUTAGE = 12
const PHASE_MS = 8_000
const STEP_MS = 16
const FRAME_P95_MAX_MS = 33
/** Changes a second while frames are measured. */
const CHANGES_A_SECOND = 20
/** The changes of an hour of storm, and the time that they are told in: a minute unless said otherwise. */
const STORM_CHANGES = 7_200
const STORM_MS = Number(process.argv[3] ?? 60_000)
const GROWTH_MAX = 1.15
const RSS_MAX_MB = 900
const SEED = 7
const QUESTION_TIMEOUT_MS = 16_000

const random = randomFrom(SEED)
await buildPages()
const tables = makeTown({ seed: SEED, customers: CUSTOMERS })
const network = buildNetwork(tables)
// Drawing reads the tables and the network alone.
const drawn = drawNetwork({ tables, network, revision: 1 } as unknown as NetworkView)
const map = gzipSync(JSON.stringify(drawn))
console.error(`${tables.lines.length} lines, ${tables.switches.length} switches`)

type Told = ReturnType<typeof makeOutage>
const outages = new Map<string, Told>()
let made = 0
function makeOutage() {
  const number = ++made
  const first = Math.floor(random.next() * (tables.lines.length - LINES_AN_OUTAGE))
  const device = Math.floor(random.next() * tables.switches.length)
  const customers = 5 + Math.floor(random.next() * 300)
  return {
    device,
    lines: Array.from({ length: LINES_AN_OUTAGE }, (_, i) => first + i),
    view: {
      id: `20261125-${number.toString(36).padStart(11, '0')}`,
      status: 'confirmed',
      kind: 'unplanned',
      feeder: tables.feeders[number % tables.feeders.length]?.id ?? null,
      substation: null,
      device: tables.switches[device]?.id ?? null,
      phases: 'ABC',
      startedAt: new Date(Date.now() - random.next() * 3_600_000).toISOString(),
      startUncertain: false,
      restoredAt: null,
      customersOut: customers,
      customersInterrupted: customers,
      customerMinutes: 100,
      cause: null,
      crew: number % 3 === 0 ? { name: `C${number % 40}`, state: 'enRoute', at: iso() } : null,
      etr: null as { at: string; source: string; issuedAt: string } | null,
      steps: [],
      revision: 1,
    },
  }
}
function iso(): string {
  return new Date().toISOString()
}
for (let i = 0; i < OUTAGES; i++) {
  const outage = makeOutage()
  outages.set(outage.view.id, outage)
}

const state = () => ({
  revision: 1,
  at: iso(),
  abnormal: [...outages.values()].map(({ device, view }) => ({
    switch: device,
    closedPhases: 0,
    at: view.startedAt,
    gateway: 'gw',
  })),
  silent: [],
  gateways: [{ id: 'gw', online: true, heardAt: iso() }],
  fieldHeardAt: iso(),
  loadAlarms: [],
  parts: [...outages.values()].map(({ lines, view }) => ({
    outage: view.id,
    back: false,
    lines,
    customers: view.customersOut,
    lifeSupport: 0,
    critical: 0,
  })),
})

const asked = { state: 0, list: 0, one: 0 }
const server = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://here')
  const json = (value: unknown) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(value))
  }
  if (pathname === '/dispatch') {
    response.setHeader('content-type', 'text/html')
    return response.end(readFileSync('dist/pages/dispatch.html'))
  }
  if (pathname.startsWith('/assets/')) {
    const type = pathname.endsWith('.css') ? 'text/css' : 'text/javascript'
    response.setHeader('content-type', type)
    return response.end(readFileSync(`dist/pages${pathname}`))
  }
  if (pathname === '/api/v1/network/map') {
    response.setHeader('content-encoding', 'gzip')
    response.setHeader('content-type', 'application/json')
    return response.end(map)
  }
  if (pathname === '/api/v1/network/state') {
    asked.state++
    return json(state())
  }
  if (pathname === '/api/v1/live/ticket') return json({ ticket: 't', expiresAt: iso() })
  if (pathname === '/api/v1/outages') {
    asked.list++
    if (searchParams.get('state') === 'restored') return json({ outages: [], nextCursor: null })
    const ids = searchParams.getAll('id')
    if (ids.length > 0) {
      return json({ outages: ids.flatMap((id) => outages.get(id)?.view ?? []), nextCursor: null })
    }
    const from = Number(searchParams.get('cursor') ?? 0)
    const all = [...outages.values()].slice(from, from + 500).map(({ view }) => view)
    return json({ outages: all, nextCursor: from + 500 < outages.size ? String(from + 500) : null })
  }
  if (pathname === '/api/v1/reports') return json({ reports: [] })
  const one = outages.get(decodeURIComponent(pathname.replace('/api/v1/outages/', '')))
  asked.one++
  if (one === undefined) {
    response.statusCode = 404
    return json({ title: 'gone', detail: '' })
  }
  return json({
    ...one.view,
    timeline: [],
    evidence: [],
    notices: [],
    corrections: [],
    interruptions: [],
  })
})
const sockets = new Set<WebSocket>()
let seq = 1
const live = new WebSocketServer({ server, path: '/live' })
live.on('connection', (socket) => {
  sockets.add(socket)
  socket.on('message', (bytes) => {
    const { op } = JSON.parse((bytes as Buffer).toString()) as { op: string }
    socket.send(
      JSON.stringify(
        op === 'ping' ? { type: 'pong' } : { v: 1, type: 'subscribed', topics: [], seq },
      ),
    )
  })
})

/** One outage ends, another begins, a third gets an estimate: the number of live ones stays. */
function change(): void {
  const ids = [...outages.keys()]
  const tell = (kind: string, outage: string) => {
    const text = { en: kind, 'zh-CN': kind }
    const data = { kind, outage, startedAt: iso(), etr: null, customersOut: 1, text }
    const frame = { v: 1, type: 'notice', seq: ++seq, at: iso(), topic: 'outages', data }
    for (const socket of sockets) socket.send(JSON.stringify(frame))
  }
  const kind = seq % 3
  if (kind === 0) {
    const id = ids[0] as string
    outages.delete(id)
    tell('supplyRestored', id)
  } else if (kind === 1) {
    const outage = makeOutage()
    outages.set(outage.view.id, outage)
    tell('supplyLost', outage.view.id)
  } else {
    const id = ids[Math.floor(random.next() * ids.length)] as string
    const outage = outages.get(id) as Told
    outage.view.etr = {
      at: new Date(Date.now() + 3_600_000).toISOString(),
      source: 'rule',
      issuedAt: iso(),
    }
    tell('etrChanged', id)
  }
}

async function changing<T>(aSecond: number, during: () => Promise<T>): Promise<T> {
  let due = 0
  let last = Date.now()
  const timer = setInterval(() => {
    const now = Date.now()
    due += ((now - last) / 1000) * aSecond
    last = now
    for (; due >= 1; due--) change()
  }, 20)
  try {
    return await during()
  } finally {
    clearInterval(timer)
  }
}

/** Milliseconds between frames, as the page's own animation frames come. */
async function frames(page: Page, during: () => Promise<void>): Promise<number[]> {
  await page.evaluate(`{
    window.frames_ = []; let last = performance.now(); window.sampling = true
    const take = (at) => { window.frames_.push(at - last); last = at; if (window.sampling) requestAnimationFrame(take) }
    requestAnimationFrame((at) => { last = at; requestAnimationFrame(take) })
  }`)
  await during()
  return page.evaluate<number[]>('window.sampling = false, window.frames_')
}

const until = async (at: number, step: (i: number) => Promise<void>) => {
  for (let i = 0; Date.now() < at; i++) await step(i)
}
const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

function tell(figure: string, taken: readonly number[]): void {
  report({
    bench: 'console',
    figure: `${figure}: frame p95 at ${tables.lines.length} lines, ${OUTAGES} outages`,
    value: quantile(taken, 0.95),
    unit: 'ms',
    limit: { atMost: FRAME_P95_MAX_MS },
    p50: Math.round(quantile(taken, 0.5)),
    p99: Math.round(quantile(taken, 0.99)),
    longest: Math.round(Math.max(...taken)),
    frames: taken.length,
  })
}

/** Resident memory of the browser's processes for pages, in MB: scripts, workers and pictures together. */
async function rendererMb(session: CDPSession): Promise<number> {
  const { processInfo } = (await session.send('SystemInfo.getProcessInfo')) as {
    processInfo: { type: string; id: number }[]
  }
  const pages = processInfo.filter(({ type }) => type === 'renderer')
  const kb = pages.map(({ id }) =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))?.[1] ?? 0),
  )
  return kb.reduce((sum, each) => sum + each, 0) / 1024
}

await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const { port } = server.address() as AddressInfo
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'],
})
try {
  const page = await browser.newPage({ viewport: { width: 1920, height: 1080 } })
  page.on('pageerror', (error) => console.error(error))
  const openedAt = Date.now()
  await page.goto(`http://127.0.0.1:${port}/dispatch?theme=light#token=bench`)
  await page.locator('.agenda tbody tr').first().waitFor({ timeout: 60_000 })
  console.error(`agenda after ${Date.now() - openedAt} ms`)
  await rest(4_000)
  const box = await page.locator('.map canvas').boundingBox()
  if (box === null) throw new Error('no map')
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
  await page.mouse.move(x, y)

  const still = await frames(page, async () => void (await rest(3_000)))
  tell('at rest', still)
  const dragged = await frames(page, async () => {
    await page.mouse.down()
    await until(Date.now() + PHASE_MS, async (i) => {
      await page.mouse.move(x + 200 * Math.sin(i / 40), y + 150 * Math.cos(i / 55))
      await rest(STEP_MS)
    })
    await page.mouse.up()
  })
  tell('drag', dragged)
  const turned = await frames(page, () =>
    until(Date.now() + PHASE_MS, async (i) => {
      await page.mouse.wheel(0, Math.floor(i / 60) % 2 === 0 ? -60 : 60)
      await rest(STEP_MS)
    }),
  )
  tell('wheel', turned)
  await page.keyboard.press('0')
  await rest(1_000)
  const changed = await changing(CHANGES_A_SECOND, () =>
    frames(page, async () => void (await rest(PHASE_MS))),
  )
  tell(`${CHANGES_A_SECOND} changes a second`, changed)
  const both = await changing(CHANGES_A_SECOND, () =>
    frames(page, () =>
      until(Date.now() + PHASE_MS, async (i) => {
        await page.mouse.wheel(0, Math.floor(i / 60) % 2 === 0 ? -60 : 60)
        await rest(STEP_MS)
      }),
    ),
  )
  tell(`wheel with ${CHANGES_A_SECOND} changes a second`, both)

  const session = await browser.newBrowserCDPSession()
  const own = await page.context().newCDPSession(page)
  const settled = async () => {
    // A question keeps its answer until its own timeout has passed.
    await rest(QUESTION_TIMEOUT_MS)
    await own.send('HeapProfiler.collectGarbage')
    await rest(500)
    return {
      rss: await rendererMb(session),
      heap: ((await own.send('Runtime.getHeapUsage')) as { usedSize: number }).usedSize / 2 ** 20,
    }
  }
  const storm = () => changing((STORM_CHANGES * 1000) / STORM_MS, () => rest(STORM_MS / 4))
  await storm()
  const first = await settled()
  for (let i = 0; i < 3; i++) await storm()
  const end = await settled()
  const told = { changes: STORM_CHANGES, minutes: STORM_MS / 60_000 }
  report({
    bench: 'console',
    figure: 'heap at the end of an hour of storm against its first quarter',
    value: end.heap,
    unit: 'MB',
    peer: { name: 'first quarter', value: first.heap },
    limit: { atMost: GROWTH_MAX },
    ...told,
  })
  report({
    bench: 'console',
    figure: 'memory of the page, its worker and its pictures after an hour of storm',
    value: end.rss,
    unit: 'MB',
    limit: { atMost: RSS_MAX_MB },
    firstQuarterMb: Math.round(first.rss),
    ...told,
  })
  console.error(asked)
} finally {
  await browser.close()
  for (const socket of sockets) socket.terminate()
  server.closeAllConnections()
  server.close()
}
