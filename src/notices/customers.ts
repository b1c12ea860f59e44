import type { GroupCode, InterruptionSet } from '../ledger/facts.ts'
import { MS_PER_MIN, MS_PER_S, type EpochMs } from '../time.ts'
import { etrAtFirst, etrNews, etrNewsDue } from './etr-news.ts'
import { customerData, crewSentence } from './data.ts'
import type { Draft, NoticeKind } from './notice.ts'
import type { Moment, OutageStanding, Telling } from './standing.ts'
import { crewTold, shownEtr, type Circle, type Pending, type ShownEtr, type Told } from './told.ts'
import { causeSentence, type Sentence } from './words.ts'

/** Of news that is neither safety nor restoration a customer gets at most this many within the window; then the newest, later. */
export const BUDGET_NOTICES = 3
export const BUDGET_WINDOW_MIN = 30

/** Times are told to the minute: a correction smaller than that is none to them. */
export const CORRECTED_AFTER_MIN = 1

type Interval = Pick<InterruptionSet, 'from' | 'until'>
type Supply = { readonly intervals: Interval[]; last: Interval }
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

/** Writes the drafts, one for each set of customers who hear the same, and says what they were told. */
class Letters {
  readonly drafts: Draft[] = []
  /** When time alone makes news for someone. */
  due: EpochMs = Infinity
  readonly moment: Moment
  private readonly standing: OutageStanding
  private readonly shown: ShownEtr

  constructor(standing: OutageStanding, moment: Moment) {
    this.standing = standing
    this.moment = moment
    this.shown = shownEtr(standing.etr, moment.at)
  }

  lost(members: readonly GroupCode[], lostAt: EpochMs, again: boolean): Circle {
    const { facts, planned } = this.standing
    const say = again
      ? 'customer.lostAgain'
      : planned
        ? 'customer.lostPlanned'
        : facts.startUncertain
          ? 'customer.lostUncertain'
          : 'customer.lost'
    const etr = etrAtFirst(this.shown, this.moment.at)
    const circle: Circle = {
      members,
      lostAt,
      backAt: null,
      etr: etr.told,
      crew: this.crew(),
      sentAt: [],
    }
    this.write('supplyLost', circle, [
      { say, with: { since: { minute: lostAt } } },
      ...etr.sentences,
      ...this.crewAndCause(),
    ])
    return this.dueFor(circle)
  }

  back(circle: Circle, interval: Interval): Circle {
    const partly = this.standing.facts.customersOut > 0
    const backAt = interval.until ?? this.moment.at
    const back = { minute: backAt }
    const says: Sentence[] = [
      partly
        ? { say: 'customer.backArea', with: { back } }
        : { say: 'customer.back', with: { back } },
    ]
    if (differs(interval.from, circle.lostAt))
      says.push({ say: 'customer.times', with: { lost: { minute: interval.from }, back } })
    const after: Circle = {
      ...circle,
      lostAt: interval.from,
      backAt,
      etr: { etr: 'none' },
      crew: 'none',
      sentAt: [],
    }
    this.write(partly ? 'partlyRestored' : 'supplyRestored', after, [
      ...says,
      { say: 'customer.stillDark' },
    ])
    return after
  }

  neverOut(circle: Circle): void {
    const says: Sentence = {
      say: 'customer.neverOut',
      with: { lost: { minute: circle.lostAt } },
    }
    this.write('outageCorrected', circle, [says], false)
  }

  notBack(circle: Circle, lostAt: EpochMs, backAt: EpochMs): Circle {
    return this.corrected({ ...circle, lostAt, backAt: null }, [
      { say: 'customer.notBack', with: { back: { minute: backAt } } },
    ])
  }

  otherStart(circle: Circle, lostAt: EpochMs): Circle {
    return this.corrected({ ...circle, lostAt }, [
      {
        say: 'customer.since',
        with: { since: { minute: lostAt }, was: { minute: circle.lostAt } },
      },
    ])
  }

