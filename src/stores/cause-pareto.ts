import { headlineFilter } from '../reliability/indices.ts'
import {
  causeAt,
  pareto,
  type CauseLevel,
  type ParetoOrder,
  type ParetoRow,
} from '../reliability/pareto.ts'
import { MS_PER_MIN } from '../time.ts'
import type { Database } from './database.ts'
import { majorDaysLeftOut, majorDaysOfPeriod } from './major-days.ts'
import { ensureServed, readServedBook } from './reliability.ts'
import { reckon, withCountableUnit, type ReportQuestion } from './report-question.ts'

/** What causes add to the interruptions that a rulebook's headline counts, the largest first; they add up to the report of the system. */
export async function causePareto(
  db: Database,
  asked: Omit<ReportQuestion, 'by'>,
  { level, order }: { readonly level: CauseLevel; readonly order: ParetoOrder },
): Promise<{ readonly question: ReportQuestion; readonly rows: readonly ParetoRow[] }> {
  await ensureServed(db)
  const book = await readServedBook(db, asked.timeZone)
  const question = await withCountableUnit(db, { ...asked, by: 'cause' as const }, book)
  const major = majorDaysLeftOut(await majorDaysOfPeriod(db, question, book))
  const headline = headlineFilter(question.rulebook)
  const groups = new Map<string | null, { outages: Set<string>; ci: number; ms: number }>()
  await reckon(db, question, major, {
    perUnit: false,
    onCounted({ cell, first, length, interruptions, units, ms }) {
      if (headline.length !== undefined && length !== headline.length) return
      const group = causeAt(level, cell === '' ? null : cell)
      const sum = groups.get(group) ?? { outages: new Set(), ci: 0, ms: 0 }
      groups.set(group, sum)
      sum.outages.add(first.outage)
      sum.ci += interruptions
      sum.ms += units * ms
    },
  })
  const sums = [...groups].map(([group, { outages, ci, ms }]) => ({
    group,
    outages: outages.size,
    ci,
    cmi: ms / MS_PER_MIN,
  }))
  return { question, rows: pareto(sums, order) }
}
