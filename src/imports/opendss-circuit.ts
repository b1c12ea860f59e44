import type { FaultList } from './fault-list.ts'
import { MODELLED, PASSED_OVER } from './opendss-classes.ts'
import { nameMatcher, readList, readNumber, readYes, type Param } from './opendss-words.ts'

/** Windings of one transformer; a real one has two or three. */
const WINDINGS_MAX = 12

type Winding = {
  bus: string | undefined
  delta: boolean
  kv: number | undefined
  kva: number | undefined
}

/** One object of a circuit, after all that was said about it. */
export type Element = {
  /** `line.l115`: class and name in lower case. */
  readonly id: string
  readonly className: string
  readonly where: string
  /** What was said about it, by the full name of the property; windings have their own place. */
  props: Map<string, string>
  windings: Winding[]
  /** The winding that `bus=`, `kv=` and the like speak about. */
  winding: number
  enabled: boolean
  /** Conductors that are open at a terminal: a set of bits, bit 0 the first conductor. */
  readonly open: Map<number, number>
}

export const ALL_CONDUCTORS = 0x7fffffff

/** What a script has built so far. */
export type Circuit = {
  readonly elements: Map<string, Element>
  /** Objects of classes that are not kept, by class. */
  readonly passedOver: Map<string, number>
  voltageBases: number[]
  readonly places: Map<string, readonly [x: number, y: number]>
  /** The places were given as latitude and longitude. */
  placesAreDegrees: boolean
}

export const newCircuit = (): Circuit => ({
  elements: new Map(),
  passedOver: new Map(),
  voltageBases: [],
  places: new Map(),
  placesAreDegrees: false,
})

/** Says something is wrong at the line that is being read. */
export type Say = (
  severity: 'error' | 'warning',
  code: string,
  says: string,
  ids?: readonly string[],
) => void

export const sayAt =
  (faults: FaultList, component: string, where: string): Say =>
  (severity, code, says, ids = []) =>
    faults.add({ severity, component, code, says, ids, where })

/** `"Line.L115"` → class and name in lower case; a circuit is its source. */
function readObjectName(text: string): { className: string; name: string } | undefined {
  const lower = text.trim().toLowerCase()
  const dot = lower.indexOf('.')
  if (dot <= 0 || dot === lower.length - 1) return undefined
  const className = lower.slice(0, dot)
  return className === 'circuit'
    ? { className: 'vsource', name: 'source' }
    : { className, name: lower.slice(dot + 1) }
}

/** `New`: adds an object, or takes up the one of that name again. Undefined where its class is not kept. */
export function newElement(
  circuit: Circuit,
  objectName: string,
  where: string,
  say: Say,
): Element | undefined {
  const named = readObjectName(objectName)
  if (named === undefined) {
    say('error', 'bad-name', `"${objectName.slice(0, 60)}" is not a class and a name`)
    return undefined
  }
  const { className, name } = named
  if (MODELLED[className] === undefined) {
    circuit.passedOver.set(className, (circuit.passedOver.get(className) ?? 0) + 1)
    return undefined
  }
  const id = `${className}.${name}`
  const known = circuit.elements.get(id)
  if (known !== undefined) {
    say('warning', 'duplicate-id', 'is defined twice; the second definition edits the first', [id])
    return known
  }
  const element: Element = {
    id,
    className,
    where,
    props: new Map(),
    windings: [newWinding(), newWinding()],
    winding: 1,
    enabled: true,
    open: new Map(),
  }
  circuit.elements.set(id, element)
  return element
}

const newWinding = (): Winding => ({
  bus: undefined,
  delta: false,
  kv: undefined,
  kva: undefined,
})

/** The object that `Edit`, `Open`, `Disable`… speak about; undefined, and said, where there is none of a class that is kept. */
export function findElement(circuit: Circuit, objectName: string, say: Say): Element | undefined {
  const named = readObjectName(objectName)
  const element = named && circuit.elements.get(`${named.className}.${named.name}`)
  if (element !== undefined) return element
  if (named === undefined || MODELLED[named.className] !== undefined) {
    say('error', 'unknown-element', 'there is no such object', [objectName.toLowerCase()])
  } else if (!PASSED_OVER.has(named.className) && !circuit.passedOver.has(named.className)) {
    say('warning', 'unknown-element', 'there is no such object', [objectName.toLowerCase()])
  }
  return undefined
}

/** `BatchEdit`: every object of a class whose name the pattern fits. */
export function matchElements(circuit: Circuit, objectName: string, say: Say): Element[] {
  const named = readObjectName(objectName)
  const matches = named && nameMatcher(named.name)
  if (named === undefined || matches === undefined) {
    say('warning', 'bad-pattern', `the pattern "${objectName.slice(0, 60)}" is not followed`)
    return []
  }
  return [...circuit.elements.values()].filter(
    (element) =>
      element.className === named.className &&
      matches(element.id.slice(element.className.length + 1)),
  )
}

