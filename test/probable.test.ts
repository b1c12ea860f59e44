import t from 'tap'
import { plainMe, type PlainMe } from '../src/http/plain-me.ts'
import { NO_PHONES } from '../src/notices/safety.ts'
import { probableAt, probableOutages, type EvidencedLoadPoint } from '../src/notices/probable.ts'
import { MS_PER_MIN } from '../src/time.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { openGateway, openTestService } from './support/service.ts'

const NOW = Date.parse('2026-11-24T12:00:00Z')
const ago = (minutes: number): number => NOW - minutes * MS_PER_MIN

/** `off 5`: said five minutes ago that it is off; `out`: the ledger has it out; `back 20`: the ledger gave it supply 20 minutes ago. */
function at(...points: readonly string[]): EvidencedLoadPoint {
  return {
    loadPoint: 'T1',
    points: points.map((text, i) => {
      const said = /(off|on) (\d+(?:\.\d+)?)/.exec(text)
      const back = /back (\d+)/.exec(text)
      return {
        id: `P${i}`,
        customers: 1,
        word:
          said === null ? undefined : { says: said[1] as 'off' | 'on', at: ago(Number(said[2])) },
        isKnownOut: text.includes('out'),
        backAt: back === null ? null : ago(Number(back[1])),
      }
    }),
  }
}

await t.test('one transformer, what its meters say, and what is probable', async (t) => {
  const table: readonly [string, readonly string[], string | null][] = [
    ['nobody said anything', ['', '', ''], null],
    ['one meter alone is asked first', ['off 5', ''], null],
    ['one meter alone, all that there is', ['off 5'], null],
    ['two of three', ['off 5', 'off 4', ''], 'probablyOff P0,P1'],
    ['two of five are too few', ['off 5', 'off 4', '', '', ''], null],
    ['three of many', ['off 5', 'off 4', 'off 3', '', '', '', '', ''], 'probablyOff P0,P1,P2'],
    ['light on the same transformer outweighs', ['off 5', 'off 5', 'on 4', 'on 4'], null],
    [
      'light from before the loss says nothing',
      ['off 5', 'off 5', 'on 9', 'on 9'],
      'probablyOff P0,P1',
    ],
    ['losses far apart are not one event', ['off 5', 'off 90', ''], null],
    ['a reclosing may not be over', ['off 0.5', 'off 0.5', 'off 0.5'], null],
    ['the ledger knows it already', ['off 5 out', 'off 5 out', 'off 5 out'], null],
    ['old words say nothing', ['off 400', 'off 400', 'off 400'], null],
    ['it is back', ['on 1', 'on 1', 'off 5'], null],
    ['back, one silent: too early to say', ['on 4 back 5', 'off 30 back 5'], null],
    ['back, one silent, others spoke', ['on 19 back 20', 'off 40 back 20'], 'stillDark P1'],
    ['back, all silent: their meters do not speak', ['off 40 back 20', 'off 40 back 20'], null],
    ['lost again after it was back', ['off 5 back 20', 'off 5 back 20'], 'probablyOff P0,P1'],
  ]
  for (const [rule, points, expected] of table) {
    const [found] = probableOutages([at(...points)], NOW)
    t.equal(found === undefined ? null : `${found.kind} ${found.dark.join(',')}`, expected, rule)
  }
  t.equal(probableAt(at('off 5', 'off 4', ''), NOW)?.since, ago(5))
})

await t.test(
  'last gasps and no switch: probable to the dispatcher and the customer, in no outage and no index, gone when back',
  { timeout: 60_000 },
  async (t) => {
    const database = await openTestDatabase(t)
    const service = await openTestService(t, database, { tables: TOWN })
    const gateway = await openGateway(t, service.broker)
    const lostAt = Date.now() - 2 * MS_PER_MIN
    const says = (point: string, event: string, when: number, seq: number) =>
      gateway.publish('meter', point, { at: new Date(when).toISOString(), seq, event })
    await says('P2', 'lastGasp', lostAt, 1)
    await says('P3', 'lastGasp', lostAt, 2)
    t.match(await service.get('probable'), {
      probable: [{ kind: 'probablyOff', loadPoint: 'n2', customers: 83, dark: ['P2', 'P3'] }],
      outages: [
        {
          key: 'device:S1',
          device: 'S1',
          feeder: 'F1',
          loadPoints: ['n2'],
          customers: 83,
          evidence: { dark: 2, lit: 0, darkLoadPoints: 1, silentLoadPoints: 0 },
        },
      ],
    })
    const mine = await service.get<{
      servicePoints: { supply: string; probablyOff: { text: { en: string } } }[]
    }>('me', 'customer', ['P3'])
    t.equal(mine.servicePoints[0]?.supply, 'on', 'the ledger has not heard of it')
    t.match(mine.servicePoints[0]?.probablyOff.text.en, /^We think that your power is off since/)
    t.match(await service.get('me', 'customer', ['P1']), { servicePoints: [{ probablyOff: null }] })
    const page = plainMe(await service.get<PlainMe>('me', 'customer', ['P3']), {
      language: 'en',
      timeZone: 'UTC',
      phones: NO_PHONES,
    })
    t.match(page, /<h1>Your power is probably off<\/h1>.*We have not confirmed it yet/)
    const other = plainMe(await service.get<PlainMe>('me', 'customer', ['P1']), {
      language: 'zh-CN',
      timeZone: 'UTC',
      phones: NO_PHONES,
    })
    t.match(other, /<h1>供电正常<\/h1>/)
    t.strictSame(
      (await service.get<{ outages: unknown[] }>('outages')).outages,
      [],
      'no outage of it',
    )
    t.equal(
      (await database.db.selectFrom('interruption').selectAll().execute()).length,
      0,
      'nothing that an index could count',
    )
    // Another process on the same record says the same; then the meters are back.
    await service.close()
    const again = await openTestService(t, database)
    t.match(await again.get('probable'), { probable: [{ kind: 'probablyOff' }] })
    await again.close()
    const last = await openTestService(t, database)
    const back = await openGateway(t, last.broker, 'gw2')
    for (const [seq, point] of ['P2', 'P3'].entries())
      await back.publish('meter', point, { at: new Date().toISOString(), seq, event: 'restored' })
    t.strictSame((await last.get<{ probable: unknown[] }>('probable')).probable, [])
  },
)
