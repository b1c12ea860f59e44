import { formatOutage } from '../ledger/export.ts'
import type { OutageFacts } from '../ledger/facts.ts'
import type { LedgerSettings } from '../ledger/state.ts'
import type { Database } from '../stores/database.ts'
import { toIso, type EpochMs } from '../time.ts'
import { reopenLedger } from './from-record.ts'

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
  const outages = [...reopened.ledger.record.byId.values()].filter(
    ({ told }) => told !== null && told.sets.length > 0 && within(told),
  ).length
  return { observations: reopened.observations, outages, differences }
}
