import { NO_PHASES, type Phases } from './phases.ts'
import type { FeederRow, NetworkTables, ServicePointRow, SubstationRow } from './tables.ts'

/** A conductor of a switch: `switch * 3 + phase`. */
export type Link = number
/** No section, no feeder, no load point. */
export const NONE = -1

/**
 * The network as built: immutable, dense, typed arrays.
 *
 * What is joined without a switch in between always shares its fate, phase by phase. So the network is cut at its switches into
 * **sections** of one phase each, and energization, interruptions and their cost are counted in sections, not in nodes.
 */
export type Network = {
  readonly nodeIds: readonly string[]
  /** Branches in this order: switches, lines, transformers. A switch's index is its branch index. */
  readonly branchIds: readonly string[]
  readonly branchFrom: Int32Array
  readonly branchTo: Int32Array
  readonly branchPhases: Uint8Array
  readonly switchCount: number
  readonly lineCount: number
  readonly transformerCount: number
  /** Branches at each node: `nodeBranches[nodeBranchStart[n] .. nodeBranchStart[n + 1])`. */
  readonly nodeBranchStart: Int32Array
  readonly nodeBranches: Int32Array

  /** Phases that a switch closes in its normal position. */
  readonly switchNormal: Uint8Array
  /** Switches in the order in which supply reaches them under normal positions: upstream before downstream. */
  readonly switchRank: Int32Array

  readonly sectionCount: number
  /** `nodeSection[node * 3 + phase]`, NONE where the node has no such conductor. */
  readonly nodeSection: Int32Array
  /** The two sections that a link joins: `linkFrom[link]`, `linkTo[link]`; NONE for a phase the switch has not. */
  readonly linkFrom: Int32Array
  readonly linkTo: Int32Array
  readonly sectionLinkStart: Int32Array
  readonly sectionLinks: Int32Array
  /** 1 where a source feeds the section. */
  readonly sectionSource: Uint8Array
  /** Feeder of a section under normal positions, NONE where no head lies upstream. */
  readonly sectionFeeder: Int32Array
  /** Supply groups with a conductor in a section. */
  readonly sectionGroupStart: Int32Array
  readonly sectionGroups: Int32Array

  readonly loadPointIds: readonly string[]
  readonly loadPointNode: Int32Array
  readonly loadPointPhases: Uint8Array
  readonly loadPointFeeder: Int32Array

  /** Supply groups: the service points of one load point that use the same phases. A load point without any has one of no customers. */
  readonly groupLoadPoint: Int32Array
  readonly groupPhases: Uint8Array
  readonly groupCustomers: Int32Array
  /** NaN where no service point of the group says its kVA. */
  readonly groupKva: Float64Array
  /** Supply group of each service point, in the order of the tables. */
  readonly servicePointGroup: Int32Array

  readonly feeders: readonly FeederRow[]
  readonly feederHead: Int32Array
  readonly substations: readonly SubstationRow[]
  /** Substation of each feeder, NONE where the table names none. */
  readonly feederSubstation: Int32Array
  readonly switchIndex: ReadonlyMap<string, number>
}

/**
 * Makes the tables dense. They must be consistent (the importers see to that): a reference to a node or switch that is not there throws.
 */
