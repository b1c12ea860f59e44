import fs from 'node:fs'
import { sql } from 'kysely'
import t from 'tap'
import { RECENT_NOTICES_MAX } from '../src/live/recent.ts'
import { REMEMBERED_AT_START } from '../src/live/stream.ts'
import { MESSAGES_PER_WINDOW_MAX } from '../src/live/rooms.ts'
import { TOPIC_KINDS } from '../src/live/topics.ts'
import { NOTICE_KINDS } from '../src/notices/notice.ts'
import { ROLES } from '../src/stores/identity.ts'
import { openTestDatabase } from './support/database.ts'
import { commit, GROUP, notice, NOW, openFront, tokenFor, type Answer } from './support/people.ts'

const seqs = (reader: { notices(): Answer[] }) => reader.notices().map(({ seq }) => seq)
const forCustomers = (seq: number, members: number[]) =>
  notice(seq, { audience: 'customer', members })

t.test(
  'a customer hears about their own service point, and the neighbour hears nothing',
  async (t) => {
    const database = await openTestDatabase(t)
    const front = await openFront(t, database, { follow: true })
    const one = await front.listen(await tokenFor('customer', ['P1']))
    const neighbour = await front.listen(await tokenFor('customer', ['P4']))
    await one.subscribe(['servicePoint:P1'])
    await neighbour.subscribe(['servicePoint:P4', 'public'])
    t.match(one.frames, [{ v: 1, type: 'subscribed', topics: ['servicePoint:P1'], seq: 0 }])
    await commit(database.db, [forCustomers(3, [GROUP.P1])])
    await one.until('the notice', () => one.notices().length > 0)
    t.same(one.notices(), [
      {
        v: 1,
        type: 'notice',
        seq: 3,
        at: '2026-03-10T12:00:00.000Z',
        topic: 'servicePoint:P1',
        data: {
          kind: 'supplyLost',
          outage: 'o1',
          startedAt: '2026-03-10T11:00:00.000Z',
          etr: null,
          customersOut: 7,
          text: { en: 'notice 3', 'zh-CN': '通知 3' },
          servicePoints: ['P1'],
        },
      },
    ])
    await neighbour.settle()
    t.same(neighbour.notices(), [])
  },
)

t.test(
  "one frame a notice, on the most specific topic, with the reader's own points",
  async (t) => {
    const database = await openTestDatabase(t)
    const front = await openFront(t, database)
    const dispatcher = await front.listen(await tokenFor('dispatcher'))
    await dispatcher.subscribe(['public', 'outages', 'feeder:F1', 'feeder:F2', 'servicePoint:P3'])
    const both = await front.listen(await tokenFor('customer', ['P2', 'P3', 'P1']))
    await both.subscribe(['servicePoint:P2', 'servicePoint:P3'])
    const notices = [
      notice(1, { feeders: ['F1', 'F2'] }),
      notice(2, { feeders: [] }),
      notice(3, { feeders: ['F9'] }),
      notice(4, { audience: 'public', feeders: ['F1'] }),
      forCustomers(5, [GROUP.P1, GROUP.P2, GROUP.P4]),
      forCustomers(6, [GROUP.P1]),
    ]
    await commit(database.db, notices)
    front.stream.committed(6, notices)
    await front.stream.idle()
    await dispatcher.settle()
    t.same(
      dispatcher.notices().map(({ seq, topic }) => [seq, topic]),
      [
        [1, 'feeder:F1'],
        [2, 'outages'],
        [3, 'outages'],
        [4, 'public'],
        [5, 'servicePoint:P3'],
      ],
    )
    t.same(dispatcher.notices().at(-1)?.data.servicePoints, ['P3'])
    await both.settle()
    t.same(seqs(both), [5])
    t.same(both.notices()[0].data.servicePoints, ['P2', 'P3'], 'not P1: it was not subscribed')

    dispatcher.say({ op: 'unsubscribe', topics: ['feeder:F1', 'outages', 'feeder:F2'] })
    await dispatcher.settle()
    front.stream.committed(7, [notice(7)])
    await front.stream.idle()
    await dispatcher.settle()
    t.equal(dispatcher.notices().at(-1)?.seq, 5, 'nothing after it has left')
  },
)

