import { createHmac, generateKeyPairSync } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { exportJWK, SignJWT, UnsecuredJWT } from 'jose'
import { sql } from 'kysely'
import t from 'tap'
import { ACCESS, accessOf, mayUse } from '../src/http/access.ts'
import { issueToken } from '../src/http/auth.ts'
import { BAD_TOKENS_PER_MIN, refuseUndecided } from '../src/http/guard.ts'
import { ROLES } from '../src/stores/identity.ts'
import { writeAudit } from '../src/stores/accounts.ts'
import { openTestDatabase } from './support/database.ts'
import { commit, GROUP, notice, NOW, openFront, SECRET, tokenFor } from './support/people.ts'

/**
 * Who may use what, said a second time and by hand: d dispatcher, p planner, c customer, a administrator, * anyone. A new route must be
 * written here too.
 */
const TABLE = `
GET  /api/v1/outages                  dp a
GET  /api/v1/outages/:id              dp a
POST /api/v1/outages/:id/etr          d  a
POST /api/v1/outages/:id/crew         d  a
POST /api/v1/outages/:id/cause        d  a
POST /api/v1/outages/:id/note         d  a
POST /api/v1/outages/:id/close        d  a
POST /api/v1/outages/:id/merge        d  a
POST /api/v1/outages/:id/split        d  a
POST /api/v1/alarms/acknowledge       d  a
POST /api/v1/alarms/shelve            d  a
POST /api/v1/alarms/unshelve          d  a
POST /api/v1/switches/:id/position    d  a
GET  /api/v1/storms                   dp a
GET  /api/v1/probable                 dp a
POST /api/v1/storms/declare           d  a
POST /api/v1/storms/estimate          d  a
POST /api/v1/storms/end               d  a
GET  /api/v1/switches                 dp a
GET  /api/v1/nodes/:id/trace          dp a
GET  /api/v1/network.geojson          dp a
GET  /api/v1/network/map              dp a
GET  /api/v1/network/state            dp a
GET  /api/v1/switches/:id/effect      dp a
GET  /api/v1/switches/:id/trace       dp a
GET  /api/v1/indices                  dp a
GET  /api/v1/indices/explain          dp a
GET  /api/v1/indices/difference       dp a
GET  /api/v1/indices/causes           dp a
GET  /api/v1/indices/worst-feeders    dp a
GET  /api/v1/indices/customers        dp a
GET  /api/v1/indices/frequent         dp a
GET  /api/v1/predicted                dp a
GET  /api/v1/periods                  dp a
GET  /api/v1/periods/:month           dp a
GET  /api/v1/major-days               dp a
GET  /api/v1/interruption-map         dp a
GET  /api/v1/targets                  dp a
PUT  /api/v1/targets                  p  a
GET  /api/v1/severe-weather           dp a
POST /api/v1/severe-weather           p  a
POST /api/v1/severe-weather/:id/end   p  a
POST /api/v1/severe-weather/:id/withdraw p  a
GET  /api/v1/balance                  dp a
GET  /api/v1/balance/feeders/:id/loss dp a
GET  /api/v1/balance/ties             dp a
GET  /api/v1/loads/:id                dp a
GET  /api/v1/loads/:id/forecast       dp a
GET  /api/v1/balance/peak             dp a
GET  /api/v1/balance/losses/transformers dp a
GET  /api/v1/balance/losses/feeders   dp a
GET  /api/v1/balance/transfer         dp a
GET  /api/v1/loads/:id/peaks          dp a
GET  /api/v1/load-alarms              dp a
POST /api/v1/load-alarms/:id/acknowledge d  a
GET  /api/v1/planning                 dp a
PUT  /api/v1/planning                 p  a
GET  /api/v1/temperatures/:id         dp a
POST /api/v1/temperatures/:id         p  a
GET  /api/v1/connections              dp a
POST /api/v1/connections              p  a
POST /api/v1/connections/:id/state    p  a
GET  /api/v1/works                    dp a
POST /api/v1/works                    p  a
GET  /api/v1/works/:id                dp a
PUT  /api/v1/works/:id                p  a
POST /api/v1/works/:id/submit         p  a
POST /api/v1/works/:id/approve        p  a
POST /api/v1/works/:id/start          p  a
POST /api/v1/works/:id/finish         p  a
POST /api/v1/works/:id/cancel         p  a
GET  /api/v1/works/:id/effect         dp a
GET  /api/v1/patrols                  dp a
POST /api/v1/patrols                  p  a
GET  /api/v1/patrols/:id              dp a
POST /api/v1/patrols/:id/visits       dp a
POST /api/v1/patrols/:id/finish       dp a
GET  /api/v1/findings                 dp a
POST /api/v1/findings                 dp a
GET  /api/v1/findings/:id             dp a
POST /api/v1/findings/:id/state       dp a
GET  /api/v1/outages/:id/findings     dp a
POST /api/v1/outages/:id/findings     dp a
POST /api/v1/periods/:month/close     p  a
GET  /api/v1/me                       c  a
POST /api/v1/me/reports               c  a
GET  /api/v1/me/preferences           c  a
PUT  /api/v1/me/preferences           c  a
GET  /api/v1/me/deliveries            c  a
POST /api/v1/me/satisfaction          c  a
GET  /api/v1/me/complaints            c  a
POST /api/v1/me/complaints            c  a
GET  /api/v1/me/owed                  c  a
GET  /api/v1/me/calendar              c  a
GET  /api/v1/reports                  dp a
GET  /api/v1/complaints               dp a
POST /api/v1/complaints/:id/owner     dp a
POST /api/v1/complaints/:id/answer    dp a
GET  /api/v1/service-quality          dp a
GET  /api/v1/deliveries               dp a
POST /api/v1/deliveries/:id/retry     dp a
GET  /api/v1/webhooks                 a
POST /api/v1/webhooks                 a
DELETE /api/v1/webhooks/:id           a
POST /api/v1/live/ticket              dpc a
POST /api/v1/tokens/:jti/revoke       a
GET  /live                            *
POST /my/sign-in                      *
POST /my/sign-out                     *
GET  /public/outages.geojson          *
GET  /public/outages                  *
GET  /public/outages/:version         *
GET  /public/calendar/:key            *
GET  /health/live                     *
GET  /health/ready                    *
GET  /metrics                         *
`
const EXPECTED = new Map(
  TABLE.trim()
    .split('\n')
    .map((line) => {
      const [method = '', path = '', ...who] = line.split(/ +/)
      return [`${method} ${path}`, who.join('')]
    }),
)
const LETTER = { dispatcher: 'd', planner: 'p', customer: 'c', admin: 'a' } as const

