import type { EpochMs } from '../time.ts'
import { offsetMs } from './calendar.ts'

const STYLE = `body{font:11pt/1.4 system-ui,"Noto Sans CJK SC",sans-serif;margin:2cm;color:#111}
h1{font-size:18pt;margin:0 0 .2em}h2{font-size:12pt;margin:1.4em 0 .3em}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.2em .6em;border-bottom:.5pt solid #999}
th{border-bottom:1pt solid #111}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1em 1em;margin:0}dd{margin:0}
tr,li{break-inside:avoid}thead{display:table-header-group}@page{size:A4;margin:1.5cm}@media print{body{margin:0}}`

/** A page that prints well: no scripts, nothing fetched. */
export const page = (language: string, title: string, body: string): string => `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><title>${escape(title)}</title><style>${STYLE}</style></head>
<body>${body}
</body></html>
`

export const notesOf = (title: string, notes: readonly string[]): string =>
  notes.length === 0
    ? ''
    : `<h2>${escape(title)}</h2><ul>${notes.map((note) => `<li>${escape(note)}</li>`).join('')}</ul>`

export const list = (pairs: readonly (readonly [string, string])[]): string =>
  `<dl>${pairs.map(([term, text]) => `<dt>${escape(term)}</dt><dd>${escape(text)}</dd>`).join('')}</dl>`

export const count = (value: number | null): string =>
  value === null ? '–' : String(Math.round(value * 100) / 100)

export const escape = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')

/** `2025-03-30 02:15` by the clock of a zone. */
export const localClock = (at: EpochMs, timeZone: string): string =>
  new Date(at + offsetMs(at, timeZone)).toISOString().slice(0, 16).replace('T', ' ')
