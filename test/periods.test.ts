import readWorkbook from 'read-excel-file/node'
import t from 'tap'
import { IEEE_1366, RULEBOOKS } from '../src/reliability/rulebooks.ts'
import type { Database } from '../src/stores/database.ts'
import { majorDays } from '../src/stores/major-days.ts'
import { closedMonths, closePeriod, restatements } from '../src/stores/periods.ts'
import { openTestDatabase } from './support/database.ts'
import { openFront, tokenFor } from './support/people.ts'

const ZONE = 'Asia/Shanghai'

/** Ten customers of F1 without supply, as the wall clock of the zone shows. */
const interrupting =
  (db: Database, area: string | null) =>
  async (outage: string, from: string, until: string | null): Promise<void> => {
    await db
      .insertInto('interruption')
      .values({
        outage,
        from_at: `${from}+08:00`,
        until_at: until === null ? null : `${until}+08:00`,
        area,
        substation: null,
        feeder: 'F1',
        phases: 7,
        customers: 10,
        connected_kva: null,
        members: null,
        local_day: from.slice(0, 10),
      })
      .execute()
  }

t.test(
  'a closed month stands as filed; what the ledger says later appears beside it',
  async (t) => {
    const { db } = await openTestDatabase(t)
    const put = interrupting(db, 'A')
    await db
      .insertInto('customers_served')
      .values({ area: 'A', from_day: '2024-01-01', customers: 100 })
      .execute()
    await put('O1', '2025-03-31T23:00:00', '2025-04-01T01:00:00')
    await put('O2', '2025-04-02T10:00:00', null)
    const close = (month: string, now: string) =>
      closePeriod(db, {
        month,
        bySubject: 'planner',
        now: Date.parse(`${now}+08:00`),
        timeZone: ZONE,
      })

    t.strictSame(await close('2025-13', '2026-01-01T00:00:00'), { outcome: 'bad-month' })
    t.strictSame(await close('2025-03', '2025-03-31T23:59:59'), {
      outcome: 'not-over',
      endsAt: '2025-03-31T16:00:00.000Z',
    })
    t.match(
      await close('2025-04', '2025-05-01T00:00:00'),
      { outcome: 'provisional' },
      'someone is still out',
    )
    t.strictSame(await closedMonths(db), [])

    const closed = await close('2025-03', '2025-04-10T00:00:00')
    t.match(closed, { outcome: 'closed', period: { month: '2025-03', bySubject: 'planner' } })
    const reports = closed.outcome === 'closed' ? closed.period.reports : []
    t.strictSame(
      reports.map(({ rulebook, by }) => `${rulebook.id} ${by}`),
      ['ceer', 'dlt836', 'ieee1366'].flatMap((id) =>
        ['area', 'feeder', 'system'].map((by) => `${id} ${by}`),
      ),
    )
    const filed = reports.find(({ rulebook, by }) => rulebook.id === 'ieee1366' && by === 'system')
    t.match(filed, { rows: [{ customersServed: 100, ci: 10, cmi: 1200, indices: { SAIDI: 12 } }] })
    t.strictSame(await restatements(db, '2025-03', Date.parse('2025-05-01T00:00:00Z')), [])

    await put('late', '2025-03-05T10:00:00', '2025-03-05T11:00:00')
    const again = await close('2025-03', '2025-06-01T00:00:00')
    t.match(
      again,
      { outcome: 'already-closed', period: { closedAt: '2025-04-09T16:00:00.000Z', reports } },
      'closing again changes nothing',
    )
    const found = await restatements(db, '2025-03', Date.parse('2025-06-01T00:00:00Z'))
    const system = found.filter(({ rulebook, by }) => rulebook === 'ieee1366' && by === 'system')
    t.match(
      system.filter(({ index }) => ['ci', 'cmi', 'SAIDI', 'CAIDI'].includes(index)),
      [
        { group: 'system', index: 'ci', filed: 10, now: 20 },
        { index: 'cmi', filed: 1200, now: 1800 },
        { index: 'SAIDI', filed: 12, now: 18 },
        { index: 'CAIDI', filed: 120, now: 90 },
      ],
    )
    t.notOk(
      system.some(({ index }) => index === 'customersServed'),
      'what did not change is not restated',
    )
    t.strictSame(await restatements(db, '2025-04', 0), [], 'an open month restates nothing')
    t.strictSame(await closedMonths(db), ['2025-03'])
  },
)

