import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { run } from '../src/cli.ts'
import { archiveBefore } from '../src/control-room/archiving.ts'
import { archiveNext } from '../src/stores/archive.ts'
import { MS_PER_DAY, MS_PER_H, MS_PER_MIN } from '../src/time.ts'
import { until } from './support/broker.ts'
import { openTestDatabase, type TestDatabase } from './support/database.ts'
import {
  handNetwork,
  ledgerAsText,
  openEngine,
  verify,
  type Period,
} from './support/hand-engine.ts'
import { keepCheckpoint, LONG_RECORD_FROM, writeLongRecord } from './support/long-record.ts'
import { seeded } from './support/seeded.ts'
import { environmentOf, openGateway, openTestService } from './support/service.ts'

const iso = (at: number): string => new Date(at).toISOString()

const archiveAll = ({ db }: Pick<TestDatabase, 'db'>, before: number) =>
  archiveBefore(db, {
    before,
    clock: Date.now,
    goOn: () => true,
    between: () => Promise.resolve(),
  })

async function hotWords({ pool }: Pick<TestDatabase, 'pool'>): Promise<number> {
  const { rows } = await pool.query<{ words: number }>('select count(*) as words from observation')
  return rows[0]?.words ?? 0
}

/** Every word of the live table, as the database itself prints it. */
async function wordsAsText({ pool }: Pick<TestDatabase, 'pool'>): Promise<string[]> {
  const { rows } = await pool.query<{ word: string }>(
    `select concat_ws('|', key, gateway, kind, point, seq, round(extract(epoch from at) * 1000), round(extract(epoch from received_at) * 1000),
       value, coalesce(phases::text, '-'), coalesce(reason, '-'), quality, coalesce(by_subject, '-')) as word
     from observation order by key`,
  )
  return rows.map(({ word }) => word)
}

type Payload = Record<'texts', string[]> &
  Record<'gateway' | 'kind' | 'point' | 'value' | 'reason' | 'quality' | 'by', number[]> &
  Record<'at' | 'seq' | 'received', number[]> &
  Record<'phases', (number | null)[]> &
  Record<'keys', Record<string, string>>

/** The same out of the archive, read by hand: gunzip, and the columns as sql/0130 and archive-chunk.ts describe them. */
async function archivedAsText({ pool }: Pick<TestDatabase, 'pool'>): Promise<string[]> {
  const { rows } = await pool.query<{ payload: Buffer; words: number }>(
    'select payload, words from observation_archive order by number',
  )
  return rows.flatMap(({ payload, words }) => {
    const whole = JSON.parse(gunzipSync(payload).toString()) as Payload
    const text = (column: number[], i: number) => whole.texts[column[i] as number] ?? '-'
    const seqs: Record<string, number> = {}
    let at = 0
    return Array.from({ length: words }, (_, i) => {
      const gateway = text(whole.gateway, i)
      const seq = (seqs[gateway] = (seqs[gateway] ?? 0) + (whole.seq[i] as number))
      at += whole.at[i] as number
      const [kind, point, value] = [text(whole.kind, i), text(whole.point, i), text(whole.value, i)]
      const phases = String(whole.phases[i] ?? '-')
      const [reason, quality] = [text(whole.reason, i), text(whole.quality, i)]
      const content =
        kind === 'meter'
          ? value
          : [value, phases.replace('-', ''), reason.replace(/^-$/, ''), quality].join('\0')
      const digest = createHash('md5')
        .update([gateway, kind, point, seq, content].join('\0'))
        .digest('hex')
      const hex = at.toString(16).padStart(12, '0') + digest.slice(0, 20)
      const key =
        whole.keys[i] ?? hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
      const received = at + (whole.received[i] as number)
      const by = text(whole.by, i)
      return [
        key,
        gateway,
        kind,
        point,
        seq,
        at,
        received,
        value,
        phases,
        reason,
        quality,
        by,
      ].join('|')
    })
  })
}

