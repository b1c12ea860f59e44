import { sql } from 'kysely'
import type { GroupCode } from '../ledger/facts.ts'
import { MS_PER_DAY, MS_PER_H, toIso, type EpochMs } from '../time.ts'
import { instant, type Database, type Tx } from './database.ts'

export const REPORT_KINDS = ['noPower', 'back'] as const
export type ReportKind = (typeof REPORT_KINDS)[number]

/** A report of no power belongs to an outage of that point that ended this short a time ago: a second fault behind the first. */
export const NESTED_WITHIN_H = 2
/** The same words again within this time add to the count and nothing to the evidence. */
export const SAME_REPORT_MIN = 10
/** An open report that nobody confirmed or took back says nothing after this time. */
export const REPORT_OPEN_H = 24

export type Report = {
  readonly servicePoint: string
  readonly group: GroupCode | null
  readonly kind: ReportKind
  readonly hazard: boolean
  readonly words: string | null
  readonly bySubject: string
}

export type ReportAnswer = {
  readonly id: number
  readonly times: number
  /** What we take it for; null: we did not know of it. */
  readonly outage: string | null
  /** Whether supply was lost there as far as we know. */
  readonly knownOut: boolean
}

/**
 * Takes down what a customer says. Who says it again adds to the open report of that point; who says the contrary closes it. It is
 * evidence on the outage that it fits, never a switching event.
 */
export async function takeReport(tx: Tx, report: Report, now: EpochMs): Promise<ReportAnswer> {
  // Two of a household at the same time are one report: whoever is second waits here.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`report ${report.servicePoint}`}, 0))`.execute(
    tx,
  )
  await tx
    .updateTable('customer_report')
    .set({ closed_at: new Date(now) })
    .where('service_point', '=', report.servicePoint)
    .where('closed_at', 'is', null)
    .where((where) =>
      where.or([
        where('kind', '<>', report.kind),
        where('last_at', '<', instant(now - REPORT_OPEN_H * MS_PER_H)),
      ]),
    )
    .execute()
  const { outage, knownOut } = await outageOf(tx, report.group, now)
  const open = await tx
    .selectFrom('customer_report')
    .select(['id', 'times', 'last_at', 'outage', 'hazard'])
    .where('service_point', '=', report.servicePoint)
    .where('kind', '=', report.kind)
    .where('closed_at', 'is', null)
    .executeTakeFirst()
  const isNews =
    open === undefined ||
    open.outage !== outage ||
    (report.hazard && !open.hazard) ||
    now - open.last_at >= SAME_REPORT_MIN * 60_000
  const saved =
    open === undefined
      ? await tx
          .insertInto('customer_report')
          .values({
            service_point: report.servicePoint,
            group: report.group,
            kind: report.kind,
            first_at: new Date(now),
            last_at: new Date(now),
            hazard: report.hazard,
            words: report.words,
            outage,
            by_subject: report.bySubject,
          })
          .returning(['id', 'times'])
          .executeTakeFirstOrThrow()
      : await tx
          .updateTable('customer_report')
          .set({
            times: open.times + 1,
            last_at: new Date(now),
            hazard: open.hazard || report.hazard,
            ...(report.words === null ? {} : { words: report.words }),
            outage,
          })
          .where('id', '=', open.id)
          .returning(['id', 'times'])
          .executeTakeFirstOrThrow()
  if (outage !== null && isNews) {
    await tx
      .insertInto('outage_event')
      .values({
        outage,
        at: new Date(now),
        kind: 'customerReport',
        data: JSON.stringify({
          report: report.kind,
          servicePoint: report.servicePoint,
          times: saved.times,
          hazard: report.hazard,
          // What they say about an outage that we think is over there, or not there at all, wants a dispatcher.
          contradicts: report.kind === 'noPower' ? !knownOut : knownOut,
        }),
        by_subject: report.bySubject,
      })
      .execute()
  }
  return { id: saved.id, times: saved.times, outage, knownOut }
}

