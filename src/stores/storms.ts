import type { Etr } from '../ledger/acts.ts'
import type { Storm, StormChange } from '../notices/storm.ts'
import { toIso, type EpochMs } from '../time.ts'
import type { Database, Tx } from './database.ts'

/** Storms that are declared and have not ended. */
export async function readStorms(db: Database): Promise<Storm[]> {
  const rows = await db
    .selectFrom('storm')
    .selectAll()
    .where('ended_at', 'is', null)
    .orderBy('id')
    .execute()
  return rows.map((row) => ({
    area: row.area,
    declaredAt: row.declared_at,
    etr: row.etr as Etr | null,
    alarmedAt: row.alarmed_at,
  }))
}

/** Writes what a person decided, with its line in the timeline. */
export async function saveStormChange(
  tx: Tx,
  change: StormChange,
  bySubject: string,
  at: EpochMs,
): Promise<void> {
  const { storm } = change
  const etr = storm.etr === null ? null : JSON.stringify(storm.etr)
  let id: number | undefined
  if (change.change === 'declared') {
    const made = await tx
      .insertInto('storm')
      .values({
        area: storm.area,
        declared_at: new Date(storm.declaredAt),
        declared_by: bySubject,
        reason: change.reason,
        etr,
        alarmed_at: null,
        ended_at: null,
        ended_by: null,
      })
      .returning('id')
      .executeTakeFirst()
    id = made?.id
  } else {
    const ended = change.change === 'ended'
    const kept = await tx
      .updateTable('storm')
      .set(ended ? { ended_at: new Date(at), ended_by: bySubject } : { etr, alarmed_at: null })
      .where('ended_at', 'is', null)
      .where('area', storm.area === null ? 'is' : '=', storm.area)
      .returning('id')
      .executeTakeFirst()
    id = kept?.id
  }
  if (id === undefined)
    throw new Error(`the storm of ${storm.area ?? 'everywhere'} is not declared`)
  await tx
    .insertInto('storm_event')
    .values({
      storm: id,
      at: new Date(at),
      kind: change.change,
      data: JSON.stringify({ etr: storm.etr, reason: change.reason }),
      by_subject: bySubject,
    })
    .execute()
}

/** The control room was told that the estimate of a storm passes; once for each estimate. */
export async function saveStormAlarm(tx: Tx, { area, etr }: Storm): Promise<void> {
  if (etr === null) return
  await tx
    .updateTable('storm')
    .set({ alarmed_at: new Date(etr.at) })
    .where('ended_at', 'is', null)
    .where('area', area === null ? 'is' : '=', area)
    .execute()
}

export type StormView = {
  readonly id: number
  readonly area: string | null
  readonly declaredAt: string
  readonly declaredBy: string
  readonly reason: string | null
  readonly endedAt: string | null
  readonly endedBy: string | null
  readonly etr: EtrView | null
  readonly timeline: readonly {
    readonly at: string
    readonly kind: string
    readonly by: string
    readonly etr: EtrView | null
    readonly reason: string | null
  }[]
}
type EtrView = {
  readonly at: string
  readonly earliest: string | null
  readonly latest: string | null
  readonly source: string
  readonly issuedAt: string
}

/** Storms, the newest first, with all that was said of them. */
export async function listStorms(
  db: Database,
  { active, limit }: { readonly active: boolean; readonly limit: number },
): Promise<StormView[]> {
  let query = db.selectFrom('storm').selectAll().orderBy('id', 'desc').limit(limit)
  if (active) query = query.where('ended_at', 'is', null)
  const rows = await query.execute()
  if (rows.length === 0) return []
  const events = await db
    .selectFrom('storm_event')
    .selectAll()
    .where(
      'storm',
      'in',
      rows.map(({ id }) => id),
    )
    .orderBy('id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    area: row.area,
    declaredAt: toIso(row.declared_at),
    declaredBy: row.declared_by,
    reason: row.reason,
    endedAt: row.ended_at === null ? null : toIso(row.ended_at),
    endedBy: row.ended_by,
    etr: etrView(row.etr),
    timeline: events
      .filter(({ storm }) => storm === row.id)
      .map(({ at, kind, by_subject: by, data }) => {
        const said = data as { etr?: unknown; reason?: string | null }
        return { at: toIso(at), kind, by, etr: etrView(said.etr), reason: said.reason ?? null }
      }),
  }))
}

function etrView(etr: unknown): EtrView | null {
  if (etr === null || etr === undefined) return null
  const { at, earliest, latest, source, issuedAt } = etr as Etr
  return {
    at: toIso(at),
    earliest: earliest === null ? null : toIso(earliest),
    latest: latest === null ? null : toIso(latest),
    source,
    issuedAt: toIso(issuedAt),
  }
}
