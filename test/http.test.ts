import net from 'node:net'
import t from 'tap'
import { GivenUp } from '../src/control-room/asking.ts'
import type { Act, ActAnswer, Actor } from '../src/ledger/acts.ts'
import { toSaveObservations } from '../src/stores/observations.ts'
import { runIn } from '../src/stores/statement.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { commit, GROUP, notice, NOW, openFront, tokenFor } from './support/people.ts'

const MIN = 60_000
const iso = (at: number) => new Date(at).toISOString()

type OutageSeed = {
  id: string
  device?: string
  feeder?: string | null
  startedAt: number
  restoredAt?: number
  closedAt?: number
  out?: number
  interrupted?: number
  closedCustomerMs?: number
  steps?: { at: number; device: string | null; customersRestored: number }[]
  crew?: object
  etr?: object
}

async function saveOutage({ db }: TestDatabase, seed: OutageSeed): Promise<void> {
  await db
    .insertInto('outage')
    .values({
      id: seed.id,
      device: seed.device ?? seed.id,
      anchor_at: new Date(seed.startedAt),
      phases: 7,
      area: 'west',
      substation: 'W',
      feeder: seed.feeder === undefined ? 'F1' : seed.feeder,
      started_at: new Date(seed.startedAt),
      restored_at: seed.restoredAt === undefined ? null : new Date(seed.restoredAt),
      closed_at: seed.closedAt === undefined ? null : new Date(seed.closedAt),
      customers_out: seed.out ?? 0,
      customers_interrupted: seed.interrupted ?? seed.out ?? 0,
      closed_customer_ms: seed.closedCustomerMs ?? 0,
      steps: JSON.stringify(seed.steps ?? []),
      crew: seed.crew === undefined ? null : JSON.stringify(seed.crew),
      etr: seed.etr === undefined ? null : JSON.stringify(seed.etr),
      kind: 'unplanned',
      origin: 'live',
      start_uncertain: false,
      revision: 1,
      updated_at: new Date(seed.startedAt),
    })
    .execute()
}

async function saveSet(
  { db }: TestDatabase,
  set: {
    outage: string
    from: number
    until?: number
    customers: number
    members?: number[]
    feeder?: string
    area?: string
  },
): Promise<void> {
  await db
    .insertInto('interruption')
    .values({
      outage: set.outage,
      from_at: new Date(set.from),
      until_at: set.until === undefined ? null : new Date(set.until),
      area: set.area ?? 'west',
      substation: 'W',
      feeder: set.feeder ?? 'F1',
      phases: 7,
      customers: set.customers,
      members: set.members ?? null,
      local_day: iso(set.from).slice(0, 10),
    })
    .execute()
}

t.test(
  'an outage is told as the contract has it, and its customer-minutes run until now',
  async (t) => {
    const database = await openTestDatabase(t)
    const front = await openFront(t, database)
    const startedAt = NOW - 30 * MIN
    await saveOutage(database, {
      id: 'o1',
      device: 'H1',
      startedAt,
      out: 120,
      interrupted: 203,
      // 83 customers for 10 minutes.
      closedCustomerMs: 83 * 10 * MIN,
      steps: [{ at: startedAt + 10 * MIN, device: 'T', customersRestored: 83 }],
      crew: { name: 'C3', state: 'onSite', at: NOW - 5 * MIN },
      etr: {
        at: NOW + MIN,
        earliest: null,
        latest: NOW + 2 * MIN,
        source: 'crew',
        issuedAt: NOW - MIN,
      },
    })
    await saveSet(database, { outage: 'o1', from: startedAt, customers: 120, members: [GROUP.P1] })
    await saveSet(database, {
      outage: 'o1',
      from: startedAt,
      until: startedAt + 10 * MIN,
      customers: 83,
    })
    const { status, body } = await front.ask('GET', '/api/v1/outages', await tokenFor('dispatcher'))
    t.equal(status, 200)
    t.same(body, {
      outages: [
        {
          id: 'o1',
          status: 'partiallyRestored',
          kind: 'unplanned',
          feeder: 'F1',
          substation: 'W',
          area: 'west',
          device: 'H1',
          phases: 'ABC',
          startedAt: '2026-03-10T11:30:00.000Z',
          startUncertain: false,
          restoredAt: null,
          closedAt: null,
          customersOut: 120,
          customersInterrupted: 203,
          customerMinutes: 83 * 10 + 120 * 30,
          cause: null,
          causeDetail: null,
          crew: { name: 'C3', state: 'onSite', at: '2026-03-10T11:55:00.000Z' },
          etr: {
            at: '2026-03-10T12:01:00.000Z',
            earliest: null,
            latest: '2026-03-10T12:02:00.000Z',
            source: 'crew',
            issuedAt: '2026-03-10T11:59:00.000Z',
          },
          steps: [{ at: '2026-03-10T11:40:00.000Z', device: 'T', customersRestored: 83 }],
          mergedInto: null,
          revision: 1,
        },
      ],
      nextCursor: null,
    })
  },
)

