import { Type } from 'typebox'
import { supplyTree, upNode } from '../balance/supply-tree.ts'
import { at, NONE } from '../grid/network.ts'
import { isDay, localDayOf, type LocalDay } from '../reliability/calendar.ts'
import type { Tx } from '../stores/database.ts'
import {
  answerFinding,
  answersOf,
  findingsOpenAt,
  finishPatrol,
  insertFinding,
  insertPatrol,
  listFindings,
  listPatrols,
  moveFinding,
  readFinding,
  readPatrol,
  saveVisit,
  type Finding,
  type Patrol,
} from '../stores/patrols.ts'
import { readOutage } from '../stores/outages-read.ts'
import { readWork } from '../stores/works.ts'
import { toIso, type EpochMs } from '../time.ts'
import { FINDING_MOVES, FINDING_STATES, isClosed, SEVERITIES } from '../work/finding.ts'
import { audit, someone } from './acting.ts'
import { ratedOf } from './load-room.ts'
import type { NetworkView } from './network-in-force.ts'
import { inForce } from './network.ts'
import {
  Cursor,
  decodeCursor,
  encodeCursor,
  Id,
  IdParams,
  LineText,
  Limit,
  PAGE_SIZE,
} from './params.ts'
import type { App, HttpParts } from './parts.ts'
import {
  ActedPatrolAnswer,
  FindingAnswer,
  FindingsAnswer,
  OutageFindingsAnswer,
  PatrolAnswer,
  PatrolsAnswer,
} from './patrol-schemas.ts'
import { badField, notFound, Problem, type ProblemPart } from './problem.ts'

const tags = ['planner']
/** Assets of one round. */
export const PATROL_ASSETS_MAX = 500
/** Findings listed where an outage was. */
export const FINDINGS_AT_OUTAGE_MAX = 50
const UNDONE = { doneAt: null }

const Note = Type.Optional(Type.Union([Type.String({ maxLength: 2000 }), Type.Null()]))
const Day = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'local day YYYY-MM-DD' })
const NumberParams = Type.Object({ id: Type.String({ pattern: '^[1-9]\\d{0,14}$' }) })

