import path from 'node:path'
import t from 'tap'
import type { InterruptionRecord, ReadRecordOptions } from '../src/imports/interruption-record.ts'
import { readInterruptionRecord } from '../src/imports/interruption-record.ts'
import { parseMapping } from '../src/imports/interruption-record-mapping.ts'
import {
  CAUSE_DETAILS,
  causeDetailOf,
  detailChoices,
  isOutside,
} from '../src/reliability/cause-detail.ts'
import { causeOf, DESK_CAUSES, treeCauseOf } from '../src/reliability/causes.ts'
import { causeAt } from '../src/reliability/pareto.ts'
import { reportHtml } from '../src/reliability/report-html.ts'
import { DLT_836, IEEE_1366 } from '../src/reliability/rulebooks.ts'
import type { Database } from '../src/stores/database.ts'
import { indicesReport } from '../src/stores/indices.ts'
import { storeInterruptionRecord } from '../src/stores/interruption-records.ts'
import { readOutage } from '../src/stores/outages-read.ts'
import type { Exclusion, Grouping } from '../src/stores/report-question.ts'
import { openTestDatabase } from './support/database.ts'
import { ledgerAsText, openEngine } from './support/hand-engine.ts'
import { openFront, tokenFor } from './support/people.ts'
import { explained } from './support/explained.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const NOTHING = { subCause: null, equipment: null, weather: null, responsibleSystem: null }
const HEADER =
  'outage,started_at,ended_at,customers,area,nature,cause,sub_cause,equipment,weather,responsible_system,source_shortage'
const RECORD = `${HEADER}
1,2025-01-10T08:00:00Z,2025-01-10T09:00:00Z,4,A,,WILDLIFE,squirrel,fuse_cutout,clear,distribution,
2,2025-01-11T08:00:00Z,2025-01-11T10:00:00Z,10,A,,VEGETATION,VEGETATION/limb_fall,overhead_conductor,wind,distribution,
3,2025-01-12T08:00:00Z,2025-01-12T10:00:00Z,20,A,planned,PLANNED,maintenance,,,,
4,2025-01-13T08:00:00Z,2025-01-13T08:30:00Z,30,A,,POWER_SUPPLY/transmission,,,,transmission,
5,2025-01-14T08:00:00Z,2025-01-14T08:30:00Z,5,A,,POWER_SUPPLY,load_shed,,,generation,1
`

type Folder = { testdir(files: Record<string, string>): string }
const read = (t: Folder, text: string, options: ReadRecordOptions = {}) =>
  readInterruptionRecord(
    path.join(
      t.testdir({ 'record.csv': text, 'customers.csv': 'area,from,customers\nA,2024-01-01,100\n' }),
      'record.csv',
    ),
    options,
  )
const store = (db: Database, record: InterruptionRecord) =>
  db
    .transaction()
    .execute((tx) => storeInterruptionRecord(tx, record, { timeZone: 'UTC', now: NOW }))

t.test(
  'every word of a dispatcher stands in the tree, and no list names a thing twice',
  async (t) => {
    for (const word of Object.keys(DESK_CAUSES)) {
      const found = treeCauseOf(word)
      t.ok(found !== undefined && causeOf(found.code) === found, word)
    }
    t.equal(causeAt('category', 'digging'), 'PUBLIC')
    t.equal(causeAt('dlt', 'tree'), 'R5')
    t.equal(causeAt('category', 'constructor'), 'constructor', 'another word stands for itself')
    for (const name of CAUSE_DETAILS) {
      const codes = detailChoices(name, 'PUBLIC').map(([code]) => code)
      t.ok(codes.length > 3 && new Set(codes).size === codes.length, name)
    }
  },
)

