import { addDays, dayStart, localDayOf, monthOf, type LocalDay } from '../reliability/calendar.ts'
import type { IndexRow } from '../reliability/indices.ts'
import type { FiledMonth } from '../reliability/report.ts'
import { CEER, DLT_836, IEEE_1366 } from '../reliability/rulebooks.ts'
import { toIso, type EpochMs } from '../time.ts'
import { instant, type Database, type Tx } from './database.ts'
import { indicesReport, type IndicesReport } from './indices.ts'
import { freezeThresholds } from './major-days.ts'
import { firstDay } from './reliability.ts'

const CLOSED_RULEBOOKS = [IEEE_1366, DLT_836, CEER]
const CLOSED_GROUPS = ['system', 'area', 'feeder'] as const

/** A figure that is no longer what was filed. */
export type Restatement = {
  readonly rulebook: string
  readonly by: string
  readonly group: string | null
  readonly index: string
  readonly unit: string | null
  readonly filed: number | null
  readonly now: number | null
}

export type ClosedPeriod = {
  readonly month: string
  readonly closedAt: string
  readonly bySubject: string
  readonly reports: readonly IndicesReport[]
}

export type CloseAnswer =
  | { readonly outcome: 'closed'; readonly period: ClosedPeriod }
  | { readonly outcome: 'already-closed'; readonly period: ClosedPeriod }
  | { readonly outcome: 'bad-month' }
  /** The month has not ended yet by the utility's calendar. */
  | { readonly outcome: 'not-over'; readonly endsAt: string }
  /** Someone is still without supply, or a momentary event may still grow: the figures would change by themselves. */
  | { readonly outcome: 'provisional' }

const MONTH = /^\d{4}-(0[1-9]|1[0-2])$/

const daysOfMonth = (month: string): { from: LocalDay; to: LocalDay } => ({
  from: `${month}-01`,
  to: `${addDays(`${month}-28`, 4).slice(0, 7)}-01`,
})

/** Files the figures of a month, and freezes the thresholds of its year; closing it twice is closing it once. */
export async function closePeriod(
  db: Database,
  {
    month,
    bySubject,
    now,
    timeZone,
  }: {
    readonly month: string
    readonly bySubject: string
    readonly now: EpochMs
    readonly timeZone: string
  },
  also: (tx: Tx) => Promise<void> = async () => undefined,
): Promise<CloseAnswer> {
  if (!MONTH.test(month)) return { outcome: 'bad-month' }
  const before = await closedPeriod(db, month)
  if (before !== undefined) return { outcome: 'already-closed', period: before }
  const endsAt = dayStart(daysOfMonth(month).to, timeZone)
  if (now < endsAt) return { outcome: 'not-over', endsAt: toIso(endsAt) }
  const reports = await reportsOf(db, month, now, timeZone)
  if (reports.some((report) => report.rows.some((row) => row.provisional)))
    return { outcome: 'provisional' }
  await freezeThresholds(db, { year: Number(month.slice(0, 4)), now, timeZone })
  await db.transaction().execute(async (tx) => {
    const filed = await tx
      .insertInto('period_closed')
      .values(
        reports.map((report) => ({
          month,
          rulebook: report.rulebook.id,
          by_group: report.by,
          closed_at: toIso(now),
          by_subject: bySubject,
          time_zone: timeZone,
          report: JSON.stringify(report),
        })),
      )
      .onConflict((on) => on.doNothing())
      .executeTakeFirst()
    // Nothing where somebody else was first.
    if (filed.numInsertedOrUpdatedRows !== 0n) await also(tx)
  })
  const period = await closedPeriod(db, month)
  if (period === undefined) throw new Error(`the closed period ${month} is not there`)
  return { outcome: 'closed', period }
}

async function reportsOf(
  db: Database,
  month: string,
  now: EpochMs,
  timeZone: string,
): Promise<IndicesReport[]> {
  const reports: IndicesReport[] = []
  for (const rulebook of CLOSED_RULEBOOKS) {
    for (const by of CLOSED_GROUPS) {
      const question = { ...daysOfMonth(month), by, rulebook, exclude: [], now, timeZone }
      reports.push(await indicesReport(db, question))
    }
  }
  return reports
}

