import { Type } from 'typebox'
import { orNull } from './schemas.ts'

/** Loads of feeders before and after a switching. */
export const FeedersMoved = Type.Array(
  Type.Object({
    feeder: Type.String(),
    beforeKva: Type.Number(),
    afterKva: Type.Number(),
    ratedKva: orNull(Type.Number()),
  }),
)
const passed = { beforeKva: Type.Number(), afterKva: Type.Number(), ratedKva: Type.Number() }
export const LimitsPassed = Type.Array(Type.Object({ branch: Type.String(), ...passed }))
export const UnitsPassed = Type.Array(Type.Object({ unit: Type.String(), ...passed }))
export const Parallels = Type.Array(
  Type.Object({
    switch: Type.String(),
    feeders: Type.Array(orNull(Type.String()), { minItems: 2, maxItems: 2 }),
  }),
)
/** Guide range of installed MVA over MW. */
export const CapacityRange = Type.Object({
  kvFrom: Type.Number(),
  kvTo: Type.Number({ description: 'exclusive' }),
  growthAbovePct: orNull(
    Type.Number({ description: 'yearly growth above this, in per cent; null: any' }),
  ),
  low: Type.Number(),
  high: Type.Number(),
  source: Type.String(),
})
export const WorkStateName = Type.Enum([
  'approved',
  'cancelled',
  'draft',
  'finished',
  'inProgress',
  'overdue',
  'submitted',
])
