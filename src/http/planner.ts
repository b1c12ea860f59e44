import { Type } from 'typebox'
import { addDays, dayNumber, isDay } from '../reliability/calendar.ts'
import { rulebookOf, RULEBOOKS } from '../reliability/rulebooks.ts'
import { explain } from '../stores/explain.ts'
import {
  EXCLUSIONS,
  GROUPINGS,
  indicesReport,
  majorDays,
  REPORT_DAYS_MAX,
  type Exclusion,
  type ReportQuestion,
} from '../stores/indices.ts'
import { Id } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField } from './problem.ts'

const tags = ['planner']
const DEFAULT_RULEBOOK = 'ieee1366'

const Day = Type.String({ maxLength: 10, description: 'local day, YYYY-MM-DD' })
const RulebookId = Type.Enum(
  RULEBOOKS.map(({ id }) => id),
  { default: DEFAULT_RULEBOOK },
)
const Exclude = Type.String({
  maxLength: 100,
  description: `comma-separated: ${EXCLUSIONS.join(', ')}`,
})

/** The parameters of `relight indices`, and a place to look at alone. */
export const ReportQuery = Type.Object({
  from: Day,
  to: Day,
  by: Type.Optional(Type.Enum(GROUPINGS, { default: 'system' })),
  rulebook: Type.Optional(RulebookId),
  exclude: Type.Optional(Exclude),
  area: Type.Optional(Id),
  substation: Type.Optional(Id),
  feeder: Type.Optional(Id),
})

export async function plannerRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings

  app.get(
    '/api/v1/indices',
    {
      schema: {
        tags,
        summary: 'Reliability indices of a period; `to` is exclusive',
        querystring: ReportQuery,
      },
    },
    async ({ query }) => indicesReport(db, reportQuestion(query, clock(), timeZone)),
  )

  app.get(
    '/api/v1/indices/explain',
    {
      schema: {
        tags,
        summary: 'One row of a report taken apart: outages, sets of customers, observations',
        querystring: Type.Interface([ReportQuery], {
          group: Type.Optional(
            Type.String({ maxLength: 128, description: 'the row; none: the row without a group' }),
          ),
        }),
      },
    },
    async ({ query }) =>
      explain(db, {
        ...reportQuestion(query, clock(), timeZone),
        group: query.group ?? (query.by === undefined || query.by === 'system' ? 'system' : null),
      }),
  )

  app.get(
    '/api/v1/major-days',
    {
      schema: {
        tags,
        summary: 'Threshold and days of the 2.5 beta method',
        querystring: Type.Object({
          year: Type.Integer({ minimum: 1900, maximum: 2200 }),
          area: Type.Optional(Id),
          rulebook: Type.Optional(RulebookId),
        }),
      },
    },
    async ({ query }) =>
      majorDays(db, {
        year: query.year,
        area: query.area ?? null,
        rulebook: rulebookNamed(query.rulebook),
        now: clock(),
        timeZone,
      }),
  )
}

type Query = {
  readonly from: string
  readonly to: string
  readonly by?: ReportQuestion['by']
  readonly rulebook?: string
  readonly exclude?: string
  readonly area?: string
  readonly substation?: string
  readonly feeder?: string
}

/** The question that a query string asks; a fault in it throws the problem. */
export function reportQuestion(query: Query, now: number, timeZone: string): ReportQuestion {
  for (const name of ['from', 'to'] as const) {
    if (isDay(query[name])) continue
    throw badField({ in: 'query', at: `/${name}`, says: 'must be a day, YYYY-MM-DD' })
  }
  const days = dayNumber(query.to) - dayNumber(query.from)
  if (days < 1) {
    const earliest = addDays(query.from, 1)
    throw badField({ in: 'query', at: '/to', says: `is exclusive: must be ${earliest} or later` })
  }
  if (days > REPORT_DAYS_MAX) {
    throw badField({
      in: 'query',
      at: '/to',
      says: `must be at most ${REPORT_DAYS_MAX} days after from`,
    })
  }
  const { area, substation, feeder } = query
  const within = {
    ...(area === undefined ? {} : { area }),
    ...(substation === undefined ? {} : { substation }),
    ...(feeder === undefined ? {} : { feeder }),
  }
  return {
    from: query.from,
    to: query.to,
    by: query.by ?? 'system',
    rulebook: rulebookNamed(query.rulebook),
    exclude: exclusions(query.exclude),
    ...(Object.keys(within).length === 0 ? {} : { within }),
    now,
    timeZone,
  }
}

function rulebookNamed(id: string = DEFAULT_RULEBOOK) {
  const rulebook = rulebookOf(id)
  if (rulebook === undefined) {
    const known = RULEBOOKS.map((book) => book.id).join(', ')
    throw badField({ in: 'query', at: '/rulebook', says: `must be one of ${known}` })
  }
  return rulebook
}

function exclusions(text: string | undefined): Exclusion[] {
  const words = (text ?? '').split(',').filter((word) => word !== '')
  return words.map((word) => {
    const known = EXCLUSIONS.find((exclusion) => exclusion === word.trim())
    if (known !== undefined) return known
    throw badField({
      in: 'query',
      at: '/exclude',
      says: `${JSON.stringify(word)} is not one of ${EXCLUSIONS.join(', ')}`,
    })
  })
}
