import t from 'tap'
import { buildNetwork, type Network } from '../src/grid/network.ts'
import { ALL_PHASES } from '../src/grid/phases.ts'
import type { NetworkTables, SwitchKind } from '../src/grid/tables.ts'
import {
  allocateLoads,
  expectLoads,
  type ExpectedLoads,
  type MeasuredLoad,
} from '../src/balance/allocation.ts'
import { balanceOf, loadPointRows, type BalanceRow } from '../src/balance/balance.ts'
import {
  apparentKva,
  capacityRatio,
  DLT_2016_RANGES,
  phaseUnbalance,
  QGDW_2020_RANGES,
  transformerLoss,
  URBAN_RANGES,
} from '../src/balance/capacity.ts'
import {
  ALARM_RULES,
  loadEpisodes,
  TRANSFORMER_RULES,
  TWO_HOUR_RULES,
  type LoadRules,
  type LoadSample,
} from '../src/balance/load-states.ts'
import { transferToOthers } from '../src/balance/station-transfer.ts'
import { rateNetwork, supplyTree, type RatedNetwork } from '../src/balance/supply-tree.ts'
import { switchingEffect, tieCapabilities } from '../src/balance/ties.ts'
import { feederLoss, loseZone } from '../src/balance/transfer.ts'
import { cutIntoZones, type Zones } from '../src/balance/zones.ts'
import { MS_PER_MIN } from '../src/time.ts'
import { alarmChange } from './support/alarm-oracle.ts'
import { seeded } from './support/seeded.ts'

const SEED = 20261123

/** One sample a quarter of an hour; null: a gap. */
const quarters = (...rates: (number | null)[]): LoadSample[] =>
  rates.flatMap((rate, i) => (rate === null ? [] : [{ at: i * 15 * MS_PER_MIN, rate }]))

const minutes = (samples: readonly LoadSample[], rules: LoadRules = TRANSFORMER_RULES) =>
  loadEpisodes(samples, { rules, asOf: samples.at(-1)?.at ?? 0 }).map(
    ({ kind, from, until }) =>
      `${kind} ${from / MS_PER_MIN}..${until === null ? '' : until / MS_PER_MIN}`,
  )

await t.test('heavy and overload are said after their time, and not before', async (t) => {
  const table: [string, LoadSample[], string[], LoadRules?][] = [
    ['nothing under the level', quarters(0.5, 0.8, 0.8, 0.8, 0.5), []],
    ['a quarter is too short', quarters(0.5, 0.9, 0.5), []],
    // 0.5 → 0.9 passes 0.8 after 11.25 minutes, 0.9 → 0.5 after 3.75.
    ['crossings by straight line', quarters(0.5, 0.9, 0.9, 0.9, 0.5), ['heavy 11.25..48.75']],
    ['half an hour exactly counts', quarters(0.8, 0.9, 0.9, 0.5), ['heavy 0..33.75']],
    ['still lasting', quarters(0.5, 0.9, 0.9, 0.9), ['heavy 11.25..']],
    ['lasting, not yet half an hour', quarters(0.5, 0.9, 0.9), []],
    ['overload is not heavy', quarters(0.4, 1.2, 1.2, 1.2, 0.4), ['overload 11.25..48.75']],
    [
      'heavy before and after an overload',
      quarters(0.8, 0.9, 0.9, 0.9, 1.1, 1.1, 1.1, 0.9, 0.9, 0.4),
      ['heavy 0..52.5', 'overload 52.5..97.5', 'heavy 97.5..123'],
    ],
    ['100 % exactly is heavy', quarters(0.4, 1, 1, 1, 0.4), ['heavy 10..50']],
    // The gap ends the run at the last sample before it; a run begins at the first sample behind it.
    ['a gap breaks the run', quarters(0.9, 0.9, null, 0.9, 0.9), []],
    [
      'each side of a gap for itself',
      quarters(0.9, 0.9, 0.9, null, 0.9, 0.9, 0.9, 0.1),
      ['heavy 0..30', 'heavy 60..91.88'],
    ],
    ['two hours', quarters(0.5, ...Array<number>(8).fill(0.9), 0.5), [], TWO_HOUR_RULES],
    [
      'two hours and more',
      quarters(0.5, ...Array<number>(9).fill(0.9), 0.5),
      ['heavy 11.25..138.75'],
      TWO_HOUR_RULES,
    ],
    [
      '1.9 for half an hour',
      quarters(1.9, 1.9, 1.9, 0),
      ['longOverload 0..30.79', 'overload 0..37.11'],
    ],
    ['no samples', [], []],
  ]
  for (const [name, samples, expected, rules] of table) {
    const rounded = minutes(samples, rules).map((text) =>
      text.replaceAll(/\d+\.\d{3,}/g, (n) => Number(n).toFixed(2)),
    )
    t.strictSame(rounded, expected, name)
  }
})

