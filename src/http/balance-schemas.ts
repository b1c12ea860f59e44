import { Type } from 'typebox'
import { described, Instant, orNull } from './schemas.ts'
import {
  CapacityRange,
  FeedersMoved,
  LimitsPassed,
  Parallels,
  UnitsPassed,
} from './switching-schemas.ts'

const Level = Type.Enum(['area', 'feeder', 'loadPoint', 'substation', 'unit'])
const Source = Type.Enum(['allocated', 'estimated', 'measured', 'none'])
const Band = Type.Enum(['heavy', 'normal', 'overload', 'unknown'])
const row = {
  level: Level,
  id: Type.String(),
  name: Type.String(),
  parent: orNull(
    Type.String({
      description: 'id on the level above, as supplied now; null where there is none',
    }),
  ),
  customers: Type.Integer(),
  kw: Type.Number(),
  kvar: Type.Number(),
  kva: Type.Number({ description: 'the larger of the totals and the sum of the measured phases' }),
  source: Source,
  unaccountedKw: Type.Number({
    description:
      'part of `kw` that is on none of the rows below: losses, and what the meters disagree about',
  }),
  ratedKva: orNull(Type.Number()),
  rate: orNull(Type.Number()),
  marginKva: orNull(Type.Number()),
  band: Band,
  reverse: Type.Boolean({ description: 'power flows back towards the source' }),
  unbalance: orNull(
    Type.Number({ description: '(Imax − Imin) / Imax; null without measured currents' }),
  ),
}
const BalanceRow = Type.Object(row)
const moment = {
  at: Instant,
  positions: Type.Enum(['asItStands', 'asRecorded', 'normal']),
  measuredPoints: Type.Integer(),
}
const CAPACITY = {
  ratio: orNull(
    Type.Number({
      description:
        'MVA of transformers over MW of the area’s net, coincident maximum. Null without load',
    }),
  ),
  range: orNull(CapacityRange),
  verdict: Type.Enum(['above', 'below', 'unknown', 'within']),
  area: Type.String(),
  kv: orNull(Type.Number()),
  installedMva: orNull(Type.Number()),
  loadMw: Type.Number(),
}
const UnitLoss = Type.Object({
  firmKva: Type.Number({
    description: 'what is left without the largest unit, transfer to other stations included',
  }),
  installedKva: Type.Number(),
  passes: Type.Boolean(),
  marginKva: Type.Number({ description: 'firm − load; negative where load would have to be shed' }),
})
const SectionLoss = Type.Object({
  section: orNull(Type.Array(Type.String())),
  lostKw: Type.Number(),
  lostCustomers: Type.Number(),
  healthyKw: Type.Number({
    description: 'without supply but sound: what the ties are asked to take',
  }),
  healthyCustomers: Type.Number(),
  restoredKva: Type.Number(),
  restoredKw: Type.Number(),
  restoredCustomers: Type.Number(),
  remainsKw: Type.Number({
    description: 'sound, and still without supply after the best switching',
  }),
  remainsCustomers: Type.Number(),
  open: Type.Array(Type.String()),
  close: Type.Array(Type.String()),
  complete: Type.Boolean({
    description: 'every way was looked at; else the answer is a lower bound',
  }),
})
const Affected = Type.Object({
  loadPoints: Type.Integer(),
  customers: Type.Integer(),
  ids: Type.Array(Type.String()),
})
const OwnPeak = Type.Object({
  at: Instant,
  kw: Type.Number(),
  kva: Type.Number(),
  rate: orNull(Type.Number()),
  marginKva: orNull(Type.Number()),
  reverseDays: Type.Integer(),
  days: Type.Integer(),
})
/** With its own peak, beside what it carried at the peak of all. */
const OwnPeakRow = Type.Object({ ...row, own: orNull(OwnPeak) })
const CoincidentPeak = Type.Object({
  at: Instant,
  kw: Type.Number(),
  kva: Type.Number(),
  rate: orNull(Type.Number()),
  marginKva: orNull(Type.Number()),
  exact: Type.Boolean(),
})
const CoincidentRow = Type.Object({ ...row, own: orNull(CoincidentPeak) })
/** Nothing was measured in the time that was asked for. */
const Nothing = Type.Array(Type.Unknown(), { maxItems: 0 })

/** GET /api/v1/balance */
export const BalanceAnswer = described(
  Type.Union([
    Type.Object({
      rows: Type.Array(BalanceRow),
      nextCursor: Type.Optional(orNull(Type.String())),
      ...moment,
    }),
    Type.Object({
      areas: Type.Array(BalanceRow),
      substations: Type.Array(BalanceRow),
      units: Type.Array(BalanceRow),
      feeders: Type.Array(BalanceRow),
      capacity: Type.Array(
        Type.Object({
          ...CAPACITY,
        }),
      ),
      transformerLoss: Type.Array(
        Type.Object({ substation: Type.String(), units: Type.Number(), loss: orNull(UnitLoss) }),
      ),
      ...moment,
    }),
  ]),
)

