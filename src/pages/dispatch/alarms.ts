import { computed, signal } from '@preact/signals'
import { MS_PER_MIN, type EpochMs } from '../../time.ts'
import { send } from '../api.ts'
import { instant } from '../language.ts'
import { now, pageTime } from '../page-clock.ts'
import { out, past, priorities } from './board.ts'
import { calls, type Call } from './calls.ts'
import { networkState, type LoadAlarm, type ParallelAlarm } from './network.ts'
import { estimatePassed } from './outages.ts'

/** Nobody has been sent for this long. */
const UNATTENDED_AFTER_MS = 10 * MS_PER_MIN
const UNATTENDED_CUSTOMERS_MIN = 20
const ACKNOWLEDGED_KEY = 'relight.acknowledged'
const ACKNOWLEDGED_MAX = 500

/** More alarms of one rule than this are one alarm that names the list: nobody reads sixty lines that say the same. */
const OF_A_RULE_MAX = 6

type OutageAlarm =
  | { readonly rule: 'lifeSupport'; readonly outage: string; readonly count: number }
  | {
      readonly rule: 'estimatePassed'
      readonly outage: string
      readonly etrAt: EpochMs
      readonly count: number
    }
  | { readonly rule: 'unattended'; readonly outage: string; readonly count: number }

export type Alarm = {
  /** Says what it is about: when the facts change it is another alarm, and shouts again. */
  readonly key: string
  readonly priority: 1 | 2 | 3
  readonly sinceAt: EpochMs
  readonly about:
    | OutageAlarm
    | {
        readonly rule: 'many'
        readonly of: OutageAlarm['rule']
        readonly outages: number
        readonly count: number
      }
    | { readonly rule: 'hazard'; readonly call: Call }
    | { readonly rule: 'load'; readonly load: LoadAlarm }
    | { readonly rule: 'parallel'; readonly parallel: ParallelAlarm }
    | { readonly rule: 'silentGateway'; readonly gateway: string; readonly switches: number }
}

const PRIORITY = { lifeSupport: 1, estimatePassed: 2, unattended: 2 } as const

/** Alarms follow from the state, so what was true while nobody was connected shouts as soon as somebody is. */
export const alarms = computed<readonly Alarm[]>(() => {
  if (past.value !== null) return []
  const found: Alarm[] = [
    ...outageAlarms(now.value),
    ...calls.value
      .filter(({ hazard }) => hazard)
      .map((call): Alarm => ({
        key: `hazard:${call.id}`,
        priority: 1,
        sinceAt: Date.parse(call.firstAt),
        about: { rule: 'hazard', call },
      })),
    ...(networkState.value?.loadAlarms ?? []).map((load): Alarm => ({
      key: `load:${load.id}`,
      priority: load.kind === 'overload' || load.kind === 'longOverload' ? 2 : 3,
      sinceAt: Date.parse(load.from),
      about: { rule: 'load', load },
    })),
    ...(networkState.value?.parallels ?? []).map((parallel): Alarm => ({
      key: `parallel:${parallel.id}`,
      priority: 2,
      sinceAt: Date.parse(parallel.since),
      about: { rule: 'parallel', parallel },
    })),
  ]
  for (const gateway of networkState.value?.gateways ?? []) {
    if (gateway.online) continue
    found.push({
      key: `silent:${gateway.id}:${gateway.heardAt}`,
      priority: 3,
      sinceAt: Date.parse(gateway.heardAt),
      about: {
        rule: 'silentGateway',
        gateway: gateway.id,
        switches: networkState.value?.silent.length ?? 0,
      },
    })
  }
  return found.sort(
    (a, b) =>
      Number(acknowledged.value.has(a.key)) - Number(acknowledged.value.has(b.key)) ||
      a.priority - b.priority ||
      a.sinceAt - b.sinceAt,
  )
})

function outageAlarms(at: EpochMs): Alarm[] {
  const byRule: Record<OutageAlarm['rule'], Alarm[]> = {
    lifeSupport: [],
    estimatePassed: [],
    unattended: [],
  }
  const raise = (key: string, sinceAt: EpochMs, about: OutageAlarm) =>
    byRule[about.rule].push({ key, priority: PRIORITY[about.rule], sinceAt, about })
  for (const outage of out.value) {
    if (outage.kind === 'planned') continue
    const { id, crew, customersOut } = outage
    const startedAt = Date.parse(outage.startedAt)
    const lifeSupport = priorities.value.get(id)?.lifeSupport ?? 0
    if (lifeSupport > 0 && crew === null) {
      const about = { rule: 'lifeSupport', outage: id, count: lifeSupport } as const
      raise(`life:${id}:${lifeSupport}`, startedAt, about)
    }
    const etrAt = instant(outage.etr?.latest ?? outage.etr?.at)
    if (etrAt !== null && estimatePassed(outage, at)) {
      const about = { rule: 'estimatePassed', outage: id, etrAt, count: customersOut } as const
      raise(`passed:${id}:${etrAt}`, etrAt, about)
    }
    const isWaiting = crew === null && at - startedAt > UNATTENDED_AFTER_MS
    if (isWaiting && lifeSupport === 0 && customersOut >= UNATTENDED_CUSTOMERS_MIN) {
      const about = { rule: 'unattended', outage: id, count: customersOut } as const
      raise(`unattended:${id}`, startedAt + UNATTENDED_AFTER_MS, about)
    }
  }
  return Object.values(byRule).flatMap(gathered)
}

/** Few as they are; many as one, which shouts again whenever their number has doubled. */
function gathered(some: readonly Alarm[]): readonly Alarm[] {
  const [first] = some
  if (first === undefined || some.length <= OF_A_RULE_MAX) return some
  const of = (first.about as OutageAlarm).rule
  return [
    {
      key: `many:${of}:${Math.floor(Math.log2(some.length))}`,
      priority: first.priority,
      sinceAt: Math.min(...some.map(({ sinceAt }) => sinceAt)),
      about: {
        rule: 'many',
        of,
        outages: some.length,
        count: some.reduce((sum, { about }) => sum + (about as OutageAlarm).count, 0),
      },
    },
  ]
}

/** When this desk acknowledged each alarm. */
const acknowledgedHere = signal<ReadonlyMap<string, EpochMs>>(
  new Map(JSON.parse(localStorage.getItem(ACKNOWLEDGED_KEY) ?? '[]') as [string, EpochMs][]),
)

/** Load alarms are acknowledged for every desk at once; the service keeps those. */
export const acknowledged = computed<ReadonlyMap<string, EpochMs>>(() => {
  const all = new Map(acknowledgedHere.value)
  for (const { id, acknowledgedAt } of networkState.value?.loadAlarms ?? []) {
    if (acknowledgedAt !== null) all.set(`load:${id}`, Date.parse(acknowledgedAt))
  }
  return all
})

export const unacknowledged = computed(() =>
  alarms.value.filter(({ key }) => !acknowledged.value.has(key)),
)

export function acknowledge({ key, about }: Alarm): void {
  const kept = [...acknowledgedHere.value, [key, pageTime()] as const].slice(-ACKNOWLEDGED_MAX)
  acknowledgedHere.value = new Map(kept)
  localStorage.setItem(ACKNOWLEDGED_KEY, JSON.stringify(kept))
  if (about.rule === 'load') void send(`/api/v1/load-alarms/${about.load.id}/acknowledge`, {})
}

export function acknowledgeFirst(): void {
  const [first] = unacknowledged.value
  if (first !== undefined) acknowledge(first)
}
