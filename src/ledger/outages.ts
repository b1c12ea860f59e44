import { at, NONE, type Network } from '../grid/network.ts'
import { NO_PHASES, type Phases } from '../grid/phases.ts'
import { toIso, type EpochMs } from '../time.ts'
import {
  groupCode,
  type GroupCode,
  type InterruptionSet,
  type OutageChange,
  type OutageFacts,
  type OutageId,
  type RestorationStep,
} from './facts.ts'
import {
  NO_PAST,
  type Ledger,
  type Outage,
  type OutageBook,
  type OutagePast,
  type Spell,
} from './state.ts'
import type { Observation } from './observation.ts'
import { firstWordAt, lockedOutBetween } from './positions.ts'
import { deviceNamed, nameOf } from './device-names.ts'
import { joinOutages, partsOf } from './joining.ts'
import type { Rulings } from './rulings.ts'

export function touch(book: OutageBook, spell: Spell): void {
  touchOpening(book, spell.device, spell.from)
}

function touchOpening(book: OutageBook, device: number, opening: EpochMs): void {
  const openings = book.touched.get(device)
  if (openings === undefined) book.touched.set(device, new Set([opening]))
  else openings.add(opening)
}

/** Something beside its interruptions may have changed about what a device did around an instant. */
export function markOutages(book: OutageBook, device: number, instant: EpochMs): void {
  for (const outage of book.outages.get(device) ?? []) {
    const whole = book.joined.get(outage) ?? outage
    const end = whole.told?.restoredAt ?? Number.POSITIVE_INFINITY
    if (outage.anchorAt <= instant && instant <= end) touchOpening(book, device, outage.anchorAt)
  }
}

/** Groups the touched openings into outages and says what changed about each. */
export function settleOutages(ledger: Ledger, late: readonly Observation[]): OutageChange[] {
  const book = ledger.record
  const changes: OutageChange[] = []
  const dirty = new Set<Outage>()
  for (const [device, touched] of book.touched) {
    for (const outage of regroup(ledger, device, touched)) dirty.add(outage)
  }
  joinOutages(ledger, dirty)
  for (const outage of dirty) {
    const before = outage.told
    const after = factsOf(ledger, outage)
    if (before !== null && sameFacts(before, after)) continue
    if (before === null && after.sets.length === 0) continue
    outage.told = after
    const corrected = before !== null && late.length > 0 && restates(before, after)
    changes.push({ before, after, corrected, why: corrected ? late : [] })
  }
  book.touched.clear()
  return changes.sort(
    (a, b) => a.after.anchorAt - b.after.anchorAt || (a.after.id < b.after.id ? -1 : 1),
  )
}

/** What changes by other rulings than those so far, of what is in memory. */
export function rule(ledger: Ledger, rulings: Rulings): OutageChange[] {
  const fresh = rulings.boundaries.filter((one) => !ledger.rulings.boundaries.includes(one))
  ledger.rulings = rulings
  for (const { device: name } of fresh) {
    const device = deviceNamed(ledger, name)
    for (const outage of ledger.record.outages.get(device) ?? []) {
      touchOpening(ledger.record, device, outage.anchorAt)
    }
  }
  return settleOutages(ledger, []).map((change) => ({
    ...change,
    corrected: change.before !== null && restates(change.before, change.after),
  }))
}

/**
 * The first opening of a device that interrupts someone anchors an outage; those within the reclosing window of it belong to it. An outage
 * keeps its name while it is still the same event: same anchor, or else the nearest one that is left. What a touched opening cannot change
 * is left alone: a device that opens every ten minutes has many outages, and its last one is news.
 */
