import type { SwitchReason } from '../src/ledger/observation.ts'
import { MS_PER_H, MS_PER_MIN, MS_PER_S, type EpochMs } from '../src/time.ts'
import type { PlainGrid, Positions } from './plain-grid.ts'
import { livePhases, normalPositions } from './plain-grid.ts'
import type { Random } from './random.ts'
import { bars, protectionOf, zoneOf } from './storm-paths.ts'

/** A switch that truly moved, by the true time. */
export type Move = {
  readonly at: EpochMs
  /** Row of the switch table. */
  readonly row: number
  readonly position: 'open' | 'closed'
  /** The phases that moved. */
  readonly phases: number
  readonly reason: SwitchReason
}

export type WorldOptions = {
  readonly grid: PlainGrid
  readonly random: Random
  readonly from: EpochMs
  readonly until: EpochMs
  readonly faults: number
  readonly works: number
  /** A last crew puts everything back to normal; otherwise the storm ends with people in the dark. */
  readonly tidy: boolean
}

type Fault = {
  readonly line: number
  readonly node: number
  readonly phases: number
  /** Burnt free during a dead time. */
  readonly passing: boolean
  gone: boolean
  tripDue: boolean
  job: Job | null
}

/** What a crew has opened, and must close when the repair is done. */
type Job = { readonly fault: Fault; readonly opened: Set<number>; readonly ties: number[] }

/** How often a device has tried, and whether a try is still due. */
type Sequence = { shots: number; lastTripAt: EpochMs; tries: number }

const RECLOSE_AFTER_S = { recloser: [0.5, 15, 45], breaker: [1] } as const
/** `RECLOSE_WINDOW_MIN` of design.md. */
const RECLOSE_WINDOW_MS = 5 * MS_PER_MIN
const SEQUENCE_RESET_MS = 120 * MS_PER_S
/** A storm that moves more than this has lost its way. */
const MOVES_MAX = 20_000

/**
 * A night in the network: trees fall on lines, protection answers, crews isolate, feed around, repair and put back. What energises a
 * fault trips again, so nested faults and wrong closings come out by themselves. Returns every move in the order of time.
 */
export function runWorld(options: WorldOptions): Move[] {
  const world = new World(options)
  world.plan()
  return world.run()
}

class World {
  readonly #grid: PlainGrid
  readonly #random: Random
  readonly #options: WorldOptions
  readonly #positions: Positions
  readonly #normal: Positions
  #live: Uint8Array
  readonly #moves: Move[] = []
  readonly #lastMoveAt = new Map<number, EpochMs>()
  readonly #faults: Fault[] = []
  readonly #sequences = new Map<number, Sequence>()
  readonly #due: { at: EpochMs; order: number; run: (at: EpochMs) => void }[] = []
  #order = 0
  /** In some nights all that hands do is noted to so many minutes: much happens in one instant. */
  readonly #coarseMs: number

  constructor(options: WorldOptions) {
    this.#grid = options.grid
    this.#random = options.random
    this.#options = options
    this.#normal = normalPositions(options.grid)
    this.#positions = this.#normal.slice()
    this.#live = livePhases(options.grid, this.#positions)
    this.#coarseMs = options.random.chance(0.3) ? options.random.pick([1, 5, 15]) * MS_PER_MIN : 0
  }

  plan(): void {
    const { from, until, faults, works, tidy } = this.#options
    const random = this.#random
    const span = until - from
    for (let n = 0; n < faults; n++) {
      // Most of it within the same hours, the rest scattered.
      const part = random.chance(0.7) ? random.between(0.05, 0.3) : random.between(0, 0.8)
      this.#at(from + span * part, (at) => this.#fall(at))
      // One gust, two trees.
      if (random.chance(0.15)) this.#at(from + span * part, (at) => this.#fall(at))
    }
    for (let n = 0; n < works; n++) {
      this.#at(from + span * random.between(0, 0.7), (at) => this.#plannedWork(at))
    }
    if (tidy) this.#at(from + span * 0.92, (at) => this.#tidyUp(at))
  }

