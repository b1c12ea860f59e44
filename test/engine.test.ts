import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import t from 'tap'
import { AHEAD_MIN, BATCH_MAX } from '../src/control-room/control-room.ts'
import { verifyLedger } from '../src/control-room/verify.ts'
import type { NetworkTables, SwitchKind } from '../src/grid/tables.ts'
import type { Act } from '../src/ledger/acts.ts'
import { DEFAULT_SETTINGS } from '../src/ledger/state.ts'
import type { Notice } from '../src/notices/notice.ts'
import { openDatabase } from '../src/stores/database.ts'
import { takeEngineLock } from '../src/stores/engine-lock.ts'
import { saveRevision } from '../src/stores/networks.ts'
import { OneSync } from '../src/stores/one-sync.ts'
import { constant, text } from '../src/stores/statement.ts'
import { openWriter, writeThrough, type Writer } from '../src/stores/writer.ts'
import { MS_PER_H, MS_PER_MIN, MS_PER_S } from '../src/time.ts'
import { until } from './support/broker.ts'
import { openTestDatabase } from './support/database.ts'
import { openWatchedRoom } from './support/hand-engine.ts'
import { openDeadlines } from '../src/control-room/deadlines.ts'

const T0 = Date.parse('2026-11-20T03:00:00Z')
const SETTINGS = { ...DEFAULT_SETTINGS, thinRepeats: true }
const DISPATCHER = { subject: 'd', role: 'dispatcher' }

/*
 * north ──[B1]── n1 ──[S1]── n2        north ──[B9]── n9
 *                P1:120      P2:80                     P9:5
 */
const switchRow = (id: string, from: string, to: string) => ({
  id,
  from,
  to,
  kind: 'breaker' as SwitchKind,
  phases: 7,
  normallyClosed: true,
  ratedA: null,
  telemetered: true,
  name: null,
})
const point = (id: string, node: string, customers: number) => ({
  id,
  node,
  phases: 7,
  customers,
  connectedKva: null,
  class: null,
  averageKw: null,
  peakKw: null,
  priority: null,
  lon: null,
  lat: null,
})
const feeder = (id: string, head: string) => ({
  id,
  name: id,
  substation: 'sub',
  head,
  ratedA: null,
  ratedKva: null,
})
const TOWN: NetworkTables = {
  sources: [{ id: 'source', node: 'north', phases: 7, ratedKva: null }],
  substations: [{ id: 'sub', name: 'Sub', area: 'area', lon: null, lat: null }],
  feeders: [feeder('F1', 'B1'), feeder('F9', 'B9')],
  nodes: ['north', 'n1', 'n2', 'n9'].map((id) => ({ id, kv: null, lon: null, lat: null })),
  switches: [
    switchRow('B1', 'north', 'n1'),
    switchRow('S1', 'n1', 'n2'),
    switchRow('B9', 'north', 'n9'),
  ],
  lines: [],
  transformers: [],
  servicePoints: [point('P1', 'n1', 120), point('P2', 'n2', 80), point('P9', 'n9', 5)],
}

type Test = { teardown(fn: () => unknown): void }
type Failure = 'none' | 'away' | 'commitUnanswered'

