import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'
import t from 'tap'
import { WebSocket } from 'ws'
import { readNetworkFolder } from '../src/imports/network-folder.ts'
import { until } from './support/broker.ts'
import { openTestDatabase } from './support/database.ts'
import { HAND_NETWORK, writeFiles } from './support/hand-network.ts'
import { listen, openGateway, openTestService, type TestService } from './support/service.ts'

type Outage = {
  id: string
  status: string
  feeder: string | null
  device: string
  phases: string
  startedAt: string
  restoredAt: string | null
  customersOut: number
  customersInterrupted: number
  customerMinutes: number
  steps: { at: string; device: string; customersRestored: number }[]
}

const iso = (at: number): string => new Date(at).toISOString()

async function handService(
  test: Tap,
  env: Readonly<Record<string, string>> = {},
): Promise<TestService> {
  const folder = writeFiles(
    fs.mkdtempSync(path.join(os.tmpdir(), 'relight-contract-')),
    HAND_NETWORK,
  )
  test.teardown(() => fs.rmSync(folder, { recursive: true, force: true }))
  const { tables } = await readNetworkFolder(folder)
  return openTestService(test, await openTestDatabase(test), { tables, env })
}
type Tap = { teardown(fn: () => unknown): void }

const outages = async (service: TestService, query = 'state=all'): Promise<Outage[]> =>
  (await service.get<{ outages: Outage[] }>(`outages?${query}`)).outages

/** Behind a broker of its own an acknowledgement is the broker's: what follows is there a moment later. */
async function soon(
  service: TestService,
  query: string,
  fits: (found: Outage[]) => boolean,
  what: string,
): Promise<Outage[]> {
  let found: Outage[] = []
  await until(async () => fits((found = await outages(service, query))), what)
  return found
}

/** The status that opening a socket is answered with; 101 where it opens. */
function knock(service: TestService, query: string, headers: Record<string, string>) {
  return new Promise<number>((resolve, reject) => {
    const socket = new WebSocket(`${service.http.replace('http', 'ws')}/live${query}`, { headers })
    socket.on('open', () => {
      socket.terminate()
      resolve(101)
    })
    socket.on('unexpected-response', (_, answer) => resolve(answer.statusCode ?? 0))
    socket.on('error', reject)
  })
}

