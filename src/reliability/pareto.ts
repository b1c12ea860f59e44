import { categoryOf, causeOf, DLT_CAUSES, treeCauseOf } from './causes.ts'
import type { Words } from './rule-words.ts'

/** Causes by their own code, by category of IEEE Std 1782, or by responsible cause of DL/T 836. */
export const CAUSE_LEVELS = ['category', 'cause', 'dlt'] as const
export type CauseLevel = (typeof CAUSE_LEVELS)[number]

/** What a Pareto is in the order of: outages, customer interruptions, or customer-minutes. */
export const PARETO_ORDERS = ['cmi', 'ci', 'outages'] as const
export type ParetoOrder = (typeof PARETO_ORDERS)[number]

export type ParetoRow = {
  readonly group: string | null
  readonly outages: number
  readonly ci: number
  readonly cmi: number
  /** Of all, in the order of the list; null where there is nothing to share. */
  readonly share: number | null
  readonly cumulativeShare: number | null
}

/** The largest first, with what each adds to the whole. The last cumulative share is 1. */
export function pareto(
  groups: readonly Omit<ParetoRow, 'share' | 'cumulativeShare'>[],
  order: ParetoOrder,
): ParetoRow[] {
  const ranked = [...groups].sort(
    (a, b) =>
      b[order] - a[order] || b.cmi - a.cmi || b.ci - a.ci || compare(a.group ?? '', b.group ?? ''),
  )
  const total = ranked.reduce((sum, row) => sum + row[order], 0)
  let soFar = 0
  return ranked.map((row) => {
    soFar += row[order]
    const [share, cumulativeShare] = total > 0 ? [row[order] / total, soFar / total] : [null, null]
    return { ...row, share, cumulativeShare }
  })
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Where a cause belongs at a level: a word that is not in the tree stands for itself, none for none. */
export function causeAt(level: CauseLevel, cause: string | null): string | null {
  if (cause === null) return null
  if (level === 'cause') return cause
  const found = treeCauseOf(cause)
  if (found === undefined) return cause
  return level === 'dlt' ? found.dlt : (categoryOf(found.code) ?? found).code
}

export function causeName(level: CauseLevel, group: string | null): Words {
  if (group === null) return { en: 'not stated', 'zh-CN': '未填写' }
  const dlt = Object.entries(DLT_CAUSES).find(([code]) => level === 'dlt' && code === group)?.[1]
  const found = dlt ?? causeOf(group)
  return found === undefined ? { en: group, 'zh-CN': group } : { en: found.en, 'zh-CN': found.zh }
}
