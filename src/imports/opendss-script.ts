import { basename, dirname, resolve } from 'node:path'
import type { FaultList } from './fault-list.ts'
import {
  ALL_CONDUCTORS,
  editElement,
  findElement,
  matchElements,
  newCircuit,
  newElement,
  sayAt,
  type Circuit,
  type Element,
  type Say,
} from './opendss-circuit.ts'
import { FOLLOWED, MODELLED, NOT_FOLLOWED, WITHOUT_EFFECT } from './opendss-classes.ts'
import { openScriptFiles, type ScriptFiles } from './opendss-files.ts'
import { readLine, readList, readNumber, type Param } from './opendss-words.ts'

/** A file that leads back to itself is found by these, not by the stack. */
const REDIRECT_DEPTH_MAX = 32
const REDIRECTS_MAX = 2000
/** A longer line is named and passed over. */
const LINE_CHARS_MAX = 1_000_000

type Run = {
  readonly files: ScriptFiles
  readonly faults: FaultList
  circuit: Circuit
  /** What `~` goes on about: undefined where its class is not kept. */
  active: Element | undefined
  /** Where files are looked for: `Compile` and `cd` move it. */
  folder: string
  redirects: number
  readonly variables: Map<string, string>
  /** Commands that were not followed, how often, and where first. */
  readonly notFollowed: Map<string, { count: number; where: string; known: boolean }>
}

/** Runs an OpenDSS script, as far as it builds a circuit, from the file at `path`. */
export async function runScript(path: string, faults: FaultList): Promise<Circuit> {
  const run: Run = {
    files: openScriptFiles(path),
    faults,
    circuit: newCircuit(),
    active: undefined,
    folder: dirname(resolve(path)),
    redirects: 0,
    variables: new Map(),
    notFollowed: new Map(),
  }
  await runFile(run, basename(path), sayAt(faults, 'file', path), 0)
  for (const [verb, { count, where, known }] of run.notFollowed) {
    faults.add({
      severity: 'warning',
      component: 'command',
      code: known ? 'not-followed' : 'unknown-command',
      says: known
        ? 'changes the circuit in OpenDSS and is not followed here'
        : 'is no command that is known',
      ids: [verb],
      count,
      where,
    })
  }
  return run.circuit
}

async function runFile(run: Run, name: string, say: Say, depth: number): Promise<void> {
  run.redirects += 1
  if (depth > REDIRECT_DEPTH_MAX || run.redirects > REDIRECTS_MAX) {
    return say('error', 'endless-redirect', 'leads to more files than a circuit can have', [name])
  }
  const read = await run.files.read(run.folder, name)
  if (read.outcome !== 'text') {
    return say('error', `file-${read.outcome}`, OUTCOME_SAYS[read.outcome], [name])
  }
  run.folder = dirname(read.path)
  const label = run.files.label(read.path)
  if (!read.utf8) {
    sayAt(run.faults, 'file', label)(
      'warning',
      'invalid-utf8',
      'is not UTF-8 and was read as Windows-1252',
    )
  }
  let inBlock = false
  let number = 0
  for (let at = 0; at < read.text.length;) {
    const end = read.text.indexOf('\n', at)
    let text = read.text.slice(at, end < 0 ? read.text.length : end)
    at = end < 0 ? read.text.length : end + 1
    number += 1
    const sayHere = sayAt(run.faults, 'statement', `${label}:${number}`)
    if (text.length > LINE_CHARS_MAX) {
      sayHere('error', 'line-too-long', `is longer than ${LINE_CHARS_MAX} characters`)
      continue
    }
    if (inBlock) {
      const close = text.indexOf('*/')
      if (close < 0) continue
      inBlock = false
      text = text.slice(close + 2)
    }
    const line = readLine(text)
    inBlock = line.opensBlock
    if (line.params.length > 0)
      await runCommand(run, line.params, sayHere, `${label}:${number}`, depth)
  }
}

const OUTCOME_SAYS = {
  missing: 'is not there',
  outside: 'lies neither below the folder of the first file nor in the one above, and is not read',
  'too-large': 'makes the circuit larger than can be read',
  unreadable: 'cannot be read',
} as const

