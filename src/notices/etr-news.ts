import { MS_PER_MIN, type EpochMs } from '../time.ts'
import type { Sentence } from './words.ts'
import {
  isByPerson,
  NEXT_WORD_MIN,
  NEXT_WORD_SHARE,
  SMALL_MOVE_MIN,
  SMALL_MOVE_SHARE,
  STORM_MOVE_SHARE,
  type EtrTold,
  type ShownEtr,
} from './told.ts'

/** What people are to hear about an estimate, given what they were told; null where there is no news worth a message. */
export type EtrNews = { readonly told: EtrTold; readonly sentences: readonly Sentence[] }

/**
 * `storm`: only what people would act on. Nobody is told that there is still nothing to tell, or that a person now stands behind the same
 * time; their page says it to whoever looks.
 */
export function etrNews(
  told: EtrTold,
  shown: ShownEtr,
  at: EpochMs,
  lostAt: EpochMs,
  storm = false,
): EtrNews | null {
  switch (told.etr) {
    case 'none':
      return shown.etr === 'given' ? given(shown, []) : null
    case 'given': {
      if (shown.etr === 'given') {
        if (!isNews(told, shown, at, storm)) return null
        return given(shown, [{ say: 'etr.was', with: { was: { minute: told.at } } }])
      }
      const missed = endOf(told) <= at
      const nextBy = nextWord(at, 0, lostAt)
      return {
        told: { etr: 'reassessing', was: endOf(told), nextBy, times: 1 },
        sentences: [
          missed
            ? { say: 'customer.missed', with: { missed: { minute: endOf(told) } } }
            : { say: 'customer.withdrawn', with: { was: { minute: told.at } } },
          storm ? { say: 'customer.nextWhenKnown' } : nextUpdate(nextBy),
        ],
      }
    }
    case 'reassessing': {
      if (shown.etr === 'given') return given(shown, [])
      if (storm || at < told.nextBy) return null
      const nextBy = nextWord(at, told.times, lostAt)
      return {
        told: { ...told, nextBy, times: told.times + 1 },
        sentences: [{ say: 'customer.stillChecking' }, nextUpdate(nextBy)],
      }
    }
  }
}

const nextUpdate = (nextBy: EpochMs): Sentence => ({
  say: 'customer.nextUpdate',
  with: { next: { minute: nextBy } },
})

/** Until then nobody was let down: the end of the range, or the one time that was said. */
const endOf = (told: EtrTold & { etr: 'given' }): EpochMs => Math.max(told.at, told.latest ?? 0)

/** When the passing of time alone makes news: an estimate that was told passes, or the promised next word is due. */
export function etrNewsDue(told: EtrTold, storm = false): EpochMs | null {
  switch (told.etr) {
    case 'none':
      return null
    case 'given':
      return endOf(told)
    case 'reassessing':
      return storm ? null : told.nextBy
  }
}

/** What a first message says of the estimate. `assessing`: in a storm there is none because a person is still to give it. */
export function etrAtFirst(shown: ShownEtr, at: EpochMs, assessing = false): EtrNews {
  if (shown.etr === 'given') return given(shown, [])
  if (shown.etr === 'none')
    return { told: { etr: 'none' }, sentences: [{ say: assessing ? 'etr.assessing' : 'etr.none' }] }
  return {
    told: { etr: 'reassessing', was: shown.was, nextBy: nextWord(at, 0, at), times: 1 },
    sentences: [{ say: 'etr.reassessed' }],
  }
}

/** The estimate in one or two sentences: a range where there is one, and where it comes from. */
export function etrSentences(shown: ShownEtr & { etr: 'given' }): Sentence[] {
  const { at, earliest, latest, source } = shown.value
  const when: Sentence = shown.late
    ? { say: 'etr.byLatest', with: { latest: { minute: at } } }
    : latest === null
      ? { say: 'etr.at', with: { at: { minute: at } } }
      : source === 'storm'
        ? { say: 'etr.cautious', with: { at: { minute: at }, latest: { minute: latest } } }
        : earliest === null
          ? { say: 'etr.by', with: { at: { minute: at }, latest: { minute: latest } } }
          : {
              say: 'etr.between',
              with: {
                earliest: { minute: earliest },
                latest: { minute: latest },
                at: { minute: at },
              },
            }
  return [when, { say: SOURCE_WORDS[source] }]
}

const SOURCE_WORDS = {
  history: 'etr.fromHistory',
  rule: 'etr.fromRule',
  storm: 'etr.fromStorm',
  crew: 'etr.fromCrew',
  dispatcher: 'etr.fromDispatcher',
  zone: 'etr.fromZone',
} as const

function given(shown: ShownEtr & { etr: 'given' }, after: readonly Sentence[]): EtrNews {
  const { at, latest } = shown.value
  return {
    told: { etr: 'given', at, latest, byPerson: isByPerson(shown.value) },
    sentences: [...etrSentences(shown), ...after],
  }
}

function isNews(
  told: EtrTold & { etr: 'given' },
  shown: ShownEtr & { etr: 'given' },
  at: EpochMs,
  storm: boolean,
): boolean {
  const { value } = shown
  if (endOf(told) <= at) return true
  // That a person now stands behind it is worth knowing even if the time is the same.
  if (!storm && isByPerson(value) && !told.byPerson) return true
  // What is most likely has passed for both: only the end of the range can be news.
  const move = shown.late && told.latest !== null ? 0 : Math.abs(value.at - told.at)
  const latestMove =
    value.latest !== null && told.latest !== null ? Math.abs(value.latest - told.latest) : 0
  const share = storm ? STORM_MOVE_SHARE : SMALL_MOVE_SHARE
  const small = Math.max(SMALL_MOVE_MIN * MS_PER_MIN, (endOf(told) - at) * share)
  return Math.max(move, latestMove) >= small
}

/** Whoever has waited for a day is not helped by a word every hour: the next comes after a quarter of the time that it has lasted. */
function nextWord(at: EpochMs, times: number, lostAt: EpochMs): EpochMs {
  const waitMin = NEXT_WORD_MIN[Math.min(times, NEXT_WORD_MIN.length - 1)] ?? NEXT_WORD_MIN[0]
  return at + Math.max(waitMin * MS_PER_MIN, (at - lostAt) * NEXT_WORD_SHARE)
}
