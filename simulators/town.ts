import type { NetworkTables } from '../src/grid/tables.ts'
import type { Random } from './random.ts'
import { randomFrom } from './random.ts'
import type { FeederPlan, Town } from './town-drawing.ts'
import { STRIP_WIDTH_M } from './town-drawing.ts'
import type { Trunk } from './town-feeder.ts'
import { buildFeeder } from './town-feeder.ts'
import { AREAS, QUARTERS, STREETS } from './town-names.ts'

export type TownOptions = {
  readonly seed: number | string
  /** Exactly this many customers, at least one. */
  readonly customers: number
  /** How many customers a feeder has on average. */
  readonly customersPerFeeder?: number
}

const CUSTOMERS_PER_FEEDER = 1000
const FEEDERS_PER_SUBSTATION_MAX = 8
const FEEDERS_PER_TRANSFORMER_MAX = 4
/** Below this many customers the town is one feeder, and has no ties. */
const CUSTOMERS_FOR_TWO_FEEDERS = 20

/** Larkfield is invented; what stands there really is farmland. */
const TOWN_LON = -93.41
const TOWN_LAT = 42.05
const M_PER_DEGREE_LAT = 111_320
const QUARTER_HEIGHT_M = 7200

const HIGH_KV = 69
const MEDIUM_KV = 12.47
const ABC = 7

/**
 * An invented town of any size, the same for the same options: substations with their own supply from the grid, feeders along
 * streets with reclosers, load-break switches and fused laterals, and normally-open ties to the neighbours. Radial, everyone fed,
 * every id unique over all tables.
 */
export function makeTown(options: TownOptions): NetworkTables {
  const { customers } = options
  if (!Number.isSafeInteger(customers) || customers < 1) {
    throw new Error(`a town needs at least one customer, not ${customers}`)
  }
  const perFeeder = options.customersPerFeeder ?? CUSTOMERS_PER_FEEDER
  const random = randomFrom(options.seed)
  const town = emptyTown()

  const feederCount =
    customers < CUSTOMERS_FOR_TWO_FEEDERS ? 1 : Math.max(2, Math.round(customers / perFeeder))
  const substationCount =
    feederCount === 1 ? 1 : Math.max(2, Math.ceil(feederCount / FEEDERS_PER_SUBSTATION_MAX))
  const perSubstation = share(feederCount, substationCount)
  const columns = Math.ceil(Math.sqrt(substationCount))
  const customersOf = shareUnevenly(random, customers, feederCount)

  const quarters: Quarter[] = []
  let built = 0
  for (let index = 0; index < substationCount; index++) {
    const quarter = planQuarter(index, columns, perSubstation[index]!)
    buildSubstation(town, random.fork(quarter.code), quarter)
    for (let number = 1; number <= quarter.feederCount; number++) {
      const plan = planFeeder(quarter, number, customersOf[built++]!)
      const trunk = buildFeeder(town, random.fork(plan.id), plan)
      quarter.trunks.push(trunk)
    }
    quarters.push(quarter)
  }
  buildTies(town, quarters, columns)
  return town.drawing
}

type Quarter = {
  readonly code: string
  readonly name: string
  readonly area: string
  readonly feederCount: number
  readonly xM: number
  readonly yM: number
  readonly row: number
  readonly column: number
  readonly trunks: Trunk[]
}

function emptyTown(): Town {
  const lonPerM = 1 / (M_PER_DEGREE_LAT * Math.cos((TOWN_LAT * Math.PI) / 180))
  const round = (degrees: number) => Math.round(degrees * 1e6) / 1e6
  return {
    drawing: {
      sources: [],
      substations: [],
      feeders: [],
      nodes: [],
      switches: [],
      lines: [],
      transformers: [],
      servicePoints: [],
    },
    nextRecloser: 1,
    lonLat: (xM, yM) => ({
      lon: round(TOWN_LON + xM * lonPerM),
      lat: round(TOWN_LAT + yM / M_PER_DEGREE_LAT),
    }),
  }
}

