import { Type, type Static } from 'typebox'
import { FORECAST_HOURS_MAX, QUANTILES } from '../balance/forecast-errors.ts'
import { switchingEffect } from '../balance/ties.ts'
import { energize, type Energization } from '../grid/energization.ts'
import { at } from '../grid/network.ts'
import { groupCode, type GroupCode } from '../ledger/facts.ts'
import type { Identity } from '../stores/identity.ts'
import type { Tx } from '../stores/database.ts'
import { readPlanning } from '../stores/planning.ts'
import { readLoadPointNumbers } from '../stores/standing-read.ts'
import {
  insertWork,
  interruptionsSince,
  listWorks,
  LIVE_STATES,
  nextWorkId,
  ongoingOutages,
  reachablePoints,
  readLiveWorks,
  readWork,
  saveWork,
  setsBegunAt,
  type SavedWork,
} from '../stores/works.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN, toIso, type EpochMs } from '../time.ts'
import { actualAgainstPlanned } from '../work/actual.ts'
import { plannedDrafts, plannedNews } from '../work/announce.ts'
import { overlap } from '../work/conflicts.ts'
import { effectOfWork, REPEATED_RULE, type EffectInput, type WorkEffect } from '../work/effect.ts'
import { interruptionsOf } from '../work/interruptions.ts'
import { NATURE_EARLY_MAX_MIN } from '../work/nature.ts'
import { changedSinceApproval } from '../work/unapproved.ts'
import { WORK_KINDS, type Window } from '../work/window.ts'
import {
  actOnWork,
  draftWork,
  editWork,
  toldCustomers,
  WORK_ACTS,
  WORK_METHODS,
  WORK_STATES,
  type ToldSet,
  type Work,
  type WorkAct,
  type WorkAnswer,
  type WorkPlan,
} from '../work/work.ts'
import { audit, someone } from './acting.ts'
import { forecastOf } from './forecasts.ts'
import { loadPlace } from './load-place.ts'
import { loadsOfMoment, zonesOf, type LoadsOfMoment } from './load-room.ts'
import type { NetworkView } from './network-in-force.ts'
import { inForce } from './network.ts'
import {
  Cursor,
  decodeCursor,
  encodeCursor,
  Id,
  IdParams,
  InstantText,
  instantOf,
  Limit,
  LineText,
  PAGE_SIZE,
  WhenText,
  whenOf,
} from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField, notFound, Problem } from './problem.ts'
import { ActedWorkAnswer, WholeWorkAnswer, WorkEffectAnswer, WorksAnswer } from './work-schemas.ts'

const tags = ['planner']
export const STEPS_MAX = 100
export const ASSETS_MAX = 200
/** The longest a single window may be. */
export const WINDOW_DAYS_MAX = 31

const PlanBody = Type.Object({
  title: LineText(200),
  kind: Type.Optional(Type.Enum(WORK_KINDS, { default: 'planned' })),
  method: Type.Optional(Type.Enum(WORK_METHODS, { default: 'dead' })),
  reason: LineText(128),
  responsible: LineText(128),
  crew: Type.Optional(Type.Union([LineText(128), Type.Null()])),
  assets: Type.Optional(Type.Array(Id, { maxItems: ASSETS_MAX })),
  steps: Type.Optional(
    Type.Array(
      Type.Object({
        switch: Id,
        position: Type.Enum(['open', 'closed']),
        afterMin: Type.Optional(Type.Integer({ minimum: 0, maximum: WINDOW_DAYS_MAX * 1440 })),
      }),
      { maxItems: STEPS_MAX },
    ),
  ),
  window: Type.Object({ from: InstantText, until: InstantText }),
  note: Type.Optional(Type.Union([Type.String({ maxLength: 2000 }), Type.Null()])),
})

const ActBody = Type.Object({
  note: Type.Optional(Type.Union([Type.String({ maxLength: 2000 }), Type.Null()])),
  acceptConflicts: Type.Optional(
    Type.Boolean({ description: 'approve although the effect names conflicts' }),
  ),
})

