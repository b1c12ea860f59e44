import fs from 'node:fs'
import { parse } from 'csv-parse/sync'
import t from 'tap'
import { MS_PER_DAY } from '../src/time.ts'
import { buildPages, noBrowser, openBrowser, violations, visit } from './support/browser.ts'
import { FAULTED, FIRST, measuredTown } from './support/measured-town.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }

void t.test('the planner, with weeks of measured load', skip, async (t) => {
  await buildPages()
  const service = await measuredTown(t)
  const browser = await openBrowser(t)
  const token = await service.token('planner')
  const plan = (query: string) => visit(browser, `${service.http}/plan?${query}`, { token })

  await t.test('comes from the balance to a feeder, its forecast and its N-1', async (t) => {
    const { page, complaints } = await plan('view=balance')
    await page.locator('.n1').nth(1).waitFor()
    const losses = await service.get<{ feeders: { worst: { remainsCustomers: number } }[] }>(
      'balance/losses/feeders',
    )
    const row = page.locator('.n1').nth(1).locator('tbody tr').first()
    t.equal(
      await row.locator('td').last().innerText(),
      losses.feeders[0]?.worst.remainsCustomers.toLocaleString('en-GB'),
      'the table says what the service says',
    )
    await page.locator('.bal a', { hasText: FIRST.name }).click()
    await page.locator('.place .band').waitFor({ state: 'attached' })
    t.match(page.url(), new RegExp(`place=${FIRST.id}`))
    t.match(await page.locator('.place').innerText(), /Past forecasts erred by [\d.]+ %/)
    t.match(await page.locator('.place .band').getAttribute('d'), /^M.*L.*Z$/, 'the band is drawn')

    const forecast = await service.get<{ hours: { kw: number }[] }>(
      `loads/${FIRST.id}/forecast?hours=72`,
    )
    const table = page.locator('.place details').first()
    await table.locator('summary').click()
    const rows = table.locator('tbody tr')
    t.equal(await rows.count(), 48 + 72, 'two days back and three ahead')
    const last = await rows.last().locator('td').nth(1).innerText()
    const difference = Number(last.replaceAll(',', '')) - (forecast.hours.at(-1)?.kw ?? 0)
    t.ok(Math.abs(difference) < 0.06, `the last hour says ${last}, as the service does`)

    await page.reload()
    await page.locator('.place .band').waitFor({ state: 'attached' })
    t.pass('the address alone shows the same view')
    t.same(complaints, [])
  })

  await t.test(
    'takes the tables along as a file, with numbers that a spreadsheet reads',
    async (t) => {
      const { page } = await plan('view=balance')
      await page.locator('.n1').nth(1).waitFor()
      const kept = page.waitForEvent('download')
      await page.locator('header').getByRole('button', { name: 'CSV', exact: true }).click()
      const file = await kept
      t.match(file.suggestedFilename(), /^relight-balance-\d{4}-\d\d-\d\d\.csv$/)
      const rows = parse(fs.readFileSync(await file.path()), {
        bom: true,
        relax_column_count: true,
      })
      const { feeders } = await service.get<{
        feeders: { id: string; name: string; customers: number; kw: number }[]
      }>('balance')
      for (const { id, name, customers, kw } of feeders) {
        const row = rows.find(([first]) => first === `${name} ${id}`)
        t.equal(Number(row?.[1]), customers)
        t.ok(Math.abs(Number(row?.[2]) - kw) < 0.6, `${id}: ${row?.[2]} kW`)
      }
      const headings = rows
        .filter((row) => row.length === 1 && row[0] !== '')
        .map(([first]) => first)
      t.match(headings[0], /^Load against capacity/)
      t.ok(headings.includes('Capacity over load'))
    },
  )

  await t.test('sees the peak of a day where the load was highest', async (t) => {
    const day = new Date(service.until - 3 * MS_PER_DAY).toISOString().slice(0, 10)
    const { page } = await plan(`view=balance&peak=${day}`)
    await page.getByText(/peak of all at .* 15:00/).waitFor()
    const shown = await page.locator('.bal tbody tr').nth(1).innerText()
    t.match(shown, /at .*15:00/, 'each feeder had its own peak then as well')
    await page.locator('h2 button', { hasText: 'Peak of a year' }).click()
    await page.waitForURL(/peak=\d{4}(&|$)/)
    await page.getByText(/peak of all at/).waitFor()
  })

  await t.test('sees of a feeder alone the outages that make its figures', async (t) => {
    const { outages } = await service.get<{ outages: { customerMinutes: number }[] }>('outages')
    const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10)
    const period = `from=${dayOf(Date.now() - MS_PER_DAY)}&to=${dayOf(Date.now() + MS_PER_DAY)}`
    for (const look of ['lang=en&theme=light', 'lang=zh&theme=dark']) {
      const { page, complaints } = await plan(`feeder=${FAULTED.id}&${period}&${look}`)
      const row = page.locator('.outages tbody tr')
      await row.waitFor()
      t.match(await row.innerText(), new RegExp(FAULTED.head))
      t.equal(
        await row.locator('td').last().innerText(),
        Math.round(outages[0]?.customerMinutes ?? 0).toLocaleString('en-GB'),
      )
      await page.locator('.place .band').waitFor({ state: 'attached' })
      t.same(await violations(page), [], look)
      await page.goto(`${service.http}/plan?view=balance&place=${FAULTED.id}&${look}`)
      await page.locator('.place .n1').waitFor()
      await page.locator('.place .band').waitFor({ state: 'attached' })
      t.same(await violations(page), [], `balance, ${look}`)
      t.same(complaints, [])
      await page.context().close()
    }
  })
})
