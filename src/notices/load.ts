import type { Cleared, Raised, WatchKind } from '../balance/load-watch.ts'
import { toIso, type EpochMs } from '../time.ts'
import type { MessageKey } from './catalogue-en.ts'
import { reading } from './data.ts'
import type { Draft, NoticeData, NoticeKind } from './notice.ts'
import type { Moment } from './standing.ts'
import { textOf, type Sentence } from './words.ts'

/** Load alarms of one quarter told one by one; of the rest only their number is told, and the list has them. */
export const LOAD_NOTICES_MAX = 100

/** Where an alarm is. */
export type LoadPoint = {
  readonly point: string
  readonly feeder: string | null
  readonly ratedKva: number | null
}
export type LoadNews = LoadPoint &
  (
    | { readonly is: 'raised'; readonly alarm: Raised }
    | { readonly is: 'cleared'; readonly alarm: Cleared }
  )

/** Rows for the topic `load`: one for each transition, the gravest first. */
export function composeLoad(news: readonly LoadNews[], moment: Moment): Draft[] {
  const told = [...news].sort(byGravity)
  const drafts = told.slice(0, LOAD_NOTICES_MAX).map((one) => draftOf(one, moment))
  const rest = told.slice(LOAD_NOTICES_MAX)
  if (rest.length === 0) return drafts
  const startedAt = rest.reduce((first, { alarm }) => Math.min(first, alarm.from), moment.at)
  const more: Sentence = { say: 'load.more', with: { count: rest.length } }
  drafts.push(
    loadDraft('loadRaised', [more], moment, {
      feeder: null,
      startedAt,
      data: { alarm: null, point: null, more: rest.length },
    }),
  )
  return drafts
}

/** A dispatcher has seen an alarm. */
export const composeAcknowledged = (
  at: LoadPoint & { readonly kind: WatchKind; readonly from: EpochMs },
  by: string,
  moment: Moment,
): Draft =>
  loadDraft(
    'loadAcknowledged',
    [
      {
        say: 'load.acknowledged',
        with: { point: at.point, what: { say: WHAT[at.kind] }, since: { minute: at.from } },
      },
    ],
    moment,
    { feeder: at.feeder, startedAt: at.from, data: { point: at.point, alarm: at.kind, by } },
  )

function draftOf(one: LoadNews, moment: Moment): Draft {
  const { point, feeder, ratedKva, alarm } = one
  const what: Sentence = { say: WHAT[alarm.kind] }
  const since = { minute: alarm.from }
  const percent = Math.round(alarm.peak * 100)
  const sentence: Sentence =
    one.is === 'raised'
      ? { say: SAYS[alarm.kind], with: { point, since, percent } }
      : {
          say: one.alarm.endedBy === 'silent' ? 'load.silent' : 'load.over',
          with: { point, what, since, until: { minute: one.alarm.until } },
        }
  const ended =
    one.is === 'raised'
      ? { confirmedAt: toIso(one.alarm.confirmedAt), until: null, rule: one.alarm.rule }
      : { until: toIso(one.alarm.until), endedBy: one.alarm.endedBy }
  return loadDraft(one.is === 'raised' ? 'loadRaised' : 'loadCleared', [sentence], moment, {
    feeder,
    startedAt: alarm.from,
    data: { point, alarm: alarm.kind, ratedKva, peak: alarm.peak, ...ended },
  })
}

function loadDraft(
  kind: NoticeKind,
  sentences: readonly Sentence[],
  moment: Moment,
  about: {
    readonly feeder: string | null
    readonly startedAt: EpochMs
    readonly data: Readonly<Record<string, unknown>>
  },
): Draft {
  const data: NoticeData = {
    kind,
    outage: null,
    startedAt: toIso(about.startedAt),
    etr: null,
    // A load alarm takes nobody's supply.
    customersOut: 0,
    feeder: about.feeder,
    ...about.data,
    text: textOf(sentences, reading(moment)),
  }
  return {
    at: moment.at,
    audience: 'load',
    kind,
    outage: null,
    feeders: about.feeder === null ? [] : [about.feeder],
    members: null,
    data,
  }
}

const SAYS: Readonly<Record<WatchKind, MessageKey>> = {
  heavy: 'load.heavy',
  overload: 'load.overload',
  longOverload: 'load.longOverload',
  unbalance: 'load.unbalance',
  reverse: 'load.reverse',
}
const WHAT: Readonly<Record<WatchKind, MessageKey>> = {
  heavy: 'load.whatHeavy',
  overload: 'load.whatOverload',
  longOverload: 'load.whatLongOverload',
  unbalance: 'load.whatUnbalance',
  reverse: 'load.whatReverse',
}

const GRAVITY: readonly WatchKind[] = ['longOverload', 'overload', 'heavy', 'reverse', 'unbalance']
const byGravity = (a: LoadNews, b: LoadNews): number =>
  Number(b.is === 'raised') - Number(a.is === 'raised') ||
  GRAVITY.indexOf(a.alarm.kind) - GRAVITY.indexOf(b.alarm.kind) ||
  b.alarm.peak - a.alarm.peak ||
  (a.point < b.point ? -1 : 1)
