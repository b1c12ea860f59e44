import type { EpochMs } from '../time.ts'

/** Which promise was given: planned is announced 7 days before, temporary 24 hours. */
export const WORK_KINDS = ['planned', 'temporary'] as const
export type WorkKind = (typeof WORK_KINDS)[number]

/** `[from, until)`. */
export type Window = { readonly from: EpochMs; readonly until: EpochMs }
