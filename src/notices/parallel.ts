import { MS_PER_MIN, toIso, type EpochMs } from '../time.ts'
import { reading } from './data.ts'
import type { Draft } from './notice.ts'
import type { Moment } from './standing.ts'
import { textOf, type Sentence } from './words.ts'

/** Feeders that run, or ran, in parallel. */
export type ParallelNews = {
  readonly is: 'raised' | 'cleared'
  /** A switch at which they meet. */
  readonly tie: string
  readonly feeders: readonly string[]
  readonly sinceAt: EpochMs
}

/** The control room is told when a transfer has lasted too long, and when it is over. Nobody is without supply by it. */
export function composeParallel(news: ParallelNews, moment: Moment): Draft {
  const { is, tie, feeders, sinceAt } = news
  const kind = is === 'raised' ? 'parallelRaised' : 'parallelCleared'
  const both = feeders.length === 0 ? ({ say: 'parallel.sources' } as const) : feeders.join(' + ')
  const sentence: Sentence =
    is === 'raised'
      ? {
          say: 'parallel.raised',
          with: {
            both,
            tie,
            since: { minute: sinceAt },
            count: Math.floor((moment.at - sinceAt) / MS_PER_MIN),
          },
        }
      : { say: 'parallel.cleared', with: { both, since: { minute: sinceAt } } }
  return {
    at: moment.at,
    audience: 'staff',
    kind,
    outage: null,
    feeders,
    members: null,
    data: {
      kind,
      outage: null,
      startedAt: toIso(sinceAt),
      etr: null,
      customersOut: 0,
      device: tie,
      feeder: null,
      feeders,
      text: textOf([sentence], reading(moment)),
    },
  }
}
