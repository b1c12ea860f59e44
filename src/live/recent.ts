import type { Parcel } from './frames.ts'

/** What is kept in memory for those who come back: the last so many notices, and no more memberships than this in all (4 bytes each). */
export const RECENT_NOTICES_MAX = 20_000
export const RECENT_MEMBERSHIPS_MAX = 4_000_000

/** The end of the stream, so that ten thousand who come back at once do not each ask the database. */
export type Recent = {
  /** All notices after this number are here. */
  floor(): number
  push(parcel: Parcel): void
  /** In order: after `since`, up to and with `upTo`. */
  between(since: number, upTo: number): Iterable<Parcel>
}

/** `floor`: the number of the last notice that is *not* kept here. */
export function openRecent(floor: number): Recent {
  let parcels: Parcel[] = []
  let first = 0
  let memberships = 0
  let lastGone = floor

  function drop(): void {
    const gone = parcels[first] as Parcel
    lastGone = gone.seq
    memberships -= gone.members.length
    first++
    if (first > RECENT_NOTICES_MAX / 2) {
      parcels = parcels.slice(first)
      first = 0
    }
  }

  return {
    floor: () => lastGone,
    push(parcel) {
      parcels.push(parcel)
      memberships += parcel.members.length
      while (parcels.length - first > RECENT_NOTICES_MAX) drop()
      while (memberships > RECENT_MEMBERSHIPS_MAX && parcels.length - first > 1) drop()
    },
    *between(since, upTo) {
      const list = parcels
      let low = first
      let high = list.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((list[middle] as Parcel).seq <= since) low = middle + 1
        else high = middle
      }
      for (let i = low; i < list.length; i++) {
        const parcel = list[i] as Parcel
        if (parcel.seq > upTo) return
        yield parcel
      }
    },
  }
}
