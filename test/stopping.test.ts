import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { WebSocket } from 'ws'
import { issueToken } from '../src/http/auth.ts'
import { packageRoot } from '../src/root.ts'
import { until } from './support/broker.ts'
import { openWay } from './support/cuttable.ts'
import { openTestDatabase } from './support/database.ts'
import { environmentOf, SECRET } from './support/service.ts'

/** A gateway in a process of its own; what it exits with. */
function startGateway(t: { teardown(fn: () => unknown): void }, env: Record<string, string>) {
  const child = spawn(
    process.execPath,
    ['--import=tsx', path.join(packageRoot, 'src/main.ts'), 'serve', '--role', 'gateway'],
    {
      env: { ...process.env, PORT: '0', ...env },
      cwd: packageRoot,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  t.teardown(() => child.kill('SIGKILL'))
  const said: string[] = []
  const port = new Promise<number>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      said.push(line)
      if (!line.includes('"msg":"ready"')) return
      resolve(Number(new URL((JSON.parse(line) as { http: string }).http).port))
    })
  })
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  return { port, exited, said, stop: () => child.kill('SIGTERM') }
}

const SOCKETS = 300
/** Well below the time after which a service gives up stopping. */
const STOPPED_WITHIN_MS = 12_000

t.test(
  'told to stop while sockets are open, opening and half opened, a service closes them all and exits 0',
  { timeout: 120_000 },
  async (t) => {
    const database = await openTestDatabase(t)
    const child = startGateway(t, {
      ...environmentOf(database),
      RELIGHT_SOCKETS_PER_IDENTITY: String(SOCKETS * 2),
    })
    const port = await child.port
    const token = await issueToken(
      { role: 'customer', subject: 'c', servicePoints: ['P1'], ttlS: 3600 },
      SECRET,
      Date.now(),
    )
    const authorization = `Bearer ${token}`
    const sockets = await Promise.all(
      Array.from({ length: SOCKETS }, async () => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}/live`, { headers: { authorization } })
        socket.on('error', () => undefined)
        await once(socket, 'open')
        return socket
      }),
    )
    const codes = sockets.map(async (socket) => ((await once(socket, 'close')) as [number])[0])

    // Nobody on this side ever closes: whoever is let go is let go by the service.
    const answers: string[] = []
    let stopping = true
    const knocking = (async () => {
      while (stopping) {
        const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
        let heard = ''
        socket.on('data', (bytes) => (heard += String(bytes))).on('error', () => undefined)
        socket.on('end', () => answers.push(heard.slice(0, 12)))
        socket.write(
          'GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
            `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: ${authorization}\r\n\r\n`,
        )
        await sleep(2)
      }
    })()
    const half = net.connect({ port, host: '127.0.0.1' })
    half.on('error', () => undefined).resume()
    half.write('GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upg')
    await sleep(100)

    const toldAt = performance.now()
    child.stop()
    const late = sleep(STOPPED_WITHIN_MS, 'late' as const, { ref: false })
    const outcome = await Promise.race([child.exited, late])
    stopping = false
    await knocking
    t.not(outcome, 'late', `stopped within ${STOPPED_WITHIN_MS} ms`)
    t.equal(await child.exited, 0, 'and well')
    t.comment(`stopped after ${Math.round(performance.now() - toldAt)} ms`)
    t.same(new Set(await Promise.all(codes)), new Set([1001]), 'every socket was told that it goes')
    t.ok(answers.includes('HTTP/1.1 503'), 'who came while it stopped was refused, and let go')
  },
)

t.test(
  'a gateway that is started while the database is away waits, answers when it comes, and stops well when it hangs',
  { timeout: 120_000 },
  async (t) => {
    const database = await openTestDatabase(t)
    const { way, url } = await openWay(t, database)
    for (const how of ['cut', 'hang'] as const) {
      if (how === 'cut') await way.cut()
      else way.hang()
      const env = { DATABASE_URL: url, RELIGHT_AUTH_SECRET: SECRET }
      const told = startGateway(t, env)
      const child = startGateway(t, env)
      const waits = (one: typeof child) =>
        one.said.filter((line) => line.includes('waiting for it'))
      await until(
        () => waits(child).length > 0 && waits(told).length > 0,
        'they say that they wait',
        30_000,
      )
      await sleep(3_000)
      t.equal(waits(child).length, 1, 'once')
      told.stop()
      t.equal(await told.exited, 0, 'told to stop while it waits, it does')
      await way.mend()
      const port = await child.port
      const answer = await fetch(`http://127.0.0.1:${port}/public/outages`)
      t.equal(answer.status, 200)
      way.hang()
      await sleep(500)
      const toldAt = performance.now()
      child.stop()
      t.equal(await child.exited, 0)
      const tookMs = performance.now() - toldAt
      t.ok(tookMs < STOPPED_WITHIN_MS, `stopped after ${Math.round(tookMs)} ms`)
      await way.mend()
    }
  },
)
