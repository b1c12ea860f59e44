import type { GroupCode } from '../ledger/facts.ts'
import type { Parcel } from './frames.ts'
import { NO_HITS, type Session, type Subscription } from './session.ts'

/** Who listens to what. Finding the readers of a notice costs what the notice concerns, not how many are connected. */
export type Registry = {
  add(subscription: Subscription): void
  remove(subscription: Subscription): void
  /** Moves a subscription to another supply group, when the network has changed. */
  regroup(subscription: Subscription, group: GroupCode | null): void
  /** The sessions that a notice concerns, each once, with `session.hits` saying through which subscriptions. */
  readersOf(parcel: Parcel): Session[]
}

export function openRegistry(): Registry {
  const outages = new Set<Subscription>()
  const load = new Set<Subscription>()
  const everyone = new Set<Subscription>()
  const feeders = new Map<string, Set<Subscription>>()
  const groups = new Map<GroupCode, Set<Subscription>>()

  function setOf({ topic, group }: Subscription, make: boolean): Set<Subscription> | undefined {
    switch (topic.kind) {
      case 'outages':
        return outages
      case 'load':
        return load
      case 'public':
        return everyone
      case 'feeder':
        return among(feeders, topic.id, make)
      case 'servicePoint':
        return group === null ? undefined : among(groups, group, make)
    }
  }

  function remove(subscription: Subscription): void {
    const { topic, group } = subscription
    const set = setOf(subscription, false)
    set?.delete(subscription)
    if (set === undefined || set.size > 0) return
    if (topic.kind === 'feeder') feeders.delete(topic.id)
    if (topic.kind === 'servicePoint' && group !== null) groups.delete(group)
  }

  return {
    add: (subscription) => void setOf(subscription, true)?.add(subscription),
    remove,
    regroup(subscription, group) {
      if (subscription.group === group) return
      remove(subscription)
      subscription.group = group
      setOf(subscription, true)?.add(subscription)
    },
    readersOf(parcel) {
      const readers: Session[] = []
      const hear = (set: ReadonlySet<Subscription> | undefined): void => {
        if (set === undefined) return
        for (const subscription of set) {
          // A reader who came from a gateway that was ahead of this one has had it already.
          if (subscription.fromSeq >= parcel.seq) continue
          const { session } = subscription
          if (session.hits === NO_HITS) {
            readers.push(session)
            session.hits = [subscription]
          } else session.hits.push(subscription)
        }
      }
      switch (parcel.audience) {
        case 'staff':
          for (const feeder of parcel.feeders) hear(feeders.get(feeder))
          hear(outages)
          break
        case 'customer':
          for (const group of parcel.members) hear(groups.get(group))
          break
        case 'public':
          hear(everyone)
          break
        case 'load':
          hear(load)
          break
      }
      return readers
    },
  }
}

function among<K>(
  map: Map<K, Set<Subscription>>,
  key: K,
  make: boolean,
): Set<Subscription> | undefined {
  let set = map.get(key)
  if (set === undefined && make) {
    set = new Set()
    map.set(key, set)
  }
  return set
}
