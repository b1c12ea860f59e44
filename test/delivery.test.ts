import { createECDH, createHmac } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { importJWK, jwtVerify } from 'jose'
import pino from 'pino'
import { SMTPServer } from 'smtp-server'
import t from 'tap'
import type { Channel, ChannelName, Parcel, Sent } from '../src/delivery/channel.ts'
import { ATTEMPTS_MAX, deliverDue, waitS, WAIT_MAX_S } from '../src/delivery/deliver.ts'
import { openEmail } from '../src/delivery/email.ts'
import { encryptPush, openPush } from '../src/delivery/push.ts'
import { openSms } from '../src/delivery/sms.ts'
import { openDeliverer } from '../src/delivery/worker.ts'
import { openWebhook } from '../src/delivery/webhook.ts'
import { messageOf, SMS_CHARS_MAX, SMS_CHINESE_CHARS_MAX } from '../src/notices/message.ts'
import type { Audience, Notice, NoticeData, NoticeKind } from '../src/notices/notice.ts'
import { quietUntil } from '../src/notices/quiet.ts'
import type { Database } from '../src/stores/database.ts'
import { toAppendNotices } from '../src/stores/notices.ts'
import { runIn } from '../src/stores/statement.ts'
import { LEASE_S, listDeliveries, openOutbox, reviveDelivery } from '../src/stores/outbox.ts'
import {
  regroupRecipients,
  savePreferences,
  saveWebhook,
  type ChannelPreference,
} from '../src/stores/recipients.ts'
import { openTestDatabase } from './support/database.ts'

const ZONE = 'America/New_York'
// Tuesday, 14:00 local.
const NOON = Date.parse('2026-11-24T14:00:00-05:00')
const S = 1000
const MIN = 60 * S
const H = 60 * MIN

const GROUPS: Record<string, number> = { P1: 15, P2: 23, P3: 31 }
const groupOf = (point: string) => GROUPS[point] ?? null

const dataOf = (kind: NoticeKind, outage: string | null, en = `${kind}.`): NoticeData => ({
  kind,
  outage,
  startedAt: new Date(NOON).toISOString(),
  etr: null,
  customersOut: 12,
  text: { en, 'zh-CN': '您家自13:00起停电。' },
})

let seq = 0
/** Commits one notice as the writer does. */
async function tell(
  db: Database,
  kind: NoticeKind,
  members: readonly number[],
  more: { outage?: string; at?: number; audience?: Audience; en?: string } = {},
): Promise<number> {
  seq += 1
  const outage = more.outage ?? 'o1'
  const audience = more.audience ?? 'customer'
  const notice: Notice = {
    seq,
    at: more.at ?? NOON,
    audience,
    kind,
    outage,
    feeders: [],
    members: audience === 'customer' ? members : null,
    data: dataOf(kind, outage, more.en),
  }
  await db.transaction().execute((tx) => runIn(tx, toAppendNotices([notice])))
  return seq
}

const prefer = (
  db: Database,
  subject: string,
  channels: readonly Partial<ChannelPreference>[],
  language: 'en' | 'zh-CN' = 'en',
) =>
  db.transaction().execute((tx) =>
    savePreferences(
      tx,
      subject,
      {
        language,
        channels: channels.map((one) => ({
          channel: 'sms',
          address: `+${subject}`,
          servicePoints: ['P1'],
          kinds: null,
          quiet: null,
          ...one,
        })),
      },
      groupOf,
      NOON - H,
    ),
  )

/** A receiver that does as it is told and remembers what it got. */
function recorder(
  name: ChannelName,
  answer: (parcel: Parcel) => Sent = () => ({ outcome: 'sent', receipt: null }),
) {
  const got: Parcel[] = []
  const channel: Channel = {
    name,
    async send(parcel) {
      got.push(parcel)
      return answer(parcel)
    },
    close: () => undefined,
  }
  return {
    got,
    channels: new Map([[name, channel]]),
    heard: () => got.map((parcel) => `${parcel.address} ${parcel.data.kind}`),
  }
}

