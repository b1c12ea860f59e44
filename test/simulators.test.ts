import { once } from 'node:events'
import { existsSync } from 'node:fs'
import net from 'node:net'
import { Aedes } from 'aedes'
import t from 'tap'
import { simulate } from '../simulators/command.ts'
import { createField } from '../simulators/field.ts'
import {
  darkPoints,
  feederOfNodes,
  livePhases,
  normalPositions,
  plainGrid,
} from '../simulators/plain-grid.ts'
import { randomFrom } from '../simulators/random.ts'
import { readSpl140k } from '../simulators/spl-140k.ts'
import { runStory } from '../simulators/story.ts'
import { makeTown } from '../simulators/town.ts'
import type { NetworkTables } from '../src/grid/tables.ts'
import { readNetworkFolder } from '../src/imports/network-folder.ts'

/** Nodes that a source reaches on this phase through what is closed: by names, in rounds, sharing nothing with the simulator. */
function reachedOn(tables: NetworkTables, letter: number, isOpen: (id: string) => boolean) {
  const joined = new Map<string, string[]>()
  const join = (from: string, to: string, phases: number) => {
    if ((phases & letter) === 0) return
    joined.set(from, [...(joined.get(from) ?? []), to])
    joined.set(to, [...(joined.get(to) ?? []), from])
  }
  for (const line of tables.lines) join(line.from, line.to, line.phases)
  for (const one of tables.transformers) join(one.from, one.to, one.phases)
  for (const one of tables.switches) if (!isOpen(one.id)) join(one.from, one.to, one.phases)
  const reached = new Set<string>()
  let edge = tables.sources.filter((one) => (one.phases & letter) !== 0).map((one) => one.node)
  while (edge.length > 0) {
    for (const node of edge) reached.add(node)
    edge = edge.flatMap((node) => joined.get(node) ?? []).filter((node) => !reached.has(node))
    edge = [...new Set(edge)]
  }
  return reached
}

function customersOut(tables: NetworkTables, isOpen: (id: string) => boolean): number {
  const live = [1, 2, 4].map((letter) => reachedOn(tables, letter, isOpen))
  return tables.servicePoints
    .filter((point) =>
      [0, 1, 2].some((i) => (point.phases & (1 << i)) !== 0 && !live[i]!.has(point.node)),
    )
    .reduce((sum, point) => sum + point.customers, 0)
}

void t.test('a town has exactly the customers asked for, all of them fed, radially', async (t) => {
  for (const customers of [1, 2, 19, 20, 21, 333, 2000, 12_345]) {
    for (const seed of [1, 2, 3]) {
      const which = `seed ${seed}, ${customers} customers`
      const tables = makeTown({ seed, customers })
      const sum = tables.servicePoints.reduce((total, point) => total + point.customers, 0)
      t.equal(sum, customers, `counted: ${which}`)
      const normallyOpen = new Set(
        tables.switches.filter((one) => !one.normallyClosed).map((one) => one.id),
      )
      t.equal(
        customersOut(tables, (id) => normallyOpen.has(id)),
        0,
        `fed: ${which}`,
      )
      const closed = tables.switches.length - normallyOpen.size
      const branches = tables.lines.length + tables.transformers.length + closed
      t.equal(branches, tables.nodes.length - tables.sources.length, `no loops: ${which}`)
      const ids = Object.values(tables).flatMap((rows) => rows.map((row) => row.id))
      t.equal(new Set(ids).size, ids.length, `ids are unique over all tables: ${which}`)
    }
  }
})

