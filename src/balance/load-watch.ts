import { MS_PER_MIN, type EpochMs } from '../time.ts'
import type { LoadRules } from './load-states.ts'

/** What is watched at a point: how much it carries, how evenly over the phases, and which way the power flows. */
export const WATCH_KINDS = ['heavy', 'overload', 'longOverload', 'unbalance', 'reverse'] as const
export type WatchKind = (typeof WATCH_KINDS)[number]

/** (Imax − Imin) / Imax; with less than this share of its rating a transformer may be as uneven as it likes. */
export const UNBALANCE_RULE = { above: 0.25, confirmMin: 30, hysteresis: 0.03, loadMin: 0.2 }
/** −P over the rating. */
export const REVERSE_RULE = { above: 0.01, confirmMin: 30, hysteresis: 0.01 }

/** A quarter of an hour as it was known when it was judged. */
export type WatchSample = {
  readonly at: EpochMs
  /** Load over rating. */
  readonly rate: number
  /** 0 where it is not known or the load is too small to say. */
  readonly unbalance: number
  /** Power that flows back, over the rating; negative where it flows as it should. */
  readonly reverse: number
}

type Run = { readonly from: EpochMs; readonly peak: number; readonly confirmed: boolean }

/** What is remembered of a point between two quarters: its last sample and the runs above their levels. */
export type WatchState = {
  readonly last: WatchSample
  /** By level: see `levelsOf`. */
  readonly runs: Readonly<Record<string, Run>>
  /** The part of the heavy run outside of overloads; one that follows an overload is confirmed sooner. */
  readonly heavy: (Run & { readonly goesOn: boolean }) | null
}

export type Raised = {
  readonly kind: WatchKind
  /** When the level was crossed, by the line between two samples. */
  readonly from: EpochMs
  readonly confirmedAt: EpochMs
  readonly peak: number
  /** `> 0.8 for 30 min`. */
  readonly rule: string
}
export type Cleared = {
  readonly kind: WatchKind
  readonly from: EpochMs
  readonly until: EpochMs
  readonly peak: number
  /** below its level; above: a heavy load became an overload; silent: not measured any more; removed from the network. */
  readonly endedBy: 'below' | 'above' | 'silent' | 'removed'
}
export type Watched = {
  readonly state: WatchState
  readonly raised: readonly Raised[]
  readonly cleared: readonly Cleared[]
}

type Level = {
  readonly key: string
  readonly kind: WatchKind
  readonly value: (sample: WatchSample) => number
  readonly above: number
  readonly confirmMin: number
  readonly hysteresis: number
}

const rateLevel = (
  key: string,
  kind: WatchKind,
  rule: { above: number; confirmMin: number },
  hysteresis: number,
): Level => ({ key, kind, value: (sample) => sample.rate, ...rule, hysteresis })

const levelsKnown = new WeakMap<LoadRules, readonly Level[]>()
function levelsOf(rules: LoadRules): readonly Level[] {
  let levels = levelsKnown.get(rules)
  if (levels === undefined) {
    levels = [
      rateLevel('heavy', 'heavy', rules.heavy, rules.hysteresis),
      rateLevel('overload', 'overload', rules.overload, rules.hysteresis),
      ...rules.longOverload.map((rule) =>
        rateLevel(`> ${rule.above}`, 'longOverload', rule, rules.hysteresis),
      ),
      {
        key: 'unbalance',
        kind: 'unbalance',
        value: (sample) => sample.unbalance,
        ...UNBALANCE_RULE,
      },
      { key: 'reverse', kind: 'reverse', value: (sample) => sample.reverse, ...REVERSE_RULE },
    ]
    levelsKnown.set(rules, levels)
  }
  return levels
}

/** Nothing is remembered of a point but where it stood: what a restart knows of those without a run. */
export const calmAt = (last: WatchSample): WatchState => ({ last, runs: {}, heavy: null })

export const isCalm = (state: WatchState): boolean => Object.keys(state.runs).length === 0

/**
 * The next quarter of a point. Samples come in the order of time, each once; an earlier one changes nothing. What is raised and cleared are transitions
 * only, and agree with `loadEpisodes` over the same samples.
 */
export function watchNext(
  before: WatchState | null,
  sample: WatchSample,
  rules: LoadRules,
): Watched {
  if (before !== null && sample.at <= before.last.at) {
    return { state: before, raised: [], cleared: [] }
  }
  const raised: Raised[] = []
  const cleared: Cleared[] = []
  let known = before
  if (known !== null && sample.at - known.last.at > rules.gapMin * MS_PER_MIN) {
    cleared.push(...endAll(known, known.last.at, 'silent', rules))
    known = null
  }
  const runs: Record<string, Run> = {}
  const ends = new Map<string, EpochMs>()
  for (const level of levelsOf(rules)) {
    const run = known?.runs[level.key]
    const value = level.value(sample)
    if (run === undefined) {
      if (value <= level.above) continue
      const from = known === null ? sample.at : crossing(known.last, sample, level, level.above)
      runs[level.key] = { from, peak: value, confirmed: false }
    } else if (value > level.above - level.hysteresis) {
      runs[level.key] = { ...run, peak: Math.max(run.peak, value) }
    } else {
      ends.set(level.key, crossing(known!.last, sample, level, level.above - level.hysteresis))
    }
  }
  const heavy = heavyPart(known, { runs, ends, sample })
  if (known?.heavy?.confirmed === true && heavy?.from !== known.heavy.from) {
    const overload = runs['overload']
    const { from, peak } = known.heavy
    const until = overload?.from ?? ends.get('heavy') ?? sample.at
    const endedBy = overload === undefined ? 'below' : 'above'
    cleared.push({ kind: 'heavy', from, until, peak, endedBy })
  }
  for (const level of levelsOf(rules)) {
    if (level.kind === 'heavy' || level.kind === 'longOverload') continue
    const run = known?.runs[level.key]
    const until = ends.get(level.key)
    if (run?.confirmed === true && until !== undefined) {
      cleared.push({ kind: level.kind, from: run.from, until, peak: run.peak, endedBy: 'below' })
    }
  }
  const state = confirm({ last: sample, runs, heavy }, rules, raised)
  const [was, is] = [longOf(known, rules), longOf(state, rules)]
  if (was !== null && is === null) {
    const until = ends.get(was.key) ?? sample.at
    const { from, peak } = was.run
    cleared.push({ kind: 'longOverload', from, until, peak, endedBy: 'below' })
  }
  // Of several long overloads the first stands for all of them.
  const told = raised.filter(
    (one) => one.kind !== 'longOverload' || (was === null && one.from === is?.run.from),
  )
  return { state, raised: told, cleared }
}