await t.test('the outbox', async (t) => {
  const { db } = await openTestDatabase(t)
  const outbox = openOutbox(db, ZONE)
  t.beforeEach(async () => {
    await db.deleteFrom('recipient').execute()
    await db.deleteFrom('notice').execute()
  })

  await t.test('exactly those whom a notice concerns, once, each in their language', async (t) => {
    await prefer(db, 'ann', [{ servicePoints: ['P1', 'P2'] }])
    await prefer(db, 'bo', [{ servicePoints: ['P2'] }], 'zh-CN')
    await prefer(db, 'cy', [{ servicePoints: ['P3'] }])
    await prefer(db, 'dee', [{ servicePoints: ['nowhere'] }])
    const { channels, got } = recorder('sms')
    await tell(db, 'supplyLost', [15])
    await tell(db, 'supplyLost', [23], { outage: 'o2' })
    await tell(db, 'supplyLost', [], { audience: 'staff' })
    await tell(db, 'supplyLost', [], { audience: 'public' })
    t.strictSame(await deliverDue(outbox, channels, NOON), { sent: 3, later: 0, dead: 0 })
    t.strictSame(
      got
        .map((parcel) => [
          parcel.address,
          parcel.outage,
          parcel.data['servicePoints'],
          parcel.message.short,
        ])
        .sort((a, b) => String(a).localeCompare(String(b))),
      [
        ['+ann', 'o1', ['P1'], 'P1: supplyLost.'],
        ['+ann', 'o2', ['P2'], 'P2: supplyLost.'],
        ['+bo', 'o2', ['P2'], '您家自13:00起停电。'],
      ],
    )
    t.strictSame(
      await deliverDue(outbox, channels, NOON),
      { sent: 0, later: 0, dead: 0 },
      'never twice',
    )
  })

  await t.test('what was told before somebody asked is not theirs', async (t) => {
    const { channels, got } = recorder('sms')
    await tell(db, 'supplyLost', [15], { at: NOON - 2 * H })
    await prefer(db, 'ann', [{}])
    await deliverDue(outbox, channels, NOON)
    t.strictSame(got, [])
  })

  await t.test('only the kinds that were asked for', async (t) => {
    await prefer(db, 'ann', [{ kinds: ['supplyRestored'] }])
    const { channels, heard } = recorder('sms')
    await tell(db, 'supplyLost', [15])
    await tell(db, 'supplyRestored', [15])
    await deliverDue(outbox, channels, NOON)
    t.strictSame(heard(), ['+ann supplyRestored'])
  })

  await t.test(
    'an outage is told in order: a later word waits until the earlier is out or dead',
    async (t) => {
      await prefer(db, 'ann', [{}])
      let works = false
      const { channels, heard } = recorder('sms', () =>
        works
          ? { outcome: 'sent', receipt: null }
          : { outcome: 'later', says: 'busy', afterS: null },
      )
      await tell(db, 'supplyLost', [15])
      await tell(db, 'supplyRestored', [15])
      await tell(db, 'supplyLost', [15], { outage: 'o2' })
      t.strictSame(await deliverDue(outbox, channels, NOON), { sent: 0, later: 2, dead: 0 })
      t.strictSame(heard(), ['+ann supplyLost', '+ann supplyLost'], 'one of each outage')
      t.strictSame(await deliverDue(outbox, channels, NOON + 14 * S), {
        sent: 0,
        later: 0,
        dead: 0,
      })
      works = true
      t.strictSame(await deliverDue(outbox, channels, NOON + 15 * S), {
        sent: 3,
        later: 0,
        dead: 0,
      })
      t.strictSame(heard().slice(-1), ['+ann supplyRestored'])
    },
  )

  await t.test(
    'retries back off to a cap, then it is a dead letter that can be seen and revived',
    async (t) => {
      t.strictSame(
        [1, 2, 3, 4].map((attempt) => waitS(attempt, null)),
        [15, 30, 60, 120],
      )
      t.equal(waitS(30, null), WAIT_MAX_S)
      t.equal(waitS(1, 90), 90, 'the receiver asked for it')
      t.equal(waitS(1, 1e9), WAIT_MAX_S, 'but not for ever')
      await prefer(db, 'ann', [{}])
      let works = false
      const { channels, got } = recorder('sms', () =>
        works
          ? { outcome: 'sent', receipt: 'ok' }
          : { outcome: 'later', says: '503 later, +ann', afterS: null },
      )
      await tell(db, 'supplyLost', [15])
      let now = NOON
      for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
        await deliverDue(outbox, channels, now)
        now += waitS(attempt, null) * S
      }
      t.equal(got.length, ATTEMPTS_MAX)
      t.equal(new Set(got.map(({ id }) => id)).size, 1, 'one id over all attempts')
      const [dead] = await listDeliveries(db, { state: 'dead', limit: 10 })
      t.match(dead, {
        channel: 'sms',
        kind: 'supplyLost',
        attempts: ATTEMPTS_MAX,
        lastError: /503 later/,
      })
      t.notMatch(JSON.stringify(dead), /\+ann/, 'no address in what staff see')
      works = true
      t.equal(await db.transaction().execute((tx) => reviveDelivery(tx, dead?.id ?? 0, now)), true)
      t.strictSame(await deliverDue(outbox, channels, now), { sent: 1, later: 0, dead: 0 })
      t.equal(await db.transaction().execute((tx) => reviveDelivery(tx, dead?.id ?? 0, now)), false)
    },
  )

  await t.test('refused is dead at once, and what follows goes on', async (t) => {
    await prefer(db, 'ann', [{}])
    const { channels, heard } = recorder('sms', (parcel) =>
      parcel.data.kind === 'supplyLost'
        ? { outcome: 'refused', says: '400 no such number' }
        : { outcome: 'sent', receipt: null },
    )
    await tell(db, 'supplyLost', [15])
    await tell(db, 'supplyRestored', [15])
    t.strictSame(await deliverDue(outbox, channels, NOON), { sent: 1, later: 0, dead: 1 })
    t.strictSame(heard(), ['+ann supplyLost', '+ann supplyRestored'])
    const none = await deliverDue(outbox, new Map(), NOON)
    t.strictSame(none, { sent: 0, later: 0, dead: 0 })
  })

  await t.test(
    'a sender that died in the middle: the parcel comes again after its lease, with the same id',
    async (t) => {
      await prefer(db, 'ann', [{}])
      const { channels, got } = recorder('sms')
      await tell(db, 'supplyLost', [15])
      await outbox.spread(NOON)
      const [taken] = await outbox.take(NOON, 10)
      t.ok(taken, 'taken, and never confirmed')
      await deliverDue(outbox, channels, NOON + (LEASE_S - 1) * S)
      t.strictSame(got, [], 'not while it may still be on its way')
      await deliverDue(outbox, channels, NOON + LEASE_S * S)
      t.strictSame(
        got.map(({ id }) => id),
        [taken?.parcel.id],
      )
    },
  )

  await t.test('two senders at once send nothing twice', async (t) => {
    for (let i = 0; i < 40; i += 1) await prefer(db, `c${i}`, [{}])
    const { channels, got } = recorder('sms')
    await tell(db, 'supplyLost', [15])
    const [a, b] = await Promise.all([
      deliverDue(outbox, channels, NOON),
      deliverDue(openOutbox(db, ZONE), channels, NOON),
    ])
    t.equal(a.sent + b.sent, 40)
    t.equal(new Set(got.map(({ id }) => id)).size, 40)
  })

  await t.test(
    'quiet hours hold back estimates, not loss and not restoration; the newest is told in the morning',
    async (t) => {
      await prefer(db, 'ann', [{ quiet: { fromMin: 22 * 60, untilMin: 7 * 60 } }])
      const night = NOON + 9 * H
      const { channels, heard } = recorder('sms')
      await tell(db, 'supplyLost', [15], { at: night })
      await tell(db, 'etrChanged', [15], { at: night, en: 'first' })
      await tell(db, 'etrChanged', [15], { at: night, en: 'second' })
      await deliverDue(outbox, channels, night)
      t.strictSame(heard(), ['+ann supplyLost'])
      await deliverDue(outbox, channels, night + 8 * H - 1)
      t.strictSame(heard(), ['+ann supplyLost'])
      await deliverDue(outbox, channels, night + 8 * H)
      t.strictSame(heard(), ['+ann supplyLost', '+ann etrChanged'])
      const states = await listDeliveries(db, { subject: 'ann', limit: 9 })
      t.strictSame(
        states.map(({ state }) => state),
        ['sent', 'superseded', 'sent'],
      )
    },
  )

  await t.test(
    'restored in the night: the waiting estimate is not told in the morning',
    async (t) => {
      await prefer(db, 'ann', [{ quiet: { fromMin: 22 * 60, untilMin: 7 * 60 } }])
      const night = NOON + 9 * H
      const { channels, heard } = recorder('sms')
      await tell(db, 'etrChanged', [15], { at: night })
      await deliverDue(outbox, channels, night)
      await tell(db, 'supplyRestored', [15], { at: night + H })
      await deliverDue(outbox, channels, night + H)
      await deliverDue(outbox, channels, night + 10 * H)
      t.strictSame(heard(), ['+ann supplyRestored'])
    },
  )

  await t.test(
    'a budget for each address, over all outages; loss and restoration are exempt',
    async (t) => {
      await prefer(db, 'ann', [{}])
      const { channels, heard } = recorder('sms')
      for (const i of [1, 2, 3, 4, 5, 6]) {
        await tell(db, 'etrChanged', [15], { outage: `o${i}` })
        await deliverDue(outbox, channels, NOON)
      }
      t.equal(heard().length, 4)
      await tell(db, 'supplyRestored', [15], { outage: 'o1' })
      await deliverDue(outbox, channels, NOON)
      t.equal(heard().length, 5)
      await deliverDue(outbox, channels, NOON + 30 * MIN)
      t.equal(heard().length, 7, 'the rest half an hour later')
    },
  )

  await t.test('what is too old to be useful is not sent', async (t) => {
    await prefer(db, 'ann', [{}])
    const { channels, got } = recorder('sms')
    await tell(db, 'supplyLost', [15])
    await outbox.spread(NOON)
    await deliverDue(outbox, channels, NOON + 12 * H)
    t.strictSame(got, [])
    t.match(await listDeliveries(db, { limit: 1 }), [{ state: 'expired' }])
  })

  await t.test(
    'preferences: an address that is taken away gets nothing more; another network regroups',
    async (t) => {
      await prefer(db, 'ann', [{ address: '+old' }, { address: '+new' }])
      await tell(db, 'supplyLost', [15])
      await outbox.spread(NOON)
      await prefer(db, 'ann', [{ address: '+new' }])
      const { channels, heard } = recorder('sms')
      await deliverDue(outbox, channels, NOON)
      t.strictSame(heard(), ['+new supplyLost'])
      t.equal(await regroupRecipients(db, (point) => (point === 'P1' ? 999 : null)), 1)
      t.equal(await regroupRecipients(db, (point) => (point === 'P1' ? 999 : null)), 0)
      await tell(db, 'supplyRestored', [15])
      await tell(db, 'supplyRestored', [999], { outage: 'o9' })
      await deliverDue(outbox, channels, NOON)
      t.strictSame(heard(), ['+new supplyLost', '+new supplyRestored'])
    },
  )
})

