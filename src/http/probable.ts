import { probableCauses, type ProbableOutage } from '../notices/common-device.ts'
import type { Probable } from '../notices/probable.ts'
import { readEvidence } from '../stores/evidence.ts'
import { MS_PER_S, toIso, type EpochMs } from '../time.ts'
import type { NetworkView } from './network-in-force.ts'
import type { App, HttpParts } from './parts.ts'
import { ProbableAnswer } from './probable-schemas.ts'

/** What meters and customers say is looked at this often at most, however many ask. */
export const PROBABLE_AGE_S = 5

export type ProbableView = {
  readonly at: EpochMs
  /** Load point by load point. */
  readonly probable: readonly Probable[]
  /** The same, drawn together under the switch that explains them. */
  readonly outages: readonly ProbableOutage[]
}

/** What evidence makes probable now; follows from the record alone, so that every process and every restart says the same. */
export function openProbable(
  parts: Pick<HttpParts, 'db' | 'clock' | 'network'>,
): () => Promise<ProbableView> {
  let view: ProbableView | undefined
  let looking: Promise<ProbableView> | undefined

  async function look(): Promise<ProbableView> {
    const at = parts.clock()
    const network = await parts.network.asItStands()
    if (network === null) return (view = { at, probable: [], outages: [] })
    const evidence = await readEvidence(parts.db, evidencedBy(network), at)
    return (view = { at, ...probableCauses(evidence, network.standing, at) })
  }

  return async () => {
    if (view !== undefined && parts.clock() - view.at < PROBABLE_AGE_S * MS_PER_S) return view
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }
}

export async function probableRoutes(app: App, look: () => Promise<ProbableView>): Promise<void> {
  app.get(
    '/api/v1/probable',
    {
      schema: {
        tags: ['dispatcher'],
        summary:
          'What meters and customers make probable and no switch has told: never an outage of the ledger, and in no index',
        response: { 200: ProbableAnswer },
      },
    },
    async () => {
      const { at, probable, outages } = await look()
      return {
        asOf: toIso(at),
        probable: probable.map(({ since, ...one }) => ({ ...one, since: toIso(since) })),
        outages: outages.map(({ since, ...one }) => ({ ...one, since: toIso(since) })),
      }
    },
  )
}

const evidencedBy = ({ network, tables, servicePointIndex, loadPointNumber }: NetworkView) => ({
  network,
  servicePoints: [...servicePointIndex.keys()],
  customersOf: (index: number) => tables.servicePoints[index]?.customers ?? 0,
  loadPointNumber,
})
