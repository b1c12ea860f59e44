// `relight verify` over a long record in a heap that the whole would not fit into. One JSON line a figure.
//   DATABASE_URL=postgres://… node --import=tsx test/bench/verify.ts [observations]
import { execFile } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { verifyLedger } from '../../src/control-room/verify.ts'
import { DEFAULT_SETTINGS } from '../../src/ledger/state.ts'
import { packageRoot } from '../../src/root.ts'
import { openDatabase } from '../../src/stores/database.ts'
import { migrate } from '../../src/stores/migrate.ts'
import { writeLongRecord } from '../support/long-record.ts'
import { report } from './figure.ts'
import { openScratchDatabase } from './scratch-database.ts'

/** The program alone needs about 40; the whole of the record a gigabyte and more. */
const HEAP_MB = 192
/** Twice what the live path is to take in. */
const PER_S_MIN = 25_000
const RSS_MB_MAX = 400

type Said = { readonly observations: number; readonly seconds: number; readonly rssMb: number }

async function verifyHere(connectionString: string): Promise<Said> {
  const { db } = openDatabase({ connectionString })
  const start = performance.now()
  const found = await verifyLedger(db, {
    from: Number.NEGATIVE_INFINITY,
    to: Number.POSITIVE_INFINITY,
    settings: DEFAULT_SETTINGS,
    say: (line) => console.error(line),
  })
  const seconds = (performance.now() - start) / 1000
  await db.destroy()
  if (found.differences > 0) throw new Error(`${found.differences} differences`)
  const rssMb = process.resourceUsage().maxRSS / 1024
  return { observations: found.observations, seconds, rssMb }
}

async function bench(observations: number): Promise<void> {
  const { url, drop } = await openScratchDatabase()
  try {
    const { db, pool } = openDatabase({ connectionString: url })
    await migrate(db, path.join(packageRoot, 'sql'))
    await writeLongRecord({ pool }, observations)
    await db.destroy()
    const said = await new Promise<Said>((resolve, reject) => {
      const args = [
        `--max-old-space-size=${HEAP_MB}`,
        '--import=tsx',
        fileURLToPath(import.meta.url),
      ]
      execFile(process.execPath, [...args, 'child', url], (error, stdout, stderr) => {
        if (error !== null) reject(new Error(stderr.slice(-2000)))
        else resolve(JSON.parse(stdout) as Said)
      })
    })
    const about = { bench: 'verify', observations: said.observations, heapMb: HEAP_MB }
    report({
      ...about,
      figure: 'observations derived and compared',
      value: said.observations / said.seconds,
      unit: '1/s',
      limit: { atLeast: PER_S_MIN },
    })
    report({
      ...about,
      figure: 'resident memory',
      value: said.rssMb,
      unit: 'MB',
      limit: { atMost: RSS_MB_MAX },
    })
  } finally {
    await drop()
  }
}

if (process.argv[2] === 'child') {
  console.log(JSON.stringify(await verifyHere(process.argv[3] as string)))
} else await bench(Number(process.argv[2] ?? 2_000_000))
