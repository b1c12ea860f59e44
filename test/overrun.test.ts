import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { readInterruptionRecord } from '../src/imports/interruption-record.ts'
import { countsOutages, indexRow } from '../src/reliability/indices.ts'
import { emptySums, openReckoning, type Interruption } from '../src/reliability/reckoning.ts'
import type { Rulebook, RulebookSettings } from '../src/reliability/rulebook.ts'
import { CEER, DLT_836, IEEE_1366, OFGEM, SPAIN } from '../src/reliability/rulebooks.ts'
import { indicesReport } from '../src/stores/indices.ts'
import { storeInterruptionRecord } from '../src/stores/interruption-records.ts'
import { insertWork, readWork, saveWork } from '../src/stores/works.ts'
import { MS_PER_H, type EpochMs } from '../src/time.ts'
import { draftWork, type Work } from '../src/work/work.ts'
import { openTestDatabase } from './support/database.ts'
import { explained } from './support/explained.ts'

/**
 * One load point of ten, off for planned work from 8 to 12 that was approved until 11:
 * ```
 * 8 ───────── 11 ──── 12
 *   approved    overrun
 * ```
 */
const planned: Interruption = {
  outage: 'W1',
  from: 8 * MS_PER_H,
  until: 12 * MS_PER_H,
  area: null,
  substation: null,
  feeder: null,
  day: '1970-01-01',
  customers: 10,
  connectedKva: 200,
  averageKw: 20,
  members: [15],
  nature: 'planned',
  plannedUntil: 11 * MS_PER_H,
  cause: null,
  external: true,
  sourceShortage: true,
}
const fault: Interruption = {
  ...planned,
  outage: 'F1',
  nature: 'unplanned',
  plannedUntil: null,
  external: false,
  sourceShortage: false,
}

const withSettings = (more: Partial<RulebookSettings>): Rulebook => ({
  ...DLT_836,
  settings: { ...DLT_836.settings, ...more },
})

function figures(
  rulebook: Rulebook,
  rows: readonly Interruption[],
  cellOf: (row: Interruption) => string | undefined = () => '',
  now: EpochMs = 100 * MS_PER_H,
) {
  const reckoning = openReckoning({
    settings: rulebook.settings,
    timeZone: 'UTC',
    now,
    cellOf,
    perOutage: countsOutages(rulebook),
  })
  for (const row of rows) reckoning.add(row)
  const cells = reckoning.finish()
  return (cell = '') =>
    indexRow(rulebook, cell, cells.get(cell) ?? emptySums(), {
      units: 10,
      kva: 2000,
      averageKw: 200,
      periodHours: 100,
    })
}

t.test('DL/T 836: the approved hours are prearranged, the hour beyond is a fault', async (t) => {
  const { indices } = figures(DLT_836, [planned])()
  t.match(indices, {
    'SAIDI-1': 0.4,
    'SAIDI-S': 0.3,
    'SAIDI-F': 0.1,
    'SAIFI-1': 0.1,
    'SAIFI-S': 0.1,
    'SAIFI-F': 0,
    // Neither an external influence nor a shortage makes work late.
    'SAIDI-2': 0.1,
    'SAIDI-3': 0.1,
    'MID-S': 3,
    MID: 4,
    ASIDI: 0.4,
    ASIFI: 0.1,
    ENS: 80,
    CTAIDI: 4,
    CAIFI: 1,
  })
})

t.test('the setting: not at all, the time only, or a fault of its own', async (t) => {
  t.match(figures(withSettings({ plannedOverrun: 'planned' }), [planned])().indices, {
    'SAIDI-S': 0.4,
    'SAIDI-F': 0,
    'SAIFI-S': 0.1,
  })
  t.match(figures(withSettings({ plannedOverrun: 'faultInterruption' }), [planned])().indices, {
    'SAIDI-S': 0.3,
    'SAIDI-F': 0.1,
    'SAIFI-S': 0.1,
    'SAIFI-F': 0.1,
    'SAIFI-1': 0.2,
    'SAIDI-1': 0.4,
    CAIFI: 2,
  })
  t.equal(IEEE_1366.settings.plannedOverrun, 'planned', 'IEEE 1366 leaves it as it is')
  // A report that was filed before there was the setting restates nothing.
  const { plannedOverrun: _, ...before } = DLT_836.settings
  const filed = { ...DLT_836, settings: before as RulebookSettings }
  t.match(figures(filed, [planned])().indices, { 'SAIDI-S': 0.4, 'SAIDI-F': 0 })
})