/** Planned work: drafts, their effect, the acts that move them on. Every act is done by the one writer and audited. */
export async function workRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings
  const oneAtATime = makeQueue()

  app.get(
    '/api/v1/works',
    {
      schema: {
        tags,
        summary: 'Planned work by the beginning of its window',
        querystring: Type.Object({
          state: Type.Optional(Type.Enum(WORK_STATES)),
          from: Type.Optional(WhenText),
          to: Type.Optional(WhenText),
          cursor: Type.Optional(Cursor),
          limit: Type.Optional(Limit),
        }),
        response: { 200: WorksAnswer },
      },
    },
    async ({ query }) => {
      const limit = query.limit ?? PAGE_SIZE
      const place =
        query.cursor === undefined ? undefined : decodeCursor(query.cursor, ['number', 'string'])
      const span = {
        ...when('from', query.from, timeZone),
        ...when('until', query.to, timeZone),
      }
      if (span.from !== undefined && span.until !== undefined && span.until <= span.from) {
        throw badField({ in: 'query', at: '/to', says: 'must be after from' })
      }
      const found = await listWorks(db, {
        ...(query.state === undefined ? {} : { states: [query.state] }),
        ...span,
        ...(place === undefined
          ? {}
          : { after: { from: place[0] as number, id: place[1] as string } }),
        limit: limit + 1,
      })
      const page = found.slice(0, limit)
      const last = page.at(-1)?.work
      return {
        works: page.map((saved) => workView(saved, clock())),
        nextCursor:
          found.length > limit && last !== undefined
            ? encodeCursor([last.window.from, last.id])
            : null,
      }
    },
  )

  app.post(
    '/api/v1/works',
    {
      schema: { tags, summary: 'A new draft', body: PlanBody, response: { 201: ActedWorkAnswer } },
    },
    async (request, reply) => {
      const view = await inForce(parts)
      const plan = planOf(request.body, view)
      const by = someone(request.identity)
      const now = clock()
      const context = { at: now, by: by.subject, note: request.body.note ?? null }
      let work: Work | undefined
      await commit(parts, [], async (tx) => {
        work = draftWork(await nextWorkId(tx), plan, context)
        await insertWork(tx, work, now)
        await audit(tx, by, now, 'work.draft', work.id, null, plan)
      })
      if (work === undefined) throw new Problem(503, 'not-saved', 'the work was not saved')
      return reply
        .code(201)
        .header('location', `/api/v1/works/${encodeURIComponent(work.id)}`)
        .send(workView({ work, revision: 1 }, now))
    },
  )

  app.get(
    '/api/v1/works/:id',
    {
      schema: {
        tags,
        summary: 'A work and its history',
        params: IdParams,
        response: { 200: WholeWorkAnswer },
      },
    },
    async ({ params }) => {
      const saved = await workNamed(parts, params.id)
      return { ...workView(saved, clock()), against: await againstPlan(parts, saved.work) }
    },
  )

  app.put(
    '/api/v1/works/:id',
    {
      schema: {
        tags,
        summary: 'Another plan; what was approved asks again',
        params: IdParams,
        body: PlanBody,
        response: { 200: ActedWorkAnswer },
      },
    },
    async (request) => {
      const view = await inForce(parts)
      const plan = planOf(request.body, view)
      const by = someone(request.identity)
      return oneAtATime(async () => {
        const known = await workNamed(parts, request.params.id)
        const now = clock()
        const context = { at: now, by: by.subject, note: request.body.note ?? null }
        const work = movedOr(editWork(known.work, plan, context))
        return save(parts, known, work, { by, now, act: 'work.edit', drafts: [] })
      })
    },
  )

  app.get(
    '/api/v1/works/:id/effect',
    {
      schema: {
        tags,
        summary: 'Who is interrupted, for how long, conflicts, notice deadline, alternatives',
        params: IdParams,
        response: { 200: WorkEffectAnswer },
      },
    },
    async ({ params }) => {
      const view = await inForce(parts)
      const { work } = await workNamed(parts, params.id)
      return {
        ...effectView(work, await effectOf(parts, view, work)),
        changedSinceApproval: changedView(work, clock()),
        approvalTells: await approvalTells(parts, view, work),
      }
    },
  )

  for (const act of WORK_ACTS) {
    app.post(
      `/api/v1/works/:id/${act}`,
      {
        schema: {
          tags,
          summary: `Planned work: ${act}`,
          params: IdParams,
          body: ActBody,
          response: { 200: ActedWorkAnswer },
        },
      },
      async (request) => {
        const { id } = request.params
        const { body } = request
        const by = someone(request.identity)
        return oneAtATime(async () => actOn(parts, id, act, by, body))
      },
    )
  }
}

