import { formatPhases } from '../grid/phases.ts'
import type { NetworkTables } from '../grid/tables.ts'
import { createFaultList, type FaultList } from './fault-list.ts'
import { createGraph, createUnion, type Graph } from './network-graph.ts'
import { branchesAt, loopOf, traceNormal, type NormalTrace } from './network-trace.ts'
import { FAULT_IDS_MAX, type Fault } from './report.ts'

/** Loops that are named one by one; a meshed network has too many to walk them all. */
const LOOPS_NAMED_MAX = 100

/**
 * Looks for what is likely a mistake in a network whose tables are sound: parts that no source can reach, points without supply,
 * loops, ends that lead nowhere, phases that are not there, missing ratings. All are warnings: a network may be drawn before it is built.
 */
export function checkNetwork(tables: NetworkTables): Fault[] {
  const faults = createFaultList()
  const graph = createGraph(tables)
  const served = new Uint8Array(graph.nodeCount)
  const pointNode = new Int32Array(tables.servicePoints.length)
  for (const [index, point] of tables.servicePoints.entries()) {
    const node = graph.nodeIndex.get(point.node)
    pointNode[index] = node ?? -1
    if (node !== undefined) served[node] = 1
  }
  const trace = traceNormal(tables, graph)
  const check: Check = { tables, graph, trace, served, pointNode, faults }
  checkIds(check)
  checkIslands(check)
  checkSupply(check)
  checkBranchPhases(check)
  checkLoops(check)
  checkTies(check)
  checkEnds(check)
  checkFeeders(check)
  checkRatings(check)
  return faults.faults()
}

type Check = {
  readonly tables: NetworkTables
  readonly graph: Graph
  readonly trace: NormalTrace
  /** 1 where a service point hangs on the node. */
  readonly served: Uint8Array
  /** The node of each service point; -1 where there is no such node. */
  readonly pointNode: Int32Array
  readonly faults: FaultList
}

function warn(
  { faults }: Check,
  component: string,
  code: string,
  says: string,
  ids: readonly string[],
  field: string | null = null,
): void {
  if (ids.length === 0) return
  faults.add({
    severity: 'warning',
    component,
    field,
    code,
    says,
    ids: ids.slice(0, FAULT_IDS_MAX),
    count: ids.length,
  })
}

function group<Key>(groups: Map<Key, string[]>, key: Key, id: string): void {
  const ids = groups.get(key)
  if (ids === undefined) groups.set(key, [id])
  else ids.push(id)
}

function branchId({ tables, graph }: Check, branch: number): string {
  if (branch < graph.switchCount) return tables.switches[branch]!.id
  if (branch < graph.firstTransformer) return tables.lines[branch - graph.switchCount]!.id
  return tables.transformers[branch - graph.firstTransformer]!.id
}

function branchKind({ graph }: Check, branch: number): string {
  if (branch < graph.switchCount) return 'switch'
  return branch < graph.firstTransformer ? 'line' : 'transformer'
}

function checkIds(check: Check): void {
  const { tables } = check
  const kinds: readonly (readonly [string, readonly { readonly id: string }[]])[] = [
    ['node', tables.nodes],
    ['switch', tables.switches],
    ['line', tables.lines],
    ['transformer', tables.transformers],
    ['service-point', tables.servicePoints],
    ['source', tables.sources],
    ['feeder', tables.feeders],
    ['substation', tables.substations],
  ]
  const seen = new Set<string>()
  const twice = new Set<string>()
  for (const [, rows] of kinds) {
    for (const { id } of rows) {
      const known = seen.size
      seen.add(id)
      if (seen.size === known) twice.add(id)
    }
  }
  if (twice.size === 0) return
  const firstKind = new Map<string, string>()
  for (const [kind, rows] of kinds) {
    const ids = new Map<string, string[]>()
    for (const { id } of rows) {
      if (!twice.has(id)) continue
      const other = firstKind.get(id)
      if (other === undefined) firstKind.set(id, kind)
      else group(ids, other, id)
    }
    for (const [other, same] of ids) {
      const says = other === kind ? 'is the id of two of them' : `is also the id of a ${other}`
      warn(check, kind, 'duplicate-id', says, same, 'id')
    }
  }
}

