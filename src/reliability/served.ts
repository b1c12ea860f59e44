import { dayNumber, dayOfNumber, type LocalDay } from './calendar.ts'

/** Counts of what is served, by where. `null` keys stand for things without a name (a network without areas). */
export type ServedCount = {
  readonly customers: number
  /** Load points: the medium-voltage users of DL/T 836. Null where a record states customers only. */
  readonly loadPoints: number | null
  readonly connectedKva: number | null
  readonly averageKw: number | null
}

/** What one network revision serves, from its day on. It speaks for the whole system. */
export type NetworkStatement = {
  readonly fromDay: LocalDay
  readonly feeders: readonly (ServedCount & {
    /** Null for what no feeder head supplies. */
    readonly feeder: string | null
    readonly substation: string | null
    readonly area: string | null
  })[]
}

/** What a record says: so many customers in an area from a day on. */
export type RecordStatement = {
  readonly area: string
  readonly fromDay: LocalDay
  readonly customers: number
}

export type ServedPlace =
  | { readonly kind: 'system' }
  | { readonly kind: 'area' | 'substation' | 'feeder'; readonly id: string | null }

/** What was served on each day. */
export type ServedBook = {
  on(day: LocalDay, place: ServedPlace): ServedCount | null
  /** The mean over the days of `[from, to)`; a kind of count is null when it is unknown on any of them. */
  average(from: LocalDay, to: LocalDay, place: ServedPlace): ServedCount | null
  /** The ids of a kind that are stated for any of the days. */
  places(from: LocalDay, to: LocalDay, kind: 'area' | 'substation' | 'feeder'): (string | null)[]
}

/**
 * Statements of networks and records together. A statement holds until the next; the first also holds for all time before it.
 *
 * - A network revision speaks for the whole system from its day on: an area that it does not have serves nobody, unless a record
 *   states that area later. For an area of both, the later statement wins, and on the same day the record.
 * - Before the first revision the records speak where there are any; only without records does the first revision reach back.
 * - Substations and feeders are counted by the network alone.
 */
