import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { buildNetwork } from '../src/grid/network.ts'
import { groupCode } from '../src/ledger/facts.ts'
import { applyObservations } from '../src/ledger/ledger.ts'
import type { SwitchObservation } from '../src/ledger/observation.ts'
import { hoursBetween, localDayOf } from '../src/reliability/calendar.ts'
import { dltNatureOf } from '../src/reliability/causes.ts'
import { countsOutages, indexRow, type Served } from '../src/reliability/indices.ts'
import {
  byStart,
  emptySums,
  openReckoning,
  type Interruption,
} from '../src/reliability/reckoning.ts'
import { settingsInWords, shown } from '../src/reliability/report.ts'
import type { Rulebook, RulebookSettings } from '../src/reliability/rulebook.ts'
import { CEER, DLT_836, IEEE_1366, OFGEM, RULEBOOKS } from '../src/reliability/rulebooks.ts'
import { servedBook } from '../src/reliability/served.ts'
import { readInterruptionRecord } from '../src/imports/interruption-record.ts'
import { indicesReport } from '../src/stores/indices.ts'
import { storeInterruptionRecord } from '../src/stores/interruption-records.ts'
import type { Exclusion } from '../src/stores/report-question.ts'
import { MS_PER_MIN, MS_PER_S, type EpochMs } from '../src/time.ts'
import { CHINA_PROMISE, noticeStanding } from '../src/work/promise.ts'
import { openTestDatabase } from './support/database.ts'
import { draw, ledgerOf, outagesOf, said, T0 } from './support/drawn-ledger.ts'

const MOMENTARY = new URL('../../shared/data/vectors/momentary_vectors.json', import.meta.url)

// Each test is a rule of `reference/standards.md`; its numbers were worked out by hand, as the comment beside them says.

const NINE = Date.parse('2025-03-03T09:00:00Z')
const min = (minutes: number): EpochMs => NINE + minutes * MS_PER_MIN
const s = (seconds: number): EpochMs => NINE + seconds * MS_PER_S
/** Customers `first` to `last`, each behind a transformer of its own. */
const people = (first: number, last = first): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => groupCode(first + i, 7))

function off(
  from: EpochMs,
  until: EpochMs | null,
  members: number[],
  more: Partial<Interruption> = {},
): Interruption {
  return {
    outage: 'O1',
    from,
    until,
    area: null,
    substation: null,
    feeder: null,
    day: localDayOf(from, 'UTC'),
    customers: members.length,
    connectedKva: null,
    members,
    nature: 'unplanned',
    cause: null,
    external: false,
    sourceShortage: false,
    ...more,
  }
}

const withSettings = (rulebook: Rulebook, settings: Partial<RulebookSettings>): Rulebook => ({
  ...rulebook,
  settings: { ...rulebook.settings, ...settings },
})

/** Ten customers unless said otherwise; one cell, or what `cellOf` says. */
function figures(
  rulebook: Rulebook,
  rows: readonly Interruption[],
  more: Partial<Served> & {
    now?: EpochMs
    cellOf?: (row: Interruption) => string | undefined
  } = {},
) {
  const { now = min(1e6), cellOf = () => '', ...served } = more
  const reckoning = openReckoning({
    settings: rulebook.settings,
    timeZone: 'UTC',
    now,
    cellOf,
    weigh: () => ({ customers: 1, connectedKva: null, averageKw: null }),
    perOutage: countsOutages(rulebook),
  })
  for (const row of [...rows].sort(byStart)) reckoning.add(row)
  const sums = reckoning.finish()
  const of = (cell: string) =>
    indexRow(rulebook, cell, sums.get(cell) ?? emptySums(), {
      units: 10,
      kva: null,
      averageKw: null,
      periodHours: 744,
      ...served,
    })
  return { ...of(''), of }
}

