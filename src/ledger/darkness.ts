import { at, NONE, type Network } from '../grid/network.ts'
import { ALL_PHASES, NO_PHASES, type Phases } from '../grid/phases.ts'
import type { EpochMs } from '../time.ts'
import { touch } from './outages.ts'
import type { Dark, Ledger, LedgerRecord, Spell } from './state.ts'

/** Sections lost supply at an instant, each by a switch. */
export function startDarkness(
  ledger: Ledger,
  instant: EpochMs,
  lost: ReadonlyMap<number, number>,
  withSpells: boolean,
): void {
  const { network, record } = ledger
  for (const [section, device] of lost) {
    const dark: Dark = { from: instant, until: null, device, restoredBy: NONE }
    const darks = record.darks.get(section)
    if (darks === undefined) record.darks.set(section, [dark])
    else darks.push(dark)
  }
  if (!withSpells) return
  for (const section of lost.keys()) {
    const end = at(network.sectionGroupStart, section + 1)
    for (let i = at(network.sectionGroupStart, section); i < end; i++) {
      const group = at(network.sectionGroups, i)
      if (openSpell(record, group) !== undefined) {
        widen(network, record, group, section)
        continue
      }
      const device = causeAt(ledger, group, instant)
      addSpell(record, {
        group,
        from: instant,
        until: null,
        device,
        restoredBy: NONE,
        phases: 1 << phaseOf(network, group, section),
      })
    }
  }
}

/** Sections got supply back at an instant. What never had any is not news. */
export function endDarkness(
  ledger: Ledger,
  instant: EpochMs,
  regained: ReadonlyMap<number, number>,
  withSpells: boolean,
): void {
  const { network, record } = ledger
  for (const [section, device] of regained) {
    const dark = record.darks.get(section)?.at(-1)
    if (dark === undefined || dark.until !== null) continue
    dark.until = instant
    dark.restoredBy = device
  }
  if (!withSpells) return
  for (const section of regained.keys()) {
    const end = at(network.sectionGroupStart, section + 1)
    for (let i = at(network.sectionGroupStart, section); i < end; i++) {
      const group = at(network.sectionGroups, i)
      const spell = openSpell(record, group)
      if (spell === undefined || isDark(ledger, group)) continue
      spell.until = instant
      spell.restoredBy = restorerAt(ledger, group, instant)
      touch(record, spell)
    }
  }
}

/** Takes the sections back to how dark they were just before an instant. */
export function truncateDarkness(ledger: Ledger, sections: readonly number[], from: EpochMs): void {
  for (const section of sections) {
    const darks = ledger.record.darks.get(section)
    if (darks === undefined) continue
    while ((darks.at(-1)?.from ?? Number.NEGATIVE_INFINITY) >= from) darks.pop()
    const last = darks.at(-1)
    if (last !== undefined && last.until !== null && last.until >= from) {
      last.until = null
      last.restoredBy = NONE
    }
  }
}

/** After sections were derived again from an instant on, the interruptions of their supply groups are told anew. */
export function recomputeSpells(ledger: Ledger, sections: readonly number[], from: EpochMs): void {
  const groups = new Set<number>()
  for (const section of sections) {
    for (const group of groupsOf(ledger.network, section)) groups.add(group)
  }
  for (const group of groups) recomputeGroup(ledger, group, from)
}

function recomputeGroup(ledger: Ledger, group: number, from: EpochMs): void {
  const { record } = ledger
  const spells = record.spells.get(group) ?? []
  let spanning: Spell | undefined
  while (spells.length > 0) {
    const last = spells.at(-1) as Spell
    if (last.until !== null && last.until < from) break
    spells.pop()
    touch(record, last)
    record.openings.get(last.device)?.get(last.from)?.delete(last)
    if (last.from < from) spanning = last
  }
  const darks: Dark[] = []
  for (const section of sectionsOf(ledger.network, group)) {
    for (const dark of record.darks.get(section) ?? []) {
      if (dark.until === null || dark.until >= from) darks.push(dark)
    }
  }
  darks.sort((a, b) => a.from - b.from || rank(ledger, a.device) - rank(ledger, b.device))
  let running: { from: EpochMs; device: number; until: EpochMs | null } | undefined
  const close = (): void => {
    if (running === undefined) return
    addSpell(record, {
      group,
      ...running,
      restoredBy: running.until === null ? NONE : restorerAt(ledger, group, running.until),
      phases: darkPhases(ledger, group, running.from, running.until, spanning),
    })
    running = undefined
  }
  for (const dark of darks) {
    if (running !== undefined && running.until !== null && dark.from > running.until) close()
    if (running === undefined) {
      // What was dark before the instant keeps its beginning: that past has not changed.
      const begun = dark.from < from ? (spanning ?? dark) : dark
      running = { from: begun.from, device: begun.device, until: dark.until }
    } else if (running.until !== null && (dark.until === null || dark.until > running.until)) {
      running.until = dark.until
    }
  }
  close()
}

