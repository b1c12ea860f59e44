import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { sql } from 'kysely'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type {
  LineRow,
  NetworkTables,
  ServicePointRow,
  SwitchRow,
  TransformerRow,
} from '../grid/tables.ts'
import { toIso, type EpochMs } from '../time.ts'
import type { Database, Tx } from './database.ts'

export type RevisionFormat = 'folder' | 'opendss' | 'town'

export type Revision = {
  readonly revision: number
  readonly validFrom: EpochMs
  readonly importedAt: EpochMs
  readonly format: string
}

/** A stored revision is announced on this channel of PostgreSQL. */
export const NETWORK_CHANNEL = 'relight_network'

/** Text handed to COPY at once. */
const COPY_CHUNK_CHARS = 262_144

/**
 * Stores a network as the next revision, whole or not at all, and gives its number. The tables must be free of errors: a branch
 * that names a node that is not there throws. One import runs at a time; a second waits.
 */
export async function saveRevision(
  pool: pg.Pool,
  tables: NetworkTables,
  about: {
    readonly validFrom: EpochMs
    readonly importedAt: EpochMs
    readonly format: RevisionFormat
    /** Kept as JSON: the faults that the import named. */
    readonly report: unknown
  },
): Promise<number> {
  const client = await pool.connect()
  let failure: Error | undefined
  try {
    await client.query('begin')
    await client.query('lock table network_revision in exclusive mode')
    const next = await client.query<{ revision: number }>(
      'select coalesce(max(revision), 0) + 1 as revision from network_revision',
    )
    const revision = next.rows[0]?.revision ?? 1
    await client.query(
      'insert into network_revision (revision, valid_from, imported_at, format, report) values ($1, $2, $3, $4, $5)',
      [
        revision,
        toIso(about.validFrom),
        toIso(about.importedAt),
        about.format,
        storableJson(about.report),
      ],
    )
    for (const copy of copies(tables, revision)) {
      const into = client.query(copyFrom(`copy ${copy.table} (${copy.columns}) from stdin`))
      await pipeline(Readable.from(copyText(copy.rows), { objectMode: true }), into)
    }
    await client.query(`notify ${NETWORK_CHANNEL}`)
    await client.query('commit')
    return revision
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
    await client.query('rollback').catch(() => undefined)
    throw error
  } finally {
    // A connection that failed in the middle of a COPY is not given to the next one.
    client.release(failure)
  }
}

/** jsonb takes neither NUL nor half a surrogate pair. */
const storableJson = (value: unknown): string =>
  JSON.stringify(value ?? null).replace(/\\u(?:0000|d[89a-f][0-9a-f]{2})/gi, '\\ufffd')

type Cell = string | number | boolean | null
type Copy = { readonly table: string; readonly columns: string; readonly rows: Iterable<Cell[]> }

