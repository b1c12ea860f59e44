import net from 'node:net'
import pino from 'pino'
import { SMTPServer } from 'smtp-server'
import t from 'tap'
import { openEmail } from '../src/delivery/email.ts'
import { openDeliverer } from '../src/delivery/worker.ts'
import type { NoticeKind } from '../src/notices/notice.ts'
import { openImpatient } from '../src/stores/database.ts'
import { toAppendNotices } from '../src/stores/notices.ts'
import { LEASE_S, openOutbox } from '../src/stores/outbox.ts'
import { savePreferences } from '../src/stores/recipients.ts'
import { runIn } from '../src/stores/statement.ts'
import { until } from './support/broker.ts'
import { openWay } from './support/cuttable.ts'
import { openTestDatabase } from './support/database.ts'
import { GROUP, notice, NOW } from './support/people.ts'

const S = 1000

/** A mail server at a place that stays: it can be away, refuse for now, and be told to do something before it says that it has a letter. */
async function openMailServer(t: { teardown(fn: () => unknown): void }) {
  const taken: string[] = []
  let busy = false
  let beforeAnswer: () => Promise<void> = async () => undefined
  let server: SMTPServer | undefined
  const free = net.createServer().listen(0, '127.0.0.1')
  await new Promise((ready) => free.once('listening', ready))
  const { port } = free.address() as net.AddressInfo
  await new Promise((closed) => free.close(closed))
  const close = () => new Promise<void>((done) => (server ? server.close(done) : done()))
  t.teardown(close)
  const take = async (text: string, done: () => void): Promise<void> => {
    const id = /^Message-ID: (.*)$/im.exec(text)?.[1] ?? ''
    const to = /^To: (.*)$/im.exec(text)?.[1] ?? ''
    taken.push(`${to} ${id}`)
    await beforeAnswer()
    done()
  }
  return {
    url: `smtp://127.0.0.1:${port}`,
    taken,
    isBusy: (is: boolean) => void (busy = is),
    once(work: () => Promise<void>) {
      beforeAnswer = async () => {
        beforeAnswer = async () => undefined
        await work()
      }
    },
    async open() {
      server = new SMTPServer({
        authOptional: true,
        disabledCommands: ['STARTTLS'],
        onRcptTo: (_address, _session, done) =>
          busy ? done(Object.assign(new Error('busy'), { responseCode: 451 })) : done(),
        onData: (stream, _session, done) => {
          let text = ''
          stream.on('data', (piece: Buffer) => (text += piece.toString()))
          stream.on('end', () => void take(text, done))
        },
      })
      const opened = server
      await new Promise<void>((ready) => opened.listen(port, '127.0.0.1', ready))
    },
  }
}

t.test(
  'letters come through a mail server that is away or busy, and a database that is cut off or hangs: each once to whoever looks at its id',
  { timeout: 120_000 },
  async (t) => {
    const database = await openTestDatabase(t)
    const { db } = database
    const { way, url } = await openWay(t, database)
    const mail = await openMailServer(t)
    const asked = openImpatient({ connectionString: url }, 700)
    t.teardown(() => asked.close())
    let now = NOW
    const deliverer = openDeliverer({
      outbox: openOutbox(asked.db, 'UTC'),
      channels: [openEmail({ url: mail.url, from: 'Power <outages@example.org>' })],
      clock: () => now,
      logger: pino({ level: 'silent' }),
    })
    t.teardown(() => deliverer.close())
    for (const subject of ['ann', 'bo']) {
      await db.transaction().execute((tx) =>
        savePreferences(
          tx,
          subject,
          {
            language: 'en',
            channels: [
              {
                channel: 'email',
                address: `${subject}@example.org`,
                servicePoints: ['P1'],
                kinds: null,
                quiet: null,
              },
            ],
          },
          () => GROUP.P1,
          NOW - S,
        ),
      )
    }
    let seq = 0
    const tell = async (kind: NoticeKind, outage: string): Promise<void> => {
      const one = notice(++seq, {
        audience: 'customer',
        kind,
        outage,
        members: [GROUP.P1],
        at: now,
      })
      const told = { ...one, data: { ...one.data, kind, outage } }
      await db.transaction().execute((tx) => runIn(tx, toAppendNotices([told])))
    }
    const letters = () =>
      db
        .selectFrom('outbox')
        .select(['recipient', 'notice_seq', 'state', 'attempts'])
        .orderBy('notice_seq')
        .orderBy('recipient')
        .execute()
    const states = async () => (await letters()).map(({ state }) => state)
    const all = (state: string, many: number) => async () => {
      deliverer.wake()
      const found = await states()
      return found.length === many && found.every((one) => one === state)
    }

    await tell('supplyLost', 'o1')
    deliverer.wake()
    await until(
      async () => (await letters()).filter(({ attempts }) => attempts === 1).length === 2,
      'both were tried, and nobody is there',
    )
    t.same(await states(), ['waiting', 'waiting'])
    await mail.open()
    mail.isBusy(true)
    now += 16 * S
    deliverer.wake()
    await until(
      async () => (await letters()).filter(({ attempts }) => attempts === 2).length === 2,
      'both were tried, and told to come again',
    )
    t.same(mail.taken, [])
    mail.isBusy(false)
    now += 31 * S
    await until(all('sent', 2), 'the mail server is there: both have it')
    t.equal(mail.taken.length, 2)

    for (const how of ['cut', 'hang'] as const) {
      const before = mail.taken.length
      mail.once(async () => (how === 'cut' ? way.cut() : way.hang()))
      await tell('supplyRestored', `o-${how}`)
      deliverer.wake()
      await until(() => mail.taken.length > before, `${how} while a letter is handed over`)
      await tell('supplyLost', `o-${how}-2`)
      await way.mend()
      now += (LEASE_S + 1) * S
      const many = seq * 2
      await until(all('sent', many), `${how}, and mended: all have all`, 30_000)
    }
    const byId = new Set(mail.taken)
    t.equal(byId.size, seq * 2, 'a letter for each of them and each notice')
    t.ok(mail.taken.length > byId.size, 'some were handed over again, under the same id')
  },
)
