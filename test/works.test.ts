import t from 'tap'
import { balanceOf } from '../src/balance/balance.ts'
import { expectLoads } from '../src/balance/allocation.ts'
import { rateNetwork, supplyTree, upNode } from '../src/balance/supply-tree.ts'
import { switchingEffect } from '../src/balance/ties.ts'
import { cutIntoZones } from '../src/balance/zones.ts'
import { energize, type Energization } from '../src/grid/energization.ts'
import { buildNetwork, type Network } from '../src/grid/network.ts'
import type { NetworkTables } from '../src/grid/tables.ts'
import type { Draft } from '../src/notices/notice.ts'
import type { HttpParts } from '../src/http/parts.ts'
import { loadPointNumbers, saveRevision } from '../src/stores/networks.ts'
import { toAppendNotices, lastNoticeSeq } from '../src/stores/notices.ts'
import { runIn } from '../src/stores/statement.ts'
import { plannedAt, worksAround } from '../src/stores/works.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { actualAgainstPlanned } from '../src/work/actual.ts'
import { plannedDrafts, reminderDrafts } from '../src/work/announce.ts'
import { effectOfWork, type EffectInput } from '../src/work/effect.ts'
import { customerMinutes, interruptionsOf } from '../src/work/interruptions.ts'
import { plannedNature } from '../src/work/nature.ts'
import { CHINA_PROMISE, GB_PROMISE, noticeStanding } from '../src/work/promise.ts'
import {
  callOffUnapproved,
  changedSinceApproval,
  UNAPPROVED_NEAR_H,
} from '../src/work/unapproved.ts'
import {
  actOnWork,
  draftWork,
  editWork,
  expireWork,
  isReminderDue,
  remindedCustomers,
  toldCustomers,
  WORK_ACTS,
  WORK_STATES,
  type Work,
  type WorkAct,
  type WorkPlan,
  type WorkState,
} from '../src/work/work.ts'
import { randomFrom } from '../simulators/random.ts'
import { makeTown } from '../simulators/town.ts'
import { openTestDatabase } from './support/database.ts'
import { GROUP, NOW, openFront, tokenFor } from './support/people.ts'

const DAY = Date.UTC(2026, 10, 30, 8)
const TOLD = { promise: CHINA_PROMISE, news: true }
const plan = (more: Partial<WorkPlan> = {}): WorkPlan => ({
  title: 'Replace line b',
  kind: 'planned',
  method: 'dead',
  reason: 'maintenance',
  responsible: 'Ruth',
  crew: 'north',
  assets: ['lb'],
  steps: [{ switch: 'S1', position: 'open', afterMin: 0 }],
  window: { from: DAY, until: DAY + 4 * MS_PER_H },
  ...more,
})
const by = (who: string, at = DAY - 10 * MS_PER_DAY) => ({ at, by: who, note: null })
const draft = (id = 'W-1', more: Partial<WorkPlan> = {}) => draftWork(id, plan(more), by('ann'))

/** The work after these acts, which must all be allowed. */
function after(work: Work, ...acts: [WorkAct, string, number?][]): Work {
  for (const [act, who, at] of acts) {
    const answer = actOnWork(work, act, by(who, at))
    if (answer.outcome !== 'moved') throw new Error(`${act}: ${answer.outcome}`)
    work = answer.work
  }
  return work
}
const approved = (id = 'W-1', more: Partial<WorkPlan> = {}) =>
  after(draft(id, more), ['submit', 'ann'], ['approve', 'bob'])

await t.test('every act in every state leads where the table says, and nowhere else', async (t) => {
  const during = DAY + MS_PER_H
  const works: Record<WorkState, Work> = {
    draft: draft(),
    submitted: after(draft(), ['submit', 'ann']),
    approved: approved(),
    inProgress: after(approved(), ['start', 'ann', during]),
    finished: after(approved(), ['start', 'ann', during], ['finish', 'ann', during + 1]),
    cancelled: after(draft(), ['cancel', 'ann']),
    overdue: expireWork(after(approved(), ['start', 'ann', during]), DAY + 5 * MS_PER_H) as Work,
  }
  const table: Record<WorkState, Partial<Record<WorkAct, WorkState>>> = {
    draft: { submit: 'submitted', cancel: 'cancelled' },
    submitted: { approve: 'approved', cancel: 'cancelled' },
    approved: { start: 'inProgress', cancel: 'cancelled' },
    inProgress: { finish: 'finished' },
    finished: {},
    cancelled: {},
    overdue: { finish: 'finished' },
  }
  for (const state of WORK_STATES) {
    t.equal(works[state].state, state)
    for (const act of WORK_ACTS) {
      // What has begun cannot be approved any more: nobody could be told of it.
      const when = act === 'approve' ? DAY - MS_PER_H : during
      const answer = actOnWork(works[state], act, by('bob', when))
      const to = table[state][act]
      if (to === undefined) t.match(answer, { outcome: 'wrong-state', state }, `${act} ${state}`)
      else t.match(answer, { outcome: 'moved', work: { state: to } }, `${act} ${state}`)
    }
  }
  const neverBegun = expireWork(approved(), DAY + 5 * MS_PER_H) as Work
  t.match(actOnWork(neverBegun, 'finish', by('ann')), {
    outcome: 'wrong-state',
    allowed: ['cancel'],
  })
  t.match(actOnWork(neverBegun, 'cancel', by('ann')), { outcome: 'moved' })
  t.equal(expireWork(approved(), DAY + 4 * MS_PER_H - 1), null, 'not before its window is over')
  t.equal(expireWork(works.finished, DAY + MS_PER_DAY), null)
})

await t.test('nobody approves what they asked for, whoever submitted it', async (t) => {
  const submitted = after(draft(), ['submit', 'carl'])
  t.match(actOnWork(submitted, 'approve', by('ann')), { outcome: 'own-request' })
  t.match(actOnWork(submitted, 'approve', by('carl')), { outcome: 'own-request' })
  t.match(actOnWork(submitted, 'approve', by('bob')), {
    outcome: 'moved',
    work: { approvedBy: 'bob' },
  })
  const rewritten = editWork(submitted, plan({ title: 'another' }), by('bob'))
  if (rewritten.outcome !== 'moved') throw new Error('a submitted plan can be changed')
  const again = after(rewritten.work, ['submit', 'carl'])
  t.match(
    actOnWork(again, 'approve', by('bob')),
    { outcome: 'own-request' },
    'nor what they wrote in place of it',
  )
  t.match(actOnWork(again, 'approve', by('dora')), { outcome: 'moved' })
})

await t.test(
  'times bind: no start before or after the window, no approval of the past',
  async (t) => {
    const work = approved()
    t.match(actOnWork(work, 'start', by('ann', DAY - 16 * MS_PER_MIN)), {
      outcome: 'too-early',
      notBefore: DAY - 15 * MS_PER_MIN,
    })
    t.match(actOnWork(work, 'start', by('ann', DAY - 15 * MS_PER_MIN)), { outcome: 'moved' })
    t.match(actOnWork(work, 'start', by('ann', DAY + 4 * MS_PER_H)), { outcome: 'too-late' })
    const submitted = after(draft(), ['submit', 'ann'])
    t.match(actOnWork(submitted, 'approve', by('bob', DAY + MS_PER_DAY)), { outcome: 'too-late' })
  },
)

