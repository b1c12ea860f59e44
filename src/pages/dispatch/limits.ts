import { computed, effect, signal } from '@preact/signals'
import { MS_PER_MIN, type EpochMs } from '../../time.ts'
import { read } from '../api.ts'
import { now } from '../page-clock.ts'
import { list, past, zone } from './board.ts'
import { pickDevice, spot } from './desk.ts'
import { feederSubstation, network, presentState, switchNamed } from './network.ts'

/** A limit that is passed: a load over its rating, phases that differ, feeders that run in parallel for too long. */
export type Limit = {
  /** That of its alarm. */
  readonly key: string
  readonly name: string
  readonly feeder: string | null
  readonly kind: string
  readonly sinceAt: EpochMs
  /** Worst load since then over rating; null where no rating is in it. */
  readonly rate: number | null
  readonly ratedKva: number | null
  readonly nodes: readonly number[]
  readonly device: number | null
}

/** What stands over a limit in the zone that is looked at, feeders in parallel first, then the worst load. */
export const limits = computed<readonly Limit[]>(() => {
  const { loadAlarms = [], parallels = [] } = presentState.value ?? {}
  const found = [
    ...parallels.map(({ id, tie, feeders, since }): Limit => {
      const device = switchNamed(tie) ?? null
      return {
        key: `parallel:${id}`,
        name: tie,
        feeder: feeders.join(' + '),
        kind: 'parallel',
        sinceAt: Date.parse(since),
        rate: null,
        ratedKva: null,
        nodes: nodesOf(device),
        device,
      }
    }),
    ...loadAlarms
      .map((alarm): Limit => ({
        key: `load:${alarm.id}`,
        name: alarm.name,
        feeder: alarm.feeder,
        kind: alarm.kind,
        sinceAt: Date.parse(alarm.from),
        rate: alarm.peakRate,
        ratedKva: alarm.ratedKva,
        nodes: alarm.nodes,
        device: switchNamed(alarm.point) ?? null,
      }))
      .sort((a, b) => (b.rate ?? 0) - (a.rate ?? 0)),
  ]
  if (zone.value === '') return found
  return found.filter(({ feeder }) =>
    (feeder?.split(' + ') ?? []).some((one) => feederSubstation(one)?.id === zone.value),
  )
})

function nodesOf(device: number | null): readonly number[] {
  const switches = network.value?.switches
  const from = switches?.from[device ?? -1]
  const to = switches?.to[device ?? -1]
  return from === undefined || to === undefined ? [] : [from, to]
}

export const chosenLimit = signal<string | null>(null)

/** Shows it on the drawing: a switch with what can be done to it, anything else by its place. */
export function chooseLimit(limit: Limit): void {
  chosenLimit.value = limit.key
  if (limit.device !== null) pickDevice(limit.device)
  spot.value = limit.nodes.at(-1) ?? null
}

export function moveLimit(step: 1 | -1): void {
  const shown = limits.value
  const here = shown.findIndex(({ key }) => key === chosenLimit.value)
  const next = shown[here < 0 ? 0 : Math.max(0, Math.min(shown.length - 1, here + step))]
  if (next !== undefined) chooseLimit(next)
}

/** A feeder of `GET /api/v1/balance?level=feeder`. */
export type FeederLoad = {
  readonly id: string
  readonly name: string
  readonly kva: number
  readonly ratedKva: number | null
  readonly rate: number | null
  /** How the load is known: measured, or worked out from what hangs on it. */
  readonly source: string
}

/** What every feeder carries, read while somebody looks at it; text: why not. */
export const feederLoads = signal<readonly FeederLoad[] | string | null>(null)
/** Loads are measured in quarters of an hour: once a minute is often enough. */
const LOADS_EVERY_MS = MS_PER_MIN
const minute = computed(() => Math.floor(now.value / LOADS_EVERY_MS))

export function followLoads(): void {
  effect(() => {
    void minute.value
    if (list.value !== 'limits') return
    void readLoads(past.value)
  })
}

async function readLoads(at: EpochMs | null): Promise<void> {
  const moment = at === null ? '' : `&at=${encodeURIComponent(new Date(at).toISOString())}`
  const answer = await read<{ rows: readonly FeederLoad[] }>(
    `/api/v1/balance?level=feeder${moment}`,
  )
  if (past.peek() !== at) return
  feederLoads.value = answer.ok
    ? [...answer.value.rows].sort((a, b) => (b.rate ?? -1) - (a.rate ?? -1))
    : answer.problem.detail || answer.problem.title
}