async function runCommand(
  run: Run,
  given: readonly Param[],
  say: Say,
  where: string,
  depth: number,
): Promise<void> {
  const params = run.variables.size === 0 ? given : given.map((param) => substitute(run, param))
  const [first, ...rest] = params
  if (first === undefined) return
  // `Load.s860.vminpu=.85`: a property of an object, without a verb.
  if (first.name !== undefined) return editDotted(run, first, rest, say)
  const word = first.value.toLowerCase()
  if (word.startsWith('~')) {
    const glued = word.length > 1 ? readLine(first.value.slice(1)).params : []
    return editActive(run, [...glued, ...rest], say)
  }
  const object = objectParam(rest)
  const verb = verbOf(word)
  switch (verb) {
    case 'new': {
      run.active = newElement(run.circuit, object.name, where, say)
      return editActive(run, object.rest, say)
    }
    case 'edit':
    case 'select':
      run.active = findElement(run.circuit, object.name, say)
      return editActive(run, object.rest, say)
    case 'more':
      return editActive(run, rest, say)
    case 'batchedit': {
      const elements = matchElements(run.circuit, object.name, say)
      for (const element of elements) editElement(run.circuit, element, object.rest, say)
      return
    }
    case 'redirect':
    case 'compile': {
      const before = run.folder
      await runFile(run, rest[0]?.value ?? '', say, depth + 1)
      // Compile stays where the file is; redirect comes back.
      if (verb === 'redirect') run.folder = before
      return
    }
    case 'open':
    case 'close':
      return operate(run, verb, object, say)
    case 'enable':
    case 'disable': {
      const element = findElement(run.circuit, object.name, say)
      if (element !== undefined) element.enabled = verb === 'enable'
      return
    }
    case 'clear':
    case 'clearall':
      run.circuit = newCircuit()
      run.active = undefined
      run.notFollowed.clear()
      return
    case 'buscoords':
    case 'latlongcoords':
      return readPlaces(run, rest[0]?.value ?? '', verb === 'latlongcoords', say)
    case 'setbusxy':
      return setPlace(run, rest)
    case 'set':
      return setOption(run, rest, say)
    case 'cd': {
      const folder = await run.files.folder(run.folder, rest[0]?.value ?? '')
      if (folder !== undefined) run.folder = folder
      else say('error', 'file-missing', 'there is no such folder below that of the first file')
      return
    }
    case 'var':
      for (const { name, value } of rest) if (name?.startsWith('@')) run.variables.set(name, value)
      return
    default: {
      if (verb === 'none') return
      // `Line.x length=1`, or an object whose class is not kept: an edit without the word.
      if (word.includes('.')) return editDotted(run, { name: word, value: '' }, rest, say)
      const seen = run.notFollowed.get(word)
      if (seen !== undefined) seen.count += 1
      else run.notFollowed.set(word, { count: 1, where, known: verb === 'not-followed' })
    }
  }
}

/** The command that a word means: itself, or the first that begins with it. */
function verbOf(word: string): string {
  if (word === 'm') return 'more'
  if (FOLLOWED.includes(word)) return word
  if (WITHOUT_EFFECT.has(word)) return 'none'
  if (NOT_FOLLOWED.has(word)) return 'not-followed'
  if (word.length < 3 || word.includes('.')) return 'unknown'
  const begun = (each: string): boolean => each.startsWith(word)
  const followed = FOLLOWED.find(begun)
  if (followed !== undefined) return followed
  if ([...WITHOUT_EFFECT].some(begun)) return 'none'
  return [...NOT_FOLLOWED].some(begun) ? 'not-followed' : 'unknown'
}

type ObjectParam = { readonly name: string; readonly rest: readonly Param[] }

/** The object is the first parameter, with or without `object=`. */
function objectParam(params: readonly Param[]): ObjectParam {
  const [first, ...rest] = params
  if (first === undefined) return { name: '', rest }
  if (first.name === undefined || 'object'.startsWith(first.name))
    return { name: first.value, rest }
  const at = params.findIndex((param) => param.name === 'object')
  return at < 0
    ? { name: '', rest: params }
    : { name: params[at]!.value, rest: params.filter((_, index) => index !== at) }
}

function editActive(run: Run, params: readonly Param[], say: Say): void {
  if (run.active !== undefined) editElement(run.circuit, run.active, params, say)
}

