import { Type } from 'typebox'
import { closePeriod, periods, readPeriod, restatements } from '../stores/periods.ts'
import { audit, someone } from './acting.ts'
import type { App, HttpParts } from './parts.ts'
import { badField, Problem } from './problem.ts'
import { ClosedPeriod, Period, Periods } from './report-schemas.ts'

const tags = ['planner']
const MonthParams = Type.Object({ month: Type.String({ maxLength: 7, description: 'YYYY-MM' }) })
const badMonth = (): Problem =>
  badField({ in: 'params', at: '/month', says: 'must be a month, YYYY-MM' })

/** Months of the record: what was filed for them, and what became of it. */
export async function periodRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings

  app.get(
    '/api/v1/periods',
    {
      schema: {
        tags,
        summary: 'Months from the first on record to the running one, the latest first',
        response: { 200: Periods },
      },
    },
    async () => ({ timeZone, periods: await periods(db, clock(), timeZone) }),
  )

  app.get(
    '/api/v1/periods/:month',
    {
      schema: {
        tags,
        summary: 'A month: the figures as filed beside those of today, and where they differ',
        params: MonthParams,
        response: { 200: Period },
      },
    },
    async ({ params: { month } }) => {
      const answer = await readPeriod(db, { month, now: clock(), timeZone })
      if (answer.outcome === 'bad-month') throw badMonth()
      return { timeZone, ...answer.period }
    },
  )

  app.post(
    '/api/v1/periods/:month/close',
    {
      schema: {
        tags,
        summary:
          'Files the figures of a month; later corrections appear as restatements beside them',
        params: MonthParams,
        response: { 200: ClosedPeriod },
      },
    },
    async ({ params: { month }, identity }) => {
      const by = someone(identity)
      const now = clock()
      const asked = { month, bySubject: by.subject, now, timeZone }
      const answer = await closePeriod(db, asked, (tx) =>
        audit(tx, by, now, 'period.close', month, null, { month }),
      )
      switch (answer.outcome) {
        case 'bad-month':
          throw badMonth()
        case 'not-over':
          throw new Problem(409, answer.outcome, `${month} is not over before ${answer.endsAt}`)
        case 'provisional':
          throw new Problem(409, answer.outcome, `someone interrupted in ${month} is still out`)
        case 'closed':
          return { ...answer.period, restatements: [] }
        case 'already-closed':
          return { ...answer.period, restatements: await restatements(db, month, now) }
      }
    },
  )
}
