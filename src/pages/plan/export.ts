import { saveFile } from '../api.ts'
import { now } from '../page-clock.ts'
import { question } from './question.ts'
import { valueOf } from './reading.ts'
import { reports, type Report } from './report-data.ts'

/** The reports behind the charts, one row each with every symbol as a column: the whole, months, days, feeders, causes; then the tables as they are seen. */
export function exportReports(): void {
  const shown = reports.value
  if (shown === null) return
  const symbols = Object.keys(shown.system.rows[0]?.indices ?? {})
  const lines = [['part', 'group', 'customersServed', 'ci', 'cmi', ...symbols]]
  const add = (part: string, report: Report | null) => {
    for (const row of report?.rows ?? []) {
      const numbers = [row.customersServed, row.ci, row.cmi, ...symbols.map((s) => row.indices[s])]
      lines.push([part, row.group ?? '', ...numbers.map((each) => String(each ?? ''))])
    }
  }
  add('system', shown.system)
  add('month', valueOf(shown.months))
  add('day', valueOf(shown.days))
  add('feeder', valueOf(shown.feeders))
  add('cause', valueOf(shown.causes))
  const { from, to, rulebook } = question.value
  saveCsv([...lines, [], ...tablesSeen()], `relight-${rulebook}-${from}-${to}.csv`)
}

/** The tables of the view as they are seen, one below the other, each under its heading; what is folded away is not seen. */
export function exportSeen(): void {
  const { view } = question.value
  saveCsv(tablesSeen(), `relight-${view}-${new Date(now.value).toISOString().slice(0, 10)}.csv`)
}

function tablesSeen(): string[][] {
  const lines: string[][] = []
  for (const table of document.querySelectorAll<HTMLTableElement>('main table')) {
    if (!table.checkVisibility()) continue
    lines.push([headingOf(table)])
    for (const row of table.rows) lines.push(Array.from(row.cells, textOf))
    lines.push([])
  }
  return lines
}

function headingOf(table: HTMLTableElement): string {
  const above = table.caption ?? table.closest('section')?.querySelector('h2, h3')
  return Array.from(above?.childNodes ?? [])
    .filter((node) => !(node instanceof Element && node.matches('.noprint, :has(button)')))
    .map((node) => node.textContent)
    .join(' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

/** A number without the marks that part its thousands: a spreadsheet reads it as one. */
function textOf(element: HTMLElement): string {
  const text = element.innerText.replaceAll(/\s+/g, ' ').trim()
  return /^-?\d{1,3}(,\d{3})+(\.\d+)?$/.test(text) ? text.replaceAll(',', '') : text
}

function saveCsv(lines: readonly (readonly string[])[], name: string): void {
  const text = lines.map((cells) => cells.map(quote).join(',')).join('\r\n')
  // The mark of byte order tells spreadsheets that this is UTF-8.
  saveFile(new Blob(['\uFEFF', text], { type: 'text/csv' }), name)
}

const quote = (cell: string): string =>
  /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
