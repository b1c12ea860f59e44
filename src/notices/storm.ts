import type { Etr } from '../ledger/acts.ts'
import { MS_PER_MIN, toIso, type EpochMs } from '../time.ts'
import { etrAtFirst } from './etr-news.ts'
import { reading } from './data.ts'
import type { Draft, NoticeKind } from './notice.ts'
import type { Moment } from './standing.ts'
import { shownEtr } from './told.ts'
import { textOf, type Sentence, type Text, type Value } from './words.ts'

/**
 * Storm mode of an area, or (null) of everywhere. The rule that fits a quiet day promises what nobody can keep: while it lasts, outages
 * there have the one estimate that a person gave for all of them, or none.
 */
export type Storm = {
  readonly area: string | null
  readonly declaredAt: EpochMs
  readonly etr: Etr | null
  /** The estimate (its instant) of which the control room was alarmed. */
  readonly alarmedAt: EpochMs | null
}

export type StormChange = {
  readonly change: 'declared' | 'estimate' | 'ended'
  /** As it is afterwards. */
  readonly storm: Storm
  readonly reason: string | null
}

/** The storm that an outage lies in: that of its own area before that of everywhere. */
export const stormOver = (storms: readonly Storm[], area: string | null): Storm | null =>
  storms.find((storm) => storm.area !== null && storm.area === area) ??
  storms.find((storm) => storm.area === null) ??
  null

/** What an outage in a storm is estimated at: what was said of this very outage stands; everything else gives way to the storm's. */
export function etrInStorm(own: Etr | null, storm: Storm): Etr | null {
  return own !== null && (own.source === 'crew' || own.source === 'dispatcher') ? own : storm.etr
}

/** Alarms before the estimate of a storm passes, so long. */
export const STORM_ALARM_MIN = 30

export const isStormAlarmDue = ({ etr, alarmedAt }: Storm, at: EpochMs): boolean =>
  etr !== null && alarmedAt !== etr.at && etr.at - STORM_ALARM_MIN * MS_PER_MIN <= at

const KINDS = { declared: 'stormDeclared', estimate: 'stormChanged', ended: 'stormEnded' } as const

/** What staff and everyone hear of it; customers hear of their own outage. `customersOut` are those in the area. */
export function composeStorm(change: StormChange, customersOut: number, moment: Moment): Draft[] {
  const { storm } = change
  const says: Sentence[] =
    change.change === 'ended'
      ? [{ say: 'storm.ended', with: { area: areaOf(storm) } }]
      : sayStorm(
          change.change === 'declared' ? 'storm.declared' : 'storm.estimate',
          storm,
          moment.at,
        )
  return (['staff', 'public'] as const).map((audience) =>
    stormDraft(KINDS[change.change], audience, storm, customersOut, says, moment),
  )
}

/** What stands over every page of the area for as long as it lasts. Never an estimate that has passed. */
export const stormText = (storm: Storm, moment: Moment): Text =>
  textOf(sayStorm('storm.declared', storm, moment.at), reading(moment))

function sayStorm(say: 'storm.declared' | 'storm.estimate', storm: Storm, at: EpochMs): Sentence[] {
  const shown = shownEtr(storm.etr, at)
  return [
    { say, with: { area: areaOf(storm) } },
    ...(shown.etr === 'given'
      ? etrAtFirst(shown, at).sentences
      : [{ say: 'etr.assessing' } as const]),
  ]
}

const areaOf = ({ area }: Storm): Value => area ?? { say: 'public.areaUnknown' }

/** The control room is told once that the estimate of a whole area is about to pass, instead of once for every outage. */
export const composeStormAlarm = (storm: Storm, moment: Moment): Draft =>
  stormDraft(
    'etrExpiring',
    'staff',
    storm,
    0,
    [
      {
        say: 'storm.expiring',
        with: {
          area: areaOf(storm),
          at: { minute: storm.etr?.at ?? moment.at },
        },
      },
    ],
    moment,
  )

function stormDraft(
  kind: NoticeKind,
  audience: 'staff' | 'public',
  storm: Storm,
  customersOut: number,
  sentences: readonly Sentence[],
  moment: Moment,
): Draft {
  const shown = shownEtr(storm.etr, moment.at)
  const etr = shown.etr === 'given' ? shown.value : null
  return {
    at: moment.at,
    audience,
    kind,
    outage: null,
    feeders: [],
    members: null,
    data: {
      kind,
      outage: null,
      area: storm.area,
      startedAt: toIso(storm.declaredAt),
      etr:
        etr === null
          ? null
          : {
              at: toIso(etr.at),
              earliest: etr.earliest === null ? null : toIso(etr.earliest),
              latest: etr.latest === null ? null : toIso(etr.latest),
              source: etr.source,
              issuedAt: toIso(etr.issuedAt),
            },
      customersOut,
      text: textOf(sentences, reading(moment)),
    },
  }
}