function regroup(ledger: Ledger, device: number, touched: ReadonlySet<EpochMs>): Outage[] {
  const book = ledger.record
  let all = book.outages.get(device)
  if (all === undefined) book.outages.set(device, (all = []))
  const known = all.splice(firstChangeable(ledger, all, touched))
  const instants = openingsOf(book.openings.get(device), known, touched)
  const groups = groupOpenings(ledger, device, instants, known)
  const left = new Map(known.map((outage) => [outage.anchorAt, outage]))
  const result: Outage[] = []
  const dirty: Outage[] = []
  const take = (outage: Outage, group: readonly EpochMs[]): void => {
    const changed =
      outage.anchorAt !== group[0] ||
      outage.openings.length !== group.length ||
      group.some((instant, i) => touched.has(instant) || outage.openings[i] !== instant)
    outage.anchorAt = group[0] as EpochMs
    outage.openings = group
    result.push(outage)
    if (changed) dirty.push(outage)
  }
  const unnamed: EpochMs[][] = []
  for (const { of, openings: group } of groups) {
    const same = of ?? left.get(group[0] as EpochMs)
    if (same === undefined) unnamed.push(group)
    else {
      left.delete(same.anchorAt)
      take(same, group)
    }
  }
  for (const group of unnamed) {
    const nearest =
      left.size === 0 ? undefined : nearestOutage(ledger, device, [...left.values()], group)
    if (nearest !== undefined) {
      left.delete(nearest.anchorAt)
      take(nearest, group)
    } else {
      const fresh: Outage = {
        id: nameOutage(ledger, device, group[0] as EpochMs),
        device,
        anchorAt: group[0] as EpochMs,
        openings: [],
        pinned: NOT_PINNED,
        past: NO_PAST,
        told: null,
      }
      book.byId.set(fresh.id, fresh)
      take(fresh, group)
    }
  }
  for (const withdrawn of left.values()) {
    if (withdrawn.openings.length > 0) dirty.push(withdrawn)
    withdrawn.openings = []
    result.push(withdrawn)
  }
  all.push(...result.sort((a, b) => a.anchorAt - b.anchorAt))
  return dirty
}

/**
 * The first outage of a device, in the order of anchors, that openings can change: an opening belongs to the outage that began last before
 * it, or begins one, which may take the name of a withdrawn one as far back as the reclosing window. What a horizon holds together may
 * overlap, and is looked at as a whole.
 */
function firstChangeable(
  { settings }: Ledger,
  outages: readonly Outage[],
  touched: ReadonlySet<EpochMs>,
): number {
  if (outages.some(({ pinned }) => pinned.size > 0)) return 0
  let first = Number.POSITIVE_INFINITY
  for (const instant of touched) if (instant < first) first = instant
  let index = outages.length
  const isBefore = ({ openings, anchorAt }: Outage): boolean =>
    openings.length > 0 && anchorAt <= first
  while (index > 0 && !isBefore(outages[index - 1] as Outage)) index--
  if (index === 0) return 0
  index--
  const from = (outages[index] as Outage).anchorAt - settings.recloseWindowMs
  while (index > 0 && (outages[index - 1] as Outage).anchorAt >= from) index--
  return index
}

/** The instants at which some outages and what was touched open now; openings without spells are none any more. */
function openingsOf(
  openings: Map<EpochMs, Set<Spell>> | undefined,
  outages: readonly Outage[],
  touched: ReadonlySet<EpochMs>,
): EpochMs[] {
  const instants = new Set(touched)
  for (const outage of outages) for (const instant of outage.openings) instants.add(instant)
  for (const instant of instants) {
    const spells = openings?.get(instant)
    if (spells !== undefined && spells.size > 0) continue
    openings?.delete(instant)
    instants.delete(instant)
  }
  return [...instants].sort((a, b) => a - b)
}

export const NOT_PINNED: ReadonlySet<EpochMs> = new Set()

type OpeningGroup = {
  /** The outage that openings from before the horizon hold it to. */
  readonly of: Outage | undefined
  readonly openings: EpochMs[]
}

function groupOpenings(
  ledger: Ledger,
  device: number,
  instants: readonly EpochMs[],
  known: readonly Outage[],
): OpeningGroup[] {
  const pinnedTo = new Map<EpochMs, Outage>()
  for (const outage of known) for (const instant of outage.pinned) pinnedTo.set(instant, outage)
  const { settings, rulings } = ledger
  const boundaries =
    rulings.boundaries.length === 0
      ? []
      : rulings.boundaries.filter((one) => one.device === nameOf(ledger, device))
  const groups: OpeningGroup[] = []
  for (const instant of instants) {
    const of = pinnedTo.get(instant)
    const group = of === undefined ? groups.at(-1) : groups.find((one) => one.of === of)
    const anchor = group?.openings[0]
    const belongs =
      anchor !== undefined &&
      (of !== undefined ||
        (instant - anchor <= settings.recloseWindowMs &&
          !boundaries.some(({ at }) => anchor < at && at <= instant)))
    if (belongs) group?.openings.push(instant)
    else groups.push({ of, openings: [instant] })
  }
  return groups
}

