import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import * as fc from 'fast-check'
import t from 'tap'
import { energize, isFed, operate } from '../src/grid/energization.ts'
import { buildNetwork, type Network } from '../src/grid/network.ts'
import { formatPhases, parsePhases } from '../src/grid/phases.ts'
import type { NetworkTables } from '../src/grid/tables.ts'
import { checkNetwork } from '../src/imports/network-checks.ts'
import { readOpenDss } from '../src/imports/opendss.ts'
import { nameMatcher, readLine, readNumber } from '../src/imports/opendss-words.ts'
import type { Fault } from '../src/imports/report.ts'

const DATA = fileURLToPath(new URL('../../shared/data/', import.meta.url))
const skip = fs.existsSync(DATA) ? false : 'no ../shared/data'
const NINE = `${DATA}ieee9500/ieee9500_base.dss`
const small = (name: string) => `${DATA}ieee_small/${name}`

const errors = (faults: readonly Fault[]) => faults.filter((fault) => fault.severity === 'error')
const named = (faults: readonly Fault[], code: string) =>
  faults.filter((fault) => fault.code === code).flatMap((fault) => fault.ids)
const codes = (faults: readonly Fault[]) => [...new Set(faults.map((fault) => fault.code))].sort()

/**
 * The hand trace: which service points have supply on every phase they use, with these switches open. It walks the rows as they are and
 * shares nothing with the product.
 */
function fedByHand(tables: NetworkTables, isOpen: (id: string) => boolean): Set<string> {
  const near = new Map<string, [string, number][]>()
  const branches = [
    ...tables.switches.filter((row) => !isOpen(row.id)),
    ...tables.lines,
    ...tables.transformers,
  ]
  for (const { from, to, phases } of branches) {
    near.set(from, [...(near.get(from) ?? []), [to, phases]])
    near.set(to, [...(near.get(to) ?? []), [from, phases]])
  }
  const fed = new Map<string, number>()
  const walk: [string, number][] = tables.sources.map((row) => [row.node, row.phases])
  for (let step = walk.pop(); step !== undefined; step = walk.pop()) {
    const [node, phases] = step
    const was = fed.get(node) ?? 0
    if ((was | phases) === was) continue
    fed.set(node, was | phases)
    for (const [other, passes] of near.get(node) ?? []) walk.push([other, phases & passes])
  }
  return new Set(
    tables.servicePoints
      .filter((row) => ((fed.get(row.node) ?? 0) & row.phases) === row.phases)
      .map((row) => row.id),
  )
}

const normally = (tables: NetworkTables) => {
  const open = new Set(tables.switches.filter((row) => !row.normallyClosed).map((row) => row.id))
  return (id: string): boolean => open.has(id)
}

/** Service points without supply after a change, by the product: the sections that were lost, and who hangs on them. */
function pointsOf(
  network: Network,
  tables: NetworkTables,
  sections: readonly number[],
): Set<string> {
  const groups = new Set<number>()
  for (const section of sections) {
    const last = network.sectionGroupStart[section + 1]!
    for (let i = network.sectionGroupStart[section]!; i < last; i++)
      groups.add(network.sectionGroups[i]!)
  }
  return new Set(
    tables.servicePoints
      .filter((_, i) => groups.has(network.servicePointGroup[i]!))
      .map((row) => row.id),
  )
}

