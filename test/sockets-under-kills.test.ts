import type { Pool } from 'pg'
import t from 'tap'
import { openTestDatabase } from './support/database.ts'
import type { HeardNotice, LiveReader } from './support/live-reader.ts'
import { compareWithRecord } from './support/notice-oracle.ts'
import { TOWN } from './support/people.ts'
import { runSocketStorm } from './support/socket-storm.ts'

const SEED = Number(process.env['SOCKETS_SEED'] ?? 1)
const READERS = 10

t.test(
  `over one gateway and over three, whatever is killed, every socket hears all that is theirs, once, in order, and nothing else (seed ${SEED})`,
  { timeout: 280_000 },
  async (t) => {
    const database = await openTestDatabase(t)
    const outcome = await runSocketStorm(t, database, {
      seed: SEED,
      rounds: [
        { gateways: 1, blows: ['gateway killed', 'way to the database cut', 'broker killed'] },
        { gateways: 3, blows: ['database killed', 'gateway stopped', 'engine killed'] },
      ],
      noticesBetween: 30,
      readers: READERS,
      say: (line) => t.comment(line),
    })
    t.same(outcome.differences, [])
    t.ok(outcome.notices > 200, `${outcome.notices} notices were committed`)
    t.ok(outcome.heard > outcome.notices, `${outcome.heard} frames were heard`)
    t.ok(outcome.sockets > READERS, `over ${outcome.sockets} sockets`)
    t.ok(outcome.refusals > 0, `${outcome.refusals} times a foreign topic was refused`)
    t.comment(`${outcome.resyncs} times resync, ${outcome.byes} good-byes`)
  },
)

t.test('the oracle sees a gap, a double, a stranger, other words and another topic', async (t) => {
  // TOWN has no transformers: a point's load point is its node. P1 is of phase A at n1, P4 of all three at n3.
  const group = { P1: 1, P4: 2 * 8 + 7 }
  const row = (seq: number, members: number[]) => ({
    seq,
    at: 0,
    audience: 'customer',
    feeders: [],
    members,
    data: { kind: 'supplyLost' },
  })
  const rows = [row(1, [group.P1]), row(2, [group.P1]), row(3, [group.P4]), row(4, [group.P1])]
  const points = ['n1', 'n2', 'n3'].map((id, ix) => ({ ix, id }))
  const pool = {
    query: async (text: string) => ({ rows: text.includes('load_point') ? points : rows }),
  } as unknown as Pool
  const says = (seq: number, more: Partial<HeardNotice> = {}): HeardNotice => ({
    seq,
    at: '1970-01-01T00:00:00.000Z',
    topic: 'servicePoint:P1',
    data: { kind: 'supplyLost', servicePoints: ['P1'] },
    ...more,
  })
  const judge = (...heard: HeardNotice[]): Promise<string[]> => {
    const reader: LiveReader = {
      name: 'one',
      token: '',
      topics: ['servicePoint:P1'],
      foreign: [],
      heard,
      since: () => 1,
      faults: [],
      counted: { sockets: 1, resyncs: 0, byes: 0, refusals: 0 },
      stop: async () => undefined,
    }
    return compareWithRecord(pool, TOWN, [reader])
  }
  t.same(await judge(says(2), says(4)), [])
  t.match(await judge(says(4)), ['one: 1 never heard: 2'])
  t.match(await judge(says(2), says(4), says(4)), ['one: 4 heard 2 times'])
  t.match(await judge(says(1), says(2), says(4)), ['one: 1 is not theirs: servicePoint:P1'])
  t.match(await judge(says(2), says(3), says(4)), ['one: 3 is not theirs: servicePoint:P1'])
  t.match(await judge(says(2), says(4), says(5)), ['one: 5 was never committed'])
  t.match(await judge(says(2, { topic: 'public' }), says(4)), ['one: 2 came as public'])
  const other = { data: { kind: 'supplyRestored', servicePoints: ['P4'] } }
  t.same(await judge(says(2, other), says(4)), [
    'one: 2 says something else than the record',
    'one: 2 names P4 instead of P1',
  ])
})
