import { MS_PER_MIN, type EpochMs } from '../time.ts'
import { noticeStanding, type NoticePromise } from './promise.ts'
import type { Work } from './work.ts'

/** Clocks and hands are not exact: switching this long before the window still belongs to the work. */
export const NATURE_EARLY_MAX_MIN = 15

export type OutageBeginning = {
  readonly startedAt: EpochMs
  /** The switch whose opening began it. */
  readonly device: string | null
  /** A trip or lockout is protection at work, whatever was planned there. */
  readonly reason: string | null
}

export type PlannedNature = {
  readonly work: string
  /** `fault`: told less than six hours before, which DL/T 836 counts as a fault. */
  readonly nature: 'planned' | 'unplanned'
  readonly cause: string
  /** The approved end; what lasts longer is the overrun, which rulebooks may count as a fault. */
  readonly plannedUntil: EpochMs
}

/**
 * Whether an outage was made by approved work: one of its switches opened by hand or command within its window. Null: no work explains it.
 * Of several the one whose window began last.
 */
export function plannedNature(
  works: readonly Work[],
  outage: OutageBeginning,
  promise: NoticePromise,
): PlannedNature | null {
  if (outage.reason === 'trip' || outage.reason === 'lockout') return null
  const best = workBehind(works, outage)
  if (best === null) return null
  const told = best.announcedAt ?? outage.startedAt
  const countsAs = best.countsAs ?? noticeStanding(best, told, promise).countsAs
  return {
    work: best.id,
    nature: countsAs === 'fault' ? 'unplanned' : 'planned',
    cause: best.reason,
    plannedUntil: best.window.until,
  }
}

/** The approved work whose switching a beginning was; of several the one whose window began last. */
export function workBehind(
  works: readonly Work[],
  { device, startedAt }: Pick<OutageBeginning, 'device' | 'startedAt'>,
): Work | null {
  let best: Work | null = null
  for (const work of works) {
    if (device === null || !wasApproved(work) || !opens(work, device)) continue
    const from = work.window.from - NATURE_EARLY_MAX_MIN * MS_PER_MIN
    const until = Math.max(work.window.until, work.finishedAt ?? 0)
    if (startedAt < from || startedAt >= until) continue
    if (best === null || work.window.from > best.window.from) best = work
  }
  return best
}

const wasApproved = (work: Work): boolean =>
  work.state === 'approved' ||
  work.state === 'inProgress' ||
  work.state === 'overdue' ||
  work.state === 'finished'

const opens = (work: Work, device: string): boolean =>
  work.steps.some((step) => step.switch === device && step.position === 'open') ||
  work.assets.includes(device)