t.test('at the edge: on time, approved before it began, and nobody says until when', async (t) => {
  const until = (plannedUntil: EpochMs | null) =>
    figures(DLT_836, [{ ...planned, plannedUntil }])().indices
  t.match(until(12 * MS_PER_H), { 'SAIDI-S': 0.4, 'SAIDI-F': 0 })
  t.match(until(null), { 'SAIDI-S': 0.4, 'SAIDI-F': 0 })
  t.match(until(12 * MS_PER_H - 1)['SAIDI-F'], 1 / MS_PER_H / 10)
  t.match(until(7 * MS_PER_H), { 'SAIDI-S': 0, 'SAIDI-F': 0.4, 'SAIFI-F': 0.1, 'SAIFI-S': 0 })
})

t.test('whom nobody had told of planned work it hit as a fault, under DL/T 836', async (t) => {
  // Of two load points one had been told; both were off until the approved end, and one hour beyond.
  const row = { ...planned, customers: 20, connectedKva: 400, averageKw: 40, members: [15, 23] }
  const told = (members: readonly number[] | null, rulebook = DLT_836) =>
    figures(rulebook, [{ ...row, plannedTold: members === null ? null : new Set(members) }])()
      .indices
  const all = { 'SAIDI-S': 0.6, 'SAIDI-F': 0.2, 'SAIFI-S': 0.2, 'SAIFI-F': 0 }
  t.match(told([15, 23]), all)
  t.match(told(null), all, 'where nobody says whom it had told, all of them')
  t.match(told([15]), {
    'SAIDI-S': 0.3,
    'SAIDI-F': 0.1 + 0.4,
    'SAIFI-S': 0.1,
    'SAIFI-F': 0.1,
    'SAIDI-1': 0.8,
    // Neither an external influence nor a shortage is why they had not been told.
    'SAIDI-2': 0.5,
    // The work is one planned interruption of three hours, whomever else it hit.
    'MID-S': 3,
  })
  t.match(told([]), { 'SAIDI-S': 0, 'SAIDI-F': 0.8, 'SAIFI-F': 0.2 })
  t.strictSame(
    told([15], IEEE_1366),
    told(null, IEEE_1366),
    'it could have been deferred all the same: IEEE 1366 keeps it planned',
  )
  // A report that was filed before there was the setting restates nothing.
  const { plannedUntold: _, ...before } = DLT_836.settings
  const filed = { ...DLT_836, settings: before as RulebookSettings }
  t.match(told([15], filed), all)
})

t.test('IEEE 1366, CEER, Ofgem and Spain keep the whole of planned work planned', async (t) => {
  // Ten customers of ten, 200 kVA of 2,000, off from 8 to 12: 240 minutes each, the hour beyond the approved end among them.
  const rows = [{ ...planned, plannedTold: new Set<number>() }]
  t.match(figures(IEEE_1366, rows)().indices, { SAIDI: 240, SAIFI: 1, CAIDI: 240 })
  const asked = { SAIDI: 240, 'SAIDI-planned': 240, 'SAIDI-unplanned': 0, 'SAIFI-planned': 1 }
  t.match(figures(CEER, rows)().indices, { ...asked, 'SAIFI-unplanned': 0 })
  t.match(figures(OFGEM, rows)().indices, { CI: 100, CML: 240 })
  t.match(figures(SPAIN, rows)().indices, { TIEPI: 0.4, NIEPI: 0.1 })
  for (const rulebook of [IEEE_1366, CEER, OFGEM, SPAIN]) {
    const { plannedOverrun, plannedUntold } = rulebook.settings
    t.same(
      { plannedOverrun, plannedUntold },
      { plannedOverrun: 'planned', plannedUntold: 'planned' },
    )
    const unplanned = figures(rulebook, rows, (row) => (row.nature === 'planned' ? undefined : ''))
    t.match(
      Object.values(unplanned().indices).filter(
        (value) => value !== null && value !== 0 && value !== 1,
      ),
      [],
      `${rulebook.id}: nothing of it is left without planned work`,
    )
  }
})

