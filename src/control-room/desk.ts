import { formatPhases } from '../grid/phases.ts'
import { at } from '../grid/network.ts'
import type { Act, ActAnswer, Actor, Etr } from '../ledger/acts.ts'
import type { OutageFacts, OutageId } from '../ledger/facts.ts'
import type { SwitchObservation } from '../ledger/observation.ts'
import type { DeskChange } from '../notices/standing.ts'
import { causeDetailOf } from '../reliability/cause-detail.ts'
import type { OutageEvent } from '../stores/board.ts'
import type { EpochMs } from '../time.ts'
import type { Entry } from './board.ts'
import type { NetworkRoom } from './network-room.ts'

/** The source that dispatchers' words are recorded under. */
export const DISPATCH = 'dispatch'

/** What an act comes to before it is saved: an answer at once, an observation, or a change of what is known beside the facts. */
export type Ruling =
  | { readonly is: 'answered'; readonly answer: ActAnswer }
  | { readonly is: 'observed'; readonly observation: SwitchObservation }
  | {
      readonly is: 'decided'
      readonly outage: OutageId
      readonly entry: Entry
      readonly desk: DeskChange | null
      readonly event: OutageEvent
    }

export function rulePosition(
  act: Act & { act: 'position' },
  actor: Actor,
  room: NetworkRoom,
  now: EpochMs,
  seq: number,
): Ruling {
  const device = room.network.switchIndex.get(act.switch)
  if (device === undefined) return { is: 'answered', answer: { outcome: 'unknown-switch' } }
  const has = at(room.network.branchPhases, device)
  if (act.phases !== null && (act.phases & ~has) !== 0) {
    const says = `${act.switch} has the phases ${formatPhases(has)}, not ${formatPhases(act.phases)}`
    return { is: 'answered', answer: { outcome: 'wrong-phases', says } }
  }
  return {
    is: 'observed',
    observation: {
      kind: 'manual',
      gateway: DISPATCH,
      point: act.switch,
      seq,
      at: act.at ?? now,
      receivedAt: now,
      position: act.position,
      phases: act.phases,
      reason: act.reason ?? 'manual',
      quality: 'good',
      bySubject: actor.subject,
    },
  }
}

export type OutageAct = Exclude<Act, { act: 'position' | 'storm' | 'merge' | 'split' }>

/** An act about an outage that is known. */
export function ruleOutage(
  act: OutageAct,
  actor: Actor,
  facts: OutageFacts,
  entry: Entry,
  now: EpochMs,
): Ruling {
  const outage = facts.id
  const decided = (next: Partial<Entry>, desk: DeskChange | null, data: unknown): Ruling => ({
    is: 'decided',
    outage,
    entry: { ...entry, ...next },
    desk,
    event: { outage, at: now, kind: act.act, data, bySubject: actor.subject },
  })
  switch (act.act) {
    case 'etr': {
      const { at: likely, earliest, latest, source } = act
      const etr = { at: likely, earliest, latest, source, issuedAt: now }
      // Said again it is renewed, on record, and no news.
      const isNews = entry.etr === null || !isSaidAgain(entry.etr, etr)
      return decided({ etr }, isNews ? { desk: 'etr', outage, etr } : null, etr)
    }
    case 'crew': {
      const crew = { name: act.name, state: act.state, at: now }
      return decided({ crew }, { desk: 'crew', outage, crew }, crew)
    }
    case 'cause': {
      const { cause, detail } = act
      // What stood beside another cause goes with it.
      const { detail: causeDetail } = causeDetailOf(cause, detail)
      return decided({ cause, causeDetail }, { desk: 'cause', outage, cause }, { cause, ...detail })
    }
    case 'note':
      return decided({}, null, { text: act.text })
    case 'close': {
      if (facts.restoredAt === null) {
        const answer: ActAnswer = { outcome: 'still-out', customersOut: facts.customersOut }
        return { is: 'answered', answer }
      }
      if (entry.closedAt !== null) {
        return { is: 'answered', answer: { outcome: 'already-closed' } }
      }
      return decided({ closedAt: now }, { desk: 'closed', outage }, {})
    }
  }
}

const isSaidAgain = (before: Etr, etr: Etr): boolean =>
  before.at === etr.at &&
  before.earliest === etr.earliest &&
  before.latest === etr.latest &&
  before.source === etr.source
