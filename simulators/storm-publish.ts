import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt, { type MqttClient } from 'mqtt'
import type { Observation } from '../src/ledger/observation.ts'
import { toIso } from '../src/time.ts'
import type { Random } from './random.ts'

/** Words of a gateway that the broker has not taken yet. */
const IN_FLIGHT_MAX = 100
const TOGETHER_MAX = 20
/** Before a message that the client gave up is handed to it again. */
const AGAIN_AFTER_MS = 50

export type PublishOptions = {
  readonly deliveries: readonly Observation[]
  /** Asked again for each connection: a service that is back may listen elsewhere. Undefined while there is nobody to connect to. */
  readonly url: () => string | undefined
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
      const sent = publishUntilTaken(session.client, words, signal).then((isTaken) => {
        if (!isTaken) return
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

function connect(url: () => string | undefined, gateway: string): MqttClient {
  const dial = (): net.Socket => {
    const there = url()
    // Not where it was before: somebody else may listen there by now, and acknowledge what nobody keeps.
    if (there === undefined) return new net.Socket().destroy(new Error('the service is down'))
    const { hostname, port } = new URL(there)
    return net.connect(Number(port), hostname)
  }
  const client = new mqtt.MqttClient(dial, {
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

/**
 * The client sends again by itself what was in flight when a connection broke, but gives up ("Connection closed") what it was just about to
 * send. A gateway in the field gives up nothing. False where `signal` aborts first.
 */
async function publishUntilTaken(
  client: MqttClient,
  words: readonly Observation[],
  signal: AbortSignal,
): Promise<boolean> {
  while (!signal.aborted) {
    try {
      await publish(client, words)
      return true
    } catch {
      await sleep(AGAIN_AFTER_MS)
    }
  }
  return false
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
