import { MS_PER_H, type EpochMs } from '../time.ts'
import type { WorkKind, Window } from './window.ts'

/** How long before the beginning customers must be told, in hours. */
export type NoticePromise = {
  readonly name: string
  readonly plannedH: number
  readonly temporaryH: number
  /** Told later than this, the interruption counts as a fault. */
  readonly faultBelowH: number
}

/** China: 电力供应与使用条例 art. 28, 供电监管办法 art. 13 (7 days, 24 hours); DL/T 836 (6 hours). */
export const CHINA_PROMISE: NoticePromise = {
  name: 'China',
  plannedH: 168,
  temporaryH: 24,
  faultBelowH: 6,
}
/** Great Britain, guaranteed standard 12: two days. */
export const GB_PROMISE: NoticePromise = {
  name: 'Great Britain',
  plannedH: 48,
  temporaryH: 48,
  faultBelowH: 0,
}

export type NoticeStanding = {
  readonly promise: string
  /** Told by then, the promise for this kind of work is kept. */
  readonly deadlineAt: EpochMs
  readonly leadH: number
  readonly kept: boolean
  /** What it counts as when customers are told at `toldAt`. */
  readonly countsAs: WorkKind | 'fault'
}

/** Hours before its beginning at which customers must have been told of a work of this kind. */
export const neededH = (kind: WorkKind, promise: NoticePromise): number =>
  kind === 'planned' ? promise.plannedH : promise.temporaryH

/** Where a work stands with its promise when customers are told at `toldAt` (now, for a work that is not announced yet). */
export function noticeStanding(
  work: { readonly kind: WorkKind; readonly window: Window },
  toldAt: EpochMs,
  promise: NoticePromise,
): NoticeStanding {
  const leadH = (work.window.from - toldAt) / MS_PER_H
  const aheadH = neededH(work.kind, promise)
  const isLate = work.kind === 'temporary' || leadH < promise.plannedH
  return {
    promise: promise.name,
    deadlineAt: work.window.from - aheadH * MS_PER_H,
    leadH,
    kept: leadH >= aheadH,
    countsAs: leadH < promise.faultBelowH ? 'fault' : isLate ? 'temporary' : 'planned',
  }
}
