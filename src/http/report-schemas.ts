import { Type, type TSchema } from 'typebox'
import { described } from './schemas.ts'

const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Instant = Type.String({ format: 'date-time' })
const Unknown = 'null where it is not known, which is not 0'
export const Figure = orNull(Type.Number({ description: Unknown }))
export const InBoth = Type.Object({ en: Type.String(), 'zh-CN': Type.String() })

export const IndexRow = Type.Object({
  group: orNull(Type.String()),
  customersServed: Figure,
  ci: Type.Number(),
  cmi: Type.Number({ description: 'min' }),
  indices: Type.Record(Type.String(), Figure, { description: 'by symbol of the rulebook' }),
  units: Type.Record(Type.String(), Type.String()),
  provisional: Type.Boolean({ description: 'someone was without supply when it was reckoned' }),
})

export const MajorDays = Type.Object({
  year: Type.Integer(),
  area: orNull(Type.String()),
  alpha: Figure,
  beta: Figure,
  thresholdMin: Figure,
  historyDays: Type.Integer({ description: 'days with interruptions in the years before' }),
  historyMonths: orNull(
    Type.Integer({ description: 'of 60; null: fewer than 12, which give no threshold' }),
  ),
  frozenAt: orNull(Instant),
  days: Type.Array(Type.Object({ date: Type.String(), saidiMin: Type.Number() })),
})

export const IndicesReport = Type.Object({
  rulebook: Type.Object({
    id: Type.String(),
    name: Type.String(),
    settings: Type.Record(Type.String(), Type.Unknown()),
  }),
  from: Type.String(),
  to: Type.String({ description: 'exclusive' }),
  by: Type.String(),
  exclude: Type.Array(Type.String()),
  timeZone: Type.String(),
  majorDays: Type.Array(MajorDays),
  notes: Type.Array(Type.String()),
  notesInWords: Type.Array(InBoth),
  rows: Type.Array(IndexRow),
})

const PeriodLine = {
  month: Type.String(),
  state: Type.Enum(['closed', 'over', 'running']),
  closedAt: orNull(Instant),
  bySubject: orNull(Type.String()),
  stillOut: Type.Boolean({ description: 'an interruption that began in it has not ended' }),
}
export const Periods = described(
  Type.Object({ timeZone: Type.String(), periods: Type.Array(Type.Object(PeriodLine)) }),
)

const Restatement = Type.Object({
  rulebook: Type.String(),
  by: Type.String(),
  group: orNull(Type.String()),
  index: Type.String({ description: 'customersServed, ci, cmi, or a symbol of the rulebook' }),
  unit: orNull(Type.String()),
  filed: Figure,
  now: Figure,
})
export const Period = described(
  Type.Object({
    ...PeriodLine,
    timeZone: Type.String(),
    filed: orNull(Type.Array(IndicesReport)),
    today: Type.Array(IndicesReport),
    restatements: Type.Array(Restatement),
  }),
)
export const ClosedPeriod = described(
  Type.Object({
    month: Type.String(),
    closedAt: Instant,
    bySubject: Type.String(),
    reports: Type.Array(IndicesReport),
    restatements: Type.Array(Restatement),
  }),
)

const Headline = {
  unitsServed: Figure,
  interruptions: Type.Number({ description: 'customers or users interrupted' }),
  unitMs: Type.Number({ description: 'their time without supply, ms' }),
  saifi: Figure,
  saidiMin: Figure,
}
const Side = Type.Object({
  rulebook: Type.String(),
  name: InBoth,
  exclude: Type.Array(Type.String()),
  headline: Type.Object(Headline),
})
const Change = {
  interruptions: Type.Number(),
  unitMs: Type.Number(),
  saifi: Figure,
  saidiMin: Figure,
}
export const Difference = described(
  Type.Object({
    from: Type.String(),
    to: Type.String(),
    timeZone: Type.String(),
    a: Side,
    b: Side,
    parts: Type.Array(
      Type.Object({
        rule: Type.String({
          description: 'a setting of the rulebooks, or what one side leaves out',
        }),
        name: InBoth,
        a: InBoth,
        b: InBoth,
        change: Type.Object(Change),
        after: Type.Object(Headline),
      }),
      {
        description:
          'from a to b, one rule after the other; their changes add up to the difference',
      },
    ),
    difference: Type.Object(Change),
  }),
)

const Expected = Type.Object({
  SAIFI: Figure,
  SAIDI: Figure,
  CAIDI: Figure,
  ASAI: Figure,
  ENS: Figure,
})
export const Predicted = described(
  Type.Object({
    from: Type.String(),
    to: Type.String(),
    timeZone: Type.String(),
    networkRevision: Type.Integer(),
    by: Type.String(),
    rulebook: Type.String(),
    exclude: Type.Array(Type.String()),
    periodHours: Type.Number(),
    settings: Type.Record(Type.String(), Type.Unknown()),
    units: Type.Record(Type.String(), Type.String()),
    notes: Type.Array(Type.String()),
    rows: Type.Array(
      Type.Object({
        group: orNull(Type.String()),
        customersServed: Figure,
        predicted: Expected,
        recorded: Type.Object(
          { SAIFI: Figure, SAIDI: Figure, CAIDI: Figure, ASAI: Figure, ENS: Figure },
          { description: 'of the period, as if it went on for a year of 8760 h' },
        ),
        provisional: Type.Boolean(),
      }),
    ),
  }),
)
