import {
  expectLoads,
  type ExpectedLoads,
  type MeasuredLoad,
  type MeasuredLoads,
} from '../balance/allocation.ts'
import { balanceOf, type BalanceInput } from '../balance/balance.ts'
import { ALARM_RULES } from '../balance/load-states.ts'
import { priorityPoints, type PriorityPoints } from '../balance/shedding.ts'
import { rateNetwork, supplyTree, type RatedNetwork } from '../balance/supply-tree.ts'
import { cutIntoZones } from '../balance/zones.ts'
import { offsetMs } from '../reliability/calendar.ts'
import { loadsAt } from '../stores/loads.ts'
import { positionsAt } from '../stores/positions-read.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN, type EpochMs } from '../time.ts'
import type { NetworkView } from './network-in-force.ts'
import type { HttpParts } from './parts.ts'

type Rated = {
  readonly rated: RatedNetwork
  readonly expected: ExpectedLoads
  readonly priority: PriorityPoints
}
const ratedNetworks = new WeakMap<object, Rated>()

/** The network in force with what it can carry; reckoned once a revision. */
export function ratedOf(view: NetworkView): Rated {
  let known = ratedNetworks.get(view.network)
  if (known === undefined) {
    const rated = rateNetwork(view.network, view.tables)
    known = {
      rated,
      expected: expectLoads(rated, view.tables),
      priority: priorityPoints(view.network, view.tables),
    }
    ratedNetworks.set(view.network, known)
  }
  return known
}

/** Local hour of the week; 0 is Monday from 00:00 to 01:00. */
export function hourOfWeek(at: EpochMs, timeZone: string): number {
  const local = at + offsetMs(at, timeZone)
  // The first of January 1970 was a Thursday.
  const day = (Math.floor(local / MS_PER_DAY) + 3) % 7
  return day * 24 + Math.floor((local % MS_PER_DAY) / MS_PER_H)
}

/** A moment so near is the present: the positions that stand are of then, and were read already. */
const PRESENT_MS = MS_PER_MIN
/** Further ahead nobody knows where switches will stand; normal positions are the best guess. */
const AHEAD_MAX_MS = MS_PER_H

/** Which positions of switches a balance was reckoned with: those of now, those of then by the record, or normal ones. */
type Positions = 'asItStands' | 'asRecorded' | 'normal'

export type LoadsOfMoment = {
  readonly input: BalanceInput
  readonly positions: Positions
  readonly closed: Uint8Array
  readonly measuredPoints: number
}

/** Everything that a balance at `at` is made from. A moment of the past is reckoned with where switches stood then, in today's drawing. */
export async function loadsOfMoment(
  parts: HttpParts,
  view: NetworkView,
  { at, measuredAt = at }: { at: EpochMs; measuredAt?: EpochMs },
): Promise<LoadsOfMoment> {
  const { rated, expected } = ratedOf(view)
  const positions = positionsFor(at, parts.clock())
  const closed =
    positions === 'asRecorded'
      ? await positionsAt(parts.db, view.network, at)
      : positions === 'asItStands'
        ? view.standing.closed
        : view.network.switchNormal
  const measured = await measuredLoads(parts, measuredAt)
  return {
    input: {
      rated,
      tree: supplyTree(rated, closed),
      expected,
      measured,
      hourOfWeek: hourOfWeek(at, parts.settings.timeZone),
      heavyAbove: ALARM_RULES.heavy.above,
      overloadAbove: ALARM_RULES.overload.above,
    },
    positions,
    closed,
    measuredPoints: measured.size,
  }
}

function positionsFor(at: EpochMs, now: EpochMs): Positions {
  if (at < now - PRESENT_MS) return 'asRecorded'
  return at <= now + AHEAD_MAX_MS ? 'asItStands' : 'normal'
}

async function measuredLoads(parts: HttpParts, at: EpochMs): Promise<MeasuredLoads> {
  const rows = await loadsAt(parts.db, at)
  return new Map<string, MeasuredLoad>(rows.map((row) => [row.point, row]))
}

export const zonesOf = ({ input, closed }: LoadsOfMoment) =>
  cutIntoZones(input.rated, input.tree, closed, {
    loads: balanceOf(input).loads,
    customers: input.expected.customers,
  })
