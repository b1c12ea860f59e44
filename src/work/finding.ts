/** How soon something must be done about a finding. */
export const SEVERITIES = ['minor', 'major', 'critical'] as const
export type Severity = (typeof SEVERITIES)[number]

export const FINDING_STATES = ['open', 'inHand', 'fixed', 'dismissed'] as const
export type FindingState = (typeof FINDING_STATES)[number]

/** Where a finding may go; who closed one by mistake opens it again, and that is kept too. */
export const FINDING_MOVES: Readonly<Record<FindingState, readonly FindingState[]>> = {
  open: ['inHand', 'fixed', 'dismissed'],
  inHand: ['open', 'fixed', 'dismissed'],
  fixed: ['open'],
  dismissed: ['open'],
}

export const isClosed = (state: FindingState): boolean => state === 'fixed' || state === 'dismissed'
