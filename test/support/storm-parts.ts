import type { Marker, Poll } from './real-storm.ts'

/** Marks so near may be parts of one outage. */
const NEAR_KM = 2
const KM_PER_DEGREE = 111.2

type Change = { readonly marker: Marker; customers: number }

/**
 * The map's own splits and joins made whole: where one number loses customers and, in the same poll and within two kilometres, another
 * comes up or grows whose customers are said to have been out for at least as long, these are the same people, who were out all along. (The
 * utility books what is left behind a second fault under a new number, and what turns out to hang on a larger one under that. A ledger of
 * switches does neither, and nobody is told "back" and "off" for it.)
 */
export function joinParts(polls: readonly Poll[]): Poll[] {
  const wholes = wholesOf(polls)
  const wholeOf = (id: string): string => {
    const above = wholes.get(id)
    return above === undefined ? id : wholeOf(above)
  }
  const open = new Map<string, Map<string, Marker>>()
  return polls.map(({ t, upsert, remove }) => {
    const touched = new Set<string>()
    const partsOf = (id: string): Map<string, Marker> => {
      const whole = wholeOf(id)
      touched.add(whole)
      let parts = open.get(whole)
      if (parts === undefined) open.set(whole, (parts = new Map()))
      return parts
    }
    for (const id of remove) partsOf(id).delete(id)
    for (const marker of upsert) partsOf(marker.id).set(marker.id, marker)
    const now = [...touched].map((id) => ({ id, parts: [...(open.get(id)?.values() ?? [])] }))
    return {
      t,
      upsert: now.flatMap(({ id, parts }) => (parts.length === 0 ? [] : [whole(id, parts)])),
      remove: now.flatMap(({ id, parts }) => (parts.length === 0 ? [id] : [])),
    }
  })
}

/** Of every number that is a part of another: of which. */
function wholesOf(polls: readonly Poll[]): Map<string, string> {
  const wholes = new Map<string, string>()
  const top = (id: string): string => {
    const above = wholes.get(id)
    return above === undefined ? id : top(above)
  }
  const shown = new Map<string, Marker>()
  for (const { upsert, remove } of polls) {
    const less: Change[] = []
    const more: Change[] = []
    for (const id of remove) {
      const marker = shown.get(id)
      if (marker !== undefined) less.push({ marker, customers: marker.custAffected })
      shown.delete(id)
    }
    for (const marker of upsert) {
      const customers = marker.custAffected - (shown.get(marker.id)?.custAffected ?? 0)
      if (customers > 0) more.push({ marker, customers })
      if (customers < 0) less.push({ marker, customers: -customers })
      shown.set(marker.id, marker)
    }
    for (const [loses, gains] of pairs(less, more)) {
      const [a, b] = [top(loses.id), top(gains.id)]
      if (a !== b) wholes.set(a < b ? b : a, a < b ? a : b)
    }
  }
  return wholes
}

/** Who loses and who gains the same people: the nearest first, as long as there are people. */
function pairs(less: readonly Change[], more: readonly Change[]): [Marker, Marker][] {
  const near = less.flatMap((loses) =>
    more.flatMap((gains) => {
      const km = kmBetween(loses.marker, gains.marker)
      const outAsLong = Date.parse(gains.marker.startTime) <= Date.parse(loses.marker.startTime)
      return km < NEAR_KM && outAsLong ? [{ loses, gains, km }] : []
    }),
  )
  near.sort((a, b) => a.km - b.km)
  const found: [Marker, Marker][] = []
  for (const { loses, gains } of near) {
    const same = Math.min(loses.customers, gains.customers)
    if (same < 5 || loses.marker.id === gains.marker.id) continue
    loses.customers -= same
    gains.customers -= same
    found.push([loses.marker, gains.marker])
  }
  return found
}

/** What is open of an outage as one: what is said of it is said of its largest part. */
function whole(id: string, parts: readonly Marker[]): Marker {
  const [largest] = [...parts].sort((a, b) => b.custAffected - a.custAffected)
  const startTime = parts.map((part) => part.startTime).sort()[0]
  if (largest === undefined || startTime === undefined) throw new Error(`nothing of ${id} is open`)
  const custAffected = parts.reduce((sum, part) => sum + part.custAffected, 0)
  return { ...largest, id, startTime, custAffected }
}

function kmBetween(a: Marker, b: Marker): number {
  const latitude = (Math.PI / 180) * ((a.latitude + b.latitude) / 2)
  const east = (a.longitude - b.longitude) * Math.cos(latitude)
  return KM_PER_DEGREE * Math.hypot(a.latitude - b.latitude, east)
}
