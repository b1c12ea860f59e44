import t from 'tap'
import { localMinute } from '../src/notices/quiet.ts'
import { calendarOf } from '../src/notices/calendar.ts'
import type { Draft } from '../src/notices/notice.ts'
import { owedInBritain, type Stay } from '../src/notices/owed.ts'
import { composePlanned, type PlannedInterruption } from '../src/notices/planned.ts'
import { REPORTS_MAX } from '../src/http/customer-care.ts'
import type { Database } from '../src/stores/database.ts'
import { deliverDue } from '../src/delivery/deliver.ts'
import { openOutbox } from '../src/stores/outbox.ts'
import { openTestDatabase } from './support/database.ts'
import { commit, GROUP, NOW, openFront, tokenFor } from './support/people.ts'

const MIN = 60_000
const H = 60 * MIN
const DAY = 24 * H
const iso = (at: number) => new Date(at).toISOString()

const PLANNED: PlannedInterruption = {
  work: 'W7',
  from: Date.parse('2026-03-20T08:00:00Z'),
  until: Date.parse('2026-03-20T11:30:00Z'),
  reason: 'maintenance',
  area: 'west',
  feeders: ['F1'],
  members: [GROUP.P1],
  customers: 120,
  forStaff: { title: 'New cable' },
}

/** An outage of the record with one stay without supply of the given groups. */
async function book(
  db: Database,
  id: string,
  groups: readonly number[],
  from: number,
  until: number | null,
  more: { etr?: object; crew?: object; kind?: string; nature?: string; customers?: number } = {},
): Promise<void> {
  const customers = more.customers ?? 100
  await db
    .insertInto('outage')
    .values({
      id,
      origin: 'live',
      kind: more.kind ?? 'unplanned',
      device: 'H1',
      anchor_at: new Date(from),
      start_uncertain: false,
      phases: 7,
      area: 'west',
      substation: 'W',
      feeder: 'F1',
      started_at: new Date(from),
      restored_at: until === null ? null : new Date(until),
      closed_at: null,
      customers_out: until === null ? customers : 0,
      customers_interrupted: customers,
      closed_customer_ms: 0,
      steps: '[]',
      cause: null,
      crew: more.crew === undefined ? null : JSON.stringify(more.crew),
      etr: more.etr === undefined ? null : JSON.stringify(more.etr),
      told: null,
      revision: 1,
      updated_at: new Date(from),
    })
    .execute()
  await db
    .insertInto('interruption')
    .values({
      outage: id,
      from_at: new Date(from),
      until_at: until === null ? null : new Date(until),
      area: 'west',
      substation: 'W',
      feeder: 'F1',
      phases: 7,
      customers,
      connected_kva: null,
      members: [...groups],
      local_day: iso(from).slice(0, 10),
      nature: more.nature ?? 'unplanned',
      cause: null,
    })
    .execute()
}

