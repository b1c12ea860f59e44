import type { Logger } from 'pino'
import type { OutageChange, OutageId } from '../ledger/facts.ts'
import { effectiveAt } from '../ledger/ledger.ts'
import type { Observation } from '../ledger/observation.ts'
import { composeNotices } from '../notices/compose.ts'
import type { Notice } from '../notices/notice.ts'
import type { NoticeSettings } from '../notices/standing.ts'
import { localDayOf } from '../reliability/calendar.ts'
import { toWriteAudit } from '../stores/accounts.ts'
import {
  toSaveBoard,
  toSaveGatewayStates,
  toSaveHeard,
  toSaveOutageEvents,
  type BoardRow,
} from '../stores/board.ts'
import type { Database, Tx } from '../stores/database.ts'
import { isSaved, writesSoFar } from '../stores/engine-lock.ts'
import { saveLoads } from '../stores/loads.ts'
import { lastNoticeSeq, toAppendNotices } from '../stores/notices.ts'
import { toSaveObservations } from '../stores/observations.ts'
import { toSaveCorrections, toSaveOutages, toSaveTransitions } from '../stores/outages.ts'
import { runIn, type Statement } from '../stores/statement.ts'
import type { Writer } from '../stores/writer.ts'
import { MS_PER_S, type EpochMs } from '../time.ts'
import { entryFor, rowOf, standingOf } from './board.ts'
import type { Deadlines } from './deadlines.ts'
import { renewalOf } from '../notices/etr.ts'
import { ESTIMATE_AFTER_S, learn } from './estimates.ts'
import { changedBefore, type Memory, type Recollection } from './memory.ts'
import type { EngineMetrics } from './metrics.ts'
import type { Patience } from './patience.ts'
import type { Piece } from './piece.ts'
import { natureOf } from './works.ts'

export type SavingParts = {
  readonly db: Database
  readonly logger: Logger
  readonly metrics: EngineMetrics
  readonly notices: NoticeSettings
  readonly writer: Writer
  /** As `EngineLock.fence`. */
  readonly fence: (write: number) => Statement
  /** Notices up to a number are committed. */
  readonly tell: (upTo: number, notices: readonly Notice[]) => void
  /** These outages changed, and the change is committed. */
  readonly changed: (outages: readonly OutageId[]) => void
}

/** The way into the record. What is committed here is told afterwards, and never before. */
export type Saving = {
  /** Saves a piece, and answers when it is saved and told. Throws what the database refuses for good. */
  commit(piece: Piece): Promise<void>
  /** Saves a piece while the next one may already be derived; `saved` is called when it is saved and told. */
  commitAhead(piece: Piece, saved: () => Promise<void>): Promise<void>
  /** Everything that was derived is committed. Throws where the service was closed before it could be. */
  settled(): Promise<void>
  /** Forgets a commit that failed: memory is about to be opened again from the record. */
  abandon(): void
  /** Another write of the one writer, fenced like a piece. */
  write(what: string, statements: readonly Statement[]): Promise<void>
}

