import { MS_PER_S, type EpochMs } from '../time.ts'
import type { Channel, ChannelName, Parcel, Sent } from './channel.ts'

/** What the worker asks of the durable outbox; the store fulfils it. */
export type OutboxPort = {
  /** Puts out what is new in the committed stream. */
  spread(now: EpochMs): Promise<number>
  /** Takes at most `limit` parcels that are due, none of which waits for an earlier one of its recipient and outage. */
  take(now: EpochMs, limit: number): Promise<Taken[]>
  sent(id: string, receipt: string | null, now: EpochMs): Promise<void>
  later(id: string, says: string, nextAt: EpochMs): Promise<void>
  dead(id: string, says: string, now: EpochMs): Promise<void>
}

/** `attempt`: the how-manieth this is, from 1. */
export type Taken = { readonly parcel: Parcel; readonly attempt: number }

export const BATCH = 200
/** Sent at once; a slow receiver holds up only its own. */
export const AT_ONCE = 16
export const ATTEMPTS_MAX = 12
export const FIRST_WAIT_S = 15
export const WAIT_MAX_S = 3600

export type Delivered = { sent: number; later: number; dead: number }

/**
 * Sends what is due, until nothing is. At least once: what was taken and not confirmed (a crash) is due again after its lease. Returns
 * what became of it.
 */
export async function deliverDue(
  outbox: OutboxPort,
  channels: ReadonlyMap<ChannelName, Channel>,
  now: EpochMs,
): Promise<Delivered> {
  const delivered: Delivered = { sent: 0, later: 0, dead: 0 }
  await outbox.spread(now)
  for (;;) {
    const taken = await outbox.take(now, BATCH)
    if (taken.length === 0) return delivered
    const queue = taken.values()
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, taken.length) }, async () => {
        for (const one of queue) await deliver(outbox, channels, one, now, delivered)
      }),
    )
  }
}

async function deliver(
  outbox: OutboxPort,
  channels: ReadonlyMap<ChannelName, Channel>,
  { parcel, attempt }: Taken,
  now: EpochMs,
  delivered: Delivered,
): Promise<void> {
  const channel = channels.get(parcel.channel)
  const answer: Sent =
    channel === undefined
      ? { outcome: 'refused', says: `no ${parcel.channel} is set up` }
      : await channel.send(parcel)
  // Receivers like to repeat the address; what staff see of a delivery names nobody.
  const says = (refusal: { says: string }) => refusal.says.replaceAll(parcel.address, '(address)')
  switch (answer.outcome) {
    case 'sent':
      delivered.sent += 1
      return outbox.sent(parcel.id, answer.receipt, now)
    case 'refused':
      delivered.dead += 1
      return outbox.dead(parcel.id, says(answer), now)
    case 'later':
      if (attempt >= ATTEMPTS_MAX) {
        delivered.dead += 1
        return outbox.dead(parcel.id, `${says(answer)} (${attempt} attempts)`, now)
      }
      delivered.later += 1
      return outbox.later(parcel.id, says(answer), now + waitS(attempt, answer.afterS) * MS_PER_S)
  }
}

/** Doubling from attempt to attempt, up to a cap; longer where the receiver asked for it, but never beyond the cap. */
export function waitS(attempt: number, askedS: number | null): number {
  return Math.min(WAIT_MAX_S, Math.max(FIRST_WAIT_S * 2 ** (attempt - 1), askedS ?? 0))
}