t.test(
  'IEEE 9500 has the buses, loads and switches that it is known to have',
  { skip },
  async (t) => {
    const { tables, faults } = await readOpenDss(NINE)
    t.same(errors(faults), [])
    t.equal(tables.nodes.length, 5294)
    t.equal(tables.servicePoints.length, 1275)
    t.equal(tables.switches.length, 109)
    t.equal(tables.switches.filter((row) => !row.normallyClosed).length, 11)
    t.equal(tables.switches.length + tables.lines.length, 4018)
    t.equal(fedByHand(tables, normally(tables)).size, 1275, 'every load is reached on its phases')
    t.ok(
      tables.nodes.every((row) => row.lon !== null && row.kv !== null),
      'every bus has place and kv',
    )
    t.same(
      [...new Set(tables.nodes.map((row) => row.kv))].sort((a, b) => a! - b!),
      [0.24, 0.48, 12.47, 69, 115],
    )
    const modelled = new Map(faults.map((fault) => [fault.component, fault.count]))
    t.equal(modelled.get('pvsystem'), 178)
    t.equal(modelled.get('generator'), 9)
    t.equal(modelled.get('storage'), 2)
    t.equal(modelled.get('a shunt capacitor'), 10)

    t.test('a leg behind a centre tap lives on the phase of the primary', async (t) => {
      // The names of this feeder end in the letter of their phase.
      const strays = tables.servicePoints.filter(
        (row) => formatPhases(row.phases) !== row.node.at(-1)!.toUpperCase(),
      )
      t.same(
        strays.map((row) => `${row.node} ${formatPhases(row.phases)}`),
        [],
      )
      const lines = tables.lines.filter((row) => row.id.startsWith('line.tpx'))
      t.equal(lines.length, 1275)
      t.same(
        lines.filter((row) => formatPhases(row.phases) !== row.to.at(-1)!.toUpperCase()),
        [],
      )
    })

    t.test('its feeders begin where supply leaves the three substations', async (t) => {
      t.same(tables.feeders.map((row) => row.head).sort(), [
        'line.hvmv69s1b2_sw',
        'line.hvmv69s2b2_sw',
        'line.hvmv69s3b2_sw',
      ])
      t.equal(tables.substations.length, 3)
      t.notOk(codes(checkNetwork(tables)).includes('no-feeder'))
      t.notOk(codes(checkNetwork(tables)).includes('unfed'))
      t.notOk(codes(checkNetwork(tables)).includes('island'))
      t.notOk(codes(checkNetwork(tables)).includes('phase-mismatch'))
      t.notOk(codes(checkNetwork(tables)).includes('loop'))
    })

    t.test(
      'opening each closed switch takes supply from as many loads as are below it',
      async (t) => {
        const expected = JSON.parse(
          fs.readFileSync(`${DATA}ieee9500/expected_topology_ieee9500.json`, 'utf8'),
        )
        const network = buildNetwork(tables)
        const found: Record<string, number> = {}
        const byHand: Record<string, number> = {}
        const isOpen = normally(tables)
        for (const row of tables.switches.filter((each) => each.normallyClosed)) {
          const name = row.id.slice('line.'.length)
          const state = energize(network)
          const { lost } = operate(state, network.switchIndex.get(row.id)!, 0)
          found[name] = pointsOf(network, tables, lost).size
          byHand[name] = 1275 - fedByHand(tables, (id) => id === row.id || isOpen(id)).size
        }
        t.same(byHand, expected.load_objects_below_each_closed_switch, 'by hand')
        t.same(found, expected.load_objects_below_each_closed_switch, 'by the product')
        t.same(
          tables.switches
            .filter((row) => !row.normallyClosed)
            .map((row) => row.id.slice(5))
            .sort(),
          expected.open_lines,
        )
      },
    )

    t.test(
      'closing a tie after a head has opened restores whom the hand trace finds',
      async (t) => {
        const network = buildNetwork(tables)
        const isOpen = normally(tables)
        let restoring = 0
        for (const { head } of tables.feeders) {
          for (const tie of tables.switches.filter((row) => !row.normallyClosed)) {
            const state = energize(network)
            operate(state, network.switchIndex.get(head)!, 0)
            operate(state, network.switchIndex.get(tie.id)!, tie.phases)
            const dark: number[] = []
            for (let section = 0; section < network.sectionCount; section++) {
              if (!isFed(state, section)) dark.push(section)
            }
            const out = pointsOf(network, tables, dark)
            const fed = fedByHand(tables, (id) => id === head || (isOpen(id) && id !== tie.id))
            t.equal(out.size, 1275 - fed.size, `${head} open, ${tie.id} closed`)
            t.notOk(
              [...out].some((id) => fed.has(id)),
              'nobody is both out and fed',
            )
            const before = fedByHand(tables, (id) => id === head || isOpen(id))
            if (fed.size > before.size) restoring += 1
          }
        }
        t.ok(restoring >= 5, `${restoring} ties bring someone back`)
      },
    )
  },
)

