import { unzipSync } from 'fflate'
import t from 'tap'
import { causeName, pareto } from '../src/reliability/pareto.ts'
import { monthsBefore } from '../src/reliability/calendar.ts'
import { worstFeeders } from '../src/reliability/worst.ts'
import type { Database } from '../src/stores/database.ts'
import { openTestDatabase } from './support/database.ts'
import { GROUP, openFront, tokenFor } from './support/people.ts'
import { seeded } from './support/seeded.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')

type Row = {
  outage?: string
  from: string
  minutes: number
  feeder?: string | null
  members?: number[] | null
  customers: number
  cause?: string | null
  nature?: string
}

let outages = 0
async function put(db: Database, row: Row): Promise<void> {
  const from = Date.parse(row.from)
  await db
    .insertInto('interruption')
    .values({
      outage: row.outage ?? `O${(outages += 1)}`,
      from_at: new Date(from),
      until_at: new Date(from + row.minutes * 60_000),
      area: 'A',
      substation: 'S',
      feeder: row.feeder === undefined ? 'F1' : row.feeder,
      phases: 7,
      customers: row.customers,
      connected_kva: null,
      members: row.members ?? null,
      local_day: row.from.slice(0, 10),
      cause: row.cause ?? null,
      nature: row.nature ?? 'unplanned',
    })
    .execute()
}

/** P1 (120 customers of n1) had four, one of them momentary; P4 (200 customers of n3) had one of nine hours. */
async function fewCustomers(db: Database): Promise<void> {
  const p1 = { members: [GROUP.P1], customers: 120 }
  await put(db, { ...p1, from: '2025-03-01T10:00:00Z', minutes: 60, cause: 'VEGETATION/growth' })
  await put(db, { ...p1, from: '2025-11-10T10:00:00Z', minutes: 30, cause: 'WILDLIFE' })
  await put(db, { ...p1, from: '2025-12-05T10:00:00Z', minutes: 2, cause: 'WILDLIFE' })
  await put(db, { ...p1, from: '2025-12-24T10:00:00Z', minutes: 30, cause: 'VEGETATION/limb_fall' })
  const p4 = { members: [GROUP.P4], customers: 200, feeder: 'F2' }
  await put(db, { ...p4, from: '2025-12-30T01:00:00Z', minutes: 540, cause: 'cows' })
}

t.test(
  'who had many or long interruptions: by hand, and by the same sums as the indices',
  async (t) => {
    const database = await openTestDatabase(t)
    const front = await openFront(t, database, { clock: () => NOW, settings: { timeZone: 'UTC' } })
    const token = await tokenFor('planner', [], NOW)
    await fewCustomers(database.db)
    const ask = (path: string) => front.ask('GET', `/api/v1/indices/${path}`, token)
    const { body } = await ask('customers?from=2025-01-01&to=2026-01-01&servicePoints=true')
    t.match(body, {
      rulebook: { id: 'ieee1366', settings: { shortUpToS: 300 } },
      thresholds: { repeated: 3, longSingleH: 8, longTotalH: 8 },
      unitsServed: 403,
      longSingle: { units: 200, share: 200 / 403 },
      longTotal: { units: 200 },
      rowsInAll: 2,
    })
    t.match(body.repeated.slice(0, 4), [
      { n: 1, units: 320 },
      { n: 2, units: 120 },
      { n: 3, units: 120 },
      { n: 4, units: 0, share: 0 },
    ])
    t.match(body.rows, [
      {
        loadPoint: 'n1',
        phases: 'A',
        feeder: 'F1',
        units: 120,
        interruptions: 3,
        momentaryEvents: 1,
        totalMin: 120,
        longestMin: 60,
        lastAt: '2025-12-24T10:00:00.000Z',
        reasons: ['repeated'],
        servicePoints: ['P1'],
      },
      {
        loadPoint: 'n3',
        interruptions: 1,
        reasons: ['longSingle', 'longTotal'],
        servicePoints: ['P4'],
      },
    ])
    const whole = await front.ask('GET', '/api/v1/indices?from=2025-01-01&to=2026-01-01', token)
    const { indices } = whole.body.rows[0]
    t.equal(body.repeated[2].share, indices['CEMI-3'])
    t.equal(body.longSingle.share, indices['CELID-s'])
    t.equal(body.longTotal.share, indices['CELID-t'])

    const strict = await ask(
      'customers?from=2025-01-01&to=2026-01-01&repeated=4&longSingleH=10&longTotalH=10',
    )
    t.match(strict.body, { rows: [], rowsInAll: 0, longSingle: { units: 0 } })
    const users = (await ask('customers?from=2025-01-01&to=2026-01-01&rulebook=dlt836')).body
    t.match(users.rows, [
      { loadPoint: 'n1', phases: null, units: 1, interruptions: 3 },
      { loadPoint: 'n3', units: 1 },
    ])
    t.equal(users.unitsServed, 3, 'three load points are three users')

    const csv = (
      await ask('customers?from=2025-01-01&to=2026-01-01&format=csv&limit=1')
    ).text.split('\r\n')
    t.equal(csv.length, 3)
    for (const said of ['Load point', 'Rulebook', 'Period', '(momentary)']) t.match(csv[0], said)
    t.match(csv[1], /^n1,A,F1,A,120,3,1,120,60,.*IEEE Std 1366-2022.*≥ 3,≥ 8 h/)
    const html = (await ask('customers?from=2025-01-01&to=2026-01-01&format=html&language=zh-CN'))
      .text
    for (const said of ['CEMI-3', '多次停电', '2025-01-01', '次数多', '单次长', '≤ 300 s'])
      t.match(html, said)
    t.notMatch(html, /<script|https?:|Why it is here/)
  },
)

