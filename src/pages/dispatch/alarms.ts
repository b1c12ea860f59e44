import { computed } from '@preact/signals'
import { MS_PER_DAY, MS_PER_MIN, type EpochMs } from '../../time.ts'
import { instant } from '../language.ts'
import { now } from '../page-clock.ts'
import { saidOf, seenAt, shelvedUntil } from './alarm-words.ts'
import { isInZone, outAnywhere, past, priorities } from './board.ts'
import { calls, type Call } from './calls.ts'
import { presentState, type LoadAlarm, type ParallelAlarm, type UnapprovedWork } from './network.ts'
import { estimatePassed } from './outages.ts'

/** Nobody has been sent for this long. */
const UNATTENDED_AFTER_MS = 10 * MS_PER_MIN
const UNATTENDED_CUSTOMERS_MIN = 20
/** Customers expect it within this time, and nobody approved what the plan is now: it shouts once more, and louder. */
const UNAPPROVED_SOON_MS = MS_PER_DAY
/** Nobody took it for this long: it stands first at every desk, whichever zone it watches, and sounds again. */
const ESCALATED_AFTER_MS: Partial<Record<Alarm['priority'], number>> = {
  1: 3 * MS_PER_MIN,
  2: 10 * MS_PER_MIN,
}

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
  /** In a zone that this desk does not look at: there only when nobody took it. */
  readonly isElsewhere?: boolean
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
    | { readonly rule: 'unapproved'; readonly planned: UnapprovedWork }
    | { readonly rule: 'silentGateway'; readonly gateway: string; readonly switches: number }
}

const PRIORITY = { lifeSupport: 1, estimatePassed: 2, unattended: 2 } as const

/** Everything that calls for an act, wherever it is; alarms follow from the state, so what was true while nobody was connected shouts then. */
const raised = computed<readonly Alarm[]>(() => {
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
    ...(presentState.value?.loadAlarms ?? []).map((load): Alarm => ({
      key: `load:${load.id}`,
      priority: load.kind === 'overload' || load.kind === 'longOverload' ? 2 : 3,
      sinceAt: Date.parse(load.from),
      about: { rule: 'load', load },
    })),
    ...(presentState.value?.parallels ?? []).map((parallel): Alarm => ({
      key: `parallel:${parallel.id}`,
      priority: 2,
      sinceAt: Date.parse(parallel.since),
      about: { rule: 'parallel', parallel },
    })),
    ...(presentState.value?.unapprovedWorks ?? []).map((planned): Alarm => {
      const isSoon = Date.parse(planned.toldFrom) - now.value < UNAPPROVED_SOON_MS
      return {
        key: `unapproved:${planned.work}:${planned.changedAt}${isSoon ? ':soon' : ''}`,
        priority: isSoon ? 2 : 3,
        sinceAt: Date.parse(planned.changedAt),
        about: { rule: 'unapproved', planned },
      }
    }),
  ]
  for (const gateway of presentState.value?.gateways ?? []) {
    if (gateway.online) continue
    found.push({
      key: `silent:${gateway.id}:${gateway.heardAt}`,
      priority: 3,
      sinceAt: Date.parse(gateway.heardAt),
      about: {
        rule: 'silentGateway',
        gateway: gateway.id,
        switches: presentState.value?.silent.length ?? 0,
      },
    })
  }
  return found
})

/** Put aside by somebody, for a while and a reason: out of the way, and not forgotten. */
export const shelved = computed(() =>
  raised.value.filter(({ key }) => shelvedUntil(key) > now.value),
)

/** Since when it has shouted: what was put aside and is not any more begins anew. */
function shoutsSince({ key, sinceAt }: Alarm): EpochMs {
  const word = saidOf(key)
  if (word === undefined || word.kind === 'acknowledged') return sinceAt
  return Math.max(sinceAt, Date.parse(word.kind === 'shelved' ? (word.until ?? '') : word.at))
}

/** Nobody took it for long; undefined where it is taken, or not long ago. */
export function untakenMs(alarm: Alarm): number | undefined {
  const limitMs = ESCALATED_AFTER_MS[alarm.priority]
  if (limitMs === undefined || seenAt(alarm.key) !== undefined) return undefined
  const ms = now.value - shoutsSince(alarm)
  return ms >= limitMs ? ms : undefined
}

/** Those of the zone that is looked at, and from anywhere those that nobody took; what shouts first. */
export const alarms = computed<readonly Alarm[]>(() => {
  const weight = (alarm: Alarm): number =>
    seenAt(alarm.key) !== undefined ? 2 : untakenMs(alarm) !== undefined ? 0 : 1
  return raised.value
    .filter(({ key }) => shelvedUntil(key) <= now.value)
    .filter((alarm) => alarm.isElsewhere !== true || untakenMs(alarm) !== undefined)
    .map((alarm) => ({ alarm, weight: weight(alarm) }))
    .sort(
      (a, b) =>
        a.weight - b.weight ||
        a.alarm.priority - b.alarm.priority ||
        a.alarm.sinceAt - b.alarm.sinceAt,
    )
    .map(({ alarm }) => alarm)
})

export const unacknowledged = computed(() =>
  alarms.value.filter(({ key }) => seenAt(key) === undefined),
)

function outageAlarms(at: EpochMs): Alarm[] {
  const byRule: Record<OutageAlarm['rule'], Alarm[]> = {
    lifeSupport: [],
    estimatePassed: [],
    unattended: [],
  }
  const raise = (key: string, sinceAt: EpochMs, about: OutageAlarm, isElsewhere: boolean) =>
    byRule[about.rule].push({ key, priority: PRIORITY[about.rule], sinceAt, about, isElsewhere })
  for (const outage of outAnywhere.value) {
    if (outage.kind === 'planned') continue
    const isElsewhere = !isInZone(outage)
    const { id, crew, customersOut } = outage
    const startedAt = Date.parse(outage.startedAt)
    const lifeSupport = priorities.value.get(id)?.lifeSupport ?? 0
    if (lifeSupport > 0 && crew === null) {
      const about = { rule: 'lifeSupport', outage: id, count: lifeSupport } as const
      raise(`life:${id}:${lifeSupport}`, startedAt, about, isElsewhere)
    }
    const etrAt = instant(outage.etr?.latest ?? outage.etr?.at)
    if (etrAt !== null && estimatePassed(outage, at)) {
      const about = { rule: 'estimatePassed', outage: id, etrAt, count: customersOut } as const
      raise(`passed:${id}:${etrAt}`, etrAt, about, isElsewhere)
    }
    const isWaiting = crew === null && at - startedAt > UNATTENDED_AFTER_MS
    if (isWaiting && lifeSupport === 0 && customersOut >= UNATTENDED_CUSTOMERS_MIN) {
      const about = { rule: 'unattended', outage: id, count: customersOut } as const
      raise(`unattended:${id}`, startedAt + UNATTENDED_AFTER_MS, about, isElsewhere)
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
      isElsewhere: some.every(({ isElsewhere }) => isElsewhere === true),
      about: {
        rule: 'many',
        of,
        outages: some.length,
        count: some.reduce((sum, { about }) => sum + (about as OutageAlarm).count, 0),
      },
    },
  ]
}
