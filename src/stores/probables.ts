import type { ProbableOutage } from '../notices/common-device.ts'
import type { Probable } from '../notices/probable.ts'
import type { EpochMs } from '../time.ts'
import type { Database, Tx } from './database.ts'

/** A guess that staff were told and that stands. */
export type ToldProbable = Pick<
  ProbableOutage,
  'key' | 'device' | 'feeder' | 'loadPoints' | 'customers' | 'since'
>
/** A customer who was told that their supply is probably off, and nothing since. */
export type ToldPoint = {
  readonly point: string
  readonly kind: Probable['kind']
  readonly since: EpochMs
}

export async function readToldProbables(
  db: Database,
): Promise<{ readonly outages: readonly ToldProbable[]; readonly points: readonly ToldPoint[] }> {
  const [outages, points] = await Promise.all([
    db.selectFrom('probable_outage').selectAll().orderBy('key').execute(),
    db.selectFrom('probable_point').selectAll().orderBy('service_point').execute(),
  ])
  return {
    outages: outages.map((row) => ({
      key: row.key,
      device: row.device,
      feeder: row.feeder,
      loadPoints: row.load_points,
      customers: row.customers,
      since: row.since_at,
    })),
    points: points.map((row) => ({
      point: row.service_point,
      kind: row.kind as Probable['kind'],
      since: row.since_at,
    })),
  }
}

/** Puts what is told now in place of what was, in the transaction of the notices that tell it. */
export async function saveToldProbables(
  tx: Tx,
  news: {
    readonly raised: readonly ToldProbable[]
    readonly over: readonly string[]
    readonly on: readonly ToldPoint[]
    readonly off: readonly string[]
  },
  now: EpochMs,
): Promise<void> {
  if (news.over.length > 0) {
    await tx
      .deleteFrom('probable_outage')
      .where('key', 'in', [...news.over])
      .execute()
  }
  if (news.off.length > 0) {
    await tx
      .deleteFrom('probable_point')
      .where('service_point', 'in', [...news.off])
      .execute()
  }
  if (news.raised.length > 0) {
    await tx
      .insertInto('probable_outage')
      .values(
        news.raised.map((one) => ({
          key: one.key,
          device: one.device,
          feeder: one.feeder,
          load_points: [...one.loadPoints],
          customers: one.customers,
          since_at: new Date(one.since),
          raised_at: new Date(now),
        })),
      )
      .onConflict((conflict) => conflict.column('key').doNothing())
      .execute()
  }
  if (news.on.length > 0) {
    await tx
      .insertInto('probable_point')
      .values(
        news.on.map(({ point, kind, since }) => ({
          service_point: point,
          kind,
          since_at: new Date(since),
          told_at: new Date(now),
        })),
      )
      .onConflict((conflict) => conflict.column('service_point').doNothing())
      .execute()
  }
}