async function actOn(
  parts: HttpParts,
  id: string,
  act: WorkAct,
  by: Identity,
  body: Static<typeof ActBody>,
) {
  const known = await workNamed(parts, id)
  const now = parts.clock()
  const context = { at: now, by: by.subject, note: body.note ?? null }
  const moved = movedOr(actOnWork(known.work, act, context))
  const saving = { by, now, act: `work.${act}` }
  if (act !== 'approve' && act !== 'cancel') {
    return save(parts, known, moved, { ...saving, drafts: [] })
  }
  const view = await inForce(parts)
  if (act === 'approve' && body.acceptConflicts !== true) {
    const { conflicts } = await effectOf(parts, view, known.work)
    if (conflicts.length > 0) {
      const says = conflicts.map((conflict) => conflict.says).join('; ')
      throw new Problem(409, 'conflicts', `${says} (acceptConflicts approves all the same)`)
    }
  }
  const codes = await groupCodes(parts, view)
  const after = act === 'cancel' ? [] : toldSets(view, codes, moved)
  const drafts = plannedDrafts(moved, after, {
    at: now,
    settings: { noticeHoldS: 0, timeZone: parts.settings.timeZone },
    feeders: feedersOfSets(view, codes, [...after, ...moved.told]),
    customersOf: (members) =>
      members.reduce((sum, code) => sum + (codes.customers.get(code) ?? 0), 0),
  })
  const told = toldCustomers(moved, act === 'cancel' ? null : after, now, {
    promise: (await readPlanning(parts.db)).promise,
    news: drafts.some((draft) => draft.audience === 'customer'),
  })
  return save(parts, known, told, { ...saving, drafts })
}

async function save(
  parts: HttpParts,
  known: SavedWork,
  work: Work,
  {
    by,
    now,
    act,
    drafts,
  }: { by: Identity; now: EpochMs; act: string; drafts: ReturnType<typeof plannedDrafts> },
) {
  await commit(parts, drafts, async (tx) => {
    if (!(await saveWork(tx, known, work, now))) {
      // Thrown, so that the notices of what is not saved go back with it.
      throw new Problem(409, 'changed-meanwhile', `${work.id} was changed by someone else`)
    }
    await audit(tx, by, now, act, work.id, known.work.state, work.state)
  })
  return workView({ work, revision: known.revision + 1 }, now)
}

/** Through the one writer: it numbers the notices and commits them with what they tell. */
async function commit(
  parts: HttpParts,
  drafts: ReturnType<typeof plannedDrafts>,
  also: (tx: Tx) => Promise<void>,
): Promise<void> {
  if (parts.announce === undefined) {
    throw new Problem(503, 'no-engine', 'no engine is running that could keep this')
  }
  await parts.announce(drafts, also)
}

