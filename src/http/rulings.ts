import { Type } from 'typebox'
import type { Act } from '../ledger/acts.ts'
import { readOutage } from '../stores/outages-read.ts'
import { perform, refuse, unknownOutage } from './dispatcher.ts'
import { Id, IdParams, InstantText, instantOf } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField } from './problem.ts'
import { described, Outage } from './schemas.ts'

const tags = ['dispatcher']

const Ruled = Type.Object({
  outage: Outage,
  part: Type.Object(Outage.properties, { description: 'what was merged into it, or taken out' }),
})

/** Which interruptions are one outage is a dispatcher's to say; how many minutes they are is not. */
export async function rulingRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts

  /** The outage that keeps the name, and the one that was merged into it or taken out of it. */
  async function ruled(
    act: Act & { act: 'merge' | 'split' },
    identity: Parameters<typeof perform>[1],
  ): Promise<unknown> {
    const { outages } = refuse(await perform(parts, identity, act), act.outage)
    const [outage, part] = await Promise.all(outages.map((id) => readOutage(db, id, clock())))
    if (outage === undefined) throw unknownOutage(act.outage)
    return { outage, part }
  }

  app.post(
    '/api/v1/outages/:id/merge',
    {
      schema: {
        tags,
        summary: 'Two outages are one; the one that began first keeps its name',
        params: IdParams,
        body: Type.Object({ with: Id }),
        response: { 200: described(Ruled) },
      },
    },
    ({ params, body, identity }) =>
      ruled({ act: 'merge', outage: params.id, with: body.with }, identity),
  )

  app.post(
    '/api/v1/outages/:id/split',
    {
      schema: {
        tags,
        summary:
          'Takes out what was merged into it (part), or makes what its device did from an instant on an outage of its own (at)',
        params: IdParams,
        body: Type.Object({ part: Type.Optional(Id), at: Type.Optional(InstantText) }),
        response: { 200: described(Ruled) },
      },
    },
    ({ params, body, identity }) => {
      const { part, at } = body
      if ((part === undefined) === (at === undefined)) {
        throw badField({ in: 'body', at: '/part', says: 'name either part or at' })
      }
      const act = { act: 'split', outage: params.id } as const
      return ruled(
        part === undefined
          ? { ...act, part: null, at: instantOf('/at', at as string) }
          : { ...act, part, at: null },
        identity,
      )
    },
  )
}