t.test('every route is in the table, and the table says what was decided', async (t) => {
  t.same(Object.keys(ACCESS).sort(), [...EXPECTED.keys()].sort())
  for (const [route, who] of EXPECTED) {
    const [method = '', url = ''] = route.split(' ')
    const access = accessOf(method, url)
    for (const role of ROLES) {
      const may = who === '*' || who.includes(LETTER[role])
      t.equal(access !== undefined && mayUse(access, role), may, `${route} ${role}`)
    }
  }
  t.equal(accessOf('GET', '/api/v1/secret'), undefined)
  t.equal(accessOf('POST', '/docs'), undefined, 'open folders are for reading')
  t.equal(accessOf('GET', '/dispatcher-secret'), undefined, 'a prefix is a folder, not letters')
})

t.test('a route that nobody decided about keeps the server from starting', async (t) => {
  const app = fastify()
  refuseUndecided(app)
  t.throws(
    () => app.get('/api/v1/secret', async () => 'x'),
    /nobody has decided.*GET \/api\/v1\/secret/,
  )
  t.throws(() => app.post('/metrics', async () => 'x'), /nobody has decided/)
  t.doesNotThrow(() => app.get('/metrics', async () => 'x'))
})

t.test('every route × every role: let in, or refused with 401 and 403 as problems', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, { act: async () => ({ outcome: 'unknown-outage' }) })
  const tokens = {
    dispatcher: await tokenFor('dispatcher'),
    planner: await tokenFor('planner'),
    customer: await tokenFor('customer', ['P1']),
    admin: await tokenFor('admin'),
  }
  let tried = 0
  const refused = { 401: 0, 403: 0 }
  for (const [route, who] of EXPECTED) {
    const [method = '', pattern = ''] = route.split(' ')
    const url = pattern.replace(/:\w+/, 'x')
    if (url === '/live') continue
    t.ok(front.app.hasRoute({ method, url: pattern }), `${route} is there`)
    tried++
    const nobody = await front.ask(method, url)
    if (who === '*') t.not(nobody.status, 401, `${route} nobody`)
    else {
      refused[401]++
      t.match(nobody, { status: 401, body: { code: 'no-token', status: 401 } }, `${route} nobody`)
      t.match(nobody.headers, { 'www-authenticate': /^Bearer/, 'content-type': /problem\+json/ })
    }
    for (const role of ROLES) {
      const { status, body } = await front.ask(method, url, tokens[role])
      if (who === '*' || who.includes(LETTER[role])) {
        t.notOk(status === 401 || status === 403, `${route} ${role}: ${status}`)
      } else {
        refused[403]++
        t.match(
          { status, body },
          { status: 403, body: { code: 'not-allowed' } },
          `${route} ${role}`,
        )
      }
    }
  }
  t.equal(tried, EXPECTED.size - 1, 'every route but the socket')
  const counted = await front.metrics.metrics()
  for (const [status, many] of Object.entries(refused)) {
    t.match(counted, `relight_http_refused_total{status="${status}"} ${many}\n`, 'counted')
  }
})