t.test(
  'IEEE 123: its loads are below its switches, and its dead-end ties are named',
  { skip },
  async (t) => {
    const { tables, faults } = await readOpenDss(small('123Bus/Run_IEEE123Bus.DSS'))
    t.same(errors(faults), [])
    const expected = JSON.parse(fs.readFileSync(small('expected_topology_ieee123.json'), 'utf8'))
    t.equal(tables.nodes.length, expected.buses_reached)
    t.equal(tables.servicePoints.length, 91)
    const found: Record<string, number> = {}
    for (const row of tables.switches) {
      found[row.id.slice(5)] = 91 - fedByHand(tables, (id) => id === row.id).size
    }
    t.same(found, expected.load_objects_below_each_closed_switch)
    const ties = checkNetwork(tables).filter(
      (fault) => fault.code === 'dangling' && fault.component === 'switch',
    )
    t.same(
      ties.map((fault) => fault.ids),
      [['line.sw7', 'line.sw8']],
    )
    t.same(
      tables.feeders.map((row) => row.head),
      ['line.sw1'],
    )
    t.equal(
      tables.transformers
        .filter((row) => row.to === '160r')
        .map((row) => formatPhases(row.phases))
        .join(),
      'A,B,C',
      'a bank of single-phase regulators is a branch a phase, by like= too',
    )
  },
)

t.test('IEEE 13, 34 and 37 import and reach every load', { skip }, async (t) => {
  for (const [file, nodes, loads] of [
    ['13Bus/IEEE13Nodeckt.dss', 16, 15],
    ['34Bus/Run_IEEE34Mod1.dss', 37, 68],
    ['34Bus/ieee34Mod2.dss', 56, 38],
    ['37Bus/ieee37.dss', 39, 30],
  ] as const) {
    const { tables, faults } = await readOpenDss(small(file))
    t.same(errors(faults), [], file)
    t.equal(tables.nodes.length, nodes, `${file}: buses`)
    t.equal(tables.servicePoints.length, loads, `${file}: loads`)
    t.equal(fedByHand(tables, normally(tables)).size, loads, `${file}: all reached`)
    t.equal(named(checkNetwork(tables), 'phase-mismatch').length, 0, `${file}: phases`)
  }
  const thirteen = await readOpenDss(small('13Bus/IEEE13Nodeckt.dss'))
  const phases = (id: string) =>
    formatPhases(thirteen.tables.servicePoints.find((row) => row.id === id)!.phases)
  t.equal(phases('load.646'), 'BC', 'a load between two phases uses both')
  t.equal(phases('load.692'), 'AC')
  t.equal(phases('load.611'), 'C')
  t.equal(phases('load.671'), 'ABC')
})

t.test('the protection of IEEE 9500 makes its eleven lines reclosers', { skip }, async (t) => {
  const reclosers = fs
    .readFileSync(`${DATA}ieee9500/cimhub_protection.dss`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('new recloser') || line.startsWith('edit transformer'))
  const folder = t.testdir({
    'with.dss': ['redirect copy.dss', ...reclosers].join('\n'),
  })
  fs.copyFileSync(NINE, path.join(folder, 'copy.dss'))
  const { tables } = await readOpenDss(path.join(folder, 'with.dss'))
  const found = tables.switches.filter((row) => row.kind === 'recloser')
  t.equal(found.length, 11)
  t.ok(found.some((row) => row.id === 'line.ln6044631-1' && row.name === 'recloser.r1'))
  t.same(tables.substations.map((row) => row.name).sort(), ['S1', 'S2', 'S3'])
  t.equal(fedByHand(tables, normally(tables)).size, 1275)
})

/** Reads a circuit of one file, or of several, the first of which begins. */
async function circuit(
  t: { testdir(files: Record<string, string>): string },
  files: string | Record<string, string>,
): Promise<{ tables: NetworkTables; faults: Fault[] }> {
  const all = typeof files === 'string' ? { 'main.dss': files } : files
  return readOpenDss(path.join(t.testdir(all), Object.keys(all)[0]!))
}

const branchOf = (tables: NetworkTables, id: string) =>
  [...tables.switches, ...tables.lines, ...tables.transformers].find((row) => row.id === id)
const lettersOf = (tables: NetworkTables, id: string) =>
  formatPhases(
    (branchOf(tables, id) ?? tables.servicePoints.find((row) => row.id === id))?.phases ?? 0,
  )

