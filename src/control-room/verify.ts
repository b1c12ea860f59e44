import { at } from '../grid/network.ts'
import { formatPhases, type Phases } from '../grid/phases.ts'
import { formatOutage } from '../ledger/export.ts'
import type { OutageFacts } from '../ledger/facts.ts'
import { closedNow } from '../ledger/positions.ts'
import type { Ledger, LedgerSettings } from '../ledger/state.ts'
import { instant, type Database } from '../stores/database.ts'
import { toIso, type EpochMs } from '../time.ts'
import { reopenLedger } from './from-record.ts'

/** Outages named where interruptions belong to none. */
const ORPHANS_MAX = 1000

export type Verified = {
  readonly observations: number
  readonly outages: number
  readonly differences: number
}

/** Derives the ledger again from the record and says each difference to what is saved, as a person can read it. */
export async function verifyLedger(
  db: Database,
  question: {
    readonly from: EpochMs
    readonly to: EpochMs
    readonly settings: LedgerSettings
    readonly say: (line: string) => void
  },
): Promise<Verified> {
  const { from, to, settings, say } = question
  const reopened = await reopenLedger(db, settings, from)
  if (reopened === undefined) return { observations: 0, outages: 0, differences: 0 }
  const within = (facts: OutageFacts): boolean => facts.anchorAt >= from && facts.anchorAt < to
  let differences = 0
  for (const { before, after } of reopened.changes) {
    if (!within(after) && (before === null || !within(before))) continue
    differences++
    say(
      `outage ${after.id} of ${after.device ?? 'a network revision'} at ${toIso(after.anchorAt)}:`,
    )
    say(`  saved   ${before === null ? 'nothing' : formatOutage(before)}`)
    say(`  derived ${after.sets.length === 0 ? 'nothing' : formatOutage(after)}`)
  }
  for (const { outage, rows } of await orphans(db, from, to)) {
    differences++
    say(`outage ${outage}: unknown, and yet ${rows} of its interruptions are saved`)
  }
  for (const { name, saved, derived } of await misplaced(db, reopened.ledger)) {
    differences++
    say(`switch ${name}:`)
    say(`  saved   closed on ${formatPhases(saved) || 'no phase'}`)
    say(`  derived closed on ${formatPhases(derived) || 'no phase'}`)
  }
  const outages = [...reopened.ledger.record.byId.values()].filter(
    ({ told }) => told !== null && told.sets.length > 0 && within(told),
  ).length
  return { observations: reopened.observations, outages, differences }
}

/** Interruptions that belong to no outage would count in every index, and nothing derived is there to compare them with. */
async function orphans(
  db: Database,
  from: EpochMs,
  to: EpochMs,
): Promise<{ outage: string; rows: number }[]> {
  let query = db
    .selectFrom('interruption')
    .leftJoin('outage', 'outage.id', 'interruption.outage')
    .where('outage.id', 'is', null)
    .groupBy('interruption.outage')
    .orderBy('interruption.outage')
    .limit(ORPHANS_MAX)
    .select((select) => ['interruption.outage', select.fn.countAll<number>().as('rows')])
  if (Number.isFinite(from)) query = query.where('from_at', '>=', instant(from))
  if (Number.isFinite(to)) query = query.where('from_at', '<', instant(to))
  return query.execute()
}

/** Switches that are saved in another position than follows from what was said of them. */
async function misplaced(
  db: Database,
  { network, histories }: Ledger,
): Promise<{ name: string; saved: Phases; derived: Phases }[]> {
  const rows = await db.selectFrom('switch_state').selectAll().orderBy('switch').execute()
  return rows.flatMap(({ switch: name, closed_phases: saved }) => {
    const device = network.switchIndex.get(name)
    // It is no longer drawn.
    if (device === undefined) return []
    const history = histories.get(device)
    const derived = history === undefined ? at(network.switchNormal, device) : closedNow(history)
    return saved === derived ? [] : [{ name, saved, derived }]
  })
}
