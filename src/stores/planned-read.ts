import { sql } from 'kysely'
import type { GroupCode } from '../ledger/facts.ts'
import type { CalendarEvent } from '../notices/calendar.ts'
import type { NoticeData } from '../notices/notice.ts'
import type { Language } from '../notices/words.ts'
import type { EpochMs } from '../time.ts'
import { instant, type Database } from './database.ts'

/** Works told of within this time before now are shown; a calendar keeps the past itself. */
export const PLANNED_LOOKBACK_DAYS = 400
export const PLANNED_EVENTS_MAX = 200

/** Planned interruptions of a supply group as customers were told last: what is in the calendar is what was announced. */
export async function readPlannedEvents(
  db: Database,
  group: GroupCode,
  language: Language,
  now: EpochMs,
): Promise<CalendarEvent[]> {
  const { rows } = await sql<{ kind: string; at: EpochMs; data: NoticeData; times: number }>`
    select distinct on (data ->> 'work') kind, at, data, count(*) over (partition by data ->> 'work') as times
    from notice
    where audience = 'customer' and kind in ('plannedAnnounced', 'plannedChanged', 'plannedCancelled')
      and at > ${instant(now)} - ${`${PLANNED_LOOKBACK_DAYS} days`}::interval
      and ${group} = any (members) and data ->> 'work' is not null
    order by data ->> 'work', seq desc
    limit ${PLANNED_EVENTS_MAX}`.execute(db)
  return rows.flatMap(({ kind, at, data, times }) => {
    const from = Date.parse(String(data['from']))
    const until = Date.parse(String(data['until']))
    if (Number.isNaN(from) || Number.isNaN(until)) return []
    return [
      {
        uid: `${String(data['work'])}@relight`,
        from,
        until,
        summary: language === 'en' ? 'Power off: planned work' : '计划停电',
        description: data.text[language],
        sequence: times - 1,
        toldAt: at,
        cancelled: kind === 'plannedCancelled',
      },
    ]
  })
}