t.test('§1.4', async (t) => {
  t.test(
    '1 step restoration: one interruption a customer, each with its own minutes',
    async (t) => {
      // Six lost at 08:00, four back 08:45, two back 10:00: 4 × 45 + 2 × 120 = 420.
      const rows = [off(min(-60), min(-15), people(1, 4)), off(min(-60), min(60), people(5, 6))]
      t.match(figures(IEEE_1366, rows), {
        ci: 6,
        cmi: 420,
        indices: { SAIFI: 0.6, SAIDI: 42, CAIDI: 70 },
      })
    },
  )

  t.test(
    '2 a stage whose number was estimated counts the number that the record says',
    async (t) => {
      // Two transformers of one customer each by the drawing; the record says 8 came back: four each, 8 × 30.
      const told = off(min(0), min(30), people(1, 2), { customers: 8 })
      t.match(figures(IEEE_1366, [told]), { ci: 8, cmi: 240, indices: { 'CEMI-1': 0.8 } })
    },
  )

  t.test(
    '3 lost again in the same incident: over five minutes anew, up to five momentary; or merged by a setting',
    async (t) => {
      // 60 min, on for 10, then 20 min (or 5).
      const again = (minutes: number) => [
        off(min(0), min(60), people(1)),
        off(min(70), min(70 + minutes), people(1)),
      ]
      t.match(figures(IEEE_1366, again(20)), { ci: 2, cmi: 80 })
      t.match(figures(IEEE_1366, again(5)), { ci: 1, cmi: 60, indices: { MAIFI: 0.1 } })
      const merged = withSettings(IEEE_1366, { reinterruptionMergeMin: 180 })
      t.match(figures(merged, again(20)), { ci: 1, cmi: 80 })
      const told = settingsInWords(merged.settings, 'en')
      t.ok(
        told.some(([, value]) => value === 'within 180 min: time only'),
        'and the report prints it',
      )
    },
  )

  t.test(
    '4 incidents that overlap for a customer: no minute twice, the cause is the first',
    async (t) => {
      // 0–60 by wind and 30–90 by a tree: one of 90 min, not two of 60.
      const rows = [
        off(min(0), min(60), people(1), { outage: 'A', cause: 'WEATHER/wind' }),
        off(min(30), min(90), people(1), { outage: 'B', cause: 'VEGETATION' }),
      ]
      const { of } = figures(IEEE_1366, rows, { cellOf: (row) => row.cause ?? '' })
      t.match(of('WEATHER/wind'), { ci: 1, cmi: 90 })
      t.match(of('VEGETATION'), { ci: 0, cmi: 0 })
    },
  )

  t.test(
    '5 an open outage: its frequency at once, its minutes until now, and provisional',
    async (t) => {
      const rows = [off(min(0), null, people(1, 3))]
      // 3 × 100, an hour later 3 × 160.
      t.match(figures(IEEE_1366, rows, { now: min(100) }), { ci: 3, cmi: 300, provisional: true })
      t.match(figures(IEEE_1366, rows, { now: min(160) }), { ci: 3, cmi: 480, provisional: true })
      const over = [off(min(0), min(160), people(1, 3))]
      t.match(figures(IEEE_1366, over), { ci: 3, cmi: 480, provisional: false })
    },
  )

  t.test(
    '6 it belongs to the day and period in which it starts, minutes past midnight and year’s end included',
    async (t) => {
      const { db } = await openTestDatabase(t)
      // Chicago, 31 December 23:30 to 1 January 01:30: 120 min, all of December's.
      await db
        .insertInto('customers_served')
        .values({ area: 'A', from_day: '2024-01-01', customers: 10 })
        .execute()
      await record(
        db,
        ['O1,2024-12-31T23:30:00-06:00,2025-01-01T01:30:00-06:00,5'],
        'America/Chicago',
      )
      const of = async (from: string, to: string, by: 'system' | 'day' = 'system') =>
        (
          await indicesReport(db, {
            from,
            to,
            by,
            rulebook: IEEE_1366,
            exclude: [],
            now: min(0),
            timeZone: 'America/Chicago',
          })
        ).rows
      t.match(await of('2024-12-01', '2025-01-01'), [{ ci: 5, cmi: 600 }])
      t.match(await of('2025-01-01', '2025-02-01'), [{ ci: 0, cmi: 0 }])
      t.match(await of('2024-12-31', '2025-01-02', 'day'), [
        { group: '2024-12-31', cmi: 600 },
        { group: '2025-01-01', cmi: 0 },
      ])
    },
  )

  t.test('6 a day of 23 or 25 hours: durations are time, not clocks', async (t) => {
    const { db } = await openTestDatabase(t)
    await db
      .insertInto('customers_served')
      .values({ area: 'A', from_day: '2024-01-01', customers: 10 })
      .execute()
    // 9 March 2025, 01:30 CST to 03:30 CDT is one hour; 2 November, 00:30 CDT to 02:30 CST is three.
    await record(
      db,
      [
        'O1,2025-03-09T01:30:00-06:00,2025-03-09T03:30:00-05:00,1',
        'O2,2025-11-02T00:30:00-05:00,2025-11-02T02:30:00-06:00,1',
      ],
      'America/Chicago',
    )
    const { rows } = await indicesReport(db, {
      from: '2025-03-01',
      to: '2025-12-01',
      by: 'month',
      rulebook: IEEE_1366,
      exclude: [],
      now: Date.parse('2026-01-01T00:00:00Z'),
      timeZone: 'America/Chicago',
    })
    const minutes = (month: string) => rows.find(({ group }) => group === month)?.cmi
    t.equal(minutes('2025-03'), 60)
    t.equal(minutes('2025-11'), 180)
    t.equal(hoursBetween('2025-03-09', '2025-03-10', 'America/Chicago'), 23)
    t.equal(hoursBetween('2025-11-02', '2025-11-03', 'America/Chicago'), 25)
  })

  t.test(
    '7 customers served are the average of daily counts; CI and CMI add upward, ratios never do',
    async (t) => {
      // A: 100 for ten days, then 130 for twenty: (10 × 100 + 20 × 130) / 30 = 120. B: 40 all along.
      const book = servedBook(
        [],
        [
          { area: 'A', fromDay: '2025-06-01', customers: 100 },
          { area: 'A', fromDay: '2025-06-11', customers: 130 },
          { area: 'B', fromDay: '2025-06-01', customers: 40 },
        ],
      )
      const served = (kind: 'system' | 'area', id = '') =>
        book.average('2025-06-01', '2025-07-01', kind === 'system' ? { kind } : { kind, id })
          ?.customers
      t.equal(served('area', 'A'), 120)
      t.equal(served('system'), 160)
      t.equal(book.average('2025-06-10', '2025-06-12', { kind: 'area', id: 'A' })?.customers, 115)
      const rows = [
        off(min(0), min(60), people(1, 6), { area: 'A' }),
        off(min(0), min(30), people(11, 14), { outage: 'O2', area: 'B' }),
      ]
      const { of } = figures(IEEE_1366, rows, { cellOf: ({ area }) => area ?? '' })
      const whole = figures(IEEE_1366, rows)
      t.equal(of('A').ci + of('B').ci, whole.ci)
      t.equal(of('A').cmi + of('B').cmi, whole.cmi)
      // CAIDI 60 and 30; together 480 / 10 = 48, neither their sum nor their mean.
      t.match(
        [of('A'), of('B'), whole].map(({ indices }) => indices['CAIDI']),
        [60, 30, 48],
      )
    },
  )

  t.test(
    '8 views with and without what is left out; the same rows in the threshold and in what it judges',
    async (t) => {
      const { db } = await openTestDatabase(t)
      await db
        .insertInto('customers_served')
        .values({ area: 'A', from_day: '2020-01-01', customers: 100 })
        .execute()
      // Years before with three days with 1, 2 and 4 min: ln 2 ± ln 2, T_MED = exp(ln 2 + 2.5 ln 2) = 2^3.5 = 11.3137 min.
      const history = [
        'H1,2023-05-01T10:00:00Z,2023-05-01T11:40:00Z,1,unplanned,0',
        'H2,2023-05-02T10:00:00Z,2023-05-02T13:20:00Z,1,unplanned,0',
        'H3,2024-05-04T10:00:00Z,2024-05-04T16:40:00Z,1,unplanned,0',
      ]
      await record(
        db,
        [
          ...history,
          'A1,2025-03-01T10:00:00Z,2025-03-01T11:00:00Z,4,unplanned,0', // 240
          'A2,2025-03-02T10:00:00Z,2025-03-02T11:00:00Z,5,planned,0', // 300
          'A3,2025-03-03T10:00:00Z,2025-03-03T20:00:00Z,10,unplanned,0', // 6,000: 60 min a customer
          'A4,2025-03-04T10:00:00Z,2025-03-04T11:00:00Z,7,unplanned,1', // 420, from outside
        ],
        'UTC',
        ',nature,external',
      )
      const without = async (...exclude: Exclusion[]) =>
        await indicesReport(db, {
          from: '2025-01-01',
          to: '2026-01-01',
          by: 'system',
          rulebook: IEEE_1366,
          exclude,
          now: Date.parse('2026-02-01T00:00:00Z'),
          timeZone: 'UTC',
        })
      const cmi = async (...exclude: Exclusion[]) => (await without(...exclude)).rows[0]?.cmi
      t.equal(await cmi(), 6960)
      t.equal(await cmi('planned'), 6660)
      t.equal(await cmi('external'), 6540)
      t.equal(await cmi('major'), 960)
      const major = (await without('major', 'planned')).majorDays[0]
      t.match(major?.days, [{ date: '2025-03-03', saidiMin: 60 }])
      t.ok(Math.abs((major?.thresholdMin ?? 0) - 2 ** 3.5) < 1e-9)
      t.equal(await cmi('major', 'planned'), 660)
    },
  )

  t.test(
    '9 rounding is for people: a third of a minute stays a third until it is printed',
    async (t) => {
      const { indices } = figures(IEEE_1366, [off(min(0), s(301), people(1))], { units: 3 })
      t.equal(indices['SAIDI'], 301 / 60 / 3)
      t.equal(shown(indices['SAIDI'] ?? null, 'min'), '1.67')
      t.equal(shown(0.9997834, '1'), '0.999783')
    },
  )
})