t.test(
  'who hears what, and when: staff at once, customers after the hold, neighbours nothing',
  async (t) => {
    const service = await handService(t, { NOTICE_HOLD_S: '1' })
    const gateway = await openGateway(t, service.broker)
    const staff = await listen(t, service, ['outages'])
    const mine = (point: string) =>
      listen(t, service, [`servicePoint:${point}`], { role: 'customer', servicePoints: [point] })
    const [here, tied, neighbour] = [await mine('P1'), await mine('P2'), await mine('P3')]
    const everyone = await listen(t, service, ['public'], {
      role: 'customer',
      servicePoints: ['P3'],
    })

    // Gone and back within the hold: told to staff alone.
    await gateway.switch('FU', 'open', Date.now(), { reason: 'trip' })
    await until(() => staff.notices().length === 1, 'staff hear of it at once')
    t.match(staff.notices()[0], {
      topic: 'outages',
      data: { kind: 'supplyLost', customersOut: 120, phases: 'ABC' },
    })
    await gateway.switch('FU', 'closed', Date.now(), { reason: 'reclose' })
    await until(() => staff.notices().length === 2, 'and of its return')
    await sleep(1500)
    t.same([here.notices(), everyone.notices()], [[], []], 'back within the hold: not announced')

    // Not back: told after the hold.
    await gateway.switch('FA', 'open', Date.now(), { phases: 'A' })
    await sleep(300)
    const before = everyone.notices().length
    await until(() => everyone.notices().length > before, 'the public hears after the hold')
    t.same(everyone.notices()[0]?.data['customersOut'], { max: 5 }, 'few are masked')
    await gateway.switch('FA', 'closed', Date.now())

    // Locked out: at once.
    await gateway.switch('B1', 'open', Date.now(), { reason: 'lockout' })
    await until(() => here.notices().length === 1, 'a lockout is told at once')
    const [notice] = here.notices()
    t.match(notice, {
      v: 1,
      type: 'notice',
      seq: Number,
      at: String,
      topic: 'servicePoint:P1',
      data: {
        kind: 'supplyLost',
        outage: String,
        servicePoints: ['P1'],
        startedAt: String,
        etr: null,
        customersOut: 324,
        text: { en: String, 'zh-CN': String },
      },
    })
    const id = String(notice?.data['outage'])

    // Back by the tie: those behind it hear, those who are still out do not hear that they were restored.
    await gateway.switch('SW1', 'open', Date.now())
    await gateway.switch('TIE', 'closed', Date.now())
    await until(() => tied.notices().some(({ data }) => data['restoredAt'] !== null), 'P2 is back')
    t.ok(
      here.notices().every(({ data }) => data['restoredAt'] === null),
      'P1 is not',
    )
    const partly = ([found]: Outage[]) => found?.customersOut === 123
    t.match(await soon(service, 'state=active', partly, 'partly back'), [
      {
        id,
        status: 'partiallyRestored',
        customersOut: 123,
        steps: [{ device: 'TIE', customersRestored: 201 }],
      },
    ])

    const me = await service.get<{ servicePoints: object[] }>('me', 'customer', ['P1', 'P2'])
    t.match(me.servicePoints, [
      { id: 'P1', supply: 'off', outage: { id }, etr: null, plannedWork: [] },
      {
        id: 'P2',
        supply: 'on',
        outage: null,
        history: { months: 24, interruptions: [{ kind: 'unplanned' }] },
      },
    ])
    const at = iso(Date.now() + 3_600_000)
    t.equal((await service.post(`outages/${id}/etr`, { at })).status, 200)
    t.equal((await service.post(`outages/${id}/crew`, { name: 'Crew 7' })).status, 200)
    await until(() => here.notices().some(({ data }) => data['kind'] === 'crewChanged'), 'crew')
    t.match(here.notices().find(({ data }) => data['kind'] === 'etrChanged')?.data['etr'], { at })
    t.equal((await service.post(`outages/${id}/close`, {})).status, 409, 'not while someone is out')
    await gateway.switch('B1', 'closed', Date.now())
    await until(
      () => here.notices().some(({ data }) => data['kind'] === 'supplyRestored'),
      'all back',
    )
    t.equal((await service.post(`outages/${id}/close`, undefined)).status, 200)
    await until(() => staff.notices().at(-1)?.data['kind'] === 'outageClosed', 'closed')

    // Who comes again gets what they missed: the same, once, in order.
    const all = staff.notices()
    const seqs = all.map(({ seq }) => seq)
    t.same(
      seqs,
      [...seqs].sort((a, b) => a - b),
    )
    for (const from of [0, 3, all.length - 1]) {
      const again = await listen(t, service, ['outages'], { since: all[from]?.seq as number })
      const missed = all.slice(from + 1)
      await until(() => again.notices().length >= missed.length, 'what was missed')
      t.same(again.notices(), missed, `since ${all[from]?.seq}`)
    }
    t.same(neighbour.notices(), [], 'the neighbour has heard nothing at all')
  },
)

