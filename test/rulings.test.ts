import t from 'tap'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { until } from './support/broker.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import { handNetwork, ledgerAsText, openEngine, verify } from './support/hand-engine.ts'
import { seeded } from './support/seeded.ts'
import { listen, openGateway, openTestService } from './support/service.ts'

const iso = (at: number): string => new Date(at).toISOString()
const START = Date.parse('2026-03-01T00:00:00Z')

/** Who was off from when until when, whatever outage it is booked under. */
async function interruptionsOf({ pool }: Pick<TestDatabase, 'pool'>): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `select concat_ws(' ', member, from_at, until_at) as line from interruption, unnest(members) as member order by 1`,
  )
  return rows.map(({ line }) => line)
}

type Row = {
  id: string
  device: string
  anchor_at: number
  restored_at: number | null
  customers_out: number
  customers_interrupted: number
  closed_customer_ms: number
  phases: number
  merged_into: string | null
  sets: number
  event: string
}

/** Outages that have interruptions, the first one first. */
async function outagesOf({ pool }: Pick<TestDatabase, 'pool'>): Promise<Row[]> {
  const { rows } = await pool.query<Row>(
    `select *, (select count(*) from interruption where outage = id) as sets from outage order by anchor_at, device`,
  )
  return rows.filter(({ sets }) => sets > 0)
}

async function openSaying(test: { teardown(fn: () => unknown): void }) {
  const engine = await openEngine(test, START + 3 * MS_PER_H)
  let seq = 0
  return {
    ...engine,
    say: (id: string, position: 'open' | 'closed', at: number, more: object = {}) =>
      engine.publish(`grid/v1/gw/switch/${id}`, { at: iso(at), seq: seq++, position, ...more }),
  }
}

t.test(
  'two outages that a dispatcher merges are one, under the name of the first, also after a restart',
  async (t) => {
    const engine = await openSaying(t)
    await engine.say('B2', 'open', START)
    await engine.say('B1', 'open', START + 20 * MS_PER_MIN)
    await engine.say('B2', 'closed', START + MS_PER_H)
    const [b2, b1] = await outagesOf(engine)
    t.match(b2, { device: 'B2', customers_interrupted: 80, customers_out: 0 })
    t.match(b1, { device: 'B1', customers_interrupted: 324, customers_out: 324 })
    const minutes = await interruptionsOf(engine)
    const merge = (outage: string, other: string) =>
      engine.act({ act: 'merge', outage, with: other })
    t.match(await merge('nobody', b2?.id ?? ''), { outcome: 'unknown-outage' })
    t.match(await merge(b1?.id ?? '', 'nobody'), { outcome: 'cannot-rule', says: /no outage nob/ })
    t.match(await merge(b1?.id ?? '', b1?.id ?? ''), { outcome: 'cannot-rule', says: /itself/ })

    t.strictSame(await merge(b1?.id ?? '', b2?.id ?? ''), {
      outcome: 'done',
      outages: [b2?.id, b1?.id],
    })
    const merged = {
      id: b2?.id,
      device: 'B2',
      customers_interrupted: 404,
      customers_out: 324,
      restored_at: null,
      closed_customer_ms: 80 * MS_PER_H,
    }
    t.match(await outagesOf(engine), [merged])
    t.strictSame(await interruptionsOf(engine), minutes)
    t.match(await verify(engine), { outages: 1, differences: 0, said: [] })
    t.match(await merge(b1?.id ?? '', b2?.id ?? ''), {
      outcome: 'cannot-rule',
      says: `outage ${b1?.id} is part of outage ${b2?.id} already`,
    })

    await engine.restart()
    await engine.say('B1', 'closed', START + 2 * MS_PER_H)
    t.match(await outagesOf(engine), [
      {
        ...merged,
        customers_out: 0,
        restored_at: START + 2 * MS_PER_H,
        closed_customer_ms: 80 * MS_PER_H + 324 * 100 * MS_PER_MIN,
      },
    ])
    t.match(await verify(engine), { outages: 1, differences: 0, said: [] })

    t.match(await engine.act({ act: 'split', outage: b2?.id ?? '', part: 'nobody', at: null }), {
      outcome: 'cannot-rule',
      says: /was not merged into/,
    })
    t.strictSame(
      await engine.act({ act: 'split', outage: b2?.id ?? '', part: b1?.id ?? '', at: null }),
      { outcome: 'done', outages: [b2?.id, b1?.id] },
    )
    t.match(await outagesOf(engine), [
      { id: b2?.id, customers_interrupted: 80, closed_customer_ms: 80 * MS_PER_H },
      { id: b1?.id, customers_interrupted: 324, closed_customer_ms: 324 * 100 * MS_PER_MIN },
    ])
    t.match(await verify(engine), { outages: 2, differences: 0, said: [] })
    const { rows } = await engine.pool.query(
      'select kind, outage, data, by_subject from outage_event order by id',
    )
    t.match(
      rows.filter(({ kind }: { kind: string }) => kind === 'merge' || kind === 'split'),
      [
        { kind: 'merge', outage: b2?.id, data: { took: b1?.id }, by_subject: 'dana' },
        { kind: 'merge', outage: b1?.id, data: { into: b2?.id } },
        { kind: 'split', outage: b2?.id, data: { gave: b1?.id } },
        { kind: 'split', outage: b1?.id, data: { from: b2?.id } },
      ],
    )
  },
)