await t.test('what customers say', async (t) => {
  const database = await openTestDatabase(t)
  const { db } = database
  let now = NOW
  const front = await openFront(t, database, { clock: () => now })
  const ann = await tokenFor('customer', ['P1', 'P2'])
  const dispatcher = await tokenFor('dispatcher')
  const report = (servicePoint: string, kind: string, more: object = {}, token = ann) =>
    front.ask('POST', '/api/v1/me/reports', token, { servicePoint, kind, ...more })
  const events = (outage: string) =>
    db
      .selectFrom('outage_event')
      .select(['kind', 'data'])
      .where('outage', '=', outage)
      .orderBy('id')
      .execute()

  await book(db, 'o1', [GROUP.P1], NOW - 30 * MIN, null, {
    etr: { at: NOW + H, earliest: null, latest: null, source: 'crew', issuedAt: NOW - MIN },
  })

  await t.test(
    'who is known to be out gets what is known, and it is evidence on that outage',
    async (t) => {
      const { status, body } = await report('P1', 'noPower')
      t.equal(status, 200)
      t.match(body, { outage: 'o1', known: true, times: 1 })
      // Berlin: 12:30 local, back at 14:00.
      t.equal(
        body.text.en,
        'We know: power is out there since 12:30. Expected back about 14:00. The estimate is from the crew.',
      )
      t.match(body.text['zh-CN'], /自12:30起停电/)
      t.match(await events('o1'), [
        {
          kind: 'customerReport',
          data: { report: 'noPower', servicePoint: 'P1', contradicts: false },
        },
      ])
    },
  )

  await t.test(
    'the same again is one report that counts, and no new evidence within ten minutes',
    async (t) => {
      t.match((await report('P1', 'noPower')).body, { times: 2 })
      t.equal((await events('o1')).length, 1)
      now += 11 * MIN
      t.match((await report('P1', 'noPower')).body, { times: 3 })
      t.equal((await events('o1')).length, 2)
      const { body } = await front.ask('GET', '/api/v1/reports?outage=o1', dispatcher)
      t.match(body.reports, [{ servicePoint: 'P1', kind: 'noPower', times: 3 }])
      t.equal(body.reports.length, 1)
    },
  )

  await t.test(
    '"it is back" against the record: noted as a contradiction, and the other report is closed',
    async (t) => {
      const { body } = await report('P1', 'back')
      t.equal(body.text.en, 'Thank you. For us power is still out there; our control room is told.')
      t.match((await events('o1')).at(-1), { data: { report: 'back', contradicts: true } })
      const open = await front.ask('GET', '/api/v1/reports', dispatcher)
      t.strictSame(
        open.body.reports.map((one: { kind: string }) => one.kind),
        ['back'],
      )
    },
  )

  await t.test(
    'an outage we did not know of: said so, and on top of the list when there is danger',
    async (t) => {
      const { body } = await report('P2', 'noPower', { hazard: true, words: 'a wire on the road' })
      t.match(body, { outage: null, known: false })
      t.match(body.text.en, /^Stay at least 10 m away from wires.*did not know of it/)
      const open = await front.ask('GET', '/api/v1/reports', dispatcher)
      t.match(open.body.reports[0], {
        servicePoint: 'P2',
        hazard: true,
        words: 'a wire on the road',
      })
    },
  )

  await t.test(
    'still dark after restoration: a second fault behind the first, evidence on the outage just over',
    async (t) => {
      await book(db, 'o2', [GROUP.P2], now - 3 * H, now - H)
      const { body } = await report('P2', 'noPower')
      t.match(body, { outage: 'o2', known: false })
      t.match(body.text.en, /You may have a second fault/)
      t.match(await events('o2'), [{ data: { contradicts: true } }])
    },
  )

  await t.test('at the same instant from one household: still one report', async (t) => {
    await Promise.all([1, 2, 3, 4, 5].map(() => report('P2', 'back')))
    const rows = await db
      .selectFrom('customer_report')
      .selectAll()
      .where('service_point', '=', 'P2')
      .where('kind', '=', 'back')
      .execute()
    t.equal(rows.length, 1)
    t.equal(rows[0]?.times, 5)
  })

  await t.test(
    'a point of somebody else, an unknown kind, no point: refused, nothing written',
    async (t) => {
      const { n } = await db
        .selectFrom('customer_report')
        .select(db.fn.countAll<number>().as('n'))
        .executeTakeFirstOrThrow()
      t.match(await report('P4', 'noPower'), { status: 403, body: { code: 'not-yours' } })
      t.match(await report('P1', 'dark'), { status: 400, body: { code: 'invalid' } })
      t.match(await front.ask('POST', '/api/v1/me/reports', ann, {}), { status: 400 })
      t.match(await report('P1', 'noPower', { words: 'x'.repeat(2001) }), { status: 400 })
      const after = await db
        .selectFrom('customer_report')
        .select(db.fn.countAll<number>().as('n'))
        .executeTakeFirstOrThrow()
      t.equal(after.n, n)
    },
  )

  await t.test('a flood is refused with when to try again; danger is always heard', async (t) => {
    let refused
    for (let i = 0; i <= REPORTS_MAX; i += 1) {
      const answer = await report('P1', 'noPower')
      if (answer.status === 429) refused = answer
    }
    t.match(refused, {
      status: 429,
      body: { code: 'too-many-reports' },
      headers: { 'retry-after': /\d+/ },
    })
    t.equal((await report('P1', 'noPower', { hazard: true })).status, 200)
  })

  await t.test(
    'satisfaction: after restoration, of those who were interrupted, once',
    async (t) => {
      const say = (outage: string, servicePoint: string, score: number) =>
        front.ask('POST', '/api/v1/me/satisfaction', ann, { outage, servicePoint, score })
      t.match(await say('o1', 'P1', 2), { status: 409, body: { code: 'still-out' } })
      t.match(await say('o2', 'P1', 2), { status: 404 })
      t.match(await say('nowhere', 'P2', 2), { status: 404 })
      t.match(await say('o2', 'P2', 6), { status: 400 })
      t.match(await say('o2', 'P2', 2), { status: 200 })
      t.match(await say('o2', 'P2', 4), { status: 200 })
      const rows = await db.selectFrom('satisfaction').select(['score']).execute()
      t.strictSame(rows, [{ score: 4 }], 'the second answer corrects the first')
    },
  )

  await t.test(
    'complaints: filed, given an owner and a date, answered, read by the customer; each act in the audit',
    async (t) => {
      const filed = await front.ask('POST', '/api/v1/me/complaints', ann, {
        servicePoint: 'P2',
        outage: 'o2',
        words: 'Nobody told me.',
      })
      t.match(filed, { status: 200, body: { owner: null, answer: null, overdue: false } })
      const { id } = filed.body
      t.match(
        await front.ask('POST', '/api/v1/me/complaints', ann, {
          servicePoint: 'P1',
          outage: 'o2',
          words: 'x',
        }),
        { status: 404 },
        'about an outage that was not theirs',
      )
      const dueAt = iso(now + DAY)
      t.match(
        await front.ask('POST', `/api/v1/complaints/${id}/owner`, dispatcher, {
          owner: 'M. Reed',
          dueAt,
        }),
        { status: 200, body: { owner: 'M. Reed', dueAt } },
      )
      now += 2 * DAY
      const agenda = await front.ask(
        'GET',
        '/api/v1/complaints',
        await tokenFor('dispatcher', [], now),
      )
      t.match(agenda.body.complaints, [{ id, overdue: true }])
      const later = await tokenFor('dispatcher', [], now)
      t.match(
        await front.ask('POST', `/api/v1/complaints/${id}/answer`, later, {
          answer: 'We are sorry.',
        }),
        { status: 200 },
      )
      t.match(
        await front.ask('POST', `/api/v1/complaints/${id}/answer`, later, { answer: 'again' }),
        { status: 404 },
        'answered once',
      )
      const annLater = await tokenFor('customer', ['P1', 'P2'], now)
      const mine = await front.ask('GET', '/api/v1/me/complaints', annLater)
      t.match(mine.body.complaints, [{ id, answer: 'We are sorry.', owner: 'M. Reed' }])
      const audit = await db
        .selectFrom('audit')
        .select(['act'])
        .where('act', 'like', 'complaint%')
        .orderBy('id')
        .execute()
      t.strictSame(
        audit.map(({ act }) => act),
        ['complaint', 'complaint.owner', 'complaint.answer'],
      )
      let last = 0
      for (let i = 0; i < 6; i += 1)
        last = (
          await front.ask('POST', '/api/v1/me/complaints', annLater, {
            servicePoint: 'P2',
            words: 'again',
          })
        ).status
      t.equal(last, 409, 'so many open ones and no more')
    },
  )
})

