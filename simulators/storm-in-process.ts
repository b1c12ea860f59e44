import { buildNetwork } from '../src/grid/network.ts'
import { exportLedger } from '../src/ledger/export.ts'
import type { OutageFacts } from '../src/ledger/facts.ts'
import { customerMs } from '../src/ledger/facts.ts'
import { applyObservations, missingFor, refill } from '../src/ledger/ledger.ts'
import type { Observation, SwitchObservation } from '../src/ledger/observation.ts'
import { openLedger } from '../src/ledger/open.ts'
import { DEFAULT_SETTINGS, type Ledger } from '../src/ledger/state.ts'
import { MS_PER_MIN } from '../src/time.ts'
import type { Random } from './random.ts'
import { randomFrom } from './random.ts'
import { makeStorm, type Storm } from './storm.ts'
import { expectedOutages } from './storm-outages.ts'
import type { Interval } from './storm-truth.ts'
import { makeTown } from './town.ts'

/** How the words of a storm come in. */
export const ORDERS = ['arrival', 'one by one', 'shuffled', 'doubled', 'backwards'] as const
export type Order = (typeof ORDERS)[number]

export type Ride = {
  /** What the ledger says otherwise than the truth, as a person can read it; empty when they agree. */
  readonly differences: readonly string[]
  readonly exported: string
  readonly observations: number
  readonly corrections: number
  readonly outages: number
}

const DUSK = Date.parse('2026-11-23T16:00:00Z')

/** A small town and a night over it, both of the seed. */
export function smallStorm(seed: number): Storm {
  const random = randomFrom(`town of storm ${seed}`)
  const tables = makeTown({
    seed,
    customers: random.int(60, 1500),
    customersPerFeeder: random.int(40, 500),
  })
  return makeStorm({ tables, seed, from: DUSK, hours: random.int(2, 20) })
}

/** More than these differences say nothing more. */
const DIFFERENCES_MAX = 20

/** Feeds a storm to the ledger itself, on simulated time, and holds what it believes in the end against the truth. */
export function rideStorm(storm: Storm, order: Order): Ride {
  const network = buildNetwork(storm.grid.tables)
  const numbers = Int32Array.from(network.loadPointIds, (_, index) => index)
  const thinRepeats = order !== 'arrival'
  const ledger = openLedger(network, numbers, { ...DEFAULT_SETTINGS, thinRepeats })
  const saved = new Map<string, OutageFacts>()
  const differences: string[] = []
  const record = new Map<string, SwitchObservation[]>()
  let observations = 0
  let corrections = 0
  for (const batch of batches(storm, order)) {
    giveBack(ledger, record, batch)
    for (const said of batch) {
      observations++
      if (said.kind === 'meter') continue
      const known = record.get(said.point)
      if (known === undefined) record.set(said.point, [said])
      else known.push(said)
    }
    for (const change of applyObservations(ledger, batch).outages) {
      const { before, after } = change
      if ((saved.get(after.id) ?? null) !== before) {
        differences.push(`outage ${after.id}: changed from what was never saved`)
      }
      saved.set(after.id, after)
      if (change.corrected) corrections++
    }
  }
  compareDarkness(storm, ledger, differences)
  const facts = [...saved.values()].filter((one) => one.sets.length > 0)
  compareOutages(storm, facts, differences)
  return {
    differences: differences.slice(0, DIFFERENCES_MAX),
    exported: exportLedger(ledger),
    observations,
    corrections,
    outages: facts.length,
  }
}

/** What was let go from memory, as the store would give it back. */
function giveBack(
  ledger: Ledger,
  record: ReadonlyMap<string, readonly SwitchObservation[]>,
  batch: readonly Observation[],
): void {
  for (const missing of missingFor(ledger, batch)) {
    if (missing.what === 'horizon') throw new Error('nothing is older than the beginning')
    const words = (record.get(missing.switch) ?? []).filter(
      (said) => said.quality !== 'bad' && said.at > missing.after && said.at < missing.before,
    )
    refill(ledger, missing, words)
  }
}

function batches(storm: Storm, order: Order): Observation[][] {
  const random = randomFrom(`${storm.deliveries.length}/${order}`)
  const words = [...storm.deliveries]
  switch (order) {
    case 'arrival':
      return cut(words, random, 40)
    case 'one by one':
      return cut(words, random, 1)
    case 'shuffled':
      return cut(random.shuffle(words), random, 25)
    case 'doubled':
      return cut(random.shuffle([...words, ...words]), random, 200)
    case 'backwards':
      return cut(words.reverse(), random, 8)
  }
}

function cut(words: readonly Observation[], random: Random, most: number): Observation[][] {
  const cuts: Observation[][] = []
  for (let from = 0; from < words.length;) {
    const size = random.int(1, most)
    cuts.push(words.slice(from, from + size))
    from += size
  }
  return cuts
}

