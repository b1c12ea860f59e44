import * as fc from 'fast-check'
import { sql } from 'kysely'
import t from 'tap'
import { groupCode } from '../src/ledger/facts.ts'
import { addDays, localDayOf } from '../src/reliability/calendar.ts'
import { CEER, DLT_836, IEEE_1366, OFGEM } from '../src/reliability/rulebooks.ts'
import type { Database } from '../src/stores/database.ts'
import { indicesReport } from '../src/stores/indices.ts'
import { majorDays } from '../src/stores/major-days.ts'
import {
  recomputeRollups,
  rolledUpDays,
  rolledUpFeederMonths,
  rolledUpRepeated,
  rollupsCanTell,
} from '../src/stores/rollups.ts'
import { MS_PER_MIN } from '../src/time.ts'
import { openTestDatabase } from './support/database.ts'

const ZONE = 'America/New_York'
const START = Date.parse('2024-01-01T05:00:00Z')
const YEAR = { from: '2024-01-01', to: '2025-01-01' }
const ALL = { planned: false, external: false, sourceShortage: false }

const TABLES = [
  'rollup_feeder_day where n180 + n300 + n <> 0',
  'rollup_feeder_month where n180 + n300 + n <> 0',
  'rollup_area_day where n180 + n300 + n <> 0',
  'rollup_group_year where interruptions <> 0',
]
async function contents(db: Database) {
  await sql`select relight_rollup_fold()`.execute(db)
  return await Promise.all(
    TABLES.map(
      async (table) =>
        (await sql`select * from ${sql.raw(table)} order by 1, 2, 3, 4, 5`.execute(db)).rows,
    ),
  )
}

/** Interruptions that never overlap within a group; some still last. */
const history = fc.array(
  fc.record({
    group: fc.integer({ min: 1, max: 6 }),
    gapMin: fc.integer({ min: 1, max: 40_000 }),
    lastsS: fc.oneof(
      fc.constantFrom(180, 300),
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 300, max: 90_000 }),
    ),
    planned: fc.boolean(),
    external: fc.boolean(),
    fate: fc.constantFrom('stays', 'grows', 'goes', 'opens'),
  }),
  { minLength: 10, maxLength: 40 },
)

