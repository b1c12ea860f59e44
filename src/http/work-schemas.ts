import { Type } from 'typebox'
import { described, Instant, orNull } from './schemas.ts'
import { LimitsPassed, Parallels, UnitsPassed, WorkStateName } from './switching-schemas.ts'

const Window = Type.Object({ from: Instant, until: Instant })
const Actual = Type.Object({
  plannedH: Type.Number(),
  tookH: Type.Number(),
  overrunH: Type.Number(),
})
const Act = Type.Enum([
  'approve',
  'callOff',
  'cancel',
  'draft',
  'edit',
  'expire',
  'finish',
  'remind',
  'start',
  'submit',
])
const History = Type.Object({
  at: Instant,
  by: Type.String(),
  act: Act,
  from: orNull(WorkStateName),
  to: WorkStateName,
  note: orNull(Type.String()),
})
const ChangedSinceApproval = Type.Object({
  approvedAt: Instant,
  changedAt: Instant,
  told: orNull(Window),
  approvedBy: Type.String(),
  changedBy: Type.String(),
  near: Type.Boolean({
    description:
      'what customers were told, or the window where they were told nothing, begins within `UNAPPROVED_NEAR_H`',
  }),
})
const Kind = Type.Enum(['planned', 'temporary'])
const Method = Type.Enum(['dead', 'liveLine', 'mobileSupply', 'transfer'])
const Position = Type.Enum(['closed', 'open'])
const SwitchingStep = Type.Object({
  switch: Type.String(),
  position: Position,
  afterMin: Type.Number({ description: 'after the beginning of the window' }),
})
const CountsAs = Type.Enum(['fault', 'planned', 'temporary'])
const work = {
  window: Window,
  startedAt: orNull(Instant),
  finishedAt: orNull(Instant),
  announced: orNull(Window),
  announcedAt: orNull(Instant),
  remindedAt: orNull(Instant),
  actual: orNull(Actual),
  history: Type.Array(History),
  changedSinceApproval: orNull(ChangedSinceApproval),
  revision: Type.Integer(),
  title: Type.String(),
  kind: Kind,
  method: Method,
  reason: Type.String({
    description:
      'cause code of the rulebook in use, or a short word: `maintenance`, `construction`',
  }),
  responsible: Type.String({ description: 'the person who answers for it' }),
  crew: orNull(Type.String()),
  assets: Type.Array(Type.String()),
  steps: Type.Array(SwitchingStep),
  id: Type.String(),
  state: WorkStateName,
  requestedBy: Type.String(),
  submittedBy: orNull(Type.String()),
  approvedBy: orNull(Type.String()),
  countsAs: Type.Optional(orNull(CountsAs)),
}
const Work = Type.Object(work)
const Sum = Type.Object({ customers: Type.Integer(), customerMinutes: Type.Number() })

/** GET /api/v1/works */
export const WorksAnswer = described(
  Type.Object({ works: Type.Array(Work), nextCursor: orNull(Type.String()) }),
)

/** GET /api/v1/works/:id */
export const WholeWorkAnswer = described(
  Type.Object({
    against: orNull(
      Type.Object({
        planned: Sum,
        actual: Sum,
        extra: Sum,
        outsideTold: Type.Object({ early: Type.Number(), overrun: Type.Number() }),
        spared: Type.Object({ customers: Type.Integer() }),
        outages: Type.Array(Type.String()),
      }),
    ),
    ...work,
  }),
)

/** GET /api/v1/works/:id/effect */
export const WorkEffectAnswer = described(
  Type.Object({
    changedSinceApproval: orNull(ChangedSinceApproval),
    approvalTells: Type.Object({
      announced: Type.Number(),
      changed: Type.Number(),
      cancelled: Type.Number(),
    }),
    loadPoints: Type.Integer(),
    sets: Type.Array(
      Type.Object({
        from: Instant,
        until: Instant,
        customers: Type.Integer(),
        feeders: Type.Array(Type.String()),
      }),
    ),
    notice: Type.Object({
      deadlineAt: Instant,
      promise: Type.String(),
      leadH: Type.Number(),
      kept: Type.Boolean(),
      countsAs: CountsAs,
    }),
    alternatives: Type.Array(
      Type.Object({
        kind: Type.Enum(['transfer', 'liveLine', 'merge', 'otherWindow']),
        says: Type.String(),
        savesCustomerMinutes: Type.Number(),
        steps: Type.Optional(Type.Array(SwitchingStep)),
        work: Type.Optional(Type.String()),
        window: Type.Optional(Window),
      }),
    ),
    customersInterrupted: Type.Integer(),
    customerMinutes: Type.Number(),
    feeders: Type.Array(Type.String()),
    indices: orNull(Type.Object({ saifi: Type.Number(), saidiMin: Type.Number() })),
    priorityPoints: Type.Array(
      Type.Object({
        servicePoint: Type.String(),
        priority: Type.Enum(['critical', 'life_support']),
        minutes: Type.Number(),
      }),
    ),
    conflicts: Type.Array(
      Type.Object({
        kind: Type.Enum(['sameCrew', 'sameSection', 'switchNeeded', 'ongoingOutage']),
        says: Type.String(),
        work: Type.Optional(Type.String()),
        switch: Type.Optional(Type.String()),
        outage: Type.Optional(Type.String()),
      }),
    ),
    limitsPassed: LimitsPassed,
    parallels: Parallels,
    unitsPassed: UnitsPassed,
    loadsKnown: Type.Boolean(),
    loadsBasis: orNull(Type.Enum(['expected', 'forecast', 'lastWeek'])),
    repeated: Type.Object({
      points: Type.Number(),
      customers: Type.Integer(),
      most: Type.Number(),
    }),
    unreachable: orNull(
      Type.Object({ count: Type.Integer(), servicePoints: Type.Array(Type.String()) }),
    ),
    unknownSwitches: Type.Array(Type.String()),
    unknownAssets: Type.Array(Type.String()),
    work: Type.String(),
  }),
)

/** POST /api/v1/works, PUT /api/v1/works/:id, POST /api/v1/works/:id/submit|approve|start|finish|cancel */
export const ActedWorkAnswer = described(Work)
