import { operate, rederive } from '../grid/energization.ts'
import { at } from '../grid/network.ts'
import type { Phases } from '../grid/phases.ts'
import type { EpochMs } from '../time.ts'
import { endDarkness, recomputeSpells, startDarkness, truncateDarkness } from './darkness.ts'
import type { LedgerChange, Transition } from './facts.ts'
import { markOutages, settleOutages } from './outages.ts'
import type { Ledger } from './state.ts'
import type { Observation, SwitchObservation } from './observation.ts'
import {
  closedBefore,
  closedNow,
  insertStatement,
  missingAround,
  openHistory,
  refilled,
  restoreStatement,
  thinRepeats,
  turnsFrom,
  type History,
} from './positions.ts'
import { affectedRegion } from './region.ts'

/** What the ledger would have to know before it can judge a batch. */
export type Missing =
  /** Observations of one switch between two instants, which were let go as repeats. */
  | {
      readonly what: 'repeats'
      readonly switch: string
      readonly after: EpochMs
      readonly before: EpochMs
    }
  /** Something older than the horizon: the ledger must be opened again from an earlier one. */
  | { readonly what: 'horizon'; readonly at: EpochMs }

/** The instant at which an observation counts. */
export const effectiveAt = (ledger: Ledger, said: Observation): EpochMs =>
  said.at > said.receivedAt + ledger.settings.futureToleranceMs ? said.receivedAt : said.at

/** Says what must be read from the record first; empty nearly always. */
export function missingFor(ledger: Ledger, batch: readonly Observation[]): Missing[] {
  const missing: Missing[] = []
  for (const said of batch) {
    if (said.kind === 'meter' || said.quality === 'bad') continue
    const device = ledger.network.switchIndex.get(said.point)
    if (device === undefined) continue
    const when = effectiveAt(ledger, said)
    if (when < ledger.horizon) return [{ what: 'horizon', at: when }]
    const history = ledger.histories.get(device)
    const span = history && missingAround(history, when, said)
    if (span === undefined) continue
    // What was said before the horizon is judged: the history begins with where it left the switch.
    const after = Math.max(span.after, ledger.horizon - 1)
    missing.push({ what: 'repeats', switch: said.point, ...span, after })
  }
  return missing
}

/** Gives back repeats that were let go; they change nothing by themselves. */
export function refill(
  ledger: Ledger,
  missing: Missing & { what: 'repeats' },
  observations: readonly SwitchObservation[],
): void {
  const device = ledger.network.switchIndex.get(missing.switch)
  const history = device === undefined ? undefined : ledger.histories.get(device)
  if (history === undefined) return
  refilled(history, missing.after, missing.before)
  for (const said of observations) {
    // What is of bad quality was never believed.
    if (said.quality !== 'bad') restoreStatement(history, effectiveAt(ledger, said), said)
  }
}

/**
 * What follows from a batch. Observations of unknown switches, of meters and of bad quality are part of the record but turn nothing.
 *
 * In order of time the network is operated as the field was. What is older than something believed re-derives the region that it can
 * have influenced, from its instant on, by the same operations. Both ways end in the same ledger, whatever the order of arrival.
 */
export function applyObservations(ledger: Ledger, batch: readonly Observation[]): LedgerChange {
  const transitions: Transition[] = []
  const conflicts: SwitchObservation[] = []
  const late: { device: number; from: EpochMs; said: SwitchObservation }[] = []
  const inOrder: { device: number; at: EpochMs }[] = []
  const repeated = new Set<History>()
  for (const said of batch) {
    if (said.kind === 'meter' || said.quality === 'bad') continue
    const device = ledger.network.switchIndex.get(said.point)
    if (device === undefined) continue
    const history = historyOf(ledger, device)
    const was = closedNow(history)
    const when = effectiveAt(ledger, said)
    const firstWord = history.statements[0]?.at
    const inserted = insertStatement(history, when, said)
    if (inserted.outcome === 'repeated') continue
    if (inserted.conflict) conflicts.push(said)
    if (inserted.first && firstWord !== undefined) {
      // There is an earlier word now: what began with the former first one is no longer uncertain.
      markOutages(ledger.record, device, firstWord)
    }
    if (said.reason === 'lockout') markOutages(ledger.record, device, when)
    if (inserted.turnedFrom !== null) {
      if (inserted.turnedFrom > ledger.head) inOrder.push({ device, at: inserted.turnedFrom })
      else late.push({ device, from: inserted.turnedFrom, said })
    } else repeated.add(history)
    const now = closedNow(history)
    // The first word about a switch is news even when it says what was supposed: now we know whose word it is, and since when.
    if (was !== now || firstWord === undefined) {
      transitions.push(transition(ledger, device, now, when, said))
    }
  }
  if (late.length > 0) {
    correct(ledger, late)
    // A late word can make a later one, so far a repeat, turn the switch back.
    for (const { device } of late) inOrder.push({ device, at: ledger.head + 1 })
  }
  if (inOrder.length > 0) advance(ledger, inOrder)
  const outages = settleOutages(
    ledger,
    late.map(({ said }) => said),
  )
  // Only now: a word of this batch could still have fallen between repeats that no record holds yet.
  if (ledger.settings.thinRepeats) for (const history of repeated) thinRepeats(history)
  return { outages, transitions, conflicts }
}

