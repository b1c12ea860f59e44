import { isClosed, isFed, type Energization } from './energization.ts'
import { at, NONE, type Network } from './network.ts'
import { NO_PHASES, type Phases } from './phases.ts'

export type Trace = {
  /** Node indices, the node asked about among them. */
  readonly nodes: readonly number[]
  /** Branch indices. */
  readonly branches: readonly number[]
  /** Open switches at the edge of what was traced. */
  readonly ties: readonly Tie[]
}

/** An open switch between what was traced and something else. */
export type Tie = {
  readonly device: number
  /** Phases that it could close. */
  readonly phases: Phases
  /** Of those, the ones that have supply on the far side. */
  readonly fedPhases: Phases
  readonly farNode: number
}

/**
 * The way from a node to the source that is nearest in steps, on each phase that has supply. Nothing where the node has none.
 */
export function traceUp(state: Energization, sources: ReadonlySet<number>, node: number): Trace {
  const nodes = new Set<number>()
  const branches = new Set<number>()
  for (const phase of fedPhasesOf(state, node)) {
    const cameBy = new Map<number, number>([[node, NONE]])
    const queue = [node]
    for (const here of queue) {
      if (sources.has(here)) {
        let back = here
        for (let by = cameBy.get(back) ?? NONE; by !== NONE; by = cameBy.get(back) ?? NONE) {
          nodes.add(back)
          branches.add(by)
          back = farEnd(state.network, by, back)
        }
        nodes.add(node)
        break
      }
      for (const branch of conducting(state, here, phase)) {
        const far = farEnd(state.network, branch, here)
        if (cameBy.has(far)) continue
        cameBy.set(far, branch)
        queue.push(far)
      }
    }
  }
  return { nodes: [...nodes], branches: [...branches], ties: [] }
}

/**
 * What would lose supply if the node did, the node itself included; where it has no supply, what hangs together with it. With the ties at
 * its edge: the open switches through which something else could feed it.
 */
export function traceDown(state: Energization, sources: ReadonlySet<number>, node: number): Trace {
  const { network } = state
  const nodes = new Set<number>()
  const branches = new Set<number>()
  const ties = new Map<string, Tie>()
  for (let phase = 0; phase < 3; phase++) {
    if (at(network.nodeSection, node * 3 + phase) === NONE) continue
    const island = spread(state, [node], phase, NONE)
    const others = [...island].filter((one) => sources.has(one) && one !== node)
    const fedOtherwise = spread(state, others, phase, node)
    const below = new Set([...island].filter((one) => !fedOtherwise.has(one)))
    for (const one of below) {
      nodes.add(one)
      for (const branch of branchesAt(network, one)) {
        const far = farEnd(network, branch, one)
        if (below.has(far) && conducts(state, branch, phase)) branches.add(branch)
        if (island.has(far) || !isOpenSwitch(state, branch, phase)) continue
        const key = `${branch}:${far}`
        const section = at(network.nodeSection, far * 3 + phase)
        const fed = section !== NONE && isFed(state, section) ? 1 << phase : NO_PHASES
        const known = ties.get(key)
        ties.set(key, {
          device: branch,
          phases: (known?.phases ?? NO_PHASES) | (1 << phase),
          fedPhases: (known?.fedPhases ?? NO_PHASES) | fed,
          farNode: far,
        })
      }
    }
  }
  return { nodes: [...nodes], branches: [...branches], ties: [...ties.values()] }
}

/** All nodes that hang together with these on a phase, without passing through `barrier`. */
function spread(
  state: Energization,
  from: readonly number[],
  phase: number,
  barrier: number,
): Set<number> {
  const reached = new Set(from)
  for (const here of reached) {
    for (const branch of conducting(state, here, phase)) {
      const far = farEnd(state.network, branch, here)
      if (far !== barrier) reached.add(far)
    }
  }
  return reached
}

function* fedPhasesOf(state: Energization, node: number): Generator<number> {
  for (let phase = 0; phase < 3; phase++) {
    const section = at(state.network.nodeSection, node * 3 + phase)
    if (section !== NONE && isFed(state, section)) yield phase
  }
}

function* branchesAt(network: Network, node: number): Generator<number> {
  const end = at(network.nodeBranchStart, node + 1)
  for (let i = at(network.nodeBranchStart, node); i < end; i++) yield at(network.nodeBranches, i)
}

function* conducting(state: Energization, node: number, phase: number): Generator<number> {
  for (const branch of branchesAt(state.network, node)) {
    if (conducts(state, branch, phase)) yield branch
  }
}

const hasPhase = (network: Network, branch: number, phase: number): boolean =>
  (at(network.branchPhases, branch) & (1 << phase)) !== 0

const conducts = (state: Energization, branch: number, phase: number): boolean =>
  hasPhase(state.network, branch, phase) &&
  (branch >= state.network.switchCount || isClosed(state, branch * 3 + phase))

const isOpenSwitch = (state: Energization, branch: number, phase: number): boolean =>
  branch < state.network.switchCount &&
  hasPhase(state.network, branch, phase) &&
  !isClosed(state, branch * 3 + phase)

function farEnd(network: Network, branch: number, node: number): number {
  const from = at(network.branchFrom, branch)
  return from === node ? at(network.branchTo, branch) : from
}
