import { loadPointOf, type GroupCode, type OutageId } from '../ledger/facts.ts'
import { MS_PER_H, MS_PER_MIN, MS_PER_S, type EpochMs } from '../time.ts'
import type { CauseDetail } from './cause-detail.ts'
import { dayStart, type LocalDay } from './calendar.ts'
import type { InterruptionFilter, RulebookSettings } from './rulebook.ts'

/** The atom of every index: one row of the table `interruption`. Half-open `[from, until)`; `until` null while it lasts. */
export type Interruption = {
  readonly outage: OutageId
  readonly from: EpochMs
  readonly until: EpochMs | null
  readonly area: string | null
  readonly substation: string | null
  readonly feeder: string | null
  /** The local day it began on; all of it belongs to that day. */
  readonly day: LocalDay
  readonly customers: number
  readonly connectedKva: number | null
  /** Average load behind it where the row itself says so; otherwise that of its members is used. */
  readonly averageKw?: number | null
  /** Whom it interrupted; null where a record does not say: then they count as customers of their own. */
  readonly members: readonly GroupCode[] | null
  readonly nature: 'planned' | 'unplanned'
  /** The end that was approved for planned work; null or absent where nobody says. */
  readonly plannedUntil?: EpochMs | null
  /** Planned, but in no plan (临时停电). */
  readonly temporary?: boolean
  /** Whom planned work had told of it; null or absent where nobody says: then all of them. */
  readonly plannedTold?: ReadonlySet<GroupCode> | null
  readonly cause: string | null
  /** What was said beside the cause; null or absent where nothing was. */
  readonly causeDetail?: CauseDetail | null
  readonly external: boolean
  readonly sourceShortage: boolean
}

/** What hangs on a supply group, by the network of the time. */
export type GroupLoad = {
  readonly customers: number
  readonly connectedKva: number | null
  readonly averageKw: number | null
}
export type Weigh = (group: GroupCode, at: EpochMs) => GroupLoad | undefined

const CLASSES = 16
const SHORT = 1
const PLANNED = 2
const EXTERNAL = 4
const SHORTAGE = 8

/** What one unit (a supply group or a user) went through in one cell. */
export type Tally = {
  units: number
  any: number
  long: number
  events: number
  longMs: number
  longestMs: number
}

/**
 * What an outage was to those whom it hit as planned work, and to those to whom it was a fault (nobody had told them, or the approved
 * time was over): it may be both. `interrupts`: it interrupted somebody so; the time beyond an approved end need not.
 */
export type OutageSpans = Record<Interruption['nature'], OutageSpan | null>
export type OutageSpan = { from: EpochMs; until: EpochMs; interrupts: boolean }

/** Everything that the indices of one report row are made of. Adds upward; ratios never do. */
export type Sums = {
  readonly interruptions: Float64Array
  readonly unitMs: Float64Array
  readonly kva: Float64Array
  readonly kvaMs: Float64Array
  readonly kwMs: Float64Array
  kvaUnknown: boolean
  kwUnknown: boolean
  momentaryEvents: number
  readonly tallies: Map<number, Tally>
  /** Of interruptions that name nobody: each its own units. */
  readonly nameless: { any: number; long: number; longSingle: number; longTotal: number }
  readonly outages: Map<OutageId, OutageSpans>
  provisional: boolean
}

export const emptySums = (): Sums => ({
  interruptions: new Float64Array(CLASSES),
  unitMs: new Float64Array(CLASSES),
  kva: new Float64Array(CLASSES),
  kvaMs: new Float64Array(CLASSES),
  kwMs: new Float64Array(CLASSES),
  kvaUnknown: false,
  kwUnknown: false,
  momentaryEvents: 0,
  tallies: new Map(),
  nameless: { any: 0, long: 0, longSingle: 0, longTotal: 0 },
  outages: new Map(),
  provisional: false,
})