t.test(
  'verify says the same before and after archiving, whatever the period, and the archive has every word',
  async (t) => {
    const database = await openTestDatabase(t)
    const { until: end } = await writeLongRecord(database, 24_000)
    await database.pool.query(
      `insert into observation (key, gateway, kind, point, seq, at, received_at, value, quality)
       select (lpad(to_hex(ms), 12, '0') || substr(md5(i::text), 1, 20))::uuid, 'gw', 'meter', 'P' || i, i, to_timestamp(ms / 1000.0),
         to_timestamp((ms + 250) / 1000.0), 'lastGasp', 'good'
       from (select i, ${LONG_RECORD_FROM} + i * 1000 as ms from generate_series(0::bigint, 99) as i) as said`,
    )
    const words = await wordsAsText(database)
    await keepCheckpoint(database, end + MS_PER_H)
    const periods: Period[] = [
      {},
      { from: LONG_RECORD_FROM + MS_PER_H, to: LONG_RECORD_FROM + 2 * MS_PER_H },
      { from: end - 5 * MS_PER_MIN },
      { to: LONG_RECORD_FROM + 90_500 },
    ]
    const verifyAll = async () => {
      const found = []
      for (const period of periods) {
        const { observations, ...result } = await verify(database, period)
        // How far beyond the end of a period is read depends on the pages.
        found.push(period.to === undefined ? { observations, ...result } : result)
      }
      return found
    }
    const before = await verifyAll()
    t.match(before[0], { observations: 24_000, outages: 12_000, differences: 0, damaged: 0 })

    const half = await archiveAll(database, LONG_RECORD_FROM + 2 * MS_PER_H + 30_500)
    t.ok(half.words > 14_000 && half.words < 14_700, `${half.words} words in the first part`)
    t.strictSame(await verifyAll(), before, 'half of it archived')
    const rest = await archiveAll(database, Number.POSITIVE_INFINITY)
    t.equal(half.words + rest.words, words.length)
    t.equal(await hotWords(database), 0)
    t.strictSame(await verifyAll(), before, 'all of it archived')
    t.strictSame((await archivedAsText(database)).sort(), words)
  },
)

t.test('a chunk that was changed, exchanged or taken away is found, and named', async (t) => {
  const database = await openTestDatabase(t)
  const { pool } = database
  const { until: end } = await writeLongRecord(database, 20_000)
  await keepCheckpoint(database, end + MS_PER_H)
  const { chunks } = await archiveAll(database, Number.POSITIVE_INFINITY)
  t.equal(chunks, 4)
  t.match(await verify(database), { damaged: 0, differences: 0, outages: 10_000 })

  await pool.query('create table whole as select * from observation_archive')
  const heal = async () => {
    await pool.query('delete from observation_archive')
    await pool.query('insert into observation_archive select * from whole')
  }
  const cases: readonly (readonly [string, string, readonly RegExp[]])[] = [
    [
      'one bit of the content',
      `update observation_archive set payload = set_byte(payload, 2000, get_byte(payload, 2000) # 1) where number = 2`,
      [/^archive chunk 2 \(2024-01-01T\S+Z to 2024-01-01T\S+Z\): its content is not what was/],
    ],
    [
      'how many words there are',
      'update observation_archive set words = words - 1 where number = 3',
      [/^archive chunk 3 .*: its content/],
    ],
    [
      'a chunk with a digest of its own',
      `update observation_archive set payload = (select payload from whole where number = 1),
         digest = sha256(previous || payload) where number = 3`,
      [/^archive chunk 3 .*: its content/, /^archive chunk 4 .*: does not follow from the one/],
    ],
    [
      'one in the midst',
      'delete from observation_archive where number = 2',
      [/^archive chunk 2: is missing/],
    ],
    ['the first', 'delete from observation_archive where number = 1', [/^archive chunk 1: is/]],
    ['the last', 'delete from observation_archive where number = 4', [/^archive chunk 4: is/]],
    [
      'all',
      'delete from observation_archive',
      [1, 2, 3, 4].map((number) => new RegExp(`^archive chunk ${number}: is missing`)),
    ],
  ]
  for (const [what, tamper, expected] of cases) {
    await pool.query(tamper)
    const found = await verify(database)
    t.equal(found.damaged, expected.length, what)
    t.match(found.said, expected, what)
    t.equal(found.outages, 0, 'and nothing is derived')
    await heal()
  }

  await pool.query(`update observation_archive set payload = payload || '\\x00' where number = 4`)
  const early = { from: LONG_RECORD_FROM, to: LONG_RECORD_FROM + MS_PER_H }
  t.match(await verify(database, early), { damaged: 0, differences: 0, outages: 3600 })
  let said = ''
  const say = (line: string) => void (said += `${line}\n`)
  const code = await run(['verify'], {
    env: environmentOf(database),
    out: say,
    err: say,
    write: say,
    now: Date.now,
    signal: new AbortController().signal,
  })
  t.equal(code, 1)
  t.match(said, /^archive chunk 4 .*\nthe archive is damaged \(1\): nothing was derived/)
})

