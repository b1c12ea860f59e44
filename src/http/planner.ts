import { Type } from 'typebox'
import { addDays, dayNumber, isDay } from '../reliability/calendar.ts'
import { rulebookOf, RULEBOOKS } from '../reliability/rulebooks.ts'
import { reportHtml } from '../reliability/report-html.ts'
import { reportXlsx } from '../reliability/report-xlsx.ts'
import { reportCsv, REPORT_LANGUAGES } from '../reliability/report.ts'
import { writeAudit } from '../stores/accounts.ts'
import { explain } from '../stores/explain.ts'
import { indicesReport } from '../stores/indices.ts'
import { majorDays } from '../stores/major-days.ts'
import {
  EXCLUSIONS,
  GROUPINGS,
  REPORT_DAYS_MAX,
  type Exclusion,
  type ReportQuestion,
} from '../stores/report-question.ts'
import { closePeriod, restatements } from '../stores/periods.ts'
import { Id } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField, Problem } from './problem.ts'

const tags = ['planner']
const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'
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
        querystring: Type.Interface([ReportQuery], {
          format: Type.Optional(Type.Enum(['json', 'csv', 'xlsx', 'html'], { default: 'json' })),
          language: Type.Optional(Type.Enum(REPORT_LANGUAGES, { default: 'en' })),
        }),
      },
    },
    async ({ query }, reply) => {
      const report = await indicesReport(db, reportQuestion(query, clock(), timeZone))
      const language = query.language ?? 'en'
      const name = `indices-${report.rulebook.id}-${report.from}-${report.to}`
      const attach = (ending: string) =>
        reply.header('content-disposition', `attachment; filename="${name}.${ending}"`)
      switch (query.format ?? 'json') {
        case 'csv':
          return attach('csv').type('text/csv; charset=utf-8').send(reportCsv(report))
        case 'xlsx':
          return attach('xlsx')
            .type(XLSX)
            .send(Buffer.from(reportXlsx(report, language)))
        case 'html':
          return reply.type('text/html; charset=utf-8').send(reportHtml(report, language))
        case 'json':
          return report
      }
    },
  )

  app.post(
    '/api/v1/periods/:month/close',
    {
      schema: {
        tags,
        summary:
          'Files the figures of a month; later corrections appear as restatements beside them',
        params: Type.Object({ month: Type.String({ maxLength: 7, description: 'YYYY-MM' }) }),
      },
    },
    async ({ params: { month }, identity }) => {
      if (identity === null) throw new Error('the guard let nobody in')
      const now = clock()
      const bySubject = identity.subject
      const answer = await closePeriod(db, { month, bySubject, now, timeZone })
      switch (answer.outcome) {
        case 'bad-month':
          throw badField({ in: 'params', at: '/month', says: 'must be a month, YYYY-MM' })
        case 'not-over':
          throw new Problem(409, answer.outcome, `${month} is not over before ${answer.endsAt}`)
        case 'provisional':
          throw new Problem(409, answer.outcome, `someone interrupted in ${month} is still out`)
        case 'closed':
          await writeAudit(db, {
            at: now,
            subject: bySubject,
            role: identity.role,
            act: 'period.close',
            target: month,
            before: null,
            after: { month },
          })
          return { ...answer.period, restatements: [] }
        case 'already-closed':
          return { ...answer.period, restatements: await restatements(db, month, now) }
      }
    },
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
