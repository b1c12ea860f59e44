import { isUtf8 } from 'node:buffer'
import { parsePhases } from '../grid/phases.ts'
import type {
  FieldReport,
  GatewayState,
  LoadReading,
  MeterObservation,
  Quality,
  SwitchObservation,
  SwitchReason,
} from '../ledger/observation.ts'
import { MS_PER_MIN, type EpochMs } from '../time.ts'

export const REFUSAL_REASONS = [
  'too-large',
  'not-json',
  'not-object',
  'bad-topic',
  'missing-id',
  'bad-id',
  'bad-time',
  'bad-seq',
  'bad-position',
  'bad-phases',
  'bad-reason',
  'bad-quality',
  'bad-number',
  'bad-event',
  'bad-state',
] as const
export type RefusalReason = (typeof REFUSAL_REASONS)[number]

/** Why a message, or one element of it, was not taken. `detail` is for a person: which one, and what it said. */
export type Refusal = { readonly reason: RefusalReason; readonly detail: string }
export type Decoded = { readonly reports: FieldReport[]; readonly refused: Refusal[] }

export const PAYLOAD_BYTES_MAX = 262_144
export const ID_CHARS_MAX = 128
/** Farther than any meter at any head; beyond it a number is a fault of the device. */
export const NUMBER_ABS_MAX = 1e9
// A device whose clock was reset says 1970, 1980 or 2000; that must not become an outage of decades.
export const YEAR_FIRST = 2001
export const YEAR_LAST = 9999

const PREFIX = 'grid/v1/'
const BATCH = 'batch'
const SWITCH_REASONS: ReadonlySet<unknown> = new Set<SwitchReason>([
  'trip',
  'lockout',
  'reclose',
  'manual',
  'planned',
])
const QUALITIES: ReadonlySet<unknown> = new Set<Quality>(['good', 'uncertain', 'bad'])
const METER_EVENTS: ReadonlySet<unknown> = new Set<MeterObservation['event']>([
  'lastGasp',
  'restored',
  'alive',
])
const SHOWN_CHARS_MAX = 40

/**
 * What a field message says. Never throws, whatever the bytes. Each element of an array is judged by itself: a bad one
 * does not refuse its neighbours. Whether the id is known in the network is not decided here.
 */
export function decode(topic: string, payload: Uint8Array, receivedAt: EpochMs): Decoded {
  const address = parseTopic(topic)
  if (typeof address === 'string') return refuse('bad-topic', `${show(topic)}: ${address}`)
  if (payload.byteLength > PAYLOAD_BYTES_MAX) {
    return refuse('too-large', `${payload.byteLength} bytes on ${topic}`)
  }
  const value = parseJson(payload)
  if (value === undefined) return refuse('not-json', `${payload.byteLength} bytes on ${topic}`)

  const decoded: Decoded = { reports: [], refused: [] }
  if (Array.isArray(value) && address.kind !== 'state') {
    for (let i = 0; i < value.length; i++) {
      judge(decoded, address, value[i], receivedAt, () => `element ${i} on ${topic}`)
    }
  } else judge(decoded, address, value, receivedAt, () => topic)
  return decoded
}

/** RFC 3339 with `Z` or an offset → milliseconds (finer is cut off); undefined for anything else. */
export function parseInstant(text: unknown): EpochMs | undefined {
  // 2026-11-24T03:12:44Z is the shortest; a nanosecond fraction with an offset has 35 characters.
  if (typeof text !== 'string' || text.length < 20 || text.length > 40) return undefined
  const year = digits(text, 0, 4)
  const month = digits(text, 5, 2)
  const day = digits(text, 8, 2)
  const hour = digits(text, 11, 2)
  const minute = digits(text, 14, 2)
  const second = digits(text, 17, 2)
  if (text[4] !== '-' || text[7] !== '-' || text[13] !== ':' || text[16] !== ':') return undefined
  const between = text[10]
  if (between !== 'T' && between !== 't' && between !== ' ') return undefined
  if (!(year >= YEAR_FIRST && year <= YEAR_LAST && month >= 1 && month <= 12)) return undefined
  if (!(day >= 1 && day <= daysIn(year, month))) return undefined
  // 60 is a leap second; it counts as the first of the next minute.
  if (!(hour <= 23 && minute <= 59 && second <= 60)) return undefined

  let position = 19
  let ms = 0
  if (text[position] === '.') {
    const from = ++position
    for (let code = 0; (code = text.charCodeAt(position) - 48) >= 0 && code <= 9; position++) {
      if (position - from < 3)
        ms += code * (position === from ? 100 : position === from + 1 ? 10 : 1)
    }
    if (position === from) return undefined
  }
  const offsetMin = parseOffset(text, position)
  if (offsetMin === undefined) return undefined
  return Date.UTC(year, month - 1, day, hour, minute, second, ms) - offsetMin * MS_PER_MIN
}

