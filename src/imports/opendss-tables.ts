import { NO_PHASES, type Phases } from '../grid/phases.ts'
import type {
  LineRow,
  NetworkTables,
  NodeRow,
  ServicePointRow,
  SourceRow,
  SwitchRow,
  TransformerRow,
} from '../grid/tables.ts'
import type { FaultList } from './fault-list.ts'
import { idFault, telemeteredByDefault } from './network-columns.ts'
import type { Circuit, Element } from './opendss-circuit.ts'
import { createConductors, type Conductors } from './opendss-conductors.ts'
import { findParts, type Parts, type WirePart } from './opendss-parts.ts'
import { reportLeftOut } from './opendss-left-out.ts'
import { voltages } from './opendss-voltages.ts'
import { readNumber } from './opendss-words.ts'

/** Below this the secondary of a transformer serves customers; above it supply goes on to other transformers. */
const LOW_VOLTAGE_KV = 1
/** Power factor that OpenDSS takes where a load says none. */
const POWER_FACTOR = 0.88

const METRES: Readonly<Record<string, number>> = {
  mi: 1609.344,
  kft: 304.8,
  km: 1000,
  m: 1,
  me: 1,
  ft: 0.3048,
  in: 0.0254,
  cm: 0.01,
  mm: 0.001,
}

/** The tables of a circuit, without substations and feeders, which OpenDSS does not know. */
export function circuitTables(
  circuit: Circuit,
  faults: FaultList,
): Omit<NetworkTables, 'substations' | 'feeders'> {
  const conductors = createConductors()
  const parts = findParts(circuit, conductors, faults)
  conductors.trace(
    parts.sources.flatMap((source) =>
      source.wires.flatMap(({ conductor, node }) =>
        node <= 3 ? [{ conductor, phases: 1 << (node - 1) }] : [],
      ),
    ),
  )
  reportLeftOut(circuit, parts, faults)
  const build: Build = { circuit, conductors, parts, faults }
  const branches = wireRows(build)
  const tables = {
    sources: sourceRows(build),
    switches: branches.switches,
    lines: branches.lines,
    transformers: transformerRows(build),
    servicePoints: servicePointRows(build),
    nodes: nodeRows(build),
  }
  for (const rows of Object.values(tables)) refuseBadIds(rows, faults)
  return tables
}

type Build = {
  readonly circuit: Circuit
  readonly conductors: Conductors
  readonly parts: Parts
  readonly faults: FaultList
}

function phasesOf(conductors: Conductors, found: readonly number[]): Phases {
  return found.reduce((sum, conductor) => sum | conductors.phases(conductor), NO_PHASES)
}

function sourceRows({ parts, conductors }: Build): SourceRow[] {
  return parts.sources.flatMap((source) => {
    const phases = phasesOf(
      conductors,
      source.wires.map((wire) => wire.conductor),
    )
    return phases === NO_PHASES
      ? []
      : [{ id: source.element.id, node: source.bus, phases, ratedKva: null }]
  })
}

