import fs from 'node:fs'
import path from 'node:path'
import * as fc from 'fast-check'
import { strToU8, zipSync } from 'fflate'
import t from 'tap'
import {
  PRIORITIES,
  SWITCH_KINDS,
  TRANSFORMER_KINDS,
  type NetworkTables,
} from '../src/grid/tables.ts'
import { buildNetwork } from '../src/grid/network.ts'
import { checkNetwork } from '../src/imports/network-checks.ts'
import { writeNetworkFolder } from '../src/imports/network-export.ts'
import { readNetworkFolder } from '../src/imports/network-folder.ts'
import { readNetwork } from '../src/imports/network.ts'
import type { Fault } from '../src/imports/report.ts'
import { makeTown } from '../simulators/town.ts'

const errors = (faults: readonly Fault[]) => faults.filter((fault) => fault.severity === 'error')
const codes = (faults: readonly Fault[]) => [...new Set(faults.map((fault) => fault.code))].sort()

/**
 *   src ──[H]── n1 ──l1── n2 ──/T/── n3
 *               P1:120 A  t1→lv P2:3
 */
const GOOD: Record<string, string> = {
  'sources.csv': 'id,node,phases\ng,src,ABC\n',
  'substations.csv': 'id,name,area,lon,lat\nW,West,west,10,50\n',
  'feeders.csv': 'id,name,substation,head\nF,Mill,W,H\n',
  'nodes.csv': 'id,kv\nsrc,10\nn1,10\nn2,10\nn3,10\nlv,0.4\n',
  'switches.csv':
    'id,from,to,kind,phases,normal,rated_a\nH,src,n1,breaker,ABC,closed,400\nT,n2,n3,disconnector,ABC,open,400\n',
  'lines.csv': 'id,from,to,phases,length_m,rated_a\nl1,n1,n2,ABC,120.5,200\n',
  'transformers.csv': 'id,from,to,phases,kind,rated_kva\nt1,n2,lv,ABC,distribution,100\n',
  'service_points.csv':
    'id,node,phases,customers,connected_kva,class,priority\nP1,n1,A,120,500,,\nP2,lv,ABC,3,,home,life_support\n',
}
type Dir = { testdir(files: Record<string, string | Buffer>): string }
const read = (t: Dir, change: Record<string, string | Buffer | undefined> = {}) => {
  const files: Record<string, string | Buffer> = {}
  for (const [name, text] of Object.entries({ ...GOOD, ...change })) {
    if (text !== undefined) files[name] = text
  }
  return readNetworkFolder(t.testdir(files))
}

t.test('a sound folder gives its tables and no fault', async (t) => {
  const { tables, faults } = await read(t)
  t.same(faults, [])
  t.same(tables.switches[0], {
    id: 'H',
    from: 'src',
    to: 'n1',
    kind: 'breaker',
    phases: 7,
    normallyClosed: true,
    ratedA: 400,
    telemetered: true,
    name: null,
  })
  t.equal(tables.switches[1]!.telemetered, false, 'a disconnector has no remote signal by default')
  t.same(tables.servicePoints[1], {
    id: 'P2',
    node: 'lv',
    phases: 7,
    customers: 3,
    connectedKva: null,
    class: 'home',
    averageKw: null,
    peakKw: null,
    priority: 'life_support',
    lon: null,
    lat: null,
  })
  t.doesNotThrow(() => buildNetwork(tables))
})

