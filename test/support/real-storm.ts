import fs from 'node:fs'
import zlib from 'node:zlib'
import { ALL_PHASES } from '../../src/grid/phases.ts'
import type { Etr } from '../../src/ledger/acts.ts'
import type { InterruptionSet, OutageFacts, RestorationStep } from '../../src/ledger/facts.ts'
import { composeNotices } from '../../src/notices/compose.ts'
import {
  etrScoreboard,
  firstEstimate,
  renewalAgain,
  renewalOf,
  settleEtr,
  type EtrScore,
  type JudgedEtr,
  type PastOutage,
} from '../../src/notices/etr.ts'
import type { Draft } from '../../src/notices/notice.ts'
import type { DeskChange, OutageStanding } from '../../src/notices/standing.ts'
import { isByPerson, NOTHING_TOLD } from '../../src/notices/told.ts'
import { MS_PER_S } from '../../src/time.ts'

/**
 * Hurricane Helene over Kentucky, as LG&E and KU's own map told it every quarter of an hour: 7,120 outages in six days. Played through the
 * product's rules on simulated time, as the engine would have been told.
 */
const STORM = new URL(
  '../../../shared/data/storm_lgeku_helene_2024/polls.jsonl.gz',
  import.meta.url,
)
export const STORM_ZONE = 'America/Kentucky/Louisville'
/** False, or why the record cannot be read. */
export const stormMissing = (): string | false =>
  fs.existsSync(STORM) ? false : 'the record of the storm (../shared/data) is not here'

export type Marker = {
  readonly id: string
  readonly startTime: string
  readonly custAffected: number
  readonly cause: string
  readonly etr: string
  readonly comments: string
  readonly latitude: number
  readonly longitude: number
}
export type Poll = { readonly t: string; readonly upsert: Marker[]; readonly remove: string[] }

export function readPolls(): Poll[] {
  const text = zlib.gunzipSync(fs.readFileSync(STORM)).toString()
  return text
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Poll)
}

/** What the utility's own map said of an estimate: from whom, by its comment. */
const BY_TECHNICIANS = 'based on an evaluation of the situation by our technicians'

const CAUSES: Readonly<Record<string, string>> = {
  'Weather-related': 'weather',
  'Trees or limbs in lines': 'vegetation',
  'Damaged equipment': 'equipment',
  'Wildlife in equipment': 'wildlife',
  'Motor vehicle accident': 'public',
  'Scheduled maintenance': 'planned',
}

/** Customers of one outage who share one fate: those between two counts that the map showed of it. */
type Unit = {
  readonly group: number
  readonly customers: number
  readonly upTo: number
  readonly sets: Span[]
}
type Span = { from: number; until: number | null }

type Live = {
  readonly id: string
  readonly startedAt: number
  readonly seenAt: number
  readonly openOutages: number
  readonly units: readonly Unit[]
  facts: OutageFacts | null
  etr: Etr | null
  cause: string | null
  told: OutageStanding['told']
  restoredAt: number | null
  /** The first estimate of a machine of ours, and of the utility. */
  ourFirst: Etr | null
  theirFirst: Etr | null
}

export type Sent = Draft & { readonly customers: number }

export type Replay = {
  readonly outages: readonly Live[]
  readonly peakOut: number
  /** Everything that was told, with how many customers heard it. */
  readonly sent: readonly Sent[]
  /** Customers × outage: who was out twice counts twice. */
  readonly interrupted: number
  readonly ours: readonly JudgedEtr[]
  readonly theirs: readonly JudgedEtr[]
}

/**
 * The map knows outages, not households. How many there were, the utility said itself ("more than 205,000 customers impacted", press
 * release of 29 September 2024): by then.
 */
export const HOUSEHOLDS = { customers: 205_000, until: Date.parse('2024-09-29T16:46:00Z') }

/** What a household of the storm was told in all, over every outage that had come up by then, and of that: off, and on again. */
export function perHousehold({ sent, outages }: Replay): {
  readonly all: number
  readonly offAndOn: number
} {
  const ids = new Set(
    outages.filter(({ seenAt }) => seenAt <= HOUSEHOLDS.until).map(({ id }) => id),
  )
  let all = 0
  let offAndOn = 0
  for (const { audience, kind, outage, customers } of sent) {
    if (audience !== 'customer' || outage === null || !ids.has(outage)) continue
    all += customers
    if (kind === 'supplyLost' || kind === 'supplyRestored') offAndOn += customers
  }
  return { all: all / HOUSEHOLDS.customers, offAndOn: offAndOn / HOUSEHOLDS.customers }
}

