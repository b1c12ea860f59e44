import type { Phases } from '../grid/phases.ts'
import type { EpochMs } from '../time.ts'
import type { SwitchObservation } from './observation.ts'

/** A believed word about one switch, at its place in time. */
export type Statement = {
  /** `at` of the observation, or `receivedAt` where its clock ran too far ahead. */
  readonly at: EpochMs
  readonly observation: SwitchObservation
  /** Phases that the switch closes once this is said. */
  closedAfter: Phases
  /** Repeats between the previous statement and this one were not kept in memory; the record has them. */
  thinned: boolean
}

/** What was ever said about one switch since the horizon, in the order of time. */
export type History = {
  /** All phases that the device has. */
  readonly phases: Phases
  /** Where it stood before the first statement kept. */
  base: Phases
  /** Whether anything was said about it before the first statement kept. */
  observedBefore: boolean
  statements: Statement[]
  /** Words whose clock ran ahead stand at another instant than they name; delivered again, they are known by their identity. */
  clamped: SwitchObservation[]
}

export const openHistory = (phases: Phases, base: Phases, observedBefore: boolean): History => ({
  phases,
  base,
  observedBefore,
  statements: [],
  clamped: [],
})

/** A change of position at an instant, all statements of that instant taken together. */
export type Turn = { readonly at: EpochMs; readonly closed: Phases }

/**
 * The order of belief: by time; at the same instant a telemetered word outranks a person's, then by gateway, sequence and content,
 * so that the order is total and does not depend on arrival. The last one holds.
 */
function compareStatements(a: Statement, b: Statement): number {
  if (a.at !== b.at) return a.at - b.at
  const x = a.observation
  const y = b.observation
  if (x.kind !== y.kind) return x.kind === 'manual' ? -1 : 1
  if (x.gateway !== y.gateway) return x.gateway < y.gateway ? -1 : 1
  if (x.seq !== y.seq) return x.seq - y.seq
  if (x.at !== y.at) return x.at - y.at
  if (x.position !== y.position) return x.position === 'closed' ? -1 : 1
  if (x.phases !== y.phases) return (x.phases ?? 0) - (y.phases ?? 0)
  if (x.reason !== y.reason) return (x.reason ?? '') < (y.reason ?? '') ? -1 : 1
  if (x.quality !== y.quality) return x.quality < y.quality ? -1 : 1
  return 0
}

/** The same identity and the same content: said twice is said once. */
export const isSameWord = (a: SwitchObservation, b: SwitchObservation): boolean =>
  isSameIdentity(a, b) &&
  a.position === b.position &&
  a.phases === b.phases &&
  a.reason === b.reason &&
  a.quality === b.quality

export const isSameIdentity = (a: SwitchObservation, b: SwitchObservation): boolean =>
  a.gateway === b.gateway && a.kind === b.kind && a.seq === b.seq && a.at === b.at

export type Insertion =
  /** Known already. */
  | { readonly outcome: 'repeated' }
  /** Kept; `turnedFrom` is the first instant at which the switch now stands otherwise than believed before, null where nothing turned. */
  | {
      readonly outcome: 'kept'
      readonly turnedFrom: EpochMs | null
      /** The first word ever about the switch, so far. */
      readonly first: boolean
      /** Another word has the same identity and other content; both are kept. */
      readonly conflict: boolean
    }

/** Puts a word where it belongs in time and renews what follows from it. */
export function insertStatement(
  history: History,
  at: EpochMs,
  observation: SwitchObservation,
): Insertion {
  return history.clamped.some((known) => isSameWord(known, observation))
    ? { outcome: 'repeated' }
    : putStatement(history, at, observation)
}

/** Gives back a word of the record that was let go. One whose clock ran ahead is known by its identity still, but stands nowhere. */
export function restoreStatement(
  history: History,
  at: EpochMs,
  observation: SwitchObservation,
): void {
  history.clamped = history.clamped.filter((known) => !isSameWord(known, observation))
  putStatement(history, at, observation)
}

function putStatement(history: History, at: EpochMs, observation: SwitchObservation): Insertion {
  const { statements, clamped } = history
  const statement: Statement = { at, observation, closedAfter: 0, thinned: false }
  let index = statements.length
  while (index > 0 && compareStatements(statements[index - 1] as Statement, statement) > 0) index--
  let conflict = clamped.some((known) => isSameIdentity(known, observation))
  for (let i = index - 1; statements[i]?.at === at; i--) {
    const before = (statements[i] as Statement).observation
    if (isSameWord(before, observation)) return { outcome: 'repeated' }
    conflict ||= isSameIdentity(before, observation)
  }
  for (let i = index; statements[i]?.at === at; i++) {
    conflict ||= isSameIdentity((statements[i] as Statement).observation, observation)
  }
  const oldAfter = closedBeforeIndex(history, index)
  // Between repeats that were let go, something may be missing on either side of it.
  statement.thinned = statements[index]?.thinned ?? false
  statements.splice(index, 0, statement)
  if (at !== observation.at) clamped.push(observation)
  const first = index === 0 && !history.observedBefore
  let closed = oldAfter
  let turnedFrom: EpochMs | null = null
  for (let i = index; i < statements.length; i++) {
    const here = statements[i] as Statement
    closed = positionAfter(history, closed, here.observation)
    if (i === index) {
      here.closedAfter = closed
      if (closed !== oldAfter) turnedFrom = at
      else break
    } else {
      if (here.closedAfter === closed) break
      here.closedAfter = closed
    }
  }
  return { outcome: 'kept', turnedFrom, first, conflict }
}