t.test('each fault is named with what, where and which', async (t) => {
  const points = (rows: string) => ({
    'service_points.csv': `id,node,phases,customers,lon\n${rows}`,
  })
  const cases: [
    string,
    Record<string, string | Buffer | undefined>,
    string,
    string | null,
    string[],
  ][] = [
    ['a node nobody knows', points('P1,nx,A,1,'), 'unknown-node', 'service_points.csv:2', ['P1']],
    ['customers in halves', points('P1,n1,A,1.5,'), 'bad-count', 'service_points.csv:2', ['P1']],
    ['fewer than no customers', points('P1,n1,A,-1,'), 'bad-count', 'service_points.csv:2', ['P1']],
    [
      'letters that are no phases',
      points('\nP1,n1,AD,1,'),
      'bad-phases',
      'service_points.csv:3',
      ['P1'],
    ],
    ['a phase twice', points('P1,n1,AA,1,'), 'bad-phases', 'service_points.csv:2', ['P1']],
    [
      'the same id twice',
      points('P1,n1,A,1,\nP1,n1,A,1,'),
      'duplicate-id',
      'service_points.csv:3',
      ['P1'],
    ],
    [
      'an id that is too long',
      points(`${'x'.repeat(129)},n1,A,1,`),
      'bad-id',
      'service_points.csv:2',
      [`${'x'.repeat(60)}…`],
    ],
    [
      'a control character',
      points('P\u0007,n1,A,1,'),
      'bad-id',
      'service_points.csv:2',
      ['P\ufffd'],
    ],
    ['no id', points(',n1,A,1,'), 'missing-value', 'service_points.csv:2', []],
    [
      'a place beyond the earth',
      points('P1,n1,A,1,181'),
      'out-of-range',
      'service_points.csv:2',
      ['P1'],
    ],
    ['a field too many', points('P1,n1,A,1,1,1'), 'field-count', 'service_points.csv:2', []],
    ['a quote in the middle', points('P"1,n1,A,1,'), 'bad-quote', 'service_points.csv:2', []],
    [
      'a quote never closed',
      points('"P1,n1,A,1,\nP2,n1,A,1,\n'),
      'bad-quote',
      'service_points.csv:2',
      [],
    ],
    [
      'a missing column',
      { 'lines.csv': 'id,from,phases\nl1,n1,ABC\n' },
      'missing-column',
      'lines.csv:1',
      ['to'],
    ],
    [
      'a column nobody reads',
      { 'lines.csv': 'id,from,to,phases,colour\n' },
      'unknown-column',
      'lines.csv:1',
      ['colour'],
    ],
    [
      'a column twice',
      { 'lines.csv': 'id,from,to,phases,to\n' },
      'duplicate-column',
      'lines.csv:1',
      ['to'],
    ],
    [
      'a file without a header',
      { 'lines.csv': '' },
      'missing-header',
      'lines.csv:1',
      ['lines.csv'],
    ],
    [
      'a length that is no number',
      { 'lines.csv': 'id,from,to,phases,length_m\nl1,n1,n2,A,12m\n' },
      'bad-number',
      'lines.csv:2',
      ['l1'],
    ],
    [
      'a negative length',
      { 'lines.csv': 'id,from,to,phases,length_m\nl1,n1,n2,A,-1\n' },
      'negative',
      'lines.csv:2',
      ['l1'],
    ],
    [
      'an unknown kind',
      { 'transformers.csv': 'id,from,to,phases,kind,rated_kva\nt1,n2,lv,A,big,1\n' },
      'unknown-kind',
      'transformers.csv:2',
      ['t1'],
    ],
    [
      'an unknown position',
      { 'switches.csv': 'id,from,to,kind,phases,normal\nH,src,n1,fuse,A,shut\n' },
      'unknown-word',
      'switches.csv:2',
      ['H'],
    ],
    [
      'a flag that is no flag',
      { 'lines.csv': 'id,from,to,phases,overhead\nl1,n1,n2,A,yes\n' },
      'bad-flag',
      'lines.csv:2',
      ['l1'],
    ],
    [
      'a head that is no switch',
      { 'feeders.csv': 'id,name,substation,head\nF,Mill,W,l1\n' },
      'unknown-switch',
      'feeders.csv:2',
      ['F'],
    ],
    [
      'a substation nobody knows',
      { 'feeders.csv': 'id,name,substation,head\nF,Mill,X,H\n' },
      'unknown-substation',
      'feeders.csv:2',
      ['F'],
    ],
    [
      'bytes that are no UTF-8',
      { 'lines.csv': Buffer.from('id,from,to,phases\nl\xff,n1,n2,A\n', 'latin1') },
      'invalid-utf8',
      'lines.csv:2',
      [],
    ],
    [
      'a line of a million characters',
      { 'lines.csv': `id,from,to,phases\n${'x'.repeat(1_000_000)}\n` },
      'record-too-long',
      'lines.csv:2',
      [],
    ],
    ['no nodes', { 'nodes.csv': undefined }, 'missing-file', null, ['nodes.csv']],
    ['no sources', { 'sources.csv': undefined }, 'missing-file', null, ['sources.csv']],
    [
      'sources without a source',
      { 'sources.csv': 'id,node,phases\n' },
      'no-source',
      'sources.csv',
      [],
    ],
    ['a file nobody reads', { 'cables.csv': 'id\n' }, 'unknown-file', null, ['cables.csv']],
  ]
  for (const [name, change, code, where, ids] of cases) {
    const { faults } = await read(t, change)
    const found = faults.find((fault) => fault.code === code)
    t.same(found && [found.where, found.ids], [where, ids], name)
    const isWarning = code === 'unknown-column' || code === 'unknown-file'
    t.equal(found?.severity, isWarning ? 'warning' : 'error', `${name}: severity`)
  }
  t.same(codes((await readNetworkFolder('/nowhere')).faults), ['unreadable'])
})

