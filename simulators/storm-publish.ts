import type { MqttClient } from 'mqtt'
import mqtt from 'mqtt'
import type { Observation } from '../src/ledger/observation.ts'
import { toIso } from '../src/time.ts'
import type { Random } from './random.ts'

/** Words of a gateway that the broker has not taken yet. */
const IN_FLIGHT_MAX = 100
const TOGETHER_MAX = 20

export type PublishOptions = {
  readonly deliveries: readonly Observation[]
  /** Asked again for each connection: a service that is back may listen elsewhere. */
  readonly url: string
  readonly random: Random
  /** Called with the number of words that brokers have taken so far. */
  readonly onTaken: (taken: number) => void
  readonly signal: AbortSignal
}

/**
 * Publishes the words of a storm, each gateway in a session of its own, in the order of their arrival. Resolves when the broker has
 * acknowledged every one, however often it went away meanwhile; at once when `signal` aborts.
 */
export async function publishStorm(options: PublishOptions): Promise<number> {
  const { deliveries, random, onTaken, signal } = options
  const clients = new Map<string, Session>()
  let messages = 0
  let taken = 0
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  try {
    for (let next = 0; next < deliveries.length && !signal.aborted;) {
      const first = deliveries[next]!
      const together = random.chance(0.3) ? random.int(2, TOGETHER_MAX) : 1
      const words = [first]
      for (next++; words.length < together; next++) {
        const word = deliveries[next]
        if (word === undefined || word.gateway !== first.gateway || word.kind !== first.kind) break
        words.push(word)
      }
      let session = clients.get(first.gateway)
      if (session === undefined) {
        session = { client: connect(options.url, first.gateway), inFlight: new Set() }
        clients.set(first.gateway, session)
      }
      while (session.inFlight.size >= IN_FLIGHT_MAX && !signal.aborted) {
        await Promise.race([...session.inFlight, stopped])
      }
      const sent = publish(session.client, words).then(() => {
        taken += words.length
        onTaken(taken)
      })
      messages++
      const { inFlight } = session
      inFlight.add(sent)
      void sent.finally(() => inFlight.delete(sent)).catch(() => undefined)
    }
    const last = [...clients.values()].flatMap(({ inFlight }) => [...inFlight])
    await Promise.race([Promise.all(last), stopped])
    return messages
  } finally {
    await Promise.all([...clients.values()].map(({ client }) => client.endAsync(true)))
  }
}

type Session = { readonly client: MqttClient; readonly inFlight: Set<Promise<void>> }

function connect(url: string, gateway: string): MqttClient {
  const client = mqtt.connect(url, {
    clientId: `storm-${gateway}`,
    clean: false,
    protocolVersion: 4,
    reconnectPeriod: 200,
    reconnectOnConnackError: true,
  })
  // It connects again by itself, and sends again what was not acknowledged.
  client.on('error', () => undefined)
  return client
}

async function publish(client: MqttClient, words: readonly Observation[]): Promise<void> {
  const first = words[0]!
  const topic = `grid/v1/${first.gateway}/${first.kind}/${words.length === 1 ? first.point : 'batch'}`
  const bodies = words.map(bodyOf)
  const payload =
    words.length === 1 ? bodies[0] : bodies.map((body, i) => ({ id: words[i]!.point, ...body }))
  await client.publishAsync(topic, JSON.stringify(payload), { qos: 1 })
}

function bodyOf(said: Observation): Record<string, unknown> {
  const when = { at: toIso(said.at), seq: said.seq }
  if (said.kind === 'meter') return { ...when, event: said.event }
  return {
    ...when,
    position: said.position,
    ...(said.phases === null ? {} : { phases: lettersOf(said.phases) }),
    ...(said.reason === null ? {} : { reason: said.reason }),
    ...(said.quality === 'good' ? {} : { quality: said.quality }),
  }
}

const lettersOf = (phases: number) => ['A', 'B', 'C'].filter((_, i) => phases & (1 << i)).join('')
