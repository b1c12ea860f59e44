import { Type } from 'typebox'
import { described, Instant, orNull } from './schemas.ts'
import { CapacityRange } from './switching-schemas.ts'

const NoticePromise = Type.Object({
  name: Type.String(),
  plannedH: Type.Number(),
  temporaryH: Type.Number(),
  faultBelowH: Type.Number({
    description: 'told later than this, the interruption counts as a fault',
  }),
})
const PlanningSettings = Type.Object({
  guide: orNull(Type.Array(CapacityRange)),
  promise: NoticePromise,
  alarms: Type.Enum(['thirtyMin', 'twoHours']),
})
const Connection = Type.Object({
  askedAt: Instant,
  id: Type.String(),
  point: Type.String({ description: 'feeder or substation that will supply it' }),
  kw: Type.Number(),
  year: Type.Integer({ description: 'first year in which it is there at the time of the peak' }),
  coincidence: Type.Number({ description: 'how much of it meets the peak, 0 to 1' }),
  class: orNull(Type.String()),
  note: orNull(Type.String()),
  state: Type.Enum(['approved', 'asked', 'connected', 'withdrawn']),
  askedBy: Type.String(),
})

/** GET, PUT /api/v1/planning */
export const PlanningAnswer = described(PlanningSettings)

/** GET /api/v1/connections */
export const ConnectionsAnswer = described(Type.Object({ connections: Type.Array(Connection) }))

/** POST /api/v1/connections, /api/v1/connections/:id/state */
export const ConnectionAnswer = described(Connection)

/** POST /api/v1/temperatures/:id */
export const TemperaturesSavedAnswer = described(
  Type.Object({
    place: Type.String(),
    issuedAt: Instant,
    measured: Type.Number(),
    forecast: Type.Number(),
  }),
)

/** GET /api/v1/temperatures/:id */
export const TemperaturesAnswer = described(
  Type.Object({
    place: Type.String(),
    hours: Type.Array(
      Type.Object({
        at: Instant,
        celsius: Type.Number(),
        issuedAt: Instant,
        measured: Type.Boolean(),
      }),
    ),
  }),
)
