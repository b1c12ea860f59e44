/** A place with customers, and how often they were interrupted in a period. */
export type PlacedCount = {
  readonly lon: number
  readonly lat: number
  readonly customers: number
  /** Customers × interruptions. */
  readonly ci: number
  /** Customers who had three or more. */
  readonly repeated: number
}
/** A square of the map; `column` counts eastwards and `row` northwards from the corner of the grid. */
export type Cell = {
  readonly column: number
  readonly row: number
  customers: number
  ci: number
  repeated: number
}
export type CellGrid = {
  /** The south-western corner, and the size of a cell in degrees. */
  readonly lon: number
  readonly lat: number
  readonly lonStep: number
  readonly latStep: number
  readonly sideM: number
  readonly cells: readonly Cell[]
}

const METRES_PER_DEGREE = 111_320
/** Round sides, so that a reader can tell the size of a square. */
const SIDES_M = [100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000]
/** The longer side of the network is cut into at most so many cells. */
export const CELLS_ALONG_MAX = 48

/** Sums what lies in the same square. Null where nothing has a place. */
export function cellsOf(points: readonly PlacedCount[]): CellGrid | null {
  const [first] = points
  if (first === undefined) return null
  let { lon: west, lon: east, lat: south, lat: north } = first
  for (const { lon, lat } of points) {
    west = Math.min(west, lon)
    east = Math.max(east, lon)
    south = Math.min(south, lat)
    north = Math.max(north, lat)
  }
  const perLon = METRES_PER_DEGREE * Math.cos((((south + north) / 2) * Math.PI) / 180)
  const alongM = Math.max((east - west) * perLon, (north - south) * METRES_PER_DEGREE)
  const sideM =
    SIDES_M.find((side) => alongM / side < CELLS_ALONG_MAX) ??
    Math.ceil(alongM / (CELLS_ALONG_MAX - 1))
  const lonStep = sideM / perLon
  const latStep = sideM / METRES_PER_DEGREE
  const cells = new Map<string, Cell>()
  for (const point of points) {
    const column = Math.floor((point.lon - west) / lonStep)
    const row = Math.floor((point.lat - south) / latStep)
    const key = `${column} ${row}`
    const cell = cells.get(key) ?? { column, row, customers: 0, ci: 0, repeated: 0 }
    cells.set(key, cell)
    cell.customers += point.customers
    cell.ci += point.ci
    cell.repeated += point.repeated
  }
  return { lon: west, lat: south, lonStep, latStep, sideM, cells: [...cells.values()] }
}
