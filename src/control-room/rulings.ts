import type { Act, ActAnswer, Actor } from '../ledger/acts.ts'
import type { OutageChange, OutageFacts, OutageId } from '../ledger/facts.ts'
import { wholeOutage } from '../ledger/joining.ts'
import { rule } from '../ledger/outages.ts'
import { rulingsFrom, type EventName, type Joint, type Ruling } from '../ledger/rulings.ts'
import type { LedgerSettings } from '../ledger/state.ts'
import type { DeskChange } from '../notices/standing.ts'
import type { OutageEvent } from '../stores/board.ts'
import type { Database } from '../stores/database.ts'
import {
  mergedEvents,
  mergedIntoOf,
  readRulings,
  saveMerged,
  saveParted,
  saveRulings,
} from '../stores/rulings.ts'
import { toIso, type EpochMs } from '../time.ts'
import { entryFor, type Entry } from './board.ts'
import { reopenLedger } from './from-record.ts'
import type { Memory, Recollection } from './memory.ts'
import type { Patience } from './patience.ts'
import { NO_CHANGE, nothingAt } from './piece.ts'
import type { Saving } from './saving.ts'

/** A dispatcher rules which interruptions are one outage. The ledger follows; nobody's minutes change by it. */
export type RuleOutages = (
  act: Act & { act: 'merge' | 'split' },
  actor: Actor,
  now: EpochMs,
) => Promise<ActAnswer>

/** Events in one outage. */
const MERGED_MAX = 100

const causeOf = ({ cause, causeDetail }: Entry): Pick<Entry, 'cause' | 'causeDetail'> => ({
  cause,
  causeDetail,
})

type Known = { readonly facts: OutageFacts; readonly entry: Entry }

const cannot = (says: string): ActAnswer => ({ outcome: 'cannot-rule', says })

