import type { Etr } from '../ledger/acts.ts'
import type { OutageFacts } from '../ledger/facts.ts'
import { firstEstimate, HISTORY_MAX, type PastOutage } from '../notices/etr.ts'
import type { Database } from '../stores/database.ts'
import type { EpochMs } from '../time.ts'
import type { NetworkRoom } from './network-room.ts'

/** So long after we learned of an outage the first estimate is made: a reclosing has had its chance, the hold has not run out. */
export const ESTIMATE_AFTER_S = 5

/** Of those that are still open, the newest so many are looked at. */
const OPEN_CONSIDERED_MAX = 2_000

/** What past outages teach about how long one lasts. */
export type Experience = PastOutage[]

/** The outages of the record that are over, the newest last. */
export async function readExperience(db: Database, room: NetworkRoom): Promise<Experience> {
  const rows = await db
    .selectFrom('outage')
    .select(['device', 'cause', 'started_at', 'restored_at', 'customers_interrupted'])
    .where('restored_at', 'is not', null)
    .where('kind', '=', 'unplanned')
    .where('customers_interrupted', '>', 0)
    .orderBy('started_at', 'desc')
    .limit(HISTORY_MAX)
    .execute()
  const past = rows.toReversed()
  const ends = past.map((row) => row.restored_at ?? Infinity).sort((a, b) => a - b)
  let over = 0
  return past.map((row, begun) => {
    while ((ends[over] ?? Infinity) <= row.started_at) over++
    return {
      deviceClass: row.device === null ? null : (room.switchKinds.get(row.device) ?? null),
      cause: row.cause,
      startedAt: row.started_at,
      restoredAt: row.restored_at,
      customers: row.customers_interrupted,
      // Of those that had begun, the ones that were not over.
      openOutages: Math.max(0, begun - over),
    }
  })
}

/** `openOutages`: how many others were open. An outage that a correction ends again is learned again: the newest word counts most. */
export function learn(
  experience: Experience,
  room: NetworkRoom,
  facts: OutageFacts,
  cause: string | null,
  openOutages: number,
): void {
  experience.push({ ...traitsOf(room, facts, cause, openOutages), restoredAt: facts.restoredAt })
  if (experience.length > 2 * HISTORY_MAX) experience.splice(0, experience.length - HISTORY_MAX)
}

/** `open`: every outage that is not over; each says that it takes at least as long as it has taken. */
export function estimateFor(
  experience: Experience,
  room: NetworkRoom,
  facts: OutageFacts,
  about: {
    readonly cause: string | null
    readonly open: readonly OutageFacts[]
    readonly at: EpochMs
    readonly timeZone: string
  },
): Etr {
  const { cause, open, at, timeZone } = about
  const others = open
    .filter((one) => one.id !== facts.id && one.startedAt < at)
    .slice(-OPEN_CONSIDERED_MAX)
    .map((one) => ({ ...traitsOf(room, one, null, open.length), restoredAt: null }))
  const begunBefore = open.filter((one) => one.startedAt < facts.startedAt).length
  const traits = traitsOf(room, facts, cause, begunBefore)
  return firstEstimate([...experience, ...others], traits, at, timeZone).etr
}

const traitsOf = (
  room: NetworkRoom,
  facts: OutageFacts,
  cause: string | null,
  openOutages: number,
) => ({
  deviceClass: facts.device === null ? null : (room.switchKinds.get(facts.device) ?? null),
  cause,
  startedAt: facts.startedAt,
  customers: facts.customersInterrupted,
  openOutages,
})
