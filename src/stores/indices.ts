import { hoursBetween, monthOf, type LocalDay } from '../reliability/calendar.ts'
import { indexRow, type IndexRow } from '../reliability/indices.ts'
import { emptySums, type Sums } from '../reliability/reckoning.ts'
import type { Rulebook, RulebookSettings } from '../reliability/rulebook.ts'
import { daysOf, type ServedBook } from '../reliability/served.ts'
import type { Database } from './database.ts'
import { majorDaysLeftOut, majorDaysOfPeriod, type MajorDays } from './major-days.ts'
import { ensureServed, readServedBook } from './reliability.ts'
import {
  reckon,
  servedOf,
  withCountableUnit,
  type Exclusion,
  type Grouping,
  type ReportQuestion,
} from './report-question.ts'

export type IndicesReport = {
  readonly rulebook: {
    readonly id: string
    readonly name: string
    readonly settings: RulebookSettings
  }
  readonly from: LocalDay
  readonly to: LocalDay
  readonly by: Grouping
  readonly exclude: readonly Exclusion[]
  readonly timeZone: string
  /** The days left out as major, and their thresholds. */
  readonly majorDays: readonly MajorDays[]
  /** What the reader must know to compare: whole sentences. */
  readonly notes: readonly string[]
  readonly rows: readonly IndexRow[]
}

/** The indices of a period under one rulebook, by group; what `relight indices` prints and `GET indices` answers. */
export async function indicesReport(db: Database, asked: ReportQuestion): Promise<IndicesReport> {
  await ensureServed(db)
  const book = await readServedBook(db, asked.timeZone)
  const question = await withCountableUnit(db, asked, book)
  const { rulebook, from, to, by, timeZone } = question
  const majorDays = await majorDaysOfPeriod(db, question, book)
  const { cells, namelessRows } = await reckon(db, question, majorDaysLeftOut(majorDays))
  const hours = hoursBetween(from, to, timeZone)
  const rows = groupsOf(question, book, cells).map((key) => {
    const group = key === '' && by !== 'system' ? null : key
    const served = servedOf(question, book, group, hours)
    return indexRow(
      rulebook,
      by === 'system' ? 'system' : group,
      cells.get(key) ?? emptySums(),
      served,
    )
  })
  return {
    rulebook: { id: rulebook.id, name: rulebook.name.en, settings: rulebook.settings },
    from,
    to,
    by,
    exclude: question.exclude,
    timeZone,
    majorDays,
    notes: notesOf(question, asked.rulebook, namelessRows),
    rows,
  }
}

/** Every group that there is to tell of, also those without an interruption. */
function groupsOf(
  question: ReportQuestion,
  book: ServedBook,
  cells: ReadonlyMap<string, Sums>,
): string[] {
  const { from, to, by, within } = question
  const keys = new Set(cells.keys())
  switch (by) {
    case 'system':
      keys.add('')
      break
    case 'area':
    case 'substation':
    case 'feeder':
      if (within === undefined) for (const id of book.places(from, to, by)) keys.add(id ?? '')
      break
    case 'month':
      for (const day of daysOf(from, to)) keys.add(monthOf(day))
      break
    case 'day':
      for (const day of daysOf(from, to)) keys.add(day)
      break
    case 'nature':
      keys.add('planned').add('unplanned')
      break
    case 'cause':
      break
  }
  return [...keys].sort()
}

function notesOf(question: ReportQuestion, asked: Rulebook, namelessRows: number): string[] {
  const notes: string[] = []
  if (namelessRows > 0) {
    notes.push(
      `${namelessRows} restoration steps of imported records name no load point: each counts as customers of its own, so indices per ` +
        `interrupted customer (CAIFI, CTAIDI, CEMI, CELID, CEMSMI, MAIFI-E) are lower bounds of repetition.`,
    )
  }
  if (question.rulebook.settings.unit !== asked.settings.unit) {
    notes.push(
      'Customers are counted as users throughout: not every interruption names its load points, or nobody has said how many there are.',
    )
  }
  if (question.exclude.includes('planned') && question.rulebook.settings.plannedUntold === 'fault')
    notes.push('Planned work that hit customers nobody had told is a fault to them.')
  if (
    question.exclude.includes('planned') &&
    (question.rulebook.settings.plannedOverrun ?? 'planned') !== 'planned'
  )
    notes.push('Of planned work only the approved time is left out: what lasted longer is a fault.')
  if (question.exclude.includes('major'))
    notes.push(
      'Major days are those of the same interruptions otherwise counted here, by the threshold of their own year.',
    )
  return notes
}
