import { sql } from 'kysely'
import { at, type Network } from '../grid/network.ts'
import { groupCode, type GroupCode } from '../ledger/facts.ts'
import { WORDS_KEPT_H, type EvidencedLoadPoint, type LastWord } from '../notices/probable.ts'
import { MS_PER_DAY, MS_PER_H, type EpochMs } from '../time.ts'
import { instant, type Database } from './database.ts'
import { firstKeyAt } from './observation-row.ts'

/** An interruption that began longer ago than this and has just ended is not looked for: its meters are asked for by other means. */
const BEGAN_WITHIN_DAYS = 2

/** A network in force, and the number that each of its load points keeps; null where one is not numbered yet. */
export type EvidencedNetwork = {
  readonly network: Network
  /** In the order of the network's tables. */
  readonly servicePoints: Iterable<string>
  readonly customersOf: (servicePoint: number) => number
  readonly loadPointNumber: (loadPoint: number) => number | null
}

/** What meters and customers say of every load point that was spoken of lately, beside what the ledger knows of it. */
export async function readEvidence(
  db: Database,
  { network, servicePoints, customersOf, loadPointNumber }: EvidencedNetwork,
  now: EpochMs,
): Promise<EvidencedLoadPoint[]> {
  const since = now - WORDS_KEPT_H * MS_PER_H
  const words = await readLastWords(db, since)
  if (words.size === 0) return []
  const { out, backAt } = await readSupplySince(db, since)
  const loadPointAt = (index: number): number =>
    at(network.groupLoadPoint, at(network.servicePointGroup, index))
  const spokenOf = new Set<number>()
  let index = 0
  for (const id of servicePoints) {
    if (words.has(id)) spokenOf.add(loadPointAt(index))
    index++
  }
  type Point = EvidencedLoadPoint['points'][number]
  const places = new Map<number, { readonly loadPoint: string; readonly points: Point[] }>()
  index = -1
  for (const id of servicePoints) {
    const loadPoint = loadPointAt(++index)
    if (!spokenOf.has(loadPoint)) continue
    const number = loadPointNumber(loadPoint)
    if (number === null) continue
    const group = groupCode(number, at(network.groupPhases, at(network.servicePointGroup, index)))
    let place = places.get(loadPoint)
    if (place === undefined) {
      place = { loadPoint: network.loadPointIds[loadPoint] as string, points: [] }
      places.set(loadPoint, place)
    }
    place.points.push({
      id,
      customers: customersOf(index),
      word: words.get(id),
      isKnownOut: out.has(group),
      backAt: backAt.get(group) ?? null,
    })
  }
  return [...places.values()]
}

/** The last word about each service point since an instant: of its meter, or of the customer; the newer counts. */
async function readLastWords(db: Database, since: EpochMs): Promise<Map<string, LastWord>> {
  const { rows } = await sql<{ point: string; value: string; at: EpochMs }>`
    select distinct on (point) point, value, at from (
      select point, value, at from observation where key >= ${firstKeyAt(since)}::uuid and kind = 'meter'
      union all
      select service_point, kind, last_at from customer_report
      where last_at >= ${instant(since)} and (kind = 'back' or closed_at is null)
    ) as said order by point, at desc`.execute(db)
  return new Map(
    rows.map(({ point, value, at }) => [
      point,
      {
        says: value === 'lastGasp' || value === 'noPower' ? ('off' as const) : ('on' as const),
        at,
      },
    ]),
  )
}

/** Supply groups that are out now, and since when those have supply again that got it back after an instant. */
async function readSupplySince(
  db: Database,
  since: EpochMs,
): Promise<{
  readonly out: ReadonlySet<GroupCode>
  readonly backAt: ReadonlyMap<GroupCode, EpochMs>
}> {
  const [open, ended] = await Promise.all([
    db.selectFrom('interruption').select('members').where('until_at', 'is', null).execute(),
    db
      .selectFrom('interruption')
      .select(['members', 'until_at'])
      .where('from_at', '>=', instant(since - BEGAN_WITHIN_DAYS * MS_PER_DAY))
      .where('until_at', '>=', instant(since))
      .orderBy('until_at')
      .execute(),
  ])
  const backAt = new Map<GroupCode, EpochMs>()
  for (const { members, until_at: until } of ended) {
    for (const group of members ?? []) if (until !== null) backAt.set(group, until)
  }
  return { out: new Set(open.flatMap(({ members }) => members ?? [])), backAt }
}