/** Σ over the classes that a filter lets through. */
export function sumWhere(byClass: Float64Array, where: InterruptionFilter): number {
  let total = 0
  for (let bits = 0; bits < CLASSES; bits += 1) {
    if (where.length !== undefined && (where.length === 'short') !== ((bits & SHORT) !== 0))
      continue
    if (where.nature !== undefined && (where.nature === 'planned') !== ((bits & PLANNED) !== 0))
      continue
    if (where.external !== undefined && where.external !== ((bits & EXTERNAL) !== 0)) continue
    if (where.sourceShortage !== undefined && where.sourceShortage !== ((bits & SHORTAGE) !== 0))
      continue
    total += byClass[bits] ?? 0
  }
  return total
}

/** One interruption of one unit as it was counted: the leaves of an explanation. */
export type Counted = {
  readonly cell: string
  /** The supply group or user; null where nobody was named. */
  readonly unit: number | null
  /**
   * The row that began it; rows that overlapped or continued it are part of it. Of an overrun that counts as a fault: that row as a fault
   * that began when the approved time was over.
   */
  readonly first: Interruption
  readonly until: EpochMs | null
  readonly length: 'short' | 'long'
  /** 0 where it is a re-interruption that adds no new one. */
  readonly interruptions: number
  readonly units: number
  readonly ms: number
  /** As long as the whole interruption lasted where all of it is in this cell. */
  readonly longestMs: number
  /** Of what is known of its load: connected kVA that it adds, and Σ kVA and average kW × milliseconds. */
  readonly kva: number
  readonly kvaMs: number
  readonly kwMs: number
}

/** One momentary event of one unit (null: of units without a name), by the outage that began it. */
export type CountedEvent = {
  readonly cell: string
  readonly unit: number | null
  readonly outage: OutageId
  readonly units: number
}

export type ReckoningOptions = {
  readonly settings: RulebookSettings
  readonly timeZone: string
  /** Open interruptions count until here. */
  readonly now: EpochMs
  /** The report row an interruption belongs to; undefined: to none (another period, excluded). */
  readonly cellOf: (row: Interruption) => string | undefined
  readonly weigh?: Weigh
  /** Keep what each unit went through, for indices per customer; default true. */
  readonly perUnit?: boolean
  /** Keep outages apart, for indices per outage; default false. */
  readonly perOutage?: boolean
  readonly onCounted?: (counted: Counted) => void
  readonly onEvent?: (event: CountedEvent) => void
}

export type Reckoning = {
  /** Rows in the order of `from`. */
  add(row: Interruption): void
  /** Until when rows can change what still runs and belongs to a cell. */
  runningUntil(): EpochMs
  finish(): Map<string, Sums>
}

type Part = {
  kva: number | null
  kw: number | null
  from: EpochMs
  until: EpochMs | null
  adds: boolean
}
type Running = {
  first: Interruption
  units: number
  until: EpochMs | null
  /** The end of what the outage that began it has of it; others may have gone on with it. */
  ownUntil: EpochMs | null
  /** The latest end that was approved for any of its rows. */
  plannedUntil: EpochMs | null
  /** Planned, and nobody had told them. */
  untold: boolean
  parts: Part[]
}
/** What is counted in one go: an interruption, or of a planned one the approved time and the overrun apart. */
type Portion = {
  readonly row: Interruption
  readonly until: EpochMs
  /** The whole interruption, of which this may be a part. */
  readonly wholeMs: number
  readonly short: boolean
  /** Whether it adds an interruption. */
  readonly adds: boolean
}
type Event = { outage: OutageId; anchor: EpochMs; cell: string | undefined; units: number }
type Unit = {
  running: Running | null
  event: Event | null
  /** When its last long interruption by each outage was over; kept where the rulebook merges re-interruptions. */
  readonly restoredAt: Map<OutageId, EpochMs>
}
type Share = {
  key: number
  units: number
  kva: number | null
  kw: number | null
  /** Planned work hit them, and nobody had told them. */
  untold: boolean
}

// Restoration steps inside one load point, from a record, are other customers of it: each a unit of its own beside the first.
const SIBLINGS_MAX = 64
// Load point numbers stay far below 2^40, so that siblings have keys of their own.
const SIBLING_STRIDE = 2 ** 43
const NAMELESS_SWEEP_ROWS = 65_536

