import fs from 'node:fs'
import * as fc from 'fast-check'
import t from 'tap'
import { groupCode, type OutageFacts } from '../src/ledger/facts.ts'
import type { Observation } from '../src/ledger/observation.ts'
import {
  addDays,
  dayStart,
  hoursBetween,
  instantOfLocal,
  localDayOf,
} from '../src/reliability/calendar.ts'
import { countsOutages, indexRow, type IndexRow, type Served } from '../src/reliability/indices.ts'
import {
  byStart,
  emptySums,
  openReckoning,
  type Interruption,
  type Weigh,
} from '../src/reliability/reckoning.ts'
import type { Rulebook } from '../src/reliability/rulebook.ts'
import { CEER, DLT_836, IEEE_1366, OFGEM, RULEBOOKS } from '../src/reliability/rulebooks.ts'
import { servedBook } from '../src/reliability/served.ts'
import { indicesReport } from '../src/stores/indices.ts'
import { loadPointNumbers, saveRevision } from '../src/stores/networks.ts'
import { toSaveObservations } from '../src/stores/observations.ts'
import { runIn } from '../src/stores/statement.ts'
import { toSaveOutages } from '../src/stores/outages.ts'
import { saveServed } from '../src/stores/reliability.ts'
import { MS_PER_H, MS_PER_MIN, type EpochMs } from '../src/time.ts'
import { openTestDatabase } from './support/database.ts'
import { explained } from './support/explained.ts'
import { buildNetwork } from '../src/grid/network.ts'
import type { NetworkTables } from '../src/grid/tables.ts'

const VECTORS = new URL('../../shared/data/vectors/', import.meta.url)
const vectors = fs.existsSync(VECTORS)
const skip = vectors ? false : 'no ../shared/data'
const vectorsRead = new Set<string>()
const vector = (name: string) => {
  vectorsRead.add(name)
  return JSON.parse(fs.readFileSync(new URL(name, VECTORS), 'utf8'))
}

const LATER = Date.parse('2030-01-01T00:00:00Z')

type Given = Partial<Interruption> & { from: EpochMs; until: EpochMs | null; customers: number }

/** A row with everything that does not matter to a test filled in. */
const row = (given: Given, zone = 'UTC'): Interruption => ({
  outage: 'O1',
  area: null,
  substation: null,
  feeder: null,
  day: localDayOf(given.from, zone),
  connectedKva: null,
  members: null,
  nature: 'unplanned',
  cause: null,
  external: false,
  sourceShortage: false,
  ...given,
})

function rowOf(
  rulebook: Rulebook,
  rows: readonly Interruption[],
  served: Partial<Served>,
  { now = LATER, weigh, zone = 'UTC' }: { now?: EpochMs; weigh?: Weigh; zone?: string } = {},
): IndexRow {
  const reckoning = openReckoning({
    settings: rulebook.settings,
    timeZone: zone,
    now,
    cellOf: () => '',
    perOutage: countsOutages(rulebook),
    ...(weigh === undefined ? {} : { weigh }),
  })
  for (const one of [...rows].sort(byStart)) reckoning.add(one)
  const sums = reckoning.finish().get('') ?? emptySums()
  return indexRow(rulebook, 'system', sums, {
    units: null,
    kva: null,
    averageKw: null,
    periodHours: 8760,
    ...served,
  })
}

/** Members for customers `first`..`last` of a list, each a group of its own. */
const people = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => groupCode(first + i, 7))
const one: Weigh = () => ({ customers: 1, connectedKva: null, averageKw: null })

const close = (test: Tap, found: unknown, wanted: number, digits: number, what: string): void => {
  const value = typeof found === 'number' ? found : NaN
  test.ok(Math.abs(value - wanted) <= 0.5 * 10 ** -digits, `${what}: ${value} is ${wanted}`)
}
type Tap = { ok(value: boolean, message: string): unknown }

t.test('the sample circuit of IEEE 1366, to the printed digits', { skip }, async (t) => {
  const { rows, expected } = vector('ieee1366_sample_circuit.json')
  // 1800 distinct customers: these stretches of a list of 2000 overlap as the standard says they do.
  const firstOf: Record<number, number> = {
    200: 0,
    400: 0,
    600: 200,
    25: 0,
    2000: 0,
    90: 0,
    700: 1100,
    1500: 0,
    100: 0,
  }
  const interruptions = rows.map((r: Record<string, string & number>, i: number) => {
    const n = Number(r['customers'])
    return row({
      outage: `O${i}`,
      from: Date.parse(`${r['date']}T${r['off']}Z`),
      until: Date.parse(`${r['date']}T${r['on']}Z`),
      customers: n,
      connectedKva: Number(r['kva']),
      members: people(firstOf[n] ?? 0, (firstOf[n] ?? 0) + n - 1),
    })
  })
  const { indices, ci, cmi, provisional } = rowOf(
    IEEE_1366,
    interruptions,
    { units: 2000, kva: 4000 },
    { weigh: one },
  )
  t.equal(ci, 3215)
  close(t, cmi, expected.CMI, 3, 'CMI')
  close(t, indices['SAIFI'], 1.6075, 6, 'SAIFI')
  close(t, indices['SAIDI'], 86.112833, 6, 'SAIDI')
  close(t, indices['CAIDI'], expected.CAIDI_min, 6, 'CAIDI')
  close(t, indices['CTAIDI'], expected.CTAIDI_min, 6, 'CTAIDI')
  close(t, indices['CAIFI'], expected.CAIFI, 6, 'CAIFI')
  close(t, indices['ASAI'], expected.ASAI, 9, 'ASAI')
  close(t, indices['ASIFI'], expected.ASIFI, 5, 'ASIFI')
  close(t, indices['ASIDI'], expected.ASIDI_min, 6, 'ASIDI')
  close(t, indices['MAIFI'], 1.2, 9, 'MAIFI')
  t.equal(indices['ENS'], null, 'nobody said the load, so the energy is unknown and not 0')
  t.equal(provisional, false)

  const nameless = interruptions.map((r: Interruption) => ({ ...r, members: null }))
  const { indices: same } = rowOf(IEEE_1366, nameless, { units: 2000, kva: 4000 })
  for (const symbol of ['SAIFI', 'SAIDI', 'CAIDI', 'ASAI', 'ASIFI', 'ASIDI', 'MAIFI'])
    close(t, same[symbol], Number(indices[symbol]), 9, `${symbol} does not need to know who it was`)
})

