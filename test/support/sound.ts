import { decode, ID_CHARS_MAX, REFUSAL_REASONS, type Decoded } from '../../src/feeds/decode.ts'

const KNOWN: ReadonlySet<string> = new Set(REFUSAL_REASONS)

/** What came of a payload, held against the payload by eyes of its own: every element is accounted for, and what is taken is sound. */
export function decodeSoundly(
  topic: string,
  payload: Uint8Array,
  receivedAt: number,
): Decoded & { readonly isSound: boolean } {
  const decoded = decode(topic, payload, receivedAt)
  return { ...decoded, isSound: isSound(topic, payload, receivedAt, decoded) }
}

function isSound(
  topic: string,
  payload: Uint8Array,
  receivedAt: number,
  { reports, refused }: Decoded,
): boolean {
  const parsed = tryParse(payload)
  const elements = Array.isArray(parsed) && !topic.endsWith('/state') ? parsed.length : 1
  const whole = refused.length === 1 && reports.length === 0
  return (
    (reports.length + refused.length === elements || whole) &&
    refused.every(({ reason, detail }) => KNOWN.has(reason) && detail.length < 1000) &&
    reports.every(
      (report) =>
        Number.isInteger(report.at) &&
        report.receivedAt === receivedAt &&
        Array.from(report.gateway).length <= ID_CHARS_MAX &&
        (report.kind === 'state' ||
          (Number.isSafeInteger(report.seq) &&
            report.seq >= 0 &&
            Array.from(report.point).length <= ID_CHARS_MAX &&
            // Control characters would end a log line or a C string; half pairs do not survive UTF-8.
            !/\p{Cc}/u.test(report.point) &&
            Buffer.from(report.point).toString() === report.point)) &&
        (report.kind !== 'load' || Number.isFinite(report.kw)),
    )
  )
}

function tryParse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload))
  } catch {
    return undefined
  }
}
