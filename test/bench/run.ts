// npm run bench [-- name …]: the benches one after another, each a process of its own, JSON lines on stdout, progress on stderr. A figure beyond
// its limit is counted, not failed: the exit code is 1 only where a bench did not come to its end.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const folder = path.dirname(fileURLToPath(import.meta.url))
/** Real networks and records, where they lie beside the project. */
const spl140k = path.join(folder, '../../../shared/data/spl_140k')

/** Name, and the arguments of its runs, that together take minutes. */
const BENCHES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  grid: [[]],
  engine: [[]],
  'ingest-floor': [[]],
  verify: [[]],
  archive: [[]],
  'network-import': [[], ...(fs.existsSync(spl140k) ? [['spl-140k', spl140k]] : [])],
  loads: [[]],
  'loads-beside': [[]],
  forecast: [[]],
  indices: [['1000000']],
  'record-size': [['0.1']],
  fanout: [['10000', '7']],
  reconnect: [['10000', '3']],
  size: [[]],
  'real-storm': [[]],
  desk: [[]],
  console: [[]],
}

type Line = { readonly bench: string; readonly figure: string; readonly ok?: boolean | null }

const url = process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres'

async function run(
  name: string,
  args: readonly string[],
): Promise<{ lines: Line[]; code: number | null }> {
  const child = spawn(
    process.execPath,
    ['--import=tsx', path.join(folder, `${name}.ts`), ...args],
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
  for (const args of BENCHES[name] ?? []) {
    const { lines, code } = await run(name, args)
    figures.push(...lines)
    if (code !== 0) crashed.push([name, ...args].join(' '))
  }
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
