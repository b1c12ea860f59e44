/** Chance that can be repeated: the same seed gives the same sequence on every machine. */
export type Random = {
  /** In [0, 1). */
  next(): number
  /** A whole number from `from` to `to`, both included. */
  int(from: number, to: number): number
  /** In [from, to). */
  between(from: number, to: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly T[]): T
  /** In place; gives the same list back. */
  shuffle<T>(list: T[]): T[]
  /** Exponentially distributed with this mean. */
  exponential(mean: number): number
  /** A generator of its own, so that what one part draws does not move another. */
  fork(name: string): Random
}

/** sfc32 (Doty-Humphrey), seeded by mixing the words of the seed with splitmix-like steps. */
export function randomFrom(seed: number | string): Random {
  let mixed = hash(String(seed))
  const word = () => {
    mixed = (mixed + 0x9e3779b9) | 0
    let z = mixed
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) | 0
  }
  let a = word()
  let b = word()
  let c = word()
  let counter = 1

  const next = () => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return (t >>> 0) / 4294967296
  }
  for (let warm = 0; warm < 12; warm++) next()

  const int = (from: number, to: number) => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    int,
    between: (from, to) => from + next() * (to - from),
    chance: (probability) => next() < probability,
    pick: (list) => {
      if (list.length === 0) throw new Error('nothing to pick from')
      return list[int(0, list.length - 1)]!
    },
    shuffle: (list) => {
      for (let i = list.length - 1; i > 0; i--) {
        const j = int(0, i)
        const kept = list[i]!
        list[i] = list[j]!
        list[j] = kept
      }
      return list
    },
    exponential: (mean) => -Math.log(1 - next()) * mean,
    fork: (name) => randomFrom(`${seed}/${name}`),
  }
}

/** FNV-1a over the UTF-16 units. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h | 0
}
