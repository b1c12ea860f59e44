import { Type, type Static } from 'typebox'
import { parsePhases } from '../grid/phases.ts'
import { CREW_STATES, type Act, type ActAnswer } from '../ledger/acts.ts'
import { CAUSE_DETAILS, causeDetailOf } from '../reliability/cause-detail.ts'
import {
  listOutages,
  OUTAGE_STATES,
  readEvidence,
  readMerged,
  readOutage,
  readOutages,
  readStory,
} from '../stores/outages-read.ts'
import { MS_PER_DAY, MS_PER_MIN } from '../time.ts'
import { networkRoutes } from './network.ts'
import { ActedOutageAnswer, OutageAnswer, OutagesAnswer } from './outage-schemas.ts'
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
  queryWhen,
} from './params.ts'
import { findingsAtOutage } from './patrols.ts'
import type { App, HttpParts } from './parts.ts'
import { badField, badFields, notFound, Problem } from './problem.ts'

/** Evidence is looked for this long before the start… */
const EVIDENCE_BEFORE_MS = 5 * MS_PER_MIN
/** …and after the end, or in the first day of what has not ended. */
const EVIDENCE_AFTER_MS = 5 * MS_PER_MIN
const EVIDENCE_SPAN_MAX_MS = MS_PER_DAY
/** Outages that one question names at most. */
const NAMED_MAX = 100
const TEXT_CHARS_MAX = 2_000
const tags = ['dispatcher']

export async function dispatcherRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings

  app.get(
    '/api/v1/outages',
    {
      schema: {
        tags,
        summary: 'Outages, newest first',
        querystring: Type.Object({
          state: Type.Optional(Type.Enum(OUTAGE_STATES, { default: 'all' })),
          feeder: Type.Optional(Id),
          id: Type.Optional(
            Type.Array(Id, {
              minItems: 1,
              maxItems: NAMED_MAX,
              description: 'These outages alone, whatever their state; unknown ones are missing',
            }),
          ),
          from: Type.Optional(WhenText),
          to: Type.Optional(WhenText),
          cursor: Type.Optional(Cursor),
          limit: Type.Optional(Limit),
        }),
        response: {
          200: OutagesAnswer,
        },
      },
    },
    async ({ query }) => {
      if (query.id !== undefined) {
        const named = await readOutages(db, [...new Set(query.id)], clock())
        return { outages: [...named.values()], nextCursor: null }
      }
      const [startedAt, id] =
        query.cursor === undefined ? [] : decodeCursor(query.cursor, ['number', 'string'])
      const { outages, next } = await listOutages(db, {
        state: query.state ?? 'all',
        feeder: query.feeder,
        from: queryWhen('from', query.from, timeZone),
        to: queryWhen('to', query.to, timeZone),
        after:
          startedAt === undefined
            ? undefined
            : { startedAt: startedAt as number, id: id as string },
        limit: query.limit ?? PAGE_SIZE,
        now: clock(),
      })
      return { outages, nextCursor: next && encodeCursor([next.startedAt, next.id]) }
    },
  )

  app.get(
    '/api/v1/outages/:id',
    {
      schema: {
        tags,
        summary: 'One outage with its timeline, evidence, notices and corrections',
        params: IdParams,
        response: { 200: OutageAnswer },
      },
    },
    async ({ params }) => {
      const outage = await readOutage(db, params.id, clock())
      if (outage === undefined) throw unknownOutage(params.id)
      const { members, ...story } = await readStory(db, params.id)
      const devices = [outage.device, ...outage.steps.map((step) => step.device)]
      const meters = parts.network.current()?.servicePointsOf(new Set(members)) ?? []
      const startedAt = Date.parse(outage.startedAt)
      const endedAt = outage.restoredAt === null ? clock() : Date.parse(outage.restoredAt)
      const evidence = await readEvidence(db, {
        points: [...new Set([...devices.filter((device) => device !== null), ...meters])],
        from: startedAt - EVIDENCE_BEFORE_MS,
        to: Math.min(endedAt + EVIDENCE_AFTER_MS, startedAt + EVIDENCE_SPAN_MAX_MS),
      })
      const merged = await readMerged(db, params.id)
      return { ...outage, merged, ...story, evidence }
    },
  )

  const acts = {
    etr: Type.Object({
      at: InstantText,
      earliest: Type.Optional(Type.Union([InstantText, Type.Null()])),
      latest: Type.Optional(Type.Union([InstantText, Type.Null()])),
      source: Type.Optional(Type.Enum(['crew', 'dispatcher'], { default: 'dispatcher' })),
    }),
    crew: Type.Object({
      name: LineText(128),
      state: Type.Optional(Type.Enum(CREW_STATES, { default: 'assigned' })),
    }),
    cause: Type.Object({
      cause: Type.String({ minLength: 1, maxLength: 128 }),
      detail: Type.Optional(
        Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 256 }), {
          maxProperties: 16,
          description: `${CAUSE_DETAILS.join(', ')} are checked and kept beside the cause; other words stand in the timeline`,
        }),
      ),
    }),
    note: Type.Object({
      text: Type.String({ minLength: 1, maxLength: TEXT_CHARS_MAX, pattern: '\\S' }),
    }),
    close: Type.Object({}),
  }

  const onOutage = <K extends keyof typeof acts>(
    name: K,
    summary: string,
    toAct: (outage: string, body: Static<(typeof acts)[K]>) => Act,
  ) =>
    app.post(
      `/api/v1/outages/:id/${name}`,
      {
        schema: {
          tags,
          summary,
          params: IdParams,
          body: acts[name],
          response: { 200: ActedOutageAnswer },
        },
      },
      async (request) => {
        const { id } = request.params
        const body = (request.body ?? {}) as Static<(typeof acts)[K]>
        const answer = await perform(parts, request.identity, toAct(id, body))
        refuse(answer, id)
        const outage = await readOutage(db, id, clock())
        if (outage === undefined) throw unknownOutage(id)
        // Who names a cause is asked whether a finding was open there.
        return name === 'cause'
          ? { ...outage, openFindings: (await findingsAtOutage(parts, id)).findings }
          : outage
      },
    )

  onOutage('etr', 'Says when supply is expected back', (outage, body) => {
    const at = instantOf('/at', body.at)
    const earliest = body.earliest == null ? null : instantOf('/earliest', body.earliest)
    const latest = body.latest == null ? null : instantOf('/latest', body.latest)
    if (at <= clock()) {
      throw badField({ in: 'body', at: '/at', says: 'must lie in the future' })
    }
    if (earliest !== null && earliest > at) {
      throw badField({ in: 'body', at: '/earliest', says: 'must not be later than at' })
    }
    if (latest !== null && latest < at) {
      throw badField({ in: 'body', at: '/latest', says: 'must not be earlier than at' })
    }
    return { act: 'etr', outage, at, earliest, latest, source: body.source ?? 'dispatcher' }
  })
  onOutage('crew', 'Says who works on it and how far they are', (outage, body) => ({
    act: 'crew',
    outage,
    name: body.name,
    state: body.state ?? 'assigned',
  }))
  onOutage('cause', 'Says what it came from', (outage, body) => {
    const { cause, detail = {} } = body
    const { faults } = causeDetailOf(cause, detail)
    if (faults.length > 0) {
      throw badFields(faults.map(({ name, says }) => ({ in: 'body', at: `/detail/${name}`, says })))
    }
    return { act: 'cause', outage, cause, detail }
  })
  onOutage('note', 'Adds words to its timeline', (outage, body) => ({
    act: 'note',
    outage,
    text: body.text,
  }))
  onOutage('close', 'Closes it; only when everyone has supply again', (outage) => ({
    act: 'close',
    outage,
  }))

  app.post(
    '/api/v1/switches/:id/position',
    {
      schema: {
        tags,
        summary: 'A manual observation: where a switch stands, also one without telemetry',
        params: IdParams,
        body: Type.Object({
          position: Type.Enum(['open', 'closed']),
          phases: Type.Optional(
            Type.Union([Type.String({ pattern: '^[ABCabc]{1,3}$' }), Type.Null()]),
          ),
          at: Type.Optional(Type.Union([InstantText, Type.Null()])),
          reason: Type.Optional(Type.Union([Type.Enum(['manual', 'planned']), Type.Null()])),
        }),
        response: {
          200: Type.Object({
            switch: Type.String(),
            position: Type.String(),
            outages: Type.Array(Type.String()),
          }),
        },
      },
    },
    async ({ params, body, identity }) => {
      const phases = body.phases == null ? null : parsePhases(body.phases)
      if (phases === undefined) {
        throw badField({ in: 'body', at: '/phases', says: 'must be letters of ABC, each once' })
      }
      const answer = await perform(parts, identity, {
        act: 'position',
        switch: params.id,
        position: body.position,
        phases,
        at: body.at == null ? null : instantOf('/at', body.at),
        reason: body.reason ?? null,
      })
      const { outages } = refuse(answer, params.id)
      return { switch: params.id, position: body.position, outages: [...outages] }
    },
  )

  await networkRoutes(app, parts)
}

