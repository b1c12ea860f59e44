import pino from 'pino'
import t from 'tap'
import { openPublisher } from '../src/control-room/publisher.ts'
import { handNetwork, openWatchedRoom } from './support/hand-engine.ts'
import { DEFAULT_SETTINGS } from '../src/ledger/state.ts'
import { openImpatient } from '../src/stores/database.ts'
import { takeEngineLock } from '../src/stores/engine-lock.ts'
import { saveRevision } from '../src/stores/networks.ts'
import { openWriter } from '../src/stores/writer.ts'
import { until } from './support/broker.ts'
import { openWay } from './support/cuttable.ts'
import { openTestDatabase } from './support/database.ts'

const T0 = Date.parse('2026-11-20T03:00:00Z')
/** Well above what a statement takes here. */
const GIVEN_UP_MS = 700

t.test(
  'what people do is done once when the database hangs under it and answers again, and the field goes on',
  { timeout: 60_000 },
  async (t) => {
    const database = await openTestDatabase(t)
    const about = { validFrom: 0, importedAt: 0, format: 'folder' as const, report: [] }
    await saveRevision(database.pool, await handNetwork(t), about)
    const { way, url } = await openWay(t, database)
    const through = { connectionString: url }
    const asked = openImpatient({ ...through, max: 2 }, GIVEN_UP_MS)
    t.teardown(() => asked.close())
    const writer = openWriter(through, GIVEN_UP_MS)
    t.teardown(() => writer.close())
    const ignore = () => undefined
    const lock = await takeEngineLock({
      config: database.config,
      db: database.db,
      signal: new AbortController().signal,
      onWaiting: ignore,
      onLost: ignore,
    })
    t.teardown(() => lock.release())
    const state = { now: T0, fromRecord: 0, deaths: [] as unknown[] }
    const room = await openWatchedRoom(
      {
        db: asked.db,
        writer,
        fence: (write) => lock.fence(write),
        settings: {
          notices: { noticeHoldS: 0, timeZone: 'UTC' },
          ledger: { ...DEFAULT_SETTINGS, thinRepeats: true },
          answerMsMax: Infinity,
        },
      },
      state,
    )
    t.teardown(() => room.close())
    let seq = 0
    const say = (position: 'open' | 'closed', at: number) =>
      new Promise<void>((acknowledge) =>
        room.take({
          topic: 'grid/v1/gw/switch/B1',
          payload: Buffer.from(
            JSON.stringify({ at: new Date(at).toISOString(), seq: seq++, position }),
          ),
          retained: false,
          acknowledge,
        }),
      )
    const by = { subject: 'dana', role: 'dispatcher' }
    await say('open', T0 - 60_000)

    // Declaring a storm writes beside the ledger; each of its statements waits for the one before.
    way.hang()
    const declared = room.act(
      { act: 'storm', does: 'declare', area: 'East', etr: null, reason: null },
      by,
    )
    const closed = say('closed', T0)
    await until(() => room.troubles().length > 0, 'the engine says that it is in trouble')
    await way.mend()
    t.match(await declared, { outcome: 'done' })
    await closed
    const { db } = database
    t.equal((await db.selectFrom('storm_event').selectAll().execute()).length, 1, 'declared once')
    t.equal((await db.selectFrom('audit').selectAll().execute()).length, 1)
    t.match(await db.selectFrom('outage').selectAll().execute(), [{ customers_out: 0 }])
    t.same(state.deaths, [])
    t.same(room.troubles(), [])
  },
)

t.test('what the broker is to keep of an outage goes out although the database hung', async (t) => {
  const database = await openTestDatabase(t)
  const { way, url } = await openWay(t, database)
  const asked = openImpatient({ connectionString: url, max: 2 }, GIVEN_UP_MS)
  t.teardown(() => asked.close())
  const published: string[] = []
  const publisher = openPublisher({
    db: asked.db,
    clock: () => T0,
    logger: pino({ level: 'silent' }),
    publish: async (topic) => void published.push(topic),
  })
  publisher.changed(['o1'])
  await until(() => published.length === 1, 'it is told')
  way.hang()
  publisher.changed(['o2'])
  await new Promise((next) => setTimeout(next, GIVEN_UP_MS / 2))
  t.equal(published.length, 1)
  await way.mend()
  await until(() => published.length === 2, 'and so is the next')
  await publisher.close()
})