/** What is still the same event as some openings of its device: the nearest former outage that overlaps them, or lies within the reclosing window. */
export function nearestOutage<Former extends FormerOutage>(
  ledger: Ledger,
  device: number,
  candidates: readonly Former[],
  group: readonly EpochMs[],
): Former | undefined {
  const first = group[0] as EpochMs
  const ends = lastEnd(ledger.record.openings.get(device), group)
  let best: Former | undefined
  for (const former of candidates) {
    const distance = Math.abs(former.anchorAt - first)
    const { told } = former
    const overlaps =
      told !== null && told.startedAt <= ends && (told.restoredAt ?? Infinity) >= first
    if (!overlaps && distance > ledger.settings.recloseWindowMs) continue
    if (best === undefined || distance < Math.abs(best.anchorAt - first)) best = former
  }
  return best
}

type FormerOutage = {
  readonly anchorAt: EpochMs
  readonly told: Pick<OutageFacts, 'startedAt' | 'restoredAt'> | null
}

function lastEnd(
  openings: ReadonlyMap<EpochMs, ReadonlySet<Spell>> | undefined,
  group: readonly EpochMs[],
): EpochMs {
  let last = Number.NEGATIVE_INFINITY
  for (const instant of group) {
    for (const spell of openings?.get(instant) ?? []) last = Math.max(last, spell.until ?? Infinity)
  }
  return last
}

/** What the spells of an outage add up to. */
export function factsOf(ledger: Ledger, outage: Outage): OutageFacts {
  const { network, record } = ledger
  const parts = partsOf(record, outage)
  const sets = new Gatherings()
  const steps = new Map<EpochMs, { device: number; customers: number }>()
  const interrupted = new Set<number>()
  const past = pastOf(parts)
  const before = pastSums(ledger, past)
  let { phases, customersInterrupted, closedCustomerMs } = before
  let customersOut = 0
  let restoredAt: EpochMs | null = before.restoredAt
  for (const spell of spellsOf(record, parts)) {
    const customers = at(network.groupCustomers, spell.group)
    sets.add(network, spell)
    phases |= spell.phases
    if (!interrupted.has(spell.group)) {
      interrupted.add(spell.group)
      if (!before.members.has(codeOf(ledger, spell.group))) customersInterrupted += customers
    }
    if (spell.until === null) {
      customersOut += customers
      restoredAt = null
      continue
    }
    closedCustomerMs += customers * (spell.until - spell.from)
    if (restoredAt !== null) restoredAt = Math.max(restoredAt, spell.until)
    const step = steps.get(spell.until)
    if (step === undefined) {
      steps.set(spell.until, { device: spell.restoredBy, customers })
    } else {
      step.customers += customers
      step.device = upstream(network, step.device, spell.restoredBy)
    }
  }
  const gathered = past.sets.slice()
  for (const set of sets.all) finish(ledger, set, gathered)
  gathered.sort(compareSets)
  const history = ledger.histories.get(outage.device)
  return {
    id: outage.id,
    device: nameOf(ledger, outage.device),
    anchorAt: outage.anchorAt,
    // What was said before the horizon is no longer in memory, but it was judged then.
    startUncertain:
      outage.anchorAt < ledger.horizon
        ? (outage.told?.startUncertain ?? false)
        : history !== undefined && firstWordAt(history, outage.anchorAt),
    lockedOut: parts.some((part) => hasLockedOut(ledger, part, restoredAt)),
    phases,
    area: shared(gathered, (set) => set.area),
    substation: shared(gathered, (set) => set.substation),
    // A head is its feeder's, also when others hung on it at the time.
    feeder: shared(gathered, (set) => set.feeder) ?? feederOfHead(network, outage.device),
    startedAt: outage.anchorAt,
    restoredAt: restoredAt === Number.NEGATIVE_INFINITY ? outage.anchorAt : restoredAt,
    customersOut,
    customersInterrupted,
    closedCustomerMs,
    steps: stepsOf(ledger, past, steps),
    sets: gathered,
  }
}