t.test('every kind of notice is told of in the README or the contract', async (t) => {
  const told = fs.readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  // contract.md §WebSocket
  const agreed =
    'supplyLost etrChanged crewChanged partlyRestored supplyRestored outageClosed outageCorrected plannedAnnounced plannedChanged plannedCancelled'
  for (const kind of NOTICE_KINDS)
    t.ok(agreed.split(' ').includes(kind) || told.includes(`\`${kind}\``), kind)
})

t.test('topics: who may have them, and what is said to the others', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  // By hand: d dispatcher, p planner, c customer, a administrator. A new kind of topic must be written here too.
  const table: Record<string, string> = {
    outages: 'dpa',
    load: 'dpa',
    public: 'dpca',
    'feeder:F1': 'dpa',
    'servicePoint:P1': 'dca',
    'servicePoint:P4': 'da',
  }
  const topics = Object.keys(table)
  t.strictSame(
    [...new Set(topics.map((topic) => topic.replace(/:.*/, '')))].sort(),
    [...TOPIC_KINDS].sort(),
    'every kind of topic is in the table',
  )
  t.strictSame(ROLES.map((role) => role.slice(0, 1)).sort(), 'acdp'.split(''), 'and every role')
  for (const role of ROLES) {
    const may = topics.filter((topic) => table[topic]?.includes(role.slice(0, 1)))
    const reader = await front.listen(await tokenFor(role, ['P1']))
    await reader.subscribe(topics)
    const taken = reader.frames.find(({ type }) => type === 'subscribed').topics
    t.same(taken, may, role)
    const refused = reader.frames.find(({ type }) => type === 'error')
    t.same(
      refused?.topics ?? [],
      topics.filter((topic) => !may.includes(topic)),
    )
    if (refused !== undefined) t.equal(refused.code, 'forbidden-topic')
  }
  const stranger = await front.listen(await tokenFor('customer', ['P1']))
  stranger.say({ op: 'subscribe', topics: ['servicePoint:P4', 'outages', 'feeder:F1', 'load'] })
  await stranger.settle()
  const notices = [notice(1), forCustomers(2, [GROUP.P4, GROUP.P1])]
  await commit(database.db, notices)
  front.stream.committed(2, notices)
  await front.stream.idle()
  await stranger.settle()
  t.same(stranger.notices(), [], 'what was refused is never heard')
  t.same(
    stranger.frames.map(({ type }) => type),
    ['error', 'pong', 'pong'],
  )
})

t.test('what is not a message of ours is refused, and the socket lives on', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  const reader = await front.listen(await tokenFor('dispatcher'))
  for (const [message, says] of [
    ['{', /JSON object/],
    ['[]', /JSON object/],
    ['null', /JSON object/],
    ['"ping"', /JSON object/],
    [{ op: 'shout' }, /op/],
    [{ op: 'subscribe' }, /topics/],
    [{ op: 'subscribe', topics: [] }, /topics/],
    [{ op: 'subscribe', topics: 'outages' }, /topics/],
    [{ op: 'subscribe', topics: [7] }, /topics/],
    [{ op: 'subscribe', topics: ['outages'], since: -1 }, /since/],
    [{ op: 'subscribe', topics: ['outages'], since: '5' }, /since/],
    [{ op: 'subscribe', topics: ['outages'], since: 1e300 }, /since/],
    [{ op: 'subscribe', topics: ['weather'] }, /topics/],
    [{ op: 'subscribe', topics: ['feeder:'] }, /topics/],
    [{ op: 'subscribe', topics: ['servicePoint:'] }, /topics/],
  ] as const) {
    reader.frames.length = 0
    reader.say(message)
    await reader.until('a fault', () => reader.frames.length > 0)
    t.match(reader.frames, [{ v: 1, type: 'error', says }], JSON.stringify(message))
  }
  reader.frames.length = 0
  reader.socket.send(Buffer.from('{"op":"ping"}'), { binary: true })
  await reader.until('a fault', () => reader.frames.length > 0)
  t.match(reader.frames, [{ type: 'error' }], 'bytes are no message')
  await reader.settle()
})