/**
 * One pass over interruptions in the order of their start: what a unit goes through is merged where it overlaps or touches, told long
 * from short when it is whole, and summed in the cell of the row that began it.
 */
export function openReckoning(options: ReckoningOptions): Reckoning {
  const { settings, timeZone, now, cellOf, onCounted, onEvent } = options
  const cells = new Map<string, Sums>()
  const units = new Map<number, Unit>()
  const nameless = new Map<string, Running>()
  let namelessRows = 0
  let lastFrom = -Infinity
  const spare: Tally = { units: 0, any: 0, long: 0, events: 0, longMs: 0, longestMs: 0 }
  const limitMs = settings.shortUpToS * MS_PER_S
  const immediateMs = (settings.immediateUpToS ?? 0) * MS_PER_S
  const windowMs = settings.eventWindowS * MS_PER_S
  const mergeMs =
    settings.reinterruptionMergeMin === null ? null : settings.reinterruptionMergeMin * MS_PER_MIN

  const mayOverrun = (settings.plannedOverrun ?? 'planned') !== 'planned'

  const isShort = (ms: number): boolean =>
    ms < limitMs || (ms === limitMs && settings.shortIncludesLimit)
  const endOf = (running: Running): EpochMs => running.until ?? Math.max(now, running.first.from)
  const sumsOf = (cell: string): Sums => {
    let sums = cells.get(cell)
    if (sums === undefined) cells.set(cell, (sums = emptySums()))
    return sums
  }
  const tallyOf = (sums: Sums, key: number, weight: number): Tally => {
    if (options.perUnit === false) return spare
    let tally = sums.tallies.get(key)
    if (tally === undefined) {
      tally = { units: weight, any: 0, long: 0, events: 0, longMs: 0, longestMs: 0 }
      sums.tallies.set(key, tally)
    }
    // The count behind a load point may change within a period: the last one holds.
    tally.units = weight
    return tally
  }

  function count(key: number | null, running: Running, unit: Unit | null): void {
    const { first } = running
    const end = endOf(running)
    const ms = end - first.from
    // What went through at once was none: it neither begins an event nor is followed by a re-interruption.
    if (running.until !== null && ms > 0 && ms <= immediateMs) return
    const short = isShort(ms)
    // What was short has added no interruption that a later one could belong to, and is none that could belong.
    let again = false
    if (mergeMs !== null && unit !== null && !short) {
      const restoredAt = unit.restoredAt.get(first.outage)
      again = restoredAt !== undefined && first.from - restoredAt <= mergeMs
      unit.restoredAt.set(first.outage, end)
    }
    const portions = portionsOf(running, end, short, again)
    const homes = portions.map(({ row }) => cellOf(row))
    if (unit === null && homes.every((home) => home === undefined)) return
    // Long or short is known only when the limit has passed.
    const pending = running.until === null && short
    portions.forEach((portion, i) => {
      const home = homes[i]
      if (home === undefined) return
      const sums = sumsOf(home)
      if (running.until === null) sums.provisional = true
      if (pending) return
      const whole = homes.every((other) => other === home)
      addCounted(sums, home, key, running, portion, whole)
    })
    if (pending) return
    const [cell] = homes
    if (unit !== null && key !== null) moveEvent(key, unit, running, short, cell)
    else if (short && cell !== undefined) {
      sumsOf(cell).momentaryEvents += running.units
      onEvent?.({ cell, unit: null, outage: first.outage, units: running.units })
    }
  }

  /**
   * An interruption whole, or planned work that outlasted its approval in two: what was approved, and the overrun as a fault. To whom
   * nobody had told of it, it may be a fault from its beginning.
   */
  function portionsOf(running: Running, end: EpochMs, short: boolean, again: boolean): Portion[] {
    const { first, plannedUntil } = running
    if (running.untold && settings.plannedUntold === 'fault') {
      const row = asFault(first, first.from)
      return [{ row, until: end, wholeMs: end - row.from, short, adds: !again }]
    }
    const wholeMs = end - first.from
    const approvedUntil =
      mayOverrun && first.nature === 'planned' ? (plannedUntil ?? Infinity) : Infinity
    const portion = (row: Interruption, until: EpochMs, adds: boolean): Portion => ({
      row,
      until,
      wholeMs,
      short,
      adds: adds && !again,
    })
    if (end <= approvedUntil) return [portion(first, end, true)]
    const overrun = asFault(first, Math.max(first.from, approvedUntil))
    if (overrun.from === first.from) return [portion(overrun, end, true)]
    return [
      portion(first, overrun.from, true),
      portion(overrun, end, settings.plannedOverrun === 'faultInterruption'),
    ]
  }

  /** `whole`: the whole interruption is in this cell, although it may come in portions. */
  function addCounted(
    sums: Sums,
    cell: string,
    key: number | null,
    running: Running,
    portion: Portion,
    whole: boolean,
  ): void {
    const { units: weight } = running
    const { row, short, adds } = portion
    const ms = portion.until - row.from
    const longestMs = whole ? portion.wholeMs : ms
    const bits = classOf(row, short)
    const interruptions = adds ? weight : 0
    bump(sums.interruptions, bits, interruptions)
    bump(sums.unitMs, bits, weight * ms)
    const load = { kva: 0, kvaMs: 0, kwMs: 0 }
    for (const part of running.parts) {
      const partUntil = Math.min(part.until ?? Math.max(now, part.from), portion.until)
      const partMs = Math.max(0, partUntil - Math.max(part.from, row.from))
      if (part.kva === null) sums.kvaUnknown = true
      else {
        if (part.adds && adds) load.kva += part.kva
        load.kvaMs += part.kva * partMs
      }
      if (part.kw === null) sums.kwUnknown = true
      else load.kwMs += part.kw * partMs
    }
    bump(sums.kva, bits, load.kva)
    bump(sums.kvaMs, bits, load.kvaMs)
    bump(sums.kwMs, bits, load.kwMs)
    if (key === null) {
      if (adds) sums.nameless.any += weight
      if (!short && adds) {
        sums.nameless.long += weight
        if (longestMs >= settings.longSingleH * MS_PER_H) sums.nameless.longSingle += weight
        if (longestMs >= settings.longTotalH * MS_PER_H) sums.nameless.longTotal += weight
      }
    } else {
      const tally = tallyOf(sums, key, weight)
      if (adds) tally.any += 1
      if (!short) {
        if (adds) tally.long += 1
        tally.longMs += ms
        tally.longestMs = Math.max(tally.longestMs, longestMs)
      }
    }
    if (options.perOutage === true) addOutage(sums, running.first, portion)
    onCounted?.({
      cell,
      unit: key,
      first: row,
      until: running.until === null && portion.until === endOf(running) ? null : portion.until,
      length: short ? 'short' : 'long',
      interruptions,
      units: weight,
      ms,
      longestMs,
      ...load,
    })
  }

  // IEEE Std 1366, momentary interruption event: the window is anchored at the first operation, and a sustained
  // interruption that begins in it takes the event with it.
  function moveEvent(
    key: number,
    unit: Unit,
    running: Running,
    short: boolean,
    cell: string | undefined,
  ): void {
    const { from } = running.first
    const inWindow = unit.event !== null && from - unit.event.anchor <= windowMs
    if (inWindow && short) return
    if (!inWindow) endEvent(key, unit)
    unit.event = short
      ? { anchor: from, cell, units: running.units, outage: running.first.outage }
      : null
  }

  function endEvent(key: number, unit: Unit): void {
    const { event } = unit
    if (event === null || event.cell === undefined) return
    const sums = sumsOf(event.cell)
    sums.momentaryEvents += event.units
    onEvent?.({ cell: event.cell, unit: key, outage: event.outage, units: event.units })
    tallyOf(sums, key, event.units).events += 1
    if (now - event.anchor <= windowMs) sums.provisional = true
  }

  function addShare(row: Interruption, share: Share): void {
    const part: Part = {
      kva: share.kva,
      kw: share.kw,
      from: row.from,
      until: row.until,
      adds: true,
    }
    for (let sibling = 0; sibling < SIBLINGS_MAX; sibling += 1) {
      const key = share.key + sibling * SIBLING_STRIDE
      let unit = units.get(key)
      if (unit === undefined) {
        unit = { running: null, event: null, restoredAt: new Map() }
        units.set(key, unit)
      }
      const { running } = unit
      const end = running?.until ?? Infinity
      if (running === null || row.from > end) {
        if (running !== null) count(key, running, unit)
        unit.running = {
          first: row,
          units: share.units,
          until: row.until,
          ownUntil: row.until,
          plannedUntil: approvedEnd(row, null),
          untold: share.untold,
          parts: [part],
        }
        return
      }
      const ofFirst = running.first.outage === row.outage
      // While another outage went on with it, its first may have ended, and come again.
      const sameOutage = ofFirst && row.from < (running.ownUntil ?? Infinity)
      if (sameOutage && settings.unit === 'customer' && sibling + 1 < SIBLINGS_MAX) continue
      if (!(sameOutage && settings.unit === 'medium_voltage_user')) {
        part.from = Math.min(end, row.until ?? Infinity)
        part.adds = false
      } else part.adds = row.from === running.first.from
      if (part.until === null || part.until > part.from) running.parts.push(part)
      running.until = laterEnd(running.until, row.until)
      if (ofFirst) running.ownUntil = laterEnd(running.ownUntil, row.until)
      running.plannedUntil = approvedEnd(row, running.plannedUntil)
      return
    }
  }

  function addNameless(row: Interruption): void {
    const where = `${row.outage}\n${row.area}\n${row.substation}\n${row.feeder}\n${row.customers}`
    const part = {
      kva: row.connectedKva,
      kw: row.averageKw ?? null,
      from: row.from,
      until: row.until,
      adds: true,
    }
    const before = nameless.get(where)
    // A record cut at midnight is still one interruption.
    if (before?.until === row.from && row.from === dayStart(row.day, timeZone)) {
      before.until = row.until
      before.plannedUntil = approvedEnd(row, before.plannedUntil)
      before.parts.push({ ...part, adds: false })
      return
    }
    if (before !== undefined) count(null, before, null)
    nameless.set(where, {
      first: row,
      units: row.customers,
      until: row.until,
      ownUntil: row.until,
      plannedUntil: approvedEnd(row, null),
      untold: false,
      parts: [part],
    })
    namelessRows += 1
    if (namelessRows % NAMELESS_SWEEP_ROWS === 0) {
      for (const [key, running] of nameless) {
        if (running.until === null || running.until >= row.from) continue
        nameless.delete(key)
        count(null, running, null)
      }
    }
  }

  return {
    add(row) {
      if (row.from < lastFrom) throw new Error('interruptions must be added in the order of start')
      lastFrom = row.from
      if (row.members === null || row.members.length === 0) addNameless(row)
      else
        for (const share of sharesOf(row, row.members, settings, options.weigh))
          addShare(row, share)
    },
    runningUntil() {
      let last = -Infinity
      const look = (running: Running | null): void => {
        if (running === null) return
        // What was planned may have to be told as a fault, in a report without planned work too.
        const { first } = running
        const rows = first.nature === 'planned' ? [first, asFault(first, first.from)] : [first]
        if (rows.every((row) => cellOf(row) === undefined)) return
        if (running.until !== null) last = Math.max(last, running.until)
        // What is still out has an end that no row changes, but for how long it was approved a later one may say.
        else if (mayOverrun && first.nature === 'planned') last = Math.max(last, now)
      }
      for (const unit of units.values()) look(unit.running)
      for (const running of nameless.values()) look(running)
      return last
    },
    finish() {
      for (const [key, unit] of units) {
        if (unit.running !== null) count(key, unit.running, unit)
        unit.running = null
        endEvent(key, unit)
        unit.event = null
      }
      for (const running of nameless.values()) count(null, running, null)
      nameless.clear()
      return cells
    },
  }
}