t.test('own and foreign: a customer reaches no point but their own by any way', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  const mine = await tokenFor('customer', ['P1'])
  for (const url of [
    '/api/v1/me',
    '/api/v1/me?servicePoint=P4',
    '/api/v1/me?servicePoints=P4&id=P4',
  ]) {
    const { body } = await front.ask('GET', url, mine)
    t.same(
      body.servicePoints.map(({ id }: { id: string }) => id),
      ['P1'],
      url,
    )
  }
  const reader = await front.listen(mine)
  const foreign = [
    'servicePoint:P4',
    'servicePoint:P1 ',
    'servicePoint:p1',
    'servicePoint:*',
    'servicePoint:P1,P4',
    'servicepoint:P4',
    'feeder:F2',
    'outages',
    'load',
  ]
  reader.say({ op: 'subscribe', topics: foreign, since: 0 })
  await reader.settle()
  const all = [
    notice(1, { feeders: ['F1', 'F2'] }),
    notice(2, { audience: 'customer', members: [GROUP.P1, GROUP.P4] }),
  ]
  await commit(database.db, all)
  front.stream.committed(2, all)
  await front.stream.idle()
  await reader.settle()
  t.same(reader.notices(), [])
  t.notOk(reader.frames.some(({ type }) => type === 'subscribed'))
})

/** What a customer may use, asked about somebody else's point; `mine`: it takes no name of a point, and tells of one's own. */
const FOREIGN: Readonly<
  Record<string, 'mine' | { readonly url?: string; readonly body?: object }>
> = {
  'GET /api/v1/me': 'mine',
  'POST /api/v1/me/reports': { body: { servicePoint: 'P4', kind: 'noPower' } },
  'GET /api/v1/me/preferences': 'mine',
  'PUT /api/v1/me/preferences': {
    body: {
      channels: [{ channel: 'email', address: 'a@example.org', servicePoints: ['P1', 'P4'] }],
    },
  },
  'GET /api/v1/me/deliveries': 'mine',
  'POST /api/v1/me/satisfaction': {
    body: { outage: 'outage-of-eve', servicePoint: 'P4', score: 1 },
  },
  'GET /api/v1/me/complaints': 'mine',
  'POST /api/v1/me/complaints': { body: { servicePoint: 'P4', words: 'x' } },
  'GET /api/v1/me/owed': { url: '/api/v1/me/owed?servicePoint=P4' },
  'GET /api/v1/me/calendar': 'mine',
  'POST /api/v1/live/ticket': 'mine',
}

