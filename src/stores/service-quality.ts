import { sql } from 'kysely'
import type { Etr } from '../ledger/acts.ts'
import { etrScoreboard, type EtrScore, type JudgedEtr } from '../notices/etr.ts'
import type { NoticeData } from '../notices/notice.ts'
import { instant, type Database } from './database.ts'
import type { EpochMs } from '../time.ts'

/** How well customers were served in a period; every share is null where there was nothing to share. */
export type ServiceQuality = {
  /** From the beginning of an outage by the field's clock to the first notice to its customers. */
  readonly firstNotice: {
    readonly outages: number
    readonly medianS: number | null
    readonly p90S: number | null
  }
  /** Estimates that customers were told, against the end of the outage. */
  readonly estimates: readonly EtrScore[]
  /** Of the customers who asked about an outage: how many had been told before. */
  readonly asked: {
    readonly reports: number
    readonly toldBefore: number
    readonly share: number | null
  }
  readonly noticesPerOutage: number | null
  readonly satisfaction: readonly Satisfaction[]
  readonly complaints: {
    readonly filed: number
    readonly answeredInTime: number
    readonly overdue: number
  }
  readonly deliveries: readonly {
    readonly channel: string
    readonly state: string
    readonly count: number
  }[]
}

/** Mean score of 1 to 5 of outages of a feeder that a team worked on; null: several feeders, or nobody. */
export type Satisfaction = {
  readonly feeder: string | null
  readonly team: string | null
  readonly answers: number
  readonly mean: number
}

/** Outages that began in `[from, to)`, and what was said and sent in that time. */
export async function readServiceQuality(
  db: Database,
  { from, to, now }: { readonly from: EpochMs; readonly to: EpochMs; readonly now: EpochMs },
): Promise<ServiceQuality> {
  const began = sql<boolean>`outage.started_at >= ${instant(from)} and outage.started_at < ${instant(to)}`
  const [first, told, asked, satisfaction, complaints, deliveries] = await Promise.all([
    sql<{ outages: number; median: number | null; p90: number | null; notices: number | null }>`
      with first as (
        select outage.id, extract(epoch from min(notice.at) - outage.started_at) as delay_s, count(*) as notices
        from outage join notice on notice.outage = outage.id and notice.audience = 'customer'
        where ${began} group by outage.id, outage.started_at)
      select count(*) as outages,
        (percentile_cont(0.5) within group (order by delay_s))::float as median,
        (percentile_cont(0.9) within group (order by delay_s))::float as p90,
        avg(notices)::float as notices
      from first`.execute(db),
    sql<{ data: NoticeData; restored_at: EpochMs }>`
      select distinct on (outage.id, (notice.data -> 'etr')::jsonb) notice.data, outage.restored_at
      from outage join notice on notice.outage = outage.id and notice.audience = 'customer'
      where ${began} and outage.restored_at is not null and (notice.data -> 'etr')::jsonb <> 'null'
      order by outage.id, (notice.data -> 'etr')::jsonb, notice.seq`.execute(db),
    sql<{ reports: number; told: number }>`
      select count(*) as reports, count(*) filter (where exists (
        select from notice where notice.outage = report.outage and notice.audience = 'customer'
          and notice.at <= report.first_at and report."group" = any (notice.members))) as told
      from customer_report as report
      where kind = 'noPower' and first_at >= ${instant(from)} and first_at < ${instant(to)}`.execute(
      db,
    ),
    sql<Satisfaction>`
      select outage.feeder, outage.crew ->> 'name' as team, count(*) as answers, avg(score)::float as mean
      from satisfaction join outage on outage.id = satisfaction.outage
      where ${began} group by 1, 2 order by 1, 2`.execute(db),
    sql<{ filed: number; in_time: number; overdue: number }>`
      select count(*) as filed, count(*) filter (where answered_at <= due_at) as in_time,
        count(*) filter (where coalesce(answered_at, ${instant(now)}) > due_at) as overdue
      from complaint where at >= ${instant(from)} and at < ${instant(to)}`.execute(db),
    sql<{ channel: string; state: string; count: number }>`
      select recipient.channel, outbox.state, count(*) as count
      from outbox join recipient on recipient.id = outbox.recipient
      where outbox.created_at >= ${instant(from)} and outbox.created_at < ${instant(to)}
      group by 1, 2 order by 1, 2`.execute(db),
  ])
  const firstRow = first.rows[0]
  const askedRow = asked.rows[0]
  const complaintRow = complaints.rows[0]
  const reports = askedRow?.reports ?? 0
  return {
    firstNotice: {
      outages: firstRow?.outages ?? 0,
      medianS: firstRow?.median ?? null,
      p90S: firstRow?.p90 ?? null,
    },
    estimates: etrScoreboard(
      told.rows.flatMap(({ data, restored_at: restoredAt }): JudgedEtr[] => {
        const etr = estimateOf(data)
        return etr === null ? [] : [{ etr, restoredAt }]
      }),
    ),
    asked: {
      reports,
      toldBefore: askedRow?.told ?? 0,
      share: reports === 0 ? null : (askedRow?.told ?? 0) / reports,
    },
    noticesPerOutage: firstRow?.notices ?? null,
    satisfaction: satisfaction.rows,
    complaints: {
      filed: complaintRow?.filed ?? 0,
      answeredInTime: complaintRow?.in_time ?? 0,
      overdue: complaintRow?.overdue ?? 0,
    },
    deliveries: deliveries.rows,
  }
}

function estimateOf({ etr }: NoticeData): Etr | null {
  if (etr === null) return null
  const instantOf = (text: string | null) => (text === null ? null : Date.parse(text))
  return {
    at: Date.parse(etr.at),
    earliest: instantOf(etr.earliest),
    latest: instantOf(etr.latest),
    source: etr.source as Etr['source'],
    issuedAt: Date.parse(etr.issuedAt),
  }
}