/** The figures of a month as they were filed; undefined where it has not been closed. */
export async function closedPeriod(db: Database, month: string): Promise<ClosedPeriod | undefined> {
  const rows = await db
    .selectFrom('period_closed')
    .selectAll()
    .where('month', '=', month)
    .orderBy('rulebook')
    .orderBy('by_group')
    .execute()
  const [first] = rows
  if (first === undefined) return undefined
  return {
    month,
    closedAt: toIso(first.closed_at),
    bySubject: first.by_subject,
    reports: rows.map((row) => row.report as IndicesReport),
  }
}

/** The months that have been closed, the latest first. */
export async function closedMonths(db: Database): Promise<string[]> {
  const rows = await db
    .selectFrom('period_closed')
    .select('month')
    .distinct()
    .orderBy('month', 'desc')
    .execute()
  return rows.map(({ month }) => month)
}

/** Months told at most, the latest first. */
export const PERIODS_MAX = 600

export type PeriodLine = {
  readonly month: string
  /** `over`: it can be closed once nobody is out any more. */
  readonly state: 'closed' | 'over' | 'running'
  readonly closedAt: string | null
  readonly bySubject: string | null
  /** An interruption that began in it has not ended. */
  readonly stillOut: boolean
}

/** The months from the first on record to the one that is running, the latest first. */
export async function periods(db: Database, now: EpochMs, timeZone: string): Promise<PeriodLine[]> {
  const closed = await db
    .selectFrom('period_closed')
    .select(['month', 'closed_at', 'by_subject'])
    .distinctOn('month')
    .orderBy('month')
    .orderBy('closed_at')
    .execute()
  const filed = new Map(closed.map((row) => [row.month, row]))
  const open = await db
    .selectFrom('interruption')
    .select('local_day')
    .distinct()
    .where('until_at', 'is', null)
    .execute()
  const stillOut = new Set(open.map(({ local_day }) => monthOf(local_day)))
  const running = monthOf(localDayOf(now, timeZone))
  const months = new Set([running, ...filed.keys()])
  const first = await firstDay(db)
  let month = first === null ? running : monthOf(first)
  for (; month < running; month = monthOf(daysOfMonth(month).to)) months.add(month)
  return [...months]
    .sort()
    .reverse()
    .slice(0, PERIODS_MAX)
    .map((one) => {
      const row = filed.get(one)
      return {
        month: one,
        state: row !== undefined ? 'closed' : one < running ? 'over' : 'running',
        closedAt: row === undefined ? null : toIso(row.closed_at),
        bySubject: row?.by_subject ?? null,
        stillOut: stillOut.has(one),
      }
    })
}

export type Period = PeriodLine & {
  /** The reports as they were filed; null where the month has not been closed. */
  readonly filed: readonly IndicesReport[] | null
  /** The same reports as the ledger tells them today, those of a closed month under the settings that they were filed with. */
  readonly today: readonly IndicesReport[]
  readonly restatements: readonly Restatement[]
}

export type PeriodAnswer =
  { readonly outcome: 'told'; readonly period: Period } | { readonly outcome: 'bad-month' }

/** One month: what was filed beside what the ledger says today. */
export async function readPeriod(
  db: Database,
  asked: { readonly month: string; readonly now: EpochMs; readonly timeZone: string },
): Promise<PeriodAnswer> {
  const { month, now, timeZone } = asked
  if (!MONTH.test(month)) return { outcome: 'bad-month' }
  const filed = await closedPeriod(db, month)
  const today =
    filed === undefined
      ? await reportsOf(db, month, now, timeZone)
      : (await todayOf(db, month, now)).map(({ report }) => report)
  const { to } = daysOfMonth(month)
  const [stillOut] = await db
    .selectFrom('interruption')
    .select('outage')
    .where('until_at', 'is', null)
    .where('local_day', '>=', `${month}-01`)
    .where('local_day', '<', to)
    .limit(1)
    .execute()
  const over = now >= dayStart(to, timeZone)
  return {
    outcome: 'told',
    period: {
      month,
      state: filed !== undefined ? 'closed' : over ? 'over' : 'running',
      closedAt: filed?.closedAt ?? null,
      bySubject: filed?.bySubject ?? null,
      stillOut: stillOut !== undefined,
      filed: filed?.reports ?? null,
      today,
      restatements: filed === undefined ? [] : restated(filed.reports, today),
    },
  }
}

/** What the ledger says today otherwise than was filed for a closed month; empty where nothing has changed. */
export async function restatements(
  db: Database,
  month: string,
  now: EpochMs,
): Promise<Restatement[]> {
  const pairs = await todayOf(db, month, now)
  return restated(
    pairs.map(({ filed }) => filed),
    pairs.map(({ report }) => report),
  )
}

