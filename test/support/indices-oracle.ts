/**
 * Indices counted by brute force, one unit at a time, from the text of the standards: no code of the product is used here. What is drawn
 * must leave nothing to taste: outages at one load point begin at different instants, and a load point of which only a part came back
 * sees one outage only.
 */

export type DrawnRow = {
  readonly outage: string
  readonly from: number
  readonly until: number | null
  readonly area: string
  readonly substation: string
  readonly feeder: string
  /** Null: the record names none. */
  readonly point: string | null
  /** The row is of a part of its load point. */
  readonly isPart: boolean
  readonly customers: number
  readonly kva: number
  /** Null where no load point is named. */
  readonly kw: number | null
  readonly planned: boolean
  readonly plannedUntil: number | null
  readonly cause: string
  readonly external: boolean
  readonly shortage: boolean
}

export type ServedOfDay = {
  readonly customers: number
  readonly points: number
  readonly kva: number
  readonly kw: number
}

export type OracleQuestion = {
  readonly rulebook: string
  readonly from: string
  readonly to: string
  readonly by: string
  readonly exclude: readonly string[]
  readonly area?: string
}

export type Truth = {
  readonly rows: readonly DrawnRow[]
  readonly zone: string
  readonly now: number
  /** What was served on a day, in a place of that kind. */
  served(day: string, kind: 'system' | 'area' | 'substation' | 'feeder', id: string): ServedOfDay
}

const QUARTER = 900_000

type Rules = {
  readonly limitS: number
  readonly limitIsShort: boolean
  readonly nothingUpToS: number
  readonly users: boolean
  readonly windowS: number
  readonly mergeMin: number | null
  readonly overrunIsFaultTime: boolean
  readonly headlineHasShort: boolean
}

const RULES: Record<string, Rules> = {
  ieee1366: rules(300, { windowS: 300 }),
  dlt836: rules(180, {
    nothingUpToS: 1,
    users: true,
    windowS: 300,
    overrunIsFaultTime: true,
    headlineHasShort: true,
  }),
  ceer: rules(180, { nothingUpToS: 1 }),
  ofgem: rules(180, { limitIsShort: false, mergeMin: 180 }),
  spain: rules(180, {}),
}

function rulesOf(rulebook: string): Rules {
  const found = RULES[rulebook]
  if (found === undefined) throw new Error(`no rules for ${rulebook}`)
  return found
}

function rules(limitS: number, more: Partial<Rules>): Rules {
  return {
    limitS,
    limitIsShort: true,
    nothingUpToS: 0,
    users: false,
    windowS: 180,
    mergeMin: null,
    overrunIsFaultTime: false,
    headlineHasShort: false,
    ...more,
  }
}

/** A piece of one unit's interruption in one row of the report. */
type Piece = {
  readonly unit: string
  readonly weight: number
  readonly outage: string
  readonly from: number
  readonly ms: number
  /** As long as all of the interruption that lies in this row of the report. */
  readonly lengthMs: number
  readonly counts: boolean
  readonly short: boolean
  readonly planned: boolean
  readonly external: boolean
  readonly shortage: boolean
  readonly kva: number
  readonly kvaMs: number
  readonly kwMs: number | null
}
type Cell = {
  readonly pieces: Piece[]
  readonly events: { unit: string; weight: number }[]
  isOpen: boolean
}

/** Stays of one unit without supply, what overlaps or touches being one. */
type Spell = {
  readonly first: DrawnRow
  readonly rows: DrawnRow[]
  readonly from: number
  until: number | null
}

export type OracleRow = {
  readonly ci: number
  readonly cmi: number
  readonly provisional: boolean
  /** Undefined for a symbol that the oracle does not know. */
  index(symbol: string): number | null | undefined
}

