import { sql } from 'kysely'
import type { GroupCode } from '../ledger/facts.ts'
import type { EpochMs } from '../time.ts'
import { instant, type Database } from './database.ts'

/** The newest observations looked at for the last word from the field: clocks of sources differ, so one would not do. */
const LAST_WORDS = 50

export type OpenSet = { readonly outage: string; readonly members: readonly GroupCode[] }

/** Who was out at an instant, as the record has it now; without an instant: who is out. */
export async function readSetsOut(db: Database, at?: EpochMs): Promise<OpenSet[]> {
  let query = db.selectFrom('interruption').select(['outage', 'members'])
  if (at === undefined) query = query.where('until_at', 'is', null)
  else {
    query = query
      .where('from_at', '<=', instant(at))
      .where((where) =>
        where.or([where('until_at', 'is', null), where('until_at', '>', instant(at))]),
      )
  }
  return (await query.execute()).map(({ outage, members }) => ({ outage, members: members ?? [] }))
}

/** Who has got supply back since an instant, of outages that are not closed yet. */
export async function readSetsBack(db: Database, since: EpochMs): Promise<OpenSet[]> {
  const rows = await db
    .selectFrom('interruption')
    .innerJoin('outage', 'outage.id', 'interruption.outage')
    .select(['interruption.outage', 'interruption.members'])
    .where('outage.closed_at', 'is', null)
    .where('outage.restored_at', '>', instant(since))
    .execute()
  return rows.map(({ outage, members }) => ({ outage, members: members ?? [] }))
}

/** What was said last about each switch that anything was ever heard of. */
export const readSwitchStates = (db: Database) =>
  db.selectFrom('switch_state').select(['switch', 'closed_phases', 'at', 'gateway']).execute()

export const readGateways = (db: Database) =>
  db.selectFrom('gateway').select(['id', 'online', 'heard_at']).orderBy('id').execute()

/** When the last word from the field arrived, of any kind; null where there never was one. */
export async function readFieldHeardAt(db: Database): Promise<EpochMs | null> {
  const [words, gateways] = await Promise.all([
    db
      .selectFrom((from) =>
        from
          .selectFrom('observation')
          .select(['received_at', 'kind'])
          .orderBy('key', 'desc')
          .limit(LAST_WORDS)
          .as('last'),
      )
      .select(sql<EpochMs | null>`max(received_at)`.as('at'))
      .where('kind', '!=', 'manual')
      .executeTakeFirst(),
    db
      .selectFrom('gateway')
      .select(sql<EpochMs | null>`max(heard_at)`.as('at'))
      .executeTakeFirst(),
  ])
  const known = [words?.at, gateways?.at].filter((at) => at !== null && at !== undefined)
  return known.length === 0 ? null : Math.max(...known)
}

/** The lasting number of each load point, by id: members of an interruption are made of them. */
export async function readLoadPointNumbers(db: Database): Promise<Map<string, number>> {
  const rows = await db.selectFrom('load_point').select(['id', 'ix']).execute()
  return new Map(rows.map((row) => [row.id, row.ix]))
}