function wireRows({ circuit, conductors, parts, faults }: Build): {
  switches: SwitchRow[]
  lines: LineRow[]
} {
  const switches: SwitchRow[] = []
  const lines: LineRow[] = []
  const swapped: string[] = []
  const disagreeing: string[] = []
  const partlyOpen: string[] = []
  const openLines: string[] = []
  const shortened: string[] = []
  for (const part of parts.wires) {
    let closed = NO_PHASES
    let open = NO_PHASES
    let agrees = true
    for (const wire of part.wires) {
      const one = conductors.phases(wire.one)
      const other = conductors.phases(wire.other)
      agrees &&= one === other || one === NO_PHASES || other === NO_PHASES
      const phases = (one & other) === NO_PHASES ? one | other : one & other
      if (wire.open) open |= phases
      else closed |= phases
    }
    if (!agrees) disagreeing.push(part.id)
    if (part.swapsNodes && !isRenumbered(conductors, part)) swapped.push(part.id)
    if ((closed | open) === NO_PHASES) {
      faults.add({
        severity: 'warning',
        component: part.element.className,
        code: 'no-phase',
        says: 'joins no phase conductors, and was left out',
        ids: [part.id],
        where: part.element.where,
      })
      continue
    }
    if (part.device === undefined && open === NO_PHASES) {
      lines.push(lineRow(circuit, part, closed))
      continue
    }
    if (part.device === undefined) openLines.push(part.id)
    else if (part.device.devices.length > 0 && (lengthM(circuit, part.element) ?? 0) > 0) {
      shortened.push(part.id)
    }
    if (closed !== NO_PHASES && open !== NO_PHASES) partlyOpen.push(part.id)
    if (closed !== NO_PHASES) switches.push(switchRow(circuit, part, part.id, closed, true))
    const openId = closed === NO_PHASES ? part.id : `${part.id}#open`
    const openOnly = open & ~closed
    if (openOnly !== NO_PHASES) switches.push(switchRow(circuit, part, openId, openOnly, false))
  }
  const note = (component: string, code: string, says: string, ids: readonly string[]): void => {
    if (ids.length > 0) faults.add({ severity: 'warning', component, code, says, ids })
  }
  note(
    'line',
    'phase-swap',
    'changes the phase of its conductors on the way; what lies behind is named by the phase that feeds it',
    swapped,
  )
  note(
    'line',
    'phase-conflict',
    'joins conductors that two ways from the source give different phases',
    disagreeing,
  )
  note(
    'switch',
    'part-open',
    'is open on some conductors only; those became a switch of their own, with #open behind the name',
    partlyOpen,
  )
  note(
    'line',
    'open-line',
    'is opened although it is no switch, and was read as a disconnector',
    openLines,
  )
  note(
    'switch',
    'length-lost',
    'is a line with a device on it; as a switch it has no length',
    shortened,
  )
  return { switches, lines }
}

/** Legs and wires behind a single-phase transformer have numbers that say nothing about phases. */
const isRenumbered = (conductors: Conductors, part: WirePart): boolean =>
  part.wires.some(
    (wire) => conductors.isRenumbered(wire.one) || conductors.isRenumbered(wire.other),
  )

function switchRow(
  circuit: Circuit,
  part: WirePart,
  id: string,
  phases: Phases,
  normallyClosed: boolean,
): SwitchRow {
  const kind = part.device?.kind ?? 'disconnector'
  const devices = part.device?.devices ?? []
  return {
    id,
    from: part.from,
    to: part.to,
    kind,
    phases,
    normallyClosed,
    ratedA: part.device?.ratedA ?? amount(codedProperty(circuit, part.element, 'normamps')),
    telemetered: telemeteredByDefault(kind),
    name: devices.length === 0 ? null : devices.join(' '),
  }
}

function lineRow(circuit: Circuit, part: WirePart, phases: Phases): LineRow {
  const { element } = part
  const metres = unitM(circuit, element)
  const faultRate = amount(element.props.get('faultrate'))
  const percentPermanent = amount(element.props.get('pctperm')) ?? 20
  return {
    id: part.id,
    from: part.from,
    to: part.to,
    phases,
    lengthM: lengthM(circuit, element),
    ratedA: amount(codedProperty(circuit, element, 'normamps')),
    overhead: isOverhead(element),
    // OpenDSS: failures a year and unit of length, of which `pctperm` per cent last.
    failuresPerKmYear:
      faultRate === null || metres === undefined
        ? null
        : rounded((faultRate * percentPermanent * 10) / metres),
    repairH: amount(element.props.get('repair')),
  }
}

const amount = (value: string | undefined): number | null => {
  const read = value === undefined ? undefined : readNumber(value)
  return read === undefined || read <= 0 ? null : read
}

const rounded = (value: number): number => Number(value.toPrecision(9))

/** What the line says, or else its line code. */
function codedProperty(circuit: Circuit, element: Element, property: string): string | undefined {
  const said = element.props.get(property)
  if (said !== undefined) return said
  const code = element.props.get('linecode')?.trim().toLowerCase()
  return code === undefined
    ? undefined
    : circuit.elements.get(`linecode.${code}`)?.props.get(property)
}

function unitM(circuit: Circuit, element: Element): number | undefined {
  return METRES[codedProperty(circuit, element, 'units')?.trim().toLowerCase() ?? '']
}

function lengthM(circuit: Circuit, element: Element): number | null {
  const metres = unitM(circuit, element)
  const length = amount(element.props.get('length'))
  return length === null || metres === undefined ? null : rounded(length * metres)
}

