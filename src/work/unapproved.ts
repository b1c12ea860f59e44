import { MS_PER_H, type EpochMs } from '../time.ts'
import type { Window } from './window.ts'
import { toldOff, type Work, type WorkEvent } from './work.ts'

/** A plan that was changed and not approved again is everybody's concern this long before customers expect it. */
export const UNAPPROVED_NEAR_H = 72

/** A plan that was approved once, is another one by now, and was not approved again. */
export type ChangedSinceApproval = {
  readonly approvedBy: string
  readonly approvedAt: EpochMs
  readonly changedBy: string
  readonly changedAt: EpochMs
  /** What customers believe; null: they were told that it is off. */
  readonly told: Window | null
  /** What customers were told, or the window where they were told nothing, begins within `UNAPPROVED_NEAR_H`. */
  readonly near: boolean
}

/** Null where the work was never approved, is approved as it stands, or is past that. */
export function changedSinceApproval(work: Work, at: EpochMs): ChangedSinceApproval | null {
  if (work.state !== 'draft' && work.state !== 'submitted') return null
  const approval = work.history.findLast(({ act }) => act === 'approve')
  const change = work.history.findLast(({ act }) => act === 'edit')
  if (approval === undefined || change === undefined) return null
  const { from } = work.announced ?? work.window
  return {
    approvedBy: approval.by,
    approvedAt: approval.at,
    changedBy: change.by,
    changedAt: change.at,
    told: work.announced,
    near: at >= from - UNAPPROVED_NEAR_H * MS_PER_H,
  }
}

/**
 * The time has come that customers were told, and nobody approved what the plan is now: nothing may begin, and they have to hear it. The work itself goes
 * on as a plan. Null where there is nothing to call off.
 */
export function callOffUnapproved(work: Work, at: EpochMs): Work | null {
  const { announced } = work
  if (changedSinceApproval(work, at) === null || announced === null || at < announced.from)
    return null
  const event: WorkEvent = {
    at,
    by: 'relight',
    act: 'callOff',
    from: work.state,
    to: work.state,
    note: null,
  }
  return { ...toldOff(work), history: [...work.history, event] }
}
