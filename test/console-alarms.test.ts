import type { Browser, Page } from 'playwright-core'
import t from 'tap'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { until } from './support/broker.ts'
import { buildPages, noBrowser, openBrowser, violations, visit } from './support/browser.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { listen, openGateway, openTestService, type TestService } from './support/service.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }
const ENV = { NOTICE_HOLD_S: '0', RELIGHT_TIME_ZONE: 'UTC' }

async function desk(browser: Browser, service: TestService, look = 'lang=en&theme=light') {
  const token = await service.token('dispatcher')
  const seen = await visit(browser, `${service.http}/dispatch?${look}`, { token })
  await seen.page.locator('.agenda').waitFor()
  return seen
}

const alarm = (page: Page) => page.locator('.alarms li', { hasText: 'customers out for' })

void t.test(
  'a word about an alarm: seen once, put aside for a time and a reason, taken back',
  async (t) => {
    const database = await openTestDatabase(t)
    const service = await openTestService(t, database, { tables: TOWN, env: ENV })
    const others = await listen(t, service, ['outages'])
    const say = async (what: string, body: object) => {
      const answer = await service.post(`alarms/${what}`, body, 'dispatcher')
      const json = (await answer.json()) as Record<string, unknown>
      return { ...json, status: answer.status } as Record<string, unknown>
    }
    const words = async () =>
      (await service.get<{ alarmWords: Record<string, unknown>[] }>('network/state')).alarmWords
    const iso = (fromNowMs: number) => new Date(Date.now() + fromNowMs).toISOString()
    const key = { alarm: 'unattended:o-1' }

    t.match(await say('unshelve', key), { status: 409, code: 'not-shelved' })
    const seen = await say('acknowledge', key)
    t.match(seen, { status: 200, kind: 'acknowledged', by: 'test-dispatcher' })
    t.match(await say('acknowledge', key), { at: seen['at'] as string }, 'twice is once')

    const until1 = iso(MS_PER_H)
    t.match(await say('shelve', { ...key, until: iso(-1), reason: 'late' }), { status: 400 })
    t.match(await say('shelve', { ...key, until: iso(2 * MS_PER_DAY), reason: 'x' }), {
      status: 400,
      detail: /within a day/,
    })
    t.match(await say('shelve', { ...key, until: until1 }), { status: 400 }, 'a reason is needed')
    t.match(await say('shelve', { alarm: 'a b', until: until1, reason: 'x' }), { status: 400 })
    t.match(await say('shelve', { ...key, until: until1, reason: 'crew knows' }), {
      status: 200,
      kind: 'shelved',
      until: until1,
      reason: 'crew knows',
    })
    t.match(await say('acknowledge', { alarm: 'life:o-2:1' }), { status: 200 })
    await until(async () => (await words()).length === 2, 'the state has the last word about each')
    t.match(await words(), [
      { alarm: 'life:o-2:1', kind: 'acknowledged' },
      { alarm: key.alarm, kind: 'shelved', by: 'test-dispatcher' },
    ])
    t.match(await say('unshelve', key), { status: 200, kind: 'unshelved', until: null })
    await until(() => others.notices().length === 4, 'each word was told once')
    t.match(
      others.notices().map(({ data }) => data),
      [
        { kind: 'alarmAcknowledged', outage: null, alarm: key.alarm },
        { kind: 'alarmShelved', until: until1, reason: 'crew knows', by: 'test-dispatcher' },
        { kind: 'alarmAcknowledged' },
        { kind: 'alarmUnshelved' },
      ],
    )
    const { rows } = await database.pool.query("select act from audit where act like 'alarm.%'")
    t.equal(rows.length, 4)
    await t.rejects(database.pool.query('update alarm_word set by_subject = $1', ['x']), {
      message: /append-only/,
    })
  },
)

