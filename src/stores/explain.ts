import type { CauseDetail } from '../reliability/cause-detail.ts'
import { hoursBetween } from '../reliability/calendar.ts'
import { headlineFilter, indexRow, type IndexRow } from '../reliability/indices.ts'
import {
  openFigureBook,
  type FigurePart,
  type FigureParts,
  type FigureQuantity,
} from '../reliability/figure-parts.ts'
import { emptySums, supplyGroupOf, type Counted } from '../reliability/reckoning.ts'
import { MS_PER_S, toIso, type EpochMs } from '../time.ts'
import { loadPointOf } from '../ledger/facts.ts'
import type { IndexRule, Quantity } from '../reliability/rulebook.ts'
import type { Database } from './database.ts'
import { groupsOf, rowOf } from './indices.ts'
import { majorDaysLeftOut, majorDaysOfPeriod } from './major-days.ts'
import { reckon, servedOf, withCountableUnit, type ReportQuestion } from './report-question.ts'
import { observationsAt } from './observations.ts'
import { ensureServed, readServedBook } from './reliability.ts'

/** Outages told one by one; the rest is summed. */
export const EXPLAINED_OUTAGES_MAX = 500

/** Customers that lost supply together and got it back together, as they were counted. */
export type ExplainedSet = {
  readonly from: string
  /** Null while they are out: then their time runs until `now`. */
  readonly until: string | null
  readonly feeder: string | null
  readonly cause: string | null
  readonly causeDetail: CauseDetail | null
  /** Planned work that outlasted its approved end is told in two sets where the rulebook counts the overrun as a fault. */
  readonly nature: 'planned' | 'unplanned'
  readonly length: 'short' | 'long'
  readonly customers: number
  /** What they add to CI, to customer-seconds, and to momentary interruptions. */
  readonly ci: number
  readonly customerSeconds: number
  readonly momentary: number
}

export type Evidence = {
  readonly gateway: string
  readonly kind: string
  readonly point: string
  readonly seq: number
  readonly at: string
  readonly receivedAt: string
  readonly value: string
  readonly reason: string | null
  readonly bySubject: string | null
}

export type ExplainedOutage = {
  readonly outage: string
  /** `live`: the observations below; `imported`: a record said so. */
  readonly origin: string | null
  readonly device: string | null
  readonly ci: number
  readonly customerSeconds: number
  readonly momentary: number
  readonly sets: readonly ExplainedSet[]
  readonly observations: readonly Evidence[]
}

/** A part of a figure; `outages` are those from which it follows, told below as far as they are told at all. */
export type ExplainedPart = {
  /** The load point whose customers, or which as one user, are counted; null where it is the outage that adds, or nobody was named. */
  readonly loadPoint: string | null
  readonly outages: readonly string[]
  readonly value: number
}

/** A quantity above or below the line: its parts, the largest first, and the sum of those that are not told; together `value`. */
export type ExplainedQuantity = {
  readonly of: Quantity
  readonly value: number | null
  /** Null where it is no sum over interruptions: what is served, and where the value cannot be known. */
  readonly parts: readonly ExplainedPart[] | null
  readonly rest: { readonly parts: number; readonly value: number } | null
}

/** One figure of the row: `scale` × top ÷ bottom, or a share of the hours of those served. */
export type ExplainedFigure = Pick<FigureParts, 'form' | 'scale' | 'value' | 'periodHours'> & {
  readonly index: string
  readonly unit: string
  readonly name: { readonly en: string; readonly 'zh-CN': string }
  readonly top: ExplainedQuantity
  readonly bottom: ExplainedQuantity | null
}

export type Explanation = {
  readonly row: IndexRow
  /** The figure that was asked for; null where none was. */
  readonly figure: ExplainedFigure | null
  /** Largest first. Together with `rest` they are the row to the customer-second. */
  readonly outages: readonly ExplainedOutage[]
  readonly rest: { readonly outages: number; readonly ci: number; readonly customerSeconds: number }
}

type Growing = { ci: number; customerMs: number; momentary: number; sets: Map<string, GrowingSet> }
type GrowingSet = {
  counted: Counted
  customers: number
  ci: number
  customerMs: number
  momentary: number
}

/** The report has no such row; `rows` are those that it has. */
export type NoSuchRow = { readonly rows: readonly (string | null)[] }

const ROWS_NAMED = 10