/** Ends what lasts where nothing has been heard for longer than a gap at `asOf`; null where there is nothing to end. */
export function watchSilence(state: WatchState, asOf: EpochMs, rules: LoadRules): Watched | null {
  if (isCalm(state) || asOf - state.last.at <= rules.gapMin * MS_PER_MIN) return null
  return {
    state: calmAt(state.last),
    raised: [],
    cleared: endAll(state, state.last.at, 'silent', rules),
  }
}

/** Ends everything at once, for a point that is not watched any more. */
export const watchEnd = (state: WatchState, at: EpochMs, rules: LoadRules): readonly Cleared[] =>
  endAll(state, at, 'removed', rules)

function endAll(
  state: WatchState,
  until: EpochMs,
  endedBy: Cleared['endedBy'],
  rules: LoadRules,
): Cleared[] {
  const cleared: Cleared[] = []
  const end = (kind: WatchKind, { from, peak }: Run) =>
    cleared.push({ kind, from, until: Math.max(from, until), peak, endedBy })
  if (state.heavy?.confirmed === true) end('heavy', state.heavy)
  for (const level of levelsOf(rules)) {
    const run = state.runs[level.key]
    if (level.kind === 'heavy' || level.kind === 'longOverload') continue
    if (run?.confirmed === true) end(level.kind, run)
  }
  const long = longOf(state, rules)
  if (long !== null) end('longOverload', long.run)
  return cleared
}

/** The confirmed long overload that began first. */
function longOf(state: WatchState | null, rules: LoadRules): { key: string; run: Run } | null {
  let first: { key: string; run: Run } | null = null
  for (const { key, kind } of levelsOf(rules)) {
    const run = state?.runs[key]
    if (kind !== 'longOverload' || run?.confirmed !== true) continue
    if (first === null || run.from < first.run.from) first = { key, run }
  }
  return first
}

function heavyPart(
  known: WatchState | null,
  {
    runs,
    ends,
    sample,
  }: { runs: Record<string, Run>; ends: ReadonlyMap<string, EpochMs>; sample: WatchSample },
): WatchState['heavy'] {
  const run = runs['heavy']
  if (run === undefined || runs['overload'] !== undefined) return null
  const was = known?.heavy ?? null
  if (was !== null) return { ...was, peak: Math.max(was.peak, sample.rate) }
  const from = ends.get('overload')
  return from === undefined
    ? { from: run.from, peak: sample.rate, confirmed: false, goesOn: false }
    : { from, peak: sample.rate, confirmed: false, goesOn: true }
}

/** Notes which runs have lasted for long enough by their last sample. */
function confirm(state: WatchState, rules: LoadRules, raised: Raised[]): WatchState {
  const { at } = state.last
  const raise = (kind: WatchKind, run: Run, above: number, confirmMin: number): boolean => {
    if (run.confirmed) return true
    const confirmedAt = run.from + confirmMin * MS_PER_MIN
    if (at < confirmedAt) return false
    const rule = `> ${above} for ${confirmMin} min`
    raised.push({ kind, from: run.from, confirmedAt, peak: run.peak, rule })
    return true
  }
  let { heavy } = state
  if (heavy !== null) {
    const goesOn = heavy.goesOn && rules.heavy.continueMin !== null
    const confirmMin = goesOn ? (rules.heavy.continueMin ?? 0) : rules.heavy.confirmMin
    heavy = { ...heavy, confirmed: raise('heavy', heavy, rules.heavy.above, confirmMin) }
  }
  const runs: Record<string, Run> = {}
  for (const { key, kind, above, confirmMin } of levelsOf(rules)) {
    const run = state.runs[key]
    if (run === undefined) continue
    const confirmed = kind !== 'heavy' && raise(kind, run, above, confirmMin)
    runs[key] = { ...run, confirmed }
  }
  return { ...state, runs, heavy }
}

/** When the straight line between two samples passes a level. */
function crossing(
  before: WatchSample,
  after: WatchSample,
  { value }: Level,
  level: number,
): EpochMs {
  const [was, is] = [value(before), value(after)]
  // A late reading may have lifted what a restart remembers: then the line crosses nothing.
  if ((was - level) * (is - level) >= 0) return after.at
  return before.at + Math.round(((level - was) / (is - was)) * (after.at - before.at))
}
