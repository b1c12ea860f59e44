import { Type } from 'typebox'
import { described, Instant, orNull } from './schemas.ts'

const Length = Type.Enum(['long', 'short'])
const Nature = Type.Enum(['planned', 'unplanned'])
const InterruptionFilter = Type.Object({
  length: Type.Optional(Length),
  nature: Type.Optional(Nature),
  external: Type.Optional(Type.Boolean()),
  sourceShortage: Type.Optional(Type.Boolean()),
})
/** What is added up above or below the line of an index. */
const Quantity = Type.Object({
  of: Type.Enum([
    'interruptions',
    'unitTime',
    'kva',
    'kvaTime',
    'energyKwh',
    'momentaryEvents',
    'distinctUnits',
    'repeatedUnits',
    'longUnits',
    'outages',
    'outageTime',
    'servedUnits',
    'servedKva',
    'servedAverageKw',
    'periodHours',
  ]),
  where: Type.Optional(InterruptionFilter),
  weighted: Type.Optional(Type.Literal(true)),
  in: Type.Optional(Type.Enum(['h', 'min'])),
  length: Type.Optional(Type.Literal('long')),
  n: Type.Optional(Type.Integer()),
  momentary: Type.Optional(Type.Boolean()),
  by: Type.Optional(Type.Enum(['single', 'total'])),
})
const ExplainedPart = Type.Object({
  loadPoint: orNull(
    Type.String({
      description:
        'the load point whose customers, or which as one user, are counted; null where it is the outage that adds, or nobody was named',
    }),
  ),
  outages: Type.Array(Type.String()),
  value: Type.Number(),
})
const Rest = Type.Object({ parts: Type.Number(), value: Type.Number() })
const ExplainedQuantity = Type.Object({
  of: Quantity,
  value: orNull(Type.Number()),
  parts: orNull(Type.Array(ExplainedPart)),
  rest: orNull(Rest),
})
const ExplainedFigure = Type.Object({
  form: Type.Enum(['availability', 'ratio', 'unavailability']),
  scale: Type.Number(),
  value: orNull(Type.Number()),
  periodHours: Type.Number(),
  index: Type.String(),
  unit: Type.String(),
  name: Type.Object({ en: Type.String(), 'zh-CN': Type.String() }),
  top: ExplainedQuantity,
  bottom: orNull(ExplainedQuantity),
})
const ExplainedOutage = Type.Object({
  outage: Type.String(),
  origin: orNull(
    Type.String({ description: '`live`: the observations below; `imported`: a record said so' }),
  ),
  device: orNull(Type.String()),
  ci: Type.Number(),
  customerSeconds: Type.Number(),
  momentary: Type.Number(),
  sets: Type.Array(
    Type.Object({
      from: Type.String(),
      until: orNull(
        Type.String({ description: 'null while they are out: then their time runs until `now`' }),
      ),
      feeder: orNull(Type.String()),
      cause: orNull(Type.String()),
      causeDetail: orNull(
        Type.Object({
          weather: orNull(Type.String()),
          subCause: orNull(Type.String()),
          equipment: orNull(Type.String()),
          responsibleSystem: orNull(Type.String()),
        }),
      ),
      nature: Nature,
      length: Length,
      customers: Type.Number(),
      ci: Type.Number({
        description: 'what they add to CI, to customer-seconds, and to momentary interruptions',
      }),
      customerSeconds: Type.Number(),
      momentary: Type.Number(),
    }),
  ),
  observations: Type.Array(
    Type.Object({
      gateway: Type.String(),
      kind: Type.String(),
      point: Type.String(),
      seq: Type.Integer(),
      at: Instant,
      receivedAt: Instant,
      value: Type.String(),
      reason: orNull(Type.String()),
      bySubject: orNull(Type.String()),
    }),
  ),
})
const Explanation = Type.Object({
  row: Type.Object({
    group: orNull(Type.String()),
    customersServed: orNull(Type.Number()),
    ci: Type.Number({
      description:
        'interruptions of units that are long by the rulebook (all of them where its first index counts all), and their minutes',
    }),
    cmi: Type.Number(),
    indices: Type.Record(Type.String(), orNull(Type.Number())),
    units: Type.Record(Type.String(), Type.String()),
    provisional: Type.Boolean(),
  }),
  figure: orNull(ExplainedFigure),
  outages: Type.Array(ExplainedOutage),
  rest: Type.Object({
    outages: Type.Integer(),
    ci: Type.Number(),
    customerSeconds: Type.Number(),
  }),
})

/** GET /api/v1/indices/explain */
export const ExplainAnswer = described(Explanation)
