// npm run bench [-- name …]: the benches one after another, each a process of its own, JSON lines on stdout, progress on stderr. A figure beyond
// its limit is counted, not failed: the exit code is 1 only where a bench did not come to its end.
import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** Name, and the arguments that make a run of minutes of it. */
const BENCHES: Readonly<Record<string, readonly string[]>> = {
  grid: [],
  engine: [],
  'ingest-floor': [],
  'network-import': [],
  loads: [],
  indices: ['1000000'],
  fanout: ['5000'],
}

type Line = { readonly bench: string; readonly figure: string; readonly ok?: boolean | null }

const folder = path.dirname(fileURLToPath(import.meta.url))
const url = process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'

async function run(name: string): Promise<{ lines: Line[]; code: number | null }> {
  const child = spawn(
    process.execPath,
    ['--import=tsx', path.join(folder, `${name}.ts`), ...(BENCHES[name] ?? [])],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, DATABASE_URL: url } },
  )
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve))
  const lines: Line[] = []
  for await (const text of createInterface({ input: child.stdout })) {
    console.log(text)
    lines.push(JSON.parse(text) as Line)
  }
  return { lines, code: await exit }
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !Object.hasOwn(BENCHES, name))
if (unknown.length > 0) {
  console.error(
    `no such bench: ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`,
  )
  process.exit(2)
}
const figures: Line[] = []
const crashed: string[] = []
for (const name of asked.length > 0 ? asked : Object.keys(BENCHES)) {
  console.error(`── ${name}`)
  const { lines, code } = await run(name)
  figures.push(...lines)
  if (code !== 0) crashed.push(name)
}
const limited = figures.filter(({ ok }) => typeof ok === 'boolean')
const beyond = limited.filter(({ ok }) => ok === false)
console.error(
  `${limited.length - beyond.length} of ${limited.length} figures with a limit are within it`,
)
for (const { bench, figure } of beyond) console.error(`  beyond: ${bench}: ${figure}`)
if (crashed.length > 0) {
  console.error(`did not come to their end: ${crashed.join(', ')}`)
  process.exitCode = 1
}
