import { at, NONE } from '../grid/network.ts'
import { ALL_PHASES, type Phases } from '../grid/phases.ts'
import { upNode } from './supply-tree.ts'
import { eachJoined, suffices, throughPhases, type Zones } from './zones.ts'

/** Ways to switch that one search looks at before it answers with the best it has. */
const SEARCH_STEPS_MAX = 20_000

/** What is lost: a section, or only a switch that stays open. `dead` are the zones that were fed through it. */
export type Loss = {
  readonly faulted: number | null
  readonly dead: readonly number[]
  readonly barred?: number
  /** Zones that may give of their supply; all that have it, where nothing is said. */
  readonly lends?: (zone: number) => boolean
  /** A zone is taken only together with everything that hangs on it: what is not taken is still fed the way it was. */
  readonly whole?: boolean
  /** What others have been given already, by node, in VA. */
  readonly added?: ReadonlyMap<number, number>
  readonly stepsMax?: number
}

export function otherZone(zones: Zones, device: number, zone: number): number {
  const from = at(zones.zoneOf, at(zones.rated.network.branchFrom, device))
  return from === zone ? at(zones.zoneOf, at(zones.rated.network.branchTo, device)) : from
}

/** Supply inside a zone from the node where it enters. */
type Inside = {
  /** Branch and node towards the entry, by node. */
  readonly up: ReadonlyMap<number, { readonly branch: number; readonly node: number }>
  /** False where the zone's own load is too much for its branches from this side. */
  readonly holds: boolean
  readonly flowVa: ReadonlyMap<number, number>
}

/** Include-or-leave search over the switches at the edge of what has supply: every radial way to feed the dead zones, once. */
export class Restoration {
  steps = 0
  best: { va: number; zones: readonly number[]; switches: readonly number[] } = {
    va: 0,
    zones: [],
    switches: [],
  }
  /** Dead and sound. */
  readonly healthy: readonly number[]
  private readonly zones: Zones
  private readonly loss: Loss
  /** Supply of dead zones that have been taken in: where it enters, through what, with which phases. */
  private readonly taken = new Map<number, { entry: number; device: number; phases: Phases }>()
  private readonly waiting: Set<number>
  private readonly switches: readonly number[]
  private readonly barred = new Set<number>()
  private readonly used: number[] = []
  private va = 0
  /** What was added to the branch that feeds a node, live or taken. */
  private readonly added: Map<number, number>
  private readonly insides = new Map<string, Inside>()

  constructor(zones: Zones, loss: Loss) {
    this.zones = zones
    this.loss = loss
    this.added = new Map(loss.added)
    const alive = stillFed(zones, loss)
    this.healthy = loss.dead.filter((zone) => !alive.has(zone))
    this.waiting = new Set(this.healthy)
    const around = new Set<number>()
    for (const zone of this.healthy) {
      for (const device of zones.switchesOf[zone] ?? []) around.add(device)
    }
    if (loss.barred !== undefined) around.delete(loss.barred)
    // Closed ones first: taking supply along what is joined already costs no operation.
    this.switches = [...around]
      .filter((device) => !this.touchesFault(device))
      .sort((a, b) => at(zones.closed, b) - at(zones.closed, a) || a - b)
    this.relieve()
  }

  run(): void {
    this.steps++
    const isBetter =
      this.va > this.best.va ||
      (this.va === this.best.va && this.taken.size > this.best.zones.length)
    if (isBetter && this.isWhole()) {
      this.best = { va: this.va, zones: [...this.taken.keys()], switches: [...this.used] }
    }
    if (this.best.zones.length === this.healthy.length || !this.complete) return
    if (!this.canImprove()) return
    const edge = this.nextEdge()
    if (edge === null) return
    if (this.take(edge)) {
      this.run()
      this.giveBack(edge)
    }
    this.barred.add(edge.device)
    this.run()
    this.barred.delete(edge.device)
  }

  /** Every way was looked at. */
  get complete(): boolean {
    return this.steps <= (this.loss.stepsMax ?? SEARCH_STEPS_MAX)
  }

  /** What the ways to the sources carry in addition once the best is switched, by node. */
  addedByBest(): ReadonlyMap<number, number> {
    for (const device of this.best.switches) {
      const [a, b] = this.ends(device)
      if (this.hasSupply(a.zone)) this.take({ device, from: a, to: b })
      else this.take({ device, from: b, to: a })
    }
    return this.added
  }

  private isWhole(): boolean {
    if (this.loss.whole !== true) return true
    for (const zone of this.taken.keys()) {
      if (this.zones.below[zone]?.some((child) => this.waiting.has(child))) return false
    }
    return true
  }

