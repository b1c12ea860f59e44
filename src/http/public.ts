import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { MASK_BELOW, masked } from '../notices/data.ts'
import { readOutByArea } from '../stores/outages-read.ts'
import { readStorms } from '../stores/storms.ts'
import { MS_PER_S, toIso, type EpochMs } from '../time.ts'
import type { NetworkView } from './network-in-force.ts'
import type { App, HttpParts } from './parts.ts'
import { notFound, Problem } from './problem.ts'
import { UnchangedAnswer } from './schemas.ts'
import {
  DatedSnapshotAnswer,
  LiveAnswer,
  MetricsAnswer,
  ReadyAnswer,
  SnapshotAnswer,
} from './public-schemas.ts'
import { stormBanner } from './storm-banner.ts'

/** A snapshot serves everyone for this long: the public asks a copy, never the database. */
export const SNAPSHOT_S = 5
/** Snapshots that go on answering under their own name; whoever asks for an older one is sent back to the pointer. */
export const SNAPSHOTS_KEPT_MAX = 60
/** The first ones after a start wait so long for a snapshot; where there is one already, nobody waits longer than the second. */
const FIRST_SNAPSHOT_MS_MAX = 5_000
const NEXT_SNAPSHOT_MS_MAX = 500

/** What the public is told. Its name follows from its content, so that it never changes under that name. */
type Snapshot = {
  readonly version: string
  /** As it answers under its name. */
  readonly body: string
  /** The same, with the instant as of which it holds. */
  readonly dated: string
  /** When the database last said just this. */
  readonly takenAt: EpochMs
  /** When it began to. */
  readonly changedAt: EpochMs
}

export async function publicRoutes(app: App, parts: HttpParts): Promise<void> {
  const { clock } = parts
  const kept = new Map<string, Snapshot>()
  let newest: Snapshot | undefined
  let taking: Promise<void> | undefined

  async function take(): Promise<void> {
    const now = clock()
    const [areas, storms] = await Promise.all([readOutByArea(parts.db), readStorms(parts.db)])
    const content = {
      ...geojson(areas, parts.network.current()),
      mode: storms.length > 0 ? 'storm' : 'normal',
      storms: storms.map((storm) => stormBanner(storm, now, parts.settings.timeZone)),
    }
    const body = JSON.stringify(content)
    const version = createHash('sha256').update(body).digest('base64url').slice(0, 22)
    newest = {
      version,
      body,
      dated: JSON.stringify({ ...content, asOf: toIso(now) }),
      takenAt: now,
      changedAt: newest?.version === version ? newest.changedAt : now,
    }
    kept.delete(version)
    kept.set(version, newest)
    const [oldest] = kept.keys()
    if (kept.size > SNAPSHOTS_KEPT_MAX && oldest !== undefined) kept.delete(oldest)
  }

  const renew = (): Promise<void> =>
    (taking ??= take().finally(() => {
      taking = undefined
    }))

  // Before anyone asks, and while nobody does: what is known when the database goes is a few seconds old, not a night.
  const renewing = setInterval(() => void renew().catch(() => undefined), SNAPSHOT_S * MS_PER_S)
  renewing.unref()
  app.addHook('onClose', async () => clearInterval(renewing))
  void renew().catch(() => undefined)

  /** What is true now, or was when the database last answered. */
  async function current(request: FastifyRequest): Promise<Snapshot> {
    if (newest === undefined || clock() - newest.takenAt >= SNAPSHOT_S * MS_PER_S) {
      const renewed = renew().catch((error: unknown) => {
        request.log.warn({ err: error, msg: 'public snapshot is old' })
      })
      const patience = newest === undefined ? FIRST_SNAPSHOT_MS_MAX : NEXT_SNAPSHOT_MS_MAX
      await Promise.race([renewed, sleep(patience, undefined, { ref: false })])
    }
    if (newest === undefined) throw new Problem(503, 'no-snapshot', 'nothing is known yet')
    return newest
  }

  const shared = (reply: FastifyReply, cacheControl: string): FastifyReply =>
    reply
      .header('cache-control', cacheControl)
      .header('access-control-allow-origin', '*')
      .header('cross-origin-resource-policy', 'cross-origin')
  const passing = (reply: FastifyReply, { takenAt }: Snapshot): FastifyReply =>
    shared(reply, `public, max-age=${SNAPSHOT_S}, stale-if-error=86400`).header(
      'age',
      String(Math.max(0, Math.floor((clock() - takenAt) / MS_PER_S))),
    )

  app.get(
    '/public/outages.geojson',
    {
      schema: {
        tags: ['public'],
        summary: 'Who is out, by area: counts only, fewer than 5 shown as {"max":5}',
        security: [],
        response: { 200: DatedSnapshotAnswer, 304: UnchangedAnswer },
      },
    },
    async (request, reply) => {
      const snapshot = await current(request)
      const { version, dated, changedAt } = snapshot
      const etag = `"${version}"`
      void passing(reply, snapshot)
        .header('etag', etag)
        .header('last-modified', new Date(changedAt).toUTCString())
      if (isFresh(request.headers, etag, changedAt)) return reply.code(304).send()
      return reply.type('application/geo+json; charset=utf-8').send(dated)
    },
  )

  app.get(
    '/public/outages',
    {
      schema: {
        tags: ['public'],
        summary: 'A small pointer to who is out: where that is to be read, and as of when it holds',
        security: [],
        response: {
          200: Type.Object({
            snapshot: Type.String({ description: 'a path; what it answers never changes' }),
            asOf: Type.String({ description: 'the record last said so then' }),
            changedAt: Type.String({ description: 'and has said just this since' }),
          }),
        },
      },
    },
    async (request, reply) => {
      const snapshot = await current(request)
      void passing(reply, snapshot)
      return {
        snapshot: `/public/outages/${snapshot.version}`,
        asOf: toIso(snapshot.takenAt),
        changedAt: toIso(snapshot.changedAt),
      }
    },
  )

  app.get(
    '/public/outages/:version',
    {
      schema: {
        tags: ['public'],
        summary: 'Who is out, by area, as of a pointer; never changes, and may be kept for ever',
        security: [],
        params: Type.Object({ version: Type.String({ maxLength: 128 }) }),
        response: { 200: SnapshotAnswer, 304: UnchangedAnswer },
      },
    },
    async (request, reply) => {
      const { version } = request.params
      // Another gateway may have taken it: what it saw is there for us to see, too.
      if (!kept.has(version)) await current(request)
      const snapshot = kept.get(version)
      if (snapshot === undefined) {
        void shared(reply, 'no-store')
        throw notFound('unknown-snapshot', 'it is not kept any more: ask /public/outages again')
      }
      const etag = `"${version}"`
      void shared(reply, 'public, max-age=31536000, immutable').header('etag', etag)
      if (isFresh({ 'if-none-match': request.headers['if-none-match'] }, etag, 0)) {
        return reply.code(304).send()
      }
      return reply.type('application/geo+json; charset=utf-8').send(snapshot.body)
    },
  )

  app.get(
    '/health/live',
    { schema: { tags: ['public'], security: [], response: { 200: LiveAnswer } } },
    async () => ({
      status: 'live',
    }),
  )

  app.get(
    '/health/ready',
    {
      schema: { tags: ['public'], security: [], response: { 200: ReadyAnswer, 503: ReadyAnswer } },
    },
    async (_, reply) => {
      const { ready, reasons } = parts.health()
      return reply
        .code(ready ? 200 : 503)
        .send({ status: !ready ? 'notReady' : reasons.length > 0 ? 'degraded' : 'ready', reasons })
    },
  )

  app.get(
    '/metrics',
    { schema: { tags: ['public'], security: [], response: { 200: MetricsAnswer } } },
    async (_, reply) => reply.type(parts.metrics.contentType).send(await parts.metrics.metrics()),
  )
}

