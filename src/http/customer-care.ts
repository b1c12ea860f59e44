import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { GroupCode } from '../ledger/facts.ts'
import { answerTo, type KnownThere } from '../notices/answers.ts'
import { owedInBritain, type Stay } from '../notices/owed.ts'
import { writeAudit } from '../stores/accounts.ts'
import { readBoardRow } from '../stores/board.ts'
import {
  fileComplaint,
  listComplaints,
  OPEN_COMPLAINTS_MAX,
  REPORT_KINDS,
  saveSatisfaction,
  takeReport,
} from '../stores/customer-care.ts'
import {
  readOpenInterruptions,
  readOutages,
  readPastInterruptions,
} from '../stores/outages-read.ts'
import { readPlannedEvents } from '../stores/planned-read.ts'
import { severityOfOutages } from '../stores/severe-weather.ts'
import { MS_PER_DAY, MS_PER_H } from '../time.ts'
import { audit } from './acting.ts'
import { careDeskRoutes } from './care-desk.ts'
import {
  ComplaintAnswer,
  ComplaintsAnswer,
  OwedAnswer,
  ReportAnswer,
  SatisfactionAnswer,
} from './care-schemas.ts'
import { identified, ownerOf } from './identity.ts'
import { Id, PAGE_SIZE } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { preferenceRoutes } from './preferences.ts'
import { notFound, Problem } from './problem.ts'

/** Reports of one person in ten minutes; a neighbour who reports for the whole street is still heard. */
export const REPORTS_MAX = 20
const REPORTS_WINDOW = '10 minutes'
const WORDS_CHARS_MAX = 2_000
/** What is owed is reckoned over this time. */
const OWED_DAYS = 730
const BACK_LATELY_H = 2

const tags = ['customer']
const Words = Type.String({ minLength: 1, maxLength: WORDS_CHARS_MAX })

/** Being heard: reports, satisfaction, complaints, what is owed; and how one wants to be told. */
export async function customerCareRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings
  const groupOf = (point: string): GroupCode | null =>
    parts.network.current()?.groupOf(point) ?? null
  const reportLimit = app.createRateLimit({
    max: REPORTS_MAX,
    timeWindow: REPORTS_WINDOW,
    keyGenerator: (request) => `report:${request.identity?.subject ?? ''}`,
  })

  app.post(
    '/api/v1/me/reports',
    {
      schema: {
        tags,
        summary: 'I have no power, or it is back: evidence, and an answer with what is known',
        body: Type.Object({
          servicePoint: Id,
          kind: Type.Enum(REPORT_KINDS),
          hazard: Type.Optional(
            Type.Boolean({ description: 'a wire, fire, or someone on life support' }),
          ),
          words: Type.Optional(Words),
        }),
        response: { 200: ReportAnswer },
      },
    },
    async (request, reply) => {
      const { servicePoint, kind, words, hazard = false } = request.body
      const identity = ownerOf(request, servicePoint)
      // Emergency words are taken down however often.
      if (!hazard) await refuseFlood(reportLimit, request, reply)
      const now = clock()
      const group = groupOf(servicePoint)
      const report = { servicePoint, group, kind, hazard, bySubject: identity.subject }
      const answer = await db.transaction().execute(async (tx) => {
        const taken = await takeReport(tx, { ...report, words: words ?? null }, now)
        // Their words stand in the report alone.
        const after = { servicePoint, kind, hazard, times: taken.times }
        await audit(tx, identity, now, 'report', `report ${taken.id}`, null, after)
        return taken
      })
      const there = await knownThere(parts, group, now)
      return {
        report: answer.id,
        servicePoint,
        kind,
        times: answer.times,
        outage: answer.outage,
        known: answer.knownOut,
        text: answerTo(kind, there, hazard, { at: now, timeZone }, parts.settings.phones),
      }
    },
  )

  app.post(
    '/api/v1/me/satisfaction',
    {
      schema: {
        tags,
        summary: 'After restoration: how was it, 1 to 5',
        body: Type.Object({
          outage: Id,
          servicePoint: Id,
          score: Type.Integer({ minimum: 1, maximum: 5 }),
          words: Type.Optional(Words),
        }),
        response: { 200: SatisfactionAnswer },
      },
    },
    async (request) => {
      const { outage, servicePoint, score, words } = request.body
      const identity = ownerOf(request, servicePoint)
      const { subject } = identity
      const group = groupOf(servicePoint)
      const now = clock()
      const { outcome } =
        group === null
          ? ({ outcome: 'not-interrupted' } as const)
          : await db.transaction().execute(async (tx) => {
              const answer = { outage, servicePoint, group, subject, score, words: words ?? null }
              const saved = await saveSatisfaction(tx, answer, now)
              if (saved.outcome === 'saved') {
                const before = saved.before === null ? null : { servicePoint, score: saved.before }
                const after = { servicePoint, score }
                await audit(tx, identity, now, 'satisfaction', outage, before, after)
              }
              return saved
            })
      switch (outcome) {
        case 'saved':
          return { outage, servicePoint, score }
        case 'not-interrupted':
          throw notFound('unknown-outage', `no outage ${outage} interrupted ${servicePoint}`)
        case 'not-restored':
          throw new Problem(409, 'still-out', 'the outage is not over there yet')
      }
    },
  )

  app.get(
    '/api/v1/me/complaints',
    {
      schema: {
        tags,
        summary: 'My complaints, who answers them and by when',
        response: { 200: ComplaintsAnswer },
      },
    },
    async (request) => ({
      complaints: await listComplaints(db, {
        subject: identified(request).subject,
        now: clock(),
        limit: PAGE_SIZE,
      }),
    }),
  )

  app.post(
    '/api/v1/me/complaints',
    {
      schema: {
        tags,
        summary: 'A complaint about my supply',
        body: Type.Object({ servicePoint: Id, outage: Type.Optional(Id), words: Words }),
        response: { 200: ComplaintAnswer },
      },
    },
    async (request) => {
      const { servicePoint, outage, words } = request.body
      const identity = ownerOf(request, servicePoint)
      const group = groupOf(servicePoint)
      const now = clock()
      if (outage !== undefined && !(await wasIn(parts, group, outage, now))) {
        throw notFound('unknown-outage', `no outage ${outage} interrupted ${servicePoint}`)
      }
      const { subject } = identity
      const filed = await db.transaction().execute(async (tx) => {
        const complaint = await fileComplaint(
          tx,
          { servicePoint, subject, outage: outage ?? null, words },
          now,
        )
        if (complaint !== undefined) {
          await writeAudit(tx, {
            at: now,
            subject,
            role: identity.role,
            act: 'complaint',
            target: String(complaint.id),
            before: null,
            after: { servicePoint, outage: outage ?? null },
          })
        }
        return complaint
      })
      if (filed === undefined) {
        throw new Problem(
          409,
          'too-many-open',
          `${OPEN_COMPLAINTS_MAX} complaints of yours are open; add to one of them by answering us`,
        )
      }
      return filed
    },
  )

  app.get(
    '/api/v1/me/owed',
    {
      schema: {
        tags,
        summary: 'What guaranteed standards owe for my supply (Great Britain)',
        querystring: Type.Object({
          servicePoint: Id,
          domestic: Type.Optional(Type.Boolean({ default: true })),
        }),
        response: { 200: OwedAnswer },
      },
    },
    async (request) => {
      const { servicePoint, domestic } = request.query
      ownerOf(request, servicePoint)
      const now = clock()
      const stays = await staysOf(parts, groupOf(servicePoint), now)
      const severity = await severityOfOutages(
        db,
        stays.map(({ outage }) => outage),
      )
      const owed = owedInBritain(stays, {
        domestic: domestic ?? true,
        severityOf: (outage) => severity.get(outage) ?? 'normal',
        at: now,
        localMonthOf: (at) => localMonth(at, timeZone),
      })
      return { servicePoint, from: new Date(now - OWED_DAYS * MS_PER_DAY).toISOString(), owed }
    },
  )

  await preferenceRoutes(app, parts)
  await careDeskRoutes(app, parts)
}

