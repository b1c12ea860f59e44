import { sql } from 'kysely'
import t from 'tap'
import type { LoadReading } from '../src/ledger/observation.ts'
import { listAlarms, saveAlarms } from '../src/stores/load-alarms.ts'
import { quartersOf, rollUpLoads, saveLoads } from '../src/stores/loads.ts'
import { MS_PER_DAY, MS_PER_MIN } from '../src/time.ts'
import { openTestDatabase } from './support/database.ts'
import { seeded } from './support/seeded.ts'

const SEED = 20261123
const T0 = Date.UTC(2026, 10, 23, 10)

function reading(seq: number, at: number, kw: number, more: Partial<LoadReading> = {}) {
  const base: LoadReading = {
    kind: 'load',
    gateway: 'gw',
    point: 'tx-1',
    seq,
    at,
    receivedAt: at + 200,
    kw,
    kvar: null,
    amps: null,
    kv: null,
  }
  return { ...base, ...more }
}

await t.test('measured loads', async (t) => {
  const { db } = await openTestDatabase(t)
  const save = (readings: readonly LoadReading[]) =>
    db.transaction().execute((tx) => saveLoads(tx, readings))
  const whole = async () =>
    (
      await sql<{
        row: string
      }>`select (to_jsonb(q) - 'keys' - 'late_readings' || jsonb_build_object('keys',
        (select array_agg(k order by k) from unnest(keys) as k)))::text as row
        from load_quarter q order by point, at`.execute(db)
    ).rows.map((r) => r.row)
  const clear = () =>
    sql`truncate load_quarter, load_touched, load_hour, load_day, load_alarm`.execute(db)
  t.beforeEach(clear)

  await t.test('a quarter is the mean, least and most of its readings', async (t) => {
    await save([
      reading(1, T0, 10, { kvar: 3, amps: [10, 11, 12.5], kv: 0.4 }),
      reading(2, T0 + 14 * MS_PER_MIN + 59_999, -4),
      reading(3, T0 + 15 * MS_PER_MIN, 99),
    ])
    const quarters = await quartersOf(db, 'tx-1', { from: T0, until: T0 + 3_600_000 })
    t.match(quarters[0], { at: T0, readings: 2, meanKw: 3, minKw: -4, maxKw: 10, meanKvar: 3 })
    t.strictSame(quarters[0]?.meanA, [10, 11, 12.5], 'currents are of the readings that said them')
    t.equal(quarters[0]?.maxA, 12.5)
    t.equal(quarters[1]?.meanKw, 99, 'the next quarter begins on its first instant')
    t.equal(quarters[1]?.meanKvar, null, 'unknown is not 0')
    t.equal(quarters.length, 2, 'quarters without a reading are absent')
  })

  await t.test('order, repetition and cut into batches change nothing', async (t) => {
    const random = seeded(SEED)
    const set: LoadReading[] = []
    for (let i = 0; i < 400; i++) {
      const at = T0 + Math.floor(random() * 4 * 3_600_000)
      const point = `tx-${Math.floor(random() * 5)}`
      const amps = random() < 0.5 ? null : ([random() * 99, random() * 99, random() * 99] as const)
      set.push(reading(i % 50, at, random() * 100 - 20, { point, amps }))
    }
    await save(set)
    const inOrder = await whole()
    for (let round = 0; round < 4; round++) {
      await clear()
      const sent = [...set, ...set.filter(() => random() < 0.4)]
        .map((r) => ({ r, place: random() }))
        .sort((a, b) => a.place - b.place)
        .map(({ r }) => ({ ...r, receivedAt: r.receivedAt + Math.floor(random() * MS_PER_DAY) }))
      let [saved, duplicates] = [0, 0]
      while (sent.length > 0) {
        const answer = await save(sent.splice(0, 1 + Math.floor(random() * 90)))
        saved += answer.saved
        duplicates += answer.duplicates
      }
      t.strictSame(await whole(), inOrder, `the same rows (seed ${SEED}, round ${round})`)
      t.equal(saved, 400)
      t.ok(duplicates > 0, 'and the repetitions were counted')
    }
  })

  await t.test(
    'the same sequence number at another time, point or gateway is another reading',
    async (t) => {
      await save([
        reading(1, T0, 10),
        reading(1, T0 + 1, 20),
        reading(1, T0, 30, { gateway: 'other' }),
        reading(1, T0, 40, { point: 'tx-2' }),
      ])
      const [quarter] = await quartersOf(db, 'tx-1', { from: T0, until: T0 + 1000 })
      t.equal(quarter?.readings, 3)
      t.equal(quarter?.meanKw, 20)
    },
  )

  await t.test('a batch that is rolled back leaves nothing and can come again', async (t) => {
    await t.rejects(
      db.transaction().execute(async (tx) => {
        await saveLoads(tx, [reading(1, T0, 10)])
        throw new Error('the database went away')
      }),
    )
    t.strictSame(await whole(), [])
    t.equal((await save([reading(1, T0, 10)])).saved, 1)
  })

  await t.test(
    'clocks: far ahead is refused, never set is kept, new months make room',
    async (t) => {
      const answer = await save([
        reading(1, T0 + 2 * MS_PER_DAY, 1, { receivedAt: T0 }),
        reading(2, T0 + 60_000, 2, { receivedAt: T0 }),
        reading(3, 0, 3),
        reading(4, Date.UTC(2025, 11, 31, 23, 59), 4),
        reading(5, Date.UTC(2026, 0, 1), 5),
      ])
      t.strictSame(answer, { saved: 4, duplicates: 0, ahead: 1 })
      t.equal((await quartersOf(db, 'tx-1', { from: 0, until: 1 }))[0]?.meanKw, 3)
      t.strictSame(await save([]), { saved: 0, duplicates: 0, ahead: 0 })
    },
  )

  await t.test('hours and days follow the quarters, late readings included', async (t) => {
    // Shanghai's 24 November begins at 16:00 UTC on the 23rd.
    const midnight = Date.UTC(2026, 10, 23, 16)
    await save([0, 1, 2, 3, 4].map((i) => reading(i, midnight + (i - 1) * 15 * MS_PER_MIN, 10 * i)))
    const roll = () => rollUpLoads(db, { until: T0 + MS_PER_DAY, timeZone: 'Asia/Shanghai' })
    t.strictSame(await roll(), { hours: 2, days: 2 })
    t.strictSame(await roll(), { hours: 0, days: 0 }, 'nothing more to do')
    const days = () => db.selectFrom('load_day').selectAll().orderBy('day').execute()
    t.match(await days(), [
      { day: '2026-11-23', quarters: 1, mean_w: 0 },
      { day: '2026-11-24', quarters: 4, mean_w: 25_000, peak_w: 40_000 },
    ])
    await save([reading(9, midnight + 46 * MS_PER_MIN, 90)])
    t.match(await roll(), { hours: 1 })
    const day = (await days())[1]
    t.equal(day?.peak_w, 65_000, 'the quarter is 40 and 90 now')
    t.equal(day?.peak_at, midnight + 45 * MS_PER_MIN)
    const hours = await db
      .selectFrom('load_hour')
      .selectAll()
      .where('at', '=', sql<number>`${new Date(midnight).toISOString()}::timestamptz`)
      .execute()
    t.match(hours, [{ quarters: 4, peak_w: 65_000, min_w: 10_000 }])
  })

  await t.test('an alarm is open once, whoever raises it and how often', async (t) => {
    const from = T0
    const raised = {
      point: 'tx-1',
      kind: 'heavy' as const,
      from,
      confirmedAt: from + 30 * MS_PER_MIN,
      peak: 0.9,
      rule: '> 0.8 for 30 min',
      ratedKva: 100,
      feeder: null,
    }
    const change = (raise: boolean, until?: number) =>
      db.transaction().execute((tx) =>
        saveAlarms(tx, {
          raised: raise ? [raised] : [],
          cleared:
            until === undefined
              ? []
              : [{ point: 'tx-1', kind: 'heavy', from, until, peak: 0.95, endedBy: 'below' }],
        }),
      )
    const openAlarms = () => listAlarms(db, { state: 'open', limit: 10 })
    t.strictSame(await change(true), { raised: 1, cleared: 0 })
    t.strictSame(await change(true), { raised: 0, cleared: 0 })
    t.match(await openAlarms(), [{ point: 'tx-1', kind: 'heavy', from, until: null }])
    t.strictSame(await change(false, from + 90 * MS_PER_MIN), { raised: 0, cleared: 1 })
    t.strictSame(await openAlarms(), [])
    t.strictSame(
      await change(true),
      { raised: 0, cleared: 0 },
      'the same beginning is not raised again',
    )
  })
})
