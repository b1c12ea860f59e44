import { pino, type Logger } from 'pino'
import { ROLES, startService, type Role } from '../service.ts'
import { oneOf, parse, type Command, type Io } from './command.ts'
import { settingsOf } from './with-database.ts'

/** Stopping takes so long at most. */
const STOP_MS_MAX = 25_000
/** All is closed; what is left after this is nothing that anybody waits for. */
const LINGER_MS_MAX = 2_000

export const serveCommand: Command = {
  help: `relight serve [--role all|engine|gateway]
    the service, configured by the environment; writes one line of log with "msg":"ready" when it is`,
  run: async (argv, io) => {
    const { role } = parse(
      argv,
      { role: { type: 'string', default: 'all' } },
      { least: 0, most: 0, names: 'options' },
      ({ values }) => ({ role: () => oneOf<Role>('role', values.role, ROLES) }),
    )
    const settings = settingsOf(io)
    const logger = openLogger(settings.logLevel)
    try {
      const service = await startService(settings, role, logger, io.signal)
      await aborted(io)
      logger.info({ msg: 'stopping' })
      // A database that hangs is waited for no longer: what is not committed is not acknowledged, and comes again.
      const impatience = setTimeout(() => {
        logger.error({ msg: 'stopped without an answer of the database' })
        process.exit(1)
      }, STOP_MS_MAX)
      await service.close()
      clearTimeout(impatience)
      logger.info({ msg: 'stopped' })
      // A connection whose other end never answers would keep the process for as long as TCP hopes.
      setTimeout(() => process.exit(0), LINGER_MS_MAX).unref()
      return 0
    } catch (error) {
      // Told to stop while it stood by or opened: that is no failure.
      if (io.signal.aborted) return 0
      throw error
    }
  },
}

/** One JSON object a line on the standard output. Tokens and cookies never get there. */
export const openLogger = (level: string): Logger =>
  pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: ['req.headers.authorization', 'req.headers.cookie', 'headers.authorization', '*.token'],
  })

export const aborted = (io: Io): Promise<void> =>
  new Promise((resolve) => {
    if (io.signal.aborted) resolve()
    else io.signal.addEventListener('abort', () => resolve(), { once: true })
  })
