// The grid and the ledger in memory: one switching event on a feeder of 2,000 nodes in a large network and in a small one, a full trace beside
// a bare breadth-first search over typed arrays, and bytes a node. One JSON line a figure.
//   node --import=tsx test/bench/grid.ts [nodes]
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { energize, isFed, type Energization } from '../../src/grid/energization.ts'
import { buildNetwork, type Network } from '../../src/grid/network.ts'
import type {
  FeederRow,
  LineRow,
  NetworkTables,
  NodeRow,
  ServicePointRow,
  SwitchRow,
} from '../../src/grid/tables.ts'
import { applyObservations } from '../../src/ledger/ledger.ts'
import { openLedger } from '../../src/ledger/open.ts'
import { DEFAULT_SETTINGS } from '../../src/ledger/state.ts'
import { MS_PER_DAY, MS_PER_MIN } from '../../src/time.ts'
import { median, report } from './figure.ts'

const BENCH = 'grid'
const NODES = Number(process.argv[2] ?? 1_000_000)
const SMALL_NODES = 20_000
const FEEDER_NODES = 2_000
/** Nodes behind each fuse of a feeder. */
const LATERAL_NODES = 10
const EVENTS = 400
const ROUNDS = 7
/** The limits of issue 3. */
const EVENT_RATIO_MAX = 1.5
const TRACE_RATIO_MAX = 2
const BYTES_A_NODE_MAX = 200

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/**
 * Feeders beside each other, each a trunk of three phases with a fuse and a lateral at every node:
 * ```
 * source ──[head]── t0 ───── t1 ───── t2 …
 *                   └[fuse]─ n ─ n ─ n:4 customers
 * ```
 */
function comb(nodeCount: number): NetworkTables {
  const feeders: FeederRow[] = []
  const nodes: NodeRow[] = [{ id: 'bus', kv: 12, lon: null, lat: null }]
  const switches: SwitchRow[] = []
  const lines: LineRow[] = []
  const servicePoints: ServicePointRow[] = []
  const node = (): string => {
    const id = `n${nodes.length}`
    nodes.push({ id, kv: 12, lon: null, lat: null })
    return id
  }
  const join = (from: string, to: string): void => {
    lines.push({
      id: `l${lines.length}`,
      from,
      to,
      phases: 7,
      lengthM: 30,
      ratedA: null,
      overhead: true,
      failuresPerKmYear: null,
      repairH: null,
    })
  }
  const cut = (id: string, kind: 'breaker' | 'fuse', from: string, to: string): void => {
    switches.push({
      id,
      from,
      to,
      kind,
      phases: 7,
      normallyClosed: true,
      ratedA: null,
      telemetered: true,
      name: null,
    })
  }
  for (let feeder = 0; feeder < nodeCount / FEEDER_NODES; feeder++) {
    const head = `head${feeder}`
    const about = { name: head, substation: 'S', ratedA: null, ratedKva: null }
    feeders.push({ id: `F${feeder}`, head, ...about })
    let trunk = node()
    cut(head, 'breaker', 'bus', trunk)
    for (let tooth = 0; tooth < FEEDER_NODES / LATERAL_NODES; tooth++) {
      if (tooth > 0) {
        const next = node()
        join(trunk, next)
        trunk = next
      }
      let here = node()
      cut(`fuse${feeder}-${tooth}`, 'fuse', trunk, here)
      for (let more = 2; more < LATERAL_NODES; more++) {
        const next = node()
        join(here, next)
        here = next
      }
      servicePoints.push({
        id: `p${servicePoints.length}`,
        node: here,
        phases: 7,
        customers: 4,
        connectedKva: null,
        class: null,
        averageKw: null,
        peakKw: null,
        priority: null,
        lon: null,
        lat: null,
      })
    }
  }
  return {
    sources: [{ id: 'grid', node: 'bus', phases: 7, ratedKva: null }],
    substations: [{ id: 'S', name: 'S', area: null, lon: null, lat: null }],
    feeders,
    nodes,
    switches,
    lines,
    transformers: [],
    servicePoints,
  }
}

