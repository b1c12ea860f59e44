import t from 'tap'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { buildPages, noBrowser, violations } from './support/browser.ts'
import { dayOf, LAST_YEAR, openPlan, rowOf, YEAR } from './support/plan.ts'

const skip = noBrowser === false ? {} : { skip: noBrowser }

/** What a cell says is the value, as far as its digits go. */
const isShown = (text: string | undefined, value: number): boolean =>
  text !== undefined &&
  Math.abs(Number(text.replace('−', '-').replaceAll(',', '')) - value) <=
    (Math.abs(value) >= 10 ? 0.05 : 0.005) + 1e-9

void t.test('the view of the planner', skip, async (t) => {
  await buildPages()

  await t.test('an unknown index is a dash, and nothing is drawn for it', async (t) => {
    const { plan, outage, service } = await openPlan(t)
    await outage('S1', 3, 60)
    const { page, complaints } = await plan(`${LAST_YEAR}&index=CAIDI&open=months&lang=en`)
    const march = rowOf(page, 'section', `${YEAR}-03`)
    await march.waitFor()
    t.match(await march.innerText(), /\b60\b/)
    t.match(await rowOf(page, 'section', `${YEAR}-04`).innerText(), /—\s+—$/)
    t.equal(await page.locator('.ch rect.u').count(), 1, 'one month has a bar')
    t.equal(await page.locator('.ch text.m', { hasText: '—' }).count(), 11, 'the others a dash')
    const { rows } = await service.get<{ rows: { indices: Record<string, number | null> }[] }>(
      `indices?${LAST_YEAR}&by=month`,
    )
    t.equal(rows.filter(({ indices }) => indices['CAIDI'] === null).length, 11)
    t.same(complaints, [])
  })

  await t.test('each part is shown when it is known, and fails alone', async (t) => {
    const { plan, outage } = await openPlan(t)
    await outage('S1', 3, 60)
    const { page } = await plan(`${LAST_YEAR}&lang=en`)
    await page.locator('.causes').waitFor()
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    await page.route(/by=cause/, async (route) => {
      await held
      await route.continue()
    })
    await page.route(/by=feeder/, (route) => route.fulfill({ status: 503, body: '{}' }))
    await page.reload()
    await page.locator('.ch rect.u').nth(2).waitFor()
    const causes = page.locator('section', { hasText: 'Causes' })
    t.match(await causes.innerText(), /Reading the record/)
    await page.getByText(/could not be read: Service Unavailable/).waitFor()
    release()
    await page.locator('.causes').waitFor()
  })

  await t.test('whoever is out makes a row provisional, and its neighbour not', async (t) => {
    const { plan, interrupt, service } = await openPlan(t)
    await interrupt('S1', Date.now() - 2 * MS_PER_H, null)
    const from = dayOf(Date.now() - 2 * MS_PER_DAY)
    const { page } = await plan(`from=${from}&to=${dayOf(Date.now() + MS_PER_DAY)}&lang=en`)
    const out = rowOf(page, '.feeders', 'F1')
    await out.waitFor()
    t.match(await out.innerText(), /provisional/)
    t.notMatch(await rowOf(page, '.feeders', 'F2').innerText(), /provisional/)
    await page.locator('h2', { hasText: '* provisional' }).waitFor()
    const { rows } = await service.get<{ rows: { group: string; provisional: boolean }[] }>(
      `indices?from=${from}&to=${dayOf(Date.now() + MS_PER_DAY)}&by=feeder`,
    )
    t.same(
      rows.map(({ group, provisional }) => [group, provisional]),
      [
        ['F1', true],
        ['F2', false],
      ],
    )
  })

  await t.test('the address alone shows the same: period, tables, explained outage', async (t) => {
    const { plan, outage } = await openPlan(t)
    await outage('S1', 3, 60)
    await outage('H2', 5, 30)
    const { page } = await plan('lang=en')
    await page.waitForURL(/from=\d{4}-01-01&to=\d{4}-\d\d-\d\d/)
    await page.goto(page.url().replace(/from=.*?&to=[^&]*/, `${LAST_YEAR}&explain=`))
    await page.locator('aside .sel').waitFor()
    const largest = await page.locator('aside .sel button').innerText()
    const other = page.locator('aside tbody tr:not(.sel) button[aria-expanded]')
    const chosen = await other.innerText()
    t.not(chosen, largest)
    await other.click()
    await page.locator('summary', { hasText: 'Table' }).first().click()
    await page.waitForURL(/open=months/)
    const address = page.url()
    await page.goto('about:blank')
    await page.goto(address)
    await page.locator('aside .sel button', { hasText: chosen }).waitFor()
    t.ok(await rowOf(page, 'section', `${YEAR}-05`).isVisible(), 'the table is out')
    t.match(await page.locator('aside').innerText(), /switch\/H2|switch\/S1/)
    await page.goBack()
    t.same(await violations(await page.goto(address).then(() => page)), [])
  })

  await t.test('behind every chart lies the table of what it draws', async (t) => {
    const { plan, outage, interrupt, service } = await openPlan(t)
    await outage('S1', 3, 60)
    await outage('H2', 5, 30)
    await outage('S1', 5, 2)
    await interrupt('H1', Date.UTC(YEAR, 6, 1, 12), 600)
    type Row = {
      group: string
      cmi: number
      customersServed: number
      indices: Record<string, number | null>
    }
    for (const [rulebook, index, ofDay] of [
      ['ieee1366', 'SAIDI', ({ indices }: Row) => indices['SAIDI'] ?? NaN],
      // In hours of users, and the threshold is of minutes without short ones.
      ['dlt836', 'SAIDI-1', ({ indices }: Row) => (indices['SAIDI-4'] ?? NaN) * 60],
      ['ofgem', 'CML', ({ indices }: Row) => indices['CML'] ?? NaN],
    ] as const) {
      const { page } = await plan(
        `${LAST_YEAR}&rulebook=${rulebook}&index=${index}&open=months,majorDays&lang=en`,
      )
      await page.locator('.dots').waitFor()
      const rowsOf = async (heading: string): Promise<string[][]> =>
        page
          .locator('section', { has: page.locator('h2', { hasText: heading }) })
          .locator('table tbody tr')
          .evaluateAll((rows) =>
            rows.map((row) =>
              [...(row as unknown as { cells: Iterable<{ innerText: string }> }).cells].map(
                ({ innerText }) => innerText,
              ),
            ),
          )
      const ask = async (by: string, more = '') =>
        (
          await service.get<{ rows: Row[] }>(
            `indices?${LAST_YEAR}&rulebook=${rulebook}&by=${by}${more}`,
          )
        ).rows
      const days = (await ask('day', '&exclude=planned')).filter((row) => ofDay(row) > 0)
      t.equal(days.length, 3, `${rulebook}: the day of two minutes alone has no logarithm`)
      const told = await rowsOf('Major days')
      const drawn = days.map(ofDay).sort((a, b) => b - a)
      t.equal(told.length, drawn.length, `${rulebook}: every day that is drawn`)
      drawn.forEach((minutes, i) => {
        t.ok(isShown(told[i]?.[1], minutes), `${told[i]?.[1]} for ${minutes}`)
        t.ok(isShown(told[i]?.[2], Math.log(minutes)), `ln ${told[i]?.[2]} for ${minutes}`)
      })
      const dots = (await page.locator('.dots').getAttribute('d')) ?? ''
      t.equal(dots.split('M').length - 1, days.length, 'and as many dots')
      const months = await ask('month')
      const listed = (await rowsOf('by month')).filter((row) => row.length > 2)
      t.equal(listed.length, 12)
      months.forEach(({ group, indices }, i) => {
        t.match(listed[i]?.[0], group)
        t.ok(isShown(listed[i]?.[1], indices[index] ?? NaN), `${group} ${listed[i]?.[1]}`)
      })
      await page.context().close()
    }
  })

  await t.test('a target stands beside its index in every view of the whole', async (t) => {
    const { plan, outage, service } = await openPlan(t)
    await outage('S1', 3, 60)
    const { page, complaints } = await plan(`${LAST_YEAR}&open=targets&lang=en`)
    // 83 customers of 403 for an hour: 12.4 minutes a customer.
    const saidi = page.locator('.ix', { hasText: 'SAIDI' })
    await page.locator('input[name=SAIDI]').fill('10')
    await page.locator('input[name=SAIFI]').fill('0.5')
    await page.locator('input[name=ASAI]').fill('0.99')
    await page.locator('button', { hasText: 'Save targets' }).click()
    await page.getByText('Saved.').waitFor()
    t.match(await saidi.innerText(), /12\.4 min\s+target 10 · above target/)
    t.match(await page.locator('.ix', { hasText: 'SAIFI' }).innerText(), /target 0\.5 · target met/)
    t.match(await page.locator('.ix', { hasText: 'ASAI' }).innerText(), /target 0\.99 · target met/)
    t.same(
      (await service.get<{ targets: object }>(`targets?year=${YEAR}`)).targets,
      { ASAI: 0.99, SAIDI: 10, SAIFI: 0.5 },
      'what was left empty is no target',
    )
    await page.goto(page.url().replace(`to=${YEAR + 1}-01-01`, `to=${YEAR}-10-01`))
    await saidi.getByText('above target').waitFor()
    t.match(await page.locator('.ix', { hasText: 'SAIFI' }).innerText(), /within it so far/)
    await page.locator('.ask select').first().selectOption('area west')
    await page.getByText('Only west').waitFor()
    t.notMatch(await page.locator('.ixs').innerText(), /target/, 'a target is of the whole')
    t.match(page.url(), /area=west/)
    t.same(await violations(page), [])
    t.same(complaints, [])
  })

  await t.test(
    'a target that is being typed stays when the page learns something new',
    async (t) => {
      const { plan, outage } = await openPlan(t)
      await outage('S1', 3, 60)
      const { page } = await plan(`${LAST_YEAR}&open=targets&lang=en`)
      await page.locator('.causes').waitFor()
      let release = (): void => undefined
      const held = new Promise<void>((resolve) => (release = resolve))
      await page.route(/by=cause/, async (route) => {
        await held
        await route.continue()
      })
      await page.reload()
      const field = page.locator('input[name=SAIDI]')
      await field.fill('10')
      release()
      await page.locator('.causes').waitFor()
      t.equal(await field.inputValue(), '10')
      await page.goto(
        page
          .url()
          .replaceAll(String(YEAR), String(YEAR - 1))
          .replace(`to=${YEAR + 1}`, `to=${YEAR}`),
      )
      await field.waitFor()
      t.equal(await field.inputValue(), '', 'another year has none')
    },
  )

  await t.test('the map says in words and numbers what its squares show', async (t) => {
    const { plan, outage } = await openPlan(t)
    for (const month of [3, 4, 5]) await outage('S1', month, 60)
    await outage('H2', 6, 30)
    const { page, complaints } = await plan(`${LAST_YEAR}&open=often&lang=en`)
    await page.locator('.often .legend').waitFor()
    t.equal(await page.locator('.cells:not(.sw) rect').count(), 3)
    t.equal(await page.locator('.cells:not(.sw) rect.k4').count(), 1)
    const row = (name: string) => rowOf(page, '.legend', name).first().innerText()
    t.match(await row('3 or more'), /\b1\s+83\s+20\.6/)
    t.match(await row('1 to below 2'), /\b1\s+200\s+49\.6/)
    t.match(await row('none'), /\b1\s+120\s+29\.8/)
    t.match(
      await page.locator('.cells rect.k4 title').textContent(),
      /83 customers, 3 interruptions each; 83 had three or more/,
    )
    t.match(await rowOf(page, '.often details', 'n2').innerText(), /F1\s+83\s+3/)
    const kept = page.waitForEvent('download')
    await page.locator('button[aria-label="Keep the feeders as XLSX"]').click()
    const file = await kept
    t.equal(
      file.suggestedFilename(),
      `relight-ieee1366-feeder-${YEAR}-01-01-${YEAR + 1}-01-01.xlsx`,
    )
    for (const look of ['lang=en&theme=dark', 'lang=zh&theme=light']) {
      await page.goto(`${page.url().replace(/&lang.*/, '')}&${look}`)
      await page.locator('.often .legend').waitFor()
      t.same(await violations(page), [], look)
    }
    t.same(complaints, [])
  })

  await t.test('a list of works that goes on says so, and goes on', async (t) => {
    const { plan, service } = await openPlan(t)
    const work = async (title: string, from: number): Promise<string> => {
      const answer = await service.post('works', {
        title,
        reason: 'maintenance',
        responsible: 'M. Chen',
        window: {
          from: new Date(from).toISOString(),
          until: new Date(from + MS_PER_H).toISOString(),
        },
      })
      return ((await answer.json()) as { id: string }).id
    }
    const old = await work('Long ago', Date.now() - 60 * MS_PER_DAY)
    for (let n = 0; n < 201; n += 1) {
      // The full stop keeps the number apart from the hour that stands beside it.
      await work(`Work number ${n}.`, Date.now() + MS_PER_DAY + n * MS_PER_MIN)
    }
    const { page, complaints } = await plan(`view=works&work=${old}&lang=en`)
    await page.getByText('The first 200 are shown.').waitFor()
    t.equal(await page.getByText('Work number 200.').count(), 0)
    await page.locator('.gate', { hasText: 'Long ago' }).waitFor()
    await page.locator('button', { hasText: 'More works' }).click()
    await page.getByText('Work number 200.').waitFor()
    t.equal(await page.locator('.cal tbody tr').count(), 201, 'what is long over is not among them')
    await page.goto(`${page.url()}&since=${dayOf(Date.now() - 61 * MS_PER_DAY)}`)
    await page.locator('.cal', { hasText: 'Long ago' }).waitFor()
    t.same(complaints, [])
  })
})
