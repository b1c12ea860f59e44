/** What a figure is held against, and the limit of the ratio where one is named. */
export type Figure = {
  readonly bench: string
  readonly figure: string
  readonly value: number
  readonly unit: string
  /** The same measure of a peer, in the same run; `ratio` is value to peer. */
  readonly peer?: { readonly name: string; readonly value: number }
  /** Of the ratio where there is a peer, else of the value. */
  readonly limit?: { readonly atLeast: number } | { readonly atMost: number }
  readonly [more: string]: unknown
}

/** Prints one JSON line; `ok` is null where no limit is named. A figure beyond its limit is told, and is no failure of the bench. */
export function report({ bench, figure, value, unit, peer, limit, ...more }: Figure): void {
  const ratio = peer === undefined ? null : value / peer.value
  const held = ratio ?? value
  const ok =
    limit === undefined ? null : 'atLeast' in limit ? held >= limit.atLeast : held <= limit.atMost
  console.log(
    JSON.stringify({
      bench,
      figure,
      value: round(value),
      unit,
      ...(peer === undefined ? {} : { peer: { name: peer.name, value: round(peer.value) } }),
      ratio: ratio === null ? null : round(ratio),
      limit: limit ?? null,
      ok,
      ...more,
    }),
  )
}

/** Four digits that count. */
const round = (value: number): number =>
  Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4))

export const median = (values: readonly number[]): number => quantile(values, 0.5)

export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error('no values')
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number
}
