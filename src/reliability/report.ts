import { detailName } from './cause-detail.ts'
import { causeOf, DLT_NATURES } from './causes.ts'
import type { IndexRow } from './indices.ts'
import { ruleName, ruleValue, type Words } from './rule-words.ts'
import { rulebookOf } from './rulebooks.ts'
import type { RulebookSettings } from './rulebook.ts'

/** A report of indices as it is printed and filed; `indicesReport` makes it. */
export type PrintedReport = {
  readonly rulebook: {
    readonly id: string
    readonly name: string
    readonly settings: RulebookSettings
  }
  readonly from: string
  readonly to: string
  readonly by: string
  readonly exclude: readonly string[]
  readonly timeZone: string
  readonly majorDays: readonly {
    readonly year: number
    readonly thresholdMin: number | null
    /** What the threshold rests on; reports that were filed long ago do not say it. */
    readonly alpha?: number | null
    readonly beta?: number | null
    readonly historyDays?: number
    readonly days: readonly { readonly date: string; readonly saidiMin: number }[]
  }[]
  readonly notes: readonly string[]
  /** The same in both languages; reports that were filed long ago have them in one. */
  readonly notesInWords?: readonly Words[]
  readonly rows: readonly IndexRow[]
  /** Months of the period that have been filed, where the form has room for them. */
  readonly filed?: readonly FiledMonth[]
}

/** A month whose figures were filed, of the whole system with nothing left out, and what the ledger says otherwise today. */
export type FiledMonth = {
  readonly month: string
  readonly closedAt: string
  readonly by: string
  readonly restated: readonly {
    readonly index: string
    readonly unit: string | null
    readonly filed: number | null
    readonly now: number | null
  }[]
  /** Outages in it that were corrected since, a few of them. */
  readonly corrected: readonly string[]
}

export const REPORT_LANGUAGES = ['en', 'zh-CN'] as const
export type ReportLanguage = (typeof REPORT_LANGUAGES)[number]

/**
 * Comma-separated with a byte order mark, so that spreadsheets read the Chinese; numbers in full, unknown as nothing. Every line says by
 * what it was counted: files are taken apart and put together by others.
 */
export function reportCsv(report: PrintedReport): string {
  const about = [
    report.rulebook.id,
    report.from,
    report.to,
    report.timeZone,
    report.exclude.join(' '),
    Object.entries(report.rulebook.settings)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
    report.majorDays.map(({ year, thresholdMin }) => `${year}=${thresholdMin ?? ''}`).join(' '),
  ]
  const [head = [], ...rows] = reportTable(report)
  const titles = ['rulebook', 'from', 'to (exclusive)', 'timeZone', 'leftOut', 'settings']
  return csvOf([[...head, ...titles, 'T_MED (min)'], ...rows.map((row) => [...row, ...about])])
}

export const csvOf = (rows: readonly (readonly (string | number | null)[])[]): string =>
  `\ufeff${rows.map((cells) => cells.map(csvCell).join(',')).join('\r\n')}\r\n`

/** The table of a report: a header with units, then a row for each group; unknown is null. */
export function reportTable(report: PrintedReport): (string | number | null)[][] {
  const [first] = report.rows
  const symbols = Object.keys(first?.indices ?? {})
  const header = symbols.map((symbol) => {
    const unit = first?.units[symbol] ?? '1'
    return unit === '1' ? symbol : `${symbol} (${unit})`
  })
  return [
    [report.by, 'customersServed', 'CI', 'CMI (min)', ...header, 'provisional'],
    ...report.rows.map((row) => [
      row.group,
      row.customersServed,
      row.ci,
      row.cmi,
      ...symbols.map((symbol) => row.indices[symbol] ?? null),
      row.provisional ? 1 : 0,
    ]),
  ]
}

/** What stands at the head of a table of a report, beside the indices. */
export const TABLE_WORDS = {
  en: {
    group: 'Group',
    name: 'Name',
    served: 'Customers served',
    interruptions: 'CI',
    minutes: 'CMI (min)',
    provisional: 'Provisional',
  },
  'zh-CN': {
    group: '分组',
    name: '名称',
    served: '用户数',
    interruptions: '停电户次',
    minutes: '停电时户数（分钟）',
    provisional: '暂定',
  },
} as const

/** A text that begins like a formula must not become one when someone opens the file. */
const csvCell = (cell: string | number | null): string => {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** The settings of a rulebook in words; every report prints them. */
export function settingsInWords(
  settings: RulebookSettings,
  language: ReportLanguage,
): [name: string, value: string][] {
  const line = (rule: keyof RulebookSettings): [string, string] => [
    ruleName(rule)[language],
    ruleValue(rule, settings[rule] ?? UNSAID[rule] ?? null)[language],
  ]
  const limit = line('shortUpToS')
  return [
    [limit[0], `${settings.shortIncludesLimit ? '≤' : '<'} ${limit[1]}`],
    line('immediateUpToS'),
    line('unit'),
    line('eventWindowS'),
    line('reinterruptionMergeMin'),
    line('repeatedCompare'),
    line('longSingleH'),
    line('longTotalH'),
    line('plannedOverrun'),
    line('plannedUntold'),
    line('plannedWeight'),
  ]
}

/** What was filed before there was a choice says nothing of it. */
const UNSAID: Partial<RulebookSettings> = {
  immediateUpToS: 0,
  plannedOverrun: 'planned',
  plannedUntold: 'planned',
  plannedWeight: 1,
}

/** The name of an index in its rulebook; the symbol itself where the rulebook is not known to us. */
export function indexName(rulebookId: string, symbol: string, language: ReportLanguage): string {
  const rule = rulebookOf(rulebookId)?.indices.find((one) => one.symbol === symbol)
  if (rule === undefined) return symbol
  return language === 'zh-CN' ? rule.name.zh : rule.name.en
}

const DETAIL_GROUPS = {
  sub_cause: 'subCause',
  equipment: 'equipment',
  weather: 'weather',
  responsible_system: 'responsibleSystem',
} as const

const NATURES: Readonly<Record<string, Words>> = {
  planned: { en: 'planned', 'zh-CN': '预安排停电' },
  unplanned: { en: 'unplanned', 'zh-CN': '故障停电' },
}
const SYSTEM: Words = { en: 'whole system', 'zh-CN': '全系统' }

/** A row's group for people: causes, what stands beside them and natures by their names, everything else as it is. */
export function groupName(by: string, group: string, language: ReportLanguage): string {
  if (by === 'system') return SYSTEM[language]
  if (by === 'nature') return NATURES[group]?.[language] ?? group
  const nature = by === 'dlt_nature' ? DLT_NATURES.find(({ code }) => code === group) : undefined
  const named = nature ?? (by === 'cause' ? causeOf(group) : undefined)
  if (named !== undefined) return `${language === 'zh-CN' ? named.zh : named.en} (${group})`
  const detail = Object.entries(DETAIL_GROUPS).find(([one]) => one === by)?.[1]
  return detail === undefined ? group : detailName(detail, group)[language]
}

/** Rounded for people only: minutes and hours to 2 places, frequencies to 3, shares to 6 (percent to 4). */
export function shown(value: number | null, unit: string): string {
  if (value === null) return '–'
  if (unit.startsWith('min') || unit.startsWith('h') || unit.includes('Wh')) return value.toFixed(2)
  if (unit === '%') return value.toFixed(4)
  return value !== 0 && Math.abs(value) > 0.99 && Math.abs(value) < 1
    ? value.toFixed(6)
    : value.toFixed(3)
}