t.test('§2.2', async (t) => {
  t.test(
    '持续停电 longer than three minutes, 短时停电 up to three; both are in SAIDI-1, only the long ones in SAIDI-4',
    async (t) => {
      const rows = [
        off(s(0), s(180), people(1)),
        off(min(60), min(60) + 180_001, people(2), { outage: 'O2' }),
      ]
      const { indices } = figures(DLT_836, rows)
      t.match(indices, { 'SAIFI-1': 0.2, 'SAIFI-4': 0.1, MAIFI: 0.1 })
      t.equal(indices['SAIDI-1'], 360_001 / 3_600_000 / 10)
      t.equal(indices['SAIDI-4'], 180_001 / 3_600_000 / 10)
    },
  )

  t.test(
    '故障停电 is what was told less than six hours before; six hours exactly are enough',
    async (t) => {
      const work = { kind: 'temporary' as const, window: { from: min(0), until: min(60) } }
      const told = (minutesBefore: number) =>
        noticeStanding(work, min(-minutesBefore), CHINA_PROMISE).countsAs
      t.equal(told(360), 'temporary')
      t.equal(told(359), 'fault')
      t.equal(
        noticeStanding({ ...work, kind: 'planned' }, min(-7 * 24 * 60), CHINA_PROMISE).countsAs,
        'planned',
      )
      // Of one work that told two of three users: F 1/10, S 2/10.
      const row = off(min(0), min(60), people(1, 3), {
        nature: 'planned',
        plannedTold: new Set(people(1, 2)),
      })
      t.match(figures(DLT_836, [row]).indices, {
        'SAIFI-F': 0.1,
        'SAIFI-S': 0.2,
        'SAIFI-1': 3 / 10,
      })
    },
  )

  t.test('内部 and 外部: SAIDI-2 leaves out what came from outside', async (t) => {
    const rows = [
      off(min(0), min(60), people(1)),
      off(min(0), min(30), people(2), { outage: 'O2', external: true }),
    ]
    t.match(figures(DLT_836, rows).indices, { 'SAIDI-1': 0.15, 'SAIDI-2': 0.1, 'SAIFI-2': 0.1 })
    t.equal(dltNatureOf(off(0, 1, [], { external: true })), 'F-EXT')
    t.equal(dltNatureOf(off(0, 1, [])), 'F-INT')
  })

  t.test(
    '预安排停电 stands apart from faults, and F + S is all: 限电 for want of generation leaves SAIDI-3',
    async (t) => {
      const rows = [
        off(min(0), min(60), people(1), { nature: 'planned' }),
        off(min(0), min(30), people(2), { outage: 'O2' }),
        off(min(0), min(12), people(3), { outage: 'O3', nature: 'planned', sourceShortage: true }),
      ]
      const { indices } = figures(DLT_836, rows)
      // 60 + 12 and 30 minutes of ten users.
      t.match(indices, { 'SAIDI-S': 0.12, 'SAIDI-F': 0.05, 'SAIDI-3': 0.15 })
      t.equal(Math.round((indices['SAIDI-1'] ?? NaN) * 1e9), 0.17e9)
    },
  )

  t.test('beyond the approved end a prearranged interruption is a fault', async (t) => {
    const row = off(min(0), min(90), people(1), { nature: 'planned', plannedUntil: min(60) })
    t.match(figures(DLT_836, [row]).indices, {
      'SAIDI-S': 0.1,
      'SAIDI-F': 0.05,
      'SAIFI-S': 0.1,
      'SAIFI-F': 0,
    })
  })

  t.test(
    '重合闸成功: what was reclosed at once is no interruption; what stayed off for longer than that is a short one',
    async (t) => {
      const at = (ms: number) => figures(DLT_836, [off(NINE, NINE + ms, people(1))]).indices
      t.match(at(500), { 'SAIFI-1': 0, MAIFI: 0, 'SAIDI-1': 0 })
      t.match(at(1000), { 'SAIFI-1': 0, MAIFI: 0 })
      t.match(at(1001), { 'SAIFI-1': 0.1, MAIFI: 0.1 })
      t.match(
        figures(IEEE_1366, [off(NINE, NINE + 500, people(1))]).indices,
        { MAIFI: 0.1 },
        'IEEE 1366 counts every operation',
      )
      t.match(
        figures(CEER, [off(NINE, NINE + 500, people(1))]).indices,
        { MAIFI: 0 },
        'EN 50160: transient',
      )
      // A trip that went through at once, and ten seconds later one that lasts: what followed is a new interruption, not part of an event.
      const rows = [off(NINE, NINE + 500, people(1)), off(s(10), min(30), people(1))]
      t.match(figures(DLT_836, rows).indices, { 'SAIFI-1': 0.1, MAIFI: 0 })
      const told = settingsInWords(DLT_836.settings, 'zh-CN').map(
        ([name, value]) => `${name}：${value}`,
      )
      t.ok(
        told.includes('重合闸成功或备用电源自动投入：1 s 以内不计为停电'),
        'and the report prints it',
      )
      const { immediateUpToS: _, ...filed } = DLT_836.settings
      t.match(
        figures({ ...DLT_836, settings: filed }, [off(NINE, NINE + 500, people(1))]).indices,
        { MAIFI: 0.1 },
        'as filed before there was a choice',
      )
    },
  )

  t.test('分步送电 is one interruption event; each user ends when it came back', async (t) => {
    // Two back after 30, one after 90: three users in one event of 1.5 h; (2 × 0.5 + 1.5) / 10.
    const rows = [off(min(0), min(30), people(1, 2)), off(min(0), min(90), people(3))]
    t.match(figures(DLT_836, rows).indices, { 'SAIFI-1': 0.3, 'SAIDI-1': 0.25, MIC: 3, MID: 1.5 })
  })

  t.test(
    'one work may be planned to some and a fault to others: MIC-F and MID-F count it for those above their line',
    async (t) => {
      // Two of three users were told; O2 is a fault of 30 min at two more, O3 a work of 2 h at one.
      const rows = [
        off(min(0), min(60), people(1, 3), {
          nature: 'planned',
          plannedTold: new Set(people(1, 2)),
        }),
        off(min(0), min(30), people(4, 5), { outage: 'O2' }),
        off(min(0), min(120), people(6), { outage: 'O3', nature: 'planned' }),
      ]
      const { indices } = figures(DLT_836, rows)
      // F: one user of O1 and two of O2, in two outages of 60 and 30 min. S: two of O1 and one of O3, of 60 and 120 min.
      t.match(indices, { 'MIC-F': 3 / 2, 'MID-F': 0.75, 'MIC-S': 3 / 2, 'MID-S': 1.5 })
      // One outage altogether is one outage: six users, 60, 30 and 120 min.
      t.match(indices, { MIC: 6 / 3, MID: 210 / 60 / 3 })
      // An overrun of 30 min adds fault time and no fault: its outage is none of F, and 60 min long in S.
      const late = off(min(0), min(90), people(1), { nature: 'planned', plannedUntil: min(60) })
      t.match(figures(DLT_836, [late]).indices, {
        'MIC-F': null,
        'MID-F': null,
        'MIC-S': 1,
        'MID-S': 1,
        MID: 1.5,
      })
      const twice = withSettings(DLT_836, { plannedOverrun: 'faultInterruption' })
      t.match(figures(twice, [late]).indices, { 'MIC-F': 1, 'MID-F': 0.5, 'MID-S': 1, MIC: 2 })
      // Begun when its approved time was over: a fault from its beginning.
      const after = off(min(70), min(90), people(1), { nature: 'planned', plannedUntil: min(60) })
      t.match(figures(DLT_836, [after]).indices, { 'MIC-F': 1, 'MIC-S': null, MIC: 1 })
    },
  )

  t.test(
    'the start is the operation of the device, not the message: a late word moves it',
    async (t) => {
      const words = [
        said('S1', 'closed', 0),
        said('S1', 'open', 10, { receivedAt: T0 + 3_600_000 }),
        said('S1', 'closed', 70),
      ]
      t.strictSame(setsOf(words), [[10, 70, 80]])
    },
  )

  t.test('fed from two sides, a user is interrupted only when both are lost', async (t) => {
    const both = draw({
      sources: [['north'], ['south']],
      switches: [
        ['B1', 'north', 'n1'],
        ['B2', 'south', 'n1'],
      ],
      points: [['P1', 'n1', 80]],
    })
    const first = [said('B1', 'closed', 0), said('B2', 'closed', 0), said('B1', 'open', 10)]
    t.strictSame(setsOf(first, both), [])
    t.strictSame(setsOf([...first, said('B2', 'open', 30), said('B1', 'closed', 90)], both), [
      [30, 90, 80],
    ])
  })
})

