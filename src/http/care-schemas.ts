import { Type } from 'typebox'
import { described, Instant, orNull } from './schemas.ts'

const Complaint = Type.Object({
  id: Type.Number(),
  servicePoint: Type.String(),
  outage: orNull(Type.String()),
  words: Type.String(),
  at: Instant,
  owner: orNull(Type.String()),
  dueAt: Instant,
  overdue: Type.Boolean(),
  answer: orNull(Type.String()),
  answeredAt: orNull(Instant),
})
/** A letter and where it stands. */
export const DeliveryView = Type.Object({
  id: Type.Number(),
  channel: Type.String(),
  kind: Type.String(),
  outage: orNull(Type.String()),
  state: Type.String(),
  attempts: Type.Integer(),
  createdAt: Instant,
  nextAt: orNull(Instant),
  doneAt: orNull(Instant),
  lastError: orNull(Type.String()),
})

/** GET /api/v1/reports */
export const ReportsAnswer = described(
  Type.Object({
    reports: Type.Array(
      Type.Object({
        id: Type.Number(),
        servicePoint: Type.String(),
        kind: Type.String(),
        firstAt: Instant,
        lastAt: Instant,
        times: Type.Number(),
        hazard: Type.Boolean(),
        words: orNull(Type.String()),
        outage: orNull(Type.String()),
      }),
    ),
  }),
)

/** GET /api/v1/complaints, /api/v1/me/complaints */
export const ComplaintsAnswer = described(Type.Object({ complaints: Type.Array(Complaint) }))

/** POST /api/v1/complaints/:id/owner|answer, /api/v1/me/complaints */
export const ComplaintAnswer = described(Complaint)

/** GET /api/v1/service-quality */
export const ServiceQualityAnswer = described(
  Type.Object({
    firstNotice: Type.Object({
      outages: Type.Integer(),
      medianS: orNull(Type.Number()),
      p90S: orNull(Type.Number()),
    }),
    estimates: Type.Array(
      Type.Object({
        source: Type.Enum(['crew', 'dispatcher', 'history', 'rule', 'storm', 'zone']),
        estimates: Type.Number(),
        medianErrorMin: Type.Number({ description: 'median of how far off, either way' }),
        meanLateMin: Type.Number({
          description: 'mean of restored minus estimated: positive, we promised too early',
        }),
        lateShare: Type.Number({ description: 'share restored later than estimated' }),
        dayOffShare: Type.Number({
          description: 'share more than a day off (the measure of the Arwen inquiry)',
        }),
        withinRangeShare: orNull(
          Type.Number({
            description:
              'share restored within [earliest, latest], of those that had a range; null where none had',
          }),
        ),
      }),
    ),
    asked: Type.Object({
      reports: Type.Integer(),
      toldBefore: Type.Number(),
      share: orNull(Type.Number()),
    }),
    noticesPerOutage: orNull(Type.Number()),
    satisfaction: Type.Array(
      Type.Object({
        feeder: orNull(Type.String()),
        team: orNull(Type.String()),
        answers: Type.Number(),
        mean: Type.Number(),
      }),
    ),
    complaints: Type.Object({
      filed: Type.Number(),
      answeredInTime: Type.Number(),
      overdue: Type.Number(),
    }),
    deliveries: Type.Array(
      Type.Object({ channel: Type.String(), state: Type.String(), count: Type.Integer() }),
    ),
    from: Type.String(),
    to: Type.String(),
  }),
)

/** GET /api/v1/deliveries */
export const DeliveriesAnswer = described(
  Type.Object({
    deliveries: Type.Array(DeliveryView),
    before: orNull(Type.Number()),
  }),
)

/** POST /api/v1/deliveries/:id/retry */
export const RetryAnswer = described(Type.Object({ id: Type.Number(), state: Type.String() }))

/** GET /api/v1/webhooks */
export const WebhooksAnswer = described(
  Type.Object({
    webhooks: Type.Array(
      Type.Object({
        id: Type.Number(),
        url: Type.String(),
        audience: Type.Enum(['public', 'staff']),
        kinds: orNull(Type.Array(Type.String())),
      }),
    ),
  }),
)

/** POST /api/v1/webhooks */
export const WebhookAnswer = described(Type.Object({ id: Type.Number(), secret: Type.String() }))

/** POST /api/v1/me/reports */
export const ReportAnswer = described(
  Type.Object({
    report: Type.Number(),
    servicePoint: Type.String(),
    kind: Type.Enum(['back', 'noPower']),
    times: Type.Number(),
    outage: orNull(Type.String()),
    known: Type.Boolean(),
    text: Type.Object({ en: Type.String(), 'zh-CN': Type.String() }),
  }),
)

/** POST /api/v1/me/satisfaction */
export const SatisfactionAnswer = described(
  Type.Object({ outage: Type.String(), servicePoint: Type.String(), score: Type.Number() }),
)

/** GET /api/v1/me/owed */
export const OwedAnswer = described(
  Type.Object({
    servicePoint: Type.String(),
    from: Type.String(),
    owed: Type.Array(
      Type.Object({
        regulation: Type.String(),
        says: Type.String(),
        sure: Type.Boolean({ description: 'the amount was read in a source; false: remembered' }),
        outage: orNull(Type.String()),
        amount: Type.Number({ description: 'in the currency’s own unit' }),
        currency: Type.Literal('GBP'),
      }),
    ),
  }),
)
