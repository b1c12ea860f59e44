import type { GroupCode, InterruptionSet } from '../ledger/facts.ts'
import { MS_PER_MIN, type EpochMs } from '../time.ts'
import { crewAndCause, customerData } from './data.ts'
import { etrAtFirst, etrNews, etrNewsDue } from './etr-news.ts'
import type { Draft, NoticeKind } from './notice.ts'
import type { Moment, OutageStanding } from './standing.ts'
import { crewTold, shownEtr, type Circle, type ShownEtr } from './told.ts'
import type { Sentence } from './words.ts'

/** Of news that is neither safety nor restoration a customer gets at most this many within the window; then the newest, later. */
export const BUDGET_NOTICES = 3
export const BUDGET_WINDOW_MIN = 30
/**
 * In a storm the next comes after the window, and after this share of the time that it had lasted at the last: often at first, then less.
 * Only that an estimate was missed is owned up to a window later: by then there often is a new one, or supply.
 */
export const STORM_NEWS_SHARE = 0.5

/** Times are told to the minute: a correction smaller than that is none to them. */
export const CORRECTED_AFTER_MIN = 1

export type Interval = Pick<InterruptionSet, 'from' | 'until'>

export const differs = (a: EpochMs, b: EpochMs): boolean =>
  Math.abs(a - b) >= CORRECTED_AFTER_MIN * MS_PER_MIN

/** Writes the drafts, one for each set of customers who hear the same, and says what they were told. */
export class Letters {
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
    const etr = etrAtFirst(this.shown, this.moment.at, this.standing.storm)
    const circle: Circle = {
      members,
      lostAt,
      backAt: null,
      etr: etr.told,
      crew: this.crew(),
      sentAt: [],
      ...this.storm(),
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
    // Theirs is back, whatever becomes of the others: `partlyRestored` is what staff and the public hear of the outage.
    this.write('supplyRestored', after, [...says, { say: 'customer.stillDark' }])
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
    const storm = circle.storm === true
    const etr = etrNews(circle.etr, this.shown, at, circle.lostAt, storm)
    const crew = this.crew()
    const crewNews = crew !== circle.crew && crew !== 'none' && this.standing.crew !== null
    if (etr === null && !crewNews) return this.dueFor(circle)

    const budget = storm ? stormBudget(circle, this.shown, at) : budgetOf(circle.sentAt, at)
    if (budget.fullUntil !== null) {
      this.due = Math.min(this.due, budget.fullUntil)
      return circle
    }
    const after: Circle = {
      ...circle,
      etr: etr?.told ?? circle.etr,
      crew: crewNews ? crew : circle.crew,
      sentAt: [...budget.sentAt, at],
      ...this.storm(),
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
    const etr = etrAtFirst(this.shown, this.moment.at, this.standing.storm)
    const after: Circle = { ...circle, etr: etr.told, crew: this.crew() }
    this.write('outageCorrected', after, [...sentences, ...etr.sentences, ...this.crewAndCause()])
    return this.dueFor(after)
  }

  private dueFor(circle: Circle): Circle {
    this.due = Math.min(this.due, etrNewsDue(circle.etr, circle.storm) ?? Infinity)
    return circle
  }

  /** A storm to whom it is told: by its declaration, or since so much is out that a machine's estimate says so. */
  private storm(): { storm?: true } {
    const { standing, shown } = this
    const isStorm = standing.storm || (shown.etr === 'given' && shown.value.source === 'storm')
    return isStorm ? { storm: true } : {}
  }

  private crew() {
    return crewTold(this.standing.crew?.state ?? null)
  }

  private crewAndCause(): Sentence[] {
    return crewAndCause(this.standing)
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

/** What still counts of what was sent, and until when nothing more is; null: not full. */
type Budget = { readonly sentAt: readonly EpochMs[]; readonly fullUntil: EpochMs | null }

export function budgetOf(sent: readonly EpochMs[], at: EpochMs): Budget {
  const windowMs = BUDGET_WINDOW_MIN * MS_PER_MIN
  const sentAt = sent.filter((one) => one > at - windowMs)
  const [oldest] = sentAt
  const isFull = oldest !== undefined && sentAt.length >= BUDGET_NOTICES
  return { sentAt, fullUntil: isFull ? oldest + windowMs : null }
}

function stormBudget({ sentAt, lostAt, etr }: Circle, shown: ShownEtr, at: EpochMs): Budget {
  const last = sentAt.at(-1)
  if (last === undefined) return { sentAt: [], fullUntil: null }
  const windowMs = BUDGET_WINDOW_MIN * MS_PER_MIN
  const passed = etrNewsDue(etr, true)
  const isMissed = passed !== null && passed <= at
  const restMs = isMissed ? windowMs : Math.max(windowMs, (last - lostAt) * STORM_NEWS_SHARE)
  const nextAt = Math.max(last + restMs, isMissed && shown.etr === 'passed' ? passed + windowMs : 0)
  return { sentAt: [last], fullUntil: at < nextAt ? nextAt : null }
}
