import { energize, isFed } from '../grid/energization.ts'
import { at, NONE, type Network } from '../grid/network.ts'
import { NO_PHASES, type Phases } from '../grid/phases.ts'
import type { EpochMs } from '../time.ts'
import { addOpening, addSpell, sectionsOf } from './darkness.ts'
import { groupCode, type InterruptionSet, type OutageFacts, type OutageId } from './facts.ts'
import { deviceNamed } from './device-names.ts'
import { factsOf, nameOutage, nearestOutage, NOT_PINNED } from './outages.ts'
import { openHistory, pruneHistory } from './positions.ts'
import { eventNamed, heldByJoints } from './joining.ts'
import { NO_RULINGS, rulingsSince, type Rulings } from './rulings.ts'
import { NO_PAST, type Ledger, type LedgerSettings, type Outage } from './state.ts'

/** How things stood just before the horizon, where derivation begins. */
export type Standing = {
  /** Nothing said before this instant is needed; negative infinity for the beginning of time. */
  readonly horizon: EpochMs
  /** Phases that each switch closed; only switches that were ever heard of, the others are in their normal position. */
  readonly positions: ReadonlyMap<string, Phases>
  /** Outages with an interruption that reached the horizon, or which a reclosing may still join, with all their sets. */
  readonly outages: readonly OutageFacts[]
}

export const BEGINNING: Standing = {
  horizon: Number.NEGATIVE_INFINITY,
  positions: new Map(),
  outages: [],
}

/**
 * A ledger that stands at its horizon and is ready for the observations from there on. `loadPointNumber` gives each load point of the
 * network the number that it keeps for ever.
 */
export function openLedger(
  network: Network,
  loadPointNumber: Int32Array,
  settings: LedgerSettings,
  standing: Standing = BEGINNING,
  rulings: Rulings = NO_RULINGS,
): Ledger {
  const closed = network.switchNormal.slice()
  const histories: Ledger['histories'] = new Map()
  for (const [id, phases] of standing.positions) {
    const device = network.switchIndex.get(id)
    if (device === undefined) continue
    const all = at(network.branchPhases, device)
    closed[device] = phases & all
    histories.set(device, openHistory(all, phases & all, true))
  }
  const ledger: Ledger = {
    network,
    energization: energize(network, closed),
    settings,
    rulings: rulingsSince(rulings, standing.horizon - settings.recloseWindowMs),
    horizon: standing.horizon,
    head: standing.horizon,
    histories,
    journal: [],
    record: {
      darks: new Map(),
      spells: new Map(),
      openings: new Map(),
      outages: new Map(),
      byId: new Map(),
      joined: new Map(),
      touched: new Map(),
      gone: [],
      loadPointNumber,
    },
  }
  standOutages(ledger, standing)
  return ledger
}

function standOutages(ledger: Ledger, standing: Standing): void {
  const { network, record, energization } = ledger
  const { horizon } = standing
  const groupOf = groupsByCode(network, record.loadPointNumber)
  for (const facts of standing.outages) {
    if (facts.anchorAt >= horizon) continue
    const device = deviceNamed(ledger, facts.device)
    const openings = new Set<EpochMs>()
    const past: InterruptionSet[] = []
    for (const set of facts.sets) {
      // What came after the horizon will follow from the observations again.
      if (set.from >= horizon) continue
      openings.add(set.from)
      if (hadEnded(facts, set, horizon)) {
        past.push(set)
        addOpening(record, {
          group: NONE,
          from: set.from,
          until: set.until,
          device,
          restoredBy: NONE,
          phases: NO_PHASES,
        })
        continue
      }
      for (const member of set.members) {
        const group = groupOf.get(member)
        // What is no longer in the network has no supply to wait for.
        if (group === undefined) continue
        addSpell(record, {
          group,
          from: set.from,
          until: null,
          device,
          restoredBy: NONE,
          phases: set.phases & at(network.groupPhases, group),
        })
        for (const section of sectionsOf(network, group, set.phases)) {
          if (isFed(energization, section) || record.darks.has(section)) continue
          const dark = { from: set.from, until: null, device, restoredBy: NONE }
          record.darks.set(section, [dark])
        }
      }
    }
    const ends = new Set(past.map(({ until }) => until))
    const outage: Outage = {
      id: facts.id,
      device,
      anchorAt: facts.anchorAt,
      openings: [...openings].sort((a, b) => a - b),
      pinned: openings,
      past: { sets: past, steps: facts.steps.filter((step) => ends.has(step.at)) },
      told: facts,
    }
    record.byId.set(outage.id, outage)
    const others = record.outages.get(device)
    if (others === undefined) record.outages.set(device, [outage])
    else others.push(outage)
  }
  for (const spells of record.spells.values()) spells.sort((a, b) => a.from - b.from)
  for (const outages of record.outages.values()) outages.sort((a, b) => a.anchorAt - b.anchorAt)
  record.touched.clear()
}

