import { isDeepStrictEqual } from 'node:util'
import type { Pool } from 'pg'
import type { NetworkTables } from '../../src/grid/tables.ts'
import type { HeardNotice, LiveReader } from './live-reader.ts'

type Row = {
  readonly seq: number
  readonly at: number
  readonly audience: string
  readonly feeders: readonly string[]
  readonly members: readonly number[] | null
  readonly data: Record<string, unknown>
}

const SHOWN_MAX = 5

/**
 * What each reader should have heard, read from the table of notices when all is over, against what its sockets received. It knows the
 * contract, the tables and the drawing of the town, and shares no code with what tells.
 */
export async function compareWithRecord(
  pool: Pool,
  town: NetworkTables,
  readers: readonly LiveReader[],
): Promise<string[]> {
  const { rows } = await pool.query<Row>(
    'select seq, at, audience, feeders, members, data from notice order by seq',
  )
  const numbers = await pool.query<{ ix: number; id: string }>('select ix, id from load_point')
  const groupOf = groupsDrawn(town, new Map(numbers.rows.map(({ ix, id }) => [id, ix])))
  const bySeq = new Map(rows.map((row) => [row.seq, row]))

  return readers.flatMap((reader) => {
    const since = reader.since()
    if (since === undefined) return [`${reader.name}: never subscribed`]
    const wanted = rows.filter(
      (row) => row.seq > since && topicsOf(reader, row, groupOf).length > 0,
    )
    const heard = new Map<number, HeardNotice[]>()
    for (const one of reader.heard) heard.set(one.seq, [...(heard.get(one.seq) ?? []), one])
    const missed = wanted.filter(({ seq }) => !heard.has(seq)).map(({ seq }) => seq)
    const wantedSeqs = new Set(wanted.map(({ seq }) => seq))
    const says: string[] = [...reader.faults]
    if (missed.length > 0) says.push(`${missed.length} never heard: ${some(missed)}`)
    for (const [seq, copies] of heard) {
      const row = bySeq.get(seq)
      if (copies.length > 1) says.push(`${seq} heard ${copies.length} times`)
      if (row === undefined) says.push(`${seq} was never committed`)
      else if (!wantedSeqs.has(seq)) says.push(`${seq} is not theirs: ${copies[0]?.topic}`)
      else for (const copy of copies) says.push(...wrongIn(copy, row, reader, groupOf))
    }
    return says.slice(0, SHOWN_MAX).map((one) => `${reader.name}: ${one}`)
  })
}

/** The number of the last notice that any of them has heard. */
export const lastHeard = (readers: readonly LiveReader[]): number =>
  Math.max(0, ...readers.map(({ heard }) => heard.at(-1)?.seq ?? 0))

/** `load_point.ix * 8 + phases`, the load point being the transformer that the point hangs on (sql/0001_core.sql). */
function groupsDrawn(
  town: NetworkTables,
  numbers: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const transformerAt = new Map(
    town.transformers
      .filter(({ kind }) => kind === 'distribution')
      .map(({ id, to }) => [to, id] as const),
  )
  const groups = new Map<string, number>()
  for (const { id, node, phases } of town.servicePoints) {
    const ix = numbers.get(transformerAt.get(node) ?? node)
    if (ix !== undefined) groups.set(id, ix * 8 + phases)
  }
  return groups
}

/** The topics of a reader that a notice belongs to. */
function topicsOf(
  { topics }: LiveReader,
  { audience, feeders, members }: Row,
  groupOf: ReadonlyMap<string, number>,
): string[] {
  return topics.filter((topic) => {
    const [kind, id = ''] = topic.split(/:(.*)/s)
    if (kind === 'outages') return audience === 'staff'
    if (kind === 'feeder') return audience === 'staff' && feeders.includes(id)
    if (kind === 'servicePoint') {
      const group = groupOf.get(id)
      return audience === 'customer' && group !== undefined && (members ?? []).includes(group)
    }
    return audience === kind
  })
}

function wrongIn(
  { seq, at, topic, data }: HeardNotice,
  row: Row,
  reader: LiveReader,
  groupOf: ReadonlyMap<string, number>,
): string[] {
  const topics = topicsOf(reader, row, groupOf)
  const { servicePoints, ...rest } = data
  const says: string[] = []
  if (!topics.includes(topic)) says.push(`${seq} came as ${topic}`)
  if (Date.parse(at) !== row.at)
    says.push(`${seq} is of ${new Date(row.at).toISOString()}, not ${at}`)
  if (!saysWhat(rest, row.data)) says.push(`${seq} says something else than the record`)
  if (row.audience === 'customer') {
    const points = topics.map((one) => one.slice('servicePoint:'.length))
    const named = new Set(servicePoints as string[])
    if (points.length !== named.size || points.some((one) => !named.has(one)))
      says.push(`${seq} names ${[...named].join(', ')} instead of ${points.join(', ')}`)
  } else if (servicePoints !== undefined) says.push(`${seq} names service points to staff`)
  return says
}

/** Facts as they are in the record; words as well, or such as name all that the record gives in their place. */
function saysWhat(heard: Record<string, unknown>, saved: Record<string, unknown>): boolean {
  const { says, ...facts } = saved
  if (says === undefined) return isDeepStrictEqual(heard, saved)
  const { text, ...told } = heard as { text?: Record<string, unknown> }
  const named = [...JSON.stringify(says).matchAll(/"device":"([^"]*)"/g)].map((found) => found[1])
  return (
    isDeepStrictEqual(told, facts) &&
    ['en', 'zh-CN'].every((language) => {
      const words = text?.[language]
      return (
        typeof words === 'string' && words !== '' && named.every((one) => words.includes(one ?? ''))
      )
    })
  )
}

const some = (numbers: readonly number[]): string =>
  numbers.slice(0, 8).join(', ') + (numbers.length > 8 ? ' …' : '')
