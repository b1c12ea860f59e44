// The real server, door, rooms and all, for sockets; only the database is not there, and is not asked.
import type { AddressInfo } from 'node:net'
import pino from 'pino'
import { Registry } from 'prom-client'
import { openAuth } from '../../src/http/auth.ts'
import { buildServer } from '../../src/http/server.ts'
import { openRooms, type LiveRooms } from '../../src/live/rooms.ts'
import { openDatabase } from '../../src/stores/database.ts'

export const SECRET = 'the bench keeps its secrets to itself'

/** Supply group of the bench's service point `P{number}`. */
export const groupOf = (point: string): number => Number(point.slice(1)) * 8 + 7

export async function startLiveServer(): Promise<{ live: LiveRooms; port: number }> {
  const clock = Date.now
  const metrics = new Registry()
  const { db } = openDatabase({ host: '127.0.0.1', port: 1 })
  const auth = openAuth({ settings: { kind: 'secret', secret: SECRET }, db, clock })
  const live = openRooms({
    db,
    clock,
    metrics,
    points: { groupOf },
    isRevoked: () => false,
    socketsPerIdentity: Infinity,
  })
  const app = await buildServer({
    db,
    clock,
    auth,
    network: {
      current: () => null,
      asItStands: async () => null,
      refresh: async () => false,
      close: () => undefined,
    },
    live,
    act: undefined,
    engineUrl: undefined,
    health: () => ({ ready: true, reasons: [] }),
    metrics,
    settings: { timeZone: 'UTC', allowedOrigins: [], openingsPerAddressPerMin: Infinity },
    logger: pino({ level: 'silent' }),
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { live, port: (app.server.address() as AddressInfo).port }
}
