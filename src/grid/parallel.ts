import { isClosed, isFed, otherEnd, supplyPath, type Energization } from './energization.ts'
import { at, NONE, type Link, type Network } from './network.ts'

/** Two feeders, or two sources, that feed one island together. */
export type Parallel = {
  /** A switch that holds them together: what is fed from either side meets there. */
  readonly tie: number
  /** The feeder on each side, NONE where no head lies between the tie and its source; the smaller number first. */
  readonly feeders: readonly [number, number]
  /** Every switch on the way from one to the other, the tie among them. They are together since the last of these closed. */
  readonly switches: readonly number[]
}

/**
 * All that run in parallel, a pair of feeders once, through the tie that is found first. A loop within one feeder is none. The cost is that of
 * looking at every switch, and of the ways up from those at which two fed sides meet.
 */
export function parallelsOf(state: Energization): Parallel[] {
  const { network, parent } = state
  const heads = headsOf(network)
  const found = new Map<string, Parallel>()
  for (let device = 0; device < network.switchCount; device++) {
    if (at(state.closed, device) === 0) continue
    for (let phase = 0; phase < 3; phase++) {
      const link = device * 3 + phase
      if (!isClosed(state, link)) continue
      const [from, to] = [at(network.linkFrom, link), at(network.linkTo, link)]
      if (from === NONE || from === to) continue
      // Supply came through it to one side: nothing meets here.
      if (parent[from] === link || parent[to] === link) continue
      if (!isFed(state, from) || !isFed(state, to)) continue
      const parallel = meetingAt(state, heads, device, from, to)
      if (parallel === undefined) continue
      const key = pairOf(network, parallel)
      if (!found.has(key)) found.set(key, parallel)
    }
  }
  return [...found.values()]
}

/** Says which pair it is, whatever tie it was found at, across revisions. */
export function pairOf(network: Network, { tie, feeders }: Parallel): string {
  const [one, other] = feeders
  const names = feeders.map((feeder) => feederName(network, feeder) ?? '').sort(byName)
  const isPair = one !== NONE && other !== NONE && one !== other
  return JSON.stringify(isPair ? names : [...names, network.branchIds[tie]])
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

export const feederName = (network: Network, feeder: number): string | null =>
  feeder === NONE ? null : (network.feeders[feeder]?.id ?? null)

function meetingAt(
  state: Energization,
  heads: ReadonlyMap<number, number>,
  tie: number,
  from: number,
  to: number,
): Parallel | undefined {
  const one = wayUp(state, from)
  const other = wayUp(state, to)
  const sameSource = one.source === other.source
  // What both sides have in common lies above the loop.
  while (sameSource && one.links.length > 0 && one.links.at(-1) === other.links.at(-1)) {
    one.links.pop()
    other.links.pop()
  }
  const sides = [one, other].map(({ links }) => feederOn(links, heads))
  const [a = NONE, b = NONE] = sides
  if (sameSource && a === b) return undefined
  const switches = new Set([tie, ...[...one.links, ...other.links].map(deviceOf)])
  return { tie, feeders: a <= b ? [a, b] : [b, a], switches: [...switches] }
}

function wayUp(state: Energization, section: number): { links: Link[]; source: number } {
  const links = supplyPath(state, section)
  let source = section
  for (const link of links) source = otherEnd(state.network, link, source)
  return { links, source }
}

/** The feeder whose head is met first on the way up. */
function feederOn(links: readonly Link[], heads: ReadonlyMap<number, number>): number {
  for (const link of links) {
    const feeder = heads.get(deviceOf(link))
    if (feeder !== undefined) return feeder
  }
  return NONE
}

const deviceOf = (link: Link): number => Math.floor(link / 3)

function headsOf(network: Network): Map<number, number> {
  const heads = new Map<number, number>()
  network.feederHead.forEach((head, feeder) => head !== NONE && heads.set(head, feeder))
  return heads
}