t.test(
  'the field: what is bad is counted by reason, what is said twice counts once, what is late is put in its place',
  async (t) => {
    const service = await handService(t)
    const gateway = await openGateway(t, service.broker, 'gw1')
    const at = Date.now() - 600_000
    const good = { at: iso(at), seq: 1, position: 'closed' }
    const bad: [string, string, unknown, string][] = [
      ['switch', 'B1', '{', 'not-json'],
      ['switch', 'B1', [1], 'not-object'],
      ['switch', 'B1', { ...good, at: '2026-01-01T00:00:00' }, 'bad-time'],
      ['switch', 'B1', { ...good, seq: -1 }, 'bad-seq'],
      ['switch', 'B1', { ...good, position: 'ajar' }, 'bad-position'],
      ['switch', 'B1', { ...good, phases: 'X' }, 'bad-phases'],
      ['switch', 'B1', { ...good, reason: 'boredom' }, 'bad-reason'],
      ['switch', 'B1', { ...good, quality: 'so-so' }, 'bad-quality'],
      ['switch', 'nobody', good, 'unknown-id'],
      ['switch', 'batch', [good], 'missing-id'],
      ['load', 'B1', { at: iso(at), seq: 1, kw: '5' }, 'bad-number'],
      ['meter', 'P1', { at: iso(at), seq: 1, event: 'sigh' }, 'bad-event'],
      ['switch', 'B1', { ...good, blank: ' '.repeat(262_144) }, 'too-large'],
    ]
    for (const [kind, id, payload] of bad) {
      const text = payload === '{' ? '{' : JSON.stringify(payload)
      await gateway.client.publishAsync(`grid/v1/gw1/${kind}/${id}`, text, { qos: 1 })
    }
    let metrics = ''
    await until(async () => {
      metrics = await (await fetch(`${service.http}/metrics`)).text()
      return metrics.includes('"too-large"} 1')
    }, 'the last of them is counted')
    for (const [kind, id, , reason] of bad) {
      t.match(metrics, `relight_field_refused_total{reason="${reason}"} 1`, `${kind}/${id}`)
    }
    t.same(await outages(service), [], 'and nothing came of it')

    // A batch with one bad element; each word three times; the closing before the opening.
    const batch = [
      { id: 'B2', at: iso(at + 60_000), seq: 3, position: 'closed' },
      { id: 'nobody', at: iso(at), seq: 4, position: 'open' },
      { id: 'B2', at: iso(at), seq: 2, position: 'open', reason: 'trip' },
    ]
    for (let times = 0; times < 3; times++) await gateway.publish('switch', 'batch', batch)
    await gateway.publish('switch', 'B2', { at: iso(at + 30_000), seq: 9, position: 'closed' })
    const put = ([outage]: Outage[]) => outage?.restoredAt === iso(at + 30_000)
    const feeder2 = await soon(service, 'feeder=F2', put, 'the late closing has its place')
    t.match(feeder2, [
      {
        device: 'B2',
        feeder: 'F2',
        status: 'restored',
        customersInterrupted: 80,
        customerMinutes: 40,
        startedAt: iso(at),
        restoredAt: iso(at + 30_000),
      },
    ])
    t.equal(feeder2.length, 1)

    // One phase; another gateway on the same switch; a clock that is ahead; QoS 0.
    const other = await openGateway(t, service.broker, 'gw2')
    const start = Date.now() - 60_000
    await gateway.switch('FU', 'open', start, { phases: 'B' })
    const one = (found: Outage[]) => found.length === 1
    t.match(await soon(service, 'state=active', one, 'one phase is out'), [
      { device: 'FU', phases: 'B', customersOut: 120 },
    ])
    await other.switch('FU', 'open', start + 1000, { phases: 'B' })
    t.equal((await outages(service, 'state=active')).length, 1, 'one switch, one outage')
    await other.client.publishAsync(
      'grid/v1/gw2/switch/FU',
      JSON.stringify({ at: iso(start + 30_000), seq: 50, position: 'closed' }),
      { qos: 0 },
    )
    await until(async () => (await outages(service, 'state=active')).length === 0, 'QoS 0 is heard')
    await gateway.switch('B2', 'open', Date.now() + 3_600_000)
    const [ahead] = await soon(service, 'state=active', one, 'a clock that is ahead')
    t.ok(Date.parse(ahead?.startedAt ?? '') <= Date.now(), 'clamped to when it came')
    await gateway.switch('B2', 'closed', Date.now())

    // What Relight says of its outages stays on the broker.
    const kept = new Map<string, Outage>()
    gateway.client.on('message', (topic, payload, { retain }) => {
      if (retain) kept.set(topic, JSON.parse(payload.toString()) as Outage)
    })
    const back = (found: Outage[]) => found.every(({ restoredAt }) => restoredAt !== null)
    const known = await soon(service, 'state=all', back, 'all are back')
    t.equal(known.length, 3)
    await until(async () => {
      await gateway.client.unsubscribeAsync('relight/v1/outages/#')
      await gateway.client.subscribeAsync('relight/v1/outages/#', { qos: 1 })
      await sleep(50)
      return (
        kept.size === known.length &&
        [...kept.values()].every(({ status }) => status === 'restored')
      )
    }, 'each outage is retained')
    for (const { id } of known) t.equal(kept.get(`relight/v1/outages/${id}`)?.id, id)
  },
)

