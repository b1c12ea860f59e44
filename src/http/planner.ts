import { Type } from 'typebox'
import { reportHtml } from '../reliability/report-html.ts'
import { reportSheets } from '../reliability/report-sheets.ts'
import { reportCsv } from '../reliability/report.ts'
import { compareReports, type ComparedSide, type Headline } from '../stores/compare.ts'
import { explain, noSuchRow } from '../stores/explain.ts'
import { indicesReport } from '../stores/indices.ts'
import { majorDays } from '../stores/major-days.ts'
import { filedMonths } from '../stores/periods.ts'
import { withinOf } from '../stores/report-question.ts'
import { ExplainAnswer } from './explain-schemas.ts'
import { Id } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField } from './problem.ts'
import {
  Exclude,
  exclusionsIn,
  FormQuery,
  periodFaults,
  PeriodQuery,
  PlaceQuery,
  refuse,
  ReportQuery,
  reportQuestion,
  RulebookId,
  rulebookNamed,
} from './report-query.ts'
import { Difference, IndicesReport, MajorDays } from './report-schemas.ts'
import { described, inForms } from './schemas.ts'
import { sendForm } from './send-form.ts'

const tags = ['planner']

export async function plannerRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings

  app.get(
    '/api/v1/indices',
    {
      schema: {
        tags,
        summary: 'Reliability indices of a period; `to` is exclusive',
        querystring: Type.Interface([ReportQuery, FormQuery], {}),
        response: { 200: inForms(described(IndicesReport)) },
      },
    },
    async ({ query }, reply) => {
      const question = reportQuestion(query, clock(), timeZone)
      const report = await indicesReport(db, question)
      const language = query.language ?? 'en'
      const format = query.format ?? 'json'
      const { id: rulebook } = report.rulebook
      // What is filed is filed of the whole system.
      const isWhole = Object.keys(withinOf(query)).length === 0
      const filed =
        isWhole && (format === 'html' || format === 'xlsx')
          ? await filedMonths(db, { from: report.from, to: report.to, rulebook }, clock())
          : []
      return sendForm(reply, format, {
        name: `indices-${rulebook}-${report.from}-${report.to}`,
        json: () => report,
        csv: () => reportCsv(report),
        sheets: () => reportSheets({ ...report, filed }, language),
        html: () => reportHtml({ ...report, filed }, language),
      })
    },
  )

  app.get(
    '/api/v1/indices/difference',
    {
      schema: {
        tags,
        summary: 'Why two rulebooks, or two filters, give two figures for the same interruptions',
        querystring: Type.Interface([PeriodQuery, PlaceQuery], {
          a: RulebookId,
          b: RulebookId,
          excludeA: Type.Optional(Exclude),
          excludeB: Type.Optional(Exclude),
        }),
        response: { 200: Difference },
      },
    },
    async ({ query }) => {
      const [a, b] = [
        exclusionsIn('excludeA', query.excludeA),
        exclusionsIn('excludeB', query.excludeB),
      ]
      refuse([...periodFaults(query), ...a.faults, ...b.faults])
      const { from, to } = query
      const found = await compareReports(
        db,
        { from, to, ...withinOf(query), now: clock(), timeZone },
        { rulebook: rulebookNamed(query.a), exclude: a.found },
        { rulebook: rulebookNamed(query.b), exclude: b.found },
      )
      return {
        from,
        to,
        timeZone,
        a: sideOf(found.first),
        b: sideOf(found.second),
        parts: found.steps.map((step) => ({
          rule: step.setting,
          name: step.name,
          a: step.firstInWords,
          b: step.secondInWords,
          change: {
            interruptions: step.interruptionsChange,
            unitMs: step.unitMsChange,
            saifi: step.saifiChange,
            saidiMin: step.saidiMinChange,
          },
          after: headlineOf(step.after),
        })),
        difference: {
          interruptions: found.interruptionsDifference,
          unitMs: found.unitMsDifference,
          saifi: found.saifiDifference,
          saidiMin: found.saidiMinDifference,
        },
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
          index: Type.Optional(
            Type.String({
              maxLength: 32,
              description: 'a symbol of the rulebook: the parts of that figure as well',
            }),
          ),
        }),
        response: { 200: ExplainAnswer },
      },
    },
    async ({ query }) => {
      const question = reportQuestion(query, clock(), timeZone)
      const { indices } = question.rulebook
      const index = indices.find(({ symbol }) => symbol === query.index)
      if (query.index !== undefined && index === undefined) {
        const says = `is not one of ${indices.map(({ symbol }) => symbol).join(', ')}`
        refuse([{ in: 'query', at: '/index', says }])
      }
      const group = query.group ?? (question.by === 'system' ? 'system' : null)
      const told = await explain(db, {
        ...question,
        group,
        ...(index === undefined ? {} : { index }),
      })
      if ('rows' in told)
        throw badField({ in: 'query', at: '/group', says: noSuchRow(question, group, told) })
      return told
    },
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
        response: { 200: described(MajorDays) },
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

function sideOf({ rulebook, exclude, headline }: ComparedSide) {
  const name = rulebookNamed(rulebook).name
  const told = headlineOf(headline)
  return { rulebook, name: { en: name.en, 'zh-CN': name.zh }, exclude, headline: told }
}

const headlineOf = ({ unitsServed, interruptions, unitMs, saifi, saidiMin }: Headline) => ({
  unitsServed,
  interruptions,
  unitMs,
  saifi,
  saidiMin,
})
