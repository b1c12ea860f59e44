import type { ParseArgsConfig } from 'node:util'

export type Options = NonNullable<ParseArgsConfig['options']>

type Value = string | boolean | string[]

/** Options and positionals as they stand there, and what is wrong with them. */
export function wordsOf(argv: readonly string[], options: Options) {
  const values: Record<string, Value | undefined> = {}
  const positionals: string[] = []
  const faults: string[] = []
  for (const [name, option] of Object.entries(options))
    if (option.default !== undefined) values[name] = option.default as Value
  const given = new Set<string>()
  const put = (name: string, value: string | boolean): void => {
    const several = options[name]?.multiple === true
    const before = given.has(name) ? (values[name] as string[]) : []
    values[name] = several ? [...before, String(value)] : value
    given.add(name)
  }
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? ''
    if (word === '--') {
      positionals.push(...argv.slice(i + 1))
      break
    }
    if (!word.startsWith('-') || word === '-') {
      positionals.push(word)
      continue
    }
    const [, name = '', inline] = /^--?([^=]*)(?:=([^]*))?$/.exec(word) ?? []
    const option = word.startsWith('--') && Object.hasOwn(options, name) ? options[name] : undefined
    if (option === undefined) faults.push(`there is no option ${word.split('=', 1)[0]}`)
    else if (option.type === 'boolean') {
      if (inline === undefined) put(name, true)
      else faults.push(`--${name} takes no value, not ${inline}`)
    } else if (inline !== undefined) put(name, inline)
    else {
      const next = argv[i + 1]
      if (next === undefined || next.startsWith('--')) faults.push(`--${name} has no value`)
      else {
        put(name, next)
        i += 1
      }
    }
  }
  return { values, positionals, faults }
}
