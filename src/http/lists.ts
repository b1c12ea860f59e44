import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { addDays, isDay, localDayOf } from '../reliability/calendar.ts'
import {
  printedCustomers,
  printedFrequent,
  printedPareto,
  printedWorst,
  type ListedOf,
} from '../reliability/lists-printed.ts'
import { CAUSE_LEVELS, causeName, PARETO_ORDERS } from '../reliability/pareto.ts'
import { listCsv, listHtml, listSheets, type PrintedList } from '../reliability/printed-list.ts'
import type { ReportLanguage } from '../reliability/report.ts'
import type { Words } from '../reliability/rule-words.ts'
import { WORST_ORDERS } from '../reliability/worst.ts'
import { causePareto } from '../stores/cause-pareto.ts'
import { listCustomers, type ListedCustomers } from '../stores/customer-list.ts'
import {
  FREQUENT_MONTHS_MAX,
  FREQUENT_RULES,
  frequentlyInterrupted,
  type FrequentRule,
} from '../stores/frequent.ts'
import { notesOf } from '../stores/indices.ts'
import { withinOf, type ReportQuestion } from '../stores/report-question.ts'
import { rankFeeders } from '../stores/worst-feeders.ts'
import type { NetworkView } from './network-in-force.ts'
import type { App, HttpParts } from './parts.ts'
import type { ProblemPart } from './problem.ts'
import { CauseList, CustomerList, FrequentList, FeederList } from './list-schemas.ts'
import {
  Exclude,
  exclusionsIn,
  FormQuery,
  ListQuery,
  PlaceQuery,
  refuse,
  reportQuestion,
  RulebookId,
  rulebookNamed,
} from './report-query.ts'
import { inForms } from './schemas.ts'
import { sendForm } from './send-form.ts'

const tags = ['planner']
/** Rows of a list in JSON unless more are asked for, and at most; files have all up to the last. */
const ROWS = 1000
const ROWS_MAX = 10_000
const FILE_ROWS_MAX = 200_000
const HOURS_MAX = 8784
const YEARS_MAX = 5
const FIRST_DAY = '1900-01-01'

const Rows = Type.Integer({ minimum: 1, maximum: ROWS_MAX, default: ROWS })
const Hours = Type.Number({ exclusiveMinimum: 0, maximum: HOURS_MAX })

type Form = { format?: 'json' | 'csv' | 'xlsx' | 'html'; language?: ReportLanguage; limit?: number }

