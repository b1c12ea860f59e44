import fs from 'node:fs'
import t from 'tap'
import type { NetworkTables, SwitchKind } from '../src/grid/tables.ts'
import { predict, type LeftOut, type PredictionOptions } from '../src/reliability/predict.ts'
import { drawing } from './support/drawing.ts'

const RBTS = new URL('../../shared/data/rbts/', import.meta.url)
const skip = fs.existsSync(RBTS) ? false : 'no ../shared/data'

const text = (name: string) => fs.readFileSync(new URL(name, RBTS), 'utf8')
function csv(name: string): Record<string, string>[] {
  const [header = '', ...lines] = text(name).trim().split(/\r?\n/)
  const titles = header.split(',')
  return lines.map((line) =>
    Object.fromEntries(line.split(',').map((field, i) => [titles[i] ?? '', field])),
  )
}

/** A bus of the RBTS: sections with their protection and isolators, transformers with load points behind, ties. */
function rbts(bus: number): NetworkTables {
  const draw = drawing()
  for (const s of csv(`bus${bus}_sections.csv`)) {
    const [id = '', from = '', to = ''] = [s['section'], s['from_node'], s['to_node']]
    const ends = s['isolator_ends_caseA'] ?? ''
    let start = from
    const through = (name: string, kind: SwitchKind) =>
      draw.part(name, start, (start = `${name}'`), kind)
    if (s['protection_upstream_end_caseA'] === 'breaker') through(`${s['feeder']}`, 'breaker')
    if (s['protection_upstream_end_caseA'] === 'fuse') through(`${id}-fuse`, 'fuse')
    if (ends === 'U' || ends === 'B') through(`${id}-up`, 'disconnector')
    const transformer = Number(s['tx_fail_rate_yr'])
    const end = transformer > 0 ? `${to}-hv` : to
    const isolated = ends === 'D' || ends === 'B'
    const lineEnd = isolated ? `${id}-end` : end
    draw.line(
      id,
      start,
      lineEnd,
      Number(s['length_km']),
      Number(s['fail_rate_per_km_yr']),
      Number(s['repair_h']),
    )
    if (isolated) draw.part(`${id}-down`, lineEnd, end, 'disconnector')
    if (transformer > 0) draw.transformer(to, end, to, transformer, 200)
  }
  for (const p of csv(`bus${bus}_loadpoints.csv`)) {
    const id = p['load_point'] ?? ''
    draw.customers(`${id} customers`, id, Number(p['customers']), Number(p['avg_load_mw']) * 1000)
  }
  csv(`bus${bus}_ties.csv`).forEach((tie, i) =>
    draw.part(`tie${i}`, tie['node_a'] ?? '', tie['node_b'] ?? '', 'disconnector', false),
  )
  return draw.tables()
}

const CASES: Record<string, PredictionOptions> = {
  A: {},
  B: { without: ['isolators', 'fuses', 'ties'] },
  C: { without: ['isolators', 'ties'] },
  D: { without: ['fuses'] },
  E: { transformerH: 10 },
  F: { without: ['fuses', 'ties'] },
}

const near = (
  t: { ok(value: boolean, message: string): unknown },
  found: number | null | undefined,
  wanted: number,
  what: string,
  within = 1e-6,
): void => {
  t.ok(Math.abs((found ?? NaN) - wanted) <= within, `${what}: ${found} is ${wanted}`)
}

