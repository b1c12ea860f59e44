import t from 'tap'
import type { Channel, Parcel } from '../src/delivery/channel.ts'
import { deliverDue } from '../src/delivery/deliver.ts'
import { groupCode } from '../src/ledger/facts.ts'
import { openOutbox } from '../src/stores/outbox.ts'
import { readLoadPointNumbers } from '../src/stores/standing-read.ts'
import { savePreferences } from '../src/stores/recipients.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { until } from './support/broker.ts'
import { openEngine } from './support/hand-engine.ts'
import { openFront, tokenFor } from './support/people.ts'

const START = Date.parse('2026-03-10T12:00:00Z')
const iso = (at: number) => new Date(at).toISOString()
/** Minutes of the day that someone sleeps in. */
const NIGHT = { fromMin: 22 * 60, untilMin: 7 * 60 }

/**
 * SW1 opens: T2 with P2 (ann; cat, who sleeps from 22 to 7; dan by two addresses) is off, and T1 with P1 (ben) is not. The engine, its database, the
 * HTTP front and the outbox go by one clock, which the test sets.
 */
async function openTown(t: Parameters<typeof openFront>[0]) {
  const engine = await openEngine(t, START)
  const { db, pool, state } = engine
  const clock = () => state.now
  const front = await openFront(t, engine, {
    clock,
    act: (act) => engine.act(act),
    announce: (drafts, also) => engine.announce(drafts, also),
    settings: { timeZone: 'UTC' },
  })
  let seq = 0
  let turned = 0
  /** A fuse far from everyone here, so that the engine looks at its clock. */
  const blip = async () => {
    for (const position of ['open', 'closed']) {
      const said = { at: iso(state.now + turned++), seq: seq++, position, phases: 'A' }
      await engine.publish('grid/v1/gw/switch/FA', said)
    }
  }
  const numbers = await readLoadPointNumbers(db)
  const groupOf = (point: string) => {
    const number = numbers.get(point === 'P1' ? 'T1' : 'T2')
    if (number === undefined) throw new Error(`no number of ${point}`)
    return groupCode(number, 7)
  }
  const prefer = (subject: string, point: string, more: object = {}, addresses = [subject]) =>
    db.transaction().execute((tx) =>
      savePreferences(
        tx,
        subject,
        {
          language: 'en',
          channels: addresses.map((address) => ({
            channel: 'sms',
            address,
            servicePoints: [point],
            kinds: null,
            quiet: null,
            ...more,
          })),
        },
        groupOf,
        state.now - MS_PER_H,
      ),
    )
  await prefer('ann', 'P2')
  await prefer('ben', 'P1')
  await prefer('cat', 'P2b', { quiet: NIGHT })
  await prefer('dan', 'P2', {}, ['dan', 'dan2'])

  const outbox = openOutbox(db, 'UTC')
  const letters: string[] = []
  const channel: Channel = {
    name: 'sms',
    async send({ address, data }: Parcel) {
      const news = data['reminder'] === true ? 'reminder' : data.kind.replace('planned', '')
      letters.push(`${address} ${String(data['work'])} ${news} ${data.startedAt.slice(5, 16)}`)
      return { outcome: 'sent', receipt: null }
    },
    close: () => undefined,
  }
  /** What has been delivered since the last time. */
  const heard = async () => {
    await deliverDue(outbox, new Map([['sms', channel]]), state.now)
    return letters.splice(0).toSorted()
  }

  const ask = async (method: string, url: string, role: 'planner' | 'admin', body: object) => {
    const answer = await front.ask(
      method,
      `/api/v1/works${url}`,
      await tokenFor(role, [], clock()),
      body,
    )
    if (answer.status >= 300) throw new Error(`${url}: ${answer.text}`)
    return answer.body
  }
  const plan = (from: number, steps: readonly object[], hours = 2) => ({
    title: 'work',
    reason: 'maintenance',
    responsible: 'Ruth',
    steps,
    window: { from: iso(from), until: iso(from + hours * MS_PER_H) },
  })
  const OFF = [{ switch: 'SW1', position: 'open' }]
  const approve = async (id: string) => {
    await ask('POST', `/${id}/submit`, 'planner', {})
    await ask('POST', `/${id}/approve`, 'admin', { acceptConflicts: true })
  }
  const approved = async (from: number, steps = OFF, hours = 2): Promise<string> => {
    const { id } = await ask('POST', '', 'planner', plan(from, steps, hours))
    await approve(id)
    return id
  }
  return {
    engine,
    ask,
    approve,
    approved,
    moved: (from: number) => plan(from, OFF),
    heard,
    /**
     * Lets time come to `at`. Proven by a work that interrupts nobody, which is overdue by then: the minute in which the engine says so is the one in
     * which it would have reminded.
     */
    async timeComes(at: number) {
      const sentinel = await approved(at - 2 * MS_PER_MIN, [], 1 / 60)
      state.now = at
      await blip()
      const isOverdue = async () => {
        const sql = `select 1 from work where id = $1 and state = 'overdue'`
        return (await pool.query(sql, [sentinel])).rowCount === 1
      }
      await until(isOverdue, `the engine has seen ${iso(at)}`)
    },
  }
}

