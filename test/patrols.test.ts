import t from 'tap'
import { MS_PER_DAY, MS_PER_H } from '../src/time.ts'
import { openTestDatabase } from './support/database.ts'
import { NOW, openFront, tokenFor } from './support/people.ts'

/** The town of support/people.ts: src ──[H1]── n1 ──[S1]── n2 ──[T]── n3 ──[H2]── src2. NOW is the 10th of March 2026, 13:00 in Berlin. */
await t.test('rounds and findings over HTTP', async (t) => {
  const database = await openTestDatabase(t)
  const { db } = database
  let now = NOW
  const front = await openFront(t, database, { clock: () => now })
  let planner = await tokenFor('planner')
  let dispatcher = await tokenFor('dispatcher')
  const post = (url: string, payload: object, token = planner) =>
    front.ask('POST', `/api/v1/${url}`, token, payload)
  const get = (url: string) => front.ask('GET', `/api/v1/${url}`, dispatcher)
  const later = async (ms: number) => {
    now += ms
    planner = await tokenFor('planner', [], now)
    dispatcher = await tokenFor('dispatcher', [], now)
  }

  await t.test(
    'a round names its assets, its owner and its day, or every fault in it',
    async (t) => {
      const bad = await post('patrols', {
        title: 'Mill line',
        owner: 'Ruth',
        assets: ['S1', 'nowhere', 'neither'],
        dueOn: '2026-03-09',
      })
      t.equal(bad.status, 400)
      t.strictSame(
        bad.body.errors.map((part: { at: string }) => part.at),
        ['/dueOn', '/assets/1', '/assets/2'],
      )
      const impossible = { title: 'x', owner: 'Ruth', assets: ['S1'], dueOn: '2026-02-30' }
      t.match((await post('patrols', impossible)).text, /day that exists/)
      t.equal((await post('patrols', { ...impossible, assets: [] })).status, 400)
      t.strictSame((await get('patrols?state=all')).body.patrols, [], 'nothing was stored')
    },
  )

  await t.test('a round is done when every asset was visited, and then stays done', async (t) => {
    const made = await post('patrols', {
      title: 'Mill line',
      owner: 'Ruth',
      assets: ['S1', 'n2', 'F1'],
      dueOn: '2026-03-12',
    })
    t.equal(made.status, 201)
    t.match(made.body, { id: 1, overdue: false, visits: [], doneAt: null })
    t.equal(made.headers.location, '/api/v1/patrols/1')
    t.equal((await post('patrols/1/visits', { asset: 'H2' })).status, 400, 'not on this round')
    await post('patrols/1/visits', { asset: 'S1' }, dispatcher)
    await later(MS_PER_H)
    const twice = await post('patrols/1/visits', { asset: 'S1' })
    t.match(twice.body.visits, [{ asset: 'S1', by: 'dispatcher of the test' }], 'the first counts')
    const early = await post('patrols/1/finish', {})
    t.match(early, { status: 409, body: { code: 'not-all-visited', left: ['n2', 'F1'] } })
    await post('patrols/1/visits', { asset: 'n2' })
    const done = await post('patrols/1/finish', { partly: true })
    t.match(done.body, { doneBy: 'planner of the test', overdue: false })
    t.equal((await post('patrols/1/finish', { partly: true })).status, 409)
    t.equal((await post('patrols/1/visits', { asset: 'F1' })).status, 409)
    t.equal((await post('patrols/99/finish', {})).status, 404)
    t.equal((await get('patrols/x')).status, 400)
  })

  await t.test(
    'what is late is overdue from the day after, in the calendar of the utility',
    async (t) => {
      await post('patrols', { title: 'Quay', owner: 'Ali', assets: ['F2'], dueOn: '2026-03-11' })
      await post('patrols', { title: 'West', owner: 'Ruth', assets: ['W'], dueOn: '2026-03-10' })
      const overdue = async () =>
        (await get('patrols?state=overdue')).body.patrols.map((one: { title: string }) => one.title)
      t.strictSame(await overdue(), [])
      // 23:30 UTC on the 10th is half past midnight on the 11th in Berlin.
      await later(Date.parse('2026-03-10T23:30:00Z') - now)
      t.strictSame(await overdue(), ['West'])
      await later(MS_PER_DAY)
      t.strictSame(await overdue(), ['West', 'Quay'], 'by the day that they were due on')
      const first = await get('patrols?state=open&limit=1')
      t.equal(first.body.patrols[0].title, 'West')
      const second = await get(`patrols?state=open&limit=1&cursor=${first.body.nextCursor}`)
      t.match(second.body, { patrols: [{ title: 'Quay' }], nextCursor: null })
      t.strictSame((await get('patrols?owner=Ali')).body.patrols.length, 1)
      t.equal((await get('patrols?cursor=xx')).status, 400)
    },
  )

  await t.test('a finding goes where the table says, and every step is kept', async (t) => {
    const body = {
      patrol: 1,
      asset: 'S1',
      severity: 'critical',
      says: 'insulator cracked',
      photo: 'rounds/2026/03/0001.jpg',
      owner: 'Ruth',
      dueOn: '2026-03-12',
    }
    t.equal((await post('findings', { ...body, patrol: 77 })).status, 400)
    t.equal((await post('findings', { ...body, asset: 'S9' })).status, 400)
    t.equal((await post('findings', { ...body, photo: 'javascript:alert(1)' })).status, 400)
    const made = await post('findings', body, dispatcher)
    t.match(made.body, { id: 1, state: 'open', foundBy: 'dispatcher of the test', overdue: false })
    t.match((await get('patrols/1')).body, { openFindings: 1, findings: [{ id: 1 }] })
    const move = (state: string, more: object = {}) => post('findings/1/state', { state, ...more })
    t.equal((await move('open')).status, 409)
    t.equal((await move('dismissed')).status, 400, 'not without a reason')
    t.equal((await move('inHand', { work: 'W-0404' })).status, 400)
    t.equal((await move('inHand', { note: 'crew north' })).body.state, 'inHand')
    t.match((await move('fixed', { note: 'replaced' })).body, { closedBy: 'planner of the test' })
    t.match(await move('inHand'), { status: 409, body: { code: 'wrong-state' } })
    const again = await move('open', { note: 'cracked again' })
    t.match(again.body, { state: 'open', closedAt: null })
    t.strictSame(
      again.body.history.map((event: { to: string }) => event.to),
      ['open', 'inHand', 'fixed', 'open'],
    )
    await later(2 * MS_PER_DAY)
    t.match((await get('findings?state=overdue')).body.findings, [{ id: 1, overdue: true }])
    t.strictSame((await get('findings?state=closed')).body.findings, [])
    t.equal((await get('findings?severity=minor')).body.findings.length, 0)
    t.equal((await get('findings?asset=S1')).body.findings.length, 1)
    const audits = await db
      .selectFrom('audit')
      .select('act')
      .where('target', '=', 'finding 1')
      .execute()
    t.equal(audits.length, 4)
  })

  await t.test(
    'an outage with a known cause asks about findings that were open there',
    async (t) => {
      const outageAt = (id: string, device: string, startedAt: number, cause: string | null) =>
        db
          .insertInto('outage')
          .values({
            id,
            device,
            anchor_at: new Date(startedAt),
            phases: 7,
            feeder: device === 'H2' ? 'F2' : 'F1',
            started_at: new Date(startedAt),
            restored_at: new Date(startedAt + MS_PER_H),
            customers_out: 0,
            customers_interrupted: 83,
            closed_customer_ms: 1,
            steps: '[]',
            cause,
            revision: 1,
            updated_at: new Date(startedAt),
          } as never)
          .execute()
      await outageAt('o-before', 'H1', NOW - MS_PER_DAY, 'equipment')
      await outageAt('o-head', 'H1', now - MS_PER_H, 'equipment')
      await outageAt('o-open', 'S1', now - MS_PER_H, null)
      await outageAt('o-other', 'H2', now - MS_PER_H, 'equipment')
      const asked = async (id: string) => (await get(`outages/${id}/findings`)).body
      t.match(
        await asked('o-head'),
        { asks: true, findings: [{ id: 1, answer: null }] },
        'S1 is behind H1',
      )
      t.match(
        await asked('o-open'),
        { asks: false, findings: [{ id: 1 }] },
        'not before a cause is known',
      )
      t.strictSame((await asked('o-before')).findings, [], 'it was not found yet')
      t.strictSame((await asked('o-other')).findings, [], 'the neighbour is asked nothing')
      const say = (id: string, finding: number) =>
        post(`outages/${id}/findings`, { finding, contributed: true }, dispatcher)
      t.equal((await say('o-other', 1)).status, 400)
      t.equal((await say('o-404', 1)).status, 404)
      t.match((await say('o-head', 1)).body, {
        asks: false,
        findings: [{ answer: { contributed: true, by: 'dispatcher of the test' } }],
      })
      t.equal((await say('o-head', 1)).status, 200, 'saying it twice is saying it once')
    },
  )
})
