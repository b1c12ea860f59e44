import { predictInTurns, type Prediction, type PredictionOptions } from '../reliability/predict.ts'
import type { NetworkView } from './network-in-force.ts'

/** Predictions of one network that are kept; a planner tries a handful of cases. */
const KEPT_MAX = 20

/**
 * Predictions, each reckoned a piece at a time with `turn` between two, in which others are answered. The same network under the same
 * options is reckoned once, however many ask while it is.
 */
export function openPredictions(
  turn: () => Promise<void>,
): (
  view: Pick<NetworkView, 'revision' | 'network' | 'tables'>,
  options: PredictionOptions,
) => Promise<Prediction> {
  let revision = -1
  const kept = new Map<string, Promise<Prediction>>()
  return (view, options) => {
    if (view.revision !== revision) kept.clear()
    revision = view.revision
    const key = JSON.stringify(options)
    const known = kept.get(key)
    if (known !== undefined) return known
    const [oldest] = kept.keys()
    if (kept.size >= KEPT_MAX && oldest !== undefined) kept.delete(oldest)
    const found = inTurns(predictInTurns(view.network, view.tables, options), turn)
    kept.set(key, found)
    // What failed is tried again by whoever asks next.
    found.catch(() => kept.get(key) === found && kept.delete(key))
    return found
  }
}

async function inTurns<T>(turns: Generator<undefined, T>, turn: () => Promise<void>): Promise<T> {
  for (;;) {
    const next = turns.next()
    if (next.done === true) return next.value
    await turn()
  }
}