function hasLockedOut(ledger: Ledger, part: Outage, restoredAt: EpochMs | null): boolean {
  const history = ledger.histories.get(part.device)
  return (
    (part.anchorAt < ledger.horizon && part.told?.lockedOut === true) ||
    (history !== undefined &&
      lockedOutBetween(history, part.anchorAt, restoredAt ?? Number.POSITIVE_INFINITY))
  )
}

function spellsOf(record: OutageBook, parts: readonly Outage[]): Spell[] {
  const spells: Spell[] = []
  for (const { device, openings } of parts) {
    for (const opening of openings) {
      for (const spell of record.openings.get(device)?.get(opening) ?? []) {
        if (spell.group !== NONE) spells.push(spell)
      }
    }
  }
  return spells
}

function pastOf(parts: readonly Outage[]): OutagePast {
  if (parts.every(({ past }) => past === NO_PAST)) return NO_PAST
  const [first, ...rest] = parts.filter(({ past }) => past !== NO_PAST)
  if (first === undefined) return NO_PAST
  if (rest.length === 0) return first.past
  const steps = new Map<EpochMs, RestorationStep>()
  for (const { past } of [first, ...rest]) {
    for (const step of past.steps) {
      const same = steps.get(step.at)
      steps.set(step.at, {
        ...step,
        customersRestored: step.customersRestored + (same?.customersRestored ?? 0),
      })
    }
  }
  return { sets: [first, ...rest].flatMap(({ past }) => past.sets), steps: [...steps.values()] }
}

type PastSums = {
  readonly members: ReadonlySet<number>
  readonly phases: Phases
  readonly customersInterrupted: number
  readonly closedCustomerMs: number
  readonly restoredAt: EpochMs
}

const NOTHING_PAST: PastSums = {
  members: new Set(),
  phases: NO_PHASES,
  customersInterrupted: 0,
  closedCustomerMs: 0,
  restoredAt: Number.NEGATIVE_INFINITY,
}

/** Each customer once, also of a group that lost supply several times; how many a group has is known from the sets that it is new in. */
function pastSums({ network, record }: Ledger, { sets }: OutagePast): PastSums {
  if (sets.length === 0) return NOTHING_PAST
  const members = new Set<number>()
  let { phases, customersInterrupted, closedCustomerMs, restoredAt } = NOTHING_PAST
  for (const set of sets) {
    const until = set.until ?? set.from
    phases |= set.phases
    closedCustomerMs += set.customers * (until - set.from)
    restoredAt = Math.max(restoredAt, until)
    const fresh = set.members.filter((member) => !members.has(member))
    if (fresh.length === set.members.length) customersInterrupted += set.customers
    else if (fresh.length > 0) {
      const drawn = customersByCode(network, record.loadPointNumber, fresh)
      customersInterrupted +=
        drawn ?? Math.round((set.customers * fresh.length) / set.members.length)
    }
    for (const member of fresh) members.add(member)
  }
  return { members, phases, customersInterrupted, closedCustomerMs, restoredAt }
}

/** Customers of some supply groups; undefined where one of them is no longer drawn. */
function customersByCode(
  network: Network,
  loadPointNumber: Int32Array,
  codes: readonly GroupCode[],
): number | undefined {
  const wanted = new Set(codes)
  let customers = 0
  for (let group = 0; group < network.groupPhases.length; group++) {
    const number = at(loadPointNumber, at(network.groupLoadPoint, group))
    if (!wanted.delete(groupCode(number, at(network.groupPhases, group)))) continue
    customers += at(network.groupCustomers, group)
  }
  return wanted.size === 0 ? customers : undefined
}

function stepsOf(
  ledger: Ledger,
  past: OutagePast,
  steps: ReadonlyMap<EpochMs, { readonly device: number; readonly customers: number }>,
): readonly RestorationStep[] {
  if (past.steps.length === 0 && steps.size === 0) return NO_STEPS
  const byInstant = new Map(past.steps.map((step) => [step.at, step]))
  for (const [instant, { device, customers }] of steps) {
    const before = byInstant.get(instant)
    byInstant.set(instant, {
      at: instant,
      device: nameOf(ledger, device) ?? before?.device ?? null,
      customersRestored: customers + (before?.customersRestored ?? 0),
    })
  }
  return [...byInstant.values()].sort((a, b) => a.at - b.at)
}

