import { count, escape, list, localClock, notesOf, page } from './print-page.ts'
import {
  groupName,
  indexName,
  settingsInWords,
  shown,
  TABLE_WORDS,
  type PrintedReport,
  type ReportLanguage,
} from './report.ts'
import { leftOutInWords } from './rule-words.ts'
import { rulebookOf } from './rulebooks.ts'

/** Indices beside each other on a sheet of paper; what there is more stands in further tables. */
const COLUMNS_MAX = 8

const WORDS = {
  en: {
    title: 'Reliability of supply',
    period: 'Period',
    until: 'to (exclusive)',
    rulebook: 'Rulebook',
    leftOut: 'Left out',
    nothing: 'nothing',
    settings: 'Settings of the rulebook',
    notes: 'Notes',
    majorDays: 'Major event days',
    threshold: 'threshold T_MED',
    historyDays: 'days of history',
    noThreshold: 'too little history for a threshold',
    index: 'Index',
    meaning: 'Meaning',
    value: 'Value',
    unit: 'Unit',
    provisional: 'Provisional: someone was without supply when this report was made.',
    none: '(none)',
    days: 'Days are those of',
    filed: 'Filed months',
    filedWhat:
      'Figures of the whole system with nothing left out, as they were filed, and as the record tells them now.',
    month: 'Month',
    closedAt: 'Filed',
    by: 'By',
    filedAs: 'Filed as',
    now: 'Now',
    unchanged: 'as filed',
    corrected: 'Outages corrected since',
  },
  'zh-CN': {
    title: '供电可靠性报告',
    period: '统计期间',
    until: '至（不含）',
    rulebook: '规程',
    leftOut: '不计',
    nothing: '无',
    settings: '规程参数',
    notes: '说明',
    majorDays: '重大事件日',
    threshold: '界限值 T_MED',
    historyDays: '历史天数',
    noThreshold: '历史数据不足，无界限值',
    index: '指标',
    meaning: '含义',
    value: '数值',
    unit: '单位',
    provisional: '暂定：编制时仍有用户停电。',
    none: '（无）',
    days: '日期所用时区',
    filed: '已上报月份',
    filedWhat: '全系统、不剔除任何停电的指标：上报值与现值。',
    month: '月份',
    closedAt: '上报时间',
    by: '上报人',
    filedAs: '上报值',
    now: '现值',
    unchanged: '与上报一致',
    corrected: '上报后更正的停电',
  },
} as const

/** A report as a page that prints well: no scripts, nothing fetched, every value escaped. */
export function reportHtml(report: PrintedReport, language: ReportLanguage): string {
  const words = WORDS[language]
  const rulebook = rulebookOf(report.rulebook.id)?.name
  const name = (language === 'zh-CN' ? rulebook?.zh : rulebook?.en) ?? report.rulebook.name
  const leftOut = report.exclude.map((what) => leftOutInWords(what)[language])
  const facts: [string, string][] = [
    [words.period, `${report.from} ${words.until} ${report.to}`],
    [words.days, report.timeZone],
    [words.rulebook, name],
    [words.leftOut, leftOut.length === 0 ? words.nothing : leftOut.join(', ')],
  ]
  const notes = report.notesInWords?.map((note) => note[language]) ?? report.notes
  const provisional = report.rows.some((row) => row.provisional)
  const body = `<h1>${escape(words.title)}</h1>
${list(facts)}
${provisional ? `<p><strong>${escape(words.provisional)}</strong></p>` : ''}
${report.rows.length === 1 ? oneGroup(report, language) : manyGroups(report, language)}
${majorDays(report, language)}
${filedMonths(report, language)}
<h2>${escape(words.settings)}</h2>
${list(settingsInWords(report.rulebook.settings, language))}
${notesOf(words.notes, notes)}`
  return page(language, `${words.title} ${report.from} – ${report.to}`, body)
}

function oneGroup(report: PrintedReport, language: ReportLanguage): string {
  const words = { ...TABLE_WORDS[language], ...WORDS[language] }
  const [row] = report.rows
  if (row === undefined) return ''
  const counts: [string, string][] = [
    [words.served, count(row.customersServed)],
    [words.interruptions, count(row.ci)],
    [words.minutes, count(row.cmi)],
  ]
  const lines = Object.entries(row.indices).map(([symbol, value]) => {
    const unit = row.units[symbol] ?? '1'
    return `<tr><td>${escape(symbol)}</td><td>${escape(indexName(report.rulebook.id, symbol, language))}</td><td class="n">${shown(value, unit)}</td><td>${unit === '1' ? '' : escape(unit)}</td></tr>`
  })
  return `${list(counts)}
<table><thead><tr><th>${words.index}</th><th>${words.meaning}</th><th class="n">${words.value}</th><th>${words.unit}</th></tr></thead>
<tbody>${lines.join('\n')}</tbody></table>`
}