/** An engine whose clock and whose way to the database are in the hands of the test. */
async function openEngine(
  test: Test,
  openWriterTo?: (config: pg.PoolConfig) => Promise<Writer>,
  noticeHoldS = 0,
  more: { readonly answerMsMax?: number } = {},
) {
  const database = await openTestDatabase(test)
  const about = { importedAt: 0, format: 'folder' as const, report: [] }
  await saveRevision(database.pool, TOWN, { ...about, validFrom: 0 })
  let failure: Failure = 'none'
  const { db, pool } = openDatabase(database.config)
  test.teardown(() => db.destroy())
  const single = { ...database.config, max: 1 }
  const writing = new pg.Pool(single)
  writing.on('error', () => undefined)
  test.teardown(() => writing.end())
  for (const one of [pool, writing]) {
    const connect = one.connect.bind(one) as () => Promise<{
      query: (...all: unknown[]) => unknown
    }>
    Object.assign(one, {
      connect: async () => {
        if (failure === 'away') throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
        const client = await connect()
        return new Proxy(client, {
          get(target, name) {
            const value: unknown = Reflect.get(target, name)
            if (typeof value !== 'function') return value
            if (name !== 'query') return value.bind(target) as unknown
            const isLost = () => {
              if (failure !== 'commitUnanswered') return false
              failure = 'none'
              return true
            }
            const lost = new Error('Connection terminated unexpectedly')
            return (...all: unknown[]) => {
              const [asked] = all
              if (asked instanceof OneSync) {
                const { callback } = asked
                asked.callback = (refusal) =>
                  callback(refusal === null && isLost() ? lost : refusal)
                return target.query(asked)
              }
              return (target.query(...all) as Promise<unknown>).then((answer) => {
                if (asked === 'commit' && isLost()) throw lost
                return answer
              })
            }
          },
        })
      },
    })
  }
  const state = { now: T0, opened: 0, fromRecord: 0, deaths: [] as unknown[] }
  const notices: Notice[] = []
  const lock = await takeEngineLock({
    config: database.config,
    db: database.db,
    signal: new AbortController().signal,
    onWaiting: () => undefined,
    onLost: () => undefined,
  })
  test.teardown(() => lock.release())
  const elsewhere = await openWriterTo?.(database.config)
  test.teardown(() => elsewhere?.close())
  const open = () =>
    openWatchedRoom(
      {
        db,
        writer: elsewhere ?? writeThrough(writing),
        fence: (write) => lock.fence(write),
        tell: (_upTo, told) => void notices.push(...told),
        settings: { notices: { noticeHoldS, timeZone: 'UTC' }, ledger: SETTINGS, ...more },
        networkOpened: () => void state.opened++,
      },
      state,
    )
  let room = await open()
  test.teardown(() => room.close())
  let seq = 0
  const publish = (id: string, payload: object) =>
    new Promise<void>((acknowledge) =>
      room.take({
        topic: `grid/v1/gw/switch/${id}`,
        payload: Buffer.from(JSON.stringify(payload)),
        retained: false,
        acknowledge,
      }),
    )
  const say = async (id: string, position: 'open' | 'closed', at: number, more: object = {}) => {
    const payload = { at: new Date(at).toISOString(), seq: seq++, position, ...more }
    await publish(id, payload)
    return payload
  }
  return {
    ...database,
    state,
    notices,
    say,
    publish,
    fail: (how: Failure) => void (failure = how),
    act: (act: Act) => room.act(act, DISPATCHER),
    troubles: () => room.troubles(),
    backlog: () => room.backlog(),
    weaknesses: () => room.weaknesses(),
    reviseNetwork: () => room.reviseNetwork(),
    import: (validFrom: number) => saveRevision(database.pool, TOWN, { ...about, validFrom }),
    /** Time passes, and the engine notices. */
    async later(ms: number) {
      state.now += ms
      await say('B9', 'open', state.now)
      await say('B9', 'closed', state.now + 1)
      await new Promise((resolve) => setTimeout(resolve, 60))
      await say('B9', 'closed', state.now + 2)
    },
    close: () => room.close(),
    async restart() {
      await room.close()
      room = await open()
    },
    async verify() {
      const lines: string[] = []
      const found = await verifyLedger(database.db, {
        from: Number.NEGATIVE_INFINITY,
        to: Number.POSITIVE_INFINITY,
        settings: SETTINGS,
        say: (line) => lines.push(line),
      })
      return { ...found, lines }
    },
    outages: (device: string) =>
      database.db
        .selectFrom('outage')
        .selectAll()
        .where('device', '=', device)
        .orderBy('anchor_at')
        .execute(),
  }
}

