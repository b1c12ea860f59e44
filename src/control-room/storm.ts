import type { ActAnswer, Actor, Etr, StormAct } from '../ledger/acts.ts'
import type { OutageFacts, OutageId } from '../ledger/facts.ts'
import type { DeskChange, NoticeSettings } from '../notices/standing.ts'
import {
  composeStorm,
  etrInStorm,
  stormOver,
  type Storm,
  type StormChange,
} from '../notices/storm.ts'
import { isByPerson } from '../notices/told.ts'
import type { OutageEvent } from '../stores/board.ts'
import { saveStormChange } from '../stores/storms.ts'
import type { EpochMs } from '../time.ts'
import { entryFor, type Entry } from './board.ts'
import type { Memory } from './memory.ts'
import { nothingAt, type Piece } from './piece.ts'

/** What a decision about a storm comes to: an answer at once, or a piece to save, the storms as they are then, and whom to estimate again. */
export type StormRuling =
  | { readonly is: 'answered'; readonly answer: ActAnswer }
  | {
      readonly is: 'decided'
      readonly piece: Piece
      readonly storms: readonly Storm[]
      /** Outages without an estimate, which machines may estimate again. */
      readonly toEstimate: readonly OutageId[]
    }

export function ruleStorm(
  act: StormAct,
  actor: Actor,
  memory: Pick<Memory, 'storms' | 'ledger' | 'board'>,
  now: EpochMs,
  settings: NoticeSettings,
): StormRuling {
  const declared = memory.storms.find(({ area }) => area === act.area)
  if (act.does === 'declare' && declared !== undefined)
    return { is: 'answered', answer: { outcome: 'already-declared' } }
  if (act.does !== 'declare' && declared === undefined)
    return { is: 'answered', answer: { outcome: 'not-declared' } }

  const etr: Etr | null = act.etr === null ? null : { ...act.etr, source: 'zone', issuedAt: now }
  const storm: Storm = {
    area: act.area,
    declaredAt: declared?.declaredAt ?? now,
    etr: act.does === 'end' ? (declared?.etr ?? null) : etr,
    alarmedAt: null,
  }
  const others = memory.storms.filter(({ area }) => area !== act.area)
  const storms = act.does === 'end' ? others : [...others, storm]
  const before = { storms: memory.storms, board: memory.board }
  const desk: DeskChange[] = []
  const entries = new Map<OutageId, Entry>()
  const events: OutageEvent[] = []
  const toEstimate: OutageId[] = []
  let customersOut = 0
  for (const [id, { told: facts }] of openOutages(memory)) {
    const concerned = act.area === null || facts.area === act.area
    if (!concerned) continue
    customersOut += facts.customersOut
    const entry = entryFor(before.board, id)
    if (entry.planned) continue
    const over = stormOver(storms, facts.area)
    if (over === null) {
      // What a person promised for the area stays until it passes; who has no estimate is estimated by itself again.
      if (entry.etr === null || !isByPerson(entry.etr)) toEstimate.push(id)
      continue
    }
    const next = etrInStorm(entry.etr, over)
    if (sameEtr(entry.etr, next)) continue
    entries.set(id, { ...entry, etr: next })
    desk.push({ desk: 'etr', outage: id, etr: next, zone: true })
    events.push({ outage: id, at: now, kind: 'etr', data: next, bySubject: actor.subject })
  }
  const change: StormChange = {
    change: act.does === 'declare' ? 'declared' : act.does === 'end' ? 'ended' : 'estimate',
    storm,
    reason: act.reason,
  }
  const view = (one: Storm | undefined) =>
    one === undefined ? null : { area: one.area, declaredAt: one.declaredAt, etr: one.etr }
  return {
    is: 'decided',
    storms,
    toEstimate,
    piece: {
      ...nothingAt(now),
      desk,
      entries,
      events,
      drafts: composeStorm(change, customersOut, { at: now, settings }),
      audits: [
        {
          at: now,
          subject: actor.subject,
          role: actor.role,
          act: `storm ${act.does}`,
          target: act.area,
          before: view(declared),
          after: act.does === 'end' ? null : view(storm),
        },
      ],
      also: [(tx) => saveStormChange(tx, change, actor.subject, now)],
    },
  }
}

function* openOutages({
  ledger,
}: Pick<Memory, 'ledger'>): Generator<[OutageId, { told: OutageFacts }]> {
  for (const [id, { told }] of ledger.record.byId) {
    if (told !== null && told.restoredAt === null && told.customersOut > 0) yield [id, { told }]
  }
}

const sameEtr = (a: Etr | null, b: Etr | null): boolean =>
  a === b ||
  (a !== null &&
    b !== null &&
    a.at === b.at &&
    a.earliest === b.earliest &&
    a.latest === b.latest &&
    a.source === b.source)
