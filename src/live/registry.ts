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
  readersOf(parcel: Parcel): readonly Session[]
}

export function openRegistry(): Registry {
  const whole = {
    outages: new Set<Subscription>(),
    load: new Set<Subscription>(),
    public: new Set<Subscription>(),
  }
  const feeders = new Map<string, Readers>()
  const groups = new Map<GroupCode, Readers>()

  function add(subscription: Subscription): void {
    const { topic, group } = subscription
    if (topic.kind === 'feeder') addAmong(feeders, topic.id, subscription)
    else if (topic.kind !== 'servicePoint') whole[topic.kind].add(subscription)
    else if (group !== null) addAmong(groups, group, subscription)
  }

  function remove(subscription: Subscription): void {
    const { topic, group } = subscription
    if (topic.kind === 'feeder') removeAmong(feeders, topic.id, subscription)
    else if (topic.kind !== 'servicePoint') whole[topic.kind].delete(subscription)
    else if (group !== null) removeAmong(groups, group, subscription)
  }

  const nobody = (audience: Parcel['audience']): boolean =>
    audience === 'staff'
      ? whole.outages.size === 0 && feeders.size === 0
      : audience === 'customer'
        ? groups.size === 0
        : whole[audience].size === 0

  return {
    add,
    remove,
    regroup(subscription, group) {
      if (subscription.group === group) return
      remove(subscription)
      subscription.group = group
      add(subscription)
    },
    readersOf(parcel) {
      // In a burst most is said while nobody listens to it.
      if (nobody(parcel.audience)) return NOBODY
      const readers: Session[] = []
      const hearOne = (subscription: Subscription): void => {
        // A reader who came from a gateway that was ahead of this one has had it already.
        if (subscription.fromSeq >= parcel.seq) return
        const { session, topic } = subscription
        if (parcel.points !== undefined && !isAmong(parcel.points, topic)) return
        if (session.hits === NO_HITS) {
          readers.push(session)
          session.hits = [subscription]
        } else session.hits.push(subscription)
      }
      const hear = (some: Readers | undefined): void => {
        if (some instanceof Set) for (const subscription of some) hearOne(subscription)
        else if (some !== undefined) hearOne(some)
      }
      switch (parcel.audience) {
        case 'staff':
          for (const feeder of parcel.feeders) hear(feeders.get(feeder))
          hear(whole.outages)
          break
        case 'customer':
          for (const group of parcel.members) hear(groups.get(group))
          break
        case 'public':
          hear(whole.public)
          break
        case 'load':
          hear(whole.load)
          break
      }
      return readers
    },
  }
}

const isAmong = (points: ReadonlySet<string>, topic: Subscription['topic']): boolean =>
  topic.kind === 'servicePoint' && points.has(topic.id)

const NOBODY: readonly Session[] = []

/** Most supplies have one reader at most, and need no set for it. */
type Readers = Subscription | Set<Subscription>

function addAmong<K>(map: Map<K, Readers>, key: K, subscription: Subscription): void {
  const some = map.get(key)
  if (some instanceof Set) some.add(subscription)
  else map.set(key, some === undefined ? subscription : new Set([some, subscription]))
}

function removeAmong<K>(map: Map<K, Readers>, key: K, subscription: Subscription): void {
  const some = map.get(key)
  if (some instanceof Set) some.delete(subscription)
  if (some === subscription || (some instanceof Set && some.size === 0)) map.delete(key)
}
