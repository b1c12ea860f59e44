import t from 'tap'
import { energize } from '../src/grid/energization.ts'
import { buildNetwork } from '../src/grid/network.ts'
import type { NetworkTables } from '../src/grid/tables.ts'
import { probableCauses } from '../src/notices/common-device.ts'
import type { EvidencedLoadPoint } from '../src/notices/probable.ts'
import { MS_PER_MIN } from '../src/time.ts'
import { seeded } from './support/seeded.ts'

const NOW = Date.parse('2026-11-24T12:00:00Z')
type Joint = { readonly id: string; readonly a: string; readonly b: string; closed: boolean }
type Word = 'off' | 'on'
type Place = { readonly id: string; readonly words: readonly (readonly [Word, number] | null)[] }

/** A network of switches (`S…`, `F…`) and lines (any other name) with points at some nodes; `src` is the source. */
function tablesOf(joints: readonly Joint[], places: readonly Place[]): NetworkTables {
  const nodes = new Set(['src', ...joints.flatMap(({ a, b }) => [a, b])])
  return {
    sources: [{ id: 'g', node: 'src', phases: 7, ratedKva: null }],
    substations: [],
    feeders: [],
    nodes: [...nodes].map((id) => ({ id, kv: 10, lon: null, lat: null })),
    switches: joints.filter(isSwitch).map(({ id, a, b, closed }) => ({
      id,
      from: a,
      to: b,
      kind: 'fuse' as const,
      phases: 7,
      normallyClosed: closed,
      ratedA: null,
      telemetered: false,
      name: null,
    })),
    lines: joints
      .filter((joint) => !isSwitch(joint))
      .map(({ id, a, b }) => ({
        id,
        from: a,
        to: b,
        phases: 7,
        lengthM: null,
        ratedA: null,
        overhead: null,
        failuresPerKmYear: null,
        repairH: null,
      })),
    transformers: [],
    servicePoints: places.flatMap(({ id, words }) =>
      words.map((_, i) => ({
        id: `${id}.${i}`,
        node: id,
        phases: 7,
        customers: 1,
        connectedKva: null,
        class: null,
        averageKw: null,
        peakKw: null,
        priority: null,
        lon: null,
        lat: null,
      })),
    ),
  }
}
const isSwitch = ({ id }: Joint): boolean => /^[SF]/.test(id)

const evidenceOf = ({ id, words }: Place): EvidencedLoadPoint => ({
  loadPoint: id,
  points: words.map((said, i) => ({
    id: `${id}.${i}`,
    customers: 1,
    word: said === null ? undefined : { says: said[0], at: NOW - said[1] * MS_PER_MIN },
    isKnownOut: false,
    backAt: null,
  })),
})

function causes(joints: readonly Joint[], places: readonly Place[]) {
  const state = energize(buildNetwork(tablesOf(joints, places)))
  const heard = places.filter(({ words }) => words.some((word) => word !== null))
  return probableCauses(heard.map(evidenceOf), state, NOW)
}

/** `a-b` joints: `S1:src-n1` closed, `S9:n3/n7` open. Words: `off 5,off 4,-` for three points. */
const joint = (text: string): Joint => {
  const [, id, a, sign, b] = /^(\w+):(\w+)([-/])(\w+)$/.exec(text) as unknown as string[]
  return { id: id as string, a: a as string, b: b as string, closed: sign === '-' }
}
const place = ([id, words]: readonly [string, string]): Place => ({
  id,
  words: words.split(',').map((text) => {
    const [says, minutes] = text.split(' ')
    return minutes === undefined ? null : [says as Word, Number(minutes)]
  }),
})

/**
 *   src ──[S1]── n1 ──/F1/── n2 ──/F2/── n3      T2 at n2, T3 at n3, T5 and T6 at n5, n6
 *                └──/F4/── n4 ──L── n5, n6
 */
const LATERALS = ['S1:src-n1', 'F1:n1-n2', 'F2:n2-n3', 'F4:n1-n4', 'L5:n4-n5', 'L6:n4-n6']
const DARK = 'off 5,off 5,-'

