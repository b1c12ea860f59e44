import { saveFile } from '../api.ts'
import { question } from './question.ts'
import { valueOf } from './reading.ts'
import { reports, type Report } from './report-data.ts'

/** What is seen, as a file: the whole, the months, the feeders and the causes, one row each, with the symbols as columns. */
export function exportCsv(): void {
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
  add('feeder', valueOf(shown.feeders))
  add('cause', valueOf(shown.causes))
  const text = lines.map((cells) => cells.map(quote).join(',')).join('\r\n')
  // The mark of byte order tells spreadsheets that this is UTF-8.
  const file = new Blob(['\uFEFF', text], { type: 'text/csv' })
  const { from, to, rulebook } = question.value
  saveFile(file, `relight-${rulebook}-${from}-${to}.csv`)
}

const quote = (cell: string): string =>
  /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