function geojson(
  areas: readonly { area: string | null; customers: number; outages: number; since: EpochMs }[],
  view: NetworkView | null,
) {
  const places = placesOf(view)
  const out = areas.filter(({ customers }) => customers > 0)
  const shown = out.reduce((sum, { customers }) => sum + customers, 0)
  const hidden = out.filter(({ customers }) => customers < MASK_BELOW)
  const hiddenCustomers = hidden.reduce((sum, { customers }) => sum + customers, 0)
  return {
    type: 'FeatureCollection',
    // With a hidden area the exact sum would give it away.
    customersOut:
      hidden.length === 0 ? shown : { max: shown - hiddenCustomers + hidden.length * MASK_BELOW },
    features: out.map(({ area, customers, outages, since }) => ({
      type: 'Feature',
      geometry: places.get(area) ?? null,
      properties: {
        area,
        customersOut: masked(customers),
        outages: customers < MASK_BELOW ? masked(Math.min(outages, customers)) : outages,
        // To the quarter of an hour: an exact second could be matched with a household's clock.
        since: toIso(Math.floor(since / QUARTER_MS) * QUARTER_MS),
      },
    })),
  }
}

const QUARTER_MS = 15 * 60 * MS_PER_S

/** The middle of an area's substations: as much place as the public is told. */
function placesOf(view: NetworkView | null): Map<string | null, object> {
  const sums = new Map<string | null, { lon: number; lat: number; count: number }>()
  for (const { id, area, lon, lat } of view?.tables.substations ?? []) {
    if (lon === null || lat === null) continue
    const key = area ?? id
    const sum = sums.get(key) ?? { lon: 0, lat: 0, count: 0 }
    sums.set(key, { lon: sum.lon + lon, lat: sum.lat + lat, count: sum.count + 1 })
  }
  return new Map(
    [...sums].map(([area, { lon, lat, count }]) => [
      area,
      { type: 'Point', coordinates: [lon / count, lat / count] },
    ]),
  )
}

function isFresh(
  headers: { 'if-none-match'?: string | undefined; 'if-modified-since'?: string | undefined },
  etag: string,
  changedAt: EpochMs,
): boolean {
  const match = headers['if-none-match']
  if (match !== undefined) {
    return match
      .split(',')
      .some((part) => part.trim().replace(/^W\//, '') === etag || part.trim() === '*')
  }
  const since = headers['if-modified-since']
  // HTTP dates know no milliseconds.
  return since !== undefined && Math.floor(changedAt / MS_PER_S) * MS_PER_S <= Date.parse(since)
}
