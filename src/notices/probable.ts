import { MS_PER_H, MS_PER_MIN, MS_PER_S, type EpochMs } from '../time.ts'

/** So many meters of one transformer that lost supply make its outage probable… */
export const DARK_METERS = 3
/** …or this share of them, when they are at least two: one alone is asked first. */
export const DARK_SHARE = 0.5
const DARK_LEAST = 2
/** Losses further apart than this are not one event. */
export const TOGETHER_MIN = 30
/** A meter waits before its last gasp; what is younger may be a reclosing that is not over. */
export const DEBOUNCE_S = 45
/** Older words say nothing about now. */
export const WORDS_KEPT_H = 6
/** After a device has closed again meters have this long to say that they are back. */
export const NESTED_AFTER_MIN = 15

/** The last word about one service point: of its meter, or of the customer. */
export type LastWord = { readonly says: 'off' | 'on'; readonly at: EpochMs }

/** A transformer, or a node that serves points directly, as evidence sees it. */
export type EvidencedLoadPoint = {
  readonly loadPoint: string
  /** Every service point there; undefined where nothing was heard of it. */
  readonly points: readonly {
    readonly id: string
    readonly customers: number
    readonly word: LastWord | undefined
    /** The ledger has it out: then nothing needs to be guessed. */
    readonly isKnownOut: boolean
    /** When the ledger last gave it supply again; null where it did not lately. */
    readonly backAt: EpochMs | null
  }[]
}

export type Probable = {
  readonly loadPoint: string
  /** `stillDark`: a device closed again, others below it said so, and these did not. */
  readonly kind: 'probablyOff' | 'stillDark'
  /** The earliest loss. */
  readonly since: EpochMs
  readonly dark: readonly string[]
  readonly lit: number
  readonly customers: number
}

/**
 * Evidence for an outage that no switch told of. A guess beside the ledger, never in it: it opens nothing, counts in no index, and ends
 * with the word that supply is there. Silence alone proves nothing.
 */
export function probableAt(
  { loadPoint, points }: EvidencedLoadPoint,
  now: EpochMs,
): Probable | null {
  const unknown = points.filter(({ isKnownOut }) => !isKnownOut)
  const lit = unknown.filter(({ word }) => word?.says === 'on' && isFresh(word, now))
  const off = unknown.filter(
    ({ word }) =>
      word?.says === 'off' && isFresh(word, now) && word.at + DEBOUNCE_S * MS_PER_S <= now,
  )
  const newest = Math.max(...off.map(({ word }) => word?.at ?? 0))
  const together = off.filter(({ word }) => newest - (word?.at ?? 0) <= TOGETHER_MIN * MS_PER_MIN)
  const since = Math.min(...together.map(({ word }) => word?.at ?? Infinity))
  const told = (kind: Probable['kind'], dark: typeof off): Probable => ({
    loadPoint,
    kind,
    since,
    dark: dark.map(({ id }) => id),
    lit: lit.length,
    customers: dark.reduce((sum, { customers }) => sum + customers, 0),
  })

  const fresh = together.filter(({ word, backAt }) => backAt === null || (word?.at ?? 0) > backAt)
  // Whoever has light on the same transformer says more than whoever is dark: then it is a fault of single services.
  const litSince = lit.filter(({ word }) => (word?.at ?? 0) >= since).length
  const isMany =
    fresh.length >= DARK_METERS ||
    (fresh.length >= DARK_LEAST && fresh.length >= DARK_SHARE * points.length)
  if (isMany && fresh.length > litSince) return told('probablyOff', fresh)

  // Dark since before the device closed again, while a neighbour on the same transformer or beside it has said that it is back.
  const nested = together.filter(
    ({ word, backAt }) =>
      backAt !== null && (word?.at ?? 0) <= backAt && now - backAt >= NESTED_AFTER_MIN * MS_PER_MIN,
  )
  return nested.length > 0 ? told('stillDark', nested) : null
}

/**
 * `stillDark` counts only where the meters of the same restoration speak at all: some point that came back in the same instant has said so.
 */
export function probableOutages(
  loadPoints: readonly EvidencedLoadPoint[],
  now: EpochMs,
): Probable[] {
  const spoke = new Set<EpochMs>()
  for (const { points } of loadPoints) {
    for (const { word, backAt } of points) {
      if (backAt !== null && word?.says === 'on' && word.at >= backAt) spoke.add(backAt)
    }
  }
  return loadPoints
    .flatMap((one) => probableAt(one, now) ?? [])
    .filter(({ kind, loadPoint }) => {
      if (kind === 'probablyOff') return true
      const { points } = loadPoints.find((one) => one.loadPoint === loadPoint) ?? { points: [] }
      return points.some(({ backAt }) => backAt !== null && spoke.has(backAt))
    })
    .sort((a, b) => b.customers - a.customers || a.since - b.since)
}

/**
 * Somebody at a load point is dark, nobody there has said since that there is light, and it is too little to go by alone: beside others it
 * counts. Null where nothing of the kind was heard.
 */
export function darknessAt(
  place: EvidencedLoadPoint,
  now: EpochMs,
): { readonly since: EpochMs; readonly dark: number } | null {
  const times: EpochMs[] = []
  for (const { word, isKnownOut, backAt } of place.points) {
    if (isKnownOut || word?.says !== 'off' || !isFresh(word, now)) continue
    if (word.at + DEBOUNCE_S * MS_PER_S <= now && (backAt === null || word.at > backAt))
      times.push(word.at)
  }
  if (times.length === 0) return null
  const newest = Math.max(...times)
  const together = times.filter((when) => newest - when <= TOGETHER_MIN * MS_PER_MIN)
  const since = Math.min(...together)
  return litAt(place, now).some((when) => when >= since) ? null : { since, dark: together.length }
}

/** When service points of a load point said that they have supply, as far as their last word is that. */
export function litAt({ points }: EvidencedLoadPoint, now: EpochMs): EpochMs[] {
  return points.flatMap(({ word, isKnownOut }) =>
    !isKnownOut && word?.says === 'on' && isFresh(word, now) ? [word.at] : [],
  )
}

const isFresh = (word: LastWord, now: EpochMs): boolean => now - word.at <= WORDS_KEPT_H * MS_PER_H
