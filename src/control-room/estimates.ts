import type { Etr } from '../ledger/acts.ts'
import type { OutageFacts } from '../ledger/facts.ts'
import { firstEstimate, HISTORY_MAX, type PastOutage } from '../notices/etr.ts'
import type { Database } from '../stores/database.ts'
import type { EpochMs } from '../time.ts'
import type { NetworkRoom } from './network-room.ts'

/** So long after we learned of an outage the first estimate is made: a reclosing has had its chance, the hold has not run out. */
export const ESTIMATE_AFTER_S = 5

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
  return rows.toReversed().map((row) => ({
    deviceClass: row.device === null ? null : (room.switchKinds.get(row.device) ?? null),
    cause: row.cause,
    startedAt: row.started_at,
    restoredAt: row.restored_at,
    customers: row.customers_interrupted,
    openOutages: 0,
  }))
}

export function learn(
  experience: Experience,
  room: NetworkRoom,
  facts: OutageFacts,
  cause: string | null,
): void {
  experience.push({ ...traitsOf(room, facts, cause, 0), restoredAt: facts.restoredAt })
  if (experience.length > 2 * HISTORY_MAX) experience.splice(0, experience.length - HISTORY_MAX)
}

export const estimateFor = (
  experience: Experience,
  room: NetworkRoom,
  facts: OutageFacts,
  {
    cause,
    openOutages,
    at,
    timeZone,
  }: {
    readonly cause: string | null
    readonly openOutages: number
    readonly at: EpochMs
    readonly timeZone: string
  },
): Etr => firstEstimate(experience, traitsOf(room, facts, cause, openOutages), at, timeZone).etr

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
