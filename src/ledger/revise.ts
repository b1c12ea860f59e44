import { isFed } from '../grid/energization.ts'
import { NONE, type Network } from '../grid/network.ts'
import type { EpochMs } from '../time.ts'
import { endDarkness, openSpell, sectionsOf, startDarkness } from './darkness.ts'
import type { OutageChange, OutageFacts } from './facts.ts'
import { heldByJoints } from './joining.ts'
import { groupsByCode, openLedger } from './open.ts'
import { codeOf, settleOutages, touch } from './outages.ts'
import { closedNow } from './positions.ts'
import type { Ledger } from './state.ts'

/**
 * A new network comes into force. Switches stay where they stand, outages go on. Who is fed by the new drawing has supply back from here
 * on; who was fed and is not has lost it, by no switch; what is not in the drawing any more waits for nothing.
 */
export function reviseLedger(
  old: Ledger,
  network: Network,
  loadPointNumber: Int32Array,
  when: EpochMs,
): { ledger: Ledger; changes: OutageChange[] } {
  const positions = new Map<string, number>()
  for (const [device, history] of old.histories) {
    const said = history.observedBefore || history.statements.length > 0
    if (said) positions.set(old.network.branchIds[device] as string, closedNow(history))
  }
  const changes: OutageChange[] = []
  const groupOf = groupsByCode(network, loadPointNumber)
  endWhatHasSupplyOrIsGone(old, network, positions, groupOf, when)
  changes.push(...settleOutages(old, []))

  const keepFrom = when - old.settings.recloseWindowMs
  const outages: OutageFacts[] = []
  const held = heldByJoints(old, keepFrom)
  for (const outage of old.record.byId.values()) {
    const { told } = outage
    if (told === null) continue
    if (told.restoredAt === null || told.restoredAt >= keepFrom || held.has(outage)) {
      outages.push(told)
    }
  }
  const standing = { horizon: when, positions, outages }
  const ledger = openLedger(network, loadPointNumber, old.settings, standing, old.rulings)
  const lost = new Map<number, number>()
  for (let group = 0; group < old.network.groupPhases.length; group++) {
    if (openSpell(old.record, group) !== undefined) continue
    const now = groupOf.get(codeOf(old, group))
    if (now === undefined) continue
    const was = sectionsOf(old.network, group).every((section) => isFed(old.energization, section))
    if (!was) continue
    for (const section of sectionsOf(network, now)) {
      if (!isFed(ledger.energization, section)) lost.set(section, NONE)
    }
  }
  startDarkness(ledger, when, lost, true)
  changes.push(...settleOutages(ledger, []))
  return { ledger, changes }
}

function endWhatHasSupplyOrIsGone(
  old: Ledger,
  network: Network,
  positions: ReadonlyMap<string, number>,
  groupOf: ReadonlyMap<number, number>,
  when: EpochMs,
): void {
  const drawn = openLedger(network, old.record.loadPointNumber, old.settings, {
    horizon: when,
    positions,
    outages: [],
  })
  const back = new Map<number, number>()
  for (const group of old.record.spells.keys()) {
    const spell = openSpell(old.record, group)
    if (spell === undefined) continue
    const now = groupOf.get(codeOf(old, group))
    const waits =
      now !== undefined &&
      sectionsOf(network, now).some((section) => !isFed(drawn.energization, section))
    if (waits) continue
    for (const section of sectionsOf(old.network, group)) {
      if (old.record.darks.get(section)?.at(-1)?.until === null) back.set(section, NONE)
    }
    // Other groups of these sections may wait on: the spell ends by itself, not by its sections alone.
    spell.until = when
    spell.restoredBy = NONE
    touch(old.record, spell)
  }
  // The old drawing is left behind; its sections only have to be consistent with the spells that ended.
  endDarkness(old, when, back, false)
}