await t.test('late samples in their place give what they would have given in time', async (t) => {
  const whole = quarters(0.5, 0.9, 0.9, 1.3, 0.9, 0.7, 1.1, 1.1, 1.1, 0.2)
  const inTime = minutes(whole)
  const late = [...whole.slice(0, 3), ...whole.slice(5), ...whole.slice(3, 5)]
  t.strictSame(minutes(late.toSorted((a, b) => a.at - b.at)), inTime)
})

await t.test(
  'a gap that reaches to now ends what lasted; silence alone goes on for 20 minutes',
  async (t) => {
    const samples = quarters(0.9, 0.9, 0.9)
    const until = (lateMin: number) =>
      loadEpisodes(samples, { rules: TRANSFORMER_RULES, asOf: (30 + lateMin) * MS_PER_MIN })[0]
        ?.until
    t.equal(until(20), null)
    t.equal(until(21), 30 * MS_PER_MIN)
  },
)

await t.test(
  'states agree with the line between the samples looked at second by second',
  async (t) => {
    const random = seeded(SEED)
    for (let round = 0; round < 30; round++) {
      const rates = Array.from({ length: 40 }, () => (random() < 0.05 ? null : random() * 1.4))
      const samples = quarters(...rates)
      const found = loadEpisodes(samples, {
        rules: { ...TRANSFORMER_RULES, longOverload: [] },
        asOf: 1e12,
      })
      for (const [kind, low, high, confirmMin] of [
        ['heavy', 0.8, 1, 30],
        ['overload', 1, Infinity, 30],
      ] as const) {
        let expected = 0
        let seconds = 0
        const close = () => {
          if (seconds >= confirmMin * 60 + 2) expected += seconds
          seconds = 0
        }
        for (let s = 0; s < 40 * 900; s++) {
          const before = rates[Math.floor(s / 900)]
          const after = rates[Math.floor(s / 900) + 1]
          if (typeof before !== 'number' || typeof after !== 'number') {
            close()
            continue
          }
          const rate = before + ((after - before) * (s % 900)) / 900
          if (rate > low && rate <= high) seconds++
          else close()
        }
        close()
        // What goes on after an overload counts from a quarter of an hour and is judged in the table above.
        const shown = found
          .filter((e) => e.kind === kind && (e.until ?? 0) - e.from > (confirmMin * 60 + 2) * 1000)
          .reduce((sum, e) => sum + ((e.until ?? 0) - e.from) / 1000, 0)
        t.ok(
          Math.abs(shown - expected) < 60,
          `${kind} ${shown} ${expected} (seed ${SEED}, ${round})`,
        )
      }
    }
  },
)

await t.test('alarms are raised and cleared on transitions only, and do not flutter', async (t) => {
  const rates = [0.7, 0.82, 0.82, 0.82, 0.79, 0.81, 0.79, 0.81, 0.7]
  const open: { kind: 'heavy' | 'overload' | 'longOverload'; from: number }[] = []
  const told: string[] = []
  for (let n = 1; n <= rates.length; n++) {
    const samples = quarters(...rates.slice(0, n))
    const asOf = (n - 1) * 15 * MS_PER_MIN
    const change = alarmChange(open, loadEpisodes(samples, { rules: ALARM_RULES, asOf }), asOf)
    for (const { kind } of change.clear) {
      told.push(`clear ${kind} ${n}`)
      open.splice(0)
    }
    for (const { kind, from } of change.raise) {
      told.push(`raise ${kind} ${n}`)
      open.push({ kind, from })
    }
  }
  t.strictSame(told, ['raise heavy 4', 'clear heavy 9'], 'one alarm through five crossings')
})