t.test('customer by customer: CEMI, CELID, CEMSMI, MAIFI-E', { skip }, async (t) => {
  const { customers, records, expected } = vector('customer_level_2024.json')
  const number = new Map<string, number>(customers.map((id: string, i: number) => [id, i]))
  const rows: Interruption[] = records.map(
    (r: { event: string; customers: string[]; off: string; on: string }) =>
      row({
        outage: r.event,
        from: Date.parse(r.off),
        until: Date.parse(r.on),
        customers: r.customers.length,
        members: r.customers.map((id) => groupCode(number.get(id) ?? 0, 7)),
      }),
  )
  const served = { units: 10, periodHours: hoursBetween('2024-01-01', '2025-01-01', 'UTC') }
  t.equal(served.periodHours, 8784, 'a leap year')
  const { indices, ci, cmi } = rowOf(IEEE_1366, rows, served, { weigh: one })
  t.equal(ci, expected.CI)
  close(t, cmi, expected.CMI, 6, 'CMI')
  const wanted: Record<string, number> = {
    SAIFI: expected.SAIFI,
    SAIDI: expected.SAIDI_min,
    CAIDI: expected.CAIDI_min,
    CTAIDI: expected.CTAIDI_min,
    CAIFI: expected.CAIFI,
    ASAI: expected.ASAI,
    MAIFI: expected.MAIFI,
    'MAIFI-E': expected.MAIFIE,
    'CEMI-1': expected.CEMI_1,
    'CEMI-2': expected.CEMI_2,
    'CEMI-3': expected.CEMI_3,
    'CEMI-4': expected.CEMI_4,
    'CEMSMI-2': expected.CEMSMI_2,
    'CEMSMI-3': expected.CEMSMI_3,
    'CEMSMI-4': expected.CEMSMI_4,
    'CELID-s': expected.CELID_s_8h,
    'CELID-t': expected.CELID_t_8h,
  }
  for (const [symbol, value] of Object.entries(wanted)) close(t, indices[symbol], value, 6, symbol)
  const twoHours = {
    ...IEEE_1366,
    settings: { ...IEEE_1366.settings, longSingleH: 2, longTotalH: 2 },
  }
  const { indices: two } = rowOf(twoHours, rows, served, { weigh: one })
  close(t, two['CELID-s'], expected.CELID_s_2h, 9, 'CELID-s 2 h')
  close(t, two['CELID-t'], expected.CELID_t_2h, 9, 'CELID-t 2 h')
  const edition2003 = {
    ...IEEE_1366,
    settings: { ...IEEE_1366.settings, repeatedCompare: 'moreThan' as const },
  }
  const { indices: old } = rowOf(edition2003, rows, served, { weigh: one })
  close(t, old['CEMI-2'], expected.CEMI_3, 9, 'more than 2 are 3 or more')
})

t.test('momentary interruptions and events, V1 to V12', { skip }, async (t) => {
  for (const { name, outages_s, expected } of vector('momentary_vectors.json').per_group) {
    const rows = outages_s.map(([off, on]: [number, number], i: number) =>
      row({ outage: `O${i}`, from: off * 1000, until: on * 1000, customers: 1, members: [15] }),
    )
    const { ci, cmi, indices } = rowOf(IEEE_1366, rows, { units: 1 }, { weigh: one })
    t.strictSame(
      {
        sustained: ci,
        sustained_seconds: Math.round(cmi * 60_000) / 1000,
        momentary_interruptions: indices['MAIFI'],
        momentary_events: indices['MAIFI-E'],
      },
      expected,
      name,
    )
  }
})

t.test('a sectionalizer stays open: those before it saw two operations in one event', async (t) => {
  const before = people(0, 749)
  const beyond = people(750, 999)
  const operations = [0, 17_000].map((from) =>
    row({ outage: 'trip', from, until: from + 2000, customers: 750, members: before }),
  )
  const lasting = row({ outage: 'trip', from: 0, until: MS_PER_H, customers: 250, members: beyond })
  const { indices } = rowOf(IEEE_1366, [...operations, lasting], { units: 2000 }, { weigh: one })
  t.equal(indices['SAIFI'], 0.125)
  t.equal(indices['MAIFI'], 0.75)
  t.equal(indices['MAIFI-E'], 0.375)
})

