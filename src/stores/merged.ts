type Keyed = { readonly key: string }

/**
 * Two ways of reading the same record, each in pages in the order of keys, as one. What both have is given once. A page that the other one
 * has nothing in the midst of goes through as it is.
 */
export async function* mergedByKey<T extends Keyed>(
  one: AsyncGenerator<T[]>,
  other: AsyncGenerator<T[]>,
): AsyncGenerator<T[]> {
  try {
    let a = await nextOf(one)
    let b = await nextOf(other)
    while (a !== undefined && b !== undefined) {
      if (lastKey(a) < firstKey(b)) {
        yield a
        a = await nextOf(one)
      } else if (lastKey(b) < firstKey(a)) {
        yield b
        b = await nextOf(other)
      } else {
        const bound = lastKey(a) < lastKey(b) ? lastKey(a) : lastKey(b)
        const fromA = a.splice(0, countUpTo(a, bound))
        const fromB = b.splice(0, countUpTo(b, bound))
        yield mergeRuns(fromA, fromB)
        if (a.length === 0) a = await nextOf(one)
        if (b.length === 0) b = await nextOf(other)
      }
    }
    for (; a !== undefined; a = await nextOf(one)) yield a
    for (; b !== undefined; b = await nextOf(other)) yield b
  } finally {
    await one.return(undefined)
    await other.return(undefined)
  }
}

/** Two runs in the order of keys as one; what both have is in it once. */
export function mergeRuns<T extends Keyed>(a: readonly T[], b: readonly T[]): T[] {
  const merged: T[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const x = a[i] as T
    const y = b[j] as T
    if (x.key <= y.key) i++
    if (y.key <= x.key) j++
    merged.push(x.key <= y.key ? x : y)
  }
  return [...merged, ...a.slice(i), ...b.slice(j)]
}

/** How many of a run have a key up to a bound, inclusive. */
export function countUpTo(run: readonly Keyed[], bound: string): number {
  let low = 0
  let high = run.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((run[middle] as Keyed).key <= bound) low = middle + 1
    else high = middle
  }
  return low
}

async function nextOf<T>(pages: AsyncGenerator<T[]>): Promise<T[] | undefined> {
  for (;;) {
    const { value, done } = await pages.next()
    if (done === true) return undefined
    if (value.length > 0) return value
  }
}

const firstKey = (page: readonly Keyed[]): string => (page[0] as Keyed).key
const lastKey = (page: readonly Keyed[]): string => (page.at(-1) as Keyed).key