await t.test('figures of capacity, worked by hand', async (t) => {
  const bare = { kvar: null, powerFactor: 0.8, amps: null, kv: null }
  t.equal(apparentKva({ ...bare, kw: 80 }), 100, 'kvar unknown: by power factor')
  t.equal(apparentKva({ ...bare, kw: 60, kvar: 80 }), 100)
  t.equal(apparentKva({ ...bare, kw: null }), null, 'unknown is not 0')
  const phases = apparentKva({ ...bare, kw: 60, kvar: 0, amps: [100, 100, 100], kv: 0.4 })
  t.equal(phases?.toFixed(2), '69.28', 'the phases say more than the totals: √3 · 0.4 · 100')
  t.equal(phaseUnbalance([100, 80, 90]), 0.2)
  t.equal(phaseUnbalance([0, 0, 0]), null)

  const guide = { ranges: URBAN_RANGES, kv: 110, growthPct: null }
  t.match(capacityRatio({ installedMva: 100, peakMw: 50 }, guide), { ratio: 2, verdict: 'within' })
  t.match(capacityRatio({ installedMva: 100, peakMw: 60 }, guide), { verdict: 'below' })
  t.match(capacityRatio({ installedMva: 100, peakMw: 40 }, guide), { verdict: 'above' })
  t.match(capacityRatio({ installedMva: 100, peakMw: 0 }, guide), {
    ratio: null,
    verdict: 'unknown',
  })
  t.match(capacityRatio({ installedMva: 1, peakMw: 1 }, { ...guide, kv: 20 }), { range: null })
  const ranges = [0, 2, 3, 7, 7.1, 13].map((growthPct) =>
    [QGDW_2020_RANGES, DLT_2016_RANGES].map((table) => {
      const { range } = capacityRatio(
        { installedMva: 1, peakMw: 1 },
        { ranges: table, kv: 110, growthPct },
      )
      return `${range?.low}-${range?.high}`
    }),
  )
  t.strictSame(ranges, [
    ['1.5-1.7', '1.8-2'],
    ['1.5-1.7', '1.8-2'],
    ['1.6-1.8', '1.8-2'],
    ['1.7-1.9', '1.8-2'],
    ['1.8-2', '1.9-2.1'],
    ['1.8-2', '2-2.2'],
  ])
  // Equal units: the highest load rates are 50 and 65 % with two, 67 and 87 % with three.
  const passes = (units: number, rate: number, shortTimeFactor: number) =>
    transformerLoss({
      unitsKva: Array<number>(units).fill(50_000),
      loadKva: rate * units * 50_000,
      transferKva: 0,
      shortTimeFactor,
    }).passes
  t.strictSame(
    [
      [2, 0.5, 1],
      [2, 0.501, 1],
      [2, 0.65, 1.3],
      [2, 0.651, 1.3],
      [3, 2 / 3, 1],
      [3, 0.67, 1],
      [3, 0.866, 1.3],
      [3, 0.87, 1.3],
    ].map(([n, rate, k]) => passes(n as number, rate as number, k as number)),
    [true, false, true, false, true, false, true, false],
  )
  t.equal(
    transformerLoss({ unitsKva: [40, 63], loadKva: 50, transferKva: 12, shortTimeFactor: 1 })
      .marginKva,
    2,
    'the larger one is lost; what other stations take helps',
  )
})

/**
 * Stations with one source each, feeders of sections in a chain or a tree, a load point in every section, ties between any two sections.
 *
 *   station 0 ──[head 0]── a ──[s1]── b ──[s2]── c ··[tie]·· d ──[head 1]── station 1
 */
function randomTown(random: () => number, { sections, ties }: { sections: number; ties: number }) {
  const nodes: NetworkTables['nodes'][number][] = []
  const switches: NetworkTables['switches'][number][] = []
  const lines: NetworkTables['lines'][number][] = []
  const servicePoints: NetworkTables['servicePoints'][number][] = []
  const node = (id: string) => {
    nodes.push({ id, kv: 10, lon: null, lat: null })
    return id
  }
  const join = (from: string, to: string, closed: boolean, kind: SwitchKind = 'load_break') => {
    const id = `s${switches.length}`
    const ratedA = 10 + Math.floor(random() * 40)
    switches.push({
      id,
      from,
      to,
      kind,
      phases: ALL_PHASES,
      normallyClosed: closed,
      ratedA,
      telemetered: true,
      name: null,
    })
    return id
  }
  const feederCount = 2 + Math.floor(random() * 2)
  const feeders: NetworkTables['feeders'][number][] = []
  const spots: string[] = []
  for (let f = 0; f < feederCount; f++) {
    const bus = node(`bus${f}`)
    const own: string[] = []
    const count = 1 + Math.floor(random() * sections)
    for (let s = 0; s < count; s++) {
      const from = s === 0 ? bus : (own[Math.floor(random() * own.length)] as string)
      const near = node(`f${f}z${s}a`)
      const far = node(`f${f}z${s}b`)
      const id = join(from, near, true, s === 0 ? 'breaker' : 'load_break')
      if (s === 0) {
        const more = { ratedA: null, ratedKva: null }
        feeders.push({ id: `F${f}`, name: `F${f}`, substation: `S${f}`, head: id, ...more })
      }
      lines.push({
        id: `l${lines.length}`,
        from: near,
        to: far,
        phases: ALL_PHASES,
        lengthM: 100,
        ratedA: 10 + Math.floor(random() * 40),
        overhead: true,
        failuresPerKmYear: null,
        repairH: null,
      })
      own.push(near, far)
      spots.push(near, far)
      servicePoints.push({
        id: `p${f}.${s}`,
        node: random() < 0.5 ? near : far,
        phases: ALL_PHASES,
        customers: 1 + Math.floor(random() * 50),
        connectedKva: 20 + Math.floor(random() * 200),
        class: 'flat',
        averageKw: null,
        peakKw: null,
        priority: null,
        lon: null,
        lat: null,
      })
    }
  }
  for (let i = 0; i < ties; i++) {
    const from = spots[Math.floor(random() * spots.length)] as string
    const to = spots[Math.floor(random() * spots.length)] as string
    if (from.slice(0, -1) !== to.slice(0, -1)) join(from, to, false)
  }
  const tables: NetworkTables = {
    sources: feeders.map((_, f) => ({ id: `src${f}`, node: `bus${f}`, phases: 7, ratedKva: null })),
    substations: feeders.map((_, f) => ({
      id: `S${f}`,
      name: `S${f}`,
      area: f === 0 ? 'west' : 'east',
      lon: null,
      lat: null,
    })),
    feeders,
    nodes,
    switches,
    lines,
    transformers: [],
    servicePoints,
  }
  return tables
}

