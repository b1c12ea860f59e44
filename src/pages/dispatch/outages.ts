import type { CauseDetail } from '../../reliability/cause-detail.ts'
import type { EpochMs } from '../../time.ts'
import { instant } from '../language.ts'
import type { State } from '../marks.tsx'

/** An outage as the service tells it (contract.md). */
export type Outage = {
  readonly id: string
  readonly status: 'confirmed' | 'partiallyRestored' | 'restored' | 'closed'
  readonly kind: 'unplanned' | 'planned'
  readonly feeder: string | null
  readonly substation: string | null
  readonly area: string | null
  readonly device: string | null
  readonly phases: string
  readonly startedAt: string
  readonly startUncertain: boolean
  readonly restoredAt: string | null
  readonly customersOut: number
  readonly customersInterrupted: number
  readonly customerMinutes: number
  readonly cause: string | null
  readonly causeDetail: CauseDetail | null
  readonly crew: { readonly name: string; readonly state: string; readonly at: string } | null
  readonly etr: Etr | null
  readonly steps: readonly Step[]
  readonly revision: number
}
export type Etr = {
  readonly at: string
  readonly earliest: string | null
  readonly latest: string | null
  readonly source: string
  readonly issuedAt: string
}
export type Step = {
  readonly at: string
  readonly device: string | null
  readonly customersRestored: number
}

/** Who is out that cannot wait; from the network's own marks. */
export type Priorities = { readonly lifeSupport: number; readonly critical: number }
export const NO_PRIORITIES: Priorities = { lifeSupport: 0, critical: 0 }

export function stateOf(outage: Outage): State {
  if (outage.status === 'restored' || outage.status === 'closed') return 'back'
  if (outage.kind === 'planned') return 'plan'
  return outage.status === 'partiallyRestored' ? 'part' : 'out'
}

export const isOut = (outage: Outage): boolean =>
  outage.status === 'confirmed' || outage.status === 'partiallyRestored'

/** The estimate in force lies in the past, and they are still out. */
export function estimatePassed(outage: Outage, at: EpochMs): boolean {
  const etr = instant(outage.etr?.latest ?? outage.etr?.at)
  return isOut(outage) && etr !== null && etr < at
}

/** Worst first: life support, critical, customers, then whoever waits longest. */
export function worstFirst(
  a: Outage,
  b: Outage,
  priorities: ReadonlyMap<string, Priorities>,
): number {
  const first = priorities.get(a.id) ?? NO_PRIORITIES
  const second = priorities.get(b.id) ?? NO_PRIORITIES
  return (
    Number(isOut(b)) - Number(isOut(a)) ||
    second.lifeSupport - first.lifeSupport ||
    second.critical - first.critical ||
    b.customersOut - a.customersOut ||
    Date.parse(a.startedAt) - Date.parse(b.startedAt) ||
    (a.id < b.id ? -1 : 1)
  )
}

/**
 * An outage as the record has it for an earlier instant, when `customersOut` of it were out; null where it had not begun or was over.
 */
export function asOf(outage: Outage, at: EpochMs, customersOut: number): Outage | null {
  const startedAt = Date.parse(outage.startedAt)
  const restoredAt = instant(outage.restoredAt)
  if (startedAt > at || (restoredAt !== null && restoredAt <= at)) return null
  const steps = outage.steps.filter((step) => Date.parse(step.at) <= at)
  return {
    ...outage,
    status: customersOut < outage.customersInterrupted ? 'partiallyRestored' : 'confirmed',
    restoredAt: null,
    steps,
    customersOut,
    crew: outage.crew !== null && Date.parse(outage.crew.at) <= at ? outage.crew : null,
    etr: outage.etr !== null && Date.parse(outage.etr.issuedAt) <= at ? outage.etr : null,
  }
}