t.test(
  "own and foreign, route by route: what is another customer's is neither told nor touched",
  async (t) => {
    const open = [...EXPECTED].filter(([, who]) => who.includes('c')).map(([route]) => route)
    t.same(open.sort(), Object.keys(FOREIGN).sort(), 'every route that customers may use is tried')
    const database = await openTestDatabase(t)
    const { db } = database
    const front = await openFront(t, database)
    const eve = await issueToken(
      { role: 'customer', subject: 'eve', servicePoints: ['P4'], ttlS: 3600 },
      SECRET,
      NOW,
    )
    const ask = (token: string, method: string, url: string, body?: object) =>
      front.ask(method, url, token, body)
    const address = 'eve@example.org'
    const channels = [{ channel: 'email', address }]
    const words = 'words of eve'
    for (const [method, url, body] of [
      ['PUT', '/api/v1/me/preferences', { channels }],
      ['POST', '/api/v1/me/complaints', { servicePoint: 'P4', words }],
      ['POST', '/api/v1/me/reports', { servicePoint: 'P4', kind: 'noPower', words }],
    ] as const) {
      t.equal((await ask(eve, method, url, body)).status, 200, `${url} of eve`)
    }
    const { id } = await db.selectFrom('recipient').select('id').executeTakeFirstOrThrow()
    const when = new Date(NOW)
    await db
      .insertInto('outbox')
      .values({
        recipient: id,
        notice_seq: 1,
        kind: 'supplyLost',
        outage: 'outage-of-eve',
        order_key: 'outage-of-eve',
        urgent: true,
        data: '{}',
        next_at: when,
        expires_at: when,
        created_at: when,
      })
      .execute()
    const { calendars } = (await ask(eve, 'GET', '/api/v1/me/calendar')).body
    const marks = ['P4', 'eve', address, words, calendars[0].path]
    const told = async (token: string) => {
      const answers = []
      for (const [route, how] of Object.entries(FOREIGN)) {
        const [method = '', url = ''] = route.split(' ')
        if (how === 'mine') answers.push((await ask(token, method, url)).text)
      }
      return answers.join()
    }
    const hers = await told(eve)
    for (const mark of marks) t.match(hers, mark, `eve is told of ${mark}`)
    const kept = async () =>
      JSON.stringify(
        await Promise.all(
          (
            ['recipient', 'complaint', 'customer_report', 'satisfaction', 'calendar_key'] as const
          ).map((table) => db.selectFrom(table).selectAll().execute()),
        ),
      )
    const before = await kept()

    for (const [who, token] of [
      ['ann', await tokenFor('customer', ['P1'])],
      ['nobody in particular', await tokenFor('customer', [])],
      ['an administrator', await tokenFor('admin')],
    ] as const) {
      for (const [route, how] of Object.entries(FOREIGN)) {
        if (how === 'mine') continue
        const [method = '', url = ''] = route.split(' ')
        t.match(
          await ask(token, method, how.url ?? url, how.body),
          { status: 403, body: { code: 'not-yours' } },
          `${route} ${who}`,
        )
      }
      t.equal(await kept(), before, `${who} has touched nothing`)
      const his = await told(token)
      for (const mark of marks) t.notMatch(his, mark, `${who} is not told of ${mark}`)
      await db.deleteFrom('calendar_key').where('subject', '<>', 'eve').execute()
    }
  },
)

