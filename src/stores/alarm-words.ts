import { toIso, type EpochMs } from '../time.ts'
import { instant, type Database, type Tx } from './database.ts'

/** What was said about an alarm: seen, put aside until a time, or taken back before that time. */
export type AlarmWord = {
  readonly alarm: string
  readonly at: EpochMs
  readonly by: string
} & (
  | { readonly kind: 'acknowledged' | 'unshelved'; readonly until: null; readonly reason: null }
  | { readonly kind: 'shelved'; readonly until: EpochMs; readonly reason: string }
)

/** The last word about each alarm since an instant, the newest first, as many as `limit`. */
export async function lastAlarmWords(
  db: Database,
  { since, limit }: { readonly since: EpochMs; readonly limit: number },
): Promise<AlarmWord[]> {
  const rows = await db
    .selectFrom((from) =>
      from
        .selectFrom('alarm_word')
        .selectAll()
        .distinctOn('alarm')
        .where('at', '>=', instant(since))
        .orderBy('alarm')
        .orderBy('id', 'desc')
        .as('last'),
    )
    .selectAll()
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map(wordOf)
}

export async function lastWordOf(db: Database, alarm: string): Promise<AlarmWord | undefined> {
  const row = await db
    .selectFrom('alarm_word')
    .selectAll()
    .where('alarm', '=', alarm)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && wordOf(row)
}

export async function saveAlarmWord(tx: Tx, word: AlarmWord): Promise<void> {
  await tx
    .insertInto('alarm_word')
    .values({
      alarm: word.alarm,
      at: toIso(word.at),
      kind: word.kind,
      until_at: word.until === null ? null : toIso(word.until),
      reason: word.reason,
      by_subject: word.by,
    })
    .execute()
}

function wordOf(row: {
  alarm: string
  at: EpochMs
  kind: AlarmWord['kind']
  until_at: EpochMs | null
  reason: string | null
  by_subject: string
}): AlarmWord {
  const { alarm, at, kind, until_at: until, reason, by_subject: by } = row
  return kind === 'shelved' && until !== null && reason !== null
    ? { alarm, at, by, kind, until, reason }
    : { alarm, at, by, kind: kind === 'shelved' ? 'unshelved' : kind, until: null, reason: null }
}
