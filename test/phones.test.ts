import t from 'tap'
import { plainMe } from '../src/http/plain-me.ts'
import { plainOutages } from '../src/http/plain.ts'
import { messageOf, SMS_CHARS_MAX } from '../src/notices/message.ts'
import type { NoticeData, NoticeKind } from '../src/notices/notice.ts'
import { NO_PHONES } from '../src/notices/safety.ts'
import { readSettings } from '../src/settings.ts'
import { openTestDatabase } from './support/database.ts'
import { NOW, openFront, tokenFor } from './support/people.ts'

const PHONES = { utility: '+49 30 555-0', emergency: '112' }

t.test('the numbers of the environment: as people write them, and nothing else', async (t) => {
  const read = (more: Record<string, string>) => readSettings(more)
  t.match(read({ RELIGHT_PHONE: PHONES.utility, RELIGHT_EMERGENCY_PHONE: '112' }), {
    ok: true,
    settings: { phones: PHONES },
  })
  t.match(read({}), { settings: { phones: NO_PHONES } })
  t.match(read({ RELIGHT_PHONE: '"><script>', RELIGHT_EMERGENCY_PHONE: 'call us' }), {
    ok: false,
    faults: [{ name: 'RELIGHT_PHONE' }, { name: 'RELIGHT_EMERGENCY_PHONE' }],
  })
})

t.test('letters of loss and of return name them, in both languages; others do not', async (t) => {
  const data = (kind: NoticeKind): NoticeData => ({
    kind,
    outage: 'o1',
    startedAt: new Date(NOW).toISOString(),
    etr: null,
    customersOut: 1,
    text: { en: 'Your power is out since 13:00. No estimate yet.', 'zh-CN': '您家自13:00起停电。' },
  })
  const lost = messageOf(data('supplyLost'), 'en', [], PHONES)
  t.match(
    lost.text,
    /yet\. Fallen wire\? Stay at least 10 m away and call 112\. Our number: \+49 30 555-0\.$/,
  )
  t.ok(lost.short.length <= SMS_CHARS_MAX)
  t.equal(lost.subject, 'Your power is out since 13:00')
  t.match(
    messageOf(data('supplyLost'), 'zh-CN', [], PHONES).text,
    /停电。发现断线？请远离10米以上，并拨打112。供电服务电话：/,
  )
  t.match(messageOf(data('supplyRestored'), 'en', [], PHONES).text, /Our number/)
  t.notMatch(messageOf(data('supplyRestored'), 'en', [], PHONES).text, /wire/)
  for (const message of [
    messageOf(data('etrChanged'), 'en', [], PHONES),
    messageOf(data('supplyLost'), 'en'),
  ]) {
    t.equal(message.text, data('supplyLost').text.en)
  }
})

t.test('who reports a wire, and who reads a page, is told whom to call', async (t) => {
  const database = await openTestDatabase(t)
  const front = await openFront(t, database, { settings: { phones: PHONES } })
  const report = (hazard: boolean) =>
    tokenFor('customer', ['P1']).then((token) =>
      front.ask('POST', '/api/v1/me/reports', token, {
        servicePoint: 'P1',
        kind: 'noPower',
        hazard,
      }),
    )
  t.match((await report(true)).body.text, { en: /Call 112 now/, 'zh-CN': /请立即拨打112/ })
  t.notMatch((await report(false)).body.text.en, /112/)
  for (const [language, words] of [
    ['en', /call 112\..*\+49 30 555-0/],
    ['zh-CN', /拨打112。.*\+49 30 555-0/],
  ] as const) {
    t.match(await plainOutages(front.app, language, 'UTC', PHONES), words)
    const me = {
      at: new Date(NOW).toISOString(),
      servicePoints: [
        {
          id: 'P1',
          supply: 'off',
          probablyOff: null,
          since: null,
          etr: null,
          estimate: null,
          outage: { kind: 'unplanned', cause: null, crew: null, customersOut: 3 },
          plannedWork: [],
          history: { interruptions: [] },
        },
      ],
    } as unknown as Parameters<typeof plainMe>[0]
    t.match(plainMe(me, { language, timeZone: 'UTC', phones: PHONES }), words)
  }
  t.match(await plainOutages(front.app, 'en', 'UTC', NO_PHONES), /call the emergency number/)
})
