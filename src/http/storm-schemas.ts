import { Type } from 'typebox'
import { described, Estimate, Instant, orNull } from './schemas.ts'

const Timeline = Type.Object({
  at: Instant,
  kind: Type.String(),
  by: Type.String(),
  etr: orNull(Estimate),
  reason: orNull(Type.String()),
})
const StormView = Type.Object({
  id: Type.Number(),
  area: orNull(Type.String()),
  declaredAt: Instant,
  declaredBy: Type.String(),
  reason: orNull(Type.String()),
  endedAt: orNull(Instant),
  endedBy: orNull(Type.String()),
  etr: orNull(Estimate),
  timeline: Type.Array(Timeline),
})

/** GET /api/v1/storms */
export const StormsAnswer = described(Type.Object({ storms: Type.Array(StormView) }))

/** POST /api/v1/storms/declare|estimate|end */
export const StormAnswer = described(
  Type.Object({ storm: orNull(StormView), outages: Type.Array(Type.String()) }),
)
