import { createHash } from 'node:crypto'
import { MASK_BELOW, masked } from '../notices/data.ts'
import { readOutByArea } from '../stores/outages-read.ts'
import { readStorms } from '../stores/storms.ts'
import { MS_PER_S, toIso, type EpochMs } from '../time.ts'
import type { NetworkView } from './network-in-force.ts'
import type { App, HttpParts } from './parts.ts'
import { Problem } from './problem.ts'
import { stormBanner } from './storm-banner.ts'

/** A snapshot serves everyone for this long: the public asks a copy, never the database. */
export const SNAPSHOT_S = 5

type Snapshot = {
  readonly body: string
  readonly etag: string
  readonly takenAt: EpochMs
  /** When what it says last became different. */
  readonly changedAt: EpochMs
}

export async function publicRoutes(app: App, parts: HttpParts): Promise<void> {
  const { clock } = parts
  let snapshot: Snapshot | undefined
  let taking: Promise<void> | undefined

  async function take(): Promise<void> {
    const now = clock()
    const [areas, storms] = await Promise.all([readOutByArea(parts.db), readStorms(parts.db)])
    const content = {
      ...geojson(areas, parts.network.current()),
      mode: storms.length > 0 ? 'storm' : 'normal',
      storms: storms.map((storm) => stormBanner(storm, now, parts.settings.timeZone)),
    }
    const etag = `"${createHash('sha256').update(JSON.stringify(content)).digest('base64url').slice(0, 22)}"`
    snapshot = {
      body: JSON.stringify({ ...content, asOf: toIso(now) }),
      etag,
      takenAt: now,
      changedAt: snapshot?.etag === etag ? snapshot.changedAt : now,
    }
  }

  app.get(
    '/public/outages.geojson',
    {
      schema: {
        tags: ['public'],
        summary: 'Who is out, by area: counts only, fewer than 5 shown as {"max":5}',
        security: [],
      },
    },
    async (request, reply) => {
      if (snapshot === undefined || clock() - snapshot.takenAt >= SNAPSHOT_S * MS_PER_S) {
        taking ??= take().finally(() => {
          taking = undefined
        })
        // The database is away: the last snapshot goes on answering, and says how old it is.
        await taking.catch((error: unknown) => {
          if (snapshot === undefined) throw error
          request.log.warn({ err: error, msg: 'public snapshot is old' })
        })
      }
      if (snapshot === undefined) throw new Problem(503, 'no-snapshot', 'nothing is known yet')
      const { body, etag, takenAt, changedAt } = snapshot
      void reply
        .header('etag', etag)
        .header('last-modified', new Date(changedAt).toUTCString())
        .header('age', String(Math.max(0, Math.floor((clock() - takenAt) / MS_PER_S))))
        .header('cache-control', `public, max-age=${SNAPSHOT_S}, stale-if-error=86400`)
        .header('access-control-allow-origin', '*')
        .header('cross-origin-resource-policy', 'cross-origin')
      if (isFresh(request.headers, etag, changedAt)) return reply.code(304).send()
      return reply.type('application/geo+json; charset=utf-8').send(body)
    },
  )

  app.get('/health/live', { schema: { tags: ['public'], security: [] } }, async () => ({
    status: 'live',
  }))

  app.get('/health/ready', { schema: { tags: ['public'], security: [] } }, async (_, reply) => {
    const { ready, reasons } = parts.health()
    return reply
      .code(ready ? 200 : 503)
      .send({ status: !ready ? 'notReady' : reasons.length > 0 ? 'degraded' : 'ready', reasons })
  })

  app.get('/metrics', { schema: { tags: ['public'], security: [] } }, async (_, reply) =>
    reply.type(parts.metrics.contentType).send(await parts.metrics.metrics()),
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