t.test('all faults are named at once, and a flood of them is counted', async (t) => {
  const rows = Array.from({ length: 5000 }, (_, i) => `P${i},nx,Z,many,x`).join('\n')
  const { faults } = await read(t, {
    'service_points.csv': `id,node,phases,customers,lon\n${rows}\n`,
    'lines.csv': 'id,from,to,phases\nl1,n1,n9,A\n',
  })
  t.same(codes(faults), ['bad-count', 'bad-number', 'bad-phases', 'unknown-node'])
  const phases = faults.filter((fault) => fault.code === 'bad-phases')
  t.equal(phases.length, 101)
  t.equal(
    phases.reduce((sum, fault) => sum + fault.count, 0),
    5000,
  )
  t.ok(faults.some((fault) => fault.where === 'lines.csv:2'))
})

t.test('what may be missing is missing with a word', async (t) => {
  const none = { 'substations.csv': undefined, 'feeders.csv': undefined }
  const bare = await read(t, {
    ...none,
    'lines.csv': undefined,
    'transformers.csv': undefined,
    'service_points.csv': undefined,
  })
  t.same(errors(bare.faults), [])
  t.same(codes(bare.faults), ['missing-file'])
  t.equal(bare.faults.length, 5)
  t.equal(bare.tables.switches.length, 2)
})

t.test('spreadsheets are read: BOM, CRLF, quotes, spaces, no last line end', async (t) => {
  const { tables, faults } = await read(t, {
    'substations.csv':
      '\ufeffID , "name",area\r\nW,"West, ""the old"" one\r\nby the river", "north"\r\n\r\n  X , Ö ,""',
  })
  t.same(faults, [])
  t.same(
    tables.substations.map((row) => [row.id, row.name, row.area]),
    [
      ['W', 'West, "the old" one\r\nby the river', 'north'],
      ['X', 'Ö', null],
    ],
  )
})

const zipped = (files: Record<string, string>, options: { level?: 0 | 9 } = {}) =>
  Buffer.from(
    zipSync(
      Object.fromEntries(Object.entries(files).map(([name, text]) => [name, strToU8(text)])),
      options,
    ),
  )
