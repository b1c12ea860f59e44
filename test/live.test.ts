import t from 'tap'
import { openTestDatabase } from './support/database.ts'
import { commit, GROUP, notice, openFront, tokenFor } from './support/people.ts'

t.test('a customer hears about their own service point, and the neighbour hears nothing', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, { follow: true })
  const one = await front.listen(await tokenFor('customer', ['P1']))
  const neighbour = await front.listen(await tokenFor('customer', ['P4']))
  await one.subscribe(['servicePoint:P1'])
  await neighbour.subscribe(['servicePoint:P4'])
  await commit(database.db, [notice(3, { audience: 'customer', members: [GROUP.P1] })])
  await one.until('the notice', () => one.notices().length > 0)
  t.match(one.notices(), [
    {
      v: 1,
      type: 'notice',
      seq: 3,
      topic: 'servicePoint:P1',
      data: { kind: 'supplyLost', servicePoints: ['P1'], text: { 'zh-CN': '通知 3' } },
    },
  ])
  await neighbour.settle()
  t.same(neighbour.notices(), [])
})