t.test(
  'the threshold of a year is fixed with its first closed month, and kept with what it rests on',
  async (t) => {
    const { db } = await openTestDatabase(t)
    const put = async (day: string, customers: number) =>
      await db
        .insertInto('interruption')
        .values({
          outage: `${day} ${customers}`,
          from_at: `${day}T12:00:00+08:00`,
          until_at: `${day}T13:00:00+08:00`,
          area: 'A',
          substation: null,
          feeder: null,
          phases: 7,
          customers,
          connected_kva: null,
          members: null,
          local_day: day,
        })
        .execute()
    await db
      .insertInto('customers_served')
      .values({ area: 'A', from_day: '2023-01-01', customers: 1000 })
      .execute()
    for (const [i, customers] of [5, 20, 80, 10, 40].entries())
      await put(`2024-0${i + 1}-10`, customers)
    const now = Date.parse('2025-02-10T00:00:00Z')
    const ask = () =>
      majorDays(db, { year: 2025, area: null, rulebook: IEEE_1366, now, timeZone: ZONE })
    const before = await ask()
    t.equal(before.frozenAt, null)
    t.match(
      await closePeriod(db, { month: '2025-01', bySubject: 'planner', now, timeZone: ZONE }),
      { outcome: 'closed' },
    )
    await put('2024-12-01', 1000)
    await put('2025-02-01', 1000)
    const after = await ask()
    t.match(after, {
      thresholdMin: before.thresholdMin,
      alpha: before.alpha,
      historyDays: 5,
      historyMonths: 12,
      frozenAt: '2025-02-10T00:00:00.000Z',
    })
    t.match(after.days, [{ date: '2025-02-01', saidiMin: 60 }])
    const kept = await db
      .selectFrom('major_day_threshold')
      .selectAll()
      .where('exclude', '=', 'planned')
      .orderBy('area')
      .execute()
    t.match(kept, [
      { area: '' },
      {
        area: 'A',
        history: [
          ['2024-01-10', 0.3],
          ['2024-02-10', 1.2],
          ['2024-03-10', 4.8],
          ['2024-04-10', 0.6],
          ['2024-05-10', 2.4],
        ],
      },
    ])
    const other = await majorDays(db, {
      year: 2025,
      area: null,
      rulebook: IEEE_1366,
      exclude: ['external'],
      now,
      timeZone: ZONE,
    })
    t.equal(other.frozenAt, null, 'another set of interruptions has a threshold of its own')
    t.not(other.thresholdMin, before.thresholdMin)
    const whole = { year: 2025, area: null, rulebook: IEEE_1366, exclude: [], now, timeZone: ZONE }
    t.ok((await majorDays(db, whole)).frozenAt, 'with planned work it is frozen too')
  },
)

t.test('over HTTP: a planner closes, a dispatcher may not; reports in other forms', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, {
    act: () => Promise.resolve({ outcome: 'done', outages: [] }),
  })
  const planner = await tokenFor('planner')
  const close = (month: string, token: string) =>
    front.ask('POST', `/api/v1/periods/${month}/close`, token)
  t.equal((await close('2020-01', await tokenFor('dispatcher'))).status, 403)
  t.match(await close('2020-1', planner), { status: 400 })
  t.match(await close('2999-01', planner), { status: 409, body: { code: 'not-over' } })
  const closed = await close('2020-01', planner)
  t.match(closed, { status: 200, body: { month: '2020-01', restatements: [] } })
  t.equal(closed.body.reports.length, 9)
  t.match(await close('2020-01', planner), {
    status: 200,
    body: { closedAt: closed.body.closedAt },
  })
  const audited = await database.db
    .selectFrom('audit')
    .selectAll()
    .where('act', '=', 'period.close')
    .execute()
  t.equal(audited.length, 1, 'once')

  const report = (more: string) =>
    front.ask('GET', `/api/v1/indices?from=2020-01-01&to=2020-02-01&${more}`, planner)
  t.match(await report('format=csv'), {
    headers: { 'content-type': /^text\/csv/ },
    text: /^\ufeff?system,customersServed/,
  })
  t.match((await report('format=html&language=zh-CN')).text, '供电可靠性报告')
  for (const { id, indices } of RULEBOOKS) {
    const paper = (await report(`format=html&by=feeder&rulebook=${id}`)).text
    for (const { symbol } of indices)
      t.ok(
        new RegExp(`<th class="n">${symbol}( \\([^<]*\\))?</th>`).test(paper),
        `${id}: ${symbol} is on the paper of many groups`,
      )
  }
  t.match(await report('format=xlsx'), {
    status: 200,
    headers: { 'content-disposition': /\.xlsx"$/ },
  })
  t.equal((await report('format=pdf')).status, 400)
})