  /** Closed switches that must open: around the fault, and wherever what is fed meets what is not fed the same way. */
  toOpen(): number[] {
    const { zones, loss } = this
    const fed = new Set(this.best.zones)
    const open = new Set<number>()
    if (loss.barred !== undefined) open.add(loss.barred)
    for (const device of loss.faulted === null ? [] : (zones.switchesOf[loss.faulted] ?? [])) {
      if (zones.closed[device] !== 0) open.add(device)
    }
    const kept = new Set(this.best.switches)
    for (const device of this.switches) {
      if (zones.closed[device] === 0 || kept.has(device)) continue
      const [a, b] = this.ends(device)
      if (fed.has(a.zone) || fed.has(b.zone)) open.add(device)
    }
    return [...open]
  }

  /** What the loss takes off the way to the source makes room there. */
  private relieve(): void {
    const { zones, loss } = this
    const gone = [...(loss.faulted === null ? [] : [loss.faulted]), ...this.healthy]
    const inGone = new Set(gone)
    for (const zone of gone) {
      for (const node of zones.nodesOf[zone] as readonly number[]) {
        const up = upNode(zones.rated.network, zones.tree, node)
        if (up === NONE || inGone.has(at(zones.zoneOf, up))) continue
        const flow = at(zones.nodeFlowVa, node)
        for (
          let above = up;
          above !== NONE;
          above = upNode(zones.rated.network, zones.tree, above)
        ) {
          this.added.set(above, (this.added.get(above) ?? 0) - flow)
        }
      }
    }
  }

  private touchesFault(device: number): boolean {
    const [a, b] = this.ends(device)
    return a.zone === this.loss.faulted || b.zone === this.loss.faulted
  }

  private ends(device: number) {
    const { network } = this.zones.rated
    const from = at(network.branchFrom, device)
    const to = at(network.branchTo, device)
    return [
      { node: from, zone: at(this.zones.zoneOf, from) },
      { node: to, zone: at(this.zones.zoneOf, to) },
    ] as const
  }

  /** Load that could still come beside what is taken, whatever the ratings. */
  private canImprove(): boolean {
    const { zones } = this
    const seen = new Set<number>()
    let va = 0
    const queue: number[] = []
    const reach = (zone: number) => {
      if (!this.waiting.has(zone) || seen.has(zone)) return
      seen.add(zone)
      va += at(zones.va, zone)
      queue.push(zone)
    }
    for (const device of this.switches) {
      if (this.barred.has(device)) continue
      const [a, b] = this.ends(device)
      if (this.hasSupply(a.zone)) reach(b.zone)
      if (this.hasSupply(b.zone)) reach(a.zone)
    }
    for (let zone = queue.pop(); zone !== undefined; zone = queue.pop()) {
      for (const device of zones.switchesOf[zone] ?? []) {
        if (this.barred.has(device) || device === this.loss.barred) continue
        reach(otherZone(zones, device, zone))
      }
    }
    const most = this.va + va
    return (
      most > this.best.va ||
      (most === this.best.va && this.taken.size + seen.size > this.best.zones.length)
    )
  }

  private hasSupply(zone: number): boolean {
    if (this.taken.has(zone)) return true
    if (this.waiting.has(zone) || zone === this.loss.faulted) return false
    return gives(this.zones, this.loss, zone)
  }

  private nextEdge() {
    for (const device of this.switches) {
      if (this.barred.has(device)) continue
      const [a, b] = this.ends(device)
      if (this.hasSupply(a.zone) && this.waiting.has(b.zone)) return { device, from: a, to: b }
      if (this.hasSupply(b.zone) && this.waiting.has(a.zone)) return { device, from: b, to: a }
    }
    return null
  }

  /** Feeds a waiting zone through a switch, where the whole way to the source holds. */
  private take(edge: Edge): boolean {
    const { zones } = this
    const reaching = this.taken.get(edge.from.zone)?.phases ?? ALL_PHASES
    const phases = throughPhases(zones.rated, edge.device, reaching)
    const va = at(zones.va, edge.to.zone)
    const inside = this.inside(edge.to.zone, edge.to.node)
    if (!suffices(phases, at(zones.phases, edge.to.zone)) || !inside.holds) return false
    if (va > at(zones.branchLimitVa, edge.device)) return false
    if (!this.eachUp(edge.from.node, (_, limitVa, flowVa) => flowVa + va <= limitVa || va === 0)) {
      return false
    }
    this.addUp(edge.from.node, va)
    this.taken.set(edge.to.zone, { entry: edge.to.node, device: edge.device, phases })
    this.waiting.delete(edge.to.zone)
    this.used.push(edge.device)
    this.va += va
    return true
  }

