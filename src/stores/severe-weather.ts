import { sql } from 'kysely'
import type { Severity } from '../notices/owed.ts'
import { toIso, type EpochMs } from '../time.ts'
import type { Database, Tx } from './database.ts'

export type SevereCategory = Exclude<Severity, 'normal'>

export type SevereWeather = {
  readonly id: number
  /** Null: everywhere. */
  readonly area: string | null
  readonly category: SevereCategory
  readonly from: string
  /** Exclusive; null: it goes on. */
  readonly until: string | null
  readonly reason: string
  readonly declaredBy: string
  readonly declaredAt: string
  readonly withdrawnBy: string | null
  readonly withdrawnAt: string | null
}

/** What was declared, the latest weather first; withdrawn ones too. */
export async function listSevereWeather(
  db: Database | Tx,
  { limit, id }: { readonly limit: number; readonly id?: number },
): Promise<SevereWeather[]> {
  let query = db
    .selectFrom('severe_weather')
    .selectAll()
    .orderBy('from_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
  if (id !== undefined) query = query.where('id', '=', id)
  const rows = await query.execute()
  return rows.map((row) => ({
    id: row.id,
    area: row.area,
    category: row.category as SevereCategory,
    from: toIso(row.from_at),
    until: row.until_at === null ? null : toIso(row.until_at),
    reason: row.reason,
    declaredBy: row.declared_by,
    declaredAt: toIso(row.declared_at),
    withdrawnBy: row.withdrawn_by,
    withdrawnAt: row.withdrawn_at === null ? null : toIso(row.withdrawn_at),
  }))
}

export async function declareSevereWeather(
  tx: Tx,
  declared: {
    readonly area: string | null
    readonly category: SevereCategory
    readonly from: EpochMs
    readonly until: EpochMs | null
    readonly reason: string
  },
  { by, at }: { readonly by: string; readonly at: EpochMs },
): Promise<number> {
  const { id } = await tx
    .insertInto('severe_weather')
    .values({
      area: declared.area,
      category: declared.category,
      from_at: new Date(declared.from),
      until_at: declared.until === null ? null : new Date(declared.until),
      reason: declared.reason,
      declared_by: by,
      declared_at: new Date(at),
      withdrawn_by: null,
      withdrawn_at: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** Says when it was over; false where there is no such weather, or it was withdrawn. */
export async function endSevereWeather(tx: Tx, id: number, until: EpochMs): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('severe_weather')
    .set({ until_at: new Date(until) })
    .where('id', '=', id)
    .where('withdrawn_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** It was declared by mistake: nothing counts by it any more. False where there is none, or it was withdrawn before. */
export async function withdrawSevereWeather(
  tx: Tx,
  id: number,
  { by, at }: { readonly by: string; readonly at: EpochMs },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('severe_weather')
    .set({ withdrawn_by: by, withdrawn_at: new Date(at) })
    .where('id', '=', id)
    .where('withdrawn_at', 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** The weather when each outage began, where it was declared severe: of several declarations the gravest. */
export async function severityOfOutages(
  db: Database,
  outages: readonly string[],
): Promise<ReadonlyMap<string, Severity>> {
  if (outages.length === 0) return new Map()
  const { rows } = await sql<{ id: string; category: SevereCategory }>`
    select o.id, max(w.category collate "C") as category
    from outage o join severe_weather w on w.withdrawn_at is null
      and (w.area is null or w.area = o.area)
      and o.started_at >= w.from_at and (w.until_at is null or o.started_at < w.until_at)
    where o.id = any(${[...outages]}::text[])
    group by o.id`.execute(db)
  return new Map(rows.map(({ id, category }) => [id, category]))
}