t.test(
  'a merge holds for what is told late, for what opens again, and long after memory has let go',
  async (t) => {
    const engine = await openSaying(t)
    await engine.say('B2', 'open', START)
    await engine.say('B1', 'open', START + 20 * MS_PER_MIN)
    const [b2, b1] = await outagesOf(engine)
    await engine.act({ act: 'merge', outage: b2?.id ?? '', with: b1?.id ?? '' })
    await engine.say('B1', 'open', START + 18 * MS_PER_MIN)
    t.match(await outagesOf(engine), [{ id: b2?.id, customers_out: 404 }], 'it began earlier')
    await engine.say('B1', 'closed', START + 19 * MS_PER_MIN)
    await engine.say('B1', 'closed', START + 30 * MS_PER_MIN)
    await engine.say('B2', 'closed', START + 30 * MS_PER_MIN)
    const whole = {
      id: b2?.id,
      customers_out: 0,
      closed_customer_ms: 324 * 11 * MS_PER_MIN + 80 * 30 * MS_PER_MIN,
    }
    t.match(await outagesOf(engine), [whole], 'and closed between: a sequence')
    t.match(await verify(engine), { differences: 0, said: [] })

    engine.state.now = START + 5 * MS_PER_DAY
    await engine.say('FU', 'open', engine.state.now)
    await engine.say('FU', 'closed', engine.state.now + 1)
    const checkpoints = () => engine.db.selectFrom('checkpoint').select('at').execute()
    await until(async () => (await checkpoints()).length > 0, 'memory has let go')
    await engine.restart()
    await engine.say('B1', 'closed', START + 25 * MS_PER_MIN)
    const corrected = { ...whole, closed_customer_ms: 324 * 6 * MS_PER_MIN + 80 * 30 * MS_PER_MIN }
    t.match(await outagesOf(engine), [corrected, { device: 'FU' }])
    t.match(await verify(engine), { differences: 0, said: [] })

    await engine.restart()
    t.match(
      await engine.act({ act: 'split', outage: b2?.id ?? '', part: b1?.id ?? '', at: null }),
      {
        outcome: 'done',
      },
    )
    t.match(await outagesOf(engine), [
      { id: b2?.id, customers_interrupted: 80 },
      { id: b1?.id, customers_interrupted: 324, closed_customer_ms: 324 * 6 * MS_PER_MIN },
      { device: 'FU' },
    ])
    t.match(await engine.act({ act: 'merge', outage: b1?.id ?? '', with: b2?.id ?? '' }), {
      outcome: 'done',
      outages: [b2?.id, b1?.id],
    })
    t.match(await outagesOf(engine), [corrected, { device: 'FU' }])
    t.match(await verify(engine), { differences: 0, said: [] })
    t.strictSame(engine.state.deaths, [])
  },
)