export function historyOf(ledger: Ledger, device: number): History {
  let history = ledger.histories.get(device)
  if (history === undefined) {
    const phases = at(ledger.network.branchPhases, device)
    history = openHistory(phases, at(ledger.network.switchNormal, device), false)
    ledger.histories.set(device, history)
  }
  return history
}

function transition(
  ledger: Ledger,
  device: number,
  closedPhases: Phases,
  when: EpochMs,
  said: SwitchObservation,
): Transition {
  return {
    switch: ledger.network.branchIds[device] as string,
    closedPhases,
    at: when,
    gateway: said.gateway,
    reason: said.reason,
  }
}

/** The words of this batch that come after all that turned before, instant by instant. */
function advance(ledger: Ledger, turned: readonly { device: number; at: EpochMs }[]): void {
  const from = Math.min(...turned.map((turn) => turn.at))
  const devices = new Set(turned.map((turn) => turn.device))
  for (const { at: instant, changes } of instantsOf(ledger, devices, from)) {
    applyInstant(ledger, instant, changes)
    for (const { device } of changes) ledger.journal.push({ at: instant, device })
    ledger.head = instant
  }
}

/** What is older than something believed: takes the region back to the instant before, and derives it again from there. */
function correct(ledger: Ledger, late: readonly { device: number; from: EpochMs }[]): void {
  const from = Math.min(...late.map((turn) => turn.from))
  const region = affectedRegion(
    ledger,
    late.map((turn) => turn.device),
    from,
  )
  const positions = region.devices.map((device) => ({
    device,
    closed: closedBefore(historyOf(ledger, device), from),
  }))
  truncateDarkness(ledger, region.sections, from)
  rederive(ledger.energization, region.sections, positions)
  const devices = new Set(region.devices)
  const lateDevices = new Set(late.map((turn) => turn.device))
  for (const { at: instant, changes } of instantsOf(ledger, devices, from, ledger.head)) {
    applyInstant(ledger, instant, changes, false)
    for (const { device } of changes) {
      if (lateDevices.has(device)) insertIntoJournal(ledger, instant, device)
    }
  }
  recomputeSpells(ledger, region.sections, from)
}

type Instant = {
  readonly at: EpochMs
  readonly changes: { readonly device: number; readonly closed: Phases }[]
}

/** Every instant from `from` (up to `until`, inclusive) at which one of the devices turns, in order. */
function instantsOf(
  ledger: Ledger,
  devices: Iterable<number>,
  from: EpochMs,
  until = Number.POSITIVE_INFINITY,
): Instant[] {
  const byInstant = new Map<EpochMs, Instant>()
  for (const device of devices) {
    for (const turn of turnsFrom(historyOf(ledger, device), from)) {
      if (turn.at > until) break
      let instant = byInstant.get(turn.at)
      if (instant === undefined) byInstant.set(turn.at, (instant = { at: turn.at, changes: [] }))
      instant.changes.push({ device, closed: turn.closed })
    }
  }
  return [...byInstant.values()].sort((a, b) => a.at - b.at)
}

/**
 * All that turned at one instant. Closings come first and then openings, each from the source outwards: a transfer without a break breaks
 * nothing, and what two devices cut at once belongs to the upstream one. Who is dark before and after is the same in any order.
 */
function applyInstant(
  ledger: Ledger,
  instant: EpochMs,
  changes: readonly { readonly device: number; readonly closed: Phases }[],
  withSpells = true,
): void {
  const { energization, network } = ledger
  const ordered =
    changes.length === 1
      ? changes
      : changes.toSorted(
          (a, b) => at(network.switchRank, a.device) - at(network.switchRank, b.device),
        )
  let regained = NO_SECTIONS
  let lost = NO_SECTIONS
  for (const { device, closed } of ordered) {
    const stands = at(energization.closed, device)
    const change = operate(energization, device, stands | closed)
    if (change.regained.length > 0 && regained === NO_SECTIONS) regained = new Map()
    for (const section of change.regained) regained.set(section, device)
  }
  for (const { device, closed } of ordered) {
    const change = operate(energization, device, closed)
    if (change.lost.length > 0 && lost === NO_SECTIONS) lost = new Map()
    for (const section of change.lost) {
      if (!regained.delete(section)) lost.set(section, device)
    }
  }
  if (lost.size > 0) startDarkness(ledger, instant, lost, withSpells)
  if (regained.size > 0) endDarkness(ledger, instant, regained, withSpells)
}

/** Section → the switch that did it; nothing is ever put into this one. */
const NO_SECTIONS = new Map<number, number>()

function insertIntoJournal(ledger: Ledger, when: EpochMs, device: number): void {
  const { journal } = ledger
  let index = journal.length
  while (index > 0 && (journal[index - 1] as { at: EpochMs }).at > when) index--
  for (let i = index - 1; i >= 0 && journal[i]?.at === when; i--) {
    if (journal[i]?.device === device) return
  }
  journal.splice(index, 0, { at: when, device })
}
