import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { MS_PER_S } from '../time.ts'
import type { Channel, ChannelName } from './channel.ts'
import { deliverDue, type OutboxPort } from './deliver.ts'

/** How often the outbox is looked at when nobody says that there is something in it. */
export const LOOK_EVERY_S = 5

export type Deliverer = {
  /** Something was committed: look now rather than later. */
  wake(): void
  /** Finishes what is being sent, and stops. */
  close(): Promise<void>
}

/** Sends what is due, one round at a time. A database that is away is tried again at the next look. */
export function openDeliverer(parts: {
  readonly outbox: OutboxPort
  readonly channels: readonly Channel[]
  readonly clock: Clock
  readonly logger: Logger
}): Deliverer {
  const { outbox, clock, logger } = parts
  const channels = new Map<ChannelName, Channel>(parts.channels.map((one) => [one.name, one]))
  let running: Promise<void> | undefined
  let again = false
  let closed = false

  async function rounds(): Promise<void> {
    for (;;) {
      again = false
      try {
        const delivered = await deliverDue(outbox, channels, clock())
        if (delivered.dead > 0) logger.warn({ ...delivered, msg: 'deliveries given up' })
      } catch (error) {
        logger.warn({ err: error, msg: 'the outbox cannot be read' })
      }
      if (!again || closed) return
    }
  }

  function wake(): void {
    if (closed) return
    if (running !== undefined) {
      again = true
      return
    }
    running = rounds().finally(() => {
      running = undefined
    })
  }

  const timer = setInterval(wake, LOOK_EVERY_S * MS_PER_S)
  timer.unref()
  wake()
  return {
    wake,
    async close() {
      closed = true
      clearInterval(timer)
      await running
      for (const channel of channels.values()) channel.close()
    },
  }
}