/** Says properties of an object, in their order: later ones see what earlier ones have set. */
export function editElement(
  circuit: Circuit,
  element: Element,
  params: readonly Param[],
  say: Say,
): void {
  const properties = MODELLED[element.className] ?? []
  let place = -1
  for (const param of params) {
    if (param.name !== undefined) {
      place = properties.indexOf(param.name)
      if (place < 0) place = properties.findIndex((each) => each.startsWith(param.name ?? ''))
    } else place += 1
    const property = properties[place]
    if (property === undefined || param.name === '') {
      say(
        'warning',
        'unknown-property',
        `"${param.name ?? param.value}" is not read`.slice(0, 80),
        [element.id],
      )
      continue
    }
    setProperty(circuit, element, property, param.value, say)
  }
}

function setProperty(
  circuit: Circuit,
  element: Element,
  property: string,
  value: string,
  say: Say,
): void {
  if (property === 'like') return copyFrom(circuit, element, value, say)
  if (property === 'enabled') {
    element.enabled = readYes(value)
    return
  }
  if (/^(?:transformer|autotrans|xfmrcode)$/.test(element.className)) {
    if (property === 'xfmrcode') return applyTransformerCode(circuit, element, value, say)
    if (setWinding(element, property, value, say)) return
  }
  element.props.set(property, value)
}

function copyFrom(circuit: Circuit, element: Element, name: string, say: Say): void {
  const model = circuit.elements.get(`${element.className}.${name.trim().toLowerCase()}`)
  if (model === undefined) {
    return say(
      'error',
      'unknown-element',
      `is to be like "${name.slice(0, 60)}", which is not there`,
      [element.id],
    )
  }
  element.props = new Map([...element.props, ...model.props])
  element.windings = model.windings.map((winding) => ({ ...winding }))
  element.enabled = model.enabled
}

function applyTransformerCode(circuit: Circuit, element: Element, name: string, say: Say): void {
  const code = circuit.elements.get(`xfmrcode.${name.trim().toLowerCase()}`)
  if (code === undefined) {
    return say(
      'error',
      'unknown-code',
      `uses the transformer code "${name.slice(0, 60)}", which is not there`,
      [element.id],
    )
  }
  const phases = code.props.get('phases')
  if (phases !== undefined) element.props.set('phases', phases)
  const buses = element.windings.map((winding) => winding.bus)
  element.windings = code.windings.map((winding, index) => ({ ...winding, bus: buses[index] }))
}

/** Properties that speak about windings; false where this is none of them. */
function setWinding(element: Element, property: string, value: string, say: Say): boolean {
  const number = (text: string): number | undefined => {
    const read = readNumber(text)
    if (read === undefined || read < 0) {
      say('error', 'bad-number', `${property} is not a number from 0 on: "${text.slice(0, 40)}"`, [
        element.id,
      ])
      return undefined
    }
    return read
  }
  const windingOf = (index: number): Winding => (element.windings[index] ??= newWinding())
  const each = (set: (winding: Winding, text: string) => void): void => {
    const values = readList(value).slice(0, WINDINGS_MAX)
    for (const [index, text] of values.entries()) set(windingOf(index), text)
  }
  const active = windingOf(element.winding - 1)
  switch (property) {
    case 'windings':
    case 'wdg': {
      const count = number(value)
      if (count === undefined) return true
      if (!Number.isInteger(count) || count < 1 || count > WINDINGS_MAX) {
        say('error', 'bad-number', `${property} is not from 1 to ${WINDINGS_MAX}: ${count}`, [
          element.id,
        ])
        return true
      }
      while (element.windings.length < count) element.windings.push(newWinding())
      if (property === 'wdg') element.winding = count
      else element.windings.length = Math.max(2, count)
      if (element.winding > element.windings.length) element.winding = 1
      return true
    }
    case 'bus':
      active.bus = value
      return true
    case 'conn':
      active.delta = isDelta(value)
      return true
    case 'kv':
      active.kv = number(value)
      return true
    case 'kva':
      active.kva = number(value)
      return true
    case 'buses':
      each((winding, text) => (winding.bus = text))
      return true
    case 'conns':
      each((winding, text) => (winding.delta = isDelta(text)))
      return true
    case 'kvs':
      each((winding, text) => (winding.kv = number(text)))
      return true
    case 'kvas':
      each((winding, text) => (winding.kva = number(text)))
      return true
    default:
      return false
  }
}

/** `delta`, `d`, `LL`; everything else is wye. */
const isDelta = (value: string): boolean => /^(?:d|ll)/i.test(value.trim())
