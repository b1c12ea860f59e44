import * as fc from 'fast-check'
import t from 'tap'
import type { NetworkTables } from '../src/grid/tables.ts'
import {
  latestRevision,
  loadPointNumbers,
  loadRevision,
  revisions,
  saveRevision,
} from '../src/stores/networks.ts'
import { makeTown } from '../simulators/town.ts'
import { openTestDatabase } from './support/database.ts'

const AT = Date.parse('2026-03-01T08:00:00.123Z')
const about = (at = AT) => ({
  validFrom: at,
  importedAt: at,
  format: 'folder' as const,
  report: [],
})

const ODD = 'tab\there, back\\slash, line\nend, \\N, "quoted", Ö, 供电, 🜚'
const SMALL: NetworkTables = {
  sources: [{ id: 'g', node: 'a', phases: 7, ratedKva: null }],
  substations: [{ id: 'W', name: ODD, area: null, lon: -1.5, lat: 1e-9 }],
  feeders: [{ id: 'F', name: 'Mill', substation: 'W', head: 'H', ratedA: 0.1, ratedKva: null }],
  nodes: [
    { id: 'a', kv: 12.47, lon: null, lat: null },
    { id: ODD, kv: null, lon: 179.123456789012, lat: -90 },
  ],
  switches: [
    {
      id: 'H',
      from: 'a',
      to: ODD,
      kind: 'breaker',
      phases: 5,
      normallyClosed: false,
      ratedA: 1e300,
      telemetered: true,
      name: ODD,
    },
  ],
  lines: [
    {
      id: 'l',
      from: ODD,
      to: 'a',
      phases: 1,
      lengthM: 0.30000000000000004,
      ratedA: null,
      overhead: null,
      failuresPerKmYear: 0.1,
      repairH: 2.5,
    },
  ],
  transformers: [],
  servicePoints: [
    {
      id: 'P',
      node: ODD,
      phases: 2,
      customers: 7,
      connectedKva: null,
      class: ODD,
      averageKw: 1.5,
      peakKw: null,
      priority: 'critical',
      lon: null,
      lat: null,
    },
  ],
}

t.test('a revision is read back as it was saved, and earlier ones stay', async (t) => {
  const { db, pool } = await openTestDatabase(t)
  t.equal(await latestRevision(db), undefined)
  t.same(await revisions(db), [])
  t.equal((await loadRevision(db, 1)).nodes.length, 0)

  const town = makeTown({ seed: 3, customers: 1500 })
  t.equal(await saveRevision(pool, SMALL, about()), 1)
  t.equal(await saveRevision(pool, town, { ...about(AT + 5000), format: 'town' }), 2)
  t.same(await loadRevision(db, 1), SMALL)
  t.same(await loadRevision(db, 2), town)
  t.same(await latestRevision(db), {
    revision: 2,
    validFrom: AT + 5000,
    importedAt: AT + 5000,
    format: 'town',
  })
  t.same(
    (await revisions(db)).map((each) => each.revision),
    [1, 2],
  )
})

t.test('a network that fails in the middle leaves nothing behind', async (t) => {
  const { db, pool } = await openTestDatabase(t)
  const broken = { ...SMALL, lines: [{ ...SMALL.lines[0]!, to: 'nowhere' }] }
  await t.rejects(saveRevision(pool, broken, about()), /no node nowhere/)
  const hostile = {
    ...SMALL,
    nodes: [SMALL.nodes[0]!, { ...SMALL.nodes[1]!, id: ODD, kv: Number.NaN }],
  }
  t.equal(await saveRevision(pool, hostile, about()), 1, 'the connection is usable again')
  const nul = { ...SMALL, substations: [{ ...SMALL.substations[0]!, name: 'a\0b' }] }
  await t.rejects(saveRevision(pool, nul, about()))
  t.equal((await revisions(db)).length, 1)
  const { rows } = await pool.query('select count(*)::int as n from network_node')
  t.equal(rows[0].n, 2)
})

t.test('imports at the same time take their numbers one after the other', async (t) => {
  const { db, pool } = await openTestDatabase(t)
  const saved = await Promise.all([1, 2, 3, 4].map((n) => saveRevision(pool, SMALL, about(AT + n))))
  t.same(new Set(saved), new Set([1, 2, 3, 4]))
  for (const revision of saved) t.same(await loadRevision(db, revision), SMALL)
})

t.test('a report may hold any text', async (t) => {
  const { pool } = await openTestDatabase(t)
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary' }), async (says) => {
      const revision = await saveRevision(pool, SMALL, { ...about(), report: [{ says }] })
      const { rows } = await pool.query(
        `select report -> 0 ->> 'says' as says from network_revision where revision = ${revision}`,
      )
      return rows[0].says === says.replace(/[\0\p{Surrogate}]/gu, '\ufffd')
    }),
    { numRuns: 20, examples: [['\0'], ['\ud800'], ['ok']] },
  )
  t.pass('and is read back')
})

t.test('a load point keeps its number for ever', async (t) => {
  const { db } = await openTestDatabase(t)
  const number = (ids: readonly string[]) =>
    db.transaction().execute((tx) => loadPointNumbers(tx, ids))
  t.same(Object.fromEntries(await number(['b', 'a', 'b'])), { b: 0, a: 1 })
  t.same(Object.fromEntries(await number(['c', 'a'])), { a: 1, c: 2 })
  t.equal((await number([])).size, 0)
  const many = Array.from({ length: 100_000 }, (_, i) => `T${i}`)
  const first = await number(many)
  t.equal(first.size, 100_000)
  t.equal(new Set(first.values()).size, 100_000)
  t.equal(first.get('T0'), 3)
  const [one, other] = await Promise.all([number(['x', 'y']), number(['y', 'x'])])
  t.same(one.get('x'), other.get('x'), 'two at once agree')
  t.not(one.get('x'), one.get('y'))
})