/** The class of an interruption, by which sums are kept apart. */
export const classOf = (row: Interruption, short: boolean): number =>
  (short ? SHORT : 0) |
  (row.nature === 'planned' ? PLANNED : 0) |
  (row.external ? EXTERNAL : 0) |
  (row.sourceShortage ? SHORTAGE : 0)

const bump = (into: Float64Array, index: number, by: number): void => {
  into[index] = (into[index] ?? 0) + by
}

/** Of the utility's own: neither an external influence nor a shortage makes work late, or customers untold. */
const asFault = (row: Interruption, from: EpochMs): Interruption => ({
  ...row,
  from,
  nature: 'unplanned',
  external: false,
  sourceShortage: false,
})

/** The later of two ends; null while either lasts. */
const laterEnd = (a: EpochMs | null, b: EpochMs | null): EpochMs | null =>
  a === null || b === null ? null : Math.max(a, b)

/** The later of two approved ends; null where no row says one. */
const approvedEnd = (row: Interruption, before: EpochMs | null): EpochMs | null =>
  row.nature === 'planned' && row.plannedUntil != null
    ? Math.max(row.plannedUntil, before ?? -Infinity)
    : before

function addOutage(sums: Sums, first: Interruption, { row, until, adds }: Portion): void {
  let spans = sums.outages.get(first.outage)
  if (spans === undefined)
    sums.outages.set(first.outage, (spans = { planned: null, unplanned: null }))
  const span = (spans[row.nature] ??= { from: row.from, until, interrupts: false })
  span.from = Math.min(span.from, row.from)
  span.until = Math.max(span.until, until)
  span.interrupts ||= adds
}

