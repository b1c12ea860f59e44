import type { GroupCode } from '../ledger/facts.ts'
import { MS_PER_H, MS_PER_MIN, type EpochMs } from '../time.ts'
import { noticeStanding, type NoticePromise } from './promise.ts'
import type { Window, WorkKind } from './window.ts'

export type WorkId = string

export const WORK_STATES = [
  'draft',
  'submitted',
  'approved',
  'inProgress',
  'finished',
  'cancelled',
  'overdue',
] as const
export type WorkState = (typeof WORK_STATES)[number]

/** What interrupts nobody (live-line, mobile supply) is planned all the same: crews and ties are bound by it. */
export const WORK_METHODS = ['dead', 'liveLine', 'mobileSupply', 'transfer'] as const
export type WorkMethod = (typeof WORK_METHODS)[number]

export type SwitchingStep = {
  readonly switch: string
  readonly position: 'open' | 'closed'
  /** After the beginning of the window. */
  readonly afterMin: number
}

/** What a planner fills in. */
export type WorkPlan = {
  readonly title: string
  readonly kind: WorkKind
  readonly method: WorkMethod
  /** Cause code of the rulebook in use, or a short word: `maintenance`, `construction`. */
  readonly reason: string
  /** The person who answers for it. */
  readonly responsible: string
  readonly crew: string | null
  /** Ids of lines, switches, transformers that are worked on. */
  readonly assets: readonly string[]
  /** In order. At the end of the window every switch named returns to where it stood. */
  readonly steps: readonly SwitchingStep[]
  readonly window: Window
}

export type WorkEvent = {
  readonly at: EpochMs
  readonly by: string
  readonly act: WorkAct | 'draft' | 'edit' | 'expire' | 'remind' | 'callOff'
  readonly from: WorkState | null
  readonly to: WorkState
  readonly note: string | null
}

export type ToldSet = Window & { readonly members: readonly GroupCode[] }

export type Work = WorkPlan & {
  readonly id: WorkId
  readonly state: WorkState
  readonly requestedBy: string
  readonly submittedBy: string | null
  readonly approvedBy: string | null
  readonly startedAt: EpochMs | null
  readonly finishedAt: EpochMs | null
  /** The window that customers were told; null: nothing yet, or it was called off. */
  readonly announced: Window | null
  readonly announcedAt: EpochMs | null
  /** What it counts as by the promise in force when they were told; absent in works of before there was a choice. */
  readonly countsAs?: WorkKind | 'fault' | null
  /** Who was told what: the supply groups by the times they were told. */
  readonly told: readonly ToldSet[]
  readonly remindedAt: EpochMs | null
  /** Everything that was done with it, oldest first. */
  readonly history: readonly WorkEvent[]
}

export const WORK_ACTS = ['submit', 'approve', 'start', 'finish', 'cancel'] as const
export type WorkAct = (typeof WORK_ACTS)[number]

/** Where each act leads; what is not here is not allowed. */
const TRANSITIONS: Readonly<
  Record<WorkState, Partial<Record<WorkAct | 'edit' | 'expire', WorkState>>>
> = {
  draft: { submit: 'submitted', cancel: 'cancelled', edit: 'draft' },
  submitted: { approve: 'approved', cancel: 'cancelled', edit: 'draft' },
  // A plan that is changed after approval asks again; what customers were told stands until then.
  approved: { start: 'inProgress', cancel: 'cancelled', edit: 'draft', expire: 'overdue' },
  inProgress: { finish: 'finished', expire: 'overdue' },
  overdue: { finish: 'finished', cancel: 'cancelled' },
  finished: {},
  cancelled: {},
}

/** Crews may begin this long before the window that customers were told. */
export const START_EARLY_MAX_MIN = 15
/** Customers are reminded this long before. */
export const REMIND_BEFORE_H = 24

export type WorkAnswer =
  | { readonly outcome: 'moved'; readonly work: Work }
  | {
      readonly outcome: 'wrong-state'
      readonly state: WorkState
      readonly allowed: readonly string[]
    }
  /** Nobody approves what they asked for themselves. */
  | { readonly outcome: 'own-request'; readonly requestedBy: string }
  | { readonly outcome: 'too-early'; readonly notBefore: EpochMs }
  /** The window is over, or (to be approved) has begun: since `until`. */
  | { readonly outcome: 'too-late'; readonly until: EpochMs }

export type ActContext = { readonly at: EpochMs; readonly by: string; readonly note: string | null }

export function draftWork(id: WorkId, plan: WorkPlan, context: ActContext): Work {
  const { at, by, note } = context
  return {
    ...plan,
    id,
    state: 'draft',
    requestedBy: by,
    submittedBy: null,
    approvedBy: null,
    startedAt: null,
    finishedAt: null,
    announced: null,
    announcedAt: null,
    told: [],
    remindedAt: null,
    history: [{ at, by, act: 'draft', from: null, to: 'draft', note }],
  }
}