t.test('a commit whose answer was lost is not made twice', async (t) => {
  const engine = await openEngine(t)
  await engine.say('B1', 'closed', T0 - MS_PER_H)
  engine.fail('commitUnanswered')
  await engine.say('B1', 'open', T0)
  await engine.say('B1', 'closed', T0 + MS_PER_MIN)
  const rows = await engine.db.selectFrom('interruption').selectAll().execute()
  t.equal(rows.length, 1, 'one set of customers was interrupted')
  const told = engine.notices.filter((one) => one.audience === 'staff')
  t.strictSame(
    told.map((one) => one.kind),
    ['supplyLost', 'supplyRestored'],
  )
  t.match(await engine.verify(), { differences: 0 })
})

t.test(
  'a late word about an outage that was closed long ago takes away nothing that people said of it',
  async (t) => {
    const engine = await openEngine(t)
    await engine.say('B1', 'closed', T0 - MS_PER_H)
    await engine.say('B1', 'open', T0)
    engine.state.now = T0 + MS_PER_H
    await engine.say('B1', 'closed', T0 + MS_PER_H)
    const [outage] = await engine.outages('B1')
    const id = outage?.id as string
    await engine.act({ act: 'cause', outage: id, cause: 'tree', detail: {} })
    await engine.act({ act: 'close', outage: id })
    await engine.later(25 * MS_PER_H)
    await engine.later(2 * MS_PER_H)
    await engine.say('B1', 'closed', T0 + 30 * MS_PER_MIN)
    await engine.later(2 * MS_PER_MIN)
    const [after] = await engine.outages('B1')
    t.equal(after?.closed_customer_ms, 200 * 30 * MS_PER_MIN, 'the ledger corrected itself')
    t.equal(after?.cause, 'tree')
    t.not(after?.closed_at, null)
    const closings = await engine.db
      .selectFrom('outage_event')
      .selectAll()
      .where('outage', '=', id)
      .where('kind', '=', 'close')
      .execute()
    t.equal(closings.length, 1)
    t.equal(
      engine.notices.filter(
        (one) => one.outage === id && one.kind === 'outageClosed' && one.audience === 'staff',
      ).length,
      1,
      'closed once',
    )
  },
)

t.test('outages keep the names that late words gave them, also after a restart', async (t) => {
  const engine = await openEngine(t)
  const t1 = T0 + 20 * MS_PER_MIN
  engine.state.now = t1
  await engine.say('B1', 'closed', T0 - MS_PER_H)
  await engine.say('B1', 'open', t1)
  await engine.say('B1', 'open', T0)
  await engine.say('B1', 'closed', T0 + 2 * MS_PER_MIN)
  const before = await engine.outages('B1')
  t.equal(before.length, 2)
  await engine.restart()
  await engine.say('B1', 'closed', T0 + MS_PER_MIN)
  await engine.say('B1', 'closed', t1 + MS_PER_MIN)
  const after = await engine.outages('B1')
  t.strictSame(
    after.map((one) => one.id),
    before.map((one) => one.id),
  )
  t.strictSame(
    after.map((one) => one.closed_customer_ms),
    [200 * MS_PER_MIN, 200 * MS_PER_MIN],
  )
  t.match(await engine.verify(), { differences: 0, lines: [] })
})

t.test('a hold that ran out while nobody was here waits for what the broker kept', async (t) => {
  const engine = await openEngine(t, undefined, 60)
  for (const id of ['S1', 'B9']) await engine.say(id, 'closed', T0 - MS_PER_H)
  for (const id of ['S1', 'B9']) await engine.say(id, 'open', T0, { reason: 'trip' })
  const toCustomers = () =>
    engine.notices
      .filter(({ audience }) => audience === 'customer')
      .map(({ kind, outage }) => `${kind} ${outage}`)
  engine.state.now += 5 * MS_PER_MIN
  await engine.restart()
  // It came while the engine was away: P2 was dark for half the hold.
  await engine.say('S1', 'closed', T0 + 30 * MS_PER_S)
  t.strictSame(toCustomers(), [])
  engine.state.now += 3 * MS_PER_S
  await until(() => toCustomers().length > 0, 'who is still dark is told')
  t.strictSame(toCustomers(), [`supplyLost ${(await engine.outages('B9'))[0]?.id}`])
})