export function buildNetwork(tables: NetworkTables): Network {
  const branches = readBranches(tables)
  const sections = cutAtSwitches(tables, branches)
  const points = findLoadPoints(tables, branches)
  const groups = groupServicePoints(tables, points, branches.nodeIndex)
  const switchIndex = new Map(tables.switches.map((row, index) => [row.id, index]))
  const feederHead = Int32Array.from(
    tables.feeders,
    (feeder) => switchIndex.get(feeder.head) ?? NONE,
  )
  const normal = orderOfSupply(tables, sections, branches.switchNormal, feederHead)
  const substationIndex = new Map(tables.substations.map((row, index) => [row.id, index]))

  const loadPointFeeder = new Int32Array(points.ids.length).fill(NONE)
  for (let point = 0; point < points.ids.length; point++) {
    const node = at(points.node, point)
    for (let phase = 0; phase < 3 && loadPointFeeder[point] === NONE; phase++) {
      if ((at(points.phases, point) & (1 << phase)) === 0) continue
      const section = at(sections.nodeSection, node * 3 + phase)
      if (section !== NONE) loadPointFeeder[point] = at(normal.sectionFeeder, section)
    }
  }

  const groupSections: [number, number][] = []
  for (let group = 0; group < groups.loadPoint.length; group++) {
    const node = at(points.node, at(groups.loadPoint, group))
    for (let phase = 0; phase < 3; phase++) {
      if ((at(groups.phases, group) & (1 << phase)) === 0) continue
      const section = at(sections.nodeSection, node * 3 + phase)
      if (section !== NONE) groupSections.push([section, group])
    }
  }
  const sectionGroups = compress(sections.count, groupSections)

  return {
    nodeIds: tables.nodes.map((node) => node.id),
    branchIds: branches.ids,
    branchFrom: branches.from,
    branchTo: branches.to,
    branchPhases: branches.phases,
    switchCount: tables.switches.length,
    lineCount: tables.lines.length,
    transformerCount: tables.transformers.length,
    nodeBranchStart: branches.nodeStart,
    nodeBranches: branches.nodeBranches,
    switchNormal: branches.switchNormal,
    switchRank: normal.switchRank,
    sectionCount: sections.count,
    nodeSection: sections.nodeSection,
    linkFrom: sections.linkFrom,
    linkTo: sections.linkTo,
    sectionLinkStart: sections.linkStart,
    sectionLinks: sections.links,
    sectionSource: sections.source,
    sectionFeeder: normal.sectionFeeder,
    sectionGroupStart: sectionGroups.start,
    sectionGroups: sectionGroups.values,
    loadPointIds: points.ids,
    loadPointNode: points.node,
    loadPointPhases: points.phases,
    loadPointFeeder,
    groupLoadPoint: groups.loadPoint,
    groupPhases: groups.phases,
    groupCustomers: groups.customers,
    groupKva: groups.kva,
    servicePointGroup: groups.ofServicePoint,
    feeders: tables.feeders,
    feederHead,
    substations: tables.substations,
    feederSubstation: Int32Array.from(
      tables.feeders,
      (feeder) => substationIndex.get(feeder.substation) ?? NONE,
    ),
    switchIndex,
  }
}

/** Typed arrays answer `undefined` outside of their bounds to the compiler only: an index that we made is there. */
export const at = (array: { readonly [index: number]: number }, index: number): number =>
  array[index] as number

type Branches = {
  ids: string[]
  from: Int32Array
  to: Int32Array
  phases: Uint8Array
  switchNormal: Uint8Array
  nodeStart: Int32Array
  nodeBranches: Int32Array
  nodeIndex: ReadonlyMap<string, number>
}

function readBranches(tables: NetworkTables): Branches {
  const nodeIndex = new Map<string, number>()
  tables.nodes.forEach((node, index) => nodeIndex.set(node.id, index))
  const count = tables.switches.length + tables.lines.length + tables.transformers.length
  const ids: string[] = []
  const from = new Int32Array(count)
  const to = new Int32Array(count)
  const phases = new Uint8Array(count)
  let next = 0
  for (const rows of [tables.switches, tables.lines, tables.transformers]) {
    for (const row of rows) {
      ids.push(row.id)
      from[next] = nodeNamed(nodeIndex, row.from, row.id)
      to[next] = nodeNamed(nodeIndex, row.to, row.id)
      phases[next] = row.phases
      next++
    }
  }
  const nodeStart = new Int32Array(tables.nodes.length + 1)
  for (let branch = 0; branch < count; branch++) {
    nodeStart[at(from, branch) + 1]!++
    nodeStart[at(to, branch) + 1]!++
  }
  for (let node = 0; node < tables.nodes.length; node++) nodeStart[node + 1]! += at(nodeStart, node)
  const fill = nodeStart.slice()
  const nodeBranches = new Int32Array(count * 2)
  for (let branch = 0; branch < count; branch++) {
    nodeBranches[fill[at(from, branch)]!++] = branch
    nodeBranches[fill[at(to, branch)]!++] = branch
  }
  const switchNormal = Uint8Array.from(tables.switches, (row) =>
    row.normallyClosed ? row.phases : NO_PHASES,
  )
  return { ids, from, to, phases, switchNormal, nodeStart, nodeBranches, nodeIndex }
}

function nodeNamed(index: ReadonlyMap<string, number>, id: string, who: string): number {
  const node = index.get(id)
  if (node === undefined)
    throw new Error(`${who} is connected to node ${id}, which is not in the tables`)
  return node
}

type Sections = {
  count: number
  nodeSection: Int32Array
  linkFrom: Int32Array
  linkTo: Int32Array
  linkStart: Int32Array
  links: Int32Array
  source: Uint8Array
}

