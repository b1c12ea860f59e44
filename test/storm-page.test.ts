import t from 'tap'
import { until } from './support/broker.ts'
import { buildPages, noBrowser, openBrowser, violations, visit } from './support/browser.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { openGateway, openTestService } from './support/service.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }

void t.test(
  'storm mode is declared by keyboard after its effect was seen, and every desk sees it',
  skip,
  async (t) => {
    await buildPages()
    const database = await openTestDatabase(t)
    const service = await openTestService(t, database, {
      tables: TOWN,
      env: { NOTICE_HOLD_S: '0' },
    })
    const field = await openGateway(t, service.broker)
    await field.switch('S1', 'open', Date.now() - 60_000, { reason: 'lockout' })
    const browser = await openBrowser(t)
    const token = await service.token('dispatcher')
    const desk = () => visit(browser, `${service.http}/dispatch?lang=en&theme=light`, { token })
    const [{ page, complaints }, { page: other }] = await Promise.all([desk(), desk()])
    for (const each of [page, other])
      await each.locator('.agenda tbody tr', { hasText: 'S1' }).waitFor()
    const storms = async () =>
      (await service.get<{ storms: { area: string | null; etr: unknown }[] }>('storms')).storms

    await page.keyboard.press('g')
    await page.keyboard.press('s')
    const act = page.locator('.act')
    await act.locator('.eff', { hasText: 'Outages concerned now: 1, customers: 83' }).waitFor()
    await act.getByText('They read: no estimate yet').waitFor()
    await act.locator('select').selectOption('west')
    await act.locator('input').first().fill('+600')
    await act.getByText(/They read: expected back by/).waitFor()
    t.same(await violations(page), [])
    await page.keyboard.press('Enter')
    t.same(await storms(), [], 'Enter alone declares nothing')
    await page.keyboard.press('Control+Enter')
    await act.waitFor({ state: 'detached' })

    for (const each of [page, other]) {
      const line = each.locator('.line.storm')
      await line.waitFor()
      t.match(
        await line.innerText(),
        /Storm mode: west\s+since .*by test-dispatcher\s+Estimate for all/,
      )
    }
    t.match(await storms(), [{ area: 'west', etr: { source: 'zone' } }])
    await until(async () => {
      const { outages } = await service.get<{ outages: { etr: { source: string } | null }[] }>(
        'outages',
      )
      return outages[0]?.etr?.source === 'zone'
    }, 'the outage has the estimate of the storm')
    t.same(await violations(page), [], 'with the line across the page')

    await other.locator('.line.storm button', { hasText: 'End storm mode' }).click()
    await other.locator('.act .eff', { hasText: 'one by one again' }).waitFor()
    await other.keyboard.press('Control+Enter')
    for (const each of [page, other])
      await each.locator('.line.storm').waitFor({ state: 'detached' })
    t.same(await storms(), [])
    t.same(complaints, [])

    await page.goto(`${service.http}/dispatch?lang=zh&theme=dark`)
    await page.locator('.agenda tbody tr').first().waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('s')
    await act.getByText('现涉及 1 起停电，83 户。').waitFor()
    t.same(await violations(page), [])
  },
)
