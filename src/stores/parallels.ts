import { sql } from 'kysely'
import type { EpochMs } from '../time.ts'
import { instant, type Database, type Tx } from './database.ts'

export type ParallelAlarm = {
  readonly id: number
  readonly pair: string
  readonly tie: string
  readonly feeders: readonly string[]
  readonly sinceAt: EpochMs
  readonly raisedAt: EpochMs
}

/** Those that are not over, the oldest first. */
export async function openParallels(db: Database): Promise<ParallelAlarm[]> {
  return (await alarms(db).where('until_at', 'is', null).execute()).map(alarmOf)
}

/** Those that stood at an instant of the past, the oldest first. */
export async function parallelsAt(db: Database, at: EpochMs): Promise<ParallelAlarm[]> {
  const rows = await alarms(db)
    .where('raised_at', '<=', instant(at))
    .where((where) =>
      where.or([where('until_at', 'is', null), where('until_at', '>', instant(at))]),
    )
    .execute()
  return rows.map(alarmOf)
}

const alarms = (db: Database) =>
  db.selectFrom('parallel_alarm').selectAll().orderBy('since_at').orderBy('id')

const alarmOf = (row: Awaited<ReturnType<ReturnType<typeof alarms>['execute']>>[number]) => ({
  id: row.id,
  pair: row.pair,
  tie: row.tie,
  feeders: row.feeders,
  sinceAt: row.since_at,
  raisedAt: row.raised_at,
})

export async function raiseParallel(tx: Tx, alarm: Omit<ParallelAlarm, 'id'>): Promise<void> {
  await tx
    .insertInto('parallel_alarm')
    .values({
      pair: alarm.pair,
      tie: alarm.tie,
      feeders: [...alarm.feeders],
      since_at: new Date(alarm.sinceAt),
      raised_at: new Date(alarm.raisedAt),
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function clearParallel(tx: Tx, id: number, at: EpochMs): Promise<void> {
  await tx
    .updateTable('parallel_alarm')
    .set({ until_at: new Date(at) })
    .where('id', '=', id)
    .where('until_at', 'is', null)
    .execute()
}

/** When the last of some switches turned; null where none of them was ever heard of. */
export async function lastTurnOf(
  db: Database,
  switches: readonly string[],
): Promise<EpochMs | null> {
  const { at } = await db
    .selectFrom('switch_state')
    .select(sql<EpochMs | null>`max(at)`.as('at'))
    .where(sql<boolean>`switch = any(${[...switches]}::text[])`)
    .executeTakeFirstOrThrow()
  return at
}