t.test('energy not served: the annual example of Billinton and Allan', { skip }, async (t) => {
  const { load_points, interruptions, expected } = vector('billinton_allan_annual.json')
  const loads = new Map<number, { customers: number; avg_load_kw: number }>(
    load_points.map((p: { lp: number }) => [groupCode(p.lp, 7), p]),
  )
  const weigh: Weigh = (group) => {
    const load = loads.get(group)
    return load && { customers: load.customers, connectedKva: null, averageKw: load.avg_load_kw }
  }
  const rows = interruptions.map((r: { case: number; lp: number; hours: number }) =>
    row({
      outage: `case ${r.case}`,
      from: r.case * 24 * MS_PER_H,
      until: (r.case * 24 + r.hours) * MS_PER_H,
      customers: loads.get(groupCode(r.lp, 7))?.customers ?? 0,
      members: [groupCode(r.lp, 7)],
    }),
  )
  const { indices } = rowOf(IEEE_1366, rows, { units: 4000 }, { weigh })
  close(t, indices['SAIFI'], expected.SAIFI, 9, 'SAIFI')
  close(t, indices['CAIFI'], expected.CAIFI, 6, 'CAIFI')
  close(t, indices['SAIDI'], expected.SAIDI_min, 9, 'SAIDI')
  close(t, indices['CAIDI'], expected.CAIDI_min, 4, 'CAIDI')
  close(t, indices['CTAIDI'], expected.CTAIDI_h * 60, 6, 'CTAIDI')
  close(t, indices['ASAI'], expected.ASAI, 9, 'ASAI')
  close(t, indices['ASUI'], expected.ASUI, 9, 'ASUI')
  close(t, indices['ENS'], expected.ENS_kWh, 6, 'ENS')
  close(t, indices['AENS'], expected.AENS_kWh_per_cust, 9, 'AENS')
  close(t, indices['ACCI'], expected.ACCI_kWh_per_cust_affected, 9, 'ACCI')
})

t.test('the simple example: four outages and 12 000 momentary ones', async (t) => {
  const rows = [
    [8000, 240],
    [1500, 90],
    [600, 150],
    [3200, 60],
    [12_000, 1],
  ].map(([customers = 0, min = 0], i) =>
    row({ outage: `O${i}`, from: 0, until: min * MS_PER_MIN, customers }),
  )
  const { indices, ci, cmi } = rowOf(IEEE_1366, rows, { units: 100_000 })
  t.equal(ci, 13_300)
  t.equal(cmi, 2_337_000)
  close(t, indices['SAIDI'], 23.37, 9, 'SAIDI')
  close(t, indices['SAIFI'], 0.133, 9, 'SAIFI')
  close(t, indices['CAIDI'], 175.7, 1, 'CAIDI')
  close(t, indices['MAIFI'], 0.12, 9, 'MAIFI')
})

t.test('at the limit: 300 s is momentary, a millisecond more is not', async (t) => {
  const lasting = (ms: number) => row({ from: 0, until: ms, customers: 5 })
  const found = (rulebook: Rulebook, ms: number) => rowOf(rulebook, [lasting(ms)], { units: 10 })
  t.equal(found(IEEE_1366, 300_000).ci, 0)
  t.equal(found(IEEE_1366, 300_000).indices['MAIFI'], 0.5)
  t.equal(found(IEEE_1366, 300_001).ci, 5)
  t.equal(found(IEEE_1366, 300_001).indices['MAIFI'], 0)
  t.equal(found(CEER, 180_000).ci, 0)
  t.equal(found(CEER, 180_001).ci, 5)
  t.equal(found(OFGEM, 180_000).indices['CI'], 50, 'three minutes exactly counts at Ofgem')
  t.equal(found(OFGEM, 179_999).indices['CI'], 0)
  const short = found(DLT_836, 180_000)
  t.equal(short.indices['SAIFI-1'], 0.5, 'DL/T 836 counts short ones in -1')
  t.equal(short.indices['SAIFI-4'], 0, 'and leaves them out of -4')
  t.equal(short.indices['MAIFI'], 0.5)
  t.equal(found(DLT_836, 180_001).indices['SAIFI-4'], 0.5)
})

t.test('a ratio without a denominator is null, and so is what nobody knows', async (t) => {
  for (const rulebook of RULEBOOKS) {
    const { indices, units } = rowOf(rulebook, [row({ from: 0, until: MS_PER_H, customers: 5 })], {
      units: 0,
    })
    for (const [symbol, value] of Object.entries(indices)) {
      t.ok(value === null || Number.isFinite(value), `${rulebook.id} ${symbol} is ${value}`)
      t.type(units[symbol], 'string')
    }
  }
  const quiet = rowOf(IEEE_1366, [], { units: 100 })
  t.equal(quiet.indices['SAIFI'], 0)
  t.equal(quiet.indices['CAIDI'], null)
  t.equal(quiet.indices['ASAI'], 1)
  const nobody = rowOf(IEEE_1366, [row({ from: 0, until: MS_PER_H, customers: 5 })], { units: 0 })
  t.equal(nobody.indices['SAIDI'], null)
  t.equal(nobody.indices['ASAI'], null)
  t.equal(nobody.indices['CAIDI'], 60, 'which needs no customers served')
})

t.test('an interruption that lasts counts until now, and says so', async (t) => {
  const open = row({ from: 0, until: null, customers: 5, members: [15] })
  const at = (now: EpochMs) => rowOf(IEEE_1366, [open], { units: 10 }, { now })
  t.match(at(MS_PER_H), { ci: 5, cmi: 300, provisional: true })
  t.match(at(200_000), { ci: 0, cmi: 0, provisional: true }, 'not yet known to be sustained')
  t.equal(at(200_000).indices['MAIFI'], 0, 'nor to be momentary')
  const ended = { ...open, until: MS_PER_H }
  t.match(rowOf(IEEE_1366, [ended], { units: 10 }, { now: MS_PER_H }), {
    cmi: 300,
    provisional: false,
  })
})

