import { sql } from 'kysely'
import { MS_PER_DAY, type EpochMs } from '../time.ts'
import { DamagedChunk, decodeChunk, digestOf, encodeWords, type Chunk } from './archive-chunk.ts'
import type { About } from './archive-tables.ts'
import type { Database, Tx } from './database.ts'
import { countUpTo, mergeRuns } from './merged.ts'
import {
  firstKeyAt,
  hexOfKey,
  instantOfKey,
  OBSERVATION_COLUMNS,
  type ObservationRow,
} from './observation-row.ts'

/** Words in one chunk at most: as many as are read from `observation` at once. */
export const CHUNK_WORDS_MAX = 5000
/** Chunks read at once. */
const CHUNKS_PAGE = 8

/** Keys from `low` on and below `high`, as `firstKeyAt` gives them. */
export type KeySpan = { readonly low: string; readonly high: string }

const CHUNK_COLUMNS = [
  'number',
  'about',
  'first_key',
  'last_key',
  'words',
  'previous',
  'digest',
  'payload',
] as const

// ── reading

/** Archived words of a span in the order of their keys, in pages, each once. Throws `DamagedChunk`. */
export async function* archivedRows(
  db: Database,
  about: About,
  span: KeySpan,
): AsyncGenerator<ObservationRow[]> {
  const low = asPrinted(span.low)
  const high = asPrinted(span.high)
  /** A later chunk may have words in between. */
  let waiting: ObservationRow[] = []
  for await (const chunk of chunksOf(db, about, span)) {
    const final = waiting.splice(0, countUpTo(waiting, chunk.first_key))
    if (final.length > 0) yield final
    const words = (await decodeChunk(chunk)).filter(({ key }) => key >= low && key < high)
    waiting = mergeRuns(waiting, words)
  }
  if (waiting.length > 0) yield waiting
}

/** Chunks with words in a span, by their first keys. The next ones are read while these are worked on. */
async function* chunksOf(
  db: Database,
  about: About,
  { low, high }: KeySpan,
): AsyncGenerator<Chunk> {
  const read = (after: Chunk | undefined): Promise<Chunk[]> => {
    let query = db
      .selectFrom('observation_archive')
      .select(CHUNK_COLUMNS)
      .where('about', '=', about)
      .where('first_key', '>=', dayOf(low))
      .where('first_key', '<', high)
      .where('last_key', '>=', low)
      .orderBy('first_key')
      .orderBy('number')
      .limit(CHUNKS_PAGE)
    if (after !== undefined) {
      query = query.where(
        sql<boolean>`(first_key, number) > (${after.first_key}::uuid, ${after.number})`,
      )
    }
    return query.execute()
  }
  let next = read(undefined)
  for (;;) {
    const chunks = await next
    if (chunks.length === CHUNKS_PAGE) {
      next = read(chunks.at(-1))
      // Whoever stops reading asks for it no more.
      next.catch(() => undefined)
    }
    yield* chunks
    if (chunks.length < CHUNKS_PAGE) return
  }
}

/** The words of every chunk that reaches into one of some spans (both ends inclusive), chunk by chunk. */
export async function* archivedTouching(
  db: Database,
  abouts: readonly About[],
  spans: readonly KeySpan[],
): AsyncGenerator<ObservationRow[]> {
  if (spans.length === 0) return
  const { rows } = await sql<{ number: number }>`
    select distinct c.number from unnest(
      ${spans.map(({ low }) => dayOf(low))}::uuid[], ${spans.map(({ low }) => low)}::uuid[], ${spans.map(({ high }) => high)}::uuid[]
    ) as wanted (day, low, high)
    join observation_archive c on c.about = any(${abouts}::text[])
      and c.first_key >= wanted.day and c.first_key <= wanted.high and c.last_key >= wanted.low
    order by c.number`.execute(db)
  for (const { number } of rows) {
    const chunk = await db
      .selectFrom('observation_archive')
      .select(CHUNK_COLUMNS)
      .where('number', '=', number)
      .executeTakeFirstOrThrow()
    yield await decodeChunk(chunk)
  }
}

/** The first key of the day of a key: no chunk that began before it has anything of that day. */
const dayOf = (hex: string): string => {
  const at = Number.parseInt(hex.slice(0, 12), 16)
  return firstKeyAt(at - (at % MS_PER_DAY))
}

/** A key in hex digits as PostgreSQL prints it. */
const asPrinted = (hex: string): string =>
  hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

// ── checking

/**
 * Says of the archive whatever is not as it was written: a chunk that is missing or was exchanged, anywhere, and one whose content was
 * changed, of those with words from an instant on and before another.
 */
export async function* damagesOfArchive(
  db: Database,
  { from, to }: { readonly from: EpochMs; readonly to: EpochMs },
): AsyncGenerator<string> {
  const low = Number.isFinite(from) ? from : 0
  let last: Pick<Chunk, 'number' | 'digest'> = { number: 0, digest: Buffer.alloc(0) }
  for (;;) {
    const chunks = await db
      .selectFrom('observation_archive')
      .select(['number', 'about', 'first_key', 'last_key', 'words', 'previous', 'digest'])
      .where('number', '>', last.number)
      .orderBy('number')
      .limit(1000)
      .execute()
    if (chunks.length === 0) break
    for (const chunk of chunks) {
      for (let gone = last.number + 1; gone < chunk.number; gone++) {
        yield `archive chunk ${gone}: is missing`
      }
      if (chunk.number === last.number + 1 && !chunk.previous.equals(last.digest)) {
        yield new DamagedChunk(chunk, 'does not follow from the one before').message
      } else if (
        instantOfKey(chunk.last_key) >= low &&
        instantOfKey(chunk.first_key) < to &&
        !(await isWhole(db, chunk))
      ) {
        yield new DamagedChunk(chunk, 'its content is not what was archived').message
      }
      last = chunk
    }
  }
  const end = await db
    .selectFrom('observation_archive_end')
    .select(['number', 'digest'])
    .executeTakeFirstOrThrow()
  for (let gone = last.number + 1; gone <= end.number; gone++) {
    yield `archive chunk ${gone}: is missing`
  }
  if (end.number < last.number || (end.number === last.number && !end.digest.equals(last.digest))) {
    yield `archive chunk ${last.number}: the archive ended otherwise when it was written`
  }
}

