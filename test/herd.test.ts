import t from 'tap'
import { WebSocket } from 'ws'
import { issueToken } from '../src/http/auth.ts'
import { until } from './support/broker.ts'
import { openTestDatabase } from './support/database.ts'
import { openReader, TOWN } from './support/people.ts'
import { seeded } from './support/seeded.ts'
import { openGateway, openTestService, SECRET, type TestService } from './support/service.ts'

const SEED = Number(process.env['HERD_SEED'] ?? 1)
const SOCKETS = 300
const POINTS = ['P1', 'P2', 'P3', 'P4'] as const
/** The load point and the phases of each, as drawn in `TOWN`. */
const SUPPLY = { P1: ['n1', 1], P2: ['n2', 7], P3: ['n2', 7], P4: ['n3', 7] } as const
const DEVICES = ['H1', 'S1', 'H2'] as const

type Member = {
  readonly token: string
  readonly topic: string
  readonly heard: number[]
  since: number
  reader: Awaited<ReturnType<typeof openReader>>
}

t.test(
  `${SOCKETS} sockets that come back together after a restart, with the number they had, while the field goes on: each hears all, once, in order (seed ${SEED})`,
  { timeout: 200_000 },
  async (t) => {
    const database = await openTestDatabase(t)
    const next = seeded(SEED)
    const env = { NOTICE_HOLD_S: '0' }
    const positions = new Map<string, 'open' | 'closed'>()
    let clock = Date.now() - 3_600_000
    const turn = async (field: Awaited<ReturnType<typeof openGateway>>): Promise<void> => {
      const device = DEVICES[Math.floor(next() * DEVICES.length)] as string
      const position = positions.get(device) === 'open' ? 'closed' : 'open'
      positions.set(device, position)
      clock += 60_000
      await field.switch(device, position, clock, position === 'open' ? { reason: 'lockout' } : {})
    }
    const join = async (service: TestService, member: Member, since?: number): Promise<void> => {
      member.reader = await openReader(
        new WebSocket(`${service.http.replace('http', 'ws')}/live`, {
          headers: { authorization: `Bearer ${member.token}` },
        }),
      )
      const { reader } = member
      await reader.subscribe([member.topic], since)
      if (since !== undefined) return
      member.since = reader.frames.find((frame) => frame.type === 'subscribed').seq as number
    }
    /** It is gone, and keeps the number of the last that it heard. */
    const leave = ({ reader, heard }: Member): void => {
      heard.push(...reader.notices().map(({ seq }) => seq as number))
      reader.socket.terminate()
    }

    const first = await openTestService(t, database, { tables: TOWN, env })
    const members: Member[] = await Promise.all(
      Array.from({ length: SOCKETS }, async (_, i) => {
        const point = POINTS[i % POINTS.length] as string
        const role = i % 3 === 0 ? 'dispatcher' : 'customer'
        const claims = { role, subject: `s${i}`, servicePoints: [point], ttlS: 3600 } as const
        const member = {
          token: await issueToken(claims, SECRET, Date.now()),
          topic: role === 'dispatcher' ? 'outages' : `servicePoint:${point}`,
          heard: [],
          since: 0,
        } as unknown as Member
        await join(first, member)
        return member
      }),
    )
    const field = await openGateway(t, first.broker)
    // Some leave before the end, and have missed something when they come back.
    const early = new Set(members.filter(() => next() < 0.4))
    for (let i = 0; i < 12; i++) {
      await turn(field)
      for (const member of early) {
        if (next() > 0.15) continue
        early.delete(member)
        leave(member)
        member.reader.frames.length = 0
      }
    }
    await field.client.endAsync(true)
    const stayed = members.filter(({ reader }) => reader.socket.readyState === WebSocket.OPEN)
    await first.close()
    await until(() => stayed.every(({ reader }) => reader.ended()?.code === 1001), 'all sent away')
    for (const member of stayed) leave(member)

    const second = await openTestService(t, database, { env })
    const again = await openGateway(t, second.broker)
    let coming = true
    const goingOn = (async () => {
      for (let i = 0; i < 20 || coming; i++) await turn(again)
    })()
    await Promise.all(
      members.map((member) => join(second, member, member.heard.at(-1) ?? member.since)),
    )
    coming = false
    await goingOn
    await second.get('outages?state=active')

    // What is committed, read without any code of the service.
    const { rows } = await database.pool.query<{
      seq: string
      audience: string
      members: number[] | null
    }>('select seq, audience, members from notice order by seq')
    const numbers = await database.pool.query<{ id: string; ix: number }>(
      'select id, ix from load_point',
    )
    const groupOf = (topic: string): number => {
      const [loadPoint, phases] = SUPPLY[topic.split(':')[1] as keyof typeof SUPPLY]
      return (numbers.rows.find(({ id }) => id === loadPoint)?.ix ?? NaN) * 8 + phases
    }
    const promised = ({ topic, since }: Member): number[] =>
      rows
        .filter(({ seq, audience, members }) =>
          Number(seq) <= since
            ? false
            : topic === 'outages'
              ? audience === 'staff'
              : audience === 'customer' && members?.includes(groupOf(topic)) === true,
        )
        .map(({ seq }) => Number(seq))
    let missed = 0
    const wrong: string[] = []
    for (const member of members) {
      const { reader, heard, topic } = member
      const before = heard.length
      const words = promised(member)
      await until(
        () => before + reader.notices().length >= words.length,
        `${topic} hears the rest: ${before} and ${reader.notices().length} of ${words.length}`,
        20_000,
      )
      await reader.settle()
      const all = [...heard, ...reader.notices().map(({ seq }) => seq as number)]
      if (JSON.stringify(all) !== JSON.stringify(words))
        wrong.push(`${topic}: ${all.join()} is not ${words.join()}`)
      if (reader.frames.some(({ type }) => type === 'resync')) wrong.push(`${topic}: resync`)
      missed += words.length - before
      reader.socket.terminate()
    }
    t.same(wrong, [])
    t.ok(rows.length > 60, `${rows.length} notices were committed`)
    t.ok(missed > 10 * SOCKETS, `${missed} frames came after the restart`)
    t.equal(new Set(members.map((member) => promised(member).length)).size > 1, true)
  },
)
