import type { Etr } from '../ledger/acts.ts'
import type { EpochMs } from '../time.ts'
import { etrSentences } from './etr-news.ts'
import { callNow, NO_PHONES, type Phones } from './safety.ts'
import { shownEtr } from './told.ts'
import { textOf, type Reading, type Sentence, type Text } from './words.ts'

/** What we know about a point at which a customer says that supply is out or back. */
export type KnownThere =
  /** No network knows the point. */
  | { readonly known: 'nothing' }
  | { readonly known: 'on' }
  | { readonly known: 'off'; readonly since: EpochMs; readonly etr: Etr | null }
  /** It was off until a moment ago. */
  | { readonly known: 'backAgain'; readonly at: EpochMs }

/** The answer that a customer gets at once, with all that is known: whoever asks is told, never "ticket received". */
export function answerTo(
  said: 'noPower' | 'back',
  there: KnownThere,
  hazard: boolean,
  reading: Reading,
  phones: Phones = NO_PHONES,
): Text {
  const sentences: Sentence[] = hazard ? [{ say: 'answer.hazard' }, ...callNow(phones)] : []
  sentences.push(...(said === 'noPower' ? toNoPower(there, reading.at) : toBack(there)))
  return textOf(sentences, reading)
}

function toNoPower(there: KnownThere, at: EpochMs): Sentence[] {
  switch (there.known) {
    case 'nothing':
      return [{ say: 'answer.unknownPoint' }]
    case 'on':
      return [{ say: 'answer.unknown' }, { say: 'answer.checkFuse' }]
    case 'backAgain':
      return [{ say: 'answer.secondFault', with: { back: { minute: there.at } } }]
    case 'off': {
      const shown = shownEtr(there.etr, at)
      return [
        { say: 'answer.known', with: { since: { minute: there.since } } },
        ...(shown.etr === 'given'
          ? etrSentences(shown)
          : [{ say: shown.etr === 'none' ? 'etr.none' : 'etr.reassessed' } as const]),
      ]
    }
  }
}

function toBack(there: KnownThere): Sentence[] {
  return there.known === 'off'
    ? [{ say: 'answer.backNotKnown' }]
    : there.known === 'nothing'
      ? [{ say: 'answer.unknownPoint' }]
      : [{ say: 'answer.back' }]
}