/** Rounds over assets, what they found, and the question whether a finding was open where an outage was. */
export async function patrolRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const today = (): LocalDay => localDayOf(clock(), parts.settings.timeZone)
  const inOne = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => db.transaction().execute(work)

  app.get(
    '/api/v1/patrols',
    {
      schema: {
        tags,
        summary: 'Rounds by the day that they are due on',
        querystring: Type.Object({
          state: Type.Optional(Type.Enum(['open', 'done', 'overdue', 'all'], { default: 'open' })),
          owner: Type.Optional(LineText(128)),
          cursor: Type.Optional(Cursor),
          limit: Type.Optional(Limit),
        }),
        response: { 200: PatrolsAnswer },
      },
    },
    async ({ query }) => {
      const limit = query.limit ?? PAGE_SIZE
      const day = today()
      const found = await listPatrols(db, {
        state: query.state ?? 'open',
        owner: query.owner,
        today: day,
        after: placeOf(query.cursor),
        limit: limit + 1,
      })
      return {
        patrols: found.slice(0, limit).map((patrol) => patrolView(patrol, day)),
        nextCursor: nextOf(found, limit),
      }
    },
  )

  app.post(
    '/api/v1/patrols',
    {
      schema: {
        tags,
        summary: 'A new round',
        body: Type.Object({
          title: LineText(200),
          owner: LineText(128),
          assets: Type.Array(Id, { minItems: 1, maxItems: PATROL_ASSETS_MAX, uniqueItems: true }),
          dueOn: Day,
        }),
        response: { 201: ActedPatrolAnswer },
      },
    },
    async ({ body, identity }, reply) => {
      const view = await inForce(parts)
      const known = assetsOf(view)
      refuseParts([
        ...dueFaults(body.dueOn, today()),
        ...body.assets.flatMap((asset, i) => assetFaults(known, asset, `/assets/${i}`)),
      ])
      const by = someone(identity)
      const now = clock()
      const id = await inOne(async (tx) => {
        const made = await insertPatrol(tx, body, { by: by.subject, at: now })
        await audit(tx, by, now, 'patrol.new', `patrol ${made}`, null, body)
        return made
      })
      return reply
        .code(201)
        .header('location', `/api/v1/patrols/${id}`)
        .send(patrolView(await patrolNamed(parts, id), today()))
    },
  )

  app.get(
    '/api/v1/patrols/:id',
    {
      schema: {
        tags,
        summary: 'A round, who was where, and what it found',
        params: NumberParams,
        response: { 200: PatrolAnswer },
      },
    },
    async ({ params }) => {
      const patrol = await patrolNamed(parts, Number(params.id))
      const day = today()
      const findings = await listFindings(db, {
        state: 'all',
        patrol: patrol.id,
        today: day,
        limit: PATROL_ASSETS_MAX,
      })
      return {
        ...patrolView(patrol, day),
        findings: findings.map((finding) => findingView(finding, day)),
      }
    },
  )

  app.post(
    '/api/v1/patrols/:id/visits',
    {
      schema: {
        tags,
        summary: 'Somebody was at an asset of a round',
        params: NumberParams,
        body: Type.Object({ asset: Id }),
        response: { 200: ActedPatrolAnswer },
      },
    },
    async ({ params, body, identity }) => {
      const patrol = await patrolNamed(parts, Number(params.id))
      if (!patrol.assets.includes(body.asset)) {
        const says = `${body.asset} is not on this round`
        throw badField({ in: 'body', at: '/asset', says })
      }
      refuseDone(patrol)
      const by = someone(identity)
      const now = clock()
      await inOne(async (tx) => {
        if (!(await saveVisit(tx, patrol.id, body.asset, { by: by.subject, at: now }))) return
        await audit(tx, by, now, 'patrol.visit', `patrol ${patrol.id}`, null, body)
      })
      return patrolView(await patrolNamed(parts, patrol.id), today())
    },
  )

  app.post(
    '/api/v1/patrols/:id/finish',
    {
      schema: {
        tags,
        summary: 'A round is done; refused while assets have not been visited, unless partly',
        params: NumberParams,
        body: Type.Object({
          partly: Type.Optional(
            Type.Boolean({ description: 'done although assets were left out' }),
          ),
        }),
        response: { 200: ActedPatrolAnswer },
      },
    },
    async ({ params, body, identity }) => {
      const patrol = await patrolNamed(parts, Number(params.id))
      refuseDone(patrol)
      const seen = new Set(patrol.visits.map((visit) => visit.asset))
      const left = patrol.assets.filter((asset) => !seen.has(asset))
      if (left.length > 0 && body.partly !== true) {
        const says = `${left.length} of ${patrol.assets.length} assets have not been visited`
        throw new Problem(409, 'not-all-visited', `${says} (partly finishes all the same)`, {
          extra: { left: left.slice(0, PAGE_SIZE) },
        })
      }
      const by = someone(identity)
      const now = clock()
      const done = await inOne(async (tx) => {
        if (!(await finishPatrol(tx, patrol.id, { by: by.subject, at: now }))) return false
        await audit(tx, by, now, 'patrol.finish', `patrol ${patrol.id}`, UNDONE, {
          left,
        })
        return true
      })
      const after = await patrolNamed(parts, patrol.id)
      if (!done) refuseDone(after)
      return patrolView(after, today())
    },
  )

  app.get(
    '/api/v1/findings',
    {
      schema: {
        tags,
        summary: 'Findings by the day that something must be done about them',
        querystring: Type.Object({
          state: Type.Optional(
            Type.Enum(['open', 'closed', 'overdue', 'all'], { default: 'open' }),
          ),
          severity: Type.Optional(Type.Enum(SEVERITIES)),
          owner: Type.Optional(LineText(128)),
          asset: Type.Optional(Id),
          cursor: Type.Optional(Cursor),
          limit: Type.Optional(Limit),
        }),
        response: { 200: FindingsAnswer },
      },
    },
    async ({ query }) => {
      const limit = query.limit ?? PAGE_SIZE
      const day = today()
      const found = await listFindings(db, {
        state: query.state ?? 'open',
        severity: query.severity,
        owner: query.owner,
        asset: query.asset,
        today: day,
        after: placeOf(query.cursor),
        limit: limit + 1,
      })
      return {
        findings: found.slice(0, limit).map((finding) => findingView(finding, day)),
        nextCursor: nextOf(found, limit),
      }
    },
  )

  app.post(
    '/api/v1/findings',
    {
      schema: {
        tags,
        summary: 'Something was found at an asset',
        body: Type.Object({
          patrol: Type.Optional(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()])),
          asset: Id,
          severity: Type.Enum(SEVERITIES),
          says: LineText(2000),
          photo: Type.Optional(
            Type.Union([
              Type.String({
                maxLength: 500,
                pattern: '^(https://|[\\w./-]+$)[^\\s\\u0000-\\u001f\\u007f]*$',
                description: 'where the picture is kept: an https address or a name in a store',
              }),
              Type.Null(),
            ]),
          ),
          owner: LineText(128),
          dueOn: Day,
        }),
        response: { 201: FindingAnswer },
      },
    },
    async ({ body, identity }, reply) => {
      const view = await inForce(parts)
      refuseParts([
        ...dueFaults(body.dueOn, today()),
        ...assetFaults(assetsOf(view), body.asset, '/asset'),
      ])
      const patrol = body.patrol ?? null
      if (patrol !== null && (await readPatrol(db, patrol)) === undefined) {
        throw badField({ in: 'body', at: '/patrol', says: `no round ${patrol}` })
      }
      const by = someone(identity)
      const now = clock()
      const id = await inOne(async (tx) => {
        const finding = { ...body, patrol, photo: body.photo ?? null }
        const made = await insertFinding(tx, finding, { by: by.subject, at: now })
        await audit(tx, by, now, 'finding.new', `finding ${made}`, null, finding)
        return made
      })
      return reply
        .code(201)
        .header('location', `/api/v1/findings/${id}`)
        .send(await wholeFinding(parts, id, today()))
    },
  )

  app.get(
    '/api/v1/findings/:id',
    {
      schema: {
        tags,
        summary: 'A finding and its history',
        params: NumberParams,
        response: { 200: FindingAnswer },
      },
    },
    async ({ params }) => wholeFinding(parts, Number(params.id), today()),
  )

  app.post(
    '/api/v1/findings/:id/state',
    {
      schema: {
        tags,
        summary: 'A finding goes on: in hand, fixed, dismissed, open again',
        params: NumberParams,
        body: Type.Object({
          state: Type.Enum(FINDING_STATES),
          note: Note,
          work: Type.Optional(
            Type.Union([Id, Type.Null()], { description: 'the planned work that mends it' }),
          ),
        }),
        response: { 200: FindingAnswer },
      },
    },
    async ({ params, body, identity }) => {
      const id = Number(params.id)
      const finding = await findingNamed(parts, id)
      const allowed = FINDING_MOVES[finding.state]
      if (!allowed.includes(body.state)) {
        const says = `the finding is ${finding.state}; it may become ${allowed.join(', ')}`
        throw new Problem(409, 'wrong-state', says)
      }
      if (body.state === 'dismissed' && (body.note ?? '').trim() === '') {
        throw badField({ in: 'body', at: '/note', says: 'must say why it is dismissed' })
      }
      if (body.work != null && (await readWork(db, body.work)) === undefined) {
        throw badField({ in: 'body', at: '/work', says: `no work ${body.work}` })
      }
      const by = someone(identity)
      const now = clock()
      const moved = await inOne(async (tx) => {
        const move = {
          at: now,
          by: by.subject,
          from: finding.state,
          to: body.state,
          note: body.note ?? null,
          ...(body.work === undefined ? {} : { work: body.work }),
        }
        if (!(await moveFinding(tx, id, move))) return false
        await audit(tx, by, now, 'finding.state', `finding ${id}`, finding.state, body)
        return true
      })
      if (!moved) {
        throw new Problem(409, 'changed-meanwhile', `finding ${id} was changed by someone else`)
      }
      return wholeFinding(parts, id, today())
    },
  )

  app.get(
    '/api/v1/outages/:id/findings',
    {
      schema: {
        tags: ['dispatcher'],
        summary: 'Findings that were open where an outage was, and what people said of them',
        params: IdParams,
        response: { 200: OutageFindingsAnswer },
      },
    },
    async ({ params }) => findingsAtOutage(parts, params.id),
  )

  app.post(
    '/api/v1/outages/:id/findings',
    {
      schema: {
        tags: ['dispatcher'],
        summary: 'Says whether a finding that was open there had to do with an outage',
        params: IdParams,
        body: Type.Object({ finding: Type.Integer({ minimum: 1 }), contributed: Type.Boolean() }),
        response: { 200: OutageFindingsAnswer },
      },
    },
    async ({ params, body, identity }) => {
      const { findings } = await findingsAtOutage(parts, params.id)
      if (!findings.some((finding) => finding.id === body.finding)) {
        const says = `finding ${body.finding} was not open where outage ${params.id} was`
        throw badField({ in: 'body', at: '/finding', says })
      }
      const by = someone(identity)
      const now = clock()
      await inOne(async (tx) => {
        await answerFinding(tx, { outage: params.id, ...body }, { by: by.subject, at: now })
        await audit(tx, by, now, 'outage.finding', params.id, null, body)
      })
      return findingsAtOutage(parts, params.id)
    },
  )
}

