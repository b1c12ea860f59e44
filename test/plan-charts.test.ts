/** Whoever cannot see a chart, or wants to reckon with it, finds its numbers beside it and takes them along: in every view of the planner. */
import fs from 'node:fs'
import { parse } from 'csv-parse/sync'
import type { Page } from 'playwright-core'
import t from 'tap'
import { MS_PER_DAY, MS_PER_H } from '../src/time.ts'
import { until } from './support/broker.ts'
import { buildPages, noBrowser, openBrowser, visit } from './support/browser.ts'
import { FAULTED, FIRST, measuredTown } from './support/measured-town.ts'
import { dayOf } from './support/plan.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }
const FOLDS_MAX = 40
const PERIOD = `from=${dayOf(Date.now() - 30 * MS_PER_DAY)}&to=${dayOf(Date.now() + MS_PER_DAY)}`
const BACK_H = 48
const AHEAD_H = 72

type Drawn = { readonly is: string; readonly rows: number }
/** Every picture wider than a mark in a line, with how many rows of numbers stand with it. */
const CHARTS = `[...document.querySelectorAll('main svg, main canvas, main .uplot')]
  .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width > 40)
  .map((one) => {
    const row = one.closest('tr')
    const numbers = (cells) => [...cells].some((cell) => /[0-9]/.test(cell.innerText))
    const tables = [...one.closest('section').querySelectorAll('table tbody tr')]
    return {
      is: (one.closest('section').querySelector('h2, h3')?.innerText ?? '?') + ' ' + (one.getAttribute('class') ?? ''),
      rows: row === null ? tables.filter(({ cells }) => numbers(cells)).length : Number(numbers(row.cells)),
    }
  })`
/** Rows of the tables as they are seen, thousands not parted. */
const TABLES = `[...document.querySelectorAll('main table')].filter((one) => one.checkVisibility())
  .map((table) => [...table.rows].map((row) => [...row.cells].map(({ innerText }) => innerText.replace(/\\s+/g, ' ').trim())))`

async function unfold(page: Page): Promise<void> {
  const folded = page.locator('main details:not([open]) > summary:visible')
  for (let n = 0; n < FOLDS_MAX && (await folded.count()) > 0; n += 1) await folded.first().click()
  await page.waitForLoadState('networkidle')
}

async function takeAlong(page: Page): Promise<string[][]> {
  const kept = page.waitForEvent('download')
  await page.locator('header').getByRole('button', { name: 'CSV', exact: true }).click()
  const text = fs.readFileSync(await (await kept).path())
  return parse(text, { bom: true, relax_column_count: true, skip_empty_lines: true })
}

const number = (text: string | undefined): number =>
  text === undefined || !/\d/.test(text) ? NaN : Number(text.replaceAll(',', ''))
const rowsOf = (page: Page, table: string): Promise<string[][]> =>
  page.evaluate<string[][]>(
    `[...document.querySelectorAll('${table} tbody tr')].map((row) => [...row.cells].map(({ innerText }) => innerText.trim()))`,
  )
const wide = (page: Page, bars: string): Promise<number[]> =>
  page.evaluate<number[]>(
    `[...document.querySelectorAll('${bars}')].map((bar) => Number(bar.getAttribute('width')))`,
  )

