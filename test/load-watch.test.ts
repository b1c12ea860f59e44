import pino from 'pino'
import t from 'tap'
import { ALARM_RULES, loadEpisodes, TWO_HOUR_RULES } from '../src/balance/load-states.ts'
import { watchNext, watchSilence, type WatchState } from '../src/balance/load-watch.ts'
import { openLoadWatch } from '../src/control-room/load-watch.ts'
import { buildNetwork } from '../src/grid/network.ts'
import type { NetworkTables } from '../src/grid/tables.ts'
import type { LoadReading } from '../src/ledger/observation.ts'
import type { Draft } from '../src/notices/notice.ts'
import { listAlarms } from '../src/stores/load-alarms.ts'
import { saveLoads } from '../src/stores/loads.ts'
import { lastNoticeSeq, readNotices, toAppendNotices } from '../src/stores/notices.ts'
import { runIn } from '../src/stores/statement.ts'
import type { Tx } from '../src/stores/database.ts'
import { MS_PER_MIN } from '../src/time.ts'
import { alarmChange } from './support/alarm-oracle.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { NOW, openFront, tokenFor, TOWN } from './support/people.ts'
import { openTestService } from './support/service.ts'
import { seeded } from './support/seeded.ts'

const QUARTER = 15 * MS_PER_MIN
const SEED = 20261125

await t.test(
  'quarter by quarter the same is raised and cleared as from all samples at once',
  async (t) => {
    let [raises, clears] = [0, 0]
    for (let round = 0; round < 400; round++) {
      const random = seeded(SEED + round)
      const rules = round % 4 === 3 ? { ...TWO_HOUR_RULES, hysteresis: 0.02 } : ALARM_RULES
      const samples: { at: number; rate: number }[] = []
      let [at, rate] = [NOW, 0.7]
      for (let i = 0; i < 80; i++) {
        at += random() < 0.06 ? QUARTER * (2 + Math.floor(random() * 3)) : QUARTER
        rate = Math.max(0, rate + (random() - 0.48) * (random() < 0.1 ? 1 : 0.15))
        samples.push({ at, rate: Math.min(rate, 2.2) })
      }
      const open = new Map<string, number>()
      let state: WatchState | null = null
      for (let i = 0; i < samples.length; i++) {
        const sample = samples[i] as { at: number; rate: number }
        const episodes = loadEpisodes(samples.slice(0, i + 1), { rules, asOf: sample.at })
        const due = alarmChange(
          [...open].map(([kind, from]) => ({ kind: kind as 'heavy', from })),
          episodes,
          sample.at,
          samples[i - 1]?.at,
        )
        const expected = {
          raise: due.raise
            .map(({ kind, from, confirmedAt }) => `${kind} ${from} ${confirmedAt}`)
            .sort(),
          clear: due.clear.map(({ kind, until }) => `${kind} ${until}`).sort(),
        }
        const next: ReturnType<typeof watchNext> = watchNext(
          state,
          { ...sample, unbalance: 0, reverse: -sample.rate },
          rules,
        )
        state = next.state
        const actual = {
          raise: next.raised
            .map(({ kind, from, confirmedAt }) => `${kind} ${from} ${confirmedAt}`)
            .sort(),
          clear: next.cleared.map(({ kind, until }) => `${kind} ${until}`).sort(),
        }
        if (JSON.stringify(actual) !== JSON.stringify(expected)) {
          t.strictSame(actual, expected, `sample ${i} of seed ${SEED + round}`)
          return
        }
        for (const { kind } of due.clear) open.delete(kind)
        for (const { kind, from } of due.raise) open.set(kind, from)
        raises += due.raise.length
        clears += due.clear.length
      }
    }
    t.ok(raises > 500 && clears > 400, `${raises} raised and ${clears} cleared`)
  },
)

