import { at, NONE } from '../grid/network.ts'
import { otherZone, Restoration, type Loss } from './restoration.ts'
import type { Zones } from './zones.ts'

export type SectionLoss = {
  /** The operable switches around the lost section, which names it; null: only the supply at the head is lost. */
  readonly section: readonly string[] | null
  readonly lostKw: number
  readonly lostCustomers: number
  /** Without supply but sound: what the ties are asked to take. */
  readonly healthyKw: number
  readonly healthyCustomers: number
  readonly restoredKva: number
  readonly restoredKw: number
  readonly restoredCustomers: number
  /** Sound, and still without supply after the best switching. */
  readonly remainsKw: number
  readonly remainsCustomers: number
  readonly open: readonly string[]
  readonly close: readonly string[]
  /** Every way was looked at; else the answer is a lower bound. */
  readonly complete: boolean
}

export type FeederLoss = {
  readonly feeder: string
  /** Open operable switches to zones that other feeders or stations supply. */
  readonly ties: readonly string[]
  readonly passes: boolean
  /** Part of the feeder's load that the ties can take when its head is lost; null without load. */
  readonly transferableShare: number | null
  readonly sections: readonly SectionLoss[]
}

/**
 * For the loss of the head and of each section of a feeder: the most load that can be brought back by operating switches in the part without
 * supply and the ties to it, every piece fed from one side only, within ratings along the whole way to the source. Feeders that have supply keep
 * their switches as they are. Voltage is not looked at: the tables hold no impedances.
 */
export function feederLoss(zones: Zones, feeder: number): FeederLoss {
  const { rated, tree } = zones
  const { network } = rated
  const own = [...zones.feeder.keys()].filter((zone) => zones.feeder[zone] === feeder)
  const ties = new Set<number>()
  for (const zone of own) {
    for (const device of zones.switchesOf[zone] ?? []) {
      const other = otherZone(zones, device, zone)
      const fed = tree.fed[(zones.nodesOf[other] as readonly number[])[0] as number] === 1
      if (zones.closed[device] === 0 && zones.feeder[other] !== feeder && fed) ties.add(device)
    }
  }
  const head = at(network.feederHead, feeder)
  const sections = own.map((zone) =>
    loseZone(zones, { faulted: zone, dead: zonesBelow(zones, zone) }),
  )
  const whole = head === NONE ? null : loseHead(zones, feeder, head)
  if (whole !== null) sections.unshift(whole)
  const loadKva = own.reduce((sum, zone) => sum + at(zones.va, zone), 0) / 1000
  return {
    feeder: network.feeders[feeder]?.id ?? '',
    ties: [...ties].map((device) => network.branchIds[device] as string),
    passes: sections.every((section) => section.remainsKw === 0 && section.remainsCustomers === 0),
    transferableShare: whole === null || loadKva === 0 ? null : whole.restoredKva / loadKva,
    sections,
  }
}

function loseHead(zones: Zones, feeder: number, head: number): SectionLoss | null {
  const loss = headLoss(zones, feeder, head)
  return loss === null ? null : loseZone(zones, loss)
}

/** Everything that is fed through the head of a feeder; null where the head feeds nothing now, or only a line gang opens it. */
export function headLoss(zones: Zones, feeder: number, head: number): Loss | null {
  const up = at(zones.rated.headUpNode, feeder)
  const from = at(zones.rated.network.branchFrom, head)
  const down = from === up ? at(zones.rated.network.branchTo, head) : from
  if (zones.tree.parent[down] !== head || zones.rated.operable[head] === 0) return null
  const first = at(zones.zoneOf, down)
  return { faulted: null, dead: [first, ...zonesBelow(zones, first)], barred: head }
}

export function zonesBelow(zones: Zones, zone: number): number[] {
  const found: number[] = []
  const seen = new Set([zone])
  const queue = [zone]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const child of zones.below[next] ?? []) {
      if (seen.has(child)) continue
      seen.add(child)
      found.push(child)
      queue.push(child)
    }
  }
  return found
}

/** The best switching after a loss, and what remains. */
export function loseZone(zones: Zones, loss: Loss): SectionLoss {
  const { network } = zones.rated
  const search = new Restoration(zones, loss)
  search.run()
  const name = (device: number) => network.branchIds[device] as string
  const kw = (list: readonly number[]) =>
    list.reduce((sum, zone) => sum + at(zones.w, zone), 0) / 1000
  const people = (list: readonly number[]) =>
    list.reduce((sum, zone) => sum + at(zones.customers, zone), 0)
  const { healthy, best } = search
  const lost = loss.faulted === null ? [] : [loss.faulted]
  return {
    section: loss.faulted === null ? null : (zones.switchesOf[loss.faulted] ?? []).map(name),
    lostKw: kw(lost),
    lostCustomers: people(lost),
    healthyKw: kw(healthy),
    healthyCustomers: people(healthy),
    restoredKva: best.va / 1000,
    restoredKw: kw(best.zones),
    restoredCustomers: people(best.zones),
    remainsKw: kw(healthy) - kw(best.zones),
    remainsCustomers: people(healthy) - people(best.zones),
    open: search.toOpen().map(name),
    close: best.switches.filter((device) => zones.closed[device] === 0).map(name),
    complete: search.complete,
  }
}
