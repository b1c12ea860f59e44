/**
 * Drawn records of two years, imported as a utility's own and reported over HTTP, against a count by brute force: every index of every
 * rulebook, by every kind of group, with and without what is left out. `INDICES_SEED` and `INDICES_SEEDS` choose the draws.
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { parseMapping } from '../src/imports/interruption-record-mapping.ts'
import { readInterruptionRecord } from '../src/imports/interruption-record.ts'
import type { NetworkTables } from '../src/grid/tables.ts'
import { storeInterruptionRecord } from '../src/stores/interruption-records.ts'
import { saveRevision } from '../src/stores/networks.ts'
import { openTestDatabase } from './support/database.ts'
import { addsUp } from './support/explained.ts'
import { draw } from './support/drawn-ledger.ts'
import {
  askOracle,
  dayReader,
  type DrawnRow,
  type OracleQuestion,
  type ServedOfDay,
  type Truth,
} from './support/indices-oracle.ts'
import { openFront, tokenFor } from './support/people.ts'
import { seeded } from './support/seeded.ts'

const FIRST_SEED = Number(process.env['INDICES_SEED'] ?? 1)
const SEEDS = Number(process.env['INDICES_SEEDS'] ?? 6)
const NOW = Date.parse('2026-02-01T00:00:00Z')
const MIN = 60_000
const HOUR = 60 * MIN
const BY = ['system', 'area', 'substation', 'feeder', 'cause', 'nature', 'month', 'day'] as const
const BOOKS = ['ieee1366', 'dlt836', 'ceer', 'ofgem', 'spain']
const ZONES = [
  'America/Chicago',
  'Asia/Shanghai',
  'Europe/London',
  'America/Santiago', // a clock that is put forward at midnight
  'Australia/Lord_Howe', // by half an hour
]
const CAUSES = ['WEATHER', 'VEGETATION', 'EQUIPMENT']
const FEEDERS = [
  { id: 'F1', substation: 'S1', area: 'north' },
  { id: 'F2', substation: 'S1', area: 'north' },
  { id: 'F3', substation: 'S2', area: 'north' },
  { id: 'F4', substation: 'S3', area: 'south' },
] as const
/** A load point that is built in the middle of the second year. */
const BUILT = Date.parse('2025-07-01T12:00:00Z')

type DrawnPoint = {
  readonly id: string
  readonly feeder: (typeof FEEDERS)[number]
  readonly customers: number
  readonly kva: number
  readonly kw: number
}

function drawPoints(chance: () => number): DrawnPoint[] {
  return Array.from({ length: 17 }, (_, i) => ({
    id: `p${i}`,
    feeder: FEEDERS[i % FEEDERS.length] ?? FEEDERS[0],
    customers: 1 + Math.floor(chance() * 200),
    kva: 50 + Math.floor(chance() * 10) * 25,
    kw: 1 + Math.floor(chance() * 50),
  }))
}

/** Each feeder a head, and its load points on the node behind it. */
function networkOf(points: readonly DrawnPoint[]): NetworkTables {
  const tables = draw({
    sources: [['source']],
    switches: [
      ...FEEDERS.map(({ id }): [string, string, string] => [`H${id}`, 'source', `n${id}`]),
      ...points.map(({ id, feeder }): [string, string, string] => [`X${id}`, `n${feeder.id}`, id]),
    ],
    points: points.map(({ id, customers }): [string, string, number] => [`${id}.1`, id, customers]),
    feeders: FEEDERS.map(({ id, substation }): [string, string, string] => [
      id,
      `H${id}`,
      substation,
    ]),
  })
  return {
    ...tables,
    substations: [...new Set(FEEDERS.map(({ substation }) => substation))].map((id) => ({
      id,
      name: id,
      area: FEEDERS.find(({ substation }) => substation === id)?.area ?? null,
      lon: null,
      lat: null,
    })),
    servicePoints: tables.servicePoints.map((row, i) => ({
      ...row,
      connectedKva: points[i]?.kva ?? null,
      averageKw: points[i]?.kw ?? null,
    })),
  }
}