/** Every row of a report that has anything, and what a row without anything is. */
export function askOracle(
  truth: Truth,
  question: OracleQuestion,
): { cells: Map<string, OracleRow>; of(group: string): OracleRow } {
  const book = rulesOf(question.rulebook)
  const dayOf = dayReader(truth.zone)
  const inPeriod = (row: DrawnRow): boolean => {
    const day = dayOf(row.from)
    return day >= question.from && day < question.to
  }
  const inPlace = (row: DrawnRow): boolean =>
    question.area === undefined || row.area === question.area
  const users =
    book.users && !truth.rows.some((row) => row.point === null && inPeriod(row) && inPlace(row))

  const isMajor = question.exclude.includes('major')
    ? majorDays(truth, question, dayOf)
    : () => false
  const home = (row: DrawnRow): string | null => {
    if (!inPeriod(row) || !inPlace(row) || isMajor(dayOf(row.from), row.area)) return null
    if (question.exclude.includes('planned') && row.planned) return null
    if (question.exclude.includes('external') && row.external) return null
    if (question.exclude.includes('source_shortage') && row.shortage) return null
    return groupOf(row, question.by, dayOf)
  }

  const period = daysOf(question, dayOf)
  const cells = new Map<string, Cell>()
  const cellOf = (key: string): Cell => {
    let cell = cells.get(key)
    if (cell === undefined) cells.set(key, (cell = { pieces: [], events: [], isOpen: false }))
    return cell
  }
  for (const [unit, rows] of unitsOf(truth.rows, users)) countUnit(unit, rows)

  function countUnit(unit: string, rows: DrawnRow[]): void {
    const kept = spellsOf(rows).filter(
      ({ from, until }) =>
        until === null || until === from || until - from > book.nothingUpToS * 1000,
    )
    const endOf = (spell: Spell): number => spell.until ?? truth.now
    const isShort = (spell: Spell): boolean => {
      const ms = endOf(spell) - spell.from
      return ms < book.limitS * 1000 || (book.limitIsShort && ms === book.limitS * 1000)
    }
    const homes = new Map<Spell, string | null>()
    const weightOf = (spell: Spell): number => (users ? 1 : spell.first.customers)
    kept.forEach((spell, i) => {
      const short = isShort(spell)
      const end = endOf(spell)
      const again =
        book.mergeMin !== null &&
        !short &&
        spell.first.point !== null &&
        kept
          .slice(0, i)
          .filter((other) => !isShort(other) && other.first.outage === spell.first.outage)
          .slice(-1)
          .some((other) => spell.from - endOf(other) <= (book.mergeMin ?? 0) * 60_000)
      const approved = Math.max(
        ...spell.rows.map((row) => (row.planned ? (row.plannedUntil ?? -Infinity) : -Infinity)),
      )
      const faultFrom =
        book.overrunIsFaultTime && spell.first.planned && approved > -Infinity && approved < end
          ? Math.max(spell.from, approved)
          : null
      const asFault = { ...spell.first, planned: false, external: false, shortage: false }
      const parts =
        faultFrom === null
          ? [{ row: spell.first, from: spell.from, until: end, counts: !again }]
          : faultFrom === spell.from
            ? [{ row: asFault, from: spell.from, until: end, counts: !again }]
            : [
                { row: spell.first, from: spell.from, until: faultFrom, counts: !again },
                { row: asFault, from: faultFrom, until: end, counts: false },
              ]
      const rowsOfReport = parts.map(({ row }) => home(row))
      homes.set(spell, rowsOfReport[0] ?? null)
      parts.forEach(({ row, from, until, counts }, p) => {
        const key = rowsOfReport[p]
        if (key === null || key === undefined) return
        const cell = cellOf(key)
        if (spell.until === null) cell.isOpen = true
        const load = loadOf(spell, from, until)
        cell.pieces.push({
          unit,
          weight: weightOf(spell),
          outage: spell.first.outage,
          from,
          ms: until - from,
          lengthMs: rowsOfReport.every((other) => other === key) ? end - spell.from : until - from,
          counts,
          short,
          planned: row.planned,
          external: row.external,
          shortage: row.shortage,
          ...load,
          kva: counts ? load.kva : 0,
        })
      })
    })
    // An event is a first operation with what follows in its window; a long interruption that begins there takes it along.
    let anchor = -Infinity
    for (const spell of kept) {
      if (!isShort(spell)) {
        if (spell.from - anchor <= book.windowS * 1000) anchor = -Infinity
        continue
      }
      if (spell.from - anchor <= book.windowS * 1000) continue
      anchor = spell.from
      const ends = kept.some(
        (other) =>
          !isShort(other) && other.from > anchor && other.from - anchor <= book.windowS * 1000,
      )
      const key = homes.get(spell) ?? null
      if (!ends && key !== null) cellOf(key).events.push({ unit, weight: weightOf(spell) })
    }
  }

  const rowOf = (key: string, cell: Cell): OracleRow => {
    const served = averageServed(truth, question, key, period)
    const units = users ? served.points : served.customers
    const headline = cell.pieces.filter(({ short }) => book.headlineHasShort || !short)
    return {
      ci: sum(headline, ({ counts, weight }) => (counts ? weight : 0)),
      cmi: sum(headline, ({ weight, ms }) => weight * ms) / 60_000,
      provisional: cell.isOpen,
      index: (symbol) => indexOf(symbol, question.rulebook, cell, { ...served, units }),
    }
  }
  const rows = new Map([...cells].map(([key, cell]) => [key, rowOf(key, cell)]))
  return {
    cells: rows,
    of: (group) => rows.get(group) ?? rowOf(group, { pieces: [], events: [], isOpen: false }),
  }
}

