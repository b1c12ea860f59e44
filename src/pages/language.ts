import { computed, signal } from '@preact/signals'
import { instantOfLocal } from '../reliability/calendar.ts'
import { MS_PER_H, MS_PER_MIN, type EpochMs } from '../time.ts'

export type Language = 'en' | 'zh-CN'
const LANGUAGE_KEY = 'relight.language'

/** Two words books of the same shape: the compiler misses what a translator forgot. */
export type Words<Book> = { readonly en: Book; readonly 'zh-CN': Book }

function firstLanguage(): Language {
  const asked = new URLSearchParams(location.search).get('lang')
  const wish = asked ?? localStorage.getItem(LANGUAGE_KEY) ?? navigator.language
  return wish.startsWith('zh') ? 'zh-CN' : 'en'
}

export const language = signal<Language>(firstLanguage())
language.subscribe((chosen) => {
  document.documentElement.lang = chosen
})

export function choose(chosen: Language): void {
  localStorage.setItem(LANGUAGE_KEY, chosen)
  language.value = chosen
}

/** The book in the language in force; read inside a component it follows the switch. */
export const wordsOf = <Book>(words: Words<Book>) => computed(() => words[language.value])

/** The utility's own calendar: the service writes it into the page. Empty: the reader's own. */
const zone = document.documentElement.dataset['timeZone'] || undefined
/** Whose clock the page goes by; it stands beside every field in which somebody writes a time. */
export const zoneName = zone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone

/** When the utility's clock shows `2026-03-29T08:00`, the first time where it does so twice; null where it never does. */
export function instantOfClock(text: string): EpochMs | null {
  const wallAsUtc = Date.parse(`${text}Z`)
  if (Number.isNaN(wallAsUtc)) return null
  const { at, skipped } = instantOfLocal(wallAsUtc, zoneName)
  return skipped ? null : at
}
/** Whom to call, where the utility says it. */
export const phones = {
  utility: document.documentElement.dataset['phone'] || null,
  emergency: document.documentElement.dataset['emergencyPhone'] || null,
}
export const utilityName = document.documentElement.dataset['utility'] || 'Relight'

const formats = computed(() => {
  const locale = language.value === 'en' ? 'en-GB' : 'zh-CN'
  const build = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: 'h23', ...options })
  return {
    minute: build({ hour: '2-digit', minute: '2-digit' }),
    second: build({ hour: '2-digit', minute: '2-digit', second: '2-digit' }),
    day: build({ weekday: 'short', day: 'numeric', month: 'short' }),
    date: build({ day: 'numeric', month: 'short', year: 'numeric' }),
    month: build({ month: 'short' }),
    monthYear: build({ month: 'long', year: 'numeric' }),
    number: new Intl.NumberFormat(locale),
  }
})

/** `03:12` in the utility's calendar. */
export const hhmm = (at: EpochMs): string => formats.value.minute.format(at)
/** `03:12:44`, where seconds decide. */
export const hhmmss = (at: EpochMs): string => formats.value.second.format(at)
/** `Tue, 24 Nov` */
export const day = (at: EpochMs): string => formats.value.day.format(at)
/** `24 Nov 2026` */
export const date = (at: EpochMs): string => formats.value.date.format(at)
const isoParts = new Intl.DateTimeFormat('en-CA', {
  timeZone: zone,
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
})
/** `2026-11-24`: the day that an instant belongs to in the utility's calendar. */
export const localDay = (at: EpochMs): string => isoParts.format(at)
export const monthName = (at: EpochMs): string => formats.value.month.format(at)
/** `November 2026` */
export const monthYear = (at: EpochMs): string => formats.value.monthYear.format(at)
export const count = (value: number): string => formats.value.number.format(value)

/** `03:12` today, with its day on any other. */
export function when(at: EpochMs, today: EpochMs): string {
  return day(at) === day(today) ? hhmm(at) : `${day(at)} ${hhmm(at)}`
}

/** Hours and minutes, `2:05`: the column says "for". */
export function hoursMinutes(ms: number): string {
  const minutes = Math.max(0, Math.floor(ms / MS_PER_MIN))
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`
}

/** `2 h 5 min`, `2小时5分`: for sentences. */
export function spell(ms: number): string {
  const hours = Math.floor(ms / MS_PER_H)
  const minutes = Math.floor((ms % MS_PER_H) / MS_PER_MIN)
  if (language.value === 'en') {
    if (hours === 0) return `${minutes} min`
    return minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`
  }
  if (hours === 0) return `${minutes}分钟`
  return minutes === 0 ? `${hours}小时` : `${hours}小时${minutes}分`
}

/** RFC 3339 to an instant; null stays null. */
export const instant = (text: string | null | undefined): EpochMs | null =>
  text === null || text === undefined ? null : Date.parse(text)