await t.test('preferences: kept whole, seen by nobody else, and followed', async (t) => {
  const database = await openTestDatabase(t)
  const { db } = database
  const front = await openFront(t, database)
  const ann = await tokenFor('customer', ['P1', 'P2'])
  const put = (body: object) => front.ask('PUT', '/api/v1/me/preferences', ann, body)
  t.strictSame((await front.ask('GET', '/api/v1/me/preferences', ann)).body, {
    language: 'en',
    channels: [],
  })
  const saved = await put({
    language: 'zh-CN',
    channels: [
      {
        channel: 'sms',
        address: '+1 (555) 010-02',
        servicePoints: ['P1'],
        kinds: ['supplyLost'],
        quietHours: { from: '22:00', until: '06:30' },
      },
      { channel: 'email', address: 'ann@example.org' },
    ],
  })
  const expected = {
    language: 'zh-CN',
    channels: [
      {
        channel: 'sms',
        address: '+155501002',
        servicePoints: ['P1'],
        kinds: ['supplyLost'],
        quietHours: { from: '22:00', until: '06:30' },
      },
      {
        channel: 'email',
        address: 'ann@example.org',
        servicePoints: ['P1', 'P2'],
        kinds: null,
        quietHours: null,
      },
    ],
  }
  t.equal(saved.status, 200)
  t.strictSame(saved.body, expected)
  t.strictSame((await front.ask('GET', '/api/v1/me/preferences', ann)).body, expected)
  t.strictSame(
    (await put({ language: 'en' })).body.channels,
    expected.channels,
    'what is not named stays',
  )
  const bad: [string, object, number][] = [
    [
      'a foreign point',
      { channels: [{ channel: 'sms', address: '+15550100', servicePoints: ['P4'] }] },
      403,
    ],
    [
      'no subscription',
      { channels: [{ channel: 'push', address: '{"endpoint":"https://x.org"}' }] },
      400,
    ],
    ['no address', { channels: [{ channel: 'email', address: 'ann' }] }, 400],
    ['two addresses in one', { channels: [{ channel: 'email', address: 'a@b.org,c@d.org' }] }, 400],
    ['a line break', { channels: [{ channel: 'email', address: 'a@b.org\nBcc: x@y.org' }] }, 400],
    [
      "a program of one's own",
      { channels: [{ channel: 'webhook', address: 'http://169.254.169.254/' }] },
      400,
    ],
    ['a language nobody speaks', { language: 'xx' }, 400],
    [
      "quiet at 25 o'clock",
      {
        channels: [
          { channel: 'sms', address: '+15550100', quietHours: { from: '25:00', until: '06:00' } },
        ],
      },
      400,
    ],
  ]
  for (const [what, body, status] of bad) t.equal((await put(body)).status, status, what)
  t.strictSame(
    (await front.ask('GET', '/api/v1/me/preferences', ann)).body.channels,
    expected.channels,
  )

  // What is sent to them they can see, without addresses; others see nothing of it.
  const planned = composePlanned(PLANNED, 'announced', {
    at: NOW + 1,
    settings: { noticeHoldS: 20, timeZone: 'Europe/Berlin' },
  })
  await commit(
    db,
    planned.map((draft, i) => ({ ...draft, seq: i + 1 })),
  )
  const outbox = openOutbox(db, 'Europe/Berlin')
  t.match(
    await deliverDue(outbox, new Map(), NOW + 1),
    { dead: 1 },
    'no e-mail is set up: seen as a dead letter',
  )
  t.match((await front.ask('GET', '/api/v1/me/deliveries', ann)).body.deliveries, [
    { channel: 'email', state: 'dead' },
  ])
  const bo = await front.ask('GET', '/api/v1/me/deliveries', await tokenFor('customer', ['P4']))
  t.same(bo.body.deliveries.length, 1, 'the same subject in this test')
  const staff = await front.ask(
    'GET',
    '/api/v1/deliveries?state=dead',
    await tokenFor('dispatcher'),
  )
  t.equal(staff.body.deliveries.length, 1)
  t.notMatch(staff.text, /ann@example|555/)
  const admin = await tokenFor('admin')
  const { id } = staff.body.deliveries[0]
  t.match(await front.ask('POST', `/api/v1/deliveries/${id}/retry`, admin), { status: 200 })
  t.match(await front.ask('POST', `/api/v1/deliveries/${id}/retry`, admin), { status: 404 })
})

