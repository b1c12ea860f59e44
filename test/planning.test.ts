import t from 'tap'
import type { NetworkTables } from '../src/grid/tables.ts'
import { rollUpLoads, saveLoads } from '../src/stores/loads.ts'
import { loadPointNumbers, saveRevision } from '../src/stores/networks.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { loadWord } from './support/load-words.ts'
import { NOW, openFront, tokenFor, TOWN } from './support/people.ts'

/**
 *   g1:1000 ──[H1:800]── n1 ──[S1]── n2 ──[T]── n3 ──[H2:800]── g2:600 kVA        T is open: a tie
 *                      P1:120        P2:3, P3:80   P4:200
 */
const RATED: NetworkTables = {
  ...TOWN,
  sources: TOWN.sources.map((row, i) => ({ ...row, ratedKva: i === 0 ? 1000 : 600 })),
  feeders: TOWN.feeders.map((row) => ({ ...row, ratedKva: 800 })),
}

async function openTown(
  t: Parameters<typeof openFront>[0],
  database: TestDatabase,
  now: () => number,
) {
  const about = { validFrom: 0, importedAt: 0, format: 'folder', report: [] } as const
  await saveRevision(database.pool, RATED, about)
  await database.db.transaction().execute((tx) => loadPointNumbers(tx, ['n1', 'n2', 'n3']))
  const front = await openFront(t, database, { clock: now })
  const get = async (url: string) =>
    front.ask('GET', `/api/v1/${url}`, await tokenFor('planner', [], now()))
  const post = async (url: string, payload: object, method = 'POST') =>
    front.ask(method, `/api/v1/${url}`, await tokenFor('planner', [], now()), payload)
  return { front, get, post }
}

await t.test(
  'balance at the peak of a day and a year, and each row has its own beside it',
  async (t) => {
    const database = await openTestDatabase(t)
    const { db } = database
    const { get, post } = await openTown(t, database, () => NOW)
    // The calendar is Berlin's: its 9th of March begins at 23:00 UTC on the 8th.
    const day = Date.parse('2026-03-08T23:00:00Z')
    const quarter = (n: number) => day + n * 15 * MS_PER_MIN
    await db.transaction().execute((tx) =>
      saveLoads(tx, [
        loadWord('H1', quarter(0), 500),
        loadWord('H2', quarter(0), 100),
        loadWord('H1', quarter(1), 450),
        loadWord('H2', quarter(1), 300),
        loadWord('H1', quarter(2), 100),
        loadWord('H2', quarter(2), 350),
        // The last quarter of the day before, higher than all: of another day.
        loadWord('H1', quarter(-1), 700),
        loadWord('H2', quarter(-1), -20),
        loadWord('H1', day - 200 * MS_PER_DAY, 650),
      ]),
    )
    for (let more = true; more;) {
      more = (await rollUpLoads(db, { until: NOW, timeZone: 'Europe/Berlin' })).hours > 0
    }
    const peak = (await get('balance/peak?day=2026-03-09')).body
    t.equal(peak.at, new Date(quarter(1)).toISOString(), '450 + 300 is the most of the day')
    t.equal(peak.exact, true)
    t.match(peak.feeders, [
      { id: 'F1', kw: 450, rate: 450 / 800, own: { kw: 500, rate: 500 / 800, marginKva: 300 } },
      { id: 'F2', kw: 300, own: { kw: 350, at: new Date(quarter(2)).toISOString() } },
    ])
    const total = (rows: { kw: number }[]) => rows.reduce((sum, row) => sum + row.kw, 0)
    for (const level of ['areas', 'substations', 'units', 'feeders']) {
      t.equal(total(peak[level]), 750, `${level} add up to the same`)
    }
    const points = (await get('balance/peak?day=2026-03-09&level=loadPoint')).body
    t.equal(total(points.rows), 750, 'and so do load points')
    t.equal(peak.coincidence, 750 / 850)
    t.match(
      peak.substations.map((row: { own: { kw: number } }) => row.own.kw),
      [500, 350],
      'a station has its own peak at its own time',
    )
    const west = peak.capacity.find((row: { area: string }) => row.area === 'west')
    t.match(west, {
      installedMva: 1,
      loadMw: 0.5,
      ratio: 2,
      peakAt: new Date(quarter(0)).toISOString(),
    })

    const year = (await get('balance/peak?year=2026')).body
    t.match(year, { at: new Date(quarter(1)).toISOString(), from: '2026-01-01', to: '2027-01-01' })
    t.match(year.feeders[0].own, { kw: 700, at: new Date(quarter(-1)).toISOString() })
    t.match(year.feeders[1].own, { reverseDays: 1, days: 2 })
    const before = (await get('balance/peak?day=2026-03-08')).body
    t.equal(before.at, new Date(quarter(-1)).toISOString())
    const long = (await get('balance/peak?from=2020-01-01&to=2026-03-09')).body
    t.equal(long.at, new Date(quarter(-1)).toISOString(), 'of six years')
    t.match((await get('balance/peak?year=2020')).body, { at: null, feeders: [] })

    for (const [url, where] of [
      ['day=2026-02-30', '/day'],
      ['day=2026-03-09&year=2026', '/day'],
      ['from=2026-03-09&to=2026-03-09', '/to'],
      ['from=2001-01-01&to=2026-01-01', '/to'],
      ['year=99', '/year'],
      ['day=2026-03-09&guide=own', '/guide'],
    ]) {
      const answer = await get(`balance/peak?${url}`)
      t.match(answer, { status: 400, body: { errors: [{ at: where }] } }, url ?? '')
    }

    const range = { kvFrom: 5, kvTo: 20, growthAbovePct: null, low: 1.2, high: 1.5, source: 'ours' }
    t.equal((await post('planning', { guide: [{ ...range, kvTo: 4 }] }, 'PUT')).status, 400)
    t.equal((await post('planning', {}, 'PUT')).status, 400)
    t.equal((await post('planning', { guide: [range] }, 'PUT')).status, 200)
    const own = (await get('balance/peak?day=2026-03-09&guide=own')).body
    t.match(own.capacity[0], { verdict: 'above', range: { source: 'ours' } }, 'ranges are editable')
  },
)

