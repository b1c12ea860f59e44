import { eventOf, type OutageChange, type OutageFacts } from '../ledger/facts.ts'
import type { Observation, SwitchObservation } from '../ledger/observation.ts'
import { adoptNames } from '../ledger/open.ts'
import { restates, sameFacts } from '../ledger/outages.ts'
import type { EventName, Ruling } from '../ledger/rulings.ts'
import type { Ledger, LedgerSettings } from '../ledger/state.ts'
import { readingRecord, type Database } from '../stores/database.ts'
import { observationKey } from '../stores/observation-row.ts'
import { recordedKeys } from '../stores/observations.ts'
import { outagesNamed, outagesReaching } from '../stores/outages.ts'
import type { EpochMs } from '../time.ts'
import type { NetworkRoom } from './network-room.ts'
import { walkRecord } from './record-walk.ts'

export type Reopened = {
  readonly ledger: Ledger
  readonly room: NetworkRoom
  /** Where what was saved differs from what follows from the record; empty unless something older than the saved ledger came in. */
  readonly changes: readonly OutageChange[]
  /** How many words about switches were read. */
  readonly observations: number
}

/**
 * The ledger as it follows from the record, from the last checkpoint at or before an instant on, through every network revision since.
 * This is how the engine starts, and how a word older than its memory is judged.
 */
export async function reopenLedger(
  db: Database,
  settings: LedgerSettings,
  before: EpochMs,
  also: readonly SwitchObservation[] = [],
  alsoRuled: readonly Ruling[] = [],
): Promise<Reopened | undefined> {
  return readingRecord(db, async (record) => {
    let horizon = Number.NEGATIVE_INFINITY
    let saved: readonly OutageFacts[] | undefined
    const read = async (from: EpochMs, named: readonly EventName[] = []) => {
      if (saved === undefined) {
        const reaching = await outagesReaching(record, from - settings.recloseWindowMs)
        const known = new Set(reaching.map(({ id }) => id))
        const others = await outagesNamed(record, named, settings.recloseWindowMs)
        saved = [...reaching, ...others.filter(({ id }) => !known.has(id))]
      }
      return saved
    }
    /** Outages of drawings that were left behind, as they stood then; those that went on are told by the next one. */
    const left = new Map<string, OutageFacts>()
    let observations = 0
    const walk = walkRecord(db, record, { settings, before, also, alsoRuled, standing: read })
    for await (const stage of walk) {
      const { ledger } = stage
      const known = await read(horizon)
      switch (stage.is) {
        case 'opened':
          horizon = ledger.horizon
          break
        case 'read':
          observations += stage.words
          break
        case 'outdated':
          adoptNames(
            ledger,
            known.filter(({ anchorAt }) => anchorAt >= ledger.horizon && anchorAt < stage.until),
          )
          for (const { told } of ledger.record.byId.values()) {
            if (told !== null) left.set(told.id, told)
          }
          break
        case 'revised':
          for (const { after } of stage.changes) left.set(after.id, after)
          break
        case 'ended': {
          adoptNames(
            ledger,
            known.filter(({ anchorAt }) => anchorAt >= ledger.horizon),
          )
          const changes = differences(ledger, left, known, horizon)
          return { ledger, room: stage.room, observations, changes }
        }
      }
    }
    return undefined
  })
}

/** Of some words those that the record has already. */
export async function recorded(
  db: Database,
  words: readonly Observation[],
): Promise<Set<Observation>> {
  const keys = words.map(observationKey)
  const found = await recordedKeys(db, keys)
  return new Set(words.filter((_, index) => found.has(keys[index] as string)))
}

/** What is saved against what follows. Compared by what an outage is about (device and anchor), then told under its saved name. */
function differences(
  ledger: Ledger,
  left: ReadonlyMap<string, OutageFacts>,
  saved: readonly OutageFacts[],
  horizon: EpochMs,
): OutageChange[] {
  const derived = new Map(left)
  for (const { told } of ledger.record.byId.values()) if (told !== null) derived.set(told.id, told)
  const savedById = new Map(saved.map((facts) => [facts.id, facts]))
  const savedByEvent = new Map(saved.map((facts) => [eventOf(facts), facts]))
  const changes: OutageChange[] = []
  const seen = new Set<string>()
  for (const facts of derived.values()) {
    const before = savedById.get(facts.id) ?? savedByEvent.get(eventOf(facts)) ?? null
    const after = before === null ? facts : { ...facts, id: before.id }
    if (before !== null) seen.add(before.id)
    if (before === null ? after.sets.length === 0 : sameFacts(before, after)) continue
    changes.push({ before, after, corrected: before !== null && restates(before, after), why: [] })
  }
  for (const before of saved) {
    // What began before the horizon and ended before it is not derived again.
    if (seen.has(before.id) || before.sets.length === 0 || before.anchorAt < horizon) continue
    const after: OutageFacts = {
      ...before,
      sets: [],
      steps: [],
      customersOut: 0,
      customersInterrupted: 0,
      closedCustomerMs: 0,
      restoredAt: before.anchorAt,
    }
    changes.push({ before, after, corrected: true, why: [] })
  }
  return changes
}