/** Lists that are read beside the indices: who, which feeders, why. */
export async function listRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings

  const questionOf = (query: Parameters<typeof reportQuestion>[0]): ReportQuestion => {
    const question = reportQuestion(query, clock(), timeZone)
    if (question.from < FIRST_DAY)
      refuse([{ in: 'query', at: '/from', says: `must be ${FIRST_DAY} or later` }])
    return question
  }

  app.get(
    '/api/v1/indices/causes',
    {
      schema: {
        tags,
        summary: 'Causes by what they add: outages, CI, CMI, cumulative share',
        querystring: Type.Interface([ListQuery, FormQuery], {
          level: Type.Optional(Type.Enum(CAUSE_LEVELS, { default: 'category' })),
          order: Type.Optional(Type.Enum(PARETO_ORDERS, { default: 'cmi' })),
        }),
        response: { 200: inForms(CauseList) },
      },
    },
    async ({ query }, reply) => {
      const { level = 'category', order = 'cmi' } = query
      const asked = questionOf(query)
      const { question, rows } = await causePareto(db, asked, { level, order })
      const of = listedOf(question, notesOf(question, asked.rulebook, 0))
      return sendList(reply, query, 'causes', printedPareto(of, { level, order, rows }), {
        ...of,
        level,
        order,
        rows: rows.map((row) => ({ ...row, name: causeName(level, row.group) })),
      })
    },
  )

  app.get(
    '/api/v1/indices/worst-feeders',
    {
      schema: {
        tags,
        summary: 'Feeders by what they did to customers, with their rank of earlier years',
        querystring: Type.Interface([ListQuery, FormQuery], {
          order: Type.Optional(Type.Enum(WORST_ORDERS, { default: 'cmi' })),
          worst: Type.Optional(Type.Integer({ minimum: 1, maximum: ROWS_MAX, default: 10 })),
          years: Type.Optional(Type.Integer({ minimum: 0, maximum: YEARS_MAX, default: 2 })),
          limit: Type.Optional(Rows),
        }),
        response: { 200: inForms(FeederList) },
      },
    },
    async ({ query }, reply) => {
      const { order = 'cmi', worst = 10, years = 2 } = query
      const asked = questionOf(query)
      const { report, rows } = await rankFeeders(db, asked, { order, worst, years })
      const of = listedOf(asked, report.notesInWords)
      const { told, rowsInAll } = cut(rows, query)
      const printed = printedWorst(of, { order, worst, years, rows: told })
      const json = { ...of, order, worst, years, rowsInAll, rows: told }
      return sendList(reply, query, 'worst-feeders', printed, json)
    },
  )

  app.get(
    '/api/v1/indices/customers',
    {
      schema: {
        tags,
        summary: 'Load points with many or long interruptions: who CEMI-n and CELID count',
        querystring: Type.Interface([ListQuery, FormQuery], {
          repeated: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 1000, default: 3, description: 'n of CEMI-n' }),
          ),
          longSingleH: Type.Optional(Hours),
          longTotalH: Type.Optional(Hours),
          servicePoints: Type.Optional(
            Type.Boolean({ description: 'name the service points of each row' }),
          ),
          limit: Type.Optional(Rows),
        }),
        response: { 200: inForms(CustomerList) },
      },
    },
    async ({ query }, reply) => {
      const asked = questionOf(query)
      const { settings } = asked.rulebook
      const thresholds = {
        repeated: query.repeated ?? 3,
        longSingleH: query.longSingleH ?? settings.longSingleH,
        longTotalH: query.longTotalH ?? settings.longTotalH,
      }
      const found = await listCustomers(db, asked, thresholds)
      const of = listedOf(found.question, [
        ...notesOf(found.question, asked.rulebook, 0),
        ...(found.nameless > 0 ? [namelessNote(found.nameless)] : []),
      ])
      const { told, rowsInAll } = cut(found.rows, query)
      const { unitsServed, repeated, longSingle, longTotal, nameless } = found
      const counts = [
        ...repeated.map(({ n, ...count }) => ({ name: same(`CEMI-${n}`), ...count })),
        { name: same('CELID-s'), ...longSingle },
        { name: same('CELID-t'), ...longTotal },
      ]
      const printed = printedCustomers(of, { thresholds, counts, unitsServed, rows: told })
      const named =
        query.servicePoints === true ? servicePointsBy(parts.network.current(), told) : null
      return sendList(reply, query, 'customers', printed, {
        ...of,
        thresholds,
        unitsServed,
        repeated,
        longSingle,
        longTotal,
        nameless,
        rowsInAll,
        rows: told.map(({ group, ...row }) => ({
          ...row,
          ...(named === null ? {} : { servicePoints: group === null ? null : named(group) }),
        })),
      })
    },
  )

  app.get(
    '/api/v1/indices/frequent',
    {
      schema: {
        tags,
        summary: 'Watch list: load points that were interrupted often in the months before a day',
        querystring: Type.Interface([PlaceQuery, FormQuery], {
          until: Type.Optional(
            Type.String({
              maxLength: 10,
              description:
                'local day, YYYY-MM-DD, exclusive; the day after today where it is not said',
            }),
          ),
          rules: Type.Optional(
            Type.String({
              maxLength: 100,
              default: rulesText(FREQUENT_RULES),
              description: 'comma-separated; 3in2: three or more in two months',
            }),
          ),
          rulebook: Type.Optional({ ...RulebookId, default: 'dlt836' }),
          exclude: Type.Optional(Exclude),
          limit: Type.Optional(Rows),
        }),
        response: { 200: inForms(FrequentList) },
      },
    },
    async ({ query }, reply) => {
      const now = clock()
      const until = query.until ?? addDays(localDayOf(now, timeZone), 1)
      const exclude = exclusionsIn('exclude', query.exclude)
      const rules = rulesIn(query.rules)
      const day: ProblemPart[] =
        isDay(until) && until >= FIRST_DAY
          ? []
          : [{ in: 'query', at: '/until', says: `must be a day from ${FIRST_DAY} on, YYYY-MM-DD` }]
      const major: ProblemPart[] = exclude.found.includes('major')
        ? [
            {
              in: 'query',
              at: '/exclude',
              says: 'major does not apply: customers were out all the same',
            },
          ]
        : []
      refuse([...day, ...rules.faults, ...exclude.faults, ...major])
      const rulebook = rulebookNamed(query.rulebook ?? 'dlt836')
      const asked = { rulebook, exclude: exclude.found, now, timeZone, ...withinOf(query) }
      const found = await frequentlyInterrupted(db, { ...asked, until }, rules.found)
      const { from, months, namelessRows } = found
      const notes = namelessRows > 0 ? [namelessRowsNote(namelessRows)] : []
      const of = listedOf({ ...asked, from, to: until, by: 'system' }, notes)
      const { told, rowsInAll } = cut(found.rows, query)
      const printed = printedFrequent(of, { rules: rules.found, months, rows: told })
      return sendList(reply, query, 'frequent', printed, {
        ...of,
        rules: rules.found,
        months,
        rowsInAll,
        rows: told,
      })
    },
  )
}

