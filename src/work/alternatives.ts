import { loseZone, zonesBelow } from '../balance/transfer.ts'
import type { Zones } from '../balance/zones.ts'
import type { Energization } from '../grid/energization.ts'
import { at, type Network } from '../grid/network.ts'
import type { NetworkTables } from '../grid/tables.ts'
import { MS_PER_DAY, MS_PER_H, type EpochMs } from '../time.ts'
import { conflictsOf, type Conflict, type OngoingOutage, type OtherWork } from './conflicts.ts'
import {
  customerMinutes,
  interruptionsOf,
  minutesByGroup,
  type PlannedSet,
} from './interruptions.ts'
import { neededH, type NoticePromise } from './promise.ts'
import type { Window } from './window.ts'
import type { SwitchingStep, Work, WorkId } from './work.ts'

/** Days after the chosen one that are looked at for another window. */
export const OTHER_WINDOW_DAYS_MAX = 30
/** Works further apart than this are not worth waiting for each other. */
export const MERGE_WITHIN_DAYS = 60

/** Another way to do a work, and the customer-minutes it saves against the plan as it stands. */
export type Alternative = {
  readonly says: string
  readonly savesCustomerMinutes: number
} & (
  | { readonly kind: 'transfer'; readonly steps: readonly SwitchingStep[] }
  | { readonly kind: 'liveLine' }
  | { readonly kind: 'merge'; readonly work: WorkId; readonly window: Window }
  | { readonly kind: 'otherWindow'; readonly window: Window }
)

type Question = {
  readonly tables: NetworkTables
  readonly network: Network
  readonly state: Energization
  readonly work: Work
  readonly sets: readonly PlannedSet[]
  readonly others: readonly OtherWork[]
  readonly ongoing: readonly OngoingOutage[]
  readonly conflicts: readonly Conflict[]
  readonly promise: NoticePromise
  readonly now: EpochMs
  readonly loads: { readonly zones: Zones } | null
}

/** The ways that save most first; those that save no minutes but get out of a conflict last. */
export function alternativesFor(question: Question): Alternative[] {
  const found = [
    transfer(question),
    liveLine(question),
    ...merges(question),
    otherWindow(question),
  ].filter((alternative) => alternative !== null)
  return found.sort((a, b) => b.savesCustomerMinutes - a.savesCustomerMinutes)
}

/** What would stand in the way of the work if it were planned otherwise; advice that meets a conflict could not be followed. */
const conflictsIf = (question: Question, change: Partial<Work>): Conflict[] =>
  conflictsOf({ ...question, work: { ...question.work, ...change } })

/** Isolate only the section that is worked on, and feed what lies behind it from elsewhere. */
function transfer(question: Question): Alternative | null {
  const { network, state, work, sets, loads, conflicts } = question
  if (loads === null || work.method !== 'dead') return null
  const zone = zoneOfAssets(network, loads.zones, work)
  if (zone === null) return null
  const loss = loseZone(loads.zones, { faulted: zone, dead: zonesBelow(loads.zones, zone) })
  const step = (position: 'open' | 'closed') => (id: string) => ({
    switch: id,
    position,
    afterMin: 0,
  })
  const steps = [...loss.open.map(step('open')), ...loss.close.map(step('closed'))]
  const better = interruptionsOf(state, { steps, window: work.window }).sets
  const savesCustomerMinutes = customerMinutes(network, sets) - customerMinutes(network, better)
  if (savesCustomerMinutes <= 0) return null
  const before = new Set(conflicts.map(({ says }) => says))
  if (conflictsIf(question, { steps }).some(({ says }) => !before.has(says))) return null
  const says =
    loss.close.length === 0
      ? `open ${loss.open.join(', ')} only`
      : `open ${loss.open.join(', ')} and close ${loss.close.join(', ')}`
  return { kind: 'transfer', steps, savesCustomerMinutes, says }
}