t.test(
  'a sequence of openings that were two faults is split at an instant, and can be one again',
  async (t) => {
    const engine = await openSaying(t)
    await engine.say('B1', 'open', START)
    await engine.say('B1', 'closed', START + MS_PER_MIN)
    await engine.say('B1', 'open', START + 3 * MS_PER_MIN)
    await engine.say('B1', 'closed', START + 33 * MS_PER_MIN)
    const [whole] = await outagesOf(engine)
    t.equal(whole?.closed_customer_ms, 324 * 31 * MS_PER_MIN)
    const split = (at: number) =>
      engine.act({ act: 'split', outage: whole?.id ?? '', part: null, at })
    t.match(await split(START), { outcome: 'cannot-rule', says: /began at 2026-03-01T00:00:00/ })
    t.match(await split(START + 40 * MS_PER_MIN), { outcome: 'cannot-rule' })
    const answer = await split(START + 2 * MS_PER_MIN)
    t.match(answer, { outcome: 'done' })
    const two = [
      { id: whole?.id, closed_customer_ms: 324 * MS_PER_MIN },
      { device: 'B1', closed_customer_ms: 324 * 30 * MS_PER_MIN, customers_interrupted: 324 },
    ]
    t.match(await outagesOf(engine), two)
    t.match(await verify(engine), { outages: 2, differences: 0, said: [] })
    await engine.restart()
    t.match(await outagesOf(engine), two)
    const part = (await outagesOf(engine))[1]?.id ?? ''
    await engine.act({ act: 'merge', outage: part, with: whole?.id ?? '' })
    t.match(await outagesOf(engine), [
      { id: whole?.id, closed_customer_ms: 324 * 31 * MS_PER_MIN, customers_interrupted: 324 },
    ])
    t.match(await verify(engine), { outages: 1, differences: 0, said: [] })
  },
)

const SEEDS = [1, 2]
const DEVICES = ['B1', 'B2', 'FU', 'FA', 'SW1', 'TIE'] as const

for (const seed of SEEDS) {
  t.test(
    `whatever is merged and split, nobody's minutes change, and verify derives the same (seed ${seed})`,
    async (t) => {
      const random = seeded(seed)
      const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T
      const ruling = await openEngine(t, START)
      const plain = await openEngine(t, START)
      let seq = 0
      const done = { merge: 0, split: 0, parted: 0 }
      for (let step = 0; step < 110; step++) {
        const now = START + step * MS_PER_H
        const lateMs = random() < 0.15 ? random() * MS_PER_DAY : random() * 20 * MS_PER_MIN
        const at = Math.floor(now - lateMs)
        const device = pick(DEVICES)
        // A reclosing sequence, or one word.
        const positions =
          random() < 0.3 ? ['open', 'closed', 'open'] : [random() < 0.55 ? 'closed' : 'open']
        for (const [i, position] of positions.entries()) {
          const topic = `grid/v1/gw${seq % 3}/switch/${device}`
          const payload = { at: iso(at + i * MS_PER_MIN), seq: seq++, position }
          for (const engine of [ruling, plain]) {
            engine.state.now = now + 3 * MS_PER_MIN
            await engine.publish(topic, payload)
          }
        }
        const known = await outagesOf(ruling)
        if (random() < 0.3 && known.length > 1) {
          const answer = await ruling.act({
            act: 'merge',
            outage: pick(known).id,
            with: pick(known.slice(-4)).id,
          })
          if (answer.outcome === 'done') done.merge++
        }
        if (random() < 0.2 && known.length > 0) {
          const { id, anchor_at: at } = pick(known)
          const answer = await ruling.act({
            act: 'split',
            outage: id,
            part: null,
            at: at + Math.floor(random() * 5 * MS_PER_MIN) + 1,
          })
          if (answer.outcome === 'done') done.split++
        }
        if (random() < 0.15) {
          const { rows } = await ruling.pool.query<{ id: string; merged_into: string }>(
            'select id, merged_into from outage where merged_into is not null order by id',
          )
          if (rows.length > 0) {
            const { id, merged_into: outage } = pick(rows)
            const answer = await ruling.act({ act: 'split', outage, part: id, at: null })
            if (answer.outcome === 'done') done.parted++
          }
        }
        if (random() < 0.06) await ruling.restart()
      }
      t.ok(done.merge > 5 && done.split > 0 && done.parted > 0, JSON.stringify(done))
      t.strictSame(await interruptionsOf(ruling), await interruptionsOf(plain))
      t.match(await verify(ruling), { differences: 0, said: [] })
      t.ok((await ledgerAsText(ruling)).length > 0)
      t.ok((await outagesOf(ruling)).length < (await outagesOf(plain)).length, 'fewer outages')
      const total = async (engine: typeof plain) =>
        (await outagesOf(engine)).reduce((sum, one) => sum + one.closed_customer_ms, 0)
      t.equal(await total(ruling), await total(plain), 'customer-minutes')
      t.strictSame([...ruling.state.deaths, ...plain.state.deaths], [])
    },
  )
}

