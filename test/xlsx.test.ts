/** Workbooks, read back by a reader that shares no code with what wrote them (and not by the bytes that we expect). */
import readWorkbook from 'read-excel-file/node'
import t from 'tap'
import { RULEBOOKS } from '../src/reliability/rulebooks.ts'
import { GROUPINGS } from '../src/stores/report-question.ts'
import { openTestDatabase } from './support/database.ts'
import { GROUP, openFront, tokenFor } from './support/people.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
/** Eight hours ahead: what begins at 17:30 by Greenwich is of the next day. */
const ZONE = 'Asia/Shanghai'
const PERIOD = 'from=2025-01-01&to=2026-01-01'
/** Groups that people call otherwise than the ledger. */
const NAMED: readonly string[] = [
  'system',
  'cause',
  'sub_cause',
  'equipment',
  'weather',
  'responsible_system',
  'nature',
  'dlt_nature',
]
const CALLED: Record<string, Record<'en' | 'zh-CN', [string, string]>> = {
  system: { en: ['system', 'whole system'], 'zh-CN': ['system', '全系统'] },
  weather: { en: ['thunderstorm', 'thunderstorm'], 'zh-CN': ['thunderstorm', '雷暴'] },
  nature: { en: ['planned', 'planned'], 'zh-CN': ['planned', '预安排停电'] },
}
/** What a sheet says of its rulebook, as a reader finds it. */
const SETTINGS: Record<'en' | 'zh-CN', Record<string, [string, string][]>> = {
  en: {
    ieee1366: [
      ['rulebook', 'IEEE Std 1366-2022'],
      ['Short (momentary) up to', '≤ 300 s'],
      ['Planned work beyond its approved end', 'stays planned'],
    ],
    ofgem: [
      ['Short (momentary) up to', '< 180 s'],
      ['Planned interruptions in weighted figures', 'count 50 %'],
    ],
  },
  'zh-CN': {
    ieee1366: [
      ['规程', 'IEEE 1366-2022 配电可靠性指标导则'],
      ['短时停电', '≤ 300 s'],
    ],
    dlt836: [
      ['规程', 'DL/T 836-2016 供电系统供电可靠性评价规程'],
      ['短时停电', '≤ 180 s'],
      ['预安排停电超时部分', '超时时间计为故障停电'],
      ['预安排停电中未通知的用户', '计为故障停电'],
    ],
  },
}
/** Of each list: a column in both languages, and the field of the answer that stands in it. */
const COLUMNS: Record<'causes' | 'worst-feeders' | 'frequent', [string, string, string][]> = {
  causes: [
    ['Code', '代码', 'group'],
    ['Outages', '停电事件数', 'outages'],
    ['CI', '停电户次', 'ci'],
    ['CMI (min)', '停电时户数 (min)', 'cmi'],
    ['Cumulative share', '累计占比', 'cumulativeShare'],
  ],
  'worst-feeders': [
    ['Rank', '名次', 'rank'],
    ['Feeder', '馈线', 'feeder'],
    ['CI', '停电户次', 'ci'],
    ['SAIDI (min)', 'SAIDI (min)', 'saidiMin'],
  ],
  frequent: [
    ['Load point', '台区（负荷点）', 'loadPoint'],
    ['Feeder', '馈线', 'feeder'],
    ['Customers', '用户数', 'customers'],
  ],
}

type JsonRow = {
  group: string | null
  customersServed: number | null
  ci: number
  cmi: number
  indices: Record<string, number | null>
  provisional: boolean
}