t.test(
  'phases that a device does not have are refused and counted; what is said of those that it has counts',
  async (t) => {
    const service = await handService(t)
    const gateway = await openGateway(t, service.broker)
    const refused = async () =>
      /refused_total\{reason="bad-phases"\} (\d+)/.exec(
        await (await fetch(`${service.http}/metrics`)).text(),
      )?.[1]
    const at = Date.now() - 60_000
    await gateway.switch('FA', 'open', at, { phases: 'BC' })
    await until(async () => (await refused()) === '1', 'it is counted')
    t.same(await outages(service), [], 'FA has phase A alone')
    await gateway.switch('FA', 'open', at + 1000, { phases: 'ABC' })
    const one = (found: Outage[]) => found.length === 1
    t.match(await soon(service, 'state=active', one, 'its own phase is out'), [
      { device: 'FA', phases: 'A', customersOut: 3 },
    ])
    t.equal(await refused(), '2', 'and the others are counted')
  },
)

t.test(
  'what the broker does not let in is counted with what is refused',
  {
    skip: process.env['RELIGHT_TEST_MOSQUITTO'] === '1' && 'another broker keeps its own accounts',
  },
  async (t) => {
    const service = await handService(t)
    const gateway = await openGateway(t, service.broker)
    await gateway.client.publishAsync('grid/v2/gw/switch/B1', '{}', { qos: 1 })
    await gateway.client.publishAsync('relight/v1/outages/1', '{}', { qos: 1 })
    const socket = net.connect(Number(new URL(service.broker).port), '127.0.0.1')
    socket.on('error', () => undefined)
    const gone = new Promise((resolve) => socket.once('close', resolve))
    // CONNECT, and a PUBLISH that announces 2 MiB.
    socket.write(Buffer.from('100d00044d5154540402003c000141', 'hex'))
    socket.write(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x01, 0, 1, 0x61]))
    await gone
    const metrics = await (await fetch(`${service.http}/metrics`)).text()
    t.match(metrics, 'relight_field_refused_total{reason="publish-denied"} 2')
    t.match(metrics, 'relight_field_refused_total{reason="packet-too-large"} 1')
  },
)

