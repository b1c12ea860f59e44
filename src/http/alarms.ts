import { Type } from 'typebox'
import { composeAlarm } from '../notices/alarm.ts'
import { lastWordOf, saveAlarmWord, type AlarmWord } from '../stores/alarm-words.ts'
import { MS_PER_DAY, toIso } from '../time.ts'
import { audit, someone } from './acting.ts'
import { InstantText, instantOf, LineText } from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField, Problem } from './problem.ts'
import { described } from './schemas.ts'

const tags = ['dispatcher']
/** Put aside for longer, an alarm would be forgotten by the shift that comes next. */
const SHELVED_MAX_MS = MS_PER_DAY

const Alarm = Type.String({
  minLength: 1,
  maxLength: 200,
  pattern: '^[^\\s\\p{C}]+$',
  description: 'what the alarm is about, as the console names it: unattended:…, passed:…, load:…',
})
const Word = Type.Object({
  alarm: Type.String(),
  at: Type.String(),
  by: Type.String(),
  kind: Type.Enum(['acknowledged', 'shelved', 'unshelved']),
  until: Type.Union([Type.String(), Type.Null()]),
  reason: Type.Union([Type.String(), Type.Null()]),
})

/** An alarm is seen, put aside for a time and a reason, or taken back; every desk learns of it. */
export async function alarmRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts

  async function say(
    word: AlarmWord,
    by: ReturnType<typeof someone>,
    before: AlarmWord | undefined,
  ) {
    if (parts.announce === undefined) {
      throw new Problem(503, 'no-engine', 'no engine is running that could keep this')
    }
    const moment = { at: word.at, settings: { noticeHoldS: 0, timeZone: parts.settings.timeZone } }
    await parts.announce([composeAlarm(word, moment)], async (tx) => {
      await saveAlarmWord(tx, word)
      await audit(tx, by, word.at, `alarm.${word.kind}`, word.alarm, before ?? null, word)
    })
    return alarmWordView(word)
  }

  const isShelvedNow = (word: AlarmWord | undefined): boolean =>
    word?.kind === 'shelved' && word.until > clock()

  app.post(
    '/api/v1/alarms/acknowledge',
    {
      schema: {
        tags,
        summary: 'Says that a dispatcher has seen an alarm; doing it twice is doing it once',
        body: Type.Object({ alarm: Alarm }),
        response: { 200: described(Word) },
      },
    },
    async ({ body: { alarm }, identity }) => {
      const before = await lastWordOf(db, alarm)
      if (before?.kind === 'acknowledged') return alarmWordView(before)
      const by = someone(identity)
      const word = { alarm, at: clock(), by: by.subject, until: null, reason: null } as const
      return say({ ...word, kind: 'acknowledged' }, by, before)
    },
  )

  app.post(
    '/api/v1/alarms/shelve',
    {
      schema: {
        tags,
        summary:
          'Puts an alarm aside until a time, a day at most, for a reason; then it shouts again',
        body: Type.Object({ alarm: Alarm, until: InstantText, reason: LineText(200) }),
        response: { 200: described(Word) },
      },
    },
    async ({ body, identity }) => {
      const by = someone(identity)
      const at = clock()
      const until = instantOf('/until', body.until)
      if (until <= at) throw badField({ in: 'body', at: '/until', says: 'must lie in the future' })
      if (until > at + SHELVED_MAX_MS) {
        throw badField({ in: 'body', at: '/until', says: 'must lie within a day from now' })
      }
      const { alarm, reason } = body
      const before = await lastWordOf(db, alarm)
      return say({ alarm, at, by: by.subject, kind: 'shelved', until, reason }, by, before)
    },
  )

  app.post(
    '/api/v1/alarms/unshelve',
    {
      schema: {
        tags,
        summary: 'Takes back an alarm that was put aside: it shouts again',
        body: Type.Object({ alarm: Alarm }),
        response: { 200: described(Word) },
      },
    },
    async ({ body: { alarm }, identity }) => {
      const by = someone(identity)
      const before = await lastWordOf(db, alarm)
      if (!isShelvedNow(before)) {
        throw new Problem(409, 'not-shelved', `alarm ${alarm} is not put aside`)
      }
      const word = { alarm, at: clock(), by: by.subject, until: null, reason: null } as const
      return say({ ...word, kind: 'unshelved' }, by, before)
    },
  )
}

export const alarmWordView = ({ alarm, at, by, kind, until, reason }: AlarmWord) => ({
  alarm,
  at: toIso(at),
  by,
  kind,
  until: until === null ? null : toIso(until),
  reason,
})
