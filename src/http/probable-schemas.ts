import { Type } from 'typebox'
import { described, Instant, orNull } from './schemas.ts'

/** GET /api/v1/probable */
export const ProbableAnswer = described(
  Type.Object({
    asOf: Instant,
    probable: Type.Array(
      Type.Object({
        since: Instant,
        loadPoint: Type.String(),
        kind: Type.Enum(['probablyOff', 'stillDark']),
        dark: Type.Array(Type.String()),
        lit: Type.Integer(),
        customers: Type.Integer(),
      }),
    ),
    outages: Type.Array(
      Type.Object({
        since: Instant,
        key: Type.String({ description: 'the same as long as it is the same guess' }),
        device: orNull(
          Type.String({
            description: 'null where no one switch explains it: then it is one load point alone',
          }),
        ),
        feeder: orNull(
          Type.String({
            description:
              'the feeder that they belong to in the normal state; null where it is not known or not one',
          }),
        ),
        loadPoints: Type.Array(Type.String()),
        customers: Type.Integer({
          description:
            'who would be out if it is so: of the points that spoke where no device is named, else of all below it',
        }),
        evidence: Type.Object({
          dark: Type.Integer({ description: 'service points that said that they are off' }),
          lit: Type.Integer({
            description:
              'service points below that have spoken of supply since. None below a device that is named',
          }),
          darkLoadPoints: Type.Integer(),
          silentLoadPoints: Type.Integer({
            description: 'load points below from which nothing was heard',
          }),
        }),
      }),
    ),
  }),
)
