/**
 * Pictures of every page in the states that people meet them in, for eyes to judge (`npm run screenshots`, written to /screenshots/; `npm run
 * screenshots -- plan my` takes only those whose names begin so).
 * Everything on them comes out of the running service: a town from a seed, and what its field says over MQTT.
 */
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import mqtt from 'mqtt'
import pino from 'pino'
import { chromium, type Browser, type BrowserContextOptions } from 'playwright-core'
import { randomFrom } from '../simulators/random.ts'
import { makeTown } from '../simulators/town.ts'
import { issueToken } from '../src/http/auth.ts'
import { startService, type Service } from '../src/service.ts'
import { readSettings } from '../src/settings.ts'
import type { Role } from '../src/stores/identity.ts'
import { saveRevision } from '../src/stores/networks.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { CHROMIUM } from './support/browser.ts'

const SEED = 7
const CUSTOMERS = 12_000
const PAST_FAULTS = 160
const STORM_FAULTS = 70
const OUT = fileURLToPath(new URL('../screenshots/', import.meta.url))
const DESK = { width: 1366, height: 768 }
const WIDE = { width: 1920, height: 1080 }
const PHONE = { width: 390, height: 844 }

const WANTED = process.argv.slice(2)
const isWanted = (name: string): boolean =>
  WANTED.length === 0 || WANTED.some((each) => name.startsWith(each))

const random = randomFrom(SEED)
const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'relight-screenshots-'))
fs.mkdirSync(OUT, { recursive: true })
const read = readSettings({
  RELIGHT_DATA_DIR: dataDir,
  RELIGHT_MQTT_PORT: '0',
  PORT: '0',
  NOTICE_HOLD_S: '0',
})
if (!read.ok) throw new Error(JSON.stringify(read.faults))
const service = await startService(read.settings, 'all', pino({ level: 'fatal' }))
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu'],
})
try {
  await takeAll(service, browser)
} finally {
  await browser.close()
  await service.close()
  fs.rmSync(dataDir, { recursive: true, force: true })
}

