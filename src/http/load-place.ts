import { sql } from 'kysely'
import { at, NONE } from '../grid/network.ts'
import type { Database } from '../stores/database.ts'
import { ratedOf } from './load-room.ts'
import type { NetworkView } from './network-in-force.ts'
import { notFound } from './problem.ts'

/** What an id means when its load is asked for. */
export type LoadPlace = {
  readonly kind: 'feeder' | 'substation' | 'transformer' | 'loadPoint'
  /** Ids that are measured and add up to it. */
  readonly points: readonly string[]
  /** The same point may be reported under another id, too: a head under that of its feeder. */
  readonly alias: ReadonlyMap<string, string>
  /** Null where it has none. */
  readonly ratedKva: number | null
  /** Ids that requests for connections may name and that count here. */
  readonly connections: readonly string[]
  /** Places whose temperature is that of the load, the nearest first. */
  readonly weather: readonly string[]
}

/** An id that is nothing of the kind throws the problem. */
export function loadPlace(view: NetworkView, id: string): LoadPlace {
  const { network } = view
  const { rated } = ratedOf(view)
  const known = (kva: number | undefined) => (kva === undefined || Number.isNaN(kva) ? null : kva)
  const feeder = network.feeders.findIndex((row) => row.id === id || row.head === id)
  const row = network.feeders[feeder]
  if (row !== undefined) {
    return {
      kind: 'feeder',
      points: [row.head],
      alias: new Map([[row.head, row.id]]),
      ratedKva: known(rated.feederRatedKva[feeder]),
      connections: [row.id],
      weather: [row.id, ...weatherOf(view, at(network.feederSubstation, feeder))],
    }
  }
  const substation = network.substations.findIndex((station) => station.id === id)
  if (substation >= 0) {
    const own = network.feeders.filter(
      (_, index) =>
        network.feederSubstation[index] === substation && rated.headUpNode[index] !== NONE,
    )
    const units = rated.units.filter((unit) => unit.substation === substation)
    const isKnown = units.length > 0 && units.every((unit) => unit.ratedKva !== null)
    return {
      kind: 'substation',
      points: own.map((one) => one.head),
      alias: new Map(own.map((one) => [one.head, one.id])),
      ratedKva: isKnown ? units.reduce((sum, unit) => sum + (unit.ratedKva ?? 0), 0) : null,
      connections: [id, ...own.map((one) => one.id)],
      weather: weatherOf(view, substation),
    }
  }
  const single = { points: [id], alias: new Map<string, string>(), connections: [id], weather: [] }
  const branch = network.branchIds.indexOf(id)
  if (branch >= network.switchCount + network.lineCount) {
    return { kind: 'transformer', ratedKva: known(rated.branchRatedKva[branch]), ...single }
  }
  const unit = rated.units.find((each) => each.id === id)
  if (unit !== undefined) return { kind: 'transformer', ratedKva: unit.ratedKva, ...single }
  if (network.loadPointIds.includes(id)) return { kind: 'loadPoint', ratedKva: null, ...single }
  const says = `${id} is no feeder, head, substation, transformer or load point`
  throw notFound('unknown-point', says)
}

function weatherOf({ network }: NetworkView, substation: number): string[] {
  const row = network.substations[substation]
  return row === undefined ? [] : [row.id, ...(row.area === null ? [] : [row.area])]
}

/** The id under which the first point of a place is measured: that of the head, or where it has no values, that of its feeder. */
export async function measuredPoint(
  db: Database,
  { points, alias }: LoadPlace,
  asked: string,
): Promise<string> {
  const [point] = points
  const other = point === undefined ? undefined : alias.get(point)
  if (point === undefined || other === undefined) return point ?? asked
  const { rows } = await sql<{ point: string }>`
    select m.point from unnest(array[${point}, ${other}]::text[]) with ordinality as m (point, place)
    where exists (select from load_quarter q where q.point = m.point) order by place limit 1`.execute(
    db,
  )
  return rows[0]?.point ?? point
}
