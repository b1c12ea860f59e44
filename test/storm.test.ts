import t from 'tap'
import { ORDERS, rideStorm, smallStorm } from '../simulators/storm-in-process.ts'
import { expectedOutages } from '../simulators/storm-outages.ts'

/** `npm run storm -- --in-process --seeds 10000` is the long run. */
const SEEDS = Number(process.env['STORM_SEEDS'] ?? 100)
const FROM = Number(process.env['STORM_FROM'] ?? 1)

void t.test('whatever the order of messages, the ledger says who was dark when', async (t) => {
  let judgedOutages = 0
  let interruptions = 0
  let corrections = 0
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    const storm = smallStorm(seed)
    if (expectedOutages(storm) !== undefined) judgedOutages++
    interruptions += storm.truth.customerInterruptions
    const rides = ORDERS.map((order) => ({ order, ...rideStorm(storm, order) }))
    for (const { order, differences, exported, ...ride } of rides) {
      corrections += ride.corrections
      if (differences.length > 0) t.fail(`seed ${seed}, ${order}: ${differences.join('\n')}`)
      if (exported !== rides[0]!.exported) t.fail(`seed ${seed}, ${order}: the export differs`)
    }
  }
  t.pass(`${SEEDS} storms from seed ${FROM}, each in ${ORDERS.length} orders`)
  t.ok(interruptions > 100 * SEEDS, `${interruptions} interruptions of customers`)
  t.ok(corrections > SEEDS, `${corrections} corrections`)
  t.ok(judgedOutages > SEEDS / 4, `in ${judgedOutages} storms every outage was judged too`)
})

void t.test('storms are what they are meant to be', async (t) => {
  let single = 0
  let open = 0
  let momentary = 0
  let nested = 0
  let late = 0
  let together = 0
  let clamped = 0
  for (let seed = 1; seed <= 30; seed++) {
    const { moves, grid, truth, deliveries } = smallStorm(seed)
    const instants = new Set(moves.map((move) => move.at))
    together += moves.length - instants.size
    for (const move of moves) {
      if (move.phases !== grid.tables.switches[move.row]!.phases) single++
    }
    for (const { dark } of truth.loadPoints) {
      for (const { from, until } of dark.flat()) {
        if (until === null) open++
        else if (until - from <= 300_000) momentary++
      }
    }
    for (const intervals of truth.points) if (intervals.length > 3) nested++
    for (const said of deliveries) {
      if (said.at - said.receivedAt > 60_000) clamped++
      if (said.receivedAt - said.at > 3_600_000) late++
    }
    const placed = new Set(moves.map(({ row, at }) => `${row}@${at}`))
    t.equal(placed.size, moves.length, `no switch moves twice in one instant (seed ${seed})`)
    const told = new Set(deliveries.map((said) => `${said.point}@${said.at}`))
    const lost = moves.filter((m) => !told.has(`${grid.tables.switches[m.row]!.id}@${m.at}`))
    t.strictSame(lost, [], 'every move arrives')
  }
  t.equal(clamped, 0, 'no clock is so far ahead that its word is clamped')
  for (const [what, count] of Object.entries({ single, open, momentary, nested, late, together })) {
    t.ok(count > 5, `${what}: ${count}`)
  }
})

void t.test('a storm is a function of its seed', async (t) => {
  const text = (seed: number) => JSON.stringify(smallStorm(seed).deliveries)
  t.equal(text(4), text(4))
  t.not(text(4), text(5))
})