async function effectOf(parts: HttpParts, view: NetworkView, work: Work): Promise<WorkEffect> {
  const { db, clock } = parts
  const now = clock()
  const state = normalOf(view)
  const codes = await groupCodes(parts, view)
  const { sets } = interruptionsOf(state, work)
  const members = sets.flatMap((set) => set.groups.flatMap((group) => codes.ofGroup[group] ?? []))
  const since = now - REPEATED_RULE.months * 30 * MS_PER_DAY
  const [planning, live, ongoing, reachable, before, lastWeek] = await Promise.all([
    readPlanning(db),
    // What is over binds nobody any more, whatever was never done of it.
    readLiveWorks(db, LIVE_STATES, now),
    ongoingOutages(db),
    reachablePoints(db),
    interruptionsSince(db, members, since),
    loadsOfMoment(parts, view, { at: work.window.from, measuredAt: sameHourMeasured(work, now) }),
  ])
  const interruptedBefore = new Map<number, number>()
  codes.ofGroup.forEach((code, group) => {
    const times = code === null ? undefined : before.get(code)
    if (times !== undefined) interruptedBefore.set(group, times)
  })
  const { network, tables } = view
  const steps = work.steps.flatMap((step) => {
    const device = network.switchIndex.get(step.switch)
    return device === undefined ? [] : [{ device, closed: step.position === 'closed' }]
  })
  const switchingWith = (moment: LoadsOfMoment) => {
    const zones = zonesOf(moment)
    const { rated } = moment.input
    return { zones, switching: switchingEffect(rated, network.switchNormal, zones.nodeVa, steps) }
  }
  const asLastWeek = switchingWith(lastWeek)
  const ahead = await forecastLoads(parts, view, {
    window: work.window,
    lastWeek,
    feeders: asLastWeek.switching.feeders.map((move) => move.feeder),
  })
  const loads =
    ahead === null
      ? ({ ...asLastWeek, basis: lastWeek.measuredPoints > 0 ? 'lastWeek' : 'expected' } as const)
      : { ...switchingWith(ahead), basis: 'forecast' as const }
  const input: EffectInput = {
    tables,
    network,
    state,
    work,
    others: live.map((other) => other.work).filter((other) => other.id !== work.id),
    ongoing,
    now,
    promise: planning.promise,
    reachable,
    interruptedBefore,
    loads,
  }
  return effectOfWork(input)
}

/** Feeders whose forecasts one effect asks for. */
const FORECASTS_MAX = 8
/** Place of the upper decile among the quantiles. */
const UPPER_DECILE = QUANTILES.indexOf(0.9)

/**
 * The loads of last week with those of some feeders lifted to the highest upper decile that is forecast for the window; null where the forecast does
 * not reach that far, or knows nothing of any of them.
 */
async function forecastLoads(
  parts: HttpParts,
  view: NetworkView,
  {
    window,
    lastWeek,
    feeders,
  }: { window: Window; lastWeek: LoadsOfMoment; feeders: readonly string[] },
): Promise<LoadsOfMoment | null> {
  const horizon = parts.clock() + FORECAST_HOURS_MAX * MS_PER_H
  if (window.until > horizon || feeders.length === 0) return null
  const measured = new Map(lastWeek.input.measured)
  let known = 0
  for (const id of feeders.slice(0, FORECASTS_MAX)) {
    const { forecast, issuedAt } = await forecastOf(parts, loadPlace(view, id), id)
    const upper = forecast.hours.flatMap((hour) => {
      const from = issuedAt + hour.ahead * MS_PER_H
      const kw = hour.quantiles?.[UPPER_DECILE] ?? hour.value
      return kw === null || !overlap({ from, until: from + MS_PER_H }, window) ? [] : [kw]
    })
    const row = view.network.feeders.find((feeder) => feeder.id === id)
    if (upper.length === 0 || row === undefined) continue
    known++
    measured.set(row.head, { kw: Math.max(...upper), kvar: null, amps: null, kv: null })
  }
  return known === 0 ? null : { ...lastWeek, input: { ...lastWeek.input, measured } }
}

/** What the work did to customers beside what they were told; null before it could have done anything. */
async function againstPlan(parts: HttpParts, work: Work) {
  const begun = work.window.from - NATURE_EARLY_MAX_MIN * MS_PER_MIN
  const now = parts.clock()
  const isLive = work.approvedBy !== null && work.state !== 'cancelled'
  if (!isLive || now < begun) return null
  const opened = work.steps.flatMap((step) => (step.position === 'open' ? [step.switch] : []))
  const until = Math.max(work.window.until, work.finishedAt ?? 0)
  const sets = await setsBegunAt(parts.db, [...opened, ...work.assets], {
    from: begun,
    until,
    reason: work.reason,
  })
  const { customers } = await groupCodes(parts, await inForce(parts))
  return actualAgainstPlanned(work, sets, {
    now,
    customersOf: (group) => customers.get(group) ?? 0,
  })
}

