import { Type, type TSchema } from 'typebox'
import { Figure, InBoth } from './report-schemas.ts'
import { described } from './schemas.ts'

const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const Listed = {
  rulebook: Type.Object({
    id: Type.String(),
    settings: Type.Record(Type.String(), Type.Unknown()),
  }),
  from: Type.String(),
  to: Type.String({ description: 'exclusive' }),
  timeZone: Type.String(),
  exclude: Type.Array(Type.String()),
  place: orNull(Type.String()),
  notes: Type.Array(InBoth),
}
const Many = Type.Integer({ description: 'rows that there are, told or not' })

export const CauseList = described(
  Type.Object({
    ...Listed,
    level: Type.String(),
    order: Type.String(),
    rows: Type.Array(
      Type.Object({
        group: orNull(Type.String()),
        name: InBoth,
        outages: Type.Integer(),
        ci: Type.Number(),
        cmi: Type.Number({ description: 'min' }),
        share: Figure,
        cumulativeShare: Figure,
      }),
    ),
  }),
)

export const FeederList = described(
  Type.Object({
    ...Listed,
    order: Type.String(),
    worst: Type.Integer(),
    years: Type.Integer(),
    rowsInAll: Many,
    rows: Type.Array(
      Type.Object({
        rank: Type.Integer(),
        feeder: Type.String(),
        customersServed: Figure,
        ci: Type.Number(),
        cmi: Type.Number(),
        saifi: Figure,
        saidiMin: Figure,
        ciShare: Figure,
        cmiShare: Figure,
        earlierRanks: Type.Array(orNull(Type.Integer()), {
          description: 'in the same period one year before, two years before, …',
        }),
        repeated: Type.Boolean(),
      }),
    ),
  }),
)

const Where = {
  loadPoint: Type.String(),
  phases: orNull(Type.String()),
  feeder: orNull(Type.String({ description: 'that of the last interruption' })),
  area: orNull(Type.String()),
}
const LastAt = Type.String({ format: 'date-time' })
const Count = { units: Type.Number(), share: Figure }

export const CustomerList = described(
  Type.Object({
    ...Listed,
    thresholds: Type.Object({
      repeated: Type.Integer(),
      longSingleH: Type.Number(),
      longTotalH: Type.Number(),
    }),
    unitsServed: Figure,
    repeated: Type.Array(Type.Object({ n: Type.Integer(), ...Count })),
    longSingle: Type.Object(Count),
    longTotal: Type.Object(Count),
    nameless: Type.Number({ description: 'interrupted customers of records without load points' }),
    rowsInAll: Many,
    rows: Type.Array(
      Type.Object({
        ...Where,
        units: Type.Number({ description: 'customers, or users where the rulebook counts those' }),
        interruptions: Type.Integer(),
        momentaryEvents: Type.Integer(),
        totalMin: Type.Number(),
        longestMin: Type.Number(),
        lastAt: LastAt,
        reasons: Type.Array(Type.Enum(['repeated', 'longSingle', 'longTotal'])),
        servicePoints: Type.Optional(orNull(Type.Array(Type.String()))),
      }),
    ),
  }),
)

const Rule = Type.Object({ atLeast: Type.Integer(), months: Type.Integer() })
export const FrequentList = described(
  Type.Object({
    ...Listed,
    rules: Type.Array(Rule),
    months: Type.Array(Type.Integer()),
    rowsInAll: Many,
    rows: Type.Array(
      Type.Object({
        ...Where,
        customers: Figure,
        counts: Type.Record(Type.String(), Type.Integer(), {
          description: 'sustained interruptions by the number of months before `to`',
        }),
        lastAt: LastAt,
        meets: Type.Array(Rule),
      }),
    ),
  }),
)
