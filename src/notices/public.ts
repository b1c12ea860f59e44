import { MS_PER_MIN, type EpochMs } from '../time.ts'
import { budgetOf, CORRECTED_AFTER_MIN } from './letters.ts'
import { masked, publicCount, publicData, crewSentence } from './data.ts'
import { etrAtFirst, etrNews, etrNewsDue } from './etr-news.ts'
import type { Draft, NoticeKind } from './notice.ts'
import type { Moment, OutageStanding, Telling } from './standing.ts'
import { crewTold, shownEtr, type PublicTold, type ShownEtr, type Told } from './told.ts'
import type { Sentence } from './words.ts'

/** Everyone hears of an outage once some customer was told of it, by area and masked count. */
export function tellPublic(
  standing: OutageStanding,
  customers: Customers,
  moment: Moment,
): Telling<Pick<Told, 'public'>> {
  const shown = shownEtr(standing.etr, moment.at)
  const drafts: Draft[] = []
  let told = standing.told.public
  let due = dueOf(told)
  // Several things may have happened since the last word (back, and closed): each is told, in order.
  for (let steps = 0; steps < STEPS_MAX; steps += 1) {
    const step = nextStep(standing, told, customers, shown, moment)
    if (step === null) break
    due = step.due
    if (step.kind === null) break
    drafts.push({
      at: moment.at,
      audience: 'public',
      kind: step.kind,
      outage: standing.facts.id,
      feeders: [],
      members: null,
      data: publicData(
        step.kind,
        standing,
        (step.told ?? told)?.lostAt ?? standing.facts.startedAt,
        shown,
        step.sentences,
        moment,
      ),
    })
    told = step.told
  }
  return { drafts, told: { public: told }, due }
}

const STEPS_MAX = 4

/** Of what customers were told. */
type Customers = {
  /** Some believe themselves out. */
  readonly announced: boolean
  /** Some wait for their hold. */
  readonly held: boolean
}

type Step = {
  /** Null: not now, but at `due`. */
  readonly kind: NoticeKind | null
  readonly sentences: readonly Sentence[]
  readonly told: PublicTold | null
  readonly due: EpochMs
}

function nextStep(
  standing: OutageStanding,
  told: PublicTold | null,
  customers: Customers,
  shown: ShownEtr,
  moment: Moment,
): Step | null {
  const { announced } = customers
  const { facts, closedAt } = standing
  const area = facts.area ?? ({ say: 'public.areaUnknown' } as const)
  const count = publicCount(facts.customersOut)
  const step = (kind: NoticeKind, after: PublicTold | null, ...sentences: Sentence[]): Step => ({
    kind,
    sentences,
    told: after,
    due: dueOf(after),
  })

  if (told === null) return announced ? first(standing, area, shown, moment, step) : null
  if (facts.sets.length === 0) {
    const since = { minute: told.lostAt }
    return step('outageCorrected', null, { say: 'public.neverOut', with: { area, since } })
  }
  if (told.backAt !== null) {
    if (facts.customersOut > 0) return announced ? first(standing, area, shown, moment, step) : null
    if (closedAt === null || told.closed) return null
    const since = { minute: told.lostAt }
    return step(
      'outageClosed',
      { ...told, closed: true },
      { say: 'public.closed', with: { area, since } },
    )
  }
  if (facts.customersOut === 0) {
    const backAt = facts.restoredAt ?? moment.at
    return step(
      'supplyRestored',
      { ...told, backAt, customersOut: 0, etr: { etr: 'none' }, crew: 'none', sentAt: [] },
      { say: 'public.back', with: { area, back: { minute: backAt } } },
    )
  }
  const news =
    shown.etr === 'given'
      ? etrAtFirst(shown, moment.at, standing.storm)
      : etrNews(told.etr, shown, moment.at, told.lostAt)
  const after: PublicTold = {
    ...told,
    lostAt: facts.startedAt,
    customersOut: facts.customersOut,
    etr: news?.told ?? told.etr,
    crew: crewTold(standing.crew?.state ?? null),
  }
  const estimate = news?.sentences ?? []
  if (Math.abs(facts.startedAt - told.lostAt) >= CORRECTED_AFTER_MIN * MS_PER_MIN) {
    const since = { minute: facts.startedAt }
    return step(
      'outageCorrected',
      after,
      { say: 'public.corrected', with: { area, customers: count, since } },
      ...estimate,
    )
  }
  if (!sameMasked(facts.customersOut, told.customersOut)) {
    const fewer = facts.customersOut < told.customersOut
    // Further losses wait for the same hold as the first.
    if (!fewer && customers.held) return { kind: null, sentences: [], told, due: Infinity }
    return step(
      fewer ? 'partlyRestored' : 'supplyLost',
      after,
      { say: fewer ? 'public.partly' : 'public.more', with: { area, customers: count } },
      ...estimate,
    )
  }
  return progress(standing, told, area, shown, moment, step)
}

type Area = string | { readonly say: 'public.areaUnknown' }
type MakeStep = (kind: NoticeKind, after: PublicTold | null, ...sentences: Sentence[]) => Step

function first(
  standing: OutageStanding,
  area: Area,
  shown: ShownEtr,
  moment: Moment,
  step: MakeStep,
): Step {
  const { facts } = standing
  const lostAt = facts.startedAt
  const etr = etrAtFirst(shown, moment.at, standing.storm)
  return step(
    'supplyLost',
    {
      lostAt,
      backAt: null,
      customersOut: facts.customersOut,
      etr: etr.told,
      crew: crewTold(standing.crew?.state ?? null),
      closed: false,
      sentAt: [],
    },
    {
      say: 'public.lost',
      with: { area, customers: publicCount(facts.customersOut), since: { minute: lostAt } },
    },
    ...etr.sentences,
  )
}

/** The estimate or the crew has news; as often as a customer would hear it. */
function progress(
  standing: OutageStanding,
  told: PublicTold,
  area: Area,
  shown: ShownEtr,
  moment: Moment,
  step: MakeStep,
): Step | null {
  const { at } = moment
  const etr = etrNews(told.etr, shown, at, told.lostAt)
  const crew = crewTold(standing.crew?.state ?? null)
  const says = crewSentence(standing.crew)
  const crewNews = crew !== told.crew && says !== null
  if (etr === null && !crewNews) return null
  const { sentAt, fullUntil } = budgetOf(told.sentAt, at)
  if (fullUntil !== null) return { kind: null, sentences: [], told, due: fullUntil }
  const headline: Sentence = {
    say: 'public.still',
    with: { area, customers: publicCount(standing.facts.customersOut) },
  }
  return step(
    etr === null ? 'crewChanged' : 'etrChanged',
    {
      ...told,
      etr: etr?.told ?? told.etr,
      crew: crewNews ? crew : told.crew,
      sentAt: [...sentAt, at],
    },
    headline,
    ...(etr?.sentences ?? []),
    ...(crewNews ? [says] : []),
  )
}

const dueOf = (told: PublicTold | null): EpochMs =>
  told === null || told.backAt !== null ? Infinity : (etrNewsDue(told.etr) ?? Infinity)

const sameMasked = (a: number, b: number): boolean =>
  JSON.stringify(masked(a)) === JSON.stringify(masked(b))
