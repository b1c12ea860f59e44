// From the word of a device at the broker to the line on the dispatcher's screen: the whole service in this process, the built page in headless
// chromium, PostgreSQL of DATABASE_URL, a town of 20,000 customers with eight outages that stand already. Beside it the same word on a bare
// socket of the same topic, which is what the page could have known at best.
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import mqtt from 'mqtt'
import pino from 'pino'
import { chromium } from 'playwright-core'
import { WebSocket } from 'ws'
import { makeTown } from '../../simulators/town.ts'
import { issueToken } from '../../src/http/auth.ts'
import { startService } from '../../src/service.ts'
import { readSettings } from '../../src/settings.ts'
import { openDatabase } from '../../src/stores/database.ts'
import { migrate } from '../../src/stores/migrate.ts'
import { saveRevision } from '../../src/stores/networks.ts'
import { buildPages, CHROMIUM } from '../support/browser.ts'
import { quantile, report } from './figure.ts'
import { openScratchDatabase } from './scratch-database.ts'

const SEED = 11
const CUSTOMERS = 20_000
const STANDING = 8
const ROUNDS = Number(process.argv[2] ?? 40)
const SEEN_MAX_MS = 1_000
const PATIENCE_MS = 20_000

await buildPages()
const tables = makeTown({ seed: SEED, customers: CUSTOMERS })
// Heads of feeders, so that none lies in the dark of another.
const { feeders } = tables
console.error(`${feeders.length} feeders`)

const scratch = await openScratchDatabase()
const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-desk-'))
const secret = randomBytes(24).toString('hex')
const { db, pool } = openDatabase({ connectionString: scratch.url })
await migrate(db, fileURLToPath(new URL('../../sql', import.meta.url)))
await saveRevision(pool, tables, { validFrom: 0, importedAt: 0, format: 'town', report: [] })
const read = readSettings({
  DATABASE_URL: scratch.url,
  RELIGHT_AUTH_SECRET: secret,
  RELIGHT_MQTT_PORT: '0',
  RELIGHT_DATA_DIR: dataDir,
  PORT: '0',
})
if (!read.ok) throw new Error(JSON.stringify(read.faults))
const service = await startService(read.settings, 'all', pino({ level: 'fatal' }))
const field = await mqtt.connectAsync(service.mqtt as string, { protocolVersion: 4 })
let seq = 0
const say = async (id: string, position: 'open' | 'closed'): Promise<number> => {
  const at = Date.now()
  const payload = JSON.stringify({ at: new Date(at).toISOString(), seq: seq++, position })
  await field.publishAsync(`grid/v1/gw/switch/${id}`, payload, { qos: 1 })
  return at
}
const token = await issueToken(
  { role: 'dispatcher', subject: 'bench', servicePoints: [], ttlS: 3600 },
  secret,
  Date.now(),
)
for (const { head } of feeders.slice(0, STANDING)) await say(head, 'open')

/** When a socket of the same topic heard of each outage. */
const heardAt = new Map<string, number>()
const socket = new WebSocket(`${service.http.replace('http', 'ws')}/live`, {
  headers: { authorization: `Bearer ${token}` },
})
socket.on('open', () => socket.send(JSON.stringify({ op: 'subscribe', topics: ['outages'] })))
socket.on('message', (bytes) => {
  const { data } = JSON.parse((bytes as Buffer).toString()) as {
    data?: { kind: string; outage: string }
  }
  if (data?.kind === 'supplyLost') heardAt.set(data.outage, Date.now())
})

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'],
})
try {
  const page = await browser.newPage({ viewport: { width: 1920, height: 1080 } })
  page.on('pageerror', (error) => console.error(error))
  await page.goto(`${service.http}/dispatch#token=${token}`)
  await page
    .locator('.agenda tbody tr')
    .nth(STANDING - 1)
    .waitFor({ timeout: 60_000 })
  // The first moment at which the agenda has a line of a feeder, by the clock that this process has too.
  await page.evaluate(`{
    window.seen = {}
    const look = () => { for (const row of document.querySelectorAll('.agenda tbody tr')) for (const word of row.innerText.split(/[\\s(),]+/)) window.seen[word] ??= Date.now() }
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true })
    look()
  }`)
  const rest = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  const seen: number[] = []
  const heard: number[] = []
  const fresh = feeders.slice(STANDING)
  if (fresh.length === 0) throw new Error('too small a town')
  for (let round = 0; round < ROUNDS; round += 1) {
    const { id: feeder, head } = fresh[round % fresh.length] as (typeof fresh)[number]
    await page.evaluate(`delete window.seen[${JSON.stringify(feeder)}]`)
    heardAt.clear()
    const saidAt = await say(head, 'open')
    const until = Date.now() + PATIENCE_MS
    let at: number | undefined
    while (at === undefined && Date.now() < until) {
      at = await page.evaluate<number | undefined>(`window.seen[${JSON.stringify(feeder)}]`)
      if (at === undefined) await rest(20)
    }
    if (at === undefined) throw new Error(`${feeder} was not seen in ${PATIENCE_MS} ms`)
    seen.push(at - saidAt)
    for (const when of heardAt.values()) heard.push(when - saidAt)
    await say(head, 'closed')
    await page
      .locator('.agenda tbody tr', { hasText: feeder })
      .waitFor({ state: 'detached', timeout: PATIENCE_MS })
    await rest(300 + (round % 7) * 50)
  }
  report({
    bench: 'desk',
    figure: 'a device’s word at the broker → the new outage on the dispatcher’s screen, p95',
    value: quantile(seen, 0.95),
    unit: 'ms',
    limit: { atMost: SEEN_MAX_MS },
    p50: Math.round(quantile(seen, 0.5)),
    longest: Math.max(...seen),
    outages: seen.length,
    ...(heard.length === 0 ? {} : { onABareSocketP50: Math.round(quantile(heard, 0.5)) }),
  })
} finally {
  await browser.close()
  socket.terminate()
  await field.endAsync(true)
  await service.close()
  await db.destroy()
  await scratch.drop()
  fs.rmSync(dataDir, { recursive: true, force: true })
}
