import t from 'tap'
import { run } from '../src/cli.ts'
import { sql } from 'kysely'
import { groupCode } from '../src/ledger/facts.ts'
import type { CauseDetail } from '../src/reliability/cause-detail.ts'
import { RULEBOOKS } from '../src/reliability/rulebooks.ts'
import { indicesReport } from '../src/stores/indices.ts'
import { loadPointNumbers, saveRevision } from '../src/stores/networks.ts'
import { GROUPINGS, type Exclusion, type Grouping } from '../src/stores/report-question.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { drawing } from './support/drawing.ts'
import { openFront, tokenFor } from './support/people.ts'
import { addsUp, close, explained } from './support/explained.ts'
import { seeded } from './support/seeded.ts'
import { environmentOf } from './support/service.ts'

const NOW = Date.parse('2025-03-01T00:00:00Z')
const PERIOD = { from: '2025-01-01', to: '2025-02-01', timeZone: 'UTC', now: NOW } as const
const MIN = 60_000

const AREA = ['north', 'south'] as const
const SUBSTATION = ['S1', 'S2'] as const

/** What is said of an outage, drawn: causes of both trees' kinds, with and without what stands beside them. */
const SAID: readonly (readonly [cause: string | null, detail: CauseDetail | null])[] = [
  [null, null],
  ['WILDLIFE', detailOf('WILDLIFE/squirrel', null, 'clear', null)],
  ['EQUIPMENT', detailOf('EQUIPMENT/transformer', 'transformer', 'thunderstorm', 'distribution')],
  ['EQUIPMENT', detailOf(null, null, null, 'customer')],
  ['WEATHER', detailOf(null, 'none', 'wind', 'transmission')],
]
/** Why work was planned. */
const WORK = ['PLANNED/maintenance', 'PLANNED/construction', null] as const