  private giveBack(edge: Edge): void {
    const va = at(this.zones.va, edge.to.zone)
    this.taken.delete(edge.to.zone)
    this.waiting.add(edge.to.zone)
    this.used.pop()
    this.va -= va
    this.addUp(edge.from.node, -va)
  }

  private addUp(from: number, va: number): void {
    this.eachUp(from, (node) => {
      this.added.set(node, (this.added.get(node) ?? 0) + va)
      return true
    })
  }

  /** Visits every branch from a node to its source: the limit there and what goes there now. Stops where told `false`. */
  private eachUp(
    from: number,
    visit: (node: number, limitVa: number, flowVa: number) => boolean,
  ): boolean {
    const { zones } = this
    let node = from
    for (;;) {
      const zone = at(zones.zoneOf, node)
      const taken = this.taken.get(zone)
      const added = this.added.get(node) ?? 0
      if (taken === undefined) {
        const branch = at(zones.tree.parent, node)
        const limitVa =
          branch === NONE ? at(zones.nodeLimitVa, node) : at(zones.branchLimitVa, branch)
        if (!visit(node, limitVa, at(zones.nodeFlowVa, node) + added)) return false
        if (branch === NONE) return true
        node = upNode(zones.rated.network, zones.tree, node)
        continue
      }
      const inside = this.inside(zone, taken.entry)
      const flowVa = (inside.flowVa.get(node) ?? 0) + added
      const up = inside.up.get(node)
      if (up === undefined) {
        if (!visit(node, at(zones.branchLimitVa, taken.device), flowVa)) return false
        const [a, b] = this.ends(taken.device)
        node = a.zone === zone ? b.node : a.node
      } else {
        if (!visit(node, at(zones.branchLimitVa, up.branch), flowVa)) return false
        node = up.node
      }
    }
  }

  private inside(zone: number, entry: number): Inside {
    const key = `${zone} ${entry}`
    const cached = this.insides.get(key)
    if (cached !== undefined) return cached
    const { zones } = this
    const up = new Map<number, { branch: number; node: number }>()
    const order = [entry]
    for (let head = 0; head < order.length; head++) {
      const node = order[head] as number
      eachJoined(zones.rated, zones.closed, node, (other, branch) => {
        if (other === entry || up.has(other)) return
        up.set(other, { branch, node })
        order.push(other)
      })
    }
    const flowVa = new Map(order.map((node) => [node, at(zones.nodeVa, node)]))
    let holds = true
    for (let i = order.length - 1; i > 0; i--) {
      const node = order[i] as number
      const to = up.get(node) as { branch: number; node: number }
      const flow = flowVa.get(node) ?? 0
      if (flow > at(zones.branchLimitVa, to.branch)) holds = false
      flowVa.set(to.node, (flowVa.get(to.node) ?? 0) + flow)
    }
    const inside = { up, holds, flowVa }
    this.insides.set(key, inside)
    return inside
  }
}

type Edge = {
  readonly device: number
  readonly from: { readonly node: number; readonly zone: number }
  readonly to: { readonly node: number; readonly zone: number }
}

/** Has supply that it may give to others. */
const gives = (zones: Zones, { lends }: Loss, zone: number): boolean =>
  zones.tree.fed[(zones.nodesOf[zone] as readonly number[])[0] as number] === 1 &&
  (lends === undefined || lends(zone))

/** Zones that were fed through the loss and have another closed way to a source. */
function stillFed(zones: Zones, loss: Loss): Set<number> {
  const dead = new Set(loss.dead)
  const alive = new Set<number>()
  const queue: number[] = []
  const revive = (zone: number) => {
    if (!dead.has(zone) || alive.has(zone)) return
    alive.add(zone)
    queue.push(zone)
  }
  for (const zone of loss.dead) {
    for (const device of zones.switchesOf[zone] ?? []) {
      const other = otherZone(zones, device, zone)
      if (zones.closed[device] === 0 || device === loss.barred) continue
      if (dead.has(other) || other === loss.faulted) continue
      if (gives(zones, loss, other)) revive(zone)
    }
  }
  for (let zone = queue.pop(); zone !== undefined; zone = queue.pop()) {
    for (const device of zones.switchesOf[zone] ?? []) {
      if (zones.closed[device] !== 0 && device !== loss.barred)
        revive(otherZone(zones, device, zone))
    }
  }
  return alive
}
