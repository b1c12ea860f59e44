import { Type } from 'typebox'
import {
  ALARM_WORDINGS,
  insertConnection,
  listConnections,
  moveConnection,
  readPlanning,
  savePlanning,
  type AlarmWording,
  type ConnectionRequest,
} from '../stores/planning.ts'
import { CONNECTION_STATES, type ConnectionState } from '../stores/planning-tables.ts'
import { toIso } from '../time.ts'
import { audit, someone } from './acting.ts'
import { inForce } from './network.ts'
import { Id, IdParams, LineText, Limit, PAGE_SIZE } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { ConnectionAnswer, ConnectionsAnswer, PlanningAnswer } from './planning-schemas.ts'
import { badField, notFound, Problem } from './problem.ts'

const tags = ['planner']
export const GUIDE_ROWS_MAX = 50
/** A connection is planned for at most so many years ahead. */
const YEARS_AHEAD_MAX = 30

const Range = Type.Object({
  kvFrom: Type.Number({ minimum: 0, maximum: 2000 }),
  kvTo: Type.Number({ minimum: 0, maximum: 2000, description: 'exclusive' }),
  // One type for both: in a union the server would read null as 0, and 0 is a growth.
  growthAbovePct: Type.Unsafe<number | null>({
    type: ['number', 'null'],
    minimum: -50,
    maximum: 100,
  }),
  low: Type.Number({ exclusiveMinimum: 0, maximum: 10 }),
  high: Type.Number({ exclusiveMinimum: 0, maximum: 10 }),
  source: LineText(200),
})

const MOVES: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  asked: ['approved', 'withdrawn'],
  approved: ['connected', 'withdrawn'],
  connected: [],
  withdrawn: [],
}

