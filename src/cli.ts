import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { simulate } from '../simulators/command.ts'
import { archiveCommand } from './cli/archive.ts'
import { gatewayPasswordCommand, tokenCommand } from './cli/accounts.ts'
import { WrongUse, type Command, type Io } from './cli/command.ts'
import { demoCommand } from './cli/demo.ts'
import { explainCommand, indicesCommand, majorDaysCommand, predictCommand } from './cli/indices.ts'
import { networkCommand } from './cli/network.ts'
import { interruptionsCommand } from './cli/record.ts'
import { serveCommand } from './cli/serve.ts'
import { verifyCommand } from './cli/verify.ts'
import { packageRoot } from './root.ts'

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: serveCommand,
  demo: demoCommand,
  network: networkCommand,
  interruptions: interruptionsCommand,
  indices: indicesCommand,
  explain: explainCommand,
  'major-days': majorDaysCommand,
  predict: predictCommand,
  verify: verifyCommand,
  archive: archiveCommand,
  token: tokenCommand,
  'gateway-password': gatewayPasswordCommand,
  simulate: {
    help: 'relight simulate …\n    publishes field messages over MQTT; documents its own options',
    run: (argv, io) => simulate(argv, io),
  },
}

const HELP = `relight: outage management and reliability for electricity distribution

${Object.values(COMMANDS)
  .map((command) => command.help)
  .join('\n')}

Every command takes --help. Exit status: 0 done, 1 a finding, 2 wrong use. The environment is described in README.md.`

/** Runs one command line. Never throws: what goes wrong is said on `err`, and the exit status tells it. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    io.out(HELP)
    return name === undefined ? 2 : 0
  }
  if (name === '--version' || name === '-v' || name === 'version') {
    const about = await readFile(path.join(packageRoot, 'package.json'), 'utf8')
    io.out((JSON.parse(about) as { version: string }).version)
    return 0
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) {
    io.err(`relight: no command ${name}; relight --help lists them`)
    return 2
  }
  if (name !== 'simulate' && rest.some((word) => word === '--help' || word === '-h')) {
    io.out(command.help)
    return 0
  }
  try {
    return await command.run(rest, io)
  } catch (error) {
    if (error instanceof WrongUse) {
      io.err(`relight ${name}: ${error.message}`)
      return 2
    }
    io.err(`relight ${name}: ${error instanceof Error ? error.message : String(error)}`)
    if (io.env['LOG_LEVEL'] === 'debug' && error instanceof Error) io.err(error.stack ?? '')
    return 1
  }
}