/** Parts of the network that no source reaches however the switches stand. */
function checkIslands(check: Check): void {
  const { tables, graph } = check
  const parts = createUnion(graph.nodeCount)
  for (let branch = 0; branch < graph.branchCount; branch++) {
    parts.join(graph.from[branch]!, graph.to[branch]!)
  }
  const hasSource = new Uint8Array(graph.nodeCount)
  for (const source of tables.sources) {
    const node = graph.nodeIndex.get(source.node)
    if (node !== undefined) hasSource[parts.find(node)] = 1
  }
  const islands = new Map<number, string[]>()
  for (const [index, node] of tables.nodes.entries()) {
    const part = parts.find(index)
    if (hasSource[part] === 1) continue
    group(islands, part, node.id)
  }
  for (const ids of islands.values()) {
    warn(check, 'node', 'island', 'no source reaches them, however the switches stand', ids)
  }
}

function checkSupply(check: Check): void {
  const { tables, graph, trace, pointNode } = check
  const unfed: string[] = []
  const lacking: string[] = []
  const nobody: string[] = []
  for (const [index, point] of tables.servicePoints.entries()) {
    if (point.customers === 0) nobody.push(point.id)
    const node = pointNode[index]!
    if (node < 0) continue
    const fed = trace.fed[node]! & point.phases
    if (fed === 0) unfed.push(point.id)
    else if (fed !== point.phases) lacking.push(point.id)
  }
  const dead = tables.transformers.filter((row, index) => {
    const branch = graph.firstTransformer + index
    return row.kind === 'distribution' && (trace.fed[graph.from[branch]!]! & row.phases) === 0
  })
  warn(check, 'service-point', 'unfed', 'has no supply under normal positions', unfed)
  warn(
    check,
    'transformer',
    'unfed',
    'has no supply under normal positions',
    dead.map((row) => row.id),
  )
  warn(
    check,
    'service-point',
    'phase-mismatch',
    'uses a phase that does not come to its node',
    lacking,
    'phases',
  )
  warn(check, 'service-point', 'no-customers', 'serves no customer', nobody, 'customers')
}

/** A branch that is fed, but has a phase that nothing before it has. Only the first one on the way is named. */
function checkBranchPhases(check: Check): void {
  const { tables, graph, trace } = check
  const lacking = new Map<string, string[]>()
  for (let branch = 0; branch < graph.branchCount; branch++) {
    if (branch < graph.switchCount && !tables.switches[branch]!.normallyClosed) continue
    const phases = graph.phases[branch]!
    const one = graph.from[branch]!
    const other = graph.to[branch]!
    const fed = trace.fed[one]! & trace.fed[other]! & phases
    const missing = phases & ~(trace.fed[one]! | trace.fed[other]!)
    if (fed === 0 || missing === 0) continue
    // What the branch before it lacks as well began there.
    const before = branchBefore(check, branch, fed)
    const begins = before < 0 ? missing : missing & ~graph.phases[before]!
    if (begins === 0) continue
    const key = `${branchKind(check, branch)}|${formatPhases(begins)}`
    group(lacking, key, branchId(check, branch))
  }
  for (const [key, ids] of lacking) {
    const [kind = '', phases = ''] = key.split('|')
    const says = `has phase ${phases}, which does not come to where it begins`
    warn(check, kind, 'phase-mismatch', says, ids, 'phases')
  }
}

