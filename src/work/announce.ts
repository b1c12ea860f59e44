import type { Draft, NoticeKind } from '../notices/notice.ts'
import { composePlanned } from '../notices/planned.ts'
import type { NoticeSettings } from '../notices/standing.ts'
import type { GroupCode } from '../ledger/facts.ts'
import type { EpochMs } from '../time.ts'
import type { Window } from './window.ts'
import type { ToldSet, Work } from './work.ts'

type PlannedKind = NoticeKind & ('plannedAnnounced' | 'plannedChanged' | 'plannedCancelled')

export type Telling = {
  readonly at: EpochMs
  readonly settings: NoticeSettings
  readonly feeders: readonly string[]
  /** Customers behind these supply groups. */
  readonly customersOf: (members: readonly GroupCode[]) => number
}

/**
 * What to tell so that everyone who was told `work.told` knows `after`: announced to those who hear of it first, changed to those whose times moved,
 * cancelled to those who keep their supply; nothing to those for whom nothing changed. Staff and the public hear once of each.
 */
export const plannedDrafts = (work: Work, after: readonly ToldSet[], telling: Telling): Draft[] =>
  draftsOf(work, plannedNews(work, after), telling, false)

export type PlannedNewsSet = {
  readonly kind: PlannedKind
  readonly times: Window
  readonly members: readonly GroupCode[]
}

/** Who has to hear what, so that everyone who was told `work.told` knows `after`. */
export function plannedNews(work: Work, after: readonly ToldSet[]): PlannedNewsSet[] {
  const before = timesByGroup(work.told)
  const next = timesByGroup(after)
  const news = new Map<string, { kind: PlannedKind; times: Window; members: GroupCode[] }>()
  for (const group of new Set([...before.keys(), ...next.keys()])) {
    const was = before.get(group)
    const is = next.get(group)
    if (was?.from === is?.from && was?.until === is?.until) continue
    const kind =
      is === undefined
        ? 'plannedCancelled'
        : was === undefined
          ? 'plannedAnnounced'
          : 'plannedChanged'
    const times = (is ?? was) as Window
    const key = `${kind} ${times.from} ${times.until}`
    const known = news.get(key)
    if (known === undefined) news.set(key, { kind, times, members: [group] })
    else known.members.push(group)
  }
  return [...news.values()]
}

/** A day before: the same again to everyone who was told. */
export function reminderDrafts(work: Work, telling: Telling): Draft[] {
  const news = [...timesOf(work.told)].map(([, { times, members }]) => ({
    kind: 'plannedAnnounced' as const,
    times,
    members,
  }))
  return draftsOf(work, news, telling, true).filter((draft) => draft.audience === 'customer')
}

function draftsOf(
  work: Work,
  news: readonly PlannedNewsSet[],
  { at, settings, feeders, customersOf }: Telling,
  reminder: boolean,
): Draft[] {
  return news.flatMap(({ kind, times, members }) =>
    composePlanned(
      {
        work: work.id,
        ...times,
        reason: work.reason,
        area: null,
        feeders,
        members,
        customers: customersOf(members),
        forStaff: { title: work.title, crew: work.crew, method: work.method, cause: work.reason },
      },
      reminder ? 'reminder' : NEWS[kind],
      { at, settings },
    ),
  )
}

const NEWS = {
  plannedAnnounced: 'announced',
  plannedChanged: 'changed',
  plannedCancelled: 'cancelled',
} as const

/** From the first loss to the last return of each group: customers are not told of a pause between. */
function timesByGroup(told: readonly ToldSet[]): Map<GroupCode, Window> {
  const times = new Map<GroupCode, Window>()
  for (const { from, until, members } of told) {
    for (const group of members) {
      const known = times.get(group)
      times.set(group, {
        from: Math.min(from, known?.from ?? from),
        until: Math.max(until, known?.until ?? until),
      })
    }
  }
  return times
}

function timesOf(told: readonly ToldSet[]): Map<string, { times: Window; members: GroupCode[] }> {
  const same = new Map<string, { times: Window; members: GroupCode[] }>()
  for (const [group, times] of timesByGroup(told)) {
    const key = `${times.from} ${times.until}`
    const known = same.get(key)
    if (known === undefined) same.set(key, { times, members: [group] })
    else known.members.push(group)
  }
  return same
}