/** An id of the utility: 1 to 128 characters, no control characters, whole characters only. */
export function isFieldId(text: unknown): text is string {
  if (typeof text !== 'string' || text.length === 0 || text.length > 2 * ID_CHARS_MAX) return false
  let pairs = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return false
    if (code < 0xd800 || code > 0xdfff) continue
    // Half a character cannot be stored: it would come back as another id.
    const next = text.charCodeAt(i + 1)
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return false
    pairs++
    i++
  }
  return text.length - pairs <= ID_CHARS_MAX
}

// ── the topic

type FieldKind = FieldReport['kind'] & ('switch' | 'load' | 'meter' | 'state')
/** `id` is null on `…/batch`, where each element brings its own, and on `…/state`. */
type Address = { readonly gateway: string; readonly kind: FieldKind; readonly id: string | null }

/** The address, or what is wrong with it. The id is all that follows the kind, so that an id may contain a slash. */
function parseTopic(topic: string): Address | string {
  if (!topic.startsWith(PREFIX)) return `does not begin with ${PREFIX}`
  const gatewayEnd = topic.indexOf('/', PREFIX.length)
  if (gatewayEnd < 0) return 'has no kind'
  const gateway = topic.slice(PREFIX.length, gatewayEnd)
  if (!isFieldId(gateway)) return 'has no proper gateway name'
  const kindEnd = topic.indexOf('/', gatewayEnd + 1)
  const kind = kindEnd < 0 ? topic.slice(gatewayEnd + 1) : topic.slice(gatewayEnd + 1, kindEnd)
  switch (kind) {
    case 'state':
      return kindEnd < 0 ? { gateway, kind, id: null } : 'has levels below state'
    case 'switch':
    case 'load':
    case 'meter': {
      const id = kindEnd < 0 ? '' : topic.slice(kindEnd + 1)
      if (id === BATCH) return { gateway, kind, id: null }
      return isFieldId(id) ? { gateway, kind, id } : 'has no proper id'
    }
    default:
      return 'is of no known kind'
  }
}

// ── the payload