function cutAtSwitches(tables: NetworkTables, branches: Branches): Sections {
  const slots = tables.nodes.length * 3
  const root = new Int32Array(slots)
  for (let slot = 0; slot < slots; slot++) root[slot] = slot
  const used = new Uint8Array(slots)
  const find = (slot: number): number => {
    let top = slot
    while (root[top] !== top) {
      root[top] = at(root, at(root, top))
      top = at(root, top)
    }
    return top
  }
  const use = (node: number, phases: Phases): void => {
    for (let phase = 0; phase < 3; phase++) if (phases & (1 << phase)) used[node * 3 + phase] = 1
  }
  for (let branch = 0; branch < branches.from.length; branch++) {
    const from = at(branches.from, branch)
    const to = at(branches.to, branch)
    const phases = at(branches.phases, branch)
    use(from, phases)
    use(to, phases)
    if (branch < tables.switches.length) continue
    for (let phase = 0; phase < 3; phase++) {
      if ((phases & (1 << phase)) === 0) continue
      const a = find(from * 3 + phase)
      const b = find(to * 3 + phase)
      if (a !== b) root[Math.max(a, b)] = Math.min(a, b)
    }
  }
  for (const row of tables.sources) use(nodeNamed(branches.nodeIndex, row.node, row.id), row.phases)
  for (const row of tables.servicePoints) {
    use(nodeNamed(branches.nodeIndex, row.node, row.id), row.phases)
  }

  const nodeSection = new Int32Array(slots).fill(NONE)
  let count = 0
  for (let slot = 0; slot < slots; slot++) {
    if (used[slot] === 0) continue
    const top = find(slot)
    // The root has the smallest slot of its section, so it has been numbered before.
    nodeSection[slot] = top === slot ? count++ : at(nodeSection, top)
  }

  const linkFrom = new Int32Array(tables.switches.length * 3).fill(NONE)
  const linkTo = new Int32Array(tables.switches.length * 3).fill(NONE)
  const ends: [number, number][] = []
  for (let branch = 0; branch < tables.switches.length; branch++) {
    for (let phase = 0; phase < 3; phase++) {
      if ((at(branches.phases, branch) & (1 << phase)) === 0) continue
      const link = branch * 3 + phase
      const from = at(nodeSection, at(branches.from, branch) * 3 + phase)
      const to = at(nodeSection, at(branches.to, branch) * 3 + phase)
      linkFrom[link] = from
      linkTo[link] = to
      if (from === to) continue
      ends.push([from, link], [to, link])
    }
  }
  const adjacency = compress(count, ends)

  const source = new Uint8Array(count)
  for (const row of tables.sources) {
    const node = nodeNamed(branches.nodeIndex, row.node, row.id)
    for (let phase = 0; phase < 3; phase++) {
      if (row.phases & (1 << phase)) source[at(nodeSection, node * 3 + phase)] = 1
    }
  }
  return {
    count,
    nodeSection,
    linkFrom,
    linkTo,
    linkStart: adjacency.start,
    links: adjacency.values,
    source,
  }
}

/** Pairs (key, value) → compressed rows: `values[start[key] .. start[key + 1])`, in the order given. */
function compress(keys: number, pairs: readonly [number, number][]) {
  const start = new Int32Array(keys + 1)
  for (const [key] of pairs) start[key + 1]!++
  for (let key = 0; key < keys; key++) start[key + 1]! += at(start, key)
  const fill = start.slice()
  const values = new Int32Array(pairs.length)
  for (const [key, value] of pairs) values[fill[key]!++] = value
  return { start, values }
}

type LoadPoints = {
  ids: string[]
  node: Int32Array
  phases: Uint8Array
  /** Load point of a node behind a distribution transformer or serving points directly. */
  ofNode: Int32Array
}

/**
 * A load point is a distribution transformer with all that hangs behind it without a switch in between, or a node that serves points
 * directly (contract.md). Where secondaries meet, the transformer that comes first in the table has them.
 */
