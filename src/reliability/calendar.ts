import { MS_PER_DAY, type EpochMs } from '../time.ts'

/** A day of the utility's own calendar, `YYYY-MM-DD`; text order is the order of time. */
export type LocalDay = string

const MINUTE_MS = 60_000
// Every offset in use since 1970 changes on a quarter of an hour.
const OFFSET_STEP_MS = 15 * MINUTE_MS
const OFFSETS_KEPT_MAX = 500_000
const DAY_TEXT = /^(\d{4})-(\d{2})-(\d{2})$/

type Zone = { readonly format: Intl.DateTimeFormat; readonly offsets: Map<number, number> }
const zones = new Map<string, Zone>()

function zoneOf(timeZone: string): Zone {
  let zone = zones.get(timeZone)
  if (zone === undefined) {
    zone = {
      format: new Intl.DateTimeFormat('en-US', {
        timeZone,
        calendar: 'gregory',
        hourCycle: 'h23',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
      }),
      offsets: new Map(),
    }
    zones.set(timeZone, zone)
  }
  return zone
}

/** True for a name of the IANA time zone database. */
export function isTimeZone(timeZone: string): boolean {
  try {
    zoneOf(timeZone)
    return true
  } catch {
    return false
  }
}

/** What the local clock is ahead of UTC at an instant. */
export function offsetMs(at: EpochMs, timeZone: string): number {
  const zone = zoneOf(timeZone)
  const step = Math.floor(at / OFFSET_STEP_MS)
  const known = zone.offsets.get(step)
  if (known !== undefined) return known
  const start = step * OFFSET_STEP_MS
  const parts: Record<string, number> = {}
  for (const { type, value } of zone.format.formatToParts(start)) parts[type] = Number(value)
  const local = Date.UTC(
    parts['year'] ?? 0,
    (parts['month'] ?? 1) - 1,
    parts['day'] ?? 1,
    parts['hour'] ?? 0,
    parts['minute'] ?? 0,
    parts['second'] ?? 0,
  )
  if (zone.offsets.size >= OFFSETS_KEPT_MAX) zone.offsets.clear()
  zone.offsets.set(step, local - start)
  return local - start
}

/** The day that the utility's calendar shows at an instant. */
export const localDayOf = (at: EpochMs, timeZone: string): LocalDay =>
  dayOfNumber(Math.floor((at + offsetMs(at, timeZone)) / MS_PER_DAY))

/** Days since 1970-01-01, for arithmetic on days. Throws where the text is no day. */
export function dayNumber(day: LocalDay): number {
  const match = DAY_TEXT.exec(day)
  const number = match === null ? NaN : Date.parse(`${day}T00:00:00Z`) / MS_PER_DAY
  if (!Number.isInteger(number)) throw new RangeError(`not a day: ${day.slice(0, 40)}`)
  return number
}

/** True for a `YYYY-MM-DD` that exists. */
export const isDay = (text: string): boolean =>
  DAY_TEXT.test(text) &&
  !Number.isNaN(Date.parse(`${text}T00:00:00Z`)) &&
  dayOfNumber(Date.parse(`${text}T00:00:00Z`) / MS_PER_DAY) === text

export const dayOfNumber = (number: number): LocalDay =>
  new Date(number * MS_PER_DAY).toISOString().slice(0, 10)

export const addDays = (day: LocalDay, days: number): LocalDay => dayOfNumber(dayNumber(day) + days)

/** `2024-02-10` → `2024-02`. */
export const monthOf = (day: LocalDay): string => day.slice(0, 7)

/** The first instant of a local day, also where its midnight does not exist. */
export function dayStart(day: LocalDay, timeZone: string): EpochMs {
  const midnight = dayNumber(day) * MS_PER_DAY
  // Between these two every zone on earth has passed from the day before into this one.
  let before = midnight - 16 * 60 * MINUTE_MS
  let within = midnight + 16 * 60 * MINUTE_MS
  while (within - before > MINUTE_MS) {
    const middle = Math.floor((before + within) / 2 / MINUTE_MS) * MINUTE_MS
    if (localDayOf(middle, timeZone) < day) before = middle
    else within = middle
  }
  return within
}

/** Hours between the starts of two local days: 8760 a year, 23 or 25 on the days when the clocks change. */
export const hoursBetween = (from: LocalDay, to: LocalDay, timeZone: string): number =>
  (dayStart(to, timeZone) - dayStart(from, timeZone)) / 3_600_000

/**
 * The instant of a local wall time given as if it were UTC. A time that occurs twice means its first occurrence unless `later`; one
 * that the spring change skips is read on the clock from before the change, so that it moves forward, and `skipped` says so.
 */
export function instantOfLocal(
  wallAsUtc: EpochMs,
  timeZone: string,
  later = false,
): { at: EpochMs; skipped: boolean; twice: boolean } {
  const early = wallAsUtc - offsetMs(wallAsUtc - MS_PER_DAY, timeZone)
  const late = wallAsUtc - offsetMs(wallAsUtc + MS_PER_DAY, timeZone)
  const earlyFits = early + offsetMs(early, timeZone) === wallAsUtc
  const lateFits = late + offsetMs(late, timeZone) === wallAsUtc
  if (earlyFits && lateFits)
    return {
      at: later ? Math.max(early, late) : Math.min(early, late),
      skipped: false,
      twice: early !== late,
    }
  if (lateFits) return { at: late, skipped: false, twice: false }
  return { at: early, skipped: !earlyFits, twice: false }
}

/** The same day so many years earlier; of 29 February the 28th where that year has none. */
export const yearsBefore = (day: LocalDay, years: number): LocalDay => monthsBefore(day, 12 * years)

/** The same day of the month so many months earlier, or the last one of a shorter month. */
export function monthsBefore(day: LocalDay, months: number): LocalDay {
  const month = Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7)) - 1 - months
  const first = `${String(Math.floor(month / 12)).padStart(4, '0')}-${String((month % 12) + 1).padStart(2, '0')}-01`
  const last = addDays(`${addDays(first, 31).slice(0, 7)}-01`, -1)
  const same = `${first.slice(0, 8)}${day.slice(8)}`
  return same < last ? same : last
}
