/** What is tidied up beside the engine outlives a database that hangs: nothing is asked so that an answer may never come. */
import pino from 'pino'
import t from 'tap'
import { openArchiving } from '../src/control-room/archiving.ts'
import { openRollingUp } from '../src/control-room/rolling-up.ts'
import { openImpatient } from '../src/stores/database.ts'
import { saveLoads } from '../src/stores/loads.ts'
import { MS_PER_DAY, MS_PER_H } from '../src/time.ts'
import { until } from './support/broker.ts'
import { openWay } from './support/cuttable.ts'
import { openTestDatabase } from './support/database.ts'
import { keepCheckpoint, writeLongRecord } from './support/long-record.ts'

const T0 = Date.UTC(2026, 10, 23, 10)
/** Well above what a statement takes here. */
const GIVEN_UP_MS = 700
const EVERY_MS = 100

async function hangable(test: Parameters<typeof openTestDatabase>[0]) {
  const database = await openTestDatabase(test)
  const { way, url } = await openWay(test, database)
  const asked = openImpatient({ connectionString: url, max: 2 }, GIVEN_UP_MS)
  test.teardown(() => asked.close())
  const complaints: string[] = []
  const logger = pino({ level: 'warn' }, { write: (line: string) => void complaints.push(line) })
  return { database, way, asked, logger, complaints }
}

t.test('loads are rolled up when the database answers again', async (t) => {
  const { database, way, asked, logger, complaints } = await hangable(t)
  const { db } = database
  const save = (seq: number, at: number) =>
    db.transaction().execute((tx) =>
      saveLoads(tx, [
        {
          kind: 'load',
          gateway: 'gw',
          point: 'tx-1',
          seq,
          at,
          receivedAt: at + 200,
          kw: 10,
          kvar: null,
          amps: null,
          kv: null,
        },
      ]),
    )
  const hours = async () => (await db.selectFrom('load_hour').selectAll().execute()).length
  await save(1, T0)
  const rolling = openRollingUp({
    db: asked.db,
    clock: () => T0 + MS_PER_DAY,
    timeZone: 'UTC',
    logger,
    everyMs: EVERY_MS,
  })
  t.teardown(() => rolling.close())
  await until(async () => (await hours()) === 1, 'the first hour')
  way.hang()
  await save(2, T0 + 2 * MS_PER_H)
  await until(() => complaints.some((line) => /not rolled up/.test(line)), 'it is complained of')
  t.equal(await hours(), 1)
  await way.mend()
  await until(async () => (await hours()) === 2, 'the second hour')
})

t.test('what is old is archived when the database answers again', async (t) => {
  const { database, way, asked, logger, complaints } = await hangable(t)
  const { until: end } = await writeLongRecord(database, 6_000)
  await keepCheckpoint(database, end)
  const hot = async () =>
    (await database.pool.query<{ words: number }>('select count(*) as words from observation'))
      .rows[0]?.words
  const before = await hot()
  way.hang()
  const archiving = openArchiving({
    db: asked.db,
    clock: () => end + MS_PER_DAY,
    logger,
    afterDays: 0,
    isBusy: () => false,
    everyMs: EVERY_MS,
  })
  t.teardown(() => archiving.close())
  await until(() => complaints.some((line) => /not archived/.test(line)), 'it is complained of')
  t.equal(await hot(), before)
  await way.mend()
  await until(async () => ((await hot()) ?? Infinity) < (before ?? 0), 'it goes on')
})
