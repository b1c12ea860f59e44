import net from 'node:net'

/** One packet as it stood on the wire. */
export type RawPacket = { readonly type: number; readonly flags: number; readonly body: Buffer }

export const CONNECT = 1
export const PUBLISH = 3
export const PUBACK = 4
export const SUBSCRIBE = 8
export const DISCONNECT = 14

export type RawConnection = {
  /** 4 is MQTT 3.1.1, 5 is 5. */
  readonly version: number
  readonly packets: RawPacket[]
  /** PUBACKs so far, by packet id, in the order they came. */
  pubacks(): number[]
  /** Messages that the client published. */
  published(): { topic: string; payload: string; retain: boolean }[]
  publish(messageId: number, topic: string, payload: string, dup?: boolean): void
  drop(): void
}

export type RawBroker = {
  readonly url: string
  readonly connections: RawConnection[]
  close(): Promise<void>
}

/**
 * A broker made of bytes: it says yes to CONNECT (of the `versions` it speaks), SUBSCRIBE and PUBLISH, sends what the test says and
 * records what comes. It shares no code with the client it judges.
 */
export async function openRawBroker({
  versions = [4, 5],
  port = 0,
  confirm = true,
}: {
  readonly versions?: readonly number[]
  readonly port?: number
  /** Whether PUBLISH gets its PUBACK. */
  readonly confirm?: boolean
} = {}): Promise<RawBroker> {
  const connections: RawConnection[] = []
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    let rest: Buffer = Buffer.alloc(0)
    let version = 0
    const packets: RawPacket[] = []
    const answer = (packet: RawPacket): void => {
      const { type, body } = packet
      if (type === CONNECT) {
        version = body[6] ?? 0
        if (!versions.includes(version)) return void socket.end(Buffer.from([0x20, 2, 0, 1]))
        socket.write(Buffer.from(version === 5 ? [0x20, 3, 1, 0, 0] : [0x20, 2, 1, 0]))
        connections.push(connectionOf(socket, version, packets))
      } else if (type === SUBSCRIBE) {
        const id = [body[0] ?? 0, body[1] ?? 0]
        socket.write(Buffer.from(version === 5 ? [0x90, 4, ...id, 0, 1] : [0x90, 3, ...id, 1]))
      } else if (type === PUBLISH && confirm) {
        const at = 2 + body.readUInt16BE(0)
        socket.write(Buffer.from([0x40, 2, body[at] ?? 0, body[at + 1] ?? 0]))
      } else if (type === 12) socket.write(Buffer.from([0xd0, 0]))
    }
    socket.on('data', (data) => {
      rest = Buffer.concat([rest, data])
      for (let packet = readPacket(rest); packet !== undefined; packet = readPacket(rest)) {
        rest = rest.subarray(packet.size)
        packets.push(packet)
        answer(packet)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `mqtt://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    connections,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function readPacket(bytes: Buffer): (RawPacket & { size: number }) | undefined {
  let length = 0
  for (let i = 1; i < 5; i++) {
    const byte = bytes[i]
    if (byte === undefined) return undefined
    length += (byte & 127) * 128 ** (i - 1)
    if (byte < 128) {
      if (bytes.length < 1 + i + length) return undefined
      const body = Buffer.from(bytes.subarray(1 + i, 1 + i + length))
      return { type: (bytes[0] ?? 0) >> 4, flags: (bytes[0] ?? 0) & 15, body, size: 1 + i + length }
    }
  }
  throw new Error('a length of more than four bytes')
}

function connectionOf(socket: net.Socket, version: number, packets: RawPacket[]): RawConnection {
  return {
    version,
    packets,
    pubacks: () =>
      packets.filter(({ type }) => type === PUBACK).map(({ body }) => body.readUInt16BE(0)),
    published: () =>
      packets
        .filter(({ type }) => type === PUBLISH)
        .map(({ body, flags }) => {
          const end = 2 + body.readUInt16BE(0)
          // The packet id, and in MQTT 5 an empty list of properties.
          const from = end + (version === 5 ? 3 : 2)
          const topic = body.subarray(2, end).toString()
          return { topic, payload: body.subarray(from).toString(), retain: (flags & 1) === 1 }
        }),
    publish: (messageId, topic, payload, dup = false) => {
      const name = Buffer.from(topic)
      const head = Buffer.alloc(2)
      head.writeUInt16BE(name.length)
      const id = Buffer.from([messageId >> 8, messageId & 255])
      const properties = Buffer.alloc(version === 5 ? 1 : 0)
      const body = Buffer.concat([head, name, id, properties, Buffer.from(payload)])
      const length: number[] = []
      for (let left = body.length; ; left = Math.floor(left / 128)) {
        length.push(left < 128 ? left : (left % 128) + 128)
        if (left < 128) break
      }
      socket.write(Buffer.concat([Buffer.from([0x32 | (dup ? 8 : 0), ...length]), body]))
    },
    drop: () => void socket.destroy(),
  }
}