await t.test(
  'webhooks: signed as Standard Webhooks has it; programs hear one audience, without private matters',
  async (t) => {
    const { db } = await openTestDatabase(t)
    const outbox = openOutbox(db, ZONE)
    const sink = await httpSink(t)
    const { secret } = await db
      .transaction()
      .execute((tx) =>
        saveWebhook(
          tx,
          { url: `${sink.url}/hook`, audience: 'public', kinds: null, bySubject: 'admin' },
          NOON - H,
        ),
      )
    await tell(db, 'supplyLost', [15])
    await tell(db, 'supplyLost', [], { audience: 'staff' })
    const at = await tell(db, 'supplyLost', [], { audience: 'public' })
    const webhook = openWebhook(() => NOON)
    t.strictSame(await deliverDue(outbox, new Map([['webhook', webhook]]), NOON), {
      sent: 1,
      later: 0,
      dead: 0,
    })
    const [got] = sink.got
    // The specification, word by word, with the secret as it was given.
    const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
    const said = (name: string) => String(got?.headers[name])
    const signed = `${said('webhook-id')}.${said('webhook-timestamp')}.${got?.body ?? ''}`
    t.equal(
      got?.headers['webhook-signature'],
      `v1,${createHmac('sha256', key).update(signed).digest('base64')}`,
    )
    t.equal(got?.headers['webhook-timestamp'], String(NOON / 1000))
    t.match(JSON.parse(got?.body ?? '{}'), {
      specversion: '1.0',
      id: got?.headers['webhook-id'],
      type: 'relight.notice.supplyLost',
      subject: 'o1',
      sequence: String(at),
    })

    const answers: [number, Sent['outcome']][] = [
      [204, 'sent'],
      [302, 'refused'],
      [400, 'refused'],
      [410, 'refused'],
      [408, 'later'],
      [429, 'later'],
      [500, 'later'],
      [503, 'later'],
    ]
    for (const [status, outcome] of answers) {
      sink.status = status
      const answer = await webhook.send(parcelTo(`${sink.url}/hook`))
      t.equal(answer.outcome, outcome, `${status} is ${outcome}`)
      if (status === 429) t.match(answer, { afterS: 7 })
    }
    t.match(
      await webhook.send(parcelTo('http://127.0.0.1:1/')),
      { outcome: 'later' },
      'nobody there',
    )
  },
)

