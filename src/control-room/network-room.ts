import { buildNetwork, type Network } from '../grid/network.ts'
import type { NetworkTables, SwitchKind } from '../grid/tables.ts'
import { loadPointNumbers, loadRevision } from '../stores/networks.ts'
import type { Database } from '../stores/database.ts'

/** A network revision as the engine needs it. */
export type NetworkRoom = {
  readonly revision: number
  readonly network: Network
  /** The number that each load point keeps for ever. */
  readonly loadPointNumber: Int32Array
  /** Of each switch, by its id. */
  readonly switchKinds: ReadonlyMap<string, SwitchKind>
  /** Ids whose meters may speak. */
  readonly servicePoints: ReadonlySet<string>
  /** In the same order. */
  readonly servicePointCustomers: Int32Array
  /** Ids whose load may be reported: feeder heads, feeders, transformers, load points. */
  readonly loadIds: ReadonlySet<string>
}

const NO_TABLES: NetworkTables = {
  sources: [],
  substations: [],
  feeders: [],
  nodes: [],
  switches: [],
  lines: [],
  transformers: [],
  servicePoints: [],
}

/** Before the first import: nothing is known, and nothing can be judged. */
export const NO_NETWORK: NetworkRoom = {
  revision: 0,
  network: buildNetwork(NO_TABLES),
  loadPointNumber: new Int32Array(0),
  switchKinds: new Map(),
  servicePoints: new Set(),
  servicePointCustomers: new Int32Array(0),
  loadIds: new Set(),
}

export async function openNetworkRoom(db: Database, revision: number): Promise<NetworkRoom> {
  const tables = await loadRevision(db, revision)
  const network = buildNetwork(tables)
  const numbers = await db.transaction().execute((tx) => loadPointNumbers(tx, network.loadPointIds))
  const loadIds = new Set<string>(network.loadPointIds)
  for (const transformer of tables.transformers) loadIds.add(transformer.id)
  for (const feeder of tables.feeders) loadIds.add(feeder.id).add(feeder.head)
  return {
    revision,
    network,
    loadPointNumber: Int32Array.from(network.loadPointIds, (id) => numbers.get(id) as number),
    switchKinds: new Map(tables.switches.map((row) => [row.id, row.kind])),
    servicePoints: new Set(tables.servicePoints.map((point) => point.id)),
    servicePointCustomers: Int32Array.from(tables.servicePoints, ({ customers }) => customers),
    loadIds,
  }
}
