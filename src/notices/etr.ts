import type { Etr, EtrSource } from '../ledger/acts.ts'
import { MS_PER_H, MS_PER_MIN, type EpochMs } from '../time.ts'
import { isByPerson } from './told.ts'

/** What of an outage is alike: known when it begins, and kept for those that are over. */
export type EtrTraits = {
  /** What opened: breaker, recloser, fuse…; null where a record does not say. */
  readonly deviceClass: string | null
  readonly cause: string | null
  readonly startedAt: EpochMs
  readonly customers: number
  /** Outages that were open in the same area when it began: how much there is for the crews to do. */
  readonly openOutages: number
}

/** An outage of the past; one that is still open says that it takes at least so long. */
export type PastOutage = EtrTraits & { readonly restoredAt: EpochMs | null }

export type FirstEstimate = {
  readonly etr: Etr
  /** What it rests on, for whoever asks; `cases` 0: on the published default alone. */
  readonly basis: { readonly cases: number; readonly alike: readonly string[] }
}

/** Without any history: half of all outages are over after two hours, 80 % take between half an hour and eight hours. */
export const DEFAULT_MEDIAN_MIN = 120
const DEFAULT_SIGMA = 1.08

/** How many outages of the wider kind weigh as much as one's own kind: little history leans on the wider, and stays wide. */
export const PRIOR_CASES = 12

/** What happened within the last hours corrects everything else: in a storm the crews of today decide, not those of last year. */
export const LATELY_H = 24

/** Only so many of the past are looked at, the newest. */
export const HISTORY_MAX = 5_000

/** A machine's estimate that has passed is "being reassessed" for so long; then, if no person has spoken, history is asked again. */
export const RENEWED_AFTER_MIN = 25

/** In a storm it is renewed before it passes: one word instead of two, and nobody is let down first. */
export const RENEWED_BEFORE_MIN = 2

/** When a machine's estimate is to be made anew if supply is not back; null for a person's, which no machine touches. */
export function renewalOf(etr: Etr): EpochMs | null {
  if (isByPerson(etr)) return null
  const afterMin = etr.source === 'storm' ? -RENEWED_BEFORE_MIN : RENEWED_AFTER_MIN
  return (etr.latest ?? etr.at) + afterMin * MS_PER_MIN
}

/** The same where it was asked for in vain, since nothing later was expected yet. */
export const renewalAgain = (etr: Etr): EpochMs =>
  (etr.latest ?? etr.at) + RENEWED_AFTER_MIN * MS_PER_MIN

/** Estimates are told to five minutes; more would be a precision that nobody has. */
const ROUND_TO_MIN = 5

// The 80 % band as its name says. Widened until a storm fits, it would only be told how well it fits that storm.
const EARLY = 0.1
const LIKELY = 0.5
const LATE = 0.9

/**
 * With so many outages open at once, crews are what everyone waits for, and a time that half of all miss is half of all let down: what is
 * told then is a time by which four of five are back.
 */
export const UPSET_OPEN = 100
const CAUTIOUS = 0.8

/**
 * The estimate that similar outages lead one to expect, given that this one has lasted until `at`. A product-limit estimate, so that
 * outages which are still open count for what they say; from the widest kind (all) to the narrowest (same device class, cause, hour and
 * load) each kind corrects the one before by as much as it has cases.
 */
export function firstEstimate(
  history: readonly PastOutage[],
  outage: EtrTraits,
  at: EpochMs,
  timeZone: string,
): FirstEstimate {
  const recent = history.slice(-HISTORY_MAX).filter((past) => past.startedAt < at)
  const traits = kindsOf(outage, timeZone)
  let hazard = defaultHazard()
  let cases = 0
  let alike: string[] = []
  let pool: readonly PastOutage[] = recent
  for (const kind of KINDS) {
    pool = pool.filter((past) => {
      const own = kindsOf(past, timeZone)
      return kind.every((trait) => own[trait] === traits[trait])
    })
    if (pool.length === 0) break
    hazard = corrected(hazard, pool, at, -Infinity)
    cases = pool.length
    alike = [...alike, ...kind]
  }
  hazard = corrected(hazard, recent, at, at - LATELY_H * MS_PER_H)
  const elapsedMin = Math.max(0, (at - outage.startedAt) / MS_PER_MIN)
  const when = (share: number) =>
    outage.startedAt + quantileMin(hazard, share, elapsedMin) * MS_PER_MIN
  const isUpset = openAt(recent, at) >= UPSET_OPEN
  const likely = roundedUp(when(isUpset ? CAUTIOUS : LIKELY), at)
  const early = Math.min(roundedUp(when(EARLY), at), likely)
  return {
    etr: {
      at: likely,
      earliest: early < likely ? early : null,
      latest: Math.max(roundedUp(when(LATE), at), likely),
      source: isUpset ? 'storm' : recent.length === 0 ? 'rule' : 'history',
      issuedAt: at,
    },
    basis: { cases, alike },
  }
}

