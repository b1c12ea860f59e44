import {
  probableOutages,
  WORDS_KEPT_H,
  type EvidencedLoadPoint,
  type Probable,
} from '../notices/probable.ts'
import { readLastWords, readSupplySince } from '../stores/evidence.ts'
import { loadPointOf } from '../ledger/facts.ts'
import { MS_PER_H, MS_PER_S, toIso, type EpochMs } from '../time.ts'
import type { App, HttpParts } from './parts.ts'

/** What meters and customers say is looked at this often at most, however many ask. */
export const PROBABLE_AGE_S = 5

export type ProbableView = { readonly at: EpochMs; readonly outages: readonly Probable[] }

/** What evidence makes probable now; follows from the record alone, so that every process and every restart says the same. */
export function openProbable(
  parts: Pick<HttpParts, 'db' | 'clock' | 'network'>,
): () => Promise<ProbableView> {
  let view: ProbableView | undefined
  let looking: Promise<ProbableView> | undefined

  async function look(): Promise<ProbableView> {
    const now = parts.clock()
    const since = now - WORDS_KEPT_H * MS_PER_H
    const network = parts.network.current()
    const words = network === null ? new Map() : await readLastWords(parts.db, since)
    if (network === null || words.size === 0) return (view = { at: now, outages: [] })
    const { out, backAt } = await readSupplySince(parts.db, since)
    const places = new Map<
      number,
      EvidencedLoadPoint & { points: EvidencedLoadPoint['points'][number][] }
    >()
    const spokenOf = new Set<number>()
    for (const point of words.keys()) {
      const group = network.groupOf(point)
      if (group !== null) spokenOf.add(loadPointOf(group))
    }
    for (const { id, node, customers } of network.tables.servicePoints) {
      const group = network.groupOf(id)
      if (group === null || !spokenOf.has(loadPointOf(group))) continue
      const key = loadPointOf(group)
      let place = places.get(key)
      if (place === undefined) places.set(key, (place = { loadPoint: node, points: [] }))
      place.points.push({
        id,
        customers,
        word: words.get(id),
        isKnownOut: out.has(group),
        backAt: backAt.get(group) ?? null,
      })
    }
    return (view = { at: now, outages: probableOutages([...places.values()], now) })
  }

  return async () => {
    if (view !== undefined && parts.clock() - view.at < PROBABLE_AGE_S * MS_PER_S) return view
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }
}

export async function probableRoutes(
  app: App,
  probable: () => Promise<ProbableView>,
): Promise<void> {
  app.get(
    '/api/v1/probable',
    {
      schema: {
        tags: ['dispatcher'],
        summary:
          'What meters and customers make probable and no switch has told: never an outage of the ledger, and in no index',
      },
    },
    async () => {
      const { at, outages } = await probable()
      return {
        asOf: toIso(at),
        probable: outages.map(({ since, ...one }) => ({ ...one, since: toIso(since) })),
      }
    },
  )
}
