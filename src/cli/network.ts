import path from 'node:path'
import type { NetworkTables } from '../grid/tables.ts'
import { readNetwork } from '../imports/network.ts'
import { checkNetwork } from '../imports/network-checks.ts'
import { networkGeoJson } from '../http/network-geojson.ts'
import { openNetworkInForce } from '../http/network-in-force.ts'
import { writeNetworkFolder } from '../imports/network-export.ts'
import { formatFault, hasErrors, type Fault } from '../imports/report.ts'
import { latestRevision, loadRevision, saveRevision } from '../stores/networks.ts'
import { oneOf, parse, WrongUse, type Command, type Io } from './command.ts'
import { withDatabase } from './with-database.ts'

const HELP = `relight network import PATH [--format folder|opendss] [--check]
    reads a network (a folder of CSV files, a .zip of one, or an OpenDSS master file), prints every fault, and puts
    it in force; with --check it stores nothing
relight network export [--format folder|geojson] [--out PATH]
    writes the network that is in force: a folder (--out, default ./network), or GeoJSON to the standard output`

export const networkCommand: Command = {
  help: HELP,
  run: async ([what, ...argv], io) => {
    if (what === 'import') return importNetwork(argv, io)
    if (what === 'export') return exportNetwork(argv, io)
    throw new WrongUse(what === undefined ? 'import or export?' : `import or export, not ${what}`)
  },
}

async function importNetwork(argv: readonly string[], io: Io): Promise<number> {
  const { file, format, check } = parse(
    argv,
    { format: { type: 'string' }, check: { type: 'boolean', default: false } },
    { least: 1, most: 1, names: 'one PATH' },
    ({ values, positionals: [path = ''] }) => ({
      file: () => path,
      check: () => values.check,
      format: () =>
        values.format === undefined
          ? undefined
          : oneOf('format', values.format, ['folder', 'opendss'] as const),
    }),
  )
  const read = await readNetwork(file, format)
  const faults: Fault[] = [...read.faults]
  if (read.tables !== undefined && !hasErrors(faults)) faults.push(...checkNetwork(read.tables))
  for (const fault of faults) io.out(formatFault(fault))
  if (read.tables === undefined || hasErrors(faults)) {
    const errors = faults.filter((fault) => fault.severity === 'error').length
    io.err(`${file}: ${errors} error${errors === 1 ? '' : 's'}; nothing was stored`)
    return 1
  }
  const { tables } = read
  io.out(summary(tables))
  if (check) {
    io.out('checked; nothing was stored')
    return 0
  }
  return withDatabase(io, async ({ pool }) => {
    const at = io.now()
    const revision = await saveRevision(pool, tables, {
      validFrom: at,
      importedAt: at,
      format: read.format,
      report: faults,
    })
    io.out(`revision ${revision} is in force`)
    return 0
  })
}

function summary(tables: NetworkTables): string {
  const customers = tables.servicePoints.reduce((sum, point) => sum + point.customers, 0)
  const open = tables.switches.filter((row) => !row.normallyClosed).length
  return (
    `${tables.nodes.length} nodes, ${tables.switches.length} switches (${open} normally open), ${tables.lines.length} lines, ` +
    `${tables.transformers.length} transformers, ${tables.servicePoints.length} service points, ${customers} customers, ` +
    `${tables.feeders.length} feeders, ${tables.substations.length} substations`
  )
}

async function exportNetwork(argv: readonly string[], io: Io): Promise<number> {
  const { format, out } = parse(
    argv,
    { format: { type: 'string', default: 'folder' }, out: { type: 'string' } },
    { least: 0, most: 0, names: 'no PATH' },
    ({ values }) => ({
      format: () => oneOf('format', values.format, ['folder', 'geojson'] as const),
      out: () => values.out ?? 'network',
    }),
  )
  return withDatabase(io, async ({ db }) => {
    const revision = await latestRevision(db)
    if (revision === undefined) {
      io.err('there is no network: import one with relight network import')
      return 1
    }
    if (format === 'geojson') {
      const network = await openNetworkInForce({ db, clock: io.now, onChange: () => undefined })
      const view = await network.asItStands()
      network.close()
      if (view !== null) for (const text of networkGeoJson(view)) io.write(text)
      return 0
    }
    const tables = await loadRevision(db, revision.revision)
    const folder = path.resolve(out)
    await writeNetworkFolder(tables, folder)
    io.out(`revision ${revision.revision} written to ${folder}`)
    return 0
  })
}
