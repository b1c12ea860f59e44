import t from 'tap'
import type { Channel, ChannelName, Parcel, Sent } from '../src/delivery/channel.ts'
import { deliverDue } from '../src/delivery/deliver.ts'
import type { Etr } from '../src/ledger/acts.ts'
import type { OutageFacts } from '../src/ledger/facts.ts'
import { composeNotices } from '../src/notices/compose.ts'
import type { Draft } from '../src/notices/notice.ts'
import { composePlanned, type PlannedNews } from '../src/notices/planned.ts'
import type { DeskChange, OutageStanding } from '../src/notices/standing.ts'
import { NOTHING_TOLD } from '../src/notices/told.ts'
import { listDeliveries, openOutbox } from '../src/stores/outbox.ts'
import { savePreferences, type ChannelPreference } from '../src/stores/recipients.ts'
import { MS_PER_H, MS_PER_MIN, MS_PER_S } from '../src/time.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { commit } from './support/people.ts'

const ZONE = 'America/New_York'
// Tuesday, 14:00 local.
const NOON = Date.parse('2026-11-24T14:00:00-05:00')
const P1 = 15
const P2 = 23
const SETTINGS = { noticeHoldS: 0, timeZone: ZONE }

/** The notices of outages as the engine composes and commits them, over an outbox, without an engine. */
async function openOffice(t: Parameters<typeof openTestDatabase>[0]) {
  const database: TestDatabase = await openTestDatabase(t)
  const { db } = database
  const outbox = openOutbox(db, ZONE)
  const standings = new Map<string, OutageStanding>()
  let seq = 0
  const tell = async (drafts: readonly Draft[]) => {
    await commit(
      db,
      drafts.map((draft) => ({ ...draft, seq: ++seq })),
    )
  }
  let works = true
  const got: Parcel[] = []
  const channel: Channel = {
    name: 'email',
    async send(parcel): Promise<Sent> {
      if (!works) return { outcome: 'later', says: 'away', afterS: null }
      got.push(parcel)
      return { outcome: 'sent', receipt: null }
    },
    close: () => undefined,
  }
  const channels = new Map<ChannelName, Channel>([['email', channel]])

  /** What is so from now on of an outage; composed, committed, and beside it the outage's own row. */
  async function change(
    at: number,
    changes: readonly { id: string; more: Partial<OutageStanding>; desk?: DeskChange }[],
  ): Promise<void> {
    for (const { id, more } of changes) {
      const before = standings.get(id) ?? {
        facts: factsOf(id, at, [P1], null),
        planned: false,
        etr: null,
        crew: null,
        cause: null,
        closedAt: null,
        storm: false,
        told: NOTHING_TOLD,
      }
      standings.set(id, { ...before, ...more })
    }
    const board = (id: string) => standings.get(id) as OutageStanding
    const composed = composeNotices({
      changes: [],
      desk: changes.flatMap(({ desk }) => desk ?? []),
      due: changes.map(({ id }) => id),
      board,
      at,
      settings: SETTINGS,
    })
    for (const [id, told] of composed.told) standings.set(id, { ...board(id), told })
    for (const { id } of changes) {
      const { facts, etr, crew, cause } = board(id)
      const row = {
        origin: 'live',
        kind: 'unplanned',
        device: facts.device,
        area: facts.area,
        substation: null,
        feeder: facts.feeder,
        anchor_at: new Date(facts.anchorAt),
        phases: 7,
        start_uncertain: false,
        started_at: new Date(facts.startedAt),
        restored_at: facts.restoredAt === null ? null : new Date(facts.restoredAt),
        customers_out: facts.customersOut,
        customers_interrupted: 1,
        closed_customer_ms: 0,
        steps: '[]',
        etr: etr === null ? null : JSON.stringify(etr),
        crew: crew === null ? null : JSON.stringify(crew),
        cause,
        revision: 1,
        updated_at: new Date(at),
      }
      await db
        .insertInto('outage')
        .values({ id, ...row })
        .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
        .execute()
    }
    await tell(composed.drafts)
  }
  return {
    db,
    tell,
    change,
    got,
    away: () => (works = false),
    there: () => (works = true),
    send: (at: number) => deliverDue(outbox, channels, at),
    letters: () => got.splice(0).map((parcel) => parcel.message.text),
    states: async () =>
      (await listDeliveries(db, { limit: 50 })).map(({ kind, state }) => `${kind} ${state}`),
    prefer: (
      subject: string,
      points: readonly string[],
      quiet: ChannelPreference['quiet'] = null,
    ) =>
      db.transaction().execute((tx) =>
        savePreferences(
          tx,
          subject,
          {
            language: 'en',
            channels: [
              {
                channel: 'email',
                address: `${subject}@example.org`,
                servicePoints: [...points],
                kinds: null,
                quiet,
              },
            ],
          },
          (point) => ({ P1, P2 })[point] ?? null,
          NOON - MS_PER_H,
        ),
      ),
  }
}