/** Findings that were open when an outage began, at its device, what lay behind it, its feeder and its substation. */
export async function findingsAtOutage(parts: HttpParts, id: string) {
  const { db, clock } = parts
  const outage = await readOutage(db, id, clock())
  if (outage === undefined) throw notFound('unknown-outage', `no outage ${id}`)
  const view = await inForce(parts)
  const startedAt = Date.parse(outage.startedAt)
  const assets = assetsBehind(view, outage)
  const [findings, answers] = await Promise.all([
    findingsOpenAt(db, assets, { at: startedAt, limit: FINDINGS_AT_OUTAGE_MAX }),
    answersOf(db, id),
  ])
  const day = localDayOf(clock(), parts.settings.timeZone)
  const rows = findings.map((finding) => {
    const answer = answers.get(finding.id)
    return {
      ...findingView(finding, day),
      answer: answer === undefined ? null : { ...answer, at: toIso(answer.at) },
    }
  })
  return {
    outage: id,
    startedAt: outage.startedAt,
    /** A cause is known, findings were open, and nobody has said yet whether they had to do with it. */
    asks: outage.cause !== null && rows.some((row) => row.answer === null),
    findings: rows,
  }
}

/** Ids of what an outage's device takes off under normal positions; without a known device only feeder and substation. */
function assetsBehind(
  view: NetworkView,
  outage: { device: string | null; feeder: string | null; substation: string | null },
): string[] {
  const { network } = view
  const assets = [outage.device, outage.feeder, outage.substation].filter((id) => id !== null)
  const device = outage.device === null ? undefined : network.switchIndex.get(outage.device)
  if (device === undefined) return assets
  const { rated } = ratedOf(view)
  const tree = supplyTree(rated, network.switchNormal)
  const below = new Uint8Array(network.nodeIds.length)
  for (const node of tree.order) {
    const branch = at(tree.parent, node)
    const up = upNode(network, tree, node)
    if (branch !== device && (up === NONE || below[up] === 0)) continue
    below[node] = 1
    assets.push(network.nodeIds[node] as string)
    if (branch !== NONE) assets.push(network.branchIds[branch] as string)
  }
  // Open switches at the edge, too: a finding there may be why it did not hold.
  for (let branch = 0; branch < network.switchCount; branch++) {
    if (network.switchNormal[branch] !== 0) continue
    const touches =
      below[at(network.branchFrom, branch)] === 1 || below[at(network.branchTo, branch)] === 1
    if (touches) assets.push(network.branchIds[branch] as string)
  }
  return assets
}

