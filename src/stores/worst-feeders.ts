import { yearsBefore } from '../reliability/calendar.ts'
import { worstFeeders, type WorstFeeder, type WorstOrder } from '../reliability/worst.ts'
import type { Database } from './database.ts'
import { indicesReport, type IndicesReport } from './indices.ts'
import type { ReportQuestion } from './report-question.ts'

/** Feeders ranked by what they did to customers, beside their rank in the same period of the `years` before. */
export async function rankFeeders(
  db: Database,
  asked: Omit<ReportQuestion, 'by'>,
  ranking: { readonly order: WorstOrder; readonly worst: number; readonly years: number },
): Promise<{ readonly report: IndicesReport; readonly rows: readonly WorstFeeder[] }> {
  const reports: IndicesReport[] = []
  for (let years = 0; years <= ranking.years; years += 1) {
    const from = yearsBefore(asked.from, years)
    const to = yearsBefore(asked.to, years)
    reports.push(await indicesReport(db, { ...asked, from, to, by: 'feeder' }))
  }
  const [report] = reports
  if (report === undefined) throw new Error('no period was asked about')
  const periods = reports.map(({ rows }) =>
    rows.map(({ group, customersServed, ci, cmi }) => ({
      feeder: group,
      customersServed,
      ci,
      cmi,
    })),
  )
  return { report, rows: worstFeeders(periods, ranking) }
}
