import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { NetworkTables } from '../src/grid/tables.ts'
import { readOpenDss } from '../src/imports/opendss.ts'
import { packageRoot } from '../src/root.ts'
import { saveLoads } from '../src/stores/loads.ts'
import { loadPointNumbers, saveRevision } from '../src/stores/networks.ts'
import { makeTown } from '../simulators/town.ts'
import { openTestDatabase } from './support/database.ts'
import { loadWord } from './support/load-words.ts'
import { NOW, openFront, tokenFor, type Answer } from './support/people.ts'
import { seeded } from './support/seeded.ts'

const DATA = path.resolve(packageRoot, '../shared/data')
const NO_DATA = fs.existsSync(DATA) ? false : 'no ../shared/data'
const SEED = 95_00

const NETWORKS: readonly {
  name: string
  skip: string | false
  readonly read: () => Promise<NetworkTables>
}[] = [
  {
    name: 'IEEE 9500',
    skip: NO_DATA,
    read: async () => {
      const { tables } = await readOpenDss(path.join(DATA, 'ieee9500/ieee9500_base.dss'))
      if (tables === undefined) throw new Error('IEEE 9500 cannot be read')
      return tables
    },
  },
  {
    name: 'the demo town',
    skip: false,
    read: async () => makeTown({ seed: 1, customers: 3000 }),
  },
]

type Way = {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly phases: number
}

/**
 * The network as a hand would trace it under normal positions, from the tables alone: which way feeds each node, and from which node.
 * Distances are equal, so that the shortest way is the first one found.
 */
function trace(tables: NetworkTables) {
  const ways = new Map<string, Way[]>()
  for (const row of [
    ...tables.switches.filter((each) => each.normallyClosed),
    ...tables.lines,
    ...tables.transformers,
  ]) {
    for (const end of [row.from, row.to]) ways.set(end, [...(ways.get(end) ?? []), row])
  }
  const up = new Map<string, { way: Way; node: string } | null>()
  for (const { node } of tables.sources) up.set(node, null)
  for (const node of up.keys()) {
    for (const way of ways.get(node) ?? []) {
      const other = way.from === node ? way.to : way.from
      if (!up.has(other)) up.set(other, { way, node })
    }
  }
  /** Ways from a node to its source, and the nodes that each of them feeds. */
  const path = (node: string) => {
    const found: { way: Way; below: string }[] = []
    for (let at = node, next = up.get(at); next; at = next.node, next = up.get(at)) {
      found.push({ way: next.way, below: at })
    }
    return found
  }
  return { up, path }
}

/** What a way carries by its tables; ways of one phase each between the same nodes carry their sum. */
function ratings(tables: NetworkTables): (way: Way) => number {
  const kv = new Map(tables.nodes.map((row) => [row.id, row.kv ?? NaN]))
  const count = (phases: number) => [1, 2, 4].filter((bit) => (phases & bit) !== 0).length
  const own = new Map<string, number>()
  const besides = new Map<string, string[]>()
  const pair = (way: Way) => [way.from, way.to].sort().join(' ')
  for (const row of [...tables.switches, ...tables.lines]) {
    own.set(
      row.id,
      row.ratedA === null
        ? NaN
        : (count(row.phases) * (kv.get(row.from) ?? NaN) * row.ratedA) / Math.sqrt(3),
    )
  }
  for (const row of tables.transformers) own.set(row.id, row.ratedKva ?? NaN)
  const distribution = new Set(
    tables.transformers.filter((row) => row.kind === 'distribution').map((row) => row.id),
  )
  for (const row of [...tables.switches, ...tables.lines, ...tables.transformers]) {
    if (row.phases === 7 || distribution.has(row.id)) continue
    besides.set(pair(row), [...(besides.get(pair(row)) ?? []), row.id])
  }
  return (way) => {
    const bank = besides.get(pair(way)) ?? []
    if (way.phases === 7 || bank.length < 2) return own.get(way.id) ?? NaN
    return bank.reduce((sum, id) => sum + (own.get(id) ?? NaN), 0)
  }
}

const total = (rows: readonly Answer[], what: string): number =>
  rows.reduce((sum, row) => sum + Math.round(row[what] * 1000), 0)

