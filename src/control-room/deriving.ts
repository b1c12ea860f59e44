import type { Logger } from 'pino'
import type { Transition } from '../ledger/facts.ts'
import { applyObservations, effectiveAt, missingFor, refill } from '../ledger/ledger.ts'
import type { Observation, SwitchObservation } from '../ledger/observation.ts'
import { closedNow } from '../ledger/positions.ts'
import type { LedgerSettings } from '../ledger/state.ts'
import type { Database } from '../stores/database.ts'
import { observationsOfSwitch } from '../stores/observations.ts'
import { dropCheckpointsAfter } from '../stores/outages.ts'
import { recorded, reopenLedger } from './from-record.ts'
import type { Memory, Recollection } from './memory.ts'
import type { Patience } from './patience.ts'
import { NO_CHANGE, type Piece } from './piece.ts'

/** What follows from the observations of a piece of work; reads the record first where memory does not reach. */
export type Derive = (piece: Piece) => Promise<Piece>

export function openDeriving(
  parts: {
    readonly db: Database
    readonly logger: Logger
    readonly settings: LedgerSettings
    /** Another network revision was found in force on the way. */
    readonly networkOpened: () => void
  },
  memory: Memory,
  recollection: Recollection,
  patience: Patience,
  settled: () => Promise<void>,
): Derive {
  const { db } = parts

  /** A retained message, or one that comes again, may be older than memory and yet no news: the record has it already. */
  async function withoutKnown(observations: readonly Observation[]): Promise<Observation[]> {
    await settled()
    const { ledger } = memory
    const older = observations.filter((said) => effectiveAt(ledger, said) < ledger.horizon)
    const known = await patience.retry('reading the record', () => recorded(db, older))
    return observations.filter((said) => !known.has(said))
  }

  /** Something is older than memory: all of it is judged again from an earlier checkpoint. */
  async function deriveFromRecord(piece: Piece): Promise<Piece> {
    await settled()
    const switching = piece.observations.filter((said) => said.kind !== 'meter')
    const oldest = Math.min(...switching.map((said) => effectiveAt(memory.ledger, said)))
    parts.logger.info({
      from: new Date(oldest).toISOString(),
      msg: 'a late word is judged from the record',
    })
    const reopened = await patience.retry('reading the record', () =>
      reopenLedger(db, parts.settings, oldest, switching),
    )
    if (reopened === undefined) return piece
    const isNew = reopened.room.revision !== memory.room.revision
    memory.ledger = reopened.ledger
    memory.room = reopened.room
    // The word was faster than the announcement of the network, which then finds nothing to do.
    if (isNew) parts.networkOpened()
    const changes = reopened.changes.map((change) => ({
      ...change,
      why: change.corrected ? switching : [],
    }))
    const recalled = await recollection.recall(changes.map((change) => change.after.id))
    return {
      ...piece,
      change: { ...NO_CHANGE, outages: changes, transitions: standingsAfter(memory, switching) },
      recalled,
      also: [...piece.also, (tx) => dropCheckpointsAfter(tx, oldest)],
    }
  }

  return async (piece) => {
    let { observations } = piece
    let missing = missingFor(memory.ledger, observations)
    if (missing.some((one) => one.what === 'horizon')) {
      observations = await withoutKnown(observations)
      missing = missingFor(memory.ledger, observations)
      if (missing.some((one) => one.what === 'horizon')) {
        return deriveFromRecord({ ...piece, observations })
      }
    }
    for (const one of missing) {
      if (one.what !== 'repeats') continue
      await settled()
      const read = await patience.retry('reading the record', () =>
        observationsOfSwitch(db, one.switch, one.after, one.before),
      )
      refill(memory.ledger, one, read)
    }
    // The observations of one batch are one set: their order in it means nothing.
    if (observations.length > 1) observations = observations.toSorted((a, b) => a.at - b.at)
    return { ...piece, observations, change: applyObservations(memory.ledger, observations) }
  }
}

/** Where the switches of some words stand after all that is known. */
function standingsAfter(
  { room, ledger }: Memory,
  said: readonly SwitchObservation[],
): Transition[] {
  const standings: Transition[] = []
  for (const one of new Map(said.map((word) => [word.point, word])).values()) {
    const device = room.network.switchIndex.get(one.point)
    const history = device === undefined ? undefined : ledger.histories.get(device)
    if (history === undefined) continue
    // A network that came into force since knows where it stands, but not who said it.
    const last = history.statements.at(-1)
    const { gateway, reason } = last?.observation ?? one
    const when = last?.at ?? effectiveAt(ledger, one)
    const closedPhases = closedNow(history)
    standings.push({ switch: one.point, closedPhases, at: when, gateway, reason })
  }
  return standings
}