t.test('tokens: only what we signed, as we signed it, while it is valid', async (t) => {
  const database = await openTestDatabase(t)
  let now = NOW
  const front = await openFront(t, database, { clock: () => now })
  const key = new TextEncoder().encode(SECRET)
  const nowS = NOW / 1000
  const claims = {
    role: 'dispatcher',
    sub: 'x',
    iss: 'relight',
    aud: 'relight',
    iat: nowS,
    exp: nowS + 60,
  }
  const sign = (payload: object, alg = 'HS256', secret: Uint8Array = key) =>
    new SignJWT({ ...payload }).setProtectedHeader({ alg }).sign(secret)
  const good = await sign(claims)
  const status = async (token: string) => (await front.ask('GET', '/api/v1/outages', token)).status
  t.equal(await status(good), 200)

  const [head = '', body = '', mac = ''] = good.split('.')
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const byHand = (header: object, payload: object) => {
    const signed = `${encode(header)}.${encode(payload)}`
    return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
  }
  t.equal(await status(byHand({ alg: 'HS256' }, claims)), 200, 'the forger below can sign')
  const bad: Record<string, string> = {
    'another payload': `${head}.${encode({ ...claims, role: 'admin' })}.${mac}`,
    'another signature': `${head}.${body}.${mac.slice(0, -2)}AA`,
    'no signature': `${head}.${body}.`,
    'alg none': new UnsecuredJWT(claims).encode(),
    'alg none by hand': `${encode({ alg: 'none' })}.${body}.`,
    'alg nOnE by hand': `${encode({ alg: 'nOnE' })}.${body}.${mac}`,
    'another secret': await sign(
      claims,
      'HS256',
      new TextEncoder().encode('another secret, also quite long'),
    ),
    'HS512 of our secret': await sign(claims, 'HS512', new TextEncoder().encode(SECRET.repeat(2))),
    'a public key as secret': await sign(
      claims,
      'HS256',
      new TextEncoder().encode(String(publicKey.export({ type: 'spki', format: 'pem' }))),
    ),
    'unknown critical header': byHand({ alg: 'HS256', crit: ['b64'], b64: false }, claims),
    expired: await sign({ ...claims, exp: nowS }),
    'not yet': await sign({ ...claims, nbf: nowS + 10 }),
    'no end': await sign({ ...claims, exp: undefined }),
    'another issuer': await sign({ ...claims, iss: 'elsewhere' }),
    'no issuer': await sign({ ...claims, iss: undefined }),
    'another audience': await sign({ ...claims, aud: 'other' }),
    'no subject': await sign({ ...claims, sub: undefined }),
    'a role of their own': await sign({ ...claims, role: 'root' }),
    'a list of roles': await sign({ ...claims, role: ['admin'] }),
    'no role': await sign({ ...claims, role: undefined }),
    'points that are no list': await sign({ ...claims, service_points: 'P1' }),
    'a point that is no name': await sign({ ...claims, service_points: ['P1', 7] }),
    garbage: 'x.y.z',
    empty: '',
    long: 'x'.repeat(15_000),
  }
  for (const [what, token] of Object.entries(bad)) {
    const answer = await front.ask('GET', '/api/v1/outages', token)
    t.equal(answer.status, 401, what)
    t.match(answer.headers['content-type'], /problem\+json/)
    t.notMatch(answer.text, /secret|HS256|signature/, 'and no more is said than must be')
    const socket = await front.listen('', { headers: { authorization: `Bearer ${token}` } })
    t.equal(socket.refused(), 401, `${what}, on a socket`)
  }
  for (const header of ['Basic eDp5', 'Bearer', `bearer${good}`, `Bearer ${good} x`]) {
    const answer = await front.app.inject({
      url: '/api/v1/outages',
      headers: { authorization: header },
    })
    t.equal(answer.statusCode, 401, header.slice(0, 12))
  }
  t.equal(
    (await front.ask('GET', '/health/live', 'x.y.z')).status,
    200,
    'a bad token does no harm where none is asked for',
  )
  t.equal(
    (await front.ask('GET', `/api/v1/outages?access_token=${good}`)).status,
    401,
    'never in the address',
  )

  now += 61_000
  t.equal(await status(good), 401, 'a token that was good, and remembered, has an end')
})

