// A service in small, to be killed: takes messages, writes each batch to a file as its commit, and acknowledges.
// Arguments: embedded PORT | session URL, then the file.
import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openEmbeddedBroker } from '../../src/feeds/embedded-broker.ts'
import type { FieldMessage } from '../../src/feeds/feed.ts'
import { openMqttSession } from '../../src/feeds/mqtt-session.ts'

const [mode = '', where = '', file = ''] = process.argv.slice(2)
const COMMIT_MS = 1
let batch: FieldMessage[] = []
let committing = false

function commit(): void {
  if (committing || batch.length === 0) return
  committing = true
  const taken = batch
  batch = []
  setTimeout(() => {
    fs.appendFileSync(
      file,
      taken.map(({ payload }) => `${Buffer.from(payload).toString()}\n`).join(''),
    )
    for (const message of taken) message.acknowledge()
    committing = false
    commit()
  }, COMMIT_MS)
}

const take = (message: FieldMessage): void => {
  batch.push(message)
  commit()
}
const feed =
  mode === 'embedded'
    ? await openEmbeddedBroker({ port: Number(where) }, take)
    : openMqttSession({ url: where, clientId: 'relight-to-be-killed' }, take)
// A session exists only after the first connection; what is sent before is sent to nobody.
while (!feed.connected()) await sleep(5)
console.log(`ready ${feed.url}`)
process.once('SIGTERM', () => void feed.close())
