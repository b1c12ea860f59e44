import type { SwitchKind } from '../grid/tables.ts'

/** The files of a network folder and their columns (contract.md, "Network folder"), read and written from one place. */
export type FolderFile =
  | 'sources.csv'
  | 'substations.csv'
  | 'feeders.csv'
  | 'nodes.csv'
  | 'switches.csv'
  | 'lines.csv'
  | 'transformers.csv'
  | 'service_points.csv'

export type Columns = {
  readonly required: readonly string[]
  readonly optional: readonly string[]
  /** A network without it is no network; the others may be missing, which is only said. */
  readonly needed: boolean
  /** How a report calls one row. */
  readonly component: string
}

export const FOLDER_COLUMNS: Readonly<Record<FolderFile, Columns>> = {
  'sources.csv': {
    component: 'source',
    needed: true,
    required: ['id', 'node', 'phases'],
    optional: ['rated_kva'],
  },
  'substations.csv': {
    component: 'substation',
    needed: false,
    required: ['id', 'name'],
    optional: ['area', 'lon', 'lat'],
  },
  'feeders.csv': {
    component: 'feeder',
    needed: false,
    required: ['id', 'name', 'substation', 'head'],
    optional: ['rated_a', 'rated_kva'],
  },
  'nodes.csv': {
    component: 'node',
    needed: true,
    required: ['id'],
    optional: ['kv', 'lon', 'lat'],
  },
  'switches.csv': {
    component: 'switch',
    needed: false,
    required: ['id', 'from', 'to', 'kind', 'phases', 'normal'],
    optional: ['rated_a', 'telemetered', 'name'],
  },
  'lines.csv': {
    component: 'line',
    needed: false,
    required: ['id', 'from', 'to', 'phases'],
    optional: ['length_m', 'rated_a', 'overhead', 'failures_per_km_year', 'repair_h'],
  },
  'transformers.csv': {
    component: 'transformer',
    needed: false,
    required: ['id', 'from', 'to', 'phases', 'kind', 'rated_kva'],
    optional: ['name', 'failures_per_year', 'repair_h'],
  },
  'service_points.csv': {
    component: 'service-point',
    needed: false,
    required: ['id', 'node', 'phases', 'customers'],
    optional: ['connected_kva', 'class', 'average_kw', 'peak_kw', 'priority', 'lon', 'lat'],
  },
}

export const FOLDER_FILES = Object.keys(FOLDER_COLUMNS) as FolderFile[]

export const isFolderFile = (name: string): name is FolderFile =>
  Object.hasOwn(FOLDER_COLUMNS, name)

export const POSITIONS = ['open', 'closed'] as const

/** Identifiers are the utility's own strings, up to this many characters, without control characters. */
const ID_CHARS_MAX = 128

// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/

/** Why a text cannot be an identifier; undefined where it can. */
export function idFault(id: string): string | undefined {
  if (id === '') return 'is empty'
  if (id.length > ID_CHARS_MAX) return `is longer than ${ID_CHARS_MAX} characters`
  if (CONTROL.test(id)) return 'has a control character'
  return undefined
}

/** What a network that does not say so is taken to have: remote signals from what breaks load, none from what a crew handles. */
export const telemeteredByDefault = (kind: SwitchKind): boolean =>
  kind === 'breaker' || kind === 'recloser' || kind === 'sectionaliser' || kind === 'load_break'
