import t from 'tap'
import { addDays } from '../src/reliability/calendar.ts'
import { historyOf, majorDaysOf, majorDayThreshold } from '../src/reliability/major-days.ts'
import { IEEE_1366 } from '../src/reliability/rulebooks.ts'
import { indicesReport } from '../src/stores/indices.ts'
import { majorDays } from '../src/stores/major-days.ts'
import { MS_PER_MIN } from '../src/time.ts'
import { openTestDatabase } from './support/database.ts'

const VALUES = [0.05, 0.12, 0.003, 1.4, 0, 0.6, 0.02, 0.31, 7.5, 0.09]
const daily = (values: readonly number[]) =>
  values.map((saidiMin, i) => ({ day: addDays('2020-01-01', i), saidiMin }))

t.test(
  'alpha, beta and the threshold: natural logarithms, sample deviation, zero days dropped',
  async (t) => {
    const found = majorDayThreshold(daily(VALUES))
    t.equal(found.alpha?.toFixed(9), '-1.841748974')
    t.equal(found.beta?.toFixed(9), '2.334403143')
    t.equal(found.thresholdMin?.toFixed(6), '54.285594')
    t.equal(found.historyDays, 9)
    t.strictSame(majorDayThreshold(daily([...VALUES, 0, 0, 0])), found, 'quiet days change nothing')

    const logs = VALUES.filter((x) => x > 0).map(Math.log)
    const mean = logs.reduce((a, b) => a + b) / 9
    const population = Math.exp(
      mean + 2.5 * Math.sqrt(logs.reduce((s, x) => s + (x - mean) ** 2, 0) / 9),
    )
    t.not(found.thresholdMin?.toFixed(3), population.toFixed(3), 'not the population deviation')
    const rawMean = VALUES.reduce((a, b) => a + b) / 10
    const raw = rawMean + 2.5 * Math.sqrt(VALUES.reduce((s, x) => s + (x - rawMean) ** 2, 0) / 9)
    t.not(found.thresholdMin?.toFixed(3), raw.toFixed(3), 'not the deviation of the raw values')
  },
)

t.test('§1.6 e: α −0.555 and β 1.90 of the standard’s example give 66.35 min', async (t) => {
  // Two days that have this mean and this sample deviation; the standard prints 66.69 of unrounded figures.
  const history = daily([-1, 1].map((side) => Math.exp(-0.555 + (side * 1.9) / Math.SQRT2)))
  const found = majorDayThreshold(history)
  t.equal(found.alpha?.toFixed(3), '-0.555')
  t.equal(found.beta?.toFixed(2), '1.90')
  t.equal(found.thresholdMin?.toFixed(2), '66.35')
})

t.test('too little history gives no threshold and no major days', async (t) => {
  for (const values of [[], [0, 0], [3]]) {
    t.match(majorDayThreshold(daily(values)), { alpha: null, beta: null, thresholdMin: null })
  }
  t.strictSame(majorDaysOf(daily([1, 2, 3]), null), [])
})

t.test('a day exactly at the threshold is none', async (t) => {
  t.strictSame(majorDaysOf(daily([2, 2.0000001, 1]), 2), [
    { day: '2020-01-02', saidiMin: 2.0000001 },
  ])
})

t.test(
  'five complete years before the year, from the first month on record, at least twelve months',
  async (t) => {
    t.strictSame(historyOf(2016, '2013-01-05'), { from: '2013-01-01', to: '2016-01-01' })
    t.strictSame(historyOf(2016, '2001-07-09'), { from: '2011-01-01', to: '2016-01-01' })
    t.strictSame(historyOf(2016, '2015-01-31'), { from: '2015-01-01', to: '2016-01-01' })
    t.equal(historyOf(2016, '2015-02-01'), null)
    t.equal(historyOf(2016, '2016-03-01'), null)
    t.equal(historyOf(2016, null), null)
  },
)

t.test(
  'over the ledger: a storm of three days is one day, the year itself is no history',
  async (t) => {
    const { db } = await openTestDatabase(t)
    const zone = 'America/Chicago'
    const put = async (day: string, minutes: number, more = {}) =>
      await db
        .insertInto('interruption')
        .values({
          outage: `${day} ${minutes}`,
          from_at: new Date(`${day}T23:30:00-06:00`),
          until_at: new Date(Date.parse(`${day}T23:30:00-06:00`) + minutes * MS_PER_MIN),
          area: 'A',
          substation: null,
          feeder: null,
          phases: 7,
          customers: 10,
          connected_kva: null,
          members: null,
          local_day: day,
          ...more,
        })
        .execute()
    await db
      .insertInto('customers_served')
      .values({ area: 'A', from_day: '2020-01-01', customers: 100 })
      .execute()
    for (const [i, saidi] of VALUES.entries()) {
      // Ten of a hundred customers are out: SAIDI of the day is a tenth of the minutes.
      if (saidi > 0) await put(addDays('2023-12-01', i), saidi * 10_000)
    }
    await put('2024-02-05', 3 * 24 * 60 + 600)
    await put('2024-02-07', 30)
    await put('2024-02-08', 100_000, { nature: 'planned' })
    await put('2024-03-01', 4)
    await put('2024-06-01', 60, { customers: 1_000_000 })
    const ask = { rulebook: IEEE_1366, now: Date.parse('2025-01-01T00:00:00Z'), timeZone: zone }
    t.match(
      await majorDays(db, { ...ask, year: 2024, area: null }),
      { thresholdMin: null, days: [] },
      'one month is no history',
    )

    // A small interruption in January makes the year whole.
    await put('2023-01-20', 50)
    const expected = majorDayThreshold(daily([...VALUES.map((x) => x * 1000), 5]))
    const found = await majorDays(db, { ...ask, year: 2024, area: 'A' })
    t.equal(found.thresholdMin?.toFixed(9), expected.thresholdMin?.toFixed(9))
    t.equal(found.historyDays, 10)
    t.ok((found.historyMonths ?? 0) >= 12, 'and says how far back it reaches')
    t.strictSame(found.days, [{ date: '2024-06-01', saidiMin: 600_000 }], 'the planned day is none')
    t.strictSame((await majorDays(db, { ...ask, year: 2024, area: 'B' })).days, [])

    const year = { ...ask, from: '2024-01-01', to: '2025-01-01', by: 'day' as const }
    const report = await indicesReport(db, { ...year, exclude: ['planned'] })
    const saidi = new Map(report.rows.map((row) => [row.group, row.indices['SAIDI']]))
    t.equal(report.rows.length, 366)
    t.equal(saidi.get('2024-02-05'), 492, 'all of it on the day that it began')
    t.equal(saidi.get('2024-02-06'), 0)
    t.equal(saidi.get('2024-02-07'), 3)
    t.equal(saidi.get('2024-03-01'), 0)
  },
)
