import fs from 'node:fs'
import t from 'tap'
import { MS_PER_MIN } from '../src/time.ts'
import { until } from './support/broker.ts'
import { buildPages, noBrowser, openBrowser, violations, visit } from './support/browser.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { openGateway, openTestService } from './support/service.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }
/** Where pictures go when somebody wants to look at them. */
const pictures = process.env['RELIGHT_TEST_PICTURES']

void t.test(
  'what is probable is listed with its evidence, and becomes an outage when the dispatcher confirms it',
  { ...skip, timeout: 240_000 },
  async (t) => {
    await buildPages()
    const database = await openTestDatabase(t)
    const service = await openTestService(t, database, {
      tables: TOWN,
      env: { NOTICE_HOLD_S: '0', RELIGHT_TIME_ZONE: 'UTC' },
    })
    const field = await openGateway(t, service.broker)
    const browser = await openBrowser(t)
    const token = await service.token('dispatcher')
    const lostAt = Math.floor(Date.now() / MS_PER_MIN) * MS_PER_MIN - 4 * MS_PER_MIN
    let seq = 0
    const meter = (point: string, event: string, at: number) =>
      field.publish('meter', point, { at: new Date(at).toISOString(), seq: seq++, event })
    const { page, complaints } = await visit(
      browser,
      `${service.http}/dispatch?lang=en&theme=light`,
      { token },
    )
    const tab = page.locator('.bar2 .tab', { hasText: 'Probable' })
    await tab.getByText('0').waitFor()
    await page.keyboard.press('8')
    await page.getByText('Nothing speaks for an outage that is not known.').waitFor()

    await meter('P2', 'lastGasp', lostAt)
    await meter('P3', 'lastGasp', lostAt)
    const row = page.locator('.probable tbody tr')
    await row.waitFor()
    const time = new Date(lostAt).toISOString().slice(11, 16)
    t.match(
      await row.innerText(),
      new RegExp(`S1\\s+F1\\s+83\\s+${time}\\s.*2 dark at 1 of 1 transformers, none lit`, 's'),
    )
    t.match(await tab.innerText(), /Probable\s+1/)
    t.equal(await page.locator('.agenda tbody tr').count(), 1, 'and in no list of outages')
    t.match(await page.locator('.strips').innerText(), /^\s*$/, 'it is no alarm')
    t.same(await violations(page), [])
    const picture = async (name: string) => {
      if (pictures === undefined) return
      fs.mkdirSync(pictures, { recursive: true })
      await page.screenshot({ path: `${pictures}/probable-${name}.png` })
    }
    await picture('light')

    await page.keyboard.press('j')
    await page.locator('.probable .sel').waitFor()
    await page.locator('.device h2', { hasText: 'S1' }).waitFor()
    await page.getByRole('button', { name: 'Confirm the outage at S1' }).click()
    await page.getByText(`It is recorded as open since ${time}`).waitFor()
    await page.locator('.act .eff').waitFor()
    t.same(await violations(page), [])
    await picture('act')
    await page.locator('.act [type=checkbox]').check()
    await page.keyboard.press('Control+Enter')
    await page.locator('.act').waitFor({ state: 'detached' })
    await until(
      async () =>
        (await service.get<{ outages: { device: string }[] }>('outages')).outages.length === 1,
      'it is an outage',
    )
    t.match(await service.get('outages'), {
      outages: [{ device: 'S1', startedAt: new Date(lostAt).toISOString(), customersOut: 83 }],
    })
    await page.getByText('Nothing speaks for an outage that is not known.').waitFor()
    await page.keyboard.press('1')
    await page.locator('.agenda tbody tr', { hasText: 'S1' }).waitFor()
    t.same(complaints, [])
    await page.context().close()

    // Another guess: one transformer of which one meter has light, so that no switch explains it.
    await field.switch('S1', 'closed', Date.now() - 2 * MS_PER_MIN)
    await meter('P2', 'lastGasp', Date.now() - MS_PER_MIN)
    await meter('P3', 'lastGasp', Date.now() - MS_PER_MIN)
    const zh = await visit(browser, `${service.http}/dispatch?lang=zh&theme=dark`, { token })
    await zh.page.locator('.agenda').waitFor()
    await zh.page.keyboard.press('g')
    await zh.page.keyboard.press('b')
    await zh.page.locator('.probable tbody tr', { hasText: '2块电表无电' }).waitFor()
    t.same(await violations(zh.page), [])
    if (pictures !== undefined) await zh.page.screenshot({ path: `${pictures}/probable-dark.png` })
    await zh.page.getByRole('button', { name: '确认S1停电' }).click()
    await zh.page.getByText('起记为断开').waitFor()
    if (pictures !== undefined)
      await zh.page.screenshot({ path: `${pictures}/probable-dark-act.png` })
    t.same(await violations(zh.page), [])
    t.same(zh.complaints, [])
    await zh.page.context().close()
  },
)
