import t from 'tap'
import { expectLoads, type MeasuredLoad } from '../src/balance/allocation.ts'
import { balanceOf } from '../src/balance/balance.ts'
import { stationLosses } from '../src/balance/station-loss.ts'
import { priorityPoints, shed, type Sheddable } from '../src/balance/shedding.ts'
import { rateNetwork, supplyTree } from '../src/balance/supply-tree.ts'
import { cutIntoZones } from '../src/balance/zones.ts'
import { buildNetwork } from '../src/grid/network.ts'
import type { NetworkTables } from '../src/grid/tables.ts'
import { draw } from './support/drawn-ledger.ts'
import { seeded } from './support/seeded.ts'

const SEED = 20261126

/**
 * Two stations of one source each; every load point hangs on its feeder, whose ends are tied:
 *
 *   west ──[HW]── w0 ── w1 ── … ──/T/── … ── e1 ── e0 ──[HE]── east
 */
function lossesOf(
  points: number,
  {
    ratedKva,
    measured,
    customersEach,
  }: {
    ratedKva: number
    measured: ReadonlyMap<string, MeasuredLoad>
    customersEach: (point: number) => number
  },
) {
  const names = (side: string) => Array.from({ length: points }, (_, i) => `${side}${i}`)
  const [west, east] = [names('w'), names('e')]
  const chain = (nodes: readonly string[]) =>
    nodes
      .slice(1)
      .map((node, i): [string, string, string] => [`l${node}`, nodes[i] as string, node])
  const drawn = draw({
    sources: [['west'], ['east']],
    switches: [
      ['HW', 'west', 'w0'],
      ['HE', 'east', 'e0'],
      ['T', west.at(-1) as string, east.at(-1) as string, 'ABC', 'open'],
    ],
    lines: [...chain(west), ...chain(east)],
    points: [...west, ...east].map((node, i) => [`p${node}`, node, customersEach(i)]),
    feeders: [
      ['FW', 'HW', 'W'],
      ['FE', 'HE', 'E'],
    ],
  })
  return lossesWithin(drawn, { ratedKva, measured })
}

/** Loss of the one unit of W and of E, which has a rating that nothing else has. */
function lossesWithin(
  drawn: NetworkTables,
  { ratedKva, measured }: { ratedKva: number; measured: ReadonlyMap<string, MeasuredLoad> },
) {
  const tables = {
    ...drawn,
    sources: drawn.sources.map((row) => ({ ...row, ratedKva })),
    substations: ['W', 'E'].map((id) => ({ id, name: id, area: null, lon: null, lat: null })),
  }
  const network = buildNetwork(tables)
  const rated = rateNetwork(network, tables)
  const expected = expectLoads(rated, tables)
  const tree = supplyTree(rated, network.switchNormal)
  const input = { rated, tree, expected, measured, hourOfWeek: 12 }
  const balance = balanceOf({ ...input, heavyAbove: 0.8, overloadAbove: 1 })
  const zones = cutIntoZones(rated, tree, network.switchNormal, {
    loads: balance.loads,
    customers: expected.customers,
  })
  const toShed = { ...priorityPoints(network, tables), customers: expected.customers }
  return stationLosses(zones, balance, { shortTimeFactor: 1, points: toShed })
}

const said = (kw: number, kvar: number | null): MeasuredLoad => ({
  kw,
  kvar,
  amps: null,
  kv: null,
})

await t.test('what a tie can take whole leaves nothing behind, not even a rounding', (t) => {
  const random = seeded(SEED)
  let rounded = 0
  for (let round = 0; round < 200; round++) {
    const points = 1 + Math.floor(random() * 40)
    const measured = new Map<string, MeasuredLoad>()
    for (const side of ['w', 'e']) {
      for (let i = 0; i < points; i++) {
        // Watts and vars whose hypotenuse is no whole number.
        if (random() < 0.7) measured.set(`${side}${i}`, said(random() * 3, random()))
      }
    }
    // A unit's meter may see a little more than the feeders add up to.
    if (random() < 0.3) measured.set('source0', said(500 + random(), 100))
    for (const station of lossesOf(points, {
      ratedKva: 1e6,
      measured,
      customersEach: () => 1 + Math.floor(random() * 3),
    })) {
      if (station.loadKva % 0.001 > 1e-9) rounded++
      t.equal(station.loss?.passes, true, `${station.substation} (seed ${SEED}, ${round})`)
      t.equal(station.loss?.marginKva, 0)
      t.ok(Math.abs(station.transferKva - station.loadKva) < 1e-6, 'all of it is carried')
      t.match(station.remains, { kw: 0, customers: 0, loadPoints: [] })
      t.equal(station.remains?.loadPoints.length, 0)
    }
  }
  t.ok(rounded > 100, 'and the loads were no round numbers')
  t.end()
})

/**
 * Three sections and a tie behind each other, east with 60 kVA at e0; every unit 210 kVA, no other ratings:
 *
 *   west ──[HW]── w0 ──[S1]── w1 ──[S2]── w2 ──/T/── e0 ──[HE]── east
 *                100         90          80
 */
