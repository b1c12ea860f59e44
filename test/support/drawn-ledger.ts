import type { Network } from '../../src/grid/network.ts'
import { parsePhases, type Phases } from '../../src/grid/phases.ts'
import type { NetworkTables, SwitchKind } from '../../src/grid/tables.ts'
import type { OutageFacts } from '../../src/ledger/facts.ts'
import type { SwitchObservation } from '../../src/ledger/observation.ts'
import { openLedger } from '../../src/ledger/open.ts'
import { DEFAULT_SETTINGS, type Ledger } from '../../src/ledger/state.ts'
import { MS_PER_S } from '../../src/time.ts'

export const T0 = Date.parse('2026-11-24T03:00:00Z')

export type Branch = [id: string, from: string, to: string, phases?: string, open?: 'open']
export type Point = [id: string, node: string, customers: number, phases?: string]

/** A network from short rows; nodes are made as they are named. */
export function draw(parts: {
  sources: [node: string, phases?: string][]
  switches: Branch[]
  lines?: Branch[]
  transformers?: Branch[]
  points: Point[]
  feeders?: [id: string, head: string, substation?: string][]
}): NetworkTables {
  const nodes = new Set<string>()
  const phases = (text: string | undefined): Phases => parsePhases(text ?? 'ABC') as Phases
  const branch = ([id, from, to, on]: Branch) => {
    nodes.add(from).add(to)
    return { id, from, to, phases: phases(on) }
  }
  const switches = parts.switches.map((row) => ({
    ...branch(row),
    kind: 'breaker' as SwitchKind,
    normallyClosed: row[4] !== 'open',
    ratedA: null,
    telemetered: true,
    name: null,
  }))
  const lines = (parts.lines ?? []).map((row) => ({
    ...branch(row),
    lengthM: null,
    ratedA: null,
    overhead: null,
    failuresPerKmYear: null,
    repairH: null,
  }))
  const transformers = (parts.transformers ?? []).map((row) => ({
    ...branch(row),
    kind: 'distribution' as const,
    ratedKva: 100,
    name: null,
    failuresPerYear: null,
    repairH: null,
  }))
  parts.sources.forEach(([node]) => nodes.add(node))
  parts.points.forEach(([, node]) => nodes.add(node))
  return {
    sources: parts.sources.map(([node, on], i) => ({
      id: `source${i}`,
      node,
      phases: phases(on),
      ratedKva: null,
    })),
    substations: [{ id: 'sub', name: 'Sub', area: 'area', lon: null, lat: null }],
    feeders: (parts.feeders ?? []).map(([id, head, substation]) => ({
      id,
      name: id,
      substation: substation ?? 'sub',
      head,
      ratedA: null,
      ratedKva: null,
    })),
    nodes: [...nodes].map((id) => ({ id, kv: null, lon: null, lat: null })),
    switches,
    lines,
    transformers,
    servicePoints: parts.points.map(([id, node, customers, on]) => ({
      id,
      node,
      phases: phases(on),
      customers,
      connectedKva: null,
      class: null,
      averageKw: null,
      peakKw: null,
      priority: null,
      lon: null,
      lat: null,
    })),
  }
}

let nextSeq = 1
export function said(
  point: string,
  position: 'open' | 'closed',
  atS: number,
  more: Partial<SwitchObservation> = {},
): SwitchObservation {
  return {
    kind: 'switch',
    gateway: 'g',
    point,
    seq: nextSeq++,
    at: T0 + atS * MS_PER_S,
    receivedAt: T0 + atS * MS_PER_S,
    position,
    phases: null,
    reason: null,
    quality: 'good',
    bySubject: null,
    ...more,
  }
}

export function ledgerOf(network: Network, thinRepeats = false): Ledger {
  const numbers = Int32Array.from(network.loadPointIds, (_, i) => i)
  return openLedger(network, numbers, { ...DEFAULT_SETTINGS, thinRepeats })
}

export const outagesOf = (ledger: Ledger): OutageFacts[] =>
  [...ledger.record.byId.values()]
    .map((outage) => outage.told as OutageFacts)
    .sort((a, b) => a.anchorAt - b.anchorAt)

/*
 *  north ──[B1]── n1 ──[S1]── n2 ──[TIE, open]── s1 ──[B2]── south
 *                 P1:120      P2:80              P3:200
 */
export const TWO_FEEDERS = draw({
  sources: [['north'], ['south']],
  switches: [
    ['B1', 'north', 'n1'],
    ['S1', 'n1', 'n2'],
    ['TIE', 'n2', 's1', 'ABC', 'open'],
    ['B2', 'south', 's1'],
  ],
  points: [
    ['P1', 'n1', 120],
    ['P2', 'n2', 80],
    ['P3', 's1', 200],
  ],
  feeders: [
    ['F1', 'B1'],
    ['F2', 'B2'],
  ],
})
