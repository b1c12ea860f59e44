import { at } from '../grid/network.ts'
import { formatPhases, type Phases } from '../grid/phases.ts'
import { formatOutage } from '../ledger/export.ts'
import { eventOf, type OutageFacts } from '../ledger/facts.ts'
import { pruneLedger } from '../ledger/open.ts'
import { sameFacts } from '../ledger/outages.ts'
import { closedNow } from '../ledger/positions.ts'
import type { Ledger, LedgerSettings } from '../ledger/state.ts'
import { instant, readingRecord, type Database } from '../stores/database.ts'
import { damagesOfArchive } from '../stores/archive.ts'
import {
  checkpointBefore,
  outagesNamed,
  outagesStanding,
  outagesStarted,
} from '../stores/outages.ts'
import { toIso, type EpochMs } from '../time.ts'
import { walkRecord } from './record-walk.ts'

/** Outages named where interruptions belong to none. */
const ORPHANS_MAX = 1000

export type Verified = {
  readonly observations: number
  readonly outages: number
  readonly differences: number
  /** Chunks of the archive that are not as they were written. Nothing is derived from a record that is not whole. */
  readonly damaged: number
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
  readingRecord(db, async (record) => {
    const { from, to, say } = question
    // What derivation begins with is older than the period.
    const horizon = (await checkpointBefore(record, from))?.at ?? Number.NEGATIVE_INFINITY
    let damaged = 0
    for await (const damage of damagesOfArchive(record, { from: horizon, to })) {
      damaged++
      say(damage)
    }
    if (damaged > 0) return { observations: 0, outages: 0, differences: 0, damaged }
    return { ...(await verifyRecord(db, record, question)), damaged }
  })

async function verifyRecord(
  db: Database,
  record: Database,
  question: Question,
): Promise<Omit<Verified, 'damaged'>> {
  const { from, to, settings, say } = question
  const within = ({ anchorAt }: { readonly anchorAt: EpochMs }): boolean =>
    anchorAt >= from && anchorAt < to
  let observations = 0
  let outages = 0
  let differences = 0
  /** All that began before this instant is known to be derived or not. */
  let judgedUntil = Number.NEGATIVE_INFINITY
  /** Saved, with a derived outage of the same event that may still change. */
  const saved = new Map<string, OutageFacts>()

  const different = (
    name: string,
    before: string | undefined,
    derived: string | undefined,
  ): void => {
    differences++
    say(`${name}:`)
    say(`  saved   ${before ?? 'nothing'}`)
    say(`  derived ${derived ?? 'nothing'}`)
  }

  /** Reads what is saved of a span, and holds it against all that is derived of it and against what will not change any more. */
  const judge = async (
    span: { readonly from: EpochMs; readonly until: EpochMs },
    founded: ReadonlySet<string>,
    finished: readonly OutageFacts[],
  ): Promise<void> => {
    const rows = span.from < span.until ? await outagesStarted(record, span.from, span.until) : []
    for (const facts of rows) {
      // A withdrawn one may bear the event of the one that took its place.
      if (facts.sets.length === 0) continue
      const event = eventOf(facts)
      // Of two that claim to be the same event one is too many.
      if (founded.has(event) && !saved.has(event)) saved.set(event, facts)
      else different(nameOf(facts), formatOutage(facts), undefined)
    }
    for (const facts of finished) {
      if (facts.sets.length === 0 || !within(facts)) continue
      outages++
      const event = eventOf(facts)
      const before = saved.get(event)
      saved.delete(event)
      if (before !== undefined && sameFacts(before, facts)) continue
      different(nameOf(before ?? facts), before && formatOutage(before), formatOutage(facts))
    }
  }

  /** The database reads what is saved while the next words are derived, one page behind. */
  let judging = Promise.resolve()
  const judgeUntil = async (
    ledger: Ledger,
    until: EpochMs,
    finished: readonly OutageFacts[],
  ): Promise<void> => {
    const span = { from: Math.max(from, judgedUntil), until: Math.min(until, to) }
    judgedUntil = Math.max(judgedUntil, until)
    const founded = new Set<string>()
    for (const facts of [...finished, ...toldOf(ledger)]) {
      if (facts.sets.length > 0) founded.add(eventOf(facts))
    }
    await judging
    judging = judge(span, founded, finished)
    // Whoever waits for it hears of the failure.
    judging.catch(() => undefined)
  }

  const walk = walkRecord(db, record, {
    settings,
    before: from,
    also: [],
    standing: async (horizon, named) => {
      const { recloseWindowMs } = settings
      const standing = await outagesStanding(record, horizon, horizon - recloseWindowMs)
      const known = new Set(standing.map(({ id }) => id))
      const others = await outagesNamed(record, named, recloseWindowMs)
      return [...standing, ...others.filter(({ id }) => !known.has(id))]
    },
  })
  for await (const stage of walk) {
    const { ledger } = stage
    if (stage.is === 'opened') judgedUntil = ledger.horizon
    else if (stage.is === 'read' || stage.is === 'outdated') {
      if (stage.is === 'read') observations += stage.words
      if (!Number.isFinite(stage.until)) continue
      await judgeUntil(ledger, stage.until, pruneLedger(ledger, stage.until))
      if (stage.until >= to && !toldOf(ledger).some(within)) break
    } else if (stage.is === 'ended') {
      await judgeUntil(ledger, Number.POSITIVE_INFINITY, toldOf(ledger))
      await judging
      for (const { name, saved, derived } of await misplaced(record, ledger)) {
        different(`switch ${name}`, positionOf(saved), positionOf(derived))
      }
    }
  }
  await judging
  for (const { outage, rows } of await orphans(record, from, to)) {
    differences++
    say(`outage ${outage}: unknown, and yet ${rows} of its interruptions are saved`)
  }
  return { observations, outages, differences }
}

const toldOf = (ledger: Ledger): OutageFacts[] =>
  [...ledger.record.byId.values()].flatMap(({ told }) => told ?? [])

const nameOf = ({ id, device, anchorAt }: OutageFacts): string =>
  `outage ${id} of ${device ?? 'a network revision'} at ${toIso(anchorAt)}`

const positionOf = (closed: Phases): string => `closed on ${formatPhases(closed) || 'no phase'}`

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
