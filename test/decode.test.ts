import * as fc from 'fast-check'
import t from 'tap'
import { decode, ID_CHARS_MAX, parseInstant, PAYLOAD_BYTES_MAX } from '../src/feeds/decode.ts'
import { decodeSoundly } from './support/sound.ts'

// `RELIGHT_FUZZ_RUNS=1000000 npx tap test/decode.test.ts --timeout=600` for the long run.
const RUNS = Number(process.env['RELIGHT_FUZZ_RUNS'] ?? 6000)
const SEED = Number(process.env['RELIGHT_FUZZ_SEED'] ?? Date.now() % 2 ** 31)

const RECEIVED_AT = Date.UTC(2026, 10, 24, 3, 13)
const AT = '2026-11-24T03:12:44.123Z'
const AT_MS = Date.UTC(2026, 10, 24, 3, 12, 44, 123)

const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const say = (topic: string, value: unknown) => decode(topic, bytes(value), RECEIVED_AT)
const reasonsOf = (topic: string, value: unknown): string[] =>
  say(topic, value).refused.map(({ reason }) => reason)

t.test('each kind of message is read whole, with what it leaves out as null', async (t) => {
  const said = { gateway: 'gw1', at: AT_MS, seq: 7, receivedAt: RECEIVED_AT }
  t.same(say('grid/v1/gw1/switch/S1', { at: AT, seq: 7, position: 'open' }), {
    reports: [
      {
        kind: 'switch',
        ...said,
        point: 'S1',
        position: 'open',
        phases: null,
        reason: null,
        quality: 'good',
        bySubject: null,
      },
    ],
    refused: [],
  })
  const full = {
    at: AT,
    seq: 7,
    position: 'closed',
    phases: 'cA',
    reason: 'reclose',
    quality: 'bad',
    vendor: { any: 'thing' },
  }
  t.match(say('grid/v1/gw1/switch/S1', full).reports[0], {
    position: 'closed',
    phases: 5,
    reason: 'reclose',
    quality: 'bad',
  })
  t.same(say('grid/v1/gw1/load/F1', { at: AT, seq: 7, kw: 12.5 }).reports, [
    { kind: 'load', ...said, point: 'F1', kw: 12.5, kvar: null, amps: null, kv: null },
  ])
  const load = { at: AT, seq: 7, kw: -1, kvar: 0, amps: [1, 2, 3.5], kv: 12.47 }
  t.match(say('grid/v1/gw1/load/F1', load).reports[0], { kw: -1, kvar: 0, amps: [1, 2, 3.5] })
  t.same(say('grid/v1/gw1/meter/P1', { at: AT, seq: 7, event: 'lastGasp' }).reports, [
    { kind: 'meter', ...said, point: 'P1', event: 'lastGasp' },
  ])
  t.same(say('grid/v1/gw1/state', { online: false, at: AT }).reports, [
    { kind: 'state', gateway: 'gw1', online: false, at: AT_MS, receivedAt: RECEIVED_AT },
  ])
  t.match(
    say('grid/v1/gw1/state', { online: false }).reports[0],
    { at: RECEIVED_AT },
    'a Will that cannot know its time',
  )
})

t.test('a bad element of a batch does not refuse its neighbours', async (t) => {
  const good = (id: string, seq: number) => ({ id, at: AT, seq, position: 'open' })
  const { reports, refused } = say('grid/v1/gw1/switch/batch', [
    good('S1', 1),
    { ...good('S2', 2), position: 'ajar' },
    null,
    { at: AT, seq: 3, position: 'open' },
    [good('S4', 4)],
    good('S5', -1),
    good('S6', 6),
  ])
  t.same(
    reports.map((report) => 'point' in report && report.point),
    ['S1', 'S6'],
  )
  t.same(
    refused.map(({ reason }) => reason),
    ['bad-position', 'not-object', 'missing-id', 'not-object', 'bad-seq'],
  )
  t.match(refused[0]?.detail, /element 1 on grid\/v1\/gw1\/switch\/batch: S2/)
  t.same(say('grid/v1/gw1/switch/batch', []), { reports: [], refused: [] })
  t.equal(say('grid/v1/gw1/switch/batch', good('S1', 1)).reports.length, 1, 'one object alone')
  const ofOne = [{ at: AT, seq: 1, position: 'open' }, good('S1', 2), good('S2', 3)]
  t.same(reasonsOf('grid/v1/gw1/switch/S1', ofOne), ['bad-id'], 'an array on the topic of S1')
})

