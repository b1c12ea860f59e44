/** How old the word of the field is, and who is silent, must be seen wherever a dispatcher looks. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { until } from './support/broker.ts'
import { buildPages, noBrowser, openBrowser, visit } from './support/browser.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { openGateway, openTestService } from './support/service.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }

/** The words of the feed where they are in sight and nothing lies on them; null where they are not. */
const feedOf = (page: Page): Promise<string | null> =>
  page.evaluate<string | null>(`{
    const feed = [...document.querySelectorAll('.feed')].find((one) => one.getBoundingClientRect().width > 0) ?? null
    const box = feed?.getBoundingClientRect()
    if (feed === null) null
    else {
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
      const inside = x > 0 && y > 0 && x < innerWidth && y < innerHeight
      inside && (document.elementFromPoint(x, y)?.closest('.feed') ?? null) !== null ? feed.innerText : null
    }
  }`)

/** Seconds of an age as the console says it: `12 s`, `1:05`. */
const secondsIn = (text: string): number => {
  const [, minutes, seconds] = /(\d+):(\d\d)/.exec(text) ?? []
  return minutes === undefined
    ? Number(/(\d+) s/.exec(text)?.[1] ?? NaN)
    : Number(minutes) * 60 + Number(seconds)
}

void t.test('the age of the feed', skip, async (t) => {
  await buildPages()
  const database = await openTestDatabase(t)
  const service = await openTestService(t, database, {
    tables: TOWN,
    env: { NOTICE_HOLD_S: '0' },
  })
  const field = await openGateway(t, service.broker)
  await field.switch('S1', 'open', Date.now() - 600_000, { reason: 'lockout' })
  const silent = await openGateway(t, service.broker, 'gw-2')
  await silent.client.publishAsync(
    'grid/v1/gw-2/state',
    JSON.stringify({ online: false, at: new Date().toISOString() }),
    { qos: 1, retain: true },
  )
  await until(
    async () => (await service.get<{ outages: unknown[] }>('outages')).outages.length === 1,
    'the outage is on record',
  )
  t.equal((await service.post('storms/declare', { area: 'west' }, 'dispatcher')).status, 200)
  const browser = await openBrowser(t)
  const token = await service.token('dispatcher')

  for (const viewport of [
    { width: 1600, height: 900 },
    { width: 1366, height: 768 },
    { width: 390, height: 844 },
  ])
    await t.test(`stands in every view, ${viewport.width} px wide`, async (t) => {
      const { page } = await visit(browser, `${service.http}/dispatch`, { token, viewport })
      await page.locator('.agenda tbody tr').first().waitFor()
      const views = ['', '2', '7', '8', '6', '1', 'm', 'm', 'e', 'Escape', 'r', 'Escape', 'g s']
      for (const keys of views) {
        for (const key of keys.split(' ').filter((one) => one !== ''))
          await page.keyboard.press(key)
        await page.waitForTimeout(100)
        const feed = await feedOf(page)
        t.match(feed, /\d+ s|\d+:\d\d/, `after "${keys}"`)
        t.match(feed, /1 silent/, `who is silent, after "${keys}"`)
      }
      await page.keyboard.press('Escape')
      await page.locator('input[type=range]').first().focus()
      for (let i = 0; i < 30; i += 1) await page.keyboard.press('ArrowLeft')
      await page
        .locator('.line', { hasText: /back to now|now/i })
        .first()
        .waitFor()
      t.match(await feedOf(page), /\d+ s|\d+:\d\d/, 'and of the present beside the past')
      await page.context().close()
    })

  await t.test(
    'grows while nothing comes, is bold at half a minute and a line at two',
    async (t) => {
      const context = await browser.newContext({ viewport: { width: 1366, height: 768 } })
      const page = await context.newPage()
      let ageMs = 5_000
      await page.route('**/api/v1/network/state', async (route) => {
        const answer = await route.fetch()
        const state = (await answer.json()) as Record<string, unknown>
        const fieldHeardAt = new Date(Date.now() - ageMs).toISOString()
        await route.fulfill({ response: answer, json: { ...state, fieldHeardAt } })
      })
      const open = async (): Promise<void> => {
        await page.goto('about:blank')
        await page.goto(`${service.http}/dispatch?lang=en#token=${token}`)
        await page.locator('.agenda tbody tr').first().waitFor()
      }
      await open()
      const first = secondsIn((await feedOf(page)) ?? '')
      t.ok(first >= 4 && first < 30, `${first} s`)
      t.equal(await page.locator('.top .feed .aged').count(), 0)
      await until(
        async () => secondsIn((await feedOf(page)) ?? '') >= first + 2,
        'the age grows by itself',
      )
      t.equal(await page.locator('.line', { hasText: /field|feed/i }).count(), 0)
      ageMs = 45_000
      await open()
      await page.locator('.top .feed .aged').waitFor()
      ageMs = 200_000
      await open()
      await page.locator('.line', { hasText: /3:\d\d/ }).waitFor()
      t.equal(await page.locator('.map.faded').count(), 1, 'and the map is faded')
    },
  )
})