const NO_STEPS: readonly RestorationStep[] = []

function feederOfHead(network: Network, device: number): string | null {
  if (device === NONE) return null
  const feeder = network.feederHead.indexOf(device)
  return feeder < 0 ? null : (network.feeders[feeder]?.id ?? null)
}

function upstream(network: Network, a: number, b: number): number {
  if (a === NONE) return b
  if (b === NONE) return a
  return at(network.switchRank, a) <= at(network.switchRank, b) ? a : b
}

export const codeOf = ({ network, record }: Ledger, group: number): GroupCode =>
  groupCode(
    at(record.loadPointNumber, at(network.groupLoadPoint, group)),
    at(network.groupPhases, group),
  )

/** Spells of one feeder with the same beginning and end. */
type Gathering = {
  readonly from: EpochMs
  readonly until: EpochMs | null
  readonly feeder: number
  readonly spells: Spell[]
}

/** `last` is where the spell before went: most go there too. `byKey` knows the others by what they have in common. */
class Gatherings {
  readonly all: Gathering[] = []
  private last: Gathering | undefined
  private byKey: Map<string, Gathering> | undefined

  add(network: Network, spell: Spell): void {
    const feeder = at(network.loadPointFeeder, at(network.groupLoadPoint, spell.group))
    const { last } = this
    if (last?.from === spell.from && last.until === spell.until && last.feeder === feeder) {
      last.spells.push(spell)
      return
    }
    let known: Gathering | undefined
    if (this.all.length > 0) known = this.others().get(keyOf(spell, feeder))
    if (known === undefined) {
      known = { from: spell.from, until: spell.until, feeder, spells: [spell] }
      this.all.push(known)
      this.byKey?.set(keyOf(spell, feeder), known)
    } else known.spells.push(spell)
    this.last = known
  }

  private others(): Map<string, Gathering> {
    this.byKey ??= new Map(this.all.map((set) => [keyOf(set, set.feeder), set]))
    return this.byKey
  }
}

const keyOf = ({ from, until }: Pick<Spell, 'from' | 'until'>, feeder: number): string =>
  `${from}/${until}/${feeder}`

/** One set nearly always: each group lost those of its phases that all lost together. What lost fewer makes sets of its own. */
function finish(ledger: Ledger, { feeder, spells }: Gathering, sets: InterruptionSet[]): void {
  const { network } = ledger
  let together = NO_PHASES
  for (const spell of spells) together |= spell.phases
  const isWhole = (spell: Spell): boolean =>
    spell.phases === (together & at(network.groupPhases, spell.group))
  if (spells.every(isWhole)) {
    sets.push(finishSet(ledger, feeder, together, spells))
    return
  }
  const byPhases = new Map<Phases, Spell[]>()
  for (const spell of spells) {
    const phases = isWhole(spell) ? together : spell.phases
    const same = byPhases.get(phases)
    if (same === undefined) byPhases.set(phases, [spell])
    else same.push(spell)
  }
  for (const [phases, same] of byPhases) sets.push(finishSet(ledger, feeder, phases, same))
}

function finishSet(
  ledger: Ledger,
  feeder: number,
  phases: Phases,
  spells: readonly Spell[],
): InterruptionSet {
  const { network } = ledger
  const first = spells[0] as Spell
  const row = feeder === NONE ? undefined : network.feeders[feeder]
  const substation = feeder === NONE ? NONE : at(network.feederSubstation, feeder)
  let customers = 0
  let connectedKva: number | null = null
  const members: number[] = []
  for (const { group } of spells) {
    customers += at(network.groupCustomers, group)
    const kva = at(network.groupKva, group)
    if (!Number.isNaN(kva)) connectedKva = (connectedKva ?? 0) + kva
    members.push(codeOf(ledger, group))
  }
  return {
    from: first.from,
    until: first.until,
    area: substation === NONE ? null : (network.substations[substation]?.area ?? null),
    substation: row?.substation ?? null,
    feeder: row?.id ?? null,
    phases,
    customers,
    connectedKva,
    members: members.sort((a, b) => a - b),
  }
}

