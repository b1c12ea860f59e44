import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { NetworkTables } from '../src/grid/tables.ts'
import { readOpenDss } from '../src/imports/opendss.ts'
import { hasErrors } from '../src/imports/report.ts'
import { packageRoot } from '../src/root.ts'
import { MS_PER_MIN, MS_PER_S } from '../src/time.ts'
import { until } from './support/broker.ts'
import { openTestDatabase } from './support/database.ts'
import { listen, openGateway, openTestService } from './support/service.ts'

const DATA = path.resolve(packageRoot, '../shared/data')
const NO_DATA = fs.existsSync(DATA) ? false : 'no ../shared/data'

type Outage = {
  id: string
  status: string
  device: string
  customersOut: number
  customersInterrupted: number
  customerMinutes: number
  startedAt: string
  restoredAt: string | null
  startUncertain: boolean
  steps: { at: string; device: string; customersRestored: number }[]
}
type Outages = { outages: Outage[] }

/**
 * The hand trace: loads that a breadth-first search reaches from the sources, phase by phase, with some switches moved. Written from the
 * meaning of the tables alone.
 */
function fedLoads(tables: NetworkTables, moved: ReadonlyMap<string, boolean>): Set<string> {
  const fed = new Set<string>()
  for (const [bit] of [[1], [2], [4]] as [number][]) {
    const ways = new Map<string, string[]>()
    const join = (a: string, b: string): void => {
      const known = ways.get(a)
      if (known === undefined) ways.set(a, [b])
      else known.push(b)
    }
    const rows = [
      ...tables.switches.filter((row) => moved.get(row.id) ?? row.normallyClosed),
      ...tables.lines,
      ...tables.transformers,
    ]
    for (const row of rows) {
      if ((row.phases & bit) === 0) continue
      join(row.from, row.to)
      join(row.to, row.from)
    }
    const reached = new Set(tables.sources.filter((s) => s.phases & bit).map((s) => s.node))
    for (const node of reached) for (const next of ways.get(node) ?? []) reached.add(next)
    for (const point of tables.servicePoints) {
      if ((point.phases & bit) !== 0 && reached.has(point.node)) fed.add(`${point.id}/${bit}`)
    }
  }
  return new Set(
    tables.servicePoints
      .filter((point) =>
        [1, 2, 4].every((bit) => (point.phases & bit) === 0 || fed.has(`${point.id}/${bit}`)),
      )
      .map((point) => point.id),
  )
}

t.test(
  'IEEE 9500: a head opens, a tie closes, the head closes; the one behind it hears, the neighbour does not',
  { skip: NO_DATA },
  async (t) => {
    const { tables, faults } = await readOpenDss(path.join(DATA, 'ieee9500/ieee9500_base.dss'))
    t.notOk(hasErrors(faults))
    const database = await openTestDatabase(t)
    const service = await openTestService(t, database, { tables, env: { NOTICE_HOLD_S: '0' } })
    const gateway = await openGateway(t, service.broker)

    const all = fedLoads(tables, new Map())
    t.equal(all.size, 1275, 'all loads have supply')
    const ties = tables.switches.filter((row) => !row.normallyClosed)
    const heads = tables.feeders.map((feeder) => feeder.head)
    // A head and a tie such that the tie brings back a part of what the head had: by the hand trace.
    let choice: { head: string; tie: string; lost: number; back: number } | undefined
    for (const head of heads) {
      const lost = all.size - fedLoads(tables, new Map([[head, false]])).size
      for (const { id: tie } of ties) {
        const moved = new Map([
          [head, false],
          [tie, true],
        ])
        const back = lost - (all.size - fedLoads(tables, moved).size)
        if (back > 0 && back < lost) choice ??= { head, tie, lost, back }
      }
      if (choice !== undefined) break
    }
    t.ok(choice, 'there is a tie that helps')
    if (choice === undefined) return
    const { head, tie, lost, back } = choice

    const dark = fedLoads(tables, new Map([[head, false]]))
    const behind = tables.servicePoints.find((point) => !dark.has(point.id))?.id as string
    const neighbour = tables.servicePoints.find((point) => dark.has(point.id))?.id as string
    const hears = await listen(t, service, [`servicePoint:${behind}`], {
      role: 'customer',
      servicePoints: [behind],
    })
    const silent = await listen(t, service, [`servicePoint:${neighbour}`], {
      role: 'customer',
      servicePoints: [neighbour],
    })
    const desk = await listen(t, service, ['outages'])

    const t0 = Date.now() - 40 * MS_PER_MIN
    await gateway.switch(head, 'closed', t0 - MS_PER_MIN)
    await gateway.switch(head, 'open', t0, { reason: 'lockout' })
    await until(
      () => hears.notices().some((n) => n.data['kind'] === 'supplyLost'),
      'the customer hears',
    )
    let [outage] = (await service.get<Outages>('outages?state=active')).outages
    t.match(outage, {
      device: head,
      customersOut: lost,
      status: 'confirmed',
      startUncertain: false,
    })

    await gateway.switch(tie, 'closed', t0 + 10 * MS_PER_MIN)
    await gateway.switch(head, 'closed', t0 + 30 * MS_PER_MIN)
    await until(
      () => hears.notices().some((n) => n.data['kind'] === 'supplyRestored'),
      'the customer hears that it is back',
    )
    ;[outage] = (await service.get<Outages>('outages?state=restored')).outages
    t.match(outage, { customersInterrupted: lost, customersOut: 0, status: 'restored' })
    t.equal(outage?.steps.length, 2)
    t.match(outage?.steps[0], { device: tie, customersRestored: back })
    t.equal(outage?.customerMinutes, back * 10 + (lost - back) * 30, 'to the second')
    t.strictSame(silent.notices(), [], 'the neighbour hears nothing')
    t.ok(desk.notices().length >= 2)
    const [row] = await service
      .get<{ rows: { indices: Record<string, number> }[] }>(
        `indices?from=${new Date(t0 - 864e5).toISOString().slice(0, 10)}&to=${new Date(t0 + 2 * 864e5).toISOString().slice(0, 10)}`,
      )
      .then(({ rows }) => rows)
    t.equal(row?.indices['SAIFI'], lost / 1275, 'the index moves')
  },
)

