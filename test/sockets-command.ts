// The long form of test/sockets-under-kills.test.ts: seeds, each with blows drawn from its own numbers, over one gateway and over three.
//   npm run sockets -- --seeds 20 --blows 12
import { parseArgs } from 'node:util'
import { openTestDatabase } from './support/database.ts'
import { seeded } from './support/seeded.ts'
import { BLOWS, runSocketStorm, type Blow } from './support/socket-storm.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '5' },
    first: { type: 'string', default: '1' },
    blows: { type: 'string', default: '8' },
    readers: { type: 'string', default: '40' },
  },
})
const first = Number(values.first)
let wrong = 0
for (let seed = first; seed < first + Number(values.seeds); seed++) {
  const random = seeded(seed * 7919)
  const draw = (): Blow => BLOWS[Math.floor(random() * BLOWS.length)] as Blow
  const blows = Array.from({ length: Number(values.blows) }, draw)
  const half = blows.length >> 1
  const ends: (() => unknown)[] = []
  const test = { teardown: (end: () => unknown) => void ends.unshift(end) }
  try {
    const database = await openTestDatabase(test)
    const { differences, ...figures } = await runSocketStorm(test, database, {
      seed,
      rounds: [
        { gateways: 1, blows: blows.slice(0, half) },
        { gateways: 3, blows: blows.slice(half) },
      ],
      noticesBetween: 100,
      readers: Number(values.readers),
      say: (line) => console.error(`  ${line}`),
    })
    if (differences.length > 0) wrong++
    for (const difference of differences) console.log(`  ${difference}`)
    console.log(JSON.stringify({ seed, wrong: differences.length, ...figures, blows }))
  } catch (error) {
    wrong++
    console.log(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    for (const end of ends) await end()
  }
}
process.exitCode = wrong > 0 ? 1 : 0