t.test('a lockout of today is not that of an outage that was over yesterday', async (t) => {
  const engine = await openEngine(t)
  await engine.say('B1', 'closed', T0 - MS_PER_H)
  await engine.say('B1', 'open', T0)
  await engine.say('B1', 'closed', T0 + MS_PER_MIN)
  engine.state.now = T0 + 10 * MS_PER_H
  await engine.say('B1', 'open', engine.state.now, { reason: 'lockout' })
  t.strictSame(
    (await engine.outages('B1')).map((one) => one.locked_out),
    [false, true],
  )
  t.match(await engine.verify(), { differences: 0, lines: [] })
})

t.test('a database that is away while time passes stops the engine only as long', async (t) => {
  const engine = await openEngine(t)
  await engine.say('B1', 'closed', T0 - MS_PER_H)
  engine.state.now += 10 * MS_PER_MIN
  await engine.say('B9', 'open', T0)
  engine.fail('away')
  engine.reviseNetwork()
  await until(() => engine.troubles().length > 0, 'the engine says that it is in trouble')
  const waiting = engine.say('B1', 'open', T0 + MS_PER_MIN)
  await new Promise((resolve) => setTimeout(resolve, 200))
  engine.fail('none')
  await waiting
  t.equal((await engine.outages('B1')).length, 1)
  t.strictSame(engine.troubles(), [])
  t.strictSame(engine.state.deaths, [])
})

t.test(
  'what everyone is back from is closed a day later, whatever networks came between',
  async (t) => {
    const engine = await openEngine(t)
    await engine.say('B1', 'closed', T0 - MS_PER_H)
    await engine.say('B1', 'open', T0)
    await engine.say('B1', 'closed', T0 + MS_PER_MIN)
    engine.state.now = T0 + MS_PER_H
    await engine.import(engine.state.now)
    engine.reviseNetwork()
    await engine.later(25 * MS_PER_H)
    t.not((await engine.outages('B1'))[0]?.closed_at, null)
  },
)

t.test(
  'words from before the horizon that the record has already void no checkpoint',
  async (t) => {
    const engine = await openEngine(t)
    const first = await engine.say('B1', 'closed', T0 - MS_PER_H)
    await engine.later(MS_PER_S)
    await engine.later(50 * MS_PER_H)
    await engine.later(2 * MS_PER_MIN)
    const checkpoints = () => engine.db.selectFrom('checkpoint').select('at').execute()
    t.strictSame(engine.state.deaths, [])
    t.equal((await checkpoints()).length, 1)
    await engine.publish('B1', first)
    t.equal(engine.state.fromRecord, 0)
    t.strictSame(engine.state.deaths, [])
    t.equal((await checkpoints()).length, 1)
    await engine.say('B1', 'open', T0)
    t.equal(engine.state.fromRecord, 1, 'a new one is judged from the record')
    t.equal((await checkpoints()).length, 0)
    t.match(await engine.verify(), { differences: 0, lines: [] })
  },
)

t.test(
  'a network that comes into force with a late word is made known like any other',
  async (t) => {
    const engine = await openEngine(t)
    await engine.say('B1', 'closed', T0 - MS_PER_H)
    await engine.later(MS_PER_S)
    await engine.later(50 * MS_PER_H)
    await engine.later(2 * MS_PER_MIN)
    t.equal(engine.state.opened, 1)
    await engine.import(engine.state.now)
    await engine.say('B1', 'open', T0)
    engine.reviseNetwork()
    await engine.later(MS_PER_S)
    t.equal(engine.state.opened, 2)
    t.match(await engine.verify(), { lines: [], differences: 0 })
  },
)

t.test(
  'an act that the database refuses is refused to whoever asked, and nothing else',
  async (t) => {
    const engine = await openEngine(t)
    await engine.say('B1', 'closed', T0 - MS_PER_H)
    await engine.say('B1', 'open', T0)
    const id = (await engine.outages('B1'))[0]?.id as string
    await t.rejects(engine.act({ act: 'cause', outage: id, cause: 'a\u0000b', detail: {} }))
    await engine.act({ act: 'note', outage: id, text: 'the next one is taken' })
    t.equal((await engine.outages('B1'))[0]?.cause, null)
    await engine.say('B1', 'closed', T0 + MS_PER_MIN)
    t.equal((await engine.outages('B1'))[0]?.customers_out, 0)
    t.strictSame(engine.state.deaths, [])
  },
)