  run(): Move[] {
    for (;;) {
      const next = this.#due.shift()
      if (next === undefined || next.at > this.#options.until) return this.#moves
      if (this.#moves.length > MOVES_MAX) throw new Error('the storm does not end')
      next.run(next.at)
    }
  }

  #at(at: EpochMs, run: (at: EpochMs) => void): void {
    const entry = { at: Math.round(at), order: this.#order++, run }
    let low = 0
    let high = this.#due.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#due[middle]!.at <= entry.at) low = middle + 1
      else high = middle
    }
    this.#due.splice(low, 0, entry)
  }

  /** Moves a switch now, or a millisecond later where it has just moved: one switch never moves twice in one instant. */
  #move(
    at: EpochMs,
    row: number,
    position: 'open' | 'closed',
    phases: number,
    reason: SwitchReason,
  ): void {
    if (this.#lastMoveAt.get(row) === at) {
      this.#at(at + 1, (later) => this.#move(later, row, position, phases, reason))
      return
    }
    const device = this.#grid.tables.switches[row]!
    const stands = this.#positions[row]!
    const moving = phases & device.phases & (position === 'open' ? stands : ~stands)
    if (moving === 0) return
    this.#positions[row] = stands ^ moving
    this.#lastMoveAt.set(row, at)
    this.#moves.push({ at, row, position, phases: moving, reason })
    this.#live = livePhases(this.#grid, this.#positions)
    for (const fault of this.#faults) this.#feel(at, fault)
  }

  /** Protection sees a fault that has voltage, a few cycles later. */
  #feel(at: EpochMs, fault: Fault): void {
    if (fault.gone || fault.tripDue || (this.#live[fault.node]! & fault.phases) === 0) return
    fault.tripDue = true
    const clearsMs = this.#coarseMs > 0 ? 100 : this.#random.int(30, 180)
    this.#at(at + clearsMs, (later) => this.#trip(later, fault))
  }

  #fall(at: EpochMs): void {
    const random = this.#random
    const { lines } = this.#grid.tables
    const line = random.int(0, lines.length - 1)
    const { phases, to } = lines[line]!
    const letters = [1, 2, 4].filter((phase) => (phase & phases) !== 0)
    const fault: Fault = {
      line,
      node: this.#grid.nodeOf.get(to)!,
      phases: random.chance(0.5) ? phases : random.pick(letters),
      passing: random.chance(0.3),
      gone: false,
      tripDue: false,
      job: null,
    }
    this.#faults.push(fault)
    this.#feel(at, fault)
  }

  #trip(at: EpochMs, fault: Fault): void {
    fault.tripDue = false
    const phase = [1, 2, 4].find((one) => (one & fault.phases & this.#live[fault.node]!) !== 0)
    if (fault.gone || phase === undefined) return
    const row = protectionOf(this.#grid, this.#positions, fault.node, phase)
    if (row === undefined) {
      // Nothing can clear it: such a network is not for storms, and the fault is none.
      fault.gone = true
      return
    }
    const device = this.#grid.tables.switches[row]!
    if (device.kind === 'fuse') {
      this.#move(at, row, 'open', fault.phases, 'trip')
      if (fault.passing) fault.gone = true
      this.#callCrew(at, fault, row)
      return
    }
    const sequence = this.#sequenceOf(at, row)
    const shots = device.kind === 'recloser' ? RECLOSE_AFTER_S.recloser : RECLOSE_AFTER_S.breaker
    const opens = device.kind === 'recloser' && row % 3 === 0 ? fault.phases : device.phases
    const waitS = shots[sequence.shots]
    this.#move(at, row, 'open', opens, waitS === undefined ? 'lockout' : 'trip')
    if (waitS === undefined) {
      sequence.shots = 0
      this.#callCrew(at, fault, row)
    } else {
      sequence.shots++
      const tried = ++sequence.tries
      if (fault.passing && this.#random.chance(0.6)) fault.gone = true
      this.#at(at + waitS * MS_PER_S + this.#random.int(0, 40), (later) => {
        // A crew that has the device in hand has blocked its reclosing.
        if (sequence.tries !== tried) return
        this.#move(later, row, 'closed', device.phases, 'reclose')
      })
    }
    this.#feel(at, fault)
  }

  #sequenceOf(at: EpochMs, row: number): Sequence {
    let sequence = this.#sequences.get(row)
    if (sequence === undefined) {
      sequence = { shots: 0, lastTripAt: at, tries: 0 }
      this.#sequences.set(row, sequence)
    }
    if (at - sequence.lastTripAt > SEQUENCE_RESET_MS) sequence.shots = 0
    sequence.lastTripAt = at
    return sequence
  }

  #callCrew(at: EpochMs, fault: Fault, row: number): void {
    if (fault.job !== null) {
      fault.job.opened.add(row)
      return
    }
    const job: Job = { fault, opened: new Set([row]), ties: [] }
    fault.job = job
    const travelMs = this.#random.between(2, 50) * MS_PER_MIN
    this.#at(at + travelMs, (later) => this.#isolate(later, job))
  }