type Town = {
  tables: NetworkTables
  network: Network
  rated: RatedNetwork
  expected: ExpectedLoads
  zones: Zones
}

/** Loads of 0.1 to 0.5 of the connected kVA, so that some ties hold and some do not. */
function townOf(tables: NetworkTables, loading: number): Town {
  const network = buildNetwork(tables)
  const rated = rateNetwork(network, tables)
  const assumptions = {
    kwPerConnectedKva: loading,
    kwPerPeakKw: 1,
    kwPerCustomer: 1,
    powerFactor: 1,
  }
  const expected = expectLoads(rated, tables, assumptions)
  const tree = supplyTree(rated, network.switchNormal)
  const loads = allocateLoads(rated, tree, expected, { measured: new Map(), hourOfWeek: 0 })
  const zones = cutIntoZones(rated, tree, network.switchNormal, {
    loads,
    customers: expected.customers,
  })
  return { tables, network, rated, expected, zones }
}

await t.test('what is allocated always adds up to the measured head', async (t) => {
  const random = seeded(SEED)
  let reversed = 0
  for (let round = 0; round < 200; round++) {
    const { network, rated, expected } = townOf(randomTown(random, { sections: 6, ties: 2 }), 0.25)
    const measured = new Map<string, MeasuredLoad>()
    const closed = network.switchNormal.slice()
    for (let s = 0; s < closed.length; s++) if (random() < 0.1) closed[s] = closed[s] === 0 ? 7 : 0
    const say = (id: string, kw: number) =>
      measured.set(id, { kw, kvar: random() < 0.5 ? null : kw * random(), amps: null, kv: null })
    for (const feeder of network.feeders) {
      if (random() < 0.8) say(random() < 0.5 ? feeder.head : feeder.id, random() * 900 - 200)
    }
    for (const id of network.loadPointIds) if (random() < 0.4) say(id, random() * 120 - 20)
    const tree = supplyTree(rated, closed)
    const loads = allocateLoads(rated, tree, expected, { measured, hourOfWeek: round % 168 })
    network.feeders.forEach((feeder, f) => {
      const sum = { w: 0, var: 0, points: 0 }
      network.loadPointIds.forEach((_, point) => {
        if (tree.feeder[network.loadPointNode[point] as number] !== f) return
        sum.w += loads.pointW[point] as number
        sum.var += loads.pointVar[point] as number
        sum.points++
      })
      const head = measured.get(feeder.head) ?? measured.get(feeder.id)
      if (loads.feederSource[f] !== 1 || head === undefined) return
      sum.w += loads.feederUnaccountedW[f] as number
      sum.var += loads.feederUnaccountedVar[f] as number
      t.equal(sum.w, Math.round(head.kw * 1000), `watts of ${feeder.id} (seed ${SEED}, ${round})`)
      if (head.kvar !== null) t.equal(sum.var, Math.round(head.kvar * 1000), 'and vars')
      if (head.kw < 0) reversed++
    })
    network.loadPointIds.forEach((id, point) => {
      const said = measured.get(id)
      if (tree.fed[network.loadPointNode[point] as number] === 0) {
        t.equal(loads.pointW[point], 0, 'what has no supply takes nothing')
      } else if (said !== undefined) {
        t.equal(loads.pointW[point], Math.round(said.kw * 1000), 'what is measured stays so')
      }
    })
  }
  t.ok(reversed > 10, 'also where power flowed back')
})