  otherTimes(circle: Circle, interval: Interval): Circle {
    const backAt = interval.until ?? circle.backAt ?? interval.from
    const after: Circle = { ...circle, lostAt: interval.from, backAt }
    this.write('outageCorrected', after, [
      {
        say: 'customer.times',
        with: { lost: { minute: interval.from }, back: { minute: backAt } },
      },
    ])
    return after
  }

  /** Still out: the estimate and the crew, if there is news and the budget allows. */
  news(circle: Circle): Circle {
    const { at } = this.moment
    const etr = etrNews(circle.etr, this.shown, at)
    const crew = this.crew()
    const crewNews = crew !== circle.crew && crew !== 'none' && this.standing.crew !== null
    if (etr === null && !crewNews) return this.dueFor(circle)

    const windowMs = BUDGET_WINDOW_MIN * MS_PER_MIN
    const sentAt = circle.sentAt.filter((sent) => sent > at - windowMs)
    const oldest = sentAt[0]
    if (oldest !== undefined && sentAt.length >= BUDGET_NOTICES) {
      this.due = Math.min(this.due, oldest + windowMs)
      return circle
    }
    const after: Circle = {
      ...circle,
      etr: etr?.told ?? circle.etr,
      crew: crewNews ? crew : circle.crew,
      sentAt: [...sentAt, at],
    }
    const crewSays = this.crewAndCause()
    this.write(
      etr === null ? 'crewChanged' : 'etrChanged',
      after,
      etr === null
        ? [{ say: 'customer.stillOut' }, ...crewSays]
        : [{ say: 'customer.stillOut' }, ...etr.sentences, ...(crewNews ? crewSays : [])],
    )
    return this.dueFor(after)
  }

  /** Out as before, but what they were told of it was wrong; they hear the estimate with it. */
  private corrected(circle: Circle, sentences: readonly Sentence[]): Circle {
    const etr = etrAtFirst(this.shown, this.moment.at)
    const after: Circle = { ...circle, etr: etr.told, crew: this.crew() }
    this.write('outageCorrected', after, [...sentences, ...etr.sentences, ...this.crewAndCause()])
    return this.dueFor(after)
  }

  private dueFor(circle: Circle): Circle {
    this.due = Math.min(this.due, etrNewsDue(circle.etr) ?? Infinity)
    return circle
  }

  private crew() {
    return crewTold(this.standing.crew?.state ?? null)
  }

  private crewAndCause(): Sentence[] {
    const cause = causeSentence(this.standing.cause)
    const crew = crewSentence(this.standing.crew)
    return [
      ...(crew === null ? [] : [crew]),
      ...(cause === null ? [] : [{ say: 'cause.is' as const, with: { cause } }]),
    ]
  }

  private write(
    kind: NoticeKind,
    circle: Circle,
    sentences: readonly Sentence[],
    out = circle.backAt === null,
  ): void {
    this.drafts.push({
      at: this.moment.at,
      audience: 'customer',
      kind,
      outage: this.standing.facts.id,
      feeders: [],
      members: [...circle.members].sort((a, b) => a - b),
      data: customerData(
        kind,
        this.standing,
        circle,
        out ? this.shown : null,
        sentences,
        this.moment,
      ),
    })
  }
}

function supplyByGroup({ facts }: OutageStanding): Map<GroupCode, Supply> {
  const supplies = new Map<GroupCode, Supply>()
  for (const set of facts.sets) {
    for (const group of set.members) {
      const supply = supplies.get(group)
      if (supply === undefined) supplies.set(group, { intervals: [set], last: set })
      else {
        supply.intervals.push(set)
        if (set.from > supply.last.from) supply.last = set
      }
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

const differs = (a: EpochMs, b: EpochMs): boolean =>
  Math.abs(a - b) >= CORRECTED_AFTER_MIN * MS_PER_MIN

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
  const flat = (pending: readonly Pending[]) =>
    JSON.stringify([...pending].sort((x, y) => x.since - y.since))
  return a.length === b.length && flat(a) === flat(b)
}

function listOf<K, V>(map: Map<K, V[]>, key: K): V[] {
  let list = map.get(key)
  if (list === undefined) map.set(key, (list = []))
  return list
}