await t.test('who did what when is kept, and a changed plan asks again', async (t) => {
  const work = approved()
  const moved = { from: DAY + MS_PER_DAY, until: DAY + MS_PER_DAY + MS_PER_H }
  const answer = editWork(work, plan({ window: moved }), by('ann', DAY - 9 * MS_PER_DAY))
  t.match(answer, { outcome: 'moved', work: { state: 'draft', approvedBy: null, window: moved } })
  const again = answer.outcome === 'moved' ? answer.work : work
  t.strictSame(
    again.history.map(({ act, by: who, from, to }) => [act, who, from, to]),
    [
      ['draft', 'ann', null, 'draft'],
      ['submit', 'ann', 'draft', 'submitted'],
      ['approve', 'bob', 'submitted', 'approved'],
      ['edit', 'ann', 'approved', 'draft'],
    ],
  )
  t.equal(work.state, 'approved', 'the old value is what it was')
  const begun = after(approved(), ['start', 'ann', DAY])
  t.match(editWork(begun, plan(), by('ann')), { outcome: 'wrong-state' })
})

await t.test('the promise: seven days, a day, six hours', async (t) => {
  const work = draft()
  const told = (h: number, promise = CHINA_PROMISE) => {
    const { kept, countsAs } = noticeStanding(work, DAY - h * MS_PER_H, promise)
    return [kept, countsAs]
  }
  t.strictSame(
    [169, 168, 167, 24, 6, 5.9].map((h) => told(h)),
    [
      [true, 'planned'],
      [true, 'planned'],
      [false, 'temporary'],
      [false, 'temporary'],
      [false, 'temporary'],
      [false, 'fault'],
    ],
  )
  const temporary = noticeStanding(
    draft('W', { kind: 'temporary' }),
    DAY - 25 * MS_PER_H,
    CHINA_PROMISE,
  )
  t.match(temporary, { kept: true, countsAs: 'temporary', deadlineAt: DAY - 24 * MS_PER_H })
  t.strictSame(told(48, GB_PROMISE), [true, 'planned'])
})

await t.test('an outage is planned where approved work explains it, and only there', async (t) => {
  const work = toldCustomers(approved(), [], DAY - 8 * MS_PER_DAY, TOLD)
  const outage = { startedAt: DAY + MS_PER_MIN, device: 'S1', reason: 'planned' as string | null }
  const nature = (works: readonly Work[], more: Partial<typeof outage> = {}) =>
    plannedNature(works, { ...outage, ...more }, CHINA_PROMISE)
  t.match(nature([work]), {
    work: 'W-1',
    nature: 'planned',
    cause: 'maintenance',
    plannedUntil: DAY + 4 * MS_PER_H,
  })
  t.match(nature([work], { startedAt: DAY - 15 * MS_PER_MIN, reason: null }), { nature: 'planned' })
  t.equal(nature([work], { reason: 'trip' }), null, 'protection acts for itself')
  t.equal(nature([work], { device: 'S2' }), null, 'another switch')
  t.equal(nature([work], { startedAt: DAY - 16 * MS_PER_MIN }), null, 'before it')
  t.equal(nature([work], { startedAt: DAY + 4 * MS_PER_H }), null, 'behind it')
  t.equal(nature([draft()]), null, 'a draft explains nothing')
  t.equal(nature([after(approved(), ['cancel', 'ann'])]), null)
  const late = toldCustomers(approved(), [], DAY - 5 * MS_PER_H, TOLD)
  t.match(nature([late]), { nature: 'unplanned' }, 'told five hours before, it counts as a fault')
  const again = toldCustomers(work, [], DAY - 2 * MS_PER_H, { ...TOLD, news: false })
  t.match(
    again,
    { announcedAt: DAY - 8 * MS_PER_DAY, countsAs: 'planned' },
    'approved again without news for them: they have known since they were told first',
  )
  const kept = { ...work, countsAs: 'planned' as const, announcedAt: DAY - MS_PER_H }
  t.match(nature([kept]), { nature: 'planned' }, 'a promise that is set later changes no past')
})

await t.test('what was done is held against what was told, to the customer-minute', (t) => {
  const min = (after: number) => DAY + after * MS_PER_MIN
  const told = [
    { from: min(0), until: min(120), members: [8, 16] },
    { from: min(30), until: min(60), members: [24] },
  ]
  const sets = [
    // 8 from five minutes early to half an hour over, 32 without a word, 16 not at all.
    { outage: 'o1', from: min(-5), until: min(150), members: [8] },
    { outage: 'o1', from: min(10), until: min(20), members: [32] },
    { outage: 'o2', from: min(40), until: null, members: [24] },
  ]
  const customersOf = (group: number) => group / 8
  const work = { told, window: { from: min(0), until: min(120) } }
  t.strictSame(actualAgainstPlanned(work, sets, { now: min(130), customersOf }), {
    planned: { customers: 6, customerMinutes: (1 + 2) * 120 + 3 * 30 },
    actual: { customers: 8, customerMinutes: 155 + 4 * 10 + 3 * 90 },
    extra: { customers: 4, customerMinutes: 40 },
    outsideTold: { early: 5, overrun: 30 + 3 * 70 },
    spared: { customers: 2 },
    outages: ['o1', 'o2'],
  })
  t.equal(
    actualAgainstPlanned(work, [], { now: min(60), customersOf }).spared.customers,
    0,
    'as long as the window lasts nobody is spared yet',
  )
  t.end()
})

/**
 *   s1 ──[H1]── a ──la── a2 ──[S1]── b ──lb── b2 ──[S2]── c ··[T]·· d ──[H2]── s2
 *               A:100                B:50                  C:30      D:80
 */
