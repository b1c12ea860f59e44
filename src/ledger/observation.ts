import type { Phases } from '../grid/phases.ts'
import type { EpochMs } from '../time.ts'

export type Quality = 'good' | 'uncertain' | 'bad'
export type SwitchReason = 'trip' | 'lockout' | 'reclose' | 'manual' | 'planned'

/** What every observation has: its identity is (gateway, kind, point, seq, at). */
type Said = {
  readonly gateway: string
  /** Id of the switch or service point. */
  readonly point: string
  readonly seq: number
  /** When it happened in the field, by the source's clock. */
  readonly at: EpochMs
  /** When we learned it. */
  readonly receivedAt: EpochMs
}

/** A switch said where it stands; `manual` is the word of a dispatcher for a device, with who said it. */
export type SwitchObservation = Said & {
  readonly kind: 'switch' | 'manual'
  readonly position: 'open' | 'closed'
  /** Null: all the phases that the device has. */
  readonly phases: Phases | null
  readonly reason: SwitchReason | null
  readonly quality: Quality
  readonly bySubject: string | null
}

/** A meter said something; evidence beside the ledger, never a switching event. */
export type MeterObservation = Said & {
  readonly kind: 'meter'
  readonly event: 'lastGasp' | 'restored' | 'alive'
}

export type Observation = SwitchObservation | MeterObservation

/** A measured load; kept in its own record (balance), not in the ledger. */
export type LoadReading = Said & {
  readonly kind: 'load'
  readonly kw: number
  readonly kvar: number | null
  readonly amps: readonly [number, number, number] | null
  readonly kv: number | null
}

export type GatewayState = {
  readonly kind: 'state'
  readonly gateway: string
  readonly online: boolean
  readonly at: EpochMs
  readonly receivedAt: EpochMs
}

/** Everything a field message can say once it is decoded. */
export type FieldReport = Observation | LoadReading | GatewayState
