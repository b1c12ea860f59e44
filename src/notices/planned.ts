import type { GroupCode } from '../ledger/facts.ts'
import { toIso, type EpochMs } from '../time.ts'
import type { MessageKey } from './catalogue-en.ts'
import { masked, publicCount, reading } from './data.ts'
import type { Draft, NoticeData } from './notice.ts'
import type { Moment } from './standing.ts'
import { causeSentence, textOf, type Sentence } from './words.ts'

/** A planned interruption as customers are told of it. */
export type PlannedInterruption = {
  readonly work: string
  readonly from: EpochMs
  readonly until: EpochMs
  /** `maintenance`, `construction`…; what we have no words for is not said to customers. */
  readonly reason: string
  readonly area: string | null
  readonly feeders: readonly string[]
  readonly members: readonly GroupCode[]
  readonly customers: number
  /** What only staff see beside it: title, crew… */
  readonly forStaff: Readonly<Record<string, unknown>>
}

export type PlannedNews = 'announced' | 'reminder' | 'changed' | 'cancelled'

/** Rows for those who will be interrupted, for staff and for everyone. Who is interrupted before and after a change differs: call it twice. */
export function composePlanned(
  planned: PlannedInterruption,
  news: PlannedNews,
  moment: Moment,
): Draft[] {
  const { from, until, members, customers } = planned
  const window = { from: { minute: from }, until: { minute: until, after: from } }
  const area = planned.area ?? ({ say: 'public.areaUnknown' } as const)
  const key = REASONS.get(planned.reason.toLowerCase())
  const reason = key === undefined ? causeSentence(planned.reason) : { say: key }
  const draft = (
    audience: Draft['audience'],
    sentences: readonly Sentence[],
    more: Pick<Draft, 'feeders' | 'members'>,
    customersOut: NoticeData['customersOut'],
    beside: Readonly<Record<string, unknown>> = {},
  ): Draft => ({
    at: moment.at,
    audience,
    kind: KINDS[news],
    outage: null,
    ...more,
    data: {
      kind: KINDS[news],
      outage: null,
      work: planned.work,
      startedAt: toIso(from),
      // What is planned, not an estimate of what goes on.
      etr: null,
      from: toIso(from),
      until: toIso(until),
      planned: true,
      reminder: news === 'reminder',
      area: planned.area,
      customersOut,
      ...beside,
      text: textOf(sentences, reading(moment)),
    },
  })
  const because: Sentence[] =
    reason === null || news === 'cancelled' ? [] : [{ say: 'planned.reason', with: { reason } }]
  const drafts = [
    draft(
      'customer',
      [{ say: CUSTOMER_WORDS[news], with: window }, ...because],
      { feeders: [], members: [...members].sort((a, b) => a - b) },
      customers,
    ),
    draft(
      'staff',
      [
        news === 'cancelled'
          ? { say: 'planned.staffCancelled', with: { work: planned.work, count: customers } }
          : { say: 'planned.staff', with: { work: planned.work, count: customers, ...window } },
      ],
      { feeders: planned.feeders, members: null },
      customers,
      { reason: planned.reason, ...planned.forStaff },
    ),
  ]
  const everyone = PUBLIC_WORDS[news]
  if (everyone !== null)
    drafts.push(
      draft(
        'public',
        [
          { say: everyone, with: { area, customers: publicCount(customers), ...window } },
          ...because,
        ],
        { feeders: [], members: null },
        masked(customers),
      ),
    )
  return drafts
}

const KINDS = {
  announced: 'plannedAnnounced',
  reminder: 'plannedAnnounced',
  changed: 'plannedChanged',
  cancelled: 'plannedCancelled',
} as const

const CUSTOMER_WORDS: Record<PlannedNews, MessageKey> = {
  announced: 'planned.announced',
  reminder: 'planned.reminder',
  changed: 'planned.changed',
  cancelled: 'planned.cancelled',
}

const PUBLIC_WORDS: Record<PlannedNews, MessageKey | null> = {
  announced: 'planned.public',
  // Everyone has read it already.
  reminder: null,
  changed: 'planned.publicChanged',
  cancelled: 'planned.publicCancelled',
}

const REASONS = new Map<string, MessageKey>([
  ['maintenance', 'reason.maintenance'],
  ['construction', 'reason.construction'],
  ['repair', 'reason.repair'],
  ['connection', 'reason.connection'],
  ['vegetation', 'reason.vegetation'],
  ['inspection', 'reason.inspection'],
])
