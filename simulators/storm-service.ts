import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** The real service as a child process, that can be killed at any moment. */
export type ServiceProcess = {
  /** Where it listens now; undefined while it is down. */
  http(): string | undefined
  mqtt(): string | undefined
  /** Resolves when it says that it is ready; rejects with its last words when it ends instead. */
  start(): Promise<void>
  /** kill -9, in the middle of whatever it does. */
  kill(): Promise<void>
  /** SIGTERM; gives the exit code. */
  stop(): Promise<number | null>
  /** Kills it for good: whoever starts it later is refused. */
  end(): Promise<void>
  /** Another command of the same binary, in the same environment. */
  run(...args: string[]): Promise<{ readonly code: number; readonly said: string }>
}

const READY_WITHIN_MS = 120_000
const LAST_WORDS_MAX = 40
const COMMAND_SAYS_BYTES_MAX = 64 * 1024 * 1024

const isSource = import.meta.url.endsWith('.ts')
const root = fileURLToPath(new URL(isSource ? '..' : '../..', import.meta.url))
const mainFile = join(root, isSource ? 'src/main.ts' : 'dist/src/main.js')
const nodeArgs = isSource ? ['--import=tsx', mainFile] : ['--enable-source-maps', mainFile]

export type ServiceOptions = {
  /** `all` where it is left out. */
  readonly role?: 'all' | 'engine' | 'gateway'
  /** A built service to start instead of the one that this file belongs to. */
  readonly main?: string
  readonly environment: Readonly<Record<string, string>>
  /** What it prints is appended there, too. */
  readonly logFile: string | undefined
  /** It ended by itself after it was ready; with its last words. */
  readonly onDeath: (lastWords: string) => void
}

export function serviceProcess({
  role = 'all',
  main,
  environment,
  logFile,
  onDeath,
}: ServiceOptions): ServiceProcess {
  if (!existsSync(mainFile)) throw new Error(`there is no ${mainFile} to start`)
  const env = { ...process.env, ...environment }
  const command = main === undefined ? nodeArgs : ['--enable-source-maps', main]
  let child: ChildProcess | undefined
  let addresses: { http: string; mqtt: string } | undefined
  let ended = false

  const end = (signal: NodeJS.Signals): Promise<number | null> => {
    const ending = child
    child = undefined
    addresses = undefined
    if (ending === undefined) return Promise.resolve(0)
    if (ending.exitCode !== null || ending.signalCode !== null) {
      return Promise.resolve(ending.exitCode)
    }
    return new Promise((resolve) => {
      ending.once('exit', (code) => resolve(code))
      ending.kill(signal)
    })
  }

  return {
    http: () => addresses?.http,
    mqtt: () => addresses?.mqtt,
    start() {
      // It would be ready in a folder that was removed meanwhile, on an empty database, and outlive the storm.
      if (ended) return Promise.reject(new Error('the service: the storm is over'))
      const started = spawn(process.execPath, [...command, 'serve', '--role', role], {
        cwd: root,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      child = started
      return new Promise((resolve, reject) => {
        const lastWords: string[] = []
        let ready = false
        const late = setTimeout(() => fail('it did not become ready'), READY_WITHIN_MS)
        const fail = (why: string) => {
          clearTimeout(late)
          reject(new Error(`the service: ${why}\n${lastWords.join('\n')}`))
        }
        const hear = (line: string) => {
          if (logFile !== undefined) appendFileSync(logFile, `${line}\n`)
          lastWords.push(line)
          if (lastWords.length > LAST_WORDS_MAX) lastWords.shift()
          if (!line.includes('"msg":"ready"')) return
          clearTimeout(late)
          ready = true
          addresses = JSON.parse(line) as { http: string; mqtt: string }
          resolve()
        }
        eachLine(started, hear)
        started.once('exit', (code, signal) => {
          const unasked = child === started
          if (unasked) child = undefined
          const why = `it ended with ${code ?? signal ?? 'nothing'}`
          fail(why)
          if (unasked && ready) onDeath(`the service: ${why}\n${lastWords.join('\n')}`)
        })
      })
    },
    async kill() {
      await end('SIGKILL')
    },
    async end() {
      ended = true
      await end('SIGKILL')
    },
    stop: () => end('SIGTERM'),
    async run(...args) {
      const options = { cwd: root, env, maxBuffer: COMMAND_SAYS_BYTES_MAX }
      try {
        const { stdout, stderr } = await promisify(execFile)(
          process.execPath,
          [...command, ...args],
          options,
        )
        return { code: 0, said: stdout || stderr }
      } catch (error) {
        const failed = error as { code: unknown; stdout: string; stderr: string }
        const code = typeof failed.code === 'number' ? failed.code : -1
        return { code, said: `${failed.stdout}${failed.stderr}` }
      }
    },
  }
}

function eachLine(child: ChildProcess, hear: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream?.setEncoding('utf8')
    stream?.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) hear(line)
    })
  }
}
