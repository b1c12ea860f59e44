import t from 'tap'
import { loadEpisodes, TRANSFORMER_RULES } from '../src/balance/load-states.ts'
import { MS_PER_MIN } from '../src/time.ts'

const episodes = (samples: readonly (readonly [min: number, rate: number])[]) =>
  loadEpisodes(
    samples.map(([min, rate]) => ({ at: min * MS_PER_MIN, rate })),
    { rules: TRANSFORMER_RULES, asOf: (samples.at(-1)?.[0] ?? 0) * MS_PER_MIN },
  )

const isLongOverload = (rate: number, lastsMin: number) =>
  episodes(Array.from({ length: lastsMin / 15 + 1 }, (_, i) => [i * 15, rate] as const)).some(
    ({ kind }) => kind === 'longOverload',
  )

await t.test('each rung of the long overload: above its level, for its time', async (t) => {
  for (const [level, min, minBelow] of [
    [1.2, 480, null],
    [1.3, 240, 480],
    [1.5, 120, 240],
    [1.6, 60, 120],
    [1.8, 30, 60],
  ] as const) {
    t.ok(isLongOverload(level + 0.01, min), `above ${level} for ${min} minutes`)
    t.notOk(isLongOverload(level + 0.01, min - 15), `above ${level}, a quarter less`)
    t.notOk(isLongOverload(level, min), `${level} exactly is not above it`)
    t.equal(isLongOverload(level, minBelow ?? 960), minBelow !== null, `${level}: the rung below`)
  }
})

await t.test('between samples 20 minutes apart there is a line, at 21 there is none', async (t) => {
  const begins = (gapMin: number) => {
    const behind = [0, 15, 30].map((min) => [gapMin + min, 0.9] as const)
    return episodes([[0, 0.5], ...behind]).map(({ kind, from }) => [kind, from / MS_PER_MIN])
  }
  t.strictSame(begins(20), [['heavy', 15]], '0.8 lies at three quarters of 20 minutes')
  t.strictSame(begins(21), [['heavy', 21]])
})
