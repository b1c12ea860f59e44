import { Type } from 'typebox'
import { at, NONE } from '../grid/network.ts'
import { loadPointOf } from '../ledger/facts.ts'
import { cellsOf } from '../reliability/cells.ts'
import { majorDaysLeftOut, majorDaysOfPeriod } from '../stores/major-days.ts'
import { ensureServed, readServedBook } from '../stores/reliability.ts'
import { reckon, type ReportQuestion } from '../stores/report-question.ts'
import { readLoadPointNumbers } from '../stores/standing-read.ts'
import type { NetworkView } from './network-in-force.ts'
import { inForce } from './network.ts'
import type { App, HttpParts } from './parts.ts'
import { ReportQuery, reportQuestion } from './report-query.ts'
import { described } from './schemas.ts'

const tags = ['planner']
/** CEMI-3: as often as this is often. */
const REPEATED_FROM = 3
export const WORST_TOLD = 100
/** Restoration steps inside one load point have keys this far apart (reckoning.ts). */
const SIBLING_STEP = 2 ** 43

const Count = Type.Object({
  customers: Type.Number(),
  ci: Type.Number({ description: 'customers × sustained interruptions' }),
  repeated: Type.Number({ description: `customers with ${REPEATED_FROM} or more` }),
})
const Answer = Type.Object({
  from: Type.String(),
  to: Type.String(),
  rulebook: Type.String(),
  exclude: Type.Array(Type.String()),
  grid: Type.Union([
    Type.Null(),
    Type.Object({
      lon: Type.Number({ description: 'the south-western corner' }),
      lat: Type.Number(),
      lonStep: Type.Number(),
      latStep: Type.Number(),
      sideM: Type.Number(),
      cells: Type.Array(Type.Interface([Count], { column: Type.Integer(), row: Type.Integer() })),
    }),
  ]),
  total: Count,
  unplaced: Type.Interface([Count], {}, { description: 'of load points without a place' }),
  places: Type.Array(Type.Object({ name: Type.String(), lon: Type.Number(), lat: Type.Number() }), {
    description: 'substations, to find one’s way',
  }),
  worst: Type.Array(
    Type.Object({
      loadPoint: Type.String(),
      feeder: Type.Union([Type.String(), Type.Null()]),
      customers: Type.Number(),
      interruptions: Type.Number({
        description: 'sustained, a customer; the mean of its customers',
      }),
    }),
    { description: `load points with most interruptions a customer, at most ${WORST_TOLD}` },
  ),
})

/** Where customers are interrupted how often: squares of the map for a picture, load points for a list. */
export async function interruptionMapRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings

  app.get(
    '/api/v1/interruption-map',
    {
      schema: {
        tags,
        summary:
          'Sustained interruptions a customer in a period, by squares of the map; customers are counted in every rulebook',
        querystring: Type.Omit(ReportQuery, ['by']),
        response: { 200: described(Answer) },
      },
    },
    async ({ query }) => {
      const view = await inForce(parts)
      const asked = reportQuestion(query, clock(), timeZone)
      const { rulebook } = asked
      const question: ReportQuestion = {
        ...asked,
        rulebook: { ...rulebook, settings: { ...rulebook.settings, unit: 'customer' } },
      }
      await ensureServed(db)
      const book = await readServedBook(db, timeZone)
      const majorDays = await majorDaysOfPeriod(db, question, book)
      const { cells } = await reckon(db, question, majorDaysLeftOut(majorDays))
      const numbers = await readLoadPointNumbers(db)
      const points = servedPoints(view, numbers, question)
      for (const [key, tally] of cells.get('')?.tallies ?? []) {
        const point = points.get(loadPointOf(key % SIBLING_STEP))
        if (point === undefined) continue
        point.ci += tally.units * tally.long
        if (tally.long >= REPEATED_FROM) point.repeated += tally.units
      }
      const all = [...points.values()]
      const placed = all.flatMap(({ lon, lat, ...count }) =>
        lon === null || lat === null ? [] : { ...count, lon, lat },
      )
      return {
        from: question.from,
        to: question.to,
        rulebook: rulebook.id,
        exclude: question.exclude,
        grid: cellsOf(placed),
        total: sumOf(all),
        unplaced: sumOf(all.filter(({ lon, lat }) => lon === null || lat === null)),
        places: view.tables.substations.flatMap(({ name, lon, lat }) =>
          lon === null || lat === null ? [] : { name, lon, lat },
        ),
        worst: all
          .filter(({ ci, customers }) => ci > 0 && customers > 0)
          .sort((a, b) => b.ci / b.customers - a.ci / a.customers || b.customers - a.customers)
          .slice(0, WORST_TOLD)
          .map(({ loadPoint, feeder, customers, ci }) => ({
            loadPoint,
            feeder,
            customers,
            interruptions: ci / customers,
          })),
      }
    },
  )
}

type Point = {
  readonly loadPoint: string
  readonly feeder: string | null
  readonly lon: number | null
  readonly lat: number | null
  customers: number
  ci: number
  repeated: number
}

/** The load points of the network in force that the question is about, by their lasting number. */
function servedPoints(
  { network, tables }: NetworkView,
  numbers: ReadonlyMap<string, number>,
  { within }: ReportQuestion,
): Map<number, Point> {
  const points = new Map<number, Point>()
  const numberOf: (number | undefined)[] = network.loadPointIds.map((id, index) => {
    const feederIndex = at(network.loadPointFeeder, index)
    const feeder = feederIndex === NONE ? undefined : network.feeders[feederIndex]
    const stationIndex = feederIndex === NONE ? NONE : at(network.feederSubstation, feederIndex)
    const station = stationIndex === NONE ? undefined : network.substations[stationIndex]
    const number = numbers.get(id)
    if (number === undefined) return undefined
    if (within?.feeder !== undefined && within.feeder !== feeder?.id) return undefined
    if (within?.substation !== undefined && within.substation !== station?.id) return undefined
    if (within?.area !== undefined && within.area !== station?.area) return undefined
    const node = tables.nodes[at(network.loadPointNode, index)]
    points.set(number, {
      loadPoint: id,
      feeder: feeder?.id ?? null,
      lon: node?.lon ?? null,
      lat: node?.lat ?? null,
      customers: 0,
      ci: 0,
      repeated: 0,
    })
    return number
  })
  network.groupLoadPoint.forEach((index, group) => {
    const point = points.get(numberOf[index] ?? -1)
    if (point !== undefined) point.customers += at(network.groupCustomers, group)
  })
  return points
}

const sumOf = (points: readonly Pick<Point, 'customers' | 'ci' | 'repeated'>[]) => ({
  customers: points.reduce((sum, { customers }) => sum + customers, 0),
  ci: points.reduce((sum, { ci }) => sum + ci, 0),
  repeated: points.reduce((sum, { repeated }) => sum + repeated, 0),
})
