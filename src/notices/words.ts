import { MS_PER_DAY, MS_PER_MIN, MS_PER_S, type EpochMs } from '../time.ts'
import { CATALOGUE_EN, type MessageKey } from './catalogue-en.ts'
import { CATALOGUE_ZH_CN } from './catalogue-zh-cn.ts'
import { formatMessage, parseMessage, type Part } from './message-format.ts'

export const LANGUAGES = ['en', 'zh-CN'] as const
export type Language = (typeof LANGUAGES)[number]
export type Text = { readonly en: string; readonly 'zh-CN': string }

/** What a sentence is filled with: words that need no translation, numbers, instants, and messages within messages. */
export type Value =
  | string
  | number
  /** An instant to the minute, in the utility's zone; with the day where that is not the day on which it is read. */
  | {
      readonly minute: EpochMs
      /** Read beside this instant: the day is said only where it is another one. */
      readonly after?: EpochMs
    }
  /** An instant to the second, for the control room. */
  | { readonly second: EpochMs }
  | Sentence

export type Sentence = { readonly say: MessageKey; readonly with?: Readonly<Record<string, Value>> }

/** When and where the words are read. */
export type Reading = { readonly at: EpochMs; readonly timeZone: string }

/** The sentences one after the other, in every language. */
export function textOf(sentences: readonly Sentence[], reading: Reading): Text {
  return {
    en: sentences.map((sentence) => say(sentence, 'en', reading)).join(' '),
    'zh-CN': sentences.map((sentence) => say(sentence, 'zh-CN', reading)).join(''),
  }
}

export function say(sentence: Sentence, language: Language, reading: Reading): string {
  const values: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(sentence.with ?? {})) {
    values[name] = typeof value === 'object' ? wordsFor(value, language, reading) : value
  }
  return formatMessage(messageOf(sentence.say, language), values, language)
}

function wordsFor(
  value: Exclude<Value, string | number>,
  language: Language,
  reading: Reading,
): string {
  if ('say' in value) return say(value, language, reading)
  return 'minute' in value
    ? clockTime(value.minute, false, language, { ...reading, at: value.after ?? reading.at })
    : clockTime(value.second, true, language, reading)
}

/** The cause in words for customers; null where the code is not one we have words for (free text may name a person). */
export function causeSentence(cause: string | null): Sentence | null {
  const key =
    cause === null ? undefined : CAUSE_KEYS.get(cause.toLowerCase().split(/[./:]/)[0] ?? '')
  return key === undefined ? null : { say: key }
}

// The top categories of IEEE 1782, the responsibility codes of DL/T 836, and the short words people type.
const CAUSE_KEYS = new Map<string, MessageKey>([
  ['equipment', 'cause.equipment'],
  ['r2', 'cause.equipment'],
  ['lightning', 'cause.lightning'],
  ['planned', 'cause.planned'],
  ['power_supply', 'cause.powerSupply'],
  ['r9', 'cause.powerSupply'],
  ['public', 'cause.public'],
  ['vehicle', 'cause.public'],
  ['dig_in', 'cause.public'],
  ['r5', 'cause.public'],
  ['vegetation', 'cause.vegetation'],
  ['tree', 'cause.vegetation'],
  ['weather', 'cause.weather'],
  ['storm', 'cause.weather'],
  ['wind', 'cause.weather'],
  ['r6', 'cause.weather'],
  ['wildlife', 'cause.wildlife'],
  ['animal', 'cause.wildlife'],
])

function clockTime(
  instant: EpochMs,
  seconds: boolean,
  language: Language,
  reading: Reading,
): string {
  const { timeZone } = reading
  const time = formatted(seconds ? 'second' : 'minute', instant, language, timeZone)
  // Two instants more than a day apart never share a local day: no need to ask.
  const far = Math.abs(instant - reading.at) > MS_PER_DAY + MS_PER_DAY / 24
  const day = formatted('day', instant, language, timeZone)
  if (!far && day === formatted('day', reading.at, language, timeZone)) return time
  return language === 'en' ? `${time} on ${day}` : `${day}${time}`
}

/** Kept for reuse: in a storm the same minutes are said thousands of times. */
const SAID_MAX = 5_000
type Unit = 'minute' | 'second' | 'day'
// Days change at whole quarters of an hour, in every zone there is.
const STEP_MS = { second: MS_PER_S, minute: MS_PER_MIN, day: 15 * MS_PER_MIN }

function formatted(what: Unit, instant: EpochMs, language: Language, timeZone: string): string {
  const { format, said } = formatter(language, timeZone, what)
  const step = Math.floor(instant / STEP_MS[what])
  let words = said.get(step)
  if (words === undefined) {
    if (said.size >= SAID_MAX) said.clear()
    words = format.format(instant)
    said.set(step, words)
  }
  return words
}

type Formatter = { readonly format: Intl.DateTimeFormat; readonly said: Map<number, string> }

const formatters = new Map<string, Record<Language, Partial<Record<Unit, Formatter>>>>()
function formatter(language: Language, timeZone: string, what: Unit): Formatter {
  let ofZone = formatters.get(timeZone)
  if (ofZone === undefined) formatters.set(timeZone, (ofZone = { en: {}, 'zh-CN': {} }))
  return (ofZone[language][what] ??= {
    format: dateFormat(language, timeZone, what),
    said: new Map(),
  })
}

function dateFormat(language: Language, timeZone: string, what: Unit): Intl.DateTimeFormat {
  const locale = language === 'en' ? 'en-GB' : language
  if (what === 'day') {
    return new Intl.DateTimeFormat(
      locale,
      language === 'en'
        ? { timeZone, weekday: 'short', day: 'numeric', month: 'short' }
        : { timeZone, day: 'numeric', month: 'long' },
    )
  }
  return new Intl.DateTimeFormat(locale, {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    ...(what === 'second' ? { second: '2-digit' as const } : {}),
  })
}

const CATALOGUES: Record<Language, Readonly<Record<MessageKey, string>>> = {
  en: CATALOGUE_EN,
  'zh-CN': CATALOGUE_ZH_CN,
}

const parsed: Record<Language, Map<MessageKey, Part[]>> = { en: new Map(), 'zh-CN': new Map() }
function messageOf(key: MessageKey, language: Language): Part[] {
  const known = parsed[language]
  let message = known.get(key)
  if (message === undefined) known.set(key, (message = parseMessage(CATALOGUES[language][key])))
  return message
}
