import type { LoadEpisode, LoadStateKind } from '../../src/balance/load-states.ts'
import type { EpochMs } from '../../src/time.ts'

type OpenAlarm = { readonly kind: LoadStateKind; readonly from: EpochMs }
type AlarmChange = {
  readonly raise: readonly LoadEpisode[]
  readonly clear: readonly { readonly kind: LoadStateKind; readonly until: EpochMs }[]
}

/**
 * What to raise and clear at one point, given what is open there: transitions only. Of several long overloads the one that
 * began first stands for all of them. An open alarm of which the samples no longer know is cleared at `asOf`.
 */
export function alarmChange(
  open: readonly OpenAlarm[],
  episodes: readonly LoadEpisode[],
  asOf: EpochMs,
  /** The sample before: what was confirmed only afterwards, between two samples, never was an alarm. */
  before = asOf,
): AlarmChange {
  const raise: LoadEpisode[] = []
  const clear: { kind: LoadStateKind; until: EpochMs }[] = []
  for (const kind of ['heavy', 'overload', 'longOverload'] as const) {
    const lasting = episodes.find((episode) => episode.kind === kind && episode.until === null)
    const alarm = open.find((each) => each.kind === kind)
    if (alarm === undefined) {
      if (lasting !== undefined) raise.push(lasting)
    } else if (lasting === undefined) {
      // Of several long overloads the alarm lasts as long as any of them.
      const ends = episodes.flatMap(({ kind: of, until, confirmedAt }) =>
        of === kind && until !== null && confirmedAt <= before ? [until] : [],
      )
      clear.push({ kind, until: ends.length === 0 ? asOf : Math.max(...ends) })
    }
  }
  return { raise, clear }
}
