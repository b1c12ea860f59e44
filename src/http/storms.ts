import { Type, type Static } from 'typebox'
import type { StormAct } from '../ledger/acts.ts'
import { listStorms } from '../stores/storms.ts'
import { perform, refuse } from './dispatcher.ts'
import { Id, InstantText, PAGE_SIZE } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField, notFound } from './problem.ts'
import { StormAnswer, StormsAnswer } from './storm-schemas.ts'

const tags = ['dispatcher']
const WORDS_CHARS_MAX = 500

const Estimate = Type.Object({
  at: InstantText,
  earliest: Type.Optional(Type.Union([InstantText, Type.Null()])),
  latest: Type.Optional(Type.Union([InstantText, Type.Null()])),
})
const Where = Type.Union([Id, Type.Null()], { description: 'an area; null: everywhere' })
const Reason = Type.Optional(Type.String({ minLength: 1, maxLength: WORDS_CHARS_MAX }))

/** Storm mode: declared by area, with one estimate for all of it or none, until it is ended. */
export async function stormRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts

  app.get(
    '/api/v1/storms',
    {
      schema: {
        tags,
        summary: 'Storm mode: where it is declared, its estimates, and who decided what when',
        querystring: Type.Object({
          active: Type.Optional(Type.Boolean({ default: true })),
        }),
        response: { 200: StormsAnswer },
      },
    },
    async ({ query }) => ({
      storms: await listStorms(db, { active: query.active ?? true, limit: PAGE_SIZE }),
    }),
  )

  function estimateOf(given: Static<typeof Estimate> | null | undefined): StormAct['etr'] {
    if (given == null) return null
    const at = Date.parse(given.at)
    const earliest = given.earliest == null ? null : Date.parse(given.earliest)
    const latest = given.latest == null ? null : Date.parse(given.latest)
    if (at <= clock()) {
      throw badField({ in: 'body', at: '/etr/at', says: 'must lie in the future' })
    }
    if (earliest !== null && earliest > at) {
      throw badField({ in: 'body', at: '/etr/earliest', says: 'must not be later than at' })
    }
    if (latest !== null && latest < at) {
      throw badField({ in: 'body', at: '/etr/latest', says: 'must not be earlier than at' })
    }
    return { at, earliest, latest }
  }

  const acting = (
    does: StormAct['does'],
    area: string | null,
    body: { readonly etr?: unknown; readonly reason?: string },
  ): StormAct => ({
    act: 'storm',
    does,
    area,
    etr: estimateOf(body.etr as Static<typeof Estimate> | null | undefined),
    reason: body.reason ?? null,
  })

  /** An area that no substation lies in would hold nothing, and nobody would notice. */
  function known(area: string | null): string | null {
    if (area === null) return null
    const substations = parts.network.current()?.tables.substations ?? []
    if (!substations.some((one) => one.area === area)) {
      throw notFound('unknown-area', `no substation lies in the area ${area}`)
    }
    return area
  }

  for (const [path, does, summary] of [
    ['declare', 'declare', 'Declares it: machines estimate no single outage there any more'],
    [
      'estimate',
      'estimate',
      'One estimate for all outages of the area; without one it is withdrawn',
    ],
    ['end', 'end', 'Ends it: outages are estimated one by one again'],
  ] as const) {
    app.post(
      `/api/v1/storms/${path}`,
      {
        schema: {
          tags,
          summary,
          body: Type.Object({
            area: Where,
            ...(does === 'end' ? {} : { etr: Type.Optional(Type.Union([Estimate, Type.Null()])) }),
            reason: Reason,
          }),
          response: { 200: StormAnswer },
        },
      },
      async (request) => {
        const area = does === 'end' ? request.body.area : known(request.body.area)
        const act = acting(does, area, request.body)
        const { outages } = refuse(
          await perform(parts, request.identity, act),
          area ?? 'everywhere',
        )
        const storms = await listStorms(db, { active: does !== 'end', limit: PAGE_SIZE })
        return { storm: storms.find((storm) => storm.area === area) ?? null, outages }
      },
    )
  }
}
