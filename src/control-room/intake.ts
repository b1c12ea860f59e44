import type { Logger } from 'pino'
import { decode, type RefusalReason } from '../feeds/decode.ts'
import type { FieldMessage } from '../feeds/feed.ts'
import { at } from '../grid/network.ts'
import { formatPhases, NO_PHASES } from '../grid/phases.ts'
import type { GatewayState, LoadReading, Observation } from '../ledger/observation.ts'
import { MS_PER_S, type EpochMs } from '../time.ts'
import type { EngineMetrics } from './metrics.ts'
import type { NetworkRoom } from './network-room.ts'
import { nothingAt, type Piece } from './piece.ts'

/** How often "I heard from this gateway" is written. */
const HEARD_EVERY_MS = 5 * MS_PER_S
/** Refusals written to the log, per reason and minute. */
const REFUSALS_LOGGED_MAX = 5

/** Reasons of the broker, before a message is one: what has no right to be there, and what is larger than any message. */
export type DoorRefusal =
  'connect-denied' | 'publish-denied' | 'subscribe-denied' | 'packet-too-large'

export type Taken = { readonly message: FieldMessage; readonly receivedAt: EpochMs }

/** Where the field's messages become words that the ledger can judge. */
export type Intake = {
  refuse(reason: RefusalReason | DoorRefusal | 'unknown-id', topic: string, detail: string): void
  /** What some messages say, as a piece from which nothing follows yet. */
  read(taken: readonly Taken[], room: NetworkRoom, now: EpochMs): Piece
  /** These were committed. */
  count(piece: Piece): void
  /** A minute has passed: refusals are logged again. */
  logAgain(): void
}

export function openIntake(logger: Logger, metrics: EngineMetrics): Intake {
  const heard = new Map<string, EpochMs>()
  let heardSavedAt = 0
  const refusalsLogged = new Map<string, number>()

  const refuse: Intake['refuse'] = (reason, topic, detail) => {
    metrics.refused.inc({ reason })
    const logged = refusalsLogged.get(reason) ?? 0
    refusalsLogged.set(reason, logged + 1)
    if (logged < REFUSALS_LOGGED_MAX) {
      logger.warn({
        topic: topic.slice(0, 200),
        reason,
        detail: detail.slice(0, 200),
        msg: 'report refused',
      })
    }
  }

  function heardToSave(now: EpochMs): Map<string, EpochMs> {
    if (heard.size === 0 || now - heardSavedAt < HEARD_EVERY_MS) return new Map()
    heardSavedAt = now
    const saved = new Map(heard)
    heard.clear()
    return saved
  }

  return {
    refuse,
    read(taken, room, now) {
      const observations: Observation[] = []
      const loads: LoadReading[] = []
      const states: GatewayState[] = []
      for (const { message, receivedAt } of taken) {
        const { reports, refused } = decode(message.topic, message.payload, receivedAt)
        for (const { reason, detail } of refused) refuse(reason, message.topic, detail)
        for (const report of reports) {
          heard.set(report.gateway, receivedAt)
          switch (report.kind) {
            case 'state':
              states.push(report)
              break
            case 'load':
              if (room.loadIds.has(report.point)) loads.push(report)
              else refuse('unknown-id', message.topic, report.point)
              break
            case 'meter':
              if (room.servicePoints.has(report.point)) observations.push(report)
              else refuse('unknown-id', message.topic, report.point)
              break
            case 'switch':
            case 'manual': {
              const device = room.network.switchIndex.get(report.point)
              if (device === undefined) {
                refuse('unknown-id', message.topic, report.point)
                break
              }
              const has = at(room.network.branchPhases, device)
              const strange = report.phases === null ? NO_PHASES : report.phases & ~has
              if (strange !== NO_PHASES) {
                // What it says of the phases that it has is still worth knowing.
                const says = `${report.point} has the phases ${formatPhases(has)}, not ${formatPhases(strange)}`
                refuse('bad-phases', message.topic, says)
              }
              if (report.phases === null || (report.phases & has) !== NO_PHASES)
                observations.push(
                  strange === NO_PHASES
                    ? report
                    : { ...report, phases: (report.phases ?? 0) & has },
                )
              break
            }
          }
        }
      }
      return { ...nothingAt(now), observations, loads, states, heard: heardToSave(now) }
    },
    count({ observations, loads }) {
      const byKind = { switch: 0, manual: 0, meter: 0, load: loads.length }
      for (const { kind } of observations) byKind[kind]++
      for (const [kind, many] of Object.entries(byKind)) {
        if (many > 0) metrics.observations.inc({ kind }, many)
      }
    },
    logAgain: () => refusalsLogged.clear(),
  }
}
