import { sql } from 'kysely'
import type { Cleared, Raised, WatchKind, WatchState } from '../balance/load-watch.ts'
import { toIso, type EpochMs } from '../time.ts'
import { instant, type Database, type Tx } from './database.ts'

export type SavedAlarm = {
  readonly id: number
  readonly point: string
  readonly kind: WatchKind
  readonly from: EpochMs
  readonly confirmedAt: EpochMs
  readonly until: EpochMs | null
  readonly endedBy: Cleared['endedBy'] | null
  readonly peak: number
  readonly rule: string
  readonly ratedKva: number | null
  readonly feeder: string | null
  readonly acknowledgedAt: EpochMs | null
  readonly acknowledgedBy: string | null
}

export type AlarmFilter = {
  readonly id?: number | undefined
  readonly state: 'open' | 'unacknowledged' | 'all'
  readonly kind?: WatchKind | undefined
  readonly feeder?: string | undefined
  readonly point?: string | undefined
  /** Alarms that lasted at some time in `[from, until)`. */
  readonly from?: EpochMs | undefined
  readonly until?: EpochMs | undefined
  readonly before?: { readonly confirmedAt: EpochMs; readonly id: number } | undefined
  readonly limit: number
}

/** Alarms, the newest first. */
export async function listAlarms(db: Database | Tx, filter: AlarmFilter): Promise<SavedAlarm[]> {
  let query = db
    .selectFrom('load_alarm')
    .selectAll()
    .orderBy('confirmed_at', 'desc')
    .orderBy('id', 'desc')
  if (filter.state !== 'all') query = query.where('until_at', 'is', null)
  if (filter.state === 'unacknowledged') query = query.where('acknowledged_at', 'is', null)
  if (filter.id !== undefined) query = query.where('id', '=', filter.id)
  if (filter.kind !== undefined) query = query.where('kind', '=', filter.kind)
  if (filter.feeder !== undefined) query = query.where('feeder', '=', filter.feeder)
  if (filter.point !== undefined) query = query.where('point', '=', filter.point)
  if (filter.until !== undefined) query = query.where('from_at', '<', instant(filter.until))
  const { from, before } = filter
  if (from !== undefined) {
    query = query.where((where) =>
      where.or([where('until_at', 'is', null), where('until_at', '>', instant(from))]),
    )
  }
  if (before !== undefined) {
    query = query.where(
      sql<boolean>`(confirmed_at, id) < (${instant(before.confirmedAt)}, ${before.id})`,
    )
  }
  return (await query.limit(filter.limit).execute()).map((row) => ({
    id: row.id,
    point: row.point,
    kind: row.kind as WatchKind,
    from: row.from_at,
    confirmedAt: row.confirmed_at,
    until: row.until_at,
    endedBy: row.ended_by as SavedAlarm['endedBy'],
    peak: row.peak_rate,
    rule: row.rule,
    ratedKva: row.rated_kva,
    feeder: row.feeder,
    acknowledgedAt: row.acknowledged_at,
    acknowledgedBy: row.acknowledged_by,
  }))
}

/** False where somebody had acknowledged it before. */
export async function acknowledgeAlarm(
  tx: Tx,
  id: number,
  { by, at }: { by: string; at: EpochMs },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('load_alarm')
    .set({ acknowledged_at: new Date(at), acknowledged_by: by })
    .where('id', '=', id)
    .where('acknowledged_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export type AlarmsToSave = {
  readonly cleared: readonly (Cleared & { readonly point: string })[]
  readonly raised: readonly (Raised & {
    readonly point: string
    readonly ratedKva: number | null
    readonly feeder: string | null
  })[]
}

/**
 * Writes transitions, ends before beginnings, and returns how many were new. The table allows one open alarm of a kind at a point and each beginning
 * once: to raise it twice is to raise it once, and a past that is told anew does not raise it again.
 */
export async function saveAlarms(
  tx: Tx,
  { cleared, raised }: AlarmsToSave,
): Promise<{ raised: number; cleared: number }> {
  const counts = { raised: 0, cleared: 0 }
  if (cleared.length > 0) {
    const { numAffectedRows } = await sql`
      update load_alarm as a set until_at = greatest(a.from_at, c.until_at), ended_by = c.ended_by,
        peak_rate = greatest(a.peak_rate, c.peak)
      from unnest(
        ${cleared.map((one) => one.point)}::text[], ${cleared.map((one) => one.kind)}::text[],
        ${cleared.map((one) => toIso(one.until))}::timestamptz[],
        ${cleared.map((one) => one.endedBy)}::text[], ${cleared.map((one) => one.peak)}::float8[]
      ) as c (point, kind, until_at, ended_by, peak)
      where a.point = c.point and a.kind = c.kind and a.until_at is null`.execute(tx)
    counts.cleared = Number(numAffectedRows ?? 0)
  }
  if (raised.length > 0) {
    const { numAffectedRows } = await sql`
      insert into load_alarm (point, kind, from_at, confirmed_at, peak_rate, rule, rated_kva, feeder)
      select * from unnest(
        ${raised.map((one) => one.point)}::text[], ${raised.map((one) => one.kind)}::text[],
        ${raised.map((one) => toIso(one.from))}::timestamptz[],
        ${raised.map((one) => toIso(one.confirmedAt))}::timestamptz[],
        ${raised.map((one) => one.peak)}::float8[], ${raised.map((one) => one.rule)}::text[],
        ${raised.map((one) => one.ratedKva)}::float8[], ${raised.map((one) => one.feeder)}::text[]
      ) on conflict do nothing`.execute(tx)
    counts.raised = Number(numAffectedRows ?? 0)
  }
  return counts
}

export type WatchRecord = {
  /** Start of the last quarter that was judged; null before the first. */
  readonly judgedAt: EpochMs | null
  /** Points with a run under way. */
  readonly states: ReadonlyMap<string, WatchState>
}

export async function readWatch(db: Database | Tx): Promise<WatchRecord> {
  const [clock, rows] = await Promise.all([
    db.selectFrom('load_watch').select('judged_at').executeTakeFirst(),
    db.selectFrom('load_watch_point').selectAll().execute(),
  ])
  return {
    judgedAt: clock?.judged_at ?? null,
    states: new Map(rows.map((row) => [row.point, row.state])),
  }
}

/** Notes up to where quarters are judged, the runs that go on, and the points whose runs are over. */
export async function saveWatch(
  tx: Tx,
  judgedAt: EpochMs,
  { running, calm }: { running: ReadonlyMap<string, WatchState>; calm: readonly string[] },
): Promise<void> {
  await sql`
    insert into load_watch (judged_at) values (${instant(judgedAt)})
    on conflict (one) do update set judged_at = excluded.judged_at`.execute(tx)
  if (calm.length > 0) {
    await sql`delete from load_watch_point where point = any(${[...calm]}::text[])`.execute(tx)
  }
  if (running.size > 0) {
    const states = [...running.values()].map((state) => JSON.stringify(state))
    await sql`
      insert into load_watch_point (point, state)
      select point, state::jsonb from unnest(${[...running.keys()]}::text[], ${states}::text[]) as w (point, state)
      on conflict (point) do update set state = excluded.state`.execute(tx)
  }
}
