import { stat } from 'node:fs/promises'
import type { NetworkTables } from '../src/grid/tables.ts'
import { wordsOf } from '../src/cli/words.ts'
import { writeNetworkFolder } from '../src/imports/network-export.ts'
import { readNetworkFolder } from '../src/imports/network-folder.ts'
import { formatFault, hasErrors } from '../src/imports/report.ts'
import type { EpochMs } from '../src/time.ts'
import { createField } from './field.ts'
import { readSpl140k } from './spl-140k.ts'
import { runStory } from './story.ts'
import { rideStorms } from './storm-in-process.ts'
import { wireStorm } from './storm-wire.ts'
import { makeTown } from './town.ts'

export type SimulateIo = {
  /** One line of result, and of what else there is to say. */
  readonly out: (line: string) => void
  readonly err: (line: string) => void
  readonly now: () => EpochMs
  /** Ends what runs until it is stopped. */
  readonly signal: AbortSignal
}

const HELP = `relight simulate: towns, field devices and storms to try the service with

  relight simulate town --customers N [--seed S] [--per-feeder N] --out DIR
      writes the network folder of an invented town
  relight simulate spl-140k --from DIR --out DIR
      converts the files of the synthetic utility Sisyphean Power & Light
  relight simulate field --network DIR --mqtt URL [options]
      gateways that publish what happens in a network, until stopped
      --story             faults, switching and repairs, told line by line
      --speed X           of the story; default 1
      --seed S            default 1
      --load-s N          seconds between loads of feeder heads; default 10, 0 never
      --points-s N        seconds between loads of transformers; default 300, 0 never
      --heartbeat-s N     seconds between repeated positions; default 120, 0 never
      --meters SHARE      part of the meters that are heard; default 0.6
      --loss RATE         part of loads and meter words lost; default 0
      --duplicates RATE   part of the words said twice; default 0
      --delay-ms N        mean delay; words overtake each other; default 0
      --clock-ms N        clocks of gateways are off by up to this; default 0
  relight simulate storm [--customers N] [--seed S] [--seeds N] [options]
      a night of faults, crews and bad radio told to the real service over real MQTT, while it is
      killed and its broker and database go away; what it has stored in the end is held against
      the truth; prints seed and scorecard
      --customers N       default 2000
      --hours N           default 12
      --faults N          default: a few for each feeder
      --chatter N         times as many repeated positions; default 20
      --kills N           kill -9 of the service; default 2
      --broker-restarts N default 1
      --database-cuts N   default 1
      --database-url URL  a PostgreSQL server to make a database on, beside a Mosquitto;
                          default: the embedded database and broker
      --log FILE          what the service prints, too
  relight simulate storm --in-process [--seeds N] [--seed S]
      nights of faults, crews and bad radio fed to the ledger itself, on simulated time, in five
      orders of arrival each; what it says in the end is held against the truth; prints a scorecard
      --seeds N           how many; default 100
      --seed S            the first; default 1`

type Options = Record<string, { type: 'string' | 'boolean' }>
/** What was given, and what is wrong with it so far. */
type Given = {
  readonly values: Readonly<Record<string, string | boolean | undefined>>
  readonly faults: string[]
}
type Task = {
  readonly options: Options
  readonly run: (given: Given, io: SimulateIo) => Promise<number>
}

/** Wrong use of a command: what was wrong, in words. */
class WrongUse extends Error {}

const text = { type: 'string' } as const
const TASKS: Readonly<Record<string, Task>> = {
  town: {
    options: { customers: text, seed: text, 'per-feeder': text, out: text },
    run: writeTown,
  },
  'spl-140k': { options: { from: text, out: text }, run: convertSpl140k },
  field: {
    options: {
      network: text,
      mqtt: text,
      story: { type: 'boolean' },
      speed: text,
      seed: text,
      'load-s': text,
      'points-s': text,
      'heartbeat-s': text,
      meters: text,
      loss: text,
      duplicates: text,
      'delay-ms': text,
      'clock-ms': text,
    },
    run: runField,
  },
  storm: {
    options: {
      'in-process': { type: 'boolean' },
      seeds: text,
      seed: text,
      customers: text,
      hours: text,
      faults: text,
      chatter: text,
      kills: text,
      'broker-restarts': text,
      'database-cuts': text,
      'database-url': text,
      log: text,
    },
    run: runStorm,
  },
}

/** `relight simulate …`: 0 when done, 1 when it could not be, 2 on wrong use. */
export async function simulate(argv: readonly string[], io: SimulateIo): Promise<number> {
  const [name, ...rest] = argv
  const asked = ['--help', '-h', 'help']
  if (
    name === undefined ||
    asked.includes(name) ||
    rest.some((word) => word === '-h' || word === '--help')
  ) {
    io.out(HELP)
    return name === undefined ? 2 : 0
  }
  const task = TASKS[name]
  if (task === undefined) {
    io.err(`relight simulate: there is no ${name}; see --help`)
    return 2
  }
  try {
    return await task.run(givenIn(rest, task.options), io)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    io.err(`relight simulate ${name}: ${error.message}`)
    return error instanceof WrongUse ? 2 : 1
  }
}

async function writeTown(given: Given, io: SimulateIo): Promise<number> {
  const out = needed(given, 'out')
  const perFeeder =
    given.values['per-feeder'] === undefined ? undefined : whole(given, 'per-feeder', 1)
  const customers = whole(given, 'customers', 1)
  refuse(given)
  const tables = makeTown({
    seed: seedOf(given),
    customers,
    ...(perFeeder === undefined ? {} : { customersPerFeeder: perFeeder }),
  })
  await writeNetworkFolder(tables, out)
  io.out(`${out}: ${counted(tables)}`)
  return 0
}