/** Says it to who asked for `group`. */
export function noSuchRow(
  { by }: ReportQuestion,
  group: string | null,
  { rows }: NoSuchRow,
): string {
  const named = rows.slice(0, ROWS_NAMED).map((row) => JSON.stringify(row))
  const more = rows.length > ROWS_NAMED ? ` and ${rows.length - ROWS_NAMED} more` : ''
  const there = rows.length === 0 ? 'no row at all' : `${named.join(', ')}${more}`
  return `by ${by} the report of this period has no row ${JSON.stringify(group)}; it has ${there}`
}

/**
 * Takes one row of a report apart: into outages, the sets of customers that each interrupted, and the observations from which they follow.
 * `group` is the row's group; null where it has none. A row that the report does not have is no quiet one: it is said.
 */
export async function explain(
  db: Database,
  asked: ReportQuestion & { readonly group: string | null; readonly index?: IndexRule },
): Promise<Explanation | NoSuchRow> {
  await ensureServed(db)
  const book = await readServedBook(db, asked.timeZone)
  const question = await withCountableUnit(db, asked, book)
  const { rulebook, from, to, by, timeZone, group } = question
  const major = majorDaysLeftOut(await majorDaysOfPeriod(db, question, book))
  const cell = by === 'system' ? '' : (group ?? '')
  const headline = headlineFilter(rulebook)
  const outages = new Map<string, Growing>()
  const figures = asked.index === undefined ? null : openFigureBook(cell, rulebook.settings)
  const onCounted = (counted: Counted): void => {
    figures?.onCounted(counted)
    if (counted.cell !== cell) return
    const inHeadline = headline.length === undefined || counted.length === headline.length
    const ci = inHeadline ? counted.interruptions : 0
    const customerMs = inHeadline ? counted.units * counted.ms : 0
    const momentary = counted.length === 'short' ? counted.interruptions : 0
    const { first, until } = counted
    const outage = outages.get(first.outage) ?? {
      ci: 0,
      customerMs: 0,
      momentary: 0,
      sets: new Map<string, GrowingSet>(),
    }
    outages.set(first.outage, outage)
    const key = `${first.from} ${until} ${first.feeder} ${first.nature}`
    const set = outage.sets.get(key) ?? {
      counted,
      customers: 0,
      ci: 0,
      customerMs: 0,
      momentary: 0,
    }
    outage.sets.set(key, set)
    set.customers += counted.units
    for (const sum of [outage, set]) {
      sum.ci += ci
      sum.customerMs += customerMs
      sum.momentary += momentary
    }
  }
  const { cells } = await reckon(db, question, major, {
    onCounted,
    ...(figures === null ? {} : { onEvent: (event) => figures.onEvent(event) }),
  })
  const rows = groupsOf(question, book, cells).map((key) => rowOf(by, key))
  if (!rows.includes(group)) return { rows }
  const sums = cells.get(cell) ?? emptySums()
  const served = servedOf(question, book, group, hoursBetween(from, to, timeZone))
  const row = indexRow(rulebook, group, sums, served)
  const taken = asked.index === undefined ? undefined : figures?.partsOf(asked.index, sums, served)
  // Of a figure, those outages are told first that make most of it.
  const weights = new Map<string, number>()
  for (const part of taken?.top.parts ?? [])
    for (const outage of part.outages) weights.set(outage, (weights.get(outage) ?? 0) + part.value)
  const weight = (outage: string): number => weights.get(outage) ?? 0
  const ranked = [...outages].sort(
    ([a, x], [b, y]) =>
      weight(b) - weight(a) || y.customerMs - x.customerMs || y.ci - x.ci || (a < b ? -1 : 1),
  )
  const told = ranked.slice(0, EXPLAINED_OUTAGES_MAX)
  const rest = ranked.slice(EXPLAINED_OUTAGES_MAX)
  const known = await whatIsKnown(
    db,
    told.map(([outage]) => outage),
  )
  const figure =
    taken === undefined || asked.index === undefined
      ? null
      : {
          index: asked.index.symbol,
          unit: asked.index.unit,
          name: { en: asked.index.name.en, 'zh-CN': asked.index.name.zh },
          form: taken.form,
          scale: taken.scale,
          value: taken.value,
          periodHours: taken.periodHours,
          top: await explainedQuantity(db, taken.top, rulebook.settings.unit),
          bottom:
            taken.bottom === null
              ? null
              : await explainedQuantity(db, taken.bottom, rulebook.settings.unit),
        }
  return {
    row,
    figure,
    outages: told.map(([outage, sum]) => ({
      outage,
      origin: known.get(outage)?.origin ?? null,
      device: known.get(outage)?.device ?? null,
      ci: sum.ci,
      customerSeconds: sum.customerMs / MS_PER_S,
      momentary: sum.momentary,
      sets: [...sum.sets.values()].map(explainedSet),
      observations: known.get(outage)?.observations ?? [],
    })),
    rest: {
      outages: rest.length,
      ci: rest.reduce((total, [, sum]) => total + sum.ci, 0),
      customerSeconds: rest.reduce((total, [, sum]) => total + sum.customerMs, 0) / MS_PER_S,
    },
  }
}

