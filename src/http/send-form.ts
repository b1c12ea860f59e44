import type { FastifyReply } from 'fastify'
import type { Sheet } from '../reliability/report-sheets.ts'
import { XLSX } from './schemas.ts'
import { workbook } from './workbook.ts'

/** A report in the form that was asked for: data, a file to keep, or a page to print. */
export function sendForm(
  reply: FastifyReply,
  format: 'json' | 'csv' | 'xlsx' | 'html',
  report: {
    readonly name: string
    readonly json: () => unknown
    readonly csv: () => string
    readonly sheets: () => readonly Sheet[]
    readonly html: () => string
  },
): unknown {
  const attach = (ending: string) =>
    reply.header('content-disposition', `attachment; filename="${report.name}.${ending}"`)
  switch (format) {
    case 'csv':
      return attach('csv').type('text/csv; charset=utf-8').send(report.csv())
    case 'xlsx':
      return attach('xlsx')
        .type(XLSX)
        .send(Buffer.from(workbook(report.sheets())))
    case 'html':
      return reply.type('text/html; charset=utf-8').send(report.html())
    case 'json':
      return report.json()
  }
}
