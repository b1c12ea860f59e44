/** The ends of the bands: what a forecast says besides its most likely value. */
export const QUANTILES = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95] as const
export const FORECAST_HOURS_MAX = 168
export const DAY_H = 24
export const LEAD_DAYS = FORECAST_HOURS_MAX / DAY_H
/** Errors of so many past origins make the quantiles and decide between the methods. */
export const ERROR_ORIGINS = 56

/** `temperature` is the regression that is told the temperature, too. */
export type Method = 'regression' | 'temperature' | 'seasonalNaive'
/** What each method said of the hours after an origin; NaN or null where it says nothing. */
export type SaidByMethod = Readonly<Record<Method, Float64Array | null>>
/** Mean absolute error of past forecasts over the mean load, in per cent; null without any. */
export type ErrorPct = Readonly<Record<Method, number | null>>

const METHODS = ['regression', 'temperature', 'seasonalNaive'] as const
/** Hours in which the temperature was forecast, and the load known since, before it is trusted. */
const TEMPERATURE_HOURS_MIN = 14 * DAY_H
/** The bands that the quantiles are the ends of, as shares, narrow ones first. */
const BANDS = [0.5, 0.8, 0.9] as const
const ERRORS_MIN = 20
/** An error that is a month old weighs half. */
const ERROR_HALF_LIFE_H = 30 * DAY_H
/** How fast a band that holds too seldom or too often is drawn wider or narrower, by hour. */
const ADAPT = 0.005
/** Beyond 1: wider than the largest error so far, by this factor at most. */
const REACH_MAX = 1.5
type Said = {
  readonly origin: number
  readonly values: SaidByMethod
  learnt: number
  readonly widths: ReadonlyMap<string, readonly number[]>
}
type PastError = {
  readonly key: string
  readonly method: Method
  readonly hour: number
  readonly relative: number
  readonly absolute: number
  /** What the other methods erred by in the same hour, as far as they said anything. */
  readonly beside: Readonly<Record<Method, number>>
}

/**
 * What earlier forecasts turned out to be wrong by, relative to what they said, by day ahead and quarter of the day. An hour's error is known as soon as
 * the hour is over, and weighs the less the older it is. Beside them runs a book of how often each band held what came: where a band held too seldom it is
 * drawn from a higher quantile until it holds as often as it says (conformal inference that adapts, Gibbs and Candès 2021).
 */
export class PastErrors {
  private readonly values: Float64Array
  private readonly waiting: Said[] = []
  private readonly known: PastError[] = []
  private readonly sorted = new Map<string, { relative: number; weight: number }[]>()
  /** By method, group and band: the quantile it is drawn from now. */
  private readonly reach = new Map<string, number>()
  private at = 0

  constructor(values: Float64Array) {
    this.values = values
  }

  remember(origin: number, values: SaidByMethod): void {
    const widths = new Map<string, number[]>()
    for (const method of METHODS) {
      for (let ahead = 0; ahead < FORECAST_HOURS_MAX; ahead++) {
        const key = `${method} ${groupOf(origin, ahead)}`
        if (!widths.has(key)) widths.set(key, this.widths(method, origin, ahead) ?? [])
      }
    }
    this.waiting.push({ origin, values, learnt: 0, widths })
  }

  /** Turns what was said before into errors, as far as `origin` knows what came. */
  learnUntil(origin: number): void {
    this.at = origin
    for (const said of this.waiting) {
      const until = Math.min(FORECAST_HOURS_MAX, origin - said.origin)
      for (; said.learnt < until; said.learnt++) this.learn(said, said.learnt)
    }
    while (this.waiting[0] !== undefined && this.waiting[0].learnt >= FORECAST_HOURS_MAX) {
      this.waiting.shift()
    }
    const oldest = origin - (ERROR_ORIGINS + LEAD_DAYS) * DAY_H
    let gone = 0
    while ((this.known[gone]?.hour ?? Infinity) < oldest) gone++
    this.known.splice(0, gone)
    this.sorted.clear()
  }