await t.test(
  'what is lost with a transformer or a section, and what a transfer would do',
  async (t) => {
    const database = await openTestDatabase(t)
    const { db } = database
    const { get, post } = await openTown(t, database, () => NOW)
    await db
      .transaction()
      .execute((tx) =>
        saveLoads(tx, [
          loadWord('H1', NOW, 500),
          loadWord('H2', NOW, 350),
          loadWord('n2', NOW, 300),
        ]),
      )

    const losses = (await get('balance/losses/transformers')).body
    t.match(losses.stations, [
      // East's unit has 600 − 350 left, and behind the tie n2 alone takes 300: no section fits, and all of the 500 kVA remain.
      {
        substation: 'W',
        units: 1,
        transferKva: 0,
        ties: [],
        complete: true,
        loss: { firmKva: 0, marginKva: -500, passes: false },
      },
      // West's unit has 500 left and its head 300: East's one section of 350 does not fit.
      { substation: 'E', transferKva: 0, loss: { firmKva: 0, marginKva: -350 } },
    ])
    t.match(losses.stations[0].remains, { kw: 500, customers: 203, loadPoints: 2 })
    // With 240 kVA at n2 the tie can take it: n1's 260 remain, and what was carried elsewhere is not shed.
    await db.transaction().execute((tx) => saveLoads(tx, [loadWord('n2', NOW - MS_PER_MIN, 240)]))
    const before = new Date(NOW - MS_PER_MIN).toISOString()
    await db
      .transaction()
      .execute((tx) =>
        saveLoads(tx, [
          loadWord('H1', NOW - MS_PER_MIN, 500),
          loadWord('H2', NOW - MS_PER_MIN, 350),
        ]),
      )
    const smaller = (await get(`balance/losses/transformers?at=${before}`)).body.stations[0]
    t.match(smaller, {
      transferKva: 240,
      ties: ['T'],
      loss: { firmKva: 240, marginKva: -260, passes: false },
      remains: { kw: 260, customers: 120, ids: ['n1'] },
    })
    t.match(losses.stations[1].remains, { kw: 350, customers: 200, ids: ['n3'] })

    const feeders = (await get('balance/losses/feeders')).body
    t.equal(feeders.nextCursor, null)
    t.match(feeders.feeders[0], { feeder: 'F1', ties: ['T'], passes: false, complete: true })
    // Lost at n1: n2's 300 kVA do not fit into the 250 that East has left.
    t.match(feeders.feeders[0].worst, { remainsKw: 300, remainsCustomers: 83 })
    const page = (await get('balance/losses/feeders?limit=1')).body
    t.match((await get(`balance/losses/feeders?limit=1&cursor=${page.nextCursor}`)).body, {
      feeders: [{ feeder: 'F2' }],
      nextCursor: null,
    })
    t.match((await get('balance/losses/feeders?substation=E')).body.feeders, [{ feeder: 'F2' }])
    t.equal((await get('balance/losses/feeders?substation=X')).status, 404)

    const transfer = (await get('balance/transfer?close=T&open=S1')).body
    t.match(transfer, {
      clear: false,
      parallels: [{ switch: 'T', feeders: ['F1', 'F2'] }],
      lost: { customers: 0 },
      movedKva: 300,
      feeders: [
        { feeder: 'F1', beforeKva: 500, afterKva: 200 },
        { feeder: 'F2', beforeKva: 350, afterKva: 650 },
      ],
    })
    t.match(transfer.unitsPassed, [{ unit: 'g2', afterKva: 650, ratedKva: 600 }])
    const other = (await get('balance/transfer?close=T&open=S1&order=openFirst')).body
    t.strictSame(other.parallels, [], 'opened first they never run in parallel')
    t.match(
      other,
      { interrupted: { customers: 83 }, lost: { customers: 0 } },
      'but some lose supply',
    )
    const dark = (await get('balance/transfer?open=H1')).body
    t.match(dark, { clear: false, lost: { customers: 203, loadPoints: 2 } })
    for (const [url, where] of [
      ['close=X&open=S1', '/close'],
      ['close=S1', '/close'],
      ['open=T', '/open'],
      ['', '/close'],
      ['close=T&open=T', '/open'],
    ]) {
      t.match(
        await get(`balance/transfer?${url}`),
        { status: 400, body: { errors: [{ at: where }] } },
        url ?? '',
      )
    }

    t.equal((await post('connections', { point: 'X', kw: 50, year: 2027 })).status, 400)
    t.equal((await post('connections', { point: 'F1', kw: -1, year: 2027 })).status, 400)
    t.equal((await post('connections', { point: 'F1', kw: 9, year: 2020 })).status, 400)
    const asked = await post('connections', { point: 'F1', kw: 400, year: 2027, coincidence: 0.5 })
    t.match(asked, { status: 201, body: { id: 'C-0001', state: 'asked' } })
    const state = (to: string) => post('connections/C-0001/state', { state: to })
    t.equal((await state('connected')).status, 409, 'not before it is approved')
    t.equal((await state('approved')).body.state, 'approved')
    t.equal((await post('connections/C-9/state', { state: 'approved' })).status, 404)
    t.equal((await get('connections?state=approved')).body.connections.length, 1)
  },
)

