#!/usr/bin/env node
import type { Io } from './cli/command.ts'

// Before anything is loaded: whoever is told to stop that early has nothing in hand, and stops well.
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort())

// Whoever reads our output may stop reading (`relight … | head`): nobody is left to tell, and that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  stop.abort()
})

const { run } = await import('./cli.ts')
const { systemClock } = await import('./clock.ts')
const io: Io = {
  env: process.env,
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
  write: (text) => process.stdout.write(text),
  now: systemClock,
  signal: stop.signal,
}
process.exitCode = stop.signal.aborted ? 0 : await run(process.argv.slice(2), io)
