import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { zipSync, strToU8 } from 'fflate'
import { sql } from 'kysely'
import t from 'tap'
import { run } from '../src/cli.ts'
import { packageRoot } from '../src/root.ts'
import { until } from './support/broker.ts'
import { openTestDatabase } from './support/database.ts'
import { HAND_NETWORK, writeFiles } from './support/hand-network.ts'
import { environmentOf, openGateway, openTestService } from './support/service.ts'

type Answer = { readonly code: number; readonly out: string; readonly err: string }

/** One command line, run as the binary runs it. */
async function relight(env: Readonly<Record<string, string>>, ...argv: string[]): Promise<Answer> {
  let out = ''
  let err = ''
  const code = await run(argv, {
    env,
    out: (line) => void (out += `${line}\n`),
    err: (line) => void (err += `${line}\n`),
    write: (text) => void (out += text),
    now: Date.now,
    signal: new AbortController().signal,
  })
  return { code, out, err }
}

function folderOf(test: { teardown(fn: () => unknown): void }): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-commands-'))
  test.teardown(() =>
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 }),
  )
  return folder
}

t.test('--help is 0, wrong use is 2 and says which word was wrong', async (t) => {
  const commands = ['serve', 'demo', 'network', 'interruptions', 'indices', 'major-days', 'predict']
  for (const name of [...commands, 'verify', 'archive', 'token', 'simulate']) {
    const { code, out, err } = await relight({}, name, '--help')
    t.same([code, err], [0, ''], `${name} --help`)
    t.match(out, `relight ${name}`, `${name} says how it is used`)
  }
  t.match(await relight({}, 'simulate', 'town', '-h'), { code: 0, out: /relight simulate town/ })
  t.match(await relight({}, '--version'), { code: 0, out: /^\d+\.\d+\.\d+\n$/ })
  const day = ['indices', '--from', '2026-01-01', '--to']
  const wrong: [string[], RegExp][] = [
    [[], /^$/],
    [['nope'], /nope/],
    [['network'], /import or export/],
    [['network', 'import'], /PATH/],
    [['network', 'import', 'x', '--format', 'xml'], /xml/],
    [['indices', '--from', '2026-02-30', '--to', '2026-03-01'], /2026-02-30/],
    [['indices', '--from', '2026-01-01'], /--to/],
    [[...day, '2026-01-01'], /after --from/],
    [[...day, '2026-02-01', '--by', 'moon'], /moon/],
    [[...day, '2026-02-01', '--rulebook', 'mine'], /mine/],
    [[...day, '2026-02-01', '--exclude', 'planned,bad'], /bad/],
    [['major-days'], /--year/],
    [['predict', '--without', 'wires'], /wires/],
    [['token', '--role', 'king'], /king/],
    [['token', '--role', 'customer', '--ttl', '0h'], /0h/],
    [['verify', '--from', 'yesterday'], /yesterday/],
    [['verify', '--from', '2026-01-02', '--to', '2026-01-01'], /after --from/],
    [['major-days', '--year', '99999'], /99999/],
    [['token', '--role', 'customer', '--service-point', ''], /--service-point/],
    [['token', '--role', 'customer', '--service-point', 'a\nb'], /control/],
    [['token', '--role', 'customer', '--service-point', 'x'.repeat(129)], /128/],
    [['serve', '--role', 'x'], /one of/],
  ]
  for (const [argv, says] of wrong) {
    const { code, err } = await relight({}, ...argv)
    t.equal(code, 2, argv.join(' '))
    t.match(err, says)
  }
})

