import type { Logger } from 'pino'
import type pg from 'pg'
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

/** A production database may come up after us. */
const WAIT_FOR_DATABASE_MS = 60_000

/** The database of the service: DATABASE_URL, or the embedded server, which only one service may have. Migrated. */
export async function openServiceDatabase(
  settings: Settings,
  logger: Logger,
): Promise<OpenedDatabase> {
  if (settings.databaseUrl !== undefined) return openUrl(settings.databaseUrl)
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

async function openUrl(connectionString: string): Promise<OpenedDatabase> {
  const giveUpAt = performance.now() + WAIT_FOR_DATABASE_MS
  for (;;) {
    try {
      return await openMigrated({ connectionString }, async () => undefined)
    } catch (error) {
      if (!isAway(error) || performance.now() > giveUpAt) throw error
      await sleep(1000)
    }
  }
}

/** Nobody listens, or the server is starting: worth another try. A wrong password is not. */
function isAway(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return code === 'ECONNREFUSED' || code === 'ENOENT' || code === '57P03'
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
