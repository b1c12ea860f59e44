import { count } from '../language.ts'
import type { Storm } from '../storm-banner.tsx'
import { w } from './words.ts'

export type Masked = number | { readonly max: number }
/** GET /public/outages: where the newest list is read, and as of when it holds. */
export type Pointer = { readonly snapshot: string; readonly asOf: string }
/** GET /public/outages.geojson and what the pointer names: areas and counts only. */
export type Outages = {
  readonly asOf?: string
  readonly customersOut?: Masked
  readonly storms?: readonly Storm[]
  readonly features: readonly {
    readonly geometry: { readonly coordinates: readonly [number, number] } | null
    readonly properties: {
      readonly area: string | null
      readonly customersOut: Masked
      readonly outages: Masked
      readonly since: string
    }
  }[]
}

export const sayCount = (masked: Masked): string =>
  typeof masked === 'number' ? count(masked) : w.value.fewer(masked.max)

/** For sorting: what is hidden because it is few counts as none. */
export const sizeOf = (masked: Masked): number => (typeof masked === 'number' ? masked : 0)