/** GET /api/v1/balance/feeders/:id/loss */
export const FeederLossAnswer = described(
  Type.Object({
    feeder: Type.String(),
    ties: Type.Array(Type.String()),
    passes: Type.Boolean(),
    transferableShare: orNull(
      Type.Number({
        description:
          'part of the feeder’s load that the ties can take when its head is lost; null without load',
      }),
    ),
    sections: Type.Array(SectionLoss),
    at: Instant,
  }),
)

/** GET /api/v1/balance/ties */
export const TiesAnswer = described(
  Type.Object({
    at: Instant,
    ties: Type.Array(
      Type.Object({
        id: Type.String(),
        sides: Type.Array(
          Type.Object({
            feeder: orNull(
              Type.String({ description: 'feeder that supplies this side; null on a bus' }),
            ),
            unit: orNull(
              Type.String({
                description: 'unit and station that supply it; null where the way ends at none',
              }),
            ),
            substation: orNull(Type.String()),
            capabilityKva: orNull(
              Type.Number({
                description:
                  'the most that can be added at the tie within ratings along the whole way to the source; null where nothing there has a rating',
              }),
            ),
            bottleneck: orNull(
              Type.String({
                description:
                  'the branch that allows no more; null where it is the source or nothing is rated',
              }),
            ),
          }),
          { minItems: 2, maxItems: 2 },
        ),
      }),
    ),
  }),
)

/** GET /api/v1/balance/losses/transformers */
export const StationLossesAnswer = described(
  Type.Object({
    shortTimeFactor: Type.Number(),
    stations: Type.Array(
      Type.Object({
        remains: orNull(
          Type.Object({
            loadPoints: Type.Integer(),
            ids: Type.Array(Type.String()),
            kw: Type.Number({ description: 'of the load points themselves, in kW' }),
            customers: Type.Integer(),
            lifeSupport: Type.Number({ description: 'service points among them' }),
            critical: Type.Number(),
          }),
        ),
        substation: Type.String(),
        units: Type.Number(),
        loadKva: Type.Number(),
        transferKva: Type.Number({
          description:
            'what other stations can take, in kVA: whole sections with their own loads, within ratings along the whole way (see `transferToOthers`)',
        }),
        ties: Type.Array(Type.String()),
        complete: Type.Boolean({
          description:
            'every way to transfer was looked at, feeder by feeder; else more might be possible',
        }),
        loss: orNull(UnitLoss),
      }),
    ),
    ...moment,
  }),
)

/** GET /api/v1/balance/losses/feeders */
export const FeederLossesAnswer = described(
  Type.Object({
    feeders: Type.Array(
      Type.Object({
        feeder: Type.String(),
        name: Type.String(),
        substation: orNull(Type.String()),
        ties: Type.Array(Type.String()),
        passes: Type.Boolean(),
        transferableShare: orNull(Type.Number()),
        sections: Type.Number(),
        head: orNull(SectionLoss),
        worst: orNull(SectionLoss),
        complete: Type.Boolean(),
      }),
    ),
    nextCursor: orNull(Type.String()),
    ...moment,
  }),
)

/** GET /api/v1/balance/transfer */
export const TransferAnswer = described(
  Type.Object({
    lost: Affected,
    regained: Affected,
    interrupted: Affected,
    movedKva: Type.Number(),
    clear: Type.Boolean({
      description: 'nothing is refused here: a person decides, and sees what speaks against it',
    }),
    feeders: FeedersMoved,
    limitsPassed: LimitsPassed,
    parallels: Parallels,
    unitsPassed: UnitsPassed,
    steps: Type.Array(
      Type.Object({
        switch: Type.Optional(Type.String()),
        position: Type.String(),
        operable: Type.Boolean(),
      }),
    ),
    ...moment,
  }),
)

/** GET /api/v1/balance/peak */
export const PeakBalanceAnswer = described(
  Type.Union([
    Type.Object({
      at: Type.Null(),
      says: Type.String(),
      areas: Nothing,
      substations: Nothing,
      units: Nothing,
      feeders: Nothing,
      capacity: Nothing,
      coincidence: Type.Null(),
      from: Type.String(),
      to: Type.String(),
    }),
    Type.Object({
      rows: Type.Array(OwnPeakRow),
      nextCursor: orNull(Type.String()),
      exact: Type.Boolean(),
      ...moment,
      from: Type.String(),
      to: Type.String(),
    }),
    Type.Object({
      rows: Type.Array(BalanceRow),
      exact: Type.Boolean(),
      ...moment,
      from: Type.String(),
      to: Type.String(),
    }),
    Type.Object({
      capacity: Type.Array(
        Type.Object({
          peakAt: orNull(Instant),
          ...CAPACITY,
        }),
      ),
      coincidence: orNull(
        Type.Number({ description: 'peak of all over the sum of the feeders’ own peaks (同时率)' }),
      ),
      areas: Type.Array(CoincidentRow),
      substations: Type.Array(CoincidentRow),
      units: Type.Array(OwnPeakRow),
      feeders: Type.Array(OwnPeakRow),
      exact: Type.Boolean(),
      ...moment,
      from: Type.String(),
      to: Type.String(),
    }),
  ]),
)
