import { leftOutInWords } from './rule-words.ts'
import { reportTable, settingsInWords, type PrintedReport, type ReportLanguage } from './report.ts'

type Cell = string | number | null
export type Sheet = { readonly name: string; readonly rows: readonly (readonly Cell[])[] }

/** A report as an Office Open XML workbook: the rows, and a second sheet with the settings, exclusions and notes. Numbers in full. */
export function reportXlsx(report: PrintedReport, language: ReportLanguage): Uint8Array {
  const zh = language === 'zh-CN'
  return workbook([
    { name: zh ? '指标' : 'indices', rows: reportTable(report) },
    {
      name: zh ? '参数' : 'settings',
      rows: [
        [zh ? '规程' : 'rulebook', report.rulebook.name],
        [zh ? '起' : 'from', report.from],
        [zh ? '止（不含）' : 'to (exclusive)', report.to],
        [zh ? '时区' : 'time zone', report.timeZone],
        [
          zh ? '不计' : 'left out',
          report.exclude.map((what) => leftOutInWords(what)[language]).join(', '),
        ],
        ...settingsInWords(report.rulebook.settings, language),
        ...report.majorDays.map(({ year, thresholdMin, days }) => [
          `T_MED ${year} (min)`,
          thresholdMin,
          days.map(({ date }) => date).join(', '),
        ]),
        ...(report.notesInWords?.map((note) => note[language]) ?? report.notes).map((note) => [
          note,
        ]),
      ],
    },
  ])
}

const XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main'
const RELATIONS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006'
const TYPES = 'application/vnd.openxmlformats-officedocument.spreadsheetml'

export function workbook(sheets: readonly Sheet[]): Uint8Array {
  const each = (text: (number: number, sheet: Sheet) => string): string =>
    sheets.map((sheet, i) => text(i + 1, sheet)).join('')
  return storedZip([
    [
      '[Content_Types].xml',
      `${XML}<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="${TYPES}.sheet.main+xml"/>${each((n) => `<Override PartName="/xl/worksheets/sheet${n}.xml" ContentType="${TYPES}.worksheet+xml"/>`)}</Types>`,
    ],
    [
      '_rels/.rels',
      `${XML}<Relationships xmlns="${PACKAGE}/relationships"><Relationship Id="rId1" Type="${RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    ],
    [
      'xl/workbook.xml',
      `${XML}<workbook xmlns="${MAIN}" xmlns:r="${RELATIONS}"><sheets>${each((n, { name }) => `<sheet name="${xmlText(name)}" sheetId="${n}" r:id="rId${n}"/>`)}</sheets></workbook>`,
    ],
    [
      'xl/_rels/workbook.xml.rels',
      `${XML}<Relationships xmlns="${PACKAGE}/relationships">${each((n) => `<Relationship Id="rId${n}" Type="${RELATIONS}/worksheet" Target="worksheets/sheet${n}.xml"/>`)}</Relationships>`,
    ],
    ...sheets.map(({ rows }, i): [string, string] => [
      `xl/worksheets/sheet${i + 1}.xml`,
      `${XML}<worksheet xmlns="${MAIN}"><sheetData>${rows.map(rowXml).join('')}</sheetData></worksheet>`,
    ]),
  ])
}

const rowXml = (cells: readonly Cell[], row: number): string =>
  `<row r="${row + 1}">${cells
    .map((cell, column) => {
      const at = `${columnName(column)}${row + 1}`
      if (cell === null) return ''
      if (typeof cell === 'number') return `<c r="${at}"><v>${cell}</v></c>`
      return `<c r="${at}" t="inlineStr"><is><t xml:space="preserve">${xmlText(cell)}</t></is></c>`
    })
    .join('')}</row>`

function columnName(column: number): string {
  let name = ''
  for (let rest = column; rest >= 0; rest = Math.floor(rest / 26) - 1)
    name = String.fromCharCode(65 + (rest % 26)) + name
  return name
}

/** XML 1.0 has no way to write most control characters. */
const xmlText = (text: string): string =>
  text
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')

const DATE_1980 = 0x21

/** A ZIP archive without compression, the same bytes for the same files. */
function storedZip(files: readonly (readonly [name: string, text: string])[]): Uint8Array {
  const encoder = new TextEncoder()
  const parts: Uint8Array[] = []
  const central: Uint8Array[] = []
  let offset = 0
  for (const [name, text] of files) {
    const nameBytes = encoder.encode(name)
    const data = encoder.encode(text)
    // Version 2.0, names in UTF-8, stored, a fixed date; then checksum, both sizes and the length of the name.
    const common = new DataView(new ArrayBuffer(26))
    common.setUint16(0, 20, true)
    common.setUint16(2, 0x0800, true)
    common.setUint16(8, DATE_1980, true)
    common.setUint32(10, crc32(data), true)
    common.setUint32(14, data.length, true)
    common.setUint32(18, data.length, true)
    common.setUint16(22, nameBytes.length, true)
    const shared = new Uint8Array(common.buffer)
    const local = [bytes32(0x04034b50), shared, nameBytes, data]
    const entry = new DataView(new ArrayBuffer(14))
    entry.setUint32(10, offset, true)
    central.push(bytes32(0x02014b50), bytes16(20), shared, new Uint8Array(entry.buffer), nameBytes)
    for (const part of local) {
      parts.push(part)
      offset += part.length
    }
  }
  const centralLength = central.reduce((sum, part) => sum + part.length, 0)
  const end = new DataView(new ArrayBuffer(22))
  end.setUint32(0, 0x06054b50, true)
  end.setUint16(8, files.length, true)
  end.setUint16(10, files.length, true)
  end.setUint32(12, centralLength, true)
  end.setUint32(16, offset, true)
  const all = [...parts, ...central, new Uint8Array(end.buffer)]
  const zip = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of all) {
    zip.set(part, at)
    at += part.length
  }
  return zip
}

const bytes32 = (value: number): Uint8Array =>
  Uint8Array.of(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255)
const bytes16 = (value: number): Uint8Array => Uint8Array.of(value & 255, value >> 8)

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1
  return value
})
function crc32(data: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of data) value = (CRC[(value ^ byte) & 255] ?? 0) ^ (value >>> 8)
  return (value ^ 0xffffffff) >>> 0
}