t.test(
  'IEEE 9500: each tie, closed after a head opened, brings back exactly what a hand trace gives',
  { skip: NO_DATA },
  async (t) => {
    const { tables } = await readOpenDss(path.join(DATA, 'ieee9500/ieee9500_base.dss'))
    const { buildNetwork, at } = await import('../src/grid/network.ts')
    const { energize, operate, isFed } = await import('../src/grid/energization.ts')
    const network = buildNetwork(tables)
    const ties = tables.switches.filter((row) => !row.normallyClosed)
    let helped = 0
    for (const { head } of tables.feeders) {
      for (const tie of ties) {
        const state = energize(network)
        operate(state, network.switchIndex.get(head) as number, 0)
        operate(state, network.switchIndex.get(tie.id) as number, tie.phases)
        const wanted = fedLoads(
          tables,
          new Map([
            [head, false],
            [tie.id, true],
          ]),
        )
        const got = tables.servicePoints.filter((_, index) => {
          const group = at(network.servicePointGroup, index)
          const node = at(network.loadPointNode, at(network.groupLoadPoint, group))
          return [0, 1, 2].every((phase) => {
            if ((at(network.groupPhases, group) & (1 << phase)) === 0) return true
            return isFed(state, at(network.nodeSection, node * 3 + phase))
          })
        })
        const same = got.length === wanted.size && got.every((point) => wanted.has(point.id))
        if (!same)
          t.fail(`${head} open, ${tie.id} closed: ${got.length} fed, ${wanted.size} wanted`)
        if (wanted.size > fedLoads(tables, new Map([[head, false]])).size) helped++
      }
    }
    t.ok(helped >= 5, `${helped} pairs of head and tie bring someone back`)
  },
)

/*
 *  The IEEE 1366 sample circuit: 2000 customers behind one breaker, and a switch of its own for each set that was interrupted alone.
 *
 *  source ──[B]── bus ──[S200]── 200   ──[S400]── 400 … the sets are made of blocks so that each row of the table is one switch.
 */