function copies(tables: NetworkTables, revision: number): Copy[] {
  const index = new Map<string, number>()
  for (const [ix, node] of tables.nodes.entries()) index.set(node.id, ix)
  const nodeIx = (node: string): number => {
    const ix = index.get(node)
    if (ix === undefined) throw new Error(`the network has no node ${node}`)
    return ix
  }
  function* each<Row>(
    rows: readonly Row[],
    cells: (row: Row, ix: number) => Cell[],
  ): Iterable<Cell[]> {
    let ix = 0
    for (const row of rows) yield cells(row, ix++)
  }
  return [
    {
      table: 'network_source',
      columns: 'revision, id, node, phases, rated_kva',
      rows: each(tables.sources, (r) => [revision, r.id, r.node, r.phases, r.ratedKva]),
    },
    {
      table: 'network_substation',
      columns: 'revision, id, name, area, lon, lat',
      rows: each(tables.substations, (r) => [revision, r.id, r.name, r.area, r.lon, r.lat]),
    },
    {
      table: 'network_feeder',
      columns: 'revision, id, name, substation, head, rated_a, rated_kva',
      rows: each(tables.feeders, (r) => [
        revision,
        r.id,
        r.name,
        r.substation,
        r.head,
        r.ratedA,
        r.ratedKva,
      ]),
    },
    {
      table: 'network_node',
      columns: 'revision, ix, id, kv, lon, lat',
      rows: each(tables.nodes, (r, ix) => [revision, ix, r.id, r.kv, r.lon, r.lat]),
    },
    {
      table: 'network_switch',
      columns:
        'revision, ix, id, from_ix, to_ix, kind, phases, normally_closed, rated_a, telemetered, name',
      rows: each(tables.switches, (r, ix) => [
        revision,
        ix,
        r.id,
        nodeIx(r.from),
        nodeIx(r.to),
        r.kind,
        r.phases,
        r.normallyClosed,
        r.ratedA,
        r.telemetered,
        r.name,
      ]),
    },
    {
      table: 'network_line',
      columns:
        'revision, ix, id, from_ix, to_ix, phases, length_m, rated_a, overhead, failures_per_km_year, repair_h',
      rows: each(tables.lines, (r, ix) => [
        revision,
        ix,
        r.id,
        nodeIx(r.from),
        nodeIx(r.to),
        r.phases,
        r.lengthM,
        r.ratedA,
        r.overhead,
        r.failuresPerKmYear,
        r.repairH,
      ]),
    },
    {
      table: 'network_transformer',
      columns:
        'revision, ix, id, from_ix, to_ix, phases, kind, rated_kva, name, failures_per_year, repair_h',
      rows: each(tables.transformers, (r, ix) => [
        revision,
        ix,
        r.id,
        nodeIx(r.from),
        nodeIx(r.to),
        r.phases,
        r.kind,
        r.ratedKva,
        r.name,
        r.failuresPerYear,
        r.repairH,
      ]),
    },
    {
      table: 'network_service_point',
      columns:
        'revision, ix, id, node_ix, phases, customers, connected_kva, class, average_kw, peak_kw, priority, lon, lat',
      rows: each(tables.servicePoints, (r, ix) => [
        revision,
        ix,
        r.id,
        nodeIx(r.node),
        r.phases,
        r.customers,
        r.connectedKva,
        r.class,
        r.averageKw,
        r.peakKw,
        r.priority,
        r.lon,
        r.lat,
      ]),
    },
  ]
}

/** The text format of COPY, in pieces: a network is never whole in memory a second time. */
function* copyText(rows: Iterable<Cell[]>): Iterable<Buffer> {
  let text = ''
  for (const cells of rows) {
    let line = ''
    for (const cell of cells) {
      if (line !== '') line += '\t'
      line += copyCell(cell)
    }
    text += line
    text += '\n'
    if (text.length < COPY_CHUNK_CHARS) continue
    yield Buffer.from(text)
    text = ''
  }
  if (text !== '') yield Buffer.from(text)
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
}

function copyCell(cell: Cell): string {
  if (cell === null) return '\\N'
  if (typeof cell === 'boolean') return cell ? 't' : 'f'
  if (typeof cell === 'number') return String(cell)
  return /[\\\t\n\r]/.test(cell)
    ? cell.replace(/[\\\t\n\r]/g, (char) => ESCAPES[char] ?? char)
    : cell
}

