/**
 * Passes TAP through from the standard input and closes with `N passed, N failed`: tap's own last line is not one that every reader of
 * test output knows. Fails when a test failed, when none passed, and when the summary is missing because the runner died.
 */
import { createInterface } from 'node:readline'

let summary: string | undefined
for await (const line of createInterface({ input: process.stdin })) {
  const found = /^# \{ total: \d+(.*)\}$/.exec(line)
  if (found) summary = found[1] ?? ''
  else console.log(line)
}
const count = (word: string): number =>
  Number(new RegExp(`\\b${word}: (\\d+)`).exec(summary ?? '')?.[1] ?? 0)
const passed = count('pass')
const failed = count('fail') + (summary === undefined ? 1 : 0)
const skipped = count('skip') + count('todo')
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
if (failed > 0 || passed === 0) process.exitCode = 1
