import type { NoticeData, NoticeKind } from './notice.ts'
import { NO_PHONES, safetyOf, type Phones } from './safety.ts'
import { textOf, type Language } from './words.ts'

/** A notice as it leaves the house: what every channel can say. */
export type Message = {
  readonly subject: string
  readonly text: string
  /** For one SMS: 160 letters of GSM-7, or 70 of others. */
  readonly short: string
}

export const SMS_CHARS_MAX = 160
export const SMS_CHINESE_CHARS_MAX = 70

/** Loss and restoration are told at night too, and are never counted against a budget; nor is that what was announced will not be. */
const URGENT: readonly NoticeKind[] = [
  'supplyLost',
  'partlyRestored',
  'supplyRestored',
  'plannedCancelled',
]
export const isUrgent = (kind: NoticeKind): boolean => URGENT.includes(kind)

/** Of these an unsent one needs not be sent any more once the next is there. */
const NEWS: readonly NoticeKind[] = ['etrChanged', 'crewChanged']
const PLANNED: readonly NoticeKind[] = ['plannedAnnounced', 'plannedChanged']

/**
 * Unsent letters of these kinds are superseded by one of this kind to the same people: about an outage by the next word about it, about
 * planned work by the next word about that work.
 */
export const supersedes = (kind: NoticeKind): readonly NoticeKind[] =>
  kind.startsWith('planned') ? PLANNED : NEWS

/** `points`: named where the reader has several and must know which is meant. */
export function messageOf(
  data: NoticeData,
  language: Language,
  points: readonly string[] = [],
  phones: Phones = NO_PHONES,
): Message {
  const which = points.length === 0 ? '' : `${points.join(', ')}${language === 'en' ? ': ' : '：'}`
  // No instant is said in it.
  const safety = textOf(safetyOf(data.kind, phones), { at: 0, timeZone: 'UTC' })[language]
  const gap = safety === '' || language !== 'en' ? '' : ' '
  const text = which + data.text[language] + gap + safety
  const sentences = sentencesOf(text, language)
  return {
    subject: (sentences[0] ?? text).replace(/[。.]$/, ''),
    text,
    short: shortOf(sentences, language),
  }
}

/** As many whole sentences, from the first, as one SMS holds. */
function shortOf(sentences: readonly string[], language: Language): string {
  const max = language === 'en' ? SMS_CHARS_MAX : SMS_CHINESE_CHARS_MAX
  let short = ''
  for (const sentence of sentences) {
    const longer = short === '' || language !== 'en' ? short + sentence : `${short} ${sentence}`
    if (longer.length > max) break
    short = longer
  }
  return short === '' ? (sentences[0] ?? '').slice(0, max) : short
}

function sentencesOf(text: string, language: Language): string[] {
  return language === 'en' ? text.split(/(?<=[.?]) (?=[A-Z])/) : text.split(/(?<=[。？])/)
}
