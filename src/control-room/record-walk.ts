import { applyObservations, effectiveAt } from '../ledger/ledger.ts'
import type { SwitchObservation } from '../ledger/observation.ts'
import { BEGINNING, openLedger } from '../ledger/open.ts'
import {
  rulingsFrom,
  rulingsSince,
  type EventName,
  type Ruling,
  type Rulings,
} from '../ledger/rulings.ts'
import { reviseLedger } from '../ledger/revise.ts'
import type { OutageChange, OutageFacts } from '../ledger/facts.ts'
import type { Ledger, LedgerSettings } from '../ledger/state.ts'
import type { Database } from '../stores/database.ts'
import { revisions } from '../stores/networks.ts'
import { clampedObservations, switchObservations } from '../stores/observations.ts'
import { checkpointBefore } from '../stores/outages.ts'
import { readRulings } from '../stores/rulings.ts'
import type { EpochMs } from '../time.ts'
import { openNetworkRoom, type NetworkRoom } from './network-room.ts'

/** Where a walk along the record has come to. What is done to the ledger meanwhile is up to whoever walks. */
export type Stage =
  /** It stands at its horizon, and nothing was read yet. */
  | { readonly is: 'opened'; readonly ledger: Ledger }
  /** All words that count before `until` are applied, and no other. */
  | {
      readonly is: 'read'
      readonly ledger: Ledger
      readonly until: EpochMs
      readonly words: number
    }
  /** The same, and at `until` another network comes into force. */
  | { readonly is: 'outdated'; readonly ledger: Ledger; readonly until: EpochMs }
  /** It is in force. */
  | {
      readonly is: 'revised'
      readonly ledger: Ledger
      readonly changes: readonly OutageChange[]
    }
  /** All there is was read. */
  | { readonly is: 'ended'; readonly ledger: Ledger; readonly room: NetworkRoom }

/**
 * Derives the ledger along the record in the order of time, from the last checkpoint at or before an instant on, through every network
 * revision since. Nothing where there is no network. `record` is one view of the record, in which words do not move while they are read.
 */
export async function* walkRecord(
  db: Database,
  record: Database,
  question: {
    readonly settings: LedgerSettings
    readonly before: EpochMs
    /** Words that the record has not yet. */
    readonly also: readonly SwitchObservation[]
    /** Outages as they were saved, with an interruption that may reach the horizon, and those of some events whenever they ended. */
    readonly standing: (
      horizon: EpochMs,
      also: readonly EventName[],
    ) => Promise<readonly OutageFacts[]>
    /** What is ruled and not saved yet. */
    readonly alsoRuled?: readonly Ruling[]
  },
): AsyncGenerator<Stage> {
  const { settings, before, also } = question
  const drawings = await revisions(record)
  const first = drawings[0]
  if (first === undefined) return
  const checkpoint = await checkpointBefore(record, before)
  const horizon = checkpoint?.at ?? Number.NEGATIVE_INFINITY
  // The first revision also holds for all time before it.
  let index = drawings.findLastIndex((drawing) => drawing.validFrom <= horizon)
  if (index < 0) index = 0
  const rulings = rulingsFrom([...(await readRulings(record)), ...(question.alsoRuled ?? [])])
  let room = await openNetworkRoom(db, drawings[index]?.revision ?? first.revision)
  let ledger = openLedger(
    room.network,
    room.loadPointNumber,
    settings,
    checkpoint === undefined
      ? BEGINNING
      : {
          horizon,
          positions: checkpoint.positions,
          outages: await question.standing(horizon, eventsBefore(rulings, horizon, settings)),
        },
    rulings,
  )
  yield { is: 'opened', ledger }
  const early = mergedEarly(ledger, also, clampedObservations(record, horizon))
  for (; ; index++) {
    const next = drawings[index + 1]
    const until = next?.validFrom ?? Number.POSITIVE_INFINITY
    const from = Math.max(horizon, ledger.horizon)
    for await (const page of wholeInstants(switchObservations(record, from, until))) {
      const end = page.end ?? until
      // What was not marked when it came, and counts earlier by the tolerance of today, is judged here.
      const inOrder = page.words.filter((said) => effectiveAt(ledger, said) >= ledger.horizon)
      const words = [...(await early.before(end)), ...inOrder]
      applyObservations(ledger, words)
      yield { is: 'read', ledger, until: end, words: words.length }
    }
    if (next === undefined) break
    yield { is: 'outdated', ledger, until }
    room = await openNetworkRoom(db, next.revision)
    const revised = reviseLedger(ledger, room.network, room.loadPointNumber, until)
    ledger = revised.ledger
    yield { is: 'revised', ledger, changes: revised.changes }
  }
  yield { is: 'ended', ledger, room }
}

/** Events from before the horizon that one after it is joined to. */
function eventsBefore(
  rulings: Rulings,
  horizon: EpochMs,
  { recloseWindowMs }: LedgerSettings,
): EventName[] {
  return rulingsSince(rulings, horizon - recloseWindowMs)
    .joints.flatMap(({ event, other }) => [event, other])
    .filter(({ at }) => at < horizon)
}

type Page = {
  readonly words: readonly SwitchObservation[]
  /** All words before this instant are in this page or an earlier one; undefined after the last. */
  readonly end: EpochMs | undefined
}

/** What was said at one instant is judged together. There is always a last page, be it empty. */
async function* wholeInstants(pages: AsyncIterable<SwitchObservation[]>): AsyncGenerator<Page> {
  let held: SwitchObservation[] = []
  for await (const page of pages) {
    const words = held.length === 0 ? page : [...held, ...page]
    const last = words.at(-1)?.at
    let keep = words.length
    while (keep > 0 && words[keep - 1]?.at === last) keep--
    held = words.slice(keep)
    if (keep > 0 && last !== undefined) yield { words: words.slice(0, keep), end: last }
  }
  yield { words: held, end: undefined }
}

/** Words that count earlier than their place in the record, as their instants come. */
function mergedEarly(
  ledger: Ledger,
  also: readonly SwitchObservation[],
  clamped: AsyncGenerator<SwitchObservation[]>,
) {
  const counts = (said: SwitchObservation): EpochMs => effectiveAt(ledger, said)
  let waiting = also.toSorted((a, b) => counts(a) - counts(b))
  let isRead = false
  /** Up to here all clamped words are in `waiting`. */
  let readUntil = Number.NEGATIVE_INFINITY
  return {
    async before(end: EpochMs): Promise<SwitchObservation[]> {
      while (!isRead && readUntil < end) {
        const { value: page, done } = await clamped.next()
        if (done === true) isRead = true
        else {
          readUntil = page.at(-1)?.receivedAt ?? readUntil
          waiting = [...waiting, ...page].sort((a, b) => counts(a) - counts(b))
        }
      }
      const index = waiting.findIndex((said) => counts(said) >= end)
      return waiting.splice(0, index < 0 ? waiting.length : index)
    },
  }
}
