import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { NetworkTables } from '../grid/tables.ts'
import { createFaultList, type FaultList } from './fault-list.ts'
import { inferFeeders } from './network-feeders.ts'
import { runScript } from './opendss-script.ts'
import { circuitTables } from './opendss-tables.ts'
import type { Fault } from './report.ts'

/**
 * Reads an OpenDSS circuit from its first file, or from the one file `master*.dss` of a folder. What is not modelled is
 * named in the faults; where one of them is an error the tables are incomplete and must not be stored.
 */
export async function readOpenDss(
  path: string,
): Promise<{ tables: NetworkTables; faults: Fault[] }> {
  const faults = createFaultList()
  const first = await firstFile(path, faults)
  const empty = {
    sources: [],
    nodes: [],
    switches: [],
    lines: [],
    transformers: [],
    servicePoints: [],
  }
  if (first === undefined) {
    return { tables: { ...empty, substations: [], feeders: [] }, faults: faults.faults() }
  }
  const circuit = await runScript(first, faults)
  const tables = circuitTables(circuit, faults)
  if (tables.sources.length === 0) {
    faults.add({
      severity: 'error',
      component: 'source',
      code: 'no-source',
      says: 'there is no circuit in the file (New Circuit)',
      where: first,
    })
  }
  return { tables: { ...tables, ...inferFeeders(tables, faults) }, faults: faults.faults() }
}

async function firstFile(path: string, faults: FaultList): Promise<string | undefined> {
  const refuse = (code: string, says: string, ids: readonly string[] = []): undefined => {
    faults.add({ severity: 'error', component: 'file', code, says, ids, where: path })
    return undefined
  }
  try {
    if (!(await stat(path)).isDirectory()) return path
    const scripts = (await readdir(path)).filter((name) => name.toLowerCase().endsWith('.dss'))
    const masters = scripts.filter((name) => name.toLowerCase().startsWith('master'))
    const [only, ...more] = masters.length > 0 ? masters : scripts
    if (only === undefined) return refuse('file-missing', 'has no .dss file in it')
    if (more.length === 0) return join(path, only)
    return refuse('which-file', 'has several .dss files; name the first one', [only, ...more])
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    return refuse('unreadable', `cannot be read (${code})`)
  }
}
