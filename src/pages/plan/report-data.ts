import { effect, signal } from '@preact/signals'
import { read, type Answer, type Problem } from '../api.ts'
import { queryOf, question, yearBefore, type Question } from './question.ts'
import { knownFrom, type Known } from './reading.ts'

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
  readonly notesInWords: readonly { readonly en: string; readonly 'zh-CN': string }[]
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

/** The parts of a view beside its headline; each is shown as soon as it is known. */
const PARTS = [
  'lastYear',
  'months',
  'monthsUnplanned',
  'monthsLastYear',
  'feeders',
  'causes',
  'days',
] as const
type Part = (typeof PARTS)[number]

/** What one view shows: the headline, and what is known so far beside it. */
export type Reports = {
  readonly of: Question
  readonly system: Report
  readonly majorDays: Known<MajorDays>
} & { readonly [each in Part]: Known<Report> }

export const reports = signal<Reports | null>(null)
export const problem = signal<Problem | null>(null)
export const reading = signal(false)

/** Asks for everything at once and shows each answer when it is there; the headline stands first, for without it no part says anything. */
async function readReports(of: Question): Promise<void> {
  reading.value = true
  const ask = (change: Record<string, string>) =>
    read<Report>(`/api/v1/indices?${queryOf(of, change)}`)
  const past = { from: yearBefore(of.from), to: yearBefore(of.to) }
  const exclude = [...new Set([...of.exclude, 'planned'])].join(',')
  const place = of.area === null ? '' : `&area=${encodeURIComponent(of.area)}`
  const headline = ask({})
  const asked: Record<Part, Promise<Answer<Report>>> & { majorDays: Promise<Answer<MajorDays>> } = {
    lastYear: ask(past),
    months: ask({ by: 'month' }),
    monthsUnplanned: ask({ by: 'month', exclude }),
    monthsLastYear: ask({ by: 'month', ...past }),
    feeders: ask({ by: 'feeder' }),
    causes: ask({ by: 'cause' }),
    days: ask({ by: 'day', exclude: 'planned' }),
    majorDays: read<MajorDays>(
      `/api/v1/major-days?year=${lastYearOf(of)}&rulebook=${of.rulebook}${place}`,
    ),
  }
  const system = await headline
  if (asks(question.peek()) !== asks(of)) return
  reading.value = false
  if (!system.ok) {
    problem.value = system.problem
    return
  }
  const unread = { state: 'reading' } as const
  problem.value = null
  reports.value = {
    of,
    system: system.value,
    lastYear: unread,
    months: unread,
    monthsUnplanned: unread,
    monthsLastYear: unread,
    feeders: unread,
    causes: unread,
    days: unread,
    majorDays: unread,
  }
  const show = async (part: Part | 'majorDays'): Promise<void> => {
    const known = knownFrom<Report | MajorDays>(await asked[part])
    const shown = reports.peek()
    if (shown?.of === of) reports.value = { ...shown, [part]: known }
  }
  await Promise.all([...PARTS, 'majorDays' as const].map(show))
}

/** The year in which a period ends; its end is not part of it. */
export const lastYearOf = ({ to }: Question): number =>
  Number(to.slice(0, 4)) - (to.endsWith('-01-01') ? 1 : 0)

/** What must be asked again when it changes; the rest of the question only changes what is shown. */
const asks = (of: Question) => queryOf(of)

export function followQuestion(): void {
  let last = ''
  effect(() => {
    const of = question.value
    if (of.view !== 'reliability' || asks(of) === last) return
    last = asks(of)
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
