import type { GroupCode } from '../ledger/facts.ts'
import { MS_PER_MIN, type EpochMs } from '../time.ts'
import type { ToldSet, Work } from './work.ts'

/** Supply groups that were off together, as the ledger says; `until` null while they still are. */
export type ActualSet = {
  readonly outage: string
  readonly from: EpochMs
  readonly until: EpochMs | null
  readonly members: readonly GroupCode[]
}

/** What a work did to customers, beside what they had been told. */
export type ActualAgainstPlanned = {
  readonly planned: { readonly customers: number; readonly customerMinutes: number }
  readonly actual: { readonly customers: number; readonly customerMinutes: number }
  /** Interrupted without having been told of it. */
  readonly extra: { readonly customers: number; readonly customerMinutes: number }
  /** Of those who were told: off before or after the times they were told, in customer-minutes. */
  readonly outsideTold: { readonly early: number; readonly overrun: number }
  /** Told of an interruption that did not come, as far as the window is over. */
  readonly spared: { readonly customers: number }
  readonly outages: readonly string[]
}

/** The ledger's sets against the told ones; what still lasts counts up to `now`. */
export function actualAgainstPlanned(
  work: Pick<Work, 'told' | 'window'>,
  sets: readonly ActualSet[],
  { now, customersOf }: { now: EpochMs; customersOf: (group: GroupCode) => number },
): ActualAgainstPlanned {
  const told = new Map<GroupCode, ToldSet[]>()
  for (const set of work.told) {
    for (const member of set.members) {
      const known = told.get(member)
      if (known === undefined) told.set(member, [set])
      else known.push(set)
    }
  }
  const minutes = (from: EpochMs, until: EpochMs): number => Math.max(0, until - from) / MS_PER_MIN
  const count = (groups: Iterable<GroupCode>): number => {
    let sum = 0
    for (const group of groups) sum += customersOf(group)
    return sum
  }
  let plannedMinutes = 0
  for (const { from, until, members } of work.told) {
    plannedMinutes += count(members) * minutes(from, until)
  }
  const hit = new Set<GroupCode>()
  const extra = new Set<GroupCode>()
  let [actualMinutes, extraMinutes, early, overrun] = [0, 0, 0, 0]
  for (const { from, until, members } of sets) {
    const end = until ?? Math.max(from, now)
    for (const member of members) {
      const customers = customersOf(member)
      hit.add(member)
      actualMinutes += customers * minutes(from, end)
      const times = told.get(member)
      if (times === undefined) {
        extra.add(member)
        extraMinutes += customers * minutes(from, end)
        continue
      }
      const first = Math.min(...times.map((set) => set.from))
      const last = Math.max(...times.map((set) => set.until))
      early += customers * minutes(from, Math.min(end, first))
      overrun += customers * minutes(Math.max(from, last), end)
    }
  }
  const spared = now < work.window.until ? [] : [...told.keys()].filter((group) => !hit.has(group))
  return {
    planned: { customers: count(told.keys()), customerMinutes: plannedMinutes },
    actual: { customers: count(hit), customerMinutes: actualMinutes },
    extra: { customers: count(extra), customerMinutes: extraMinutes },
    outsideTold: { early, overrun },
    spared: { customers: count(spared) },
    outages: [...new Set(sets.map((set) => set.outage))],
  }
}
