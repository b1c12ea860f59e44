import { at } from '../grid/network.ts'
import { formatPhases, type Phases } from '../grid/phases.ts'
import { formatOutage } from '../ledger/export.ts'
import type { OutageFacts } from '../ledger/facts.ts'
import { pruneLedger } from '../ledger/open.ts'
import { sameFacts } from '../ledger/outages.ts'
import { closedNow } from '../ledger/positions.ts'
import type { Ledger, LedgerSettings } from '../ledger/state.ts'
import { instant, readingRecord, type Database } from '../stores/database.ts'
import { outagesStanding, outagesStarted, outagesStartedWithin } from '../stores/outages.ts'
import { toIso, type EpochMs } from '../time.ts'
import { walkRecord } from './record-walk.ts'

/** Outages named where interruptions belong to none. */
const ORPHANS_MAX = 1000

export type Verified = {
  readonly observations: number
  readonly outages: number
  readonly differences: number
}

type Question = {
  /** Outages that began in `[from, to)`. */
  readonly from: EpochMs
  readonly to: EpochMs
  readonly settings: LedgerSettings
  readonly say: (line: string) => void
}

/**
 * Derives the ledger again from the record in the order of time and says each difference to what is saved, as a person can read it. What
 * nothing can change any more is compared and let go, so that memory does not grow with the record.
 */
export const verifyLedger = (db: Database, question: Question): Promise<Verified> =>
  readingRecord(db, (record) => verifyRecord(db, record, question))

async function verifyRecord(db: Database, record: Database, question: Question): Promise<Verified> {
  const { from, to, settings, say } = question
  const within = ({ anchorAt }: { readonly anchorAt: EpochMs }): boolean =>
    anchorAt >= from && anchorAt < to
  let observations = 0
  let outages = 0
  let differences = 0
  /** All that began before this instant is known to be derived or not. */
  let judgedUntil = Number.NEGATIVE_INFINITY

  const different = (
    name: string,
    saved: string | undefined,
    derived: string | undefined,
  ): void => {
    differences++
    say(`${name}:`)
    say(`  saved   ${saved ?? 'nothing'}`)
    say(`  derived ${derived ?? 'nothing'}`)
  }

  /** These will not change any more. */
  const compare = async (derived: readonly OutageFacts[]): Promise<void> => {
    const asked = derived.filter((facts) => facts.sets.length > 0 && within(facts))
    const saved = new Map<string, OutageFacts>()
    for (const facts of await outagesStarted(record, instantsOf(asked))) {
      // A withdrawn one may bear the same event as the one that took its place.
      if (facts.sets.length > 0) saved.set(eventOf(facts), facts)
    }
    for (const facts of asked) {
      outages++
      const before = saved.get(eventOf(facts))
      if (before !== undefined && sameFacts(before, facts)) continue
      different(nameOf(before ?? facts), before && formatOutage(before), formatOutage(facts))
    }
  }

  /** Saved outages that began before `until` and that nothing derived is: `also` are derived, and already let go. */
  const findUnfounded = async (
    ledger: Ledger,
    also: readonly OutageFacts[],
    until: EpochMs,
  ): Promise<void> => {
    const start = Math.max(from, judgedUntil)
    judgedUntil = Math.max(judgedUntil, until)
    const end = Math.min(until, to)
    if (start >= end) return
    const founded = new Set(also.map(eventOf))
    for (const { told } of ledger.record.byId.values()) {
      if (told !== null && told.sets.length > 0) founded.add(eventOf(told))
    }
    const saved = await outagesStartedWithin(record, start, end)
    const seen = new Set<string>()
    const unfounded = saved.filter((one) => {
      const event = eventOf(one)
      // Of two that claim to be the same event one is too many.
      const isRight = founded.has(event) && !seen.has(event)
      seen.add(event)
      return !isRight
    })
    const ids = new Set(unfounded.map(({ id }) => id))
    for (const facts of await outagesStarted(record, instantsOf(unfounded))) {
      if (ids.has(facts.id)) different(nameOf(facts), formatOutage(facts), undefined)
    }
  }

  const walk = walkRecord(db, record, {
    settings,
    before: from,
    also: [],
    standing: (horizon) => outagesStanding(record, horizon, horizon - settings.recloseWindowMs),
  })
  for await (const stage of walk) {
    const { ledger } = stage
    if (stage.is === 'opened') judgedUntil = ledger.horizon
    else if (stage.is === 'read' || stage.is === 'outdated') {
      if (stage.is === 'read') observations += stage.words
      if (!Number.isFinite(stage.until)) continue
      const finished = pruneLedger(ledger, stage.until)
      await findUnfounded(ledger, finished, stage.until)
      await compare(finished)
      if (stage.until >= to && !hasOpen(ledger, within)) break
    } else if (stage.is === 'ended') {
      await findUnfounded(ledger, [], Number.POSITIVE_INFINITY)
      await compare([...ledger.record.byId.values()].flatMap(({ told }) => told ?? []))
      for (const { name, saved, derived } of await misplaced(record, ledger)) {
        different(`switch ${name}`, positionOf(saved), positionOf(derived))
      }
    }
  }
  for (const { outage, rows } of await orphans(record, from, to)) {
    differences++
    say(`outage ${outage}: unknown, and yet ${rows} of its interruptions are saved`)
  }
  return { observations, outages, differences }
}

const eventOf = ({ device, anchorAt }: { device: string | null; anchorAt: EpochMs }): string =>
  `${device ?? ''}@${anchorAt}`

const instantsOf = (all: readonly { readonly anchorAt: EpochMs }[]): EpochMs[] => [
  ...new Set(all.map(({ anchorAt }) => anchorAt)),
]

const nameOf = ({ id, device, anchorAt }: OutageFacts): string =>
  `outage ${id} of ${device ?? 'a network revision'} at ${toIso(anchorAt)}`

const positionOf = (closed: Phases): string => `closed on ${formatPhases(closed) || 'no phase'}`

/** Whether an outage that is asked for may still change. */
function hasOpen(ledger: Ledger, within: (facts: OutageFacts) => boolean): boolean {
  for (const { told } of ledger.record.byId.values()) if (told !== null && within(told)) return true
  return false
}

/** Interruptions that belong to no outage would count in every index, and nothing derived is there to compare them with. */
async function orphans(
  db: Database,
  from: EpochMs,
  to: EpochMs,
): Promise<{ outage: string; rows: number }[]> {
  let query = db
    .selectFrom('interruption')
    .leftJoin('outage', 'outage.id', 'interruption.outage')
    .where('outage.id', 'is', null)
    .groupBy('interruption.outage')
    .orderBy('interruption.outage')
    .limit(ORPHANS_MAX)
    .select((select) => ['interruption.outage', select.fn.countAll<number>().as('rows')])
  if (Number.isFinite(from)) query = query.where('from_at', '>=', instant(from))
  if (Number.isFinite(to)) query = query.where('from_at', '<', instant(to))
  return query.execute()
}

/** Switches that are saved in another position than follows from what was said of them. */
async function misplaced(
  db: Database,
  { network, histories }: Ledger,
): Promise<{ name: string; saved: Phases; derived: Phases }[]> {
  const rows = await db.selectFrom('switch_state').selectAll().orderBy('switch').execute()
  return rows.flatMap(({ switch: name, closed_phases: saved }) => {
    const device = network.switchIndex.get(name)
    // It is no longer drawn.
    if (device === undefined) return []
    const history = histories.get(device)
    const derived = history === undefined ? at(network.switchNormal, device) : closedNow(history)
    return saved === derived ? [] : [{ name, saved, derived }]
  })
}