/** The branch through which supply comes to the nearer end of a branch, by the first of these phases; below 0 at a source. */
function branchBefore({ graph, trace }: Check, branch: number, phases: number): number {
  const one = graph.from[branch]!
  const other = graph.to[branch]!
  const base = (phases & 1 ? 0 : phases & 2 ? 1 : 2) * graph.nodeCount
  const isOneNearer = trace.depth[base + one]! <= trace.depth[base + other]!
  return trace.parent[base + (isOneNearer ? one : other)]!
}

function checkLoops(check: Check): void {
  const { tables, graph, trace, faults } = check
  const parallel = new Map<string, string[]>()
  let loops = 0
  const unnamed: string[] = []
  for (const closing of trace.closing) {
    const base = closing.phase * graph.nodeCount
    const one = graph.from[closing.branch]!
    const other = graph.to[closing.branch]!
    const oneSource = trace.source[base + one]!
    const otherSource = trace.source[base + other]!
    if (oneSource !== otherSource) {
      const pair = [oneSource, otherSource].sort((a, b) => a - b)
      const key = pair.map((source) => tables.sources[source]!.id).join(' and ')
      group(parallel, key, branchId(check, closing.branch))
      continue
    }
    loops += 1
    if (loops > LOOPS_NAMED_MAX) {
      unnamed.push(branchId(check, closing.branch))
      continue
    }
    const members = loopOf(graph, trace, closing, FAULT_IDS_MAX)
    const feeders = new Set([trace.feeder[base + one]!, trace.feeder[base + other]!])
    const names = [...feeders].map((feeder) => tables.feeders[feeder]?.id ?? 'no feeder')
    faults.add({
      severity: 'warning',
      component: branchKind(check, closing.branch),
      code: 'loop',
      says: `closes a loop under normal positions (in ${names.join(' and ')})`,
      ids: members.map((branch) => branchId(check, branch)),
    })
  }
  warn(check, 'branch', 'loop', `closes one more loop (${loops} in all)`, unnamed)
  for (const [sources, ids] of parallel) {
    warn(
      check,
      'source',
      'parallel-sources',
      `${sources} run in parallel under normal positions, through`,
      ids,
    )
  }
}

/** Normally open switches behind which there is nothing to bring supply to, nor a source to bring it from. */
function checkTies(check: Check): void {
  const { tables, graph, served } = check
  const parts = createUnion(graph.nodeCount)
  for (let branch = 0; branch < graph.branchCount; branch++) {
    const isOpen = branch < graph.switchCount && !tables.switches[branch]!.normallyClosed
    if (!isOpen) parts.join(graph.from[branch]!, graph.to[branch]!)
  }
  const isAlive = new Uint8Array(graph.nodeCount)
  for (let node = 0; node < graph.nodeCount; node++) {
    if (served[node] === 1) isAlive[parts.find(node)] = 1
  }
  for (const source of tables.sources) {
    const node = graph.nodeIndex.get(source.node)
    if (node !== undefined) isAlive[parts.find(node)] = 1
  }
  const openAt = new Int32Array(graph.nodeCount)
  const open: number[] = []
  for (const [index, row] of tables.switches.entries()) {
    if (row.normallyClosed) continue
    const one = parts.find(graph.from[index]!)
    const other = parts.find(graph.to[index]!)
    if (one === other) continue
    open.push(index)
    openAt[one]! += 1
    openAt[other]! += 1
  }
  const dead = open.filter((index) =>
    [graph.from[index]!, graph.to[index]!].some((node) => {
      const part = parts.find(node)
      return isAlive[part] === 0 && openAt[part] === 1
    }),
  )
  warn(
    check,
    'switch',
    'dangling',
    'is a normally open switch with nothing behind it',
    dead.map((index) => tables.switches[index]!.id),
  )
}