t.test('what fails between archiving and taking out leaves everything as it was', async (t) => {
  const database = await openTestDatabase(t)
  const { pool } = database
  const { until: end } = await writeLongRecord(database, 12_000)
  await keepCheckpoint(database, end + MS_PER_H)
  const words = await wordsAsText(database)
  const failures = {
    'a rule of the database': `raise exception 'planted'`,
    'a connection that breaks': `perform pg_terminate_backend(pg_backend_pid())`,
  }
  await archiveNext(database.db, { before: end, now: 0 })
  for (const [what, does] of Object.entries(failures)) {
    await pool.query(
      `create function planted() returns trigger language plpgsql as $f$ begin ${does}; return old; end $f$;
       create trigger planted after delete on observation for each statement execute function planted()`,
    )
    await t.rejects(archiveNext(database.db, { before: end, now: 0 }), what)
    t.equal(await hotWords(database), words.length - 5000, what)
    t.match(await verify(database), { observations: 12_000, differences: 0, damaged: 0 }, what)
    await pool.query('drop function planted cascade')
  }
  const both = await Promise.all([
    archiveAll(database, Number.POSITIVE_INFINITY),
    archiveAll(database, Number.POSITIVE_INFINITY),
  ])
  t.equal(both[0].words + both[1].words, words.length - 5000, 'two at once share the work')
  t.strictSame((await archivedAsText(database)).sort(), words)
  t.match(await verify(database), { observations: 12_000, differences: 0, damaged: 0 })
})

const SEEDS = [1, 2]
const DEVICES = ['B1', 'B2', 'FU', 'FA', 'SW1', 'TIE'] as const

