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
})
