import t from 'tap'
import { buildNetwork } from '../src/grid/network.ts'
import type { NetworkTables } from '../src/grid/tables.ts'
import { exportLedger } from '../src/ledger/export.ts'
import type { OutageFacts } from '../src/ledger/facts.ts'
import { applyObservations } from '../src/ledger/ledger.ts'
import type { SwitchObservation } from '../src/ledger/observation.ts'
import { openLedger } from '../src/ledger/open.ts'
import { closedNow } from '../src/ledger/positions.ts'
import { reviseLedger } from '../src/ledger/revise.ts'
import { DEFAULT_SETTINGS, type Ledger } from '../src/ledger/state.ts'
import { MS_PER_S } from '../src/time.ts'
import { ledgerOf, outagesOf, said, T0, TWO_FEEDERS } from './support/drawn-ledger.ts'

const A = 1
const ABC = 7

/** The words in every order of arrival (or a hundred of them) give this; the tables below have two to five words each. */
function inAnyOrder(words: readonly SwitchObservation[]): Set<string> {
  const exports = new Set<string>()
  const permute = (taken: SwitchObservation[], left: readonly SwitchObservation[]): void => {
    if (left.length === 0) {
      const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
      for (const word of taken) applyObservations(ledger, [word])
      exports.add(exportLedger(ledger))
    }
    left.forEach((word, i) => permute([...taken, word], left.toSpliced(i, 1)))
  }
  permute([], words)
  return exports
}

function facts(words: readonly SwitchObservation[]): OutageFacts[] {
  const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
  applyObservations(ledger, words)
  return outagesOf(ledger).filter(({ sets }) => sets.length > 0)
}

type Rule = {
  readonly rule: string
  readonly words: readonly SwitchObservation[]
  /** device, start and end in seconds after T0 (null: still out), customers, and whether the start is uncertain. */
  readonly outages: readonly [string, number, number | null, number, 'certain' | 'uncertain'][]
}

const clamped = { at: T0 + 61_000, receivedAt: T0 + 999 }
const RULES: readonly Rule[] = [
  {
    rule: 'the first word about a switch, when it is open, begins its outage, and the start is uncertain',
    words: [said('S1', 'open', 10)],
    outages: [['S1', 10, null, 80, 'uncertain']],
  },
  {
    rule: 'that word being a trip makes it no more certain',
    words: [said('S1', 'open', 10, { reason: 'trip' })],
    outages: [['S1', 10, null, 80, 'uncertain']],
  },
  {
    rule: 'a switch that was heard in its normal position before opens for certain',
    words: [said('S1', 'closed', 0), said('S1', 'open', 10)],
    outages: [['S1', 10, null, 80, 'certain']],
  },
  {
    rule: 'a heartbeat that repeats the known position is no transition',
    words: [said('S1', 'closed', 0), said('S1', 'open', 10), said('S1', 'open', 400)],
    outages: [['S1', 10, null, 80, 'certain']],
  },
  {
    rule: 'a normally open switch that says it is open interrupts nobody',
    words: [said('TIE', 'open', 10)],
    outages: [],
  },
  {
    rule: 'a clock ahead by the tolerance exactly is believed',
    words: [said('S1', 'closed', 0), said('S1', 'open', 70, { receivedAt: T0 + 10_000 })],
    outages: [['S1', 70, null, 80, 'certain']],
  },
  {
    rule: 'a clock ahead by a millisecond more counts when it was heard',
    words: [said('S1', 'closed', 0), said('S1', 'open', 61, clamped)],
    outages: [['S1', 0.999, null, 80, 'certain']],
  },
  {
    rule: 'a clock behind is believed: it makes a late word, not a wrong one',
    words: [
      said('S1', 'closed', 0),
      said('S1', 'open', 10, { receivedAt: T0 + 7_200_000 }),
      said('S1', 'closed', 20),
    ],
    outages: [['S1', 10, 20, 80, 'certain']],
  },
  {
    rule: 'the same word twice is one',
    words: [said('S1', 'closed', 0), ...twice(said('S1', 'open', 10))],
    outages: [['S1', 10, null, 80, 'certain']],
  },
  {
    rule: 'of one identity with two contents both are kept, and open holds, whichever came first',
    words: [
      said('S1', 'closed', 0, { seq: 1 }),
      said('S1', 'open', 10, { seq: 2 }),
      said('S1', 'closed', 10, { seq: 2 }),
    ],
    outages: [['S1', 10, null, 80, 'certain']],
  },
  {
    rule: 'at one instant a telemetered word outranks a person, whatever was heard first',
    words: [
      said('S1', 'closed', 0),
      said('S1', 'open', 10, { kind: 'manual', gateway: 'dispatch' }),
      said('S1', 'closed', 10, { gateway: 'scada' }),
    ],
    outages: [],
  },
  {
    rule: 'a person who speaks of a later instant is believed from there on',
    words: [
      said('S1', 'closed', 0),
      said('S1', 'open', 11, { kind: 'manual', gateway: 'dispatch' }),
      said('S1', 'closed', 10, { gateway: 'scada' }),
    ],
    outages: [['S1', 11, null, 80, 'certain']],
  },
  {
    rule: 'a word of bad quality turns nothing',
    words: [said('S1', 'closed', 0), said('S1', 'open', 10, { quality: 'bad' })],
    outages: [],
  },
  {
    rule: 'nor is it the first word about its switch',
    words: [said('S1', 'closed', 0, { quality: 'bad' }), said('S1', 'open', 10)],
    outages: [['S1', 10, null, 80, 'uncertain']],
  },
  {
    rule: 'an uncertain word is a word',
    words: [said('S1', 'closed', 0), said('S1', 'open', 10, { quality: 'uncertain' })],
    outages: [['S1', 10, null, 80, 'certain']],
  },
  {
    rule: 'phases lost one after another are one interruption of whoever uses them all, until the last is back',
    words: [
      said('S1', 'closed', 0),
      said('S1', 'open', 10, { phases: A }),
      said('S1', 'open', 20, { phases: ABC & ~A }),
      said('S1', 'closed', 30, { phases: ABC & ~A }),
      said('S1', 'closed', 40, { phases: A }),
    ],
    outages: [['S1', 10, 40, 80, 'certain']],
  },
  {
    rule: 'who is inside two outages belongs to the one that began it, until supply returns',
    words: [
      said('S1', 'closed', 0),
      said('B1', 'closed', 0),
      said('S1', 'open', 10),
      said('B1', 'open', 400),
      said('S1', 'closed', 500),
      said('B1', 'closed', 600),
    ],
    outages: [
      ['S1', 10, 600, 80, 'certain'],
      ['B1', 400, 600, 120, 'certain'],
    ],
  },
]