t.test(
  'with since a reader gets all that it missed, once, in order, while the storm goes on',
  async (t) => {
    const database = await openTestDatabase(t)
    const before = [...Array(40)].map((_, i) => notice(2 * i + 1, { feeders: [`F${(i % 2) + 1}`] }))
    await commit(database.db, before)
    const front = await openFront(t, database)
    const token = await tokenFor('dispatcher')
    let seq = 80
    const go = async (count: number) => {
      const batch = [...Array(count)].map(() => notice(++seq, { feeders: [`F${(seq % 2) + 1}`] }))
      await commit(database.db, batch)
      front.stream.committed(seq, batch)
    }
    const readers = await Promise.all([...Array(6)].map(() => front.listen(token)))
    const work = (async () => {
      for (let i = 0; i < 30; i++) {
        await go(1 + (i % 3))
        await new Promise((next) => setImmediate(next))
      }
    })()
    const sinces = [0, 1, 2, 39, 78, 79]
    await Promise.all(readers.map((reader, i) => reader.subscribe(['outages'], sinces[i])))
    await work
    await front.stream.idle()
    const all = [...before.map((one) => one.seq), ...[...Array(seq - 80)].map((_, i) => 81 + i)]
    for (const [i, reader] of readers.entries()) {
      await reader.settle()
      t.same(
        seqs(reader),
        all.filter((one) => one > (sinces[i] ?? 0)),
        `since ${sinces[i]}`,
      )
    }

    t.test(
      'asking again on the same socket gives what was not heard, and nothing twice',
      async (t) => {
        const reader = await front.listen(token)
        await reader.subscribe(['feeder:F1'], 20)
        await reader.subscribe(['outages'], 10)
        await reader.settle()
        const f1 = (one: number) => (one <= 79 ? ((one - 1) / 2) % 2 === 0 : one % 2 === 0)
        t.same(new Set(seqs(reader)), new Set(all.filter((one) => one > 10)))
        t.equal(seqs(reader).length, new Set(seqs(reader)).size, 'each once')
        t.same(seqs(reader).slice(0, 5), all.filter((one) => one > 20 && f1(one)).slice(0, 5))
        await reader.subscribe(['outages'], 0)
        await reader.settle()
        t.same(new Set(seqs(reader)), new Set(all))
        t.equal(seqs(reader).length, all.length, 'further back: only what was missing')
      },
    )
  },
)

t.test('a customer who comes back gets only what was theirs', async (t) => {
  const database = await openTestDatabase(t)
  await commit(database.db, [
    forCustomers(1, [GROUP.P1, GROUP.P4]),
    forCustomers(2, [GROUP.P4]),
    notice(3),
    forCustomers(4, [GROUP.P1]),
    notice(5, { audience: 'public' }),
  ])
  const front = await openFront(t, database)
  const reader = await front.listen(await tokenFor('customer', ['P1']))
  await reader.subscribe(['servicePoint:P1'], 0)
  await reader.settle()
  t.same(seqs(reader), [1, 4])
})