for (const seed of SEEDS) {
  t.test(
    `an engine that archives says what one says that never does: days of words, late, again, restarts (seed ${seed})`,
    async (t) => {
      const random = seeded(seed)
      const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T
      const start = Date.parse('2026-03-01T00:00:00Z')
      const archiving = await openEngine(t, start)
      const keeping = await openEngine(t, start)
      const engines = [archiving, keeping]
      const said: { topic: string; payload: object }[] = []
      let seq = 0
      let archived = 0
      for (let step = 0; step < 120; step++) {
        const now = start + step * 90 * MS_PER_MIN
        const lateMs = random() < 0.12 ? random() * 8 * MS_PER_DAY : random() * 80 * MS_PER_MIN
        const word = {
          topic: `grid/v1/gw${seq % 3}/switch/${pick(DEVICES)}`,
          payload: {
            at: iso(Math.floor(now - lateMs)),
            seq: seq++,
            position: random() < 0.55 ? 'closed' : 'open',
            ...(random() < 0.1 ? { reason: 'lockout' } : {}),
            // A clock that runs ahead: it counts when it came, and never leaves the live table.
            ...(random() < 0.05 ? { at: iso(now + MS_PER_DAY) } : {}),
          },
        }
        const meter = {
          topic: `grid/v1/gw9/meter/${pick(['P1', 'P2', 'P3', 'P4'])}`,
          payload: { at: iso(now), seq: step, event: pick(['lastGasp', 'restored']) },
        }
        said.push(word, meter)
        const again = random() < 0.3 ? [pick(said)] : []
        for (const engine of engines) {
          engine.state.now = now
          for (const { topic, payload } of [word, meter, ...again]) {
            await engine.publish(topic, payload)
          }
        }
        if (random() < 0.05) for (const engine of engines) await engine.restart()
        if (step % 7 === 6) {
          archived += (await archiveAll(archiving, now - 2 * MS_PER_DAY)).words
        }
      }
      t.ok(archived > 100, `${archived} words were archived`)
      t.ok(archiving.state.fromRecord > 0, 'and late words asked for them')
      const text = await ledgerAsText(archiving)
      t.ok(text.length > 20, `${text.length} outages`)
      t.strictSame(text, await ledgerAsText(keeping))
      t.match(await verify(archiving), { differences: 0, damaged: 0, said: [] })
      const { observations } = await verify(keeping)
      t.equal((await verify(archiving)).observations, observations, 'and each word counts once')
      await archiveAll(archiving, Number.POSITIVE_INFINITY)
      t.match(await verify(archiving), { observations, differences: 0, damaged: 0 })
      const clamped = await archiving.pool.query<{ at: number }>(
        'select at from observation where clamped',
      )
      const ahead = await keeping.pool.query('select at from observation where clamped')
      t.equal(clamped.rows.length, ahead.rows.length, 'clocks that ran ahead stay')
      t.strictSame([...archiving.state.deaths, ...keeping.state.deaths], [])
    },
  )
}

t.test(
  'an archived outage is explained by what is archived; late words and repeats of it are judged as ever; and a service archives by itself',
  async (t) => {
    const database = await openTestDatabase(t)
    const service = await openTestService(t, database, { tables: await handNetwork(t) })
    const gateway = await openGateway(t, service.broker)
    const began = Date.now() - 5 * MS_PER_DAY
    const closing = {
      at: iso(began + 20 * MS_PER_MIN),
      seq: 9000,
      position: 'closed',
      reason: 'reclose',
    }
    await gateway.switch('B1', 'closed', began - MS_PER_H)
    await gateway.switch('B1', 'open', began, { reason: 'lockout' })
    await gateway.publish('meter', 'P1', { at: iso(began + 400), seq: 1, event: 'lastGasp' })
    await gateway.publish('switch', 'B1', closing)
    await gateway.switch('B2', 'open', began + MS_PER_H)
    type Told = {
      id: string
      device: string
      customerMinutes: number
      evidence: { point: string; value: string; kind: string }[]
      corrections: unknown[]
    }
    const outages = async () =>
      (await service.get<{ outages: Told[] }>('outages?state=all')).outages.filter(
        ({ device }) => device === 'B1',
      )
    await until(
      async () =>
        (await service.get<{ outages: Told[] }>('outages?state=all')).outages.length === 2,
      'both',
    )
    const [first] = await outages()
    const story = () => service.get<Told>(`outages/${first?.id}`)
    const explained = async () => {
      const [from, to] = [began, began + MS_PER_DAY].map((at) => iso(at).slice(0, 10))
      const { outages } = await service.get<{ outages: Told[] }>(
        `indices/explain?index=SAIDI&from=${from}&to=${to}`,
      )
      return outages.filter(({ device }) => device === 'B1')
    }
    const before = await story()
    t.strictSame(
      before.evidence.map(({ kind, point, value }) => `${kind} ${point} ${value}`),
      ['switch B1 open', 'meter P1 lastGasp', 'switch B1 closed'],
    )
    const explainedBefore = await explained()
    t.match(JSON.stringify(explainedBefore), /"point":"B1".*"reason":"lockout"/)

    const command = async (...argv: string[]) => {
      const said: string[] = []
      const say = (line: string) => void said.push(line)
      const code = await run(argv, {
        env: environmentOf(database),
        out: say,
        err: say,
        write: say,
        now: Date.now,
        signal: new AbortController().signal,
      })
      return { code, said: said.join('\n') }
    }
    t.match(await command('archive'), { code: 2, said: /needs --before/ })
    t.match(await command('archive', '--before', 'soon'), { code: 2, said: /an instant such as/ })
    t.match(await command('archive', '--before', iso(began + MS_PER_DAY)), {
      code: 0,
      said: 'nothing can be archived yet: the service has kept no checkpoint',
    })
    await keepCheckpoint(database, began + 2 * MS_PER_H)
    t.match(await command('archive', '--before', iso(Date.now())), {
      code: 0,
      said: /^archived 4 observations in 2 chunks of \d+ bytes\nthose from \S+ on stay: /,
    })
    t.strictSame(
      (await wordsAsText(database)).map((word) => word.split('|')[3]),
      ['B2'],
      'what an outage rests on that is not over stays',
    )
    t.strictSame(await story(), before)
    t.strictSame(await explained(), explainedBefore)
    t.match(await command('verify'), { code: 0, said: /^equal: 2 outages follow from 4 obs/ })

    await gateway.publish('switch', 'B1', closing)
    await gateway.switch('B1', 'closed', began + 18 * MS_PER_MIN)
    await until(async () => (await outages())[0]?.customerMinutes === 324 * 18, 'corrected')
    const after = await story()
    t.equal(after.corrections.length, 1)
    t.strictSame(
      after.evidence.map(({ kind, point, value }) => `${kind} ${point} ${value}`),
      ['switch B1 open', 'meter P1 lastGasp', 'switch B1 closed', 'switch B1 closed'],
    )
    t.match(await command('verify'), { code: 0, said: /^equal: 2 outages follow from 5 obs/ })
    await service.close()

    await keepCheckpoint(database, began + 2 * MS_PER_H)
    const hot = await hotWords(database)
    const again = await openTestService(t, database, { env: { RELIGHT_ARCHIVE_AFTER_DAYS: '3' } })
    await until(async () => (await hotWords(database)) === 1, `of ${hot} words one is left`)
    t.match(await command('verify'), { code: 0, said: /^equal: 2 outages follow from 5 obs/ })
    t.match(await again.get('outages?state=all'), {
      outages: [{ device: 'B2' }, { device: 'B1', customerMinutes: 324 * 18 }],
    })
  },
)