await t.test('the switch that explains what meters say', async (t) => {
  const table: readonly [string, Readonly<Record<string, string>>, string][] = [
    ['one fuse above two', { n2: '-', n3: '-', n5: DARK, n6: DARK }, 'F4(n5,n6) dark 4 silent 0'],
    [
      'light below the head and beside the fuse changes nothing',
      { n2: 'on 2', n3: '-', n5: DARK, n6: DARK },
      'F4(n5,n6) dark 4 silent 0',
    ],
    [
      'light below the fuse since then: not the fuse',
      { n2: '-', n3: '-', n5: 'off 5,off 5,off 5,on 2', n6: DARK },
      'n5 dark 3 silent 0 | n6 dark 2 silent 0',
    ],
    [
      'light below it from before says nothing',
      { n2: '-', n3: '-', n5: 'off 5,off 5,on 9', n6: DARK },
      'F4(n5,n6) dark 4 silent 0',
    ],
    [
      'both laterals: the head',
      { n2: DARK, n3: DARK, n5: DARK, n6: '-' },
      'S1(n2,n3,n5) dark 6 silent 1',
    ],
    [
      'two laterals, light behind one of them: not the head',
      { n2: 'on 1', n3: DARK, n5: DARK, n6: DARK },
      'F4(n5,n6) dark 4 silent 0 | F2(n3) dark 2 silent 0',
    ],
    [
      'one of many below: too little for any switch but its own',
      { n2: '-', n3: DARK, n5: '-', n6: '-' },
      'F2(n3) dark 2 silent 0',
    ],
    [
      'one meter alone counts beside others, and not by itself',
      { n2: 'off 5,-,-', n3: DARK, n5: DARK, n6: '-' },
      'S1(n2,n3,n5) dark 5 silent 1',
    ],
    [
      'an hour apart is not one event',
      { n2: '-', n3: '-', n5: 'off 80,off 80', n6: DARK },
      'n5 dark 2 silent 0 | n6 dark 2 silent 0',
    ],
  ]
  for (const [rule, words, expected] of table) {
    const { outages } = causes(LATERALS.map(joint), Object.entries(words).map(place))
    const said = outages.map(({ device, loadPoints, evidence: { dark, silentLoadPoints } }) => {
      const what = device === null ? loadPoints.join() : `${device}(${loadPoints.join()})`
      return `${what} dark ${dark} silent ${silentLoadPoints}`
    })
    t.strictSame(said.sort(), expected.split(' | ').sort(), rule)
  }
  // The tie feeds the other way round: who is above whom follows the switches as they stand.
  const turned = ['S1:src-n1', 'F1:n1/n2', 'F2:n2-n3', 'F4:n1-n4', 'S7:n4-n3', 'S8:n4-n5']
  const { outages } = causes(
    turned.map(joint),
    Object.entries({ n2: DARK, n3: DARK, n5: 'on 1' }).map(place),
  )
  t.match(outages, [{ device: 'S7', customers: 6, loadPoints: ['n2', 'n3'] }])
})

await t.test('any network, any words: what trying every switch by hand comes to', async (t) => {
  let named = 0
  let several = 0
  for (let seed = 1; seed <= 1500; seed++) {
    const random = seeded(seed)
    const pick = (below: number): number => Math.floor(random() * below)
    const size = 3 + pick(12)
    const joints: Joint[] = [{ id: 'S0', a: 'src', b: 'n0', closed: true }]
    for (let i = 1; i < size; i++) {
      const from = `n${Math.max(0, i - 1 - pick(3))}`
      joints.push({ id: `${random() < 0.7 ? 'S' : 'L'}${i}`, a: from, b: `n${i}`, closed: true })
    }
    if (random() < 0.4) {
      // A tie takes over what a switch lets go.
      const [a, b] = [`n${pick(size)}`, `n${pick(size)}`]
      const tie: Joint = { id: 'S99', a, b, closed: false }
      const way = between(joints, a, b).filter(isSwitch)
      if (a !== b && way.length > 0) {
        ;(way[pick(way.length)] as Joint).closed = false
        tie.closed = true
      }
      if (a !== b) joints.push(tie)
    }
    const broken = between(joints, 'src', `n${pick(size)}`)
      .filter(isSwitch)
      .at(-1)
    const places: Place[] = []
    for (let i = 0; i < size; i++) {
      if (random() < 0.25) continue
      const isDark = broken !== undefined && !reached(joints, broken).has(`n${i}`)
      const words = Array.from({ length: 1 + pick(4) }, (): readonly [Word, number] | null => {
        const chance = random()
        if (chance < 0.3) return null
        const says = isDark === chance < 0.94 ? 'off' : 'on'
        return [says, random() < 0.1 ? 60 + pick(60) : says === 'on' ? 1 + pick(12) : 3 + pick(6)]
      })
      places.push({ id: `n${i}`, words })
    }
    const { probable, outages } = causes(joints, places)
    const byHand = tryAll(joints, places, new Set(probable.map(({ loadPoint }) => loadPoint)))
    const found = outages.flatMap(({ device, loadPoints }) =>
      device === null ? [] : [`${device}: ${loadPoints.join(' ')}`],
    )
    t.strictSame(found.sort(), byHand.sort(), `seed ${seed}`)
    const told = outages.flatMap(({ loadPoints }) => loadPoints)
    t.equal(new Set(told).size, told.length, `seed ${seed}: nobody is told twice`)
    t.ok(
      probable.every(({ loadPoint }) => told.includes(loadPoint)),
      `seed ${seed}: nobody is left out`,
    )
    named += found.length
    if (found.length > 1) several++
  }
  t.ok(named > 500 && several > 20, `${named} named, ${several} times several`)
})

