// Readers of sockets as cheap as they can be, so that the reader is not what is measured.
import net from 'node:net'

/** What a reader is told of each frame: how it begins. */
export type OnFrame = (start: Buffer) => void

const PING = 0x89
const START_BYTES = 64
const MASK = [0, 0, 0, 0] // A mask of zeros is a mask.

/** Opens a socket, sends `hello` where there is one, and resolves when it is answered; from then on frames are told. */
export function openReader(
  port: number,
  token: string,
  hello: object | null,
  onFrame: OnFrame,
): Promise<net.Socket> {
  return new Promise((ready, fail) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('error', fail)
    socket.write(
      `GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n` +
        `Authorization: Bearer ${token}\r\n\r\n`,
    )
    let head = Buffer.alloc(0)
    const onHead = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      if (!head.toString('latin1', 0, 12).startsWith('HTTP/1.1 101')) {
        return fail(new Error(head.toString('latin1', 0, 200)))
      }
      socket.off('data', onHead)
      let answered = hello === null
      const take = frameReader(socket, (start) => {
        if (answered) return onFrame(start)
        answered = true
        ready(socket)
      })
      socket.on('data', take)
      if (end + 4 < head.length) take(head.subarray(end + 4))
      if (hello === null) ready(socket)
      else socket.write(masked(JSON.stringify(hello)))
    }
    socket.on('data', onHead)
  })
}

/** Takes frames apart as they come, in whatever pieces, and answers pings. */
function frameReader(socket: net.Socket, onFrame: OnFrame): (chunk: Buffer) => void {
  let header: Buffer | null = null
  let start: Buffer = NOTHING
  let length = 0
  let missing = 0
  let isPing = false
  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      if (missing === 0) {
        const all: Buffer = header === null ? chunk.subarray(at) : Buffer.concat([header, chunk])
        const size = all.length < 2 ? 2 : ((all[1] as number) & 127) === 126 ? 4 : 2
        if (all.length < size) {
          header = Buffer.from(all)
          return
        }
        at = header === null ? at + size : size - header.length
        header = null
        isPing = all[0] === PING
        length = missing = size === 4 ? all.readUInt16BE(2) : (all[1] as number) & 127
        start = NOTHING
        if (missing === 0 && isPing) socket.write(Buffer.from([0x8a, 0x80, ...MASK]))
        continue
      }
      const piece = chunk.subarray(at, at + missing)
      if (start.length < START_BYTES) {
        start = start.length === 0 ? piece : Buffer.concat([start, piece])
      }
      missing -= piece.length
      at += piece.length
      if (missing > 0) continue
      if (isPing) socket.write(Buffer.from([0x8a, 0x80 | length, ...MASK, ...start]))
      else onFrame(start)
    }
  }
}

const NOTHING = Buffer.alloc(0)

function masked(text: string): Buffer {
  const payload = Buffer.from(text)
  const head =
    payload.length < 126
      ? [0x81, 0x80 | payload.length]
      : [0x81, 0xfe, payload.length >> 8, payload.length & 255]
  return Buffer.concat([Buffer.from([...head, ...MASK]), payload])
}
