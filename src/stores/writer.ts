import pg from 'pg'
import { OneSync, type Wire } from './one-sync.ts'
import type { Statement } from './statement.ts'

/** The engine's own connection for what it writes. */
export type Writer = {
  /**
   * All of it in one transaction, sent at once: one way there and one way back, and the server need not wait for us between statements.
   * Throws the first failure; then nothing was written, unless it was the answer that was lost (see `EngineLock.fence`). `sent` is called
   * when all of it is on its way, if it comes so far: what keeps the process busy from then on does not keep the server waiting.
   */
  transact(statements: readonly Statement[], sent?: () => void): Promise<void>
  close(): Promise<void>
}

/** The database has so long to answer a statement of the engine; then the connection is given up and the write tried again. */
const ANSWER_MS_MAX = 60_000
/** And so long to take a connection. */
const CONNECT_MS_MAX = 10_000
/** Half a transaction, whose rest was lost with the way, is ended by the server when nobody answers it: its second try need not wait for ever. */
const LOST_AFTER = '-c tcp_keepalives_idle=8 -c tcp_keepalives_interval=4 -c tcp_keepalives_count=3'

export function openWriter(config: pg.PoolConfig, answerMsMax = ANSWER_MS_MAX): Writer {
  const pool = new pg.Pool({
    ...config,
    max: 1,
    keepAlive: true,
    query_timeout: answerMsMax,
    connectionTimeoutMillis: Math.min(answerMsMax, CONNECT_MS_MAX),
    options: LOST_AFTER,
  })
  // A connection that dies is replaced at the next use, which says so.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return writeThrough(pool)
}

/** What the driver does not declare: the connection below. */
type Wired = pg.PoolClient & { readonly connection: Pick<Wire, 'stream'> }

export function writeThrough(pool: pg.Pool): Writer {
  return {
    async transact(statements, sent) {
      const client = (await pool.connect()) as Wired
      const failure = await new Promise<Error | null>((settle) => {
        client.query(new OneSync(statements, settle))
        // Bytes leave in order: when these none have left, the others have.
        if (sent !== undefined) client.connection.stream.write('', () => sent())
      }).catch((unsendable: Error) => unsendable)
      // What the server has kept of a failed one is not worth finding out.
      client.release(failure !== null)
      if (failure !== null) throw asPassing(failure)
    },
    close: () => pool.end(),
  }
}

/** An answer that did not come in time is trouble of the way, as a connection that broke is. */
function asPassing(error: unknown): unknown {
  if (!(error instanceof Error) || error.message !== 'Query read timeout') return error
  return Object.assign(new Error('the database does not answer'), { code: 'ETIMEDOUT' })
}