t.test('what follows on planned work without a break is overrun too', async (t) => {
  const rows = [planned, { ...fault, from: 11.5 * MS_PER_H, until: 14 * MS_PER_H }]
  t.match(figures(DLT_836, rows)().indices, { 'SAIDI-S': 0.3, 'SAIDI-F': 0.3, 'SAIFI-1': 0.1 })
  const other = { ...planned, outage: 'W2', from: 11 * MS_PER_H, plannedUntil: 12 * MS_PER_H }
  t.match(figures(DLT_836, [planned, other])().indices, { 'SAIDI-S': 0.4, 'SAIDI-F': 0 })
})

t.test('while it lasts the overrun grows, and is provisional', async (t) => {
  const row = figures(DLT_836, [{ ...planned, until: null }], undefined, 13 * MS_PER_H)()
  t.match(row.indices, { 'SAIDI-S': 0.3, 'SAIDI-F': 0.2 })
  t.equal(row.provisional, true)
})

t.test(
  'by nature each part is where it belongs, and without planned work the fault stays',
  async (t) => {
    const byNature = figures(DLT_836, [planned], (row) => row.nature)
    t.match(byNature('planned').indices, { 'SAIDI-1': 0.3, 'SAIFI-1': 0.1 })
    t.match(byNature('unplanned').indices, { 'SAIDI-1': 0.1, 'SAIFI-1': 0 })
    const unplanned = figures(DLT_836, [planned], (row) =>
      row.nature === 'planned' ? undefined : '',
    )
    t.match(unplanned().indices, { 'SAIDI-1': 0.1, 'SAIDI-S': 0 })
  },
)

const ASK = {
  from: '2025-06-01',
  to: '2025-07-01',
  by: 'system' as const,
  rulebook: DLT_836,
  exclude: [],
  timeZone: 'Asia/Shanghai',
  now: Date.parse('2025-08-01T00:00:00Z'),
}

t.test('a record may say until when work was approved', async (t) => {
  const { db } = await openTestDatabase(t)
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-overrun-'))
  t.teardown(() => fs.rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'record.csv')
  fs.writeFileSync(path.join(folder, 'customers.csv'), 'area,from,customers\nA,2025-01-01,100\n')
  fs.writeFileSync(
    file,
    `outage,started_at,ended_at,customers,area,nature,planned_until
W1,2025-06-05T08:00:00+08:00,2025-06-05T12:00:00+08:00,10,A,planned,2025-06-05T11:00:00+08:00
F1,2025-06-06T08:00:00+08:00,2025-06-06T09:00:00+08:00,10,A,unplanned,
`,
  )
  const record = await readInterruptionRecord(file)
  t.strictSame(record.faults, [])
  const store = () =>
    db
      .transaction()
      .execute((tx) =>
        storeInterruptionRecord(tx, record, { timeZone: ASK.timeZone, now: ASK.now }),
      )
  t.match(await store(), { added: 2 })
  t.match(await store(), { same: 2, changed: 0 })
  const report = await indicesReport(db, ASK)
  t.match(report.rows[0]?.indices, { 'SAIDI-S': 0.3, 'SAIDI-F': 0.2, 'SAIDI-1': 0.5 })
  t.equal(report.rulebook.settings.plannedOverrun, 'faultTime', 'and the report says so')
  const faults = await indicesReport(db, { ...ASK, exclude: ['planned'] })
  t.equal(faults.rows[0]?.indices['SAIDI-1'], 0.2)
  t.match(faults.notes.at(-1), /approved time/)
  const told = await explained(db, { ...ASK, group: 'system' })
  t.match(
    told.outages.find(({ outage }) => outage.endsWith('W1'))?.sets,
    [
      { nature: 'planned', customers: 10, ci: 10, customerSeconds: 10 * 3 * 3600 },
      { nature: 'unplanned', customers: 10, ci: 0, customerSeconds: 10 * 3600 },
    ],
    'both parts are told',
  )
  fs.appendFileSync(file, 'W2,2025-06-07T08:00:00Z,2025-06-07T09:00:00Z,1,A,planned,soon\n')
  t.match((await readInterruptionRecord(file)).faults, [
    { field: 'planned_until', code: 'bad-date' },
  ])
})