/** What a utility sets for its planning, and the connections that wait. */
export async function planningRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts

  app.get(
    '/api/v1/planning',
    {
      schema: {
        tags,
        summary: 'Guide ranges of its own, promise on notices, wording of alarms',
        response: { 200: PlanningAnswer },
      },
    },
    async () => readPlanning(db),
  )

  app.put(
    '/api/v1/planning',
    {
      schema: {
        tags,
        summary: 'Sets what is named and leaves the rest',
        body: Type.Object(
          {
            guide: Type.Optional(
              Type.Union([Type.Array(Range, { maxItems: GUIDE_ROWS_MAX }), Type.Null()]),
            ),
            promise: Type.Optional(
              Type.Object({
                name: LineText(100),
                plannedH: Type.Number({ minimum: 0, maximum: 2000 }),
                temporaryH: Type.Number({ minimum: 0, maximum: 2000 }),
                faultBelowH: Type.Number({ minimum: 0, maximum: 2000 }),
              }),
            ),
            alarms: Type.Optional(Type.Enum(Object.keys(ALARM_WORDINGS) as AlarmWording[])),
          },
          { additionalProperties: false, minProperties: 1 },
        ),
        response: { 200: PlanningAnswer },
      },
    },
    async ({ body, identity }) => {
      body.guide?.forEach((range, i) => {
        if (range.kvTo <= range.kvFrom) {
          throw badField({ in: 'body', at: `/guide/${i}/kvTo`, says: 'must be above kvFrom' })
        }
        if (range.high < range.low) {
          throw badField({ in: 'body', at: `/guide/${i}/high`, says: 'must not be below low' })
        }
      })
      const { promise } = body
      if (promise !== undefined && promise.temporaryH > promise.plannedH) {
        const says = 'must not be longer than plannedH'
        throw badField({ in: 'body', at: '/promise/temporaryH', says })
      }
      if (promise !== undefined && promise.faultBelowH > promise.temporaryH) {
        const says = 'must not be longer than temporaryH'
        throw badField({ in: 'body', at: '/promise/faultBelowH', says })
      }
      const by = someone(identity)
      const now = clock()
      await db.transaction().execute(async (tx) => {
        const before = await readPlanning(tx)
        await savePlanning(tx, body, { by: by.subject, at: now })
        await audit(tx, by, now, 'planning.set', 'planning', before, body)
      })
      return readPlanning(db)
    },
  )

  app.get(
    '/api/v1/connections',
    {
      schema: {
        tags,
        summary: 'Connections that were asked for, by the year that they are to be there',
        querystring: Type.Object({
          state: Type.Optional(Type.Enum(CONNECTION_STATES)),
          point: Type.Optional(Id),
          limit: Type.Optional(Limit),
        }),
        response: { 200: ConnectionsAnswer },
      },
    },
    async ({ query }) => {
      const found = await listConnections(db, {
        ...(query.state === undefined ? {} : { states: [query.state] }),
        ...(query.point === undefined ? {} : { points: [query.point] }),
        limit: query.limit ?? PAGE_SIZE,
      })
      return { connections: found.map(connectionView) }
    },
  )

  app.post(
    '/api/v1/connections',
    {
      schema: {
        tags,
        summary: 'A connection that somebody asks for: it counts in the yearly peaks',
        body: Type.Object({
          point: Id,
          kw: Type.Number({ exclusiveMinimum: 0, maximum: 10_000_000 }),
          year: Type.Integer({ minimum: 1990, maximum: 2200 }),
          coincidence: Type.Optional(Type.Number({ minimum: 0, maximum: 1, default: 1 })),
          class: Type.Optional(Type.Union([LineText(64), Type.Null()])),
          note: Type.Optional(Type.Union([Type.String({ maxLength: 2000 }), Type.Null()])),
        }),
        response: { 201: ConnectionAnswer },
      },
    },
    async ({ body, identity }, reply) => {
      const { network } = await inForce(parts)
      const known = [...network.feeders, ...network.substations].some(
        (row) => row.id === body.point,
      )
      if (!known) {
        const says = `no feeder or substation ${body.point} in the network in force`
        throw badField({ in: 'body', at: '/point', says })
      }
      const by = someone(identity)
      const now = clock()
      const thisYear = new Date(now).getUTCFullYear()
      if (body.year < thisYear || body.year > thisYear + YEARS_AHEAD_MAX) {
        const says = `must lie between ${thisYear} and ${thisYear + YEARS_AHEAD_MAX}`
        throw badField({ in: 'body', at: '/year', says })
      }
      const request = {
        point: body.point,
        kw: body.kw,
        year: body.year,
        coincidence: body.coincidence ?? 1,
        class: body.class ?? null,
        note: body.note ?? null,
        askedBy: by.subject,
        askedAt: now,
      }
      const id = await db.transaction().execute(async (tx) => {
        const made = await insertConnection(tx, request)
        await audit(tx, by, now, 'connection.new', made, null, request)
        return made
      })
      return reply
        .code(201)
        .header('location', `/api/v1/connections/${id}`)
        .send(connectionView({ ...request, id, state: 'asked' }))
    },
  )

  app.post(
    '/api/v1/connections/:id/state',
    {
      schema: {
        tags,
        summary: 'A connection is approved, connected or withdrawn',
        params: IdParams,
        body: Type.Object({ state: Type.Enum(CONNECTION_STATES) }),
        response: { 200: ConnectionAnswer },
      },
    },
    async ({ params, body, identity }) => {
      const [known] = await listConnections(db, { id: params.id, limit: 1 })
      if (known === undefined) throw notFound('unknown-connection', `no connection ${params.id}`)
      const allowed = MOVES[known.state]
      if (!allowed.includes(body.state)) {
        const next = allowed.length === 0 ? 'nothing more' : allowed.join(', ')
        throw new Problem(409, 'wrong-state', `${known.id} is ${known.state}; it allows ${next}`)
      }
      const by = someone(identity)
      const now = clock()
      const moved = await db.transaction().execute(async (tx) => {
        const move = { from: known.state, to: body.state, at: now }
        if (!(await moveConnection(tx, known.id, move))) return false
        await audit(tx, by, now, 'connection.state', known.id, known.state, body.state)
        return true
      })
      if (!moved) {
        throw new Problem(409, 'changed-meanwhile', `${known.id} was changed by someone else`)
      }
      return connectionView({ ...known, state: body.state })
    },
  )
}

const connectionView = (request: ConnectionRequest) => ({
  ...request,
  askedAt: toIso(request.askedAt),
})
