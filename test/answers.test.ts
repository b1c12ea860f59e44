import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { ACCESS } from '../src/http/access.ts'
import { readNetworkFolder } from '../src/imports/network-folder.ts'
import { saveAlarms } from '../src/stores/load-alarms.ts'
import type { Role } from '../src/stores/identity.ts'
import { saveWebhook } from '../src/stores/recipients.ts'
import { openAnswers, type Document } from './support/answers.ts'
import { until } from './support/broker.ts'
import { openTestDatabase } from './support/database.ts'
import { HAND_NETWORK, writeFiles } from './support/hand-network.ts'
import { openGateway, openTestService } from './support/service.ts'

const MIN = 60_000
const H = 60 * MIN
const DAY = 24 * H
const iso = (at: number) => new Date(at).toISOString()

/** Answers of no route of ours: files of the pages, the socket, and a form of a browser without scripts. */
const NOT_DESCRIBED = new Set(['GET /live', 'POST /my/sign-in', 'POST /my/sign-out'])
/** They change nothing that anyone could ask about later. */
const NOT_ACTS = new Set(['POST /api/v1/live/ticket', 'POST /my/sign-in', 'POST /my/sign-out'])

/** What was not there before has no before. */
const MAKES = new Set<string>([
  'POST /api/v1/severe-weather',
  'POST /api/v1/findings',
  'POST /api/v1/outages/:id/note',
  'POST /api/v1/outages/:id/findings',
  'POST /api/v1/alarms/acknowledge',
  'POST /api/v1/storms/declare',
  'POST /api/v1/periods/:month/close',
  'POST /api/v1/temperatures/:id',
  'POST /api/v1/connections',
  'POST /api/v1/works',
  'POST /api/v1/patrols',
  'POST /api/v1/patrols/:id/visits',
  'POST /api/v1/me/reports',
  'POST /api/v1/me/satisfaction',
  'POST /api/v1/me/complaints',
  'POST /api/v1/webhooks',
  'POST /api/v1/tokens/:jti/revoke',
])

// oxlint-disable-next-line typescript/no-explicit-any
type Answer = any
type Kept = Record<string, string>
/** How a route is used as it is meant to be, after those above it; `keep` takes from the answer what later ones need. */
type Use = {
  readonly as?: Role
  readonly path?: (kept: Kept) => string
  readonly body?: object | ((kept: Kept) => object)
  readonly keep?: (answer: Answer) => Kept
  readonly status?: number
}

const now = Date.now()
const month = (back: number) => {
  const day = new Date(now)
  return new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() - back, 1))
    .toISOString()
    .slice(0, 7)
}
const year = new Date(now).getUTCFullYear()
const period = `from=${year - 1}-01-01&to=${iso(now + DAY).slice(0, 10)}`
const at = (url: string) => () => url
const ofOutage = (tail: string) => (kept: Kept) => `/api/v1/outages/${kept['outage']}${tail}`
const ofOther = (tail: string) => (kept: Kept) => `/api/v1/outages/${kept['other']}${tail}`
const work = (title: string) => ({
  title,
  reason: 'maintenance',
  responsible: 'Ruth',
  assets: ['L1'],
  steps: [{ switch: 'SW1', position: 'open' }],
  window: { from: iso(now + 10 * MIN), until: iso(now + 2 * H) },
})
const ofWork = (tail: string) => (kept: Kept) => `/api/v1/works/${kept['work']}${tail}`
const ofPatrol = (tail: string) => (kept: Kept) => `/api/v1/patrols/${kept['patrol']}${tail}`
const ofFinding = (tail: string) => (kept: Kept) => `/api/v1/findings/${kept['finding']}${tail}`

