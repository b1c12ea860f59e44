import t from 'tap'
import { makeTown } from '../simulators/town.ts'
import { buildNetwork } from '../src/grid/network.ts'
import { openPredictions } from '../src/http/predictions.ts'
import { besideRecorded } from '../src/reliability/beside.ts'
import { predict } from '../src/reliability/predict.ts'
import { saveRevision } from '../src/stores/networks.ts'
import { openTestDatabase } from './support/database.ts'
import { drawing } from './support/drawing.ts'
import { openFront, tokenFor } from './support/people.ts'

/**
 * ```
 * SRC ──[F1]── a ═══ n1:100
 *     ──[F2]── b ═══ n2:300
 * ```
 * One line of 2 km behind each breaker: it fails 0.2 and 0.4 times a year, repaired in 4 and in 3 hours.
 */
function twoFeeders() {
  const draw = drawing()
  draw.part('F1', 'SRC', 'a', 'breaker')
  draw.line('L1', 'a', 'n1', 2, 0.1, 4)
  draw.customers('P1', 'n1', 100, 200)
  draw.part('F2', 'SRC', 'b', 'breaker')
  draw.line('L2', 'b', 'n2', 2, 0.2, 3)
  draw.customers('P2', 'n2', 300, null)
  return draw.tables()
}

t.test('what was recorded stands beside what was predicted, as figures of a year', async (t) => {
  const database = await openTestDatabase(t)
  const about = { validFrom: 0, importedAt: 0, format: 'folder', report: [] } as const
  await saveRevision(database.pool, twoFeeders(), about)
  const front = await openFront(t, database, {
    settings: { timeZone: 'UTC' },
    clock: () => Date.parse('2026-01-01T00:00:00Z'),
  })
  const token = await tokenFor('planner', [], Date.parse('2026-01-01T00:00:00Z'))
  const put = (outage: string, feeder: string, customers: number, more: object = {}) =>
    database.db
      .insertInto('interruption')
      .values({
        outage,
        from_at: '2025-01-10T10:00:00Z',
        until_at: '2025-01-10T13:00:00Z',
        area: null,
        substation: 'S',
        feeder,
        phases: 7,
        customers,
        connected_kva: null,
        members: null,
        local_day: '2025-01-10',
        ...more,
      })
      .execute()
  await put('O1', 'F1', 100)
  await put('O2', 'F1', 50, { nature: 'planned' })
  await put('O3', 'gone', 7)
  const ask = (query: string) => front.ask('GET', `/api/v1/predicted?${query}`, token)
  const { body } = await ask('from=2025-01-01&to=2025-02-01&by=feeder')
  t.match(body, {
    by: 'feeder',
    exclude: ['planned', 'external', 'source_shortage'],
    periodHours: 744,
    rulebook: 'ieee1366',
    settings: { switchingH: 1 },
    units: { SAIDI: 'h/a' },
  })
  const years = 744 / 8760
  t.match(body.rows, [
    {
      group: 'F1',
      customersServed: 100,
      predicted: { SAIFI: 0.2, SAIDI: 0.8, CAIDI: 4, ENS: 0.16 },
      recorded: { SAIFI: 1 / years, SAIDI: 180 / (60 * years), CAIDI: 3 },
    },
    {
      group: 'F2',
      customersServed: 300,
      predicted: { SAIFI: 0.4, ENS: null },
      recorded: { SAIFI: 0, SAIDI: 0, CAIDI: null, ASAI: 1 },
    },
    { group: 'gone', customersServed: null, predicted: { SAIFI: null }, recorded: { CAIDI: 3 } },
  ])
  const system = await ask('from=2025-01-01&to=2025-02-01&exclude=&switchingH=0.5')
  t.match(system.body, { exclude: [], settings: { switchingH: 0.5 } })
  t.equal(system.body.rows.length, 1)
  t.ok(Math.abs(system.body.rows[0].predicted.SAIFI - 0.35) < 1e-12)
  t.equal(system.body.rows[0].recorded.SAIFI, 157 / 400 / years)
  t.match(await ask('from=2025-01-01&to=2025-01-01&without=wires&exclude=rain'), {
    status: 400,
    body: { errors: [{ at: '/to' }, { at: '/exclude' }, { at: '/without' }] },
  })
})

t.test('a group that one side does not know is unknown there, not 0', async (t) => {
  t.strictSame(besideRecorded([], [], 8760), [])
  const indices = { SAIFI: 2, SAIDI: 120, CAIDI: 60, ASAI: 0.9, ENS: null }
  const row = { group: 'x', customersServed: null, ci: 2, cmi: 120, units: {}, provisional: true }
  const [beside] = besideRecorded([], [{ ...row, indices }], 4380)
  t.strictSame(beside, {
    group: 'x',
    customersServed: null,
    predicted: { SAIFI: null, SAIDI: null, CAIDI: null, ASAI: null, ENS: null },
    recorded: { SAIFI: 4, SAIDI: 4, CAIDI: 1, ASAI: 0.9, ENS: null },
    provisional: true,
  })
})

t.test('a prediction is reckoned in turns; equal questions in flight share one', async (t) => {
  const tables = makeTown({ seed: 4, customers: 20_000 })
  const view = { revision: 1, tables, network: buildNetwork(tables) }
  let turns = 0
  const predictionOf = openPredictions(async () => {
    turns += 1
    await new Promise((go) => setImmediate(go))
  })
  const alone = await predictionOf(view, { tieLimits: true })
  const turnsAlone = turns
  t.ok(turnsAlone > 20, `others have ${turnsAlone} turns meanwhile`)
  t.strictSame(alone, predict(tables, { tieLimits: true }), 'and it is the same')
  const next = { ...view, revision: 2 }
  const both = [predictionOf(next, { tieLimits: true }), predictionOf(next, { tieLimits: true })]
  const [first, second] = await Promise.all(both)
  t.equal(turns, 2 * turnsAlone, 'two who ask at once make one reckoning')
  t.equal(first, second)
  await predictionOf(next, { tieLimits: true })
  t.equal(turns, 2 * turnsAlone, 'nor is it reckoned again')
  await Promise.all([predictionOf(next, { by: 'feeder' }), predictionOf(next, { switchingH: 2 })])
  t.ok(turns > 2 * turnsAlone, 'another question is')
})

t.test('what fails is tried again, and fails for whoever asked', async (t) => {
  const view = { revision: 1, tables: null as never, network: null as never }
  const predictionOf = openPredictions(() => Promise.resolve())
  await t.rejects(predictionOf(view, {}))
  const tables = twoFeeders()
  const mended = { revision: 1, tables, network: buildNetwork(tables) }
  t.equal((await predictionOf(mended, {})).rows.length, 1)
})