export function addSpell(record: LedgerRecord, spell: Spell): void {
  const spells = record.spells.get(spell.group)
  if (spells === undefined) record.spells.set(spell.group, [spell])
  else spells.push(spell)
  addOpening(record, spell)
  touch(record, spell)
}

export function addOpening(record: LedgerRecord, spell: Spell): void {
  let openings = record.openings.get(spell.device)
  if (openings === undefined) record.openings.set(spell.device, (openings = new Map()))
  const opening = openings.get(spell.from)
  if (opening === undefined) openings.set(spell.from, new Set([spell]))
  else opening.add(spell)
}

export const openSpell = (record: LedgerRecord, group: number): Spell | undefined => {
  const last = record.spells.get(group)?.at(-1)
  return last?.until === null ? last : undefined
}

function widen(network: Network, record: LedgerRecord, group: number, section: number): void {
  const spell = openSpell(record, group) as Spell
  const phase = 1 << phaseOf(network, group, section)
  if ((spell.phases & phase) !== 0) return
  spell.phases |= phase
  touch(record, spell)
}

function* groupsOf(network: Network, section: number): Iterable<number> {
  const end = at(network.sectionGroupStart, section + 1)
  for (let i = at(network.sectionGroupStart, section); i < end; i++) {
    yield at(network.sectionGroups, i)
  }
}

/** Sections that a group depends on, one for each of its phases (or of those asked for). */
export function sectionsOf(network: Network, group: number, among: Phases = ALL_PHASES): number[] {
  const node = at(network.loadPointNode, at(network.groupLoadPoint, group))
  const sections: number[] = []
  for (let phase = 0; phase < 3; phase++) {
    if ((at(network.groupPhases, group) & among & (1 << phase)) === 0) continue
    const section = at(network.nodeSection, node * 3 + phase)
    if (section !== NONE) sections.push(section)
  }
  return sections
}

function phaseOf(network: Network, group: number, section: number): number {
  const node = at(network.loadPointNode, at(network.groupLoadPoint, group))
  for (let phase = 0; phase < 3; phase++) {
    if (network.nodeSection[node * 3 + phase] === section) return phase
  }
  throw new Error(`section ${section} does not belong to group ${group}`)
}

/** The section that a group depends on in one of its phases; NONE where it does not use that phase. */
function sectionIn(network: Network, group: number, phase: number): number {
  if ((at(network.groupPhases, group) & (1 << phase)) === 0) return NONE
  const node = at(network.loadPointNode, at(network.groupLoadPoint, group))
  return at(network.nodeSection, node * 3 + phase)
}

function isDark({ network, record }: Ledger, group: number): boolean {
  for (let phase = 0; phase < 3; phase++) {
    const section = sectionIn(network, group, phase)
    if (section !== NONE && record.darks.get(section)?.at(-1)?.until === null) return true
  }
  return false
}

const rank = (ledger: Ledger, device: number): number =>
  device < 0 ? Number.POSITIVE_INFINITY : at(ledger.network.switchRank, device)

/** Of the switches that cut the group's phases at an instant, the one nearest to the source. */
function causeAt(ledger: Ledger, group: number, instant: EpochMs): number {
  let found = NONE
  for (let phase = 0; phase < 3; phase++) {
    const darks = ledger.record.darks.get(sectionIn(ledger.network, group, phase))
    if (darks === undefined) continue
    let i = darks.length - 1
    while (i >= 0 && (darks[i] as Dark).from > instant) i--
    const dark = darks[i]
    if (dark?.from === instant) found = nearer(ledger, found, dark.device)
  }
  return found
}

/** Of the switches that brought the group's phases back at an instant, the one nearest to the source. */
function restorerAt(ledger: Ledger, group: number, instant: EpochMs): number {
  let found = NONE
  for (let phase = 0; phase < 3; phase++) {
    const darks = ledger.record.darks.get(sectionIn(ledger.network, group, phase))
    if (darks === undefined) continue
    let i = darks.length - 1
    while (i >= 0 && ((darks[i] as Dark).until ?? Infinity) > instant) i--
    const dark = darks[i]
    if (dark?.until === instant) found = nearer(ledger, found, dark.restoredBy)
  }
  return found
}

const nearer = (ledger: Ledger, a: number, b: number): number =>
  rank(ledger, b) < rank(ledger, a) ? b : a

function darkPhases(
  ledger: Ledger,
  group: number,
  from: EpochMs,
  until: EpochMs | null,
  spanning: Spell | undefined,
): Phases {
  // What is older than the horizon is known from the spell alone.
  let phases = spanning?.from === from && from < ledger.horizon ? spanning.phases : NO_PHASES
  for (const section of sectionsOf(ledger.network, group)) {
    const overlaps = (ledger.record.darks.get(section) ?? []).some(
      (dark) => (until === null || dark.from < until) && (dark.until === null || dark.until > from),
    )
    if (overlaps) phases |= 1 << phaseOf(ledger.network, group, section)
  }
  return phases
}