t.test('§8', async (t) => {
  t.test('two operations that hold are two momentary interruptions in one event', async (t) => {
    const rows = [off(s(0), s(2), people(1, 4)), off(s(17), s(32), people(1, 4))]
    t.match(figures(IEEE_1366, rows).indices, { MAIFI: 0.8, 'MAIFI-E': 0.4, SAIFI: 0 })
  })

  t.test(
    'the window is anchored at the first operation: at 300 s it is the same event, a millisecond later another',
    async (t) => {
      const at = (ms: number) => [
        off(NINE, s(2), people(1)),
        off(NINE + ms, NINE + ms + 2000, people(1)),
      ]
      t.match(figures(IEEE_1366, at(300_000)).indices, { MAIFI: 0.2, 'MAIFI-E': 0.1 })
      t.match(figures(IEEE_1366, at(300_001)).indices, { MAIFI: 0.2, 'MAIFI-E': 0.2 })
    },
  )

  t.test(
    'a lockout within the window takes the event with it; its start is the last opening',
    async (t) => {
      // Trips at 0 and 17 s, out from 47 s for 60 min: 60 min of CMI, no event.
      const rows = [
        off(s(0), s(2), people(1)),
        off(s(17), s(32), people(1)),
        off(s(47), s(47 + 3600), people(1)),
      ]
      t.match(figures(IEEE_1366, rows), { ci: 1, cmi: 60, indices: { MAIFI: 0.2, 'MAIFI-E': 0 } })
    },
  )

  t.test(
    'long or short is known when the limit is over: until then pending, and provisional',
    async (t) => {
      const rows = [off(s(0), null, people(1))]
      const pending = figures(IEEE_1366, rows, { now: s(300) })
      t.match(pending, { ci: 0, cmi: 0, provisional: true, indices: { MAIFI: 0 } })
      t.match(figures(IEEE_1366, rows, { now: s(301) }), { ci: 1, provisional: true })
    },
  )

  t.test(
    'a trip of one phase interrupts who uses it, three-phase customers among them',
    async (t) => {
      const net = draw({
        sources: [['north']],
        switches: [['B1', 'north', 'n1']],
        points: [
          ['P1', 'n1', 10, 'A'],
          ['P2', 'n1', 20, 'B'],
          ['P3', 'n1', 5, 'ABC'],
        ],
      })
      t.strictSame(
        setsOf(
          [
            said('B1', 'closed', 0),
            said('B1', 'open', 60, { phases: 1 }),
            said('B1', 'closed', 660, { phases: 1 }),
          ],
          net,
        ),
        [[60, 660, 15]],
      )
    },
  )

  t.test(
    'a repeated or retained state is no transition, and the same word twice is said once',
    async (t) => {
      const open = said('S1', 'open', 10)
      t.strictSame(
        setsOf([
          said('S1', 'closed', 0),
          open,
          open,
          said('S1', 'open', 40),
          said('S1', 'closed', 70),
        ]),
        [[10, 70, 80]],
      )
    },
  )

  t.test('any order of arrival gives the same', async (t) => {
    const words = [
      said('S1', 'closed', 0),
      said('S1', 'open', 10),
      said('S1', 'closed', 70),
      said('S1', 'open', 100),
      said('S1', 'closed', 500),
    ]
    const wanted = [
      [10, 70, 80],
      [100, 500, 80],
    ]
    for (const order of [
      [0, 1, 2, 3, 4],
      [4, 3, 2, 1, 0],
      [2, 0, 4, 1, 3],
    ])
      t.strictSame(setsOf(order.map((i) => words[i] as SwitchObservation)), wanted, order.join())
  })

  t.test('silence opens nothing and closes nothing', async (t) => {
    t.strictSame(setsOf([said('S1', 'closed', 0)]), [])
    t.strictSame(setsOf([said('S1', 'closed', 0), said('S1', 'open', 10)]), [[10, null, 80]])
  })
})

