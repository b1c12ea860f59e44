import t from 'tap'
import { energize, isFed } from '../src/grid/energization.ts'
import { at, buildNetwork, NONE } from '../src/grid/network.ts'
import type { Phases } from '../src/grid/phases.ts'
import type { NetworkTables } from '../src/grid/tables.ts'
import { exportLedger } from '../src/ledger/export.ts'
import type { LedgerChange, OutageFacts } from '../src/ledger/facts.ts'
import { applyObservations, missingFor, refill } from '../src/ledger/ledger.ts'
import type { SwitchObservation } from '../src/ledger/observation.ts'
import { adoptNames, openLedger, positionsAtHorizon, pruneLedger } from '../src/ledger/open.ts'
import { DEFAULT_SETTINGS, type Ledger } from '../src/ledger/state.ts'
import { MS_PER_S, type EpochMs } from '../src/time.ts'
import {
  draw,
  ledgerOf,
  outagesOf,
  said,
  T0,
  TWO_FEEDERS,
  type Branch,
  type Point,
} from './support/drawn-ledger.ts'
import { seeded } from './support/seeded.ts'

t.test(
  'an opened head interrupts what it fed; isolating and closing the tie brings back what is still joined to it',
  (t) => {
    const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
    applyObservations(ledger, [said('B1', 'closed', -60)])
    const [lost] = applyObservations(ledger, [said('B1', 'open', 0, { reason: 'lockout' })]).outages
    t.match(lost, {
      before: null,
      corrected: false,
      after: {
        device: 'B1',
        feeder: 'F1',
        substation: 'sub',
        area: 'area',
        customersOut: 200,
        customersInterrupted: 200,
        restoredAt: null,
        startUncertain: false,
        lockedOut: true,
        phases: 7,
      },
    })
    t.equal(applyObservations(ledger, [said('S1', 'open', 300)]).outages.length, 0)
    const [step] = applyObservations(ledger, [said('TIE', 'closed', 600)]).outages
    t.match(step?.after, {
      id: lost?.after.id,
      customersOut: 120,
      steps: [{ at: T0 + 600_000, device: 'TIE', customersRestored: 80 }],
    })
    const [back] = applyObservations(ledger, [said('B1', 'closed', 3600)]).outages
    t.match(back?.after, {
      id: lost?.after.id,
      customersOut: 0,
      restoredAt: T0 + 3_600_000,
      closedCustomerMs: (80 * 600 + 120 * 3600) * MS_PER_S,
      steps: [
        { device: 'TIE', customersRestored: 80 },
        { device: 'B1', customersRestored: 120 },
      ],
    })
    t.equal(outagesOf(ledger).length, 1, 'the neighbour never had an outage')
    t.end()
  },
)

t.test(
  'openings of one device within five minutes of the first are one outage, later ones are another',
  (t) => {
    const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
    const second = (from: number, to: number) => [
      said('B2', 'open', from),
      said('B2', 'closed', to),
    ]
    applyObservations(ledger, [
      ...second(0, 2),
      ...second(17, 19),
      ...second(300, 302),
      ...second(301 + 2, 310),
    ])
    const outages = outagesOf(ledger)
    t.equal(outages.length, 2)
    t.equal(outages[0]?.sets.length, 3, 'exactly five minutes after the first still belongs to it')
    t.equal(outages[0]?.customersInterrupted, 200, 'each customer once')
    t.equal(outages[0]?.closedCustomerMs, 200 * 6000)
    t.equal(outages[1]?.anchorAt, T0 + 303_000)
    t.end()
  },
)

t.test(
  'the first word about a switch that is open makes the start uncertain; an earlier word found later makes it certain',
  (t) => {
    const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
    applyObservations(ledger, [said('B2', 'open', 100)])
    t.equal(outagesOf(ledger)[0]?.startUncertain, true)
    const [change] = applyObservations(ledger, [said('B2', 'closed', 40)]).outages
    t.equal(change?.after.startUncertain, false)
    t.end()
  },
)

t.test('a late word moves the start, and the outage keeps its name', (t) => {
  const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
  applyObservations(ledger, [said('B2', 'closed', -10), said('B2', 'open', 100)])
  const name = outagesOf(ledger)[0]?.id
  const late = said('B2', 'open', 40, { receivedAt: T0 + 500_000 })
  const [change] = applyObservations(ledger, [late]).outages
  t.match(change, { corrected: true, why: [late], after: { id: name, anchorAt: T0 + 40_000 } })
  t.end()
})