function unitsOf(rows: readonly DrawnRow[], users: boolean): Map<string, DrawnRow[]> {
  const units = new Map<string, DrawnRow[]>()
  rows.forEach((row, i) => {
    const unit =
      row.point === null ? `row ${i}` : row.isPart && !users ? `${row.point} ${i}` : row.point
    units.set(unit, [...(units.get(unit) ?? []), row])
  })
  return units
}

function spellsOf(rows: DrawnRow[]): Spell[] {
  const spells: Spell[] = []
  for (const row of [...rows].sort((a, b) => a.from - b.from)) {
    const last = spells.at(-1)
    if (last === undefined || (last.until !== null && last.until < row.from))
      spells.push({ first: row, rows: [row], from: row.from, until: row.until })
    else {
      last.rows.push(row)
      last.until =
        last.until === null || row.until === null ? null : Math.max(last.until, row.until)
    }
  }
  return spells
}

/** What lay still between two instants: the parts of a load point each for its own time, a whole one for all of it. */
function loadOf(
  spell: Spell,
  from: number,
  until: number,
): { kva: number; kvaMs: number; kwMs: number | null } {
  const rows = spell.first.isPart ? spell.rows : [spell.first]
  const timeOf = (row: DrawnRow): number =>
    spell.first.isPart
      ? Math.max(0, Math.min(until, row.until ?? until) - Math.max(from, row.from))
      : until - from
  return {
    kva: sum(rows, ({ kva }) => kva),
    kvaMs: sum(rows, (row) => row.kva * timeOf(row)),
    kwMs: rows.some(({ kw }) => kw === null)
      ? null
      : sum(rows, (row) => (row.kw ?? 0) * timeOf(row)),
  }
}

function groupOf(row: DrawnRow, by: string, dayOf: (at: number) => string): string {
  switch (by) {
    case 'area':
      return row.area
    case 'substation':
      return row.substation
    case 'feeder':
      return row.feeder
    case 'cause':
      return row.cause
    case 'nature':
      return row.planned ? 'planned' : 'unplanned'
    case 'month':
      return dayOf(row.from).slice(0, 7)
    case 'day':
      return dayOf(row.from)
    default:
      return 'system'
  }
}

