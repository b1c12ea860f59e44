import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { randomFrom } from '../simulators/random.ts'
import { smallStorm } from '../simulators/storm-in-process.ts'
import { publishStorm } from '../simulators/storm-publish.ts'
import { serviceProcess } from '../simulators/storm-service.ts'
import { openRawBroker, type RawBroker } from './support/raw-broker.ts'

const CUTS = 60
/** Between two cuts: about as long as a connection takes to be back and in the middle of sending. */
const BETWEEN_CUTS_MS = 260

// It gave up "Connection closed" when a connection broke while it was about to send.
void t.test('the publisher of a storm outlives every break, and says every word', async (t) => {
  const { deliveries } = smallStorm(3)
  const words = Array.from({ length: 40 }, () => deliveries).flat()
  const heard: string[] = []
  let broker: RawBroker | undefined
  let isOver = false
  const breaking = (async () => {
    for (let cut = 0; cut < CUTS && !isOver; cut++) {
      broker = await openRawBroker()
      await sleep(BETWEEN_CUTS_MS + (cut % 7) * 5)
      const old = broker
      broker = undefined
      for (const connection of old.connections) heard.push(...topicsOf(connection.published()))
      await old.close()
    }
    if (!isOver) broker = await openRawBroker()
  })()
  let taken = 0
  await publishStorm({
    deliveries: words,
    url: () => broker?.url,
    random: randomFrom('cuts'),
    signal: AbortSignal.timeout(60_000),
    onTaken: (count) => (taken = count),
  })
  isOver = true
  await breaking
  t.equal(taken, words.length, 'all are acknowledged')
  for (const last of broker?.connections ?? []) heard.push(...topicsOf(last.published()))
  await broker?.close()
  t.ok(heard.length > 0, `${heard.length} messages in all`)
})

const topicsOf = (messages: readonly { readonly topic: string }[]) => messages.map((m) => m.topic)

// A blow that was under way when a storm broke off started the service again, in a folder that had just been removed: it was
// ready on an empty database, and nobody was left to end it.
void t.test('after a storm is over nothing brings its service back', async (t) => {
  const service = serviceProcess({
    environment: {},
    logFile: undefined,
    onDeath: () => undefined,
  })
  await service.end()
  await t.rejects(service.start(), { message: 'the service: the storm is over' })
})