t.test('the language is read the way it is written', async (t) => {
  const { tables, faults } = await circuit(
    t,
    `/* a block
       New Line.never bus1=a bus2=b */
Clear ! a comment
New object=circuit.town basekv=12.47 Bus1=S pu=1.0 // another
new linecode.Lc nphases=1 normamps=120 units=km
~ r1=(8 1000 /)
NEW "Line.One" Bus1 = s.2 , bus2=[A.2] LineCode=lc Length=0.5
New Line.two a.2 b.2 lc 0.25          ! by place
New Line.three like=two bus1=b.2 bus2='c.2'
Line.three.length=2 normamps=99
More units=m
Edit line.two enabled=yes
New Line.sw bus1=s bus2=d phases=3 switch=yes
New Line.sw2 bus1=d bus2=e switch=Y
New Line.gone bus1=s bus2=z
Disable Line.gone
Open Line.sw2 1
New Line.sw3 bus1=d bus2=f switch=true
Open Line.sw3 2
Close line.sw3 2 0
Close line.sw3 term=2
BatchEdit Line.^t.* normamps=77
var @where=c.2
New Load.L1 bus1=@where phases=1 kw=4 pf=0.8 kv=7.2
New Load.L2 bus1=f kw=3 kvar=4
New Generator.g1 bus1=f kw=100
~ kvar=3
New PVSystem.p bus1=f
New Capacitor.c1 bus1=f kvar=100
Set mode=snapshot voltagebases=[12.47 .48]
Reduce default
Frobnicate everything
solve`,
  )
  t.same(errors(faults), [])
  t.same(
    tables.sources.map((row) => [row.id, row.node, row.phases]),
    [['vsource.source', 's', 7]],
  )
  t.same(
    tables.lines.map((row) => row.id),
    ['line.one', 'line.two', 'line.three'],
  )
  const [one, two, three] = tables.lines
  t.match(one, { from: 's', to: 'a', phases: 2, lengthM: 500, ratedA: 120 })
  t.match(two, { from: 'a', to: 'b', phases: 2, lengthM: 250, ratedA: 77 })
  t.match(three, { from: 'b', to: 'c', phases: 2, lengthM: 2, ratedA: 77 })
  t.same(
    tables.switches.map((row) => [row.id, row.normallyClosed, row.kind]),
    [
      ['line.sw', true, 'load_break'],
      ['line.sw2', false, 'load_break'],
      ['line.sw3', true, 'load_break'],
    ],
  )
  t.same(
    tables.servicePoints.map((row) => [
      row.id,
      row.node,
      row.customers,
      row.connectedKva,
      row.averageKw,
    ]),
    [
      ['load.l1', 'c', 1, 5, 4],
      ['load.l2', 'f', 1, 5, 3],
    ],
  )
  t.same(named(faults, 'left-out').sort(), ['capacitor.c1', 'line.gone'])
  t.same(named(faults, 'not-followed'), ['reduce'])
  t.same(named(faults, 'unknown-command'), ['frobnicate'])
  t.same(
    faults
      .filter((fault) => fault.code === 'not-modelled')
      .map((fault) => [fault.component, fault.count]),
    [
      ['generator', 1],
      ['pvsystem', 1],
    ],
  )
  t.equal(
    tables.nodes.find((row) => row.id === 'z'),
    undefined,
    'a disabled line brings no bus',
  )
  t.equal(tables.nodes.find((row) => row.id === 'c')?.kv, 12.47)
})

t.test('devices on lines and transformers are switches', async (t) => {
  const { tables, faults } = await circuit(
    t,
    `New Circuit.c bus1=s basekv=12.47
New Line.l1 bus1=s bus2=a length=100 units=m
New Line.l2 bus1=a bus2=b
New Line.l3 bus1=b bus2=c
New Line.l4 bus1=c bus2=d
New Line.l5 bus1=d bus2=e switch=y linetype=swt_brk
New Transformer.t1 phases=1 windings=2 buses=(e.2 low.1) kvs=(7.2 0.24) kvas=(25 25)
New Load.h bus1=low.1 phases=1 kw=2
New Relay.r MonitoredObj=Line.l1 MonitoredTerm=1
New Recloser.rc monitoredobj=line.l2
New Fuse.f1 MonitoredObj=Line.l3 RatedCurrent=65
New SwtControl.sc SwitchedObj=Line.l4 Normal=open State=closed
New Fuse.ft MonitoredObj=Transformer.t1 MonitoredTerm=1
New Fuse.nowhere MonitoredObj=Line.nine
New Fuse.off MonitoredObj=Line.l5 enabled=no`,
  )
  t.same(errors(faults), [])
  t.same(
    tables.switches.map((row) => [row.id, row.kind, row.normallyClosed, row.name, row.telemetered]),
    [
      ['line.l1', 'breaker', true, 'relay.r', true],
      ['line.l2', 'recloser', true, 'recloser.rc', true],
      ['line.l3', 'fuse', true, 'fuse.f1', false],
      ['line.l4', 'load_break', false, 'swtcontrol.sc', true],
      ['line.l5', 'breaker', true, null, true],
      ['fuse.ft', 'fuse', true, 'fuse.ft', false],
    ],
  )
  t.equal(tables.switches.find((row) => row.id === 'line.l3')?.ratedA, 65)
  t.match(branchOf(tables, 'fuse.ft'), { from: 'e', to: 'e#fuse.ft', phases: 2 })
  t.match(branchOf(tables, 'transformer.t1'), { from: 'e#fuse.ft', to: 'low', phases: 2 })
  t.equal(lettersOf(tables, 'load.h'), 'B', 'node 1 behind a single-phase transformer on B is B')
  t.same(named(faults, 'switch-without-seat'), ['fuse.nowhere'])
  t.same(named(faults, 'length-lost'), ['line.l1'], 'a length that a switch cannot keep is said')
})