function manyGroups(report: PrintedReport, language: ReportLanguage): string {
  const symbols = Object.keys(report.rows[0]?.indices ?? {})
  const tables: string[] = []
  for (let i = 0; i === 0 || i < symbols.length; i += COLUMNS_MAX)
    tables.push(groupTable(report, language, symbols.slice(i, i + COLUMNS_MAX)))
  return tables.join('\n')
}

/** Some of the indices, a line for each group. */
function groupTable(
  report: PrintedReport,
  language: ReportLanguage,
  symbols: readonly string[],
): string {
  const words = { ...TABLE_WORDS[language], ...WORDS[language] }
  const unitOf = (symbol: string): string => report.rows[0]?.units[symbol] ?? '1'
  const head = symbols.map((symbol) => {
    const unit = unitOf(symbol)
    return `<th class="n">${escape(symbol)}${unit === '1' ? '' : ` (${escape(unit)})`}</th>`
  })
  const lines = report.rows.map((row) => {
    const cells = symbols.map(
      (symbol) => `<td class="n">${shown(row.indices[symbol] ?? null, unitOf(symbol))}</td>`,
    )
    const mark = row.provisional ? ' *' : ''
    return `<tr><td>${escape(row.group === null ? words.none : groupName(report.by, row.group, language))}${mark}</td><td class="n">${count(row.customersServed)}</td><td class="n">${count(row.ci)}</td><td class="n">${count(row.cmi)}</td>${cells.join('')}</tr>`
  })
  return `<table><thead><tr><th>${words.group}</th><th class="n">${words.served}</th><th class="n">${words.interruptions}</th><th class="n">${words.minutes}</th>${head.join('')}</tr></thead>
<tbody>${lines.join('\n')}</tbody></table>`
}

function majorDays(report: PrintedReport, language: ReportLanguage): string {
  if (report.majorDays.length === 0) return ''
  const words = WORDS[language]
  const years = report.majorDays.map(({ year, thresholdMin, days, alpha, beta, historyDays }) => {
    const restsOn =
      alpha == null || beta == null || historyDays === undefined
        ? ''
        : ` = exp(α + 2.5 β), α ${alpha.toFixed(6)}, β ${beta.toFixed(6)}, ${words.historyDays} ${historyDays}`
    const threshold =
      thresholdMin === null
        ? words.noThreshold
        : `${words.threshold} ${thresholdMin.toFixed(4)} min${restsOn}`
    const named = days.map(({ date, saidiMin }) => `${date} (${saidiMin.toFixed(2)} min)`)
    return `<li>${year}: ${escape(threshold)}${named.length === 0 ? '' : `; ${escape(named.join(', '))}`}</li>`
  })
  return `<h2>${escape(words.majorDays)}</h2><ul>${years.join('')}</ul>`
}

function filedMonths(
  { filed = [], rulebook, timeZone }: PrintedReport,
  language: ReportLanguage,
): string {
  if (filed.length === 0) return ''
  const words = WORDS[language]
  const lines = filed.flatMap(({ month, closedAt, by, restated, corrected }) => {
    const who = `<td>${escape(month)}</td><td>${localClock(Date.parse(closedAt), timeZone)}</td><td>${escape(by)}</td>`
    const since =
      corrected.length === 0 ? '' : `${escape(words.corrected)}: ${escape(corrected.join(', '))}`
    if (restated.length === 0)
      return [`<tr>${who}<td colspan="3">${words.unchanged}</td><td>${since}</td></tr>`]
    return restated.map(({ index, unit, filed: was, now }) => {
      const named = unit === null || unit === '1' ? index : `${index} (${unit})`
      const figures = [was, now].map((value) => `<td class="n">${shown(value, unit ?? '1')}</td>`)
      return `<tr>${who}<td title="${escape(indexName(rulebook.id, index, language))}">${escape(named)}</td>${figures.join('')}<td>${since}</td></tr>`
    })
  })
  return `<h2>${escape(words.filed)}</h2><p>${escape(words.filedWhat)}</p>
<table><thead><tr><th>${words.month}</th><th>${words.closedAt}</th><th>${words.by}</th><th>${words.index}</th><th class="n">${words.filedAs}</th><th class="n">${words.now}</th><th></th></tr></thead>
<tbody>${lines.join('\n')}</tbody></table>`
}
