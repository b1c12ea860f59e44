import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client, type Pool, type PoolConfig } from 'pg'
import t from 'tap'
import { openDatabase, type Database } from '../../src/stores/database.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/stores/embedded-postgres.ts'
import { migrate } from '../../src/stores/migrate.ts'

export type TestDatabase = {
  readonly db: Database
  readonly pool: Pool
  /** For a second pool, a COPY stream or a child process: `JSON.stringify(config)` travels well. */
  readonly config: PoolConfig & { readonly database: string }
}

export const SQL_DIR = fileURLToPath(new URL('../../sql', import.meta.url))

/**
 * A migrated database of one's own, closed and dropped when the test `t` ends: on the server of DATABASE_URL where that is set, else on an
 * embedded server that this test file starts once (without fsync) and stops at its end.
 * `{ migrated: false }` gives an empty one.
 */
export async function openTestDatabase(
  test: { teardown(fn: () => unknown): void },
  { migrated = true }: { readonly migrated?: boolean } = {},
): Promise<TestDatabase> {
  const server = await testServer()
  const name = `relight_test_${randomUUID().replaceAll('-', '').slice(0, 16)}`
  await run(server, `create database ${name}`)
  const config = { ...server, database: name }
  const { db, pool } = openDatabase(config)
  test.teardown(async () => {
    await db.destroy()
    await run(server, `drop database if exists ${name} with (force)`)
  })
  if (migrated) await migrate(db, SQL_DIR)
  return { db, pool, config }
}

let embedded: Promise<EmbeddedPostgres> | undefined

/** The server that this test file uses, as a configuration without a database. */
export async function testServer(): Promise<PoolConfig> {
  const url = process.env['DATABASE_URL']
  if (url !== undefined && url !== '') return fromUrl(url)
  embedded ??= startForThisFile()
  return (await embedded).config
}

async function startForThisFile(): Promise<EmbeddedPostgres> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-test-'))
  const server = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off' } })
  t.teardown(async () => {
    await server.stop()
    fs.rmSync(dataDir, { recursive: true, force: true })
  })
  return server
}

function fromUrl(url: string): PoolConfig {
  const { hostname, port, username, password } = new URL(url)
  return {
    host: decodeURIComponent(hostname),
    ...(port === '' ? {} : { port: Number(port) }),
    ...(username === '' ? {} : { user: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
  }
}

async function run(server: PoolConfig, statement: string): Promise<void> {
  const client = new Client({ ...server, database: 'postgres' })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
