import type { Test } from 'tap'
import { explain, type ExplainedQuantity, type Explanation } from '../../src/stores/explain.ts'

/** A row that the report has, taken apart; it throws where there is no such row. */
export async function explained(...asked: Parameters<typeof explain>): Promise<Explanation> {
  const told = await explain(...asked)
  if ('rows' in told) throw new Error(`no such row; there are ${told.rows.join(', ')}`)
  return told
}

const sumOf = ({ parts, rest }: ExplainedQuantity): number | null =>
  parts === null ? null : parts.reduce((sum, { value }) => sum + value, rest?.value ?? 0)
export const close = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a))

/** The figure is `value`, its parts add up to what stands above and below the line, and lead to outages that are told. */
export function addsUp(
  t: Test,
  { figure, outages }: Pick<Explanation, 'figure' | 'outages'>,
  value: number | null,
  name: string,
) {
  if (figure === null) return void t.fail(name)
  t.equal(figure.value, value, `${name}: the figure of the report`)
  const { top, bottom, scale, form, periodHours } = figure
  const known = new Set(outages.map(({ outage }) => outage))
  for (const quantity of [top, ...(bottom === null ? [] : [bottom])]) {
    const sum = sumOf(quantity)
    if (sum === null) continue
    const isSum = quantity.value !== null && close(quantity.value, sum)
    t.ok(isSum, `${name}: parts of ${quantity.of.of}`)
    const all = (quantity.parts ?? []).every(
      (part) => part.outages.length > 0 && part.outages.every((one) => known.has(one)),
    )
    t.ok(all, `${name}: every part of ${quantity.of.of} leads to outages that are told`)
  }
  if (value === null) return
  const above = sumOf(top) ?? top.value ?? NaN
  const below = bottom === null ? 1 : (sumOf(bottom) ?? bottom.value ?? NaN)
  const share = above / (below * periodHours)
  const again = form === 'ratio' ? above / below : form === 'unavailability' ? share : 1 - share
  t.ok(close(again * scale, value), `${name}: made again of its parts`)
}
