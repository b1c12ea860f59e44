import pg from 'pg'
import type { Statement } from './statement.ts'

/** What the driver does not declare of a connection: the messages of the extended protocol, written by hand. */
export type Wire = {
  readonly stream: NodeJS.WritableStream & { cork(): void; uncork(): void }
  readonly parsedStatements: Record<string, string>
  parse(message: { name: string; text: string }): void
  bind(message: {
    statement: string
    values: readonly unknown[]
    valueMapper: (value: unknown) => unknown
  }): void
  execute(message: { portal: string; rows: number }): void
  sync(): void
}

type Driver = { readonly utils: { readonly prepareValue: (value: unknown) => unknown } }
const { prepareValue } = (pg as unknown as Driver).utils

/**
 * Statements as one transaction, with nothing in between: each is parsed where the server has not kept it, bound and executed, and one Sync at the end
 * commits all of them (PostgreSQL, "Extended Query", pipelining: what comes before a Sync is one transaction unless it says otherwise). The
 * server answers once. A query of the driver for each would be answered one by one, and wake both sides as often.
 *
 * Handed to `Client.query`, as `pg-cursor` is. `callback` gets the first failure, after which nothing was written, or null.
 */
export class OneSync implements pg.Submittable {
  /** The driver puts its time limit around it. */
  callback: (failure: Error | null) => void
  readonly #statements: readonly Statement[]

  constructor(statements: readonly Statement[], callback: (failure: Error | null) => void) {
    this.#statements = statements
    this.callback = callback
  }

  submit(connection: pg.Connection): void {
    const wire = connection as unknown as Wire
    // One packet: what is written apart may leave apart.
    wire.stream.cork()
    try {
      const sent = new Set<string>()
      for (const { query, name = '' } of this.#statements) {
        if (name === '' || (wire.parsedStatements[name] === undefined && !sent.has(name))) {
          wire.parse({ name, text: query.sql })
          sent.add(name)
        }
        wire.bind({ statement: name, values: query.parameters, valueMapper: prepareValue })
        wire.execute({ portal: '', rows: 0 })
      }
      wire.sync()
    } finally {
      wire.stream.uncork()
    }
  }

  handleDataRow(): void {
    // What a statement answers is not asked for.
  }

  handleCommandComplete(): void {
    // The end of the last one says it for all.
  }

  handleError(failure: Error): void {
    this.callback(failure)
  }

  handleReadyForQuery(wire: Wire): void {
    for (const { query, name } of this.#statements) {
      if (name !== undefined) wire.parsedStatements[name] = query.sql
    }
    this.callback(null)
  }
}
