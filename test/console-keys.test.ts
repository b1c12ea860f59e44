/** The console by keyboard alone: what a button says of its key, what Tab comes to, and how letters are turned off. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { makeTown } from '../simulators/town.ts'
import type { NetworkTables } from '../src/grid/tables.ts'
import { until } from './support/broker.ts'
import { buildPages, noBrowser, openBrowser, visit } from './support/browser.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { openGateway, openTestService } from './support/service.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }
const DESK = { width: 1600, height: 900 }

async function desk(
  test: { teardown(fn: () => unknown): void },
  { tables, devices }: { tables: NetworkTables; devices: readonly [string, string] } = {
    tables: TOWN,
    devices: ['S1', 'H2'],
  },
) {
  const database = await openTestDatabase(test)
  const service = await openTestService(test, database, {
    tables,
    env: { NOTICE_HOLD_S: '0' },
  })
  const field = await openGateway(test, service.broker)
  const at = Date.now() - 600_000
  await field.switch(devices[0], 'open', at, { reason: 'lockout' })
  await field.switch(devices[1], 'open', at + 1000, { reason: 'lockout' })
  await until(
    async () => (await service.get<{ outages: unknown[] }>('outages')).outages.length === 2,
    'both outages are on record',
  )
  const browser = await openBrowser(test)
  const token = await service.token('dispatcher')
  const open = async (query = '') => {
    const { page } = await visit(browser, `${service.http}/dispatch${query}`, {
      token,
      viewport: DESK,
    })
    await page.locator('.agenda tbody tr').nth(1).waitFor()
    await page.locator('.detail .tabs, #detail h2').first().waitFor()
    return page
  }
  return { service, open }
}

/** What the page shows, without what the clock changes and without where the focus is. */
const look = async (page: Page): Promise<string> => {
  await page.waitForTimeout(150)
  return page.evaluate<string>(`{
    const states = [...document.querySelectorAll('[aria-pressed],[aria-selected],[aria-current],[aria-expanded]')].map((one) =>
      ['aria-pressed', 'aria-selected', 'aria-current', 'aria-expanded'].map((name) => one.getAttribute(name)).join())
    const shown = [...document.querySelectorAll('h2, .act, .help, .agenda tbody tr, [role=tablist]')].map((one) => one.innerText)
    shown.concat(states).join('\\n').replace(/[0-9:]+/g, '#')
  }`)
}

const press = async (page: Page, keys: string): Promise<void> => {
  for (const key of keys.split(' ')) await page.keyboard.press(key)
}