const openAt = (past: readonly PastOutage[], at: EpochMs): number =>
  past.reduce((open, { restoredAt }) => open + (restoredAt === null || restoredAt > at ? 1 : 0), 0)

/** What is made of a new estimate: a person's is never overwritten by a machine, and a machine never promises earlier by itself. */
export function settleEtr(current: Etr | null, offered: Etr | null): Etr | null {
  if (current === null || (offered !== null && isByPerson(offered))) return offered
  if (isByPerson(current) || offered === null) return current
  return offered.at > current.at ? offered : current
}

export type EtrState = 'none' | 'valid' | 'expiring' | 'expired'

export function etrExpiry(etr: Etr | null, at: EpochMs, alarmMin: number): EtrState {
  if (etr === null) return 'none'
  if (etr.at <= at) return 'expired'
  return etr.at - at <= alarmMin * MS_PER_MIN ? 'expiring' : 'valid'
}

/** An estimate that was told, and when supply was back. */
export type JudgedEtr = { readonly etr: Etr; readonly restoredAt: EpochMs }

export type EtrScore = {
  readonly source: EtrSource
  readonly estimates: number
  /** Median of how far off, either way. */
  readonly medianErrorMin: number
  /** Mean of restored minus estimated: positive, we promised too early. */
  readonly meanLateMin: number
  /** Share restored later than estimated. */
  readonly lateShare: number
  /** Share more than a day off (the measure of the Arwen inquiry). */
  readonly dayOffShare: number
  /** Share restored within [earliest, latest], of those that had a range; null where none had. */
  readonly withinRangeShare: number | null
}

export function etrScoreboard(judged: readonly JudgedEtr[]): EtrScore[] {
  const sources = [...new Set(judged.map(({ etr }) => etr.source))].sort()
  return sources.map((source) => {
    const own = judged.filter(({ etr }) => etr.source === source)
    const lateMin = own.map(({ etr, restoredAt }) => (restoredAt - etr.at) / MS_PER_MIN)
    const errors = lateMin.map(Math.abs).sort((a, b) => a - b)
    const ranged = own.filter(({ etr }) => etr.latest !== null)
    const within = ranged.filter(
      ({ etr, restoredAt }) =>
        restoredAt <= (etr.latest ?? etr.at) && restoredAt >= (etr.earliest ?? etr.issuedAt),
    )
    const share = (list: readonly unknown[]) => list.length / own.length
    return {
      source,
      estimates: own.length,
      medianErrorMin: medianOf(errors),
      meanLateMin: lateMin.reduce((sum, one) => sum + one, 0) / own.length,
      lateShare: share(lateMin.filter((one) => one > 0)),
      dayOffShare: share(errors.filter((one) => one > (24 * MS_PER_H) / MS_PER_MIN)),
      withinRangeShare: ranged.length === 0 ? null : within.length / ranged.length,
    }
  })
}

type Trait = 'deviceClass' | 'cause' | 'hour' | 'load' | 'size'

/** From wide to narrow; each also keeps what the one before asked for. */
const KINDS: readonly (readonly Trait[])[] = [
  [],
  ['load'],
  ['deviceClass'],
  ['size'],
  ['cause'],
  ['hour'],
]

const TRAIT: Record<Trait, (outage: EtrTraits, timeZone: string) => string> = {
  deviceClass: (outage) => outage.deviceClass ?? '',
  cause: (outage) => outage.cause ?? '',
  hour: (outage, timeZone) => hourBand(outage.startedAt, timeZone),
  load: (outage) => band(outage.openOutages, [5, 25, 100, 400, 1000]),
  size: (outage) => band(outage.customers, [2, 20, 200, 2000]),
}

/** Asked again for every estimate, and the same each time: kept as long as the outage itself. A service has one time zone. */
const kinds = new WeakMap<EtrTraits, Record<Trait, string>>()

function kindsOf(outage: EtrTraits, timeZone: string): Record<Trait, string> {
  let own = kinds.get(outage)
  if (own === undefined) {
    own = {
      deviceClass: TRAIT.deviceClass(outage, timeZone),
      cause: TRAIT.cause(outage, timeZone),
      hour: TRAIT.hour(outage, timeZone),
      load: TRAIT.load(outage, timeZone),
      size: TRAIT.size(outage, timeZone),
    }
    kinds.set(outage, own)
  }
  return own
}

const band = (value: number, bounds: readonly number[]): string =>
  String(bounds.filter((bound) => value >= bound).length)

