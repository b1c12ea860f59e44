import { hoursBetween, monthOf, type LocalDay } from '../reliability/calendar.ts'
import { indexRow, type IndexRow } from '../reliability/indices.ts'
import { emptySums, type Sums } from '../reliability/reckoning.ts'
import type { Words } from '../reliability/rule-words.ts'
import type { Rulebook, RulebookSettings } from '../reliability/rulebook.ts'
import { daysOf, type ServedBook } from '../reliability/served.ts'
import type { Database } from './database.ts'
import { majorDaysLeftOut, majorDaysOfPeriod, type MajorDays } from './major-days.ts'
import { ensureServed, readServedBook } from './reliability.ts'
import {
  placeOf,
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
  readonly notesInWords: readonly Words[]
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
    const group = rowOf(by, key)
    return indexRow(
      rulebook,
      group,
      cells.get(key) ?? emptySums(),
      servedOf(question, book, group, hours),
    )
  })
  const notes = notesOf(question, asked.rulebook, namelessRows)
  const place = placeOf(question.within)
  if (place.kind !== 'system' && cells.size === 0 && book.average(from, to, place) === null)
    notes.push(nothingKnown(place.kind, place.id ?? ''))
  return {
    rulebook: { id: rulebook.id, name: rulebook.name.en, settings: rulebook.settings },
    from,
    to,
    by,
    exclude: question.exclude,
    timeZone,
    majorDays,
    notes: notes.map(({ en }) => en),
    notesInWords: notes,
    rows,
  }
}

/** What the row of a cell is called; null where nothing is known by which it is grouped. */
export const rowOf = (by: Grouping, cell: string): string | null =>
  by === 'system' ? 'system' : cell === '' ? null : cell

/** Every cell that there is to tell of, also those without an interruption. */
export function groupsOf(
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
    case 'sub_cause':
    case 'equipment':
    case 'weather':
    case 'responsible_system':
    case 'dlt_nature':
      break
  }
  return [...keys].sort()
}

/** What the reader must know to compare. */
export function notesOf(question: ReportQuestion, asked: Rulebook, namelessRows: number): Words[] {
  const notes: Words[] = []
  if (namelessRows > 0) notes.push(namelessNote(namelessRows))
  if (namelessRows > 0 && question.rulebook.settings.reinterruptionMergeMin !== null)
    notes.push({
      en: 'Where no load point is named nobody knows who was interrupted again: re-interruptions are not merged there, and interruptions are an upper bound.',
      'zh-CN': '未注明台区的停电无法判断是否为同一用户再次停电，不作合并，停电次数为上限。',
    })
  if (question.rulebook.settings.unit !== asked.settings.unit)
    notes.push({
      en: 'Customers are counted as users throughout: not every interruption names its load points, or nobody has said how many there are.',
      'zh-CN': '全部按用户（客户）数统计：有停电记录未注明台区，或未提供台区数。',
    })
  if (question.exclude.includes('planned') && question.rulebook.settings.plannedUntold === 'fault')
    notes.push({
      en: 'Planned work that hit customers nobody had told is a fault to them.',
      'zh-CN': '未事先通知到的用户，其预安排停电计为故障停电。',
    })
  if (
    question.exclude.includes('planned') &&
    (question.rulebook.settings.plannedOverrun ?? 'planned') !== 'planned'
  )
    notes.push({
      en: 'Of planned work only the approved time is left out: what lasted longer is a fault.',
      'zh-CN': '预安排停电只不计批准时间以内的部分，超时部分计为故障停电。',
    })
  if (question.exclude.includes('major'))
    notes.push({
      en: 'Major days are those of the same interruptions otherwise counted here, by the threshold of their own year.',
      'zh-CN': '重大事件日按此处其余计入的停电、以当年界限值判定。',
    })
  return notes
}

/** A name that was mistyped must not look like a quiet year. */
const nothingKnown = (kind: string, id: string): Words => ({
  en: `Nothing is known of ${kind} ${id} in this period: neither customers nor interruptions.`,
  'zh-CN': `统计期间内没有“${id}”的任何用户或停电记录。`,
})

const namelessNote = (rows: number): Words => ({
  en:
    `${rows} restoration steps of imported records name no load point: each counts as customers of its own, so indices per ` +
    `interrupted customer (CAIFI, CTAIDI, CEMI, CELID, CEMSMI, MAIFI-E) are lower bounds of repetition.`,
  'zh-CN': `导入记录中有 ${rows} 个复电步骤未注明台区，各按独立用户计，因此按停电用户统计的指标（CAIFI、CTAIDI、CEMI、CELID、CEMSMI、MAIFI-E）为重复停电的下限。`,
})
