import type { GroupCode } from '../ledger/facts.ts'
import { wordedJson } from '../notices/data.ts'
import { jsonOf, type Notice } from '../notices/notice.ts'
import { toIso } from '../time.ts'

/**
 * A notice on its way to sockets: serialised once, whatever the number of readers. Readers of one topic get the same bytes; a frame
 * for service points differs only in its topic and its last list, which are put around bytes that are already there.
 */
export type Parcel = {
  readonly seq: number
  readonly audience: Notice['audience']
  readonly feeders: readonly string[]
  /** Sorted, for look-ups by halving. */
  readonly members: Int32Array
  /** Of these, only the service points named; undefined: all. */
  readonly points: ReadonlySet<string> | undefined
  /** `{"v":1,…,"topic":` */
  readonly head: Buffer
  /** `,"data":{…` without the closing braces. */
  readonly body: Buffer
  /** Whole frames by topic, made at the first reader. */
  readonly whole: Map<string, Buffer>
}

export function wrap(notice: Notice): Parcel {
  const { seq, at, audience, members } = notice
  const json = jsonOf(notice.data)
  let head: Buffer | undefined
  let body: Buffer | undefined
  let whole: Map<string, Buffer> | undefined
  return {
    seq,
    audience,
    feeders: notice.feeders,
    members: members === null || members.length === 0 ? NOBODY : Int32Array.from(members).sort(),
    points: notice.points && new Set(notice.points),
    // Bytes are made for the first reader: most notices have none.
    get head() {
      return (head ??= Buffer.from(
        `{"v":1,"type":"notice","seq":${seq},"at":"${toIso(at)}","topic":`,
      ))
    },
    get body() {
      const said = audience === 'staff' ? wordedJson(json) : json
      return (body ??= Buffer.from(`,"data":${said.slice(0, -1)}`))
    },
    get whole() {
      return (whole ??= new Map<string, Buffer>())
    },
  }
}

const NOBODY = new Int32Array(0)

/** The frame that every reader of `topic` gets, as it goes over the wire: always the same bytes. */
export function frameFor(parcel: Parcel, topic: string): Buffer {
  let frame = parcel.whole.get(topic)
  if (frame === undefined) {
    frame = enframe(parcel, JSON.stringify(topic), '}}')
    parcel.whole.set(topic, frame)
  }
  return frame
}

/** The frame for a reader of service points: names those of *their* points that it concerns, and the first of them as topic. */
export function pointsFrame(parcel: Parcel, points: readonly string[]): Buffer {
  const names = points.map((point) => JSON.stringify(point))
  const topic = `"servicePoint:${names[0]?.slice(1) ?? '"'}`
  return enframe(parcel, topic, `,"servicePoints":[${names.join(',')}]}}`)
}

// RFC 6455 §5.2: one whole message of text from the server, which masks nothing.
const FINAL_TEXT = 0x81
const LENGTH_16 = 126
const LENGTH_64 = 127

function enframe({ head, body }: Parcel, topic: string, tail: string): Buffer {
  const topicBytes = Buffer.byteLength(topic)
  const length = head.length + topicBytes + body.length + Buffer.byteLength(tail)
  const start = length < LENGTH_16 ? 2 : length < 0x1_0000 ? 4 : 10
  const frame = Buffer.allocUnsafe(start + length)
  frame[0] = FINAL_TEXT
  if (start === 2) frame[1] = length
  else if (start === 4) {
    frame[1] = LENGTH_16
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = LENGTH_64
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  let at = start + head.copy(frame, start)
  at += frame.write(topic, at)
  at += body.copy(frame, at)
  frame.write(tail, at)
  return frame
}

export function concerns(parcel: Parcel, group: GroupCode): boolean {
  let low = 0
  let high = parcel.members.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((parcel.members[middle] as number) < group) low = middle + 1
    else high = middle
  }
  return parcel.members[low] === group
}
