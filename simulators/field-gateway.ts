import type { MqttClient } from 'mqtt'
import mqtt from 'mqtt'
import type { EpochMs } from '../src/time.ts'
import type { Random } from './random.ts'

export type Radio = {
  /** Of loads and meters; a switch position is repeated until the broker has it. */
  readonly lossRate: number
  readonly duplicateRate: number
  /** Mean of an exponential delay; messages overtake each other. */
  readonly delayMs: number
  /** The gateways' clocks are off by up to this, each by its own constant. */
  readonly clockOffsetMs: number
}
export const CLEAR_RADIO: Radio = {
  lossRate: 0,
  duplicateRate: 0,
  delayMs: 0,
  clockOffsetMs: 0,
}

/** Past this many messages under way, what may be lost is lost. */
const UNDER_WAY_MAX = 10_000
/** Keeps a batch far below the 256 KiB that the service accepts. */
const BATCH_MAX = 500
const CLOSE_WAIT_MS = 5000

export type Kind = 'switch' | 'load' | 'meter'
export type Item = {
  readonly id: string
  readonly at: EpochMs
  readonly body: Readonly<Record<string, unknown>>
}

export type Gateway = {
  /** Resolves when the broker has it, or when it was lost on the way. */
  say(kind: Kind, items: readonly Item[]): Promise<void>
  close(): Promise<void>
}

export type GatewayOptions = {
  readonly name: string
  readonly url: string
  readonly radio: Radio
  readonly random: Random
  readonly now: () => EpochMs
  readonly credentials: { readonly username: string; readonly password: string } | null
}

/** One gateway in a substation: an MQTT session with its Will, its own clock and its own numbers. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { name, random, radio, now } = options
  const offsetMs = Math.round(random.between(-1, 1) * radio.clockOffsetMs)
  const stamp = (at: EpochMs) => new Date(at + offsetMs).toISOString()
  const stateTopic = `grid/v1/${name}/state`
  const client = await mqtt.connectAsync(options.url, {
    clientId: `field-${name}-${random.int(0, 0xffffff).toString(16)}`,
    clean: true,
    reconnectPeriod: 1000,
    protocolVersion: 4,
    ...options.credentials,
    will: {
      topic: stateTopic,
      payload: Buffer.from(JSON.stringify({ online: false, at: stamp(now()) })),
      qos: 1,
      retain: true,
    },
  })
  const sayState = (online: boolean) =>
    client.publishAsync(stateTopic, JSON.stringify({ online, at: stamp(now()) }), {
      qos: 1,
      retain: true,
    })
  const sayOnline = () => {
    sayState(true).catch(() => undefined)
  }
  client.on('connect', sayOnline)
  // The client reconnects by itself; what it could not send it sends then.
  client.on('error', () => undefined)
  await sayState(true)

  let seq = 0
  const underWay = new Set<Promise<void>>()
  const transmit = (topic: string, payload: string, mayBeLost: boolean): Promise<void> => {
    if (mayBeLost && (underWay.size >= UNDER_WAY_MAX || random.chance(radio.lossRate))) {
      return Promise.resolve()
    }
    const sent = publishAfter(client, topic, payload, random.exponential(radio.delayMs))
    underWay.add(sent)
    void sent.catch(() => undefined).finally(() => underWay.delete(sent))
    if (random.chance(radio.duplicateRate)) void transmit(topic, payload, true)
    return sent
  }

  return {
    async say(kind, items) {
      const sent: Promise<void>[] = []
      for (let from = 0; from < items.length; from += BATCH_MAX) {
        const bodies = items.slice(from, from + BATCH_MAX).map((item) => ({
          id: item.id,
          at: stamp(item.at),
          seq: seq++,
          ...item.body,
        }))
        const [first] = bodies
        // An id that has a meaning in topics can only travel inside of a batch.
        const alone = bodies.length === 1 && first !== undefined && !/[/+#]/.test(first.id)
        const { id, ...plain } = first!
        const topic = `grid/v1/${name}/${kind}/${alone ? id : 'batch'}`
        sent.push(transmit(topic, JSON.stringify(alone ? plain : bodies), kind !== 'switch'))
      }
      await Promise.all(sent)
    },
    async close() {
      client.off('connect', sayOnline)
      // A farewell in order keeps the Will unsaid; a broker that does not answer is left without one.
      const farewell = Promise.allSettled(underWay)
        .then(() => sayState(false))
        .then(() => client.endAsync())
      await Promise.race([farewell, pause(CLOSE_WAIT_MS)]).catch(() => undefined)
      await client.endAsync(true)
    },
  }
}

async function publishAfter(
  client: MqttClient,
  topic: string,
  payload: string,
  delayMs: number,
): Promise<void> {
  if (delayMs >= 1) await pause(delayMs)
  await client.publishAsync(topic, payload, { qos: 1 })
}

const pause = (ms: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref()
  })