/** Standards §1.5: daily SAIDI of the years before, natural logarithms, sample deviation, 2.5 of it; per area where areas are told apart. */
function majorDays(
  truth: Truth,
  question: OracleQuestion,
  dayOf: (at: number) => string,
): (day: string, area: string) => boolean {
  const firstDay = truth.rows.map((row) => dayOf(row.from)).sort()[0] ?? ''
  const daysIn = (year: number, area: string | undefined): Set<string> => {
    const first = `${firstDay.slice(0, 7)}-01`
    const from = first > `${year - 5}-01-01` ? first : `${year - 5}-01-01`
    const months = year * 12 - Number(from.slice(0, 4)) * 12 - (Number(from.slice(5, 7)) - 1)
    const until = `${year + 1}-01-01`
    const { cells } = askOracle(truth, {
      rulebook: question.rulebook,
      // Users or customers is decided for all the days that are looked at.
      from: months >= 12 ? from : `${year}-01-01`,
      to: until,
      by: 'day',
      exclude: question.exclude.filter((what) => what !== 'major'),
      ...(area === undefined ? {} : { area }),
    })
    const saidi = [...cells].map(([day, row]) => [day, row.index('long minutes') ?? 0] as const)
    const logs = saidi
      .filter(([day, x]) => day < `${year}-01-01` && x > 0)
      .map(([, x]) => Math.log(x))
    if (months < 12 || logs.length < 2) return new Set()
    const mean = sum(logs, (x) => x) / logs.length
    const deviation = Math.sqrt(sum(logs, (x) => (x - mean) ** 2) / (logs.length - 1))
    const limit = Math.exp(mean + 2.5 * deviation)
    return new Set(
      saidi.filter(([day, x]) => day >= `${year}-01-01` && x > limit).map(([day]) => day),
    )
  }
  const sets = new Map<string, Set<string>>()
  return (day, area) => {
    const year = Number(day.slice(0, 4))
    const of = question.area ?? (question.by === 'area' ? area : undefined)
    const key = `${year} ${of ?? ''}`
    let set = sets.get(key)
    if (set === undefined) sets.set(key, (set = daysIn(year, of)))
    return set.has(day)
  }
}

type Averages = { customers: number; points: number; kva: number; kw: number; hours: number }

function averageServed(
  truth: Truth,
  question: OracleQuestion,
  group: string,
  period: ReadonlyMap<string, number>,
): Averages {
  const { by } = question
  let kind: 'system' | 'area' | 'substation' | 'feeder' = 'system'
  let id = ''
  if (question.area !== undefined) [kind, id] = ['area', question.area]
  if (by === 'area' || by === 'substation' || by === 'feeder') [kind, id] = [by, group]
  const days = [...period].filter(
    ([day]) => (by !== 'month' || day.startsWith(group)) && (by !== 'day' || day === group),
  )
  const served = days.map(([day]) => truth.served(day, kind, id))
  const mean = (of: (one: ServedOfDay) => number): number => sum(served, of) / served.length
  return {
    customers: mean((one) => one.customers),
    points: mean((one) => one.points),
    kva: mean((one) => one.kva),
    kw: mean((one) => one.kw),
    hours: sum(days, ([, ms]) => ms) / 3_600_000,
  }
}

/** The local days of a period and how long each is: every quarter of an hour is asked for its day. */
function daysOf(
  { from, to }: OracleQuestion,
  dayOf: (at: number) => string,
): ReadonlyMap<string, number> {
  const days = new Map<string, number>()
  const end = Date.parse(`${to}T00:00:00Z`) + 15 * 3_600_000
  for (let at = Date.parse(`${from}T00:00:00Z`) - 15 * 3_600_000; at < end; at += QUARTER) {
    const day = dayOf(at)
    if (day >= from && day < to) days.set(day, (days.get(day) ?? 0) + QUARTER)
  }
  return days
}

const ratio = (top: number | null, bottom: number, scale = 1): number | null =>
  top === null || !(bottom > 0) ? null : (top / bottom) * scale

