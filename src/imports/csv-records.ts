/**
 * A CSV reader (RFC 4180) that is fed bytes and hands out records with the line each began on. It never stops at a
 * fault: a broken record is named and the reading goes on, so that one report names them all. A parser of
 * general use ends at the first broken quote.
 */

/** A record longer than this is named and passed over. */
export const RECORD_CHARS_MAX = 65_536

export type CsvFault = 'record-too-long' | 'bad-quote' | 'invalid-utf8'

export type CsvSink = {
  /** The fields of one record; unquoted ones without the white space around them. Empty lines are not records. */
  record(fields: string[], line: number): void
  fault(code: CsvFault, line: number): void
}

export type CsvReader = {
  push(bytes: Uint8Array): void
  end(): void
}

export function createCsvReader(sink: CsvSink): CsvReader {
  // TextDecoder drops a byte order mark, and puts U+FFFD where the bytes are no UTF-8.
  const decoder = new TextDecoder('utf-8')
  let rest = ''
  /** Line of the first character of `rest`. */
  let line = 1
  let passingOver = false
  let isTrimmed = false
  let isUtf8 = false

  function take(text: string, final: boolean): void {
    rest = rest === '' ? text : rest + text
    let from = 0
    let quoteAt = quoteFrom(rest, 0)
    // Looked for once in the whole piece, because hardly any has them.
    isTrimmed = !EDGES.test(rest)
    isUtf8 = !rest.includes('\ufffd')
    for (;;) {
      const newline = rest.indexOf('\n', from)
      if (newline < 0) break
      if (passingOver) {
        passingOver = false
        line += 1
        from = newline + 1
        quoteAt = quoteFrom(rest, from)
        continue
      }
      if (quoteAt > newline) {
        emit(rest.slice(from, newline), false)
        line += 1
        from = newline + 1
        continue
      }
      const end = recordEnd(rest, from, newline, final)
      if (end === undefined) break
      emit(rest.slice(from, end.at), true)
      line += end.lines
      from = end.at + 1
      quoteAt = quoteFrom(rest, from)
    }
    rest = from === 0 ? rest : rest.slice(from)
    if (passingOver) rest = ''
    else if (rest.length > RECORD_CHARS_MAX) {
      sink.fault('record-too-long', line)
      // An unclosed quote may have swallowed lines; what follows is counted from where it ends.
      line += countNewlines(rest)
      rest = ''
      passingOver = true
    }
  }

  function emit(raw: string, mayHaveQuotes: boolean): void {
    const record = raw.endsWith('\r') ? raw.slice(0, -1) : raw
    if (record.length > RECORD_CHARS_MAX) return sink.fault('record-too-long', line)
    if (!isUtf8 && record.includes('\ufffd')) return sink.fault('invalid-utf8', line)
    if (record === '' || (!isTrimmed && record.trim() === '')) return
    if (!mayHaveQuotes || !record.includes('"')) {
      const fields = record.split(',')
      if (!isTrimmed) for (let i = 0; i < fields.length; i++) fields[i] = fields[i]!.trim()
      return sink.record(fields, line)
    }
    const fields = quotedFields(record)
    if (fields === undefined) sink.fault('bad-quote', line)
    else sink.record(fields, line)
  }

  return {
    push: (bytes) => take(decoder.decode(bytes, { stream: true }), false),
    end() {
      take(decoder.decode(), true)
      if (!passingOver && rest !== '') emit(rest, true)
      rest = ''
    },
  }
}

/** Where the record that begins at `from` ends: the first line end outside quotes. Undefined: not in `text` yet. */
function recordEnd(
  text: string,
  from: number,
  newline: number,
  final: boolean,
): { at: number; lines: number } | undefined {
  let open = false
  let lines = 1
  let at = newline
  let seen = from
  for (;;) {
    for (let q = text.indexOf('"', seen); q >= 0 && q < at; q = text.indexOf('"', q + 1))
      open = !open
    if (!open) return { at, lines }
    const next = text.indexOf('\n', at + 1)
    // A quote that nobody closes: its line stands alone, and is named as broken.
    if (next < 0) return final ? { at: newline, lines: 1 } : undefined
    if (next - from > RECORD_CHARS_MAX) return { at: newline, lines: 1 }
    seen = at + 1
    at = next
    lines += 1
  }
}

/** Splits a record with quotes; undefined where a quote stands inside an unquoted field or is never closed. */
function quotedFields(record: string): string[] | undefined {
  const fields: string[] = []
  let at = 0
  for (;;) {
    while (at < record.length && isSpace(record, at)) at += 1
    if (record[at] === '"') {
      let field = ''
      for (at += 1; ;) {
        const close = record.indexOf('"', at)
        if (close < 0) return undefined
        field += record.slice(at, close)
        at = close + 1
        if (record[at] !== '"') break
        field += '"'
        at += 1
      }
      fields.push(field)
      while (at < record.length && isSpace(record, at)) at += 1
      if (at < record.length && record[at] !== ',') return undefined
    } else {
      const comma = record.indexOf(',', at)
      const field = record.slice(at, comma < 0 ? record.length : comma)
      if (field.includes('"')) return undefined
      fields.push(field.trim())
      at = comma < 0 ? record.length : comma
    }
    if (at >= record.length) return fields
    at += 1
  }
}

const isSpace = (text: string, at: number): boolean => text.charAt(at).trim() === ''

/** A character that trimming might take, at the beginning or the end of a field. */
// eslint-disable-next-line no-control-regex
const EDGES = /(?:^|[,\n])[\0-\t\v\f\x0e- \xa0-\uffff]|[\0-\t\v\f\x0e- \xa0-\uffff](?:[,\r\n]|$)/

function quoteFrom(text: string, from: number): number {
  const at = text.indexOf('"', from)
  return at < 0 ? Number.POSITIVE_INFINITY : at
}

function countNewlines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1
  return count
}
