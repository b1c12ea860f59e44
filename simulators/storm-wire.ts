import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeNetworkFolder } from '../src/imports/network-export.ts'
import { openCommandDatabase } from '../src/open-database.ts'
import { readSettings } from '../src/settings.ts'
import { MS_PER_H, type EpochMs } from '../src/time.ts'
import { randomFrom, type Random } from './random.ts'
import { makeStorm, type Storm } from './storm.ts'
import { compareHttp, compareStored, countObservations, distinctWords } from './storm-compare.ts'
import { publishStorm } from './storm-publish.ts'
import { serviceProcess, type ServiceProcess } from './storm-service.ts'
import { embeddedSite, productionSite, type Site } from './storm-sites.ts'
import { makeTown } from './town.ts'

export type WireOptions = {
  readonly seed: number
  readonly customers: number
  readonly hours: number
  readonly faults: number | undefined
  /** Times as many repeated positions as on simulated time. */
  readonly chatter: number
  /** kill -9 of the service, ends of the broker, losses of the database. */
  readonly kills: number
  readonly brokerRestarts: number
  readonly databaseCuts: number
  /** A PostgreSQL server to make a database on, beside a Mosquitto; undefined: the embedded default. */
  readonly adminUrl: string | undefined
  readonly logFile: string | undefined
  readonly now: () => EpochMs
  readonly signal: AbortSignal
  readonly out: (line: string) => void
  readonly err: (line: string) => void
}

const SETTLE_WITHIN_MS = 300_000
const SETTLE_POLL_MS = 250
/** The night is over, on every clock, before it is told. */
const BEFORE_NOW_MS = MS_PER_H

/**
 * One storm against the real service over real MQTT, while it is killed and its broker and database are taken away. 0 when in the end
 * what is stored equals the truth, 1 when not; what was run is ended and removed.
 */
export async function wireStorm(options: WireOptions): Promise<number> {
  const { seed, customers, hours, out, err } = options
  const random = randomFrom(`wire ${seed}`)
  const tables = makeTown({ seed, customers })
  const from = options.now() - hours * MS_PER_H - BEFORE_NOW_MS
  const { faults, chatter } = options
  const storm = makeStorm({
    tables,
    seed,
    from,
    hours,
    chatter,
    ...(faults === undefined ? {} : { faults }),
  })
  out(
    `storm ${seed}: ${customers} customers, ${tables.nodes.length} nodes, ${storm.moves.length} moves, ` +
      `${storm.deliveries.length} words, ${storm.truth.customerInterruptions} interruptions`,
  )
  const site =
    options.adminUrl === undefined ? await embeddedSite() : await productionSite(options.adminUrl)
  const death = new AbortController()
  const service = serviceProcess({
    environment: site.environment,
    logFile: options.logFile,
    onDeath: (lastWords) => death.abort(new Error(lastWords)),
  })
  try {
    await importTown(service, storm)
    await service.start()
    const tookMs = await rage(options, { storm, site, service, random, death: death.signal })
    const differences = await settleAndCompare(options, { storm, site, service })
    for (const difference of differences) out(`  ${difference}`)
    out(
      differences.length === 0
        ? `storm ${seed}: ${Math.round((storm.deliveries.length / tookMs) * 1000)} words/s through it all; agrees with the truth`
        : `storm ${seed} is wrong`,
    )
    return differences.length === 0 ? 0 : 1
  } catch (error) {
    err(error instanceof Error ? error.message : String(error))
    return 1
  } finally {
    await service.end()
    await site.close()
  }
}

type Ground = { readonly storm: Storm; readonly site: Site; readonly service: ServiceProcess }

async function importTown(service: ServiceProcess, storm: Storm): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'relight-town-'))
  try {
    await writeNetworkFolder(storm.grid.tables, folder)
    const { code, said } = await service.run('network', 'import', folder)
    if (code !== 0) throw new Error(`network import ended with ${code}: ${said}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Publishes all of it while things break; gives the milliseconds that it took. */
async function rage(
  { kills, brokerRestarts, databaseCuts, signal, err }: WireOptions,
  { storm, site, service, random, death }: Ground & { random: Random; death: AbortSignal },
): Promise<number> {
  const blows = [
    ...Array.from({ length: kills }, () => 'kill' as const),
    ...Array.from({ length: site.restartBroker ? brokerRestarts : 0 }, () => 'broker' as const),
    ...Array.from({ length: databaseCuts }, () => 'database' as const),
  ].map((what) => ({
    what,
    after: Math.floor(random.between(0.02, 0.98) * storm.deliveries.length),
  }))
  blows.sort((a, b) => a.after - b.after)
  let blowing: Promise<void> = Promise.resolve()
  let failed: unknown
  const stop = new AbortController()
  const strike = async (what: (typeof blows)[number]['what'], taken: number) => {
    await sleep(random.between(0, 60))
    if (stop.signal.aborted || signal.aborted) return
    err(`  ${taken} words taken: ${what}`)
    if (what === 'kill') {
      await service.kill()
      await sleep(random.between(0, 1000))
      await service.start()
    } else if (what === 'broker') await site.restartBroker?.()
    else await site.cutDatabase()
  }
  const startedAt = performance.now()
  const published = publishStorm({
    deliveries: storm.deliveries,
    url: () => site.mqttUrl ?? service.mqtt(),
    random,
    signal: AbortSignal.any([signal, stop.signal, death]),
    onTaken(taken) {
      while (blows.length > 0 && blows[0]!.after <= taken) {
        const { what } = blows.shift()!
        blowing = blowing
          .then(() => strike(what, taken))
          .catch((error: unknown) => {
            failed ??= error
            stop.abort()
          })
      }
    },
  })
  try {
    await published
  } finally {
    // A blow that is under way when the storm ends would bring the service back after its folder is gone.
    blows.length = 0
    await blowing
  }
  death.throwIfAborted()
  if (failed !== undefined) throw failed
  if (signal.aborted) throw new Error('stopped')
  return performance.now() - startedAt
}

async function settleAndCompare(
  { now }: WireOptions,
  { storm, site, service }: Ground,
): Promise<string[]> {
  const read = readSettings({ ...process.env, ...site.environment })
  if (!read.ok) throw new Error('the environment of the storm is wrong')
  const database = await openCommandDatabase(read.settings)
  const { pool } = database
  // A server that is killed under an idle connection is nobody's error.
  pool.on('error', () => undefined)
  try {
    const wanted = distinctWords(storm)
    const giveUpAt = performance.now() + SETTLE_WITHIN_MS
    let stored = await countObservations(pool)
    while (stored < wanted && performance.now() < giveUpAt) {
      await sleep(SETTLE_POLL_MS)
      stored = await countObservations(pool)
    }
    const differences: string[] = []
    if (stored !== wanted) differences.push(`words: ${wanted} were taken, ${stored} are stored`)
    differences.push(...(await compareStored(storm, pool)))

    const http = service.http()
    if (http === undefined) throw new Error('the service is down')
    const token = (await service.run('token', '--role', 'dispatcher')).said.trim()
    differences.push(...(await compareHttp(storm, { http, token, now })))
    const verified = await service.run('verify')
    if (verified.code !== 0)
      differences.push(`verify ended with ${verified.code}: ${verified.said}`)
    const code = await service.stop()
    if (code !== 0) differences.push(`on SIGTERM the service ended with ${code}`)
    return differences
  } finally {
    await database.close()
  }
}