t.test(
  'what memory no longer has is read from the record; what that has not is said to be gone',
  async (t) => {
    const database = await openTestDatabase(t)
    const { db } = database
    const count = REMEMBERED_AT_START + 700
    await commit(db, [notice(10, { feeders: ['old'] }), forCustomers(11, [GROUP.P1])])
    await sql`
      insert into notice (seq, at, audience, kind, outage, feeders, members, data)
      select number, at, audience, kind, outage, feeders, members, data
      from notice, generate_series(20, ${19 + count}::int) as number where seq = 10`.execute(db)
    const front = await openFront(t, database)
    const token = await tokenFor('dispatcher')
    const long = await front.listen(token)
    await long.subscribe(['feeder:old'], 5200)
    await long.until('all', () => long.notices().at(-1)?.seq === 19 + count)
    t.same(
      seqs(long),
      [...Array(19 + count - 5200)].map((_, i) => 5201 + i),
    )

    const customer = await front.listen(await tokenFor('customer', ['P1']))
    await customer.subscribe(['servicePoint:P1'], 10)
    await customer.until('the old one', () => customer.notices().length > 0)
    t.same(seqs(customer), [11], 'from the table: memory begins later')

    const tooMuch = await front.listen(token)
    await tooMuch.subscribe(['outages'], 9)
    await tooMuch.until('resync', () => tooMuch.frames.some(({ type }) => type === 'resync'))

    const tooOld = await front.listen(token)
    await tooOld.subscribe(['outages'], 3)
    await tooOld.until('resync', () => tooOld.frames.some(({ type }) => type === 'resync'))
    t.same(tooOld.notices(), [], 'nothing half told')

    const fromElsewhere = await front.listen(token)
    await fromElsewhere.subscribe(['outages'], 9_999_999)
    await fromElsewhere.until('resync', () =>
      fromElsewhere.frames.some(({ type }) => type === 'resync'),
    )
    const next = [notice(20 + count)]
    await commit(db, next)
    front.stream.committed(20 + count, next)
    await front.stream.idle()
    for (const reader of [tooMuch, tooOld, fromElsewhere]) {
      await reader.settle()
      t.equal(seqs(reader).at(-1), 20 + count, 'and it goes on from now')
    }
    t.ok(REMEMBERED_AT_START <= RECENT_NOTICES_MAX)
  },
)

t.test(
  'three gateways: each tells every committed notice once, and a reader moves between them',
  async (t) => {
    const database = await openTestDatabase(t)
    const { db } = database
    const gateways = []
    for (let i = 0; i < 3; i++) gateways.push(await openFront(t, database, { follow: true }))
    const token = await tokenFor('dispatcher')
    const readers = await Promise.all(gateways.map((gateway) => gateway.listen(token)))
    for (const reader of readers) await reader.subscribe(['outages'])
    const moving: number[] = []
    let last = 0
    for (let round = 0; round < 9; round++) {
      // Numbers have gaps, and what is rolled back is never told.
      const from = round * 10
      await commit(db, [notice(from + 1), notice(from + 2), notice(from + 4)])
      await db
        .transaction()
        .execute(async (tx) => {
          await tx
            .insertInto('notice')
            .values({
              seq: from + 5,
              at: new Date(NOW),
              audience: 'staff',
              kind: 'supplyLost',
              outage: null,
              feeders: [],
              members: null,
              data: '{}',
            })
            .execute()
          throw new Error('rolled back')
        })
        .catch(() => undefined)
      const gateway = gateways[round % 3]
      const mover = await gateway?.listen(token)
      await mover?.subscribe(['outages'], last)
      await mover?.until('the last', () => seqs(mover).at(-1) === from + 4)
      moving.push(...(mover === undefined ? [] : seqs(mover)))
      last = moving.at(-1) ?? 0
      mover?.socket.terminate()
      if (round === 4) {
        // The connection that listens is lost; what is announced meanwhile is not.
        await sql`
          select pg_terminate_backend(pid) from pg_stat_activity
          where query like 'listen%' and datname = current_database()`.execute(db)
      }
    }
    const all = [...Array(9)].flatMap((_, round) => [
      round * 10 + 1,
      round * 10 + 2,
      round * 10 + 4,
    ])
    t.same(moving, all, 'the one who moved: no gap, no double, in order')
    for (const reader of readers) {
      await reader.until('the last', () => seqs(reader).at(-1) === 84)
      t.same(seqs(reader), all)
    }
  },
)