async function takeAll(service: Service, browser: Browser): Promise<void> {
  const tables = makeTown({ seed: SEED, customers: CUSTOMERS })
  const now = Date.now()
  const about = {
    validFrom: now - 3 * 365 * MS_PER_DAY,
    importedAt: now,
    format: 'town' as const,
    report: [],
  }
  await saveRevision(service.pool, tables, about)
  await service.refreshNetwork()
  const token = (role: Role, servicePoints: string[] = []): Promise<string> =>
    issueToken(
      { role, subject: role === 'planner' ? 'P. Lan' : 'R. Ops', servicePoints, ttlS: 3600 },
      service.authSecret ?? '',
      Date.now(),
    )
  const call = async (role: Role, method: string, route: string, body?: unknown) => {
    const answer = await fetch(`${service.http}/api/v1/${route}`, {
      method,
      headers: { authorization: `Bearer ${await token(role)}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    })
    return (await answer.json()) as Record<string, unknown>
  }
  const field = await mqtt.connectAsync(service.mqtt ?? '', { protocolVersion: 4 })
  let seq = 0
  const says = (
    gateway: string,
    id: string,
    position: 'open' | 'closed',
    at: number,
    reason?: string,
  ) =>
    field.publishAsync(
      `grid/v1/${gateway}/switch/${id}`,
      JSON.stringify({ at: new Date(at).toISOString(), seq: seq++, position, reason }),
      { qos: 1 },
    )
  const take = async (
    name: string,
    address: string,
    options: BrowserContextOptions & {
      role?: Role
      points?: string[]
      keys?: string[]
      whole?: boolean
    } = {},
  ) => {
    if (!isWanted(name)) return
    const { role, points = [], keys = [], whole = false, ...rest } = options
    const context = await browser.newContext({ viewport: DESK, ...rest })
    const page = await context.newPage()
    const signed = role === undefined ? '' : `#token=${await token(role, points)}`
    await page.goto(service.http + address + signed)
    await page.waitForTimeout(2500)
    for (const key of keys) {
      if (key.length > 2 && key.startsWith('"')) await page.keyboard.type(key.slice(1))
      else await page.keyboard.press(key)
      await page.waitForTimeout(200)
    }
    await page.waitForTimeout(keys.length > 0 ? 800 : 0)
    await page.screenshot({ path: `${OUT}${name}.png`, fullPage: whole })
    await context.close()
    process.stdout.write(`${name}\n`)
  }

  await take('dispatch-empty', '/dispatch', { role: 'dispatcher' })
  await take('public-empty', '/')
  await take('public-empty-phone', '/?lang=zh&theme=dark', { viewport: PHONE })

  // Two years of faults as the field would have told them, oldest first.
  const fuses = tables.switches.filter(({ kind }) => kind === 'fuse' || kind === 'recloser')
  const starts = Array.from(
    { length: PAST_FAULTS },
    () => now - random.next() * 700 * MS_PER_DAY - MS_PER_DAY,
  )
  for (const at of starts.sort((a, b) => a - b)) {
    const device = fuses[Math.floor(random.next() * fuses.length)]
    if (device === undefined) continue
    await says('gw-past', device.id, 'open', at, 'trip')
    await says('gw-past', device.id, 'closed', at + (0.2 + random.next() * 3) * MS_PER_H, 'manual')
  }
  const breaks = (count: number) =>
    Array.from({ length: count }, () => fuses[Math.floor(random.next() * fuses.length)]?.id ?? '')
  for (const id of breaks(9))
    await says('gw-1', id, 'open', now - random.next() * 3 * MS_PER_H, 'lockout')
  const list = (await call('dispatcher', 'GET', 'outages?state=active')) as {
    outages: { id: string; customersOut: number }[]
  }
  const [worst, second, third] = list.outages.sort((a, b) => b.customersOut - a.customersOut)
  const iso = (fromNowMin: number) => new Date(Date.now() + fromNowMin * MS_PER_MIN).toISOString()
  await call('dispatcher', 'POST', `outages/${worst?.id}/crew`, { name: 'C3', state: 'onSite' })
  await call('dispatcher', 'POST', `outages/${worst?.id}/etr`, {
    at: iso(70),
    earliest: iso(50),
    latest: iso(95),
    source: 'crew',
  })
  await call('dispatcher', 'POST', `outages/${worst?.id}/cause`, { cause: 'tree' })
  await call('dispatcher', 'POST', `outages/${second?.id}/crew`, { name: 'C5', state: 'enRoute' })
  await call('dispatcher', 'POST', `outages/${second?.id}/etr`, { at: iso(40) })
  await call('dispatcher', 'POST', `outages/${third?.id}/note`, {
    text: 'Pole 7/41 broken, new pole ordered.',
  })
  await field.publishAsync('grid/v1/gw-1/state', JSON.stringify({ online: true, at: iso(0) }), {
    qos: 1,
  })

  await take('dispatch-normal', '/dispatch?theme=light', { role: 'dispatcher' })
  await take('dispatch-estimate', '/dispatch?theme=light', {
    role: 'dispatcher',
    keys: ['e', '"+45'],
  })
  await take('dispatch-switch', '/dispatch?theme=dark', {
    role: 'dispatcher',
    keys: ['r'],
    viewport: WIDE,
  })
  await take('dispatch-one-line', '/dispatch?theme=light', {
    role: 'dispatcher',
    keys: ['m'],
    viewport: WIDE,
  })
  await take('dispatch-zh', '/dispatch?theme=dark&lang=zh', {
    role: 'dispatcher',
    keys: ['j', 'j'],
  })
  await take('dispatch-keys', '/dispatch?theme=light', { role: 'dispatcher', keys: ['?'] })
  await take('dispatch-phone', '/dispatch', { role: 'dispatcher', viewport: PHONE, whole: true })

  const points = tables.servicePoints.map(({ id }) => id)
  const me = async (supply: string) => {
    for (const id of points) {
      const signed = await token('customer', [id])
      const answer = await fetch(`${service.http}/api/v1/me`, {
        headers: { authorization: `Bearer ${signed}` },
      })
      const { servicePoints } = (await answer.json()) as {
        servicePoints: { supply: string; etr: unknown }[]
      }
      const [point] = servicePoints
      if (point?.supply === supply && (supply === 'on' || point.etr !== null)) return id
    }
    return points[0] ?? ''
  }
  const dark = await me('off')
  const lit = await me('on')
  await take('my-on-phone', '/my', { role: 'customer', points: [lit], viewport: PHONE })
  await take('my-out-phone', '/my', {
    role: 'customer',
    points: [dark],
    viewport: PHONE,
    whole: true,
  })
  await take('my-out-zh-dark', '/my?lang=zh&theme=dark', {
    role: 'customer',
    points: [dark],
    viewport: PHONE,
    whole: true,
  })
  await take('my-out-desk', '/my', { role: 'customer', points: [dark], viewport: DESK })
  await take('my-sign-in', '/my', { viewport: PHONE })
  await take('public', '/')
  await take('public-phone', '/?lang=zh', { viewport: PHONE, whole: true })
  await take('public-plain', '/', { javaScriptEnabled: false })

  const year = new Date().getUTCFullYear()
  const whole = { role: 'planner' as const, whole: true }
  await take('plan', `/plan?from=${year - 1}-01-01&to=${year}-01-01`, whole)
  await take('plan-explain', `/plan?from=${year}-01-01&to=${year + 1}-01-01&explain`, {
    ...whole,
    viewport: WIDE,
  })
  await take('plan-dlt836-zh', `/plan?rulebook=dlt836&lang=zh&theme=dark`, whole)
  await take('plan-balance', '/plan?view=balance', whole)
  const opened = tables.switches.find(({ kind }) => kind === 'load_break')?.id
  const draft = (title: string, fromH: number) =>
    call('planner', 'POST', 'works', {
      title,
      reason: 'maintenance',
      responsible: 'M. Chen',
      crew: 'C8',
      steps: [{ switch: opened, position: 'open' }],
      window: { from: iso(fromH * 60), until: iso((fromH + 4) * 60) },
    })
  const first = await draft('Replace line', 200)
  await call('planner', 'POST', `works/${String(first['id'])}/submit`, {})
  const work = await draft('Trim trees', 202)
  await take('plan-filed', `/plan?view=filed&month=${year - 1}-10`, whole)
  await take('plan-upkeep', '/plan?view=upkeep&open=newFinding', whole)
  await take('plan-lists', `/plan?open=worst,customers,watch,predicted&against=dlt836`, whole)
  await take('plan-works', `/plan?view=works&work=${String(work['id'])}`, whole)

  for (const id of breaks(STORM_FAULTS)) await says('gw-2', id, 'open', Date.now(), 'lockout')
  await field.publishAsync('grid/v1/gw-2/state', JSON.stringify({ online: false, at: iso(0) }), {
    qos: 1,
  })
  await take('dispatch-storm', '/dispatch?theme=light', { role: 'dispatcher' })
  await take('dispatch-storm-grouped', '/dispatch?theme=dark', {
    role: 'dispatcher',
    keys: ['f'],
    viewport: WIDE,
  })
  await take('public-storm', '/')
  await take('public-storm-phone', '/?lang=zh', { viewport: PHONE, whole: true })
  await call('dispatcher', 'POST', 'storms/declare', { area: null, reason: 'gale' })
  await take('dispatch-storm-mode', '/dispatch?theme=light', { role: 'dispatcher' })
  await take('dispatch-storm-act', '/dispatch?theme=dark', {
    role: 'dispatcher',
    keys: ['g', 's'],
  })
  await take('my-storm-phone', '/my', {
    role: 'customer',
    points: [dark],
    viewport: PHONE,
    whole: true,
  })
  await take('my-refused-phone', '/my?lang=zh', { viewport: PHONE, role: 'dispatcher' })

  // The last pictures are of a service that is gone.
  const context = await browser.newContext({ viewport: DESK })
  const page = await context.newPage()
  await page.goto(`${service.http}/dispatch?theme=light#token=${await token('dispatcher')}`)
  await page.waitForTimeout(2500)
  const phone = await browser.newContext({ viewport: PHONE })
  const mine = await phone.newPage()
  await mine.goto(`${service.http}/my#token=${await token('customer', [dark])}`)
  await mine.evaluate('navigator.serviceWorker.ready')
  const everyone = await phone.newPage()
  await everyone.goto(service.http)
  await page.waitForTimeout(2500)
  await field.endAsync(true)
  await service.close()
  await mine.reload()
  await page.waitForTimeout(3000)
  await page.screenshot({ path: `${OUT}dispatch-lost.png` })
  await mine.screenshot({ path: `${OUT}my-lost-phone.png` })
  await everyone.waitForTimeout(20_000)
  await everyone.screenshot({ path: `${OUT}public-lost-phone.png` })
  await phone.close()
  process.stdout.write('dispatch-lost, my-lost-phone, public-lost-phone\n')
  await context.close()
}
