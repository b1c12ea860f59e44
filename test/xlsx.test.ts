/** Workbooks, read back by a reader that shares no code with what wrote them (and not by the bytes that we expect). */
import readWorkbook from 'read-excel-file/node'
import t from 'tap'
import { openTestDatabase } from './support/database.ts'
import { GROUP, openFront, tokenFor } from './support/people.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
/** Eight hours ahead: what begins at 17:30 by Greenwich is of the next day. */
const ZONE = 'Asia/Shanghai'
const PERIOD = 'from=2025-01-01&to=2026-01-01'
const BY = ['system', 'area', 'feeder', 'cause', 'month', 'day'] as const

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

  for (const rulebook of ['ieee1366', 'dlt836', 'ceer']) {
    for (const by of BY) {
      const query = `?${PERIOD}&by=${by}&rulebook=${rulebook}`
      const { body } = await front.ask('GET', `/api/v1/indices${query}`, token)
      const rows = body.rows as JsonRow[]
      const [table, about] = await sheetsOf(`${query}&format=xlsx&language=zh-CN`)
      t.strictSame([table?.sheet, about?.sheet], ['指标', '参数'])
      const symbols = Object.keys(rows[0]?.indices ?? {})
      const [head = [], ...told] = table?.data ?? []
      t.equal(head.length, 5 + symbols.length)
      t.strictSame(
        told,
        rows.map((row) => [
          by === 'day' && row.group !== null ? new Date(`${row.group}T00:00:00Z`) : row.group,
          row.customersServed,
          row.ci,
          row.cmi,
          ...symbols.map((symbol) => row.indices[symbol] ?? null),
          row.provisional ? 1 : 0,
        ]),
        `${rulebook} by ${by}`,
      )
      const said = new Map((about?.data ?? []).map(([name, value]) => [name, value]))
      t.strictSame(said.get('起'), new Date('2025-01-01T00:00:00Z'))
      t.strictSame(said.get('止（不含）'), new Date('2026-01-01T00:00:00Z'))
      t.equal(said.get('时区'), ZONE)
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
