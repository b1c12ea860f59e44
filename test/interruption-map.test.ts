import fc from 'fast-check'
import t from 'tap'
import { CELLS_ALONG_MAX, cellsOf } from '../src/reliability/cells.ts'
import { MS_PER_MIN } from '../src/time.ts'
import { until } from './support/broker.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { openGateway, openTestService } from './support/service.ts'

const YEAR = new Date().getUTCFullYear() - 1
const PERIOD = `from=${YEAR}-01-01&to=${YEAR + 1}-01-01`

type Count = { customers: number; ci: number; repeated: number }
type Answer = {
  grid: { sideM: number; cells: (Count & { column: number; row: number })[] } | null
  total: Count
  unplaced: Count
  worst: { loadPoint: string; feeder: string; customers: number; interruptions: number }[]
}

t.test('the map counts sustained interruptions where the customers are', async (t) => {
  const database = await openTestDatabase(t)
  const service = await openTestService(t, database, { tables: TOWN })
  const field = await openGateway(t, service.broker)
  const outage = async (id: string, month: number, forMin: number): Promise<void> => {
    const at = Date.UTC(YEAR, month - 1, 10, 12)
    await field.switch(id, 'open', at)
    await field.switch(id, 'closed', at + forMin * MS_PER_MIN)
  }
  for (const month of [2, 4, 6]) await outage('S1', month, 30)
  await outage('S1', 8, 2)
  await outage('H2', 9, 90)
  await outage('H2', 10, 5)
  const map = (more = '') => service.get<Answer>(`interruption-map?${PERIOD}${more}`, 'planner')

  await until(async () => (await map()).total.ci === 449, 'all of it is on record')
  const all = await map()
  // The nodes lie 715 m apart on a line: n1 in the first square of 100 m, n2 in the eighth, n3 in the fifteenth.
  t.equal(all.grid?.sideM, 100)
  t.same(
    all.grid?.cells.sort((a, b) => a.column - b.column),
    [
      { column: 0, row: 0, customers: 120, ci: 0, repeated: 0 },
      { column: 7, row: 0, customers: 83, ci: 249, repeated: 83 },
      { column: 14, row: 0, customers: 200, ci: 200, repeated: 0 },
    ],
  )
  t.same(all.total, { customers: 403, ci: 449, repeated: 83 })
  t.same(all.unplaced, { customers: 0, ci: 0, repeated: 0 })
  t.same(all.worst, [
    { loadPoint: 'n2', feeder: 'F1', customers: 83, interruptions: 3 },
    { loadPoint: 'n3', feeder: 'F2', customers: 200, interruptions: 1 },
  ])
  const report = await service.get<{
    rows: { ci: number; indices: Record<string, number>; customersServed: number }[]
  }>(`indices?${PERIOD}`)
  const [row] = report.rows
  t.equal(row?.ci, all.total.ci, 'the report counts the same')
  t.equal(row?.indices['CEMI-3'], all.total.repeated / 403)

  t.match(await map('&feeder=F2'), { total: { customers: 200, ci: 200 } })
  t.match(await map('&area=west'), { total: { customers: 203, ci: 249 } })
  t.match(await map('&rulebook=dlt836'), { total: { customers: 403 } })
  t.match(await map('&feeder=nowhere'), { grid: null, total: { customers: 0 }, worst: [] })
})

t.test(
  'squares lose nobody, are no more than promised along a side, and hold what lies in them',
  async (t) => {
    const point = fc.record({
      lon: fc.double({ min: -170, max: 170, noNaN: true }),
      lat: fc.double({ min: -60, max: 60, noNaN: true }),
      customers: fc.nat(1000),
      ci: fc.nat(1000),
      repeated: fc.nat(10),
    })
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 60 }), (points) => {
        const grid = cellsOf(points)
        if (grid === null) return false
        const { cells } = grid
        for (const what of ['customers', 'ci', 'repeated'] as const) {
          const of = (list: readonly Count[]) => list.reduce((sum, each) => sum + each[what], 0)
          if (of(cells) !== of(points)) return false
        }
        for (const { lon, lat } of points) {
          const inside = cells.filter(
            ({ column, row }) =>
              lon >= grid.lon + column * grid.lonStep - 1e-9 &&
              lon <= grid.lon + (column + 1) * grid.lonStep + 1e-9 &&
              lat >= grid.lat + row * grid.latStep - 1e-9 &&
              lat <= grid.lat + (row + 1) * grid.latStep + 1e-9,
          )
          if (inside.length === 0) return false
        }
        return cells.every(
          ({ column, row }) =>
            column >= 0 && row >= 0 && column < CELLS_ALONG_MAX && row < CELLS_ALONG_MAX,
        )
      }),
    )
    t.equal(cellsOf([]), null)
  },
)