await t.test('worked by hand: a tie takes whole sections, however much room there is', (t) => {
  const stations = (loads: Record<'w0' | 'w1' | 'w2' | 'e0', number>, unitKva: number) => {
    const drawn = draw({
      sources: [['west'], ['east']],
      switches: [
        ['HW', 'west', 'w0'],
        ['S1', 'w0', 'w1'],
        ['S2', 'w1', 'w2'],
        ['HE', 'east', 'e0'],
        ['T', 'w2', 'e0', 'ABC', 'open'],
      ],
      points: Object.keys(loads).map((node) => [`p${node}`, node, 10]),
      feeders: [
        ['FW', 'HW', 'W'],
        ['FE', 'HE', 'E'],
      ],
    })
    const measured = new Map(Object.entries(loads).map(([node, kw]) => [node, said(kw, 0)]))
    return lossesWithin(drawn, { ratedKva: unitKva, measured })
  }
  const loads = { w0: 100, w1: 90, w2: 80, e0: 60 }
  // East has 210 − 60 = 150 left. w2 takes 80; w1 behind it would make 170. What ratings alone allow is 150.
  const [west, east] = stations(loads, 210)
  t.match(west, { loadKva: 270, transferKva: 80, ties: ['T'], complete: true })
  // 1 · (210 − 210) + 80 = 80 of 270 kVA: 190 must go, which is w0 and w1, and w2 is carried by east.
  t.match(west?.loss, { firmKva: 80, marginKva: -190, passes: false })
  t.match(west?.remains, { kw: 190, customers: 20 })
  t.equal(west?.remains?.loadPoints.length, 2)
  // West gives 210 already more than it may: nothing of east's can come.
  t.match(east, { transferKva: 0, ties: [], loss: { marginKva: -60 } })
  // 230: 170 are left, which w2 and w1 fill to the last kVA. 229 takes w2 alone.
  t.match(stations(loads, 230)[0], { transferKva: 170, loss: { marginKva: -100 } })
  t.match(stations(loads, 229)[0], { transferKva: 80 })
  // w2 too large for the tie: it stands in the way of all the others, however small they are.
  t.match(stations({ ...loads, w1: 10, w2: 151 }, 210)[0], { transferKva: 0, ties: [] })
  // 330 and more: all of it, and the head itself is opened.
  t.match(stations(loads, 330)[0], {
    transferKva: 270,
    loss: { passes: true, marginKva: 0 },
    remains: { kw: 0, customers: 0 },
  })
  t.end()
})

await t.test('whoever remains without supply is shed for at least a volt-ampere', (t) => {
  const random = seeded(SEED + 1)
  const seen = { holds: 0, sheds: 0 }
  for (let round = 0; round < 200; round++) {
    const points = 1 + Math.floor(random() * 10)
    const measured = new Map<string, MeasuredLoad>()
    for (const side of ['w', 'e']) {
      for (let i = 0; i < points; i++) measured.set(`${side}${i}`, said(random() * 300, null))
    }
    const ratedKva = 200 + random() * 4000
    const customers = 1 + Math.floor(random() * 50)
    for (const station of lossesOf(points, {
      ratedKva,
      measured,
      customersEach: () => customers,
    })) {
      const { loss, remains } = station
      if (loss === null || remains === null) throw new Error('all units have a rating')
      t.equal(
        loss.passes,
        remains.customers === 0,
        `${station.substation} (seed ${SEED + 1}, ${round})`,
      )
      t.equal(loss.passes, remains.kw === 0)
      seen[loss.passes ? 'holds' : 'sheds']++
    }
  }
  t.ok(seen.holds > 20 && seen.sheds > 20, `both occurred: ${JSON.stringify(seen)}`)
  t.end()
})

await t.test('load points go whole, by their own load, in the order that is said', (t) => {
  const of = (
    point: number,
    [va, customers, priority]: [number, number, 0 | 1 | 2],
  ): Sheddable => ({ point, w: va, va, customers, priority })
  const hand = (rows: [number, number, 0 | 1 | 2][], neededVa: number) =>
    shed(
      rows.map((row, point) => of(point, row)),
      neededVa,
    ).map(({ point }) => point)
  t.strictSame(hand([[100, 10, 0]], 0), [], 'nothing is needed')
  t.strictSame(
    hand(
      [
        [100, 10, 0],
        [100, 5, 0],
      ],
      50,
    ),
    [1],
    'few customers before many',
  )
  t.strictSame(
    hand(
      [
        [900, 1, 2],
        [800, 1, 1],
        [10, 99, 0],
        [20, 0, 0],
      ],
      31,
    ),
    [1],
    'a critical point before life support, and who is not needed beside it stays on',
  )
  t.strictSame(
    hand(
      [
        [900, 1, 2],
        [30, 3, 0],
        [20, 0, 0],
      ],
      1e9,
    ),
    [2, 1, 0],
    'where all does not suffice, all go',
  )

  const random = seeded(SEED + 2)
  for (let round = 0; round < 500; round++) {
    const points = Array.from({ length: 1 + Math.floor(random() * 30) }, (_, point) =>
      of(point, [
        Math.floor(random() * 1000),
        Math.floor(random() * 20),
        random() < 0.1 ? 2 : random() < 0.2 ? 1 : 0,
      ]),
    )
    const sum = (list: readonly Sheddable[]) => list.reduce((total, { va }) => total + va, 0)
    const neededVa = random() * sum(points) * 1.1
    const gone = shed(points, neededVa)
    const about = `(seed ${SEED + 2}, ${round})`
    if (sum(points) < neededVa) {
      t.equal(sum(gone), sum(points), `all of it ${about}`)
      continue
    }
    t.ok(sum(gone) >= neededVa, `enough goes ${about}`)
    t.notOk(
      gone.some((one) => sum(gone) - one.va >= neededVa),
      `none that is shed could be spared ${about}`,
    )
    // Whoever has priority goes only where all others with less together are not enough.
    for (const level of [1, 2] as const) {
      const less = points.filter((one) => one.priority < level)
      const isHit = gone.some((one) => one.priority >= level)
      t.equal(isHit, sum(less) < neededVa, `priority ${level} ${about}`)
    }
  }
  t.end()
})
