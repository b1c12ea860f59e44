import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pino from 'pino'
import t from 'tap'
import { issueToken } from '../src/http/auth.ts'
import { startService, type Role } from '../src/service.ts'
import { readSettings } from '../src/settings.ts'
import { openWay } from './support/cuttable.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { openGateway, openTestService, SECRET } from './support/service.ts'

type Pointer = { snapshot: string; asOf: string; changedAt: string }
type Said = { customersOut: unknown; features: { properties: { area: string | null } }[] }

async function openService(t: { teardown(fn: () => unknown): void }, role: Role, url: string) {
  const read = readSettings({
    DATABASE_URL: url,
    RELIGHT_AUTH_SECRET: SECRET,
    RELIGHT_ENGINE_URL: 'http://127.0.0.1:1',
    PORT: '0',
  })
  if (!read.ok) throw new Error(JSON.stringify(read.faults))
  const service = await startService(read.settings, role, pino({ level: 'silent' }))
  t.teardown(() => service.close())
  return service
}

const ask = async (url: string, headers: Record<string, string> = {}) => {
  const startedAt = performance.now()
  const answer = await fetch(url, { headers })
  const text = await answer.text()
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    json: (): unknown => JSON.parse(text),
    tookMs: performance.now() - startedAt,
  }
}

async function until(what: string, ms: number, isSo: () => Promise<boolean>): Promise<number> {
  const startedAt = performance.now()
  while (!(await isSo())) {
    if (performance.now() - startedAt > ms) throw new Error(`not within ${ms} ms: ${what}`)
    await sleep(100)
  }
  return performance.now() - startedAt
}

const bearer = async (): Promise<Record<string, string>> => ({
  authorization: `Bearer ${await issueToken(
    { role: 'dispatcher', subject: 'd', servicePoints: [], ttlS: 3600 },
    SECRET,
    Date.now(),
  )}`,
})

for (const how of ['cut', 'hang'] as const) {
  t.test(
    how === 'cut'
      ? 'with the database cut off the public is answered, and told how old that is; others are told why not'
      : 'the same where the database says nothing any more, on connections that seem to be there',
    { timeout: 120_000 },
    async (t) => {
      const database = await openTestDatabase(t)
      const engine = await openTestService(t, database, {
        tables: TOWN,
        env: { NOTICE_HOLD_S: '0' },
      })
      const field = await openGateway(t, engine.broker)
      const { way, url } = await openWay(t, database)
      const gateway = await openService(t, 'gateway', url)
      const pointer = async () => {
        const answer = await ask(`${gateway.http}/public/outages`)
        return { ...answer, says: answer.json() as Pointer }
      }

      const calm = (await pointer()).says
      await field.switch('H1', 'open', Date.now())
      await until('the outage is shown', 20_000, async () => {
        return (await pointer()).says.snapshot !== calm.snapshot
      })
      const before = await pointer()
      t.match(before.headers.get('cache-control'), /^public, max-age=5\b/)
      t.ok(before.text.length < 200, `the pointer is small: ${before.text.length} bytes`)
      const snapshot = await ask(gateway.http + before.says.snapshot)
      t.equal(snapshot.status, 200)
      t.equal(snapshot.headers.get('cache-control'), 'public, max-age=31536000, immutable')
      t.equal(
        before.says.snapshot,
        `/public/outages/${createHash('sha256').update(snapshot.text).digest('base64url').slice(0, 22)}`,
        'its name is made of what it says',
      )
      t.same(
        (snapshot.json() as Said).features.map(({ properties }) => properties.area),
        ['west'],
      )
      const earlier = await ask(gateway.http + calm.snapshot)
      t.same((earlier.json() as Said).features, [], 'the one before goes on answering')
      const never = await ask(`${gateway.http}/public/outages/${'x'.repeat(22)}`)
      t.equal(never.status, 404)
      t.equal(never.headers.get('cache-control'), 'no-store')
      t.equal((await ask(`${gateway.http}/api/v1/outages`, await bearer())).status, 200)

      // ── away
      const awayAt = Date.now()
      if (how === 'cut') await way.cut()
      else way.hang()
      const atOnce = ask(`${gateway.http}/api/v1/outages`, await bearer())
      await sleep(7_000)
      for (let i = 0; i < 20; i++) {
        const now = await pointer()
        t.equal(now.status, 200)
        t.equal(now.says.snapshot, before.says.snapshot)
        t.ok(now.tookMs < 1_500, `answered after ${Math.round(now.tookMs)} ms`)
        t.ok(Date.parse(now.says.asOf) <= awayAt, 'as of before it went')
        t.ok(Number(now.headers.get('age')) >= 6, `aged ${now.headers.get('age')} s`)
      }
      t.equal((await ask(gateway.http + before.says.snapshot)).text, snapshot.text)
      const whole = await ask(`${gateway.http}/public/outages.geojson`)
      t.equal(whole.status, 200)
      t.ok(Number(whole.headers.get('age')) >= 6)
      const refused = await ask(`${gateway.http}/api/v1/outages`, await bearer())
      t.equal(refused.status, 503)
      t.match(refused.json(), { code: 'database-away' })
      t.ok(Number(refused.headers.get('retry-after')) > 0)
      t.ok(refused.tookMs < 2_000, `refused after ${Math.round(refused.tookMs)} ms`)
      t.equal((await ask(`${gateway.http}/health/ready`)).status, 503)
      t.equal((await ask(`${gateway.http}/health/live`)).status, 200)
      const caught = await atOnce
      t.equal(caught.status, 503, 'who had asked when it went is told, too')
      t.match(caught.json(), { code: 'database-away' })
      t.ok(caught.tookMs < 25_000, `after ${Math.round(caught.tookMs)} ms`)

      // ── back
      await field.switch('H1', 'closed', Date.now())
      await way.mend()
      const backMs = await until('questions are answered again', 30_000, async () => {
        return (await ask(`${gateway.http}/api/v1/outages`, await bearer())).status === 200
      })
      t.comment(`questions are answered ${Math.round(backMs)} ms after the mending`)
      await until('the public hears what happened meanwhile', 30_000, async () => {
        return (await pointer()).says.snapshot === calm.snapshot
      })
      t.ok(Number((await pointer()).headers.get('age')) <= 6, 'and it is fresh')
    },
  )
}
