import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { deliverDue, WAIT_MAX_S } from '../src/delivery/deliver.ts'
import { openWebhook } from '../src/delivery/webhook.ts'
import type { Notice, NoticeKind } from '../src/notices/notice.ts'
import { toAppendNotices } from '../src/stores/notices.ts'
import { LEASE_S, openOutbox } from '../src/stores/outbox.ts'
import { saveWebhook } from '../src/stores/recipients.ts'
import { runIn } from '../src/stores/statement.ts'
import { openTestDatabase } from './support/database.ts'
import { seeded } from './support/seeded.ts'

const SEED = Number(process.env['LETTERS_SEED'] ?? 1)
const OUTAGES = 12
const START = Date.parse('2026-11-24T03:00:00Z')
const STORY: readonly NoticeKind[] = [
  'supplyLost',
  'etrChanged',
  'crewChanged',
  'etrChanged',
  'etrChanged',
  'partlyRestored',
  'supplyRestored',
  'outageCorrected',
  'outageClosed',
]

type Got = { id: string; outage: string; sequence: number; data: string; taken: boolean }

/** A program at the other end, over real HTTP: `answer` says what becomes of each request. */
async function openProgram(
  t: { teardown(fn: () => unknown): void },
  answer: (id: string) => 'takes' | 'takes, and is not heard' | number,
) {
  const got: Got[] = []
  const server = http.createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const event = JSON.parse(body) as {
      id: string
      subject: string
      sequence: string
      data: unknown
    }
    const outcome = answer(event.id)
    got.push({
      id: String(request.headers['webhook-id']),
      outage: event.subject,
      sequence: Number(event.sequence),
      data: JSON.stringify(event.data),
      taken: typeof outcome === 'string',
    })
    if (outcome === 'takes') response.writeHead(204).end()
    else if (typeof outcome === 'number') response.writeHead(outcome).end('not now')
    else request.socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` }
}

async function openHouse(t: { teardown(fn: () => unknown): void }, url: string) {
  const { db } = await openTestDatabase(t)
  await db
    .transaction()
    .execute((tx) =>
      saveWebhook(tx, { url, audience: 'public', kinds: null, bySubject: 'utility' }, START - 1),
    )
  const outbox = openOutbox(db, 'UTC')
  let seq = 0
  return {
    db,
    async tell(outage: string, kind: NoticeKind, at: number): Promise<number> {
      seq += 1
      const notice: Notice = {
        seq,
        at,
        audience: 'public',
        kind,
        outage,
        feeders: [],
        members: null,
        data: {
          kind,
          outage,
          startedAt: new Date(START).toISOString(),
          etr: null,
          customersOut: 7,
          text: { en: `${kind} ${seq}`, 'zh-CN': `${seq}` },
        },
      }
      await db.transaction().execute((tx) => runIn(tx, toAppendNotices([notice])))
      return seq
    },
    deliver: (now: number) =>
      deliverDue(outbox, new Map([['webhook', openWebhook(() => now)]]), now),
    states: async () => {
      const rows = await db.selectFrom('outbox').select('state').distinct().execute()
      return rows.map(({ state }) => state)
    },
  }
}

t.test(
  'a program is told every word at once: neither budgets nor later words, which are for people, hold it back',
  async (t) => {
    const program = await openProgram(t, () => 'takes')
    const house = await openHouse(t, program.url)
    const told: string[] = []
    // All of it within the minute, before the outbox is looked at even once.
    for (let outage = 0; outage < OUTAGES; outage++) {
      for (const kind of STORY)
        told.push(`o${outage} ${await house.tell(`o${outage}`, kind, START)}`)
    }
    await house.deliver(START + 1000)
    t.same(
      program.got.map(({ outage, sequence }) => `${outage} ${sequence}`).sort(),
      told.toSorted(),
    )
    t.same(await house.states(), ['sent'])
  },
)

t.test(
  `a receiver that fails, refuses for now and loses its answers gets each outage in order, repeats under one name (seed ${SEED})`,
  { timeout: 120_000 },
  async (t) => {
    const next = seeded(SEED)
    let away = false
    const failed = new Map<string, number>()
    const program = await openProgram(t, (id) => {
      const draw = next()
      // Beside the time that it is away it fails often, but no word twelve times, which would be the last.
      const times = (failed.get(id) ?? 0) + 1
      if (!away && times > 2) return 'takes'
      if (!away && draw < 0.35) failed.set(id, times)
      if (away || draw < 0.2) return [500, 503, 429, 408][Math.floor(next() * 4)] as number
      return draw < 0.35 ? 'takes, and is not heard' : 'takes'
    })
    const house = await openHouse(t, program.url)
    const told = new Map<string, number[]>()
    const left = new Map(Array.from({ length: OUTAGES }, (_, i) => [`o${i}`, [...STORY]]))
    let now = START
    // Words come while others wait; in the middle the receiver is away for two hours.
    for (let round = 0; left.size > 0; round++) {
      away = round >= 10 && round < 40
      for (let i = 0; i < 3 && left.size > 0; i++) {
        const [outage, story] = [...left][Math.floor(next() * left.size)] as [string, NoticeKind[]]
        const kind = story.shift() as NoticeKind
        told.set(outage, [...(told.get(outage) ?? []), await house.tell(outage, kind, now)])
        if (story.length === 0) left.delete(outage)
      }
      await house.deliver(now)
      now += 4 * 60_000
    }
    away = false
    for (let round = 0; round < 80 && (await house.states()).includes('waiting'); round++) {
      now += Math.max(LEASE_S, WAIT_MAX_S / 4) * 1000
      await house.deliver(now)
    }
    t.same(await house.states(), ['sent'], 'nothing is given up, overtaken or too old')

    const names = new Map<number, Set<string>>()
    for (const [outage, words] of told) {
      const here = program.got.filter((one) => one.outage === outage)
      const heard = here.filter(({ taken }) => taken).map(({ sequence }) => sequence)
      t.same([...new Set(heard)], words, `${outage}: every word, in order`)
      t.same(
        heard.toSorted((a, b) => a - b),
        heard,
        `${outage}: a repeat comes before the next word, never after it`,
      )
      for (const { sequence, id, data } of here) {
        names.set(sequence, (names.get(sequence) ?? new Set()).add(`${id} ${data}`))
      }
    }
    t.ok(
      [...names.values()].every((same) => same.size === 1),
      'a repeat has the name and words of the first',
    )
    t.equal(
      new Set([...names.values()].map(([one]) => one?.split(' ')[0])).size,
      names.size,
      'one name a word',
    )
    const repeats = program.got.length - names.size
    t.ok(repeats > names.size / 2, `there were repeats: ${repeats} of ${names.size} words`)
  },
)