t.test(
  'an outage that a late word takes back is not retained any more, and an estimate said again is told once',
  async (t) => {
    const service = await handService(t)
    const gateway = await openGateway(t, service.broker)
    const kept = new Map<string, string>()
    gateway.client.on('message', (topic, payload) => {
      if (payload.length === 0) kept.delete(topic)
      else kept.set(topic, payload.toString())
    })
    await gateway.client.subscribeAsync('relight/v1/outages/#', { qos: 1 })
    const staff = await listen(t, service, ['outages'])
    const at = Date.now() - 600_000
    await gateway.switch('SW1', 'open', at)
    const [outage] = await soon(service, 'state=active', (all) => all.length === 1, 'it is out')
    await until(() => kept.size === 1, 'it is retained')

    const etr = { at: iso(Date.now() + 3_600_000) }
    const told = () => staff.notices().filter(({ data }) => data['kind'] === 'etrChanged').length
    const before = told()
    for (let times = 0; times < 3; times++)
      t.equal((await service.post(`outages/${outage?.id}/etr`, etr)).status, 200)
    await service.post(`outages/${outage?.id}/etr`, { at: iso(Date.now() + 7_200_000) })
    await until(() => told() >= before + 2, 'the other one is told')
    t.equal(told(), before + 2, 'the same three times was told once')

    // The tie had been closed before: nobody was out.
    await gateway.switch('TIE', 'closed', at - 60_000)
    await until(() => kept.size === 0, 'nothing is retained of it')
    t.equal((await outages(service, 'state=active')).length, 0)
  },
)

t.test('a gateway that is lost is stale by its Will, written before its last word', async (t) => {
  const service = await handService(t)
  const topic = 'grid/v1/lost/state'
  const client = await mqtt.connectAsync(service.broker, {
    protocolVersion: 4,
    reconnectPeriod: 0,
    will: {
      topic,
      payload: Buffer.from(JSON.stringify({ online: false, at: iso(Date.now()) })),
      qos: 1,
      retain: true,
    },
  })
  client.on('error', () => undefined)
  t.teardown(() => client.endAsync(true))
  await sleep(5)
  await client.publishAsync(topic, JSON.stringify({ online: true, at: iso(Date.now()) }), {
    qos: 1,
    retain: true,
  })
  // It says only what was supposed all along: it is its word nevertheless.
  const word = { at: iso(Date.now()), seq: 0, position: 'closed' }
  await client.publishAsync('grid/v1/lost/switch/SW1', JSON.stringify(word), { qos: 1 })
  const stale = async () =>
    (await service.get<{ switches: { id: string; position: string }[] }>('switches?stale=true'))
      .switches
  t.same(await stale(), [])
  client.stream.destroy()
  await until(async () => (await stale()).length === 1, 'its switch is stale')
  t.match(
    await stale(),
    [{ id: 'SW1', position: 'closed', gateway: 'lost' }],
    'and stays as last seen',
  )
})

