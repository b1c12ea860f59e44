import type { FaultList } from './fault-list.ts'
import type { Circuit, Element } from './opendss-circuit.ts'
import type { Conductors } from './opendss-conductors.ts'
import { findSwitches, openedConductors, type SwitchDevice } from './opendss-switches.ts'
import { readBus, readNumber, type BusSpec } from './opendss-words.ts'

/** A wire from bus to bus: a line, a switch, or something in series. */
export type WirePart = {
  readonly id: string
  readonly element: Element
  readonly from: string
  readonly to: string
  /** The two ends of each conductor, and whether it is normally open. */
  readonly wires: readonly { one: number; other: number; open: boolean }[]
  readonly device: SwitchDevice | undefined
  /** Its conductors change their number on the way. */
  readonly swapsNodes: boolean
}

/** Two windings of a transformer. */
type WindingPart = {
  readonly id: string
  readonly element: Element
  readonly from: string
  readonly to: string
  /** The conductors before it; those behind carry the same phases. */
  readonly before: readonly number[]
  readonly fromKv: number | undefined
  readonly toKv: number | undefined
  readonly ratedKva: number | undefined
}

type LoadPart = {
  readonly element: Element
  readonly bus: string
  readonly conductors: readonly number[]
}
type SourcePart = {
  readonly element: Element
  readonly bus: string
  readonly wires: readonly { conductor: number; node: number }[]
}

export type Parts = {
  readonly wires: WirePart[]
  readonly windings: WindingPart[]
  readonly loads: LoadPart[]
  readonly sources: SourcePart[]
  /** What is not modelled, by what it is. */
  readonly leftOut: Map<string, string[]>
}

const SQRT3 = Math.sqrt(3)

/** Finds out between which conductors every element stands. */
export function findParts(circuit: Circuit, conductors: Conductors, faults: FaultList): Parts {
  const parts: Parts = { wires: [], windings: [], loads: [], sources: [], leftOut: new Map() }
  const switches = findSwitches(circuit, faults)
  const leaveOut = (what: string, id: string): void => {
    const ids = parts.leftOut.get(what)
    if (ids === undefined) parts.leftOut.set(what, [id])
    else ids.push(id)
  }
  for (const element of circuit.elements.values()) {
    if (!EQUIPMENT.has(element.className)) continue
    if (!element.enabled) {
      leaveOut(`a disabled ${element.className}`, element.id)
      continue
    }
    const part = { circuit, conductors, faults, parts, element, leaveOut }
    switch (element.className) {
      case 'vsource':
        addSource(part)
        break
      case 'line':
        addWire(part, switches.get(element.id))
        break
      case 'reactor':
      case 'capacitor':
        if (isShunt(element)) leaveOut(`a shunt ${element.className}`, element.id)
        else {
          leaveOut(`a ${element.className} in series, which is taken for a line and`, element.id)
          addWire(part, undefined)
        }
        break
      case 'load':
        addLoad(part)
        break
      default:
        addTransformer(part, switches)
    }
  }
  return parts
}

const EQUIPMENT: ReadonlySet<string> = new Set([
  'vsource',
  'line',
  'reactor',
  'capacitor',
  'load',
  'transformer',
  'autotrans',
])

type Part = {
  readonly circuit: Circuit
  readonly conductors: Conductors
  readonly faults: FaultList
  readonly parts: Parts
  readonly element: Element
  leaveOut(what: string, id: string): void
}

function wrong({ faults, element }: Part, code: string, says: string): void {
  faults.add({
    severity: 'error',
    component: element.className,
    code,
    says,
    ids: [element.id],
    where: element.where,
  })
}

function busOf(part: Part, value: string | undefined, property: string): BusSpec | undefined {
  if (value === undefined || value.trim() === '') {
    wrong(part, 'missing-bus', `has no ${property}`)
    return undefined
  }
  const bus = readBus(value)
  if (bus === undefined)
    wrong(part, 'bad-bus', `has no bus in ${property}: "${value.slice(0, 60)}"`)
  return bus
}

/** The first `count` nodes at a terminal: what is named behind the bus, then 1, 2, 3 as far as there are phases, then earth. */
const nodesOf = (bus: BusSpec, phases: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => bus.nodes[i] ?? (i < phases ? i + 1 : 0))

function phaseCount(part: Part, otherwise: number): number {
  const value = part.element.props.get('phases')
  if (value === undefined) return otherwise
  const count = readNumber(value)
  if (count !== undefined && Number.isInteger(count) && count >= 1 && count <= 30) return count
  wrong(part, 'bad-number', `phases is not a whole number from 1 on: "${value.slice(0, 40)}"`)
  return otherwise
}

