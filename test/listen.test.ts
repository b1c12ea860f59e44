import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { NetworkTables } from '../src/grid/tables.ts'
import { readNetwork } from '../src/imports/network.ts'
import { REVISION_LOOK_S } from '../src/http/network-in-force.ts'
import { listenTo } from '../src/stores/listen.ts'
import { saveRevision } from '../src/stores/networks.ts'
import { MS_PER_S } from '../src/time.ts'
import { until } from './support/broker.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { HAND_NETWORK, writeFiles } from './support/hand-network.ts'
import { openGateway, openTestService } from './support/service.ts'

type Test = { testdir(): string }
const WITHIN_MS = 30_000

async function handTables(t: Test): Promise<NetworkTables> {
  const { tables } = await readNetwork(writeFiles(t.testdir(), HAND_NETWORK), 'folder')
  if (tables === undefined) throw new Error('the hand network is wrong')
  return tables
}

const importTables = ({ pool }: TestDatabase, tables: NetworkTables, validFrom: number) =>
  saveRevision(pool, tables, { validFrom, importedAt: validFrom, format: 'folder', report: [] })

/** Cuts every connection that listens; gives how many there were. */
async function cutListeners({ pool, config }: TestDatabase): Promise<number> {
  const { rowCount } = await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and query like 'listen%'`,
    [config.database],
  )
  return rowCount ?? 0
}

void t.test('who listens hears again after its connection broke', async (t) => {
  const database = await openTestDatabase(t)
  let heard = 0
  let lost = 0
  const ear = await listenTo({
    config: database.config,
    channel: 'a_channel',
    heard: () => heard++,
    listening: () => heard++,
    failed: () => lost++,
  })
  t.teardown(() => ear.close())
  await database.pool.query('notify a_channel')
  await until(() => heard === 2, 'told to look, and then the announcement')
  for (let cut = 1; cut <= 3; cut++) {
    t.equal(await cutListeners(database), 1)
    const before = heard
    await until(() => heard > before, 'told to look: something may have been announced')
    const again = heard
    await database.pool.query('notify a_channel')
    await until(() => heard > again, 'and it hears again')
  }
  await ear.close()
  t.equal(lost, 3, 'each loss is told')
  t.equal(await cutListeners(database), 0, 'closed, it listens no more')
})

void t.test('whose database is away from the beginning listens when it comes', async (t) => {
  const database = await openTestDatabase(t)
  let heard = 0
  let failures = 0
  const missing = { ...database.config, database: `${database.config.database}_later` }
  const ear = await listenTo({
    config: missing,
    channel: 'a_channel',
    heard: () => heard++,
    listening: () => heard++,
    failed: () => failures++,
  })
  t.teardown(() => ear.close())
  t.equal(failures, 1)
  await database.pool.query(`create database ${missing.database}`)
  await until(() => heard > 0, 'it listens', WITHIN_MS)
  await ear.close()
  await database.pool.query(`drop database ${missing.database} with (force)`)
})

void t.test(
  'a service without a network finds the imported one, also when its ear was cut',
  async (t) => {
    const database = await openTestDatabase(t)
    const service = await openTestService(t, database)
    const gateway = await openGateway(t, service.broker)
    const at = Date.now() - 60_000
    const taken = gateway.switch('B1', 'open', at)
    t.ok((await cutListeners(database)) > 0, 'it listened')
    await importTables(database, await handTables(t), 0)
    await taken
    const active = () =>
      service
        .get<{ outages: { device: string }[] }>('outages?state=active')
        .then((got) => got.outages)
    // A broker in between acknowledges before we have it.
    await until(async () => (await active()).length > 0, 'the word is judged', WITHIN_MS)
    const outages = await active()
    t.strictSame(
      outages.map(({ device }) => device),
      ['B1'],
      'what waited for the network is judged by it',
    )
  },
)

// The engine has read which network is in force and is still opening it; the announcement finds nobody yet.
void t.test('a network imported while the engine opens is in force in it', async (t) => {
  const database = await openTestDatabase(t)
  const whole = await handTables(t)
  const withoutFuse = {
    ...whole,
    switches: whole.switches.filter(({ id }) => id !== 'FU'),
    transformers: whole.transformers.filter(({ id }) => id !== 'T1'),
    servicePoints: whole.servicePoints.filter(({ id }) => id !== 'P1'),
    nodes: whole.nodes.filter(({ id }) => id !== 'n3' && id !== 's1'),
  }
  await importTables(database, withoutFuse, 0)
  // Opening a network numbers its load points: there it has to wait for us.
  const blocker = await database.pool.connect()
  await blocker.query('begin')
  await blocker.query('lock table load_point in share row exclusive mode')
  const starting = openTestService(t, database)
  await until(async () => {
    const { rows } = await database.pool.query(
      `select 1 from pg_locks where not granted and relation = 'load_point'::regclass`,
    )
    return rows.length > 0
  }, 'the engine opens the network')
  await importTables(database, whole, Date.now() - 120_000)
  await sleep((REVISION_LOOK_S + 1) * MS_PER_S)
  await blocker.query('rollback')
  blocker.release()
  const service = await starting
  const gateway = await openGateway(t, service.broker)
  await gateway.switch('FU', 'open', Date.now() - 60_000)
  await until(
    async () => {
      const { rows } = await database.pool.query(`select 1 from outage where device = 'FU'`)
      if (rows.length === 0) await gateway.switch('FU', 'open', Date.now() - 60_000)
      return rows.length > 0
    },
    'a switch of the new network makes its outage',
    WITHIN_MS,
  )
  t.match(await service.get('outages?state=active'), { outages: [{ device: 'FU' }] })
})
