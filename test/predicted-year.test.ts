import t from 'tap'
import { drawFaults, effectOf, failureModes, playFaults } from '../simulators/fault-year.ts'
import { plainGrid } from '../simulators/plain-grid.ts'
import { randomFrom } from '../simulators/random.ts'
import { makeTown } from '../simulators/town.ts'
import { buildNetwork } from '../src/grid/network.ts'
import type { OutageFacts } from '../src/ledger/facts.ts'
import { applyObservations } from '../src/ledger/ledger.ts'
import type { SwitchObservation } from '../src/ledger/observation.ts'
import { openLedger } from '../src/ledger/open.ts'
import { DEFAULT_SETTINGS } from '../src/ledger/state.ts'
import { localDayOf } from '../src/reliability/calendar.ts'
import { indexRow } from '../src/reliability/indices.ts'
import { predict } from '../src/reliability/predict.ts'
import { byStart, emptySums, openReckoning } from '../src/reliability/reckoning.ts'
import { IEEE_1366 } from '../src/reliability/rulebooks.ts'

/**
 * Predicted against recorded, and how far they may be apart. Failures of component j come as a Poisson process of λj a year, and each
 * interrupts nj customers for cj customer-hours. What a year records is then a compound Poisson sum: SAIFI has the mean Σ λj·nj / N and the
 * variance Σ λj·nj² / N², SAIDI Σ λj·cj / N and Σ λj·cj² / N². nj and cj come from playing each failure alone on the simulator's own
 * picture of the network, which shares no code with the product.
 */
const CUSTOMERS = 3000
const SWITCHING_H = 1
const HOURS_A_YEAR = 8760
const YEARS = 20
const FROM = Date.parse('2025-01-01T00:00:00Z')
const TOWN_SEED = 11

const tables = makeTown({ seed: TOWN_SEED, customers: CUSTOMERS, customersPerFeeder: 500 })
const grid = plainGrid(tables)
const modes = failureModes(grid)
const effects = modes.map((mode) => ({ ...mode, ...effectOf(grid, mode, SWITCHING_H) }))
const sum = (of: (effect: (typeof effects)[number]) => number): number =>
  effects.reduce((total, effect) => total + of(effect), 0)
const expected = {
  SAIFI: sum(({ perYear, customers }) => perYear * customers) / CUSTOMERS,
  SAIDI: sum(({ perYear, customerH }) => perYear * customerH) / CUSTOMERS,
}
const sigma = {
  SAIFI: Math.sqrt(sum(({ perYear, customers }) => perYear * customers ** 2)) / CUSTOMERS,
  SAIDI: Math.sqrt(sum(({ perYear, customerH }) => perYear * customerH ** 2)) / CUSTOMERS,
}

/** A year of the town as the service would record it: switches say that they moved, the ledger says who was out, the rulebook counts. */
function recordedYear(seed: string) {
  const faults = drawFaults(modes, randomFrom(seed), { from: FROM, hours: HOURS_A_YEAR })
  const words = playFaults(grid, faults, SWITCHING_H).map(
    ({ at, row, position, reason }, seq): SwitchObservation => ({
      kind: 'switch',
      gateway: 'town',
      point: tables.switches[row]!.id,
      seq,
      at,
      receivedAt: at,
      position,
      phases: tables.switches[row]!.phases,
      reason,
      quality: 'good',
      bySubject: null,
    }),
  )
  const network = buildNetwork(tables)
  const numbers = Int32Array.from(network.loadPointIds, (_, index) => index)
  const ledger = openLedger(network, numbers, { ...DEFAULT_SETTINGS, thinRepeats: true })
  const saved = new Map<string, OutageFacts>()
  for (const word of words)
    for (const { after } of applyObservations(ledger, [word]).outages) saved.set(after.id, after)
  const rows = [...saved.values()].flatMap(({ id, sets }) =>
    sets.map((set) => ({
      ...set,
      outage: id,
      day: localDayOf(set.from, 'UTC'),
      nature: 'unplanned' as const,
      cause: null,
      external: false,
      sourceShortage: false,
    })),
  )
  const reckoning = openReckoning({
    settings: IEEE_1366.settings,
    timeZone: 'UTC',
    now: FROM + 2 * HOURS_A_YEAR * 3_600_000,
    cellOf: () => 'town',
  })
  for (const row of rows.sort(byStart)) reckoning.add(row)
  const sums = reckoning.finish().get('town') ?? emptySums()
  const served = { units: CUSTOMERS, kva: null, averageKw: null, periodHours: HOURS_A_YEAR }
  const { indices } = indexRow(IEEE_1366, 'town', sums, served)
  return {
    faults: faults.length,
    SAIFI: indices['SAIFI'] ?? NaN,
    SAIDI: (indices['SAIDI'] ?? NaN) / 60,
  }
}

t.test('every failure played alone adds up to what is predicted', async (t) => {
  const { rows, notes } = predict(tables, { switchingH: SWITCHING_H })
  const [town] = rows
  t.equal(town?.customersServed, CUSTOMERS)
  t.strictSame(notes, [])
  for (const index of ['SAIFI', 'SAIDI'] as const) {
    const [predicted, played] = [town?.indices[index] ?? NaN, expected[index]]
    // Switching takes the played crew two milliseconds more than an hour.
    t.ok(Math.abs(predicted - played) < 1e-6, `${index}: ${predicted} predicted, ${played} played`)
  }
})

t.test('recorded years are where the statistics of the failure rates put them', async (t) => {
  const years = Array.from({ length: YEARS }, (_, year) => recordedYear(`year ${year}`))
  const predicted = predict(tables, { switchingH: SWITCHING_H }).rows[0]?.indices
  for (const index of ['SAIFI', 'SAIDI'] as const) {
    const error = sigma[index]
    const wanted = predicted?.[index] ?? NaN
    const off = years.map((year) => (year[index] - wanted) / error)
    const mean = off.reduce((total, z) => total + z, 0) / YEARS
    t.comment(
      `${index}: predicted ${wanted.toFixed(4)} ± ${error.toFixed(4)} in a year; first year ${years[0]?.[index].toFixed(4)}; ` +
        `mean of ${YEARS} years off by ${(mean * Math.sqrt(YEARS)).toFixed(2)} of its standard error`,
    )
    for (const [year, z] of off.entries())
      t.ok(
        Math.abs(z) < 5,
        `${index} of year ${year} (seed "year ${year}") is ${z.toFixed(2)} σ off`,
      )
    t.ok(Math.abs(mean) * Math.sqrt(YEARS) < 3.5, `${index}: the mean of all years`)
  }
  t.ok(
    years.every(({ faults }) => faults > 0),
    'something happened in each of them',
  )
})