await t.test('forecasts and yearly peaks of a feeder and of a station', async (t) => {
  const database = await openTestDatabase(t)
  const { db } = database
  let now = NOW
  const { get, post } = await openTown(t, database, () => now)
  const hours = 24 * 7 * 12
  const rows: { point: string; at: Date; day: string; w: number }[] = []
  for (let hour = 1; hour <= hours; hour++) {
    const at = new Date(NOW - hour * MS_PER_H)
    const w = 300_000 + 100_000 * Math.sin((at.getUTCHours() / 24) * 2 * Math.PI)
    rows.push({ point: 'H1', at, day: at.toISOString().slice(0, 10), w: Math.round(w) })
  }
  await db
    .insertInto('load_hour')
    .values(
      rows.map(({ point, at, w }) => ({
        point,
        at,
        quarters: 4,
        mean_w: w,
        peak_w: w,
        min_w: w,
        mean_var: 0,
      })),
    )
    .execute()
  const forecast = await get('loads/F1/forecast?hours=168')
  t.equal(forecast.status, 200)
  t.match(forecast.body, { id: 'F1', points: ['H1'], ratedKva: 800, historyHours: hours })
  t.equal(forecast.body.hours.length, 168)
  const naive = forecast.body.hours[5]
  t.equal(naive.at, new Date(NOW + 5 * MS_PER_H).toISOString())
  t.ok(Math.abs(naive.kw - naive.naiveKw) < 2, 'what repeats goes on')
  t.ok(Math.abs(naive.naiveKw - 300 - 100 * Math.sin((17 / 24) * 2 * Math.PI)) < 0.1)
  const station = (await get('loads/W/forecast')).body
  t.match(station, { points: ['H1'], ratedKva: 1000 })
  t.same(station.hours[3].kw, forecast.body.hours[3].kw, 'its one feeder is all of it')
  t.equal((await get('loads/nowhere/forecast')).status, 404)
  t.equal((await get('loads/F1/forecast?hours=169')).status, 400)
  const empty = (await get('loads/F2/forecast')).body
  t.match(empty, { method: 'seasonalNaive', historyHours: 0, errorPct: { regression: null } })
  t.equal(empty.hours[0].kw, null, 'nothing from nothing, and never 0')

  // Five summers at noon, 5 % more each: 600, 630, … and this year's so far, which is no year yet.
  const years = [2021, 2022, 2023, 2024, 2025]
  await db.transaction().execute((tx) =>
    saveLoads(
      tx,
      years.map((year, i) => loadWord('H1', Date.UTC(year, 6, 1, 12), 500 * 1.05 ** i)),
    ),
  )
  for (let more = true; more;) {
    more = (await rollUpLoads(db, { until: NOW, timeZone: 'Europe/Berlin' })).hours > 0
  }
  const short = (await get('loads/F1/peaks?growthPct=3')).body
  t.equal(short.basis, 'assumed', 'one measured day is no year')
  t.equal(short.growthPct.toFixed(6), '3.000000')
  for (const year of years) {
    const days = Array.from({ length: 364 }, (_, i) => new Date(Date.UTC(year, 0, 1 + i)))
    await db
      .insertInto('load_day')
      .values(
        days.map((at) => ({
          point: 'H1',
          day: at.toISOString().slice(0, 10),
          quarters: 96,
          mean_w: 1,
          peak_w: 1,
          peak_at: at,
          min_w: 1,
        })),
      )
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  const peaks = (await get('loads/F1/peaks?years=6')).body
  t.equal(peaks.growthPct.toFixed(3), '5.000')
  t.equal(peaks.basis, 'history')
  t.equal(peaks.limitKw, 760)
  t.match(peaks.measured[0], { year: 2021, kw: 500, whole: true, inTrend: true })
  t.match(peaks.years[0], { year: 2026 })
  t.equal(peaks.passes.base, 2030, '500·1.05⁹ = 775.7 is the first above 760')
  await post('connections', { point: 'F1', kw: 400, year: 2027, coincidence: 0.5 })
  const more = (await get('loads/F1/peaks?years=6')).body
  t.match(more.pipeline, [{ id: 'C-0001', kw: 400 }])
  t.equal(more.passes.base, 2027, 'with 200 kW of it at the peak')
  t.match((await get('loads/W/peaks?years=6')).body.pipeline, [{ id: 'C-0001' }], 'the station too')
  now += MS_PER_H
})