await t.test(
  'SMS: one message that fits, through a gateway that can tell repetitions',
  async (t) => {
    const sink = await httpSink(t)
    const sms = openSms({ url: `${sink.url}/sms`, token: 'secret' })
    t.match(await sms.send(parcelTo('+1555')), { outcome: 'sent' })
    t.match(sink.got[0], {
      headers: { authorization: 'Bearer secret', 'idempotency-key': 'relight-1-1' },
    })
    t.strictSame(JSON.parse(sink.got[0]?.body ?? ''), {
      id: 'relight-1-1',
      to: '+1555',
      text: 'supplyLost.',
      urgent: true,
    })

    const long =
      'Your power is out since 03:00. Expected back between 04:20 and 05:00, most likely 04:40. This is a first estimate, from similar outages. A crew is on its way. Cause: weather.'
    const chinese =
      '您家自03:00起停电。预计04:20至05:00之间来电，最可能04:40。这是根据以往类似停电得出的初步估计。抢修人员正在途中。原因：天气。如果仍然没电，请告诉我们：可能另有故障。'
    const data = { ...dataOf('supplyLost', 'o'), text: { en: long, 'zh-CN': chinese } }
    const en = messageOf(data, 'en').short
    const zh = messageOf(data, 'zh-CN').short
    t.ok(en.length <= SMS_CHARS_MAX && en.endsWith('on its way.'), en)
    t.ok(zh.length <= SMS_CHINESE_CHARS_MAX && zh.endsWith('。'), zh)
    t.ok(long.startsWith(en) && chinese.startsWith(zh), 'whole sentences from the first')
  },
)

