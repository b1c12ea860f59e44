import type { Clock } from '../clock.ts'
import { at } from '../grid/network.ts'
import { formatPhases } from '../grid/phases.ts'
import type { Act, ActAnswer, Actor } from '../ledger/acts.ts'
import type { OutageFacts } from '../ledger/facts.ts'
import { closedNow } from '../ledger/positions.ts'
import type { Entry } from './board.ts'
import type { Derive } from './deriving.ts'
import { ruleOutage, rulePosition, type OutageAct, type Ruling } from './desk.ts'
import { learn } from './estimates.ts'
import type { Memory, Recollection } from './memory.ts'
import { nothingAt } from './piece.ts'
import { ruleStorm } from './storm.ts'
import type { Deadlines } from './deadlines.ts'
import type { NoticeSettings } from '../notices/standing.ts'
import type { RuleOutages } from './rulings.ts'
import type { Saving } from './saving.ts'

/** A person's act from asking to saved. Throws what the database refuses for good; memory has it then, and the record has not. */
export type PerformAct = (act: Act, actor: Actor) => Promise<ActAnswer>

export function openActs(
  clock: Clock,
  settings: NoticeSettings,
  memory: Memory,
  recollection: Recollection,
  derive: Derive,
  saving: Saving,
  deadlines: Deadlines,
  rule: RuleOutages,
): PerformAct {
  let manualSeq = 0
  return async (act, actor) => {
    const now = clock()
    if (act.act === 'storm') {
      const ruled = ruleStorm(act, actor, memory, now, settings)
      if (ruled.is === 'answered') return ruled.answer
      memory.storms = ruled.storms
      await saving.commit(ruled.piece)
      for (const id of ruled.toEstimate) deadlines.estimates.set(id, now)
      deadlines.set()
      return { outcome: 'done', outages: [...ruled.piece.entries.keys()] }
    }
    if (act.act === 'merge' || act.act === 'split') return rule(act, actor, now)
    let ruling: Ruling
    let recalled = new Map<string, OutageFacts>()
    let before: unknown = null
    if (act.act === 'position') {
      manualSeq = Math.max(manualSeq + 1, now)
      before = positionBefore(memory, act.switch)
      ruling = rulePosition(act, actor, memory.room, now, manualSeq)
    } else {
      recalled = await recollection.recall([act.outage])
      const facts = recalled.get(act.outage) ?? memory.ledger.record.byId.get(act.outage)?.told
      const entry = await recollection.entryKnown(act.outage)
      ruling =
        facts == null || entry === undefined
          ? { is: 'answered', answer: { outcome: 'unknown-outage' } }
          : ruleOutage(act, actor, facts, entry, now)
      if (entry !== undefined) before = standingBefore(act.act, entry)
    }
    if (ruling.is === 'answered') return ruling.answer
    const audit = {
      at: now,
      subject: actor.subject,
      role: actor.role,
      act: act.act,
      target: act.act === 'position' ? act.switch : act.outage,
      before,
      after: act,
    }
    if (ruling.is === 'observed') {
      const piece = await derive({
        ...nothingAt(now),
        observations: [ruling.observation],
        audits: [audit],
      })
      await saving.commit(piece)
      return { outcome: 'done', outages: piece.change.outages.map(({ after }) => after.id) }
    }
    await saving.commit({
      ...nothingAt(now),
      desk: ruling.desk === null ? [] : [ruling.desk],
      entries: new Map([[ruling.outage, ruling.entry]]),
      events: [ruling.event],
      audits: [audit],
      recalled,
    })
    if (act.act === 'cause') {
      const facts = recalled.get(act.outage) ?? memory.ledger.record.byId.get(act.outage)?.told
      if (facts?.restoredAt != null) learn(memory.experience, memory.room, facts, act.cause, 0)
    }
    return { outcome: 'done', outages: [ruling.outage] }
  }
}

/** What an act about an outage replaces, for the audit. */
function standingBefore(act: OutageAct['act'], { etr, crew, cause, causeDetail, closedAt }: Entry) {
  switch (act) {
    case 'etr':
      return { etr }
    case 'crew':
      return { crew }
    case 'cause':
      return { cause, detail: causeDetail }
    case 'close':
      return { closedAt }
    case 'note':
      return null
  }
}

function positionBefore({ room: { network }, ledger }: Memory, id: string) {
  const device = network.switchIndex.get(id)
  if (device === undefined) return null
  const history = ledger.histories.get(device)
  const closed = history === undefined ? at(network.switchNormal, device) : closedNow(history)
  return { closedPhases: formatPhases(closed) }
}
