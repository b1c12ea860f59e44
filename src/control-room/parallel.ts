import { energize } from '../grid/energization.ts'
import { NONE, type Network } from '../grid/network.ts'
import { feederName, pairOf, parallelsOf, type Parallel } from '../grid/parallel.ts'
import { composeParallel } from '../notices/parallel.ts'
import type { Draft } from '../notices/notice.ts'
import type { NoticeSettings } from '../notices/standing.ts'
import type { Database, Tx } from '../stores/database.ts'
import {
  clearParallel,
  lastTurnOf,
  openParallels,
  raiseParallel,
  type ParallelAlarm,
} from '../stores/parallels.ts'
import { MS_PER_MIN, type EpochMs } from '../time.ts'
import type { Memory } from './memory.ts'

/** Two feeders in parallel are normal during a transfer; for longer than this they are an alarm. */
export const PARALLEL_ALERT_MS = 15 * MS_PER_MIN

export type ParallelNews = {
  readonly drafts: readonly Draft[]
  readonly save: (tx: Tx) => Promise<void>
}

/** What time alone makes of feeders that run in parallel: alarms to be raised and cleared; undefined where there are none. */
export async function parallelsDue(
  db: Database,
  { ledger, room }: Memory,
  now: EpochMs,
  { alertMs, notices }: { readonly alertMs: number; readonly notices: NoticeSettings },
): Promise<ParallelNews | undefined> {
  const { network } = room
  const usual = usualPairs(network)
  const running = new Map<string, Parallel>()
  for (const parallel of parallelsOf(ledger.energization)) {
    const pair = pairOf(network, parallel)
    if (!usual.has(pair)) running.set(pair, parallel)
  }
  const open = await openParallels(db)
  const over = open.filter(({ pair }) => !running.has(pair))
  const known = new Set(open.map(({ pair }) => pair))
  const raised: Omit<ParallelAlarm, 'id'>[] = []
  for (const [pair, parallel] of running) {
    if (known.has(pair)) continue
    const switches = parallel.switches.map((device) => network.branchIds[device] as string)
    const sinceAt = (await lastTurnOf(db, switches)) ?? now
    if (now - sinceAt < alertMs) continue
    const feeders = parallel.feeders.flatMap((feeder) =>
      feeder === NONE ? [] : (feederName(network, feeder) ?? []),
    )
    const tie = network.branchIds[parallel.tie] as string
    raised.push({ pair, tie, feeders: [...new Set(feeders)], sinceAt, raisedAt: now })
  }
  if (raised.length + over.length === 0) return undefined
  const moment = { at: now, settings: notices }
  return {
    drafts: [
      ...raised.map((alarm) => composeParallel({ is: 'raised', ...alarm }, moment)),
      ...over.map((alarm) => composeParallel({ is: 'cleared', ...alarm }, moment)),
    ],
    save: async (tx) => {
      for (const { id } of over) await clearParallel(tx, id, now)
      for (const alarm of raised) await raiseParallel(tx, alarm)
    },
  }
}

const usual = new WeakMap<Network, ReadonlySet<string>>()

/** Pairs that run in parallel with every switch in its normal position: the network is built that way. */
function usualPairs(network: Network): ReadonlySet<string> {
  let pairs = usual.get(network)
  if (pairs === undefined) {
    pairs = new Set(parallelsOf(energize(network)).map((one) => pairOf(network, one)))
    usual.set(network, pairs)
  }
  return pairs
}