t.test('a word that the database refuses for good ends the engine, unacknowledged', async (t) => {
  const engine = await openEngine(t)
  await engine.db.schema.alterTable('observation').dropColumn('quality').execute()
  void engine.say('B1', 'open', T0)
  await until(() => engine.state.deaths.length > 0, 'the engine died')
  t.equal((await engine.outages('B1')).length, 0)
})

t.test('verify finds what does not belong to the ledger', async (t) => {
  const engine = await openEngine(t)
  await engine.say('B1', 'closed', T0 - MS_PER_H)
  await engine.say('B1', 'open', T0)
  await engine.say('B1', 'closed', T0 + MS_PER_MIN)
  t.match(await engine.verify(), { differences: 0, lines: [] })
  const { db } = engine
  await db.updateTable('interruption').set({ outage: 'nobody' }).execute()
  t.ok(
    (await engine.verify()).differences >= 2,
    'an outage without its rows, and rows without their outage',
  )
  const [outage] = await engine.outages('B1')
  await db
    .updateTable('interruption')
    .set({ outage: outage?.id as string, area: 'elsewhere' })
    .execute()
  t.match(await engine.verify(), { differences: 1 })
  await db.updateTable('interruption').set({ area: 'area' }).execute()
  await db.updateTable('switch_state').set({ closed_phases: 0 }).execute()
  t.match(await engine.verify(), { differences: 1 })
})

t.test('a message that stops its batch is kept apart, and the others go on', async (t) => {
  const engine = await openEngine(t)
  await engine.say('B1', 'closed', T0 - MS_PER_H)
  await engine.pool.query(`
    create function refuse_s1() returns trigger language plpgsql as $f$
      begin
        if new.point = 'S1' then raise exception 'our mistake about S1'; end if;
        return new;
      end $f$;
    create trigger planted before insert on observation for each row execute function refuse_s1()`)
  await Promise.all([
    engine.say('B9', 'open', T0),
    engine.say('S1', 'open', T0 + 1),
    engine.say('B9', 'closed', T0 + MS_PER_MIN),
  ])
  t.strictSame(engine.state.deaths, [])
  t.strictSame(engine.weaknesses(), ['messages in quarantine: 1'])
  t.strictSame(engine.troubles(), [], 'all goes on')
  const kept = await engine.pool.query<{ topic: string; payload: Buffer; error: string }>(
    'select topic, payload, error from quarantine',
  )
  t.match(kept.rows, [{ topic: 'grid/v1/gw/switch/S1', error: /our mistake about S1/ }])
  t.match(JSON.parse(kept.rows[0]?.payload.toString() ?? ''), { position: 'open' })
  t.equal((await engine.outages('S1')).length, 0, 'nothing of it is believed')
  t.match(await engine.outages('B9'), [{ closed_customer_ms: 5 * MS_PER_MIN }])
  t.match(await engine.verify(), { differences: 0, lines: [] })

  await engine.restart()
  await until(() => engine.weaknesses().length === 1, 'it is tried again at the next start')
  await engine.pool.query('drop trigger planted on observation')
  await engine.restart()
  await until(() => engine.weaknesses().length === 0, 'a version without the mistake takes it')
  t.match(await engine.outages('S1'), [{ customers_out: 80 }])
  t.match(await engine.verify(), { differences: 0, lines: [] })
  t.strictSame(engine.state.deaths, [])
})

type Swallowed = 'nothing' | 'answers' | 'everything'