function compareSets(a: InterruptionSet, b: InterruptionSet): number {
  return (
    a.from - b.from ||
    (a.until ?? Number.MAX_VALUE) - (b.until ?? Number.MAX_VALUE) ||
    a.phases - b.phases ||
    ((a.feeder ?? '') < (b.feeder ?? '') ? -1 : 1)
  )
}

/** What all have in common; null where they differ. */
function shared<T>(sets: readonly InterruptionSet[], read: (set: InterruptionSet) => T): T | null {
  const [first] = sets
  if (first === undefined) return null
  const value = read(first)
  return sets.every((set) => read(set) === value) ? value : null
}

export function sameFacts(a: OutageFacts, b: OutageFacts): boolean {
  return (
    a.anchorAt === b.anchorAt &&
    a.startUncertain === b.startUncertain &&
    a.lockedOut === b.lockedOut &&
    a.restoredAt === b.restoredAt &&
    a.customersOut === b.customersOut &&
    a.customersInterrupted === b.customersInterrupted &&
    a.closedCustomerMs === b.closedCustomerMs &&
    a.phases === b.phases &&
    a.area === b.area &&
    a.substation === b.substation &&
    a.feeder === b.feeder &&
    a.steps.length === b.steps.length &&
    a.steps.every((step, i) => sameStep(step, b.steps[i] as RestorationStep)) &&
    a.sets.length === b.sets.length &&
    a.sets.every((set, i) => sameSet(set, b.sets[i] as InterruptionSet))
  )
}

const sameStep = (a: RestorationStep, b: RestorationStep): boolean =>
  a.at === b.at && a.device === b.device && a.customersRestored === b.customersRestored

export const sameSet = (a: InterruptionSet, b: InterruptionSet): boolean =>
  a.from === b.from &&
  a.until === b.until &&
  a.feeder === b.feeder &&
  a.substation === b.substation &&
  a.area === b.area &&
  a.phases === b.phases &&
  a.customers === b.customers &&
  a.members.length === b.members.length &&
  a.members.every((member, i) => member === b.members[i])

/** Progress keeps what was said: who was out since when, and who came back when. Anything else is a correction. */
export function restates(before: OutageFacts, after: OutageFacts): boolean {
  if (before.anchorAt !== after.anchorAt || before.startUncertain !== after.startUncertain) {
    return true
  }
  const closed = new Set<string>()
  const begun = new Set<string>()
  for (const set of after.sets) {
    for (const member of set.members) {
      begun.add(`${member}/${set.from}`)
      closed.add(`${member}/${set.from}/${set.until}`)
    }
  }
  for (const set of before.sets) {
    for (const member of set.members) {
      if (set.until === null) {
        if (!begun.has(`${member}/${set.from}`)) return true
      } else if (!closed.has(`${member}/${set.from}/${set.until}`)) return true
    }
  }
  return false
}

/** `20261124-` and a digest of device and anchor; the same event gets the same name wherever it is derived first. */
export function nameOutage(ledger: Ledger, device: number, anchor: EpochMs): OutageId {
  const day = toIso(anchor).slice(0, 10).replaceAll('-', '')
  const what = `${nameOf(ledger, device) ?? 'revision'}@${anchor}`
  for (let again = 0; ; again++) {
    const id = `${day}-${digest(again === 0 ? what : `${what}#${again}`)}`
    if (!ledger.record.byId.has(id)) return id
  }
}

/** 53 bits of a mixing hash, in base 36: a name, not a secret. (cyrb53, public domain.) */
function digest(text: string): string {
  let h1 = 0xdeadbeef
  let h2 = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    h1 = Math.imul(h1 ^ code, 2654435761)
    h2 = Math.imul(h2 ^ code, 1597334677)
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2246822507) ^ Math.imul(h2 ^ (h2 >>> 13), 3266489909)
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2246822507) ^ Math.imul(h1 ^ (h1 >>> 13), 3266489909)
  return (4294967296 * (2097151 & h2) + (h1 >>> 0)).toString(36).padStart(11, '0')
}