/** The tables of a revision, in the order in which they were imported. Empty where there is no such revision. */
export async function loadRevision(db: Database, revision: number): Promise<NetworkTables> {
  // Side by side: the server prepares one table while the rows of another are taken apart here.
  const [sources, substations, feeders, nodes, switches, lines, transformers, servicePoints] =
    await Promise.all([
      db
        .selectFrom('network_source')
        .select(['id', 'node', 'phases', 'rated_kva as ratedKva'])
        .where('revision', '=', revision)
        .orderBy(sql`ctid`)
        .execute(),
      db
        .selectFrom('network_substation')
        .select(['id', 'name', 'area', 'lon', 'lat'])
        .where('revision', '=', revision)
        .orderBy(sql`ctid`)
        .execute(),
      db
        .selectFrom('network_feeder')
        .select(['id', 'name', 'substation', 'head', 'rated_a as ratedA', 'rated_kva as ratedKva'])
        .where('revision', '=', revision)
        .orderBy(sql`ctid`)
        .execute(),
      db
        .selectFrom('network_node')
        .select(['id', 'kv', 'lon', 'lat'])
        .where('revision', '=', revision)
        .orderBy('ix')
        .execute(),
      db
        .selectFrom('network_switch')
        .select(['id', 'from_ix as from', 'to_ix as to', 'kind', 'phases'])
        .select(['normally_closed as normallyClosed', 'rated_a as ratedA', 'telemetered', 'name'])
        .where('revision', '=', revision)
        .orderBy('ix')
        .execute(),
      db
        .selectFrom('network_line')
        .select(['id', 'from_ix as from', 'to_ix as to', 'phases', 'length_m as lengthM'])
        .select(['rated_a as ratedA', 'overhead', 'failures_per_km_year as failuresPerKmYear'])
        .select('repair_h as repairH')
        .where('revision', '=', revision)
        .orderBy('ix')
        .execute(),
      db
        .selectFrom('network_transformer')
        .select(['id', 'from_ix as from', 'to_ix as to', 'phases', 'kind', 'rated_kva as ratedKva'])
        .select(['name', 'failures_per_year as failuresPerYear', 'repair_h as repairH'])
        .where('revision', '=', revision)
        .orderBy('ix')
        .execute(),
      db
        .selectFrom('network_service_point')
        .select(['id', 'node_ix as node', ...SERVICE_POINT_COLUMNS])
        .where('revision', '=', revision)
        .orderBy('ix')
        .execute(),
    ])
  const nodeId = (ix: number): string => {
    const node = nodes[ix]
    if (node === undefined) throw new Error(`revision ${revision} has no node number ${ix}`)
    return node.id
  }
  nameNodes(switches, ['from', 'to'], nodeId)
  nameNodes(lines, ['from', 'to'], nodeId)
  nameNodes(transformers, ['from', 'to'], nodeId)
  nameNodes(servicePoints, ['node'], nodeId)
  return {
    sources,
    substations,
    feeders,
    nodes,
    // The words were checked when they were imported, and nobody else writes these tables.
    switches: switches as unknown as SwitchRow[],
    lines: lines as unknown as LineRow[],
    transformers: transformers as unknown as TransformerRow[],
    servicePoints: servicePoints as unknown as ServicePointRow[],
  }
}

const SERVICE_POINT_COLUMNS = [
  'phases',
  'customers',
  'connected_kva as connectedKva',
  'class',
  'average_kw as averageKw',
  'peak_kw as peakKw',
  'priority',
  'lon',
  'lat',
] as const

/** Puts the id of the node where its position stands. In place: a second set of a million rows would cost more than reading them. */
function nameNodes<Field extends string>(
  rows: readonly Record<Field, number>[],
  fields: readonly Field[],
  nodeId: (ix: number) => string,
): void {
  for (const row of rows as Record<Field, number | string>[]) {
    for (const field of fields) row[field] = nodeId(row[field] as number)
  }
}

/** The revision in force now; undefined where no network was ever imported. */
export async function latestRevision(db: Database | Tx): Promise<Revision | undefined> {
  const rows = await revisionRows(db).orderBy('revision', 'desc').limit(1).execute()
  return rows[0]
}

/** All revisions, the oldest first. The first also holds for all time before it. */
export const revisions = (db: Database | Tx): Promise<Revision[]> =>
  revisionRows(db).orderBy('revision').execute()

const revisionRows = (db: Database | Tx) =>
  db
    .selectFrom('network_revision')
    .select(['revision', 'valid_from as validFrom', 'imported_at as importedAt', 'format'])

/**
 * The numbers of load points, which they keep for ever, across revisions; those without one get the next, in the order given. Numbers
 * begin at 0.
 */
export async function loadPointNumbers(
  tx: Tx,
  ids: readonly string[],
): Promise<Map<string, number>> {
  if (ids.length === 0) return new Map()
  // Two imports that number at once would give one number twice.
  await sql`lock table load_point in share row exclusive mode`.execute(tx)
  const { rows } = await sql<{ ix: number; id: string }>`
    with wanted as (
      select id, min(place) as place from unnest(${ids}::text[]) with ordinality as given (id, place) group by id
    ), known as (
      select load_point.ix, load_point.id from load_point join wanted using (id)
    ), fresh as (
      insert into load_point (ix, id)
      select (select coalesce(max(ix), -1) from load_point) + row_number() over (order by place), id
      from wanted where not exists (select from known where known.id = wanted.id)
      returning ix, id
    )
    select ix, id from known union all select ix, id from fresh`.execute(tx)
  return new Map(rows.map((row) => [row.id, row.ix]))
}
