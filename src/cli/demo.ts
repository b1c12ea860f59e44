import { pino } from 'pino'
import { createField } from '../../simulators/field.ts'
import { runStory } from '../../simulators/story.ts'
import { makeTown } from '../../simulators/town.ts'
import type { NetworkTables } from '../grid/tables.ts'
import { issueToken } from '../http/auth.ts'
import { addDays, localDayOf } from '../reliability/calendar.ts'
import { rulebookOf } from '../reliability/rulebooks.ts'
import { startService, type Service } from '../service.ts'
import type { Settings } from '../settings.ts'
import type { Role as PersonRole } from '../stores/identity.ts'
import { indicesReport } from '../stores/indices.ts'
import { latestRevision, loadRevision, saveRevision } from '../stores/networks.ts'
import { aNumber, aWhole, parse, type Command, type Io } from './command.ts'
import { aborted } from './serve.ts'
import { settingsOf } from './with-database.ts'

const TOKEN_TTL_S = 12 * 3600
const INDICES_EVERY_MS = 15_000

export const demoCommand: Command = {
  help: `relight demo [--seed N] [--customers N] [--speed X]
    the service with a demo town and a field simulator; says where to look and how to sign in`,
  run: async (argv, io) => {
    const { seed, customers, speed } = parse(
      argv,
      {
        seed: { type: 'string', default: '1' },
        customers: { type: 'string', default: '5000' },
        speed: { type: 'string', default: '1' },
      },
      { least: 0, most: 0, names: 'options' },
      ({ values }) => ({
        seed: () => aWhole('seed', values.seed),
        customers: () => aWhole('customers', values.customers, 20),
        speed: () => aNumber('speed', values.speed, 0.1),
      }),
    )
    const settings = settingsOf(io)
    io.out('Relight demo: opening the database, the broker and the town …')
    const logger = pino({ level: 'warn', base: null, timestamp: pino.stdTimeFunctions.isoTime })
    let service: Service
    try {
      service = await startService(settings, 'all', logger, io.signal)
    } catch (error) {
      if (io.signal.aborted) return 0
      throw error
    }
    try {
      const tables = await townOf(service, { seed, customers }, io)
      await sayWhereToLook(service, tables, settings, io)
      await playField(service, tables, settings, { seed, speed }, io)
    } finally {
      await service.close()
    }
    return 0
  },
}

/** The network of the data folder, or a new town in it: what was played before is history that goes on. */
async function townOf(
  service: Service,
  town: { seed: number; customers: number },
  io: Io,
): Promise<NetworkTables> {
  const known = await latestRevision(service.db)
  if (known !== undefined) return loadRevision(service.db, known.revision)
  const tables = makeTown(town)
  const at = io.now()
  await saveRevision(service.pool, tables, {
    validFrom: at,
    importedAt: at,
    format: 'town',
    report: [],
  })
  await service.refreshNetwork()
  return tables
}

async function sayWhereToLook(
  service: Service,
  tables: NetworkTables,
  settings: Settings,
  io: Io,
): Promise<void> {
  const customers = tables.servicePoints.reduce((sum, point) => sum + point.customers, 0)
  io.out(
    `A town of ${customers} customers on ${tables.feeders.length} feeders from ${tables.substations.length} substations.`,
  )
  io.out('')
  io.out(`  everyone    ${service.http}/`)
  if (service.authSecret === undefined) {
    io.out('  sign in with tokens of RELIGHT_OIDC_ISSUER')
  } else {
    const point = tables.servicePoints[0]?.id
    const sign = (role: PersonRole, servicePoints: string[] = []): Promise<string> =>
      issueToken(
        { role, subject: `demo-${role}`, servicePoints, ttlS: TOKEN_TTL_S },
        service.authSecret as string,
        io.now(),
      )
    io.out(`  dispatcher  ${service.http}/dispatch#token=${await sign('dispatcher')}`)
    io.out(`  planner     ${service.http}/plan#token=${await sign('planner')}`)
    if (point !== undefined) {
      io.out(`  customer    ${service.http}/my#token=${await sign('customer', [point])}`)
      io.out(`              (service point ${point})`)
    }
  }
  io.out(`  interface   ${service.http}/docs`)
  io.out(
    `  field       ${service.mqtt ?? settings.mqttUrl}  (grid/v1/# in, relight/v1/outages/# out)`,
  )
  io.out('')
  io.out('Stop with Ctrl-C; the story goes on where the data folder left it.')
  io.out('')
}

async function playField(
  service: Service,
  tables: NetworkTables,
  settings: Settings,
  { seed, speed }: { seed: number; speed: number },
  io: Io,
): Promise<void> {
  const url = settings.mqttUrl ?? service.mqtt
  if (url === null) throw new Error('the demo needs a broker')
  const say = (line: string): void =>
    io.out(`${new Date(io.now()).toISOString().slice(11, 19)}  ${line}`)
  const field = await createField({ tables, url, seed, now: io.now })
  const indices = tellIndices(service, settings, io, say)
  try {
    await Promise.race([
      runStory({ tables, field, seed, speed, now: io.now, say, signal: io.signal }),
      aborted(io),
    ])
    await aborted(io)
  } finally {
    indices.stop()
    await field.close()
  }
}

/** The indices of today so far, said when they have moved. */
function tellIndices(
  service: Service,
  settings: Settings,
  io: Io,
  say: (line: string) => void,
): { stop(): void } {
  let before = ''
  const rulebook = rulebookOf('ieee1366')
  const look = async (): Promise<void> => {
    if (rulebook === undefined) return
    const { timeZone } = settings
    const now = io.now()
    const from = localDayOf(now, timeZone)
    const to = addDays(from, 1)
    const question = { from, to, by: 'system' as const, rulebook, exclude: [], now, timeZone }
    const { rows } = await indicesReport(service.db, question)
    const [row] = rows
    if (row === undefined || row.customersServed === 0) return
    const { SAIFI, SAIDI, MAIFI } = row.indices
    const line = `   today: SAIFI ${digits(SAIFI)}, SAIDI ${digits(SAIDI)} min, MAIFI ${digits(MAIFI)}`
    if (line !== before && row.ci + (MAIFI ?? 0) > 0) say(line)
    before = line
  }
  const timer = setInterval(() => void look().catch(() => undefined), INDICES_EVERY_MS)
  return { stop: () => clearInterval(timer) }
}

const digits = (value: number | null | undefined): string =>
  value === null || value === undefined ? 'none' : value.toFixed(4)