/** The conductors of a terminal without those to earth, each once. */
function conductorsAt(part: Part, bus: BusSpec, nodes: readonly number[]): number[] {
  const found = nodes.flatMap((node) => part.conductors.at(bus.bus, node) ?? [])
  return [...new Set(found)]
}

function addSource(part: Part): void {
  const bus = busOf(part, part.element.props.get('bus1') ?? 'sourcebus', 'bus1')
  if (bus === undefined) return
  const phases = phaseCount(part, 3)
  const wires = nodesOf(bus, phases, phases).flatMap((node) => {
    const conductor = part.conductors.at(bus.bus, node)
    return conductor === undefined ? [] : [{ conductor, node }]
  })
  part.parts.sources.push({ element: part.element, bus: bus.bus, wires })
}

function addWire(part: Part, device: SwitchDevice | undefined): void {
  const { element, conductors, parts } = part
  const from = busOf(part, element.props.get('bus1'), 'bus1')
  const to = busOf(part, element.props.get('bus2'), 'bus2')
  if (from === undefined || to === undefined) return
  const phases = phaseCount(part, codePhases(part) ?? 3)
  const fromNodes = nodesOf(from, phases, phases)
  const toNodes = nodesOf(to, phases, phases)
  const opened = device?.normallyOpen ?? openedConductors(element)
  const wires: { one: number; other: number; open: boolean }[] = []
  let swapsNodes = false
  for (let i = 0; i < phases; i++) {
    const one = conductors.at(from.bus, fromNodes[i]!)
    const other = conductors.at(to.bus, toNodes[i]!)
    if (one === undefined || other === undefined) continue
    const open = (opened & (1 << i)) !== 0
    wires.push({ one, other, open })
    conductors.join(one, other, open)
    swapsNodes ||= fromNodes[i] !== toNodes[i]
  }
  const id = element.id
  parts.wires.push({ id, element, from: from.bus, to: to.bus, wires, device, swapsNodes })
}

/** How many phases the code or geometry of a line says it has. */
function codePhases(part: Part): number | undefined {
  for (const [property, className] of CODES) {
    const name = part.element.props.get(property)
    if (name === undefined) continue
    const code = part.circuit.elements.get(`${className}.${name.trim().toLowerCase()}`)
    if (code !== undefined) {
      const count = readNumber(code.props.get('nphases') ?? '')
      if (count !== undefined && Number.isInteger(count) && count >= 1 && count <= 30) return count
    } else if (property === 'linecode') {
      part.faults.add({
        severity: 'warning',
        component: 'line',
        field: 'linecode',
        code: 'unknown-code',
        says: `uses the line code "${name.slice(0, 60)}", which is not there`,
        ids: [part.element.id],
        where: part.element.where,
      })
    }
  }
  return undefined
}

const CODES = [
  ['linecode', 'linecode'],
  ['geometry', 'linegeometry'],
  ['spacing', 'linespacing'],
] as const

/** Without a second bus, or with one that is the same or earth, it hangs between a bus and the ground. */
function isShunt(element: Element): boolean {
  const one = readBus(element.props.get('bus1') ?? '')
  const other = readBus(element.props.get('bus2') ?? '')
  if (one === undefined || other === undefined || one.bus === other.bus) return true
  return other.nodes.length > 0 && other.nodes.every((node) => node === 0)
}

function addLoad(part: Part): void {
  const bus = busOf(part, part.element.props.get('bus1'), 'bus1')
  if (bus === undefined) return
  const phases = phaseCount(part, 3)
  const nodes = nodesOf(bus, phases, Math.max(phases, bus.nodes.length))
  part.parts.loads.push({
    element: part.element,
    bus: bus.bus,
    conductors: conductorsAt(part, bus, nodes),
  })
}