t.test('the customers listed add up to CEMI and CELID, whatever happened', async (t) => {
  const seed = 20_260_101
  const random = seeded(seed)
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, { clock: () => NOW, settings: { timeZone: 'UTC' } })
  const token = await tokenFor('planner', [], NOW)
  const groups = [
    [GROUP.P1, 120],
    [GROUP.P2, 83],
    [GROUP.P4, 200],
  ] as const
  for (let i = 0; i < 60; i += 1) {
    const [member, customers] = groups[Math.floor(random() * 3)] ?? groups[0]
    const from = Date.parse('2025-01-01T00:00:00Z') + Math.floor(random() * 364 * 86_400_000)
    const minutes = random() < 0.4 ? 3 : Math.ceil(random() * 700)
    const row = { members: [member], customers, minutes }
    await put(database.db, { ...row, from: new Date(from).toISOString() })
  }
  const report = await front.ask('GET', '/api/v1/indices?from=2025-01-01&to=2026-01-01', token)
  const { indices, customersServed } = report.body.rows[0]
  for (const n of [1, 3, 6]) {
    const list = `/api/v1/indices/customers?from=2025-01-01&to=2026-01-01&repeated=${n}`
    const { rows } = (await front.ask('GET', list, token)).body
    const listed = (reason: string): number =>
      rows
        .filter((row: { reasons: string[] }) => row.reasons.includes(reason))
        .reduce((sum: number, row: { units: number }) => sum + row.units, 0) / customersServed
    t.equal(listed('repeated'), indices[`CEMI-${n}`], `CEMI-${n}, seed ${seed}`)
    t.equal(listed('longSingle'), indices['CELID-s'], `CELID-s, seed ${seed}`)
    t.equal(listed('longTotal'), indices['CELID-t'], `CELID-t, seed ${seed}`)
  }
})