const usedBytes = (): number => {
  for (let i = 0; i < 3; i++) gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const timed = (work: () => unknown): number => {
  const start = performance.now()
  work()
  return performance.now() - start
}

/** Nodes reached from the first one over all branches, none of which is open: what the least possible trace does. */
function bareSearch(network: Network): number {
  const { nodeBranchStart, nodeBranches, branchFrom, branchTo } = network
  const count = network.nodeIds.length
  const parent = new Int32Array(count).fill(-2)
  const queue = new Int32Array(count)
  let tail = 1
  parent[0] = -1
  for (let head = 0; head < tail; head++) {
    const node = queue[head] as number
    const end = nodeBranchStart[node + 1] as number
    for (let i = nodeBranchStart[node] as number; i < end; i++) {
      const branch = nodeBranches[i] as number
      const from = branchFrom[branch] as number
      const other = from === node ? (branchTo[branch] as number) : from
      if (parent[other] !== -2) continue
      parent[other] = branch
      queue[tail++] = other
    }
  }
  return tail
}

/** Microseconds that the ledger takes for the opening or the closing of one feeder's head. */
function eventUs(network: Network): number {
  const numbers = Int32Array.from(network.loadPointIds, (_, index) => index)
  const ledger = openLedger(network, numbers, { ...DEFAULT_SETTINGS, thinRepeats: true })
  const start = Date.UTC(2026, 0, 1)
  const took: number[] = []
  for (let event = 0; event < EVENTS; event++) {
    const at = start + Math.floor(event / 8) * MS_PER_DAY + event * 10 * MS_PER_MIN
    const said = {
      kind: 'switch' as const,
      gateway: 'gw',
      point: `head${(event >> 1) % 8}`,
      seq: event,
      at,
      receivedAt: at,
      position: event % 2 === 0 ? ('open' as const) : ('closed' as const),
      phases: null,
      reason: null,
      quality: 'good' as const,
      bySubject: null,
    }
    let outages = 0
    const ms = timed(() => (outages = applyObservations(ledger, [said]).outages.length))
    if (outages !== 1) throw new Error(`${outages} outages changed`)
    if (event >= EVENTS / 4) took.push(ms * 1000)
  }
  return median(took)
}

/** The network without the tables that it was built from. */
function built(nodeCount: number): { network: Network; buildMs: number } {
  const tables = comb(nodeCount)
  let network: Network | undefined
  const buildMs = timed(() => (network = buildNetwork(tables)))
  return { network: network as unknown as Network, buildMs }
}

const before = usedBytes()
const { network, buildMs } = built(NODES)
let state: Energization = energize(network)
const bytesANode = (usedBytes() - before) / network.nodeIds.length
const fed = Array.from({ length: network.sectionCount }, (_, section) => isFed(state, section))
if (!fed.every(Boolean)) throw new Error('a section has no supply')
if (bareSearch(network) !== network.nodeIds.length) throw new Error('a node was not reached')

const about = { nodes: network.nodeIds.length, sections: network.sectionCount }
report({
  bench: BENCH,
  figure: 'network built from its tables',
  value: buildMs,
  unit: 'ms',
  ...about,
})
report({
  bench: BENCH,
  figure: 'memory of network and energization a node',
  value: bytesANode,
  unit: 'bytes',
  limit: { atMost: BYTES_A_NODE_MAX },
})

const traceMs: number[] = []
const bareMs: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  bareMs.push(timed(() => bareSearch(network)))
  traceMs.push(timed(() => (state = energize(network))))
}
report({
  bench: BENCH,
  figure: `full energization of ${NODES} nodes`,
  value: median(traceMs),
  unit: 'ms',
  peer: { name: 'bare breadth-first search over typed arrays', value: median(bareMs) },
  limit: { atMost: TRACE_RATIO_MAX },
})

const small = built(SMALL_NODES).network
const largeUs: number[] = []
const smallUs: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  smallUs.push(eventUs(small))
  largeUs.push(eventUs(network))
}
report({
  bench: BENCH,
  figure: `one switching event on a feeder of ${FEEDER_NODES} nodes, ledger and all`,
  value: median(largeUs),
  unit: 'us',
  peer: { name: `the same in a network of ${SMALL_NODES} nodes`, value: median(smallUs) },
  limit: { atMost: EVENT_RATIO_MAX },
})
