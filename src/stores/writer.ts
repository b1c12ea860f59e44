import pg from 'pg'
import type { Statement } from './statement.ts'

/** The engine's own connection for what it writes. */
export type Writer = {
  /**
   * All of it in one transaction, sent at once: one way there and one way back, and the server need not wait for us between statements.
   * Throws the first failure; then nothing was written, unless it was the answer that was lost (see `EngineLock.fence`).
   */
  transact(statements: readonly Statement[]): Promise<void>
  close(): Promise<void>
}

export function openWriter(config: pg.PoolConfig): Writer {
  const pool = new pg.Pool({ ...config, max: 1, pipeline: true })
  // A connection that dies is replaced at the next use, which says so.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return writeThrough(pool)
}

/** Over a pool of pipelining connections. */
export function writeThrough(pool: pg.Pool): Writer {
  return {
    async transact(statements) {
      const client = await pool.connect()
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
      const settled = await Promise.allSettled(answers)
      const failure = settled.find((answer) => answer.status === 'rejected')
      // What is left of a failed pipeline is not worth finding out.
      client.release(failure !== undefined)
      if (failure !== undefined) throw failure.reason
    },
    close: () => pool.end(),
  }
}