const town: NetworkTables = {
  sources: ['s1', 's2'].map((node) => ({ id: `g${node}`, node, phases: 7, ratedKva: null })),
  substations: [{ id: 'W', name: 'West', area: null, lon: null, lat: null }],
  feeders: [
    { id: 'F1', name: 'F1', substation: 'W', head: 'H1', ratedA: null, ratedKva: null },
    { id: 'F2', name: 'F2', substation: 'W', head: 'H2', ratedA: null, ratedKva: null },
  ],
  nodes: ['s1', 'a', 'a2', 'b', 'b2', 'c', 'd', 's2'].map((id) => ({
    id,
    kv: 10,
    lon: null,
    lat: null,
  })),
  switches: (
    [
      ['H1', 's1', 'a', true],
      ['S1', 'a2', 'b', true],
      ['S2', 'b2', 'c', true],
      ['T', 'c', 'd', false],
      ['H2', 's2', 'd', true],
    ] as const
  ).map(([id, from, to, normallyClosed]) => ({
    id,
    from,
    to,
    kind: 'load_break',
    phases: 7,
    normallyClosed,
    ratedA: 400,
    telemetered: true,
    name: null,
  })),
  lines: (
    [
      ['la', 'a', 'a2'],
      ['lb', 'b', 'b2'],
    ] as const
  ).map(([id, from, to]) => ({
    id,
    from,
    to,
    phases: 7,
    lengthM: 100,
    ratedA: 400,
    overhead: id === 'la',
    failuresPerKmYear: null,
    repairH: null,
  })),
  transformers: [],
  servicePoints: (
    [
      ['A', 'a', 100, null],
      ['B', 'b', 50, 'life_support'],
      ['C', 'c', 30, 'critical'],
      ['D', 'd', 80, null],
    ] as const
  ).map(([id, node, customers, priority]) => ({
    id,
    node,
    phases: 7,
    customers,
    connectedKva: 100,
    class: null,
    averageKw: null,
    peakKw: null,
    priority,
    lon: null,
    lat: null,
  })),
}
const network = buildNetwork(town)
const state = energize(network)
const loads = (() => {
  const rated = rateNetwork(network, town)
  const expected = expectLoads(rated, town)
  const tree = supplyTree(rated, network.switchNormal)
  const input = {
    rated,
    tree,
    expected,
    measured: new Map(),
    hourOfWeek: 10,
    heavyAbove: 0.8,
    overloadAbove: 1,
  }
  const zones = cutIntoZones(rated, tree, network.switchNormal, {
    loads: balanceOf(input).loads,
    customers: expected.customers,
  })
  const switching = switchingEffect(rated, network.switchNormal, zones.nodeVa, [])
  return { zones, switching, basis: 'lastWeek' as const }
})()

const effect = (work: Work, more: Partial<EffectInput> = {}) =>
  effectOfWork({
    tables: town,
    network,
    state,
    work,
    others: [],
    ongoing: [],
    now: DAY - 10 * MS_PER_DAY,
    promise: CHINA_PROMISE,
    reachable: null,
    interruptedBefore: new Map(),
    loads,
    ...more,
  })

await t.test('who is interrupted follows from the steps, to the minute', async (t) => {
  const before = [state.closed.slice(), state.parent.slice()]
  const steps = (...list: [string, 'open' | 'closed', number][]) =>
    interruptionsOf(state, {
      steps: list.map(([id, position, afterMin]) => ({ switch: id, position, afterMin })),
      window: plan().window,
    })
  const shown = (...list: [string, 'open' | 'closed', number][]) =>
    steps(...list).sets.map((set) => [
      set.groups
        .map((group) => network.loadPointIds[network.groupLoadPoint[group] as number])
        .join(),
      (set.from - DAY) / MS_PER_MIN,
      (set.until - DAY) / MS_PER_MIN,
    ])
  t.strictSame(shown(['S1', 'open', 0]), [['b,c', 0, 240]])
  t.strictSame(shown(['S1', 'open', 0], ['S2', 'open', 0], ['T', 'closed', 0]), [['b', 0, 240]])
  t.strictSame(
    shown(['S1', 'open', 0], ['S2', 'open', 30], ['T', 'closed', 30]),
    [
      ['c', 0, 30],
      ['b', 0, 240],
    ],
    'brought back by a tie half an hour later',
  )
  t.strictSame(
    shown(['T', 'closed', 0], ['S2', 'open', 0]),
    [],
    'a transfer alone interrupts nobody',
  )
  t.strictSame(shown(['S1', 'open', 60], ['S1', 'closed', 90]), [['b,c', 60, 90]])
  t.strictSame(shown(['S1', 'open', 240]), [], 'after the window nothing happens')
  t.strictSame(shown(), [])
  t.strictSame(steps(['nowhere', 'open', 0]).unknown, ['nowhere'])
  const { sets } = steps(['S1', 'open', 0], ['S2', 'open', 30], ['T', 'closed', 30])
  t.equal(customerMinutes(network, sets), 50 * 240 + 30 * 30)
  t.strictSame([state.closed, state.parent], before, 'and the network stands as it stood')
})

await t.test('the effect says what a planner must know', async (t) => {
  const found = effect(draft(), {
    reachable: new Set(['B']),
    interruptedBefore: new Map([
      [1, 3],
      [3, 9],
    ]),
  })
  t.match(found, {
    customersInterrupted: 80,
    customerMinutes: 80 * 240,
    feeders: ['F1'],
    indices: { saifi: 80 / 260, saidiMin: (80 * 240) / 260 },
    conflicts: [],
    repeated: { points: 1, customers: 50, most: 3 },
    unreachable: { count: 1, servicePoints: ['C'] },
    notice: { kept: true, deadlineAt: DAY - 7 * MS_PER_DAY },
  })
  t.strictSame(
    found.priorityPoints.map((point) => [point.servicePoint, point.priority, point.minutes]),
    [
      ['B', 'life_support', 240],
      ['C', 'critical', 240],
    ],
  )
  t.equal(effect(draft()).unreachable, null, 'unknown is not nobody')
  const short = { window: { from: DAY, until: DAY + 5 * MS_PER_MIN } }
  t.match(effect(draft('W', short)).indices, { saifi: 0 }, 'five minutes exactly is momentary')
})

await t.test(
  'conflicts: same section, same crew, a switch held otherwise, an outage of now',
  async (t) => {
    const kinds = (work: Work, other: Work, more: Partial<EffectInput> = {}) =>
      effect(work, { others: [other], ...more }).conflicts.map((conflict) => conflict.kind)
    const elsewhere = {
      assets: ['H2'],
      steps: [{ switch: 'H2', position: 'open', afterMin: 0 }],
    } as const
    const anHourLater = { from: DAY + MS_PER_H, until: DAY + 3 * MS_PER_H }
    const submitted = (more: Partial<WorkPlan>) =>
      after(draft('W-2', { window: anHourLater, ...more }), ['submit', 'ann'])
    t.strictSame(kinds(draft(), submitted({ crew: 'south' })), ['sameSection'])
    const together = submitted({ crew: 'south', window: plan().window })
    t.strictSame(kinds(draft(), together), [], 'put together on purpose')
    t.strictSame(kinds(draft(), submitted(elsewhere)), ['sameCrew'])
    t.strictSame(kinds(draft(), submitted({ ...elsewhere, crew: null })), [], 'nothing in common')
    t.strictSame(kinds(draft(), draft('W-2')), [], 'a draft binds nobody')
    const later = { from: DAY + 4 * MS_PER_H, until: DAY + 8 * MS_PER_H }
    t.strictSame(kinds(draft(), submitted({ window: later })), [], 'one after the other')
    const tie = { assets: ['T'], steps: [], crew: null }
    const overTie = draft('W-1', {
      steps: [
        { switch: 'S1', position: 'open', afterMin: 0 },
        { switch: 'T', position: 'closed', afterMin: 0 },
      ],
    })
    t.strictSame(kinds(overTie, submitted(tie)), ['switchNeeded'], 'the tie is being worked on')
    const ongoing = [{ id: 'o1', feeder: 'F1' }]
    t.match(effect(draft(), { ongoing, now: DAY - MS_PER_H }).conflicts, [
      { kind: 'ongoingOutage' },
    ])
    t.strictSame(effect(draft(), { ongoing }).conflicts, [], 'ten days ahead it will be over')
    const other = [{ id: 'o1', feeder: 'F2' }]
    t.strictSame(effect(draft(), { ongoing: other, now: DAY - MS_PER_H }).conflicts, [])
  },
)