function parseJson(payload: Uint8Array): unknown {
  if (!isUtf8(payload)) return undefined
  const { buffer, byteOffset, byteLength } = payload
  try {
    // JSON has no undefined, so it can stand for "is not".
    return JSON.parse(Buffer.from(buffer, byteOffset, byteLength).toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

type Fields = Readonly<Record<string, unknown>>
type Envelope = {
  readonly gateway: string
  readonly point: string
  readonly seq: number
  readonly at: EpochMs
  readonly receivedAt: EpochMs
}

function judge(
  decoded: Decoded,
  address: Address,
  value: unknown,
  receivedAt: EpochMs,
  where: () => string,
): void {
  const report =
    typeof value !== 'object' || value === null || Array.isArray(value)
      ? refusal('not-object', `${show(value)} is no object`)
      : address.kind === 'state'
        ? readState(address.gateway, value as Fields, receivedAt)
        : readReport(address, value as Fields, receivedAt)
  if ('detail' in report) {
    decoded.refused.push({ reason: report.reason, detail: `${where()}: ${report.detail}` })
  } else decoded.reports.push(report)
}

function readReport(address: Address, fields: Fields, receivedAt: EpochMs): FieldReport | Refusal {
  const own = fields['id']
  if (own === undefined && address.id === null) return refusal('missing-id', 'has no id')
  const point = own === undefined ? address.id : own
  if (!isFieldId(point)) return refusal('bad-id', `id is ${show(own)}`)
  if (address.id !== null && point !== address.id) {
    return refusal('bad-id', `id ${show(own)} is not the topic's`)
  }
  const at = parseInstant(fields['at'])
  if (at === undefined) {
    return refusal('bad-time', `${point}: at is ${show(fields['at'])}, not RFC 3339 with an offset`)
  }
  const seq = fields['seq']
  if (!Number.isSafeInteger(seq) || (seq as number) < 0) {
    return refusal('bad-seq', `${point}: seq is ${show(seq)}, not a whole number from 0`)
  }
  // Adding 0 makes the 0 of JSON's "-0".
  const said = { gateway: address.gateway, point, seq: (seq as number) + 0, at, receivedAt }
  if (address.kind === 'switch') return readSwitch(said, fields)
  return address.kind === 'load' ? readLoad(said, fields) : readMeter(said, fields)
}

function readSwitch(said: Envelope, fields: Fields): SwitchObservation | Refusal {
  const position = fields['position']
  if (position !== 'open' && position !== 'closed') {
    return refusal('bad-position', `${said.point}: position is ${show(position)}`)
  }
  const letters = fields['phases'] ?? null
  const phases =
    letters === null
      ? null
      : typeof letters === 'string' && letters.length <= 3
        ? parsePhases(letters)
        : undefined
  if (phases === undefined) {
    return refusal('bad-phases', `${said.point}: phases is ${show(letters)}`)
  }
  const reason = fields['reason'] ?? null
  if (reason !== null && !SWITCH_REASONS.has(reason)) {
    return refusal('bad-reason', `${said.point}: reason is ${show(reason)}`)
  }
  const quality = fields['quality'] ?? 'good'
  if (!QUALITIES.has(quality)) {
    return refusal('bad-quality', `${said.point}: quality is ${show(quality)}`)
  }
  return {
    kind: 'switch',
    gateway: said.gateway,
    point: said.point,
    seq: said.seq,
    at: said.at,
    receivedAt: said.receivedAt,
    position,
    phases,
    reason: reason as SwitchReason | null,
    quality: quality as Quality,
    bySubject: null,
  }
}

function readMeter(said: Envelope, fields: Fields): MeterObservation | Refusal {
  const event = fields['event']
  if (!METER_EVENTS.has(event)) {
    return refusal('bad-event', `${said.point}: event is ${show(event)}`)
  }
  return { kind: 'meter', ...said, event: event as MeterObservation['event'] }
}

function readLoad(said: Envelope, fields: Fields): LoadReading | Refusal {
  const { kw, kvar = null, amps = null, kv = null } = fields
  if (!isReading(kw)) return refusal('bad-number', `${said.point}: kw is ${show(kw)}`)
  if (kvar !== null && !isReading(kvar)) {
    return refusal('bad-number', `${said.point}: kvar is ${show(kvar)}`)
  }
  if (kv !== null && !isMagnitude(kv)) {
    return refusal('bad-number', `${said.point}: kv is ${show(kv)}`)
  }
  if (amps !== null && !(Array.isArray(amps) && amps.length === 3 && amps.every(isMagnitude))) {
    return refusal('bad-number', `${said.point}: amps is not three numbers from 0`)
  }
  return { kind: 'load', ...said, kw, kvar, amps: amps as LoadReading['amps'], kv }
}

function readState(gateway: string, fields: Fields, receivedAt: EpochMs): GatewayState | Refusal {
  const online = fields['online']
  if (typeof online !== 'boolean') return refusal('bad-state', `online is ${show(online)}`)
  // A Will is written before what it tells of: a gateway that leaves the time out leaves it to us.
  const said = fields['at'] ?? null
  const at = said === null ? receivedAt : parseInstant(said)
  if (at === undefined) {
    return refusal('bad-time', `at is ${show(said)}, not RFC 3339 with an offset`)
  }
  return { kind: 'state', gateway, online, at, receivedAt }
}

const isReading = (value: unknown): value is number =>
  typeof value === 'number' && value >= -NUMBER_ABS_MAX && value <= NUMBER_ABS_MAX

/** Currents and voltages come as what a meter shows; the direction is in the power. */
const isMagnitude = (value: unknown): value is number => isReading(value) && value >= 0

// ── small parts

/** NaN where one is no digit, which is then outside of every bound. */
function digits(text: string, from: number, count: number): number {
  let number = 0
  for (let i = from; i < from + count; i++) {
    const digit = text.charCodeAt(i) - 48
    if (!(digit >= 0 && digit <= 9)) return Number.NaN
    number = number * 10 + digit
  }
  return number
}

/** Minutes east of UTC, from the offset that ends the text. */
function parseOffset(text: string, from: number): number | undefined {
  const sign = text[from]
  if (sign === 'Z' || sign === 'z') return text.length === from + 1 ? 0 : undefined
  if ((sign !== '+' && sign !== '-') || text.length !== from + 6 || text[from + 3] !== ':') {
    return undefined
  }
  const hours = digits(text, from + 1, 2)
  const minutes = digits(text, from + 4, 2)
  if (!(hours <= 23 && minutes <= 59)) return undefined
  return (sign === '-' ? -1 : 1) * (hours * 60 + minutes)
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

const refusal = (reason: RefusalReason, detail: string): Refusal => ({ reason, detail })

const refuse = (reason: RefusalReason, detail: string): Decoded => ({
  reports: [],
  refused: [{ reason, detail }],
})

/** A value as a log line may carry it: short, and never a large structure. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, SHOWN_CHARS_MAX))
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : 'an object'
}
