import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { verifyLedger } from '../src/control-room/verify.ts'
import { DEFAULT_SETTINGS } from '../src/ledger/state.ts'
import { packageRoot } from '../src/root.ts'
import { MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { LONG_RECORD_FROM, writeLongRecord } from './support/long-record.ts'
import { environmentOf } from './support/service.ts'

const OBSERVATIONS = 100_000
/** Of V8's old generation: the program alone needs about 40, and the whole of that record five times as much as this. */
const HEAP_MB = 70

type Period = { readonly from?: number; readonly to?: number }

async function verify({ db }: TestDatabase, { from = -Infinity, to = Infinity }: Period = {}) {
  const said: string[] = []
  const found = await verifyLedger(db, {
    from,
    to,
    settings: DEFAULT_SETTINGS,
    say: (line) => said.push(line),
  })
  return { ...found, said }
}

void t.test('verify says each difference, of outages that ended long ago too', async (t) => {
  const database = await openTestDatabase(t)
  const { pool } = database
  const { outages, until } = await writeLongRecord(database, 30_000)
  t.match(await verify(database), { observations: 30_000, outages, differences: 0, said: [] })

  await pool.query(`update outage set customers_interrupted = 8 where id = 'o17'`)
  await pool.query(
    `update interruption set until_at = until_at + interval '1 ms' where outage = 'o9000'`,
  )
  await pool.query(`delete from outage where id = 'o12000'`)
  await pool.query(`delete from interruption where outage = 'o12000'`)
  await pool.query(
    `insert into outage select * from jsonb_populate_record((select outage from outage where id = 'o5'), '{"id": "twice"}')`,
  )
  await pool.query(
    `insert into interruption select * from jsonb_populate_record((select interruption from interruption where outage = 'o6'), '{"outage": "twice"}')`,
  )
  await pool.query(
    `insert into outage select * from jsonb_populate_record((select outage from outage where id = 'o14000'), '{"id": "invented", "device": "B999"}')`,
  )
  await pool.query(
    `insert into interruption select * from jsonb_populate_record((select interruption from interruption where outage = 'o7'), '{"outage": "invented"}')`,
  )
  await pool.query(`update switch_state set closed_phases = 0 where switch = 'B77'`)
  const found = await verify(database)
  const text = found.said.join('\n')
  for (const expected of [
    /outage o17 of B17 at 2024-01-01T00:00:17.000Z:\n {2}saved .*"customersInterrupted":8.*\n {2}derived .*"customersInterrupted":7/,
    /outage o9000 of B0 at .*:\n {2}saved .*"until":"2024-01-01T02:31:00.001Z".*\n {2}derived .*"until":"2024-01-01T02:31:00.000Z"/,
    /of B0 at 2024-01-01T03:20:00.000Z:\n {2}saved {3}nothing\n {2}derived \{/,
    /outage (o5|twice) of B5 at 2024-01-01T00:00:05.000Z:\n {2}saved {3}\{.*\n {2}derived nothing/,
    /outage invented of B999 at .*:\n {2}saved {3}\{.*\n {2}derived nothing/,
    /switch B77:\n {2}saved {3}closed on no phase\n {2}derived closed on ABC/,
  ]) {
    t.match(text, expected)
  }
  t.equal(found.differences, 6)

  const hour = { from: LONG_RECORD_FROM + 2 * MS_PER_H, to: LONG_RECORD_FROM + 3 * MS_PER_H }
  const inHour = await verify(database, hour)
  t.match(
    inHour,
    { outages: 3600, differences: 1 },
    'a period has its own: o9000, and the switch is not asked',
  )
  t.ok(inHour.observations < 30_000, 'and what comes after it is not read')
  t.match(
    await verify(database, { from: until - 5 * MS_PER_MIN, to: until }),
    { outages: 300, differences: 1 },
    'the last minutes have the switch that stands wrong',
  )
})

void t.test(
  `verify of ${OBSERVATIONS} observations fits into a heap of ${HEAP_MB} MB`,
  async (t) => {
    const database = await openTestDatabase(t)
    const { outages } = await writeLongRecord(database, OBSERVATIONS)
    const main = path.join(packageRoot, 'src/main.ts')
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [`--max-old-space-size=${HEAP_MB}`, '--import=tsx', main, 'verify'],
      { env: { ...process.env, ...environmentOf(database) }, cwd: packageRoot },
    )
    t.equal(stdout, `equal: ${outages} outages follow from ${OBSERVATIONS} observations\n`)
  },
)

void t.test('an instant is read as PostgreSQL prints it', async (t) => {
  const { pool } = await openTestDatabase(t)
  const { rows } = await pool.query<{ at: number; ms: number; text: string }>(
    `select at, (extract(epoch from at) * 1000)::int8 as ms, at::text as text
     from (select to_timestamp((i::int8 * 7919 * 86413 + i) / 1000.0) as at from generate_series(-3000, 5000) as i) as instants`,
  )
  t.strictSame(
    rows.filter(({ at, ms }) => at !== ms),
    [],
    `${rows.length} instants from ${rows[0]?.text} to ${rows.at(-1)?.text}`,
  )
})