function drawRows(
  chance: () => number,
  points: readonly DrawnPoint[],
  nameless: boolean,
): DrawnRow[] {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(chance() * of.length)] as T
  const length = (): number =>
    chance() < 0.45
      ? pick([0, 500, 1000, 1001, 30_000, 179_999, 180_000, 180_001, 299_999, 300_000, 300_001])
      : chance() < 0.8
        ? Math.ceil(chance() * 12 * HOUR)
        : pick([8 * HOUR, 8 * HOUR - 1, 26 * HOUR, 3 * 24 * HOUR, Math.ceil(chance() * 9 * HOUR)])
  const gap = (): number =>
    pick([1, 1000, 20_000, 299_000, 300_000, 300_001, 15 * MIN, 180 * MIN, 180 * MIN + 1])
  // Around the changes of the clocks, midnight, the turn of the year, and anywhere.
  const moments = [
    '2024-12-31T23:59:59.900Z',
    '2025-01-01T05:59:30Z',
    '2024-12-31T16:00:00Z',
    '2025-03-09T07:30:00Z',
    '2025-03-30T00:59:00Z',
    '2025-04-05T14:45:00Z',
    '2025-09-07T03:59:00Z',
    '2025-11-02T06:10:00Z',
    '2025-10-26T00:30:00Z',
  ].map((text) => Date.parse(text))
  const begin = (): number =>
    chance() < 0.2
      ? pick(moments) + Math.floor(chance() * 3 * HOUR)
      : Date.parse('2024-01-02T00:00:00Z') + Math.floor(chance() * 729 * 24 * HOUR)

  const rows: DrawnRow[] = []
  const starts = new Set<number>()
  // The last ones see a single outage, of which they come back in parts.
  const whole = points.slice(0, 12)
  const parted = points.slice(12, 16)
  for (let i = 0; i < 90; i += 1) {
    let from = i === 0 ? Date.parse('2024-01-15T12:00:00Z') : begin()
    // Now and then while the last one still goes on, or as it ends.
    const last = rows.at(-1)
    if (chance() < 0.35 && last?.until != null)
      from = pick([
        last.until,
        last.until + gap(),
        last.from + 1 + Math.floor((last.until - last.from) * chance()),
      ])
    while (starts.has(from)) from += 1
    starts.add(from)
    const planned = chance() < 0.3
    const about = {
      outage: `O${i}`,
      planned,
      plannedUntil:
        planned && chance() < 0.6 ? from + Math.floor((chance() - 0.2) * 6 * HOUR) : null,
      cause: pick(CAUSES),
      external: chance() < 0.15,
      shortage: planned && chance() < 0.1,
    }
    const place = (point: DrawnPoint) => ({
      area: point.feeder.area,
      substation: point.feeder.substation,
      feeder: point.feeder.id,
    })
    if (nameless && chance() < 0.1) {
      const point = pick(points.slice(0, 16))
      rows.push({
        ...about,
        ...place(point),
        from,
        until: from + length(),
        point: null,
        isPart: false,
        customers: 1 + Math.floor(chance() * 90),
        kva: 100,
        kw: null,
      })
      continue
    }
    if (chance() < 0.06 && parted.length > 0) {
      const point = parted.pop() as DrawnPoint
      const parts = 2 + Math.floor(chance() * 3)
      const customers = Math.max(parts, point.customers)
      for (let part = 0; part < parts; part += 1) {
        const own =
          part === parts - 1
            ? customers - (parts - 1) * Math.floor(customers / parts)
            : Math.floor(customers / parts)
        rows.push({
          ...about,
          ...place(point),
          from,
          until: from + (part + 1) * 7 * MIN + length(),
          point: point.id,
          isPart: true,
          customers: own,
          kva: 10 * (part + 1),
          kw: (point.kw * own) / point.customers,
        })
      }
      continue
    }
    const late = from >= BUILT + 48 * HOUR ? points.slice(16) : []
    const chosen = [...whole, ...late].filter(() => chance() < 0.3)
    for (const point of chosen.length === 0 ? [pick(whole)] : chosen) {
      const row = {
        ...about,
        ...place(point),
        point: point.id,
        isPart: false,
        customers: point.customers,
        kva: point.kva,
        kw: point.kw,
      }
      let at = from
      for (let again = 0; again < 4; again += 1) {
        const until = i === 89 ? null : at + length()
        rows.push({ ...row, from: at, until })
        if (until === null || chance() < 0.6) break
        at = until + gap()
      }
    }
  }
  return rows
}

/** The record as a utility would write it: places are said, or left to the network; times with an offset of their own. */
function csvOf(rows: readonly DrawnRow[], chance: () => number): string {
  const time = (at: number | null): string => {
    if (at === null) return ''
    if (chance() < 0.5) return new Date(at).toISOString()
    return new Date(at + 2 * HOUR).toISOString().replace('Z', '+02:00')
  }
  const saysPlaces = chance() < 0.5
  const columns =
    'outage,started_at,ended_at,customers,area,substation,feeder,load_point,connected_kva,cause,nature,external,source_shortage,planned_until'
  const lines = rows.map((row) =>
    [
      row.outage,
      time(row.from),
      time(row.until),
      row.customers,
      saysPlaces ? row.area : '',
      saysPlaces ? row.substation : '',
      row.feeder,
      row.point ?? '',
      row.kva,
      row.cause,
      row.planned ? 'planned' : 'unplanned',
      row.external ? 1 : 0,
      row.shortage ? 1 : 0,
      time(row.plannedUntil),
    ].join(','),
  )
  // In no order: a file need not have one.
  for (let i = lines.length - 1; i > 0; i -= 1) {
    const j = Math.floor(chance() * (i + 1))
    ;[lines[i], lines[j]] = [lines[j] as string, lines[i] as string]
  }
  return [columns, ...lines].join('\n')
}

const close = (a: unknown, b: unknown): boolean =>
  a === b ||
  (typeof a === 'number' &&
    typeof b === 'number' &&
    Math.abs(a - b) <= 1e-9 * Math.max(1e-6, Math.abs(a), Math.abs(b)))