void t.test('what a workbook says is what the service answers, to the digit', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, { clock: () => NOW, settings: { timeZone: ZONE } })
  const token = await tokenFor('planner', [], NOW)
  for (const [i, [from, minutes, day, feeder, cause]] of (
    [
      ['2025-03-01T10:00:00Z', 61.5, '2025-03-01', '=1+1', 'VEGETATION'],
      ['2025-03-01T17:30:00Z', 33.125, '2025-03-02', 'F<2>&"é"', 'WILDLIFE'],
      ['2025-12-05T10:00:00Z', 2, '2025-12-05', '东风线', null],
      ['2025-12-30T17:00:00Z', 541, '2025-12-31', '=1+1', null],
    ] as const
  ).entries()) {
    await database.db
      .insertInto('interruption')
      .values({
        outage: `O${i}`,
        from_at: new Date(from),
        until_at: new Date(Date.parse(from) + minutes * 60_000),
        area: i === 2 ? 'B' : 'A',
        substation: 'S',
        feeder,
        phases: 7,
        customers: 120,
        connected_kva: null,
        members: [GROUP.P1],
        local_day: day,
        cause,
        cause_detail:
          i === 0
            ? JSON.stringify({
                subCause: null,
                equipment: 'transformer',
                weather: 'thunderstorm',
                responsibleSystem: 'distribution',
              })
            : null,
        nature: 'unplanned',
      })
      .execute()
  }
  const sheetsOf = async (path: string) => {
    const { rawPayload, statusCode } = await front.app.inject({
      url: `/api/v1/indices${path}`,
      headers: { authorization: `Bearer ${token}` },
    })
    t.equal(statusCode, 200, path)
    return await readWorkbook(rawPayload)
  }

  for (const { id: rulebook } of RULEBOOKS) {
    for (const by of GROUPINGS) {
      const query = `?${PERIOD}&by=${by}&rulebook=${rulebook}&exclude=planned,major`
      const { body } = await front.ask('GET', `/api/v1/indices${query}`, token)
      const rows = body.rows as JsonRow[]
      const symbols = Object.keys(rows[0]?.indices ?? {})
      const named = NAMED.includes(by)
      for (const language of ['en', 'zh-CN'] as const) {
        const name = `${rulebook} by ${by}, ${language}`
        const [table, about] = await sheetsOf(`${query}&format=xlsx&language=${language}`)
        const zh = language === 'zh-CN'
        t.strictSame([table?.sheet, about?.sheet], zh ? ['指标', '参数'] : ['indices', 'settings'])
        const [head = [], ...told] = table?.data ?? []
        t.strictSame(
          head.slice(0, named ? 2 : 1),
          (zh ? ['分组', '名称'] : ['Group', 'Name']).slice(0, named ? 2 : 1),
          name,
        )
        t.strictSame(
          head.slice(named ? 5 : 4, -1).map((cell) => String(cell).replace(/ \(.*\)$/, '')),
          symbols,
          name,
        )
        t.strictSame(
          told.map((cells) => (named ? [cells[0], ...cells.slice(2)] : cells)),
          rows.map((row) => [
            by === 'day' && row.group !== null ? new Date(`${row.group}T00:00:00Z`) : row.group,
            row.customersServed,
            row.ci,
            row.cmi,
            ...symbols.map((symbol) => row.indices[symbol] ?? null),
            row.provisional ? 1 : 0,
          ]),
          name,
        )
        const called = CALLED[by]?.[language]
        if (called !== undefined)
          t.strictSame(told.find(([code]) => code === called[0])?.[1], called[1], name)
        const lines = (about?.data ?? []).map((cells) => cells.filter((cell) => cell !== null))
        const said = new Map(lines.map(([first, value]) => [first, value]))
        t.strictSame(said.get(zh ? '起' : 'from'), new Date('2025-01-01T00:00:00Z'))
        t.strictSame(
          said.get(zh ? '止（不含）' : 'to (exclusive)'),
          new Date('2026-01-01T00:00:00Z'),
        )
        t.equal(said.get(zh ? '时区' : 'time zone'), ZONE)
        t.equal(
          said.get(zh ? '不计' : 'left out'),
          zh ? '预安排停电, 重大事件日' : 'planned interruptions, major event days',
        )
        for (const [setting, value] of SETTINGS[language][rulebook] ?? [])
          t.equal(said.get(setting), value, `${name}: ${setting}`)
        t.ok(
          lines.some(([first]) => first === 'T_MED 2025 (min)'),
          'the threshold has its line',
        )
        if (zh) continue
        const notes = lines.flatMap((cells) => (cells.length === 1 ? [cells[0]] : []))
        for (const note of body.notes as string[]) t.ok(notes.includes(note), note)
      }
    }
  }

  for (const list of ['causes', 'worst-feeders', 'frequent'] as const) {
    const query = list === 'frequent' ? '?until=2026-01-01&rules=1in12' : `?${PERIOD}`
    const { body } = await front.ask('GET', `/api/v1/indices/${list}${query}`, token)
    t.ok(body.rows.length > 0, list)
    for (const language of ['en', 'zh-CN'] as const) {
      const [sheet] = await sheetsOf(`/${list}${query}&format=xlsx&language=${language}`)
      const [head = [], ...told] = sheet?.data ?? []
      t.equal(told.length, body.rows.length, `${list}: as many rows`)
      for (const [en, zh, field] of COLUMNS[list]) {
        const at = head.indexOf(language === 'en' ? en : zh)
        t.ok(at >= 0, `${list} has ${language === 'en' ? en : zh} in ${head.join('|')}`)
        t.strictSame(
          told.map((row) => row[at]),
          body.rows.map((row: Record<string, unknown>) => row[field] ?? null),
          `${list} ${field}`,
        )
      }
    }
  }

  const { body } = await front.ask('GET', `/api/v1/indices/customers?${PERIOD}`, token)
  const listed = body.rows as { loadPoint: string; totalMin: number; lastAt: string }[]
  t.ok(listed.length > 0)
  const [list] = await sheetsOf(`/customers?${PERIOD}&format=xlsx`)
  const [head = [], ...told] = list?.data ?? []
  const column = (name: string) => told.map((row) => row[head.indexOf(name)])
  t.strictSame(
    column('Load point'),
    listed.map(({ loadPoint }) => loadPoint),
  )
  t.strictSame(
    column('Total (min)'),
    listed.map(({ totalMin }) => totalMin),
  )
  t.equal(listed[0]?.lastAt, '2025-12-30T17:00:00.000Z')
  t.strictSame(
    column('Last interruption').map((at) => at instanceof Date && at.toISOString().slice(0, 19)),
    ['2025-12-31T01:00:00'],
    'what the clock of the zone showed',
  )
  const page = await front.ask('GET', `/api/v1/indices/customers?${PERIOD}&format=html`, token)
  t.match(page.text, '<td>2025-12-31 01:00</td>')
})