t.test('DL/T 836: a load point is one user, whatever hangs on it', async (t) => {
  const weigh: Weigh = () => ({ customers: 40, connectedKva: 100, averageKw: 30 })
  const rows = [
    row({
      outage: 'fault',
      from: 0,
      until: 2 * MS_PER_H,
      customers: 120,
      connectedKva: 300,
      members: [groupCode(1, 1), groupCode(1, 6), groupCode(2, 7)],
    }),
    row({
      outage: 'works',
      from: 10 * MS_PER_H,
      until: 11 * MS_PER_H,
      customers: 40,
      connectedKva: 100,
      members: [groupCode(2, 7)],
      nature: 'planned',
      external: true,
    }),
    row({
      outage: 'limit',
      from: 20 * MS_PER_H,
      until: 20 * MS_PER_H + 120_000,
      customers: 40,
      connectedKva: 100,
      members: [groupCode(2, 7)],
      nature: 'planned',
      sourceShortage: true,
    }),
  ]
  const { indices, units } = rowOf(
    DLT_836,
    rows,
    { units: 10, kva: 1000, periodHours: 100 },
    { weigh },
  )
  close(t, indices['SAIDI-1'], (4 + 1 + 1 / 30) / 10, 9, 'SAIDI-1')
  close(t, indices['SAIDI-2'], (4 + 1 / 30) / 10, 9, 'SAIDI-2 without external')
  close(t, indices['SAIDI-3'], 0.5, 9, 'SAIDI-3 without source shortage')
  close(t, indices['SAIDI-4'], 0.5, 9, 'SAIDI-4 without short ones')
  close(t, indices['SAIDI-F'], 0.4, 9, 'SAIDI-F')
  close(t, indices['SAIDI-S'], (1 + 1 / 30) / 10, 9, 'SAIDI-S')
  close(t, indices['ASAI-4'], 99.5, 9, 'ASAI-4')
  t.equal(indices['SAIFI-1'], 0.4)
  close(t, indices['停电时户数'], 5 + 1 / 30, 9, 'user-hours')
  close(t, indices['MIC'], 4 / 3, 9, 'users per outage')
  t.equal(indices['MIC-F'], 2)
  t.equal(indices['MID-F'], 2)
  close(t, indices['MID-S'], (1 + 1 / 30) / 2, 9, 'hours per prearranged outage')
  t.equal(indices['MAIFI-S'], 0.1)
  t.equal(indices['MAIFI-F'], 0)
  close(t, indices['ASIFI'], 0.5, 9, 'both phase groups of a user add their kVA')
  t.equal(units['SAIDI-1'], 'h/户')
})

t.test('overlapping outages: one interruption, of the outage that began it', async (t) => {
  const rows = [
    row({ outage: 'A', from: 0, until: MS_PER_H, customers: 3, members: [15], cause: 'LIGHTNING' }),
    row({ outage: 'B', from: 0.5 * MS_PER_H, until: 2 * MS_PER_H, customers: 3, members: [15] }),
    row({ outage: 'C', from: 2 * MS_PER_H, until: 3 * MS_PER_H, customers: 3, members: [15] }),
  ]
  const weigh: Weigh = () => ({ customers: 3, connectedKva: null, averageKw: 2 })
  const counted: string[] = []
  const reckoning = openReckoning({
    settings: IEEE_1366.settings,
    timeZone: 'UTC',
    now: LATER,
    cellOf: (r) => r.cause ?? '',
    weigh,
    onCounted: (c) => counted.push(`${c.first.outage} ${c.ms / MS_PER_H} h`),
  })
  for (const r of rows) reckoning.add(r)
  t.strictSame([...reckoning.finish().keys()], ['LIGHTNING'])
  t.strictSame(counted, ['A 3 h'])
  t.match(rowOf(IEEE_1366, rows, { units: 3 }, { weigh }), { ci: 3, cmi: 540, indices: { ENS: 6 } })
})

t.test('restoration steps within one load point of a record are different customers', async (t) => {
  const rows = [
    row({ from: 0, until: MS_PER_H, customers: 60, members: [15] }),
    row({ from: 0, until: 2 * MS_PER_H, customers: 40, members: [15] }),
  ]
  const { ci, cmi, indices } = rowOf(IEEE_1366, rows, { units: 100 })
  t.equal(ci, 100)
  t.equal(cmi, 60 * 60 + 40 * 120)
  t.equal(indices['CEMI-1'], 1)
  t.equal(indices['CEMI-2'], 0)
})

t.test('Ofgem: lost again within three hours adds minutes, not an interruption', async (t) => {
  const rows = [
    row({ from: 0, until: MS_PER_H, customers: 10, members: [15] }),
    row({ from: 2 * MS_PER_H, until: 3 * MS_PER_H, customers: 10, members: [15] }),
    row({ from: 7 * MS_PER_H, until: 8 * MS_PER_H, customers: 10, members: [15] }),
  ]
  const { indices } = rowOf(OFGEM, rows, { units: 100 })
  t.equal(indices['CI'], 20)
  t.equal(indices['CML'], 18)
  t.equal(rowOf(IEEE_1366, rows, { units: 100 }).ci, 30)
})

t.test('Ofgem: what a reclosing sequence ends in is an interruption', async (t) => {
  // A minute, reclosed, then locked out for an hour: the short one counts nowhere, the long one once.
  const again = (...times: [from: number, until: number, outage?: string][]) =>
    rowOf(
      OFGEM,
      times.map(([from, until, outage = 'O1']) =>
        row({
          outage,
          from: from * MS_PER_MIN,
          until: until * MS_PER_MIN,
          customers: 10,
          members: [15],
        }),
      ),
      { units: 100 },
    ).indices
  t.match(again([0, 1], [2, 62]), { CI: 10, CML: 6 })
  t.match(again([0, 10], [20, 21], [22, 62]), { CI: 10, CML: 5 }, 'a short one between')
  t.match(again([0, 60], [239, 240], [241, 251]), { CI: 20, CML: 7 }, '181 min after the long one')
  t.match(again([0, 60], [70, 80, 'O2'], [90, 150]), { CI: 20, CML: 13 }, 'another between')
})

