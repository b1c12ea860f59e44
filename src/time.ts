/** An instant: milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number

export const MS_PER_S = 1000
export const MS_PER_MIN = 60_000
export const MS_PER_H = 3_600_000
export const MS_PER_DAY = 86_400_000

/** RFC 3339 in UTC with milliseconds, as everything we print outside of local reports. */
export function toIso(at: EpochMs): string {
  const minute = Math.floor(at / MS_PER_MIN)
  const within = at - minute * MS_PER_MIN
  if (!Number.isInteger(within)) return new Date(at).toISOString()
  if (minute !== said.minute) {
    said.until = new Date(minute * MS_PER_MIN).toISOString().slice(0, -'00.000Z'.length)
    said.minute = minute
  }
  const digits = String(100_000 + within)
  return `${said.until}${digits.slice(1, 3)}.${digits.slice(3)}Z`
}

/** In a storm one instant after another lies in the same minute, and the calendar is asked once. */
const said = { minute: Number.NaN, until: '' }
