import t from 'tap'
import { openTestDatabase } from './support/database.ts'
import { NOW, openFront, tokenFor } from './support/people.ts'

t.test('targets are set by name, stay apart by year and rulebook, and are audited', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database)
  const ask = async (method: string, url: string, payload?: object, role = 'planner' as const) =>
    front.ask(method, `/api/v1/${url}`, await tokenFor(role, [], NOW), payload)
  const set = (targets: object, more: object = {}) =>
    ask('PUT', 'targets', { year: 2026, ...more, targets })

  t.same((await ask('GET', 'targets?year=2026')).body, {
    year: 2026,
    rulebook: 'ieee1366',
    targets: {},
  })
  t.equal((await set({ SAIDI: 60, SAIFI: 0.9, 'CEMI-3': 0 })).status, 200)
  t.equal((await set({ 'ASAI-1': 99.9 }, { rulebook: 'dlt836' })).status, 200)
  t.equal((await set({ SAIDI: 55 }, { year: 2027 })).status, 200)
  t.same((await set({ SAIDI: 58.5, SAIFI: null })).body.targets, { 'CEMI-3': 0, SAIDI: 58.5 })
  t.same((await ask('GET', 'targets?year=2026')).body.targets, { 'CEMI-3': 0, SAIDI: 58.5 })
  t.same((await ask('GET', 'targets?year=2027')).body.targets, { SAIDI: 55 })
  t.same((await ask('GET', 'targets?year=2026&rulebook=dlt836')).body.targets, { 'ASAI-1': 99.9 })

  const audited = await database.db
    .selectFrom('audit')
    .select(['target', 'before', 'after'])
    .where('act', '=', 'targets.set')
    .orderBy('id')
    .execute()
  t.same(audited.at(-1), {
    target: 'ieee1366 2026',
    before: { 'CEMI-3': 0, SAIDI: 60, SAIFI: 0.9 },
    after: { 'CEMI-3': 0, SAIDI: 58.5 },
  })

  for (const [body, where] of [
    [{ year: 2026, targets: { SAIDY: 1 } }, '/targets/SAIDY'],
    [{ year: 2026, rulebook: 'dlt836', targets: { SAIDI: 1 } }, '/targets/SAIDI'],
    [{ year: 2026, targets: { SAIDI: -1 } }, '/targets/SAIDI'],
    [{ year: 2026, targets: {} }, '/targets'],
    [{ year: 99, targets: { SAIDI: 1 } }, '/year'],
  ] as const) {
    const refused = await ask('PUT', 'targets', body)
    t.equal(refused.status, 400, JSON.stringify(body))
    t.equal(refused.body.errors[0].at, where)
  }
  t.equal(audited.length, 4, 'what was refused is not in the audit')
})