/** What ended at the horizon by a word will end again with that word; by a new drawing it has ended for good. */
function hadEnded(facts: OutageFacts, { until }: InterruptionSet, horizon: EpochMs): boolean {
  if (until === null || until > horizon) return false
  return until < horizon || facts.steps.find((step) => step.at === until)?.device == null
}

export function groupsByCode(network: Network, loadPointNumber: Int32Array): Map<number, number> {
  const byCode = new Map<number, number>()
  for (let group = 0; group < network.groupPhases.length; group++) {
    const number = at(loadPointNumber, at(network.groupLoadPoint, group))
    byCode.set(groupCode(number, at(network.groupPhases, group)), group)
  }
  return byCode
}

type SavedName = Pick<OutageFacts, 'id' | 'device' | 'anchorAt' | 'startedAt' | 'restoredAt'>

/**
 * After the observations since the horizon were applied: gives outages the names under which they were saved, also those that a word which
 * nobody had when they were saved begins elsewhere, as memory would. Saved outages that nothing supports any more stay known as withdrawn,
 * so that their names are not given away.
 */
export function adoptNames(ledger: Ledger, saved: readonly SavedName[]): void {
  const { record } = ledger
  const wanted = saved.filter(({ id, device, anchorAt }) => {
    const known = record.byId.get(id)
    return (
      known === undefined ||
      known.anchorAt !== anchorAt ||
      known.device !== deviceNamed(ledger, device)
    )
  })
  // All are taken off first: a name that one is to have may be the one that another got when it was derived.
  const moved = movedOutages(ledger, saved)
  const unnamed = wanted.map(({ id, device: name, anchorAt }) => {
    const device = deviceNamed(ledger, name)
    const known =
      moved.get(id) ?? record.outages.get(device)?.find((outage) => outage.anchorAt === anchorAt)
    if (known !== undefined) record.byId.delete(known.id)
    return { id, device, anchorAt, known }
  })
  const displaced: Outage[] = []
  for (const { id, device, anchorAt, known } of unnamed) {
    const holder = record.byId.get(id)
    if (holder !== undefined) displaced.push(holder)
    const named: Outage =
      known === undefined
        ? { id, device, anchorAt, openings: [], pinned: NOT_PINNED, past: NO_PAST, told: null }
        : rename(known, id)
    if (known === undefined) named.told = factsOf(ledger, named)
    replace(record, known, named)
    record.byId.set(id, named)
  }
  for (const outage of displaced) {
    const named = rename(outage, nameOutage(ledger, outage.device, outage.anchorAt))
    replace(record, outage, named)
    record.byId.set(named.id, named)
  }
}

/** By the name under which each was saved: outages that are still the same event, and which begin with another opening now. */
function movedOutages(ledger: Ledger, saved: readonly SavedName[]): Map<OutageId, Outage> {
  const moved = new Map<OutageId, Outage>()
  const savedOf = new Map<number, SavedName[]>()
  for (const facts of saved) {
    const device = deviceNamed(ledger, facts.device)
    const others = savedOf.get(device)
    if (others === undefined) savedOf.set(device, [facts])
    else others.push(facts)
  }
  for (const [device, ofDevice] of savedOf) {
    const derived = ledger.record.outages.get(device) ?? []
    const derivedAnchors = new Set(derived.map(({ anchorAt }) => anchorAt))
    const savedAnchors = new Set(ofDevice.map(({ anchorAt }) => anchorAt))
    let left = ofDevice
      .filter(({ anchorAt }) => !derivedAnchors.has(anchorAt))
      .map((facts) => ({ id: facts.id, anchorAt: facts.anchorAt, told: facts }))
    for (const outage of derived) {
      if (left.length === 0) break
      if (outage.openings.length === 0 || savedAnchors.has(outage.anchorAt)) continue
      if (outage.anchorAt < ledger.horizon) continue
      const nearest = nearestOutage(ledger, device, left, outage.openings)
      if (nearest === undefined) continue
      left = left.filter((one) => one !== nearest)
      moved.set(nearest.id, outage)
    }
  }
  return moved
}

