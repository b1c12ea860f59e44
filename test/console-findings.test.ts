import t from 'tap'
import { MS_PER_DAY } from '../src/time.ts'
import { until } from './support/broker.ts'
import { buildPages, noBrowser, openBrowser, violations, visit } from './support/browser.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { openGateway, openTestService } from './support/service.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }

void t.test(
  'who names the cause of an outage is asked about what was found there, and the answer stays',
  skip,
  async (t) => {
    await buildPages()
    const browser = await openBrowser(t)
    const service = await openTestService(t, await openTestDatabase(t), { tables: TOWN })
    const finding = {
      asset: 'S1',
      severity: 'major',
      says: 'Cracked insulator',
      owner: 'M. Chen',
      dueOn: new Date(Date.now() + 30 * MS_PER_DAY).toISOString().slice(0, 10),
    }
    t.equal((await service.post('findings', finding, 'planner')).status, 201)
    const field = await openGateway(t, service.broker)
    await field.switch('S1', 'open', Date.now(), { reason: 'trip' })
    type Outages = { outages: { id: string }[] }
    const ids = async () =>
      (await service.get<Outages>('outages?state=active')).outages.map(({ id }) => id)
    await until(async () => (await ids()).length === 1, 'an outage')
    const [id = ''] = await ids()

    const address = `${service.http}/dispatch?lang=en&theme=light`
    const token = await service.token('dispatcher')
    const { page, complaints } = await visit(browser, address, { token })
    await page.locator('.agenda tbody tr').click()
    await page.locator('.detail h2').waitFor()
    await page.waitForLoadState('networkidle')
    t.equal(await page.locator('.there').count(), 0, 'nobody is asked before a cause is known')

    t.ok((await service.post(`outages/${id}/cause`, { cause: 'equipment' }, 'dispatcher')).ok)
    const there = page.locator('.there')
    await there.getByText('Cracked insulator').waitFor()
    t.same(await violations(page), [])
    await there.locator('button', { hasText: 'Yes' }).click()
    await there.getByText('It had to do with it').waitFor()
    t.match(await service.get(`outages/${id}/findings`), {
      asks: false,
      findings: [{ asset: 'S1', answer: { contributed: true, by: 'test-dispatcher' } }],
    })
    t.equal(await there.locator('button').count(), 0)
    await page.goto(address.replace('lang=en', 'lang=zh'))
    await page.locator('.agenda tbody tr').click()
    await there.getByText('与停电有关').waitFor()
    t.same(complaints, [])
  },
)
