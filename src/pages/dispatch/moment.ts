import { MS_PER_DAY, MS_PER_MIN, type EpochMs } from '../../time.ts'
import { hhmm, instantOfClock, localDay } from '../language.ts'

/** A time of day further back than this means tomorrow's. */
const BACK_MAX_MS = 12 * 60 * MS_PER_MIN

/**
 * What a dispatcher writes for a moment: `+30` is minutes from now, `15:10` the next such time by the utility's clock (or one just
 * passed, so that the page can say so). Null for anything else.
 */
export function parseMoment(text: string, now: EpochMs): EpochMs | null {
  const minutes = /^\+(\d{1,4})$/.exec(text.trim())
  if (minutes !== null) return now + Number(minutes[1]) * MS_PER_MIN
  const clock = /^(\d{1,2}):?(\d{2})$/.exec(text.trim())
  if (clock === null) return null
  const hours = Number(clock[1])
  const minute = Number(clock[2])
  if (hours > 23 || minute > 59) return null
  const wanted = `${String(hours).padStart(2, '0')}:${String(minute).padStart(2, '0')}`
  // Stepping minute by minute asks the zone itself, so a change of the clocks in between does no harm.
  const from = Math.floor(now / MS_PER_MIN) * MS_PER_MIN - BACK_MAX_MS
  let found: EpochMs | null = null
  for (let at = from; at < from + MS_PER_DAY; at += MS_PER_MIN) {
    if (hhmm(at) === wanted) found = at
  }
  return found
}

/** `2026-11-24 03:12` in the utility's calendar. */
export const dated = (at: EpochMs): string => `${localDay(at)} ${hhmm(at)}`

/** An instant of the past as `dated` writes it; null for anything else, and for what has not come yet. */
export function parseDated(text: string, now: EpochMs): EpochMs | null {
  const parts = /^(\d{4}-\d\d-\d\d)[ T]+(\d{1,2}):?(\d\d)$/.exec(text.trim())
  if (parts === null) return null
  const at = instantOfClock(`${parts[1]}T${parts[2]?.padStart(2, '0')}:${parts[3]}`)
  return at !== null && at <= now ? at : null
}