await t.test('the balance has the same total at every level', async (t) => {
  const random = seeded(SEED + 1)
  const total = (rows: readonly BalanceRow[]) =>
    rows.reduce((sum, row) => sum + Math.round(row.kw * 1000), 0)
  for (let round = 0; round < 100; round++) {
    const { network, rated, expected } = townOf(randomTown(random, { sections: 6, ties: 2 }), 0.25)
    const measured = new Map<string, MeasuredLoad>()
    const say = (id: string) =>
      measured.set(id, { kw: random() * 900 - 100, kvar: null, amps: null, kv: null })
    for (const feeder of network.feeders) if (random() < 0.7) say(feeder.head)
    for (const id of network.loadPointIds) if (random() < 0.5) say(id)
    for (const unit of rated.units) if (random() < 0.5) say(unit.id)
    const tree = supplyTree(rated, network.switchNormal)
    const input = {
      rated,
      tree,
      expected,
      measured,
      hourOfWeek: 12,
      heavyAbove: 0.8,
      overloadAbove: 1,
    }
    const balance = balanceOf(input)
    const points = loadPointRows(input, balance.loads, { feeder: null, limit: 1000 })
    const unaccounted = (rows: readonly BalanceRow[]) =>
      rows.reduce((sum, row) => sum + Math.round(row.unaccountedKw * 1000), 0)
    for (const rows of [balance.areas, balance.substations, balance.units]) {
      t.equal(
        total(rows),
        total(balance.substations),
        `level ${rows[0]?.level} (seed ${SEED + 1}, ${round})`,
      )
      t.equal(total(rows) - unaccounted(rows), total(points), 'less what no load point has')
    }
    t.equal(total(balance.feeders) - unaccounted(balance.feeders), total(points))
    const customers = (rows: readonly BalanceRow[]) =>
      rows.reduce((sum, row) => sum + row.customers, 0)
    t.equal(customers(balance.areas), customers(points))
    t.equal(customers(balance.feeders), customers(points))
  }
})

await t.test('bands, reverse flow and what is unknown stand in the rows', async (t) => {
  // bus0 ──[head, 100 A at 10 kV: 1732 kVA]── one load point
  const random = seeded(3)
  const base = randomTown(random, { sections: 1, ties: 0 })
  const tables: NetworkTables = {
    ...base,
    feeders: base.feeders.map((row) => ({ ...row, ratedA: 100 })),
    sources: base.sources.map((row, i) => ({ ...row, ratedKva: i === 0 ? 2000 : null })),
  }
  const { rated, network, expected } = townOf(tables, 0.25)
  const head = tables.feeders[0]?.head as string
  const row = (kw: number, amps: [number, number, number] | null = null) => {
    const measured = new Map([[head, { kw, kvar: 0, amps, kv: amps === null ? null : 10 }]])
    const tree = supplyTree(rated, network.switchNormal)
    const balance = balanceOf({
      rated,
      tree,
      expected,
      measured,
      hourOfWeek: 12,
      heavyAbove: 0.8,
      overloadAbove: 1,
    })
    return { feeder: balance.feeders[0], unit: balance.units[0], other: balance.units[1] }
  }
  t.match(row(1000).feeder, { band: 'normal', reverse: false, source: 'measured', parent: 'src0' })
  t.equal(row(1000).feeder?.ratedKva?.toFixed(1), '1732.1')
  t.match(row(1500).feeder, { band: 'heavy' })
  t.match(row(1800).feeder, { band: 'overload' })
  t.match(row(1800).unit, { kw: 1800, rate: 0.9, marginKva: 200, band: 'heavy' })
  t.match(row(1800).other, { ratedKva: null, rate: null, marginKva: null, band: 'unknown' })
  t.match(row(-300).feeder, { reverse: true, kw: -300, kva: 300 })
  t.equal(row(100, [100, 60, 80]).feeder?.unbalance, 0.4)
  t.equal(row(1000).feeder?.unbalance, null)
})

type Edge = {
  id: string
  from: string
  to: string
  ratedA: number | null
  normal: boolean
  fixed: boolean
}

