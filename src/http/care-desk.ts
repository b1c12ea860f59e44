import { Type } from 'typebox'
import { NOTICE_KINDS } from '../notices/notice.ts'
import { writeAudit } from '../stores/accounts.ts'
import {
  changeComplaint,
  listComplaints,
  listOpenReports,
  type ComplaintChange,
} from '../stores/customer-care.ts'
import { listDeliveries, reviveDelivery } from '../stores/outbox.ts'
import { deleteWebhook, listWebhooks, saveWebhook } from '../stores/recipients.ts'
import { readServiceQuality } from '../stores/service-quality.ts'
import { MS_PER_DAY, toIso } from '../time.ts'
import {
  ComplaintAnswer,
  ComplaintsAnswer,
  DeliveriesAnswer,
  ReportsAnswer,
  RetryAnswer,
  ServiceQualityAnswer,
  WebhookAnswer,
  WebhooksAnswer,
} from './care-schemas.ts'
import { Id, InstantText, instantOf, Limit, PAGE_SIZE, WhenText, queryWhen } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField, notFound, Problem } from './problem.ts'
import { GoneAnswer } from './schemas.ts'

const DELIVERY_STATES = ['waiting', 'sent', 'superseded', 'expired', 'dead'] as const
const ANSWER_CHARS_MAX = 4_000
const URL_CHARS_MAX = 2_000
const QUALITY_DAYS = 30

const tags = ['customer care']
const NumberParams = Type.Object({ id: Type.Integer({ minimum: 1 }) })