const everyone = (...news: string[]) =>
  ['ann', 'cat', 'dan', 'dan2'].flatMap((who) => news.map((what) => `${who} ${what}`)).toSorted()

await t.test(
  'announced with long notice: one reminder, a day before, to each who was told, across restarts',
  async (t) => {
    const town = await openTown(t)
    const from = START + 90 * MS_PER_DAY
    const work = await town.approved(from)
    const at = iso(from).slice(5, 16)
    t.strictSame(await town.heard(), everyone(`${work} Announced ${at}`))
    const dueAt = from - MS_PER_DAY
    await town.timeComes(dueAt - MS_PER_H)
    t.strictSame(await town.heard(), [], 'an hour too early')
    await town.engine.restart()
    await town.timeComes(dueAt)
    t.strictSame(await town.heard(), everyone(`${work} reminder ${at}`))
    await town.engine.restart()
    await town.timeComes(dueAt + MS_PER_H)
    await town.timeComes(from - 10 * MS_PER_MIN)
    await town.timeComes(from + MS_PER_H)
    t.strictSame(await town.heard(), [], 'and never again')
    const { rows } = await town.engine.pool.query<{ audience: string; n: number }>(
      `select audience, count(*)::int as n from notice where data->>'reminder' = 'true' group by audience`,
    )
    t.strictSame(rows, [{ audience: 'customer', n: 1 }], 'staff and the public read it once')
  },
)

await t.test('an engine that was away when it was due reminds as soon as it is back', async (t) => {
  const town = await openTown(t)
  const from = START + 8 * MS_PER_DAY
  const work = await town.approved(from)
  await town.heard()
  await town.engine.restart()
  await town.timeComes(from - 3 * MS_PER_H)
  t.strictSame(await town.heard(), everyone(`${work} reminder ${iso(from).slice(5, 16)}`))
})

await t.test('who was told within the last day is not reminded of it', async (t) => {
  const town = await openTown(t)
  const from = START + 20 * MS_PER_H
  const work = await town.approved(from)
  t.strictSame(await town.heard(), everyone(`${work} Announced ${iso(from).slice(5, 16)}`))
  await town.timeComes(from - MS_PER_H)
  t.strictSame(await town.heard(), [])
})

await t.test('after it was cancelled nobody is reminded', async (t) => {
  const town = await openTown(t)
  const from = START + 10 * MS_PER_DAY
  const work = await town.approved(from)
  await town.heard()
  await town.timeComes(START + 5 * MS_PER_DAY)
  await town.ask('POST', `/${work}/cancel`, 'planner', {})
  t.strictSame(await town.heard(), everyone(`${work} Cancelled ${iso(from).slice(5, 16)}`))
  await town.timeComes(from - MS_PER_DAY + MS_PER_MIN)
  await town.timeComes(from - MS_PER_H)
  t.strictSame(await town.heard(), [])
})

await t.test('a window that moves takes its reminder along, also one that was given', async (t) => {
  const town = await openTown(t)
  const first = START + 10 * MS_PER_DAY
  const then = first + 2 * MS_PER_DAY
  const work = await town.approved(first)
  await town.heard()
  await town.timeComes(START + 5 * MS_PER_DAY)
  await town.ask('PUT', `/${work}`, 'planner', town.moved(then))
  t.strictSame(await town.heard(), [], 'a plan that asks again changes nothing for customers')
  await town.approve(work)
  t.strictSame(await town.heard(), everyone(`${work} Changed ${iso(then).slice(5, 16)}`))
  await town.timeComes(first - MS_PER_DAY + MS_PER_MIN)
  t.strictSame(await town.heard(), [], 'nobody is reminded of the window of before')
  await town.timeComes(then - MS_PER_DAY + MS_PER_MIN)
  t.strictSame(await town.heard(), everyone(`${work} reminder ${iso(then).slice(5, 16)}`))

  const last = then + 4 * MS_PER_DAY
  await town.ask('PUT', `/${work}`, 'planner', town.moved(last))
  await town.approve(work)
  t.strictSame(await town.heard(), everyone(`${work} Changed ${iso(last).slice(5, 16)}`))
  await town.timeComes(last - MS_PER_DAY + MS_PER_MIN)
  t.strictSame(await town.heard(), everyone(`${work} reminder ${iso(last).slice(5, 16)}`))
})

