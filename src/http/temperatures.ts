import { Type } from 'typebox'
import { saveTemperatures, temperaturesOf } from '../stores/temperatures.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN, toIso } from '../time.ts'
import { audit, someone } from './acting.ts'
import { forgetForecasts } from './forecasts.ts'
import type { NetworkView } from './network-in-force.ts'
import { inForce } from './network.ts'
import { IdParams, InstantText, instantOf, queryWhen, WhenText } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { TemperaturesAnswer, TemperaturesSavedAnswer } from './planning-schemas.ts'
import { badField, notFound } from './problem.ts'

const tags = ['planner']
/** A year and a month of hours at once. */
const HOURS_MAX = 9_600
/** Room for so many. */
const BODY_BYTES_MAX = 1_048_576
const SPAN_DAYS_MAX = 400
/** Nobody knows the weather further ahead. */
const AHEAD_DAYS_MAX = 16
/** Clocks of weather services may be a little ahead of ours. */
const ISSUED_AHEAD_MAX_MS = MS_PER_MIN

/** Temperatures from outside, for the forecast of loads: by area, by substation or by feeder; of several the nearest to the load is used. */
export async function temperatureRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings

  app.post(
    '/api/v1/temperatures/:id',
    {
      bodyLimit: BODY_BYTES_MAX,
      schema: {
        tags,
        summary:
          'What was known at `issuedAt` of the temperature of an area, substation or feeder: before it as measured, after it as forecast',
        params: IdParams,
        body: Type.Object({
          issuedAt: Type.Optional(InstantText),
          hours: Type.Array(
            Type.Object({
              at: Type.String({ ...InstantText, description: 'beginning of a whole hour' }),
              celsius: Type.Number({ minimum: -90, maximum: 60 }),
            }),
            { minItems: 1, maxItems: HOURS_MAX },
          ),
        }),
        response: { 200: TemperaturesSavedAnswer },
      },
    },
    async ({ params, body, identity }) => {
      placeNamed(await inForce(parts), params.id)
      const now = clock()
      const issuedAt = body.issuedAt === undefined ? now : instantOf('/issuedAt', body.issuedAt)
      if (issuedAt > now + ISSUED_AHEAD_MAX_MS) {
        throw badField({ in: 'body', at: '/issuedAt', says: 'must not lie ahead' })
      }
      const words = body.hours.map(({ at: text, celsius }, i) => {
        const place = `/hours/${i}/at`
        const at = instantOf(place, text)
        if (at % MS_PER_H !== 0) {
          throw badField({ in: 'body', at: place, says: 'must be the beginning of a whole hour' })
        }
        if (at > issuedAt + AHEAD_DAYS_MAX * MS_PER_DAY) {
          const says = `must be at most ${AHEAD_DAYS_MAX} days after issuedAt`
          throw badField({ in: 'body', at: place, says })
        }
        return { at, issuedAt, celsius }
      })
      const by = someone(identity)
      await db.transaction().execute(async (tx) => {
        await saveTemperatures(tx, params.id, words, now)
        const about = { issuedAt: toIso(issuedAt), hours: words.length }
        await audit(tx, by, now, 'temperatures.add', params.id, null, about)
      })
      forgetForecasts(parts)
      const measured = words.filter(({ at }) => at <= issuedAt).length
      return {
        place: params.id,
        issuedAt: toIso(issuedAt),
        measured,
        forecast: words.length - measured,
      }
    },
  )

  app.get(
    '/api/v1/temperatures/:id',
    {
      schema: {
        tags,
        summary:
          'The newest that is known of each hour; of two days and the week ahead where no span is asked',
        params: IdParams,
        querystring: Type.Object({ from: Type.Optional(WhenText), to: Type.Optional(WhenText) }),
        response: { 200: TemperaturesAnswer },
      },
    },
    async ({ params, query }) => {
      placeNamed(await inForce(parts), params.id)
      const from = queryWhen('from', query.from, timeZone) ?? clock() - 2 * MS_PER_DAY
      const until = queryWhen('to', query.to, timeZone) ?? Math.max(from, clock()) + 7 * MS_PER_DAY
      if (until <= from || until - from > SPAN_DAYS_MAX * MS_PER_DAY) {
        const says = `must be after from, by at most ${SPAN_DAYS_MAX} days`
        throw badField({ in: 'query', at: '/to', says })
      }
      const words = await temperaturesOf(db, params.id, { from, until })
      return {
        place: params.id,
        hours: words.map(({ at, issuedAt, celsius }) => ({
          at: toIso(at),
          celsius,
          issuedAt: toIso(issuedAt),
          measured: issuedAt >= at,
        })),
      }
    },
  )
}

function placeNamed({ network }: NetworkView, id: string): void {
  const isKnown =
    network.feeders.some((row) => row.id === id) ||
    network.substations.some((row) => row.id === id || row.area === id)
  if (!isKnown) throw notFound('unknown-place', `${id} is no area, substation or feeder`)
}