/** The outage that a point is in, or was in until a moment ago. */
async function outageOf(
  tx: Tx,
  group: GroupCode | null,
  now: EpochMs,
): Promise<{ outage: string | null; knownOut: boolean }> {
  if (group === null) return { outage: null, knownOut: false }
  const open = await tx
    .selectFrom('interruption')
    .select('outage')
    .where('until_at', 'is', null)
    .where(sql<boolean>`${group} = any (members)`)
    .limit(1)
    .executeTakeFirst()
  if (open !== undefined) return { outage: open.outage, knownOut: true }
  const over = await tx
    .selectFrom('interruption')
    .innerJoin('outage', 'outage.id', 'interruption.outage')
    .select('outage.id')
    .where('interruption.until_at', '>=', instant(now - NESTED_WITHIN_H * MS_PER_H))
    .where('interruption.from_at', '>=', instant(now - 30 * MS_PER_DAY))
    .where(sql<boolean>`${group} = any (interruption.members)`)
    .orderBy('interruption.until_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  return { outage: over?.id ?? null, knownOut: false }
}

export type OpenReport = {
  readonly id: number
  readonly servicePoint: string
  readonly kind: string
  readonly firstAt: string
  readonly lastAt: string
  readonly times: number
  readonly hazard: boolean
  readonly words: string | null
  readonly outage: string | null
}

/** Open reports, those with a hazard first, then those that fit no outage, then the oldest. */
export async function listOpenReports(
  db: Database,
  question: { readonly outage?: string | undefined; readonly now: EpochMs; readonly limit: number },
): Promise<OpenReport[]> {
  let query = db
    .selectFrom('customer_report')
    .selectAll()
    .where('closed_at', 'is', null)
    .where('last_at', '>=', instant(question.now - REPORT_OPEN_H * MS_PER_H))
    .orderBy('hazard', 'desc')
    .orderBy(sql`outage is not null`)
    .orderBy('first_at')
    .orderBy('id')
    .limit(question.limit)
  if (question.outage !== undefined) query = query.where('outage', '=', question.outage)
  const rows = await query.execute()
  return rows.map((row) => ({
    id: row.id,
    servicePoint: row.service_point,
    kind: row.kind,
    firstAt: toIso(row.first_at),
    lastAt: toIso(row.last_at),
    times: row.times,
    hazard: row.hazard,
    words: row.words,
    outage: row.outage,
  }))
}

export type SatisfactionOutcome =
  /** `before`: the score given earlier, which this one replaces. */
  | { readonly outcome: 'saved'; readonly before: number | null }
  | { readonly outcome: 'not-interrupted' | 'not-restored' }

/** One answer a point and outage, asked after supply is back; who answers again corrects themselves. */
export async function saveSatisfaction(
  tx: Tx,
  answer: {
    readonly outage: string
    readonly servicePoint: string
    readonly group: GroupCode
    readonly subject: string
    readonly score: number
    readonly words: string | null
  },
  now: EpochMs,
): Promise<SatisfactionOutcome> {
  const was = await tx
    .selectFrom('interruption')
    .select(sql<boolean>`bool_and(until_at is not null)`.as('over'))
    .where('outage', '=', answer.outage)
    .where(sql<boolean>`${answer.group} = any (members)`)
    .groupBy('outage')
    .executeTakeFirst()
  if (was === undefined) return { outcome: 'not-interrupted' }
  if (!was.over) return { outcome: 'not-restored' }
  const { score, words, subject } = answer
  const earlier = await tx
    .selectFrom('satisfaction')
    .select('score')
    .where('outage', '=', answer.outage)
    .where('service_point', '=', answer.servicePoint)
    .executeTakeFirst()
  await tx
    .insertInto('satisfaction')
    .values({
      outage: answer.outage,
      service_point: answer.servicePoint,
      subject,
      score,
      words,
      at: new Date(now),
    })
    .onConflict((conflict) =>
      conflict
        .columns(['outage', 'service_point'])
        .doUpdateSet({ subject, score, words, at: new Date(now) }),
    )
    .execute()
  return { outcome: 'saved', before: earlier?.score ?? null }
}

/** A complaint is answered within this time. */
export const COMPLAINT_DUE_DAYS = 10
/** Open at once for one customer; more say no more. */
export const OPEN_COMPLAINTS_MAX = 5

export type ComplaintView = {
  readonly id: number
  readonly servicePoint: string
  readonly outage: string | null
  readonly words: string
  readonly at: string
  readonly owner: string | null
  readonly dueAt: string
  readonly overdue: boolean
  readonly answer: string | null
  readonly answeredAt: string | null
}

/** Undefined where this customer has `OPEN_COMPLAINTS_MAX` open ones. */
export async function fileComplaint(
  tx: Tx,
  complaint: {
    readonly servicePoint: string
    readonly subject: string
    readonly outage: string | null
    readonly words: string
  },
  now: EpochMs,
): Promise<ComplaintView | undefined> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`complaint ${complaint.subject}`}, 0))`.execute(
    tx,
  )
  const { open } = await tx
    .selectFrom('complaint')
    .select(sql<number>`count(*)`.as('open'))
    .where('subject', '=', complaint.subject)
    .where('answered_at', 'is', null)
    .executeTakeFirstOrThrow()
  if (open >= OPEN_COMPLAINTS_MAX) return undefined
  const row = await tx
    .insertInto('complaint')
    .values({
      service_point: complaint.servicePoint,
      subject: complaint.subject,
      outage: complaint.outage,
      words: complaint.words,
      at: new Date(now),
      due_at: new Date(now + COMPLAINT_DUE_DAYS * MS_PER_DAY),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  return complaintView(row, now)
}

export async function listComplaints(
  db: Database,
  question: {
    readonly subject?: string | undefined
    readonly open?: boolean | undefined
    readonly now: EpochMs
    readonly limit: number
  },
): Promise<ComplaintView[]> {
  let query = db.selectFrom('complaint').selectAll().limit(question.limit)
  if (question.subject !== undefined)
    query = query.where('subject', '=', question.subject).orderBy('id', 'desc')
  if (question.open === true) query = query.where('answered_at', 'is', null)
  const rows = await query.orderBy('due_at').orderBy('id').execute()
  return rows.map((row) => complaintView(row, question.now))
}

export type ComplaintChange =
  | { readonly change: 'owner'; readonly owner: string; readonly dueAt: EpochMs | null }
  | { readonly change: 'answer'; readonly answer: string; readonly by: string }

/** The complaint before and after; undefined: there is none, or it has been answered. */
export async function changeComplaint(
  tx: Tx,
  id: number,
  change: ComplaintChange,
  now: EpochMs,
): Promise<{ before: ComplaintView; after: ComplaintView } | undefined> {
  const before = await tx
    .selectFrom('complaint')
    .selectAll()
    .where('id', '=', id)
    .where('answered_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  if (before === undefined) return undefined
  const after = await tx
    .updateTable('complaint')
    .set(
      change.change === 'owner'
        ? {
            owner: change.owner,
            ...(change.dueAt === null ? {} : { due_at: new Date(change.dueAt) }),
          }
        : { answer: change.answer, answered_at: new Date(now), answered_by: change.by },
    )
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
  return { before: complaintView(before, now), after: complaintView(after, now) }
}

function complaintView(
  row: {
    id: number
    service_point: string
    outage: string | null
    words: string
    at: EpochMs
    owner: string | null
    due_at: EpochMs
    answer: string | null
    answered_at: EpochMs | null
  },
  now: EpochMs,
): ComplaintView {
  return {
    id: row.id,
    servicePoint: row.service_point,
    outage: row.outage,
    words: row.words,
    at: toIso(row.at),
    owner: row.owner,
    dueAt: toIso(row.due_at),
    overdue: row.answered_at === null && now > row.due_at,
    answer: row.answer,
    answeredAt: row.answered_at === null ? null : toIso(row.answered_at),
  }
}