t.test(
  'customers of a merged outage hear nothing of it, then of their supply as ever; staff hear of it',
  async (t) => {
    const database = await openTestDatabase(t)
    const service = await openTestService(t, database, {
      tables: await handNetwork(t),
      env: { NOTICE_HOLD_S: '0' },
    })
    const gateway = await openGateway(t, service.broker)
    const p3 = await listen(t, service, ['servicePoint:P3'], {
      role: 'customer',
      servicePoints: ['P3'],
    })
    const staff = await listen(t, service, ['outages'])
    const everyone = await listen(t, service, ['public'])
    const at = Date.now() - 30 * MS_PER_MIN
    await gateway.switch('B1', 'open', at)
    await gateway.switch('B2', 'open', at + MS_PER_MIN)
    const kinds = (from: typeof p3) => from.notices().map(({ data }) => data['kind'] as string)
    await until(() => kinds(p3).includes('supplyLost'), 'P3 is out')
    await until(
      () => kinds(everyone).filter((kind) => kind === 'supplyLost').length === 2,
      'everyone knows of both',
    )
    type Told = {
      id: string
      device: string
      customersOut: number
      status: string
      mergedInto: string | null
      merged: string[]
    }
    const { outages } = await service.get<{ outages: Told[] }>('outages?state=active')
    const [b2, b1] = outages
    t.match([b2?.device, b1?.device], ['B2', 'B1'])
    const bad = await service.post(`outages/${b2?.id}/split`, {})
    t.equal(bad.status, 400)
    t.equal((await service.post(`outages/none/merge`, { with: b1?.id })).status, 404)
    const self = await service.post(`outages/${b1?.id}/merge`, { with: b1?.id })
    t.match([self.status, await self.json()], [409, { code: 'cannot-rule' }])
    const answer = await service.post(`outages/${b2?.id}/merge`, { with: b1?.id }, 'dispatcher')
    t.equal(answer.status, 200)
    t.match(await answer.json(), {
      outage: { id: b1?.id, customersOut: 404, mergedInto: null },
      part: { id: b2?.id, customersOut: 0, mergedInto: b1?.id, status: 'closed' },
    })
    t.match(await service.get('outages?state=all'), { outages: [{ id: b1?.id }] })
    t.strictSame((await service.get<Told>(`outages/${b1?.id}`)).merged, [b2?.id])
    await until(
      () => kinds(staff).filter((kind) => kind === 'outageCorrected').length === 2,
      'staff',
    )
    t.match(
      staff
        .notices()
        .filter(({ data }) => data['kind'] === 'outageCorrected')
        .map(({ data }) => [data['outage'], data['text']]),
      [
        [b1?.id, { en: /^B1: the outage of B2 since .* is part of this one now\.$/ }],
        [b2?.id, { en: /^B2: is part of the outage of B1 since .* now\.$/ }],
      ],
    )
    await gateway.switch('B2', 'closed', Date.now() - MS_PER_MIN)
    await until(() => kinds(p3).includes('supplyRestored'), 'P3 is back')
    t.strictSame(
      kinds(p3).filter((kind) => !['etrChanged', 'crewChanged'].includes(kind)),
      ['supplyLost', 'supplyRestored'],
    )
    t.notOk(kinds(everyone).includes('outageCorrected'), 'nothing was taken back in public')
    const split = await service.post(`outages/${b1?.id}/split`, { part: b2?.id }, 'dispatcher')
    t.match(await split.json(), {
      outage: { id: b1?.id, customersOut: 324 },
      part: { id: b2?.id, customersOut: 0, mergedInto: null, customersInterrupted: 80 },
    })
    await gateway.switch('B1', 'closed', Date.now())
    await until(
      async () => (await service.get<Told>(`outages/${b1?.id}`)).status === 'restored',
      'all are back',
    )
    t.strictSame(
      kinds(p3).filter((kind) => !['etrChanged', 'crewChanged'].includes(kind)),
      ['supplyLost', 'supplyRestored'],
    )
    t.match(await verify(database), { outages: 2, differences: 0, said: [] })
  },
)