async function refuseFlood(
  limit: ReturnType<App['createRateLimit']>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const counted = await limit(request)
  if (counted.isAllowed || !counted.isExceeded) return
  const retryAfterS = Math.max(1, Math.ceil(counted.ttl / 1000))
  void reply.header('retry-after', String(retryAfterS))
  throw new Problem(429, 'too-many-reports', `we have heard you; try again in ${retryAfterS} s`)
}

async function knownThere(
  { db }: HttpParts,
  group: GroupCode | null,
  now: number,
): Promise<KnownThere> {
  if (group === null) return { known: 'nothing' }
  const [open] = await readOpenInterruptions(db, [group])
  if (open !== undefined) {
    const board = await readBoardRow(db, open.outage)
    return { known: 'off', since: open.from, etr: board?.etr ?? null }
  }
  const past = await readPastInterruptions(db, [group], now - OWED_DAYS * MS_PER_DAY)
  const backAt = Math.max(...past.map(({ until }) => until))
  return backAt > now - BACK_LATELY_H * MS_PER_H
    ? { known: 'backAgain', at: backAt }
    : { known: 'on' }
}

async function staysOf(parts: HttpParts, group: GroupCode | null, now: number): Promise<Stay[]> {
  if (group === null) return []
  const { db } = parts
  const [open, past] = await Promise.all([
    readOpenInterruptions(db, [group]),
    readPastInterruptions(db, [group], now - OWED_DAYS * MS_PER_DAY),
  ])
  const outages = await readOutages(
    db,
    [...new Set([...open, ...past].map(({ outage }) => outage))],
    now,
  )
  const announced = await readPlannedEvents(db, group, 'en', now)
  return [...past, ...open.map((one) => ({ ...one, until: null, nature: null }))].map((one) => {
    const outage = outages.get(one.outage)
    const planned = one.nature === null ? outage?.kind === 'planned' : one.nature === 'planned'
    const told = announced.find((event) => event.from <= one.from && one.from < event.until)
    return {
      outage: one.outage,
      from: one.from,
      until: one.until,
      planned,
      toldAt: told?.toldAt ?? null,
      customersInterrupted: outage?.customersInterrupted ?? 0,
    }
  })
}

async function wasIn(
  { db }: HttpParts,
  group: GroupCode | null,
  outage: string,
  now: number,
): Promise<boolean> {
  if (group === null) return false
  const [open, past] = await Promise.all([
    readOpenInterruptions(db, [group]),
    readPastInterruptions(db, [group], now - OWED_DAYS * MS_PER_DAY),
  ])
  return [...open, ...past].some((one) => one.outage === outage)
}

function localMonth(at: number, timeZone: string): { year: number; month: number } {
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit' })
  const [year, month] = parts.format(at).split('-').map(Number)
  return { year: year ?? 0, month: month ?? 0 }
}
