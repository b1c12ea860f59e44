import t from 'tap'
import { MS_PER_MIN, MS_PER_S } from '../src/time.ts'
import { openOutbox } from '../src/stores/outbox.ts'
import { openTestDatabase } from './support/database.ts'
import { openEngine, verify } from './support/hand-engine.ts'
import { commit, GROUP, notice, openFront, tokenFor } from './support/people.ts'

const START = Date.parse('2026-11-24T12:00:00Z')
const iso = (at: number): string => new Date(at).toISOString()

/** An engine that is told things, looks when its minute comes, and what it told of probabilities. */
async function openTelling(test: { teardown(fn: () => unknown): void }) {
  const engine = await openEngine(test, START)
  let seq = 0
  const say = (kind: string, id: string, payload: object) =>
    engine.publish(`grid/v1/gw/${kind}/${id}`, { seq: seq++, ...payload })
  const meter = (id: string, event: string, at: number) => say('meter', id, { event, at: iso(at) })
  return {
    ...engine,
    meter,
    turn: (id: string, position: 'open' | 'closed', at: number) =>
      say('switch', id, { position, at: iso(at) }),
    /** The next minute passes. */
    async look(at: number) {
      engine.state.now = at
      // The timer that looks is set anew by a change elsewhere.
      await say('switch', 'FU', { position: 'open', at: iso(at) })
      await say('switch', 'FU', { position: 'closed', at: iso(at + 1) })
      await new Promise((go) => setTimeout(go, 400))
    },
    async told() {
      const { rows } = await engine.pool.query<{ line: string }>(
        `select concat_ws(' ', kind, data->>'key', data->>'device', array_to_string(points, ','), array_to_string(members, ','),
           data->>'evidence', data->>'why') as line
         from notice where kind like 'probabl%' order by seq`,
      )
      return rows.map(({ line }) => line)
    },
    words: async () =>
      (
        await engine.pool.query<{ text: { en: string; 'zh-CN': string } }>(
          `select data->'text' as text from notice where kind like 'probabl%' order by seq`,
        )
      ).rows.map(({ text }) => text),
  }
}

await t.test(
  'what meters make probable is told once, to staff and to the customers who were heard, and withdrawn when they are back',
  async (t) => {
    const engine = await openTelling(t)
    await engine.meter('P2', 'lastGasp', START)
    await engine.meter('P2b', 'lastGasp', START + MS_PER_S)
    await engine.look(START + 2 * MS_PER_MIN)
    const [raised, mine] = await engine.told()
    t.match(raised, /^probableRaised device:SW1 SW1 .*"dark":2,"lit":0,"darkLoadPoints":1/)
    t.match(mine, /^probablyOff P2,P2b \d+ probablyOff$/)
    t.match(await engine.words(), [
      {
        en: /^Probably off below SW1 since 12:00: 2 meters at 1 transformer say so, .*; 201 customers below\.$/,
        'zh-CN': /^SW1以下自12:00起可能停电/,
      },
      { en: /^We think that your power is off since 12:00/ },
    ])
    await engine.look(START + 4 * MS_PER_MIN)
    await engine.restart()
    await engine.look(START + 6 * MS_PER_MIN)
    t.equal((await engine.told()).length, 2, 'once, also across a restart')

    await engine.meter('P2', 'restored', START + 7 * MS_PER_MIN)
    await engine.meter('P2b', 'restored', START + 7 * MS_PER_MIN)
    await engine.look(START + 8 * MS_PER_MIN)
    t.match((await engine.told()).slice(2), [
      /^probableCleared device:SW1 SW1 withdrawn$/,
      /^probablyOffEnded P2,P2b \d+ withdrawn$/,
    ])
    const said = (await engine.words()).map(({ en }) => en).join(' ')
    t.notMatch(said, /restored|is back|has power again/, 'never that supply is back')
    await engine.look(START + 10 * MS_PER_MIN)
    t.equal((await engine.told()).length, 4)
    const { rows } = await engine.pool.query('select from probable_outage, probable_point')
    t.equal(rows.length, 0)
    t.match(await verify(engine), { differences: 0 })
    t.strictSame(engine.state.deaths, [])
  },
)