/** What a person's act makes of a work. Doing it twice is refused the second time by the state it is in. */
export function actOnWork(work: Work, act: WorkAct, context: ActContext): WorkAnswer {
  const { at, by } = context
  const to = TRANSITIONS[work.state][act]
  if (to === undefined || !isAllowedHere(work, act)) return wrongState(work)
  switch (act) {
    case 'submit':
      if (at >= work.window.until) return { outcome: 'too-late', until: work.window.until }
      return moved(work, act, to, context, { submittedBy: by, approvedBy: null })
    case 'approve':
      if (by === work.requestedBy || by === work.submittedBy || by === writerOf(work)) {
        return { outcome: 'own-request', requestedBy: by }
      }
      // Nobody can be told any more of what has begun: it needs another window.
      if (at >= work.window.from) return { outcome: 'too-late', until: work.window.from }
      return moved(work, act, to, context, { approvedBy: by })
    case 'start': {
      const notBefore = work.window.from - START_EARLY_MAX_MIN * MS_PER_MIN
      if (at < notBefore) return { outcome: 'too-early', notBefore }
      if (at >= work.window.until) return { outcome: 'too-late', until: work.window.until }
      return moved(work, act, to, context, { startedAt: at })
    }
    case 'finish':
      return moved(work, act, to, context, { finishedAt: at })
    case 'cancel':
      return moved(work, act, to, context, {})
  }
}

/** Another plan in place of the old one; whatever was approved has to be approved again. */
export function editWork(work: Work, plan: WorkPlan, context: ActContext): WorkAnswer {
  const to = TRANSITIONS[work.state].edit
  if (to === undefined) return wrongState(work)
  const answer = moved(work, 'edit', to, context, { submittedBy: null, approvedBy: null })
  return answer.outcome === 'moved' ? { ...answer, work: { ...answer.work, ...plan } } : answer
}

/** A window that is over without the work being finished makes it overdue; null where there is nothing to say. */
export function expireWork(work: Work, at: EpochMs): Work | null {
  const to = TRANSITIONS[work.state].expire
  if (to === undefined || at < work.window.until) return null
  const answer = moved(work, 'expire', to, { at, by: 'relight', note: null }, {})
  return answer.outcome === 'moved' ? answer.work : null
}

/** Announced, about to begin, and nobody has been reminded of it. */
export function isReminderDue(work: Work, at: EpochMs): boolean {
  const { announced, announcedAt } = work
  if (work.state !== 'approved' || announced === null || work.remindedAt !== null) return false
  const dueAt = announced.from - REMIND_BEFORE_H * MS_PER_H
  // Who was told within the last day needs no reminder.
  return at >= dueAt && at < announced.from && announcedAt !== null && announcedAt < dueAt
}

/**
 * Notes what customers were told; nobody any more: it is off. Where nothing changed for them (no `news`), they have known since they were
 * told first, and a reminder that they had is not repeated.
 */
export function toldCustomers(
  work: Work,
  told: readonly ToldSet[] | null,
  at: EpochMs,
  { promise, news }: { promise: NoticePromise; news: boolean },
): Work {
  if (told === null) return toldOff(work)
  const announcedAt = news || work.announcedAt === null ? at : work.announcedAt
  return {
    ...work,
    announced: work.window,
    announcedAt,
    countsAs: noticeStanding(work, announcedAt, promise).countsAs,
    told,
    remindedAt: news ? null : work.remindedAt,
  }
}

/** Nobody believes any more that it will come. */
export const toldOff = (work: Work): Work => ({
  ...work,
  announced: null,
  announcedAt: null,
  told: [],
  remindedAt: null,
})

export function remindedCustomers(work: Work, at: EpochMs): Work {
  const event: WorkEvent = {
    at,
    by: 'relight',
    act: 'remind',
    from: work.state,
    to: work.state,
    note: null,
  }
  return { ...work, remindedAt: at, history: [...work.history, event] }
}

/** Who wrote the plan as it stands: approving it would be approving one's own. */
const writerOf = ({ history }: Work): string | undefined =>
  history.findLast(({ act }) => act === 'draft' || act === 'edit')?.by

/** What is overdue and was started can only be finished; what never began can only be called off. */
function isAllowedHere(work: Work, act: WorkAct): boolean {
  if (work.state !== 'overdue') return true
  return act === (work.startedAt === null ? 'cancel' : 'finish')
}

function wrongState(work: Work): WorkAnswer {
  const allowed = Object.keys(TRANSITIONS[work.state]).filter(
    (act) => act !== 'expire' && isAllowedHere(work, act as WorkAct),
  )
  return { outcome: 'wrong-state', state: work.state, allowed }
}

function moved(
  work: Work,
  act: WorkEvent['act'],
  to: WorkState,
  { at, by, note }: ActContext,
  more: Partial<Work>,
): WorkAnswer {
  const event: WorkEvent = { at, by, act, from: work.state, to, note }
  return {
    outcome: 'moved',
    work: { ...work, ...more, state: to, history: [...work.history, event] },
  }
}
