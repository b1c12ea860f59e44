import t from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { MS_PER_H } from '../src/time.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { listen, openGateway, openTestService, type TestService } from './support/service.ts'

type Outage = { id: string; area: string | null; etr: { at: string; source: string } | null }

const outagesOf = async (service: TestService): Promise<Outage[]> =>
  (await service.get<{ outages: Outage[] }>('outages?state=active')).outages

async function until<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  for (let tries = 0; tries < 200; tries++) {
    const seen = await look()
    if (seen !== undefined) return seen
    await sleep(50)
  }
  throw new Error(`waited in vain: ${what}`)
}

const textOf = (notice: { data: Record<string, unknown> } | undefined): string =>
  JSON.stringify(notice?.data['text'])
const inH = (hours: number): string => new Date(Date.now() + hours * MS_PER_H).toISOString()

/*
 * West: H1 … n1, n2 (P1, P2, P3).  East: H2 … n3 (P4).
 */
await t.test(
  'storm mode: one estimate for the area, no machine, a crew stands, ended cleanly, kept over a restart',
  { timeout: 120_000 },
  async (t) => {
    const database = await openTestDatabase(t)
    const env = { NOTICE_HOLD_S: '0', RELIGHT_TIME_ZONE: 'Europe/Berlin' }
    const service = await openTestService(t, database, { tables: TOWN, env })
    const gateway = await openGateway(t, service.broker)
    const customer = await listen(t, service, ['servicePoint:P1', 'servicePoint:P3'], {
      role: 'customer',
      servicePoints: ['P1', 'P3'],
    })
    const staff = await listen(t, service, ['outages'])
    const everyone = await listen(t, service, ['public'])

    t.match(await (await service.post('storms/declare', { area: 'nowhere' })).json(), {
      code: 'unknown-area',
    })
    t.equal((await service.post('storms/estimate', { area: 'west' })).status, 409, 'not declared')
    t.equal((await service.post('storms/declare', { area: 'west' }, 'planner')).status, 403)
    const declared = await service.post(
      'storms/declare',
      { area: 'west', reason: 'gale' },
      'dispatcher',
    )
    t.equal(declared.status, 200)
    t.equal(
      (await service.post('storms/declare', { area: 'west' })).status,
      409,
      'already declared',
    )

    const now = Date.now()
    await gateway.switch('S1', 'open', now - 2000, { reason: 'lockout' })
    await gateway.switch('H1', 'open', now - 1000, { reason: 'lockout' })
    await gateway.switch('H2', 'open', now - 1000, { reason: 'lockout' })
    const heard = await until('both losses', () =>
      customer.notices().length >= 2 ? customer.notices() : undefined,
    )
    t.match(textOf(heard[0]), /still assessing the storm damage/)
    await until('the machine speaks of the east', async () =>
      (await outagesOf(service)).find(({ area, etr }) => area === 'east' && etr !== null),
    )
    t.ok(
      (await outagesOf(service)).every(({ area, etr }) => area === 'east' || etr === null),
      'no machine in the west',
    )

    const west = (await outagesOf(service)).filter(({ area }) => area === 'west')
    t.equal(west.length, 2)
    const crewAt = inH(3)
    await service.post(`outages/${west[0]?.id}/etr`, { at: crewAt, source: 'crew' })
    const before = {
      customer: customer.notices().length,
      staff: staff.notices().length,
      public: everyone.notices().length,
    }
    const [at, latest] = [inH(20), inH(30)]
    const answer = await service.post('storms/estimate', { area: 'west', etr: { at, latest } })
    t.match(await answer.json(), { storm: { area: 'west', etr: { source: 'zone', at } } })
    const told = await until('the estimate of the area', () =>
      customer.notices().length > before.customer
        ? customer.notices().slice(before.customer)
        : undefined,
    )
    t.match(told, [{ data: { kind: 'etrChanged', etr: { source: 'zone', at, latest } } }])
    t.match(textOf(told[0]), /for the whole area/)
    t.strictSame(
      (await outagesOf(service))
        .filter(({ area }) => area === 'west')
        .map(({ etr }) => String(etr?.source))
        .sort(),
      ['crew', 'zone'],
    )
    t.match(
      everyone.notices().slice(before.public),
      [{ data: { kind: 'stormChanged' } }],
      'everyone once',
    )
    t.match(staff.notices().slice(before.staff), [{ data: { kind: 'stormChanged' } }], 'staff once')

    // It stands over the pages of those who live there, with and without scripts, and over the public one.
    type Banners = { storms: { area: string | null; etr: unknown; text: Text }[] }
    type Text = { en: string; 'zh-CN': string }
    const mine = async (point: string) =>
      (await service.get<Banners>('me', 'customer', [point])).storms
    t.match(await mine('P3'), [
      { area: 'west', etr: { at, latest }, text: { en: /severe weather/ } },
    ])
    t.match((await mine('P3'))[0]?.text['zh-CN'], /恶劣天气/)
    t.strictSame(await mine('P4'), [], 'and not over those of the east')
    const shown = async () =>
      (await (await fetch(`${service.http}/public/outages.geojson`)).json()) as Banners
    const everywhere = await until('the public copy has it', async () => {
      const answer = await shown()
      return answer.storms[0]?.etr == null ? undefined : answer
    })
    t.match(everywhere, { mode: 'storm', storms: [{ area: 'west', etr: { at, latest } }] })
    for (const language of ['en', 'zh-CN'] as const) {
      const page = await (await fetch(`${service.http}/?lang=${language}`)).text()
      const text = everywhere.storms[0]?.text[language] ?? '?'
      t.ok(page.includes(`<p class="storm">${text}</p>`), `without scripts, ${language}`)
    }

    // Another engine on the same record.
    await service.close()
    const again = await openTestService(t, database, { env })
    t.match(await again.get('storms'), {
      storms: [
        { area: 'west', reason: 'gale', timeline: [{ kind: 'declared' }, { kind: 'estimate' }] },
      ],
    })
    t.equal((await again.post('storms/estimate', { area: 'west' })).status, 200, 'withdrawn')
    t.ok((await outagesOf(again)).some(({ area, etr }) => area === 'west' && etr === null))
    t.equal((await again.post('storms/end', { area: 'west' })).status, 200)
    const machine = await until('machines speak again', async () =>
      (await outagesOf(again)).find(
        ({ area, etr }) => area === 'west' && etr !== null && etr.source !== 'crew',
      ),
    )
    t.match(machine.etr?.source, /history|rule/)
    t.match(await again.get('storms?active=false'), { storms: [{ endedBy: 'test-admin' }] })
    t.strictSame((await again.get<{ storms: unknown[] }>('storms')).storms, [])
    const audits = await database.db
      .selectFrom('audit')
      .select(['act', 'target'])
      .where('act', 'like', 'storm %')
      .orderBy('id')
      .execute()
    t.strictSame(
      audits.map(({ act, target }) => `${act} ${target}`),
      ['storm declare west', 'storm estimate west', 'storm estimate west', 'storm end west'],
    )
    await t.rejects(database.db.deleteFrom('storm_event').execute(), /append-only/)
  },
)
