import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import { sql } from 'kysely'
import { from as copyFrom } from 'pg-copy-streams'
import { localDayOf } from '../../src/reliability/calendar.ts'
import { majorDaysOf, majorDayThreshold } from '../../src/reliability/major-days.ts'
import { IEEE_1366 } from '../../src/reliability/rulebooks.ts'
import { openDatabase, type Database } from '../../src/stores/database.ts'
import { migrate } from '../../src/stores/migrate.ts'
import {
  recomputeRollups,
  rolledUpDays,
  rolledUpFeederMonths,
  rolledUpRepeated,
} from '../../src/stores/rollups.ts'
import { report } from './figure.ts'
import { openScratchDatabase } from './scratch-database.ts'

/**
 * The report of a year over a long history: CI and CMI by feeder and month, the 2.5 beta threshold and its days over five years, CEMI-3 and
 * CELID-8 of the year. From the roll-ups, from the rows with plain SQL, and with DuckDB over its own table. One JSON line a figure; exit 1 where
 * the three do not agree to the customer-millisecond.
 *   DATABASE_URL=postgres://… node --import=tsx test/bench/indices.ts [rows] [runs]
 * `DUCKDB` names the folder of @duckdb/node-api, which is no dependency of ours; without it that part is left out.
 */
const rows = Number(process.argv[2] ?? 10_000_000)
const runs = Number(process.argv[3] ?? 5)
const LOAD_POINTS = 70_000
const FEEDERS = 500
const CUSTOMERS = 1_000_000
const YEARS = { first: 2019, last: 2023 }
const ZONE = 'America/New_York'
const SQL_DIR = fileURLToPath(new URL('../../sql', import.meta.url))
const url = process.env['DATABASE_URL'] ?? ''
if (url === '') {
  console.error('DATABASE_URL is not set: this bench needs a real server')
  process.exit(2)
}

const scratch = await openScratchDatabase(url)
const config = { connectionString: scratch.url }
const { db, pool } = openDatabase(config)
const csv = path.join(await fs.mkdtemp(path.join(os.tmpdir(), 'relight-bench-')), 'rows.tsv')

const timed = async <T>(what: () => Promise<T>): Promise<{ ms: number; value: T }> => {
  const start = performance.now()
  const value = await what()
  return { ms: Math.round((performance.now() - start) * 10) / 10, value }
}
const best = async <T>(what: () => Promise<T>): Promise<{ ms: number; value: T }> => {
  let found = await timed(what)
  for (let run = 1; run < runs; run += 1) {
    const again = await timed(what)
    if (again.ms < found.ms) found = again
  }
  return found
}

/** Numbers from a seed (mulberry32): the same rows every time. */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296
  }
}

const customersOf = (point: number): number =>
  Math.floor(((point + 1) * CUSTOMERS) / LOAD_POINTS) -
  Math.floor((point * CUSTOMERS) / LOAD_POINTS)

/** Tab-separated, as COPY takes it: outage, from, until, area, substation, feeder, customers, load point, local day, planned. */
function* lines(): Generator<string> {
  const roll = dice(20_240_607)
  const begin = Date.parse(`${YEARS.first}-01-01T05:00:00Z`)
  const end = Date.parse(`${YEARS.last + 1}-01-01T04:59:00Z`)
  let text = ''
  for (let i = 0; i < rows; i += 1) {
    const from = Math.floor(begin + ((i + roll()) / rows) * (end - begin))
    const point = Math.floor(roll() * LOAD_POINTS)
    const momentary = roll() < 0.25
    const lasts = Math.ceil(
      momentary ? roll() * 300_000 : 300_001 - Math.log(1 - roll()) * 5_400_000,
    )
    const feeder = point % FEEDERS
    text += `o${i}\t${new Date(from).toISOString()}\t${new Date(from + lasts).toISOString()}\tA${feeder % 5}\tS${feeder % 50}\tF${feeder}\t7\t${customersOf(point)}\t{${point * 8 + 7}}\t${localDayOf(from, ZONE)}\tunplanned\n`
    if (text.length > 500_000) {
      yield text
      text = ''
    }
  }
  yield text
}
await fs.writeFile(csv, Readable.from(lines()))