t.test('an outage that comes again while another goes on is no second customer', async (t) => {
  // A 0–60, B 30–200, A again 100–150 at one load point of ten: one interruption of 200 min.
  const rows = (
    [
      ['A', 0, 60],
      ['B', 30, 200],
      ['A', 100, 150],
    ] as const
  ).map(([outage, from, until]) =>
    row({
      outage,
      from: from * MS_PER_MIN,
      until: until * MS_PER_MIN,
      customers: 10,
      members: [15],
    }),
  )
  t.match(rowOf(IEEE_1366, rows, { units: 10 }), { ci: 10, cmi: 2000, indices: { 'CEMI-1': 1 } })
})

t.test('days are the local calendar, durations are time', async (t) => {
  t.equal(hoursBetween('2024-03-10', '2024-03-11', 'America/New_York'), 23)
  t.equal(hoursBetween('2024-11-03', '2024-11-04', 'America/New_York'), 25)
  t.equal(hoursBetween('2023-01-01', '2024-01-01', 'America/New_York'), 8760)
  t.equal(
    dayStart('2018-11-04', 'America/Sao_Paulo'),
    Date.parse('2018-11-04T03:00:00Z'),
    'a day without a midnight',
  )
  t.equal(localDayOf(Date.parse('2024-02-11T04:30:00Z'), 'America/New_York'), '2024-02-10')
  t.equal(localDayOf(Date.parse('2024-06-30T18:29:59Z'), 'Asia/Kolkata'), '2024-06-30')
  const wall = (text: string, later = false) =>
    instantOfLocal(Date.parse(`${text}Z`), 'America/New_York', later)
  t.equal(wall('2024-07-01T00:00:00').at, Date.parse('2024-07-01T04:00:00Z'))
  t.match(wall('2024-03-10T02:30:00'), { at: Date.parse('2024-03-10T07:30:00Z'), skipped: true })
  t.match(wall('2024-11-03T01:30:00'), { at: Date.parse('2024-11-03T05:30:00Z'), twice: true })
  t.match(wall('2024-11-03T01:30:00', true), { at: Date.parse('2024-11-03T06:30:00Z') })
  fc.assert(
    fc.property(
      fc.integer({ min: Date.parse('2000-01-01'), max: Date.parse('2035-01-01') }),
      fc.constantFrom(
        'America/New_York',
        'Asia/Shanghai',
        'Australia/Lord_Howe',
        'America/Sao_Paulo',
      ),
      (instant, zone) => {
        const day = localDayOf(instant, zone)
        return dayStart(day, zone) <= instant && localDayOf(dayStart(day, zone) - 1, zone) < day
      },
    ),
  )
})

/** A little world: 8 supply groups of 1 to 8 customers, with interruptions that never overlap within a group. */
const world = fc
  .array(
    fc.record({
      group: fc.integer({ min: 0, max: 7 }),
      gapS: fc.integer({ min: 1, max: 20_000 }),
      lastsS: fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 90_000 })),
      planned: fc.boolean(),
    }),
    { maxLength: 60 },
  )
  .map((steps) => {
    const ends = Array.from({ length: 8 }, () => Date.parse('2024-03-08T00:00:00Z'))
    return steps.map(({ group, gapS, lastsS, planned }, i) => {
      const from = (ends[group] ?? 0) + gapS * 1000
      ends[group] = from + lastsS * 1000
      return row(
        {
          outage: `O${i}`,
          from,
          until: ends[group],
          customers: group + 1,
          members: [groupCode(group, 7)],
          feeder: group < 4 ? 'F1' : 'F2',
          nature: planned ? 'planned' : 'unplanned',
        },
        'America/New_York',
      )
    })
  })
const eight: Weigh = (group) => ({
  customers: Math.floor(group / 8) + 1,
  connectedKva: 1,
  averageKw: 1,
})
const inNewYork = (rulebook: Rulebook, rows: readonly Interruption[]) =>
  rowOf(
    rulebook,
    rows,
    { units: 36, kva: 8, averageKw: 8 },
    { weigh: eight, zone: 'America/New_York' },
  )

t.test('the sums agree with a count customer by customer', async (t) => {
  fc.assert(
    fc.property(world, (rows) => {
      const limit = 300_000
      let ci = 0
      let customerMs = 0
      let momentary = 0
      const times = new Map<number, number>()
      for (const { members, from, until, customers } of rows) {
        const ms = (until ?? 0) - from
        if (ms <= limit) momentary += customers
        else {
          ci += customers
          customerMs += customers * ms
          const who = members?.[0] ?? -1
          times.set(who, (times.get(who) ?? 0) + 1)
        }
      }
      const atLeast = (n: number) =>
        [...times].reduce((sum, [who, k]) => sum + (k >= n ? Math.floor(who / 8) + 1 : 0), 0)
      const found = inNewYork(IEEE_1366, rows)
      t.equal(found.ci, ci)
      t.equal(Math.round(found.cmi * MS_PER_MIN), customerMs)
      t.equal(found.indices['MAIFI'], momentary / 36)
      for (const n of [1, 2, 3, 5]) t.equal(found.indices[`CEMI-${n}`], atLeast(n) / 36)
    }),
    { numRuns: 50 },
  )
})

