import { effect, signal } from '@preact/signals'
import { read, type Answer, type Problem } from '../api.ts'
import { queryOf, question, yearBefore, type Question } from './question.ts'

/** A row of `GET /api/v1/indices`. A ratio without a denominator is null. */
export type IndexRow = {
  readonly group: string | null
  readonly customersServed: number | null
  readonly ci: number
  readonly cmi: number
  readonly indices: Readonly<Record<string, number | null>>
  readonly units: Readonly<Record<string, string>>
  readonly provisional: boolean
}
export type Report = {
  readonly rulebook: { readonly name: string; readonly settings: Settings }
  readonly timeZone: string
  readonly majorDays: readonly MajorDays[]
  readonly notes: readonly string[]
  readonly rows: readonly IndexRow[]
}
type Settings = { readonly shortUpToS: number; readonly unit: string }
export type MajorDays = {
  readonly year: number
  readonly alpha: number | null
  readonly beta: number | null
  readonly thresholdMin: number | null
  readonly historyDays: number
  readonly days: readonly { readonly date: string; readonly saidiMin: number }[]
}

/** Everything that one view shows, asked for together; null where the service has no answer to give. */
export type Reports = {
  readonly of: Question
  readonly system: Report
  readonly lastYear: Report | null
  readonly months: Report | null
  readonly monthsUnplanned: Report | null
  readonly monthsLastYear: Report | null
  readonly feeders: Report | null
  readonly causes: Report | null
  readonly days: Report | null
  readonly majorDays: MajorDays | null
}

export const reports = signal<Reports | null>(null)
export const problem = signal<Problem | null>(null)
export const reading = signal(false)

const valueOf = <T>(answer: Answer<T>): T | null => (answer.ok ? answer.value : null)

async function readReports(of: Question): Promise<void> {
  reading.value = true
  const ask = (change: Record<string, string>) =>
    read<Report>(`/api/v1/indices?${queryOf(of, change)}`)
  const past = { from: yearBefore(of.from), to: yearBefore(of.to) }
  const exclude = [...new Set([...of.exclude, 'planned'])].join(',')
  const year = String(Number(of.to.slice(0, 4)) - (of.to.endsWith('-01-01') ? 1 : 0))
  const place = of.area === null ? '' : `&area=${encodeURIComponent(of.area)}`
  const [system, lastYear, months, monthsUnplanned, monthsLastYear, feeders, causes, days, major] =
    await Promise.all([
      ask({}),
      ask(past),
      ask({ by: 'month' }),
      ask({ by: 'month', exclude }),
      ask({ by: 'month', ...past }),
      ask({ by: 'feeder' }),
      ask({ by: 'cause' }),
      ask({ by: 'day', exclude: 'planned' }),
      read<MajorDays>(`/api/v1/major-days?year=${year}&rulebook=${of.rulebook}${place}`),
    ])
  if (question.peek() !== of) return
  reading.value = false
  if (!system.ok) {
    problem.value = system.problem
    return
  }
  problem.value = null
  reports.value = {
    of,
    system: system.value,
    lastYear: valueOf(lastYear),
    months: valueOf(months),
    monthsUnplanned: valueOf(monthsUnplanned),
    monthsLastYear: valueOf(monthsLastYear),
    feeders: valueOf(feeders),
    causes: valueOf(causes),
    days: valueOf(days),
    majorDays: valueOf(major),
  }
}

/** What must be asked again when it changes; the rest of the question only changes what is shown. */
const asked = ({ from, to, rulebook, exclude, feeder, area }: Question) =>
  JSON.stringify([from, to, rulebook, exclude, feeder, area])

export function followQuestion(): void {
  let last = ''
  effect(() => {
    const of = question.value
    if (of.view !== 'reliability' || asked(of) === last) return
    last = asked(of)
    void readReports(of)
  })
}

/** The index that the charts show: the one chosen, or the rulebook's time without supply for a customer. */
export function shownIndex(row: IndexRow, chosen: string | null): string {
  const symbols = Object.keys(row.indices)
  return (
    symbols.find((symbol) => symbol === chosen) ??
    symbols.find((symbol) => symbol.startsWith('SAIDI')) ??
    symbols[0] ??
    ''
  )
}

/** Parts of it add up to the whole: only then may it be stacked. */
export const addsUp = (symbol: string): boolean =>
  /^(SAIDI|SAIFI|ASIDI|ASIFI|CML|CI|ENS|TIEPI|NIEPI|MAIFI)/.test(symbol)
