import { Type, type TSchema } from 'typebox'

const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Instant = Type.String({ format: 'date-time' })

/** Describes an answer in the documentation; the handler's own types say what it gives. */
export const described = (schema: TSchema) => Type.Unsafe<unknown>(schema)

/** An outage as contract.md has it. */
export const Outage = Type.Object({
  id: Type.String(),
  status: Type.Enum(['confirmed', 'partiallyRestored', 'restored', 'closed']),
  kind: Type.String({ description: 'unplanned or planned' }),
  feeder: orNull(Type.String()),
  substation: orNull(Type.String()),
  area: orNull(Type.String()),
  device: orNull(Type.String()),
  phases: Type.String({ description: 'letters of ABC' }),
  startedAt: Instant,
  startUncertain: Type.Boolean(),
  restoredAt: orNull(Instant),
  closedAt: orNull(Instant),
  customersOut: Type.Integer(),
  customersInterrupted: Type.Integer(),
  customerMinutes: Type.Number({ description: 'up to now, momentary included' }),
  cause: orNull(Type.String()),
  causeDetail: orNull(
    Type.Object(
      {
        subCause: orNull(Type.String()),
        equipment: orNull(Type.String()),
        weather: orNull(Type.String()),
        responsibleSystem: orNull(Type.String()),
      },
      { description: 'what was said beside the cause' },
    ),
  ),
  crew: Type.Unknown(),
  etr: Type.Unknown({ description: '{at, earliest, latest, source, issuedAt} or null' }),
  steps: Type.Array(
    Type.Object({
      at: Instant,
      device: orNull(Type.String()),
      customersRestored: Type.Integer(),
    }),
  ),
  mergedInto: orNull(
    Type.String({ description: 'the outage that it is part of, by the word of a dispatcher' }),
  ),
  revision: Type.Integer(),
})