t.test(
  'whatever is written, the roll-ups are what a recomputation gives, and agree with the rows',
  async (t) => {
    const { db } = await openTestDatabase(t)
    await db
      .insertInto('customers_served')
      .values({ area: 'A', from_day: '2023-01-01', customers: 500 })
      .execute()
    const check = async (steps: typeof history extends fc.Arbitrary<infer T> ? T : never) => {
      await db.deleteFrom('interruption').execute()
      const ends = new Map<number, number>()
      const rows = steps.map(({ group, gapMin, lastsS, planned, external }, i) => {
        const from = (ends.get(group) ?? START) + gapMin * MS_PER_MIN
        const until = from + lastsS * 1000
        ends.set(group, until + 100_000_000)
        return {
          outage: `O${i}`,
          from_at: new Date(from),
          until_at: new Date(until),
          area: group % 2 === 0 ? 'A' : 'B',
          substation: 'S',
          feeder: `F${group % 3}`,
          phases: 7,
          customers: group * 10,
          connected_kva: null,
          members: [groupCode(group, 7)],
          local_day: localDayOf(from, ZONE),
          nature: planned ? 'planned' : 'unplanned',
          external,
        }
      })
      await db.insertInto('interruption').values(rows).execute()
      for (const [i, { fate }] of steps.entries()) {
        if (fate === 'grows')
          await sql`update interruption set until_at = until_at + interval '200 s' where outage = ${`O${i}`}`.execute(
            db,
          )
        if (fate === 'goes')
          await db.deleteFrom('interruption').where('outage', '=', `O${i}`).execute()
        if (fate === 'opens')
          await db
            .updateTable('interruption')
            .set({ until_at: null })
            .where('outage', '=', `O${i}`)
            .execute()
      }
      const kept = await contents(db)
      await recomputeRollups(db)
      t.strictSame(kept, await contents(db))

      await db.deleteFrom('interruption').where('until_at', 'is', null).execute()
      const now = Date.parse('2030-01-01T00:00:00Z')
      for (const rulebook of [IEEE_1366, CEER]) {
        for (const leaveOut of [ALL, { ...ALL, planned: true, external: true }]) {
          const question = { ...YEAR, settings: rulebook.settings, leaveOut }
          t.equal(await rollupsCanTell(db, question), true)
          const exclude = leaveOut.planned ? (['planned', 'external'] as const) : []
          const ask = { ...YEAR, rulebook, exclude, now, timeZone: ZONE }
          const byDay = await indicesReport(db, { ...ask, by: 'day' })
          const days = await rolledUpDays(db, question)
          for (const { group, ci, cmi } of byDay.rows) {
            const rolled = days.get(group ?? '') ?? { ci: 0, customerMs: 0 }
            t.strictSame([rolled.ci, rolled.customerMs], [ci, Math.round(cmi * MS_PER_MIN)])
          }
          const months = await rolledUpFeederMonths(db, question)
          const byFeeder = await indicesReport(db, { ...ask, by: 'feeder' })
          for (const { group, ci, cmi } of byFeeder.rows) {
            const own = months.filter(({ feeder }) => feeder === group)
            t.equal(
              own.reduce((sum, month) => sum + month.ci, 0),
              ci,
            )
            t.equal(
              own.reduce((sum, month) => sum + month.customerMs, 0),
              Math.round(cmi * MS_PER_MIN),
            )
          }
        }
      }
      const whole = await indicesReport(db, {
        ...YEAR,
        rulebook: IEEE_1366,
        exclude: [],
        now,
        timeZone: ZONE,
        by: 'system',
      })
      const { indices } = whole.rows[0] ?? {}
      const repeated = await rolledUpRepeated(db, 2024, 3)
      t.equal(repeated.repeatedCustomers, Math.round((indices?.['CEMI-3'] ?? NaN) * 500))
      t.equal(repeated.longCustomers, Math.round((indices?.['CELID-s'] ?? NaN) * 500))
    }
    await fc.assert(fc.asyncProperty(history, check), { numRuns: 5 })
  },
)

t.test('where roll-ups cannot tell, they say so', async (t) => {
  const { db } = await openTestDatabase(t)
  const question = { ...YEAR, settings: IEEE_1366.settings, leaveOut: ALL }
  const can = (more = {}) => rollupsCanTell(db, { ...question, ...more })
  t.equal(await can(), true)
  t.equal(await can({ settings: DLT_836.settings }), false, 'users are not customers')
  t.equal(await can({ settings: OFGEM.settings }), false, 'three minutes exactly, and merging')
  const day = addDays(YEAR.from, 40)
  const put = (from: string, until: string | null) =>
    db
      .insertInto('interruption')
      .values({
        outage: from,
        from_at: from,
        until_at: until,
        area: null,
        substation: null,
        feeder: null,
        phases: 7,
        customers: 10,
        connected_kva: null,
        members: null,
        local_day: day,
      })
      .execute()
  await put(`${day}T10:00:00Z`, null)
  t.equal(await can(), false, 'one still lasts')
  t.equal(await can({ from: addDays(day, 1) }), true, 'but not in that time')
  const daily = await majorDays(db, {
    year: 2025,
    area: null,
    rulebook: IEEE_1366,
    now: Date.parse(`${day}T11:00:00Z`),
    timeZone: 'UTC',
  })
  t.equal(daily.thresholdMin, null)
  await db.deleteFrom('interruption').execute()
  await sql`insert into rollup_inexact values (${day}::date)`.execute(db)
  t.equal(await can(), false, 'a record has overlapping rows on a day')
})