/**
 * A row divided among its units. The row's own count is the truth: where the network of today counts its members otherwise, they are
 * scaled to it; where it knows none of them, they share alike.
 */
function sharesOf(
  row: Interruption,
  members: readonly GroupCode[],
  settings: RulebookSettings,
  weigh: Weigh | undefined,
): Share[] {
  const loads = members.map((member) => weigh?.(member, row.from))
  let known = 0
  let kvaKnown = 0
  for (const load of loads) {
    known += load?.customers ?? 0
    kvaKnown += load?.connectedKva ?? NaN
  }
  const byUser = settings.unit === 'medium_voltage_user'
  const shares = new Map<number, Share>()
  members.forEach((member, i) => {
    const load = loads[i]
    const part = known > 0 ? (load?.customers ?? 0) / known : 1 / members.length
    const customers = known === row.customers ? (load?.customers ?? 0) : row.customers * part
    const kvaPart = kvaKnown > 0 ? (load?.connectedKva ?? 0) / kvaKnown : part
    const kva = row.connectedKva === null ? null : row.connectedKva * kvaPart
    const kw =
      row.averageKw === undefined || row.averageKw === null
        ? averageKwOf(load, customers)
        : row.averageKw * part
    const key = byUser ? loadPointOf(member) : member
    const untold = row.nature === 'planned' && row.plannedTold?.has(member) === false
    const share = shares.get(key)
    if (share === undefined)
      shares.set(key, { key, units: byUser ? 1 : customers, kva, kw, untold })
    else {
      // Of a transformer that is one user, whoever was told stands for it.
      share.untold &&= untold
      if (!byUser) share.units += customers
      share.kva = share.kva === null || kva === null ? null : share.kva + kva
      share.kw = share.kw === null || kw === null ? null : share.kw + kw
    }
  })
  return [...shares.values()]
}

/** The average load of these customers of the group; null where nobody knows it. */
function averageKwOf(load: GroupLoad | undefined, customers: number): number | null {
  if (load === undefined || load.averageKw === null) return null
  return load.customers > 0 ? (load.averageKw * customers) / load.customers : load.averageKw
}

/** The supply group or user that a counted unit is, or is a part of. */
export const supplyGroupOf = (unit: number): number => unit % SIBLING_STRIDE

/** Rows as a reckoning wants them; the rest of the order is only there so that every shuffle gives the same. */
export function byStart(a: Interruption, b: Interruption): number {
  return (
    a.from - b.from ||
    compare(a.outage, b.outage) ||
    (a.until ?? Infinity) - (b.until ?? Infinity) ||
    compare(a.feeder ?? '', b.feeder ?? '') ||
    a.customers - b.customers ||
    (a.members?.[0] ?? -1) - (b.members?.[0] ?? -1)
  )
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
