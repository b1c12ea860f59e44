import { ALL_PHASES, parsePhases, type Phases } from '../grid/phases.ts'
import type { FaultList } from './fault-list.ts'
import { FOLDER_COLUMNS, type FolderFile } from './network-columns.ts'

/** A service point of more customers than this is a slip of the pen. */
const CUSTOMERS_MAX = 10_000_000

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i

/**
 * Reads the cells of the row it stands on, column by column, and names each that does not hold what its column must. `column` says where each column of the file stands; one that is not there reads as empty.
 */
export function createCells(
  file: FolderFile,
  column: ReadonlyMap<string, number>,
  faults: FaultList,
) {
  const component = FOLDER_COLUMNS[file].component
  let fields: readonly string[] = []
  let line = 0
  let id = ''

  const wrong = (field: string, code: string, says: string): void =>
    faults.add({
      severity: 'error',
      component,
      field,
      code,
      says,
      ids: id === '' ? [] : [id],
      where: `${file}:${line}`,
    })
  const cell = (name: string): (() => string) => {
    const index = column.get(name)
    return index === undefined ? () => '' : () => fields[index] ?? ''
  }
  const readId = cell('id')
  /** Whether it names something that is there is looked at when all files are read. */
  const reference = (name: string): (() => string) => {
    const read = cell(name)
    return () => {
      const value = read()
      if (value === '') wrong(name, 'missing-value', 'is empty')
      return value
    }
  }
  const text = (name: string): (() => string | null) => {
    const read = cell(name)
    return () => {
      const value = read()
      if (!value.includes('\0')) return value === '' ? null : value
      wrong(name, 'bad-text', 'has a NUL character')
      return null
    }
  }
  const number = (name: string, least: number, most: number): (() => number | null) => {
    const read = cell(name)
    return () => {
      const value = read()
      if (value === '') return null
      const parsed = NUMBER.test(value) ? Number(value) : Number.NaN
      if (!Number.isFinite(parsed)) {
        wrong(name, 'bad-number', `is not a number: "${value.slice(0, 40)}"`)
        return null
      }
      if (parsed >= least && parsed <= most) return parsed + 0
      if (least === 0 && parsed < 0) wrong(name, 'negative', `is negative: ${value.slice(0, 40)}`)
      else wrong(name, 'out-of-range', `is not from ${least} to ${most}: ${value.slice(0, 40)}`)
      return null
    }
  }
  const amount = (name: string) => number(name, 0, Number.MAX_VALUE)
  const degrees = (name: string, most: number) => number(name, -most, most)
  const phases = (): (() => Phases) => {
    const read = cell('phases')
    return () => {
      const value = read()
      const parsed = value.length > 3 ? undefined : parsePhases(value)
      if (parsed !== undefined) return parsed
      if (value === '') wrong('phases', 'missing-value', 'is empty')
      else wrong('phases', 'bad-phases', `is not letters out of ABC: "${value.slice(0, 40)}"`)
      return ALL_PHASES
    }
  }
  const word = <Word extends string>(name: string, words: readonly Word[]) => {
    const read = cell(name)
    const known = new Map(words.map((each) => [each as string, each]))
    return (): Word | undefined => {
      const value = read()
      if (value === '') return undefined
      const found = known.get(value)
      if (found !== undefined) return found
      const code = name === 'kind' ? 'unknown-kind' : 'unknown-word'
      wrong(name, code, `is not one of ${words.join(', ')}: "${value.slice(0, 40)}"`)
      return words[0]
    }
  }
  const needed = <Word extends string>(name: string, words: readonly [Word, ...Word[]]) => {
    const read = word(name, words)
    return (): Word => {
      const found = read()
      if (found === undefined) wrong(name, 'missing-value', 'is empty')
      return found ?? words[0]
    }
  }
  const flag = (name: string): (() => boolean | null) => {
    const read = cell(name)
    return () => {
      const value = read()
      if (value === '1') return true
      if (value === '0') return false
      if (value !== '') wrong(name, 'bad-flag', `is not 0 or 1: "${value.slice(0, 40)}"`)
      return null
    }
  }
  const whole = (name: string): (() => number) => {
    const read = cell(name)
    return () => {
      const value = read()
      if (/^\d{1,8}$/.test(value) && Number(value) <= CUSTOMERS_MAX) return Number(value)
      if (value === '') wrong(name, 'missing-value', 'is empty')
      else wrong(name, 'bad-count', `is not a whole number from 0 on: "${value.slice(0, 40)}"`)
      return 0
    }
  }

  return {
    /** Steps to a row, and gives its id, which may be one that is no id. */
    step(given: readonly string[], at: number): string {
      fields = given
      line = at
      id = readId()
      return id
    },
    wrong,
    reference,
    text,
    amount,
    degrees,
    phases,
    word,
    needed,
    flag,
    whole,
  }
}
