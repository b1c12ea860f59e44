import type { Page } from 'playwright-core'
import t from 'tap'
import { buildPages, noBrowser } from './support/browser.ts'
import { TOWN } from './support/people.ts'
import { LAST_YEAR, openPlan, YEAR } from './support/plan.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }

/** Customers at a node, counted by hand from the tables. */
const customersAt = (node: string): number =>
  TOWN.servicePoints
    .filter((point) => point.node === node)
    .reduce((sum, { customers }) => sum + customers, 0)
const numbersIn = (texts: readonly string[]): number[] =>
  texts.map((text) => Number(text.replaceAll(',', '')))
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** The figures of a column of the table of a level. */
const column = async (page: Page, level: number, nth: number): Promise<number[]> =>
  numbersIn(
    await page
      .locator('aside .lv > li')
      .nth(level)
      .locator(`tbody tr td:nth-child(${nth})`)
      .allInnerTexts(),
  )

void t.test(
  'a planner drills from SAIDI to a message: what stands at each level is the sum of the next, and each has its address',
  skip,
  async (t) => {
    await buildPages()
    const { plan, outage, service } = await openPlan(t)
    // S1 takes off what hangs on n2, H2 what hangs on n3.
    const behindS1 = customersAt('n2')
    const behindH2 = customersAt('n3')
    await outage('S1', 3, 60)
    await outage('S1', 5, 30)
    await outage('H2', 4, 45)
    const minutes = behindS1 * 90 + behindH2 * 45
    const served = sum(TOWN.servicePoints.map(({ customers }) => customers))

    const { page, complaints } = await plan(`${LAST_YEAR}&lang=en`)
    const saidi = page.locator('.ix', { has: page.locator('.name', { hasText: /^SAIDI$/ }) })
    const shown = Number(/[\d.]+/.exec(await saidi.locator('.v').innerText())?.[0])
    t.ok(
      Math.abs(shown - minutes / served) < 0.005 * shown,
      `SAIDI ${shown} is ${minutes / served}`,
    )
    await saidi.click()
    await page.locator('button', { hasText: 'Explain' }).first().click()
    await page.locator('aside pre').first().waitFor()
    t.match(page.url(), /explain/)

    const first = await page.locator('aside .lv > li').first().innerText()
    t.match(first, new RegExp(`${minutes.toLocaleString('en-GB')}\\s+cust`, 'i'))
    const outages = await column(page, 1, 2)
    t.same(
      [...outages].sort((a, b) => a - b),
      [behindS1 * 60, behindS1 * 30, behindH2 * 45].sort((a, b) => a - b),
    )
    t.equal(sum(outages), minutes, 'the outages make the figure')

    for (const [nth, customerMinutes] of outages.entries()) {
      const name = page.locator('aside .lv > li').nth(1).locator('tbody button').nth(nth)
      const id = await name.innerText()
      await name.click()
      await page.locator('aside h3', { hasText: id }).waitFor()
      t.equal(new URL(page.url()).searchParams.get('outage'), id)
      t.equal(sum(await column(page, 2, 4)), customerMinutes, 'the sets make the outage')
      const messages = (await page.locator('aside pre').allInnerTexts()).join('\n')
      const device = customerMinutes === behindH2 * 45 ? 'H2' : 'S1'
      t.match(messages, new RegExp(`switch/${device}`), 'from what the field said')
      t.match(messages, /"position":"open"/)
      t.match(messages, /"position":"closed"/)

      const before = await page.locator('aside').innerText()
      await page.reload()
      await page.locator('aside h3', { hasText: id }).waitFor()
      await page.locator('aside pre').first().waitFor()
      t.equal(await page.locator('aside').innerText(), before, 'the address alone shows the same')
    }
    t.match(await page.locator('aside').innerText(), new RegExp(`${YEAR}`))

    // Every index says what is above its line, and is made of that.
    const explained: string[] = []
    const { rows } = await service.get<{ rows: { indices: Record<string, number | null> }[] }>(
      `indices?${LAST_YEAR}`,
    )
    for (const [symbol, value] of Object.entries(rows[0]?.indices ?? {})) {
      await page.goto(
        page
          .url()
          .replace(/\?.*/, `?${LAST_YEAR}&lang=en&explain&index=${encodeURIComponent(symbol)}`),
      )
      const top = page.locator('aside .lv > li').first().locator('p b')
      await top.waitFor()
      const whole = Number((await top.innerText()).replaceAll(',', ''))
      const table = page.locator('aside .lv > li').nth(1).locator('table').first()
      if (value === null || value === 0 || (await table.count()) === 0) continue
      const place = (await table.locator('thead th').count()) - 1
      const parts = await column(page, 1, place)
      t.ok(
        Math.abs(sum(parts) - whole) <= 0.001 * whole,
        `${symbol}: ${parts.join(' + ')} = ${whole}`,
      )
      const said = await page.locator('aside .lv > li').first().innerText()
      t.notMatch(said, /undefined|NaN|null/)
      if (!/SAIDI|CAIDI|ASAI|CTAIDI/.test(symbol)) t.notMatch(said, /cust-min/, symbol)
      explained.push(symbol)
    }
    t.ok(explained.length >= 10, explained.join(' '))
    t.same(complaints, [])
  },
)