await t.test('alternatives name the minutes they save, and save them', async (t) => {
  const [best] = effect(draft()).alternatives
  t.match(best, { kind: 'transfer', savesCustomerMinutes: 30 * 240 })
  if (best?.kind !== 'transfer') return
  const better = effect(draft('W-1', { steps: best.steps }))
  t.equal(better.customerMinutes, 50 * 240, 'followed, it does what it says')
  t.notOk(
    better.alternatives.some((other) => other.kind === 'transfer'),
    'and there is no better',
  )

  const overhead = draft('W-1', {
    assets: ['la'],
    steps: [{ switch: 'H1', position: 'open', afterMin: 0 }],
  })
  t.match(
    effect(overhead).alternatives.find((other) => other.kind === 'liveLine'),
    { savesCustomerMinutes: 180 * 240 },
  )
  t.notOk(
    effect(draft()).alternatives.some((other) => other.kind === 'liveLine'),
    'lb is a cable',
  )

  const week = 7 * MS_PER_DAY
  const next = draft('W-2', {
    window: { from: DAY + week, until: DAY + week + 2 * MS_PER_H },
    crew: 'south',
  })
  t.match(
    effect(draft(), { others: [next] }).alternatives.find((other) => other.kind === 'merge'),
    {
      work: 'W-2',
      savesCustomerMinutes: 80 * 120,
      window: { from: DAY + week, until: DAY + week + 4 * MS_PER_H },
    },
  )
  const soon = { from: DAY - 2 * MS_PER_DAY, until: DAY - 2 * MS_PER_DAY + 2 * MS_PER_H }
  const merged = (work: Work, others: readonly Work[], now: number) =>
    effect(work, { others, now }).alternatives.find((other) => other.kind === 'merge')
  const sooner = draft('W-3', { window: soon, crew: 'south' })
  const inTime = soon.from - CHINA_PROMISE.plannedH * MS_PER_H
  t.match(merged(draft(), [sooner], inTime), { work: 'W-3', window: { from: soon.from } })
  t.equal(merged(draft(), [sooner], inTime + 1), undefined, 'too soon for a notice of seven days')
  const known = { ...sooner, announced: soon, announcedAt: soon.from - 9 * MS_PER_DAY }
  t.match(merged(draft(), [known], inTime + 1), { work: 'W-3' }, 'the same customers know already')
  t.equal(
    merged(overhead, [known], inTime + 1),
    undefined,
    'not all of whom this one takes off know',
  )
  t.equal(merged(draft(), [known], soon.from), undefined, 'it has begun')
  const late = effect(draft(), { now: DAY - MS_PER_DAY })
  t.match(
    late.alternatives.find((other) => other.kind === 'otherWindow'),
    { window: { from: DAY + 6 * MS_PER_DAY }, savesCustomerMinutes: 0 },
    'the first day for which everyone can be told in time',
  )
})

await t.test('advice that could not be followed is not given', async (t) => {
  const advice = (kind: string, others: readonly Work[], work = draft()) =>
    effect(work, { others }).alternatives.find((one) => one.kind === kind)
  const submitted = (id: string, more: Partial<WorkPlan>) =>
    after(draft(id, more), ['submit', 'ann'])
  const elsewhere = {
    assets: ['H2'],
    steps: [{ switch: 'H2', position: 'open', afterMin: 0 }],
  } as const

  t.ok(advice('transfer', []))
  const onTheTie = submitted('W-2', { assets: ['T'], steps: [], crew: null })
  t.equal(advice('transfer', [onTheTie]), undefined, 'the tie that it needs is being worked on')

  const week = 7 * MS_PER_DAY
  const window = { from: DAY + week, until: DAY + week + 2 * MS_PER_H }
  const next = draft('W-2', { window, crew: 'south' })
  t.ok(advice('merge', [next]))
  const busy = submitted('W-3', { ...elsewhere, window, crew: 'north' })
  t.equal(advice('merge', [next, busy]), undefined, 'its crew is elsewhere then')
  const onceMore = submitted('W-3', {
    window: { from: window.from + MS_PER_H, until: window.until },
    crew: 'east',
  })
  t.match(
    advice('merge', [next, onceMore]),
    { work: 'W-3' },
    'not with the one that the third is in the way of',
  )
  t.equal(advice('merge', [draft('W-2', { window })]), undefined, 'one crew does one of them')

  const inTheWay = submitted('W-2', {
    window: { from: DAY + MS_PER_H, until: DAY + 3 * MS_PER_H },
    crew: 'south',
  })
  const dayAfter = submitted('W-3', {
    window: { from: DAY + MS_PER_DAY + MS_PER_H, until: DAY + MS_PER_DAY + 3 * MS_PER_H },
    crew: 'east',
  })
  const others = [inTheWay, dayAfter]
  const found = advice('otherWindow', others)
  t.match(found, { window: { from: DAY + 2 * MS_PER_DAY } }, 'the day after has another in it')
  if (found?.kind !== 'otherWindow') return
  t.strictSame(effect(draft('W-1', { window: found.window }), { others }).conflicts, [])
})

/** Customer-minutes of all works together: who is off for two of them at once is off once. */
function customerMinutesTogether(
  net: Network,
  normal: Energization,
  works: readonly Work[],
): number {
  const spells = new Map<number, [number, number][]>()
  for (const work of works) {
    for (const { from, until, groups } of interruptionsOf(normal, work).sets) {
      for (const group of groups) spells.set(group, [...(spells.get(group) ?? []), [from, until]])
    }
  }
  let total = 0
  for (const [group, list] of spells) {
    let end = -Infinity
    for (const [from, until] of list.toSorted((a, b) => a[0] - b[0])) {
      const fresh = Math.max(0, until - Math.max(from, end))
      total += ((net.groupCustomers[group] as number) * fresh) / MS_PER_MIN
      end = Math.max(end, until)
    }
  }
  return total
}

