// Balance of a large town from current values, and load messages a minute into quarters of an hour. One JSON line a figure; `limit` is
// the issue's. Needs DATABASE_URL for the second half.
//   DATABASE_URL=… node --import=tsx test/bench/loads.ts [customers] [points] [minutes]
import { fileURLToPath } from 'node:url'
import { makeTown } from '../../simulators/town.ts'
import { expectLoads, type MeasuredLoad } from '../../src/balance/allocation.ts'
import { balanceOf } from '../../src/balance/balance.ts'
import { rateNetwork, supplyTree } from '../../src/balance/supply-tree.ts'
import { buildNetwork } from '../../src/grid/network.ts'
import type { LoadReading } from '../../src/ledger/observation.ts'
import { openDatabase } from '../../src/stores/database.ts'
import { loadsAt, rollUpLoads, saveLoads } from '../../src/stores/loads.ts'
import { migrate } from '../../src/stores/migrate.ts'
import { MS_PER_H, MS_PER_MIN } from '../../src/time.ts'
import { median, report } from './figure.ts'
import { openScratchDatabase } from './scratch-database.ts'

const CUSTOMERS = Number(process.argv[2] ?? 1_000_000)
const POINTS = Number(process.argv[3] ?? 100_000)
const MINUTES = Number(process.argv[4] ?? 5)
const BALANCE_MS_MAX = 300
const ROUNDS = 9
const BATCH = 1000

type More = { limit?: number; [about: string]: unknown }

const tell = (figure: string, value: number, { limit, ...more }: More): void =>
  report({
    bench: 'loads',
    figure,
    value,
    unit: 'ms',
    ...(limit === undefined ? {} : { limit: { atMost: limit } }),
    ...more,
  })

function timed<T>(work: () => T): { ms: number; cpuMs: number; result: T } {
  const cpu = process.cpuUsage()
  const start = performance.now()
  const result = work()
  const ms = performance.now() - start
  return { ms, cpuMs: process.cpuUsage(cpu).user / 1000, result }
}

function benchBalance(): void {
  const tables = makeTown({ seed: 7, customers: CUSTOMERS })
  const network = buildNetwork(tables)
  const built = timed(() => {
    const rated = rateNetwork(network, tables)
    return { rated, expected: expectLoads(rated, tables) }
  })
  const { rated, expected } = built.result
  const measured = new Map<string, MeasuredLoad>()
  for (const feeder of network.feeders) {
    measured.set(feeder.head, { kw: 2500, kvar: 700, amps: [120, 118, 125], kv: 12.47 })
  }
  network.loadPointIds.forEach((id, point) => {
    if (point % 2 === 0) measured.set(id, { kw: 12, kvar: 3, amps: null, kv: null })
  })
  const size = {
    customers: CUSTOMERS,
    nodes: network.nodeIds.length,
    loadPoints: network.loadPointIds.length,
    feeders: network.feeders.length,
    measured: measured.size,
  }
  tell('rate the network, once a revision, ms', built.ms, size)
  const treeMs: number[] = []
  const balanceMs: number[] = []
  const cpuMs: number[] = []
  let kw = 0
  for (let round = 0; round < ROUNDS; round++) {
    const tree = timed(() => supplyTree(rated, network.switchNormal))
    const balance = timed(() =>
      balanceOf({
        rated,
        tree: tree.result,
        expected,
        measured,
        hourOfWeek: round,
        heavyAbove: 0.8,
        overloadAbove: 1,
      }),
    )
    treeMs.push(tree.ms)
    balanceMs.push(tree.ms + balance.ms)
    cpuMs.push(tree.cpuMs + balance.cpuMs)
    kw = balance.result.areas.reduce((sum, area) => sum + area.kw, 0)
  }
  tell('of which the tree of supply, ms', median(treeMs), {})
  tell('balance from current values, ms, median', median(balanceMs), {
    limit: BALANCE_MS_MAX,
    cpuMs: Math.round(median(cpuMs)),
    fastest: Math.round(Math.min(...balanceMs)),
    kw,
  })
}

const readingOf = (point: number, minute: number, at: number): LoadReading => ({
  kind: 'load',
  gateway: `gw-${point % 200}`,
  point: `tx-${point}`,
  seq: minute * POINTS + point,
  at,
  receivedAt: at + 500,
  kw: 10 + (point % 40),
  kvar: 3,
  amps: [20, 21, 22],
  kv: 0.4,
})

async function benchSaving(server: string): Promise<void> {
  const { url, drop } = await openScratchDatabase(server)
  const { db } = openDatabase({ connectionString: url })
  try {
    await migrate(db, fileURLToPath(new URL('../../sql', import.meta.url)))
    const start = Date.UTC(2026, 10, 23, 10)
    const minuteMs: number[] = []
    for (let minute = 0; minute < MINUTES; minute++) {
      const began = performance.now()
      for (let first = 0; first < POINTS; first += BATCH) {
        const readings = Array.from({ length: Math.min(BATCH, POINTS - first) }, (_, i) =>
          readingOf(first + i, minute, start + minute * MS_PER_MIN),
        )
        await db.transaction().execute((tx) => saveLoads(tx, readings))
      }
      minuteMs.push(performance.now() - began)
    }
    const slowest = Math.max(...minuteMs)
    tell(`${POINTS} load messages saved, ms, slowest of ${MINUTES} minutes`, slowest, {
      limit: MS_PER_MIN,
      messagesPerS: Math.round((POINTS / slowest) * 1000),
    })
    const readMs: number[] = []
    for (let round = 0; round < 5; round++) {
      const began = performance.now()
      const rows = await loadsAt(db, start + MINUTES * MS_PER_MIN)
      readMs.push(performance.now() - began)
      if (rows.length !== POINTS) throw new Error(`${rows.length} current values, not ${POINTS}`)
    }
    tell('read the current values, ms, median', median(readMs), { points: POINTS })
    const began = performance.now()
    await rollUpLoads(db, { until: start + 2 * MS_PER_H, timeZone: 'UTC' })
    tell('roll up one hour and its day, ms', performance.now() - began, { points: POINTS })
  } finally {
    await db.destroy()
    await drop()
  }
}

benchBalance()
const url = process.env['DATABASE_URL']
if (url === undefined) console.error('no DATABASE_URL: saving is not measured')
else await benchSaving(url)
