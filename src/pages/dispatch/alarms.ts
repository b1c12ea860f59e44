import { computed, signal } from '@preact/signals'
import { MS_PER_MIN, type EpochMs } from '../../time.ts'
import { instant } from '../language.ts'
import { now, pageTime } from '../page-clock.ts'
import { out, past, priorities } from './board.ts'
import { networkState } from './network.ts'
import { estimatePassed } from './outages.ts'

/** Nobody has been sent for this long. */
const UNATTENDED_AFTER_MS = 10 * MS_PER_MIN
const UNATTENDED_CUSTOMERS_MIN = 20
const ACKNOWLEDGED_KEY = 'relight.acknowledged'
const ACKNOWLEDGED_MAX = 500

export type Alarm = {
  /** Says what it is about: when the facts change it is another alarm, and shouts again. */
  readonly key: string
  readonly priority: 1 | 2 | 3
  readonly sinceAt: EpochMs
  readonly about:
    | { readonly rule: 'lifeSupport'; readonly outage: string; readonly count: number }
    | {
        readonly rule: 'estimatePassed'
        readonly outage: string
        readonly etrAt: EpochMs
        readonly customers: number
      }
    | { readonly rule: 'unattended'; readonly outage: string; readonly customers: number }
    | { readonly rule: 'silentGateway'; readonly gateway: string; readonly switches: number }
}

/** Alarms follow from the state, so what was true while nobody was connected shouts as soon as somebody is. */
export const alarms = computed<readonly Alarm[]>(() => {
  if (past.value !== null) return []
  const at = now.value
  const found: Alarm[] = []
  for (const outage of out.value) {
    if (outage.kind === 'planned') continue
    const startedAt = Date.parse(outage.startedAt)
    const lifeSupport = priorities.value.get(outage.id)?.lifeSupport ?? 0
    if (lifeSupport > 0 && outage.crew === null) {
      found.push({
        key: `life:${outage.id}:${lifeSupport}`,
        priority: 1,
        sinceAt: startedAt,
        about: { rule: 'lifeSupport', outage: outage.id, count: lifeSupport },
      })
    }
    const etrAt = instant(outage.etr?.latest ?? outage.etr?.at)
    if (etrAt !== null && estimatePassed(outage, at)) {
      found.push({
        key: `passed:${outage.id}:${etrAt}`,
        priority: 2,
        sinceAt: etrAt,
        about: {
          rule: 'estimatePassed',
          outage: outage.id,
          etrAt,
          customers: outage.customersOut,
        },
      })
    }
    const waiting = outage.crew === null && at - startedAt > UNATTENDED_AFTER_MS
    if (waiting && lifeSupport === 0 && outage.customersOut >= UNATTENDED_CUSTOMERS_MIN) {
      found.push({
        key: `unattended:${outage.id}`,
        priority: 2,
        sinceAt: startedAt + UNATTENDED_AFTER_MS,
        about: { rule: 'unattended', outage: outage.id, customers: outage.customersOut },
      })
    }
  }
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

/** When this desk acknowledged each alarm. */
export const acknowledged = signal<ReadonlyMap<string, EpochMs>>(
  new Map(JSON.parse(localStorage.getItem(ACKNOWLEDGED_KEY) ?? '[]') as [string, EpochMs][]),
)

export const unacknowledged = computed(() =>
  alarms.value.filter(({ key }) => !acknowledged.value.has(key)),
)

export function acknowledge(key: string): void {
  const kept = [...acknowledged.value, [key, pageTime()] as const].slice(-ACKNOWLEDGED_MAX)
  acknowledged.value = new Map(kept)
  localStorage.setItem(ACKNOWLEDGED_KEY, JSON.stringify(kept))
}

export function acknowledgeFirst(): void {
  const [first] = unacknowledged.value
  if (first !== undefined) acknowledge(first.key)
}