await t.test(
  'a switch that is known to be open takes over: the guess ends as confirmed',
  async (t) => {
    const engine = await openTelling(t)
    await engine.meter('P2', 'lastGasp', START)
    await engine.meter('P2b', 'lastGasp', START)
    await engine.look(START + 2 * MS_PER_MIN)
    await engine.turn('SW1', 'open', START + 2 * MS_PER_MIN)
    await engine.look(START + 4 * MS_PER_MIN)
    t.match((await engine.told()).slice(2), [
      /^probableCleared device:SW1 SW1 confirmed$/,
      /^probablyOffEnded P2,P2b \d+ confirmed$/,
    ])
    const { rows } = await engine.pool.query<{ kind: string }>(
      `select kind from notice where audience = 'customer' and members && (
       select members from notice where kind = 'probablyOff') order by seq`,
    )
    t.strictSame(
      rows.slice(0, 3).map(({ kind }) => kind),
      ['probablyOff', 'supplyLost', 'probablyOffEnded'],
    )
    t.strictSame(engine.state.deaths, [])
  },
)

await t.test(
  'a guess reaches the sockets of the points that were heard and of no neighbour, live and by since; and no letter',
  async (t) => {
    const database = await openTestDatabase(t)
    const front = await openFront(t, database)
    const guess = (seq: number, kind: 'probablyOff' | 'probablyOffEnded') =>
      notice(seq, {
        kind,
        data: { ...notice(seq).data, kind, outage: null },
        audience: 'customer',
        outage: null,
        feeders: [],
        // P2 and P3 are one supply group.
        members: [GROUP.P3],
        points: ['P3'],
      })
    await database.pool.query(
      `insert into recipient (subject, channel, address, language, service_points, groups, audience, created_at)
       values ('c', 'email', 'c@example.org', 'en', '{P3}', '{${GROUP.P3}}', 'customer', '2020-01-01')`,
    )
    const heard = await front.listen(await tokenFor('customer', ['P3']))
    const neighbour = await front.listen(await tokenFor('customer', ['P2']))
    const desk = await front.listen(await tokenFor('dispatcher'))
    await heard.subscribe(['servicePoint:P3'])
    await neighbour.subscribe(['servicePoint:P2'])
    await desk.subscribe(['outages', 'servicePoint:P2'])
    for (const one of [guess(1, 'probablyOff'), guess(2, 'probablyOffEnded')]) {
      await commit(database.db, [one])
      front.stream.committed(one.seq, [one])
    }
    await front.stream.idle()
    await heard.until('both', () => heard.notices().length === 2)
    for (const other of [neighbour, desk]) {
      await other.settle()
      t.strictSame(other.notices(), [])
    }
    t.match(heard.notices(), [
      { topic: 'servicePoint:P3', data: { kind: 'probablyOff', servicePoints: ['P3'] } },
      { seq: 2 },
    ])

    // From the table, in a process that has not heard of them, and from what it remembers.
    for (const reader of [front, await openFront(t, database, { follow: true })]) {
      const late = await reader.listen(await tokenFor('customer', ['P3']))
      const other = await reader.listen(await tokenFor('customer', ['P2']))
      await late.subscribe(['servicePoint:P3'], 0)
      await other.subscribe(['servicePoint:P2'], 0)
      await late.until('both by since', () => late.notices().length === 2)
      await other.settle()
      t.strictSame(other.notices(), [])
    }
    const outbox = openOutbox(database.db, 'UTC')
    t.equal(await outbox.spread(START), 0)
    await commit(database.db, [
      notice(3, { audience: 'customer', members: [GROUP.P3], feeders: [] }),
    ])
    t.equal(await outbox.spread(START), 1, 'that it is off is a letter')
  },
)
