import type { GroupCode } from '../ledger/facts.ts'
import { MS_PER_S, type EpochMs } from '../time.ts'
import { differs, Letters, type Interval } from './letters.ts'
import type { Moment, OutageStanding, Telling } from './standing.ts'
import type { Circle, Pending, Told } from './told.ts'

type Supply = { readonly intervals: readonly Interval[]; readonly last: Interval }
type CustomerTold = Pick<Told, 'pending' | 'circles'>

/**
 * Brings every customer from what they were told to what is so, in as few words as the rules allow. `announced`: someone believes
 * themselves out, so that the public may hear of it too; `held`: someone waits for their hold.
 */
export function tellCustomers(
  standing: OutageStanding,
  moment: Moment,
): Telling<CustomerTold> & { readonly announced: boolean; readonly held: boolean } {
  const { told } = standing
  if (isOfNoCustomer(standing)) {
    const { pending, circles } = told
    return { drafts: [], told: { pending, circles }, due: Infinity, announced: false, held: false }
  }
  const supplies = supplyByGroup(standing)
  const letters = new Letters(standing, moment)

  const kept: Circle[] = []
  for (const circle of told.circles) {
    kept.push(
      ...(circle.backAt === null
        ? tellThoseOut(circle, supplies, letters)
        : tellThoseBack(circle, circle.backAt, supplies, letters)),
    )
  }
  const { pending, circles } = tellNewlyLost(kept, supplies, standing, letters)

  const changed = letters.drafts.length > 0 || !samePending(pending, told.pending)
  const after: CustomerTold = changed
    ? {
        pending: samePending(pending, told.pending) ? told.pending : pending,
        circles: letters.drafts.length > 0 ? merged(circles) : told.circles,
      }
    : { pending: told.pending, circles: told.circles }
  return {
    drafts: letters.drafts,
    told: after,
    due: Math.min(holdDue(after.pending, standing, moment), letters.due),
    announced: after.circles.some((circle) => circle.backAt === null),
    held: after.pending.length > 0,
  }
}

/** Nobody was told, nobody waits to be told, and nobody is out: a loss that was over before we heard of it. */
const isOfNoCustomer = ({ facts, told }: OutageStanding): boolean =>
  told.circles.length === 0 &&
  told.pending.length === 0 &&
  facts.sets.every(({ until }) => until !== null)

/** They believe themselves out. */
function tellThoseOut(
  circle: Circle,
  supplies: ReadonlyMap<GroupCode, Supply>,
  letters: Letters,
): Circle[] {
  const never: GroupCode[] = []
  const still: GroupCode[] = []
  const otherStart = new Map<EpochMs, GroupCode[]>()
  const back = new Map<Interval, GroupCode[]>()
  for (const group of circle.members) {
    const last = supplies.get(group)?.last
    if (last === undefined || (last.until !== null && last.until < circle.lostAt)) never.push(group)
    else if (last.until !== null) listOf(back, last).push(group)
    else if (differs(last.from, circle.lostAt)) listOf(otherStart, last.from).push(group)
    else still.push(group)
  }
  const circles: Circle[] = []
  if (never.length > 0) letters.neverOut({ ...circle, members: never })
  for (const [lostAt, members] of otherStart)
    circles.push(letters.otherStart({ ...circle, members }, lostAt))
  for (const { interval, members } of sameEnds(back))
    circles.push(letters.back({ ...circle, members }, interval))
  if (still.length > 0) circles.push(letters.news({ ...circle, members: still }))
  return circles
}

/** They were told that they have supply again. */
function tellThoseBack(
  circle: Circle,
  backAt: EpochMs,
  supplies: ReadonlyMap<GroupCode, Supply>,
  letters: Letters,
): Circle[] {
  const never: GroupCode[] = []
  const right: GroupCode[] = []
  const stillOut = new Map<EpochMs, GroupCode[]>()
  const otherTimes = new Map<Interval, GroupCode[]>()
  for (const group of circle.members) {
    const meant = intervalMeant(supplies.get(group)?.intervals ?? [], circle.lostAt, backAt)
    if (meant === null) never.push(group)
    else if (meant.until === null) listOf(stillOut, meant.from).push(group)
    else if (differs(meant.until, backAt) || differs(meant.from, circle.lostAt)) {
      listOf(otherTimes, meant).push(group)
    } else right.push(group)
  }
  const circles: Circle[] = []
  if (never.length > 0) letters.neverOut({ ...circle, members: never })
  for (const [lostAt, members] of stillOut)
    circles.push(letters.notBack({ ...circle, members }, lostAt, backAt))
  for (const { interval, members } of sameEnds(otherTimes))
    circles.push(letters.otherTimes({ ...circle, members }, interval))
  if (right.length > 0) circles.push({ ...circle, members: right })
  return circles
}

