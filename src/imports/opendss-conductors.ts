import { NO_PHASES, type Phases } from '../grid/phases.ts'

/**
 * The conductors of a circuit and which supply phase each of them carries.
 *
 * OpenDSS numbers the nodes of a bus freely: behind a centre-tapped transformer 1 and 2 are its legs, behind many a single-phase
 * transformer the only wire is 1 whatever phase feeds it, and a line may change the numbers on its way. So the letter of a conductor is
 * traced from the sources, and the number is only believed where no supply leads.
 */
export type Conductors = {
  /** The conductor at a node of a bus; undefined for node 0, the earth. */
  at(bus: string, node: number): number | undefined
  /** Two ends of one wire; `open` where nothing passes in the normal position. */
  join(one: number, other: number, open: boolean): void
  /** A transformer in which every conductor behind carries all the phases of those before it. */
  gather(before: readonly number[], behind: readonly number[]): void
  /** Traces from these conductors, each of which carries its own phase. */
  trace(sources: readonly { conductor: number; phases: Phases }[]): void
  /** What it carries after the trace; no phases for a neutral, and where no supply leads its own number. */
  phases(conductor: number): Phases
  /** Its node number is not its phase: a leg, or the only wire behind a single-phase transformer. */
  isRenumbered(conductor: number): boolean
  busCount(): number
  buses(): IterableIterator<string>
}

const NODES_PER_BUS = 64

export function createConductors(): Conductors {
  const busIndex = new Map<string, number>()
  const index = new Map<number, number>()
  const nodes: number[] = []
  const wires: { one: number; other: number; open: boolean }[] = []
  const gathers: { before: readonly number[]; behind: readonly number[] }[] = []
  let carried = new Uint8Array(0)
  let renumbered = new Uint8Array(0)

  function trace(sources: readonly { conductor: number; phases: Phases }[]): void {
    const count = nodes.length
    carried = new Uint8Array(count)
    renumbered = new Uint8Array(count)
    const closed = adjacency(
      count,
      wires.filter((wire) => !wire.open),
    )
    const open = adjacency(
      count,
      wires.filter((wire) => wire.open),
    )
    const gatherAt: number[][] = Array.from({ length: count }, () => [])
    for (const [which, { before, behind }] of gathers.entries()) {
      for (const conductor of [...before, ...behind]) gatherAt[conductor]?.push(which)
    }
    const reached: number[] = []
    const waiting: number[] = []
    const give = (conductor: number, phases: Phases, isRenumbered: number): void => {
      if (carried[conductor] !== 0 || phases === NO_PHASES) return
      carried[conductor] = phases
      renumbered[conductor] = isRenumbered
      reached.push(conductor)
    }
    const pass = (graph: Adjacency, from: number): void => {
      for (let i = graph.start[from]!; i < graph.start[from + 1]!; i++) {
        give(graph.ends[i]!, carried[from]!, renumbered[from]!)
      }
    }
    const spread = (): void => {
      for (;;) {
        while (spreadAt < reached.length) {
          const conductor = reached[spreadAt++]!
          pass(closed, conductor)
          waiting.push(...gatherAt[conductor]!)
        }
        // A transformer waits until all that leads to it without one has been traced: two phases may feed it.
        const which = waiting.pop()
        if (which === undefined) return
        const { before, behind } = gathers[which]!
        const isFed = before.some((conductor) => carried[conductor] !== 0)
        const [near, far] = isFed ? [before, behind] : [behind, before]
        const phases = near.reduce((sum, conductor) => sum | carried[conductor]!, NO_PHASES)
        for (const conductor of far) give(conductor, phases, 1)
      }
    }
    let spreadAt = 0
    for (const { conductor, phases } of sources) give(conductor, phases, 0)
    spread()
    // What lies behind open switches only is reached through them, when nothing else leads there.
    for (let at = 0; at < reached.length; at++) {
      const before = reached.length
      pass(open, reached[at]!)
      if (reached.length > before) spread()
    }
  }

  return {
    at(bus, node) {
      let busAt = busIndex.get(bus)
      if (busAt === undefined) busIndex.set(bus, (busAt = busIndex.size))
      if (node === 0) return undefined
      const key = busAt * NODES_PER_BUS + node
      let found = index.get(key)
      if (found === undefined) {
        index.set(key, (found = nodes.length))
        nodes.push(node)
      }
      return found
    },
    join: (one, other, open) => void wires.push({ one, other, open }),
    gather: (before, behind) => void gathers.push({ before, behind }),
    trace,
    phases(conductor) {
      const node = nodes[conductor] ?? 0
      return carried[conductor] || (node >= 1 && node <= 3 ? 1 << (node - 1) : NO_PHASES)
    },
    isRenumbered: (conductor) => renumbered[conductor] === 1,
    busCount: () => busIndex.size,
    buses: () => busIndex.keys(),
  }
}

type Adjacency = { readonly start: Int32Array; readonly ends: Int32Array }

function adjacency(
  count: number,
  wires: readonly { readonly one: number; readonly other: number }[],
): Adjacency {
  const start = new Int32Array(count + 1)
  for (const { one, other } of wires) {
    start[one + 1]! += 1
    start[other + 1]! += 1
  }
  for (let i = 0; i < count; i++) start[i + 1]! += start[i]!
  const next = start.slice()
  const ends = new Int32Array(wires.length * 2)
  for (const { one, other } of wires) {
    ends[next[one]!++] = other
    ends[next[other]!++] = one
  }
  return { start, ends }
}