void t.test('alarms on two desks', skip, async (t) => {
  await buildPages()
  const browser = await openBrowser(t)

  await t.test(
    'what one desk puts aside or has seen is quiet at the other, and what nobody took stands everywhere',
    async (t) => {
      const database = await openTestDatabase(t)
      const service = await openTestService(t, database, { tables: TOWN, env: ENV })
      const field = await openGateway(t, service.broker)
      await field.switch('S1', 'open', Date.now() - 15 * MS_PER_MIN, { reason: 'lockout' })
      const { page, complaints } = await desk(browser, service)
      const { page: other } = await desk(browser, service)
      for (const each of [page, other])
        await alarm(each).locator('button', { hasText: 'Ack' }).waitFor()
      t.notMatch(await alarm(page).innerText(), /nobody took it/)

      await page.keyboard.press('v')
      const act = page.locator('.act')
      await act.locator('.eff', { hasText: 'Silent at every desk until' }).waitFor()
      await page.keyboard.press('Control+Enter')
      await act.getByText('Write why').waitFor()
      await page.locator('.act input').nth(1).fill('crew is on its way')
      t.same(await violations(page), [])
      await page.keyboard.press('Control+Enter')
      await act.waitFor({ state: 'detached' })
      for (const each of [page, other]) {
        await alarm(each).waitFor({ state: 'detached' })
        await each.getByText('1 put aside').click()
        await each.locator('.alarms .aside', { hasText: 'crew is on its way' }).waitFor()
      }
      t.match(await other.locator('.aside').innerText(), /until \d\d:\d\d, test-dispatcher/)
      t.same(await violations(other), [])
      await other.locator('.aside button', { hasText: 'Take back' }).click()
      for (const each of [page, other]) await each.locator('.alarms .unacked').waitFor()

      // The button that has the focus would keep the key for itself.
      await page.keyboard.press('Escape')
      await page.keyboard.press('Space')
      for (const each of [page, other])
        await alarm(each)
          .getByText(/^ack \d\d:\d\d/)
          .waitFor()
      await page.reload()
      await alarm(page)
        .getByText(/^ack \d\d:\d\d/)
        .waitFor()
      t.same(complaints, [])

      // Nobody takes this one: twenty-five minutes without a crew, fifteen of them as an alarm.
      await field.switch('H2', 'open', Date.now() - 25 * MS_PER_MIN, { reason: 'lockout' })
      const untaken = page.locator('.alarms li', { hasText: 'nobody took it for' })
      await untaken.waitFor()
      t.match(await page.locator('.alarms li').first().innerText(), /H2/, 'it stands first')
      await page.locator('.top select').selectOption('W')
      await page.locator('.agenda tbody tr', { hasText: 'H2' }).waitFor({ state: 'detached' })
      await untaken.waitFor()
      await page.keyboard.press('Space')
      await page.locator('.alarms li', { hasText: 'H2' }).waitFor({ state: 'detached' })
      await page.locator('.top select').selectOption('')
      await page.locator('.alarms li', { hasText: 'H2' }).getByText(/^ack/).waitFor()
      for (const each of [page, other]) await each.context().close()
    },
  )

  await t.test('after a restart an alarm shouts again, and what was seen stays seen', async (t) => {
    const database = await openTestDatabase(t)
    const first = await openTestService(t, database, { tables: TOWN, env: ENV })
    const field = await openGateway(t, first.broker)
    await field.switch('S1', 'open', Date.now() - 15 * MS_PER_MIN, { reason: 'lockout' })
    const { page } = await desk(browser, first)
    await alarm(page).waitFor()
    await page.keyboard.press('Space')
    await alarm(page).getByText(/^ack/).waitFor()
    await until(
      async () =>
        (await first.get<{ alarmWords: unknown[] }>('network/state')).alarmWords.length === 1,
      'it is kept',
    )
    await first.close()
    await page.getByText(/Not connected to the service/).waitFor()
    const second = await openTestService(t, database, {
      env: { ...ENV, PORT: new URL(first.http).port },
    })
    const again = await openGateway(t, second.broker)
    await again.switch('H2', 'open', Date.now() - 15 * MS_PER_MIN, { reason: 'lockout' })
    await page.locator('.alarms .unacked', { hasText: 'H2' }).waitFor()
    await page.locator('.alarms li', { hasText: 'S1' }).getByText(/^ack/).waitFor()
    const { page: fresh } = await desk(browser, second, 'lang=zh&theme=dark')
    await fresh.locator('.alarms .unacked', { hasText: 'H2' }).waitFor()
    await fresh
      .locator('.alarms li', { hasText: 'S1' })
      .getByText(/^已确认/)
      .waitFor()
    t.equal(await fresh.locator('.alarms .unacked').count(), 1)
    t.same(await violations(fresh), [])
    for (const each of [page, fresh]) await each.context().close()
  })

  await t.test('a plan that was changed after its approval calls the desk', async (t) => {
    const database = await openTestDatabase(t)
    const service = await openTestService(t, database, { tables: TOWN, env: ENV })
    const from = Math.floor(Date.now() / MS_PER_H) * MS_PER_H + 10 * MS_PER_H
    const body = (title: string, shiftMs: number) => ({
      title,
      reason: 'maintenance',
      responsible: 'M. Chen',
      steps: [{ switch: 'S1', position: 'open' }],
      window: {
        from: new Date(from + shiftMs).toISOString(),
        until: new Date(from + shiftMs + MS_PER_H).toISOString(),
      },
    })
    const made = await service.post('works', body('Mill', 0), 'planner')
    const { id } = (await made.json()) as { id: string }
    await service.post(`works/${id}/submit`, {}, 'planner')
    await service.post(`works/${id}/approve`, {}, 'admin')
    await service.put(`works/${id}`, body('Mill, by crane', 2 * MS_PER_H), 'planner')
    const { page, complaints } = await desk(browser, service)
    const row = page.locator('.alarms .unacked', { hasText: id })
    await row.getByText(/Mill, by crane: changed since approval, not approved again/).waitFor()
    t.same(await violations(page), [])
    await page.keyboard.press('Space')
    await page.locator('.alarms li', { hasText: id }).getByText(/^ack/).waitFor()
    await service.post(`works/${id}/submit`, {}, 'planner')
    await service.post(`works/${id}/approve`, {}, 'admin')
    await page.locator('.alarms li', { hasText: id }).waitFor({ state: 'detached' })
    t.same(complaints, [])
    await page.context().close()
  })

  await t.test(
    'two outages are made one and two again by keyboard, after their effect was seen',
    async (t) => {
      const database = await openTestDatabase(t)
      const service = await openTestService(t, database, { tables: TOWN, env: ENV })
      const field = await openGateway(t, service.broker)
      await field.switch('S1', 'open', Date.now() - 40 * MS_PER_MIN, { reason: 'lockout' })
      await field.switch('H2', 'open', Date.now() - 20 * MS_PER_MIN, { reason: 'lockout' })
      const { page, complaints } = await desk(browser, service)
      const rows = page.locator('.agenda tbody tr')
      await rows.nth(1).waitFor()
      const s1 = rows.filter({ hasText: 'S1' })
      await s1.locator('button').first().click()
      const outages = async () =>
        (
          await service.get<{
            outages: { device: string; status: string; customersOut: number }[]
          }>('outages?state=active')
        ).outages
      const minutes = async () => {
        const { rows } = await database.pool.query<{ line: string }>(
          `select concat_ws(' ', member, from_at, until_at) as line from interruption, unnest(members) as member order by 1`,
        )
        return rows.map(({ line }) => line)
      }
      const before = await minutes()

      await page.keyboard.press('w')
      const act = page.locator('.act')
      await act.getByText('Choose the outage').waitFor()
      await act.locator('select').selectOption({ index: 1 })
      await act.locator('.eff', { hasText: /One outage, S1 .*: 283 customers out/ }).waitFor()
      t.same(await violations(page), [])
      await page.keyboard.press('Enter')
      t.equal((await outages()).length, 2, 'Enter alone does nothing')
      await page.keyboard.press('Control+Enter')
      await act.waitFor({ state: 'detached' })
      await page.locator('.agenda tbody tr', { hasText: '283' }).waitFor()
      t.equal(await rows.count(), 1)
      t.match(await outages(), [{ device: 'S1', customersOut: 283 }])
      t.strictSame(await minutes(), before, "nobody's minutes change")
      await page.locator('.tl', { hasText: 'merged:' }).waitFor()

      await page.keyboard.press('x')
      await act.getByText('Choose what is an outage of its own').waitFor()
      await act.locator('select').selectOption({ index: 1 })
      await act.locator('.eff', { hasText: 'is an outage of its own again' }).waitFor()
      await page.keyboard.press('Control+Enter')
      await act.waitFor({ state: 'detached' })
      await rows.nth(1).waitFor()
      t.strictSame(await minutes(), before)
      t.same(new Set((await outages()).map(({ customersOut }) => customersOut)), new Set([83, 200]))
      t.same(complaints, [])
      await page.context().close()
    },
  )
})