t.test('what is said beside a cause is checked against the tree and the lists', async (t) => {
  const cases: [
    string | null,
    Record<string, string>,
    Partial<typeof NOTHING> | object | null,
    string[],
  ][] = [
    ['WILDLIFE', { subCause: 'bird' }, { subCause: 'WILDLIFE/bird' }, []],
    ['animal', { subCause: 'WILDLIFE/bird' }, { subCause: 'WILDLIFE/bird' }, []],
    ['WILDLIFE/bird', { subCause: 'squirrel' }, null, ['subCause']],
    ['WILDLIFE', { subCause: 'limb_fall' }, null, ['subCause']],
    ['Squirrel contact', { subCause: 'squirrel' }, null, ['subCause']],
    [null, { subCause: 'squirrel', weather: 'rain' }, { weather: 'rain' }, ['subCause']],
    ['unknown', { weather: 'ice', equipment: 'overload' }, { weather: 'ice' }, ['equipment']],
    ['tree', { tree: 'oak' }, null, []],
    [
      'tree',
      { weather: 'constructor', responsibleSystem: 'ours' },
      null,
      ['weather', 'responsibleSystem'],
    ],
    ['tree', { weather: '', equipment: 'none' }, { equipment: 'none' }, []],
  ]
  for (const [cause, said, detail, wrong] of cases) {
    const found = causeDetailOf(cause, said)
    const name = `${cause} ${JSON.stringify(said)}`
    t.strictSame(found.detail, detail === null ? null : { ...NOTHING, ...detail }, name)
    t.strictSame(
      found.faults.map((fault) => fault.name),
      wrong,
      name,
    )
  }
})

t.test(
  'a record keeps cause, sub-cause, equipment, weather and system apart, once however often it is read',
  async (t) => {
    const { db } = await openTestDatabase(t)
    const record = await read(t, RECORD)
    t.strictSame(record.faults, [])
    t.match(await store(db, record), { outcome: 'stored', added: 5, changed: 0 })
    t.match(await store(db, record), { added: 0, changed: 0, same: 5 })
    t.match(await readOutage(db, 'r~A~2', NOW), {
      cause: 'VEGETATION',
      causeDetail: {
        subCause: 'VEGETATION/limb_fall',
        equipment: 'overhead_conductor',
        weather: 'wind',
        responsibleSystem: 'distribution',
      },
    })
    t.match(await readOutage(db, 'r~A~3', NOW), {
      causeDetail: { ...NOTHING, subCause: 'PLANNED/maintenance' },
    })
    const windless = await read(t, RECORD.replace('wind', 'rain'))
    t.match(await store(db, windless), { changed: 1, same: 4 }, 'other weather is another word')

    const question = {
      from: '2025-01-01',
      to: '2025-02-01',
      rulebook: DLT_836,
      exclude: [],
      now: NOW,
      timeZone: 'UTC',
    }
    const minutes = async (by: Grouping) =>
      Object.fromEntries(
        (await indicesReport(db, { ...question, by })).rows.map(({ group, cmi }) => [group, cmi]),
      )
    t.strictSame(await minutes('sub_cause'), {
      'PLANNED/maintenance': 2400,
      'POWER_SUPPLY/load_shed': 150,
      'POWER_SUPPLY/transmission': 900,
      'VEGETATION/limb_fall': 1200,
      'WILDLIFE/squirrel': 240,
    })
    t.strictSame(await minutes('weather'), { null: 3450, clear: 240, rain: 1200 })
    t.strictSame(await minutes('equipment'), {
      null: 3450,
      fuse_cutout: 240,
      overhead_conductor: 1200,
    })
    t.strictSame(await minutes('responsible_system'), {
      null: 2400,
      distribution: 1440,
      generation: 150,
      transmission: 900,
    })
    t.strictSame(await minutes('dlt_nature'), {
      'F-EXT': 900,
      'F-INT': 1440,
      'S-L-G': 150,
      'S-P-M': 2400,
    })
    const html = reportHtml(await indicesReport(db, { ...question, by: 'dlt_nature' }), 'zh-CN')
    t.match(html, /检修停电 \(S-P-M\)/)
    t.match(html, /系统电源不足限电 \(S-L-G\)/)
    const told = await explained(db, { ...question, by: 'weather', group: 'clear' })
    t.match(told.outages, [{ outage: 'r~A~1', sets: [{ causeDetail: { weather: 'clear' } }] }])
    t.equal(told.outages.length, 1)
  },
)

