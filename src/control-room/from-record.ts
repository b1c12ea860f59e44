import { sql } from 'kysely'
import type { OutageChange, OutageFacts } from '../ledger/facts.ts'
import { applyObservations, effectiveAt } from '../ledger/ledger.ts'
import type { Observation, SwitchObservation } from '../ledger/observation.ts'
import { adoptNames, BEGINNING, openLedger } from '../ledger/open.ts'
import { restates, sameFacts } from '../ledger/outages.ts'
import { reviseLedger } from '../ledger/revise.ts'
import type { Ledger, LedgerSettings } from '../ledger/state.ts'
import { instant, type Database } from '../stores/database.ts'
import { revisions } from '../stores/networks.ts'
import { observationKey, readObservation, switchObservations } from '../stores/observations.ts'
import { checkpointBefore, outagesReaching } from '../stores/outages.ts'
import type { EpochMs } from '../time.ts'
import { openNetworkRoom, type NetworkRoom } from './network-room.ts'

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
): Promise<Reopened | undefined> {
  const drawings = await revisions(db)
  const first = drawings[0]
  if (first === undefined) return undefined
  const checkpoint = await checkpointBefore(db, before)
  const horizon = checkpoint?.at ?? Number.NEGATIVE_INFINITY
  const saved = await outagesReaching(db, horizon - settings.recloseWindowMs)
  // The first revision also holds for all time before it.
  let index = drawings.findLastIndex((drawing) => drawing.validFrom <= horizon)
  if (index < 0) index = 0
  let room = await openNetworkRoom(db, drawings[index]?.revision ?? first.revision)
  let ledger = openLedger(
    room.network,
    room.loadPointNumber,
    settings,
    checkpoint === undefined
      ? BEGINNING
      : { horizon, positions: checkpoint.positions, outages: saved },
  )
  /** Outages of drawings that were left behind, as they stood then; those that went on are told by the next one. */
  const left = new Map<string, OutageFacts>()
  const early = await clampedObservations(db, horizon)
  early.push(...also)
  early.sort((a, b) => effectiveAt(ledger, a) - effectiveAt(ledger, b))

  let observations = early.length
  const feed = async (until: EpochMs): Promise<void> => {
    const from = Math.max(horizon, ledger.horizon)
    for await (const page of switchObservations(db, from, until)) {
      observations += page.length
      const end = page.at(-1)?.at ?? until
      const ahead = takeUntil(
        early,
        (said) => effectiveAt(ledger, said) <= end && effectiveAt(ledger, said) < until,
      )
      applyObservations(ledger, [
        ...ahead,
        // What was not marked when it came, and counts earlier by the tolerance of today, is judged here; marked words are repeats.
        ...page.filter((said) => effectiveAt(ledger, said) >= from),
      ])
    }
    applyObservations(
      ledger,
      takeUntil(early, (said) => effectiveAt(ledger, said) < until),
    )
  }
  for (; index < drawings.length - 1; index++) {
    const next = drawings[index + 1] as (typeof drawings)[number]
    await feed(next.validFrom)
    adoptNames(
      ledger,
      saved.filter((facts) => facts.anchorAt >= ledger.horizon && facts.anchorAt < next.validFrom),
    )
    for (const { told } of ledger.record.byId.values()) if (told !== null) left.set(told.id, told)
    room = await openNetworkRoom(db, next.revision)
    const revised = reviseLedger(ledger, room.network, room.loadPointNumber, next.validFrom)
    for (const { after } of revised.changes) left.set(after.id, after)
    ledger = revised.ledger
  }
  await feed(Number.POSITIVE_INFINITY)
  adoptNames(
    ledger,
    saved.filter((facts) => facts.anchorAt >= ledger.horizon),
  )
  return { ledger, room, observations, changes: differences(ledger, left, saved, horizon) }
}

/** Of some words those that the record has already. */
export async function recorded(
  db: Database,
  words: readonly Observation[],
): Promise<Set<Observation>> {
  const keys = words.map(observationKey)
  const { rows } = await sql<{ key: string }>`
    select replace(key::text, '-', '') as key from observation where key = any(${keys}::uuid[])`.execute(
    db,
  )
  const found = new Set(rows.map((row) => row.key))
  return new Set(words.filter((_, index) => found.has(keys[index] as string)))
}

function takeUntil<T>(queue: T[], holds: (one: T) => boolean): T[] {
  let count = 0
  while (count < queue.length && holds(queue[count] as T)) count++
  return queue.splice(0, count)
}

/** Words whose clock ran ahead count earlier than their place in the record. */
async function clampedObservations(db: Database, from: EpochMs): Promise<SwitchObservation[]> {
  let query = db
    .selectFrom('observation')
    .selectAll()
    .where('clamped', '=', true)
    .where('kind', 'in', ['switch', 'manual'])
    .orderBy('received_at')
  if (Number.isFinite(from)) query = query.where('received_at', '>=', instant(from))
  const rows = await query.execute()
  return rows.map((row) => readObservation(row) as SwitchObservation)
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

const eventOf = (facts: OutageFacts): string => `${facts.device ?? ''}@${facts.anchorAt}`