t.test('every fault of a command line at once, and nothing is done', async (t) => {
  const wrong: [string, string[]][] = [
    ['indices', ['--from is missing', '--to is missing']],
    [
      'indices --from x --to 2026-02-30 --by moon --rulebook mine --exclude planned,a,b --loud --area',
      [
        '--from',
        '2026-02-30',
        'moon',
        'mine',
        'not a',
        'not b',
        'no option --loud',
        '--area has no',
      ],
    ],
    ['indices extra --json=yes', ['not extra', '--json takes no value', '--from', '--to']],
    ['major-days --year x --month 1', ['--year', 'no option --month']],
    [
      'predict --without wires --switching-h x --tie-success 2 --transfer-load most --by hand',
      ['wires', '--switching-h', '--tie-success', 'most', 'hand'],
    ],
    ['verify --from x --to y', ['not x', 'not y']],
    ['token --role king --ttl 0h --service-point', ['king', '0h', '--service-point has no value']],
    ['serve --role x --port 1', ['not x', 'no option --port']],
    ['demo --seed x --customers 1 --speed 0', ['--seed', '--customers', '--speed']],
    ['network import --format xml --chek', ['PATH', 'xml', 'no option --chek']],
    ['network export --format xml more', ['xml', 'more']],
    ['interruptions import --skip-bad=1 -x', ['FILE.csv', '--skip-bad', 'no option -x']],
    ['simulate town --per-feeder 0 --seeed 1', ['--out', '--customers', '--per-feeder', '--seeed']],
    [
      'simulate field --speed 0 --loss 2 --meters x',
      ['--network', '--mqtt', '--speed', '--loss', '--meters'],
    ],
    ['simulate storm --seeds 0 --hours x --log', ['--seeds', '--hours', '--log']],
  ]
  for (const [line, faults] of wrong) {
    const { code, out, err } = await relight({}, ...line.split(' '))
    t.same([code, out], [2, ''], line)
    for (const fault of faults) t.match(err, fault, `${line}: ${fault}`)
  }
})

t.test('all faults of the environment at once, by name and never by value', async (t) => {
  const hidden = 'hunter2'
  const { code, err } = await relight(
    {
      DATABASE_URL: hidden,
      MQTT_URL: `http://${hidden}`,
      PORT: hidden,
      HOST: `no ${hidden}`,
      RELIGHT_MQTT_GATEWAYS: `/no/${hidden}`,
      RELIGHT_MQTT_PORT: '70000',
      RELIGHT_TIME_ZONE: hidden,
      NOTICE_HOLD_S: '-1',
      LOG_LEVEL: hidden,
    },
    'serve',
  )
  t.equal(code, 2)
  for (const name of 'DATABASE_URL MQTT_URL PORT HOST RELIGHT_MQTT_GATEWAYS RELIGHT_MQTT_PORT RELIGHT_TIME_ZONE NOTICE_HOLD_S LOG_LEVEL'.split(
    ' ',
  )) {
    t.match(err, name)
  }
  t.notMatch(err, hidden)
  const url = { DATABASE_URL: `postgres://x:${hidden}@127.0.0.1:1/x` }
  const unsigned = await relight(url, 'serve')
  t.match(unsigned, { code: 2, err: /RELIGHT_AUTH_SECRET/ })
  t.notMatch(unsigned.err, hidden)
})

t.test('a port that is taken is named', async (t) => {
  const taken = net.createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.teardown(() => taken.close())
  const { port } = taken.address() as net.AddressInfo
  const env = {
    ...environmentOf(await openTestDatabase(t)),
    RELIGHT_DATA_DIR: folderOf(t),
    RELIGHT_MQTT_PORT: '0',
    PORT: String(port),
  }
  const { code, err } = await relight(env, 'serve')
  t.equal(code, 1)
  t.match(err, 'PORT: another program listens there')
})

