import { sql } from 'kysely'
import type { AlarmChange, LoadStateKind } from '../balance/load-states.ts'
import { toIso, type EpochMs } from '../time.ts'
import type { Database, Tx } from './database.ts'

export type SavedAlarm = {
  readonly point: string
  readonly kind: LoadStateKind
  readonly from: EpochMs
  readonly confirmedAt: EpochMs
  readonly until: EpochMs | null
  readonly peakRate: number
  readonly rule: string
}

/** Alarms listed at most; a network with more of them open has another problem. */
export const ALARMS_MAX = 10_000

/** Open alarms, the newest first. */
export async function openAlarms(db: Database | Tx): Promise<SavedAlarm[]> {
  const rows = await db
    .selectFrom('load_alarm')
    .selectAll()
    .where('until_at', 'is', null)
    .orderBy('confirmed_at', 'desc')
    .limit(ALARMS_MAX)
    .execute()
  return rows.map((row) => ({
    point: row.point,
    kind: row.kind as LoadStateKind,
    from: row.from_at,
    confirmedAt: row.confirmed_at,
    until: row.until_at,
    peakRate: row.peak_rate,
    rule: row.rule,
  }))
}

/**
 * Writes the transitions at one point and returns how many were new. The table allows one open alarm of a kind at a point and each beginning
 * once: to raise it twice is to raise it once, and a past that is told anew does not raise it again.
 */
export async function saveAlarmChange(
  tx: Tx,
  point: string,
  change: AlarmChange,
): Promise<{ raised: number; cleared: number }> {
  let [raised, cleared] = [0, 0]
  for (const { kind, until } of change.clear) {
    const { numAffectedRows } = await sql`
      update load_alarm set until_at = greatest(from_at, ${toIso(until)}::timestamptz)
      where point = ${point} and kind = ${kind} and until_at is null`.execute(tx)
    cleared += Number(numAffectedRows ?? 0)
  }
  for (const episode of change.raise) {
    const { numAffectedRows } = await sql`
      insert into load_alarm (point, kind, from_at, confirmed_at, until_at, peak_rate, rule)
      values (${point}, ${episode.kind}, ${toIso(episode.from)}, ${toIso(episode.confirmedAt)},
        ${episode.until === null ? null : toIso(episode.until)}, ${episode.peakRate}, ${episode.rule})
      on conflict do nothing`.execute(tx)
    raised += Number(numAffectedRows ?? 0)
  }
  return { raised, cleared }
}
