// A service in small, to be killed: starts the embedded server on a folder, says `ready`, and writes numbers, saying each once
// it is stored. With `idle` it only holds the folder. What goes wrong is said on stdout too, after `error: `.
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { openDatabase } from '../../src/stores/database.ts'
import { startEmbeddedPostgres } from '../../src/stores/embedded-postgres.ts'

const [dataDir = '', mode = ''] = process.argv.slice(2)
try {
  const server = await startEmbeddedPostgres({ dataDir })
  const { pool } = openDatabase(server.config)
  const stop = async (): Promise<void> => {
    await pool.end()
    await server.stop()
  }
  await pool.query('create table if not exists stored (n int primary key)')
  // Listening before it says so: whoever reads `ready` may end us in the same instant.
  const told = mode === 'idle' ? once(process, 'SIGTERM') : undefined
  console.log('ready')
  if (told !== undefined) {
    await told
    await stop()
  } else if (mode === 'fill') {
    await fill()
    console.log('still answers', (await pool.query('select 1 as one')).rows[0].one)
    await stop()
  } else {
    const last = await pool.query<{ n: number | null }>('select max(n) as n from stored')
    for (let n = (last.rows[0]?.n ?? 0) + 1; ; n++) {
      await pool.query('insert into stored values ($1)', [n])
      console.log(n)
    }
  }

  /** Leaves the database no room until it complains, makes room again, and waits until it takes something. */
  async function fill(): Promise<void> {
    await pool.query('create table wide (bytes text)')
    const ballast = path.join(dataDir, 'ballast')
    const piece = Buffer.alloc(1_048_576)
    try {
      for (;;) fs.appendFileSync(ballast, piece)
    } catch (error) {
      console.log('no room:', (error as Error).message)
    }
    const write = (): Promise<unknown> =>
      pool.query('insert into stored select coalesce(max(n), 0) + 1 from stored')
    try {
      for (;;)
        await pool.query(`insert into wide select repeat('x', 1000) from generate_series(1, 5000)`)
    } catch (error) {
      console.log('full:', (error as Error).message)
    }
    fs.rmSync(ballast)
    for (let attempt = 1; ; attempt++) {
      try {
        await write()
        return console.log('goes on')
      } catch (error) {
        if (attempt === 200) throw error
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
  }
} catch (error) {
  console.log('error:', (error as Error).message)
  process.exitCode = 1
}
