import t from 'tap'
import { MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { buildPages, noBrowser, violations } from './support/browser.ts'
import { openPlan } from './support/plan.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }

void t.test('planned work on the page of the planner', skip, async (t) => {
  await buildPages()

  await t.test('what it did to customers stands beside what they were told', async (t) => {
    const { plan, service, interrupt } = await openPlan(t)
    const now = Math.floor(Date.now() / MS_PER_MIN) * MS_PER_MIN
    // Crews may begin a quarter of an hour early: the switching of just now is that of a window which is to come.
    const from = now + 10 * MS_PER_MIN
    const draft = {
      title: 'Head of the mill',
      reason: 'maintenance',
      responsible: 'M. Chen',
      assets: ['H1'],
      steps: [{ switch: 'S1', position: 'open' }],
      window: {
        from: new Date(from).toISOString(),
        until: new Date(from + MS_PER_H).toISOString(),
      },
    }
    const answer = await service.post('works', draft, 'planner')
    const { id } = (await answer.json()) as { id: string }
    t.equal((await service.post(`works/${id}/submit`, {}, 'planner')).status, 200)
    const { page, complaints } = await plan(`view=works&work=${id}&lang=en`)
    await page.locator('.gate .checks').waitFor()
    t.equal(
      await page.locator('.against').count(),
      0,
      'nothing is held against what is not approved',
    )

    t.equal((await service.post(`works/${id}/approve`, {}, 'admin')).status, 200)
    await interrupt('H1', now - 4 * MS_PER_MIN, 3)
    // S1 was to take 83 customers off for an hour; H1 took 120 more with it, before anyone was told that it would.
    const rows = [
      /interruption\s+83\s+4,980/,
      /Interrupted\s+203\s+609/,
      /without having been told\s+120\s+360/,
      /before the time they were told\s+—\s+249/,
      /after the time they were told\s+—\s+0/,
      /not interrupted\s+0\s+—/,
    ]
    for (const look of ['lang=en&theme=light', 'lang=zh&theme=dark']) {
      await page.goto(`${page.url().replace(/&lang.*/, '')}&${look}`)
      await page.locator('.against tbody tr').first().waitFor()
      const said = await page.locator('.against tbody tr').allInnerTexts()
      t.equal(said.length, rows.length)
      if (look.includes('en')) rows.forEach((row, i) => t.match(said[i], row))
      t.same(await violations(page), [], look)
    }
    t.same(complaints, [])
  })

  await t.test('a draft names crew, assets and several switches', async (t) => {
    const { plan, service } = await openPlan(t)
    const { page, complaints } = await plan('view=works&lang=en')
    await page.locator('details.new summary').click()
    const form = page.locator('details.new form')
    for (const [name, value] of [
      ['title', 'Quay, new cable'],
      ['reason', 'construction'],
      ['responsible', 'M. Chen'],
      ['crew', 'north'],
      ['assets', 'S1, H2'],
      ['from', '2030-05-01T08:00'],
      ['until', '2030-05-01T10:00'],
      ['switch', 'S1'],
      ['closes', 'T'],
    ] as const) {
      await form.locator(`[name=${name}]`).fill(value)
    }
    await form.locator('[name=kind]').selectOption('temporary')
    await form.locator('button[type=submit]').click()
    await page.locator('.gate', { hasText: 'Quay, new cable' }).waitFor()
    const { works } = await service.get<{ works: object[] }>('works')
    t.match(works, [
      {
        kind: 'temporary',
        crew: 'north',
        assets: ['S1', 'H2'],
        steps: [
          { switch: 'T', position: 'closed' },
          { switch: 'S1', position: 'open' },
        ],
      },
    ])
    await page
      .locator('.checks', { hasText: 'Runs in parallel while switching: F1 / F2' })
      .waitFor()
    await page.getByText('Interrupts nobody').waitFor()
    t.same(complaints, [])
  })

  await t.test(
    'the clock of a form is the one of the utility, wherever the planner sits',
    async (t) => {
      const { plan, service } = await openPlan(t, { RELIGHT_TIME_ZONE: 'Europe/Berlin' })
      const { page, complaints } = await plan('view=works&lang=en', {
        timezoneId: 'America/New_York',
      })
      await page.locator('details.new summary').click()
      const form = page.locator('details.new form')
      const write = async (from: string, until: string) => {
        for (const [name, value] of [
          ['title', 'Clock'],
          ['reason', 'construction'],
          ['responsible', 'M. Chen'],
          ['from', from],
          ['until', until],
        ] as const) {
          await form.locator(`[name=${name}]`).fill(value)
        }
        await form.locator('button[type=submit]').click()
      }
      for (const label of ['From (Europe/Berlin)', 'Until (Europe/Berlin)']) {
        t.equal(await form.getByLabel(label).count(), 1, label)
      }
      // On the 31st of March 2030 the clocks of Berlin go from 02:00 to 03:00; New York's did so three weeks before.
      await write('2030-03-31T02:30', '2030-03-31T06:00')
      await page.getByText('The clocks of Europe/Berlin never show one of these times').waitFor()
      t.same((await service.get<{ works: object[] }>('works')).works, [], 'nothing was kept')
      await write('2030-03-31T01:30', '2030-03-31T06:00')
      await page.locator('.gate', { hasText: 'Clock' }).waitFor()
      t.match((await service.get<{ works: object[] }>('works')).works, [
        { window: { from: '2030-03-31T00:30:00.000Z', until: '2030-03-31T04:00:00.000Z' } },
      ])
      t.match(await page.locator('.gate h2').innerText(), /01:30–06:00/)

      await page.goto(`${page.url().replace(/view=works.*/, '')}view=balance&lang=en`)
      await page.getByLabel('At (Europe/Berlin)').fill('2026-01-15T08:00')
      await page.waitForURL((url) => url.searchParams.get('at') === '2026-01-15T07:00:00.000Z')
      t.same(complaints, [])
    },
  )

  await t.test('a plan that was changed after its approval warns the planner', async (t) => {
    const { plan, service } = await openPlan(t)
    const from = Math.floor(Date.now() / MS_PER_H) * MS_PER_H + 30 * MS_PER_H
    const body = (shiftMs: number) => ({
      title: 'Mill, new pole',
      reason: 'maintenance',
      responsible: 'M. Chen',
      steps: [{ switch: 'S1', position: 'open' }],
      window: {
        from: new Date(from + shiftMs).toISOString(),
        until: new Date(from + shiftMs + MS_PER_H).toISOString(),
      },
    })
    const made = await service.post('works', body(0), 'planner')
    const { id } = (await made.json()) as { id: string }
    await service.post(`works/${id}/submit`, {}, 'planner')
    await service.post(`works/${id}/approve`, {}, 'admin')
    const { page, complaints } = await plan(`view=works&work=${id}&lang=en`)
    await page.locator('.gate .checks').waitFor()
    t.equal(await page.getByText('changed since approval').count(), 0, 'not while it is approved')
    await service.put(`works/${id}`, body(2 * MS_PER_H), 'planner')
    for (const [look, inList, says] of [
      [
        'lang=en&theme=light',
        /changed since approval, not approved again/,
        /0 customers of it, 83 of other times/,
      ],
      ['lang=zh&theme=dark', /批准后已修改，尚未重新批准/, /时间变更 83 户/],
    ] as const) {
      await page.goto(`${page.url().replace(/&lang.*/, '')}&${look}`)
      await page.locator('.gate .checks').waitFor()
      t.match(await page.locator('.cal tbody tr', { hasText: id }).innerText(), inList)
      t.match(await page.locator('.gate .checks').innerText(), says)
      t.same(await violations(page), [], look)
    }
    t.same(complaints, [])
  })
})
