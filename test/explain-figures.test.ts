import t from 'tap'
import { run } from '../src/cli.ts'
import { groupCode } from '../src/ledger/facts.ts'
import { RULEBOOKS } from '../src/reliability/rulebooks.ts'
import { explain, type ExplainedQuantity } from '../src/stores/explain.ts'
import { indicesReport } from '../src/stores/indices.ts'
import { loadPointNumbers, saveRevision } from '../src/stores/networks.ts'
import type { Exclusion } from '../src/stores/report-question.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { drawing } from './support/drawing.ts'
import { openFront, tokenFor } from './support/people.ts'
import { seeded } from './support/seeded.ts'
import { environmentOf } from './support/service.ts'

const NOW = Date.parse('2025-03-01T00:00:00Z')
const PERIOD = { from: '2025-01-01', to: '2025-02-01', timeZone: 'UTC', now: NOW } as const
const MIN = 60_000

/**
 * ```
 * SRC ──[F1]── a ── n0:10, n1:17, n2:24, n3:31      ──[F2]── b ── n4:38, n5:45, n6:52, n7:59
 * ```
 * Outages of all lengths, natures and kinds, some of them one after another at the same points, some still going on, some without names.
 */
async function filled(database: TestDatabase, seed: number): Promise<void> {
  const draw = drawing()
  draw.part('F1', 'SRC', 'a', 'breaker')
  draw.part('F2', 'SRC', 'b', 'breaker')
  for (let i = 0; i < 8; i += 1) {
    draw.line(`L${i}`, i < 4 ? 'a' : 'b', `n${i}`, 1, 0.1, 4)
    draw.customers(`P${i}`, `n${i}`, 10 + 7 * i, 20 + i)
  }
  await saveRevision(database.pool, draw.tables(), {
    validFrom: 0,
    importedAt: 0,
    format: 'folder',
    report: [],
  })
  const numbers = await database.db.transaction().execute((tx) =>
    loadPointNumbers(
      tx,
      [...Array(8).keys()].map((i) => `n${i}`),
    ),
  )
  const random = seeded(seed)
  const pick = (n: number) => Math.floor(random() * n)
  const lengths = [1, 2, 3, 4, 5, 6, 30, 90, 500, 900]
  for (let i = 0; i < 60; i += 1) {
    const from = Date.parse('2025-01-02T00:00:00Z') + pick(28 * 24 * 60) * MIN
    const points = [pick(4), pick(4)].map((one) => one + 4 * pick(2))
    const nameless = pick(6) === 0
    const planned = pick(4) === 0
    const until = from + (lengths[pick(lengths.length)] ?? 1) * MIN
    for (const point of new Set(points)) {
      await database.db
        .insertInto('interruption')
        .values({
          outage: `O${i - (pick(5) === 0 ? 1 : 0)}`,
          from_at: new Date(from),
          until_at: i === 59 ? null : new Date(until + pick(3) * MIN),
          area: null,
          substation: null,
          feeder: point < 4 ? 'F1' : 'F2',
          phases: 7,
          customers: 10 + 7 * point,
          connected_kva: 50 + point,
          members: nameless ? null : [groupCode(numbers.get(`n${point}`) ?? -1, 7)],
          local_day: new Date(from).toISOString().slice(0, 10),
          nature: planned ? 'planned' : 'unplanned',
          planned_until: planned ? new Date(from + 60 * MIN) : null,
          external: pick(7) === 0,
          source_shortage: pick(9) === 0,
        })
        .execute()
    }
  }
}

const sumOf = ({ parts, rest }: ExplainedQuantity): number | null =>
  parts === null ? null : parts.reduce((sum, { value }) => sum + value, rest?.value ?? 0)
const close = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a))

