import type { EpochMs } from '../time.ts'
import type { CauseDetail } from './cause-detail.ts'
import type { LocalDay } from './calendar.ts'

/** One row of an interruption record (contract.md): customers of one outage that came back together. */
export type RecordStep = {
  /** The utility's own name of the outage within its area; in a record without such names, a digest of the row. */
  readonly outage: string
  readonly from: EpochMs
  /** Null where the mapping lets outages without an end in: it still lasts. */
  readonly until: EpochMs | null
  readonly customers: number
  readonly area: string | null
  readonly substation: string | null
  readonly feeder: string | null
  readonly loadPoint: string | null
  readonly connectedKva: number | null
  readonly cause: string | null
  readonly causeDetail: CauseDetail | null
  readonly nature: 'planned' | 'unplanned'
  /** Planned, but in no plan. */
  readonly temporary: boolean
  /** The end that was approved for planned work. */
  readonly plannedUntil: EpochMs | null
  readonly external: boolean
  readonly sourceShortage: boolean
}

/** What `customers.csv` beside a record says. */
export type RecordServed = {
  readonly area: string
  readonly fromDay: LocalDay
  readonly customers: number
}
