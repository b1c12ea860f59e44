import { systemClock } from '../src/clock.ts'
import { simulate } from './command.ts'

/** `npm run storm -- …` is `relight simulate storm …` without building first. */
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())
process.exitCode = await simulate(['storm', ...process.argv.slice(2)], {
  out: (line) => console.log(line),
  err: (line) => console.error(line),
  now: systemClock,
  signal: stop.signal,
})