t.test('identities that hold whatever happened', async (t) => {
  const near = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a))
  const check = (what: string, a: number | null | undefined, b: number | null | undefined) => {
    if (a === null || b === null) return
    if (!near(a ?? NaN, b ?? NaN)) throw new Error(`${what}: ${a} is not ${b}`)
  }
  const product = (a: number | null | undefined, b: number | null | undefined) =>
    a == null || b == null ? null : a * b
  fc.assert(
    fc.property(world, (rows) => {
      const { indices: i } = inNewYork(IEEE_1366, rows)
      check('CAIDI·SAIFI = SAIDI', product(i['CAIDI'], i['SAIFI']), i['SAIDI'])
      check('CTAIDI = CAIFI·CAIDI', product(i['CAIFI'], i['CAIDI']), i['CTAIDI'])
      check('ASAI + ASUI = 1', (i['ASAI'] ?? 0) + (i['ASUI'] ?? 0), 1)
      check('CEMI-1·CAIFI = SAIFI', product(i['CEMI-1'], i['CAIFI']), i['SAIFI'])
      if ((i['MAIFI-E'] ?? 0) > (i['MAIFI'] ?? 0)) throw new Error('MAIFI-E ≤ MAIFI')
      const { indices: d } = inNewYork(DLT_836, rows)
      check('SAIDI-F + SAIDI-S', (d['SAIDI-F'] ?? 0) + (d['SAIDI-S'] ?? 0), d['SAIDI-1'])
      check('SAIFI-F + SAIFI-S', (d['SAIFI-F'] ?? 0) + (d['SAIFI-S'] ?? 0), d['SAIFI-1'])
      const parts = ['F1', 'F2'].map((f) =>
        inNewYork(
          IEEE_1366,
          rows.filter((r) => r.feeder === f),
        ),
      )
      check(
        'Σ feeders',
        parts.reduce((sum, part) => sum + part.cmi, 0),
        inNewYork(IEEE_1366, rows).cmi,
      )
    }),
  )
  t.pass('held')
})

t.test('order, repetition in the past and cuts at midnight change nothing', async (t) => {
  const cut = (rows: readonly Interruption[]): Interruption[] =>
    rows.flatMap((whole) => {
      const pieces: Interruption[] = []
      const until = whole.until ?? 0
      for (let { from } = whole; from < until;) {
        const day = localDayOf(from, 'America/New_York')
        const midnight = dayStart(addDays(day, 1), 'America/New_York')
        pieces.push({ ...whole, from, day, until: Math.min(until, midnight) })
        from = midnight
      }
      return pieces
    })
  fc.assert(
    fc.property(world, fc.infiniteStream(fc.nat()), (rows, numbers) => {
      const shuffled = rows
        .map((r) => ({ r, n: numbers.next().value ?? 0 }))
        .sort((a, b) => a.n - b.n)
        .map(({ r }) => r)
      for (const rulebook of RULEBOOKS) {
        const straight = inNewYork(rulebook, rows)
        t.strictSame(inNewYork(rulebook, shuffled), straight)
        for (const nobody of [false, true]) {
          const named = nobody ? rows.map((r) => ({ ...r, members: null, connectedKva: 3 })) : rows
          const whole = inNewYork(rulebook, named)
          const inPieces = inNewYork(rulebook, cut(named))
          for (const symbol of Object.keys(whole.indices)) {
            const a = whole.indices[symbol]
            const b = inPieces.indices[symbol]
            if (a === null || b === null ? a !== b : Math.abs((a ?? 0) - (b ?? 0)) > 1e-9)
              throw new Error(`${rulebook.id} ${symbol}: ${a} cut at midnight is ${b}`)
          }
        }
      }
    }),
    { numRuns: 25 },
  )
})

t.test('customers served: the average of daily counts; later statements win', async (t) => {
  const count = { loadPoints: 4, connectedKva: null, averageKw: null }
  const network = (fromDay: string, n: number) => ({
    fromDay,
    feeders: [
      { feeder: 'F1', substation: 'S', area: 'north', customers: n, ...count },
      { feeder: 'F2', substation: 'S', area: 'north', customers: 50, ...count },
    ],
  })
  const system = { kind: 'system' as const }
  const north = { kind: 'area' as const, id: 'north' }
  const alone = servedBook([network('2024-01-01', 100), network('2024-01-31', 200)], [])
  t.equal(alone.average('2024-01-01', '2024-02-01', system)?.customers, (30 * 150 + 250) / 31)
  t.equal(
    alone.average('2020-01-01', '2021-01-01', system)?.customers,
    150,
    'the first holds before',
  )
  t.equal(alone.average('2024-02-01', '2024-03-01', { kind: 'feeder', id: 'F1' })?.customers, 200)
  t.equal(alone.average('2024-02-01', '2024-03-01', { kind: 'feeder', id: 'F9' }), null)
  t.equal(alone.average('2024-02-01', '2024-03-01', system)?.loadPoints, 8)
  t.equal(alone.average('2024-02-01', '2024-03-01', system)?.connectedKva, null)

  const both = servedBook(
    [network('2024-07-01', 100)],
    [
      { area: 'north', fromDay: '2023-01-01', customers: 120 },
      { area: 'north', fromDay: '2024-10-01', customers: 400 },
      { area: 'old', fromDay: '2023-01-01', customers: 30 },
    ],
  )
  t.equal(both.on('2022-05-05', system)?.customers, 150, 'before the network the record speaks')
  t.equal(both.on('2024-06-30', north)?.customers, 120)
  t.equal(both.on('2024-07-01', north)?.customers, 150, 'then the network')
  t.equal(
    both.on('2024-07-01', system)?.customers,
    150,
    'for all: what it has not is served no more',
  )
  t.equal(both.on('2024-10-01', north)?.customers, 400, 'then the later word of the record')
  t.strictSame(both.places('2024-01-01', '2025-01-01', 'area'), ['north', 'old'])
  t.equal(servedBook([], []).average('2024-01-01', '2024-02-01', system), null)
})

