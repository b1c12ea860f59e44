import { archiveBefore } from '../control-room/archiving.ts'
import { toIso } from '../time.ts'
import { anInstant, parse, WrongUse, type Command } from './command.ts'
import { withDatabase } from './with-database.ts'

export const archiveCommand: Command = {
  help: `relight archive --before T
    compresses observations from before T, a day or an instant, out of the live tables into the archive; verify, late words and explanations
    go on reading them. What the service begins with at a start, and what outages that are not over rest on, stays where it is`,
  run: async (argv, io) => {
    const { before } = parse(
      argv,
      { before: { type: 'string' } },
      { least: 0, most: 0, names: 'options' },
      ({ values }) => ({
        before: () => {
          if (values.before !== undefined) return anInstant('before', values.before)
          throw new WrongUse('needs --before, a day or an instant')
        },
      }),
    )
    return withDatabase(io, async ({ db }) => {
      const done = await archiveBefore(db, {
        before,
        clock: io.now,
        goOn: () => !io.signal.aborted,
        between: () => Promise.resolve(),
      })
      if (done.until === undefined && !io.signal.aborted) {
        io.out('nothing can be archived yet: the service has kept no checkpoint')
        return 0
      }
      io.out(`archived ${done.words} observations in ${done.chunks} chunks of ${done.bytes} bytes`)
      if (done.until !== undefined && done.until < before) {
        io.out(`those from ${toIso(done.until)} on stay: the service begins with them at a start`)
      }
      return 0
    })
  },
}