function positionAfter(history: History, before: Phases, said: SwitchObservation): Phases {
  const phases = (said.phases ?? history.phases) & history.phases
  return said.position === 'closed' ? before | phases : before & ~phases
}

const closedBeforeIndex = (history: History, index: number): Phases =>
  index === 0 ? history.base : (history.statements[index - 1] as Statement).closedAfter

/** Index of the first statement at or after an instant. */
function firstFrom(history: History, at: EpochMs): number {
  let low = 0
  let high = history.statements.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((history.statements[middle] as Statement).at < at) low = middle + 1
    else high = middle
  }
  return low
}

/** Phases closed just before an instant. */
export const closedBefore = (history: History, at: EpochMs): Phases =>
  closedBeforeIndex(history, firstFrom(history, at))

/** Phases closed after all that was said. */
export const closedNow = (history: History): Phases =>
  closedBeforeIndex(history, history.statements.length)

/** Every change of position from an instant on. Statements of one instant that cancel each other are none. */
export function turnsFrom(history: History, from: EpochMs): Turn[] {
  const turns: Turn[] = []
  let index = firstFrom(history, from)
  let closed = closedBeforeIndex(history, index)
  while (index < history.statements.length) {
    const { at } = history.statements[index] as Statement
    let after = closed
    for (; history.statements[index]?.at === at; index++) {
      after = (history.statements[index] as Statement).closedAfter
    }
    if (after !== closed) turns.push({ at, closed: after })
    closed = after
  }
  return turns
}

/** The first word ever about the device was said at this instant. */
export const firstWordAt = (history: History, at: EpochMs): boolean =>
  !history.observedBefore && history.statements[0]?.at === at

/** Whether the protection said between two instants (inclusive) that it gives up. */
export function lockedOutBetween(history: History, from: EpochMs, until: EpochMs): boolean {
  for (let i = firstFrom(history, from); i < history.statements.length; i++) {
    const { at, observation: said } = history.statements[i] as Statement
    if (at > until) return false
    if (said.reason === 'lockout' && said.position === 'open') return true
  }
  return false
}

/**
 * Lets go of the middle of a run of words that repeat each other at the end of the history: only its ends can matter, unless a late word
 * falls between them; then `missingAround` asks for what was let go.
 */
export function thinRepeats(history: History): void {
  const { statements } = history
  const last = statements.length - 1
  const end = statements[last]
  if (end === undefined) return
  let first = last
  while (first > 1 && isMiddle(statements, first - 1, end)) first--
  if (first === last) return
  statements.splice(first, last - first)
  end.thinned = true
}

/**
 * A repeat between two others that say the same, and nothing more than that. Both neighbours say it for the same phases: then it stays
 * without effect also when a late word changes how things stood before all three.
 */
function isMiddle(statements: readonly Statement[], index: number, end: Statement): boolean {
  const here = statements[index] as Statement
  const before = statements[index - 1] as Statement
  const after = statements[index + 1] as Statement
  return (
    before.closedAfter === end.closedAfter &&
    here.closedAfter === end.closedAfter &&
    here.observation.position === end.observation.position &&
    here.observation.phases === end.observation.phases &&
    before.observation.position === end.observation.position &&
    before.observation.phases === end.observation.phases &&
    here.observation.reason !== 'lockout' &&
    here.at !== before.at &&
    here.at !== after.at
  )
}

/** Where a word would turn the switch among repeats that were let go: the span to read again from the record. */
export function missingAround(
  history: History,
  at: EpochMs,
  said: SwitchObservation,
): { readonly after: EpochMs; readonly before: EpochMs } | undefined {
  const { statements } = history
  const word: Statement = { at, observation: said, closedAfter: 0, thinned: false }
  let index = firstFrom(history, at)
  while (index < statements.length && compareStatements(statements[index] as Statement, word) < 0) {
    index++
  }
  const next = statements[index]
  if (next === undefined || !next.thinned) return undefined
  const closed = closedBeforeIndex(history, index)
  if (positionAfter(history, closed, said) === closed) return undefined
  const previous = statements[index - 1]
  // What it turns stays turned through all gaps that follow each other.
  let last = index
  while (statements[last + 1]?.thinned === true) last++
  return {
    after: previous?.at ?? Number.NEGATIVE_INFINITY,
    before: (statements[last] as Statement).at,
  }
}

/** The words of such a span are back in memory. */
export function refilled(history: History, after: EpochMs, before: EpochMs): void {
  for (let i = firstFrom(history, after); i < history.statements.length; i++) {
    const statement = history.statements[i] as Statement
    if (statement.at > before) return
    if (statement.at > after) statement.thinned = false
  }
}

/** Forgets what was said before the horizon, but for where it left the switch. */
export function pruneHistory(history: History, horizon: EpochMs): void {
  const index = firstFrom(history, horizon)
  if (index === 0) return
  history.base = closedBeforeIndex(history, index)
  history.observedBefore = true
  history.statements.splice(0, index)
  history.clamped = history.clamped.filter((known) => known.at >= horizon)
}