/** Lines and closed switches that end where nobody is served. */
function checkEnds(check: Check): void {
  const { tables, graph, served } = check
  const around = branchesAt(graph, graph.phases)
  const isSource = new Uint8Array(graph.nodeCount)
  for (const source of tables.sources) {
    const node = graph.nodeIndex.get(source.node)
    if (node !== undefined) isSource[node] = 1
  }
  const ends = new Map<string, string[]>()
  const loose: string[] = []
  const nowhere: string[] = []
  for (const [node, { id }] of tables.nodes.entries()) {
    const first = around.start[node]!
    const last = around.start[node + 1]!
    if (first === last) {
      if (isSource[node] === 0 || served[node] === 1) loose.push(id)
      continue
    }
    if (served[node] === 1 || isSource[node] === 1) continue
    const neighbours = new Set<number>()
    let endsHere = true
    for (let i = first; i < last && neighbours.size < 2; i++) {
      const branch = around.branches[i]!
      neighbours.add(graph.from[branch] === node ? graph.to[branch]! : graph.from[branch]!)
      // A transformer is a load point itself; an open switch is looked at as a tie.
      endsHere &&=
        branch < graph.firstTransformer &&
        (branch >= graph.switchCount || tables.switches[branch]!.normallyClosed)
    }
    if (neighbours.size !== 1 || !endsHere) continue
    const branch = around.branches[first]!
    const kind = branchKind(check, branch)
    group(ends, kind, branchId(check, branch))
  }
  for (let branch = 0; branch < graph.branchCount; branch++) {
    if (graph.from[branch] === graph.to[branch]) nowhere.push(branchId(check, branch))
  }
  warn(check, 'switch', 'dangling', 'is a switch with nothing behind it', ends.get('switch') ?? [])
  warn(check, 'line', 'dangling', 'ends where nobody is served', ends.get('line') ?? [])
  warn(check, 'node', 'loose-node', 'is joined to nothing', loose)
  warn(check, 'branch', 'self-loop', 'begins and ends at the same node', nowhere)
}

function checkFeeders(check: Check): void {
  const { tables, graph, trace, pointNode } = check
  const switchAt = new Map<string, number>()
  for (const [index, row] of tables.switches.entries()) switchAt.set(row.id, index)
  const seen = new Set<string>()
  const shared: string[] = []
  const open: string[] = []
  for (const feeder of tables.feeders) {
    if (seen.has(feeder.head)) shared.push(feeder.id)
    seen.add(feeder.head)
    const head = switchAt.get(feeder.head)
    if (head !== undefined && !tables.switches[head]!.normallyClosed) open.push(feeder.id)
  }
  const without: string[] = []
  for (const [index, point] of tables.servicePoints.entries()) {
    const node = pointNode[index]!
    if (node < 0) continue
    let isFed = false
    let hasFeeder = false
    for (let phase = 0; phase < 3; phase++) {
      const entry = phase * graph.nodeCount + node
      if ((point.phases & (1 << phase)) === 0 || trace.parent[entry]! < -1) continue
      isFed = true
      hasFeeder ||= trace.feeder[entry]! >= 0
    }
    if (isFed && !hasFeeder) without.push(point.id)
  }
  warn(check, 'feeder', 'shared-head', 'has the same head as another', shared, 'head')
  warn(check, 'feeder', 'open-head', 'has a head that is normally open', open, 'head')
  warn(
    check,
    'service-point',
    'no-feeder',
    'is fed through no head and belongs to no feeder',
    without,
  )
}

function checkRatings(check: Check): void {
  const { tables } = check
  const without = <Row extends { readonly id: string }>(
    component: string,
    field: string,
    rows: readonly Row[],
    rating: (row: Row) => number | null,
  ): void => {
    const ids = rows.filter((row) => (rating(row) ?? 0) === 0).map((row) => row.id)
    warn(check, component, 'missing-rating', 'has no rating', ids, field)
  }
  without('transformer', 'rated_kva', tables.transformers, (row) => row.ratedKva)
  without('line', 'rated_a', tables.lines, (row) => row.ratedA)
  without('switch', 'rated_a', tables.switches, (row) => row.ratedA)
  without('feeder', 'rated_a', tables.feeders, (row) => row.ratedA ?? row.ratedKva)
}