function factsOf(
  id: string,
  from: number,
  members: readonly number[],
  until: number | null,
): OutageFacts {
  return {
    id,
    device: 'S1',
    anchorAt: from,
    startUncertain: false,
    lockedOut: false,
    phases: 7,
    area: 'west',
    substation: null,
    feeder: 'F1',
    startedAt: from,
    restoredAt: until,
    customersOut: until === null ? members.length : 0,
    customersInterrupted: members.length,
    closedCustomerMs: 0,
    steps: [],
    sets: [
      {
        from,
        until,
        members: [...members],
        phases: 7,
        customers: members.length,
        connectedKva: null,
        area: 'west',
        substation: null,
        feeder: 'F1',
      },
    ],
  }
}

const etrAt = (at: number, issuedAt: number, source: Etr['source'] = 'history'): Etr => ({
  at,
  earliest: null,
  latest: null,
  source,
  issuedAt,
})
const NIGHT = { fromMin: 22 * 60, untilMin: 7 * 60 }

await t.test('a letter that waited for its provider says the estimate of now', async (t) => {
  const office = await openOffice(t)
  await office.prefer('ann', ['P1'])
  office.away()
  await office.change(NOON, [{ id: 'o1', more: { etr: etrAt(NOON + MS_PER_H, NOON) } }])
  await office.send(NOON)

  office.there()
  const passed = NOON + 2 * MS_PER_H
  await office.send(passed)
  t.strictSame(office.letters(), [
    'Your power is out since 14:00. The estimate is being reassessed.',
  ])

  office.away()
  await office.change(passed, [
    {
      id: 'o1',
      more: { etr: etrAt(passed + MS_PER_H, passed, 'crew') },
      desk: { desk: 'etr', outage: 'o1', etr: null },
    },
  ])
  await office.send(passed)
  office.there()
  await office.send(passed + 1000 * MS_PER_S)
  t.strictSame(office.letters(), [
    'Your power is still out. Expected back about 17:00. The estimate is from the crew.',
  ])
})

await t.test('the first word and the estimates behind it leave as one, and true', async (t) => {
  const office = await openOffice(t)
  await office.prefer('ann', ['P1'])
  office.away()
  const lostAt = NOON + 9 * MS_PER_H + 50 * MS_PER_MIN
  await office.change(lostAt, [{ id: 'o1', more: { etr: etrAt(lostAt + MS_PER_H, lostAt) } }])
  await office.send(lostAt)
  const later = lostAt + 30 * MS_PER_MIN
  const crew = { name: 'north', state: 'onSite' as const, at: later }
  const etr = etrAt(later + 3 * MS_PER_H, later, 'dispatcher')
  await office.change(later, [
    {
      id: 'o1',
      more: { etr, crew, cause: 'vegetation' },
      desk: { desk: 'etr', outage: 'o1', etr },
    },
  ])
  office.there()
  await office.send(later)
  // Read on another day: the times say on which. One letter.
  t.match(office.letters(), [
    /^Your power is out since 23:50 on Tue,? 24 Nov\. Expected back about 03:20\. The estimate is from our control room\. A crew is on site\. Cause: a tree on the line\.$/,
  ])
  t.strictSame(await office.states(), ['etrChanged superseded', 'supplyLost sent'])
})

await t.test('back before the letter left: nobody reads that it is out', async (t) => {
  const office = await openOffice(t)
  await office.prefer('ann', ['P1'])
  await office.prefer('bo', ['P2'])
  office.away()
  const both = factsOf('o1', NOON, [P1, P2], null)
  await office.change(NOON, [{ id: 'o1', more: { facts: both } }])
  await office.send(NOON)
  const backAt = NOON + MS_PER_H
  const partly = {
    ...both,
    customersOut: 1,
    sets: [...factsOf('o1', NOON, [P1], backAt).sets, ...factsOf('o1', NOON, [P2], null).sets],
  }
  await office.change(backAt, [{ id: 'o1', more: { facts: partly } }])
  office.there()
  await office.send(backAt + MS_PER_MIN)
  t.strictSame(office.got.map(({ address }) => address).sort(), [
    'ann@example.org',
    'bo@example.org',
  ])
  t.strictSame(office.letters().sort(), [
    'Power is back in your area since 15:00. Still dark? Tell us: you may have a second fault.',
    'Your power is out since 14:00. No estimate yet.',
  ])
})

await t.test(
  'it never was out, and the letter that said so never left: no correction',
  async (t) => {
    const office = await openOffice(t)
    await office.prefer('ann', ['P1'])
    office.away()
    await office.change(NOON, [{ id: 'o1', more: {} }])
    await office.send(NOON)
    const none = { ...factsOf('o1', NOON, [], null), sets: [] }
    await office.change(NOON + MS_PER_H, [{ id: 'o1', more: { facts: none } }])
    office.there()
    await office.send(NOON + MS_PER_H)
    t.strictSame(office.letters(), [])
    t.strictSame(await office.states(), ['outageCorrected superseded', 'supplyLost superseded'])
  },
)