t.test('tickets: one socket each, for thirty seconds, on whichever gateway', async (t) => {
  const database = await openTestDatabase(t)
  let now = NOW
  const clock = () => now
  const one = await openFront(t, database, { clock })
  const other = await openFront(t, database, { clock })
  const token = await tokenFor('customer', ['P1'])
  const ticketOf = async (bearer = token): Promise<string> =>
    (await one.ask('POST', '/api/v1/live/ticket', bearer)).body.ticket

  const ticket = await ticketOf()
  t.match(ticket, /^[\w-]{40,}$/)
  const stored = await database.db.selectFrom('live_ticket').selectAll().execute()
  t.notMatch(JSON.stringify(stored), ticket, 'the table does not hold what opens the door')
  const reader = await other.listen('', { query: `?ticket=${ticket}` })
  t.equal(reader.refused(), undefined, 'issued here, taken there')
  await reader.subscribe(['servicePoint:P1'])
  reader.say({ op: 'subscribe', topics: ['servicePoint:P4'] })
  await reader.until('refusal', () => reader.frames.some(({ type }) => type === 'error'))
  for (const gateway of [one, other]) {
    t.equal((await gateway.listen('', { query: `?ticket=${ticket}` })).refused(), 401, 'used')
  }
  const raced = await ticketOf()
  const racers = await Promise.all(
    [...Array(8)].map((_, i) => (i % 2 ? one : other).listen('', { query: `?ticket=${raced}` })),
  )
  t.equal(racers.filter((racer) => racer.refused() === undefined).length, 1, 'one of eight')

  const late = await ticketOf()
  now += 30_000
  t.equal((await one.listen('', { query: `?ticket=${late}` })).refused(), 401, 'too late')
  const brief = await ticketOf(
    await issueToken({ role: 'customer', subject: 'x', servicePoints: [], ttlS: 5 }, SECRET, now),
  )
  now += 6_000
  t.equal(
    (await one.listen('', { query: `?ticket=${brief}` })).refused(),
    401,
    'not longer than its token',
  )
  for (const query of [
    '',
    '?ticket=',
    '?ticket=zzz',
    '?ticket=a&ticket=b',
    `?token=${token}`,
    `?access_token=${token}`,
  ]) {
    t.equal((await one.listen('', { query })).refused(), 401, query)
  }
  t.equal((await one.ask('POST', '/api/v1/live/ticket')).status, 401)
})

t.test('origins: pages of other sites open no socket', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, {
    settings: { allowedOrigins: ['https://outages.example.org'] },
  })
  const token = await tokenFor('customer', ['P1'])
  for (const [origin, may] of [
    [undefined, true],
    [`http://127.0.0.1:${front.port}`, true],
    [`https://127.0.0.1:${front.port}`, true],
    ['https://outages.example.org', true],
    ['https://outages.example.org.evil.test', false],
    ['https://evil.test', false],
    [`http://127.0.0.1:${front.port + 1}`, false],
    ['http://127.0.0.1', false],
    ['null', false],
    ['', false],
  ] as const) {
    const socket = await front.listen(token, { headers: origin === undefined ? {} : { origin } })
    t.equal(socket.refused(), may ? undefined : 403, String(origin))
  }
})