/** Night, day, evening. */
function hourBand(at: EpochMs, timeZone: string): string {
  const hour = Number(hours(timeZone).format(at))
  return hour < 6 || hour >= 22 ? 'night' : hour < 17 ? 'day' : 'evening'
}

const hourFormats = new Map<string, Intl.DateTimeFormat>()
function hours(timeZone: string): Intl.DateTimeFormat {
  let format = hourFormats.get(timeZone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', hourCycle: 'h23' })
    hourFormats.set(timeZone, format)
  }
  return format
}

// Durations fall into bins whose width grows with the duration: from two minutes to thirty days.
const BINS = 72
const FIRST_MIN = 2
const LAST_MIN = 30 * 24 * 60
const STEP = Math.log(LAST_MIN / FIRST_MIN) / (BINS - 1)
const binStartMin = (bin: number): number =>
  bin === 0 ? 0 : FIRST_MIN * Math.exp((bin - 1) * STEP)
const binOf = (minutes: number): number =>
  minutes < FIRST_MIN ? 0 : Math.min(BINS - 1, 1 + Math.floor(Math.log(minutes / FIRST_MIN) / STEP))

/** For each bin: the share of outages lasting until its start that end within it. */
type Hazard = Float64Array

function defaultHazard(): Hazard {
  const hazard = new Float64Array(BINS)
  for (let bin = 0; bin < BINS; bin += 1) {
    const before = 1 - lognormalShare(binStartMin(bin))
    const after = 1 - lognormalShare(binStartMin(bin + 1))
    hazard[bin] = before > 1e-12 ? (before - after) / before : 1
  }
  return hazard
}

function lognormalShare(minutes: number): number {
  if (minutes <= 0) return 0
  const z = Math.log(minutes / DEFAULT_MEDIAN_MIN) / DEFAULT_SIGMA
  // Logistic stand-in for the normal distribution function, right to 0.01.
  return 1 / (1 + Math.exp(-1.702 * z))
}

/**
 * Adds what the cases say to `PRIOR_CASES` imagined ones in every bin that follow the wider kind: as many in the last as in the first,
 * or one record that somebody forgot to close would rule all long durations. Only what was seen between `since` and `at` counts.
 */
function corrected(
  wider: Hazard,
  cases: readonly PastOutage[],
  at: EpochMs,
  since: EpochMs,
): Hazard {
  const entered = new Float64Array(BINS)
  const ended = new Float64Array(BINS)
  const left = new Float64Array(BINS)
  for (const { startedAt, restoredAt } of cases) {
    const isOver = restoredAt !== null && restoredAt <= at
    const seenUntil = isOver ? restoredAt : at
    if (seenUntil < since) continue
    const first = binOf(Math.max(0, since - startedAt) / MS_PER_MIN)
    const last = binOf((seenUntil - startedAt) / MS_PER_MIN)
    entered[first] = (entered[first] ?? 0) + 1
    const list = isOver ? ended : left
    list[last] = (list[last] ?? 0) + 1
  }
  const hazard = new Float64Array(BINS)
  let atRisk = 0
  for (let bin = 0; bin < BINS; bin += 1) {
    const wide = wider[bin] ?? 1
    const ends = ended[bin] ?? 0
    const gone = left[bin] ?? 0
    const come = entered[bin] ?? 0
    // Who comes or goes within a bin was watched for half of it; at the start all come at once.
    const watched = atRisk + (bin === 0 ? come : come / 2) - gone / 2
    hazard[bin] = Math.min(1, (ends + PRIOR_CASES * wide) / (watched + PRIOR_CASES))
    atRisk += come - ends - gone
  }
  return hazard
}

/** The duration that this share of the outages which have lasted `elapsedMin` do not exceed. */
function quantileMin(hazard: Hazard, share: number, elapsedMin: number): number {
  let survives = 1
  for (let bin = binOf(elapsedMin); bin < BINS; bin += 1) {
    const from = Math.max(binStartMin(bin), elapsedMin)
    const until = binStartMin(bin + 1)
    const whole = until - binStartMin(bin)
    const ends = 1 - (1 - Math.min(1, hazard[bin] ?? 1)) ** ((until - from) / whole)
    const after = survives * (1 - ends)
    if (1 - after >= share) {
      const part = (survives - (1 - share)) / Math.max(survives - after, 1e-12)
      return from + part * (until - from)
    }
    survives = after
  }
  return LAST_MIN
}

/** Up to the next five minutes, and never before the next ones. */
function roundedUp(instant: EpochMs, at: EpochMs): EpochMs {
  const step = ROUND_TO_MIN * MS_PER_MIN
  return Math.max(Math.ceil(instant / step), Math.floor(at / step) + 1) * step
}

function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}
