import { setTimeout as sleep } from 'node:timers/promises'
import {
  Kysely,
  PostgresDialect,
  sql,
  type PostgresPool,
  type PostgresPoolClient,
  type RawBuilder,
  type Transaction,
} from 'kysely'
import pg from 'pg'
import type { AccountTables } from './account-tables.ts'
import type { ArchiveTables } from './archive-tables.ts'
import type { CustomerTables } from './customer-tables.ts'
import type { LoadTables } from './load-tables.ts'
import type { PeriodTables, ReliabilityTables, RollupTables } from './reliability-tables.ts'
import type { PlanningTables } from './planning-tables.ts'
import type { CoreTables } from './schema.ts'
import type { PatrolTables } from './patrol-tables.ts'
import type { SevereWeatherTables } from './severe-weather-tables.ts'
import type { StormTables } from './storm-tables.ts'
import type { TargetTables } from './target-tables.ts'
import type { TemperatureTables } from './temperature-tables.ts'
import type { WorkTables } from './work-tables.ts'
import { toIso, type EpochMs } from '../time.ts'

/** Every table there is. A room that brings tables describes them in a file of its own and joins them here. */
export type Tables = CoreTables &
  ArchiveTables &
  LoadTables &
  WorkTables &
  PatrolTables &
  PlanningTables &
  SevereWeatherTables &
  StormTables &
  TargetTables &
  TemperatureTables &
  AccountTables &
  ReliabilityTables &
  RollupTables &
  PeriodTables &
  CustomerTables

export type Database = Kysely<Tables>
/** A store function takes the transaction it is to run in. */
export type Tx = Transaction<Tables>

/** An instant as an operand of a comparison with a timestamptz column. */
export const instant = (at: EpochMs): RawBuilder<EpochMs> => sql<EpochMs>`${toIso(at)}::timestamptz`

export const POOL_SIZE = 10

const TIMESTAMPTZ = 1184
const DATE = 1082
const INT8 = 20
const NUMERIC = 1700

// bigint columns here are counts, sequence numbers and milliseconds: all far below 2^53.
const PARSERS: Record<number, (text: string) => unknown> = {
  [TIMESTAMPTZ]: (text) => parseInstant(text),
  [DATE]: (text) => text,
  [INT8]: Number,
  [NUMERIC]: Number,
}

/** PostgreSQL prints `2026-11-24 03:12:44.5+00`; Date wants the T and a full offset. */
function parseInstant(text: string): number {
  // In UTC and up to milliseconds, which is nearly all, in a fifth of the time.
  const { length } = text
  if (length >= 22 && length <= 26 && text.endsWith('+00') && text[10] === ' ') {
    const whole = Date.UTC(
      digits(text, 0, 4),
      digits(text, 5, 7) - 1,
      digits(text, 8, 10),
      digits(text, 11, 13),
      digits(text, 14, 16),
      digits(text, 17, 19),
    )
    if (length === 22) return whole
    const fraction = digits(text, 20, length - 3)
    return whole + (length === 24 ? fraction * 100 : length === 25 ? fraction * 10 : fraction)
  }
  const iso = text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')
  return Date.parse(iso)
}

function digits(text: string, from: number, until: number): number {
  let value = 0
  for (let i = from; i < until; i++) value = value * 10 + text.charCodeAt(i) - 48
  return value
}

/** How long somebody who only asks waits for a place among the connections, or for a new one. */
const CONNECT_MS_MAX = 5_000
const CLOSE_MS_MAX = 2_000
/** Behind our own patience, so that what nobody waits for any more is not worked on for ever. */
const STATEMENT_MS_MORE = 1_000

/**
 * For those who wait at the other end: a question that is not answered within `answerMsMax` fails with the code ETIMEDOUT, and so does one
 * that gets no connection. The connection that it was asked on is given up: nobody knows when, or whether, it will speak again. Closing does
 * not wait for long either.
 */
export const openImpatient = (
  config: pg.PoolConfig,
  answerMsMax: number,
): { readonly db: Database; close(): Promise<void> } => {
  const pool = openPool({
    ...config,
    keepAlive: true,
    connectionTimeoutMillis: Math.min(answerMsMax, CONNECT_MS_MAX),
    query_timeout: answerMsMax,
    statement_timeout: answerMsMax + STATEMENT_MS_MORE,
    idle_in_transaction_session_timeout: answerMsMax + STATEMENT_MS_MORE,
  })
  const db = over(givingUpTheLate(pool))
  return {
    db,
    async close() {
      await Promise.race([db.destroy(), sleep(CLOSE_MS_MAX, undefined, { ref: false })])
    },
  }
}

/** Opens a pool whose types are ours: timestamptz → EpochMs, date → 'YYYY-MM-DD', int8 and numeric → number. */
export function openDatabase(config: pg.PoolConfig): { db: Database; pool: pg.Pool } {
  const pool = openPool(config)
  return { db: over(pool), pool }
}

const over = (pool: PostgresPool): Database =>
  new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })

function openPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({
    max: POOL_SIZE,
    ...config,
    types: {
      getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
        (format !== 'binary' && PARSERS[oid]) ||
        (format === 'binary'
          ? pg.types.getTypeParser(oid, 'binary')
          : pg.types.getTypeParser(oid))) as typeof pg.types.getTypeParser,
    },
  })
  // An idle connection that dies is replaced at the next use; without a listener it would end the process.
  pool.on('error', () => undefined)
  // A connection that is lost while a transaction holds it, between two queries, is no error of the pool; the next query will say so.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** Answers that come late would be taken for the answers to what is asked next: their connection ends with the question. */
function givingUpTheLate(pool: pg.Pool): PostgresPool {
  return {
    async connect() {
      const client = await pool.connect()
      const query = async (text: unknown, values?: unknown): Promise<unknown> => {
        try {
          return await client.query(text as string, values as unknown[])
        } catch (error) {
          if (!(error instanceof Error) || error.message !== 'Query read timeout') throw error
          void client.end()
          throw Object.assign(new Error('the database does not answer'), { code: 'ETIMEDOUT' })
        }
      }
      return {
        query: ((text: unknown, values?: unknown) =>
          // A cursor reports by itself.
          typeof text === 'string'
            ? query(text, values)
            : client.query(text as pg.Submittable)) as PostgresPoolClient['query'],
        release: () => client.release(),
      }
    },
    end: () => pool.end(),
  }
}

/** One view of the record for all that is read in it: nothing that is committed meanwhile is seen, and nothing moves. */
export const readingRecord = <T>(
  db: Database,
  read: (record: Database) => Promise<T>,
): Promise<T> =>
  db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute((tx) => read(tx))