t.test('a device upstream that is found to have opened first takes the outage over', (t) => {
  const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
  applyObservations(ledger, [said('S1', 'open', 100), said('S1', 'closed', 500)])
  const changes = applyObservations(ledger, [
    said('B1', 'open', 50),
    said('B1', 'closed', 60),
  ]).outages
  t.equal(changes.length, 1, 'it had closed again before: an outage of its own')
  const taken = applyObservations(ledger, [
    said('B1', 'open', 99),
    said('B1', 'closed', 600),
  ]).outages
  const standing = outagesOf(ledger).filter((outage) => outage.sets.length > 0)
  t.equal(standing.length, 1)
  t.equal(standing[0]?.device, 'B1')
  t.ok(taken.some((change) => change.after.device === 'S1' && change.after.sets.length === 0))
  t.end()
})

t.test('a repeat is no transition, and the same word twice is said once', (t) => {
  const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
  const open = said('B2', 'open', 0)
  applyObservations(ledger, [open])
  for (const again of [open, said('B2', 'open', 10), { ...open, receivedAt: T0 + 999_000 }]) {
    t.strictSame(applyObservations(ledger, [again]), {
      outages: [],
      transitions: [],
      conflicts: [],
    } satisfies LedgerChange)
  }
  t.end()
})

t.test(
  'a clock that runs ahead is clamped to when we heard it, also when the word comes again later',
  (t) => {
    const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
    applyObservations(ledger, [said('B2', 'closed', -10)])
    const ahead = said('B2', 'open', 3600, { receivedAt: T0 + 30_000 })
    applyObservations(ledger, [ahead])
    t.equal(outagesOf(ledger)[0]?.startedAt, T0 + 30_000)
    t.equal(applyObservations(ledger, [{ ...ahead, receivedAt: T0 + 3_600_000 }]).outages.length, 0)
    t.end()
  },
)

t.test('one lost phase interrupts who uses it and nobody else', (t) => {
  const ledger = ledgerOf(
    buildNetwork(
      draw({
        sources: [['x']],
        switches: [['B', 'x', 'y']],
        points: [
          ['three', 'y', 10, 'ABC'],
          ['onA', 'y', 3, 'A'],
          ['onC', 'y', 5, 'C'],
        ],
      }),
    ),
  )
  const [change] = applyObservations(ledger, [said('B', 'open', 0, { phases: 1 })]).outages
  t.match(change?.after, { customersOut: 13, phases: 1 })
  t.end()
})

t.test('a transfer in one instant interrupts nobody', (t) => {
  const ledger = ledgerOf(buildNetwork(TWO_FEEDERS))
  const change = applyObservations(ledger, [said('S1', 'open', 60), said('TIE', 'closed', 60)])
  t.equal(change.outages.length, 0)
  t.end()
})

// ---------------------------------------------------------------------------------------------------------------------------------
// The oracle: plain objects, a full search at every instant, no code shared with the product.

type Word = { at: EpochMs; order: string; point: string; phases: Phases; closed: boolean }

