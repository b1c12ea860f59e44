import type { GroupCode } from '../ledger/facts.ts'
import { toIso } from '../time.ts'
import type { ProbableOutage } from './common-device.ts'
import { reading } from './data.ts'
import type { Draft, NoticeKind } from './notice.ts'
import type { Probable } from './probable.ts'
import type { Moment } from './standing.ts'
import { textOf, type Sentence } from './words.ts'

/** Why a guess is over: the ledger has the outage now; another guess includes it; what spoke for it is gone. */
export type WhyOver = 'confirmed' | 'regrouped' | 'withdrawn'

/** The control room hears of a guess once, and once that it is over. */
export function composeProbable(
  news:
    | { readonly is: 'raised'; readonly outage: ProbableOutage }
    | {
        readonly is: 'cleared'
        readonly why: WhyOver
        readonly outage: Omit<ProbableOutage, 'evidence'>
      },
  moment: Moment,
): Draft {
  const { outage } = news
  const where = outage.device ?? outage.loadPoints.join(', ')
  const sentence: Sentence =
    news.is === 'raised'
      ? {
          say: outage.device === null ? 'probable.raisedPoint' : 'probable.raisedDevice',
          with: {
            where,
            since: { minute: outage.since },
            count: outage.customers,
            dark: news.outage.evidence.dark,
            places: news.outage.evidence.darkLoadPoints,
          },
        }
      : { say: OVER[news.why], with: { where } }
  return {
    at: moment.at,
    audience: 'staff',
    kind: news.is === 'raised' ? 'probableRaised' : 'probableCleared',
    outage: null,
    feeders: outage.feeder === null ? [] : [outage.feeder],
    members: null,
    data: {
      kind: news.is === 'raised' ? 'probableRaised' : 'probableCleared',
      outage: null,
      startedAt: toIso(outage.since),
      etr: null,
      // Nobody is known to be out.
      customersOut: 0,
      customersProbable: outage.customers,
      key: outage.key,
      device: outage.device,
      feeder: outage.feeder,
      loadPoints: outage.loadPoints,
      ...(news.is === 'raised' ? { evidence: news.outage.evidence } : { why: news.why }),
      text: textOf([sentence], reading(moment)),
    },
  }
}

const OVER = {
  confirmed: 'probable.confirmed',
  regrouped: 'probable.regrouped',
  withdrawn: 'probable.withdrawn',
} as const

/** Some service points of one customer's supply group or of several, who hear the same words. */
export type PointsNews = {
  readonly points: readonly string[]
  readonly members: readonly GroupCode[]
  readonly since: number
}

/** To the customers themselves, and only to those of whom something was heard. Never that supply is back: that is the ledger's to say. */
export function composeProbablyOff(
  news: PointsNews & { readonly is: Probable['kind'] | Exclude<WhyOver, 'regrouped'> },
  moment: Moment,
): Draft {
  const { is, since, points, members } = news
  const isOn = is === 'probablyOff' || is === 'stillDark'
  const kind: NoticeKind = isOn ? 'probablyOff' : 'probablyOffEnded'
  return {
    at: moment.at,
    audience: 'customer',
    kind,
    outage: null,
    feeders: [],
    members: [...new Set(members)].sort((a, b) => a - b),
    points,
    data: {
      kind,
      outage: null,
      startedAt: toIso(since),
      etr: null,
      customersOut: 0,
      probablyOff: isOn,
      ...(isOn ? { evidence: is } : { why: is }),
      text: textOf([{ say: SAY[is], with: { since: { minute: since } } }], reading(moment)),
    },
  }
}

const SAY = {
  probablyOff: 'answer.probablyOff',
  stillDark: 'answer.probablyStillOff',
  confirmed: 'customer.probableConfirmed',
  withdrawn: 'customer.probableWithdrawn',
} as const