function planQuarter(index: number, columns: number, feederCount: number): Quarter {
  const [letter, plainName] = QUARTERS[index % QUARTERS.length]!
  const round = Math.floor(index / QUARTERS.length)
  const row = Math.floor(index / columns)
  const column = index % columns
  const width = STRIP_WIDTH_M * (FEEDERS_PER_SUBSTATION_MAX / 2 + 0.5)
  return {
    code: round === 0 ? letter : `${letter}${round + 1}`,
    name: round === 0 ? plainName : `${plainName} ${round + 1}`,
    area: AREAS[(row * 2 + (column % 2)) % AREAS.length]!,
    feederCount,
    xM: column * width,
    yM: row * QUARTER_HEIGHT_M,
    row,
    column,
    trunks: [],
  }
}

/** Odd feeders run north, even ones south, each in a strip of streets of its own. */
function planFeeder(quarter: Quarter, number: number, customers: number): FeederPlan {
  const strip = Math.floor((number - 1) / 2)
  const strips = Math.ceil(quarter.feederCount / 2)
  const label = `${quarter.code}${String(number).padStart(2, '0')}`
  const bus = number <= FEEDERS_PER_TRANSFORMER_MAX ? 1 : 2
  const street = STREETS[(number * 7 + quarter.column * 3 + quarter.row * 5) % STREETS.length]!
  return {
    id: `${quarter.code}-${label.slice(-2)}`,
    label,
    name: `${quarter.name} ${number} ${street}`,
    street,
    substation: `SUB-${quarter.code}`,
    busNode: `${quarter.code}-BUS${bus}`,
    customers,
    startXM: quarter.xM,
    startYM: quarter.yM,
    stripXM: quarter.xM + (strip - (strips - 1) / 2) * STRIP_WIDTH_M,
    directionY: number % 2 === 1 ? 1 : -1,
    kv: MEDIUM_KV,
  }
}

function buildSubstation(town: Town, random: Random, quarter: Quarter): void {
  const { drawing } = town
  const { code, name } = quarter
  const at = town.lonLat(quarter.xM, quarter.yM)
  const buses = quarter.feederCount > FEEDERS_PER_TRANSFORMER_MAX ? 2 : 1
  drawing.substations.push({ id: `SUB-${code}`, name, area: quarter.area, ...at })
  drawing.nodes.push({ id: `${code}-GRID`, kv: HIGH_KV, ...at })
  drawing.sources.push({
    id: `GRID-${code}`,
    node: `${code}-GRID`,
    phases: ABC,
    ratedKva: buses * 40_000,
  })
  for (let bus = 1; bus <= buses; bus++) {
    drawing.nodes.push({ id: `${code}-T${bus}-HV`, kv: HIGH_KV, ...at })
    drawing.nodes.push({ id: `${code}-BUS${bus}`, kv: MEDIUM_KV, ...at })
    drawing.switches.push({
      id: `CB-${code}-T${bus}`,
      from: `${code}-GRID`,
      to: `${code}-T${bus}-HV`,
      kind: 'breaker',
      phases: ABC,
      normallyClosed: true,
      ratedA: 600,
      telemetered: true,
      name: `${name} transformer ${bus}, ${HIGH_KV} kV`,
    })
    drawing.transformers.push({
      id: `TR-${code}-${bus}`,
      from: `${code}-T${bus}-HV`,
      to: `${code}-BUS${bus}`,
      phases: ABC,
      kind: 'power',
      ratedKva: random.pick([16_000, 20_000, 25_000]),
      name: `${name} transformer ${bus}`,
      failuresPerYear: 0.02,
      repairH: 24,
    })
  }
  if (buses === 2) {
    drawing.switches.push({
      id: `CB-${code}-BUS`,
      from: `${code}-BUS1`,
      to: `${code}-BUS2`,
      kind: 'breaker',
      phases: ABC,
      normallyClosed: false,
      ratedA: 1200,
      telemetered: true,
      name: `${name} bus coupler`,
    })
  }
}

