// npm run fuzz -- [--payloads N] [--seed S]: whatever the bytes, the decoder answers with a value, accounts for every element, counts each
// refusal by its reason, and keeps nothing. Half of the payloads are built from a message's own fields, the others are raw or mutilated.
// Ends with 1 where one is not sound (and prints it), or where memory grows.
import { parseArgs } from 'node:util'
import { randomFrom } from '../simulators/random.ts'
import { PAYLOAD_BYTES_MAX, REFUSAL_REASONS } from '../src/feeds/decode.ts'
import { decodeSoundly } from './support/sound.ts'

const RECEIVED_AT = Date.UTC(2026, 10, 24, 3, 13)
const LOOK_EVERY = 500_000
/** Memory is judged from here on, when everything is compiled and the pools are filled. */
const WARM_UP = 1_000_000
const GROWTH_BYTES_MAX = 64 * 1024 * 1024

const { values } = parseArgs({
  options: { payloads: { type: 'string' }, seed: { type: 'string' } },
})
const payloads = Number(values.payloads ?? 1_000_000)
const seed = values.seed ?? '1'
if (!Number.isSafeInteger(payloads) || payloads < 1) throw new Error('--payloads is a whole number')
const random = randomFrom(`fuzz ${seed}`)

const KINDS = ['switch', 'load', 'meter', 'state', 'battery', ''] as const
const TEXTS = [
  '',
  'S1',
  'open',
  'closed',
  'ABC',
  'X',
  'trip',
  'good',
  'lastGasp',
  '2026-11-24T03:12:44.123Z',
  '2026-11-24T03:12:44+08:00',
  '2026-02-30T00:00:00Z',
  '1970-01-01T00:00:00Z',
  'batch',
  '\u0000',
  '\ud800',
  'é'.repeat(65),
  'x'.repeat(129),
  '地铁一号线',
  '__proto__',
]
const NUMBERS = [0, -0, 1, -1, 0.5, 2 ** 53, 2 ** 53 - 1, 1e308, 1e9, 1e9 + 1, -7e12]
const FIELDS: Readonly<Record<string, readonly unknown[]>> = {
  id: ['S1', 'P1', 'B1'],
  at: ['2026-11-24T03:12:44.123Z', '2026-11-24T03:12:44+08:00'],
  seq: [0, 7, 2 ** 40],
  position: ['open', 'closed'],
  phases: ['A', 'BC', 'ABC'],
  reason: ['trip', 'lockout', 'planned'],
  quality: ['good', 'uncertain', 'bad'],
  kw: [12.5, -3, 0],
  kvar: [1],
  amps: [[1, 2, 3]],
  kv: [11],
  event: ['lastGasp', 'restored', 'alive'],
  online: [true, false],
}
const NAMES = Object.keys(FIELDS)

function anything(depth: number): unknown {
  const kind = random.int(0, depth > 0 ? 6 : 4)
  if (kind === 0) return random.pick(NUMBERS)
  if (kind === 1) return random.pick(TEXTS)
  if (kind === 2) return random.chance(0.5)
  if (kind === 3) return null
  if (kind === 4) return random.next() * 10 ** random.int(-5, 15)
  if (kind === 5) return Array.from({ length: random.int(0, 4) }, () => anything(depth - 1))
  return Object.fromEntries(
    Array.from({ length: random.int(0, 4) }, () => [random.pick(TEXTS), anything(depth - 1)]),
  )
}

/** A message with all its fields, of which now and then one is missing or anything. */
function message(): unknown {
  const said: Record<string, unknown> = {}
  for (const name of NAMES) {
    if (random.chance(0.08)) continue
    said[name] = random.chance(0.06) ? anything(3) : random.pick(FIELDS[name] ?? [])
  }
  return said
}

const HUGE = Buffer.alloc(PAYLOAD_BYTES_MAX + 1, '[')

function payload(): Buffer {
  const kind = random.int(0, 19)
  if (kind < 8) return Buffer.from(JSON.stringify(message()))
  if (kind < 11) {
    return Buffer.from(JSON.stringify(Array.from({ length: random.int(0, 5) }, message)))
  }
  if (kind < 13) return Buffer.from(JSON.stringify(anything(5)) ?? '')
  if (kind < 15)
    return Buffer.from(Array.from({ length: random.int(0, 60) }, () => random.int(0, 255)))
  if (kind === 19 && random.chance(0.001)) return random.chance(0.5) ? HUGE : HUGE.subarray(1)
  const whole = Buffer.from(JSON.stringify(random.chance(0.5) ? message() : [message(), message()]))
  if (kind < 17) return whole.subarray(0, random.int(0, whole.length))
  for (let times = random.int(1, 4); times > 0; times--) {
    whole[random.int(0, whole.length - 1)] = random.int(0, 255)
  }
  return whole
}

function topic(): string {
  if (random.chance(0.9)) {
    const id = random.pick(['S1', 'batch', 'batch', 'P1'])
    const kind = random.pick(KINDS.slice(0, 4))
    return kind === 'state' ? 'grid/v1/gw1/state' : `grid/v1/gw1/${kind}/${id}`
  }
  return `grid/v1/${random.pick(TEXTS)}/${random.pick(KINDS)}/${random.pick(TEXTS)}`
}

const counted = new Map<string, number>(REFUSAL_REASONS.map((reason) => [reason, 0]))
let reports = 0
let refusals = 0
let residentAtWarmUp: number | undefined
let residentMax = 0
const start = performance.now()
for (let count = 1; count <= payloads; count++) {
  const [where, what] = [topic(), payload()]
  let found: string | undefined
  try {
    const decoded = decodeSoundly(where, what, RECEIVED_AT)
    reports += decoded.reports.length
    refusals += decoded.refused.length
    for (const { reason } of decoded.refused) counted.set(reason, (counted.get(reason) ?? 0) + 1)
    if (!decoded.isSound) found = 'not sound'
  } catch (error) {
    found = String(error)
  }
  if (found !== undefined) {
    console.log(`${found}: payload ${count} of seed ${seed}, topic ${JSON.stringify(where)}`)
    console.log(what.subarray(0, 4096).toString('base64'))
    process.exit(1)
  }
  if (count % LOOK_EVERY === 0 || count === payloads) {
    const resident = process.memoryUsage.rss()
    residentMax = Math.max(residentMax, resident)
    if (count >= WARM_UP) residentAtWarmUp ??= resident
    console.error(`${count} payloads, ${Math.round(resident / 1024 / 1024)} MB resident`)
  }
}
const byReason = Object.fromEntries(counted)
const sum = [...counted.values()].reduce((all, one) => all + one, 0)
console.log(
  JSON.stringify({
    seed,
    payloads,
    perS: Math.round((payloads / (performance.now() - start)) * 1000),
    reports,
    refusals,
    byReason,
    residentMaxMb: Math.round(residentMax / 1024 / 1024),
  }),
)
const never = REFUSAL_REASONS.filter((reason) => counted.get(reason) === 0)
if (sum !== refusals) throw new Error(`${refusals} refusals, ${sum} of a known reason`)
if (never.length > 0 && payloads >= WARM_UP) throw new Error(`never seen: ${never.join(', ')}`)
if (residentMax - (residentAtWarmUp ?? residentMax) > GROWTH_BYTES_MAX) {
  console.log('memory grows')
  process.exitCode = 1
}