async function isWhole(db: Database, chunk: Omit<Chunk, 'payload'>): Promise<boolean> {
  const { payload } = await db
    .selectFrom('observation_archive')
    .select('payload')
    .where('number', '=', chunk.number)
    .executeTakeFirstOrThrow()
  return digestOf({ ...chunk, payload }).equals(chunk.digest)
}

// ── archiving

export type Archived = {
  /** Taken out of `observation`; those that were in the archive already are among them. */
  readonly words: number
  readonly bytes: number
}

/** Words older than this may be archived: derivation begins after them at every start. Undefined where it has to begin at the beginning. */
export async function archivableBefore(db: Database): Promise<EpochMs | undefined> {
  const row = await db
    .selectFrom('checkpoint')
    .select('at')
    .orderBy('at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row?.at
}

/**
 * Archives the oldest words from before an instant, one chunk at most, in one transaction; undefined where none are left. What stays in
 * `observation` whatever its age: words whose clock ran too far ahead, which count elsewhere than their keys say, and those about the
 * switch of an outage that is not over.
 */
export const archiveNext = (
  db: Database,
  { before, now }: { readonly before: EpochMs; readonly now: EpochMs },
): Promise<Archived | undefined> =>
  db.transaction().execute(async (tx) => {
    // Whoever else archives waits here, and then finds these words gone.
    const end = await tx
      .selectFrom('observation_archive_end')
      .select(['number', 'digest'])
      .forUpdate()
      .executeTakeFirstOrThrow()
    const rows = await oldestWords(tx, before)
    const [first] = rows
    if (first === undefined) return undefined
    const fresh = await withoutArchived(tx, rows)
    let bytes = 0
    if (fresh.length > 0) {
      const chunk = await chunkOf(fresh, { number: end.number + 1, previous: end.digest })
      await tx
        .insertInto('observation_archive')
        .values({ ...chunk, archived_at: new Date(now) })
        .execute()
      await tx
        .updateTable('observation_archive_end')
        .set({ number: chunk.number, digest: chunk.digest })
        .execute()
      bytes = chunk.payload.length
    }
    const keys = rows.map(({ key }) => key)
    const { numDeletedRows } = await tx
      .deleteFrom('observation')
      .where(sql<boolean>`key = any(${keys}::uuid[])`)
      .executeTakeFirstOrThrow()
    if (Number(numDeletedRows) !== rows.length) {
      throw new Error(`${rows.length} words were archived and ${numDeletedRows} taken out`)
    }
    return { words: rows.length, bytes }
  })

/** Words of one day about switches or of meters, whichever come first. */
async function oldestWords(tx: Tx, before: EpochMs): Promise<ObservationRow[]> {
  const held = await tx
    .selectFrom('outage')
    .select('device')
    .distinct()
    .where('restored_at', 'is', null)
    .where('device', 'is not', null)
    .execute()
  const devices = held.map(({ device }) => device)
  const read = async (
    low: string,
    until: EpochMs,
    kinds: readonly string[],
    limit: number,
  ): Promise<ObservationRow[]> => {
    const { rows } = await sql<ObservationRow>`
      select ${OBSERVATION_COLUMNS} from observation
      where key >= ${low}::uuid and key < ${firstKeyAt(until)}::uuid and kind = any(${kinds}::text[]) and not clamped
        and (kind = 'meter' or point <> all(${devices}::text[]))
      order by key limit ${limit}`.execute(tx)
    return rows
  }
  const [first] = await read(firstKeyAt(0), before, [...KINDS.switching, ...KINDS.metering], 1)
  if (first === undefined) return []
  const day = instantOfKey(first.key)
  const until = Math.min(before, day - (day % MS_PER_DAY) + MS_PER_DAY)
  return read(first.key, until, KINDS[aboutOf(first)], CHUNK_WORDS_MAX)
}

const KINDS: Readonly<Record<About, readonly string[]>> = {
  switching: ['switch', 'manual'],
  metering: ['meter'],
}

const aboutOf = ({ kind }: ObservationRow): About => (kind === 'meter' ? 'metering' : 'switching')

/** A word that came again after it was archived is not archived twice. */
async function withoutArchived(
  tx: Tx,
  rows: readonly ObservationRow[],
): Promise<readonly ObservationRow[]> {
  const [first] = rows
  const last = rows.at(-1)
  if (first === undefined || last === undefined) return rows
  const archived = new Set<string>()
  for await (const words of archivedTouching(
    tx,
    [aboutOf(first)],
    [{ low: hexOfKey(first.key), high: hexOfKey(last.key) }],
  )) {
    for (const { key } of words) archived.add(key)
  }
  return archived.size === 0 ? rows : rows.filter(({ key }) => !archived.has(key))
}

async function chunkOf(
  rows: readonly ObservationRow[],
  place: Pick<Chunk, 'number' | 'previous'>,
): Promise<Chunk> {
  const first = rows[0] as ObservationRow
  const last = rows.at(-1) as ObservationRow
  const chunk = {
    ...place,
    about: aboutOf(first),
    first_key: first.key,
    last_key: last.key,
    words: rows.length,
    payload: await encodeWords(rows),
  }
  return { ...chunk, digest: digestOf(chunk) }
}
