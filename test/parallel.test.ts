import t from 'tap'
import { energize, operate } from '../src/grid/energization.ts'
import { buildNetwork } from '../src/grid/network.ts'
import { pairOf, parallelsOf } from '../src/grid/parallel.ts'
import { MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { until } from './support/broker.ts'
import { handNetwork, openEngine, verify } from './support/hand-engine.ts'

const START = Date.parse('2026-03-01T00:00:00Z')
const iso = (at: number): string => new Date(at).toISOString()

t.test('feeders are in parallel while every switch between their sources is closed', async (t) => {
  const network = buildNetwork(await handNetwork(t))
  const state = energize(network)
  const turn = (id: string, phases: number) =>
    operate(state, network.switchIndex.get(id) as number, phases)
  const found = () => parallelsOf(state).map((one) => pairOf(network, one))
  t.strictSame(found(), [])
  turn('TIE', 7)
  t.strictSame(found(), ['["F1","F2"]'])
  t.strictSame(
    parallelsOf(state)[0]
      ?.switches.map((device) => network.branchIds[device])
      .sort(),
    ['B1', 'B2', 'SW1', 'TIE'],
  )
  turn('FU', 0)
  t.strictSame(found(), ['["F1","F2"]'], 'a fuse beside it means nothing')
  turn('SW1', 0)
  t.strictSame(found(), [], 'the transfer is made')
  turn('SW1', 1)
  t.strictSame(found(), ['["F1","F2"]'], 'on one phase')
  t.strictSame(
    parallelsOf(energize(network, state.closed)).map((one) => pairOf(network, one)),
    ['["F1","F2"]'],
    'whichever way supply is traced',
  )
})

t.test(
  'a transfer that lasts is an alarm after fifteen minutes, once, and is over by itself, also across a restart',
  async (t) => {
    const engine = await openEngine(t, START)
    let seq = 0
    const say = (id: string, position: 'open' | 'closed', at: number) =>
      engine.publish(`grid/v1/gw/switch/${id}`, { at: iso(at), seq: seq++, position })
    /** Time passes, and the engine notices. */
    const later = async (at: number, reached: () => Promise<boolean>, what: string) => {
      engine.state.now = at
      await say('FU', 'open', at)
      await say('FU', 'closed', at + 1)
      await until(reached, what)
    }
    const alarms = async () =>
      (
        await engine.pool.query<{ tie: string; feeders: string[]; since: string; over: boolean }>(
          'select tie, feeders, since_at as since, until_at is not null as over from parallel_alarm order by id',
        )
      ).rows
    const told = async () =>
      (
        await engine.pool.query<{ kind: string; feeders: string[]; audience: string }>(
          `select kind, feeders, audience, data->'text'->>'en' as text from notice where kind like 'parallel%' order by seq`,
        )
      ).rows
    await say('TIE', 'closed', START)
    await later(
      START + 16 * MS_PER_MIN,
      async () => (await alarms()).length === 1,
      'the alarm is raised',
    )
    t.match(await alarms(), [{ feeders: ['F1', 'F2'], since: START, over: false }])
    await engine.restart()
    await say('SW1', 'open', START + MS_PER_H + 1)
    await later(
      START + MS_PER_H + 2 * MS_PER_MIN,
      async () => (await alarms())[0]?.over === true,
      'it is over by itself',
    )
    t.equal((await told()).length, 2, 'each once')
    t.match(await told(), [
      {
        kind: 'parallelRaised',
        audience: 'staff',
        feeders: ['F1', 'F2'],
        text: /^F1 \+ F2 run in parallel .* for 16 minutes\.$/,
      },
      { kind: 'parallelCleared', audience: 'staff' },
    ])
    t.match(await verify(engine), { differences: 0 })
    t.strictSame(engine.state.deaths, [])
  },
)