await t.test("webhooks are the administrator's: the secret is shown once", async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  const admin = await tokenFor('admin')
  const made = await front.ask('POST', '/api/v1/webhooks', admin, {
    url: 'https://example.org/hook?key=1',
    audience: 'public',
  })
  t.match(made, { status: 200, body: { id: Number, secret: /^whsec_/ } })
  const listed = await front.ask('GET', '/api/v1/webhooks', admin)
  t.match(listed.body.webhooks, [{ id: made.body.id, audience: 'public' }])
  t.notMatch(listed.text, /whsec_/)
  t.match(await front.ask('POST', '/api/v1/webhooks', admin, { url: 'file:///etc/passwd' }), {
    status: 400,
  })
  t.match(await front.ask('POST', '/api/v1/webhooks', admin, { url: 'hook' }), { status: 400 })
  t.equal((await front.ask('DELETE', `/api/v1/webhooks/${made.body.id}`, admin)).status, 204)
  t.equal((await front.ask('DELETE', `/api/v1/webhooks/${made.body.id}`, admin)).status, 404)
})

await t.test(
  'planned work: told to those concerned, staff and everyone, and in their calendar',
  async (t) => {
    const database = await openTestDatabase(t)
    const { db } = database
    const front = await openFront(t, database)
    let seq = 0
    const tell = (drafts: readonly Draft[]) =>
      commit(
        db,
        drafts.map((draft) => ({ ...draft, seq: ++seq })),
      )
    const moment = (at: number) => ({
      at,
      settings: { noticeHoldS: 20, timeZone: 'Europe/Berlin' },
    })

    const drafts = composePlanned(PLANNED, 'announced', moment(NOW - DAY))
    t.strictSame(
      drafts.map(({ audience, members }) => [audience, members]),
      [
        ['customer', [GROUP.P1]],
        ['staff', null],
        ['public', null],
      ],
    )
    t.equal(
      drafts[0]?.data.text.en,
      'Planned work: your power will be off from 09:00 on Fri 20 Mar to 12:30. Reason: maintenance.',
    )
    t.equal(
      drafts[0]?.data.text['zh-CN'],
      '计划停电：您家将于3月20日09:00至12:30停电。原因：检修。',
    )
    t.notMatch(JSON.stringify(drafts[2]), /F1|New cable/, 'the public learns no feeder')
    const few = composePlanned(
      { ...PLANNED, customers: 4, reason: 'at the house of Mr X' },
      'announced',
      moment(NOW),
    )
    t.match(few[2]?.data.text.en, /fewer than 5 customers without power/)
    t.notMatch(few[0]?.data.text.en, /Mr X/, 'free words about a reason stay inside')

    await tell(drafts)
    const ann = await tokenFor('customer', ['P1', 'P4'])
    const { body } = await front.ask('GET', '/api/v1/me/calendar', ann)
    t.strictSame(
      body.calendars.map((one: { servicePoint: string }) => one.servicePoint),
      ['P1', 'P4'],
    )
    const [mine, other] = body.calendars
    const read = async (path: string) => (await front.ask('GET', path)).text
    t.match(
      await read(mine.path),
      /UID:W7@relight\r\nSEQUENCE:0[^]*DTSTART:20260320T080000Z\r\nDTEND:20260320T113000Z[^]*STATUS:CONFIRMED/,
    )
    t.notMatch(await read(other.path), /VEVENT/, 'not concerned')
    t.equal(
      (await front.ask('GET', '/api/v1/me/calendar', ann)).body.calendars[0].path,
      mine.path,
      'the address stays',
    )

    await tell(
      composePlanned(
        { ...PLANNED, from: PLANNED.from + DAY, until: PLANNED.until + DAY },
        'changed',
        moment(NOW),
      ),
    )
    t.match(await read(mine.path), /SEQUENCE:1[^]*DTSTART:20260321T080000Z/)
    await tell(composePlanned(PLANNED, 'cancelled', moment(NOW + 1)))
    const chinese = await read(`${mine.path}?language=zh-CN`)
    t.match(chinese, /SUMMARY:计划停电[^]*STATUS:CANCELLED/)
    t.equal(chinese.match(/BEGIN:VEVENT/g)?.length, 1, 'one event, whatever was told of it')
    t.equal((await front.ask('GET', `/public/calendar/${'x'.repeat(32)}`)).status, 404)
    t.equal((await front.ask('GET', '/public/calendar/short')).status, 400)
  },
)