/** What customers said and what became of what was sent to them, for the people who look after them. */
export async function careDeskRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings

  app.get(
    '/api/v1/reports',
    {
      schema: {
        tags,
        summary: 'Open reports of customers: hazards first, then what fits no outage',
        querystring: Type.Object({ outage: Type.Optional(Id), limit: Type.Optional(Limit) }),
        response: { 200: ReportsAnswer },
      },
    },
    async ({ query }) => ({
      reports: await listOpenReports(db, {
        outage: query.outage,
        now: clock(),
        limit: query.limit ?? PAGE_SIZE,
      }),
    }),
  )

  app.get(
    '/api/v1/complaints',
    {
      schema: {
        tags,
        summary: 'Complaints, the most urgent first',
        querystring: Type.Object({
          open: Type.Optional(Type.Boolean({ default: true })),
          limit: Type.Optional(Limit),
        }),
        response: { 200: ComplaintsAnswer },
      },
    },
    async ({ query }) => ({
      complaints: await listComplaints(db, {
        open: query.open ?? true,
        now: clock(),
        limit: query.limit ?? PAGE_SIZE,
      }),
    }),
  )

  const onComplaint = async (
    id: number,
    change: ComplaintChange,
    by: { subject: string; role: string },
  ) => {
    const now = clock()
    const changed = await db.transaction().execute(async (tx) => {
      const both = await changeComplaint(tx, id, change, now)
      if (both !== undefined) {
        await writeAudit(tx, {
          at: now,
          subject: by.subject,
          role: by.role,
          act: `complaint.${change.change}`,
          target: String(id),
          before: { owner: both.before.owner, dueAt: both.before.dueAt },
          after: { owner: both.after.owner, dueAt: both.after.dueAt },
        })
      }
      return both
    })
    if (changed === undefined) {
      throw notFound('unknown-complaint', `there is no unanswered complaint ${id}`)
    }
    return changed.after
  }

  app.post(
    '/api/v1/complaints/:id/owner',
    {
      schema: {
        tags,
        summary: 'Who answers a complaint, and by when',
        params: NumberParams,
        body: Type.Object({
          owner: Type.String({ minLength: 1, maxLength: 128 }),
          dueAt: Type.Optional(InstantText),
        }),
        response: { 200: ComplaintAnswer },
      },
    },
    async (request) => {
      const { owner, dueAt } = request.body
      const due = dueAt === undefined ? null : instantOf('/dueAt', dueAt)
      return onComplaint(request.params.id, { change: 'owner', owner, dueAt: due }, staff(request))
    },
  )

  app.post(
    '/api/v1/complaints/:id/answer',
    {
      schema: {
        tags,
        summary: 'The answer to a complaint; the customer reads it',
        params: NumberParams,
        body: Type.Object({ answer: Type.String({ minLength: 1, maxLength: ANSWER_CHARS_MAX }) }),
        response: { 200: ComplaintAnswer },
      },
    },
    async (request) => {
      const by = staff(request)
      const { answer } = request.body
      return onComplaint(request.params.id, { change: 'answer', answer, by: by.subject }, by)
    },
  )

  app.get(
    '/api/v1/service-quality',
    {
      schema: {
        tags,
        summary:
          'How well customers were served: first notice, estimates, satisfaction, complaints',
        querystring: Type.Object({ from: Type.Optional(WhenText), to: Type.Optional(WhenText) }),
        response: { 200: ServiceQualityAnswer },
      },
    },
    async ({ query }) => {
      const now = clock()
      const to = queryWhen('to', query.to, timeZone) ?? now
      const from = queryWhen('from', query.from, timeZone) ?? to - QUALITY_DAYS * MS_PER_DAY
      if (from >= to) throw badField({ in: 'query', at: '/from', says: 'must be before /to' })
      const quality = await readServiceQuality(db, { from, to, now })
      return { from: toIso(from), to: toIso(to), ...quality }
    },
  )

  app.get(
    '/api/v1/deliveries',
    {
      schema: {
        tags,
        summary: 'What was sent to customers and what became of it, newest first',
        querystring: Type.Object({
          state: Type.Optional(Type.Enum(DELIVERY_STATES)),
          outage: Type.Optional(Id),
          before: Type.Optional(Type.Integer({ minimum: 1 })),
          limit: Type.Optional(Limit),
        }),
        response: { 200: DeliveriesAnswer },
      },
    },
    async ({ query }) => {
      const limit = query.limit ?? PAGE_SIZE
      const deliveries = await listDeliveries(db, { ...query, limit })
      const last = deliveries.at(-1)
      return { deliveries, before: deliveries.length === limit ? (last?.id ?? null) : null }
    },
  )

  app.post(
    '/api/v1/deliveries/:id/retry',
    {
      schema: {
        tags,
        summary: 'Sends a dead letter again',
        params: NumberParams,
        response: { 200: RetryAnswer },
      },
    },
    async (request) => {
      const { id } = request.params
      const by = staff(request)
      const now = clock()
      const revived = await db.transaction().execute(async (tx) => {
        const done = await reviveDelivery(tx, id, now)
        if (done) {
          await writeAudit(tx, {
            at: now,
            ...by,
            act: 'delivery.retry',
            target: String(id),
            before: { state: 'dead' },
            after: { state: 'waiting' },
          })
        }
        return done
      })
      if (!revived) throw notFound('no-dead-letter', `there is no dead letter ${id}`)
      return { id, state: 'waiting' }
    },
  )

  app.get(
    '/api/v1/webhooks',
    {
      schema: {
        tags,
        summary: 'Programs that are told everything of one audience',
        response: { 200: WebhooksAnswer },
      },
    },
    async () => ({ webhooks: await listWebhooks(db) }),
  )

  app.post(
    '/api/v1/webhooks',
    {
      schema: {
        tags,
        summary: 'Tells a program from now on; the secret that signs is shown only here',
        body: Type.Object({
          url: Type.String({ maxLength: URL_CHARS_MAX }),
          audience: Type.Optional(Type.Enum(['staff', 'public'], { default: 'staff' })),
          kinds: Type.Optional(Type.Array(Type.Enum(NOTICE_KINDS))),
        }),
        response: { 200: WebhookAnswer },
      },
    },
    async (request) => {
      const { url, kinds = null, audience = 'staff' } = request.body
      const target = URL.canParse(url) ? new URL(url) : null
      if (target === null || !['http:', 'https:'].includes(target.protocol)) {
        throw badField({ in: 'body', at: '/url', says: 'must be an http or https address' })
      }
      const by = staff(request)
      const now = clock()
      return db.transaction().execute(async (tx) => {
        const saved = await saveWebhook(
          tx,
          { url: target.href, audience, kinds, bySubject: by.subject },
          now,
        )
        await writeAudit(tx, {
          at: now,
          ...by,
          act: 'webhook',
          target: String(saved.id),
          before: null,
          // A path may hold a key; the host says enough.
          after: { host: target.host, audience },
        })
        return saved
      })
    },
  )

  app.delete(
    '/api/v1/webhooks/:id',
    {
      schema: {
        tags,
        summary: 'Tells a program no more',
        params: NumberParams,
        response: { 204: GoneAnswer },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const by = staff(request)
      const gone = await db.transaction().execute(async (tx) => {
        const deleted = await deleteWebhook(tx, id)
        if (deleted !== undefined) {
          await writeAudit(tx, {
            at: clock(),
            ...by,
            act: 'webhook.delete',
            target: String(id),
            before: { host: new URL(deleted.url).host, audience: deleted.audience },
            after: null,
          })
        }
        return deleted
      })
      if (gone === undefined) throw notFound('unknown-webhook', `there is no webhook ${id}`)
      return reply.code(204).send()
    },
  )
}

function staff(request: { identity: { subject: string; role: string } | null }) {
  const { identity } = request
  if (identity === null) throw new Problem(401, 'no-token', 'a token is needed')
  return { subject: identity.subject, role: identity.role }
}
