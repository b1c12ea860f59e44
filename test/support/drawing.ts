import type {
  LineRow,
  NetworkTables,
  ServicePointRow,
  SwitchKind,
  SwitchRow,
  TransformerRow,
} from '../../src/grid/tables.ts'

/** Tables put together piece by piece; every node that is named is made. */
export function drawing() {
  const nodes = new Set<string>()
  const switches: SwitchRow[] = []
  const lines: LineRow[] = []
  const transformers: TransformerRow[] = []
  const servicePoints: ServicePointRow[] = []
  const heads: string[] = []
  return {
    part(id: string, from: string, to: string, kind: SwitchKind, normallyClosed = true) {
      nodes.add(from).add(to)
      switches.push({
        id,
        from,
        to,
        kind,
        phases: 7,
        normallyClosed,
        ratedA: null,
        telemetered: true,
        name: null,
      })
      if (kind === 'breaker') heads.push(id)
    },
    line(id: string, from: string, to: string, km: number, perKmYear: number, repairH: number) {
      nodes.add(from).add(to)
      lines.push({
        id,
        from,
        to,
        phases: 7,
        lengthM: km * 1000,
        ratedA: null,
        overhead: null,
        failuresPerKmYear: perKmYear,
        repairH,
      })
    },
    transformer(id: string, from: string, to: string, perYear: number, repairH: number) {
      nodes.add(from).add(to)
      transformers.push({
        id,
        from,
        to,
        phases: 7,
        kind: 'distribution',
        ratedKva: null,
        name: null,
        failuresPerYear: perYear,
        repairH,
      })
    },
    customers(id: string, node: string, customers: number, averageKw: number | null) {
      nodes.add(node)
      servicePoints.push({
        id,
        node,
        phases: 7,
        customers,
        connectedKva: null,
        class: null,
        averageKw,
        peakKw: null,
        priority: null,
        lon: null,
        lat: null,
      })
    },
    tables: (): NetworkTables => ({
      sources: [{ id: 'grid', node: 'SRC', phases: 7, ratedKva: null }],
      substations: [{ id: 'S', name: 'S', area: null, lon: null, lat: null }],
      feeders: heads.map((head) => ({
        id: head,
        name: head,
        substation: 'S',
        head,
        ratedA: null,
        ratedKva: null,
      })),
      nodes: [...nodes].map((id) => ({ id, kv: 11, lon: null, lat: null })),
      switches,
      lines,
      transformers,
      servicePoints,
    }),
  }
}