  /** Opens what bounds the faulted zone, closes what lies before it, and feeds what lies behind it from elsewhere. */
  #isolate(at: EpochMs, job: Job): void {
    const random = this.#random
    const { tables } = this.#grid
    let when = at
    const pause = () => (when = this.#byWatch(when, random.between(0.2, 6)))
    const tripped = [...job.opened]
    for (const row of tripped) this.#blockReclosing(row)
    const zone = zoneOf(this.#grid, job.fault.node)
    const bounds = bars(this.#grid, zone)
    const worthwhile = tables.switches[tripped[0]!]!.kind !== 'fuse' && random.chance(0.85)
    if (worthwhile && !job.fault.gone) {
      for (const row of bounds) {
        if (this.#positions[row] === 0 || tables.switches[row]!.kind === 'fuse') continue
        job.opened.add(row)
        this.#at(pause(), (later) => this.#move(later, row, 'open', 7, 'manual'))
      }
      for (const row of tripped) {
        if (bounds.has(row)) continue
        job.opened.delete(row)
        this.#at(pause(), (later) => this.#move(later, row, 'closed', 7, 'manual'))
      }
      this.#at(pause(), (later) => this.#feedAround(later, job, zone))
    }
    const repairMs = random.exponential(1.2) * MS_PER_H
    this.#at(when + MS_PER_MIN + repairMs, (later) => this.#repair(later, job))
  }

  /** The next hand move: together with the last, to the millisecond, or on the full minute as people write it down. */
  #byWatch(last: EpochMs, minutes: number): EpochMs {
    const roll = this.#random.next()
    if (roll < 0.1) return last
    const next = last + minutes * MS_PER_MIN
    if (this.#coarseMs > 0) return Math.ceil(next / this.#coarseMs) * this.#coarseMs
    return roll < 0.5 ? Math.ceil(next / MS_PER_MIN) * MS_PER_MIN : next
  }

  #blockReclosing(row: number): void {
    const sequence = this.#sequences.get(row)
    if (sequence !== undefined) sequence.tries++
  }

  #feedAround(at: EpochMs, job: Job, zone: ReadonlySet<number>): void {
    const { tables, nodeOf } = this.#grid
    let when = at
    for (const row of this.#random.shuffle(tables.switches.map((_, index) => index))) {
      if (this.#normal[row] !== 0 || this.#positions[row] !== 0) continue
      const device = tables.switches[row]!
      const ends = [nodeOf.get(device.from)!, nodeOf.get(device.to)!]
      const liveEnds = ends.filter((end) => this.#live[end] === 7).length
      if (liveEnds !== 1 || ends.some((end) => zone.has(end)) || this.#random.chance(0.2)) continue
      job.ties.push(row)
      this.#at(when, (later) => this.#move(later, row, 'closed', 7, 'manual'))
      when += this.#random.between(0.5, 4) * MS_PER_MIN
    }
  }

  #repair(at: EpochMs, job: Job): void {
    const random = this.#random
    job.fault.gone = true
    let when = at
    const step = () => (when = this.#byWatch(when, random.between(0.1, 5)))
    // With the ties still closed the neighbours run in parallel for a while; the other order blinks.
    const blink = random.chance(0.3)
    const closings = random.shuffle([...job.opened])
    const putBackTies = () => {
      for (const row of job.ties) {
        this.#at(step(), (later) => this.#move(later, row, 'open', 7, 'manual'))
      }
    }
    if (blink) putBackTies()
    for (const row of closings) {
      this.#blockReclosing(row)
      const { kind, phases } = this.#grid.tables.switches[row]!
      if (kind === 'fuse' && random.chance(0.4)) {
        // One cut-out after the other.
        for (const phase of random.shuffle([1, 2, 4])) {
          if ((phase & phases) === 0) continue
          this.#at(step(), (later) => this.#move(later, row, 'closed', phase, 'manual'))
        }
      } else this.#at(step(), (later) => this.#move(later, row, 'closed', 7, 'manual'))
    }
    if (!blink) putBackTies()
  }

  /** Somebody opens a switch for work, on one phase sometimes, and closes it again. */
  #plannedWork(at: EpochMs): void {
    const random = this.#random
    const { switches } = this.#grid.tables
    const row = random.int(0, switches.length - 1)
    if (this.#normal[row] === 0 || this.#positions[row] !== this.#normal[row]) return
    const letters = [1, 2, 4].filter((phase) => (phase & switches[row]!.phases) !== 0)
    const phases = random.chance(0.3) ? random.pick(letters) : 7
    const lasts = random.chance(0.2) ? random.int(1, 3000) : random.exponential(1.5 * MS_PER_H)
    const begins = this.#byWatch(at, 0)
    this.#at(begins, (later) => this.#move(later, row, 'open', phases, 'planned'))
    let lastOpening = begins
    if (random.chance(0.3)) {
      // Opened twice, five minutes apart to the millisecond, or one too many: one event or two.
      lastOpening = begins + RECLOSE_WINDOW_MS + random.int(0, 1)
      this.#at(begins + 30_000, (later) => this.#move(later, row, 'closed', phases, 'planned'))
      this.#at(lastOpening, (later) => this.#move(later, row, 'open', phases, 'planned'))
    }
    this.#at(lastOpening + Math.max(1, lasts), (later) =>
      this.#move(later, row, 'closed', phases, 'planned'),
    )
  }

  #tidyUp(at: EpochMs): void {
    for (const fault of this.#faults) fault.gone = true
    let when = at
    const back = (row: number, position: 'open' | 'closed') => {
      when += this.#random.int(0, 90 * MS_PER_S)
      this.#at(when, (later) => this.#move(later, row, position, 7, 'manual'))
    }
    const rows = this.#random.shuffle([...this.#positions.keys()])
    for (const row of rows) {
      this.#blockReclosing(row)
      if (this.#normal[row] !== 0 && this.#positions[row] !== this.#normal[row]) back(row, 'closed')
    }
    for (const row of rows) {
      if (this.#normal[row] === 0 && this.#positions[row] !== 0) back(row, 'open')
    }
  }
}
