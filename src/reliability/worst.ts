/** A feeder as it was in one period. */
export type FeederFigures = {
  readonly feeder: string | null
  readonly customersServed: number | null
  readonly ci: number
  readonly cmi: number
}

/** What feeders are ranked by: of their own customers (SAIFI, SAIDI), or what they add to the system (CI, CMI). */
export const WORST_ORDERS = ['cmi', 'ci', 'saidi', 'saifi'] as const
export type WorstOrder = (typeof WORST_ORDERS)[number]

export type WorstFeeder = FeederFigures & {
  readonly rank: number
  readonly saifi: number | null
  readonly saidiMin: number | null
  /** Of the system's CI and CMI; null where there was none. */
  readonly ciShare: number | null
  readonly cmiShare: number | null
  /** Its rank in the same period one year earlier, two years earlier, …; null where it had no interruption then. */
  readonly earlierRanks: readonly (number | null)[]
  /** Among the worst in this period and in at least one of those before. */
  readonly repeated: boolean
}

/** The worst first; those without an interruption, or whose figure nobody can know, have no rank and are not listed. */
export function worstFeeders(
  periods: readonly (readonly FeederFigures[])[],
  { order, worst }: { readonly order: WorstOrder; readonly worst: number },
): WorstFeeder[] {
  const [now = [], ...before] = periods.map((feeders) => ranked(feeders, order))
  const all = periods[0] ?? []
  const ci = all.reduce((sum, row) => sum + row.ci, 0)
  const cmi = all.reduce((sum, row) => sum + row.cmi, 0)
  const ranksBefore = before.map(
    (rows) => new Map(rows.map(({ feeder }, i) => [feeder, i + 1] as const)),
  )
  return now.map((row, i) => {
    const rank = i + 1
    const earlierRanks = ranksBefore.map((ranks) => ranks.get(row.feeder) ?? null)
    return {
      rank,
      ...row,
      saifi: over(row.ci, row.customersServed),
      saidiMin: over(row.cmi, row.customersServed),
      ciShare: over(row.ci, ci),
      cmiShare: over(row.cmi, cmi),
      earlierRanks,
      repeated:
        rank <= worst && earlierRanks.some((earlier) => earlier !== null && earlier <= worst),
    }
  })
}

function ranked(feeders: readonly FeederFigures[], order: WorstOrder): FeederFigures[] {
  const figure = (row: FeederFigures): number => {
    if (order === 'ci' || order === 'cmi') return row[order]
    return over(order === 'saifi' ? row.ci : row.cmi, row.customersServed) ?? 0
  }
  return feeders
    .filter((row) => row.feeder !== null && figure(row) > 0)
    .sort(
      (a, b) =>
        figure(b) - figure(a) || b.cmi - a.cmi || ((a.feeder ?? '') < (b.feeder ?? '') ? -1 : 1),
    )
}

const over = (value: number, by: number | null): number | null =>
  by === null || by <= 0 ? null : value / by
