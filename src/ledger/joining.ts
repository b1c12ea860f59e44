import { deviceNamed, nameOf } from './device-names.ts'
import type { OutageId } from './facts.ts'
import type { EpochMs } from '../time.ts'
import type { EventName } from './rulings.ts'
import type { Ledger, Outage, OutageBook } from './state.ts'

/** The outages whose interruptions one tells: itself and those that are joined to it; none where it is joined to another. */
export function partsOf({ joined }: OutageBook, outage: Outage): Outage[] {
  if (joined.size === 0) return [outage]
  if (joined.has(outage)) return []
  return [outage, ...[...joined].filter(([, whole]) => whole === outage).map(([part]) => part)]
}

/**
 * Makes outages one that dispatchers joined. Of several the one that began first keeps its name, so that the order in which they were
 * joined means nothing. To `dirty` is added what is told otherwise by it.
 */
export function joinOutages(ledger: Ledger, dirty: Set<Outage>): void {
  const { record, rulings } = ledger
  const before = record.joined
  if (rulings.joints.length === 0 && before.size === 0) return
  const wholeOf = new Map<Outage, Outage>()
  const find = (outage: Outage): Outage => {
    let whole = outage
    for (let up = wholeOf.get(whole); up !== undefined; up = wholeOf.get(whole)) whole = up
    return whole
  }
  for (const { event, other } of rulings.joints) {
    const [a, b] = [eventNamed(ledger, event), eventNamed(ledger, other)]
    if (a === undefined || b === undefined) continue
    const [first, second] = inOrder(ledger, find(a), find(b))
    if (first !== second) wholeOf.set(second, first)
  }
  const joined = new Map([...wholeOf.keys()].map((part) => [part, find(part)]))
  for (const part of new Set([...before.keys(), ...joined.keys()])) {
    const [was, is] = [before.get(part), joined.get(part)]
    if (was === is) continue
    for (const one of [part, was, is]) if (one !== undefined) dirty.add(one)
  }
  for (const part of dirty) {
    const whole = joined.get(part)
    if (whole !== undefined) dirty.add(whole)
  }
  record.joined = joined
}

/** Outages that an event from an instant on may still be joined to, although they are over. */
export function heldByJoints(ledger: Ledger, from: EpochMs): Set<Outage> {
  const held = new Set<Outage>()
  for (const { event, other } of ledger.rulings.joints) {
    if (Math.max(event.at, other.at) < from) continue
    for (const name of [event, other]) {
      const outage = eventNamed(ledger, name)
      if (outage !== undefined) held.add(ledger.record.joined.get(outage) ?? outage)
    }
  }
  return held
}

/** The outage that a person meant: of its device the one that began nearest, within the reclosing window. */
export function eventNamed(ledger: Ledger, { device, at }: EventName): Outage | undefined {
  const { record, settings } = ledger
  let nearest: Outage | undefined
  for (const outage of record.outages.get(deviceNamed(ledger, device)) ?? []) {
    const distance = Math.abs(outage.anchorAt - at)
    if (outage.openings.length === 0 || distance > settings.recloseWindowMs) continue
    if (nearest === undefined || distance < Math.abs(nearest.anchorAt - at)) nearest = outage
  }
  return nearest
}

function inOrder(ledger: Ledger, a: Outage, b: Outage): readonly [Outage, Outage] {
  if (a.anchorAt !== b.anchorAt) return a.anchorAt < b.anchorAt ? [a, b] : [b, a]
  const [x, y] = [nameOf(ledger, a.device) ?? '', nameOf(ledger, b.device) ?? '']
  return x < y || (x === y && a.id <= b.id) ? [a, b] : [b, a]
}

/** The outage that one is part of in the ledger, be it itself. */
export function wholeOutage({ record }: Ledger, id: OutageId): Outage | undefined {
  const outage = record.byId.get(id)
  return outage === undefined ? undefined : (record.joined.get(outage) ?? outage)
}