t.test('a network with faults is refused with each of them, and nothing is stored', async (t) => {
  const env = environmentOf(await openTestDatabase(t))
  const folder = folderOf(t)
  const bad = writeFiles(path.join(folder, 'bad'), {
    ...HAND_NETWORK,
    'switches.csv': `${HAND_NETWORK['switches.csv']}B1,n0,n1,breaker,ABC,closed,1,1,\nS9,n0,nowhere,kite,ABD,ajar,-1,1,\n`,
    'service_points.csv': 'id,node,phases,customers\nP1,s1,ABC,-3\nP2,s2,ABC,"2\n',
  })
  const { code, out, err } = await relight(env, 'network', 'import', bad)
  t.equal(code, 1)
  for (const where of [
    'B1 (switches.csv:8)',
    'nowhere": S9 (switches.csv:9)',
    'kite": S9 (switches.csv:9)',
    '"ABD": S9 (switches.csv:9)',
    'ajar": S9 (switches.csv:9)',
    'P1 (service_points.csv:2)',
    '(service_points.csv:3)',
  ]) {
    t.ok(out.includes(where), `${where} is named`)
  }
  t.match(err, 'nothing was stored')
  t.match(await relight(env, 'network', 'import', '/no/such/folder'), { code: 1, out: /ENOENT/ })
  const good = writeFiles(path.join(folder, 'good'), HAND_NETWORK)
  t.match(await relight(env, 'network', 'import', good, '--check'), {
    code: 0,
    out: /404 customers/,
  })
  t.match(await relight(env, 'network', 'export'), { code: 1, err: /no network/ }, 'still nothing')
})

t.test('what is imported is exported the same, from a zip of another hand too', async (t) => {
  const env = environmentOf(await openTestDatabase(t))
  const folder = folderOf(t)
  // As a spreadsheet on another system writes it: a byte order mark, CRLF, in a folder of a zip.
  const entries = Object.entries(HAND_NETWORK).map(([name, text]): [string, Uint8Array] => [
    `Exports/our net/${name}`,
    strToU8(`\uFEFF${text.replaceAll('\n', '\r\n')}`),
  ])
  const zip = path.join(folder, 'net.zip')
  fs.writeFileSync(zip, zipSync(Object.fromEntries(entries)))
  t.match(await relight(env, 'network', 'import', zip), { code: 0, out: /revision 1 is in force/ })
  const exported = path.join(folder, 'exported')
  t.match(await relight(env, 'network', 'export', '--out', exported), { code: 0 })
  for (const [name, text] of Object.entries(HAND_NETWORK)) {
    t.equal(fs.readFileSync(path.join(exported, name), 'utf8'), text, name)
  }
  const geojson = await relight(env, 'network', 'export', '--format', 'geojson')
  const { type, features } = JSON.parse(geojson.out) as { type: string; features: { id: string }[] }
  t.equal(type, 'FeatureCollection')
  t.ok(features.some(({ id }) => id === 'TIE'))
  const { out } = await relight(env, 'predict', '--json', '--by', 'feeder')
  t.same(
    (JSON.parse(out) as { group: string; customersServed: number }[]).map((row) => [
      row.group,
      row.customersServed,
    ]),
    [
      ['F1', 324],
      ['F2', 80],
    ],
  )
})

