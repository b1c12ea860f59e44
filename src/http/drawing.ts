import { energize, isClosed, isFed, operate, otherEnd, supplyPath } from '../grid/energization.ts'
import type { Energization } from '../grid/energization.ts'
import { at, NONE, type Network } from '../grid/network.ts'
import { loadPointOf, phasesOf, type GroupCode } from '../ledger/facts.ts'
import type { OpenSet } from '../stores/standing-read.ts'
import type { NetworkView } from './network-in-force.ts'

const MILLIONTHS = 1e6

/** The network as columns for drawing: two numbers a branch, a place a node in millionths of a degree, names only where people point. */
export function drawNetwork(view: NetworkView) {
  const { tables, network, revision } = view
  const substations = new Map(tables.substations.map((row, index) => [row.id, index]))
  const place = (value: number | null) => (value === null ? null : Math.round(value * MILLIONTHS))
  const ends = (first: number, count: number) => ({
    from: [...network.branchFrom.subarray(first, first + count)],
    to: [...network.branchTo.subarray(first, first + count)],
  })
  return {
    revision,
    nodes: {
      lon: tables.nodes.map((row) => place(row.lon)),
      lat: tables.nodes.map((row) => place(row.lat)),
    },
    switches: {
      ...ends(0, network.switchCount),
      ids: tables.switches.map((row) => row.id),
      names: tables.switches.map((row) => row.name),
      kinds: tables.switches.map((row) => row.kind),
      phases: tables.switches.map((row) => row.phases),
      normal: [...network.switchNormal],
    },
    lines: ends(network.switchCount, network.lineCount),
    transformers: ends(network.switchCount + network.lineCount, network.transformerCount),
    feeders: {
      ids: tables.feeders.map((row) => row.id),
      names: tables.feeders.map((row) => row.name),
      heads: [...network.feederHead],
      substations: tables.feeders.map((row) => substations.get(row.substation) ?? NONE),
    },
    substations: {
      ids: tables.substations.map((row) => row.id),
      names: tables.substations.map((row) => row.name),
      lon: tables.substations.map((row) => place(row.lon)),
      lat: tables.substations.map((row) => place(row.lat)),
    },
    customersServed: tables.servicePoints.reduce((sum, row) => sum + row.customers, 0),
  }
}

/** What joins the record's supply groups to the network's own, made once a revision. */
export type GroupPlaces = {
  readonly groupOfCode: ReadonlyMap<GroupCode, number>
  readonly lifeSupport: Int32Array
  readonly critical: Int32Array
}

/** `numbers`: the lasting number of each load point, by id. */
export function placeGroups(view: NetworkView, numbers: ReadonlyMap<string, number>): GroupPlaces {
  const { network, tables } = view
  const indexOfNumber = new Map<number, number>()
  network.loadPointIds.forEach((id, index) => {
    const number = numbers.get(id)
    if (number !== undefined) indexOfNumber.set(index, number)
  })
  const groupOfCode = new Map<GroupCode, number>()
  network.groupLoadPoint.forEach((point, group) => {
    const number = indexOfNumber.get(point)
    if (number !== undefined) groupOfCode.set(number * 8 + at(network.groupPhases, group), group)
  })
  const lifeSupport = new Int32Array(network.groupLoadPoint.length)
  const critical = new Int32Array(network.groupLoadPoint.length)
  tables.servicePoints.forEach((row, index) => {
    if (row.priority === null) return
    const counts = row.priority === 'life_support' ? lifeSupport : critical
    counts[at(network.servicePointGroup, index)]! += row.customers
  })
  return { groupOfCode, lifeSupport, critical }
}

export type Part = {
  readonly outage: string | null
  readonly back: boolean
  readonly lines: number[]
  customers: number
  lifeSupport: number
  critical: number
}

/**
 * The lines without supply, by the outage they belong to: what hangs together without supply belongs to the outage of the customers
 * in it.
 */
export function partsOut(
  view: NetworkView,
  places: GroupPlaces,
  sets: readonly OpenSet[],
  standing: Energization,
): Part[] {
  const { network } = view
  const found = new Map<string, { part: Part; sections: number[] }>()
  const partOfSection = new Int32Array(network.sectionCount).fill(NONE)
  const parts: Part[] = []
  for (const { outage, members } of sets) {
    const known = found.get(outage) ?? { part: newPart(outage, false), sections: [] }
    found.set(outage, known)
    for (const code of members) {
      const group = groupNamed(places, code)
      if (group === undefined) continue
      known.part.customers += at(network.groupCustomers, group)
      known.part.lifeSupport += at(places.lifeSupport, group)
      known.part.critical += at(places.critical, group)
      known.sections.push(...sectionsOfGroup(network, group))
    }
  }
  for (const { part, sections } of found.values()) {
    const number = parts.push(part) - 1
    for (const section of sections) {
      if (partOfSection[section] !== NONE || isFed(standing, section)) continue
      spread(standing, section, partOfSection, number)
    }
  }
  const rest = parts.push(newPart(null, false)) - 1
  for (let section = 0; section < network.sectionCount; section++) {
    const dead = !isFed(standing, section) && partOfSection[section] === NONE
    if (dead && network.sectionFeeder[section] !== NONE) partOfSection[section] = rest
  }
  shareLines(network, partOfSection, parts)
  return parts.filter(({ outage, lines }) => outage !== null || lines.length > 0)
}

