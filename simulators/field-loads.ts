import type { EpochMs } from '../src/time.ts'
import type { PlainGrid, Positions } from './plain-grid.ts'
import { feederOfNodes, livePhases } from './plain-grid.ts'
import type { Random } from './random.ts'

/** Parts of the daily average by local hour. */
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  residential: [
    0.62, 0.55, 0.51, 0.49, 0.5, 0.57, 0.77, 0.98, 1.0, 0.93, 0.9, 0.92, 0.97, 0.95, 0.93, 0.97,
    1.12, 1.42, 1.68, 1.75, 1.66, 1.47, 1.15, 0.84,
  ],
  commercial: [
    0.46, 0.44, 0.43, 0.43, 0.46, 0.55, 0.78, 1.06, 1.34, 1.48, 1.54, 1.56, 1.54, 1.55, 1.54, 1.5,
    1.42, 1.3, 1.14, 0.98, 0.82, 0.66, 0.54, 0.48,
  ],
  industrial: [
    0.72, 0.7, 0.7, 0.71, 0.76, 0.88, 1.08, 1.22, 1.28, 1.3, 1.3, 1.24, 1.24, 1.29, 1.29, 1.25,
    1.15, 1.02, 0.93, 0.88, 0.85, 0.82, 0.78, 0.74,
  ],
}
const CLASSES = Object.keys(SHAPES)
const SATURDAY_SUNDAY = { residential: 1.08, commercial: 0.62, industrial: 0.7 } as const
const POWER_FACTOR = 0.95
const KVAR_PER_KW = Math.tan(Math.acos(POWER_FACTOR))
const AVERAGE_KW_UNKNOWN = 1

export type LoadReadings = {
  readonly kw: number
  readonly kvar: number
  readonly amps?: readonly [number, number, number]
  readonly kv?: number
}
/** A meter at a place in the grid, and the node by which its gateway is known. */
export type LoadOf = {
  readonly id: string
  readonly node: number
  readonly readings: LoadReadings
}

export type Loads = {
  /** Of every feeder head, the feeders in the state that `positions` make. */
  ofHeads(positions: Positions, at: EpochMs): LoadOf[]
  /** Of every distribution transformer and every node that serves points directly. */
  ofLoadPoints(positions: Positions, at: EpochMs): LoadOf[]
}

/** What the customers of a network take: by class, hour and day, with noise; nothing where there is no supply. */
export function makeLoads(grid: PlainGrid, random: Random): Loads {
  const { tables } = grid
  const solarHours = (tables.substations[0]?.lon ?? 0) / 15
  const loadPoints = findLoadPoints(grid)
  // The same neighbours cook at the same time: one wander for a whole feeder, smaller ones for each point.
  const noise = (spread: number) => 1 + (random.next() + random.next() - 1) * spread

  const kwOfRow = (row: number, factors: Readonly<Record<string, number>>) => {
    const point = tables.servicePoints[row]!
    const average = point.averageKw ?? AVERAGE_KW_UNKNOWN * point.customers
    return average * (factors[point.class ?? ''] ?? factors['residential']!)
  }

  return {
    ofHeads(positions, at) {
      const factors = factorsAt(at, solarHours)
      const live = livePhases(grid, positions)
      const feederOf = feederOfNodes(grid, positions)
      const kwByPhase = tables.feeders.map(() => [0, 0, 0])
      tables.servicePoints.forEach((point, row) => {
        const node = grid.pointNode[row]!
        const phases = kwByPhase[feederOf[node]!]
        const alive = point.phases & live[node]!
        if (phases === undefined || alive === 0) return
        const kw = kwOfRow(row, factors) / bits(point.phases)
        for (let index = 0; index < 3; index++) {
          if ((alive & (1 << index)) !== 0) phases[index]! += kw
        }
      })
      return tables.feeders.flatMap((feeder, row) => {
        const head = tables.switches[grid.switchOf.get(feeder.head) ?? -1]
        if (head === undefined) return []
        const node = grid.nodeOf.get(head.to)!
        const wander = noise(0.06)
        const kws = kwByPhase[row]!.map((kw) => kw * wander * noise(0.02))
        const kv = tables.nodes[node]!.kv ?? tables.nodes[grid.nodeOf.get(head.from)!]!.kv
        return [{ id: feeder.head, node, readings: readingsOf(kws, kv) }]
      })
    },
    ofLoadPoints(positions, at) {
      const factors = factorsAt(at, solarHours)
      const live = livePhases(grid, positions)
      return loadPoints.map(({ id, node, rows }) => {
        let kw = 0
        for (const row of rows) {
          const { phases } = tables.servicePoints[row]!
          const alive = bits(phases & live[node]!) / bits(phases)
          kw += kwOfRow(row, factors) * alive * noise(0.5)
        }
        return { id, node, readings: { kw: round(kw), kvar: round(kw * KVAR_PER_KW) } }
      })
    },
  }
}

type LoadPointRows = { readonly id: string; readonly node: number; readonly rows: number[] }

function findLoadPoints(grid: PlainGrid): LoadPointRows[] {
  const transformerAt = new Map<number, string>()
  for (const one of grid.tables.transformers) {
    if (one.kind === 'distribution') transformerAt.set(grid.nodeOf.get(one.to)!, one.id)
  }
  const found = new Map<number, LoadPointRows>()
  grid.pointNode.forEach((node, row) => {
    const known = found.get(node)
    if (known !== undefined) known.rows.push(row)
    else {
      const id = transformerAt.get(node) ?? grid.tables.nodes[node]!.id
      found.set(node, { id, node, rows: [row] })
    }
  })
  return [...found.values()]
}

function factorsAt(at: EpochMs, solarHours: number): Record<string, number> {
  const local = new Date(at + solarHours * 3_600_000)
  const hour = local.getUTCHours()
  const into = local.getUTCMinutes() / 60
  const weekend = local.getUTCDay() % 6 === 0
  return Object.fromEntries(
    CLASSES.map((name) => {
      const shape = SHAPES[name]!
      const now = shape[hour]! * (1 - into) + shape[(hour + 1) % 24]! * into
      const day = weekend ? SATURDAY_SUNDAY[name as keyof typeof SATURDAY_SUNDAY] : 1
      return [name, now * day]
    }),
  )
}

function readingsOf(kws: readonly number[], kv: number | null): LoadReadings {
  const kw = kws.reduce((a, b) => a + b, 0)
  const power = { kw: round(kw), kvar: round(kw * KVAR_PER_KW) }
  if (kv === null) return power
  const amps = kws.map((one) => round(Math.abs(one) / POWER_FACTOR / (kv / Math.sqrt(3))))
  return { ...power, amps: [amps[0]!, amps[1]!, amps[2]!], kv }
}

const bits = (phases: number) => (phases & 1) + ((phases >> 1) & 1) + ((phases >> 2) & 1)
const round = (x: number) => Math.round(x * 100) / 100