t.test(
  'a record is imported once however often, and counted by each grouping and book',
  async (t) => {
    const env = environmentOf(await openTestDatabase(t))
    const folder = writeFiles(folderOf(t), {
      'bad.csv':
        'outage,started_at,ended_at,customers\nX1,2025-01-03T10:00:00Z,2025-01-03T09:00:00Z,1\nX2,yesterday,2025-01-03T09:00:00Z,-5\n',
      'record.csv':
        'outage,started_at,ended_at,customers,area,substation,feeder,cause,nature,external\n' +
        'O1,2025-01-03T10:00:00Z,2025-01-03T11:00:00Z,100,East,NORTH,F1,vegetation,unplanned,0\n' +
        'O1,2025-01-03T10:00:00Z,2025-01-03T12:00:00Z,50,East,NORTH,F1,vegetation,unplanned,0\n' +
        'O2,2025-02-03T10:00:00Z,2025-02-03T10:03:00Z,80,West,SOUTH,F2,,unplanned,0\n' +
        'O3,2025-03-03T10:00:00Z,2025-03-03T14:00:00Z,80,West,SOUTH,F2,,planned,0\n' +
        'O4,2025-04-03T10:00:00Z,2025-04-03T14:00:00Z,80,West,SOUTH,F2,,unplanned,1\n',
      'customers.csv': 'area,from,customers\nEast,2020-01-01,1000\nWest,2020-01-01,500\n',
    })
    const refused = await relight(env, 'interruptions', 'import', path.join(folder, 'bad.csv'))
    t.equal(refused.code, 1)
    for (const where of ['bad.csv:2', 'bad.csv:3']) t.match(refused.out, where)
    const file = path.join(folder, 'record.csv')
    t.match(await relight(env, 'interruptions', 'import', file), {
      code: 0,
      out: /4 outages are new/,
    })
    t.match(await relight(env, 'interruptions', 'import', file), {
      code: 0,
      out: /0 outages are new/,
    })

    type Row = {
      group: string | null
      customersServed: number | null
      ci: number
      cmi: number
      indices: Record<string, number | null>
      units: Record<string, string>
      provisional: boolean
    }
    const rows = async (...more: string[]): Promise<Row[]> => {
      const words = ['indices', '--from', '2025-01-01', '--to', '2026-01-01', '--json', ...more]
      const { code, out } = await relight(env, ...words)
      t.equal(code, 0, more.join(' '))
      return JSON.parse(out) as Row[]
    }
    const sums = async (...more: string[]) =>
      (await rows(...more)).map(({ group, ci, cmi }) => [group, ci, cmi])
    t.same(await sums('--by', 'system'), [['system', 310, 12_000 + 2 * 80 * 240]])
    const east = ['East', 150, 12_000]
    const west = ['West', 160, 38_400]
    t.same(await sums('--by', 'area'), [east, west])
    t.same(await sums('--by', 'feeder'), [
      ['F1', ...east.slice(1)],
      ['F2', ...west.slice(1)],
    ])
    t.same(await sums('--by', 'substation'), [
      ['NORTH', ...east.slice(1)],
      ['SOUTH', ...west.slice(1)],
    ])
    t.same(await sums('--area', 'East'), [['system', 150, 12_000]])
    t.same(await sums('--substation', 'SOUTH', '--by', 'area'), [west])
    t.same(await sums('--area', 'East', '--feeder', 'F2'), [['system', 0, 0]])
    const days = ['indices', '--from', '2025-01-01', '--to', '2026-01-01']
    const nowhere = await relight(env, ...days, '--area', 'Nowhere')
    t.match(nowhere, { code: 0, out: /Nothing is known of area Nowhere/ })
    t.notMatch((await relight(env, ...days, '--area', 'East')).out, 'Nothing is known')
    t.equal((await rows('--by', 'month')).length, 12)
    t.same(await sums('--exclude', 'planned'), [['system', 230, 12_000 + 80 * 240]])
    t.same(await sums('--exclude', 'planned,external'), [['system', 150, 12_000]])
    const [system] = await rows()
    t.match(system, {
      customersServed: 1500,
      indices: { SAIFI: 310 / 1500, SAIDI: 50_400 / 1500, CAIDI: 50_400 / 310, MAIFI: 80 / 1500 },
      units: { SAIDI: 'min' },
      provisional: false,
    })
    t.equal((await rows('--by', 'month'))[5]?.indices['CAIDI'], null, 'none is not zero')
    const [book] = await rows('--rulebook', 'dlt836')
    for (const symbol of ['SAIDI-1', 'ASAI-1', 'SAIDI-F']) t.ok(symbol in (book?.indices ?? {}))
    t.ok('SAIDI-planned' in ((await rows('--rulebook', 'ceer'))[0]?.indices ?? {}))
    const major = await relight(env, 'major-days', '--year', '2025', '--area', 'East', '--json')
    t.match(JSON.parse(major.out), {
      year: 2025,
      area: 'East',
      alpha: null,
      beta: null,
      thresholdMin: null,
      historyDays: 0,
      historyMonths: null,
      days: [],
    })
  },
)

