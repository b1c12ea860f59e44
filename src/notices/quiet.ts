import { MS_PER_DAY, MS_PER_MIN, type EpochMs } from '../time.ts'

/** Hours in which nothing but loss and restoration is sent: minutes of the local day; from 22:00 until 07:00 is 1320 and 420. */
export type QuietHours = { readonly fromMin: number; readonly untilMin: number }

/** When the quiet hours that `at` falls into end; null where it falls into none. */
export function quietUntil(
  at: EpochMs,
  quiet: QuietHours | null,
  timeZone: string,
): EpochMs | null {
  if (quiet === null || quiet.fromMin === quiet.untilMin) return null
  const now = localMinute(at, timeZone)
  const overnight = quiet.fromMin > quiet.untilMin
  const inside = overnight
    ? now >= quiet.fromMin || now < quiet.untilMin
    : now >= quiet.fromMin && now < quiet.untilMin
  if (!inside) return null
  const waitMin = (quiet.untilMin - now + 1440) % 1440
  const end = Math.floor(at / MS_PER_MIN) * MS_PER_MIN + waitMin * MS_PER_MIN
  // A clock that was put forward or back in between shows another time then: correct by what it is off.
  const off = ((localMinute(end, timeZone) - quiet.untilMin + 2160) % 1440) - 720
  const corrected = end - off * MS_PER_MIN
  return corrected > at ? corrected : corrected + MS_PER_DAY
}

export function localMinute(at: EpochMs, timeZone: string): number {
  const [hour, minute] = format(timeZone).format(at).split(':').map(Number)
  return (hour ?? 0) * 60 + (minute ?? 0)
}

const formats = new Map<string, Intl.DateTimeFormat>()
function format(timeZone: string): Intl.DateTimeFormat {
  let made = formats.get(timeZone)
  if (made === undefined) {
    made = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
    formats.set(timeZone, made)
  }
  return made
}
