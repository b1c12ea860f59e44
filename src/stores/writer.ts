import type { Writable } from 'node:stream'
import pg from 'pg'
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
/** A transaction whose end was lost on the way is ended by the server, so that its second try need not wait for ever. */
const LOST_TRANSACTION_MS_MAX = 20_000

export function openWriter(config: pg.PoolConfig, answerMsMax = ANSWER_MS_MAX): Writer {
  const pool = new pg.Pool({
    ...config,
    max: 1,
    pipeline: true,
    keepAlive: true,
    query_timeout: answerMsMax,
    connectionTimeoutMillis: Math.min(answerMsMax, CONNECT_MS_MAX),
    idle_in_transaction_session_timeout: Math.min(answerMsMax, LOST_TRANSACTION_MS_MAX),
  })
  // A connection that dies is replaced at the next use, which says so.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return writeThrough(pool)
}

/** What the driver does not declare: the socket below. */
type Wired = pg.PoolClient & { readonly connection: { readonly stream: Writable } }

/** Over a pool of pipelining connections. */
export function writeThrough(pool: pg.Pool): Writer {
  return {
    async transact(statements, sent) {
      const client = (await pool.connect()) as Wired
      const answers = [
        client.query('begin'),
        ...statements.map(({ query, name }) =>
          client.query({
            text: query.sql,
            values: query.parameters as unknown[],
            ...(name === undefined ? {} : { name }),
          }),
        ),
        // After a failure before it the server answers this with a rollback.
        client.query('commit'),
      ]
      // Bytes leave in order: when these none have left, the others have.
      if (sent !== undefined) client.connection.stream.write('', () => sent())
      const settled = await Promise.allSettled(answers)
      const failure = settled.find((answer) => answer.status === 'rejected')
      // What is left of a failed pipeline is not worth finding out.
      client.release(failure !== undefined)
      if (failure !== undefined) throw asPassing(failure.reason)
    },
    close: () => pool.end(),
  }
}

/** An answer that did not come in time is trouble of the way, as a connection that broke is. */
function asPassing(error: unknown): unknown {
  if (!(error instanceof Error) || error.message !== 'Query read timeout') return error
  return Object.assign(new Error('the database does not answer'), { code: 'ETIMEDOUT' })
}
