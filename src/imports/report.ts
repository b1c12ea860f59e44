/** One thing wrong (or worth knowing) about what was read: what, where and which. */
export type Fault = {
  /** An `error` refuses the whole import; a `warning` is reported and kept. */
  readonly severity: 'error' | 'warning'
  /** What kind of thing it is about: `line`, `switch`, `service-point`, `row`, `file`… */
  readonly component: string
  /** The column or property, where there is one. */
  readonly field: string | null
  /** The ids concerned, all of them up to `FAULT_IDS_MAX`. */
  readonly ids: readonly string[]
  /** How many are concerned, which may be more than `ids` lists. */
  readonly count: number
  /** File and line, `lines.csv:12`, where the source has such. */
  readonly where: string | null
  /** A whole sentence fragment in plain words: `serves no customer`. */
  readonly says: string
  /** A stable word for tests and programs: `unfed`, `dangling`, `duplicate-id`, `phase-mismatch`… */
  readonly code: string
}

export const FAULT_IDS_MAX = 100

export const hasErrors = (faults: readonly Fault[]): boolean =>
  faults.some((fault) => fault.severity === 'error')

/** One line of print per fault, the way the commands show it. */
export function formatFault(fault: Fault): string {
  const which = fault.ids.slice(0, 10).join(', ')
  const more = fault.count > 10 ? ` and ${fault.count - 10} more` : ''
  const field = fault.field === null ? '' : ` ${fault.field}`
  const where = fault.where === null ? '' : ` (${fault.where})`
  return `${fault.severity}: ${fault.component}${field}: ${fault.says}${which === '' ? '' : `: ${which}${more}`}${where}`
}