const COLUMNS =
  'outage, from_at, until_at, area, substation, feeder, phases, customers, members, local_day, nature'
async function copyIn(table: string): Promise<void> {
  const client = await pool.connect()
  try {
    const file = await fs.open(csv)
    await pipeline(
      file.createReadStream({ highWaterMark: 1 << 20 }),
      client.query(copyFrom(`copy ${table} (${COLUMNS}) from stdin`)),
    )
  } finally {
    client.release()
  }
}

type Report = {
  ci: number
  customerMs: number
  cells: number
  thresholdMin: number | null
  days: number
  cemi3: number
  celid8: number
}
const year = YEARS.last
const period = { from: `${year}-01-01`, to: `${year + 1}-01-01` }
const ask = {
  settings: IEEE_1366.settings,
  leaveOut: { planned: false, external: false, sourceShortage: false },
}

const thresholdOf = (days: readonly { day: string; saidiMin: number }[]) => {
  const history = days.filter(({ day }) => day < period.from)
  const { thresholdMin } = majorDayThreshold(history)
  return {
    thresholdMin,
    days: majorDaysOf(
      days.filter(({ day }) => day >= period.from),
      thresholdMin,
    ).length,
  }
}
const sumUp = (cells: readonly { ci: number; customerMs: number }[]) => ({
  // Feeders and months in which somebody was out for long; of few rows some have none.
  cells: cells.filter(({ ci }) => ci > 0).length,
  ci: cells.reduce((sum, cell) => sum + cell.ci, 0),
  customerMs: cells.reduce((sum, cell) => sum + cell.customerMs, 0),
})

async function fromRollups(on: Database): Promise<Report> {
  const [cells, days, { repeatedCustomers, longCustomers }] = await Promise.all([
    rolledUpFeederMonths(on, { ...ask, ...period }),
    rolledUpDays(on, { ...ask, from: `${YEARS.first}-01-01`, to: period.to }),
    rolledUpRepeated(on, year, 3),
  ])
  return {
    ...sumUp(cells),
    ...thresholdOf(
      [...days].map(([day, sums]) => ({ day, saidiMin: sums.customerMs / 60_000 / CUSTOMERS })),
    ),
    cemi3: repeatedCustomers,
    celid8: longCustomers,
  }
}

/** The same in the SQL that PostgreSQL and DuckDB share, over a table with local day and milliseconds stored beside. */
const QUERIES = (table: string, unit: string): [string, string, string] => [
  `select feeder, date_trunc('month', local_day) as month, sum(customers) as ci, sum(customers * ms) as ms from ${table}
   where local_day >= '${period.from}' and local_day < '${period.to}' and ms > 300000 group by 1, 2`,
  `select local_day as day, sum(customers * ms) as ms from ${table} where ms > 300000 group by 1`,
  `select sum(customers) filter (where n >= 3) as cemi, sum(customers) filter (where longest >= 28800000) as celid from (
     select ${unit} as unit, max(customers) as customers, count(*) as n, max(ms) as longest from ${table}
     where local_day >= '${period.from}' and local_day < '${period.to}' and ms > 300000 group by 1) as u`,
]
type Row = Record<string, unknown>
async function fromSql(
  run: (text: string) => Promise<Row[]>,
  table: string,
  unit: string,
): Promise<Report> {
  const [cells, days, units] = (await Promise.all(QUERIES(table, unit).map(run))) as [
    Row[],
    Row[],
    Row[],
  ]
  const dayText = (value: unknown) =>
    (value instanceof Date ? value.toISOString() : String(value)).slice(0, 10)
  return {
    ...sumUp(cells.map((cell) => ({ ci: Number(cell['ci']), customerMs: Number(cell['ms']) }))),
    ...thresholdOf(
      days
        .map((row) => ({
          day: dayText(row['day']),
          saidiMin: Number(row['ms']) / 60_000 / CUSTOMERS,
        }))
        .sort((a, b) => (a.day < b.day ? -1 : 1)),
    ),
    cemi3: Number(units[0]?.['cemi']),
    celid8: Number(units[0]?.['celid']),
  }
}

