import { operate, type Energization } from '../grid/energization.ts'
import { at, NONE, type Network } from '../grid/network.ts'
import { MS_PER_MIN, type EpochMs } from '../time.ts'
import type { Work } from './work.ts'

/** Supply groups (indices of the network) that switching takes off and brings back together. */
export type PlannedSet = {
  readonly from: EpochMs
  readonly until: EpochMs
  readonly groups: readonly number[]
}

/** A step that names no switch of the network in force. */
export type UnknownSwitches = readonly string[]

/**
 * Who is without supply while the steps of a work hold, from the positions in `state`, which is switched through them and put back. A group is out while
 * any of its phases is dead. Steps after the end of the window do nothing; at its end every switch returns.
 */
export function interruptionsOf(
  state: Energization,
  work: Pick<Work, 'steps' | 'window'>,
): { sets: PlannedSet[]; unknown: UnknownSwitches } {
  const { network } = state
  const { from, until } = work.window
  const before = state.closed.slice()
  const unknown: string[] = []
  const touched: number[] = []
  const dead = new Map<number, { phases: number; since: EpochMs }>()
  const spells = new Map<number, { from: EpochMs; until: EpochMs }[]>()

  const turn = (device: number, closed: number, when: EpochMs) => {
    const { lost, regained } = operate(state, device, closed)
    for (const group of groupsOf(network, lost)) {
      const known = dead.get(group)
      if (known === undefined) dead.set(group, { phases: 1, since: when })
      else known.phases++
    }
    for (const group of groupsOf(network, regained)) {
      const known = dead.get(group)
      // What had no supply before the work began is none of its doing.
      if (known === undefined || --known.phases > 0) continue
      dead.delete(group)
      addSpell(spells, group, known.since, when)
    }
  }
  for (const step of [...work.steps].sort((a, b) => a.afterMin - b.afterMin)) {
    const device = network.switchIndex.get(step.switch)
    if (device === undefined) {
      unknown.push(step.switch)
      continue
    }
    const when = from + step.afterMin * MS_PER_MIN
    if (when >= until) continue
    touched.push(device)
    turn(device, step.position === 'closed' ? at(network.branchPhases, device) : 0, when)
  }
  // Back in reverse: the ties that were closed last open first, and nothing is fed from two sides.
  for (const device of touched.reverse()) turn(device, at(before, device), until)
  for (const [group, { since }] of dead) addSpell(spells, group, since, until)
  return { sets: setsOf(spells), unknown }
}

/** Groups of these sections, once for every section. */
function* groupsOf(network: Network, sections: readonly number[]): Generator<number> {
  for (const section of sections) {
    const until = at(network.sectionGroupStart, section + 1)
    for (let i = at(network.sectionGroupStart, section); i < until; i++) {
      yield at(network.sectionGroups, i)
    }
  }
}

/** A spell without length is none; one that begins as the last ends goes on. */
function addSpell(
  spells: Map<number, { from: EpochMs; until: EpochMs }[]>,
  group: number,
  from: EpochMs,
  until: EpochMs,
): void {
  if (from === until) return
  const known = spells.get(group)
  const last = known?.at(-1)
  if (known === undefined) spells.set(group, [{ from, until }])
  else if (last?.until === from) last.until = until
  else known.push({ from, until })
}

function setsOf(
  spells: ReadonlyMap<number, readonly { from: EpochMs; until: EpochMs }[]>,
): PlannedSet[] {
  const sets = new Map<string, { from: EpochMs; until: EpochMs; groups: number[] }>()
  for (const [group, list] of spells) {
    for (const { from, until } of list) {
      const key = `${from} ${until}`
      const set = sets.get(key)
      if (set === undefined) sets.set(key, { from, until, groups: [group] })
      else set.groups.push(group)
    }
  }
  return [...sets.values()].sort((a, b) => a.from - b.from || a.until - b.until)
}

/** Minutes that each group is out in all. */
export function minutesByGroup(sets: readonly PlannedSet[]): Map<number, number> {
  const minutes = new Map<number, number>()
  for (const { from, until, groups } of sets) {
    for (const group of groups) {
      minutes.set(group, (minutes.get(group) ?? 0) + (until - from) / MS_PER_MIN)
    }
  }
  return minutes
}

export function customerMinutes(network: Network, sets: readonly PlannedSet[]): number {
  let total = 0
  for (const [group, minutes] of minutesByGroup(sets)) {
    total += at(network.groupCustomers, group) * minutes
  }
  return total
}

/** Feeders (by normal positions) of these groups, by id. */
export function feedersOf(network: Network, groups: Iterable<number>): string[] {
  const found = new Set<string>()
  for (const group of groups) {
    const feeder = at(network.loadPointFeeder, at(network.groupLoadPoint, group))
    const row = feeder === NONE ? undefined : network.feeders[feeder]
    if (row !== undefined) found.add(row.id)
  }
  return [...found].sort()
}
