import type { SwitchReason } from '../src/ledger/observation.ts'
import { MS_PER_H, type EpochMs } from '../src/time.ts'
import type { PlainGrid, Positions } from './plain-grid.ts'
import { darkPoints, livePhases, normalPositions } from './plain-grid.ts'
import type { Random } from './random.ts'
import { bars, protectionOf, zoneOf } from './storm-paths.ts'

/** A line or transformer that fails now and then, by the failure data of the network. */
export type FailureMode = {
  readonly component: string
  readonly node: number
  readonly perYear: number
  readonly repairH: number
}

export type YearMove = {
  readonly at: EpochMs
  /** Row of the switch table. */
  readonly row: number
  readonly position: 'open' | 'closed'
  readonly reason: SwitchReason
}

export function failureModes({ tables, nodeOf }: PlainGrid): FailureMode[] {
  const modes: FailureMode[] = []
  const add = (id: string, from: string, perYear: number | null, repairH: number | null): void => {
    if (perYear === null || perYear === 0 || repairH === null) return
    modes.push({ component: id, node: nodeOf.get(from)!, perYear, repairH })
  }
  for (const { id, from, failuresPerKmYear, lengthM, repairH } of tables.lines) {
    const known = failuresPerKmYear !== null && lengthM !== null
    add(id, from, known ? (failuresPerKmYear * lengthM) / 1000 : null, repairH)
  }
  for (const { id, from, failuresPerYear, repairH } of tables.transformers)
    add(id, from, failuresPerYear, repairH)
  return modes
}

type Job = {
  readonly mode: FailureMode
  readonly zone: ReadonlySet<number>
  readonly tripped: number
  readonly opened: Set<number>
  readonly ties: number[]
}

/**
 * Faults one after the other, each answered in the same way: the nearest protection trips; after the switching time the faulted zone is
 * isolated, what lies before it comes back and what lies behind it is fed over ties; after the repair all is as it was. Times of faults
 * are given; what strikes a part without voltage is not felt. Returns every move in the order of time.
 */
export function playFaults(
  grid: PlainGrid,
  faults: readonly { readonly at: EpochMs; readonly mode: FailureMode }[],
  switchingH: number,
): YearMove[] {
  const { tables, nodeOf } = grid
  const positions: Positions = normalPositions(grid)
  const moves: YearMove[] = []
  const jobs = new Set<Job>()
  const due: { at: EpochMs; run: (at: EpochMs) => void }[] = []
  const plan = (at: EpochMs, run: (at: EpochMs) => void): void => {
    const later = due.findIndex((entry) => entry.at > at)
    due.splice(later < 0 ? due.length : later, 0, { at, run })
  }
  const move = (at: EpochMs, row: number, position: 'open' | 'closed', reason: SwitchReason) => {
    const phases = position === 'open' ? 0 : tables.switches[row]!.phases
    if (positions[row] === phases) return
    positions[row] = phases
    moves.push({ at, row, position, reason })
  }
  const heldByAnother = (row: number, job: Job): boolean =>
    [...jobs].some((other) => other !== job && other.opened.has(row))

  function strike(at: EpochMs, mode: FailureMode): void {
    const live = livePhases(grid, positions)[mode.node]!
    const phase = [1, 2, 4].find((one) => (one & live) !== 0)
    if (phase === undefined) return
    const tripped = protectionOf(grid, positions, mode.node, phase)
    if (tripped === undefined) throw new Error(`nothing protects ${mode.component}`)
    const zone = zoneOf(grid, mode.node)
    const job: Job = { mode, zone, tripped, opened: new Set([tripped]), ties: [] }
    jobs.add(job)
    move(at, tripped, 'open', 'lockout')
    if (mode.repairH > switchingH) plan(at + switchingH * MS_PER_H, (later) => isolate(later, job))
    plan(at + mode.repairH * MS_PER_H, (later) => putBack(later, job))
  }

  function isolate(at: EpochMs, job: Job): void {
    const bounds = bars(grid, job.zone)
    for (const row of bounds) {
      if (positions[row] === 0) continue
      job.opened.add(row)
      move(at, row, 'open', 'manual')
    }
    if (!bounds.has(job.tripped)) {
      job.opened.delete(job.tripped)
      if (!heldByAnother(job.tripped, job)) move(at + 1, job.tripped, 'closed', 'manual')
    }
    const faulted = new Set([...jobs].flatMap(({ zone }) => [...zone]))
    for (let again = true; again;) {
      again = false
      for (const [row, device] of tables.switches.entries()) {
        if (device.normallyClosed || positions[row] !== 0) continue
        const live = livePhases(grid, positions)
        const ends = [nodeOf.get(device.from)!, nodeOf.get(device.to)!]
        if (ends.some((end) => faulted.has(end))) continue
        if (ends.filter((end) => live[end] !== 0).length !== 1) continue
        job.ties.push(row)
        move(at + 2, row, 'closed', 'manual')
        again = true
      }
    }
  }

  function putBack(at: EpochMs, job: Job): void {
    jobs.delete(job)
    for (const row of job.opened) if (!heldByAnother(row, job)) move(at, row, 'closed', 'manual')
    for (const row of job.ties) move(at + 1, row, 'open', 'manual')
  }

  for (const { at, mode } of faults) plan(at, (now) => strike(now, mode))
  for (let next = due.shift(); next !== undefined; next = due.shift()) next.run(next.at)
  return moves.sort((a, b) => a.at - b.at)
}

/** What one failure of a component does to customers, when nothing else is wrong. */
export function effectOf(
  grid: PlainGrid,
  mode: FailureMode,
  switchingH: number,
): { readonly customers: number; readonly customerH: number } {
  const positions = normalPositions(grid)
  const struck = new Set<number>()
  let dark = new Set<number>()
  let since: EpochMs = 0
  let customerMs = 0
  const customersOf = (rows: ReadonlySet<number>): number =>
    [...rows].reduce((sum, row) => sum + grid.tables.servicePoints[row]!.customers, 0)
  for (const { at, row, position } of playFaults(grid, [{ at: 0, mode }], switchingH)) {
    customerMs += customersOf(dark) * (at - since)
    positions[row] = position === 'open' ? 0 : grid.tables.switches[row]!.phases
    dark = darkPoints(grid, livePhases(grid, positions))
    for (const point of dark) struck.add(point)
    since = at
  }
  return { customers: customersOf(struck), customerH: customerMs / MS_PER_H }
}

/** Failures of a stretch of time: of each component a Poisson number, anywhere in it. */
export function drawFaults(
  modes: readonly FailureMode[],
  random: Random,
  { from, hours }: { readonly from: EpochMs; readonly hours: number },
): { at: EpochMs; mode: FailureMode }[] {
  const faults: { at: EpochMs; mode: FailureMode }[] = []
  for (const mode of modes) {
    // Waiting times between failures are exponential.
    let at = from + random.exponential(8760 / mode.perYear) * MS_PER_H
    for (; at < from + hours * MS_PER_H; at += random.exponential(8760 / mode.perYear) * MS_PER_H)
      faults.push({ at: Math.round(at), mode })
  }
  return faults.sort((a, b) => a.at - b.at)
}