await t.test(
  '40 works in 30 days: the advice followed saves a third of first come, first served',
  async (t) => {
    const seed = 20261124
    const random = randomFrom(seed)
    const tables = makeTown({ seed, customers: 6000 })
    const net = buildNetwork(tables)
    const normal = energize(net)
    const rated = rateNetwork(net, tables)
    const expected = expectLoads(rated, tables)
    const tree = supplyTree(rated, net.switchNormal)
    const about = { rated, tree, expected, measured: new Map(), hourOfWeek: 10 }
    const balance = balanceOf({ ...about, heavyAbove: 0.8, overloadAbove: 1 })
    const { customers } = expected
    const zones = cutIntoZones(rated, tree, net.switchNormal, { loads: balance.loads, customers })
    const switching = switchingEffect(rated, net.switchNormal, zones.nodeVa, [])

    // First come: whoever asks opens the switch above the line and takes the day that suits them.
    const lines = tables.lines.filter((_, i) => {
      const zone = zones.zoneOf[net.branchFrom[net.switchCount + i] as number] as number
      return (zones.feeder[zone] as number) >= 0
    })
    const asked = Array.from({ length: 40 }, (_, i) => {
      const line = lines[Math.floor(random.next() * lines.length)] as (typeof lines)[number]
      let node = net.nodeIds.indexOf(line.from)
      let branch = tree.parent[node] as number
      while (branch >= net.switchCount || rated.operable[branch] === 0) {
        node = upNode(net, tree, node)
        branch = tree.parent[node] as number
      }
      const from = DAY + Math.floor(random.next() * 30) * MS_PER_DAY
      return draft(`W-${i}`, {
        title: `Line ${line.id}`,
        crew: `crew ${i}`,
        assets: [line.id],
        steps: [{ switch: net.branchIds[branch] as string, position: 'open', afterMin: 0 }],
        window: { from, until: from + (2 + Math.floor(random.next() * 4)) * MS_PER_H },
      })
    })
    const adviceFor = (work: Work, others: readonly Work[]) =>
      effectOfWork({
        tables,
        network: net,
        state: normal,
        work,
        others,
        ongoing: [],
        now: DAY - 10 * MS_PER_DAY,
        promise: CHINA_PROMISE,
        reachable: null,
        interruptedBefore: new Map(),
        loads: { zones, switching, basis: 'expected' },
      }).alternatives.filter((other) => other.savesCustomerMinutes > 0)
    const placed = asked.map((work) => {
      // Live-line work is left out: it would make it too easy.
      const transfer = adviceFor(work, []).find((other) => other.kind === 'transfer')
      return transfer?.kind === 'transfer' ? { ...work, steps: transfer.steps } : work
    })
    // Works that are advised to merge all take the earliest of their windows, until no advice is left.
    for (let isSettled = false; !isSettled;) {
      isSettled = true
      placed.forEach((work, i) => {
        for (const advice of adviceFor(
          work,
          placed.filter((other) => other !== work),
        )) {
          if (advice.kind !== 'merge' || advice.window.from >= (placed[i] as Work).window.from)
            continue
          placed[i] = { ...work, window: advice.window }
          isSettled = false
        }
      })
    }
    const before = customerMinutesTogether(net, normal, asked)
    const now = customerMinutesTogether(net, normal, placed)
    t.comment(
      `${Math.round(before)} customer-minutes first come, ${Math.round(now)} after the advice (seed ${seed})`,
    )
    t.ok(now <= 0.7 * before, `saves ${((1 - now / before) * 100).toFixed(0)} %`)

    const times = new Map<number, Set<number>>()
    for (const work of placed) {
      for (const { groups } of interruptionsOf(normal, work).sets) {
        for (const group of groups) {
          times.set(group, (times.get(group) ?? new Set()).add(work.window.from))
        }
      }
    }
    const twice = [...times.values()].filter((starts) => starts.size > 1).length
    t.equal(twice, 0, 'nobody is interrupted twice where a merge was possible')
  },
)

await t.test('customers hear what changed for them, and nothing else', async (t) => {
  const told = {
    settings: { noticeHoldS: 0, timeZone: 'UTC' },
    feeders: ['F1'],
    at: DAY - 9 * MS_PER_DAY,
  }
  const telling = { ...told, customersOf: (members: readonly number[]) => members.length * 2 }
  const heard = (drafts: readonly Draft[]) =>
    drafts
      .filter((one) => one.audience === 'customer')
      .map((one) => `${one.kind} ${one.members?.join()} ${one.data.startedAt.slice(8, 16)}`)
  const { from, until } = plan().window
  const first = [{ from, until, members: [8, 16] }]
  const drafts = plannedDrafts(approved(), first, telling)
  t.strictSame(heard(drafts), ['plannedAnnounced 8,16 30T08:00'])
  t.match(
    drafts.find((one) => one.audience === 'public')?.data,
    { customersOut: { max: 5 } },
    'masked',
  )
  t.match(drafts[0]?.data.text.en, /power will be off from .* to /)
  t.ok(drafts[0]?.data.text['zh-CN'].includes('计划停电'))
  t.equal(drafts[0]?.members?.length, 2)
  t.equal(drafts.find((one) => one.audience === 'staff')?.members, null)

  const announced = toldCustomers(approved(), first, told.at, TOLD)
  t.strictSame(heard(plannedDrafts(announced, first, telling)), [], 'the same again is no news')
  const moved = [{ from: from + MS_PER_DAY, until: until + MS_PER_DAY, members: [16, 24] }]
  t.strictSame(heard(plannedDrafts(announced, moved, telling)).toSorted(), [
    'plannedAnnounced 24 01T08:00',
    'plannedCancelled 8 30T08:00',
    'plannedChanged 16 01T08:00',
  ])
  t.strictSame(heard(plannedDrafts(announced, [], telling)), ['plannedCancelled 8,16 30T08:00'])

  const dueAt = from - MS_PER_DAY
  t.equal(isReminderDue(announced, dueAt - 1), false)
  t.equal(isReminderDue(announced, dueAt), true)
  t.equal(isReminderDue(announced, from), false)
  t.equal(isReminderDue(remindedCustomers(announced, dueAt), dueAt + 1), false, 'once')
  t.equal(
    isReminderDue(toldCustomers(approved(), first, dueAt + 5, TOLD), dueAt + 9),
    false,
    'told just now',
  )
  const reminder = reminderDrafts(announced, telling)
  t.strictSame(heard(reminder), ['plannedAnnounced 8,16 30T08:00'])
  t.match(reminder[0]?.data, { reminder: true })
})

