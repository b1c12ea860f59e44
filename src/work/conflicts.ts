import type { Network } from '../grid/network.ts'
import { MS_PER_H, type EpochMs } from '../time.ts'
import { feedersOf, type PlannedSet } from './interruptions.ts'
import type { Window } from './window.ts'
import type { Work, WorkId } from './work.ts'

/** An outage of now stands in the way of what begins within so many hours. */
export const OUTAGE_NEAR_H = 24

export type OngoingOutage = { readonly id: string; readonly feeder: string | null }

export type Conflict =
  | { readonly kind: 'sameSection' | 'sameCrew'; readonly work: WorkId; readonly says: string }
  /** One work needs a switch that the other works on or holds the other way. */
  | {
      readonly kind: 'switchNeeded'
      readonly work: WorkId
      readonly switch: string
      readonly says: string
    }
  | { readonly kind: 'ongoingOutage'; readonly outage: string; readonly says: string }

export type OtherWork = { readonly work: Work; readonly sets: readonly PlannedSet[] }

/** What cannot go together with a work in its window. Drafts of others bind nobody yet. */
export function conflictsOf({
  network,
  work,
  sets,
  others,
  ongoing,
  now,
}: {
  readonly network: Network
  readonly work: Work
  readonly sets: readonly PlannedSet[]
  readonly others: readonly OtherWork[]
  readonly ongoing: readonly OngoingOutage[]
  readonly now: EpochMs
}): Conflict[] {
  const conflicts: Conflict[] = []
  const own = new Set(sets.flatMap((set) => set.groups))
  for (const other of others) {
    if (other.work.state === 'draft' || !overlap(work.window, other.work.window)) continue
    const { id, title } = other.work
    const isShared =
      other.sets.some((set) => set.groups.some((group) => own.has(group))) ||
      other.work.assets.some((asset) => work.assets.includes(asset))
    // What begins in the same instant was put together on purpose, so that customers are interrupted once.
    if (isShared && other.work.window.from !== work.window.from) {
      const says = `${id} (${title}) works in the same section at the same time`
      conflicts.push({ kind: 'sameSection', work: id, says })
    }
    if (work.crew !== null && work.crew === other.work.crew) {
      const says = `crew ${work.crew} works on ${id} (${title}) at that time`
      conflicts.push({ kind: 'sameCrew', work: id, says })
    }
    for (const device of switchesInTheWay(work, other.work)) {
      const says = `${device} is needed otherwise by ${id} (${title})`
      conflicts.push({ kind: 'switchNeeded', work: id, switch: device, says })
    }
  }
  if (work.window.from - now < OUTAGE_NEAR_H * MS_PER_H) {
    const feeders = feedersOf(network, own)
    for (const outage of ongoing) {
      if (outage.feeder === null || !feeders.includes(outage.feeder)) continue
      const says = `outage ${outage.id} on ${outage.feeder} is not over`
      conflicts.push({ kind: 'ongoingOutage', outage: outage.id, says })
    }
  }
  return conflicts
}

export const overlap = (a: Window, b: Window): boolean => a.from < b.until && b.from < a.until

/** Switches that both hold, in different positions, or that one operates while the other works on it. */
function switchesInTheWay(work: Work, other: Work): string[] {
  const held = new Map(other.steps.map((step) => [step.switch, step.position]))
  const found = new Set<string>()
  for (const step of work.steps) {
    const position = held.get(step.switch)
    if (position !== undefined && position !== step.position) found.add(step.switch)
    if (step.position === 'closed' && other.assets.includes(step.switch)) found.add(step.switch)
  }
  for (const step of other.steps) {
    if (step.position === 'closed' && work.assets.includes(step.switch)) found.add(step.switch)
  }
  return [...found]
}
