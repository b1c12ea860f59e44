import { at, NONE } from '../grid/network.ts'
import { groupsByCode } from '../ledger/open.ts'
import type { OutageFacts } from '../ledger/facts.ts'
import type { Ledger } from '../ledger/state.ts'
import type { Draft } from '../notices/notice.ts'
import type { NoticeSettings } from '../notices/standing.ts'
import type { Database, Tx } from '../stores/database.ts'
import { readLiveWorks, saveWork, unapprovedWorks, worksAround } from '../stores/works.ts'
import { MS_PER_DAY, type EpochMs } from '../time.ts'
import { plannedDrafts, reminderDrafts, type Telling } from '../work/announce.ts'
import { plannedNature, type PlannedNature } from '../work/nature.ts'
import { CHINA_PROMISE } from '../work/promise.ts'
import { callOffUnapproved } from '../work/unapproved.ts'
import {
  expireWork,
  isReminderDue,
  remindedCustomers,
  type Work,
  type WorkState,
} from '../work/work.ts'
import type { NetworkRoom } from './network-room.ts'

/** Works that may explain an outage that begins about now. */
export const readWorks = async (db: Database, now: EpochMs): Promise<Work[]> => {
  const around = { from: now - MS_PER_DAY, until: now + MS_PER_DAY }
  return (await worksAround(db, around)).map((saved) => saved.work)
}

/** The approved work that made an outage; null where none did. */
export function natureOf(
  works: readonly Work[],
  ledger: Ledger,
  facts: OutageFacts,
): PlannedNature | null {
  if (works.length === 0 || facts.device === null) return null
  const device = ledger.network.switchIndex.get(facts.device)
  const history = device === undefined ? undefined : ledger.histories.get(device)
  const opening = history?.statements.find(
    ({ at: when, observation }) => when === facts.anchorAt && observation.position === 'open',
  )
  return plannedNature(
    works,
    {
      startedAt: facts.startedAt,
      device: facts.device,
      reason: opening?.observation.reason ?? null,
    },
    CHINA_PROMISE,
  )
}

/** States that time alone changes. Drafts that nobody came back to may be many, and must not stand in the way of a reminder. */
const TENDED: readonly WorkState[] = ['approved', 'inProgress']

export type WorksDue = { readonly drafts: Draft[]; readonly save: (tx: Tx) => Promise<void> }

/** What time alone does to planned work: a window that is over, a reminder that is due, a change that nobody approved in time. */
export async function worksDue(
  db: Database,
  room: NetworkRoom,
  now: EpochMs,
  settings: NoticeSettings,
): Promise<WorksDue | undefined> {
  const drafts: Draft[] = []
  const saves: ((tx: Tx) => Promise<unknown>)[] = []
  const groupOf = groupsByCode(room.network, room.loadPointNumber)
  const telling = ({ told }: Work): Telling => ({
    at: now,
    settings,
    feeders: feedersOf(
      room,
      groupOf,
      told.flatMap(({ members }) => members),
    ),
    customersOf: (codes) =>
      codes.reduce((sum, code) => {
        const group = groupOf.get(code)
        return sum + (group === undefined ? 0 : at(room.network.groupCustomers, group))
      }, 0),
  })
  for (const known of await unapprovedWorks(db, now + 1)) {
    const calledOff = callOffUnapproved(known.work, now)
    if (calledOff === null) continue
    drafts.push(...plannedDrafts(known.work, [], telling(known.work)))
    saves.push((tx) => saveWork(tx, known, calledOff, now))
  }
  for (const known of await readLiveWorks(db, TENDED)) {
    const expired = expireWork(known.work, now)
    if (expired !== null) saves.push((tx) => saveWork(tx, known, expired, now))
    else if (isReminderDue(known.work, now)) {
      drafts.push(...reminderDrafts(known.work, telling(known.work)))
      saves.push((tx) => saveWork(tx, known, remindedCustomers(known.work, now), now))
    }
  }
  if (saves.length === 0) return undefined
  return {
    drafts,
    save: async (tx) => {
      for (const save of saves) await save(tx)
    },
  }
}

function feedersOf(
  room: NetworkRoom,
  groupOf: ReadonlyMap<number, number>,
  members: readonly number[],
): string[] {
  const feeders = new Set<string>()
  for (const code of members) {
    const group = groupOf.get(code)
    if (group === undefined) continue
    const feeder = at(room.network.loadPointFeeder, at(room.network.groupLoadPoint, group))
    const row = feeder === NONE ? undefined : room.network.feeders[feeder]
    if (row !== undefined) feeders.add(row.id)
  }
  return [...feeders]
}