/** The lines where supply came back lately; dead ones are left to the outage that they are in now. */
export function partsBack(
  view: NetworkView,
  places: GroupPlaces,
  sets: readonly OpenSet[],
): Part[] {
  const { network, standing } = view
  const partOfSection = new Int32Array(network.sectionCount).fill(NONE)
  const parts: Part[] = []
  const numbers = new Map<string, number>()
  for (const { outage, members } of sets) {
    const number = numbers.get(outage) ?? parts.push(newPart(outage, true)) - 1
    numbers.set(outage, number)
    for (const code of members) {
      const group = groupNamed(places, code)
      if (group === undefined) continue
      for (const section of sectionsOfGroup(network, group)) {
        if (isFed(standing, section)) partOfSection[section] = number
      }
    }
  }
  shareLines(network, partOfSection, parts)
  return parts.filter(({ lines }) => lines.length > 0)
}

/** Who would get supply and who would lose it if a switch stood otherwise. Asks only: the network stays as it is. */
export function switchEffect(
  view: NetworkView,
  places: GroupPlaces,
  device: number,
  position: 'open' | 'closed',
) {
  const { network, standing } = view
  const trial = energize(network, standing.closed.slice())
  const island = deadAround(standing, device)
  const phases = position === 'open' ? 0 : at(network.branchPhases, device)
  const { lost, regained } = operate(trial, device, phases)
  const restored = groupsIn(network, regained).filter(
    (group) => !groupFed(standing, group) && groupFed(trial, group),
  )
  const losing = groupsIn(network, lost).filter(
    (group) => groupFed(standing, group) && !groupFed(trial, group),
  )
  const still = groupsIn(network, island).filter((group) => !groupFed(trial, group))
  const sum = (groups: readonly number[], of: Int32Array) =>
    groups.reduce((total, group) => total + at(of, group), 0)
  const changed = new Int32Array(network.sectionCount).fill(NONE)
  for (const section of [...lost, ...regained]) changed[section] = 0
  const touched = newPart(null, false)
  shareLines(network, changed, [touched])
  const closed = at(standing.closed, device)
  const all = at(network.branchPhases, device)
  return {
    switch: view.tables.switches[device]?.id ?? '',
    position,
    now: closed === 0 ? 'open' : closed === all ? 'closed' : 'partly',
    customersRestored: sum(restored, network.groupCustomers),
    customersLost: sum(losing, network.groupCustomers),
    stillOut: sum(still, network.groupCustomers),
    lifeSupportRestored: sum(restored, places.lifeSupport),
    lifeSupportLost: sum(losing, places.lifeSupport),
    lines: touched.lines,
  }
}

/** Lines from a switch to its source, to all that hangs behind it, or to the open ties that could feed what hangs behind it. */
export function traceFromSwitch(
  view: NetworkView,
  device: number,
  direction: 'up' | 'down' | 'ties',
): { lines: number[]; switches: number[] } {
  const { network, standing } = view
  const sections = new Set<number>()
  const switches = new Set<number>([device])
  for (let phase = 0; phase < 3; phase++) {
    const link = device * 3 + phase
    const from = at(network.linkFrom, link)
    const to = at(network.linkTo, link)
    if (from === NONE || to === NONE) continue
    const below = standing.parent[to] === link ? to : standing.parent[from] === link ? from : NONE
    if (direction === 'up') {
      const above = below === to ? from : below === from ? to : isFed(standing, from) ? from : to
      sections.add(above)
      let here = above
      for (const step of supplyPath(standing, above)) {
        switches.add(Math.floor(step / 3))
        here = otherEnd(network, step, here)
        sections.add(here)
      }
    } else {
      const start = below !== NONE ? [below] : [from, to].filter((one) => !isFed(standing, one))
      const reached = behind(standing, start, link)
      if (direction === 'down') reached.forEach((section) => sections.add(section))
      for (const tie of openTies(standing, reached)) {
        switches.add(tie.device)
        if (direction === 'ties') tie.sections.forEach((section) => sections.add(section))
      }
    }
  }
  const wanted = new Int32Array(network.sectionCount).fill(NONE)
  for (const section of sections) wanted[section] = 0
  const part = newPart(null, false)
  shareLines(network, wanted, [part])
  return { lines: part.lines, switches: [...switches] }
}

