import { formatPhases } from '../grid/phases.ts'
import { toIso } from '../time.ts'
import type { OutageFacts } from './facts.ts'
import type { Ledger } from './state.ts'

/**
 * The outages as text, one JSON object a line, in the order of their anchors: what follows from the observations and nothing else, so the
 * same observations give the same bytes. The public name of an outage is left out: it was given at first sight and may depend on arrival.
 */
export function exportLedger(ledger: Ledger): string {
  const lines: string[] = []
  for (const { told } of ledger.record.byId.values()) {
    if (told !== null && told.sets.length > 0) lines.push(formatOutage(told))
  }
  return lines.sort().join('\n')
}

export function formatOutage(facts: OutageFacts): string {
  return JSON.stringify({
    startedAt: toIso(facts.anchorAt),
    device: facts.device,
    startUncertain: facts.startUncertain,
    phases: formatPhases(facts.phases),
    restoredAt: facts.restoredAt === null ? null : toIso(facts.restoredAt),
    customersOut: facts.customersOut,
    customersInterrupted: facts.customersInterrupted,
    closedCustomerMs: facts.closedCustomerMs,
    steps: facts.steps.map((step) => ({ ...step, at: toIso(step.at) })),
    sets: facts.sets.map((set) => ({
      ...set,
      from: toIso(set.from),
      until: set.until === null ? null : toIso(set.until),
      phases: formatPhases(set.phases),
    })),
  })
}