function oracleIntervals(
  tables: NetworkTables,
  words: readonly Word[],
): Map<string, [number, number | null][]> {
  const sorted = [...words].sort(
    (a, b) => a.at - b.at || (a.order < b.order ? -1 : a.order > b.order ? 1 : 0),
  )
  const instants = [...new Set(sorted.map((word) => word.at))]
  const closed = new Map(
    tables.switches.map((row) => [row.id, row.normallyClosed ? row.phases : 0]),
  )
  const points = [...new Set(tables.servicePoints.map((row) => row.node))]
  const dark = new Map<string, [number, number | null][]>()
  const fedNow = (): Set<string> => {
    const fed = new Set<string>()
    for (let phase = 0; phase < 3; phase++) {
      const bit = 1 << phase
      const open = tables.sources.filter((s) => s.phases & bit).map((s) => s.node)
      const seen = new Set(open)
      while (open.length > 0) {
        const node = open.pop() as string
        fed.add(`${node}/${phase}`)
        const step = (row: { from: string; to: string }, carries: number) => {
          if ((carries & bit) === 0) return
          const other = row.from === node ? row.to : row.to === node ? row.from : undefined
          if (other !== undefined && !seen.has(other)) {
            seen.add(other)
            open.push(other)
          }
        }
        for (const row of tables.switches) step(row, closed.get(row.id) as number)
        for (const row of tables.lines) step(row, row.phases)
      }
    }
    return fed
  }
  let before = fedNow()
  for (const instant of instants) {
    for (const word of sorted.filter((other) => other.at === instant)) {
      const row = tables.switches.find((other) => other.id === word.point)
      if (row === undefined) continue
      const was = closed.get(row.id) as number
      const phases = word.phases & row.phases
      closed.set(row.id, word.closed ? was | phases : was & ~phases)
    }
    const now = fedNow()
    for (const node of points) {
      for (let phase = 0; phase < 3; phase++) {
        const key = `${node}/${phase}`
        if (before.has(key) && !now.has(key)) {
          const list = dark.get(key) ?? []
          list.push([instant, null])
          dark.set(key, list)
        } else if (!before.has(key) && now.has(key)) {
          const last = dark.get(key)?.at(-1)
          if (last !== undefined && last[1] === null) last[1] = instant
        }
      }
    }
    before = now
  }
  return dark
}

function ledgerIntervals(ledger: Ledger): Map<string, [number, number | null][]> {
  const { network, record } = ledger
  const result = new Map<string, [number, number | null][]>()
  network.loadPointIds.forEach((id, point) => {
    for (let phase = 0; phase < 3; phase++) {
      const section = at(network.nodeSection, at(network.loadPointNode, point) * 3 + phase)
      if (section === NONE) continue
      const darks = record.darks.get(section) ?? []
      if (darks.length > 0) {
        result.set(
          `${id}/${phase}`,
          darks.map((dark) => [dark.from, dark.until]),
        )
      }
    }
  })
  return result
}

function random(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let x = Math.imul(a ^ (a >>> 15), a | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296
  }
}

function randomNetwork(next: () => number): NetworkTables {
  const nodes = 4 + Math.floor(next() * 9)
  const pick = () => `n${Math.floor(next() * nodes)}`
  const phases = () =>
    next() < 0.7 ? 'ABC' : (['A', 'B', 'C', 'AB', 'BC'][Math.floor(next() * 5)] as string)
  const switches: Branch[] = []
  const lines: Branch[] = []
  for (let i = 1; i < nodes; i++) {
    const row: Branch = [`x${i}`, `n${Math.floor(next() * i)}`, `n${i}`, phases()]
    if (next() < 0.7)
      switches.push(next() < 0.85 ? row : [row[0], row[1], row[2], row[3] as string, 'open'])
    else lines.push(row)
  }
  for (let i = 0; i < 1 + next() * 4; i++) {
    const row: Branch = [`t${i}`, pick(), pick(), phases(), 'open']
    if (row[1] !== row[2]) switches.push(row)
  }
  const sources: [string, string?][] = [['n0']]
  if (next() < 0.6) sources.push([pick(), phases()])
  const points: Point[] = []
  for (let i = 0; i < nodes; i++) if (next() < 0.7) points.push([`p${i}`, `n${i}`, 1 + i, phases()])
  if (points.length === 0) points.push(['p0', 'n1', 1])
  const feeders: [string, string][] = switches.slice(0, 2).map((row, i) => [`f${i}`, row[0]])
  return draw({ sources, switches, lines, points, feeders })
}

function randomWords(
  next: () => number,
  tables: NetworkTables,
  count: number,
): SwitchObservation[] {
  const words: SwitchObservation[] = []
  let clock = 0
  for (let i = 0; i < count; i++) {
    clock += next() < 0.3 ? 0 : Math.floor(next() * 90)
    const row = tables.switches[Math.floor(next() * tables.switches.length)]
    if (row === undefined) break
    words.push(
      said(row.id, next() < 0.5 ? 'open' : 'closed', clock, {
        gateway: next() < 0.5 ? 'g1' : 'g2',
        phases: next() < 0.8 ? null : 1 + Math.floor(next() * 7),
        kind: next() < 0.9 ? 'switch' : 'manual',
      }),
    )
  }
  return words
}