await t.test(
  'iCalendar: lines fold by octets within no letter, special letters are escaped',
  async (t) => {
    const text = calendarOf('P1', [
      {
        uid: 'W1@relight',
        from: 0,
        until: H,
        summary: 'a,b;c\\d\ne',
        description: '计划停电'.repeat(40),
        sequence: 0,
        toldAt: 0,
        cancelled: false,
      },
    ])
    t.ok(text.endsWith('END:VCALENDAR\r\n'))
    for (const line of text.split('\r\n')) t.ok(Buffer.byteLength(line) <= 75, line)
    const unfolded = text.replace(/\r\n /g, '')
    t.match(unfolded, `DESCRIPTION:${'计划停电'.repeat(40)}\r\n`)
    t.match(unfolded, 'SUMMARY:a\\,b\\;c\\\\d\\ne\r\n')
    t.notMatch(text, /[^\r]\n/)
  },
)

await t.test('what is owed in Great Britain, as a table', async (t) => {
  const at = Date.parse('2026-03-31T12:00:00Z')
  const stay = (hours: number, more: Partial<Stay> = {}): Stay => ({
    outage: 'o',
    from: at - 100 * DAY,
    until: at - 100 * DAY + hours * H,
    planned: false,
    toldAt: null,
    customersInterrupted: 100,
    ...more,
  })
  const localMonthOf = (instant: number) => ({
    year: new Date(instant).getUTCFullYear(),
    month: new Date(instant).getUTCMonth() + 1,
  })
  const table: readonly [
    string,
    readonly Stay[],
    { domestic?: boolean; severe?: 'severe1' | 'severe2' },
    readonly [string, number][],
  ][] = [
    ['just twelve hours: kept', [stay(12)], {}, []],
    ['a second more', [stay(12 + 1 / 3600)], {}, [['GB 5', 95]]],
    ['23:59 later still the first period', [stay(23.99)], {}, [['GB 5', 95]]],
    ['each further twelve hours', [stay(36)], {}, [['GB 5', 95 + 2 * 45]]],
    ['a business', [stay(13)], { domestic: false }, [['GB 5', 190]]],
    [
      'still out counts until now',
      [{ ...stay(0), from: at - 25 * H, until: null }],
      {},
      [['GB 5', 140]],
    ],
    ['5,000 customers: 24 hours', [stay(20, { customersInterrupted: 5000 })], {}, []],
    ['5,000 customers, capped', [stay(500, { customersInterrupted: 5000 })], {}, [['GB 6', 360]]],
    ['severe weather: 24 h', [stay(30)], { severe: 'severe1' }, [['GB 7', 80 + 40]]],
    ['very severe weather: 48 h', [stay(47)], { severe: 'severe2' }, []],
    ['severe, capped', [stay(5000)], { severe: 'severe2' }, [['GB 7', 2000]]],
    ['planned, told in time', [stay(5, { planned: true, toldAt: at - 102 * DAY })], {}, []],
    [
      'planned, told a day before',
      [stay(5, { planned: true, toldAt: at - 101 * DAY })],
      {},
      [['GB 12', 40]],
    ],
    ['planned, never told', [stay(20, { planned: true })], {}, [['GB 12', 40]]],
    ['three long ones in a year', [1, 2, 3].map((i) => stay(3, { outage: `o${i}` })), {}, []],
    [
      'four long ones in a year',
      [1, 2, 3, 4].map((i) => stay(3, { outage: `o${i}` })),
      {},
      [['GB 10', 95]],
    ],
    [
      'four, but over the first of April',
      [
        stay(3),
        stay(3),
        ...[1, 2].map(() => ({ ...stay(3), from: at - 400 * DAY, until: at - 400 * DAY + 3 * H })),
      ],
      {},
      [],
    ],
  ]
  for (const [rule, stays, { domestic = true, severe }, expected] of table) {
    const owed = owedInBritain(stays, {
      domestic,
      severityOf: () => severe ?? 'normal',
      at,
      localMonthOf,
    })
    t.strictSame(
      owed.map(({ regulation, amount }) => [regulation, amount]),
      expected,
      rule,
    )
  }
})