/** A way to the database that swallows bytes and closes nothing, as a firewall does that forgot a connection. */
async function openSwallowingWay(test: Test, config: pg.PoolConfig) {
  let swallowed: Swallowed = 'nothing'
  const host = config.host ?? '127.0.0.1'
  const port = config.port ?? 5432
  const sockets: net.Socket[] = []
  const proxy = net.createServer((near) => {
    const far = host.startsWith('/')
      ? net.connect(`${host}/.s.PGSQL.${port}`)
      : net.connect(port, host)
    sockets.push(near, far)
    near.on('data', (data) => void (swallowed !== 'everything' && far.write(data)))
    far.on('data', (data) => void (swallowed === 'nothing' && near.write(data)))
    for (const socket of [near, far]) socket.on('error', () => undefined)
    near.on('close', () => void (swallowed === 'nothing' && far.destroy()))
    far.on('close', () => near.destroy())
  })
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done))
  test.teardown(() => {
    for (const socket of sockets) socket.destroy()
    proxy.close()
  })
  return {
    config: { ...config, host: '127.0.0.1', port: (proxy.address() as net.AddressInfo).port },
    swallow: (what: Swallowed) => void (swallowed = what),
  }
}

for (const what of ['answers', 'everything'] as const) {
  t.test(`a database that hangs, and closes nothing: ${what} swallowed`, async (t) => {
    let way: Awaited<ReturnType<typeof openSwallowingWay>> | undefined
    const engine = await openEngine(t, async (config) => {
      way = await openSwallowingWay(t, config)
      return openWriter(way.config, 400)
    })
    await engine.say('B1', 'closed', T0 - MS_PER_H)
    way?.swallow(what)
    let acknowledged = false
    const waiting = engine.say('B1', 'open', T0).then(() => (acknowledged = true))
    await until(() => engine.troubles().length > 0, 'the engine says that it is in trouble')
    t.equal(acknowledged, false)
    way?.swallow('nothing')
    await waiting
    await engine.say('B1', 'closed', T0 + MS_PER_MIN)
    const rows = await engine.db.selectFrom('interruption').selectAll().execute()
    t.equal(rows.length, 1, 'written once')
    t.strictSame(
      engine.notices.filter((one) => one.audience === 'staff').map((one) => one.kind),
      ['supplyLost', 'supplyRestored'],
    )
    t.strictSame(engine.state.deaths, [])
    t.strictSame(engine.troubles(), [])
    t.match(await engine.verify(), { differences: 0, lines: [] })
  })
}

t.test('the server works on a batch while the next one is derived, and not after it', async (t) => {
  const { db, config } = await openTestDatabase(t)
  await sql`create table worked (at timestamptz not null, said text not null)`.execute(db)
  const writer = openWriter(config)
  t.teardown(() => writer.close())
  // More than the ways to the server hold by themselves.
  const said = 'x'.repeat(1 << 24)
  const work = constant(text`insert into worked select clock_timestamp(), ${said}`)
  await writer.transact([work])
  await new Promise<void>((sent, failed) => void writer.transact([work], sent).catch(failed))
  const derivedUntil = Date.now() + 1500
  while (Date.now() < derivedUntil);
  await writer.transact([])
  const rows = await db
    .selectFrom('worked' as 'engine_term')
    .select(sql<Date>`at`.as('at'))
    .execute()
  t.equal(rows.length, 2)
  t.ok(Number(rows.at(-1)?.at) < derivedUntil - 500, 'it had all it needed before we were busy')
})

t.test('the next batch is taken up when the former one is on its way to the server', async (t) => {
  let letGo: (() => void) | undefined
  const engine = await openEngine(t, (config) => {
    const writer = openWriter(config)
    const transact: Writer['transact'] = async (statements, sent) => {
      if (letGo === undefined && sent !== undefined) await new Promise<void>((go) => (letGo = go))
      await writer.transact(statements, sent)
    }
    return Promise.resolve({ transact, close: () => writer.close() })
  })
  const all = 3 * BATCH_MAX
  const said = Array.from({ length: all }, (_, i) => engine.say('B1', 'closed', T0 - all + i))
  await until(() => letGo !== undefined, 'the first batch is to be saved')
  t.equal(engine.backlog(), all - BATCH_MAX, 'one is in hand, the others wait')
  letGo?.()
  await until(() => engine.backlog() < all - BATCH_MAX, 'the next is taken up')
  await Promise.all(said)
  const rows = await engine.db.selectFrom('observation').selectAll().execute()
  t.equal(rows.length, all)
})