/** The same hour of the week in the last week that is over: what a load is likely to be then. */
function sameHourMeasured(work: Work, now: EpochMs): EpochMs {
  const weeks = Math.max(0, Math.ceil((work.window.from - now) / (7 * MS_PER_DAY)))
  return work.window.from - weeks * 7 * MS_PER_DAY
}

const normals = new WeakMap<object, Energization>()

/** Normal positions, traced once a revision; whoever switches them puts them back. */
function normalOf(view: NetworkView): Energization {
  let normal = normals.get(view.network)
  if (normal === undefined) {
    normal = energize(view.network)
    normals.set(view.network, normal)
  }
  return normal
}

type Codes = {
  /** Lasting code of each group of the network; null until the engine has numbered its load point. */
  readonly ofGroup: readonly (GroupCode | null)[]
  readonly customers: ReadonlyMap<GroupCode, number>
  readonly feeder: ReadonlyMap<GroupCode, string>
}

async function groupCodes(parts: HttpParts, { network }: NetworkView): Promise<Codes> {
  const numbers = await readLoadPointNumbers(parts.db)
  const customers = new Map<GroupCode, number>()
  const feeder = new Map<GroupCode, string>()
  const ofGroup = Array.from(network.groupLoadPoint, (point, group) => {
    const number = numbers.get(network.loadPointIds[point] ?? '')
    if (number === undefined) return null
    const code = groupCode(number, at(network.groupPhases, group))
    customers.set(code, at(network.groupCustomers, group))
    const row = network.feeders[at(network.loadPointFeeder, point)]
    if (row !== undefined) feeder.set(code, row.id)
    return code
  })
  return { ofGroup, customers, feeder }
}

const toldSets = (view: NetworkView, codes: Codes, work: Work): ToldSet[] =>
  interruptionsOf(normalOf(view), work).sets.map(({ from, until, groups }) => ({
    from,
    until,
    members: groups.flatMap((group) => codes.ofGroup[group] ?? []),
  }))

function feedersOfSets(_view: NetworkView, codes: Codes, sets: readonly ToldSet[]): string[] {
  const feeders = new Set<string>()
  for (const set of sets) {
    for (const code of set.members) {
      const feeder = codes.feeder.get(code)
      if (feeder !== undefined) feeders.add(feeder)
    }
  }
  return [...feeders].sort()
}

/** The plan that a body means; switches that do not exist and windows that cannot be throw the problem. */
function planOf(body: Static<typeof PlanBody>, view: NetworkView): WorkPlan {
  const from = instantOf('/window/from', body.window.from)
  const until = instantOf('/window/until', body.window.until)
  if (until <= from) {
    throw badField({ in: 'body', at: '/window/until', says: 'must be after from' })
  }
  if (until - from > WINDOW_DAYS_MAX * MS_PER_DAY) {
    const says = `must be at most ${WINDOW_DAYS_MAX} days after from`
    throw badField({ in: 'body', at: '/window/until', says })
  }
  const steps = body.steps ?? []
  steps.forEach((step, i) => {
    if (view.network.switchIndex.has(step.switch)) return
    const says = `no switch ${step.switch} in the network in force`
    throw badField({ in: 'body', at: `/steps/${i}/switch`, says })
  })
  const lengthMin = (until - from) / MS_PER_MIN
  steps.forEach((step, i) => {
    if ((step.afterMin ?? 0) < lengthMin) return
    const says = `must lie within the window, which is ${lengthMin} minutes long`
    throw badField({ in: 'body', at: `/steps/${i}/afterMin`, says })
  })
  return {
    title: body.title,
    kind: body.kind ?? 'planned',
    method: body.method ?? 'dead',
    reason: body.reason,
    responsible: body.responsible,
    crew: body.crew ?? null,
    assets: body.assets ?? [],
    steps: steps.map((step) => ({ ...step, afterMin: step.afterMin ?? 0 })),
    window: { from, until },
  }
}