t.test(
  '§8 the words of a bad feed: late, twice, missing, ahead of time, retained',
  { skip: fs.existsSync(MOMENTARY) ? false : 'shared/data/vectors is not beside the project' },
  async (t) => {
    type Word = { ev: 'open' | 'close'; ts: number; rx?: number; seq?: number }
    const { data_quality: cases } = JSON.parse(fs.readFileSync(MOMENTARY, 'utf8')) as {
      data_quality: { name: string; arrival: Word[] }[]
    }
    const wordsOf = (code: string) =>
      (cases.find(({ name }) => name.startsWith(code))?.arrival ?? []).map(
        ({ ev, ts, rx = ts, seq }) =>
          said('S1', ev === 'open' ? 'open' : 'closed', ts, {
            receivedAt: T0 + rx * MS_PER_S,
            ...(seq === undefined ? {} : { seq }),
          }),
      )
    // What each is to become is the `expect` of the vector, in the words of the name here.
    for (const [code, wanted, says] of [
      ['D1', [[15, 17, 80]], 'sorted by the time at the device'],
      ['D2', [[15, 17, 80]], 'a word said twice is one'],
      [
        'D3',
        [[15, null, 80]],
        'open again without a closing between: one outage, and no end is made up',
      ],
      ['D4', [[20, null, 80]], 'a closing from before the opening ends nothing'],
      ['D5', [[0, 120, 80]], 'a late closing ends it when the device says'],
      ['D6', [[0, null, 80]], 'a retained state is a state since its own time'],
    ] as const) {
      const words = wordsOf(code)
      t.ok(words.length > 0, `${code} is there`)
      t.strictSame(setsOf(words), wanted, `${code} ${says}`)
    }
    // D5 at 301 s is sustained and provisional; when the closing has come it is momentary, and its minutes are withdrawn.
    const rows = (until: EpochMs | null) => [off(s(0), until, people(1))]
    t.match(figures(IEEE_1366, rows(null), { now: s(301) }), { ci: 1, provisional: true })
    t.match(figures(IEEE_1366, rows(s(120)), { now: s(1500) }), {
      ci: 0,
      cmi: 0,
      provisional: false,
      indices: { MAIFI: 0.1 },
    })
  },
)

