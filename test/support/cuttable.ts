import net from 'node:net'
import type { TestDatabase } from './database.ts'
import { environmentOf } from './service.ts'

export type Cuttable = {
  readonly port: number
  /** Everything under way breaks, and nobody answers until it is mended. */
  cut(): Promise<void>
  /** Nothing breaks and nothing comes through any more: what is connected now stays silent for ever, what connects later is not answered. */
  hang(): void
  mend(): Promise<void>
  close(): Promise<void>
}

/** A way to a server that can be cut, for servers that cannot be stopped. */
export async function openCuttable(target: net.NetConnectOpts): Promise<Cuttable> {
  const sockets = new Set<net.Socket>()
  const keep = (socket: net.Socket): void => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  }
  let hanging = false
  const server = net.createServer((near) => {
    if (hanging) return keep(near)
    const far = net.connect(target)
    keep(near)
    keep(far)
    near.pipe(far).pipe(near)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  })
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject)
        resolve()
      })
    })
  await listen(0)
  const { port } = server.address() as net.AddressInfo
  const cut = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return {
    port,
    cut,
    hang() {
      hanging = true
      for (const socket of sockets) socket.unpipe().pause()
    },
    async mend() {
      hanging = false
      if (!server.listening) await listen(port)
    },
    close: cut,
  }
}

/** The way to the server of a test's database, to be cut. */
export async function openWay(
  t: { teardown(fn: () => unknown): void },
  database: TestDatabase,
): Promise<{ way: Cuttable; url: string }> {
  const { host = 'localhost', port = 5432 } = database.config
  const way = await openCuttable(
    host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port },
  )
  t.teardown(() => way.close().catch(() => undefined))
  const url = new URL(environmentOf(database)['DATABASE_URL'] as string)
  url.searchParams.delete('host')
  url.hostname = '127.0.0.1'
  url.port = String(way.port)
  return { way, url: url.href }
}