t.test('each fault is refused by its own reason', async (t) => {
  const good = { at: AT, seq: 1, position: 'open' }
  const load = { at: AT, seq: 1, kw: 1 }
  const topic = 'grid/v1/gw1/switch/S1'
  const cases: [string, unknown, string][] = [
    [topic, 'open', 'not-object'],
    [topic, { ...good, id: 'S2' }, 'bad-id'],
    [topic, { ...good, id: 5 }, 'bad-id'],
    ['grid/v1/gw1/switch/batch', { ...good, id: '' }, 'bad-id'],
    ['grid/v1/gw1/switch/batch', { ...good, id: 'a\u0000b' }, 'bad-id'],
    ['grid/v1/gw1/switch/batch', { ...good, id: 'half \ud83d' }, 'bad-id'],
    ['grid/v1/gw1/switch/batch', { ...good, id: 'x'.repeat(ID_CHARS_MAX + 1) }, 'bad-id'],
    ['grid/v1/gw1/switch/batch', good, 'missing-id'],
    [topic, { ...good, at: undefined }, 'bad-time'],
    [topic, { ...good, at: '2026-11-24T03:12:44' }, 'bad-time'],
    [topic, { ...good, at: AT_MS }, 'bad-time'],
    [topic, { ...good, seq: -1 }, 'bad-seq'],
    [topic, { ...good, seq: 1.5 }, 'bad-seq'],
    [topic, { ...good, seq: '1' }, 'bad-seq'],
    [topic, { ...good, seq: 2 ** 53 }, 'bad-seq'],
    [topic, { ...good, position: 'OPEN' }, 'bad-position'],
    [topic, { ...good, phases: '' }, 'bad-phases'],
    [topic, { ...good, phases: 'AA' }, 'bad-phases'],
    [topic, { ...good, phases: 7 }, 'bad-phases'],
    [topic, { ...good, reason: 'wind' }, 'bad-reason'],
    [topic, { ...good, quality: 'great' }, 'bad-quality'],
    ['grid/v1/gw1/meter/P1', { at: AT, seq: 1, event: 'dead' }, 'bad-event'],
    ['grid/v1/gw1/load/F1', { ...load, kw: '1' }, 'bad-number'],
    ['grid/v1/gw1/load/F1', { ...load, kw: 1e10 }, 'bad-number'],
    ['grid/v1/gw1/load/F1', { ...load, amps: [1, 2] }, 'bad-number'],
    ['grid/v1/gw1/load/F1', { ...load, amps: [1, null, 2] }, 'bad-number'],
    ['grid/v1/gw1/load/F1', { ...load, kv: {} }, 'bad-number'],
    ['grid/v1/gw1/load/F1', { ...load, kv: -0.1 }, 'bad-number'],
    ['grid/v1/gw1/load/F1', { ...load, amps: [1, -2, 3] }, 'bad-number'],
    ['grid/v1/gw1/state', { online: 'yes', at: AT }, 'bad-state'],
    ['grid/v1/gw1/state', { online: true, at: 'now' }, 'bad-time'],
    ['grid/v1/gw1/state', [{ online: true, at: AT }], 'not-object'],
    ['grid/v2/gw1/switch/S1', good, 'bad-topic'],
    ['grid/v1/gw1/switch', good, 'bad-topic'],
    ['grid/v1/gw1/switch/', good, 'bad-topic'],
    ['grid/v1//switch/S1', good, 'bad-topic'],
    ['grid/v1/gw1/manual/S1', good, 'bad-topic'],
    ['grid/v1/gw1/state/x', { online: true, at: AT }, 'bad-topic'],
    ['grid/v1/g\u0000/switch/S1', good, 'bad-topic'],
  ]
  for (const [topic, value, reason] of cases) {
    t.same(reasonsOf(topic, value), [reason], `${topic} ${JSON.stringify(value)?.slice(0, 60)}`)
  }
  const notJson = ['', '{', 'nul', '{"at":1}}', '\u0000', '[[[[']
  for (const text of notJson) {
    t.equal(decode(topic, Buffer.from(text), 0).refused[0]?.reason, 'not-json', text)
  }
  t.equal(decode(topic, Buffer.from([0x22, 0xff, 0x22]), 0).refused[0]?.reason, 'not-json', 'UTF-8')
  const fits = Buffer.from(JSON.stringify(good).padEnd(PAYLOAD_BYTES_MAX))
  t.equal(decode(topic, fits, 0).reports.length, 1, '256 KiB exactly')
  const over = Buffer.concat([fits, Buffer.from(' ')])
  t.equal(decode(topic, over, 0).refused[0]?.reason, 'too-large')
})

