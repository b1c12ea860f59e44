import { hash } from 'node:crypto'
import {
  CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type Compilable,
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

/** SQL and the values that stand between its pieces. */
export class Text {
  readonly pieces: readonly string[]
  readonly values: readonly unknown[]

  constructor(pieces: readonly string[], values: readonly unknown[]) {
    this.pieces = pieces
    this.values = values
  }
}

/** As kysely's `sql`, for what every message writes: its pieces are joined, where a tree of nodes would be built and walked through at each call. */
export function text(strings: TemplateStringsArray, ...values: readonly unknown[]): Text {
  const pieces = [strings[0] as string]
  const flat: unknown[] = []
  for (const [i, value] of values.entries()) {
    const after = strings[i + 1] as string
    if (value instanceof Text) {
      pieces.push(`${pieces.pop()}${value.pieces[0]}`, ...value.pieces.slice(1))
      flat.push(...value.values)
      pieces.push(`${pieces.pop()}${after}`)
    } else {
      pieces.push(after)
      flat.push(value)
    }
  }
  return new Text(pieces, flat)
}

/** What a text says is the same at every call; only its values are not. */
export function constant({ pieces, values }: Text): Statement {
  const query = CompiledQuery.raw(
    pieces.reduce((joined, piece, i) => `${joined}$${i}${piece}`),
    [...values],
  )
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
