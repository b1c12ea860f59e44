import t from 'tap'
import { buildPages, noBrowser, violations } from './support/browser.ts'
import { LAST_YEAR, openPlan, rowOf } from './support/plan.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }
const looks = ['lang=en&theme=light', 'lang=zh&theme=dark']

void t.test('who is interrupted, and what is done about it', skip, async (t) => {
  await buildPages()

  await t.test(
    'the lists behind the indices name the load points that the service names',
    async (t) => {
      const { plan, outage, service } = await openPlan(t)
      for (const month of [9, 10, 11]) await outage('S1', month, 60)
      await outage('H2', 11, 10)
      const { page, complaints } = await plan(`${LAST_YEAR}&open=worst,customers,watch&lang=en`)
      await page.locator('.watch').waitFor()
      await page.locator('.often-points').waitFor()
      const worst = page.locator('.worst tbody tr')
      await worst.first().waitFor()
      const feeders = await service.get<{ rows: { feeder: string }[] }>(
        `indices/worst-feeders?${LAST_YEAR}&years=2`,
      )
      t.same(
        await page.locator('.worst tbody th').allInnerTexts(),
        feeders.rows.map(({ feeder }) => feeder),
        'in the order of the service',
      )
      // 83 customers behind S1 went without for an hour, three times.
      t.match(
        await rowOf(page, '.often-points', 'n2').innerText(),
        /F1\s+83\s+3\s+1 h\s+3 h\s.*many/,
      )
      const watched = await service.get<{ rows: { loadPoint: string }[] }>(
        `indices/frequent?until=${LAST_YEAR.slice(-10)}`,
      )
      t.same(
        await page.locator('.watch tbody th').allInnerTexts(),
        watched.rows.map(({ loadPoint }) => loadPoint),
      )
      const kept = page.waitForEvent('download')
      await page
        .locator('button[aria-label="Keep Load points with many or long interruptions as CSV"]')
        .click()
      t.match((await kept).suggestedFilename(), /customers.*\.csv$/)
      for (const look of looks) {
        await page.goto(page.url().replace(/&lang.*/, '') + `&${look}`)
        await page.locator('.watch').waitFor()
        t.same(await violations(page), [], look)
      }
      t.same(complaints, [])
    },
  )

  await t.test(
    'a round is kept, visited and finished; a finding goes on; a connection is approved',
    async (t) => {
      const { plan, service } = await openPlan(t)
      const { page, complaints } = await plan(
        'view=upkeep&open=newPatrol,newFinding,newConnection&lang=en',
      )
      const patrols = page.locator('.patrols')
      await patrols.getByText('No round is open.').waitFor()
      await patrols.locator('[name=title]').fill('West, spring')
      await patrols.locator('[name=owner]').fill('M. Chen')
      await patrols.locator('[name=assets]').fill('S1, nowhere')
      await patrols.locator('button', { hasText: 'Keep' }).click()
      await patrols.locator('[role=alert]', { hasText: 'nowhere' }).first().waitFor()
      await patrols.locator('[name=assets]').fill('S1, H1')
      await patrols.locator('button', { hasText: 'Keep' }).click()
      const round = patrols.locator('tbody tr', { hasText: 'West, spring' })
      await round.waitFor()
      t.match(await round.innerText(), /0 \/ 2/)
      for (const asset of ['S1', 'H1']) {
        await round.locator('button', { hasText: `Visited ${asset}` }).click()
      }
      await round.locator('button', { hasText: 'Finish the round' }).click()
      await patrols.getByText('No round is open.').waitFor()

      const findings = page.locator('.findings')
      await findings.locator('[name=asset]').fill('S1')
      await findings.locator('[name=severity]').selectOption('critical')
      await findings.locator('[name=says]').fill('Cracked insulator')
      await findings.locator('[name=owner]').fill('M. Chen')
      await findings.locator('[name=photo]').fill('https://pictures.example.org/s1.jpg')
      await findings.locator('button', { hasText: 'Keep' }).click()
      const finding = findings.locator('tbody tr', { hasText: 'Cracked insulator' })
      await finding.locator('button', { hasText: 'Take in hand' }).click()
      await finding.getByText('in hand', { exact: true }).waitFor()
      const photo = 'https://pictures.example.org/s1.jpg'
      t.equal(await finding.getByRole('link', { name: 'Photo' }).getAttribute('href'), photo)
      t.match(await service.get('findings'), {
        findings: [{ asset: 'S1', state: 'inHand', photo }],
      })

      const connections = page.locator('.connections')
      await connections.locator('[name=point]').fill('F1')
      await connections.locator('[name=kw]').fill('400')
      await connections.locator('button', { hasText: 'Keep' }).click()
      const connection = connections.locator('tbody tr', { hasText: 'F1' })
      await connection.locator('button', { hasText: 'Approve' }).click()
      await connection.getByText('approved', { exact: true }).waitFor()
      t.match(await service.get('connections'), {
        connections: [{ point: 'F1', kw: 400, state: 'approved' }],
      })
      for (const look of looks) {
        await page.goto(page.url().replace(/&lang.*/, '') + `&${look}`)
        await page.locator('.findings tbody tr').waitFor()
        await page.locator('.connections tbody tr').waitFor()
        t.same(await violations(page), [], look)
      }
      t.equal(complaints.length, 1, 'the browser tells of the refusal alone')
      t.match(complaints[0], /400/)
    },
  )
})
