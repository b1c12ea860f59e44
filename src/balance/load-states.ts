import { MS_PER_MIN, type EpochMs } from '../time.ts'
import { apparentKva } from './capacity.ts'

/** How long a load rate must lie in its band before it is said aloud. Rates are fractions of the rating: 0.8 is 80 %. */
export type LoadRules = {
  readonly name: string
  readonly heavy: LevelRule & { readonly continueMin: number | null }
  readonly overload: LevelRule
  /** The higher the load, the shorter it may last. */
  readonly longOverload: readonly LevelRule[]
  /** Two samples further apart than this say nothing about the time between them. */
  readonly gapMin: number
  /** A state that began ends only this far below its level, so that a load on the edge does not flutter. */
  readonly hysteresis: number
}
type LevelRule = { readonly above: number; readonly confirmMin: number }

/**
 * A China Southern Grid style stream job: 15-minute samples; heavy is above 80 % up to 100 %, overload above 100 %, both after 30
 * minutes; a heavy state that follows an overload goes on after 15; 20 minutes without a sample break a run.
 */
export const TRANSFORMER_RULES: LoadRules = {
  name: 'distribution transformer, 30 min',
  heavy: { above: 0.8, confirmMin: 30, continueMin: 15 },
  overload: { above: 1, confirmMin: 30 },
  longOverload: [
    { above: 1.2, confirmMin: 480 },
    { above: 1.3, confirmMin: 240 },
    { above: 1.5, confirmMin: 120 },
    { above: 1.6, confirmMin: 60 },
    { above: 1.8, confirmMin: 30 },
  ],
  gapMin: 20,
  hysteresis: 0,
}

/** The wording of State Grid reports: above 80 %, above 100 %, for at least two hours. */
export const TWO_HOUR_RULES: LoadRules = {
  ...TRANSFORMER_RULES,
  name: 'two hours',
  heavy: { above: 0.8, confirmMin: 120, continueMin: null },
  overload: { above: 1, confirmMin: 120 },
  longOverload: [],
}

/** For alarms: the same, but a state ends two points below its level. */
export const ALARM_RULES: LoadRules = { ...TRANSFORMER_RULES, hysteresis: 0.02 }

export type LoadSample = {
  readonly at: EpochMs
  /** Load over rating. */
  readonly rate: number
}

export type LoadStateKind = 'heavy' | 'overload' | 'longOverload'

/** A load that lay in its band for long enough. `[from, until)`, crossings of the level by linear interpolation. */
export type LoadEpisode = {
  readonly kind: LoadStateKind
  readonly from: EpochMs
  /** The instant from which it counts: `from` and the time of the rule. */
  readonly confirmedAt: EpochMs
  /** Null while it lasts. */
  readonly until: EpochMs | null
  readonly peakRate: number
  /** In words: `> 0.8 for 30 min`. */
  readonly rule: string
}

/**
 * The confirmed states in samples that are ordered by time, each time once. A function of the samples alone: late ones, put in their
 * place, give what they would have given in time. A run that reaches the last sample lasts on while `asOf` is within the gap.
 */
export function loadEpisodes(
  samples: readonly LoadSample[],
  { rules, asOf }: { rules: LoadRules; asOf: EpochMs },
): LoadEpisode[] {
  const overloads = runsAbove(samples, rules.overload.above, rules, asOf)
  const heavies = subtract(runsAbove(samples, rules.heavy.above, rules, asOf), overloads)
  const overloadEnds = new Set(overloads.map((run) => run.until))
  const found: LoadEpisode[] = []
  for (const run of heavies) {
    const goesOn = rules.heavy.continueMin !== null && overloadEnds.has(run.from)
    const confirmMin = goesOn ? (rules.heavy.continueMin ?? 0) : rules.heavy.confirmMin
    confirm(found, 'heavy', run, { above: rules.heavy.above, confirmMin }, samples)
  }
  for (const run of overloads) confirm(found, 'overload', run, rules.overload, samples)
  for (const rule of rules.longOverload) {
    for (const run of runsAbove(samples, rule.above, rules, asOf)) {
      confirm(found, 'longOverload', run, rule, samples)
    }
  }
  return found.sort((a, b) => a.from - b.from || a.kind.localeCompare(b.kind))
}

