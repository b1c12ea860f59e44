import { openCommandDatabase, type OpenedDatabase } from '../open-database.ts'
import { readSettings, type Settings } from '../settings.ts'
import { WrongUse, type Io } from './command.ts'

/** The settings of the environment, or WrongUse with every fault in them. */
export function settingsOf(io: Io, overrides: Partial<Settings> = {}): Settings {
  const read = readSettings(io.env)
  if (!read.ok) {
    throw new WrongUse(
      ['the environment is wrong:', ...read.faults.map((f) => `  ${f.name} ${f.says}`)].join('\n'),
    )
  }
  return { ...read.settings, ...overrides }
}

/** The settings of a command that signs and checks nothing: it does not ask for a secret. */
export const settingsWithoutAuth = (io: Io): Settings =>
  settingsOf({ ...io, env: { RELIGHT_AUTH_SECRET: 'a command that signs nothing', ...io.env } })

/** Runs a command on the database of the environment; where a service runs on the data folder, beside it. */
export async function withDatabase<T>(
  io: Io,
  run: (opened: OpenedDatabase, settings: Settings) => Promise<T>,
): Promise<T> {
  const settings = settingsWithoutAuth(io)
  const opened = await openCommandDatabase(settings)
  try {
    return await run(opened, settings)
  } finally {
    await opened.close()
  }
}