export async function openSaving(
  parts: SavingParts,
  memory: Memory,
  recollection: Recollection,
  deadlines: Deadlines,
  patience: Patience,
): Promise<Saving> {
  const { db, logger, metrics } = parts
  const localDay = (at: EpochMs) => localDayOf(at, parts.notices.timeZone)
  const isClamped = (said: Observation) => effectiveAt(memory.ledger, said) !== said.at
  let lastSeq = await lastNoticeSeq(db)
  /** Number of the last write; see `EngineLock.fence`. */
  let writes = await writesSoFar(db)
  /** The commit that is under way while the next batch is already derived; `settled` waits for it. */
  let saving: Promise<void> = Promise.resolve()

  /** `also` has to see answers in between: then each statement is waited for. */
  async function write(
    what: string,
    statements: readonly Statement[],
    also: readonly ((tx: Tx) => Promise<void>)[] = [],
    sent?: () => void,
  ): Promise<void> {
    const fenced = [parts.fence(++writes), ...statements]
    const attempt = (): Promise<void> => {
      if (also.length === 0) return parts.writer.transact(fenced, sent)
      sent?.()
      return db.transaction().execute(async (tx) => {
        await runIn(tx, fenced)
        for (const one of also) await one(tx)
      })
    }
    await patience.retry(what, () =>
      attempt().catch((error: unknown) => {
        if (!isSaved(error)) throw error
      }),
    )
  }

  /** Open outages since the start, and how many others were open when each began: how much there was for the crews to do. */
  const begunAmong = new Map<OutageId, number>()

  /** Derives what is to be told, and answers with what saves the piece and then tells it. In the order of preparing they are to be saved. */
  function prepare(piece: Piece): (sent?: () => void) => Promise<void> {
    const { at, change } = piece
    const { board, ledger } = memory
    const fresh = new Map(change.outages.map(({ after }) => [after.id, after]))
    for (const [id, facts] of piece.recalled) if (!fresh.has(id)) fresh.set(id, facts)
    for (const [id, entry] of piece.entries) board.set(id, entry)
    explainByWorks(memory, change.outages)
    const composed = composeNotices({
      changes: change.outages,
      desk: piece.desk,
      due: piece.due.filter(
        (id) => standingOf(ledger, board, memory.storms, id, fresh) !== undefined,
      ),
      board: (id) => {
        const standing = standingOf(ledger, board, memory.storms, id, fresh)
        if (standing === undefined) throw new Error(`outage ${id} is not known`)
        return standing
      },
      at,
      settings: parts.notices,
    })
    for (const [id, told] of composed.told) entryFor(board, id).told = told
    reopenClosed(memory, change.outages)
    const notices = [...piece.drafts, ...composed.drafts].map((draft): Notice => ({
      ...draft,
      seq: ++lastSeq,
    }))
    const row = (id: OutageId): BoardRow => rowOf(id, entryFor(board, id))
    const changed = new Set(change.outages.map(({ after }) => after.id))
    const beside = new Set([...piece.entries.keys(), ...composed.told.keys()])
    const statements = [
      ...toSaveObservations(piece.observations, isClamped),
      ...toSaveGatewayStates(piece.states),
      ...toSaveHeard(piece.heard),
      ...toSaveTransitions(change.transitions),
      ...toSaveOutages(change.outages, {
        at,
        localDay,
        board: row,
      }),
      ...toSaveCorrections(change.outages, at),
      ...toSaveBoard(
        [...beside]
          .filter((id) => !changed.has(id))
          .map((id) => ({ ...row(id), raise: piece.entries.has(id) })),
        at,
      ),
      ...toSaveOutageEvents(piece.events),
      ...piece.audits.map(toWriteAudit),
      ...toAppendNotices(notices),
    ]
    const { loads } = piece
    const also = [...piece.also]
    if (loads.length > 0) also.push(async (tx) => void (await saveLoads(tx, loads)))
    return async (sent) => {
      await write('saving', statements, also, sent)
      tellOutside(piece, notices, composed.holds)
    }
  }

  /** Everything is committed: now it may be known. */
  function tellOutside(
    piece: Piece,
    notices: readonly Notice[],
    composedHolds: readonly { outage: OutageId; due: EpochMs }[],
  ): void {
    const { change } = piece
    const { holds, estimates } = deadlines
    const touched = new Set([
      ...change.outages.map(({ after }) => after.id),
      ...piece.entries.keys(),
    ])
    for (const id of [...piece.due, ...touched]) holds.delete(id)
    for (const { outage, due } of composedHolds) holds.set(outage, due)
    for (const { before, after, corrected } of change.outages) {
      const entry = entryFor(memory.board, after.id)
      if (corrected) metrics.corrections.inc()
      if (after.restoredAt === null) {
        if (before === null) begunAmong.set(after.id, begunAmong.size)
        if (before === null && entry.etr === null) {
          estimates.set(after.id, piece.at + ESTIMATE_AFTER_S * MS_PER_S)
        }
      } else {
        estimates.delete(after.id)
        // What is part of another outage now taught nothing by its end.
        if (before?.restoredAt === null && after.sets.length > 0) {
          learn(memory.experience, memory.room, after, entry.cause, begunAmong.get(after.id) ?? 0)
          begunAmong.delete(after.id)
        }
      }
    }
    for (const id of piece.entries.keys()) {
      const { etr } = entryFor(memory.board, id)
      const renewAt = etr === null ? null : renewalOf(etr)
      if (renewAt !== null) estimates.set(id, renewAt)
    }
    for (const { gateway, point, seq } of change.conflicts) {
      metrics.conflicts.inc()
      logger.warn({ gateway, point, seq, msg: 'conflict' })
    }
    const last = notices.at(-1)
    if (last !== undefined) parts.tell(last.seq, notices)
    if (touched.size > 0) parts.changed([...touched])
    if (composedHolds.length > 0 || change.outages.length > 0) deadlines.set()
  }

  const settled = (): Promise<void> => saving

  return {
    async commit(piece) {
      await settled()
      await recollection.bringBack(changedBefore(piece.change))
      await prepare(piece)()
    },
    async commitAhead(piece, saved) {
      await recollection.bringBack(changedBefore(piece.change))
      const save = prepare(piece)
      await settled()
      await new Promise<void>((goOn) => {
        saving = save(goOn).then(saved)
        // Whoever waits for it hears of the failure.
        saving.then(goOn, goOn)
      })
    },
    settled,
    abandon: () => void (saving = Promise.resolve()),
    write,
  }
}

/** What approved work explains is planned, with its reason; its customers were told before. */
function explainByWorks(memory: Memory, changes: readonly OutageChange[]): void {
  for (const { before, after } of changes) {
    if (before !== null && before.anchorAt === after.anchorAt) continue
    const nature = natureOf(memory.works, memory.ledger, after)
    if (nature === null) continue
    const entry = entryFor(memory.board, after.id)
    entry.planned = nature.nature === 'planned'
    entry.cause ??= nature.cause
  }
}

/** Who was out again after it was closed, or whose past was told anew, is open to people again. */
function reopenClosed(memory: Memory, changes: readonly OutageChange[]): void {
  for (const { after } of changes) {
    if (after.restoredAt === null) entryFor(memory.board, after.id).closedAt = null
  }
}
