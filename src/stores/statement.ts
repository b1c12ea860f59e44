import { hash } from 'node:crypto'
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type Compilable,
  type CompiledQuery,
  type RawBuilder,
} from 'kysely'
import type { Tables, Tx } from './database.ts'

/** A statement with its values, made before the transaction in which it is to run: many of them can go out without waiting in between. */
export type Statement = {
  readonly query: CompiledQuery
  /** Given where the text is the same at every call, so that the server may keep it parsed. */
  readonly name?: string
}

/** Builds statements, and is connected to nothing. */
export const build = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

export function constant(text: RawBuilder<unknown>): Statement {
  const query = text.compile(build)
  let name = names.get(query.sql)
  if (name === undefined) {
    name = `relight_${hash('md5', query.sql).slice(0, 16)}`
    names.set(query.sql, name)
  }
  return { query, name }
}

const names = new Map<string, string>()

export const oneOff = (query: Compilable): Statement => ({ query: query.compile() })

/** One after the other, where something else in the transaction has to see what they wrote. */
export async function runIn(tx: Tx, statements: readonly Statement[]): Promise<void> {
  for (const { query } of statements) await tx.executeQuery(query)
}