const USES: readonly (readonly [route: string, use?: Use])[] = [
  // The field has opened SW1 and FA: o1 is over, o2 is not.
  [
    'POST /api/v1/findings',
    {
      status: 201,
      body: { asset: 'FU', severity: 'major', says: 'rust', owner: 'ann', dueOn: '2099-01-01' },
      keep: ({ id }) => ({ finding: String(id) }),
    },
  ],
  [
    'POST /api/v1/switches/:id/position',
    { path: at('/api/v1/switches/FU/position'), body: { position: 'open' } },
  ],
  [
    'GET /api/v1/outages',
    {
      path: at('/api/v1/outages?state=all'),
      keep: ({ outages }) => ({
        outage: outages.find(({ device }: Answer) => device === 'FU').id,
        other: outages.find(({ device }: Answer) => device === 'FA').id,
        over: outages.find(({ device }: Answer) => device === 'SW1').id,
      }),
    },
  ],
  ['POST /api/v1/outages/:id/etr', { path: ofOutage('/etr'), body: { at: iso(now + 2 * H) } }],
  ['POST /api/v1/outages/:id/crew', { path: ofOutage('/crew'), body: { name: 'C3' } }],
  ['POST /api/v1/outages/:id/note', { path: ofOutage('/note'), body: { text: 'a tree' } }],
  ['GET /api/v1/findings'],
  ['GET /api/v1/findings/:id', { path: ofFinding('') }],
  ['POST /api/v1/findings/:id/state', { path: ofFinding('/state'), body: { state: 'inHand' } }],
  [
    'POST /api/v1/outages/:id/cause',
    { path: ofOutage('/cause'), body: { cause: 'VEGETATION', detail: { weather: 'wind' } } },
  ],
  ['GET /api/v1/outages/:id/findings', { path: ofOutage('/findings') }],
  [
    'POST /api/v1/outages/:id/findings',
    {
      path: ofOutage('/findings'),
      body: (kept) => ({ finding: Number(kept['finding']), contributed: true }),
    },
  ],
  [
    'POST /api/v1/outages/:id/merge',
    { path: ofOther('/merge'), body: (kept) => ({ with: kept['outage'] }) },
  ],
  ['GET /api/v1/outages/:id', { path: ofOutage('') }],
  [
    'POST /api/v1/outages/:id/split',
    { path: ofOther('/split'), body: (kept) => ({ part: kept['outage'] }) },
  ],
  ['POST /api/v1/outages/:id/close', { path: (kept) => `/api/v1/outages/${kept['over']}/close` }],
  ['POST /api/v1/alarms/acknowledge', { body: { alarm: 'unattended:o1' } }],
  [
    'POST /api/v1/alarms/shelve',
    { body: { alarm: 'unattended:o1', until: iso(now + H), reason: 'the crew is there' } },
  ],
  ['POST /api/v1/alarms/unshelve', { body: { alarm: 'unattended:o1' } }],
  ['POST /api/v1/storms/declare', { body: { area: 'East', reason: 'wind' } }],
  ['POST /api/v1/storms/estimate', { body: { area: 'East', etr: { at: iso(now + 9 * H) } } }],
  ['GET /api/v1/storms'],
  ['GET /public/outages.geojson'],
  ['GET /public/outages', { keep: ({ snapshot }) => ({ snapshot }) }],
  ['GET /public/outages/:version', { path: (kept) => kept['snapshot'] ?? '' }],
  ['GET /api/v1/me', { as: 'customer' }],
  ['POST /api/v1/storms/end', { body: { area: 'East' } }],
  ['GET /api/v1/probable'],
  ['GET /api/v1/switches'],
  ['GET /api/v1/nodes/:id/trace', { path: at('/api/v1/nodes/n2/trace?direction=ties') }],
  ['GET /api/v1/network.geojson'],
  ['GET /api/v1/network/map'],
  ['GET /api/v1/network/state'],
  ['GET /api/v1/switches/:id/effect', { path: at('/api/v1/switches/TIE/effect?position=closed') }],
  ['GET /api/v1/switches/:id/trace', { path: at('/api/v1/switches/B1/trace?direction=down') }],

  ['GET /api/v1/indices', { path: at(`/api/v1/indices?${period}&by=feeder`) }],
  ['GET /api/v1/indices/explain', { path: at(`/api/v1/indices/explain?${period}&index=SAIDI`) }],
  [
    'GET /api/v1/indices/difference',
    { path: at(`/api/v1/indices/difference?${period}&a=ieee1366&b=dlt836`) },
  ],
  ['GET /api/v1/indices/causes', { path: at(`/api/v1/indices/causes?${period}`) }],
  ['GET /api/v1/indices/worst-feeders', { path: at(`/api/v1/indices/worst-feeders?${period}`) }],
  ['GET /api/v1/indices/customers', { path: at(`/api/v1/indices/customers?${period}&repeated=1`) }],
  ['GET /api/v1/indices/frequent', { path: at(`/api/v1/indices/frequent?${period}`) }],
  ['GET /api/v1/predicted', { path: at(`/api/v1/predicted?${period}&by=feeder`) }],
  ['GET /api/v1/periods'],
  ['GET /api/v1/periods/:month', { path: at(`/api/v1/periods/${month(2)}`) }],
  ['POST /api/v1/periods/:month/close', { path: at(`/api/v1/periods/${month(2)}/close`) }],
  ['GET /api/v1/major-days', { path: at(`/api/v1/major-days?year=${year}`) }],
  ['GET /api/v1/interruption-map', { path: at(`/api/v1/interruption-map?${period}`) }],
  [
    'POST /api/v1/severe-weather',
    {
      body: { area: null, category: 'severe1', from: '2025-12-01T00:00:00Z', reason: 'gale' },
    },
  ],
  ['GET /api/v1/severe-weather'],
  ['POST /api/v1/severe-weather/:id/end', { path: () => '/api/v1/severe-weather/1/end', body: {} }],
  ['POST /api/v1/severe-weather/:id/withdraw', { path: () => '/api/v1/severe-weather/1/withdraw' }],
  ['PUT /api/v1/targets', { body: { year, targets: { SAIDI: 60 } } }],
  ['GET /api/v1/targets', { path: at(`/api/v1/targets?year=${year}`) }],
  ['GET /api/v1/balance'],
  ['GET /api/v1/balance/feeders/:id/loss', { path: at('/api/v1/balance/feeders/F1/loss') }],
  ['GET /api/v1/balance/ties'],
  [
    'GET /api/v1/balance/peak',
    {
      path: at(
        `/api/v1/balance/peak?from=${iso(now - 2 * DAY).slice(0, 10)}&to=${iso(now + DAY).slice(0, 10)}`,
      ),
    },
  ],
  ['GET /api/v1/balance/losses/transformers'],
  ['GET /api/v1/balance/losses/feeders'],
  ['GET /api/v1/balance/transfer', { path: at('/api/v1/balance/transfer?close=TIE&open=SW1') }],
  ['GET /api/v1/loads/:id', { path: at('/api/v1/loads/B1') }],
  ['GET /api/v1/loads/:id/forecast', { path: at('/api/v1/loads/B1/forecast') }],
  ['GET /api/v1/loads/:id/peaks', { path: at('/api/v1/loads/B1/peaks') }],
  ['GET /api/v1/load-alarms', { keep: ({ alarms }) => ({ alarm: String(alarms[0].id) }) }],
  [
    'POST /api/v1/load-alarms/:id/acknowledge',
    { path: (kept) => `/api/v1/load-alarms/${kept['alarm']}/acknowledge` },
  ],
  ['PUT /api/v1/planning', { body: { alarms: 'thirtyMin' } }],
  ['GET /api/v1/planning'],
  [
    'POST /api/v1/temperatures/:id',
    {
      path: at('/api/v1/temperatures/F1'),
      body: { hours: [{ at: iso(Math.floor(now / H) * H), celsius: -3 }] },
    },
  ],
  ['GET /api/v1/temperatures/:id', { path: at('/api/v1/temperatures/F1') }],
  [
    'POST /api/v1/connections',
    {
      status: 201,
      body: { point: 'F1', kw: 400, year: year + 1 },
      keep: ({ id }) => ({ connection: id }),
    },
  ],
  ['GET /api/v1/connections'],
  [
    'POST /api/v1/connections/:id/state',
    {
      path: (kept) => `/api/v1/connections/${kept['connection']}/state`,
      body: { state: 'approved' },
    },
  ],
  [
    'POST /api/v1/works',
    { as: 'planner', status: 201, body: work('Line 1'), keep: ({ id }) => ({ work: id }) },
  ],
  ['PUT /api/v1/works/:id', { as: 'planner', path: ofWork(''), body: work('Line one') }],
  ['GET /api/v1/works/:id/effect', { path: ofWork('/effect') }],
  ['POST /api/v1/works/:id/submit', { as: 'planner', path: ofWork('/submit') }],
  ['POST /api/v1/works/:id/approve', { path: ofWork('/approve'), body: { acceptConflicts: true } }],
  ['POST /api/v1/works/:id/start', { path: ofWork('/start') }],
  ['POST /api/v1/works/:id/finish', { path: ofWork('/finish') }],
  ['GET /api/v1/works/:id', { path: ofWork('') }],
  [
    'POST /api/v1/works',
    { as: 'planner', status: 201, body: work('Line 2'), keep: ({ id }) => ({ work: id }) },
  ],
  ['POST /api/v1/works/:id/cancel', { path: ofWork('/cancel') }],
  ['GET /api/v1/works'],
  [
    'POST /api/v1/patrols',
    {
      status: 201,
      body: { title: 'round', owner: 'ann', assets: ['L1'], dueOn: '2099-01-01' },
      keep: ({ id }) => ({ patrol: String(id) }),
    },
  ],
  ['GET /api/v1/patrols'],
  ['POST /api/v1/patrols/:id/visits', { path: ofPatrol('/visits'), body: { asset: 'L1' } }],
  ['GET /api/v1/patrols/:id', { path: ofPatrol('') }],
  ['POST /api/v1/patrols/:id/finish', { path: ofPatrol('/finish') }],

  [
    'POST /api/v1/me/reports',
    { as: 'customer', body: { servicePoint: 'P1', kind: 'noPower', words: 'dark' } },
  ],
  ['GET /api/v1/reports'],
  [
    'PUT /api/v1/me/preferences',
    {
      as: 'customer',
      body: {
        language: 'en',
        channels: [
          {
            channel: 'email',
            address: 'ann@example.org',
            quietHours: { from: '22:00', until: '06:00' },
          },
        ],
      },
    },
  ],
  ['GET /api/v1/me/preferences', { as: 'customer' }],
  ['GET /api/v1/me/deliveries', { as: 'customer' }],
  [
    'POST /api/v1/me/satisfaction',
    {
      as: 'customer',
      body: (kept) => ({ outage: kept['over'], servicePoint: 'P2', score: 4 }),
    },
  ],
  [
    'POST /api/v1/me/complaints',
    {
      as: 'customer',
      body: { servicePoint: 'P1', words: 'too often' },
      keep: ({ id }) => ({ complaint: String(id) }),
    },
  ],
  ['GET /api/v1/me/complaints', { as: 'customer' }],
  ['GET /api/v1/complaints'],
  [
    'POST /api/v1/complaints/:id/owner',
    { path: (kept) => `/api/v1/complaints/${kept['complaint']}/owner`, body: { owner: 'bob' } },
  ],
  [
    'POST /api/v1/complaints/:id/answer',
    { path: (kept) => `/api/v1/complaints/${kept['complaint']}/answer`, body: { answer: 'sorry' } },
  ],
  ['GET /api/v1/me/owed', { as: 'customer', path: at('/api/v1/me/owed?servicePoint=P1') }],
  [
    'GET /api/v1/me/calendar',
    {
      as: 'customer',
      keep: ({ calendars }) => ({ calendar: calendars[0].path }),
    },
  ],
  ['GET /public/calendar/:key', { path: (kept) => kept['calendar'] ?? '' }],
  ['GET /api/v1/service-quality'],
  [
    'GET /api/v1/deliveries',
    {
      path: at('/api/v1/deliveries?state=dead'),
      keep: ({ deliveries }) => ({ letter: String(deliveries[0].id) }),
    },
  ],
  [
    'POST /api/v1/deliveries/:id/retry',
    { path: (kept) => `/api/v1/deliveries/${kept['letter']}/retry` },
  ],
  [
    'POST /api/v1/webhooks',
    { body: { url: 'https://example.org/hook' }, keep: ({ id }) => ({ webhook: String(id) }) },
  ],
  ['GET /api/v1/webhooks'],
  [
    'DELETE /api/v1/webhooks/:id',
    { path: (kept) => `/api/v1/webhooks/${kept['webhook']}`, status: 204 },
  ],
  ['POST /api/v1/live/ticket', { as: 'customer' }],
  ['POST /api/v1/tokens/:jti/revoke', { path: at('/api/v1/tokens/some-token/revoke') }],
  ['GET /health/live'],
  ['GET /health/ready'],
  ['GET /metrics'],
]

