import { toIso, type EpochMs } from '../time.ts'
import { reading } from './data.ts'
import type { Draft, NoticeKind } from './notice.ts'
import type { Moment } from './standing.ts'
import { textOf, type Sentence } from './words.ts'

/** What a dispatcher said about an alarm, so that every other desk knows. */
export type AlarmNews = {
  readonly alarm: string
  readonly by: string
} & (
  | { readonly kind: 'acknowledged' | 'unshelved' }
  | { readonly kind: 'shelved'; readonly until: EpochMs; readonly reason: string }
)

const KINDS = {
  acknowledged: 'alarmAcknowledged',
  shelved: 'alarmShelved',
  unshelved: 'alarmUnshelved',
} as const satisfies Record<AlarmNews['kind'], NoticeKind>

/** For staff: an alarm was seen, put aside or taken back. */
export function composeAlarm(news: AlarmNews, moment: Moment): Draft {
  const { alarm, by } = news
  const kind = KINDS[news.kind]
  const sentence: Sentence =
    news.kind === 'shelved'
      ? { say: 'alarm.shelved', with: { by, until: { minute: news.until } } }
      : { say: `alarm.${news.kind}`, with: { by } }
  return {
    at: moment.at,
    audience: 'staff',
    kind,
    outage: null,
    feeders: [],
    members: null,
    data: {
      kind,
      outage: null,
      startedAt: toIso(moment.at),
      etr: null,
      // A word about an alarm takes nobody's supply.
      customersOut: 0,
      device: null,
      feeder: null,
      alarm,
      by,
      ...(news.kind === 'shelved' ? { until: toIso(news.until), reason: news.reason } : {}),
      text: textOf([sentence], reading(moment)),
    },
  }
}
