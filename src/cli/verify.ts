import { verifyLedger } from '../control-room/verify.ts'
import { DEFAULT_SETTINGS } from '../ledger/state.ts'
import { MS_PER_MIN, MS_PER_S } from '../time.ts'
import { anInstant, parse, WrongUse, type Command } from './command.ts'
import { withDatabase } from './with-database.ts'

export const verifyCommand: Command = {
  help: `relight verify [--from T] [--to T]
    derives the ledger again from the observations, archived ones too, and compares; exit 0 if equal, else prints each difference (or
    each damaged chunk of the archive) and exits 1`,
  run: async (argv, io) => {
    const { from, to } = parse(
      argv,
      { from: { type: 'string' }, to: { type: 'string' } },
      { least: 0, most: 0, names: 'options' },
      ({ values }) => ({
        from: () =>
          values.from === undefined ? Number.NEGATIVE_INFINITY : anInstant('from', values.from),
        to: () => (values.to === undefined ? Number.POSITIVE_INFINITY : anInstant('to', values.to)),
      }),
    )
    if (to <= from) throw new WrongUse('--to must be after --from')
    return withDatabase(io, async ({ db }, settings) => {
      const found = await verifyLedger(db, {
        from,
        to,
        settings: {
          ...DEFAULT_SETTINGS,
          recloseWindowMs: settings.recloseWindowMin * MS_PER_MIN,
          futureToleranceMs: settings.futureToleranceS * MS_PER_S,
          thinRepeats: true,
        },
        say: io.out,
      })
      if (found.damaged > 0) {
        io.out(`the archive is damaged (${found.damaged}): nothing was derived from the record`)
        return 1
      }
      io.out(
        found.differences === 0
          ? `equal: ${found.outages} outages follow from ${found.observations} observations`
          : `${found.differences} difference${found.differences === 1 ? '' : 's'} in ${found.outages} outages from ${found.observations} observations`,
      )
      return found.differences === 0 ? 0 : 1
    })
  },
}
