import { MS_PER_MIN, type EpochMs } from '../src/time.ts'
import type { Storm } from './storm.ts'

/** What an outage is to add up to. */
export type ExpectedOutage = {
  readonly device: string
  readonly startedAt: EpochMs
  readonly restoredAt: EpochMs | null
  readonly customersOut: number
  readonly customersInterrupted: number
  readonly closedCustomerMs: number
  /** `instant: customers`, in order. */
  readonly steps: readonly string[]
}

const RECLOSE_WINDOW_MS = 5 * MS_PER_MIN

/**
 * The outages of a storm by the rules of design.md, from its truth: interruptions that began with the openings of one device, those within
 * five minutes of the first together. Undefined where several switches moved in the instant in which somebody lost supply: who of them did
 * it is a matter of convention, not of truth.
 */
export function expectedOutages(storm: Storm): ExpectedOutage[] | undefined {
  const { truth, moves, grid } = storm
  const movers = new Map<EpochMs, Set<number>>()
  for (const { at, row } of moves) {
    const rows = movers.get(at)
    if (rows === undefined) movers.set(at, new Set([row]))
    else rows.add(row)
  }
  type Loss = { point: number; from: EpochMs; until: EpochMs | null }
  const lossesBy = new Map<number, Loss[]>()
  for (const [point, intervals] of truth.points.entries()) {
    for (const { from, until } of intervals) {
      const rows = [...(movers.get(from) ?? [])]
      if (rows.length !== 1) return undefined
      const losses = lossesBy.get(rows[0]!)
      if (losses === undefined) lossesBy.set(rows[0]!, [{ point, from, until }])
      else losses.push({ point, from, until })
    }
  }

  const outages: ExpectedOutage[] = []
  for (const [row, losses] of lossesBy) {
    losses.sort((a, b) => a.from - b.from)
    while (losses.length > 0) {
      const anchor = losses[0]!.from
      const end = losses.findIndex((loss) => loss.from - anchor > RECLOSE_WINDOW_MS)
      const mine = losses.splice(0, end === -1 ? losses.length : end)
      outages.push(addUp(storm, grid.tables.switches[row]!.id, anchor, mine))
    }
  }
  return outages
}

function addUp(
  storm: Storm,
  device: string,
  startedAt: EpochMs,
  losses: readonly { point: number; from: EpochMs; until: EpochMs | null }[],
): ExpectedOutage {
  const customersOf = (point: number) => storm.grid.tables.servicePoints[point]!.customers
  const counted = new Set<number>()
  const steps = new Map<EpochMs, number>()
  let customersOut = 0
  let customersInterrupted = 0
  let closedCustomerMs = 0
  let restoredAt: EpochMs | null = startedAt
  for (const { point, from, until } of losses) {
    const customers = customersOf(point)
    if (!counted.has(point)) customersInterrupted += customers
    counted.add(point)
    if (until === null) {
      customersOut += customers
      restoredAt = null
      continue
    }
    closedCustomerMs += customers * (until - from)
    steps.set(until, (steps.get(until) ?? 0) + customers)
    if (restoredAt !== null) restoredAt = Math.max(restoredAt, until)
  }
  return {
    device,
    startedAt,
    restoredAt,
    customersOut,
    customersInterrupted,
    closedCustomerMs,
    steps: [...steps].sort(([a], [b]) => a - b).map(([at, customers]) => `${at}: ${customers}`),
  }
}