/** Parts of a figure told one by one; the rest is summed. */
export const EXPLAINED_PARTS_MAX = 500

async function explainedQuantity(
  db: Database,
  { quantity, value, parts }: FigureQuantity,
  unit: 'customer' | 'medium_voltage_user',
): Promise<ExplainedQuantity> {
  if (parts === null) return { of: quantity, value, parts: null, rest: null }
  const ranked = [...parts].sort(
    (a, b) =>
      b.value - a.value || (first(a) < first(b) ? -1 : 1) || (a.unit ?? -1) - (b.unit ?? -1),
  )
  const told = ranked.slice(0, EXPLAINED_PARTS_MAX)
  const rest = ranked.slice(EXPLAINED_PARTS_MAX)
  const pointOf = (key: number): number =>
    unit === 'customer' ? loadPointOf(supplyGroupOf(key)) : supplyGroupOf(key)
  const points = [
    ...new Set(told.flatMap((part) => (part.unit === null ? [] : [pointOf(part.unit)]))),
  ]
  const rows =
    points.length === 0
      ? []
      : await db.selectFrom('load_point').select(['ix', 'id']).where('ix', 'in', points).execute()
  const names = new Map(rows.map(({ ix, id }) => [ix, id]))
  return {
    of: quantity,
    value,
    parts: told.map((part) => ({
      loadPoint:
        part.unit === null ? null : (names.get(pointOf(part.unit)) ?? `#${pointOf(part.unit)}`),
      outages: part.outages,
      value: part.value,
    })),
    rest: {
      parts: rest.length,
      value: rest.reduce((sum, part) => sum + part.value, 0),
    },
  }
}

const first = (part: FigurePart): string => part.outages[0] ?? ''

const explainedSet = (set: GrowingSet): ExplainedSet => ({
  from: toIso(set.counted.first.from),
  until: set.counted.until === null ? null : toIso(set.counted.until),
  feeder: set.counted.first.feeder,
  cause: set.counted.first.cause,
  causeDetail: set.counted.first.causeDetail ?? null,
  nature: set.counted.first.nature,
  length: set.counted.length,
  customers: set.customers,
  ci: set.ci,
  customerSeconds: set.customerMs / MS_PER_S,
  momentary: set.momentary,
})

type Known = { origin: string; device: string | null; observations: Evidence[] }

/** The switching events that an outage follows from: the opening that began it, and the closings of its steps. */
async function whatIsKnown(db: Database, ids: readonly string[]): Promise<Map<string, Known>> {
  const known = new Map<string, Known>()
  if (ids.length === 0) return known
  const rows = await db
    .selectFrom('outage')
    .select(['id', 'origin', 'device', 'anchor_at', 'started_at', 'steps'])
    .where('id', 'in', ids)
    .execute()
  /** Which outages follow from what a switch said at an instant. */
  const events = new Map<string, { point: string; at: EpochMs; outages: Set<string> }>()
  const follows = (outage: string, point: string, at: EpochMs): void => {
    const event = events.get(eventName(point, at))
    if (event === undefined) {
      events.set(eventName(point, at), { point, at, outages: new Set([outage]) })
    } else event.outages.add(outage)
  }
  for (const row of rows) {
    known.set(row.id, { origin: row.origin, device: row.device, observations: [] })
    if (row.device !== null) {
      follows(row.id, row.device, row.anchor_at)
      follows(row.id, row.device, row.started_at)
    }
    for (const { at, device } of row.steps) if (device !== null) follows(row.id, device, at)
  }
  for (const row of await observationsAt(db, [...events.values()])) {
    for (const outage of events.get(eventName(row.point, row.at))?.outages ?? []) {
      known.get(outage)?.observations.push({
        gateway: row.gateway,
        kind: row.kind,
        point: row.point,
        seq: row.seq,
        at: toIso(row.at),
        receivedAt: toIso(row.received_at),
        value: row.value,
        reason: row.reason,
        bySubject: row.by_subject,
      })
    }
  }
  return known
}

const eventName = (point: string, at: EpochMs): string => `${point}@${at}`
