import type { Logger } from 'pino'
import pg from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import path from 'node:path'
import { packageRoot } from './root.ts'
import type { Settings } from './settings.ts'
import { openDatabase, type Database } from './stores/database.ts'
import { attachEmbeddedPostgres, startEmbeddedPostgres } from './stores/embedded-postgres.ts'
import { migrate } from './stores/migrate.ts'

export type OpenedDatabase = {
  readonly db: Database
  readonly pool: pg.Pool
  readonly config: pg.PoolConfig
  close(): Promise<void>
}

/** A production database may come up after us: a command waits for it so long, the service until it is told to stop. */
const WAIT_FOR_DATABASE_MS = 60_000
const KNOCK_EVERY_MS = 1_000
/** A server that takes connections and says nothing is not there. */
const KNOCK_MS_MAX = 5_000
/** Who waits says so now and then. */
const SAY_EVERY_KNOCKS = 30

/** The database of the service: DATABASE_URL, or the embedded server, which only one service may have. Migrated. */
export async function openServiceDatabase(
  settings: Settings,
  logger: Logger,
  signal: AbortSignal,
): Promise<OpenedDatabase> {
  if (settings.databaseUrl !== undefined) {
    let knocks = 0
    return openUrl(settings.databaseUrl, (error) => {
      signal.throwIfAborted()
      if (knocks++ % SAY_EVERY_KNOCKS > 0) return
      logger.warn({ err: error, msg: 'the database does not answer: waiting for it' })
    })
  }
  const server = await startEmbeddedPostgres({
    dataDir: settings.dataDir,
    onLine: (line) => logger.debug({ line, msg: 'postgres' }),
  })
  return openMigrated(server.config, () => server.stop())
}

/** The same for a command: where a service runs on the data folder, its server is used beside it. */
export async function openCommandDatabase(settings: Settings): Promise<OpenedDatabase> {
  if (settings.databaseUrl !== undefined) return openUrl(settings.databaseUrl)
  const { dataDir } = settings
  const running = await attachEmbeddedPostgres({ dataDir })
  if (running !== undefined) return openMigrated(running, async () => undefined)
  const server = await startEmbeddedPostgres({ dataDir })
  return openMigrated(server.config, () => server.stop())
}

/** `away` hears of each knock without an answer, and may throw to end the waiting. */
async function openUrl(
  connectionString: string,
  away: (error: unknown) => void = waitAMinute(),
): Promise<OpenedDatabase> {
  for (;;) {
    try {
      await knock({ connectionString })
      return await openMigrated({ connectionString }, async () => undefined)
    } catch (error) {
      if (!isAway(error)) throw error
      away(error)
      await sleep(KNOCK_EVERY_MS)
    }
  }
}

function waitAMinute(): (error: unknown) => void {
  const giveUpAt = performance.now() + WAIT_FOR_DATABASE_MS
  return (error) => {
    if (performance.now() > giveUpAt) throw error
  }
}

/** Throws where the server does not answer in time. */
async function knock(config: pg.ClientConfig): Promise<void> {
  const client = new pg.Client({
    ...config,
    connectionTimeoutMillis: KNOCK_MS_MAX,
    query_timeout: KNOCK_MS_MAX,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select 1')
    await client.end()
  } finally {
    client.connection.stream.destroy()
  }
}

const AWAY = new Set(['ECONNREFUSED', 'ENOENT', '57P03', '53300', 'ECONNRESET', 'ETIMEDOUT'])
const UNREACHABLE = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'])
const AWAY_WORDS = /timeout expired|read timeout|connection terminated/i

/** Nobody listens or answers, or the server is starting: worth another try. A wrong password or a name that is none is not. */
function isAway(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string }
  return AWAY.has(code ?? '') || UNREACHABLE.has(code ?? '') || AWAY_WORDS.test(message ?? '')
}

async function openMigrated(
  config: pg.PoolConfig,
  stop: () => Promise<void>,
): Promise<OpenedDatabase> {
  const { db, pool } = openDatabase(config)
  const close = async (): Promise<void> => {
    await db.destroy()
    await stop()
  }
  try {
    await migrate(db, path.join(packageRoot, 'sql'))
  } catch (error) {
    await close()
    throw error
  }
  return { db, pool, config, close }
}
