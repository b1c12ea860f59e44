import type { SwitchingEffect } from '../balance/ties.ts'
import type { Zones } from '../balance/zones.ts'
import type { Energization } from '../grid/energization.ts'
import { at, type Network } from '../grid/network.ts'
import type { NetworkTables, Priority } from '../grid/tables.ts'
import { MS_PER_MIN, type EpochMs } from '../time.ts'
import { alternativesFor, type Alternative } from './alternatives.ts'
import { conflictsOf, type Conflict, type OngoingOutage } from './conflicts.ts'
import { customerMinutes, feedersOf, interruptionsOf, minutesByGroup } from './interruptions.ts'
import type { PlannedSet } from './interruptions.ts'
import { noticeStanding, type NoticePromise, type NoticeStanding } from './promise.ts'
import type { Work } from './work.ts'

/** IEEE Std 1366: five minutes exactly is still momentary, and does not move the indices. */
const SUSTAINED_ABOVE_MIN = 5
/** Ids listed one by one in an effect; their number is always whole. */
export const LISTED_MAX = 500
/** Points interrupted at least so often in so many months are on the watch list. */
export const REPEATED_RULE = { times: 3, months: 2 }

export type EffectInput = {
  readonly tables: NetworkTables
  readonly network: Network
  /** Normal positions. Switched through the steps and put back. */
  readonly state: Energization
  readonly work: Work
  /** Works that are neither finished nor cancelled, without this one. */
  readonly others: readonly Work[]
  readonly ongoing: readonly OngoingOutage[]
  readonly now: EpochMs
  readonly promise: NoticePromise
  /** Service points that some channel reaches; null where that is not known. */
  readonly reachable: ReadonlySet<string> | null
  /** Interruptions of each group in the months of `REPEATED_RULE`. */
  readonly interruptedBefore: ReadonlyMap<number, number>
  /** Loads in the window; null where there is nothing to reckon them from. */
  readonly loads: {
    readonly zones: Zones
    readonly switching: SwitchingEffect
    readonly basis: LoadsBasis
  } | null
}

/** Where the loads in the window come from: the upper decile of the forecast, the same hour of the last week that is over, or only what is expected by class. */
export type LoadsBasis = 'forecast' | 'lastWeek' | 'expected'

/** What approving a work would mean. */
export type WorkEffect = {
  readonly customersInterrupted: number
  readonly customerMinutes: number
  readonly sets: readonly {
    readonly from: EpochMs
    readonly until: EpochMs
    readonly customers: number
    readonly feeders: readonly string[]
  }[]
  readonly groups: readonly number[]
  readonly feeders: readonly string[]
  /** What the system's indices of the year rise by; null without customers. */
  readonly indices: { readonly saifi: number; readonly saidiMin: number } | null
  readonly priorityPoints: readonly {
    readonly servicePoint: string
    readonly priority: Priority
    readonly minutes: number
  }[]
  readonly conflicts: readonly Conflict[]
  readonly limitsPassed: SwitchingEffect['limitsPassed']
  readonly parallels: SwitchingEffect['parallels']
  readonly unitsPassed: SwitchingEffect['unitsPassed']
  readonly loadsKnown: boolean
  readonly loadsBasis: LoadsBasis | null
  readonly notice: NoticeStanding
  readonly repeated: { readonly points: number; readonly customers: number; readonly most: number }
  /** Null where it is not known who can be reached. */
  readonly unreachable: { readonly count: number; readonly servicePoints: readonly string[] } | null
  readonly alternatives: readonly Alternative[]
  readonly unknownSwitches: readonly string[]
  readonly unknownAssets: readonly string[]
}

/** Everything a planner should see before a work is approved. Pure: the same question gives the same answer. */
export function effectOfWork(input: EffectInput): WorkEffect {
  const { network, state, work, tables } = input
  const { sets, unknown } = interruptionsOf(state, work)
  const minutes = minutesByGroup(sets)
  const groups = [...minutes.keys()].sort((a, b) => a - b)
  const customers = (list: Iterable<number>) => {
    let sum = 0
    for (const group of list) sum += at(network.groupCustomers, group)
    return sum
  }
  const others = input.others.map((other) => ({ work: other, ...interruptionsOf(state, other) }))
  const conflicts = conflictsOf({ ...input, sets, others })
  const points = pointsOut(input, minutes)
  const repeatedGroups = groups.filter(
    (group) => (input.interruptedBefore.get(group) ?? 0) >= REPEATED_RULE.times,
  )
  const branches = new Set(network.branchIds)
  return {
    customersInterrupted: customers(groups),
    customerMinutes: customerMinutes(network, sets),
    sets: sets.map((set) => ({
      from: set.from,
      until: set.until,
      customers: customers(set.groups),
      feeders: feedersOf(network, set.groups),
    })),
    groups,
    feeders: feedersOf(network, groups),
    indices: indicesMoved(network, sets),
    priorityPoints: points.priority,
    conflicts,
    limitsPassed: input.loads?.switching.limitsPassed ?? [],
    parallels: input.loads?.switching.parallels ?? [],
    unitsPassed: input.loads?.switching.unitsPassed ?? [],
    loadsKnown: input.loads !== null,
    loadsBasis: input.loads?.basis ?? null,
    notice: noticeStanding(work, work.announcedAt ?? input.now, input.promise),
    repeated: {
      points: new Set(repeatedGroups.map((group) => at(network.groupLoadPoint, group))).size,
      customers: customers(repeatedGroups),
      most: groups.reduce(
        (most, group) => Math.max(most, input.interruptedBefore.get(group) ?? 0),
        0,
      ),
    },
    unreachable:
      points.unreachable === null
        ? null
        : {
            count: points.unreachable.length,
            servicePoints: points.unreachable.slice(0, LISTED_MAX),
          },
    alternatives: alternativesFor({ ...input, sets, others, conflicts }),
    unknownSwitches: unknown,
    unknownAssets: work.assets.filter(
      (asset) => !branches.has(asset) && !tables.nodes.some((node) => node.id === asset),
    ),
  }
}

function indicesMoved(network: Network, sets: readonly PlannedSet[]): WorkEffect['indices'] {
  const served = network.groupCustomers.reduce((sum, customers) => sum + customers, 0)
  if (served === 0) return null
  let [interruptions, minutes] = [0, 0]
  for (const set of sets) {
    const lastsMin = (set.until - set.from) / MS_PER_MIN
    if (lastsMin <= SUSTAINED_ABOVE_MIN) continue
    for (const group of set.groups) {
      interruptions += at(network.groupCustomers, group)
      minutes += at(network.groupCustomers, group) * lastsMin
    }
  }
  return { saifi: interruptions / served, saidiMin: minutes / served }
}

function pointsOut({ tables, network, reachable }: EffectInput, minutes: Map<number, number>) {
  const priority: { servicePoint: string; priority: Priority; minutes: number }[] = []
  const unreachable: string[] = []
  if (minutes.size > 0) {
    tables.servicePoints.forEach((row, i) => {
      const out = minutes.get(at(network.servicePointGroup, i))
      if (out === undefined) return
      if (row.priority !== null) {
        priority.push({ servicePoint: row.id, priority: row.priority, minutes: out })
      }
      if (reachable !== null && !reachable.has(row.id)) unreachable.push(row.id)
    })
  }
  // Life support first: somebody has to ring them up.
  priority.sort(
    (a, b) => b.priority.localeCompare(a.priority) || a.servicePoint.localeCompare(b.servicePoint),
  )
  return { priority, unreachable: reachable === null ? null : unreachable }
}