for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
  t.test(
    `every figure of a drawn record is what counting one by one gives, and is explained by its parts, seed ${seed}`,
    async (t) => {
      const chance = seeded(seed)
      const zone = ZONES[seed % ZONES.length] as string
      const points = drawPoints(chance)
      const rows = drawRows(chance, points, seed % 3 === 0)
      const dayOf = dayReader(zone)
      const truth: Truth = {
        rows,
        zone,
        now: NOW,
        served(day, kind, id): ServedOfDay {
          const there = points.filter(
            ({ feeder }, i) =>
              (i < 16 || day >= dayOf(BUILT)) &&
              (kind === 'system' || (kind === 'feeder' ? feeder.id : feeder[kind]) === id),
          )
          const sum = (of: (point: DrawnPoint) => number) =>
            there.reduce((all, one) => all + of(one), 0)
          return {
            customers: sum(({ customers }) => customers),
            points: there.length,
            kva: sum(({ kva }) => kva),
            kw: sum(({ kw }) => kw),
          }
        },
      }

      const database = await openTestDatabase(t)
      const { db, pool } = database
      for (const [validFrom, there] of [
        [0, points.slice(0, 16)],
        [BUILT, points],
      ] as const)
        await saveRevision(pool, networkOf(there), {
          validFrom,
          importedAt: validFrom,
          format: 'folder',
          report: [],
        })
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-drawn-'))
      t.teardown(() => fs.rmSync(folder, { recursive: true }))
      const file = path.join(folder, 'record.csv')
      fs.writeFileSync(file, csvOf(rows, chance))
      const mapping = parseMapping('{"withoutEnd":"open"}', 'mapping.json')
      if (!('mapping' in mapping)) throw new Error(JSON.stringify(mapping))
      const read = await readInterruptionRecord(file, { mapping: mapping.mapping, timeZone: zone })
      t.ok(
        read.storable,
        JSON.stringify(read.faults.filter(({ severity }) => severity === 'error')),
      )
      await db
        .transaction()
        .execute((tx) => storeInterruptionRecord(tx, read, { timeZone: zone, now: NOW }))

      const front = await openFront(t, database, { clock: () => NOW, settings: { timeZone: zone } })
      const token = await tokenFor('planner', [], NOW)
      const leaveOut = [
        [],
        ['planned'],
        ['major'],
        ['planned', 'major', 'external'],
        ['source_shortage', 'external'],
        ['major', 'planned'],
      ]
      const pick = <T>(of: readonly T[]): T => of[Math.floor(chance() * of.length)] as T
      let figures = 0
      let majorDays = 0
      for (const rulebook of BOOKS)
        for (const by of BY) {
          const [from, to] =
            chance() < 0.7
              ? (['2025-01-01', '2026-01-01'] as const)
              : (['2024-06-10', '2025-11-03'] as const)
          const exclude = pick(leaveOut)
          const within = chance() < 0.2 ? { area: 'north' } : {}
          const question: OracleQuestion = { rulebook, by, from, to, exclude, ...within }
          const asked = `from=${from}&to=${to}&by=${by}&rulebook=${rulebook}&exclude=${exclude.join(',')}${'area' in within ? '&area=north' : ''}`
          const { status, body } = await front.ask('GET', `/api/v1/indices?${asked}`, token)
          t.equal(status, 200, asked)
          for (const { days } of body.majorDays) majorDays += days.length
          const oracle = askOracle(truth, question)
          const row = body.rows[Math.floor(chance() * body.rows.length)]
          const symbol = pick(Object.keys(row.indices))
          const group = row.group === null ? '' : `&group=${encodeURIComponent(row.group)}`
          const explained = await front.ask(
            'GET',
            `/api/v1/indices/explain?${asked}&index=${encodeURIComponent(symbol)}${group}`,
            token,
          )
          addsUp(t, explained.body, row.indices[symbol], `${asked}, ${row.group} ${symbol}`)
          const wrong: string[] = []
          const told = new Set<string>()
          for (const row of body.rows as {
            group: string | null
            ci: number
            cmi: number
            provisional: boolean
            indices: Record<string, number | null>
          }[]) {
            const group = row.group ?? ''
            told.add(group)
            const wanted = oracle.of(group)
            const compare = (name: string, found: unknown, want: unknown): void => {
              figures += 1
              if (!close(found, want))
                wrong.push(`${group} ${name}: ${String(found)}, counted ${String(want)}`)
            }
            compare('ci', row.ci, wanted.ci)
            compare('cmi', row.cmi, wanted.cmi)
            compare('provisional', row.provisional, wanted.provisional)
            for (const [symbol, figure] of Object.entries(row.indices))
              compare(symbol, figure, wanted.index(symbol))
          }
          for (const group of oracle.cells.keys())
            if (!told.has(group)) wrong.push(`${group} is not told`)
          t.strictSame(wrong.slice(0, 20), [], asked)
        }
      t.comment(
        `seed ${seed}, ${zone}: ${rows.length} rows, ${figures} figures, ${majorDays} major days`,
      )
    },
  )
}
