import type { NetworkTables } from '../src/grid/tables.ts'
import type { Observation } from '../src/ledger/observation.ts'
import { MS_PER_H, type EpochMs } from '../src/time.ts'
import type { PlainGrid } from './plain-grid.ts'
import { plainGrid, gatewayOfNodes } from './plain-grid.ts'
import { randomFrom } from './random.ts'
import { broadcast } from './storm-radio.ts'
import type { Truth } from './storm-truth.ts'
import { reckonTruth } from './storm-truth.ts'
import type { Move } from './storm-world.ts'
import { runWorld } from './storm-world.ts'

export type StormOptions = {
  readonly tables: NetworkTables
  readonly seed: number | string
  readonly from: EpochMs
  readonly hours: number
  /** Things that fall on lines; left out: a few for each feeder. */
  readonly faults?: number
  /** Times as many repeated positions as usual. */
  readonly chatter?: number
}

export type Storm = {
  readonly grid: PlainGrid
  /** What the switches did, by the clocks that stamped it. */
  readonly moves: readonly Move[]
  /** What is told of it, in the order of arrival. */
  readonly deliveries: readonly Observation[]
  readonly truth: Truth
  /** By when all of it has happened, by every clock. */
  readonly until: EpochMs
}

/** A storm over a network, what its devices say, and who was dark when: a function of its options alone. */
export function makeStorm(options: StormOptions): Storm {
  const { tables, from, hours } = options
  const random = randomFrom(options.seed)
  const grid = plainGrid(tables)
  const until = from + hours * MS_PER_H
  const faults = options.faults ?? random.int(1, 8) + tables.feeders.length * random.int(1, 5)
  const moves = runWorld({
    grid,
    random: random.fork('world'),
    from,
    until,
    faults,
    works: random.int(0, 3 + Math.round(faults / 4)),
    tidy: random.chance(0.7),
  })
  const owner = gatewayOfNodes(grid)
  const { deliveries, stamped } = broadcast({
    grid,
    random: random.fork('radio'),
    gatewayOf: tables.switches.map((one) => owner[grid.nodeOf.get(one.from)!]!),
    moves,
    from,
    until,
    chatter: options.chatter ?? 1,
  })
  const lastStamp = stamped.reduce((last, move) => Math.max(last, move.at), until)
  return {
    grid,
    moves: stamped,
    deliveries,
    truth: reckonTruth(grid, stamped),
    until: lastStamp,
  }
}
