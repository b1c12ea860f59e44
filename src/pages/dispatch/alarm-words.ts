import { computed, signal } from '@preact/signals'
import type { EpochMs } from '../../time.ts'
import { send, type Answer } from '../api.ts'
import { pageTime } from '../page-clock.ts'
import { presentState, type AlarmWord } from './network.ts'

/** What this desk said and the state does not know yet; the service keeps the words of all desks. */
const saidHere = signal<ReadonlyMap<string, AlarmWord>>(new Map())
/** Why what was said last was not kept. */
export const alarmProblem = signal<string | null>(null)

/** The last word about each alarm. Load alarms that were acknowledged by themselves have theirs in the state. */
const words = computed<ReadonlyMap<string, AlarmWord>>(() => {
  const all = new Map<string, AlarmWord>()
  const hear = (word: AlarmWord) => {
    const known = all.get(word.alarm)
    if (known === undefined || Date.parse(known.at) <= Date.parse(word.at))
      all.set(word.alarm, word)
  }
  for (const { id, acknowledgedAt } of presentState.value?.loadAlarms ?? []) {
    if (acknowledgedAt === null) continue
    const alarm = `load:${id}`
    const said = { alarm, at: acknowledgedAt, by: '', until: null, reason: null } as const
    hear({ ...said, kind: 'acknowledged' })
  }
  for (const word of presentState.value?.alarmWords ?? []) hear(word)
  for (const word of saidHere.value.values()) hear(word)
  return all
})

export const saidOf = (alarm: string): AlarmWord | undefined => words.value.get(alarm)

/** When somebody took it; undefined while nobody has. */
export function seenAt(alarm: string): EpochMs | undefined {
  const word = saidOf(alarm)
  return word?.kind === 'acknowledged' ? Date.parse(word.at) : undefined
}

/** Until when it is put aside; 0 where it is not. */
export function shelvedUntil(alarm: string): EpochMs {
  const word = saidOf(alarm)
  return word?.kind === 'shelved' ? Date.parse(word.until ?? '') : 0
}

function keep(word: AlarmWord): void {
  saidHere.value = new Map(saidHere.value).set(word.alarm, word)
}

/** Shown at once, and taken back where the service did not keep it. */
export async function acknowledge(alarm: string): Promise<void> {
  const by = { alarm, by: '', until: null, reason: null }
  keep({ ...by, at: new Date(pageTime()).toISOString(), kind: 'acknowledged' })
  const [, load] = /^load:(\d+)$/.exec(alarm) ?? []
  // A load alarm keeps in its own record who has seen it.
  if (load !== undefined) void send(`/api/v1/load-alarms/${load}/acknowledge`, {})
  hear(alarm, await send<AlarmWord>('/api/v1/alarms/acknowledge', { alarm }))
}

export async function shelve(
  alarm: string,
  until: EpochMs,
  reason: string,
): Promise<Answer<AlarmWord>> {
  const body = { alarm, until: new Date(until).toISOString(), reason }
  const answer = await send<AlarmWord>('/api/v1/alarms/shelve', body)
  if (answer.ok) keep(answer.value)
  return answer
}

export async function unshelve(alarm: string): Promise<void> {
  hear(alarm, await send<AlarmWord>('/api/v1/alarms/unshelve', { alarm }))
}

function hear(alarm: string, answer: Answer<AlarmWord>): void {
  alarmProblem.value = answer.ok ? null : answer.problem.detail || answer.problem.title
  if (answer.ok) return keep(answer.value)
  const rest = new Map(saidHere.value)
  rest.delete(alarm)
  saidHere.value = rest
}