/** Corrected outages that a filed month names at most. */
const CORRECTED_TOLD_MAX = 10

/** The filed months that lie within a period, each with what one rulebook says of the whole system otherwise today. */
export async function filedMonths(
  db: Database,
  within: { readonly from: LocalDay; readonly to: LocalDay; readonly rulebook: string },
  now: EpochMs,
): Promise<FiledMonth[]> {
  const rows = await db
    .selectFrom('period_closed')
    .select(['month', 'closed_at', 'by_subject'])
    .where('rulebook', '=', within.rulebook)
    .where('by_group', '=', 'system')
    .where('month', '>=', monthOf(addDays(within.from, -1)))
    .where('month', '<', monthOf(within.to))
    .orderBy('month')
    .execute()
  const told: FiledMonth[] = []
  for (const { month, closed_at: closedAt, by_subject: by } of rows) {
    const { from, to } = daysOfMonth(month)
    if (from < within.from || to > within.to) continue
    const pairs = await todayOf(db, month, now, { rulebook: within.rulebook, by: 'system' })
    const corrected = await db
      .selectFrom('correction')
      .select('outage')
      .distinct()
      .where('known_at', '>', instant(closedAt))
      .where((is) =>
        is.exists(
          is
            .selectFrom('interruption')
            .select('interruption.outage')
            .whereRef('interruption.outage', '=', 'correction.outage')
            .where('local_day', '>=', from)
            .where('local_day', '<', to),
        ),
      )
      .orderBy('outage')
      .limit(CORRECTED_TOLD_MAX)
      .execute()
    told.push({
      month,
      closedAt: toIso(closedAt),
      by,
      restated: restated(
        pairs.map(({ filed }) => filed),
        pairs.map(({ report }) => report),
      ),
      corrected: corrected.map(({ outage }) => outage),
    })
  }
  return told
}

/** Each filed report of a month, or one of them, beside the same one of today. */
async function todayOf(
  db: Database,
  month: string,
  now: EpochMs,
  only?: { readonly rulebook: string; readonly by: string },
): Promise<{ filed: IndicesReport; report: IndicesReport }[]> {
  const rows = await db
    .selectFrom('period_closed')
    .selectAll()
    .where('month', '=', month)
    .$if(only !== undefined, (query) =>
      query.where('rulebook', '=', only?.rulebook ?? '').where('by_group', '=', only?.by ?? ''),
    )
    .orderBy('rulebook')
    .orderBy('by_group')
    .execute()
  const pairs: { filed: IndicesReport; report: IndicesReport }[] = []
  for (const { rulebook, report, time_zone: timeZone } of rows) {
    const filed = report as IndicesReport
    const book = CLOSED_RULEBOOKS.find(({ id }) => id === rulebook)
    if (book === undefined) continue
    // Under the settings as filed: a rulebook that we have since changed restates nothing.
    const settings = { ...book, settings: filed.rulebook.settings }
    const { from, to, by, exclude } = filed
    const question = { from, to, by, rulebook: settings, exclude, now, timeZone }
    pairs.push({ filed, report: await indicesReport(db, question) })
  }
  return pairs
}

function restated(filed: readonly IndicesReport[], today: readonly IndicesReport[]): Restatement[] {
  return filed.flatMap(({ rulebook, by, rows }) => {
    const now = today.find((report) => report.rulebook.id === rulebook.id && report.by === by)
    return now === undefined ? [] : differences(rulebook.id, by, rows, now.rows)
  })
}

function differences(
  rulebook: string,
  by: string,
  filed: readonly IndexRow[],
  today: readonly IndexRow[],
): Restatement[] {
  const found: Restatement[] = []
  const groups = new Set([...filed, ...today].map(({ group }) => group))
  const units: Record<string, string> = { cmi: 'min', ...today[0]?.units, ...filed[0]?.units }
  for (const group of groups) {
    const before = figuresOf(filed.find((row) => row.group === group))
    const now = figuresOf(today.find((row) => row.group === group))
    for (const index of new Set([...Object.keys(before), ...Object.keys(now)])) {
      const [was = null, is = null] = [before[index], now[index]]
      if (was === is) continue
      found.push({ rulebook, by, group, index, unit: units[index] ?? null, filed: was, now: is })
    }
  }
  return found
}

const figuresOf = (row: IndexRow | undefined): Record<string, number | null> =>
  row === undefined
    ? {}
    : { customersServed: row.customersServed, ci: row.ci, cmi: row.cmi, ...row.indices }