await t.test('severe weather is declared by a planner, and what is owed goes by it', async (t) => {
  const database = await openTestDatabase(t)
  const { db } = database
  const front = await openFront(t, database)
  const [planner, customer] = await Promise.all([tokenFor('planner'), tokenFor('customer', ['P1'])])
  // P1 of feeder F1, area west, was out for 26 hours.
  const began = NOW - 100 * H
  await book(db, 'o1', [GROUP.P1], began, began + 26 * H)
  await db.updateTable('outage').set({ area: 'west' }).where('id', '=', 'o1').execute()
  const owed = async () => {
    const { status, body } = await front.ask('GET', '/api/v1/me/owed?servicePoint=P1', customer)
    t.equal(status, 200)
    return body.owed.map((one: { regulation: string; amount: number }) => [
      one.regulation,
      one.amount,
    ])
  }
  const declare = (more: object, token = planner) =>
    front.ask('POST', '/api/v1/severe-weather', token, {
      area: 'west',
      category: 'severe1',
      from: iso(began - H),
      reason: '9 times the mean of daily faults',
      ...more,
    })
  t.strictSame(await owed(), [['GB 5', 95 + 45]], 'an ordinary day')
  t.equal((await declare({}, await tokenFor('dispatcher'))).status, 403)
  for (const [more, at] of [
    [{ from: iso(NOW + H) }, '/from'],
    [{ until: iso(began - 2 * H) }, '/until'],
    [{ category: 'severe9' }, '/category'],
    [{ reason: '' }, '/reason'],
  ] as const)
    t.match(await declare(more), { status: 400, body: { errors: [{ at }] } }, at)
  t.match(await declare({ area: 'nowhere' }), { status: 404, body: { code: 'unknown-area' } })

  const elsewhere = await declare({ area: 'east' })
  t.equal(elsewhere.status, 200)
  t.strictSame(await owed(), [['GB 5', 140]], 'another area')
  const before = await declare({ from: iso(began - 9 * H), until: iso(began) })
  t.equal(before.status, 200)
  t.strictSame(await owed(), [['GB 5', 140]], 'it was over when the outage began')
  const here = await declare({})
  t.match(here, {
    status: 200,
    body: { area: 'west', until: null, declaredBy: 'planner of the test', withdrawnAt: null },
  })
  t.strictSame(await owed(), [['GB 7', 80]], '24 hours, and two more')
  const graver = await declare({ area: null, category: 'severe2' })
  t.strictSame(await owed(), [], 'of two the gravest: 48 hours')
  const act = (id: number, what: string, body = {}) =>
    front.ask('POST', `/api/v1/severe-weather/${id}/${what}`, planner, body)
  t.equal((await act(graver.body.id, 'withdraw')).status, 200)
  t.strictSame(await owed(), [['GB 7', 80]], 'declared by mistake')
  t.match(await act(graver.body.id, 'withdraw'), { status: 404, body: { code: 'withdrawn' } })
  t.match(await act(graver.body.id, 'end'), { status: 404, body: { code: 'withdrawn' } })
  t.match(await act(999, 'end'), { status: 404, body: { code: 'unknown-severe-weather' } })
  t.match(await act(here.body.id, 'end', { until: iso(began - 2 * H) }), { status: 400 })
  t.equal((await act(here.body.id, 'end', { until: iso(began - MIN) })).status, 200)
  t.strictSame(await owed(), [['GB 5', 140]], 'it had been over before')

  const { body } = await front.ask('GET', '/api/v1/severe-weather', planner)
  t.equal(body.weather.length, 4, 'nothing is forgotten')
  const acts = await db
    .selectFrom('audit')
    .select(['act', 'target'])
    .where('act', 'like', 'severe-weather.%')
    .orderBy('id')
    .execute()
  t.strictSame(
    acts.map((one) => one.act.replace('severe-weather.', '')),
    ['declare', 'declare', 'declare', 'declare', 'withdraw', 'end'],
  )
})

