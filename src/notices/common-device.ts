import { supplyOrder } from '../grid/supply-order.ts'
import type { Energization } from '../grid/energization.ts'
import { at } from '../grid/network.ts'
import { MS_PER_MIN, type EpochMs } from '../time.ts'
import {
  darknessAt,
  litAt,
  probableOutages,
  TOGETHER_MIN,
  type EvidencedLoadPoint,
  type Probable,
} from './probable.ts'

/** A switch is named only where at least this share of the load points below it have said that they are dark: silence proves nothing. */
export const DEVICE_SHARE = 0.5
/** …and at least so many of them are probable outages by themselves, unless there is but one below. */
const DEVICE_LOAD_POINTS = 2

/** Load points that probably lost supply by one event, and the switch that would explain it. */
export type ProbableOutage = {
  /** The same as long as it is the same guess. */
  readonly key: string
  /** Null where no one switch explains it: then it is one load point alone. */
  readonly device: string | null
  /** The feeder that they belong to in the normal state; null where it is not known or not one. */
  readonly feeder: string | null
  readonly since: EpochMs
  readonly loadPoints: readonly string[]
  /** Who would be out if it is so: of the points that spoke where no device is named, else of all below it. */
  readonly customers: number
  readonly evidence: {
    /** Service points that said that they are off. */
    readonly dark: number
    /** Service points below that have spoken of supply since. None below a device that is named. */
    readonly lit: number
    readonly darkLoadPoints: number
    /** Load points below from which nothing was heard. */
    readonly silentLoadPoints: number
  }
}

type Darkness = { readonly since: EpochMs; readonly dark: number }

/**
 * What evidence makes probable, transformer by transformer, and drawn together under the lowest switch that explains the most of it. Below
 * such a switch nobody may have said since that there is light, and half of the load points say that there is none.
 */
export function probableCauses(
  loadPoints: readonly EvidencedLoadPoint[],
  state: Energization,
  now: EpochMs,
): { readonly probable: readonly Probable[]; readonly outages: readonly ProbableOutage[] } {
  const probable = probableOutages(loadPoints, now)
  const { network } = state
  const order = supplyOrder(state)
  const indexOf = new Map<string, number>()
  if (probable.length > 0) network.loadPointIds.forEach((id, index) => indexOf.set(id, index))

  const certain = new Map<number, Probable>()
  for (const one of probable) {
    const index = indexOf.get(one.loadPoint)
    if (index !== undefined) certain.set(index, one)
  }
  const dark = new Map<number, Darkness>()
  const lit = new Map<number, readonly EpochMs[]>()
  for (const place of probable.length > 0 ? loadPoints : []) {
    const index = indexOf.get(place.loadPoint)
    if (index === undefined) continue
    lit.set(index, litAt(place, now))
    const sure = certain.get(index)
    const one =
      sure === undefined ? darknessAt(place, now) : { since: sure.since, dark: sure.dark.length }
    if (one !== null) dark.set(index, one)
  }

  const candidates: (Explained & { readonly depth: number })[] = []
  const looked = new Set<number>()
  for (const index of certain.keys()) {
    const above = order.above(index)
    above.forEach((device, depth) => {
      if (looked.has(device)) return
      looked.add(device)
      const explained = explain(device, order.below(device), { certain, dark, lit })
      if (explained !== null) candidates.push({ ...explained, depth: above.length - depth })
    })
  }
  // What explains the most; of several that explain the same, the one with the least below it, and that nearest to the load.
  candidates.sort(
    (a, b) =>
      b.darkPoints.length - a.darkPoints.length ||
      a.below.length - b.below.length ||
      b.depth - a.depth ||
      a.device - b.device,
  )
  const taken = new Set<number>()
  const outages: ProbableOutage[] = []
  for (const { device, below, darkPoints, since } of candidates) {
    if (darkPoints.some((index) => taken.has(index))) continue
    for (const index of darkPoints) taken.add(index)
    const id = network.branchIds[device] as string
    outages.push({
      key: `device:${id}`,
      device: id,
      feeder: feederOf(state, darkPoints),
      since,
      loadPoints: darkPoints.map((index) => network.loadPointIds[index] as string).sort(),
      customers: customersBelow(state, below),
      evidence: {
        dark: darkPoints.reduce((sum, index) => sum + (dark.get(index)?.dark ?? 0), 0),
        lit: 0,
        darkLoadPoints: darkPoints.length,
        silentLoadPoints: below.length - darkPoints.length,
      },
    })
  }
  for (const one of probable) {
    const index = indexOf.get(one.loadPoint)
    if (index !== undefined && taken.has(index)) continue
    outages.push({
      key: `loadPoint:${one.loadPoint}`,
      device: null,
      feeder: index === undefined ? null : feederOf(state, [index]),
      since: one.since,
      loadPoints: [one.loadPoint],
      customers: one.customers,
      evidence: { dark: one.dark.length, lit: one.lit, darkLoadPoints: 1, silentLoadPoints: 0 },
    })
  }
  outages.sort((a, b) => b.customers - a.customers || a.since - b.since || (a.key < b.key ? -1 : 1))
  return { probable, outages }
}

type Explained = {
  readonly device: number
  readonly below: readonly number[]
  readonly darkPoints: readonly number[]
  readonly since: EpochMs
}

/** Null where the evidence does not support that this switch is open. */
function explain(
  device: number,
  below: readonly number[],
  heard: {
    readonly certain: ReadonlyMap<number, Probable>
    readonly dark: ReadonlyMap<number, Darkness>
    readonly lit: ReadonlyMap<number, readonly EpochMs[]>
  },
): Explained | null {
  const sure = below.filter((index) => heard.certain.has(index))
  if (sure.length < Math.min(DEVICE_LOAD_POINTS, below.length)) return null
  const newest = Math.max(...sure.map((index) => heard.certain.get(index)?.since ?? 0))
  const isOfIt = (index: number): boolean =>
    Math.abs(newest - (heard.dark.get(index)?.since ?? -Infinity)) <= TOGETHER_MIN * MS_PER_MIN
  const darkPoints = below.filter(isOfIt)
  if (sure.filter(isOfIt).length < Math.min(DEVICE_LOAD_POINTS, below.length)) return null
  if (darkPoints.length < DEVICE_SHARE * below.length) return null
  const since = Math.min(...darkPoints.map((index) => heard.dark.get(index)?.since ?? Infinity))
  const isLit = below.some((index) => heard.lit.get(index)?.some((when) => when >= since))
  return isLit ? null : { device, below, darkPoints, since }
}

function customersBelow({ network }: Energization, below: readonly number[]): number {
  const wanted = new Set(below)
  let customers = 0
  for (let group = 0; group < network.groupLoadPoint.length; group++) {
    if (wanted.has(at(network.groupLoadPoint, group)))
      customers += at(network.groupCustomers, group)
  }
  return customers
}

function feederOf({ network }: Energization, loadPoints: readonly number[]): string | null {
  const feeders = new Set(loadPoints.map((index) => at(network.loadPointFeeder, index)))
  const [only] = feeders
  return feeders.size === 1 ? (network.feeders[only ?? -1]?.id ?? null) : null
}
