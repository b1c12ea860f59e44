import { sql } from 'kysely'
import type { GroupCode } from '../ledger/facts.ts'
import type { LastWord } from '../notices/probable.ts'
import { MS_PER_DAY, type EpochMs } from '../time.ts'
import { instant, type Database } from './database.ts'
import { firstKeyAt } from './observation-row.ts'

/** An interruption that began longer ago than this and has just ended is not looked for: its meters are asked for by other means. */
const BEGAN_WITHIN_DAYS = 2

/** The last word about each service point since an instant: of its meter, or of the customer; the newer counts. */
export async function readLastWords(db: Database, since: EpochMs): Promise<Map<string, LastWord>> {
  const { rows } = await sql<{ point: string; value: string; at: EpochMs }>`
    select distinct on (point) point, value, at from (
      select point, value, at from observation where key >= ${firstKeyAt(since)}::uuid and kind = 'meter'
      union all
      select service_point, kind, last_at from customer_report
      where last_at >= ${instant(since)} and (kind = 'back' or closed_at is null)
    ) as said order by point, at desc`.execute(db)
  return new Map(
    rows.map(({ point, value, at }) => [
      point,
      {
        says: value === 'lastGasp' || value === 'noPower' ? ('off' as const) : ('on' as const),
        at,
      },
    ]),
  )
}

/** Supply groups that are out now, and since when those have supply again that got it back after an instant. */
export async function readSupplySince(
  db: Database,
  since: EpochMs,
): Promise<{
  readonly out: ReadonlySet<GroupCode>
  readonly backAt: ReadonlyMap<GroupCode, EpochMs>
}> {
  const [open, ended] = await Promise.all([
    db.selectFrom('interruption').select('members').where('until_at', 'is', null).execute(),
    db
      .selectFrom('interruption')
      .select(['members', 'until_at'])
      .where('from_at', '>=', instant(since - BEGAN_WITHIN_DAYS * MS_PER_DAY))
      .where('until_at', '>=', instant(since))
      .orderBy('until_at')
      .execute(),
  ])
  const backAt = new Map<GroupCode, EpochMs>()
  for (const { members, until_at: until } of ended) {
    for (const group of members ?? []) if (until !== null) backAt.set(group, until)
  }
  return { out: new Set(open.flatMap(({ members }) => members ?? [])), backAt }
}