t.test('§3.2 Ofgem', async (t) => {
  t.test(
    'where nobody is named, re-interruptions cannot be merged, and the report says that interruptions are an upper bound',
    async (t) => {
      const { db } = await openTestDatabase(t)
      await record(
        db,
        [
          'O1,2025-03-01T10:00:00Z,2025-03-01T11:00:00Z,5',
          'O1,2025-03-01T11:10:00Z,2025-03-01T12:00:00Z,5',
        ],
        'UTC',
      )
      const told = async (rulebook: Rulebook) =>
        await indicesReport(db, {
          from: '2025-01-01',
          to: '2026-01-01',
          by: 'system',
          rulebook,
          exclude: [],
          now: Date.parse('2026-02-01T00:00:00Z'),
          timeZone: 'UTC',
        })
      const upper = (notes: readonly string[]) => notes.filter((note) => /upper bound/.test(note))
      const ofgem = await told(OFGEM)
      t.match(ofgem.rows, [{ ci: 10 }])
      t.equal(upper(ofgem.notes).length, 1)
      t.ok(ofgem.notesInWords.some((note) => note['zh-CN'].includes('停电次数为上限')))
      t.equal(
        upper((await told(IEEE_1366)).notes).length,
        0,
        'where nothing is merged nothing is bounded',
      )
      // The same with its load point named: one interruption each, and nothing to warn of.
      const named = await openTestDatabase(t)
      await record(
        named.db,
        [
          'O1,2025-03-01T10:00:00Z,2025-03-01T11:00:00Z,5,P1',
          'O1,2025-03-01T11:10:00Z,2025-03-01T12:00:00Z,5,P1',
        ],
        'UTC',
        ',load_point',
      )
      const whole = await indicesReport(named.db, {
        from: '2025-01-01',
        to: '2026-01-01',
        by: 'system',
        rulebook: OFGEM,
        exclude: [],
        now: Date.parse('2026-02-01T00:00:00Z'),
        timeZone: 'UTC',
      })
      t.match(whole.rows, [{ ci: 5 }])
      t.equal(upper(whole.notes).length, 0)
    },
  )

  t.test(
    'what was planned counts half in the weighted figures, and whole in the others',
    async (t) => {
      // Ten customers: faults 2 × 60 min, planned 4 × 100 min. CI 100 × 6/10, weighted 100 × (2 + 4/2)/10; CML 520/10, weighted (120 + 200)/10.
      const rows = [
        off(min(0), min(60), people(1, 2)),
        off(min(0), min(100), people(3, 6), { outage: 'W1', nature: 'planned' }),
      ]
      const { indices } = figures(OFGEM, rows)
      t.match(indices, { CI: 60, CML: 52, 'CI-weighted': 40, 'CML-weighted': 32 })
      t.equal(OFGEM.settings.plannedWeight, 0.5)
      const whole = figures(withSettings(OFGEM, { plannedWeight: 1 }), rows).indices
      t.match(whole, { 'CI-weighted': 60, 'CML-weighted': 52 }, 'the setting makes it')
      const { plannedWeight: _, ...unsaid } = OFGEM.settings
      t.match(figures({ ...OFGEM, settings: unsaid }, rows).indices, { 'CML-weighted': 52 })
    },
  )

  t.test('the weight is printed with every report', async (t) => {
    const told = (rulebook: Rulebook) =>
      settingsInWords(rulebook.settings, 'en').map(([name, value]) => `${name}: ${value}`)
    t.ok(told(OFGEM).includes('Planned interruptions in weighted figures: count 50 %'))
    for (const rulebook of RULEBOOKS.filter(({ id }) => id !== 'ofgem'))
      t.ok(
        told(rulebook).includes('Planned interruptions in weighted figures: count 100 %'),
        rulebook.id,
      )
  })
})

