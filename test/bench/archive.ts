// What an observation costs in the live table and in the archive, how fast it goes from one to the other, and `relight verify` over both.
// One JSON line a figure.
//   DATABASE_URL=postgres://… node --import=tsx test/bench/archive.ts [observations]
import path from 'node:path'
import { archiveBefore } from '../../src/control-room/archiving.ts'
import { verifyLedger } from '../../src/control-room/verify.ts'
import { DEFAULT_SETTINGS } from '../../src/ledger/state.ts'
import { packageRoot } from '../../src/root.ts'
import { openDatabase, type Database } from '../../src/stores/database.ts'
import { migrate } from '../../src/stores/migrate.ts'
import { MS_PER_H } from '../../src/time.ts'
import { keepCheckpoint, writeLongRecord } from '../support/long-record.ts'
import { report } from './figure.ts'
import { openScratchDatabase } from './scratch-database.ts'

async function verify(db: Database): Promise<number> {
  const start = performance.now()
  const found = await verifyLedger(db, {
    from: Number.NEGATIVE_INFINITY,
    to: Number.POSITIVE_INFINITY,
    settings: DEFAULT_SETTINGS,
    say: (line) => console.error(line),
  })
  if (found.differences + found.damaged > 0) throw new Error('the ledger is not what follows')
  return found.observations / ((performance.now() - start) / 1000)
}

async function bench(observations: number): Promise<void> {
  const { url, drop } = await openScratchDatabase()
  try {
    const { db, pool } = openDatabase({ connectionString: url })
    await migrate(db, path.join(packageRoot, 'sql'))
    const { until } = await writeLongRecord({ pool }, observations)
    const bytesOf = async (table: string): Promise<number> => {
      const { rows } = await pool.query<{ bytes: number }>(
        'select pg_total_relation_size($1::regclass) as bytes',
        [table],
      )
      return rows[0]?.bytes ?? 0
    }
    const about = { bench: 'archive', observations }
    const hot = (await bytesOf('observation')) / observations
    report({ ...about, figure: 'in the live table', value: hot, unit: 'bytes/observation' })
    const before = await verify(db)
    report({ ...about, figure: 'verify, all in the live table', value: before, unit: '1/s' })
    await keepCheckpoint({ pool }, until + MS_PER_H)
    const start = performance.now()
    const done = await archiveBefore(db, {
      before: Number.POSITIVE_INFINITY,
      clock: () => until,
      goOn: () => true,
      between: () => Promise.resolve(),
    })
    const perS = done.words / ((performance.now() - start) / 1000)
    report({ ...about, figure: 'archived', value: perS, unit: '1/s' })
    const cold = (await bytesOf('observation_archive')) / observations
    report({
      ...about,
      figure: 'in the archive',
      value: cold,
      unit: 'bytes/observation',
      peer: { name: 'in the live table', value: hot },
      limit: { atMost: 0.2 },
    })
    const after = await verify(db)
    report({
      ...about,
      figure: 'verify, all in the archive',
      value: after,
      unit: '1/s',
      peer: { name: 'all in the live table', value: before },
      limit: { atLeast: 0.8 },
    })
    await db.destroy()
  } finally {
    await drop()
  }
}

await bench(Number(process.argv[2] ?? 200_000))
