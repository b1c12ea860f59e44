/**
 * The small part of ICU MessageFormat that our catalogues use: `{name}` and
 * `{count, plural, one {# customer} other {# customers}}`, where `#` is the number as the language writes it.
 */
export type Part =
  | { readonly part: 'text'; readonly text: string }
  | { readonly part: 'value'; readonly name: string }
  | { readonly part: 'plural'; readonly name: string; readonly cases: Record<string, Part[]> }
  | { readonly part: 'number' }

/** Throws on a message that is not well formed: catalogues are our own, so that is our own mistake. */
export function parseMessage(message: string): Part[] {
  const { parts, end } = parseUntilBrace(message, 0, false)
  if (end !== message.length) throw new Error(`a brace too many at ${end} in: ${message}`)
  return parts
}

/** `values` are already words or numbers; a value that the message names and nobody gave throws. */
export function formatMessage(
  parts: readonly Part[],
  values: Readonly<Record<string, string | number>>,
  language: string,
  counted: number | null = null,
): string {
  let text = ''
  for (const part of parts) {
    switch (part.part) {
      case 'text':
        text += part.text
        break
      case 'number':
        text += counted === null ? '#' : numberWords(counted, language)
        break
      case 'value': {
        const value = given(values, part.name)
        text += typeof value === 'number' ? numberWords(value, language) : value
        break
      }
      case 'plural': {
        const count = Number(given(values, part.name))
        const branch =
          part.cases[`=${count}`] ??
          part.cases[plurals(language).select(count)] ??
          part.cases['other']
        if (branch === undefined) throw new Error(`no plural case for ${part.name}`)
        text += formatMessage(branch, values, language, count)
        break
      }
    }
  }
  return text
}

/** The names of all values that a message asks for. */
export function namesIn(parts: readonly Part[], names = new Set<string>()): Set<string> {
  for (const part of parts) {
    if (part.part === 'value') names.add(part.name)
    if (part.part === 'plural') {
      names.add(part.name)
      for (const branch of Object.values(part.cases)) namesIn(branch, names)
    }
  }
  return names
}

function given(values: Readonly<Record<string, string | number>>, name: string): string | number {
  const value = values[name]
  if (value === undefined) throw new Error(`the message asks for ${name}, which was not given`)
  return value
}

function parseUntilBrace(
  message: string,
  start: number,
  inPlural: boolean,
): { parts: Part[]; end: number } {
  const parts: Part[] = []
  let text = ''
  let at = start
  const keep = () => {
    if (text !== '') parts.push({ part: 'text', text })
    text = ''
  }
  while (at < message.length && message[at] !== '}') {
    if (message[at] === '{') {
      keep()
      const { part, end } = parseArgument(message, at)
      parts.push(part)
      at = end
    } else if (inPlural && message[at] === '#') {
      keep()
      parts.push({ part: 'number' })
      at += 1
    } else {
      text += message[at]
      at += 1
    }
  }
  keep()
  return { parts, end: at }
}

function parseArgument(message: string, start: number): { part: Part; end: number } {
  const simple = /^\{(\w+)\}/.exec(message.slice(start))
  if (simple !== null)
    return { part: { part: 'value', name: simple[1] ?? '' }, end: start + simple[0].length }
  const plural = /^\{(\w+), plural,\s*/.exec(message.slice(start))
  if (plural === null) throw new Error(`not a value at ${start} in: ${message}`)
  const cases: Record<string, Part[]> = {}
  let at = start + plural[0].length
  while (message[at] !== '}') {
    const label = /^(=\d+|\w+) \{/.exec(message.slice(at))
    if (label === null) throw new Error(`not a plural case at ${at} in: ${message}`)
    const { parts, end } = parseUntilBrace(message, at + label[0].length, true)
    cases[label[1] ?? ''] = parts
    at = end + 1
    while (message[at] === ' ') at += 1
  }
  if (cases['other'] === undefined) throw new Error(`no case "other" in: ${message}`)
  return { part: { part: 'plural', name: plural[1] ?? '', cases }, end: at + 1 }
}

/** No language that we write groups fewer than four digits: what is said most needs no asking. */
const numberWords = (value: number, language: string): string =>
  Number.isInteger(value) && value >= 0 && value < 1000
    ? String(value)
    : numbers(language).format(value)

const numberFormats = new Map<string, Intl.NumberFormat>()
function numbers(language: string): Intl.NumberFormat {
  let format = numberFormats.get(language)
  if (format === undefined) numberFormats.set(language, (format = new Intl.NumberFormat(language)))
  return format
}

const pluralRules = new Map<string, Intl.PluralRules>()
function plurals(language: string): Intl.PluralRules {
  let rules = pluralRules.get(language)
  if (rules === undefined) pluralRules.set(language, (rules = new Intl.PluralRules(language)))
  return rules
}
