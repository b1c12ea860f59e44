import { sql } from 'kysely'
import type { CapacityRange } from '../balance/capacity.ts'
import { ALARM_RULES, TWO_HOUR_RULES, type LoadRules } from '../balance/load-states.ts'
import type { EpochMs } from '../time.ts'
import { CHINA_PROMISE, type NoticePromise } from '../work/promise.ts'
import type { Database, Tx } from './database.ts'
import type { ConnectionState } from './planning-tables.ts'

/** Which wording of heavy and overload raises alarms. */
export const ALARM_WORDINGS = {
  thirtyMin: ALARM_RULES,
  twoHours: { ...TWO_HOUR_RULES, hysteresis: ALARM_RULES.hysteresis },
} as const satisfies Record<string, LoadRules>
export type AlarmWording = keyof typeof ALARM_WORDINGS

/** What the utility has set for itself; what it has not set is as delivered. */
export type PlanningSettings = {
  /** Its own guide ranges of the capacity ratio; null: none of its own. */
  readonly guide: readonly CapacityRange[] | null
  readonly promise: NoticePromise
  readonly alarms: AlarmWording
}
const AS_DELIVERED: PlanningSettings = { guide: null, promise: CHINA_PROMISE, alarms: 'thirtyMin' }

export async function readPlanning(db: Database | Tx): Promise<PlanningSettings> {
  const rows = await db.selectFrom('planning_setting').select(['subject', 'value']).execute()
  // They met their schema when they were saved.
  return { ...AS_DELIVERED, ...Object.fromEntries(rows.map((row) => [row.subject, row.value])) }
}

export async function savePlanning(
  tx: Tx,
  set: Partial<PlanningSettings>,
  { by, at }: { by: string; at: EpochMs },
): Promise<void> {
  for (const [subject, value] of Object.entries(set)) {
    const row = { value: JSON.stringify(value), set_by: by, set_at: new Date(at) }
    await tx
      .insertInto('planning_setting')
      .values({ subject, ...row })
      .onConflict((conflict) => conflict.column('subject').doUpdateSet(row))
      .execute()
  }
}

export type ConnectionRequest = {
  readonly id: string
  /** Feeder or substation that will supply it. */
  readonly point: string
  readonly kw: number
  /** First year in which it is there at the time of the peak. */
  readonly year: number
  /** How much of it meets the peak, 0 to 1. */
  readonly coincidence: number
  readonly class: string | null
  readonly note: string | null
  readonly state: ConnectionState
  readonly askedBy: string
  readonly askedAt: EpochMs
}

export async function insertConnection(
  tx: Tx,
  request: Omit<ConnectionRequest, 'id' | 'state'>,
): Promise<string> {
  const { rows } = await sql<{ n: number }>`select nextval('connection_number') as n`.execute(tx)
  const id = `C-${String(rows[0]?.n ?? 0).padStart(4, '0')}`
  const { askedBy, askedAt, ...row } = request
  await tx
    .insertInto('connection_request')
    .values({
      id,
      ...row,
      state: 'asked',
      asked_by: askedBy,
      asked_at: new Date(askedAt),
      changed_at: new Date(askedAt),
    })
    .execute()
  return id
}

/** False where it is not in `from` any more. */
export async function moveConnection(
  tx: Tx,
  id: string,
  { from, to, at }: { from: ConnectionState; to: ConnectionState; at: EpochMs },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('connection_request')
    .set({ state: to, changed_at: new Date(at) })
    .where('id', '=', id)
    .where('state', '=', from)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Requests by year; at most `limit`. */
export async function listConnections(
  db: Database | Tx,
  filter: {
    readonly id?: string
    readonly points?: readonly string[]
    readonly states?: readonly ConnectionState[]
    readonly limit: number
  },
): Promise<ConnectionRequest[]> {
  let query = db.selectFrom('connection_request').selectAll().orderBy('year').orderBy('id')
  if (filter.id !== undefined) query = query.where('id', '=', filter.id)
  if (filter.points !== undefined) query = query.where('point', 'in', [...filter.points])
  if (filter.states !== undefined) query = query.where('state', 'in', [...filter.states])
  return (await query.limit(filter.limit).execute()).map((row) => ({
    id: row.id,
    point: row.point,
    kw: row.kw,
    year: row.year,
    coincidence: row.coincidence,
    class: row.class,
    note: row.note,
    state: row.state,
    askedBy: row.asked_by,
    askedAt: row.asked_at,
  }))
}
