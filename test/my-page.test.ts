import type { Browser, CDPSession, Page, Request } from 'playwright-core'
import t from 'tap'
import { MS_PER_MIN } from '../src/time.ts'
import { until } from './support/broker.ts'
import { buildPages, noBrowser, openBrowser, violations, visit } from './support/browser.ts'
import { openCuttable } from './support/cuttable.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { openGateway, openTestService, type TestService } from './support/service.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }
const PHONE = { width: 390, height: 844 }
/** What a customer in a cellar may have to wait for. */
const FIRST_ANSWER_BYTES_MAX = 60 * 1024

async function dark(test: { teardown(fn: () => unknown): void }) {
  const database = await openTestDatabase(test)
  const service = await openTestService(test, database, {
    tables: TOWN,
    env: { NOTICE_HOLD_S: '0' },
  })
  const field = await openGateway(test, service.broker)
  await field.switch('S1', 'open', Date.now() - 600_000, { reason: 'lockout' })
  await until(
    async () => (await service.get<{ outages: unknown[] }>('outages')).outages.length === 1,
    'the outage is on record',
  )
  return { service, database, field, browser: await openBrowser(test) }
}

const looks = ['en', 'zh'].flatMap((lang) =>
  ['light', 'dark'].map((theme) => `lang=${lang}&theme=${theme}`),
)

/** What came over the wire until `shown` was there: bodies as they were sent, and their headers. */
async function weigh(page: Page, url: string, shown: string) {
  const sizes: Promise<{ url: string; bytes: number }>[] = []
  const note = (request: Request): void => {
    sizes.push(
      request.sizes().then(({ responseBodySize, responseHeadersSize }) => ({
        url: request.url(),
        bytes: responseBodySize + responseHeadersSize,
      })),
    )
  }
  page.on('requestfinished', note)
  await page.goto(url)
  await page.locator(shown).waitFor()
  // What the worker fetches for later is none of it.
  page.off('requestfinished', note)
  const files = await Promise.all(sizes)
  return { files, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) }
}

/** A phone with one bar. */
const SLOW = { latencyMs: 400, bytesPerMs: 50 }
async function slowWire(page: Page): Promise<CDPSession> {
  const wire = await page.context().newCDPSession(page)
  await wire.send('Network.enable')
  await setWire(wire, 'slow')
  return wire
}

async function setWire(wire: CDPSession, is: 'slow' | 'cut'): Promise<void> {
  await wire.send('Network.emulateNetworkConditions', {
    offline: is === 'cut',
    latency: SLOW.latencyMs,
    downloadThroughput: SLOW.bytesPerMs * 1000,
    uploadThroughput: SLOW.bytesPerMs * 1000,
  })
}

async function customer(browser: Browser, service: TestService, query = '') {
  const token = await service.token('customer', ['P3'])
  return visit(browser, `${service.http}/my?lang=en${query}`, { token, viewport: PHONE })
}