await t.test(
  'e-mail over SMTP: threads, one Message-ID over attempts, Chinese whole',
  async (t) => {
    const mails: string[] = []
    let refuse: number | null = null
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onRcptTo: (_address, _session, done) =>
        refuse === null ? done() : done(Object.assign(new Error('no'), { responseCode: refuse })),
      onData: (stream, _session, done) => {
        let text = ''
        stream.on('data', (piece: Buffer) => (text += piece.toString()))
        stream.on('end', () => {
          mails.push(text)
          done()
        })
      },
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.server.address() as AddressInfo
    const email = openEmail({
      url: `smtp://127.0.0.1:${port}`,
      from: 'Example Power <outages@example.org>',
    })
    t.teardown(async () => {
      email.close()
      await new Promise<void>((resolve) => server.close(resolve))
    })
    const parcel: Parcel = {
      ...parcelTo('ann@example.org'),
      language: 'zh-CN',
      message: messageOf(dataOf('supplyLost', 'o1'), 'zh-CN'),
    }
    t.match(await email.send(parcel), { outcome: 'sent' })
    t.match(await email.send(parcel), { outcome: 'sent' })
    const [first, second] = mails
    const header = (mail: string | undefined, name: string) =>
      new RegExp(`^${name}: (.*)$`, 'im').exec(mail ?? '')?.[1]
    t.equal(header(first, 'Message-ID'), '<relight-1-1@example.org>')
    t.equal(header(second, 'Message-ID'), header(first, 'Message-ID'))
    t.equal(header(first, 'In-Reply-To'), '<outage.o1@example.org>')
    t.equal(header(first, 'Auto-Submitted'), 'auto-generated')
    t.equal(header(first, 'To'), 'ann@example.org')
    const body = first?.split('\r\n\r\n')[1] ?? ''
    const decoded = /base64/i.test(header(first, 'Content-Transfer-Encoding') ?? '')
      ? Buffer.from(body, 'base64').toString()
      : Buffer.from(
          body
            .replace(/=\r\n/g, '')
            .replace(/=([0-9A-F]{2})/g, (_, hex: string) =>
              String.fromCharCode(Number.parseInt(hex, 16)),
            ),
          'latin1',
        ).toString()
    t.equal(decoded.trim(), '您家自13:00起停电。')
    refuse = 550
    t.match(await email.send(parcel), { outcome: 'refused' }, 'no such mailbox is final')
    refuse = 451
    t.match(await email.send(parcel), { outcome: 'later' }, 'come again later')
    refuse = null
    const injected = { ...parcel, address: 'ann@example.org\r\nBcc: all@example.org' }
    const before = mails.length
    await email.send(injected)
    t.notMatch(mails.slice(before).join(''), /^Bcc:/im, 'no header through an address')
  },
)