await t.test('what was judged is not judged again, and silence ends a run', async (t) => {
  const sample = (quarter: number, rate: number) => ({
    at: NOW + quarter * QUARTER,
    rate,
    unbalance: 0,
    reverse: -rate,
  })
  const one = watchNext(null, sample(0, 0.9), ALARM_RULES)
  const two = watchNext(one.state, sample(1, 0.9), ALARM_RULES)
  const three = watchNext(two.state, sample(2, 0.9), ALARM_RULES)
  t.match(three.raised, [{ kind: 'heavy', from: NOW, confirmedAt: NOW + 2 * QUARTER }])
  t.equal(watchNext(three.state, sample(1, 0.1), ALARM_RULES).state, three.state, 'late: nothing')
  t.equal(watchSilence(three.state, NOW + 3 * QUARTER, ALARM_RULES), null, '15 minutes are no gap')
  const silent = watchSilence(three.state, NOW + 4 * QUARTER, ALARM_RULES)
  t.match(silent?.cleared, [{ kind: 'heavy', until: NOW + 2 * QUARTER, endedBy: 'silent' }])
})

/** TOWN with F1 rated 100 kVA; F2 has no rating and is not watched. */
const RATED: NetworkTables = {
  ...TOWN,
  feeders: TOWN.feeders.map((row, i) => ({ ...row, ratedKva: i === 0 ? 100 : null })),
}

function openWatch(database: TestDatabase, clock: () => number, fail: () => boolean = () => false) {
  const { db } = database
  const told: Draft[] = []
  const announce = (drafts: readonly Draft[], also?: (tx: Tx) => Promise<void>): Promise<void> =>
    db.transaction().execute(async (tx) => {
      await also?.(tx)
      const seq = await lastNoticeSeq(db)
      const notices = drafts.map((one, i) => ({ ...one, seq: seq + i + 1 }))
      await runIn(tx, toAppendNotices(notices))
      if (fail()) throw new Error('the database went away')
      told.push(...drafts)
    })
  const view = { network: buildNetwork(RATED), tables: RATED }
  const watch = openLoadWatch({
    db,
    clock,
    logger: pino({ level: 'silent' }),
    timeZone: 'UTC',
    network: () => view,
    announce,
  })
  return { watch, told, announce }
}

let seq = 0
const reading = (point: string, at: number, kw: number, more: Partial<LoadReading> = {}) => ({
  kind: 'load' as const,
  gateway: 'gw',
  point,
  seq: seq++,
  at,
  receivedAt: at + 500,
  kw,
  kvar: 0,
  amps: null,
  kv: null,
  ...more,
})