t.test('phases follow the conductors, not their numbers', async (t) => {
  const { tables, faults } = await circuit(
    t,
    `New Circuit.c bus1=s basekv=12.47
New Line.turn phases=1 bus1=s.1 bus2=t.2
New Line.behind phases=1 bus1=t.2 bus2=u.2
New Load.turned bus1=u.2 phases=1
New Transformer.ct phases=1 windings=3
~ wdg=1 bus=s.3 kv=7.2 kva=25
~ wdg=2 bus=legs.1.0 kv=0.12
~ wdg=3 bus=legs.0.2 kv=0.12
New Line.tpx phases=2 bus1=legs.1.2 bus2=house.2.1
New Load.house bus1=house.1.2 phases=2
New Transformer.delta phases=1 windings=2 buses=(s.1.2 d.1.0) kvs=(12.47 0.24) conns=(delta wye)
New Load.between bus1=d.1 phases=1
New Transformer.three phases=3 windings=3 buses=[s h l] kvs=[12.47 4.16 0.48] kvas=[500 300 200]
New Load.h bus1=h
New Load.l bus1=l.2.0 phases=1
New Transformer.up phases=3 buses=[g s] kvs=[0.48 12.47]
New Line.four phases=4 bus1=s.1.2.3.4 bus2=v.1.2.3.4
New Line.part bus1=s bus2=w switch=y
Open Line.part 1 2
New Reactor.r bus1=w bus2=x phases=3
New Reactor.shunt bus1=w phases=3
New Line.plain bus1=x bus2=y
Open Line.plain
New Line.neutral phases=1 bus1=s.4 bus2=v.4`,
  )
  t.same(errors(faults), [])
  t.equal(lettersOf(tables, 'load.turned'), 'A')
  t.equal(lettersOf(tables, 'line.behind'), 'A')
  t.same(named(faults, 'phase-swap'), ['line.turn'])
  t.equal(lettersOf(tables, 'line.tpx'), 'C')
  t.equal(lettersOf(tables, 'load.house'), 'C')
  t.equal(lettersOf(tables, 'load.between'), 'AB', 'behind a line-line transformer both are needed')
  t.same(
    tables.transformers.filter((row) => row.from === 's').map((row) => [row.id, row.to, row.kind]),
    [
      ['transformer.ct', 'legs', 'distribution'],
      ['transformer.delta', 'd', 'distribution'],
      ['transformer.three', 'h', 'power'],
      ['transformer.three#3', 'l', 'distribution'],
      ['transformer.up', 'g', 'distribution'],
    ],
  )
  t.equal(lettersOf(tables, 'line.four'), 'ABC', 'a neutral is no phase')
  t.match(branchOf(tables, 'line.part'), { phases: parsePhases('AC'), normallyClosed: true })
  t.match(branchOf(tables, 'line.part#open'), { phases: parsePhases('B'), normallyClosed: false })
  t.same(named(faults, 'part-open'), ['line.part'])
  t.match(branchOf(tables, 'reactor.r'), { from: 'w', to: 'x' })
  t.same(named(faults, 'series-element'), ['reactor.r'])
  t.match(branchOf(tables, 'line.plain'), { kind: 'disconnector', normallyClosed: false })
  t.same(named(faults, 'open-line'), ['line.plain'])
  t.same(named(faults, 'no-phase'), ['line.neutral'])
  t.equal(lettersOf(tables, 'load.h'), 'ABC')
})