function addTransformer(part: Part, switches: ReadonlyMap<string, SwitchDevice>): void {
  const { element, conductors, parts } = part
  const phases = phaseCount(part, 3)
  if (openedConductors(element) !== 0) {
    part.leaveOut(
      'a transformer that is open without a switch, so nothing here could close it, and',
      element.id,
    )
    return
  }
  const ends: { bus: BusSpec; nodes: number[]; found: number[]; index: number }[] = []
  for (const [index, winding] of element.windings.entries()) {
    if (index >= 2 && (winding.bus === undefined || winding.bus.trim() === '')) continue
    let bus = busOf(part, winding.bus, `bus of winding ${index + 1}`)
    if (bus === undefined) return
    const nodes = nodesOf(bus, phases, Math.max(phases, bus.nodes.length))
    const device = switches.get(`${element.id}#${index + 1}`)
    if (device !== undefined) bus = seatSwitch(part, bus, nodes, device)
    ends.push({ bus, nodes, found: conductorsAt(part, bus, nodes), index })
  }
  const [first, ...others] = ends
  if (first === undefined) return
  const seen = new Set([first.bus.bus])
  for (const end of others) {
    joinWindings(conductors, first, end, phases)
    const isCentreTap =
      phases === 1 && others.some((each) => each !== end && each.bus.bus === end.bus.bus)
    if (seen.has(end.bus.bus)) continue
    seen.add(end.bus.bus)
    const fromKv = kvOf(element, first.index, phases, false)
    const toKv = kvOf(element, end.index, phases, isCentreTap)
    // Whatever order it was written in, supply comes from the higher voltage.
    const isReversed = fromKv !== undefined && toKv !== undefined && toKv > fromKv * 1.05
    parts.windings.push({
      id: end.index === 1 ? element.id : `${element.id}#${end.index + 1}`,
      element,
      from: isReversed ? end.bus.bus : first.bus.bus,
      to: isReversed ? first.bus.bus : end.bus.bus,
      before: isReversed ? end.found : first.found,
      fromKv: isReversed ? toKv : fromKv,
      toKv: isReversed ? fromKv : toKv,
      ratedKva: element.windings[end.index]?.kva ?? element.windings[first.index]?.kva,
    })
  }
  if (seen.size === 1) wrong(part, 'self-loop', 'begins and ends at one bus')
}

type Terminal = {
  readonly nodes: readonly number[]
  readonly found: readonly number[]
  readonly bus: BusSpec
}

function joinWindings(
  conductors: Conductors,
  one: Terminal,
  other: Terminal,
  phases: number,
): void {
  const live = (nodes: readonly number[]): string =>
    [...nodes]
      .filter((node) => node !== 0)
      .sort((a, b) => a - b)
      .join()
  const same = live(one.nodes) === live(other.nodes)
  if (phases === 1 && !same) return conductors.gather(one.found, other.found)
  for (let i = 0; i < Math.max(one.nodes.length, other.nodes.length); i++) {
    // A single-phase unit between the same two nodes may be drawn with them the other way round.
    const nodes = phases === 1 ? [one.nodes[i], one.nodes[i]] : [one.nodes[i], other.nodes[i]]
    const from = conductors.at(one.bus.bus, nodes[0] ?? 0)
    const to = conductors.at(other.bus.bus, nodes[1] ?? 0)
    if (from !== undefined && to !== undefined) conductors.join(from, to, false)
  }
}

/** A fuse on the terminal of a transformer stands between the bus and a node of its own. */
function seatSwitch(
  part: Part,
  bus: BusSpec,
  nodes: readonly number[],
  device: SwitchDevice,
): BusSpec {
  const id = device.devices[0] ?? ''
  const behind = { bus: `${bus.bus}#${id}`, nodes: bus.nodes }
  const wires: { one: number; other: number; open: boolean }[] = []
  for (const [index, node] of nodes.entries()) {
    const one = part.conductors.at(bus.bus, node)
    const other = part.conductors.at(behind.bus, node)
    if (one === undefined || other === undefined) continue
    const open = ((device.normallyOpen ?? 0) & (1 << index)) !== 0
    wires.push({ one, other, open })
    part.conductors.join(one, other, open)
  }
  const { element } = part
  part.parts.wires.push({
    id,
    element,
    from: bus.bus,
    to: behind.bus,
    wires,
    device,
    swapsNodes: false,
  })
  return behind
}

/**
 * Volts between phases of what is joined to a winding: a single-phase wye winding is rated to neutral; behind a centre tap the two halves
 * stand one on the other.
 */
function kvOf(
  element: Element,
  index: number,
  phases: number,
  isCentreTap: boolean,
): number | undefined {
  const winding = element.windings[index]
  if (winding?.kv === undefined) return undefined
  if (isCentreTap) return winding.kv * 2
  const nodes = readBus(winding.bus ?? '')?.nodes.filter((node) => node !== 0).length ?? 0
  return phases === 1 && !winding.delta && nodes < 2 && winding.kv > 1
    ? winding.kv * SQRT3
    : winding.kv
}
