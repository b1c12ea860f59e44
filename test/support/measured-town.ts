import assert from 'node:assert/strict'
import { makeTown } from '../../simulators/town.ts'
import { rollUpLoads, saveLoads } from '../../src/stores/loads.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../../src/time.ts'
import { openTestDatabase } from './database.ts'
import { openGateway, openTestService, type Gateway, type TestService } from './service.ts'

/** A forecast is judged by its own past after eight weeks that it learns from. */
const DAYS = 66
export const MEASURED_TOWN = makeTown({ seed: 4, customers: 3000 })
const feederAt = (index: number) =>
  MEASURED_TOWN.feeders[index] ?? assert.fail(`a town without feeder ${index}`)
export const FIRST = feederAt(0)
export const FAULTED = feederAt(1)

/** Load of a head at an instant, in kW: a day's rhythm that is highest at 15:00, weekends lower, the second feeder above the first. */
function kwAt(feeder: number, at: number): number {
  const hour = new Date(at).getUTCHours()
  const weekend = [0, 6].includes(new Date(at).getUTCDay()) ? 0.8 : 1
  const rhythm = 1 + 0.4 * Math.sin(((hour - 9) / 24) * 2 * Math.PI)
  // Days differ a little, and no two weeks are alike.
  const mood = 1 + ((Math.floor(at / MS_PER_DAY) * 7919) % 13) / 200
  return Math.round((1000 + 100 * feeder) * weekend * rhythm * mood)
}

/** A town whose heads were measured for weeks; one feeder was off for an hour. */
export async function measuredTown(
  test: { teardown(fn: () => unknown): void },
  env: Readonly<Record<string, string>> = {},
): Promise<TestService & { readonly until: number; readonly field: Gateway }> {
  const database = await openTestDatabase(test)
  const { db } = database
  const until = Math.floor(Date.now() / MS_PER_H) * MS_PER_H
  const readings = MEASURED_TOWN.feeders.flatMap((feeder, index) =>
    Array.from({ length: DAYS * 24 }, (_, hours) => {
      const at = until - DAYS * MS_PER_DAY + hours * MS_PER_H
      return {
        kind: 'load' as const,
        gateway: 'gw',
        point: feeder.head,
        seq: hours,
        at,
        receivedAt: at,
        kw: kwAt(index, at),
        kvar: null,
        amps: null,
        kv: null,
      }
    }),
  )
  await db.transaction().execute((tx) => saveLoads(tx, readings))
  for (let more = true; more;) {
    const rolled = await rollUpLoads(db, { until: Date.now(), timeZone: 'UTC' })
    more = rolled.hours > 0
  }
  const service = await openTestService(test, database, { tables: MEASURED_TOWN, env })
  const field = await openGateway(test, service.broker)
  await field.switch(FAULTED.head, 'open', Date.now() - 90 * MS_PER_MIN)
  await field.switch(FAULTED.head, 'closed', Date.now() - 30 * MS_PER_MIN)
  return { ...service, until, field }
}
