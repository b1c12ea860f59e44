import { execFile } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

/** A fault planted in the ledger: what stands in the file, and what stands there instead. */
type Plant = { readonly what: string; readonly file: string; readonly from: string; to: string }

const PLANTS: readonly Plant[] = [
  {
    what: 'a late word is treated as one in order',
    file: 'ledger/ledger.ts',
    from: 'if (inserted.turnedFrom > ledger.head)',
    to: 'if (Number.isFinite(inserted.turnedFrom))',
  },
  {
    what: 'a word counts from when it was received',
    file: 'ledger/ledger.ts',
    from: 'said.at > said.receivedAt + ledger.settings.futureToleranceMs ? said.receivedAt : said.at',
    to: 'said.receivedAt',
  },
  {
    what: 'words of bad quality are believed',
    file: 'ledger/ledger.ts',
    from: "    if (said.kind === 'meter' || said.quality === 'bad') continue\n    const device = ledger.network.switchIndex.get(said.point)\n    if (device === undefined) continue\n    const history = historyOf",
    to: "    if (said.kind === 'meter') continue\n    const device = ledger.network.switchIndex.get(said.point)\n    if (device === undefined) continue\n    const history = historyOf",
  },
  {
    what: 'a swap of supply in one instant counts as lost',
    file: 'ledger/ledger.ts',
    from: 'if (!regained.delete(section)) lost.set(section, device)',
    to: 'lost.set(section, device)',
  },
  {
    what: 'phases of a word are ignored',
    file: 'ledger/positions.ts',
    from: 'const phases = (said.phases ?? history.phases) & history.phases',
    to: 'const phases = history.phases',
  },
  {
    what: 'a word belongs behind all others of its switch',
    file: 'ledger/positions.ts',
    from: 'while (index > 0 && compareStatements(statements[index - 1] as Statement, statement) > 0) index--',
    to: 'if (index > 0 && compareStatements(statements[index - 1] as Statement, statement) > 0) index--',
  },
  {
    what: 'repeats that were let go are not asked for again',
    file: 'ledger/positions.ts',
    from: 'if (next === undefined || !next.thinned) return undefined',
    to: 'if (next !== null) return undefined',
  },
  {
    what: 'supply is back with the first phase of several',
    file: 'ledger/darkness.ts',
    from: 'if (spell === undefined || isDark(ledger, group)) continue',
    to: 'if (spell === undefined) continue',
  },
  {
    what: 'what began at the instant of the correction stays',
    file: 'ledger/darkness.ts',
    from: 'while ((darks.at(-1)?.from ?? Number.NEGATIVE_INFINITY) >= from) darks.pop()',
    to: 'while ((darks.at(-1)?.from ?? Number.NEGATIVE_INFINITY) > from) darks.pop()',
  },
  {
    what: 'a correction forgets the customers',
    file: 'ledger/ledger.ts',
    from: 'recomputeSpells(ledger, region.sections, from)',
    to: '',
  },
  {
    what: 'a step is counted twice',
    file: 'ledger/outages.ts',
    from: 'step.customers += customers',
    to: 'step.customers += 2 * customers',
  },
  {
    what: 'customers interrupted twice are two',
    file: 'ledger/outages.ts',
    from: 'if (!interrupted.has(spell.group)) {',
    to: 'if (spell.group >= 0) {',
  },
  {
    what: 'the reclosing window ends a millisecond early',
    file: 'ledger/outages.ts',
    from: '(instant - anchor <= settings.recloseWindowMs',
    to: '(instant - anchor < settings.recloseWindowMs',
  },
  {
    what: 'the reclosing window slides with each opening',
    file: 'ledger/outages.ts',
    from: 'const anchor = group?.openings[0]',
    to: 'const anchor = group?.openings.at(-1)',
  },
  {
    what: 'an outage is over with its first step',
    file: 'ledger/outages.ts',
    from: 'if (restoredAt !== null) restoredAt = Math.max(restoredAt, spell.until)',
    to: 'if (restoredAt !== null && restoredAt < 0) restoredAt = spell.until',
  },
]

const SEEDS = 60
const SOUND_SEEDS = 5
const root = new URL('..', import.meta.url).pathname
const run = promisify(execFile)

/** Rides storms until one is wrong: exits 3 then, 0 when none was. What throws is caught too. */
const RIDER = `
import { ORDERS, rideStorm, smallStorm } from './simulators/storm-in-process.ts'
for (let seed = 1; seed <= Number(process.argv[2]); seed++) {
  const storm = smallStorm(seed)
  const rides = ORDERS.map((order) => rideStorm(storm, order))
  const wrong = rides.find((ride) => ride.differences.length > 0)
  if (wrong !== undefined || rides.some((ride) => ride.exported !== rides[0].exported)) {
    console.log('seed ' + seed + ': ' + (wrong?.differences[0] ?? 'exports differ'))
    process.exit(3)
  }
}
`

void t.test('faults planted in the ledger are caught by the storms', async (t) => {
  const directory = t.testdir()
  for (const folder of ['src/grid', 'src/ledger', 'src/time.ts', 'simulators']) {
    cpSync(join(root, folder), join(directory, folder), { recursive: true })
  }
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  writeFileSync(join(directory, 'ride.ts'), RIDER)
  const ride = async (seeds: number): Promise<{ code: number; says: string }> => {
    try {
      await run(process.execPath, ['--import=tsx', 'ride.ts', `${seeds}`], { cwd: directory })
      return { code: 0, says: '' }
    } catch (error) {
      const failed = error as { code: number; stdout: string; stderr: string }
      return { code: failed.code, says: failed.stdout || failed.stderr.slice(0, 500) }
    }
  }

  t.match(await ride(SOUND_SEEDS), { code: 0 }, 'the sound ledger is right')
  for (const { what, file, from, to } of PLANTS) {
    const path = join(directory, 'src', file)
    const sound = readFileSync(path, 'utf8')
    t.equal(
      sound.split(from).length,
      2,
      `"${from}" stands once in src/${file}; where it was rewritten, plant the fault anew: ${what}`,
    )
    writeFileSync(
      path,
      sound.replace(from, () => to),
    )
    const { code, says } = await ride(SEEDS)
    writeFileSync(path, sound)
    t.not(code, 0, `caught: ${what} (${says.trim().slice(0, 160)})`)
  }
})