await t.test(
  'Web Push: encrypted as RFC 8291 shows it, with the proof of RFC 8292, to push services only',
  async (t) => {
    // The example of RFC 8291, section 5 and appendix A.
    const own = createECDH('prime256v1')
    own.setPrivateKey(Buffer.from('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw', 'base64url'))
    const keys = {
      p256dh:
        'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
      auth: 'BTBZMqHH6r4Tts7J_aSIgg',
    }
    const sealed = encryptPush(
      Buffer.from('When I grow up, I want to be a watermelon'),
      keys,
      own,
      Buffer.from('DGv6ra1nlYgDCS1FRnbzlw', 'base64url'),
    )
    t.equal(
      sealed.toString('base64url'),
      'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
    )

    const sink = await httpSink(t)
    const vapid = createECDH('prime256v1')
    vapid.generateKeys()
    const publicKey = vapid.getPublicKey().toString('base64url')
    const host = new URL(sink.url).host
    const push = openPush({
      privateKey: vapid.getPrivateKey().toString('base64url'),
      publicKey,
      contact: 'mailto:outages@example.org',
      clock: () => NOON,
      hosts: [host],
    })
    const address = JSON.stringify({ endpoint: `${sink.url}/push/1`, keys })
    t.match(await push.send(parcelTo(address)), { outcome: 'sent' })
    const [got] = sink.got
    t.match(got?.headers, { 'content-encoding': 'aes128gcm', urgency: 'high', ttl: /^\d+$/ })
    const [, token = '', key] =
      /^vapid t=(\S+), k=(\S+)$/.exec(String(got?.headers['authorization'])) ?? []
    t.equal(key, publicKey)
    const point = vapid.getPublicKey()
    const verified = await jwtVerify(
      token,
      await importJWK(
        {
          kty: 'EC',
          crv: 'P-256',
          x: point.subarray(1, 33).toString('base64url'),
          y: point.subarray(33).toString('base64url'),
        },
        'ES256',
      ),
      { audience: sink.url, subject: 'mailto:outages@example.org', currentDate: new Date(NOON) },
    )
    t.equal(verified.payload.exp, (NOON + 12 * H) / S)
    for (const bad of [
      'https://example.org/push',
      '{}',
      JSON.stringify({ endpoint: 'http://169.254.169.254/latest', keys }),
      JSON.stringify({ endpoint: `${sink.url}/push`, keys: { p256dh: 'AAAA', auth: keys.auth } }),
    ])
      t.match(await push.send(parcelTo(bad)), { outcome: 'refused' }, bad)
    sink.status = 410
    t.match(await push.send(parcelTo(address)), { outcome: 'refused' }, 'the subscription is gone')
  },
)

