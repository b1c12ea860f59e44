import { MS_PER_DAY, MS_PER_H, type EpochMs } from '../time.ts'

/**
 * What a utility owes where it did not keep its promises (standards.md §7). Amounts from the regulations as retyped from public pages; some
 * are from memory (see `sure`), and a utility checks them before it pays.
 */
export type OwedRule = {
  readonly regulation: string
  readonly says: string
  /** The amount was read in a source; false: remembered. */
  readonly sure: boolean
}

export type Owed = OwedRule & {
  readonly outage: string | null
  /** In the currency's own unit. */
  readonly amount: number
  readonly currency: 'GBP'
}

/** A stay without supply of one customer; `until` null: not over, counted until `at`. */
export type Stay = {
  readonly outage: string
  readonly from: EpochMs
  readonly until: EpochMs | null
  readonly planned: boolean
  /** When they were told of planned work; null: never. */
  readonly toldAt: EpochMs | null
  /** Customers that this outage interrupted in all. */
  readonly customersInterrupted: number
}

export type Severity = 'normal' | 'severe1' | 'severe2'

export const NORMAL = { domestic: 95, nonDomestic: 190, further: 45, everyH: 12 } as const

/**
 * Great Britain, Electricity (Standards of Performance) Regulations 2015 as amended 2023: regulations 5, 6, 7, 10 and 12, for one
 * customer. Time runs for each stay without supply as a whole; we know of it from its beginning.
 */
export function owedInBritain(
  stays: readonly Stay[],
  terms: {
    readonly domestic: boolean
    /** Of the weather when an outage began, as the utility has declared it. */
    readonly severityOf: (outage: string) => Severity
    readonly at: EpochMs
    /** For the year of regulation 10, which begins on 1 April: the local year and month of an instant. */
    readonly localMonthOf: (at: EpochMs) => { readonly year: number; readonly month: number }
  },
): Owed[] {
  const { domestic, at } = terms
  const owed: Owed[] = []
  const add = (rule: OwedRule, outage: string | null, amount: number) =>
    owed.push({ ...rule, outage, amount, currency: 'GBP' })

  for (const stay of stays) {
    const hours = ((stay.until ?? at) - stay.from) / MS_PER_H
    if (stay.planned) {
      const toldBefore = stay.toldAt === null ? -1 : stay.from - stay.toldAt
      if (toldBefore < PLANNED_NOTICE_DAYS * MS_PER_DAY)
        add(RULES.planned, stay.outage, domestic ? 40 : 75)
      continue
    }
    const severity = terms.severityOf(stay.outage)
    if (severity !== 'normal') {
      const limitH = severity === 'severe1' ? 24 : 48
      if (hours > limitH)
        add(RULES.severe, stay.outage, Math.min(2000, 80 + 40 * furtherPeriods(hours, limitH, 6)))
    } else if (stay.customersInterrupted >= LARGE_CUSTOMERS) {
      if (hours > 24) {
        const first = domestic ? NORMAL.domestic : NORMAL.nonDomestic
        add(RULES.large, stay.outage, Math.min(360, first + 45 * furtherPeriods(hours, 24, 12)))
      }
    } else if (hours > 12) {
      const first = domestic ? NORMAL.domestic : NORMAL.nonDomestic
      const { further, everyH } = NORMAL
      add(RULES.normal, stay.outage, first + further * furtherPeriods(hours, 12, everyH))
    }
  }

  const longByYear = new Map<number, number>()
  for (const stay of stays) {
    if (stay.planned || ((stay.until ?? at) - stay.from) / MS_PER_H < MULTIPLE_H) continue
    const { year, month } = terms.localMonthOf(stay.from)
    const regulationYear = month >= 4 ? year : year - 1
    longByYear.set(regulationYear, (longByYear.get(regulationYear) ?? 0) + 1)
  }
  for (const count of longByYear.values())
    if (count >= MULTIPLE_COUNT) add(RULES.multiple, null, 95)
  return owed
}

export const LARGE_CUSTOMERS = 5_000
const PLANNED_NOTICE_DAYS = 2
const MULTIPLE_COUNT = 4
const MULTIPLE_H = 3

const RULES = {
  normal: {
    regulation: 'GB 5',
    says: 'supply was not restored within 12 h in normal weather',
    sure: true,
  },
  large: {
    regulation: 'GB 6',
    says: 'supply was not restored within 24 h; the outage had 5,000 customers or more',
    sure: false,
  },
  severe: {
    regulation: 'GB 7',
    says: 'supply was not restored within the time for severe weather',
    sure: false,
  },
  multiple: {
    regulation: 'GB 10',
    says: 'four or more interruptions of at least 3 h within a year from 1 April',
    sure: false,
  },
  planned: {
    regulation: 'GB 12',
    says: 'planned work was not announced two days before',
    sure: false,
  },
} as const satisfies Record<string, OwedRule>

/** Whole further periods that have passed since the limit. */
const furtherPeriods = (hours: number, limitH: number, everyH: number): number =>
  Math.max(0, Math.floor((hours - limitH) / everyH))