t.test('the watch list: three in two months, ten in twelve, or what a utility sets', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, { clock: () => NOW, settings: { timeZone: 'UTC' } })
  const token = await tokenFor('planner', [], NOW)
  const ask = (query: string) => front.ask('GET', `/api/v1/indices/frequent?${query}`, token)
  const at = (day: string, member: number, minutes = 10) =>
    put(database.db, { from: `${day}T12:00:00Z`, minutes, members: [member], customers: 1 })
  // n1: two within two months, and one on the last day before them.
  for (const day of ['2025-10-31', '2025-11-01', '2025-12-31']) await at(day, GROUP.P1)
  // n2: three, and one that is short by DL/T 836 and one that has not begun.
  for (const day of ['2025-11-02', '2025-11-03', '2025-12-31']) await at(day, GROUP.P2)
  await at('2025-12-01', GROUP.P2, 3)
  await at('2026-01-01', GROUP.P2)
  // n3: ten in a year, none lately.
  for (let month = 1; month <= 9; month += 1) await at(`2025-0${month}-15`, GROUP.P4)
  await at('2025-01-01', GROUP.P4)
  const { body } = await ask('until=2026-01-01')
  t.match(body, {
    from: '2025-01-01',
    to: '2026-01-01',
    rulebook: { id: 'dlt836' },
    rules: [
      { atLeast: 3, months: 2 },
      { atLeast: 10, months: 12 },
    ],
    months: [1, 2, 3, 6, 12],
  })
  t.match(body.rows, [
    {
      loadPoint: 'n3',
      customers: 200,
      counts: { 1: 0, 2: 0, 6: 3, 12: 10 },
      meets: [{ atLeast: 10 }],
      lastAt: '2025-09-15T12:00:00.000Z',
    },
    { loadPoint: 'n2', customers: 83, counts: { 1: 1, 2: 3, 12: 3 }, meets: [{ months: 2 }] },
  ])
  t.equal(body.rows.length, 2)
  t.equal((await ask('until=2025-12-31')).body.rows.length, 1, 'n3 alone on the day before')
  const own = await ask('until=2026-01-01&rules=2in2,%203in3&rulebook=ieee1366')
  t.match(own.body.rows, [
    { loadPoint: 'n1', phases: 'A', customers: 120, meets: [{ months: 2 }, { months: 3 }] },
    { loadPoint: 'n2', phases: 'ABC', customers: 83 },
  ])
  t.match((await ask('until=2026-01-01&format=html&language=zh-CN')).text, '2 个月内 ≥ 3 次')
  t.match(await ask('until=soon&rules=3in2,x,3in99&exclude=major'), {
    status: 400,
    body: { errors: [{ at: '/until' }, { at: '/rules' }, { at: '/rules' }, { at: '/exclude' }] },
  })
  t.equal((await ask('')).body.to, '2026-01-02', 'today is in it where nobody names a day')
})

t.test('causes by what they add: a Pareto in the levels of both standards', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, { clock: () => NOW, settings: { timeZone: 'UTC' } })
  const token = await tokenFor('planner', [], NOW)
  await fewCustomers(database.db)
  await put(database.db, { from: '2025-05-01T00:00:00Z', minutes: 10, customers: 7 })
  const ask = (query: string) =>
    front.ask('GET', `/api/v1/indices/causes?from=2025-01-01&to=2026-01-01&${query}`, token)
  const { body } = await ask('')
  const total = 108_000 + 10_800 + 3600 + 70
  t.match(body.rows, [
    { group: 'cows', outages: 1, ci: 200, cmi: 108_000, share: 108_000 / total },
    { group: 'VEGETATION', name: { 'zh-CN': '树竹' }, outages: 2, ci: 240, cmi: 10_800 },
    { group: 'WILDLIFE', outages: 1, ci: 120, cmi: 3600 },
    { group: null, name: { en: 'not stated' }, ci: 7, cmi: 70, cumulativeShare: 1 },
  ])
  const report = await front.ask('GET', '/api/v1/indices?from=2025-01-01&to=2026-01-01', token)
  const sum = (key: 'ci' | 'cmi') =>
    body.rows.reduce((all: number, row: Record<typeof key, number>) => all + row[key], 0)
  t.same([sum('ci'), sum('cmi')], [report.body.rows[0].ci, report.body.rows[0].cmi])
  t.match((await ask('level=dlt&order=outages')).body.rows, [
    { group: 'R5', name: { 'zh-CN': '外力因素' }, outages: 3, ci: 360 },
    { group: 'cows', outages: 1 },
    { group: null, outages: 1 },
  ])
  t.match((await ask('level=dlt&order=outages&rulebook=dlt836')).body.rows[0], { outages: 4 })
  const sheets = unzipSync(
    (
      await front.app.inject({
        url: '/api/v1/indices/causes?from=2025-01-01&to=2026-01-01&format=xlsx',
        headers: { authorization: `Bearer ${token}` },
      })
    ).rawPayload,
  )
  const about = Buffer.from(sheets['xl/worksheets/sheet2.xml'] ?? []).toString()
  for (const said of ['IEEE Std 1366-2022', '2025-01-01 to (exclusive) 2026-01-01', '≤ 300 s'])
    t.ok(about.includes(said), said)
  t.strictSame(pareto([], 'ci'), [])
  t.strictSame(pareto([{ group: 'x', outages: 1, ci: 1, cmi: 0 }], 'cmi')[0]?.share, null)
  t.equal(causeName('dlt', 'R5').en, 'external force')
})