void t.test('a town has what a distribution network has', async (t) => {
  const tables = makeTown({ seed: 7, customers: 20_000 })
  const kinds = (kind: string) => tables.switches.filter((one) => one.kind === kind)
  t.equal(tables.feeders.length, 20)
  t.equal(tables.substations.length, 3)
  t.equal(kinds('recloser').length, 20)
  t.ok(kinds('fuse').length > 200)
  t.ok(
    kinds('fuse').some((fuse) => fuse.phases !== 7),
    'some laterals are not three-phase',
  )
  const substationOf = (label: string) =>
    tables.feeders.find((feeder) => feeder.head === `CB-${label}`)?.substation
  const between = tables.switches.filter((one) => {
    const [, a, b] = /^TIE-(.+)-(.+)$/.exec(one.id) ?? []
    return a !== undefined && b !== undefined && substationOf(a) !== substationOf(b)
  })
  t.ok(between.length > 0, 'some ties join two substations')
  t.notOk(
    between.some((one) => one.normallyClosed),
    'and they are open',
  )
  for (const feeder of tables.feeders) {
    const label = feeder.head.slice(3)
    const tied = tables.switches.some((one) => new RegExp(`^TIE.*-${label}\\b`).test(one.id))
    t.ok(tied, `${feeder.id} has a tie`)
    const out = customersOut(
      tables,
      (id) => id === feeder.head || tables.switches.some((s) => s.id === id && !s.normallyClosed),
    )
    t.ok(out > 500 && out < 1600, `${feeder.id} has about 1,000 customers, not ${out}`)
  }
  const transformers = tables.transformers.filter((one) => one.kind === 'distribution')
  const perTransformer = 20_000 / transformers.length
  t.ok(perTransformer > 4 && perTransformer < 12, `${perTransformer} customers a transformer`)
  t.ok(tables.servicePoints.some((point) => point.priority === 'life_support'))
  t.ok(
    tables.nodes.every((node) => node.lon !== null && node.lat !== null),
    'everything has its place',
  )
})

void t.test('the same seed makes the same town, another seed another', async (t) => {
  const town = (seed: number) => JSON.stringify(makeTown({ seed, customers: 500 }))
  t.equal(town(5), town(5))
  t.not(town(5), town(6))
  t.throws(() => makeTown({ seed: 1, customers: 0 }), /at least one customer/)
  t.throws(() => makeTown({ seed: 1, customers: 1.5 }), /at least one customer/)
})

void t.test('chance is fair enough to simulate with', async (t) => {
  const random = randomFrom('dice')
  const counts = [0, 0, 0, 0, 0, 0]
  for (let n = 0; n < 60_000; n++) counts[random.int(0, 5)]!++
  for (const count of counts) t.ok(Math.abs(count - 10_000) < 500, `${count}`)
  let sum = 0
  for (let n = 0; n < 60_000; n++) sum += random.exponential(3)
  t.ok(Math.abs(sum / 60_000 - 3) < 0.1, `mean ${sum / 60_000}`)
})

type Word = { topic: string; retain: boolean; body: Record<string, unknown> }

/** A broker in this process that keeps what it was told. */
async function listen(test: { teardown(end: () => Promise<void>): void }) {
  const broker = await Aedes.createBroker()
  const server = net.createServer(broker.handle)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.teardown(async () => {
    await new Promise<void>((resolve) => broker.close(() => resolve()))
    server.close()
  })
  const words: Word[] = []
  broker.on('publish', (packet, client) => {
    if (client === null) return
    const parsed: unknown = JSON.parse(packet.payload.toString())
    for (const body of Array.isArray(parsed) ? parsed : [parsed]) {
      words.push({ topic: packet.topic, retain: packet.retain, body: body as Word['body'] })
    }
  })
  const { port } = server.address() as net.AddressInfo
  return { url: `mqtt://127.0.0.1:${port}`, words, broker }
}

