import type { GroupCode } from '../ledger/facts.ts'
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
  /** `{"v":1,…,"topic":` */
  readonly head: Buffer
  /** `,"data":{…` without the closing braces. */
  readonly body: Buffer
  /** Whole frames by topic, made at the first reader. */
  readonly whole: Map<string, Buffer>
}

export function wrap(notice: Notice): Parcel {
  const { seq, at, members } = notice
  const json = jsonOf(notice.data)
  let head: Buffer | undefined
  let body: Buffer | undefined
  return {
    seq,
    audience: notice.audience,
    feeders: notice.feeders,
    members: members === null ? NOBODY : Int32Array.from(members).sort(),
    // Bytes are made for the first reader: most notices have none.
    get head() {
      return (head ??= Buffer.from(
        `{"v":1,"type":"notice","seq":${seq},"at":"${toIso(at)}","topic":`,
      ))
    },
    get body() {
      return (body ??= Buffer.from(`,"data":${json.slice(0, -1)}`))
    },
    whole: new Map(),
  }
}

const NOBODY = new Int32Array(0)

/** The frame that every reader of `topic` gets: always the same bytes. */
export function frameFor(parcel: Parcel, topic: string): Buffer {
  let frame = parcel.whole.get(topic)
  if (frame === undefined) {
    frame = Buffer.concat([parcel.head, Buffer.from(JSON.stringify(topic)), parcel.body, CLOSED])
    parcel.whole.set(topic, frame)
  }
  return frame
}

const CLOSED = Buffer.from('}}')

/** The frame for a reader of service points: names those of *their* points that it concerns, and the first of them as topic. */
export function pointsFrame(parcel: Parcel, points: readonly string[]): Buffer {
  const topic = JSON.stringify(`servicePoint:${points[0] ?? ''}`)
  const tail = `,"servicePoints":${JSON.stringify(points)}}}`
  const { head, body } = parcel
  const topicBytes = Buffer.byteLength(topic)
  const frame = Buffer.allocUnsafe(head.length + topicBytes + body.length + Buffer.byteLength(tail))
  head.copy(frame, 0)
  frame.write(topic, head.length)
  body.copy(frame, head.length + topicBytes)
  frame.write(tail, head.length + topicBytes + body.length)
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