void t.test('the charts of the planner', skip, async (t) => {
  await buildPages()
  const service = await measuredTown(t)
  await until(async () => {
    const { outages } = await service.get<{ outages: { restoredAt: string | null }[] }>(
      'outages?state=all',
    )
    return outages.some(({ restoredAt }) => restoredAt !== null)
  }, 'the feeder is back')
  const browser = await openBrowser(t)
  const token = await service.token('planner')
  const open = async (query: string) => {
    const { page } = await visit(browser, `${service.http}/plan?lang=en&${PERIOD}&${query}`, {
      token,
    })
    await page.locator('main section').first().waitFor()
    await page.waitForLoadState('networkidle')
    await unfold(page)
    return page
  }

  await t.test('in every view have their numbers beside them, and all go along', async (t) => {
    const front = await open('')
    const tabs = front.locator('.hd nav .tab')
    const views: string[] = []
    for (let n = 0; n < (await tabs.count()); n += 1) {
      await tabs.nth(n).click()
      views.push(new URL(front.url()).searchParams.get('view') ?? 'reliability')
    }
    await front.context().close()
    t.ok(views.length >= 5, views.join(', '))
    const places = [`view=balance&place=${FIRST.id}`, `feeder=${FAULTED.id}`]
    const kinds = new Set<string>()
    for (const query of [...views.map((view) => `view=${view}`), ...places]) {
      const page = await open(query)
      const charts = await page.evaluate<Drawn[]>(CHARTS)
      for (const { is } of charts) kinds.add(is)
      t.same(
        charts.filter(({ rows }) => rows === 0),
        [],
        `${query}: ${charts.length} charts with their numbers`,
      )
      const tables = await page.evaluate<string[][][]>(TABLES)
      if (tables.length > 0) {
        const kept = (await takeAlong(page)).map((cells) => cells.join('|').replaceAll(',', ''))
        const seen = tables.flat().map((cells) => cells.join('|').replaceAll(',', ''))
        t.same(
          seen.filter((row) => !kept.includes(row)),
          [],
          `${query}: ${seen.length} rows are taken along`,
        )
      }
      await page.context().close()
    }
    t.ok(kinds.size >= 6, [...kinds].join('; '))
  })

  await t.test('of feeders, causes and days are what the service says', async (t) => {
    type Row = { group: string; cmi: number; indices: Record<string, number | null> }
    const ask = async (by: string, more = '') =>
      (await service.get<{ rows: Row[] }>(`indices?${PERIOD}&by=${by}${more}`)).rows
    const page = await open('')
    const file = await takeAlong(page)
    const columns = file[0] ?? []
    for (const [by, part, bars] of [
      ['feeder', '.feeders', '.feeders rect.u'],
      ['cause', '.causes', '.causes rect'],
      ['day', null, null],
      ['month', null, null],
    ] as const) {
      const rows = await ask(by, by === 'day' ? '&exclude=planned' : '')
      t.ok(
        rows.some(({ cmi }) => cmi > 0),
        by,
      )
      for (const { group, cmi, indices } of rows) {
        const line = file.find(([what, which]) => what === by && which === (group ?? ''))
        const cell = (name: string) => number(line?.[columns.indexOf(name)])
        t.equal(cell('cmi'), cmi, `${by} ${group}`)
        t.equal(cell('SAIDI'), indices['SAIDI'] ?? NaN)
      }
      if (part === null) continue
      const largest = Math.max(...rows.map((row) => row.cmi))
      const told = (await rowsOf(page, part)).slice(0, -1)
      const drawn = await wide(page, bars)
      t.equal(drawn.length, told.length)
      const sorted = rows.filter(({ cmi }) => part === '.feeders' || cmi > 0)
      sorted.sort((a, b) => b.cmi - a.cmi)
      t.equal(told.length, sorted.length)
      for (const [i, { cmi }] of sorted.entries()) {
        const minutes = told[i]?.at(part === '.feeders' ? -4 : -2)
        t.equal(number(minutes), Math.round(cmi), `${by}: ${minutes} customer-minutes`)
        t.ok(Math.abs((drawn[i] ?? NaN) - (cmi / largest) * 100) < 0.01, `as long as it says`)
      }
    }
    await page.context().close()
  })

  await t.test('of how often is what the service says, class by class', async (t) => {
    type Cell = { customers: number; ci: number }
    const { grid, total } = await service.get<{
      grid: { cells: Cell[] }
      total: { customers: number; repeated: number }
    }>(`interruption-map?${PERIOD}&rulebook=ieee1366`)
    const page = await open('')
    const ends = [Number.MIN_VALUE, 1, 2, 3, Infinity]
    const told = await rowsOf(page, '.legend')
    let from = -1
    for (const [i, end] of ends.entries()) {
      const among = grid.cells.filter(({ customers, ci }) => {
        const each = customers === 0 ? 0 : ci / customers
        return each < end && each >= from
      })
      const customers = among.reduce((sum, cell) => sum + cell.customers, 0)
      t.equal(number(told[i]?.[1]), among.length, `${told[i]?.[0]}: squares`)
      t.equal(number(told[i]?.[2]), customers, `${told[i]?.[0]}: customers`)
      t.equal(await page.locator(`.cells:not(.sw) rect.k${i}`).count(), among.length, 'as drawn')
      from = end
    }
    t.equal(number(told.at(-1)?.[2]), Math.round(total.repeated))
    await page.context().close()
  })

  await t.test('of a load and its forecast are what the service says, hour by hour', async (t) => {
    const page = await open(`view=balance&place=${FIRST.id}`)
    const hour = Math.floor(Date.now() / MS_PER_H) * MS_PER_H
    const since = new Date(hour - BACK_H * MS_PER_H).toISOString()
    const [measured, forecast] = [
      await service.get<{ values: { meanKw: number }[] }>(
        `loads/${FIRST.id}?resolution=hour&from=${since}`,
      ),
      await service.get<{
        levels: number[]
        hours: { kw: number; quantilesKw: number[]; naiveKw: number | null }[]
      }>(`loads/${FIRST.id}/forecast?hours=${AHEAD_H}`),
    ]
    const told = await rowsOf(page, '.place details')
    const isSaid = (text: string | undefined, kw: number | null | undefined) =>
      kw == null ? text === '—' : Math.abs(number(text) - kw) < 0.051
    t.equal(told.length, measured.values.length + forecast.hours.length)
    t.ok(measured.values.every(({ meanKw }, i) => isSaid(told[i]?.[1], meanKw)))
    const [low, high] = [forecast.levels.indexOf(0.1), forecast.levels.indexOf(0.9)]
    for (const [i, { kw, quantilesKw, naiveKw }] of forecast.hours.entries()) {
      const row = told[measured.values.length + i]
      t.ok(
        isSaid(row?.[2], kw) &&
          isSaid(row?.[3], quantilesKw[low]) &&
          isSaid(row?.[4], quantilesKw[high]) &&
          isSaid(row?.[5], naiveKw),
        row?.join(' ') ?? 'no row',
      )
    }
    const corners = async (path: string) =>
      ((await page.locator(`.place .ch ${path}`).first().getAttribute('d')) ?? '').split(/[ML]/)
        .length - 1
    t.equal(await corners('.fc'), forecast.hours.length, 'and as many are drawn')
    t.equal(await corners('.ly'), measured.values.length)

    const { feeders } = await service.get<{
      feeders: { name: string; kw: number; rate: number | null }[]
    }>('balance')
    const rows = await rowsOf(page, '.bal')
    const bars = await wide(page, '.bal .bar rect')
    t.equal(bars.length, rows.filter((cells) => /\d/.test(cells[6] ?? '')).length)
    for (const { name, kw, rate } of feeders) {
      const row = rows.find(([first]) => first?.startsWith(name))
      t.ok(Math.abs(number(row?.[2]) - kw) <= 0.5, `${name}: ${row?.[2]} kW`)
      if (rate !== null) t.ok(Math.abs(number(row?.[6]) - rate * 100) < 0.06, `${row?.[6]} %`)
    }
    await page.context().close()
  })
})