export function servedBook(
  networks: readonly NetworkStatement[],
  records: readonly RecordStatement[],
): ServedBook {
  const revisions = [...networks].sort((a, b) => (a.fromDay < b.fromDay ? -1 : 1))
  const byArea = new Map<string, RecordStatement[]>()
  for (const record of [...records].sort((a, b) => (a.fromDay < b.fromDay ? -1 : 1))) {
    const list = byArea.get(record.area)
    if (list === undefined) byArea.set(record.area, [record])
    else list.push(record)
  }
  const summaries = revisions.map(summarise)
  // Between two of these days nothing is restated, so that one look serves them all.
  const changes = [
    ...new Set([...revisions.map((r) => r.fromDay), ...records.map((r) => r.fromDay)]),
  ].sort()

  function revisionOn(day: LocalDay): Summary | undefined {
    let found = summaries[0]
    revisions.forEach((revision, i) => {
      if (revision.fromDay <= day) found = summaries[i]
    })
    return found
  }
  function recordOn(day: LocalDay, area: string): RecordStatement | undefined {
    const list = byArea.get(area)
    let found = list?.[0]
    for (const record of list ?? []) if (record.fromDay <= day) found = record
    return found
  }

  function areasOn(day: LocalDay): Map<string, ServedCount> {
    const areas = new Map<string, ServedCount>()
    const first = revisions[0]
    const network = first !== undefined && (day >= first.fromDay || records.length === 0)
    const summary = network ? revisionOn(day) : undefined
    for (const [area, count] of summary?.areas ?? []) areas.set(area, count)
    for (const area of byArea.keys()) {
      const record = recordOn(day, area)
      if (record === undefined) continue
      const revisionDay = summary?.fromDay
      if (revisionDay !== undefined && record.fromDay < revisionDay) continue
      if (revisionDay !== undefined && record.fromDay > day) continue
      areas.set(area, {
        customers: record.customers,
        loadPoints: null,
        connectedKva: null,
        averageKw: null,
      })
    }
    return areas
  }

  const on: ServedBook['on'] = (day, place) => {
    switch (place.kind) {
      case 'system': {
        const counts = [...areasOn(day).values()]
        return counts.length === 0 ? null : counts.reduce(plus)
      }
      case 'area':
        return areasOn(day).get(place.id ?? '') ?? null
      case 'substation':
        return place.id === null ? null : (revisionOn(day)?.substations.get(place.id) ?? null)
      case 'feeder':
        return place.id === null ? null : (revisionOn(day)?.feeders.get(place.id) ?? null)
    }
  }

  /** The stretches of `[from, to)` within which nothing is restated. */
  function stretches(from: LocalDay, to: LocalDay): { day: LocalDay; days: number }[] {
    const starts = [from, ...changes.filter((day) => day > from && day < to)]
    return starts.map((day, i) => ({
      day,
      days: dayNumber(starts[i + 1] ?? to) - dayNumber(day),
    }))
  }

  return {
    on,
    average(from, to, place) {
      let days = 0
      let known = false
      const total = { customers: 0, loadPoints: 0, connectedKva: 0, averageKw: 0 }
      for (const stretch of stretches(from, to)) {
        const count = on(stretch.day, place)
        days += stretch.days
        if (count !== null) known = true
        total.customers += (count?.customers ?? 0) * stretch.days
        // Unknown on one day is unknown for the period; not served on that day is 0.
        total.loadPoints += (count === null ? 0 : (count.loadPoints ?? NaN)) * stretch.days
        total.connectedKva += (count === null ? 0 : (count.connectedKva ?? NaN)) * stretch.days
        total.averageKw += (count === null ? 0 : (count.averageKw ?? NaN)) * stretch.days
      }
      if (!known || days <= 0) return null
      const mean = (sum: number): number | null => (Number.isNaN(sum) ? null : sum / days)
      return {
        customers: total.customers / days,
        loadPoints: mean(total.loadPoints),
        connectedKva: mean(total.connectedKva),
        averageKw: mean(total.averageKw),
      }
    },
    places(from, to, kind) {
      const found = new Set<string>()
      for (const { day } of stretches(from, to)) {
        const ids =
          kind === 'area'
            ? areasOn(day).keys()
            : (kind === 'substation'
                ? revisionOn(day)?.substations
                : revisionOn(day)?.feeders
              )?.keys()
        for (const id of ids ?? []) found.add(id)
      }
      return [...found].sort().map((id) => (id === '' && kind === 'area' ? null : id))
    },
  }
}

type Summary = {
  readonly fromDay: LocalDay
  readonly areas: Map<string, ServedCount>
  readonly substations: Map<string, ServedCount>
  readonly feeders: Map<string, ServedCount>
}

function summarise(network: NetworkStatement): Summary {
  const summary: Summary = {
    fromDay: network.fromDay,
    areas: new Map(),
    substations: new Map(),
    feeders: new Map(),
  }
  const add = (into: Map<string, ServedCount>, id: string, count: ServedCount): void => {
    const before = into.get(id)
    into.set(id, before === undefined ? count : plus(before, count))
  }
  for (const { feeder, substation, area, ...count } of network.feeders) {
    add(summary.areas, area ?? '', count)
    if (substation !== null) add(summary.substations, substation, count)
    if (feeder !== null) add(summary.feeders, feeder, count)
  }
  return summary
}

function plus(a: ServedCount, b: ServedCount): ServedCount {
  const both = (x: number | null, y: number | null): number | null =>
    x === null || y === null ? null : x + y
  return {
    customers: a.customers + b.customers,
    loadPoints: both(a.loadPoints, b.loadPoints),
    connectedKva: both(a.connectedKva, b.connectedKva),
    averageKw: both(a.averageKw, b.averageKw),
  }
}

/** Every day of `[from, to)`. */
export function* daysOf(from: LocalDay, to: LocalDay): Generator<LocalDay> {
  const end = dayNumber(to)
  for (let number = dayNumber(from); number < end; number += 1) yield dayOfNumber(number)
}
