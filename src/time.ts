/** An instant: milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number

export const MS_PER_S = 1000
export const MS_PER_MIN = 60_000
export const MS_PER_H = 3_600_000
export const MS_PER_DAY = 86_400_000

/** RFC 3339 in UTC with milliseconds, as everything we print outside of local reports. */
export const toIso = (at: EpochMs): string => new Date(at).toISOString()
