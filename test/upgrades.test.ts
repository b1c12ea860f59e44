import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { openTestDatabase } from './support/database.ts'
import { openFront, tokenFor } from './support/people.ts'

/** As the HTTP client of Java asks on every first request of a connection. */
const WISH =
  'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n'
const OPENING =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** A connection that is kept: what is written to it, and the answers with their bodies, which have a length. */
function openConnection(t: { teardown(fn: () => unknown): void }, port: number) {
  const socket = net.connect({ port, host: '127.0.0.1' })
  t.teardown(() => socket.destroy())
  socket.on('error', () => undefined)
  let text = ''
  let wake = (): void => undefined
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1')
    wake()
  })
  socket.on('close', () => wake())
  return {
    socket,
    write: (words: string) => socket.write(words),
    async answer(): Promise<{ status: number; head: string; body: string }> {
      for (;;) {
        const end = text.indexOf('\r\n\r\n')
        const head = text.slice(0, end)
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN)
        if (end >= 0 && text.length >= end + 4 + length) {
          const body = text.slice(end + 4, end + 4 + length)
          text = text.slice(end + 4 + length)
          return { status: Number(head.split(' ')[1]), head, body }
        }
        if (socket.closed) throw new Error(`closed after ${JSON.stringify(text)}`)
        await new Promise<void>((go) => (wake = go))
      }
    },
  }
}

t.test('a wish for another protocol is ignored: the answer is the ordinary one', async (t) => {
  const front = await openFront(t, await openTestDatabase(t))
  const warnings: string[] = []
  const warn = (warning: Error): void => void warnings.push(warning.message)
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  const token = await tokenFor('customer', ['P1'])
  const bearer = `Authorization: Bearer ${token}\r\n`
  let connection = openConnection(t, front.port)
  const ask = (
    line: string,
    more = '',
  ): Promise<{ status: number; head: string; body: string }> => {
    connection.write(`${line} HTTP/1.1\r\nHost: x\r\n${WISH}${more}\r\n`)
    return connection.answer()
  }
  t.same(JSON.parse((await ask('GET /health/live')).body), { status: 'live' })
  t.equal((await ask('GET /api/v1/outages')).status, 401)
  t.equal((await ask('GET /api/v1/outages', bearer)).status, 403)
  t.equal((await ask('GET /nothing')).status, 404)
  const live = await ask('GET /live', bearer)
  t.equal(live.status, 426)
  t.match(live.head, /^upgrade: websocket\r?$/im)

  t.test(
    'with a body, all at once or in pieces, and with another request right behind it',
    async (t) => {
      const post = `POST /api/v1/live/ticket HTTP/1.1\r\nHost: x\r\n${WISH}${bearer}Content-Type: application/json\r\n`
      connection.write(`${post}Content-Length: 2\r\n\r\n{}`)
      t.match(await connection.answer(), { status: 200, body: /"ticket"/ })
      connection.write(`${post}Content-Length: 2\r\n\r\n`)
      await new Promise((go) => setTimeout(go, 20))
      connection.write('{')
      await new Promise((go) => setTimeout(go, 20))
      connection.write('}')
      t.equal((await connection.answer()).status, 200)
      connection.write(
        `${post}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n`,
      )
      t.equal((await connection.answer()).status, 200)
      t.match((await connection.answer()).body, /live/)
      connection.write(`${post}Content-Length: 1\r\n\r\n{`)
      t.equal((await connection.answer()).status, 400, 'what is wrong is wrong as ever')
    },
  )

  t.test('any number of times on one connection', async (t) => {
    connection = openConnection(t, front.port)
    for (let i = 0; i < 40; i++) t.equal((await ask('GET /health/live')).status, 200)
    t.same(warnings, [], 'nothing piles up on it')
  })

  t.test('where the one before is not answered yet, the connection ends', async (t) => {
    for (const wish of [WISH, OPENING]) {
      const eager = openConnection(t, front.port)
      const closed = once(eager.socket, 'close')
      eager.write(
        `GET /api/v1/me HTTP/1.1\r\nHost: x\r\n${bearer}\r\nGET /live HTTP/1.1\r\nHost: x\r\n${bearer}${wish}\r\n`,
      )
      await closed
    }
    t.equal((await front.ask('GET', '/health/live')).status, 200, 'and nothing else does')
    t.equal(front.live.sockets(), 0)
  })
})