t.test('live planned work is over when its window is', async (t) => {
  const { db } = await openTestDatabase(t)
  await db
    .insertInto('customers_served')
    .values({ area: 'A', from_day: '2024-01-01', customers: 100 })
    .execute()
  const [from, approved, until] = ['00', '03', '04'].map((hour) =>
    Date.parse(`2025-06-05T${hour}:00:00Z`),
  ) as [number, number, number]
  const plan = {
    title: 'a pole',
    kind: 'planned' as const,
    method: 'dead' as const,
    reason: 'maintenance',
    responsible: 'someone',
    crew: null,
    assets: [],
    steps: [{ switch: 'S1', position: 'open' as const, afterMin: 0 }],
    window: { from, until: approved },
  }
  const work: Work = {
    ...draftWork('W-0001', plan, { at: from - 9 * 24 * MS_PER_H, by: 'p', note: null }),
    state: 'finished',
    finishedAt: until,
  }
  await db.transaction().execute((tx) => insertWork(tx, work, from))
  await db
    .insertInto('outage')
    .values({
      id: 'o1',
      origin: 'live',
      kind: 'planned',
      cause: 'maintenance',
      device: 'S1',
      anchor_at: new Date(from),
      phases: 7,
      area: 'A',
      start_uncertain: false,
      started_at: new Date(from),
      restored_at: new Date(until),
      customers_out: 0,
      customers_interrupted: 10,
      closed_customer_ms: 0,
      steps: '[]',
      revision: 1,
      updated_at: new Date(until),
    })
    .execute()
  await db
    .insertInto('interruption')
    .values({
      outage: 'o1',
      from_at: new Date(from),
      until_at: new Date(until),
      area: 'A',
      substation: null,
      feeder: null,
      phases: 7,
      customers: 10,
      connected_kva: null,
      members: null,
      local_day: '2025-06-05',
    })
    .execute()
  const [row] = (await indicesReport(db, ASK)).rows
  t.match(row?.indices, { 'SAIDI-S': 0.3, 'SAIDI-F': 0.1 })

  // Two load points were off; one of them is told of in the work, once it says whom it told.
  await db
    .updateTable('interruption')
    .set({ members: [15, 23] })
    .execute()
  t.match((await indicesReport(db, ASK)).rows[0]?.indices, { 'SAIDI-S': 0.3, 'SAIDI-F': 0.1 })
  const known = await readWork(db, 'W-0001')
  if (known === undefined) throw new Error('it was just saved')
  const announced = {
    ...known.work,
    announced: plan.window,
    announcedAt: from - 8 * 24 * MS_PER_H,
    told: [{ ...plan.window, members: [15] }],
  }
  await db.transaction().execute((tx) => saveWork(tx, known, announced, until))
  const [half] = (await indicesReport(db, ASK)).rows
  t.match(half?.indices, { 'SAIDI-S': 0.15, 'SAIDI-F': 0.05 + 0.2 })
  const { notes } = await indicesReport(db, { ...ASK, exclude: ['planned'] })
  t.match(notes.join(' '), /nobody had told/)

  const natures = async () =>
    (await indicesReport(db, { ...ASK, by: 'dlt_nature' })).rows.map(({ group }) => group)
  t.strictSame(
    await natures(),
    ['F-INT', 'S-P-M'],
    'what its reason says, and what is a fault of it',
  )
  const again = await readWork(db, 'W-0001')
  if (again === undefined) throw new Error('it is there')
  const unplanned = { ...again.work, kind: 'temporary' as const }
  await db.transaction().execute((tx) => saveWork(tx, again, unplanned, until))
  t.strictSame(await natures(), ['F-INT', 'S-T-M'], 'the same work, had it been in no plan')

  await db.updateTable('work').set({ state: 'cancelled' }).execute()
  t.match((await indicesReport(db, ASK)).rows[0]?.indices, { 'SAIDI-S': 0.4, 'SAIDI-F': 0 })
})
