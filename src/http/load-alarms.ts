import { Type } from 'typebox'
import { WATCH_KINDS } from '../balance/load-watch.ts'
import { composeAcknowledged } from '../notices/load.ts'
import { acknowledgeAlarm, listAlarms, type SavedAlarm } from '../stores/load-alarms.ts'
import { toIso, type EpochMs } from '../time.ts'
import { audit, someone } from './acting.ts'
import { LoadAlarmAnswer, LoadAlarmsAnswer } from './load-schemas.ts'
import {
  Cursor,
  decodeCursor,
  encodeCursor,
  Id,
  Limit,
  PAGE_SIZE,
  WhenText,
  queryWhen,
} from './params.ts'
import type { App, HttpParts } from './parts.ts'
import { badField, notFound, Problem } from './problem.ts'

const tags = ['dispatcher']

/** Load alarms as the watch raised them, and the dispatcher's acknowledgement. */
export async function loadAlarmRoutes(app: App, parts: HttpParts): Promise<void> {
  const { db, clock } = parts
  const { timeZone } = parts.settings

  app.get(
    '/api/v1/load-alarms',
    {
      schema: {
        tags,
        summary: 'Load alarms, the newest first: open ones, or all that lasted in [from, to)',
        querystring: Type.Object({
          state: Type.Optional(Type.Enum(['open', 'unacknowledged', 'all'], { default: 'open' })),
          kind: Type.Optional(Type.Enum(WATCH_KINDS)),
          feeder: Type.Optional(Id),
          point: Type.Optional(Id),
          from: Type.Optional(WhenText),
          to: Type.Optional(WhenText),
          cursor: Type.Optional(Cursor),
          limit: Type.Optional(Limit),
        }),
        response: { 200: LoadAlarmsAnswer },
      },
    },
    async ({ query }) => {
      const limit = query.limit ?? PAGE_SIZE
      const from = queryWhen('from', query.from, timeZone)
      const until = queryWhen('to', query.to, timeZone)
      if (from !== undefined && until !== undefined && until <= from) {
        throw badField({ in: 'query', at: '/to', says: 'must be after from' })
      }
      const place =
        query.cursor === undefined ? undefined : decodeCursor(query.cursor, ['number', 'number'])
      const found = await listAlarms(db, {
        state: query.state ?? 'open',
        kind: query.kind,
        feeder: query.feeder,
        point: query.point,
        from,
        until,
        before:
          place === undefined ? undefined : { confirmedAt: Number(place[0]), id: Number(place[1]) },
        limit: limit + 1,
      })
      const alarms = found.slice(0, limit)
      const last = alarms.at(-1)
      return {
        alarms: alarms.map(alarmView),
        nextCursor:
          found.length > limit && last !== undefined
            ? encodeCursor([last.confirmedAt, last.id])
            : null,
      }
    },
  )

  app.post(
    '/api/v1/load-alarms/:id/acknowledge',
    {
      schema: {
        tags,
        summary: 'Says that a dispatcher has seen an alarm; doing it twice is doing it once',
        params: Type.Object({ id: Type.String({ pattern: '^[1-9]\\d{0,14}$' }) }),
        body: Type.Object({}),
        response: { 200: LoadAlarmAnswer },
      },
    },
    async ({ params, identity }) => {
      const id = Number(params.id)
      const alarmNamed = async (): Promise<SavedAlarm> => {
        const [alarm] = await listAlarms(db, { state: 'all', id, limit: 1 })
        if (alarm === undefined) throw notFound('unknown-alarm', `no load alarm ${id}`)
        return alarm
      }
      const alarm = await alarmNamed()
      if (alarm.acknowledgedAt !== null) return alarmView(alarm)
      const by = someone(identity)
      const now = clock()
      if (parts.announce === undefined) {
        throw new Problem(503, 'no-engine', 'no engine is running that could keep this')
      }
      const moment = { at: now, settings: { noticeHoldS: 0, timeZone } }
      await parts.announce([composeAcknowledged(alarm, by.subject, moment)], async (tx) => {
        if (!(await acknowledgeAlarm(tx, id, { by: by.subject, at: now }))) return
        await audit(tx, by, now, 'load-alarm.acknowledge', `load alarm ${id}`, UNSEEN, {
          acknowledgedBy: by.subject,
        })
      })
      return alarmView(await alarmNamed())
    },
  )
}

const UNSEEN = { acknowledgedBy: null }

const isoOrNull = (when: EpochMs | null): string | null => (when === null ? null : toIso(when))

const alarmView = (alarm: SavedAlarm) => ({
  ...alarm,
  from: toIso(alarm.from),
  confirmedAt: toIso(alarm.confirmedAt),
  until: isoOrNull(alarm.until),
  acknowledgedAt: isoOrNull(alarm.acknowledgedAt),
})
