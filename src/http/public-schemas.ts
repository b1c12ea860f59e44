import { Type } from 'typebox'
import { InBoth } from './report-schemas.ts'
import { described, file, geoJson, Instant, orNull } from './schemas.ts'

const Count = Type.Union([Type.Integer(), Type.Object({ max: Type.Integer() })], {
  description: 'fewer than 5 are told as {"max":5}',
})
export const StormBanner = Type.Object({
  area: orNull(Type.String({ description: 'null: everywhere' })),
  since: Instant,
  etr: orNull(Type.Object({ at: Instant, earliest: orNull(Instant), latest: orNull(Instant) })),
  text: InBoth,
})
const snapshot = {
  type: Type.Literal('FeatureCollection'),
  customersOut: Count,
  features: Type.Array(
    Type.Object({
      type: Type.Literal('Feature'),
      geometry: orNull(
        Type.Object({
          type: Type.Literal('Point'),
          coordinates: Type.Array(Type.Number(), { minItems: 2, maxItems: 2 }),
        }),
      ),
      properties: Type.Object({
        area: orNull(Type.String()),
        customersOut: Count,
        outages: Count,
        since: Type.String({
          format: 'date-time',
          description: 'to the quarter of an hour before',
        }),
      }),
    }),
  ),
  mode: Type.Enum(['normal', 'storm']),
  storms: Type.Array(StormBanner),
}

/** GET /public/outages/:version */
export const SnapshotAnswer = geoJson(Type.Object(snapshot))

/** GET /public/outages.geojson */
export const DatedSnapshotAnswer = geoJson(
  Type.Object({
    ...snapshot,
    asOf: Type.String({ format: 'date-time', description: 'the record last said so then' }),
  }),
)

/** GET /public/calendar/:key */
export const CalendarAnswer = file('text/calendar', 'iCalendar (RFC 5545), an event a work')

/** GET /health/live */
export const LiveAnswer = described(Type.Object({ status: Type.Literal('live') }))

/** GET /health/ready; 503 where it is not. */
export const ReadyAnswer = described(
  Type.Object({
    status: Type.Enum(['notReady', 'degraded', 'ready']),
    reasons: Type.Array(Type.String()),
  }),
)

/** GET /metrics */
export const MetricsAnswer = file('text/plain', 'figures in the Prometheus text format')