async function convertSpl140k(given: Given, io: SimulateIo): Promise<number> {
  const from = needed(given, 'from')
  const out = needed(given, 'out')
  refuse(given)
  const tables = readSpl140k(from)
  await writeNetworkFolder(tables, out)
  io.out(`${out}: ${counted(tables)}`)
  return 0
}

async function runField(given: Given, io: SimulateIo): Promise<number> {
  const path = needed(given, 'network')
  const url = needed(given, 'mqtt')
  const seed = seedOf(given)
  const speed = amount(given, 'speed', 1)
  if (speed <= 0) given.faults.push('--speed must be more than 0')
  const options = {
    loadEveryS: amount(given, 'load-s', 10),
    loadPointEveryS: amount(given, 'points-s', 300),
    heartbeatEveryS: amount(given, 'heartbeat-s', 120),
    meterShare: rate(given, 'meters', 0.6),
    radio: {
      lossRate: rate(given, 'loss', 0),
      duplicateRate: rate(given, 'duplicates', 0),
      delayMs: amount(given, 'delay-ms', 0),
      clockOffsetMs: amount(given, 'clock-ms', 0),
    },
  }
  refuse(given)
  await stat(path)
  const { tables, faults } = await readNetworkFolder(path)
  if (hasErrors(faults)) {
    for (const fault of faults) io.err(formatFault(fault))
    return 1
  }
  const field = await createField({ tables, url, seed, now: io.now, ...options })
  io.out(`${field.gateways.length} gateways publish to ${url}: ${counted(tables)}`)
  try {
    if (given.values['story'] === true) {
      await runStory({ tables, field, seed, speed, now: io.now, say: io.out, signal: io.signal })
    } else await aborted(io.signal)
  } finally {
    await field.close()
  }
  return 0
}

async function runStorm(given: Given, io: SimulateIo): Promise<number> {
  const first = wholeOr(given, 'seed', 0, 1)
  const { signal, out, err, now } = io
  const inProcess = given.values['in-process'] === true
  const seeds = wholeOr(given, 'seeds', 1, inProcess ? 100 : 1)
  const night = {
    customers: wholeOr(given, 'customers', 1, 2000),
    hours: wholeOr(given, 'hours', 1, 12),
    faults: given.values['faults'] === undefined ? undefined : whole(given, 'faults', 1),
    chatter: wholeOr(given, 'chatter', 1, 20),
    kills: wholeOr(given, 'kills', 0, 2),
    brokerRestarts: wholeOr(given, 'broker-restarts', 0, 1),
    databaseCuts: wholeOr(given, 'database-cuts', 0, 1),
    adminUrl:
      given.values['database-url'] === undefined ? undefined : needed(given, 'database-url'),
    logFile: given.values['log'] === undefined ? undefined : needed(given, 'log'),
  }
  refuse(given)
  if (inProcess) return await rideStorms({ first, seeds, signal, out, err })
  const wrong: number[] = []
  for (let seed = first; seed < first + seeds && !signal.aborted; seed++) {
    const code = await wireStorm({ seed, ...night, now, signal, out, err })
    if (code !== 0) wrong.push(seed)
  }
  if (wrong.length > 0) out(`wrong: seeds ${wrong.join(', ')}`)
  return wrong.length === 0 ? 0 : 1
}

const counted = (tables: NetworkTables) => {
  const customers = tables.servicePoints.reduce((sum, point) => sum + point.customers, 0)
  return (
    `${customers} customers, ${tables.feeders.length} feeders, ` +
    `${tables.switches.length} switches, ${tables.nodes.length} nodes`
  )
}

/** The options as they stand there; words that mean nothing are faults. */
function givenIn(argv: readonly string[], options: Options): Given {
  const { values, positionals, faults } = wordsOf(argv, options)
  for (const word of positionals) faults.push(`takes options only, not ${word}`)
  return { values: values as Given['values'], faults }
}

/** Before anything is done: WrongUse with every fault. */
function refuse({ faults }: Given): void {
  if (faults.length > 0) throw new WrongUse(faults.join('\n  '))
}

function needed({ values, faults }: Given, name: string): string {
  const value = values[name]
  if (typeof value === 'string' && value !== '') return value
  faults.push(`--${name} is missing`)
  return ''
}

const seedOf = ({ values }: Given): string => String(values['seed'] ?? '1')

function amount({ values, faults }: Given, name: string, otherwise: number): number {
  const value = values[name] === undefined ? otherwise : Number(values[name] || Number.NaN)
  if (Number.isFinite(value) && value >= 0) return value
  faults.push(`--${name} must be a number of at least 0, not ${String(values[name])}`)
  return otherwise
}

function rate(given: Given, name: string, otherwise: number): number {
  const value = amount(given, name, otherwise)
  if (value > 1) given.faults.push(`--${name} must be from 0 to 1, not ${value}`)
  return value
}

const wholeOr = (given: Given, name: string, least: number, otherwise: number): number =>
  given.values[name] === undefined ? otherwise : whole(given, name, least)

function whole(given: Given, name: string, least: number): number {
  const text = needed(given, name)
  const value = Number(text)
  if (text !== '' && (!Number.isSafeInteger(value) || value < least))
    given.faults.push(`--${name} must be a whole number of at least ${least}, not ${text}`)
  return value
}

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
