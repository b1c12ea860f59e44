import type { Phases } from './phases.ts'

/**
 * A network as its tables say it (contract.md, "Network folder"): what importers produce, what the store keeps
 * by revision, and what `buildNetwork` makes dense. Unknown is `null`, never 0.
 */
export type NetworkTables = {
  readonly sources: readonly SourceRow[]
  readonly substations: readonly SubstationRow[]
  readonly feeders: readonly FeederRow[]
  readonly nodes: readonly NodeRow[]
  readonly switches: readonly SwitchRow[]
  readonly lines: readonly LineRow[]
  readonly transformers: readonly TransformerRow[]
  readonly servicePoints: readonly ServicePointRow[]
}

export type SourceRow = {
  readonly id: string
  readonly node: string
  readonly phases: Phases
  readonly ratedKva: number | null
}

export type SubstationRow = {
  readonly id: string
  readonly name: string
  readonly area: string | null
  readonly lon: number | null
  readonly lat: number | null
}

export type FeederRow = {
  readonly id: string
  readonly name: string
  /** Id of its substation. */
  readonly substation: string
  /** Id of the switch where supply enters. */
  readonly head: string
  readonly ratedA: number | null
  readonly ratedKva: number | null
}

export type NodeRow = {
  readonly id: string
  readonly kv: number | null
  readonly lon: number | null
  readonly lat: number | null
}

export const SWITCH_KINDS = [
  'breaker',
  'recloser',
  'sectionaliser',
  'load_break',
  'disconnector',
  'fuse',
  'jumper',
] as const
export type SwitchKind = (typeof SWITCH_KINDS)[number]

export type SwitchRow = {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly kind: SwitchKind
  readonly phases: Phases
  readonly normallyClosed: boolean
  readonly ratedA: number | null
  readonly telemetered: boolean
  readonly name: string | null
}

export type LineRow = {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly phases: Phases
  readonly lengthM: number | null
  readonly ratedA: number | null
  readonly overhead: boolean | null
  readonly failuresPerKmYear: number | null
  readonly repairH: number | null
}

export const TRANSFORMER_KINDS = ['power', 'distribution'] as const
export type TransformerKind = (typeof TRANSFORMER_KINDS)[number]

export type TransformerRow = {
  readonly id: string
  /** Primary node. */
  readonly from: string
  /** Secondary node. */
  readonly to: string
  readonly phases: Phases
  readonly kind: TransformerKind
  readonly ratedKva: number | null
  readonly name: string | null
  readonly failuresPerYear: number | null
  readonly repairH: number | null
}

export const PRIORITIES = ['life_support', 'critical'] as const
export type Priority = (typeof PRIORITIES)[number]

export type ServicePointRow = {
  readonly id: string
  readonly node: string
  readonly phases: Phases
  readonly customers: number
  readonly connectedKva: number | null
  readonly class: string | null
  readonly averageKw: number | null
  readonly peakKw: number | null
  readonly priority: Priority | null
  readonly lon: number | null
  readonly lat: number | null
}