function movedOr(answer: WorkAnswer): Work {
  switch (answer.outcome) {
    case 'moved':
      return answer.work
    case 'wrong-state': {
      const allowed = answer.allowed.length === 0 ? 'nothing more' : answer.allowed.join(', ')
      throw new Problem(409, 'wrong-state', `the work is ${answer.state}; it allows ${allowed}`)
    }
    case 'own-request':
      throw new Problem(403, 'own-request', 'nobody approves what they asked for themselves')
    case 'too-early':
      throw new Problem(409, 'too-early', `not before ${toIso(answer.notBefore)}`)
    case 'too-late':
      throw new Problem(
        409,
        'too-late',
        `not after ${toIso(answer.until)}: it needs another window`,
      )
  }
}

async function workNamed({ db }: HttpParts, id: string): Promise<SavedWork> {
  const known = await readWork(db, id)
  if (known === undefined) throw notFound('unknown-work', `no work ${id}`)
  return known
}

function workView({ work, revision }: SavedWork, now: EpochMs) {
  const { told: _told, history, window, ...rest } = work
  const iso = (when: EpochMs | null) => (when === null ? null : toIso(when))
  const isoWindow = ({ from, until }: { from: EpochMs; until: EpochMs }) => ({
    from: toIso(from),
    until: toIso(until),
  })
  return {
    ...rest,
    window: isoWindow(window),
    startedAt: iso(work.startedAt),
    finishedAt: iso(work.finishedAt),
    announced: work.announced === null ? null : isoWindow(work.announced),
    announcedAt: iso(work.announcedAt),
    remindedAt: iso(work.remindedAt),
    /** How long it took against how long it was to take; null until it is finished. */
    actual:
      work.startedAt === null || work.finishedAt === null
        ? null
        : {
            plannedH: (window.until - window.from) / MS_PER_H,
            tookH: (work.finishedAt - work.startedAt) / MS_PER_H,
            overrunH: Math.max(0, (work.finishedAt - window.until) / MS_PER_H),
          },
    history: history.map((event) => ({ ...event, at: toIso(event.at) })),
    /** Approved once, another plan by now, and not approved again; what customers were told of it stands meanwhile. */
    changedSinceApproval: changedView(work, now),
    revision,
  }
}

function changedView(work: Work, now: EpochMs) {
  const changed = changedSinceApproval(work, now)
  if (changed === null) return null
  const { told } = changed
  return {
    ...changed,
    approvedAt: toIso(changed.approvedAt),
    changedAt: toIso(changed.changedAt),
    told: told === null ? null : { from: toIso(told.from), until: toIso(told.until) },
  }
}

/** Customers who would hear of it for the first time, of other times, and that they keep their supply, if it were approved as it stands. */
async function approvalTells(parts: HttpParts, view: NetworkView, work: Work) {
  const codes = await groupCodes(parts, view)
  const tells = { plannedAnnounced: 0, plannedChanged: 0, plannedCancelled: 0 }
  for (const { kind, members } of plannedNews(work, toldSets(view, codes, work))) {
    for (const code of members) tells[kind] += codes.customers.get(code) ?? 0
  }
  return {
    announced: tells.plannedAnnounced,
    changed: tells.plannedChanged,
    cancelled: tells.plannedCancelled,
  }
}

function effectView(work: Work, effect: WorkEffect) {
  const { groups, ...rest } = effect
  return {
    work: work.id,
    ...rest,
    loadPoints: groups.length,
    sets: effect.sets.map((set) => ({ ...set, from: toIso(set.from), until: toIso(set.until) })),
    notice: { ...effect.notice, deadlineAt: toIso(effect.notice.deadlineAt) },
    alternatives: effect.alternatives.map((alternative) =>
      'window' in alternative
        ? {
            ...alternative,
            window: {
              from: toIso(alternative.window.from),
              until: toIso(alternative.window.until),
            },
          }
        : alternative,
    ),
  }
}

function when(
  name: 'from' | 'until',
  text: string | undefined,
  timeZone: string,
): { from?: EpochMs; until?: EpochMs } {
  if (text === undefined) return {}
  const place = { in: 'query', at: name === 'from' ? '/from' : '/to' } as const
  return { [name]: whenOf(place, text, timeZone) }
}

/** Works are read, judged and saved by one act after the other. */
function makeQueue() {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(task: () => Promise<T>): Promise<T> => {
    const next = last.then(task, task)
    last = next.catch(() => undefined)
    return next
  }
}