const assetIds = new WeakMap<object, ReadonlySet<string>>()

/** What may be visited: nodes, switches, lines, transformers, and feeders and substations as a whole. */
function assetsOf({ network }: NetworkView): ReadonlySet<string> {
  let known = assetIds.get(network)
  if (known === undefined) {
    known = new Set([
      ...network.branchIds,
      ...network.nodeIds,
      ...network.feeders.map((row) => row.id),
      ...network.substations.map((row) => row.id),
    ])
    assetIds.set(network, known)
  }
  return known
}

const assetFaults = (known: ReadonlySet<string>, asset: string, at: string): ProblemPart[] =>
  known.has(asset) ? [] : [{ in: 'body', at, says: `no asset ${asset} in the network in force` }]

function dueFaults(dueOn: string, today: LocalDay): ProblemPart[] {
  const says = !isDay(dueOn)
    ? 'must be a day that exists'
    : dueOn < today
      ? `must not lie before today (${today})`
      : null
  return says === null ? [] : [{ in: 'body', at: '/dueOn', says }]
}

function refuseParts(faults: readonly ProblemPart[]): void {
  if (faults.length === 0) return
  const detail = faults.map((fault) => `${fault.in}${fault.at}: ${fault.says}`).join('; ')
  throw new Problem(400, 'invalid', detail, { parts: faults })
}