/** Lets the one writer do it. */
export async function perform(
  parts: HttpParts,
  identity: { subject: string; role: string } | null,
  act: Act,
): Promise<ActAnswer> {
  // The guard has sent acts on to the engine where there is none here, and has seen who asks.
  if (parts.act === undefined || identity === null)
    throw new Error(`act ${act.act} came past the guard`)
  return parts.act(act, { subject: identity.subject, role: identity.role })
}

export const unknownOutage = (id: string): Problem => notFound('unknown-outage', `no outage ${id}`)

/** Throws the problem that an answer means, or gives back what was done. */
export function refuse(answer: ActAnswer, id: string): Extract<ActAnswer, { outcome: 'done' }> {
  switch (answer.outcome) {
    case 'done':
      return answer
    case 'unknown-outage':
      throw unknownOutage(id)
    case 'unknown-switch':
      throw notFound('unknown-switch', `no switch ${id} in the network in force`)
    case 'still-out':
      throw new Problem(409, 'still-out', `${answer.customersOut} customers are still out`, {
        extra: { customersOut: answer.customersOut },
      })
    case 'already-declared':
    case 'not-declared':
      throw new Problem(
        409,
        answer.outcome,
        `storm mode is ${answer.outcome.replace('-', ' ')} there`,
      )
    case 'already-closed':
      throw new Problem(409, 'already-closed', `outage ${id} is closed`)
    case 'cannot-rule':
      throw new Problem(409, 'cannot-rule', answer.says)
    case 'wrong-phases':
      throw badField({ in: 'body', at: '/phases', says: answer.says })
  }
}