async function duckDb(folder: string) {
  const module = (await import(path.join(folder, 'lib/index.js'))) as {
    DuckDBInstance: {
      create(): Promise<{
        connect(): Promise<{
          run(text: string): Promise<unknown>
          runAndReadAll(text: string): Promise<{ getRowObjects(): Row[] }>
        }>
      }>
    }
  }
  const connection = await (await module.DuckDBInstance.create()).connect()
  await connection.run(`create table rows as select column03 as area, column05 as feeder, column07::int as customers, column08 as members,
    column09::date as local_day, epoch_ms(column02::timestamptz) - epoch_ms(column01::timestamptz) as ms
    from read_csv('${csv}', delim = '\\t', header = false, all_varchar = true, quote = '')`)
  await connection.run(
    `create table points as select area, feeder, customers, cast(trim(members, '{}') as int) as unit, local_day, ms from rows`,
  )
  await connection.run('drop table rows')
  const run = async (text: string): Promise<Row[]> =>
    (await connection.runAndReadAll(text)).getRowObjects()
  return await best(() => fromSql(run, 'points', 'unit'))
}

try {
  await migrate(db, SQL_DIR)
  await sql`create table plain (like interruption including defaults)`.execute(db)
  const copy = await timed(() => copyIn('plain'))
  await sql`drop table plain`.execute(db)
  await sql`alter table interruption disable trigger user`.execute(db)
  const copyIndexed = await timed(() => copyIn('interruption'))
  await sql`alter table interruption enable trigger user`.execute(db)
  await sql`analyze interruption`.execute(db)
  const recompute = await timed(() => recomputeRollups(db))

  const rollups = await best(() => fromRollups(db))
  const overRows = () =>
    fromSql(
      async (text) => (await pool.query<Row>(text)).rows,
      `(select local_day, feeder, customers, members, round(date_part('epoch', until_at - from_at) * 1000)::bigint as ms from interruption) as i`,
      'members[1]',
    )
  const plain = await timed(overRows)
  const correct = async () => {
    const day = `${year}-06-15`
    await sql`update interruption set until_at = until_at + interval '1 minute'
      where ctid in (select ctid from interruption where local_day = ${day}::date limit 1)`.execute(
      db,
    )
  }
  await correct()
  const corrected = await best(correct)
  const afterwards = [await fromRollups(db), await overRows()] as const
  const duck = process.env['DUCKDB'] === undefined ? undefined : await duckDb(process.env['DUCKDB'])

  const same = (a: Report, b: Report | undefined): boolean =>
    b === undefined ||
    (a.ci === b.ci &&
      a.customerMs === b.customerMs &&
      a.cells === b.cells &&
      a.days === b.days &&
      a.cemi3 === b.cemi3 &&
      a.celid8 === b.celid8 &&
      a.thresholdMin?.toFixed(9) === b.thresholdMin?.toFixed(9))
  const agree =
    same(rollups.value, plain.value) && same(rollups.value, duck?.value) && same(...afterwards)
  const bench = 'indices'
  report({
    bench,
    figure: 'roll-ups made from the beginning',
    value: recompute.ms,
    unit: 'ms',
    peer: { name: 'COPY of the same rows', value: copy.ms },
    rows,
    copyWithIndexesMs: copyIndexed.ms,
  })
  report({
    bench,
    figure: 'report of a year from the roll-ups',
    value: rollups.ms,
    unit: 'ms',
    peer:
      duck === undefined
        ? { name: 'PostgreSQL over the rows', value: plain.ms }
        : { name: 'DuckDB', value: duck.ms },
    agree,
  })
  report({
    bench,
    figure: 'one corrected day rolled up again, committed',
    value: corrected.ms,
    unit: 'ms',
    limit: { atMost: 5 },
    agree: same(...afterwards),
  })
  if (!agree) {
    console.error(
      JSON.stringify({ rollups: rollups.value, rows: plain.value, duckDb: duck?.value }),
    )
    process.exitCode = 1
  }
} finally {
  await db.destroy()
  await scratch.drop()
  await fs.rm(path.dirname(csv), { recursive: true, force: true })
}