function compareDarkness(storm: Storm, ledger: Ledger, differences: string[]): void {
  const { network, record } = ledger
  for (const { id, node, phases, dark } of storm.truth.loadPoints) {
    for (let phase = 0; phase < 3; phase++) {
      if ((phases & (1 << phase)) === 0) continue
      const section = network.nodeSection[node * 3 + phase]!
      const believed = record.darks.get(section) ?? []
      note(differences, `load point ${id} phase ${'ABC'[phase]}`, dark[phase]!, believed)
    }
  }
  storm.truth.points.forEach((dark, row) => {
    const group = network.servicePointGroup[row]!
    const believed = record.spells.get(group) ?? []
    note(differences, `service point ${storm.grid.tables.servicePoints[row]!.id}`, dark, believed)
  })
}

function note(
  differences: string[],
  what: string,
  truth: readonly Interval[],
  believed: readonly Interval[],
): void {
  const text = (intervals: readonly Interval[]) =>
    intervals.map(({ from, until }) => `[${from}, ${until ?? 'open'})`).join(' ')
  const wanted = text(truth)
  const got = text(believed)
  if (got !== wanted) {
    differences.push(`${what}: truth ${wanted || 'never dark'}, ledger ${got || 'never dark'}`)
  }
}

function compareOutages(storm: Storm, facts: readonly OutageFacts[], differences: string[]): void {
  const { truth, until } = storm
  const believedMs = facts.reduce((sum, one) => sum + customerMs(one, until), 0)
  const trueMs = truth.customerMs(until)
  if (believedMs !== trueMs) differences.push(`customer-ms: truth ${trueMs}, ledger ${believedMs}`)
  let interruptions = 0
  for (const one of facts) for (const set of one.sets) interruptions += set.customers
  if (interruptions !== truth.customerInterruptions) {
    differences.push(
      `customer interruptions: truth ${truth.customerInterruptions}, ledger ${interruptions}`,
    )
  }
  const expected = expectedOutages(storm)
  if (expected === undefined) return
  const believed = facts
    .filter((one) => one.customersInterrupted > 0)
    .map((one) => ({
      device: one.device,
      startedAt: one.startedAt,
      restoredAt: one.restoredAt,
      customersOut: one.customersOut,
      customersInterrupted: one.customersInterrupted,
      closedCustomerMs: one.closedCustomerMs,
      steps: one.steps.map((step) => `${step.at}: ${step.customersRestored}`),
    }))
  const wanted = new Set(expected.map((one) => JSON.stringify(one)))
  const got = new Set(believed.map((one) => JSON.stringify(one)))
  for (const one of wanted) if (!got.has(one)) differences.push(`outage missing: ${one}`)
  for (const one of got) if (!wanted.has(one)) differences.push(`outage that was none: ${one}`)
}

export type RideOptions = {
  readonly first: number
  readonly seeds: number
  readonly signal: AbortSignal
  readonly out: (line: string) => void
  readonly err: (line: string) => void
}

const PROGRESS_EVERY = 100

/** Storm after storm in every order; 0 when the ledger was right in all of them, 1 when not. Ends early when `signal` aborts. */
export async function rideStorms(options: RideOptions): Promise<number> {
  const { first, seeds, signal, out, err } = options
  const sums = { observations: 0, corrections: 0, outages: 0, interruptions: 0, customerMin: 0 }
  const wrong: number[] = []
  let ridden = 0
  for (let seed = first; seed < first + seeds && !signal.aborted; seed++) {
    const storm = smallStorm(seed)
    sums.interruptions += storm.truth.customerInterruptions
    sums.customerMin += storm.truth.customerMs(storm.until) / MS_PER_MIN
    const said = new Set<string>()
    let exported: string | undefined
    for (const order of ORDERS) {
      const ride = rideStorm(storm, order)
      exported ??= ride.exported
      for (const difference of ride.differences) said.add(`${order}: ${difference}`)
      if (exported !== ride.exported) said.add(`${order}: the export differs from that of arrival`)
      sums.observations += ride.observations
      sums.corrections += ride.corrections
      sums.outages += ride.outages
    }
    if (said.size > 0) {
      wrong.push(seed)
      out(`seed ${seed} is wrong:`)
      for (const line of said) out(`  ${line}`)
    }
    if (++ridden % PROGRESS_EVERY === 0) {
      err(`${ridden} storms, ${wrong.length} wrong`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  out(
    `storms ${ridden} (seeds ${first} to ${first + ridden - 1}), orders of arrival ${ORDERS.length}`,
  )
  out(`observations ${sums.observations}, corrections ${sums.corrections}, outages ${sums.outages}`)
  out(
    `true interruptions of customers ${sums.interruptions}, customer-minutes ${Math.round(sums.customerMin)}`,
  )
  out(wrong.length === 0 ? 'every one agrees with the truth' : `wrong: seeds ${wrong.join(', ')}`)
  return wrong.length === 0 ? 0 : 1
}