t.test('files are found in any case, and never lead away or in a circle', async (t) => {
  const found = await circuit(t, {
    'main.dss':
      'redirect SUB\\Lines.DSS\nNew Load.x bus1=b\ncompile sub/more.dss\nredirect last.dss\nbuscoords ../XY.csv',
    sub: {
      'lines.dss': 'New Circuit.c bus1=a\nredirect other.dss',
      'Other.dss': 'New Line.l bus1=a bus2=b',
      'More.dss': 'New Line.m bus1=b bus2=c',
      'last.dss': 'New Line.n bus1=c bus2=d',
    },
    'xy.csv': 'A, 10.5, 50\nb 11 51\nc,,\n',
  } as unknown as Record<string, string>)
  t.same(errors(found.faults), [])
  t.same(
    found.tables.lines.map((row) => row.id),
    ['line.l', 'line.m', 'line.n'],
  )
  t.same(
    found.tables.nodes.slice(0, 2).map((row) => [row.lon, row.lat]),
    [
      [10.5, 50],
      [11, 51],
    ],
  )
  t.same(
    codes(found.faults).filter((code) => code === 'bad-place'),
    ['bad-place'],
  )

  for (const [text, code] of [
    ['New Circuit.c\nredirect main.dss', 'endless-redirect'],
    ['New Circuit.c\nredirect nothing.dss', 'file-missing'],
    ['New Circuit.c\nredirect /etc/passwd', 'file-outside'],
    ['New Circuit.c\nredirect ../../../../../etc/passwd', 'file-outside'],
    ['New Circuit.c\nredirect C:\\windows\\x.dss', 'file-outside'],
    ['New Circuit.c\nredirect .', 'file-unreadable'],
  ] as const) {
    const { faults } = await circuit(t, text)
    t.ok(named(faults, code).length > 0, `${code}: ${text}`)
    t.ok(errors(faults).length > 0, 'and it is an error')
  }
})

t.test('what is wrong in a circuit is named with what, where and which', async (t) => {
  const { faults } = await circuit(
    t,
    `New Circuit.c bus1=a
New Line.x bus1=a
New Line.y bus1=a.x bus2=b
New Line.z bus1=a bus2=b phases=many
New Transformer.t wdg=99 bus=a
New Transformer.u buses=(a a) kvs=(1 1)
New Load.l bus1=a kw=lots
New Load.l bus1=a
Edit Line.none length=1
Open Line.none
New Line.like like=none
New Nonsense
New Line.lc bus1=a bus2=c linecode=none
New Transformer.v xfmrcode=none buses=(a d)
New Line.q bus1=a bus2=c frob=1`,
  )
  const at = (code: string) =>
    faults
      .filter((fault) => fault.code === code)
      .map((fault) => `${fault.where} ${fault.ids.join()}`)
  t.same(at('missing-bus').sort(), [
    'main.dss:11 line.like',
    'main.dss:11 line.like',
    'main.dss:2 line.x',
    'main.dss:5 transformer.t',
  ])
  t.same(at('bad-bus'), ['main.dss:3 line.y'])
  t.same(at('bad-number').sort(), [
    'main.dss:4 line.z',
    'main.dss:5 transformer.t',
    'main.dss:7 load.l',
  ])
  t.same(at('self-loop'), ['main.dss:6 transformer.u'])
  t.same(at('duplicate-id'), ['main.dss:8 load.l'])
  t.same(at('unknown-element'), [
    'main.dss:9 line.none',
    'main.dss:10 line.none',
    'main.dss:11 line.like',
  ])
  t.same(at('bad-name'), ['main.dss:12 '])
  t.same(at('unknown-code').sort(), ['main.dss:13 line.lc', 'main.dss:14 transformer.v'])
  t.same(at('unknown-property'), ['main.dss:15 line.q'])
  const nothing = await circuit(t, 'solve')
  t.same(named(nothing.faults, 'no-source').length, 0)
  t.ok(errors(nothing.faults).some((fault) => fault.code === 'no-source'))
  t.ok(errors((await readOpenDss('/nowhere/x.dss')).faults).length > 0)
})

