import pino from 'pino'
import t from 'tap'
import { openLoadWatch } from '../src/control-room/load-watch.ts'
import { buildNetwork } from '../src/grid/network.ts'
import { openImpatient } from '../src/stores/database.ts'
import { takeEngineLock } from '../src/stores/engine-lock.ts'
import { saveLoads } from '../src/stores/loads.ts'
import { saveRevision } from '../src/stores/networks.ts'
import { openWriter } from '../src/stores/writer.ts'
import { MS_PER_MIN, MS_PER_S } from '../src/time.ts'
import { until } from './support/broker.ts'
import { openWay } from './support/cuttable.ts'
import { openTestDatabase } from './support/database.ts'
import { openWatchedRoom } from './support/hand-engine.ts'
import { NOW, TOWN } from './support/people.ts'

/** Well above what a statement takes here. */
const GIVEN_UP_MS = 700
/** A connection that is not given, and a statement that is not answered. */
const GIVES_UP_WITHIN_MS = 10 * GIVEN_UP_MS
const QUARTER = 15 * MS_PER_MIN

type Test = { teardown(fn: () => unknown): void }

/** A database, and the way to it of those who ask beside the engine. */
async function openBeside(t: Test) {
  const database = await openTestDatabase(t)
  const { way, url } = await openWay(t, database)
  const asked = openImpatient({ connectionString: url, max: 2 }, GIVEN_UP_MS)
  t.teardown(() => asked.close())
  const warned: string[] = []
  const logger = pino(
    { level: 'warn' },
    { write: (line) => void warned.push((JSON.parse(line) as { msg: string }).msg) },
  )
  return { database, way, url, asked: asked.db, logger, warned }
}

const readingsOf = (point: string, quarters: readonly number[], kw: number, start: number) =>
  quarters.map((quarter, seq) => ({
    kind: 'load' as const,
    gateway: 'gw',
    point,
    seq: seq + quarter * 1000,
    at: start + quarter * QUARTER,
    receivedAt: start + quarter * QUARTER + 500,
    kw,
    kvar: 0,
    amps: null,
    kv: null,
  }))

const inTime = async (what: Promise<unknown>): Promise<boolean> => {
  const began = performance.now()
  await what
  return performance.now() - began < GIVES_UP_WITHIN_MS
}

t.test(
  'a load that rises while the database hangs is an alarm when it answers, raised and told once',
  { timeout: 60_000 },
  async (t) => {
    const { database, way, url, asked, logger, warned } = await openBeside(t)
    const { db } = database
    const tables = {
      ...TOWN,
      feeders: TOWN.feeders.map((row) => ({ ...row, ratedKva: 100 })),
    }
    await saveRevision(database.pool, tables, {
      validFrom: 0,
      importedAt: 0,
      format: 'folder',
      report: [],
    })
    const start = NOW - (NOW % QUARTER) - 8 * QUARTER
    const after = (quarter: number) => start + (quarter + 1) * QUARTER + 2 * MS_PER_MIN
    const state = { now: after(0), fromRecord: 0, deaths: [] as unknown[] }
    const ignore = () => undefined
    const lock = await takeEngineLock({
      config: database.config,
      db,
      signal: new AbortController().signal,
      onWaiting: ignore,
      onLost: ignore,
    })
    t.teardown(() => lock.release())
    const writer = openWriter({ connectionString: url }, GIVEN_UP_MS)
    t.teardown(() => writer.close())
    const room = await openWatchedRoom(
      { db: asked, writer, fence: (write) => lock.fence(write) },
      state,
    )
    t.teardown(() => room.close())
    const network = buildNetwork(tables)
    let hangs: 'not' | 'while it is saved' = 'not'
    const watch = openLoadWatch({
      db: asked,
      clock: () => state.now,
      logger,
      timeZone: 'UTC',
      network: () => ({ network, tables }),
      announce: (drafts, also) => {
        if (drafts.length > 0 && hangs === 'while it is saved') way.hang()
        return room.announce(drafts, also)
      },
    })
    t.teardown(() => watch.close())
    const measure = (quarter: number, kw: number) =>
      db.transaction().execute((tx) => saveLoads(tx, readingsOf('H1', [quarter], kw, start)))
    for (const quarter of [0, 1, 2]) {
      await measure(quarter, quarter === 0 ? 50 : 150)
      state.now = after(quarter)
      if (quarter < 2) await watch.look()
    }
    await measure(3, 150)
    state.now = after(3)

    way.hang()
    t.ok(await inTime(watch.look()), 'the look is given up')
    t.ok(warned.includes('loads are not judged'), 'and that is told')
    await way.mend()
    hangs = 'while it is saved'
    const alarms = () => db.selectFrom('load_alarm').select(['point', 'kind']).execute()
    // What has fallen silent is not mended; it is given up by the next who asks there.
    const judged = until(
      async () => {
        await watch.look()
        return (await alarms()).length > 0
      },
      'a look judges it',
      30_000,
    )
    await until(() => room.troubles().length > 0, 'the engine says that it is in trouble')
    hangs = 'not'
    await way.mend()
    await judged
    await watch.look()
    const told = await db.selectFrom('notice').select(['kind', 'audience']).execute()
    t.strictSame(await alarms(), [{ point: 'H1', kind: 'overload' }], 'raised once')
    t.strictSame(told, [{ kind: 'loadRaised', audience: 'load' }], 'and told once')
    t.strictSame(state.deaths, [])
  },
)

t.test(
  'an engine that stands by while the database hangs takes over when it answers and the other is gone',
  { timeout: 60_000 },
  async (t) => {
    const { database, way, url, asked } = await openBeside(t)
    const first = await takeEngineLock({
      config: database.config,
      db: database.db,
      signal: new AbortController().signal,
      onWaiting: () => undefined,
      onLost: () => undefined,
    })
    const leave = new AbortController()
    t.teardown(() => leave.abort())
    let waits = 0
    const second = takeEngineLock({
      config: { connectionString: url },
      db: asked,
      signal: leave.signal,
      onWaiting: () => waits++,
      onLost: () => undefined,
      answerMsMax: GIVEN_UP_MS,
    })
    second.catch(() => undefined)
    await until(() => waits === 1, 'it stands by')
    way.hang()
    await new Promise((next) => setTimeout(next, 3 * MS_PER_S))
    await first.release()
    await way.mend()
    const lock = await second
    t.equal(waits, 1, 'that it stands by was said once')
    await lock.release()
  },
)