t.test(
  'a word that is in no list is a fault of its row and column; a mapping translates',
  async (t) => {
    const text = `${HEADER}
1,2025-01-10T08:00:00Z,2025-01-10T09:00:00Z,4,A,,Animal,Sq.,Fuse,Sunny,Dist,
2,2025-01-11T08:00:00Z,2025-01-11T09:00:00Z,4,A,,,Sq.,,,,
`
    const wrong = await read(t, text)
    t.equal(wrong.storable, false)
    t.strictSame(
      wrong.faults.map(({ code, field, where, ids }) => [code, field, where, ids]),
      [
        ['bad-cause-detail', 'sub_cause', 'record.csv:2', ['Sq.']],
        ['bad-cause-detail', 'equipment', 'record.csv:2', ['Fuse']],
        ['bad-cause-detail', 'weather', 'record.csv:2', ['Sunny']],
        ['bad-cause-detail', 'responsible_system', 'record.csv:2', ['Dist']],
        ['bad-cause-detail', 'sub_cause', 'record.csv:3', ['Sq.']],
      ],
    )
    t.match(
      wrong.faults.find(({ field }) => field === 'weather')?.says,
      /clear, rain, thunderstorm/,
    )
    const mapped = parseMapping(
      JSON.stringify({
        causes: { Animal: 'WILDLIFE' },
        subCauses: { 'Sq.': 'squirrel' },
        equipment: { Fuse: 'fuse_cutout' },
        weather: { Sunny: 'clear' },
        responsibleSystems: { Dist: 'distribution' },
      }),
      'm.json',
    )
    if (!mapped.ok) return void t.fail(JSON.stringify(mapped.faults))
    const right = await read(t, text.split('\n').slice(0, 2).join('\n'), {
      mapping: mapped.mapping,
    })
    t.strictSame(right.faults, [])
    for await (const [step] of right.steps())
      t.strictSame(step?.causeDetail, {
        subCause: 'WILDLIFE/squirrel',
        equipment: 'fuse_cutout',
        weather: 'clear',
        responsibleSystem: 'distribution',
      })
  },
)

t.test(
  'what a dispatcher says beside a cause is kept, survives a start, and goes with its cause',
  async (t) => {
    const engine = await openEngine(t, Date.parse('2026-11-20T03:00:00Z'))
    await engine.publish('grid/v1/g/switch/B1', {
      at: '2026-11-20T02:59:00Z',
      seq: 1,
      position: 'open',
      reason: 'trip',
    })
    const [outage] = await engine.db.selectFrom('outage').select('id').execute()
    if (outage === undefined) return void t.fail('nothing went out')
    const before = await ledgerAsText(engine)
    const say = (cause: string, detail: Record<string, string>) =>
      engine.act({ act: 'cause', outage: outage.id, cause, detail })
    await say('tree', { subCause: 'limb_fall', weather: 'wind', tree: 'oak' })
    const kept = { ...NOTHING, subCause: 'VEGETATION/limb_fall', weather: 'wind' }
    t.match(await readOutage(engine.db, outage.id, NOW), { cause: 'tree', causeDetail: kept })
    await engine.restart()
    await engine.act({ act: 'note', outage: outage.id, text: 'seen' })
    t.match(await readOutage(engine.db, outage.id, NOW), { cause: 'tree', causeDetail: kept })
    t.strictSame(await ledgerAsText(engine), before, 'the facts are what they were')
    await say('animal', {})
    t.match(await readOutage(engine.db, outage.id, NOW), { cause: 'animal', causeDetail: null })
  },
)