/** Shuffled, doubled, in batches of any size. */
function* deliver(
  next: () => number,
  words: readonly SwitchObservation[],
  disorder: number,
): Iterable<SwitchObservation[]> {
  const queue = words
    .flatMap((word) => (next() < 0.2 ? [word, word] : [word]))
    .map((word, i) => ({ word, key: i + next() * disorder }))
    .sort((a, b) => a.key - b.key)
    .map(({ word }) => word)
  while (queue.length > 0) yield queue.splice(0, 1 + Math.floor(next() * 6))
}

const SEEDS = Number(process.env['LEDGER_SEEDS'] ?? 400)
const FIRST_SEED = Number(process.env['LEDGER_FIRST_SEED'] ?? 1)

t.test(
  `in any order of arrival the ledger says what a full search at every instant says (${SEEDS} seeds)`,
  (t) => {
    let failed = 0
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS && failed < 3; seed++) {
      const next = random(seed)
      const tables = randomNetwork(next)
      const network = buildNetwork(tables)
      const words = randomWords(next, tables, 4 + Math.floor(next() * 30))
      const truth = oracleIntervals(
        tables,
        words.map((word) => ({
          at: word.at,
          order: `${word.kind === 'manual' ? 0 : 1}${word.gateway}${String(word.seq).padStart(9, '0')}`,
          point: word.point,
          phases: word.phases ?? 7,
          closed: word.position === 'closed',
        })),
      )
      const byKey = (map: Map<string, [number, number | null][]>, points: Set<string>) =>
        JSON.stringify(
          [...map]
            .filter(([key]) => points.has(key.split('/')[0] as string))
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      const points = new Set(network.loadPointIds)
      const wanted = byKey(truth, points)
      let first: string | undefined
      for (const disorder of [0, 5, 1000]) {
        const thin = next() < 0.5
        const ledger = ledgerOf(network, thin)
        const told = new Map<string, OutageFacts>()
        const heardWords = new Set<SwitchObservation>()
        for (const batch of deliver(next, words, disorder)) {
          for (const missing of missingFor(ledger, batch)) {
            if (missing.what !== 'repeats') throw new Error('nothing is older than the beginning')
            const heard = words.filter(
              (word) =>
                word.point === missing.switch &&
                word.at > missing.after &&
                word.at < missing.before,
            )
            refill(
              ledger,
              missing,
              heard.filter((word) => heardWords.has(word)),
            )
          }
          batch.forEach((word) => heardWords.add(word))
          for (const change of applyObservations(ledger, batch).outages)
            told.set(change.after.id, change.after)
        }
        const got = byKey(ledgerIntervals(ledger), points)
        const text = exportLedger(ledger)
        first ??= text
        const consistent = energize(network, ledger.energization.closed.slice())
        let astray = 0
        for (let section = 0; section < network.sectionCount; section++) {
          if (isFed(consistent, section) !== isFed(ledger.energization, section)) astray++
        }
        const saved = [...told.values()].filter((facts) => facts.sets.length > 0).length
        const derived = outagesOf(ledger).filter((facts) => facts.sets.length > 0).length
        if (got !== wanted || text !== first || astray > 0 || saved !== derived) {
          failed++
          t.equal(got, wanted, `intervals, seed ${seed}, disorder ${disorder}`)
          t.equal(text, first, `export, seed ${seed}, disorder ${disorder}`)
          t.equal(astray, 0, `sections astray, seed ${seed}, disorder ${disorder}`)
          t.equal(saved, derived, `outages told and derived, seed ${seed}, disorder ${disorder}`)
          break
        }
      }
    }
    t.equal(failed, 0)
    t.end()
  },
)

