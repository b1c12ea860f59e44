/**
 * An interruption record many times larger than the memory it is read in: heap of 64 MB, each byte read twice.
 *   node --import=tsx test/bench/record-size.ts [GB]
 */
import { execFile } from 'node:child_process'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { writeHugeRecord, type ReadByChild } from '../support/huge-record.ts'
import { report } from './figure.ts'

const gb = Number(process.argv[2] ?? 2)
const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'relight-bench-'))
try {
  const file = path.join(folder, 'record.csv')
  const { rows, long, latin1 } = await writeHugeRecord(file, gb * 1024 ** 3)
  const child = fileURLToPath(new URL('../support/reading-child.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--max-old-space-size=64',
    '--import=tsx',
    child,
    file,
  ])
  const found = JSON.parse(stdout) as ReadByChild
  if (found.rows !== rows || found.steps !== rows || found.refusedRows !== long + latin1)
    throw new Error(`${rows} rows were written, and found were ${stdout}`)
  report({
    bench: 'record-size',
    figure: `interruption record of ${gb} GB: memory of the process that reads it twice`,
    value: found.peakMb,
    unit: 'MB',
    limit: { atMost: 256 },
    rows,
    seconds: Math.round(found.ms / 1000),
  })
} finally {
  await fs.rm(folder, { recursive: true, force: true })
}
