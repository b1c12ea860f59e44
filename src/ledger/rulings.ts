import type { EpochMs } from '../time.ts'

/** A switching event as people point at it: the switch (null: a new network revision), and about when it first opened. */
export type EventName = { readonly device: string | null; readonly at: EpochMs }

/** What a dispatcher ruled about which interruptions are one outage. */
export type Ruling =
  /** Two events are one outage. */
  | { readonly rules: 'joint'; readonly event: EventName; readonly other: EventName }
  /** A former joint of these two holds no more. */
  | { readonly rules: 'apart'; readonly event: EventName; readonly other: EventName }
  /** Openings of a switch before an instant, and from it on, are not one outage. */
  | { readonly rules: 'boundary'; readonly event: EventName }

/** What holds after all that was ruled. */
export type Rulings = {
  readonly joints: readonly Joint[]
  readonly boundaries: readonly EventName[]
}

export type Joint = { readonly event: EventName; readonly other: EventName }

export const NO_RULINGS: Rulings = { joints: [], boundaries: [] }

/** In the order in which they were ruled. */
export function rulingsFrom(said: readonly Ruling[], before: Rulings = NO_RULINGS): Rulings {
  let joints = [...before.joints]
  const boundaries = [...before.boundaries]
  for (const ruling of said) {
    switch (ruling.rules) {
      case 'joint':
        joints.push({ event: ruling.event, other: ruling.other })
        break
      case 'apart':
        joints = joints.filter(
          ({ event, other }) => !(isSame(event, ruling.event) && isSame(other, ruling.other)),
        )
        break
      case 'boundary':
        boundaries.push(ruling.event)
        break
    }
  }
  return { joints, boundaries }
}

const isSame = (a: EventName, b: EventName): boolean => a.device === b.device && a.at === b.at

/** Those that can still say something about events from an instant on. */
export function rulingsSince({ joints, boundaries }: Rulings, from: EpochMs): Rulings {
  if (joints.length === 0 && boundaries.length === 0) return NO_RULINGS
  return {
    joints: joints.filter(({ event, other }) => Math.max(event.at, other.at) >= from),
    boundaries: boundaries.filter(({ at }) => at >= from),
  }
}