/** `lastAt`: up to here it is known to have lasted. */
type Run = { from: EpochMs; until: EpochMs | null; lastAt: EpochMs }

/** Maximal runs above a level; once above, a rate holds on down to the level less the hysteresis. */
function runsAbove(
  samples: readonly LoadSample[],
  above: number,
  { gapMin, hysteresis }: LoadRules,
  asOf: EpochMs,
): Run[] {
  const runs: Run[] = []
  const endLevel = above - hysteresis
  let open: Run | null = null
  let last: LoadSample | null = null
  for (const sample of samples) {
    const near: LoadSample | null =
      last !== null && sample.at - last.at <= gapMin * MS_PER_MIN ? last : null
    if (open !== null && near === null) {
      open.until = open.lastAt
      open = null
    }
    if (open === null && sample.rate > above) {
      const from = near === null ? sample.at : crossing(near, sample, above)
      open = { from, until: null, lastAt: sample.at }
      runs.push(open)
    } else if (open !== null && sample.rate > endLevel) {
      open.lastAt = sample.at
    } else if (open !== null && near !== null) {
      open.until = crossing(near, sample, endLevel)
      open.lastAt = open.until
      open = null
    }
    last = sample
  }
  if (open !== null && asOf - open.lastAt > gapMin * MS_PER_MIN) open.until = open.lastAt
  return runs
}

/** When the straight line between two samples passes a level. */
function crossing(before: LoadSample, after: LoadSample, level: number): EpochMs {
  const share = (level - before.rate) / (after.rate - before.rate)
  return before.at + Math.round(share * (after.at - before.at))
}

/** The parts of `runs` outside of `holes`, which all lie inside of them. */
function subtract(runs: readonly Run[], holes: readonly Run[]): Run[] {
  const left: Run[] = []
  for (const run of runs) {
    let from: EpochMs | null = run.from
    for (const hole of holes) {
      if (from === null || hole.from < from) continue
      if (hole.from > (run.until ?? run.lastAt)) break
      if (hole.from > from) left.push({ from, until: hole.from, lastAt: hole.from })
      from = hole.until
    }
    if (from !== null && (run.until === null || from < run.until)) {
      left.push({ from, until: run.until, lastAt: Math.max(from, run.lastAt) })
    }
  }
  return left
}

function confirm(
  found: LoadEpisode[],
  kind: LoadStateKind,
  run: Run,
  { above, confirmMin }: LevelRule,
  samples: readonly LoadSample[],
): void {
  const confirmedAt = run.from + confirmMin * MS_PER_MIN
  if ((run.until ?? run.lastAt) < confirmedAt) return
  let peakRate = above
  for (const { at, rate } of samples) {
    if (at >= run.from && at <= (run.until ?? run.lastAt)) peakRate = Math.max(peakRate, rate)
  }
  const rule = `> ${above} for ${confirmMin} min`
  found.push({ kind, from: run.from, confirmedAt, until: run.until, peakRate, rule })
}

/** Assumed where a reading says no kvar. */
export const POWER_FACTOR_ASSUMED = 0.95

/** Load over rating of a quarter of an hour: S from the totals or from the phases, the larger of the two. */
export function rateOf(
  quarter: {
    readonly meanKw: number
    readonly meanKvar: number | null
    readonly meanA: readonly [number, number, number] | null
    readonly meanKv: number | null
  },
  ratedKva: number,
): number {
  const kva = apparentKva({
    kw: quarter.meanKw,
    kvar: quarter.meanKvar,
    powerFactor: POWER_FACTOR_ASSUMED,
    amps: quarter.meanA,
    kv: quarter.meanKv,
  })
  return (kva ?? 0) / ratedKva
}