  private learn(said: Said, ahead: number): void {
    const value = this.values[said.origin + ahead] ?? NaN
    const guessOf = (method: Method): number => said.values[method]?.[ahead] ?? NaN
    const beside = {
      regression: Math.abs(value - guessOf('regression')),
      temperature: Math.abs(value - guessOf('temperature')),
      seasonalNaive: Math.abs(value - guessOf('seasonalNaive')),
    }
    for (const method of METHODS) {
      const guess = guessOf(method)
      const absolute = beside[method]
      if (Number.isNaN(absolute) || guess === 0) continue
      const key = `${method} ${groupOf(said.origin, ahead)}`
      const relative = absolute / Math.abs(guess)
      this.known.push({ key, method, hour: said.origin + ahead, relative, absolute, beside })
      const widths = said.widths.get(key) ?? []
      BANDS.forEach((band, i) => {
        const width = widths[i]
        if (width === undefined) return
        const place = `${key} ${band}`
        const held = relative <= width ? 1 : 0
        const now = (this.reach.get(place) ?? band) + ADAPT * (band - held)
        this.reach.set(place, Math.max(0, Math.min(REACH_MAX, now)))
      })
    }
  }

  errorPct(): ErrorPct {
    const sums = { regression: [0, 0], temperature: [0, 0], seasonalNaive: [0, 0] }
    const loads = { regression: 0, temperature: 0, seasonalNaive: 0 }
    for (const { method, absolute, hour } of this.known) {
      sums[method][0]! += absolute
      sums[method][1]!++
      loads[method] += Math.abs(this.values[hour] ?? 0)
    }
    const share = (method: Method) => {
      const [sum, count] = sums[method] as [number, number]
      return count === 0 || loads[method] === 0 ? null : (sum / loads[method]) * 100
    }
    return {
      regression: share('regression'),
      temperature: share('temperature'),
      seasonalNaive: share('seasonalNaive'),
    }
  }

  /** Told the temperature as it was forecast then, the model has erred less than each of the others in the same hours. */
  isTemperatureBetter(): boolean {
    let hours = 0
    let own = 0
    const others = { regression: 0, seasonalNaive: 0 }
    for (const { method, absolute, beside } of this.known) {
      if (method !== 'temperature') continue
      if (Number.isNaN(beside.regression) || Number.isNaN(beside.seasonalNaive)) continue
      hours++
      own += absolute
      others.regression += beside.regression
      others.seasonalNaive += beside.seasonalNaive
    }
    if (hours < TEMPERATURE_HOURS_MIN) return false
    return own < others.regression && own < others.seasonalNaive
  }

  band(method: Method, origin: number, ahead: number, value: number): number[] | null {
    const widths = this.widths(method, origin, ahead)
    if (widths === null) return null
    // Alike to both sides: which side past errors lay on turns with the season, their size does not.
    return QUANTILES.map((level) => {
      const band = BANDS.findIndex((each) => Math.abs(each - Math.abs(2 * level - 1)) < 1e-9)
      return value + Math.sign(level - 0.5) * Math.abs(value) * (widths[band] ?? 0)
    })
  }

  /** Half the width of each band over the value, narrow ones first; a wider band is never the narrower one. */
  private widths(method: Method, origin: number, ahead: number): number[] | null {
    const key = `${method} ${groupOf(origin, ahead)}`
    const errors = this.errorsLike(key)
    if (errors.length < ERRORS_MIN) return null
    let least = 0
    return BANDS.map((band) => {
      least = Math.max(least, quantileOf(errors, this.reach.get(`${key} ${band}`) ?? band))
      return least
    })
  }

  private errorsLike(key: string): { relative: number; weight: number }[] {
    if (this.sorted.size === 0) {
      for (const { key: of, relative, hour } of this.known) {
        const weight = 2 ** ((hour - this.at) / ERROR_HALF_LIFE_H)
        const like = this.sorted.get(of)
        if (like === undefined) this.sorted.set(of, [{ relative, weight }])
        else like.push({ relative, weight })
      }
      for (const like of this.sorted.values()) like.sort((a, b) => a.relative - b.relative)
    }
    return this.sorted.get(key) ?? []
  }
}

/** Errors are alike on the same day ahead in the same six hours of the day. */
const groupOf = (origin: number, ahead: number): number =>
  Math.floor(ahead / DAY_H) * 4 + Math.floor(((origin + ahead) % DAY_H) / 6)

/** Weighted, linear between the middles of the weights; beyond the last the largest error, and a little more where more is asked than there is. */
function quantileOf(
  sorted: readonly { readonly relative: number; readonly weight: number }[],
  level: number,
): number {
  let total = 0
  for (const { weight } of sorted) total += weight
  const wanted = level * total
  let [below, before] = [0, 0]
  let last = 0
  for (const { relative, weight } of sorted) {
    const middle = below + weight / 2
    if (middle >= wanted) {
      const share = middle === before ? 1 : (wanted - before) / (middle - before)
      return last + Math.max(0, Math.min(1, share)) * (relative - last)
    }
    before = middle
    last = relative
    below += weight
  }
  return last * (1 + Math.max(0, level - 1))
}
