import { computed, signal, type Signal } from '@preact/signals'
import type { EpochMs } from '../../time.ts'
import { read } from '../api.ts'
import { hhmm } from '../language.ts'
import type { Outage } from './outages.ts'
import { w } from './words.ts'

/** The network as drawn (GET /api/v1/network/map): columns instead of rows, because there may be 100,000 of them. */
export type NetworkMap = {
  readonly revision: number
  /** Millionths of a degree; null where the network says no place. */
  readonly nodes: {
    readonly lon: readonly (number | null)[]
    readonly lat: readonly (number | null)[]
  }
  readonly switches: Branches & {
    readonly ids: readonly string[]
    readonly names: readonly (string | null)[]
    readonly kinds: readonly string[]
    readonly phases: readonly number[]
    readonly normal: readonly number[]
  }
  readonly lines: Branches
  readonly transformers: Branches
  readonly feeders: {
    readonly ids: readonly string[]
    readonly names: readonly string[]
    /** Index of the head switch, −1 where there is none. */
    readonly heads: readonly number[]
    /** Index of the substation, −1 where the table names none. */
    readonly substations: readonly number[]
  }
  readonly substations: {
    readonly ids: readonly string[]
    readonly names: readonly string[]
    readonly lon: readonly (number | null)[]
    readonly lat: readonly (number | null)[]
  }
  readonly customersServed: number
}
type Branches = { readonly from: readonly number[]; readonly to: readonly number[] }

/** Where the network stands (GET /api/v1/network/state): only what is not normal. */
export type NetworkState = {
  readonly revision: number
  readonly at: string
  /** Switches not in their normal position: index, closed phases, and of now since when and by whose word. */
  readonly abnormal: readonly {
    readonly switch: number
    readonly closedPhases: number
    readonly at?: string
    readonly gateway?: string
  }[]
  /** Switches whose gateway is not there: shown as last seen, with a question mark. */
  readonly silent: readonly number[]
  readonly gateways: readonly {
    readonly id: string
    readonly online: boolean
    readonly heardAt: string
  }[]
  /** The last word from the field of any kind; null where there never was one. */
  readonly fieldHeardAt: string | null
  readonly parts: readonly Part[]
  /** Limits of load that are passed now. */
  readonly loadAlarms: readonly LoadAlarm[]
  /** Feeders that run in parallel for longer than a transfer takes; `tie` is the id of a switch at which they meet. */
  readonly parallels: readonly ParallelAlarm[]
  /** Plans that customers expect soon as they were told, and that were changed since and not approved again. */
  readonly unapprovedWorks: readonly UnapprovedWork[]
  /** The last that a dispatcher said about each alarm. */
  readonly alarmWords: readonly AlarmWord[]
}

/** An alarm was seen, put aside until a time and why, or taken back before it. */
export type AlarmWord = {
  readonly alarm: string
  readonly at: string
  readonly by: string
  readonly kind: 'acknowledged' | 'shelved' | 'unshelved'
  readonly until: string | null
  readonly reason: string | null
}

/** A load that has stood above a limit for long enough to say so; `point` is a switch at the head of a feeder, a transformer or a load point. */
export type LoadAlarm = {
  readonly id: number
  readonly point: string
  readonly name: string
  readonly feeder: string | null
  readonly kind: string
  readonly from: string
  /** The worst since then, as a share: load over rating, or unevenness. */
  readonly peakRate: number
  readonly ratedKva: number | null
  /** Where it lies in the drawing: one node, or the two that it joins; none where the drawing does not have it. */
  readonly nodes: readonly number[]
  readonly acknowledgedAt: string | null
}

export type UnapprovedWork = {
  readonly work: string
  readonly title: string
  readonly changedAt: string
  readonly changedBy: string
  readonly toldFrom: string
  readonly toldUntil: string
}

export type ParallelAlarm = {
  readonly id: number
  readonly tie: string
  readonly feeders: readonly string[]
  readonly since: string
}

