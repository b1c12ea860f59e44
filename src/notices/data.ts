import { formatPhases } from '../grid/phases.ts'
import type { Crew } from '../ledger/acts.ts'
import { toIso } from '../time.ts'
import type { NoticeData, NoticeKind } from './notice.ts'
import type { Moment, OutageStanding } from './standing.ts'
import { crewTold, type Circle, type ShownEtr } from './told.ts'
import { causeSentence, textOf, type Reading, type Sentence, type Value } from './words.ts'

/** The public sees no number below this: such a count could name a household. */
export const MASK_BELOW = 5

type Masked = NoticeData['customersOut']

export const masked = (customers: number): Masked =>
  customers > 0 && customers < MASK_BELOW ? { max: MASK_BELOW } : customers

/** What a customer's program reads beside the words: nothing that names a device, a crew or another customer. */
export function customerData(
  kind: NoticeKind,
  standing: OutageStanding,
  circle: Circle,
  /** Null where the customer has supply. */
  shown: ShownEtr | null,
  sentences: readonly Sentence[],
  moment: Moment,
): NoticeData {
  return {
    kind,
    outage: standing.facts.id,
    startedAt: toIso(circle.lostAt),
    restoredAt: circle.backAt === null ? null : toIso(circle.backAt),
    etr: shown === null ? null : etrData(shown),
    estimate: shown === null ? null : estimateState(shown),
    customersOut: standing.facts.customersOut,
    crew: crewTold(standing.crew?.state ?? null),
    planned: standing.planned,
    text: textOf(sentences, reading(moment)),
  }
}

export function publicData(
  kind: NoticeKind,
  standing: OutageStanding,
  startedAt: number,
  shown: ShownEtr,
  sentences: readonly Sentence[],
  moment: Moment,
): NoticeData {
  const { facts } = standing
  const out = facts.customersOut > 0
  return {
    kind,
    outage: facts.id,
    area: facts.area,
    startedAt: toIso(startedAt),
    etr: out ? etrData(shown) : null,
    estimate: out ? estimateState(shown) : null,
    customersOut: masked(facts.customersOut),
    crew: crewTold(standing.crew?.state ?? null),
    planned: standing.planned,
    text: textOf(sentences, reading(moment)),
  }
}

export function staffData(
  kind: NoticeKind,
  standing: OutageStanding,
  sentences: readonly Sentence[],
  moment: Moment,
  more: Readonly<Record<string, unknown>> = {},
): NoticeData {
  const { facts, etr, crew } = standing
  const data = {
    kind,
    outage: facts.id,
    device: facts.device,
    feeder: facts.feeder,
    substation: facts.substation,
    area: facts.area,
    phases: formatPhases(facts.phases),
    startedAt: toIso(facts.startedAt),
    startUncertain: facts.startUncertain,
    lockedOut: facts.lockedOut,
    restoredAt: facts.restoredAt === null ? null : toIso(facts.restoredAt),
    closedAt: standing.closedAt === null ? null : toIso(standing.closedAt),
    // Staff see an estimate that has passed, too: it is theirs to renew.
    etr: etr === null || facts.customersOut === 0 ? null : etrFields(etr),
    customersOut: facts.customersOut,
    customersInterrupted: facts.customersInterrupted,
    crew: crew === null ? null : { name: crew.name, state: crew.state, at: toIso(crew.at) },
    cause: standing.cause,
    planned: standing.planned,
    ...more,
  }
  return new SaidData(data, { ...reading(moment), sentences }) as unknown as NoticeData
}

/** What is said and when it is read, in place of the words: they are composed by whoever reads them. */
type Says = Reading & { readonly sentences: readonly Sentence[] }

/**
 * Data of a notice that is saved with what it says in place of its words. Few of what a storm tells the control room is ever read, and the
 * one writer need not word all of it in every language.
 */
class SaidData {
  private readonly says: Says

  constructor(data: Omit<NoticeData, 'text'>, says: Says) {
    Object.assign(this, data)
    this.says = says
  }

  get text(): NoticeData['text'] {
    return textOf(this.says.sentences, this.says)
  }
}

/** The data as people and programs get it, from data as they were saved. */
export function worded(saved: unknown): NoticeData {
  if (!isSaid(saved)) return saved as NoticeData
  const { says, ...data } = saved
  return { ...data, text: textOf(says.sentences, says) } as unknown as NoticeData
}

/** The same for one line of JSON. */
export function wordedJson(json: string): string {
  const saved: unknown = JSON.parse(json)
  return isSaid(saved) ? JSON.stringify(worded(saved)) : json
}

const isSaid = (saved: unknown): saved is { readonly says: Says } =>
  typeof saved === 'object' && saved !== null && 'says' in saved && !('text' in saved)

export function crewSentence(crew: Crew | null): Sentence | null {
  return crew === null || crewTold(crew.state) === 'none' ? null : { say: `crew.${crew.state}` }
}

/** What customers hear beside the estimate: the crew, and why. */
export function crewAndCause(known: {
  readonly crew: Crew | null
  readonly cause: string | null
}): Sentence[] {
  const cause = causeSentence(known.cause)
  const crew = crewSentence(known.crew)
  return [
    ...(crew === null ? [] : [crew]),
    ...(cause === null ? [] : [{ say: 'cause.is' as const, with: { cause } }]),
  ]
}

/** `28 customers`, or `fewer than 5 customers`. */
export function publicCount(customers: number): Value {
  return typeof masked(customers) === 'number'
    ? { say: 'public.customers', with: { count: customers } }
    : { say: 'public.customersFew', with: { count: MASK_BELOW } }
}

export const reading = ({ at, settings }: Moment) => ({ at, timeZone: settings.timeZone })

/** Null where there is none that may be shown: none given, or it has passed. */
export function etrData(shown: ShownEtr): NoticeData['etr'] {
  return shown.etr === 'given' ? etrFields(shown.value) : null
}

export const estimateState = (shown: ShownEtr): 'none' | 'given' | 'reassessing' =>
  shown.etr === 'passed' ? 'reassessing' : shown.etr

function etrFields(etr: NonNullable<OutageStanding['etr']>): NonNullable<NoticeData['etr']> {
  return {
    at: toIso(etr.at),
    earliest: etr.earliest === null ? null : toIso(etr.earliest),
    latest: etr.latest === null ? null : toIso(etr.latest),
    source: etr.source,
    issuedAt: toIso(etr.issuedAt),
  }
}
