import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { pipeline } from 'node:stream/promises'
import type { PoolConfig } from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { buildNetwork } from '../../src/grid/network.ts'
import { checkNetwork } from '../../src/imports/network-checks.ts'
import { writeNetworkFolder } from '../../src/imports/network-export.ts'
import { readNetworkFolder } from '../../src/imports/network-folder.ts'
import { openDatabase } from '../../src/stores/database.ts'
import { startEmbeddedPostgres } from '../../src/stores/embedded-postgres.ts'
import { migrate } from '../../src/stores/migrate.ts'
import { loadRevision, saveRevision } from '../../src/stores/networks.ts'
import { readSpl140k } from '../../simulators/spl-140k.ts'
import { makeTown } from '../../simulators/town.ts'
import { median, report } from './figure.ts'
import { openScratchDatabase } from './scratch-database.ts'

/**
 * How long a network takes to import, against a COPY of the same rows, and to start from, against reading them. One JSON line a figure.
 *   node --import=tsx test/bench/network-import.ts [customers|spl-140k FOLDER] [runs]
 * The network is an invented town of so many customers, or the synthetic utility of 140,459 customers in FOLDER. With DATABASE_URL it
 * uses that server (in a database that it drops), else an embedded one of its own.
 */
const [which = '140000', ...others] = process.argv.slice(2)
const isSpl = which === 'spl-140k'
const splFolder = isSpl ? others.shift() : undefined
const runs = Number(others[0] ?? 3)
const tables =
  splFolder === undefined ? makeTown({ seed: 1, customers: Number(which) }) : readSpl140k(splFolder)
const customers = tables.servicePoints.reduce((sum, point) => sum + point.customers, 0)
const network = isSpl ? 'spl_140k' : 'an invented town'
const IMPORT_RATIO_MAX = 3
const START_RATIO_MAX = 3
const TABLES = [
  'network_source',
  'network_substation',
  'network_feeder',
  'network_node',
  'network_switch',
  'network_line',
  'network_transformer',
  'network_service_point',
]
const SQL_DIR = fileURLToPath(new URL('../../sql', import.meta.url))
const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'relight-bench-'))
const closers: (() => unknown)[] = [() => fs.rm(folder, { recursive: true, force: true })]

async function server(): Promise<PoolConfig> {
  const url = process.env['DATABASE_URL'] ?? ''
  if (url === '') {
    const embedded = await startEmbeddedPostgres({ dataDir: path.join(folder, 'pg') })
    closers.push(() => embedded.stop())
    return embedded.config
  }
  const scratch = await openScratchDatabase(url)
  closers.push(() => scratch.drop())
  return { connectionString: scratch.url }
}

const timed = async (what: () => unknown): Promise<number> => {
  const start = performance.now()
  await what()
  return performance.now() - start
}
const linesOf = (text: Buffer): number => {
  let lines = 0
  for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) lines += 1
  return lines
}

try {
  const { db, pool } = openDatabase(await server())
  closers.push(() => db.destroy())
  await migrate(db, SQL_DIR)
  const town = path.join(folder, 'town')
  await writeNetworkFolder(tables, town)
  const times = { read: [] as number[], check: [] as number[], save: [] as number[] }
  const copies: number[] = []
  const selects: number[] = []
  const loads: number[] = []
  const builds: number[] = []
  let rows = 0
  for (let run = 0; run < runs; run++) {
    let read = await readNetworkFolder(town)
    times.read.push(await timed(async () => (read = await readNetworkFolder(town))))
    times.check.push(await timed(() => checkNetwork(read.tables)))
    const at = { validFrom: 0, importedAt: 0, format: 'folder' as const, report: read.faults }
    let revision = 0
    times.save.push(await timed(async () => (revision = await saveRevision(pool, read.tables, at))))

    // The same rows, ready as text, into the same tables.
    const client = await pool.connect()
    const texts = new Map<string, Buffer>()
    for (const table of TABLES) {
      const chunks: Buffer[] = []
      const out = client.query(
        copyTo(`copy (select * from ${table} where revision = ${revision}) to stdout`),
      )
      for await (const chunk of out) chunks.push(chunk as Buffer)
      // As a revision of its own, so that reading finds the network once.
      const text = Buffer.concat(chunks).toString()
      const renumbered = text.replace(new RegExp(`^${revision}\t`, 'gm'), '0\t')
      texts.set(table, Buffer.from(renumbered))
    }
    rows = [...texts.values()].reduce((sum, text) => sum + linesOf(text), 0)
    copies.push(
      await timed(async () => {
        await client.query('begin')
        for (const [table, text] of texts) {
          const into = client.query(copyFrom(`copy ${table} from stdin`))
          await pipeline([text], into)
        }
        await client.query('commit')
      }),
    )
    for (const table of TABLES) await client.query(`delete from ${table} where revision = 0`)
    client.release()

    selects.push(
      await timed(async () => {
        for (const table of TABLES)
          await pool.query(`select * from ${table} where revision = ${revision}`)
      }),
    )
    let loaded = read.tables
    loads.push(await timed(async () => (loaded = await loadRevision(db, revision))))
    builds.push(await timed(() => buildNetwork(loaded)))
  }
  const importMs = median(times.read) + median(times.check) + median(times.save)
  const startMs = median(loads) + median(builds)
  const parts = {
    customers,
    rows,
    readMs: Math.round(median(times.read)),
    checkMs: Math.round(median(times.check)),
    saveMs: Math.round(median(times.save)),
    loadMs: Math.round(median(loads)),
    buildMs: Math.round(median(builds)),
  }
  report({
    bench: 'network-import',
    figure: `read, check and save a network: ${network}`,
    value: importMs,
    unit: 'ms',
    peer: { name: 'COPY of the same rows', value: median(copies) },
    limit: { atMost: IMPORT_RATIO_MAX },
    ...parts,
  })
  report({
    bench: 'network-import',
    figure: `start from a saved network: ${network}`,
    value: startMs,
    unit: 'ms',
    peer: { name: 'SELECT of the same rows', value: median(selects) },
    limit: { atMost: START_RATIO_MAX },
  })
} finally {
  for (const close of closers.reverse()) await close()
}