function twice(word: SwitchObservation): SwitchObservation[] {
  return [word, { ...word, receivedAt: word.receivedAt + 5 * MS_PER_S }]
}

for (const { rule, words, outages } of RULES) {
  void t.test(rule, async (t) => {
    t.strictSame(
      facts(words).map((one) => [
        one.device,
        (one.anchorAt - T0) / MS_PER_S,
        one.restoredAt === null ? null : (one.restoredAt - T0) / MS_PER_S,
        one.customersInterrupted,
        one.startUncertain ? 'uncertain' : 'certain',
      ]),
      outages,
    )
    t.equal(inAnyOrder(words).size, 1, 'in any order of arrival')
  })
}

void t.test(
  'one identity with two contents is told as a conflict, one word twice is not',
  async (t) => {
    const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
    const word = said('S1', 'open', 10)
    t.strictSame(applyObservations(ledger, [word]).conflicts, [])
    t.strictSame(applyObservations(ledger, twice(word)).conflicts, [])
    const other = { ...word, position: 'closed' as const }
    t.strictSame(applyObservations(ledger, [other]).conflicts, [other])
  },
)

// ── a network that changes while customers are out

const secondsOut = (one: OutageFacts) =>
  one.sets.map(({ from, until, customers, feeder }) => [
    (from - T0) / MS_PER_S,
    until === null ? null : (until - T0) / MS_PER_S,
    customers,
    feeder,
  ])

function revise(ledger: Ledger, tables: NetworkTables, atS: number): Ledger {
  const network = buildNetwork(tables)
  // Load points keep their numbers: they are named after their nodes here.
  const numbers = Int32Array.from(network.loadPointIds, (id) => Math.max(0, NUMBERED.indexOf(id)))
  return reviseLedger(ledger, network, numbers, T0 + atS * MS_PER_S).ledger
}
const NUMBERED = buildNetwork(TWO_FEEDERS).loadPointIds

const without = (point: string): NetworkTables => ({
  ...TWO_FEEDERS,
  servicePoints: TWO_FEEDERS.servicePoints.filter(({ id }) => id !== point),
})
const counting = (point: string, customers: number): NetworkTables => ({
  ...TWO_FEEDERS,
  servicePoints: TWO_FEEDERS.servicePoints.map((row) =>
    row.id === point ? { ...row, customers } : row,
  ),
})

/** The head trips with 200 customers; 80 are back through the tie after 100 s. */
function partlyBack(): Ledger {
  const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
  applyObservations(ledger, [
    said('B1', 'closed', 0),
    said('B1', 'open', 10),
    said('S1', 'open', 60),
    said('TIE', 'closed', 110),
  ])
  return ledger
}