await t.test('service quality: what was told, when, and how it was liked', async (t) => {
  const database = await openTestDatabase(t)
  const { db } = database
  const front = await openFront(t, database)
  const began = NOW - 5 * H
  await book(db, 'o1', [GROUP.P1], began, began + 2 * H, {
    crew: { name: 'C3', state: 'done', at: began },
  })
  const base = { outage: 'o1', feeders: [], members: [GROUP.P1], audience: 'customer' as const }
  const data = (etrAt: number | null) => ({
    kind: 'supplyLost' as const,
    outage: 'o1',
    startedAt: iso(began),
    etr:
      etrAt === null
        ? null
        : {
            at: iso(etrAt),
            earliest: null,
            latest: iso(began + 3 * H),
            source: 'crew',
            issuedAt: iso(began + MIN),
          },
    customersOut: 1,
    text: { en: '', 'zh-CN': '' },
  })
  await commit(db, [
    { ...base, seq: 1, at: began + 30_000, kind: 'supplyLost', data: data(null) },
    { ...base, seq: 2, at: began + MIN, kind: 'etrChanged', data: data(began + H) },
    { ...base, seq: 3, at: began + 2 * H, kind: 'supplyRestored', data: data(null) },
  ])
  const asked = (point: string, group: number, at: number) => ({
    service_point: point,
    group,
    kind: 'noPower',
    first_at: new Date(at),
    last_at: new Date(at),
    words: null,
    outage: 'o1',
    by_subject: 'x',
  })
  await db
    .insertInto('customer_report')
    .values([
      asked('P1', GROUP.P1, began + 10_000),
      asked('P1b', GROUP.P1, began + H),
      asked('P4', GROUP.P4, began + H),
    ])
    .execute()
  await db
    .insertInto('satisfaction')
    .values([
      { outage: 'o1', service_point: 'P1', subject: 'a', score: 5, words: null, at: new Date(NOW) },
      { outage: 'o1', service_point: 'P9', subject: 'b', score: 2, words: null, at: new Date(NOW) },
    ])
    .execute()
  const ask = (query: string, role: 'dispatcher' | 'planner' = 'planner') =>
    tokenFor(role).then((token) => front.ask('GET', `/api/v1/service-quality${query}`, token))
  const { status, body } = await ask('')
  t.equal(status, 200)
  t.match(body, {
    firstNotice: { outages: 1, medianS: 30, p90S: 30 },
    estimates: [
      {
        source: 'crew',
        estimates: 1,
        medianErrorMin: 60,
        meanLateMin: 60,
        lateShare: 1,
        withinRangeShare: 1,
      },
    ],
    asked: { reports: 3, toldBefore: 1, share: 1 / 3 },
    noticesPerOutage: 3,
    satisfaction: [{ feeder: 'F1', team: 'C3', answers: 2, mean: 3.5 }],
  })
  const none = await ask('?from=2025-01-01&to=2025-02-01')
  t.match(none.body, {
    firstNotice: { outages: 0, medianS: null },
    asked: { share: null },
    estimates: [],
    noticesPerOutage: null,
  })
  t.equal((await ask('?from=2025-02-01&to=2025-01-01')).status, 400)
  t.equal((await ask('?from=yesterday')).status, 400)
  const owed = await front.ask(
    'GET',
    '/api/v1/me/owed?servicePoint=P1',
    await tokenFor('customer', ['P1']),
  )
  t.match(owed, { status: 200, body: { owed: [] } })
  t.equal(
    (await front.ask('GET', '/api/v1/me/owed?servicePoint=P4', await tokenFor('customer', ['P1'])))
      .status,
    403,
  )
})

t.equal(localMinute(Date.parse('2026-11-24T03:10:00-05:00'), 'America/New_York'), 190)
