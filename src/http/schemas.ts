import { Type, type TSchema } from 'typebox'

/** The media type of Excel's files. */
export const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'

export const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
export const Instant = Type.String({ format: 'date-time' })

/** Describes an answer in the documentation; the handler's own types say what it gives. */
export const described = (schema: TSchema) => Type.Unsafe<unknown>(schema)

/** An estimate of when supply is back, and whose it is. */
export const Estimate = Type.Object({
  at: Instant,
  earliest: orNull(Instant),
  latest: orNull(Instant),
  source: Type.Enum(['crew', 'dispatcher', 'history', 'rule', 'storm', 'zone']),
  issuedAt: Instant,
})

/** An answer that is no JSON. */
export const file = (mediaType: string, description: string) => ({
  description,
  content: { [mediaType]: { schema: described(Type.String()) } },
})

export const geoJson = (schema: TSchema) => ({
  description: 'GeoJSON (RFC 7946)',
  content: { 'application/geo+json': { schema: described(schema) } },
})

/** A report in JSON or, as `format` asks, as a file or a page to print. */
export const inForms = (schema: TSchema) => ({
  description: 'in the form that was asked for',
  content: {
    'application/json': { schema },
    'text/csv': { schema: described(Type.String()) },
    [XLSX]: { schema: described(Type.String({ format: 'binary' })) },
    'text/html': { schema: described(Type.String()) },
  },
})

export const UnchangedAnswer = described(
  Type.Null({ description: 'what was sent with this ETag still holds' }),
)
export const GoneAnswer = described(Type.Null({ description: 'it is gone' }))

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
  crew: orNull(Type.Object({ name: Type.String(), state: Type.String(), at: Instant })),
  etr: orNull(Estimate),
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