t.test('ids are the own strings of the utility', async (t) => {
  const message = { at: AT, seq: 1, position: 'open' }
  for (const id of ['line.ln0653457_sw', '开关 7', 'a/b', '__proto__', 'x'.repeat(ID_CHARS_MAX)]) {
    t.match(say(`grid/v1/gw1/switch/${id}`, message).reports[0], { point: id })
    t.match(say('grid/v1/gw1/switch/batch', { ...message, id }).reports[0], { point: id })
  }
  const pairs = '🔌'.repeat(ID_CHARS_MAX)
  t.match(say('grid/v1/gw1/switch/batch', { ...message, id: pairs }).reports[0], { point: pairs })
})

t.test('instants are RFC 3339 with an offset', async (t) => {
  const same: [string, string][] = [
    ['2026-11-24T03:12:44Z', '2026-11-24T03:12:44.000Z'],
    ['2026-11-24t03:12:44z', '2026-11-24T03:12:44.000Z'],
    ['2026-11-24 03:12:44+00:00', '2026-11-24T03:12:44.000Z'],
    ['2026-11-24T03:12:44-00:00', '2026-11-24T03:12:44.000Z'],
    ['2026-11-24T03:12:44.5+08:00', '2026-11-23T19:12:44.500Z'],
    ['2026-11-24T03:12:44.123999999-05:30', '2026-11-24T08:42:44.123Z'],
    ['2024-02-29T23:59:60Z', '2024-03-01T00:00:00.000Z'],
    // However far ahead a clock is: what it says counts when it comes.
    ['9999-01-01T00:00:00Z', '9999-01-01T00:00:00.000Z'],
  ]
  for (const [text, utc] of same) t.equal(parseInstant(text), Date.parse(utc), text)
  const refused = [
    '2026-11-24T03:12:44',
    '2026-11-24T03:12Z',
    '2026-11-24',
    '2026-11-24T03:12:44.Z',
    '2026-11-24T03:12:44+0800',
    '2026-11-24T03:12:44+08',
    '2026-11-24T03:12:44+24:00',
    '2026-11-24T03:12:44ZZ',
    '2026-11-24T24:00:00Z',
    '2026-11-24T03:60:00Z',
    '2026-11-31T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '1970-01-01T00:00:05Z',
    '2000-01-01T00:00:00Z',
    '10000-01-01T00:00:00Z',
    '+02026-11-24T03:12:44Z',
    '２026-11-24T03:12:44Z',
    `2026-11-24T03:12:44.${'1'.repeat(50)}Z`,
    '',
    null,
    0,
    {},
  ]
  for (const text of refused)
    t.equal(parseInstant(text), undefined, `refuses ${JSON.stringify(text)}`)

  const first = Date.UTC(2001, 0, 2)
  const last = Date.UTC(9999, 11, 30)
  fc.assert(
    fc.property(
      fc.integer({ min: first, max: last }),
      fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 }),
      (at, offsetMin) => {
        const local = new Date(at + offsetMin * 60_000).toISOString().slice(0, -1)
        const two = (n: number): string => String(n).padStart(2, '0')
        const size = Math.abs(offsetMin)
        const offset = `${offsetMin < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
        return parseInstant(local + offset) === at
      },
    ),
    { seed: SEED, numRuns: RUNS },
  )
})

// ── whatever comes, the answer is a value, every element is accounted for, and what is taken is sound

const anyJson = fc.jsonValue({ maxDepth: 4 })
const someTopic = fc.oneof(
  fc.constantFrom(
    'grid/v1/gw1/switch/S1',
    'grid/v1/gw1/switch/batch',
    'grid/v1/gw1/load/batch',
    'grid/v1/gw1/meter/P1',
    'grid/v1/gw1/state',
  ),
  fc.string(),
  fc.string({ unit: 'binary' }).map((rest) => `grid/v1/${rest}`),
)
const almost = (right: fc.Arbitrary<unknown>) =>
  fc.oneof({ arbitrary: right, weight: 8 }, { arbitrary: anyJson, weight: 1 })
const someMessage = fc.record(
  {
    id: almost(fc.string({ minLength: 1, maxLength: 130, unit: 'binary' })),
    at: almost(fc.constantFrom(AT, '2026-11-24T03:12:44+08:00', '2026-11-24', '20x6')),
    seq: almost(fc.oneof(fc.nat(), fc.double())),
    position: almost(fc.constantFrom('open', 'closed')),
    phases: almost(fc.constantFrom('A', 'BC', 'ABC', 'X')),
    reason: almost(fc.constantFrom('trip', 'planned')),
    quality: almost(fc.constantFrom('good', 'bad')),
    kw: almost(fc.double()),
    amps: almost(fc.array(fc.double(), { minLength: 2, maxLength: 4 })),
    event: almost(fc.constantFrom('lastGasp', 'alive')),
    online: almost(fc.boolean()),
    ['__proto__']: anyJson,
  },
  { requiredKeys: [] },
)
const somePayload = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.array(someMessage, { maxLength: 4 }).map(bytes),
  someMessage.map(bytes),
  anyJson.map(bytes),
  // A whole message with one byte changed.
  fc.tuple(someMessage, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([message, at, byte]) => {
    const whole = bytes(message)
    whole[at % whole.length] = byte
    return whole
  }),
)

t.test(`no bytes throw, and what is taken is sound (seed ${SEED})`, async (t) => {
  const isSound = (topic: string, payload: Uint8Array): boolean =>
    decodeSoundly(topic, payload, RECEIVED_AT).isSound
  fc.assert(fc.property(someTopic, somePayload, isSound), { seed: SEED, numRuns: RUNS })
  t.pass(`${RUNS} payloads`)
})

t.test('payloads made to hurt are answered within their size', async (t) => {
  const half = PAYLOAD_BYTES_MAX / 2
  const topic = 'grid/v1/gw1/switch/batch'
  const deep = Buffer.from('['.repeat(half) + ']'.repeat(half))
  t.same(decode(topic, deep, 0).refused.length, 1, 'deep nesting')
  const deepObject = Buffer.from('{"a":'.repeat(40_000) + '1' + '}'.repeat(40_000))
  t.same(decode(topic, deepObject, 0).refused.length, 1, 'deep objects')
  const many = Buffer.from(`[${'0,'.repeat(half - 2)}0]`)
  t.equal(decode(topic, many, 0).refused.length, half - 1, 'an array of nothings')
  const proto = Buffer.from(
    `{"__proto__":{"position":"open","at":"${AT}","seq":1},"constructor":1,"id":"S1"}`,
  )
  t.equal(decode(topic, proto, 0).refused[0]?.reason, 'bad-time', 'nothing is inherited')
  t.equal(({} as Record<string, unknown>)['position'], undefined)
  const long = bytes({ id: 'S1', at: AT, seq: 1, position: 'x'.repeat(half) })
  t.ok((decode(topic, long, 0).refused[0]?.detail.length ?? 0) < 300, 'a short answer')
})