/** Nodes with supply when one joint is taken away. */
function reached(joints: readonly Joint[], without: Joint | undefined): Set<string> {
  const found = new Set(['src'])
  for (const here of found) {
    for (const one of joints) {
      if (!one.closed || one === without) continue
      if (one.a === here) found.add(one.b)
      if (one.b === here) found.add(one.a)
    }
  }
  return found
}

function between(joints: readonly Joint[], a: string, b: string): Joint[] {
  const came = new Map<string, readonly Joint[]>([[a, []]])
  for (const [here, way] of came) {
    for (const one of joints) {
      const next = one.a === here ? one.b : one.b === here ? one.a : undefined
      if (one.closed && next !== undefined && !came.has(next)) came.set(next, [...way, one])
    }
  }
  return [...(came.get(b) ?? [])]
}

/** Opens every switch in turn and looks who would be dark; the rules once more, written from their text. */
function tryAll(
  joints: readonly Joint[],
  places: readonly Place[],
  sure: ReadonlySet<string>,
): string[] {
  const fed = reached(joints, undefined)
  const offs = ({ words }: Place) => words.flatMap((said) => (said?.[0] === 'off' ? said[1] : []))
  const ons = ({ words }: Place) => words.flatMap((said) => (said?.[0] === 'on' ? said[1] : []))
  /** Minutes ago that the first of them went dark, of those within half an hour of the last; undefined: nobody, or others have light. */
  const darkFor = (one: Place): number | undefined => {
    const last = Math.min(...offs(one))
    const first = Math.max(...offs(one).filter((ago) => ago - last <= 30))
    if (!Number.isFinite(first)) return undefined
    return sure.has(one.id) || ons(one).every((ago) => ago > first) ? first : undefined
  }
  const tried = joints.filter(isSwitch).flatMap((device) => {
    const lit = reached(joints, device)
    const below = places.filter(({ id }) => fed.has(id) && !lit.has(id))
    const certain = below.filter(({ id }) => sure.has(id))
    const newest = Math.min(...certain.map((one) => darkFor(one) ?? Infinity))
    const dark = below.filter((one) => Math.abs((darkFor(one) ?? Infinity) - newest) <= 30)
    const enough = Math.min(2, below.length)
    const isSure = certain.filter((one) => dark.includes(one)).length >= enough && enough > 0
    const since = Math.max(...dark.map((one) => darkFor(one) ?? 0))
    const isContradicted = below.some((one) => ons(one).some((ago) => ago <= since))
    if (!isSure || isContradicted || dark.length * 2 < below.length) return []
    return [{ device, below: below.length, far: between(joints, 'src', device.b).length, dark }]
  })
  const names = (dark: readonly Place[]): string[] => dark.map(({ id }) => id).sort()
  const best = tried.filter(({ device, below, far, dark }) =>
    tried.every((other) => {
      if (other.device === device || !other.dark.some((one) => dark.includes(one))) return true
      if (other.dark.length !== dark.length) return dark.length > other.dark.length
      if (other.below !== below) return below < other.below
      const isNearer = between(joints, 'src', device.b).includes(other.device)
      return far > other.far || isNearer || between(joints, 'src', device.a).includes(other.device)
    }),
  )
  return best.map(({ device, dark }) => `${device.id}: ${names(dark).join(' ')}`)
}