function sendList(
  reply: FastifyReply,
  { format = 'json', language = 'en' }: Form,
  name: string,
  printed: PrintedList,
  json: object,
): unknown {
  return sendForm(reply, format, {
    name: `${name}-${printed.rulebook.id}-${printed.from}-${printed.to}`,
    json: () => json,
    csv: () => listCsv(printed, language),
    sheets: () => listSheets(printed, language),
    html: () => listHtml(printed, language),
  })
}

/** As many rows as were asked for; a file has all of them where nobody said. */
function cut<T>(rows: readonly T[], { format = 'json', limit }: Form) {
  const most = limit ?? (format === 'json' ? ROWS : FILE_ROWS_MAX)
  return { told: rows.slice(0, most), rowsInAll: rows.length }
}

function listedOf(question: ReportQuestion, notes: readonly Words[]): ListedOf {
  const { rulebook, from, to, timeZone, exclude, within } = question
  const place = Object.entries(within ?? {}).map(([kind, id]) => `${kind} ${id}`)
  return {
    rulebook: { id: rulebook.id, settings: rulebook.settings },
    from,
    to,
    timeZone,
    exclude,
    place: place.length === 0 ? null : place.join(', '),
    notes,
  }
}

const same = (text: string): Words => ({ en: text, 'zh-CN': text })

const namelessNote = (units: number): Words => ({
  en: `${units} interruptions of customers in imported records name no load point; they cannot be listed, and repetition among them cannot be seen.`,
  'zh-CN': `导入记录中有 ${units} 户次停电未注明台区，无法列出，也无法识别其中的重复停电。`,
})
const namelessRowsNote = (rows: number): Words => ({
  en: `${rows} restoration steps of imported records name no load point and are not counted.`,
  'zh-CN': `导入记录中有 ${rows} 个复电步骤未注明台区，未计入。`,
})

const RULE = /^(\d{1,3})in(\d{1,2})$/
const rulesText = (rules: readonly FrequentRule[]): string =>
  rules.map(({ atLeast, months }) => `${atLeast}in${months}`).join(',')

function rulesIn(text: string | undefined): { found: FrequentRule[]; faults: ProblemPart[] } {
  const found: FrequentRule[] = []
  const faults: ProblemPart[] = []
  for (const word of (text ?? rulesText(FREQUENT_RULES)).split(',')) {
    const [, many, months] = RULE.exec(word.trim()) ?? []
    const rule = { atLeast: Number(many ?? 0), months: Number(months ?? 0) }
    if (rule.atLeast > 0 && rule.months > 0 && rule.months <= FREQUENT_MONTHS_MAX) found.push(rule)
    else {
      const says = `${JSON.stringify(word)} is not a rule such as 3in2, with at most ${FREQUENT_MONTHS_MAX} months`
      faults.push({ in: 'query', at: '/rules', says })
    }
  }
  return { found, faults }
}

/** The service points of each supply group listed, by the network in force. */
function servicePointsBy(
  view: NetworkView | null,
  rows: readonly ListedCustomers[],
): (group: number) => string[] {
  const wanted = new Set(rows.flatMap(({ group }) => (group === null ? [] : [group])))
  const by = new Map<number, string[]>()
  for (const id of view?.servicePointsOf(wanted) ?? []) {
    const group = view?.groupOf(id) ?? null
    if (group === null) continue
    const ids = by.get(group)
    if (ids === undefined) by.set(group, [id])
    else ids.push(id)
  }
  return (group) => by.get(group) ?? []
}
