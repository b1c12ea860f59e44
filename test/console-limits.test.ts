import type { Page } from 'playwright-core'
import t from 'tap'
import { energize } from '../src/grid/energization.ts'
import { buildNetwork } from '../src/grid/network.ts'
import { pairOf, parallelsOf } from '../src/grid/parallel.ts'
import { saveAlarms } from '../src/stores/load-alarms.ts'
import { raiseParallel } from '../src/stores/parallels.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { until } from './support/broker.ts'
import { buildPages, noBrowser, openBrowser, violations, visit } from './support/browser.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { openGateway, openTestService } from './support/service.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }
const dated = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ')

/** How many dots of the drawing have the colour that the style sheet calls by a name. */
const dots = (page: Page, colour: string): Promise<number> =>
  page.evaluate<number>(`(() => {
    const drawn = document.querySelector('.map canvas')
    const copy = new OffscreenCanvas(drawn.width, drawn.height).getContext('2d')
    copy.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('${colour}')
    copy.fillRect(0, 0, 1, 1)
    const [r, g, b] = copy.getImageData(0, 0, 1, 1).data
    copy.clearRect(0, 0, 1, 1)
    copy.drawImage(drawn, 0, 0)
    const { data } = copy.getImageData(0, 0, drawn.width, drawn.height)
    let found = 0
    for (let i = 0; i < data.length; i += 4)
      if (data[i] === r && data[i + 1] === g && data[i + 2] === b) found++
    return found
  })()`)

void t.test('the console, beyond who is out now', skip, async (t) => {
  await buildPages()
  const database = await openTestDatabase(t)
  const service = await openTestService(t, database, {
    tables: TOWN,
    env: { NOTICE_HOLD_S: '0', RELIGHT_TIME_ZONE: 'UTC' },
  })
  const field = await openGateway(t, service.broker)
  const browser = await openBrowser(t)
  const token = await service.token('dispatcher')
  const open = async () => {
    const { page, complaints } = await visit(
      browser,
      `${service.http}/dispatch?lang=en&theme=light`,
      { token },
    )
    await page.locator('.agenda').waitFor()
    return { page, complaints }
  }

  await t.test(
    'any moment of the past is shown with who was out then and where switches stood',
    async (t) => {
      const lostAt = Date.now() - 40 * MS_PER_DAY
      await field.switch('S1', 'open', lostAt, { reason: 'lockout' })
      await field.switch('T', 'closed', lostAt + MS_PER_H)
      await field.switch('T', 'open', lostAt + 5 * MS_PER_H)
      await field.switch('S1', 'closed', lostAt + 5 * MS_PER_H)
      const stateAt = (at: number) =>
        service.get<{
          abnormal: { switch: number; closedPhases: number }[]
          parts: { customers: number }[]
        }>(`network/state?at=${new Date(at).toISOString()}`)
      const ids = TOWN.switches.map(({ id }) => id)
      const [S1, T] = [ids.indexOf('S1'), ids.indexOf('T')]
      await until(
        async () => (await stateAt(lostAt + 2 * MS_PER_H)).abnormal.length === 2,
        'all is on record',
      )
      t.match(await stateAt(lostAt + MS_PER_MIN), {
        abnormal: [{ switch: S1, closedPhases: 0 }],
        parts: [{ customers: 83 }],
      })
      t.strictSame((await stateAt(lostAt + 2 * MS_PER_H)).abnormal, [
        { switch: S1, closedPhases: 0 },
        { switch: T, closedPhases: 7 },
      ])
      t.strictSame((await stateAt(lostAt + 2 * MS_PER_H)).parts, [])
      t.strictSame((await stateAt(lostAt - MS_PER_MIN)).abnormal, [])

      const { page, complaints } = await open()
      const go = async (text: string) => {
        await page.keyboard.press('g')
        await page.keyboard.press('t')
        await page.locator('#moment').fill(text)
        await page.keyboard.press('Enter')
      }
      await go('yesterday or so')
      await page.getByText('Write it as').waitFor()
      await go(dated(lostAt + 2 * MS_PER_MIN))
      await page.locator('.agenda tbody tr', { hasText: 'S1' }).waitFor()
      t.match(await page.locator('.line').innerText(), /You look at .* Acts are off/)
      await page.keyboard.press('Escape')
      await page.keyboard.press(']')
      const card = page.locator('.device')
      await card.getByText('breaker, open').waitFor()
      t.equal(await card.getByText('Close it').count(), 0, 'the past cannot be acted on')
      t.same(await violations(page), [])
      await go(dated(lostAt + 2 * MS_PER_H))
      await page.locator('.agenda tbody tr').waitFor({ state: 'detached' })
      await page.keyboard.press('Escape')
      await page.keyboard.press(']')
      await page.keyboard.press(']')
      await page.locator('.device', { hasText: 'T' }).getByText('breaker, closed').waitFor()
      await page.locator('.slider [type=range]').focus()
      await page.keyboard.press('End')
      await page.locator('.line').waitFor({ state: 'detached' })
      t.same(complaints, [])
      await page.context().close()
    },
  )

  await t.test('what stands over a limit is marked on the drawing and listed', async (t) => {
    const { page, complaints } = await open()
    await page.locator('.map canvas').waitFor()
    await until(async () => (await dots(page, '--ovl')) === 0, 'no colour while nothing is wrong')
    await field.switch('T', 'closed', Date.now() - 40 * MS_PER_MIN)
    const from = Date.now() - MS_PER_H
    // The engine looks once a minute; what it would write then is written now.
    const network = buildNetwork(TOWN)
    const closed = network.switchNormal.slice()
    closed[network.switchIndex.get('T') as number] = 7
    const [parallel] = parallelsOf(energize(network, closed))
    if (parallel === undefined) throw new Error('a closed tie joins two feeders')
    const pair = pairOf(network, parallel)
    await database.db.transaction().execute(async (tx) => {
      const feeders = ['F1', 'F2']
      await raiseParallel(tx, { pair, tie: 'T', feeders, sinceAt: from, raisedAt: from })
      await saveAlarms(tx, {
        cleared: [],
        raised: [
          {
            point: 'H1',
            feeder: 'F1',
            kind: 'overload',
            from,
            confirmedAt: from,
            peak: 1.04,
            rule: 'test',
            ratedKva: 5_000,
          },
        ],
      })
    })
    const rows = page.locator('.limits').first().locator('tbody tr')
    await page.reload()
    await page.locator('.agenda').waitFor()
    await page.keyboard.press('g')
    await page.keyboard.press('l')
    await rows.nth(1).waitFor()
    t.match(await rows.allInnerTexts(), [/In parallel\s+T\s+F1 \+ F2/, /Overloaded\s+Mill.*104 %/s])
    t.match(await page.locator('.bar2').innerText(), /Limits\s+2/)
    await until(async () => (await dots(page, '--ovl')) > 100, 'squares of the limits are drawn')
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.locator('.limits .sel', { hasText: 'Mill' }).waitFor()
    await page.locator('.device h2', { hasText: 'H1' }).waitFor()
    await page.getByText('What the feeders carry').waitFor()
    await page.keyboard.press('m')
    await until(async () => (await dots(page, '--ovl')) > 100, 'on the one-line too')
    t.same(await violations(page), [])
    await page.goto(`${service.http}/dispatch?lang=zh&theme=dark`)
    await page.keyboard.press('7')
    await page.getByText('并列运行').first().waitFor()
    t.same(await violations(page), [])
    t.same(complaints, [])
    await page.context().close()
  })
})