t.test('sums, lists and patterns', async (t) => {
  t.equal(readNumber('8 1000 /'), 0.008)
  t.equal(readNumber('0.00625  12  * 1 +'), 1.075)
  t.equal(readNumber('9 sqrt'), 3)
  t.equal(readNumber('-1.5e3'), -1500)
  for (const wrong of ['', 'x', '1 +', '1 0 /', '0x10', 'Infinity'])
    t.equal(readNumber(wrong), undefined)
  t.same(readLine("a=(1 2) b = [x, y] 'c d' {e}!f").params, [
    { name: 'a', value: '1 2' },
    { name: 'b', value: 'x, y' },
    { name: undefined, value: 'c d' },
    { name: undefined, value: 'e' },
  ])
  const cases = [
    ['.*', 'anything', true],
    ['^ab+c$', 'abbc', true],
    ['^ab+c$', 'ac', false],
    ['b', 'abc', true],
    ['^b', 'abc', false],
    ['a.c', 'xabcx', true],
    ['[xy]1?$', 'ay', true],
    ['[xy]1?$', 'az', false],
  ] as const
  for (const [pattern, name, is] of cases)
    t.equal(nameMatcher(pattern)!(name), is, `${pattern} ${name}`)
  t.equal(nameMatcher('(a|b)'), undefined)
  const simple = fc.array(fc.constantFrom('a', 'b', '.', 'a*', 'b+', '.?', '.*'), { maxLength: 6 })
  fc.assert(
    fc.property(
      simple,
      fc.boolean(),
      fc.boolean(),
      fc.stringMatching(/^[abc]{0,8}$/),
      (parts, from, to, name) => {
        const pattern = `${from ? '^' : ''}${parts.join('')}${to ? '$' : ''}`
        return nameMatcher(pattern)!(name) === new RegExp(pattern).test(name)
      },
    ),
  )
})

t.test('no text makes the reader fall over', async (t) => {
  const folder = t.testdir({})
  const file = path.join(folder, 'x.dss')
  const read = async (bytes: Uint8Array): Promise<boolean> => {
    fs.writeFileSync(file, bytes)
    const { tables, faults } = await readOpenDss(file)
    checkNetwork(tables)
    if (errors(faults).length === 0) buildNetwork(tables)
    return tables.sources.length > 0 || errors(faults).length > 0
  }
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), read), { numRuns: 100 })
  const words = fc.constantFrom(
    'New',
    'Edit',
    '~',
    'Open',
    'Close',
    'Line.a',
    'Line.b',
    'Transformer.t',
    'Load.l',
    'Circuit.c',
    'bus1=',
    'bus2=',
    'a.1',
    'b.2.0',
    'c',
    '(',
    ')',
    '[',
    '"',
    '=',
    'like=a',
    'phases=',
    '3',
    '-1',
    '99',
    'wdg=3',
    'buses=(a b c)',
    '\n',
    '\n',
    '/*',
    '*/',
    '!',
    '//',
    'switch=y',
    'xfmrcode=x',
    'Fuse.f',
    'monitoredobj=line.a',
    'redirect x.dss',
    'var @a=@a@a',
    '@a',
    'enabled=no',
    'BatchEdit',
    'Line..*',
    'Reactor.r',
    'Clear',
    'kv=(1 0 /)',
    'windings=1',
    'set',
    'voltagebases=[1 x]',
  )
  const texts = fc
    .array(words, { maxLength: 60 })
    .map((list) => Buffer.from(`New Circuit.z bus1=a\n${list.join(' ')}`))
  await fc.assert(fc.asyncProperty(texts, read), { numRuns: 400 })
  if (skip !== false) return
  const valid = fs.readFileSync(small('123Bus/IEEE123Master.dss'))
  const change = fc.array(
    fc.tuple(
      fc.nat({ max: valid.length - 1 }),
      fc.integer({ min: 0, max: 255 }),
      fc.nat({ max: 40 }),
    ),
    { maxLength: 8 },
  )
  await fc.assert(
    fc.asyncProperty(change, async (changes) => {
      let bytes = Buffer.from(valid)
      for (const [at, byte, cut] of changes) {
        if (cut > 20) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + cut)])
        else if (at < bytes.length) bytes[at] = byte
      }
      return read(bytes)
    }),
    { numRuns: 40 },
  )
})