await t.test(
  'alarms live: raised once, told on `load`, acknowledged, cleared; across restarts and late words',
  async (t) => {
    const database = await openTestDatabase(t)
    const { db } = database
    const start = Math.floor(NOW / QUARTER) * QUARTER
    let now = start
    const save = (readings: readonly LoadReading[]) =>
      db.transaction().execute((tx) => saveLoads(tx, readings))
    /** Judged two minutes after its end. */
    const after = (quarter: number) => start + (quarter + 1) * QUARTER + 2 * MS_PER_MIN
    let fails = false
    let engine = openWatch(
      database,
      () => now,
      () => fails,
    )
    const opened = [engine]
    t.teardown(() => Promise.all(opened.map(({ watch }) => watch.close())))
    const restart = async () => {
      await engine.watch.close()
      engine = openWatch(
        database,
        () => now,
        () => fails,
      )
      opened.push(engine)
    }
    const heard: string[] = []
    const look = async () => {
      const { told } = engine
      told.length = 0
      await engine.watch.look()
      heard.push(...told.map((one) => `${one.kind} ${String(one.data['alarm'])}`))
      return told.map((one) => `${one.kind} ${String(one.data['alarm'])}`)
    }
    const run = async (quarter: number, kw: number, more: Partial<LoadReading> = {}) => {
      await save([
        reading('H1', start + quarter * QUARTER, kw, more),
        reading('H2', start + quarter * QUARTER, 9999),
      ])
      now = after(quarter) - 1
      t.strictSame(await look(), [], 'not while its readings may still arrive')
      now = after(quarter)
      return look()
    }
    t.strictSame(await run(0, 70), [])
    t.strictSame(await run(1, 90), [])
    await restart()
    t.strictSame(await run(2, 92), [])
    t.strictSame(await run(3, 91), ['loadRaised heavy'], 'the run survived the restart')
    const [alarm] = await listAlarms(db, { state: 'open', limit: 9 })
    t.match(alarm, {
      point: 'H1',
      kind: 'heavy',
      // The line from 70 to 90 passes 80 in the middle.
      from: start + 0.5 * QUARTER,
      feeder: 'F1',
      ratedKva: 100,
      rule: '> 0.8 for 30 min',
    })
    t.strictSame(await look(), [], 'a quarter is judged once')
    await restart()
    t.strictSame(await look(), [], 'also across a restart')

    // A late word that would have kept the load low: kept, flagged, and nothing is taken back.
    await save([reading('H1', start + 2 * QUARTER + 5, 10, { receivedAt: now })])
    t.strictSame(await look(), [])
    const late = await db
      .selectFrom('load_quarter')
      .select(['readings', 'late_readings'])
      .where('point', '=', 'H1')
      .orderBy('at')
      .execute()
    t.match(late[2], { readings: 2, late_readings: 1 })
    t.match(late[3], { readings: 1, late_readings: 0 })

    t.strictSame(await run(4, 79), [], 'within the hysteresis it goes on')
    fails = true
    t.strictSame(await run(5, 110), [], 'a commit that fails tells nothing')
    fails = false
    t.strictSame(await look(), ['loadCleared heavy'], 'and is made up for')
    t.strictSame(await run(6, 115), [])
    t.strictSame(await run(7, 120), ['loadRaised overload'])
    t.strictSame(await run(8, 70), ['loadCleared overload'])
    t.strictSame(await run(9, -30), [])
    t.strictSame(await run(10, -30), [])
    t.strictSame(await run(11, -30), ['loadRaised reverse'])
    now = after(12)
    t.strictSame(await look(), [], 'one missing quarter is 15 minutes')
    now = after(13)
    t.strictSame(await look(), ['loadCleared reverse'], 'silence ends it')
    t.match((await listAlarms(db, { state: 'all', kind: 'reverse', limit: 9 }))[0], {
      endedBy: 'silent',
      until: start + 11 * QUARTER,
    })
    const uneven = { amps: [60, 40, 30], kv: 0.4 } as const
    for (const quarter of [20, 21]) t.strictSame(await run(quarter, 50, uneven), [])
    t.strictSame(await run(22, 50, uneven), ['loadRaised unbalance'])
    t.strictSame(await run(23, 50, { amps: [50, 50, 49], kv: 0.4 }), ['loadCleared unbalance'])
    const all = await listAlarms(db, { state: 'all', limit: 99 })
    t.equal(all.length, 4)
    t.ok(
      all.every((one) => one.until !== null),
      'and everything is over',
    )
    const notices = await readNotices(db, { after: 0, limit: 99 })
    t.strictSame(
      notices.map((one) => `${one.kind} ${String(one.data['alarm'])}`),
      heard,
      'what was committed is what was told',
    )
    t.ok(notices.every((one) => one.audience === 'load'))
    t.match(notices[0]?.data.text, { en: /^H1: heavily loaded since/, 'zh-CN': /重载/ })
  },
)