function detailOf(
  subCause: string | null,
  equipment: string | null,
  weather: string | null,
  responsibleSystem: string | null,
): CauseDetail {
  return { subCause, equipment, weather, responsibleSystem }
}

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
  const tables = draw.tables()
  const substations = SUBSTATION.map((id, i) => ({
    id,
    name: id,
    area: AREA[i] ?? null,
    lon: null,
    lat: null,
  }))
  const feeders = tables.feeders.map((row, i) => ({ ...row, substation: SUBSTATION[i] ?? 'S1' }))
  await saveRevision(
    database.pool,
    { ...tables, substations, feeders },
    {
      validFrom: 0,
      importedAt: 0,
      format: 'folder',
      report: [],
    },
  )
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
    const [cause, detail] = planned
      ? ([WORK[pick(WORK.length)] ?? null, null] as const)
      : (SAID[pick(SAID.length)] ?? [null, null])
    for (const point of new Set(points)) {
      await database.db
        .insertInto('interruption')
        .values({
          outage: `O${i - (pick(5) === 0 ? 1 : 0)}`,
          from_at: new Date(from),
          until_at: i === 59 ? null : new Date(until + pick(3) * MIN),
          area: AREA[point < 4 ? 0 : 1] ?? null,
          substation: SUBSTATION[point < 4 ? 0 : 1] ?? null,
          feeder: point < 4 ? 'F1' : 'F2',
          cause,
          cause_detail: detail === null ? null : JSON.stringify(detail),
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

t.test('the parts of every index of every rulebook add up to its figure', async (t) => {
  const database = await openTestDatabase(t)
  await filled(database, 7)
  const { db } = database
  const exclusions: readonly Exclusion[][] = [[], ['planned'], ['external', 'customer']]
  for (const rulebook of RULEBOOKS) {
    for (const exclude of exclusions) {
      for (const by of ['system', 'feeder'] as const) {
        const question = { ...PERIOD, rulebook, exclude, by }
        const row = (await indicesReport(db, question)).rows.at(-1)
        if (row === undefined) return void t.fail('no row')
        for (const index of rulebook.indices) {
          const told = await explained(db, { ...question, group: row.group, index })
          const name = `${rulebook.id} ${index.symbol} ${by} ${exclude.join()}`
          addsUp(t, told, row.indices[index.symbol] ?? null, name)
        }
      }
    }
  }
})

/** How a row is told apart by the words of the record alone; null: it is not in the record. */
const GROUP_IN_RECORD: Readonly<Record<Grouping, string | null>> = {
  system: `'system'`,
  area: 'area',
  substation: 'substation',
  feeder: 'feeder',
  cause: 'cause',
  sub_cause: null,
  equipment: `cause_detail ->> 'equipment'`,
  weather: `cause_detail ->> 'weather'`,
  responsible_system: `cause_detail ->> 'responsibleSystem'`,
  // What work took longer than approved counts as a fault, whatever its record says.
  nature: null,
  dlt_nature: null,
  month: `to_char(local_day, 'YYYY-MM')`,
  day: 'local_day::text',
}

t.test('whatever a report is grouped by, each row is explained by its own outages', async (t) => {
  const database = await openTestDatabase(t)
  await filled(database, 11)
  const { db } = database
  for (const rulebook of RULEBOOKS) {
    for (const by of GROUPINGS) {
      const question = { ...PERIOD, rulebook, exclude: [], by }
      const { rows } = await indicesReport(db, question)
      const system = await indicesReport(db, { ...question, by: 'system' })
      t.ok(rows.length > 1 || by === 'system' || by === 'month', `rows by ${by}`)
      const column = GROUP_IN_RECORD[by]
      const sum = { ci: 0, customerSeconds: 0 }
      for (const [i, { group, indices }] of rows.entries()) {
        const told = await explained(db, { ...question, group })
        const name = `${rulebook.id} by ${by} ${group}`
        t.equal(
          told.row.ci,
          told.outages.reduce((n, { ci }) => n + ci, 0),
          `${name}: interruptions`,
        )
        const seconds = told.outages.reduce((n, one) => n + one.customerSeconds, 0)
        t.ok(close(told.row.cmi * 60, seconds), `${name}: customer-seconds`)
        sum.ci += told.row.ci
        sum.customerSeconds += seconds
        if (column !== null) {
          const own = await sql<{ outage: string }>`select distinct outage from interruption
            where ${sql.raw(column)} is not distinct from ${group}`.execute(db)
          const ids = new Set(own.rows.map(({ outage }) => outage))
          const foreign = told.outages.filter(({ outage }) => !ids.has(outage))
          t.strictSame(foreign, [], `${name}: no outage of another row`)
        }
        if (i !== 0 && i !== rows.length - 1) continue
        for (const index of rulebook.indices) {
          const one = await explained(db, { ...question, group, index })
          addsUp(t, one, indices[index.symbol] ?? null, `${name} ${index.symbol}`)
        }
      }
      const [whole] = system.rows
      t.equal(sum.ci, whole?.ci, `${rulebook.id} by ${by}: the rows are the whole, interruptions`)
      t.ok(
        close(sum.customerSeconds, (whole?.cmi ?? NaN) * 60),
        `${rulebook.id} by ${by}: the rows are the whole, customer-seconds`,
      )
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

const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

t.test(
  'over HTTP every symbol of every rulebook is explained as it stands in the report',
  async (t) => {
    const database = await openTestDatabase(t)
    await filled(database, 12)
    const front = await openFront(t, database, {
      settings: { timeZone: 'UTC' },
      clock: () => NOW,
    })
    const token = await tokenFor('planner', [], NOW)
    const ask = (path: string) =>
      front.ask('GET', `/api/v1/indices${path}from=2025-01-01&to=2025-02-01`, token)
    for (const { id, indices } of RULEBOOKS) {
      for (const by of ['system', 'feeder', 'sub_cause', 'month'] as const) {
        const report = await ask(`?rulebook=${id}&by=${by}&`)
        const row = report.body.rows.at(-1)
        for (const { symbol } of indices) {
          const group = row.group === null ? '' : `group=${encodeURIComponent(row.group)}&`
          const index = encodeURIComponent(symbol)
          const { status, body } = await ask(
            `/explain?rulebook=${id}&by=${by}&index=${index}&${group}`,
          )
          const name = `${id} ${symbol} by ${by}`
          t.equal(status, 200, name)
          addsUp(t, body, row.indices[symbol], name)
        }
      }
      const other = RULEBOOKS.flatMap((one) => one.indices).find(({ symbol }) =>
        indices.every((own) => own.symbol !== symbol),
      )
      if (other === undefined) continue
      const refused = await ask(
        `/explain?rulebook=${id}&index=${encodeURIComponent(other.symbol)}&`,
      )
      t.match(refused, { status: 400, body: { errors: [{ in: 'query', at: '/index' }] } })
      const [fault] = refused.body.errors
      for (const { symbol } of indices) t.ok(fault.says.includes(symbol), `${id} names ${symbol}`)
    }
  },
)

t.test('a row that a report does not have is refused, not told as a quiet one', async (t) => {
  const database = await openTestDatabase(t)
  await filled(database, 13)
  const front = await openFront(t, database, { settings: { timeZone: 'UTC' }, clock: () => NOW })
  const token = await tokenFor('planner', [], NOW)
  for (const [query, says] of [
    [
      'by=feeder&group=F3',
      'by feeder the report of this period has no row "F3"; it has "F1", "F2"',
    ],
    ['by=feeder', 'by feeder the report of this period has no row null; it has "F1", "F2"'],
    ['group=F1', 'by system the report of this period has no row "F1"; it has "system"'],
    ['by=month&group=2025-02', 'has no row "2025-02"; it has "2025-01"'],
    ['by=day&group=2025-02-01', /has no row "2025-02-01"; it has "2025-01-01", .* and 21 more/],
  ] as const) {
    const answer = await front.ask(
      'GET',
      `/api/v1/indices/explain?from=2025-01-01&to=2025-02-01&index=SAIDI&${query}`,
      token,
    )
    t.match(answer, { status: 400, body: { errors: [{ in: 'query', at: '/group', says }] } }, query)
  }
  for (const query of ['by=colour', 'rulebook=mine', 'exclude=rain', 'from=yesterday']) {
    const name = query.replace(/=.*/, '')
    const from = name === 'from' ? '' : 'from=2025-01-01&'
    const path = `/api/v1/indices/explain?${from}to=2025-02-01&${query}`
    const answer = await front.ask('GET', path, token)
    t.match(answer, { status: 400, body: { errors: [{ at: `/${name}` }] } }, query)
  }
})

t.test(
  'the command takes a figure apart as HTTP does, and says what it does not know',
  async (t) => {
    const database = await openTestDatabase(t)
    await filled(database, 9)
    const command = async (...words: string[]) => {
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
    for (const rulebook of RULEBOOKS) {
      for (const index of rulebook.indices) {
        const { symbol } = index
        const by = { ...PERIOD, rulebook, exclude: [], by: 'feeder', group: 'F2', index } as const
        const told = await explained(database.db, by)
        const words = ['--rulebook', rulebook.id, '--by', 'feeder', '--group', 'F2']
        const answer = await command(...words, '--index', symbol, '--json')
        t.equal(answer.code, 0, `${rulebook.id} ${symbol}: ${answer.err}`)
        t.strictSame(JSON.parse(answer.out), written(told), `${rulebook.id} ${symbol}`)
      }
    }
    const whole = await command('--rulebook', 'dlt836', '--index', 'MIC-F', '--json')
    const micF = JSON.parse(whole.out).figure.value
    t.type(micF, 'number')
    const read = await command('--rulebook', 'dlt836', '--index', 'MIC-F')
    t.match(read.out, `MIC-F = ${micF} 户/次`)
    t.match(read.out, /above the line.*\n.*outages.*adds/)
    t.match(read.out, /O\d+ \(unknown\)\n {2}2025-01-/)
    t.match(await command('--rulebook', 'mine', '--index', 'SAIDI'), { code: 2, err: /mine/ })
    t.match(await command('--index', 'nonsense'), { code: 2, err: /nonsense/ })
    t.match(await command(), { code: 2, err: /--index/ })
    t.match(await command('--index', 'MIC-F'), { code: 2, err: /SAIDI.*MIC-F/ })
    t.match(await command('--index', 'SAIDI', '--by', 'feeder', '--group', 'F3'), {
      code: 2,
      err: /--group: by feeder .* no row "F3"; it has "F1", "F2"/,
    })
    t.match(await command('--index', 'SAIDI', '--by', 'colour'), { code: 2, err: /--by.*colour/ })
  },
)