t.test('over HTTP a word beside the cause that is in no list is refused by name', async (t) => {
  const front = await openFront(t, await openTestDatabase(t), {
    act: async () => ({ outcome: 'unknown-outage' }),
  })
  const token = await tokenFor('dispatcher')
  const say = (body: object) => front.ask('POST', '/api/v1/outages/o1/cause', token, body)
  t.match(await say({ cause: 'tree', detail: { weather: 'raining frogs', subCause: 'bird' } }), {
    status: 400,
    body: { errors: [{ at: '/detail/subCause' }, { at: '/detail/weather' }] },
  })
  t.match(await say({ cause: 'tree', detail: { weather: 'rain', tree: 'oak' } }), { status: 404 })
})

t.test(
  'what came from outside follows from the cause; a responsible system says it better, a flag says it outright',
  async (t) => {
    const cases: [cause: string | null, system: string | null, outside: boolean][] = [
      ['POWER_SUPPLY', null, true],
      ['POWER_SUPPLY/transmission', null, true],
      ['POWER_SUPPLY/anything', null, true],
      ['supply', null, true],
      ['EQUIPMENT/substation_equipment', null, false],
      ['PUBLIC/customer_equipment', null, false],
      ['squirrels', null, false],
      [null, null, false],
      ['EQUIPMENT', 'transmission', true],
      [null, 'generation', true],
      ['POWER_SUPPLY', 'distribution', false],
      ['LIGHTNING', 'substation', false],
      // What trips others from a user's plant is a fault within (DL/T 836).
      ['PUBLIC/customer_equipment', 'customer', false],
    ]
    for (const [cause, responsibleSystem, outside] of cases)
      t.equal(
        isOutside(cause, { ...NOTHING, responsibleSystem }),
        outside,
        `${cause} ${responsibleSystem}`,
      )

    const { db } = await openTestDatabase(t)
    const record = await read(
      t,
      `outage,started_at,ended_at,customers,area,cause,responsible_system,external
1,2025-01-10T08:00:00Z,2025-01-10T09:00:00Z,1,A,POWER_SUPPLY/transmission,,
2,2025-01-10T08:00:00Z,2025-01-10T09:00:00Z,2,A,EQUIPMENT,generation,
3,2025-01-10T08:00:00Z,2025-01-10T09:00:00Z,4,A,POWER_SUPPLY,distribution,
4,2025-01-10T08:00:00Z,2025-01-10T09:00:00Z,8,A,POWER_SUPPLY,,0
5,2025-01-10T08:00:00Z,2025-01-10T09:00:00Z,16,A,WEATHER,,1
6,2025-01-10T08:00:00Z,2025-01-10T09:00:00Z,32,A,WEATHER,customer,
`,
    )
    t.strictSame(record.faults, [])
    await store(db, record)
    const question = {
      from: '2025-01-01',
      to: '2025-02-01',
      rulebook: DLT_836,
      now: NOW,
      timeZone: 'UTC',
      by: 'system',
    } as const
    const ci = async (exclude: Exclusion[]) =>
      (await indicesReport(db, { ...question, exclude })).rows[0]?.ci
    t.equal(await ci([]), 63)
    t.equal(await ci(['external']), 4 + 8 + 32, '1, 2 and 5 came from outside')
    t.equal(
      await ci(['customer']),
      31,
      'a user’s own plant is left out by its own name, and counted by system',
    )
    const [row] = (await indicesReport(db, { ...question, exclude: [] })).rows
    t.equal(row?.indices['SAIFI-2'], 44 / 100)
  },
)