/** A part of the network without supply, or back within the day, with the outage it belongs to. */
export type Part = {
  readonly outage: string | null
  readonly back: boolean
  readonly lines: readonly number[]
  readonly customers: number
  readonly lifeSupport: number
  readonly critical: number
}

/** What moving a switch would do (GET /api/v1/switches/:id/effect). Nothing is sent by asking. */
export type SwitchEffect = {
  readonly switch: string
  readonly position: 'open' | 'closed'
  readonly now: 'open' | 'closed' | 'partly'
  readonly customersRestored: number
  readonly customersLost: number
  readonly stillOut: number
  readonly lifeSupportLost: number
  readonly lifeSupportRestored: number
  readonly lines: readonly number[]
  /** Feeders whose load changes. */
  readonly feeders: readonly {
    readonly feeder: string
    readonly beforeKva: number
    readonly afterKva: number
    readonly ratedKva: number | null
  }[]
  readonly limitsPassed: readonly { readonly branch: string }[]
  /** Feeders that would run in parallel. */
  readonly parallels: readonly { readonly feeders: readonly (string | null)[] }[]
}

export const network = signal<NetworkMap | null>(null)
/** The network as it is now: alarms, and the age of the feed, are of now also for who looks at the past. */
export const presentState = signal<NetworkState | null>(null)
const pastState = signal<NetworkState | null>(null)
/** The network at the moment that is looked at. */
export const networkState = computed(() => pastState.value ?? presentState.value)
export const networkProblem = signal<string | null>(null)

export async function readNetwork(): Promise<void> {
  const answer = await read<NetworkMap>('/api/v1/network/map')
  if (answer.ok) network.value = answer.value
  networkProblem.value = answer.ok ? null : answer.problem.detail || answer.problem.title
}

export async function readNetworkState(): Promise<void> {
  await readState('', presentState)
}

/** The network at an instant of the past, until `leavePast`. */
export async function readPastState(at: EpochMs): Promise<void> {
  await readState(`?at=${encodeURIComponent(new Date(at).toISOString())}`, pastState)
}

export function leavePast(): void {
  asked.set(pastState, (asked.get(pastState) ?? 0) + 1)
  pastState.value = null
}

const asked = new Map<Signal<NetworkState | null>, number>()
async function readState(moment: string, into: Signal<NetworkState | null>): Promise<void> {
  const mine = (asked.get(into) ?? 0) + 1
  asked.set(into, mine)
  const answer = await read<NetworkState>(`/api/v1/network/state${moment}`)
  // A newer question has been asked in the meantime: its answer counts.
  if (!answer.ok || mine !== asked.get(into)) return
  into.value = answer.value
  if (network.peek()?.revision !== answer.value.revision) void readNetwork()
}

const feederNumber = computed(
  () => new Map(network.value?.feeders.ids.map((id, index) => [id, index])),
)
const switchNumber = computed(
  () => new Map(network.value?.switches.ids.map((id, index) => [id, index])),
)

export const switchNamed = (id: string): number | undefined => switchNumber.value.get(id)

export function feederSubstation(feeder: string): { id: string; name: string } | null {
  const map = network.value
  const index = map?.feeders.substations[feederNumber.value.get(feeder) ?? -1]
  if (map === null || index === undefined || index < 0) return null
  return { id: map.substations.ids[index] ?? '', name: map.substations.names[index] ?? '' }
}

/** The name people use for a device, where the network gives one. */
export function deviceName(id: string | null): string | null {
  if (id === null) return null
  const index = switchNamed(id)
  return index === undefined ? id : (network.value?.switches.names[index] ?? id)
}

/** How people call an outage: the device, and the time of day it began. The id stands in the detail, for the record. */
export const outageName = ({ device, startedAt }: Pick<Outage, 'device' | 'startedAt'>): string =>
  `${deviceName(device) ?? w.value.networkChange} ${hhmm(Date.parse(startedAt))}`
