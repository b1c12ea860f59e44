import type { OutageChange, OutageId } from '../ledger/facts.ts'
import type { EpochMs } from '../time.ts'
import { tellCustomers } from './customers.ts'
import { moveBetweenOutages } from './moves.ts'
import type { Draft } from './notice.ts'
import { tellPublic } from './public.ts'
import { tellStaff } from './staff.ts'
import type { DeskChange, NoticeSettings, OutageStanding } from './standing.ts'
import { NOTHING_TOLD, type Told } from './told.ts'

export type Composed = {
  /** In the order in which they are to be numbered. */
  readonly drafts: readonly Draft[]
  /** What to store in place of the old, for the outages where it changed. */
  readonly told: ReadonlyMap<OutageId, Told>
  /**
   * When to compose again for the mere passing of time (a hold or an estimate runs out). For every outage that was looked at: an
   * outage without an entry needs no call any more.
   */
  readonly holds: readonly { readonly outage: OutageId; readonly due: EpochMs }[]
}

/**
 * Who is to be told what, now. Pure, and the same at every call: from the facts, what is known beside them and what was told follows
 * what is still to be said. `due` names outages whose time has come, and after a restart every outage that is not closed.
 */
export function composeNotices(input: {
  readonly changes: readonly OutageChange[]
  readonly desk: readonly DeskChange[]
  readonly due?: readonly OutageId[]
  readonly board: (id: OutageId) => OutageStanding
  readonly at: EpochMs
  readonly settings: NoticeSettings
}): Composed {
  const { at, settings } = input
  const changes = new Map(input.changes.map((change) => [change.after.id, change]))
  const looked = new Set<OutageId>([
    ...changes.keys(),
    ...input.desk.map((desk) => desk.outage),
    ...(input.due ?? []),
  ])
  const standings = new Map<OutageId, OutageStanding>()
  for (const id of looked) {
    const standing = input.board(id)
    standings.set(id, { ...standing, facts: changes.get(id)?.after ?? standing.facts })
  }
  const before = new Map([...standings].map(([id, standing]) => [id, standing.told]))
  moveBetweenOutages(standings)

  const drafts: Draft[] = []
  const told = new Map<OutageId, Told>()
  const holds: { outage: OutageId; due: EpochMs }[] = []
  for (const [id, standing] of standings) {
    const change = changes.get(id) ?? null
    const desk =
      input.desk.length === 0 ? input.desk : input.desk.filter((one) => one.outage === id)
    const staff = tellStaff(standing, change, desk, { at, settings })
    const customers = tellCustomers(standing, { at, settings })
    const everyone = tellPublic(standing, customers, { at, settings })
    drafts.push(...staff.drafts, ...customers.drafts, ...everyone.drafts)

    const now: Told = { ...standing.told, ...staff.told, ...customers.told, ...everyone.told }
    if (!sameTold(now, before.get(id) ?? NOTHING_TOLD)) told.set(id, now)
    const due = Math.min(staff.due, customers.due, everyone.due)
    if (Number.isFinite(due)) holds.push({ outage: id, due })
  }
  const inZone = input.desk.some((one) => one.desk === 'etr' && one.zone === true)
  return { drafts: inZone ? onceForAll(drafts) : drafts, told, holds }
}

/**
 * What a decision about a whole area says to the customers of many outages is the same: those who read the same words get one notice,
 * and who has supplies in several outages reads it once. The public heard of the storm itself.
 */
function onceForAll(drafts: readonly Draft[]): Draft[] {
  const alike = new Map<string, Draft[]>()
  const kept: Draft[] = []
  for (const draft of drafts) {
    if (draft.kind !== 'etrChanged') kept.push(draft)
    else if (draft.audience === 'customer') {
      const { text, etr, crew } = draft.data
      const key = JSON.stringify([text, etr, crew])
      alike.set(key, [...(alike.get(key) ?? []), draft])
    }
  }
  for (const same of alike.values()) {
    const [first] = same
    if (first === undefined) continue
    const members = new Set(same.flatMap((draft) => draft.members ?? []))
    const several = same.length > 1
    kept.push({
      ...first,
      outage: several ? null : first.outage,
      members: [...members].sort((a, b) => a - b),
      data: several
        ? {
            ...first.data,
            outage: null,
            startedAt: same.map(({ data }) => data.startedAt).sort()[0] ?? first.data.startedAt,
            customersOut: same.reduce((sum, { data }) => sum + Number(data.customersOut), 0),
          }
        : first.data,
    })
  }
  return kept
}

/** The parts keep what they do not change, so identity is enough. */
function sameTold(a: Told, b: Told): boolean {
  return (
    a.pending === b.pending &&
    a.circles === b.circles &&
    a.public === b.public &&
    a.expiringAt === b.expiringAt &&
    a.passedAt === b.passedAt
  )
}