t.test(
  'revoked is revoked: here at once, elsewhere in seconds, for good in the audit',
  async (t) => {
    const database = await openTestDatabase(t)
    let now = NOW
    const clock = () => now
    const one = await openFront(t, database, { clock })
    const other = await openFront(t, database, { clock })
    const admin = await tokenFor('admin')
    const token = await tokenFor('dispatcher')
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    t.equal((await one.ask('GET', '/api/v1/outages', token)).status, 200)
    t.equal((await other.ask('GET', '/api/v1/outages', token)).status, 200)
    const ticket = (await one.ask('POST', '/api/v1/live/ticket', token)).body.ticket
    for (const role of ['dispatcher', 'planner', 'customer'] as const) {
      t.equal(
        (await one.ask('POST', `/api/v1/tokens/${jti}/revoke`, await tokenFor(role))).status,
        403,
      )
    }
    t.equal((await one.ask('POST', `/api/v1/tokens/${jti}/revoke`, admin)).status, 200)
    t.equal(
      (await one.ask('POST', `/api/v1/tokens/${jti}/revoke`, admin)).status,
      200,
      'twice is once',
    )
    t.match(await one.ask('GET', '/api/v1/outages', token), {
      status: 401,
      body: { code: 'revoked-token' },
    })
    t.equal((await one.listen('', { query: `?ticket=${ticket}` })).refused(), 401, 'its ticket too')
    now += 5_001
    t.equal((await other.ask('GET', '/api/v1/outages', token)).status, 401)
    t.equal((await other.ask('GET', '/api/v1/outages', await tokenFor('dispatcher'))).status, 200)
    const { db } = database
    const rows = await db.selectFrom('audit').selectAll().execute()
    t.match(rows, [
      {
        act: 'revokeToken',
        target: jti,
        subject: 'admin of the test',
        role: 'admin',
        before: null,
      },
    ])
    await t.rejects(db.updateTable('audit').set({ subject: 'nobody' }).execute(), /append-only/)
    await t.rejects(db.deleteFrom('audit').execute(), /append-only/)
    await t.rejects(sql`truncate audit`.execute(db), /append-only/)
    await writeAudit(db, {
      at: NOW,
      subject: 's',
      role: 'r',
      act: 'a',
      target: null,
      before: { x: 1 },
      after: { x: 2 },
    })
  },
)

t.test('an issuer of tokens (OIDC): its keys, new keys, and nothing but its keys', async (t) => {
  const keyOf = (kid: string) => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    return { kid, ...pair }
  }
  let keys = [keyOf('one')]
  let asked = 0
  let up = true
  const provider = http.createServer(async (request, response) => {
    if (!up) return response.writeHead(500).end()
    if (request.url === '/.well-known/openid-configuration') {
      return response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }))
    }
    asked++
    const published = await Promise.all(
      keys.map(async ({ kid, publicKey }) => ({
        ...(await exportJWK(publicKey)),
        kid,
        alg: 'ES256',
      })),
    )
    return response.end(JSON.stringify({ keys: published }))
  })
  await new Promise<void>((done) => provider.listen(0, '127.0.0.1', done))
  t.teardown(() => provider.close())
  const issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, {
    auth: { kind: 'oidc', issuer, audience: 'relight-app' },
  })
  const nowS = NOW / 1000
  const claims = { role: 'dispatcher', sub: 'x', iss: issuer, aud: 'relight-app', exp: nowS + 600 }
  let count = 0
  const token = ({ kid, privateKey }: ReturnType<typeof keyOf>, more: object = {}) =>
    new SignJWT({ ...claims, n: count++, ...more })
      .setProtectedHeader({ alg: 'ES256', kid })
      .sign(privateKey)
  const status = async (bearer: string) =>
    (await front.ask('GET', '/api/v1/outages', bearer)).status

  up = false
  t.equal(
    await status(await token(keys[0]!)),
    503,
    "its keys cannot be read: that is not the bearer's fault",
  )
  up = true
  t.equal(await status(await token(keys[0]!)), 200)
  t.equal(await status(await token(keys[0]!)), 200)
  t.equal(asked, 1, 'keys are asked for once')
  t.equal(await status(await token(keys[0]!, { aud: 'another-app' })), 401)
  t.equal(await status(await token(keys[0]!, { iss: 'https://evil.test' })), 401)
  t.equal(await status(await token(keyOf('one'))), 401, 'the right name, another key')
  t.equal(await status(await tokenFor('admin')), 401, 'our own secret is none of its keys')
  const pem = String(keys[0]!.publicKey.export({ type: 'spki', format: 'pem' }))
  const confused = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', kid: 'one' })
    .sign(new TextEncoder().encode(pem))
  t.equal(await status(confused), 401, 'its public key is no secret')
  t.equal(await status(new UnsecuredJWT(claims).encode()), 401)

  let lured = 0
  const lure = http.createServer(async (_, response) => {
    lured++
    response.end(JSON.stringify({ keys: [{ ...(await exportJWK(forger.publicKey)), kid: 'one' }] }))
  })
  await new Promise<void>((done) => lure.listen(0, '127.0.0.1', done))
  t.teardown(() => lure.close())
  const forger = keyOf('one')
  const elsewhere = `http://127.0.0.1:${(lure.address() as AddressInfo).port}/keys`
  const jwk = await exportJWK(forger.publicKey)
  for (const header of [
    { jwk },
    { jwk, kid: 'one' },
    { jku: elsewhere, kid: 'one' },
    { x5u: elsewhere, kid: 'one' },
  ]) {
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', ...header })
      .sign(forger.privateKey)
    t.equal(await status(forged), 401, `a key that the token brings: ${Object.keys(header).join()}`)
  }
  t.equal(lured, 0, 'and nobody asks where a token says')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  for (const alg of ['RS256', 'PS256']) {
    const mixed = await new SignJWT(claims)
      .setProtectedHeader({ alg, kid: 'one' })
      .sign(rsa.privateKey)
    t.equal(await status(mixed), 401, `${alg} under the name of an ES256 key`)
  }

  const old = keys[0]!
  keys = [keyOf('two')]
  // The keys are asked for again at most every few seconds, whatever unknown names come along.
  for (let i = 0; i < 20; i++) await status(await token(keyOf(`made up ${i}`)))
  t.ok(asked <= 2)
  await new Promise((next) => setTimeout(next, 5_100))
  t.equal(await status(await token(keys[0]!)), 200, 'a new key is fetched when it is first used')
  t.equal(await status(await token(old)), 401, 'and the old one is gone')
})

