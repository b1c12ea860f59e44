import type { Pool } from 'pg'
import type { EpochMs } from '../src/time.ts'
import { MS_PER_DAY, MS_PER_MIN } from '../src/time.ts'
import type { Storm } from './storm.ts'

const DIFFERENCES_MAX = 20

/** Words that are told apart: the same identity with the same content is one. */
export function distinctWords(storm: Storm): number {
  const keys = storm.deliveries.map((said) =>
    said.kind === 'meter'
      ? `${said.gateway} ${said.point} ${said.seq} ${said.at} ${said.event}`
      : `${said.gateway} ${said.point} ${said.seq} ${said.at} ${said.position} ${said.phases} ${said.reason} ${said.quality}`,
  )
  return new Set(keys).size
}

export async function countObservations(db: Pick<Pool, 'query'>): Promise<number> {
  const { rows } = await db.query<{ count: string }>('select count(*) from observation')
  return Number(rows[0]?.count)
}

type Stored = {
  load_point: string
  phases: number
  from_ms: string
  until_ms: string | null
}

/** What the stored ledger says otherwise than the truth; empty when they agree to the millisecond. */
export async function compareStored(storm: Storm, db: Pick<Pool, 'query'>): Promise<string[]> {
  const differences: string[] = []
  const { rows } = await db.query<Stored>(`
    select l.id as load_point, member % 8 as phases,
      round(extract(epoch from i.from_at) * 1000) as from_ms,
      round(extract(epoch from i.until_at) * 1000) as until_ms
    from interruption i cross join unnest(i.members) as member join load_point l on l.ix = member / 8
    order by 1, 2, 3`)
  const stored = new Map<string, string[]>()
  for (const row of rows) {
    const key = `${row.load_point} ${row.phases}`
    const text = intervalText(
      Number(row.from_ms),
      row.until_ms === null ? null : Number(row.until_ms),
    )
    const known = stored.get(key)
    if (known === undefined) stored.set(key, [text])
    else known.push(text)
  }
  const expected = new Map<string, string>()
  const idOf = new Map(storm.truth.loadPoints.map((point) => [point.node, point.id]))
  storm.truth.points.forEach((dark, row) => {
    const { phases } = storm.grid.tables.servicePoints[row]!
    const key = `${idOf.get(storm.grid.pointNode[row]!)!} ${phases}`
    expected.set(key, dark.map(({ from, until }) => intervalText(from, until)).join(' '))
  })
  for (const [key, wanted] of expected) {
    const got = stored.get(key)?.join(' ') ?? ''
    if (got !== wanted) {
      differences.push(`${key}: truth ${wanted || 'never dark'}, stored ${got || 'never dark'}`)
    }
    stored.delete(key)
  }
  for (const [key, got] of stored)
    differences.push(`${key}: no customer, yet stored ${got.join(' ')}`)
  return differences.slice(0, DIFFERENCES_MAX)
}

const intervalText = (from: EpochMs, until: EpochMs | null) => `[${from}, ${until ?? 'open'})`

type OutagePage = {
  readonly outages: readonly { readonly customerMinutes: number }[]
  readonly nextCursor: string | null
}
type IndexReport = {
  readonly rows: readonly {
    readonly ci: number
    readonly customersServed: number
    readonly indices: { readonly SAIDI: number | null }
  }[]
}

/** Customer-minutes over all outages, and the indices of the whole night, as the service tells them over HTTP. */
export async function compareHttp(
  storm: Storm,
  { http, token, now }: { http: string; token: string; now: () => EpochMs },
): Promise<string[]> {
  const get = async <T>(path: string, query: Record<string, string>): Promise<T> => {
    const url = new URL(`/api/v1/${path}`, http)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as T
  }
  const differences: string[] = []
  const { truth } = storm

  // What is still open grows while we ask.
  const least = truth.customerMs(now()) / MS_PER_MIN
  let told = 0
  let outages = 0
  for (let cursor: string | null = ''; cursor !== null;) {
    const query = cursor === '' ? {} : { cursor }
    const page: OutagePage = await get('outages', { state: 'all', limit: '200', ...query })
    for (const outage of page.outages) told += outage.customerMinutes
    outages += page.outages.length
    cursor = page.nextCursor
  }
  const most = truth.customerMs(now()) / MS_PER_MIN
  const rounding = outages * 0.001
  if (told < least - rounding || told > most + rounding) {
    differences.push(`GET outages: ${told} customer-minutes, truth ${least} to ${most}`)
  }

  const day = (at: EpochMs) => new Date(at).toISOString().slice(0, 10)
  const { rows } = await get<IndexReport>('indices', {
    from: day(storm.moves[0]?.at ?? 0),
    to: day(storm.until + MS_PER_DAY),
    by: 'system',
  })
  const [row] = rows
  const wanted = sustained(storm)
  if (wanted !== undefined && row !== undefined) {
    const saidiMin = wanted.customerMin / row.customersServed
    if (row.ci !== wanted.customers || Math.abs((row.indices.SAIDI ?? 0) - saidiMin) > 1e-6) {
      differences.push(
        `GET indices: CI ${row.ci}, SAIDI ${row.indices.SAIDI}; truth ${wanted.customers}, ${saidiMin}`,
      )
    }
  }
  return differences
}

/** IEEE Std 1366: more than five minutes is sustained. Undefined while somebody is still without supply. */
function sustained(storm: Storm): { customers: number; customerMin: number } | undefined {
  let customers = 0
  let customerMs = 0
  for (const [row, intervals] of storm.truth.points.entries()) {
    const count = storm.grid.tables.servicePoints[row]!.customers
    for (const { from, until } of intervals) {
      if (until === null) return undefined
      if (until - from <= 5 * MS_PER_MIN) continue
      customers += count
      customerMs += count * (until - from)
    }
  }
  return { customers, customerMin: customerMs / MS_PER_MIN }
}