t.test('every route that there is is used below as it is meant to be', async (t) => {
  const used = new Set([...USES.map(([route]) => route), ...NOT_DESCRIBED])
  t.same(
    Object.keys(ACCESS).filter((route) => !used.has(route)),
    [],
  )
})

t.test(
  'every route answers as its description says, and every act is in the audit once',
  async (t) => {
    const folder = writeFiles(fs.mkdtempSync(path.join(os.tmpdir(), 'relight-uses-')), HAND_NETWORK)
    t.teardown(() => fs.rmSync(folder, { recursive: true, force: true }))
    const { tables } = await readNetworkFolder(folder)
    const database = await openTestDatabase(t)
    const { db } = database
    const service = await openTestService(t, database, { tables, env: { NOTICE_HOLD_S: '0' } })
    const gateway = await openGateway(t, service.broker)
    await gateway.switch('SW1', 'open', now - 3 * H)
    await gateway.switch('SW1', 'closed', now - H)
    await gateway.switch('FA', 'open', now - H)
    for (let i = 12; i > 0; i--) {
      const reading = { at: iso(now - i * 5 * MIN), seq: i, kw: 900 + i, kvar: 100, kv: 11 }
      await gateway.publish('load', 'B1', { ...reading, amps: [50, 51, 52] })
    }
    await db.transaction().execute((tx) =>
      saveAlarms(tx, {
        cleared: [],
        raised: [
          {
            point: 'B1',
            feeder: 'F1',
            kind: 'overload',
            from: now - H,
            confirmedAt: now - H,
            peak: 1.04,
            rule: 'test',
            ratedKva: 8_000,
          },
        ],
      }),
    )
    await db.transaction().execute(async (tx) => {
      const about = { url: 'https://example.org/dead', audience: 'staff', kinds: [] } as const
      const { id } = await saveWebhook(tx, { ...about, bySubject: 'ann' }, now)
      await tx
        .insertInto('outbox')
        .values({
          recipient: id,
          notice_seq: 1,
          kind: 'supplyLost',
          outage: null,
          order_key: '1',
          urgent: true,
          data: '{}',
          state: 'dead',
          next_at: new Date(now),
          expires_at: new Date(now + H),
          created_at: new Date(now),
          done_at: new Date(now),
        })
        .execute()
    })
    const outages = () => db.selectFrom('outage').select('id').execute()
    await until(async () => (await outages()).length === 2, 'both outages are booked')

    const document = (await (await fetch(`${service.http}/docs/json`)).json()) as Document
    const faultsOf = openAnswers(document)
    const describedAs = (route: string) => {
      const [method = '', url = ''] = route.split(' ')
      return document.paths[url.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]?.responses
    }
    const tokens = new Map<string, string>()
    for (const role of ['admin', 'planner', 'customer'] as const) {
      tokens.set(role, await service.token(role, role === 'customer' ? ['P1', 'P2'] : []))
    }
    const audited = () => db.selectFrom('audit').selectAll().orderBy('id').execute()

    const kept: Kept = {}
    for (const [
      route,
      { as = 'admin', path: pathOf, body: given, keep, status = 200 } = {},
    ] of USES) {
      const [method = '', pattern = ''] = route.split(' ')
      const success = Object.entries(describedAs(route) ?? {}).filter(([code]) => code[0] === '2')
      for (const [code, { content = {} }] of success) {
        t.ok(code === '204' || Object.keys(content).length > 0, `${route} says what ${code} holds`)
        for (const { schema } of Object.values(content)) {
          t.ok(
            schema !== undefined && JSON.stringify(schema).includes('"type"'),
            `${route}: schema`,
          )
        }
      }
      const before = await audited()
      const url = pathOf?.(kept) ?? pattern
      const body = typeof given === 'function' ? given(kept) : given
      const response = await fetch(`${service.http}${url}`, {
        method,
        headers: {
          authorization: `Bearer ${tokens.get(as)}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
      })
      const text = await response.text()
      const mediaType = (response.headers.get('content-type') ?? '').replace(/;.*/, '')
      t.equal(response.status, status, `${route} ${text.slice(0, 300)}`)
      t.same(faultsOf(method, url, { status: response.status, mediaType, text }), [], route)
      if (response.ok && keep !== undefined) Object.assign(kept, keep(JSON.parse(text)))

      const rows = (await audited()).slice(before.length)
      const isAct = method !== 'GET' && !NOT_ACTS.has(route)
      t.equal(rows.length, isAct ? 1 : 0, `${route}: rows in the audit`)
      for (const row of rows) {
        t.match(row, { subject: `test-${as}`, role: as, act: /./, at: Number }, route)
        t.ok(Math.abs(row.at - Date.now()) < MIN, `${route}: when`)
        if (!MAKES.has(route)) t.not(row.before, null, `${route}: what it was before`)
        t.ok(row.before !== null || row.after !== null, `${route}: what it was, or is now`)
      }
    }
    const refused = await fetch(`${service.http}/api/v1/outages/none`, {
      headers: { authorization: `Bearer ${tokens.get('admin')}` },
    })
    const text = await refused.text()
    const mediaType = 'application/problem+json'
    t.same(faultsOf('GET', '/api/v1/outages/none', { status: refused.status, mediaType, text }), [])
  },
)
