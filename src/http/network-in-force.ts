import { energize, operate, type Energization } from '../grid/energization.ts'
import { at, buildNetwork, type Network } from '../grid/network.ts'
import type { NetworkTables } from '../grid/tables.ts'
import { groupCode, type GroupCode } from '../ledger/facts.ts'
import { MS_PER_S, type EpochMs } from '../time.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../stores/database.ts'
import { latestRevision, loadRevision } from '../stores/networks.ts'
import { readLoadPointNumbers } from '../stores/standing-read.ts'

/** How often a process looks whether another revision is in force. */
export const REVISION_LOOK_S = 5
/** Positions are read again at most this often, however many ask. */
export const POSITIONS_AGE_S = 1

/** The network in force, for reading, in a process that need not have an engine. */
export type NetworkInForce = {
  /** Null where no network has been imported. */
  current(): NetworkView | null
  /**
   * The same, with switches where the committed record has them; positions may be as old as `ageMaxMs`, `POSITIONS_AGE_S` where nothing is
   * said. With 0 they are of after the question: what an act would do must not be reckoned with a switch that has turned since.
   */
  asItStands(ageMaxMs?: number): Promise<NetworkView | null>
  /** Looks for another revision at once; true where one was taken. */
  refresh(): Promise<boolean>
  close(): void
}

export type NetworkView = {
  readonly revision: number
  readonly tables: NetworkTables
  readonly network: Network
  /** The engine has not numbered all load points yet, so some groups are not known. */
  readonly unnumbered: boolean
  readonly standing: Energization
  readonly sourceNodes: ReadonlySet<number>
  readonly nodeIndex: ReadonlyMap<string, number>
  /** Positions in the tables by id. */
  readonly servicePointIndex: ReadonlyMap<string, number>
  /** The number that a load point keeps for ever; null where the engine has not given it one yet. */
  readonly loadPointNumber: (loadPoint: number) => number | null
  /** The supply group of a service point; null where the network has no such point. */
  groupOf(servicePoint: string): GroupCode | null
  /** Service points by supply group, of those given. */
  servicePointsOf(groups: ReadonlySet<GroupCode>): string[]
}

/** Reads the network in force, and again whenever another one is; `onChange` hears of each. Throws where the first reading fails. */
export async function openNetworkInForce(parts: {
  readonly db: Database
  /** Where whole networks are read from: with a million customers that takes longer than anybody waits for an answer. */
  readonly whole?: Database
  readonly clock: Clock
  readonly onChange: () => void
}): Promise<NetworkInForce> {
  const { db, clock, whole = db } = parts
  let view: NetworkView | null = null
  let positionsAt: EpochMs = -Infinity
  let readingPositions: Promise<void> | undefined

  async function refresh(): Promise<boolean> {
    const revision = (await latestRevision(db))?.revision
    if (revision === undefined) return false
    let next: NetworkView
    if (revision !== view?.revision) {
      const tables = await loadRevision(whole, revision)
      next = viewOf(revision, tables, buildNetwork(tables), await readLoadPointNumbers(whole))
    } else {
      if (!view.unnumbered) return false
      const numbers = await readLoadPointNumbers(whole)
      next = viewOf(revision, view.tables, view.network, numbers)
      if (next.unnumbered) return false
    }
    view = next
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
    async asItStands(ageMaxMs = POSITIONS_AGE_S * MS_PER_S) {
      // A reading that has begun may have passed over what was committed since.
      if (ageMaxMs === 0) await readingPositions
      const now = clock()
      if (view !== null && now - positionsAt >= ageMaxMs) {
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

function viewOf(
  revision: number,
  tables: NetworkTables,
  network: Network,
  numbers: ReadonlyMap<string, number>,
): NetworkView {
  const numbered = network.loadPointIds.map((id) => numbers.get(id) ?? null)
  const servicePointIndex = new Map(tables.servicePoints.map((row, index) => [row.id, index]))

  const nodeIndex = new Map(network.nodeIds.map((id, index) => [id, index]))

  const codeOf = (index: number): GroupCode | null => {
    const group = at(network.servicePointGroup, index)
    const number = numbered[at(network.groupLoadPoint, group)] ?? null
    return number === null ? null : groupCode(number, at(network.groupPhases, group))
  }

  return {
    revision,
    tables,
    network,
    unnumbered: numbered.includes(null),
    sourceNodes: new Set(tables.sources.flatMap(({ node }) => nodeIndex.get(node) ?? [])),
    standing: energize(network),
    nodeIndex,
    servicePointIndex,
    loadPointNumber: (loadPoint) => numbered[loadPoint] ?? null,
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
