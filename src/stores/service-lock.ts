import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

/** Who holds a data folder: enough to tell a live holder from a number that was given to another process since. */
type Holder = { readonly pid: number; readonly world: string; readonly started: string }

export type ServiceLock = { release(): void }

const LOCK_FILE = 'service.lock'
const TAKE_ATTEMPTS_MAX = 5

/**
 * Takes a data folder for this process. Throws a sentence that names the folder and the process where another live one
 * has it; the lock of a dead one is removed. The PostgreSQL server refuses a second server on its own folder besides: this
 * lock is for saying so early and plainly.
 */
export function takeServiceLock(dataDir: string): ServiceLock {
  const file = path.join(dataDir, LOCK_FILE)
  const mine: Holder = { pid: process.pid, world: world(), started: startedAt(process.pid) ?? '' }
  for (let attempt = 1; attempt <= TAKE_ATTEMPTS_MAX; attempt++) {
    if (claim(file, mine)) return { release: () => release(file, mine) }
    const text = readText(file)
    const holder = parseHolder(text)
    if (holder !== undefined && isAlive(holder)) {
      throw new Error(
        `the data folder ${dataDir} is in use by another Relight service (process ${holder.pid}); ` +
          'stop it, or name another folder with RELIGHT_DATA_DIR',
      )
    }
    removeStale(file, text)
  }
  throw new Error(`the data folder ${dataDir} changes hands too fast to be taken`)
}

/** Written whole beside and linked into place: a reader never sees half a lock. */
function claim(file: string, holder: Holder): boolean {
  const own = `${file}.${holder.pid}`
  fs.writeFileSync(own, JSON.stringify(holder))
  try {
    fs.linkSync(own, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    fs.rmSync(own, { force: true })
  }
}

function release(file: string, mine: Holder): void {
  if (readText(file) === JSON.stringify(mine)) fs.rmSync(file, { force: true })
}

/** Two that find the same stale lock may not remove each other's new one: what was moved away is looked at again. */
function removeStale(file: string, seen: string): void {
  const aside = `${file}.stale.${process.pid}`
  try {
    fs.renameSync(file, aside)
  } catch {
    return // another one was faster
  }
  if (readText(aside) !== seen) {
    try {
      fs.linkSync(aside, file)
    } catch {
      // a third has it by now, and the server's own lock decides between them
    }
  }
  fs.rmSync(aside, { force: true })
}

function isAlive(holder: Holder): boolean {
  // A process of another boot or of another container cannot be looked at; the server's socket answers for it.
  if (holder.world !== world()) return false
  const started = startedAt(holder.pid)
  return started !== undefined && (holder.started === '' || started === holder.started)
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null
    if (typeof value?.pid !== 'number' || !Number.isSafeInteger(value.pid)) return undefined
    return { pid: value.pid, world: String(value.world), started: String(value.started) }
  } catch {
    return undefined
  }
}

/** Which set of process numbers we live in: the boot, and on Linux the process namespace. */
function world(): string {
  if (process.platform !== 'linux') return process.platform
  const boot = readText('/proc/sys/kernel/random/boot_id').trim()
  let namespace = ''
  try {
    namespace = fs.readlinkSync('/proc/self/ns/pid')
  } catch {
    // no such file: one namespace
  }
  return `${boot} ${namespace}`
}

/** When a process started, in whatever words the system has for it; undefined where there is no such process (or a zombie). */
function startedAt(pid: number): string | undefined {
  if (process.platform === 'linux') {
    // The name in brackets may hold anything; the fields we want come after it: state first, start time twentieth.
    const fields = readText(`/proc/${pid}/stat`).split(')').pop()?.trim().split(' ')
    const started = fields?.[19]
    return started === undefined || fields?.[0] === 'Z' ? undefined : started
  }
  const answer = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
  const started = answer.stdout.trim()
  return started === '' ? undefined : started
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