t.test(
  'who may come in: roles by route, tickets once, foreign pages never, and errors as problems',
  async (t) => {
    const service = await handService(t)
    const routes: [string, string, string][] = [
      ['GET', 'outages', 'dispatcher planner admin'],
      ['GET', 'switches', 'dispatcher planner admin'],
      ['GET', 'nodes/n2/trace?direction=ties', 'dispatcher planner admin'],
      ['GET', 'network.geojson', 'dispatcher planner admin'],
      ['GET', 'indices?from=2026-01-01&to=2026-02-01', 'dispatcher planner admin'],
      ['GET', 'indices/explain?from=2026-01-01&to=2026-02-01', 'dispatcher planner admin'],
      ['GET', 'major-days?year=2026', 'dispatcher planner admin'],
      ['GET', 'balance', 'dispatcher planner admin'],
      ['GET', 'works', 'dispatcher planner admin'],
      ['GET', 'me', 'customer admin'],
      ['POST', 'outages/x/note', 'dispatcher admin'],
      ['POST', 'switches/B1/position', 'dispatcher admin'],
      ['POST', 'works', 'planner admin'],
      ['POST', 'periods/2999-01/close', 'planner admin'],
      ['POST', 'me/reports', 'customer admin'],
      ['POST', 'live/ticket', 'dispatcher planner customer admin'],
    ]
    const roles = ['dispatcher', 'planner', 'customer', 'admin'] as const
    for (const [method, route, allowed] of routes) {
      const url = `${service.http}/api/v1/${route}`
      const without = await fetch(url, { method })
      t.equal(without.status, 401, `${route} without a token`)
      t.match(without.headers.get('content-type'), 'application/problem+json')
      for (const role of roles) {
        const authorization = `Bearer ${await service.token(role, ['P1'])}`
        const { status } = await fetch(url, { method, headers: { authorization } })
        const may = allowed.split(' ').includes(role)
        t.ok(
          may ? status !== 401 && status !== 403 && status < 500 : status === 403,
          `${method} ${route} by ${role}: ${status}`,
        )
      }
    }
    for (const open of [
      '/public/outages.geojson',
      '/public/outages',
      '/health/live',
      '/health/ready',
      '/metrics',
      '/docs',
    ]) {
      t.equal((await fetch(service.http + open)).status, 200, open)
    }
    const api = (await (await fetch(`${service.http}/docs/json`)).json()) as {
      openapi: string
      paths: object
    }
    t.match(api.openapi, /^3\.1/)
    t.ok('/api/v1/outages/{id}' in api.paths)

    const problems: [string, unknown, number, string][] = [
      ['outages/none/note', { text: 'x' }, 404, 'unknown-outage'],
      ['outages/none/etr', { at: 'soon' }, 400, 'invalid'],
      ['outages/none/note', { text: '' }, 400, 'invalid'],
      ['switches/none/position', { position: 'open' }, 404, 'unknown-switch'],
      ['switches/FA/position', { position: 'open', phases: 'B' }, 400, 'invalid'],
      ['switches/FA/position', { position: 'ajar' }, 400, 'invalid'],
      ['switches/FA/position', [], 400, 'invalid'],
    ]
    for (const [route, body, status, code] of problems) {
      const answer = await service.post(route, body, 'dispatcher')
      t.match(answer.headers.get('content-type'), 'application/problem+json')
      t.match(await answer.json(), { status, code, title: String, detail: String }, route)
    }
    t.same(await outages(service), [])
    t.equal(
      (await service.post('switches/FU/position', { position: 'open' }, 'dispatcher')).status,
      200,
    )
    t.match(
      await outages(service),
      [
        {
          device: 'FU',
          customersOut: 120,
          cause: null,
          crew: null,
          etr: null,
          restoredAt: null,
          revision: Number,
        },
      ],
      'by a dispatcher, without telemetry',
    )

    // Pages of lists, told apart by their cursor.
    const ids: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: { switches: { id: string }[]; nextCursor: string | null } = await service.get(
        `switches?limit=4${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      )
      ids.push(...page.switches.map(({ id }) => id))
      cursor = page.nextCursor
    }
    t.same(ids, ['B1', 'B2', 'FU', 'SW1', 'TIE', 'FA'])

    const bearer = { authorization: `Bearer ${await service.token('customer', ['P1'])}` }
    t.equal(await knock(service, '', {}), 401)
    t.equal(await knock(service, '', bearer), 101)
    t.equal(await knock(service, '', { ...bearer, origin: 'https://elsewhere.example' }), 403)
    t.equal(await knock(service, '', { ...bearer, origin: service.http }), 101)
    const { ticket } = (await (await service.post('live/ticket', {}, 'customer')).json()) as {
      ticket: string
    }
    t.equal(await knock(service, `?ticket=${ticket}`, {}), 101)
    t.equal(await knock(service, `?ticket=${ticket}`, {}), 401, 'a ticket is good once')
    const customer = await listen(
      t,
      service,
      ['outages', 'servicePoint:P3', 'servicePoint:P1', 'load'],
      { role: 'customer', servicePoints: ['P1'] },
    )
    t.match(customer.frames.at(-1), {
      v: 1,
      type: 'subscribed',
      topics: ['servicePoint:P1'],
      seq: Number,
    })
    await service.post('switches/B1/position', { position: 'open' }, 'dispatcher')
    await service.close()
    t.match(customer.frames.at(-1), { type: 'bye', retryAfterMs: Number })
    t.notOk(customer.notices().some(({ topic }) => topic !== 'servicePoint:P1'))
  },
)
