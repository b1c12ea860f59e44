// A gateway as a process of its own that publishes switch words as fast as the broker confirms them: bytes made by hand, so that the
// publisher is not what is measured. `process.argv`: port, gateway, messages, kind of words, JSON of the switches' ids.
import { fork, type ChildProcess } from 'node:child_process'
import net from 'node:net'
import { fileURLToPath } from 'node:url'
import { MS_PER_H, MS_PER_MIN } from '../../src/time.ts'

/** `turning`: each word changes supply; `repeating`: none changes anything. */
export type Words = 'turning' | 'repeating'

export type Burst = {
  readonly port: number
  readonly gateway: string
  readonly switches: readonly string[]
  readonly words: Words
  readonly messages: number
  readonly firstAt: number
}

/** Without a PUBACK, at most. */
const WINDOW = 2000
// An opening after more than the reclosing window is another outage.
const ROUND_MS = 7 * MS_PER_MIN
/** What a burst may take of the engine's memory of the past. */
export const PAST_MS = 40 * MS_PER_H

/** Resolves with the instant of the first byte, as soon as it is sent; the process ends by itself after the last PUBACK. */
export async function publishBurst(
  burst: Burst,
): Promise<{ startedMs: number; done: Promise<void>; child: ChildProcess }> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(burst)])
  const done = new Promise<void>((resolve, reject) => {
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`the publisher ended with ${code}`)),
    )
  })
  const startedMs = await new Promise<number>((resolve) =>
    child.once('message', (at) => resolve(at as number)),
  )
  return { startedMs, done, child }
}

/** All switches open one after another, 10 ms apart, and half a round later close again. */
function wordOf(burst: Burst, index: number): { point: string; payload: string } {
  const { switches } = burst
  const half = Math.floor(index / switches.length)
  const place = index % switches.length
  const at = burst.firstAt + Math.floor((half * ROUND_MS) / 2) + place * 10
  const position = burst.words === 'turning' && half % 2 === 0 ? 'open' : 'closed'
  return {
    point: switches[place] as string,
    payload: `{"at":"${new Date(at).toISOString()}","seq":${index},"position":"${position}","quality":"good"}`,
  }
}

/** The messages that fit into a span of time without the words of one half round reaching into the next. */
export function messagesWithin(spanMs: number, switches: number): number {
  if (switches * 10 > ROUND_MS / 2) throw new Error(`${switches} switches are too many for a round`)
  return Math.floor(spanMs / (ROUND_MS / 2)) * switches
}

function publish(burst: Burst): void {
  const { gateway, messages, port } = burst
  const socket = net.connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  const name = Buffer.from(gateway)
  socket.write(
    Buffer.concat([
      Buffer.from([0x10, 12 + name.length, 0, 4]),
      Buffer.from('MQTT'),
      Buffer.from([4, 2, 0, 0, 0, name.length]),
      name,
    ]),
  )
  let sent = 0
  let confirmed = -1 // the answer to CONNECT is four bytes too
  let bytes = 0
  const send = (): void => {
    const packets: Buffer[] = []
    for (; sent < messages && sent - confirmed < WINDOW; sent++) {
      const { point, payload } = wordOf(burst, sent)
      const topic = `grid/v1/${gateway}/switch/${point}`
      const topicBytes = Buffer.byteLength(topic)
      const packetId = (sent % 65_535) + 1
      const length = 2 + topicBytes + 2 + payload.length
      const packet = Buffer.allocUnsafe(3 + length)
      packet[0] = 0x32
      packet[1] = (length & 127) | 128
      packet[2] = length >> 7
      packet.writeUInt16BE(topicBytes, 3)
      packet.write(topic, 5)
      packet.writeUInt16BE(packetId, 5 + topicBytes)
      packet.write(payload, 7 + topicBytes, 'latin1')
      packets.push(packet)
    }
    if (packets.length > 0) socket.write(Buffer.concat(packets))
  }
  socket.on('data', (data) => {
    if (bytes === 0) process.send?.(performance.timeOrigin + performance.now())
    bytes += data.length
    confirmed = (bytes >> 2) - 1
    if (confirmed >= messages) socket.end(Buffer.from([0xe0, 0]), () => process.exit(0))
    else send()
  })
  socket.on('error', (error) => {
    console.error(error)
    process.exit(1)
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.on('disconnect', () => process.exit())
  publish(JSON.parse(process.argv[2] ?? '') as Burst)
}