function indexOf(
  symbol: string,
  rulebook: string,
  cell: Cell,
  served: Averages & { units: number },
): number | null | undefined {
  const isDlt = rulebook === 'dlt836'
  type Where = (piece: Piece) => boolean
  const all: Where = () => true
  const long: Where = ({ short }) => !short
  const brief: Where = ({ short }) => short
  const count = (where: Where): number =>
    sum(cell.pieces.filter(where), ({ counts, weight }) => (counts ? weight : 0))
  const minutes = (where: Where): number =>
    sum(cell.pieces.filter(where), ({ ms, weight }) => ms * weight) / 60_000
  const hours = (where: Where): number => minutes(where) / 60
  const kvaMin = (where: Where): number =>
    sum(cell.pieces.filter(where), ({ kvaMs }) => kvaMs) / 60_000
  const kva = (where: Where): number => sum(cell.pieces.filter(where), (piece) => piece.kva)
  const kwh = (where: Where): number | null =>
    cell.pieces.some(({ kwMs }) => kwMs === null)
      ? null
      : sum(cell.pieces.filter(where), ({ kwMs }) => kwMs ?? 0) / 3_600_000

  // By unit: how often, how long.
  const units = new Map<string, { weight: number; pieces: Piece[]; events: number }>()
  const unitOf = (unit: string, weight: number) => {
    let found = units.get(unit)
    if (found === undefined) units.set(unit, (found = { weight, pieces: [], events: 0 }))
    return found
  }
  for (const piece of cell.pieces) unitOf(piece.unit, piece.weight).pieces.push(piece)
  for (const { unit, weight } of cell.events) unitOf(unit, weight).events += 1
  const distinct = (is: (of: { pieces: Piece[]; events: number }) => boolean): number =>
    sum([...units.values()].filter(is), ({ weight }) => weight)
  const times = (pieces: Piece[], where: Where): number =>
    pieces.filter((piece) => where(piece) && piece.counts).length
  const once = (where: Where): number => distinct(({ pieces }) => times(pieces, where) > 0)

  // By outage: from its first to its last.
  const outages = (where: Where): number[] => {
    const spans = new Map<string, Piece[]>()
    for (const piece of cell.pieces.filter(where))
      spans.set(piece.outage, [...(spans.get(piece.outage) ?? []), piece])
    return [...spans.values()]
      .filter((pieces) => pieces.some(({ counts }) => counts))
      .map(
        (pieces) =>
          (Math.max(...pieces.map(({ from, ms }) => from + ms)) -
            Math.min(...pieces.map(({ from }) => from))) /
          3_600_000,
      )
  }

  const { units: n, hours: periodH } = served
  const percent = isDlt ? 100 : 1
  const repeated = /^(CEMI|CEMSMI)-(\d)$/.exec(symbol)
  if (repeated !== null) {
    const least = Number(repeated[2])
    const withEvents = repeated[1] === 'CEMSMI'
    const found = distinct(
      ({ pieces, events }) => times(pieces, long) + (withEvents ? events : 0) >= least,
    )
    return ratio(found, n, percent)
  }
  const eightH = 8 * 3_600_000
  switch (symbol) {
    case 'CELID-s':
      return ratio(
        distinct(({ pieces }) => pieces.some((piece) => long(piece) && piece.lengthMs >= eightH)),
        n,
        percent,
      )
    case 'CELID-t':
      return ratio(
        distinct(({ pieces }) => sum(pieces.filter(long), ({ ms }) => ms) >= eightH),
        n,
        percent,
      )
    case 'long minutes':
      return ratio(minutes(long), n)
  }
  const nature =
    (planned: boolean): Where =>
    (piece) =>
      piece.planned === planned
  const both =
    (a: Where, b: Where): Where =>
    (piece) =>
      a(piece) && b(piece)
  if (isDlt) {
    const variants: Record<string, Where> = {
      1: all,
      2: ({ external }) => !external,
      3: ({ shortage }) => !shortage,
      4: long,
      F: nature(false),
      S: nature(true),
    }
    const [, name = '', suffix = ''] = /^([A-Z]+|停电时户数)(?:-(.))?$/.exec(symbol) ?? []
    const where = variants[suffix] ?? all
    switch (name) {
      case 'SAIDI':
        return ratio(hours(where), n)
      case 'SAIFI':
        return ratio(count(where), n)
      case 'ASAI':
        return n > 0 ? (1 - hours(where) / n / periodH) * 100 : null
      case 'MAIFI':
        return ratio(count(both(brief, where)), n)
      case 'CAIDI':
        return ratio(hours(where), count(where))
      case 'CTAIDI':
        return ratio(hours(where), once(where))
      case 'CAIFI':
        return ratio(count(where), once(where))
      case 'ASIFI':
        return ratio(kva(all), served.kva)
      case 'ASIDI':
        return ratio(kvaMin(all) / 60, served.kva)
      case '停电时户数':
        return hours(all)
      case 'ENS':
        return kwh(all)
      case 'AENS':
        return ratio(kwh(all), n)
      case 'MIC':
        return ratio(count(where), outages(where).length)
      case 'MID':
        return ratio(
          sum(outages(where), (h) => h),
          outages(where).length,
        )
      default:
        return undefined
    }
  }
  const half = (of: (where: Where) => number): number =>
    of(both(long, nature(false))) + 0.5 * of(both(long, nature(true)))
  switch (symbol) {
    case 'SAIFI':
      return ratio(count(long), n)
    case 'SAIDI':
    case 'CML':
      return ratio(minutes(long), n)
    case 'CAIDI':
      return ratio(minutes(long), count(long))
    case 'CTAIDI':
      return ratio(minutes(long), once(long))
    case 'CAIFI':
      return ratio(count(long), once(long))
    case 'ASAI':
      return n > 0 ? 1 - hours(long) / n / periodH : null
    case 'ASUI':
      return n > 0 ? hours(long) / n / periodH : null
    case 'ASIFI':
    case 'NIEPI':
      return ratio(kva(long), served.kva)
    case 'ASIDI':
      return ratio(kvaMin(long), served.kva)
    case 'TIEPI':
      return ratio(kvaMin(long) / 60, served.kva)
    case 'MAIFI':
      return ratio(count(brief), n)
    case 'MAIFI-E':
      return ratio(
        sum(cell.events, ({ weight }) => weight),
        n,
      )
    case 'ENS': {
      const lost = kwh(long)
      return lost === null || rulebook !== 'ceer' ? lost : lost / 1000
    }
    case 'AENS':
      return ratio(kwh(long), n)
    case 'ACCI':
      return ratio(kwh(long), once(long))
    case 'AIT':
      return ratio(kwh(long), served.kw, 60)
    case 'CI':
      return ratio(count(long), n, 100)
    case 'CI-weighted':
      return ratio(half(count), n, 100)
    case 'CML-weighted':
      return ratio(half(minutes), n)
    case 'SAIDI-planned':
    case 'SAIDI-unplanned':
      return ratio(minutes(both(long, nature(symbol === 'SAIDI-planned'))), n)
    case 'SAIFI-planned':
    case 'SAIFI-unplanned':
      return ratio(count(both(long, nature(symbol === 'SAIFI-planned'))), n)
    default:
      return undefined
  }
}

function sum<T>(of: readonly T[], by: (one: T) => number): number {
  let total = 0
  for (const one of of) total += by(one)
  return total
}

/** The local day of an instant, as the platform's own calendar has it. */
export function dayReader(timeZone: string): (at: number) => string {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' })
  const known = new Map<number, string>()
  return (at) => {
    const quarter = Math.floor(at / QUARTER)
    let day = known.get(quarter)
    if (day === undefined) known.set(quarter, (day = format.format(quarter * QUARTER)))
    return day
  }
}