void t.test('the field tells what it does, in the words of the contract', async (t) => {
  const { url, words } = await listen(t)
  const tables = makeTown({ seed: 3, customers: 2000 })
  const field = await createField({
    tables,
    url,
    seed: 3,
    now: () => 1_700_000_000_000,
    loadEveryS: 0.05,
    loadPointEveryS: 0.05,
    heartbeatEveryS: 0.05,
    gaspAfterS: 0.05,
  })
  t.strictSame(field.gateways, ['gw-sub-n', 'gw-sub-h'])
  t.match(words[0], {
    topic: 'grid/v1/gw-sub-n/state',
    body: { online: true, at: '2023-11-14T22:13:20.000Z' },
  })

  const open = new Set(tables.switches.filter((one) => !one.normallyClosed).map((one) => one.id))
  const head = tables.feeders[0]!.head
  const trip = field.operate(head, 'open', { reason: 'trip', phases: 2 })
  await trip.told
  t.match(
    words.find((word) => word.topic === `grid/v1/gw-sub-n/switch/${head}`),
    { body: { position: 'open', phases: 'B', reason: 'trip', at: '2023-11-14T22:13:20.000Z' } },
  )
  t.ok(trip.customersLost > 0, 'phase B is lost')
  const whole = field.operate(head, 'open')
  await whole.told
  t.equal(
    whole.customersOut,
    customersOut(tables, (id) => open.has(id) || id === head),
    'customers out as another reckoning has them',
  )
  t.equal(whole.customersOut, trip.customersLost + whole.customersLost)
  await new Promise((resolve) => setTimeout(resolve, 250))
  const back = field.operate(head, 'closed')
  await back.told
  t.equal(back.customersRestored, whole.customersOut)
  t.equal(back.customersOut, 0)
  t.throws(() => field.operate('nobody', 'open'), /no switch nobody/)
  await field.close()

  const heard = (pattern: RegExp) => words.filter((word) => pattern.test(word.topic))
  t.ok(
    heard(/gw-sub-n\/meter\//).some((word) => word.body['event'] === 'lastGasp'),
    'meters gasp',
  )
  t.notOk(
    heard(/gw-sub-h\/meter\//).some((word) => word.body['event'] === 'lastGasp'),
    'the neighbour does not',
  )
  t.ok(heard(/meter/).some((word) => word.body['event'] === 'restored'))
  const dead = heard(new RegExp(`load/${head}$`))
  t.ok(
    dead.some((word) => word.body['kw'] === 0),
    'a dead feeder takes nothing',
  )
  t.notOk(
    heard(new RegExp(`load/${tables.feeders[1]!.head}$`)).some((word) => word.body['kw'] === 0),
    'a live one does',
  )
  t.ok(
    heard(/switch\/batch/).some((word) => word.body['id'] === head),
    'positions are repeated',
  )
  for (const name of field.gateways) {
    const own = words.filter((word) => word.topic.startsWith(`grid/v1/${name}/`))
    const numbers = own.flatMap((word) => (word.body['seq'] as number | undefined) ?? [])
    t.strictSame(
      numbers,
      numbers.map((_, index) => index),
      'seq grows by one',
    )
    t.match(own.at(-1), { topic: `grid/v1/${name}/state`, body: { online: false } })
  }
})

void t.test('gateways that connect say where every telemetered switch stands', async (t) => {
  const { url, words } = await listen(t)
  const tables = makeTown({ seed: 3, customers: 1500 })
  const field = await createField({ tables, url, seed: 3, now: () => 1_700_000_000_000 })
  await field.close()
  const said = new Map(
    words
      .filter((word) => word.topic.includes('/switch/'))
      .map((word) => [word.body['id'] ?? word.topic.split('/').at(-1), word.body['position']]),
  )
  const wanted = tables.switches.filter((row) => row.telemetered)
  t.ok(wanted.length > 0)
  t.strictSame(
    wanted.filter((row) => said.get(row.id) !== (row.normallyClosed ? 'closed' : 'open')),
    [],
  )
})

t.test('the story makes a fault, a way around it and a repair, and ends when told', async (t) => {
  const { url, words } = await listen(t)
  const tables = makeTown({ seed: 11, customers: 3000 })
  const now = () => 1_700_000_000_000 + Math.round(performance.now())
  const quiet = { loadEveryS: 0, gaspAfterS: 0, heartbeatEveryS: 0 }
  const field = await createField({ tables, url, seed: 11, now, ...quiet })
  const lines: string[] = []
  const stop = new AbortController()
  const story = runStory({
    tables,
    field,
    seed: 11,
    speed: 100,
    now,
    signal: stop.signal,
    say(line) {
      lines.push(line)
      if (line.startsWith('All quiet')) stop.abort()
    },
  })
  await story
  await field.close()

  const moves = words.filter((word) => word.topic.includes('/switch/'))
  const reasons = moves.map((word) => word.body['reason'])
  t.strictSame(
    reasons.slice(0, 5),
    ['trip', 'reclose', 'trip', 'reclose', 'lockout'],
    'a reclosing sequence',
  )
  t.match(
    lines.join('\n'),
    /tripped.*\n.*reclosed.*\n.*locked out.*\n.*cut off.*\n.*back from the neighbour.*still out.*\n.*everyone has supply/,
  )

  // Played again on another reckoning, the words on the wire leave as many out as the story said.
  const open = new Set(tables.switches.filter((one) => !one.normallyClosed).map((one) => one.id))
  const outs = moves.map((word) => {
    const id = word.topic.split('/').at(-1)!
    if (word.body['position'] === 'open') open.add(id)
    else open.delete(id)
    return customersOut(tables, (one) => open.has(one))
  })
  const said = (pattern: RegExp) => Number(pattern.exec(lines.join('\n'))?.[1])
  t.equal(outs[0], said(/tripped: (\d+)/))
  t.equal(outs[4], said(/still there, (\d+)/))
  t.equal(outs[6], said(/(\d+) customers still out/))
  t.equal(outs.at(-1), 0, 'nobody is left in the dark')
  t.ok(outs[6]! > 0 && outs[6]! < outs[4]!, 'the tie brings back a part')
})

async function command(...argv: string[]) {
  const said: string[] = []
  const code = await simulate(argv, {
    out: (line) => said.push(line),
    err: (line) => said.push(line),
    now: () => 0,
    signal: AbortSignal.abort(),
  })
  return { code, said: said.join('\n') }
}

void t.test('relight simulate writes a town that is read back as it was made', async (t) => {
  const out = t.testdir()
  const town = await command('town', '--customers', '444', '--seed', '9', '--out', out)
  t.equal(town.code, 0, town.said)
  const { tables, faults } = await readNetworkFolder(out)
  t.strictSame(faults, [], 'nothing to report')
  t.strictSame(tables, makeTown({ seed: '9', customers: 444 }))
})

void t.test('relight simulate refuses what it cannot do, and says why', async (t) => {
  const cases: [argv: string[], code: number, says: RegExp][] = [
    [[], 2, /simulate town/],
    [['--help'], 0, /--heartbeat-s/],
    [['field', '--help'], 0, /--heartbeat-s/],
    [['weather'], 2, /there is no weather/],
    [['town', '--customers', '5'], 2, /--out is missing/],
    [['town', '--customers', 'many', '--out', 'x'], 2, /--customers must be a whole number/],
    [['town', '--customer', '5'], 2, /--customer/],
    [['field', '--network', '/nowhere', '--mqtt', 'mqtt://x'], 1, /no such file/],
    [['field', '--network', 'x', '--mqtt', 'm', '--loss', '2'], 2, /--loss must be from 0 to 1/],
    [['field', '--network', 'x', '--mqtt', 'm', '--speed', '0'], 2, /--speed must be more than 0/],
    [['spl-140k', '--from', '/nowhere', '--out', 'x'], 1, /no such file/],
  ]
  for (const [argv, code, says] of cases) {
    const answer = await command(...argv)
    t.equal(answer.code, code, argv.join(' '))
    t.match(answer.said, says)
  }
})

const SPL = new URL('../../shared/data/spl_140k', import.meta.url).pathname
const noSpl = existsSync(SPL) ? false : 'no ../shared/data/spl_140k'

void t.test(
  'the synthetic utility keeps every customer, and feeds them',
  { skip: noSpl },
  async (t) => {
    const tables = readSpl140k(SPL)
    t.equal(tables.servicePoints.length, 140_459)
    t.equal(tables.feeders.length, 65)
    t.equal(tables.transformers.filter((one) => one.kind === 'distribution').length, 21_545)
    t.equal(tables.switches.filter((one) => one.kind === 'fuse').length, 21_545)
    t.equal(tables.switches.filter((one) => one.id.startsWith('TIE-')).length, 14)
    const grid = plainGrid(tables)
    const normal = normalPositions(grid)
    t.equal(darkPoints(grid, livePhases(grid, normal)).size, 0, 'everyone is fed')
    const feederOf = feederOfNodes(grid, normal)
    const expected = new Map<string, number>()
    for (const row of grid.pointNode) {
      const feeder = tables.feeders[feederOf[row]!]!.id
      expected.set(feeder, (expected.get(feeder) ?? 0) + 1)
    }
    // As customers.csv has them: FDR-0001 644, FDR-0002 2,430, FDR-0003 2,362.
    t.equal(expected.get('FDR-0001'), 644)
    t.equal(expected.get('FDR-0002'), 2430)
    t.equal(expected.get('FDR-0003'), 2362)
    for (const kind of ['nodes', 'switches', 'lines', 'transformers', 'servicePoints'] as const) {
      t.equal(new Set<string>(tables[kind].map((row) => row.id)).size, tables[kind].length, kind)
    }
  },
)