await t.test(
  'changed and not approved again: when the time comes that customers were told, they hear that it is off',
  async (t) => {
    const town = await openTown(t)
    const from = START + 10 * MS_PER_DAY
    const at = iso(from).slice(5, 16)
    const [work, kept] = [await town.approved(from), await town.approved(from + MS_PER_MIN)]
    await town.heard()
    await town.timeComes(START + 5 * MS_PER_DAY)
    const then = from + 3 * MS_PER_DAY
    await town.ask('PUT', `/${work}`, 'planner', town.moved(then))
    await town.timeComes(from - MS_PER_DAY + 5 * MS_PER_MIN)
    const keptAt = iso(from + MS_PER_MIN).slice(5, 16)
    t.strictSame(
      await town.heard(),
      everyone(`${kept} reminder ${keptAt}`),
      'nobody is reminded of what is not approved',
    )
    await town.timeComes(from - 5 * MS_PER_MIN)
    t.strictSame(await town.heard(), [], 'it can still be approved')
    await town.engine.restart()
    await town.timeComes(from + 3 * MS_PER_MIN)
    t.strictSame(await town.heard(), everyone(`${work} Cancelled ${at}`))
    await town.timeComes(from + 30 * MS_PER_MIN)
    t.strictSame(await town.heard(), [], 'once, and the neighbour that is approved stands')
    const staff = await town.engine.pool.query(
      `select 1 from notice where audience = 'staff' and kind = 'plannedCancelled' and data->>'work' = $1`,
      [work],
    )
    t.equal(staff.rowCount, 1, 'staff hear of it too')
    // The plan goes on: approved for its later window it is announced anew.
    await town.approve(work)
    t.strictSame(await town.heard(), everyone(`${work} Announced ${iso(then).slice(5, 16)}`))
  },
)

await t.test(
  'who sleeps is reminded in the morning, and not of what was cancelled in the night',
  async (t) => {
    const town = await openTown(t)
    const from = Date.parse('2026-03-22T02:00:00Z')
    const [kept, off] = [await town.approved(from), await town.approved(from + MS_PER_MIN)]
    await town.heard()
    await town.timeComes(from - MS_PER_DAY + 5 * MS_PER_MIN)
    const reminded = [`${kept} reminder 03-22T02:00`, `${off} reminder 03-22T02:01`]
    t.strictSame(
      await town.heard(),
      everyone(...reminded).filter((letter) => !letter.startsWith('cat')),
      'at two in the night those who do not sleep',
    )
    await town.timeComes(from - MS_PER_DAY + MS_PER_H)
    await town.ask('POST', `/${off}/cancel`, 'planner', {})
    t.strictSame(
      await town.heard(),
      everyone(`${off} Cancelled 03-22T02:01`).filter((letter) => !letter.startsWith('cat')),
    )
    await town.timeComes(Date.parse('2026-03-21T06:59:00Z'))
    t.strictSame(await town.heard(), [], 'a minute to seven')
    await town.timeComes(Date.parse('2026-03-21T07:05:00Z'))
    t.strictSame(await town.heard(), [
      `cat ${kept} reminder 03-22T02:00`,
      `cat ${off} Cancelled 03-22T02:01`,
    ])
    await town.timeComes(from - MS_PER_H)
    await town.ask('POST', `/${kept}/cancel`, 'planner', {})
    t.strictSame(
      await town.heard(),
      everyone(`${kept} Cancelled 03-22T02:00`),
      'but at once, where in the morning it would be of no use',
    )
  },
)

await t.test('drafts that nobody came back to keep no reminder from being sent', async (t) => {
  const town = await openTown(t)
  const from = START + 9 * MS_PER_DAY
  const work = await town.approved(from)
  await town.heard()
  await town.engine.pool.query(
    `insert into work (id, state, window_from, window_until, crew, document, revision, updated_at)
     select 'D-' || n, 'draft', now() - interval '900 days', now() - interval '899 days', null,
       (select document || jsonb_build_object('id', 'D-' || n, 'state', 'draft') from work where id = $1), 1, now()
     from generate_series(1, 1100) as n`,
    [work],
  )
  await town.timeComes(from - MS_PER_DAY + MS_PER_MIN)
  t.strictSame(await town.heard(), everyone(`${work} reminder ${iso(from).slice(5, 16)}`))
})

await t.test(
  'an approval that comes upon a work changed meanwhile is refused, and nobody is told',
  async (t) => {
    const town = await openTown(t)
    const { pool } = town.engine
    const from = START + 9 * MS_PER_DAY
    const { id } = await town.ask('POST', '', 'planner', town.moved(from))
    await town.ask('POST', `/${id}/submit`, 'planner', {})
    const seqOf = async () => (await pool.query('select max(seq) as seq from notice')).rows[0].seq
    const before = await seqOf()

    const rival = await pool.connect()
    await rival.query('begin')
    await rival.query('update work set revision = revision + 1 where id = $1', [id])
    const approval = town.ask('POST', `/${id}/approve`, 'admin', { acceptConflicts: true })
    const refused = t.rejects(approval, { message: /changed-meanwhile/ })
    const waits = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    await until(
      async () => (await pool.query(waits)).rowCount === 1,
      'the approval meets the other',
    )
    await rival.query('commit')
    rival.release()
    await refused

    t.strictSame(await town.heard(), [])
    t.equal(await seqOf(), before, 'no socket will hear of it either')
    t.strictSame(town.engine.state.deaths, [], 'the engine goes on')
    await town.ask('POST', `/${id}/approve`, 'admin', { acceptConflicts: true })
    t.strictSame(await town.heard(), everyone(`${id} Announced ${iso(from).slice(5, 16)}`))
  },
)