function refuseDone(patrol: Patrol): void {
  if (patrol.doneAt === null) return
  const says = `round ${patrol.id} was finished by ${patrol.doneBy} at ${toIso(patrol.doneAt)}`
  throw new Problem(409, 'wrong-state', says)
}

async function patrolNamed({ db }: HttpParts, id: number): Promise<Patrol> {
  const patrol = await readPatrol(db, id)
  if (patrol === undefined) throw notFound('unknown-patrol', `no round ${id}`)
  return patrol
}

async function findingNamed({ db }: HttpParts, id: number) {
  const finding = await readFinding(db, id)
  if (finding === undefined) throw notFound('unknown-finding', `no finding ${id}`)
  return finding
}

async function wholeFinding(parts: HttpParts, id: number, day: LocalDay) {
  const { history, ...finding } = await findingNamed(parts, id)
  return {
    ...findingView(finding, day),
    history: history.map((event) => ({ ...event, at: toIso(event.at) })),
  }
}

const patrolView = (patrol: Patrol, day: LocalDay) => ({
  ...patrol,
  createdAt: toIso(patrol.createdAt),
  doneAt: isoOrNull(patrol.doneAt),
  overdue: patrol.doneAt === null && patrol.dueOn < day,
  visits: patrol.visits.map((visit) => ({ ...visit, at: toIso(visit.at) })),
})

const findingView = (finding: Finding, day: LocalDay) => ({
  ...finding,
  foundAt: toIso(finding.foundAt),
  closedAt: isoOrNull(finding.closedAt),
  overdue: !isClosed(finding.state) && finding.dueOn < day,
})

const isoOrNull = (when: EpochMs | null): string | null => (when === null ? null : toIso(when))

function placeOf(cursor: string | undefined): { dueOn: LocalDay; id: number } | undefined {
  if (cursor === undefined) return undefined
  const [dueOn, id] = decodeCursor(cursor, ['string', 'number'])
  if (!isDay(String(dueOn)) || !Number.isSafeInteger(id)) {
    throw badField({ in: 'query', at: '/cursor', says: 'must be the nextCursor of an answer' })
  }
  return { dueOn: String(dueOn), id: Number(id) }
}

function nextOf(
  found: readonly { readonly dueOn: LocalDay; readonly id: number }[],
  limit: number,
): string | null {
  const last = found[limit - 1]
  return found.length > limit && last !== undefined ? encodeCursor([last.dueOn, last.id]) : null
}