await t.test('over HTTP and sockets: listed, filtered, acknowledged by a dispatcher', async (t) => {
  const database = await openTestDatabase(t)
  const { db } = database
  const start = Math.floor(NOW / QUARTER) * QUARTER
  const engine = openWatch(database, () => start + 3 * QUARTER + 2 * MS_PER_MIN)
  t.teardown(() => engine.watch.close())
  await db
    .insertInto('load_watch')
    .values({ judged_at: new Date(start - QUARTER) })
    .execute()
  await db.transaction().execute((tx) =>
    saveLoads(
      tx,
      [0, 1, 2].map((i) => reading('H1', start + i * QUARTER, 150)),
    ),
  )
  const front = await openFront(t, database, {
    announce: engine.announce,
    act: async () => ({ outcome: 'unknown-switch' }),
  })
  const dispatcher = await tokenFor('dispatcher')
  const planner = await tokenFor('planner')
  const reader = await front.listen(planner)
  await reader.subscribe(['load'])
  const other = await front.listen(planner)
  await other.subscribe(['outages', 'feeder:F1', 'public'])
  await engine.watch.look()
  const notices = await readNotices(db, { after: 0, limit: 9 })
  front.stream.committed(notices.length, notices)
  await front.stream.idle()
  await reader.settle()
  t.match(reader.notices(), [
    {
      topic: 'load',
      data: { kind: 'loadRaised', alarm: 'overload', point: 'H1', feeder: 'F1', customersOut: 0 },
    },
  ])
  await other.settle()
  t.strictSame(other.notices(), [], 'and nobody else hears of it')
  const back = await front.listen(planner)
  await back.subscribe(['load'], 0)
  await back.settle()
  t.equal(back.notices().length, 1, 'who comes back is told what was missed')

  const get = (query: string) => front.ask('GET', `/api/v1/load-alarms${query}`, planner)
  const listed = await get('')
  t.match(listed.body, {
    alarms: [{ kind: 'overload', until: null, acknowledgedAt: null }],
    nextCursor: null,
  })
  const { id } = listed.body.alarms[0]
  t.strictSame((await get('?kind=heavy')).body.alarms, [])
  t.strictSame((await get('?feeder=F2')).body.alarms, [])
  t.equal((await get('?feeder=F1&state=unacknowledged')).body.alarms.length, 1)
  t.strictSame((await get('?state=all&to=2020-01-01')).body.alarms, [])
  t.equal((await get('?from=2026-01-02&to=2026-01-01')).status, 400)
  t.equal((await get('?cursor=nonsense')).status, 400)
  t.equal((await get('?kind=cold')).status, 400)
  const acknowledge = (which: string | number, token = dispatcher) =>
    front.ask('POST', `/api/v1/load-alarms/${which}/acknowledge`, token, {})
  t.equal((await acknowledge(id, planner)).status, 403, 'planners look')
  const done = await acknowledge(id)
  t.match(done.body, { acknowledgedBy: 'dispatcher of the test', until: null })
  t.same((await acknowledge(id)).body, done.body, 'twice is once')
  t.equal((await acknowledge(4711)).status, 404)
  t.equal((await acknowledge('x')).status, 400)
  t.strictSame((await get('?state=unacknowledged')).body.alarms, [])
  t.equal((await readNotices(db, { after: 0, limit: 9 })).length, 2, 'and is told once')
})

await t.test('the service itself watches, from where the last one stopped', async (t) => {
  const database = await openTestDatabase(t)
  const { db } = database
  const quarter = Math.floor(Date.now() / QUARTER) * QUARTER
  const begin = quarter - 8 * QUARTER
  await db
    .insertInto('load_watch')
    .values({ judged_at: new Date(begin) })
    .execute()
  await db.transaction().execute((tx) =>
    saveLoads(
      tx,
      [1, 2, 3, 4, 5, 6, 7].map((i) => reading('H1', begin + i * QUARTER, 150)),
    ),
  )
  const service = await openTestService(t, database, { tables: RATED })
  for (let tries = 0; tries < 100; tries++) {
    const { alarms } = await service.get<{ alarms: object[] }>('load-alarms')
    if (alarms.length > 0) {
      t.match(alarms, [{ point: 'H1', kind: 'overload' }])
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  t.fail('no alarm within twenty seconds')
})