/** Two feeders of one substation; P1 on one load point, P2 and P3 (two sets of phases) on another. */
const TABLES: NetworkTables = {
  sources: [{ id: 'grid', node: 'bus', phases: 7, ratedKva: null }],
  substations: [{ id: 'S1', name: 'Mill', area: 'north', lon: null, lat: null }],
  feeders: ['F1', 'F2'].map((id, i) => ({
    id,
    name: id,
    substation: 'S1',
    head: `B${i + 1}`,
    ratedA: null,
    ratedKva: null,
  })),
  nodes: ['bus', 'n1', 'n2'].map((id) => ({ id, kv: 10, lon: null, lat: null })),
  switches: [1, 2].map((i) => ({
    id: `B${i}`,
    from: 'bus',
    to: `n${i}`,
    kind: 'breaker' as const,
    phases: 7,
    normallyClosed: true,
    ratedA: null,
    telemetered: true,
    name: null,
  })),
  lines: [],
  transformers: [],
  servicePoints: [
    ['P1', 'n1', 7, 60, 100, 30],
    ['P2', 'n2', 1, 30, 50, 10],
    ['P3', 'n2', 6, 10, null, 5],
  ].map(([id, node, phases, customers, kva, kw]) => ({
    id: String(id),
    node: String(node),
    phases: Number(phases),
    customers: Number(customers),
    connectedKva: kva === null ? null : Number(kva),
    class: null,
    averageKw: Number(kw),
    peakKw: null,
    priority: null,
    lon: null,
    lat: null,
  })),
}

t.test(
  'the report over the table: groups, exclusions, months, what reaches over the edges',
  async (t) => {
    const { db } = await openTestDatabase(t)
    const zone = 'Asia/Shanghai'
    await db
      .insertInto('network_revision')
      .values({
        revision: 1,
        valid_from: '2025-06-01T00:00:00+08:00',
        imported_at: '2025-06-01T00:00:00+08:00',
        format: 'folder',
        report: '[]',
      })
      .execute()
    const numbers: Record<string, number> = { n1: 11, n2: 12 }
    await db
      .transaction()
      .execute((tx) => saveServed(tx, 1, buildNetwork(TABLES), TABLES, (id) => numbers[id] ?? -1))
    const put = (
      from: string,
      until: string | null,
      feeder: string,
      members: number[],
      more = {},
    ) =>
      db
        .insertInto('interruption')
        .values({
          outage: `${feeder} ${from}`,
          from_at: `${from}:00+08:00`,
          until_at: until === null ? null : `${until}:00+08:00`,
          area: 'north',
          substation: 'S1',
          feeder,
          phases: 7,
          customers: members.length === 2 ? 40 : members[0] === 95 ? 60 : 30,
          connected_kva: null,
          members,
          local_day: from.slice(0, 10),
          ...more,
        })
        .execute()
    const [p1, p2, p3] = [groupCode(11, 7), groupCode(12, 1), groupCode(12, 6)]
    await put('2024-12-31T22:00', '2025-01-01T02:00', 'F1', [p1])
    await put('2025-01-31T23:00', '2025-02-01T01:00', 'F1', [p1], { cause: 'VEGETATION' })
    await put('2025-02-10T10:00', '2025-02-10T10:30', 'F2', [p2, p3], { nature: 'planned' })
    await put('2025-02-11T10:00', '2025-02-11T11:00', 'F2', [p2], { external: true })
    await put('2025-02-12T10:00', '2025-02-12T10:03', 'F2', [p2, p3])
    await put('2025-03-31T23:00', null, 'F1', [p1])
    const ask = {
      rulebook: IEEE_1366,
      exclude: [],
      timeZone: zone,
      now: Date.parse('2025-04-01T01:00:00+08:00'),
    }

    const quarter = { from: '2025-01-01', to: '2025-04-01' }
    const system = await indicesReport(db, { ...ask, ...quarter, by: 'system' })
    t.strictSame(
      system.rulebook.settings,
      IEEE_1366.settings,
      'settings are printed with the report',
    )
    t.match(system.rows, [
      {
        group: 'system',
        customersServed: 100,
        ci: 60 + 40 + 30 + 60,
        cmi: 7200 + 1200 + 1800 + 7200,
        provisional: true,
      },
    ])
    const [all] = system.rows
    t.equal(all?.indices['MAIFI'], 0.4)
    t.equal(all?.indices['CEMI-1'], 1)
    t.equal(all?.indices['CEMI-2'], 0.9)
    t.equal(all?.indices['ENS'], 30 * 4 + 15 * 0.5 + 10 * 1, 'by the average load of the members')
    t.equal(all?.indices['ASIFI'], null, 'one service point does not say its kVA')
    t.strictSame(system.notes, [])

    const by = async (
      grouping: 'feeder' | 'month' | 'cause' | 'nature' | 'substation' | 'area',
      more = {},
    ) => {
      const { rows } = await indicesReport(db, { ...ask, ...quarter, by: grouping, ...more })
      return rows.map(({ group, customersServed, ci, cmi }) => [group, customersServed, ci, cmi])
    }
    t.strictSame(await by('feeder'), [
      ['F1', 60, 120, 14_400],
      ['F2', 40, 70, 3000],
    ])
    t.strictSame(await by('area'), [['north', 100, 190, 17_400]])
    t.strictSame(await by('substation'), [['S1', 100, 190, 17_400]])
    t.strictSame(await by('month'), [
      ['2025-01', 100, 60, 7200],
      ['2025-02', 100, 70, 3000],
      ['2025-03', 100, 60, 7200],
    ])
    t.strictSame(await by('cause'), [
      [null, 100, 130, 10_200],
      ['VEGETATION', 100, 60, 7200],
    ])
    t.strictSame(
      await by('month', { exclude: ['planned', 'external'], within: { feeder: 'F2' } }),
      [
        ['2025-01', 40, 0, 0],
        ['2025-02', 40, 0, 0],
        ['2025-03', 40, 0, 0],
      ],
    )
    const december = await indicesReport(db, {
      ...ask,
      from: '2024-12-01',
      to: '2025-01-01',
      by: 'system',
    })
    t.match(
      december.rows,
      [{ ci: 60, cmi: 14_400, provisional: false }],
      'belongs to the day it began',
    )

    const users = await indicesReport(db, { ...ask, ...quarter, by: 'system', rulebook: DLT_836 })
    t.match(users.rows, [{ customersServed: 2, ci: 5, indices: { 'SAIFI-1': 2.5 } }])

    for (const rulebook of RULEBOOKS) {
      for (const grouping of ['system', 'feeder', 'month', 'cause', 'nature', 'day'] as const) {
        const question = { ...ask, ...quarter, rulebook, by: grouping }
        const { rows } = await indicesReport(db, question)
        for (const row of rows) {
          const told = await explained(db, { ...question, group: row.group })
          t.strictSame(told.row, row, `${rulebook.id} by ${grouping}: ${row.group}`)
          const add = (of: (sum: { ci: number; customerSeconds: number }) => number) =>
            told.outages.reduce((total, outage) => total + of(outage), of(told.rest))
          t.equal(
            add((sum) => sum.ci),
            row.ci,
          )
          t.equal(
            add((sum) => sum.customerSeconds),
            Math.round(row.cmi * 60),
          )
          for (const outage of told.outages) {
            const seconds = outage.sets.reduce((total, set) => total + set.customerSeconds, 0)
            t.equal(seconds, outage.customerSeconds)
          }
        }
      }
    }
  },
)

