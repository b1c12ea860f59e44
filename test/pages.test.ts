import type { Page } from 'playwright-core'
import t from 'tap'
import { buildPages, noBrowser, openBrowser, visit, violations } from './support/browser.ts'
import { until } from './support/broker.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { openGateway, openTestService, type TestService } from './support/service.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }
const HOLD_NONE = { NOTICE_HOLD_S: '0' }

t.before(async () => {
  if (noBrowser === false) await buildPages()
})

const text = (page: Page, selector: string) => page.locator(selector).first().innerText()

async function town(
  test: { teardown(fn: () => unknown): void },
  env: Record<string, string> = {},
): Promise<TestService> {
  const database = await openTestDatabase(test)
  return openTestService(test, database, { tables: TOWN, env: { ...HOLD_NONE, ...env } })
}

t.test(
  'pages are served with nothing inline, assets for ever, and the shell never from memory',
  skip,
  async (t) => {
    const service = await town(t)
    for (const path of ['/', '/dispatch', '/plan', '/my']) {
      const answer = await fetch(service.http + path)
      const html = await answer.text()
      t.equal(answer.status, 200, path)
      t.equal(answer.headers.get('cache-control'), 'no-cache', path)
      const policy = answer.headers.get('content-security-policy') ?? ''
      t.notMatch(policy, /unsafe|https?:\/\//, `${path}: ${policy}`)
      t.notMatch(
        html,
        /<style|style=|<script(?![^>]*\ssrc=)|\son\w+=/i,
        `${path} has nothing inline`,
      )
      const assets = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(
        (found) => found[1],
      )
      t.ok(assets.length > 1, `${path} has files`)
      for (const asset of assets) {
        const file = await fetch(service.http + asset)
        t.equal(file.status, 200, `${asset}`)
        t.match(file.headers.get('cache-control'), /immutable/, `${asset}`)
      }
    }
  },
)

t.test(
  'the public list needs no script, and masks what could name a household',
  skip,
  async (t) => {
    const service = await town(t)
    const field = await openGateway(t, service.broker)
    await field.switch('S1', 'open', Date.now() - 60_000)
    await service.get('outages?state=active')
    // A copy serves everyone for a few seconds.
    await until(
      async () =>
        (await (await fetch(`${service.http}/public/outages.geojson`)).text()).includes('83'),
      'the public copy has it',
    )
    const browser = await openBrowser(t)
    const { page } = await visit(browser, `${service.http}/?lang=zh`, { javaScriptEnabled: false })
    t.match(await text(page, 'h1'), /83/)
    t.match(await text(page, 'html'), /停电户数/)
    t.equal(await page.locator('html').getAttribute('lang'), 'zh-CN')
  },
)

t.test(
  'a dispatcher sees a new outage without reload and works it to its end by keyboard alone',
  skip,
  async (t) => {
    const service = await town(t)
    const field = await openGateway(t, service.broker)
    const browser = await openBrowser(t)
    const token = await service.token('dispatcher')
    const { page, complaints } = await visit(browser, `${service.http}/dispatch`, { token })
    t.notMatch(page.url(), /token/, 'the token has left the address')
    await page.getByText(/No outages/).waitFor()

    const toldAt = Date.now()
    await field.switch('S1', 'open', toldAt, { reason: 'lockout' })
    const row = page.locator('.agenda tbody tr')
    await row.waitFor()
    t.comment(`seen ${Date.now() - toldAt} ms after it was published`)
    t.match(await row.innerText(), /S1/)
    t.match(await text(page, '.top'), /Out\s+83\s+in 1 outage/)
    const outage =
      (await service.get<{ outages: { id: string }[] }>('outages')).outages[0]?.id ?? ''
    const now = () => service.get<Record<string, unknown>>(`outages/${outage}`)

    await page.keyboard.press('e')
    await page.keyboard.type('+45')
    await page.locator('.act .eff', { hasText: '83 customers read' }).waitFor()
    await page.keyboard.press('Enter')
    t.equal((await now())['etr'], null, 'Enter alone does nothing')
    await page.keyboard.press('Control+Enter')
    await page.locator('.act').waitFor({ state: 'detached' })
    t.hasStrict((await now())['etr'], { source: 'dispatcher' })

    await page.keyboard.press('a')
    await page.keyboard.type('C3')
    await page.keyboard.press('Control+Enter')
    await page.locator('.act').waitFor({ state: 'detached' })
    t.hasStrict((await now())['crew'], { name: 'C3', state: 'assigned' })

    await page.keyboard.press('u')
    await page.keyboard.type('Tree')
    await page.keyboard.press('Control+Enter')
    await page.locator('.act').waitFor({ state: 'detached' })
    t.equal((await now())['cause'], 'tree')

    await page.keyboard.press('r')
    await page.locator('.act .eff', { hasText: 'Restores 83 of 83 customers now' }).waitFor()
    await page.keyboard.press('Control+Enter')
    t.match(await text(page, '.act'), /confirmed/, 'not before somebody confirms the position')
    t.equal((await now())['restoredAt'], null)
    await page.locator('.tick input').focus()
    await page.keyboard.press('Space')
    await page.keyboard.press('Control+Enter')
    await page.locator('.act').waitFor({ state: 'detached' })
    await page.getByText(/No outages|Nothing in this list/).waitFor()
    t.type((await now())['restoredAt'], 'string')

    await page.keyboard.press('6')
    await page.locator('.agenda tbody tr', { hasText: 'BACK' }).waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('c')
    await page.locator('.act', { hasText: '83 customers have supply again' }).waitFor()
    await page.keyboard.press('Control+Enter')
    await page.locator('.agenda tbody tr').waitFor({ state: 'detached' })
    t.equal((await now())['status'], 'closed')
    t.same(complaints, [])
  },
)

t.test('of two customers in two browsers only the one concerned is told', skip, async (t) => {
  const service = await town(t)
  const field = await openGateway(t, service.broker)
  const browser = await openBrowser(t)
  const at = async (point: string) =>
    (
      await visit(browser, `${service.http}/my`, {
        token: await service.token('customer', [point]),
        viewport: { width: 390, height: 844 },
      })
    ).page
  const [near, far] = await Promise.all([at('P3'), at('P1')])
  await Promise.all(
    [near, far].map((page) => page.locator('h1', { hasText: 'Power is on' }).waitFor()),
  )
  await Promise.all([near, far].map((page) => page.getByText('· live').waitFor()))
  await field.switch('S1', 'open', Date.now(), { reason: 'lockout' })
  await near.getByText('Your power is out').waitFor()
  await near.getByText('What changed').waitFor()
  t.match(await text(far, 'h1'), /Power is on/)
  t.equal(await far.getByText('What changed').count(), 0)
  await field.switch('S1', 'closed', Date.now(), { reason: 'manual' })
  await near.getByText(/Power is back since/).waitFor()
  t.match(await text(far, 'h1'), /Power is on/)
})

t.test(
  'after a restart of the service the page finds back by itself and shows what it missed',
  skip,
  async (t) => {
    const database = await openTestDatabase(t)
    const first = await openTestService(t, database, { tables: TOWN, env: HOLD_NONE })
    const browser = await openBrowser(t)
    const token = await first.token('dispatcher')
    const { page } = await visit(browser, `${first.http}/dispatch`, { token })
    await page.getByText(/No outages/).waitFor()
    await first.close()
    await page.getByText(/Not connected to the service/).waitFor()
    const second = await openTestService(t, database, {
      env: { ...HOLD_NONE, PORT: new URL(first.http).port },
    })
    const field = await openGateway(t, second.broker)
    await field.switch('S1', 'open', Date.now(), { reason: 'lockout' })
    await page.locator('.agenda tbody tr', { hasText: 'S1' }).waitFor()
    await page.getByText(/Not connected to the service/).waitFor({ state: 'detached' })
  },
)

t.test('the planner comes from the whole to a feeder, and back by the address', skip, async (t) => {
  const service = await town(t)
  const field = await openGateway(t, service.broker)
  const hour = 3_600_000
  await field.switch('S1', 'open', Date.now() - 2 * hour)
  await field.switch('S1', 'closed', Date.now() - hour)
  const browser = await openBrowser(t)
  const token = await service.token('planner')
  const { page, complaints } = await visit(browser, `${service.http}/plan`, { token })
  await page.locator('.feeders').waitFor()
  t.match(await text(page, '.ixs'), /SAIDI/)
  await page.locator('.feeders a', { hasText: 'F1' }).click()
  await page.getByText('Only F1').waitFor()
  t.match(page.url(), /feeder=F1/)
  await page.goBack()
  await page.getByText('Only F1').waitFor({ state: 'detached' })
  t.same(complaints, [])
})

t.test(
  'no page breaks a rule of WCAG 2.2 AA that a program can see, by day or by night, in either language',
  skip,
  async (t) => {
    const service = await town(t)
    const field = await openGateway(t, service.broker)
    await field.switch('S1', 'open', Date.now() - 600_000, { reason: 'lockout' })
    const browser = await openBrowser(t)
    const tokens = {
      '/': undefined,
      '/dispatch': await service.token('dispatcher'),
      '/plan': await service.token('planner'),
      '/my': await service.token('customer', ['P3']),
    }
    const shows = {
      '/': '.list table',
      '/dispatch': '.agenda tbody tr',
      '/plan': '.feeders',
      '/my': '.ans',
    }
    for (const [path, token] of Object.entries(tokens)) {
      for (const look of ['theme=light&lang=en', 'theme=dark&lang=zh']) {
        const signed = token === undefined ? {} : { token }
        const { page, complaints } = await visit(browser, `${service.http}${path}?${look}`, signed)
        await page
          .locator(shows[path as keyof typeof shows])
          .first()
          .waitFor()
        if (path === '/dispatch') {
          await page.keyboard.press('e')
          await page.keyboard.type('+45')
          await page.locator('.act').waitFor()
        }
        t.same(await violations(page), [], `${path} ${look}`)
        t.same(complaints, [], `${path} ${look}: the browser complains of nothing`)
        await page.context().close()
      }
    }
  },
)

t.test(
  'without scripts a customer reads their own answer as a list, by a cookie that nothing else takes',
  skip,
  async (t) => {
    const service = await town(t)
    const field = await openGateway(t, service.broker)
    await field.switch('S1', 'open', Date.now() - 60_000, { reason: 'lockout' })
    await service.get('outages?state=active')
    const browser = await openBrowser(t)
    const still = { javaScriptEnabled: false, viewport: { width: 390, height: 844 } }
    for (const lang of ['en', 'zh']) {
      const { page } = await visit(browser, `${service.http}/my?lang=${lang}`, still)
      await page.locator('textarea').fill('no token at all')
      await page.locator('form button').click()
      await page.locator('[role=alert]').waitFor()
      await page.locator('textarea').fill(await service.token('dispatcher'))
      await page.locator('form button').click()
      await page.locator('[role=alert]').waitFor()

      const token = await service.token('customer', ['P3'])
      await page.locator('textarea').fill(`https://example.org/my#token=${token}`)
      await page.locator('form button').click()
      const says = lang === 'en' ? /Your power is out/ : /您家已停电/
      await page.getByText(says).waitFor()
      t.match(await text(page, 'table'), lang === 'en' ? /83 without power/ : /83 户停电/)
      const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
      t.ok(wide <= 390, `nothing is cut on a phone (${wide} px)`)

      const [cookie] = await page.context().cookies()
      t.hasStrict(cookie, { httpOnly: true, sameSite: 'Strict', path: '/my' })
      const headers = { cookie: `${cookie?.name}=${cookie?.value}` }
      const mine = await fetch(`${service.http}/my`, { headers })
      t.match(mine.headers.get('cache-control'), /no-store/, 'what is personal is kept nowhere')
      t.match(await mine.text(), /P3/)
      const api = await fetch(`${service.http}/api/v1/me`, { headers })
      t.equal(api.status, 401, 'the interface does not look at the cookie')

      await page.locator('form button').click()
      await page.locator('textarea').waitFor()
      t.same(await page.context().cookies(), [])
      await page.context().close()
    }
    const foreign = await fetch(`${service.http}/my/sign-in`, {
      method: 'POST',
      headers: {
        origin: 'https://elsewhere.example',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ token: await service.token('customer', ['P3']) }),
    })
    t.equal(foreign.status, 403, 'another site signs nobody in')
    const own = await fetch(`${service.http}/my`)
    t.ok((await own.text()).length < 4_000, 'the form is small')
  },
)
