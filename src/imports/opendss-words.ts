/** The words of the OpenDSS language: how a line falls into parameters, and a value into numbers and lists. */

/** One parameter of a command: `kv=0.208`, or a value without a name that takes the next place. */
export type Param = { readonly name: string | undefined; readonly value: string }

export type Line = {
  readonly params: readonly Param[]
  /** The line begins a block comment that goes on below. */
  readonly opensBlock: boolean
}

const CLOSING: Readonly<Record<string, string>> = {
  '(': ')',
  '[': ']',
  '{': '}',
  '"': '"',
  "'": "'",
}

/** Cuts a line into its parameters. Comments end it; a quote or bracket that is never closed reaches to its end. */
export function readLine(text: string): Line {
  const params: Param[] = []
  let at = 0
  let opensBlock = false

  const isComment = (index: number): boolean =>
    text[index] === '!' || (text[index] === '/' && text[index + 1] === '/')
  const skipSpace = (): void => {
    while (at < text.length && isBlank(text, at)) at += 1
  }
  const token = (): string => {
    const closing = CLOSING[text[at] ?? '']
    if (closing !== undefined) {
      const end = text.indexOf(closing, at + 1)
      const value = text.slice(at + 1, end < 0 ? text.length : end)
      at = end < 0 ? text.length : end + 1
      return value
    }
    const start = at
    while (at < text.length && !isBlank(text, at) && text[at] !== ',' && text[at] !== '=') {
      if (isComment(at)) break
      at += 1
    }
    return text.slice(start, at)
  }

  for (;;) {
    while (at < text.length && (isBlank(text, at) || text[at] === ',')) at += 1
    if (at >= text.length || isComment(at)) break
    if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2)
      if (end < 0) {
        opensBlock = true
        break
      }
      at = end + 2
      continue
    }
    const first = text[at] === '=' ? '' : token()
    skipSpace()
    if (text[at] !== '=') {
      params.push({ name: undefined, value: first })
      continue
    }
    at += 1
    skipSpace()
    const value = at >= text.length || isComment(at) ? '' : token()
    params.push({ name: first.toLowerCase(), value })
  }
  return { params, opensBlock }
}

const isBlank = (text: string, at: number): boolean => text.charCodeAt(at) <= 32

/** The elements of an array value, `"wye wye"` or `(8 3 sqrt /), 2.4`: nested brackets stay together. */
export const readList = (value: string): string[] =>
  readLine(value.replaceAll('|', ' ')).params.map((param) =>
    param.name === undefined ? param.value : `${param.name}=${param.value}`,
  )

/** A number, or a sum in reverse Polish notation: `8 1000 /`. Undefined where it is neither. */
export function readNumber(value: string): number | undefined {
  const stack: number[] = []
  const words = value
    .trim()
    .toLowerCase()
    .split(/[\s,]+/)
  for (const word of words) {
    const operand = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[ed][+-]?\d{1,3})?$/.test(word)
      ? Number(word.replace('d', 'e'))
      : undefined
    if (operand !== undefined) {
      stack.push(operand)
      continue
    }
    const one = UNARY[word]
    const two = BINARY[word]
    const last = stack.pop()
    if (word === 'pi') {
      if (last !== undefined) stack.push(last)
      stack.push(Math.PI)
    } else if (one !== undefined && last !== undefined) stack.push(one(last))
    else {
      const first = stack.pop()
      if (two === undefined || last === undefined || first === undefined) return undefined
      stack.push(two(first, last))
    }
  }
  const result = stack.at(-1)
  return result !== undefined && Number.isFinite(result) ? result : undefined
}

const RADIANS = Math.PI / 180
const UNARY: Readonly<Record<string, (a: number) => number>> = {
  sqrt: Math.sqrt,
  sqr: (a) => a * a,
  inv: (a) => 1 / a,
  ln: Math.log,
  exp: Math.exp,
  log10: Math.log10,
  sin: (a) => Math.sin(a * RADIANS),
  cos: (a) => Math.cos(a * RADIANS),
  tan: (a) => Math.tan(a * RADIANS),
}
const BINARY: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '^': (a, b) => a ** b,
}

/** `yes`, `y`, `true`, `t`, `1` in any case. */
export const readYes = (value: string): boolean => /^[yt1]/i.test(value.trim())

/** A bus as it stands behind `bus1=`: its name, and the nodes that are named after it. */
export type BusSpec = { readonly bus: string; readonly nodes: readonly number[] }

/** Nodes above this do not occur; a larger one is a slip of the pen. */
const NODE_MAX = 63

/** `"N1.1.2.0"` → n1 with nodes 1, 2 and 0. Undefined where a node is no whole number up to `NODE_MAX`. */
export function readBus(value: string): BusSpec | undefined {
  const [bus = '', ...rest] = value.trim().toLowerCase().split('.')
  const nodes: number[] = []
  for (const part of rest) {
    if (part === '') continue
    const node = /^\d{1,3}$/.test(part) ? Number(part) : Number.NaN
    if (!(node <= NODE_MAX)) return undefined
    nodes.push(node)
  }
  return bus === '' ? undefined : { bus, nodes }
}

/**
 * Whether a name matches a pattern of `BatchEdit`: letters, `.`, `[abc]`, each with `*`, `+` or `?`, and `^`, `$`. The states are
 * followed side by side, so no pattern takes longer than its length times that of the name. Undefined: it has more than that.
 */
export function nameMatcher(pattern: string): ((name: string) => boolean) | undefined {
  const atoms: { has: (char: string) => boolean; least: 0 | 1; many: boolean }[] = []
  let text = pattern.toLowerCase()
  const fromStart = text.startsWith('^')
  const toEnd = text.endsWith('$')
  text = text.slice(fromStart ? 1 : 0, toEnd ? -1 : undefined)
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if ('()|{}^$\\'.includes(char)) return undefined
    if ('*+?'.includes(char)) {
      const atom = atoms.at(-1)
      if (atom === undefined) return undefined
      if (char !== '+') atom.least = 0
      if (char !== '?') atom.many = true
      continue
    }
    if (char === '[') {
      const end = text.indexOf(']', at + 1)
      if (end < 0) return undefined
      const set = text.slice(at + 1, end)
      if (set.startsWith('^') || set.includes('-')) return undefined
      atoms.push({ has: (each) => set.includes(each), least: 1, many: false })
      at = end
    } else {
      atoms.push({
        has: char === '.' ? () => true : (each) => each === char,
        least: 1,
        many: false,
      })
    }
  }
  return (name) => {
    let states = new Set<number>()
    const enter = (into: Set<number>, state: number): void => {
      for (let s = state; !into.has(s); s++) {
        into.add(s)
        if (s >= atoms.length || atoms[s]!.least === 1) break
      }
    }
    enter(states, 0)
    for (const char of name) {
      if (!toEnd && states.has(atoms.length)) return true
      const next = new Set<number>()
      if (!fromStart) enter(next, 0)
      for (const state of states) {
        const atom = atoms[state]
        if (atom === undefined || !atom.has(char)) continue
        if (atom.many) {
          // Having taken one, it may take more or let the next begin.
          next.add(state)
          enter(next, state + 1)
        } else enter(next, state + 1)
      }
      states = next
    }
    return states.has(atoms.length)
  }
}