t.test('a figure leads to the observations behind it', async (t) => {
  const { db, pool } = await openTestDatabase(t)
  await saveRevision(pool, TABLES, { validFrom: 0, importedAt: 0, format: 'folder', report: [] })
  const from = Date.parse('2025-05-01T08:00:00Z')
  const until = from + MS_PER_H
  const say = (point: string, at: EpochMs, position: 'open' | 'closed'): Observation => ({
    kind: 'switch',
    gateway: 'g',
    point,
    seq: 1,
    at,
    receivedAt: at + 5,
    position,
    phases: null,
    reason: null,
    quality: 'good',
    bySubject: null,
  })
  const set = { from, until, area: 'north', substation: 'S1', feeder: 'F2', phases: 7 }
  await db.transaction().execute(async (tx) => {
    const said = [say('B2', from, 'open'), say('B2', until, 'closed'), say('B1', from, 'closed')]
    await runIn(
      tx,
      toSaveObservations(said, () => false),
    )
    const numbers = await loadPointNumbers(tx, ['n1', 'n2'])
    const point = numbers.get('n2') ?? -1
    const after: OutageFacts = {
      ...set,
      id: 'out',
      device: 'B2',
      anchorAt: from,
      startUncertain: false,
      lockedOut: false,
      startedAt: from,
      restoredAt: until,
      customersOut: 0,
      customersInterrupted: 40,
      closedCustomerMs: 40 * MS_PER_H,
      steps: [{ at: until, device: 'B2', customersRestored: 40 }],
      sets: [
        {
          ...set,
          customers: 40,
          connectedKva: null,
          members: [groupCode(point, 1), groupCode(point, 6)],
        },
      ],
    }
    const change = { before: null, after, corrected: false, why: [] }
    const nobodySaid = {
      cause: null,
      causeDetail: null,
      crew: null,
      etr: null,
      closedAt: null,
      told: null,
    }
    const saving = toSaveOutages([change], {
      at: until,
      localDay: (at) => localDayOf(at, 'UTC'),
      board: (id) => ({ id, kind: 'unplanned', ...nobodySaid }),
    })
    await runIn(tx, saving)
  })
  const question = {
    from: '2025-01-01',
    to: '2026-01-01',
    by: 'feeder',
    rulebook: IEEE_1366,
    exclude: [],
    now: LATER,
    timeZone: 'UTC',
  } as const
  const { rows } = await indicesReport(db, question)
  t.match(
    rows,
    [
      { group: 'F1', customersServed: 60, ci: 0, indices: { SAIFI: 0, CAIDI: null } },
      {
        group: 'F2',
        customersServed: 40,
        ci: 40,
        cmi: 2400,
        indices: { SAIFI: 1, ENS: 15, 'CEMI-1': 1 },
      },
    ],
    'a revision is counted when it is first needed',
  )
  const told = await explained(db, { ...question, group: 'F2' })
  t.match(told.outages, [
    {
      outage: 'out',
      origin: 'live',
      device: 'B2',
      ci: 40,
      customerSeconds: 144_000,
      sets: [
        { customers: 40, from: '2025-05-01T08:00:00.000Z', until: '2025-05-01T09:00:00.000Z' },
      ],
      observations: [
        { point: 'B2', value: 'open', gateway: 'g', at: '2025-05-01T08:00:00.000Z' },
        { point: 'B2', value: 'closed', receivedAt: '2025-05-01T09:00:00.005Z' },
      ],
    },
  ])
  t.equal(told.outages[0]?.observations.length, 2, 'and not to those of others')
  t.strictSame((await explained(db, { ...question, group: 'F1' })).outages, [])
})

t.test('every vector that is given is read by a test above', { skip }, async (t) => {
  const given = fs.readdirSync(VECTORS).sort()
  t.ok(given.length >= 4)
  t.strictSame([...vectorsRead].sort(), given)
})