t.test('while a commit runs, a batch is derived ahead when as many messages wait', async (t) => {
  let letGo: (() => void) | undefined
  const engine = await openEngine(t, (config) => {
    const writer = openWriter(config)
    const transact: Writer['transact'] = async (statements, sent) => {
      await writer.transact(statements, sent)
      if (letGo === undefined && sent !== undefined) await new Promise<void>((go) => (letGo = go))
    }
    return Promise.resolve({ transact, close: () => writer.close() })
  })
  const first = AHEAD_MIN + 100
  let at = T0 - MS_PER_MIN
  const say = (count: number) =>
    Array.from({ length: count }, () => engine.say('B1', 'closed', at++))
  const said = say(first)
  await until(() => letGo !== undefined, 'the first batch is written, and not known to be')
  said.push(...say(first - 1))
  await sleep(50)
  t.equal(engine.backlog(), first - 1, 'fewer wait for more')
  said.push(...say(1))
  await until(() => engine.backlog() === 0, 'as many are taken up')
  said.push(...say(3))
  await sleep(50)
  t.equal(engine.backlog(), 3, 'and nothing more while they wait for their turn')
  letGo?.()
  await Promise.all(said)
  const rows = await engine.db.selectFrom('observation').selectAll().execute()
  t.equal(rows.length, at - T0 + MS_PER_MIN)
})

t.test(
  'whoever acts while nothing can be saved is told in time what is certain of it',
  async (t) => {
    let isStuck = false
    let letGo: (() => void) | undefined
    const engine = await openEngine(
      t,
      (config) => {
        const writer = openWriter(config)
        const transact: Writer['transact'] = async (statements, sent) => {
          if (isStuck) await new Promise<void>((go) => (letGo = go))
          await writer.transact(statements, sent)
        }
        return Promise.resolve({ transact, close: () => writer.close() })
      },
      0,
      { answerMsMax: 300 },
    )
    await engine.say('B1', 'open', T0)
    const [outage] = await engine.outages('B1')
    const note = (text: string): Act => ({ act: 'note', outage: String(outage?.id), text })
    isStuck = true
    const first = engine.act(note('first'))
    await until(() => letGo !== undefined, 'the first is being saved')
    const second = engine.act(note('second'))
    await Promise.all([
      t.rejects(first, { code: 'under-way' }, 'it may be saved yet'),
      t.rejects(second, { code: 'not-begun' }, 'it will not be'),
    ])
    isStuck = false
    letGo?.()
    t.match(await engine.act(note('third')), { outcome: 'done' })
    const rows = await engine.db.selectFrom('outage_event').selectAll().orderBy('id').execute()
    t.strictSame(
      rows.flatMap(({ kind, data }) => (kind === 'note' ? [(data as { text: string }).text] : [])),
      ['first', 'third'],
    )
    const audits = await engine.db.selectFrom('audit').select('after').execute()
    t.equal(audits.length, 2)
  },
)

t.test('closing ends in bounded time while the database hangs', async (t) => {
  let way: Awaited<ReturnType<typeof openSwallowingWay>> | undefined
  const engine = await openEngine(t, async (config) => {
    way = await openSwallowingWay(t, config)
    return openWriter(way.config, 400)
  })
  await engine.say('B1', 'closed', T0 - MS_PER_H)
  way?.swallow('everything')
  void engine.say('B1', 'open', T0)
  await until(() => engine.troubles().length > 0, 'the engine says that it is in trouble')
  const start = performance.now()
  await engine.close()
  t.ok(performance.now() - start < 6000, 'one try and one wait at most')
  t.strictSame(engine.state.deaths, [])
})

t.test('more outages may wait for their hold than a call takes arguments', (t) => {
  const deadlines = openDeadlines(Date.now, () => undefined)
  const later = Date.now() + 3_600_000
  for (let i = 0; i < 300_000; i++) deadlines.holds.set(`o${i}`, later)
  t.doesNotThrow(() => deadlines.set())
  deadlines.stop()
  t.end()
})