await t.test('over HTTP: from draft to finished, by two people', async (t) => {
  const database = await openTestDatabase(t)
  const { db } = database
  let now = NOW
  const announced: Draft[] = []
  const announce: NonNullable<HttpParts['announce']> = (drafts, also) =>
    db.transaction().execute(async (tx) => {
      await also?.(tx)
      const seq = await lastNoticeSeq(db)
      const notices = drafts.map((one, i) => ({ ...one, seq: seq + i + 1 }))
      await runIn(tx, toAppendNotices(notices))
      announced.push(...drafts)
    })
  const act = async () => ({ outcome: 'unknown-switch' as const })
  const front = await openFront(t, database, { act, announce, clock: () => now })
  let ann = await tokenFor('planner')
  const boss = await tokenFor('admin')
  const from = NOW + 8 * MS_PER_DAY
  const body = {
    title: 'New pole, Mill Street',
    reason: 'construction',
    responsible: 'Ruth',
    crew: 'north',
    assets: ['S1'],
    steps: [{ switch: 'S1', position: 'open' }],
    window: {
      from: new Date(from).toISOString(),
      until: new Date(from + 2 * MS_PER_H).toISOString(),
    },
  }
  const post = (url: string, token = ann, payload: object = {}) =>
    front.ask('POST', `/api/v1/works${url}`, token, payload)

  const created = await post('', ann, body)
  t.equal(created.status, 201)
  const id = created.body.id as string
  t.match(created.body, {
    state: 'draft',
    method: 'dead',
    kind: 'planned',
    requestedBy: 'planner of the test',
  })
  t.equal(created.headers.location, `/api/v1/works/${id}`)

  const found = await front.ask('GET', `/api/v1/works/${id}/effect`, ann)
  t.equal(found.status, 200, found.text)
  t.match(found.body, {
    work: id,
    customersInterrupted: 83,
    customerMinutes: 83 * 120,
    conflicts: [],
  })
  t.match(found.body.notice, { kept: true })
  t.match(found.body.unreachable, { count: 2 })

  t.equal((await post(`/${id}/approve`, boss)).status, 409, 'not before it is submitted')
  t.equal((await post(`/${id}/submit`)).body.state, 'submitted')
  const own = await post(`/${id}/approve`)
  t.match([own.status, own.body.code ?? own.body.type], [403, /own-request/])
  t.strictSame(announced, [], 'nobody has been told anything')
  const ok = await post(`/${id}/approve`, boss, { note: 'fine' })
  t.match(ok.body, { state: 'approved', approvedBy: 'admin of the test' })
  t.match(
    announced.map((one) => [one.audience, one.kind, one.members]),
    [
      ['customer', 'plannedAnnounced', [GROUP.P2]],
      ['staff', 'plannedAnnounced', null],
      ['public', 'plannedAnnounced', null],
    ],
  )
  t.match(await plannedAt(db, [GROUP.P2], now), [{ work: id, from, until: from + 2 * MS_PER_H }])
  t.strictSame(await plannedAt(db, [GROUP.P4], now), [], 'the neighbour has nothing planned')

  const half = new Date(from + MS_PER_H).toISOString()
  const clash = await post('', ann, {
    ...body,
    title: 'Same place',
    window: { from: half, until: body.window.until },
  })
  await post(`/${clash.body.id}/submit`)
  const refused = await post(`/${clash.body.id}/approve`, boss)
  t.equal(refused.status, 409)
  t.match(refused.text, /same section/)

  const later = {
    ...body,
    window: {
      from: new Date(from + MS_PER_DAY).toISOString(),
      until: new Date(from + MS_PER_DAY + MS_PER_H).toISOString(),
    },
  }
  const edited = await front.ask('PUT', `/api/v1/works/${id}`, ann, later)
  t.match(edited.body, { state: 'draft', announced: { from: body.window.from } })
  await post(`/${id}/submit`)
  announced.splice(0)
  await post(`/${id}/approve`, boss)
  t.equal(announced[0]?.kind, 'plannedChanged')

  now = from + MS_PER_DAY
  ann = await tokenFor('planner', [], now)
  t.equal((await post(`/${id}/start`)).body.state, 'inProgress')
  now += 30 * MS_PER_MIN
  const done = await post(`/${id}/finish`)
  t.match(done.body, { state: 'finished', actual: { plannedH: 1, tookH: 0.5, overrunH: 0 } })
  t.equal((await post(`/${id}/finish`)).status, 409, 'doing it twice is refused by its state')
  t.strictSame(
    done.body.history.map((event: { act: string }) => event.act),
    ['draft', 'submit', 'approve', 'edit', 'submit', 'approve', 'start', 'finish'],
  )
  const around = await worksAround(db, { from: now, until: now })
  t.strictSame(
    around.map(({ work }) => work.id),
    [id],
  )

  const list = await front.ask('GET', '/api/v1/works?limit=1', ann)
  t.equal(list.body.works.length, 1)
  const rest = await front.ask('GET', `/api/v1/works?cursor=${list.body.nextCursor}`, ann)
  t.equal(rest.body.works.length, 1)
  t.equal(rest.body.nextCursor, null)
  const none = await front.ask('GET', '/api/v1/works?state=cancelled', ann)
  t.strictSame(none.body.works, [])
  const audits = await db.selectFrom('audit').select('act').where('target', '=', id).execute()
  t.equal(audits.length, 8, 'every act stands in the audit')

  const bad = await post('', ann, { ...body, steps: [{ switch: 'nowhere', position: 'open' }] })
  t.match([bad.status, bad.text], [400, /nowhere/])
  const backwards = { from: body.window.until, until: body.window.from }
  t.equal((await post('', ann, { ...body, window: backwards })).status, 400)
  t.equal((await front.ask('GET', '/api/v1/works/W-9999', ann)).status, 404)
  t.equal(
    (await post('', await tokenFor('dispatcher', [], now), body)).status,
    403,
    'dispatchers look',
  )
})