for (const { name, skip, read } of NETWORKS) {
  await t.test(
    `${name}: totals agree from load points up to areas, and ties carry what is left`,
    { skip },
    async (t) => {
      const tables = await read()
      const database = await openTestDatabase(t)
      const about = { validFrom: 0, importedAt: 0, format: 'folder', report: [] } as const
      await saveRevision(database.pool, tables, about)
      const { up, path } = trace(tables)
      const nodeOf = new Map<string, string>(tables.nodes.map((row) => [row.id, row.id]))
      for (const row of tables.transformers) nodeOf.set(row.id, row.from)
      await database.db
        .transaction()
        .execute((tx) => loadPointNumbers(tx, [...nodeOf.keys()].sort()))

      // Half the heads are measured, one exports, and some transformers are measured below them.
      const random = seeded(SEED)
      const heads = new Map(tables.feeders.map((row) => [row.head, row]))
      const said = new Map<string, number>()
      tables.feeders.forEach((row, i) => {
        if (i % 2 === 0) said.set(row.head, i === 2 ? -40 : 900 + Math.round(random() * 900))
      })
      for (const row of tables.transformers) {
        if (row.kind === 'distribution' && random() < 0.2) {
          said.set(row.id, Math.round(random() * 30_000) / 1000)
        }
      }
      await database.db.transaction().execute((tx) =>
        saveLoads(
          tx,
          [...said].map(([id, kw]) => loadWord(id, NOW, kw)),
        ),
      )

      const front = await openFront(t, database)
      const token = await tokenFor('planner')
      const get = async (url: string): Promise<Answer> => {
        const answer = await front.ask('GET', `/api/v1/${url}`, token)
        if (answer.status !== 200) throw new Error(`${url}: ${answer.text}`)
        return answer.body
      }
      const balance = await get('balance')
      const seen = { points: 0, measured: 0, negative: 0, feedersOnPages: 0 }
      const pointsOf = new Map<string, Answer[]>()
      const wrong: string[] = []
      const headOf = (node: string) => path(node).find(({ way }) => heads.has(way.id))?.way.id ?? ''
      for (const feeder of tables.feeders) {
        const rows: Answer[] = []
        for (let cursor = '', more = true; more; more = cursor !== '') {
          const page = await get(
            `balance?level=loadPoint&limit=150&feeder=${encodeURIComponent(feeder.id)}${cursor}`,
          )
          rows.push(...page.rows)
          cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`
        }
        pointsOf.set(feeder.id, rows)
        seen.feedersOnPages += rows.length > 150 ? 1 : 0
        for (const row of rows) {
          seen.points++
          const meter = said.get(row.id)
          if (meter !== undefined) seen.measured++
          if (meter !== undefined && row.kw !== meter)
            wrong.push(`${row.id}: not as its meter says`)
          if (row.kw < 0) seen.negative++
          const hangsOn = heads.get(headOf(nodeOf.get(row.id) ?? ''))?.id
          if (hangsOn !== feeder.id || row.parent !== feeder.id) wrong.push(`${row.id}: ${hangsOn}`)
        }
      }
      t.strictSame(wrong, [], 'load points are where the hand finds them')
      t.equal(new Set([...pointsOf.values()].flat().map((row) => row.id)).size, seen.points, 'once')
      t.ok(seen.feedersOnPages > 0 || seen.points < 450, 'some feeder needs a second page')
      t.ok(seen.negative > 0, 'and one exports')
      t.ok(seen.measured > 10 && seen.points > 300, JSON.stringify(seen))

      // From load points to feeders.
      const customersBy = new Map<string, number>()
      for (const point of tables.servicePoints) {
        const id = heads.get(headOf(point.node))?.id ?? ''
        customersBy.set(id, (customersBy.get(id) ?? 0) + point.customers)
      }
      for (const row of balance.feeders) {
        const points = pointsOf.get(row.id) ?? []
        const unaccounted = Math.round(row.unaccountedKw * 1000)
        t.equal(total(points, 'kw') + unaccounted, Math.round(row.kw * 1000), `${row.id} in watts`)
        t.equal(row.customers, customersBy.get(row.id), `${row.id}: customers`)
        const head = tables.feeders.find((each) => each.id === row.id)?.head ?? ''
        if (said.has(head)) t.equal(row.kw, said.get(head), `${row.id} is as its head says`)
        if (row.ratedKva !== null) {
          t.equal(row.rate, row.kva / row.ratedKva)
          t.equal(row.marginKva, row.ratedKva - row.kva)
        }
      }
      t.equal(balance.feeders.length, tables.feeders.length)

      // From feeders to the transformers of stations: the last way before the head that changes the voltage.
      const kv = new Map(tables.nodes.map((row) => [row.id, row.kv]))
      const transformer = new Map(tables.transformers.map((row) => [row.id, row]))
      const unitOf = (head: string): string => {
        const row = tables.switches.find((each) => each.id === head)
        const upper = up.get(row?.from ?? '')?.way.id === head ? row?.to : row?.from
        const way = path(upper ?? '').find(
          ({ way: { id, from, to } }) => transformer.has(id) && kv.get(from) !== kv.get(to),
        )
        return way?.way.id ?? ''
      }
      const below = new Map<string, Answer[]>()
      const hang = (above: string, row: Answer) =>
        below.set(above, [...(below.get(above) ?? []), row])
      for (const row of balance.feeders) {
        const head = tables.feeders.find((each) => each.id === row.id)?.head ?? ''
        t.equal(row.parent, unitOf(head), `${row.id} hangs on ${row.parent}`)
        hang(unitOf(head), row)
      }
      for (const row of balance.units) {
        t.equal(
          total(below.get(row.id) ?? [], 'kw'),
          Math.round(row.kw * 1000),
          `${row.id} in watts`,
        )
        t.equal(total(below.get(row.id) ?? [], 'customers'), row.customers * 1000)
        t.equal(row.ratedKva, transformer.get(row.id)?.ratedKva, `${row.id}: rating`)
        hang(`station ${row.parent}`, row)
      }
      for (const row of balance.substations) {
        const units = below.get(`station ${row.id}`) ?? []
        t.ok(units.length > 0, `${row.id} has transformers`)
        for (const what of ['kw', 'kvar', 'customers']) {
          t.equal(total(units, what), Math.round(row[what] * 1000), `${row.id}: ${what}`)
        }
        t.equal(
          row.ratedKva,
          units.reduce((sum, unit) => sum + unit.ratedKva, 0),
          row.id,
        )
        const area = tables.substations.find((each) => each.id === row.id)?.area ?? ''
        hang(`area ${area}`, row)
      }
      for (const row of balance.areas) {
        const stations = below.get(`area ${row.id}`) ?? []
        t.ok(stations.length > 0, `area ${row.id} has stations`)
        for (const what of ['kw', 'kvar', 'customers']) {
          t.equal(total(stations, what), Math.round(row[what] * 1000), `area ${row.id}: ${what}`)
        }
      }
      const customers = tables.servicePoints.reduce((sum, point) => sum + point.customers, 0)
      for (const level of ['areas', 'substations', 'units', 'feeders']) {
        t.equal(
          total(balance[level], 'customers'),
          customers * 1000,
          `${level}: every customer once`,
        )
        t.equal(
          total(balance[level], 'kw'),
          total(balance.areas, 'kw'),
          `${level}: every watt once`,
        )
      }

      // Each tie gives what its way to the source has left.
      const limit = ratings(tables)
      const flow = new Map<string, number>()
      for (const rows of pointsOf.values()) {
        for (const { id, kw, kvar } of rows) {
          if (kw <= 0) continue
          const va = Math.round(Math.hypot(kw * 1000, kvar * 1000))
          for (const { way } of path(nodeOf.get(id) ?? '')) {
            flow.set(way.id, (flow.get(way.id) ?? 0) + va)
          }
        }
      }
      const answer = await get('balance/ties')
      const between = tables.switches.filter(
        (row) =>
          !row.normallyClosed &&
          !['fuse', 'jumper'].includes(row.kind) &&
          up.has(row.from) &&
          up.has(row.to) &&
          headOf(row.from) !== headOf(row.to),
      )
      t.ok(between.length > 1)
      t.strictSame(
        answer.ties.map((tie: Answer) => tie.id).toSorted(),
        between.map((row) => row.id).toSorted(),
        'every tie between two feeders',
      )
      const switches = new Map(tables.switches.map((row) => [row.id, row]))
      for (const tie of answer.ties) {
        const row = switches.get(tie.id)
        if (row === undefined) throw new Error(`no switch ${tie.id}`)
        for (const [side, node] of [row.from, row.to].entries()) {
          const given = tie.sides[side]
          let leastVa = limit(row) * 1000
          for (const { way } of path(node)) {
            const ratedVa = heads.has(way.id) ? headVa(way) : limit(way) * 1000
            if (Number.isNaN(ratedVa)) continue
            const flowVa = flow.get(way.id) ?? 0
            leastVa = Math.min(leastVa, Math.max(ratedVa, flowVa) - flowVa)
          }
          t.ok(
            Math.abs(given.capabilityKva - leastVa / 1000) < 1e-6,
            `${tie.id} from ${given.feeder}: ${given.capabilityKva} is ${leastVa / 1000} kVA`,
          )
          t.equal(given.feeder, heads.get(headOf(node))?.id)
          t.comment(
            `${tie.id} from ${given.feeder}: ${given.capabilityKva.toFixed(0)} kVA (${given.bottleneck})`,
          )
        }
      }

      function headVa(way: Way): number {
        const feeder = heads.get(way.id)
        const own = limit(way)
        const amps = switches.get(way.id)?.ratedA ?? NaN
        const kva = feeder?.ratedKva ?? (own * (feeder?.ratedA ?? amps)) / amps
        return Math.min(Number.isNaN(own) ? Infinity : own, kva) * 1000
      }
    },
  )
}