t.test('worst feeders: by rank, with the ranks of the years before', async (t) => {
  const figures = (
    feeder: string | null,
    customersServed: number | null,
    ci: number,
    cmi: number,
  ) => ({
    feeder,
    customersServed,
    ci,
    cmi,
  })
  const now = [
    figures('A', 100, 50, 5000),
    figures('B', 1000, 80, 6000),
    figures('C', null, 10, 900),
    figures('D', 10, 0, 0),
    figures(null, null, 5, 100),
  ]
  const before = [figures('A', 100, 0, 0), figures('B', 1000, 70, 100), figures('C', null, 5, 50)]
  const byCmi = worstFeeders([now, before, []], { order: 'cmi', worst: 1 })
  t.match(byCmi, [
    { rank: 1, feeder: 'B', saifi: 0.08, saidiMin: 6, cmiShare: 0.5, earlierRanks: [1, null] },
    { rank: 2, feeder: 'A', saidiMin: 50, earlierRanks: [null, null], repeated: false },
    { rank: 3, feeder: 'C', saifi: null, saidiMin: null, earlierRanks: [2, null] },
  ])
  t.same(
    byCmi.map(({ repeated }) => repeated),
    [true, false, false],
  )
  const bySaidi = worstFeeders([now], { order: 'saidi', worst: 10 })
  t.same(
    bySaidi.map(({ feeder }) => feeder),
    ['A', 'B'],
    'of C nobody knows how many it serves',
  )

  const database = await openTestDatabase(t)
  const front = await openFront(t, database, { clock: () => NOW, settings: { timeZone: 'UTC' } })
  const token = await tokenFor('planner', [], NOW)
  await put(database.db, { from: '2025-05-01T00:00:00Z', minutes: 10, customers: 7 })
  await put(database.db, { from: '2024-05-01T00:00:00Z', minutes: 10, customers: 7 })
  const { body } = await front.ask(
    'GET',
    '/api/v1/indices/worst-feeders?from=2025-01-01&to=2026-01-01&order=ci',
    token,
  )
  t.match(body, {
    order: 'ci',
    rowsInAll: 1,
    rows: [{ feeder: 'F1', earlierRanks: [1, null], repeated: true }],
  })
  const odd = '/api/v1/indices/worst-feeders?from=0001-01-01&to=0001-02-01'
  t.match((await front.ask('GET', odd, token)).body, { errors: [{ at: '/from' }] })
})

t.test('months before a day end where the shorter month ends', async (t) => {
  for (const [day, months, wanted] of [
    ['2026-01-01', 2, '2025-11-01'],
    ['2026-04-30', 2, '2026-02-28'],
    ['2024-04-30', 2, '2024-02-29'],
    ['2024-02-29', 12, '2023-02-28'],
    ['2026-12-31', 1, '2026-11-30'],
    ['2026-12-31', 12, '2025-12-31'],
    ['2026-05-15', 0, '2026-05-15'],
  ] as const)
    t.equal(monthsBefore(day, months), wanted, `${months} before ${day}`)
})