void t.test('the pages of customers and of everyone', skip, async (t) => {
  await buildPages()

  await t.test('the first answer weighs less than 60 kB', async (t) => {
    const { service, browser } = await dark(t)
    for (const [path, shown] of [
      [`/my?lang=en#token=${await service.token('customer', ['P3'])}`, '.ans h1'],
      ['/?lang=en', '.list table'],
    ] as const) {
      const page = await browser.newPage({ viewport: PHONE })
      const { files, bytes } = await weigh(page, service.http + path, shown)
      const name = path.slice(0, path.indexOf('?'))
      t.comment(`${name}: ${(bytes / 1024).toFixed(1)} kB in ${files.length} requests`)
      t.ok(files.length >= 4, 'shell, style, script and answer were weighed')
      t.ok(bytes < FIRST_ANSWER_BYTES_MAX, `${name}: ${bytes} bytes`)
      await page.context().close()
    }
  })

  await t.test('on a slow network the answer takes few round trips', async (t) => {
    const { service, browser } = await dark(t)
    const token = await service.token('customer', ['P3'])
    const context = await browser.newContext({ viewport: PHONE })
    const page = await context.newPage()
    const wire = await context.newCDPSession(page)
    await wire.send('Network.enable')
    // So long that what the machine itself takes is nothing beside it.
    const roundTripMs = 3_000
    const slowly = (latency: number) =>
      wire.send('Network.emulateNetworkConditions', {
        offline: false,
        latency,
        downloadThroughput: 50 * 1024,
        uploadThroughput: 20 * 1024,
      })
    await slowly(roundTripMs)
    const askedAt = Date.now()
    await page.goto(`${service.http}/my?lang=en#token=${token}`, { waitUntil: 'commit' })
    await page.locator('.ans h1').waitFor({ timeout: 60_000 })
    const trips = Math.floor((Date.now() - askedAt) / roundTripMs)
    t.comment(`${trips} round trips, one after another`)
    // The page, its script, the answer; each with its bytes at 50 kB a second.
    t.ok(trips <= 3, `${trips} round trips`)
    t.match(await page.locator('.ans h1').innerText(), /Your power is out/)

    await context.close()
  })

  await t.test('a network that carries nothing keeps nobody from the last state', async (t) => {
    const { service, browser } = await dark(t)
    const way = await openCuttable({ host: '127.0.0.1', port: Number(new URL(service.http).port) })
    t.teardown(() => way.close().catch(() => undefined))
    const token = await service.token('customer', ['P3'])
    const { page } = await visit(browser, `http://127.0.0.1:${way.port}/my?lang=en`, {
      token,
      viewport: PHONE,
    })
    await page.getByText('Your power is out').waitFor()
    await page.evaluate('navigator.serviceWorker.ready')
    await page.reload()
    await page.getByText('Your power is out').waitFor()
    way.hang()
    await page.reload({ waitUntil: 'commit' })
    await page.getByText('Your power is out').waitFor()
    await page.locator('.upd.old').waitFor({ timeout: 60_000 })
    t.match(await page.locator('.upd.old').innerText(), /What you see was true at \d\d:\d\d/)
    await way.cut()
    await way.mend()
    await page.locator('.upd.old').waitFor({ state: 'detached', timeout: 90_000 })
  })

  await t.test(
    'without the service the last state stands, and says when it was true',
    async (t) => {
      const { service, browser, database } = await dark(t)
      const { page } = await customer(browser, service)
      await page.getByText('Your power is out').waitFor()
      await page.getByText('· live').waitFor()
      await page.evaluate('navigator.serviceWorker.ready')
      await service.close()
      await page.reload()
      await page.getByText('Your power is out').waitFor()
      const line = page.locator('.upd.old')
      await line.waitFor()
      t.match(await line.innerText(), /What you see was true at \d\d:\d\d/)
      t.equal(await page.getByText('· live').count(), 0)
      for (const look of looks) {
        await page.goto(`${service.http}/my?${look}`)
        await line.waitFor()
        t.same(await violations(page), [], `without the service, ${look}`)
      }

      const again = await openTestService(t, database, {
        env: { NOTICE_HOLD_S: '0', PORT: new URL(service.http).port },
      })
      const field = await openGateway(t, again.broker, 'gw-2')
      await field.switch('S1', 'closed', Date.now(), { reason: 'manual' })
      await page.goto(`${service.http}/my?lang=en`)
      await page.getByText(/Power is back since/).waitFor()
      await line.waitFor({ state: 'detached' })
    },
  )

  await t.test(
    'nothing breaks a rule of WCAG 2.2 AA: empty, error, storm, on a phone',
    async (t) => {
      const { service, browser } = await dark(t)
      const declared = await service.post('storms/declare', { area: 'west' }, 'dispatcher')
      t.equal(declared.status, 200)
      const lit = await service.token('customer', ['P4'])
      const out = await service.token('customer', ['P3'])
      const states: readonly (readonly [string, string, string | undefined])[] = [
        ['/', '.list table', undefined],
        ['/my', '.sign-in', undefined],
        ['/my', '.ans', lit],
        ['/my', '.ans', out],
        ['/plan', '.sign-in', undefined],
        ['/dispatch', '.sign-in', undefined],
      ]
      for (const look of looks) {
        for (const [path, shown, token] of states) {
          const { page } = await visit(browser, `${service.http}${path}?${look}`, {
            viewport: PHONE,
            ...(token === undefined ? {} : { token }),
          })
          await page.locator(shown).first().waitFor()
          t.same(
            await violations(page),
            [],
            `${path} ${token === undefined ? '' : 'signed in'} ${look}`,
          )
          const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
          if (path === '/' || path === '/my') t.ok(wide <= PHONE.width, `${path}: ${wide} px wide`)
          await page.context().close()
        }
        const { page } = await visit(browser, `${service.http}/my?${look}`, {
          token: 'no token at all',
          viewport: PHONE,
        })
        await page.locator('.sign-in').waitFor()
        t.same(await violations(page), [], `a token that is none, ${look}`)
        await page.context().close()
      }
    },
  )

  await t.test(
    'while scripts are still under way the page says whom to call, and the answer where one is signed in',
    async (t) => {
      const { service, browser } = await dark(t)
      const context = await browser.newContext({ viewport: PHONE })
      const page = await context.newPage()
      let release = () => {}
      const released = new Promise<void>((resolve) => (release = resolve))
      await page.route('**/assets/*.js', async (route) => {
        await released
        await route.continue()
      })
      await slowWire(page)
      const plain = page.locator('main.plain')
      await page.goto(`${service.http}/my?lang=en`, { waitUntil: 'commit' })
      await plain.getByText('On medical equipment?').waitFor()
      t.equal(await plain.getByRole('link', { name: 'All outages' }).getAttribute('href'), '/')
      t.equal(await page.locator('textarea').count(), 0, 'no form that the script takes away')

      await context.request.post(`${service.http}/my/sign-in?lang=en`, {
        form: { token: await service.token('customer', ['P3']) },
        headers: { origin: service.http },
      })
      await page.goto(`${service.http}/my?lang=en`, { waitUntil: 'commit' })
      await plain.getByText('Your power is out').waitFor()
      t.match(await plain.innerText(), /As of .*83 without power/s)
      t.same(await violations(page), [])
      release()
      await page.waitForLoadState('networkidle')
      t.match(await plain.innerText(), /Your power is out/, 'no script takes it away')
      t.equal(await page.locator('.sign-in').count(), 0)

      // A copy serves everyone for a few seconds.
      await until(
        async () => (await (await fetch(`${service.http}/?lang=en`)).text()).includes('83'),
        'the public copy has it',
      )
      const everyone = await context.newPage()
      const wire = await slowWire(everyone)
      let seen = ''
      wire.on('Network.requestWillBeSent', ({ request }) => {
        if (!request.url.endsWith('/public/outages')) return
        void everyone
          .locator('#app')
          .innerText()
          .then((words) => (seen = words))
      })
      await everyone.goto(`${service.http}/?lang=en`)
      await everyone.locator('.list table').waitFor()
      t.match(seen, /83 customers are without power/, 'the plain list stands until another does')
    },
  )

  await t.test('without a network the last state stands with its age, which grows', async (t) => {
    const { service, browser, field } = await dark(t)
    const { page } = await customer(browser, service)
    await page.getByText('Your power is out').waitFor()
    await page.getByText('· live').waitFor()
    await page.evaluate('navigator.serviceWorker.ready')
    const wire = await slowWire(page)
    // The page's wire, and that of its service worker.
    await setWire(wire, 'cut')
    await page.context().setOffline(true)
    const line = page.locator('.upd.old')
    await line.waitFor()
    await field.switch('S1', 'closed', Date.now(), { reason: 'manual' })
    await page.reload()
    await page.getByText('Your power is out').waitFor()
    await line.waitFor()
    t.match(await line.innerText(), /What you see was true at \d\d:\d\d/)
    for (const minutes of [5, 65]) {
      await page.evaluate(
        `{ const at = Date.now() + ${minutes * MS_PER_MIN}; Date.now = () => at }`,
      )
      const says = minutes === 5 ? /\b5 min old/ : /\b1 h 10 min old/
      await page.locator('.upd.old', { hasText: says }).waitFor()
    }
    await setWire(wire, 'slow')
    await page.context().setOffline(false)
    await page.reload()
    await page.getByText(/Power is back since/).waitFor()
    await line.waitFor({ state: 'detached' })
  })
})
