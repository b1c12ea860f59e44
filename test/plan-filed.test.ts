import t from 'tap'
import { MS_PER_MIN } from '../src/time.ts'
import { buildPages, noBrowser, violations } from './support/browser.ts'
import { LAST_YEAR, openPlan, rowOf, YEAR } from './support/plan.ts'
import { until } from './support/broker.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }

void t.test('what is filed, expected, and reckoned otherwise', skip, async (t) => {
  await buildPages()

  await t.test(
    'a month is filed after its figures were seen; a late word is told beside them',
    async (t) => {
      const { plan, outage, field, service } = await openPlan(t)
      await outage('S1', 3, 60)
      const { page, complaints } = await plan('view=filed&lang=en')
      await page.locator('button', { hasText: `March ${YEAR}` }).click()
      await page.waitForURL(/month=\d{4}-03/)
      const figures = page.locator('.month .filed tbody tr', { hasText: 'SAIDI' }).first()
      // 83 customers of 403 for an hour.
      t.match(await figures.innerText(), /IEEE 1366\s+SAIDI min\s+12\.4$/)
      t.equal(await page.locator('.month th', { hasText: 'As filed' }).count(), 0)
      await page.locator('button', { hasText: `File March ${YEAR}` }).click()
      await page.getByText('Nothing has changed since.').waitFor()
      t.match(
        await rowOf(page, '.filed', `March ${YEAR}`).innerText(),
        /filed\s+.*\s+test-planner/,
        'by whom',
      )

      await field.switch('S1', 'closed', Date.UTC(YEAR, 2, 10, 12) + 30 * MS_PER_MIN)
      await until(async () => {
        const { restatements } = await service.get<{ restatements: unknown[] }>(
          `periods/${YEAR}-03`,
        )
        return restatements.length > 0
      }, 'a restatement')
      await page.reload()
      const restated = page.locator('.restated tbody tr', { hasText: 'SAIDI' }).first()
      t.match(await restated.innerText(), /12\.4\s+6\.179\s+-6\.179/)
      t.match(await figures.innerText(), /12\.4\s+6\.179$/, 'what was filed stands')
      for (const look of ['lang=en&theme=dark', 'lang=zh&theme=light']) {
        await page.goto(`${page.url().replace(/&lang.*/, '')}&${look}`)
        await page.locator('.restated').waitFor()
        t.same(await violations(page), [], look)
      }
      t.same(complaints, [])
    },
  )

  await t.test('a month that somebody is still out in cannot be filed, and says why', async (t) => {
    const { plan, outage } = await openPlan(t)
    await outage('S1', 3, null)
    const { page } = await plan(`view=filed&month=${YEAR}-03&lang=en`)
    const button = page.locator('.month button')
    await button.waitFor()
    t.equal(await button.getAttribute('aria-disabled'), 'true')
    await page.getByText('when everybody who was interrupted in it is back').waitFor()
  })

  await t.test(
    'two rulebooks differ by parts that add up, and expectation stands beside the record',
    async (t) => {
      const { plan, outage, service } = await openPlan(t)
      await outage('S1', 3, 60)
      await outage('H2', 5, 4)
      const { page, complaints } = await plan(`${LAST_YEAR}&against=dlt836&open=predicted&lang=en`)
      await page.locator('.difference').waitFor()
      const told = await service.get<{
        parts: { name: { en: string }; change: { unitMs: number } }[]
        difference: { unitMs: number }
      }>(`indices/difference?${LAST_YEAR}&a=ieee1366&b=dlt836`)
      const minutes = await page
        .locator('.difference tbody tr:not(.tot) td:last-child')
        .allInnerTexts()
      const sum = minutes.reduce((all, text) => all + Number(text.replaceAll(',', '')), 0)
      t.equal(minutes.length, told.parts.length)
      t.equal(sum, told.difference.unitMs / MS_PER_MIN, 'the parts make the difference')
      t.not(sum, 0)

      await page.locator('.beside').waitFor()
      const { rows } = await service.get<{
        rows: { group: string; recorded: { SAIFI: number } }[]
      }>(`predicted?${LAST_YEAR}&by=feeder`)
      const recorded = rows.find(({ group }) => group === 'F1')?.recorded.SAIFI ?? NaN
      const shown = await rowOf(page, '.beside', 'F1').locator('td').nth(2).innerText()
      t.ok(Math.abs(Number(shown) - recorded) < 0.001, `recorded ${shown}, ${recorded}`)
      await page.locator('label', { hasText: 'ties' }).locator('input').check()
      await page.waitForURL(/without=ties/)
      await page.locator('.beside').waitFor()
      t.same(await violations(page), [])
      t.same(complaints, [])
    },
  )
})
