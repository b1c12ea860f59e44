import { at, NONE } from '../grid/network.ts'
import { Restoration } from './restoration.ts'
import { upNode } from './supply-tree.ts'
import { headLoss } from './transfer.ts'
import type { Zones } from './zones.ts'

/** Ways to switch that are looked at for one feeder of a station. */
const STEPS_MAX = 2_000

/** What other stations can take over from one. */
export type StationTransfer = {
  readonly va: number
  /** The sections that go, whole, each with everything that hangs on it. */
  readonly zones: ReadonlySet<number>
  /** Open switches that would be closed for it. */
  readonly close: readonly number[]
  /** Every way was looked at in each feeder; else more might be possible. */
  readonly complete: boolean
}

/**
 * What really can be carried elsewhere at once: feeder by feeder, whole sections with their own loads, over ties to other stations, within ratings along
 * the whole way to the source that takes them; what stays is fed the way it was. The feeder that could give most comes first, and each takes what the
 * ones before it have left. A lower bound where feeders compete for one way: who would give way to whom is not searched.
 */
export function transferToOthers(zones: Zones, substation: number): StationTransfer {
  const { rated } = zones
  const lends = lendersBeside(zones, substation)
  const search = (feeder: number, added: ReadonlyMap<number, number>): Restoration | null => {
    const head = at(rated.network.feederHead, feeder)
    const loss = head === NONE ? null : headLoss(zones, feeder, head)
    const [first] = loss?.dead ?? []
    if (loss === null || first === undefined || stationOf(zones, first) !== substation) return null
    const found = new Restoration(zones, {
      ...loss,
      lends,
      whole: true,
      added,
      stepsMax: STEPS_MAX,
    })
    found.run()
    return found
  }
  const nothingYet = new Map<number, number>()
  const able = rated.network.feeders
    .map((_, feeder) => ({ feeder, alone: search(feeder, nothingYet) }))
    .filter(({ alone }) => (alone?.best.va ?? 0) > 0)
    .sort((a, b) => (b.alone?.best.va ?? 0) - (a.alone?.best.va ?? 0) || a.feeder - b.feeder)

  let added: ReadonlyMap<number, number> = nothingYet
  let [va, complete] = [0, true]
  const gone = new Set<number>()
  const close: number[] = []
  for (const { feeder, alone } of able) {
    const found = added === nothingYet ? alone : search(feeder, added)
    if (found === null) continue
    complete &&= found.complete
    if (found.best.va === 0) continue
    va += found.best.va
    for (const zone of found.best.zones) gone.add(zone)
    close.push(...found.best.switches.filter((device) => zones.closed[device] === 0))
    added = found.addedByBest()
  }
  return { va, zones: gone, close, complete }
}

const firstNode = (zones: Zones, zone: number): number => at(zones.nodesOf[zone] ?? [], 0)

/** The station whose unit supplies a zone; −1 where none does. */
function stationOf(zones: Zones, zone: number): number {
  const unit = zones.rated.units[at(zones.tree.unit, firstNode(zones, zone))]
  return unit?.substation ?? NONE
}

/** Zones whose supply does not come through this station, not even further up. */
function lendersBeside(zones: Zones, substation: number): (zone: number) => boolean {
  const { rated, tree } = zones
  const known = new Map<number, boolean>()
  return (zone) => {
    let answer = known.get(zone)
    if (answer === undefined) {
      answer = true
      for (
        let node = firstNode(zones, zone);
        node !== NONE && answer;
        node = upNode(rated.network, tree, node)
      ) {
        answer = rated.units[at(tree.unit, node)]?.substation !== substation
      }
      known.set(zone, answer)
    }
    return answer
  }
}