await t.test('what was changed after its approval warns, until it is approved again', async (t) => {
  const told = approved()
  t.equal(changedSinceApproval(told, DAY), null, 'approved as it stands')
  t.equal(changedSinceApproval(draft(), DAY), null, 'never approved')
  const announced = toldCustomers(
    told,
    [{ ...told.window, members: [8] }],
    DAY - 9 * MS_PER_DAY,
    TOLD,
  )
  const window = { from: DAY + MS_PER_DAY, until: DAY + MS_PER_DAY + MS_PER_H }
  const edited = editWork(announced, plan({ window }), by('ann', DAY - 8 * MS_PER_DAY))
  if (edited.outcome !== 'moved') throw new Error('an approved plan can be changed')
  const nearAt = DAY - UNAPPROVED_NEAR_H * MS_PER_H
  for (const [work, at, near] of [
    [edited.work, nearAt - 1, false],
    [edited.work, nearAt, true],
    [after(edited.work, ['submit', 'ann']), nearAt, true],
  ] as const) {
    // What counts is the window that customers know, not the new one of a day later.
    t.match(changedSinceApproval(work, at), {
      approvedBy: 'bob',
      changedBy: 'ann',
      told: told.window,
      near,
    })
  }
  t.match(
    actOnWork(edited.work, 'start', by('ann', DAY)),
    { outcome: 'wrong-state' },
    'nobody may begin what is not approved',
  )
  const again = after(edited.work, ['submit', 'ann'], ['approve', 'bob'])
  t.equal(changedSinceApproval(again, DAY), null)
  t.equal(changedSinceApproval(after(edited.work, ['cancel', 'ann']), DAY), null)

  t.equal(callOffUnapproved(edited.work, DAY - 1), null, 'not before customers expect it')
  t.equal(callOffUnapproved(announced, DAY), null, 'what is approved is not called off')
  t.equal(callOffUnapproved(again, DAY), null)
  const off = callOffUnapproved(edited.work, DAY)
  t.match(off, { state: 'draft', announced: null, told: [] })
  t.equal(callOffUnapproved(off as Work, DAY + 1), null, 'once')
  t.match(changedSinceApproval(off as Work, DAY), { told: null, near: true })

  const database = await openTestDatabase(t)
  const { db } = database
  let now = NOW
  const announce: NonNullable<HttpParts['announce']> = (_drafts, also) =>
    db.transaction().execute(async (tx) => also?.(tx))
  const acts = async () => ({ outcome: 'unknown-switch' as const })
  const front = await openFront(t, database, { act: acts, announce, clock: () => now })
  const ask = async (
    method: 'GET' | 'POST' | 'PUT',
    url: string,
    body?: object,
    role = 'planner',
  ) =>
    (await front.ask(method, `/api/v1/${url}`, await tokenFor(role as 'planner', [], now), body))
      .body
  const iso = (at: number) => new Date(at).toISOString()
  const from = NOW + 9 * MS_PER_DAY
  const body = {
    title: 'New pole',
    reason: 'construction',
    responsible: 'Ruth',
    steps: [{ switch: 'S1', position: 'open' }],
    window: { from: iso(from), until: iso(from + 2 * MS_PER_H) },
  }
  const { id } = await ask('POST', 'works', body)
  const effect = async () => ask('GET', `works/${id}/effect`)
  t.match(await effect(), {
    changedSinceApproval: null,
    approvalTells: { announced: 83, changed: 0, cancelled: 0 },
  })
  await ask('POST', `works/${id}/submit`, {})
  await ask('POST', `works/${id}/approve`, {}, 'admin')
  t.match(await effect(), {
    changedSinceApproval: null,
    approvalTells: { announced: 0, changed: 0, cancelled: 0 },
  })
  now += MS_PER_DAY
  // H2 in place of S1, a day later: the 83 behind S1 keep their supply, the 200 behind H2 hear of it first.
  const window2 = { from: iso(from + MS_PER_DAY), until: iso(from + MS_PER_DAY + MS_PER_H) }
  const steps = [{ switch: 'H2', position: 'open' }]
  const changed = await ask('PUT', `works/${id}`, { ...body, steps, window: window2 })
  const warning = {
    approvedAt: iso(NOW),
    approvedBy: 'admin of the test',
    changedAt: iso(now),
    changedBy: 'planner of the test',
    told: body.window,
    near: false,
  }
  t.match(changed.changedSinceApproval, warning)
  t.match(await effect(), {
    changedSinceApproval: warning,
    approvalTells: { announced: 200, changed: 0, cancelled: 83 },
  })
  await ask('PUT', `works/${id}`, { ...body, window: window2 })
  t.match(await effect(), { approvalTells: { announced: 0, changed: 83, cancelled: 0 } })
  const desk = async () => {
    // A state of the network is shared for a moment.
    now += 1000
    return (await ask('GET', 'network/state', undefined, 'dispatcher')).unapprovedWorks
  }
  t.strictSame(await desk(), [], 'far ahead no dispatcher is called')
  now = from - UNAPPROVED_NEAR_H * MS_PER_H + MS_PER_MIN
  for (const role of ['planner', 'dispatcher']) {
    const { works } = await ask('GET', 'works', undefined, role)
    t.match(works, [{ id, state: 'draft', changedSinceApproval: { near: true } }], role)
  }
  t.match(await desk(), [{ work: id, title: 'New pole', toldFrom: body.window.from }])
  t.equal(
    (await ask('GET', `network/state?at=${iso(NOW)}`, undefined, 'dispatcher')).unapprovedWorks
      .length,
    0,
    'the past calls for no act',
  )
  await ask('POST', `works/${id}/submit`, {})
  t.equal((await desk()).length, 1, 'submitted is not approved')
  await ask('POST', `works/${id}/approve`, {}, 'admin')
  t.strictSame(await desk(), [])
  t.equal((await ask('GET', `works/${id}`)).changedSinceApproval, null)
})

await t.test(
  'a hostile planner is refused with what, where and which, and nothing moves',
  async (t) => {
    const database = await openTestDatabase(t)
    const { db } = database
    let now = NOW
    const announced: Draft[] = []
    const announce: NonNullable<HttpParts['announce']> = (drafts, also) =>
      db.transaction().execute(async (tx) => {
        await also?.(tx)
        announced.push(...drafts)
      })
    const act = async () => ({ outcome: 'unknown-switch' as const })
    const front = await openFront(t, database, { act, announce, clock: () => now })
    const post = async (url: string, payload: object = {}, role: 'planner' | 'admin' = 'planner') =>
      front.ask('POST', `/api/v1/works${url}`, await tokenFor(role, [], now), payload)
    const get = async (url: string) =>
      front.ask('GET', `/api/v1/works${url}`, await tokenFor('planner', [], now))
    const iso = (at: number) => new Date(at).toISOString()
    const from = NOW + 8 * MS_PER_DAY
    const body = {
      title: 'x',
      reason: 'maintenance',
      responsible: 'Ruth',
      crew: 'north',
      assets: ['S1'],
      steps: [{ switch: 'S1', position: 'open', afterMin: 0 }],
      window: { from: iso(from), until: iso(from + 2 * MS_PER_H) },
    }
    for (const [what, more, where] of [
      ['no such switch', { steps: [{ switch: 'S9', position: 'open' }] }, '/steps/0/switch'],
      [
        'a step after the end',
        { steps: [{ switch: 'S1', position: 'open', afterMin: 120 }] },
        '/steps/0/afterMin',
      ],
      [
        'the end first',
        { window: { from: body.window.until, until: body.window.from } },
        '/window/until',
      ],
      [
        'no length',
        { window: { from: body.window.from, until: body.window.from } },
        '/window/until',
      ],
      [
        'ten years',
        { window: { from: body.window.from, until: iso(from + 3650 * MS_PER_DAY) } },
        '/window/until',
      ],
      [
        'no offset',
        { window: { from: '2026-03-20T08:00:00', until: body.window.until } },
        '/window/from',
      ],
      ['no such method', { method: 'magic' }, '/method'],
      ['a title of two lines', { title: 'a\nb' }, '/title'],
    ] as const) {
      const answer = await post('', { ...body, ...more })
      t.equal(answer.status, 400, what)
      t.ok(
        answer.body.errors.some((part: { at: string }) => part.at.startsWith(where)),
        `${what}: ${answer.text}`,
      )
    }
    t.strictSame((await get('')).body.works, [], 'nothing was stored')
    t.equal((await get('?from=2026-03-10&to=2026-03-01')).status, 400)
    t.equal((await get('/W-9999/effect')).status, 404)
    t.equal((await post('/W-9999/approve', {}, 'admin')).status, 404)

    const make = async (more: object = {}) =>
      (await post('', { ...body, ...more })).body.id as string
    const one = await make()
    const [first, second] = await Promise.all([post(`/${one}/submit`), post(`/${one}/submit`)])
    t.strictSame(
      new Set([first.status, second.status]),
      new Set([200, 409]),
      'a double click submits once',
    )
    t.match(await post(`/${one}/start`), { status: 409, body: { code: 'wrong-state' } })
    await post(`/${one}/approve`, {}, 'admin')
    t.match(await post(`/${one}/start`), { status: 409, body: { code: 'too-early' } })
    now = from
    t.equal((await post(`/${one}/start`)).status, 200)
    t.match(await post(`/${one}/cancel`), { status: 409, body: { code: 'wrong-state' } })
    t.match((await post(`/${one}/cancel`)).text, /finish/, 'and what is allowed is named')

    now = NOW
    const late = await make()
    await post(`/${late}/submit`)
    now = from
    const told = announced.length
    t.match(await post(`/${late}/approve`, { acceptConflicts: true }, 'admin'), {
      status: 409,
      body: { code: 'too-late' },
    })
    t.equal(announced.length, told, 'nobody is told of what has begun already')

    now = NOW
    // Both heads open: nothing is energized any more.
    const dark = await make({
      assets: ['H1', 'H2'],
      steps: [
        { switch: 'H1', position: 'open' },
        { switch: 'H2', position: 'open' },
      ],
    })
    const effect = (await get(`/${dark}/effect`)).body
    t.match(effect, {
      customersInterrupted: 403,
      customerMinutes: 403 * 120,
      loadsBasis: 'expected',
    })
    // Berlin's clocks go forward at 01:00 UTC on the 29th of March: three hours on the wall are two.
    const spring = await make({
      window: { from: '2026-03-29T01:30:00+01:00', until: '2026-03-29T04:30:00+02:00' },
    })
    t.equal((await get(`/${spring}/effect`)).body.customerMinutes, 83 * 120)
    const other = await make({
      crew: 'north',
      assets: ['H2'],
      steps: [],
      window: { from: iso(from + MS_PER_H), until: iso(from + 3 * MS_PER_H) },
    })
    const clash = (await get(`/${other}/effect`)).body
    t.match(clash.conflicts, [{ kind: 'sameCrew', work: one }], 'overlapping windows, one crew')

    const put = (payload: object, token: string) =>
      front.ask('PUT', '/api/v1/planning', token, payload)
    const planner = await tokenFor('planner')
    const promise = { name: 'two days', plannedH: 48, temporaryH: 24, faultBelowH: 0 }
    t.equal((await put({ promise: { ...promise, temporaryH: 72 } }, planner)).status, 400)
    t.equal((await put({ promise }, await tokenFor('dispatcher'))).status, 403)
    t.equal((await put({ promise }, planner)).status, 200)
    t.match((await get(`/${dark}/effect`)).body.notice, {
      promise: 'two days',
      deadlineAt: iso(from - 48 * MS_PER_H),
    })
  },
)