void t.test('the console by keyboard', skip, async (t) => {
  await buildPages()
  const { open } = await desk(t)

  await t.test('the key that a button names does what the button does', async (t) => {
    const page = await open()
    const named = await page.locator('button:visible', { has: page.locator('kbd') }).all()
    const keys: string[] = []
    for (const button of named) keys.push(await button.locator('kbd').innerText())
    await page.context().close()
    t.ok(keys.length >= 15, keys.join(', '))
    // What is acknowledged stays so: its key is tried where alarms are.
    for (const key of keys.filter((one) => one !== 'Space')) {
      const [clicked, pressed] = [await open(), await open()]
      const before = await look(clicked)
      await clicked
        .locator('button:visible', { has: clicked.locator(`kbd:text-is("${key}")`) })
        .first()
        .click()
      await press(pressed, key)
      const after = await look(clicked)
      // The list that is shown already stays.
      if (key !== '1') t.not(after, before, `the button of ${key} does something`)
      t.equal(await look(pressed), after, `${key} does the same`)
      await clicked.context().close()
      await pressed.context().close()
    }
  })

  await t.test('Tab comes to everything that can be pressed, and shows where it is', async (t) => {
    const page = await open()
    const states: readonly (readonly [name: string, keys: string])[] = [
      ['agenda and detail', ''],
      ['evidence', ''],
      ['keys', '?'],
      ['estimate', 'Escape e'],
      ['crew', 'Escape a'],
      ['cause', 'Escape u'],
      ['note', 'Escape n'],
      ['position', 'Escape r'],
      ['merge', 'Escape w'],
      ['storm', 'Escape g s'],
      ['limits', 'Escape 7'],
      ['probable', '8'],
    ]
    for (const [name, keys] of states) {
      await page.evaluate('document.activeElement?.blur()')
      if (keys !== '') await press(page, keys)
      await page.waitForTimeout(200)
      const wanted = await page.evaluate<number>(`{
        for (const one of document.querySelectorAll('[data-reached]')) one.removeAttribute('data-reached')
        window.wanted = () => [...document.querySelectorAll('button, a[href], input, select, textarea, summary, [tabindex="0"]')].filter((one) => {
          const box = one.getBoundingClientRect()
          if (one.disabled || box.width === 0 || box.height === 0 || getComputedStyle(one).visibility === 'hidden') return false
          if (one.tabIndex < 0) return false
          // Of radio buttons Tab comes to the chosen one; arrows do the rest.
          return !(one.type === 'radio' && !one.checked)
        })
        window.wanted().length
      }`)
      t.ok(wanted > 20, `${name}: ${wanted} controls`)
      const unseen: string[] = []
      const note = async (): Promise<void> => {
        const focus = await page.evaluate<string | null>(`{
          const one = document.activeElement
          if (one === null || one === document.body) null
          else {
            one.setAttribute('data-reached', '')
            const { outlineStyle, outlineWidth } = getComputedStyle(one)
            outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 ? null : one.outerHTML.slice(0, 120)
          }
        }`)
        if (focus !== null) unseen.push(focus)
      }
      await note()
      // A form has the focus when it opens: on from there, and back.
      for (const key of ['Tab', 'Shift+Tab'])
        for (let i = 0; i < wanted + 10; i += 1) {
          await page.keyboard.press(key)
          await note()
        }
      const missed = await page.evaluate<string[]>(
        `window.wanted().filter((one) => !one.hasAttribute('data-reached')).map((one) => one.outerHTML.slice(0, 120))`,
      )
      t.strictSame(missed, [], `${name}: nothing is out of reach`)
      t.strictSame([...new Set(unseen)], [], `${name}: the focus is seen`)
    }
  })

  await t.test('letters can be turned off, for this desk and for good', async (t) => {
    const page = await open()
    await page.keyboard.press('?')
    await page.getByRole('button', { name: /Single keys on/ }).click()
    await page.getByRole('button', { name: /Single keys off/ }).waitFor()
    const before = await look(page)
    for (const key of ['e', '2', 'm', '?', 'g', 's', 'f']) await page.keyboard.press(key)
    t.equal(await look(page), before, 'nothing opens')
    t.equal(await page.locator('button kbd:visible').count(), 0, 'and no button names a key')
    await page.reload()
    await page.locator('.agenda tbody tr').nth(1).waitFor()
    await page.keyboard.press('e')
    t.equal(await page.locator('.act').count(), 0, 'after a reload too')
    await page.getByRole('button', { name: 'Estimate', exact: true }).click()
    await page.locator('.act').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('.act').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Keys', exact: true }).click()
    await page.getByRole('button', { name: /Single keys off/ }).click()
    await page.keyboard.press('e')
    await page.locator('.act').waitFor()
  })

  await t.test('what an act would reach is drawn on the map before it is done', async (t) => {
    const { service, open } = await desk(t, {
      tables: makeTown({ seed: 3, customers: 1_200 }),
      devices: ['CB-N01', 'CB-H01'],
    })
    const page = await open()
    // The console's own policy lets no picture in.
    const blank = await page.context().newPage()
    await page.bringToFront()
    const [light, box] = [
      await page.evaluate<string>(`{
        const probe = document.body.appendChild(document.createElement('span'))
        probe.style.color = 'var(--raise)'
        const colour = getComputedStyle(probe).color
        probe.remove()
        colour
      }`),
      await page.locator('.map canvas').first().boundingBox(),
    ]
    if (box === null) throw new Error('no map')
    /** Pixels of the drawing, beside its buttons, in the colour that lies behind what an act reaches. */
    const lit = async (): Promise<number> => {
      await page.waitForTimeout(500)
      const { x, y, width, height } = box
      const picture = await page.screenshot({
        clip: { x: x + 60, y: y + 60, width: width - 140, height: height * 0.4 },
      })
      return blank.evaluate<number>(`(async () => {
        const bytes = await (await fetch('data:image/png;base64,${picture.toString('base64')}')).blob()
        const image = await createImageBitmap(bytes)
        const pen = new OffscreenCanvas(image.width, image.height).getContext('2d')
        pen.drawImage(image, 0, 0)
        const { data } = pen.getImageData(0, 0, image.width, image.height)
        const [r, g, b] = ${JSON.stringify(light)}.match(/[0-9]+/g).map(Number)
        let found = 0
        for (let i = 0; i < data.length; i += 4) if (data[i] === r && data[i + 1] === g && data[i + 2] === b) found += 1
        return found
      })()`)
    }
    const legend = page.getByText('what the act changes')
    const before = await lit()
    t.equal(await legend.count(), 0)
    await press(page, 'r')
    await legend.waitFor()
    const during = await lit()
    t.ok(during > before + 1000, `${during} pixels, ${before} without the act`)
    await press(page, 'Escape')
    await legend.waitFor({ state: 'detached' })
    t.ok((await lit()) < before + 100, 'gone when it is left')
    const { outages } = await service.get<{ outages: unknown[] }>('outages?state=active')
    t.equal(outages.length, 2, 'and nothing was done')
  })
})
