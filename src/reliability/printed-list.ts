import { count, escape, list, localClock, notesOf, page } from './print-page.ts'
import { csvOf, settingsInWords, type ReportLanguage } from './report.ts'
import type { Sheet, SheetCell } from './report-sheets.ts'
import { leftOutInWords, type Words } from './rule-words.ts'
import { rulebookOf } from './rulebooks.ts'
import type { RulebookSettings } from './rulebook.ts'

export type ListCell = string | number | null

export type ListColumn = {
  readonly name: Words
  readonly unit?: string
  /** Shares are numbers up to 1, and printed as percent. */
  readonly share?: true
  /** Places behind the point on paper; 2 where nothing is said. */
  readonly digits?: number
  /** Instants, as RFC 3339; on paper and in spreadsheets they are what the utility's clock showed. */
  readonly instant?: true
}

/** A list as it is printed and handed on: what it was made of is part of it. */
export type PrintedList = {
  readonly title: Words
  readonly rulebook: { readonly id: string; readonly settings: RulebookSettings }
  readonly from: string
  /** Exclusive. */
  readonly to: string
  readonly timeZone: string
  readonly exclude: readonly string[]
  /** The place that was looked at alone. */
  readonly place: string | null
  /** Thresholds and sums of this list. */
  readonly facts: readonly { readonly name: Words; readonly value: ListCell | Words }[]
  readonly columns: readonly ListColumn[]
  readonly rows: readonly (readonly (ListCell | Words)[])[]
  readonly notes: readonly Words[]
}

const WORDS = {
  en: {
    period: 'Period',
    until: 'to (exclusive)',
    timeZone: 'Days are those of',
    rulebook: 'Rulebook',
    leftOut: 'Left out',
    place: 'Place',
    settings: 'Settings of the rulebook',
    notes: 'Notes',
    sheet: 'list',
    about: 'settings',
    none: '(none)',
    empty: 'Nothing meets these thresholds.',
  },
  'zh-CN': {
    period: '统计期间',
    until: '至（不含）',
    timeZone: '日期所用时区',
    rulebook: '规程',
    leftOut: '不计',
    place: '范围',
    settings: '规程参数',
    notes: '说明',
    sheet: '清单',
    about: '参数',
    none: '（无）',
    empty: '无符合条件者。',
  },
} as const

/** What a list was made of, a line each; everywhere the same. */
function aboutOf(printed: PrintedList, language: ReportLanguage): [string, ListCell][] {
  const words = WORDS[language]
  const { rulebook, from, to, timeZone, exclude, place, facts } = printed
  const name = rulebookOf(rulebook.id)?.name
  const left = exclude.map((what) => leftOutInWords(what)[language])
  return [
    [words.period, `${from} ${words.until} ${to}`],
    [words.timeZone, timeZone],
    [words.rulebook, (language === 'en' ? name?.en : name?.zh) ?? rulebook.id],
    [words.leftOut, left.length === 0 ? words.none : left.join(', ')],
    ...(place === null ? [] : [[words.place, place] as [string, ListCell]]),
    ...facts.map(({ name: fact, value }): [string, ListCell] => [
      fact[language],
      said(value, language),
    ]),
  ]
}

const said = (cell: ListCell | Words, language: ReportLanguage): ListCell =>
  typeof cell === 'object' && cell !== null ? cell[language] : cell

const titleOf = ({ name, unit }: ListColumn, language: ReportLanguage): string =>
  unit === undefined ? name[language] : `${name[language]} (${unit})`

/** Every line says by what it was counted; numbers in full, unknown as nothing. */
export function listCsv(printed: PrintedList, language: ReportLanguage): string {
  const about = [
    ...aboutOf(printed, language),
    ...settingsInWords(printed.rulebook.settings, language),
  ]
  return csvOf([
    [...printed.columns.map((column) => titleOf(column, language)), ...about.map(([name]) => name)],
    ...printed.rows.map((row) => [
      ...row.map((cell) => said(cell, language)),
      ...about.map(([, value]) => value),
    ]),
  ])
}

export function listSheets(printed: PrintedList, language: ReportLanguage): Sheet[] {
  const words = WORDS[language]
  return [
    {
      name: words.sheet,
      headed: true,
      rows: [
        printed.columns.map((column) => titleOf(column, language)),
        ...printed.rows.map((row) =>
          row.map((cell, i): SheetCell => {
            const value = said(cell, language)
            return printed.columns[i]?.instant === true && typeof value === 'string'
              ? { at: Date.parse(value), timeZone: printed.timeZone }
              : value
          }),
        ),
      ],
    },
    {
      name: words.about,
      rows: [
        [printed.title[language]],
        ...aboutOf(printed, language),
        ...settingsInWords(printed.rulebook.settings, language),
        ...printed.notes.map((note) => [note[language]]),
      ],
    },
  ]
}

const figure = (value: number | null, digits: number | undefined): string =>
  value === null || digits === undefined ? count(value) : value.toFixed(digits)

export function listHtml(printed: PrintedList, language: ReportLanguage): string {
  const words = WORDS[language]
  const { columns, rows, rulebook, from, to, timeZone } = printed
  const title = printed.title[language]
  const numeric = columns.map((_, i) => rows.some((row) => typeof row[i] === 'number'))
  const cellOf = (cell: ListCell, column: number): string => {
    const share = columns[column]?.share === true
    const text =
      typeof cell === 'string'
        ? columns[column]?.instant === true
          ? localClock(Date.parse(cell), timeZone)
          : cell
        : share && cell !== null
          ? `${(cell * 100).toFixed(1)} %`
          : figure(cell, columns[column]?.digits)
    return `<td${numeric[column] ? ' class="n"' : ''}>${escape(text)}</td>`
  }
  const head = columns.map(
    (column, i) => `<th${numeric[i] ? ' class="n"' : ''}>${escape(titleOf(column, language))}</th>`,
  )
  const lines = rows.map(
    (row) => `<tr>${row.map((cell, i) => cellOf(said(cell, language), i)).join('')}</tr>`,
  )
  const facts = aboutOf(printed, language).map(([name, value]): [string, string] => [
    name,
    typeof value === 'string' ? value : count(value),
  ])
  const table =
    rows.length === 0
      ? `<p>${escape(words.empty)}</p>`
      : `<table><thead><tr>${head.join('')}</tr></thead>\n<tbody>${lines.join('\n')}</tbody></table>`
  const notes = printed.notes.map((note) => note[language])
  return page(
    language,
    `${title} ${from} – ${to}`,
    `<h1>${escape(title)}</h1>
${list(facts)}
${table}
<h2>${escape(words.settings)}</h2>
${list(settingsInWords(rulebook.settings, language))}
${notesOf(words.notes, notes)}`,
  )
}
