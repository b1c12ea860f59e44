import { sql } from 'kysely'
import { MS_PER_DAY, toIso, type EpochMs } from '../time.ts'
import { instant, type Database, type Tx } from './database.ts'

/** What was known of an hour: measured, where it was said in the hour or after it; else forecast. */
export type TemperatureWord = {
  readonly at: EpochMs
  readonly issuedAt: EpochMs
  readonly celsius: number
}

/** Forecasts of hours that are over are kept for so long: forecasts of load are judged by them. */
export const FORECASTS_KEPT_DAYS = 90

/** Adds what a weather service says of a place; the same again changes nothing, another value for the same hour and time of issue takes its place. */
export async function saveTemperatures(
  tx: Tx,
  place: string,
  words: readonly TemperatureWord[],
  now: EpochMs,
): Promise<void> {
  // One statement cannot change a row twice: of the same hour the last word counts.
  const byHour = new Map(words.map((word) => [`${word.at} ${word.issuedAt}`, word]))
  const said = [...byHour.values()]
  await sql`
    insert into temperature (place, at, issued_at, celsius)
    select ${place}, * from unnest(
      ${said.map(({ at }) => toIso(at))}::timestamptz[], ${said.map(({ issuedAt }) => toIso(issuedAt))}::timestamptz[],
      ${said.map(({ celsius }) => celsius)}::real[])
    on conflict (place, at, issued_at) do update set celsius = excluded.celsius`.execute(tx)
  await sql`
    delete from temperature as old
    where place = ${place} and at < ${instant(now - FORECASTS_KEPT_DAYS * MS_PER_DAY)} and issued_at < at
      and exists (
        select from temperature as later
        where later.place = old.place and later.at = old.at and later.issued_at > old.issued_at)`.execute(
    tx,
  )
}

/** The newest word of each hour in `[from, until)`, in their order. */
export async function temperaturesOf(
  db: Database,
  place: string,
  { from, until }: { from: EpochMs; until: EpochMs },
): Promise<TemperatureWord[]> {
  const rows = await db
    .selectFrom('temperature')
    .distinctOn('at')
    .select(['at', 'issued_at', 'celsius'])
    .where('place', '=', place)
    .where('at', '>=', instant(from))
    .where('at', '<', instant(until))
    .orderBy('at')
    .orderBy('issued_at', 'desc')
    .execute()
  return rows.map(wordOf)
}

/** Every forecast of the hours from `from` on, by hour and time of issue. */
export async function temperatureForecasts(
  db: Database,
  place: string,
  from: EpochMs,
): Promise<TemperatureWord[]> {
  const rows = await db
    .selectFrom('temperature')
    .select(['at', 'issued_at', 'celsius'])
    .where('place', '=', place)
    .where('at', '>=', instant(from))
    .where((where) => where('issued_at', '<', where.ref('at')))
    .orderBy('at')
    .orderBy('issued_at')
    .execute()
  return rows.map(wordOf)
}

/** The first of these places of which anything is known; null: none. */
export async function placeWithTemperature(
  db: Database,
  places: readonly string[],
): Promise<string | null> {
  const { rows } = await sql<{ place: string }>`
    select p.place from unnest(${[...places]}::text[]) with ordinality as p (place, nr)
    where exists (select from temperature t where t.place = p.place) order by nr limit 1`.execute(
    db,
  )
  return rows[0]?.place ?? null
}

const wordOf = (row: { at: EpochMs; issued_at: EpochMs; celsius: number }): TemperatureWord => ({
  at: row.at,
  issuedAt: row.issued_at,
  celsius: row.celsius,
})
