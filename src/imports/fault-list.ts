import { FAULT_IDS_MAX, type Fault } from './report.ts'

/** Faults of one kind that are listed one by one; what follows is counted in one line more. */
const FAULTS_PER_KIND_MAX = 100
/** A report quotes no more than this of what it read. */
const QUOTE_CHARS_MAX = 60

export type FaultList = {
  /** Notes one fault; past `FAULTS_PER_KIND_MAX` of the same kind it is only counted and named. */
  add(fault: NewFault): void
  /** Everything noted, in the order of first sight. */
  faults(): Fault[]
}

type NewFault = Omit<Fault, 'count' | 'field' | 'where' | 'ids'> & {
  field?: string | null
  where?: string | null
  ids?: readonly string[]
  /** Where it is more than `ids` lists. */
  count?: number
}

type Kind = {
  listed: number
  said: Set<string>
  rest: { fault: Fault; ids: string[]; count: number } | undefined
}

/** Collects faults so that a file of a million bad lines still gives a report that fits a screenful of pages. */
export function createFaultList(): FaultList {
  const list: (Fault | Kind)[] = []
  const kinds = new Map<string, Kind>()
  return {
    add(given) {
      const ids = (given.ids ?? []).map(quote)
      const fault: Fault = {
        severity: given.severity,
        component: given.component,
        field: given.field ?? null,
        ids: ids.slice(0, FAULT_IDS_MAX),
        count: given.count ?? ids.length,
        where: given.where == null ? null : printable(given.where),
        says: printable(given.says),
        code: given.code,
      }
      const key = `${fault.severity} ${fault.code} ${fault.component} ${fault.field ?? ''}`
      let kind = kinds.get(key)
      if (kind === undefined)
        kinds.set(key, (kind = { listed: 0, said: new Set(), rest: undefined }))
      if (kind.listed < FAULTS_PER_KIND_MAX) {
        // A script that runs a file twice says everything twice.
        const same = JSON.stringify(fault)
        if (kind.said.has(same)) return
        kind.said.add(same)
        kind.listed += 1
        list.push(fault)
        return
      }
      if (kind.rest === undefined) {
        kind.rest = { fault, ids: [], count: 0 }
        list.push(kind)
      }
      kind.rest.count += Math.max(1, fault.count)
      for (const id of fault.ids) if (kind.rest.ids.length < FAULT_IDS_MAX) kind.rest.ids.push(id)
    },
    faults: () => list.flatMap((entry) => ('rest' in entry ? restOf(entry) : [entry])),
  }
}

function restOf(kind: Kind): Fault[] {
  if (kind.rest === undefined) return []
  const { fault, ids, count } = kind.rest
  return [{ ...fault, ids, count, says: `${fault.says} (${count} more like this)` }]
}

/** What was read, shortened, so that a report can be printed. */
function quote(text: string): string {
  const plain = printable(text)
  return plain.length > 128 ? `${plain.slice(0, QUOTE_CHARS_MAX)}…` : plain
}

/** Without control characters and halves of characters, which neither terminals nor databases take. */
const printable = (text: string): string =>
  // eslint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\p{Surrogate}]/gu, '\ufffd')