function editDotted(run: Run, first: Param, rest: readonly Param[], say: Say): void {
  const text = first.name ?? ''
  const className = text.slice(0, text.indexOf('.'))
  if (text.indexOf('.') < 1) {
    return say('warning', 'unknown-command', `"${text.slice(0, 60)}" is no command that is known`)
  }
  if (MODELLED[className] === undefined) {
    run.active = undefined
    return
  }
  // A name may hold dots of its own: what is known as an object decides where the property begins.
  const dot = text.lastIndexOf('.')
  const whole = run.circuit.elements.get(text)
  const name = whole === undefined ? text.slice(0, dot) : text
  run.active = whole ?? findElement(run.circuit, name, say)
  const property = whole === undefined ? [{ name: text.slice(dot + 1), value: first.value }] : []
  editActive(run, [...property, ...rest], say)
}

/** `Open Line.x [terminal] [conductor]`; no conductor means all of them. */
function operate(run: Run, verb: 'open' | 'close', object: ObjectParam, say: Say): void {
  const element = findElement(run.circuit, object.name, say)
  if (element === undefined) return
  const number = (index: number, otherwise: number): number | undefined => {
    const value = object.rest[index]?.value ?? ''
    const read = value === '' ? otherwise : readNumber(value)
    return read !== undefined && Number.isInteger(read) && read >= 0 && read <= 30
      ? read
      : undefined
  }
  const terminal = number(0, 1)
  const conductor = number(1, 0)
  if (terminal === undefined || conductor === undefined) {
    return say('error', 'bad-number', 'terminal and conductor are whole numbers', [element.id])
  }
  const bits = conductor === 0 ? ALL_CONDUCTORS : 1 << (conductor - 1)
  const at = Math.max(1, terminal)
  const was = element.open.get(at) ?? 0
  element.open.set(at, verb === 'open' ? was | bits : was & ~bits)
}

async function readPlaces(run: Run, name: string, isDegrees: boolean, say: Say): Promise<void> {
  const read = await run.files.read(run.folder, name)
  if (read.outcome !== 'text') {
    return say('warning', `file-${read.outcome}`, OUTCOME_SAYS[read.outcome], [name])
  }
  run.circuit.placesAreDegrees ||= isDegrees
  const label = run.files.label(read.path)
  let number = 0
  for (const text of read.text.split('\n')) {
    number += 1
    if (text.length > LINE_CHARS_MAX) continue
    const values = readLine(text).params.map((param) => param.value)
    if (values.length === 0) continue
    const [bus = '', one = '', two = ''] = values
    const first = readNumber(one)
    const second = readNumber(two)
    if (bus === '' || first === undefined || second === undefined) {
      sayAt(run.faults, 'place', `${label}:${number}`)(
        'warning',
        'bad-place',
        'is not a bus and two numbers',
      )
      continue
    }
    run.circuit.places.set(bus.toLowerCase(), isDegrees ? [second, first] : [first, second])
  }
}

function setPlace(run: Run, params: readonly Param[]): void {
  const value = (name: string, place: number): string =>
    params.find((param) => param.name === name)?.value ?? params[place]?.value ?? ''
  const x = readNumber(value('x', 1))
  const y = readNumber(value('y', 2))
  if (x !== undefined && y !== undefined)
    run.circuit.places.set(value('bus', 0).toLowerCase(), [x, y])
}

async function setOption(run: Run, params: readonly Param[], say: Say): Promise<void> {
  for (const { name, value } of params) {
    if (name === undefined) continue
    if (name.length > 6 && 'voltagebases'.startsWith(name)) {
      run.circuit.voltageBases = readList(value).flatMap((each) => readNumber(each) ?? [])
    }
    if (name !== 'datapath') continue
    const folder = await run.files.folder(run.folder, value)
    if (folder === undefined) say('warning', 'file-missing', 'there is no such folder', [value])
    else run.folder = folder
  }
}

/** `@name` stands for what `var` gave it, `@name.1.2` too. */
function substitute(run: Run, param: Param): Param {
  if (!param.value.includes('@')) return param
  const value = param.value.replace(
    /@\w+/g,
    (name) => run.variables.get(name.toLowerCase()) ?? name,
  )
  return value.length > LINE_CHARS_MAX ? param : { name: param.name, value }
}