t.test('too often: by identity and by address, and the probes stay open', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, {
    settings: { perIdentityPerMin: 20, perAddressPerMin: 400 },
  })
  const token = await tokenFor('dispatcher')
  const answers = []
  for (let i = 0; i < 25; i++) answers.push(await front.ask('GET', '/api/v1/outages', token))
  t.same(
    answers.map(({ status }) => status),
    [...Array(20).fill(200), ...Array(5).fill(429)],
  )
  t.match(answers.at(-1), {
    headers: { 'retry-after': /^\d+$/, 'content-type': /problem\+json/ },
    body: { code: 'too-many-requests' },
  })
  t.equal(
    (await front.ask('GET', '/api/v1/outages', await tokenFor('planner'))).status,
    200,
    'others go on',
  )
  t.equal(
    (await front.ask('GET', '/api/v1/switches', token)).status,
    429,
    'all routes count together',
  )
  for (let i = 0; i < 420; i++) await front.ask('GET', '/nothing')
  t.equal((await front.ask('GET', '/nothing')).status, 429, 'by address')
  t.equal((await front.ask('GET', '/api/v1/outages', await tokenFor('planner'))).status, 429)
  for (const url of ['/health/live', '/health/ready', '/metrics', '/docs/json']) {
    t.equal((await front.ask('GET', url)).status, 200, url)
  }
  t.ok(BAD_TOKENS_PER_MIN < 1000)
})

t.test('guessing tokens is slowed down', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  let last = 0
  for (let i = 0; i <= BAD_TOKENS_PER_MIN; i++) {
    last = (await front.ask('GET', '/api/v1/outages', `guess.${i}.x`)).status
  }
  t.equal(last, 429)
  t.equal(
    (await front.ask('GET', '/api/v1/outages', await tokenFor('dispatcher'))).status,
    200,
    'a good token goes on',
  )
})

t.test('answers carry the headers that keep browsers honest', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  const { headers } = await front.ask('GET', '/health/live')
  const policy = String(headers['content-security-policy'])
  t.match(policy, /default-src 'self'/)
  t.notMatch(policy, /unsafe|https?:/)
  t.match(headers, {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'x-frame-options': String,
  })
})
