import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import websocket from '@fastify/websocket'
import type { App, HttpParts } from './parts.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The opening of this connection is over: it is a socket, and the rooms close it. */
    opened(connection: Socket): void
  }
}

/** Messages of clients are short; a longer frame ends the socket (1009). */
const FRAME_BYTES_MAX = 65_536

/**
 * Connections that ask for another protocol: Node.js hands them out and forgets them, so nobody else would close them. Those that ask
 * for anything but a WebSocket get the ordinary answer (RFC 9110, 7.8: a server may ignore the wish). Openings that are still under way
 * `closeGraceMs` after closing began are cut off.
 */
export async function takeOpenings(
  app: App,
  { live }: Pick<HttpParts, 'live'>,
  closeGraceMs: number,
): Promise<void> {
  const { server } = app
  const underWay = new Set<Socket>()
  let closing = false

  function forget(this: Socket): void {
    underWay.delete(this)
  }
  app.decorate('opened', (connection) => {
    connection.off('close', forget)
    underWay.delete(connection)
  })
  app.addHook('preClose', async () => {
    closing = true
    setTimeout(() => {
      for (const connection of underWay) connection.destroy()
    }, closeGraceMs).unref()
  })

  await app.register(websocket, {
    // The rooms know who is there: a second list would cost each socket more memory.
    options: { maxPayload: FRAME_BYTES_MAX, perMessageDeflate: false, clientTracking: false },
    errorHandler: (_error, socket) => socket.terminate(),
    preClose: (done) => {
      void live.close().finally(() => {
        app.websocketServer.close()
        done()
      })
    },
  })
  const route = server.listeners('upgrade')
  server.removeAllListeners('upgrade')
  server.on('upgrade', (request, stream, head) => {
    const connection = stream as Socket
    if (isAnswering(connection)) {
      // Requests may be sent before those in front of them are answered; nobody knows any more when that is over.
      connection.destroy()
    } else if (!asksForSocket(request)) {
      askAgain(server, request, connection, head)
    } else if (closing) {
      connection.end(GOING_AWAY)
      connection.destroySoon()
    } else {
      underWay.add(connection)
      connection.on('close', forget)
      for (const listener of route) listener.call(server, request, stream, head)
    }
  })
}

/** From here on the framework would answer without any of our hooks, and leave the connection open. */
const GOING_AWAY =
  'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n'

const tokensOf = (list: string | undefined): string[] =>
  (list ?? '').split(',').map((token) => token.trim().toLowerCase())

const asksForSocket = ({ headers }: IncomingMessage): boolean =>
  tokensOf(headers.upgrade).includes('websocket')

/** Node.js keeps the answer that is being written on the connection, and says so nowhere else. */
const isAnswering = (connection: Socket): boolean => {
  const answer: unknown = Reflect.get(connection, '_httpMessage')
  return answer !== null && answer !== undefined
}

/** Headers that belong to the wish. */
const OF_THE_WISH = new Set(['upgrade', 'http2-settings'])

/** Gives the request back to the server as it would be without its wish; what was sent behind its head comes after it. */
function askAgain(
  server: Server,
  request: IncomingMessage,
  connection: Socket,
  head: Buffer,
): void {
  const { method, url, httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    const value = rawHeaders[i + 1] as string
    if (OF_THE_WISH.has(name.toLowerCase())) continue
    if (name.toLowerCase() !== 'connection') {
      lines.push(`${name}: ${value}`)
      continue
    }
    const left = tokensOf(value).filter((token) => !OF_THE_WISH.has(token))
    if (left.length > 0) lines.push(`${name}: ${left.join(', ')}`)
  }
  connection.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]))
  server.emit('connection', connection)
}
