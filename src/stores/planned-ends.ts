import type { OutageId } from '../ledger/facts.ts'
import { MS_PER_DAY, MS_PER_MIN, type EpochMs } from '../time.ts'
import { NATURE_EARLY_MAX_MIN, workBehind } from '../work/nature.ts'
import { instant, type Database, type Tx } from './database.ts'
import { listWorks } from './works.ts'

/** Works whose windows touch a period; more than any utility plans in the years of one report. */
const WORKS_READ_MAX = 200_000

/** The approved ends of the planned outages of the live ledger that touch `[from, to)`; those that no work explains are not in it. */
export async function readPlannedEnds(
  db: Database | Tx,
  from: EpochMs,
  to: EpochMs,
): Promise<Map<OutageId, EpochMs>> {
  const ends = new Map<OutageId, EpochMs>()
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
  if (outages.length === 0) return ends
  const works = await listWorks(db, {
    states: ['approved', 'inProgress', 'overdue', 'finished'],
    // A work that was finished late explains what began after its window; a day is more than late.
    from: earliest - MS_PER_DAY,
    until: latest + (NATURE_EARLY_MAX_MIN + 1) * MS_PER_MIN,
    limit: WORKS_READ_MAX,
  })
  for (const { id, device, started_at } of outages) {
    const work = workBehind(
      works.map((saved) => saved.work),
      { device, startedAt: started_at },
    )
    if (work !== null) ends.set(id, work.window.until)
  }
  return ends
}