const edgesOf = (tables: NetworkTables): Edge[] => [
  ...tables.switches.map((row) => ({ ...row, normal: row.normallyClosed, fixed: false })),
  ...tables.lines.map((row) => ({ ...row, normal: true, fixed: true })),
]

const ratedVa = (edge: Edge) => Math.sqrt(3) * 10 * (edge.ratedA ?? 0) * 1000

/** Load of each node in VA, from the tables alone. */
function loadOf({ tables, expected }: Town): Map<string, number> {
  const load = new Map<string, number>()
  for (const point of tables.servicePoints) {
    const kva = (point.connectedKva ?? 0) * expected.assumptions.kwPerConnectedKva
    load.set(point.node, (load.get(point.node) ?? 0) + Math.round(kva * 1000))
  }
  return load
}

/** Who is fed through what over these edges, and what each edge carries. Shares no code with the product. */
function trace(tables: NetworkTables, live: readonly Edge[], load: ReadonlyMap<string, number>) {
  const fedBy = new Map<string, { node: string; edge: string } | null>()
  const queue = tables.sources.map((row) => row.node)
  for (const source of queue) fedBy.set(source, null)
  let radial = true
  for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
    for (const edge of live) {
      if (edge.from !== node && edge.to !== node) continue
      const other = edge.from === node ? edge.to : edge.from
      if (fedBy.get(node)?.edge === edge.id) continue
      if (fedBy.has(other)) radial = false
      else {
        fedBy.set(other, { node, edge: edge.id })
        queue.push(other)
      }
    }
  }
  const flow = new Map<string, number>()
  let servedVa = 0
  for (const [node, va] of load) {
    if (!fedBy.has(node)) continue
    servedVa += va
    for (let up = fedBy.get(node); up !== null && up !== undefined; up = fedBy.get(up.node)) {
      flow.set(up.edge, (flow.get(up.edge) ?? 0) + va)
    }
  }
  return { radial, flow, servedVa, fedBy }
}

/** All switching states of the dead part: the most load that any radial state within ratings brings back. */
function bruteForce(town: Town, faulted: number | null, barred: string | null) {
  const { tables, zones, network } = town
  const load = loadOf(town)
  const edges = edgesOf(tables)
  const inFault = (node: string) =>
    faulted !== null && zones.zoneOf[network.nodeIds.indexOf(node)] === faulted
  const judge = (closed: (edge: Edge) => boolean) => {
    const live = edges.filter((e) => (e.fixed || closed(e)) && !inFault(e.from) && !inFault(e.to))
    return trace(tables, live, load)
  }
  const noFault = trace(
    tables,
    edges.filter((e) => e.normal),
    load,
  )
  const after = judge((e) => e.id !== barred && e.normal)
  const isDead = (node: string) =>
    noFault.fedBy.has(node) && !after.fedBy.has(node) && !inFault(node)
  const free = edges.filter(
    (e) =>
      !e.fixed &&
      e.id !== barred &&
      (isDead(e.from) || isDead(e.to)) &&
      !inFault(e.from) &&
      !inFault(e.to),
  )
  if (free.length > 12) return null
  let bestVa = after.servedVa
  for (let state = 0; state < 1 << free.length; state++) {
    const now = judge((e) => {
      const bit = free.indexOf(e)
      return bit >= 0 ? (state & (1 << bit)) !== 0 : e.id !== barred && e.normal
    })
    const holds = edges.every(
      (e) => (now.flow.get(e.id) ?? 0) <= Math.max(ratedVa(e), noFault.flow.get(e.id) ?? 0),
    )
    if (now.radial && holds) bestVa = Math.max(bestVa, now.servedVa)
  }
  return bestVa - after.servedVa
}

