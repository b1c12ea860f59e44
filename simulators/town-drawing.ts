import type {
  FeederRow,
  LineRow,
  NodeRow,
  ServicePointRow,
  SourceRow,
  SubstationRow,
  SwitchRow,
  TransformerRow,
} from '../src/grid/tables.ts'

/** Tables while they grow; `NetworkTables` once they are done. */
export type Drawing = {
  sources: SourceRow[]
  substations: SubstationRow[]
  feeders: FeederRow[]
  nodes: NodeRow[]
  switches: SwitchRow[]
  lines: LineRow[]
  transformers: TransformerRow[]
  servicePoints: ServicePointRow[]
}

/** The streets that one feeder serves, side to side. */
export const STRIP_WIDTH_M = 760

/** What one feeder needs to know of the whole town. */
export type Town = {
  readonly drawing: Drawing
  /** Reclosers are numbered through the town, as people do. */
  nextRecloser: number
  lonLat(xM: number, yM: number): { readonly lon: number; readonly lat: number }
}

export type FeederPlan = {
  /** `N-04` */
  readonly id: string
  /** `N04`, the way its devices carry it in their names. */
  readonly label: string
  readonly name: string
  readonly street: string
  readonly substation: string
  readonly busNode: string
  readonly customers: number
  readonly startXM: number
  readonly startYM: number
  readonly stripXM: number
  readonly directionY: 1 | -1
  readonly kv: number
}

export type Spot = { readonly node: string; readonly xM: number; readonly yM: number }
