import type { GroupCode, OutageId } from '../ledger/facts.ts'
import type { OutageStanding } from './standing.ts'
import type { Circle } from './told.ts'

/**
 * A correction may find that what was told as one outage belongs to another. Whoever was told of the first then counts as told of the
 * second: to them it is the same loss of supply, and a withdrawal followed by a new notice would contradict itself.
 */
export function moveBetweenOutages(standings: Map<OutageId, OutageStanding>): void {
  if (standings.size < 2) return
  for (const [id, standing] of standings) {
    const leaving = leftOver(standing)
    if (leaving.size === 0) continue
    for (const [otherId, other] of standings) {
      if (otherId === id || leaving.size === 0) continue
      const arrived = arrivedIn(other, leaving)
      if (arrived.size === 0) continue
      const from = standings.get(id) ?? standing
      const moved = part(from.told.circles, (group) => arrived.has(group))
      standings.set(id, {
        ...from,
        told: { ...from.told, circles: part(from.told.circles, (group) => !arrived.has(group)) },
      })
      standings.set(otherId, {
        ...other,
        told: { ...other.told, circles: [...other.told.circles, ...moved] },
      })
      for (const group of arrived) leaving.delete(group)
    }
  }
}

/** The groups that were told of this outage and are not in it any more. */
function leftOver({ facts, told }: OutageStanding): Set<GroupCode> {
  if (told.circles.length === 0) return new Set()
  const left = new Set(told.circles.flatMap((circle) => circle.members))
  for (const set of facts.sets) for (const group of set.members) left.delete(group)
  return left
}

function arrivedIn({ facts, told }: OutageStanding, leaving: Set<GroupCode>): Set<GroupCode> {
  const arrived = new Set<GroupCode>()
  for (const set of facts.sets) {
    for (const group of set.members) if (leaving.has(group)) arrived.add(group)
  }
  for (const circle of told.circles) for (const group of circle.members) arrived.delete(group)
  return arrived
}

function part(circles: readonly Circle[], keep: (group: GroupCode) => boolean): Circle[] {
  return circles
    .map((circle) => ({ ...circle, members: circle.members.filter(keep) }))
    .filter((circle) => circle.members.length > 0)
}