/** The one section in which all that is worked on lies; null where it is more than one or not known. */
function zoneOfAssets(network: Network, zones: Zones, work: Work): number | null {
  const found = new Set<number>()
  for (const asset of work.assets) {
    const branch = network.branchIds.indexOf(asset)
    const node = branch < 0 ? network.nodeIds.indexOf(asset) : at(network.branchFrom, branch)
    if (node < 0) continue
    found.add(at(zones.zoneOf, node))
    if (branch >= 0) found.add(at(zones.zoneOf, at(network.branchTo, branch)))
  }
  const [only] = found
  return found.size === 1 && only !== undefined ? only : null
}

/** Overhead lines can be worked on alive. */
function liveLine({ tables, network, work, sets }: Question): Alternative | null {
  const minutes = customerMinutes(network, sets)
  if (work.method !== 'dead' || minutes === 0 || work.assets.length === 0) return null
  const overhead = new Set(tables.lines.filter((row) => row.overhead === true).map((row) => row.id))
  if (!work.assets.every((asset) => overhead.has(asset))) return null
  return {
    kind: 'liveLine',
    savesCustomerMinutes: minutes,
    says: 'all of it is overhead line: live-line work interrupts nobody',
  }
}

/**
 * Together with another work that takes off the same customers, they are interrupted once. Not where it would begin too soon for somebody to be told
 * in time (who was told of the other work knows), where the crew is busy then, with the other work or a third, or anything else stands in the way.
 */
function merges(question: Question): Alternative[] {
  const { network, work, sets, others, promise, now } = question
  const own = minutesByGroup(sets)
  const tellBy = now + neededH(work.kind, promise) * MS_PER_H
  const durationMs = work.window.until - work.window.from
  const found: Alternative[] = []
  for (const other of others) {
    const apart = Math.abs(other.work.window.from - work.window.from)
    const isOpen = other.work.state !== 'inProgress' && other.work.state !== 'overdue'
    if (!isOpen || apart > MERGE_WITHIN_DAYS * MS_PER_DAY || apart === 0) continue
    const { from } = other.work.window
    const theirs = minutesByGroup(other.sets)
    const areTold = other.work.announcedAt !== null && [...own.keys()].every((g) => theirs.has(g))
    if (from <= now || (from < tellBy && !areTold)) continue
    let savesCustomerMinutes = 0
    for (const [group, minutes] of theirs) {
      const shared = Math.min(minutes, own.get(group) ?? 0)
      savesCustomerMinutes += at(network.groupCustomers, group) * shared
    }
    if (savesCustomerMinutes <= 0) continue
    const window = { from, until: from + durationMs }
    const isOneCrew = work.crew !== null && work.crew === other.work.crew
    if (isOneCrew || conflictsIf(question, { window }).length > 0) continue
    found.push({
      kind: 'merge',
      work: other.work.id,
      window,
      savesCustomerMinutes,
      says: `do it together with ${other.work.id} (${other.work.title})`,
    })
  }
  return found
}

/** The next day at the same hour that has no conflict and is far enough ahead for the promise; null where this window is good. */
function otherWindow(question: Question): (Alternative & { kind: 'otherWindow' }) | null {
  const { work, conflicts, promise, now } = question
  const tellBy = now + neededH(work.kind, promise) * MS_PER_H
  if (conflicts.length === 0 && (work.announced !== null || work.window.from >= tellBy)) return null
  for (let days = 1; days <= OTHER_WINDOW_DAYS_MAX; days++) {
    const window = {
      from: work.window.from + days * MS_PER_DAY,
      until: work.window.until + days * MS_PER_DAY,
    }
    if (window.from < tellBy || conflictsIf(question, { window }).length > 0) continue
    return {
      kind: 'otherWindow',
      window,
      savesCustomerMinutes: 0,
      says: `${days} ${days === 1 ? 'day' : 'days'} later nothing stands in the way and everyone is told in time`,
    }
  }
  return null
}