t.test('a gateway that is behind does not tell again what another one has told', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  await commit(database.db, [notice(1), notice(2), notice(3)])
  const reader = await front.listen(await tokenFor('dispatcher'))
  await reader.subscribe(['outages'], 2)
  await reader.settle()
  front.stream.committed(3)
  await front.stream.idle()
  // While the database is asked whether it is the same one, what is told waits.
  await reader.until('the third', () => seqs(reader).length > 0)
  await reader.settle()
  t.same(seqs(reader), [3])
  t.notOk(reader.frames.some(({ type }) => type === 'resync'))
})

t.test(
  'a since that no notice has reached is answered with resync, for new topics and for known ones, and what comes is told once',
  async (t) => {
    const database = await openTestDatabase(t)
    const front = await openFront(t, database)
    const go = async (seq: number) => {
      await commit(database.db, [notice(seq)])
      front.stream.committed(seq, [notice(seq)])
      await front.stream.idle()
    }
    await go(1)
    const reader = await front.listen(await tokenFor('dispatcher'))
    const resyncs = () => reader.frames.filter(({ type }) => type === 'resync').length
    await reader.subscribe(['outages'], 1_000)
    await reader.until('resync for a new topic', () => resyncs() === 1)
    await reader.subscribe(['outages'], 1_000)
    await reader.until('resync for a known one', () => resyncs() === 2)
    await reader.subscribe(['outages', 'feeder:F1'], 900)
    await reader.until('resync for both', () => resyncs() === 3)
    await go(2)
    await reader.settle()
    t.same(seqs(reader), [2])
    await reader.subscribe(['outages'], 0)
    await go(3)
    await reader.settle()
    t.same(seqs(reader), [2, 1, 3], 'asked from the beginning: what was missing, and nothing twice')
  },
)

t.test('a reader that is too slow is cut with resync, and nobody waits for it', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  const token = await tokenFor('dispatcher')
  const slow = await front.listen(token)
  const quick = await front.listen(token)
  await slow.subscribe(['outages'])
  await quick.subscribe(['outages'])
  slow.socket.pause()
  const text = { en: 'x'.repeat(20_000), 'zh-CN': '停'.repeat(5_000) }
  const big = [...Array(600)].map((_, i) => notice(i + 1, { data: { ...notice(1).data, text } }))
  for (const one of big) {
    front.stream.committed(one.seq, [one])
    await front.stream.idle()
    await new Promise((next) => setImmediate(next))
  }
  await quick.until('the last', () => seqs(quick).at(-1) === 600)
  t.equal(seqs(quick).length, 600)
  t.equal(front.live.sockets(), 1, 'the slow one is gone')
  slow.socket.resume()
  await slow.until('the end', () => slow.ended() !== undefined)
  const heard = seqs(slow)
  t.same(
    heard,
    heard.map((_, i) => i + 1),
    'what it was told has no gap',
  )
  t.ok(heard.length < 600)
})

t.test('a flood of messages ends the socket that sends it, and no other', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  const token = await tokenFor('customer', ['P1'])
  const flood = await front.listen(token)
  const calm = await front.listen(token)
  for (let i = 0; i <= MESSAGES_PER_WINDOW_MAX; i++) flood.say({ op: 'ping' })
  await flood.until('the end', () => flood.ended() !== undefined)
  t.equal(flood.ended()?.code, 1008)
  t.match(flood.frames.at(-1), { type: 'error', code: 'too-many-messages' })
  const huge = await front.listen(token)
  huge.say({ op: 'subscribe', topics: ['x'.repeat(70_000)] })
  await huge.until('the end', () => huge.ended() !== undefined)
  t.equal(huge.ended()?.code, 1009)
  await calm.settle()
})

t.test('at shutdown everyone is told when to come back, not all at once', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  const token = await tokenFor('customer', ['P1'])
  const readers = await Promise.all([...Array(8)].map(() => front.listen(token)))
  await front.close()
  const waits = readers.map((reader) => {
    t.match(reader.frames.at(-1), { v: 1, type: 'bye', retryAfterMs: Number })
    t.equal(reader.ended()?.code, 1001)
    return reader.frames.at(-1).retryAfterMs
  })
  t.ok(new Set(waits).size > 1)
})
