import type { EpochMs } from '../time.ts'
import type { LocalDay } from './calendar.ts'
import { rulebookOf } from './rulebooks.ts'
import { leftOutInWords } from './rule-words.ts'
import {
  groupName,
  reportTable,
  settingsInWords,
  TABLE_WORDS,
  type PrintedReport,
  type ReportLanguage,
} from './report.ts'

/** Days and instants are dates of the spreadsheet, which knows no zones: an instant is what the clock of its zone showed. */
export type SheetCell =
  | string
  | number
  | null
  | { readonly day: LocalDay }
  | { readonly at: EpochMs; readonly timeZone: string }
export type Sheet = {
  readonly name: string
  /** The first row names the columns, and stays in sight. */
  readonly headed?: true
  readonly rows: readonly (readonly SheetCell[])[]
}

/** A report as a workbook: the rows, and a second sheet with the settings, exclusions and notes. Numbers in full. */
export function reportSheets(report: PrintedReport, language: ReportLanguage): Sheet[] {
  const zh = language === 'zh-CN'
  const known = rulebookOf(report.rulebook.id)?.name
  return [
    { name: zh ? '指标' : 'indices', headed: true, rows: indexRows(report, language) },
    {
      name: zh ? '参数' : 'settings',
      rows: [
        [zh ? '规程' : 'rulebook', (zh ? known?.zh : known?.en) ?? report.rulebook.name],
        [zh ? '起' : 'from', { day: report.from }],
        [zh ? '止（不含）' : 'to (exclusive)', { day: report.to }],
        [zh ? '时区' : 'time zone', report.timeZone],
        [
          zh ? '不计' : 'left out',
          report.exclude.map((what) => leftOutInWords(what)[language]).join(', '),
        ],
        ...settingsInWords(report.rulebook.settings, language),
        ...report.majorDays.map(({ year, thresholdMin, days }) => [
          `T_MED ${year} (min)`,
          thresholdMin,
          ...days.map(({ date }) => ({ day: date })),
        ]),
        ...(report.notesInWords?.map((note) => note[language]) ?? report.notes).map((note) => [
          note,
        ]),
      ],
    },
    ...filedSheet(report, language),
  ]
}

/** What was filed of these months beside what is so now; no sheet where none was. */
function filedSheet({ filed = [], timeZone }: PrintedReport, language: ReportLanguage): Sheet[] {
  if (filed.length === 0) return []
  const [name, ...head] =
    language === 'zh-CN'
      ? ['已上报', '月份', '上报时间', '上报人', '指标', '上报值', '现值', '上报后更正的停电']
      : ['filed', 'month', 'filed at', 'by', 'index', 'filed', 'now', 'outages corrected since']
  const rows = filed.flatMap(({ month, closedAt, by, restated, corrected }) => {
    const who: SheetCell[] = [month, { at: Date.parse(closedAt), timeZone }, by]
    const since = corrected.join(', ')
    return restated.length === 0
      ? [[...who, null, null, null, since]]
      : restated.map(({ index, filed: was, now }) => [...who, index, was, now, since])
  })
  return [{ name, headed: true, rows: [head, ...rows] }]
}

const CALLED_AS_THEY_ARE: readonly string[] = ['area', 'substation', 'feeder', 'month', 'day']

/** Groups as the ledger calls them, and beside them what people call them where that is another name. */
function indexRows(report: PrintedReport, language: ReportLanguage): SheetCell[][] {
  const words = TABLE_WORDS[language]
  const [[, , , , ...symbols] = [], ...rows] = reportTable(report)
  const names = report.rows.map(({ group }) =>
    group === null ? null : groupName(report.by, group, language),
  )
  const isNamed = !CALLED_AS_THEY_ARE.includes(report.by)
  const head = [words.served, words.interruptions, words.minutes, ...symbols.slice(0, -1)]
  return [
    [words.group, ...(isNamed ? [words.name] : []), ...head, words.provisional],
    ...rows.map(([group = null, ...figures], i) => [
      report.by === 'day' && typeof group === 'string' ? { day: group } : group,
      ...(isNamed ? [names[i] ?? null] : []),
      ...figures,
    ]),
  ]
}
