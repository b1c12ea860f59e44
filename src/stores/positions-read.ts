import { sql } from 'kysely'
import { at as phasesAt, type Network } from '../grid/network.ts'
import { ALL_PHASES } from '../grid/phases.ts'
import { closedNow, insertStatement, openHistory, type History } from '../ledger/positions.ts'
import type { EpochMs } from '../time.ts'
import { archivedRows } from './archive.ts'
import { instant, readingRecord, type Database } from './database.ts'
import { firstKeyAt, readSwitching, type ObservationRow } from './observation-row.ts'
import { checkpointBefore } from './outages.ts'

/**
 * Where the switches of a network stood at an instant, what was said at that very instant included, as the record has it by now: from the
 * last checkpoint on, and normal where nothing was ever said. The database looks through the words; only those are read that can matter,
 * which are the last about all phases of a switch and what came with it and after it.
 */
export async function positionsAt(
  db: Database,
  network: Network,
  at: EpochMs,
): Promise<Uint8Array> {
  const { checkpoint, words } = await readingRecord(db, async (record) => {
    const checkpoint = await checkpointBefore(record, at)
    const from = checkpoint?.at ?? 0
    const words = [
      ...(await archivedWords(record, from, at)),
      ...(await lastWords(record, from, at)),
    ]
    return { checkpoint, words }
  })
  const closed = network.switchNormal.slice()
  for (const [id, phases] of checkpoint?.positions ?? []) {
    const device = network.switchIndex.get(id)
    if (device !== undefined) closed[device] = phases & phasesAt(network.branchPhases, device)
  }
  const histories = new Map<number, History>()
  for (const row of words) {
    const device = network.switchIndex.get(row.point)
    if (device === undefined) continue
    let history = histories.get(device)
    if (history === undefined) {
      const phases = phasesAt(network.branchPhases, device)
      history = openHistory(phases, phasesAt(closed, device), true)
      histories.set(device, history)
    }
    insertStatement(history, row.counts, readSwitching(row))
  }
  for (const [device, history] of histories) closed[device] = closedNow(history)
  return closed
}

type Word = ObservationRow & { readonly counts: EpochMs }

async function archivedWords(record: Database, from: EpochMs, at: EpochMs): Promise<Word[]> {
  const words: Word[] = []
  const span = { low: firstKeyAt(from), high: firstKeyAt(at + 1) }
  for await (const rows of archivedRows(record, 'switching', span)) {
    for (const row of rows) if (row.quality !== 'bad') words.push({ ...row, counts: row.at })
  }
  return words
}

async function lastWords(record: Database, from: EpochMs, at: EpochMs): Promise<Word[]> {
  const { rows } = await sql<Word>`
    with said as (
      select *, at as counts from observation
      where key >= ${firstKeyAt(from)}::uuid and key < ${firstKeyAt(at + 1)}::uuid
        and kind in ('switch', 'manual') and quality <> 'bad' and not clamped
      union all
      select *, received_at as counts from observation
      where clamped and received_at >= ${instant(from)} and received_at <= ${instant(at)}
        and kind in ('switch', 'manual') and quality <> 'bad'
    ), whole as (
      select point, max(counts) as since from said where phases is null or phases = ${ALL_PHASES} group by point
    )
    select said.* from said left join whole using (point)
    where whole.since is null or said.counts >= whole.since
    order by said.counts, said.key`.execute(record)
  return rows
}