/** The same outage under another name. */
function rename(outage: Outage, id: OutageId): Outage {
  outage.id = id
  if (outage.told !== null) outage.told = { ...outage.told, id }
  return outage
}

function replace({ outages }: Ledger['record'], known: Outage | undefined, named: Outage): void {
  const others = (outages.get(named.device) ?? []).filter((outage) => outage !== known)
  others.push(named)
  outages.set(
    named.device,
    others.sort((a, b) => a.anchorAt - b.anchorAt),
  )
}

/**
 * Forgets what ended before an instant, and gives the outages that are forgotten: nothing from that instant on can change them. The record
 * keeps it; a word from before it will ask for it again.
 */
export function pruneLedger(ledger: Ledger, horizon: EpochMs): OutageFacts[] {
  const { record, settings } = ledger
  const forgotten: OutageFacts[] = []
  const keepFrom = horizon - settings.recloseWindowMs
  const held = heldByJoints(ledger, keepFrom)
  for (const history of ledger.histories.values()) pruneHistory(history, horizon)
  let gone = 0
  while (gone < ledger.journal.length && (ledger.journal[gone]?.at ?? 0) < horizon) gone++
  ledger.journal.splice(0, gone)
  for (const [section, darks] of record.darks) {
    const kept = darks.filter((dark) => dark.until === null || dark.until >= horizon)
    if (kept.length === 0) record.darks.delete(section)
    else record.darks.set(section, kept)
  }
  for (const [device, outages] of record.outages) {
    const kept: Outage[] = []
    for (const outage of outages) {
      // What is part of another outage goes with it.
      const whole = record.joined.get(outage) ?? outage
      const end = whole.told?.restoredAt ?? Number.POSITIVE_INFINITY
      if (Math.max(end, whole.anchorAt) >= keepFrom || held.has(whole)) {
        kept.push(outage)
        continue
      }
      record.byId.delete(outage.id)
      if (outage.told !== null) forgotten.push(outage.told)
      for (const opening of outage.openings) {
        for (const spell of record.openings.get(device)?.get(opening) ?? []) {
          const spells = record.spells.get(spell.group)?.filter((other) => other !== spell) ?? []
          if (spells.length === 0) record.spells.delete(spell.group)
          else record.spells.set(spell.group, spells)
        }
        record.openings.get(device)?.delete(opening)
      }
    }
    if (kept.length === 0) record.outages.delete(device)
    else record.outages.set(device, kept)
  }
  record.joined = new Map([...record.joined].filter(([part]) => record.byId.has(part.id)))
  ledger.horizon = horizon
  ledger.rulings = {
    joints: ledger.rulings.joints.filter(
      ({ event, other }) =>
        Math.max(event.at, other.at) >= keepFrom ||
        (eventNamed(ledger, event) !== undefined && eventNamed(ledger, other) !== undefined),
    ),
    boundaries: ledger.rulings.boundaries.filter(
      (one) => one.at >= keepFrom || eventNamed(ledger, one) !== undefined,
    ),
  }
  return forgotten
}

/** Where every switch that was ever heard of stood just before the horizon of a ledger: a checkpoint. */
export function positionsAtHorizon(ledger: Ledger): Map<string, Phases> {
  const positions = new Map<string, Phases>()
  for (const [device, history] of ledger.histories) {
    if (history.observedBefore) {
      positions.set(ledger.network.branchIds[device] as string, history.base)
    }
  }
  return positions
}
