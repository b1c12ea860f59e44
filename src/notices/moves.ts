import type { GroupCode, OutageId } from '../ledger/facts.ts'
import type { OutageStanding } from './standing.ts'
import type { Circle, Pending } from './told.ts'

/**
 * A correction may find that what was told as one outage belongs to another. Whoever was told of the first then counts as told of the
 * second: to them it is the same loss of supply, and a withdrawal followed by a new notice would contradict itself.
 */
export function moveBetweenOutages(standings: Map<OutageId, OutageStanding>): void {
  if (standings.size < 2) return
  for (const [id, standing] of standings) {
    const leaving = leftOver(standing)
    if (leaving === undefined) continue
    for (const [otherId, other] of standings) {
      if (otherId === id || leaving.size === 0) continue
      const arrived = arrivedIn(other, leaving)
      if (arrived.size === 0) continue
      const from = standings.get(id) ?? standing
      const has = (group: GroupCode): boolean => arrived.has(group)
      const hasNot = (group: GroupCode): boolean => !arrived.has(group)
      // Nothing is left of it: what everyone read of it is now the other one.
      const goes = from.facts.sets.length === 0
      standings.set(id, {
        ...from,
        told: {
          ...from.told,
          circles: part(from.told.circles, hasNot),
          pending: part(from.told.pending, hasNot),
          public: goes ? null : from.told.public,
        },
      })
      standings.set(otherId, {
        ...other,
        told: {
          ...other.told,
          circles: [...other.told.circles, ...part(from.told.circles, has)],
          pending: [...other.told.pending, ...part(from.told.pending, has)],
          public: other.told.public ?? (goes ? from.told.public : null),
        },
      })
      for (const group of arrived) leaving.delete(group)
    }
  }
}

/** The groups that were told of this outage, or wait to be told, and are not in it any more; undefined where there are none. */
function leftOver({ facts, told }: OutageStanding): Set<GroupCode> | undefined {
  if (told.circles.length === 0 && told.pending.length === 0) return undefined
  const left = new Set([...told.circles, ...told.pending].flatMap(({ members }) => members))
  for (const set of facts.sets) for (const group of set.members) left.delete(group)
  return left.size === 0 ? undefined : left
}

function arrivedIn({ facts, told }: OutageStanding, leaving: Set<GroupCode>): Set<GroupCode> {
  const arrived = new Set<GroupCode>()
  for (const set of facts.sets) {
    for (const group of set.members) if (leaving.has(group)) arrived.add(group)
  }
  for (const { members } of [...told.circles, ...told.pending]) {
    for (const group of members) arrived.delete(group)
  }
  return arrived
}

function part<T extends Circle | Pending>(
  told: readonly T[],
  keep: (group: GroupCode) => boolean,
): T[] {
  return told
    .map((one) => ({ ...one, members: one.members.filter(keep) }))
    .filter((one) => one.members.length > 0)
}