function isOverhead(element: Element): boolean | null {
  const lineType = element.props.get('linetype')?.toLowerCase() ?? ''
  if (lineType.startsWith('oh')) return true
  if (lineType.startsWith('ug')) return false
  if (element.props.has('cncables') || element.props.has('tscables')) return false
  return element.props.has('wires') ? true : null
}

function transformerRows({ parts, conductors, faults }: Build): TransformerRow[] {
  const rows: TransformerRow[] = []
  for (const part of parts.windings) {
    const phases = phasesOf(conductors, part.before)
    if (phases === NO_PHASES) {
      faults.add({
        severity: 'warning',
        component: 'transformer',
        code: 'no-phase',
        says: 'joins no phase conductors, and was left out',
        ids: [part.id],
        where: part.element.where,
      })
      continue
    }
    const isDistribution = part.toKv !== undefined && part.toKv <= LOW_VOLTAGE_KV
    rows.push({
      id: part.id,
      from: part.from,
      to: part.to,
      phases,
      kind: isDistribution ? 'distribution' : 'power',
      ratedKva: part.ratedKva === undefined || part.ratedKva === 0 ? null : part.ratedKva,
      name: part.element.props.get('subname') ?? null,
      failuresPerYear: amount(part.element.props.get('faultrate')),
      repairH: amount(part.element.props.get('repair')),
    })
  }
  return rows
}

function servicePointRows({ parts, conductors, faults }: Build): ServicePointRow[] {
  const many: string[] = []
  const rows = parts.loads.flatMap(({ element, bus, conductors: found }): ServicePointRow[] => {
    const phases = phasesOf(conductors, found)
    const number = (property: string): number | null => {
      const value = element.props.get(property)
      if (value === undefined) return null
      const read = readNumber(value)
      if (read !== undefined) return read
      faults.add({
        severity: 'error',
        component: 'load',
        field: property,
        code: 'bad-number',
        says: `is not a number: "${value.slice(0, 40)}"`,
        ids: [element.id],
        where: element.where,
      })
      return null
    }
    const kw = number('kw')
    const kva = number('kva') ?? number('xfkva')
    const kvar = number('kvar')
    const factor = Math.abs(number('pf') ?? POWER_FACTOR) || POWER_FACTOR
    const connectedKva =
      kva ?? (kw === null ? null : kvar === null ? kw / factor : Math.hypot(kw, kvar))
    if ((number('numcust') ?? 1) !== 1) many.push(element.id)
    if (phases === NO_PHASES) {
      faults.add({
        severity: 'warning',
        component: 'load',
        code: 'no-phase',
        says: 'hangs on no phase conductor, and was left out',
        ids: [element.id],
        where: element.where,
      })
      return []
    }
    return [
      {
        id: element.id,
        node: bus,
        phases,
        customers: 1,
        connectedKva: connectedKva === null ? null : rounded(Math.abs(connectedKva)),
        class: null,
        averageKw: kw,
        peakKw: kw,
        priority: null,
        lon: null,
        lat: null,
      },
    ]
  })
  if (many.length > 0) {
    faults.add({
      severity: 'warning',
      component: 'load',
      field: 'numcust',
      code: 'one-customer',
      says: 'says that it serves several customers or none; each load is read as one',
      ids: many,
    })
  }
  return rows
}

function nodeRows({ circuit, conductors, parts, faults }: Build): NodeRow[] {
  const kv = voltages(circuit, parts)
  const placed = [...circuit.places.values()]
  const areDegrees = placed.every(([x, y]) => Math.abs(x) <= 180 && Math.abs(y) <= 90)
  if (!areDegrees) {
    faults.add({
      severity: 'warning',
      component: 'place',
      code: 'drawing-units',
      says: 'the coordinates of the buses are no degrees but units of a drawing, and were left out',
      count: placed.length,
    })
  }
  return [...conductors.buses()].map((id) => {
    const [lon, lat] = (areDegrees ? circuit.places.get(id) : undefined) ?? [null, null]
    return { id, kv: kv.get(id) ?? null, lon, lat }
  })
}

function refuseBadIds(rows: readonly { readonly id: string }[], faults: FaultList): void {
  for (const { id } of rows) {
    const fault = idFault(id)
    if (fault === undefined) continue
    faults.add({ severity: 'error', component: 'id', code: 'bad-id', says: fault, ids: [id] })
  }
}
