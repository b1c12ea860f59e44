import t from 'tap'
import { buildNetwork } from '../src/grid/network.ts'
import type { SwitchObservation } from '../src/ledger/observation.ts'
import { archiveNext } from '../src/stores/archive.ts'
import { saveLoads } from '../src/stores/loads.ts'
import { toSaveObservations } from '../src/stores/observations.ts'
import { toSaveCheckpoint } from '../src/stores/outages.ts'
import { positionsAt } from '../src/stores/positions-read.ts'
import { runIn } from '../src/stores/statement.ts'
import { MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { loadWord } from './support/load-words.ts'
import { NOW, openFront, tokenFor, TOWN } from './support/people.ts'
import { seeded } from './support/seeded.ts'

const SEED = 20261125

let seq = 0
const word = (
  point: string,
  at: number,
  position: 'open' | 'closed',
  more: Partial<SwitchObservation> = {},
): SwitchObservation => ({
  kind: 'switch',
  gateway: 'gw',
  point,
  seq: seq++,
  at,
  receivedAt: at,
  position,
  phases: null,
  reason: null,
  quality: 'good',
  bySubject: null,
  ...more,
})

const record = ({ db }: TestDatabase, words: readonly SwitchObservation[]) =>
  db.transaction().execute((tx) =>
    runIn(
      tx,
      toSaveObservations(words, (said) => said.at > said.receivedAt + MS_PER_MIN),
    ),
  )

await t.test(
  'where switches stood at any moment is what was said last of each phase',
  async (t) => {
    const random = seeded(SEED)
    const database = await openTestDatabase(t)
    const network = buildNetwork(TOWN)
    const pick = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)] as T
    const minute = () => NOW + Math.floor(random() * 120) * MS_PER_MIN
    const words = Array.from({ length: 400 }, () => {
      const at = minute()
      return word(pick('H1', 'S1', 'T', 'elsewhere'), at, pick('open', 'closed'), {
        kind: pick('switch', 'switch', 'manual'),
        phases: pick(null, null, 7, 1, 2, 6),
        quality: pick('good', 'uncertain', 'bad'),
        // Some clocks run an hour ahead: such a word counts when it was heard.
        receivedAt: random() < 0.1 ? at - MS_PER_H : at + 1000,
      })
    })
    await record(database, words)
    const counts = (said: SwitchObservation) =>
      said.at > said.receivedAt + MS_PER_MIN ? said.receivedAt : said.at

    /** Phase by phase, looking back for the last that spoke of it. A telemetered word outranks a person's of the same instant. */
    const stood = (id: string, normal: number, at: number): number => {
      let closed = 0
      for (const phase of [1, 2, 4]) {
        let last: SwitchObservation | undefined
        for (const said of words) {
          if (said.point !== id || said.quality === 'bad' || counts(said) > at) continue
          if (said.phases !== null && (said.phases & phase) === 0) continue
          const later =
            last === undefined ||
            counts(said) > counts(last) ||
            (counts(said) === counts(last) &&
              (said.kind === last.kind ? said.seq > last.seq : said.kind === 'switch'))
          if (later) last = said
        }
        if (last === undefined ? (normal & phase) !== 0 : last.position === 'closed')
          closed |= phase
      }
      return closed
    }
    const compare = async (from: number, what: string) => {
      let moved = 0
      for (let at = from; at < NOW + 121 * MS_PER_MIN; at += 7 * MS_PER_MIN) {
        const found = await positionsAt(database.db, network, at)
        for (const [id, device] of network.switchIndex) {
          const normal = network.switchNormal[device] as number
          t.equal(found[device], stood(id, normal, at), `${what}: ${id} at ${at} (seed ${SEED})`)
          if (found[device] !== normal) moved++
        }
      }
      t.ok(moved > 10, 'and they stood otherwise than normal')
    }
    await compare(NOW - 70 * MS_PER_MIN, 'from the beginning')

    const half = NOW + 60 * MS_PER_MIN
    const before = new Map(
      ['H1', 'S1', 'T'].map((id) => {
        const device = network.switchIndex.get(id) as number
        return [id, stood(id, network.switchNormal[device] as number, half - 1)]
      }),
    )
    await database.db.transaction().execute((tx) => runIn(tx, toSaveCheckpoint(half, before)))
    await compare(half, 'from a checkpoint')

    const quarter = NOW + 30 * MS_PER_MIN
    await archiveNext(database.db, { before: quarter, now: NOW })
    await compare(NOW - 70 * MS_PER_MIN, 'some archived')
    while ((await archiveNext(database.db, { before: half, now: NOW })) !== undefined);
    await compare(NOW - 70 * MS_PER_MIN, 'all before the checkpoint archived')
  },
)

await t.test('a balance of the past is reckoned with the positions of then', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  const h = (hours: number) => NOW - hours * MS_PER_H
  // From ten hours to five hours ago n2 hung on the other feeder.
  await record(database, [
    word('T', h(10), 'closed'),
    word('S1', h(10), 'open'),
    word('S1', h(5), 'closed'),
    word('T', h(5), 'open'),
  ])
  await database.db.transaction().execute((tx) =>
    saveLoads(
      tx,
      [12, 7, 3, 0].flatMap((hours) =>
        ['n1', 'n2', 'n3'].map((point, i) => loadWord(point, h(hours), [100, 40, 60][i] as number)),
      ),
    ),
  )
  const get = async (url: string) =>
    (await front.ask('GET', `/api/v1/balance${url}`, await tokenFor('planner'))).body
  const iso = (hours: number) => new Date(h(hours)).toISOString()
  const kw = (body: { feeders: { kw: number }[] }) => body.feeders.map((row) => row.kw)
  const then = await get(`?at=${iso(7)}`)
  t.equal(then.positions, 'asRecorded')
  t.strictSame(kw(then), [100, 100], 'n2 is on the other side')
  t.strictSame(
    [kw(await get(`?at=${iso(12)}`)), kw(await get(`?at=${iso(3)}`))],
    [
      [140, 60],
      [140, 60],
    ],
    'before and after it is not',
  )
  t.match(await get(''), { positions: 'asItStands' })
  t.match(await get(`?at=${iso(-30)}`), { positions: 'normal' }, 'nobody knows of tomorrow')
  const ties = async (hours: number) =>
    (await get(`/ties?at=${iso(hours)}`)).ties.map((tie: { id: string }) => tie.id)
  t.strictSame([await ties(7), await ties(3)], [['S1'], ['T']], 'the open point was another')
})