t.test(
  'RBTS bus 2 and bus 4, cases A to F: the system and every load point',
  { skip },
  async (t) => {
    const { cases } = JSON.parse(text('rbts_expected.json'))
    for (const bus of [2, 4]) {
      const tables = rbts(bus)
      for (const [name, options] of Object.entries(CASES)) {
        const { computed } = cases[`bus${bus}_${name}`]
        const { rows, notes } = predict(tables, options)
        const [{ customersServed, indices }] = rows as [(typeof rows)[0]]
        t.strictSame(notes, [])
        t.equal(customersServed, computed.customers)
        near(t, indices.SAIFI, computed.SAIFI, `bus ${bus} ${name} SAIFI`)
        near(t, indices.SAIDI, computed.SAIDI, `bus ${bus} ${name} SAIDI`)
        near(t, indices.CAIDI, computed.CAIDI, `bus ${bus} ${name} CAIDI`)
        near(t, indices.ASAI, computed.ASAI, `bus ${bus} ${name} ASAI`)
        near(t, indices.ASUI, computed.ASUI, `bus ${bus} ${name} ASUI`)
        near(t, indices.ENS, computed.ENS_MWh, `bus ${bus} ${name} ENS`)
        near(t, indices.AENS, computed.AENS_kWh, `bus ${bus} ${name} AENS`)
        const byPoint = predict(tables, { ...options, by: 'load_point' }).rows
        const wanted = csv(`bus${bus}_loadpoint_results.csv`).filter((row) => row['case'] === name)
        t.equal(byPoint.length, wanted.length)
        for (const row of wanted) {
          const point = byPoint.find(({ group }) => group === row['load_point'])?.indices
          const what = `bus ${bus} ${name} ${row['load_point']}`
          near(t, point?.SAIFI, Number(row['lambda_per_yr']), `${what} λ`)
          near(t, point?.CAIDI, Number(row['r_h']), `${what} r`)
          near(t, point?.SAIDI, Number(row['U_h_per_yr']), `${what} U`)
          near(t, point?.ENS, Number(row['ens_mwh_per_yr']), `${what} ENS`)
        }
        const feeders = predict(tables, { ...options, by: 'feeder' }).rows
        const ci = feeders.reduce((sum, f) => sum + (f.indices.SAIFI ?? 0) * f.customersServed, 0)
        near(t, ci, computed.CI, `bus ${bus} ${name} the feeders add up`)
      }
    }
  },
)

/**
 * ```
 * SRC ──[B]── 1 ──┬── [i2] 2 ──┬── [i3] 3 ──┬── [i4] 4 ──┬──/tie/── SRC2
 *               a:[fuse]     b:[fuse]     c:[fuse]     d:[fuse]
 * ```
 */
function billintonAllan(): NetworkTables {
  const { inputs } = JSON.parse(text('billinton_allan_feeder.json'))
  const draw = drawing()
  draw.part('B', 'SRC', 'out', 'breaker')
  let from = 'out'
  ;['a', 'b', 'c', 'd'].forEach((lateral, i) => {
    const n = i + 1
    if (i > 0) draw.part(`i${n}`, from, (from = `m${n}-start`), 'disconnector')
    draw.line(
      `main${n}`,
      from,
      `m${n}`,
      inputs.main_km[n],
      inputs.main_fail_per_km_yr,
      inputs.main_repair_h,
    )
    from = `m${n}`
    draw.part(`f${lateral}`, from, `${lateral}-start`, 'fuse')
    const end = `LP_${lateral.toUpperCase()}`
    draw.line(
      lateral,
      `${lateral}-start`,
      end,
      inputs.lateral_km[lateral],
      inputs.lateral_fail_per_km_yr,
      inputs.lateral_repair_h,
    )
    const name = lateral.toUpperCase()
    draw.customers(name, end, inputs.customers[name], inputs.avg_load_mw[name] * 1000)
  })
  draw.part('tie', from, 'SRC2', 'load_break', false)
  const tables = draw.tables()
  return {
    ...tables,
    sources: [...tables.sources, { id: 'grid 2', node: 'SRC2', phases: 7, ratedKva: null }],
  }
}

t.test('the feeder of Billinton and Allan, all six steps', { skip }, async (t) => {
  const { cases } = JSON.parse(text('billinton_allan_feeder.json'))
  const none: LeftOut[] = ['isolators', 'fuses', 'ties']
  const steps: PredictionOptions[] = [
    { without: none },
    { without: ['isolators', 'ties'] },
    { without: ['ties'] },
    {},
    { without: ['ties'], fuseProbability: 0.9 },
    { tieProbability: 0.6 },
  ]
  const tables = billintonAllan()
  steps.forEach((options, i) => {
    const { case: name, system, load_points } = cases[i]
    const found = predict(tables, { switchingH: 0.5, ...options }).rows[0]?.indices
    near(t, found?.SAIFI, system.SAIFI, `${name} SAIFI`)
    near(t, found?.SAIDI, system.SAIDI, `${name} SAIDI`)
    near(t, found?.CAIDI, system.CAIDI, `${name} CAIDI`)
    near(t, found?.ENS, system.ENS_MWh, `${name} ENS`)
    const points = predict(tables, { switchingH: 0.5, by: 'load_point', ...options }).rows
    for (const [id, { lam, U }] of Object.entries<{ lam: number; U: number }>(load_points)) {
      const point = points.find(({ group }) => group === id)?.indices
      near(t, point?.SAIFI, lam, `${name} ${id} λ`)
      near(t, point?.SAIDI, U, `${name} ${id} U`)
    }
  })
})

