import { sql } from 'kysely'
import type { OutageId } from '../ledger/facts.ts'
import type { EventName, Ruling } from '../ledger/rulings.ts'
import { toIso, type EpochMs } from '../time.ts'
import type { Database, Tx } from './database.ts'

/** All that was ever ruled, in that order. */
export async function readRulings(db: Database): Promise<Ruling[]> {
  const rows = await db.selectFrom('outage_ruling').selectAll().orderBy('number').execute()
  return rows.map((row) => {
    const event = { device: row.device, at: row.event_at }
    if (row.rules === 'boundary' || row.other_at === null) return { rules: 'boundary', event }
    return { rules: row.rules, event, other: { device: row.other_device, at: row.other_at } }
  })
}

export async function saveRulings(
  tx: Tx,
  rulings: readonly Ruling[],
  about: { readonly at: EpochMs; readonly subject: string },
): Promise<void> {
  await tx
    .insertInto('outage_ruling')
    .values(
      rulings.map((ruling) => ({
        at: toIso(about.at),
        by_subject: about.subject,
        rules: ruling.rules,
        device: ruling.event.device,
        event_at: toIso(ruling.event.at),
        other_device: ruling.rules === 'boundary' ? null : ruling.other.device,
        other_at: ruling.rules === 'boundary' ? null : toIso(ruling.other.at),
      })),
    )
    .execute()
}

/** Says of an outage, and of what was merged into it, what they are part of. */
export async function saveMerged(tx: Tx, outage: OutageId, into: OutageId): Promise<void> {
  await tx
    .updateTable('outage')
    .set({ merged_into: into })
    .where((where) => where.or([where('id', '=', outage), where('merged_into', '=', outage)]))
    .execute()
}

/** It is an outage of its own again. */
export async function saveParted(tx: Tx, outage: OutageId): Promise<void> {
  await tx.updateTable('outage').set({ merged_into: null }).where('id', '=', outage).execute()
}

/** The events of what was merged into an outage. */
export async function mergedEvents(db: Database, into: OutageId): Promise<EventName[]> {
  const rows = await db
    .selectFrom('outage')
    .select(['device', 'anchor_at'])
    .where('merged_into', '=', into)
    .orderBy('anchor_at')
    .execute()
  return rows.map((row) => ({ device: row.device, at: row.anchor_at }))
}

/** Of some outages those that were derived and not imported, with what they are part of. */
export async function mergedIntoOf(
  db: Database,
  outages: readonly OutageId[],
): Promise<Map<OutageId, OutageId | null>> {
  const rows = await db
    .selectFrom('outage')
    .select(['id', 'merged_into'])
    .where(sql<boolean>`id = any(${[...outages]}::text[])`)
    .where('origin', '=', 'live')
    .execute()
  return new Map(rows.map((row) => [row.id, row.merged_into]))
}
