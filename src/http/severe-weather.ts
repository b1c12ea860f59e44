import { Type } from 'typebox'
import type { Tx } from '../stores/database.ts'
import {
  declareSevereWeather,
  endSevereWeather,
  listSevereWeather,
  withdrawSevereWeather,
  type SevereWeather,
} from '../stores/severe-weather.ts'
import type { Identity } from '../stores/identity.ts'
import { audit, someone } from './acting.ts'
import { Id, InstantText, instantOf, PAGE_SIZE } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField, notFound } from './problem.ts'
import { described, Instant, orNull } from './schemas.ts'

const tags = ['planner']
const WORDS_CHARS_MAX = 500

const Category = Type.Enum(['severe1', 'severe2'], {
  description: 'GB regulation 7: category 1 (restore within 24 h) and 2 (48 h)',
})
const Weather = Type.Object({
  id: Type.Integer(),
  area: orNull(Type.String()),
  category: Category,
  from: Instant,
  until: orNull(Instant),
  reason: Type.String(),
  declaredBy: Type.String(),
  declaredAt: Instant,
  withdrawnBy: orNull(Type.String()),
  withdrawnAt: orNull(Instant),
})
const Params = Type.Object({ id: Type.Integer({ minimum: 1 }) })

/** Severe weather as a person has declared it: what is owed to customers goes by it. */
export async function severeWeatherRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts

  app.get(
    '/api/v1/severe-weather',
    {
      schema: {
        tags,
        summary: 'Severe weather that was declared, the latest first',
        response: { 200: described(Type.Object({ weather: Type.Array(Weather) })) },
      },
    },
    async () => ({ weather: await listSevereWeather(db, { limit: PAGE_SIZE }) }),
  )

  app.post(
    '/api/v1/severe-weather',
    {
      schema: {
        tags,
        summary:
          'Declares severe weather of an area, or of all: what is owed for outages that began in it goes by its category',
        body: Type.Object(
          {
            area: Type.Union([Id, Type.Null()], { description: 'an area; null: everywhere' }),
            category: Category,
            from: InstantText,
            until: Type.Optional(Type.Union([InstantText, Type.Null()])),
            reason: Type.String({ minLength: 1, maxLength: WORDS_CHARS_MAX }),
          },
          { additionalProperties: false },
        ),
        response: { 200: described(Weather) },
      },
    },
    async ({ body, identity }) => {
      const from = instantOf('/from', body.from)
      const until = body.until == null ? null : instantOf('/until', body.until)
      if (from > clock()) throw badField({ in: 'body', at: '/from', says: 'must not lie ahead' })
      if (until !== null && until <= from)
        throw badField({ in: 'body', at: '/until', says: 'must be later than from' })
      const { area, category, reason } = body
      const substations = parts.network.current()?.tables.substations ?? []
      if (area !== null && !substations.some((one) => one.area === area))
        throw notFound('unknown-area', `no substation lies in the area ${area}`)
      const by = someone(identity)
      const now = clock()
      return await db.transaction().execute(async (tx) => {
        const declared = { area, category, from, until, reason }
        const id = await declareSevereWeather(tx, declared, { by: by.subject, at: now })
        const weather = await known(tx, id)
        await audit(tx, by, now, 'severe-weather.declare', String(id), null, weather)
        return weather
      })
    },
  )

  app.post(
    '/api/v1/severe-weather/:id/end',
    {
      schema: {
        tags,
        summary: 'Says when it was over; now where nothing is said',
        params: Params,
        body: Type.Object({ until: Type.Optional(InstantText) }, { additionalProperties: false }),
        response: { 200: described(Weather) },
      },
    },
    async ({ params, body, identity }) => {
      const until = body.until === undefined ? clock() : instantOf('/until', body.until)
      return await change(params.id, identity, 'severe-weather.end', async (tx, before) => {
        if (until <= Date.parse(before.from))
          throw badField({ in: 'body', at: '/until', says: 'must be later than from' })
        return await endSevereWeather(tx, params.id, until)
      })
    },
  )

  app.post(
    '/api/v1/severe-weather/:id/withdraw',
    {
      schema: {
        tags,
        summary: 'It was declared by mistake: nothing goes by it any more',
        params: Params,
        response: { 200: described(Weather) },
      },
    },
    async ({ params, identity }) =>
      await change(params.id, identity, 'severe-weather.withdraw', (tx, _, by) =>
        withdrawSevereWeather(tx, params.id, { by: by.subject, at: clock() }),
      ),
  )

  async function change(
    id: number,
    identity: Identity | null,
    act: string,
    does: (tx: Tx, before: SevereWeather, by: Identity) => Promise<boolean>,
  ): Promise<SevereWeather> {
    const by = someone(identity)
    return await db.transaction().execute(async (tx) => {
      const before = await known(tx, id)
      if (!(await does(tx, before, by)))
        throw notFound('withdrawn', `severe weather ${id} was withdrawn`)
      const after = await known(tx, id)
      await audit(tx, by, clock(), act, String(id), before, after)
      return after
    })
  }
}

async function known(tx: Tx, id: number): Promise<SevereWeather> {
  const [weather] = await listSevereWeather(tx, { limit: 1, id })
  if (weather === undefined)
    throw notFound('unknown-severe-weather', `no severe weather has the number ${id}`)
  return weather
}