t.test('the parts of every index of every rulebook add up to its figure', async (t) => {
  const database = await openTestDatabase(t)
  await filled(database, 7)
  const { db } = database
  const exclusions: readonly Exclusion[][] = [[], ['planned']]
  for (const rulebook of RULEBOOKS) {
    for (const exclude of exclusions) {
      for (const by of ['system', 'feeder'] as const) {
        const question = { ...PERIOD, rulebook, exclude, by }
        const { rows } = await indicesReport(db, question)
        const row = rows.at(-1)
        if (row === undefined) return void t.fail('no row')
        for (const index of rulebook.indices) {
          const name = `${rulebook.id} ${index.symbol} ${by} ${exclude.join()}`
          const told = await explain(db, { ...question, group: row.group, index })
          const { figure } = told
          const value = row.indices[index.symbol] ?? null
          if (figure === null) return void t.fail(name)
          t.equal(figure.value, value, `${name}: the figure of the report`)
          const { top, bottom, scale, form, periodHours } = figure
          for (const quantity of [top, ...(bottom === null ? [] : [bottom])]) {
            const sum = sumOf(quantity)
            if (sum === null) continue
            t.ok(
              quantity.value !== null && close(quantity.value, sum),
              `${name}: parts of ${quantity.of.of}`,
            )
            const known = new Set(told.outages.map(({ outage }) => outage))
            const all = (quantity.parts ?? []).every(
              ({ outages }) => outages.length > 0 && outages.every((one) => known.has(one)),
            )
            t.ok(all, `${name}: every part of ${quantity.of.of} leads to outages that are told`)
          }
          if (value === null) continue
          const above = sumOf(top) ?? top.value ?? NaN
          const below = bottom === null ? 1 : (sumOf(bottom) ?? bottom.value ?? NaN)
          const share = above / (below * periodHours)
          const again =
            form === 'ratio' ? above / below : form === 'unavailability' ? share : 1 - share
          t.ok(close(again * scale, value), `${name}: made again of its parts`)
        }
      }
    }
  }
})

t.test('a figure per customer names the customers and all of their outages', async (t) => {
  const database = await openTestDatabase(t)
  await filled(database, 8)
  const front = await openFront(t, database, { settings: { timeZone: 'UTC' }, clock: () => NOW })
  const token = await tokenFor('planner', [], NOW)
  const ask = (query: string) =>
    front.ask('GET', `/api/v1/indices/explain?from=2025-01-01&to=2025-02-01&${query}`, token)
  const { status, body } = await ask('index=CEMI-3')
  t.equal(status, 200)
  t.match(body.figure, { index: 'CEMI-3', form: 'ratio', bottom: { of: { of: 'servedUnits' } } })
  t.ok(body.figure.top.parts.length > 0)
  for (const part of body.figure.top.parts) {
    t.match(part.loadPoint, /^n[0-7]$/)
    // One outage may interrupt the same customers more than once.
    const sets = body.outages.filter((one: { outage: string }) => part.outages.includes(one.outage))
    t.equal(sets.length, part.outages.length)
  }
  t.match(await ask('index=nonsense'), { status: 400, body: { errors: [{ at: '/index' }] } })
  t.equal((await ask('')).body.figure, null, 'without an index as before')
})

t.test(
  'the command takes a figure apart as HTTP does, and says what it does not know',
  async (t) => {
    const database = await openTestDatabase(t)
    await filled(database, 9)
    const explained = async (...words: string[]) => {
      const said = { out: '', err: '' }
      const code = await run(['explain', '--from', '2025-01-01', '--to', '2025-02-01', ...words], {
        env: environmentOf(database),
        out: (line) => void (said.out += `${line}\n`),
        err: (line) => void (said.err += `${line}\n`),
        write: (text) => void (said.out += text),
        now: () => NOW,
        signal: new AbortController().signal,
      })
      return { code, ...said }
    }
    const rulebook = RULEBOOKS.find(({ id }) => id === 'dlt836')
    const index = rulebook?.indices.find(({ symbol }) => symbol === 'MIC-F')
    if (rulebook === undefined || index === undefined) return void t.fail('no MIC-F')
    const asked = {
      ...PERIOD,
      rulebook,
      exclude: [],
      by: 'system',
      group: 'system',
      index,
    } as const
    const told = await explain(database.db, asked)
    const answer = await explained('--rulebook', 'dlt836', '--index', 'MIC-F', '--json')
    t.equal(answer.code, 0)
    t.strictSame(JSON.parse(answer.out), JSON.parse(JSON.stringify(told)))
    const read = await explained('--rulebook', 'dlt836', '--index', 'MIC-F')
    t.match(read.out, `MIC-F = ${told.figure?.value} 户/次`)
    t.match(read.out, /above the line.*\n.*outages.*adds/)
    t.match(read.out, /O\d+ \(unknown\)\n {2}2025-01-/)
    t.match(await explained('--rulebook', 'mine', '--index', 'SAIDI'), { code: 2, err: /mine/ })
    t.match(await explained('--index', 'nonsense'), { code: 2, err: /nonsense/ })
    t.match(await explained(), { code: 2, err: /--index/ })
  },
)