t.test('lists: filters, pages that lose and double nothing, and clear refusals', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  const token = await tokenFor('dispatcher')
  const day = Date.parse('2026-03-08T00:00:00Z')
  await saveOutage(database, { id: 'active', startedAt: day, out: 5 })
  await saveOutage(database, { id: 'restored', startedAt: day, restoredAt: day + 60 * MIN })
  await saveOutage(database, {
    id: 'closed',
    startedAt: day,
    restoredAt: day + MIN,
    closedAt: day + 9 * MIN,
    feeder: 'F2',
  })
  await saveOutage(database, { id: 'several', startedAt: day - MIN, restoredAt: day, feeder: null })
  await saveSet(database, {
    outage: 'several',
    from: day - MIN,
    until: day,
    customers: 1,
    feeder: 'F2',
  })
  const ids = async (query: string): Promise<string[]> => {
    const { body } = await front.ask('GET', `/api/v1/outages?${query}`, token)
    return body.outages.map(({ id }: { id: string }) => id).sort()
  }
  t.same(await ids('state=active'), ['active'])
  t.same(await ids('state=restored'), ['restored', 'several'])
  t.same(await ids('state=closed'), ['closed'])
  t.same(await ids('state=all'), ['active', 'closed', 'restored', 'several'])
  t.same(await ids(''), ['active', 'closed', 'restored', 'several'], 'no filter: all')
  t.same(await ids('feeder=F2'), ['closed', 'several'], 'also an outage of several feeders')
  t.same(await ids('feeder=F9'), [])
  t.same(
    await ids(`from=${iso(day)}`),
    ['active', 'closed', 'restored'],
    'over when it begins: not in it',
  )
  t.same(await ids(`from=${iso(day + 60 * MIN)}`), ['active'])
  t.same(await ids(`to=${iso(day)}`), ['several'], 'to is exclusive')
  t.same(await ids('to=2026-03-08T02:00:00%2B02:00'), ['several'], 'an offset')
  t.same(await ids('to=2026-03-08T02:00:00+02:00'), ['several'], 'a plus sign that was not escaped')
  t.same(await ids('from=2026-03-09'), ['active'], 'a day in the calendar of the utility')

  t.test('a page stays where it was while outages come and go', async (t) => {
    for (let i = 0; i < 7; i++)
      await saveOutage(database, { id: `p${i}`, startedAt: day - 60 * MIN })
    const seen: string[] = []
    let cursor: string | null = ''
    for (let page = 0; cursor !== null; page++) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`
      const { body } = await front.ask('GET', `/api/v1/outages?limit=3${query}`, token)
      t.ok(body.outages.length <= 3)
      seen.push(...body.outages.map(({ id }: { id: string }) => id))
      cursor = body.nextCursor
      await saveOutage(database, { id: `new${page}`, startedAt: NOW + page })
      if (page === 1)
        await database.db
          .deleteFrom('outage')
          .where('id', '=', seen[0] ?? '')
          .execute()
    }
    t.equal(seen.length, 11)
    t.equal(new Set(seen).size, 11, 'each once')
    t.notOk(
      seen.some((id) => id.startsWith('new')),
      'what began later is not on a later page',
    )
  })

  for (const [query, at, says] of [
    ['state=broken', '/state', 'must be one of active, restored, closed, all'],
    ['limit=0', '/limit', 'must be >= 1'],
    ['limit=x', '/limit', 'must be integer'],
    ['from=yesterday', '/from', /RFC 3339/],
    ['to=2026-02-30', '/to', /RFC 3339/],
    ['to=2026-03-08T02:00:00', '/to', /offset/],
    ['cursor=zzz', '/cursor', /nextCursor/],
    [`cursor=${Buffer.from('["a",1]').toString('base64url')}`, '/cursor', /nextCursor/],
    [`feeder=${'x'.repeat(129)}`, '/feeder', /128/],
    ['feeder=a%00b', '/feeder', /pattern/],
  ] as const) {
    const { status, body, headers } = await front.ask('GET', `/api/v1/outages?${query}`, token)
    t.equal(status, 400, query)
    t.match(headers['content-type'], /^application\/problem\+json/)
    t.match(body.errors, [{ in: 'query', at, says }], query)
  }
})

t.test(
  'one outage comes with what stands behind it, and with nothing of its neighbours',
  async (t) => {
    const database = await openTestDatabase(t)
    const { db } = database
    const front = await openFront(t, database)
    const token = await tokenFor('dispatcher')
    const startedAt = NOW - 10 * MIN
    await saveOutage(database, { id: 'o1', device: 'S1', startedAt, out: 83 })
    await saveSet(database, { outage: 'o1', from: startedAt, customers: 83, members: [GROUP.P2] })
    await db
      .insertInto('outage_event')
      .values([
        {
          outage: 'o1',
          at: new Date(NOW),
          kind: 'note',
          data: '{"text":"tree"}',
          by_subject: 'ann',
        },
        {
          outage: 'o2',
          at: new Date(NOW),
          kind: 'note',
          data: '{"text":"else"}',
          by_subject: 'ann',
        },
      ])
      .execute()
    await db
      .insertInto('correction')
      .values({
        outage: 'o1',
        known_at: new Date(NOW),
        why: '[]',
        before: '{"startedAt":0}',
        after: '{"startedAt":1000}',
      })
      .execute()
    await commit(db, [notice(1), notice(2, { outage: 'o2' })])
    const said = { gateway: 'g', seq: 1, receivedAt: NOW }
    await db.transaction().execute((tx) =>
      runIn(
        tx,
        toSaveObservations(
          [
            {
              ...said,
              kind: 'switch',
              point: 'S1',
              at: startedAt,
              position: 'open',
              phases: null,
              reason: 'trip',
              quality: 'good',
              bySubject: null,
            },
            {
              ...said,
              kind: 'switch',
              point: 'H2',
              at: startedAt,
              position: 'open',
              phases: null,
              reason: 'trip',
              quality: 'good',
              bySubject: null,
            },
            { ...said, kind: 'meter', point: 'P3', at: startedAt + 1, event: 'lastGasp' },
            { ...said, kind: 'meter', point: 'P1', at: startedAt + 1, event: 'alive' },
            {
              ...said,
              kind: 'switch',
              point: 'S1',
              at: startedAt - 60 * MIN,
              position: 'closed',
              phases: null,
              reason: null,
              quality: 'good',
              bySubject: null,
            },
          ],
          () => false,
        ),
      ),
    )
    const { status, body } = await front.ask('GET', '/api/v1/outages/o1', token)
    t.equal(status, 200)
    t.match(body.timeline, [{ kind: 'note', data: { text: 'tree' }, by: 'ann', at: iso(NOW) }])
    t.equal(body.timeline.length, 1)
    t.same(body.corrections, [
      {
        knownAt: iso(NOW),
        why: [],
        before: { startedAt: '1970-01-01T00:00:00.000Z' },
        after: { startedAt: '1970-01-01T00:00:01.000Z' },
      },
    ])
    t.same(
      body.notices.map((one: { seq: number }) => one.seq),
      [1],
    )
    t.same(
      body.evidence.map((one: { point: string; value: string }) => [one.point, one.value]),
      [
        ['S1', 'open'],
        ['P3', 'lastGasp'],
      ],
      'its device and the meters behind it, around that time',
    )
    t.equal((await front.ask('GET', '/api/v1/outages/nope', token)).status, 404)
    t.equal((await front.ask('GET', '/api/v1/outages/a%2Fb', token)).body.detail, 'no outage a/b')
  },
)

t.test(
  'acts reach the engine as what was meant, and its answers are told in plain words',
  async (t) => {
    const database = await openTestDatabase(t)
    const acts: [Act, Actor][] = []
    let answer: ActAnswer = { outcome: 'done', outages: ['o1'] }
    const front = await openFront(t, database, {
      act: async (act, by) => {
        acts.push([act, by])
        return answer
      },
    })
    const token = await tokenFor('dispatcher')
    await saveOutage(database, { id: 'o1', startedAt: NOW - MIN, out: 3 })
    const by = { subject: 'dispatcher of the test', role: 'dispatcher' }
    const at = iso(NOW + 60 * MIN)

    for (const [path, body, act] of [
      [
        'outages/o1/etr',
        { at },
        {
          act: 'etr',
          outage: 'o1',
          at: NOW + 60 * MIN,
          earliest: null,
          latest: null,
          source: 'dispatcher',
        },
      ],
      [
        'outages/o1/etr',
        { at, earliest: at, latest: at, source: 'crew' },
        {
          act: 'etr',
          outage: 'o1',
          at: NOW + 60 * MIN,
          earliest: NOW + 60 * MIN,
          latest: NOW + 60 * MIN,
          source: 'crew',
        },
      ],
      [
        'outages/o1/crew',
        { name: 'C3', state: 'enRoute' },
        { act: 'crew', outage: 'o1', name: 'C3', state: 'enRoute' },
      ],
      [
        'outages/o1/crew',
        { name: 'C3' },
        { act: 'crew', outage: 'o1', name: 'C3', state: 'assigned' },
      ],
      [
        'outages/o1/cause',
        { cause: 'tree', detail: { tree: 'oak' } },
        { act: 'cause', outage: 'o1', cause: 'tree', detail: { tree: 'oak' } },
      ],
      ['outages/o1/note', { text: 'x' }, { act: 'note', outage: 'o1', text: 'x' }],
      ['outages/o1/close', undefined, { act: 'close', outage: 'o1' }],
      [
        'switches/S1/position',
        { position: 'open' },
        { act: 'position', switch: 'S1', position: 'open', phases: null, at: null, reason: null },
      ],
      [
        'switches/S1/position',
        { position: 'closed', phases: 'CA', at: iso(NOW), reason: 'planned' },
        {
          act: 'position',
          switch: 'S1',
          position: 'closed',
          phases: 5,
          at: NOW,
          reason: 'planned',
        },
      ],
    ] as const) {
      acts.length = 0
      const { status, body: said } = await front.ask('POST', `/api/v1/${path}`, token, body)
      t.equal(status, 200, path)
      t.same(acts, [[act, by]], path)
      if (path.startsWith('outages')) t.equal(said.id, 'o1', 'the outage as it stands now')
      else t.same(said.outages, ['o1'])
    }

    acts.length = 0
    for (const [path, body, says] of [
      ['outages/o1/etr', {}, 'body/at: is missing'],
      ['outages/o1/etr', undefined, 'body/at: is missing'],
      ['outages/o1/etr', { at: 'soon' }, /body\/at: must match format/],
      ['outages/o1/etr', { at: iso(NOW - 1) }, /body\/at: must lie in the future/],
      ['outages/o1/etr', { at, latest: iso(NOW + MIN) }, /body\/latest/],
      ['outages/o1/etr', { at, earliest: iso(NOW + 90 * MIN) }, /body\/earliest/],
      ['outages/o1/etr', { at, source: 'history' }, 'body/source: must be one of crew, dispatcher'],
      ['outages/o1/crew', { name: '' }, /body\/name/],
      ['outages/o1/crew', { name: 'C', state: 'lunch' }, /body\/state: must be one of assigned/],
      ['outages/o1/note', { text: 'x'.repeat(2001) }, /body\/text/],
      ['switches/S1/position', { position: 'ajar' }, 'body/position: must be one of open, closed'],
      ['switches/S1/position', { position: 'open', phases: 'AA' }, /body\/phases/],
      ['switches/S1/position', { position: 'open', phases: 'D' }, /body\/phases/],
      ['switches/S1/position', { position: 'open', at: '2026-13-01T00:00:00Z' }, /body\/at/],
    ] as const) {
      const { status, body: problem } = await front.ask('POST', `/api/v1/${path}`, token, body)
      t.equal(status, 400, JSON.stringify(body))
      t.match(problem.detail, says)
    }
    t.same(acts, [], 'nothing of that reached the engine')

    for (const [told, path, status, code] of [
      [{ outcome: 'unknown-switch' }, 'switches/S1/position', 404, 'unknown-switch'],
      [{ outcome: 'unknown-outage' }, 'outages/o1/note', 404, 'unknown-outage'],
      [{ outcome: 'still-out', customersOut: 3 }, 'outages/o1/close', 409, 'still-out'],
      [{ outcome: 'already-closed' }, 'outages/o1/close', 409, 'already-closed'],
      [
        { outcome: 'wrong-phases', says: 'S1 has phases A' },
        'switches/S1/position',
        400,
        'invalid',
      ],
    ] as const) {
      answer = told
      const body = path.endsWith('position') ? { position: 'open' } : { text: 'x' }
      const said = await front.ask('POST', `/api/v1/${path}`, token, body)
      t.match(said, { status, body: { code, status } }, told.outcome)
    }
  },
)

t.test('a gateway passes acts on to the engine, and says so when there is none', async (t) => {
  const database = await openTestDatabase(t)
  const acts: [Act, Actor][] = []
  await saveOutage(database, { id: 'o/1', startedAt: NOW - MIN, out: 3 })
  const engine = await openFront(t, database, {
    act: async (act, by) => {
      acts.push([act, by])
      return { outcome: 'done', outages: [] }
    },
  })
  const gateway = await openFront(t, database, { engineUrl: engine.url })
  const token = await tokenFor('dispatcher')
  const note = { text: 'tree on line' }
  const passed = await gateway.ask('POST', '/api/v1/outages/o%2F1/note', token, note)
  t.match(passed, { status: 200, body: { id: 'o/1' } })
  t.match(acts, [
    [{ act: 'note', outage: 'o/1', text: 'tree on line' }, { subject: 'dispatcher of the test' }],
  ])
  const bad = await gateway.ask('POST', '/api/v1/outages/o%2F1/note', token, {})
  t.equal(bad.status, 400)
  t.equal(
    (await gateway.ask('POST', '/api/v1/outages/x/note', await tokenFor('planner'), note)).status,
    403,
  )
  await engine.close()
  t.match(await gateway.ask('POST', '/api/v1/outages/x/note', token, note), {
    status: 503,
    body: { code: 'engine-away' },
  })
  // It has the act, and is gone before it answers.
  const deaf = net.createServer((socket) => socket.once('data', () => socket.destroy()))
  await new Promise<void>((done) => deaf.listen(0, '127.0.0.1', done))
  t.teardown(() => deaf.close())
  const { port } = deaf.address() as net.AddressInfo
  const lost = await openFront(t, database, { engineUrl: `http://127.0.0.1:${port}` })
  t.match(await lost.ask('POST', '/api/v1/outages/x/note', token, note), {
    status: 503,
    body: { code: 'outcome-open' },
  })
  for (const [code, told] of [
    ['not-begun', 'not-done'],
    ['under-way', 'outcome-open'],
  ] as const) {
    const slow = await openFront(t, database, { act: () => Promise.reject(new GivenUp(code)) })
    t.match(
      await slow.ask('POST', '/api/v1/outages/x/note', token, note),
      { status: 503, body: { code: told } },
      `an act that is ${code}`,
    )
  }
  const alone = await openFront(t, database)
  t.match(await alone.ask('POST', '/api/v1/outages/x/note', token, note), {
    status: 503,
    body: { code: 'no-engine' },
  })
})

t.test(
  'me: my points, on, off or unknown, and the last 24 months; nothing of my neighbours',
  async (t) => {
    const database = await openTestDatabase(t)
    const front = await openFront(t, database)
    await saveOutage(database, {
      id: 'now',
      device: 'S1',
      startedAt: NOW - 20 * MIN,
      out: 83,
      crew: { name: 'Bob', state: 'onSite', at: NOW },
      etr: { at: NOW + MIN, earliest: null, latest: null, source: 'rule', issuedAt: NOW },
    })
    await saveSet(database, {
      outage: 'now',
      from: NOW - 20 * MIN,
      customers: 83,
      members: [GROUP.P2],
    })
    const old = NOW - 100 * 24 * 60 * MIN
    await saveSet(database, {
      outage: 'old',
      from: old,
      until: old + 90 * MIN,
      customers: 120,
      members: [GROUP.P1],
    })
    await saveSet(database, {
      outage: 'older',
      from: 0,
      until: 60,
      customers: 120,
      members: [GROUP.P1],
    })
    await saveSet(database, {
      outage: 'theirs',
      from: old,
      until: old + MIN,
      customers: 200,
      members: [GROUP.P4],
    })

    const { body } = await front.ask(
      'GET',
      '/api/v1/me',
      await tokenFor('customer', ['P1', 'P2', 'P9']),
    )
    const [p1, p2, p9] = body.servicePoints
    t.match(p1, {
      id: 'P1',
      supply: 'on',
      since: iso(old + 90 * MIN),
      outage: null,
      etr: null,
      history: { months: 24, interruptions: [{ outage: 'old', minutes: 90, kind: 'unplanned' }] },
    })
    t.equal(p1.history.interruptions.length, 1)
    t.match(p2, {
      id: 'P2',
      supply: 'off',
      since: iso(NOW - 20 * MIN),
      outage: { id: 'now', status: 'confirmed', crew: { state: 'onSite' } },
      etr: { at: iso(NOW + MIN), source: 'rule' },
    })
    t.match(p9, { id: 'P9', supply: 'unknown', since: null, outage: null })
    t.notMatch(JSON.stringify(body), /theirs|P4|Bob|S1/, 'no neighbour, no device, nobody by name')
    // Most likely a minute ago; the range that was given is not over, or is.
    for (const [latest, shown] of [
      [NOW + MIN, { etr: { at: iso(NOW + MIN), earliest: null }, estimate: 'given' }],
      [NOW, { etr: null, estimate: 'reassessing' }],
      [null, { etr: null, estimate: 'reassessing' }],
    ] as const) {
      await database.db
        .updateTable('outage')
        .set({
          etr: JSON.stringify({
            at: NOW - MIN,
            earliest: null,
            latest,
            source: 'rule',
            issuedAt: NOW - 2 * MIN,
          }),
        })
        .execute()
      const late = await front.ask('GET', '/api/v1/me', await tokenFor('customer', ['P2']))
      t.match(late.body.servicePoints, [shown], `no estimate in the past: ${latest}`)
    }
    const nothing = await front.ask('GET', '/api/v1/me', await tokenFor('customer'))
    t.same(nothing.body.servicePoints, [])
  },
)

t.test(
  'the public sees areas and counts, none below five, and keeps seeing them without a database',
  async (t) => {
    const database = await openTestDatabase(t)
    let now = NOW
    const front = await openFront(t, database, { clock: () => now })
    await saveSet(database, {
      outage: 'a',
      from: NOW - 50 * MIN,
      customers: 120,
      members: [GROUP.P1],
    })
    await saveSet(database, { outage: 'b', from: NOW - 50 * MIN, customers: 80 })
    await saveSet(database, { outage: 'c', from: NOW - MIN, customers: 3, area: 'east' })
    await saveSet(database, {
      outage: 'd',
      from: NOW - MIN,
      until: NOW,
      customers: 999,
      area: 'south',
    })
    // One that was taken before is good for a few seconds.
    now += 10_000
    const first = await front.ask('GET', '/public/outages.geojson')
    t.equal(first.status, 200)
    t.match(first.headers['content-type'], /^application\/geo\+json/)
    t.same(JSON.parse(first.text), {
      type: 'FeatureCollection',
      mode: 'normal',
      storms: [],
      customersOut: { max: 205 },
      features: [
        {
          type: 'Feature',
          geometry: { type: 'Point', coordinates: [11, 50] },
          properties: {
            area: 'east',
            customersOut: { max: 5 },
            outages: { max: 5 },
            since: '2026-03-10T11:45:00.000Z',
          },
        },
        {
          type: 'Feature',
          geometry: { type: 'Point', coordinates: [10, 50] },
          properties: {
            area: 'west',
            customersOut: 200,
            outages: 2,
            since: '2026-03-10T11:00:00.000Z',
          },
        },
      ],
      asOf: iso(now),
    })
    const etag = String(first.headers['etag'])
    const again = await front.app.inject({
      url: '/public/outages.geojson',
      headers: { 'if-none-match': etag },
    })
    t.equal(again.statusCode, 304)
    t.equal(again.body, '')
    const since = await front.app.inject({
      url: '/public/outages.geojson',
      headers: { 'if-modified-since': String(first.headers['last-modified']) },
    })
    t.equal(since.statusCode, 304)

    now += 10_000
    t.equal(
      (await front.ask('GET', '/public/outages.geojson')).headers['etag'],
      etag,
      'no change, same mark',
    )
    await database.db.schema.alterTable('interruption').renameTo('gone').execute()
    now += 60_000
    const blind = await front.ask('GET', '/public/outages.geojson')
    t.equal(blind.status, 200, 'the last snapshot goes on answering')
    t.equal(blind.headers['age'], '60', 'and says how old it is')
    await database.db.schema.alterTable('gone').renameTo('interruption').execute()
    await saveSet(database, { outage: 'e', from: NOW, customers: 50, area: 'north' })
    now += 10_000
    const fresh = await front.ask('GET', '/public/outages.geojson')
    t.not(fresh.headers['etag'], etag)
    t.equal(fresh.headers['age'], '0')
  },
)

t.test('switches, traces and the drawing say where the network stands', async (t) => {
  const database = await openTestDatabase(t)
  let now = NOW
  const front = await openFront(t, database, { clock: () => now })
  const token = await tokenFor('dispatcher')
  const { db } = database
  await db
    .insertInto('switch_state')
    .values([
      { switch: 'S1', closed_phases: 0, at: new Date(NOW), gateway: 'g1', reason: 'trip' },
      { switch: 'H2', closed_phases: 5, at: new Date(NOW), gateway: 'g2', reason: null },
    ])
    .execute()
  await db
    .insertInto('gateway')
    .values({ id: 'g1', online: false, at: new Date(NOW), heard_at: new Date(NOW) })
    .execute()
  const { body } = await front.ask('GET', '/api/v1/switches', token)
  t.match(body.switches, [
    {
      id: 'H1',
      position: 'closed',
      normal: 'closed',
      at: null,
      gateway: null,
      stale: false,
      feeder: 'F1',
    },
    {
      id: 'S1',
      position: 'open',
      normal: 'closed',
      at: iso(NOW),
      gateway: 'g1',
      stale: true,
      reason: 'trip',
    },
    { id: 'T', position: 'open', normal: 'open' },
    { id: 'H2', position: 'partly', closedPhases: 'AC', stale: false, feeder: 'F2' },
  ])
  const ids = async (query: string) =>
    (await front.ask('GET', `/api/v1/switches?${query}`, token)).body.switches.map(
      ({ id }: { id: string }) => id,
    )
  t.same(await ids('abnormal=true'), ['S1', 'H2'])
  t.same(await ids('stale=true'), ['S1'])
  t.same(await ids('feeder=F2'), ['H2'])
  t.same(await ids('position=open'), ['S1', 'T'])
  t.same(await ids('search=h'), ['H1', 'H2'])
  const page = (await front.ask('GET', '/api/v1/switches?limit=3', token)).body
  t.equal(page.switches.length, 3)
  t.same(await ids(`limit=3&cursor=${page.nextCursor}`), ['H2'])

  const trace = async (node: string, direction: string) =>
    (await front.ask('GET', `/api/v1/nodes/${node}/trace?direction=${direction}`, token)).body
  t.same((await trace('n2', 'up')).nodes, [], 'no way up from where there is no supply')
  t.match(await trace('n2', 'ties'), {
    fedPhases: '',
    nodes: ['n2'],
    customers: 83,
    ties: [
      { switch: 'S1', phases: 'ABC', fedPhases: 'ABC', farNode: 'n1', farFeeder: 'F1' },
      { switch: 'T', phases: 'ABC', fedPhases: 'AC', farNode: 'n3', farFeeder: 'F2' },
    ],
  })
  await db.updateTable('switch_state').set({ closed_phases: 7 }).execute()
  now += 2_000
  t.same(new Set((await trace('n2', 'up')).nodes), new Set(['n2', 'n1', 'src']))
  t.same((await trace('n1', 'down')).nodes.sort(), ['n1', 'n2'])
  t.same((await trace('n1', 'down')).switches, ['S1'])
  t.same((await trace('n2', 'down')).nodes, ['n2'])
  t.same((await trace('src', 'down')).nodes.sort(), ['n1', 'n2', 'src'])
  t.equal((await front.ask('GET', '/api/v1/nodes/n9/trace', token)).status, 404)
  t.equal((await front.ask('GET', '/api/v1/nodes/n1/trace?direction=left', token)).status, 400)

  const drawing = JSON.parse((await front.ask('GET', '/api/v1/network.geojson', token)).text)
  t.equal(drawing.type, 'FeatureCollection')
  t.match(
    drawing.features.find((feature: { id: string }) => feature.id === 'T'),
    {
      geometry: { type: 'LineString' },
      properties: { type: 'switch', position: 'open', normal: 'open' },
    },
  )
})

t.test(
  'probes, figures and documentation are there for everyone; the rest of the world is told plainly',
  async (t) => {
    const database = await openTestDatabase(t)
    let ready = false
    const front = await openFront(t, database, {
      health: () => ({ ready, reasons: ready ? [] : ['database does not answer'] }),
    })
    t.equal((await front.ask('GET', '/health/live')).status, 200)
    t.match(await front.ask('GET', '/health/ready'), {
      status: 503,
      body: { reasons: ['database does not answer'] },
    })
    ready = true
    t.equal((await front.ask('GET', '/health/ready')).status, 200)
    t.match(
      (await front.ask('GET', '/metrics')).text,
      /relight_http_request_seconds_count\{method="GET",route="\/health\/ready",status="503"\} 1/,
    )
    const document = (await front.ask('GET', '/docs/json')).body
    t.equal(document.openapi, '3.1.0')
    for (const path of [
      '/api/v1/outages',
      '/api/v1/outages/{id}/etr',
      '/api/v1/indices',
      '/api/v1/me',
      '/public/outages.geojson',
    ]) {
      t.ok(document.paths[path], path)
    }
    t.match((await front.ask('GET', '/docs')).text, /swagger/i)

    const token = await tokenFor('dispatcher')
    for (const [method, url, status] of [
      ['GET', '/api/v1/nothing', 404],
      ['DELETE', '/api/v1/outages', 405],
      ['POST', '/api/v1/switches/x/effect', 405],
      ['POST', '/api/v1/switches/x', 404],
      ['GET', '/api/v1/outages/%zz', 400],
      ['GET', '/live', 426],
    ] as const) {
      const answer = await front.ask(method, url, token)
      t.match(
        answer,
        {
          status,
          headers: { 'content-type': /^application\/problem\+json/ },
          body: { type: 'about:blank', status, title: String, detail: String },
        },
        url,
      )
    }
    const raw = (payload: string, type: string) =>
      front.app.inject({
        method: 'POST',
        url: '/api/v1/outages/x/note',
        payload,
        headers: { 'content-type': type, authorization: `Bearer ${token}` },
      })
    t.equal((await front.ask('PUT', '/api/v1/works', token)).headers['allow'], 'GET, HEAD, POST')
    for (const [path, routes] of Object.entries<Record<string, object>>(document.paths)) {
      if (!/^\/(api|public)\//.test(path)) continue
      for (const [method, { responses }] of Object.entries<{ responses?: object }>(routes)) {
        t.match(responses, { '4XX': Object, '5XX': Object }, `${method} ${path} may refuse`)
        t.ok(
          Object.keys(responses ?? {}).some((status) => status.startsWith('2')),
          `${method} ${path} may answer`,
        )
      }
    }
    for (const text of ['{"text":"a\\u0000b"}', '{"text":"\\ud800"}', '{"text":" \\n "}']) {
      const answer = await raw(text, 'application/json')
      t.match([answer.statusCode, answer.json()], [400, { errors: [{ in: 'body', at: '/text' }] }])
    }
    t.not((await raw('{"text":"💡"}', 'application/json')).statusCode, 400, 'whole characters')
    t.equal((await raw('{"text":"x"}', 'text/plain')).statusCode, 415)
    t.equal((await raw('{"text":', 'application/json')).statusCode, 400)
    t.equal((await raw('{"__proto__":{"x":1},"text":"x"}', 'application/json')).statusCode, 400)
    t.equal((await raw('text', 'text/csv')).statusCode, 415)
    t.equal(
      (await raw(JSON.stringify({ text: 'x'.repeat(70_000) }), 'application/json')).statusCode,
      413,
    )
    t.match((await raw('{', 'application/json')).headers['content-type'], /problem\+json/)
  },
)

t.test(
  'indices and major days take the parameters of the command, and say what is wrong with them',
  async (t) => {
    const database = await openTestDatabase(t)
    const front = await openFront(t, database)
    const token = await tokenFor('planner')
    const { body } = await front.ask(
      'GET',
      '/api/v1/indices?from=2026-03-01&to=2026-04-01&by=feeder&exclude=planned,external',
      token,
    )
    t.match(body, {
      from: '2026-03-01',
      to: '2026-04-01',
      by: 'feeder',
      exclude: ['planned', 'external'],
    })
    t.ok(Array.isArray(body.rows))
    const why = await front.ask(
      'GET',
      '/api/v1/indices/explain?from=2026-03-01&to=2026-04-01',
      token,
    )
    t.match(why.body, { row: { group: 'system' }, outages: [], rest: { outages: 0 } })
    t.match((await front.ask('GET', '/api/v1/major-days?year=2025', token)).body, {
      year: 2025,
      area: null,
      days: [],
    })
    for (const [query, at] of [
      ['from=2026-03-01', '/to'],
      ['from=2026-03-01&to=2026-03-01', '/to'],
      ['from=2026-02-29&to=2026-04-01', '/from'],
      ['from=0001-01-01&to=2026-04-01', '/to'],
      ['from=2026-03-01&to=2026-04-01&by=moon', '/by'],
      ['from=2026-03-01&to=2026-04-01&rulebook=mine', '/rulebook'],
      ['from=2026-03-01&to=2026-04-01&exclude=planned,rain', '/exclude'],
    ] as const) {
      const said = await front.ask('GET', `/api/v1/indices?${query}`, token)
      t.match(said, { status: 400, body: { errors: [{ in: 'query', at }] } }, query)
    }
  },
)
