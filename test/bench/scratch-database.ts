import { randomBytes } from 'node:crypto'
import { Client } from 'pg'

/** The server of `DATABASE_URL`, or the one of this machine. */
const SERVER_URL = process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'

/** An empty database on a server, for one run. `drop` takes it away again, whoever still uses it; called twice it does nothing. */
export async function openScratchDatabase(
  server: string = SERVER_URL,
): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `relight_bench_${randomBytes(4).toString('hex')}`
  const admin = new Client({ connectionString: server })
  await admin.connect()
  await admin.query(`create database ${name}`)
  let isDropped = false
  return {
    url: Object.assign(new URL(server), { pathname: `/${name}` }).href,
    drop: async () => {
      if (isDropped) return
      isDropped = true
      await admin.query(`drop database ${name} with (force)`)
      await admin.end()
    },
  }
}