t.test('over HTTP: months, and what was filed beside what the ledger says today', async (t) => {
  const database = await openTestDatabase(t)
  const now = Date.parse('2025-05-10T00:00:00Z')
  const front = await openFront(t, database, {
    act: () => Promise.resolve({ outcome: 'done', outages: [] }),
    clock: () => now,
    settings: { timeZone: ZONE },
  })
  const planner = await tokenFor('planner', [], now)
  const put = interrupting(database.db, null)
  await put('O1', '2025-03-31T23:00:00', '2025-04-01T01:00:00')
  await put('O2', '2025-04-02T10:00:00', null)
  const months = async () => (await front.ask('GET', '/api/v1/periods', planner)).body.periods
  t.strictSame(await months(), [
    { month: '2025-05', state: 'running', closedAt: null, bySubject: null, stillOut: false },
    { month: '2025-04', state: 'over', closedAt: null, bySubject: null, stillOut: true },
    { month: '2025-03', state: 'over', closedAt: null, bySubject: null, stillOut: false },
  ])
  const month = (of: string) => front.ask('GET', `/api/v1/periods/${of}`, planner)
  const before = await month('2025-03')
  t.match(before.body, { state: 'over', filed: null, restatements: [], timeZone: ZONE })
  t.equal(before.body.today.length, 9, 'what closing would file')
  t.match(await front.ask('POST', '/api/v1/periods/2025-04/close', planner), {
    status: 409,
    body: { code: 'provisional' },
  })
  t.equal((await front.ask('POST', '/api/v1/periods/2025-03/close', planner)).status, 200)
  await put('late', '2025-03-05T10:00:00', '2025-03-05T11:00:00')
  t.match((await months())[2], {
    month: '2025-03',
    state: 'closed',
    closedAt: '2025-05-10T00:00:00.000Z',
    bySubject: 'planner of the test',
  })
  const after = (await month('2025-03')).body
  const system = (reports: { by: string; rulebook: { id: string } }[]) =>
    reports.find(({ by, rulebook }) => by === 'system' && rulebook.id === 'ieee1366')
  t.match(system(after.filed), { rows: [{ ci: 10, cmi: 1200 }] })
  t.match(system(after.today), { rows: [{ ci: 20, cmi: 1800 }] })
  t.strictSame(
    after.restatements.filter(
      (one: { rulebook: string; by: string; index: string }) =>
        one.rulebook === 'ieee1366' && one.by === 'feeder' && one.index === 'CAIDI',
    ),
    [
      {
        rulebook: 'ieee1366',
        by: 'feeder',
        group: 'F1',
        index: 'CAIDI',
        unit: 'min',
        filed: 120,
        now: 90,
      },
    ],
  )
  t.match(await month('2025-13'), { status: 400, body: { errors: [{ at: '/month' }] } })

  await database.db
    .insertInto('correction')
    .values(
      [
        ['O1', now + 1000],
        ['O2', now + 1000],
        ['late', now - 1000],
      ].map(([outage, at]) => ({
        outage: String(outage),
        known_at: new Date(at as number),
        why: '[]',
        before: '{}',
        after: '{}',
      })),
    )
    .execute()
  const report = (more: string) =>
    front.ask('GET', `/api/v1/indices?from=2025-03-01&to=2025-05-01&${more}`, planner)
  const paper = (await report('format=html')).text
  const rows = [...paper.matchAll(/<tr><td>2025-03<\/td>.*?<\/tr>/g)].map(([row]) =>
    [...row.matchAll(/<td[^>]*>(.*?)<\/td>/g)].map(([, cell]) => cell),
  )
  const filedAt = '2025-05-10 08:00' // by the clock of Shanghai
  t.strictSame(
    rows.find(([, , , index]) => index === 'CAIDI (min)'),
    [
      '2025-03',
      filedAt,
      'planner of the test',
      'CAIDI (min)',
      '120.00',
      '90.00',
      'Outages corrected since: O1',
    ],
    'what lies in another month, and what was corrected before it was filed, is not named',
  )
  const chinese = (await report('format=html&language=zh-CN')).text
  const [, restated = ''] = chinese.split('<h2>已上报月份</h2>')
  const cellsIn = (row: string, cell: 'th' | 'td') =>
    [...row.matchAll(new RegExp(`<${cell}(?: [^>]*)?>(.*?)</${cell}>`, 'g'))].map(
      ([, text]) => text,
    )
  t.strictSame(cellsIn(restated.slice(0, restated.indexOf('</thead>')), 'th'), [
    '月份',
    '上报时间',
    '上报人',
    '指标',
    '上报值',
    '现值',
    '',
  ])
  const chineseRows = [...restated.matchAll(/<tr><td>2025-03<\/td>.*?<\/tr>/g)].map(([row]) =>
    cellsIn(row, 'td'),
  )
  t.equal(chineseRows.length, rows.length, 'nothing is left out in the other language')
  t.strictSame(
    chineseRows.find(([, , , index]) => index === 'CAIDI (min)'),
    [
      '2025-03',
      filedAt,
      'planner of the test',
      'CAIDI (min)',
      '120.00',
      '90.00',
      '上报后更正的停电: O1',
    ],
  )
  t.notMatch((await report('format=html&feeder=F1')).text, 'Filed as')
  t.notMatch(
    (await front.ask('GET', '/api/v1/indices?from=2025-03-02&to=2025-05-01&format=html', planner))
      .text,
    'Filed as',
    'a month of which the period lacks a day',
  )
  const { rawPayload } = await front.app.inject({
    url: '/api/v1/indices?from=2025-03-01&to=2025-05-01&format=xlsx',
    headers: { authorization: `Bearer ${planner}` },
  })
  const filed = (await readWorkbook(rawPayload)).find(({ sheet }) => sheet === 'filed')
  const [month3, at, ...caidi] = filed?.data.find(([, , , index]) => index === 'CAIDI') ?? []
  t.strictSame([month3, ...caidi], ['2025-03', 'planner of the test', 'CAIDI', 120, 90, 'O1'])
  t.ok(Math.abs(Number(at) - Date.parse('2025-05-10T08:00:00Z')) < 1000, String(at))
})