/** Neighbouring strips meet halfway and at their ends; the last poles of a quarter meet the next quarter's. */
function buildTies(town: Town, quarters: readonly Quarter[], columns: number): void {
  const at = (row: number, column: number) =>
    column < columns ? quarters.find((q) => q.row === row && q.column === column) : undefined
  const tied = new Set<string>()
  const tie = (a: Trunk | undefined, b: Trunk | undefined, from: 'middle' | 'end') => {
    if (a === undefined || b === undefined || a === b) return
    const id = `TIE-${a.label}-${b.label}`
    if (tied.has(id)) return
    tied.add(id)
    tieTrunks(town, a, b, id, from)
  }

  for (const quarter of quarters) {
    const { trunks, row, column } = quarter
    for (let strip = 0; strip < trunks.length; strip++) {
      tie(trunks[strip], trunks[strip + 2], strip % 3 === 0 ? 'middle' : 'end')
    }
    const east = at(row, column + 1)
    // A single feeder to a quarter has no neighbour in it: its ties are those to the next one.
    tie(northbound(trunks).at(-1), east && northbound(east.trunks)[0], 'end')
    tie(southbound(trunks).at(-1), east && southbound(east.trunks)[0], 'middle')
    const north = at(row + 1, column)
    const below = northbound(trunks)
    const above = north === undefined ? [] : southbound(north.trunks)
    for (let strip = 0; strip < Math.max(below.length, above.length); strip++) {
      tie(below[Math.min(strip, below.length - 1)], above[Math.min(strip, above.length - 1)], 'end')
    }
    if (trunks.length > 1 && below.length === 1) tie(trunks[0], trunks[1], 'end')
  }
}

const northbound = (trunks: readonly Trunk[]) => trunks.filter((_, index) => index % 2 === 0)
const southbound = (trunks: readonly Trunk[]) => trunks.filter((_, index) => index % 2 === 1)

function tieTrunks(town: Town, a: Trunk, b: Trunk, id: string, where: 'middle' | 'end'): void {
  const spot = (trunk: Trunk) =>
    where === 'end'
      ? trunk.spots[trunk.spots.length - 1]!
      : trunk.spots[Math.floor((trunk.spots.length - 1) / 2)]!
  const from = spot(a)
  const to = spot(b)
  const node = `${id}-A`
  town.drawing.nodes.push({
    id: node,
    kv: MEDIUM_KV,
    ...town.lonLat((from.xM + to.xM) / 2, (from.yM + to.yM) / 2),
  })
  town.drawing.lines.push({
    id: `L-${id}`,
    from: from.node,
    to: node,
    phases: ABC,
    lengthM: Math.max(40, Math.round(Math.hypot(to.xM - from.xM, to.yM - from.yM))),
    ratedA: 400,
    overhead: true,
    failuresPerKmYear: 0.1,
    repairH: 3,
  })
  town.drawing.switches.push({
    id,
    from: node,
    to: to.node,
    kind: 'load_break',
    phases: ABC,
    normallyClosed: false,
    ratedA: 400,
    telemetered: true,
    name: `Tie ${a.id} to ${b.id}`,
  })
}

/** `total` in `parts` whole shares that differ by at most one. */
function share(total: number, parts: number): number[] {
  return Array.from(
    { length: parts },
    (_, i) => Math.floor(((i + 1) * total) / parts) - Math.floor((i * total) / parts),
  )
}

/** `total` in `parts` whole shares of at least one, uneven as feeders are. */
function shareUnevenly(random: Random, total: number, parts: number): number[] {
  const weights = Array.from({ length: parts }, () => random.between(0.7, 1.3))
  const sum = weights.reduce((a, b) => a + b, 0)
  const spare = total - parts
  let given = 0
  let weightSoFar = 0
  return weights.map((weight) => {
    weightSoFar += weight
    const upTo = Math.round((weightSoFar / sum) * spare)
    const mine = 1 + upTo - given
    given = upTo
    return mine
  })
}