const under = (folder: string, files: Record<string, string>) =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}${name}`, text]))

t.test('a zip of a folder is read as the folder', async (t) => {
  const { tables } = await read(t)
  for (const [name, bytes] of Object.entries({
    flat: zipped(GOOD),
    stored: zipped(GOOD, { level: 0 }),
    'one folder': zipped(under('town/', { ...GOOD, 'README.txt': 'hello' })),
    'from a Mac': zipped({ ...under('town/', GOOD), '__MACOSX/town/._nodes.csv': 'x' }),
  })) {
    const found = await readNetwork(path.join(t.testdir({ 'n.zip': bytes }), 'n.zip'))
    t.same(found.faults, [], name)
    t.same(found.tables, tables, name)
    t.equal(found.format, 'folder')
  }
})

t.test('a zip that is none, or a trick, is refused', async (t) => {
  const good = zipped(GOOD)
  const big = zipped({
    ...GOOD,
    'lines.csv': `id,from,to,phases\n${'l1,n1,n2,A\n'.repeat(100_000)}`,
  })
  const cases: [string, Buffer, string][] = [
    ['text', Buffer.from('id,node\n'), 'bad-zip'],
    ['nothing', Buffer.alloc(0), 'bad-zip'],
    ['half of one', good.subarray(0, good.length / 3), 'bad-zip'],
    ['cut between two files', good.subarray(0, good.indexOf('PK\x01\x02')), 'bad-zip'],
    ['a way out', zipped(under('../', GOOD)), 'zip-path'],
    ['a way to the root', zipped(under('/', GOOD)), 'zip-path'],
    ['a backslash', zipped(under('a\\..\\', GOOD)), 'zip-path'],
    ['two networks', zipped({ ...under('a/', GOOD), ...under('b/', GOOD) }), 'duplicate-file'],
    ['a bomb', big, 'zip-size'],
  ]
  for (const [name, bytes, code] of cases) {
    const file = path.join(t.testdir({ 'n.zip': bytes }), 'n.zip')
    const { faults } = await readNetworkFolder(file, { unzippedBytesMax: 500_000 })
    t.ok(
      errors(faults).some((fault) => fault.code === code),
      `${name}: ${codes(faults).join()}`,
    )
  }
})

t.test('checks name what is likely a mistake, and nothing in a sound network', async (t) => {
  const check = async (change: Record<string, string>) => {
    const { tables, faults } = await read(t, change)
    t.same(errors(faults), [])
    return checkNetwork(tables)
  }
  // n3 lies behind the open tie T and has nobody: that is the one thing to say about the drawing above.
  const base = await check({})
  t.same(
    base.map((fault) => [fault.code, fault.component, fault.ids]),
    [
      ['dangling', 'switch', ['T']],
      ['missing-rating', 'feeder', ['F']],
    ],
  )
  const said = async (change: Record<string, string>) =>
    (await check(change))
      .filter(
        (fault) =>
          !base.some((each) => each.code === fault.code && each.component === fault.component),
      )
      .map((fault) => [fault.code, fault.component, fault.ids])
  const more = (file: string, rows: string) => ({ [file]: GOOD[file]! + rows })
  const cases: [string, Record<string, string>, unknown[]][] = [
    [
      'an island',
      {
        ...more('nodes.csv', 'i1,10\ni2,10\n'),
        ...more('lines.csv', 'li,i1,i2,A,1,1\n'),
        ...more('service_points.csv', 'P9,i1,A,1,,,\n'),
      },
      [
        ['island', 'node', ['i1', 'i2']],
        ['unfed', 'service-point', ['P9']],
        ['dangling', 'line', ['li']],
      ],
    ],
    [
      'a point behind an open switch',
      more('service_points.csv', 'P9,n3,A,1,,,\n'),
      [['unfed', 'service-point', ['P9']]],
    ],
    ['a loop', more('lines.csv', 'l2,n1,n2,B,1,1\n'), [['loop', 'line', ['l2', 'l1']]]],
    [
      'no loop: two phases side by side',
      { 'lines.csv': 'id,from,to,phases,length_m,rated_a\nl1,n1,n2,AB,1,1\nl2,n1,n2,C,1,1\n' },
      [],
    ],
    [
      'two sources in parallel',
      more('sources.csv', 'g2,n2,ABC\n'),
      [
        ['parallel-sources', 'source', ['l1']],
        ['no-feeder', 'service-point', ['P2']],
      ],
    ],
    [
      'a phase that does not come',
      { 'lines.csv': 'id,from,to,phases,length_m,rated_a\nl1,n1,n2,AB,1,1\n' },
      [
        ['phase-mismatch', 'service-point', ['P2']],
        ['phase-mismatch', 'transformer', ['t1']],
      ],
    ],
    [
      'an end without anybody',
      { ...more('nodes.csv', 'e,10\n'), ...more('lines.csv', 'le,n1,e,A,1,1\n') },
      [['dangling', 'line', ['le']]],
    ],
    [
      'an id in two tables',
      more('lines.csv', 'H,n1,lv,A,1,1\n'),
      [
        ['duplicate-id', 'line', ['H']],
        ['loop', 'transformer', ['t1', 'l1', 'H']],
      ],
    ],
    [
      'nobody',
      more('service_points.csv', 'P9,n1,A,0,,,\n'),
      [['no-customers', 'service-point', ['P9']]],
    ],
    [
      'missing ratings',
      { 'transformers.csv': 'id,from,to,phases,kind,rated_kva\nt1,n2,lv,ABC,distribution,\n' },
      [['missing-rating', 'transformer', ['t1']]],
    ],
    [
      'a node joined to nothing',
      more('nodes.csv', 'x,10\n'),
      [
        ['island', 'node', ['x']],
        ['loose-node', 'node', ['x']],
      ],
    ],
    [
      'a branch to itself',
      more('lines.csv', 'le,n1,n1,A,1,1\n'),
      [['self-loop', 'branch', ['le']]],
    ],
    [
      'a head that is open',
      { 'feeders.csv': 'id,name,substation,head,rated_a\nF,Mill,W,T,1\n' },
      [
        ['open-head', 'feeder', ['F']],
        ['no-feeder', 'service-point', ['P1', 'P2']],
      ],
    ],
    ['a head for two', more('feeders.csv', 'G,Quay,W,H\n'), [['shared-head', 'feeder', ['G']]]],
  ]
  for (const [name, change, expected] of cases) t.same(await said(change), expected, name)
  const town = makeTown({ seed: 1, customers: 3000 })
  t.same(
    checkNetwork(town).filter(
      (fault) => fault.code !== 'missing-rating' && fault.code !== 'dangling',
    ),
    [],
    'a sound town has none of them',
  )
})

/** Any text that an id may be. */
const anyId = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 12 })
  .filter((text) => !/[\p{Cc}\p{Cs}\ufffd]/u.test(text))
const anyText = fc.option(
  fc
    .string({ unit: 'binary', minLength: 1, maxLength: 12 })
    .filter((text) => !/[\0\ufffd\p{Cs}]/u.test(text)),
)
const amount = fc.option(fc.double({ min: 0, max: 1e300, noNaN: true }).map((value) => value + 0))
const degrees = (most: number) =>
  fc.option(fc.double({ min: -most, max: most, noNaN: true }).map((value) => value + 0))
const phases = fc.integer({ min: 1, max: 7 })
const unique = <Row extends { id: string }>(row: fc.Arbitrary<Row>, minLength = 0) =>
  fc.uniqueArray(row, { selector: (each) => each.id, minLength, maxLength: 6 })

const anyNetwork: fc.Arbitrary<NetworkTables> = unique(
  fc.record({ id: anyId, kv: amount, lon: degrees(180), lat: degrees(90) }),
  1,
).chain((nodes) => {
  const node = fc.constantFrom(...nodes.map((row) => row.id))
  const ends = { id: anyId, from: node, to: node, phases }
  return fc
    .record({
      sources: unique(fc.record({ id: anyId, node, phases, ratedKva: amount }), 1),
      substations: unique(
        fc.record({ id: anyId, name: anyText, area: anyText, lon: degrees(180), lat: degrees(90) }),
        1,
      ).map((rows) => rows.map((row) => ({ ...row, name: row.name ?? row.id }))),
      switches: unique(
        fc.record({
          ...ends,
          kind: fc.constantFrom(...SWITCH_KINDS),
          normallyClosed: fc.boolean(),
          ratedA: amount,
          telemetered: fc.boolean(),
          name: anyText,
        }),
        1,
      ),
      lines: unique(
        fc.record({
          ...ends,
          lengthM: amount,
          ratedA: amount,
          overhead: fc.option(fc.boolean()),
          failuresPerKmYear: amount,
          repairH: amount,
        }),
      ),
      transformers: unique(
        fc.record({
          ...ends,
          kind: fc.constantFrom(...TRANSFORMER_KINDS),
          ratedKva: amount,
          name: anyText,
          failuresPerYear: amount,
          repairH: amount,
        }),
      ),
      servicePoints: unique(
        fc.record({
          id: anyId,
          node,
          phases,
          customers: fc.nat({ max: 100_000 }),
          connectedKva: amount,
          class: anyText,
          averageKw: amount,
          peakKw: amount,
          priority: fc.option(fc.constantFrom(...PRIORITIES)),
          lon: degrees(180),
          lat: degrees(90),
        }),
      ),
    })
    .chain((tables) =>
      unique(
        fc.record({
          id: anyId,
          name: anyId,
          substation: fc.constantFrom(...tables.substations.map((row) => row.id)),
          head: fc.constantFrom(...tables.switches.map((row) => row.id)),
          ratedA: amount,
          ratedKva: amount,
        }),
      ).map((feeders) => ({ ...tables, nodes, feeders })),
    )
})

t.test('what is written is read back to the same tables', async (t) => {
  const folder = t.testdir({})
  await fc.assert(
    fc.asyncProperty(anyNetwork, async (tables) => {
      await writeNetworkFolder(tables, folder)
      const { tables: back, faults } = await readNetworkFolder(folder)
      checkNetwork(back)
      return (
        faults.length === 0 && JSON.stringify(back) === JSON.stringify(sortKeysLike(tables, back))
      )
    }),
    { numRuns: 60 },
  )
  const town = makeTown({ seed: 2, customers: 2000 })
  await writeNetworkFolder(town, folder)
  t.same((await readNetworkFolder(folder)).tables, town)
})

/** The same values with their keys in the order of `model`, so that they can be compared as text. */
function sortKeysLike(value: unknown, model: unknown): unknown {
  if (Array.isArray(value))
    return value.map((each, i) => sortKeysLike(each, (model as unknown[])[i]))
  if (value === null || typeof value !== 'object' || model === null || typeof model !== 'object')
    return value
  const from = value as Record<string, unknown>
  const like = model as Record<string, unknown>
  const keys = [...new Set([...Object.keys(like), ...Object.keys(from)])]
  return Object.fromEntries(keys.map((key) => [key, sortKeysLike(from[key], like[key])]))
}

t.test('no bytes make the reader fall over', async (t) => {
  const folder = t.testdir(GOOD)
  const names = Object.keys(GOOD)
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...names),
      fc.uint8Array({ maxLength: 300 }),
      async (name, bytes) => {
        fs.writeFileSync(path.join(folder, name), bytes)
        const { tables, faults } = await readNetworkFolder(folder)
        fs.writeFileSync(path.join(folder, name), GOOD[name]!)
        checkNetwork(tables)
        return faults.length > 0
      },
    ),
    { numRuns: 50 },
  )
  const change = fc.record({
    name: fc.constantFrom(...names),
    at: fc.nat(),
    cut: fc.nat({ max: 10 }),
    put: fc.oneof(
      fc.string({ unit: 'binary', maxLength: 4 }),
      fc.constantFrom('"', ',', '\n', '\r\n', '\0', 'ABC'),
    ),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      for (const { name, at, cut, put } of changes) {
        const text = GOOD[name]!
        const from = at % (text.length + 1)
        fs.writeFileSync(
          path.join(folder, name),
          text.slice(0, from) + put + text.slice(from + cut),
        )
      }
      const { tables, faults } = await readNetworkFolder(folder)
      for (const { name } of changes) fs.writeFileSync(path.join(folder, name), GOOD[name]!)
      checkNetwork(tables)
      // Whatever has no error can be built.
      if (errors(faults).length === 0) buildNetwork(tables)
    }),
    { numRuns: 120 },
  )
  const zip = zipped(GOOD)
  const file = path.join(folder, 'n.zip')
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: zip.length - 1 }),
      fc.integer({ min: 0, max: 255 }),
      async (at, byte) => {
        const bytes = Buffer.from(zip)
        bytes[at] = byte
        fs.writeFileSync(file, bytes)
        await readNetworkFolder(file)
      },
    ),
    { numRuns: 60 },
  )
})
