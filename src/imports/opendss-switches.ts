import type { SwitchKind } from '../grid/tables.ts'
import type { FaultList } from './fault-list.ts'
import { ALL_CONDUCTORS, type Circuit, type Element } from './opendss-circuit.ts'
import { readList, readNumber, readYes } from './opendss-words.ts'

/** A line that switches, or a device that sits where there is no line. */
export type SwitchDevice = {
  readonly kind: SwitchKind
  /** Conductors that the device itself says are normally open; undefined where it says nothing. */
  readonly normallyOpen: number | undefined
  readonly ratedA: number | undefined
  /** Ids of the fuses, reclosers, relays and switch controls. */
  readonly devices: readonly string[]
}

/** The classes that make the line they sit on a switch. Where several sit on one line the first of these names its kind. */
const KIND_OF: Readonly<Record<string, SwitchKind>> = {
  recloser: 'recloser',
  relay: 'breaker',
  fuse: 'fuse',
  swtcontrol: 'load_break',
}
const KIND_ORDER: readonly SwitchKind[] = ['recloser', 'breaker', 'fuse', 'load_break']

/** `linetype=` of a line with `Switch=yes` says what it is; without it, it is a load break switch. */
const LINE_TYPES: Readonly<Record<string, SwitchKind>> = {
  swt_ldbrk: 'load_break',
  swt_fuse: 'fuse',
  swt_sect: 'sectionaliser',
  swt_rec: 'recloser',
  swt_disc: 'disconnector',
  swt_brk: 'breaker',
  swt_elbow: 'disconnector',
}

/** Which elements switch, by the id of the line, or `id#terminal` of the transformer, that the device sits on. */
export function findSwitches(circuit: Circuit, faults: FaultList): Map<string, SwitchDevice> {
  const found = new Map<string, SwitchDevice>()
  for (const element of circuit.elements.values()) {
    const kind = KIND_OF[element.className]
    if (kind === undefined || !element.enabled) continue
    const sits = seatOf(circuit, element)
    if (sits === undefined) {
      faults.add({
        severity: 'warning',
        component: element.className,
        code: 'switch-without-seat',
        says: 'sits on no line or transformer that is there, and was left out',
        ids: [element.id],
        where: element.where,
      })
      continue
    }
    const before = found.get(sits)
    const kinds = [kind, ...(before === undefined ? [] : [before.kind])]
    found.set(sits, {
      kind: KIND_ORDER.find((each) => kinds.includes(each)) ?? kind,
      normallyOpen: before?.normallyOpen ?? normallyOpenOf(element),
      ratedA: before?.ratedA ?? readNumber(element.props.get('ratedcurrent') ?? ''),
      devices: [...(before?.devices ?? []), element.id],
    })
  }
  for (const element of circuit.elements.values()) {
    if (element.className !== 'line' || !readYes(element.props.get('switch') ?? '')) continue
    const device = found.get(element.id)
    const lineType = LINE_TYPES[element.props.get('linetype')?.toLowerCase() ?? '']
    found.set(element.id, {
      kind:
        device === undefined || device.kind === 'load_break'
          ? (lineType ?? 'load_break')
          : device.kind,
      normallyOpen: device?.normallyOpen,
      ratedA: device?.ratedA,
      devices: device?.devices ?? [],
    })
  }
  return found
}

/** What a device switches: `SwitchedObj`, or else what it monitors. */
function seatOf(circuit: Circuit, device: Element): string | undefined {
  const switched = device.props.get('switchedobj')
  const name = (switched ?? device.props.get('monitoredobj') ?? '').trim().toLowerCase()
  const target = circuit.elements.get(name.includes('.') ? name : `line.${name}`)
  if (target === undefined || !target.enabled) return undefined
  if (target.className === 'line') return target.id
  if (target.className !== 'transformer' && target.className !== 'autotrans') return undefined
  const term = device.props.get(switched === undefined ? 'monitoredterm' : 'switchedterm')
  const terminal = readNumber(term ?? '1') ?? 1
  return target.windings[terminal - 1] === undefined ? undefined : `${target.id}#${terminal}`
}

/** `Normal=`, else `State=`, else `Action=`: `open`, `closed`, or one word a conductor. */
function normallyOpenOf(device: Element): number | undefined {
  const said = device.props.get('normal') ?? device.props.get('state') ?? device.props.get('action')
  if (said === undefined) return undefined
  const words = readList(said).map((word) => word.toLowerCase().startsWith('o'))
  if (words.length <= 1) return words[0] === true ? ALL_CONDUCTORS : 0
  return words.reduce((bits, open, index) => (open ? bits | (1 << index) : bits), 0)
}

/** Conductors of an element that `Open` left open, at whichever end. */
export const openedConductors = (element: Element): number =>
  [...element.open.values()].reduce((bits, each) => bits | each, 0)