const newPart = (outage: string | null, back: boolean): Part => ({
  outage,
  back,
  lines: [],
  customers: 0,
  lifeSupport: 0,
  critical: 0,
})

/** A member of the record as a group of this revision; undefined where the load point is gone from it. */
const groupNamed = (places: GroupPlaces, code: GroupCode): number | undefined =>
  places.groupOfCode.get(loadPointOf(code) * 8 + phasesOf(code))

function sectionsOfGroup(network: Network, group: number): number[] {
  const node = at(network.loadPointNode, at(network.groupLoadPoint, group))
  const phases = at(network.groupPhases, group)
  const sections: number[] = []
  for (let phase = 0; phase < 3; phase++) {
    if ((phases & (1 << phase)) === 0) continue
    const section = at(network.nodeSection, node * 3 + phase)
    if (section !== NONE) sections.push(section)
  }
  return sections
}

const groupFed = (state: Energization, group: number): boolean =>
  sectionsOfGroup(state.network, group).every((section) => isFed(state, section))

function groupsIn(network: Network, sections: Iterable<number>): number[] {
  const groups = new Set<number>()
  for (const section of sections) {
    const end = at(network.sectionGroupStart, section + 1)
    for (let i = at(network.sectionGroupStart, section); i < end; i++) {
      groups.add(at(network.sectionGroups, i))
    }
  }
  return [...groups]
}

function* linksOf(network: Network, section: number): Generator<number> {
  const end = at(network.sectionLinkStart, section + 1)
  for (let i = at(network.sectionLinkStart, section); i < end; i++) {
    yield at(network.sectionLinks, i)
  }
}

/** Marks all that hangs together with a dead section across closed switches. */
function spread(standing: Energization, first: number, marks: Int32Array, mark: number): void {
  const { network } = standing
  marks[first] = mark
  const open = [first]
  while (open.length > 0) {
    const section = open.pop() as number
    for (const link of linksOf(network, section)) {
      const other = otherEnd(network, link, section)
      if (marks[other] !== NONE || !isClosed(standing, link) || isFed(standing, other)) continue
      marks[other] = mark
      open.push(other)
    }
  }
}

/** The dead sections that hang together on either side of a switch. */
function deadAround(standing: Energization, device: number): Set<number> {
  const { network } = standing
  const marks = new Int32Array(network.sectionCount).fill(NONE)
  for (let phase = 0; phase < 3; phase++) {
    for (const end of [network.linkFrom, network.linkTo]) {
      const section = at(end, device * 3 + phase)
      if (section !== NONE && marks[section] === NONE && !isFed(standing, section)) {
        spread(standing, section, marks, 0)
      }
    }
  }
  const found = new Set<number>()
  marks.forEach((mark, section) => mark !== NONE && found.add(section))
  return found
}

/** Everything across closed switches from `start`, not back through `link`, and not past what is fed from elsewhere. */
function behind(standing: Energization, start: readonly number[], link: number): Set<number> {
  const { network } = standing
  const reached = new Set(start)
  const open = [...start]
  while (open.length > 0) {
    const section = open.pop() as number
    for (const next of linksOf(network, section)) {
      const other = otherEnd(network, next, section)
      if (next === link || reached.has(other) || !isClosed(standing, next)) continue
      if (standing.parent[other] !== next && isFed(standing, other)) continue
      reached.add(other)
      open.push(other)
    }
  }
  return reached
}

/** Open switches at the edge of some sections that have supply on their far side, with the sections they lie between. */
function openTies(standing: Energization, sections: ReadonlySet<number>) {
  const { network } = standing
  const ties: { device: number; sections: number[] }[] = []
  for (const section of sections) {
    for (const link of linksOf(network, section)) {
      const other = otherEnd(network, link, section)
      if (isClosed(standing, link) || sections.has(other) || !isFed(standing, other)) continue
      ties.push({ device: Math.floor(link / 3), sections: [section, other] })
    }
  }
  return ties
}

/** Gives each line to the part of one of its sections. */
function shareLines(
  network: Network,
  partOfSection: Int32Array,
  parts: readonly Pick<Part, 'lines'>[],
): void {
  for (let line = 0; line < network.lineCount; line++) {
    const branch = network.switchCount + line
    const node = at(network.branchFrom, branch)
    const phases = at(network.branchPhases, branch)
    for (let phase = 0; phase < 3; phase++) {
      if ((phases & (1 << phase)) === 0) continue
      const section = at(network.nodeSection, node * 3 + phase)
      const part = section === NONE ? NONE : at(partOfSection, section)
      if (part === NONE) continue
      parts[part]?.lines.push(line)
      break
    }
  }
}
