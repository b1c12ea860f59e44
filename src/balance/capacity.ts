/** The larger of the totals and the sum of the phases, in kVA. Null where neither says anything. */
export function apparentKva(measured: {
  readonly kw: number | null
  readonly kvar: number | null
  /** Power factor to assume where kvar is unknown. */
  readonly powerFactor: number
  readonly amps: readonly [number, number, number] | null
  /** Phase to phase. */
  readonly kv: number | null
}): number | null {
  const { kw, kvar, amps, kv } = measured
  const totalsKva =
    kw === null ? null : kvar === null ? Math.abs(kw) / measured.powerFactor : Math.hypot(kw, kvar)
  const phasesKva =
    amps === null || kv === null ? null : ((amps[0] + amps[1] + amps[2]) * kv) / Math.sqrt(3)
  if (totalsKva === null) return phasesKva
  return phasesKva === null ? totalsKva : Math.max(totalsKva, phasesKva)
}

/** (Imax − Imin) / Imax over the phases in use; null without current. */
export function phaseUnbalance(amps: readonly number[]): number | null {
  const most = Math.max(...amps)
  return most > 0 ? (most - Math.min(...amps)) / most : null
}

/** Guide range of the capacity-to-load ratio (容载比) of a voltage level, by how fast the load grows. All editable. */
export type CapacityRange = {
  readonly kvFrom: number
  /** Exclusive. */
  readonly kvTo: number
  /** Yearly growth above this, in per cent; null: any. */
  readonly growthAbovePct: number | null
  readonly low: number
  readonly high: number
  readonly source: string
}

/** Urban guide ranges. */
export const URBAN_RANGES: readonly CapacityRange[] = [
  { kvFrom: 220, kvTo: 330, growthAbovePct: null, low: 1.6, high: 1.9, source: 'urban guide' },
  { kvFrom: 35, kvTo: 220, growthAbovePct: null, low: 1.8, high: 2.1, source: 'urban guide' },
]

const DLT_2016 = 'DL/T 5729-2016, 35 to 110 kV'
const QGDW_2020 = 'Q/GDW 10738-2020, 35 to 110 kV'

export const DLT_2016_RANGES: readonly CapacityRange[] = [
  { kvFrom: 35, kvTo: 220, growthAbovePct: null, low: 1.8, high: 2, source: DLT_2016 },
  { kvFrom: 35, kvTo: 220, growthAbovePct: 7, low: 1.9, high: 2.1, source: DLT_2016 },
  { kvFrom: 35, kvTo: 220, growthAbovePct: 12, low: 2, high: 2.2, source: DLT_2016 },
]

export const QGDW_2020_RANGES: readonly CapacityRange[] = [
  { kvFrom: 35, kvTo: 220, growthAbovePct: null, low: 1.5, high: 1.7, source: QGDW_2020 },
  { kvFrom: 35, kvTo: 220, growthAbovePct: 2, low: 1.6, high: 1.8, source: QGDW_2020 },
  { kvFrom: 35, kvTo: 220, growthAbovePct: 4, low: 1.7, high: 1.9, source: QGDW_2020 },
  { kvFrom: 35, kvTo: 220, growthAbovePct: 7, low: 1.8, high: 2, source: QGDW_2020 },
]

export type CapacityRatio = {
  /** MVA of transformers over MW of the area's net, coincident maximum. Null without load. */
  readonly ratio: number | null
  readonly range: CapacityRange | null
  readonly verdict: 'below' | 'within' | 'above' | 'unknown'
}

/** Capacity-to-load ratio of one voltage level of one area: Rs = ΣS / Pmax, beside its guide range. */
export function capacityRatio(
  { installedMva, peakMw }: { installedMva: number; peakMw: number },
  guide: { ranges: readonly CapacityRange[]; kv: number | null; growthPct: number | null },
): CapacityRatio {
  const ratio = peakMw > 0 ? installedMva / peakMw : null
  const range = rangeFor(guide)
  if (ratio === null || range === null) return { ratio, range, verdict: 'unknown' }
  const verdict = ratio < range.low ? 'below' : ratio > range.high ? 'above' : 'within'
  return { ratio, range, verdict }
}

function rangeFor(guide: {
  ranges: readonly CapacityRange[]
  kv: number | null
  growthPct: number | null
}): CapacityRange | null {
  let best: CapacityRange | null = null
  for (const range of guide.ranges) {
    if (guide.kv === null || guide.kv < range.kvFrom || guide.kv >= range.kvTo) continue
    const above = range.growthAbovePct
    if (above !== null && (guide.growthPct === null || guide.growthPct <= above)) continue
    if (best === null || (above ?? -Infinity) > (best.growthAbovePct ?? -Infinity)) best = range
  }
  return best
}

export type UnitLoss = {
  /** What is left without the largest unit, transfer to other stations included. */
  readonly firmKva: number
  readonly installedKva: number
  readonly passes: boolean
  /** firm − load; negative where load would have to be shed. */
  readonly marginKva: number
}

/** Loads are known in whole VA; what is less is rounding on the way, and sheds nobody. */
const VA_IN_KVA = 0.001

/** Loss of the largest transformer of a station: passes where Pmax / cosφ ≤ k·(ΣS − max S) + T. */
export function transformerLoss(station: {
  readonly unitsKva: readonly number[]
  readonly loadKva: number
  /** To other stations, over ties. */
  readonly transferKva: number
  /** 1 for the rating itself; 1.3 is usual for up to two hours of a neighbour's load. */
  readonly shortTimeFactor: number
}): UnitLoss {
  const installedKva = station.unitsKva.reduce((sum, unit) => sum + unit, 0)
  const largest = station.unitsKva.reduce((most, unit) => Math.max(most, unit), 0)
  const firmKva = station.shortTimeFactor * (installedKva - largest) + station.transferKva
  const differenceKva = firmKva - station.loadKva
  const marginKva = Math.abs(differenceKva) < VA_IN_KVA ? 0 : differenceKva
  return { firmKva, installedKva, passes: marginKva >= 0, marginKva }
}
