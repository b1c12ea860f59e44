import { hasErrors, formatFault, type Fault } from '../imports/report.ts'
import { readInterruptionRecord, readMapping } from '../imports/interruption-record.ts'
import { knownFeeders, storeInterruptionRecord } from '../stores/interruption-records.ts'
import { parse, WrongUse, type Command } from './command.ts'
import { withDatabase } from './with-database.ts'

export const interruptionsCommand: Command = {
  help: `relight interruptions import FILE.csv [--mapping FILE.json] [--skip-bad]
    reads an interruption record, and customers.csv beside it; every fault is listed, and nothing is stored when a row is wrong,
    unless --skip-bad, which says what it skipped. A row without an end is refused, unless the mapping says withoutEnd: "open" (still
    out: counted until now, and provisional) or "leaveOut"`,
  run: async ([what, ...argv], io) => {
    if (what !== 'import') {
      throw new WrongUse(what === undefined ? 'import what?' : `import, not ${what}`)
    }
    const { file, skipBad, mappingFile } = parse(
      argv,
      { mapping: { type: 'string' }, 'skip-bad': { type: 'boolean', default: false } },
      { least: 1, most: 1, names: 'one FILE.csv' },
      ({ values, positionals: [path = ''] }) => ({
        file: () => path,
        skipBad: () => values['skip-bad'],
        mappingFile: () => values.mapping,
      }),
    )
    const mapping = mappingFile === undefined ? undefined : await readMapping(mappingFile)
    const refuse = (faults: readonly Fault[]): number => {
      for (const fault of faults) io.out(formatFault(fault))
      io.err(`${file}: nothing was stored`)
      return 1
    }
    if (mapping !== undefined && !mapping.ok) return refuse(mapping.faults)
    return withDatabase(io, async ({ db }, { timeZone }) => {
      const feeders = await knownFeeders(db)
      const record = await readInterruptionRecord(file, {
        skipBad,
        timeZone,
        ...(mapping === undefined ? {} : { mapping: mapping.mapping }),
        ...(feeders === undefined ? {} : { knownFeeders: feeders }),
      })
      if (!record.storable) return refuse(record.faults)
      for (const fault of record.faults) io.out(formatFault(fault))
      const stored = await db
        .transaction()
        .execute((tx) => storeInterruptionRecord(tx, record, { timeZone, now: io.now() }))
      if (stored.outcome === 'names-used-again') {
        io.out(
          `these outages are on record at another time of the year: ${stored.outages.join(', ')}`,
        )
        io.err(`${file}: nothing was stored`)
        return 1
      }
      if (stored.outcome === 'names-in-other-areas') {
        io.out(`these outages are on record in other areas: ${stored.outages.join(', ')}`)
        io.err(
          `${file}: nothing was stored; a mapping may say namesByArea: false (the areas were corrected) or true (each area numbers its own outages)`,
        )
        return 1
      }
      io.out(
        `${stored.rows} rows: ${stored.added} outages are new, ${stored.changed} changed, ${stored.same} were there already` +
          (record.refusedRows > 0 ? `; ${record.refusedRows} rows were skipped` : ''),
      )
      return hasErrors(record.faults) ? 1 : 0
    })
  },
}