t.test('a late word is not judged from a damaged archive: it waits in quarantine', async (t) => {
  const start = Date.parse('2026-03-01T00:00:00Z')
  const engine = await openEngine(t, start)
  let seq = 0
  const say = (id: string, position: 'open' | 'closed', at: number) =>
    engine.publish(`grid/v1/gw/switch/${id}`, { at: iso(at), seq: seq++, position })
  engine.state.now = start + 3 * MS_PER_H
  await say('B1', 'closed', start)
  await say('B1', 'open', start + MS_PER_H)
  await say('B1', 'closed', start + 2 * MS_PER_H)
  engine.state.now = start + 4 * MS_PER_DAY
  await say('B2', 'open', engine.state.now)
  await say('B2', 'closed', engine.state.now + 1)
  const checkpoints = () => engine.db.selectFrom('checkpoint').select('at').execute()
  await until(async () => (await checkpoints()).length > 0, 'the engine kept a checkpoint')
  await archiveAll(engine, engine.state.now)
  await engine.pool.query(`update observation_archive set payload = payload || '\\x00'`)
  const before = await ledgerAsText(engine)
  await say('B1', 'closed', start + 90 * MS_PER_MIN)
  await until(() => engine.weaknesses().length > 0, 'kept apart')
  t.strictSame(await ledgerAsText(engine), before)
  await engine.pool.query(
    'update observation_archive set payload = substr(payload, 1, length(payload) - 1)',
  )
  await engine.restart()
  await until(() => engine.weaknesses().length === 0, 'judged once the archive is whole')
  t.match(await verify(engine), { observations: 6, differences: 0, damaged: 0 })
  t.match(
    (await ledgerAsText(engine)).join('\n'),
    /B1\|.*\|583200000\|/,
    '324 customers, half an hour',
  )
  t.strictSame(engine.state.deaths, [])
})
