import { Type } from 'typebox'
import { DeliveryView } from './care-schemas.ts'
import { StormBanner } from './public-schemas.ts'
import { InBoth } from './report-schemas.ts'
import { described, Estimate, Instant, orNull } from './schemas.ts'
import { WorkStateName } from './switching-schemas.ts'

const PlannedWork = Type.Object({
  id: Type.String(),
  from: Type.String(),
  until: Type.String(),
  reason: Type.String(),
  state: WorkStateName,
})
const Interruption = Type.Object({
  outage: Type.String(),
  from: Type.String(),
  until: Type.String(),
  minutes: Type.Number(),
  kind: Type.String(),
  cause: orNull(Type.String()),
})
const History = Type.Object({ months: Type.Number(), interruptions: Type.Array(Interruption) })
const Kind = Type.Enum(['probablyOff', 'stillDark'])
const ProbablyOff = Type.Object({ since: Instant, kind: Kind, text: InBoth })
const Status = Type.Enum(['closed', 'confirmed', 'partiallyRestored', 'restored'])
const Crew = Type.Object({ state: Type.String(), at: Instant })
const Outage = Type.Object({
  id: Type.String(),
  status: Status,
  kind: Type.String(),
  startedAt: Instant,
  cause: orNull(Type.String()),
  customersOut: Type.Integer(),
  customersInterrupted: Type.Integer(),
  crew: orNull(Crew),
})
const QuietHours = Type.Object({ from: Type.String(), until: Type.String() })
const NoticeKind = Type.Enum([
  'alarmAcknowledged',
  'alarmShelved',
  'alarmUnshelved',
  'causeChanged',
  'crewChanged',
  'etrChanged',
  'etrExpiring',
  'loadAcknowledged',
  'loadCleared',
  'loadRaised',
  'outageClosed',
  'outageCorrected',
  'parallelCleared',
  'parallelRaised',
  'partlyRestored',
  'plannedAnnounced',
  'plannedCancelled',
  'plannedChanged',
  'probableCleared',
  'probableRaised',
  'probablyOff',
  'probablyOffEnded',
  'stormChanged',
  'stormDeclared',
  'stormEnded',
  'supplyLost',
  'supplyRestored',
])
const Channel = Type.Object({
  quietHours: orNull(QuietHours),
  channel: Type.Enum(['email', 'push', 'sms']),
  address: Type.String(),
  servicePoints: Type.Array(Type.String()),
  kinds: orNull(Type.Array(NoticeKind)),
})

/** GET /api/v1/me */
export const MeAnswer = described(
  Type.Object({
    subject: Type.String(),
    at: Instant,
    storms: Type.Array(StormBanner),
    servicePoints: Type.Array(
      Type.Object({
        id: Type.String(),
        supply: Type.Enum(['on', 'off', 'unknown']),
        probablyOff: orNull(ProbablyOff),
        since: orNull(
          Type.String({
            format: 'date-time',
            description: 'since when; null where it has been on for as long as we look back',
          }),
        ),
        outage: orNull(Outage),
        etr: orNull(Estimate),
        estimate: orNull(Type.String()),
        plannedWork: Type.Array(PlannedWork),
        history: History,
      }),
    ),
  }),
)

/** POST /api/v1/tokens/:jti/revoke */
export const RevokedAnswer = described(
  Type.Object({ jti: Type.String(), revokedUntil: Type.String() }),
)

/** GET, PUT /api/v1/me/preferences */
export const PreferencesAnswer = described(
  Type.Object({ language: Type.Enum(['en', 'zh-CN']), channels: Type.Array(Channel) }),
)

/** GET /api/v1/me/deliveries */
export const MyDeliveriesAnswer = described(
  Type.Object({
    deliveries: Type.Array(DeliveryView),
  }),
)

/** GET /api/v1/me/calendar */
export const CalendarsAnswer = described(
  Type.Object({
    calendars: Type.Array(Type.Object({ servicePoint: Type.String(), path: Type.String() })),
  }),
)