/** Start and end in seconds, and customers, of every set of customers that was interrupted. */
function setsOf(
  words: readonly SwitchObservation[],
  tables = ONE_FEEDER,
): [number, number | null, number][] {
  const ledger = ledgerOf(buildNetwork(tables))
  for (const word of words) applyObservations(ledger, [word])
  return outagesOf(ledger)
    .flatMap(({ sets }) => sets)
    .map(({ from, until, customers }): [number, number | null, number] => [
      (from - T0) / MS_PER_S,
      until === null ? null : (until - T0) / MS_PER_S,
      customers,
    ])
    .sort(([a], [b]) => a - b)
}

/** north ──[B1]── n1 ──[S1]── n2, 80 customers */
const ONE_FEEDER = draw({
  sources: [['north']],
  switches: [
    ['B1', 'north', 'n1'],
    ['S1', 'n1', 'n2'],
  ],
  points: [['P2', 'n2', 80]],
})

/** Lines of an interruption record, read and stored as `relight interruptions import` does. */
async function record(
  db: Awaited<ReturnType<typeof openTestDatabase>>['db'],
  lines: readonly string[],
  timeZone: string,
  more = '',
): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-rules-'))
  const file = path.join(folder, 'record.csv')
  fs.writeFileSync(file, [`outage,started_at,ended_at,customers${more}`, ...lines].join('\n'))
  try {
    const read = await readInterruptionRecord(file)
    if (read.faults.length > 0) throw new Error(JSON.stringify(read.faults))
    const now = Date.parse('2026-02-01T00:00:00Z')
    await db.transaction().execute((tx) => storeInterruptionRecord(tx, read, { timeZone, now }))
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}
