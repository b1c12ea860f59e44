import { Type } from 'typebox'
import { described, Instant, orNull } from './schemas.ts'

const about = {
  id: Type.String(),
  point: Type.String(),
  from: Instant,
  to: Instant,
  resolution: Type.Enum(['quarter', 'hour', 'day']),
  ratedKva: orNull(Type.Number()),
}
const Kind = Type.Enum(['heavy', 'longOverload', 'overload', 'reverse', 'unbalance'])
const Alarm = Type.Object({
  from: Instant,
  confirmedAt: Instant,
  until: orNull(Instant),
  acknowledgedAt: orNull(Instant),
  id: Type.Number(),
  point: Type.String(),
  kind: Kind,
  endedBy: orNull(Type.Enum(['above', 'below', 'removed', 'silent'])),
  peak: Type.Number(),
  rule: Type.String(),
  ratedKva: orNull(Type.Number()),
  feeder: orNull(Type.String()),
  acknowledgedBy: orNull(Type.String()),
})

/** GET /api/v1/loads/:id */
export const LoadAnswer = described(
  Type.Union([
    Type.Object({
      values: Type.Array(
        Type.Object({
          peakAt: Instant,
          day: Type.String(),
          quarters: Type.Number(),
          meanKw: Type.Number(),
          peakKw: Type.Number(),
          minKw: Type.Number(),
        }),
      ),
      ...about,
    }),
    Type.Object({
      values: Type.Array(
        Type.Object({
          at: Instant,
          quarters: Type.Number(),
          meanKw: Type.Number(),
          peakKw: Type.Number(),
          minKw: Type.Number(),
        }),
      ),
      ...about,
    }),
    Type.Object({
      values: Type.Array(
        Type.Object({
          at: Instant,
          readings: Type.Number(),
          meanKw: Type.Number(),
          minKw: Type.Number(),
          maxKw: Type.Number(),
          meanKvar: orNull(Type.Number()),
          meanA: orNull(Type.Array(Type.Number(), { minItems: 3, maxItems: 3 })),
          maxA: orNull(Type.Number()),
          meanKv: orNull(Type.Number()),
          lateReadings: Type.Number({
            description: 'readings that came after the quarter was judged for alarms',
          }),
        }),
      ),
      states: Type.Array(
        Type.Object({
          from: Instant,
          confirmedAt: Instant,
          until: orNull(Instant),
          kind: Type.Enum(['heavy', 'longOverload', 'overload']),
          peakRate: Type.Number(),
          rule: Type.String({ description: 'in words: `> 0.8 for 30 min`' }),
        }),
      ),
      ...about,
    }),
  ]),
)

/** GET /api/v1/loads/:id/forecast */
export const ForecastAnswer = described(
  Type.Object({
    id: Type.String(),
    points: Type.Array(Type.String()),
    ratedKva: orNull(Type.Number()),
    issuedAt: Instant,
    historyHours: Type.Integer(),
    method: Type.Enum(['regression', 'seasonalNaive', 'temperature']),
    errorPct: Type.Object({
      regression: orNull(Type.Number()),
      temperature: orNull(Type.Number()),
      seasonalNaive: orNull(Type.Number()),
    }),
    levels: Type.Array(Type.Number(), { minItems: 7, maxItems: 7 }),
    hours: Type.Array(
      Type.Object({
        at: Instant,
        kw: orNull(Type.Number()),
        quantilesKw: orNull(Type.Array(Type.Number())),
        naiveKw: orNull(Type.Number()),
      }),
    ),
  }),
)

/** GET /api/v1/loads/:id/peaks */
export const PeaksAnswer = described(
  Type.Object({
    growthPct: Type.Number({
      description: 'growth of the base case without the pipeline, in per cent a year',
    }),
    basis: Type.Enum(['assumed', 'history']),
    years: Type.Array(
      Type.Object({
        year: Type.Integer(),
        lowKw: Type.Number(),
        baseKw: Type.Number(),
        highKw: Type.Number(),
        pipelineKw: Type.Number(),
      }),
    ),
    passes: Type.Object({
      low: orNull(Type.Number()),
      base: orNull(Type.Number()),
      high: orNull(Type.Number()),
    }),
    id: Type.String(),
    points: Type.Array(Type.String()),
    ratedKva: orNull(Type.Number()),
    limitKw: orNull(Type.Number()),
    measured: Type.Array(
      Type.Object({
        at: Instant,
        whole: Type.Boolean(),
        inTrend: Type.Boolean(),
        year: Type.Integer(),
        kw: Type.Number(),
        days: Type.Integer({ description: 'local days with a value' }),
      }),
    ),
    pipeline: Type.Array(
      Type.Object({
        id: Type.String(),
        kw: Type.Number(),
        year: Type.Integer(),
        coincidence: Type.Number(),
        state: Type.Enum(['approved', 'asked', 'connected', 'withdrawn']),
      }),
    ),
  }),
)

/** GET /api/v1/load-alarms */
export const LoadAlarmsAnswer = described(
  Type.Object({ alarms: Type.Array(Alarm), nextCursor: orNull(Type.String()) }),
)

/** POST /api/v1/load-alarms/:id/acknowledge */
export const LoadAlarmAnswer = described(Alarm)