/** `technicians`: the estimates that the utility's crews gave are given to us, too, as the words of crews. */
export function replayStorm(
  polls: readonly Poll[],
  options: { readonly technicians: boolean; readonly noticeHoldS?: number },
): Replay {
  const settings = { noticeHoldS: options.noticeHoldS ?? 20, timeZone: STORM_ZONE }
  const outages = new Map<string, Live>()
  const open = new Set<Live>()
  const holds = new Map<string, number>()
  const estimates = new Map<string, number>()
  const history: PastOutage[] = []
  const sent: Sent[] = []
  const customersOf = new Map<number, number>()
  let groups = 0
  let peakOut = 0

  const counts = countsShown(polls)
  const unitsOf = (id: string): Unit[] =>
    (counts.get(id) ?? []).map((upTo, i, all) => {
      const group = ++groups * 8 + ALL_PHASES
      const customers = upTo - (all[i - 1] ?? 0)
      customersOf.set(group, customers)
      return { group, customers, upTo, sets: [] }
    })

  function compose(
    at: number,
    input: { changed?: Live[]; desk?: DeskChange[]; due?: string[] },
  ): void {
    const changes = (input.changed ?? []).map((one) => {
      const before = one.facts
      one.facts = factsOf(one)
      return { before, after: one.facts, corrected: false, why: [] }
    })
    const composed = composeNotices({
      changes,
      desk: input.desk ?? [],
      due: input.due ?? [],
      at,
      settings,
      board: (id) => {
        const one = outages.get(id) as Live
        return {
          facts: one.facts as OutageFacts,
          planned: one.cause === 'planned',
          etr: one.etr,
          crew: null,
          cause: one.cause,
          closedAt: null,
          storm: false,
          told: one.told,
        }
      },
    })
    for (const [id, told] of composed.told) (outages.get(id) as Live).told = told
    for (const id of [
      ...changes.map(({ after }) => after.id),
      ...(input.desk ?? []).map(({ outage }) => outage),
      ...(input.due ?? []),
    ])
      holds.delete(id)
    for (const { outage, due } of composed.holds) {
      // An engine that is called for nothing calls itself at once again.
      if (due <= at) throw new Error(`outage ${outage} is due again at once`)
      holds.set(outage, due)
    }
    for (const draft of composed.drafts) {
      let customers = 0
      for (const group of draft.members ?? []) customers += customersOf.get(group) ?? 0
      sent.push({ ...draft, customers })
    }
  }

  /** What time alone brings until `until`, each when it is due. */
  function pass(until: number): void {
    for (;;) {
      let next: { id: string; at: number; what: 'hold' | 'estimate' } | undefined
      for (const [id, at] of holds)
        if (at <= until && at < (next?.at ?? Infinity)) next = { id, at, what: 'hold' }
      for (const [id, at] of estimates)
        if (at <= until && at < (next?.at ?? Infinity)) next = { id, at, what: 'estimate' }
      if (next === undefined) return
      const { at } = next
      if (next.what === 'hold') {
        const due = [...holds].filter(([, one]) => one <= at).map(([id]) => id)
        compose(at, { due })
        continue
      }
      const desk: DeskChange[] = []
      for (const [id, due] of estimates) {
        if (due > at) continue
        estimates.delete(id)
        const change = estimate(outages.get(id) as Live, at)
        if (change !== null) desk.push(change)
      }
      compose(at, { desk })
    }
  }

  function estimate(one: Live, at: number): DeskChange | null {
    if (one.restoredAt !== null) return null
    const offered = firstEstimate(
      history,
      {
        deviceClass: null,
        cause: one.cause,
        startedAt: one.startedAt,
        customers: outOf(one),
        openOutages: one.openOutages,
      },
      at,
      STORM_ZONE,
    ).etr
    const etr = settleEtr(one.etr, offered)
    if (etr === null) return null
    if (etr === one.etr) {
      if (!isByPerson(etr) && renewalAgain(etr) > at) estimates.set(one.id, renewalAgain(etr))
      return null
    }
    one.etr = etr
    one.ourFirst ??= etr
    renewAt(one, etr)
    return { desk: 'etr', outage: one.id, etr }
  }

  function renewAt(one: Live, etr: Etr): void {
    const due = renewalOf(etr)
    if (due !== null) estimates.set(one.id, due)
  }

  /** As the engine's experience: one entry an outage, seen as it stands at the moment. */
  const past = new Map<string, PastOutage & { restoredAt: number | null }>()
  for (const poll of polls) {
    const at = Date.parse(poll.t)
    pass(at)
    const changed = new Set<Live>()
    const desk: DeskChange[] = []
    for (const id of poll.remove) {
      const one = outages.get(id) as Live
      for (const unit of one.units) endUnit(unit, at)
      one.restoredAt = at
      open.delete(one)
      const lesson = past.get(id)
      if (lesson !== undefined) lesson.restoredAt = at
      changed.add(one)
    }
    for (const marker of poll.upsert) {
      const { id } = marker
      let one = outages.get(id)
      if (one === undefined) {
        const startedAt = Math.min(Date.parse(marker.startTime), at)
        one = {
          id,
          startedAt,
          seenAt: at,
          openOutages: open.size,
          units: unitsOf(id),
          facts: null,
          etr: null,
          cause: null,
          told: NOTHING_TOLD,
          restoredAt: null,
          ourFirst: null,
          theirFirst: null,
        }
        outages.set(id, one)
        resize(one, marker.custAffected, startedAt, at)
        changed.add(one)
        estimates.set(id, at + ESTIMATE_AFTER_S * MS_PER_S)
      } else {
        if (one.restoredAt !== null) {
          // The utility had taken it off its map too early.
          one.restoredAt = null
          const lesson = past.get(id)
          if (lesson !== undefined) lesson.restoredAt = null
          changed.add(one)
        }
        if (resize(one, marker.custAffected, at, at)) changed.add(one)
      }
      open.add(one)
      const cause = CAUSES[marker.cause] ?? null
      if (cause !== one.cause) {
        one.cause = cause
        if (!changed.has(one)) desk.push({ desk: 'cause', outage: id, cause })
      }
      if (!past.has(id)) {
        const lesson = {
          deviceClass: null,
          cause,
          startedAt: one.startedAt,
          customers: marker.custAffected,
          openOutages: one.openOutages,
          restoredAt: null,
        }
        past.set(id, lesson)
        history.push(lesson)
      }
      const promised = Date.parse(marker.etr)
      if (Number.isNaN(promised)) continue
      const theirs: Etr = {
        at: promised,
        earliest: null,
        latest: null,
        source: marker.comments.includes(BY_TECHNICIANS) ? 'crew' : 'rule',
        issuedAt: at,
      }
      one.theirFirst ??= theirs
      const isWord = options.technicians && theirs.source === 'crew' && promised > at
      if (isWord && (one.etr?.source !== 'crew' || one.etr.at !== promised)) {
        one.etr = theirs
        estimates.delete(id)
        desk.push({ desk: 'etr', outage: id, etr: theirs })
      }
    }
    let out = 0
    for (const one of open) out += outOf(one)
    peakOut = Math.max(peakOut, out)
    compose(at, { changed: [...changed], desk })
  }
  const all = [...outages.values()]
  const judged = all.slice(all.length >> 1).filter((one) => one.restoredAt !== null)
  return {
    outages: all,
    peakOut,
    sent,
    interrupted: [...customersOf.values()].reduce((sum, one) => sum + one, 0),
    ours: judged.flatMap(({ ourFirst, restoredAt }) =>
      ourFirst === null || restoredAt === null ? [] : [{ etr: ourFirst, restoredAt }],
    ),
    theirs: judged.flatMap(({ theirFirst, restoredAt }) =>
      theirFirst === null || restoredAt === null || theirFirst.issuedAt > restoredAt
        ? []
        : [{ etr: theirFirst, restoredAt }],
    ),
  }
}