t.test(
  'a ledger opened again at any horizon, from what was saved, goes on as if it had never stopped',
  (t) => {
    let failed = 0
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS / 2 && failed < 3; seed++) {
      const next = random(seed * 7 + 1)
      const tables = randomNetwork(next)
      const network = buildNetwork(tables)
      const words = randomWords(next, tables, 10 + Math.floor(next() * 30))
      const whole = ledgerOf(network)
      const cut = Math.floor(next() * words.length)
      applyObservations(whole, words.slice(0, cut))
      const saved = outagesOf(whole)
      const horizon = T0 + Math.floor(next() * ((words[cut]?.at ?? T0) - T0 + 1))
      // What the record would give back: positions just before the horizon, outages that reach it, and the words since.
      const before = ledgerOf(network)
      applyObservations(
        before,
        words.slice(0, cut).filter((word) => word.at < horizon),
      )
      pruneLedger(before, horizon)
      const reaching = saved.filter(
        (facts) =>
          facts.anchorAt < horizon &&
          (facts.restoredAt ?? Infinity) >= horizon - DEFAULT_SETTINGS.recloseWindowMs,
      )
      const again = openLedger(
        network,
        Int32Array.from(network.loadPointIds, (_, i) => i),
        DEFAULT_SETTINGS,
        {
          horizon,
          positions: positionsAtHorizon(before),
          outages: reaching,
        },
      )
      applyObservations(
        again,
        words.slice(0, cut).filter((word) => word.at >= horizon),
      )
      adoptNames(
        again,
        saved.filter((facts) => facts.anchorAt >= horizon),
      )
      const rest = words.slice(cut)
      const one = applyObservations(whole, rest).outages.map((change) => change.after)
      const other = applyObservations(again, rest).outages.map((change) => change.after)
      if (JSON.stringify(one) !== JSON.stringify(other)) {
        failed++
        t.strictSame(other, one, `seed ${seed}, horizon ${horizon - T0}`)
      }
    }
    t.equal(failed, 0)
    t.end()
  },
)

t.test(
  'a word older than memory, judged from the record, leaves each outage the name that memory would have left it',
  (t) => {
    let [failed, moved] = [0, 0]
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS && failed < 3; seed++) {
      const next = random(seed * 11 + 3)
      const tables = randomNetwork(next)
      const network = buildNetwork(tables)
      const words = randomWords(next, tables, 10 + Math.floor(next() * 30))
      const late = words.filter(() => next() < 0.2)
      const inTime = words.filter((word) => !late.includes(word))
      const memory = ledgerOf(network)
      applyObservations(memory, inTime)
      const saved = outagesOf(memory)
      const corrected = applyObservations(memory, late).outages
      moved += corrected.filter(({ before, after }) => {
        return before !== null && after.sets.length > 0 && before.anchorAt !== after.anchorAt
      }).length
      const reopened = ledgerOf(network)
      applyObservations(reopened, words)
      adoptNames(reopened, saved)
      const named = (ledger: Ledger) =>
        outagesOf(ledger)
          .filter(({ sets }) => sets.length > 0)
          .map(({ id, device, anchorAt }) => `${id} ${device} ${anchorAt - T0}`)
          .sort()
      const [one, other] = [named(memory), named(reopened)]
      if (JSON.stringify(one) !== JSON.stringify(other)) {
        failed++
        t.strictSame(other, one, `seed ${seed}`)
      }
    }
    t.equal(failed, 0)
    t.ok(moved > SEEDS / 20, `${moved} outages began elsewhere`)
    t.end()
  },
)

t.test('outages regrouped from the first that can change are those that all openings give', (t) => {
  const network = buildNetwork(TWO_FEEDERS)
  let withdrawn = 0
  for (let seed = 1; seed <= 400; seed++) {
    const random = seeded(seed)
    const some = ledgerOf(network)
    const all = ledgerOf(network)
    for (let batch = 0; batch < 30; batch++) {
      const words = Array.from({ length: 1 + Math.floor(random() * 4) }, () => {
        const device = ['B1', 'S1', 'B2', 'TIE'][Math.floor(random() * 4)] as string
        const position = random() < 0.5 ? 'open' : 'closed'
        return said(device, position, Math.floor(random() * 60) * 60)
      })
      // As if something had been said about every opening there is.
      for (const [device, openings] of all.record.openings) {
        all.record.touched.set(device, new Set(openings.keys()))
      }
      applyObservations(some, words)
      applyObservations(all, words)
    }
    for (const { openings } of all.record.byId.values()) if (openings.length === 0) withdrawn++
    const told = (ledger: Ledger) => [...ledger.record.byId.values()].map((outage) => outage.told)
    const byName = (a: OutageFacts | null, b: OutageFacts | null) =>
      (a?.id ?? '') < (b?.id ?? '') ? -1 : 1
    t.strictSame(told(some).sort(byName), told(all).sort(byName), `seed ${seed}: names and facts`)
    if (!t.passing()) break
  }
  t.ok(withdrawn > 100, `late words withdrew outages that may give their names (${withdrawn})`)
  t.end()
})