await t.test('the loss of a section agrees with a search over all switching states', async (t) => {
  const random = seeded(SEED + 2)
  const seen = { judged: 0, all: 0, part: 0, none: 0 }
  for (let round = 0; round < 60; round++) {
    const town = townOf(
      randomTown(random, { sections: 5, ties: 1 + Math.floor(random() * 3) }),
      (150 + Math.floor(random() * 2000)) / 1000,
    )
    const { zones, network, rated } = town
    zones.nodesOf.forEach((_, zone) => {
      if ((zones.feeder[zone] as number) < 0) return
      const below = new Set<number>()
      const queue = [zone]
      for (let z = queue.pop(); z !== undefined; z = queue.pop()) {
        for (const child of zones.below[z] ?? []) {
          below.add(child)
          queue.push(child)
        }
      }
      const found = loseZone(zones, { faulted: zone, dead: [...below] })
      const best = bruteForce(town, zone, null)
      if (best === null) return
      t.equal(
        Math.round(found.restoredKva * 1000),
        best,
        `section ${found.section?.join()} (seed ${SEED + 2}, ${round})`,
      )
      t.ok(found.complete)
      seen.judged++
      if (found.healthyKw > 0) seen[best === 0 ? 'none' : found.remainsKw === 0 ? 'all' : 'part']++
    })
    network.feeders.forEach((row, feeder) => {
      const loss = feederLoss(zones, feeder)
      const whole = loss.sections.find((section) => section.section === null)
      const best = bruteForce(town, null, row.head)
      if (best === null) return
      t.equal(Math.round((whole?.restoredKva ?? -1) * 1000), best, `head of ${row.id} (${round})`)
      // The switching that is advised does what it says, by the effect that a dispatcher sees before the act.
      const steps = [
        ...(whole?.open ?? []).map((id) => ({
          device: network.switchIndex.get(id) as number,
          closed: false,
        })),
        ...(whole?.close ?? []).map((id) => ({
          device: network.switchIndex.get(id) as number,
          closed: true,
        })),
      ]
      const effect = switchingEffect(rated, network.switchNormal, zones.nodeVa, steps)
      t.strictSame(effect.limitsPassed, [], 'no margin is negative where a transfer is advised')
      const lost = effect.lostPoints.reduce(
        (sum, p) => sum + (town.expected.customers[p] as number),
        0,
      )
      t.equal(lost, whole?.remainsCustomers, 'and the customers it leaves are those it names')
      t.strictSame(effect.parallels, [], 'open first, then close: nothing runs in parallel')
    })
  }
  t.ok(
    seen.all > 10 && seen.part > 5 && seen.none > 10,
    `every kind occurred: ${JSON.stringify(seen)}`,
  )
})

/** Nodes of these feeders, by the tables alone: what is fed from their buses in normal positions. */
function fedFromBuses({ tables }: Town, buses: ReadonlySet<string>) {
  const { fedBy } = trace(
    tables,
    edgesOf(tables).filter((e) => e.normal),
    new Map(),
  )
  const rootOf = (node: string, of = fedBy): string => {
    for (let up = of.get(node); up !== null && up !== undefined; up = of.get(node)) node = up.node
    return node
  }
  return { rootOf, own: new Set([...fedBy.keys()].filter((node) => buses.has(rootOf(node)))) }
}

/**
 * The most load of these buses that any switching of their own part gives to others: radial, within ratings, nobody without supply, and whoever stays
 * is fed the way they were. Null where the states are too many.
 */
function mostTransferable(town: Town, buses: ReadonlySet<string>): number | null {
  const { tables } = town
  const load = loadOf(town)
  const edges = edgesOf(tables)
  const { own, rootOf } = fedFromBuses(town, buses)
  const normal = trace(
    tables,
    edges.filter((e) => e.normal),
    load,
  )
  const free = edges.filter((e) => !e.fixed && (own.has(e.from) || own.has(e.to)))
  if (free.length > 11) return null
  const isNormal = new Map(edges.map((e) => [e.id, e.normal]))
  let most = 0
  for (let state = 0; state < 1 << free.length; state++) {
    const live = edges.filter((e) => {
      const bit = free.indexOf(e)
      return bit >= 0 ? (state & (1 << bit)) !== 0 : e.normal
    })
    const now = trace(tables, live, load)
    if (!now.radial || now.servedVa !== normal.servedVa) continue
    const holds = edges.every(
      (e) => (now.flow.get(e.id) ?? 0) <= Math.max(ratedVa(e), normal.flow.get(e.id) ?? 0),
    )
    if (!holds) continue
    let movedVa = 0
    let isAsItWas = true
    for (const [node, va] of load) {
      if (!own.has(node)) continue
      if (!buses.has(rootOf(node, now.fedBy))) movedVa += va
      else {
        for (let up = now.fedBy.get(node); up !== null && up !== undefined;) {
          if (isNormal.get(up.edge) !== true) isAsItWas = false
          up = now.fedBy.get(up.node)
        }
      }
    }
    if (isAsItWas) most = Math.max(most, movedVa)
  }
  return most
}

/** Stations of `feeders` feeders each. */
const withStationsOf = (tables: NetworkTables, feeders: number): NetworkTables => ({
  ...tables,
  feeders: tables.feeders.map((row, f) => ({ ...row, substation: `S${Math.floor(f / feeders)}` })),
})

