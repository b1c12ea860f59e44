import { energize, operate, type Energization } from '../grid/energization.ts'
import { at, buildNetwork, type Network } from '../grid/network.ts'
import type { NetworkTables } from '../grid/tables.ts'
import { groupCode, type GroupCode } from '../ledger/facts.ts'
import { MS_PER_S, type EpochMs } from '../time.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../stores/database.ts'

/** How often a process looks whether another revision is in force. */
export const REVISION_LOOK_S = 5
/** Positions are read again at most this often, however many ask. */
export const POSITIONS_AGE_S = 1

/** The network in force, for reading, in a process that need not have an engine. */
export type NetworkInForce = {
  /** Null where no network has been imported. */
  current(): NetworkView | null
  /** The same, with switches where the committed record has them now. */
  asItStands(): Promise<NetworkView | null>
  /** Looks for another revision at once; true where one was taken. */
  refresh(): Promise<boolean>
  close(): void
}

export type NetworkView = {
  readonly revision: number
  readonly tables: NetworkTables
  readonly network: Network
  readonly standing: Energization
  readonly nodeIndex: ReadonlyMap<string, number>
  /** Positions in the tables by id. */
  readonly servicePointIndex: ReadonlyMap<string, number>
  /** The supply group of a service point; null where the network has no such point. */
  groupOf(servicePoint: string): GroupCode | null
  /** Service points by supply group, of those given. */
  servicePointsOf(groups: ReadonlySet<GroupCode>): string[]
}

export type NetworkSource = {
  lastRevision(): Promise<number | null>
  readTables(revision: number): Promise<NetworkTables>
}

/** Reads the network in force, and again whenever another one is; `onChange` hears of each. Throws where the first reading fails. */
export async function openNetworkInForce(parts: {
  readonly db: Database
  readonly clock: Clock
  readonly source: NetworkSource
  readonly onChange: () => void
}): Promise<NetworkInForce> {
  const { db, clock, source } = parts
  let view: NetworkView | null = null
  let positionsAt: EpochMs = -Infinity
  let readingPositions: Promise<void> | undefined

  async function refresh(): Promise<boolean> {
    const revision = await source.lastRevision()
    if (revision === null || revision === view?.revision) return false
    view = await readView(db, source, revision)
    positionsAt = -Infinity
    parts.onChange()
    return true
  }

  async function readPositions(standing: Energization): Promise<void> {
    const rows = await db.selectFrom('switch_state').select(['switch', 'closed_phases']).execute()
    for (const row of rows) {
      const device = standing.network.switchIndex.get(row.switch)
      if (device !== undefined) operate(standing, device, row.closed_phases)
    }
  }

  await refresh()
  let looking = false
  const look = setInterval(() => {
    if (looking) return
    looking = true
    refresh()
      // The database is away: the network that is known stays.
      .catch(() => undefined)
      .finally(() => {
        looking = false
      })
  }, REVISION_LOOK_S * MS_PER_S)
  look.unref()

  return {
    current: () => view,
    async asItStands() {
      const now = clock()
      if (view !== null && now - positionsAt >= POSITIONS_AGE_S * MS_PER_S) {
        const { standing } = view
        readingPositions ??= readPositions(standing).finally(() => {
          readingPositions = undefined
          positionsAt = now
        })
        await readingPositions
      }
      return view
    },
    refresh,
    close: () => clearInterval(look),
  }
}

async function readView(
  db: Database,
  source: NetworkSource,
  revision: number,
): Promise<NetworkView> {
  const tables = await source.readTables(revision)
  const network = buildNetwork(tables)
  const numbers = new Map(
    (await db.selectFrom('load_point').select(['id', 'ix']).execute()).map((row) => [
      row.id,
      row.ix,
    ]),
  )
  const loadPointNumber = network.loadPointIds.map((id) => numbers.get(id) ?? null)
  const servicePointIndex = new Map(tables.servicePoints.map((row, index) => [row.id, index]))

  const codeOf = (index: number): GroupCode | null => {
    const group = at(network.servicePointGroup, index)
    const number = loadPointNumber[at(network.groupLoadPoint, group)] ?? null
    return number === null ? null : groupCode(number, at(network.groupPhases, group))
  }

  return {
    revision,
    tables,
    network,
    standing: energize(network),
    nodeIndex: new Map(network.nodeIds.map((id, index) => [id, index])),
    servicePointIndex,
    groupOf(servicePoint) {
      const index = servicePointIndex.get(servicePoint)
      return index === undefined ? null : codeOf(index)
    },
    servicePointsOf(groups) {
      if (groups.size === 0) return []
      return tables.servicePoints
        .filter((_, index) => {
          const code = codeOf(index)
          return code !== null && groups.has(code)
        })
        .map((row) => row.id)
    },
  }
}