/** As the control room: a reclosing has had its chance. */
const ESTIMATE_AFTER_S = 5

function endUnit(unit: Unit, at: number): void {
  const last = unit.sets.at(-1)
  if (last !== undefined && last.until === null) last.until = at
}

const isOut = (unit: Unit): boolean => unit.sets.at(-1)?.until === null

const outOf = (one: Live): number =>
  one.units.reduce((sum, unit) => sum + (isOut(unit) ? unit.customers : 0), 0)

/**
 * The count on the map has moved. Customers are cut at every count that the map ever showed for their outage; whoever joined last is
 * back first, and who is out again is one who was: the reading that lets the same people hear most.
 */
function resize(one: Live, count: number, from: number, at: number): boolean {
  let changed = false
  for (const unit of one.units) {
    const out = unit.upTo <= count
    if (out === isOut(unit)) continue
    changed = true
    if (out) unit.sets.push({ from, until: null })
    else endUnit(unit, at)
  }
  return changed
}

function countsShown(polls: readonly Poll[]): Map<string, number[]> {
  const counts = new Map<string, Set<number>>()
  for (const { upsert } of polls) {
    for (const { id, custAffected } of upsert) {
      const own = counts.get(id) ?? new Set()
      counts.set(id, own.add(custAffected))
    }
  }
  return new Map([...counts].map(([id, own]) => [id, [...own].sort((a, b) => a - b)]))
}