void t.test('what has ended does not change when its load point leaves the drawing', async (t) => {
  const ledger = revise(partlyBack(), without('P2'), 1000)
  applyObservations(ledger, [said('B1', 'closed', 2000)])
  const [outage, ...more] = outagesOf(ledger)
  t.strictSame(more, [])
  t.strictSame(secondsOut(outage!), [
    [10, 110, 80, 'F1'],
    [10, 2000, 120, 'F1'],
  ])
  t.match(outage, { customersInterrupted: 200, closedCustomerMs: 80 * 100_000 + 120 * 1_990_000 })
  t.strictSame(
    outage!.steps.map(({ at, customersRestored }) => [(at - T0) / MS_PER_S, customersRestored]),
    [
      [110, 80],
      [2000, 120],
    ],
  )
})

void t.test('nor when the drawing counts its customers otherwise from then on', async (t) => {
  const ledger = revise(partlyBack(), counting('P2', 95), 1000)
  applyObservations(ledger, [said('B1', 'closed', 2000)])
  t.strictSame(secondsOut(outagesOf(ledger)[0]!), [
    [10, 110, 80, 'F1'],
    [10, 2000, 120, 'F1'],
  ])
})

void t.test('an outage keeps the name of its device when that leaves the drawing', async (t) => {
  const renamed: NetworkTables = {
    ...TWO_FEEDERS,
    switches: TWO_FEEDERS.switches.map((row) =>
      row.id === 'B1' ? { ...row, id: 'B1new', normallyClosed: false } : row,
    ),
    feeders: TWO_FEEDERS.feeders.map((row) =>
      row.head === 'B1' ? { ...row, head: 'B1new' } : row,
    ),
  }
  const ledger = revise(partlyBack(), renamed, 1000)
  applyObservations(ledger, [said('B1new', 'closed', 2000)])
  t.strictSame(
    outagesOf(ledger).map(({ device, anchorAt, restoredAt }) => [device, anchorAt, restoredAt]),
    [['B1', T0 + 10_000, T0 + 2_000_000]],
  )
})

void t.test(
  'who has supply by the new drawing has it from there on, and loses it again by itself',
  async (t) => {
    const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
    applyObservations(ledger, [said('S1', 'closed', 0), said('S1', 'open', 10)])
    // The tie is now a jumper that nobody opens.
    const tied: NetworkTables = {
      ...TWO_FEEDERS,
      switches: TWO_FEEDERS.switches.map((row) =>
        row.id === 'TIE' ? { ...row, normallyClosed: true } : row,
      ),
    }
    const revised = revise(ledger, tied, 1000)
    applyObservations(revised, [said('B2', 'closed', 1500), said('B2', 'open', 3000)])
    applyObservations(revised, [said('B2', 'closed', 3600)])
    const b2 = [
      [3000, 3600, 80, 'F1'],
      [3000, 3600, 200, 'F2'],
    ]
    t.strictSame(
      outagesOf(revised).map((one) => [one.device, one.customersInterrupted, secondsOut(one)]),
      [
        ['S1', 80, [[10, 1000, 80, 'F1']]],
        ['B2', 280, b2],
      ],
    )
  },
)

void t.test('switches stand after the change where they stood before it', async (t) => {
  const ledger = revise(partlyBack(), TWO_FEEDERS, 1000)
  const closed = (id: string) => {
    const history = ledger.histories.get(ledger.network.switchIndex.get(id)!)
    return history === undefined ? undefined : closedNow(history)
  }
  t.strictSame([closed('B1'), closed('S1'), closed('TIE'), closed('B2')], [0, 0, ABC, undefined])
  applyObservations(ledger, [said('B1', 'closed', 2000)])
  t.strictSame(secondsOut(outagesOf(ledger)[0]!), [
    [10, 110, 80, 'F1'],
    [10, 2000, 120, 'F1'],
  ])
})

void t.test(
  'at any instant after it, what was saved goes on as if it had never stopped',
  async (t) => {
    const tables = without('P2')
    const whole = revise(partlyBack(), tables, 1000)
    const saved = outagesOf(whole)
    const horizon = T0 + 1500 * MS_PER_S
    const opened = openLedger(whole.network, whole.record.loadPointNumber, DEFAULT_SETTINGS, {
      horizon,
      positions: new Map([
        ['B1', 0],
        ['S1', 0],
        ['TIE', ABC],
      ]),
      outages: saved,
    })
    for (const ledger of [whole, opened])
      applyObservations(ledger, [said('B1', 'closed', 2000, { seq: 9 })])
    t.equal(exportLedger(opened), exportLedger(whole))
  },
)