t.test(
  'a cause that is named later tells that a live outage came from outside; thresholds of major days follow',
  async (t) => {
    const { db } = await openTestDatabase(t)
    await store(
      db,
      await read(
        t,
        `outage,started_at,ended_at,customers,area
H1,2023-01-10T08:00:00Z,2023-01-10T09:00:00Z,10,A
H2,2023-03-10T08:00:00Z,2023-03-10T10:00:00Z,10,A
H3,2024-01-10T08:00:00Z,2024-01-10T12:00:00Z,10,A
`,
      ),
    )
    const question = {
      from: '2023-01-01',
      to: '2026-01-01',
      rulebook: IEEE_1366,
      now: NOW,
      timeZone: 'UTC',
      by: 'system',
    } as const
    const seen = async () => {
      const report = await indicesReport(db, { ...question, exclude: ['external'] })
      const major = await indicesReport(db, {
        ...question,
        from: '2025-01-01',
        exclude: ['external', 'major'],
      })
      return {
        cmi: report.rows[0]?.cmi,
        days: major.majorDays[0]?.historyDays,
        beta: major.majorDays[0]?.beta?.toFixed(12),
      }
    }
    const before = await seen()
    t.match(before, { cmi: 600 + 1200 + 2400, days: 3 })
    // The same outages as the live ledger has them: the row says no cause, the outage does.
    await db.updateTable('outage').set({ cause: 'supply' }).where('id', '=', 'r~A~H3').execute()
    t.match(await seen(), { cmi: 600 + 1200, days: 2, beta: (Math.LN2 / Math.SQRT2).toFixed(12) })
    const detail = { ...NOTHING, responsibleSystem: 'distribution' }
    await db
      .updateTable('outage')
      .set({ cause_detail: JSON.stringify(detail) })
      .where('id', '=', 'r~A~H3')
      .execute()
    t.strictSame(await seen(), before, 'whose system it was says it better')
  },
)

t.test(
  'temporary work (临时停电) is told apart from planned: maintenance, construction, request, transfer',
  async (t) => {
    const { db } = await openTestDatabase(t)
    const causes = ['maintenance', 'construction', 'customer_request', 'load_transfer', 'switching']
    const lines = causes.flatMap((cause, i) =>
      ['planned', 'temporary'].map(
        (nature, j) =>
          `${nature}${i},2025-01-10T08:00:00Z,2025-01-10T09:00:00Z,${2 ** (2 * i + j)},A,${nature},PLANNED/${cause}`,
      ),
    )
    const text = ['outage,started_at,ended_at,customers,area,nature,cause', ...lines, ''].join('\n')
    const record = await read(t, text)
    t.strictSame(record.faults, [])
    t.match(await store(db, record), { added: 10 })
    t.match(await store(db, await read(t, text)), { same: 10 })
    t.match(await store(db, await read(t, text.replace('A,temporary', 'A,planned'))), {
      changed: 1,
      same: 9,
    })
    await store(db, await read(t, text))
    const question = {
      from: '2025-01-01',
      to: '2025-02-01',
      rulebook: DLT_836,
      now: NOW,
      timeZone: 'UTC',
      by: 'dlt_nature',
    } as const
    const report = await indicesReport(db, { ...question, exclude: [] })
    t.strictSame(Object.fromEntries(report.rows.map(({ group, ci }) => [group, ci])), {
      'S-P': 256,
      'S-P-C': 4,
      'S-P-M': 1,
      'S-P-T': 64,
      'S-P-U': 16,
      'S-T': 512,
      'S-T-C': 8,
      'S-T-M': 2,
      'S-T-T': 128,
      'S-T-U': 32,
    })
    t.match(reportHtml(report, 'zh-CN'), '临时检修停电 (S-T-M)')
    t.equal(
      (await indicesReport(db, { ...question, by: 'system', exclude: ['planned'] })).rows[0]?.ci,
      0,
      'temporary work is planned',
    )
    t.match((await read(t, text.replace('A,temporary', 'A,sudden'))).faults, [
      { code: 'bad-nature', ids: ['sudden'] },
    ])
  },
)
