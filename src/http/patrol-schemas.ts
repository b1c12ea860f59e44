import { Type } from 'typebox'
import { described, Instant, orNull } from './schemas.ts'

const Visit = Type.Object({ at: Instant, asset: Type.String(), by: Type.String() })
const patrol = {
  createdAt: Instant,
  doneAt: orNull(Instant),
  overdue: Type.Boolean(),
  visits: Type.Array(Visit),
  title: Type.String(),
  owner: Type.String(),
  assets: Type.Array(Type.String()),
  dueOn: Type.String(),
  id: Type.Number(),
  createdBy: Type.String(),
  doneBy: orNull(Type.String()),
  openFindings: Type.Number(),
}
const Patrol = Type.Object(patrol)
const Severity = Type.Enum(['critical', 'major', 'minor'])
const State = Type.Enum(['dismissed', 'fixed', 'inHand', 'open'])
const finding = {
  foundAt: Instant,
  closedAt: orNull(Instant),
  overdue: Type.Boolean(),
  patrol: orNull(Type.Number()),
  asset: Type.String(),
  severity: Severity,
  says: Type.String(),
  photo: orNull(Type.String({ description: 'where the picture is kept; never the picture' })),
  owner: Type.String(),
  dueOn: Type.String(),
  id: Type.Number(),
  state: State,
  work: orNull(Type.String()),
  foundBy: Type.String(),
  closedBy: orNull(Type.String()),
}
const Finding = Type.Object(finding)
const History = Type.Object({
  at: Instant,
  by: Type.String(),
  from: orNull(State),
  to: State,
  note: orNull(Type.String()),
})
const Answer = Type.Object({ at: Instant, contributed: Type.Boolean(), by: Type.String() })
/** With the word of who was asked whether it had to do with the outage. */
export const FindingAtOutage = Type.Object({ ...finding, answer: orNull(Answer) })

/** GET /api/v1/patrols */
export const PatrolsAnswer = described(
  Type.Object({ patrols: Type.Array(Patrol), nextCursor: orNull(Type.String()) }),
)

/** GET /api/v1/patrols/:id */
export const PatrolAnswer = described(
  Type.Object({
    findings: Type.Array(Finding),
    ...patrol,
  }),
)

/** POST /api/v1/patrols, /api/v1/patrols/:id/visits|finish */
export const ActedPatrolAnswer = described(Patrol)

/** GET /api/v1/findings */
export const FindingsAnswer = described(
  Type.Object({ findings: Type.Array(Finding), nextCursor: orNull(Type.String()) }),
)

/** GET /api/v1/findings/:id, POST /api/v1/findings, /api/v1/findings/:id/state */
export const FindingAnswer = described(
  Type.Object({
    history: Type.Array(History),
    ...finding,
  }),
)

/** GET, POST /api/v1/outages/:id/findings */
export const OutageFindingsAnswer = described(
  Type.Object({
    outage: Type.String(),
    startedAt: Instant,
    asks: Type.Boolean({
      description:
        'A cause is known, findings were open, and nobody has said yet whether they had to do with it',
    }),
    findings: Type.Array(FindingAtOutage),
  }),
)