t.test('what is not known is said, and what is not fed does not fail', async (t) => {
  const draw = drawing()
  draw.part('B', 'SRC', 'n1', 'breaker')
  draw.line('L1', 'n1', 'n2', 2, 0.1, 4)
  draw.customers('P1', 'n2', 10, null)
  draw.part('open', 'n2', 'n3', 'load_break', false)
  draw.customers('P2', 'n3', 5, 1)
  const tables = draw.tables()
  const unsure = {
    ...tables,
    lines: [
      ...tables.lines,
      { ...tables.lines[0]!, id: 'L2', from: 'n2', to: 'n4', repairH: null },
      { ...tables.lines[0]!, id: 'L3', from: 'n2', to: 'n5', failuresPerKmYear: null },
    ],
    nodes: [...tables.nodes, ...['n4', 'n5'].map((id) => ({ id, kv: null, lon: null, lat: null }))],
  }
  const { rows, notes } = predict(unsure, { by: 'load_point', repairH: 6 })
  t.equal(notes.length, 3)
  t.match(rows, [
    { group: 'n2', indices: { SAIFI: 0.4, ENS: null } },
    { group: 'n3', indices: { SAIFI: 0, SAIDI: 0, CAIDI: null, ENS: 0 } },
  ])
  near(t, rows[0]?.indices.SAIDI, 0.2 * 4 + 0.2 * 6, 'repair times of each')
})

/**
 * ```
 * SRC ──[B1]── 1 ══ n1 ──[D2]── 2 ══ n2 ──[D3]── 3 ══ n3 ──/T/── m ══ n4 ──[B2]── SRC
 *              100 cust 400 kVA  200 cust 600    300 cust 300       feeder 2 carries 500
 * ```
 * Each section of the first feeder fails 0.2, 0.1 and 0.1 times a year and takes 4 h to repair; switching takes 1 h.
 */
function limited(ratedKva: number | null, more: { tieA?: number; d3A?: number } = {}) {
  const draw = drawing()
  const load = (id: string, node: string, customers: number, kw: number) =>
    draw.customers(id, node, customers, kw)
  draw.part('B1', 'SRC', '1', 'breaker')
  draw.line('L1', '1', 'n1', 2, 0.1, 4)
  load('P1', 'n1', 100, 400)
  draw.part('D2', 'n1', '2', 'disconnector')
  draw.line('L2', '2', 'n2', 1, 0.1, 4)
  load('P2', 'n2', 200, 600)
  draw.part('D3', 'n2', '3', 'disconnector')
  draw.line('L3', '3', 'n3', 1, 0.1, 4)
  load('P3', 'n3', 300, 300)
  draw.part('T', 'n3', 'm', 'load_break', false)
  draw.part('B2', 'SRC', 'm', 'breaker')
  draw.line('L4', 'm', 'n4', 0, 0, 4)
  load('P4', 'n4', 50, 500)
  const tables = draw.tables()
  const ratedA: Record<string, number | undefined> = { T: more.tieA, D3: more.d3A }
  return {
    ...tables,
    feeders: tables.feeders.map((row) => (row.id === 'B2' ? { ...row, ratedKva } : row)),
    switches: tables.switches.map((row) => ({ ...row, ratedA: ratedA[row.id] ?? null })),
  }
}

