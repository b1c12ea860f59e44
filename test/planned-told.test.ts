import t from 'tap'
import { MS_PER_DAY, MS_PER_H } from '../src/time.ts'
import { until } from './support/broker.ts'
import { openTestDatabase } from './support/database.ts'
import { TOWN } from './support/people.ts'
import { listen, openTestService } from './support/service.ts'

void t.test(
  'planned work is told on the sockets of those whom it takes off: announced, changed, cancelled; the neighbour hears nothing',
  async (t) => {
    const service = await openTestService(t, await openTestDatabase(t), {
      tables: TOWN,
      env: { NOTICE_HOLD_S: '0' },
    })
    // S1 feeds P2 and not P1.
    const own = await listen(t, service, ['servicePoint:P2'], {
      role: 'customer',
      servicePoints: ['P2'],
    })
    const neighbour = await listen(t, service, ['servicePoint:P1'], {
      role: 'customer',
      servicePoints: ['P1'],
    })
    const from = Date.now() + 9 * MS_PER_DAY
    const window = (at: number) => ({
      from: new Date(at).toISOString(),
      until: new Date(at + 2 * MS_PER_H).toISOString(),
    })
    const plan = (at: number) => ({
      title: 'New pole',
      reason: 'construction',
      responsible: 'Ruth',
      steps: [{ switch: 'S1', position: 'open' }],
      window: window(at),
    })
    const done = async (answer: Response) => {
      const said = (await answer.json()) as { id: string }
      t.ok(answer.ok, JSON.stringify(said))
      return said
    }
    const heard = () =>
      own
        .notices()
        .map(({ topic, data }) => [
          topic,
          data['kind'],
          (data['servicePoints'] as string[]).join(),
          data['startedAt'],
          data['work'],
        ])
    const { id } = await done(await service.post('works', plan(from), 'planner'))
    const approve = async () => {
      await done(await service.post(`works/${id}/submit`, {}, 'planner'))
      t.equal((await service.post(`works/${id}/approve`, {}, 'planner')).status, 403)
      await done(await service.post(`works/${id}/approve`, {}, 'admin'))
    }
    await approve()
    await until(() => heard().length === 1, 'it is announced')
    await done(await service.put(`works/${id}`, plan(from + MS_PER_DAY), 'planner'))
    await approve()
    await until(() => heard().length === 2, 'it is told otherwise')
    await done(await service.post(`works/${id}/cancel`, {}, 'planner'))
    await until(() => heard().length === 3, 'it is called off')
    const [first, later] = [window(from).from, window(from + MS_PER_DAY).from]
    t.strictSame(heard(), [
      ['servicePoint:P2', 'plannedAnnounced', 'P2', first, id],
      ['servicePoint:P2', 'plannedChanged', 'P2', later, id],
      ['servicePoint:P2', 'plannedCancelled', 'P2', later, id],
    ])
    for (const { data } of own.notices()) {
      const text = data['text'] as Record<string, string>
      t.ok((text['en'] ?? '').length > 20 && (text['zh-CN'] ?? '').length > 8)
    }
    t.strictSame(neighbour.notices(), [])
  },
)