/** Out and not told: after the hold, or at once when protection has given up. */
function tellNewlyLost(
  circles: readonly Circle[],
  supplies: ReadonlyMap<GroupCode, Supply>,
  standing: OutageStanding,
  letters: Letters,
): { pending: Pending[]; circles: Circle[] } {
  const { at, settings } = letters.moment
  const toldOut = new Set<GroupCode>()
  const toldBack = new Map<GroupCode, Circle>()
  for (const circle of circles) {
    for (const group of circle.members) {
      if (circle.backAt === null) toldOut.add(group)
      else toldBack.set(group, circle)
    }
  }
  const since = new Map<GroupCode, EpochMs>()
  for (const one of standing.told.pending)
    for (const group of one.members) since.set(group, one.since)

  const waiting = new Map<EpochMs, GroupCode[]>()
  const first = new Map<EpochMs, GroupCode[]>()
  const again = new Map<EpochMs, GroupCode[]>()
  for (const [group, { last }] of supplies) {
    if (last.until !== null || toldOut.has(group)) continue
    const knownSince = since.get(group) ?? at
    const held = at < knownSince + settings.noticeHoldS * MS_PER_S && !standing.facts.lockedOut
    if (held) listOf(waiting, knownSince).push(group)
    else listOf(toldBack.has(group) ? again : first, last.from).push(group)
  }
  const stayBack =
    again.size === 0 ? [...circles] : without(circles, new Set([...again.values()].flat()))
  return {
    pending: [...waiting].map(([sinceAt, members]) => ({ members, since: sinceAt })),
    circles: [
      ...stayBack,
      ...[...first].map(([lostAt, members]) => letters.lost(members, lostAt, false)),
      ...[...again].map(([lostAt, members]) => letters.lost(members, lostAt, true)),
    ],
  }
}

/** Groups with the same history share one list: cost goes with the number of sets, not of groups. */
function supplyByGroup({ facts }: OutageStanding): Map<GroupCode, Supply> {
  const supplies = new Map<GroupCode, Supply>()
  for (const set of [...facts.sets].sort((a, b) => a.from - b.from)) {
    const alone: Supply = { intervals: [set], last: set }
    const longer = new Map<Supply, Supply>()
    for (const group of set.members) {
      const before = supplies.get(group)
      let supply = before === undefined ? alone : longer.get(before)
      if (supply === undefined) {
        supply = { intervals: [...(before?.intervals ?? []), set], last: set }
        if (before !== undefined) longer.set(before, supply)
      }
      supplies.set(group, supply)
    }
  }
  return supplies
}

/** Sets of several feeders that began and ended together are one to customers. */
function sameEnds(
  back: ReadonlyMap<Interval, GroupCode[]>,
): { interval: Interval; members: GroupCode[] }[] {
  const same = new Map<string, { interval: Interval; members: GroupCode[] }>()
  for (const [interval, members] of back) {
    const key = `${interval.from} ${interval.until}`
    const known = same.get(key)
    if (known === undefined) same.set(key, { interval, members: [...members] })
    else known.members.push(...members)
  }
  return [...same.values()]
}

/** The interval that a customer was told of, as the facts have it now: the one that shares most time with it; null: none does. */
function intervalMeant(
  intervals: readonly Interval[],
  lostAt: EpochMs,
  backAt: EpochMs,
): Interval | null {
  let best: Interval | null = null
  let bestMs = -1
  for (const interval of intervals) {
    const sharedMs = Math.min(interval.until ?? Infinity, backAt) - Math.max(interval.from, lostAt)
    if (sharedMs > bestMs) {
      best = interval
      bestMs = sharedMs
    }
  }
  return bestMs >= 0 ? best : null
}

function holdDue(pending: readonly Pending[], standing: OutageStanding, moment: Moment): EpochMs {
  if (pending.length === 0 || standing.facts.lockedOut) return Infinity
  return Math.min(...pending.map((one) => one.since + moment.settings.noticeHoldS * MS_PER_S))
}

/** Those who were told the same stand in one circle again. */
function merged(circles: readonly Circle[]): Circle[] {
  const byContent = new Map<string, Circle[]>()
  for (const circle of circles) {
    const { members: _members, ...content } = circle
    listOf(byContent, JSON.stringify(content)).push(circle)
  }
  return [...byContent.values()].flatMap((same) => {
    const [first] = same
    return first === undefined ? [] : [{ ...first, members: same.flatMap((one) => one.members) }]
  })
}

function without(circles: readonly Circle[], gone: ReadonlySet<GroupCode>): Circle[] {
  return circles
    .map((circle) =>
      circle.backAt === null
        ? circle
        : { ...circle, members: circle.members.filter((group) => !gone.has(group)) },
    )
    .filter((circle) => circle.members.length > 0)
}

function samePending(a: readonly Pending[], b: readonly Pending[]): boolean {
  if (a.length !== b.length) return false
  const bySince = new Map(b.map((one) => [one.since, one.members]))
  return a.every(({ since, members }) => {
    const other = bySince.get(since)
    return other?.length === members.length && members.every((group, i) => group === other[i])
  })
}

function listOf<K, V>(map: Map<K, V[]>, key: K): V[] {
  let list = map.get(key)
  if (list === undefined) map.set(key, (list = []))
  return list
}
