import { MS_PER_MIN, type EpochMs } from '../time.ts'

export type CalendarEvent = {
  /** The same for every version of the event. */
  readonly uid: string
  readonly from: EpochMs
  readonly until: EpochMs
  readonly summary: string
  readonly description: string
  /** Grows with each change that was told. */
  readonly sequence: number
  readonly toldAt: EpochMs
  readonly cancelled: boolean
}

/** A line of iCalendar holds this many octets; the rest follows after a break and a blank. */
const LINE_OCTETS_MAX = 75
/** Calendars remind a day before, and ask again after an hour. */
const REMIND_BEFORE = '-P1D'
const REFRESH = 'PT1H'

/** An iCalendar file (RFC 5545) in UTC: calendars show it in their own zone. */
export function calendarOf(name: string, events: readonly CalendarEvent[]): string {
  const lines = [
    'BEGIN:VCALENDAR',
    'VERSION:2.0',
    'PRODID:-//Relight//planned work//EN',
    'CALSCALE:GREGORIAN',
    'METHOD:PUBLISH',
    `NAME:${escaped(name)}`,
    `X-WR-CALNAME:${escaped(name)}`,
    `REFRESH-INTERVAL;VALUE=DURATION:${REFRESH}`,
    ...events.flatMap(eventLines),
    'END:VCALENDAR',
  ]
  return lines.map((line) => `${folded(line)}\r\n`).join('')
}

function eventLines(event: CalendarEvent): string[] {
  return [
    'BEGIN:VEVENT',
    `UID:${escaped(event.uid)}`,
    `SEQUENCE:${event.sequence}`,
    `DTSTAMP:${stamp(event.toldAt)}`,
    `DTSTART:${stamp(event.from)}`,
    `DTEND:${stamp(Math.max(event.until, event.from + MS_PER_MIN))}`,
    `SUMMARY:${escaped(event.summary)}`,
    `DESCRIPTION:${escaped(event.description)}`,
    `STATUS:${event.cancelled ? 'CANCELLED' : 'CONFIRMED'}`,
    'TRANSP:TRANSPARENT',
    ...(event.cancelled
      ? []
      : [
          'BEGIN:VALARM',
          'ACTION:DISPLAY',
          `TRIGGER:${REMIND_BEFORE}`,
          `DESCRIPTION:${escaped(event.summary)}`,
          'END:VALARM',
        ]),
    'END:VEVENT',
  ]
}

const stamp = (at: EpochMs): string =>
  new Date(at).toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '')

const escaped = (text: string): string =>
  text.replace(/[\\;,]/g, (special) => `\\${special}`).replace(/\r?\n/g, '\\n')

/** Breaks by octets, never within a letter. */
function folded(line: string): string {
  let folded = ''
  let octets = 0
  for (const letter of line) {
    const size = Buffer.byteLength(letter)
    if (octets + size > LINE_OCTETS_MAX) {
      folded += '\r\n '
      octets = 1
    }
    folded += letter
    octets += size
  }
  return folded
}
