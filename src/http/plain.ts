import { safetyForAll, type Phones } from '../notices/safety.ts'
import { textOf, type Language } from '../notices/words.ts'
import type { App } from './parts.ts'

const WORDS = {
  en: {
    asOf: (at: string) => `As of ${at}. This list does not renew itself: load it again.`,
    none: 'No outages.',
    unknown: 'The list cannot be read just now. Load it again in a minute.',
    area: 'Area',
    out: 'Without power',
    since: 'Since about',
    fewer: (max: number) => `fewer than ${max}`,
    all: (n: string) => `${n} customers are without power.`,
    upTo: (n: string) => `Fewer than ${n} customers are without power.`,
    elsewhere: 'Outside any area',
    masked: 'Counts below five are not shown, so that nobody can be singled out.',
    caption: 'Outages by area',
  },
  'zh-CN': {
    asOf: (at: string) => `截至 ${at}。本页不会自动更新，请重新载入。`,
    none: '目前没有停电。',
    unknown: '暂时无法读取列表，请稍后重新载入。',
    area: '区域',
    out: '停电户数',
    since: '约始于',
    fewer: (max: number) => `少于${max}户`,
    all: (n: string) => `共 ${n} 户停电。`,
    upTo: (n: string) => `不足 ${n} 户停电。`,
    elsewhere: '不属任何区域',
    masked: '少于五户的数目不予显示，以免辨认出个人。',
    caption: '各区域停电情况',
  },
} as const

type Masked = number | { readonly max: number }
type Collection = {
  readonly asOf?: string
  readonly customersOut?: Masked
  readonly storms?: readonly StormSaid[]
  readonly features: readonly {
    readonly properties: {
      readonly area: string | null
      readonly customersOut: Masked
      readonly since: string
    }
  }[]
}

/** The public list as HTML: exactly what `GET /public/outages.geojson` says, masks included. */
export async function plainOutages(
  app: App,
  language: Language,
  timeZone: string,
  phones: Phones,
): Promise<string> {
  const words = WORDS[language]
  const answer = await app.inject('/public/outages.geojson')
  if (answer.statusCode !== 200) return `<p>${words.unknown}</p>${plainSafety(language, phones)}`
  const { features, asOf, customersOut, storms } = answer.json<Collection>()
  const { when, count } = plainTimes(language, timeZone)
  const said = (masked: Masked) =>
    typeof masked === 'number' ? count(masked) : words.fewer(masked.max)
  const sum =
    features.length === 0 || customersOut === undefined
      ? words.none
      : typeof customersOut === 'number'
        ? words.all(count(customersOut))
        : words.upTo(count(customersOut.max))
  const rows = features.map(
    ({ properties }) =>
      `<tr><th scope="row">${escape(properties.area ?? words.elsewhere)}</th>` +
      `<td class="n">${said(properties.customersOut)}</td><td>${when(properties.since)}</td></tr>`,
  )
  const table =
    rows.length === 0
      ? ''
      : `<table><caption class="vh">${words.caption}</caption><thead><tr><th scope="col">${words.area}</th>` +
        `<th scope="col" class="n">${words.out}</th><th scope="col">${words.since}</th></tr></thead>` +
        `<tbody>${rows.join('')}</tbody></table><p class="mute">${words.masked}</p>`
  const asOfLine = asOf === undefined ? '' : `<p class="mute">${words.asOf(when(asOf))}</p>`
  return `<main class="plain">${plainStorms(storms, language)}<h1>${sum}</h1>${asOfLine}${table}${plainSafety(language, phones)}</main>`
}

/** Fallen wires, and whom to call. */
export const plainSafety = (language: Language, phones: Phones): string =>
  `<p><b>${escape(textOf(safetyForAll(phones), { at: 0, timeZone: 'UTC' })[language])}</b></p>`

/** As a storm stands in an answer. */
export type StormSaid = { readonly text: Readonly<Record<Language, string>> }

export const plainStorms = (storms: readonly StormSaid[] | undefined, language: Language): string =>
  (storms ?? []).map(({ text }) => `<p class="storm">${escape(text[language])}</p>`).join('')

/** Times and numbers as the language writes them, in the utility's calendar. */
export function plainTimes(language: Language, timeZone: string) {
  const locale = language === 'en' ? 'en-GB' : 'zh-CN'
  const time = new Intl.DateTimeFormat(locale, {
    timeZone,
    dateStyle: 'medium',
    timeStyle: 'short',
  })
  const number = new Intl.NumberFormat(locale)
  return {
    when: (text: string): string => time.format(new Date(text)),
    count: (value: number): string => number.format(value),
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}
export const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (sign) => ESCAPES[sign] ?? sign)