t.test(
  'the IEEE 1366 sample circuit, fed as switch messages, gives the printed indices',
  async (t) => {
    // Retyped from IEEE Std 1366, sample data (1994): off, on, customers, kVA.
    const rows: [off: string, on: string, customers: number, kva: number][] = [
      ['1994-03-17T12:12:20Z', '1994-03-17T12:20:30Z', 200, 800],
      ['1994-04-15T18:23:56Z', '1994-04-15T18:24:26Z', 400, 1600],
      ['1994-05-05T00:23:10Z', '1994-05-05T01:34:29Z', 600, 1800],
      ['1994-06-12T23:17:00Z', '1994-06-12T23:47:14Z', 25, 75],
      ['1994-07-06T09:30:10Z', '1994-07-06T09:31:10Z', 2000, 4000],
      ['1994-08-20T15:45:39Z', '1994-08-20T20:12:50Z', 90, 500],
      ['1994-08-31T08:20:00Z', '1994-08-31T10:20:00Z', 700, 2100],
      ['1994-09-03T17:10:00Z', '1994-09-03T17:20:00Z', 1500, 3000],
      ['1994-10-27T10:15:00Z', '1994-10-27T10:55:00Z', 100, 200],
    ]
    // Years before 2001 are refused by the field's door; the same days of a later year that is no leap year either.
    const shift = Date.parse('2022-01-01T00:00:00Z') - Date.parse('1994-01-01T00:00:00Z')
    // One chain of switches: behind the k-th one are exactly the customers of the k-th smallest row.
    const sizes = [...new Set(rows.map(([, , customers]) => customers))].sort((a, b) => b - a)
    const name = (customers: number): string => `S${customers}`
    const tables: NetworkTables = {
      sources: [{ id: 'g', node: 'n0', phases: 7, ratedKva: null }],
      substations: [{ id: 'sub', name: 'Sub', area: 'A', lon: null, lat: null }],
      feeders: [
        { id: 'F', name: 'F', substation: 'sub', head: 'S2000', ratedA: null, ratedKva: null },
      ],
      nodes: ['n0', ...sizes.map((size) => `n${size}`)].map((id) => ({
        id,
        kv: null,
        lon: null,
        lat: null,
      })),
      switches: sizes.map((size, i) => ({
        id: name(size),
        from: i === 0 ? 'n0' : `n${sizes[i - 1]}`,
        to: `n${size}`,
        kind: 'breaker',
        phases: 7,
        normallyClosed: true,
        ratedA: null,
        telemetered: true,
        name: null,
      })),
      lines: [],
      transformers: [],
      servicePoints: sizes.map((size, i) => ({
        id: `P${size}`,
        node: `n${size}`,
        phases: 7,
        customers: size - (sizes[i + 1] ?? 0),
        connectedKva: null,
        class: null,
        averageKw: null,
        peakKw: null,
        priority: null,
        lon: null,
        lat: null,
      })),
    }
    const database = await openTestDatabase(t)
    const service = await openTestService(t, database, { tables })
    const gateway = await openGateway(t, service.broker)
    for (const [off, on, customers] of rows) {
      await gateway.switch(name(customers), 'open', Date.parse(off) + shift)
      await gateway.switch(name(customers), 'closed', Date.parse(on) + shift)
    }
    // A broker in between acknowledges before the service does.
    await until(async () => {
      const { count } = await database.db
        .selectFrom('observation')
        .select((select) => select.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      return count === 2 * rows.length
    }, 'all words are on record')
    const { rows: answer } = await service.get<{
      rows: { indices: Record<string, number>; customersServed: number; ci: number; cmi: number }[]
    }>('indices?from=2022-01-01&to=2023-01-01')
    const [row] = answer
    t.equal(row?.customersServed, 2000)
    t.equal(row?.ci, 3215)
    t.equal(row?.indices['SAIFI'], 1.6075)
    t.equal(row?.indices['SAIDI']?.toFixed(3), '86.113')
    t.equal(row?.indices['CAIDI']?.toFixed(3), '53.569')
    t.equal(row?.indices['ASAI']?.toFixed(6), '0.999836')
    const byMonth = await service.get<{ rows: { ci: number; cmi: number }[] }>(
      'indices?from=2022-01-01&to=2023-01-01&by=month',
    )
    t.equal(
      byMonth.rows.reduce((sum, month) => sum + month.ci, 0),
      3215,
      'months add up',
    )
  },
)

t.test(
  'a late word corrects the outage, its minutes and the index, and the correction is on record',
  async (t) => {
    const database = await openTestDatabase(t)
    const { TOWN } = await import('./support/people.ts')
    const service = await openTestService(t, database, {
      tables: TOWN,
      env: { NOTICE_HOLD_S: '0' },
    })
    const gateway = await openGateway(t, service.broker)
    const t0 = Date.now() - 60 * MS_PER_MIN
    const point = TOWN.servicePoints[0]?.id as string
    const hears = await listen(t, service, [`servicePoint:${point}`], {
      role: 'customer',
      servicePoints: [point],
    })
    await gateway.switch('H1', 'closed', t0 - 60 * MS_PER_S)
    await gateway.switch('H1', 'open', t0)
    // Lost and back in one breath would not be told at all.
    await until(
      () => hears.notices().some((n) => n.data['kind'] === 'supplyLost'),
      'told that it is out',
    )
    await gateway.switch('H1', 'closed', t0 + 30 * MS_PER_MIN)
    await until(
      () => hears.notices().some((n) => n.data['kind'] === 'supplyRestored'),
      'told that it is back',
    )
    const before = (await service.get<Outages>('outages?state=all')).outages[0] as Outage
    // It had closed ten minutes earlier than we were told.
    await gateway.switch('H1', 'closed', t0 + 20 * MS_PER_MIN)
    const read = async () => (await service.get<Outages>('outages?state=all')).outages[0] as Outage
    await until(
      async () => (await read()).customerMinutes !== before.customerMinutes,
      'the minutes follow',
    )
    const after = await read()
    t.equal(after.id, before.id, 'it is still the same event')
    t.equal(after.customerMinutes, (before.customerMinutes / 30) * 20)
    const whole = await service.get<{ corrections: unknown[] }>(`outages/${after.id}`)
    t.equal(whole.corrections.length, 1)
  },
)