function factsOf(one: Live): OutageFacts {
  const spans = new Map<string, InterruptionSet & { members: number[] }>()
  for (const unit of one.units) {
    for (const { from, until } of unit.sets) {
      const key = `${from} ${until}`
      const known = spans.get(key)
      spans.set(key, {
        from,
        until,
        area: 'Kentucky',
        substation: null,
        feeder: null,
        phases: ALL_PHASES,
        customers: (known?.customers ?? 0) + unit.customers,
        connectedKva: null,
        members: [...(known?.members ?? []), unit.group],
      })
    }
  }
  const sets = [...spans.values()].sort((a, b) => a.from - b.from)
  const ends = [...new Set(sets.flatMap(({ until }) => (until === null ? [] : [until])))].sort(
    (a, b) => a - b,
  )
  const steps: RestorationStep[] = ends.map((end) => ({
    at: end,
    device: null,
    customersRestored: sets.reduce((sum, set) => sum + (set.until === end ? set.customers : 0), 0),
  }))
  const out = outOf(one)
  return {
    id: one.id,
    device: `line ${one.id}`,
    anchorAt: one.startedAt,
    startUncertain: false,
    lockedOut: false,
    phases: ALL_PHASES,
    area: 'Kentucky',
    substation: null,
    feeder: null,
    startedAt: one.startedAt,
    restoredAt: out === 0 ? (ends.at(-1) ?? null) : null,
    customersOut: out,
    customersInterrupted: one.units.reduce((sum, unit) => sum + unit.customers, 0),
    closedCustomerMs: 0,
    steps,
    sets,
  }
}

export type Judged = {
  readonly perCustomer: number
  readonly byKind: Readonly<Record<string, number>>
  /** Estimates told to customers or the public that lay in the past when they were told, or out of order in themselves. */
  readonly pastEstimates: readonly Sent[]
  /** What contradicts what the same people were told before, or what was so. */
  readonly contradictions: readonly string[]
  readonly ours: EtrScore
  readonly theirs: EtrScore
}

export function judgeReplay({ sent, outages, interrupted, ours, theirs }: Replay): Judged {
  const heard = sent.filter(({ audience }) => audience === 'customer')
  const byKind: Record<string, number> = {}
  for (const { kind, customers } of heard)
    byKind[kind] = (byKind[kind] ?? 0) + customers / interrupted
  return {
    perCustomer: heard.reduce((sum, { customers }) => sum + customers, 0) / interrupted,
    byKind,
    pastEstimates: sent.filter(({ audience, at, data: { etr } }) => {
      if (audience === 'staff' || etr === null) return false
      const likely = Date.parse(etr.at)
      return (
        likely <= at ||
        (etr.earliest !== null &&
          !(at < Date.parse(etr.earliest) && Date.parse(etr.earliest) < likely)) ||
        (etr.latest !== null && Date.parse(etr.latest) < likely)
      )
    }),
    contradictions: contradictions(heard, outages),
    ours: scoreOf(ours),
    theirs: scoreOf(theirs),
  }
}

function scoreOf(judged: readonly JudgedEtr[]): EtrScore {
  const [score] = etrScoreboard(
    judged.map((one) => ({ ...one, etr: { ...one.etr, source: 'rule' } })),
  )
  if (score === undefined) throw new Error('no estimates to judge')
  return score
}

/** Each household's messages read one after the other, beside what was so: reckoned from the map alone. */
function contradictions(heard: readonly Sent[], outages: readonly Live[]): string[] {
  const found: string[] = []
  const spans = new Map(
    outages.flatMap(({ units }) => units.map(({ group, sets }) => [group, sets] as const)),
  )
  const believes = new Map<number, 'on' | 'off'>()
  for (const { kind, members, at, data } of heard) {
    for (const group of members ?? []) {
      const own = spans.get(group) ?? []
      const isOff = own.some(({ from, until }) => from <= at && (until === null || at < until))
      const before = believes.get(group) ?? 'on'
      const fault = (says: string) =>
        found.push(`${data.outage} ${new Date(at).toISOString()} ${kind}: ${says}`)
      if (kind === 'supplyLost') {
        if (before === 'off') fault('told twice that it is off')
        if (!isOff) fault('it is on')
        believes.set(group, 'off')
      } else if (kind === 'supplyRestored') {
        if (before === 'on') fault('back, and was never told to be off')
        if (isOff) fault('it is still off')
        believes.set(group, 'on')
      } else {
        if (before === 'on') fault('news of an outage that they know nothing of')
        if (!isOff) fault('news of an outage that is over for them')
      }
    }
  }
  for (const [group, believed] of believes) {
    const isOff = spans.get(group)?.at(-1)?.until === null
    if (isOff !== (believed === 'off')) found.push(`group ${group} is left believing ${believed}`)
  }
  return found
}