t.test('ties with limits: what does not fit stays out until the repair, by hand', async (t) => {
  const hours = (tables: NetworkTables, options: PredictionOptions = {}) => {
    const { rows } = predict(tables, {
      by: 'load_point',
      tieLimits: true,
      powerFactor: 1,
      ...options,
    })
    return ['n1', 'n2', 'n3'].map((id) => {
      const row = rows.find(({ group }) => group === id)
      near(t, row?.indices.SAIFI, 0.4, `${id}: how often does not change`)
      return Math.round((row?.indices.SAIDI ?? NaN) * 1e9) / 1e9
    })
  }
  // n2 goes out with each fault: 0.2 × (4 h, or 1 h over the tie) + 0.1 × 4 h + 0.1 × 1 h; n3 0.2 and 0.1 of 1 h or 4 h, 0.1 × 4 h.
  const all = [1, 0.7, 0.7]
  const onlyN3 = [1, 1.3, 0.7]
  const none = [1, 1.3, 1.6]
  t.strictSame(hours(limited(null)), all, 'nothing has a rating: everything fits')
  t.strictSame(hours(limited(500 + 900)), all, 'exactly')
  t.strictSame(hours(limited(500 + 899)), onlyN3, 'n3 fits, and n2 does not fit beside it')
  t.strictSame(hours(limited(500 + 300)), onlyN3)
  t.strictSame(hours(limited(500 + 299)), none, 'a zone is not shed in part')
  t.strictSame(hours(limited(400)), none, 'a feeder that is overloaded already takes nothing')
  // 11 kV: 900 kVA are 47.24 A, 600 kVA are 31.49 A.
  t.strictSame(hours(limited(null, { tieA: 47.3 })), all)
  t.strictSame(hours(limited(null, { tieA: 47.2 })), onlyN3, 'the tie has a rating of its own')
  t.strictSame(hours(limited(null, { d3A: 31.5 })), all)
  t.strictSame(hours(limited(null, { d3A: 31.4 })), onlyN3, 'so has what lies on the way')
  t.strictSame(hours(limited(500 + 899), { tieLimits: false }), all, 'only where it is asked for')
  t.strictSame(hours(limited(500 + 900), { powerFactor: 0.9 }), onlyN3, 'apparent power counts')
  t.strictSame(
    hours(limited(500 + 899), { tieProbability: 0.5 }),
    [1, 1.3, 1.15],
    'and the tie may fail',
  )
  const peak = limited((1 / 0.45) * 500 + 900)
  t.strictSame(
    hours(peak, { transferLoad: 'peak' }),
    onlyN3,
    'a peak that nobody says is estimated',
  )
  const said = { P1: 400, P2: 500, P3: 400, P4: 500 } as Record<string, number>
  const peaks = limited(500 + 900)
  const servicePoints = peaks.servicePoints.map((row) => ({ ...row, peakKw: said[row.id] ?? null }))
  t.strictSame(hours({ ...peaks, servicePoints }, { transferLoad: 'peak' }), all)
})

t.test('load that moves within its feeder does not burden the feeder’s head twice', async (t) => {
  // A ring within one feeder: n1 feeds n2 and n3, which meet at an open point.
  const draw = drawing()
  draw.part('B1', 'SRC', '1', 'breaker')
  draw.line('L1', '1', 'n1', 1, 0, 4)
  for (const n of [2, 3]) {
    draw.part(`D${n}`, 'n1', `${n}`, 'disconnector')
    draw.line(`L${n}`, `${n}`, `e${n}`, 1, n === 2 ? 0.1 : 0, 4)
    draw.part(`E${n}`, `e${n}`, `n${n}`, 'disconnector')
    draw.customers(`P${n}`, `n${n}`, 100, 400)
  }
  draw.part('T', 'n2', 'n3', 'load_break', false)
  const tables = draw.tables()
  const rate = (ratedKva: number) => ({
    ...tables,
    feeders: tables.feeders.map((row) => ({ ...row, ratedKva })),
  })
  const hours = (ratedKva: number) =>
    predict(rate(ratedKva), { by: 'load_point', tieLimits: true, powerFactor: 1 }).rows.map(
      ({ group, indices }) => [group, indices.SAIDI],
    )
  t.strictSame(hours(800), [
    ['n2', 0.1],
    ['n3', 0.1],
  ])
  t.strictSame(hours(799), [
    ['n2', 0.4],
    ['n3', 0.1],
  ])
})

t.test(
  'without ratings, limits change nothing: RBTS and the feeder of Billinton and Allan',
  { skip },
  async (t) => {
    for (const [name, options] of Object.entries(CASES)) {
      for (const tables of [rbts(2), rbts(4), billintonAllan()]) {
        const free = predict(tables, { ...options, by: 'load_point' }).rows
        const within = predict(tables, { ...options, by: 'load_point', tieLimits: true }).rows
        t.strictSame(within, free, `case ${name}`)
      }
    }
  },
)