function findLoadPoints(tables: NetworkTables, branches: Branches): LoadPoints {
  const ids: string[] = []
  const nodes: number[] = []
  const phases: number[] = []
  const ofNode = new Int32Array(tables.nodes.length).fill(NONE)
  const firstTransformer = tables.switches.length + tables.lines.length
  const behind: number[] = []
  tables.transformers.forEach((row, index) => {
    if (row.kind !== 'distribution') return
    const secondary = at(branches.to, firstTransformer + index)
    const point = ids.length
    ids.push(row.id)
    nodes.push(secondary)
    phases.push(row.phases)
    if (ofNode[secondary] !== NONE) return
    ofNode[secondary] = point
    behind.push(secondary)
    while (behind.length > 0) {
      const node = behind.pop() as number
      for (let i = at(branches.nodeStart, node); i < at(branches.nodeStart, node + 1); i++) {
        const branch = at(branches.nodeBranches, i)
        if (branch < tables.switches.length || branch >= firstTransformer) continue
        const from = at(branches.from, branch)
        const other = from === node ? at(branches.to, branch) : from
        if (ofNode[other] !== NONE) continue
        ofNode[other] = point
        behind.push(other)
      }
    }
  })
  for (const row of tables.servicePoints) {
    const node = nodeNamed(branches.nodeIndex, row.node, row.id)
    const point = at(ofNode, node)
    if (point === NONE) {
      ofNode[node] = ids.length
      ids.push(row.node)
      nodes.push(node)
      phases.push(row.phases)
    } else if (nodes[point] === node && ids[point] === row.node) {
      // A node that serves points directly has the phases that they use together.
      phases[point]! |= row.phases
    }
  }
  return { ids, node: Int32Array.from(nodes), phases: Uint8Array.from(phases), ofNode }
}

type Groups = {
  loadPoint: Int32Array
  phases: Uint8Array
  customers: Int32Array
  kva: Float64Array
  ofServicePoint: Int32Array
}

function groupServicePoints(
  tables: NetworkTables,
  points: LoadPoints,
  nodeIndex: ReadonlyMap<string, number>,
): Groups {
  const index = new Map<number, number>()
  const loadPoint: number[] = []
  const phases: number[] = []
  const customers: number[] = []
  const kva: number[] = []
  const group = (point: number, phaseSet: Phases): number => {
    const key = point * 8 + phaseSet
    let found = index.get(key)
    if (found === undefined) {
      found = loadPoint.length
      index.set(key, found)
      loadPoint.push(point)
      phases.push(phaseSet)
      customers.push(0)
      kva.push(NaN)
    }
    return found
  }
  const ofServicePoint = Int32Array.from(tables.servicePoints, (row: ServicePointRow) => {
    const node = nodeNamed(nodeIndex, row.node, row.id)
    const point = at(points.ofNode, node)
    // What asks for a phase that its transformer has not lives on those that it has (named in the import report).
    const shared = row.phases & at(points.phases, point)
    const found = group(point, shared === NO_PHASES ? row.phases : shared)
    customers[found]! += row.customers
    if (row.connectedKva !== null) {
      const known = kva[found] as number
      kva[found] = (Number.isNaN(known) ? 0 : known) + row.connectedKva
    }
    return found
  })
  const served = new Set(loadPoint)
  points.ids.forEach((_, point) => {
    if (!served.has(point)) group(point, at(points.phases, point))
  })
  return {
    loadPoint: Int32Array.from(loadPoint),
    phases: Uint8Array.from(phases),
    customers: Int32Array.from(customers),
    kva: Float64Array.from(kva),
    ofServicePoint,
  }
}

/** Walks from the sources under normal positions: which feeder a section belongs to, and which switch supply reaches first. */
function orderOfSupply(
  tables: NetworkTables,
  sections: Sections,
  switchNormal: Uint8Array,
  feederHead: Int32Array,
): { sectionFeeder: Int32Array; switchRank: Int32Array } {
  const feederOfHead = new Map<number, number>()
  feederHead.forEach((head, feeder) => head !== NONE && feederOfHead.set(head, feeder))
  const sectionFeeder = new Int32Array(sections.count).fill(NONE)
  const switchRank = new Int32Array(tables.switches.length).fill(NONE)
  const reached = new Uint8Array(sections.count)
  const queue: number[] = []
  for (let section = 0; section < sections.count; section++) {
    if (sections.source[section] === 0) continue
    reached[section] = 1
    queue.push(section)
  }
  let rank = 0
  for (let head = 0; head < queue.length; head++) {
    const section = queue[head] as number
    for (let i = at(sections.linkStart, section); i < at(sections.linkStart, section + 1); i++) {
      const link = at(sections.links, i)
      const device = Math.floor(link / 3)
      if (switchRank[device] === NONE) switchRank[device] = rank++
      if ((at(switchNormal, device) & (1 << (link % 3))) === 0) continue
      const from = at(sections.linkFrom, link)
      const other = from === section ? at(sections.linkTo, link) : from
      if (reached[other] === 1) continue
      reached[other] = 1
      sectionFeeder[other] = feederOfHead.get(device) ?? at(sectionFeeder, section)
      queue.push(other)
    }
  }
  // What no source reaches comes last, in the order of the table.
  for (let device = 0; device < switchRank.length; device++) {
    if (switchRank[device] === NONE) switchRank[device] = rank++
  }
  return { sectionFeeder, switchRank }
}
