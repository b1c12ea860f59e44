import { Type } from 'typebox'
import { NOTICE_KINDS } from '../notices/notice.ts'
import { FindingAtOutage } from './patrol-schemas.ts'
import { InBoth } from './report-schemas.ts'
import { described, Estimate, Instant, orNull, Outage } from './schemas.ts'

/** What a notice says, whoever hears it; kinds have more to say each. */
const NoticeData = Type.Object(
  {
    kind: Type.Enum(NOTICE_KINDS),
    outage: orNull(Type.String()),
    startedAt: Instant,
    etr: orNull(Type.Partial(Estimate)),
    customersOut: Type.Union([Type.Integer(), Type.Object({ max: Type.Integer() })]),
    text: InBoth,
  },
  { additionalProperties: true },
)

/** GET /api/v1/outages */
export const OutagesAnswer = described(
  Type.Object({ outages: Type.Array(Outage), nextCursor: orNull(Type.String()) }),
)

/** GET /api/v1/outages/:id */
export const OutageAnswer = described(
  Type.Object({
    ...Outage.properties,
    merged: Type.Array(Type.String(), { description: 'outages that are part of it by a ruling' }),
    timeline: Type.Array(
      Type.Object({
        at: Instant,
        kind: Type.String(),
        data: Type.Unknown(),
        by: orNull(Type.String()),
      }),
    ),
    notices: Type.Array(
      Type.Object({
        seq: Type.Integer(),
        at: Instant,
        audience: Type.String(),
        kind: Type.Enum(NOTICE_KINDS),
        text: InBoth,
        data: NoticeData,
      }),
    ),
    corrections: Type.Array(
      Type.Object({
        knownAt: Instant,
        why: Type.Unknown(),
        before: Type.Unknown(),
        after: Type.Unknown(),
      }),
    ),
    interruptions: Type.Array(
      Type.Object({
        from: Instant,
        until: orNull(Instant),
        feeder: orNull(Type.String()),
        phases: Type.String(),
        customers: Type.Integer(),
        nature: Type.String(),
      }),
    ),
    evidence: Type.Array(
      Type.Object({
        at: Instant,
        receivedAt: Instant,
        gateway: Type.String(),
        kind: Type.String(),
        point: Type.String(),
        seq: Type.Integer(),
        value: Type.String(),
        phases: orNull(Type.String()),
        reason: orNull(Type.String()),
        quality: Type.String(),
        by: orNull(Type.String()),
      }),
    ),
  }),
)

/** POST /api/v1/outages/:id/etr|crew|cause|note|close */
export const ActedOutageAnswer = described(
  Type.Object({
    ...Outage.properties,
    openFindings: Type.Optional(
      Type.Array(FindingAtOutage, {
        description: 'whoever names a cause is asked whether these had to do with it',
      }),
    ),
  }),
)
