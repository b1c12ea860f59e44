import type { GroupCode, OutageId } from '../ledger/facts.ts'
import { MS_PER_DAY, MS_PER_MIN, type EpochMs } from '../time.ts'
import { NATURE_EARLY_MAX_MIN, workBehind } from '../work/nature.ts'
import { instant, type Database, type Tx } from './database.ts'
import { listWorks } from './works.ts'

/** Works whose windows touch a period; more than any utility plans in the years of one report. */
const WORKS_READ_MAX = 200_000

/** What was approved of a planned outage, and who had been told. */
export type Approved = {
  readonly until: EpochMs
  /** It was in no plan, or told too late for one. */
  readonly temporary: boolean
  /** Null where the work says nothing of it. */
  readonly told: ReadonlySet<GroupCode> | null
}

/** What was approved of the planned outages of the live ledger that touch `[from, to)`; those that no work explains are not in it. */
export async function readApproved(
  db: Database | Tx,
  from: EpochMs,
  to: EpochMs,
): Promise<Map<OutageId, Approved>> {
  const approved = new Map<OutageId, Approved>()
  const outages = await db
    .selectFrom('outage')
    .select(['id', 'device', 'started_at'])
    .where('origin', '=', 'live')
    .where('kind', '=', 'planned')
    .where('device', 'is not', null)
    .where('started_at', '<', instant(to))
    .where((is) => is.or([is('restored_at', 'is', null), is('restored_at', '>=', instant(from))]))
    .execute()
  const [earliest, latest] = [
    outages.reduce((least, { started_at }) => Math.min(least, started_at), Infinity),
    outages.reduce((most, { started_at }) => Math.max(most, started_at), -Infinity),
  ]
  if (outages.length === 0) return approved
  const works = await listWorks(db, {
    states: ['approved', 'inProgress', 'overdue', 'finished'],
    // A work that was finished late explains what began after its window; a day is more than late.
    from: earliest - MS_PER_DAY,
    until: latest + (NATURE_EARLY_MAX_MIN + 1) * MS_PER_MIN,
    limit: WORKS_READ_MAX,
  })
  const all = works.map((saved) => saved.work)
  for (const { id, device, started_at } of outages) {
    const work = workBehind(all, { device, startedAt: started_at })
    if (work === null) continue
    const told = work.announced === null ? null : new Set(work.told.flatMap((set) => set.members))
    const temporary = (work.countsAs ?? work.kind) === 'temporary'
    approved.set(id, { until: work.window.until, temporary, told })
  }
  return approved
}