await t.test(
  'the deliverer: one round at a time, woken or by itself, whole when it closes; a fault is survived',
  async (t) => {
    const rounds: string[] = []
    let hold: (() => void) | undefined
    let fails = true
    const outbox = {
      async spread() {
        rounds.push('round')
        if (fails) throw new Error('the database is away')
        await new Promise<void>((resolve) => {
          hold = resolve
        })
        return 0
      },
      take: async () => [],
      sent: async () => undefined,
      later: async () => undefined,
      dead: async () => undefined,
    }
    let isClosed = false
    const channel: Channel = {
      ...openSms({ url: 'http://127.0.0.1:1', token: null }),
      close: () => {
        isClosed = true
      },
    }
    const deliverer = openDeliverer({
      outbox,
      channels: [channel],
      clock: () => NOON,
      logger: pino({ level: 'silent' }),
    })
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    await turn()
    t.equal(rounds.length, 1, 'looks at once')
    fails = false
    deliverer.wake()
    await turn()
    deliverer.wake()
    deliverer.wake()
    await turn()
    t.equal(rounds.length, 2, 'not two rounds at once')
    hold?.()
    await turn()
    t.equal(rounds.length, 3, 'but once more for all who woke it meanwhile')
    const closing = deliverer.close()
    t.equal(isClosed, false, 'what is on its way is finished first')
    hold?.()
    await closing
    t.equal(isClosed, true)
    deliverer.wake()
    t.equal(rounds.length, 3, 'closed is closed')
  },
)

await t.test(
  'quiet hours by the local clock, over midnight and over the change of clocks',
  async (t) => {
    const night = { fromMin: 22 * 60, untilMin: 7 * 60 }
    const table: readonly [string, typeof night | null, string, string | null][] = [
      ['none', null, '2026-11-24T03:00:00-05:00', null],
      ['by day', night, '2026-11-24T14:00:00-05:00', null],
      ['at the first minute', night, '2026-11-24T22:00:00-05:00', '2026-11-25T07:00:00-05:00'],
      ['after midnight', night, '2026-11-24T03:10:30-05:00', '2026-11-24T07:00:00-05:00'],
      ['at the end', night, '2026-11-24T07:00:00-05:00', null],
      [
        'a nap',
        { fromMin: 720, untilMin: 780 },
        '2026-11-24T12:30:00-05:00',
        '2026-11-24T13:00:00-05:00',
      ],
      [
        'the night the clocks go back',
        night,
        '2026-10-31T23:00:00-04:00',
        '2026-11-01T07:00:00-05:00',
      ],
      [
        'the night they go forward',
        night,
        '2026-03-07T23:00:00-05:00',
        '2026-03-08T07:00:00-04:00',
      ],
      ['all day is none', { fromMin: 60, untilMin: 60 }, '2026-11-24T03:00:00-05:00', null],
    ]
    for (const [rule, quiet, at, until] of table)
      t.equal(
        quietUntil(Date.parse(at), quiet, ZONE),
        until === null ? null : Date.parse(until),
        rule,
      )
  },
)

function parcelTo(address: string): Parcel {
  const data = dataOf('supplyLost', 'o1')
  return {
    id: 'relight-1-1',
    channel: 'webhook',
    address,
    secret: 'whsec_c2VjcmV0',
    language: 'en',
    outage: 'o1',
    urgent: true,
    message: messageOf(data, 'en'),
    data,
    seq: 1,
  }
}

/** A receiver in this process that answers with `status` and remembers what came. */
async function httpSink(t: { teardown(fn: () => unknown): void }) {
  const sink = {
    got: [] as { headers: http.IncomingHttpHeaders; body: string }[],
    status: 200,
    url: '',
  }
  const server = http.createServer((request, response) => {
    let body = ''
    request.on('data', (piece: Buffer) => (body += piece.toString()))
    request.on('end', () => {
      sink.got.push({ headers: request.headers, body })
      response.writeHead(sink.status, { 'retry-after': '7', location: '/elsewhere' })
      response.end('thank you')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  sink.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return sink
}
