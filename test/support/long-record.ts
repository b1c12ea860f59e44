import type { NetworkTables } from '../../src/grid/tables.ts'
import type { TestDatabase } from './database.ts'
import { saveRevision } from '../../src/stores/networks.ts'

export const LONG_RECORD_FROM = Date.UTC(2024, 0, 1)
const BREAKERS = 500
const CUSTOMERS = 7
const EVERY_MS = 1000
const OUT_MS = 60_000

/** Every breaker feeds one load point by itself:  north ──[Bk]── nk: Pk, seven customers. */
const TABLES: NetworkTables = {
  sources: [{ id: 'SRC', node: 'north', phases: 7, ratedKva: null }],
  substations: [{ id: 'NORTH', name: 'North', area: 'East', lon: null, lat: null }],
  feeders: each((k) => ({
    id: `F${k}`,
    name: `F${k}`,
    substation: 'NORTH',
    head: `B${k}`,
    ratedA: null,
    ratedKva: null,
  })),
  nodes: ['north', ...each((k) => `n${k}`)].map((id) => ({ id, kv: null, lon: null, lat: null })),
  switches: each((k) => ({
    id: `B${k}`,
    from: 'north',
    to: `n${k}`,
    kind: 'breaker' as const,
    phases: 7,
    normallyClosed: true,
    ratedA: null,
    telemetered: true,
    name: null,
  })),
  lines: [],
  transformers: [],
  servicePoints: each((k) => ({
    id: `P${k}`,
    node: `n${k}`,
    phases: 7,
    customers: CUSTOMERS,
    connectedKva: null,
    class: null,
    averageKw: null,
    peakKw: null,
    priority: null,
    lon: null,
    lat: null,
  })),
}

function each<T>(make: (k: number) => T): T[] {
  return Array.from({ length: BREAKERS }, (_, k) => make(k))
}

/**
 * A record of a breaker that opens every second and closes a minute later, the next one each time, and the ledger that follows: an outage of
 * seven customers and one minute each. Both are written by the database itself, which shares no code with what derives them.
 */
export async function writeLongRecord(
  { pool }: Pick<TestDatabase, 'pool'>,
  observations: number,
): Promise<{ outages: number; until: number }> {
  const about = { validFrom: 0, importedAt: 0, format: 'folder' as const, report: [] }
  await saveRevision(pool, TABLES, about)
  await pool.query(
    `insert into load_point (ix, id) select k, 'n' || k from generate_series(0, ${BREAKERS - 1}) as k`,
  )
  const outages = Math.floor(observations / 2)
  await pool.query('alter table interruption disable trigger user')
  await pool.query(
    `insert into observation (key, gateway, kind, point, seq, at, received_at, value, phases, reason, quality)
     select (lpad(to_hex(ms), 12, '0') || substr(md5(
         'gw\\000switch\\000'::bytea || convert_to('B' || i % ${BREAKERS}, 'UTF8') || '\\000' || convert_to(i::text, 'UTF8') || '\\000'
           || convert_to(value, 'UTF8') || '\\000\\000\\000good'
       ), 1, 20))::uuid, 'gw', 'switch', 'B' || i % ${BREAKERS}, i,
       to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0), value, null, null, 'good'
     from (
       select i, ${LONG_RECORD_FROM} + i * ${EVERY_MS} as ms, 'open' as value from generate_series(0::bigint, ${outages - 1}) as i
       union all
       select i, ${LONG_RECORD_FROM} + i * ${EVERY_MS} + ${OUT_MS}, 'closed' from generate_series(0::bigint, ${outages - 1}) as i
     ) as said (i, ms, value)
     order by ms`,
  )
  await pool.query(
    `insert into outage (id, device, anchor_at, start_uncertain, phases, area, substation, feeder, started_at, restored_at,
       customers_out, customers_interrupted, closed_customer_ms, steps, revision, updated_at)
     select 'o' || i, 'B' || k, began, i < ${BREAKERS}, 7, 'East', 'NORTH', 'F' || k, began, began + interval '1 minute',
       0, ${CUSTOMERS}, ${CUSTOMERS * OUT_MS},
       jsonb_build_array(jsonb_build_object('at', ms + ${OUT_MS}, 'device', 'B' || k, 'customersRestored', ${CUSTOMERS})), 1, began
     from (
       select i, i % ${BREAKERS} as k, ${LONG_RECORD_FROM} + i * ${EVERY_MS} as ms,
         to_timestamp((${LONG_RECORD_FROM} + i * ${EVERY_MS}) / 1000.0) as began
       from generate_series(0::bigint, ${outages - 1}) as i
     ) as one`,
  )
  await pool.query(
    `insert into interruption (outage, from_at, until_at, area, substation, feeder, phases, customers, members, local_day)
     select id, started_at, restored_at, area, substation, feeder, 7, ${CUSTOMERS}, array[substr(device, 2)::int * 8 + 7], started_at::date
     from outage`,
  )
  await pool.query(
    `insert into switch_state (switch, closed_phases, at, gateway)
     select 'B' || k, 7, now(), 'gw' from generate_series(0, ${BREAKERS - 1}) as k`,
  )
  await pool.query('analyze')
  return { outages, until: LONG_RECORD_FROM + outages * EVERY_MS }
}

/** A checkpoint as the engine would keep it a day later: where every switch stands after all that was said. */
export const keepCheckpoint = ({ pool }: Pick<TestDatabase, 'pool'>, at: number) =>
  pool.query(
    `insert into checkpoint (at, positions)
     select to_timestamp($1 / 1000.0), jsonb_object_agg(switch, closed_phases) from switch_state
     on conflict (at) do nothing`,
    [at],
  )
