import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import type { Database } from './database.ts'
import { constant, type Statement, text } from './statement.ts'

/** `relight` as a number: the advisory lock of the one engine. */
const LOCK = 0x72656c69
const LOOK_AGAIN_MS = 1000
/** A database that has not answered by then is asked again, over another connection. */
const ANSWER_MS_MAX = 5000

export type EngineLock = {
  /**
   * In every transaction that writes, first of all, with a number that grows by each write and stays the same when it is tried again.
   * It fails where another engine has taken over, and where this very write was committed before and its answer was lost (`isSaved`).
   */
  fence(write: number): Statement
  release(): Promise<void>
}

/**
 * Waits until no other engine writes to this database, and takes over. The lock lives and dies with a connection of its own; when that
 * is lost and another engine has taken over meanwhile, `onLost` is called, and the term in the database keeps this one from writing.
 */
export async function takeEngineLock(parts: {
  readonly config: pg.ClientConfig
  readonly db: Database
  readonly onWaiting: () => void
  readonly onLost: () => void
  readonly signal: AbortSignal
  readonly answerMsMax?: number
}): Promise<EngineLock> {
  const { db } = parts
  let client = await waitForLock(parts)
  let released = false
  const row = await db
    .updateTable('engine_term')
    .set({ term: sql`term + 1`, writes: 0 })
    .returning('term')
    .executeTakeFirstOrThrow()
  const { term } = row

  const watch = (held: pg.Client): void => {
    held.once('end', () => {
      if (!released) void takeAgain()
    })
  }
  /** The database was restarted, or the connection broke: the lock is free now, unless someone was faster. */
  const takeAgain = async (): Promise<void> => {
    while (!released) {
      const again = await tryLock(parts).catch(() => undefined)
      if (again === 'taken') return parts.onLost()
      if (again !== undefined) {
        client = again
        watch(again)
        return
      }
      await sleep(LOOK_AGAIN_MS)
    }
  }
  watch(client)
  return {
    fence: (write) => constant(text`select relight_fence(${term}::bigint, ${write}::bigint)`),
    async release() {
      released = true
      await client.end().catch(() => undefined)
    },
  }
}

/** Whether a failure says that the write is in the record already. */
export const isSaved = (error: unknown): boolean => (error as { code?: unknown }).code === 'RL001'

/** The number of the last write of the engine whose term it is. */
export async function writesSoFar(db: Database): Promise<number> {
  const row = await db.selectFrom('engine_term').select('writes').executeTakeFirstOrThrow()
  return row.writes
}

/** Who stands by goes on doing so while the database is away; who has not been told that there is another engine fails with it. */
async function waitForLock(parts: Parameters<typeof takeEngineLock>[0]): Promise<pg.Client> {
  let standsBy = false
  for (;;) {
    parts.signal.throwIfAborted()
    const client = await tryLock(parts).catch((error: unknown) => {
      if (!standsBy) throw error
      return 'taken' as const
    })
    if (client !== 'taken') return client
    if (!standsBy) parts.onWaiting()
    standsBy = true
    await sleep(LOOK_AGAIN_MS, undefined, { signal: parts.signal })
  }
}

async function tryLock({
  config,
  answerMsMax = ANSWER_MS_MAX,
}: {
  readonly config: pg.ClientConfig
  readonly answerMsMax?: number
}): Promise<pg.Client | 'taken'> {
  const client = new pg.Client({
    ...config,
    keepAlive: true,
    connectionTimeoutMillis: answerMsMax,
    query_timeout: answerMsMax,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ locked: boolean }>(
      'select pg_try_advisory_lock($1) as locked',
      [LOCK],
    )
    if (rows[0]?.locked === true) return client
    await client.end()
    return 'taken'
  } catch (error) {
    client.connection.stream.destroy()
    throw error
  }
}