await t.test(
  'each kind of advice, followed over HTTP, brings the minutes that it promised, and meets no conflict',
  async (t) => {
    const database = await openTestDatabase(t)
    const { db, pool } = database
    await saveRevision(pool, town, { validFrom: 0, importedAt: 0, format: 'folder', report: [] })
    await db.transaction().execute((tx) => loadPointNumbers(tx, ['a', 'b', 'c', 'd']))
    const front = await openFront(t, database, {
      act: async () => ({ outcome: 'unknown-switch' as const }),
      announce: (_drafts, also) => db.transaction().execute(async (tx) => also?.(tx)),
      clock: () => NOW,
    })
    const planner = await tokenFor('planner')
    const ask = async (method: 'GET' | 'POST' | 'PUT', url: string, body?: object) => {
      const answer = await front.ask(method, `/api/v1/works${url}`, planner, body)
      if (answer.status >= 300) throw new Error(`${url}: ${answer.text}`)
      return answer.body
    }
    const from = NOW + 9 * MS_PER_DAY
    const window = (at: number, hours: number) => ({
      from: new Date(at).toISOString(),
      until: new Date(at + hours * MS_PER_H).toISOString(),
    })
    const open = (device: string) => [{ switch: device, position: 'open' }]
    const body = {
      title: 'Line b',
      reason: 'maintenance',
      responsible: 'Ruth',
      crew: 'north',
      assets: ['lb'],
      steps: open('S1'),
      window: window(from, 4),
    }
    type Advised = { kind: string; savesCustomerMinutes: number } & Record<string, object>
    type Told = { customerMinutes: number; conflicts: object[]; alternatives: Advised[] }
    const effectOf = (id: string): Promise<Told> => ask('GET', `/${id}/effect`)
    /** What a work does before and after the advice of a kind is followed by another plan. */
    const follow = async (id: string, kind: string, plan: (advised: Advised) => object) => {
      const before = await effectOf(id)
      const advised = before.alternatives.find((one) => one.kind === kind)
      if (advised === undefined) throw new Error(`no ${kind}: ${JSON.stringify(before)}`)
      await ask('PUT', `/${id}`, plan(advised))
      return { before, advised, after: await effectOf(id) }
    }
    const make = async (more: object = {}) =>
      (await ask('POST', '', { ...body, ...more })).id as string

    const first = await make()
    const fed = await follow(first, 'transfer', ({ steps }) => ({ ...body, steps }))
    t.equal(fed.advised.savesCustomerMinutes, 30 * 240)
    t.equal(fed.after.customerMinutes, fed.before.customerMinutes - 30 * 240)
    t.strictSame(fed.after.conflicts, [])

    const overhead = {
      ...body,
      assets: ['la'],
      steps: open('H1'),
      window: window(from + MS_PER_DAY, 4),
    }
    const alive = await follow(await make(overhead), 'liveLine', () => ({
      ...overhead,
      method: 'liveLine',
      steps: [],
    }))
    t.equal(alive.advised.savesCustomerMinutes, alive.before.customerMinutes)
    t.equal(alive.after.customerMinutes, 0)

    // Two crews in one section on two days; on one day the customers of the shorter work are off anyway.
    const short = await make({ crew: 'south', window: window(from + 5 * MS_PER_DAY, 2) })
    const long = { ...body, window: window(from + 7 * MS_PER_DAY, 4) }
    const joined = await follow(await make(long), 'merge', (advised) => ({
      ...long,
      window: advised['window'],
    }))
    const alone = await effectOf(short)
    const apart = joined.before.customerMinutes + alone.customerMinutes
    const together = Math.max(joined.after.customerMinutes, alone.customerMinutes)
    t.equal(joined.advised.savesCustomerMinutes, apart - together)
    t.ok(apart > together)
    t.strictSame(joined.after.conflicts, [])

    await ask('POST', `/${first}/submit`, {})
    const clash = { ...body, crew: 'east', window: window(from + MS_PER_H, 4) }
    const moved = await follow(await make(clash), 'otherWindow', (advised) => ({
      ...clash,
      window: advised['window'],
    }))
    t.match(moved.before.conflicts, [{ kind: 'sameSection' }])
    t.strictSame(moved.after.conflicts, [])
    t.equal(moved.after.customerMinutes, moved.before.customerMinutes)
  },
)
