import type { Crew, Etr } from '../ledger/acts.ts'
import { MS_PER_MIN, type EpochMs } from '../time.ts'
import { crewAndCause, estimateState, etrData } from './data.ts'
import { etrAtFirst, etrSentences } from './etr-news.ts'
import type { NoticeData } from './notice.ts'
import { crewTold, shownEtr, type ShownEtr } from './told.ts'
import { LANGUAGES, say, textOf, type Language, type Reading, type Sentence } from './words.ts'

/** A letter that is older than this when it leaves is looked at again. */
export const FRESH_MIN = 5

/** What is known of the outage when the letter leaves. */
export type KnownNow = {
  readonly etr: Etr | null
  readonly crew: Crew | null
  readonly cause: string | null
}

/**
 * A letter to a customer as it is true when it leaves. One that waited (quiet hours, a provider that was away) says the estimate of then
 * otherwise, which may have passed. `known` null: nothing more is known than the letter itself says.
 */
export function asItLeaves(
  data: NoticeData,
  {
    writtenAt,
    at,
    timeZone,
    known,
  }: {
    readonly writtenAt: EpochMs
    readonly at: EpochMs
    readonly timeZone: string
    readonly known: KnownNow | null
  },
): NoticeData {
  const estimate = data['estimate']
  const isFresh = at - writtenAt < FRESH_MIN * MS_PER_MIN
  const written = { at: writtenAt, timeZone }
  const now = { at, timeZone }
  if (estimate !== 'given' && estimate !== 'none' && estimate !== 'reassessing') {
    return isFresh ? data : { ...data, text: resaid(data, headsOf(data), written, now) }
  }
  const was = shownOf(data, estimate)
  const passed = was.etr === 'given' && shownEtr(was.value, at).etr === 'passed'
  // A crew on its way says nothing of the estimate, which a letter that it takes the place of did.
  if (isFresh && !passed && (data.kind !== 'crewChanged' || known === null)) return data

  const shown: ShownEtr =
    known !== null
      ? shownEtr(known.etr, at)
      : was.etr === 'given'
        ? shownEtr(was.value, at)
        : { ...was }
  const more = known === null ? null : crewAndCause(known)
  const storm = data.text.en.includes(say({ say: 'etr.assessing' }, 'en', written))
  const estimates = etrAtFirst(shown, at, storm).sentences
  const text =
    data.kind === 'etrChanged' || data.kind === 'crewChanged'
      ? textOf([{ say: 'customer.stillOut' }, ...estimates, ...(more ?? [])], now)
      : withEstimate(data, { was, estimates, more, written, now })
  return {
    ...data,
    etr: etrData(shown),
    estimate: estimateState(shown),
    crew: known === null ? data['crew'] : crewTold(known.crew?.state ?? null),
    text,
  }
}

/** The estimate that a letter says. */
function shownOf(data: NoticeData, estimate: 'given' | 'none' | 'reassessing'): ShownEtr {
  const { etr } = data
  if (estimate === 'given' && etr !== null) {
    const instant = (text: string | null): EpochMs | null =>
      text === null ? null : Date.parse(text)
    const at = Date.parse(etr.at)
    const latest = instant(etr.latest)
    const value: Etr = {
      at,
      earliest: instant(etr.earliest),
      latest,
      source: etr.source as Etr['source'],
      issuedAt: Date.parse(etr.issuedAt),
    }
    // Once what is most likely has passed, the end of the range stands in its place.
    return { etr: 'given', value, late: latest === at }
  }
  return estimate === 'reassessing' ? { etr: 'passed', was: 0 } : { etr: 'none' }
}

/** A first word, or a correction: its beginning stays, the estimate and what follows it are of now. */
function withEstimate(
  data: NoticeData,
  letter: {
    readonly was: ShownEtr
    readonly estimates: readonly Sentence[]
    /** Null: what followed the estimate stays. */
    readonly more: readonly Sentence[] | null
    readonly written: Reading
    readonly now: Reading
  },
): NoticeData['text'] {
  const { was, written, now } = letter
  const before: readonly (readonly Sentence[])[] =
    was.etr === 'given'
      ? [etrSentences(was)]
      : was.etr === 'passed'
        ? [[{ say: 'etr.reassessed' }]]
        : [[{ say: 'etr.assessing' }], [{ say: 'etr.none' }]]
  const heads = resaid(data, headsOf(data), written, now)
  const fresh = textOf(letter.estimates, now)
  const tail = letter.more === null ? null : textOf(letter.more, now)
  const rewritten = (language: Language): string => {
    for (const sentences of before) {
      const old = textOf(sentences, written)[language]
      const from = heads[language].indexOf(old)
      if (from < 0) continue
      const rest = heads[language].slice(from + old.length).trim()
      return joined(
        [heads[language].slice(0, from).trim(), fresh[language], tail?.[language] ?? rest],
        language,
      )
    }
    // A letter in words that this version does not write: what it began with, and what is known now.
    const first = heads[language].split(
      language === 'en' ? /(?<=[.?]) (?=[A-Z])/ : /(?<=[。？])/,
    )[0]
    return joined([first ?? '', fresh[language], tail?.[language] ?? ''], language)
  }
  return { en: rewritten('en'), 'zh-CN': rewritten('zh-CN') }
}

const joined = (parts: readonly string[], language: Language): string =>
  parts.filter((part) => part !== '').join(language === 'en' ? ' ' : '')

/** Sentences a letter may begin with; said another day, their times need the day. */
function headsOf(data: NoticeData): Sentence[] {
  const since = { minute: Date.parse(data.startedAt) }
  const restoredAt = data['restoredAt']
  if (typeof restoredAt !== 'string') {
    return (
      [
        'customer.lost',
        'customer.lostAgain',
        'customer.lostUncertain',
        'customer.lostPlanned',
      ] as const
    ).map((key) => ({ say: key, with: { since } }))
  }
  const back = { minute: Date.parse(restoredAt) }
  return [
    { say: 'customer.back', with: { back } },
    { say: 'customer.backArea', with: { back } },
    { say: 'customer.times', with: { lost: since, back } },
  ]
}

function resaid(
  data: NoticeData,
  sentences: readonly Sentence[],
  written: Reading,
  now: Reading,
): NoticeData['text'] {
  const text: Record<Language, string> = { ...data.text }
  for (const language of LANGUAGES) {
    for (const sentence of sentences) {
      const old = say(sentence, language, written)
      text[language] = text[language].replace(old, () => say(sentence, language, now))
    }
  }
  return text
}