await t.test(
  'what a station can give away agrees with a search over all switching states',
  async (t) => {
    const random = seeded(SEED + 7)
    const seen = { judged: 0, all: 0, part: 0, none: 0, shared: 0, less: 0 }
    for (let round = 0; round < 120; round++) {
      const perStation = round % 3 === 2 ? 2 : 1
      const tables = withStationsOf(
        randomTown(random, { sections: 3, ties: 1 + Math.floor(random() * 3) }),
        perStation,
      )
      const town = townOf(tables, (150 + Math.floor(random() * 2000)) / 1000)
      const { zones, network } = town
      const load = loadOf(town)
      const about = `(seed ${SEED + 7}, ${round})`
      network.substations.forEach((row, substation) => {
        const buses = new Set(
          tables.feeders.flatMap((feeder, f) => (feeder.substation === row.id ? [`bus${f}`] : [])),
        )
        if (buses.size === 0) return
        const found = transferToOthers(zones, substation)
        t.ok(found.complete)
        // What is advised is done: open around what goes, close the ties. It holds, and carries what was said.
        const edges = edgesOf(tables)
        const zoneOf = (node: string) => zones.zoneOf[network.nodeIds.indexOf(node)] as number
        const closes = new Set(found.close.map((device) => network.branchIds[device] as string))
        const live = edges.filter((e) => {
          if (closes.has(e.id)) return true
          return e.normal && found.zones.has(zoneOf(e.from)) === found.zones.has(zoneOf(e.to))
        })
        const normal = trace(
          tables,
          edges.filter((e) => e.normal),
          load,
        )
        const now = trace(tables, live, load)
        const { own, rootOf } = fedFromBuses(town, buses)
        t.equal(now.servedVa, normal.servedVa, `nobody is without supply ${about}`)
        let movedVa = 0
        for (const [node, va] of load) {
          if (own.has(node) && !buses.has(rootOf(node, now.fedBy))) movedVa += va
        }
        t.equal(movedVa, found.va, `it carries what was said ${row.id} ${about}`)
        for (const edge of edges) {
          const flow = now.flow.get(edge.id) ?? 0
          const limit = Math.max(ratedVa(edge), normal.flow.get(edge.id) ?? 0)
          if (flow > limit) t.fail(`${edge.id} carries ${flow} of ${limit} ${about}`)
        }
        const most = mostTransferable(town, buses)
        if (most === null) return
        seen.judged++
        if (buses.size === 1) {
          t.equal(found.va, most, `the most there is ${row.id} ${about}`)
        } else {
          t.ok(found.va <= most, `feeders that compete: not more than there is ${about}`)
          seen.shared++
          if (found.va < most) seen.less++
        }
        const loadVa = [...own].reduce((sum, node) => sum + (load.get(node) ?? 0), 0)
        seen[found.va === 0 ? 'none' : found.va === loadVa ? 'all' : 'part']++
      })
    }
    t.ok(
      seen.judged > 150 && seen.all > 20 && seen.part > 10 && seen.none > 20 && seen.shared > 20,
      `every kind occurred: ${JSON.stringify(seen)}`,
    )
    t.ok(
      seen.less * 5 < seen.shared,
      `and where they compete little is lost: ${JSON.stringify(seen)}`,
    )
    t.comment(JSON.stringify(seen))
  },
)

await t.test(
  'a tie can give what the way to its source has left, and not one VA more',
  async (t) => {
    let sides = 0
    for (let round = 0; round < 20; round++) {
      const town = townOf(randomTown(seeded(SEED + round), { sections: 4, ties: 3 }), 0.3)
      const load = loadOf(town)
      const edges = edgesOf(town.tables)
      const live = edges.filter((e) => e.normal)
      const now = trace(town.tables, live, load)
      const limitVa = (e: Edge) => Math.max(ratedVa(e), now.flow.get(e.id) ?? 0)
      for (const tie of tieCapabilities(town.zones)) {
        const edge = edges.find((e) => e.id === tie.id) as Edge
        for (const [side, node] of [
          [tie.sides[0], edge.from],
          [tie.sides[1], edge.to],
        ] as const) {
          const capabilityVa = (side.capabilityKva as number) * 1000
          const holds = (va: number) => {
            const more = new Map(load).set(node, (load.get(node) ?? 0) + va)
            const { flow } = trace(town.tables, live, more)
            return va <= limitVa(edge) && live.every((e) => (flow.get(e.id) ?? 0) <= limitVa(e))
          }
          t.ok(holds(capabilityVa - 0.5), `${tie.id} ${capabilityVa} (seed ${SEED + round})`)
          t.notOk(holds(capabilityVa + 1), `not more, by ${side.bottleneck}`)
          sides++
        }
      }
    }
    t.ok(sides > 20)
  },
)
