import { Type } from 'typebox'
import type { Rulebook } from '../reliability/rulebook.ts'
import { rulebookOf, RULEBOOKS } from '../reliability/rulebooks.ts'
import { readTargets, saveTargets } from '../stores/targets.ts'
import { audit, someone } from './acting.ts'
import type { App, HttpParts } from './parts.ts'
import { badField } from './problem.ts'
import { described } from './schemas.ts'

const tags = ['planner']
const DEFAULT_RULEBOOK = 'ieee1366'
const TARGETS_MAX = 100

const Year = Type.Integer({ minimum: 1990, maximum: 2200 })
const RulebookId = Type.Enum(
  RULEBOOKS.map(({ id }) => id),
  { default: DEFAULT_RULEBOOK },
)
const Answer = Type.Object({
  year: Year,
  rulebook: Type.String(),
  targets: Type.Record(Type.String(), Type.Number(), {
    description: 'by symbol of the index, in its unit; of the whole system and the whole year',
  }),
})

/** What the indices of a year are to be: a setting, told beside the figures. */
export async function targetRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts

  app.get(
    '/api/v1/targets',
    {
      schema: {
        tags,
        summary: 'Targets of the indices of a calendar year',
        querystring: Type.Object({ year: Year, rulebook: Type.Optional(RulebookId) }),
        response: { 200: described(Answer) },
      },
    },
    async ({ query }) => {
      const of = { year: query.year, rulebook: query.rulebook ?? DEFAULT_RULEBOOK }
      return { ...of, targets: await readTargets(db, of) }
    },
  )

  app.put(
    '/api/v1/targets',
    {
      schema: {
        tags,
        summary: 'Sets the targets that are named and leaves the rest; null takes one away',
        body: Type.Object(
          {
            year: Year,
            rulebook: Type.Optional(RulebookId),
            targets: Type.Record(
              Type.String({ maxLength: 64 }),
              // One type for both: in a union the server would read null as 0, and 0 is a target.
              Type.Unsafe<number | null>({ type: ['number', 'null'], minimum: 0 }),
              { minProperties: 1, maxProperties: TARGETS_MAX },
            ),
          },
          { additionalProperties: false },
        ),
        response: { 200: described(Answer) },
      },
    },
    async ({ body, identity }) => {
      const of = { year: body.year, rulebook: body.rulebook ?? DEFAULT_RULEBOOK }
      const rulebook = rulebookOf(of.rulebook)
      if (rulebook === undefined) throw new Error(`no rulebook ${of.rulebook}`)
      refuseUnknown(rulebook, Object.keys(body.targets))
      const by = someone(identity)
      const now = clock()
      const targets = await db.transaction().execute(async (tx) => {
        const before = await readTargets(tx, of)
        await saveTargets(tx, of, body.targets, { by: by.subject, at: now })
        const after = await readTargets(tx, of)
        await audit(tx, by, now, 'targets.set', `${of.rulebook} ${of.year}`, before, after)
        return after
      })
      return { ...of, targets }
    },
  )
}

function refuseUnknown(rulebook: Rulebook, symbols: readonly string[]): void {
  const known = rulebook.indices.map(({ symbol }) => symbol)
  for (const symbol of symbols) {
    if (known.includes(symbol)) continue
    const says = `is no index of ${rulebook.id}; it has ${known.join(', ')}`
    const at = `/targets/${symbol.replaceAll('~', '~0').replaceAll('/', '~1')}`
    throw badField({ in: 'body', at, says })
  }
}
