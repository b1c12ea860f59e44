// What ten times the network costs, end to end on the embedded default: the commands of a stranger (import, serve), then a morning in which
// a tenth of a thousand feeders trips, everyone out at once. A service of a tenth of the size is the peer, in the same run.
//   node --import=tsx test/bench/size.ts [customers]
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import mqtt from 'mqtt'
import { makeTown } from '../../simulators/town.ts'
import { writeNetworkFolder } from '../../src/imports/network-export.ts'
import { median, report } from './figure.ts'

const BENCH = 'size'
const CUSTOMERS = Number(process.argv[2] ?? 1_000_000)
const TIMES = 10
/** Heads that trip one after another, each waited for; then so many at once. */
const ONE_BY_ONE = 40
const AT_ONCE = 60
/** Cost follows what changed: the feeders are of one size, and only the rest of the network grows. */
const HEAD_RATIO_MAX = 1.5
/** Everything is read once at start; a network ten times as large may take ten times as long, and a little. */
const GROWTH_RATIO_MAX = 12

const main = fileURLToPath(new URL('../../dist/src/main.js', import.meta.url))
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-size-'))

type Figures = {
  readonly importMs: number
  readonly startMs: number
  readonly memoryMb: number
  readonly headMs: number
  readonly stormMs: number
  readonly listMs: number
}

async function measure(customers: number): Promise<Figures> {
  const tables = makeTown({ seed: 5, customers })
  const folder = path.join(scratch, `town-${customers}`)
  await writeNetworkFolder(tables, folder)
  const env = {
    ...process.env,
    DATABASE_URL: '',
    MQTT_URL: '',
    RELIGHT_DATA_DIR: path.join(scratch, `data-${customers}`),
    RELIGHT_MQTT_PORT: '0',
    PORT: '0',
  }
  const command = (...args: string[]) =>
    promisify(execFile)(process.execPath, [main, ...args], { env })
  const importMs = await took(() => command('network', 'import', folder))
  let service: { child: ChildProcess; http: string; mqtt: string } | undefined
  const startMs = await took(async () => (service = await serve(env)))
  if (service === undefined) throw new Error('the service is not there')
  const { child, http, mqtt: broker } = service
  try {
    const client = await mqtt.connectAsync(broker, { protocolVersion: 4, reconnectPeriod: 0 })
    let seq = 0
    const open = (id: string) =>
      client.publishAsync(
        `grid/v1/bench/switch/${id}`,
        JSON.stringify({ at: new Date().toISOString(), seq: seq++, position: 'open' }),
        { qos: 1 },
      )
    const heads = tables.feeders.map((feeder) => feeder.head)
    const each: number[] = []
    for (const head of heads.slice(0, ONE_BY_ONE)) each.push(await took(() => open(head)))
    const rest = heads.slice(ONE_BY_ONE, ONE_BY_ONE + AT_ONCE)
    const stormMs = await took(() => Promise.all(rest.map(open)))
    await client.endAsync()
    const token = (await command('token', '--role', 'dispatcher')).stdout.trim()
    const headers = { authorization: `Bearer ${token}` }
    const lists: number[] = []
    for (let i = 0; i < 9; i++) {
      lists.push(
        await took(async () => {
          const answer = await fetch(`${http}/api/v1/outages?state=active`, { headers })
          const { outages } = (await answer.json()) as { outages: unknown[] }
          if (outages.length < ONE_BY_ONE) throw new Error(`only ${outages.length} outages`)
        }),
      )
    }
    return {
      importMs,
      startMs,
      memoryMb: memoryMb(child),
      headMs: median(each),
      stormMs,
      listMs: median(lists),
    }
  } finally {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await gone
  }
}

async function took(what: () => unknown): Promise<number> {
  const start = performance.now()
  await what()
  return performance.now() - start
}

async function serve(
  env: NodeJS.ProcessEnv,
): Promise<{ child: ChildProcess; http: string; mqtt: string }> {
  const child = spawn(process.execPath, [main, 'serve'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.includes('"msg":"ready"')) continue
    child.stdout.resume()
    return { child, ...(JSON.parse(line) as { http: string; mqtt: string }) }
  }
  throw new Error('the service ended before it was ready')
}

function memoryMb({ pid }: ChildProcess): number {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024
}

try {
  const small = await measure(CUSTOMERS / TIMES)
  const large = await measure(CUSTOMERS)
  const peer = `${CUSTOMERS / TIMES} customers`
  const tell = (key: keyof Figures, figure: string, unit: string, atMost: number | undefined) =>
    report({
      bench: BENCH,
      figure: `${CUSTOMERS} customers: ${figure}`,
      value: large[key],
      unit,
      peer: { name: peer, value: small[key] },
      ...(atMost === undefined ? {} : { limit: { atMost } }),
    })
  tell('importMs', 'network import, the whole command', 'ms', GROWTH_RATIO_MAX)
  tell('startMs', 'start until ready', 'ms', GROWTH_RATIO_MAX)
  tell('headMs', 'a feeder head trips: published to acknowledged, median', 'ms', HEAD_RATIO_MAX)
  tell('stormMs', `${AT_ONCE} feeder heads at once, all acknowledged`, 'ms', HEAD_RATIO_MAX)
  tell('listMs', 'the list of active outages', 'ms', HEAD_RATIO_MAX)
  tell('memoryMb', 'memory of the service', 'MB', GROWTH_RATIO_MAX)
} finally {
  fs.rmSync(scratch, { recursive: true, force: true })
}
