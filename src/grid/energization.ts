import { at, NONE, type Link, type Network } from './network.ts'
import { NO_PHASES, type Phases } from './phases.ts'

/** The parent of a section that a source feeds itself. */
const SOURCE: Link = -1
/** The parent of a section without supply. */
const DEAD: Link = -2

/**
 * The network as it stands and as derived: which phases each switch closes, and through which link supply reaches each section.
 * `operate` changes it in place; the cost of one operation follows the sections behind the switch, never the network.
 */
export type Energization = {
  readonly network: Network
  /** Phases that each switch closes now. */
  readonly closed: Uint8Array
  /** The link through which each section is fed: a tree with the sources at its roots. */
  readonly parent: Int32Array
  /** Scratch of a running trace, all zero between calls. */
  readonly mark: Uint8Array
}

/** What one operation did: sections (of one phase each) that lost supply, and sections that got it back. */
export type SupplyChange = {
  readonly lost: readonly number[]
  readonly regained: readonly number[]
}

const NOTHING: SupplyChange = { lost: [], regained: [] }

/** All switches in their normal positions, everything traced. */
export function energize(
  network: Network,
  closed: Uint8Array = network.switchNormal.slice(),
): Energization {
  const state: Energization = {
    network,
    closed,
    parent: new Int32Array(network.sectionCount).fill(DEAD),
    mark: new Uint8Array(network.sectionCount),
  }
  const fed: number[] = []
  for (let section = 0; section < network.sectionCount; section++) {
    if (network.sectionSource[section] === 0) continue
    state.parent[section] = SOURCE
    fed.push(section)
  }
  spread(state, fed)
  return state
}

export const isFed = (state: Energization, section: number): boolean =>
  state.parent[section] !== DEAD

/** Phases of a node that have supply. */
export function fedPhases(state: Energization, node: number): Phases {
  let phases = NO_PHASES
  for (let phase = 0; phase < 3; phase++) {
    const section = at(state.network.nodeSection, node * 3 + phase)
    if (section !== NONE && isFed(state, section)) phases |= 1 << phase
  }
  return phases
}

/** Puts a switch where it closes exactly these phases. Phases that it has not are ignored. */
export function operate(state: Energization, device: number, closedPhases: Phases): SupplyChange {
  const was = at(state.closed, device)
  const now = closedPhases & at(state.network.branchPhases, device)
  if (was === now) return NOTHING
  state.closed[device] = now
  const lost: number[] = []
  const regained: number[] = []
  for (let phase = 0; phase < 3; phase++) {
    const bit = 1 << phase
    if ((was & bit) === (now & bit)) continue
    const link = device * 3 + phase
    if (now & bit) closeLink(state, link, regained)
    else openLink(state, link, lost)
  }
  return { lost, regained }
}

function closeLink(state: Energization, link: Link, regained: number[]): void {
  const from = at(state.network.linkFrom, link)
  const to = at(state.network.linkTo, link)
  const fromFed = isFed(state, from)
  // Two fed sides are now in parallel, two dead ones wait together: neither changes who has supply.
  if (fromFed === isFed(state, to)) return
  const dead = fromFed ? to : from
  state.parent[dead] = link
  const first = regained.length
  regained.push(dead)
  spread(state, regained, first)
}

function openLink(state: Energization, link: Link, lost: number[]): void {
  const { network, parent, mark } = state
  const from = at(network.linkFrom, link)
  const to = at(network.linkTo, link)
  if (from === to) return
  const below = parent[to] === link ? to : parent[from] === link ? from : NONE
  if (below === NONE) return

  // All that was fed through the link…
  const island = [below]
  mark[below] = 1
  for (let head = 0; head < island.length; head++) {
    const section = island[head] as number
    for (
      let i = at(network.sectionLinkStart, section);
      i < at(network.sectionLinkStart, section + 1);
      i++
    ) {
      const next = at(network.sectionLinks, i)
      const other = otherEnd(network, next, section)
      if (parent[other] === next && mark[other] === 0 && other !== section) {
        mark[other] = 1
        island.push(other)
      }
    }
  }
  for (const section of island) parent[section] = DEAD
  // …is fed again wherever a closed link leads to something that still is.
  feedAgain(state, island)
  for (const section of island) if (!isFed(state, section)) lost.push(section)
}

/** Feeds sections again that were made dead and marked, from their own sources and across closed links from what is not marked; unmarks them. */
function feedAgain(state: Energization, sections: readonly number[]): void {
  const { network, parent, mark } = state
  const fed: number[] = []
  for (const section of sections) {
    if (network.sectionSource[section] === 1) {
      parent[section] = SOURCE
      fed.push(section)
      continue
    }
    for (
      let i = at(network.sectionLinkStart, section);
      i < at(network.sectionLinkStart, section + 1);
      i++
    ) {
      const link = at(network.sectionLinks, i)
      if (!isClosed(state, link)) continue
      const other = otherEnd(network, link, section)
      if (mark[other] === 0 && isFed(state, other)) {
        parent[section] = link
        fed.push(section)
        break
      }
    }
  }
  for (const section of sections) mark[section] = 0
  spread(state, fed)
}

/** Breadth first from `sections[first…]`, which are fed, to all dead sections behind closed links; those are appended. */
function spread(state: Energization, sections: number[], first = 0): void {
  const { network, parent } = state
  for (let head = first; head < sections.length; head++) {
    const section = sections[head] as number
    for (
      let i = at(network.sectionLinkStart, section);
      i < at(network.sectionLinkStart, section + 1);
      i++
    ) {
      const link = at(network.sectionLinks, i)
      if (!isClosed(state, link)) continue
      const other = otherEnd(network, link, section)
      if (parent[other] !== DEAD) continue
      parent[other] = link
      sections.push(other)
    }
  }
}

export const isClosed = (state: Energization, link: Link): boolean =>
  (at(state.closed, Math.floor(link / 3)) & (1 << (link % 3))) !== 0

export function otherEnd(network: Network, link: Link, section: number): number {
  const from = at(network.linkFrom, link)
  return from === section ? at(network.linkTo, link) : from
}

/**
 * Takes a part of the network back to dead, so that it can be derived again: the sections are cut from supply, the switches given
 * get their positions, and what the untouched rest feeds across closed links is fed again. Returns nothing: the caller compares.
 */
export function rederive(
  state: Energization,
  sections: readonly number[],
  positions: readonly { readonly device: number; readonly closed: Phases }[],
): void {
  const { parent, mark } = state
  for (const section of sections) {
    parent[section] = DEAD
    mark[section] = 1
  }
  for (const { device, closed } of positions) state.closed[device] = closed
  feedAgain(state, sections)
}

/** Links on the way from a section up to its source; empty where it is a source's own or has no supply. */
export function supplyPath(state: Energization, section: number): Link[] {
  const path: Link[] = []
  let here = section
  for (let link = at(state.parent, here); link >= 0; link = at(state.parent, here)) {
    path.push(link)
    here = otherEnd(state.network, link, here)
  }
  return path
}