t.test(
  'verify is 0 while the ledger follows from its record, and 1 when it does not',
  async (t) => {
    const database = await openTestDatabase(t)
    const env = environmentOf(database)
    await relight(env, 'network', 'import', writeFiles(folderOf(t), HAND_NETWORK))
    const service = await openTestService(t, database)
    const gateway = await openGateway(t, service.broker)
    const at = Date.now() - 600_000
    await gateway.switch('B1', 'open', at)
    await gateway.switch('B1', 'closed', at + 60_000)
    const restored = async () =>
      (await service.get<{ outages: object[] }>('outages?state=restored')).outages.length === 1
    await until(restored, 'the outage is over')
    t.match(await relight(env, 'verify'), { code: 0, out: /1 outage/ })
    const tamper = sql`update outage set customers_interrupted = customers_interrupted + 1`
    await tamper.execute(database.db)
    t.match(await relight(env, 'verify'), { code: 1, out: /1 difference/ })
  },
)

t.test(
  'the service on its own data folder: ready, alone, beside commands, and gone at SIGTERM',
  { timeout: 180_000 },
  async (t) => {
    const folder = folderOf(t)
    const env = {
      RELIGHT_DATA_DIR: path.join(folder, 'data'),
      PORT: '0',
      RELIGHT_MQTT_PORT: '0',
      LOG_LEVEL: 'info',
    }
    const main = ['--import=tsx', path.join(packageRoot, 'src/main.ts'), 'serve']
    const { DATABASE_URL: _db, MQTT_URL: _mqtt, ...outside } = process.env
    const child = spawn(process.execPath, main, {
      cwd: packageRoot,
      env: { ...outside, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    const exited = once(child, 'exit')
    let ready: { http: string; mqtt: string } | undefined
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.includes('"msg":"ready"')) continue
      ready = JSON.parse(line) as { http: string; mqtt: string }
      break
    }
    child.stdout.resume()
    if (ready === undefined) return t.fail('never ready')
    const { http, mqtt } = ready
    t.match(http, /^http:\/\/127\.0\.0\.1:\d+$/)
    t.match(mqtt, /^mqtt:\/\/127\.0\.0\.1:\d+$/)
    t.match(await relight(env, 'serve'), { code: 1, err: /in use by another Relight/ })

    const { out } = await relight(env, 'token', '--role', 'dispatcher', '--ttl', '5m')
    const headers = { authorization: `Bearer ${out.trim()}` }
    const ask = (route: string) => fetch(`${http}/api/v1/${route}`, { headers })
    t.equal((await ask('switches')).status, 409, 'no network yet')
    // The field speaks before there is a network: nothing is acknowledged, and nothing is lost.
    const gateway = await openGateway(t, mqtt)
    let acknowledged = false
    const said = gateway.switch('B1', 'open', Date.now(), { reason: 'lockout' }).then(() => {
      acknowledged = true
    })
    const network = writeFiles(path.join(folder, 'net'), HAND_NETWORK)
    t.notOk(acknowledged)
    t.match(await relight(env, 'network', 'import', network), { code: 0 })
    await said
    // This broker is Relight's own: acknowledged is committed.
    const { outages } = (await (await ask('outages?state=active')).json()) as {
      outages: { device: string; customersOut: number }[]
    }
    t.match(outages, [{ device: 'B1', customersOut: 324 }], 'the import came into force')
    await until(async () => (await ask('switches')).status === 200, 'switches of the network')
    t.match(await relight(env, 'verify'), { code: 0, out: /^equal/ })

    // A request that is never finished must not hold it up.
    const half = net.connect(Number(new URL(http).port), '127.0.0.1')
    half.on('error', () => undefined)
    half.write('GET /health/live HTTP/1.1\r\nHost: x\r\n')
    await once(half, 'connect')
    child.kill('SIGTERM')
    t.same(await exited, [0, null], 'exits 0')
    t.match(await relight(env, 'verify'), { code: 0 }, 'and nothing is broken')
  },
)