export function openRulings(
  parts: {
    readonly db: Database
    readonly settings: LedgerSettings
    /** Another network revision was found in force on the way. */
    readonly networkOpened: () => void
  },
  memory: Memory,
  recollection: Recollection,
  saving: Saving,
  patience: Patience,
): RuleOutages {
  const { db } = parts

  async function known(id: OutageId): Promise<Known | undefined> {
    const recalled = await recollection.recall([id])
    const facts = recalled.get(id) ?? memory.ledger.record.byId.get(id)?.told
    const entry = await recollection.entryKnown(id)
    return facts == null || entry === undefined ? undefined : { facts, entry }
  }

  /** What changes by some rulings about events from an instant on; the record is read again where memory does not reach as far back. */
  async function changesBy(rulings: readonly Ruling[], from: EpochMs): Promise<OutageChange[]> {
    await saving.settled()
    const { ledger } = memory
    if (from >= ledger.horizon) {
      const before = ledger.rulings
      const changes = rule(ledger, rulingsFrom(rulings, before))
      if (changes.length === 0) ledger.rulings = before
      return changes
    }
    const reopened = await patience.retry('reading the record', () =>
      reopenLedger(db, parts.settings, from, [], rulings),
    )
    if (reopened === undefined || reopened.changes.length === 0) return []
    const isNew = reopened.room.revision !== memory.room.revision
    memory.ledger = reopened.ledger
    memory.room = reopened.room
    if (isNew) parts.networkOpened()
    return [...reopened.changes]
  }

  type Ruled = {
    readonly act: Act & { act: 'merge' | 'split' }
    readonly actor: Actor
    readonly now: EpochMs
    readonly rulings: readonly Ruling[]
    readonly changes: readonly OutageChange[]
    readonly whole: OutageFacts
    readonly part: OutageFacts
    readonly entries: ReadonlyMap<OutageId, Entry>
  }

  async function save(ruled: Ruled): Promise<ActAnswer> {
    const { act, actor, now, rulings, changes, whole, part, entries } = ruled
    const isMerged = act.act === 'merge'
    const desk: DeskChange[] = [
      { desk: isMerged ? 'took' : 'gave', outage: whole.id, other: part },
      { desk: isMerged ? 'joined' : 'parted', outage: part.id, other: whole },
    ]
    const event = (outage: OutageId, data: unknown): OutageEvent => ({
      outage,
      at: now,
      kind: act.act,
      data,
      bySubject: actor.subject,
    })
    const audit = { subject: actor.subject, role: actor.role, act: act.act, target: act.outage }
    const inMemory = memory.ledger.record.byId
    await saving.commit({
      ...nothingAt(now),
      change: { ...NO_CHANGE, outages: changes },
      desk,
      entries,
      events: [
        event(whole.id, isMerged ? { took: part.id } : { gave: part.id }),
        event(part.id, isMerged ? { into: whole.id } : { from: whole.id }),
      ],
      audits: [{ at: now, ...audit, before: { partOf: isMerged ? null : whole.id }, after: act }],
      recalled: new Map(
        [whole, part].filter(({ id }) => !inMemory.has(id)).map((facts) => [facts.id, facts]),
      ),
      also: [
        (tx) => saveRulings(tx, rulings, { at: now, subject: actor.subject }),
        (tx) => (isMerged ? saveMerged(tx, part.id, whole.id) : saveParted(tx, part.id)),
      ],
    })
    return { outcome: 'done', outages: [whole.id, part.id] }
  }

  async function merge(
    act: Act & { act: 'merge' },
    actor: Actor,
    now: EpochMs,
  ): Promise<ActAnswer> {
    const [one, other] = [await known(act.outage), await known(act.with)]
    if (one === undefined) return { outcome: 'unknown-outage' }
    if (other === undefined) return cannot(`there is no outage ${act.with}`)
    const live = await patience.retry('reading outages', () =>
      mergedIntoOf(db, [act.outage, act.with]),
    )
    for (const { facts } of [one, other]) {
      const into = live.get(facts.id)
      if (into === undefined) return cannot(`outage ${facts.id} was imported, and stays as it is`)
      if (facts.sets.length > 0) continue
      return cannot(
        into === null
          ? `outage ${facts.id} was withdrawn`
          : `outage ${facts.id} is part of outage ${into} already`,
      )
    }
    if (one.facts.id === other.facts.id) return cannot('an outage is one with itself already')
    if (one.entry.planned !== other.entry.planned) {
      return cannot('one of them is planned, and the other is not')
    }
    // Each with each: whatever a correction leaves of them, and wherever derivation begins, who is left is joined directly.
    const [ones, others] = [await eventsOf(one.facts), await eventsOf(other.facts)]
    if (ones.length + others.length > MERGED_MAX) {
      return cannot(`more than ${MERGED_MAX} outages cannot be one`)
    }
    const rulings = ones.flatMap((event) =>
      others.map((other): Ruling => ({ rules: 'joint', event, other })),
    )
    const from = Math.min(one.facts.anchorAt, other.facts.anchorAt)
    const changes = await changesBy(rulings, from)
    const isFirst = wholeOutage(memory.ledger, one.facts.id)?.id === one.facts.id
    const [whole, part] = isFirst ? [one, other] : [other, one]
    if (changes.length === 0) return cannot('they cannot be made one')
    const entries = new Map([
      [
        whole.facts.id,
        {
          ...whole.entry,
          etr: whole.entry.etr ?? part.entry.etr,
          crew: whole.entry.crew ?? part.entry.crew,
          ...causeOf(whole.entry.cause === null ? part.entry : whole.entry),
        },
      ],
      [part.facts.id, { ...part.entry, closedAt: part.entry.closedAt ?? now }],
    ])
    return save({
      act,
      actor,
      now,
      rulings,
      changes,
      whole: whole.facts,
      part: part.facts,
      entries,
    })
  }

  async function eventsOf(facts: OutageFacts): Promise<EventName[]> {
    const merged = await patience.retry('reading outages', () => mergedEvents(db, facts.id))
    return [eventOf(facts), ...merged]
  }

  async function split(
    act: Act & { act: 'split' },
    actor: Actor,
    now: EpochMs,
  ): Promise<ActAnswer> {
    const whole = await known(act.outage)
    if (whole === undefined) return { outcome: 'unknown-outage' }
    return act.part === null
      ? splitAt(act, whole, act.at, actor, now)
      : partFrom(act, whole, act.part, actor, now)
  }

  /** What was merged is taken out again. */
  async function partFrom(
    act: Act & { act: 'split' },
    whole: Known,
    id: OutageId,
    actor: Actor,
    now: EpochMs,
  ): Promise<ActAnswer> {
    const part = await known(id)
    const live = await patience.retry('reading outages', () => mergedIntoOf(db, [id]))
    if (part === undefined || live.get(id) !== whole.facts.id) {
      return cannot(`outage ${id} was not merged into outage ${whole.facts.id}`)
    }
    const said = await patience.retry('reading rulings', () => readRulings(db))
    const joints = jointsOf(rulingsFrom(said).joints, eventOf(part.facts), parts.settings)
    const rulings = joints.map((joint): Ruling => ({ rules: 'apart', ...joint }))
    const from = Math.min(whole.facts.anchorAt, part.facts.anchorAt)
    const changes = rulings.length === 0 ? [] : await changesBy(rulings, from)
    const after = changes.find((change) => change.after.id === id)?.after
    if (after === undefined) return cannot(`nothing is left that could be outage ${id} again`)
    const { etr, crew } = whole.entry
    const entries = new Map([
      [whole.facts.id, whole.entry],
      // Its customers were told of the common estimate and crew.
      [id, { ...part.entry, etr, crew, closedAt: null }],
    ])
    return save({ act, actor, now, rulings, changes, whole: whole.facts, part: after, entries })
  }

  /** What the device did from an instant on is an outage of its own. */
  async function splitAt(
    act: Act & { act: 'split' },
    whole: Known,
    at: EpochMs,
    actor: Actor,
    now: EpochMs,
  ): Promise<ActAnswer> {
    const { facts, entry } = whole
    const rulings: Ruling[] = [{ rules: 'boundary', event: { device: facts.device, at } }]
    const changes = at <= facts.anchorAt ? [] : await changesBy(rulings, facts.anchorAt)
    const part = changes.find(
      ({ before, after }) => after.id !== facts.id && before === null && after.sets.length > 0,
    )?.after
    if (part === undefined) {
      const begun = [...new Set(facts.sets.map(({ from }) => toIso(from)))].sort()
      return cannot(
        `outage ${facts.id} has no opening of ${facts.device ?? 'its own'} from then on apart from those before; interruptions began at ${begun.join(', ')}`,
      )
    }
    const { etr, crew, planned } = entry
    const entries = new Map([
      [facts.id, entry],
      [part.id, { ...entryFor(memory.board, part.id), etr, crew, planned }],
    ])
    return save({ act, actor, now, rulings, changes, whole: facts, part, entries })
  }

  return (act, actor, now) =>
    act.act === 'merge' ? merge(act, actor, now) : split(act, actor, now)
}

const eventOf = ({ device, anchorAt }: OutageFacts): EventName => ({ device, at: anchorAt })

/** The joints that name an event: as it is known now, or as it was then. */
function jointsOf(
  joints: readonly Joint[],
  wanted: EventName,
  { recloseWindowMs }: LedgerSettings,
): Joint[] {
  const within = (ms: number) => (name: EventName) =>
    name.device === wanted.device && Math.abs(name.at - wanted.at) <= ms
  const naming = (ms: number) => joints.filter((one) => [one.event, one.other].some(within(ms)))
  const exactly = naming(0)
  return exactly.length > 0 ? exactly : naming(recloseWindowMs)
}
