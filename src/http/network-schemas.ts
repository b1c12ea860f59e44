import { Type } from 'typebox'
import { described, geoJson, Instant, orNull } from './schemas.ts'
import { FeedersMoved, LimitsPassed, Parallels } from './switching-schemas.ts'
const AlarmWord = Type.Object({
  alarm: Type.String(),
  at: Instant,
  by: Type.String(),
  kind: Type.Enum(['acknowledged', 'shelved', 'unshelved']),
  until: orNull(Instant),
  reason: orNull(Type.String()),
})
const Numbers = Type.Array(Type.Integer())
const Ends = Type.Object({ from: Numbers, to: Numbers })
const Places = Type.Array(orNull(Type.Number()))
const Names = Type.Array(Type.String())

/** GET /api/v1/network.geojson */
export const NetworkGeoJsonAnswer = geoJson(
  Type.Object({
    type: Type.Literal('FeatureCollection'),
    revision: Type.Integer(),
    features: Type.Array(
      Type.Object({
        type: Type.Literal('Feature'),
        id: Type.String(),
        geometry: Type.Object({
          type: Type.Enum(['Point', 'LineString']),
          coordinates: Type.Array(Type.Unknown()),
        }),
        properties: Type.Object(
          { type: Type.Enum(['substation', 'node', 'switch', 'line', 'transformer']) },
          { additionalProperties: true, description: 'what is known of one of its kind' },
        ),
      }),
    ),
  }),
)

/** GET /api/v1/network/map */
export const NetworkMapAnswer = described(
  Type.Object(
    {
      revision: Type.Integer(),
      nodes: Type.Object({ lon: Places, lat: Places }),
      switches: Type.Object({
        ids: Names,
        names: Type.Array(orNull(Type.String())),
        kinds: Names,
        phases: Numbers,
        normal: Numbers,
        from: Numbers,
        to: Numbers,
      }),
      lines: Ends,
      transformers: Ends,
      feeders: Type.Object({ ids: Names, names: Names, heads: Numbers, substations: Numbers }),
      substations: Type.Object({ ids: Names, names: Names, lon: Places, lat: Places }),
      customersServed: Type.Integer(),
    },
    { description: 'columns; ends and heads are indices into nodes and switches, phases are bits' },
  ),
)

/** GET /api/v1/network/state */
export const NetworkStateAnswer = described(
  Type.Object({
    revision: Type.Integer(),
    at: Instant,
    abnormal: Type.Array(
      Type.Object({
        switch: Type.Integer({ description: 'index into the columns of GET network/map' }),
        closedPhases: Type.Integer({ description: 'bits' }),
        at: Type.Optional(Instant),
        gateway: Type.Optional(Type.String()),
      }),
    ),
    silent: Numbers,
    gateways: Type.Array(
      Type.Object({ id: Type.String(), online: Type.Boolean(), heardAt: Instant }),
    ),
    fieldHeardAt: orNull(Instant),
    parts: Type.Array(
      Type.Object({
        outage: orNull(Type.String()),
        back: Type.Boolean(),
        lines: Numbers,
        customers: Type.Integer(),
        lifeSupport: Type.Integer(),
        critical: Type.Integer(),
      }),
    ),
    loadAlarms: Type.Array(
      Type.Object({
        id: Type.Integer(),
        point: Type.String(),
        name: Type.String(),
        feeder: orNull(Type.String()),
        kind: Type.Enum(['heavy', 'longOverload', 'overload', 'reverse', 'unbalance']),
        from: Instant,
        peakRate: Type.Number(),
        ratedKva: orNull(Type.Number()),
        nodes: Numbers,
        acknowledgedAt: orNull(Instant),
      }),
    ),
    parallels: Type.Array(
      Type.Object({
        id: Type.Integer(),
        tie: Type.String(),
        feeders: Type.Array(Type.String()),
        since: Instant,
      }),
    ),
    alarmWords: Type.Array(AlarmWord),
    unapprovedWorks: Type.Array(
      Type.Object({
        work: Type.String(),
        title: Type.String(),
        changedAt: Instant,
        changedBy: Type.String(),
        toldFrom: Instant,
        toldUntil: Instant,
      }),
    ),
  }),
)

/** GET /api/v1/switches */
export const SwitchesAnswer = described(
  Type.Object({
    switches: Type.Array(
      Type.Object({
        id: Type.String(),
        name: orNull(Type.String()),
        kind: Type.Enum([
          'breaker',
          'disconnector',
          'fuse',
          'jumper',
          'load_break',
          'recloser',
          'sectionaliser',
        ]),
        phases: Type.String(),
        position: Type.Enum(['closed', 'open', 'partly']),
        closedPhases: Type.String(),
        normal: Type.String(),
        at: orNull(Instant),
        gateway: orNull(Type.String()),
        reason: orNull(Type.String()),
        stale: Type.Boolean(),
        telemetered: Type.Boolean(),
        feeder: orNull(Type.String()),
        from: Type.String(),
        to: Type.String(),
      }),
    ),
    nextCursor: orNull(Type.String()),
  }),
)

/** GET /api/v1/nodes/:id/trace */
export const TraceAnswer = described(
  Type.Object({
    nodes: Type.Array(Type.String()),
    branches: Type.Array(Type.String()),
    switches: Type.Array(Type.String()),
    ties: Type.Array(
      Type.Object({
        switch: Type.String(),
        phases: Type.String(),
        fedPhases: Type.String(),
        farNode: Type.String(),
        farFeeder: orNull(Type.String()),
      }),
    ),
    servicePoints: Type.Array(Type.String()),
    customers: Type.Integer(),
    node: Type.String(),
    direction: Type.Enum(['down', 'ties', 'up']),
    fedPhases: Type.String(),
  }),
)

/** GET /api/v1/switches/:id/effect */
export const SwitchEffectAnswer = described(
  Type.Object({
    feeders: FeedersMoved,
    limitsPassed: LimitsPassed,
    parallels: Parallels,
    switch: Type.String(),
    position: Type.Enum(['closed', 'open']),
    now: Type.String(),
    customersRestored: Type.Integer(),
    customersLost: Type.Integer(),
    stillOut: Type.Number(),
    lifeSupportRestored: Type.Number(),
    lifeSupportLost: Type.Number(),
    lines: Type.Array(Type.Number()),
  }),
)

/** GET /api/v1/switches/:id/trace */
export const SwitchTraceAnswer = described(
  Type.Object({ lines: Type.Array(Type.Number()), switches: Type.Array(Type.Number()) }),
)