await t.test('at night: in the morning the estimate of the morning, in one letter', async (t) => {
  const office = await openOffice(t)
  await office.prefer('ann', ['P1'], NIGHT)
  const night = NOON + 9 * MS_PER_H
  await office.change(night, [{ id: 'o1', more: { etr: etrAt(night + 3 * MS_PER_H, night) } }])
  await office.send(night)
  t.match(office.letters(), [/Expected back about 02:00/], 'a loss is told at night')
  const crew = { name: 'north', state: 'enRoute' as const, at: night + MS_PER_H }
  const renewed = etrAt(night + 6 * MS_PER_H, night + MS_PER_H)
  await office.change(night + MS_PER_H, [
    { id: 'o1', more: { etr: renewed }, desk: { desk: 'etr', outage: 'o1', etr: renewed } },
  ])
  await office.send(night + MS_PER_H)
  await office.change(night + 2 * MS_PER_H, [
    { id: 'o1', more: { crew }, desk: { desk: 'crew', outage: 'o1', crew } },
  ])
  await office.send(night + 2 * MS_PER_H)
  t.strictSame(office.letters(), [])
  await office.send(night + 8 * MS_PER_H)
  t.strictSame(office.letters(), [
    'Your power is still out. The estimate is being reassessed. A crew is on its way.',
  ])
})

await t.test(
  'one word about a whole area takes the place of those about its outages',
  async (t) => {
    const office = await openOffice(t)
    await office.prefer('ann', ['P1'], NIGHT)
    await office.prefer('bo', ['P1', 'P2'], NIGHT)
    const night = NOON + 9 * MS_PER_H
    await office.change(night, [
      { id: 'o1', more: { facts: factsOf('o1', night, [P1], null) } },
      { id: 'o2', more: { facts: factsOf('o2', night, [P2], null) } },
    ])
    await office.send(night)
    office.letters()
    const first = etrAt(night + 20 * MS_PER_H, night + MS_PER_H)
    await office.change(night + MS_PER_H, [
      { id: 'o1', more: { etr: first }, desk: { desk: 'etr', outage: 'o1', etr: first } },
    ])
    await office.send(night + MS_PER_H)
    const zone = etrAt(night + 30 * MS_PER_H, night + 2 * MS_PER_H, 'zone')
    await office.change(
      night + 2 * MS_PER_H,
      ['o1', 'o2'].map((id) => ({
        id,
        more: { etr: zone },
        desk: { desk: 'etr', outage: id, etr: zone, zone: true },
      })),
    )
    await office.send(night + 2 * MS_PER_H)
    // One of the two is back before the morning, and that is told at once; the other's estimate still waits.
    const backAt = night + 3 * MS_PER_H
    await office.change(backAt, [{ id: 'o1', more: { facts: factsOf('o1', night, [P1], backAt) } }])
    await office.send(backAt)
    t.match(office.letters(), [/power is back/, /power is back/])
    await office.send(night + 8 * MS_PER_H)
    const morning = office.got.map(({ address, message }) => [address, message.text])
    t.match(morning, [['bo@example.org', /still out.*for the whole area/]])
    t.equal(morning.length, 1, 'who is back hears of no estimate')
  },
)

await t.test(
  'planned work: cancelled in the night, nobody reads of it in the morning',
  async (t) => {
    const office = await openOffice(t)
    await office.prefer('ann', ['P1'], NIGHT)
    const night = NOON + 9 * MS_PER_H
    const from = night + 34 * MS_PER_H
    const work = (id: string, begins: number) => ({
      work: id,
      from: begins,
      until: begins + 2 * MS_PER_H,
      reason: 'maintenance',
      area: null,
      feeders: ['F1'],
      members: [P1],
      customers: 1,
      forStaff: {},
    })
    const news = (what: PlannedNews, at: number, planned = work('W-0001', from)) =>
      office.tell(composePlanned(planned, what, { at, settings: SETTINGS }))
    await news('announced', night)
    await office.send(night)
    await news('cancelled', night + MS_PER_H)
    await office.send(night + MS_PER_H)
    t.strictSame(office.letters(), [], 'that the power of tomorrow stays on wakes nobody')
    await office.send(night + 10 * MS_PER_H)
    const morning = office.letters()
    t.match(morning, [/is cancelled/], 'but is told in the morning')
    t.equal(morning.length, 1, 'and the announcement is not told with it')

    await news('cancelled', night + MS_PER_H, work('W-0002', night + 6 * MS_PER_H))
    await office.send(night + MS_PER_H)
    t.match(
      office.letters(),
      [/is cancelled/],
      'told at once where it was to go off before they wake',
    )

    office.away()
    await news('announced', night + 11 * MS_PER_H)
    await office.send(night + 11 * MS_PER_H)
    office.there()
    await office.send(from + MS_PER_MIN)
    t.strictSame(office.letters(), [], 'what has begun is announced no more')
    t.match(await office.states(), ['plannedAnnounced expired'])
  },
)
